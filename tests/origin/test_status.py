"""Tests of answers by status, failures by chance, and fields that the client chooses."""

import contextlib

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError, UnavailableError
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.parameters import parse_query
from fetchkit.origin.settings import Origin, Shape
from fetchkit.origin.status import ROUTES, parse_choices, response_headers

from .asking import ask, asked_for, body_of, json_of

GO = Origin(shape=Shape.GO_HTTPBIN)


@pytest.mark.parametrize("code", [200, 204, 206, 226, 300, 306, 400, 404, 418, 451, 499, 500, 511, 599])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"])
async def test_a_status_is_answered_to_every_method(method: str, code: int) -> None:
    assert (await ask(ROUTES, f"/status/{code}", method=method)).status == code


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        (300, "Location", "/origin/image/jpeg"),
        (301, "Location", "/origin/redirect/1"),
        (302, "Location", "/origin/redirect/1"),
        (303, "Location", "/origin/redirect/1"),
        (304, "Location", None),
        (305, "Location", "/origin/redirect/1"),
        (307, "Location", "/origin/redirect/1"),
        (308, "Location", "/origin/image/jpeg"),
        (401, "WWW-Authenticate", 'Basic realm="Fake Realm"'),
        (405, "Allow", "OPTIONS"),
        (407, "Proxy-Authenticate", 'Basic realm="Fake Realm"'),
        (416, "Content-Range", "bytes */0"),
        (418, "X-More-Info", "http://tools.ietf.org/html/rfc2324"),
        (426, "Upgrade", "websocket"),
        (429, "Retry-After", "1"),
        (500, "Retry-After", None),
        (503, "Retry-After", "1"),
        (204, "Content-Type", None),
        (304, "Content-Type", None),
    ],
)
async def test_a_status_has_the_fields_that_go_with_it(code: int, name: str, value: str | None) -> None:
    assert (await ask(ROUTES, f"/status/{code}")).get(name) == value


@pytest.mark.parametrize("code", [204, 205, 304])
async def test_statuses_without_content_have_none(code: int) -> None:
    answer = await ask(ROUTES, f"/status/{code}")
    assert (body_of(answer), answer.size) == (b"", 0)


async def test_a_teapot_is_short_and_stout() -> None:
    answer = await ask(ROUTES, "/status/418")
    assert b"teapot" in body_of(answer)
    assert answer.size == len(body_of(answer))


async def test_what_is_not_acceptable_names_the_types() -> None:
    told = json_of(await ask(ROUTES, "/status/406"))
    assert set(told) == {"message", "accept"}
    assert "image/png" in told["accept"]


@pytest.mark.parametrize(
    "codes",
    [
        *("", "x", "99", "100", "101", "103", "199", "600", "999999999999999999999999", "-200"),
        *("200,", ",200", "200:x", "200:-1", "200:0", "200:0,500:0", "200:nan", "200:inf", "200:1:1"),
        *("2 0 0", "200;500", "\u0662\u0660\u0660"),
    ],
)
def test_what_is_no_status_is_a_bad_request(codes: str) -> None:
    with pytest.raises(BadRequestError):
        parse_choices(codes)


async def test_weights_say_how_often_a_status_comes() -> None:
    seen = [(await ask(ROUTES, "/status/200:0,201:1,202:1e9")).status for _ in range(50)]
    assert set(seen) <= {201, 202}
    assert seen.count(202) > 40
    evenly = {(await ask(ROUTES, "/status/200,500")).status for _ in range(100)}
    assert evenly == {200, 500}


@given(st.text(max_size=20))
def test_no_list_of_statuses_is_more_than_a_bad_request(codes: str) -> None:
    with contextlib.suppress(BadRequestError):
        assert all(200 <= choice.status < 600 for choice in parse_choices(codes))


async def calls(target: str, store: ProcessStore, count: int = 40) -> list[int]:
    return [(await ask(ROUTES, target, store=store)).status for _ in range(count)]


async def test_unstable_differs_from_call_to_call_and_repeats_under_a_new_token() -> None:
    store = ProcessStore(Origin())
    first = await calls("/unstable?seed=7&token=a", store)
    assert set(first) == {200, 500}
    assert await calls("/unstable?seed=7&token=b", store) == first
    assert await calls("/unstable?seed=8&token=b", store) != first
    assert await calls("/unstable?seed=7&token=a", store) != first  # the sequence goes on


async def test_unstable_counts_each_seed_alone_without_a_token() -> None:
    store = ProcessStore(Origin())
    mixed = [(await ask(ROUTES, f"/unstable?seed={i % 2}", store=store)).status for i in range(80)]
    assert mixed[::2] == await calls("/unstable?seed=0&token=t", store)
    assert set(await calls("/unstable", store)) == {200, 500}


@pytest.mark.parametrize(("rate", "statuses"), [("0", {200}), ("1", {500}), ("1.0", {500})])
async def test_the_failure_rate_may_be_none_or_all(rate: str, statuses: set[int]) -> None:
    assert set(await calls(f"/unstable?failure_rate={rate}", ProcessStore(Origin()))) == statuses


@pytest.mark.parametrize("rate", ["1.1", "-0.1", "nan", "x", "inf"])
async def test_a_failure_rate_beyond_0_and_1_is_a_bad_request(rate: str) -> None:
    with pytest.raises(BadRequestError):
        await ask(ROUTES, f"/unstable?failure_rate={rate}")


async def calls_of_many_seeds(store: ProcessStore) -> None:
    for seed in range(1000):
        await ask(ROUTES, f"/unstable?seed={seed}", store=store)


async def test_a_memory_that_is_full_is_no_crash() -> None:
    store = ProcessStore(Origin(max_memory=1))
    for seed in range(20):  # so many names are free
        await ask(ROUTES, f"/unstable?seed={seed}", store=store)
    with pytest.raises(UnavailableError):
        await calls_of_many_seeds(store)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_fields_of_the_query_are_in_the_head_and_the_body(method: str) -> None:
    answer = await ask(ROUTES, "/response-headers?animal=dog&b=x+y&Animal=cat", method=method)
    assert answer.fields == [
        ("Content-Type", "application/json"), ("animal", "dog"), ("b", "x y"), ("Animal", "cat"),
    ]  # fmt: skip
    told = json_of(answer)
    assert told.pop("Content-Length") == str(answer.size) == str(len(body_of(answer)))
    assert told == {"animal": ["dog", "cat"], "b": "x y", "Content-Type": "application/json"}


@pytest.mark.parametrize("padding", range(40))
async def test_the_length_in_the_body_is_that_of_the_body_at_every_number_of_digits(padding: int) -> None:
    for size in (0, 920, 9900):
        answer = await ask(ROUTES, f"/response-headers?a={'x' * (size + padding)}")
        assert json_of(answer)["Content-Length"] == str(len(body_of(answer)))


async def test_the_shape_of_go_httpbin_has_lists_and_no_length() -> None:
    told = json_of(await ask(ROUTES, "/response-headers?a=1&a=2", settings=GO))
    assert told == {"a": ["1", "2"], "Content-Type": ["application/json"]}


async def test_a_content_type_of_the_query_takes_the_place_of_ours() -> None:
    answer = await ask(ROUTES, "/response-headers?content-type=text/x&pipe=no-cors&token=t")
    assert answer.fields == [("Content-Type", "text/x")]
    assert json_of(answer)["Content-Type"] == "text/x"


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("Content-Length=5", "length"),
        ("transfer-encoding=chunked", "bad-chunk"),
        ("Connection=close", "pipe"),
        ("Date=x", "server"),
        ("Trailer=x", "trailers"),
        ("Upgrade=h2c", "connection"),
        ("Clear-Site-Data=*", "dangerous"),
        ("Strict-Transport-Security=max-age=1", "dangerous"),
        ("Set-Cookie=fetchkit-token=x", ""),
        ("=x", ""),
        ("a%20b=x", ""),
        ("a=%0d%0aX:1", ""),
        ("a=%00", ""),
        ("Content-Type=a/b&Content-Type=c/d", "pipe"),
    ],
)
async def test_fields_that_would_break_the_answer_or_the_app_are_refused(query: str, hint: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await ask(ROUTES, f"/response-headers?{query}")
    assert hint in caught.value.hint


async def test_white_space_around_a_value_is_no_part_of_it() -> None:
    answer = await ask(ROUTES, "/response-headers?a=+x+y%09")
    assert answer.get("a") == json_of(answer)["a"] == "x y"  # RFC 9110, section 5.5


async def test_dangerous_fields_are_allowed_where_the_setting_says_so() -> None:
    answer = await ask(ROUTES, "/response-headers?Clear-Site-Data=*", settings=Origin(dangerous=True))
    assert answer.get("Clear-Site-Data") == "*"


@given(st.text(max_size=30))
async def test_no_query_of_fields_is_more_than_a_bad_request(text: str) -> None:
    _, asked = asked_for(ROUTES, "/response-headers")
    with contextlib.suppress(BadRequestError):
        assert json_of(response_headers(evolve(asked, query=parse_query(text))))
