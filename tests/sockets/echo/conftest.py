"""The echo under both event loops: it depends on how a transport buffers, and how it resets."""

import asyncio
from collections.abc import Callable, Mapping

import pytest


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loops under which a test runs."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:  # Windows
        return factories
    if item.path.stem == "test_routes":
        factories["uvloop"] = uvloop.new_event_loop
    return factories
