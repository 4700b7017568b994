"""WebSockets through the forward, frame by frame: what passes, how each side ends, what is left behind."""

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, Self

import pytest
import trustme
from aiohttp import web
from attrs import field as attribute
from attrs import mutable

from fetchkit import Config, Server, build_app
from fetchkit.events import Answered
from fetchkit.forward import Forward, Target, websocket
from fetchkit.forward.settings import Cookies
from tests.conftest import Serve
from tests.files.support import eventually, open_descriptors, pattern, recorded
from tests.net.namespace import Namespace
from tests.program import Program
from tests.wire.client import DEADLINE

from .test_routes import (
    FOREIGN,
    HELD,
    MIB,
    PAGE,
    TOKEN,
    Counted,
    ask,
    assert_readable,
    free_port,
    problem,
    reply,
)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # for that key: RFC 6455, section 1.3
HANDSHAKE: Final = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
)
# Of a side that has nothing to say, where the relay has to notice something first.
SHORT: Final = 0.3

Frame = tuple[int, bytes]


def closing(code: int | None, reason: str = "") -> bytes:
    """The payload of a close frame."""
    return b"" if code is None else struct.pack("!H", code) + reason.encode()


@mutable(eq=False)
class Peer:
    """One side of a WebSocket that sends exact frames and shows exact frames."""

    head: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    masks: bool

    def values(self, name: str) -> list[str]:
        """The values of a field of the other side's handshake."""
        lines = [line.partition(":") for line in self.head.split("\r\n")[1:]]
        return [value.strip() for key, _, value in lines if key.lower() == name.lower()]

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
        """A frame's bytes (RFC 6455, section 5.2)."""
        size, mask = len(payload), 0x80 if self.masks else 0
        if size < 126:
            length = struct.pack("!B", size | mask)
        elif size < 65536:
            length = struct.pack("!BH", 126 | mask, size)
        else:
            length = struct.pack("!BQ", 127 | mask, size)
        key = b"\x5a\x00\xff\x21" if self.masks else b""
        if self.masks:
            keys = int.from_bytes((key * (size // 4 + 1))[:size], "big")
            payload = (int.from_bytes(payload, "big") ^ keys).to_bytes(size, "big")
        return bytes([opcode | (0x80 if fin else 0)]) + length + key + payload

    async def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """Send a frame; returns once the system has taken most of it."""
        self.writer.write(self.frame(opcode, payload, fin=fin))
        async with asyncio.timeout(DEADLINE):
            await self.writer.drain()

    async def read(self) -> Frame:
        """The next frame, which is whole: nothing that aiohttp sends is fragmented or compressed."""
        async with asyncio.timeout(DEADLINE):
            first, second = await self.reader.readexactly(2)
            assert first & 0xF0 == 0x80, hex(first)
            assert bool(second & 0x80) is not self.masks  # RFC 6455, section 5.1
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            key = b"" if self.masks else await self.reader.readexactly(4)
            payload = await self.reader.readexactly(size)
        if key and size:
            keys = int.from_bytes((key * (size // 4 + 1))[:size], "big")
            payload = (int.from_bytes(payload, "big") ^ keys).to_bytes(size, "big")
        return first & 0x0F, payload

    async def ends(self) -> bool:
        """Whether the connection ends without another frame."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def quiet(self) -> bool:
        """Whether nothing comes, for a moment, and the connection stands."""
        try:
            async with asyncio.timeout(SHORT):
                await self.reader.readexactly(1)
        except TimeoutError:
            return True
        return False

    def fin(self) -> None:
        """Close the connection, without a close frame."""
        self.writer.close()

    def rst(self) -> None:
        """Reset the connection."""
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.writer.transport.abort()


def accepting(*lines: str) -> Callable[[str], bytes]:
    """Answer a handshake with a yes, and these fields besides."""

    def answer(head: str) -> bytes:
        key = next(line for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key:"))
        digest = hashlib.sha1(  # noqa: S324  RFC 6455, section 4.2.2
            key.partition(":")[2].strip().encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        ).digest()
        fields = ("Upgrade: websocket", "Connection: Upgrade", *lines)
        accept = f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}"
        return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *fields, accept, "", ""]).encode()

    return answer


@mutable(eq=False)
class Far:
    """An upstream server: it answers every handshake the same way, and hands over what comes of it."""

    answer: Callable[[str], bytes] = attribute(factory=accepting)
    tls: ssl.SSLContext | None = None
    heads: list[str] = attribute(factory=list)
    dialled: int = 0
    port: int = 0
    peers: "asyncio.Queue[Peer]" = attribute(factory=asyncio.Queue)
    writers: list[asyncio.StreamWriter] = attribute(factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()

    _server: asyncio.Server = attribute(init=False)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dialled += 1
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            writer.write(self.answer(head))
            self.peers.put_nowait(Peer(head, reader, writer, masks=False))

    async def peer(self) -> Peer:
        """The connection whose handshake was answered next."""
        async with asyncio.timeout(DEADLINE):
            return await self.peers.get()

    def way(self, target: str = "/", scheme: str = "ws") -> str:
        """The path that asks the forward for it."""
        return f"/forward/{scheme}://127.0.0.1:{self.port}{target}"


_pages: list[asyncio.StreamWriter] = []


@pytest.fixture(autouse=True)
async def _closed(serve: Serve) -> AsyncIterator[None]:  # noqa: ARG001  its servers stop after this
    """Close what a test leaves open."""
    yield
    for writer in _pages:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    _pages.clear()


async def page(server: Server | int, target: str, *lines: str, connected: bool = True) -> Peer:
    """A page's WebSocket to a server or a port."""
    port = server if isinstance(server, int) else server.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", *HANDSHAKE, *lines, "", ""]
    writer.write("\r\n".join(head).encode())
    _pages.append(writer)
    if not connected:
        return Peer("", reader, writer, masks=True)
    async with asyncio.timeout(DEADLINE):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    assert answer.startswith("HTTP/1.1 101 "), answer + (await reader.read(4096)).decode()
    return Peer(answer, reader, writer, masks=True)


@contextlib.asynccontextmanager
async def joined(
    serve: Serve, far: Far | None = None, *lines: str, settings: Forward | None = None, target: str = "/"
) -> AsyncIterator[tuple[Peer, Peer]]:
    """A page and an upstream that are connected through the forward."""
    server = await serve(**({"forward": settings} if settings else {}))
    async with far or Far() as server_side:
        near = await page(server, server_side.way(target), *lines)
        yield near, await server_side.peer()


def targets(**values: object) -> Forward:
    """Settings of 127.0.0.1."""
    return Forward(targets={"127.0.0.1": Target(**values)})  # type: ignore[arg-type]


# --- Messages

MESSAGES: list[Frame] = [
    (TEXT, b"hello"),
    (BINARY, bytes(range(256))),
    (TEXT, b""),
    (BINARY, b""),
    (TEXT, "Grüße \U0001f600\0".encode()),
    (BINARY, b"x" * 125),
    (BINARY, b"x" * 126),
    (BINARY, b"x" * 65535),
    (BINARY, b"x" * 65536),
    (TEXT, b"last"),
]


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
async def test_messages_pass_in_order_with_their_kind(up: bool, serve: Serve) -> None:
    async with joined(serve) as (near, far):
        sender, receiver = (near, far) if up else (far, near)
        for message in MESSAGES:
            await sender.send(*message)
        for message in MESSAGES:
            assert await receiver.read() == message


async def test_both_sides_talk_at_once(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        for number in range(200):
            await near.send(TEXT, f"up {number}".encode())
            await far.send(TEXT, f"down {number}".encode())
        for number in range(200):
            assert await far.read() == (TEXT, f"up {number}".encode())
            assert await near.read() == (TEXT, f"down {number}".encode())


async def test_what_upstream_says_with_its_handshake_is_not_lost(serve: Serve) -> None:
    first = b"\x81\x02hi\x82\x00"
    async with joined(serve, Far(lambda head: accepting()(head) + first)) as (near, _):
        assert [await near.read(), await near.read()] == [(TEXT, b"hi"), (BINARY, b"")]


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
async def test_fragments_arrive_as_one_message_with_a_ping_between_them(up: bool, serve: Serve) -> None:
    async with joined(serve) as (near, far):
        sender, receiver = (near, far) if up else (far, near)
        await sender.send(TEXT, "Gr\u00fc".encode()[:3], fin=False)  # within a character
        await sender.send(CONTINUATION, "\u00fc".encode()[1:] + b"\xc3", fin=False)
        await sender.send(PING, b"between")
        await sender.send(CONTINUATION, b"", fin=False)
        await sender.send(CONTINUATION, b"\x9fe")
        assert await sender.read() == (PONG, b"between")
        assert await receiver.read() == (TEXT, "Gr\u00fc".encode() + "ße".encode())


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
@pytest.mark.parametrize("size", [MIB, websocket.MAX_MESSAGE - 1])
async def test_a_large_message_passes_whole(size: int, up: bool, serve: Serve) -> None:
    async with joined(serve) as (near, far):
        sender, receiver = (near, far) if up else (far, near)
        body = pattern(size)
        sending = asyncio.create_task(sender.send(BINARY, body))
        opcode, payload = await receiver.read()
        await sending
        assert (opcode, payload == body) == (BINARY, True)


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
async def test_a_message_beyond_the_limit_ends_it_with_1009_on_both_sides(
    up: bool, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 1000)
    async with joined(serve) as (near, far):
        sender, receiver = (near, far) if up else (far, near)
        await sender.send(BINARY, bytes(999))
        assert await receiver.read() == (BINARY, bytes(999))
        await sender.send(BINARY, bytes(1001))
        for side in (sender, receiver):
            opcode, payload = await side.read()
            assert (opcode, payload[:2]) == (CLOSE, closing(1009))
        await receiver.send(CLOSE, closing(1009))
        assert await sender.ends()
        assert await receiver.ends()


async def test_fragments_beyond_the_limit_are_too_many_as_well(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 1000)
    async with joined(serve) as (near, _):
        await near.send(BINARY, bytes(800), fin=False)
        await near.send(CONTINUATION, bytes(800))
        opcode, payload = await near.read()
        assert (opcode, payload[:2]) == (CLOSE, closing(1009))


async def test_pings_are_answered_here_and_stay_on_their_side(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        for side, other in ((near, far), (far, near)):
            await side.send(PING, b"are you there")
            await side.send(PONG, b"unasked")
            assert await side.read() == (PONG, b"are you there")
            assert await other.quiet()


async def test_text_that_is_not_utf_8_ends_it_with_1007(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        await near.send(TEXT, b"\xff\xfe")
        assert (await near.read())[1][:2] == closing(1007)
        opcode, payload = await far.read()
        assert (opcode, payload[:2]) == (CLOSE, closing(1007))


async def test_upstream_that_breaks_the_protocol_is_1011_to_the_page(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        far.writer.write(b"\xf1\x00")  # reserved bits that nothing was agreed on for
        assert await far.read() == (CLOSE, closing(1002))
        opcode, payload = await near.read()
        assert (opcode, payload) == (CLOSE, closing(1011, "the other side broke the WebSocket protocol"))


# --- Handshakes that succeed


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [("chat", "chat"), ("chat, superchat", "superchat"), ("chat", None), (None, None)],
)
async def test_subprotocols_are_offered_upstream_and_its_choice_comes_back(
    offered: str | None, chosen: str | None, serve: Serve
) -> None:
    lines = [f"Sec-WebSocket-Protocol: {offered}"] if offered else []
    answer = accepting(*[f"Sec-WebSocket-Protocol: {chosen}"] if chosen else [])
    async with joined(serve, Far(answer), *lines) as (near, far):
        asked = ", ".join(far.values("Sec-WebSocket-Protocol"))
        assert [each.strip() for each in asked.split(",")] == (offered or "").split(", ")
        assert near.values("Sec-WebSocket-Protocol") == ([chosen] if chosen else [])
        await near.send(TEXT, b"x")
        assert await far.read() == (TEXT, b"x")


TARGETS = ["/", "/?", "/a%2Fb//c/../d?e={f}&g=%20+&h", "/chat?url=ws://x/", "/%e4%C3%BC|~"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_path_and_query_are_kept_byte_for_byte(target: str, scheme: str, serve: Serve) -> None:
    async with Far() as upstream:
        near = await page(await serve(), upstream.way(target, scheme))
        assert (await upstream.peer()).head.split("\r\n")[0] == f"GET {target} HTTP/1.1"
        near.fin()


async def test_the_url_may_stand_in_the_query(serve: Serve) -> None:
    async with Far() as upstream:
        near = await page(await serve(), f"/forward?url=ws%3A%2F%2F127.0.0.1:{upstream.port}%2Fa%252Fb%3Fc+d")
        assert (await upstream.peer()).head.startswith("GET /a%2Fb?c+d HTTP/1.1\r\n")
        near.fin()


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_a_fixed_route_takes_websockets(scheme: str, serve: Serve) -> None:
    async with Far() as upstream:
        server = await serve(forward_routes=(f"/api={scheme}://127.0.0.1:{upstream.port}/v1",))
        near, far = await page(server, "/api/chat?a=%20"), await upstream.peer()
        assert far.head.startswith("GET /v1/chat?a=%20 HTTP/1.1\r\n")
        await far.send(TEXT, b"x")
        assert await near.read() == (TEXT, b"x")
        near.fin()


async def test_what_is_about_the_page_does_not_go_upstream(serve: Serve) -> None:
    lines = (
        f"Origin: {PAGE}",
        "Cookie: session=1",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Mode: websocket",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "X-Fetchkit-Redirect: manual",
        f"X-Fetchkit-Token: {TOKEN}",
        "Referer: http://localhost:3000/",
        "Authorization: Bearer for-upstream",
        "X-Own: 1",
        "User-Agent: Wasm/1",
    )
    async with Far() as upstream:
        server = await serve(token=TOKEN)
        near = await page(server, upstream.way(f"/x?a&fetchkit-token={TOKEN}"), *lines)
        far = await upstream.peer()
        near.fin()
    names = {line.partition(":")[0].lower() for line in far.head.split("\r\n")[1:] if line}
    assert names == {
        *("host", "connection", "upgrade", "accept-encoding", "via"),
        *("sec-websocket-key", "sec-websocket-version"),
        *("authorization", "x-own", "user-agent"),
    }
    assert TOKEN not in far.head
    assert far.head.startswith("GET /x?a HTTP/1.1\r\n")
    for name in ("Host", "Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"):
        assert len(far.values(name)) == 1
    assert far.values("Sec-WebSocket-Key") != [KEY]  # a nonce is of one hop
    assert far.values("Host") == [f"127.0.0.1:{upstream.port}"]
    assert far.values("Authorization") == ["Bearer for-upstream"]
    assert near.values("Sec-WebSocket-Accept") == [ACCEPTED]
    assert not near.values("Sec-WebSocket-Extensions")


async def test_nobody_says_who_the_client_is_where_the_page_does_not(serve: Serve) -> None:
    async with joined(serve) as (_, far):
        assert not far.values("User-Agent")
        assert not far.values("Origin")


async def test_headers_of_the_target_go_upstream(serve: Serve) -> None:
    headers = {"X-Key": "secret", "Origin": "https://app.example", "Cookie": "a=1"}
    async with joined(serve, None, "X-Key: of the page", settings=targets(headers=headers)) as (_, far):
        assert {name: far.values(name) for name in headers} == {n: [v] for n, v in headers.items()}


async def test_cookies_of_the_jar_win_over_a_fixed_cookie_as_in_requests(serve: Serve) -> None:
    def answer(head: str) -> bytes:
        return accepting()(head) if "upgrade: websocket" in head.lower() else reply(200, "Set-Cookie: jar=1")

    async with Far(answer) as upstream:
        server = await serve(forward=targets(cookies=Cookies.JAR, headers={"Cookie": "fixed=1"}))
        await ask(server, "GET", upstream.way("/", "http"), "Connection: close")
        await upstream.peer()
        near = await page(server, upstream.way())
        assert (await upstream.peer()).values("Cookie") == ["jar=1"]
        near.fin()


async def test_a_cookie_of_the_handshake_is_kept_in_the_jar(serve: Serve) -> None:
    async with Far(accepting("Set-Cookie: session=1; HttpOnly")) as upstream:
        server = await serve(forward=targets(cookies=Cookies.JAR))
        for sent in ([], ["session=1"]):
            near = await page(server, upstream.way())
            assert not near.values("Set-Cookie")
            assert (await upstream.peer()).values("Cookie") == sent
            near.fin()


async def test_a_cookie_of_the_handshake_is_rewritten_for_the_page(serve: Serve) -> None:
    async with Far(accepting("Set-Cookie: session=1; Domain=127.0.0.1; Path=/")) as upstream:
        server = await serve(forward=targets(cookies=Cookies.REWRITE))
        near = await page(server, upstream.way())
        (line,) = near.values("Set-Cookie")
        assert line == f"session=1; Path=/forward/http://127.0.0.1:{upstream.port}"
        near.fin()


async def test_what_upstream_adds_to_its_yes_does_not_reach_our_origin(serve: Serve) -> None:
    lines = ("Set-Cookie: a=1", "Clear-Site-Data: *", "Strict-Transport-Security: max-age=9", "X-Up: 1")
    async with joined(serve, Far(accepting(*lines)), f"Origin: {PAGE}") as (near, _):
        for line in lines:
            assert not near.values(line.partition(":")[0])
        assert near.values("Cross-Origin-Embedder-Policy") == ["require-corp"]


# --- How it ends

CLOSINGS = {
    "none": (closing(None), closing(None)),
    "1000": (closing(1000), closing(1000)),
    "1001": (closing(1001, "tab closed"), closing(1001, "tab closed")),
    "3000": (closing(3000), closing(3000)),
    "4000": (closing(4000, "Grüße: bye"), closing(4000, "Grüße: bye")),
    "a long reason": (closing(4999, "r" * 123), closing(4999, "r" * 123)),
    # RFC 6455, section 7.4: codes that nobody may send say at least that something is wrong.
    "1006": (closing(1006, "x"), closing(1011, "x")),
    "5000": (closing(5000, "x"), closing(1011, "x")),
}


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
@pytest.mark.parametrize(("sent", "expected"), CLOSINGS.values(), ids=CLOSINGS)
async def test_a_close_frame_passes_and_so_does_its_answer(
    sent: bytes, expected: bytes, up: bool, serve: Serve
) -> None:
    async with joined(serve) as (near, far):
        first, second = (near, far) if up else (far, near)
        await first.send(TEXT, b"before")
        await first.send(CLOSE, sent)
        assert [await second.read(), await second.read()] == [(TEXT, b"before"), (CLOSE, expected)]
        await second.send(CLOSE, closing(4321, "the answer"))
        assert await first.read() == (CLOSE, closing(4321, "the answer"))
        assert await first.ends()
        assert await second.ends()


async def test_messages_on_the_way_when_the_page_closes_still_arrive(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        await near.send(CLOSE, closing(1000))
        assert await far.read() == (CLOSE, closing(1000))
        await far.send(TEXT, b"late")
        await far.send(CLOSE, closing(1000))
        assert [await near.read(), await near.read()] == [(TEXT, b"late"), (CLOSE, closing(1000))]


async def test_the_last_words_of_upstream_arrive_while_the_page_still_sends(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        await far.send(TEXT, b"bye")
        await far.send(CLOSE, closing(4001, "enough"))
        far.fin()
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                await near.send(BINARY, bytes(1000))
        assert [await near.read(), await near.read()] == [(TEXT, b"bye"), (CLOSE, closing(4001, "enough"))]


async def test_a_side_that_takes_nothing_any_more_is_heard_to_its_end() -> None:
    loop = asyncio.get_running_loop()

    async def failing() -> websocket._End:
        return websocket._End()

    async def speaking() -> websocket._End:
        await asyncio.sleep(SHORT)
        return websocket._End(passed=True)

    upward, downward = loop.create_task(failing()), loop.create_task(speaking())
    await websocket._until_ended(upward, downward, loop.create_future())
    assert downward.done()
    assert downward.result().passed


@pytest.mark.parametrize("how", [Peer.fin, Peer.rst], ids=["fin", "rst"])
async def test_upstream_that_vanishes_is_1011_to_the_page(how: Callable[[Peer], None], serve: Serve) -> None:
    async with joined(serve) as (near, far):
        await far.send(TEXT, b"last")
        assert await near.read() == (TEXT, b"last")
        how(far)
        assert await near.read() == (CLOSE, closing(1011, "the other side is gone"))
        await near.send(CLOSE, closing(1011))
        assert await near.ends()


async def test_upstream_that_vanishes_in_a_message_passes_none_of_it(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        await far.send(TEXT, b"half a ", fin=False)
        far.fin()
        assert await near.read() == (CLOSE, closing(1011, "the other side is gone"))


async def test_upstream_that_drops_a_close_unanswered_is_no_clean_end(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        await near.send(CLOSE, closing(1000))
        assert await far.read() == (CLOSE, closing(1000))
        far.fin()
        assert await near.ends()


async def test_a_close_that_upstream_never_answers_ends_in_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.1)
    async with joined(serve) as (near, far):
        await near.send(CLOSE, closing(1000))
        assert await near.ends()
        assert await far.read() == (CLOSE, closing(1000))
        assert await far.ends()


async def test_a_page_that_never_answers_a_close_ends_in_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.1)
    async with joined(serve) as (near, far):
        far.rst()
        assert (await near.read())[0] == CLOSE
        assert await near.ends()


@pytest.mark.parametrize("how", [Peer.fin, Peer.rst], ids=["fin", "rst"])
async def test_a_page_that_vanishes_drops_upstream_without_a_close_frame(
    how: Callable[[Peer], None], serve: Serve
) -> None:
    async with joined(serve) as (near, far):
        await near.send(TEXT, b"last")
        assert await far.read() == (TEXT, b"last")
        how(near)
        assert await far.ends()


async def test_a_page_that_says_goodbye_and_leaves_at_once_is_heard(serve: Serve) -> None:
    async with joined(serve) as (near, far):
        near.writer.write(near.frame(TEXT, b"last") + near.frame(CLOSE, closing(1001)))
        near.fin()
        assert [await far.read(), await far.read()] == [(TEXT, b"last"), (CLOSE, closing(1001))]
        assert await far.ends()


async def _both_close(near: Peer, far: Peer) -> None:
    await near.send(CLOSE, closing(1000))
    await far.read()
    await far.send(CLOSE, closing(1000))


async def _page_leaves(near: Peer, _: Peer) -> None:
    near.fin()


async def _page_resets(near: Peer, _: Peer) -> None:
    near.rst()


async def _upstream_leaves(near: Peer, far: Peer) -> None:
    far.rst()
    await near.read()
    await near.send(CLOSE, closing(1011))


async def _page_errs(near: Peer, far: Peer) -> None:
    near.writer.write(b"\xf1\x80\0\0\0\0")
    await near.read()
    await far.ends()


@pytest.mark.parametrize(
    "ending",
    [_both_close, _page_leaves, _page_resets, _upstream_leaves, _page_errs],
    ids=lambda e: e.__name__,
)
async def test_nothing_is_left_behind(ending: Callable[[Peer, Peer], Awaitable[None]], serve: Serve) -> None:
    server = await serve(forward=targets(concurrency=1))
    async with Far() as upstream:
        await ask(server, "GET", "/digits.txt")
        await eventually(lambda: True, "settled")
        tasks, descriptors = len(asyncio.all_tasks()), open_descriptors()
        for _ in range(3):  # each needs the one place
            near = await page(server, upstream.way())
            far = await upstream.peer()
            await ending(near, far)
            assert await far.ends()
            near.fin()
            far.fin()
        await eventually(lambda: open_descriptors() <= descriptors, "descriptors are given back")
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "tasks end")


async def test_a_page_that_leaves_during_the_handshake_leaves_nothing_behind(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(forward=targets(concurrency=1))
    async with Far(lambda _: b"") as upstream:
        for _ in range(2):
            near = await page(server, upstream.way(), connected=False)
            far = await upstream.peer()
            near.fin()
            assert await far.ends()
    assert not caplog.records


async def test_a_websocket_takes_a_place_until_it_ends(serve: Serve) -> None:
    def answer(head: str) -> bytes:
        return accepting()(head) if "upgrade: websocket" in head.lower() else reply(200, "Connection: close")

    async with Far(answer) as upstream:
        server = await serve(forward=targets(concurrency=1))
        near, far = await page(server, upstream.way()), await upstream.peer()
        waiting = asyncio.create_task(ask(server, "GET", upstream.way("/after", "http")))
        await far.send(TEXT, b"x")
        assert await near.read() == (TEXT, b"x")
        await asyncio.sleep(SHORT)
        assert (upstream.dialled, waiting.done()) == (1, False)
        await _both_close(near, far)
        assert (await waiting).status == 200


async def test_a_server_that_stops_says_1001_to_both(folder: Path) -> None:
    app = build_app(Config(directory=folder))
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    async with Far() as upstream:
        near, far = await page(port, upstream.way()), await upstream.peer()
        began = time.monotonic()
        await runner.cleanup()
        assert time.monotonic() - began < DEADLINE
        for side in (near, far):
            opcode, payload = await side.read()
            assert (opcode, payload[:2]) == (CLOSE, closing(1001))
            assert await side.ends()
            side.fin()


# --- Handshakes that fail


async def refused(serve: Serve, far: Far, *lines: str, settings: Forward | None = None) -> tuple[str, str]:
    """What the page reads when upstream's handshake fails: detail and hint of a 502."""
    server = await serve(**({"forward": settings} if settings else {}))
    async with far:
        outcome = await ask(server, "GET", far.way(), *HANDSHAKE, f"Origin: {PAGE}", *lines)
        said = problem(outcome)
        assert outcome.status == 502
        assert_readable(outcome)
        assert far.dialled == 1
        assert "\n" not in said["detail"]
        return said["detail"], said.get("hint", "")


@pytest.mark.parametrize("status", [200, 401, 403, 404, 426, 500, 503])
async def test_a_refusal_names_its_status(status: int, serve: Serve) -> None:
    detail, _ = await refused(serve, Far(lambda _: reply(status)))
    assert detail.endswith(f"refuses the WebSocket with status {status}.")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_gets_no_secrets(status: int, serve: Serve) -> None:
    async with Far() as other:
        location = f"http://127.0.0.1:{other.port}/there"
        far = Far(lambda _: reply(status, f"Location: {location}"))
        detail, hint = await refused(serve, far, settings=targets(headers={"X-Key": "secret"}))
        assert f"status {status}" in detail
        assert location in hint
        assert other.dialled == 0


async def test_a_redirect_of_a_handshake_does_not_lead_to_fetchkit_itself(serve: Serve) -> None:
    server = await serve()
    seen = recorded(server.app)
    async with Far(lambda _: reply(302, f"Location: {server.url}forward/")) as far:
        outcome = await ask(server, "GET", far.way(), *HANDSHAKE)
        assert (outcome.status, far.dialled) == (502, 1)
        await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
        assert len([event for event in seen if isinstance(event, Answered)]) == 1  # it never came back in


WRONG = {
    "garbage": (lambda _: b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"),
    "wrong accept": (
        lambda head: accepting()(head).replace(b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept: x"),
        "Invalid challenge response",
    ),
    "no accept": (
        lambda head: accepting()(head).replace(b"Sec-WebSocket-Accept", b"X-Accept"),
        "Invalid challenge response",
    ),
    "no upgrade": (
        lambda head: accepting()(head).replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        "Invalid upgrade header",
    ),
    "extension that nobody offered": (accepting("Sec-WebSocket-Extensions: permessage-deflate"), "extension"),
    "subprotocol that nobody offered": (accepting("Sec-WebSocket-Protocol: other"), "subprotocol"),
    "two subprotocols": (
        accepting("Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"),
        "subprotocol",
    ),
}


@pytest.mark.parametrize(("answer", "word"), WRONG.values(), ids=WRONG)
async def test_an_answer_that_is_no_handshake_is_a_502_that_says_why(
    answer: Callable[[str], bytes], word: str, serve: Serve
) -> None:
    lines = (
        "Sec-WebSocket-Protocol: a, b",
        "Sec-WebSocket-Extensions: permessage-deflate",
    )
    detail, _ = await refused(serve, Far(answer), *lines)
    assert word in detail
    assert "url=" not in detail  # the exception's own text


async def test_a_refused_connection_is_a_502(serve: Serve) -> None:
    target = f"/forward/ws://127.0.0.1:{free_port()}/"
    outcome = await ask(await serve(), "GET", target, *HANDSHAKE, f"Origin: {PAGE}")
    assert (outcome.status, "refused" in problem(outcome)["detail"]) == (502, True)
    assert_readable(outcome)


async def test_an_upstream_that_closes_without_an_answer_is_a_502(serve: Serve) -> None:
    async with Far(lambda _: b"") as far:
        asking = asyncio.create_task(ask(await serve(), "GET", far.way(), *HANDSHAKE))
        (await far.peer()).fin()
        assert (await asking).status == 502


@pytest.mark.parametrize(
    "settings",
    [
        Forward(targets={"127.0.0.1": Target(stall_timeout=0.1)}),
        Forward(stall_timeout=0.1, targets={"127.0.0.1": Target(connect_timeout=9.0)}),
    ],
    ids=["of the target", "of all"],
)
async def test_a_silent_upstream_is_a_504_in_the_time_that_is_set(settings: Forward, serve: Serve) -> None:
    async with Far(lambda _: b"") as far:
        server = await serve(forward=settings)
        async with asyncio.timeout(DEADLINE):
            outcome = await ask(server, "GET", far.way(), *HANDSHAKE, f"Origin: {PAGE}")
        assert (outcome.status, "stall-timeout" in problem(outcome)["hint"]) == (504, True)
        assert_readable(outcome)
        assert await (await far.peer()).ends()


async def test_a_target_may_be_more_patient_than_the_rest(serve: Serve) -> None:
    settings = Forward(stall_timeout=0.05, targets={"127.0.0.1": Target(stall_timeout=9.0)})
    async with Far(lambda _: b"") as upstream:
        server = await serve(forward=settings)
        asking = asyncio.create_task(page(server, upstream.way()))
        far = await upstream.peer()
        await asyncio.sleep(SHORT)
        far.writer.write(accepting()(far.head))
        (await asking).fin()


async def test_an_open_websocket_may_idle_for_longer_than_the_stall_timeout(serve: Serve) -> None:
    async with joined(serve, settings=targets(stall_timeout=0.1)) as (near, far):
        for _ in range(2):
            assert await near.quiet()
            await far.send(TEXT, b"still here")
            assert await near.read() == (TEXT, b"still here")
            assert await far.quiet()
            await near.send(TEXT, b"here too")
            assert await far.read() == (TEXT, b"here too")


BAD_HANDSHAKES = {
    "version": ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12"),
    "key": (f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Key: short"),
    "no key": (f"Sec-WebSocket-Key: {KEY}", "X-Other: 1"),
    "no upgrade": ("Connection: Upgrade", "Connection: close"),
}


@pytest.mark.parametrize(("line", "instead"), BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
async def test_a_page_s_bad_handshake_is_a_400_before_upstream_is_asked(
    line: str, instead: str, serve: Serve
) -> None:
    async with Far() as far:
        lines = [instead if each == line else each for each in HANDSHAKE]
        outcome = await ask(await serve(), "GET", far.way(), *lines, f"Origin: {PAGE}")
        assert (outcome.status, problem(outcome)["status"]) == (400, 400)
        assert far.dialled == 0


@pytest.mark.parametrize("path", ["/forward/ws://127.0.0.1:{}/", "/api/"])
async def test_a_foreign_page_is_refused_before_upstream_is_asked(path: str, serve: Serve) -> None:
    async with Far() as far:
        server = await serve(forward_routes=(f"/api=http://127.0.0.1:{far.port}/",))
        for origin in (FOREIGN, "null"):
            outcome = await ask(server, "GET", path.format(far.port), *HANDSHAKE, f"Origin: {origin}")
            assert (outcome.status, problem(outcome)["status"]) == (403, 403)
        assert far.dialled == 0


async def test_without_the_token_no_websocket_is_forwarded(serve: Serve) -> None:
    async with Far() as far:
        outcome = await ask(await serve(token=TOKEN), "GET", far.way(), *HANDSHAKE, f"Origin: {PAGE}")
        assert (outcome.status, far.dialled) == (403, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_fetchkit_itself_is_no_target(host: str, serve: Serve) -> None:
    server = await serve(allow_net=("127.0.0.0/8", "0.0.0.0/32"))
    target = f"/forward/ws://{host}:{server.port}/"
    outcome = await ask(server, "GET", target, *HANDSHAKE, f"Origin: {PAGE}")
    said = problem(outcome)
    assert (outcome.status, "itself" in said["detail"], bool(said["hint"])) == (403, True, True)
    assert_readable(outcome)


async def test_a_handshake_that_came_through_here_is_refused(serve: Serve) -> None:
    server = await serve()
    async with Far() as upstream:
        near, far = await page(server, upstream.way()), await upstream.peer()
        [via] = far.values("Via")
        outcome = await ask(server, "GET", upstream.way(), *HANDSHAKE, f"Via: {via}", f"Origin: {PAGE}")
        assert (outcome.status, bool(problem(outcome)["hint"]), upstream.dialled) == (508, True, 1)
        assert_readable(outcome)
        near.fin()


async def test_two_fetchkits_may_forward_to_each_other(serve: Serve) -> None:
    first, second = await serve(), await serve()
    async with Far() as upstream:
        near = await page(first, f"/forward/ws://127.0.0.1:{second.port}{upstream.way()}")
        far = await upstream.peer()
        await near.send(TEXT, b"far away")
        assert await far.read() == (TEXT, b"far away")
        await far.send(CLOSE, closing(4000, "x"))
        assert await near.read() == (CLOSE, closing(4000, "x"))
        near.fin()


async def test_a_private_address_is_refused_and_never_dialled(folder: Path, tmp_path: Path) -> None:
    private, loop = "10.9.8.7", asyncio.get_running_loop()
    home = tmp_path / "home"
    home.mkdir()
    with (
        Namespace(tmp_path, (private,)) as network,
        network.bound(private, 8000) as listener,
        Program(
            home,
            *("serve", str(folder), "--port", "0", "--host", "127.0.0.1"),
            python=(*network.python, "-m", "fetchkit"),
        ) as program,
    ):
        listener.listen()
        port = program.ready_port()
        for host in (private, f"[::ffff:{private}]", "169.254.169.254"):
            end = network.made(socket.AF_INET)
            await loop.sock_connect(end, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=end)
            lines = (f"GET /forward/ws://{host}:8000/ HTTP/1.1", f"Host: 127.0.0.1:{port}", *HANDSHAKE)
            writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode())
            async with asyncio.timeout(DEADLINE):
                answer = (await reader.readuntil(b"}")).decode()
            writer.close()
            assert answer.startswith("HTTP/1.1 403 ")
            assert "--allow-" in answer
        with pytest.raises(BlockingIOError):
            listener.accept()


# --- TLS, and a proxy on the way


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate, and the file of the CA that made it."""
    ca, path = trustme.CA(), tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context, path


async def test_wss_reaches_a_server_whose_ca_is_configured(
    authority: tuple[ssl.SSLContext, Path], serve: Serve
) -> None:
    async with Far(tls=authority[0]) as upstream:
        server = await serve(forward=targets(ca=authority[1]))
        for scheme in ("wss", "https"):
            near, far = await page(server, upstream.way("/", scheme)), await upstream.peer()
            await near.send(BINARY, bytes(100_000))
            assert await far.read() == (BINARY, bytes(100_000))
            await far.send(CLOSE, closing(4000))
            assert await near.read() == (CLOSE, closing(4000))
            near.fin()


async def test_wss_that_nobody_vouches_for_is_a_502_that_names_the_key(
    authority: tuple[ssl.SSLContext, Path], serve: Serve
) -> None:
    async with Far(tls=authority[0]) as upstream:
        outcome = await ask(await serve(), "GET", upstream.way("/", "wss"), *HANDSHAKE, f"Origin: {PAGE}")
        said = problem(outcome)
        assert (outcome.status, "ca" in said["hint"], upstream.heads) == (502, True, [])
        assert_readable(outcome)


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_websocket_goes_through_the_proxy_of_its_target(scheme: str, serve: Serve) -> None:
    async with Far() as proxy:
        far_away = Target(proxy=f"http://user:word@127.0.0.1:{proxy.port}")
        server = await serve(forward=Forward(targets={"upstream.invalid": far_away}))
        near, far = await page(server, f"/forward/{scheme}://upstream.invalid/a?b"), await proxy.peer()
        assert far.head.startswith("GET http://upstream.invalid/a?b HTTP/1.1\r\n")
        assert far.values("Proxy-Authorization") == [f"Basic {base64.b64encode(b'user:word').decode()}"]
        await near.send(TEXT, b"x")
        assert await far.read() == (TEXT, b"x")
        near.fin()


async def test_a_proxy_that_wants_a_login_is_a_502_that_says_so(serve: Serve) -> None:
    async with Far(lambda _: reply(407, "Proxy-Authenticate: Basic")) as proxy:
        far_away = Target(proxy=f"http://127.0.0.1:{proxy.port}")
        server = await serve(forward=Forward(targets={"upstream.invalid": far_away}))
        outcome = await ask(server, "GET", "/forward/ws://upstream.invalid/", *HANDSHAKE)
        assert (outcome.status, "login" in problem(outcome)["detail"]) == (502, True)


# --- Back-pressure


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
async def test_a_reader_that_stops_stops_the_writer_and_may_go_on(up: bool, serve: Serve) -> None:
    count, body, counted = 128, os.urandom(MIB // 4), Counted()

    async def pour(sender: Peer) -> None:
        frame = sender.frame(BINARY, body)
        for _ in range(4 * count):
            sender.writer.write(frame)
            await sender.writer.drain()
            counted.bytes += len(body)

    async with joined(serve) as (near, far):
        sender, receiver = (near, far) if up else (far, near)
        sending = asyncio.create_task(pour(sender))
        assert 0 < await counted.still() < HELD
        for _ in range(4 * count):
            assert await receiver.read() == (BINARY, body)
        await sending
        # The other way was never in its way.
        await receiver.send(TEXT, b"done")
        assert await sender.read() == (TEXT, b"done")


async def test_a_page_that_resets_while_upstream_does_not_read_is_noticed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.05)
    server, counted = await serve(forward=targets(concurrency=1)), Counted()
    async with Far() as upstream:
        await ask(server, "GET", "/digits.txt")
        await eventually(lambda: True, "settled")
        tasks, descriptors = len(asyncio.all_tasks()), open_descriptors()
        near, far = await page(server, upstream.way()), await upstream.peer()

        async def pour() -> None:
            while True:
                await near.send(BINARY, bytes(MIB))
                counted.bytes += MIB

        sending = asyncio.create_task(pour())
        await counted.still()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        near.rst()
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "the relay ends")
        far.rst()
        await eventually(lambda: open_descriptors() <= descriptors, "descriptors are given back")
        (await page(server, upstream.way())).fin()  # and the one place
