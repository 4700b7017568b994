"""Where the output of a page goes: standard output and error, in order, escaped; exact into files."""

import asyncio
import contextlib
import json
import math
import os
import select
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from attrs import define, field, mutable

from fetchkit.errors import ConfigError
from fetchkit.run.writer import Writer
from fetchkit.text import escape_controls

__all__ = ["GRACE", "Output", "opened"]

GRACE: Final = 1.0
"""Seconds in which output may still be taken when the run is to end at once."""


@define
class _Lines:
    """Gathers lines: those in a row for one descriptor become one write.

    Attributes:
        errors: what becomes of half a pair of surrogates.
        made: makes the bytes for a descriptor.
    """

    errors: str
    made: Callable[[str, bytes], bytes]
    _stream: str = ""
    _descriptor: int = -1
    _lines: list[str] = field(factory=list)
    _writes: list[tuple[int, bytes]] = field(factory=list)

    def add(self, stream: str, descriptor: int, line: str) -> None:
        if descriptor != self._descriptor:
            self._end()
            self._stream, self._descriptor = stream, descriptor
        self._lines.append(line)

    def taken(self) -> list[tuple[int, bytes]]:
        """What is to be written."""
        self._end()
        writes, self._writes = self._writes, []
        return writes

    def _end(self) -> None:
        if self._lines:
            data = "\n".join([*self._lines, ""]).encode("utf-8", self.errors)
            self._lines.clear()
            self._writes.append((self._descriptor, self.made(self._stream, data)))


@mutable
class Output:
    """Takes lines of two streams and keeps their order, where both lead to the same place too.

    Lines are gathered while the loop handles one batch of what a page sent, so that a page that prints a
    million of them costs some thousand writes; they are on their way when the batch is over.

    Attributes:
        json_lines: write JSON objects, one a line, to standard output in place of the text.
        logs: descriptors of files for the exact text, by stream; one may take both.
        frame: puts around what leaves for a stream whatever keeps a line at the bottom of the terminal.
        crowded: told with True when so much waits to be taken that no more should come, and then with False.
        unread: set once nobody reads any more.
        lost: why a file has not all of its stream, as on a full disk.
    """

    json_lines: bool = False
    logs: Mapping[str, int] = field(factory=dict)
    frame: Callable[[str, bytes], bytes] | None = None
    crowded: Callable[[bool], None] = lambda _: None
    unread: asyncio.Event = field(factory=asyncio.Event)
    lost: dict[str, OSError] = field(factory=dict)
    _shown: _Lines = field(init=False)
    _logged: _Lines = field(init=False)
    _writer: Writer = field(init=False)
    _scheduled: bool = False
    _given_up: bool = False

    def __attrs_post_init__(self) -> None:
        self._shown = _Lines("replace", self._framed)
        self._logged = _Lines("surrogatepass", lambda _, data: data)
        self._writer = Writer(self._is_crowded, self._failed)

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
            self._logged.add(stream, log, lines)
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

    def line(self, text: str) -> None:
        """A line of our own that is no sentence, such as one of the log."""
        self._put("stderr", text)

    def crash(self, text: str, *, prefix: str = "") -> None:
        """What is known of a crash."""
        self._put("stderr", escape_controls(prefix + text.replace("\n", f"\n{prefix}")))

    def redraw(self, *, last: bool = False) -> None:
        """Draw the line at the bottom anew, unless nobody looks; `last`: in any case."""
        if last or not self._writer.is_crowded:
            self.flush()
            self._writer.put([(_descriptor("stderr"), self._framed("stderr", b""))])

    def flush(self) -> None:
        """Hand on what was gathered."""
        self._scheduled = False
        if writes := self._shown.taken() + self._logged.taken():
            self._writer.put(writes)

    async def drained(self) -> None:
        """Wait until all of it has been taken, or nobody is there to take it."""
        self.flush()
        await self._writer.drained()

    async def is_drained(self, seconds: float) -> bool:
        """Whether all has been taken within a time; False once it was given up."""
        if self._given_up:
            return False
        try:
            await asyncio.wait_for(self.drained(), None if seconds == math.inf else seconds)
        except TimeoutError:
            return False
        return True

    def give_up(self, reason: str) -> None:
        """Wait for nobody any more. The sentence is for who still looks at standard error."""
        self._given_up = True
        with contextlib.suppress(OSError, ValueError):
            stderr = _descriptor("stderr")
            if select.select([], [stderr], [], 0)[1]:  # else this would wait, too
                os.write(stderr, f"fetchkit: {reason}\n".encode())

    def close(self) -> None:
        """Nothing more comes."""
        self._writer.close()

    def _put(self, stream: str, line: str) -> None:
        self._shown.add(stream, _descriptor(stream), line)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def _framed(self, stream: str, data: bytes) -> bytes:
        return data if self.frame is None else self.frame(stream, data)

    def _is_crowded(self, crowded: bool) -> None:
        self.crowded(crowded)

    def _failed(self, descriptor: int, error: OSError) -> None:
        streams = [stream for stream, log in self.logs.items() if log == descriptor]
        for stream in streams:
            self.lost[stream] = error
        if not streams:  # as `head` does once it has its lines
            self.unread.set()


def _descriptor(stream: str) -> int:
    return (sys.stdout if stream == "stdout" else sys.stderr).fileno()


@contextlib.asynccontextmanager
async def opened(*, json_lines: bool, logs: Mapping[str, Path | None]) -> AsyncIterator[Output]:
    """The output, with its files open. When the block is left, what nobody takes within GRACE is lost.

    Raises:
        ConfigError: a file cannot be written.
    """
    descriptors: dict[str, int] = {}
    try:
        for stream, path in logs.items():
            if path is not None:
                try:
                    descriptors[stream] = _appending(path, descriptors.values())
                except OSError as error:
                    raise ConfigError(
                        f"--log-{stream} {path} cannot be written: {error.strerror}."
                    ) from error
        output = Output(json_lines, descriptors)
        try:
            yield output
        finally:
            if not await output.is_drained(GRACE):
                descriptors.clear()  # the thread stands in a write, and may yet go on with them
            output.close()
    finally:
        for descriptor in set(descriptors.values()):
            os.close(descriptor)


def _appending(path: Path, opened_before: Iterable[int]) -> int:
    """A descriptor that appends to a file, the one that is open for the same file already if there is one."""
    # A pipe that nobody has opened for reading is an error, and nothing to wait for.
    wait = getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | wait, 0o666)
    for other in opened_before:
        if os.path.samestat(os.fstat(descriptor), os.fstat(other)):
            os.close(descriptor)
            return other
    if wait:
        os.set_blocking(descriptor, True)
    return descriptor
