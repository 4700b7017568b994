"""A server like most on the web: it sends neither CORS nor CORP, and it remembers what it was asked."""

import asyncio
import threading
import zlib
from pathlib import Path
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler
from attrs import frozen
from multidict import CIMultiDict

__all__ = ["PIXEL", "Seen", "Upstream"]

MAX_UPLOAD = 8 << 20
"""Bytes of a body: more than any program sends."""

START_DEADLINE = 20
"""Seconds for the server to listen, or to end."""

PIXEL = b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="5"/>'


@frozen
class Seen:
    """One request as it reached the server."""

    method: str
    target: str
    headers: CIMultiDict[str]


class Upstream:
    """Serves a folder, with ranges, from a thread of its own; leaving the block ends it."""

    def __init__(self, folder: Path) -> None:
        self.seen: list[Seen] = []
        self.port = 0
        self._moved_to = ""
        self._app = web.Application(middlewares=[self._remember], client_max_size=MAX_UPLOAD)
        self._app.router.add_post("/upload", self._upload)
        self._app.router.add_put("/upload", self._upload)
        self._app.router.add_get("/moved/{rest:.*}", self._moved)
        self._app.router.add_get("/pixel.svg", self._pixel)
        self._app.router.add_static("/", folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(START_DEADLINE)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(START_DEADLINE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_DEADLINE)
        self._loop.close()

    def url(self, host: str = "127.0.0.1") -> str:
        """Where it listens, with a slash at the end."""
        return f"http://{host}:{self.port}/"

    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.target for request in self.seen]

    def move_to(self, url: str) -> None:
        """Redirect everything below `/moved/` there."""
        self._moved_to = url

    async def _start(self) -> None:
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    @web.middleware
    async def _remember(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.seen.append(Seen(request.method, request.raw_path, CIMultiDict(request.headers)))
        return await handler(request)

    async def _upload(self, request: web.Request) -> web.Response:
        body = await request.read()
        return web.Response(status=201, text=f"received: {len(body)} bytes, adler32 {zlib.adler32(body):08x}")

    async def _moved(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(self._moved_to + request.match_info["rest"])

    async def _pixel(self, _request: web.Request) -> web.Response:
        return web.Response(body=PIXEL, content_type="image/svg+xml")
