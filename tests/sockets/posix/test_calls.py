"""Streams, from a page joined to the session in memory, to sockets of the host on loopback."""

import asyncio
import os
import socket
import struct
import time

import pytest

from tests.files.support import eventually

from . import messages as client
from .conftest import Join, Joined, Open
from .hosts import dial, filled, free_port, port_of, taken
from .page import (
    AF_INET,
    AF_INET6,
    DGRAM,
    NONBLOCK,
    RD,
    STREAM,
    WR,
    E,
    F,
    O,
    flags,
    place,
    timeval,
)


async def test_a_page_connects_sends_and_receives(page: Joined, opened: Open) -> None:
    loop = asyncio.get_running_loop()
    listener = opened()
    number = await page.connected(port_of(listener))
    with await taken(listener) as far:
        assert await page.peername(number) == listener.getsockname()
        assert await page.sockname(number) == far.getpeername()
        assert (await page.transmit(number, b"hello")).outcome == (5, 0)
        assert await loop.sock_recv(far, 99) == b"hello"
        waiting = page.start_recv(number, 99)
        assert not page.is_answered(waiting)
        await loop.sock_sendall(far, b"world")
        assert (await page.finish(waiting)).data == b"world"
        far.shutdown(socket.SHUT_WR)
        assert (await page.recv(number)).outcome == (0, 0)


async def test_what_can_be_done_at_once_is_answered_before_received_returns(
    page: Joined, opened: Open
) -> None:
    listener = opened()
    number = await page.connected(port_of(listener))
    with await taken(listener) as far:
        sent = page.start_transmit(number, b"x")
        assert page.is_answered(sent)
        far.send(b"y")
        await eventually(lambda: page.is_answered(page.start_recv(number, 1, flags.PEEK)), "data")
        got = page.start_recv(number)
        assert page.is_answered(got)


async def test_a_refused_connect_says_so(page: Joined) -> None:
    number = await page.socket()
    assert (await page.connect(number, "127.0.0.1", free_port())).outcome == (-1, E.CONNREFUSED)


async def test_a_page_listens_and_accepts(page: Joined) -> None:
    listener, port = await page.listening()
    waiting = page.start(F.ACCEPT, listener, 128)
    assert not page.is_answered(waiting)
    with await dial(port) as far:
        number, packed = client.read_accept((await page.finish(waiting)).message)
        assert place(packed) == far.getsockname()
        assert number == listener + 1
        far.send(b"in")
        assert (await page.recv(number)).data == b"in"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_ipv6_is_as_ipv4(page: Joined, host: str) -> None:
    listener, port = await page.listening(host)
    number = await page.socket(AF_INET6 if ":" in host else AF_INET)
    assert (await page.connect(number, host, port)).outcome == (0, 0)
    accepted, _ = await page.accepted(listener)
    assert await page.peername(number) == (host, port)
    assert (await page.transmit(accepted, b"6")).outcome == (1, 0)
    assert (await page.recv(number)).data == b"6"


async def test_accept4_makes_a_socket_that_does_not_wait(page: Joined) -> None:
    listener, port = await page.listening()
    with await dial(port):
        reply = await page.call(F.ACCEPT, listener, 0, NONBLOCK)
        assert (await page.recv(reply.ret)).outcome == (-1, E.AGAIN)
    assert (await page.call(F.ACCEPT, listener, 0, 1)).outcome == (-1, E.INVAL)


async def test_accept_errors(page: Joined) -> None:
    number = await page.socket()
    assert (await page.call(F.ACCEPT, number, 0)).outcome == (-1, E.INVAL)
    datagrams = await page.socket(kind=DGRAM)
    assert (await page.call(F.ACCEPT, datagrams, 0)).outcome == (-1, E.OPNOTSUPP)
    listener = await page.socket(kind=STREAM | NONBLOCK)
    assert (await page.listen(listener)).outcome == (0, 0)
    assert (await page.call(F.ACCEPT, listener, 0)).outcome == (-1, E.AGAIN)


async def test_readers_wait_in_order(page: Joined) -> None:
    one, other = await page.pair()
    waiting = [page.start_recv(one, 1) for _ in range(3)]
    assert (await page.transmit(other, b"abc")).outcome == (3, 0)
    assert [(await page.finish(number)).data for number in waiting] == [b"a", b"b", b"c"]
    assert page.board.count == 0


async def test_a_reader_that_may_not_wait_does_not_overtake(page: Joined) -> None:
    one, other = await page.pair()
    first = page.start_recv(one, 1)
    await page.transmit(other, b"ab")
    assert (await page.recv(one, 1, flags.DONTWAIT)).outcome == (-1, E.AGAIN)
    assert (await page.finish(first)).data == b"a"
    assert (await page.recv(one, 1, flags.DONTWAIT)).data == b"b"


async def test_one_thread_receives_while_another_sends(page: Joined) -> None:
    one, other = await page.pair()
    waiting = page.start_recv(one)
    assert (await page.transmit(one, b"out")).outcome == (3, 0)
    assert not page.is_answered(waiting)
    assert (await page.recv(other)).data == b"out"
    await page.transmit(other, b"in")
    assert (await page.finish(waiting)).data == b"in"


async def test_a_send_returns_once_the_kernel_has_all_of_it(page: Joined) -> None:
    one, other = await page.pair()
    data = os.urandom(3_000_000)
    sending = page.start_transmit(one, data)
    assert not page.is_answered(sending)
    behind = page.start_transmit(one, b"end")
    got = b""
    while len(got) < len(data) + 3:
        got += (await page.recv(other)).data
    assert got == data + b"end"
    assert (await page.finish(sending)).outcome == (len(data), 0)
    assert (await page.finish(behind)).outcome == (3, 0)


async def test_a_send_that_may_not_wait_says_how_much_it_took(page: Joined) -> None:
    one, _ = await page.pair()
    reply = await page.transmit(one, bytes(3_000_000), flags.DONTWAIT)
    assert 0 < reply.ret < 3_000_000
    await filled(page, one)
    waiting = page.start_transmit(one, b"x")
    assert (await page.transmit(one, b"y", flags.DONTWAIT)).outcome == (-1, E.AGAIN)
    assert not page.is_answered(waiting)


async def test_a_send_that_the_peer_ends_says_what_was_sent_then_why(page: Joined) -> None:
    one, other = await page.pair()
    sending = page.start_transmit(one, bytes(3_000_000))
    await page.shutdown(other)
    reply = await page.finish(sending)
    assert 0 < reply.ret < 3_000_000
    assert (await page.transmit(one, b"x")).outcome in ((-1, E.PIPE), (-1, E.CONNRESET))
    assert (await page.transmit(one, b"x")).outcome == (-1, E.PIPE)


async def test_an_empty_send_is_nothing(page: Joined) -> None:
    one, _ = await page.pair()
    assert (await page.transmit(one, b"")).outcome == (0, 0)
    assert (await page.recv(one, 0)).outcome == (0, 0)


async def test_peek_leaves_what_it_shows(page: Joined) -> None:
    one, other = await page.pair()
    await page.transmit(other, b"abc")
    assert (await page.recv(one, 2, flags.PEEK)).data == b"ab"
    assert (await page.recv(one, 9)).data == b"abc"


async def test_waitall_waits_for_all(page: Joined) -> None:
    one, other = await page.pair()
    waiting = page.start_recv(one, 10, flags.WAITALL)
    for part in (b"abc", b"defg"):
        await page.transmit(other, part)
        await asyncio.sleep(0)
        assert not page.is_answered(waiting)
    await eventually(lambda: page.board.held == 7, "the parts")
    await page.transmit(other, b"hijkl")
    assert (await page.finish(waiting)).data == b"abcdefghij"
    assert (await page.recv(one)).data == b"kl"
    assert page.board.held == 0


async def test_waitall_ends_with_the_stream(page: Joined) -> None:
    one, other = await page.pair()
    waiting = page.start_recv(one, 10, flags.WAITALL)
    await page.transmit(other, b"abc")
    await page.shutdown(other, WR)
    assert (await page.finish(waiting)).data == b"abc"


async def test_waitall_is_not_limited_to_one_read(page: Joined) -> None:
    one, other = await page.pair()
    data = os.urandom(3_000_000)
    waiting = page.start_recv(one, len(data), flags.WAITALL)
    await page.transmit(other, data)
    assert (await page.finish(waiting)).data == data


async def test_waitall_that_may_not_wait_gives_what_is_there(page: Joined) -> None:
    one, other = await page.pair()
    assert (await page.recv(one, 9, flags.WAITALL | flags.DONTWAIT)).outcome == (-1, E.AGAIN)
    await page.transmit(other, b"abc")
    assert (await page.recv(one, 9, flags.WAITALL | flags.DONTWAIT)).data == b"abc"


async def test_urgent_data_is_out_of_line_and_never_waited_for(page: Joined, opened: Open) -> None:
    listener = opened()
    number = await page.connected(port_of(listener))
    with await taken(listener) as far:
        waiting = page.start_recv(number)
        assert (await page.recv(number, 1, flags.OOB)).outcome == (-1, E.INVAL)
        far.send(b"!", socket.MSG_OOB)
        await eventually(lambda: page.is_answered(page.start_recv(number, 1, flags.OOB | flags.PEEK)), "it")
        async with asyncio.timeout(5):
            while (reply := await page.recv(number, 1, flags.OOB)).ret < 0:
                await asyncio.sleep(0.01)
        assert reply.data == b"!"
        assert not page.is_answered(waiting)
        assert (await page.transmit(number, b"?", flags.OOB)).outcome == (1, 0)
        await eventually(lambda: _urgent(far) == b"?", "the page's")


def _urgent(far: socket.socket) -> bytes:
    try:
        return far.recv(1, socket.MSG_OOB)
    except OSError:
        return b""


async def test_unknown_flags_are_refused(page: Joined) -> None:
    one, _ = await page.pair()
    assert (await page.recv(one, 1, 0x20000000)).outcome == (-1, E.OPNOTSUPP)
    assert (await page.transmit(one, b"x", 0x20000000)).outcome == (-1, E.OPNOTSUPP)
    assert (await page.transmit(one, b"x", flags.NOSIGNAL)).outcome == (1, 0)


async def test_half_a_shutdown_is_half_a_close(page: Joined, opened: Open) -> None:
    listener = opened()
    number = await page.connected(port_of(listener))
    with await taken(listener) as far:
        assert (await page.shutdown(number, WR)).outcome == (0, 0)
        assert await asyncio.get_running_loop().sock_recv(far, 1) == b""
        assert (await page.transmit(number, b"x")).outcome == (-1, E.PIPE)
        far.send(b"late")
        assert (await page.recv(number)).data == b"late"
        waiting = page.start_recv(number)
        assert (await page.shutdown(number, RD)).outcome == (0, 0)
        assert (await page.finish(waiting)).outcome == (0, 0)
        assert (await page.shutdown(number)).outcome == (0, 0)


async def test_shutdown_wakes_everybody_who_waits(page: Joined) -> None:
    listener, _ = await page.listening()
    one, _ = await page.pair()
    await filled(page, one)
    datagrams = await page.socket(kind=DGRAM)
    cases = [
        (listener, page.start(F.ACCEPT, listener, 128), (-1, E.INVAL)),
        (one, page.start_recv(one), (0, 0)),
        (one, page.start_recv(one, 9, flags.WAITALL), (0, 0)),
        (one, page.start_transmit(one, b"x"), (-1, E.PIPE)),
        (datagrams, page.start(F.RECVFROM, datagrams, 9, 0, 128), (0, 0)),
        (datagrams, page.start(F.RECVMSG, datagrams, 9, 0, 128, 0), (0, 0)),
    ]
    assert page.board.count == len(cases)
    for number in (listener, one, datagrams):
        assert (await page.shutdown(number)).outcome == (0, 0)
        assert (await page.recv(number)).outcome == (-1, E.BADF)
    for _, call, outcome in cases:
        assert (await page.finish(call)).outcome == outcome
    assert page.board.count == 0


async def test_shutdown_wakes_a_connect(join: Join, opened: Open) -> None:
    page = join()
    # A listener whose queue is full answers no more.
    listener = opened(listens=False)
    listener.listen(0)
    numbers, calls = [], []
    for _ in range(4):
        numbers.append(await page.socket())
        calls.append(page.start_connect(numbers[-1], "127.0.0.1", port_of(listener)))
    await asyncio.sleep(0.05)
    waiting = next(i for i, call in enumerate(calls) if not page.is_answered(call))
    again = await page.connect(numbers[waiting], "127.0.0.1", port_of(listener))
    assert again.outcome == (-1, E.ALREADY)
    assert (await page.shutdown(numbers[waiting])).outcome == (0, 0)
    assert (await page.finish(calls[waiting])).outcome == (-1, E.CONNABORTED)


async def test_a_connect_is_bounded_by_the_send_timeout(page: Joined, opened: Open) -> None:
    listener = opened(listens=False)
    listener.listen(0)
    for _ in range(4):
        number = await page.socket()
        await page.setsockopt(number, O.SOCKET, O.SNDTIMEO, timeval(0.05))
        reply = await page.connect(number, "127.0.0.1", port_of(listener))
    assert reply.outcome == (-1, E.INPROGRESS)


async def test_shutdown_sends_fin_even_if_something_is_unread(page: Joined, opened: Open) -> None:
    loop = asyncio.get_running_loop()
    listener = opened()
    number = await page.connected(port_of(listener))
    with await taken(listener) as far:
        far.send(b"never read")
        await page.recv(number, 1, flags.PEEK)
        sent = await filled(page, number)
        await page.shutdown(number)
        received = 0
        async with asyncio.timeout(5):
            while data := await loop.sock_recv(far, 65536):
                received += len(data)
        assert received == sent


async def test_a_socket_that_lingers_holds_nobody_up(page: Joined, opened: Open) -> None:
    listener = opened()
    number = await page.connected(port_of(listener))
    with await taken(listener):
        await page.setsockopt(number, O.SOCKET, O.LINGER, struct.pack("<ii", 1, 30))
        await filled(page, number)
        before = time.monotonic()
        assert (await page.shutdown(number)).outcome == (0, 0)
        assert time.monotonic() - before < 10


async def test_a_peer_that_takes_all_does_not_keep_the_loop(
    page: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = await page.pair()
    descriptor = page.session._desk.table.find(one)
    swallowed = Swallowing()
    with monkeypatch.context() as patch:
        patch.setattr(descriptor, "socket", swallowed)
        call = page.start_transmit(one, bytes(3 << 20))
        assert not page.is_answered(call)
        assert swallowed.took == 1 << 20
        assert (await page.finish(call)).outcome == (3 << 20, 0)


class Swallowing:
    """A socket that is never full."""

    def __init__(self) -> None:
        self.took = 0

    def send(self, data: memoryview, _flags: int) -> int:
        """Take a piece."""
        size = min(len(data), 65536)
        self.took += size
        return size
