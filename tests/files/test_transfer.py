"""A streamed file: whole or visibly broken, never wrong; and nothing is left behind."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from fetchkit import Server
from fetchkit.events import Answered, BodyBroken, Event, Failed
from fetchkit.files import transfer
from fetchkit.files.cache import MAX_BODY
from fetchkit.files.lookup import Folder
from fetchkit.http.ranges import ByteRange
from tests.conftest import Raw, Serve
from tests.raw import DEADLINE, RawAnswer, RawClient

from .support import eventually, open_descriptors, pattern, recorded, write

MIB = 1024 * 1024
# More than the buffers of both sockets can hold (net.ipv4.tcp_wmem goes to 4 MiB, the client's is small).
SIZE = 12 * MIB
OLD, NEW = pattern(SIZE, 1), pattern(SIZE, 2)

WANTED: dict[str, tuple[list[str], Callable[[bytes], bytes] | None]] = {
    "whole": ([], lambda body: body),
    "range": ([f"Range: bytes=5-{SIZE - 7}"], lambda body: body[5:-6]),
    "multipart": ([f"Range: bytes=0-{SIZE // 2},{SIZE // 2 + 9}-{SIZE - 1}"], None),
}


@pytest.fixture(params=["sendfile", "copied"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the bytes get from the file to the socket."""
    if request.param == "copied":
        monkeypatch.delattr(os, "sendfile", raising=False)
    elif not hasattr(os, "sendfile"):
        pytest.skip("this system has no sendfile")
    return str(request.param)


@pytest.fixture
def large(folder: Path) -> Path:
    return write(folder / "large.data", OLD)


def request(path: str = "/large.data", *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


Slow = Callable[[Server], Awaitable[RawClient]]


@pytest.fixture
async def slow() -> AsyncIterator[Slow]:
    """A client whose receive buffer is small, so that what it does not read stays with the server."""
    async with AsyncExitStack() as clients:

        async def connect(server: Server) -> RawClient:
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            plain.setblocking(False)
            await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", server.port))
            client = RawClient(*await asyncio.open_connection(sock=plain, limit=16 * 1024))
            clients.push_async_callback(client.close)
            return client

        yield connect


async def begin(client: RawClient, *lines: str) -> RawAnswer:
    """Ask for the large file and read nothing but the head."""
    client.send(request("/large.data", *lines))
    return await client.head()


def truncate(place: Path) -> None:
    os.truncate(place, SIZE // 3)


def empty(place: Path) -> None:
    os.truncate(place, 0)


def grow(place: Path) -> None:
    with place.open("ab") as file:
        file.write(b"more")


def rewrite_in_place(place: Path) -> None:
    with place.open("r+b") as file:
        file.write(NEW)


def rewrite_the_end_in_place(place: Path) -> None:
    with place.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(NEW[-1000:])


def rewrite_and_put_the_time_back(place: Path) -> None:
    before = os.stat(place)
    rewrite_in_place(place)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate_and_rewrite(place: Path) -> None:
    place.write_bytes(NEW)


CHANGES = [
    truncate,
    empty,
    grow,
    rewrite_in_place,
    rewrite_the_end_in_place,
    rewrite_and_put_the_time_back,
    truncate_and_rewrite,
]


def replace(place: Path) -> None:
    os.replace(write(place.with_suffix(".new"), NEW), place)


def remove(place: Path) -> None:
    place.unlink()


def right(wanted: str, answer: RawAnswer, old: bytes = OLD) -> bool:
    """Whether a complete body is the one of the old version."""
    part = WANTED[wanted][1]
    if part is not None:
        return answer.body == part(old)
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
    frames = answer.body.split(b"--" + boundary)
    sent = [frame.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for frame in frames[1:-1]]
    return sent == [old[: SIZE // 2 + 1], old[SIZE // 2 + 9 :]]


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changes_while_it_is_sent_breaks_the_body(
    serve: Serve, slow: Slow, large: Path, wanted: str, change: Callable[[Path], None]
) -> None:
    server = await serve()
    seen = recorded(server.app)
    client = await slow(server)
    head = await begin(client, *WANTED[wanted][0])
    change(large)
    answer = await client.body(head)
    assert not answer.complete or right(wanted, answer)
    await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the end of the answer")
    broken = [event for event in seen if isinstance(event, BodyBroken)]
    assert len(broken) == (not answer.complete)
    for event in broken:
        assert event.target == "/large.data"
        assert event.size == int(head.headers["Content-Length"])
    assert not [event for event in seen if isinstance(event, Failed)]


async def test_a_body_is_cut_soon_after_the_change(serve: Serve, slow: Slow, large: Path) -> None:
    server = await serve()
    seen = recorded(server.app)
    client = await slow(server)
    head = await begin(client)
    rewrite_in_place(large)
    assert not (await client.body(head)).complete
    await eventually(lambda: any(isinstance(event, BodyBroken) for event in seen), "the body is broken")
    (broken,) = [event for event in seen if isinstance(event, BodyBroken)]
    assert broken.sent < SIZE * 3 // 4  # what the sockets held when the file changed, and a piece


@pytest.mark.parametrize("wanted", WANTED)
async def test_how_much_of_a_broken_body_was_sent_is_told(
    serve: Serve, slow: Slow, large: Path, wanted: str
) -> None:
    server = await serve()
    seen = recorded(server.app)
    client = await slow(server)
    head = await begin(client, *WANTED[wanted][0])
    async with asyncio.timeout(DEADLINE):
        start = await client.reader.readexactly(SIZE // 2 + MIB // 4)  # into the second part of the multipart
    truncate(large)
    rest = await client.body(head)
    await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the end of the answer")
    (broken,) = [event for event in seen if isinstance(event, BodyBroken)]
    (answered,) = [event for event in seen if isinstance(event, Answered)]
    assert len(start + rest.body) <= broken.sent < broken.size
    assert answered.sent == broken.sent


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("change", [replace, remove])
async def test_a_file_that_is_replaced_by_a_rename_is_sent_as_it_was(
    serve: Serve, slow: Slow, large: Path, wanted: str, change: Callable[[Path], None]
) -> None:
    server = await serve()
    client = await slow(server)
    head = await begin(client, *WANTED[wanted][0])
    change(large)
    answer = await client.body(head)
    assert answer.complete
    assert right(wanted, answer)
    if change is replace:
        client.send(request())
        assert (await client.answer()).body == NEW


@pytest.mark.parametrize("size", [MAX_BODY + 1, MIB, 3 * MIB])
async def test_what_waits_in_the_socket_is_not_changed_with_the_file(
    serve: Serve, raw: Raw, folder: Path, size: int
) -> None:
    """The kernel may keep pages of the file in the socket's buffer, and the file may change under them."""
    place = write(folder / "large.data", OLD[:size])
    server = await serve()
    seen = recorded(server.app)
    client = await raw(server)
    client.send(request())
    head = await client.head()
    for _ in range(50):  # the buffers may be too small for all of it; then the change comes earlier
        if any(isinstance(event, Answered) for event in seen):
            break
        await asyncio.sleep(0.002)
    with place.open("r+b") as file:
        file.write(NEW[:size])
    answer = await client.body(head)
    assert not answer.complete or answer.body == OLD[:size]


def leave(client: RawClient) -> None:
    client.writer.close()


def leave_by_reset(client: RawClient) -> None:
    plain = client.writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


def stop_asking(client: RawClient) -> None:
    client.writer.write_eof()
    client.writer.close()


def quiet(seen: list[Event], caplog: pytest.LogCaptureFixture) -> bool:
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    return not loud and not [event for event in seen if isinstance(event, (Failed, BodyBroken))]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("leaving", [leave, leave_by_reset, stop_asking])
async def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    serve: Serve,
    slow: Slow,
    caplog: pytest.LogCaptureFixture,
    wanted: str,
    leaving: Callable[[RawClient], None],
) -> None:
    server = await serve()
    seen = recorded(server.app)
    before = open_descriptors()
    for _ in range(5):
        client = await slow(server)
        await begin(client, *WANTED[wanted][0])
        leaving(client)
    await eventually(lambda: open_descriptors() == before, "descriptors are given back")
    await eventually(lambda: len(seen) >= 5, "the answers are reported")
    assert quiet(seen, caplog)


@pytest.mark.usefixtures("large")
async def test_a_connection_lost_while_the_head_drains_leaves_nothing_behind(
    serve: Serve,
    raw: Raw,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A drain ends without an error when the connection does (asyncio's `connection_lost(None)`)."""
    draining = transfer._drained

    async def lose(transport: asyncio.Transport, writer: AbstractStreamWriter, head: bytes) -> None:
        await draining(transport, writer, head)
        transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)

    monkeypatch.setattr(transfer, "_drained", lose)
    server = await serve()
    seen = recorded(server.app)
    before = open_descriptors()
    client = await raw(server)
    client.send(request("/large.data", "Connection: close"))
    while await client.reader.read(MIB):
        pass
    await client.close()
    await eventually(lambda: open_descriptors() == before, "descriptors are given back")
    assert quiet(seen, caplog)


@pytest.mark.usefixtures("large")
async def test_descriptors_are_given_back_after_every_kind_of_answer(serve: Serve, raw: Raw) -> None:
    server = await serve()
    client = await raw(server)
    await client.ask("GET", "/app.js")
    before = open_descriptors()
    kinds = (
        "Range: bytes=0-1",
        "Range: bytes=0-1,5-6",
        "Range: bytes=99999999-",
        "If-None-Match: *",
        'If-Match: "x"',
    )
    for kind in kinds:
        for path in ("/large.data", "/app.js"):
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                await client.ask(method, path, kind)
    await client.ask("GET", "/large.data")
    await eventually(lambda: open_descriptors() == before, "descriptors are given back")


async def test_a_client_that_does_not_read_stops_the_reading(
    serve: Serve, slow: Slow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "large.data").touch()
    os.truncate(folder / "large.data", 64 * MIB)
    taken = [0]

    def counted(name: str) -> None:
        original = getattr(os, name)

        def count(*arguments: int) -> int | bytes:
            result: int | bytes = original(*arguments)
            taken[0] += result if isinstance(result, int) else len(result)
            return result

        monkeypatch.setattr(os, name, count)

    for name in {"read", "sendfile"} & set(dir(os)):
        counted(name)
    server = await serve()
    client = await slow(server)
    await begin(client)
    still = 0
    last = -1
    while still < 50:  # until nothing has moved for a while
        await asyncio.sleep(0.002)
        still, last = (still + 1, last) if taken[0] == last else (0, taken[0])
    assert 0 < taken[0] < 16 * MIB


@pytest.mark.usefixtures("large")
async def test_what_is_asked_around_a_file_is_answered_in_order_to_a_slow_client(
    serve: Serve, slow: Slow, folder: Path
) -> None:
    small = pattern(MAX_BODY, 7)
    write(folder / "small.data", small)
    client = await slow(await serve())
    paths = ["/small.data"] * 10 + ["/large.data", "/small.data", "/large.data", "/small.data"]
    client.send(b"".join(map(request, paths)))
    for path in paths:
        answer = await client.answer()
        assert answer.body == (OLD if path == "/large.data" else small)


@pytest.mark.usefixtures("large")
async def test_slow_clients_do_not_hold_up_others(serve: Serve, raw: Raw, slow: Slow) -> None:
    server = await serve()
    for _ in range(10):
        await begin(await slow(server))
    client = await raw(server)
    for _ in range(5):
        assert (await client.ask("GET", "/app.js")).status == 200
    assert (await client.ask("GET", "/large.data")).body == OLD


class Buffering:
    """A transport and its writer: what is written stays in the buffer, but for a drain down to nothing."""

    def __init__(self, plain: socket.socket) -> None:
        self.plain = plain
        self.buffer = b""
        self.limit: int | None = None

    def get_extra_info(self, name: str) -> socket.socket | None:
        """The socket; no TLS."""
        return self.plain if name == "socket" else None

    def is_closing(self) -> bool:
        """Once the socket is closed."""
        return self.plain.fileno() < 0

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        """Say down to where a drain waits."""
        self.limit = high

    async def write(self, data: bytes) -> None:
        """Keep for later."""
        self.buffer += data

    async def drain(self) -> None:
        """Send, where the limit is nothing."""
        if self.limit == 0:
            self.flush()

    def flush(self) -> None:
        """Send what was kept."""
        self.plain.sendall(self.buffer)
        self.buffer = b""


async def test_nothing_overtakes_the_head(large: Path) -> None:
    near, far = socket.socketpair()
    opened = Folder(str(large.parent)).open(str(large))
    assert opened is not None
    with near, far:
        held = Buffering(near)
        asked = SimpleNamespace(transport=held, writer=held)
        size = 2 * transfer.COPIED_PIECE  # one half goes past the transport
        received = asyncio.create_task(asyncio.to_thread(far.recv, 4 + size, socket.MSG_WAITALL))
        near.setblocking(False)
        await transfer.send_part(cast("web.BaseRequest", asked), b"head", opened, ByteRange(0, size - 1))
        near.setblocking(True)
        await asyncio.to_thread(held.flush)
        assert await received == b"head" + OLD[:size]
    opened.close()


async def test_a_connection_that_drains_away_is_a_client_that_left(large: Path) -> None:
    """In an application that does not cancel handlers, nothing but the socket tells."""
    near, far = socket.socketpair()
    opened = Folder(str(large.parent)).open(str(large))
    assert opened is not None

    class Lost(Buffering):
        async def write(self, data: bytes) -> None:  # noqa: ARG002  the head gets through, nothing else
            if self.is_closing():
                raise ConnectionResetError
            self.plain.close()

        async def drain(self) -> None:
            """Nothing waits for a connection that is gone."""

    held = Lost(near)
    asked = SimpleNamespace(transport=held, writer=held)
    with near, far, pytest.raises(ConnectionError):
        await transfer.send_part(cast("web.BaseRequest", asked), b"head", opened, ByteRange(0, SIZE - 1))
    opened.close()
