"""Pages that lie in memory: in place of files, looked up for each request, treated as pages of the folder."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from fetchkit import files
from tests.raw import RawAnswer, RawClient

from .support import write

MARKUP = b"<script>shim()</script>\n"
PAGE = b"<!doctype html><head><title>made</title>"
INJECTED = PAGE.replace(b"<head>", b"<head>" + MARKUP)
Start = Callable[..., Awaitable[RawClient]]


@pytest.fixture
async def start(folder: Path) -> AsyncIterator[Start]:
    """Serve `folder` and pages besides; returns a client."""
    async with AsyncExitStack() as stack:

        async def start(
            pages: dict[str, bytes] | None, *, prefix: str = "/", markup: bytes = b"", spa: bool = False
        ) -> RawClient:
            app = web.Application()
            files.setup(app, folder, prefix=prefix, pages=pages, inject=markup, spa=spa)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            client = await RawClient.connect("127.0.0.1", runner.addresses[0][1])
            stack.push_async_callback(client.close)
            return client

        yield start


def is_page(answer: RawAnswer, body: bytes = PAGE) -> bool:
    fields = [answer.headers[name] for name in ("Content-Type", "Content-Length", "Cache-Control")]
    wanted = ["text/html; charset=utf-8", str(len(body)), "no-cache"]
    return (answer.status, answer.body, fields) == (200, body, wanted)


async def test_a_page_is_answered_at_its_path_with_any_query(start: Start) -> None:
    client = await start({"/app.js.run.html": PAGE, "/sub/a%20b.run.html": PAGE})
    assert is_page(await client.ask("GET", "/app.js.run.html"))
    assert is_page(await client.ask("GET", "/app.js.run.html?a&b%20c"))
    assert is_page(await client.ask("GET", "/sub/a%20b.run.html"))


async def test_a_head_is_the_page_without_its_body(start: Start) -> None:
    client = await start({"/p": PAGE})
    head = await client.ask("HEAD", "/p")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(PAGE)))


async def test_no_other_path_has_it(start: Start) -> None:
    client = await start({"/p.html": PAGE})
    for path in ("/", "/p", "/p.html/", "/P.html", "/sub/p.html", "//p.html", "/sub/../p.html"):
        assert PAGE not in (await client.ask("GET", path)).body
    assert b"index" in (await client.ask("GET", "/index.html")).body


async def test_a_page_stands_in_place_of_a_file(start: Start, folder: Path) -> None:
    client = await start({"/index.html": PAGE})
    for _ in range(2):  # a file would be answered from memory
        assert is_page(await client.ask("GET", "/index.html"))
    write(folder / "other.html", b"<p>other")
    assert (await client.ask("GET", "/other.html")).body == b"<p>other"


async def test_pages_come_and_go_while_it_runs(start: Start) -> None:
    pages: dict[str, bytes] = {}
    client = await start(pages)
    assert (await client.ask("GET", "/p.html")).status == 404
    pages["/p.html"] = PAGE
    assert is_page(await client.ask("GET", "/p.html"))
    pages["/p.html"] = PAGE + b"!"
    assert is_page(await client.ask("GET", "/p.html"), PAGE + b"!")
    del pages["/p.html"]
    assert (await client.ask("GET", "/p.html")).status == 404


async def test_markup_goes_into_them_as_into_files(start: Start) -> None:
    client = await start({"/p.html": PAGE}, markup=MARKUP)
    assert is_page(await client.ask("GET", "/p.html"), INJECTED)
    assert MARKUP in (await client.ask("GET", "/index.html")).body


async def test_they_are_read_only_and_not_compressed_by_a_sibling(start: Start, folder: Path) -> None:
    write(folder / "p.html.gz", b"no")
    client = await start({"/p.html": PAGE})
    answer = await client.ask("POST", "/p.html", "Content-Length: 0")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    answer = await client.ask("GET", "/p.html", "Accept-Encoding: gzip, br")
    assert is_page(answer)
    assert "Content-Encoding" not in answer.headers
    assert (await client.ask("OPTIONS", "/p.html")).status == 204


async def test_they_have_the_headers_of_the_folder(start: Start) -> None:
    client = await start({"/p.html": PAGE})
    made, file = await client.ask("GET", "/p.html"), await client.ask("GET", "/index.html")
    names = [name for name in file.headers if name.startswith(("Cross-Origin-", "X-Content-Type"))]
    assert names
    assert {name: made.headers[name] for name in names} == {name: file.headers[name] for name in names}


async def test_below_a_prefix_a_page_has_its_whole_path(start: Start) -> None:
    client = await start({"/site/p.html": PAGE}, prefix="/site/")
    assert is_page(await client.ask("GET", "/site/p.html"))


async def test_without_pages_the_folder_is_all(start: Start) -> None:
    for client in (await start(None), await start({})):
        assert (await client.ask("GET", "/p.html")).status == 404
        assert (await client.ask("GET", "/index.html")).status == 200
