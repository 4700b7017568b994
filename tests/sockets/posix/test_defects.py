"""Each of the 36 defects of Emscripten's websocket_to_posix_proxy, as something that does not happen here.

The numbers are in the names of the tests. What was a hang is an answer, what was the death of the server
leaves others undisturbed, and what was memory of the server is zeros or an errno.
"""

import asyncio
import contextlib
import logging
import os
import resource
import socket
import struct
import threading

import pytest
from aiohttp import web

from fetchkit.net.dial import Dialer
from fetchkit.net.hosts import host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.net.policy import TargetPolicy
from fetchkit.sockets.posix import setup
from fetchkit.web import guard
from tests.files.support import eventually, open_descriptors
from tests.forward.test_websocket import BINARY, CLOSE, HANDSHAKE, PING, PONG, TEXT
from tests.raw import RawClient
from tests.sockets.peer import Far, Served

from . import messages as client
from .conftest import Join, Joined, Open, Start, browsed
from .hosts import free_port
from .page import AF_INET, AF_INET6, DGRAM, NONBLOCK, STREAM, WR, E, F, O, address, flags, place, timeval

PASSIVE = 1


# --- transport


async def test_01_a_send_that_chromium_splits_is_one_send(start: Start) -> None:
    served = await start()
    async with browsed(served) as page:
        one, other = await page.pair()
        call = page.expect(F.SEND)
        message = client.send(call, one, os.urandom(66_000))
        page.peer.writer.write(page.peer.frame(BINARY, message[:65536], fin=False))
        page.peer.writer.write(page.peer.frame(0, message[65536:]))
        assert (await page.finish(call)).outcome == (66_000, 0)
        assert (await page.recv(other, 66_000, flags.WAITALL)).data == message[20:]


async def test_02_a_reply_is_one_segment_at_once(start: Start) -> None:
    served = await start()
    peer = await served.page("/posix", protocol=None)
    segments = Segments(peer.reader)
    peer.reader.feed_data = segments.take  # type: ignore[assignment,method-assign]
    for number in range(1, 20):
        await peer.send(BINARY, client.socket(number, 2, 1, 0))
        assert (await peer.read())[0] == BINARY
    assert segments.sizes == [14] * 19


class Segments:
    """Counts what comes together."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.sizes: list[int] = []
        self._on = reader.feed_data

    def take(self, data: bytes) -> None:
        """Count it, and hand it on."""
        self.sizes.append(len(data))
        self._on(data)


async def test_03_ping_pong_and_text_are_no_end_and_a_close_is_answered(start: Start) -> None:
    served = await start()
    async with browsed(served) as page:
        await page.peer.send(PING, b"are you there")
        await page.peer.send(PONG, b"unasked")
        await page.peer.send(TEXT, b"text")
        assert await page.socket() == 256
        await page.peer.send(CLOSE, struct.pack("!H", 1000))
        await eventually(lambda: len(page.others) == 2, "two frames")
        assert page.others == [(PONG, b"are you there"), (CLOSE, struct.pack("!H", 1000))]


async def test_04_a_handshake_is_read_whole_in_pieces_and_with_all_its_cookies(start: Start) -> None:
    served = await start()
    async with browsed(served, "Cookie: " + "x" * 7900) as page:
        assert await page.socket() == 256
    raw = await RawClient.connect("127.0.0.1", served.port)
    head = "\r\n".join(["GET /posix HTTP/1.1", "Host: 127.0.0.1", *HANDSHAKE, "", ""]).encode()
    for byte in range(0, len(head), 7):
        raw.send(head[byte : byte + 7])
        await asyncio.sleep(0)
    assert (await raw.head()).status == 101
    await raw.close()


async def test_05_names_of_headers_have_no_case_and_a_key_must_be_there(start: Start) -> None:
    served = await start()
    for lines, status in (
        ([line.lower().replace(KEY.lower(), KEY) for line in HANDSHAKE], 101),
        ([line for line in HANDSHAKE if "Key" not in line], 400),
        ([*(line for line in HANDSHAKE if "Key" not in line), "Sec-WebSocket-Key: short"], 400),
    ):
        raw = await RawClient.connect("127.0.0.1", served.port)
        raw.send("\r\n".join(["GET /posix HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode())
        answer = await raw.head()
        assert answer.status == status
        if status == 101:
            assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        await raw.close()


KEY = "dGhlIHNhbXBsZSBub25jZQ=="


async def test_06_what_is_no_handshake_or_of_a_foreign_page_gets_no_101() -> None:
    app = web.Application()
    setup(app, dialer=Dialer(TargetPolicy()))
    guard.setup(app, guard.Guard(host_rules(), origin_rules((), "--allow-origin")))
    async with Served(app) as served:
        for lines, status in (
            (["GET /posix HTTP/1.1", "Host: localhost"], 426),
            (["POST /posix HTTP/1.1", "Host: localhost", *HANDSHAKE], 400),
            (["GET /posix HTTP/1.1", "Host: localhost", *HANDSHAKE[1:]], 400),
            (["GET /posix HTTP/1.1", "Host: localhost", *HANDSHAKE[:2], "Sec-WebSocket-Version: 8"], 426),
            (["GET /posix HTTP/1.1", "Host: evil.test", *HANDSHAKE], 421),
            (["GET /posix HTTP/1.1", "Host: localhost", "Origin: http://evil.test", *HANDSHAKE], 403),
        ):
            raw = await RawClient.connect("127.0.0.1", served.port)
            raw.send("\r\n".join([*lines, "", ""]).encode())
            assert (await raw.head()).status == status
            await raw.close()


async def test_07_clients_that_vanish_in_the_handshake_end_nobody_else(start: Start) -> None:
    served = await start()
    async with browsed(served) as page:
        head = "\r\n".join(["GET /posix HTTP/1.1", "Host: 127.0.0.1", *HANDSHAKE, "", ""]).encode()
        for cut in range(60):
            with socket.create_connection(("127.0.0.1", served.port)) as raw:
                raw.send(head[: len(head) - cut])
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0)
        assert await page.socket() == 256
    async with browsed(served) as page:
        assert await page.socket() == 256


@pytest.mark.parametrize(
    "frame",
    [
        b"\x82\xff" + b"\xff" * 8 + bytes(4),  # 2^64 - 1 bytes
        b"\x82\xff" + b"\x80" + bytes(7) + bytes(4),  # the highest bit
        b"\x82\x05hello",  # no mask
        b"\x82\xfe\x00\x05" + bytes(9),  # longer than it need be
        b"\x83\x80" + bytes(4),  # an opcode that is none
        b"\x80\x80" + bytes(4),  # nothing to continue
        b"\x89\xfe\x00\x7e" + bytes(130),  # a ping of 126 bytes
        b"\xc2\x80" + bytes(4),  # a reserved bit
    ],
    ids=range(8),
)
async def test_08_frames_that_lie_end_their_own_connection_only(start: Start, frame: bytes) -> None:
    served = await start()
    async with browsed(served) as other:
        peer = await served.page("/posix", protocol=None)
        peer.writer.write(frame)
        opcode, payload = await peer.read()
        assert (opcode, payload[:2]) == (CLOSE, struct.pack("!H", 1002))
        assert await other.socket() == 256


async def test_09_a_page_that_reads_nothing_holds_nobody_up(start: Start) -> None:
    served = await start()
    async with Far.open() as far, browsed(served) as other:
        lazy = await served.page("/posix", protocol=None)
        lazy.reader._transport.pause_reading()  # type: ignore[attr-defined]
        for message in (
            client.socket(1, 2, 1, 0),
            client.connect(2, 256, client.sockaddr_in((127, 0, 0, 1), far.port)),
        ):
            lazy.writer.write(lazy.frame(BINARY, message))
        wire = await far.accept()
        pouring = asyncio.create_task(wire.send(bytes(50_000_000)))
        for number in range(3, 103):
            lazy.writer.write(lazy.frame(BINARY, client.recv(number, 256, 1 << 20)))
        for _ in range(20):
            one, two = await other.pair()
            await other.transmit(one, b"x")
            assert (await other.recv(two)).data == b"x"
        assert not pouring.done()
        pouring.cancel()
        await asyncio.gather(pouring, return_exceptions=True)
        wire.close()


async def test_10_a_send_that_waits_holds_up_no_other_call(page: Joined) -> None:
    one, other = await page.pair()
    waiting = page.start_transmit(one, bytes(3_000_000))
    lookup = page.expect(F.GETADDRINFO)
    page.send(client.getaddrinfo(lookup, b"127.0.0.1", b"80"))
    third, fourth = await page.pair()
    await page.transmit(third, b"x")
    assert (await page.recv(fourth)).data == b"x"
    assert (await page.finish(lookup)).ret == 0
    assert not page.is_answered(waiting)
    assert (await page.recv(other)).ret > 0


async def test_11_a_reply_arrives_whole_however_slowly_it_is_read(start: Start) -> None:
    served = await start()
    data = os.urandom(1 << 20)
    async with browsed(served) as page:
        one, other = await page.pair()
        call = page.start_transmit(one, data)
        got = await page.recv(other, len(data), flags.WAITALL)
        assert got.data == data
        assert (await page.finish(call)).outcome == (len(data), 0)


async def test_12_too_few_descriptors_of_the_host_are_an_errno_and_no_loop(page: Joined) -> None:
    listener, port = await page.listening()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_connection(("127.0.0.1", port)):
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            made = await page.call(F.SOCKET, AF_INET, STREAM, 0)
            accepted = await page.call(F.ACCEPT, listener, 0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert made.outcome == (-1, E.MFILE)
        assert accepted.outcome == (-1, E.MFILE)
        assert (await page.call(F.ACCEPT, listener, 0)).ret > 0


# --- lifetime


async def test_13_calls_that_wait_cost_no_thread(page: Joined) -> None:
    one, other = await page.pair()
    before = threading.active_count()
    for _ in range(2000):
        waiting = page.start_recv(one, 1)
        await page.transmit(other, b"x")
        await page.finish(waiting)
    for _ in range(100):
        page.start_recv(one, 1)
    assert threading.active_count() == before


async def test_14_what_was_received_is_not_kept(page: Joined, opened: Open) -> None:
    far = opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    await page.bind(number)
    where = await page.sockname(number)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        far.sendto(bytes(60_000), where)
        assert (await page.recvfrom(number, 1 << 31)).ret == 60_000
        page.replies.clear()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB
    assert page.board.held == 0


async def test_15_a_reload_binds_the_same_port_at_once(start: Start) -> None:
    served = await start()
    port = free_port()
    for _ in range(20):
        async with browsed(served) as page:
            number = await page.socket()
            async with asyncio.timeout(5):
                while (reply := await page.bind(number, port=port)).ret:
                    assert reply.errno == E.ADDRINUSE  # the RST of the page before is on its way
                    await asyncio.sleep(0)
            assert (await page.listen(number)).outcome == (0, 0)
            peer = await page.connected(port)
            await page.accepted(number)
            await page.transmit(peer, b"x")
            page.peer.rst()


@pytest.mark.parametrize("kind", ["udp", "unconnected", "listener", "reset", "finished"])
async def test_16_shutdown_frees_whatever_the_kernel_says(page: Joined, opened: Open, kind: str) -> None:
    listener = opened()
    before = open_descriptors()
    for _ in range(20):
        if kind == "udp":
            number = await page.socket(kind=DGRAM)
        elif kind == "unconnected":
            number = await page.socket()
        elif kind == "listener":
            number, _ = await page.listening()
        else:
            number = await page.connected(listener.getsockname()[1])
            far, _ = await asyncio.get_running_loop().sock_accept(listener)
            if kind == "reset":
                far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await page.shutdown(number, WR)
            far.close()
            await page.recv(number)
        assert (await page.shutdown(number)).outcome == (0, 0)
        assert (await page.shutdown(number)).outcome == (-1, E.BADF)
    assert open_descriptors() == before


async def test_17_a_late_reply_reaches_no_other_page(join: Join) -> None:
    first, second = join(), join()
    one, other = await first.pair()
    first.start_recv(one)
    held = first.session._desk.table.find(other).socket.dup()
    first.session.close()
    with held, contextlib.suppress(OSError):
        held.send(b"late")
    mine, theirs = await second.pair()
    waiting = second.start_recv(mine)
    await asyncio.sleep(0.01)
    assert not second.is_answered(waiting)
    await second.transmit(theirs, b"own")
    assert (await second.finish(waiting)).data == b"own"
    assert all(replies[0][4:] != b"late" for replies in first.replies.values())


@pytest.mark.parametrize("number", [-1, 0, 1, 2, 3, 255, 1024, 2**31 - 1])
async def test_18_a_descriptor_of_the_server_or_of_another_page_is_bad(join: Join, number: int) -> None:
    page, other = join(), join()
    foreign, _ = await other.pair()
    for descriptor in (number, foreign):
        assert (await page.recv(descriptor)).outcome == (-1, E.BADF)
        assert (await page.transmit(descriptor, b"x")).outcome == (-1, E.BADF)


async def test_19_a_length_of_4_gib_allocates_nothing(page: Joined, opened: Open) -> None:
    numbers = [await page.pair() for _ in range(8)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    waiting = [page.start_recv(one, 2**32 - 1) for one, _ in numbers]
    waiting += [page.start_recv(one, 2**32 - 1, flags.WAITALL) for one, _ in numbers]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB
    for (_, other), call in zip(numbers, waiting, strict=False):
        await page.transmit(other, b"x")
        assert (await page.finish(call)).data == b"x"
    listener = opened()
    number = await page.connected(listener.getsockname()[1])
    far, _ = await asyncio.get_running_loop().sock_accept(listener)
    with far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(far, bytes(8 << 20)))
        received = 0
        while received < 8 << 20:
            reply = await page.recv(number, 2**32 - 1)
            assert 0 < reply.ret <= 1 << 20
            received += reply.ret
        await sending


# --- memory safety


async def test_20_sendto_sends_no_byte_that_the_page_did_not(page: Joined, opened: Open) -> None:
    far = opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    packed = address(port=far.getsockname()[1])
    for length in (3, 8000, 2**31, 2**32 - 1):
        call = page.start(F.SENDTO, number, length, 0, 16, data=packed.ljust(256, b"\0") + b"hi")
        assert (await page.finish(call)).outcome == (-1, E.INVAL)
    with pytest.raises(BlockingIOError):
        far.recv(9)


@pytest.mark.parametrize("function", [F.SEND, F.CONNECT, F.BIND, F.SETSOCKOPT])
@pytest.mark.parametrize("length", [17, 300, 2**31, 2**32 - 1])
async def test_21_lengths_are_compared_with_what_came(page: Joined, function: int, length: int) -> None:
    number = await page.socket()
    integers = {F.SEND: (length, 0), F.SETSOCKOPT: (1, 2, length)}.get(function, (length,))
    reply = await page.call(function, number, *integers, data=address())
    assert reply.outcome == (-1, E.INVAL)


@pytest.mark.parametrize("length", [0, 4, 16, 256, 5000, 2**31 - 1])
async def test_22_an_option_larger_than_expected_is_no_overflow(page: Joined, length: int) -> None:
    number = await page.socket()
    reply = await page.getsockopt(number, O.TCP, 11, length)  # TCP_INFO
    assert reply.outcome == (-1, E.NOPROTOOPT)
    reply = await page.getsockopt(number, O.SOCKET, O.TYPE, length)
    assert len(reply.message) == 12 + min(length, 4)


async def test_23_a_call_that_fails_shows_nothing_of_the_server(page: Joined) -> None:
    number = await page.socket()
    datagrams = await page.socket(kind=DGRAM | NONBLOCK)
    for reply in (
        await page.call(F.GETPEERNAME, number, 256),
        await page.call(F.GETSOCKNAME, 9999, 256),
        await page.recvfrom(datagrams, 2048, 0, 256),
        await page.getsockopt(number, O.SOCKET, 99, 256),
        await page.call(F.ACCEPT, datagrams, 128),
        await page.getaddrinfo(b"", b""),
    ):
        assert reply.ret < 0
        assert not any(reply.message[12:])


@pytest.mark.parametrize("function", range(1, 20))
async def test_24_a_message_that_is_cut_is_refused_and_read_no_further(page: Joined, function: int) -> None:
    number, _ = await page.pair()
    whole = {
        F.BIND: client.bind(0, number, address()),
        F.CONNECT: client.connect(0, number, address()),
        F.SEND: client.send(0, number, b"hello"),
        F.SENDTO: client.sendto(0, number, b"hello", b""),
        F.SENDMSG: client.sendmsg(0, number, b"hello"),
        F.RECVMSG: client.recvmsg(0, number, 9),
        F.SETSOCKOPT: client.setsockopt(0, number, 1, 2, bytes(4)),
        F.GETADDRINFO: client.getaddrinfo(0, b"x"),
        F.GETNAMEINFO: client.getnameinfo(0, address()),
        F.RECVFROM: client.recvfrom(0, number, 9, 16),
        F.GETSOCKOPT: client.getsockopt(0, number, 1, 3, 4),
    }.get(function, client.head(0, function, number, 0, 0)[: 20 if function in (1, 2, 10, 11) else 16])
    shortest = 12 if function in (F.GETSOCKNAME, F.GETPEERNAME) else len(whole)
    for size in [*range(8, min(shortest, 40)), shortest - 1]:
        call = page.expect(function)
        page.send(client.head(call, function)[:8] + whole[8:size])
        reply = await page.finish(call)
        assert reply.ret < 0
        assert reply.errno in (E.INVAL, E.OPNOTSUPP)


async def test_24b_a_name_without_an_end_is_refused(page: Joined) -> None:
    for node, service in ((b"x" * 2048, b"80"), (b"127.0.0.1", b"8" * 128)):
        assert (await page.getaddrinfo(node, service)).ret < 0


async def test_25_a_pair_that_fails_is_zeros(page: Joined) -> None:
    reply = await page.call(F.SOCKETPAIR, AF_INET, STREAM, 0)
    assert reply.outcome == (-1, E.OPNOTSUPP)
    assert reply.message[12:] == bytes(8)


# --- semantics


async def test_26_errno_are_emscriptens(page: Joined, opened: Open) -> None:
    number = await page.socket()
    assert (await page.connect(number, "127.0.0.1", free_port())).outcome == (-1, 14)  # ECONNREFUSED
    one, _ = await page.pair()
    assert (await page.recv(one, 1, flags.DONTWAIT)).outcome == (-1, 6)  # EAGAIN
    assert (await page.recv(9999)).outcome == (-1, 8)  # EBADF
    fresh = await page.socket()
    assert (await page.call(F.GETPEERNAME, fresh, 256)).outcome == (-1, 53)  # ENOTCONN
    assert (await page.bind(fresh, port=opened().getsockname()[1])).outcome == (-1, 3)  # EADDRINUSE


@pytest.mark.parametrize("function", range(3, 18))
async def test_27_a_foreign_descriptor_is_ebadf_in_every_function(page: Joined, function: int) -> None:
    call = page.expect(function)
    page.send(
        {
            F.BIND: client.bind(call, 9999, address()),
            F.CONNECT: client.connect(call, 9999, address()),
            F.SEND: client.send(call, 9999, b"x"),
            F.RECV: client.recv(call, 9999, 1),
            F.SENDTO: client.sendto(call, 9999, b"x", address()),
            F.SENDMSG: client.sendmsg(call, 9999, b"x"),
            F.RECVMSG: client.recvmsg(call, 9999, 1),
            F.SETSOCKOPT: client.setsockopt(call, 9999, 1, 2, bytes(4)),
            F.GETSOCKNAME: client.getsockname(call, 9999, 256),
            F.GETPEERNAME: client.getpeername(call, 9999, 256),
        }.get(function, client.head(call, function, 9999, 1, 0, 4))
    )
    assert (await page.finish(call)).outcome == (-1, E.BADF)


async def test_28_the_value_of_an_option_stands_where_the_client_reads_it(page: Joined) -> None:
    number = await page.socket()
    reply = await page.getsockopt(number, O.SOCKET, O.TYPE)
    assert client.read_getsockopt(reply.message, 4) == (struct.pack("<i", STREAM), 4)


async def test_29_recvfrom_says_the_size_that_the_address_has(page: Joined, opened: Open) -> None:
    for family, size in ((AF_INET, 16), (AF_INET6, 28)):
        far = opened(socket.SOCK_DGRAM, socket.AF_INET if family == AF_INET else socket.AF_INET6)
        number = await page.socket(family, DGRAM)
        host = far.getsockname()[0]
        await page.bind(number, host)
        for room in (0, 16, 128, 0x63736D65):
            far.sendto(b"hi", await page.sockname(number))
            reply = await page.recvfrom(number, 9, 0, room)
            assert len(reply.message) == 20 + 2 + size
            got = client.read_recvfrom(reply.message, 9, 128)
            assert place(got.address) == far.getsockname()[:2]


async def test_30_an_empty_node_is_none(page: Joined) -> None:
    reply = await page.getaddrinfo(b"", b"80", (PASSIVE, AF_INET, STREAM, 0))
    _, (record,) = client.read_getaddrinfo(reply.message)
    assert place(record.address) == ("0.0.0.0", 80)
    reply = await page.getaddrinfo(b"127.0.0.1", b"", (0, AF_INET, STREAM, 0))
    _, (record,) = client.read_getaddrinfo(reply.message)
    assert place(record.address) == ("127.0.0.1", 0)


@pytest.mark.parametrize("function", [F.SENDMSG, F.RECVMSG, F.GETNAMEINFO, 0, 20, -1, 12345])
async def test_31_every_function_answers_known_or_not(page: Joined, function: int) -> None:
    reply = await page.call(function, 256, 0, 0, 0, 0)
    assert reply.ret < 0
    if not 0 < function < 20:
        assert reply.outcome == (-1, E.NOSYS)
        assert len(reply.message) == 2064


async def test_32_sock_nonblock_is_kept(page: Joined) -> None:
    number = await page.socket(kind=STREAM | NONBLOCK)
    assert (await page.listen(number)).outcome == (0, 0)
    assert (await page.call(F.ACCEPT, number, 0)).outcome == (-1, E.AGAIN)


async def test_33_an_option_is_looked_up_in_its_own_level(page: Joined) -> None:
    number = await page.socket()
    await page.setsockopt(number, O.TCP, 4, 123)  # TCP_KEEPIDLE; SO_ERROR has the same number
    assert await page.option(number, O.TCP, 4) == 123
    assert await page.option(number, O.SOCKET, 4) == 0
    assert (await page.setsockopt(number, O.SOCKET, O.RCVTIMEO, timeval(1))).outcome == (0, 0)


async def test_34_flags_mean_what_emscripten_means(page: Joined) -> None:
    # On Darwin 0x40, Emscripten's MSG_DONTWAIT, is MSG_WAITALL; neither reaches the host here.
    one, other = await page.pair()
    assert (await page.recv(one, 9, flags.DONTWAIT)).outcome == (-1, E.AGAIN)
    waiting = page.start_recv(one, 4, flags.WAITALL)
    await page.transmit(other, b"ab")
    assert not page.is_answered(waiting)
    await page.transmit(other, b"cd")
    assert (await page.finish(waiting)).data == b"abcd"


async def test_35_the_longest_names_are_answered(page: Joined) -> None:
    reply = await page.getaddrinfo(b"\xff" * 2047, b"\xff" * 127, (4, 0, 0, 0))
    assert reply.ret in (-2, -8)
    call = page.expect(F.GETADDRINFO)
    page.send(client.head(call, F.GETADDRINFO) + b"x" * 3000)
    assert (await page.finish(call)).ret < 0


async def test_36_keys_are_not_printed(
    start: Start, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    served = await start()
    async with browsed(served) as page:
        await page.socket()
    out, err = capfd.readouterr()
    for text in (out, err, caplog.text):
        assert KEY not in text
        assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" not in text
