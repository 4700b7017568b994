"""The proxy as a route: handshakes, messages in pieces, back-pressure, and how a connection ends."""

import asyncio
import contextlib
import logging
import os
import socket
from functools import partial

import pytest
from aiohttp import web

from fetchkit.net.dial import Dialer
from fetchkit.net.hosts import host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.net.policy import TargetPolicy
from fetchkit.sockets import connection
from fetchkit.sockets.posix import handler, setup
from fetchkit.sockets.posix.session import MAX_MESSAGE
from fetchkit.web import guard
from fetchkit.web.problems import answering
from tests.files.support import eventually, open_descriptors
from tests.forward.test_websocket import BINARY, CLOSE, TEXT
from tests.raw import RawClient
from tests.sockets.peer import Far, Served

from . import messages as client
from .conftest import Start, browsed
from .page import DGRAM, STREAM, E, F, O


async def test_a_page_connects_sends_and_receives(start: Start) -> None:
    served = await start()
    async with Far.open() as far, browsed(served) as page:
        number = await page.connected(far.port)
        wire = await far.accept()
        assert (await page.transmit(number, b"hello")).outcome == (5, 0)
        assert await wire.receive() == b"hello"
        waiting = page.start_recv(number)
        await wire.send(b"world")
        assert (await page.finish(waiting)).data == b"world"
        await page.shutdown(number)
        assert await wire.receive() == b""
        wire.close()


async def test_the_path_is_anybodys_choice_and_the_query_means_nothing(start: Start) -> None:
    served = await start(path="/deep/sockets")
    async with browsed(served, path="/deep/sockets?x=1") as page:
        assert await page.socket() == 256


@pytest.mark.parametrize(("offered", "chosen"), [(None, []), ("a", ["a"]), ("binary, base64", ["binary"])])
async def test_a_subprotocol_is_taken_if_offered(
    start: Start, offered: str | None, chosen: list[str]
) -> None:
    served = await start()
    peer = await served.page("/posix", protocol=offered)
    assert peer.values("Sec-WebSocket-Protocol") == chosen


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_a_plain_request_is_told_what_to_do(start: Start, method: str) -> None:
    served = await start()
    raw = await RawClient.connect("127.0.0.1", served.port)
    answer = await raw.ask(method, "/posix")
    assert answer.status == 426
    assert answer.headers["Upgrade"] == "websocket"
    await raw.close()


async def test_a_foreign_page_is_refused_before_the_upgrade() -> None:
    app = web.Application()
    setup(app, dialer=Dialer(TargetPolicy()))
    guard.setup(app, guard.Guard(host_rules(), origin_rules((), "--allow-origin")))
    async with Served(app) as served:
        refused = await served.refusal("/posix", "Origin: http://evil.test", protocol=None)
        assert refused.status == 403
        refused = await served.refusal("/posix", "Host: evil.test", protocol=None)
        assert refused.status == 421
        async with browsed(served, "Origin: http://localhost:9999") as page:
            assert await page.socket() == 256


async def test_the_handler_serves_any_route() -> None:
    app = web.Application()
    connection.setup(app)
    app.router.add_get("/", answering(handler(dialer=Dialer(TargetPolicy()), layout="native")))
    async with Served(app) as served, browsed(served, path="/") as page:
        reply = await page.getsockopt(await page.socket(), O.SOCKET, O.TYPE)
        assert reply.message[12:] == bytes([4, 0, 0, 0, STREAM, 0, 0, 0])


async def test_an_unknown_layout_is_an_error_at_the_start() -> None:
    with pytest.raises(ValueError, match="odd"):
        setup(web.Application(), dialer=Dialer(TargetPolicy()), layout="odd")


async def test_the_reply_is_one_frame_in_one_segment(start: Start) -> None:
    served = await start()
    with socket.socket() as raw:
        raw.connect(("127.0.0.1", served.port))
        head = (
            f"GET /posix HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(raw, head.encode())
        assert b" 101 " in await loop.sock_recv(raw, 65536)
        peer = await served.page("/posix", protocol=None)  # makes frames
        for number in range(1, 5):
            await loop.sock_sendall(raw, peer.frame(BINARY, client.socket(number, 2, 1, 0)))
            assert len(await loop.sock_recv(raw, 65536)) == 2 + 12


@pytest.mark.parametrize("sizes", [(1, 1), (20, 1), (7, 70_000), (65536, 4464)])
async def test_messages_come_in_fragments(start: Start, sizes: tuple[int, int]) -> None:
    served = await start()
    data = os.urandom(70_000)
    async with browsed(served) as page:
        one, other = await page.pair()
        call = page.expect(F.SEND)
        message = client.send(call, one, data)
        opcode = BINARY
        while message:
            size, sizes = sizes[0], (*sizes[1:], sizes[0])
            part, message = message[:size], message[size:]
            page.peer.writer.write(page.peer.frame(opcode, part, fin=not message))
            opcode = 0
            if size == 1 and len(message) > 60:  # the rest at once: this is no test of patience
                sizes = (len(message) - 5, 5)
        got = b""
        while len(got) < len(data):
            got += (await page.recv(other)).data
        assert got == data
        assert (await page.finish(call)).outcome == (len(data), 0)


async def test_text_is_ignored_in_fragments_too(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    served = await start()
    async with browsed(served) as page:
        for opcode, fin in ((TEXT, True), (TEXT, False), (0, False), (0, True)):
            await page.peer.send(opcode, b"hello", fin=fin)
        assert await page.socket() == 256
    assert len([record for record in caplog.records if "text" in record.getMessage()]) == 1


async def test_a_message_beyond_the_limit_ends_the_connection_aloud(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    served = await start()
    async with browsed(served) as page:
        await page.socket()
        with contextlib.suppress(ConnectionError):
            for number in range(MAX_MESSAGE // (1 << 20) + 2):
                await page.peer.send(BINARY if not number else 0, bytes(1 << 20), fin=False)
        await eventually(lambda: bool(page.others), "a close frame")
        opcode, payload = page.others[0]
        assert (opcode, payload[:2]) == (CLOSE, (1009).to_bytes(2, "big"))
    assert any("67108864" in record.getMessage() for record in caplog.records)


async def test_the_largest_message_is_sent(start: Start) -> None:
    served = await start()
    async with browsed(served) as page:
        one, other = await page.pair()
        size = MAX_MESSAGE - 20
        call = page.start_transmit(one, bytes(size))
        await page.peer.writer.drain()
        received = 0
        while received < size:
            received += (await page.recv(other, 1 << 20)).ret
        assert (await page.finish(call)).outcome == (size, 0)


@pytest.mark.parametrize("payload", [b"", (1000).to_bytes(2, "big"), (4000).to_bytes(2, "big") + b"bye"])
async def test_a_close_is_mirrored_and_frees_everything(start: Start, payload: bytes) -> None:
    served = await start()
    async with browsed(served) as page:
        _, port = await page.listening()
        await page.peer.send(CLOSE, payload)
        await eventually(lambda: bool(page.others), "a close frame")
        assert page.others == [(CLOSE, payload)]
        with socket.socket() as again:
            again.bind(("127.0.0.1", port))


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_a_page_that_vanishes_leaves_nothing(start: Start, how: str) -> None:
    served = await start()
    async with browsed(served) as page:  # what the loop and the server open once
        await page.socket()
    tasks, before = len(asyncio.all_tasks()), open_descriptors()
    for _ in range(10):
        async with browsed(served) as page:
            listener, port = await page.listening()
            number = await page.connected(port)
            page.start(F.ACCEPT, listener, 128)
            page.start_recv(number)
            page.start(F.RECVFROM, await page.socket(kind=DGRAM), 9, 0, 128)
            getattr(page.peer, how)()
            await eventually(partial(can_listen, port), "the port is free")
    await eventually(lambda: open_descriptors() <= before, "descriptors are closed")
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "tasks are over")


def can_listen(port: int) -> bool:
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            again.bind(("127.0.0.1", port))
            again.listen()
        except OSError:
            return False
    return True


async def test_a_page_that_reads_no_replies_is_held_back(start: Start) -> None:
    served = await start()
    async with Far.open() as far, browsed(served) as other:
        peer = await served.page("/posix", protocol=None)
        peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        address = client.sockaddr_in((127, 0, 0, 1), far.port)
        for message in (client.socket(1, 2, 1, 0), client.connect(2, 256, address)):
            peer.writer.write(peer.frame(BINARY, message))
        wire = await far.accept()
        pouring = asyncio.create_task(_pour(wire.socket))
        asked = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_OF_PAUSE):
                for number in range(3, 100_000):
                    peer.writer.write(peer.frame(BINARY, client.recv(number, 256, 1 << 20)))
                    await peer.writer.drain()
                    asked += 1
        poured = await _still(pouring)
        # The replies in the server, in the kernel, and in the test's own client: not what was asked for.
        assert poured < 64 * (1 << 20)
        assert await other.socket() == 256
        wire.close()


DEADLINE_OF_PAUSE = 1.0


async def _pour(held: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    sent = 0
    task = asyncio.current_task()
    assert task is not None
    while sent < 1 << 30:
        await loop.sock_sendall(held, bytes(1 << 20))
        sent += 1 << 20
        task.set_name(str(sent))


async def _still(pouring: "asyncio.Task[None]") -> int:
    """Wait until no more is taken; returns how much was."""
    before = ""
    while before != pouring.get_name():
        before = pouring.get_name()
        await asyncio.sleep(0.3)
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)
    return int(before) if before.isdigit() else 0


async def test_a_page_that_reads_no_replies_is_not_read_either(start: Start) -> None:
    served = await start()
    peer = await served.page("/posix", protocol=None)
    transport = peer.reader._transport  # type: ignore[attr-defined]
    transport.pause_reading()
    # Replies of 2,064 bytes, of requests that are much larger.
    request = peer.frame(BINARY, client.head(1, 99) + bytes(60_000))
    taken = 0
    with contextlib.suppress(TimeoutError):
        while taken < 20_000:
            peer.writer.write(request)
            async with asyncio.timeout(1.0):
                await peer.writer.drain()
            taken += 1
    assert taken < 20_000
    replies = 0
    transport.resume_reading()
    while replies < taken:
        opcode, payload = await peer.read()
        if opcode == BINARY:
            assert len(payload) == 2064
            replies += 1


async def test_the_access_log_says_how_much_it_was(start: Start) -> None:
    served = await start()
    async with browsed(served) as page:
        await page.socket()
        await page.socket()
    answered = await served.answered()
    assert answered.note == "2 calls"


async def test_keys_of_handshakes_are_not_logged(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    served = await start()
    async with browsed(served) as page:
        await page.socket()
    assert "dGhlIHNhbXBsZSBub25jZQ==" not in caplog.text


async def test_stopping_closes_with_going_away(start: Start) -> None:
    served = await start()
    async with browsed(served) as page:
        number = await page.socket()
        page.start_recv(number)
        stopping = asyncio.create_task(served.stop())
        await eventually(lambda: bool(page.others), "a close frame")
        assert page.others[0][1][:2] == (1001).to_bytes(2, "big")
        await page.peer.send(CLOSE, page.others[0][1])
        await stopping


async def test_calls_after_an_error_go_on(start: Start) -> None:
    served = await start()
    async with browsed(served) as page:
        assert (await page.call(99)).outcome == (-1, E.NOSYS)
        assert (await page.call(F.SOCKET)).outcome == (-1, E.INVAL)
        assert await page.socket() == 256
