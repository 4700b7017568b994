"""`fetchkit run`: emrun's job. Options of emrun's are spelled as there, with `-` or `_`."""

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import attrs
import click
from attrs import evolve

from fetchkit.browser import find as browsers
from fetchkit.browser import process as processes
from fetchkit.cli.limits import raise_descriptor_limit
from fetchkit.cli.options import config_of, options
from fetchkit.config import Config
from fetchkit.errors import BrowserError, ConfigError, ListenError, PageError
from fetchkit.run.call import BY_SIGNAL, SIGNALS, Call
from fetchkit.run.program import NEVER_STARTED
from fetchkit.run.settings import Run
from fetchkit.run.target import root_of

__all__ = ["run"]

# emrun's default, in the current folder.
_DUMPS = Path("dump_out")
# Options of emrun's that are refused: name, and why.
_REFUSED = {
    "no-server": "the page comes from fetchkit's own server, which also hears its output: for a page of"
    " another server use `fetchkit serve` there",
    "kill-start": "fetchkit ends only the browser that it started itself",
    "android": "fetchkit drives browsers of this machine: use --no-browser --lan, and open the URL there",
    "system-info": "fetchkit tells nothing of the machine",
    "browser-info": "use --list-browsers, or -v",
    "log-html": "use --json, and make of it what you like",
}
# Options of emrun's for what is always so.
_ALWAYS = {
    "kill-exit": "the browser is always ended",
    "no-emrun-detect": "builds without --emrun are run as well",
    "private-browsing": "every run has a fresh profile",
    "safe-firefox-profile": "every run has a fresh profile",
}

_SEPARATED = "fetchkit.run.separated"  # whether `--` stands somewhere


class _Command(click.Command):
    """Tells the options of the command, its pages and the program's own arguments apart.

    What stands behind `--` is the program's. Without it everything behind the first page is, as CMake's
    CMAKE_CROSSCOMPILING_EMULATOR has it; with --jobs all of that are pages.
    """

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Sort the words; `context.obj` gets pages and arguments."""
        context.meta[_SEPARATED] = "--" in arguments
        ours = _names_of(self)
        words = [_hyphenated(word, ours) for word in arguments]
        if "--" in arguments:
            at = arguments.index("--")
            rest = super().parse_args(context, words[:at])
            pages = context.params["pages"]
            if len(pages) == 1 or context.params["jobs"] is not None:
                context.obj = (pages, tuple(arguments[at + 1 :]))
                return rest
            context.params.clear()
        # Options end at the first page.
        context.allow_interspersed_args = False
        rest = super().parse_args(context, words)
        found = context.params["pages"]
        # Its words as they were: nothing of a program's arguments is respelled.
        words_of_program = arguments[len(arguments) - len(found) :] if found else []
        if context.params["jobs"] is not None:
            context.obj = (tuple(words_of_program), ())
        else:
            context.obj = (tuple(words_of_program[:1]), tuple(words_of_program[1:]))
        return rest


def _hyphenated(word: str, ours: set[str]) -> str:
    """`--serve_root=x` -> `--serve-root=x`; what is no option of ours stays, as the browser's arguments."""
    name, equals, value = word.partition("=")
    hyphenated = name.replace("_", "-")
    return hyphenated + equals + value if hyphenated in ours else word


def _names_of(command: click.Command) -> set[str]:
    names = (name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))
    return {name for name in names if name.startswith("--")}


def _more_options(command: Any) -> Any:
    for name, why in reversed(_ALWAYS.items()):
        command = click.option(f"--{name}", is_flag=True, expose_value=False, help=f"accepted: {why}")(
            command
        )
    for name in _REFUSED:
        command = click.option(
            f"--{name}", is_flag=True, expose_value=False, hidden=True, callback=_refuse, is_eager=True
        )(command)
    return command


def _refuse(_context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        name = (parameter.name or "").replace("_", "-")
        raise ConfigError(f"--{name} is not offered: {_REFUSED[name]}.")


@click.command("run", cls=_Command, options_metavar="[OPTIONS] PAGE [-- ARG ...]")
@click.argument("pages", nargs=-1, type=click.UNPROCESSED, metavar="")
@click.option("--browser", metavar="NAME|PATH", help="chromium, chrome, edge, firefox, or a path")
@click.option("--browser-args", metavar="ARGS", multiple=True, help="more arguments for the browser")
@click.option("--headless/--no-headless", default=None, help="no window (default: where there is no display)")
@click.option("--timeout", type=float, metavar="S", help="end the run after S seconds, with code 124")
@click.option("--silence-timeout", type=float, metavar="S", help="the same after S seconds without output")
@click.option("--timeout-returncode", type=int, metavar="N", help="exit code in place of 124")
@click.option("--log-stdout", type=Path, metavar="FILE", help="append the exact standard output to FILE")
@click.option("--log-stderr", type=Path, metavar="FILE", help="append the exact standard error to FILE")
@click.option("--serve-root", type=Path, metavar="DIR", help="the folder to serve (default: the page's)")
@click.option("--hostname", default="", metavar="NAME", help="host of the page's URL (default: localhost)")
@click.option("--no-browser", is_flag=True, help="open no browser; the URL to open is printed")
@click.option("--serve-after-exit", is_flag=True, help="go on serving once the program has exited")
@click.option("--serve-after-close", is_flag=True, help="go on serving once the browser has ended")
@click.option("--json", "json_lines", is_flag=True, help="JSON lines on standard output: output and exit")
@click.option("--list-browsers", is_flag=True, help="list the browsers that are found, and exit")
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", help="run several pages, N at once")
@click.option("--junit", type=Path, metavar="FILE", help="write a JUnit report of the pages")
@_more_options
@options
@click.pass_context
def run(context: click.Context, /, pages: tuple[str, ...], **flags: Any) -> None:
    """Run PAGE, an HTML page or the .js that emcc wrote, in a browser of its own.

    Prints what the page prints, and exits with its exit code.
    """
    pages, arguments = context.obj
    own = {name: flags.pop(name) for name in _OWN}
    if own.pop("list_browsers"):
        _list_browsers(as_json=own["json_lines"])
        return
    if not pages:
        raise click.UsageError("Name a page: an .html file, or the .js that emcc wrote", context)
    if own["junit"] and own["jobs"] is None:
        own["jobs"] = 1
    if own["jobs"] is not None and own["no_browser"]:
        raise ConfigError("--jobs needs browsers of its own: leave --no-browser out.")
    if own["jobs"] is not None and own["hostname"]:
        raise ConfigError("--jobs gives every page a host of its own: leave --hostname out.")
    if (flags["tls"] or flags["lan"]) and not own["no_browser"]:
        raise ConfigError(
            "The browser of a run does not know the development CA, and localhost is a secure context without"
            " it: leave --tls and --lan out, or open the page yourself with --no-browser."
        )
    serve_root = own.pop("serve_root")
    given = {name: own.pop(name) for name in [a.name for a in attrs.fields(Run)]}
    config = _configured(config_of(flags, root_of(pages[0], serve_root)), given, own["hostname"])
    if serve_root is None and own["jobs"] is not None:
        config = evolve(config, directory=_common_root(pages))
    call = Call(pages=pages, arguments=arguments, **own)
    _warn_of_misplaced(context, arguments)
    sys.exit(_run(config, call))


_OWN = (
    *(a.name for a in attrs.fields(Run)),
    *(a.name for a in attrs.fields(Call) if a.name not in ("pages", "arguments")),
    *("list_browsers", "serve_root"),
)


def _configured(config: Config, given: dict[str, Any], hostname: str) -> Config:
    """The settings with the flags of `run`, and with what holds for a run alone."""
    run_flags = {name: value for name, value in given.items() if value not in (None, ())}
    if "browser_args" in run_flags:
        run_flags["browser_args"] = tuple(arg for args in run_flags["browser_args"] for arg in _words(args))
    # A page that reloads itself when its build changes would begin anew in the middle of a run.
    config = evolve(config, run=evolve(config.run, **run_flags), reload=False)
    if config.dump_out_directory is None:
        config = evolve(config, dump_out_directory=_DUMPS)
    if hostname and not config.host and hostname != "localhost":
        config = evolve(config, host=(hostname,), allow_host=(*config.allow_host, hostname))
    return config


def _words(args: str) -> list[str]:
    try:
        return shlex.split(args)
    except ValueError as error:
        raise ConfigError(f"--browser-args {args} cannot be split into words: {error}.") from error


def _common_root(pages: tuple[str, ...]) -> Path:
    return Path(os.path.commonpath([os.path.dirname(os.path.abspath(page)) for page in pages]))


def _run(config: Config, call: Call) -> int:
    headless = config.run.headless if config.run.headless is not None else not _has_display()
    started = None
    for number in SIGNALS:
        signal.signal(number, lambda number, _: sys.exit(BY_SIGNAL + number))  # until the loop has its own
    try:
        if not call.no_browser:
            found = browsers.find(config.run.browser)
            # It starts while the rest is imported.
            started = processes.start(found, headless=headless, args=config.run.browser_args)
        raise_descriptor_limit()
        from fetchkit.run.session import run as run_session  # noqa: PLC0415

        return _in_loop(run_session(config, call, started, headless=headless))
    except (BrowserError, ListenError, PageError) as error:
        click.echo(f"fetchkit: {error}", err=True)
        if call.json_lines:
            click.echo(json.dumps({"event": "exit", "code": NEVER_STARTED, "reason": str(error)}))
        return NEVER_STARTED
    finally:
        if started is not None:
            started.close()


def _in_loop(work: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop  # noqa: PLC0415  not on Windows
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _warn_of_misplaced(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Say where a flag of ours stands behind the page, if nothing tells that it is meant so."""
    if context.meta[_SEPARATED] or not sys.stderr.isatty():  # CTest puts a test's own flags there
        return
    ours = _names_of(context.command)
    for word in arguments:
        if (name := _hyphenated(word, ours).partition("=")[0]) in ours:
            click.echo(
                f"fetchkit: {name} stands behind the page, so the program gets it;"
                " `--` between them says that you mean it.",
                err=True,
            )


def _list_browsers(*, as_json: bool) -> None:
    found = browsers.installed()
    if as_json:
        click.echo(json.dumps([{"name": each.name, "path": each.path} for each in found]))
        return
    for each in found:
        click.echo(f"{each.name}\t{each.path}")
    if not found:
        click.echo("fetchkit: no browser is found.", err=True)
