"""The origin over real sockets: every row answers, what all share, who may ask, what is remembered."""

import asyncio
import contextlib
import gc
import hashlib
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import fetchkit.origin
from fetchkit import Config, Server, running
from fetchkit.config import Routes
from fetchkit.errors import UnavailableError
from fetchkit.events import Answered, Event, Failed
from fetchkit.origin.catalogue import ROUTES, shown_pattern
from fetchkit.origin.faults.table import FAULTS
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.route import Place, Route
from fetchkit.origin.settings import Origin
from fetchkit.web.keys import events_of
from tests.conftest import Serve
from tests.files.support import eventually
from tests.wire.client import Client, Outcome
from tests.wire.framing import End

from .memory.conftest import own_redis, redis, redis_executable, redis_for_all  # noqa: F401  fixtures
from .memory.redis_server import RedisServer

PAGE = "http://localhost:3000"
FOREIGN = "https://foreign.example"
ASK_CORS = f"Origin: {PAGE}"
# Once on every answer.
SHARED = {
    "Cross-Origin-Opener-Policy": b"same-origin",
    "Cross-Origin-Embedder-Policy": b"require-corp",
    "Cross-Origin-Resource-Policy": b"cross-origin",
    "X-Content-Type-Options": b"nosniff",
}
SANDBOX = {"Content-Security-Policy": b"sandbox"}
# Exposed without being named (Fetch standard, "CORS-safelisted response-header name").
SAFELISTED = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
}
# No script may read these, whatever is exposed (Fetch standard, "forbidden response-header name").
HIDDEN = {"set-cookie"}


@pytest.fixture(autouse=True)
def nothing_fails_inside(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No traceback, and no task whose end nobody heard, whatever a test asks."""
    yield
    # Of the end of the test only are those that `records` has.
    records = [*caplog.get_records("call"), *caplog.records]
    assert [r.getMessage() for r in records if r.levelno >= logging.ERROR or r.exc_info] == []


@pytest.fixture
async def server(serve: Serve) -> Server:
    """A server with an origin."""
    return await serve()


@contextlib.asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Client]:
    """A connection."""
    client = await Client.connect(server.port)
    try:
        yield client
    finally:
        client.close()


async def ask(
    server: Server,
    method: str,
    target: str,
    *lines: str,
    body: bytes = b"",
    host: str = "127.0.0.1",
    version: str = "HTTP/1.1",
) -> Outcome:
    """One request on a connection of its own."""
    if body and not any(line.startswith("Transfer-Encoding") for line in lines):
        lines = (*lines, f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} {target} {version}", f"Host: {host}", *lines, "", ""])
    async with connected(server) as client:
        await client.send(head.encode("utf-8", "surrogateescape") + body)
        outcome = await client.read(method)
    assert not outcome.extra, "bytes behind the answer"
    return outcome


async def told(server: Server, method: str, target: str, *lines: str, **more: Any) -> Any:
    """The JSON of an answer that must be a good one."""
    answer = await ask(server, method, target, *lines, **more)
    assert (answer.end, answer.status) == (End.COMPLETE, 200), answer
    return json.loads(answer.body)


async def seen(server: Server, token: str, prefix: str = "/origin") -> list[dict[str, Any]]:
    """What is remembered under a token."""
    requests: list[dict[str, Any]] = (await told(server, "GET", f"{prefix}/seen/{token}"))["requests"]
    return requests


def one(answer: Outcome, name: str) -> bytes:
    """The value of a field that must stand once."""
    values = answer.values(name)
    assert len(values) == 1, f"{name}: {values}"
    return values[0]


def has_shared(answer: Outcome, expected: dict[str, bytes] | None = None) -> None:
    for name, value in (SHARED | SANDBOX if expected is None else expected).items():
        assert answer.values(name) == [value], name
    one(answer, "Date")
    one(answer, "Server")


def exposed(answer: Outcome) -> set[str]:
    return {name.strip().lower() for name in one(answer, "Access-Control-Expose-Headers").decode().split(",")}


def readable_by(page: str, answer: Outcome) -> None:
    """A script of the page can read all of it, also with its cookies (Fetch standard, CORS check)."""
    assert one(answer, "Access-Control-Allow-Origin") == page.encode()
    assert one(answer, "Access-Control-Allow-Credentials") == b"true"
    assert b"Origin" in b", ".join(answer.values("Vary")).split(b", ")
    shown = exposed(answer) | SAFELISTED | HIDDEN
    policies = ("access-control-", "cross-origin-", "vary", "content-security-", "x-content-type-")
    others = {"transfer-encoding", "connection"}
    names = {name.decode().lower() for name, _ in answer.headers}
    assert {name for name in names - shown - others if not name.startswith(policies)} == set()


def problem(answer: Outcome) -> dict[str, Any]:
    assert one(answer, "Content-Type") == b"application/problem+json"
    told: dict[str, Any] = json.loads(answer.body)
    assert told["status"] == answer.status
    assert told["detail"]
    return told


# Every row of the catalogue.


def example_of(route: Route) -> str:
    path = shown_pattern(route.pattern)
    for parameter in route.parameters:
        if parameter.place is Place.PATH:
            path = path.replace(f"{{{parameter.name}}}", parameter.example)
    return path


# What the bare example of a row answers where that is no success, and why.
EXPECTED = {
    "/status/418": 418,
    "/basic-auth/user/passwd": 401,
    "/bearer": 401,
    "/hidden-basic-auth/user/passwd": 404,  # so it hides
    "/redirect-to": 400,  # needs url=
    "/tus": 412,  # needs Tus-Resumable
    "PUT /script/mine": 400,  # needs a list
    "GET /script/mine": 404,  # no list yet
    "POST /script/mine": 404,
    "PATCH /script/mine": 404,
    "GET /tus/UPLOAD": 404,  # nothing was uploaded
    "PATCH /tus/UPLOAD": 412,
    "POST /tus/UPLOAD": 412,
    "DELETE /tus/UPLOAD": 412,
    "OPTIONS /tus": 204,
    # Tossed: half of its calls fail.
    "/unstable": 0,
}
# They take their time by default.
QUICKLY = {"/drip": "?duration=0", "/sse": "?duration=0", "/jsonl": "?duration=0", "/delay/500ms": ""}


@pytest.mark.parametrize(
    ("method", "route"),
    [pytest.param(m, route, id=f"{m} {route.pattern}") for route in ROUTES for m in route.methods],
)
async def test_every_row_answers_its_example(method: str, route: Route, server: Server) -> None:
    path = example_of(route)
    answer = await ask(server, method, f"/origin{path}{QUICKLY.get(path, '')}", ASK_CORS)
    assert answer.end is End.COMPLETE
    wanted = EXPECTED.get(f"{method} {path}", EXPECTED.get(path))
    if path.startswith("/digest-auth/"):
        wanted = 401
    if wanted == 0:
        assert answer.status in (200, 500)
    elif wanted is None:
        assert 200 <= answer.status < 400, answer
    else:
        assert answer.status == wanted, answer
    has_shared(answer)
    readable_by(PAGE, answer)
    assert (b"transfer-encoding" in {n.lower() for n, _ in answer.headers}) != bool(
        answer.values("Content-Length") or answer.status == 204
    )


# Made anew each time, so GET and HEAD need not agree on them.
VOLATILE = {b"date", b"www-authenticate", b"set-cookie", b"server-timing", b"etag", b"last-modified"}


def fields_of(answer: Outcome) -> list[tuple[bytes, bytes]]:
    return [(n, v if n.lower() not in VOLATILE else b"") for n, v in answer.headers]


@pytest.mark.parametrize(
    "path", [example_of(route) for route in ROUTES if "GET" in route.methods and "/tus" not in route.pattern]
)
async def test_head_has_the_head_of_get_and_no_body(path: str, server: Server) -> None:
    target = f"/origin{path}"
    target += {"/unstable": "?failure_rate=0", "/redirect-to": "?url=/get"}.get(path, QUICKLY.get(path, ""))
    async with connected(server) as client:
        request = f"{target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{ASK_CORS}\r\n\r\n"
        await client.send(f"HEAD {request}".encode())
        head = await client.read("HEAD")
        await client.send(f"GET {request}".encode())
        got = await client.read("GET")  # the connection is as good as new: no byte of a body came
    assert (head.status, head.reason, head.body, head.end) == (got.status, got.reason, b"", End.COMPLETE)
    # What is known only while a body is made may be missing (RFC 9110, section 9.3.2).
    left_out = {b"transfer-encoding"}
    if path.startswith(
        (
            "/anything",
            "/dump",
            "/gzip",
            "/deflate",
            "/brotli",
            "/zstd",
            "/delay",
            "/trailers",
            "/cache-control",
        )
    ):
        left_out.add(b"content-length")  # they tell the method, or the time
    ours, theirs = ([p for p in fields_of(answer) if p[0].lower() not in left_out] for answer in (head, got))
    assert ours == theirs


@pytest.mark.parametrize(
    "path", sorted({example_of(route) for route in ROUTES if "/tus" not in route.pattern})
)
async def test_options_and_other_methods_name_what_is_allowed(path: str, server: Server) -> None:
    methods = {m for route in ROUTES if example_of(route) == path for m in route.methods}
    # Two patterns may fit one path; the first wins.
    allowed = methods | ({"HEAD"} if "GET" in methods else set()) | {"OPTIONS"}
    answer = await ask(server, "OPTIONS", f"/origin{path}")
    assert answer.status == 200
    assert one(answer, "Allow") == ", ".join(sorted(allowed)).encode()
    refused = await ask(server, "PROPFIND", f"/origin{path}", ASK_CORS)
    assert refused.status == 405
    assert one(refused, "Allow") == one(answer, "Allow")
    assert "PROPFIND" in problem(refused)["detail"]
    readable_by(PAGE, refused)


@pytest.mark.parametrize(
    ("target", "near"),
    [
        ("/origin/gett", "/origin/get"),
        ("/origin/get/", "/origin/get"),
        ("/origin//get", "/origin/get"),
        ("/origin/bites/3", "/origin/bytes/{n}"),
        ("/origin/status", "/origin/status/{codes}"),
        ("/origin/redirect", "/origin/redirect/{n}, /origin/redirect/loop"),
        ("/origin/anithing", "/origin/anything/{path}"),
        ("/origin/xyzzyplugh", ""),
        ("/origin/nothing%0A%3Cscript%3E", ""),
    ],
)
async def test_an_unknown_route_names_the_nearest(target: str, near: str, server: Server) -> None:
    answer = await ask(server, "GET", target, ASK_CORS)
    assert answer.status == 404
    hint = problem(answer)["hint"]
    assert all(route in hint for route in near.split(", "))
    assert ("Near it" in hint) == bool(near)
    assert "{path:" not in hint
    assert "/origin/ lists all." in hint
    has_shared(answer)
    readable_by(PAGE, answer)


async def test_an_unknown_route_has_a_good_preflight_so_that_its_404_can_be_read(server: Server) -> None:
    asked = ("Access-Control-Request-Method: DELETE", "Access-Control-Request-Headers: x-a")
    answer = await ask(server, "OPTIONS", "/origin/nothing", ASK_CORS, *asked)
    assert answer.status == 204
    assert b"DELETE" in one(answer, "Access-Control-Allow-Methods")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/origin/etag/a%2Fb", '"a/b"'),
        ("/origin/etag/a%7Bb%7D", '"a{b}"'),
        ("/origin/etag/a%25b", '"a%b"'),
        ("/origin/etag/a%252Fb", '"a%2Fb"'),
        ("/origin/etag/a+b", '"a+b"'),
        ("/origin/etag/a%b", '"a%b"'),
    ],
)
async def test_an_argument_of_the_path_is_percent_decoded_once(
    target: str, told: str, server: Server
) -> None:
    answer = await ask(server, "GET", target)
    assert (answer.status, one(answer, "ETag")) == (200, told.encode())


@pytest.mark.parametrize("path", ["a//b", "/a", "a/../b", "a%2F..%2Fb", "%C3%A9", "%FF", "%0A", "a{b}|c", ""])
async def test_anything_takes_every_path_as_it_is(path: str, server: Server) -> None:
    answer = await told(server, "GET", f"/origin/anything/{path}?x=%2B+")
    assert answer["url"] == f"http://127.0.0.1/origin/anything/{path}?x=%2B+"


async def test_an_escape_in_the_prefix_is_another_place(server: Server) -> None:
    # The headers of the prefix are found by the path as it is on the wire.
    answer = await ask(server, "GET", "/%6Frigin/get")
    assert answer.status == 404
    assert (await ask(server, "GET", "/origin/%67et")).status == 200


# What all answers share.

ANSWERS = {
    "json": ("GET", "/origin/get", 200),
    "resource": ("GET", "/origin/body/10", 200),
    "chunked": ("GET", "/origin/stream/2", 200),
    "redirect": ("GET", "/origin/redirect/1", 302),
    "error of a handler": ("GET", "/origin/bytes/x", 400),
    "error of the pipe": ("GET", "/origin/get?pipe=nothing", 400),
    "combination that cannot be had": ("GET", "/origin/get?pipe=chunked|length(%2B1)", 400),
    "bad token": ("GET", "/origin/get?token=a%20b", 400),
    "unknown route": ("GET", "/origin/nothing", 404),
    "wrong method": ("PUT", "/origin/get", 405),
    "teapot": ("GET", "/origin/status/418", 418),
    "openapi": ("GET", "/origin/openapi.json", 200),
    "httpbin's name for it": ("GET", "/origin/spec.json", 200),
    "without a slash": ("GET", "/origin", 301),
    "pipe": ("GET", "/origin/get?pipe=status(503)|delay(0)", 503),
    "options": ("OPTIONS", "/origin/get", 200),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("page", [PAGE, "https://localhost", "http://[::1]:8080", "http://127.0.0.1:5000"])
async def test_every_answer_can_be_read_by_a_page_of_this_machine(
    name: str, page: str, server: Server
) -> None:
    method, target, status = ANSWERS[name]
    answer = await ask(server, method, target, f"Origin: {page}")
    assert (answer.status, answer.end) == (status, End.COMPLETE)
    has_shared(answer)
    readable_by(page, answer)


@pytest.mark.parametrize("name", ANSWERS)
async def test_without_an_origin_nothing_is_said_of_one_but_that_it_matters(
    name: str, server: Server
) -> None:
    method, target, status = ANSWERS[name]
    answer = await ask(server, method, target)
    assert answer.status == status
    has_shared(answer)
    assert [name for name, _ in answer.headers if name.lower().startswith(b"access-control-")] == []
    assert b"Origin" in b", ".join(answer.values("Vary")).split(b", ")


async def test_the_catalogue_page_may_run_its_script(server: Server) -> None:
    for method in ("GET", "HEAD"):
        answer = await ask(server, method, "/origin/")
        assert (answer.status, one(answer, "Content-Type")) == (200, b"text/html; charset=utf-8")
        has_shared(answer, SHARED)
        assert answer.values("Content-Security-Policy") == []
    refused = await ask(server, "POST", "/origin/", body=b"x")
    assert (refused.status, one(refused, "Allow")) == (405, b"GET, HEAD")


async def test_the_prefix_without_a_slash_leads_to_the_page(server: Server) -> None:
    assert one(await ask(server, "GET", "/origin"), "Location") == b"/origin/"


async def test_every_field_of_an_answer_is_exposed_its_own_ones_too(server: Server) -> None:
    target = "/origin/response-headers?X-One=1&X-Two=2&ETag=%22a%22"
    assert {"x-one", "x-two", "etag", "content-length", "date"} <= exposed(
        await ask(server, "GET", target, ASK_CORS)
    )
    ranged = await ask(server, "GET", "/origin/body/100", ASK_CORS, "Range: bytes=1-2")
    assert {"accept-ranges", "content-range", "etag", "last-modified"} <= exposed(ranged)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Access-Control-Allow-Origin", "https://other.example"),
        ("Access-Control-Allow-Credentials", "false"),
        ("Access-Control-Expose-Headers", "X-Only"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "unsafe-none"),
        ("Cross-Origin-Opener-Policy", "unsafe-none"),
        ("Server", "another"),
    ],
)
async def test_a_field_that_was_asked_for_stands_in_place_of_the_shared_one(
    field: str, value: str, server: Server
) -> None:
    script = json.dumps([{"headers": {field: value}}]).encode()
    assert (await ask(server, "PUT", "/origin/script/own", body=script)).status in (200, 201, 204)
    for target in (f"/origin/response-headers?{field}={value}", "/origin/script/own"):
        answer = await ask(server, "GET", target, ASK_CORS)
        assert answer.status == 200
        assert answer.values(field) == [value.encode()], target
        has_shared(answer, {n: v for n, v in (SHARED | SANDBOX).items() if n != field})


async def test_an_answer_cannot_take_nosniff_or_the_sandbox_away(server: Server) -> None:
    target = "/origin/response-headers?X-Content-Type-Options=off&Content-Security-Policy=default-src%20*"
    answer = await ask(server, "GET", target)
    assert answer.values("X-Content-Type-Options") == [b"nosniff"]
    # A second policy can only take away (CSP 3, section 8.1).
    assert answer.values("Content-Security-Policy") == [b"default-src *", b"sandbox"]


async def test_a_field_of_the_user_stands_on_every_answer_once(serve: Serve) -> None:
    server = await serve(header=("X-Mine: 1", "Server: hidden"))
    for target in ("/origin/get", "/origin/nothing", "/origin/get?pipe=delay(0)"):
        answer = await ask(server, "GET", target)
        assert (one(answer, "X-Mine"), one(answer, "Server")) == (b"1", b"hidden")


# Who may ask.


@pytest.mark.parametrize("target", ["/origin/get", "/origin/", "/origin/openapi.json", "/origin/nothing"])
@pytest.mark.parametrize(
    "line",
    [f"Origin: {FOREIGN}", "Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"],
)
async def test_a_foreign_page_may_not_ask(target: str, line: str, server: Server) -> None:
    answer = await ask(server, "GET", target, line)
    assert answer.status == 403
    assert problem(answer)["hint"]
    assert answer.values("Access-Control-Allow-Origin") == []
    has_shared(answer, SHARED)


@pytest.mark.parametrize("line", ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", "X-Nothing: curl"])
async def test_the_own_page_the_address_bar_and_curl_may_ask(line: str, server: Server) -> None:
    assert (await ask(server, "GET", "/origin/get", line)).status == 200


async def test_a_preflight_of_a_foreign_page_is_refused(server: Server) -> None:
    asked = "Access-Control-Request-Method: PUT"
    assert (await ask(server, "OPTIONS", "/origin/put", f"Origin: {FOREIGN}", asked)).status == 403


async def test_another_machine_needs_a_token(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiohttp.web.BaseRequest.remote", "192.0.2.1")
    server = await serve()
    answer = await ask(server, "GET", "/origin/get")
    assert answer.status == 403
    assert "--token" in problem(answer)["hint"]
    assert (await ask(server, "GET", "/origin/get", ASK_CORS)).status == 200


async def test_any_page_may_ask_where_that_is_allowed(serve: Serve) -> None:
    server = await serve(allow_origin=("*",))
    for page in (FOREIGN, "null", PAGE):
        answer = await ask(server, "GET", "/origin/get", f"Origin: {page}")
        assert answer.status == 200
        allowed = one(answer, "Access-Control-Allow-Origin")
        assert allowed in (b"*", page.encode())
        # `*` with credentials is what browsers refuse (Fetch standard, CORS check).
        assert bool(answer.values("Access-Control-Allow-Credentials")) == (allowed != b"*")
        assert "content-length" in exposed(answer)


async def test_one_page_may_ask_where_it_is_named(serve: Serve) -> None:
    server = await serve(allow_origin=(FOREIGN,))
    readable_by(FOREIGN, await ask(server, "GET", "/origin/get", f"Origin: {FOREIGN}"))
    assert (await ask(server, "GET", "/origin/get", "Origin: https://other.example")).status == 403


async def test_a_preflight_allows_method_and_headers_and_is_asked_each_time(server: Server) -> None:
    answer = await ask(
        server, "OPTIONS", "/origin/put", ASK_CORS,
        "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: range, x-mine",
    )  # fmt: skip
    assert (answer.status, answer.body) == (204, b"")
    assert one(answer, "Access-Control-Allow-Origin") == PAGE.encode()
    assert one(answer, "Access-Control-Allow-Credentials") == b"true"
    assert b"PUT" in one(answer, "Access-Control-Allow-Methods").split(b", ")
    assert {b"range", b"x-mine"} <= set(one(answer, "Access-Control-Allow-Headers").lower().split(b", "))
    assert one(answer, "Access-Control-Max-Age") == b"0"


@pytest.mark.parametrize(
    "target", ["/origin/get", "/origin/nothing", "/origin/openapi.json", "/origin/status/204"]
)
@pytest.mark.parametrize("lines", [(), (ASK_CORS,), ("Sec-Fetch-Site: same-origin",)])
async def test_no_answer_becomes_a_service_worker(target: str, lines: Sequence[str], server: Server) -> None:
    # Whatever the pipe makes of it.
    for pipe in ("", "?pipe=status(200)|type(text/javascript)"):
        answer = await ask(server, "GET", target + pipe, *lines, "Sec-Fetch-Dest: serviceworker")
        assert (answer.status, one(answer, "Content-Type")) == (403, b"application/problem+json")
        has_shared(answer)


# The access token.

TOKEN = "access-secret"
CARRIED = {
    "query": ("?fetchkit-token=access-secret", ()),
    "query among others": ("?a=1&fetchkit-token=access-secret&b=2", ()),
    "header": ("", ("X-Fetchkit-Token: access-secret",)),
    "cookie": ("", ("Cookie: a=1; fetchkit-token-{port}=access-secret; b=2",)),
}


@pytest.mark.parametrize("target", ["/origin/get", "/origin/", "/origin/nothing", "/origin/seen/T"])
async def test_the_access_token_is_required(target: str, serve: Serve) -> None:
    server = await serve(token=TOKEN)
    assert (await ask(server, "GET", target, ASK_CORS)).status == 403
    assert (await ask(server, "GET", target, "X-Fetchkit-Token: wrong")).status == 403
    assert (await ask(server, "GET", target, f"X-Fetchkit-Token: {TOKEN}")).status != 403


ECHOES = """
GET /get, POST /post, PUT /anything/x, GET /headers, GET /dump/request, GET /gzip?pipe=header(X-A;1),
GET /cookies, GET /stream/1, GET /cache, GET /etag/a, GET /response-headers, GET /redirect/2, GET /delay/0,
GET /nothing, GET /digest-auth/auth/u/p, GET /cookies/set, GET /image/nothing, POST /upload,
GET /, GET /openapi.json, GET /cache-control?vary=cookie;x-fetchkit-token, POST /trailers, GET /links/3
"""


@pytest.mark.parametrize("way", CARRIED)
@pytest.mark.parametrize("echo", [echo.strip().replace(";", ",") for echo in ECHOES.split(",")])
async def test_the_access_token_is_told_nowhere(way: str, echo: str, serve: Serve) -> None:
    server = await serve(token=TOKEN)
    events: list[Event] = []
    events_of(server.app).subscribe(events.append)
    method, path = echo.split(" ")
    query, lines = CARRIED[way]
    if "?" in path:
        query = query.replace("?", "&")
    target = f"/origin{path}{query}{'&' if '?' in path + query else '?'}token=T"
    lines = tuple(line.format(port=server.port) for line in lines)
    answer = await ask(server, method, target, *lines, body=b"a=1" if method != "GET" else b"")
    assert answer.status not in (403, 500)
    remembered = await ask(server, "GET", "/origin/seen/T", f"X-Fetchkit-Token: {TOKEN}")
    if path != "/":
        assert b'"count": 1' in remembered.body or path == "/cookies/set"
    for text in (answer.body, remembered.body, repr((answer.headers, answer.trailers, events)).encode()):
        assert TOKEN.encode() not in text


# Errors.

ERRORS = {
    400: ("GET", "/origin/bytes/x", ()),
    404: ("GET", "/origin/nothing", ()),
    405: ("DELETE", "/origin/get", ()),
    412: ("GET", "/origin/body/10", ('If-Match: "other"',)),
    413: ("POST", "/origin/upload?max=1", ("Content-Length: 2",)),
    416: ("GET", "/origin/body/10", ("Range: bytes=10-",)),
    417: ("POST", "/origin/upload?expect=refuse", ("Expect: 100-continue", "Content-Length: 2")),
}


@pytest.mark.parametrize("status", ERRORS)
async def test_an_error_is_a_problem_that_a_page_can_read(status: int, server: Server) -> None:
    method, target, lines = ERRORS[status]
    answer = await ask(server, method, target, ASK_CORS, *lines)
    assert answer.status == status
    problem(answer)
    has_shared(answer)
    readable_by(PAGE, answer)


@pytest.mark.parametrize("status", ERRORS)
async def test_an_error_passes_the_pipe_too(status: int, server: Server) -> None:
    method, target, lines = ERRORS[status]
    pipe = f"{'&' if '?' in target else '?'}pipe=no-cors|header(X-Passed,yes)"
    answer = await ask(server, method, target + pipe, ASK_CORS, *lines)
    assert answer.status == status
    assert one(answer, "X-Passed") == b"yes"
    assert [name for name, _ in answer.headers if name.lower().startswith(b"access-control-")] == []
    has_shared(answer)


@pytest.mark.parametrize("status", ERRORS)
async def test_an_error_is_a_page_for_a_navigation(status: int, server: Server) -> None:
    method, target, lines = ERRORS[status]
    navigation = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Accept: text/html")
    answer = await ask(
        server, method, f"{target}{'&' if '?' in target else '?'}x=%3Cb%3E", *lines, *navigation
    )
    assert answer.status == status
    assert one(answer, "Content-Type") == b"text/html; charset=utf-8"
    assert answer.body.startswith(b"<!doctype html>")
    assert b"<b>" not in answer.body
    has_shared(answer)


async def test_what_a_path_says_is_escaped_in_the_page(server: Server) -> None:
    answer = await ask(server, "GET", "/origin/%3Cscript%3Ealert(1)%3C/script%3E", "Accept: text/html")
    assert (answer.status, b"<script>alert" in answer.body) == (404, False)


DANGEROUS = {
    "Clear-Site-Data": '"*"',
    "Strict-Transport-Security": "max-age=1",
    "Service-Worker-Allowed": "/",
    "Alt-Svc": "h3=1",
}


@pytest.mark.parametrize("field", DANGEROUS)
async def test_what_a_browser_keeps_for_the_origin_is_refused_unless_allowed(
    field: str, serve: Serve
) -> None:
    value = DANGEROUS[field].replace('"', "%22")
    script = json.dumps([{"headers": {field: DANGEROUS[field]}}]).encode()
    careful, careless = await serve(), await serve(origin=Origin(dangerous=True))
    for target in (
        f"/origin/response-headers?{field}={value}",
        f"/origin/get?pipe=header({field},{value if '%22' not in value else '*'})",
    ):
        refused = await ask(careful, "GET", target)
        assert refused.status == 400
        assert refused.values(field) == []
        assert "dangerous" in problem(refused)["hint"]
        assert one(await ask(careless, "GET", target), field)
    assert (await ask(careful, "PUT", "/origin/script/s", body=script)).status == 400
    assert (await ask(careless, "PUT", "/origin/script/s", body=script)).status < 300


async def test_a_policy_in_place_of_the_sandbox_has_to_be_allowed(serve: Serve) -> None:
    careless = await serve(origin=Origin(dangerous=True))
    answer = await ask(careless, "GET", "/origin/response-headers?Content-Security-Policy=default-src")
    assert answer.values("Content-Security-Policy") == [b"default-src"]
    assert (await ask(careless, "GET", "/origin/get")).values("Content-Security-Policy") == [b"sandbox"]


# Expect.


@pytest.mark.parametrize("path", ["/post", "/upload", "/anything", "/redirect/1?token=T"])
async def test_a_client_that_waits_for_a_100_gets_it_when_the_body_is_read(path: str, server: Server) -> None:
    async with connected(server) as client:
        lines = "Host: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        await client.send(f"POST /origin{path} HTTP/1.1\r\n{lines}".encode())
        assert await client.wire.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hello")
        answer = await client.read()
    assert (answer.end, answer.interim) == (End.COMPLETE, ())
    assert answer.status in (200, 302)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/origin/upload?expect=refuse", 417),
        ("/origin/upload?expect=413", 413),
        ("/origin/upload?max=4", 413),
        ("/origin/nothing", 404),
        ("/origin/get", 405),
        ("/origin/post?pipe=nothing", 400),
        ("/origin/redirect/1", 302),
    ],
)
async def test_a_client_that_waits_gets_a_refusal_without_a_100(
    target: str, status: int, server: Server
) -> None:
    lines = ("Expect: 100-continue", "Content-Length: 5")
    answer = await ask(server, "POST", target, *lines)
    assert (answer.status, answer.interim, answer.end) == (status, (), End.COMPLETE)
    assert one(answer, "Connection") == b"close"  # the body may come, or not (RFC 9110, section 10.1.1)


async def test_an_http10_client_gets_no_100(server: Server) -> None:
    # RFC 9110, section 10.1.1
    answer = await ask(
        server, "POST", "/origin/post", "Expect: 100-continue", body=b"hello", version="HTTP/1.0"
    )
    assert (answer.status, answer.interim) == (200, ())


async def test_another_expectation_is_refused(server: Server) -> None:
    assert (await ask(server, "GET", "/origin/get", "Expect: the-unexpected")).status == 417


# Memory.


@pytest.mark.parametrize("token", ["", "a%20b", "a/b", "%C3%A9", "a" * 129, "a%00", "%2B"])
async def test_a_name_that_is_no_token_is_refused(token: str, server: Server) -> None:
    answer = await ask(server, "GET", f"/origin/get?token={token}")
    assert answer.status == 400
    assert "token" in problem(answer)["detail"]


@pytest.mark.parametrize("pipe", ["fail(1)", "flaky(0.5)", "etag(bump)", "delay(0)|fail(1)"])
async def test_a_fault_that_counts_needs_a_token(pipe: str, server: Server) -> None:
    answer = await ask(server, "GET", f"/origin/body/10?pipe={pipe}", ASK_CORS)
    assert answer.status == 400
    assert "?token=" in problem(answer)["hint"]
    readable_by(PAGE, answer)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/origin/get", 200),
        ("POST", "/origin/post", 200),
        ("POST", "/origin/upload", 200),
        ("POST", "/origin/redirect/1", 302),
        ("POST", "/origin/status/503", 503),
        ("PUT", "/origin/get", 405),
        ("POST", "/origin/nothing", 404),
        ("POST", "/origin/redirect/x", 400),
        ("PUT", "/origin/script/other", 400),
        ("POST", "/origin/post?pipe=nothing", 400),
        ("POST", "/origin/post?pipe=chunked|length(%2B1)", 400),
        ("POST", "/origin/post?pipe=status(299)", 299),
        ("POST", "/origin/post?pipe=fail(1,404)", 404),
        ("POST", "/origin/cache", 405),
    ],
)
async def test_every_request_under_a_token_is_remembered(
    method: str, target: str, status: int, server: Server
) -> None:
    body = b"some=thing" * 100 if method != "GET" else b""
    target += f"{'&' if '?' in target else '?'}token=T"
    answer = await ask(server, method, target, "X-Mine: 1", "X-mine: 2", body=body)
    assert answer.status == status
    (request,) = await seen(server, "T")
    assert (request["method"], request["target"], request["status"]) == (method, target, status)
    assert [pair for pair in request["headers"] if pair[0].lower() == "x-mine"] == [
        ["X-Mine", "1"],
        ["X-mine", "2"],
    ]
    assert (request["size"], request["complete"]) == (len(body), True)
    assert request["sha256"] == hashlib.sha256(body).hexdigest()
    assert request["seconds"] >= 0


async def test_a_chunked_body_is_measured_too(server: Server) -> None:
    for target in ("/origin/post", "/origin/upload", "/origin/status/200"):
        body = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        await ask(server, "POST", f"{target}?token=T", "Transfer-Encoding: chunked", body=body)
    requests = await seen(server, "T")
    assert {(r["size"], r["sha256"]) for r in requests} == {(5, hashlib.sha256(b"abcde").hexdigest())}
    assert len(requests) == 3


async def test_an_answer_that_is_refused_before_its_body_says_so(server: Server) -> None:
    await ask(server, "POST", "/origin/upload?max=3&token=T", "Content-Length: 5", "Expect: 100-continue")
    (request,) = await seen(server, "T")
    assert (request["status"], request["size"], request["complete"]) == (413, 0, False)


@pytest.mark.parametrize(
    "pipe", ["fin-before-headers", "rst-before-headers", "status(500)|fin-before-headers"]
)
async def test_a_request_that_got_no_answer_has_the_status_0(pipe: str, server: Server) -> None:
    assert (await ask(server, "GET", f"/origin/get?token=T&pipe={pipe}")).status == 0
    assert [request["status"] for request in await seen(server, "T")] == [0]


@pytest.mark.parametrize("target", ["/origin/post", "/origin/upload", "/origin/status/200"])
@pytest.mark.parametrize("way", ["fin", "rst", "bad chunk"])
async def test_a_broken_upload_is_remembered(target: str, way: str, server: Server) -> None:
    failed: list[Event] = []
    events_of(server.app).subscribe(failed.append, [Failed])
    async with connected(server) as client:
        framing = "Transfer-Encoding: chunked" if way == "bad chunk" else "Content-Length: 10"
        first = b"3\r\nabc\r\n" if way == "bad chunk" else b"abc"
        await client.send(
            f"POST {target}?token=T HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n\r\n".encode() + first
        )
        assert await seen(server, "T") == []  # it has not ended
        if way == "bad chunk":
            await client.send(b"zz\r\n")
            answer = await client.read()
            assert answer.status == 400
            assert "framing" in problem(answer)["detail"]
            assert (await client.rest())[1] in (End.CUT, End.RESET)
        elif way == "rst":
            client.rst()
    request = (await told(server, "GET", "/origin/seen/T?wait=1"))["requests"][0]
    status = 400 if way == "bad chunk" else 0
    assert (request["status"], request["complete"], request["size"]) == (status, False, 3)
    assert request["sha256"] == hashlib.sha256(b"abc").hexdigest()
    assert failed == []


async def test_preflights_are_remembered_and_told_apart(server: Server) -> None:
    target = "/origin/put?token=T"
    preflight = (ASK_CORS, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-mine")
    await ask(server, "OPTIONS", target, *preflight)
    await ask(server, "PUT", target, ASK_CORS, "X-Mine: 1", body=b"x")
    await ask(server, "PUT", target, ASK_CORS, "X-Mine: 1", body=b"x")
    requests = await seen(server, "T")
    assert [(r["method"], r["preflight"], r["preflighted"]) for r in requests] == [
        ("OPTIONS", True, False), ("PUT", False, True), ("PUT", False, False),
    ]  # fmt: skip
    assert requests[0]["status"] == 204


async def test_a_preflight_keeps_no_access_token_either(serve: Serve) -> None:
    server = await serve(token=TOKEN)
    lines = (ASK_CORS, "Access-Control-Request-Method: PUT", f"X-Fetchkit-Token: {TOKEN}")
    await ask(server, "OPTIONS", f"/origin/put?token=T&fetchkit-token={TOKEN}", *lines)
    remembered = await ask(server, "GET", "/origin/seen/T", f"X-Fetchkit-Token: {TOKEN}")
    assert b'"count": 1' in remembered.body
    assert TOKEN.encode() not in remembered.body


async def test_a_preflight_that_fails_is_remembered_with_its_status(server: Server) -> None:
    preflight = (ASK_CORS, "Access-Control-Request-Method: PUT")
    answer = await ask(server, "OPTIONS", "/origin/put?token=T&pipe=preflight(403)", *preflight)
    assert answer.status == 403
    assert [request["status"] for request in await seen(server, "T")] == [403]


async def test_requests_are_told_in_the_order_in_which_they_came(server: Server) -> None:
    async with connected(server) as slow:
        head = "POST /origin/upload?token=T&n=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
        await slow.send(f"{head}Content-Length: 1\r\n\r\n".encode())
        assert (await slow.wire.receive()).startswith(b"HTTP/1.1 100")
        for number in range(1, 4):
            await ask(server, "GET", f"/origin/get?token=T&n={number}")
        assert len(await seen(server, "T")) == 3
        await slow.send(b"x")
        assert (await slow.read()).status == 200
    assert [request["target"][-1] for request in await seen(server, "T")] == ["0", "1", "2", "3"]


async def test_counts_survive_requests_at_once(server: Server) -> None:
    answers = await asyncio.gather(
        *(ask(server, "GET", "/origin/get?token=T&pipe=fail(20)") for _ in range(50))
    )
    assert sorted(answer.status for answer in answers) == [200] * 30 + [503] * 20
    assert len(await seen(server, "T")) == 50


async def test_two_counting_faults_of_a_pipe_count_apart(server: Server) -> None:
    target = "/origin/get?token=T&pipe=fail(1,503)|fail(2,502)"
    assert [(await ask(server, "GET", target)).status for _ in range(3)] == [502, 502, 200]


async def test_what_reads_the_memory_is_not_remembered(server: Server) -> None:
    await ask(server, "GET", "/origin/get?token=T")
    for _ in range(2):
        await ask(server, "GET", "/origin/seen/T?token=T")
    assert len(await seen(server, "T")) == 1


# Settings.


@pytest.mark.parametrize(
    ("settings", "method", "target", "status", "limit"),
    [
        ({"max_size": 10}, "GET", "/origin/bytes/11", 400, "10"),
        ({"max_size": 10}, "GET", "/origin/body/11", 400, "10"),
        ({"max_digest": 10}, "GET", "/origin/digest/11", 400, "10"),
        ({"max_echo": 10}, "POST", "/origin/post", 413, "10"),
        ({"max_upload": 10}, "POST", "/origin/upload", 413, "10"),
        ({"max_seconds": 10}, "GET", "/origin/delay/11", 400, "10"),
        ({"max_seconds": 10}, "GET", "/origin/get?pipe=delay(11)", 400, "10"),
        ({"max_items": 10}, "GET", "/origin/stream/11", 400, "10"),
        ({"max_items": 10}, "GET", "/origin/redirect/11", 400, "10"),
        ({"max_items": 10}, "GET", "/origin/links/11/0", 400, "10"),
    ],
)
async def test_beyond_a_limit_is_an_error_that_names_it(
    settings: dict[str, Any], method: str, target: str, status: int, limit: str, serve: Serve
) -> None:
    server = await serve(origin=Origin(**settings))
    answer = await ask(server, method, target, body=b"a" * 11 if method == "POST" else b"")
    assert answer.status == status
    assert limit in problem(answer)["detail"]
    less = await ask(server, method, target.replace("11", "0"), body=b"a" * 10 if method == "POST" else b"")
    assert less.status != status or "redirect" in target or "links" in target


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(serve: Serve) -> None:
    server = await serve(origin=Origin(max_echo=10))
    body = b"8\r\nabcdefgh\r\n8\r\nabcdefgh\r\n0\r\n\r\n"
    answer = await ask(server, "POST", "/origin/post", "Transfer-Encoding: chunked", body=body)
    assert answer.status == 413
    assert "max-echo" in problem(answer)["hint"]


async def test_a_body_that_nobody_reads_has_a_limit_where_it_is_remembered(serve: Serve) -> None:
    server = await serve(origin=Origin(max_upload=10))
    assert (await ask(server, "POST", "/origin/status/200?token=T", body=b"a" * 11)).status == 413
    assert [request["status"] for request in await seen(server, "T")] == [413]


async def test_the_shape_is_a_setting(serve: Serve) -> None:
    server = await serve(origin=Origin(shape="go-httpbin"))
    assert (await told(server, "GET", "/origin/get?a=1"))["args"] == {"a": ["1"]}


async def test_without_an_origin_nothing_is_left_of_it(serve: Serve, folder: Path) -> None:
    (folder / "origin").mkdir()
    (folder / "origin" / "get").write_text("a file")
    server = await serve(no_origin=True)
    assert (await ask(server, "GET", "/origin/get")).body == b"a file"
    assert (await ask(server, "GET", "/origin/status/418")).status == 404
    page = await ask(server, "GET", "/origin/get", ASK_CORS)
    assert one(page, "Cross-Origin-Resource-Policy") == b"same-site"
    assert (await ask(server, "POST", "/origin/get")).status == 405  # of a file


async def test_another_prefix_renames_everything(serve: Serve) -> None:
    server = await serve(routes=Routes(origin="/o"))
    assert (await ask(server, "GET", "/origin/get")).status == 404
    assert (await told(server, "GET", "/o/get"))["url"] == "http://127.0.0.1/o/get"
    for target, place in (
        ("/o", b"/o/"),
        ("/o/redirect/2", b"/o/relative-redirect/1"),
        ("/o/redirect/1", b"/o/get"),
        ("/o/relative-redirect/1", b"/o/get"),
        ("/o/absolute-redirect/1", b"http://127.0.0.1/o/get"),
        ("/o/redirect/loop", b"/o/redirect/loop"),
        ("/o/redirect-to?url=/get", b"/o/get"),
        ("/o/links/3", b"/o/links/3/0"),
        ("/o/cookies/set?a=1", b"/o/cookies"),
        ("/o/cookies/delete?a", b"/o/cookies"),
    ):
        location = one(await ask(server, "GET", target), "Location")
        assert location.split(b"?")[0] == place, target
        assert b"/origin" not in location
    made = await ask(server, "POST", "/o/tus", "Tus-Resumable: 1.0.0", "Upload-Length: 3")
    assert b"/o/tus/" in one(made, "Location")
    paths = json.loads((await ask(server, "GET", "/o/openapi.json")).body)["paths"]
    assert all(path.startswith("/o/") for path in paths)
    for target in ("/o/", "/o/openapi.json", "/o/links/3/0", "/o/forms/post", "/o/nothing", "/o/robots.txt"):
        assert b"/origin" not in (await ask(server, "GET", target)).body, target
    for name, value in SHARED.items():
        assert one(await ask(server, "GET", "/o/get"), name) == value


# A memory that servers share.


async def test_two_servers_share_what_is_remembered(serve: Serve, redis: RedisServer) -> None:  # noqa: F811
    one_server, other = await serve(state=redis.url), await serve(state=redis.url)
    target = "/origin/get?token=T&pipe=fail(2)"
    statuses = [
        (await ask(server, "GET", target)).status for server in (one_server, other, one_server, other)
    ]
    assert statuses == [503, 503, 200, 200]
    assert len(await seen(one_server, "T")) == len(await seen(other, "T")) == 4

    script = b'[{"status": 201}, {"status": 202}, {"status": 203}]'
    assert (await ask(one_server, "PUT", "/origin/script/S", body=script)).status < 300
    steps = [(await ask(s, "GET", "/origin/script/S")).status for s in (other, one_server, other)]
    assert steps == [201, 202, 203]

    made = await ask(one_server, "POST", "/origin/tus", "Tus-Resumable: 1.0.0", "Upload-Length: 6")
    upload = "/origin/tus/" + one(made, "Location").decode().rpartition("/")[2]
    for server, offset, data in ((other, 0, b"abc"), (one_server, 3, b"def")):
        lines = (
            "Tus-Resumable: 1.0.0",
            f"Upload-Offset: {offset}",
            "Content-Type: application/offset+octet-stream",
        )
        assert (await ask(server, "PATCH", upload, *lines, body=data)).status == 204
    assert (await ask(other, "GET", upload)).body == b"abcdef"


async def test_a_memory_that_is_down_is_a_503_and_comes_back(serve: Serve, own_redis: RedisServer) -> None:  # noqa: F811
    server = await serve(state=own_redis.url)
    assert (await ask(server, "GET", "/origin/get?token=T")).status == 200
    own_redis.kill()
    for target in (
        "/origin/get?token=T",
        "/origin/get?token=T&pipe=fail(1)",
        "/origin/seen/T",
        "/origin/script/T",
    ):
        answer = await ask(server, "GET", target, ASK_CORS)
        assert answer.status == 503
        assert "--state" in problem(answer)["hint"]
        has_shared(answer)
        readable_by(PAGE, answer)
    assert (await ask(server, "GET", "/origin/get")).status == 200  # what needs no memory
    own_redis.restart()
    assert (await ask(server, "GET", "/origin/get?token=T")).status == 200


class Down(ProcessStore):
    """A memory that fails once a request has been counted, and tells that it was closed."""

    closed = False

    async def append(self, token: str, name: str, item: bytes, limit: int) -> None:  # noqa: ARG002
        """Fail."""
        raise UnavailableError("It is down.")

    async def close(self) -> None:
        """Tell."""
        type(self).closed = True


async def test_what_a_client_left_behind_is_finished_and_the_memory_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fetchkit.origin.routes.open_store", lambda _url, settings: Down(settings))
    failed: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: failed.append(told))
    async with running(Config(directory=folder, host=("127.0.0.1",), port=0)) as server:
        async with connected(server) as client:
            head = b"POST /origin/post?token=T HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nabc"
            await client.send(head)
            assert (await ask(server, "GET", "/origin/get")).status == 200
        assert (await ask(server, "GET", "/origin/get?token=T")).status == 503
    gc.collect()  # a task whose failure nobody heard says so when it goes
    await asyncio.sleep(0)
    assert failed == []
    assert Down.closed


# In somebody else's application.


@pytest.fixture
async def alone() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """The origin in an application of its own, which nobody guards."""
    app = web.Application()
    fetchkit.origin.setup(app, prefix="/o", settings=Origin(max_size=100))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_it_works_alone(alone: TestClient[web.Request, web.Application]) -> None:
    async with alone.get("/o/get?a=1", headers={"Origin": PAGE}) as answer:
        assert (await answer.json())["args"] == {"a": "1"}
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert answer.headers["Content-Security-Policy"] == "sandbox"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Cross-Origin-Opener-Policy" not in answer.headers
    for path, status in (("/o/bytes/101", 400), ("/o/nothing", 404), ("/o/status/418", 418), ("/o/", 200)):
        async with alone.get(path) as answer:
            assert answer.status == status
    for _ in range(2):
        async with alone.get("/o/get?token=T&pipe=fail(1)") as answer:
            status = answer.status
    assert status == 200
    async with alone.get("/o/seen/T") as answer:
        assert (await answer.json())["count"] == 2
    async with alone.options(
        "/o/put", headers={"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    ) as answer:
        assert answer.status == 204
    async with alone.get("/elsewhere") as answer:
        assert (answer.status, "Content-Security-Policy" in answer.headers) == (404, False)


# Whatever is asked.

CHARACTERS = "abcAZ019-._~!$'()*+,;=:@/?%|\"&%%%/\\{}[]^`<>é\x7f"
WORDS = (
    *FAULTS, "50%", "1MiB", "-1", "999999999999999999999", "NaN", "inf", "1e9", "none", "0", "1", "2", "gzip",
    "text/html", "%00", "%ff", "%0d%0a", '"', "\\", "()", "((", "|", ",", "=",
)  # fmt: skip
NAMES = """
token pipe seed type fill n url status_code duration numbytes code delay rate max expect wait timeout first
last across style to no-cors chunk_size failure_rate content-type Content-Length Set-Cookie attr[Path]
show_env value vary require-cookie count jitter format
"""
# They end the connection, or say a status of the client's choice.
ENDS = (
    "reset",
    "cut",
    "fin-before",
    "rst-before",
    "half-headers",
    "stall",
    "bad-chunk",
    "no-last",
    "length",
    "head(",
)


def made_up(dice: random.Random) -> tuple[str, str, list[str], bytes]:
    """A request, and whether anything but a whole answer below 500 is its own wish."""

    def text(most: int) -> str:
        return "".join(dice.choice(CHARACTERS) for _ in range(dice.randrange(most)))

    def word() -> str:
        return dice.choice(WORDS) if dice.random() < 0.6 else text(12)

    def call() -> str:
        name = dice.choice(tuple(FAULTS)) if dice.random() < 0.9 else word()
        return (
            f"{name}({','.join(word() for _ in range(dice.randrange(4)))})" if dice.random() < 0.8 else name
        )

    route = dice.choice(ROUTES)
    path = shown_pattern(route.pattern)
    for parameter in route.parameters:
        if parameter.place is Place.PATH:
            value = parameter.example if dice.random() < 0.4 else word()
            path = path.replace(f"{{{parameter.name}}}", value)
    if dice.random() < 0.05:
        path = "/" + text(20)
    pairs = [f"{dice.choice(NAMES.split())}={word()}" for _ in range(dice.randrange(4))]
    if dice.random() < 0.5:
        pairs.append("pipe=" + "|".join(call() for _ in range(1 + dice.randrange(3))))
    if dice.random() < 0.3:
        pairs.append("token=T")
    target = f"/origin{path}?{'&'.join(pairs)}" if pairs else f"/origin{path}"
    # Bytes that are no ASCII or none of a target's are escaped, as clients do.
    target = re.sub(r"[^\x21-\x7e]|#", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), target)
    method = dice.choice([*route.methods, "GET", "HEAD", "OPTIONS", "PUT"])
    lines = ["Host: 127.0.0.1"]
    choices = (
        f"Range: bytes={word()}",
        'If-None-Match: "x"',
        "If-Range: x",
        f"Cookie: {text(9)}=1",
        "Accept: image/*;q=x",
        f"Authorization: Digest {text(20)}",
        f"Authorization: Basic {text(9)}",
        ASK_CORS,
        "Tus-Resumable: 1.0.0",
        f"Upload-Length: {dice.randrange(-2, 9)}",
        "Upload-Offset: 0",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: application/json",
        f"If-Modified-Since: {text(9)}",
        "Access-Control-Request-Method: PUT",
    )
    lines += [
        line.encode("ascii", "ignore").decode().replace("\x7f", "") for line in choices if dice.random() < 0.1
    ]
    body = (
        bytes(dice.randrange(256) for _ in range(dice.randrange(40)))
        if method not in ("GET", "HEAD")
        else b""
    )
    return method, target, [*lines, f"Content-Length: {len(body)}"], body


async def one_made_up(server: Server, seed: int) -> str:
    """What is wrong with the answer to a made-up request; empty for nothing."""
    method, target, lines, body = made_up(random.Random(seed))  # noqa: S311  no secret
    client = await Client.connect(server.port, patience=20.0)
    request = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode() + body
    await client.send(request)
    reading = asyncio.ensure_future(client.read(method))
    await asyncio.wait([reading], timeout=20.0)
    own_end = any(word in target for word in ENDS)
    if not reading.done():
        reading.cancel()
        client.close()
        return "" if "stall" in target else f"{seed}: hangs: {request!r}"
    client.close()
    answer = reading.result()
    asked_for = own_end or re.search(r"status|fail|flaky|unstable|preflight|code=|script|drip", target)
    if answer.end is not End.COMPLETE and not own_end:
        return f"{seed}: {answer.end}: {request!r}"
    if answer.status >= 500 and not asked_for:
        return f"{seed}: {answer.status}: {request!r}"
    return ""


async def test_no_request_fails_inside_or_hangs(serve: Serve) -> None:
    server = await serve(
        origin=Origin(max_size=100_000, max_digest=100_000, max_seconds=0.05, max_items=20, max_echo=10_000)
    )
    broken: list[Event] = []
    events_of(server.app).subscribe(broken.append, [Failed])
    wrong: list[str] = []
    for start in range(0, 2_000, 20):
        found = await asyncio.gather(*(one_made_up(server, seed) for seed in range(start, start + 20)))
        wrong += filter(None, found)
    assert broken == []
    assert wrong == []


async def test_requests_are_reported_with_their_status_and_why(server: Server) -> None:
    events: list[Event] = []
    events_of(server.app).subscribe(events.append, [Answered])
    await ask(server, "GET", "/origin/gett")
    await eventually(lambda: bool(events), "the answer is reported")
    (event,) = events
    assert isinstance(event, Answered)
    assert (event.status, event.target) == (404, "/origin/gett")
    assert "/origin/get" in event.note
