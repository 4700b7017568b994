"""A client that sends exact bytes, and reports exactly what came back and how it ended."""

import asyncio
import re
import socket

from attrs import define, field, frozen

from .framing import BrokenError, Delivered, End, Fields, Source, Stream, read_body, read_fields
from .sockets import Wire

__all__ = ["DEADLINE", "Client", "Outcome", "ResponseReader"]

# A loopback answer takes milliseconds; only a hang reaches this.
DEADLINE = 10.0
_STATUS_LINE = re.compile(
    rb"(HTTP/1\.[01]) ([0-9]{3})(?: ([\t\x20-\x7e\x80-\xff]*))?"
)  # (RFC 9112, section 4)


@frozen
class Outcome:
    """What one request came to.

    Attributes:
        end: how the response ended.
        version, status, reason: the status line; status 0 when none came.
        headers: the field lines in order, names as they were written.
        body: what came of it, without its framing.
        trailers: the field lines behind a chunked body.
        interim: the statuses of 1xx responses before.
        extra: what had come behind the end.
    """

    end: End
    version: bytes = b""
    status: int = 0
    reason: bytes = b""
    headers: Fields = ()
    body: bytes = field(default=b"", repr=lambda body: f"{len(body)}:{body[:80]!r}")
    trailers: Fields = ()
    interim: tuple[int, ...] = ()
    extra: bytes = b""

    @property
    def broken(self) -> bool:
        """Whether no client can take it for a complete response."""
        return self.end is not End.COMPLETE

    def values(self, name: str) -> list[bytes]:
        """All values of a header field."""
        return [value for key, value in self.headers if key.lower() == name.lower().encode()]


@define
class ResponseReader:
    """Reads responses off a stream, one after the other.

    Attributes:
        delivered: how much of the current response has come.
    """

    stream: Stream
    delivered: Delivered = field(factory=Delivered)
    _head: tuple[bytes, int, bytes] = (b"", 0, b"")
    _headers: Fields = ()
    _interim: tuple[int, ...] = ()

    async def read(self, method: str = "GET") -> Outcome:
        """Read one response to a request with this method."""
        self.delivered.head = False
        self.delivered.body.clear()
        self._head, self._headers, self._interim = (b"", 0, b""), (), ()
        try:
            trailers = await self._message(method)
        except BrokenError as error:
            return self._outcome(error.end)
        return self._outcome(End.COMPLETE, trailers)

    async def _message(self, method: str) -> Fields:
        while True:
            self._head = _status_line(await self.stream.line())
            self._headers = await read_fields(self.stream)
            status = self._head[1]
            # Nobody asked for another protocol (RFC 9110, section 15.2.2).
            if status == 101:
                raise BrokenError(End.MALFORMED, "unasked upgrade")
            if status >= 200:
                break
            self._interim += (status,)
        self.delivered.head = True
        if method == "HEAD" or status in (204, 304):  # (RFC 9112, section 6.3, rule 1)
            return ()
        return await read_body(self.stream, self._headers, self.delivered.body, to_end=True)

    def _outcome(self, end: End, trailers: Fields = ()) -> Outcome:
        extra = bytes(self.stream.buffer) if end is End.COMPLETE else b""
        return Outcome(
            end, *self._head, self._headers, bytes(self.delivered.body), trailers, self._interim, extra
        )


def _status_line(line: bytes) -> tuple[bytes, int, bytes]:
    if not (found := _STATUS_LINE.fullmatch(line)) or found[2] < b"100":
        raise BrokenError(End.MALFORMED, f"status line {line[:80]!r}")
    return found[1], int(found[2]), found[3] or b""


@define
class Client:
    """One connection.

    Attributes:
        patience: seconds without a byte that count as a stall.
        delivered: how much of the current response has come.
        reader: reads what comes back.
    """

    wire: Wire
    patience: float = DEADLINE
    delivered: Delivered = field(factory=Delivered)
    reader: ResponseReader = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reader = ResponseReader(Stream(self._source()), self.delivered)

    @classmethod
    async def connect(
        cls, port: int, patience: float = DEADLINE, delivered: Delivered | None = None
    ) -> "Client":
        """Connect to a port on 127.0.0.1; `delivered` then tells how much of a response has come."""
        end = socket.socket()
        end.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
        except OSError:
            end.close()
            raise
        return cls(Wire(end), patience, delivered or Delivered())

    async def send(self, *pieces: bytes, gap: float = 0.0) -> None:
        """Send the pieces, `gap` seconds apart; a server that stops reading or goes ends it."""
        try:
            for piece in pieces:
                await self.wire.send(piece)
                await asyncio.sleep(gap)
        except (BrokenPipeError, ConnectionResetError):
            return

    async def read(self, method: str = "GET") -> Outcome:
        """Read the next response."""
        return await self.reader.read(method)

    async def rest(self) -> tuple[bytes, End]:
        """All that still comes, and how it ends: CUT after FIN, RESET or STALLED."""
        stream = self.reader.stream
        try:
            while True:
                await stream.fill()
        except BrokenError as error:
            return bytes(stream.buffer), error.end

    def fin(self) -> None:
        """Send FIN, and go on receiving."""
        self.wire.fin()

    def rst(self) -> None:
        """Reset the connection."""
        self.wire.rst()

    def close(self) -> None:
        """Close it, whatever is still to come."""
        self.wire.close()

    def _source(self) -> Source:
        async def receive() -> bytes:
            coming = asyncio.ensure_future(self.wire.receive())
            try:
                # In halves: a pause of the whole process, origin included, spends only one of them.
                for _ in range(2):
                    if (await asyncio.wait([coming], timeout=self.patience / 2))[0]:
                        return await coming
                raise TimeoutError
            finally:
                coming.cancel()

        return receive
