"""The served folder over the wire: statuses, folders, redirects, fall-backs and methods."""

from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp import web

from fetchkit import Server, files
from fetchkit.events import FileServed
from fetchkit.isolation import IsolationException
from fetchkit.isolation.rules import Coop
from tests.conftest import Raw, Serve
from tests.raw import RawClient

from .support import age, recorded, write

NAVIGATION = ("Accept: text/html", "Sec-Fetch-Mode: navigate")


@pytest.fixture
async def client(serve: Serve, raw: Raw) -> RawClient:
    return await raw(await serve())


@pytest.mark.parametrize(
    ("method", "path", "lines", "status"),
    [
        ("GET", "/app.js", (), 200),
        ("HEAD", "/app.js", (), 200),
        ("GET", "/digits.txt", ("Range: bytes=0-1",), 206),
        ("GET", "/sub", (), 301),
        ("GET", "/app.js", ("If-None-Match: *",), 304),
        ("GET", "/nothing", (), 404),
        ("HEAD", "/nothing", (), 404),
        ("GET", "/%zz", (), 400),
        ("POST", "/app.js", (), 405),
        ("PUT", "/app.js", (), 405),
        ("DELETE", "/nothing", (), 405),
        ("PROPFIND", "/", (), 405),
        ("GET", "/digits.txt", ("Range: bytes=10-",), 416),
        ("GET", "/app.js", ('If-Match: "other"',), 412),
        ("GET", "/posix", (), 426),
        ("GET", "/tcp/localhost:80", (), 426),
        ("HEAD", "/echo", (), 426),
        ("GET", "/posix/", (), 404),
        ("GET", "/tcp", (), 404),
        ("OPTIONS", "/app.js", (), 204),
    ],
)
async def test_each_request_has_its_status(
    client: RawClient, method: str, path: str, lines: tuple[str, ...], status: int
) -> None:
    assert (await client.ask(method, path, *lines)).status == status
    assert (await client.ask("GET", "/app.js")).status == 200  # the connection is still in step


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "MKCOL"])
async def test_other_methods_are_told_which_are_allowed(client: RawClient, method: str) -> None:
    for path in ("/app.js", "/nothing", "/"):
        answer = await client.ask(method, path)
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_method_that_the_parser_does_not_know_is_told_so_too(client: RawClient) -> None:
    answer = await client.ask("BREW", "/app.js")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert await client.at_end()  # what follows cannot be told apart from its body


async def test_options_says_what_is_allowed(client: RawClient) -> None:
    answer = await client.ask("OPTIONS", "/app.js")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert "Content-Length" not in answer.headers  # RFC 9110, section 8.6


async def test_a_websocket_route_answers_426_with_what_to_do(client: RawClient) -> None:
    answer = await client.ask("GET", "/posix?x=1")
    assert answer.headers["Upgrade"] == "websocket"
    assert b"Connect with a WebSocket." in answer.body


async def test_a_file_goes_before_the_426_of_a_websocket_route(folder: Path, client: RawClient) -> None:
    (folder / "posix").write_text("mine")
    assert (await client.ask("GET", "/posix")).body == b"mine"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("app.wasm", "application/wasm"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("app.data", "application/octet-stream"),
        ("app.wasm.map", "application/json"),
        ("README", "application/octet-stream"),
        ("index.html", "text/html; charset=utf-8"),
    ],
)
async def test_a_file_has_the_type_of_its_name(
    folder: Path, client: RawClient, name: str, content_type: str
) -> None:
    (folder / name).write_text("x")
    assert (await client.ask("GET", f"/{name}")).headers["Content-Type"] == content_type


async def test_a_file_is_asked_for_again_each_time(folder: Path, client: RawClient) -> None:
    age(folder / "app.js")
    answer = await client.ask("GET", "/app.js")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"][0] == answer.headers["ETag"][-1] == '"'
    assert answer.headers["Last-Modified"].endswith(" GMT")
    assert answer.headers["Accept-Ranges"] == "bytes"


async def test_a_304_has_what_a_200_says_of_caching_and_nothing_of_the_body(
    folder: Path, client: RawClient
) -> None:
    write(folder / "app.js.br", b"br")
    write(folder / "app.js", b"plain", seconds=1)
    whole = await client.ask("GET", "/app.js")
    answer = await client.ask("GET", "/app.js", f"If-None-Match: {whole.headers['ETag']}")
    assert answer.status == 304
    for name in ("ETag", "Last-Modified", "Cache-Control", "Vary"):  # RFC 9110, section 15.4.5
        assert answer.headers.getall(name) == whole.headers.getall(name)
    assert not {"Content-Length", "Content-Type", "Content-Range"} & set(answer.headers)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/sub", "./sub/"),
        ("/sub?x=1&y=%20/", "./sub/?x=1&y=%20/"),
        ("/sub?", "./sub/?"),
        ("/sub?//evil.example", "./sub/?//evil.example"),
        ("//sub", "./sub/"),
        ("/a%20b?q", "./a%20b/?q"),
        ("/C:", "./C:/"),
        ("/javascript:alert(1)", "./javascript:alert(1)/"),
        ("/evil.example", "./evil.example/"),
        ("//evil.example", "./evil.example/"),
        ("///evil.example", "./evil.example/"),
        ("/s%75b", "./s%75b/"),
    ],
)
async def test_a_folder_is_redirected_to_its_slash_on_the_same_host(
    folder: Path, client: RawClient, target: str, location: str
) -> None:
    for name in ("a b", "C:", "evil.example", "javascript:alert(1)"):
        (folder / name).mkdir()
        (folder / name / "index.html").write_text("there")
    answer = await client.ask("GET", target)
    assert answer.status == 301
    assert answer.headers["Location"] == location
    # A browser resolves it against the URL as it asked for it: with two slashes that stays a path.
    there = urlsplit(urljoin("http://127.0.0.1/x", location))
    assert there.netloc == "127.0.0.1"
    assert there.query == target.partition("?")[2]


@pytest.mark.parametrize(
    "target", ["/%2fevil.example", "/%2f%2fevil.example", "/\\evil.example", "/%5cevil.example"]
)
async def test_no_redirect_comes_from_a_slash_in_disguise(
    folder: Path, client: RawClient, target: str
) -> None:
    (folder / "evil.example").mkdir()
    answer = await client.ask("GET", target)
    assert answer.status == 404
    assert "Location" not in answer.headers


async def test_a_file_is_no_folder(client: RawClient) -> None:
    assert (await client.ask("GET", "/app.js/")).status == 404
    assert (await client.ask("GET", "/app.js/x")).status == 404


async def test_a_folder_answers_with_its_index_and_its_validators(client: RawClient) -> None:
    answer = await client.ask("GET", "/sub/")
    assert answer.body == b"<!doctype html><title>sub</title>"
    assert (await client.ask("GET", "/sub/", f"If-None-Match: {answer.headers['ETag']}")).status == 304


@pytest.mark.parametrize("index", ["missing", "a folder", "a link that leaves"])
async def test_a_folder_without_an_index_is_listed(folder: Path, client: RawClient, index: str) -> None:
    place = folder / "sub" / "index.html"
    place.unlink()
    (folder / "sub" / "lib.wasm").write_bytes(b"x" * 2048)
    if index == "a folder":
        place.mkdir()
    elif index == "a link that leaves":
        place.symlink_to("/etc/passwd")
    answer = await client.ask("GET", "/sub/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert b'href="./lib.wasm"' in answer.body
    assert b"2.0 KiB" in answer.body
    assert b"root:" not in answer.body
    head = await client.ask("HEAD", "/sub/")
    assert head.headers["Content-Length"] == str(len(answer.body))


async def test_a_single_page_application_gets_its_index_for_navigations(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve(spa=True))
    answer = await client.ask("GET", "/settings/profile", *NAVIGATION)
    assert (answer.status, answer.body) == (200, b"<!doctype html><title>index</title>")
    assert (await client.ask("GET", "/settings/profile", "Accept: */*")).status == 404
    assert (await client.ask("GET", "/settings/profile")).status == 404


@pytest.mark.parametrize(
    "name", ["app2.wasm", "app2.js", "app2.data", "deep/APP2.WASM", "app2.wasm.br", "x.mjs"]
)
async def test_a_missing_asset_is_never_html_even_for_a_navigation(serve: Serve, raw: Raw, name: str) -> None:
    client = await raw(await serve(spa=True))
    answer = await client.ask("GET", f"/{name}", *NAVIGATION)
    assert answer.status == 404
    assert b"<title>index</title>" not in answer.body


async def test_an_index_that_stood_in_is_not_remembered_under_the_name(
    folder: Path, serve: Serve, raw: Raw
) -> None:
    write(folder / "index.html", b"index")
    client = await raw(await serve(spa=True))
    for _ in range(2):
        assert (await client.ask("GET", "/settings", *NAVIGATION)).body == b"index"
        assert (await client.ask("GET", "/settings", "Accept: */*")).status == 404
    write(folder / "settings", b"real")
    assert (await client.ask("GET", "/settings", *NAVIGATION)).body == b"real"


async def test_no_fall_back_without_an_index_or_unasked(folder: Path, serve: Serve, raw: Raw) -> None:
    assert (await (await raw(await serve())).ask("GET", "/settings", *NAVIGATION)).status == 404
    (folder / "index.html").unlink()
    assert (await (await raw(await serve(spa=True))).ask("GET", "/settings", *NAVIGATION)).status == 404


async def test_a_problem_is_json_for_programs_and_a_page_for_a_navigation(client: RawClient) -> None:
    answer = await client.ask("GET", "/<script>", "Accept: */*")
    assert answer.headers["Content-Type"] == "application/problem+json"
    page = await client.ask("GET", "/<script>", *NAVIGATION)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<script>" not in page.body
    assert "Accept" in ", ".join(page.headers.getall("Vary"))


# An OAuth pop-up always comes back with a query: that is what the exception is for.
@pytest.mark.parametrize("first", ["/popup.html", "/popup.html?code=1"])
async def test_an_exception_from_isolation_holds_whatever_the_query(
    folder: Path, serve: Serve, raw: Raw, first: str
) -> None:
    write(folder / "popup.html", b"popup")
    exception = IsolationException("/popup.html", coop=Coop.SAME_ORIGIN_ALLOW_POPUPS)
    client = await raw(await serve(isolation_exceptions=(exception,)))
    for target in (first, "/popup.html", "/popup.html?code=2"):
        answer = await client.ask("GET", target)
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups", target


async def test_what_was_served_is_told(folder: Path, serve: Serve, raw: Raw) -> None:
    write(folder / "digits.txt", b"0123456789")
    server: Server = await serve()
    seen = recorded(server.app)
    client = await raw(server)
    for lines in ((), (), ("Range: bytes=0-1",), ("If-None-Match: *",)):
        await client.ask("GET", "/digits.txt?v=1", *lines)
    served = [event for event in seen if isinstance(event, FileServed)]
    place = str(folder / "digits.txt")
    assert served == [FileServed("/digits.txt?v=1", place, status) for status in (200, 200, 206, 304)]


async def test_a_folder_can_be_served_below_a_prefix_of_any_application(
    folder: Path,
) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    files.setup(app, folder, prefix="/files/")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        client = await RawClient.connect("127.0.0.1", runner.addresses[0][1])
        assert (await client.ask("GET", "/")).body == b"hello"
        assert (await client.ask("GET", "/files/digits.txt", "Range: bytes=-1")).body == b"9"
        assert (await client.ask("GET", "/files/sub")).headers["Location"] == "./sub/"
        assert (await client.ask("GET", "/files/../digits.txt")).status == 404
        assert (await client.ask("GET", "/files/nothing")).headers[
            "Content-Type"
        ] == "application/problem+json"
        for target in ("http://127.0.0.1/files/app.js", "http://evil.example/files/../../x"):
            assert (await client.ask("GET", target)).status in (200, 404)
        await client.close()
    finally:
        await runner.cleanup()
