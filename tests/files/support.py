"""What several tests of the served folder share."""

import asyncio
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from aiohttp import web

from fetchkit.events import Event
from fetchkit.files.variants import settled
from fetchkit.web.keys import events_of
from tests.raw import DEADLINE

__all__ = ["age", "eventually", "open_descriptors", "pattern", "recorded", "write"]

# Older than any clock tick and than any doubt about it.
LONG_AGO_NS = 3_600_000_000_000


# One for the whole run: two files that are aged alike have one time, however long the test took.
_BEGIN_NS = time.time_ns() // 10**9 * 10**9


def age(path: Path, seconds: float = 0.0) -> Path:
    """Set the modification time to an hour and `seconds` ago, whole nanoseconds alike for all callers."""
    then = _BEGIN_NS - LONG_AGO_NS - int(seconds * 10**9)
    os.utime(path, ns=(then, then))
    while not settled(path.stat()):  # setting the times is a change too, a few milliseconds ago
        time.sleep(0.001)
    return path


def write(path: Path, body: bytes, seconds: float = 0.0) -> Path:
    """Write a file that looks as if it had been there for an hour and `seconds`."""
    path.write_bytes(body)
    return age(path, seconds)


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes that tell a position from its neighbours, and one seed (0 to 255) from another everywhere."""
    block = _block(seed)
    return (block * (size // len(block) + 1))[:size]


@cache
def _block(seed: int) -> bytes:
    return bytes((index * 131 + (index >> 8) * 17 + seed) & 0xFF for index in range(65536))


def recorded(app: web.Application) -> list[Event]:
    """A list that grows with every event of the application from now on."""
    seen: list[Event] = []
    events_of(app).subscribe(seen.append)
    return seen


async def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail when it does not within the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.002)


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
