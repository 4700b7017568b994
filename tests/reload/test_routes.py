"""The WebSocket of pages that reload: who may open it, what it says, and how it ends."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from fetchkit import Config, Server, files, reload, running
from fetchkit.events import Event, Rebuilt
from fetchkit.reload import routes
from fetchkit.reload.pages import Look
from fetchkit.reload.rules import TICK_NS
from fetchkit.web.keys import events_of
from tests.conftest import Raw, Serve

DEADLINE = 20.0
Connect = Callable[..., Awaitable["Tab"]]


class Tab:
    """A page in a browser: it says what it asked for, and hears that it has to reload."""

    def __init__(self, socket: ClientWebSocketResponse, clock: float) -> None:
        self.socket = socket
        self.clock = clock

    @classmethod
    async def opened(cls, socket: ClientWebSocketResponse) -> "Tab":
        """One that has been told the server's time."""
        tab = cls(socket, 0)
        tab.clock = (await tab.hear())["clock"]
        assert abs(time.time() * 1000 - tab.clock) < DEADLINE * 1000
        return tab

    async def say(self, *targets: str, age: float | None = None, page: str = "/") -> None:
        """Say what it asked for: when its WebSocket opened, or so many ms ago."""
        at = self.clock if age is None else time.time() * 1000 - age
        await self.socket.send_str(json.dumps({"page": page, "asked": dict.fromkeys(targets, at)}))

    async def hear(self) -> Any:
        """The next line."""
        message = await asyncio.wait_for(self.socket.receive(), DEADLINE)
        assert message.type is WSMsgType.TEXT, message
        return json.loads(message.data)

    async def ended(self) -> int | None:
        """The code with which it ended."""
        message = await asyncio.wait_for(self.socket.receive(), DEADLINE)
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED), message
        return self.socket.close_code


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """`connect(server, **headers)`: a page that has opened its WebSocket.

    It comes later than the files of the test, by more than the tick of the kernel's clock.
    """
    await asyncio.sleep(2 * TICK_NS / 1e9)
    async with AsyncExitStack() as opened:

        async def connect(server: Server, query: str = "", **headers: str) -> Tab:
            client = await opened.enter_async_context(ClientSession())
            socket = await client.ws_connect(f"{server.url}fetchkit/reload{query}", headers=headers)
            opened.push_async_callback(socket.close)
            return await Tab.opened(socket)

        yield connect


async def understood(tab: Tab, server: Server) -> None:
    """Until the server has taken what the page said: it answers the request of a worker behind it."""
    await tab.say("/worker.js", age=1000)
    headers = {"Referer": f"{server.url}worker.js"}
    async with ClientSession() as client, client.get(f"{server.url}any", headers=headers):
        assert "/any" in (await tab.hear())["also"]


async def test_a_page_hears_what_was_written_and_the_bus_too(
    serve: Serve, connect: Connect, folder: Path
) -> None:
    server = await serve(reload=True)
    heard: list[Event] = []
    events_of(server.app).subscribe(heard.append, [Rebuilt])
    pages = [await connect(server) for _ in range(3)]
    for page, target in zip(pages, ("/digits.txt", "/digits.txt?x=1", "/app.js"), strict=True):
        await page.say("/", target)
        await understood(page, server)
    (folder / "digits.txt").write_text("3")
    assert [await page.hear() for page in pages[:2]] == [{"reload": ["/digits.txt"]}] * 2
    (folder / "app.js").write_text("3")
    assert await pages[2].hear() == {"reload": ["/app.js"]}
    assert heard == [Rebuilt(("/digits.txt",), 2), Rebuilt(("/app.js",), 1)]


async def test_however_late_a_page_is_heard_what_it_asked_for_before_is_old(
    serve: Serve, connect: Connect, folder: Path
) -> None:
    page = await connect(await serve(reload=True))
    await asyncio.sleep(2 * TICK_NS / 1e9)
    (folder / "digits.txt").write_text("3")
    await asyncio.sleep(0.1)
    await page.say("/", "/digits.txt")
    assert await page.hear() == {"reload": ["/digits.txt"]}


async def test_a_page_that_comes_back_reloads_for_what_changed_meanwhile_alone(
    serve: Serve, connect: Connect, folder: Path
) -> None:
    server = await serve(reload=True)
    page, other = await connect(server), await connect(server)
    await page.say("/", "/digits.txt")  # the files are older
    (folder / "app.js").write_text("3")
    await other.say("/app.js", age=10_000)
    assert await other.hear() == {"reload": ["/app.js"]}
    (folder / "index.html").write_text("3")
    assert await page.hear() == {"reload": ["/"]}


async def test_what_a_worker_asks_for_its_page_asks_for(serve: Serve, connect: Connect, folder: Path) -> None:
    server = await serve(reload=True, token="secret")
    async with ClientSession() as client:

        async def ask(target: str, referer: str) -> None:
            await (await client.get(server.url + target, headers={"Referer": referer})).release()

        early, late = (
            await connect(server, "?fetchkit-token=secret"),
            await connect(server, "?fetchkit-token=secret"),
        )
        await early.say("/w.js?a", age=1000)
        await understood(early, server)
        await ask("foreign.txt", "http://elsewhere.example/w.js?a")
        await ask("page.txt", f"{server.url}w.html")
        await ask("another.txt", f"{server.url}w.js?b")
        await ask("digits.txt?fetchkit-token=secret&y=1", f"{server.url}w.js?a")
        told = (await early.hear())["also"]
        assert list(told) == ["/digits.txt?y=1"]
        assert early.clock <= told["/digits.txt?y=1"] <= time.time() * 1000
        # A page that tells of the worker's script only now.
        await late.say("/w.js?a", age=5000)
        assert list((await late.hear())["also"]) == ["/digits.txt?y=1"]
        await understood(late, server)
        (folder / "digits.txt").write_text("3")
        assert await early.hear() == await late.hear() == {"reload": ["/digits.txt"]}


async def test_what_a_workers_worker_asks_for_is_its_pages_too(serve: Serve, connect: Connect) -> None:
    server = await serve(reload=True)
    early, late = await connect(server), await connect(server)
    await early.say("/w.js", age=1000)
    await understood(early, server)
    async with ClientSession() as client:
        for target, script in (("sub.js", "w.js"), ("deep.wasm", "sub.js")):
            await client.get(server.url + target, headers={"Referer": server.url + script})
            assert list((await early.hear())["also"]) == [f"/{target}"]
    await late.say("/w.js", age=5000)
    assert list((await late.hear())["also"]) == ["/sub.js"]
    assert list((await late.hear())["also"]) == ["/deep.wasm"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "null",
        '{"page": "/"}',
        '{"page": 1, "asked": {}}',
        '{"page": "/", "asked": []}',
        '{"page": "/", "asked": {"/": "old"}}',
        '{"page": "/", "asked": {"/": null}}',
        '{"page": "/", "asked": {"/": NaN}}',
        '{"page": "/", "asked": {"/": 1e999}}',
        "[" * 100_000,
    ],
)
async def test_who_says_something_else_is_closed(serve: Serve, connect: Connect, text: str) -> None:
    page = await connect(await serve(reload=True))
    await page.socket.send_str(text)
    assert await page.ended() == 1008


async def test_bytes_and_long_messages_are_closed(serve: Serve, connect: Connect) -> None:
    server = await serve(reload=True)
    page, long = await connect(server), await connect(server)
    await page.socket.send_bytes(b"x")
    assert await page.ended() == 1008
    await long.socket.send_str("x" * (routes.MAX_MESSAGE + 1))
    assert await long.ended() == 1009


async def test_a_page_may_ask_for_what_no_file_can_be(serve: Serve, connect: Connect, folder: Path) -> None:
    page = await connect(await serve(reload=True))
    await page.say("/../../etc/passwd", "/%00", "/%ff", "x" * 9000, "", "/digits.txt")
    (folder / "digits.txt").write_text("3")
    await page.say("/app.js", age=1000)
    assert "/app.js" in (await page.hear())["reload"]


async def test_there_are_only_so_many_pages(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MAX_PAGES", 2)
    server = await serve(reload=True)
    first, _ = await connect(server), await connect(server)
    with pytest.raises(WSServerHandshakeError, match="503"):
        await connect(server)
    await first.socket.close()
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            await connect(server)
            break
        except WSServerHandshakeError:
            assert time.monotonic() < deadline


async def test_who_may_not_use_guarded_routes_is_refused(serve: Serve, connect: Connect) -> None:
    server = await serve(reload=True)
    with pytest.raises(WSServerHandshakeError, match="403"):
        await connect(server, Origin="https://evil.example")
    await connect(server, Origin=server.url.rstrip("/"))
    guarded = await serve(reload=True, token="secret")
    with pytest.raises(WSServerHandshakeError, match="403"):
        await connect(guarded)
    await connect(guarded, Cookie=f"fetchkit-token-{guarded.port}=secret")


async def test_a_plain_request_is_told_to_come_with_a_websocket(serve: Serve, raw: Raw) -> None:
    answer = await (await raw(await serve(reload=True))).ask("GET", "/fetchkit/reload")
    assert answer.status == 426
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_pages_have_the_script_before_all_others(serve: Serve, raw: Raw) -> None:
    for settings in ({}, {"inject": True}):
        client = await raw(await serve(reload=True, **settings))
        body = (await client.ask("GET", "/")).body
        assert body.startswith(b"<!doctype html><script>\n")
        assert b'{"path": "/fetchkit/reload"}' in body
        assert body.count(b"</script>") == len(settings) + 1


async def test_a_page_that_is_missing_has_it_and_no_other_answer_of_that_kind(
    serve: Serve, raw: Raw, connect: Connect, folder: Path
) -> None:
    server = await serve(reload=True)
    navigates = ("Accept: text/html", "Sec-Fetch-Mode: navigate")
    client = await raw(server)
    answer = await client.ask("GET", "/new.html", *navigates)
    assert (answer.status, answer.body.count(b'{"path": "/fetchkit/reload"}')) == (404, 1)
    assert b"script" not in (await client.ask("GET", "/new.html")).body
    assert b"script" not in (await client.ask("GET", "/fetchkit/reload", *navigates)).body
    page = await connect(server)
    await page.say("/new.html", "/new.html")
    await understood(page, server)
    (folder / "new.html").write_text("<p>")
    assert await page.hear() == {"reload": ["/new.html"]}


async def test_without_the_flag_there_is_neither(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    assert b"script" not in (await client.ask("GET", "/")).body
    assert b"script" not in (await client.ask("GET", "/new.html", "Accept: text/html")).body
    assert (await client.ask("GET", "/fetchkit/reload")).status == 404


async def test_the_server_stops_at_once_with_pages_open(folder: Path) -> None:
    config = Config(directory=folder, host=("127.0.0.1",), port=0, reload=True)
    async with ClientSession() as client:
        async with running(config) as server:
            socket = await client.ws_connect(f"{server.url}fetchkit/reload")
            deaf = await client.ws_connect(f"{server.url}fetchkit/reload", autoclose=False)
            assert "clock" in await socket.receive_json()
            await socket.send_str('{"page": "/", "asked": {"/": 1e15}}')
            heard = asyncio.create_task(socket.receive())
            begun = time.monotonic()
        assert time.monotonic() - begun < 2.5  # of the 5 seconds that a server has
        await heard
        assert socket.close_code == 1001
        await deaf.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "fetchkit-reload"]


async def test_a_look_that_fails_is_not_the_last(
    serve: Serve,
    connect: Connect,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = await connect(await serve(reload=True))
    with monkeypatch.context() as patch:
        patch.setattr(Look, "at", lambda *_: 1 / 0)
        await page.say("/")
        deadline = time.monotonic() + DEADLINE
        while not caplog.records:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    assert caplog.records[0].getMessage() == "looking at the folder failed"
    await page.say("/digits.txt", age=1000)
    (folder / "digits.txt").write_text("3")
    assert "reload" in await page.hear()


async def test_it_works_in_any_application(folder: Path, aiohttp_client: Any) -> None:
    app = web.Application()
    reload.setup(app, folder, prefix="/mine")
    files.setup(app, folder, inject=reload.reload_script("/mine/reload"))
    await asyncio.sleep(2 * TICK_NS / 1e9)
    client = await aiohttp_client(app)
    async with client.get("/mine/reload") as response:
        assert (response.status, response.headers["Cross-Origin-Resource-Policy"]) == (426, "same-origin")
    async with client.get("/") as response:
        assert '{"path": "/mine/reload"}' in await response.text()
    page = await Tab.opened(await client.ws_connect("/mine/reload"))
    await page.say("/")
    (folder / "index.html").write_text("3")
    assert await page.hear() == {"reload": ["/"]}
