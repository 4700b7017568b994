"""Pages that run as programs within a test."""

import os
from typing import Final

from attrs import define, evolve, field, frozen

from fetchkit.errors import ConfigError, FetchkitError, PageError
from fetchkit.run.page import query as query_of
from fetchkit.run.program import Limits, Outcome
from fetchkit.run.runner import Runner, readable_crash
from fetchkit.run.target import Target, locate
from fetchkit.server import Server
from fetchkit.testing.background import Background
from fetchkit.testing.browsers import BrowserKeeper

__all__ = ["PageResult", "PageRunner"]

TIMEOUT: Final = 30.0
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
        __tracebackhide__ = True
        if self.exit_code:
            head = f"exit code {self.exit_code}. {self.reason}".rstrip()
            told = (head, self.crash, self.stderr.rstrip("\n"), self.stdout.rstrip("\n"))
            raise AssertionError("\n".join(filter(None, told)))
        return self


@define(eq=False)
class PageRunner:
    """Runs pages of a server; call it, or await `run_async`; several at once, if you like.

    Attributes:
        server: where the pages come from.
    """

    server: Server
    _background: Background
    _browsers: BrowserKeeper
    _pages: dict[str, bytes]
    _runner: Runner = field(init=False)
    _count: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._runner = Runner(self.server)

    def __call__(self, page: str | os.PathLike[str], *arguments: str, seconds: float = TIMEOUT) -> PageResult:
        """Run a page to its end.

        Args:
            page: path of an HTML page, or of the .js or .mjs that emcc wrote; relative to the served folder.
            arguments: for its `main`.
            seconds: after which it is ended, with exit code 124.

        Raises:
            PageError: there is no such page in the served folder.
            BrowserError: the browser does not start.
        """
        __tracebackhide__ = True
        try:
            return self._background.call(self._run(os.fspath(page), arguments, seconds))
        except FetchkitError as error:  # its way through the loop tells nobody anything
            raise error.with_traceback(None) from None

    async def run_async(
        self, page: str | os.PathLike[str], *arguments: str, seconds: float = TIMEOUT
    ) -> PageResult:
        """The same, for an asynchronous test: its loop goes on meanwhile."""
        __tracebackhide__ = True
        try:
            return await self._background.call_async(self._run(os.fspath(page), arguments, seconds))
        except FetchkitError as error:
            raise error.with_traceback(None) from None

    def close(self) -> None:
        """Listen no more."""
        self._runner.close()

    async def _run(self, page: str, arguments: tuple[str, ...], seconds: float) -> PageResult:
        if not all(isinstance(each, str) for each in arguments):
            raise TypeError(f"The arguments of a program are texts: {arguments!r}.")
        target = self._target(page)
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

    def _target(self, page: str) -> Target:
        root = self.server.config.directory
        try:
            target = locate(os.path.join(root, page), root)
        except ConfigError:
            raise PageError(
                f"{page} is not in the served folder {root}: serve another `directory`."
            ) from None
        if target.made:
            self._pages[target.path] = target.made
        return evolve(target, name=page)

    async def _result(self, outcome: Outcome, printed: dict[str, list[str]]) -> PageResult:
        crash = await readable_crash(outcome, self.server) if outcome.crash else ""
        # The limit has another name here.
        reason = outcome.reason.replace("(--timeout)", "(seconds=)")
        stdout, stderr = ("".join(printed[stream]) for stream in ("stdout", "stderr"))
        return PageResult(outcome.code, stdout, stderr, reason, crash)
