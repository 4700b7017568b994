"""Where the output of a page goes: standard output and error, in order, escaped; exact into files."""

import asyncio
import contextlib
import json
import os
import select
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, TextIO

from attrs import field, mutable

from fetchkit.errors import ConfigError
from fetchkit.text import escape_controls

__all__ = ["Output", "opened"]


@mutable
class Output:
    """Takes lines of two streams and keeps their order, where both lead to the same place too.

    Lines are gathered while the loop handles one batch of what a page sent, so that a page that prints a
    million of them costs some thousand writes; they have left when the batch is over.

    Attributes:
        json_lines: write JSON objects, one a line, to standard output in place of the text.
        logs: files for the exact text, by stream.
    """

    json_lines: bool = False
    logs: Mapping[str, BinaryIO] = field(factory=dict)
    _stream: str = "stdout"
    _lines: list[str] = field(factory=list)
    _scheduled: bool = False
    broken: bool = False
    """Whether nobody reads any more."""

    def write(self, stream: str, text: str) -> None:
        """One call of a page's `out()` or `err()`: a line, or several."""
        log = self.logs.get(stream)
        if log is not None:
            log.write(text.encode("utf-8", "surrogatepass") + b"\n")
        if self.json_lines:
            self._put("stdout", json.dumps({"event": stream, "text": text}))
        else:
            self._put(stream, escape_controls(text))

    def event(self, kind: str, **values: object) -> None:
        """A JSON line of another kind; nothing where the output is text."""
        if self.json_lines:
            self._put("stdout", json.dumps({"event": kind, **values}))

    def say(self, sentence: str) -> None:
        """A sentence of our own, for people."""
        self._put("stderr", f"fetchkit: {escape_controls(sentence)}")

    def crash(self, text: str) -> None:
        """What is known of a crash."""
        self._put("stderr", escape_controls(text))

    def _put(self, stream: str, line: str) -> None:
        if stream != self._stream:
            self.flush()
            self._stream = stream
        self._lines.append(line)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_soon)

    def _flush_soon(self) -> None:
        self._scheduled = False
        self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._lines:
            return
        data = "\n".join([*self._lines, ""]).encode("utf-8", "replace")
        self._lines.clear()
        file: TextIO = sys.stdout if self._stream == "stdout" else sys.stderr
        try:
            file.flush()
            _write(file.fileno(), data)
        except OSError:  # as `head` does once it has its lines
            self.broken = True


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever shares the pipe with us made it so
            select.select([], [descriptor], [])


@contextlib.contextmanager
def opened(*, json_lines: bool, log_stdout: Path | None, log_stderr: Path | None) -> Iterator[Output]:
    """The output, with its files open; what was written is there when the block is left.

    Raises:
        ConfigError: a file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        logs = {}
        for stream, path in (("stdout", log_stdout), ("stderr", log_stderr)):
            if path is not None:
                try:
                    logs[stream] = stack.enter_context(path.open("ab"))
                except OSError as error:
                    raise ConfigError(
                        f"--log-{stream} {path} cannot be written: {error.strerror}."
                    ) from error
        output = Output(json_lines, logs)
        try:
            yield output
        finally:
            output.flush()
