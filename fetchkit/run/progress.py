"""How far several pages are: a bar at the bottom of a terminal, else a line for each that has ended."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

from fetchkit.run.output import Output
from fetchkit.run.results import Result, line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

__all__ = ["Progress", "shown"]

# Back to the first column, and nothing in the line (ECMA-48, CR and EL 2).
_ERASE: Final = b"\r\x1b[2K"
# The seconds in the bar go on by themselves; a person sees no more pictures than ten a second.
_TICK_SECONDS: Final = 0.25
_FRAME_SECONDS: Final = 0.1


class Progress(Protocol):
    """Hears what becomes of the pages."""

    def started(self, name: str) -> None:
        """A page is opened."""

    def ended(self, result: Result) -> None:
        """A page has its result."""


@contextlib.contextmanager
def shown(output: Output, total: int, *, quiet: bool = False) -> Iterator[Progress]:
    """What fits where standard error leads, until the block is left.

    Args:
        output: where the pages' output goes.
        total: how many pages there are.
        quiet: show nothing.
    """
    if quiet:
        yield _Nothing()
    elif output.json_lines or not _is_terminal():
        yield _Lines(output)
    else:
        bar = _Bar(output, total)
        try:
            yield bar
        finally:
            bar.close()


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


class _Nothing:
    def started(self, name: str) -> None:
        pass

    def ended(self, result: Result) -> None:
        pass


class _Lines:
    def __init__(self, output: Output) -> None:
        self._output = output

    def started(self, name: str) -> None:
        pass

    def ended(self, result: Result) -> None:
        self._output.say(line(result))


class _Bar:
    """One line that rich draws; the output puts all that it writes to the terminal above it.

    rich's own Live would print through a Console, a line at a time and from a thread: too slow for a million
    lines, and where standard output is a file it has to get the exact bytes.
    """

    def __init__(self, output: Output, total: int) -> None:
        self._output = output
        self._running: list[str] = []
        self._passed = self._failed = 0
        self._console, self._progress = _made(total)
        self._drawn = b""
        self._timer: asyncio.TimerHandle | None = None
        self._same_terminal = {"stderr": True, "stdout": _same_terminal()}
        output.frame = self._frame
        self._draw()

    def started(self, name: str) -> None:
        self._running.append(name)
        self._draw_soon()

    def ended(self, result: Result) -> None:
        if result.name in self._running:
            self._running.remove(result.name)
        if result.passed:
            self._passed += 1
        else:
            self._failed += 1
            self._output.say(line(result))
        self._draw_soon()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._timer is not None:
            self._timer.cancel()
        self._drawn = b""
        self._output.redraw(last=True)
        self._output.frame = None

    def _frame(self, stream: str, data: bytes) -> bytes:
        # The cursor stands at the start of the bar: what others write overwrites it, and does not follow it.
        return _ERASE + data + self._drawn if self._same_terminal[stream] else data

    def _draw_soon(self) -> None:
        """No more often than a person sees."""
        loop = asyncio.get_running_loop()
        at = loop.time() + _FRAME_SECONDS
        if self._timer is None or self._timer.when() > at:
            self._draw_at(at)

    def _draw_at(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._draw)

    def _draw(self) -> None:
        self._draw_at(asyncio.get_running_loop().time() + _TICK_SECONDS)
        counts = f"{self._passed} passed"
        if self._failed:
            counts += f", {self._failed} failed"
        task = self._progress.task_ids[0]
        self._progress.update(
            task,
            completed=self._passed + self._failed,
            counts=counts,
            pages=", ".join(self._running),
        )
        with self._console.capture() as capture:
            self._console.print(self._progress.get_renderable(), end="", no_wrap=True, crop=True)
        # One line, whatever the width.
        self._drawn = capture.get().partition("\n")[0].encode("utf-8", "replace") + b"\r"
        self._output.redraw()


def _made(total: int) -> "tuple[Console, RichProgress]":
    """A console that only renders, and a bar that is only rendered."""
    from rich.console import Console  # noqa: PLC0415  on a terminal only: 40 ms
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as RichProgress  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    one_line = Column(no_wrap=True, overflow="ellipsis")
    progress = RichProgress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}", markup=False, table_column=one_line),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pages]}", markup=False, table_column=one_line),
        console=console,
        auto_refresh=False,
    )
    progress.add_task("", total=total, counts="", pages="")
    return console, progress


def _same_terminal() -> bool:
    """Whether both streams are the same terminal, whose last line is the bar."""
    try:
        return sys.stdout.isatty() and os.ttyname(sys.stdout.fileno()) == os.ttyname(sys.stderr.fileno())
    except OSError:
        return False
