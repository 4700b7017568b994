"""What waits, what does not, and for how long."""

import asyncio
import time

import pytest

from . import messages as client
from .conftest import Joined, Open
from .hosts import free_port, port_of, taken
from .page import (
    DGRAM,
    NONBLOCK,
    STREAM,
    E,
    F,
    O,
    flags,
    timeval,
)


async def test_nonblocking_calls_do_not_wait(page: Joined) -> None:
    number = await page.socket(kind=DGRAM | NONBLOCK)
    assert (await page.recv(number)).outcome == (-1, E.AGAIN)
    assert (await page.recvfrom(number)).outcome == (-1, E.AGAIN)


async def test_a_nonblocking_connect_goes_on(page: Joined, opened: Open) -> None:
    listener = opened()
    number = await page.socket(kind=STREAM | NONBLOCK)
    first = await page.connect(number, "127.0.0.1", port_of(listener))
    assert first.outcome in ((-1, E.INPROGRESS), (0, 0))
    with await taken(listener):
        async with asyncio.timeout(5):
            while (reply := await page.connect(number, "127.0.0.1", port_of(listener))).errno != E.ISCONN:
                assert reply.outcome in ((0, 0), (-1, E.ALREADY))
        assert await page.option(number, O.SOCKET, O.ERROR) == 0
        assert (await page.transmit(number, b"x")).outcome == (1, 0)


async def test_a_nonblocking_connect_that_fails_tells_by_so_error(page: Joined) -> None:
    number = await page.socket(kind=STREAM | NONBLOCK)
    reply = await page.connect(number, "127.0.0.1", free_port())
    if reply.outcome == (-1, E.INPROGRESS):
        async with asyncio.timeout(5):
            while not (error := await page.option(number, O.SOCKET, O.ERROR)):
                await asyncio.sleep(0.01)
        assert error == E.CONNREFUSED
    else:
        assert reply.outcome == (-1, E.CONNREFUSED)


@pytest.mark.parametrize(
    ("option", "wide"), [(O.RCVTIMEO, False), (O.RCVTIMEO, True), (O.RCVTIMEO_NEW, True), (66, False)]
)
async def test_a_receive_timeout_ends_a_wait(page: Joined, option: int, wide: bool) -> None:
    one, other = await page.pair()
    value = timeval(0.05, wide=wide)
    assert (await page.setsockopt(one, O.SOCKET, option, value)).outcome == (0, 0)
    reply = await page.getsockopt(one, O.SOCKET, option, len(value))
    assert client.read_getsockopt(reply.message, 16) == (value, len(value))
    before = time.monotonic()
    assert (await page.recv(one)).outcome == (-1, E.AGAIN)
    assert time.monotonic() - before >= 0.045
    waiting = page.start_recv(one, 9, flags.WAITALL)
    await page.transmit(other, b"abc")
    assert (await page.finish(waiting)).data == b"abc"
    await page.setsockopt(one, O.SOCKET, option, timeval(0, wide=wide))
    waiting = page.start_recv(one)
    await asyncio.sleep(0.1)
    assert not page.is_answered(waiting)
    assert page.board.count == 1


async def test_a_send_timeout_ends_a_wait(page: Joined) -> None:
    one, _ = await page.pair()
    await page.setsockopt(one, O.SOCKET, O.SNDTIMEO, timeval(0.05))
    reply = await page.transmit(one, bytes(3_000_000))
    assert 0 < reply.ret < 3_000_000
    assert (await page.transmit(one, b"x")).outcome == (-1, E.AGAIN)
    assert page.board.held == 0


async def test_an_accept_timeout_ends_a_wait(page: Joined) -> None:
    listener, _ = await page.listening()
    await page.setsockopt(listener, O.SOCKET, O.RCVTIMEO, timeval(0.05))
    assert (await page.call(F.ACCEPT, listener, 0)).outcome == (-1, E.AGAIN)
