"""A hostile origin: plays a list of steps on each connection, and records what it was sent."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from attrs import define, field, frozen

from .framing import BrokenError, Delivered, End, Fields, Stream, read_body, read_fields
from .sockets import Wire

__all__ = [
    "Connection",
    "Origin",
    "Request",
    "Step",
    "drip",
    "fin",
    "flood",
    "head",
    "pause",
    "request",
    "rst",
    "seen",
    "send",
    "stall",
]

# What a client of a test may take to receive what was sent; only a forward that holds it back reaches this.
_PATIENCE = 3.0


@frozen
class Request:
    """One request as it came.

    Attributes:
        line: the request line.
        headers: the field lines in order.
        body: what came of the body, without its framing.
        end: how the body ended.
    """

    line: bytes
    headers: Fields
    body: bytes = b""
    end: End = End.COMPLETE

    def values(self, name: str) -> list[bytes]:
        """All values of a header field."""
        return [value for key, value in self.headers if key.lower() == name.lower().encode()]


@define
class Connection:
    """One connection from a client, or from the forward.

    Attributes:
        requests: what was sent on it, also when it broke off.
        gone: how the client left; None while it is there.
    """

    wire: Wire
    stream: Stream
    delivered: Delivered
    requests: list[Request] = field(factory=list)
    gone: End | None = None


Step = Callable[[Connection], Awaitable[None]]
Script = Sequence[Step]


@define
class Origin:
    """Listens on a port of 127.0.0.1; the n-th connection plays the n-th script, later ones the last.

    Attributes:
        connections: every connection so far.
        delivered: how much of the response the client has received; the client writes it down here.
    """

    scripts: tuple[Script, ...]
    listens: bool = True
    connections: list[Connection] = field(factory=list)
    delivered: Delivered = field(factory=Delivered)
    port: int = field(init=False, default=0)
    _socket: socket.socket = field(init=False, factory=socket.socket)
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)

    async def __aenter__(self) -> Self:
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        if self.listens:
            self._socket.listen()
            self._start(self._accept())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    @property
    def requests(self) -> list[Request]:
        """Every request on every connection."""
        return [request for connection in self.connections for request in connection.requests]

    def _start(self, work: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    async def _accept(self) -> None:
        while True:
            end, _ = await asyncio.get_running_loop().sock_accept(self._socket)
            end.setblocking(False)
            wire = Wire(end)
            script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
            self.connections.append(Connection(wire, Stream(wire.receive), self.delivered))
            self._start(_play(self.connections[-1], script))


async def _play(connection: Connection, script: Script) -> None:
    """Play the steps, then wait for the client to go."""
    try:
        for step in (*script, stall):
            await step(connection)
    except BrokenError as error:
        connection.gone = error.end
    except (BrokenPipeError, ConnectionResetError):
        connection.gone = End.RESET
    finally:
        connection.wire.close()


async def head(connection: Connection) -> None:
    """Read the head of a request."""
    line = await connection.stream.line()
    connection.requests.append(Request(line, await read_fields(connection.stream)))


async def request(connection: Connection) -> None:
    """Read a request."""
    await head(connection)
    asked = connection.requests.pop()
    body = bytearray()
    try:
        await read_body(connection.stream, asked.headers, body, to_end=False)
    except BrokenError as error:
        connection.requests.append(Request(asked.line, asked.headers, bytes(body), error.end))
        raise
    connection.requests.append(Request(asked.line, asked.headers, bytes(body)))


def send(*pieces: bytes) -> Step:
    """Send bytes."""

    async def step(connection: Connection) -> None:
        await connection.wire.send(b"".join(pieces))

    return step


def drip(data: bytes, gap: float = 0.0) -> Step:
    """Send bytes one at a time, `gap` seconds apart."""

    async def step(connection: Connection) -> None:
        for byte in data:
            await connection.wire.send(bytes([byte]))
            await asyncio.sleep(gap)

    return step


def flood(data: bytes, gap: float = 0.0) -> Step:
    """Send the same bytes over and over until the client goes."""

    async def step(connection: Connection) -> None:
        while True:
            await connection.wire.send(data)
            await asyncio.sleep(gap)

    return step


def pause(seconds: float) -> Step:
    """Wait."""

    async def step(_: Connection) -> None:
        await asyncio.sleep(seconds)

    return step


def seen(size: int) -> Step:
    """Wait until the client has the head and this much of the body: what follows cannot overtake them."""

    async def step(connection: Connection) -> None:
        deadline = time.monotonic() + _PATIENCE
        delivered = connection.delivered
        while not (delivered.head and len(delivered.body) >= size) and time.monotonic() < deadline:
            await asyncio.sleep(0.001)

    return step


async def fin(connection: Connection) -> None:
    """Send FIN, and go on reading."""
    connection.wire.fin()


async def rst(connection: Connection) -> None:
    """Reset the connection."""
    connection.wire.rst()
    raise BrokenError(End.RESET)


async def stall(connection: Connection) -> None:
    """Say nothing until the client goes."""
    while True:
        connection.stream.buffer.clear()
        await connection.stream.fill()
