"""The echo over real sockets, frame by frame: what it mirrors, how it misbehaves on demand, how it ends."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import web

from fetchkit.net.hosts import host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.sockets import echo
from fetchkit.sockets.connection import WebSocket, close_all
from fetchkit.sockets.echo.mirror import Mirror
from fetchkit.sockets.echo.rules import Rules
from fetchkit.web import guard
from tests.files.support import pattern
from tests.forward.test_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    closing,
)
from tests.raw import RawClient
from tests.sockets.peer import Served

from .peer import Fragment, Page, open_page

MIB = 1024 * 1024


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Somebody else's application with an echo."""
    app = web.Application()
    echo.setup(app)
    async with Served(app) as server:
        yield server


# --- Messages


async def test_text_and_binary_come_back_as_they_were(served: Served) -> None:
    page = await open_page(served, "/echo")
    for opcode, payload in [(TEXT, "grüße 🎉".encode()), (BINARY, bytes(range(256))), (TEXT, b"a" * 200)]:
        await page.send(opcode, payload)
        assert await page.fragment() == Fragment(opcode, payload)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_an_empty_message_comes_back_empty(served: Served, opcode: int) -> None:
    page = await open_page(served, "/echo")
    await page.send(opcode)
    assert await page.fragment() == Fragment(opcode, b"")
    await page.send(opcode, fin=False)
    await page.send(CONTINUATION, fin=False)
    await page.send(CONTINUATION)
    assert await page.fragment() == Fragment(opcode, b"")


async def test_a_fragmented_message_comes_back_whole_with_a_ping_in_it(served: Served) -> None:
    page = await open_page(served, "/echo")
    await page.send(TEXT, b"\xc3", fin=False)  # half of a character
    await page.send(PING, b"now")
    await page.send(CONTINUATION, b"\xa4x")
    frames = [await page.fragment() for _ in range(3)]
    assert frames.count(Fragment(PONG, b"now")) == 1
    frames.remove(Fragment(PONG, b"now"))
    assert frames == [Fragment(TEXT, b"\xc3", final=False), Fragment(CONTINUATION, b"\xa4x")]


async def test_many_messages_keep_their_order(served: Served) -> None:
    page = await open_page(served, "/echo")
    page.writer.write(b"".join(page.frame(TEXT, str(number).encode()) for number in range(2000)))
    assert [await page.message() for _ in range(2000)] == [(TEXT, str(n).encode()) for n in range(2000)]


async def test_a_large_message_comes_back_while_it_is_still_being_sent(served: Served) -> None:
    page = await open_page(served, "/echo")
    data = pattern(8 * MIB)
    frame = page.frame(BINARY, data)
    page.writer.write(frame[:MIB])
    first = await page.fragment()
    assert (first.opcode, first.final) == (BINARY, False)
    page.writer.write(frame[MIB:])
    got = bytearray(first.payload)
    while not (part := await page.fragment()).final:
        got += part.payload
    assert bytes(got + part.payload) == data


async def test_what_came_right_behind_the_handshake_is_echoed_behind_the_greeting(served: Served) -> None:
    client = await RawClient.connect("127.0.0.1", served.port)
    behind = Page("", client.reader, client.writer, masks=True)
    lines = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    head = "\r\n".join(
        ["GET /echo?say=hello HTTP/1.1", "Host: x", *lines, f"Sec-WebSocket-Key: {'A' * 22}==", "", ""]
    )
    client.send(head.encode() + behind.frame(TEXT, b"early") + behind.frame(CLOSE))
    assert (await client.head()).status == 101
    frames = [await behind.fragment() for _ in range(3)]
    assert frames == [Fragment(TEXT, b"hello"), Fragment(TEXT, b"early"), Fragment(CLOSE, b"")]
    assert await behind.end() == "fin"
    await client.close()


@pytest.mark.parametrize("payload", [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"ok\xc3"])
async def test_a_text_that_is_no_utf8_is_1007(served: Served, payload: bytes) -> None:
    page = await open_page(served, "/echo")
    await page.send(TEXT, payload)
    assert await page.fragment() == Fragment(CLOSE, closing(1007, "a text message is no UTF-8"))
    assert await page.end() == "fin"
    assert (await served.answered()).note == "0 messages, 1007 a text message is no UTF-8"


async def test_a_text_is_judged_before_it_is_whole(served: Served) -> None:
    page = await open_page(served, "/echo")
    await page.send(TEXT, b"so far so good", fin=False)
    assert await page.fragment() == Fragment(TEXT, b"so far so good", final=False)
    await page.send(CONTINUATION, b"\xff", fin=False)
    assert (await page.fragment()).payload[:2] == closing(1007)


async def test_binary_is_not_judged_as_text_is(served: Served) -> None:
    page = await open_page(served, "/echo")
    await page.send(BINARY, b"\xff\xfe")
    assert await page.fragment() == Fragment(BINARY, b"\xff\xfe")


async def test_a_page_that_does_not_read_is_not_read_and_loses_nothing(served: Served) -> None:
    page = await open_page(served, "/echo")
    data = pattern(32 * MIB)
    page.writer.transport.pause_reading()  # type: ignore[attr-defined]
    tracemalloc.start()
    page.writer.write(page.frame(BINARY, data))
    before, owed = tracemalloc.get_traced_memory()[0], -1
    while (now := page.writer.transport.get_write_buffer_size()) != owed:  # until nothing moves any more
        owed = now
        await asyncio.sleep(0.2)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert owed > 8 * MIB, "what is left stayed with the page"
    assert held < 4 * MIB
    page.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert await page.message() == (BINARY, data)


# --- The close


@pytest.mark.parametrize(
    ("code", "reason"), [(None, ""), (1000, ""), (1000, "bye"), (3000, "ä" * 61), (4999, ""), (1001, "away")]
)
async def test_the_close_is_mirrored_exactly(served: Served, code: int | None, reason: str) -> None:
    page = await open_page(served, "/echo")
    await page.send(CLOSE, closing(code, reason))
    assert await page.fragment() == Fragment(CLOSE, closing(code, reason))
    assert await page.end() == "fin"
    how = "closed without a code" if code is None else f"closed with {code}"
    assert (await served.answered()).note == f"0 messages, the page {how}"


async def test_the_close_comes_behind_everything_before_it(served: Served) -> None:
    page = await open_page(served, "/echo?delay=50ms&fragment=1")
    data = pattern(5000)
    page.writer.write(page.frame(BINARY, data) + page.frame(BINARY) + page.frame(CLOSE, closing(4000)))
    assert await page.message() == (BINARY, data)
    assert await page.message() == (BINARY, b"")
    assert await page.fragment() == Fragment(CLOSE, closing(4000))
    assert (await served.answered()).note == "2 messages, the page closed with 4000"


@pytest.mark.parametrize("payload", [b"\x03", closing(1005), closing(1006), closing(1000) + b"\xff"])
async def test_a_close_that_cannot_be_is_answered_as_one(served: Served, payload: bytes) -> None:
    page = await open_page(served, "/echo")
    await page.send(CLOSE, payload)
    answer = await page.fragment()
    assert answer.opcode == CLOSE
    assert answer.payload[:2] in (closing(1002), closing(1007))


async def test_a_page_that_vanishes_is_said_to_have(served: Served) -> None:
    page = await open_page(served, "/echo?delay=60s")
    await page.send(TEXT, b"never")
    page.rst()
    assert (await served.answered()).note == "0 messages, the page vanished"


async def test_a_server_that_stops_says_so(served: Served) -> None:
    page = await open_page(served, "/echo")
    await page.send(TEXT, b"x")
    await page.fragment()
    close_all(served.app)
    assert await page.fragment() == Fragment(CLOSE, closing(1001, "the server stops"))
    await page.send(CLOSE, closing(1001))
    assert (await served.answered()).note == "1 message, closed"


# --- Subprotocols


@pytest.mark.parametrize(
    ("query", "offered", "chosen"),
    [
        ("", None, []),
        ("", "binary,base64", ["binary"]),
        ("", "chat, binary", ["chat"]),
        ("?subprotocol=other", "chat", ["other"]),
        ("?subprotocol=other", None, ["other"]),
        ("?subprotocol=none", "chat", []),
    ],
)
async def test_the_first_offered_subprotocol_unless_the_query_says_otherwise(
    served: Served, query: str, offered: str | None, chosen: list[str]
) -> None:
    page = await open_page(served, f"/echo{query}", protocol=offered)
    assert page.values("Sec-WebSocket-Protocol") == chosen


# --- Misbehaviour


async def test_say_sends_a_message_first_that_does_not_count(served: Served) -> None:
    page = await open_page(served, "/echo?say=gr%C3%BC%C3%9F+dich&close_after=1")
    assert await page.fragment() == Fragment(TEXT, "grüß dich".encode())
    await page.send(BINARY, b"1")
    assert await page.fragment() == Fragment(BINARY, b"1")
    assert await page.fragment() == Fragment(CLOSE, closing(1000))


async def test_a_delay_holds_each_echo_and_keeps_the_order(served: Served) -> None:
    page = await open_page(served, "/echo?delay=200ms")
    begun = time.monotonic()
    page.writer.write(page.frame(TEXT, b"1") + page.frame(TEXT, b"2"))
    assert await page.message() == (TEXT, b"1")
    assert await page.message() == (TEXT, b"2")
    assert time.monotonic() - begun >= 0.19
    begun = time.monotonic()
    await page.send(TEXT, b"3")
    assert await page.message() == (TEXT, b"3")
    assert time.monotonic() - begun >= 0.19


async def test_a_long_message_under_a_delay_is_not_held_whole(served: Served) -> None:
    page = await open_page(served, "/echo?delay=300ms")
    data = pattern(16 * MIB)
    tracemalloc.start()
    page.writer.write(page.frame(BINARY, data))
    before = tracemalloc.get_traced_memory()[0]
    await asyncio.sleep(0.2)  # only its beginning is held; the rest is still on the page's side
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert held < 2 * MIB
    assert await page.message() == (BINARY, data)


async def test_a_flood_of_empty_messages_under_a_delay_is_held_back_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = 0
    real = WebSocket.pause_reading

    def counted(self: WebSocket) -> None:
        nonlocal pauses
        pauses += 1
        real(self)

    monkeypatch.setattr(WebSocket, "pause_reading", counted)
    page = await open_page(served, "/echo?delay=200ms")
    page.writer.write(page.frame(BINARY) * 5000)
    assert [await page.message() for _ in range(5000)] == [(BINARY, b"")] * 5000
    assert pauses > 0


async def test_what_was_held_behind_the_last_echo_is_not_counted(served: Served) -> None:
    page = await open_page(served, "/echo?close_after=1&delay=50ms")
    page.writer.write(page.frame(BINARY, b"1") + page.frame(BINARY, b"2") + page.frame(BINARY, b"3"))
    assert await page.message() == (BINARY, b"1")
    assert (await page.fragment()).opcode == CLOSE
    await page.send(CLOSE, closing(1000))
    assert (await served.answered()).note == "1 message, closed with 1000"


@pytest.mark.parametrize(
    ("query", "payload"),
    [
        ("close_after=2", closing(1000)),
        ("close_after=2&close_code=4000&reason=enough%20now", closing(4000, "enough now")),
        ("close_after=2&close_code=none", b""),
    ],
)
async def test_it_closes_after_some_messages(served: Served, query: str, payload: bytes) -> None:
    page = await open_page(served, f"/echo?{query}")
    page.writer.write(b"".join(page.frame(TEXT, name) for name in (b"1", b"2", b"3")))
    assert [await page.fragment() for _ in range(3)] == [
        Fragment(TEXT, b"1"),
        Fragment(TEXT, b"2"),
        Fragment(CLOSE, payload),
    ]
    await page.send(CLOSE, payload)
    assert await page.end() == "fin"
    code = int.from_bytes(payload[:2], "big")
    assert (
        await served.answered()
    ).note == f"2 messages, closed {f'with {code}' if code else 'without a code'}"


async def test_it_closes_at_once_when_asked_for_after_none(served: Served) -> None:
    page = await open_page(served, "/echo?close_after=0&close_code=3001")
    assert await page.fragment() == Fragment(CLOSE, closing(3001))


async def test_it_resets_after_some_messages(served: Served) -> None:
    page = await open_page(served, "/echo?drop_after=2")
    page.writer.write(b"".join(page.frame(TEXT, name) for name in (b"1", b"2", b"3")))
    assert await page.message() == (TEXT, b"1")
    assert await page.message() == (TEXT, b"2")
    assert await page.end() == "reset"
    assert (await served.answered()).note == "2 messages, reset"


async def test_it_resets_at_once_when_asked_for_after_none(served: Served) -> None:
    page = await open_page(served, "/echo?drop_after=0")
    assert await page.end() == "reset"


async def test_a_message_beyond_the_limit_is_1009(served: Served) -> None:
    page = await open_page(served, "/echo?max=10")
    await page.send(BINARY, bytes(10))
    assert await page.fragment() == Fragment(BINARY, bytes(10))
    await page.send(BINARY, bytes(11))
    assert await page.fragment() == Fragment(CLOSE, closing(1009, "a message has more than 10 bytes"))
    assert (await served.answered()).note == "1 message, 1009 a message has more than 10 bytes"


async def test_the_limit_is_64_mib_and_judged_before_the_message_is_there(served: Served) -> None:
    page = await open_page(served, "/echo")
    page.writer.write(b"\x82\xff" + (64 * MIB + 1).to_bytes(8, "big") + bytes(4))
    assert (await page.fragment()).payload[:2] == closing(1009)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 6, 7, 1000])
async def test_messages_leave_in_frames_of_a_size(served: Served, size: int) -> None:
    page = await open_page(served, "/echo?fragment=3")
    data = pattern(size)
    await page.send(BINARY, data[:2], fin=False)
    await page.send(CONTINUATION, data[2:])
    frames = [await page.fragment()]
    while not frames[-1].final:
        frames.append(await page.fragment())
    assert b"".join(frame.payload for frame in frames) == data
    assert [len(frame.payload) for frame in frames[:-1]] == [3] * ((size - 1) // 3)
    assert [frame.opcode for frame in frames] == [BINARY] + [CONTINUATION] * (len(frames) - 1)
    assert size == 0 or frames[-1].payload


async def test_a_message_in_frames_of_one_byte_holds_up_nobody(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await open_page(served, "/echo?fragment=1")
    data, loop, sent, most = pattern(50_000), asyncio.get_running_loop(), 0, 0
    real = WebSocket.send

    def counted(self: WebSocket, opcode: int, payload: bytes, *, final: bool = True) -> None:
        nonlocal sent
        sent += 1
        real(self, opcode, payload, final=final)

    def turn() -> None:
        nonlocal sent, most
        most, sent = max(most, sent), 0
        if not loop.is_closed():
            loop.call_soon(turn)

    monkeypatch.setattr(WebSocket, "send", counted)
    loop.call_soon(turn)
    await page.send(BINARY, data)
    assert await page.message() == (BINARY, data)
    assert 1 < most <= 2 * 513  # a turn may read and go on as well


async def test_a_page_that_left_during_the_handshake_leaves_no_timer() -> None:
    gone = cast("WebSocket", SimpleNamespace(is_full=False, is_open=False, closed_cleanly=False, note=""))
    mirror = Mirror(gone, Rules(ping=0.01, say="x"))
    mirror.lost()
    mirror.begin()
    assert (mirror._pings, mirror._wake, gone.note) == (None, None, "0 messages, the page vanished")


async def test_the_pings_end_with_the_connection() -> None:
    page = cast("WebSocket", SimpleNamespace(is_full=False, is_open=True, closed_cleanly=False, note=""))
    mirror = Mirror(page, Rules(ping=60))
    mirror.begin()
    mirror.lost()
    assert mirror._pings is not None
    assert mirror._pings.cancelled()


async def test_the_greeting_leaves_in_frames_too(served: Served) -> None:
    page = await open_page(served, "/echo?fragment=2&say=abc")
    assert await page.fragment() == Fragment(TEXT, b"ab", final=False)
    assert await page.fragment() == Fragment(CONTINUATION, b"c")


async def test_it_pings_as_often_as_asked(served: Served) -> None:
    page = await open_page(served, "/echo?ping=20ms")
    assert [await page.fragment() for _ in range(3)] == [Fragment(PING, b"")] * 3
    await page.send(PONG)
    await page.send(TEXT, b"x")
    while (frame := await page.fragment()).opcode == PING:
        pass
    assert frame == Fragment(TEXT, b"x")


@pytest.mark.parametrize("status", [400, 403, 404, 429, 503])
async def test_it_refuses_the_handshake_with_a_status(served: Served, status: int) -> None:
    refusal = await served.refusal(f"/echo?reject={status}")
    assert (refusal.status, refusal.body) == (status, f"Refused, as reject={status} asks.\n".encode())


@pytest.mark.parametrize("query", ["delay=x", "reject=499", "close_code=1006&close_after=1", "max=-1"])
async def test_a_parameter_that_cannot_be_is_a_400(served: Served, query: str) -> None:
    refusal = await served.refusal(f"/echo?{query}")
    assert refusal.status == 400
    assert refusal.headers["Content-Type"] == "application/problem+json"
    assert query.partition("=")[0].encode() in refusal.body


# --- The route


async def test_a_plain_request_is_a_426(served: Served) -> None:
    client = await RawClient.connect("127.0.0.1", served.port)
    answer = await client.ask("GET", "/echo", host=f"127.0.0.1:{served.port}")
    assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")
    await client.close()


async def test_who_may_not_ask_is_refused_before_the_upgrade() -> None:
    app = web.Application()
    guard.setup(app, guard.Guard(host_rules((), ("127.0.0.1",)), origin_rules((), "--allow-origin")))
    echo.setup(app, path="/mirror")
    async with Served(app) as server:
        assert (await server.refusal("/mirror", "Origin: https://evil.example")).status == 403
        assert (await server.refusal("/mirror", "Sec-Fetch-Site: cross-site")).status == 403
        page = await open_page(server, "/mirror", f"Origin: http://127.0.0.1:{server.port}")
        await page.send(TEXT, b"x")
        assert await page.message() == (TEXT, b"x")
