"""The memory in this process. Nothing in it waits, so every operation is atomic on its loop.

Tokens stand in the order of their last use. Each call drops some of those that have expired, and a call that
adds drops the longest unused while there is too much: no task runs in the background.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Container
from typing import Final

from attrs import Factory, define, field

from fetchkit.origin.memory.bounds import SWEEP, charge, weight
from fetchkit.origin.memory.store import ConflictError, FullError
from fetchkit.origin.settings import Origin

__all__ = ["ProcessStore"]

_NO_ITEMS: Final[deque[bytes]] = deque()


@define(eq=False)
class _Token:
    """What is remembered below one token.

    Attributes:
        used_at: when it was last used.
        names: the weight of its names.
        data: bytes of all values and items.
    """

    used_at: float
    names: int
    data: int = 0
    counters: dict[str, int] = Factory(dict)
    lists: dict[str, deque[bytes]] = Factory(dict)
    values: dict[str, bytearray] = Factory(dict)


@define(eq=False)
class ProcessStore:
    """A `Store` that ends with the process.

    Attributes:
        settings: the bounds.
        clock: seconds, which never go back.
    """

    settings: Origin
    clock: Callable[[], float] = time.monotonic
    _tokens: OrderedDict[str, _Token] = field(factory=OrderedDict, init=False)
    _charged: int = field(default=0, init=False)

    async def count(self, token: str, name: str) -> int:
        """Count one more; the first call answers 1."""
        known = self._use(token)
        self._make_room(token, known, 0, name, known.counters)
        known.counters[name] = known.counters.get(name, 0) + 1
        return known.counters[name]

    async def append(self, token: str, name: str, item: bytes, limit: int) -> None:
        """Add an item to a list that keeps the last `limit`, or fewer where the token would be full."""
        known = self._use(token)
        items = known.lists.get(name, _NO_ITEMS)
        names = known.names + (0 if name in known.lists else weight(name))
        excess = charge(known.data + len(item), names) - self.settings.max_memory
        leaving, freed = 0, 0
        for old in items:
            if len(items) - leaving < limit and freed >= excess:
                break
            leaving, freed = leaving + 1, freed + len(old)
        self._make_room(token, known, len(item) - freed, name, known.lists)
        items = known.lists.setdefault(name, deque())
        for _ in range(leaving):
            items.popleft()
        items.append(item)

    async def items(self, token: str, name: str) -> list[bytes]:
        """The items of a list, the oldest first; empty where there is none."""
        return list(self._use(token).lists.get(name, _NO_ITEMS))

    async def put(self, token: str, name: str, value: bytes) -> None:
        """Set a value."""
        known = self._use(token)
        grown = len(value) - len(known.values.get(name, b""))
        self._make_room(token, known, grown, name, known.values)
        known.values[name] = bytearray(value)

    async def get(self, token: str, name: str) -> bytes | None:
        """A value, or bytes that were extended; None where there is none."""
        value = self._use(token).values.get(name)
        return None if value is None else bytes(value)

    async def extend(self, token: str, name: str, at: int, data: bytes) -> int:
        """Add bytes at the position `at`, which must be their end; returns the new size."""
        known = self._use(token)
        size = len(known.values.get(name, b""))
        if at != size:
            raise ConflictError(size)
        self._make_room(token, known, len(data), name, known.values)
        known.values.setdefault(name, bytearray()).extend(data)
        return size + len(data)

    async def size(self, token: str, name: str) -> int | None:
        """How many bytes a value has; None where there is none."""
        value = self._use(token).values.get(name)
        return None if value is None else len(value)

    async def forget(self, token: str) -> bool:
        """Forget everything below a token; whether there was anything."""
        self._use(token)
        return self._drop(token)

    async def close(self) -> None:
        """Forget everything."""
        self._tokens.clear()
        self._charged = 0

    def _use(self, token: str) -> _Token:
        """What is remembered of a token, which counts as a use; where that is nothing, an empty one."""
        now = self.clock()
        for _ in range(SWEEP):
            oldest = next(iter(self._tokens), None)
            if oldest is None or not self._has_expired(self._tokens[oldest], now):
                break
            self._drop(oldest)
        known = self._tokens.get(token)
        if known is not None and self._has_expired(known, now):  # beyond those that one call drops
            self._drop(token)
            known = None
        if known is None:
            return _Token(now, weight(token))
        known.used_at = now
        self._tokens.move_to_end(token)
        return known

    def _has_expired(self, known: _Token, now: float) -> bool:
        return now - known.used_at >= self.settings.expiry

    def _make_room(self, token: str, known: _Token, grown: int, name: str, names: Container[str]) -> None:
        """Write into the books what a token grows by, a new name included; other tokens leave for it.

        Raises:
            FullError: it alone is too much; nothing has changed.
        """
        before = charge(known.data, known.names) if token in self._tokens else 0
        data, weighing = known.data + grown, known.names + (0 if name in names else weight(name))
        after = charge(data, weighing)
        if after > self.settings.max_memory:
            raise FullError(f"max-memory of [origin] is {self.settings.max_memory} bytes.")
        known.data, known.names = data, weighing
        self._tokens[token] = known
        self._charged += after - before
        while self._charged > self.settings.max_memory or len(self._tokens) > self.settings.max_tokens:
            self._drop(next(iter(self._tokens)))  # never this one: it is the last

    def _drop(self, token: str) -> bool:
        gone = self._tokens.pop(token, None)
        if gone is not None:
            self._charged -= charge(gone.data, gone.names)
        return gone is not None
