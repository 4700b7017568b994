"""A session: one answer for every message, whatever is wrong with it, and limits of what it keeps."""

import asyncio
import gc
import random
import socket
import struct
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fetchkit.net.dial import Dialer
from fetchkit.net.policy import target_policy
from fetchkit.sockets.posix.session import Session
from fetchkit.sockets.posix.table import MAX_OPEN
from fetchkit.sockets.posix.waiting import MAX_HELD, MAX_WAITING
from fetchkit.sockets.posix.wire import Layout
from tests.files.support import eventually
from tests.raw import DEADLINE

from . import messages as client
from .conftest import Join, Joined
from .hosts import lines
from .page import DGRAM, STREAM, E, F, O, flags

# --- messages that say nothing


async def test_an_empty_message_is_the_next_call_and_waits_a_moment(
    page: Joined, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = await page.pair()
    for _ in range(2):
        call = page.expect(F.GETSOCKNAME)
        begun = time.monotonic()
        page.send(client.getsockname(call, one, 128))
        reply = await page.finish(call)
        assert time.monotonic() - begun >= 0.019
        assert reply.outcome == (-1, E.OPNOTSUPP)
        assert len(reply.message) == 16
    (line,) = lines(caplog)
    assert "256 bytes" in line
    assert "#20691" in line


async def test_an_empty_message_lets_a_lower_call_overtake(page: Joined) -> None:
    one, _ = await page.pair()
    late, empty = page.expect(F.SHUTDOWN), page.expect(F.GETPEERNAME)
    page.send(b"")
    page.send(client.shutdown(late, one, 2))
    assert (await page.finish(late)).outcome == (0, 0)
    assert (await page.finish(empty)).outcome == (-1, E.OPNOTSUPP)


async def test_empty_messages_at_once_are_the_calls_in_between(page: Joined) -> None:
    one, _ = await page.pair()
    first, second = page.expect(F.GETSOCKNAME), page.expect(F.GETSOCKNAME)
    page.send(b"")
    page.send(b"\1\2\3")
    assert (await page.call(F.LISTEN, one, 1)).ret == -1
    for call in (first, second):
        assert (await page.finish(call)).outcome == (-1, E.OPNOTSUPP)


@pytest.mark.parametrize("length", range(244, 252))
async def test_a_cut_head_that_has_its_number_is_answered_at_once(page: Joined, length: int) -> None:
    one, _ = await page.pair()
    call = page.expect(F.GETSOCKNAME)
    page.send(client.getsockname(call, one, length))
    assert page.is_answered(call)
    assert (await page.finish(call)).outcome == (-1, E.OPNOTSUPP)


@pytest.mark.parametrize("length", [252, 255, 256, 257, 400])
async def test_a_head_that_has_its_socket_is_answered_with_the_name(page: Joined, length: int) -> None:
    listener, port = await page.listening()
    call = page.expect(F.GETSOCKNAME)
    page.send(client.getsockname(call, listener, length))
    packed = client.read_name((await page.finish(call)).message)
    assert packed == client.sockaddr_in((127, 0, 0, 1), port)


async def test_a_stranger_is_told_once(page: Joined, caplog: pytest.LogCaptureFixture) -> None:
    page.send(b"GET / HTTP/1.1")
    page.send(b"Hello")
    assert "/echo" in lines(caplog)[0]
    assert sum("/echo" in line for line in lines(caplog)) == 1
    assert all(len(replies) == 1 for replies in page.replies.values())


async def test_text_is_said_once_and_ignored(page: Joined, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        page.session.text()
    (line,) = lines(caplog)
    assert "text" in line
    assert not page.replies


async def test_a_page_that_is_refused_often_does_not_fill_the_log(
    page: Joined, caplog: pytest.LogCaptureFixture
) -> None:
    number = await page.socket()
    for port in range(1, 200):
        assert (await page.connect(number, "10.0.0.1", port)).outcome == (-1, E.ACCES)
    assert len(lines(caplog)) == 65
    assert "no more lines" in lines(caplog)[-1]


# --- every message, one answer


@pytest.mark.parametrize("function", [-1, 0, *range(1, 20), 20, 2**31 - 1])
async def test_every_truncation_is_answered_once(page: Joined, function: int) -> None:
    for size in (*range(8, 40), 279, 280, 2203):
        call = page.expect(function)
        page.send((client.head(call, function) + bytes(4096))[:size])
        await page.finish(call)
    await asyncio.sleep(0)
    assert all(len(replies) == 1 for replies in page.replies.values())


async def test_a_defect_of_ours_is_an_errno_and_a_line(
    page: Joined, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = await page.pair()
    table = page.session._desk.table

    def broken(_: int) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(table, "find", broken)
        assert (await page.recv(one)).outcome == (-1, 29)  # EIO
    assert "recv failed" in caplog.text
    assert (await page.transmit(one, b"x")).outcome == (1, 0)


def _random_message(seed: random.Random, call: int, known: list[int]) -> bytes:
    function = seed.choice([*range(1, 20), *range(1, 18), seed.getrandbits(32)])
    if function == F.GETADDRINFO:
        names = [seed.choice([b"", b"127.0.0.1", b"::1", b"\xff" * 90]).ljust(2048, b"\0")]
        names.append(seed.choice([b"", b"80", b"x" * 127]).ljust(128, b"\0"))
        body = b"".join(names) + struct.pack("<5i", 1, 4, seed.choice([0, 2, 10, 99]), seed.choice([0, 1]), 0)
    elif function == F.GETNAMEINFO:
        body = struct.pack("<4I", 3, seed.choice([0, 3, 255]), 32, 16) + client.sockaddr_in((127, 0, 0, 1), 9)
    else:
        integers = [seed.choice([seed.getrandbits(32), seed.randrange(300), 1, 2, 0]) for _ in range(4)]
        if function > 2:
            integers[0] = seed.choice([*known, 256, 0, 7777])
        packed = seed.choice([b"", client.sockaddr_in((127, 0, 0, 1), seed.choice([0, 9, 7777])), bytes(16)])
        if function in (F.BIND, F.CONNECT):
            integers[1:] = [len(packed)]
        body = client.head(0, 0, *integers)[8:] + packed + seed.randbytes(seed.choice([0, 4, 300]))
    message = client.head(call, function) + body
    return message[: seed.choice([len(message), len(message), seed.randrange(4, len(message) + 1)])]


@pytest.mark.parametrize("seed", range(12))
async def test_random_messages_are_answered_once_each(join: Join, seed: int) -> None:
    page = join(dialer=Dialer(target_policy()))
    chosen = random.Random(seed)  # noqa: S311  the same each time
    known = [number for _ in range(8) for number in await page.pair(chosen.choice([STREAM, DGRAM]))]
    calls = []
    for _ in range(600):
        call = page.number = page.number + 1
        page.send(_random_message(chosen, call, known))
        calls.append(call)
        if page.board.count > 200:
            await asyncio.sleep(0)
    # Whoever waits does so for a socket: an end to all of them is an end to all calls.
    for number in range(256, 1024):
        page.start(F.SHUTDOWN, number, 2)
    async with asyncio.timeout(DEADLINE):
        while page.board.count:
            await asyncio.sleep(0.01)
    for call in calls:
        assert len(page.replies[call]) == 1, call
        assert len(page.replies[call][0]) >= 12
    assert len(page.session._desk.table) == 0
    assert page.board.held == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=400), function=st.integers(1, 20))
def test_any_bytes_are_answered_once(body: bytes, function: int) -> None:
    async def ask() -> None:
        replies: list[bytes] = []
        session = Session(replies.append, dialer=Dialer(target_policy(deny_net=["0.0.0.0/0", "::/0"])))
        session.received(bytearray(client.head(7, function) + body))
        async with asyncio.timeout(DEADLINE):
            while session._desk.board.count:
                await asyncio.sleep(0.001)
        session.close()
        (reply,) = replies
        assert reply[:4] == b"\7\0\0\0"

    asyncio.run(ask())


# --- limits


async def test_no_more_descriptors_than_so_many(page: Joined) -> None:
    for _ in range(MAX_OPEN // 2):
        await page.pair()
    assert (await page.call(F.SOCKET, 2, STREAM, 0)).outcome == (-1, E.MFILE)
    reply = await page.call(F.SOCKETPAIR, 1, STREAM, 0)
    assert reply.outcome == (-1, E.MFILE)
    assert reply.message[12:] == bytes(8)
    await page.shutdown(256)
    assert await page.socket() == 256 + MAX_OPEN


async def test_a_full_table_leaves_connections_to_be_accepted(page: Joined) -> None:
    listener, port = await page.listening()
    while len(page.session._desk.table) < MAX_OPEN:
        last = await page.socket(kind=DGRAM)
    with socket.create_connection(("127.0.0.1", port)):
        assert (await page.call(F.ACCEPT, listener, 0)).outcome == (-1, E.MFILE)
        await page.shutdown(last)
        assert (await page.call(F.ACCEPT, listener, 0)).ret > 0


async def test_no_more_calls_wait_than_so_many(page: Joined) -> None:
    one, other = await page.pair()
    waiting = [page.start_recv(one, 1) for _ in range(MAX_WAITING)]
    assert (await page.recv(one, 1)).outcome == (-1, E.NOBUFS)
    # what need not wait goes on
    assert (await page.transmit(other, bytes(MAX_WAITING))).outcome == (MAX_WAITING, 0)
    for call in waiting:
        assert (await page.finish(call)).outcome == (1, 0)
    assert page.board.count == 0


async def test_no_more_lookups_wait_than_so_many(page: Joined) -> None:
    one, _ = await page.pair()
    for _ in range(MAX_WAITING):
        page.start_recv(one, 1)
    assert (await page.getaddrinfo(b"127.0.0.1")).outcome == (-11, E.NOBUFS)  # EAI_SYSTEM
    empty = page.expect(F.GETSOCKNAME)
    page.send(b"")
    assert (await page.finish(empty)).outcome == (-1, E.OPNOTSUPP)


async def test_no_more_bytes_are_kept_than_so_many(page: Joined) -> None:
    one, other = await page.pair()
    piece = MAX_HELD // 4
    waiting = [page.start_transmit(one, bytes(piece)) for _ in range(4)]
    assert page.board.held == MAX_HELD
    assert (await page.transmit(one, b"x")).outcome == (-1, E.NOBUFS)
    await page.shutdown(other)
    for call in waiting:
        await page.finish(call)
    assert page.board.held == 0


async def test_a_giant_waitall_ends_at_the_limit(page: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fetchkit.sockets.posix.waiting.MAX_HELD", 1000)
    one, other = await page.pair()
    waiting = page.start_recv(one, 2**32 - 1, flags.WAITALL)
    await page.transmit(other, bytes(900))
    await eventually(lambda: page.board.held == 900, "the first")
    await page.transmit(other, bytes(200))
    assert (await page.finish(waiting)).outcome == (1100, 0)
    assert page.board.held == 0


# --- a page that does not take its replies


async def test_a_page_that_is_full_is_served_no_more_until_it_is_not(page: Joined) -> None:
    one, other = await page.pair()
    waiting = page.start_recv(one)
    page.session.full()
    page.start_transmit(other, b"x")
    later = page.start(F.SHUTDOWN, other, 1)
    assert not page.is_answered(later)
    page.session.drained()
    assert (await page.finish(later)).outcome == (0, 0)
    assert (await page.finish(waiting)).data == b"x"


async def test_sockets_are_not_read_for_a_page_that_is_full(page: Joined) -> None:
    one, other = await page.pair()
    waiting = page.start_recv(one)
    held = page.session._desk.table.find(other).socket
    page.session.full()
    held.send(b"x")
    await asyncio.sleep(0.05)
    assert not page.is_answered(waiting)
    assert not page.session._desk.table.find(one).readers._watching  # or the loop would not rest
    page.session.drained()
    assert (await page.finish(waiting)).data == b"x"


async def test_messages_that_waited_stop_as_soon_as_the_page_is_full_again(page: Joined) -> None:
    one, other = await page.pair()
    page.session.full()
    calls = [page.start_transmit(one, b"x") for _ in range(3)]
    take = page.reply

    def take_one(message: bytes) -> None:
        take(message)
        page.session.full()

    page.board.send = take_one
    for count in range(1, 4):
        page.session.drained()
        assert sum(map(page.is_answered, calls)) == count
    page.board.send = take
    page.session.drained()
    assert (await page.recv(other)).data == b"xxx"


# --- the end


async def test_the_end_frees_everything_and_says_nothing(page: Joined) -> None:
    listener, port = await page.listening()
    one, _ = await page.pair()
    datagrams = await page.socket(kind=DGRAM)
    await page.setsockopt(one, O.SOCKET, O.RCVTIMEO, struct.pack("<ii", 30, 0))
    for call in (
        page.start(F.ACCEPT, listener, 128),
        page.start_recv(one),
        page.start_transmit(one, bytes(3_000_000)),
        page.start(F.RECVFROM, datagrams, 9, 0, 128),
    ):
        assert not page.is_answered(call)
    page.send(b"")
    replies = len(page.replies)
    numbers = [held.socket.fileno() for held in page.session._desk.table]
    page.session.close()
    assert all(number >= 0 for number in numbers)
    assert len(page.session._desk.table) == 0
    assert page.board.count <= 1  # the empty message, for 20 ms
    assert page.board.held == 0
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))
        again.listen()
    await asyncio.sleep(0.03)
    page.send(client.recv(999, one, 1))
    assert len(page.replies) == replies
    assert page.board.count == 0
    gc.collect()  # a socket that was left open would warn


async def test_a_lookup_that_ends_after_the_page_answers_nobody(
    page: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    released = threading.Event()
    ended = []

    def silent(*_: object) -> list[object]:
        released.wait(10)
        ended.append(1)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    calls = [page.expect(F.GETADDRINFO) for _ in range(8)]
    for call in calls:
        page.send(client.getaddrinfo(call, b"slow.invalid"))
    page.session.close()
    released.set()
    await eventually(lambda: len(ended) == 4, "the threads")
    await asyncio.sleep(0.05)
    assert len(ended) == 4  # those that waited for a thread get none
    assert not any(map(page.is_answered, calls))


async def test_many_connections_leave_no_descriptor_of_the_host(join: Join) -> None:
    async def once() -> None:
        page = join()
        listener, port = await page.listening()
        number = await page.connected(port)
        await page.accepted(listener)
        page.start_recv(number)
        page.session.close()

    await once()
    with socket.socket() as probe:
        before = probe.fileno()
    for _ in range(50):
        await once()
    with socket.socket() as probe:
        assert probe.fileno() <= before + 1


async def test_the_native_layout_is_that_of_the_reference(join: Join) -> None:
    page = join(layout=Layout.NATIVE)
    reply = await page.getsockopt(await page.socket(), O.SOCKET, O.TYPE)
    assert reply.message[12:] == struct.pack("<ii", 4, STREAM)
