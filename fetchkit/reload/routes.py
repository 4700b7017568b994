"""The WebSocket over which pages say what they asked for, and hear that they have to reload."""

import asyncio
import contextlib
import json
import logging
import math
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, hdrs, web
from attrs import define, field

from fetchkit.errors import UnavailableError
from fetchkit.events import Events, Rebuilt
from fetchkit.isolation import Corp, Zone, add_zone
from fetchkit.reload.disk import Disk
from fetchkit.reload.pages import Look, Page, Requests, path_of
from fetchkit.reload.watcher import Watcher
from fetchkit.web.keys import events_of
from fetchkit.web.problems import Handler, answering
from fetchkit.web.tokens import without_token
from fetchkit.web.upgrades import websocket_only

__all__ = ["setup"]

# Chromium opens 255 WebSockets to a server at most.
MAX_PAGES: Final = 256
# The names of MAX_ASKED files, some hundred characters each.
MAX_MESSAGE: Final = 1024 * 1024
# A page that does not take a line for so long is gone; the others do not wait for it longer.
SEND_SECONDS: Final = 2.0
CLOSE_SECONDS: Final = 0.5
HEARTBEAT_SECONDS: Final = 30.0
# Between two looks at files that are being written: no event may come when they are done.
LOOK_SECONDS: Final = 0.05

_log = logging.getLogger("fetchkit.reload")


def setup(
    app: web.Application,
    directory: str | os.PathLike[str],
    *,
    prefix: str = "/fetchkit",
    dotfiles: bool = False,
    spa: bool = False,
) -> None:
    """Listen on `PREFIX/reload` to pages that have `reload_script`, and watch the folder of which they are.

    Args:
        app: any aiohttp application.
        directory: the folder that is served at `/`.
        prefix: path of the control routes, without a slash at its end.
        dotfiles: whether names that begin with a dot are served.
        spa: whether index.html answers a navigation to a missing path.
    """
    path = f"{prefix}/reload"
    add_zone(app, Zone(path, Corp.SAME_ORIGIN, None))
    pages = _Pages(Disk(os.path.realpath(Path(directory)), dotfiles, spa), events_of(app))
    app.router.add_get(path, answering(websocket_only(pages.handshake)))
    app.middlewares.append(pages.note)
    app.cleanup_ctx.append(pages.running)
    app.on_shutdown.append(pages.close)


@define(eq=False)
class _Pages:
    """The pages that are open, and who looks after them."""

    disk: Disk
    events: Events
    _open: dict[Page, web.WebSocketResponse] = field(factory=dict, init=False)
    _requests: Requests = field(factory=Requests, init=False)
    _wake: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def handshake(self, request: web.Request) -> web.StreamResponse:
        """Listen to a page until it leaves."""
        if len(self._open) >= MAX_PAGES:
            raise UnavailableError(f"{MAX_PAGES} pages are open already.", "Close some.")
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS, heartbeat=HEARTBEAT_SECONDS, max_msg_size=MAX_MESSAGE
        )
        await socket.prepare(request)
        await _send(socket, {"clock": time.time() * 1000})
        page = Page()
        self._open[page] = socket
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT or not await self._hear(page, socket, message.data):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        finally:
            del self._open[page]
        return socket

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Remember what workers ask for."""
        referer = request.headers.get(hdrs.REFERER)
        if referer is not None and request.method == hdrs.METH_GET:
            await self._note(referer, request)
        return await handler(request)

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Watch and look as long as the server runs."""
        loop = asyncio.get_running_loop()
        wake = self._wake.set
        watcher = Watcher(self.disk.root, self.disk.dotfiles, lambda: loop.call_soon_threadsafe(wake))
        watcher.start()
        keeper = asyncio.create_task(self._keep())
        yield
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await asyncio.to_thread(watcher.stop)

    async def close(self, _app: web.Application) -> None:
        """Say goodbye: the pages come back when the server does."""
        sockets = tuple(self._open.values())
        await asyncio.gather(
            *(each.close(code=WSCloseCode.GOING_AWAY) for each in sockets), return_exceptions=True
        )

    async def _note(self, referer: str, request: web.Request) -> None:
        try:
            script = urlsplit(referer)
        except ValueError:
            return
        if script.netloc != request.headers.get(hdrs.HOST) or not script.path.endswith((".js", ".mjs")):
            return
        name = f"{script.path}?{script.query}" if script.query else script.path
        target, now = without_token(request.raw_path), time.time()
        self._requests.note(name, target, now)
        for page, socket in tuple(self._open.items()):
            if name in page.asked:
                await self._add(page, socket, {target: now})

    async def _hear(self, page: Page, socket: web.WebSocketResponse, text: str) -> bool:
        """Take what a page says; False where it is nothing that our script says."""
        said = _parsed(text)
        if said is None:
            return False
        document, asked = said
        page.document = path_of(document)
        scripts = dict(asked)
        page.says(asked)
        while scripts:  # what workers ask for may be workers again
            found = self._requests.of(scripts)
            scripts = {name: found[name] for name in await self._add(page, socket, found)}
        self._wake.set()
        return True

    async def _add(self, page: Page, socket: web.WebSocketResponse, asked: Mapping[str, float]) -> list[str]:
        """A page asked for more than it knows; it keeps that, so that a new server hears of it."""
        new = page.says(asked)
        if new:
            await _send(socket, {"also": {name: asked[name] * 1000 for name in new}})
            self._wake.set()
        return new

    async def _keep(self) -> None:
        wait: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)
            self._wake.clear()
            try:
                wait = await self._look()
            except Exception:  # noqa: BLE001  whatever it is, the next change may go well
                _log.exception("looking at the folder failed")
                wait = None

    async def _look(self) -> float | None:
        """Tell the pages that have to reload; seconds to the next look, None: when something happens."""
        if not self._open:
            return None
        verdicts = await asyncio.to_thread(self._looks.at, tuple(self._open))
        told = [(page, verdict) for page, verdict in verdicts if verdict.reload and page in self._open]
        for page, _ in told:
            page.told()
        await asyncio.gather(*(_send(self._open[page], {"reload": verdict.reload}) for page, verdict in told))
        if told:
            paths = sorted({path for _, verdict in told for path in verdict.reload})
            self.events.emit(Rebuilt(tuple(paths), len(told)))
        waits = [verdict.wait for _, verdict in verdicts if verdict.wait is not None]
        return max(LOOK_SECONDS, min(waits)) if waits else None

    _looks: Look = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._looks = Look(self.disk)


async def _send(socket: web.WebSocketResponse, message: Mapping[str, Any]) -> None:
    """Send a page a line; one that does not take it, or has gone, is left alone."""
    with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
        await asyncio.wait_for(socket.send_str(json.dumps(message)), SEND_SECONDS)


def _parsed(text: str) -> tuple[str, dict[str, float]] | None:
    """The page, and when it asked for what; None where that is something else."""
    try:
        said = json.loads(text)
        page, times = said["page"], said["asked"]
        times = {name: float(at) / 1000 for name, at in times.items()}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    if not isinstance(page, str) or not all(map(math.isfinite, times.values())):
        return None
    now = time.time()
    return page, {name: min(at, now) for name, at in times.items()}
