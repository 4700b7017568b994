"""What many pages came to: a result each, what is kept of their output, and sentences about them. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import field, frozen, mutable

from fetchkit.run.program import Outcome
from fetchkit.text import escape, readable_size

__all__ = ["KEPT", "Record", "Result", "Unrunnable", "labels", "line", "status_of", "summary"]

KEPT: Final = 1024 * 1024
"""Bytes of each stream that a report has of a page; GitLab takes 30 MB of a whole report."""


@frozen
class Unrunnable:
    """A page that cannot be run, which is an error of that page and of no other.

    Attributes:
        name: as the user wrote it.
        reason: why, as a sentence.
    """

    name: str
    reason: str


@frozen
class Result:
    """What one of several pages came to.

    Attributes:
        name: of the page; no other has it.
        outcome: how it ended.
        seconds: from the opening of its page to the outcome.
        stdout, stderr: what it printed, or beginning and end of that.
        skipped: whether it was not run at all, since the whole was stopped before its turn.
    """

    name: str
    outcome: Outcome
    seconds: float = 0.0
    stdout: str = ""
    stderr: str = ""
    skipped: bool = False

    @property
    def passed(self) -> bool:
        """Whether its exit code is 0."""
        return self.outcome.code == 0


@mutable
class Record:
    """Beginning and end of a stream, and how much is left out between.

    Attributes:
        size: bytes to keep.
    """

    size: int = KEPT
    _head: bytearray = field(factory=bytearray)
    _tail: bytearray = field(factory=bytearray)
    _lost: int = 0

    def add(self, text: str) -> None:
        """One line or more, without the last newline."""
        data = text.encode("utf-8", "backslashreplace") + b"\n"
        room = self.size // 2 - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) >= self.size:
            self._cut_tail()

    def text(self) -> str:
        """All there is; where something is missing, a line says how much.

        It stands between whole lines, where there are any.
        """
        self._cut_tail()
        head, tail, lost = bytes(self._head), bytes(self._tail), self._lost
        if not lost:
            return (head + tail).decode("utf-8", "replace")
        if not self.size:
            return ""
        kept = head[: head.rfind(b"\n") + 1] or head
        rest = tail[tail.find(b"\n") + 1 :] or tail
        lost += len(head) - len(kept) + len(tail) - len(rest)
        between = "" if kept.endswith(b"\n") else "\n"
        left_out = f"{between}[fetchkit: {readable_size(lost)} left out here]\n"
        return kept.decode("utf-8", "replace") + left_out + rest.decode("utf-8", "replace")

    def _cut_tail(self) -> None:
        over = len(self._tail) - self.size // 2
        if over > 0:
            del self._tail[:over]
            self._lost += over


def labels(names: Iterable[str]) -> list[str]:
    """Names on one line each, of which no two are the same: `a.html`, `a.html (2)`."""
    found: list[str] = []
    taken: set[str] = set()
    for name in map(escape, names):
        label, count = name, 1
        while label in taken:
            count += 1
            label = f"{name} ({count})"
        taken.add(label)
        found.append(label)
    return found


def line(result: Result) -> str:
    """One result on one line: `a.html: 1 (0.4 s): did not catch an error.`.

    More lines of a reason, the browser's last ones, are told once and stand in the report.
    """
    outcome = result.outcome
    reason = outcome.reason.partition("\n")[0].removeprefix(f"{result.name} ")
    told = f"{result.name}: {outcome.code} ({result.seconds:.1f} s)"
    return f"{told}: {reason}" if reason else told


def summary(results: Sequence[Result], seconds: float) -> list[str]:
    """What all came to, in lines: the counts, and each page that did not end with 0.

    Args:
        results: of all pages.
        seconds: that all of it took.
    """
    counts = {
        "passed": sum(result.passed for result in results),
        "failed": sum(not (result.passed or result.outcome.failed) for result in results),
        "could not be run": sum(result.outcome.failed and not result.skipped for result in results),
        "skipped": sum(result.skipped for result in results),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    pages = "1 page" if len(results) == 1 else f"{len(results)} pages"
    head = f"{pages} in {seconds:.1f} s: {told or 'nothing was run'}."
    return [head, *(f"  {line(result)}" for result in results if not (result.passed or result.skipped))]


def status_of(results: Iterable[Result]) -> int:
    """The exit code for all: 0 if every page's is."""
    return 0 if all(result.passed for result in results) else 1
