"""Tests of redirects: the next hop, its method and body, and who gets the credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from fetchkit.errors import BadGatewayError
from fetchkit.forward.redirects import MAX_REDIRECTS, Redirect, headers_for, next_hop
from fetchkit.forward.rules import parse_url

URL = parse_url("https://a.example/x/y?q")
NEXT = parse_url("https://a.example/z")

# Fetch standard, HTTP-redirect fetch: only POST changes at 301 and 302; at 303 everything but GET and HEAD.
METHODS = [
    (301, "GET", "GET", True),
    (301, "HEAD", "HEAD", True),
    (301, "POST", "GET", False),
    (301, "PUT", "PUT", True),
    (301, "post", "post", True),
    (302, "GET", "GET", True),
    (302, "HEAD", "HEAD", True),
    (302, "POST", "GET", False),
    (302, "DELETE", "DELETE", True),
    (302, "PATCH", "PATCH", True),
    (303, "GET", "GET", True),
    (303, "HEAD", "HEAD", True),
    (303, "POST", "GET", False),
    (303, "PUT", "GET", False),
    (303, "DELETE", "GET", False),
    (303, "PROPFIND", "GET", False),
    (307, "GET", "GET", True),
    (307, "POST", "POST", True),
    (307, "PUT", "PUT", True),
    (308, "HEAD", "HEAD", True),
    (308, "POST", "POST", True),
    (308, "PATCH", "PATCH", True),
]


@pytest.mark.parametrize(("status", "method", "then", "keeps_body"), METHODS)
def test_the_method_and_the_body_follow_as_the_fetch_standard_says(
    status: int, method: str, then: str, keeps_body: bool
) -> None:
    redirect = next_hop(method, URL, status, "/z")
    assert redirect == Redirect(then, NEXT, keeps_body=keeps_body, same_origin=True)


@pytest.mark.parametrize("status", [200, 201, 204, 206, 300, 304, 305, 306, 309, 400, 404, 503])
def test_another_status_is_an_answer_even_with_a_location(status: int) -> None:
    assert next_hop("GET", URL, status, "https://b.example/") is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [None, ""])
def test_a_redirect_to_nowhere_is_an_answer(status: int, location: str | None) -> None:
    assert next_hop("GET", URL, status, location) is None


@pytest.mark.parametrize(
    ("location", "url", "same_origin"),
    [
        ("z", "https://a.example/x/z", True),
        ("?r", "https://a.example/x/y?r", True),
        ("#f", "https://a.example/x/y?q", True),
        ("//A.example:443/z", "https://a.example/z", True),
        ("https://a.example/z#f", "https://a.example/z", True),
        ("https://a.example./z", "https://a.example/z", True),
        ("http://a.example/z", "http://a.example/z", False),
        ("http://a.example:443/z", "http://a.example:443/z", False),
        ("https://a.example:8443/z", "https://a.example:8443/z", False),
        ("https://www.a.example/z", "https://www.a.example/z", False),
        ("https://b.example/z", "https://b.example/z", False),
        ("//127.0.0.1/z", "https://127.0.0.1/z", False),
    ],
)
def test_a_hop_knows_whether_it_leaves_the_origin(location: str, url: str, same_origin: bool) -> None:
    redirect = next_hop("GET", URL, 302, location)
    assert redirect is not None
    assert (str(redirect.url), redirect.same_origin) == (url, same_origin)


def test_two_addresses_of_one_machine_are_two_origins() -> None:
    # cors-anywhere hands Authorization from 127.0.0.1 to 127.0.0.2.
    redirect = next_hop("GET", parse_url("http://127.0.0.1:80/"), 302, "http://127.0.0.2/")
    assert redirect is not None
    assert not redirect.same_origin


@pytest.mark.parametrize(
    ("location", "detail"),
    [
        ("ftp://b.example/", "'ftp'"),
        ("file:///etc/passwd", "'file'"),
        ("javascript:alert(1)", "'javascript'"),
        ("data:text/html,x", "'data'"),
        ("ws://b.example/", "scheme ws"),
        ("wss://a.example/", "scheme wss"),
        ("http:/b.example", "two slashes"),
        ("https://", "no host"),
        ("https://user:hunter2@b.example/", "user name"),
        ("//hunter2@b.example/", "user name"),
        ("https://b.example:99999/", "port"),
        ("//127.1/", "IPv4"),
        ("/\\b.example/", "backslash"),
        ("/x\x00", "control"),
    ],
)
def test_a_location_that_may_not_be_followed_is_a_bad_gateway(location: str, detail: str) -> None:
    with pytest.raises(BadGatewayError) as caught:
        next_hop("GET", URL, 302, location)
    assert "a.example redirects to" in caught.value.detail
    assert detail in caught.value.detail
    assert "X-Fetchkit-Redirect: manual" in caught.value.hint
    assert "hunter2" not in caught.value.detail + caught.value.hint


def test_a_websocket_handshake_is_never_redirected() -> None:
    with pytest.raises(BadGatewayError):
        next_hop("GET", parse_url("ws://a.example/x"), 302, "/y")


@given(st.text(st.characters()), st.sampled_from([301, 302, 303, 307, 308]))
def test_any_location_is_followed_or_answered_or_a_bad_gateway(location: str, status: int) -> None:
    try:
        redirect = next_hop("POST", URL, status, location)
    except BadGatewayError:
        return
    assert (redirect is None) == (not location)


BODY = [
    ("Content-Type", "text/plain"),
    ("content-encoding", "gzip"),
    ("Content-Language", "en"),
    ("Content-Location", "/x"),
    ("Content-Length", "3"),
    ("Transfer-Encoding", "chunked"),
    ("Trailer", "X-Sum"),
    ("Expect", "100-continue"),
    ("Digest", "md5=x"),
    ("Content-Digest", "sha-256=:x:"),
    ("Repr-Digest", "sha-256=:x:"),
    ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"),
]
CREDENTIALS = [
    ("Authorization", "Bearer x"),
    ("AUTHORIZATION", "Basic y"),
    ("Cookie", "a=b"),
    ("proxy-authorization", "Basic z"),
]
OTHERS = [
    ("Accept", "*/*"),
    ("X-Api-Key", "k"),
    ("Range", "bytes=0-"),
    ("If-None-Match", '"x"'),
    ("accept", "text/plain"),
    ("X-Content-Type", "x"),
]


@pytest.mark.parametrize("keeps_body", [True, False])
@pytest.mark.parametrize("same_origin", [True, False])
def test_only_what_the_next_server_needs_goes_to_it(keeps_body: bool, same_origin: bool) -> None:
    headers = CIMultiDict(OTHERS + BODY + CREDENTIALS)
    before = headers.copy()
    redirect = Redirect("GET", NEXT, keeps_body=keeps_body, same_origin=same_origin)
    kept = list(headers_for(headers, redirect).items())
    assert kept == OTHERS + (BODY if keeps_body else []) + (CREDENTIALS if same_origin else [])
    assert headers == before


def test_credentials_that_were_dropped_do_not_come_back() -> None:
    away = next_hop("GET", URL, 302, "https://b.example/")
    assert away is not None
    headers = headers_for(CIMultiDict(CREDENTIALS), away)
    back = next_hop("GET", away.url, 302, str(URL))
    assert back is not None
    assert not headers_for(headers, back)


def test_as_many_redirects_as_the_fetch_standard_are_followed() -> None:
    assert MAX_REDIRECTS == 20
