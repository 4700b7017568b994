"""Pages that mean harm: whatever they send, an errno or a close code comes back, and nobody else notices."""

import asyncio
import base64
import contextlib
import re
import struct
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from attrs import define

from tests.forward.test_routes import free_port
from tests.forward.test_websocket import BINARY, CLOSE, CONTINUATION, HANDSHAKE, PING, PONG, TEXT, Peer
from tests.program import Program
from tests.raw import DEADLINE, RawAnswer

from .door import Door, faults
from .posix import messages
from .posix.conftest import Browsed, browsed
from .posix.page import DGRAM, STREAM, E, F, O, address
from .test_soak import Marks, Targets

MIB: Final = 1024 * 1024
# A round trip takes less than a millisecond; seconds, where the machine is loaded.
GAP: Final = 8.0
GROWTH: Final = 16 * MIB

I32_MAX, I32_MIN, U32_MAX = 2**31 - 1, -(2**31), 2**32 - 1


@define
class Server:
    """A server with every endpoint.

    Attributes:
        program: the process.
        port: main one.
        bridges: what leads to the echo, and to POSIX sockets.
    """

    program: Program
    port: int
    bridges: dict[str, int]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all of them: what breaks it is seen by the next."""
    home = tmp_path_factory.mktemp("hostile")
    (home / "index.html").write_text("index")
    bridges = {"echo": free_port(), "posix": free_port()}
    leads = [part for name, port in bridges.items() for part in ("--bridge", f"{port}:{name}")]
    with Program(home, "serve", str(home), "--host", "127.0.0.1", "--port", "0", *leads) as program:
        yield Server(program, program.ready_port(), bridges)


@pytest.fixture
async def targets() -> AsyncIterator[Targets]:
    async with Targets.open() as here:
        yield here


@pytest.fixture
async def door(server: Server) -> AsyncIterator[Door]:
    async with Door(port=server.port) as here:
        yield here


@pytest.fixture(autouse=True)
async def _nobody_notices(server: Server, targets: Targets) -> AsyncIterator[None]:
    """Three pages talk all the time: none waits, none fails; and the log tells of no defect."""
    async with Door(port=server.port) as door:
        begun = [asyncio.Event() for _ in range(3)]
        bystanders = [
            asyncio.create_task(coroutine)
            for coroutine in (
                _bystander(await door.page("/echo"), begun[0]),
                _bystander(await door.page(f"/tcp/127.0.0.1:{targets.port}"), begun[1]),
                _bystander_of_posix(door, begun[2]),
            )
        ]
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*(each.wait() for each in begun))
        yield
        for bystander in bystanders:
            bystander.cancel()
        for ended in await asyncio.gather(*bystanders, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended
        assert faults(server.program) == []
        assert server.program.process.poll() is None
        assert (await (await door.connect()).ask("GET", "/fetchkit/health")).status == 200


async def _bystander(page: Peer, begun: asyncio.Event) -> None:
    while True:
        begin = time.monotonic()
        await page.send(BINARY, b"E ball")
        assert await page.read() == (BINARY, b"E ball")
        assert time.monotonic() - begin < GAP
        begun.set()
        await asyncio.sleep(0.002)


async def _bystander_of_posix(door: Door, begun: asyncio.Event) -> None:
    async with browsed(door) as page:
        one, other = await page.pair()
        while True:
            begin = time.monotonic()
            assert (await page.transmit(one, b"ball")).ret == 4
            assert (await page.recv(other)).data == b"ball"
            assert time.monotonic() - begin < GAP
            begun.set()
            await asyncio.sleep(0.002)


def memory(server: Server) -> int:
    return Marks.of(server.program.process.pid).memory


# --- Calls that are none


def call(number: int, function: int, *integers: int, data: bytes = b"") -> bytes:
    return messages.head(number, function, *integers) + data


@pytest.mark.parametrize("function", [0, 20, 99, -1, I32_MAX, I32_MIN])
async def test_an_unknown_function_is_enosys(function: int, door: Door) -> None:
    async with browsed(door) as page:
        assert (await page.call(function)).outcome == (-1, E.NOSYS)
        assert (await page.call(function, *range(100))).outcome == (-1, E.NOSYS)
        await works(page)


@pytest.mark.parametrize("function", range(1, 20))
async def test_a_message_cut_anywhere_is_answered(function: int, door: Door) -> None:
    async with browsed(door) as page:
        whole = call(0, function, *range(1, 10), data=bytes(300)) + bytes(2000)
        for size in (*range(8, 48), 100, 264, 279, 280, 2056, 2183, 2203):
            number = page.expect(function)
            page.send(struct.pack("<i", number) + whole[4:size])
            reply = await page.finish(number)
            assert reply.ret <= 0, (size, reply)
            if reply.ret == 0:  # nothing of it is a success: there is no descriptor 1
                assert function == F.GETADDRINFO
        await works(page)


@pytest.mark.parametrize(
    ("function", "integers", "data", "error"),
    [
        (F.SEND, (-1, 0), b"", E.INVAL),
        (F.SEND, (I32_MAX, 0), b"abc", E.INVAL),
        (F.SEND, (4, 0), b"abc", E.INVAL),
        (F.SENDTO, (8000, 0, 16), bytes(256) + b"ab", E.INVAL),
        (F.SENDTO, (U32_MAX, 0, 16), bytes(256), E.INVAL),
        (F.SENDTO, (0, 0, 257), bytes(300), E.INVAL),
        (F.SENDTO, (0, 0, -1), bytes(300), E.INVAL),
        (F.BIND, (-1,), bytes(16), E.INVAL),
        (F.BIND, (I32_MAX,), bytes(16), E.INVAL),
        (F.BIND, (0,), b"", E.INVAL),
        (F.BIND, (1,), b"\2", E.INVAL),
        (F.CONNECT, (-1,), bytes(16), E.INVAL),
        (F.CONNECT, (15,), b"\2" + bytes(14), E.INVAL),
        (F.CONNECT, (0,), b"", E.INVAL),
        (F.CONNECT, (16,), bytes(16), E.AFNOSUPPORT),
        (F.SETSOCKOPT, (O.SOCKET, O.REUSEADDR, -1), bytes(4), E.INVAL),
        (F.SETSOCKOPT, (O.SOCKET, O.REUSEADDR, 2**30), bytes(4), E.INVAL),
        (F.SETSOCKOPT, (O.SOCKET, O.REUSEADDR, 0), b"", E.INVAL),
        (F.SETSOCKOPT, (O.SOCKET, 9999, 4), bytes(4), E.NOPROTOOPT),
        (F.GETSOCKOPT, (O.SOCKET, O.TYPE, -1), b"", E.INVAL),
        (F.GETSOCKOPT, (6, 11, 256), b"", E.NOPROTOOPT),  # TCP_INFO
        (F.GETSOCKOPT, (-1, -1, 4), b"", E.NOPROTOOPT),
        (F.SENDMSG, (0, I32_MAX, 0, 0), bytes(100), E.INVAL),
        (F.SENDMSG, (0, 0, 4000, 0), bytes(100), E.INVAL),
        (F.SENDMSG, (0, 0, U32_MAX, 0), bytes(100), E.NOBUFS),
        (F.SENDMSG, (0, 0, 0, U32_MAX), bytes(100), E.INVAL),
        (F.SHUTDOWN, (3,), b"", E.INVAL),
        (F.SHUTDOWN, (-1,), b"", E.INVAL),
        (F.RECV, (10, -1), b"", E.OPNOTSUPP),
        (F.SEND, (0, I32_MIN), b"", E.OPNOTSUPP),
    ],
)
async def test_lengths_and_numbers_that_lie_are_an_errno(
    function: int, integers: tuple[int, ...], data: bytes, error: int, door: Door
) -> None:
    async with browsed(door) as page:
        number = await page.socket()
        assert (await page.call(function, number, *integers, data=data)).outcome == (-1, error)
        await works(page)


@pytest.mark.parametrize(
    "integers",
    [(99, 1, 0), (2, 99, 0), (2, 1, 99), (-1, -1, -1), (2, 3, 1), (17, 3, 0), (16, 2, 0), (40, 1, 0)],
)
async def test_sockets_of_other_kinds_are_an_errno(integers: tuple[int, ...], door: Door) -> None:
    async with browsed(door) as page:
        for function in (F.SOCKET, F.SOCKETPAIR):
            reply = await page.call(function, *integers)
            assert reply.ret == -1
            assert reply.errno > 0
        await works(page)


@pytest.mark.parametrize("length", [U32_MAX, I32_MAX, 2**30])
async def test_a_buffer_of_gigabytes_costs_none(length: int, server: Server, door: Door) -> None:
    before = memory(server)
    async with browsed(door) as page:
        waiting = []
        for kind in (STREAM, DGRAM):
            one, other = await page.pair(kind)
            waiting += [page.start_recv(other, length) for _ in range(20)]
            assert (await page.transmit(one, b"abc")).ret == 3
            assert (await page.finish(waiting[-20])).data == b"abc"
            option = await page.getsockopt(one, O.SOCKET, O.TYPE, min(length, I32_MAX))
            assert option.ret == 0
            assert len(option.message) == 16
        assert memory(server) - before < GROWTH


def every_call(number: int) -> list[tuple[int, tuple[int, ...], bytes]]:
    """Each call that takes a descriptor."""
    somewhere = address("127.0.0.1", 9)
    return [
        (F.SHUTDOWN, (number, 2), b""),
        (F.BIND, (number, 16), somewhere),
        (F.CONNECT, (number, 16), somewhere),
        (F.LISTEN, (number, 5), b""),
        (F.ACCEPT, (number, 128), b""),
        (F.GETSOCKNAME, (number, 256), b""),
        (F.GETPEERNAME, (number, 256), b""),
        (F.SEND, (number, 3, 0), b"abc"),
        (F.RECV, (number, 3, 0), b""),
        (F.SENDTO, (number, 3, 0, 16), somewhere.ljust(256, b"\0") + b"abc"),
        (F.RECVFROM, (number, 3, 0, 16), b""),
        (F.SENDMSG, (number, 0, 0, 0, 3), b"abc"),
        (F.RECVMSG, (number, 3, 0, 128, 0), b""),
        (F.GETSOCKOPT, (number, O.SOCKET, O.TYPE, 4), b""),
        (F.SETSOCKOPT, (number, O.SOCKET, O.REUSEADDR, 4), b"\1\0\0\0"),
    ]


@pytest.mark.parametrize("foreign", [0, 1, 2, 3, 10, 255, 1024, -1, I32_MAX, I32_MIN, None])
async def test_foreign_descriptors_are_ebadf(foreign: int | None, door: Door) -> None:
    async with browsed(door) as page, browsed(door) as other:
        theirs = [await other.socket() for _ in range(3)][-1]
        for function, integers, data in every_call(theirs if foreign is None else foreign):
            assert (await page.call(function, *integers, data=data)).outcome == (-1, E.BADF), function
        assert (await other.bind(theirs)).outcome == (0, 0)


async def test_a_descriptor_that_was_closed_is_ebadf(door: Door) -> None:
    async with browsed(door) as page:
        number = await page.socket()
        assert (await page.shutdown(number)).outcome == (0, 0)
        for function, integers, data in every_call(number):
            assert (await page.call(function, *integers, data=data)).outcome == (-1, E.BADF), function


NAMES: Final = [
    b"a" * 2047,
    b"a" * 2048,
    b"a" * 3000,
    b"a." * 1000,
    b"\xff\xfe\x80",
    b"\x1b[31mred",
    "bücher.test".encode(),
    b"xn--" + b"a" * 60,
    b" ",
    b".",
    b"..",
    b"127.0.0.1 ",
    b"-" * 64,
]


@pytest.mark.parametrize("name", NAMES)
async def test_names_that_are_none_have_an_eai(name: bytes, door: Door) -> None:
    async with browsed(door) as page:
        reply = await page.getaddrinfo(name, b"80", (4, 0, 0, 0))  # AI_NUMERICHOST: nobody is asked
        assert reply.ret < 0
        assert len(reply.message) >= 2064
        reply = await page.getaddrinfo(b"127.0.0.1", name, (4, 0, 0, 0))
        assert reply.ret < 0
        await works(page)


async def test_empty_and_runt_messages_are_answered_by_number(door: Door) -> None:
    async with browsed(door) as page:
        for size in range(8):
            number = page.expect(F.GETSOCKNAME)
            page.send(struct.pack("<ii", number, F.GETSOCKNAME)[:size])
            assert (await page.finish(number)).outcome == (-1, E.OPNOTSUPP), size
        await works(page)


async def test_text_is_ignored_with_one_line(server: Server, door: Door) -> None:
    said = server.program.errors.count("send binary messages only")
    async with browsed(door) as page:
        for text in (b"", b"hello", b"\xff\xfe", call(1, F.SOCKET, 2, 1, 0)):
            await page.peer.send(TEXT, text)
            await page.peer.send(TEXT, text, fin=False)
            await page.peer.send(CONTINUATION, text)
        await works(page)
        assert page.others == []
    assert server.program.errors.count("send binary messages only") == said + 1


async def works(page: Browsed) -> None:
    """A whole program in short."""
    number, port = await page.listening()
    one = await page.connected(port)
    other, _ = await page.accepted(number)
    assert (await page.transmit(one, b"still here")).ret == 10
    assert (await page.recv(other)).data == b"still here"
    for each in (one, other, number):
        assert (await page.shutdown(each)).outcome == (0, 0)


# --- Limits


@pytest.mark.parametrize("path", ["/posix", "/", "bridge"])
@pytest.mark.parametrize("whole", [True, False], ids=["one frame", "fragments"])
async def test_a_call_beyond_64_mib_ends_the_page_with_1009(
    path: str, whole: bool, server: Server, door: Door
) -> None:
    door.port = server.bridges["posix"] if path == "bridge" else door.port
    page = await door.page("/x" if path == "bridge" else path, protocol=None)
    piece, size = bytes(MIB), 64 * MIB + 1
    said = server.program.errors.count("the connection ends, and the page's calls with it")
    with contextlib.suppress(ConnectionError):
        if whole:
            page.writer.write(struct.pack("!BBQ4x", 0x82, 0xFF, size))
        for turn in range(65):
            part = piece[: size - turn * MIB]
            if whole:
                page.writer.write(part)
            else:
                page.writer.write(page.frame(CONTINUATION if turn else BINARY, part, fin=turn == 64))
            await page.writer.drain()
    assert code_of(await page.read()) == 1009
    assert server.program.errors.count("the connection ends, and the page's calls with it") == said + 1


async def test_a_call_of_just_64_mib_is_a_call(door: Door) -> None:
    async with browsed(door) as page:
        number = page.expect(F.SEND)
        message = call(number, F.SEND, 256, 64 * MIB - 20, 0).ljust(64 * MIB, b"\0")
        head = struct.pack("!BBQ4x", 0x82, 0xFF, len(message))
        page.peer.writer.write(head)
        page.peer.writer.write(message)
        await page.peer.writer.drain()
        assert (await page.finish(number)).outcome == (-1, E.BADF)


@pytest.mark.parametrize("size", [64 * MIB + 1, 2**40, 2**63 - 1])
async def test_an_echo_beyond_its_limit_is_1009_as_soon_as_it_is_announced(size: int, door: Door) -> None:
    page = await door.page("/echo")
    page.writer.write(struct.pack("!BBQ4x", 0x82, 0xFF, size))
    assert code_of(await page.read()) == 1009
    page = await door.page("/echo?max=10&delay=1m")
    await page.send(BINARY, bytes(6), fin=False)
    await page.send(CONTINUATION, bytes(6))
    assert code_of(await page.read()) == 1009


async def test_a_datagram_beyond_the_limit_is_answered_with_1009(door: Door, targets: Targets) -> None:
    page = await door.page(f"/udp/127.0.0.1:{targets.datagrams}")
    await page.send(BINARY, bytes(65_508))
    assert code_of(await page.read()) == 1009
    page = await door.page(f"/udp/127.0.0.1:{targets.datagrams}")
    await page.send(BINARY, bytes(40_000), fin=False)
    await page.send(CONTINUATION, bytes(40_000))
    assert code_of(await page.read()) == 1009


async def test_a_page_gets_so_many_descriptors_and_no_more(door: Door) -> None:
    async with browsed(door) as page:
        numbers = [await page.socket() for _ in range(512)]
        assert len(set(numbers)) == 512
        assert min(numbers) == 256
        assert max(numbers) < 1024
        assert (await page.call(F.SOCKET, 2, 1, 0)).outcome == (-1, E.MFILE)
        assert (await page.call(F.SOCKETPAIR, 1, 1, 0)).outcome == (-1, E.MFILE)
        assert (await page.shutdown(numbers[7])).outcome == (0, 0)
        assert await page.socket() not in numbers


async def test_a_page_has_so_many_calls_waiting_and_no_more(door: Door) -> None:
    async with browsed(door) as page:
        _, other = await page.pair()
        waiting = [page.start_recv(other) for _ in range(1000)]
        assert (await page.finish(waiting[-1])).outcome == (-1, E.NOBUFS)
        assert sum(map(page.is_answered, waiting)) == 1000 - 256
        assert (await page.shutdown(other)).outcome == (0, 0)
        assert (await page.finish(waiting[0])).outcome == (0, 0)
        await works(page)


async def test_a_page_has_so_many_bytes_waiting_and_no_more(server: Server, door: Door) -> None:
    async with browsed(door) as page:
        one, _ = await page.pair()
        before = memory(server)
        waiting = [page.start_transmit(one, bytes(8 * MIB)) for _ in range(20)]
        assert (await page.finish(waiting[-1])).outcome == (-1, E.NOBUFS)
        assert memory(server) - before < 64 * MIB + 2 * GROWTH


@pytest.mark.parametrize("path", ["/posix", "/echo", "tcp", "udp"])
async def test_pongs_that_nobody_reads_are_not_piled_up(
    path: str, server: Server, door: Door, targets: Targets
) -> None:
    page = await door.page(of(path, targets))
    page.reader._transport.pause_reading()  # type: ignore[attr-defined]
    before = memory(server)
    flood = page.frame(PING, bytes(125)) * 8000  # a MiB
    for _ in range(64):
        page.writer.write(flood)
        try:
            async with asyncio.timeout(2.0):
                await page.writer.drain()
        except TimeoutError:  # it does not read us: that is an answer, too
            break
    await asyncio.sleep(0.2)
    assert memory(server) - before < GROWTH
    page.rst()


@pytest.mark.parametrize("path", ["/posix", "/echo", "tcp", "udp"])
async def test_a_flood_of_pings_is_answered(path: str, door: Door, targets: Targets) -> None:
    page = await door.page(of(path, targets))
    for number in range(20_000):
        page.writer.write(page.frame(PING, b"%d" % number))
    last = (PONG, b"19999")
    while (frame := await page.read()) != last:
        assert frame[0] == PONG


async def test_ten_thousand_tiny_frames_in_one_segment(door: Door, targets: Targets) -> None:
    echo = await door.page("/echo")
    echo.writer.write(echo.frame(BINARY, b"x") * 10_000)
    for _ in range(10_000):
        assert await echo.read() == (BINARY, b"x")
    tcp = await door.page(f"/tcp/127.0.0.1:{targets.port}")
    tcp.writer.write(tcp.frame(BINARY, b"E") * 10_000)
    size = 0
    while size < 10_000:
        size += len((await tcp.read())[1])
    fragments = await door.page("/echo")
    fragments.writer.write(
        fragments.frame(TEXT, b"", fin=False)
        + fragments.frame(CONTINUATION, b"y", fin=False) * 10_000
        + fragments.frame(CONTINUATION)
    )
    data, final = b"", False
    while not final:
        first, second = await fragments.reader.readexactly(2)
        final = bool(first & 0x80)
        data += await fragments.reader.readexactly(second)
    assert data == b"y" * 10_000
    async with browsed(door) as page:
        numbers = [page.expect() for _ in range(10_000)]
        page.peer.writer.write(b"".join(page.peer.frame(BINARY, call(number, 77)) for number in numbers))
        assert (await page.finish(numbers[-1])).outcome == (-1, E.NOSYS)
        assert all(map(page.is_answered, numbers))
        page.peer.writer.write(page.peer.frame(BINARY) * 10_000)
        # So many runts are answered, at once where too many wait, and the page is well.
        await works_amid_runts(page)


async def works_amid_runts(page: Browsed) -> None:
    """Runts take the numbers that follow: a page of Emscripten's has threads that wait for them."""
    await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE):
        while len(page.replies) < 20_000:
            await asyncio.sleep(0.01)
    page.number = 30_000
    await works(page)


# --- Frames that are none


def of(path: str, targets: Targets) -> str:
    ways = {"tcp": f"/tcp/127.0.0.1:{targets.port}", "udp": f"/udp/127.0.0.1:{targets.datagrams}"}
    return ways.get(path, path)


def code_of(frame: tuple[int, bytes]) -> int:
    """The code of a close frame, which gives a reason."""
    opcode, payload = frame
    assert opcode == CLOSE, frame
    assert payload[2:].decode(), "no reason"
    return int(struct.unpack_from("!H", payload)[0])


MASK: Final = b"\x01\x02\x03\x04"
BREAKS: Final[dict[str, bytes]] = {
    "unmasked": b"\x82\x03abc",
    "unmasked and empty": b"\x82\x00",
    "unmasked close": b"\x88\x02\x03\xe8",
    "RSV1, compressed": b"\xc2\x83" + MASK + b"abc",
    "RSV2": b"\xa2\x83" + MASK + b"abc",
    "RSV3": b"\x92\x83" + MASK + b"abc",
    "opcode 3": b"\x83\x80" + MASK,
    "opcode 7": b"\x87\x80" + MASK,
    "opcode 11": b"\x8b\x80" + MASK,
    "opcode 15": b"\x8f\x80" + MASK,
    "the highest bit of a length": b"\x82\xff" + b"\xff" * 8 + MASK,
    "the highest bit of a length alone": b"\x82\xff\x80" + bytes(7) + MASK,
    "a length in 64 bits that needs 7": b"\x82\xff" + struct.pack("!Q", 3) + MASK + b"abc",
    "a length in 16 bits that needs 7": b"\x82\xfe\x00\x03" + MASK + b"abc",
    "a ping in fragments": b"\x09\x80" + MASK,
    "a close in fragments": b"\x08\x80" + MASK,
    "a ping of 126 bytes": b"\x89\xfe\x00\x7e" + MASK + bytes(126),
    "a ping of 64 bits": b"\x89\xff" + struct.pack("!Q", 2**40) + MASK,
    "a close of 126 bytes": b"\x88\xfe\x00\x7e" + MASK + bytes(126),
    "a continuation of nothing": b"\x80\x80" + MASK,
    "a message within a message": b"\x02\x80" + MASK + b"\x82\x80" + MASK,
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
PLACES: Final = ("/posix", "/echo", "tcp", "udp", "/", "bridge")


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("name", BREAKS)
async def test_what_breaks_the_protocol_is_1002_with_a_reason(
    name: str, path: str, server: Server, door: Door, targets: Targets
) -> None:
    door.port = server.bridges["echo"] if path == "bridge" else door.port
    page = await door.page("/x" if path == "bridge" else of(path, targets), protocol=None)
    page.writer.write(BREAKS[name])
    frame = await page.read()
    while frame[0] == BINARY:  # the part of a message that came before
        frame = await page.read()
    assert code_of(frame) == 1002
    assert await page.ends()


@pytest.mark.parametrize("path", PLACES[:4])
@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        *(
            (struct.pack("!H", number), 1002)
            for number in (0, 1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)
        ),
        (struct.pack("!H", 1000) + b"\xff\xfe", 1007),
    ],
)
async def test_a_close_that_cannot_be_has_its_code(
    payload: bytes, code: int, path: str, door: Door, targets: Targets
) -> None:
    page = await door.page(of(path, targets))
    await page.send(CLOSE, payload)
    assert code_of(await page.read()) == code
    assert await page.ends()


@pytest.mark.parametrize("path", PLACES[:4])
async def test_what_follows_a_close_is_nothing(path: str, door: Door, targets: Targets) -> None:
    page = await door.page(of(path, targets))
    late = (
        page.frame(BINARY, b"late" * 1000) * 50 + page.frame(PING, b"late") + page.frame(CLOSE) + b"\xff" * 99
    )
    page.writer.write(page.frame(CLOSE, struct.pack("!H", 4001) + b"bye") + late)
    assert await page.read() == (CLOSE, struct.pack("!H", 4001) + b"bye")
    assert await page.ends()


@pytest.mark.parametrize("path", ["/echo"])
async def test_text_that_is_no_utf8_is_1007(path: str, door: Door) -> None:
    page = await door.page(path)
    await page.send(TEXT, b"\xff\xfe")
    assert code_of(await page.read()) == 1007


async def test_frames_byte_by_byte_are_frames(door: Door, targets: Targets) -> None:
    page = await door.page(f"/tcp/127.0.0.1:{targets.port}")
    for byte in page.frame(BINARY, b"E slowly") + page.frame(PING, b"p"):
        page.writer.write(bytes([byte]))
        await page.writer.drain()
        await asyncio.sleep(0)
    data, pongs = b"", 0
    while (data, pongs) != (b"E slowly", 1):
        opcode, payload = await page.read()
        if opcode == PONG:
            pongs += 1
        else:
            data += payload


# --- Handshakes that are none

ENDPOINTS: Final = ("/posix", "/echo", "tcp", "udp", "/")


def handshake(
    path: str, *lines: str, port: int, without: str = "", method: str = "GET", version: str = "1.1"
) -> bytes:
    fields = [f"Host: 127.0.0.1:{port}", *HANDSHAKE]
    kept = [line for line in fields if not without or not line.startswith(without)]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *kept, *lines, "", ""]).encode(
        "utf-8", "surrogateescape"
    )


async def answered(door: Door, head: bytes) -> RawAnswer:
    client = await door.connect()
    client.send(head)
    return await client.answer()


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("lines", "without", "status"),
    [
        ((), "Sec-WebSocket-Key", 400),
        (("Sec-WebSocket-Key:",), "Sec-WebSocket-Key", 400),
        (("Sec-WebSocket-Key: !!!!",), "Sec-WebSocket-Key", 400),
        (("Sec-WebSocket-Key: " + base64.b64encode(bytes(15)).decode(),), "Sec-WebSocket-Key", 400),
        (("Sec-WebSocket-Key: " + base64.b64encode(bytes(17)).decode(),), "Sec-WebSocket-Key", 400),
        (("Sec-WebSocket-Key: " + "A" * 4000,), "Sec-WebSocket-Key", 400),
        (("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\udcff\udcfe==",), "Sec-WebSocket-Key", 400),
        ((), "Sec-WebSocket-Version", 426),
        (("Sec-WebSocket-Version: 8",), "Sec-WebSocket-Version", 426),
        (("Sec-WebSocket-Version: 14",), "Sec-WebSocket-Version", 426),
        (("Sec-WebSocket-Version: 13, 8",), "Sec-WebSocket-Version", 426),
        (("Sec-WebSocket-Version: nonsense",), "Sec-WebSocket-Version", 426),
        (("Connection: keep-alive",), "Connection", 400),
        ((), "Connection", 400),
        (("Sec-WebSocket-Protocol: a b",), "", 400),
        (('Sec-WebSocket-Protocol: "quoted"',), "", 400),
        (("Sec-WebSocket-Protocol: b\udcfccher",), "", 400),
        (("Sec-WebSocket-Protocol: " + ",".join(f"p{n}" for n in range(1000)),), "", 400),
        ((), "Host", 400),
        (("Host: 127.0.0.1",), "", 400),
        (("Content-Length: -1",), "", 400),
        (("Content-Length: 1", "Content-Length: 2"), "", 400),
        (("Transfer-Encoding: chunked", "Content-Length: 1"), "", 400),
        (("Expect: 200-maybe",), "", 417),
        (("X: " + "a" * 20_000,), "", 431),
        (tuple(f"X{n}: a" for n in range(200)), "", 431),
    ],
)
async def test_a_handshake_that_is_none_is_refused(
    lines: tuple[str, ...], without: str, status: int, path: str, door: Door, targets: Targets
) -> None:
    answer = await answered(door, handshake(of(path, targets), *lines, without=without, port=door.port))
    # On / a subprotocol asks for the target of --tcp, of which there is none.
    assert answer.status == (404 if path == "/" and "Sec-WebSocket-Protocol" in str(lines) else status)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    if status == 426:
        assert answer.headers["Sec-WebSocket-Version"] == "13"


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "NONSENSE"])
async def test_a_handshake_of_another_method_is_refused(
    method: str, path: str, door: Door, targets: Targets
) -> None:
    client = await door.connect()
    client.send(handshake(of(path, targets), port=door.port, method=method))
    assert 400 <= (await client.head()).status < 500


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_http_1_0_has_no_websockets(path: str, door: Door, targets: Targets) -> None:
    # RFC 9110, section 7.8: Upgrade in a request of HTTP/1.0 must be ignored.
    answer = await answered(door, handshake(of(path, targets), port=door.port, version="1.0"))
    assert answer.status in (200, 400, 426)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "target", ["http://127.0.0.1/echo", "ws://127.0.0.1/echo", "*", "echo", "//echo", "/%"]
)
async def test_targets_that_are_no_path_are_no_500(target: str, path: str, door: Door) -> None:
    del path
    client = await door.connect()
    client.send(handshake(target, port=door.port))
    assert (await client.head()).status in (101, 204, 400, 404)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (("Content-Length: 5",), b"abcde"),
        (("Content-Length: 5",), b""),
        (("Transfer-Encoding: chunked",), b"5\r\nabcde\r\n0\r\n\r\n"),
        (("Content-Length: 0",), b""),
    ],
)
async def test_a_body_behind_a_handshake_ends_well(
    lines: tuple[str, ...], body: bytes, path: str, door: Door, targets: Targets
) -> None:
    client = await door.connect()
    client.send(handshake(of(path, targets), *lines, port=door.port) + body)
    head = await client.head()
    assert head.status in (101, 400)
    if head.status == 101:
        page = Peer("", client.reader, client.writer, masks=True)
        await page.send(PING, b"?")
        frame = await page.read()
        assert frame == (PONG, b"?") or code_of(frame) == 1002


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_eight_kib_of_cookies_pass(path: str, door: Door, targets: Targets) -> None:
    cookies = "; ".join(f"name{n}=" + "v" * 100 for n in range(80))
    assert len(cookies) > 8192
    client = await door.connect()
    client.send(handshake(of(path, targets), f"Cookie: {cookies}", port=door.port))
    assert (await client.head()).status == 101


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_extensions_are_not_agreed_to(path: str, door: Door, targets: Targets) -> None:
    offers = "permessage-deflate; client_max_window_bits=99, x-webkit-deflate-frame, ;;,\t!"
    client = await door.connect()
    client.send(handshake(of(path, targets), f"Sec-WebSocket-Extensions: {offers}", port=door.port))
    head = await client.head()
    assert head.status == 101
    assert "Sec-WebSocket-Extensions" not in head.headers


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_frames_right_behind_the_handshake_are_not_lost(
    path: str, door: Door, targets: Targets
) -> None:
    client = await door.connect()
    page = Peer("", client.reader, client.writer, masks=True)
    data = call(1, F.SOCKET, 2, 1, 0) if path in ("/posix", "/") else b"E early"
    client.send(handshake(of(path, targets), port=door.port) + page.frame(BINARY, data))
    assert (await client.head()).status == 101
    reply = struct.pack("<iii", 1, 256, 0) if path in ("/posix", "/") else b"E early"
    assert await page.read() == (BINARY, reply)


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_handshake_cut_in_the_middle_leaves_nothing(
    path: str, server: Server, door: Door, targets: Targets
) -> None:
    head = handshake(of(path, targets), port=door.port)
    pid = server.program.process.pid
    before = Marks.of(pid).descriptors
    for cut in range(0, len(head), 7):
        client = await door.connect()
        client.send(head[:cut])
        await client.writer.drain()
        if cut % 2:
            client.writer.write_eof()
            client.writer.close()
        else:
            Peer("", client.reader, client.writer, masks=True).rst()
    deadline = time.monotonic() + DEADLINE
    while Marks.of(pid).descriptors > before:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_slow_handshake_is_a_handshake(path: str, door: Door, targets: Targets) -> None:
    client = await door.connect()
    for byte in handshake(of(path, targets), port=door.port):
        client.send(bytes([byte]))
        await client.writer.drain()
        await asyncio.sleep(0)
    assert (await client.head()).status == 101


async def test_many_slow_handshakes_hold_up_nobody(door: Door) -> None:
    slow = [await door.connect() for _ in range(300)]
    for client in slow:
        client.send(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nX: ")
    page = await door.page("/echo")
    await page.send(TEXT, b"quick")
    assert await page.read() == (TEXT, b"quick")


@pytest.mark.parametrize(
    "target",
    [
        "/tcp/",
        "/tcp",
        "/udp/:",
        "/tcp/%00:80",
        "/tcp/%1b%5b31m:80",
        "/tcp/127.0.0.1:99999",
        "/tcp/127.0.0.1:-1",
        "/tcp/127.0.0.1:0",
        "/tcp/127.0.0.1:80:80",
        "/tcp/[::1:80",
        "/tcp/0x7f000001:80",
        "/tcp/2130706433:80",
        "/tcp/..%2f..%2fetc:80",
        "/tcp/" + "a" * 3000 + ":80",
        "/tcp/" + "a." * 1500 + ":80",
        "/udp/%ff%fe:53",
        "/tcp/localhost:80/../../posix",
        "/tcp/user@localhost:80",
        "/echo?delay=999999",
        "/echo?close_after=-1",
        "/echo?subprotocol=%0d%0aX:y",
        "/echo?reject=999",
        "/echo?fragment=0",
        "/echo?close_code=1006",
        "/echo?max=-1",
    ],
)
async def test_targets_and_parameters_that_are_none_are_refused(target: str, door: Door) -> None:
    refused = await door.refusal(target)
    assert refused.status in (400, 404)
    assert refused.headers["Content-Type"].startswith("application/problem+json")


async def test_nothing_of_a_page_reaches_the_terminal_as_it_is(server: Server, tmp_path: Path) -> None:
    flags = ("--host", "127.0.0.1", "--port", "0", "--allow-origin", "*")
    with Program(tmp_path, "serve", str(tmp_path), *flags) as program:
        async with Door(port=program.ready_port()) as door:
            for origin in ("x\x1b[31m", "\udc9b31m", "\udcc2\udc9b31m", "x\udcff"):
                await door.shake("/echo?%1b[31m", f"Origin: {origin}")
                await door.shake(f"/tcp/127.0.0.1:{server.port}", f"Origin: {origin}")
            page = await door.page("/echo")
            await page.send(CLOSE, struct.pack("!H", 4000) + b"\x1b[31m\r\n500 forged")
            await page.read()
        program.wait_for_errors("/echo")
        _, _, errors = program.end(15)  # type: ignore[arg-type]
        assert "\x1b" not in errors
        assert "\x9b" not in errors
        assert not re.search(r"^500 forged", errors, re.MULTILINE)


# --- All descriptors of the process

FEW: Final = 200
LIMITED: Final = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {FEW}))
from fetchkit.cli import main
main()
"""


async def test_a_page_that_takes_every_descriptor_of_the_process_is_told_and_ends_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "index.html").write_text("index")
    flags = ("--host", "127.0.0.1", "--port", "0")
    with Program(tmp_path, "serve", str(tmp_path), *flags, python=("-c", LIMITED)) as program:
        async with Door(port=program.ready_port()) as door:
            bystander = await door.page("/echo")
            async with browsed(door) as page:
                reply = await page.call(F.SOCKET, 2, 1, 0)
                while reply.ret > 0:
                    reply = await page.call(F.SOCKET, 2, 1, 0)
                assert reply.outcome == (-1, E.MFILE)
                await bystander.send(TEXT, b"here")
                assert await bystander.read() == (TEXT, b"here")
                assert (await page.call(F.SOCKETPAIR, 1, 1, 0)).outcome == (-1, E.MFILE)
                page.peer.rst()
            newcomer = await _newcomer(door)
            await newcomer.send(TEXT, b"new")
            assert await newcomer.read() == (TEXT, b"new")
        assert faults(program) == []


async def _newcomer(door: Door) -> Peer:
    """A page, as soon as there is a descriptor for one."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return await door.page("/echo")
        except (ConnectionError, asyncio.IncompleteReadError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
