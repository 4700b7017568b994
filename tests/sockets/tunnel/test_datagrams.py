"""UDP tunnels over real sockets: boundaries, the port message, who is heard, and the socket's life."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from fetchkit import isolation
from fetchkit.net.dial import Dialer
from fetchkit.sockets import connection, tunnel
from fetchkit.sockets.tunnel import datagrams
from fetchkit.sockets.tunnel.datagrams import MAX_DATAGRAM, Datagrams
from fetchkit.sockets.tunnel.target import port_message
from tests.files.support import eventually, open_descriptors, pattern
from tests.forward.test_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Peer, closing
from tests.raw import DEADLINE
from tests.sockets.peer import Served

Address = tuple[str, int]


@contextmanager
def udp(address: str = "127.0.0.1", port: int = 0) -> Iterator[socket.socket]:
    """A UDP socket that takes what loopback brings."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.bind((address, port))
        made.setblocking(False)
        yield made


@pytest.fixture
def far() -> Iterator[socket.socket]:
    with udp() as made:
        yield made


def port_of(made: socket.socket) -> int:
    return int(made.getsockname()[1])


async def heard(made: socket.socket) -> tuple[bytes, Address]:
    """The next datagram, and who sent it."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                data, address = made.recvfrom(70_000)
            except BlockingIOError:
                await asyncio.sleep(0.001)  # uvloop has no sock_recvfrom
            else:
                return data, (address[0], address[1])


async def nothing(made: socket.socket, page: Peer) -> None:
    """Nothing was sent to a socket by what the page has sent so far."""
    await page.send(PING, b"mark")
    assert await page.read() == (PONG, b"mark")
    with pytest.raises(BlockingIOError):
        made.recv(1)


@pytest.fixture
async def page(served: Served, far: socket.socket) -> Peer:
    """A page with a tunnel to `far`."""
    return await served.page(f"/udp/127.0.0.1:{port_of(far)}")


def between(served: Served) -> Datagrams:
    """What is behind the one WebSocket."""
    (ws,) = served.app[connection._OPEN].websockets
    assert isinstance(ws._listener, Datagrams)
    return ws._listener


@pytest.mark.parametrize("size", [0, 1, 10, 1400, 65535 - 28])
async def test_a_message_is_a_datagram_both_ways(page: Peer, far: socket.socket, size: int) -> None:
    await page.send(BINARY, pattern(size))
    data, address = await heard(far)
    assert (data, address[0]) == (pattern(size), "127.0.0.1")
    far.sendto(pattern(size, 1), address)
    assert await page.read() == (BINARY, pattern(size, 1))


async def test_boundaries_are_kept_and_all_come_from_one_port(page: Peer, far: socket.socket) -> None:
    sent = [pattern(size, size) for size in (3, 0, 1, 500, 0, 7)]
    page.writer.write(b"".join(page.frame(BINARY, each) for each in sent))
    got = [await heard(far) for _ in sent]
    assert [data for data, _ in got] == sent
    assert len({address for _, address in got}) == 1
    for each in sent:
        far.sendto(each, got[0][1])
    assert [await page.read() for _ in sent] == [(BINARY, each) for each in sent]


async def test_fragments_are_put_together_and_text_is_bytes(page: Peer, far: socket.socket) -> None:
    await page.send(BINARY, b"a", fin=False)
    await page.send(CONTINUATION, b"", fin=False)
    await page.send(PING, b"between")
    await page.send(CONTINUATION, b"b")
    await page.send(TEXT, "ü".encode())
    assert [(await heard(far))[0] for _ in range(2)] == [b"ab", "ü".encode()]
    assert await page.read() == (PONG, b"between")


@pytest.mark.parametrize("size", [MAX_DATAGRAM + 1, 1 << 20])
async def test_what_is_too_long_for_a_datagram_ends_with_1009(
    page: Peer, far: socket.socket, size: int
) -> None:
    await page.send(BINARY, b"before")
    assert (await heard(far))[0] == b"before"
    await page.send(BINARY, bytes(size))
    opcode, payload = await page.read()
    assert (opcode, payload[:2]) == (CLOSE, (1009).to_bytes(2, "big"))


async def test_the_longest_datagram_is_sent(page: Peer, far: socket.socket) -> None:
    await page.send(BINARY, bytes(MAX_DATAGRAM))
    assert len((await heard(far))[0]) == MAX_DATAGRAM


async def test_a_close_is_mirrored_and_nothing_is_left(
    served: Served, page: Peer, far: socket.socket
) -> None:
    before = open_descriptors()
    await page.send(BINARY, b"x")
    _, address = await heard(far)
    assert open_descriptors() == before + 1
    await page.send(CLOSE, closing(None))
    assert await page.read() == (CLOSE, closing(None))
    assert await page.ends()
    note = (await served.answered()).note
    assert note == f"127.0.0.1 -> 127.0.0.1:{port_of(far)}/udp"
    with udp(port=address[1]):
        pass


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_page_that_vanishes_leaves_nothing(
    served: Served, page: Peer, far: socket.socket, how: str
) -> None:
    await page.send(BINARY, b"x")
    _, address = await heard(far)
    getattr(page, how)()
    await served.answered()
    with udp(port=address[1]):
        pass


# --- the port message


def free_port() -> int:
    with udp() as made:
        return port_of(made)


async def test_the_port_message_binds_the_port_and_is_not_sent(page: Peer, far: socket.socket) -> None:
    port = free_port()
    await page.send(BINARY, port_message(port))
    await page.send(BINARY, b"x")
    assert await heard(far) == (b"x", ("127.0.0.1", port))


async def test_a_bound_port_is_heard_before_anything_is_sent(
    served: Served, page: Peer, far: socket.socket
) -> None:
    port = free_port()
    await page.send(BINARY, port_message(port))
    await eventually(lambda: between(served)._transport is not None, "bound")
    far.sendto(b"first", ("127.0.0.1", port))
    assert await page.read() == (BINARY, b"first")


async def test_a_port_message_that_is_not_the_first_is_data(page: Peer, far: socket.socket) -> None:
    await page.send(BINARY, b"x")
    await page.send(BINARY, port_message(80))
    assert [(await heard(far))[0] for _ in range(2)] == [b"x", port_message(80)]


async def test_a_port_that_is_taken_is_another_with_one_line(
    page: Peer, far: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with udp() as taken, caplog.at_level(logging.WARNING, "fetchkit.tunnel"):
        port = port_of(taken)
        await page.send(BINARY, port_message(port))
        await page.send(BINARY, b"x")
        data, address = await heard(far)
    assert data == b"x"
    assert address[1] != port
    (record,) = caplog.records
    assert str(port) in record.getMessage()


async def test_port_zero_is_any_port(page: Peer, far: socket.socket) -> None:
    await page.send(BINARY, port_message(0))
    await page.send(BINARY, b"x")
    assert (await heard(far))[0] == b"x"


# --- who is heard


async def test_strangers_are_not_heard(page: Peer, far: socket.socket) -> None:
    await page.send(BINARY, b"x")
    _, address = await heard(far)
    with udp("127.0.0.2") as stranger:
        stranger.sendto(b"hello", address)
    far.sendto(b"real", address)
    assert await page.read() == (BINARY, b"real")


async def test_a_first_answer_from_another_port_moves_the_peer_and_tells_the_page(
    page: Peer, far: socket.socket
) -> None:
    await page.send(BINARY, b"read request")
    _, address = await heard(far)
    with udp() as transfer:
        transfer.sendto(b"block 1", address)
        assert await page.read() == (BINARY, port_message(port_of(transfer)))
        assert await page.read() == (BINARY, b"block 1")
        far.sendto(b"late", address)
        await page.send(BINARY, b"ack 1")
        assert (await heard(transfer))[0] == b"ack 1"
        transfer.sendto(b"block 2", address)
        assert await page.read() == (BINARY, b"block 2")
    await nothing(far, page)


async def test_an_answer_from_another_port_is_not_heard_once_the_target_has_answered(
    page: Peer, far: socket.socket
) -> None:
    await page.send(BINARY, b"x")
    _, address = await heard(far)
    far.sendto(b"real", address)
    assert await page.read() == (BINARY, b"real")
    with udp() as other:
        other.sendto(b"other", address)
    far.sendto(b"again", address)
    assert await page.read() == (BINARY, b"again")


async def test_the_peer_does_not_move_to_a_port_that_the_policy_refuses(
    dialer: Dialer, page: Peer, far: socket.socket
) -> None:
    await page.send(BINARY, b"x")
    _, address = await heard(far)
    with udp() as ours:
        dialer.own_ports.add(port_of(ours))
        ours.sendto(b"no", address)
    far.sendto(b"yes", address)
    assert await page.read() == (BINARY, b"yes")


async def test_a_first_answer_that_looks_like_a_port_message_follows_a_true_one(
    page: Peer, far: socket.socket
) -> None:
    await page.send(BINARY, b"x")
    _, address = await heard(far)
    far.sendto(port_message(9), address)
    assert await page.read() == (BINARY, port_message(port_of(far)))
    assert await page.read() == (BINARY, port_message(9))
    far.sendto(port_message(9), address)
    assert await page.read() == (BINARY, port_message(9))


# --- the socket's life


async def test_a_server_may_be_started_after_the_first_datagram(served: Served) -> None:
    port = free_port()
    page = await served.page(f"/udp/127.0.0.1:{port}")
    for _ in range(3):
        await page.send(BINARY, b"nobody")
        await page.send(PING, b"")
        assert await page.read() == (PONG, b"")
    with udp(port=port) as late:
        await page.send(BINARY, b"somebody")
        assert (await heard(late))[0] == b"somebody"


async def test_an_idle_socket_is_given_back_and_made_anew_for_the_next_message(
    served: Served, page: Peer, far: socket.socket
) -> None:
    port = free_port()
    await page.send(BINARY, port_message(port))
    await page.send(BINARY, b"one")
    assert await heard(far) == (b"one", ("127.0.0.1", port))
    middle = between(served)
    is_open = []
    for _ in range(2):
        assert middle._timer is not None
        middle._timer.cancel()
        middle._look_whether_idle()
        is_open.append(middle._transport is not None)
    assert is_open == [True, False]  # at the first look there had been a datagram

    def free() -> bool:
        with contextlib.suppress(OSError), udp(port=port):
            return True
        return False

    await eventually(free, "the port is free")
    await page.send(BINARY, b"two")
    assert await heard(far) == (b"two", ("127.0.0.1", port))


def test_five_minutes_are_idle() -> None:
    assert datagrams.IDLE_SECONDS == 300  # RFC 4787, section 4.3


async def test_a_page_that_stops_costs_datagrams_not_memory(
    served: Served, page: Peer, far: socket.socket
) -> None:
    await page.send(BINARY, b"x")
    _, address = await heard(far)
    page.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a stream it may read
    (ws,) = served.app[connection._OPEN].websockets
    assert ws._transport is not None
    for _ in range(2000):  # 64 MB
        far.sendto(bytes(32_000), address)
        await asyncio.sleep(0)
    assert ws._transport.get_write_buffer_size() < 1 << 20
    await eventually(lambda: ws.is_full, "full")
    page.writer.transport.resume_reading()  # type: ignore[attr-defined]
    while ws.is_full:
        assert await page.read() == (BINARY, bytes(32_000))
    await page.send(BINARY, b"still there")
    assert (await heard(far))[0] == b"still there"


async def test_many_datagrams_at_once_arrive_in_order(page: Peer, far: socket.socket) -> None:
    page.writer.write(b"".join(page.frame(BINARY, number.to_bytes(4, "big")) for number in range(2000)))
    got = [int.from_bytes((await heard(far))[0], "big") for _ in range(2000)]
    assert got == list(range(2000))


async def test_ipv6_is_reached_and_heard(served: Served) -> None:
    with udp("::1") as far:
        page = await served.page(f"/udp/[::1]:{port_of(far)}")
        await page.send(BINARY, port_message(free_port()))
        await page.send(BINARY, b"six")
        data, _ = await heard(far)
        assert data == b"six"


async def test_a_name_prefers_ipv4_which_is_all_that_sockfs_knows(served: Served, far: socket.socket) -> None:
    page = await served.page(f"/udp/localhost:{port_of(far)}")
    await page.send(BINARY, b"x")
    assert (await heard(far))[0] == b"x"


async def test_a_refused_address_is_a_refused_handshake(dialer: Dialer) -> None:
    app = web.Application()
    isolation.setup(app)
    tunnel.setup(app, dialer=dialer)
    async with Served(app) as served:
        answer = await served.refusal("/udp/10.0.0.5:53")
        assert answer.status == 403
        assert b"--allow-net 10.0.0.5/32" in answer.body
