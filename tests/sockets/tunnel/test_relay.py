"""TCP tunnels over real sockets: what passes, who is held back, how each side ends, what is left behind."""

import asyncio
import base64
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fetchkit.sockets import connection
from fetchkit.sockets.frames import FrameError
from fetchkit.sockets.tunnel import relay
from fetchkit.sockets.tunnel.relay import Base64Text
from fetchkit.sockets.tunnel.target import port_message
from tests.files.support import eventually, open_descriptors, pattern
from tests.forward.test_websocket import BINARY, CLOSE, CONTINUATION, TEXT, Peer, closing
from tests.raw import DEADLINE
from tests.sockets.peer import Far, Served, closed, joined
from tests.wire.sockets import Wire

MIB = 1024 * 1024
Open = Callable[..., Awaitable[tuple[Peer, Wire]]]


@pytest.fixture
async def opened(served: Served, far: Far) -> AsyncIterator[Open]:
    """Open tunnels: both ends of each."""
    ends: list[Wire] = []

    async def tunnel(protocol: str | None = "binary", prefix: str = "/tcp") -> tuple[Peer, Wire]:
        page = await served.page(f"{prefix}/127.0.0.1:{far.port}", protocol=protocol)
        ends.append(await far.accept())
        return page, ends[-1]

    yield tunnel
    for end in ends:
        end.close()


async def test_bytes_pass_both_ways(opened: Open) -> None:
    page, end = await opened()
    for size in (1, 125, 126, 65535, 65536):
        await page.send(BINARY, pattern(size))
        assert await joined(end, size) == pattern(size)
        await end.send(pattern(size, 1))
        got = b""
        while len(got) < size:
            opcode, payload = await page.read()
            assert opcode == BINARY
            got += payload
        assert got == pattern(size, 1)


async def test_fragments_and_text_are_bytes_and_empty_messages_are_nothing(opened: Open) -> None:
    page, end = await opened()
    await page.send(BINARY)
    await page.send(TEXT, "ü".encode())
    await page.send(BINARY, b"a", fin=False)
    await page.send(CONTINUATION, b"", fin=False)
    await page.send(CONTINUATION, b"b")
    await page.send(TEXT)
    await page.send(BINARY, b"c")
    assert await joined(end, 5) == "üabc".encode()


async def test_a_large_message_arrives_before_its_end(opened: Open) -> None:
    page, end = await opened()
    data = page.frame(BINARY, pattern(8 * MIB))
    page.writer.write(data[: MIB + 14])
    assert await joined(end, MIB) == pattern(MIB)
    page.writer.write(data[MIB + 14 :])
    assert await joined(end, 7 * MIB) == pattern(8 * MIB)[MIB:]


async def test_messages_to_the_page_have_at_most_64_kib(opened: Open) -> None:
    page, end = await opened()
    sending = asyncio.ensure_future(end.send(pattern(4 * MIB)))
    got = b""
    while len(got) < 4 * MIB:
        opcode, payload = await page.read()
        assert opcode == BINARY
        assert 0 < len(payload) <= 65536
        got += payload
    assert got == pattern(4 * MIB)
    await sending


async def test_what_the_target_says_at_once_is_not_lost(served: Served, far: Far) -> None:
    async def greet() -> None:
        with (await far.accept()).socket as end:
            end.sendall(b"220 hello\r\n")

    for _ in range(10):
        greeting = asyncio.ensure_future(greet())
        page = await served.page(f"/tcp/127.0.0.1:{far.port}")
        await greeting
        assert await closed(page) == (b"220 hello\r\n", closing(1000))


async def test_a_first_chunk_that_looks_like_a_port_message_is_split(opened: Open) -> None:
    page, end = await opened()
    trap = port_message(80)
    await end.send(trap)
    parts = [(await page.read())[1] for _ in range(2)]
    assert b"".join(parts) == trap
    assert all(parts)
    await end.send(trap)
    assert await page.read() == (BINARY, trap)


@pytest.mark.parametrize("first", [b"\xff\xff\xff\xffport\x00", b"0123456789", port_message(80) + b"x"])
async def test_other_first_chunks_are_not_split(opened: Open, first: bytes) -> None:
    page, end = await opened()
    await end.send(first)
    assert await page.read() == (BINARY, first)


# --- subprotocols


async def test_base64_is_text_both_ways(opened: Open) -> None:
    page, end = await opened("base64")
    assert page.values("Sec-WebSocket-Protocol") == ["base64"]
    await end.send(port_message(80))
    assert await page.read() == (TEXT, base64.b64encode(port_message(80)))
    text = base64.b64encode(pattern(1000))
    await page.send(TEXT, text[:7], fin=False)
    await page.send(CONTINUATION, text[7:10], fin=False)
    await page.send(CONTINUATION, text[10:])
    assert await joined(end, 1000) == pattern(1000)
    page.writer.write(page.frame(TEXT, b"YQ==") + page.frame(TEXT, b"Yg==") + page.frame(BINARY, b"raw"))
    assert await joined(end, 5) == b"abraw"


async def test_base64_to_the_page_is_whole_in_every_message(opened: Open) -> None:
    page, end = await opened("base64")
    sending = asyncio.ensure_future(end.send(pattern(MIB)))
    got = b""
    while len(got) < MIB:
        opcode, payload = await page.read()
        assert opcode == TEXT
        assert len(payload) <= 65536
        got += base64.b64decode(payload, validate=True)
    assert got == pattern(MIB)
    await sending


@pytest.mark.parametrize("text", [b"YQ", b"Y", b"YQ==YQ==", b"Y?==", b"=", b"YWJj\n"])
async def test_text_that_is_no_base64_is_1007_and_resets_the_target(opened: Open, text: bytes) -> None:
    page, end = await opened("base64")
    await page.send(TEXT, text)
    opcode, payload = await page.read()
    assert (opcode, payload[:2]) == (CLOSE, (1007).to_bytes(2, "big"))
    with pytest.raises(ConnectionResetError):
        assert await joined(end, 1) == b""


@pytest.mark.parametrize("cut", range(13))
def test_base64_is_decoded_however_it_is_cut(cut: int) -> None:
    decoder = Base64Text()
    text = base64.b64encode(b"12345678")
    assert decoder.feed(text[:cut], final=False) + decoder.feed(text[cut:], final=True) == b"12345678"
    assert decoder.feed(b"YQ==", final=True) == b"a"


def test_a_message_of_base64_does_not_run_into_the_next() -> None:
    decoder = Base64Text()
    with pytest.raises(FrameError):
        decoder.feed(b"YWJ", final=True)


async def test_other_subprotocols_are_labels(opened: Open) -> None:
    for protocol in ("text", "chat", None):
        page, end = await opened(protocol)
        assert page.values("Sec-WebSocket-Protocol") == ([protocol] if protocol else [])
        await end.send(b"\xff")
        assert await page.read() == (BINARY, b"\xff")
        await page.send(BINARY, b"\xfe")
        assert await joined(end, 1) == b"\xfe"


# --- how it ends


async def test_the_targets_end_comes_behind_everything_it_sent(served: Served, opened: Open) -> None:
    page, end = await opened()
    body = pattern(10 * MIB)

    async def pour() -> None:
        await end.send(body)
        end.fin()

    pouring = asyncio.ensure_future(pour())
    assert await closed(page) == (body, closing(1000))
    await pouring
    assert await page.ends()
    assert await joined(end, 1) == b""
    assert (await served.answered()).note.startswith("127.0.0.1 -> 127.0.0.1:")


async def test_what_the_page_sent_before_the_targets_half_close_arrives(opened: Open) -> None:
    page, end = await opened()
    await page.send(BINARY, pattern(100_000))
    assert await joined(end, 1)
    end.fin()
    assert await closed(page) == (b"", closing(1000))
    rest = await joined(end, MIB)
    assert len(rest) >= 100_000 - 65536
    assert pattern(100_000).endswith(rest)


async def test_the_targets_reset_is_1011_and_says_who(served: Served, far: Far, opened: Open) -> None:
    page, end = await opened()
    await end.send(b"half")
    assert await page.read() == (BINARY, b"half")
    end.rst()
    reason = f"127.0.0.1:{far.port} reset the connection"
    assert await closed(page) == (b"", closing(1011, reason))
    assert reason in (await served.answered()).note


@pytest.mark.parametrize(("code", "reason"), [(None, ""), (1000, "done"), (1001, ""), (4000, "x")])
async def test_the_pages_close_is_answered_and_flushed_before_fin(
    opened: Open, code: int | None, reason: str
) -> None:
    page, end = await opened()
    body = pattern(3 * MIB)
    sending = asyncio.ensure_future(page.send(BINARY, body))
    got = asyncio.ensure_future(joined(end, 2 * len(body)))
    await sending
    await page.send(CLOSE, closing(code, reason))
    assert await page.read() == (CLOSE, closing(code, reason))
    assert await page.ends()
    assert await got == body


async def test_what_the_target_says_after_the_pages_close_resets_nothing(opened: Open) -> None:
    page, end = await opened()
    await page.send(BINARY, b"bye")
    await page.send(CLOSE, closing(1000))
    assert await page.read() == (CLOSE, closing(1000))
    await end.send(bytes(MIB))
    assert await joined(end, 10) == b"bye"
    await end.send(bytes(MIB))


async def test_a_target_that_stays_after_the_pages_close_is_left(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LINGER_SECONDS", 0.05)
    page, end = await opened()
    await page.send(CLOSE)
    assert await joined(end, 1) == b""
    with pytest.raises(ConnectionError):  # noqa: PT012  it comes with one of them
        async with asyncio.timeout(DEADLINE):
            while True:
                await end.send(b"still here")
                await asyncio.sleep(0.01)


async def test_a_slow_target_gets_what_was_sent_before_the_pages_close(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LINGER_SECONDS", 0.02)
    page, end = await opened()
    body = pattern(16 * MIB)
    sending = asyncio.ensure_future(page.send(BINARY, body))
    got = await joined(end, len(body) - 12 * MIB)
    await asyncio.wait({sending}, timeout=0.2)
    rest = asyncio.ensure_future(joined(end, len(body)))
    await sending
    await page.send(CLOSE)
    assert got + await rest == body


async def test_a_target_that_takes_nothing_is_given_up(
    served: Served, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LINGER_SECONDS", 0.02)
    monkeypatch.setattr(relay, "STALL_SECONDS", 0.1)
    page, end = await opened()
    (ws,) = served.app[connection._OPEN].websockets
    between = ws._listener
    assert isinstance(between, relay.Relay)
    assert between._tcp is not None
    while not between._tcp.get_write_buffer_size():
        await page.send(BINARY, bytes(16384))
        await asyncio.sleep(0)
    await page.send(CLOSE)
    assert await page.read() == (CLOSE, b"")
    assert await page.ends()
    await eventually(lambda: between._tcp is None, "given up")
    with pytest.raises(ConnectionResetError):  # noqa: PT012  what was on its way comes first
        while await joined(end, MIB):
            pass


async def test_a_page_that_vanishes_while_it_is_held_back_is_seen_at_last(opened: Open) -> None:
    page, end = await opened()
    sending = asyncio.ensure_future(page.send(BINARY, bytes(64 * MIB)))
    await asyncio.wait({sending}, timeout=0.3)
    assert not sending.done()
    page.rst()
    await asyncio.wait({sending})
    with pytest.raises(ConnectionResetError):  # noqa: PT012  what was on its way comes first
        while await joined(end, MIB):
            pass


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_page_that_vanishes_resets_the_target(opened: Open, how: str) -> None:
    page, end = await opened()
    await page.send(BINARY, b"half")
    assert await joined(end, 4) == b"half"
    getattr(page, how)()
    with pytest.raises(ConnectionResetError):
        await joined(end, 1)


async def test_a_stop_of_the_server_is_1001_and_fin(served: Served, opened: Open) -> None:
    page, end = await opened()
    stopping = asyncio.ensure_future(served.stop())
    assert await page.read() == (CLOSE, closing(1001, "the server stops"))
    await page.send(CLOSE, closing(1001))
    assert await joined(end, 1) == b""
    end.close()
    await stopping


async def test_a_stop_of_the_server_does_not_wait_for_a_silent_page_and_target(
    served: Served, opened: Open
) -> None:
    page, end = await opened()
    async with asyncio.timeout(connection.CLOSE_SECONDS):
        await served.stop()
    assert (await page.read())[0] == CLOSE
    with pytest.raises(ConnectionResetError):
        await joined(end, 1)


async def test_an_idle_tunnel_ends_where_that_is_asked_for(opened: Open) -> None:
    page, end = await opened(prefix="/idle")
    data, payload = await closed(page)
    assert (data, payload[:2]) == (b"", closing(1000))
    assert b"0.2 s" in payload
    assert await joined(end, 1) == b""


@pytest.mark.parametrize("who", ["page", "target"])
async def test_a_byte_of_either_side_keeps_a_tunnel(served: Served, opened: Open, who: str) -> None:
    page, end = await opened()
    (ws,) = served.app[connection._OPEN].websockets
    between = ws._listener
    assert isinstance(between, relay.Relay)
    between._idle = 60.0
    if who == "page":
        await page.send(BINARY, b"x")
        assert await joined(end, 1) == b"x"
    else:
        await end.send(b"x")
        assert await page.read() == (BINARY, b"x")
    between._look_whether_idle()
    assert ws.is_open
    between._cancel_timer()
    between._look_whether_idle()
    assert not ws.is_open


# --- who is held back


def buffered(served: Served) -> int:
    """Bytes that wait here for pages."""
    sockets = served.app[connection._OPEN].websockets
    return sum(ws._transport.get_write_buffer_size() for ws in sockets if ws._transport is not None)


async def test_a_page_that_stops_holds_the_target_back(served: Served, opened: Open) -> None:
    page, end = await opened()
    page.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a stream it may read
    body = pattern(64 * MIB)
    sending = asyncio.ensure_future(end.send(body))
    await eventually(lambda: buffered(served) > 0, "full")
    await asyncio.wait({sending}, timeout=0.3)  # in which all of it could pass
    assert not sending.done()
    assert buffered(served) <= MIB
    page.writer.transport.resume_reading()  # type: ignore[attr-defined]
    got = bytearray()
    while len(got) < len(body):
        got += (await page.read())[1]
    assert bytes(got) == body
    await sending


async def test_a_target_that_stops_holds_the_page_back(opened: Open) -> None:
    page, end = await opened()
    body = pattern(64 * MIB)
    sending = asyncio.ensure_future(page.send(BINARY, body))
    await asyncio.wait({sending}, timeout=0.5)
    assert not sending.done()
    assert page.writer.transport.get_write_buffer_size() > 32 * MIB
    assert await joined(end, len(body)) == body
    await sending


async def test_one_that_is_held_back_holds_up_no_other(opened: Open) -> None:
    page, _ = await opened()
    stuck = asyncio.ensure_future(page.send(BINARY, bytes(64 * MIB)))
    other, end = await opened()
    for _ in range(50):
        await other.send(BINARY, b"ping")
        assert await joined(end, 4) == b"ping"
    assert not stuck.done()
    stuck.cancel()


async def test_a_tunnel_that_is_given_up_while_it_is_made_closes_its_socket_once(far: Far) -> None:
    async def give_up_after(turns: int) -> None:
        between = relay.Relay("x")
        connected = socket.create_connection(("127.0.0.1", far.port))
        end = await far.accept()
        connected.setblocking(False)
        making = asyncio.ensure_future(between.begin(connected))
        for _ in range(turns):
            await asyncio.sleep(0)
        making.cancel()
        await asyncio.wait({making})
        between.abort()
        await eventually(lambda: between._tcp is None, "closed")
        await eventually(lambda: connected.fileno() == -1, "the socket knows")
        end.close()

    await give_up_after(1)  # uvloop opens a descriptor of its own, once
    before = open_descriptors()
    for turns in range(1, 4):
        await give_up_after(turns)
    await eventually(lambda: open_descriptors() == before, "no descriptor")


async def test_nothing_is_left_of_connections_that_vanish_at_random(served: Served, far: Far) -> None:
    dice = random.Random(7)  # noqa: S311  the same in every run
    ends: list[Wire] = []

    one_by_one = asyncio.Lock()

    async def one() -> None:
        async with one_by_one:
            page = await served.page(f"/tcp/127.0.0.1:{far.port}")
            end = await far.accept()
        for _ in range(dice.randrange(4)):
            await page.send(BINARY, bytes(dice.randrange(100_000)))
            await end.send(bytes(dice.randrange(20_000)))
        first, second = dice.choice([page.fin, page.rst]), dice.choice([end.close, end.rst])
        for leave in dice.sample([first, second], 2):
            leave()
            await asyncio.sleep(dice.random() / 100)
        ends.append(end)

    await one()
    await eventually(lambda: not served.app[connection._OPEN].websockets, "the first is over")
    tasks, before = len(asyncio.all_tasks()), open_descriptors()
    async with asyncio.timeout(3 * DEADLINE):
        await asyncio.gather(*(one() for _ in range(60)))
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "no task")
    await eventually(lambda: open_descriptors() <= before, "no descriptor")
    assert not served.app[connection._OPEN].websockets
