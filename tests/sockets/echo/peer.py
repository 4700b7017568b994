"""A page that also shows how messages were fragmented, and how the connection ended."""

import asyncio
from typing import NamedTuple

from attrs import mutable

from tests.forward.test_websocket import CONTINUATION, Peer
from tests.raw import DEADLINE
from tests.sockets.peer import Served

__all__ = ["Fragment", "Page", "open_page"]


class Fragment(NamedTuple):
    """One frame of the server."""

    opcode: int
    payload: bytes
    final: bool = True


@mutable(eq=False)
class Page(Peer):
    """One connection."""

    async def fragment(self) -> Fragment:
        """The next frame."""
        async with asyncio.timeout(DEADLINE):
            first, size = await self.reader.readexactly(2)
            assert not first & 0x70, hex(first)
            assert not size & 0x80, "a server does not mask"
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            payload = await self.reader.readexactly(size)
        return Fragment(first & 0x0F, payload, bool(first & 0x80))

    async def message(self) -> tuple[int, bytes]:
        """The next message, put together."""
        first = last = await self.fragment()
        payload = bytearray(first.payload)
        while not last.final:
            last = await self.fragment()
            assert last.opcode == CONTINUATION
            payload += last.payload
        return first.opcode, bytes(payload)

    async def end(self) -> str:
        """How the connection ends, without another frame: `fin` or `reset`."""
        async with asyncio.timeout(DEADLINE):
            try:
                rest = await self.reader.read(1)
            except ConnectionResetError:
                return "reset"
        assert rest == b"", rest
        return "fin"


async def open_page(served: Served, target: str, *lines: str, protocol: str | None = None) -> Page:
    """A page whose handshake was accepted."""
    peer = await served.page(target, *lines, protocol=protocol)
    return Page(peer.head, peer.reader, peer.writer, masks=True)
