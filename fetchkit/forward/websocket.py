"""WebSockets through the forward: `/forward/wss://…`, message by message, both ways.

Upstream is asked first: a handshake that fails there fails here, with its reason. Messages are
passed on whole and in order; each side is read only as fast as the other takes, so the memory of
a connection is bounded by two messages. Close codes pass through; a side that vanishes without a
close frame makes the other vanish with 1006's only equivalent, a close of 1011 towards the page
and a dropped connection towards upstream.
"""

import asyncio
import contextlib
from typing import Final

import aiohttp
from aiohttp import WSMsgType, hdrs, web
from attrs import evolve
from multidict import CIMultiDict

from fetchkit.errors import BadRequestError
from fetchkit.forward.failures import failure
from fetchkit.forward.rules import ForwardUrl
from fetchkit.forward.servers import Server, Upstream, address
from fetchkit.net.dial import Asked
from fetchkit.version import SERVER

__all__ = ["relay_websocket"]

# websockets, the library, takes 1 MiB; a wasm's asset packs are larger.
MAX_MESSAGE: Final = 16 * 1024 * 1024
# RFC 6455, section 7.4.1: codes that may stand in a close frame; 1005, 1006 and 1015 may not.
_NEVER_SENT: Final = frozenset({1005, 1006, 1015})
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def relay_websocket(
    request: web.Request, url: ForwardUrl, upstream: Upstream, headers: CIMultiDict[str]
) -> web.StreamResponse:
    """Connect upstream, accept the page's handshake, and relay until one side closes.

    Raises:
        HttpError: upstream refuses, or the policy does; the page's handshake fails with that.
    """
    if request.method != hdrs.METH_GET or hdrs.SEC_WEBSOCKET_KEY not in request.headers:
        raise BadRequestError("This is no WebSocket handshake.", "Is a proxy between the page and fetchkit?")
    url = evolve(url, scheme=_SCHEMES[url.scheme])
    offered = [
        p.strip() for p in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",") if p.strip()
    ]
    server = upstream.server(url)
    headers.update(server.target.headers)
    await upstream.places.take(server.authority, server.target.concurrency)
    try:
        far = await _connect(upstream, server, url, headers, offered)
        async with far:
            return await _accept(request, far)
    finally:
        upstream.places.give_back(server.authority)


async def _connect(
    upstream: Upstream, server: Server, url: ForwardUrl, headers: CIMultiDict[str], offered: list[str]
) -> aiohttp.ClientWebSocketResponse:
    host, port = server.dialled
    asked = Asked(host, port, trusted=server.proxy is not None)
    upstream.dialer.ask(asked)
    try:
        return await upstream.session.ws_connect(
            address(url),
            protocols=offered,
            headers=headers,
            proxy=server.proxy,
            proxy_headers=server.proxy_headers,
            ssl=server.tls,
            autoping=False,
            autoclose=False,
            max_msg_size=MAX_MESSAGE,
            timeout=aiohttp.ClientWSTimeout(ws_close=server.timeout.sock_read),
        )
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise failure(error, asked, url) from error


async def _accept(request: web.Request, far: aiohttp.ClientWebSocketResponse) -> web.StreamResponse:
    near = web.WebSocketResponse(
        protocols=[far.protocol] if far.protocol else (),
        autoping=False,
        autoclose=False,
        max_msg_size=MAX_MESSAGE,
    )
    near.headers[hdrs.SERVER] = SERVER
    await near.prepare(request)
    pumps = [asyncio.ensure_future(_pump(near, far)), asyncio.ensure_future(_pump(far, near))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await near.close()
    return near


async def _pump(source: Socket, sink: Socket) -> None:
    """Pass messages on until the source closes; then close the sink the same way."""
    with contextlib.suppress(ConnectionError):
        while True:
            message = await source.receive()
            match message.type:
                case WSMsgType.TEXT:
                    await sink.send_str(message.data)
                case WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
                case WSMsgType.PING:
                    await source.pong(message.data)
                case WSMsgType.PONG:
                    pass
                case WSMsgType.CLOSE:
                    await _close(sink, message.data, message.extra)
                    await source.close(code=_sendable(message.data))
                    return
                case _:
                    await _close(sink, source.close_code or 1011, "the other side is gone")
                    return


async def _close(sink: Socket, code: int | None, reason: str | None) -> None:
    await sink.close(code=_sendable(code), message=(reason or "").encode()[:123])


def _sendable(code: int | None) -> int:
    if not code:
        return 1000
    return 1011 if code in _NEVER_SENT else code
