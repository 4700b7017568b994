"""Log lines on standard error: text for people, JSON for programs; foreign text is escaped."""

import contextlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TextIO

from fetchkit.config import LogFormat
from fetchkit.text import escape, escape_lines

__all__ = ["configure", "write_line"]


def write_line(
    kind: str, text: str, values: Mapping[str, object], form: LogFormat, stream: TextIO | None = None
) -> None:
    """Write one line: `text`, or `values` with time and kind as JSON.

    Nobody may be reading any more (`2>&1 | head`): then there is nothing to say, and requests go on.
    """
    _print(_line(kind, text, values, form), stream)


def _line(kind: str, text: str, values: Mapping[str, object], form: LogFormat) -> str:
    if form is LogFormat.JSON:
        return json.dumps({"time": round(time.time(), 3), "event": kind, **values})
    return text


def _print(text: str, stream: TextIO | None = None) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(text, file=stream or sys.stderr, flush=True)


class _Handler(logging.Handler):
    """Writes records of the standard library's logging, aiohttp's and asyncio's among them."""

    def __init__(self, form: LogFormat, write: Callable[[str], object], *, tracebacks: bool) -> None:
        super().__init__()
        self._write = write
        self._form = form
        self._tracebacks = tracebacks

    def emit(self, record: logging.LogRecord) -> None:
        level, message = record.levelname.lower(), escape(record.getMessage())
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            message += f": {escape(repr(error))}"
        values: dict[str, object] = {"level": level, "logger": record.name, "message": message}
        text = f"{level}: {message}"
        if error is not None and self._tracebacks:
            values["traceback"] = "".join(traceback.format_exception(error))
            text += "\n" + escape_lines(str(values["traceback"]).rstrip())
        self._write(_line("log", text, values, self._form))


def configure(
    form: LogFormat, *, verbose: bool, quiet: bool, write: Callable[[str], object] | None = None
) -> None:
    """Send what the process logs to standard error, or to what takes its lines, from any thread."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(
        level=level, handlers=[_Handler(form, write or _print, tracebacks=verbose)], force=True
    )
    for chatty in ("asyncio", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
