"""The handshake of tunnels: dialled before it is answered, so that what fails fails as SOCKFS expects."""

import asyncio
import contextlib
import errno
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from fetchkit import isolation
from fetchkit.net import dial
from fetchkit.net.dial import Dialer, Place
from fetchkit.net.hosts import host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.sockets import connection, tunnel
from fetchkit.sockets.tunnel import routes
from fetchkit.sockets.tunnel.relay import Relay
from fetchkit.sockets.tunnel.target import Target
from fetchkit.web import guard
from fetchkit.web.problems import answering
from tests.files.support import eventually, open_descriptors
from tests.forward.test_websocket import BINARY, closing
from tests.raw import RawAnswer, RawClient
from tests.sockets.peer import Far, Served, closed, joined


def problem(answer: RawAnswer) -> dict[str, str]:
    """The problem that an answer describes; its shared headers are there."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    found: dict[str, str] = json.loads(answer.body)
    return found


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def undialled(monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """Nothing is dialled; what would have been is listed."""
    dialled: list[Place] = []

    async def connected(place: Place) -> socket.socket:
        dialled.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(dial, "_connected", connected)
    return dialled


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port of loopback that lets whoever dials it wait: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, []),
        ("binary", ["binary"]),
        ("binary, base64", ["binary"]),
        ("base64,binary", ["binary"]),
        ("base64", ["base64"]),
        ("text", ["text"]),
        ("mqtt, x", ["mqtt"]),
    ],
)
async def test_binary_is_chosen_else_the_first_that_is_offered(
    served: Served, far: Far, offered: str | None, chosen: list[str]
) -> None:
    page = await served.page(f"/tcp/127.0.0.1:{far.port}", protocol=offered)
    assert page.values("Sec-WebSocket-Protocol") == chosen
    assert page.values("Cross-Origin-Embedder-Policy") == ["require-corp"]
    (await far.accept()).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST.", "127.9.9.9"])
@pytest.mark.parametrize("end", ["", "/", "?x=1", "/?x=1"])
async def test_a_path_names_the_target(served: Served, host: str, end: str) -> None:
    async with Far.open("0.0.0.0") as far:
        page = await served.page(f"/tcp/{host}:{far.port}{end}")
        with (await far.accept()).socket as there:
            there.sendall(b"here")
            assert await page.read() == (BINARY, b"here")


@pytest.mark.parametrize("host", ["[::1]", "%5B::1%5D", "%5b%3A%3a1%5d", "[0:0:0:0:0:0:0:1]"])
async def test_ipv6_is_bracketed_escaped_or_not(served: Served, host: str) -> None:
    async with Far.open("::1") as far:
        await served.page(f"/tcp/{host}:{far.port}")
        (await far.accept()).close()


@pytest.mark.parametrize(
    "target",
    [
        *(
            "",
            "x",
            "x:",
            "x:0",
            "x:99999",
            "::1:80",
            "[::1]",
            "x/y:80",
            "x:80/y",
            "%00:80",
            "%FF:80",
            "x%20:80",
        ),
        *("127.1:80", "x:80%2F%2F", "http://x:80", "[::1%25lo]:80", "%2e%2e:80"),
    ],
)
@pytest.mark.parametrize("prefix", ["/tcp/", "/udp/"])
async def test_a_bad_target_is_400_with_a_hint(
    served: Served, undialled: list[Place], prefix: str, target: str
) -> None:
    answer = await served.refusal(prefix + target)
    assert answer.status == 400
    assert problem(answer)["hint"].startswith("Write ")
    assert undialled == []


async def test_a_port_where_nobody_listens_is_a_refused_handshake(served: Served) -> None:
    port = closed_port()
    answer = await served.refusal(f"/tcp/127.0.0.1:{port}")
    assert answer.status == 502
    assert problem(answer)["detail"] == f"127.0.0.1:{port} cannot be reached: Connection refused."
    assert f"127.0.0.1:{port} cannot be reached" in (await served.answered()).note


async def test_a_target_that_is_silent_is_504(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "DIAL_SECONDS", 0.1)
    before = open_descriptors()
    with silent() as port:
        answer = await served.refusal(f"/tcp/127.0.0.1:{port}")
    assert answer.status == 504
    assert f"127.0.0.1:{port}" in problem(answer)["detail"]
    await served._clients.aclose()
    await eventually(lambda: open_descriptors() <= before, "no descriptor")


async def test_a_target_of_which_the_system_says_that_it_is_silent_is_504(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connected(_: Place) -> socket.socket:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(dial, "_connected", connected)
    assert (await served.refusal("/tcp/127.0.0.1:80")).status == 504


async def test_an_address_that_is_silent_leaves_time_for_the_next(
    dialer: Dialer, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent() as port:
        places = [Place(socket.AF_INET, 0, ("127.0.0.1", each)) for each in (port, far.port)]

        async def resolve(*_: object) -> list[Place]:
            return places

        monkeypatch.setattr(Dialer, "resolve", resolve)
        with await dialer.connect("x.example", 80, seconds=1.0) as connected:
            assert connected.getpeername()[1] == far.port


def test_a_connection_to_itself_is_refused() -> None:
    with socket.socket() as lonely:
        lonely.bind(("127.0.0.1", 0))
        lonely.connect(lonely.getsockname())
        with pytest.raises(ConnectionRefusedError):
            dial._refuse_itself(lonely)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as two,
    ):
        dial._refuse_itself(two)


@pytest.mark.parametrize(
    ("host", "flag"),
    [
        ("10.0.0.5", "--allow-net 10.0.0.5/32 or --allow-target 10.0.0.5:80"),
        ("169.254.169.254", "--allow-net 169.254.169.254/32"),
        ("[fd00::5]", "--allow-net fd00::5/128 or --allow-target [fd00::5]:80"),
        ("[::ffff:10.0.0.5]", "--allow-net 10.0.0.5/32"),
        ("0.0.0.0", "--allow-net 0.0.0.0/32"),
        ("224.0.0.1", "--allow-net 224.0.0.1/32"),
    ],
)
@pytest.mark.parametrize("prefix", ["/tcp/", "/udp/"])
async def test_a_refused_address_is_403_names_the_flag_and_is_never_dialled(
    served: Served, undialled: list[Place], prefix: str, host: str, flag: str
) -> None:
    answer = await served.refusal(f"{prefix}{host}:80")
    assert answer.status == 403
    assert flag in problem(answer)["hint"]
    assert flag in (await served.answered()).note
    assert undialled == []


async def test_fetchkit_itself_is_never_a_target(
    served: Served, dialer: Dialer, undialled: list[Place]
) -> None:
    dialer.own_ports.add(served.port)
    for target in (f"127.0.0.1:{served.port}", f"127.8.8.8:{served.port}", f"[::1]:{served.port}"):
        for prefix in ("/tcp/", "/udp/"):
            assert (await served.refusal(prefix + target)).status == 403
    assert undialled == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Sec-WebSocket-Version: 8",), 426),
        (("Sec-WebSocket-Key: x",), 400),
        (("Sec-WebSocket-Protocol: a b",), 400),
        (("Sec-WebSocket-Protocol: " + ",".join(["p"] * 40),), 400),
    ],
)
async def test_a_bad_handshake_is_refused_before_anything_is_dialled(
    served: Served, undialled: list[Place], lines: tuple[str, ...], status: int
) -> None:
    client = await RawClient.connect("127.0.0.1", served.port)
    right = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | dict(line.split(": ", 1) for line in lines)
    answer = await client.ask("GET", "/tcp/127.0.0.1:80", *(f"{n}: {v}" for n, v in right.items()))
    assert answer.status == status
    assert undialled == []
    await client.close()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", ["/tcp/127.0.0.1:80", "/udp/127.0.0.1:80", "/tcp/"])
async def test_plain_requests_are_told_to_upgrade(
    served: Served, undialled: list[Place], method: str, path: str
) -> None:
    client = await RawClient.connect("127.0.0.1", served.port)
    answer = await client.ask(method, path)
    assert answer.status == 426
    assert answer.headers["Upgrade"] == "websocket"
    if method != "HEAD":
        assert path in problem(answer)["detail"]
    assert undialled == []
    await client.close()


async def test_a_page_that_leaves_while_its_target_is_dialled_leaves_nothing(served: Served) -> None:
    tasks, before = len(asyncio.all_tasks()), open_descriptors()
    with silent() as port:
        during = open_descriptors()
        shaking = asyncio.ensure_future(served.shake(f"/tcp/127.0.0.1:{port}"))
        await eventually(lambda: open_descriptors() >= during + 3, "it is dialled")
        shaking.cancel()
        await served._clients.aclose()
        await eventually(lambda: open_descriptors() <= during, "no descriptor")
    await asyncio.wait({shaking})
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "no task")
    assert open_descriptors() <= before


async def test_a_connected_target_is_let_go_when_the_page_has_left(
    served: Served, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Relay.begin

    async def late(self: Relay, connected: socket.socket) -> None:
        await begin(self, connected)
        await served._clients.aclose()
        await asyncio.sleep(0.05)

    monkeypatch.setattr(Relay, "begin", late)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await served.shake(f"/tcp/127.0.0.1:{far.port}")
    end = await far.accept()
    with end.socket, pytest.raises(ConnectionResetError):
        await joined(end, 1)


async def test_the_log_says_who_went_where(served: Served, far: Far) -> None:
    page = await served.page(f"/tcp/127.0.0.1:{far.port}", "Origin: http://localhost:8080")
    (await far.accept()).close()
    assert await closed(page) == (b"", closing(1000))
    answered = await served.answered()
    assert (answered.status, answered.note) == (101, f"http://localhost:8080 -> 127.0.0.1:{far.port}")


# --- who may ask, and the handler by itself


@pytest.fixture
async def judging(dialer: Dialer, far: Far) -> AsyncIterator[Served]:
    """An application with a guard; `/` leads to `far`."""
    app = web.Application()
    isolation.setup(app)
    rules = guard.Guard(host_rules(), origin_rules((), "--allow-origin"))
    guard.setup(app, rules)
    tunnel.setup(app, dialer=dialer)
    fixed = tunnel.handshake_to(dialer, Target("127.0.0.1", far.port))
    app.router.add_get("/", answering(guard.guarded(fixed)))
    async with Served(app) as served:
        yield served


@pytest.mark.parametrize("path", ["/tcp/127.0.0.1:80", "/udp/127.0.0.1:80", "/"])
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Origin: http://evil.example",), 403),
        (("Origin: null",), 403),
        (("Sec-Fetch-Site: cross-site",), 403),
        (("Host: evil.example", "Origin: http://evil.example"), 421),
    ],
)
async def test_a_foreign_page_is_refused_before_anything_is_dialled(
    judging: Served, undialled: list[Place], path: str, lines: tuple[str, ...], status: int
) -> None:
    assert (await judging.refusal(path, *lines)).status == status
    assert undialled == []


@pytest.mark.parametrize("lines", [(), ("Origin: http://localhost:1",), ("Sec-Fetch-Site: same-origin",)])
async def test_pages_of_this_machine_and_programs_pass(
    judging: Served, far: Far, lines: tuple[str, ...]
) -> None:
    page = await judging.page("/", *lines)
    with (await far.accept()).socket as there:
        there.sendall(b"fixed")
        assert await page.read() == (BINARY, b"fixed")


async def test_a_name_that_cannot_be_resolved_is_502(
    served: Served, undialled: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    answer = await served.refusal("/tcp/nowhere.example:80")
    assert answer.status == 502
    assert "nowhere.example cannot be resolved" in problem(answer)["detail"]
    assert undialled == []


async def test_prefixes_may_be_renamed_and_the_policy_is_the_default_one(far: Far) -> None:
    app = web.Application()
    tunnel.setup(app, tcp="/x/stream", udp="/x/datagrams")
    async with Served(app) as served:
        await served.page(f"/x/stream/127.0.0.1:{far.port}")
        (await far.accept()).close()
        await served.page("/x/datagrams/127.0.0.1:9")
        assert (await served.refusal("/x/stream/10.0.0.5:80")).status == 403
        assert connection._OPEN in app


def test_importing_the_rules_loads_no_server() -> None:
    code = "import sys; from fetchkit.sockets.tunnel import parse_bridge; print('aiohttp.web' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
