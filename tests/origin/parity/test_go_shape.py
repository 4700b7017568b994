"""The JSON of go-httpbin, which is not run here: a table of requests and what it answers to them."""

import gzip
import json
import zlib
from typing import Any

import pytest

from .cases import basic, part
from .client import Reply, Request, send
from .digest import Login

_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_MULTIPART = ("Content-Type", "multipart/form-data; boundary=LINE")
_JSON = ("Content-Type", "application/json")
_TEXT = ("Content-Type", "text/plain")
_BODILESS: dict[str, Any] = {"data": "", "files": {}, "form": {}, "json": None}


def ask(base: str, line: str, *fields: tuple[str, str], body: bytes = b"") -> Reply:
    method, _, target = line.partition(" ")
    return send(base, Request(method, target, fields, body))


def told(base: str, reply: Reply) -> Any:
    """JSON with the server's own name made HOST."""
    authority = base.removeprefix("http://").removesuffix("/origin")
    return json.loads(reply.body.decode().replace(f"{authority}/origin", "HOST").replace(authority, "HOST"))


def echoed(method: str, path: str, args: dict[str, list[str]], *fields: tuple[str, str]) -> dict[str, Any]:
    """What every echo has."""
    headers = {"Host": ["HOST"], **{name: [value] for name, value in fields}}
    url = f"http://HOST{path}"
    return {"args": args, "headers": headers, "method": method, "origin": "127.0.0.1", "url": url}


@pytest.mark.parametrize(
    ("target", "args"),
    [
        ("/get", {}),
        ("/get?a=1", {"a": ["1"]}),
        ("/get?a=1&a=2&b", {"a": ["1", "2"], "b": [""]}),
        ("/get?a=x%20y&b=x+y&%C3%BC=%E2%82%AC", {"a": ["x y"], "b": ["x y"], "ü": ["€"]}),
        ("/cache/60?a=1", {"a": ["1"]}),
        ("/cache", {}),
    ],
)
def test_an_echo_without_a_body_has_lists_and_the_method(
    go_origin: str, target: str, args: dict[str, list[str]]
) -> None:
    assert told(go_origin, ask(go_origin, f"GET {target}")) == echoed("GET", target, args)


@pytest.mark.parametrize(
    ("fields", "body", "members"),
    [
        ((), b"", {}),
        ((_FORM,), b"a=1&b=2&b=3", {"data": "a=1&b=2&b=3", "form": {"a": ["1"], "b": ["2", "3"]}}),
        ((_JSON,), b'{"a": [1]}', {"data": '{"a": [1]}', "json": {"a": [1]}}),
        ((_TEXT,), b"text", {"data": "text"}),
        ((_TEXT,), b'{"a": 1}', {"data": '{"a": 1}'}),
        ((), b"\x00\xff", {"data": "data:application/octet-stream;base64,AP8="}),
        ((("Content-Type", "image/png"),), b"\x89PNG", {"data": "data:image/png;base64,iVBORw=="}),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/post"), ("PUT", "/put"), ("PATCH", "/patch"), ("DELETE", "/delete"), ("POST", "/anything"),
        ("PUT", "/anything/x"), ("POST", "/delay/0"),
    ],
)  # fmt: skip
def test_an_echo_with_a_body_has_its_forms_and_files_in_lists(
    go_origin: str,
    method: str,
    path: str,
    fields: tuple[tuple[str, str], ...],
    body: bytes,
    members: dict[str, Any],
) -> None:
    answer = told(go_origin, ask(go_origin, f"{method} {path}?q=1", *fields, body=body))
    length = (("Content-Length", str(len(body))),) if body else ()
    expected = echoed(method, f"{path}?q=1", {"q": ["1"]}, *fields, *length)
    assert answer == expected | _BODILESS | members


def test_files_are_texts_in_lists(go_origin: str) -> None:
    body = part("a", b"1") + part("f", b"one", "1.txt") + part("f", b"two", "2.txt") + b"--LINE--\r\n"
    answer = told(go_origin, ask(go_origin, "POST /post", _MULTIPART, body=body))
    assert (answer["form"], answer["files"]) == ({"a": ["1"]}, {"f": ["one", "two"]})
    assert answer["data"] == body.decode()


def test_json_that_is_none_is_a_bad_request(go_origin: str) -> None:
    assert ask(go_origin, "POST /post", _JSON, body=b"{").status == 400


@pytest.mark.parametrize(
    ("line", "fields", "status", "expected"),
    [
        ("GET /headers", (("X-A", "1"),), 200, {"headers": {"Host": ["HOST"], "X-A": ["1"]}}),
        (
            "GET /headers",
            (("X-A", "1"), ("X-A", "2")),
            200,
            {"headers": {"Host": ["HOST"], "X-A": ["1", "2"]}},
        ),
        ("GET /ip", (), 200, {"origin": "127.0.0.1"}),
        ("GET /user-agent", (("User-Agent", "tests"),), 200, {"user-agent": "tests"}),
        ("GET /user-agent", (), 200, {"user-agent": ""}),
        ("GET /cookies", (("Cookie", "a=1; b=2"),), 200, {"a": "1", "b": "2"}),
        ("GET /cookies", (), 200, {}),
        (
            "GET /response-headers?X-A=1&X-A=2&X-B=3",
            (),
            200,
            {"X-A": ["1", "2"], "X-B": ["3"], "Content-Type": ["application/json"]},
        ),
        ("GET /response-headers?Content-Type=text/x", (), 200, {"Content-Type": ["text/x"]}),
        ("GET /bearer", (("Authorization", "Bearer abc"),), 200, {"authenticated": True, "token": "abc"}),
        ("GET /hostname", (), 200, {"hostname": "fetchkit"}),
        ("GET /env", (), 200, {"env": {}}),
        (
            "GET /basic-auth/user/secret",
            (basic("user", "secret"),),
            200,
            {"authenticated": True, "user": "user", "authorized": True},
        ),
        (
            "GET /basic-auth/user/secret",
            (basic("user", "wrong"),),
            401,
            {"authenticated": False, "user": "user", "authorized": False},
        ),
        (
            "GET /hidden-basic-auth/user/secret",
            (basic("user", "secret"),),
            200,
            {"authenticated": True, "user": "user", "authorized": True},
        ),
    ],
)
def test_small_answers_have_its_keys(
    go_origin: str, line: str, fields: tuple[tuple[str, str], ...], status: int, expected: dict[str, Any]
) -> None:
    reply = ask(go_origin, line, *fields)
    assert (reply.status, told(go_origin, reply)) == (status, expected)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_says_who_is_authorized_and_sets_no_cookies(go_origin: str, algorithm: str) -> None:
    request = Request("GET", f"/digest-auth/auth/user/passwd/{algorithm}")
    reply = Login().go(go_origin, request)
    assert json.loads(reply.body) == {"authenticated": True, "user": "user", "authorized": True}
    assert reply.all("Set-Cookie") == send(go_origin, request).all("Set-Cookie") == []


@pytest.mark.parametrize(
    ("route", "key", "decode"),
    [("gzip", "gzipped", gzip.decompress), ("deflate", "deflated", zlib.decompress)],
)
def test_encoded_echoes_say_how(go_origin: str, route: str, key: str, decode: Any) -> None:
    reply = ask(go_origin, f"GET /{route}")
    body = Reply(reply.status, reply.fields, decode(reply.body))
    assert told(go_origin, body) == echoed("GET", f"/{route}", {}) | {key: True}


def test_lines_of_a_stream_have_their_numbers_and_no_method(go_origin: str) -> None:
    reply = ask(go_origin, "GET /stream/3?a=1")
    lines = [told(go_origin, Reply(200, (), line)) for line in reply.body.splitlines()]
    expected = echoed("GET", "/stream/3?a=1", {"a": ["1"]})
    del expected["method"]
    assert lines == [expected | {"id": number} for number in range(3)]


def test_lines_and_events_have_a_number_and_a_time(go_origin: str) -> None:
    lines = ask(go_origin, "GET /jsonl?count=2&duration=0").body.splitlines()
    events = ask(go_origin, "GET /sse?count=2&duration=0").body.split(b"\n\n")
    data = [event.partition(b"data: ")[2] for event in events if event]
    for texts in (lines, data):
        values = [json.loads(text) for text in texts]
        assert [value["id"] for value in values] == [0, 1]
        assert all(set(value) == {"id", "timestamp"} for value in values)


def test_an_upload_is_counted(go_origin: str) -> None:
    for method in ("POST", "PUT", "PATCH"):
        assert json.loads(ask(go_origin, f"{method} /upload", body=b"abc").body)["bytes_received"] == 3


def test_cookies_are_for_http_alone_unless_the_query_says_otherwise(go_origin: str) -> None:
    reply = ask(go_origin, "GET /cookies/set?a=1&attr[SameSite]=Lax&attr[Path]=/x")
    assert reply.all("Set-Cookie") == ["a=1; Path=/x; HttpOnly; SameSite=Lax"]
    assert reply.get("Location") == "/origin/cookies"


@pytest.mark.parametrize(
    ("target", "status", "location"),
    [
        ("/status/301", 301, "/origin/redirect/1"),
        ("/status/308", 308, "/origin/image/jpeg"),
        ("/redirect/1", 302, "/origin/get"),
        ("/redirect/3", 302, "/origin/relative-redirect/2"),
        ("/redirect-to?url=/get&status_code=307", 307, "/origin/get"),
        ("/links/2", 302, "/origin/links/2/0"),
    ],
)
def test_redirects_lead_where_they_do_there(go_origin: str, target: str, status: int, location: str) -> None:
    reply = ask(go_origin, f"GET {target}")
    assert (reply.status, reply.get("Location")) == (status, location)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/base64/encode/fetchkit", b"ZmV0Y2hraXQ="),
        ("/base64/decode/ZmV0Y2hraXQ=", b"fetchkit"),
        ("/base64/ZmV0Y2hraXQ", b"fetchkit"),
        ("/ip?format=text", b"127.0.0.1"),
        ("/drip?duration=10ms&delay=0s&numbytes=3", b"***"),
        ("/range/5", b"abcde"),
    ],
)
def test_texts_are_its_own(go_origin: str, target: str, body: bytes) -> None:
    assert ask(go_origin, f"GET {target}").body == body


def test_head_is_a_path_too(go_origin: str) -> None:
    assert (ask(go_origin, "HEAD /head").status, ask(go_origin, "GET /head").status) == (200, 405)


def test_a_query_may_choose_trailers(go_origin: str) -> None:
    reply = ask(go_origin, "GET /trailers?X-A=1")
    assert (reply.get("Trailer"), reply.get("Transfer-Encoding")) == ("X-A", "chunked")
