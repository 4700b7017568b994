"""The command line: builds a Config, and nothing else that the library could not do."""

import os
import signal
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit code 0 is fine, 2 bad usage or configuration, 1 anything else; `run` has more."""
    _open_what_is_closed()
    # Ctrl-C ends us as it ends any program, and with no traceback, as long as there is nothing to end well.
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from fetchkit.cli.commands import run_command  # noqa: PLC0415
    finally:
        signal.signal(signal.SIGINT, handler)
    run_command(arguments)


def _open_what_is_closed() -> None:
    """Let nothing take the place of a stream that the shell has closed (`2>&-`): what goes there is lost."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            lowest = os.open(os.devnull, os.O_RDWR)  # of the numbers that are free: its own
            setattr(sys, name, open(lowest, mode))  # noqa: SIM115  for as long as the process lives
