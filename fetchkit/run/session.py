"""One call of `fetchkit run`: a server, a browser, the pages, and an exit code; nothing is left behind."""

import asyncio
import contextlib
import math
import signal
from collections.abc import AsyncIterator, Iterator

from attrs import evolve

from fetchkit import log
from fetchkit.browser.driver import Browser, connect
from fetchkit.browser.process import Process
from fetchkit.config import Config
from fetchkit.errors import BrowserError
from fetchkit.run import output as outputs
from fetchkit.run.asked import Asked
from fetchkit.run.output import Output
from fetchkit.run.page import query as query_of
from fetchkit.run.program import NEVER_STARTED, Limits, Outcome
from fetchkit.run.runner import Runner, page_script, readable_crash
from fetchkit.run.target import Target, locate
from fetchkit.server import Server, running

__all__ = ["run"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BY_SIGNAL = 128  # what a shell adds to the number of a signal
_LOCAL = ("127.0.0.1", "::1", "localhost")


async def run(config: Config, asked: Asked, process: Process | None, *, headless: bool) -> int:
    """Run the pages; the exit code.

    Args:
        config: the settings, whose folder is the one to serve.
        asked: what to do.
        process: the browser, which is starting; None where somebody else opens the page.
        headless: whether nobody can see or click anything.

    Raises:
        PageError: a page that cannot be run, where it is the only one.
        ConfigError, ListenError: before anything runs.
    """
    log.configure(config.log_format, verbose=config.verbose, quiet=not config.verbose)
    with (
        outputs.opened(
            json_lines=asked.json_lines, log_stdout=asked.log_stdout, log_stderr=asked.log_stderr
        ) as output,
        _stoppable() as stopped,
    ):
        work = asyncio.ensure_future(_run(config, asked, process, output, headless=headless))
        try:
            await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
                return _BY_SIGNAL + stopped.result()
            return _BY_SIGNAL + signal.SIGPIPE if output.broken else work.result()
        finally:
            stopped.cancel()
            if process is not None:
                process.kill()


async def _run(
    config: Config, asked: Asked, process: Process | None, output: Output, *, headless: bool
) -> int:
    targets = [locate(page, config.directory) for page in asked.pages]
    made = {target.path: target.made for target in targets if target.made}
    markup = b"" if process is not None else _markup(asked)
    async with running(config, pages=made, markup=markup) as server:
        runner = Runner(server)
        try:
            async with _browser(process) as browser:
                runner.browser = browser
                if browser is not None and config.verbose:
                    output.say(f"{browser.version}, {'headless' if headless else 'with a window'}")
                outcome = await _run_one(config, asked, runner, targets[0], output, headless=headless)
                if asked.serve_after_exit or (asked.serve_after_close and outcome.failed):
                    await asyncio.Event().wait()
        except BrowserError as error:
            outcome = Outcome(NEVER_STARTED, str(error), failed=True)
    # The server has stopped: what it had held back of the page's output is out by now.
    await _tell(outcome, server, output)
    return outcome.code


async def _run_one(
    config: Config, asked: Asked, runner: Runner, target: Target, output: Output, *, headless: bool
) -> Outcome:
    host = asked.hostname or "localhost"
    query = query_of(asked.arguments)
    if runner.browser is None:
        output.say(f"open {runner.url_of(target, query, host)}")
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def write(stream: str, text: str) -> None:
        output.write(stream, text)
        if output.broken and not ended.done():
            ended.set_result(None)

    running_page = asyncio.ensure_future(
        runner.run(
            target,
            asked.arguments or None,
            limits=limits_of(config, headless=headless, watched=runner.browser is None),
            write=write,
            says=output.say if config.verbose else lambda _: None,
            host=host,
            query=query,
            keeps_tab=True,
        )
    )
    try:
        await asyncio.wait([running_page, ended], return_when=asyncio.FIRST_COMPLETED)
        return running_page.result() if running_page.done() else Outcome(_BY_SIGNAL + signal.SIGPIPE)
    finally:
        running_page.cancel()


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


def _markup(asked: Asked) -> bytes:
    """The script in the pages themselves, where no driver puts it there."""
    script = page_script(asked.arguments or None)
    return f"<script>\n{script}</script>\n".encode("ascii")


@contextlib.asynccontextmanager
async def _browser(process: Process | None) -> AsyncIterator[Browser | None]:
    """The browser, once it answers, until the block is left."""
    if process is None:
        yield None
        return
    browser = await connect(process)
    try:
        yield browser
    finally:
        await browser.close()


@contextlib.contextmanager
def _stoppable() -> "Iterator[asyncio.Future[int]]":
    """A future that gets the number of the signal that ends us."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        yield stopped
    finally:
        for number in _SIGNALS:
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
