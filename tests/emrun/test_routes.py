"""Pages' messages over real sockets: who may send them, what is answered, and what comes of them."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from attrs import define, field

from fetchkit import Server, emrun
from fetchkit.emrun import dumps as dumps_module
from fetchkit.emrun import routes
from fetchkit.emrun import sequencer as sequencer_module
from fetchkit.events import (
    Event,
    Failed,
    PageDumped,
    PageEnded,
    PageLoaded,
    PagePrinted,
    PageReported,
    Refused,
)
from fetchkit.web.keys import events_of
from tests.conftest import Raw, Serve
from tests.raw import DEADLINE, RawAnswer, RawClient

KINDS = {PageLoaded, PagePrinted, PageReported, PageEnded, PageDumped}
REFERER = "Referer: http://localhost/sub/app.html?x#fragment"
FOREIGN = "https://evil.example"


def said(event: Event) -> str:
    match event:
        case PageLoaded():
            return "loaded"
        case PagePrinted(stream=stream, text=text):
            return f"{stream}: {text}"
        case PageReported(report=report):
            return f"reports {report}"
        case PageEnded(status=status):
            return f"ended {status}"
        case PageDumped(name=name, size=size):
            return f"dumped {name}, {size}"
        case _:
            raise AssertionError(event)


@define
class Hears:
    """A server, a connection to it, and what it tells of pages."""

    server: Server
    client: RawClient
    events: list[Event] = field(factory=list)
    failed: list[Event] = field(factory=list)
    waiting: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        bus = events_of(self.server.app)
        bus.subscribe(self._heard, KINDS)
        bus.subscribe(self.failed.append, {Failed})

    def _heard(self, event: Event) -> None:
        self.events.append(event)
        self.waiting.set()

    @property
    def said(self) -> list[str]:
        """What was told."""
        assert not self.failed
        return [said(event) for event in self.events]

    async def post(
        self, body: bytes, *lines: str, to: str = "/stdio.html", host: str = "localhost"
    ) -> RawAnswer:
        """Send a message, or a file."""
        self.client.send(request(body, *lines, to=to, host=host))
        return await self.client.answer()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something was told."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                self.waiting.clear()
                await self.waiting.wait()


def request(body: bytes, *lines: str, to: str = "/stdio.html", host: str = "localhost") -> bytes:
    head = [f"POST {to} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


Start = Callable[..., Awaitable[Hears]]


@pytest.fixture
def hear(serve: Serve, raw: Raw) -> Start:
    """Start a server and listen to it."""

    async def start(**settings: object) -> Hears:
        server = await serve(**settings)
        return Hears(server, await raw(server))

    return start


# What is heard.


async def test_a_page_from_its_load_to_its_end(hear: Start) -> None:
    hears = await hear()
    for body in (b"^pageload^", b"^out^2^100%25%20of%20%user", b"^err^1^a+b", b"^exit^42"):
        answer = await hears.post(body, REFERER)
        assert (answer.status, answer.body) == (200, b"OK")
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert hears.said == ["loaded", "stderr: a+b", "stdout: 100% of %user", "ended 42"]
    pages = {event.page for event in hears.events if isinstance(event, PageLoaded | PagePrinted | PageEnded)}
    assert {page.url for page in pages} == {"http://localhost/sub/app.html?x"}
    assert len(pages) == 1


@pytest.mark.parametrize(
    "path",
    ["/stdio.html", "/sub/stdio.html", "/a/b//c/stdio.html", "/localhost/stdio.html", "/%20/stdio.html",
     "/a%0Ab/stdio.html", "/stdio.html?", "/stdio.html?x=1", "/posix/stdio.html", "/..%2F/stdio.html"],
)  # fmt: skip
async def test_at_every_depth(path: str, hear: Start) -> None:
    hears = await hear()
    assert (await hears.post(b"hello", to=path)).status == 200
    assert hears.said == ["stdout: hello"]


@pytest.mark.parametrize("path", ["/xstdio.html", "/stdio.html/", "/stdio.htm", "/STDIO.HTML", "/"])
async def test_and_nowhere_else(path: str, hear: Start) -> None:
    hears = await hear()
    assert (await hears.post(b"hello", to=path)).status in (405, 426)
    assert hears.said == []


async def test_other_features_keep_their_posts(hear: Start) -> None:
    async def upstream(request: web.Request) -> web.Response:
        return web.Response(text=f"upstream got {await request.text()} at {request.path}")

    app = web.Application()
    app.router.add_post("/{path:.*}", upstream)
    async with TestServer(app) as other:
        base = f"http://127.0.0.1:{other.port}"
        hears = await hear(forward_routes=(f"/api={base}/v1",))
        passed = await hears.post(b"mine", to=f"/forward/{base}/stdio.html")
        fixed = await hears.post(b"mine", to="/api/stdio.html")
    echoed = await hears.post(b"mine", to="/origin/anything/stdio.html")
    assert passed.body == b"upstream got mine at /stdio.html"
    assert fixed.body == b"upstream got mine at /v1/stdio.html"
    assert b'"data": "mine"' in echoed.body
    assert (await hears.post(b"mine", to="/tcp/stdio.html")).status == 405
    assert hears.said == []


async def test_a_page_without_a_referer_is_known_by_its_folder(hear: Start) -> None:
    hears = await hear()
    await hears.post(b"^pageload^", to="/sub/stdio.html?fetchkit-token=secret")
    await hears.post(b"^exit^1", to="/sub/stdio.html")
    assert hears.said == ["loaded", "ended 1"]
    (url,) = {event.page.url for event in hears.events if isinstance(event, PageLoaded | PageEnded)}
    assert url == "http://localhost/sub/"


async def test_the_token_is_in_no_event(hear: Start) -> None:
    hears = await hear(token="sesame")
    referer = "Referer: http://localhost/app.html?a&fetchkit-token=sesame&b"
    assert (await hears.post(b"^pageload^", referer, "X-Fetchkit-Token: sesame")).status == 200
    (event,) = hears.events
    assert isinstance(event, PageLoaded)
    assert event.page.url == "http://localhost/app.html?a&b"


async def test_reports_of_our_own_script_are_heard_too(hear: Start) -> None:
    hears = await hear()
    await hears.post(b"^fetchkit^1^d%20http%3A")
    assert hears.said == ["reports d http:"]


async def test_bytes_of_any_kind_are_text_or_nothing_worse(hear: Start) -> None:
    hears = await hear()
    for body in (b"", b"\0\x1b[2J\xff", b"^out^" + b"9" * 5000 + b"^x", b"^exit^undefined", b"^out^1"):
        assert (await hears.post(body)).status == 200
    assert hears.said == ["stdout: ", "stdout: \0\x1b[2J\ufffd", "stdout: x", "ended None", "stdout: ^out^1"]


async def test_a_chunked_body_is_one_too(hear: Start) -> None:
    hears = await hear()
    hears.client.send(
        b"POST /stdio.html HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\n^ou\r\n5\r\nt^1^x\r\n0\r\n\r\n"
    )
    assert (await hears.client.answer()).status == 200
    assert hears.said == ["stdout: x"]


async def test_lines_over_many_connections_come_out_in_order(hear: Start, raw: Raw) -> None:
    hears = await hear()
    clients = [await raw(hears.server) for _ in range(6)]

    async def send(client: RawClient, numbers: range) -> None:
        for number in numbers:
            stream = "err" if number % 2 else "out"
            client.send(request(f"^{stream}^{number}^line%20{number}".encode(), REFERER))
            assert (await client.answer()).status == 200

    await asyncio.gather(*(send(client, range(n + 1, 601, 6)) for n, client in enumerate(clients)))
    await hears.post(b"^exit^0", REFERER)
    streams = ("stdout", "stderr")
    assert hears.said == [*(f"{streams[n % 2]}: line {n}" for n in range(1, 601)), "ended 0"]


async def test_what_is_missing_is_waited_for_and_then_the_rest_is_printed(
    hear: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequencer_module, "PATIENCE", 0.05)
    hears = await hear()
    began = asyncio.get_running_loop().time()
    await hears.post(b"^out^2^two", REFERER)
    await hears.post(b"^out^4^four", REFERER)
    await hears.until(lambda: len(hears.events) == 2)
    assert asyncio.get_running_loop().time() - began >= 0.1
    assert hears.said == ["stdout: two", "stdout: four"]


async def test_what_was_held_is_printed_when_the_server_stops() -> None:
    app = web.Application()
    heard = list[Event]()
    events_of(app).subscribe(heard.append, KINDS)
    emrun.setup(app)
    client = TestClient(TestServer(app))
    await client.start_server()
    assert (await client.post("/stdio.html", data=b"^out^7^seven")).status == 200
    assert heard == []
    await client.close()
    assert [said(event) for event in heard] == ["stdout: seven"]


# The end.


@pytest.mark.parametrize("message", ["stdio.html", "report_result"])
async def test_a_page_has_its_answer_before_anybody_hears_of_its_end(message: str, hear: Start) -> None:
    hears = await hear()
    in_time = list[bytes]()
    with socket.create_connection(("127.0.0.1", hears.server.port)) as page:
        page.setblocking(False)
        heard = asyncio.Event()

        def stop(_event: Event) -> None:
            # Nothing has run since: what can be read now had been handed over.
            in_time.append(page.recv(65536, socket.MSG_PEEK))
            heard.set()

        events_of(hears.server.app).subscribe(stop, {PageEnded})
        if message == "stdio.html":
            page.sendall(request(b"^exit^3"))
        else:
            page.sendall(b"GET /report_result?exit:3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            await heard.wait()
    assert in_time[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert in_time[0].endswith(b"\r\n\r\nOK")
    assert not hears.failed


async def test_whoever_stops_the_server_at_the_end_leaves_the_page_its_answer(serve: Serve, raw: Raw) -> None:
    server = await serve()
    client = await raw(server)
    stopping = list[asyncio.Task[None]]()
    events_of(server.app).subscribe(
        lambda _: stopping.append(asyncio.ensure_future(server.app.shutdown())), {PageEnded}
    )
    client.send(request(b"^exit^0"))
    assert (await client.answer()).body == b"OK"
    await stopping[0]


async def test_an_end_is_told_once_and_what_it_was_waiting_for_before(hear: Start) -> None:
    hears = await hear()
    for body in (b"^out^2^held", b"^exit^1", b"^exit^2", b"^out^1^late"):
        assert (await hears.post(body, REFERER)).status == 200
    assert hears.said == ["stdout: held", "ended 1", "stdout: late"]


async def test_a_page_that_is_gone_before_its_answer_has_ended_too(hear: Start) -> None:
    hears = await hear()
    with socket.create_connection(("127.0.0.1", hears.server.port)) as page:
        page.sendall(request(b"^exit^9"))
    await hears.until(lambda: hears.said == ["ended 9"])


async def test_a_page_whose_answer_cannot_be_written_has_ended_too(
    hear: Start, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = asyncio.Event()

    async def stuck(_response: object, _request: object) -> None:
        writing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(routes._Answer, "prepare", stuck)
    hears = await hear()
    page = await raw(hears.server)
    page.send(request(b"^exit^9"))
    async with asyncio.timeout(DEADLINE):
        await writing.wait()
    assert hears.said == []
    await page.close()
    await hears.until(lambda: hears.said == ["ended 9"])


# Who may.


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 200),
        (["Origin: http://localhost"], 200),
        (["Origin: http://127.0.0.1:3000"], 200),
        (["Sec-Fetch-Site: same-origin"], 200),
        ([f"Origin: {FOREIGN}"], 403),
        (["Origin: null"], 403),
        (["Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: same-site"], 403),
    ],
)
@pytest.mark.parametrize("to", ["/stdio.html", "/log?file=stdout"])
async def test_a_foreign_page_prints_nothing(lines: list[str], status: int, to: str, hear: Start) -> None:
    hears = await hear()
    assert (await hears.post(b"hello", *lines, to=to)).status == status
    assert hears.said == (["stdout: hello"] if status == 200 else [])


@pytest.mark.parametrize("target", ["/report_result?exit:0", "/?stdout=x"])
async def test_nor_does_it_end_anything_by_an_image(target: str, hear: Start) -> None:
    hears = await hear()
    answer = await hears.client.ask("GET", target, "Sec-Fetch-Site: cross-site")
    assert answer.status == 403
    assert hears.said == []


async def test_a_foreign_host_prints_nothing(hear: Start) -> None:
    hears = await hear()
    assert (await hears.post(b"hello", host="evil.example")).status == 421
    assert hears.said == []


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/stdio.html"),
        ("POST", "/stdio.html?file=x"),
        ("POST", "/log?file=stdout"),
        ("POST", "/upload?file=x"),
        ("GET", "/report_result?exit:0"),
        ("GET", "/?stdout=x"),
    ],
)
async def test_the_token_is_demanded(method: str, target: str, hear: Start, tmp_path: Path) -> None:
    hears = await hear(token="sesame", dump_out_directory=tmp_path / "out")
    lines = ["Content-Length: 1"] if method == "POST" else []
    body = b"x" if method == "POST" else b""
    refused = await _ask(hears.client, method, target, body, *lines)
    assert refused.status == 403
    assert hears.said == []
    with_it = target + ("&" if "?" in target else "?") + "fetchkit-token=sesame"
    for granted in (
        await _ask(hears.client, method, target, body, *lines, "X-Fetchkit-Token: sesame"),
        await _ask(hears.client, method, with_it, body, *lines),
    ):
        assert granted.status == 200
    assert hears.said
    assert not [said for said in hears.said if "token" in said]


async def _ask(client: RawClient, method: str, target: str, body: bytes, *lines: str) -> RawAnswer:
    head = [f"{method} {target} HTTP/1.1", "Host: localhost", *lines, "", ""]
    client.send("\r\n".join(head).encode() + body)
    return await client.answer()


# What else is asked there.


async def test_files_of_that_name_are_served_as_ever(folder: Path, hear: Start) -> None:
    (folder / "stdio.html").write_text("<title>a file")
    (folder / "report_result").write_text("a file")
    (folder / "log").write_text("a file")
    hears = await hear()
    assert (await hears.client.ask("GET", "/stdio.html")).body == b"<title>a file"
    assert (await hears.client.ask("HEAD", "/stdio.html?file=x")).headers["Content-Length"] == "13"
    assert (await hears.client.ask("GET", "/report_result?exit:0")).body == b"a file"
    assert (await hears.client.ask("GET", "/log")).body == b"a file"
    assert (await hears.client.ask("GET", "/sub/stdio.html")).status == 404
    assert (await hears.post(b"hello")).status == 200
    assert hears.said == ["stdout: hello"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_allowed(method: str, hear: Start) -> None:
    hears = await hear()
    answer = await hears.client.ask(method, "/stdio.html", "Content-Length: 0")
    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]


async def test_options_say_what_may_be_asked(hear: Start) -> None:
    hears = await hear()
    asked = await hears.client.ask("OPTIONS", "/sub/stdio.html")
    assert (asked.status, asked.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    preflight = await hears.client.ask(
        "OPTIONS", "/stdio.html", "Origin: http://localhost:3000", "Access-Control-Request-Method: POST"
    )
    assert preflight.status == 204
    assert "Access-Control-Allow-Methods" in preflight.headers
    assert "Access-Control-Allow-Methods" not in asked.headers
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    foreign = await hears.client.ask(
        "OPTIONS", "/stdio.html", f"Origin: {FOREIGN}", "Access-Control-Request-Method: POST"
    )
    assert "Access-Control-Allow-Origin" not in foreign.headers


# Sizes, and bodies that break.


@pytest.mark.parametrize("to", ["/stdio.html", "/log?file=stdout"])
async def test_a_message_has_a_largest_size(
    to: str, hear: Start, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MAX_MESSAGE", 300_000)
    hears = await hear()
    assert (await hears.post(b"x" * 300_000, to=to)).status == 200
    assert hears.said == ["stdout: " + "x" * 300_000]
    hears.client.send(request(b"", to=to).replace(b"Content-Length: 0", b"Content-Length: 300001"))
    assert (await hears.client.answer()).status == 413
    chunked = await raw(hears.server)
    chunked.send(request(b"", to=to).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    chunked.send(b"40000\r\n" + b"x" * 0x40000 + b"\r\n40000\r\n" + b"x" * 0x40000 + b"\r\n")
    assert (await chunked.answer()).status == 413
    assert len(hears.said) == 1


async def test_a_client_that_waits_to_be_asked_is_asked(hear: Start, raw: Raw) -> None:
    hears = await hear()
    hears.client.send(
        request(b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 5")
    )
    assert (await hears.client.head()).status == 100
    hears.client.send(b"hello")
    assert (await hears.client.answer()).status == 200
    too_large = await raw(hears.server)
    too_large.send(
        request(b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 999999999")
    )
    assert (await too_large.answer()).status == 413
    assert hears.said == ["stdout: hello"]


@pytest.mark.parametrize("target", ["/stdio.html", "/stdio.html?file=x"])
async def test_a_body_whose_framing_breaks_is_refused(target: str, hear: Start, tmp_path: Path) -> None:
    hears = await hear(dump_out_directory=tmp_path / "out")
    hears.client.send(request(b"", to=target).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
    hears.client.send(b"5\r\nhello\r\nnonsense\r\n")
    assert (await hears.client.answer()).status == 400
    assert hears.said == []
    assert list(tmp_path.glob("out/*")) == []


async def test_a_body_that_stops_halfway_is_no_message(hear: Start, raw: Raw) -> None:
    hears = await hear()
    half = await raw(hears.server)
    half.send(request(b"^out^1^half").replace(b"Content-Length: 11", b"Content-Length: 20"))
    await half.writer.drain()
    half.writer.write_eof()
    assert await half.at_end()
    assert hears.said == []


# Files that pages dump.


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("route", ["/stdio.html", "/sub/stdio.html", "/upload"])
async def test_a_file_is_written(route: str, hear: Start, out: Path) -> None:
    hears = await hear(dump_out_directory=out)
    content = bytes(range(256)) * 4000
    assert (await hears.post(content, REFERER, to=f"{route}?file=a/b%20c&d.dat")).body == b"OK"
    assert (out / "a" / "b c&d.dat").read_bytes() == content
    (event,) = hears.events
    assert isinstance(event, PageDumped)
    assert (event.page.url, event.name) == ("http://localhost/sub/app.html?x", "a/b c&d.dat")
    assert (event.path, event.size) == (str(out / "a" / "b c&d.dat"), len(content))


async def test_an_empty_file_is_one_and_not_a_message(hear: Start, out: Path) -> None:
    hears = await hear(dump_out_directory=out)
    await hears.post(b"", to="/stdio.html?file=empty")
    assert hears.said == ["dumped empty, 0"]
    assert (out / "empty").read_bytes() == b""


async def test_a_file_belongs_to_the_load_of_its_page(hear: Start, out: Path) -> None:
    hears = await hear(dump_out_directory=out)
    await hears.post(b"^pageload^", REFERER)
    await hears.post(b"1", REFERER, to="/stdio.html?file=x")
    loaded, dumped = hears.events
    assert isinstance(loaded, PageLoaded)
    assert isinstance(dumped, PageDumped)
    assert dumped.page == loaded.page


@pytest.mark.parametrize("to", ["/stdio.html?file=x", "/upload?file=x"])
async def test_without_a_folder_files_are_refused_and_the_flag_is_named(to: str, hear: Start) -> None:
    hears = await hear()
    answer = await hears.post(b"1", to=to)
    assert answer.status == 403
    assert b"--dump-out-directory" in answer.body
    assert hears.said == []


@pytest.mark.parametrize(
    "name", ["", "..%2Fx", "../x", "/x", "%2Fx", "a/../../x", "..%5Cx", "a%00", "C:x", "a/", ".", "%2e%2e/x"]
)
async def test_a_name_that_leads_out_is_refused(name: str, hear: Start, out: Path) -> None:
    hears = await hear(dump_out_directory=out)
    before = set(out.parent.rglob("*"))
    assert (await hears.post(b"evil", to=f"/stdio.html?file={name}")).status == 400
    assert set(out.parent.rglob("*")) == before
    assert hears.said == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 200),
        (["Origin: http://localhost:PORT"], 200),
        (["Sec-Fetch-Site: same-origin"], 200),
        (["Sec-Fetch-Site: none"], 200),
        (["Origin: http://localhost:PORT", "Sec-Fetch-Site: same-origin"], 200),
        (["Origin: http://localhost:3000"], 403),
        (["Origin: http://127.0.0.1:PORT"], 403),
        (["Origin: https://localhost:PORT"], 403),
        (["Origin: null"], 403),
        (["Origin: "], 403),
        ([f"Origin: {FOREIGN}"], 403),
        (["Sec-Fetch-Site: same-site"], 403),
        (["Sec-Fetch-Site: cross-site"], 403),
        (["Origin: http://localhost:PORT", "Sec-Fetch-Site: cross-site"], 403),
    ],
)
@pytest.mark.parametrize("to", ["/stdio.html?file=x", "/upload?file=x"])
async def test_only_pages_of_this_server_itself_write_files(
    lines: list[str], status: int, to: str, hear: Start, out: Path
) -> None:
    hears = await hear(dump_out_directory=out, allow_origin=(FOREIGN,))
    port = str(hears.server.port)
    lines = [line.replace("PORT", port) for line in lines]
    assert (await hears.post(b"1", *lines, to=to, host=f"localhost:{port}")).status == status
    assert (out / "x").exists() == (status == 200)


async def test_an_upload_that_breaks_leaves_nothing_behind(hear: Start, raw: Raw, out: Path) -> None:
    hears = await hear(dump_out_directory=out)
    await hears.post(b"old", to="/stdio.html?file=a/x")
    half = await raw(hears.server)
    half.send(request(b"h" * 100_000, to="/stdio.html?file=a/x").replace(b": 100000", b": 200000"))
    await half.writer.drain()
    async with asyncio.timeout(DEADLINE):
        while len(os.listdir(out)) == 1:  # the temporary file is there
            await asyncio.sleep(0.001)
    half.writer.transport.abort()
    async with asyncio.timeout(DEADLINE):
        while len(os.listdir(out)) > 1:
            await asyncio.sleep(0.001)
    assert (out / "a" / "x").read_bytes() == b"old"
    assert hears.said == ["dumped a/x, 3"]


async def test_a_file_that_is_too_large_leaves_nothing_behind(
    hear: Start, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumps_module, "MAX_FILE", 100_000)
    hears = await hear(dump_out_directory=out)
    answer = await hears.post(b"x" * 100_001, to="/stdio.html?file=x")
    assert answer.status == 413
    assert list(out.iterdir()) == []


# Emscripten's own harness.


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("exit:3", ["ended 3"]),
        ("0|http://localhost:8888/x.html", ["ended 0"]),
        ("abort:out%20of%20memory", ["stderr: abort: out of memory", "ended 134"]),
        ("a%20text", ["stdout: report_result: a text", "ended 1"]),
    ],
)
async def test_the_harness_reports_a_result(query: str, told: list[str], hear: Start) -> None:
    hears = await hear()
    answer = await hears.client.ask("GET", f"/report_result?{query}", REFERER)
    assert (answer.status, answer.body) == (200, b"OK")
    assert hears.said == told


async def test_the_harness_logs(hear: Start) -> None:
    hears = await hear()
    assert (await hears.post("€ 100%25".encode(), REFERER, to="/log?file=stdout")).body == b"OK"
    assert (await hears.post(b"oops\nmore", REFERER, to="/log?file=stderr")).body == b"OK"
    assert hears.said == ["stdout: € 100%25", "stderr: oops\nmore"]


@pytest.mark.parametrize("to", ["/log", "/log?file=", "/log?file=other", "/log?x", "/upload", "/upload?x=1"])
async def test_what_the_harness_would_not_send_is_refused(to: str, hear: Start, out: Path) -> None:
    hears = await hear(dump_out_directory=out)
    assert (await hears.post(b"x", to=to)).status == 400
    assert hears.said == []


@pytest.mark.parametrize(
    ("query", "told"),
    [("stdout=a+b%20c", "stdout: a+b c"), ("stderr=x", "stderr: x"), ("exception=e", "stderr: e")],
)
@pytest.mark.parametrize("settings", [{}, {"no_sockets": True}], ids=["sockets", "no sockets"])
async def test_older_harnesses_log_in_the_query_of_the_root(
    query: str, told: str, settings: dict[str, bool], hear: Start
) -> None:
    hears = await hear(**settings)
    answer = await hears.client.ask("GET", f"/?{query}", REFERER)
    assert (answer.status, answer.body) == (200, b"OK")
    assert hears.said == [told]


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        ("/?x=1&stdout=a", []),
        ("/?stdoutx", []),
        ("/?stdout=argument", ["Sec-Fetch-Mode: navigate", "Accept: text/html"]),
        ("/sub/?stdout=x", []),
        ("/", []),
    ],
)
async def test_else_the_root_is_the_folders(target: str, lines: list[str], hear: Start) -> None:
    hears = await hear()
    answer = await hears.client.ask("GET", target, *lines)
    assert answer.status == 200
    assert b"<title>" in answer.body
    assert hears.said == []


async def test_without_a_result_there_is_nothing_to_report(hear: Start) -> None:
    hears = await hear()
    assert (await hears.client.ask("GET", "/report_result")).status == 404
    assert (await hears.client.ask("GET", "/check")).status == 404
    assert (await hears.client.ask("GET", "/run_harness")).status == 404
    assert hears.said == []


# In somebody else's application.


async def test_it_stands_alone_in_a_foreign_application(out: Path) -> None:
    app = web.Application()
    heard = list[Event]()
    events_of(app).subscribe(heard.append, KINDS)
    emrun.setup(app, dumps=out, prefix="/build/")
    async with TestClient(TestServer(app)) as client:
        assert (await client.post("/build/sub/stdio.html", data=b"^out^1^hi")).status == 200
        assert (await client.post("/build/stdio.html?file=x", data=b"1")).status == 200
        assert (await client.get("/build/report_result?exit:4")).status == 200
        assert (await client.get("/build/report_result")).status == 404
        assert (await client.post("/stdio.html", data=b"x")).status == 404
        foreign = await client.post("/build/stdio.html?file=y", data=b"1", headers={"Origin": FOREIGN})
        assert foreign.status == 403
    assert [said(event) for event in heard] == ["stdout: hi", "dumped x, 1", "ended 4"]
    assert os.listdir(out) == ["x"]


async def test_a_refusal_is_an_event_too(hear: Start) -> None:
    hears = await hear()
    refused = list[Event]()
    events_of(hears.server.app).subscribe(refused.append, {Refused})
    await hears.post(b"x", f"Origin: {FOREIGN}")
    assert [type(event) for event in refused] == [Refused]
