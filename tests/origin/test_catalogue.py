"""The catalogue is whole, and what is made from it (page, openapi.json, docs/origin.md) says what is true."""

import asyncio
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from fetchkit import Server
from fetchkit.assets import page_template
from fetchkit.origin import catalogue, page
from fetchkit.origin.catalogue import ROUTES, grouped, route_pattern, shown_pattern
from fetchkit.origin.document import MARK, catalogue_markdown, with_catalogue
from fetchkit.origin.faults.pipe import read_pipe
from fetchkit.origin.faults.table import FAULTS, GROUPS
from fetchkit.origin.openapi import describe
from fetchkit.origin.page import catalogue_page
from fetchkit.origin.route import Parameter, Place, Route
from fetchkit.origin.settings import Origin
from tests.conftest import Serve
from tests.wire.client import Client, Outcome
from tests.wire.framing import End

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "origin.md").read_text("utf-8")
PATTERNS = {shown_pattern(route.pattern) for route in ROUTES}

# go-httpbin 697b6e3: httpbin/httpbin.go, Handler; without what it answers 501 to. `*` stands for any method.
GO_HTTPBIN = """
GET /get; GET /forms/post; GET /encoding/utf8; HEAD /head; POST /post; PUT /put; PATCH /patch; DELETE /delete
* /anything; * /anything/{path}; POST /upload; PUT /upload; PATCH /upload
GET /absolute-redirect/{n}; GET /relative-redirect/{n}; GET /redirect/{n}; GET /redirect-to
* /status/{codes}; GET /unstable; GET /delay/{d}; GET /drip; GET /range/{n}; GET /bytes/{n}
GET /stream-bytes/{n}; GET /stream/{n}; GET /sse; GET /jsonl; GET /trailers; GET /gzip; GET /deflate
GET /cache; GET /cache/{n}; GET /etag/{etag}; GET /response-headers
GET /basic-auth/{user}/{passwd}; GET /hidden-basic-auth/{user}/{passwd}; GET /bearer
GET /digest-auth/{qop}/{user}/{passwd}; GET /digest-auth/{qop}/{user}/{passwd}/{algorithm}
GET /cookies; GET /cookies/set; GET /cookies/delete
GET /base64/{value}; GET /base64/encode/{value}; GET /base64/decode/{value}
GET /headers; GET /ip; GET /user-agent; GET /uuid; GET /hostname; GET /version; GET /env; * /dump/request
GET /html; GET /json; GET /xml; GET /image; GET /image/{kind}; GET /links/{n}; GET /links/{n}/{offset}
GET /robots.txt; GET /deny
"""
# httpbin 0.10.4: httpbin/core.py.
HTTPBIN = """
GET /html; GET /robots.txt; GET /deny; GET /forms/post; GET /encoding/utf8; GET /xml; GET /json
GET /ip; GET /uuid; GET /headers; GET /user-agent
GET /get; POST /post; PUT /put; PATCH /patch; DELETE /delete; * /anything; * /anything/{path}
GET /gzip; GET /deflate; GET /brotli
GET /redirect/{n}; GET /relative-redirect/{n}; GET /absolute-redirect/{n}
* /redirect-to; GET /stream/{n}; * /status/{codes}; GET /response-headers; POST /response-headers
GET /cookies; GET /cookies/set; GET /cookies/set/{name}/{value}; GET /cookies/delete
GET /basic-auth/{user}/{passwd}; GET /hidden-basic-auth/{user}/{passwd}; GET /bearer
GET /digest-auth/{qop}/{user}/{passwd}; GET /digest-auth/{qop}/{user}/{passwd}/{algorithm}
GET /digest-auth/{qop}/{user}/{passwd}/{algorithm}/{stale_after}
* /delay/{d}; GET /drip; GET /bytes/{n}; GET /stream-bytes/{n}; GET /range/{n}; GET /cache; GET /cache/{n}
GET /etag/{etag}; GET /links/{n}; GET /links/{n}/{offset}; GET /image; GET /image/{kind}; GET /base64/{value}
"""
ANY = {"GET", "POST", "PUT", "PATCH", "DELETE"}
# No rows, but pages of the origin itself.
PAGES = ("/", "/spec.json", "/openapi.json", "/legacy")


def rows(text: str) -> Iterator[tuple[str, str]]:
    for row in re.split(r"[;\n]", text.strip()):
        method, _, pattern = row.strip().partition(" ")
        yield from ((m, pattern) for m in (sorted(ANY) if method == "*" else [method]))


@pytest.mark.parametrize(
    ("peer", "method", "pattern"),
    [(peer, *row) for peer, text in (("go-httpbin", GO_HTTPBIN), ("httpbin", HTTPBIN)) for row in rows(text)],
)
def test_every_path_of_the_peers_is_a_row_that_names_them(peer: str, method: str, pattern: str) -> None:
    (route,) = (r for r in ROUTES if shown_pattern(r.pattern) == pattern and method in r.methods)
    assert peer in route.peers


def test_no_row_names_a_peer_that_has_it_not() -> None:
    texts = {"go-httpbin": GO_HTTPBIN, "httpbin": HTTPBIN}
    has = {peer: {pattern for _, pattern in rows(text)} for peer, text in texts.items()}
    for route in ROUTES:
        for peer in route.peers:
            assert shown_pattern(route.pattern) in has[peer], (peer, route.pattern)


async def test_the_peers_pages_are_there_too(serve: Serve) -> None:
    server = await serve()
    for path in PAGES:
        assert (await asked(server, f"/origin{path}")).status == 200, path


# The table itself.


def test_no_method_of_a_pattern_stands_twice() -> None:
    pairs = [(method, shown_pattern(route.pattern)) for route in ROUTES for method in route.methods]
    assert sorted(pairs) == sorted(set(pairs))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.methods[0]} {route.pattern}")
def test_every_row_says_all_of_itself(route: Route) -> None:
    assert route.group
    assert route.help.endswith(".")
    assert not route.differs or route.differs.endswith((".", "?"))
    names = re.findall(r"\{([a-z_]+)(?::\.\*)?\}", route.pattern)
    declared = [parameter for parameter in route.parameters if parameter.place is Place.PATH]
    assert [parameter.name for parameter in declared] == names
    assert all(parameter.example for parameter in declared)
    assert all(parameter.help for parameter in route.parameters)
    places = [(parameter.place, parameter.name) for parameter in route.parameters]
    assert len(places) == len(set(places))
    assert "{" not in re.sub(r"\{[a-z_]+\}", "", shown_pattern(route.pattern))
    assert set(route.methods) <= ANY | {"HEAD", "OPTIONS", "TRACE"}


def test_a_pattern_that_takes_everything_comes_behind_what_it_would_hide() -> None:
    for index, route in enumerate(ROUTES):
        fixed = re.escape(route.pattern).replace(r"\{", "{").replace(r"\}", "}")
        expression = re.sub(r"\{[a-z_]+:[^}]*\}", "(?s:.*)", fixed)
        expression = re.sub(r"\{[a-z_]+\}", "[^/]+", expression)
        for later in ROUTES[index + 1 :]:
            if later.pattern != route.pattern:
                assert not re.fullmatch(expression, later.pattern), (route.pattern, later.pattern)


def test_groups_keep_every_row_once() -> None:
    listed = [route for _, routes in grouped() for route in routes]
    assert sorted(map(id, listed)) == sorted(map(id, ROUTES))
    names = [name for name, _ in grouped()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("pattern", "for_the_router", "for_people"),
    [
        ("/get", "/get", "/get"),
        ("/bytes/{n}", "/bytes/{n:[^/]+}", "/bytes/{n}"),
        ("/a/{b:.*}", "/a/{b:(?s:.*)}", "/a/{b}"),
        ("/a/{b}/{stale_after}", "/a/{b:[^/]+}/{stale_after:[^/]+}", "/a/{b}/{stale_after}"),
    ],
)
def test_patterns_for_the_router_and_for_people(pattern: str, for_the_router: str, for_people: str) -> None:
    assert (route_pattern(pattern), shown_pattern(pattern)) == (for_the_router, for_people)


# The faults.

# What the pipe must have at least, with its arguments.
PIPES = """
status(503); header(X-A,1); delay(200ms); trickle(64KiB/s); trickle(64KiB/s,30%); stall(50%)
stall(10,1s); reset(1MiB); cut(90%); fin-before-headers; rst-before-headers; half-headers; length(+10)
length(-10); length(none); length(twice); length(garbage); no-length; chunked; bad-chunk(10)
no-last-chunk; trailers(X-A,1); early-hints; gzip; br; zstd; deflate; gzip(length); gzip(no-length)
mislabel(gzip); corrupt(3); bomb(1GiB); range(ignore); range(always); range(wrong-content-range)
range(short); head(405); head(no-length); head(differs); etag(bump); etag(weak); etag(unquoted)
etag(none); no-cors; cors(wrong); cors(twice); cors(star-with-credentials); cors(no-expose)
preflight(403); preflight(404); preflight(redirect); preflight(no-methods); preflight(no-headers)
corp(same-origin); corp(none); coep(none); coop(unsafe-none); type(text/html); retry-after(2)
retry-after(2,date); server-timing; fail(2); fail(2,500); flaky(0.5,seed)
"""


@pytest.mark.parametrize("pipe", [pipe.strip() for pipe in re.split(r"[;\n]", PIPES.strip())])
def test_every_function_that_is_promised_is_there(pipe: str) -> None:
    (step,) = read_pipe(pipe, Origin()).steps
    assert step[0].name == pipe.partition("(")[0]


def test_every_fault_stands_in_one_group_and_says_what_it_does() -> None:
    listed = [fault for group in GROUPS.values() for fault in group]
    assert len(listed) == len(set(listed)) == len(FAULTS)
    assert all(fault.help and fault.name == name for name, fault in FAULTS.items())


# openapi.json


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """The document for the usual prefix."""
    document: dict[str, Any] = json.loads(describe("/origin"))
    return document


def resolved(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter, behind its reference (OpenAPI 3.1, section 4.8.23)."""
    if "$ref" not in parameter:
        return parameter
    assert set(parameter) == {"$ref"}
    found: Any = document
    for step in parameter["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    assert isinstance(found, dict)
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((path, method, operation) for method, operation in item.items())


def test_openapi_has_what_the_specification_requires(openapi: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", openapi["openapi"])
    assert all(isinstance(openapi["info"][name], str) for name in ("title", "version"))
    assert set(openapi) == {"openapi", "info", "paths", "components"}
    names = [operation["operationId"] for _, _, operation in operations(openapi)]
    assert len(names) == len(set(names))
    for path, method, operation in operations(openapi):
        assert path.startswith("/origin/")
        # OpenAPI 3.1, section 4.8.9: the fixed fields of a Path Item that are operations
        assert method in {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
        assert operation["summary"]
        assert operation["responses"]
        assert all(response["description"] for response in operation["responses"].values())
        assert set(operation) <= {"operationId", "summary", "description", "tags", "parameters", "responses"}


def test_openapi_declares_every_parameter_once_and_each_of_the_path(openapi: dict[str, Any]) -> None:
    for path, _, operation in operations(openapi):
        parameters = [resolved(openapi, parameter) for parameter in operation["parameters"]]
        places = [(parameter["in"], parameter["name"]) for parameter in parameters]
        assert len(places) == len(set(places)), path
        assert {name for place, name in places if place == "path"} == set(re.findall(r"\{([^}]+)\}", path))
        assert {("query", "pipe")} <= set(places)
        assert "token" in {name for _, name in places}
        for parameter in parameters:
            # section 4.8.12.1: a path parameter is always required
            assert parameter["in"] in ("path", "query", "header")
            assert bool(parameter.get("required")) == (parameter["in"] == "path")
            assert parameter["description"]
            kind, example = parameter["schema"]["type"], parameter.get("example")
            types = {"integer": int, "number": float, "boolean": bool, "string": str}
            assert example is None or type(example) is types[kind], (path, parameter)


def test_openapi_has_every_row(openapi: dict[str, Any]) -> None:
    listed = {(method.upper(), path) for path, method, _ in operations(openapi)}
    assert listed == {(m, f"/origin{shown_pattern(r.pattern)}") for r in ROUTES for m in r.methods}
    assert all(name in openapi["components"]["parameters"]["pipe"]["description"] for name in FAULTS)


# The page.


def shown(text: str) -> str:
    """A sentence as the page has it: escaped, and what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def test_the_page_lists_every_route_fault_and_limit() -> None:
    text = catalogue_page("/o", Origin(max_items=77), page_template("origin")).decode()
    for route in ROUTES:
        assert f">{html.escape(shown_pattern(route.pattern))}</button>" in text
        assert shown(route.help) in text
        assert shown(route.differs) in text
        for parameter in route.parameters:
            assert f"<code>{html.escape(parameter.name)}</code> {shown(parameter.help)}" in text
    for name, fault in FAULTS.items():
        assert f'data-fault="{name}"' in text
        assert shown(fault.help) in text
    assert "<code>max-items</code> 77" in text
    assert not set("$`") & set(re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL))
    assert "/origin" not in text


async def test_every_button_of_the_page_leads_somewhere(serve: Serve) -> None:
    server = await serve()
    text = (await asked(server, "/origin/")).body.decode()
    buttons = re.findall(r'data-method="([A-Z]+)" data-path="([^"]+)"', text)
    assert len(buttons) == len(ROUTES)
    for method, path in buttons:
        target = html.unescape(path)
        if "/drip" in path or "/sse" in path or "/jsonl" in path:
            target += "?duration=0"
        answer = await asked(server, target, method=method)
        # They need what was made before, or hide.
        missing = ("/script/", "/tus/", "/hidden-basic-auth/")
        assert answer.status != 404 or any(part in path for part in missing), path


EVIL = "<b>\"&'</b>"


def test_the_page_escapes_whatever_the_catalogue_says(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = (
        Parameter(EVIL, Place.QUERY, "text", EVIL, EVIL, EVIL),
        Parameter("n", Place.PATH, "", "", "", EVIL),
    )
    route = Route(("GET",), "/<b>/{n}", ROUTES[0].handler, EVIL, parameters, (), EVIL, group=EVIL)
    monkeypatch.setattr(page, "grouped", lambda: iter([(EVIL, [route])]))
    text = catalogue_page("/o", Origin(), page_template("origin")).decode()
    assert "<b>" not in text
    assert text.count(html.escape(EVIL)) >= 7


# docs/origin.md


def test_the_document_is_as_the_catalogue_says() -> None:
    assert with_catalogue(DOCUMENT) == DOCUMENT, "run scripts/build-docs"


def test_a_document_without_the_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="no mark"):
        with_catalogue("# nothing\n")
    assert with_catalogue(f"# mine\n{MARK}old").startswith(f"# mine\n{MARK}\n## Faults")


def test_the_document_escapes_what_would_break_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    from fetchkit.origin import document

    route = evolve(ROUTES[0], help="a|b <c>", differs="d|e")
    monkeypatch.setattr(document, "grouped", lambda: iter([("G", [route])]))
    (row,) = (line for line in catalogue_markdown().splitlines() if "/body/" in line)
    assert r"a\|b \<c\>" in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 4


def test_every_row_of_a_table_has_its_cells() -> None:
    _, _, written = DOCUMENT.partition(MARK)
    for table in written.split("\n\n"):
        lines = [line for line in table.splitlines() if line.startswith("|")]
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(cells) <= 1, table


# The scenarios.

# Every scenario that one of the peers lacks, and the row of the documentation that has it.
SCENARIOS = {
    "Single range, suffix, 416": "one range, a suffix, 416",
    "Multi-range": "several ranges",
    "If-Range match / mismatch": "`If-Range` that holds, and that does not",
    "ETag bump between ranges (resume must restart)": "the tag changes between the ranges of a download",
    "Same bytes for all ranges, checksum in URL, > 1 MiB": "the same bytes for all ranges of gigabytes",
    "Advertise Accept-Ranges, answer 200": "ranges are advertised and ignored",
    "wrong Content-Range": "a wrong `Content-Range`",
    "206 with wrong length": "206 with too few bytes",
    "HEAD variants: 405": "HEAD refused",
    "HEAD variants: no Content-Length": "HEAD without a length",
    "HEAD variants: 200 where GET gives 206": "206 though nobody asked",
    "HEAD variants: wrong length": "HEAD with another length than GET",
    "Content-Length too long (truncation)": "a length that is too large",
    "Content-Length too short": "a length that is too small",
    "Content-Length duplicate, negative, non-numeric": "two lengths, a negative one, one that is no number",
    "Stall for ever at byte N": "silence at a place",
    "RST / FIN at byte N": "reset or closed at a place",
    "RST / FIN before headers": "closed or reset before the head",
    "RST / FIN mid-headers": "half of a head",
    "No Content-Length: chunked / close-delimited": "no length: chunked, or until the end of the connection",
    "Bad chunk framing, missing last chunk": "a bad chunk, no last chunk",
    "Constant N B/s for any size, burst + pause, jitter": "a steady rate, with jitter, in bursts",
    "gzip/br/zstd of a chosen body, with / without Content-Length": "a coding, with or without a length",
    "wrong encoding": "a false coding",
    "bomb": "a decompression bomb",
    "X-File-Size-style decoded length": "the decoded length in a field",
    "Redirect with each of 301/302/303/307/308, count, loop": "redirects of each code, counted, endless",
    "Redirect chain across origins, one hop lacking CORS": "a chain across origins, one hop without CORS",
    "preflight redirected": "a redirected preflight",
    "CORS: no ACAO, wrong ACAO, two ACAOs": "no `Access-Control-Allow-Origin`, a wrong one, two",
    "CORS: * with credentials, no ACAC, no expose": "`*` with credentials, no credentials, nothing",
    "CORS: preflight 403/404, method refused, header refused": "a preflight that fails",
    "Assert whether a preflight happened": "whether a preflight came",
    "COEP/CORP: missing/same-origin/...; COOP/COEP pages": "every kind of CORP, COEP, COOP",
    "429/503 + Retry-After (seconds and date)": "429 and 503 with `Retry-After`, in seconds and as a date",
    "Fail first N then succeed; per-client counter; reset": "fail, then succeed",
    "Scripted sequence of responses": "a list of answers",
    "Server-Timing header / trailer": "`Server-Timing`, as a field and as a trailer",
    "103 with Link": "103 with `Link`",
    "Trailers": "trailers",
    "304 with validators, stale-while-revalidate, immutable, no-store, Vary": "304, `stale-while-revalidate`",
    "Upload: slow, 413 early, 100-continue refuse, checksum echo": "a slow upload, an early 413",
    "Upload: resumable": "a resumable upload",
    "Auth with CORS (401 without ACAO)": "401 without CORS",
    "Wrong MIME for .wasm, truncated wasm": "a `.wasm` of the wrong type, a cut one",
    "Combine faults (status + header + body + delay)": "several at once",
    "What did the server see?": "whether a preflight came",
}


def scenarios() -> dict[str, list[str]]:
    """The table of docs/origin.md: what, and where."""
    section = DOCUMENT.partition("\n## Scenarios\n")[2].partition("\n## ")[0]
    table = {}
    for line in section.strip().splitlines()[2:]:
        what, where = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:3])
        table[what] = [target.replace(r"\|", "|") for target in re.findall(r"`([^`]+)`", where)]
    return table


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_has_a_row(scenario: str) -> None:
    assert [what for what in scenarios() if what.startswith(SCENARIOS[scenario])], SCENARIOS[scenario]


def test_every_row_of_the_scenarios_names_a_url() -> None:
    assert all(targets for targets in scenarios().values())
    assert all(target.startswith("/origin/") for targets in scenarios().values() for target in targets)


async def asked(
    server: Server, target: str, *lines: str, method: str = "GET", body: bytes = b"", patience: float = 10.0
) -> Outcome:
    """One request; a silence of `patience` seconds is the end of it."""
    client = await Client.connect(server.port, patience)
    length = [f"Content-Length: {len(body)}"] if body else []
    head = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *lines, *length, "", ""]
    await client.send("\r\n".join(head).encode() + body)
    try:
        return await client.read(method)
    finally:
        client.close()


@pytest.mark.parametrize("target", sorted({target for targets in scenarios().values() for target in targets}))
async def test_every_url_of_the_scenarios_can_be_had(target: str, serve: Serve) -> None:
    server = await serve()
    await asked(server, "/origin/script/T", method="PUT", body=b'[{"status": 201}]')
    lines, method, body = ["Origin: http://localhost:3000"], "GET", b""
    if "10GiB" in target:
        lines.append("Range: bytes=5000000000-5000000099")
    if "/upload" in target:
        method, body = "POST", b"0123456789ab"
        lines += ["Expect: 100-continue"] if "expect" in target else []
    if "/tus" in target:
        method, lines = "POST", ["Tus-Resumable: 1.0.0", "Upload-Length: 10"]
    async with asyncio.timeout(20):
        answer = await asked(server, target, *lines, method=method, body=body, patience=2.0)
    readable = answer.status not in (404, 405, 414) and b"pipe: " not in answer.body
    assert readable, answer
    if answer.status == 0:
        assert "headers" in target
    if answer.status == 400:
        raise AssertionError(answer)
    if answer.end is End.COMPLETE:
        assert answer.status in (200, 201, 204, 206, 302, 308, 401, 413, 417, 418, 429, 503), answer


def test_the_catalogue_is_one_table() -> None:
    # Every module of handlers is in it.
    handlers = {
        path.stem for path in (ROOT / "fetchkit" / "origin").glob("*.py") if "\nROUTES: " in path.read_text()
    }
    named = {route.handler.__module__.rpartition(".")[2] for route in ROUTES}
    assert handlers - {"catalogue"} <= named | {"seen", "script"}
    assert catalogue.ROUTES is ROUTES
