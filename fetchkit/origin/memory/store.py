"""What is remembered under tokens: the few operations that every kind of memory offers.

A token is a name that a client makes up. Below it are named values of four kinds: counters, lists, values and
growing bytes. Everything is bounded: by tokens, by bytes, and by the time since a token was last used; what
has been forgotten is as if it had never been.
"""

from typing import Protocol

from fetchkit.errors import FetchkitError

__all__ = ["ConflictError", "FullError", "Store"]


class ConflictError(FetchkitError):
    """Bytes were to be added elsewhere than at the end.

    Attributes:
        size: how many bytes there are.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"There are {size} bytes.")
        self.size = size


class FullError(FetchkitError):
    """One token alone would need more than all may have."""


class Store(Protocol):
    """One memory; every operation is atomic, also between processes that share it."""

    async def count(self, token: str, name: str) -> int:
        """Count one more; the first call answers 1.

        Raises:
            FullError: the token has more names than are free, and no room for another.
        """

    async def append(self, token: str, name: str, item: bytes, limit: int) -> None:
        """Add an item to a list that keeps the last `limit`.

        Raises:
            FullError: the item alone is larger than the memory.
        """

    async def items(self, token: str, name: str) -> list[bytes]:
        """The items of a list, the oldest first; empty where there is none."""

    async def put(self, token: str, name: str, value: bytes) -> None:
        """Set a value.

        Raises:
            FullError: it is larger than the memory.
        """

    async def get(self, token: str, name: str) -> bytes | None:
        """A value, or bytes that were extended; None where there is none."""

    async def extend(self, token: str, name: str, at: int, data: bytes) -> int:
        """Add bytes at the position `at`, which must be their end (0 begins); returns the new size.

        Raises:
            ConflictError: the end is elsewhere.
            FullError: they would be larger than the memory.
        """

    async def size(self, token: str, name: str) -> int | None:
        """How many bytes a value has; None where there is none."""

    async def forget(self, token: str) -> bool:
        """Forget everything below a token; whether there was anything."""

    async def close(self) -> None:
        """Let go of connections."""
