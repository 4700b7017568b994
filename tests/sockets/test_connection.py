"""One WebSocket on a real connection: what a listener is told, how it ends, and what is left behind."""

import asyncio
import gc
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from attrs import define, field

from fetchkit import isolation
from fetchkit.events import Failed
from fetchkit.sockets import connection
from fetchkit.sockets.connection import WebSocket
from fetchkit.sockets.frames import Piece
from fetchkit.sockets.handshake import parse_handshake, pick_protocol
from fetchkit.web.problems import answering
from tests.files.support import eventually, open_descriptors, pattern
from tests.forward.test_websocket import (
    ACCEPTED,
    BINARY,
    CLOSE,
    CONTINUATION,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    closing,
)
from tests.raw import DEADLINE, RawClient

from .peer import Served

MIB = 1024 * 1024


@define
class Told:
    """A listener that writes down what it is told; it answers closes unless it is told not to."""

    ws: WebSocket
    answers: bool = True
    pieces: list[Piece] = field(factory=list)
    closes: list[tuple[int | None, str]] = field(factory=list)
    flow: list[str] = field(factory=list)
    is_lost: bool = False

    def received(self, piece: Piece) -> None:
        """Write it down."""
        self.pieces.append(piece)

    def closing(self, code: int | None, reason: str) -> None:
        """Write it down, and answer."""
        self.closes.append((code, reason))
        if self.answers:
            self.ws.close(code, reason)

    def lost(self) -> None:
        """Write it down, once."""
        assert not self.is_lost
        self.is_lost = True

    def full(self) -> None:
        """Write it down."""
        self.flow.append("full")

    def drained(self) -> None:
        """Write it down."""
        self.flow.append("drained")

    @property
    def data(self) -> bytes:
        """All that was received."""
        return b"".join(piece.payload for piece in self.pieces)


@define
class Sockets(Served):
    """An application whose every path is a WebSocket; the listeners in order of their handshakes."""

    told: list[Told] = field(factory=list)
    max_message: int | None = None
    patience: float = 0.0

    async def listener(self) -> Told:
        """The listener of the first WebSocket."""
        await eventually(lambda: bool(self.told), "a handshake")
        return self.told[0]

    async def handshake(self, request: web.Request) -> web.StreamResponse:
        """Answer a handshake, if need be after a while."""
        handshake = parse_handshake(request.method, request.headers)
        await asyncio.sleep(self.patience)
        ws = WebSocket(request, pick_protocol(handshake.protocols, ("binary",)), max_message=self.max_message)
        listener = Told(ws)
        self.told.append(listener)
        await ws.accept(handshake, listener)
        return await ws.finished()


@pytest.fixture
async def served() -> AsyncIterator[Sockets]:
    app = web.Application()
    isolation.setup(app)
    connection.setup(app)
    sockets = Sockets(app)
    app.router.add_route("*", "/{path:.*}", answering(sockets.handshake))
    async with sockets:
        yield sockets


async def test_the_head_is_the_standards_with_the_shared_headers(served: Sockets) -> None:
    page = await served.page("/", protocol="x, binary")
    assert page.values("Sec-WebSocket-Accept") == [ACCEPTED]
    assert page.values("Sec-WebSocket-Protocol") == ["binary"]
    assert page.values("Cross-Origin-Embedder-Policy") == ["require-corp"]
    assert len(page.values("Date")) == 1


async def test_pieces_are_told_in_order_and_messages_sent_whole(served: Sockets) -> None:
    page = await served.page("/")
    await page.send(TEXT, b"one")
    await page.send(BINARY, b"tw", fin=False)
    await page.send(CONTINUATION, b"o")
    listener = await served.listener()
    await eventually(lambda: listener.data == b"onetwo", "both messages")
    assert [(p.opcode, p.first, p.final) for p in listener.pieces] == [
        (TEXT, True, True),
        (BINARY, True, False),
        (BINARY, False, True),
    ]
    for size in (0, 125, 126, 4096, 4097, 65535, 65536, MIB):
        listener.ws.send_binary(pattern(size))
        assert await page.read() == (BINARY, pattern(size))


async def test_what_comes_with_the_handshake_is_not_lost(served: Sockets) -> None:
    client = await RawClient.connect("127.0.0.1", served.port)
    lines = ["GET / HTTP/1.1", "Host: x", *HANDSHAKE, "", ""]
    frames = b"\x82\x83\x00\x00\x00\x00abc\x89\x80\x00\x00\x00\x00"
    client.send("\r\n".join(lines).encode() + frames)
    assert (await client.head()).status == 101
    assert await client.reader.readexactly(2) == b"\x8a\x00"
    assert (await served.listener()).data == b"abc"
    await client.close()


async def test_a_handshake_byte_by_byte_is_answered(served: Sockets) -> None:
    client = await RawClient.connect("127.0.0.1", served.port)
    for byte in "\r\n".join(["GET / HTTP/1.1", "Host: x", *HANDSHAKE, "", ""]).encode():
        client.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await client.head()).status == 101
    await client.close()


async def test_a_handshake_that_is_cut_leaves_nothing(served: Sockets) -> None:
    before = open_descriptors()
    for size in (1, 20, 90, 150):
        client = await RawClient.connect("127.0.0.1", served.port)
        client.send("\r\n".join(["GET / HTTP/1.1", "Host: x", *HANDSHAKE, "", ""]).encode()[:size])
        await client.close()
    await eventually(lambda: open_descriptors() == before, "all closed")
    assert served.told == []


async def test_eight_kib_of_cookies_pass(served: Sockets) -> None:
    page = await served.page("/", f"Cookie: c={'x' * 8192}")
    await page.send(PING, b"there")
    assert await page.read() == (PONG, b"there")


async def test_pings_are_answered_within_a_message_and_pongs_are_not(served: Sockets) -> None:
    page = await served.page("/")
    await page.send(PONG, b"unasked")
    await page.send(BINARY, b"a", fin=False)
    await page.send(PING, bytes(125))
    assert await page.read() == (PONG, bytes(125))
    await page.send(CONTINUATION, b"b")
    listener = await served.listener()
    await eventually(lambda: listener.data == b"ab", "the message")


async def test_pings_are_sent(served: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_SECONDS", 0.02)
    page = await served.page("/")
    for _ in range(3):
        assert await page.read() == (PING, b"")


@pytest.mark.parametrize(("code", "reason"), [(None, ""), (1000, ""), (1001, "bye"), (4999, "ü")])
async def test_a_close_is_mirrored_and_the_connection_ends(
    served: Sockets, code: int | None, reason: str
) -> None:
    page = await served.page("/")
    await page.send(CLOSE, closing(code, reason))
    assert await page.read() == (CLOSE, closing(code, reason))
    assert await page.ends()
    listener = await served.listener()
    await eventually(lambda: listener.is_lost, "the end")
    assert listener.closes == [(code, reason)]
    assert listener.ws.closed_cleanly
    assert (await served.answered()).status == 101


async def test_a_listener_may_send_before_it_answers_a_close(served: Sockets) -> None:
    page = await served.page("/")
    listener = await served.listener()
    listener.answers = False
    page.writer.write(page.frame(CLOSE, closing(1000)) + page.frame(BINARY, b"behind the close"))
    await eventually(lambda: bool(listener.closes), "the close")
    assert listener.data == b""
    listener.ws.send_binary(b"last words")
    listener.ws.close()
    assert [await page.read(), await page.read()] == [(BINARY, b"last words"), (CLOSE, closing(1000))]
    assert await page.ends()


async def test_our_close_waits_for_the_pages_and_drops_what_else_comes(served: Sockets) -> None:
    page = await served.page("/")
    listener = await served.listener()
    listener.ws.close(1001, "over")
    listener.ws.send_binary(b"never")
    listener.ws.close(1002)
    assert await page.read() == (CLOSE, closing(1001, "over"))
    await page.send(BINARY, b"late")
    await page.send(CLOSE, closing(1001))
    assert await page.ends()
    await eventually(lambda: listener.is_lost, "the end")
    assert (listener.pieces, listener.closes) == ([], [])
    assert listener.ws.closed_cleanly


async def test_a_page_that_does_not_answer_our_close_is_left(
    served: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.05)
    page = await served.page("/")
    listener = await served.listener()
    listener.ws.close()
    assert await page.read() == (CLOSE, closing(1000))
    assert await page.ends()
    assert not listener.ws.closed_cleanly


async def small_window(served: Sockets) -> tuple[RawClient, Told]:
    """A page that takes little unless it reads, after its handshake."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", served.port))
    client = RawClient(*await asyncio.open_connection(sock=end, limit=2048))
    client.send("\r\n".join(["GET / HTTP/1.1", "Host: x", *HANDSHAKE, "", ""]).encode())
    assert (await client.head()).status == 101
    return client, await served.listener()


async def test_a_slow_page_gets_everything_that_was_sent_before_the_close(
    served: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.02)
    client, listener = await small_window(served)
    body = pattern(8 * MIB)
    listener.ws.send_binary(body)
    listener.ws.close(1000)
    await asyncio.sleep(0.2)  # ten times as long as a page that has everything has for its answer
    data = await asyncio.wait_for(client.reader.readexactly(10 + len(body) + 4), 20)
    assert data[10:] == body + b"\x88\x02" + closing(1000)
    await client.close()


@pytest.mark.parametrize("how", ["close", "fail", "fin"])
async def test_a_page_that_takes_nothing_is_given_up(
    served: Sockets, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.02)
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.1)
    client, listener = await small_window(served)
    listener.ws.send_binary(bytes(8 * MIB))
    if how == "close":
        listener.ws.close(1000)
    elif how == "fail":
        client.send(b"\x82\x00")
    else:
        client.writer.write_eof()
    await eventually(lambda: listener.is_lost, "given up")
    await client.close()


async def test_a_full_page_is_told_to_the_listener_once_each_way(served: Sockets) -> None:
    client, listener = await small_window(served)
    while not listener.flow:
        listener.ws.send_binary(bytes(65536))
    assert listener.ws.is_full
    while "drained" not in listener.flow:
        assert await asyncio.wait_for(client.reader.read(65536), DEADLINE)
    assert listener.flow == ["full", "drained"]
    await client.close()


async def test_a_paused_page_is_not_read_until_it_is_resumed(served: Sockets) -> None:
    page = await served.page("/")
    listener = await served.listener()
    listener.ws.pause_reading()
    sending = asyncio.ensure_future(page.send(BINARY, bytes(32 * MIB)))
    await asyncio.wait({sending}, timeout=0.2)
    assert not sending.done()
    assert len(listener.data) <= 256 * 1024  # one read that was on its way
    listener.ws.resume_reading()
    await sending
    await eventually(lambda: sum(len(p.payload) for p in listener.pieces) == 32 * MIB, "all of it")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\x03abc", 1002),
        (b"\xc2\x80\x00\x00\x00\x00", 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (b"\x89\xfe\x00\x7e\x00\x00\x00\x00", 1002),
        (b"\x09\x80\x00\x00\x00\x00", 1002),
        (b"\x80\x80\x00\x00\x00\x00", 1002),
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1002),
        (b"\x88\x81\x00\x00\x00\x00\x03", 1002),
        (b"\x88\x82\x00\x00\x00\x00\x03\xed", 1002),
        (b"\x88\x83\x00\x00\x00\x00\x03\xe8\xff", 1007),
        (b"\x82\xfe\x00\xc9\x00\x00\x00\x00", 1009),
        (b"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", 1009),
    ],
)
async def test_what_breaks_the_protocol_is_closed_with_its_code(
    served: Sockets, data: bytes, code: int
) -> None:
    served.max_message = 200
    page = await served.page("/")
    page.writer.write(b"\x81\x82\x00\x00\x00\x00ok" + data)
    opcode, payload = await page.read()
    assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
    assert len(payload) > 2
    assert await page.ends()
    listener = await served.listener()
    await eventually(lambda: listener.is_lost, "the end")
    assert (listener.data, listener.closes, listener.ws.closed_cleanly) == (b"ok", [], False)
    assert str(code) in (await served.answered()).note


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_page_that_vanishes_is_told_as_lost_without_a_close(served: Sockets, how: str) -> None:
    page = await served.page("/")
    listener = await served.listener()
    getattr(page, how)()
    await eventually(lambda: listener.is_lost, "the end")
    assert listener.closes == []
    assert not listener.ws.closed_cleanly
    listener.ws.send_binary(b"nobody")
    listener.ws.close()
    listener.ws.reset()
    assert not listener.ws.is_open


async def test_reset_resets(served: Sockets) -> None:
    end = socket.create_connection(("127.0.0.1", served.port))
    end.sendall("\r\n".join(["GET / HTTP/1.1", "Host: x", *HANDSHAKE, "", ""]).encode())
    listener = await served.listener()
    listener.ws.reset()
    await eventually(lambda: listener.is_lost, "the end")
    with end, pytest.raises(ConnectionResetError):  # noqa: PT012  the head comes first
        while True:
            assert end.recv(4096)


@pytest.fixture
async def patient(served: Sockets) -> AsyncIterator[Sockets]:
    """The same where nothing cancels handlers."""
    async with Sockets(served.app, cancels=False) as sockets:
        yield sockets


async def test_a_page_that_leaves_during_the_handshake_is_lost_at_once(
    served: Sockets, patient: Sockets
) -> None:
    served.patience = 0.2  # its handler answers in both
    client = await RawClient.connect("127.0.0.1", patient.port)
    client.send("\r\n".join(["GET / HTTP/1.1", "Host: x", *HANDSHAKE, "", ""]).encode())
    await asyncio.sleep(0.05)
    linger = struct.pack("ii", 1, 0)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    await client.close()
    listener = await served.listener()
    await eventually(lambda: listener.is_lost, "lost")
    assert not listener.ws.is_open
    await eventually(lambda: patient.connections == 0, "aiohttp has let it go")
    assert not [event for event in patient.events if isinstance(event, Failed)]


async def test_the_server_says_that_it_stops(served: Sockets) -> None:
    page = await served.page("/")
    await served.listener()
    stopping = asyncio.ensure_future(served.stop())
    assert await page.read() == (CLOSE, closing(1001, "the server stops"))
    await page.send(CLOSE, closing(1001))
    await stopping


async def test_nothing_of_a_connection_is_left(served: Sockets) -> None:
    tasks, before = len(asyncio.all_tasks()), open_descriptors()
    for index in range(40):
        page = await served.page("/")
        await page.send(BINARY, bytes(100 * index))
        if index % 3 == 0:
            await page.send(CLOSE)
        getattr(page, "rst" if index % 3 == 1 else "fin")()
    await eventually(lambda: len(served.told) == 40 and all(t.is_lost for t in served.told), "all lost")
    await eventually(lambda: len(asyncio.all_tasks()) == tasks, "no task")
    await eventually(lambda: open_descriptors() == before, "no descriptor")
    assert not served.app[connection._OPEN].websockets
    assert served.connections == 0
    served.told.clear()
    served.events.clear()
    del page
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is WebSocket]
