"""One call of `fetchkit run`: a server, a browser, the pages, and an exit code; nothing is left behind."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Self

from attrs import define, evolve, field

from fetchkit import log
from fetchkit.browser.driver import Browser, connect
from fetchkit.browser.find import Family, Found
from fetchkit.browser.process import Process, start
from fetchkit.config import Config
from fetchkit.errors import BrowserError
from fetchkit.listen import EVERYWHERE
from fetchkit.net.hosts import Host, bare_name
from fetchkit.run import output as outputs
from fetchkit.run.call import BY_SIGNAL, SIGNALS, UNREAD, Call
from fetchkit.run.jobs import located, reported, run_all
from fetchkit.run.output import GRACE, Output
from fetchkit.run.page import query as query_of
from fetchkit.run.program import NEVER_STARTED, UNCAUGHT, Limits, Outcome
from fetchkit.run.results import status_of
from fetchkit.run.runner import Runner, page_script, readable_crash
from fetchkit.run.target import Target, locate
from fetchkit.server import Server, running

__all__ = ["run"]

# For a program that exited with 0, where a file has not got all of its output: as for a wrong setting.
_LOST = 2
# Where `localhost` leads to.
_LOCAL = {"127.0.0.1", "::1", "localhost", *EVERYWHERE}


async def run(config: Config, call: Call, process: Process | None, *, headless: bool) -> int:
    """Run the pages; the exit code.

    Args:
        config: the settings, whose folder is the one to serve.
        call: what to do.
        process: the browser, which is starting; None where somebody else opens the page.
        headless: whether nobody can see or click anything.

    Raises:
        PageError: a page that cannot be run, where it is the only one.
        ConfigError, ListenError: before anything runs.
    """
    logs = {"stdout": call.log_stdout, "stderr": call.log_stderr}
    async with outputs.opened(json_lines=call.json_lines, logs=logs) as output, _logging_to(output, config):
        browsers = None if process is None else _Browsers(process, headless, config.run.browser_args)
        session = _Session(config, call, browsers, output, headless)
        with _stoppable() as stopped:
            work = asyncio.ensure_future(session.run())
            await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        return BY_SIGNAL + stopped.result() if session.outcome is None else session.outcome.code


@define
class _Session:
    config: Config
    call: Call
    browsers: "_Browsers | None"
    output: Output
    headless: bool
    outcome: Outcome | None = None
    """How the page ended, while the server goes on."""

    async def run(self) -> int:
        """Serve, run what is asked for, and say how it ended."""
        if self.call.jobs is None:
            begun = asyncio.get_running_loop().time()
            code = await self._one()
            seconds = asyncio.get_running_loop().time() - begun
        else:
            code, seconds = await self._many(self.call.jobs)
        return await self._told(code, max((self.config.run.timeout or math.inf) - seconds, GRACE))

    async def _told(self, code: int, seconds: float) -> int:
        """Wait until all output has been taken; the exit code, which says whether it was."""
        if not await self.output.is_drained(seconds):
            self.output.give_up("the output was not taken to its end in time (--timeout).")
            return self.config.run.timeout_returncode & 0xFF
        if self.output.unread.is_set():
            return UNREAD
        for stream, error in self.output.lost.items():
            self.output.say(f"--log-{stream} has not got all of it: {error.strerror}.")
            code = code or _LOST
        return code

    async def _one(self) -> int:
        target = locate(self.call.pages[0], self.config.directory)
        markup = b"" if self.browsers is not None else _markup(self.call)
        async with running(self.config, pages=_made([target]), markup=markup) as server:
            outcome = await self._outcome(self._runner(server), target)
        # The server has stopped: what it had held back of the page's output is out by now.
        await _tell(outcome, server, self.output)
        return outcome.code

    async def _many(self, jobs: int) -> tuple[int, float]:
        """Exit code, and how long the longest page took."""
        config, call, browsers = self.config, self.call, self.browsers
        assert browsers is not None  # noqa: S101  the command refuses it
        pages = located(call.pages, config.directory)
        made = _made([page for page in pages if isinstance(page, Target)])
        with reported(self.output, call.junit, quiet=config.quiet) as results:
            async with running(config, pages=made) as server, browsers:
                await run_all(
                    self._runner(server),
                    pages,
                    call.arguments,
                    jobs=jobs,
                    limits=limits_of(config, headless=self.headless, watched=False),
                    output=self.output,
                    reconnect=browsers.next,
                    results=results,
                    quiet=config.quiet,
                    verbose=config.verbose,
                )
        return status_of(results), max((result.seconds for result in results), default=0.0)

    def _runner(self, server: Server) -> Runner:
        """Runs pages, and lets them wait while what they printed is not taken."""
        runner = Runner(server)
        self.output.crowded = lambda crowded: runner.hold(held=crowded)
        return runner

    async def _outcome(self, runner: Runner, target: Target) -> Outcome:
        try:
            async with self.browsers or contextlib.nullcontext():
                if self.browsers is not None:
                    browser = await self.browsers.next()
                    runner.use(browser)
                    if self.config.verbose:
                        self.output.say(f"{browser.version}, {self.browsers.manner}")
                outcome = await self._page(runner, target)
                if self.call.serve_after_exit and not outcome.failed:
                    await self._go_on(outcome, runner.server)
        except BrowserError as error:
            outcome = Outcome(NEVER_STARTED, str(error), failed=True)
        closed = outcome.code == UNCAUGHT and not outcome.crash
        if self.call.serve_after_close and (outcome.failed or closed):
            await self._go_on(outcome, runner.server)
        return outcome

    async def _go_on(self, outcome: Outcome, server: Server) -> None:
        """Say how it ended, and serve until a signal."""
        self.outcome = outcome
        await _tell(outcome, server, self.output)
        self.output.say(f"exit code {outcome.code}; serving on until Ctrl-C.")
        await asyncio.Event().wait()

    async def _page(self, runner: Runner, target: Target) -> Outcome:
        config, call = self.config, self.call
        host, query = host_of(config, call.hostname), query_of(call.arguments)
        if runner.browser is None:
            self.output.say(f"open {runner.url_of(target, query, host)}")
        work = asyncio.ensure_future(
            runner.run(
                target,
                call.arguments or None,
                limits=limits_of(config, headless=self.headless, watched=runner.browser is None),
                write=self.output.write,
                says=self.output.say if config.verbose else lambda _: None,
                host=host,
                query=query,
                keeps_tab=True,
            )
        )
        unread = asyncio.ensure_future(self.output.unread.wait())
        try:
            await asyncio.wait([work, unread], return_when=asyncio.FIRST_COMPLETED)
            return Outcome(UNREAD) if unread.done() else work.result()
        finally:
            work.cancel()
            unread.cancel()


@contextlib.asynccontextmanager
async def _logging_to(output: Output, config: Config) -> AsyncIterator[None]:
    """Let the log stand in its place among the output; afterwards it goes to standard error as ever."""
    loop = asyncio.get_running_loop()

    def configure(write: Callable[[str], object] | None) -> None:
        log.configure(config.log_format, verbose=config.verbose, quiet=not config.verbose, write=write)

    configure(lambda line: loop.call_soon_threadsafe(output.line, line))
    try:
        yield
    finally:
        configure(None)
        await asyncio.sleep(0)  # what was logged meanwhile is on its way to the output


def host_of(config: Config, wanted: str) -> str:
    """The host of the pages' URL: `localhost`, which emrun builds look for, where it leads to this server."""
    bound = [bare_name(host) for host in config.host]
    if wanted or not bound or not _LOCAL.isdisjoint(bound):
        return wanted or "localhost"
    return str(Host(bound[0]))


def limits_of(config: Config, *, headless: bool, watched: bool) -> Limits:
    """When to give up; never on a page that a person may still open or click."""
    run = config.run
    limits = Limits(
        timeout=run.timeout or math.inf,
        silence=run.silence_timeout or math.inf,
        timeout_code=run.timeout_returncode & 0xFF,
    )
    if watched:
        limits = evolve(limits, load=math.inf, idle=math.inf)
    return limits if headless else evolve(limits, idle=math.inf)


def _markup(call: Call) -> bytes:
    """The script in the pages themselves, where no driver puts it there."""
    script = page_script(call.arguments or None)
    return f"<script>\n{script}</script>\n".encode("ascii")


def _made(targets: Iterable[Target]) -> dict[str, bytes]:
    return {target.path: target.made for target in targets if target.made}


@define
class _Browsers:
    """The browser that was started, and others after it should it end; leaving the block ends the last."""

    process: Process | None
    headless: bool
    args: tuple[str, ...]
    _found: Found = field(init=False)
    _current: Browser | None = None

    def __attrs_post_init__(self) -> None:
        assert self.process is not None  # noqa: S101  it is the first
        self._found = self.process.found

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    @property
    def manner(self) -> str:
        """How it is driven, for -v."""
        protocol = "WebDriver BiDi" if self._found.family is Family.FIREFOX else "the DevTools protocol"
        return f"{'headless' if self.headless else 'with a window'}, heard through {protocol}"

    async def next(self) -> Browser:
        """A browser that answers, in place of the one before.

        Raises:
            BrowserError: it does not start.
        """
        await self._end()
        process, self.process = self.process, None
        if process is None:
            process = start(self._found, headless=self.headless, args=self.args)
        self._current = await connect(process)
        return self._current

    async def _end(self) -> None:
        ended, self._current = self._current, None
        if ended is not None:
            await ended.close()


@contextlib.contextmanager
def _stoppable() -> "Iterator[asyncio.Future[int]]":
    """A future that gets the number of the signal that ends us."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(number)

    for number in SIGNALS:
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop, number)
    try:
        yield stopped
    finally:
        for number in SIGNALS:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


async def _tell(outcome: Outcome, server: Server, output: Output) -> None:
    """Say how it ended, where the program has not said it itself."""
    if outcome.crash:
        crash = await readable_crash(outcome, server)
        output.event("crash", text=crash)
        output.crash(crash)
    if outcome.reason:
        output.say(outcome.reason)
    output.event("exit", code=outcome.code, reason=outcome.reason)
