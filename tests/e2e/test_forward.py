"""Programs on an isolated page reach a server that sends neither CORS nor CORP, and foreign pages do not."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from .browser import FOREIGN_HOST, Tab
from .data import BIG
from .upstream import Upstream

pytestmark = pytest.mark.e2e

Site = Callable[..., Path]
Serve = Callable[..., str]

# What came of it: "read", "opaque", or the name of the error.
FETCHED = """(url, options) => fetch(url, options).then(
    (answer) => answer.type === "opaque" ? "opaque" : answer.ok ? "read" : String(answer.status),
    (error) => error.name,
)"""
ELEMENT_LOADED = """(tag, property, url) => new Promise((resolve) => {
    const element = document.createElement(tag);
    element.onload = () => resolve(true);
    element.onerror = () => resolve(false);
    element[property] = url;
    document.head.append(element);
})"""


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    """The server to reach, which has a short file and a long one."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello from upstream")
    (folder / "big.txt").write_bytes(BIG)
    (folder / "ranges.txt").write_bytes(BIG)
    with Upstream(folder) as server:
        yield server


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Upstream]:
    """A server of another origin, which has a short file and serves the foreign page."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello from elsewhere")
    (folder / "page.html").write_text("<!doctype html><link rel=icon href=data:,><title>Foreign</title>")
    with Upstream(folder) as server:
        yield server


def page(program: str, base: str, *flags: str) -> str:
    """The query that runs a program with its files below a base."""
    return "?" + "&".join([urlencode({"program": program, "base": base}), *flags])


def test_wget_reads_through_the_forward_what_it_cannot_read_directly(
    site: Site, serve: Serve, tab: Tab, upstream: Upstream
) -> None:
    url = serve(site("wget"))
    tab.allowed += ["CORS policy", "net::ERR_FAILED", "404"]

    directly = tab.run(url + page("wget", upstream.url()))
    assert directly.output == ["not loaded /data/hello.txt"]
    assert upstream.targets() == ["/hello.txt"]  # it was reached, and yet the page could not read it

    ended = tab.run(url + page("wget", f"/forward/{upstream.url()}"))
    assert ended.output == ["loaded /data/hello.txt: hello from upstream", "not loaded /data/missing.txt"]
    assert upstream.targets() == ["/hello.txt", "/hello.txt", "/missing.txt"]


def test_wget2_through_the_forward_shows_progress_to_the_end(
    site: Site, serve: Serve, tab: Tab, upstream: Upstream
) -> None:
    ended = tab.run(serve(site("wget2")) + page("wget2", f"/forward/{upstream.url()}"))

    assert ended.output == [
        "loaded: /big.txt",
        "progress: ascending to 100%",
        f"size: {len(BIG)}",
        f"adler32: {zlib.adler32(BIG):08x}",
    ]
    assert upstream.targets() == ["/big.txt"]


def test_fetch_through_the_forward_shows_progress_and_exact_ranges(
    site: Site, serve: Serve, tab: Tab, upstream: Upstream
) -> None:
    tab.allowed.append("416")
    size = len(BIG)

    ended = tab.run(serve(site("fetch", "-sFETCH")) + page("fetch", f"/forward/{upstream.url()}"))

    assert ended.output == [
        "whole: status 200",
        f"progress: ascending to {size} of {size}",
        f"adler32: {zlib.adler32(BIG):08x}",
        "bytes=1000-1015: status 206",
        f"content-range: bytes 1000-1015/{size}",
        f"bytes: {BIG[1000:1016].decode()!r}",
        "bytes=-16: status 206",
        f"content-range: bytes {size - 16}-{size - 1}/{size}",
        f"bytes: {BIG[-16:].decode()!r}",
        "bytes=5242880-99999999: status 206",
        f"content-range: bytes 5242880-{size - 1}/{size}",
        f"bytes: {BIG[5242880:].decode()!r}",
        "bytes=99999999-: status 416",
        f"content-range: bytes */{size}",
    ]
    ranges = ["bytes=1000-1015", "bytes=-16", "bytes=5242880-99999999", "bytes=99999999-"]
    assert [request.headers.get("Range") for request in upstream.seen] == [None, *ranges]


def test_fetch_uploads_through_the_forward(site: Site, serve: Serve, tab: Tab, upstream: Upstream) -> None:
    ended = tab.run(serve(site("upload", "-sFETCH")) + page("upload", f"/forward/{upstream.url()}"))

    sent, received = ended.output
    bytes_sent = sent.removeprefix("sent: ")
    assert bytes_sent.startswith(f"{3 << 20} bytes")
    assert received == f"status 201: received: {bytes_sent}"
    (request,) = upstream.seen
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-program"
    assert not {"Origin", "Referer", "Cookie", "Sec-Fetch-Site"} & set(request.headers)


def test_lazy_file_through_the_forward_is_whole(
    site: Site, serve: Serve, tab: Tab, upstream: Upstream
) -> None:
    ended = tab.run(serve(site("lazy")) + page("lazy", f"/forward/{upstream.url()}", "worker"))

    assert ended.output == [
        f"size: {len(BIG)}",
        f"last 8 bytes: {BIG[-8:].decode()}",
        f"adler32: {zlib.adler32(BIG):08x}",
        "requests: 7",  # a HEAD, and 6 pieces of 1 MiB or less
    ]
    assert [request.method for request in upstream.seen] == ["HEAD", *["GET"] * 6]
    assert all("Range" in request.headers for request in upstream.seen[1:])


def test_redirect_to_another_origin_is_followed(
    site: Site, serve: Serve, tab: Tab, upstream: Upstream, elsewhere: Upstream
) -> None:
    upstream.move_to(elsewhere.url("localhost"))
    tab.allowed.append("404")
    moved = f"/forward/{upstream.url()}moved/"

    ended = tab.run(serve(site("wget")) + page("wget", moved))
    assert ended.output == ["loaded /data/hello.txt: hello from elsewhere", "not loaded /data/missing.txt"]
    assert upstream.targets() == ["/moved/hello.txt", "/moved/missing.txt"]

    # no-store: what the program has read a moment ago must not come from the browser's cache.
    options = '{ headers: { Authorization: "Bearer secret" }, cache: "no-store" }'
    final, text = tab.evaluate(
        f"""fetch("{moved}hello.txt", {options}).then(
            async (answer) => [answer.headers.get("X-Final-URL"), await answer.text()]
        )"""
    )
    assert (final, text) == (f"{elsewhere.url('localhost')}hello.txt", "hello from elsewhere")
    assert upstream.seen[-1].headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in elsewhere.seen[-1].headers


def test_page_of_another_loopback_server_reads_through_the_forward(
    site: Site, serve: Serve, tab: Tab, upstream: Upstream
) -> None:
    folder = site("answer", "-DANSWER=1")
    tab.run(f"{serve(folder)}?program=answer")
    forwarded = f"{serve(folder)}forward/{upstream.url()}upload"

    # The method and the header make the browser ask beforehand; X-Final-URL must be exposed.
    read = tab.evaluate(
        f"""fetch("{forwarded}", {{ method: "PUT", headers: {{ "X-Own": "1" }}, body: "abc" }}).then(
            async (answer) => [answer.status, answer.headers.get("X-Final-URL"), await answer.text()]
        )"""
    )
    received = f"received: 3 bytes, adler32 {zlib.adler32(b'abc'):08x}"
    assert read == [201, f"{upstream.url()}upload", received]
    assert [(request.method, request.headers["X-Own"]) for request in upstream.seen] == [("PUT", "1")]


def test_image_of_a_server_without_corp_loads_through_the_forward(
    site: Site, serve: Serve, tab: Tab, upstream: Upstream, isolation: str
) -> None:
    tab.allowed += ["ERR_BLOCKED_BY_RESPONSE"]
    tab.run(serve(site("answer", "-DANSWER=1")) + "?program=answer")

    image = f"{upstream.url()}pixel.svg"
    load = f'({ELEMENT_LOADED})("img", "src", "%s")'
    assert tab.evaluate(load % image) is (isolation == "credentialless")
    assert tab.evaluate(load % f"/forward/{image}") is True


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        (f"({FETCHED})(URL)", "TypeError"),
        (f"({FETCHED})(URL, {{ method: 'DELETE' }})", "TypeError"),
        (f"({FETCHED})(URL, {{ mode: 'no-cors' }})", "opaque"),
        (f"({FETCHED})(URL, {{ mode: 'no-cors', method: 'POST', body: 'x' }})", "opaque"),
        (f"({ELEMENT_LOADED})('img', 'src', URL)", False),
        (f"({ELEMENT_LOADED})('script', 'src', URL)", False),
    ],
    ids=["fetch", "preflight", "no-cors", "no-cors-post", "img", "script"],
)
def test_foreign_page_is_refused_before_anything_is_sent_on(
    tmp_path: Path,
    serve: Serve,
    tab: Tab,
    upstream: Upstream,
    elsewhere: Upstream,
    attempt: str,
    outcome: str | bool,
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    forwarded = f"{serve(folder)}forward/{upstream.url()}pixel.svg"
    tab.allowed += ["403", "CORS policy", "net::ERR_FAILED"]
    foreign_page = f"{elsewhere.url(FOREIGN_HOST)}page.html"

    tab.chromium.call(tab.page.goto(foreign_page))
    assert tab.evaluate("location.hostname") == FOREIGN_HOST
    assert tab.evaluate(attempt.replace("URL", repr(forwarded))) == outcome

    answers = tab.answers(f"/forward/{upstream.url()}pixel.svg", 1)
    assert [answer.status for answer in answers] == [403]
    assert upstream.targets() == []
