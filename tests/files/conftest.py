"""What is written to connections by hand is tried under both event loops."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

LoopFactories = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]

# Only these write past the transport, or depend on how it buffers.
BOTH_LOOPS = ("test_transfer", "test_connections")


def pytest_asyncio_loop_factories(item: pytest.Item) -> LoopFactories:
    """The event loops under which a test runs."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:  # Windows
        return factories
    if item.path.stem in BOTH_LOOPS:
        factories["uvloop"] = uvloop.new_event_loop
    return factories
