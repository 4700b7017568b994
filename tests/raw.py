"""A client that sends exact bytes and shows exact answers; it hides nothing and mends nothing."""

import asyncio

from attrs import field, frozen
from multidict import CIMultiDict

# A loopback answer takes milliseconds; only a hang reaches this.
DEADLINE = 10.0


@frozen
class RawAnswer:
    """One response as it stood on the wire.

    Attributes:
        status: status code.
        headers: every line, in order.
        body: bytes that belong to it.
        complete: False when the connection ended before Content-Length was reached.
    """

    status: int
    headers: CIMultiDict[str] = field(factory=CIMultiDict)
    body: bytes = b""
    complete: bool = True


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, host: str, port: int) -> "RawClient":
        """Open a connection."""
        return cls(*await asyncio.open_connection(host, port))

    async def close(self) -> None:
        """Close it, whatever is still to come."""
        self.writer.close()

    def send(self, data: bytes) -> None:
        """Queue bytes for sending."""
        self.writer.write(data)

    async def ask(self, method: str, target: str, *lines: str, host: str = "127.0.0.1") -> RawAnswer:
        """Send a request without a body and read its answer."""
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines]
        self.send("\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape"))
        return await self.answer(head_only=method == "HEAD")

    async def answer(self, *, head_only: bool = False) -> RawAnswer:
        """Read one response."""
        head = await self.head()
        if head_only or head.status in (204, 304):
            return head
        return await self.body(head)

    async def head(self) -> RawAnswer:
        """Read the head of a response, and leave its body on the way."""
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head[:-4].decode("latin-1").split("\r\n")
        headers = CIMultiDict(
            (name, value.strip()) for name, _, value in (line.partition(":") for line in lines)
        )
        return RawAnswer(int(status_line.split(" ", 2)[1]), headers)

    async def body(self, head: RawAnswer) -> RawAnswer:
        """Read the body that follows a head."""
        async with asyncio.timeout(DEADLINE):
            try:
                body = await self.reader.readexactly(int(head.headers["Content-Length"]))
            except asyncio.IncompleteReadError as error:
                return RawAnswer(head.status, head.headers, error.partial, complete=False)
            except ConnectionResetError:
                return RawAnswer(head.status, head.headers, complete=False)
        return RawAnswer(head.status, head.headers, body)

    async def at_end(self) -> bool:
        """Whether the server closes the connection without sending more."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True
