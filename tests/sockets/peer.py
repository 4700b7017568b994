"""A page of exact frames before an application on a real socket, and the TCP server behind it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

from aiohttp import web
from attrs import field, mutable

from fetchkit.events import Answered, Event
from fetchkit.web.protocol import connection_factory
from tests.files.support import eventually, recorded
from tests.forward.test_websocket import BINARY, CLOSE, HANDSHAKE, Peer
from tests.raw import DEADLINE, RawAnswer, RawClient
from tests.wire.sockets import Wire

__all__ = ["Far", "Served", "closed", "joined"]


@mutable(eq=False)
class Served:
    """An application on a port of loopback, as the server runs it.

    Attributes:
        app: the application.
        cancels: whether a handler is cancelled when its page leaves, as the server has it.
    """

    app: web.Application
    cancels: bool = True
    port: int = 0
    events: list[Event] = field(factory=list)
    runner: web.AppRunner | None = None
    _server: AsyncExitStack = field(factory=AsyncExitStack)
    _clients: AsyncExitStack = field(factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        self.events = recorded(self.app)
        runner = web.AppRunner(self.app, shutdown_timeout=1.0, handler_cancellation=self.cancels)
        self.runner = runner
        await runner.setup()
        self._server.push_async_callback(runner.cleanup)
        factory = connection_factory(runner)
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
        self._server.callback(server.close)
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clients.aclose()
        await self.stop()

    async def stop(self) -> None:
        """Stop as the server does."""
        await self._server.aclose()

    async def page(self, target: str, *lines: str, protocol: str | None = "binary") -> Peer:
        """A page whose handshake was accepted."""
        answer, client = await self.shake(target, *lines, protocol=protocol)
        assert answer.status == 101, (answer, await client.body(answer))
        head = "\r\n".join(["", *(f"{name}: {value}" for name, value in answer.headers.items())])
        peer = Peer(head, client.reader, client.writer, masks=True)
        self._clients.callback(client.writer.transport.abort)
        return peer

    async def shake(
        self, target: str, *lines: str, protocol: str | None = "binary"
    ) -> tuple[RawAnswer, RawClient]:
        """Send a handshake; returns the head of what it is answered with."""
        client = await RawClient.connect("127.0.0.1", self.port)
        self._clients.push_async_callback(client.close)
        offered = [] if protocol is None else [f"Sec-WebSocket-Protocol: {protocol}"]
        host = [] if any(line.startswith("Host:") for line in lines) else [f"Host: 127.0.0.1:{self.port}"]
        head = [f"GET {target} HTTP/1.1", *host, *HANDSHAKE, *offered, *lines]
        client.send("\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape"))
        return await client.head(), client

    async def refusal(self, target: str, *lines: str, protocol: str | None = "binary") -> RawAnswer:
        """Send a handshake that is refused; returns the whole answer."""
        head, client = await self.shake(target, *lines, protocol=protocol)
        assert head.status != 101
        return await client.body(head)

    @property
    def connections(self) -> int:
        """How many connections aiohttp knows of."""
        assert self.runner is not None
        assert self.runner.server is not None
        return len(self.runner.server.connections)

    async def answered(self) -> Answered:
        """The line of the access log, once it is there."""
        await eventually(lambda: any(isinstance(event, Answered) for event in self.events), "an answer")
        return next(event for event in self.events if isinstance(event, Answered))


@mutable(eq=False)
class Far:
    """A TCP server that waits for connections one by one."""

    listener: socket.socket

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str = "127.0.0.1") -> AsyncIterator["Far"]:
        """Listen on any port of an address."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.create_server((address, 0), family=family) as listener:
            listener.setblocking(False)
            yield cls(listener)

    async def accept(self) -> Wire:
        """The next connection."""
        async with asyncio.timeout(DEADLINE):
            accepted, _ = await asyncio.get_running_loop().sock_accept(self.listener)
        accepted.setblocking(False)
        return Wire(accepted)


async def joined(wire: Wire, size: int) -> bytes:
    """So many bytes, or what there is before FIN."""
    found = bytearray()
    async with asyncio.timeout(DEADLINE):
        while len(found) < size and (data := await wire.receive()):
            found += data
    return bytes(found)


async def closed(page: Peer) -> tuple[bytes, bytes]:
    """Everything that a page gets until the close frame, and that one's payload; it is answered."""
    data = bytearray()
    while True:
        opcode, payload = await page.read()
        if opcode == CLOSE:
            await page.send(CLOSE, payload)
            return bytes(data), payload
        assert opcode == BINARY
        data += payload
