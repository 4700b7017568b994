"""What hangs on the transport's buffers and callbacks is tried under both event loops."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

LoopFactories = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]

BOTH_LOOPS = ("test_connection", "test_relay", "test_datagrams")


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
