"""A Redis server for the run, and the two memories behind one name."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import pytest

from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.shared import RedisStore
from fetchkit.origin.memory.store import Store
from fetchkit.origin.settings import Origin
from tests.e2e.conftest import require

from .redis_server import RedisServer


class Open(Protocol):
    """Opens a memory; keywords are fields of Origin."""

    def __call__(self, **settings: Any) -> Store:
        """Open one."""


@pytest.fixture(scope="session")
def redis_executable() -> str:
    """Where redis-server is; with CI=true it must be somewhere."""
    return require("redis-server", "redis-server")


@pytest.fixture(scope="session")
def redis_for_all(redis_executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for the run."""
    with RedisServer(redis_executable, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(redis_for_all: RedisServer) -> RedisServer:
    """The server, empty."""
    redis_for_all.empty()
    return redis_for_all


@pytest.fixture
def own_redis(redis_executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server of one test, which may end it."""
    with RedisServer(redis_executable, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["process", "redis"])
async def open_memory(request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Opens one of the two kinds, empty; they are closed at the end."""
    make: Callable[[Origin], Store] = ProcessStore
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")

        def make(settings: Origin) -> Store:
            return RedisStore(server.url, settings)

    async with contextlib.AsyncExitStack() as opened:

        def start(**settings: Any) -> Store:
            store = make(Origin(**settings))
            opened.push_async_callback(store.close)
            return store

        yield start


@pytest.fixture
def memory(open_memory: Open) -> Store:
    """One of the two kinds, with the bounds that are usual."""
    return open_memory()
