"""Where the output of a page goes: standard output and error, in order, escaped; exact into files."""

import asyncio
import contextlib
import json
import os
import select
import sys
from collections.abc import Callable, Iterator, Mapping
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
    frame: Callable[[str, bytes], bytes] | None = None
    """Puts around what leaves for a stream whatever keeps a line at the bottom of the terminal."""
    _stream: str = "stdout"
    _lines: list[str] = field(factory=list)
    _scheduled: bool = False
    unread: asyncio.Event = field(factory=asyncio.Event)
    """Set once nobody reads any more."""
    lost: dict[str, OSError] = field(factory=dict)
    """Why a file has not all of its stream, as on a full disk."""

    def write(self, stream: str, text: str, *, page: str = "", prefix: str = "") -> None:
        """One call of a page's `out()` or `err()`: a line, or several.

        Args:
            stream: `stdout` or `stderr`.
            text: without its newline.
            page: whose it is, where there are several, for JSON.
            prefix: likewise, in front of every line of text.
        """
        lines = prefix + text.replace("\n", f"\n{prefix}") if prefix else text
        log = self.logs.get(stream)
        if log is not None:
            try:
                log.write(lines.encode("utf-8", "surrogatepass") + b"\n")
            except OSError as error:
                self.lost.setdefault(stream, error)
        if self.json_lines:
            whose = {"page": page} if page else {}
            self._put("stdout", json.dumps({"event": stream, **whose, "text": text}))
        else:
            self._put(stream, escape_controls(lines))

    def event(self, kind: str, **values: object) -> None:
        """A JSON line of another kind; nothing where the output is text."""
        if self.json_lines:
            self._put("stdout", json.dumps({"event": kind, **values}))

    def say(self, sentence: str) -> None:
        """A sentence of our own, for people."""
        self._put("stderr", f"fetchkit: {escape_controls(sentence)}")

    def crash(self, text: str, *, prefix: str = "") -> None:
        """What is known of a crash."""
        self._put("stderr", escape_controls(prefix + text.replace("\n", f"\n{prefix}")))

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
        self._send(self._stream, data)

    def redraw(self) -> None:
        """Draw the line at the bottom anew."""
        self.flush()
        self._send("stderr", b"")

    def _send(self, stream: str, data: bytes) -> None:
        if self.frame is not None:
            data = self.frame(stream, data)
        file: TextIO = sys.stdout if stream == "stdout" else sys.stderr
        try:
            file.flush()
            _write(file.fileno(), data)
        except OSError:  # as `head` does once it has its lines
            self.unread.set()


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever shares the pipe with us made it so
            select.select([], [descriptor], [])


@contextlib.contextmanager
def opened(*, json_lines: bool, logs: Mapping[str, Path | None]) -> Iterator[Output]:
    """The output, with its files open; what was written is there when the block is left.

    Raises:
        ConfigError: a file cannot be written, or, when the block is left, could not be to its end.
    """
    with contextlib.ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for stream, path in logs.items():
            if path is not None:
                try:
                    files[stream] = stack.enter_context(path.open("ab"))
                except OSError as error:
                    raise _unwritten(stream, path, error) from error
        output = Output(json_lines, files)
        try:
            yield output
        finally:
            output.flush()
            for stream, file in files.items():
                try:
                    file.close()
                except OSError as error:
                    output.lost.setdefault(stream, error)
    for stream, reason in output.lost.items():
        raise _unwritten(stream, logs[stream], reason) from reason


def _unwritten(stream: str, path: Path | None, error: OSError) -> ConfigError:
    return ConfigError(f"--log-{stream} {path} cannot be written: {error.strerror}.")
