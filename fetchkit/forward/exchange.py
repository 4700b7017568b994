"""One request and its answer on one connection of aiohttp's pool.

aiohttp's `ClientSession.request` costs more than everything else that a forwarded request does: it
builds a request, a payload, a response and a cookie jar's question for each. Here the head is
written as bytes, and the parser's message is taken as it is. What the session would do besides is
owed here: interim answers are passed over, a connection that the server has closed meanwhile is
tried again on another where that is safe, and HEAD has no body.

The names used below the session (`TCPConnector.connect`, `ResponseHandler.set_response_params`,
`.read`, `.closed`) are not in aiohttp's documentation; `tests/wire` holds them.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol

import aiohttp
from aiohttp import StreamReader, hdrs, web_protocol
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import StreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from attrs import field, frozen, mutable
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.errors import BadGatewayError, BadRequestError
from fetchkit.forward.failures import HeadTimeoutError, UploadTimeoutError, failure
from fetchkit.forward.limits import MAX_FIELD, MAX_FIELDS
from fetchkit.forward.rules import ForwardUrl
from fetchkit.forward.servers import Server, Upstream
from fetchkit.forward.watchdog import Watchdog
from fetchkit.net.dial import Asked

__all__ = ["MAX_FIELD", "MAX_FIELDS", "Exchange", "Tee", "UpstreamResponse", "exchanging"]

# Methods that may be sent twice (RFC 9110, section 9.2.2).
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_CLIENT_ERRORS = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, ValueError)


class _StaleConnectionError(Exception):
    """A connection of the pool that cannot be used any more; nothing was sent on it."""


@frozen
class Exchange:
    """One request to one server.

    Attributes:
        method: request method.
        url: where it goes.
        headers: all fields but Host and framing.
        body: pieces to send, or None.
        length: bytes of the body, None to send it chunked.
    """

    method: str
    url: ForwardUrl
    headers: CIMultiDict[str]
    body: AsyncIterator[bytes] | None = None
    length: int | None = None


class Tee(Protocol):
    """Where the body goes besides the page; never fails, never slows it."""

    def write(self, piece: bytes) -> None:
        """Take the next piece."""

    async def commit(self) -> bool:
        """The body came whole."""

    def abort(self) -> None:
        """It did not; without effect after `commit`."""


@mutable(eq=False)
class UpstreamResponse:
    """An answer; its body is still to be read from `content`.

    Attributes:
        status: status code.
        reason: reason phrase.
        headers: as received.
        content: the body; auto-decompression is off.
        tee: where the body goes besides.
    """

    status: int
    reason: str
    headers: CIMultiDictProxy[str]
    content: StreamReader
    _lost: "asyncio.Future[None] | None"
    _watchdog: Watchdog | None = None
    tee: Tee | None = None

    async def next_piece(self) -> bytes:
        """What came since the last call, waiting for something; empty at the end.

        Raises:
            aiohttp.ClientError, TimeoutError, OSError: the body is broken.
        """
        if self._watchdog is None:
            return await self.content.readany()
        self._watchdog.begin()
        try:
            return await self.content.readany()
        finally:
            self._watchdog.end()

    @property
    def length(self) -> int | None:
        """Bytes of the body; None where only its end tells."""
        if hdrs.TRANSFER_ENCODING in self.headers:
            return None
        length = self.headers.get(hdrs.CONTENT_LENGTH)
        return None if length is None else int(length)

    @property
    def was_reset(self) -> bool:
        """Whether the connection ended by an error; ask once the body is at its end.

        Where the close ends the body, aiohttp takes a reset for the end; only the connection knows.
        """
        return self._lost is not None and self._lost.done() and self._lost.exception() is not None


@mutable(eq=False)
class exchanging:  # noqa: N801  used as `async with exchanging(…) as response`
    """Send a request; the block has the answer.

    A body that was not read to its end when the block is left costs the connection.

    Raises:
        HttpError: before there is an answer; with what went wrong, and the key or flag that helps.
    """

    upstream: Upstream
    server: Server
    exchange: Exchange
    _connection: Connection | None = field(default=None, init=False)
    _writing: "asyncio.Task[None] | None" = field(default=None, init=False)
    _watchdog: Watchdog | None = field(default=None, init=False)
    _broken_upload: bool = field(default=False, init=False)
    _content: StreamReader | None = field(default=None, init=False)
    _lost: "asyncio.Future[None] | None" = field(default=None, init=False)

    async def __aenter__(self) -> UpstreamResponse:
        server = self.server
        await self.upstream.places.take(server.authority, server.target.concurrency)
        asked = Asked(*server.dialled, trusted=server.proxy is not None)
        self.upstream.dialer.ask(asked)
        try:
            while True:
                asked.tried = 0
                try:
                    return await self._try(asked)
                except _StaleConnectionError:
                    self._give_up()
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if isinstance(error, aiohttp.ClientConnectorError) or not self._may_repeat(asked):
                        raise
                    self._give_up()
        except BaseException as error:
            self._give_up()
            self.upstream.places.give_back(server.authority)
            if self._broken_upload:
                raise BadRequestError(
                    "The request's body is broken.", "Its framing must be right."
                ) from error
            if isinstance(error, _CLIENT_ERRORS):
                raise failure(error, asked, self.exchange.url) from error
            raise

    async def __aexit__(self, *_: object) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._lost is not None:
            self._lost.remove_done_callback(self._break)
        if self._writing is not None and not self._writing.done():
            self._give_up()
        elif self._connection is not None:
            self._connection.release()  # the pool closes it where the body was not read to its end
        self.upstream.places.give_back(self.server.authority)

    def _may_repeat(self, asked: Asked) -> bool:
        """Whether the connection was an old one: the server may have closed it before it saw this request."""
        return asked.tried == 0 and self.exchange.body is None and self.exchange.method in _IDEMPOTENT

    def _give_up(self) -> None:
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._writing is not None:
            self._writing.cancel()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _try(self, asked: Asked) -> UpstreamResponse:
        self._connection = await self._connect(asked)
        protocol = self._connection.protocol
        # A kept connection that has said something meanwhile: the next answer on it would be another's.
        if protocol is None or protocol.transport is None or protocol.should_close:
            raise _StaleConnectionError
        _prepare(protocol, self.exchange.method)
        lost = _watched(protocol)
        loop, stall = self.upstream.loop, self.server.stall
        watchdog = self._watchdog = Watchdog(loop, stall, partial(_bite_head, protocol, stall))
        if self.exchange.body is None:
            protocol.transport.write(_head(self.exchange, self.server))
            watchdog.begin()
        else:
            self._writing = asyncio.ensure_future(self._write(protocol, self.exchange.body))
        interim = False
        while True:
            try:
                message, content = await protocol.read()
            except HeadTimeoutError as error:
                error.began |= interim
                raise
            if message.code >= 200 or message.code == 101:  # noqa: PLR2004  1xx are interim answers
                break
            interim = True
        watchdog.stop()
        _judge_framing(message.headers)
        if content.is_eof():
            return UpstreamResponse(message.code, message.reason, message.headers, content, lost)
        watchdog = self._watchdog = Watchdog(loop, stall, partial(_bite_body, content))
        self._content = content
        if lost is not None:
            self._lost = lost
            lost.add_done_callback(self._break)
        return UpstreamResponse(message.code, message.reason, message.headers, content, lost, watchdog)

    def _break(self, _: object) -> None:
        """The connection is gone: break a body whose framing the parser refused; aiohttp lets it wait."""
        content = self._content
        if content is not None and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the body's framing is broken"))

    async def _connect(self, asked: Asked) -> Connection:
        try:
            return await self.upstream.connector.connect(self.server.connecting, [], self.server.timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(asked.host) from error
        except aiohttp.ClientHttpProxyError as error:
            if error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                detail, hint = "The upstream proxy asks for a login.", "Put it into the proxy's URL."
                raise BadGatewayError(detail, hint) from error
            detail = f"The upstream proxy refuses a tunnel to {self.server.authority}"
            raise BadGatewayError(f"{detail}: it answered with status {error.status}.") from error
        except aiohttp.ClientResponseError as error:  # aiohttp's words name the proxy's address
            raise BadGatewayError("The upstream proxy answered what is not HTTP.") from error

    async def _write(self, protocol: ResponseHandler, body: AsyncIterator[bytes]) -> None:
        """Send head and body; where either side breaks, the other must not take it for whole.

        A wait for upstream to take a piece is watched; one for the page's next piece is not.
        """
        writer = StreamWriter(protocol, self.upstream.loop)
        watchdog = Watchdog(self.upstream.loop, self.server.stall, partial(self._bite_upload, protocol))
        try:
            await writer.write(_head(self.exchange, self.server))
            if self.exchange.length is None:
                writer.enable_chunking()
            async for piece in body:
                watchdog.begin()
                await writer.write(piece)
                watchdog.end()
            await writer.write_eof()
        except BaseException as error:
            self._broken_upload = isinstance(error, web_protocol.RequestPayloadError)
            if protocol.transport is not None and not isinstance(error, aiohttp.ClientConnectionResetError):
                protocol.transport.close()  # upstream sees the body end before its end
            if not isinstance(error, Exception):
                raise
        else:
            if self._watchdog is not None and self._content is None:  # now the answer must come
                self._watchdog.begin()
        finally:
            watchdog.stop()

    def _bite_upload(self, protocol: ResponseHandler) -> None:
        error = UploadTimeoutError(self.server.stall)
        if self._content is None:
            protocol.set_exception(error)
        elif not self._content.is_eof():
            self._content.set_exception(error)


def _prepare(protocol: ResponseHandler, method: str) -> None:
    """Give the connection a parser; the one that it has will do, unless a HEAD's was the last."""
    if getattr(protocol, "fetchkit_parses", False) and method != "HEAD":
        return
    protocol.set_response_params(
        skip_payload=method == "HEAD",
        read_until_eof=True,
        auto_decompress=False,
        max_line_size=MAX_FIELD,
        max_field_size=MAX_FIELD,
        max_headers=MAX_FIELDS,
    )
    protocol.fetchkit_parses = method != "HEAD"  # type: ignore[attr-defined]


def _bite_head(protocol: ResponseHandler, limit: float) -> None:
    protocol.set_exception(HeadTimeoutError(limit, began=_has_begun(protocol)))


def _has_begun(protocol: ResponseHandler) -> bool:
    """Whether some of a head has come, as aiohttp asks when a connection is lost; ends the parser."""
    try:
        return protocol._parser is not None and protocol._parser.feed_eof() is not None  # noqa: SLF001
    except Exception:  # noqa: BLE001  what has come makes no head
        return True


def _bite_body(content: StreamReader) -> None:
    content.set_exception(aiohttp.SocketTimeoutError("no more of the body"))


def _judge_framing(headers: CIMultiDictProxy[str]) -> None:
    """Refuse an answer whose framing recipients may read in two ways (RFC 9112, sections 6.1 and 6.3)."""
    codings = headers.getall(hdrs.TRANSFER_ENCODING, [])
    if codings and [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise HttpProcessingError(message=f"its Transfer-Encoding is {', '.join(codings)!a:.100}")


def _watched(protocol: ResponseHandler) -> "asyncio.Future[None] | None":
    """What tells how the connection ends; asked for before that, or it cannot be known."""
    lost = protocol.closed
    if lost is not None and not getattr(protocol, "fetchkit_watched", False):
        lost.add_done_callback(lambda future: future.exception())  # retrieved, so never logged
        protocol.fetchkit_watched = True  # type: ignore[attr-defined]
    return lost


def _head(exchange: Exchange, server: Server) -> bytes:
    """The head as bytes; targets and fields were checked by the rules that made them."""
    lines = [
        f"{exchange.method} {server.through}{exchange.url.target} HTTP/1.1\r\nHost: {server.authority}\r\n",
        server.proxy_line,
        *[f"{name}: {value}\r\n" for name, value in exchange.headers.items()],
    ]
    if exchange.body is not None:
        length = exchange.length
        lines.append("Transfer-Encoding: chunked\r\n" if length is None else f"Content-Length: {length}\r\n")
    elif exchange.method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
        lines.append("Content-Length: 0\r\n")  # RFC 9110, section 8.6
    lines.append("\r\n")
    return "".join(lines).encode("utf-8", "surrogateescape")
