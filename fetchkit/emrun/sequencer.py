"""Puts numbered texts in order that came over parallel connections. Pure; the caller brings the time.

Numbers count from 1. emrun's rules, which pages and people know:

* the expected number is let through, and what was held behind it;
* a lower one is let through at once: it is late, and waiting would not mend that;
* a higher one is held, until more than HELD of them are, or nothing was let through for PATIENCE seconds.
  Then those that are missing are given up, and the lowest held is expected.

One is better here: patience counts from when there was something to wait for. A program that is silent for a
while would otherwise have its next lines in the order in which they came.
"""

import math
from typing import Final, Generic, TypeVar

from attrs import field, mutable

__all__ = ["HELD", "PATIENCE", "Sequencer"]

HELD: Final = 16
"""Texts that wait for a missing one: emrun's."""
PATIENCE: Final = 5.0
"""Seconds that they wait: emrun's."""

# Numbers that were given up and may still come. Browsers send over 6 connections.
_MISSING: Final = 1024

T = TypeVar("T")


@mutable
class Sequencer(Generic[T]):
    """One sequence.

    Attributes:
        expected: the number that is let through next.
    """

    expected: int = 1
    _held: dict[int, T] = field(factory=dict)
    _missing: set[int] = field(factory=set)
    _since: float = -math.inf

    @property
    def wake(self) -> float:
        """When `tick` has something to do; infinite for never."""
        return self._since + PATIENCE if self._held else math.inf

    def seen(self, number: int) -> bool:
        """Whether this number has come before."""
        if number >= self.expected:
            return number in self._held
        return number > 0 and number not in self._missing

    def add(self, number: int, item: T, now: float) -> list[T]:
        """Take an item; those that are let through now."""
        if number < self.expected:
            self._missing.discard(number)
            self._since = now
            return [item]
        if number > self.expected:
            if not self._held:
                self._since = now
            self._held[number] = item
            return self._skip(now) if len(self._held) > HELD else []
        self.expected += 1
        return [item, *self._drain(now)]

    def tick(self, now: float) -> list[T]:
        """Those that have waited long enough."""
        return self._skip(now) if now >= self.wake else []

    def flush(self, now: float) -> list[T]:
        """All that are held: nothing is waited for any more."""
        items = []
        while self._held:
            items += self._skip(now)
        return items

    def _skip(self, now: float) -> list[T]:
        """Give up what is missing before the lowest that is held."""
        lowest = min(self._held)
        room = max(_MISSING - len(self._missing), 0)
        self._missing.update(range(self.expected, min(lowest, self.expected + room)))
        self.expected = lowest
        return self._drain(now)

    def _drain(self, now: float) -> list[T]:
        items = []
        while self.expected in self._held:
            items.append(self._held.pop(self.expected))
            self.expected += 1
        self._since = now
        return items
