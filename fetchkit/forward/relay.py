"""Passes the body of an answer on, as it comes; what breaks upstream breaks downstream.

The rule, for every way a body can fail after the head is sent (reset, early end, bad chunk, stall):
the page's body is cut. It is never ended cleanly and never followed by text, and the connection
carries nothing more. Where the framing shows the cut (Content-Length, chunked) the bytes so far
still arrive and the connection is closed; where the close itself is the end of the body (towards
HTTP/1.0) only a reset tells the difference.

Back-pressure: a piece is read from upstream only when the one before has been taken by the page's
connection, and aiohttp stops reading upstream when its own buffer (64 KiB) is full.
"""

import aiohttp
from aiohttp import HttpVersion10, web

from fetchkit.forward.cache.hop import StoredResponse
from fetchkit.forward.exchange import Tee, UpstreamResponse
from fetchkit.web.endings import reset
from fetchkit.web.prebuilt import PrebuiltResponse

__all__ = ["GONE", "BodyBrokenError", "RelayResponse"]

GONE = "the client left"


class BodyBrokenError(Exception):
    """The upstream body ended before its end."""


class RelayResponse(PrebuiltResponse):
    """An answer from upstream; written, and broken where upstream breaks.

    Attributes:
        failure: why the body was cut; empty when it was whole.
    """

    def __init__(
        self,
        status_line: bytes,
        head: bytes,
        upstream: UpstreamResponse | StoredResponse,
        *,
        length: int | None,
        bodiless: bool,
        dated: bool,
    ) -> None:
        """Take over the body of `upstream`.

        Args:
            status_line: with the upstream's own reason phrase.
            head: all fields but framing.
            upstream: the answer.
            length: bytes of the body, None when upstream did not say.
            bodiless: there is none, by the method or the status (RFC 9110, section 6.4.1).
            dated: upstream sent a Date.
        """
        super().__init__(upstream.status, status_line + head, dated=not dated)
        self.failure = ""
        self._upstream = upstream
        self._length = length
        self._bodiless = bodiless

    async def relay(self, request: web.BaseRequest) -> None:
        """Write head and body, while the connection to upstream is held; cut what cannot be finished."""
        chunked = self._length is None and not self._bodiless and request.version != HttpVersion10
        closes = self._length is None and not self._bodiless and not chunked
        if closes:
            self.force_close()
        if chunked:
            self._head += b"Transfer-Encoding: chunked\r\n"
        head = self._lines(request)
        try:
            if self._bodiless:
                await request.writer.write_eof(head)
            else:
                await self._relay_body(request, head, chunked=chunked)
        except BodyBrokenError as error:
            self.failure = str(error)
            _cut(request, framed=not closes)
        except ConnectionError:
            self.failure = GONE

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002  aiohttp's signature
        """Nothing is left to write; tell aiohttp when the connection must not be used again."""
        if self.failure:
            raise ConnectionResetError(self.failure)

    async def _relay_body(self, request: web.BaseRequest, head: bytes, *, chunked: bool) -> None:
        if isinstance(self._upstream, StoredResponse):
            await self._relay_stored(request, head, self._upstream)
            return
        content, writer, tee = self._upstream.content, request.writer, self._upstream.tee
        # What came in one segment with the head leaves in one segment with it.
        piece = b"" if content.exception() else content.read_nowait(-1)
        self._sent = len(piece)
        whole = content.is_eof() and not content.exception() and self._is_whole(self._upstream)
        if tee is not None:
            await _tee(tee, piece, whole=whole or self._sent == self._length)
        if whole and not chunked:
            await writer.write_eof(head + piece)
        else:
            await writer.write(head if chunked else head + piece)
            if chunked:
                writer.enable_chunking()
                if piece:
                    await writer.write(piece)
            while piece := await self._next(self._upstream):
                if tee is not None:
                    await _tee(tee, piece, whole=self._sent + len(piece) == self._length)
                await writer.write(piece)
                self._sent += len(piece)
            if tee is not None:
                await _tee(tee, b"", whole=True)
            await writer.write_eof()

    async def _relay_stored(self, request: web.BaseRequest, head: bytes, stored: StoredResponse) -> None:
        await request.writer.write(head)
        try:
            for piece in stored.hit.pieces():
                await request.writer.write(piece)
                self._sent += len(piece)
        except ConnectionError:
            raise
        except OSError as error:
            raise BodyBrokenError(f"the cache failed: {error}") from error
        await request.writer.write_eof()

    async def _next(self, upstream: UpstreamResponse) -> bytes:
        """The next piece, empty at the end.

        Raises:
            BodyBrokenError: there will be no end.
        """
        try:
            piece = await upstream.next_piece()
        except TimeoutError as error:
            raise BodyBrokenError("upstream sent nothing for too long") from error
        except (aiohttp.ClientError, OSError) as error:
            raise BodyBrokenError(str(error) or "the connection to upstream broke") from error
        if not piece and not self._is_whole(upstream):
            raise BodyBrokenError("the connection to upstream broke")
        return piece

    def _is_whole(self, upstream: UpstreamResponse) -> bool:
        """Whether what ended is the whole body."""
        if self._length is not None:
            return self._sent == self._length
        return not upstream.was_reset


async def _tee(tee: Tee, piece: bytes, *, whole: bool) -> None:
    """Store a piece, and the body before the page has all of it: what it asks for next finds it stored."""
    tee.write(piece)
    if whole:
        await tee.commit()


def _cut(request: web.BaseRequest, *, framed: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    if framed:
        transport.close()  # what is buffered still leaves
        return
    reset(transport)
