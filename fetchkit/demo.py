"""The helper servers of the demo: another origin, with a file that takes its time to download, and plain TCP.

Like most servers the one sends neither CORS nor CORP, and the other speaks no WebSocket: a page reaches them
through fetchkit or not at all.
"""

import asyncio
import contextlib
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from functools import cache
from typing import cast

from aiohttp import hdrs, web
from attrs import evolve

from fetchkit.app import forwards
from fetchkit.config import Config
from fetchkit.http.conditional import Validators, if_range_holds
from fetchkit.http.ranges import ByteRange, parse_ranges

__all__ = ["ROUTE", "SIZE", "with_helper"]

ROUTE = "/helper"
"""The fixed route that leads a page of the demo to the helper, and so tells it the helper's URL."""
SIZE = 8 << 20
"""Bytes of the file: more than the buffers on the way hold, so that a cancel reaches a body under way."""
ADDRESS = "127.0.0.1"
CHUNK = 64 << 10  # asyncio's default write buffer limit
# fetchkit has stopped and closed its connections by then: nothing is left to wait for.
GRACE_SECONDS = 0.1


@contextlib.asynccontextmanager
async def with_helper(config: Config) -> AsyncIterator[Config]:
    """Run the helpers on free ports of 127.0.0.1 until the block is left.

    Gives the settings with a fixed route to the HTTP one, which tells where the TCP one is. Where they turn
    the forward off they stay as they are: the route alone would turn it on.
    """
    if not forwards(config):
        yield config
        return
    async with _capitals() as (host, port), _http({"host": host, "port": port}) as url:
        yield evolve(config, forward_routes=(*config.forward_routes, f"{ROUTE}={url}"))


@contextlib.asynccontextmanager
async def _http(capitals: dict[str, str | int]) -> AsyncIterator[str]:
    """Run the HTTP helper, which tells where the TCP one is; gives its URL."""

    async def tell(_request: web.Request) -> web.Response:
        return web.json_response(capitals)

    app = web.Application()
    app.router.add_get("/file/{seconds:[0-9]{1,2}}", _file)
    app.router.add_get("/capitals", tell)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, ADDRESS, 0).start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _capitals() -> AsyncIterator[tuple[str, int]]:
    """Run the TCP helper; gives its address and port."""
    open_now: set[Capitals] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Capitals(open_now), ADDRESS, 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        for connection in tuple(open_now):  # of programs on this machine: fetchkit has closed its own
            connection.transport.abort()
        await server.wait_closed()


class Capitals(asyncio.Protocol):
    """Sends back what comes, in capitals: nothing else on the way does that. It ends when its peer ends."""

    transport: asyncio.Transport

    def __init__(self, open_now: "set[Capitals]") -> None:
        """Be one of `open_now` while the connection is open."""
        self._open_now = open_now

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.transport = cast("asyncio.Transport", transport)
        self._open_now.add(self)

    def data_received(self, data: bytes) -> None:
        """Some of what the peer says; after its end the transport flushes and closes."""
        self.transport.write(data.upper())

    def pause_writing(self) -> None:
        """A peer that does not read is not read from."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self.transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is closed."""
        self._open_now.discard(self)


async def _file(request: web.Request) -> web.StreamResponse:
    """The file, or the part of it that Range asks for; the path says how long the whole of it takes."""
    body, headers = _representation()
    asked = _range(request, headers[hdrs.ETAG])
    part = asked or ByteRange(0, SIZE - 1)
    response = web.StreamResponse(status=206 if asked else 200, headers=headers)
    response.content_length = part.length
    if asked:
        response.headers[hdrs.CONTENT_RANGE] = part.content_range(SIZE)
    with contextlib.suppress(ConnectionError):  # the page has gone, or stopped the download
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            await _send(response, body[part.first : part.last + 1], int(request.match_info["seconds"]) / SIZE)
    return response


async def _send(response: web.StreamResponse, body: memoryview, seconds_per_byte: float) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    for offset in range(0, len(body), CHUNK):
        await response.write(body[offset : offset + CHUNK])
        await asyncio.sleep(start + (offset + CHUNK) * seconds_per_byte - loop.time())


def _range(request: web.Request, etag: str) -> ByteRange | None:
    """The one range to send; None for the whole (RFC 9110, section 14.2: a server may ignore Range)."""
    if not if_range_holds(request.headers.get(hdrs.IF_RANGE, etag), Validators(etag, None)):
        return None
    ranges = parse_ranges(request.headers.get(hdrs.RANGE, ""), SIZE)
    return ranges[0] if ranges and len(ranges) == 1 else None


@cache
def _representation() -> tuple[memoryview, dict[str, str]]:
    """The same bytes at every start, no two places alike, and what is said of them."""
    body = hashlib.shake_256(b"fetchkit demo").digest(SIZE)
    digest = hashlib.sha256(body)
    headers = {
        hdrs.CONTENT_TYPE: "application/octet-stream",
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.ETAG: f'"{digest.hexdigest()[:16]}"',
        # RFC 9530, section 3: of the whole representation, whatever part of it is sent.
        "Repr-Digest": f"sha-256=:{b64encode(digest.digest()).decode()}:",
    }
    return memoryview(body), headers
