"""Writes to descriptors from a thread of its own: what nobody takes holds up no time limit and no signal."""

import asyncio
import contextlib
import os
import select
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Final

from attrs import define, field

__all__ = ["Writer"]

# Bytes that wait: whoever makes more of them is held up at the first, and goes on at the second.
_MANY: Final = 4 * 1024 * 1024
_FEW: Final = 1024 * 1024

_Batch = Sequence[tuple[int, bytes]]


@define(eq=False)
class Writer:
    """Takes batches of writes, and keeps their order over all descriptors.

    What it is told to write it keeps until it has been taken: it is up to its owner to heed `crowded`.

    Attributes:
        crowded: called on the loop with True when much waits, and with False once little does.
        failed: called on the loop where a descriptor takes no more; what follows for it is dropped.
    """

    crowded: Callable[[bool], None]
    failed: Callable[[int, OSError], None]
    is_crowded: bool = False
    _waiting: int = 0
    _batches: "SimpleQueue[tuple[_Batch, int] | None]" = field(factory=SimpleQueue)
    _loop: asyncio.AbstractEventLoop | None = None
    _idle: asyncio.Event = field(factory=asyncio.Event)
    _broken: set[int] = field(factory=set)

    def put(self, batch: _Batch) -> None:
        """Write these, in their order, as soon as they are taken; on a running loop."""
        size = sum(len(data) for _, data in batch)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            # Nobody waits for it at the end of the process, where it may stand in a write for ever.
            threading.Thread(target=self._run, name="fetchkit-output", daemon=True).start()
        self._waiting += size
        self._idle.clear()
        self._batches.put((batch, size))
        if self._waiting > _MANY and not self.is_crowded:
            self.is_crowded = True
            self.crowded(True)

    async def drained(self) -> None:
        """Wait until all has been taken."""
        if self._waiting:
            await self._idle.wait()

    def close(self) -> None:
        """End the thread behind what it has been given."""
        self._batches.put(None)

    def _run(self) -> None:
        while (item := self._batches.get()) is not None:
            batch, size = item
            for descriptor, data in batch:
                if descriptor not in self._broken:
                    try:
                        _write(descriptor, data)
                    except OSError as error:
                        self._broken.add(descriptor)
                        self._call(self.failed, descriptor, error)
            self._call(self._took, size)

    def _call(self, function: Callable[..., None], *values: object) -> None:
        assert self._loop is not None  # noqa: S101  `put` has set it
        with contextlib.suppress(RuntimeError):  # it has ended, and nobody waits any more
            self._loop.call_soon_threadsafe(function, *values)

    def _took(self, size: int) -> None:
        self._waiting -= size
        if self.is_crowded and self._waiting <= _FEW:
            self.is_crowded = False
            self.crowded(False)
        if not self._waiting:
            self._idle.set()


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # whoever shares the pipe with us made it so
            select.select([], [descriptor], [])
