"""The test origin as programs in a browser meet it: what is told of failures, resuming, storing, uploading.

The page is on 127.0.0.1, what it asks for on localhost or [::1] of the same port: three origins, one server.
"""

import asyncio
import base64
import hashlib
import json
import socket
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from aiohttp import web
from attrs import asdict

import fetchkit.origin
from fetchkit.origin.bodies import Content

from .browser import PAGE_DEADLINE, Tab
from .golden.origin_failures import BODIES, CHAINS, CORS, MODULES, PREFLIGHTS, REDIRECTS, Case, Outcome
from .toolchain import PROGRAMS

pytestmark = pytest.mark.e2e

Site = Callable[..., Path]
Serve = Callable[..., str]

HALF, SIZE = 512 << 10, 1 << 20


def has_ipv6_loopback() -> bool:
    """Whether [::1] can be listened on."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6_loopback(), reason="There is no [::1] here.")


@pytest.fixture
def isolation() -> str:
    """One mode is enough, the stricter one, but for what isolation decides."""
    return "require-corp"


def at(url: str, host: str = "localhost") -> str:
    """The origin of a server under another of its names."""
    return f"http://{host}:{url.rstrip('/').rpartition(':')[2]}/origin"


def ask(url: str, path: str, method: str = "GET", body: object = None) -> Any:
    """The JSON that a client without a browser gets; `path` is below `/origin`."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=PAGE_DEADLINE)) as connection:
        connection.request(method, f"/origin{path}", None if body is None else json.dumps(body))
        answer = connection.getresponse()
        assert answer.status in {200, 201}
        return json.loads(answer.read() or "null")


def seen(url: str, token: str) -> list[dict[str, Any]]:
    """What the origin saw under a token."""
    requests: list[dict[str, Any]] = ask(url, f"/seen/{token}")["requests"]
    return requests


def program(name: str, base: str, *flags: str) -> str:
    """The query that runs a program with a URL for it."""
    return "?" + "&".join([urlencode({"program": name, "base": base}), *flags])


def content(size: int, seed: str = "") -> bytes:
    """A body of the origin."""
    return b"".join(Content(size, seed).pieces(0, size))


# What is told of each failure


def ask_all(site: Site, serve: Serve, tab: Tab, cases: Iterable[Case], *args: str) -> list[Outcome]:
    """What each client in the page reports of each request."""
    flags = ("-sFETCH", "-sEXPORTED_RUNTIME_METHODS=ccall", "--pre-js", str(PROGRAMS / "ask.js"))
    folder = site("ask", *flags)
    url = serve(folder, *args)
    requests = [asdict(case) | {"url": at(url, case.host) + case.target} for case in cases]
    (folder / "requests.json").write_text(json.dumps(requests))
    tab.allowed += ["CORS policy", "Failed to load resource", "Access-Control-Allow-Origin"]
    ended = tab.run(f"{url}?program=ask")
    assert ended.exit_code == 0
    return [Outcome(**json.loads(line)) for line in ended.output]


def test_each_failure_is_told_as_the_table_says(site: Site, serve: Serve, tab: Tab) -> None:
    cases = (*CORS, *PREFLIGHTS, *BODIES, *REDIRECTS)
    told = ask_all(site, serve, tab, cases)
    pairs = zip(cases, told, strict=True)
    assert [(case, outcome) for case, outcome in pairs if outcome != case.outcome] == []


@needs_ipv6
@pytest.mark.parametrize("any_origin", [False, True])
def test_chain_across_three_origins_is_told_as_the_table_says(
    site: Site, serve: Serve, tab: Tab, any_origin: bool
) -> None:
    cases = [case for case, _ in CHAINS]
    expected = [outcome if any_origin else case.outcome for case, outcome in CHAINS]
    told = ask_all(site, serve, tab, cases, "--host", "::1", *(["--allow-origin", "*"] if any_origin else []))
    assert told == expected


def test_page_reads_no_field_that_is_not_exposed(site: Site, serve: Serve, tab: Tab) -> None:
    url = serve(site("answer", "-DANSWER=1"))
    tab.run(f"{url}?program=answer")
    names = ["etag", "accept-ranges", "content-length", "content-type"]
    fields = f"(url) => fetch(url).then(answer => {names}.map(name => answer.headers.has(name)))"

    assert tab.evaluate(f"({fields})('{at(url)}/range/1000')") == [True, True, True, True]
    hidden = tab.evaluate(f"({fields})('{at(url)}/range/1000?pipe=cors(no-expose)')")
    assert hidden == [False, False, True, True]  # these two are readable always


def test_whether_a_preflight_came_is_remembered(site: Site, serve: Serve, tab: Tab) -> None:
    url = serve(site("answer", "-DANSWER=1"))
    tab.run(f"{url}?program=answer")
    for token, options in {
        "simple": "{}",
        "range": '{ headers: { Range: "bytes=0-9" } }',
        "suffix": '{ headers: { Range: "bytes=-9" } }',
        "form": '{ method: "POST", body: new URLSearchParams("a=1") }',
        "json": '{ method: "POST", body: "{}", headers: { "Content-Type": "application/json" } }',
        "put": '{ method: "PUT", body: "x" }',
        "own": '{ headers: { "X-Own": "1" } }',
    }.items():
        assert (
            tab.evaluate(f"fetch('{at(url)}/anything?token={token}', {options}).then((a) => a.status)") == 200
        )

    came = {
        token: [(request["method"], request["preflighted"]) for request in seen(url, token)]
        for token in ("simple", "range", "suffix", "form", "json", "put", "own")
    }
    assert came == {
        "simple": [("GET", False)],
        "range": [("GET", False)],  # one range with a first byte is safelisted
        "suffix": [("OPTIONS", False), ("GET", True)],
        "form": [("POST", False)],
        "json": [("OPTIONS", False), ("POST", True)],
        "put": [("OPTIONS", False), ("PUT", True)],
        "own": [("OPTIONS", False), ("GET", True)],
    }
    # Every preflight is asked for: none is remembered by the browser.
    tab.evaluate(
        f"fetch('{at(url)}/anything?token=put', {{ method: 'PUT', body: 'y' }}).then((a) => a.text())"
    )
    assert [request["method"] for request in seen(url, "put")] == ["OPTIONS", "PUT", "OPTIONS", "PUT"]


# What isolation lets in


class BareOrigin:
    """The origin in an application of its own: nobody judges who asks.

    fetchkit itself refuses elements of another origin, which do not say whose they are, before any fault.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="origin", daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(PAGE_DEADLINE)

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(PAGE_DEADLINE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PAGE_DEADLINE)
        self._loop.close()

    async def _start(self) -> int:
        app = web.Application()
        fetchkit.origin.setup(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port: int = self._runner.addresses[0][1]
        return port


@pytest.fixture
def port() -> Iterator[int]:
    """Where an origin is that takes requests of anybody."""
    with BareOrigin() as found:
        yield found


# "loaded", the type of what fetch gave, or the name of the error.
EMBED = """async ([kind, url]) => {
    if (kind === "no-cors" || kind === "cors") {
        return fetch(url, { mode: kind }).then((answer) => answer.type, (error) => error.name);
    }
    if (kind === "worker") return new Promise((resolve) => {
        const worker = new Worker(url);
        worker.onmessage = () => resolve("loaded");
        worker.onerror = () => resolve("error");
    });
    return new Promise((resolve) => {
        const element = document.createElement(kind);
        element.onload = () => resolve("loaded");
        element.onerror = () => resolve("error");
        element.src = url;
        document.head.append(element);
    });
}"""
SCRIPT = f"/base64/decode/{base64.b64encode(b'self.postMessage?.(1)').decode()}?content-type=text/javascript&"
EMBEDDED = {
    "img": "/image/png?",
    "script": SCRIPT,
    "no-cors": "/range/1000?",
    "cors": "/range/1000?",
}


def embed(tab: Tab, kind: str, url: str) -> str:
    """What comes of it."""
    found: str = tab.chromium.call(tab.page.evaluate(EMBED, [kind, url]))
    return found


@pytest.mark.parametrize("isolation", ["require-corp", "credentialless", "off"])
def test_corp_decides_what_a_page_may_embed(
    site: Site, serve: Serve, tab: Tab, port: int, isolation: str
) -> None:
    tab.run(serve(site("answer", "-DANSWER=1")) + "?program=answer")
    tab.allowed += ["ERR_BLOCKED_BY_RESPONSE"]
    found = {
        (word, host): {
            kind: embed(tab, kind, f"http://{host}:{port}/origin{path}pipe=corp({word})")
            for kind, path in EMBEDDED.items()
        }
        for word in ("cross-origin", "same-site", "same-origin", "none")
        for host in ("127.0.0.1", "localhost")
    }

    let_in = {"img": "loaded", "script": "loaded", "no-cors": "opaque", "cors": "cors"}
    kept_out = {"img": "error", "script": "error", "no-cors": "TypeError", "cors": "cors"}
    without = kept_out if isolation == "require-corp" else let_in
    assert found == {
        ("cross-origin", "127.0.0.1"): let_in,
        ("cross-origin", "localhost"): let_in,
        ("same-site", "127.0.0.1"): kept_out,
        ("same-site", "localhost"): kept_out,
        ("same-origin", "127.0.0.1"): kept_out,
        ("same-origin", "localhost"): kept_out,
        ("none", "127.0.0.1"): without,
        ("none", "localhost"): without,
    }


@pytest.mark.parametrize(("host", "outcome"), [("localhost", "opaque"), ("127.0.0.1", "TypeError")])
def test_another_port_is_of_the_same_site_by_name_and_not_by_address(
    site: Site, serve: Serve, tab: Tab, port: int, host: str, outcome: str
) -> None:
    """For CORP in Chromium, where the Fetch standard ("schemelessly same site") has both."""
    url = serve(site("answer", "-DANSWER=1"))
    tab.allowed += ["ERR_BLOCKED_BY_RESPONSE"]
    tab.run(f"{at(url, host).removesuffix('/origin')}/?program=answer")
    assert embed(tab, "no-cors", f"http://{host}:{port}/origin/range/1000?pipe=corp(same-site)") == outcome


@pytest.mark.parametrize("isolation", ["require-corp", "credentialless", "off"])
def test_coep_decides_which_frames_and_workers_a_page_may_have(
    site: Site, serve: Serve, tab: Tab, port: int, isolation: str
) -> None:
    url = serve(site("answer", "-DANSWER=1"))
    tab.run(f"{url}?program=answer")
    tab.allowed += ["ERR_BLOCKED_BY_RESPONSE", "Failed to load resource"]
    foreign = f"http://localhost:{port}/origin"

    def framed(place: str) -> bool:
        """Whether a frame has what it asked for, and not the browser's page that says why not."""
        assert embed(tab, "iframe", place) == "loaded"
        return tab.page.frames[-1].url == place

    found = {
        word: (
            embed(tab, "worker", f"{url}origin{SCRIPT}pipe=coep({word})"),
            framed(f"{url}origin/html?pipe=coep({word})"),
            framed(f"{foreign}/html?pipe=coep({word})"),
        )
        for word in ("require-corp", "credentialless", "unsafe-none", "none")
    }

    without = ("loaded", True, True) if isolation == "off" else ("error", False, False)
    assert found == {
        "require-corp": ("loaded", True, True),
        "credentialless": ("loaded", True, True),
        "unsafe-none": without,
        "none": without,
    }
    # A frame needs both.
    without_corp = framed(f"{foreign}/html?pipe=coep(require-corp)|corp(none)")
    assert without_corp is (isolation == "off")


# Downloads


@pytest.mark.parametrize(
    ("pipe", "status", "rest", "seed"),
    [("etag(bump)", 200, SIZE, " version 1"), ("etag(bump,2)", 206, HALF, "")],
    ids=["another", "the same"],
)
def test_resumed_download_is_whole_and_starts_again_when_the_file_is_another(
    site: Site, serve: Serve, tab: Tab, pipe: str, status: int, rest: int, seed: str
) -> None:
    url = serve(site("resume", "-sFETCH"))

    ended = tab.run(url + program("resume", f"{at(url)}/body/1MiB?token=T&pipe={pipe}"))

    assert ended.output == [
        f"first: status 206, {HALF} bytes",
        f"then: status {status}, {rest} bytes",
        f"whole: adler32 {zlib.adler32(content(SIZE, seed)):08x}",
    ]
    # A range is safelisted, If-Range is not.
    came = [(request["method"], request["status"]) for request in seen(url, "T")]
    assert came == [("GET", 206), ("OPTIONS", 204), ("GET", status)]


@pytest.mark.parametrize(
    ("pipe", "progress"),
    [("trickle(2MiB/s)", "ascending to 100%"), ("trickle(2MiB/s)|chunked", "ascending to -1%")],
    ids=["length", "no length"],
)
def test_wget2_shows_progress_of_a_slow_download_whose_length_is_known(
    site: Site, serve: Serve, tab: Tab, pipe: str, progress: str
) -> None:
    url = serve(site("wget2"))

    ended = tab.run(url + program("wget2", f"{at(url)}/body/1MiB?pipe={pipe}&file="))

    assert ended.output == [
        "loaded: /big.txt",
        f"progress: {progress}",
        f"size: {SIZE}",
        f"adler32: {zlib.adler32(content(SIZE)):08x}",
    ]


@pytest.mark.parametrize(
    ("pipe", "said"),
    [("cut(50%25)", "failed: 0"), ("status(503)", "failed: 503")],
    ids=["cut", "status"],
)
def test_wget2_is_told_of_a_download_that_fails(
    site: Site, serve: Serve, tab: Tab, pipe: str, said: str
) -> None:
    url = serve(site("wget2"))
    tab.allowed.append("Failed to load resource")

    place = url + program("wget2", f"{at(url)}/body/1MiB?pipe={pipe}&file=")
    tab.chromium.call(tab.page.goto(place))

    tab.chromium.call(tab.page.wait_for_function("window.output.length", timeout=PAGE_DEADLINE * 1000))
    assert tab.evaluate("window.output") == [said]


LAZY_SIZE = 3 << 20
LAZY = b"abcdefghijklmnopqrstuvwxyz" * (LAZY_SIZE // 26 + 1)
FIRST_PIECE = LAZY[:SIZE]


@pytest.mark.parametrize(
    ("pipe", "expected", "requests"),
    [
        ("delay(0)", LAZY[:LAZY_SIZE], 4),  # a HEAD, and three pieces
        ("head(no-length)", LAZY[:LAZY_SIZE], 2),  # a HEAD, then all at once
        ("cors(no-expose)", LAZY[:LAZY_SIZE], 2),  # that ranges are accepted cannot be read
        # Each piece is the whole, of which the file takes the beginning: the bytes are wrong, unnoticed.
        ("range(ignore)|header(Cache-Control,no-store)", FIRST_PIECE * 3, 4),
        # So is the piece that is read first, the last one; the others the browser cuts out of its cache.
        ("range(ignore)", LAZY[: 2 * SIZE] + FIRST_PIECE, 4),
    ],
    ids=["right", "no-length", "no-expose", "ignored", "ignored-and-kept"],
)
def test_lazy_file_of_a_server_with_few_manners(
    site: Site, serve: Serve, tab: Tab, pipe: str, expected: bytes, requests: int
) -> None:
    url = serve(site("lazy"))

    base = f"{at(url)}/range/3MiB?token=T&pipe={pipe}&file=/"
    ended = tab.run(url + program("lazy", base, "worker"))

    assert ended.output[-4:] == [
        f"size: {LAZY_SIZE}",
        f"last 8 bytes: {expected[-8:].decode()}",
        f"adler32: {zlib.adler32(expected):08x}",
        f"requests: {requests}",
    ]
    came = [request["method"] for request in seen(url, "T") if not request["preflight"]]
    assert came == ["HEAD", *["GET"] * (requests - 1)]


def test_lazy_file_cannot_be_opened_where_head_is_refused(site: Site, serve: Serve, tab: Tab) -> None:
    url = serve(site("lazy"))
    said = "Status: 405"
    tab.allowed += [said, "Failed to load resource"]
    base = f"{at(url)}/range/3MiB?token=T&pipe=head(405)&file=/"

    async def open_it() -> str:
        async with tab.page.expect_event("pageerror", timeout=PAGE_DEADLINE * 1000) as error:
            await tab.page.goto(url + program("lazy", base, "worker"))
        return str(await error.value)

    assert said in tab.chromium.call(open_it())
    assert [request["method"] for request in seen(url, "T")] == ["HEAD"]


def test_module_is_compiled_while_it_comes_or_not_at_all(site: Site, serve: Serve, tab: Tab) -> None:
    url = serve(site("answer", "-DANSWER=1"))
    tab.run(f"{url}?program=answer")
    tab.allowed += ["Failed to load resource", "CORS policy"]
    run = """(url) => WebAssembly.instantiateStreaming(fetch(url)).then(
        ({ instance }) => instance.exports.run() === 1 << 20 ? "ran" : "ran wrongly",
        (error) => error.name,
    )"""

    told = {pipe: tab.evaluate(f"({run})('{at(url)}/wasm/1MiB?pipe={pipe}')") for pipe in MODULES}

    assert told == MODULES


# IndexedDB


def test_fetch_api_stores_looks_up_replaces_and_deletes(site: Site, serve: Serve, tab: Tab) -> None:
    """Asynchronously, and so in today's browsers too.

    Emscripten 3.1.6's own tests of EM_IDB_STORE and EM_IDB_DELETE (fetch/idb_store.cpp, idb_delete.cpp) ask
    with EMSCRIPTEN_FETCH_SYNCHRONOUS and fail, whatever the server: `emscripten_fetch` gives NULL for it on
    the main thread, and in a worker it returns before IndexedDB has answered: wasm has no proxy thread.
    """
    url = serve(site("idb", "-sFETCH"))
    ask(url, "/script/T", "PUT", [{"body": f"answer {number}"} for number in range(6)])

    def run() -> list[str]:
        ended = tab.run(url + program("idb", f"{at(url)}/script/T?token=T"))
        assert ended.exit_code == 0
        return ended.output

    first = run()
    assert first == [
        "lookup: onerror 404 ''",
        "persist: onsuccess 200 'answer 0'",
        "persist again: onsuccess 200 'answer 0'",
        "append: onsuccess 200 'answer 0'",
        "lookup: onsuccess 200 'answer 0'",
        "replace, not kept: onsuccess 200 'answer 1'",
        "lookup: onsuccess 200 'answer 0'",
        "replace: onsuccess 200 'answer 2'",
        "lookup: onsuccess 200 'answer 2'",
        "store: onsuccess 200 ''",
        "lookup made: onsuccess 200 'made here'",
        "persist made: onsuccess 200 'made here'",
        "store over: onsuccess 200 ''",
        "append: onsuccess 200 'in its place'",
        "delete: onsuccess 200 ''",
        "lookup: onerror 404 ''",
        "append: onsuccess 200 'answer 3'",
        "lookup: onsuccess 200 'answer 3'",
    ]
    # What came from IndexedDB was not asked for.
    assert [request["status"] for request in seen(url, "T")] == [200] * 4

    # The next visit finds what the one before has left.
    assert run()[:4] == [
        "lookup: onsuccess 200 'answer 3'",
        "persist: onsuccess 200 'answer 3'",
        "persist again: onsuccess 200 'answer 3'",
        "append: onsuccess 200 'answer 3'",
    ]


def test_fetch_api_stores_nothing_of_a_download_that_fails(site: Site, serve: Serve, tab: Tab) -> None:
    url = serve(site("idb", "-sFETCH"))
    tab.allowed.append("Failed to load resource")
    ask(url, "/script/T", "PUT", [{"body": "whole or not at all", "pipe": "cut(50%)"}, {"status": 503}])

    output = tab.run(url + program("idb", f"{at(url)}/script/T?token=T")).output

    assert output[:6] == [
        "lookup: onerror 404 ''",
        "persist: onerror 0 ''",
        "persist again: onerror 503 ''",
        "append: onerror 503 ''",
        "lookup: onerror 404 ''",
        "replace, not kept: onerror 503 ''",
    ]


# Uploads


def squares(size: int) -> bytes:
    """What is sent: bits 7 to 14 of each place's square, which come again after 2 ** 14 places."""
    return bytes((place * place >> 7) & 255 for place in range(1 << 14)) * (size >> 14)


TUS = """async (origin, size, cut) => {
    const bytes = Uint8Array.from({ length: size }, (_, place) => place * place >> 7);
    const digest = async (data) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))]
        .map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const ask = (url, method, headers, body) =>
        fetch(url, { method, body, headers: { "Tus-Resumable": "1.0.0", ...headers } });
    const made = await ask(`${origin}/tus`, "POST", { "Upload-Length": size });
    const url = made.headers.get("Location");
    const told = [made.status];
    const offset = async () => Number((await ask(url, "HEAD")).headers.get("Upload-Offset"));
    const type = "application/offset+octet-stream";
    for (const end of [cut, size]) {
        const first = await offset();
        const sent = await ask(
            url, "PATCH", { "Upload-Offset": first, "Content-Type": type }, bytes.slice(first, end),
        );
        told.push([first, sent.status, Number(sent.headers.get("Upload-Offset"))]);
    }
    const late = await ask(url, "PATCH", { "Upload-Offset": 0, "Content-Type": type }, bytes);
    told.push(late.status, await offset());
    const kept = await (await fetch(url)).arrayBuffer();
    return [told, await digest(kept), await digest(bytes)];
}"""


def test_page_uploads_in_two_parts_and_asks_in_between_how_far_it_is(
    site: Site, serve: Serve, tab: Tab
) -> None:
    url = serve(site("answer", "-DANSWER=1"))
    tab.run(f"{url}?program=answer")
    tab.allowed.append("409")
    cut, size = 700_000, SIZE

    told, kept, sent = tab.evaluate(f"({TUS})('{at(url)}', {size}, {cut})")

    assert told == [201, [0, 204, cut], [cut, 204, size], 409, size]
    assert kept == sent == hashlib.sha256(squares(size)).hexdigest()


def test_program_uploads_to_another_origin(site: Site, serve: Serve, tab: Tab) -> None:
    url = serve(site("upload", "-sFETCH"))

    ended = tab.run(url + program("upload", f"{at(url)}/upload?token=T&file="))

    assert ended.output[1].startswith("status 200: ")
    preflight, request = seen(url, "T")
    assert (preflight["preflight"], request["method"], request["size"]) == (True, "POST", 3 << 20)
    assert request["sha256"] == hashlib.sha256(squares(3 << 20)).hexdigest()


# The page


def wait_for_end(tab: Tab) -> tuple[str, str]:
    """Send what the form has; how it ended, and what is shown of it."""
    tab.evaluate("document.querySelector('button[type=submit]').click()")
    over = "/ended as|broken|no answer/.test(document.getElementById('ended').textContent)"
    tab.chromium.call(tab.page.wait_for_function(over, timeout=PAGE_DEADLINE * 1000))
    ended, shown = tab.evaluate("['ended', 'shown'].map(id => document.getElementById(id).textContent)")
    return ended, shown


def click(tab: Tab, selector: str) -> None:
    """Click it, as a person does: it must be in reach."""
    tab.chromium.call(tab.page.click(selector, timeout=PAGE_DEADLINE * 1000))


def test_person_tries_a_route_with_a_fault_on_a_narrow_page(tmp_path: Path, serve: Serve, tab: Tab) -> None:
    url, width = serve(tmp_path), 400
    tab.chromium.call(tab.page.set_viewport_size({"width": width, "height": 900}))
    tab.chromium.call(tab.page.goto(f"{url}origin/"))

    click(tab, "button[data-path='/origin/range/1024']")
    click(tab, "button[data-fault=header]")
    ended, shown = wait_for_end(tab)
    assert ended.startswith("1,024 bytes in ")
    assert ended.endswith(" ms, ended as it should")
    assert shown.startswith("200 OK\n")
    assert "\nx-note: hello\n" in shown
    assert tab.evaluate("document.documentElement.scrollWidth") == width

    # What is told is in sight below the form, wherever the fault was.
    tab.allowed.append("ERR_CONTENT_LENGTH_MISMATCH")
    click(tab, "button[data-fault=cut]")
    ended, _ = wait_for_end(tab)
    assert "ms, broken: " in ended
    top = "document.getElementById('ended').getBoundingClientRect().top"
    bottom = "document.getElementById('try').getBoundingClientRect().bottom"
    in_sight = f"{top} > {bottom} && {top} < innerHeight"
    tab.chromium.call(tab.page.wait_for_function(in_sight, timeout=PAGE_DEADLINE * 1000))


def test_each_fault_of_the_page_can_be_sent_as_a_click_writes_it(
    tmp_path: Path, serve: Serve, tab: Tab
) -> None:
    url = serve(tmp_path)
    tab.allowed.append("Failed to load resource")
    tab.chromium.call(tab.page.goto(f"{url}origin/"))

    refused = tab.evaluate("""(async () => {
        const refused = [], { pipe, token } = document.getElementById("try").elements;
        const buttons = document.querySelectorAll("[data-fault]");
        for (const button of buttons) {
            pipe.value = token.value = "";
            button.click();
            const controller = new AbortController();
            const { signal } = controller;
            const status = await fetch(document.getElementById("link").href, { signal })
                .then((answer) => answer.status, () => 0);
            controller.abort();
            if (status === 400) refused.push(pipe.value);
        }
        return [buttons.length > 30, refused];
    })()""")

    assert refused == [True, []]
