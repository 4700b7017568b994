"""The helper server of the demo: another origin, with a file that takes its time to download.

Like most servers it sends neither CORS nor CORP, so a page reads it through the forward or not at all.
"""

import asyncio
import contextlib
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from functools import cache

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
CHUNK = 64 << 10  # asyncio's default write buffer limit
# fetchkit has stopped and closed its connections by then: nothing is left to wait for.
GRACE_SECONDS = 0.1


@contextlib.asynccontextmanager
async def with_helper(config: Config) -> AsyncIterator[Config]:
    """Run the helper on a free port of 127.0.0.1 until the block is left.

    Gives the settings with a fixed route to it. Where they turn the forward off they stay as they are: the
    route alone would turn it on.
    """
    if not forwards(config):
        yield config
        return
    app = web.Application()
    app.router.add_get("/file/{seconds:[0-9]{1,2}}", _file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        route = f"{ROUTE}=http://{host}:{port}"
        yield evolve(config, forward_routes=(*config.forward_routes, route))
    finally:
        await runner.cleanup()


async def _file(request: web.Request) -> web.StreamResponse:
    """The file, or the part of it that Range asks for; the path says how long the whole of it takes."""
    body, headers = _representation()
    asked = _range(request, headers[hdrs.ETAG])
    part = asked or ByteRange(0, SIZE - 1)
    response = web.StreamResponse(status=206 if asked else 200, headers=headers)
    response.content_length = part.length
    if asked:
        response.headers[hdrs.CONTENT_RANGE] = part.content_range(SIZE)
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
