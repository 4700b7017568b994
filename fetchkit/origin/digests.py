"""Digests of generated bodies: computed off the loop, kept, and computed once for all who ask at a time.

A computation belongs to those who wait for it: when the last of them has left it stops within a block.
"""

import asyncio
import hashlib
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from attrs import field, frozen, mutable

from fetchkit.errors import UnavailableError
from fetchkit.origin.bodies import Content

__all__ = ["Digests", "Wanted"]

# A kept digest is some hundred bytes.
KEPT: Final = 1000
# Hashing takes a core each; the loop needs one too.
THREADS: Final = 2
# A gibibyte takes a second or two: who is behind so many would wait for minutes.
WAITING: Final = 64


@frozen
class Wanted:
    """A digest that somebody wants: of the bytes from `first` up to `end`."""

    content: Content
    first: int
    end: int


@mutable
class _Run:
    """One computation.

    Attributes:
        future: of the digest.
        stop: set when nobody waits any more.
        waiting: how many do.
    """

    future: "asyncio.Future[bytes | None]"
    stop: threading.Event
    waiting: int = 0


@mutable
class Digests:
    """All digests of a process."""

    _kept: "OrderedDict[Wanted, bytes]" = field(factory=OrderedDict)
    # Futures belong to a loop, and a process may have several, one after the other.
    _runs: dict[tuple[Wanted, asyncio.AbstractEventLoop], _Run] = field(factory=dict)
    _threads: ThreadPoolExecutor | None = None

    async def sha256(self, wanted: Wanted) -> bytes:
        """The SHA-256 of some bytes.

        Raises:
            UnavailableError: too many are waited for already.
        """
        if (known := self._kept.get(wanted)) is not None:
            self._kept.move_to_end(wanted)
            return known
        key = wanted, asyncio.get_running_loop()
        run = self._runs.get(key)
        if run is None or run.stop.is_set():
            run = self._runs[key] = self._started(wanted)
        run.waiting += 1
        try:
            digest = await asyncio.shield(run.future)
        finally:
            run.waiting -= 1
            if not run.waiting:
                run.stop.set()
                if self._runs.get(key) is run:
                    del self._runs[key]
        if digest is None:  # pragma: no cover  stopped only where nobody waits
            raise UnavailableError("The digest was given up.")
        self._kept[wanted] = digest
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return digest

    def _started(self, wanted: Wanted) -> _Run:
        if len(self._runs) >= WAITING:
            raise UnavailableError(
                f"{WAITING} digests are being computed.", "Try again soon.", {"Retry-After": "1"}
            )
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="digest")
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        return _Run(loop.run_in_executor(self._threads, _compute, wanted, stop), stop)


def _compute(wanted: Wanted, stop: threading.Event) -> bytes | None:
    """Hash; in a thread. hashlib lets the loop run meanwhile: it drops the lock for large pieces."""
    digest = hashlib.sha256()
    for piece in wanted.content.pieces(wanted.first, wanted.end):
        if stop.is_set():
            return None
        digest.update(piece)
    return digest.digest()
