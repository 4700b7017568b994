"""WebSockets through the forward: `/forward/wss://…`, message by message, both ways.

Upstream is asked first: a handshake that fails there fails here, with its reason. Messages are
passed on whole and in order; each side is read only as fast as the other takes, so the memory of
a connection is bounded by two messages. Pings are answered here: each hop keeps its own liveness.

A close frame is passed on like a message, code for code and none for none; its answer comes back
the same way, and then both connections end. A side that vanishes without one has no code to pass
on (RFC 6455, section 7.4.1: 1006 "MUST NOT be set as a status code in a Close control frame"):
then the page is told 1011, and upstream sees its connection dropped.
"""

import asyncio
import contextlib
import select
from collections.abc import Callable, Iterable
from typing import Any, Final

import aiohttp
from aiohttp import ClientRequest, ClientResponse, WSMsgType, hdrs, web
from aiohttp.client_middlewares import ClientHandlerType
from aiohttp.http_exceptions import HttpProcessingError
from attrs import evolve, field, frozen, mutable
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.errors import BadGatewayError, BadRequestError, HttpError
from fetchkit.forward.exchange import MAX_FIELD, MAX_FIELDS
from fetchkit.forward.failures import failure
from fetchkit.forward.rules import ForwardUrl
from fetchkit.forward.servers import Server, Upstream, address
from fetchkit.net.dial import Asked
from fetchkit.version import SERVER

__all__ = ["RELAYS", "relay_websocket", "setup"]

# websockets, the library, takes 1 MiB; a wasm's asset packs are larger.
MAX_MESSAGE: Final = 16 * 1024 * 1024
# Until the other side answers a close frame, as websockets, the library, waits.
CLOSE_SECONDS: Final = 10.0
# To a side that is not waited for: the server stops, or the other side is gone.
LAST_WORD_SECONDS: Final = 1.0
# How soon it is seen that a page is gone whose messages nobody takes.
LOOK_SECONDS: Final = 5.0

# A handshake is HTTP (RFC 6455, section 4.1), and proxies know no other name for it.
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# RFC 6455, section 7.4.2: codes from 5000 on mean nothing; aiohttp's reader lets them, and 1006, pass.
_NO_CODE, _END_OF_CODES = 1006, 5000
_GONE: Final = "the other side is gone"
_BROKEN: Final = {
    1007: "the other side sent text that is not UTF-8",
    1009: f"the other side sent a message of more than {MAX_MESSAGE} bytes",
}

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse

RELAYS: Final = web.AppKey("RELAYS", set[asyncio.Future[None]])
"""What ends each WebSocket that is open."""


def setup(app: web.Application) -> None:
    """Let WebSockets end when the application stops; else they hold it up until its patience ends."""
    app[RELAYS] = set()

    async def stop(_app: web.Application) -> None:
        for stopping in app[RELAYS]:
            stopping.set_result(None)

    app.on_shutdown.append(stop)


async def relay_websocket(
    request: web.Request,
    url: ForwardUrl,
    upstream: Upstream,
    headers: CIMultiDict[str],
    keep: Callable[[CIMultiDictProxy[str]], list[str]],
) -> web.StreamResponse:
    """Connect upstream, accept the page's handshake, and relay until one side closes.

    Args:
        request: the page's handshake.
        url: where it goes.
        upstream: the client side.
        headers: of the handshake upstream.
        keep: takes the fields of upstream's answer, and gives the values of Set-Cookie for the page.

    Raises:
        HttpError: upstream refuses, or the policy does; the page's handshake fails with that.
    """
    offered = [
        p.strip() for p in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",") if p.strip()
    ]
    if request.method != hdrs.METH_GET or not web.WebSocketResponse(protocols=offered).can_prepare(request):
        raise BadRequestError("This is no WebSocket handshake.", "Is a proxy between the page and fetchkit?")
    url = evolve(url, scheme=_SCHEMES[url.scheme])
    server = upstream.server(url)
    cookie = headers.get(hdrs.COOKIE)
    headers.update(server.target.headers)
    if cookie is not None:  # the target's own, as in every other request to it
        headers[hdrs.COOKIE] = cookie
    await upstream.places.take(server.authority, server.target.concurrency)
    handshake = _Handshake(server, url, offered)
    try:
        far = await _connect(upstream, server, headers, handshake)
        cookies = keep(handshake.response.headers) if handshake.response is not None else []
        return await _accept(request, far, cookies)
    finally:
        if handshake.response is not None:
            connection = handshake.response.connection
            _hang_up(connection.transport if connection is not None else None)
            handshake.response.close()
        upstream.places.give_back(server.authority)


@mutable(eq=False)
class _Handshake:
    """A middleware that stands before what aiohttp's session would do by itself with a failure.

    It would follow a redirect, with the verdict over another target and that one's secret headers, and
    try once more where upstream closes the connection.
    """

    server: Server
    url: ForwardUrl
    offered: list[str]
    response: ClientResponse | None = None
    asked: Asked = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.asked = Asked(*self.server.dialled, trusted=self.server.proxy is not None)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        try:
            response = await handler(request)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self.failure(error) from error
        refusal = self._refusal(response)
        if refusal is not None:
            response.close()
            raise refusal
        self.response = response
        return response

    def failure(self, error: Exception) -> HttpError:
        """What an exception of the client means to the page."""
        if isinstance(error, aiohttp.WSServerHandshakeError):
            return BadGatewayError(f"{self.url.authority} is no WebSocket server: {error.message}.")
        if isinstance(error, aiohttp.ClientResponseError):  # what the parser says, wrapped by the session
            error = HttpProcessingError(message=error.message)
        return failure(error, self.asked, self.url)

    def _refusal(self, response: ClientResponse) -> BadGatewayError | None:
        name = self.url.authority
        location = response.headers.get(hdrs.LOCATION)
        if response.status == 407 and self.server.proxy is not None:  # noqa: PLR2004
            return BadGatewayError("The upstream proxy asks for a login.", "Put it into the proxy's URL.")
        if response.status != 101:  # noqa: PLR2004
            hint = f"It redirects to {location!a:.200}: ask for that." if location else ""
            return BadGatewayError(f"{name} refuses the WebSocket with status {response.status}.", hint)
        # RFC 6455, section 4.1: what was not asked for makes the client "Fail the WebSocket Connection".
        if hdrs.SEC_WEBSOCKET_EXTENSIONS in response.headers:
            return BadGatewayError(f"{name} uses a WebSocket extension that was not offered.")
        chosen = response.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
        if len(chosen) > 1 or not set(chosen) <= set(self.offered):
            return BadGatewayError(f"{name} chose a subprotocol that was not offered.")
        return None


async def _connect(
    upstream: Upstream, server: Server, headers: CIMultiDict[str], handshake: _Handshake
) -> aiohttp.ClientWebSocketResponse:
    upstream.dialer.ask(handshake.asked)
    if handshake.url.scheme == "http" and server.proxy_headers:  # there is no tunnel that they could be for
        headers.update(server.proxy_headers)
    # A session is a bundle of settings: this server's limits. Its sock_read ends with the handshake.
    session = aiohttp.ClientSession(
        connector=upstream.session.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=server.timeout,
        middlewares=[handshake],
        skip_auto_headers=[hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT],
        max_line_size=MAX_FIELD,
        max_field_size=MAX_FIELD,
        max_headers=MAX_FIELDS,
    )
    try:
        async with session:
            return await session.ws_connect(
                address(handshake.url),
                protocols=handshake.offered,
                headers=headers,
                proxy=server.proxy,
                proxy_headers=server.proxy_headers,
                ssl=server.tls,
                autoping=False,
                autoclose=False,
                max_msg_size=MAX_MESSAGE,
            )
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise handshake.failure(error) from error


async def _accept(
    request: web.Request, far: aiohttp.ClientWebSocketResponse, cookies: Iterable[str]
) -> web.StreamResponse:
    near = web.WebSocketResponse(
        protocols=[far.protocol] if far.protocol else (),
        autoping=False,
        autoclose=False,
        max_msg_size=MAX_MESSAGE,
        compress=False,  # the next hop is this machine, mostly
    )
    near.headers[hdrs.SERVER] = SERVER
    near.headers.extend((hdrs.SET_COOKIE, line) for line in cookies)
    with contextlib.suppress(ConnectionError):  # the page left meanwhile
        await near.prepare(request)
        stopping: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        relays = request.config_dict.get(RELAYS, set())
        relays.add(stopping)
        try:
            await _relay(near, far, stopping)
        finally:
            relays.discard(stopping)
            _hang_up(request.transport)  # or aiohttp sends a close frame of its own
    return near


def _hang_up(transport: asyncio.Transport | None) -> None:
    """Close a connection once what was written is sent; a peer that does not read is not waited for."""
    if transport is not None:
        transport.close()
        if transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, transport.abort)


@frozen
class _End:
    """How a side ended.

    Attributes:
        passed: it sent a close frame, and that was passed on.
        code: else what the other side is told; None: the other side takes nothing any more.
        reason: for people.
    """

    passed: bool = False
    code: int | None = None
    reason: str = ""


async def _relay(
    near: web.WebSocketResponse, far: aiohttp.ClientWebSocketResponse, stopping: asyncio.Future[None]
) -> None:
    upward, downward = asyncio.ensure_future(_pump(near, far)), asyncio.ensure_future(_pump(far, near))
    reset = asyncio.ensure_future(_until_reset(near))
    try:
        await _until_ended(upward, downward, stopping, reset)
    finally:
        # Where the page has gone, aiohttp cancels this; upstream may yet have to know why.
        for task in (upward, downward, reset):
            task.cancel()
        await asyncio.gather(upward, downward, reset, return_exceptions=True)
        page, server = _ended(upward), _ended(downward)
        if page.code in _BROKEN and not server.passed:
            await _last_word(far, page.code, page.reason)
    if reset.done() and not reset.cancelled():
        return
    if stopping.done():  # RFC 6455, section 7.4.1: 1001, "a server going down"
        await _last_word(near, 1001, "fetchkit stops")
        await _last_word(far, 1001, "fetchkit stops")
    elif not page.passed and not server.passed and (server.code is not None or page.code is None):
        await _tell(near, server.code or 1011, server.reason or _GONE)


async def _until_ended(
    upward: "asyncio.Task[_End]", downward: "asyncio.Task[_End]", *others: asyncio.Future[None]
) -> None:
    everything: list[asyncio.Future[Any]] = [upward, downward, *others]
    await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
    ends = [pump.result() for pump in (upward, downward) if pump.done()]
    # An answer to a close frame is to come, or the last messages of a side that takes nothing any more.
    if len(ends) == 1 and (ends[0].passed or ends[0].code is None) and not any(o.done() for o in others):
        left = [each for each in everything if not each.done()]
        await asyncio.wait(left, timeout=CLOSE_SECONDS, return_when=asyncio.FIRST_COMPLETED)


async def _until_reset(near: web.WebSocketResponse) -> None:
    """Where upstream does not read, the page is not read either, and its reset goes unseen: so look."""
    end = near.get_extra_info("socket")
    if end is None or not hasattr(select, "poll"):
        await asyncio.get_running_loop().create_future()
    poll = select.poll()
    poll.register(end.fileno(), 0)  # poll(2): POLLERR and POLLHUP are reported always
    while not poll.poll(0):  # noqa: ASYNC110  nothing tells of it while reading is paused
        await asyncio.sleep(LOOK_SECONDS)


def _ended(pump: "asyncio.Task[_End]") -> _End:
    return _End() if pump.cancelled() else pump.result()


async def _pump(source: Socket, sink: Socket) -> _End:
    """Pass messages on until the source ends, its close frame included, or the sink takes no more."""
    while True:
        message = await source.receive()
        try:
            match message.type:
                case WSMsgType.TEXT:
                    await sink.send_str(message.data)
                case WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
                case WSMsgType.PING:
                    with contextlib.suppress(ConnectionError):  # then `receive` says so too
                        await source.pong(message.data)
                case WSMsgType.PONG:
                    pass
                case WSMsgType.CLOSE:
                    await sink.send_frame(_payload(message.data, message.extra or ""), WSMsgType.CLOSE)
                    return _End(passed=True)
                case _:
                    return _without_close_frame(message.data)
        except ConnectionError:
            return _End()


def _without_close_frame(error: object) -> _End:
    """How a side ended that vanished, or broke the rules: aiohttp's reader has told it so already."""
    if not isinstance(error, aiohttp.WebSocketError):
        return _End(code=1011, reason=_GONE)
    if error.code in _BROKEN:
        return _End(code=error.code, reason=_BROKEN[error.code])
    return _End(code=1011, reason="the other side broke the WebSocket protocol")


async def _tell(side: Socket, code: int, reason: str) -> None:
    """Close one side alone, and give it the time to answer."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await side.send_frame(_payload(code, reason), WSMsgType.CLOSE)
            while (await side.receive()).type in (
                WSMsgType.TEXT,
                WSMsgType.BINARY,
                WSMsgType.PING,
                WSMsgType.PONG,
            ):
                pass


async def _last_word(side: Socket, code: int, reason: str) -> None:
    """Close one side, and wait for nothing."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(LAST_WORD_SECONDS):
            await side.send_frame(_payload(code, reason), WSMsgType.CLOSE)


def _payload(code: int, reason: str) -> bytes:
    """Of a close frame (RFC 6455, section 5.5.1); aiohttp reads 0 where there is no code."""
    if not code:
        return b""
    if code == _NO_CODE or code >= _END_OF_CODES:
        code = 1011
    return code.to_bytes(2, "big") + reason.encode()
