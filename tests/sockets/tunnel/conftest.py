"""An application with tunnels alone, and TCP servers behind it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from fetchkit import isolation
from fetchkit.net.dial import Dialer
from fetchkit.net.policy import target_policy
from fetchkit.sockets import tunnel
from tests.sockets.peer import Far, Served


@pytest.fixture
def dialer() -> Dialer:
    return Dialer(target_policy())


@pytest.fixture
async def served(dialer: Dialer) -> AsyncIterator[Served]:
    """`/tcp/…` and `/udp/…`, and `/idle/…` for TCP that may not be idle."""
    app = web.Application()
    isolation.setup(app)
    tunnel.setup(app, dialer=dialer)
    tunnel.setup(app, dialer=dialer, tcp="/idle", udp="/idle-udp", idle=0.2)
    async with Served(app) as running:
        yield running


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    async with Far.open() as server:
        yield server
