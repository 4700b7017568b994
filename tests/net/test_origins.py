"""Tests of origins: parsing, serialising, and which pages are allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import ConfigError
from fetchkit.net.origins import Origin, OriginRules, is_loopback, origin_rules, parse_origin

ORIGINS = [
    ("http://a.example", Origin("http", "a.example", 80), "http://a.example"),
    ("http://a.example:80", Origin("http", "a.example", 80), "http://a.example"),
    ("https://a.example", Origin("https", "a.example", 443), "https://a.example"),
    ("https://a.example:443", Origin("https", "a.example", 443), "https://a.example"),
    ("https://a.example:80", Origin("https", "a.example", 80), "https://a.example:80"),
    ("HTTP://A.Example.:8080", Origin("http", "a.example", 8080), "http://a.example:8080"),
    ("http://[::1]:3000", Origin("http", "::1", 3000), "http://[::1]:3000"),
    ("https://[2001:DB8:0::1]", Origin("https", "2001:db8::1", 443), "https://[2001:db8::1]"),
    ("http://[::ffff:127.0.0.1]", Origin("http", "::ffff:7f00:1", 80), "http://[::ffff:7f00:1]"),
    ("capacitor://localhost", Origin("capacitor", "localhost", None), "capacitor://localhost"),
    ("chrome-extension://abcdef", Origin("chrome-extension", "abcdef", None), "chrome-extension://abcdef"),
]
NOT_ORIGINS = [
    "",
    "null",
    "NULL",
    "a.example",
    "localhost:3000",
    "//a.example",
    "://a.example",
    "http:a.example",
    "http:/a.example",
    "http://",
    "file://",
    "http:///",
    "http://a.example/",
    "http://a.example/x",
    "http://a.example?x",
    "http://a.example#x",
    "http://user@a.example",
    "http://localhost:80@evil.example",
    "http://a.example http://b.example",
    "http://a.example, http://b.example",
    "http://a.example,http://b.example",
    " http://a.example",
    "http://a.example ",
    "http://a.example\n",
    "http://::1",
    "http://[::1",
    "http://[::1].x",
    "http://a.example:0",
    "http://a.example:65536",
    "http://*.a.example",
    "http://\N{LATIN SMALL LETTER U WITH DIAERESIS}.example",
    "data:text/html,x",
    "about:blank",
    "1http://a.example",
    "*",
]


@pytest.mark.parametrize(("value", "origin", "text"), ORIGINS, ids=[case[0] for case in ORIGINS])
def test_an_origin_is_parsed_and_serialised(value: str, origin: Origin, text: str) -> None:
    assert parse_origin(value) == origin
    assert str(origin) == text
    assert parse_origin(text) == origin


@pytest.mark.parametrize("value", NOT_ORIGINS, ids=ascii)
def test_what_is_no_origin_is_none_and_allowed_by_no_list(value: str) -> None:
    assert parse_origin(value) is None
    assert not OriginRules().allows(value)


@given(st.text() | st.text("htp:/[].@0123456789abc ,", max_size=30) | st.text().map("http://{}".format))
def test_parse_origin_never_raises(value: str) -> None:
    origin = parse_origin(value)
    assert origin is None or parse_origin(str(origin)) == origin


LOOPBACK = [
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:3000",
    "http://app.localhost:5173",
    "http://127.0.0.1:8080",
    "http://127.1.2.3",
    "http://[::1]:1",
    "http://[::ffff:127.0.0.1]",
]
FOREIGN = [
    "http://evil.example",
    "http://localhost.evil.example",
    "http://evillocalhost",
    "http://127.evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.1",
    "http://2130706433",
    "http://0.0.0.0",
    "http://10.0.0.1",
    "http://[::]",
    "http://[64:ff9b::7f00:1]",
    "ftp://localhost",
    "capacitor://localhost",
    "chrome-extension://localhost",
]


@pytest.mark.parametrize("value", LOOPBACK)
def test_loopback_pages_are_allowed_on_any_port(value: str) -> None:
    origin = parse_origin(value)
    assert origin is not None
    assert is_loopback(origin)
    assert OriginRules().allows(value)


@pytest.mark.parametrize("value", FOREIGN)
def test_pages_from_elsewhere_are_not_allowed(value: str) -> None:
    origin = parse_origin(value)
    assert origin is not None
    assert not is_loopback(origin)
    assert not OriginRules().allows(value)


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("https://app.example", True),
        ("https://APP.example:443", True),
        ("https://app.example:8443", False),
        ("http://app.example", False),
        ("https://x.app.example", False),
        ("https://xapp.example", False),
        ("https://app.example.x", False),
        ("capacitor://localhost", True),
        ("null", False),
        ("http://localhost:1", True),
    ],
)
def test_the_listed_origins_are_allowed_exactly(value: str, allowed: bool) -> None:
    rules = origin_rules(["https://app.example", "capacitor://localhost"], "--allow-origin")
    assert rules.allows(value) is allowed


@pytest.mark.parametrize("value", ["null", "https://evil.example", "file://", "http://localhost"])
def test_a_star_allows_any_page_even_one_without_an_origin(value: str) -> None:
    rules = origin_rules(["*", "https://app.example"], "--cors")
    assert rules == OriginRules(frozenset({Origin("https", "app.example", 443)}), any_origin=True)
    assert rules.allows(value)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("https://app.example/", "leave out the path, as https://app.example."),
        ("https://app.example:443/x", "leave out the path, as https://app.example."),
        ("https://[::1]:8443/?x", "leave out the path, as https://[::1]:8443."),
        ("app.example", "as http://app.example or https://app.example."),
        ("localhost:3000", "as http://localhost:3000 or https://localhost:3000."),
        ("app.example/x", "as http://app.example or https://app.example."),
        ("null", "write * for any page."),
        ("https://*.example", "write SCHEME://HOST"),
        ("https://u:p@app.example", "write SCHEME://HOST"),
        ("https://a.example https://b.example", "write SCHEME://HOST"),
        ("file://", "write SCHEME://HOST"),
        ("", "write SCHEME://HOST"),
    ],
)
def test_a_bad_origin_is_a_configuration_error_that_says_what_to_write(value: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        origin_rules([value], "--allow-origin")
    assert str(caught.value).startswith(f"--allow-origin {value!a} is not an origin: ")
    assert advice in str(caught.value)


LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)


@given(LABELS, LABELS)
def test_an_origin_that_merely_begins_or_ends_with_an_allowed_one_is_refused(name: str, more: str) -> None:
    rules = origin_rules([f"https://{name}.test"], "--allow-origin")
    assert rules.allows(f"https://{name}.test")
    for host in (f"{more}{name}.test", f"{more}.{name}.test", f"{name}.test{more}", f"{name}.test.{more}x"):
        assert not rules.allows(f"https://{host}")
