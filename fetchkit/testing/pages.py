"""Pages that run as programs within a test."""

import asyncio
import os

from attrs import define, field, frozen

from fetchkit.browser import find, process
from fetchkit.browser.driver import Browser, connect
from fetchkit.errors import ConfigError
from fetchkit.run.page import query as query_of
from fetchkit.run.program import Limits, Outcome
from fetchkit.run.runner import Runner, readable_crash
from fetchkit.run.target import locate
from fetchkit.server import Server
from fetchkit.testing.background import Background

__all__ = ["BrowserKeeper", "PageResult", "PageRunner"]

TIMEOUT = 30.0
"""Seconds for a page, unless a test says otherwise."""


@frozen
class PageResult:
    """How a page ended.

    Attributes:
        exit_code: as `fetchkit run` has it: the program's own; 124 for the time limit, 125 where it never
            started, 134 where it aborted.
        stdout: standard output, exactly, each line with its line break.
        stderr: standard error likewise.
        reason: a sentence where the program did not exit by itself.
        crash: message and stack of the error that ended it, with source lines where they are known.
    """

    exit_code: int
    stdout: str
    stderr: str
    reason: str = ""
    crash: str = ""

    def check(self) -> "PageResult":
        """Itself.

        Raises:
            AssertionError: the exit code is not 0; it tells what the page printed.
        """
        if self.exit_code:
            told = [
                f"exit code {self.exit_code}. {self.reason}".rstrip(),
                self.crash,
                self.stderr,
                self.stdout,
            ]
            raise AssertionError("\n".join(filter(None, told)))
        return self


@define(eq=False)
class BrowserKeeper:
    """The browser of a test run: started for the first page, ended with the run, anew when it dies."""

    background: Background
    wanted: str = ""
    headless: bool = True
    _process: process.Process | None = None
    _browser: Browser | None = None

    async def get(self) -> Browser:
        """The browser, which runs.

        Raises:
            BrowserError: there is none, or it does not start.
        """
        if self._browser is not None and self._browser.gone.done():
            await self._end()
        if self._browser is None:
            self._process = process.start(find.find(self.wanted), headless=self.headless)
            self._browser = await connect(self._process)
        return self._browser

    def close(self) -> None:
        """End it."""
        self.background.call(self._end())

    async def _end(self) -> None:
        browser, self._browser = self._browser, None
        ended, self._process = self._process, None
        if browser is not None:
            await browser.close()
        if ended is not None:
            await asyncio.to_thread(ended.close)


@define(eq=False)
class PageRunner:
    """Runs pages of a server; call it, or await `run_async`.

    Attributes:
        server: where the pages come from.
    """

    server: Server
    _background: Background
    _browsers: BrowserKeeper
    _pages: dict[str, bytes]
    _runner: Runner = field(init=False)
    _count: int = 0

    def __attrs_post_init__(self) -> None:
        self._runner = self._background.call(_runner_of(self.server))

    def __call__(self, page: str | os.PathLike[str], *arguments: str, seconds: float = TIMEOUT) -> PageResult:
        """Run a page to its end.

        Args:
            page: path of an HTML page, or of the .js or .mjs that emcc wrote; relative to the served folder.
            arguments: for its `main`.
            seconds: after which it is ended, with exit code 124.

        Raises:
            PageError: there is no such page.
            BrowserError: there is no browser, or it does not start.
        """
        return self._background.call(self._run(page, arguments, seconds))

    async def run_async(
        self, page: str | os.PathLike[str], *arguments: str, seconds: float = TIMEOUT
    ) -> PageResult:
        """The same, for an asynchronous test: its loop goes on meanwhile."""
        return await self._background.call_async(self._run(page, arguments, seconds))

    def close(self) -> None:
        """Listen no more."""
        self._background.call(_close(self._runner))

    async def _run(
        self, page: str | os.PathLike[str], arguments: tuple[str, ...], seconds: float
    ) -> PageResult:
        if not all(isinstance(each, str) for each in arguments):
            raise ConfigError("The arguments of a program are texts.")
        root = self.server.config.directory
        target = locate(os.path.join(root, page), root)
        if target.made:
            self._pages[target.path] = target.made
        self._runner.browser = await self._browsers.get()
        self._count += 1
        printed: dict[str, list[str]] = {"stdout": [], "stderr": []}
        outcome = await self._runner.run(
            target,
            arguments or None,
            limits=Limits(timeout=seconds),
            write=lambda stream, text: printed[stream].append(f"{text}\n"),
            host=f"run-{self._count}.localhost",
            query=query_of(arguments),
        )
        return await self._result(outcome, printed)

    async def _result(self, outcome: Outcome, printed: dict[str, list[str]]) -> PageResult:
        crash = await readable_crash(outcome, self.server) if outcome.crash else ""
        stdout, stderr = ("".join(printed[stream]) for stream in ("stdout", "stderr"))
        return PageResult(outcome.code, stdout, stderr, outcome.reason, crash)


async def _runner_of(server: Server) -> Runner:
    return Runner(server)


async def _close(runner: Runner) -> None:
    runner.close()
