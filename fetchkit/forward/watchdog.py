"""Ends a wait for upstream that lasts too long.

One timer serves the head and every piece of the body: it is not set anew for each wait, but looks,
when it rings, whether the present wait has lasted too long. A wait for the page (back-pressure) is
none for upstream, so only reads are watched.
"""

import asyncio
from collections.abc import Callable

__all__ = ["Watchdog"]


class Watchdog:
    """Watches one wait at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float, bite: Callable[[], None]) -> None:
        """Call `bite` when a wait lasts `limit` seconds.

        The loop is given: asking for the running one is a system call (getpid) up to Python 3.11.
        """
        self._loop = loop
        self._limit = limit
        self._bite = bite
        self._since: float | None = None
        self._handle: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A wait begins."""
        self._since = self._loop.time()
        if self._handle is None:
            self._handle = self._loop.call_later(self._limit, self._look)

    def end(self) -> None:
        """The wait is over."""
        self._since = None

    def stop(self) -> None:
        """There will be no more waits."""
        self._since = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        self._handle = None
        if self._since is None:
            return
        left = self._since + self._limit - self._loop.time()
        if left > 0:
            self._handle = self._loop.call_later(left, self._look)
        else:
            self._bite()
