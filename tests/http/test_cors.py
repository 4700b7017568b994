"""CORS, against the Fetch standard."""

from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.http.cors import CorsPolicy, Headers

GOOD, BAD = "http://localhost:8080", "https://attacker.example"
ALLOW_GOOD = ("Access-Control-Allow-Origin", GOOD)
ALLOW_ANY = ("Access-Control-Allow-Origin", "*")
VARY = ("Vary", "Origin")


def asked_although_any_may(_origin: str) -> bool:
    raise AssertionError


def only(*origins: str) -> Callable[[str], bool]:
    return origins.__contains__


SOME = CorsPolicy(
    any_origin=False,
    allows=only(GOOD),
    exposed=("Content-Range", "ETag"),
    methods=("GET", "HEAD"),
    headers=("Range", "If-Range"),
    max_age=600,
)
ANY = evolve(SOME, any_origin=True, allows=asked_although_any_may)
SILENT = evolve(SOME, exposed=())

EXPOSE = ("Access-Control-Expose-Headers", "Content-Range, ETag")
METHODS = ("Access-Control-Allow-Methods", "GET, HEAD")
HEADERS = ("Access-Control-Allow-Headers", "Range, If-Range")
MAX_AGE = ("Access-Control-Max-Age", "600")


@pytest.mark.parametrize(
    ("policy", "origin", "expected"),
    [
        pytest.param(SOME, GOOD, (ALLOW_GOOD, VARY, EXPOSE), id="allowed"),
        pytest.param(SOME, BAD, (VARY,), id="refused"),
        pytest.param(SOME, "null", (VARY,), id="sandboxed"),
        pytest.param(SOME, "", (VARY,), id="empty"),
        pytest.param(SOME, "*", (VARY,), id="a-star-from-the-client"),
        pytest.param(SOME, None, (VARY,), id="absent"),
        pytest.param(SILENT, GOOD, (ALLOW_GOOD, VARY), id="nothing-exposed"),
        pytest.param(ANY, BAD, (ALLOW_ANY, EXPOSE), id="any"),
        pytest.param(ANY, "null", (ALLOW_ANY, EXPOSE), id="any-sandboxed"),
        pytest.param(ANY, None, (ALLOW_ANY, EXPOSE), id="any-absent"),
    ],
)
def test_an_answer_names_who_may_read_it(policy: CorsPolicy, origin: str | None, expected: Headers) -> None:
    assert policy.response_headers(origin) == expected


@pytest.mark.parametrize(
    ("policy", "origin", "method", "asked", "expected"),
    [
        pytest.param(SOME, GOOD, "GET", "range", (ALLOW_GOOD, VARY, METHODS, HEADERS, MAX_AGE), id="allowed"),
        pytest.param(SOME, GOOD, "GET", None, (ALLOW_GOOD, VARY, METHODS, HEADERS, MAX_AGE), id="no-headers"),
        pytest.param(SOME, BAD, "GET", "range", (VARY,), id="refused"),
        pytest.param(SOME, None, "GET", "range", (VARY,), id="absent"),
        pytest.param(SOME, GOOD, None, "range", (ALLOW_GOOD, VARY, EXPOSE), id="no-preflight"),
        pytest.param(ANY, BAD, "PUT", "x", (ALLOW_ANY, METHODS, HEADERS, MAX_AGE), id="any"),
        pytest.param(
            evolve(SOME, headers=()),
            GOOD,
            "GET",
            "range",
            (ALLOW_GOOD, VARY, METHODS, MAX_AGE),
            id="none-allowed",
        ),
    ],
)
def test_a_preflight_is_told_what_may_be_sent(
    policy: CorsPolicy, origin: str | None, method: str | None, asked: str | None, expected: Headers
) -> None:
    assert policy.preflight_headers(origin, method, asked) == expected


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        pytest.param("authorization,x-api-key", "authorization, x-api-key", id="list"),
        pytest.param(" a ,\tb,, ", "a, b", id="white-space-and-empty-members"),
        pytest.param("ok, bad name, x:y, z\r\nSet-Cookie: a, (c), é", "ok", id="no-tokens"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
        pytest.param("\r\n", None, id="only-line-ends"),
    ],
)
def test_asked_headers_are_reflected_as_tokens(asked: str | None, allowed: str | None) -> None:
    answer = dict(evolve(SOME, headers=None).preflight_headers(GOOD, "PUT", asked))
    assert answer.get("Access-Control-Allow-Headers") == allowed


@given(
    st.sampled_from([SOME, ANY, SILENT, evolve(SOME, headers=None)]),
    st.none() | st.sampled_from([GOOD, BAD, "null"]),
    st.none() | st.sampled_from(["GET", "PUT"]),
    st.none() | st.text(max_size=30),
)
def test_every_answer_is_safe_whatever_is_asked(
    policy: CorsPolicy, origin: str | None, method: str | None, asked: str | None
) -> None:
    answer = policy.preflight_headers(origin, method, asked)
    names = [name for name, _ in answer]
    assert len(names) == len(set(names))
    assert "Access-Control-Allow-Credentials" not in names
    assert all(value.isprintable() and value.isascii() for _, value in answer)
    assert (VARY in answer) is not policy.any_origin
    if origin != GOOD and not policy.any_origin:
        assert answer == (VARY,)
