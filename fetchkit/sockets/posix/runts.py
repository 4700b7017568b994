"""Messages too short to say whose call they are: which call waits for the answer. Pure.

Emscripten's getsockname() and getpeername() send `16 + 16 + *address_len - 256` bytes: with an ordinary
buffer the message is empty, or cut within its head; with one of 256 bytes it is right. The calling thread
sleeps until an answer with its number comes. Numbers are 1, 2, 3 … for each page, and every other call sends
its number: so the lowest that has not come, up to the highest that has, is the one that sent nothing; where
none is missing it is the next. Threads may overtake each other between taking a number and sending, so who
guesses waits a moment first.
"""

from typing import Final

__all__ = ["CallNumbers"]

# A page has as many calls under way as threads; numbers further apart are no page's of Emscripten.
_MAX_GAP: Final = 1024
_MAX_NUMBER: Final = 0x7FFF_FFFF


class CallNumbers:
    """The numbers of calls that have come."""

    def __init__(self) -> None:
        self._highest = 0
        self._missing: set[int] = set()

    def came(self, number: int) -> None:
        """Take note of a call."""
        if number == self._highest + 1:
            self._highest = number
        elif number > self._highest:
            between = range(self._highest + 1, number)
            if len(between) + len(self._missing) <= _MAX_GAP:
                self._missing.update(between)
            else:
                self._missing.clear()
            self._highest = number
        else:
            self._missing.discard(number)

    def guess(self) -> int:
        """The number of the call that sent no number; it counts as come."""
        number = min(self._missing) if self._missing else min(self._highest + 1, _MAX_NUMBER)
        self.came(number)
        return number
