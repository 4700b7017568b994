"""COOP, COEP, CORP, CORS, nosniff and caching stand on every response, whoever wrote it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from attrs import frozen

from fetchkit import Config, Server, build_app, running
from fetchkit.config import Mode
from fetchkit.events import Event, Failed
from fetchkit.web.keys import events_of
from fetchkit.web.problems import Handler
from fetchkit.web.protocol import MAX_FIELD, MAX_TARGET

from .conftest import Raw, Serve
from .raw import RawAnswer

ORIGIN = "http://localhost:3000"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@frozen
class Case:
    """One way to make the server answer.

    Attributes:
        status: what it must answer.
        request: the exact bytes, `{host}` standing for the Host.
        caching: value of Cache-Control.
    """

    status: int
    request: str
    caching: str = "no-store"
    head_only: bool = False


def get(target: str, *lines: str, method: str = "GET", host: str = "127.0.0.1") -> str:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", f"Origin: {ORIGIN}", *lines, "", ""])


CASES = {
    "200 file": Case(200, get("/app.js"), "no-cache"),
    "200 large file": Case(200, get("/large.bin"), "no-cache"),
    "200 HEAD": Case(200, get("/app.js", method="HEAD"), "no-cache", head_only=True),
    "200 listing": Case(200, get("/empty/"), "no-cache"),
    "200 health": Case(200, get("/fetchkit/health")),
    "200 message": Case(200, get("/sub/stdio.html", "Content-Length: 0", method="POST")),
    "200 result": Case(200, get("/report_result?exit:0")),
    "206 small": Case(206, get("/digits.txt", "Range: bytes=2-3"), "no-cache"),
    "206 large": Case(206, get("/large.bin", "Range: bytes=2-3"), "no-cache"),
    "206 multipart": Case(206, get("/digits.txt", "Range: bytes=0-1,4-5"), "no-cache"),
    "301 folder": Case(301, get("/sub?x=1"), "no-cache"),
    "304 small": Case(304, get("/digits.txt", "If-None-Match: *"), "no-cache"),
    "304 large": Case(304, get("/large.bin", "If-None-Match: *"), "no-cache"),
    "400 escape": Case(400, get("/%zz")),
    "400 absolute target": Case(400, get("http://127.0.0.1/app.js")),
    "400 no Host": Case(400, f"GET / HTTP/1.1\r\nOrigin: {ORIGIN}\r\n\r\n"),
    "400 bad Host": Case(400, get("/", host="[::1].x")),
    "403 handshake of a foreign page": Case(
        403, get("/posix", *HANDSHAKE).replace(ORIGIN, "https://evil.example")
    ),
    "403 dump": Case(403, get("/stdio.html?file=x", "Content-Length: 0", method="POST")),
    "404": Case(404, get("/nothing")),
    "404 dot-file": Case(404, get("/.git/config")),
    "405": Case(405, get("/app.js", "Content-Length: 0", method="POST")),
    "405 control": Case(405, get("/fetchkit/health", "Content-Length: 0", method="DELETE")),
    "412": Case(412, get("/app.js", 'If-Match: "other"')),
    "416 small": Case(416, get("/digits.txt", "Range: bytes=100-")),
    "416 large": Case(416, get("/large.bin", "Range: bytes=100000000-")),
    "417": Case(417, get("/app.js", "Expect: the-unexpected")),
    "421": Case(421, get("/", host="evil.example")),
    "421 handshake": Case(421, get("/echo", *HANDSHAKE, host="evil.example")),
    "426": Case(426, get("/posix")),
    "426 tunnel": Case(426, get("/tcp/localhost:80")),
    "403 tunnel": Case(403, get("/tcp/10.0.0.1:80", *HANDSHAKE)),
    "502 tunnel": Case(502, get("/tcp/127.0.0.1:1", *HANDSHAKE)),
    # From here on the parser refuses, and the application never sees the request.
    "400 no HTTP": Case(400, "hello\r\n\r\n"),
    "400 bad field": Case(400, get("/", "Bad Name: x")),
    "400 two Hosts": Case(400, get("/", "Host: localhost")),
    "400 bad version": Case(400, "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"),
    "400 TLS": Case(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "414": Case(414, get("/" + "a" * MAX_TARGET)),
    "431 one field": Case(431, get("/", "X-Long: " + "a" * 2 * MAX_FIELD)),
    "431 many fields": Case(431, get("/", *(f"X-{n}: 1" for n in range(200)))),
}


OF_THE_PARSER = list(CASES)[list(CASES).index("400 no HTTP") :]


@pytest.fixture
def folder(folder: Path) -> Path:
    """The usual folder with a file that is streamed and a folder that is listed."""
    (folder / "large.bin").write_bytes(bytes(200_000))
    (folder / "empty").mkdir()
    return folder


def assert_shared(answer: RawAnswer, mode: Mode, *, of_parser: bool) -> None:
    coop, coep = (
        answer.headers.get("Cross-Origin-Opener-Policy"),
        answer.headers.get("Cross-Origin-Embedder-Policy"),
    )
    assert (coop, coep) == ((None, None) if mode is Mode.OFF else ("same-origin", mode.value))
    assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.getall("Server") == ["fetchkit/0.1.0"]
    assert len(answer.headers.getall("Date")) == 1
    assert answer.headers["Cross-Origin-Resource-Policy"] in ("same-site", "same-origin")
    if not of_parser and answer.headers["Cross-Origin-Resource-Policy"] == "same-site":
        varies = ", ".join(answer.headers.getall("Vary")).split(", ")
        assert varies.count("Origin") == 1


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_the_shared_headers_are_on(case: Case, mode: Mode, serve: Serve, raw: Raw) -> None:
    client = await raw(await serve(isolation=mode))
    client.send(case.request.encode("latin-1"))
    answer = await client.answer(head_only=case.head_only)
    assert answer.status == case.status
    assert answer.headers.getall("Cache-Control") == [case.caching]
    assert_shared(answer, mode, of_parser=ORIGIN not in case.request)


@pytest.mark.parametrize("name", OF_THE_PARSER)
async def test_what_the_parser_refuses_says_what_helps(name: str, serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    client.send(CASES[name].request.encode("latin-1"))
    said = json.loads((await client.answer()).body)
    assert said["hint"].endswith(".")
    assert "status line" not in said["detail"].lower()  # it is a request


@pytest.mark.parametrize(
    "name",
    ["200 file", "200 large file", "206 small", "301 folder", "304 small", "404", "416 large", "421", "426"],
)
async def test_an_allowed_origin_may_read_it(name: str, serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    client.send(CASES[name].request.encode())
    answer = await client.answer()
    assert answer.headers.getall("Access-Control-Allow-Origin") == [ORIGIN]
    assert "Content-Range" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("name", ["200 file", "200 large file", "304 small", "404", "421"])
async def test_a_foreign_origin_may_not(name: str, serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    client.send(CASES[name].request.replace(ORIGIN, "https://evil.example").encode())
    answer = await client.answer()
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_defect_of_ours_gets_the_headers_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, raw: Raw
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("made to fail")

    async with running(Config(directory=folder, host=("127.0.0.1",), port=0)) as server:
        monkeypatch.setattr("fetchkit.files.routes.parse_path", fail)
        answer = await (await raw(server)).ask("GET", "/app.js")
    assert answer.status == 500
    assert b"made to fail" not in answer.body
    assert_shared(answer, Mode.REQUIRE_CORP, of_parser=True)


@pytest.fixture
async def with_route(folder: Path) -> AsyncIterator[Callable[[Handler], Awaitable[Server]]]:
    """Starts a server that has a route more: `/fetchkit/more`."""
    async with AsyncExitStack() as servers:

        async def start(handler: Handler) -> Server:
            def build(config: Config, **more: Any) -> web.Application:
                app = build_app(config, **more)
                app.router.add_get("/fetchkit/more", handler)
                return app

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("fetchkit.server.build_app", build)
                config = Config(directory=folder, host=("127.0.0.1",), port=0)
                return await servers.enter_async_context(running(config))

        yield start


async def test_a_failure_after_the_head_cuts_the_connection(
    with_route: Callable[[Handler], Awaitable[Server]], raw: Raw
) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"the first bytes")
        raise RuntimeError("made to fail")

    answer = await (await raw(await with_route(half))).ask("GET", "/fetchkit/more")
    assert not answer.complete
    assert answer.body == b"the first bytes"


async def test_a_client_that_leaves_while_it_is_written_to_is_no_defect(
    with_route: Callable[[Handler], Awaitable[Server]], raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    written: list[ConnectionError] = []

    async def late(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        try:
            await web.StreamResponse().prepare(request)
        except ConnectionError as error:
            written.append(error)
            raise
        return web.Response()

    server, failed = await with_route(late), list[Event]()
    events_of(server.app).subscribe(failed.append, [Failed])
    client = await raw(server)
    client.send(get("/fetchkit/more").encode())
    async with asyncio.timeout(20):
        while not written:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    assert (failed, caplog.messages) == ([], [])


@pytest.mark.parametrize("size", [MAX_TARGET + 1, 4 * MAX_TARGET])
async def test_a_refusal_arrives_although_the_client_is_still_sending(
    size: int, serve: Serve, raw: Raw
) -> None:
    client = await raw(await serve())
    client.send(get("/" + "a" * size).encode())
    assert (await client.answer()).status == 414
    assert await client.at_end()


async def test_a_client_that_never_stops_sending_is_cut(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    client.send(get("/" + "a" * MAX_TARGET).encode())
    assert (await client.answer()).status == 414

    async def flood() -> None:
        while True:
            client.writer.write(os.urandom(65536))
            await client.writer.drain()
            await asyncio.sleep(0.01)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(flood(), 10)


async def test_options_of_the_server_as_a_whole(serve: Serve, raw: Raw) -> None:
    answer = await (await raw(await serve())).ask("OPTIONS", "*")
    assert answer.status == 204
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert_shared(answer, Mode.REQUIRE_CORP, of_parser=True)


async def test_a_header_of_the_user_is_on_every_response_and_wins(serve: Serve, raw: Raw) -> None:
    extra = ("X-Mine: yes", "Cross-Origin-Opener-Policy: unsafe-none")
    client = await raw(await serve(header=extra))
    for target, status in (("/app.js", 200), ("/nothing", 404), ("/fetchkit/health", 200)):
        answer = await client.ask("GET", target)
        assert answer.status == status
        assert answer.headers.getall("X-Mine") == ["yes"]
        assert answer.headers.getall("Cross-Origin-Opener-Policy") == ["unsafe-none"]


async def test_with_cors_for_everybody_files_are_cross_origin(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve(cors=("*",)))
    for target in ("/app.js", "/large.bin", "/nothing"):
        answer = await client.ask("GET", target, "Origin: https://anybody.example")
        assert answer.headers.getall("Access-Control-Allow-Origin") == ["*"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
