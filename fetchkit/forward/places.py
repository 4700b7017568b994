"""Counts the requests to each target; those beyond its limit wait, in the order of their arrival."""

import asyncio
from collections import deque
from typing import Final

from fetchkit.errors import UnavailableError

__all__ = ["Places"]

# Until a place is free: as long as a person would wait.
PLACE_SECONDS: Final = 30.0


class Places:
    """Counts the requests to each target, and lets the ones beyond its limit wait in their order."""

    def __init__(self) -> None:
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, key: str, limit: int) -> None:
        """Take a place, at once or when one becomes free.

        Raises:
            UnavailableError: none became free in PLACE_SECONDS.
        """
        if self._busy.get(key, 0) < limit:
            self._busy[key] = self._busy.get(key, 0) + 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(key, deque())
        queue.append(waiter)
        try:
            async with asyncio.timeout(PLACE_SECONDS):
                await waiter  # who leaves hands the place over, so `_busy` stays as it is
        except BaseException as error:
            if waiter in queue:
                queue.remove(waiter)
            elif waiter.done() and not waiter.cancelled():  # handed over in the same moment
                self.give_back(key)
            if isinstance(error, TimeoutError):
                hint = f'Raise concurrency under [forward.targets."{key}"].'
                raise UnavailableError(f"{limit} requests to {key} are under way already.", hint) from error
            raise

    def give_back(self, key: str) -> None:
        """Hand a place to who waits longest, or free it."""
        queue = self._waiting.get(key)
        while queue:
            waiter = queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._waiting.pop(key, None)
        self._busy[key] -= 1
        if not self._busy[key]:
            del self._busy[key]
