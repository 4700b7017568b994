"""What many tests need: a folder, a server on real sockets, and a client that sends exact bytes."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from fetchkit import Config, Server, running

from .raw import RawClient

# What a shell starts in the background ignores it, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Serve = Callable[..., Awaitable[Server]]
Raw = Callable[..., Awaitable[RawClient]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small build to serve."""
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / "index.html").write_text("<!doctype html><title>index</title>")
    (site / "app.js").write_text("console.log('app')")
    (site / "app.wasm").write_bytes(b"\0asm\x01\0\0\0")
    (site / "digits.txt").write_text("0123456789")
    (site / "sub" / "index.html").write_text("<!doctype html><title>sub</title>")
    return site


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: who reads, and who writes."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
async def serve(folder: Path) -> AsyncIterator[Serve]:
    """Start servers for `folder`, each on a free port; keywords are fields of Config."""
    async with AsyncExitStack() as servers:

        async def start(**settings: Any) -> Server:
            defaults: dict[str, Any] = {"directory": folder, "host": ("127.0.0.1",), "port": 0}
            return await servers.enter_async_context(running(Config(**(defaults | settings))))

        yield start


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    """Open connections to a server that send and read exact bytes."""
    async with AsyncExitStack() as clients:

        async def connect(server: Server) -> RawClient:
            client = await RawClient.connect("127.0.0.1", server.port)
            clients.push_async_callback(client.close)
            return client

        yield connect
