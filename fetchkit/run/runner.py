"""Runs pages: opens each in the browser, and brings to its Program all that is heard of it."""

import asyncio
import contextlib
import functools
import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from attrs import define, evolve, field

from fetchkit import emrun
from fetchkit.assets import inject_script
from fetchkit.browser.driver import (
    Browser,
    Closed,
    Crashed,
    Dialog,
    LoadFailed,
    Reported,
    TabEvent,
    WorkerSaid,
)
from fetchkit.config import DEFAULT_PORT
from fetchkit.errors import BrowserError
from fetchkit.events import (
    Answered,
    Event,
    PageEnded,
    PageLoaded,
    PagePrinted,
    PageReported,
)
from fetchkit.run.program import NEVER_STARTED, Limits, Outcome, Program
from fetchkit.run.stack import parse_trace, shown
from fetchkit.run.symbols import places
from fetchkit.run.target import Target
from fetchkit.server import Server
from fetchkit.web.keys import events_of
from fetchkit.web.tokens import PARAMETER

__all__ = ["Runner", "page_script", "readable_crash"]

_OURS = "fetchkit:run.js"  # what the script is called in stacks
_MARK = "w"  # begins a report that says how far the page was heard
_FAILED = 400
_FAVICON = "/favicon.ico"  # browsers ask for it by themselves


def page_script(arguments: tuple[str, ...] | None, *, console: bool = True) -> str:
    """The script that stands in front of a page's own.

    Args:
        arguments: what `main` gets behind the program's name; None leaves that to the page.
        console: whether somebody may look at the browser's own.
    """
    given = None if arguments is None else list(arguments)
    code = inject_script("run", {"arguments": given, "console": console})
    return f"{code}//# sourceURL={_OURS}\n"


async def readable_crash(outcome: Outcome, server: Server) -> str:
    """Message and stack of the error that ended a program, with places in its source where they are known."""
    trace = parse_trace(outcome.crash)
    if trace is None:
        return outcome.crash
    trace = evolve(trace, frames=tuple(frame for frame in trace.frames if frame.url != _OURS))
    return shown(trace, await places(trace, server.config.directory, server.url))


@define(eq=False)
class _Active:
    """A program that runs.

    Attributes:
        program: its state.
        until: when whoever waits for it looks again.
        changed: set when that is too late: there is an outcome, or an earlier deadline.
        mark: the last mark of the page that was heard.
        marked: set when there is another, or an outcome.
    """

    program: Program
    until: float = math.inf
    changed: asyncio.Event = field(factory=asyncio.Event)
    mark: str = ""
    marked: asyncio.Event = field(factory=asyncio.Event)

    async def heard(self, mark: str) -> None:
        """Wait until the page was heard up to this mark, or need not be heard any more."""
        while self.program.outcome is None and self.mark != mark:
            self.marked.clear()
            await self.marked.wait()

    def after(self) -> None:
        """Something was heard."""
        if self.program.outcome is not None or self.program.wake < self.until:
            self.changed.set()
            self.marked.set()

    async def ended(self) -> Outcome:
        """Wait for the outcome."""
        loop = asyncio.get_running_loop()
        while self.program.outcome is None:
            self.until = self.program.wake
            rest = None if self.until == math.inf else max(self.until - loop.time(), 0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), rest)
            self.changed.clear()
            self.program.tick(loop.time())
        return self.program.outcome


@define(eq=False)
class Runner:
    """Runs pages of one server in one browser.

    Attributes:
        server: where the pages come from.
        browser: None where somebody else opens the pages.
    """

    server: Server
    browser: Browser | None = None
    _active: dict[str, _Active] = field(factory=dict)
    _unsubscribe: Callable[[], None] | None = None
    _flows: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self._flows.set()
        emrun.pace(self.server.app, self._pace)
        kinds = (Answered, PageEnded, PageLoaded, PagePrinted, PageReported)
        self._unsubscribe = events_of(self.server.app).subscribe(self._heard, kinds)

    def close(self) -> None:
        """Listen no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        emrun.pace(self.server.app, None)

    def use(self, browser: Browser) -> None:
        """Open pages in this browser from now on."""
        self.browser = browser
        if not self._flows.is_set():
            browser.hold(held=True)

    def hold(self, *, held: bool) -> None:
        """Let the pages wait, or go on: so much of what they have printed waits that no more should come."""
        if held:
            self._flows.clear()
        else:
            self._flows.set()
        if self.browser is not None:
            self.browser.hold(held=held)
        now = asyncio.get_running_loop().time()
        for active in self._active.values():
            (active.program.hold if held else active.program.go_on)(now)
            active.after()

    def url_of(self, target: Target, query: str = "", host: str = "localhost") -> str:
        """Where a page is to be opened.

        Args:
            target: the page.
            query: with its question mark.
            host: a name of this server; with `localhost` in it pages of --emrun builds speak on every port.
        """
        token = f"{PARAMETER}={self.server.token}" if self.server.token else ""
        if token:
            query = f"?{token}&{query[1:]}" if query else f"?{token}"
        scheme = self.server.url.partition("://")[0]
        # What the scripts of emrun look for in the URL, in a place that no program takes for its arguments.
        hears = "localhost" in host or self.server.port == DEFAULT_PORT
        fragment = "" if hears else "#localhost"
        return f"{scheme}://{host}:{self.server.port}{target.path}{query}{fragment}"

    async def run(
        self,
        target: Target,
        arguments: tuple[str, ...] | None,
        *,
        limits: Limits,
        write: Callable[[str, str], None],
        says: Callable[[str], None] = lambda _: None,
        host: str = "localhost",
        query: str = "",
        keeps_tab: bool = False,
    ) -> Outcome:
        """Run a page to its end.

        Args:
            target: the page.
            arguments: for its `main`; None leaves them to the page.
            limits: when to give up.
            write: takes what it prints: `stdout` or `stderr`, and a text.
            says: takes what is worth knowing besides.
            host: its host, which no other page has that runs at the same time.
            query: of its URL.
            keeps_tab: leave the tab open, for a browser that is about to be closed.
        """
        program = Program(target.name, limits, asyncio.get_running_loop().time(), write, says)
        active, place = _Active(program), f"{host}:{self.server.port}"
        if not self._flows.is_set():
            program.hold(program.now)
        self._active[place] = active
        if self.browser is None:  # what comes late, when the server stops, is this program's too
            return await active.ended()
        browser = self.browser
        gone = functools.partial(self._gone, active)
        browser.gone.add_done_callback(gone)
        opening = asyncio.ensure_future(
            browser.open(
                self.url_of(target, query, host),
                script=page_script(arguments, console=not browser.headless),
                listener=lambda event: self._told(active, event),
            )
        )
        ended = asyncio.ensure_future(active.ended())
        try:
            await asyncio.wait([opening, ended], return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
            return await ended
        except BrowserError as error:
            return Outcome(NEVER_STARTED, str(error), failed=True)
        finally:
            ended.cancel()
            browser.gone.remove_done_callback(gone)
            del self._active[place]
            if not opening.done():
                opening.cancel()
            elif not keeps_tab and not opening.cancelled() and opening.exception() is None:
                await opening.result().close()

    def _told(self, active: _Active, event: TabEvent) -> None:
        """Something of the driver."""
        program, now = active.program, asyncio.get_running_loop().time()
        match event:
            case Reported(text=text):
                program.reported(text, now)
                if text.startswith(_MARK):
                    active.mark = text
                    active.marked.set()
            case WorkerSaid(stream=stream, text=text):
                program.worker_said(stream, text, now)
            case Dialog(kind=kind, message=message):
                program.dialog(kind, message, now)
            case Crashed(reason=reason):
                program.fail(f"The tab of {program.name} crashed: {reason}.")
            case LoadFailed(reason=reason):
                program.fail(f"{program.name} did not load: {reason}.")
            case Closed():
                program.closed()
        active.after()

    def _gone(self, active: _Active, gone: "asyncio.Future[str]") -> None:
        if not gone.cancelled():
            active.program.fail(
                f"The browser ended while {active.program.name} ran. {gone.result()}".rstrip()
            )
            active.after()

    async def _pace(self, host: str, message: emrun.Message) -> None:
        """Let a page wait until its output is taken; one with a driver waits at its marks."""
        await self._flows.wait()
        active = self._of(host)
        for mark in _marks(message):
            if active is not None and self.browser is not None:
                await active.heard(mark)

    def _heard(self, event: Event) -> None:
        """Something of the server."""
        match event:
            case Answered(target=target, status=status, host=host):
                if status >= _FAILED and not target.startswith(_FAVICON) and (active := self._of(host)):
                    active.program.missed(f"{target}: {status}")
            case PageLoaded() | PagePrinted() | PageEnded() | PageReported():
                self._heard_of(event)
            case _:
                pass

    def _heard_of(self, event: Any) -> None:
        active = self._of(urlsplit(event.page.url).netloc)
        if active is None:
            return
        program, now = active.program, asyncio.get_running_loop().time()
        if self.browser is not None and not _counts_beside_driver(event, program):
            return
        match event:
            case PagePrinted(stream=stream, text=text):
                program.printed(stream, text, now)
            case PageEnded(status=status):
                program.ended(status)
            case PageReported(report=text):
                for report in _reports(text):
                    program.reported(report, now)
            case _:
                program.loaded_as_emrun()
        active.after()

    def _of(self, host: str) -> _Active | None:
        """The program at a host with its port; whoever opens pages by themselves may call it otherwise."""
        if self.browser is None and len(self._active) == 1:
            return next(iter(self._active.values()))
        return self._active.get(host)


def _marks(message: emrun.Message) -> list[str]:
    if not isinstance(message, emrun.Reported):
        return []
    return [report for report in _reports(message.report) if report.startswith(_MARK)]


def _counts_beside_driver(event: Any, program: Program) -> bool:
    """Whether a message to the server is the program's, though its own ones come through the driver.

    Else it is a frame's, a pop-up's or a stranger's; where the page has no program, a frame's is meant.
    """
    if isinstance(event, PagePrinted | PageEnded) and event.harness:
        return True
    return not program.has_program and not isinstance(event, PageReported)


def _reports(text: str) -> list[str]:
    """The reports of one message of `static/inject/run.js`; none of what is no such message."""
    try:
        reports = json.loads(text)
    except ValueError:
        return []
    return [each for each in reports if isinstance(each, str)] if isinstance(reports, list) else []
