"""The command line: builds a Config, and nothing else that the library could not do."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar, get_origin

import click

from fetchkit.config import Config, settings
from fetchkit.errors import ConfigError, FetchkitError
from fetchkit.sources import as_toml, flag_name, load
from fetchkit.version import VERSION

__all__ = ["main"]

_MOST_DESCRIPTORS = 10_240
_Command = TypeVar("_Command", bound=Callable[..., Any])


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit code 0 is fine, 2 bad usage or configuration, 1 anything else."""
    try:
        sys.exit(_commands.main(arguments, prog_name="fetchkit", standalone_mode=False))
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "fetchkit"
        sentence = " ".join(error.format_message().split()).rstrip(".")
        click.echo(f"fetchkit: {sentence}; `{command} --help` lists what there is.", err=True)
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(1)
    except ConfigError as error:
        click.echo(f"fetchkit: {error}", err=True)
        sys.exit(2)
    except FetchkitError as error:
        click.echo(f"fetchkit: {error}", err=True)
        sys.exit(1)


def _options(command: _Command) -> _Command:
    """One flag for each setting that has one."""
    for name, (attribute, setting) in reversed(settings().items()):
        if not setting.flag:
            continue
        names = [flag_name(name), *([f"-{setting.short}"] if setting.short else [])]
        kind: dict[str, Any] = {"default": None, "help": setting.help, "metavar": setting.metavar or None}
        if attribute.type is bool:
            kind |= {"is_flag": True, "metavar": None}
            if name.partition("_")[0] not in ("no", "verbose", "quiet"):
                names[0] += f"/--no-{names[0].removeprefix('--')}"  # for a switch that the file turned on
        elif get_origin(attribute.type) is tuple:
            kind["multiple"] = True
        elif name == "port":
            kind["type"] = int
        elif name == "token":
            kind |= {"is_flag": False, "flag_value": ""}
        command = click.option(*names, name, **kind)(command)
    return click.option("--config", "config_file", type=Path, metavar="FILE", help="configuration file")(
        command
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="fetchkit", message="%(prog)s %(version)s")
def _commands() -> None:
    """Everything an Emscripten application needs from a server: one process, one port."""


@_commands.command("serve")
@click.argument("directory", required=False, type=Path, metavar="[DIR]")
@_options
def _serve(directory: Path | None, **flags: Any) -> None:
    """Serve DIR (default: the current folder) until Ctrl-C."""
    if directory is None and flags["token"] and Path(flags["token"]).is_dir():
        raise ConfigError(
            "--token takes the next word as its TEXT: write --token=TEXT, or put DIR before it."
        )
    _run(_serve_until_signal(_config(flags, directory)))


@_commands.command("demo")
@_options
def _demo(**flags: Any) -> None:
    """Serve the demo site, which shows every feature in the browser."""
    from fetchkit.assets import static_dir  # noqa: PLC0415  the other commands need no assets

    _run(_demo_until_signal(_config(flags, static_dir() / "demo")))


@_commands.command("config")
@click.argument("directory", required=False, type=Path, metavar="[DIR]")
@_options
def _show(directory: Path | None, **flags: Any) -> None:
    """Print the settings in force, as a fetchkit.toml, each with where it came from."""
    given, config_file = _given(flags, directory)
    click.echo(as_toml(load(given, config_file=config_file)))


def _given(flags: dict[str, Any], directory: Path | None) -> tuple[dict[str, Any], Path | None]:
    config_file = flags.pop("config_file")
    if directory is not None:
        flags["directory"] = directory
    return {name: value for name, value in flags.items() if value not in (None, ())}, config_file


def _config(flags: dict[str, Any], directory: Path | None) -> Config:
    given, config_file = _given(flags, directory)
    return load(given, config_file=config_file).config


def _run(serving: Coroutine[Any, Any, None]) -> None:
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
    _raise_descriptor_limit()
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


def _raise_descriptor_limit() -> None:
    """Have as many descriptors as the system lets us: a tunnel needs two, and shells give 1024."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # macOS says that there is no limit, and then takes no more than this (OPEN_MAX).
        wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
