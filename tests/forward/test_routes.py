"""The forward over HTTP: who may ask, what the page sees, what upstream sees, and what is left behind."""

import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from attrs import frozen

from fetchkit import Config, Server, build_app
from fetchkit.app import forwards
from fetchkit.config import Mode, Routes
from fetchkit.errors import ConfigError
from fetchkit.events import Answered, Failed, FileServed, Hop, HopFailed, Refused
from fetchkit.forward import Forward, Target
from fetchkit.forward.bodies import MAX_KEPT
from fetchkit.forward.headers import MAX_URL
from fetchkit.forward.routes import send_continue
from fetchkit.forward.settings import Encoding, Redirects
from fetchkit.watch.terminal import attach
from fetchkit.web.keys import events_of
from fetchkit.web.targets import shown_target
from tests.conftest import Serve
from tests.files.support import eventually, open_descriptors, recorded
from tests.wire.client import DEADLINE, Client, Outcome
from tests.wire.exchange import request_head
from tests.wire.framing import End
from tests.wire.origin import Connection, Origin, Request, Step, fin, flood, head, request, send
from tests.wire.sockets import Wire

MIB = 1024 * 1024
PAGE = "http://localhost:3000"
FOREIGN = "https://evil.example"
TOKEN = "sesame-opens"
GONE_BODY = "asks for the request's body again"

Answer = Callable[[Request], bytes]


def reply(status: int = 200, *lines: str, body: bytes = b"hello") -> bytes:
    """One response with a length."""
    sized = [] if status in (204, 304) else [f"Content-Length: {len(body)}"]
    fields = "".join(f"{line}\r\n" for line in (*lines, *sized))
    return f"HTTP/1.1 {status} Reason\r\n{fields}\r\n".encode("latin-1") + body


def answering(answer: Answer) -> Step:
    """Answer every request of a connection."""

    async def step(connection: Connection) -> None:
        while True:
            await request(connection)
            message = answer(connection.requests[-1])
            bodiless = method_of(connection.requests[-1]) == "HEAD"  # RFC 9110, section 9.3.2
            await connection.wire.send(message[: message.index(b"\r\n\r\n") + 4] if bodiless else message)

    return step


@contextlib.asynccontextmanager
async def upstream(answer: Answer = lambda _: reply()) -> AsyncIterator[Origin]:
    """A server that answers every request on every connection."""
    async with Origin(((answering(answer),),)) as origin:
        yield origin


async def ask(server: Server, method: str, target: str, *lines: str, body: bytes | None = None) -> Outcome:
    """Send one request on a connection of its own."""
    client = await Client.connect(server.port)
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    sending = asyncio.create_task(client.send(request_head(method, target, *length, *lines), body or b""))
    try:
        return await client.read(method)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        client.close()


def there(origin: Origin, target: str = "/", host: str = "127.0.0.1") -> str:
    """A URL of the upstream server."""
    return f"http://{host}:{origin.port}{target}"


def by_way(origin: Origin, target: str = "/", host: str = "127.0.0.1") -> str:
    """The target that asks the forward for it."""
    return f"/forward/{there(origin, target, host)}"


def field(outcome: Outcome | Request, name: str) -> str | None:
    """The one value of a field; None where it is absent."""
    values = outcome.values(name)
    assert len(values) < 2, (name, values)
    return values[0].decode("latin-1") if values else None


def target_of(asked: Request) -> str:
    return asked.line.split()[1].decode("latin-1")


def method_of(asked: Request) -> str:
    return asked.line.split()[0].decode()


def problem(outcome: Outcome) -> dict[str, Any]:
    """The problem of an answer."""
    assert outcome.end is End.COMPLETE
    assert field(outcome, "Content-Type") == "application/problem+json"
    said: dict[str, Any] = json.loads(outcome.body)
    assert said["status"] == outcome.status
    return said


def assert_readable(outcome: Outcome, page: str = PAGE) -> None:
    """A page under require-corp may load and read the answer."""
    assert field(outcome, "Access-Control-Allow-Origin") == page
    assert field(outcome, "Cross-Origin-Resource-Policy") == "cross-origin"
    assert field(outcome, "Cross-Origin-Embedder-Policy") == "require-corp"
    assert field(outcome, "Cross-Origin-Opener-Policy") == "same-origin"
    assert field(outcome, "X-Content-Type-Options") == "nosniff"
    varies = [each.strip() for value in outcome.values("Vary") for each in value.split(b",")]
    assert varies.count(b"Origin") == 1


# --- Preflights

PREFLIGHT = ("Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: x-one, authorization")


@pytest.mark.parametrize("settings", [{}, {"token": TOKEN}], ids=["open", "token"])
@pytest.mark.parametrize(
    "target", ["/forward/http://127.0.0.1:{}/", "/forward?url=http://127.0.0.1:{}/", "/api/x"]
)
async def test_a_preflight_is_answered_here(target: str, settings: dict[str, str], serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(**settings, forward_routes=(f"/api={there(origin)}",))
        outcome = await ask(server, "OPTIONS", target.format(origin.port), f"Origin: {PAGE}", *PREFLIGHT)
        assert outcome.status == 204
        assert_readable(outcome)
        assert field(outcome, "Access-Control-Allow-Methods") in ("*", "PATCH")
        # Named, because `*` does not cover Authorization (Fetch standard, section 3.3.3).
        assert field(outcome, "Access-Control-Allow-Headers") == "x-one, authorization"
        assert int(field(outcome, "Access-Control-Max-Age") or 0) > 0
        assert field(outcome, "Access-Control-Allow-Credentials") is None
        assert not origin.connections


async def test_a_preflight_of_a_foreign_page_is_refused(serve: Serve) -> None:
    async with upstream() as origin:
        outcome = await ask(await serve(), "OPTIONS", by_way(origin), f"Origin: {FOREIGN}", *PREFLIGHT)
        assert outcome.status == 403
        assert field(outcome, "Access-Control-Allow-Origin") is None
        assert not origin.connections


async def test_a_preflight_for_a_bad_url_passes_so_that_the_page_can_read_what_is_wrong(serve: Serve) -> None:
    server = await serve()
    assert (await ask(server, "OPTIONS", "/forward/http:/x", f"Origin: {PAGE}", *PREFLIGHT)).status == 204
    outcome = await ask(server, "GET", "/forward/http:/x", f"Origin: {PAGE}")
    assert (outcome.status, "slashes" in problem(outcome)["detail"]) == (400, True)
    assert_readable(outcome)


@pytest.mark.parametrize("lines", [(), (f"Origin: {PAGE}",), PREFLIGHT], ids=["bare", "origin", "no origin"])
async def test_options_that_are_no_preflight_go_upstream(lines: tuple[str, ...], serve: Serve) -> None:
    async with upstream(lambda _: reply(200, "Allow: GET")) as origin:
        outcome = await ask(await serve(), "OPTIONS", by_way(origin, "/x"), *lines)
        assert (outcome.status, field(outcome, "Allow")) == (200, "GET")
        assert [each.line for each in origin.requests] == [b"OPTIONS /x HTTP/1.1"]


# --- What the page may read, and what the answer may do to its origin


async def test_every_field_that_passes_is_exposed(serve: Serve) -> None:
    lines = ("X-One: 1", "X-Two: 2", "x-two: 3", "ETag: x", "Server: upstream/1", "Vary: Accept", "Age: 3")
    async with upstream(lambda _: reply(200, *lines)) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin, "/a"), f"Origin: {PAGE}")
    exposed = {
        name.strip().lower() for name in (field(outcome, "Access-Control-Expose-Headers") or "").split(",")
    }
    passed = {name.decode().lower() for name, _ in outcome.headers}
    ours = {
        "access-control-allow-origin",
        "access-control-expose-headers",
        "content-security-policy",
        "cross-origin-embedder-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "date",
        "x-content-type-options",
    }
    assert exposed >= passed - ours
    assert exposed >= {"x-final-url", "x-request-url", "x-one", "x-two", "etag", "content-length", "server"}
    assert outcome.values("X-Two") == [b"2", b"3"]
    assert_readable(outcome)


async def test_without_an_origin_nothing_is_said_about_cors(serve: Serve) -> None:
    async with upstream() as origin:
        outcome = await ask(await serve(), "GET", by_way(origin))
    assert not [name for name, _ in outcome.headers if name.lower().startswith(b"access-control")]
    assert field(outcome, "Vary") == "Origin"
    assert field(outcome, "Cross-Origin-Resource-Policy") == "cross-origin"


@pytest.mark.parametrize("mode", Mode)
async def test_isolation_holds_on_forwarded_answers(mode: Mode, serve: Serve) -> None:
    async with upstream(lambda _: reply(200, "Cross-Origin-Embedder-Policy: unsafe-none")) as origin:
        outcome = await ask(await serve(isolation=mode), "GET", by_way(origin), f"Origin: {PAGE}")
    said = field(outcome, "Cross-Origin-Embedder-Policy"), field(outcome, "Cross-Origin-Opener-Policy")
    assert said == ((None, None) if mode is Mode.OFF else (mode.value, "same-origin"))
    assert field(outcome, "Cross-Origin-Resource-Policy") == "cross-origin"
    assert field(outcome, "X-Content-Type-Options") == "nosniff"


async def test_fields_that_the_user_adds_stand_on_forwarded_answers(serve: Serve) -> None:
    async with upstream(lambda _: reply(200, "X-Mine: upstream")) as origin:
        outcome = await ask(await serve(header=("X-Mine: here",)), "GET", by_way(origin))
    assert b"here" in outcome.values("X-Mine")


DESTINATIONS = {
    "nobody says": ((), True),
    "fetch": (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: empty"), True),
    "document": (("Sec-Fetch-Site: none", "Sec-Fetch-Dest: document"), True),
    "frame": (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: iframe"), True),
    "worker": (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: worker"), False),
    "shared worker": (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: sharedworker"), False),
    "worker of nobody": (("Sec-Fetch-Site: none", "Sec-Fetch-Dest: worker"), True),
    "worker of another page": (
        ("Sec-Fetch-Site: same-site", "Sec-Fetch-Dest: worker", f"Origin: {PAGE}"),
        True,
    ),
}


@pytest.mark.parametrize(("lines", "sandboxed"), DESTINATIONS.values(), ids=DESTINATIONS)
async def test_answers_are_sandboxed_but_for_own_workers(
    lines: tuple[str, ...], sandboxed: bool, serve: Serve
) -> None:
    async with upstream(lambda _: reply(200, "Content-Security-Policy: default-src *")) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin), *lines)
    assert outcome.status == 200
    assert field(outcome, "Content-Security-Policy") == ("sandbox" if sandboxed else None)


@pytest.mark.parametrize(
    "lines",
    [("Service-Worker: script",), ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: serviceworker")],
    ids=["Service-Worker", "Sec-Fetch-Dest"],
)
@pytest.mark.parametrize("path", ["/forward/{}", "/api/"])
async def test_no_forwarded_script_becomes_a_service_worker(
    path: str, lines: tuple[str, ...], serve: Serve
) -> None:
    async with upstream(lambda _: reply(200, "Service-Worker-Allowed: /")) as origin:
        server = await serve(forward_routes=(f"/api={there(origin)}",))
        outcome = await ask(server, "GET", path.format(there(origin)), *lines)
        assert (outcome.status, bool(problem(outcome)["hint"])) == (403, True)
        assert not origin.connections


async def test_the_page_learns_what_was_asked_and_what_answered(serve: Serve) -> None:
    async with upstream(lambda _: reply(200, "X-Final-URL: http://lie/", "X-Request-URL: lie")) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin, "/a%2Fb//c?d={e}&f"))
        assert field(outcome, "X-Request-URL") == there(origin, "/a%2Fb//c?d={e}&f")
        assert field(outcome, "X-Final-URL") == there(origin, "/a%2Fb//c?d={e}&f")


# --- Who may ask

ASKERS = {
    "curl": ((), True),
    "own page": (("Sec-Fetch-Site: same-origin",), True),
    "address bar": (("Sec-Fetch-Site: none",), True),
    "loopback page": ((f"Origin: {PAGE}", "Sec-Fetch-Site: same-site"), True),
    "allowed page": (("Origin: https://app.example", "Sec-Fetch-Site: cross-site"), True),
    "img of a foreign page": (("Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"), False),
    "no-cors of a neighbour": (("Sec-Fetch-Site: same-site",), False),
    "foreign page": ((f"Origin: {FOREIGN}",), False),
    "foreign page that lies": ((f"Origin: {FOREIGN}", "Sec-Fetch-Site: same-origin"), False),
    "sandboxed page": (("Origin: null",), False),
}


@pytest.mark.parametrize("path", ["/forward/{}", "/forward?url={}", "/api/"])
@pytest.mark.parametrize(("lines", "passes"), ASKERS.values(), ids=ASKERS)
async def test_who_asks_is_judged_before_upstream_is_asked(
    lines: tuple[str, ...], passes: bool, path: str, serve: Serve
) -> None:
    async with upstream() as origin:
        routes = (f"/api={there(origin)}",)
        server = await serve(allow_origin=("https://app.example",), forward_routes=routes)
        outcome = await ask(server, "POST", path.format(there(origin)), *lines, body=b"x")
        assert outcome.status == (200 if passes else 403)
        assert len(origin.connections) == passes


CARRIED: dict[str, tuple[str, tuple[str, ...], str]] = {
    "alone": ("/x?fetchkit-token=" + TOKEN, (), "/x"),
    "first": (f"/x?fetchkit-token={TOKEN}&a=1", (), "/x?a=1"),
    "in the middle": (f"/x?a=1&fetchkit-token={TOKEN}&b=%20+&c", (), "/x?a=1&b=%20+&c"),
    "twice": (f"/x?fetchkit-token={TOKEN}&a&fetchkit-token=other", (), "/x?a"),
    "without a path": (f"?fetchkit-token={TOKEN}", (), "/"),
    "field": ("/x?a=1", (f"X-Fetchkit-Token: {TOKEN}",), "/x?a=1"),
}


@pytest.mark.parametrize(("target", "lines", "expected"), CARRIED.values(), ids=CARRIED)
async def test_the_token_never_goes_upstream(
    target: str, lines: tuple[str, ...], expected: str, serve: Serve
) -> None:
    async with upstream() as origin:
        server = await serve(token=TOKEN)
        outcome = await ask(server, "GET", by_way(origin, target), *lines)
        assert outcome.status == 200
        assert target_of(origin.requests[0]) == expected
        assert TOKEN.encode() not in b"".join(value for _, value in origin.requests[0].headers)
        assert TOKEN.encode() not in b"".join(value for _, value in outcome.headers)


async def test_the_token_of_a_query_or_a_cookie_never_goes_upstream(serve: Serve) -> None:
    targets = {"127.0.0.1": Target(cookies="rewrite")}  # type: ignore[arg-type]
    async with upstream() as origin:
        server = await serve(token=TOKEN, forward=Forward(targets=targets))
        asked = f"/forward?fetchkit-token={TOKEN}&url={there(origin, '/y?a')}"
        assert (await ask(server, "GET", asked)).status == 200
        cookie = f"Cookie: fetchkit-token-{server.port}={TOKEN}"
        assert (await ask(server, "GET", by_way(origin, "/z"), cookie)).status == 200
        assert [target_of(each) for each in origin.requests] == ["/y?a", "/z"]
        assert TOKEN not in repr([each.headers for each in origin.requests])


@pytest.mark.parametrize("path", ["/forward/{}", "/forward?url={}", "/api/"])
async def test_without_the_token_nothing_is_forwarded(path: str, serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(token=TOKEN, forward_routes=(f"/api={there(origin)}",))
        outcome = await ask(server, "GET", path.format(there(origin)), f"Origin: {PAGE}")
        assert (outcome.status, bool(problem(outcome)["hint"])) == (403, True)
        assert not origin.connections


# --- URLs


async def test_the_url_may_stand_in_the_query(serve: Serve) -> None:
    async with upstream() as origin:
        outcome = await ask(
            await serve(), "GET", f"/forward?url=http%3A%2F%2F127.0.0.1%3A{origin.port}%2Fa%3Fb%3Dc%2525"
        )
        assert outcome.status == 200
        assert target_of(origin.requests[0]) == "/a?b=c%25"


BAD_URLS = {
    "nothing": ("/forward", "url"),
    "slash": ("/forward/", "no URL"),
    "empty query": ("/forward?", "url"),
    "one slash": ("/forward/http:/127.0.0.1/x", "slashes"),
    "no slash": ("/forward/http:127.0.0.1", "slashes"),
    "no scheme": ("/forward/127.0.0.1/x", "scheme"),
    "no host": ("/forward/http:///x", "host"),
    "file": ("/forward/file:///etc/passwd", "scheme"),
    "javascript": ("/forward/javascript:alert(1)", "scheme"),
    "user": ("/forward/http://a:b@127.0.0.1/", "user name"),
    "port 0": ("/forward/http://127.0.0.1:0/", "port"),
    "port 65536": ("/forward/http://127.0.0.1:65536/", "port"),
    "port of letters": ("/forward/http://127.0.0.1:http/", ""),
    "empty port": ("/forward/http://127.0.0.1:/", "port"),
    "backslash": ("/forward/http://127.0.0.1\\@evil.example/", "backslash"),
    "short address": ("/forward/http://127.1/", "IPv4"),
    "number": ("/forward/http://2130706433/", "IPv4"),
    "zone": ("/forward/http://[fe80::1%25eth0]/", ""),
    "two urls": ("/forward?url=http://127.0.0.1/&url=http://127.0.0.1/", "url="),
    "query not encoded": ("/forward?url=http://127.0.0.1/?a=1&b=2", "parameter"),
    "space in the query": ("/forward?url=http://127.0.0.1/a%20b", "space"),
    "line in the query": ("/forward?url=http://127.0.0.1/a%0d%0aX-Evil:%201", "control"),
    "no digits of an address": ("/forward/http://[::g]/", ""),
}


@pytest.mark.parametrize(("target", "word"), BAD_URLS.values(), ids=BAD_URLS)
async def test_a_url_that_cannot_be_used_is_a_400_that_says_why(target: str, word: str, serve: Serve) -> None:
    server = await serve()
    seen = recorded(server.app)
    outcome = await ask(server, "GET", target, f"Origin: {PAGE}")
    said = problem(outcome)
    assert outcome.status == 400
    assert word in said["detail"]
    assert said["hint"].endswith(".")
    assert_readable(outcome)
    await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
    assert not [event for event in seen if isinstance(event, Failed)]
    [failed] = [event for event in seen if isinstance(event, HopFailed)]
    assert (failed.url, failed.detail) == (shown_target(target), said["detail"])


@pytest.mark.parametrize("port", ["0", "65536", "99999999", "http", "-1", "8o"])
async def test_a_port_that_is_none_is_told_what_a_port_is(port: str, serve: Serve) -> None:
    server = await serve()
    for host in ("127.0.0.1", "[::1]", "a.example"):
        outcome = await ask(server, "GET", f"/forward/http://{host}:{port}/")
        assert (outcome.status, "1 to 65535" in problem(outcome)["hint"]) == (400, True)


BAD_TARGETS = {
    "space": ("http://127.0.0.1/a b", "%20"),
    "control character": ("http://127.0.0.1/a\x01b", "Percent-encode"),
    "tab": ("http://127.0.0.1/a\tb", "Percent-encode"),
    "delete": ("http://127.0.0.1/a\x7fb", "Percent-encode"),
    "raw UTF-8": ("http://127.0.0.1/caf\u00c3\u00a9", "Percent-encode"),
    "raw UTF-8 in the host": ("http://b\u00c3\u00bccher.example/", "Percent-encode"),
}


@pytest.mark.parametrize(("url", "hint"), BAD_TARGETS.values(), ids=BAD_TARGETS)
async def test_a_target_that_the_parser_refuses_is_a_400_that_says_why(
    url: str, hint: str, serve: Serve
) -> None:
    server = await serve()
    seen = recorded(server.app)
    outcome = await ask(server, "GET", f"/forward/{url}?fetchkit-token={TOKEN}")
    said = problem(outcome)
    assert (outcome.status, hint in said["hint"]) == (400, True)
    assert "status line" not in said["detail"].lower()
    await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
    assert TOKEN not in repr(seen)
    [answered] = [event for event in seen if isinstance(event, Answered)]
    assert (answered.method, answered.target) == ("-", "-")
    assert answered.note == f"{said['detail']} {said['hint']}"


@pytest.mark.parametrize("method", ["FOO", "patch"])
@pytest.mark.parametrize("path", ["/forward/http://127.0.0.1:9/", "/app.js"])
async def test_a_method_that_the_parser_does_not_know_is_a_405_that_says_so(
    path: str, method: str, serve: Serve
) -> None:
    outcome = await ask(await serve(), method, path)
    said = problem(outcome)
    assert (outcome.status, field(outcome, "Allow")) == (405, "GET, HEAD, OPTIONS")
    assert f"The method {method} " in said["detail"]
    assert "capitals" in said["hint"]
    assert "GET, HEAD" not in said["hint"]  # below /forward others are allowed too


IDN = "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "asked",
    [
        f"/forward/http://{IDN}/x",
        "/forward/http://b%C3%BCcher.example/x",
        "/forward/http://B%c3%9cCHER.EXAMPLE/x",
        "/forward?url=http%3A%2F%2Fb%C3%BCcher.example%2Fx",
    ],
)
async def test_an_international_name_goes_upstream_in_its_ascii_form(asked: str, serve: Serve) -> None:
    async with upstream() as origin:  # a proxy, so that no name has to be resolved
        server = await serve(forward=Forward(targets={IDN: Target(proxy=there(origin, ""))}))
        outcome = await ask(server, "GET", asked)
        assert outcome.status == 200
        assert field(outcome, "X-Final-URL") == field(outcome, "X-Request-URL") == f"http://{IDN}/x"
        [sent] = origin.requests
        assert (target_of(sent), field(sent, "Host")) == (f"http://{IDN}/x", IDN)


@pytest.mark.parametrize("name", ["b%FCcher.example", "xn--%C3%BC.example", "%E2%80%8B.example"])
async def test_an_international_name_that_is_none_is_a_400_that_names_the_form(
    name: str, serve: Serve
) -> None:
    outcome = await ask(await serve(), "GET", f"/forward/http://{name}/", f"Origin: {PAGE}")
    said = problem(outcome)
    assert (outcome.status, "host name" in said["detail"], "xn--" in said["hint"]) == (400, True, True)
    assert_readable(outcome)


async def test_a_person_who_navigates_gets_a_page_that_says_why(serve: Serve) -> None:
    navigates = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Sec-Fetch-Dest: document")
    outcome = await ask(await serve(), "GET", "/forward/http:/<b>", *navigates)
    assert (outcome.status, field(outcome, "Content-Type")) == (400, "text/html; charset=utf-8")
    assert b"two slashes" in outcome.body
    assert b"HOST/PATH" in outcome.body


@pytest.mark.parametrize(("scheme", "instead"), [("https", "http://"), ("wss", "ws://")])
async def test_where_no_tls_handshake_comes_about_the_answer_names_it(
    scheme: str, instead: str, serve: Serve
) -> None:
    async with Origin(((),)) as origin:  # it accepts, and says nothing
        server = await serve(forward=Forward(connect_timeout=0.2))
        outcome = await ask(server, "GET", f"/forward/{scheme}://127.0.0.1:{origin.port}/")
        said = problem(outcome)
        assert (outcome.status, "TLS handshake" in said["detail"]) == (504, True)
        assert said["hint"].endswith(f"ask for {instead}.")


@pytest.mark.parametrize(
    ("steps", "word"),
    [
        ((request, fin), "closed the connection"),
        ((request, send(b"\x15\x03\x01\x00\x02\x02\x46"), fin), "not HTTP"),
    ],
    ids=["closes", "alert"],
)
async def test_a_server_that_speaks_tls_is_asked_for_with_https(
    steps: tuple[Step, ...], word: str, serve: Serve
) -> None:
    async with Origin((steps,)) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin))
        said = problem(outcome)
        assert (outcome.status, word in said["detail"], "https://" in said["hint"]) == (502, True, True)


FLAGS = {
    "private": ({}, "http://10.0.0.1/", "--allow-net"),
    "metadata": ({}, "http://169.254.169.254/", "--allow-net"),
    "mapped": ({}, "http://[::ffff:10.0.0.1]/", "--allow-net"),
    "denied": ({"deny_net": ("127.0.0.2/32",)}, "http://127.0.0.2:9/", "--deny-net"),
}


@pytest.mark.parametrize(("settings", "url", "flag"), FLAGS.values(), ids=FLAGS)
async def test_the_hint_of_a_refused_address_names_the_flag(
    settings: dict[str, Any], url: str, flag: str, serve: Serve
) -> None:
    outcome = await ask(await serve(**settings), "GET", f"/forward/{url}")
    assert (outcome.status, flag in problem(outcome)["hint"]) == (403, True)


async def test_the_hint_of_a_refused_page_names_the_flag(serve: Serve) -> None:
    outcome = await ask(await serve(), "GET", "/forward/http://127.0.0.1:9/", f"Origin: {FOREIGN}")
    assert f"--allow-origin {FOREIGN}" in problem(outcome)["hint"]


@pytest.mark.parametrize("asked", ["/%66orward/{}", "/forwar%64?url={}"])
async def test_a_prefix_that_is_spelled_with_escapes_is_nothing(asked: str, serve: Serve) -> None:
    async with upstream() as origin:
        outcome = await ask(await serve(), "GET", asked.format(there(origin)), f"Origin: {PAGE}")
        assert (outcome.status, "/forward" in problem(outcome)["hint"]) == (404, True)
        assert not origin.connections


async def test_a_url_of_64_kib_passes(serve: Serve) -> None:
    long = "/" + "a" * (64 * 1024) + "?b=" + "%20" * 100
    async with upstream() as origin:
        outcome = await ask(await serve(), "GET", by_way(origin, long))
        assert outcome.status == 200
        assert target_of(origin.requests[0]) == long
        # Or it would be twice in the head of the answer, and clients limit that.
        assert field(outcome, "X-Request-URL") is field(outcome, "X-Final-URL") is None


async def test_a_long_url_is_left_out_of_the_head_and_a_shorter_one_is_not(serve: Serve) -> None:
    def answer(asked: Request) -> bytes:
        return reply(302, "Location: /short") if target_of(asked) != "/short" else reply()

    async with upstream(answer) as origin:
        server = await serve()
        for length, said in ((MAX_URL, True), (MAX_URL + 1, False)):
            url = there(origin, "/").ljust(length, "a")
            outcome = await ask(server, "GET", f"/forward/{url}")
            assert field(outcome, "X-Request-URL") == (url if said else None)
            assert field(outcome, "X-Final-URL") == there(origin, "/short")


# --- Methods, ranges, conditions


@pytest.mark.parametrize(
    "method",
    ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "REPORT", "LOCK"],
)
@pytest.mark.parametrize("body", [None, b"", b"a body"], ids=["no body", "empty", "body"])
async def test_any_method_passes(method: str, body: bytes | None, serve: Serve) -> None:
    async with upstream(lambda asked: reply(body=asked.body)) as origin:
        outcome = await ask(await serve(), method, by_way(origin, "/x"), body=body)
        assert (outcome.status, outcome.body) == (200, body or b"")
        assert [(method_of(each), each.body) for each in origin.requests] == [(method, body or b"")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_method_that_has_a_body_says_how_long_it_is(method: str, serve: Serve) -> None:
    async with upstream() as origin:
        await ask(await serve(), method, by_way(origin))
        assert field(origin.requests[0], "Content-Length") == "0"


async def test_head_keeps_the_length_and_the_connection(serve: Serve) -> None:
    large = reply(200, "ETag: x", body=bytes(12345))
    async with upstream(lambda asked: large if method_of(asked) == "HEAD" else reply()) as origin:
        server = await serve()
        client = await Client.connect(server.port)
        await client.send(request_head("HEAD", by_way(origin)), request_head("GET", by_way(origin)))
        first, second = await client.read("HEAD"), await client.read()
        client.close()
    assert (first.status, field(first, "Content-Length"), first.body) == (200, "12345", b"")
    assert (second.status, second.body, second.extra) == (200, b"hello", b"")
    assert len(origin.connections) == 1


async def test_a_range_passes_both_ways(serve: Serve) -> None:
    part = ("Content-Range: bytes 2-4/10", 'ETag: "a"', "Accept-Ranges: bytes")
    async with upstream(lambda _: reply(206, *part, body=b"234")) as origin:
        server = await serve(forward=Forward(encoding=Encoding.PASS))
        asked = ("Range: bytes=2-4", 'If-Range: "a"', "Accept-Encoding: gzip")
        outcome = await ask(server, "GET", by_way(origin), *asked, f"Origin: {PAGE}")
        assert (outcome.status, outcome.body) == (206, b"234")
        assert field(outcome, "Content-Range") == "bytes 2-4/10"
        assert "content-range" in (field(outcome, "Access-Control-Expose-Headers") or "").lower()
        sent = origin.requests[0]
        assert (field(sent, "Range"), field(sent, "If-Range")) == ("bytes=2-4", '"a"')
        assert field(sent, "Accept-Encoding") == "identity"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ('If-None-Match: "a"', 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304),
        ('If-Match: "b"', 412),
        ("Range: bytes=99-", 416),
    ],
)
async def test_conditions_and_their_answers_pass(line: str, status: int, serve: Serve) -> None:
    name, _, value = line.partition(": ")
    async with upstream(lambda _: reply(status, 'ETag: "a"', body=b"" if status == 304 else b"no")) as origin:
        server = await serve()
        client = await Client.connect(server.port)
        for _ in range(2):  # the connection stays usable
            await client.send(request_head("GET", by_way(origin), line))
            outcome = await client.read()
            assert (outcome.status, field(outcome, "ETag"), outcome.extra) == (status, '"a"', b"")
        client.close()
        assert field(origin.requests[0], name) == value


@pytest.mark.parametrize(
    ("encoding", "lines", "expected"),
    [
        (Encoding.IDENTITY, ("Accept-Encoding: gzip, br",), "identity"),
        (Encoding.IDENTITY, (), "identity"),
        (Encoding.PASS, ("Accept-Encoding: gzip, br",), "gzip, br"),
        (Encoding.PASS, (), None),
    ],
)
async def test_encodings_are_asked_for_as_configured(
    encoding: Encoding, lines: tuple[str, ...], expected: str | None, serve: Serve
) -> None:
    squeezed = b"\x1f\x8b not really gzip"
    async with upstream(lambda _: reply(200, "Content-Encoding: gzip", body=squeezed)) as origin:
        server = await serve(forward=Forward(encoding=encoding))
        outcome = await ask(server, "GET", by_way(origin), *lines)
        assert field(origin.requests[0], "Accept-Encoding") == expected
        assert (field(outcome, "Content-Encoding"), outcome.body) == ("gzip", squeezed)


# --- Uploads that wait to be asked for


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
WAITING = ("Expect: 100-continue", "Content-Length: 5")


async def first_bytes(client: Client) -> bytes:
    async with asyncio.timeout(DEADLINE):
        return await client.wire.receive()


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_page_that_waits_with_its_body_is_asked_for_it(framing: str, serve: Serve) -> None:
    line = "Content-Length: 5" if framing == "length" else "Transfer-Encoding: chunked"
    async with upstream(redirecting(307, "/next")) as origin:
        client = await Client.connect((await serve()).port)
        await client.send(request_head("POST", by_way(origin), "Expect: 100-Continue", line))
        assert await first_bytes(client) == CONTINUE
        await client.send(b"hello" if framing == "length" else b"5\r\nhello\r\n0\r\n\r\n")
        outcome = await client.read()
        client.close()
        assert (outcome.status, outcome.body, outcome.interim) == (200, b"hello", ())  # once, not a hop
        assert [field(each, "Expect") for each in origin.requests] == [None, None]


@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        ("/forward/http://10.0.0.1/", (), 403),
        ("/forward/http:/x", (), 400),
        ("/forward/http://127.0.0.1:9/", (f"Origin: {FOREIGN}",), 403),
    ],
    ids=["address", "url", "page"],
)
async def test_a_refusal_comes_without_asking_for_the_body(
    target: str, lines: tuple[str, ...], status: int, serve: Serve
) -> None:
    client = await Client.connect((await serve()).port)
    await client.send(request_head("POST", target, *WAITING, *lines))
    outcome = await client.read()
    client.close()
    assert (outcome.status, outcome.interim) == (status, ())


async def test_an_answer_that_begins_before_the_body_is_read_is_not_interrupted(serve: Serve) -> None:
    async def early(connection: Connection) -> None:
        await head(connection)
        await connection.wire.send(reply(413, body=b"too large"))

    async with Origin(((early,),)) as origin:
        client = await Client.connect((await serve()).port)
        await client.send(request_head("POST", by_way(origin), *WAITING))
        outcome = await client.read()
        client.close()
        assert (outcome.status, outcome.body, outcome.extra) == (413, b"too large", b"")


def test_an_answer_that_has_begun_is_not_interrupted_by_the_invitation() -> None:
    transport, writer = Mock(), Mock(output_size=0)
    request = make_mocked_request("POST", "/", transport=transport, writer=writer)
    send_continue(request)
    transport.write.assert_called_once_with(CONTINUE)
    writer.output_size = 1
    send_continue(request)
    transport.write.assert_called_once()


async def test_a_client_of_http_1_0_is_not_asked(serve: Serve) -> None:
    async with upstream(lambda asked: reply(body=asked.body)) as origin:
        client = await Client.connect((await serve()).port)
        await client.send(request_head("POST", by_way(origin), *WAITING, version="HTTP/1.0"), b"hello")
        outcome = await client.read()
        client.close()
        assert (outcome.status, outcome.body, outcome.interim) == (200, b"hello", ())


# --- Redirects


def redirecting(status: int, location: str) -> Answer:
    """Redirect `/`, answer everything else with what was asked."""

    def answer(asked: Request) -> bytes:
        if target_of(asked) != "/":
            return reply(body=asked.body)
        return reply(status, f"Location: {location.format(host=field(asked, 'Host'))}", body=b"moved")

    return answer


STATUSES = (301, 302, 303, 307, 308)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_redirects_are_followed_as_the_fetch_standard_says(
    method: str, status: int, serve: Serve
) -> None:
    body = None if method in ("GET", "HEAD") else b"x=1"
    turned = (status in (301, 302) and method == "POST") or (status == 303 and method not in ("GET", "HEAD"))
    async with upstream(redirecting(status, "/next?q")) as origin:
        outcome = await ask(await serve(), method, by_way(origin), "Content-Type: text/x", body=body)
        assert outcome.status == 200
        assert field(outcome, "X-Final-URL") == there(origin, "/next?q")
        assert field(outcome, "X-Request-URL") == there(origin, "/")
        second = origin.requests[1]
        assert second.line == f"{'GET' if turned else method} /next?q HTTP/1.1".encode()
        assert second.body == (b"" if turned else body or b"")
        assert field(second, "Content-Type") == (None if turned else "text/x")


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("size", [0, 1, MAX_KEPT - 1, MAX_KEPT])
async def test_a_body_of_up_to_1_mib_is_sent_again(
    size: int, status: int, framing: str, serve: Serve
) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with upstream(redirecting(status, "/next")) as origin:
        target = by_way(origin)
        if framing == "length":
            outcome = await ask(await serve(), "PUT", target, body=body)
        else:
            outcome = await upload_chunked(await serve(), target, body)
        assert outcome.status == 200
        assert outcome.body == body
        assert [each.body for each in origin.requests] == [body, body]


async def upload_chunked(server: Server, target: str, body: bytes) -> Outcome:
    """Send it as one chunk and the end."""
    client = await Client.connect(server.port)
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b""
    sending = client.send(request_head("PUT", target, "Transfer-Encoding: chunked"), chunk, b"0\r\n\r\n")
    _, outcome = await asyncio.gather(sending, client.read())
    client.close()
    return outcome


@pytest.mark.parametrize("status", [307, 308])
async def test_a_larger_body_makes_the_redirect_a_502_with_a_hint(status: int, serve: Serve) -> None:
    async with upstream(redirecting(status, "/next")) as origin:
        outcome = await ask(await serve(), "PUT", by_way(origin), f"Origin: {PAGE}", body=bytes(MAX_KEPT + 1))
        said = problem(outcome)
        assert (outcome.status, GONE_BODY in said["detail"]) == (502, True)
        assert there(origin, "/next") in said["hint"]
        assert_readable(outcome)
        assert len(origin.requests) == 1


async def test_a_larger_body_is_no_matter_where_the_redirect_drops_it(serve: Serve) -> None:
    async with upstream(redirecting(303, "/next")) as origin:
        assert (await ask(await serve(), "PUT", by_way(origin), body=bytes(MAX_KEPT + 1))).status == 200


async def test_a_redirect_that_comes_before_the_body_is_followed_with_all_of_it(serve: Serve) -> None:
    async def early(connection: Connection) -> None:
        await head(connection)
        moved = reply(307, "Location: /next", "Connection: close")
        await connection.wire.send(moved)

    body = bytes(range(256)) * 2048
    async with Origin(((early,), (answering(lambda asked: reply(body=asked.body)),))) as origin:
        outcome = await ask(await serve(), "POST", by_way(origin), body=body)
        assert (outcome.status, outcome.body == body) == (200, True)


CREDENTIALS = ("Authorization: Bearer secret", "X-Api-Key: kept")


@pytest.mark.parametrize(
    ("location", "kept"),
    [("/next", True), ("http://{host}/next", True), ("http://localhost:{port}/next", False)],
    ids=["relative", "same origin", "other origin"],
)
async def test_authorization_ends_where_the_origin_changes(location: str, kept: bool, serve: Serve) -> None:
    def answer(asked: Request) -> bytes:
        port = (field(asked, "Host") or "").partition(":")[2]
        return redirecting(307, location.replace("{port}", port))(asked)

    async with upstream(answer) as origin:
        assert (await ask(await serve(), "GET", by_way(origin), *CREDENTIALS)).status == 200
        first, second = origin.requests
        assert field(first, "Authorization") == "Bearer secret"
        assert field(second, "Authorization") == ("Bearer secret" if kept else None)
        assert field(second, "X-Api-Key") == "kept"


async def test_authorization_does_not_come_back_with_the_first_origin(serve: Serve) -> None:
    def answer(asked: Request) -> bytes:
        name, _, port = (field(asked, "Host") or "").partition(":")
        if name == "localhost":
            return reply(307, f"Location: http://127.0.0.1:{port}/end")
        return reply() if target_of(asked) == "/end" else reply(307, f"Location: http://localhost:{port}/")

    async with upstream(answer) as origin:
        assert (await ask(await serve(), "GET", by_way(origin), *CREDENTIALS)).status == 200
        assert len(origin.requests) == 3
        given = [each for each in origin.requests if field(each, "Authorization")]
        assert [target_of(each) for each in given] == ["/"]
        assert (field(given[0], "Host") or "").startswith("127.0.0.1")


@pytest.mark.parametrize(("count", "status"), [(20, 200), (21, 502)])
async def test_20_redirects_are_followed_and_no_more(count: int, status: int, serve: Serve) -> None:
    def answer(asked: Request) -> bytes:
        done = int(target_of(asked)[1:])
        return reply() if done == count else reply(302, f"Location: /{done + 1}")

    async with upstream(answer) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin, "/0"), f"Origin: {PAGE}")
        assert outcome.status == status
        assert_readable(outcome)
        assert len(origin.requests) == 21


async def test_a_redirect_to_itself_ends(serve: Serve) -> None:
    async with upstream(lambda _: reply(301, "Location: /")) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin))
        said = problem(outcome)
        assert (outcome.status, "redirects" in said["detail"], "loop" in said["hint"]) == (502, True, True)


async def test_every_hop_is_judged(serve: Serve) -> None:
    async with upstream(redirecting(302, "http://127.0.0.2:{host}/".replace("{host}", "9"))) as origin:
        outcome = await ask(await serve(deny_net=("127.0.0.2/32",)), "GET", by_way(origin), f"Origin: {PAGE}")
        said = problem(outcome)
        assert (outcome.status, "127.0.0.2" in said["detail"], "--deny-net" in said["hint"]) == (
            403,
            True,
            True,
        )
        assert_readable(outcome)


async def test_of_two_locations_the_first_is_handed_over(serve: Serve) -> None:
    async with upstream(
        lambda _: reply(302, "Location: /a", "X-Own: 1", "Location: http://b.example/")
    ) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin), "X-Fetchkit-Redirect: manual")
        assert outcome.values("Location") == [by_way(origin, "/a").encode()]
        assert field(outcome, "X-Own") == "1"


@pytest.mark.parametrize(
    ("location", "word"),
    [
        ("ftp://127.0.0.1/", "ftp"),
        ("ws://127.0.0.1/", "ws"),
        ("http://user:pass@127.0.0.1/", "user name"),
        ("http://[::g]/", ""),
        ("http://127.0.0.1:99999/", "port"),
    ],
)
async def test_a_redirect_that_cannot_be_followed_is_a_502(location: str, word: str, serve: Serve) -> None:
    async with upstream(lambda _: reply(302, f"Location: {location}")) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin))
        assert outcome.status == 502
        assert word in problem(outcome)["detail"]
        assert "X-Fetchkit-Redirect: manual" in problem(outcome)["hint"]
        assert "pass@" not in outcome.body.decode()


@pytest.mark.parametrize("status", [300, 304, 305, 306])
async def test_other_statuses_are_no_redirects(status: int, serve: Serve) -> None:
    async with upstream(lambda _: reply(status, "Location: /next", body=b"")) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin))
        assert (outcome.status, len(origin.requests)) == (status, 1)
        assert field(outcome, "Location") == by_way(origin, "/next")


async def test_a_redirect_without_a_place_is_the_answer(serve: Serve) -> None:
    async with upstream(lambda _: reply(302, body=b"nowhere")) as origin:
        outcome = await ask(await serve(), "GET", by_way(origin))
        assert (outcome.status, outcome.body) == (302, b"nowhere")


MANUAL = {
    "absolute": ("https://other.example/x?y", "/forward/https://other.example/x?y"),
    "relative": ("../b?c", "/forward/http://{host}/b?c"),
    "without a scheme": ("//other.example/x", "/forward/http://other.example/x"),
    "not HTTP": ("mailto:a@b", "mailto:a@b"),
}


@pytest.mark.parametrize("way", ["field", "setting"])
@pytest.mark.parametrize(("location", "expected"), MANUAL.values(), ids=MANUAL)
async def test_manual_redirects_lead_through_the_forward(
    location: str, expected: str, way: str, serve: Serve
) -> None:
    async with upstream(lambda _: reply(302, f"Location: {location}", body=b"moved")) as origin:
        server = await serve(forward=Forward(redirects=Redirects.MANUAL if way == "setting" else "follow"))  # type: ignore[arg-type]
        lines = ["X-Fetchkit-Redirect: manual"] if way == "field" else []
        outcome = await ask(server, "GET", by_way(origin, "/a/b"), *lines, f"Origin: {PAGE}")
        assert (outcome.status, outcome.body, len(origin.requests)) == (302, b"moved", 1)
        assert field(outcome, "Location") == expected.format(host=f"127.0.0.1:{origin.port}")
        assert_readable(outcome)
        assert field(origin.requests[0], "X-Fetchkit-Redirect") is None


async def test_a_page_may_ask_to_follow_where_the_setting_says_manual(serve: Serve) -> None:
    async with upstream(redirecting(302, "/next")) as origin:
        server = await serve(forward=Forward(redirects=Redirects.MANUAL))
        assert (await ask(server, "GET", by_way(origin), "X-Fetchkit-Redirect: follow")).status == 200


async def test_the_prefix_in_locations_is_the_configured_one(serve: Serve) -> None:
    async with upstream(lambda _: reply(302, "Location: /next")) as origin:
        server = await serve(routes=Routes(forward="/away"))
        outcome = await ask(server, "GET", f"/away/{there(origin)}", "X-Fetchkit-Redirect: manual")
        assert field(outcome, "Location") == f"/away/{there(origin, '/next')}"
        assert (await ask(server, "GET", by_way(origin))).status == 404


# --- Fixed routes

ROUTED = {
    "/api": "/v1",
    "/api?q=1": "/v1?q=1",
    "/api/": "/v1/",
    "/api/users?q=%2F&r": "/v1/users?q=%2F&r",
    "/api//a%2Fb": "/v1//a%2Fb",
}


@pytest.mark.parametrize(("asked", "expected"), ROUTED.items(), ids=ROUTED)
async def test_a_fixed_route_goes_to_its_url(asked: str, expected: str, serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(forward_routes=(f"/api={there(origin, '/v1')}",))
        outcome = await ask(server, "GET", asked, f"Origin: {PAGE}")
        assert outcome.status == 200
        assert_readable(outcome)
        assert target_of(origin.requests[0]) == expected


async def test_a_fixed_route_covers_whole_segments(serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(forward_routes=(f"/api={there(origin, '/v1')}",))
        assert (await ask(server, "GET", "/apis")).status == 404
        assert not origin.connections


async def test_a_fixed_route_that_is_spelled_with_escapes_is_the_route_or_nothing(serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(forward_routes=(f"/api={there(origin, '/v1')}",))
        outcome = await ask(server, "GET", "/%61pi/users", f"Origin: {PAGE}")
        assert [target_of(each) for each in origin.requests] in ([], ["/v1/users"])
        assert outcome.status in (200, 404)


async def test_the_longer_of_two_fixed_routes_answers(serve: Serve) -> None:
    async with upstream() as origin:
        routes = (f"/api={there(origin, '/short')}", f"/api/deep={there(origin, '/long')}")
        server = await serve(forward_routes=routes)
        await ask(server, "GET", "/api/deep/x")
        assert [target_of(each) for each in origin.requests] == ["/long/x"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v1/next?q", "/api/next?q"),
        ("next", "/api/next"),
        ("/v1", "/api"),
        ("/v12/x", "/forward/http://{host}/v12/x"),
        ("/other", "/forward/http://{host}/other"),
        ("http://other.example/v1/x", "/forward/http://other.example/v1/x"),
    ],
)
async def test_a_manual_redirect_of_a_fixed_route_stays_on_it(
    location: str, expected: str, serve: Serve
) -> None:
    async with upstream(lambda _: reply(302, f"Location: {location}")) as origin:
        server = await serve(forward_routes=(f"/api={there(origin, '/v1')}",))
        outcome = await ask(server, "GET", "/api/here", "X-Fetchkit-Redirect: manual")
        assert field(outcome, "Location") == expected.format(host=f"127.0.0.1:{origin.port}")


@pytest.mark.parametrize("prefix", ["/forward", "/fetchkit", "/posix", "/echo", "/tcp"])
def test_a_fixed_route_on_a_prefix_of_fetchkit_is_one_sentence(prefix: str, folder: Path) -> None:
    with pytest.raises(ConfigError):
        build_app(Config(directory=folder, forward_routes=(f"{prefix}=http://127.0.0.1:9/",)))


# --- Never itself, never in a circle


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "127.0.0.2",
        "127.255.255.254",
        "[::ffff:127.0.0.1]",
        "a.localhost",
        "0.0.0.0",
        "[::]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https", "ws"])
async def test_fetchkit_itself_is_no_target(scheme: str, host: str, serve: Serve) -> None:
    server = await serve()
    seen = recorded(server.app)
    outcome = await ask(
        server, "GET", f"/forward/{scheme}://{host}:{server.port}/digits.txt", f"Origin: {PAGE}"
    )
    said = problem(outcome)
    if "localhost" in host and outcome.status == 502 and "resolved" in said["detail"]:
        pytest.skip("this system does not resolve names below localhost")
    assert (outcome.status, bool(said["hint"])) == (403, True)
    assert_readable(outcome)
    await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
    assert len([event for event in seen if isinstance(event, Answered)]) == 1  # it never came back in


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_no_setting_makes_fetchkit_a_target_of_itself(serve: Serve) -> None:
    port = free_port()
    own = f"http://127.0.0.1:{port}/"
    server = await serve(
        port=port,
        allow_net=("127.0.0.0/8",),
        allow_target=(f"127.0.0.1:{port}", "localhost"),
        forward_routes=(f"/self={own}",),
    )
    for target in ("/self/digits.txt", f"/forward/{own}digits.txt"):
        outcome = await ask(server, "GET", target)
        assert (outcome.status, "itself" in problem(outcome)["detail"]) == (403, True)


async def test_a_redirect_does_not_lead_to_fetchkit_itself(serve: Serve) -> None:
    server = await serve()
    async with upstream(lambda _: reply(302, f"Location: {server.url}digits.txt")) as origin:
        assert (await ask(server, "GET", by_way(origin))).status == 403


async def test_a_request_that_came_through_here_is_refused(serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve()
        await ask(server, "GET", by_way(origin))
        via = field(origin.requests[0], "Via")
        for line in (f"Via: {via}", f"Via: 1.1 other, {via}", f"Via: 1.0 x\r\nVia: {via}"):
            outcome = await ask(server, "GET", by_way(origin), line, f"Origin: {PAGE}")
            assert (outcome.status, bool(problem(outcome)["hint"])) == (508, True)
            assert_readable(outcome)
        assert len(origin.requests) == 1


async def test_two_fetchkits_may_forward_to_each_other(serve: Serve) -> None:
    async with upstream() as origin:
        first, second = await serve(), await serve()
        outcome = await ask(first, "GET", f"/forward/{second.url[:-1]}{by_way(origin)}")
        assert (outcome.status, outcome.body) == (200, b"hello")
        passed = b", ".join(origin.requests[0].values("Via")).decode().split(", ")
        assert len(passed) == len(set(passed)) == 2


async def test_a_circle_of_two_fetchkits_ends(serve: Serve) -> None:
    first, second = await serve(), await serve()
    around = f"/forward/{second.url[:-1]}/forward/{first.url[:-1]}/forward/http://127.0.0.1:9/"
    outcome = await ask(first, "GET", around)
    assert outcome.status == 508


# --- Off


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        ({"host": ("127.0.0.1", "::1")}, True),
        ({"host": ("127.9.9.9",)}, True),
        ({"host": ("localhost",)}, True),
        ({"host": ("0.0.0.0",)}, False),
        ({"host": ("::",)}, False),
        ({"host": ("127.0.0.1", "192.0.2.1")}, False),
        ({"host": ("0.0.0.0",), "token": ""}, True),
        ({"host": ("0.0.0.0",), "allow_net": ("10.0.0.0/8",)}, True),
        ({"host": ("0.0.0.0",), "allow_target": ("api.example",)}, True),
        ({"host": ("0.0.0.0",), "deny_net": ("10.0.0.0/8",)}, False),
        ({"host": ("0.0.0.0",), "allow_origin": ("*",)}, False),
        ({"host": ("0.0.0.0",), "forward_routes": ("/api=http://a.example",)}, False),
        ({"no_forward": True}, False),
        ({"no_forward": True, "token": TOKEN, "forward_routes": ("/api=http://a.example",)}, False),
    ],
)
def test_the_forward_is_on_where_only_this_machine_reaches_it(
    settings: dict[str, Any], expected: bool
) -> None:
    assert forwards(Config(**settings)) is expected


@pytest.mark.parametrize("settings", [{"no_forward": True}, {"host": ("0.0.0.0",)}], ids=["flag", "host"])
@pytest.mark.parametrize("path", ["/forward/{}", "/forward?url={}"])
async def test_where_the_forward_is_off_nothing_is_forwarded_and_the_answer_says_so(
    path: str, settings: dict[str, Any], serve: Serve
) -> None:
    async with upstream() as origin:
        server = await serve(**settings)
        outcome = await ask(server, "GET", path.format(there(origin)))
        said = problem(outcome)
        assert outcome.status in (403, 404)
        assert not origin.connections
        assert "forward" in said["detail"]
        assert "--" in said.get("hint", "")  # a user looks for the flag that turns it on


async def test_where_others_reach_the_server_a_fixed_route_leads_to_its_target_alone(serve: Serve) -> None:
    async with upstream(lambda _: reply(302, "Location: http://127.0.0.1:1/")) as origin:
        server = await serve(host=("0.0.0.0",), forward_routes=(f"/api={there(origin)}",))
        manual = await ask(server, "GET", "/api/x", "X-Fetchkit-Redirect: manual")
        assert (manual.status, field(manual, "Location")) == (302, "http://127.0.0.1:1/")
        assert (await ask(server, "GET", by_way(origin))).status == 404
        assert len(origin.requests) == 1


async def test_a_fixed_route_is_off_with_the_forward(serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(no_forward=True, forward_routes=(f"/api={there(origin)}",))
        assert (await ask(server, "GET", "/api/x")).status == 404
        assert not origin.connections


# --- Events


async def test_each_hop_and_the_answer_are_told(serve: Serve) -> None:
    async with upstream(redirecting(303, "/next")) as origin:
        server = await serve()
        seen = recorded(server.app)
        outcome = await ask(server, "POST", by_way(origin), body=b"abc")
        await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
        assert [event for event in seen if isinstance(event, Hop)] == [
            Hop("POST", there(origin, "/"), 303),
            Hop("GET", there(origin, "/next"), 200),
        ]
        [answered] = [event for event in seen if isinstance(event, Answered)]
        assert (answered.method, answered.target, answered.status) == ("POST", by_way(origin), 200)
        assert answered.sent == len(outcome.body)
        assert "1 redirect" in answered.note


async def test_a_failure_is_told_with_what_helps(serve: Serve) -> None:
    server = await serve(deny_net=("127.0.0.2/32",))
    seen = recorded(server.app)
    outcome = await ask(server, "GET", "/forward/http://127.0.0.2:9/x")
    said = problem(outcome)
    await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
    [failed] = [event for event in seen if isinstance(event, HopFailed)]
    assert failed == HopFailed("GET", "http://127.0.0.2:9/x", said["detail"], said["hint"])
    assert not [event for event in seen if isinstance(event, (Failed, Refused))]
    [answered] = [event for event in seen if isinstance(event, Answered)]
    assert answered.note == f"{said['detail']} {said['hint']}"


async def test_bytes_of_a_streamed_body_are_counted(serve: Serve) -> None:
    async with upstream(lambda _: reply(body=bytes(3 * MIB))) as origin:
        server = await serve()
        seen = recorded(server.app)
        assert len((await ask(server, "GET", by_way(origin))).body) == 3 * MIB
        await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
        assert [event.sent for event in seen if isinstance(event, Answered)] == [3 * MIB]


async def test_the_terminal_shows_one_line_a_request_and_why_one_failed(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    async with upstream() as origin:
        server = await serve(deny_net=("127.0.0.2/32",))
        config = server.config
        attach(events_of(server.app), config.log_format, verbose=False, quiet=False, colour=False)
        seen = recorded(server.app)
        await ask(server, "GET", by_way(origin, "/x"))
        await ask(server, "GET", "/forward/http://127.0.0.2:9/")
        await ask(server, "PUT", "/forward/http:/x")
        await ask(server, "GET", "/forward/http://127.0.0.1:9/", f"Origin: {FOREIGN}")
        await ask(server, "GET", "/forward/http://127.0.0.1:9/\x01")
        told = lambda: len([event for event in seen if isinstance(event, Answered)]) == 5  # noqa: E731
        await eventually(told, "all answers are reported")
    took = r"  \d+ B  [0-9.]+ ms"
    expected = [
        rf"200 GET  {re.escape(by_way(origin, '/x'))}{took}",
        rf"403 GET  /forward/http://127.0.0.2:9/{took} .*127\.0\.0\.2.*--deny-net.*",
        rf"400 PUT  /forward/http:/x{took} The URL lacks two slashes\. Write http://HOST/PATH\.",
        rf"403 GET  /forward/http://127.0.0.1:9/{took} .*evil\.example.*--allow-origin.*",
        rf"400 -    -{took} The request target has a character .*Percent-encode.*",
    ]
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == len(expected)
    for line, pattern in zip(shown, expected, strict=True):
        assert re.fullmatch(pattern, line), line


SECRETS = {
    "token": (
        f"/forward/http://127.0.0.1:9/x?a=1&fetchkit-token={TOKEN}",
        "/forward/http://127.0.0.1:9/x?a=1",
    ),
    "token of a file": (f"/app.js?fetchkit-token={TOKEN}", "/app.js"),
    "password": (f"/forward/http://me:{TOKEN}@127.0.0.1:9/@x", "/forward/http://***@127.0.0.1:9/@x"),
    "password in the query": (
        f"/forward?url=http%3a%2F%2fme%3A{TOKEN}%40127.0.0.1%2F%40x",
        "/forward?url=http%3a%2F%2f***@127.0.0.1%2F%40x",
    ),
}


@pytest.mark.parametrize("lines", [(), (f"Origin: {FOREIGN}",), ("Host: evil.example",)])
@pytest.mark.parametrize(("asked", "shown"), SECRETS.values(), ids=SECRETS)
async def test_secrets_of_a_target_are_in_no_event(
    asked: str, shown: str, lines: tuple[str, ...], serve: Serve
) -> None:
    server = await serve(token=TOKEN)
    seen = recorded(server.app)
    client = await Client.connect(server.port)
    host = () if "Host: evil.example" in lines else ("Host: 127.0.0.1",)
    await client.send("\r\n".join([f"GET {asked} HTTP/1.1", *host, *lines, "", ""]).encode())
    await client.read()
    client.close()
    await eventually(lambda: any(isinstance(event, Answered) for event in seen), "the answer is reported")
    assert {event.target for event in seen if isinstance(event, (Answered, Refused))} == {shown}
    assert TOKEN not in repr([event for event in seen if not isinstance(event, FileServed)])


async def test_a_token_is_not_written_into_events_of_hops(serve: Serve) -> None:
    async with upstream() as origin:
        server = await serve(token=TOKEN)
        seen = recorded(server.app)
        await ask(server, "GET", by_way(origin, f"/x?fetchkit-token={TOKEN}"))
        assert [event.url for event in seen if isinstance(event, Hop)] == [there(origin, "/x")]


# --- Pages that leave or wait


@frozen
class Leaving:
    """How far a request has come when its page leaves.

    Attributes:
        steps: what upstream does.
        request: what the page has sent.
        reads: whether it has seen the head of the answer.
    """

    steps: tuple[Step, ...]
    lines: tuple[str, ...] = ()
    body: bytes = b""
    reads: bool = False


async def _endless(connection: Connection) -> None:
    await request(connection)
    await connection.wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
    await flood(bytes(65536))(connection)


async def _silent_body(connection: Connection) -> None:
    await request(connection)
    await connection.wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")


LEAVINGS = {
    "in a download": Leaving((_endless,), reads=True),
    "in a download that pauses": Leaving((_silent_body,), reads=True),
    "before the answer": Leaving((request,)),
    "in an upload": Leaving((request,), ("Content-Length: 100000000",), bytes(2 * MIB)),
    "in an upload that is not read": Leaving((head,), ("Content-Length: 100000000",), bytes(16 * MIB)),
    "in an upload that pauses": Leaving((request,), ("Transfer-Encoding: chunked",), b"5\r\nhello\r\n"),
}


@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("leaving", LEAVINGS.values(), ids=LEAVINGS)
async def test_a_page_that_leaves_leaves_nothing_behind(leaving: Leaving, reset: bool, serve: Serve) -> None:
    server = await serve()
    async with Origin((leaving.steps,)) as origin:
        await ask(server, "GET", "/digits.txt")
        # A cancelled task is gone a moment after its request.
        await eventually(lambda: True, "settled")
        tasks, descriptors = len(asyncio.all_tasks()), open_descriptors()
        client = await Client.connect(server.port)
        asked = request_head("POST" if leaving.body else "GET", by_way(origin), *leaving.lines)
        sending = asyncio.create_task(client.send(asked, leaving.body))
        await eventually(
            lambda: bool(origin.connections and origin.connections[0].stream.began), "upstream is asked"
        )
        if leaving.reads:
            while not client.delivered.head:
                reading = asyncio.create_task(client.read())
                await eventually(lambda: client.delivered.head, "the head comes")
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        (client.wire.rst if reset else client.wire.close)()
        await eventually(lambda: origin.connections[0].gone is not None, "upstream is left too")
        await eventually(lambda: open_descriptors() <= descriptors, "descriptors are given back")
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "tasks end")
        assert len(origin.connections) == 1


class Counted:
    """Bytes that a step has sent or received."""

    def __init__(self) -> None:
        self.bytes = 0

    async def still(self, seconds: float = 0.3) -> int:
        """Wait until nothing moves any more."""
        last, since = -1, time.monotonic()
        deadline = since + DEADLINE
        while time.monotonic() - since < seconds:
            assert time.monotonic() < deadline, "it never stops"
            if self.bytes != last:
                last, since = self.bytes, time.monotonic()
            await asyncio.sleep(0.005)
        return self.bytes


async def slow_client(server: Server) -> Client:
    """A client with a small receive buffer."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", server.port))
    return Client(Wire(end))


# What the socket buffers of both connections can hold (net.ipv4.tcp_wmem and tcp_rmem: 4 and 6 MiB), twice.
HELD = 32 * MIB


async def test_a_reader_that_stops_stops_upstream_and_may_go_on(serve: Serve) -> None:
    size, counted = 128 * MIB, Counted()

    async def body(connection: Connection) -> None:
        await request(connection)
        await connection.wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        piece = bytes(MIB // 4)
        for _ in range(size // len(piece)):
            await connection.wire.send(piece)
            counted.bytes += len(piece)

    server = await serve()
    async with Origin(((body,),)) as origin:
        client = await slow_client(server)
        await client.send(request_head("GET", by_way(origin)))
        assert 0 < await counted.still() < HELD
        received = len(await client.wire.receive())
        while received < size:
            received += len(await client.wire.receive())
        client.close()


async def test_an_upstream_that_does_not_read_stops_the_page(serve: Serve) -> None:
    counted, go_on = Counted(), asyncio.Event()

    async def slow(connection: Connection) -> None:
        await head(connection)
        await go_on.wait()
        left = 64 * MIB - len(connection.stream.buffer)
        while left > 0:
            left -= len(await connection.wire.receive())
        await connection.wire.send(reply())

    async def upload(client: Client) -> None:
        piece = bytes(MIB // 4)
        for _ in range(64 * 4):
            await client.wire.send(piece)
            counted.bytes += len(piece)

    server = await serve()
    async with Origin(((slow,),)) as origin:
        client = await Client.connect(server.port)
        await client.send(request_head("POST", by_way(origin), f"Content-Length: {64 * MIB}"))
        sending = asyncio.create_task(upload(client))
        assert 0 < await counted.still() < HELD
        go_on.set()
        outcome = await client.read()
        await sending
        client.close()
        assert (outcome.status, outcome.body) == (200, b"hello")
