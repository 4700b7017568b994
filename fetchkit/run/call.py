"""What `fetchkit run` is asked to do: pages, arguments, and where their output goes. Pure."""

import signal
from pathlib import Path
from typing import Final

from attrs import frozen

__all__ = ["BY_SIGNAL", "SIGNALS", "UNREAD", "Call"]

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What ends a run early; Windows has not all of them."""
BY_SIGNAL: Final = 128
"""What a shell adds to the number of the signal that ended a program."""
UNREAD: Final = BY_SIGNAL + 13
"""What it reports when nobody reads the output any more (SIGPIPE)."""


@frozen(kw_only=True)
class Call:
    """One call of `fetchkit run`, besides the settings.

    Attributes:
        pages: paths of pages or scripts, one or several.
        arguments: for `main` of each.
        jobs: how many run at once; None for one page, whose output is the command's own.
        hostname: host of the pages' URL; empty for `localhost`.
        no_browser: leave it to somebody else to open the page.
        serve_after_exit: go on serving once the program has exited.
        serve_after_close: go on serving once the browser has ended.
        log_stdout, log_stderr: files for the exact output.
        json_lines: JSON lines on standard output.
        junit: file for a report.
    """

    pages: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    jobs: int | None = None
    hostname: str = ""
    no_browser: bool = False
    serve_after_exit: bool = False
    serve_after_close: bool = False
    log_stdout: Path | None = None
    log_stderr: Path | None = None
    json_lines: bool = False
    junit: Path | None = None
