"""The body of a request on its way upstream: streamed, and its beginning kept for a redirect."""

from collections.abc import AsyncIterator, Callable

from aiohttp import StreamReader
from attrs import field, mutable

__all__ = ["MAX_KEPT", "RequestBody"]

# A 307 or 308 asks for the same body again; a page cannot send it twice, and memory is not for uploads.
MAX_KEPT = 1024 * 1024


@mutable
class RequestBody:
    """A body that can be sent again while what was read of it is at most MAX_KEPT.

    Attributes:
        content: what the page sends.
        length: its bytes, None when it is chunked.
        invite: asks the page for it, where the page waits for that (RFC 9110, section 10.1.1): not before
            upstream is there to take it, so that a refusal costs no upload.
    """

    content: StreamReader
    length: int | None
    invite: Callable[[], None] | None = None
    _kept: bytearray | None = field(factory=bytearray, init=False)

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent from its beginning."""
        return self._kept is not None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body from its beginning: what was kept, then what is still to come."""
        if self._kept:
            yield bytes(self._kept)
        if self.invite is not None:
            self.invite()
            self.invite = None
        while piece := await self.content.readany():
            if self._kept is not None:
                if len(self._kept) + len(piece) > MAX_KEPT:
                    self._kept = None
                else:
                    self._kept += piece
            yield piece
