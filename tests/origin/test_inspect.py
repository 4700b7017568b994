"""Tests of what tells a request back, in both shapes."""

import base64
import contextlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from fetchkit.errors import BadRequestError
from fetchkit.origin.asked import Asked, json_answer
from fetchkit.origin.inspect import ROUTES, WITH_BODY, anything, dump, echo
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.settings import Origin, Shape
from tests.conftest import Serve

from .asking import ask, body_of, json_of

GO = Origin(shape=Shape.GO_HTTPBIN)
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=bound"
BINARY = bytes((0xFF, 0x00, 0xFE))


async def posted(body: bytes, content_type: str | None, settings: Origin | None = None) -> Any:
    fields = [] if content_type is None else [("Content-Type", content_type)]
    return json_of(await ask(ROUTES, "/post", *fields, method="POST", pieces=[body], settings=settings))


def multipart(*parts: tuple[str, str, bytes]) -> bytes:
    """Parts as names with their parameters, types and bytes."""
    body = b""
    for name, kind, data in parts:
        lines = [f"--bound\r\nContent-Disposition: form-data; name={name}\r\n"]
        lines += [f"Content-Type: {kind}\r\n"] if kind else []
        body += "".join((*lines, "\r\n")).encode() + data + b"\r\n"
    return body + b"--bound--\r\n"


async def test_get_has_the_keys_of_httpbin() -> None:
    answer = await ask(
        ROUTES, "/get?a=1&b=x+y&a=%C3%BC&c", ("Host", "127.0.0.1:6931"), ("x-two", "1"), ("X-TWO", "2")
    )
    assert answer.status == 200
    assert answer.get("Content-Type") == "application/json"
    assert json_of(answer) == {
        "args": {"a": ["1", "ü"], "b": "x y", "c": ""},
        "headers": {"Host": "127.0.0.1:6931", "X-Two": "1,2"},
        "origin": "127.0.0.1",
        "url": "http://127.0.0.1:6931/origin/get?a=1&b=x+y&a=%C3%BC&c",
    }


async def test_get_has_the_keys_and_lists_of_go_httpbin_in_its_shape() -> None:
    answer = await ask(ROUTES, "/get?a=1&b", ("host", "127.0.0.1:6931"), settings=GO)
    assert json_of(answer) == {
        "args": {"a": ["1"], "b": [""]},
        "headers": {"Host": ["127.0.0.1:6931"]},
        "method": "GET",
        "origin": "127.0.0.1",
        "url": "http://127.0.0.1:6931/origin/get?a=1&b",
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_each_method_has_its_path_and_the_keys_of_httpbin(method: str) -> None:
    told = json_of(await ask(ROUTES, f"/{method.lower()}", method=method, pieces=[b"hello"]))
    assert list(told) == list(WITH_BODY)
    assert told["data"] == "hello"
    told = json_of(await ask(ROUTES, f"/{method.lower()}", method=method, pieces=[b""], settings=GO))
    assert list(told) == ["args", "headers", "method", "origin", "url", "data", "files", "form", "json"]
    assert told["method"] == method


# Content-Type, body, and then data, form, files and JSON: httpbin's.
HTTPBIN: Sequence[tuple[str | None, bytes, str, dict[str, Any], dict[str, Any], Any]] = [
    (None, b"", "", {}, {}, None),
    (None, b"plain", "plain", {}, {}, None),
    ("text/plain", "Grüße".encode(), "Grüße", {}, {}, None),
    ("image/png", BINARY, "data:application/octet-stream;base64,/wD+", {}, {}, None),
    ("application/json", b'{"a":[1]}', '{"a":[1]}', {}, {}, {"a": [1]}),
    ("text/plain", b"[1, 2]", "[1, 2]", {}, {}, [1, 2]),
    ("application/json", b'{"a":', '{"a":', {}, {}, None),
    ("application/json", b"NaN", "NaN", {}, {}, None),
    ("application/json", b"1e999", "1e999", {}, {}, None),
    (FORM, b"a=1&b=x+y&a=2&c", "", {"a": ["1", "2"], "b": "x y", "c": ""}, {}, None),
    (f"{FORM.upper()}; charset=utf-8", b"%C3%BC=1", "", {"ü": "1"}, {}, None),
    (MULTIPART, b"", "", {}, {}, None),
    (MULTIPART, multipart(('"a"', "", b"1"), ('"a"', "", b"2")), "", {"a": ["1", "2"]}, {}, None),
    (MULTIPART, multipart(('"f"; filename="x"', "", b"\r\n--bou")), "", {}, {"f": "\r\n--bou"}, None),
    (
        MULTIPART,
        multipart(('"f"; filename="x"', "image/png", BINARY), ('"f"; filename="y"', "", BINARY)),
        "",
        {},
        {"f": ["data:image/png;base64,/wD+", "data:application/octet-stream;base64,/wD+"]},
        None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content_type", "body", "data", "form", "files", "value"), HTTPBIN)
async def test_a_body_is_read_as_httpbin_reads_it(
    content_type: str | None, body: bytes, data: str, form: dict[str, Any], files: dict[str, Any], value: Any
) -> None:
    told = await posted(body, content_type)
    assert (told["data"], told["form"], told["files"], told["json"]) == (data, form, files, value)


GO_HTTPBIN: Sequence[tuple[str | None, bytes, str, dict[str, Any], dict[str, Any], Any]] = [
    (None, b"", "", {}, {}, None),
    (None, b"plain", "data:application/octet-stream;base64,cGxhaW4=", {}, {}, None),
    ("text/html; charset=utf-8", b"<p>", "<p>", {}, {}, None),
    ("image/png", BINARY, "data:image/png;base64,/wD+", {}, {}, None),
    ("application/json", b'{"a":[1]}', '{"a":[1]}', {}, {}, {"a": [1]}),
    (FORM, b"a=1&b", "a=1&b", {"a": ["1"], "b": [""]}, {}, None),
    (
        MULTIPART,
        body := multipart(('"a"', "", b"1"), ('"f"; filename="x"', "", b"data")),
        body.decode(),
        {"a": ["1"]},
        {"f": ["data"]},
        None,
    ),
]


@pytest.mark.parametrize(("content_type", "body", "data", "form", "files", "value"), GO_HTTPBIN)
async def test_a_body_is_read_as_go_httpbin_reads_it_in_its_shape(
    content_type: str | None, body: bytes, data: str, form: dict[str, Any], files: dict[str, Any], value: Any
) -> None:
    told = await posted(body, content_type, GO)
    assert (told["data"], told["form"], told["files"], told["json"]) == (data, form, files, value)


@pytest.mark.parametrize(
    ("content_type", "body", "settings"),
    [
        ("multipart/form-data", b"x", Origin()),
        (MULTIPART, b"x", Origin()),
        (MULTIPART, b"--bound\r\n\r\n", Origin()),
        (MULTIPART, multipart(*[('"a"', "", b"")] * 3), Origin(max_items=2)),
        (FORM, b"a&b&c", Origin(max_items=2)),
        ("application/json", b"{", GO),
        ("application/json", b"[" * 100_000, GO),
        ("application/json", b"[" * 300 + b"]" * 300, GO),
    ],
)
async def test_a_broken_or_too_large_body_is_a_bad_request(
    content_type: str, body: bytes, settings: Origin
) -> None:
    with pytest.raises(BadRequestError):
        await posted(body, content_type, settings)


@pytest.mark.parametrize("depth", [199, 200, 201, 100_000])
async def test_json_is_told_back_to_a_depth_that_can_be_written(depth: int) -> None:
    told = await posted(b"[" * depth + b"]" * depth, "application/json")
    assert (told["json"] is not None) == (depth <= 200)


JSON = st.recursive(st.floats() | st.text(), st.lists).map(json.dumps).map(str.encode)
TYPES = (FORM, MULTIPART, "application/json", "text/plain", "", "multipart/form-data;boundary=\xff")


@given(JSON | st.binary(max_size=200), st.sampled_from(TYPES), st.sampled_from(Shape))
def test_no_body_is_more_than_a_bad_request(body: bytes, content_type: str, shape: Shape) -> None:
    settings = Origin(shape=shape)
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": content_type}))
    asked = Asked(store=ProcessStore(settings), method="POST", body=body, headers=headers, settings=settings)
    with contextlib.suppress(BadRequestError):
        told = json.loads(body_of(anything(asked)), parse_constant=pytest.fail)
        assert told == json.loads(json.dumps(echo(asked, *told)))


@given(st.lists(st.tuples(st.text("abc", min_size=1), st.binary(max_size=50))))
def test_the_parts_of_a_multipart_body_come_back(parts: list[tuple[str, bytes]]) -> None:
    body = multipart(*((f'"{name}"; filename="x"', "", data) for name, data in parts))
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": MULTIPART}))
    asked = Asked(store=ProcessStore(GO), method="POST", body=body, headers=headers)
    lists: dict[str, list[str]] = {}
    for name, data in parts:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = f"data:application/octet-stream;base64,{base64.b64encode(data).decode()}"
        lists.setdefault(name, []).append(text)
    expected = {name: texts if len(texts) > 1 else texts[0] for name, texts in lists.items()}
    assert echo(asked, "files") == {"files": expected}


PROXIED = (("X-Forwarded-For", "192.0.2.1"), ("via", "1.1 proxy"), ("x-other", "kept"))


async def test_what_proxies_add_is_hidden_unless_it_is_asked_for() -> None:
    assert json_of(await ask(ROUTES, "/headers", *PROXIED)) == {"headers": {"X-Other": "kept"}}
    shown = json_of(await ask(ROUTES, "/headers?show_env", *PROXIED))
    assert shown["headers"] == {"X-Forwarded-For": "192.0.2.1", "Via": "1.1 proxy", "X-Other": "kept"}


async def test_the_shape_of_go_httpbin_hides_no_header() -> None:
    told = json_of(await ask(ROUTES, "/headers", *PROXIED, settings=GO))
    assert told["headers"] == {"X-Forwarded-For": ["192.0.2.1"], "Via": ["1.1 proxy"], "X-Other": ["kept"]}


async def test_nobody_can_make_up_an_address() -> None:
    assert json_of(await ask(ROUTES, "/ip", *PROXIED)) == {"origin": "127.0.0.1"}
    text = await ask(ROUTES, "/ip?format=text", *PROXIED)
    assert body_of(text) == b"127.0.0.1"
    with pytest.raises(BadRequestError, match="neither json nor text"):
        await ask(ROUTES, "/ip?format=xml")


async def test_the_user_agent_is_told_back() -> None:
    assert json_of(await ask(ROUTES, "/user-agent", ("user-agent", "me/1"))) == {"user-agent": "me/1"}
    assert json_of(await ask(ROUTES, "/user-agent")) == {"user-agent": None}
    assert json_of(await ask(ROUTES, "/user-agent", settings=GO)) == {"user-agent": ""}


async def test_a_uuid_is_random() -> None:
    first, second = [UUID(json_of(await ask(ROUTES, "/uuid"))["uuid"]) for _ in range(2)]
    assert first.version == 4
    assert first != second


async def test_only_variables_that_were_named_for_it_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPBIN_ENV_STAGE", "test")
    monkeypatch.setenv("HTTPBIN_SECRET", "no")
    assert json_of(await ask(ROUTES, "/env")) == {"env": {"HTTPBIN_ENV_STAGE": "test"}}


async def test_the_server_names_itself_and_not_the_machine() -> None:
    assert json_of(await ask(ROUTES, "/hostname")) == {"hostname": "fetchkit"}
    assert json_of(await ask(ROUTES, "/version"))["version"]


async def test_head_takes_head_alone() -> None:
    assert (await ask(ROUTES, "/head", method="HEAD")).status == 200
    assert next(route.methods for route in ROUTES if route.pattern == "/head") == ("HEAD",)


def test_a_dump_is_the_request_as_it_came() -> None:
    asked = Asked(
        store=ProcessStore(GO),
        method="PUT",
        target="/origin/dump/request?a=%20",
        headers=CIMultiDictProxy(CIMultiDict([("x-Odd", "\udcff"), ("Host", "h"), ("x-odd", "2")])),
        body=BINARY,
    )
    dumped = (
        b"PUT /origin/dump/request?a=%%20 HTTP/1.%d\r\nx-Odd: \xff\r\nHost: h\r\nx-odd: 2\r\n\r\n" + BINARY
    )
    assert body_of(dump(asked)) == dumped % 1
    assert body_of(dump(evolve(asked, http10=True))) == dumped % 0


async def test_anything_tells_its_method() -> None:
    told = json_of(await ask(ROUTES, "/anything", method="TRACE"))
    assert told["method"] == "TRACE"
    assert set(told) == {*WITH_BODY, "method"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_anything_takes_every_method_and_path(serve: Serve, method: str) -> None:
    server = await serve()
    url = URL(f"http://127.0.0.1:{server.port}/origin/anything/a//b%2Fc%0A?x=%20", encoded=True)
    async with ClientSession() as session, session.request(method, url) as response:
        told = await response.json()
    assert response.status == 200
    assert (told["method"], told["url"]) == (method, str(url))


async def test_head_has_the_length_of_get(serve: Serve) -> None:
    server = await serve()
    base = f"http://127.0.0.1:{server.port}/origin"
    async with ClientSession() as session:
        async with session.head(f"{base}/head") as head, session.get(f"{base}/get") as got:
            assert head.status == got.status == 200
            assert int(head.headers["Content-Length"]) == len(await got.read()) + len("/head") - len("/get")
        async with session.get(f"{base}/head") as wrong:
            assert (wrong.status, wrong.headers["Allow"]) == (405, "HEAD, OPTIONS")


async def test_a_body_beyond_what_is_kept_is_too_large(serve: Serve) -> None:
    server = await serve(origin=Origin(max_echo=10))
    async with ClientSession() as session:
        for size, status in ((10, 200), (11, 413)):
            async with session.post(
                f"http://127.0.0.1:{server.port}/origin/post", data=bytes(size)
            ) as response:
                assert response.status == status


async def test_bytes_that_are_no_utf_8_stay_percent_encoded() -> None:
    told = json_of(await ask(ROUTES, "/get?a=%FC%c3%bc&%ff=1"))
    assert told["args"] == {"a": "%FCü", "%FF": "1"}
    assert (await posted(b"a=%FC&%ff", FORM))["form"] == {"a": "%FC", "%FF": ""}


LEAVES: list[st.SearchStrategy[Any]] = [
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
]
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(LEAVES),
    lambda inner: st.one_of([st.lists(inner), st.dictionaries(st.text(), inner)]),
    max_leaves=20,
)


@given(ANY_JSON)
def test_json_is_written_as_the_standard_library_does(value: Any) -> None:
    answer = json_answer(value)
    assert body_of(answer) == json.dumps(value, indent=2).encode("ascii") + b"\n"
