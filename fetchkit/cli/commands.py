"""All commands, and what becomes of their errors."""

import sys

import click

from fetchkit.cli.run import run
from fetchkit.cli.serving import config, demo, serve
from fetchkit.errors import ConfigError, FetchkitError
from fetchkit.run.program import INTERRUPTED
from fetchkit.version import VERSION

__all__ = ["run_command"]


def run_command(arguments: list[str] | None) -> None:
    """Run a command; it ends by SystemExit."""
    try:
        sys.exit(_commands.main(arguments, prog_name="fetchkit", standalone_mode=False))
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "fetchkit"
        sentence = " ".join(error.format_message().split()).rstrip(".")
        click.echo(f"fetchkit: {sentence}; `{command} --help` lists what there is.", err=True)
        sys.exit(2)
    except click.exceptions.Abort:  # Ctrl-C while everything is starting or ending
        sys.exit(INTERRUPTED)
    except ConfigError as error:
        click.echo(f"fetchkit: {error}", err=True)
        sys.exit(2)
    except FetchkitError as error:
        click.echo(f"fetchkit: {error}", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="fetchkit", message="%(prog)s %(version)s")
def _commands() -> None:
    """Everything an Emscripten application needs from a server: one process, one port."""


for _command in (serve, run, demo, config):
    _commands.add_command(_command)
