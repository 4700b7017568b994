"""Log lines on standard error: text for people, JSON for programs; foreign text is escaped."""

import json
import logging
import sys
import time
from typing import TextIO

from fetchkit.config import LogFormat
from fetchkit.text import escape

__all__ = ["configure", "write_line"]


def write_line(
    kind: str, text: str, values: dict[str, object], form: LogFormat, stream: TextIO | None = None
) -> None:
    """Write one line: `text`, or `values` with time and kind as JSON."""
    out = stream or sys.stderr
    if form is LogFormat.JSON:
        text = json.dumps({"time": round(time.time(), 3), "event": kind, **values})
    print(text, file=out, flush=True)


class _Handler(logging.Handler):
    """Writes records of the standard library's logging, aiohttp's and asyncio's among them."""

    def __init__(self, form: LogFormat, *, tracebacks: bool) -> None:
        super().__init__()
        self._form = form
        self._tracebacks = tracebacks

    def emit(self, record: logging.LogRecord) -> None:
        message = escape(record.getMessage())
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            message += f": {escape(repr(error))}"
        values: dict[str, object] = {
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        write_line("log", f"{record.levelname.lower()}: {message}", values, self._form)
        if error is not None and self._tracebacks:
            sys.stderr.write(
                logging.Formatter().formatException(record.exc_info or (None, None, None)) + "\n"
            )


def configure(form: LogFormat, *, verbose: bool, quiet: bool) -> None:
    """Send what the process logs to standard error."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, handlers=[_Handler(form, tracebacks=verbose)], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
