"""Which header fields pass through a forward, in each direction: every name of every list, with its fate."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.forward import headers as rules
from fetchkit.forward.headers import (
    exposed_names,
    is_loop,
    is_service_worker,
    request_headers,
    response_headers,
    wants_sandbox,
)

VIA = "1.1 fetchkit-test"
OURS = ("Via", VIA)
Pairs = list[tuple[str, str]]


def upstream(*pairs: tuple[str, str], identity: bool = False) -> Pairs:
    """What goes upstream, less our member of Via."""
    given_fields = CIMultiDictProxy(CIMultiDict(pairs))
    sent = list(request_headers(given_fields, encoding_identity=identity, via=VIA).items())
    assert sent.pop() == OURS
    return sent


def page(*pairs: tuple[str, str]) -> Pairs:
    """What the page gets, less our member of Via."""
    given_fields = CIMultiDictProxy(CIMultiDict(pairs))
    passed = response_headers(given_fields, via=VIA)
    assert passed.pop() == OURS
    return passed


BOTH_WAYS = pytest.mark.parametrize("direction", [upstream, page])

# Name: (passes upstream, passes to the page). Every name of every list is here.
FATES: dict[str, tuple[bool, bool]] = {
    # hop by hop
    "Connection": (False, False),
    "HTTP2-Settings": (False, False),
    "Keep-Alive": (False, False),
    "Proxy-Authenticate": (False, False),
    "Proxy-Authentication-Info": (False, False),
    "Proxy-Authorization": (False, False),
    "Proxy-Connection": (False, False),
    "TE": (False, False),
    "Trailer": (False, False),
    "Transfer-Encoding": (False, False),
    "Upgrade": (False, False),
    # written anew for upstream
    "Content-Length": (False, True),
    "Expect": (False, True),
    "Host": (False, True),
    # of the page
    "Alt-Used": (False, True),
    "Cookie": (False, True),
    "Cookie2": (False, True),
    "Origin": (False, True),
    "Referer": (False, True),
    "Proxy": (False, True),
    # families of requests
    "Access-Control-Request-Headers": (False, False),
    "Access-Control-Request-Method": (False, False),
    "Access-Control-Request-Private-Network": (False, False),
    "Proxy-Status": (False, True),
    "Sec-CH-UA": (False, False),
    "Sec-Fetch-Dest": (False, False),
    "Sec-Fetch-Mode": (False, False),
    "Sec-Fetch-Site": (False, False),
    "Sec-WebSocket-Accept": (False, False),
    "Sec-WebSocket-Key": (False, False),
    "X-Fetchkit-Redirect": (False, False),
    "X-Fetchkit-Token": (False, False),
    # state of our origin
    "Accept-CH": (True, False),
    "Accept-CH-Lifetime": (True, False),
    "Activate-Storage-Access": (True, False),
    "Alt-Svc": (True, False),
    "Clear-Site-Data": (True, False),
    "Critical-CH": (True, False),
    "Expect-CT": (True, False),
    "NEL": (True, False),
    "No-Vary-Search": (True, False),
    "Observe-Browsing-Topics": (True, False),
    "Public-Key-Pins": (True, False),
    "Public-Key-Pins-Report-Only": (True, False),
    "Report-To": (True, False),
    "Reporting-Endpoints": (True, False),
    "Service-Worker-Allowed": (True, False),
    "Set-Cookie": (True, False),
    "Set-Cookie2": (True, False),
    "Set-Login": (True, False),
    "Shared-Storage-Write": (True, False),
    "Strict-Transport-Security": (True, False),
    "Use-As-Dictionary": (True, False),
    # policies
    "Content-Security-Policy": (True, False),
    "Content-Security-Policy-Report-Only": (True, False),
    "Document-Isolation-Policy": (True, False),
    "Document-Isolation-Policy-Report-Only": (True, False),
    "Document-Policy": (True, False),
    "Document-Policy-Report-Only": (True, False),
    "Feature-Policy": (True, False),
    "Integrity-Policy": (True, False),
    "Integrity-Policy-Report-Only": (True, False),
    "Origin-Agent-Cluster": (True, False),
    "Origin-Trial": (True, False),
    "Permissions-Policy": (True, False),
    "Permissions-Policy-Report-Only": (True, False),
    "Referrer-Policy": (True, False),
    "Refresh": (True, False),
    "Require-Document-Policy": (True, False),
    "Speculation-Rules": (True, False),
    "Supports-Loading-Mode": (True, False),
    "Timing-Allow-Origin": (True, False),
    "X-Content-Security-Policy": (True, False),
    "X-Content-Type-Options": (True, False),
    "X-DNS-Prefetch-Control": (True, False),
    "X-Frame-Options": (True, False),
    "X-Permitted-Cross-Domain-Policies": (True, False),
    "X-WebKit-CSP": (True, False),
    "X-XSS-Protection": (True, False),
    # commands to a proxy before us, and ours
    "X-Lighttpd-Send-File": (True, False),
    "X-Reproxy-URL": (True, False),
    "X-Sendfile": (True, False),
    "X-Final-URL": (True, False),
    "X-Request-URL": (True, False),
    # families of responses
    "Access-Control-Allow-Credentials": (True, False),
    "Access-Control-Allow-Origin": (True, False),
    "Access-Control-Allow-Private-Network": (True, False),
    "Access-Control-Expose-Headers": (True, False),
    "Access-Control-Max-Age": (True, False),
    "Attribution-Reporting-Register-Source": (True, False),
    "Cross-Origin-Embedder-Policy": (True, False),
    "Cross-Origin-Embedder-Policy-Report-Only": (True, False),
    "Cross-Origin-Opener-Policy": (True, False),
    "Cross-Origin-Resource-Policy": (True, False),
    "Secure-Session-Registration": (True, False),
    "X-Accel-Redirect": (True, False),
    # end to end
    "Age": (True, True),
    "Authorization": (True, True),
    "Cache-Control": (True, True),
    "Content-Encoding": (True, True),
    "Content-Language": (True, True),
    "Content-Location": (True, True),
    "Content-Range": (True, True),
    "Content-Type": (True, True),
    "Date": (True, True),
    "ETag": (True, True),
    "Expires": (True, True),
    "If-Match": (True, True),
    "If-Modified-Since": (True, True),
    "If-None-Match": (True, True),
    "If-Range": (True, True),
    "If-Unmodified-Since": (True, True),
    "Last-Modified": (True, True),
    "Location": (True, True),
    "Pragma": (True, True),
    "Range": (True, True),
    "Retry-After": (True, True),
    "Vary": (True, True),
    "Via": (True, True),
    # in no list, and neighbours of those that are
    "Accept": (True, True),
    "Accept-Ranges": (True, True),
    "Content-Disposition": (True, True),
    "Link": (True, True),
    "Refresh-Token": (True, True),
    "Second": (True, True),
    "Server": (True, True),
    "Server-Timing": (True, True),
    "X": (True, True),
    "X-Api-Key": (True, True),
    "X-Fetchkit": (True, True),
    "X-Original-URL": (True, True),
    "X-Request-Id": (True, True),
}
END_TO_END = [
    "Age",
    "Authorization",
    "Cache-Control",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Last-Modified",
    "Location",
    "Pragma",
    "Range",
    "Retry-After",
    "Vary",
    "Via",
]
LISTS = {
    "hop by hop": rules._HOP_BY_HOP,
    "end to end": rules._END_TO_END,
    "request": rules._NOT_UPSTREAM,
    "response": rules._NOT_TO_THE_PAGE,
}


@pytest.mark.parametrize("spelling", [str, str.lower, str.upper], ids=["usual", "lower", "upper"])
@pytest.mark.parametrize(("name", "fate"), FATES.items(), ids=FATES)
def test_each_field_has_its_fate(name: str, fate: tuple[bool, bool], spelling: Callable[[str], str]) -> None:
    pair = (spelling(name), "1")
    # Range brings Accept-Encoding with it, which has a test of its own.
    sent = [field for field in upstream(pair) if field[0] != "Accept-Encoding"]
    assert (sent, page(pair)) == tuple([pair] if passes else [] for passes in fate)


@pytest.mark.parametrize("names", LISTS.values(), ids=LISTS)
def test_no_list_has_a_name_without_a_fate(names: frozenset[str]) -> None:
    assert names <= {name.lower() for name in FATES}


def test_the_list_of_what_connection_cannot_name_is_tested_whole() -> None:
    assert {name.lower() for name in END_TO_END} == rules._END_TO_END


@pytest.mark.parametrize(
    ("families", "removed", "place"),
    [
        pytest.param(rules._REQUEST_FAMILIES, rules._NOT_UPSTREAM, 0, id="request"),
        pytest.param(rules._RESPONSE_FAMILIES, rules._NOT_TO_THE_PAGE, 1, id="response"),
    ],
)
def test_no_family_is_without_a_member_that_only_it_removes(
    families: tuple[str, ...], removed: frozenset[str], place: int
) -> None:
    stopped = {name.lower() for name, fate in FATES.items() if not fate[place]} - removed
    assert {family for family in families if any(name.startswith(family) for name in stopped)} == {*families}


@BOTH_WAYS
def test_order_duplicates_spelling_and_bytes_are_kept(direction: Callable[..., Pairs]) -> None:
    pairs = [
        ("x-B", "2"),
        ("Link", "</2>; rel=next"),
        ("X-A", "caf\u00e9 \udce9\t\x7f"),
        ("lInK", "</9>; rel=last"),
        ("X-b", ""),
        ("X-A", "caf\u00e9 \udce9\t\x7f"),
    ]
    assert direction(*pairs[:3], ("Upgrade", "h2c"), *pairs[3:]) == pairs


@BOTH_WAYS
@pytest.mark.parametrize(
    "connection",
    [
        pytest.param(["X-Hop"], id="one"),
        pytest.param(["close, x-hop"], id="in-a-list"),
        pytest.param(["close,\tX-HOP ,"], id="white-space-and-capitals"),
        pytest.param(["close", "x-hop"], id="second-line"),
        pytest.param(["keep-alive", "", "upgrade,x-hop"], id="third-line"),
    ],
)
def test_what_connection_names_stays_on_its_hop(
    direction: Callable[..., Pairs], connection: list[str]
) -> None:
    lines = [("Connection", line) for line in connection]
    assert direction(("X-Hop", "1"), ("X", "2"), *lines, ("x-hop", "3")) == [("X", "2")]


@BOTH_WAYS
@pytest.mark.parametrize("connection", ["close", "Keep-Alive", "", ",", "X-Ho", "X-Hop-2", "X Hop", "*"])
def test_a_connection_removes_nothing_else(direction: Callable[..., Pairs], connection: str) -> None:
    assert direction(("Connection", connection), ("X-Hop", "1")) == [("X-Hop", "1")]


@BOTH_WAYS
@pytest.mark.parametrize("name", END_TO_END)
def test_connection_cannot_name_what_is_meant_for_all_recipients(
    direction: Callable[..., Pairs], name: str
) -> None:
    alone = direction((name, "1"))
    assert direction(("Connection", f"close, {name}"), (name, "1")) == alone


@pytest.mark.parametrize("identity", [True, False])
def test_connection_cannot_strip_what_is_added_here(identity: bool) -> None:
    hostile = ("Connection", "via, accept-encoding, x-final-url")
    sent = upstream(hostile, ("Range", "bytes=0-"), ("Via", "1.0 other"), identity=identity)
    assert sent == [("Range", "bytes=0-"), ("Via", "1.0 other"), ("Accept-Encoding", "identity")]


@pytest.mark.parametrize(
    ("identity", "fields", "expected"),
    [
        pytest.param(True, [("accept-encoding", "br")], ["identity"], id="identity"),
        pytest.param(True, [], ["identity"], id="identity-unasked"),
        pytest.param(False, [("Accept-Encoding", "br, gzip;q=0.1")], ["br, gzip;q=0.1"], id="pass"),
        pytest.param(
            False, [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")], ["br", "gzip"], id="two"
        ),
        pytest.param(False, [], [], id="pass-nothing"),
        pytest.param(
            False, [("range", "bytes=0-9"), ("Accept-Encoding", "br")], ["identity"], id="range-before"
        ),
        pytest.param(
            False, [("Accept-Encoding", "br"), ("Range", "bytes=0-9")], ["identity"], id="range-after"
        ),
    ],
)
def test_the_coding_asked_for(identity: bool, fields: Pairs, expected: list[str]) -> None:
    sent = request_headers(CIMultiDict(fields), encoding_identity=identity, via=VIA)
    assert sent.getall("Accept-Encoding", []) == expected


def test_the_credentials_that_a_page_sets_go_upstream_and_the_browsers_do_not() -> None:
    sent = upstream(
        ("Authorization", "Bearer secret"),
        ("X-Api-Key", "secret"),
        ("Cookie", "fetchkit-token-6931=secret"),
        ("Proxy-Authorization", "Basic secret"),
        ("X-Fetchkit-Token", "secret"),
    )
    assert sent == [("Authorization", "Bearer secret"), ("X-Api-Key", "secret")]


def test_our_member_of_via_comes_last_both_ways() -> None:
    fields = CIMultiDict([("Via", "1.0 a"), ("X", "1"), ("Via", "1.1 b")])
    assert request_headers(fields, encoding_identity=True, via=VIA).getall("Via") == ["1.0 a", "1.1 b", VIA]
    assert response_headers(fields, via=VIA) == [("Via", "1.0 a"), ("X", "1"), ("Via", "1.1 b"), ("Via", VIA)]


@pytest.mark.parametrize("other", [("Transfer-Encoding", "chunked"), ("transfer-encoding", "gzip, chunked")])
def test_a_length_beside_a_transfer_coding_is_not_believed(other: tuple[str, str]) -> None:
    assert page(("content-length", "5"), other, ("ETag", '"1"')) == [("ETag", '"1"')]


@pytest.mark.parametrize(("status", "kept"), [(200, True), (204, False), (206, True), (304, True)])
def test_a_204_has_no_length(status: int, kept: bool) -> None:
    fields = CIMultiDict([("content-length", "5"), ("ETag", '"1"')])
    passed = response_headers(fields, via=VIA, status=status)
    assert passed == [*([("content-length", "5")] if kept else []), ("ETag", '"1"'), OURS]


@pytest.mark.parametrize(
    ("challenge", "passes"),
    [
        pytest.param('Bearer realm="https://auth.example/token"', True, id="bearer"),
        pytest.param("DPoP algs=ES256", True, id="dpop"),
        pytest.param("Basically", True, id="start-of-a-word"),
        pytest.param("Nonbasic", True, id="end-of-a-word"),
        pytest.param("Basic", False, id="basic-alone"),
        pytest.param('bASIC realm="r"', False, id="basic"),
        pytest.param('Digest realm="r", nonce="n"', False, id="digest"),
        pytest.param("NTLM", False, id="ntlm"),
        pytest.param("Negotiate", False, id="negotiate"),
        pytest.param('Bearer realm="r", Basic realm="r"', False, id="second"),
        pytest.param(',Basic realm="r"', False, id="after-an-empty-member"),
        pytest.param("\x0bBasic", False, id="odd-white-space"),
    ],
)
def test_a_challenge_that_makes_the_browser_ask_for_a_password_stops_here(
    challenge: str, passes: bool
) -> None:
    kept = ("WWW-Authenticate", 'Bearer realm="kept"')
    fields = [kept, ("Www-Authenticate", challenge), ("X-Scheme", "Basic")]
    assert page(*fields) == (fields if passes else [kept, ("X-Scheme", "Basic")])


DIRTY = st.text(alphabet=st.sampled_from("aB-:, \t\r\n\0\udce9\u00e9"), max_size=12)


@BOTH_WAYS
@given(pairs=st.lists(st.tuples(DIRTY, DIRTY)))
def test_nothing_that_passes_has_a_line_end_or_a_nul(direction: Callable[..., Pairs], pairs: Pairs) -> None:
    everything = "".join(name + value for name, value in direction(*pairs))
    assert not {*everything} & {"\r", "\n", "\0"}


@BOTH_WAYS
@given(value=DIRTY)
def test_each_dangerous_character_of_a_value_becomes_a_space(
    direction: Callable[..., Pairs], value: str
) -> None:
    expected = "".join(" " if character in "\r\n\0" else character for character in value)
    assert direction(("X-A", "1"), ("X-B", value)) == [("X-A", "1"), ("X-B", expected)]


@BOTH_WAYS
@pytest.mark.parametrize("name", ["X\r", "\nX", "X\0X", "X: 1\r\nSet-Cookie"])
def test_a_name_with_a_dangerous_character_goes(direction: Callable[..., Pairs], name: str) -> None:
    assert direction((name, "1"), ("X-B", "2")) == [("X-B", "2")]


@BOTH_WAYS
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from([*FATES, "Connection", "WWW-Authenticate"]).flatmap(
                lambda name: st.sampled_from([name, name.lower()])
            ),
            st.sampled_from(["1", "close", "x-api-key", "etag, via", 'Basic realm="r"']),
        )
    )
)
def test_what_passes_is_a_subsequence_of_what_came(direction: Callable[..., Pairs], pairs: Pairs) -> None:
    passed = [pair for pair in direction(*pairs) if pair != ("Accept-Encoding", "identity")]
    came = iter(pairs)
    assert all(pair in came for pair in passed)


def test_the_fields_given_stay_as_they_are() -> None:
    fields = CIMultiDict([("Host", "a"), ("Via", "1.1 b"), ("X", "1\n")])
    before = list(fields.items())
    request_headers(fields, encoding_identity=True, via=VIA)
    response_headers(fields, via=VIA)
    assert list(fields.items()) == before


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param([], "X-Final-URL, X-Request-URL", id="ours-always"),
        pytest.param(
            [("eTag", "1"), ("Link", "a"), ("ETAG", "2"), ("X-A", "1")],
            "eTag, Link, X-A, X-Final-URL, X-Request-URL",
            id="once-as-first-spelled-in-order",
        ),
        pytest.param([("x-request-url", "u")], "x-request-url, X-Final-URL", id="ours-already-there"),
    ],
)
def test_every_name_that_passes_is_exposed(pairs: Pairs, expected: str) -> None:
    assert exposed_names(pairs) == expected
    assert exposed_names(pair for pair in pairs) == expected


@pytest.mark.parametrize(
    ("lines", "loop"),
    [
        pytest.param([], False, id="no-via"),
        pytest.param([VIA], True, id="alone"),
        pytest.param(["1.0 a, 1.1 fetchkit-test (a comment)"], True, id="in-a-list-with-a-comment"),
        pytest.param(["1.0 a", "HTTP/1.1\tFETCHKIT-Test"], True, id="second-line-in-capitals"),
        pytest.param(["1.0 a,1.1  fetchkit-test,1.1 b"], True, id="in-the-middle"),
        pytest.param(["1.1 fetchkit-test2, 1.1 a.fetchkit-test"], False, id="neighbours"),
        pytest.param(["fetchkit-test 1.1"], False, id="as-protocol"),
        pytest.param(["1.1 a (fetchkit-test)"], False, id="as-comment"),
        pytest.param(["", ",", "fetchkit-test"], False, id="malformed"),
    ],
)
def test_a_loop_is_seen_by_our_name_in_via(lines: list[str], loop: bool) -> None:
    assert is_loop(CIMultiDict([("via", line) for line in lines]), "fetchkit-Test") is loop


def test_what_we_send_upstream_is_known_when_it_comes_back() -> None:
    sent = request_headers(CIMultiDict({"Connection": "Via"}), encoding_identity=True, via=VIA)
    assert is_loop(sent, "fetchkit-test")


@pytest.mark.parametrize(
    ("site", "dest", "sandbox"),
    [
        pytest.param("same-origin", "worker", False, id="worker"),
        pytest.param("same-origin", "sharedworker", False, id="shared-worker"),
        pytest.param("same-origin", "serviceworker", True, id="service-worker"),
        pytest.param("same-origin", "document", True, id="document"),
        pytest.param("same-origin", "iframe", True, id="frame"),
        pytest.param("same-origin", "empty", True, id="fetch"),
        pytest.param("same-origin", None, True, id="no-destination"),
        pytest.param("same-site", "worker", True, id="same-site"),
        pytest.param("cross-site", "worker", True, id="cross-site"),
        pytest.param("none", "worker", True, id="none"),
        pytest.param(None, "worker", True, id="no-site"),
        pytest.param(None, None, True, id="curl"),
    ],
)
def test_all_but_same_origin_workers_are_sandboxed(site: str | None, dest: str | None, sandbox: bool) -> None:
    assert wants_sandbox(site, dest) is sandbox


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"Service-Worker": "script"}, True, id="field"),
        pytest.param({"sec-fetch-dest": "serviceworker"}, True, id="destination"),
        pytest.param({"Sec-Fetch-Dest": "worker"}, False, id="worker"),
        pytest.param({"Service-Worker-Navigation-Preload": "true"}, False, id="preload"),
        pytest.param({}, False, id="neither"),
    ],
)
def test_a_service_workers_script_is_known(fields: dict[str, str], expected: bool) -> None:
    assert is_service_worker(CIMultiDict(fields)) is expected
