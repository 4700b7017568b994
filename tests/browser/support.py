"""What the tests of browsers need: pages, ears, and eyes for what is left behind."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from aiohttp import web

from fetchkit.browser.find import Family, Found
from fetchkit.browser.interface import Reported, TabEvent
from tests.e2e.conftest import require

__all__ = [
    "DEADLINE",
    "Heard",
    "Site",
    "descriptors",
    "needed",
    "processes_of",
    "reported",
    "script",
    "wait_until",
]

# Half a second is usual; a loaded machine takes longer.
DEADLINE = 15.0


def needed(family: Family) -> Found:
    """The browser of a family; without Chromium the test is skipped, or fails in CI. Firefox is optional."""
    if family is Family.CHROMIUM:
        return Found("chromium", family, require("chromium", "chromium", "chromium-browser", "google-chrome"))
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("Firefox is not installed: `apt-get install firefox-esr` brings it.")
    return Found("firefox", family, path)


def script(folder: Path, body: str) -> Found:
    """A program that is no browser."""
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return Found("browser", Family.CHROMIUM, str(path))


class Site:
    """Pages on a port of their own, whose paths are made up as they are added."""

    def __init__(self) -> None:
        self.root = ""
        self.asked: list[str] = []
        self._pages: dict[str, web.Response | None] = {}
        self._runner: web.AppRunner | None = None
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.root = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        self._over.set()
        await self._runner.cleanup()

    def page(self, body: str, status: int = 200, **headers: str) -> str:
        """Add a page; its URL."""
        headers = {"content-type": "text/html", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self._add(web.Response(text=body, status=status, headers=headers))

    def javascript(self, body: str) -> str:
        """Add a page that runs this; its URL."""
        return self.page(f"<!doctype html><body><script>{body}</script>")

    def silence(self) -> str:
        """The URL of a page that never comes."""
        return self._add(None)

    def _add(self, response: web.Response | None) -> str:
        path = f"/page{len(self._pages)}"
        self._pages[path] = response
        return self.root + path

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path not in self._pages:
            return web.Response(status=404)
        response = self._pages[request.path]
        if response is None:
            await self._over.wait()
            return web.Response(status=504)
        return web.Response(text=response.text, status=response.status, headers=response.headers.copy())


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[TabEvent] = []
        self._more = asyncio.Event()

    def __call__(self, event: TabEvent) -> None:
        """See `interface.Listener`."""
        self.events.append(event)
        self._more.set()

    async def until(self, condition: Callable[[list[TabEvent]], object]) -> list[TabEvent]:
        """Wait for a condition of what was heard."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not condition(self.events):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"heard only {self.events[-20:]}") from None
        return self.events

    async def event(self, kind: type[TabEvent]) -> TabEvent:
        """Wait for the first event of a kind."""
        await self.until(lambda events: any(type(event) is kind for event in events))
        return next(event for event in self.events if type(event) is kind)

    async def report(self, text: str) -> None:
        """Wait for a report."""
        await self.until(lambda events: Reported(text) in events)


def reported(events: list[TabEvent]) -> list[str]:
    """The texts of the reports."""
    return [event.text for event in events if isinstance(event, Reported)]


def descriptors() -> dict[int, str]:
    """What this process has open."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # the listing's own
    return found


def processes_of(temp: Path) -> dict[int, str]:
    """Processes started for a browser below the folder, whoever is their parent now; and our zombies."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            around = command + (entry / "environ").read_bytes()
            _, state, parent, *_ = (entry / "stat").read_bytes().rpartition(b")")[2].split(b" ")
        except OSError:
            continue
        if (state == b"Z" and int(parent) == os.getpid()) or (
            f"{temp}/fetchkit-".encode() in around
            or (b"keeper.py" in command and str(temp).encode() in command)
        ):
            found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")[:200]
    return found


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


if sys.platform != "linux":
    pytest.skip("looks for what is left in /proc", allow_module_level=True)
