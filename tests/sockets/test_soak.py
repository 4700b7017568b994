"""Two hundred pages that open, talk and vanish at random: nothing of them stays.

FETCHKIT_SOAK_SECONDS=60 makes it the long one.
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from attrs import define, field

from tests.files.support import eventually
from tests.forward.test_routes import free_port
from tests.forward.test_websocket import BINARY, CLOSE, CONTINUATION, HANDSHAKE, TEXT, Peer
from tests.program import Program
from tests.raw import DEADLINE

from .door import Door, faults
from .posix import messages
from .posix.conftest import Browsed, browsed
from .posix.page import DGRAM, E, F, address
from .posix.page import flags as msg

SECONDS: Final = float(os.environ.get("FETCHKIT_SOAK_SECONDS", "9"))
PAGES: Final = 200
# What the allocator keeps for a busy server once it is idle again; pages that stay cost 200 times theirs.
GROWTH: Final = 16 * 1024 * 1024
# Connections linger for some seconds, and a page that never answers a close is waited for as long.
PATIENCE: Final = 30.0

# fetchkit, which tells on a signal how many tasks there are.
COUNTS_TASKS: Final = """
import asyncio, signal, sys
from fetchkit.cli import main
def tell(*_):
    print("tasks:", len(asyncio.all_tasks()), file=sys.stderr, flush=True)
signal.signal(signal.SIGUSR1, tell)
main()
"""

# A browser of a few tabs, which is killed.
TABS: Final = """
import socket, struct, sys, time
port, target, datagrams = map(int, sys.argv[1:4])
head = sys.argv[4]
def opened(path):
    tab = socket.create_connection(("127.0.0.1", port))
    tab.settimeout(20)
    tab.sendall(head.replace("PATH", path).encode())
    answer = b""
    while b"\\r\\n\\r\\n" not in answer:
        answer += tab.recv(1)
    assert b" 101 " in answer, answer
    return tab
def frame(payload):
    return struct.pack("!BBHI", 0x82, 0xFE, len(payload), 0) + payload.ljust(126, b"\\0")
kept = []
for path in (f"/tcp/127.0.0.1:{target}", f"/udp/127.0.0.1:{datagrams}", "/echo", "/posix", "/"):
    tab = opened(path)
    kept.append(tab)
    if path in ("/posix", "/"):
        for number, integers in enumerate([(1, 2, 1, 0), (6, 256, 8), (7, 256, 0), (1, 2, 2, 0)]):
            payload = struct.pack(f"<{1 + len(integers)}i", number + 1, *integers)
            tab.sendall(struct.pack("!BBI", 0x82, 0x80 | len(payload), 0) + payload)
    else:
        tab.sendall(frame(b"E" * 200))
print("up", flush=True)
time.sleep(30)
"""


@define
class Marks:
    """What a process has at a moment.

    Attributes:
        descriptors: open ones.
        sockets: kind, state and local address of each.
        threads: of the system.
        memory: bytes in RAM.
    """

    descriptors: int
    sockets: Counter[tuple[str, str, str]]
    threads: int
    memory: int

    @classmethod
    def of(cls, pid: int) -> "Marks":
        """Look now."""
        folder = Path(f"/proc/{pid}/fd")
        links = []
        for entry in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(folder / entry))
        inodes = {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
        found: Counter[tuple[str, str, str]] = Counter()
        for kind in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if inode in inodes:
                    found[kind, state, local] += 1
        status = Path(f"/proc/{pid}/status").read_text()
        numbers = {key: int(re.findall(rf"{key}:\s+(\d+)", status)[0]) for key in ("Threads", "VmRSS")}
        return cls(len(links), found, numbers["Threads"], numbers["VmRSS"] * 1024)

    @property
    def rest(self) -> tuple[int, Counter[tuple[str, str, str]], int]:
        """All but the memory, which is never the same twice."""
        return self.descriptors, self.sockets, self.threads


class Targets:
    """Servers of the host that echo, until they are told to end in one way or another."""

    def __init__(self) -> None:
        self.port = 0
        self.datagrams = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls) -> AsyncIterator["Targets"]:
        """Listen."""
        here = cls()
        server = await asyncio.start_server(here._serve, "127.0.0.1", 0)
        here.port = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(_DatagramEcho, local_addr=("127.0.0.1", 0))
        here.datagrams = transport.get_extra_info("sockname")[1]
        try:
            yield here
        finally:
            server.close()
            transport.close()
            here._over.set()
            for writer in tuple(here._writers):
                writer.transport.abort()
            await asyncio.gather(*here._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The first byte of what comes says what to do: E echoes, R resets, F ends, S falls asleep."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65536):
                    match data[:1]:
                        case b"R":
                            _reset(writer)
                            return
                        case b"F":
                            break
                        case b"S":
                            with contextlib.suppress(TimeoutError):
                                await asyncio.wait_for(self._over.wait(), 1.0)
                        case _:
                            writer.write(data)
                            await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()


class _DatagramEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)  # type: ignore[attr-defined]


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()


# --- What pages do


@define
class World:
    """Where pages go.

    Attributes:
        program: the server.
        port: of it.
        bridges: ports that lead to the target, to its datagrams, to the echo and to POSIX sockets.
        targets: what is behind it.
        done: how often each thing was done.
    """

    program: Program
    port: int
    bridges: tuple[int, int, int, int]
    targets: Targets
    done: Counter[str] = field(factory=Counter)


async def a_stream(world: World, luck: random.Random) -> None:
    """A page of SOCKFS, TCP."""
    bridged = luck.random() < 0.4
    path = "/x" if bridged else f"/tcp/127.0.0.1:{world.targets.port}"
    async with Door(port=world.bridges[0] if bridged else world.port) as door:
        page = await door.page(path)
        order = luck.choice([b"E", b"E", b"E", b"R", b"F", b"S"])
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            for size in (1, luck.randrange(1, 3000), luck.randrange(1, 200_000)):
                await page.send(BINARY, b"E" * size)
                await received(page, size)
            await page.send(BINARY, order * luck.randrange(1, 100_000))
            if order == b"R":
                # FIN from the server's target is seen as a close, and so is RST.
                await ended(page)
        await vanish(page, luck)
    world.done["stream " + order.decode()] += 1


async def datagrams(world: World, luck: random.Random) -> None:
    """A page of SOCKFS, UDP."""
    bridged = luck.random() < 0.4
    path = "/x" if bridged else f"/udp/127.0.0.1:{world.targets.datagrams}"
    async with Door(port=world.bridges[1] if bridged else world.port) as door:
        page = await door.page(path)
        if luck.random() < 0.3:
            await page.send(
                BINARY, b"\xff\xff\xff\xffport" + struct.pack("!H", luck.choice([0, free_port()]))
            )
        for _ in range(luck.randrange(4)):
            await page.send(BINARY, b"d" * luck.randrange(2000))
        await vanish(page, luck)
    world.done["datagrams"] += 1


async def an_echo(world: World, luck: random.Random) -> None:
    """A page of the WebSockets API."""
    path, port = luck.choice(
        [
            ("/echo", world.port),
            ("/echo?delay=50ms&fragment=7", world.port),
            ("/echo?drop_after=2", world.port),
            ("/echo?close_after=2&close_code=4000", world.port),
            ("/any", world.bridges[2]),
        ]
    )
    async with Door(port=port) as door:
        page = await door.page(path, protocol=None)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            for number in range(luck.randrange(1, 5)):
                await page.send(luck.choice([TEXT, BINARY]), b"hello %d" % number)
                if luck.random() < 0.7:
                    await page.read()
        await vanish(page, luck)
    world.done["echo"] += 1


async def a_client(world: World, luck: random.Random) -> None:
    """A page of POSIX sockets that connects, and has calls that wait when it vanishes."""
    async with posix(world, luck) as page:
        number = await page.connected(world.targets.port)
        assert (await page.transmit(number, b"E" * 500)).ret == 500
        assert (await page.recv(number, 500, msg.WAITALL)).ret == 500
        page.start_recv(number)
        order = luck.choice([b"R", b"F", b"S", b"E"])
        page.start_transmit(number, order * luck.choice([10, 1024 * 1024]))
        other = await page.socket(kind=DGRAM)
        await page.sendto(other, b"datagram", address("127.0.0.1", world.targets.datagrams))
        page.start(F.RECVFROM, other, 100, 0, 128)
        page.send(messages.getaddrinfo(page.expect(F.GETADDRINFO), b"localhost", b"80"))
        if luck.random() < 0.3:
            page.send(b"")  # a runt, which is answered later
        await vanish(page.peer, luck)
    world.done["client"] += 1


async def a_listener(world: World, luck: random.Random) -> None:
    """A page of POSIX sockets that listens, and has accepted connections when it vanishes."""
    async with posix(world, luck) as page:
        number, port = await page.listening()
        for _ in range(luck.randrange(4)):
            await page.connected(port)
            await page.accepted(number)
        page.start(F.ACCEPT, number, 128)
        await page.pair()
        await vanish(page.peer, luck)
    world.done["listener"] += 1


async def a_stranger(world: World, luck: random.Random) -> None:
    """Whoever does not even finish the handshake, or asks for what there is not."""
    async with Door(port=world.port) as door:
        client = await door.connect()
        path = luck.choice(["/posix", "/echo", f"/tcp/127.0.0.1:{world.targets.port}"])
        head = "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *HANDSHAKE, "", ""]).encode()
        client.send(head[: luck.randrange(len(head) + 1)])
        with contextlib.suppress(ConnectionError):
            await client.writer.drain()
        if luck.random() < 0.5:
            await asyncio.sleep(luck.random())
        _reset(client.writer) if luck.random() < 0.5 else client.writer.close()
        with contextlib.suppress(ConnectionError):
            refused, _ = await door.shake(f"/tcp/127.0.0.1:{UNUSED}")
            assert refused.status == 502
    world.done["stranger"] += 1


UNUSED: Final = 1  # tcpmux: nobody listens there


async def tabs(world: World, luck: random.Random) -> None:
    """A browser that is killed."""
    lines = ["GET PATH HTTP/1.1", f"Host: 127.0.0.1:{world.port}", *HANDSHAKE, "", ""]
    ports = (str(world.port), str(world.targets.port), str(world.targets.datagrams))
    arguments = [sys.executable, "-c", TABS, *ports, "\r\n".join(lines)]
    browser = await asyncio.create_subprocess_exec(*arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert browser.stdout is not None
    try:
        assert await browser.stdout.readline() == b"up\n"
        await asyncio.sleep(luck.random() / 4)
    finally:
        browser.kill()
        await browser.communicate()
    world.done["tabs killed"] += 1


KINDS: Final[list[Callable[[World, random.Random], Awaitable[None]]]] = [
    a_stream,
    a_stream,
    datagrams,
    an_echo,
    a_client,
    a_listener,
    a_stranger,
]


@contextlib.asynccontextmanager
async def posix(world: World, luck: random.Random) -> AsyncIterator[Browsed]:
    path, port = luck.choice([("/posix", world.port), ("/", world.port), ("/any", world.bridges[3])])
    async with Door(port=port) as door, browsed(door, path=path) as page:
        yield page


async def received(page: Peer, size: int) -> None:
    """Take so many bytes."""
    while size > 0:
        opcode, payload = await page.read()
        assert opcode == BINARY
        size -= len(payload)


async def ended(page: Peer) -> None:
    """Read until a close frame."""
    while (await page.read())[0] != CLOSE:
        pass


async def vanish(page: Peer, luck: random.Random) -> None:
    """Go, in one of the ways in which pages go."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        match luck.randrange(6):
            case 0:
                await page.send(CLOSE, luck.choice([b"", struct.pack("!H", 1000), b"\x0f\xa0bye"]))
                await asyncio.sleep(luck.random() / 10)
            case 1:
                page.fin()
            case 2:
                # Half open: it sends no more, and takes what comes until the server has had enough.
                page.writer.write_eof()
                await asyncio.sleep(luck.random())
            case 3:
                await page.send(BINARY, b"E" * 70_000, fin=False)
                await page.send(CONTINUATION, b"E" * 10, fin=False)
                page.rst()
            case 4:
                page.writer.write(page.frame(BINARY, bytes(5000))[:4000])
                page.fin()
            case _:
                page.rst()


async def roam(world: World, seed: int, until: float) -> None:
    """One after another, until the time is up."""
    luck = random.Random(seed)  # noqa: S311  a dice
    while time.monotonic() < until:
        await luck.choice(KINDS)(world, luck)


async def soak(world: World, seconds: float, seed: int) -> None:
    """Many at once."""
    until = time.monotonic() + seconds

    async def browsers() -> None:
        luck = random.Random(seed)  # noqa: S311  a dice
        while time.monotonic() < until:
            await tabs(world, luck)

    async with asyncio.TaskGroup() as group:
        group.create_task(browsers())
        for number in range(PAGES):
            group.create_task(roam(world, seed * PAGES + number, until))


# --- The tests


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A server with everything on."""
    (tmp_path / "index.html").write_text("index")
    async with Targets.open() as targets:
        bridges = (free_port(), free_port(), free_port(), free_port())
        to = (f"127.0.0.1:{targets.port}", f"127.0.0.1:{targets.datagrams}/udp", "echo", "posix")
        leads = [
            part
            for port, target in zip(bridges, to, strict=True)
            for part in ("--bridge", f"{port}:{target}")
        ]
        flags = ("--host", "127.0.0.1", "--port", "0", *leads)
        python = ("-c", COUNTS_TASKS)
        with Program(tmp_path, "serve", str(tmp_path), *flags, python=python) as program:
            yield World(program, program.ready_port(), bridges, targets)


def tasks(program: Program) -> int:
    """How many tasks the server has."""
    said = program.errors.count("tasks:")
    program.process.send_signal(signal.SIGUSR1)
    match = program.wait_for_errors(rf"(?s)(?:tasks: .*?){{{said}}}tasks: (\d+)\n")
    return int(match[1])


async def test_nothing_is_left_of_pages_that_vanish_at_random(world: World) -> None:
    pid = world.program.process.pid
    listeners = Marks.of(pid).sockets
    async with Door(port=world.port) as door:  # the pool of the resolver's threads stays
        assert (await door.refusal(f"/tcp/localhost:{UNUSED}")).status == 502
    await eventually(lambda: Marks.of(pid).sockets == listeners, "the listeners alone")
    at_rest = Marks.of(pid).rest
    tasks_at_rest = tasks(world.program)
    # First what every server needs once: memory is compared with that.
    await soak(world, max(3.0, SECONDS / 4), seed=1)
    await eventually_at_rest(pid, at_rest)
    before = Marks.of(pid).memory
    await soak(world, SECONDS, seed=2)
    assert min(world.done.values()) > 0
    assert len(world.done) == 10, world.done
    await eventually_at_rest(pid, at_rest)
    assert tasks(world.program) == tasks_at_rest
    assert Marks.of(pid).memory - before <= GROWTH
    await still_answers(world)
    assert faults(world.program) == []
    code, _, errors = world.program.end(signal.SIGTERM)
    assert code == 0, errors


async def eventually_at_rest(pid: int, rest: object) -> None:
    """Wait until the process has what it had at first, and nothing else."""
    deadline = time.monotonic() + PATIENCE
    while (now := Marks.of(pid).rest) != rest:
        assert time.monotonic() < deadline, f"{now} is not {rest}"
        await asyncio.sleep(0.1)


async def still_answers(world: World) -> None:
    async with Door(port=world.port) as door:
        page = await door.page("/echo")
        await page.send(TEXT, b"still there?")
        assert await page.read() == (TEXT, b"still there?")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Program, int]]:
    """A server."""
    flags = ("--host", "127.0.0.1", "--port", "0")
    with Program(tmp_path, "serve", str(tmp_path), *flags) as program:
        yield program, program.ready_port()


@pytest.mark.parametrize("how", ["reset", "FIN", "close frame", "within a frame", "killed"])
async def test_a_page_that_is_reloaded_binds_its_port_at_once(how: str, small: tuple[Program, int]) -> None:
    program, at = small
    wanted = free_port()
    for _ in range(20):
        async with Door(port=at) as door:
            if how == "killed":
                await listen_and_die(at, wanted)
            else:
                async with browsed(door) as page:
                    number = await page.socket()
                    assert (await page.bind(number, "127.0.0.1", wanted)).outcome == (0, 0)
                    assert (await page.listen(number)).outcome == (0, 0)
                    # A connection that was accepted keeps the port busy without SO_REUSEADDR.
                    await page.connected(wanted)
                    await page.accepted(number)
                    page.start(F.ACCEPT, number, 128)
                    await leave(page, how)
            async with browsed(door) as page:
                number = await page.socket()
                assert (await page.bind(number, "127.0.0.1", wanted)).outcome == (0, 0)
                assert (await page.listen(number)).outcome == (0, 0)
    assert faults(program) == []


async def leave(page: Browsed, how: str) -> None:
    match how:
        case "reset":
            page.peer.rst()
        case "FIN":
            page.peer.fin()
        case "close frame":
            await page.peer.send(CLOSE)
            await eventually(lambda: page.others == [(CLOSE, b"")], "an answer to the close")
        case "within a frame":
            page.peer.writer.write(page.peer.frame(BINARY, bytes(5000))[:4000])
            page.peer.rst()


DIES: Final = """
import os, signal, socket, struct, sys
port, wanted = map(int, sys.argv[1:3])
page = socket.create_connection(("127.0.0.1", port))
page.settimeout(20)
page.sendall(sys.argv[3].encode())
while not (answer := page.recv(4096)).endswith(b"\\r\\n\\r\\n"):
    pass
address = struct.pack("<H", 2) + struct.pack("!H", wanted) + bytes((127, 0, 0, 1)) + bytes(8)
for number, call in enumerate([(1, 2, 1, 0), (4, 256, 16), (6, 256, 8), (7, 256, 0)], 1):
    payload = struct.pack(f"<{1 + len(call)}i", number, *call) + (address if call[0] == 4 else b"")
    page.sendall(struct.pack("!BBI", 0x82, 0x80 | len(payload), 0) + payload)
    if call[0] != 7:
        reply = page.recv(4096)
        assert struct.unpack_from("<ii", reply, 2)[1] >= 0, reply
print("up", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def listen_and_die(port: int, wanted: int) -> None:
    """A browser whose page listens, and which is killed."""
    head = "\r\n".join(["GET /posix HTTP/1.1", f"Host: 127.0.0.1:{port}", *HANDSHAKE, "", ""])
    browser = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES, str(port), str(wanted), head, stdout=subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(browser.communicate(), 2 * DEADLINE)
    assert out == b"up\n"
    assert browser.returncode == -signal.SIGKILL


async def test_a_udp_port_is_free_at_once_too(small: tuple[Program, int]) -> None:
    _, at = small
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        wanted = probe.getsockname()[1]
    for _ in range(20):
        async with Door(port=at) as door, browsed(door) as page:
            number = await page.socket(kind=DGRAM)
            assert (await page.bind(number, "127.0.0.1", wanted)).outcome == (0, 0)
            page.peer.rst()


@pytest.mark.parametrize("end", [b"\x88\x80\0\0\0\0", b"\x82\x00"], ids=["closed", "broken"])
async def test_a_datagram_socket_that_is_just_being_made_goes_too(
    end: bytes, small: tuple[Program, int]
) -> None:
    program, at = small
    pid = program.process.pid
    rest = Marks.of(pid).descriptors
    async with Door(port=at) as door:
        for turn in range(20):
            page = await door.page("/udp/127.0.0.1:9")
            bound = b"\xff\xff\xff\xffport" + struct.pack("!H", free_port())
            page.writer.write(page.frame(BINARY, bound if turn % 2 else b"x") + end)
            assert (await page.read())[0] == CLOSE
    await eventually(lambda: Marks.of(pid).descriptors == rest, "no descriptor more")


async def test_a_datagram_right_before_the_close_is_sent(small: tuple[Program, int]) -> None:
    _, at = small
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.setblocking(False)
        far.bind(("127.0.0.1", 0))
        async with Door(port=at) as door:
            page = await door.page(f"/udp/127.0.0.1:{far.getsockname()[1]}")
            page.writer.write(page.frame(BINARY, b"last words") + page.frame(CLOSE, b"\x0f\xa0"))
            assert await page.read() == (CLOSE, b"\x0f\xa0")
            async with asyncio.timeout(DEADLINE):
                assert await asyncio.get_running_loop().sock_recv(far, 100) == b"last words"


async def test_a_port_that_another_page_holds_is_in_use(small: tuple[Program, int]) -> None:
    _, at = small
    async with Door(port=at) as door, browsed(door) as one, browsed(door) as other:
        _, port = await one.listening()
        number = await other.socket()
        assert (await other.bind(number, "127.0.0.1", port)).outcome == (-1, E.ADDRINUSE)
        one.peer.rst()
        await eventually(lambda: is_free(port), "a free port")
        assert (await other.bind(number, "127.0.0.1", port)).outcome == (0, 0)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


async def test_a_stop_amid_pages_is_in_time(small: tuple[Program, int]) -> None:
    program, at = small
    async with Targets.open() as targets, Door(port=at) as door:
        for _ in range(20):
            await door.page("/echo")
            for path in (f"/tcp/127.0.0.1:{targets.port}", f"/udp/127.0.0.1:{targets.datagrams}"):
                await (await door.page(path)).send(BINARY, b"E")
            posix = await door.page("/posix", protocol=None)
            for number, call in enumerate([(1, 2, 1, 0), (6, 256, 5), (7, 256, 0)], 1):
                await posix.send(BINARY, messages.head(number, *call))
            stuck = await door.page(f"/tcp/127.0.0.1:{targets.port}")
            stuck.reader._transport.pause_reading()  # type: ignore[attr-defined]
            stuck.writer.write(stuck.frame(BINARY, b"E" * 1_000_000) * 3)
            (await door.connect()).send(b"GET /echo HTTP/1.1\r\nHo")
        begin = time.monotonic()
        code, _, errors = await asyncio.to_thread(program.end, signal.SIGTERM)
        assert time.monotonic() - begin < 5.0  # SPEC: gracefully within 5 s
        assert code == 0, errors
        assert faults(program) == []
