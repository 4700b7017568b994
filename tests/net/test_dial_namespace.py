"""The policy end to end: fetchkit in a network of its own, where every address answers and is watched."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import ip_address
from itertools import count
from typing import Any

import pytest
from attrs import define, field

from tests.program import Program
from tests.wire.client import DEADLINE, Client, Outcome
from tests.wire.exchange import request_head
from tests.wire.sockets import Wire

from .namespace import Namespace

# What `lo` has inside, besides 127.0.0.0/8 and ::1. All of them answer, so a refusal is the policy's.
PUBLIC = ("8.8.8.8", "9.9.9.9", "2600::5")
LOOPBACK = ("127.0.0.1", "127.9.9.9", "::1")
PRIVATE = (
    "10.0.0.5",
    "172.16.0.5",
    "192.168.1.7",
    "100.64.0.1",
    "169.254.7.7",
    "169.254.169.254",
    "192.0.0.192",
    "168.63.129.16",
    "198.18.0.1",
    "203.0.113.9",
    "fd00::5",
    "fd00:ec2::254",
    "fec0::5",
    "2001:db8::5",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:5",
    "64:ff9b:1::808:808",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "2001:0:808:808::1",
    "::127.0.0.2",
)
LINK_LOCAL = "fe80::5"
PORTS = (80, 81, 443)

Names = dict[str, list[tuple[str, ...]]]
_NUMBERS = count()


def netloc(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    """The network."""
    folder = tmp_path_factory.mktemp("namespace")
    with Namespace(folder, (*PUBLIC, *PRIVATE, LINK_LOCAL)) as namespace:
        yield namespace


@pytest.fixture(scope="module")
def fetchkit(world: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., int]]:
    """`fetchkit(*flags)`: the port of a server inside; the same flags give the same server."""
    ports: dict[tuple[str, ...], int] = {}
    with contextlib.ExitStack() as programs:

        def start(*flags: str) -> int:
            if flags not in ports:
                home = tmp_path_factory.mktemp("server")
                (home / "index.html").write_text("index")
                arguments = ("-m", "fetchkit", "serve", str(home), "--port", "0", "-q", *flags)
                no_proxy = {"NO_PROXY": "*", "no_proxy": "*"}
                program = Program(home, *arguments, python=world.python, environment=no_proxy)
                ports[flags] = programs.enter_context(program).ready_port()
            return ports[flags]

        yield start


@define
class Everywhere:
    """Answers HTTP at every address inside, with the address that was dialled as the body.

    Attributes:
        dialled: the addresses of all connections so far, in order.
        names: what the resolver answers; each list of addresses once, the last one from then on.
        resolved: how often each name was asked for, in either family.
        location: the answer is a redirect to this place, where it is not empty.
    """

    world: Namespace
    dialled: list[str] = field(factory=list)
    names: Names = field(factory=dict)
    resolved: list[str] = field(factory=list)
    location: str = ""

    async def visitors(self) -> list[str]:
        """Which addresses were dialled.

        A listener hands out connections in their order: when one of ours has come, all earlier ones have.
        """
        for port in PORTS:
            for address in ("127.1.2.3", "::1"):
                last = await self.connect(address, port)
                last.send(b"mine\r\n\r\n")
                assert await asyncio.get_running_loop().sock_recv(last, 100)
                last.close()
        return self.dialled

    def called(self, *answers: tuple[str, ...]) -> str:
        """A new name, which no pool has kept from another test."""
        name = f"name-{next(_NUMBERS)}.test"
        self.names[name] = list(answers)
        return name

    async def connect(self, address: str, port: int) -> socket.socket:
        """A connection of the test itself."""
        end = self.world.made(socket.AF_INET6 if ":" in address else socket.AF_INET)
        await asyncio.get_running_loop().sock_connect(end, (address, port))
        return end

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, after it is written down."""
        address: str = writer.get_extra_info("sockname")[0]
        self.dialled.append(address)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"mine"):
                self.dialled.remove(address)
            status = f"302 Found\r\nLocation: {self.location}" if self.location else "200 OK"
            lines = f"HTTP/1.1 {status}\r\nContent-Length: {len(address)}\r\nConnection: close\r\n\r\n"
            writer.write(lines.encode() + address.encode())
        writer.close()


class Resolver(asyncio.DatagramProtocol):
    """Answers DNS questions (RFC 1035, section 4) from a test's names."""

    def __init__(self, everywhere: Everywhere) -> None:
        self._everywhere = everywhere
        self._asked: dict[tuple[str, int], int] = {}
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Keep the way back."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer one question."""
        labels, at = [], 12
        while size := data[at]:
            labels.append(data[at + 1 : at + 1 + size].decode())
            at += 1 + size
        name, kind, end = ".".join(labels).lower(), data[at + 2], at + 5
        answers = self._everywhere.names.get(name)
        found: list[bytes] = []
        if answers is not None:
            self._everywhere.resolved.append(name)
            turn = self._asked[name, kind] = self._asked.get((name, kind), -1) + 1
            family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
            wanted = [a for a in answers[min(turn, len(answers) - 1)] if (":" in a) == (kind == 28)]
            found = [socket.inet_pton(family, address) for address in wanted] if family else []
        flags = b"\x85\x80" if answers is not None else b"\x85\x83"
        message = data[:2] + flags + b"\0\1" + len(found).to_bytes(2, "big") + bytes(4) + data[12:end]
        for packed in found:  # the name as a pointer, no time to live
            message += b"\xc0\x0c" + data[at + 1 : end] + bytes(4) + len(packed).to_bytes(2, "big") + packed
        self._transport.sendto(message, addr)


@pytest.fixture
async def everywhere(world: Namespace) -> AsyncIterator[Everywhere]:
    """Listeners on every address, and the resolver."""
    places = Everywhere(world)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as open_ones:
        for address in ("0.0.0.0", "::"):
            for port in PORTS:
                bound = world.bound(address, port)
                await open_ones.enter_async_context(await asyncio.start_server(places.answer, sock=bound))
        datagrams = world.bound("127.0.0.1", 53, socket.SOCK_DGRAM)
        transport, _ = await loop.create_datagram_endpoint(lambda: Resolver(places), sock=datagrams)
        open_ones.callback(transport.close)
        yield places


async def ask(everywhere: Everywhere, port: int, url: str, *lines: str, way: str = "/forward/") -> Outcome:
    """Ask the forward of a server inside."""
    client = Client(Wire(await everywhere.connect("127.0.0.1", port)))
    try:
        await client.send(request_head("GET", way + url, *lines))
        return await client.read()
    finally:
        client.close()


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


def refusal(outcome: Outcome) -> dict[str, Any]:
    """The problem of a 403."""
    assert outcome.status == 403, outcome
    said: dict[str, Any] = json.loads(outcome.body)
    assert said["status"] == 403
    return said


# --- Each class

# Nobody answers there, but at 0.0.0.0 and ::, which Linux connects to loopback.
UNROUTED = (
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "::",
    "ff02::1",
    LINK_LOCAL,
)
MAPPED = ("::ffff:10.0.0.5", "::ffff:a9fe:a9fe", "::ffff:0:808:808", "0:0:0:0:0:ffff:192.168.1.7")


@pytest.mark.parametrize("address", [*PRIVATE, *UNROUTED, *MAPPED])
async def test_a_refused_class_is_a_403_that_names_the_flags_and_is_never_dialled(
    address: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    for scheme in ("http", "https", "ws"):
        lines = HANDSHAKE if scheme == "ws" else ()
        said = refusal(await ask(everywhere, fetchkit(), f"{scheme}://{netloc(address)}/", *lines))
        assert said["hint"].startswith("--allow-net ")
        assert "--allow-target" in said["hint"]
    assert await everywhere.visitors() == []


@pytest.mark.parametrize("address", [*PUBLIC, *LOOPBACK, "::ffff:8.8.8.8"])
async def test_public_addresses_and_loopback_answer(
    address: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    outcome = await ask(everywhere, fetchkit(), f"http://{netloc(address)}/")
    expected = address.removeprefix("::ffff:")
    assert (outcome.status, outcome.body.decode()) == (200, expected)
    assert await everywhere.visitors() == [expected]


async def test_nat64_around_a_public_address_is_tried(
    everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    outcome = await ask(everywhere, fetchkit(), "http://[64:ff9b::808:808]/")
    assert outcome.status == 502  # nothing inside has that address
    assert await everywhere.visitors() == []


# --- Flags

ALLOW = tuple(flag for address in PRIVATE for flag in ("--allow-net", address))


@pytest.mark.parametrize("address", PRIVATE)
async def test_an_allowed_net_answers(
    address: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    outcome = await ask(everywhere, fetchkit(*ALLOW), f"http://{netloc(address)}/")
    # The system writes ::127.0.0.2 and the like in its own way.
    packed = [ip_address(each) for each in (outcome.body.decode(), *await everywhere.visitors())]
    assert (outcome.status, packed) == (200, [ip_address(address)] * 2)


async def test_an_allowed_target_answers_on_its_port_alone(
    everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    port = fetchkit("--allow-target", "10.0.0.5:80", "--allow-target", "nas.test:81")
    everywhere.names["nas.test"] = [("192.168.1.7",)]
    everywhere.names["other.test"] = [("192.168.1.7",)]
    assert (await ask(everywhere, port, "http://10.0.0.5/")).body == b"10.0.0.5"
    assert (await ask(everywhere, port, "http://nas.test:81/")).body == b"192.168.1.7"
    for url in ("10.0.0.5:81", "nas.test", "192.168.1.7:81", "other.test:81", "10.0.0.6"):
        refusal(await ask(everywhere, port, f"http://{url}/"))
    assert await everywhere.visitors() == ["10.0.0.5", "192.168.1.7"]


async def test_a_fixed_route_allows_its_target_and_no_other(
    everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    port = fetchkit("--forward", "/api=http://10.0.0.5/v1")
    assert (await ask(everywhere, port, "x", way="/api/")).body == b"10.0.0.5"
    for url in ("http://10.0.0.5:81/", "http://192.168.1.7/"):
        refusal(await ask(everywhere, port, url))
    assert await everywhere.visitors() == ["10.0.0.5"]


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "127.0.0.1", "10.0.0.5"]
)
async def test_a_denied_net_wins_over_what_is_allowed(
    address: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    denied = [flag for net in ("8.8.8.0/24", "127.0.0.0/8", "10.0.0.5") for flag in ("--deny-net", net)]
    allowed = ("--allow-net", "0.0.0.0/0", "--allow-net", "::/0", "--allow-target", "8.8.8.8")
    port = fetchkit(*denied, *allowed)
    assert "--deny-net" in refusal(await ask(everywhere, port, f"http://{netloc(address)}/"))["hint"]
    assert (await ask(everywhere, port, "http://9.9.9.9/")).body == b"9.9.9.9"
    assert await everywhere.visitors() == ["9.9.9.9"]


# --- Spellings


@pytest.mark.parametrize(
    "host",
    [
        "167772165",
        "0xa000005",
        "0x0A.0x0.0x0.0x5",
        "01200000005",
        "012.0.0.5",
        "0012.0.0.05",
        "10.5",
        "10.0.5",
        "10.0.0.5.0",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::ffff:012.0.0.5]",
        "[fe80::5%25lo]",
        "[fd00::5%lo]",
        "8.8.8.8@10.0.0.5",
        "8.8.8.8:80@10.0.0.5",
        "8.8.8.8#@10.0.0.5",
        "8.8.8.8\\@10.0.0.5",
        "10.0.0.5%00.test",
        "10.0.0.5%2F.test",
        "%5B::ffff:10.0.0.5%5D",
    ],
)
async def test_an_address_that_programs_read_differently_is_a_400(
    host: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    assert (await ask(everywhere, fetchkit(), f"http://{host}/")).status == 400
    assert await everywhere.visitors() == []
    assert everywhere.resolved == []


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.5.",
        "%31%30.0.0.5",
        "10%2E0%2E0%2E5",
        "%EF%BC%91%EF%BC%90.0.0.5",  # fullwidth digits
        "10%E3%80%820%E3%80%820%E3%80%825",  # ideographic full stops
        "%E2%91%A9.0.0.%E2%91%A4",  # circled numbers
        "[0:0::fd00:0:5]",
        "[FD00:0000::0005]",
        "[::FFFF:10.0.0.5]",
        "[::FfFf:0A00:5]",
    ],
)
async def test_another_spelling_of_a_refused_address_is_refused(
    host: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    refusal(await ask(everywhere, fetchkit(), f"http://{host}/"))
    assert await everywhere.visitors() == []


# --- fetchkit itself


@pytest.mark.parametrize(
    "address",
    [*LOOPBACK, "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.5", *PUBLIC, *PRIVATE],
)
async def test_fetchkit_itself_is_refused_at_every_local_address_whatever_is_allowed(
    address: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    hosts, token = ("--host", "0.0.0.0", "--host", "::"), ("--token", "sesame-opens")
    port = fetchkit(*hosts, *token, "--allow-net", "0.0.0.0/0", "--allow-net", "::/0")
    line = "X-Fetchkit-Token: sesame-opens"
    if address not in ("0.0.0.0", "::"):
        (await everywhere.connect(address, port)).close()  # it does listen there
    for scheme, more in (("http", ()), ("ws", HANDSHAKE)):
        url = f"{scheme}://{netloc(address)}:{port}/"
        assert "itself" in refusal(await ask(everywhere, port, url, line, *more))["detail"]
        name = everywhere.called((address.removeprefix("::ffff:"),))
        url = f"{scheme}://{name}:{port}/"
        assert "itself" in refusal(await ask(everywhere, port, url, line, *more))["detail"]
    everywhere.location = f"http://{netloc(address)}:{port}/"
    assert "itself" in refusal(await ask(everywhere, port, "http://8.8.8.8/", line))["detail"]


def test_a_link_local_address_of_this_machine_is_known_with_its_scope(world: Namespace) -> None:
    program = (
        "from fetchkit.net.dial import Dialer\n"
        "from fetchkit.net.policy import target_policy\n"
        "dialer = Dialer(target_policy(['fe80::/10']), {80})\n"
        f"for address in ('{LINK_LOCAL}%lo', 'fe80::6%lo', '{LINK_LOCAL}%eth9'):\n"
        "    print(dialer.judge('x', 80, address).allowed)\n"
    )
    command = [sys.executable, *world.python, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=True)
    assert done.stdout.split() == ["False", "True", "True"]


# --- Redirects


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.5/",
        "//10.0.0.5/",
        "https://169.254.169.254/",
        "http://[::ffff:10.0.0.5]/",
        "http://[2002:7f00:1::1]/",
        "http://NAME/",
    ],
)
async def test_a_redirect_to_a_refused_address_is_not_followed(
    location: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    everywhere.location = location.replace("NAME", everywhere.called(("10.0.0.5", "fd00::5")))
    said = refusal(await ask(everywhere, fetchkit(), "http://8.8.8.8/"))
    assert "--allow-net" in said["hint"]
    assert await everywhere.visitors() == ["8.8.8.8"]


async def test_a_redirect_to_a_spelling_that_is_no_address_is_not_followed(
    everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    everywhere.location = "http://167772165/"
    assert (await ask(everywhere, fetchkit(), "http://8.8.8.8/")).status == 502
    assert await everywhere.visitors() == ["8.8.8.8"]


async def test_a_handshake_follows_no_redirect(everywhere: Everywhere, fetchkit: Callable[..., int]) -> None:
    everywhere.location = "http://9.9.9.9/"
    assert (await ask(everywhere, fetchkit(), "ws://8.8.8.8/", *HANDSHAKE)).status == 502
    assert await everywhere.visitors() == ["8.8.8.8"]


# --- Names


@pytest.mark.parametrize("answers", [("10.0.0.5",), ("fd00::5", "192.168.1.7"), ("::ffff:10.0.0.5",)])
async def test_a_name_of_refused_addresses_is_refused(
    answers: tuple[str, ...], everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    name = everywhere.called(answers)
    for scheme, lines in (("http", ()), ("ws", HANDSHAKE)):
        said = refusal(await ask(everywhere, fetchkit(), f"{scheme}://{name}/", *lines))
        assert said["hint"].endswith(f"or --allow-target {name}:80 allows it.")
    assert await everywhere.visitors() == []


@pytest.mark.parametrize(
    "answers",
    [
        ("8.8.8.8", "10.0.0.5", "fd00::5"),
        ("fd00::5", "10.0.0.5", "192.168.1.7", "8.8.8.8"),
        ("2600::5", "10.0.0.5"),
        ("64:ff9b::7f00:1", "2002:7f00:1::1", "::127.0.0.2", "8.8.8.8"),
    ],
)
async def test_of_a_name_with_both_only_the_public_address_is_dialled(
    answers: tuple[str, ...], everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    name = everywhere.called(answers)
    public = next(each for each in answers if each in PUBLIC)
    for _ in range(3):
        outcome = await ask(everywhere, fetchkit(), f"http://{name}/")
        assert (outcome.status, outcome.body.decode()) == (200, public)
    assert await everywhere.visitors() == [public] * 3


async def test_where_the_public_address_fails_the_private_one_is_not_tried(
    everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    name = everywhere.called(("8.8.8.8", "10.0.0.5"))
    with everywhere.world.bound("10.0.0.5", 82) as trap:
        trap.listen()
        outcome = await ask(everywhere, fetchkit(), f"http://{name}:82/")
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert (outcome.status, json.loads(outcome.body)["status"]) == (502, 502)


@pytest.mark.parametrize("second", ["10.0.0.5", "fd00::5", "169.254.169.254", "64:ff9b::a00:5"])
async def test_a_name_that_is_rebound_is_judged_by_what_is_dialled(
    second: str, everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    name = everywhere.called(("8.8.8.8",), (second,))
    assert (await ask(everywhere, fetchkit(), f"http://{name}/")).body == b"8.8.8.8"
    # The pool keeps a name's addresses for a while, for each port: another port asks the resolver again.
    for port in (81, 443):
        refusal(await ask(everywhere, fetchkit(), f"http://{name}:{port}/"))
    refusal(await ask(everywhere, fetchkit(), f"ws://{name}/", *HANDSHAKE))
    assert len(everywhere.resolved) >= 2 * 2
    assert await everywhere.visitors() == ["8.8.8.8"]


async def test_a_redirect_to_its_own_name_that_is_rebound_meanwhile_is_refused(
    everywhere: Everywhere, fetchkit: Callable[..., int]
) -> None:
    name = everywhere.called(("8.8.8.8",), ("10.0.0.5",))
    everywhere.location = f"http://{name}:81/"
    refusal(await ask(everywhere, fetchkit(), f"http://{name}/"))
    assert await everywhere.visitors() == ["8.8.8.8"]
