"""Drives headless Chromium: opens pages, waits for programs to end, keeps what went wrong and the traffic.

Playwright runs on an event loop in a thread of its own, so that tests stay plain functions and the loops
of asynchronous tests in the same run are not disturbed (its synchronous API keeps the main thread's loop).
"""

import asyncio
import json
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from attrs import define, field, frozen
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

__all__ = ["FOREIGN_HOST", "Answer", "Chromium", "Ended", "Tab", "program_at", "websocket_at"]

PAGE_DEADLINE = 20
"""Seconds for a program to end; a second is usual, a machine under load needs some more."""

CALL_DEADLINE = 60
"""Seconds for one command to the browser, beyond the page's own deadline."""

POLL_INTERVAL = 0.02
"""Seconds between two looks at a state that has a deadline."""

T = TypeVar("T")

FOREIGN_HOST = "evil.example"
"""A name of this machine that is no loopback name, for the browser alone."""

# Headless Chromium as root, quiet on the network; Playwright adds --headless and --no-sandbox.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {FOREIGN_HOST} 127.0.0.1",
)


def program_at(url: str, program: str, /, *arguments: object, **settings: str) -> str:
    """The URL of the page below `url` that runs a program with these arguments."""
    return f"{url}?{urlencode([('program', program), *settings.items(), *(('base', a) for a in arguments)])}"


def websocket_at(url: str, path: str = "") -> str:
    """The URL of a WebSocket below `url`."""
    return f"ws{url.removeprefix('http')}{path}"


@frozen
class Ended:
    """What a program printed, line by line, and its exit code."""

    output: list[str]
    exit_code: int


@frozen
class Answer:
    """One response as it came over the wire: a 304 is a 304 here, not what the cache made of it."""

    path: str
    status: int
    headers: dict[str, str]


@define(eq=False, slots=False, repr=False)
class Tab:
    """One page in a fresh context: no cache, no IndexedDB, no cookies from before."""

    chromium: "Chromium"
    context: BrowserContext
    page: Page
    complaints: list[str] = field(factory=list)
    """Console warnings and errors, uncaught exceptions, crashes: those of workers too."""
    allowed: list[str] = field(factory=list)
    """Parts of complaints that the test expects."""
    _paths: dict[str, str] = field(factory=dict)
    _wire: list[tuple[str, dict[str, Any]]] = field(factory=list)

    def run(self, url: str) -> Ended:
        """Opens `url` and waits until its program has ended."""
        self.start(url)
        return self.ended()

    def start(self, url: str) -> None:
        """Opens `url` and lets its program run."""
        self.chromium.call(self.page.goto(url))

    def line(self, beginning: str) -> str:
        """The rest of the first line that the program prints with this beginning; waits for it."""
        found = f"window.output.find((line) => line.startsWith({json.dumps(beginning)}))"
        self.chromium.call(self._wait(found))
        return str(self.evaluate(found)).removeprefix(beginning)

    def ended(self) -> Ended:
        """Waits until the program that runs has ended."""
        return self.chromium.call(self._ended())

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; promises are awaited."""
        return self.chromium.call(self.page.evaluate(expression))

    def evaluate_when_settled(self, url: str, expression: str) -> Any:
        """The value of an expression once `<html data-state>` of the page at `url` has settled."""
        return self.chromium.call(self._settled(url, expression))

    def answers(self, path: str, count: int) -> list[Answer]:
        """The responses for a path, at least `count`: waits for them, as the wire's events may come late."""
        deadline = time.monotonic() + PAGE_DEADLINE
        while len(found := self._answers(path)) < count:
            assert time.monotonic() < deadline, f"{path}: {len(found)} of {count} responses: {found}"
            time.sleep(POLL_INTERVAL)
        return found

    def unexpected(self) -> list[str]:
        """The complaints that no test asked for."""
        return [text for text in self.complaints if not any(part in text for part in self.allowed)]

    async def listen(self) -> None:
        """Starts to collect complaints and traffic; to be called once, before the first page."""
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("crash", lambda _page: self.complaints.append("the page crashed"))
        session = await self.context.new_cdp_session(self.page)
        session.on("Network.requestWillBeSent", self._on_request)
        session.on(
            "Network.responseReceivedExtraInfo", lambda event: self._wire.append((event["requestId"], event))
        )
        await session.send("Network.enable")

    async def _ended(self) -> Ended:
        await self._wait("'exitCode' in window")
        return Ended(*await self.page.evaluate("[window.output, window.exitCode]"))

    async def _wait(self, condition: str) -> None:
        try:
            await self.page.wait_for_function(condition, timeout=PAGE_DEADLINE * 1000)
        except PlaywrightTimeoutError:
            printed = await self.page.evaluate("window.output")
            raise AssertionError(
                f"{self.page.url}: not {condition}; printed {printed}, complaints {self.complaints}"
            ) from None

    async def _settled(self, url: str, expression: str) -> Any:
        await self.page.goto(url)
        settled = "['done', 'failed'].includes(document.documentElement.dataset.state)"
        await self.page.wait_for_function(settled, timeout=PAGE_DEADLINE * 1000)
        return await self.page.evaluate(expression)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"warning", "error", "assert"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _on_request(self, event: dict[str, Any]) -> None:
        # A redirect keeps the identifier: the path asked for first is the one that names it.
        self._paths.setdefault(event["requestId"], urlsplit(event["request"]["url"]).path)

    def _answers(self, path: str) -> list[Answer]:
        return [
            Answer(path, event["statusCode"], {k.lower(): v for k, v in event["headers"].items()})
            for request, event in list(self._wire)
            if self._paths.get(request) == path
        ]


class Chromium:
    """One browser for the whole run, with its own profile, ended by `close`."""

    def __init__(self, executable: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chromium", daemon=True)
        self._thread.start()
        self._playwright: Playwright
        self._browser: Browser
        self.call(self._launch(executable))

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine on the browser's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_DEADLINE)

    def open(self) -> Tab:
        """A tab in a context of its own."""
        return self.call(self._open())

    def close_tab(self, tab: Tab) -> None:
        """Ends a tab with its context."""
        self.call(tab.context.close())

    def close(self) -> None:
        """Ends the browser and the thread."""
        try:
            self.call(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CALL_DEADLINE)
            self._loop.close()

    async def _launch(self, executable: str) -> None:
        self._playwright = await async_playwright().start()
        self._browser = await self._playwright.chromium.launch(executable_path=executable, args=FLAGS)

    async def _open(self) -> Tab:
        context = await self._browser.new_context()
        tab = Tab(self, context, await context.new_page())
        await tab.listen()
        return tab

    async def _stop(self) -> None:
        await self._browser.close()
        await self._playwright.stop()
