"""Markup in served pages: where it goes, and that lengths, tags, ranges and memory stay true."""

import asyncio
import codecs
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from fetchkit import files
from fetchkit.files import routes
from fetchkit.files.cache import MAX_BODY
from fetchkit.files.injection import MAX_PAGE, inject, is_page
from tests.raw import RawAnswer, RawClient

from .support import open_descriptors, pattern, write

MARKUP = b"<script>shim()</script>\n"

# --- Where it goes: before each `|`


@pytest.mark.parametrize(
    "page",
    [
        "<!doctype html><html><head>|<title>x</title></head><body></body></html>",
        "<!DOCTYPE html>\n<HTML LANG='en'>\n<HEAD>|\n<meta charset=utf-8>",
        '<!doctype html>\n<html lang=en data-x="a>b" data-y=\'c>d\'><head\nclass="x>y">|<script></script>',
        "<!doctype html><head/>|<script>",
        "<html><head profile>|",
        # no head, or no html: in front of what would open it
        "<!doctype html>|<title>x</title>",
        "<!doctype html>\n|<script>run()</script>",
        "<html>|<body>text<head>",
        "<html>\n|<script src=app.js></script><head>",
        "|<script>'<head>'</script>",
        "|text <head>",
        "|<body>",
        "|<header>no head</header>",
        "<html>|<headline>",
        "|<htmlx><head>",
        "|",
        " \n\t\f\r|",
        # comments, and what reads as one
        "<!-- <head> --><!doctype html><!-- <html><head> --><html><!-- > --><head>|",
        "<!--><head>|<!-- -->",
        "<!---><head>|-->",
        "<!-- a --!><head>|",
        "<!-- -- > <head> --><head>|",
        "<!----><head>|",
        '<?xml version="1.0"?><!doctype html><head>|',
        "<![if IE]><head>|<![endif]>",
        "<!--[if IE]><head><![endif]--><html><head>|",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://x"><html><head>|',
        # what is never finished opens nothing
        "|<!-- <head>",
        "<!doctype html>|<!-- <head>",
        "|<!doctype html",
        "<html>|<head",
        '<html>|<head class="',
        '|<html lang="<head>',
        "|</head><head>",
        "<!doctype html><html><head>|<head>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
def test_markup_goes_before_everything_that_runs(page: str, encoding: str) -> None:
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    mark = marks.get(encoding, b"")
    text = f"{page}é🎉\ud800" if encoding.startswith("utf-16") else f"{page}é🎉"
    given_ = mark + text.replace("|", "", 1).encode(encoding, "surrogatepass")
    wanted = mark + text.replace("|", MARKUP.decode(), 1).encode(encoding, "surrogatepass")
    assert inject(given_, MARKUP) == wanted


def test_a_comment_with_other_letters_moves_nothing_in_utf16() -> None:
    page = codecs.BOM_UTF16_LE + "<!-- 🎉é\udc00 --><head><p>".encode("utf-16-le", "surrogatepass") + b"x"
    wanted = "<!-- 🎉é\udc00 --><head>" + MARKUP.decode() + "<p>"
    assert inject(page, MARKUP) == codecs.BOM_UTF16_LE + wanted.encode("utf-16-le", "surrogatepass") + b"x"


def test_other_encodings_keep_their_bytes() -> None:
    assert inject(b"<!-- \xe4\xff --><head>\xe4", MARKUP) == b"<!-- \xe4\xff --><head>" + MARKUP + b"\xe4"


@given(st.binary() | st.text("<!->/?'\"= \nheadtmlbody").map(str.encode))
def test_whatever_the_page_is_it_is_all_there_and_the_markup_once(page: bytes) -> None:
    injected = inject(page, MARKUP)
    wide = page.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    assert len(injected) == len(page) + len(MARKUP) * (2 if wide else 1)
    if not wide:
        at = injected.index(MARKUP)
        assert injected[:at] + injected[at + len(MARKUP) :] == page


@pytest.mark.parametrize(
    "page",
    [
        b"<!--" * 200_000,
        b"<!-- --" * 200_000,
        b"<html " + b"'" * 1_000_001,
        b"<html " + b"a" * 1_000_000,
        b"<html " + b'""' * 500_001,
        b" " * 1_000_000 + b"<",
        b"<!>" * 300_000,
        b"<!" * 500_000,
        b"<html>" + b"<!-- -->" * 100_000 + b"<head '",
    ],
)
def test_pages_that_are_hard_to_read_take_milliseconds(page: bytes) -> None:
    assert len(inject(page, MARKUP)) == len(page) + len(MARKUP)  # minutes, were time not linear


def test_only_html_is_a_page() -> None:
    assert [is_page(name) for name in ("a.html", "b.HTM", "/x/index.html")] == [True] * 3
    assert not any(map(is_page, ("a.js", "a.xhtml", "a.svg", "a.html.gz", "html", "a.md")))


# --- Over the wire

Start = Callable[..., Awaitable[RawClient]]
PAGE = b"<!doctype html><head><title>x</title></head><body>0123456789</body>"
INJECTED = PAGE.replace(b"<head>", b"<head>" + MARKUP)


@pytest.fixture
async def start(folder: Path) -> AsyncIterator[Start]:
    """Serve `folder` with markup; returns a client."""
    write(folder / "index.html", PAGE)
    async with AsyncExitStack() as stack:

        async def start(markup: bytes = MARKUP, *, spa: bool = False) -> RawClient:
            app = web.Application()
            files.setup(app, folder, inject=markup, spa=spa)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            client = await RawClient.connect("127.0.0.1", runner.addresses[0][1])
            stack.push_async_callback(client.close)
            return client

        yield start


def is_whole(answer: RawAnswer, body: bytes = INJECTED) -> bool:
    return (answer.status, answer.body, answer.headers["Content-Length"]) == (200, body, str(len(body)))


async def test_every_page_of_the_folder_gets_it_and_nothing_else_does(start: Start, folder: Path) -> None:
    client = await start()
    write(folder / "other.htm", b"<p>")
    write(folder / "page.xhtml", b"<head></head>")
    for _ in range(2):  # from disk, then from memory
        assert is_whole(await client.ask("GET", "/"))
        assert is_whole(await client.ask("GET", "/index.html?x=1"))
        assert is_whole(await client.ask("GET", "/other.htm"), MARKUP + b"<p>")
        assert MARKUP in (await client.ask("GET", "/sub/")).body
        assert is_whole(await client.ask("GET", "/app.js"), b"console.log('app')")
        assert is_whole(await client.ask("GET", "/page.xhtml"), b"<head></head>")
    assert MARKUP not in (await client.ask("GET", "/nothing", "Accept: text/html")).body
    (folder / "empty").mkdir()
    assert MARKUP not in (await client.ask("GET", "/empty/")).body


async def test_without_markup_pages_are_as_they_are(start: Start) -> None:
    client = await start(b"")
    answer = await client.ask("GET", "/")
    assert is_whole(answer, PAGE)
    assert "Last-Modified" in answer.headers


async def test_a_head_speaks_of_the_injected_page(start: Start) -> None:
    client = await start()
    head, whole = await client.ask("HEAD", "/"), await client.ask("GET", "/")
    for name in ("Content-Length", "ETag", "Content-Type", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]
    assert head.headers["Content-Length"] == str(len(INJECTED))


async def test_the_tag_is_another_one_with_each_markup_and_each_page(start: Start, folder: Path) -> None:
    plain, one, other = await start(b""), await start(), await start(b"<script>other()</script>")
    tags = [(await client.ask("GET", "/")).headers["ETag"] for client in (plain, one, other)]
    write(folder / "index.html", PAGE + b"!", 60)
    tags += [(await client.ask("GET", "/")).headers["ETag"] for client in (plain, one, other)]
    assert len(set(tags)) == 6


async def test_what_a_browser_has_is_asked_for_by_its_tag_alone(start: Start) -> None:
    client, plain = await start(), await start(b"")
    for _ in range(2):
        tag = (await client.ask("GET", "/")).headers["ETag"]
        assert (await client.ask("GET", "/", f"If-None-Match: {tag}")).status == 304
        assert is_whole(await plain.ask("GET", "/", f"If-None-Match: {tag}"), PAGE)
    # the file's time says nothing of the markup
    modified = (await plain.ask("GET", "/")).headers["Last-Modified"]
    answer = await client.ask("GET", "/", f"If-Modified-Since: {modified}")
    assert is_whole(answer)
    assert "Last-Modified" not in answer.headers


async def test_ranges_are_of_the_injected_page(start: Start) -> None:
    client = await start()
    size = len(INJECTED)
    for _ in range(2):
        answer = await client.ask("GET", "/", "Range: bytes=10-40")
        assert (answer.status, answer.body) == (206, INJECTED[10:41])
        assert answer.headers["Content-Range"] == f"bytes 10-40/{size}"
        assert (await client.ask("GET", "/", "Range: bytes=-7")).body == INJECTED[-7:]
        beyond = await client.ask("GET", "/", f"Range: bytes={size}-")
        assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    several = await client.ask("GET", "/", "Range: bytes=0-4,20-30")
    assert INJECTED[:5] in several.body
    assert INJECTED[20:31] in several.body
    tag = (await client.ask("GET", "/")).headers["ETag"]
    assert (await client.ask("GET", "/", "Range: bytes=0-0", f"If-Range: {tag}")).status == 206
    assert is_whole(await client.ask("GET", "/", "Range: bytes=0-0", 'If-Range: "other"'))


async def test_compressed_siblings_of_pages_are_not_used_those_of_others_are(
    start: Start, folder: Path
) -> None:
    client = await start()
    for name in ("index.html", "app.js"):
        write(folder / name, (folder / name).read_bytes())
        write(folder / f"{name}.br", b"compressed")
    page = await client.ask("GET", "/", "Accept-Encoding: br")
    assert is_whole(page)
    assert not {"Content-Encoding", "Vary"} & set(page.headers)
    script = await client.ask("GET", "/app.js", "Accept-Encoding: br")
    assert (script.body, script.headers["Content-Encoding"]) == (b"compressed", "br")


async def test_a_page_is_read_once_and_again_when_it_changes(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(page: bytes, markup: bytes) -> bytes:
        calls.append(page)
        return inject(page, markup)

    monkeypatch.setattr(routes, "inject", counted)
    client = await start()
    for _ in range(3):
        assert is_whole(await client.ask("GET", "/"))
    assert calls == [PAGE]
    write(folder / "index.html", b"<head>new", 60)
    assert is_whole(await client.ask("GET", "/"), b"<head>" + MARKUP + b"new")


@pytest.mark.parametrize("size", [MAX_BODY - 6, MAX_BODY, MAX_BODY + 1, 5_000_000])
async def test_a_large_page_gets_it_too(start: Start, folder: Path, size: int) -> None:
    client = await start()
    page = (b"<head>" + pattern(size))[:size]
    write(folder / "large.html", page)
    wanted = b"<head>" + MARKUP + page[6:]
    before = open_descriptors()
    answer = await client.ask("GET", "/large.html", "Accept-Encoding: br")
    assert is_whole(answer, wanted)
    tag = answer.headers["ETag"]
    assert (await client.ask("GET", "/large.html", f"If-None-Match: {tag}")).status == 304
    head = await client.ask("HEAD", "/large.html")
    assert (head.headers["Content-Length"], head.headers["ETag"]) == (str(len(wanted)), tag)
    part = await client.ask("GET", "/large.html", f"Range: bytes={size - 10}-")
    assert part.body == wanted[size - 10 :]
    assert open_descriptors() == before


async def test_a_page_beyond_all_measure_is_left_alone_and_said_to_be(
    start: Start, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = await start()
    page = folder / "huge.html"
    page.write_bytes(b"<head>")
    os.truncate(page, MAX_PAGE + 1)
    with caplog.at_level(logging.WARNING, "fetchkit.files"):
        answer = await client.ask("GET", "/huge.html", "Range: bytes=0-9")
    assert (answer.status, answer.body) == (206, b"<head>\0\0\0\0")
    assert answer.headers["Content-Range"] == f"bytes 0-9/{MAX_PAGE + 1}"
    assert [record.getMessage() for record in caplog.records] == [
        f"{page} has more than {MAX_PAGE} bytes: nothing is injected into it."
    ]


async def test_a_large_page_that_grows_meanwhile_is_read_again(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await start()
    place = write(folder / "large.html", b"<head>" + bytes(MAX_BODY))
    real = os.read
    reads: list[int] = []

    def grows(descriptor: int, size: int) -> bytes:
        body = real(descriptor, size)
        if size > MAX_BODY and not reads:
            reads.append(size)
            place.write_bytes(b"<head>" + bytes(MAX_BODY + 5))
        return body

    monkeypatch.setattr(os, "read", grows)
    answer = await client.ask("GET", "/large.html")
    assert is_whole(answer, b"<head>" + MARKUP + bytes(MAX_BODY + 5))


async def test_other_requests_are_answered_while_a_large_page_is_read(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await start()
    write(folder / "large.html", b"<head>" + bytes(MAX_BODY))
    loop, released = asyncio.get_running_loop(), asyncio.Event()

    def waits(page: bytes, markup: bytes) -> bytes:
        if len(page) > MAX_BODY:
            asyncio.run_coroutine_threadsafe(released.wait(), loop).result(10)
        return inject(page, markup)

    monkeypatch.setattr(routes, "inject", waits)
    large = asyncio.ensure_future(client.ask("GET", "/large.html"))
    host, port = client.writer.get_extra_info("peername")
    other = await RawClient.connect(host, port)
    assert is_whole(await other.ask("GET", "/"))
    assert not large.done()
    released.set()
    assert (await large).status == 200
    await other.close()


async def test_the_index_that_stands_in_for_a_missing_path_has_it(start: Start) -> None:
    client = await start(spa=True)
    answer = await client.ask("GET", "/some/where", "Accept: text/html", "Sec-Fetch-Mode: navigate")
    assert is_whole(answer)
