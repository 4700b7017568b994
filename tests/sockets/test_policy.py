"""Who may open sockets, and where they lead, from end to end: nothing is dialled before it is judged."""

import asyncio
import contextlib
import itertools
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import pytest
from attrs import define, field

from tests.forward.test_routes import free_port
from tests.forward.test_websocket import BINARY, TEXT, Peer
from tests.net.namespace import Namespace
from tests.program import Program
from tests.raw import DEADLINE

from .door import Door, faults
from .posix.conftest import browsed
from .posix.page import AF_INET6, DGRAM, E, address
from .test_soak import Targets

PAGE: Final = "http://localhost:1234"
FOREIGN: Final = "http://evil.example"
TOKEN: Final = "t0ken"


@define
class Started:
    """A server, and how to reach it.

    Attributes:
        program: the process.
        port: main one.
        bridges: in the order of the flags.
    """

    program: Program
    port: int
    bridges: tuple[int, ...] = ()
    made: Callable[[int], socket.socket] = socket.socket

    def door(self, bridge: int | None = None, address: str = "127.0.0.1") -> Door:
        """Its main port, or a bridge."""
        return Door(
            port=self.port if bridge is None else self.bridges[bridge], made=self.made, address=address
        )


Start = Callable[..., Started]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """`start(flags, bridges to …, inside=world)`: the same ones give the same server."""
    started: dict[object, Started] = {}
    with contextlib.ExitStack() as programs:

        def run(*flags: str, bridges: tuple[str, ...] = (), inside: Namespace | None = None) -> Started:
            key = (flags, bridges, id(inside))
            if key not in started:
                home = tmp_path_factory.mktemp("policy")
                (home / "index.html").write_text("index")
                ports = tuple(free_port() for _ in bridges)
                leads = [f"--bridge={port}:{to}" for port, to in zip(ports, bridges, strict=True)]
                arguments = ("-m", "fetchkit", "serve", str(home), "--port", "0", *flags, *leads)
                program = programs.enter_context(
                    Program(home, *arguments, python=inside.python)
                    if inside
                    else Program(home, *arguments[2:])
                )
                made = inside.made if inside else socket.socket
                started[key] = Started(program, program.ready_port(), ports, made)
            return started[key]

        yield run
        for each in started.values():
            assert faults(each.program) == []


@pytest.fixture
async def targets() -> AsyncIterator[Targets]:
    async with Targets.open() as here:
        yield here


# --- Who may ask

ENDPOINTS: Final = ("/posix", "/", "/echo", "tcp", "udp", "bridge to echo", "bridge to posix")
BRIDGES: Final = ("echo", "posix")


def at(started: Started, endpoint: str, targets: Targets) -> tuple[Door, str]:
    """Where an endpoint is."""
    if endpoint.startswith("bridge"):
        return started.door(BRIDGES.index(endpoint.rsplit(maxsplit=1)[-1])), "/any/path"
    ways = {"tcp": f"/tcp/127.0.0.1:{targets.port}", "udp": f"/udp/127.0.0.1:{targets.datagrams}"}
    return started.door(), ways.get(endpoint, endpoint)


async def status(door: Door, path: str, *lines: str) -> int:
    """What a handshake is answered with."""
    async with door:
        head, _ = await door.shake(path, *lines, protocol=None)
        return head.status


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    "lines",
    [
        (f"Origin: {FOREIGN}",),
        ("Origin: https://evil.example:6931",),
        ("Origin: null",),
        ("Origin: file://",),
        ("Origin:",),
        ("Origin: http://localhost.evil.example",),
        ("Origin: http://127.0.0.1.evil.example",),
        ("Origin: http://localhost:80 http://evil.example",),
        ("Origin: http://8.8.8.8",),
        ("Origin: http://[::ffff:8.8.8.8]",),
        ("Origin: chrome-extension://abcdefgh",),
        ("Sec-Fetch-Site: cross-site",),
        ("Sec-Fetch-Site: same-site",),
        (f"Origin: {FOREIGN}", "Sec-Fetch-Site: same-origin"),
    ],
)
async def test_a_foreign_page_is_refused_before_anything_is_upgraded_or_dialled(
    lines: tuple[str, ...], endpoint: str, start: Start, targets: Targets
) -> None:
    door, path = at(start(bridges=BRIDGES), endpoint, targets)
    async with door:
        refused = await door.refusal(path, *lines, protocol=None)
    assert refused.status == 403
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    await nobody_came(targets)


async def nobody_came(targets: Targets) -> None:
    """Whether the target had no visitor; what was dialled before our own connection is there before it."""
    _, writer = await asyncio.open_connection("127.0.0.1", targets.port)
    writer.close()
    await asyncio.sleep(0)
    assert len(targets._writers) <= 1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[fe80::1]"])
async def test_another_host_is_421(host: str, endpoint: str, start: Start, targets: Targets) -> None:
    """A name that was pointed at this machine: its pages' Origin equals Host."""
    door, path = at(start(bridges=BRIDGES), endpoint, targets)
    lines = (f"Host: {host}:{door.port}", f"Origin: http://{host}:{door.port}")
    assert await status(door, path, *lines) == 421


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    "lines",
    [
        (),
        (f"Origin: {PAGE}",),
        ("Origin: https://127.0.0.1",),
        ("Origin: http://[::1]:9",),
        ("Origin: http://app.localhost:3000",),
        ("Sec-Fetch-Site: same-origin",),
        ("Sec-Fetch-Site: none",),
    ],
)
async def test_pages_and_programs_of_this_machine_pass(
    lines: tuple[str, ...], endpoint: str, start: Start, targets: Targets
) -> None:
    door, path = at(start(bridges=BRIDGES), endpoint, targets)
    assert await status(door, path, *lines) == 101


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_an_origin_is_allowed_by_its_flag_and_no_other(
    endpoint: str, start: Start, targets: Targets
) -> None:
    started = start("--allow-origin", "https://app.example", bridges=BRIDGES)
    for origin, expected in (
        ("https://app.example", 101),
        ("http://app.example", 403),
        ("https://app.example:8443", 403),
        ("https://sub.app.example", 403),
        ("null", 403),
        (PAGE, 101),
    ):
        door, path = at(started, endpoint, targets)
        assert await status(door, path, f"Origin: {origin}") == expected, origin


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_token_is_demanded_and_never_sent_on(endpoint: str, start: Start, targets: Targets) -> None:
    started = start("--token", TOKEN, bridges=BRIDGES)
    for target, lines, expected in (
        ("", (), 403),
        ("", (f"Origin: {PAGE}",), 403),
        ("?fetchkit-token=", (), 403),
        ("?fetchkit-token=wrong", (), 403),
        ("?token=origins", (), 403),
        ("", ("X-Fetchkit-Token: wrong",), 403),
        ("?fetchkit-token=" + TOKEN, (), 101),
        ("?a=b&fetchkit-token=" + TOKEN, (f"Origin: {PAGE}",), 101),
        ("", (f"X-Fetchkit-Token: {TOKEN}",), 101),
        ("?fetchkit-token=" + TOKEN, (f"Origin: {FOREIGN}",), 403),
    ):
        door, path = at(started, endpoint, targets)
        assert await status(door, path + target, *lines) == expected, (target, lines)
    if endpoint == "tcp":
        door, path = at(started, endpoint, targets)
        async with door:
            page = await door.page(path + "?fetchkit-token=" + TOKEN)
            await page.send(BINARY, b"E alone")
            assert await page.read() == (BINARY, b"E alone")
    assert not re.search(rf"GET .*{TOKEN}", started.program.errors)


async def test_a_page_of_the_main_port_may_use_a_bridge(start: Start) -> None:
    started = start("--allow-host", "app.test", bridges=BRIDGES)
    for bridge, (origin, expected) in itertools.product(
        range(2),
        [
            (f"http://app.test:{started.port}", 101),
            (f"http://app.test:{started.bridges[0]}", 101),
            (f"http://app.test:{free_port()}", 403),
            (f"https://app.test:{started.port}", 403),
            (f"http://other.test:{started.port}", 403),
        ],
    ):
        door = started.door(bridge)
        lines = (f"Host: app.test:{door.port}", f"Origin: {origin}")
        assert await status(door, "/", *lines) == expected, (bridge, origin)


async def test_a_host_that_has_other_ports_is_foreign_there(start: Start) -> None:
    started = start("--allow-host", "app.test", bridges=BRIDGES)
    lines = ("Host: app.test", f"Origin: http://app.test:{free_port()}")
    assert await status(started.door(), "/posix", *lines) == 403


# --- What `/` is


@pytest.mark.parametrize("protocol", ["binary", "base64", "text", "binary, base64", "chat"])
async def test_a_subprotocol_on_the_root_without_a_target_is_refused_clearly(
    protocol: str, start: Start
) -> None:
    async with start().door() as door:
        refused = await door.refusal("/", protocol=protocol)
    assert refused.status == 404
    assert b"--tcp HOST:PORT" in refused.body


async def test_the_root_is_the_target_with_a_subprotocol_and_posix_without(
    start: Start, targets: Targets
) -> None:
    started = start("--tcp", f"127.0.0.1:{targets.port}")
    async with started.door() as door:
        for protocol in ("binary", "text", "binary, base64"):
            page = await door.page("/", protocol=protocol)
            assert page.values("Sec-WebSocket-Protocol") == [protocol.split(",")[0]]
            await page.send(BINARY, b"E there?")
            assert await page.read() == (BINARY, b"E there?")
        coded = await door.page("/", protocol="base64")
        await coded.send(TEXT, b"RSB0aGVyZT8=")
        assert await coded.read() == (TEXT, b"RSB0aGVyZT8=")
        async with browsed(door, path="/") as posix:
            assert await posix.socket() == 256
        async with browsed(door, path="/?any=query") as posix:
            assert await posix.socket() == 256
        assert (await (await door.connect()).ask("GET", "/")).body == b"index"


# --- Off

PATHS: Final = ("/posix", "/", "/echo", "/tcp/127.0.0.1:80", "/udp/127.0.0.1:80")


@pytest.mark.parametrize("path", PATHS)
async def test_no_sockets_means_none(path: str, start: Start) -> None:
    started = start("--no-sockets", bridges=BRIDGES)
    async with started.door() as door:
        refused = await door.refusal(path, protocol=None)
        assert refused.status == 403
        assert b"--no-sockets" in refused.body
        assert (await (await door.connect()).ask("GET", "/")).body == b"index"
    for bridge in range(2):
        async with started.door(bridge) as door:
            with pytest.raises(ConnectionRefusedError):
                await door.connect()


# --- Where to: in a network of its own, where every address answers

PUBLIC: Final = ("8.8.8.8", "2600::5")
PRIVATE: Final = (
    "10.0.0.5",
    "172.16.0.5",
    "192.168.1.7",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "fd00::5",
    "fd00:ec2::254",
    "fec0::5",
    "64:ff9b::a00:5",
    "64:ff9b::7f00:1",
    "2002:a00:5::1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "0.0.0.0",
    "::",
    "::ffff:0.0.0.0",
)
NOBODYS: Final = ("255.255.255.255", "224.0.0.1", "ff02::1")
TCP_PORTS: Final = (80, 81)


@define
class World:
    """A network where all addresses answer with a byte.

    Attributes:
        namespace: of it.
        came: every connection, with the address that it came to, and every datagram, with what it says.
    """

    namespace: Namespace
    came: list[str] = field(factory=list)
    _writers: set[asyncio.StreamWriter] = field(factory=set)
    _serving: set[asyncio.Task[None]] = field(factory=set)

    async def close(self) -> None:
        """Let go of who is still there."""
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.gather(*self._serving)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say hello."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._writers.add(writer)
        task.add_done_callback(self._serving.discard)
        self.came.append(f"tcp {writer.get_extra_info('sockname')[0]}")
        writer.write(b"!")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        self._writers.discard(writer)
        writer.close()

    async def visitors(self) -> list[str]:
        """Who came; a listener hands out connections in order, so ours is the last one."""
        for host in ("127.1.2.3", "::1"):
            for port in TCP_PORTS:
                made = self.namespace.made(socket.AF_INET6 if ":" in host else socket.AF_INET)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(made, (host, port))
                assert await loop.sock_recv(made, 1) == b"!"
                made.close()
                self.came.remove(f"tcp {host}")
        for family, host in ((socket.AF_INET, "127.1.2.3"), (socket.AF_INET6, "::1")):
            made = self.namespace.made(family, socket.SOCK_DGRAM)
            made.sendto(b"mine", (host, 80))
            made.close()
            async with asyncio.timeout(DEADLINE):
                while "udp mine" not in self.came:
                    await asyncio.sleep(0.001)
            self.came.remove("udp mine")
        return self.came


class Sink(asyncio.DatagramProtocol):
    """Takes datagrams, and answers them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Write it down."""
        self._world.came.append(f"udp {data.decode()}")
        self._transport.sendto(b"!", addr)


@pytest.fixture(scope="module")
def namespace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    folder = tmp_path_factory.mktemp("namespace")
    plain = [a for a in PRIVATE if "ffff" not in a and a not in ("0.0.0.0", "::")]
    with Namespace(folder, (*PUBLIC, *plain)) as made:
        yield made


@pytest.fixture
async def world(namespace: Namespace) -> AsyncIterator[World]:
    here = World(namespace)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(here.close)
        for host in ("0.0.0.0", "::"):
            for port in TCP_PORTS:
                bound = namespace.bound(host, port)
                await stack.enter_async_context(await asyncio.start_server(here.serve, sock=bound))
        for host in ("0.0.0.0", "::", "127.9.9.9"):  # what is bound to one address answers from it
            datagrams = namespace.bound(host, 80, socket.SOCK_DGRAM)
            transport, _ = await loop.create_datagram_endpoint(lambda: Sink(here), sock=datagrams)
            stack.callback(transport.close)
        yield here


def netloc(host: str, port: int = 80) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def by_posix(door: Door, host: str, port: int = 80) -> tuple[tuple[int, int], tuple[int, int]]:
    """What connect() and sendto() return."""
    family = AF_INET6 if ":" in host else 2
    async with browsed(door) as page:
        connected = await page.connect(await page.socket(family), host, port)
        sent = await page.sendto(await page.socket(family, DGRAM), b"posix", address(host, port))
        return connected.outcome, sent.outcome


async def reached(door: Door, way: str, host: str, port: int = 80) -> int:
    """Go there and hear what is said; the status of the handshake."""
    head, client = await door.shake(f"/{way}/{netloc(host, port)}")
    if head.status == 101:
        page = Peer("", client.reader, client.writer, masks=True)
        if way == "udp":
            await page.send(BINARY, b"tunnel")
        assert await page.read() == (BINARY, b"!")
    return head.status


@pytest.mark.parametrize("host", [*PUBLIC, "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_public_addresses_and_loopback_are_reached(host: str, world: World, start: Start) -> None:
    async with start(inside=world.namespace).door() as door:
        assert await reached(door, "tcp", host) == 101
        assert await reached(door, "udp", host) == 101
        assert await by_posix(door, host) == ((0, 0), (5, 0))
    async with asyncio.timeout(DEADLINE):
        while world.came.count("udp posix") != 1:
            await asyncio.sleep(0.001)
    plain = host.removeprefix("::ffff:")
    assert sorted(await world.visitors()) == [f"tcp {plain}", f"tcp {plain}", "udp posix", "udp tunnel"]


@pytest.mark.parametrize("host", [*PRIVATE, *NOBODYS])
async def test_all_other_addresses_are_refused_and_never_dialled(
    host: str, world: World, start: Start
) -> None:
    started = start(inside=world.namespace)
    async with started.door() as door:
        for way in ("tcp", "udp"):
            refused = await door.refusal(f"/{way}/{netloc(host)}")
            assert refused.status == 403
            assert b"--allow-net " in refused.body
            assert b"--allow-target " in refused.body
        before = started.program.errors
        assert await by_posix(door, host) == ((-1, E.ACCES), (-1, E.ACCES))
        said = started.program.errors.removeprefix(before)
        for call in ("connect to", "sendto"):
            lines = re.findall(
                rf"/posix: {call} .* is refused\..* --allow-net \S+ or --allow-target \S+ ", said
            )
            assert len(lines) == 1, said
    assert await world.visitors() == []


@pytest.mark.parametrize(
    ("flags", "host", "port", "passes"),
    [
        (("--allow-net", "10.0.0.0/8"), "10.0.0.5", 80, True),
        (("--allow-net", "10.0.0.0/8"), "::ffff:10.0.0.5", 80, True),
        (("--allow-net", "10.0.0.0/8"), "64:ff9b::a00:5", 80, False),
        (("--allow-net", "10.0.0.0/8"), "192.168.1.7", 80, False),
        (("--allow-target", "192.168.1.7:80"), "192.168.1.7", 80, True),
        (("--allow-target", "192.168.1.7:80"), "192.168.1.7", 81, False),
        (("--allow-target", "[fd00::5]"), "fd00::5", 81, True),
        (("--deny-net", "8.8.8.0/24"), "8.8.8.8", 80, False),
        (("--deny-net", "127.0.0.0/8"), "::ffff:127.0.0.1", 80, False),
        (("--allow-net", "10.0.0.0/8", "--deny-net", "10.0.0.5"), "10.0.0.5", 80, False),
        (("--allow-target", "10.0.0.5", "--deny-net", "10.0.0.0/8"), "10.0.0.5", 80, False),
    ],
)
async def test_flags_allow_and_refuse(
    flags: tuple[str, ...], host: str, port: int, passes: bool, world: World, start: Start
) -> None:
    async with start(*flags, inside=world.namespace).door() as door:
        assert await reached(door, "tcp", host, port) == (101 if passes else 403)
        if port == 80:
            assert await reached(door, "udp", host, port) == (101 if passes else 403)
        connected, sent = await by_posix(door, host, port)
        assert connected == ((0, 0) if passes else (-1, E.ACCES))
        assert sent == ((5, 0) if passes else (-1, E.ACCES))
    if not passes:
        assert await world.visitors() == []


async def test_targets_of_options_are_allowed_thereby(world: World, start: Start) -> None:
    started = start(
        "--tcp", "10.0.0.5:80", bridges=("192.168.1.7:80", "172.16.0.5:80/udp"), inside=world.namespace
    )
    async with started.door() as door:
        page = await door.page("/")
        assert await page.read() == (BINARY, b"!")
        assert await reached(door, "tcp", "10.0.0.5") == 101
        assert await reached(door, "tcp", "10.0.0.5", 81) == 403
        assert (await by_posix(door, "10.0.0.5"))[0] == (0, 0)
        assert (await by_posix(door, "100.64.0.1"))[0] == (-1, E.ACCES)
    async with started.door(0) as door:
        page = await door.page("/")
        assert await page.read() == (BINARY, b"!")
    async with started.door(1) as door:
        page = await door.page("/")
        await page.send(BINARY, b"x")
        assert await page.read() == (BINARY, b"!")


async def test_deny_wins_over_the_target_of_an_option(world: World, start: Start) -> None:
    flags = ("--tcp", "10.0.0.5:80", "--deny-net", "10.0.0.0/8")
    started = start(*flags, bridges=("10.0.0.5:80",), inside=world.namespace)
    for door in (started.door(), started.door(0)):
        async with door:
            assert (await door.refusal("/")).status == 403
    assert await world.visitors() == []


OWN: Final = (
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "::ffff:127.0.0.1",
    "10.0.0.5",
    "8.8.8.8",
    "2600::5",
    "fd00::5",
)
ALLOW_ALL: Final = ("--allow-net", "0.0.0.0/0", "--allow-net", "::/0")


@pytest.mark.parametrize("host", [*OWN, "0.0.0.0", "::"])
@pytest.mark.parametrize("which", ["main", "bridge"])
async def test_fetchkits_own_ports_are_no_target_at_any_address(
    which: str, host: str, world: World, start: Start
) -> None:
    started = start(
        *ALLOW_ALL, "--host", "0.0.0.0", "--host", "::", bridges=("echo",), inside=world.namespace
    )
    port = started.port if which == "main" else started.bridges[0]
    async with started.door() as door:
        for way in ("tcp", "udp"):
            refused = await door.refusal(f"/{way}/{netloc(host, port)}")
            assert refused.status == 403
            assert b"fetchkit itself" in refused.body
        assert await by_posix(door, host, port) == ((-1, E.ACCES), (-1, E.ACCES))
        # The address itself is no other one's.
        if host not in ("0.0.0.0", "::"):
            assert await reached(door, "tcp", host) == 101


async def test_no_flag_makes_fetchkits_own_ports_a_target(start: Start) -> None:
    port = free_port()
    started = start(
        "--host", "127.0.0.1", f"--port={port}", f"--tcp=127.0.0.1:{port}", "--allow-target=127.0.0.1"
    )
    async with started.door() as door:
        assert (await door.refusal("/")).status == 403
        assert (await door.refusal(f"/tcp/localhost:{port}")).status == 403


async def test_a_page_may_not_listen_on_fetchkits_ports(start: Start) -> None:
    started = start(bridges=BRIDGES)
    async with started.door() as door, browsed(door) as page:
        for port in (started.port, *started.bridges):
            assert (await page.bind(await page.socket(), "127.0.0.1", port)).outcome == (-1, E.ACCES)
            assert (await page.bind(await page.socket(), "127.9.9.9", port)).outcome == (-1, E.ACCES)


async def test_sockets_of_pages_may_be_dialled(start: Start) -> None:
    async with start().door() as door, browsed(door) as page:
        number, port = await page.listening()
        tunnel = await door.page(f"/tcp/127.0.0.1:{port}")
        accepted, _ = await page.accepted(number)
        await tunnel.send(BINARY, b"hello page")
        assert (await page.recv(accepted)).data == b"hello page"
        bound = await page.socket(kind=DGRAM)
        assert (await page.bind(bound)).outcome == (0, 0)
        _, port = await page.sockname(bound)
        udp = await door.page(f"/udp/127.0.0.1:{port}")
        await udp.send(BINARY, b"hello datagram")
        reply = await page.recvfrom(bound)
        assert reply.message[20:34] == b"hello datagram"
        async with browsed(door) as other:
            assert await other.connected((await page.sockname(number))[1]) > 0


# --- Where pages listen


@pytest.mark.parametrize(("asked", "got"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), (None, "127.0.0.1")])
async def test_others_do_not_reach_what_a_page_listens_on(
    asked: str | None, got: str, world: World, start: Start
) -> None:
    started = start(inside=world.namespace)
    async with started.door() as door, browsed(door) as page:
        if asked is None:
            number = await page.socket()
            assert (await page.listen(number)).outcome == (0, 0)
        else:
            number, _ = await page.listening(asked)
        host, port = await page.sockname(number)
        assert host == got
        for outside in ("10.0.0.5", "8.8.8.8", "fd00::5"):
            assert not await answers(world, outside, port)
        assert await answers(world, got, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_a_socket_whose_connect_failed_does_not_listen_on_every_address(
    host: str, world: World, start: Start
) -> None:
    """Linux forgets its address then, but not the port that it says it has."""
    started = start(inside=world.namespace)
    async with started.door() as door, browsed(door) as page:
        number = await page.socket(AF_INET6 if ":" in host else 2)
        for _ in range(2):
            assert (await page.connect(number, host, 9)).ret == -1
        assert (await page.listen(number)).outcome == (0, 0)
        name, port = await page.sockname(number)
        assert name == ("::1" if ":" in host else "127.0.0.1")
        for outside in ("10.0.0.5", "8.8.8.8", "fd00::5"):
            assert not await answers(world, outside, port)


@pytest.mark.parametrize("host", ["10.0.0.5", "8.8.8.8", "fd00::5"])
async def test_an_address_that_others_reach_is_refused_with_the_flag(
    host: str, world: World, start: Start
) -> None:
    started = start(inside=world.namespace)
    async with started.door() as door, browsed(door) as page:
        for kind in (1, DGRAM):
            number = await page.socket(AF_INET6 if ":" in host else 2, kind)
            assert (await page.bind(number, host)).outcome == (-1, E.ACCES)
    assert re.search(rf"bind to {re.escape(netloc(host, 0))} is refused.*--bind-any", started.program.errors)


async def test_bind_any_means_any(world: World, start: Start) -> None:
    started = start("--bind-any", inside=world.namespace)
    async with started.door() as door, browsed(door) as page:
        number, port = await page.listening("0.0.0.0")
        assert (await page.sockname(number))[0] == "0.0.0.0"
        assert await answers(world, "10.0.0.5", port)
        number, port = await page.listening("10.0.0.5")
        assert await answers(world, "10.0.0.5", port)
        number, port = await page.listening("::")
        assert await answers(world, "fd00::5", port)


async def answers(world: World, host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with world.namespace.made(socket.AF_INET6 if ":" in host else socket.AF_INET) as made:
        try:
            async with asyncio.timeout(DEADLINE):
                await asyncio.get_running_loop().sock_connect(made, (host, port))
        except ConnectionRefusedError:
            return False
    return True


# --- Reachable by others


@pytest.mark.parametrize("path", PATHS)
async def test_where_others_reach_the_server_sockets_are_off_with_a_hint(
    path: str, world: World, start: Start
) -> None:
    started = start("--host", "10.0.0.5", inside=world.namespace)
    async with started.door(address="10.0.0.5") as door:
        refused = await door.refusal(path, f"Origin: http://10.0.0.5:{started.port}", protocol=None)
        assert refused.status == 403
        for flag in (b"--token", b"--allow-target", b"--allow-net"):
            assert flag in refused.body
        assert (await (await door.connect()).ask("GET", "/", host="10.0.0.5")).status == 200
    assert await world.visitors() == []


async def test_a_token_turns_them_on_for_those_who_have_it(world: World, start: Start) -> None:
    started = start("--host", "10.0.0.5", "--token", TOKEN, bridges=("echo",), inside=world.namespace)
    own = f"Origin: http://10.0.0.5:{started.port}"
    for bridge in (None, 0):
        path = "/echo" if bridge is None else "/"
        assert await status(started.door(bridge, "10.0.0.5"), path, own) == 403
        assert await status(started.door(bridge, "10.0.0.5"), path) == 403
        assert await status(started.door(bridge, "10.0.0.5"), f"{path}?fetchkit-token={TOKEN}", own) == 101
        assert await status(started.door(bridge, "10.0.0.5"), f"{path}?fetchkit-token={TOKEN}") == 101


async def test_others_without_a_page_need_a_token(world: World, start: Start) -> None:
    """Curl of another machine: neither Origin nor Sec-Fetch-Site."""
    started = start("--host", "10.0.0.5", "--allow-target", "8.8.8.8:80", inside=world.namespace)
    door = started.door(address="10.0.0.5")

    def from_outside(family: int) -> socket.socket:
        made = world.namespace.made(family)
        made.bind(("10.0.0.5", 0))
        return made

    door.made = from_outside
    assert await status(door, "/echo") == 403
    assert (
        await status(started.door(address="10.0.0.5"), "/echo", f"Origin: http://10.0.0.5:{started.port}")
        == 101
    )


def test_numbers_of_the_wire_are_little_endian() -> None:
    """What `by_posix` sends is what Emscripten sends."""
    assert address("10.0.0.5", 80) == struct.pack("<H", 2) + b"\0\x50\x0a\0\0\5" + bytes(8)
