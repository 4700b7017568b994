"""A page joined to a session in memory, peers of the host on loopback, and a server on real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from fetchkit.net.dial import Dialer
from fetchkit.net.policy import TargetPolicy
from fetchkit.sockets.posix import setup
from fetchkit.sockets.posix.session import Session
from tests.forward.test_websocket import BINARY, Frame, Peer
from tests.sockets.peer import Served

from .page import Page

Join = Callable[..., "Joined"]
Open = Callable[..., socket.socket]
Start = Callable[..., Awaitable[Served]]


class Joined(Page):
    """A page, and the session that serves it."""

    session: Session

    @property
    def board(self) -> Any:
        """Who waits."""
        return self.session._desk.board

    def join(self, dialer: Dialer | None = None, **settings: Any) -> None:
        """Join them without a WebSocket; a copy of each message, as each is the session's to keep."""
        self.session = Session(self.reply, dialer=dialer or Dialer(TargetPolicy()), **settings)
        self.send = lambda message: self.session.received(bytearray(message))


@pytest.fixture
async def join() -> AsyncIterator[Join]:
    """Make pages; at the end none of them has anything left."""
    pages: list[Joined] = []

    def make(**settings: Any) -> Joined:
        page = Joined(lambda _: None)
        page.join(**settings)
        pages.append(page)
        return page

    yield make
    for page in pages:
        page.session.close()
        assert len(page.session._desk.table) == 0
        assert page.board.held == 0


@pytest.fixture
async def page(join: Join) -> Joined:
    """A page with the policy of every day."""
    return join()


@pytest.fixture
def opened() -> Iterator[Open]:
    """Sockets of the host, not blocking, closed at the end; streams listen."""
    with contextlib.ExitStack() as stack:

        def make(
            kind: int = socket.SOCK_STREAM,
            family: int = socket.AF_INET,
            *,
            port: int = 0,
            listens: bool = True,
        ) -> socket.socket:
            made = stack.enter_context(socket.socket(family, kind))
            made.setblocking(False)
            made.bind(("127.0.0.1" if family == socket.AF_INET else "::1", port))
            if kind == socket.SOCK_STREAM and listens:
                made.listen()
            return made

        yield make


@asynccontextmanager
async def browsed(served: Served, *lines: str, path: str = "/posix") -> AsyncIterator["Browsed"]:
    """A page with a WebSocket; at the end it vanishes."""
    peer = await served.page(path, *lines, protocol=None)
    page = Browsed(lambda message: peer.writer.write(peer.frame(BINARY, message)))
    page.peer = peer
    reading = asyncio.create_task(page.read())
    try:
        yield page
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        peer.writer.transport.abort()


class Browsed(Page):
    """A page, and its end of the WebSocket.

    Attributes:
        peer: exact frames.
        others: frames that are no replies.
    """

    peer: Peer
    others: list[Frame]

    async def read(self) -> None:
        """Take replies until the connection ends."""
        self.others = []
        while True:
            try:
                opcode, payload = await self.peer.read()
            except TimeoutError:
                continue
            if opcode == BINARY:
                self.reply(payload)
            else:
                self.others.append((opcode, payload))


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start applications with the proxy at /posix; keywords are those of `setup`."""
    async with contextlib.AsyncExitStack() as stack:

        async def run(*, dialer: Dialer | None = None, **settings: Any) -> Served:
            app = web.Application()
            setup(app, dialer=dialer or Dialer(TargetPolicy()), **settings)
            return await stack.enter_async_context(Served(app))

        yield run
