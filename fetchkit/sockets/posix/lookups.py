"""Lookups of names: the only calls that need threads, a few for each page, and none that holds up the end.

The resolver of the C library blocks for as long as its servers are silent. The threads of asyncio's pool are
shared by everything and joined at the end; these are the page's own, and nobody waits for them.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

__all__ = ["AT_ONCE", "Lookups"]

# libuv's pool has four.
AT_ONCE: Final = 4

Work = Callable[[], Any]
Done = Callable[[Any], None]
"""Is given what the work returned, or the exception that it raised."""


class Lookups:
    """The lookups of one page, in order of arrival."""

    def __init__(self, loop: asyncio.AbstractEventLoop, at_once: int = AT_ONCE) -> None:
        self._loop = loop
        self._at_once = at_once
        self._running = 0
        self._waiting: deque[tuple[Work, Done]] = deque()
        self._closed = False

    def ask(self, work: Work, done: Done) -> None:
        """Do something in a thread once there is one; `done` is called by the loop."""
        self._waiting.append((work, done))
        self._start()

    def close(self) -> None:
        """Forget what was asked; threads that run finish for nobody."""
        self._closed = True
        self._waiting.clear()

    def _start(self) -> None:
        while self._waiting and self._running < self._at_once:
            self._running += 1
            work, done = self._waiting.popleft()
            thread = threading.Thread(
                target=self._run, args=(work, done), name="fetchkit-lookup", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # the system has no more
                self._loop.call_soon(self._finish, done, error)

    def _run(self, work: Work, done: Done) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  whatever it is, the page waits for an answer
            result = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._finish, done, result)

    def _finish(self, done: Done, result: Any) -> None:
        self._running -= 1
        if not self._closed:
            done(result)
            self._start()
