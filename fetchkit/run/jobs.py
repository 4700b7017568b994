"""Runs several pages at once in one browser, each on a host of its own, so that none touches another.

What could pass from one page to the next, and what is done about it:

* cookies, storage, service workers, messages of emrun: each of the pages that run at once has a
  context and a host of its own, `run-1.localhost` and so on. The next page takes the tab of one that exited
  by itself, with all its storage taken away; after any other end it gets another context and host;
* an endless loop, a flood, a crash: a page ends by its own limits, and its slot is free with the outcome. Its
  tab is closed, and the stack of its crash made readable, while the next page runs;
* the end of the browser: the pages in it end with 125, the others go on in a new one. Where that ends too
  before any page has, three times in a row, there is no use in another; nor where not even the first starts.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, evolve, field

from fetchkit.browser.driver import Browser, Listener, Tab
from fetchkit.errors import BrowserError, ConfigError, PageError
from fetchkit.run.junit import junit_report
from fetchkit.run.output import Output
from fetchkit.run.page import query
from fetchkit.run.program import INTERRUPTED, NEVER_STARTED, Limits, Outcome
from fetchkit.run.progress import Progress, shown
from fetchkit.run.results import KEPT, Record, Result, Unrunnable, labels, summary
from fetchkit.run.runner import Runner, readable_crash
from fetchkit.run.target import Target, locate

__all__ = ["located", "reported", "run_all"]

# Browsers in a row in which no page came to its end.
MAX_FRUITLESS: Final = 3
# Docker Compose pads the names of services alike; a longer name would push all output to the right.
_MAX_PAD: Final = 24


def located(names: Sequence[str], root: Path) -> list[Target | Unrunnable]:
    """The pages, and those that are missing or none, which is no reason not to run the others.

    Raises:
        ConfigError: one lies outside the served folder.
    """
    found: list[Target | Unrunnable] = []
    for name in names:
        try:
            found.append(locate(name, root))
        except PageError as error:
            found.append(Unrunnable(name, str(error)))
    return found


async def run_all(
    runner: Runner,
    pages: Sequence[Target | Unrunnable],
    arguments: tuple[str, ...],
    *,
    jobs: int,
    limits: Limits,
    output: Output,
    reconnect: Callable[[], Awaitable[Browser]],
    results: list[Result] | None = None,
    quiet: bool = False,
    verbose: bool = False,
    kept: int = KEPT,
) -> list[Result]:
    """Run pages, several at once, and give their results in the order of the pages.

    It ends early once nobody reads the output any more; what has not been run then is a skipped result.

    Args:
        runner: of the server, with a browser if there is one already.
        pages: what to run.
        arguments: for `main` of each.
        jobs: how many run at once.
        limits: of each.
        output: takes what they print.
        reconnect: starts another browser, and ends the one before; it raises BrowserError where that fails.
        results: gets them too, in the same order, also when this is cancelled.
        quiet: no progress.
        verbose: say how each is run.
        kept: bytes of each stream that a result has.
    """
    names = labels(page.name for page in pages)
    with shown(output, len(pages), quiet=quiet) as progress:
        tell = _Teller(output, progress, max(map(len, names), default=0), verbose=verbose)
        work = _Jobs(runner, arguments, limits, tell, reconnect, asyncio.Semaphore(jobs), kept)
        everything = results if results is not None else []
        try:
            await work.run(list(zip(names, pages, strict=True)))
        finally:
            everything += work.results()
    return everything


@contextlib.contextmanager
def reported(output: Output, junit: Path | None, *, quiet: bool = False) -> Iterator[list[Result]]:
    """A list for results, of which a summary and a report are made when the block is left, however that is.

    Args:
        output: takes the summary.
        junit: file for the report; None for none.
        quiet: a summary only where not all is well.

    Raises:
        ConfigError: the file cannot be written; as a rule before anything runs.
    """
    if junit is not None:
        _check(junit)
    results: list[Result] = []
    started, begun = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), time.monotonic()
    try:
        yield results
    finally:
        seconds = time.monotonic() - begun
        if results and not (quiet and all(result.passed for result in results)):
            for line in summary(results, seconds):
                output.say(line)
        if junit is not None:
            _write(junit, junit_report(results, started=started, seconds=seconds))


@define(eq=False)
class _Teller:
    """Tells people, or programs with JSON, what becomes of pages.

    Attributes:
        width: of the longest name.
        verbose: whether to say more.
    """

    output: Output
    progress: Progress
    width: int
    verbose: bool = field(kw_only=True)

    def prefix(self, name: str) -> str:
        """In front of a page's lines."""
        return f"{name:<{min(self.width, _MAX_PAD)}} | "

    def says(self, name: str, what: str) -> None:
        """What is worth knowing besides."""
        if self.verbose:
            self.output.say(f"{name}: {what}")

    def ended(self, result: Result) -> None:
        """How a page ended."""
        outcome = result.outcome
        if outcome.crash:
            self.output.event("crash", page=result.name, text=outcome.crash)
            self.output.crash(outcome.crash, prefix=self.prefix(result.name))
        self.output.event("exit", page=result.name, code=outcome.code, reason=outcome.reason)
        self.progress.ended(result)


@define(eq=False)
class _Shared:
    """A browser that pages share; it remembers whose tab is whose, for closing them in the background.

    Attributes:
        close_later: closes a tab in the background.
        fruitful: whether a page came to its end in it.
        tabs: by host.
        idle: tabs whose pages have exited, by host.
    """

    browser: Browser
    version: str
    headless: bool
    gone: "asyncio.Future[str]"
    close_later: Callable[[Tab], None]
    fruitful: bool = False
    tabs: dict[str, Tab] = field(factory=dict)
    idle: dict[str, Tab] = field(factory=dict)

    async def open(self, url: str, *, script: str, listener: Listener) -> Tab:
        """See `interface.Browser`; a tab that is idle is taken first."""
        host = urlsplit(url).hostname or ""
        tab = self.idle.pop(host, None)
        if tab is not None and not await tab.open_next(url, script=script, listener=listener):
            self.close_later(tab)
            tab = None
        if tab is None:
            tab = await self.browser.open(url, script=script, listener=listener)
        self.tabs[host] = tab
        return tab

    def hold(self, *, held: bool) -> None:
        """See `interface.Browser`."""
        self.browser.hold(held=held)

    async def close(self) -> None:
        """See `interface.Browser`."""
        await self.browser.close()


@define(eq=False)
class _Page:
    """One of the pages.

    Attributes:
        name: no other has it.
        begun: when it was opened; None before.
        result: None until it has ended.
    """

    name: str
    stdout: Record
    stderr: Record
    begun: float | None = None
    result: Result | None = None

    def write(self, stream: str, text: str) -> None:
        """Keep what it printed."""
        (self.stderr if stream == "stderr" else self.stdout).add(text)

    def seconds(self) -> float:
        """How long it has been open."""
        return 0.0 if self.begun is None else time.monotonic() - self.begun

    def has_ended(self, outcome: Outcome, *, seconds: float) -> Result:
        """Make the result."""
        self.result = Result(self.name, outcome, seconds, self.stdout.text(), self.stderr.text())
        return self.result

    def whatever(self) -> Result:
        """The result, or what there is in its place when all is stopped."""
        if self.result is not None:
            return self.result
        if self.begun is None:
            outcome = Outcome(INTERRUPTED, f"{self.name} was not run.", failed=True)
            return Result(self.name, outcome, skipped=True)
        outcome = Outcome(INTERRUPTED, f"{self.name} was interrupted.", failed=True)
        return self.has_ended(outcome, seconds=self.seconds())


@define(eq=False)
class _Jobs:
    """All the pages of one call.

    Attributes:
        slots: one for each page that runs at once.
        kept: bytes of output to keep.
    """

    runner: Runner
    arguments: tuple[str, ...]
    limits: Limits
    tell: _Teller
    reconnect: Callable[[], Awaitable[Browser]]
    slots: asyncio.Semaphore
    kept: int
    _pages: list[_Page] = field(factory=list)
    _begun: int = 0
    _hosts: list[str] = field(factory=list)
    _shared: _Shared | None = None
    _fruitless: int = 0
    _trouble: str = ""
    _choosing: asyncio.Lock = field(factory=asyncio.Lock)
    _closing: set["asyncio.Task[None]"] = field(factory=set)

    async def run(self, pages: Sequence[tuple[str, Target | Unrunnable]]) -> None:
        """Run all; they begin in their order."""
        if self.runner.browser is not None:
            self._use(self.runner.browser)
        self._pages = [_Page(name, Record(self.kept), Record(self.kept)) for name, _ in pages]
        unread: asyncio.Future[Any] = asyncio.ensure_future(self.tell.output.unread.wait())
        tasks = [
            asyncio.ensure_future(self._page(page, target))
            for page, (_, target) in zip(self._pages, pages, strict=True)
        ]
        work: asyncio.Future[Any] = asyncio.gather(*tasks)
        try:
            await asyncio.wait([work, unread], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (unread, *tasks, *self._closing):
                task.cancel()
            await asyncio.gather(work, unread, *self._closing, return_exceptions=True)

    def results(self) -> list[Result]:
        """Of all pages, also of those that have none yet."""
        return [page.whatever() for page in self._pages]

    async def _page(self, page: _Page, target: Target | Unrunnable) -> None:
        if isinstance(target, Unrunnable):
            outcome, seconds = Outcome(NEVER_STARTED, target.reason, failed=True), 0.0
        else:
            async with self.slots:
                self.tell.progress.started(page.name)
                outcome = await self._outcome(page, evolve(target, name=page.name))
                seconds = page.seconds()
        # The slot is the next page's already.
        if outcome.crash:
            outcome = evolve(outcome, crash=await readable_crash(outcome, self.runner.server))
        self.tell.ended(page.has_ended(outcome, seconds=seconds))

    async def _outcome(self, page: _Page, target: Target) -> Outcome:
        prefix = self.tell.prefix(page.name)

        def write(stream: str, text: str) -> None:
            page.write(stream, text)
            self.tell.output.write(stream, text, page=page.name, prefix=prefix)

        while True:
            try:
                shared = await self._usable()
            except BrowserError as error:
                return Outcome(NEVER_STARTED, f"{page.name} was not run: {error}", failed=True)
            page.begun = time.monotonic()
            self._begun += 1
            with self._host(shared) as host:
                outcome = await self.runner.run(
                    target,
                    self.arguments or None,
                    limits=self.limits,
                    write=write,
                    says=lambda what: self.tell.says(page.name, what),
                    host=host,
                    query=query(self.arguments),
                    keeps_tab=True,
                )
                tab = shared.tabs.pop(host, None)
                if tab is not None and not outcome.reason:
                    shared.idle[host] = tab
            if tab is None and shared.gone.done():
                continue  # the browser ended before the page was in it: it is run in the next
            if tab is not None and outcome.reason:
                self._close(tab)
            if not shared.gone.done():
                shared.fruitful = True
            return outcome

    async def _usable(self) -> _Shared:
        """The browser, or another if it has ended.

        Raises:
            BrowserError: there is no use in another.
        """
        async with self._choosing:
            if self._shared is not None and self._shared.gone.done():
                self._fruitless = 0 if self._shared.fruitful else self._fruitless + 1
                self._failed(f"The browser ended: {self._shared.gone.result()}".rstrip())
                self._shared = None
            while self._shared is None:
                if self._fruitless >= MAX_FRUITLESS:
                    raise BrowserError(self._trouble)
                try:
                    self._use(await self.reconnect())
                except BrowserError as error:
                    self._fruitless += 1 if self._begun else MAX_FRUITLESS
                    self._failed(str(error))
            return self._shared

    def _failed(self, trouble: str) -> None:
        self._trouble = trouble
        self.tell.output.say(trouble)

    def _use(self, browser: Browser) -> None:
        self._shared = _Shared(browser, browser.version, browser.headless, browser.gone, self._close)
        self.runner.use(self._shared)

    @contextlib.contextmanager
    def _host(self, shared: _Shared) -> Iterator[str]:
        """A host for a page: one whose page has exited, with its tab, else a new one."""
        idle = (host for host in shared.idle if host not in self._hosts)
        host = next(idle, f"run-{self._begun}.localhost")
        self._hosts.append(host)
        try:
            yield host
        finally:
            self._hosts.remove(host)

    def _close(self, tab: Tab) -> None:
        task = asyncio.ensure_future(_closed(tab))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _closed(tab: Tab) -> None:
    with contextlib.suppress(BrowserError):
        await tab.close()


def _check(file: Path) -> None:
    """Find out early whether a report can be written."""
    try:
        if not file.exists():
            beside = _beside(file)
            beside.touch(exist_ok=False)
            beside.unlink()
        elif file.is_dir() or not os.access(file, os.W_OK):
            raise PermissionError(0, "it is a folder" if file.is_dir() else "Permission denied")
    except OSError as error:
        raise ConfigError(f"--junit {file} cannot be written: {error.strerror}.") from error


def _write(file: Path, data: bytes) -> None:
    """Replace a file as a whole; what is no regular file, such as a pipe, is written to."""
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(data)
            return
        file = Path(os.path.realpath(file))
        beside = _beside(file)
        try:
            beside.write_bytes(data)
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"--junit {file} cannot be written: {error.strerror}.") from error


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.{os.getpid()}")
