"""Bridges: a port whose every WebSocket goes to one place, judged as the main port judges."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from yarl import URL

from fetchkit import isolation
from fetchkit.events import Answered
from fetchkit.net.dial import Dialer
from fetchkit.net.hosts import host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.sockets import tunnel
from fetchkit.sockets.tunnel.target import Target
from fetchkit.web import guard
from fetchkit.web.keys import events_of
from tests.conftest import Raw, Serve
from tests.files.support import recorded
from tests.forward.test_websocket import BINARY, CLOSE, closing
from tests.raw import RawClient
from tests.sockets.peer import Far, Served, joined

TOKEN = "let-me-in"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def main_app() -> web.Application:
    """What the main port has: shared headers and events."""
    app = web.Application()
    isolation.setup(app, extra=(("X-Extra", "yes"),))
    events_of(app)
    return app


def bridge(main: web.Application, dialer: Dialer, far: Far, token: str = "") -> web.Application:
    target = Target("127.0.0.1", far.port)
    rules = guard.Guard(host_rules(["box.example"]), origin_rules((), "--allow-origin"), token)
    return tunnel.bridge_app(main, tunnel.handshake_to(dialer, target), to=str(target), rules=rules)


@pytest.fixture
async def bridged(dialer: Dialer, far: Far) -> AsyncIterator[Served]:
    async with Served(bridge(main_app(), dialer, far)) as served:
        yield served


@pytest.mark.parametrize("path", ["/", "/127.0.0.1:7", "/a/b?c", "/tcp/10.0.0.5:80", "//", "/%FF", "/posix"])
async def test_every_path_leads_to_the_target(bridged: Served, far: Far, path: str) -> None:
    page = await bridged.page(path)
    with (await far.accept()).socket as there:
        there.sendall(b"here")
        assert await page.read() == (BINARY, b"here")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
async def test_plain_requests_are_told_what_this_port_is(bridged: Served, far: Far, method: str) -> None:
    client = await RawClient.connect("127.0.0.1", bridged.port)
    answer = await client.ask(method, "/index.html")
    assert answer.status == 426
    assert answer.headers["Upgrade"] == "websocket"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert answer.headers["X-Extra"] == "yes"
    if method != "HEAD":
        assert f"127.0.0.1:{far.port}".encode() in answer.body
    await client.close()


async def test_an_accepted_handshake_has_the_shared_headers(bridged: Served, far: Far) -> None:
    page = await bridged.page("/")
    assert page.values("X-Extra") == ["yes"]
    assert page.values("Cross-Origin-Embedder-Policy") == ["require-corp"]
    (await far.accept()).close()


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Origin: http://evil.example",), 403),
        (("Origin: null",), 403),
        (("Sec-Fetch-Site: cross-site",), 403),
        (("Host: evil.example",), 421),
    ],
)
async def test_who_may_not_ask_the_main_port_may_not_ask_a_bridge(
    bridged: Served, far: Far, lines: tuple[str, ...], status: int
) -> None:
    assert (await bridged.refusal("/", *lines)).status == status
    with pytest.raises(BlockingIOError):
        far.listener.accept()


@pytest.mark.parametrize(
    "lines", [("Origin: http://localhost:8080",), ("Host: box.example", "Origin: http://box.example"), ()]
)
async def test_who_may_ask_the_main_port_may_ask_a_bridge(
    bridged: Served, far: Far, lines: tuple[str, ...]
) -> None:
    await bridged.page("/", *lines)
    (await far.accept()).close()


async def test_a_token_is_demanded_of_bridges_too(dialer: Dialer, far: Far) -> None:
    async with Served(bridge(main_app(), dialer, far, TOKEN)) as served:
        assert (await served.refusal("/")).status == 403
        assert (await served.refusal("/?fetchkit-token=wrong")).status == 403
        await served.page(f"/?fetchkit-token={TOKEN}")
        (await far.accept()).close()
        await served.page("/", f"X-Fetchkit-Token: {TOKEN}")
        (await far.accept()).close()


async def test_the_main_ports_bus_hears_of_it(dialer: Dialer, far: Far) -> None:
    main = main_app()
    seen = recorded(main)
    async with Served(bridge(main, dialer, far)) as served:
        page = await served.page("/some/path")
        (await far.accept()).close()
        assert await page.read() == (CLOSE, closing(1000))
        await page.send(CLOSE, closing(1000))
        await served.answered()
    assert [(e.status, e.target) for e in seen if isinstance(e, Answered)] == [(101, "/some/path")]


async def test_a_bridge_stops_with_1001(bridged: Served, far: Far) -> None:
    page = await bridged.page("/")
    end = await far.accept()
    stopping = asyncio.ensure_future(bridged.stop())
    assert await page.read() == (CLOSE, closing(1001, "the server stops"))
    await page.send(CLOSE, closing(1001))
    assert await joined(end, 1) == b""
    end.close()
    await stopping


async def test_any_handler_may_stand_behind_a_bridge() -> None:
    async def teapot(_: web.Request) -> web.StreamResponse:
        return web.Response(status=418)

    app = tunnel.bridge_app(main_app(), teapot, to="a teapot", rules=None)
    async with Served(app) as served:
        assert (await served.refusal("/", "Origin: http://anywhere.example")).status == 418


async def test_a_page_that_was_opened_with_the_token_may_use_a_bridge(serve: Serve, raw: Raw) -> None:
    server = await serve(token="sesame", bridge=("0:echo",))
    (url, _), *_ = server.bridges
    port = URL(url).port
    opened = await (await raw(server)).ask("GET", "/?fetchkit-token=sesame", "Accept: text/html")
    cookie = opened.headers["Set-Cookie"].partition(";")[0]
    page = f"Origin: http://127.0.0.1:{server.port}"
    for line, status in (
        (f"Cookie: {cookie}", 101),
        ("X-Nothing: 1", 403),
        ("Cookie: fetchkit-token-1=sesame", 403),
        (f"Cookie: {cookie}x", 403),
    ):
        client = await RawClient.connect("127.0.0.1", port or 0)
        lines = ["GET / HTTP/1.1", "Host: 127.0.0.1", *HANDSHAKE, page, line, "", ""]
        client.send("\r\n".join(lines).encode())
        assert (await client.head()).status == status, line
        await client.close()
