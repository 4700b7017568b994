"""`fetchkit serve`, `demo` and `config`."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from fetchkit.cli.limits import raise_descriptor_limit
from fetchkit.cli.options import config_of, given_of, options
from fetchkit.config import Config
from fetchkit.errors import ConfigError
from fetchkit.sources import as_toml, load

__all__ = ["config", "demo", "raise_descriptor_limit", "run_loop", "serve"]


@click.command("serve")
@click.argument("directory", required=False, type=Path, metavar="[DIR]")
@options
def serve(directory: Path | None, **flags: Any) -> None:
    """Serve DIR (default: the current folder) until Ctrl-C."""
    if directory is None and flags["token"] and Path(flags["token"]).is_dir():
        raise ConfigError(
            "--token takes the next word as its TEXT: write --token=TEXT, or put DIR before it."
        )
    run_loop(_serve_until_signal(config_of(flags, directory)))


@click.command("demo")
@options
def demo(**flags: Any) -> None:
    """Serve the demo site, which shows every feature in the browser."""
    from fetchkit.assets import static_dir  # noqa: PLC0415  the other commands need no assets

    run_loop(_demo_until_signal(config_of(flags, static_dir() / "demo")))


@click.command("config")
@click.argument("directory", required=False, type=Path, metavar="[DIR]")
@options
def config(directory: Path | None, **flags: Any) -> None:
    """Print the settings in force, as a fetchkit.toml, each with where it came from."""
    given, config_file = given_of(flags, directory)
    click.echo(as_toml(load(given, config_file=config_file)))


def run_loop(serving: Coroutine[Any, Any, None]) -> None:
    """Serve until a signal; uvloop where it exists."""
    runner: Callable[[Any], None] = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  not on Windows

        runner = uvloop.run
    with contextlib.suppress(KeyboardInterrupt):
        runner(serving)


async def _demo_until_signal(config: Config) -> None:
    from fetchkit.demo import with_helper  # noqa: PLC0415  `--help` starts without aiohttp

    async with with_helper(config) as effective:
        await _serve_until_signal(effective)


async def _serve_until_signal(config: Config) -> None:
    from fetchkit import banner, log  # noqa: PLC0415  `--help` and `config` start without aiohttp
    from fetchkit.server import running  # noqa: PLC0415
    from fetchkit.watch import terminal  # noqa: PLC0415
    from fetchkit.web.keys import events_of  # noqa: PLC0415

    log.configure(config.log_format, verbose=config.verbose, quiet=config.quiet)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: KeyboardInterrupt ends asyncio.run
            loop.add_signal_handler(number, stop.set)
    raise_descriptor_limit()
    gc.freeze()  # what was imported lives as long as the process: no collection need look at it
    async with running(config) as server:
        terminal.attach(
            events_of(server.app),
            config.log_format,
            verbose=config.verbose,
            quiet=config.quiet,
            colour=sys.stderr.isatty(),
        )
        click.echo(f"fetchkit ready {server.url}")
        banner.announce(server)
        await stop.wait()
    _ignore_more(loop)


def _ignore_more(loop: asyncio.AbstractEventLoop) -> None:
    """All is over: one more signal, when Python has given its own handlers back already, is no other end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
