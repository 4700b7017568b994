"""What is special about a server, seen through the forward: proxies, TLS, limits, kept connections."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from fetchkit import Config, build_app
from fetchkit.errors import ConfigError
from fetchkit.forward import Forward, Target, places
from tests.conftest import Serve
from tests.files.support import eventually
from tests.wire.client import Client
from tests.wire.exchange import request_head
from tests.wire.framing import End
from tests.wire.origin import Connection, Origin, Request, Step, fin, head, pause, request, rst, send

from .test_routes import (
    MIB,
    PAGE,
    Answer,
    answering,
    ask,
    assert_readable,
    by_way,
    field,
    free_port,
    method_of,
    problem,
    reply,
    target_of,
    there,
    upstream,
)

# A name that this machine does not know: only a proxy resolves it.
NAME = "example.test"
LOGIN = "us%20er:p%40ss%2F%C3%A9"
PASSWORD = "p@ss/é"
CREDENTIALS = b"Basic " + base64.b64encode(f"us er:{PASSWORD}".encode())
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may sit behind a proxy."""
    for name in ("http", "https", "ws", "wss", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)
    monkeypatch.delenv("REQUEST_METHOD", raising=False)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    """What names resolve to; those that are asked for and not here cannot be resolved."""
    known: dict[str, tuple[str, ...]] = {"127.0.0.1": ("127.0.0.1",)}

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kind = socket.SOCK_STREAM, socket.IPPROTO_TCP, ""
        return [(socket.AF_INET, *kind, (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def proxied(port: int, host: str = NAME, login: str = "", **more: Any) -> Forward:
    """The settings that send one target through a proxy."""
    url = f"http://{login}{'@' * bool(login)}127.0.0.1:{port}"
    return Forward(targets={host: Target(proxy=url, **more)})


def only(**settings: Any) -> Forward:
    """The settings of the one target of most tests."""
    return Forward(targets={"127.0.0.1": Target(**settings)})


# --- TLS servers and tunnels


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    """The file of the CA that signs for the servers here."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def secured(origin: Origin, certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """A port that speaks TLS in front of an origin."""
    tasks: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", origin.port)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.transport.abort()
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(relay(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context_of(certificate))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def tunnelling(port: int) -> Step:
    """Answer CONNECT, and pass bytes on to a port of this machine, whatever was named."""

    async def step(connection: Connection) -> None:
        await head(connection)
        await connection.wire.send(ESTABLISHED)
        loop = asyncio.get_running_loop()
        with socket.socket() as far:
            far.setblocking(False)
            await loop.sock_connect(far, ("127.0.0.1", port))

            async def back() -> None:
                with contextlib.suppress(OSError):
                    while piece := await loop.sock_recv(far, 65536):
                        await connection.wire.send(piece)
                connection.wire.fin()

            backwards = asyncio.ensure_future(back())
            try:
                while piece := await connection.wire.receive():
                    await loop.sock_sendall(far, piece)
            finally:
                backwards.cancel()
                await asyncio.gather(backwards, return_exceptions=True)

    return step


@contextlib.asynccontextmanager
async def tunnelled(
    authority: trustme.CA, answer: Answer = lambda _: reply()
) -> AsyncIterator[tuple[Origin, Origin]]:
    """The server NAME, and a proxy that has a way to it."""
    async with (
        upstream(answer) as origin,
        secured(origin, authority.issue_cert(NAME)) as port,
        Origin(((tunnelling(port),),)) as proxy,
    ):
        yield origin, proxy


def through(name: str = NAME, target: str = "/", scheme: str = "http") -> str:
    """The target that asks the forward for something that only a proxy can reach."""
    return f"/forward/{scheme}://{name}{target}"


# --- An upstream proxy for http://


async def test_a_proxy_is_asked_with_the_whole_url(serve: Serve) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port))
        outcome = await ask(server, "GET", through(target="/a//b%2Fc?d={e}&f"), f"Origin: {PAGE}")
        assert (outcome.status, outcome.body) == (200, b"hello")
        assert_readable(outcome)
        [asked] = proxy.requests
        assert asked.line == b"GET http://example.test/a//b%2Fc?d={e}&f HTTP/1.1"
        assert asked.values("Host") == [b"example.test"]
        assert not asked.values("Proxy-Authorization")


async def test_a_port_that_is_not_the_scheme_s_own_is_named_to_the_proxy(serve: Serve) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port))
        await ask(server, "GET", through(f"{NAME}:8080"))
        assert target_of(proxy.requests[0]) == f"http://{NAME}:8080/"
        assert field(proxy.requests[0], "Host") == f"{NAME}:8080"


async def test_an_upload_passes_a_proxy(serve: Serve) -> None:
    async with upstream(lambda asked: reply(body=asked.body)) as proxy:
        server = await serve(forward=proxied(proxy.port))
        outcome = await ask(server, "PUT", through(), body=bytes(200_000))
        assert (outcome.status, outcome.body) == (200, bytes(200_000))


async def test_the_login_of_a_proxy_goes_to_the_proxy_alone(serve: Serve) -> None:
    def answer(asked: Request) -> bytes:
        return reply() if target_of(asked).endswith("/next") else reply(302, "Location: /next")

    async with upstream(answer) as proxy:
        server = await serve(forward=proxied(proxy.port, login=LOGIN))
        outcome = await ask(server, "GET", through())
        assert outcome.status == 200
        assert [each.values("Proxy-Authorization") for each in proxy.requests] == [[CREDENTIALS]] * 2
        assert CREDENTIALS not in repr(outcome.headers).encode() + outcome.body
        assert not [each for each in proxy.requests if b"p%40ss" in each.line or each.values("Authorization")]


async def test_a_login_does_not_follow_a_redirect_away_from_the_proxy(serve: Serve) -> None:
    async with upstream() as origin, upstream(lambda _: reply(302, f"Location: {there(origin)}")) as proxy:
        server = await serve(forward=proxied(proxy.port, login=LOGIN))
        assert (await ask(server, "GET", through())).status == 200
        assert field(proxy.requests[0], "Proxy-Authorization") == CREDENTIALS.decode()
        assert not origin.requests[0].values("Proxy-Authorization")


async def test_what_a_page_says_to_a_proxy_goes_to_none(serve: Serve) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port, login="a:b"))
        await ask(server, "GET", through(), "Proxy-Authorization: Basic page", "Proxy-Connection: close")
        [asked] = proxy.requests
        assert asked.values("Proxy-Authorization") == [b"Basic " + base64.b64encode(b"a:b")]
        assert not asked.values("Proxy-Connection")


@pytest.mark.parametrize("login", ["", LOGIN], ids=["anonymous", "login"])
async def test_connections_to_a_proxy_are_kept(login: str, serve: Serve) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port, login=login))
        for _ in range(4):
            assert (await ask(server, "GET", through())).status == 200
        assert (len(proxy.connections), len(proxy.requests)) == (1, 4)


@pytest.mark.parametrize(
    ("login", "sent"), [("user", b"user:"), (":only", b":only"), ("a:b:c", b"a:b:c")], ids=repr
)
async def test_half_a_login_is_sent_as_it_is(login: str, sent: bytes, serve: Serve) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port, login=login))
        assert (await ask(server, "GET", through())).status == 200
        assert proxy.requests[0].values("Proxy-Authorization") == [b"Basic " + base64.b64encode(sent)]


def test_a_login_that_cannot_be_sent_ends_the_start(folder: Path) -> None:
    settings = proxied(9, login="a%3Ab:secret")
    with pytest.raises(ConfigError, match="colon") as refused:
        build_app(Config(directory=folder, forward=settings))
    assert "secret" not in str(refused.value)


async def test_other_targets_go_without_the_proxy_of_one(serve: Serve) -> None:
    async with upstream() as proxy, upstream() as origin:
        server = await serve(forward=proxied(proxy.port))
        assert (await ask(server, "GET", by_way(origin))).status == 200
        assert (len(proxy.connections), target_of(origin.requests[0])) == (0, "/")


# --- A tunnel for https://


@pytest.mark.parametrize("login", ["", LOGIN], ids=["anonymous", "login"])
async def test_https_goes_through_a_tunnel(login: str, serve: Serve, authority: trustme.CA, ca: Path) -> None:
    async with tunnelled(authority) as (origin, proxy):
        server = await serve(forward=proxied(proxy.port, login=login, ca=ca))
        for number in range(4):
            outcome = await ask(server, "GET", through(target=f"/{number}?q", scheme="https"))
            assert (outcome.status, outcome.body) == (200, b"hello")
        [tunnel] = proxy.requests
        assert tunnel.line == f"CONNECT {NAME}:443 HTTP/1.1".encode()
        assert tunnel.values("Proxy-Authorization") == ([CREDENTIALS] if login else [])
        assert [target_of(each) for each in origin.requests] == [f"/{number}?q" for number in range(4)]
        assert {field(each, "Host") for each in origin.requests} == {NAME}
        assert not [each for each in origin.requests if each.values("Proxy-Authorization")]
        assert len(origin.connections) == len(proxy.connections) == 1


async def test_a_body_passes_a_tunnel_both_ways(serve: Serve, authority: trustme.CA, ca: Path) -> None:
    async with tunnelled(authority, lambda asked: reply(body=asked.body)) as (_, proxy):
        server = await serve(forward=proxied(proxy.port, ca=ca))
        outcome = await ask(server, "POST", through(scheme="https"), body=bytes(300_000))
        assert (outcome.status, outcome.body) == (200, bytes(300_000))


async def test_the_certificate_behind_a_tunnel_is_verified(serve: Serve, authority: trustme.CA) -> None:
    async with tunnelled(authority) as (origin, proxy):
        server = await serve(forward=proxied(proxy.port))
        outcome = await ask(server, "GET", through(scheme="https"))
        assert (outcome.status, "verify = false" in problem(outcome)["hint"]) == (502, True)
        assert not origin.requests


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_proxy_itself_may_speak_tls(
    scheme: str, serve: Serve, authority: trustme.CA, ca: Path
) -> None:
    async with (
        tunnelled(authority) as (origin, tunnel),
        upstream() as plain,
        secured(tunnel if scheme == "https" else plain, authority.issue_cert("127.0.0.1")) as port,
    ):
        target = Target(proxy=f"https://{LOGIN}@127.0.0.1:{port}", ca=ca)
        server = await serve(forward=Forward(targets={NAME: target}))
        for _ in range(2):
            assert (await ask(server, "GET", through(target="/x", scheme=scheme))).status == 200
        asked = tunnel.requests if scheme == "https" else plain.requests
        assert {field(each, "Proxy-Authorization") for each in asked} == {CREDENTIALS.decode()}
        assert [target_of(each) for each in origin.requests] == ["/x", "/x"] * (scheme == "https")


# --- A proxy that refuses

BAD_PROXIES: dict[str, tuple[Step, ...]] = {
    "login wanted": (
        request,
        send(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"),
    ),
    "garbage": (request, send(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n")),
    "end": (request, fin),
    "reset": (request, rst),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("steps", BAD_PROXIES.values(), ids=BAD_PROXIES)
async def test_a_proxy_that_is_none_or_refuses_is_a_502(
    steps: tuple[Step, ...], scheme: str, serve: Serve
) -> None:
    async with Origin((steps,)) as proxy:
        server = await serve(forward=proxied(proxy.port, login=LOGIN))
        outcome = await ask(server, "GET", through(scheme=scheme), f"Origin: {PAGE}")
        problem(outcome)
        assert outcome.status == 502
        assert_readable(outcome)
        assert CREDENTIALS not in outcome.body
        assert not [
            word for word in ("us er", "us%20er", PASSWORD, "p%40ss") if word in outcome.body.decode()
        ]
        assert not outcome.values("Proxy-Authenticate")


async def test_a_tunnel_that_ends_in_garbage_is_a_502_that_does_not_say_where_the_proxy_is(
    serve: Serve,
) -> None:
    async with Origin((BAD_PROXIES["garbage"],)) as proxy:
        server = await serve(forward=proxied(proxy.port))
        said = problem(await ask(server, "GET", through(scheme="https")))
        assert (said["status"], "proxy" in said["detail"]) == (502, True)
        assert str(proxy.port) not in repr(said)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_asks_for_a_login_is_a_502_that_says_where_to_put_it(
    scheme: str, serve: Serve
) -> None:
    async with Origin((BAD_PROXIES["login wanted"],)) as proxy:
        server = await serve(forward=proxied(proxy.port))
        said = problem(await ask(server, "GET", through(scheme=scheme)))
        assert (said["status"], "login" in said["detail"], "URL" in said["hint"]) == (502, True, True)


@pytest.mark.parametrize("status", [403, 502, 503])
async def test_a_tunnel_that_is_refused_is_a_502_that_names_the_proxy(status: int, serve: Serve) -> None:
    async with upstream(lambda _: reply(status)) as proxy:
        server = await serve(forward=proxied(proxy.port))
        said = problem(await ask(server, "GET", through(scheme="https")))
        assert (said["status"], str(status) in said["detail"], "proxy" in said["detail"]) == (502, True, True)


async def test_the_answer_of_a_proxy_in_the_way_of_a_server_s_is_the_page_s(serve: Serve) -> None:
    async with upstream(lambda _: reply(503, body=b"the proxy is tired")) as proxy:
        outcome = await ask(await serve(forward=proxied(proxy.port)), "GET", through())
        assert (outcome.status, outcome.body) == (503, b"the proxy is tired")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_a_502(scheme: str, serve: Serve) -> None:
    server = await serve(forward=proxied(free_port(), login=LOGIN))
    outcome = await ask(server, "GET", through(scheme=scheme))
    assert (outcome.status, "refused" in problem(outcome)["detail"]) == (502, True)
    assert problem(outcome)["detail"].startswith("The upstream proxy")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_says_nothing_is_a_504(scheme: str, serve: Serve) -> None:
    async with Origin(((request,),)) as proxy:
        server = await serve(forward=proxied(proxy.port, connect_timeout=0.3, stall_timeout=0.3))
        outcome = await ask(server, "GET", through(scheme=scheme))
        assert (outcome.status, "timeout" in problem(outcome)["hint"]) == (504, True)
        await eventually(lambda: proxy.connections[0].gone is not None, "the proxy is left too")


REFUSED = ["10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]", "[::ffff:10.0.0.1]"]


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_is_not_asked_for_an_address_that_is_refused(
    scheme: str, address: str, serve: Serve
) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port, host=address))
        outcome = await ask(server, "GET", through(address, scheme=scheme), f"Origin: {PAGE}")
        assert (outcome.status, "--allow-net" in problem(outcome)["hint"]) == (403, True)
        assert_readable(outcome)
        assert not proxy.connections


async def test_the_proxy_of_the_environment_is_not_asked_for_an_address_that_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with upstream() as proxy:
        monkeypatch.setenv("HTTP_PROXY", there(proxy))
        outcome = await ask(await serve(), "GET", through("10.0.0.1"))
        assert (outcome.status, proxy.connections) == (403, [])


async def test_an_address_that_is_allowed_goes_to_the_proxy(serve: Serve) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port, host="10.0.0.1"), allow_net=("10.0.0.0/8",))
        assert (await ask(server, "GET", through("10.0.0.1"))).status == 200
        assert target_of(proxy.requests[0]) == "http://10.0.0.1/"


async def test_a_proxy_itself_is_not_judged_because_the_user_named_it(serve: Serve) -> None:
    async with upstream() as proxy:
        server = await serve(forward=proxied(proxy.port), deny_net=("127.0.0.0/8",))
        assert (await ask(server, "GET", through())).status == 200
        assert (await ask(server, "GET", by_way(proxy))).status == 403


# --- The environment's proxies


@pytest.mark.parametrize("value", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://127.0.0.1:{}/"])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_the_environment_names_a_proxy(
    name: str, value: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with upstream() as proxy:
        monkeypatch.setenv(name, value.format(proxy.port))
        outcome = await ask(await serve(), "GET", through(target="/x"))
        assert (outcome.status, target_of(proxy.requests[0])) == (200, f"http://{NAME}/x")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_the_environment_names_a_proxy_for_https(
    name: str, serve: Serve, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, ca: Path
) -> None:
    async with tunnelled(authority) as (_, proxy):
        monkeypatch.setenv(name, f"http://{LOGIN}@127.0.0.1:{proxy.port}")
        server = await serve(forward=Forward(targets={NAME: Target(ca=ca)}))
        assert (await ask(server, "GET", through(scheme="https"))).status == 200
        assert field(proxy.requests[0], "Proxy-Authorization") == CREDENTIALS.decode()


# Where a proxy stands in the way, the answer is 200; else the name cannot be resolved.
BYPASSED = {
    "another name": ({"NO_PROXY": "other.test"}, True),
    "the name": ({"NO_PROXY": f"other.test, {NAME}"}, False),
    "its domain": ({"NO_PROXY": ".test"}, False),
    "its port": ({"NO_PROXY": f"{NAME}:80"}, False),
    "another port": ({"NO_PROXY": f"{NAME}:81"}, True),
    "everything": ({"no_proxy": "*"}, False),
}


@pytest.mark.parametrize(("more", "goes"), BYPASSED.values(), ids=BYPASSED)
async def test_no_proxy_names_who_is_asked_directly(
    more: dict[str, str],
    goes: bool,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, tuple[str, ...]],
) -> None:
    assert NAME not in names
    async with upstream() as proxy:
        for name, value in ({"HTTP_PROXY": there(proxy)} | more).items():
            monkeypatch.setenv(name, value)
        outcome = await ask(await serve(), "GET", through())
        assert (outcome.status, len(proxy.connections)) == ((200, 1) if goes else (502, 0))


async def test_loopback_never_goes_through_the_environment_s_proxy(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with upstream() as origin, upstream() as proxy:
        monkeypatch.setenv("HTTP_PROXY", there(proxy))
        server = await serve()
        for host in ("127.0.0.1", "localhost"):
            assert (await ask(server, "GET", by_way(origin, host=host))).status == 200
        assert not proxy.connections


@pytest.mark.parametrize(("scheme", "other"), [("http", "HTTPS_PROXY"), ("https", "HTTP_PROXY")])
async def test_the_proxy_of_the_other_scheme_is_not_asked(
    scheme: str,
    other: str,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    names: dict[str, tuple[str, ...]],
) -> None:
    assert NAME not in names
    async with upstream() as proxy:
        monkeypatch.setenv(other, there(proxy))
        outcome = await ask(await serve(), "GET", through(scheme=scheme))
        assert (outcome.status, "resolved" in problem(outcome)["detail"]) == (502, True)
        assert not proxy.connections


async def test_a_target_may_do_without_the_environment_s_proxy(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, names: dict[str, tuple[str, ...]]
) -> None:
    names[NAME] = ("127.0.0.1",)
    async with upstream() as origin, upstream() as proxy:
        monkeypatch.setenv("HTTP_PROXY", there(proxy))
        server = await serve(forward=Forward(targets={NAME: Target(proxy="none")}))
        assert (await ask(server, "GET", by_way(origin, "/x", NAME))).status == 200
        assert (target_of(origin.requests[0]), proxy.connections) == ("/x", [])


async def test_the_proxy_of_a_target_is_asked_before_the_environment_s(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with upstream() as special, upstream() as common:
        monkeypatch.setenv("HTTP_PROXY", there(common))
        monkeypatch.setenv("NO_PROXY", "*")
        server = await serve(forward=proxied(special.port))
        assert (await ask(server, "GET", through())).status == 200
        assert (len(special.requests), common.connections) == (1, [])


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1080", "http://", "http://a%3Ab:secret@127.0.0.1:9"])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_that_cannot_be_used_is_a_502_that_names_the_variable(
    name: str, value: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    outcome = await ask(await serve(), "GET", through(), f"Origin: {PAGE}")
    said = problem(outcome)
    assert (outcome.status, name in said["hint"], 'proxy = "none"' in said["hint"]) == (502, True, True)
    assert b"secret" not in outcome.body
    assert_readable(outcome)


# --- TLS

Issue = Callable[[trustme.CA], trustme.LeafCert]
LONG_AGO = datetime.now(UTC) - timedelta(days=400)

UNTRUSTED: dict[str, tuple[Issue, bool, str]] = {
    "unknown CA": (lambda ca: ca.issue_cert("127.0.0.1"), False, ""),
    "another name": (lambda ca: ca.issue_cert("other.test"), True, "match"),
    "expired": (
        lambda ca: ca.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO + timedelta(days=1)),
        True,
        "expired",
    ),
}


@pytest.mark.parametrize(("issue", "known", "word"), UNTRUSTED.values(), ids=UNTRUSTED)
async def test_a_certificate_that_is_not_trusted_is_a_502_with_the_keys(
    issue: Issue, known: bool, word: str, serve: Serve, authority: trustme.CA, ca: Path
) -> None:
    async with upstream() as origin, secured(origin, issue(authority)) as port:
        server = await serve(forward=only(ca=ca) if known else Forward())
        outcome = await ask(server, "GET", f"/forward/https://127.0.0.1:{port}/", f"Origin: {PAGE}")
        said = problem(outcome)
        assert (outcome.status, "certificate" in said["detail"], word in said["detail"]) == (502, True, True)
        assert '[forward.targets."127.0.0.1"] ca' in said["hint"]
        assert "verify = false" in said["hint"]
        assert_readable(outcome)
        assert not origin.requests


@pytest.mark.parametrize(("issue", "known", "word"), UNTRUSTED.values(), ids=UNTRUSTED)
async def test_without_verification_any_certificate_will_do(
    issue: Issue, known: bool, word: str, serve: Serve, authority: trustme.CA
) -> None:
    assert isinstance(known, bool)
    assert isinstance(word, str)
    async with upstream() as origin, secured(origin, issue(authority)) as port:
        server = await serve(forward=only(verify=False))
        outcome = await ask(server, "GET", f"/forward/https://127.0.0.1:{port}/x?y")
        assert (outcome.status, outcome.body, target_of(origin.requests[0])) == (200, b"hello", "/x?y")


async def test_a_ca_of_a_target_is_trusted_for_it_alone(
    serve: Serve, authority: trustme.CA, ca: Path
) -> None:
    async with upstream() as origin, secured(origin, authority.issue_cert("127.0.0.1", "localhost")) as port:
        server = await serve(forward=only(ca=ca))
        assert (await ask(server, "GET", f"/forward/https://127.0.0.1:{port}/")).status == 200
        assert (await ask(server, "GET", f"/forward/https://localhost:{port}/")).status == 502
        assert len(origin.requests) == 1


async def test_connections_with_tls_are_kept(serve: Serve, authority: trustme.CA, ca: Path) -> None:
    async with upstream() as origin, secured(origin, authority.issue_cert("127.0.0.1")) as port:
        server = await serve(forward=only(ca=ca))
        for method in ("GET", "POST", "HEAD", "GET"):
            assert (await ask(server, method, f"/forward/https://127.0.0.1:{port}/")).status == 200
        assert (len(origin.connections), len(origin.requests)) == (1, 4)


async def test_plain_http_on_https_is_a_502(serve: Serve) -> None:
    async with Origin(((send(reply(400)), fin),)) as origin:
        outcome = await ask(
            await serve(), "GET", f"/forward/https://127.0.0.1:{origin.port}/", f"Origin: {PAGE}"
        )
        assert outcome.status == 502
        assert "does not speak TLS as it should: wrong version number" in problem(outcome)["detail"]
        assert "http://" in problem(outcome)["hint"]
        assert_readable(outcome)


async def test_tls_on_http_is_a_502(serve: Serve, authority: trustme.CA) -> None:
    async with upstream() as origin, secured(origin, authority.issue_cert("127.0.0.1")) as port:
        outcome = await ask(await serve(), "GET", f"/forward/http://127.0.0.1:{port}/", f"Origin: {PAGE}")
        assert (outcome.status, bool(problem(outcome)["detail"])) == (502, True)
        assert_readable(outcome)
        assert not origin.requests


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_ca_that_cannot_be_read_ends_the_start(content: bytes | None, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca of api\.example cannot be read"):
        build_app(Config(directory=folder, forward=Forward(targets={"api.example": Target(ca=path)})))


# --- Names and addresses


async def test_a_name_that_cannot_be_resolved_is_a_502(
    serve: Serve, names: dict[str, tuple[str, ...]]
) -> None:
    assert NAME not in names
    outcome = await ask(await serve(), "GET", through(), f"Origin: {PAGE}")
    assert (outcome.status, NAME in problem(outcome)["detail"]) == (502, True)
    assert_readable(outcome)


async def test_a_refused_connection_is_a_502(serve: Serve) -> None:
    outcome = await ask(await serve(), "GET", f"/forward/http://127.0.0.1:{free_port()}/", f"Origin: {PAGE}")
    assert (outcome.status, "refused" in problem(outcome)["detail"]) == (502, True)
    assert_readable(outcome)


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.2", "127.0.0.1"),
        ("10.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "10.0.0.1"),
        ("169.254.169.254", "127.0.0.3", "127.0.0.1"),
    ],
    ids=" ".join,
)
async def test_the_addresses_of_a_name_are_tried_in_order(
    addresses: tuple[str, ...], serve: Serve, names: dict[str, tuple[str, ...]]
) -> None:
    names[NAME] = addresses  # nobody listens at 127.0.0.2 and .3, and the others are refused
    async with upstream() as origin:
        outcome = await ask(await serve(), "GET", by_way(origin, host=NAME))
        assert (outcome.status, outcome.body) == (200, b"hello")


@pytest.mark.parametrize(
    ("addresses", "status"),
    [(("10.0.0.1", "169.254.169.254"), 403), (("10.0.0.1", "127.0.0.2"), 502), (("127.0.0.2",), 502)],
)
async def test_a_name_whose_addresses_all_fail_fails(
    addresses: tuple[str, ...], status: int, serve: Serve, names: dict[str, tuple[str, ...]]
) -> None:
    names[NAME] = addresses
    async with upstream() as origin:
        outcome = await ask(await serve(), "GET", by_way(origin, host=NAME))
        assert (outcome.status, problem(outcome)["status"], origin.connections) == (status, status, [])


# --- Limits of time


def limits(place: str, **settings: float) -> Forward:
    """The same limit for every target, or for one that has a larger one elsewhere."""
    if place == "everywhere":
        return Forward(**settings)  # type: ignore[arg-type]
    return Forward(targets={"127.0.0.1": Target(**settings)})  # type: ignore[arg-type]


PLACES = ["everywhere", "target"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_server_that_does_not_answer_in_time_is_a_504(place: str, serve: Serve) -> None:
    async with Origin(((request,),)) as origin:
        server = await serve(forward=limits(place, stall_timeout=0.2))
        began = asyncio.get_running_loop().time()
        outcome = await ask(server, "GET", by_way(origin), f"Origin: {PAGE}")
        assert asyncio.get_running_loop().time() - began >= 0.2
        assert (outcome.status, "stall-timeout" in problem(outcome)["hint"]) == (504, True)
        assert_readable(outcome)
        await eventually(lambda: origin.connections[0].gone is not None, "the server is left too")
        assert len(origin.requests) == 1


async def _reads_nothing(connection: Connection) -> None:
    await head(connection)
    await asyncio.sleep(60)


@pytest.mark.parametrize("place", PLACES)
async def test_a_server_that_does_not_take_the_body_in_time_is_a_504(place: str, serve: Serve) -> None:
    async with Origin(((_reads_nothing,),)) as origin:
        server = await serve(forward=limits(place, stall_timeout=0.3))
        outcome = await ask(server, "POST", by_way(origin), f"Origin: {PAGE}", body=bytes(32 * MIB))
        assert outcome.status == 504
        assert "took nothing of the request's body for 0.3 s" in problem(outcome)["detail"]
        assert "stall-timeout" in problem(outcome)["hint"]
        assert_readable(outcome)


async def test_a_page_that_pauses_within_its_body_is_waited_for(serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(forward=Forward(stall_timeout=0.2))
        client = await Client.connect(server.port)
        await client.send(request_head("POST", by_way(origin), "Content-Length: 2"), b"a", b"b", gap=0.5)
        assert (await client.read()).status == 200
        client.close()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_body_that_stalls_is_cut(framing: str, place: str, serve: Serve) -> None:
    begun = {
        "length": BEGUN,
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        "close": b"HTTP/1.1 200 OK\r\n\r\nx",
    }
    async with Origin(((request, send(begun[framing])),)) as origin:
        server = await serve(forward=limits(place, stall_timeout=0.2))
        outcome = await ask(server, "GET", by_way(origin))
        assert (outcome.status, outcome.body) == (200, b"x")
        assert outcome.end in (End.CUT, End.RESET)
        await eventually(lambda: origin.connections[0].gone is not None, "the server is left too")


async def test_a_slow_body_that_never_stalls_is_whole(serve: Serve) -> None:
    async def slow(connection: Connection) -> None:
        await request(connection)
        await connection.wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.2)
            await connection.wire.send(b"x")

    async with Origin(((slow,),)) as origin:
        outcome = await ask(await serve(forward=only(stall_timeout=1.0)), "GET", by_way(origin))
        assert (outcome.end, outcome.body) == (End.COMPLETE, b"x" * 8)


async def test_the_limit_of_a_target_wins_over_the_common_one(serve: Serve) -> None:
    async with Origin(((request, pause(0.4), send(reply())),)) as origin:
        server = await serve(
            forward=Forward(stall_timeout=0.1, targets={"127.0.0.1": Target(stall_timeout=8.0)})
        )
        assert (await ask(server, "GET", by_way(origin))).status == 200


@pytest.mark.parametrize("place", PLACES)
async def test_a_connection_that_does_not_stand_in_time_is_a_504(place: str, serve: Serve) -> None:
    # Who listens and never accepts: once its queue is full, the kernel answers no more SYN.
    with socket.socket() as full, contextlib.ExitStack() as queue:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        server = await serve(forward=limits(place, connect_timeout=0.2))
        url = f"/forward/http://127.0.0.1:{full.getsockname()[1]}/"
        outcome = await ask(server, "GET", url, f"Origin: {PAGE}")
        assert (outcome.status, "connect-timeout" in problem(outcome)["hint"]) == (504, True)
        assert_readable(outcome)


@pytest.mark.parametrize("place", PLACES)
async def test_a_tls_handshake_that_stalls_is_a_504(place: str, serve: Serve) -> None:
    async with Origin(((),)) as origin:
        server = await serve(forward=limits(place, connect_timeout=0.2))
        outcome = await ask(server, "GET", f"/forward/https://127.0.0.1:{origin.port}/")
        assert (outcome.status, "connect-timeout" in problem(outcome)["hint"]) == (504, True)


# --- Fields of a target


async def test_fields_from_the_environment_reach_their_target_alone(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "s3cret")
    headers = {"X-Key": "Bearer ${API_KEY}", "X-Plain": "1"}
    async with upstream() as special, upstream() as other:
        target = {f"127.0.0.1:{special.port}": Target(headers=headers)}
        server = await serve(forward=Forward(targets=target))
        outcome = await ask(server, "GET", by_way(special), "X-Key: of the page")
        assert special.requests[0].values("X-Key") == [b"Bearer s3cret"]
        assert special.requests[0].values("X-Plain") == [b"1"]
        await ask(server, "GET", by_way(other))
        assert not other.requests[0].values("X-Key") + other.requests[0].values("X-Plain")
        assert "s3cret" not in repr(outcome)


@pytest.mark.parametrize("inward", [True, False], ids=["to the target", "away from it"])
async def test_fields_of_a_target_are_its_own_after_a_redirect_too(inward: bool, serve: Serve) -> None:
    async with upstream() as last, upstream(lambda _: reply(307, f"Location: {there(last)}")) as first:
        special = last if inward else first
        target = {f"127.0.0.1:{special.port}": Target(headers={"Authorization": "Bearer key"})}
        server = await serve(forward=Forward(targets=target))
        assert (await ask(server, "POST", by_way(first), body=b"x")).status == 200
        sent = [bool(origin.requests[0].values("Authorization")) for origin in (first, last)]
        assert sent == [not inward, inward]


# --- How many at once


async def test_one_more_than_allowed_waits_until_one_leaves_or_ends(serve: Serve) -> None:
    async def held(connection: Connection) -> None:
        while True:
            await request(connection)
            await go.wait()
            await connection.wire.send(reply())

    go = asyncio.Event()
    server = await serve(forward=only(concurrency=1))
    async with Origin(((held,),)) as origin:
        client = await Client.connect(server.port)
        await client.send(request_head("GET", by_way(origin, "/leaves")))
        await eventually(lambda: len(origin.requests) == 1, "it is asked")
        waiting = [asyncio.create_task(ask(server, "GET", by_way(origin, f"/{n}"))) for n in range(2)]
        await asyncio.sleep(0.05)
        assert len(origin.requests) == 1
        client.close()
        await eventually(lambda: len(origin.requests) == 2, "the next is asked")
        assert not go.is_set()
        go.set()
        assert [(await each).status for each in waiting] == [200, 200]


async def test_a_name_behind_a_proxy_has_places_of_its_own(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PLACE_SECONDS", 0.1)
    async with Origin(((request,), (answering(lambda _: reply()),))) as proxy:
        one = Target(proxy=there(proxy), concurrency=1)
        server = await serve(forward=Forward(targets={NAME: one, "other.test": one}))
        first = asyncio.create_task(ask(server, "GET", through()))
        await eventually(lambda: len(proxy.requests) == 1, "it is asked")
        said = problem(await ask(server, "GET", through()))
        assert (said["status"], "concurrency" in said["hint"]) == (503, True)
        assert (await ask(server, "GET", through("other.test"))).status == 200
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


# --- Kept connections


async def test_connections_are_kept_and_used_again(serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve()
        for method in ("GET", "HEAD", "POST", "PUT", "GET"):
            body = b"x" if method in ("POST", "PUT") else None
            assert (await ask(server, method, by_way(origin), body=body)).status == 200
        assert (len(origin.connections), len(origin.requests)) == (1, 5)


@pytest.mark.parametrize("way", [rst, fin], ids=["reset", "end"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PUT", "POST", "PATCH"])
async def test_a_stale_connection_costs_only_what_may_not_be_sent_twice(
    method: str, way: Step, serve: Serve
) -> None:
    again = method not in ("POST", "PATCH")
    script = (request, send(reply()), request, way)
    async with Origin((script, (answering(lambda _: reply()),))) as origin:
        server = await serve()
        assert (await ask(server, "GET", by_way(origin))).status == 200
        outcome = await ask(server, method, by_way(origin, "/again"))
        assert outcome.status == (200 if again else 502)
        sent = [method_of(each) for each in origin.requests if target_of(each) == "/again"]
        assert sent == [method] * (1 + again)


async def test_a_body_is_not_sent_twice(serve: Serve) -> None:
    script = (request, send(reply()), request, rst)
    async with Origin((script, (answering(lambda _: reply()),))) as origin:
        server = await serve()
        await ask(server, "GET", by_way(origin))
        assert (await ask(server, "PUT", by_way(origin, "/again"), body=b"x")).status == 502
        assert len(origin.connections) == 1


async def test_a_fresh_connection_that_breaks_is_not_tried_again(serve: Serve) -> None:
    async with Origin(((request, rst), (answering(lambda _: reply()),))) as origin:
        assert (await ask(await serve(), "GET", by_way(origin))).status == 502
        assert len(origin.connections) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_was_closed_meanwhile_is_not_used(method: str, serve: Serve) -> None:
    async with Origin(((request, send(reply()), fin), (answering(lambda _: reply()),))) as origin:
        server = await serve()
        await ask(server, "GET", by_way(origin))
        await eventually(lambda: origin.connections[0].gone is not None, "the forward has seen the end")
        assert (await ask(server, method, by_way(origin))).status == 200
        assert len(origin.connections) == 2


async def test_all_stale_connections_of_a_server_are_passed_over(serve: Serve) -> None:
    count, go = 3, asyncio.Event()

    async def stale(connection: Connection) -> None:
        await request(connection)
        await go.wait()
        await connection.wire.send(reply())
        await request(connection)
        await rst(connection)

    async with Origin((*[(stale,)] * count, (answering(lambda _: reply()),))) as origin:
        server = await serve()
        asking = [asyncio.create_task(ask(server, "GET", by_way(origin))) for _ in range(count)]
        await eventually(lambda: len(origin.requests) == count, "all are asked")
        go.set()
        assert [(await each).status for each in asking] == [200] * count
        assert (await ask(server, "GET", by_way(origin, "/again"))).status == 200
        assert len(origin.connections) == count + 1


async def test_an_answer_nobody_asked_for_is_nobody_s(serve: Serve) -> None:
    talkative = (request, send(reply(), reply(body=b"wrong")))
    async with Origin((talkative, (answering(lambda _: reply(body=b"right")),))) as origin:
        server = await serve()
        assert (await ask(server, "GET", by_way(origin))).body == b"hello"
        assert (await ask(server, "GET", by_way(origin))).body == b"right"
        assert origin.connections[0].gone is not None


async def test_a_kept_connection_that_says_something_meanwhile_is_not_used(serve: Serve) -> None:
    go, said = asyncio.Event(), asyncio.Event()

    async def late(connection: Connection) -> None:
        await request(connection)
        await connection.wire.send(reply())
        await go.wait()
        await connection.wire.send(reply(body=b"wrong"))
        said.set()

    async with Origin(((late,), (answering(lambda _: reply(body=b"right")),))) as origin:
        server = await serve()
        assert (await ask(server, "GET", by_way(origin))).body == b"hello"
        go.set()
        await said.wait()
        for _ in range(10):  # loopback has delivered it already; the loop reads it in its next turn
            await asyncio.sleep(0.001)
        assert (await ask(server, "GET", by_way(origin))).body == b"right"
