"""Tests of the URL to forward to: parsed, resolved, built from a fixed route."""

from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.forward.rules import (
    RESERVED_NAME,
    FixedRoute,
    ForwardUrl,
    parse_query,
    parse_route,
    parse_url,
    resolve,
)
from fetchkit.net.origins import Origin
from fetchkit.web.tokens import PARAMETER

U_UMLAUT = "\N{LATIN SMALL LETTER U WITH DIAERESIS}"
NAME = f"b{U_UMLAUT}cher.example"
A_LABEL = "xn--bcher-kva.example"
SIGNED = "/bucket//key%2Fwith%2fboth?X-Sig=a%2Bb+c/d==&X-Date=20240101T000000Z&empty=&&flag"

URLS = [
    ("https://api.example/v1?q=1", ForwardUrl("https", "api.example", 443, "/v1?q=1")),
    ("http://localhost:8080/x", ForwardUrl("http", "localhost", 8080, "/x")),
    (f"https://s3.example{SIGNED}", ForwardUrl("https", "s3.example", 443, SIGNED)),
    ("http://127.0.0.1:9000/", ForwardUrl("http", "127.0.0.1", 9000, "/")),
    ("http://[::1]:9000/", ForwardUrl("http", "::1", 9000, "/")),
    ("ws://echo.example/chat", ForwardUrl("ws", "echo.example", 80, "/chat")),
    ("wss://echo.example/chat", ForwardUrl("wss", "echo.example", 443, "/chat")),
    ("HTTPS://API.Example.:8443/X", ForwardUrl("https", "api.example", 8443, "/X")),
    ("https://api.example", ForwardUrl("https", "api.example", 443, "/")),
    ("https://api.example?q", ForwardUrl("https", "api.example", 443, "/?q")),
    ("https://api.example/?", ForwardUrl("https", "api.example", 443, "/?")),
    ("https://a.example//b///c//", ForwardUrl("https", "a.example", 443, "//b///c//")),
    ("https://a.example/a/../b/./c", ForwardUrl("https", "a.example", 443, "/a/../b/./c")),
    ("https://a.example/{x}|[y]^`\"<>'", ForwardUrl("https", "a.example", 443, "/{x}|[y]^`\"<>'")),
    ("https://a.example/%7b%7D%zz%", ForwardUrl("https", "a.example", 443, "/%7b%7D%zz%")),
    ("https://a.example/https://b.example/?u=http://c@d:99999/", None),
    ("https://a.example/x?path=C:\\temp\\x", None),
    ("https://a.example/x??a=?&b=/@:", None),
    (f"https://a.example/{U_UMLAUT}", ForwardUrl("https", "a.example", 443, f"/{U_UMLAUT}")),
    ("http://[2001:DB8:0:0::A]/", ForwardUrl("http", "2001:db8::a", 80, "/")),
    ("http://[::ffff:127.0.0.1]/", ForwardUrl("http", "::ffff:7f00:1", 80, "/")),
    ("http://my_service:65535/", ForwardUrl("http", "my_service", 65535, "/")),
    ("http://a.example:00080/", ForwardUrl("http", "a.example", 80, "/")),
    ("http://1.a.example/", ForwardUrl("http", "1.a.example", 80, "/")),
    ("http://0xa.example/", ForwardUrl("http", "0xa.example", 80, "/")),
    ("http://cafe/", ForwardUrl("http", "cafe", 80, "/")),
    (f"https://{NAME}:8443/", ForwardUrl("https", A_LABEL, 8443, "/")),
    (f"https://{NAME.upper()}/", ForwardUrl("https", A_LABEL, 443, "/")),
    (f"https://{A_LABEL}/", ForwardUrl("https", A_LABEL, 443, "/")),
    (f"https://{quote(NAME)}/", ForwardUrl("https", A_LABEL, 443, "/")),
    ("https://\N{PILE OF POO}.example/", ForwardUrl("https", "xn--ls8h.example", 443, "/")),
    ("https://ex%61mple.org/", ForwardUrl("https", "example.org", 443, "/")),
    ("http://127\N{IDEOGRAPHIC FULL STOP}0.0.1/", ForwardUrl("http", "127.0.0.1", 80, "/")),
    ("http://\N{FULLWIDTH DIGIT ONE}27.0.0.1/", ForwardUrl("http", "127.0.0.1", 80, "/")),
    ("https://a.example/" + "x" * 65536, ForwardUrl("https", "a.example", 443, "/" + "x" * 65536)),
]


@pytest.mark.parametrize(("text", "url"), URLS, ids=[text[:40] for text, _ in URLS])
def test_a_url_is_parsed_and_its_path_and_query_are_kept(text: str, url: ForwardUrl | None) -> None:
    parsed = parse_url(text)
    if url is not None:
        assert parsed == url
    else:
        assert str(parsed) == text


SLASHES = "two slashes"
HOST = "no host"
SCHEME = "no scheme"
NOT_FORWARDED = "is not forwarded"
USER = "user name"
PORT = "port"
NUMBER = "not an IPv4 address"
NAMES = "is not a host name"
NEITHER = "is neither a host nor"
FRAGMENT = "fragment"
CONTROL = "control character"
BACKSLASH = "backslash"

NO_URLS = [
    ("", "no URL"),
    ("http:/api.example/x", SLASHES),
    ("HTTPS:/api.example/x", SLASHES),
    ("https:api.example", SLASHES),
    ("wss:/x", SLASHES),
    ("http:", SLASHES),
    ("http://", HOST),
    ("http:///x", HOST),
    ("http://?x", HOST),
    ("http://:80/", HOST),
    ("http://:/", HOST),
    ("api.example/x", SCHEME),
    ("localhost:8080/x", SCHEME),
    ("localhost:8080", SCHEME),
    ("//api.example/x", SCHEME),
    ("/x", SCHEME),
    ("://x", SCHEME),
    ("1http://x/", SCHEME),
    ("?url=http://x", SCHEME),
    ("https%3A%2F%2Fapi.example%2Fx", "percent-encoded"),
    ("http%3a//x", "percent-encoded"),
    ("ftp://x/", NOT_FORWARDED),
    ("file:///etc/passwd", NOT_FORWARDED),
    ("gopher://x:70/_", NOT_FORWARDED),
    ("httpss://x/", NOT_FORWARDED),
    ("data:text/html,x", NOT_FORWARDED),
    ("javascript:alert(1)", NOT_FORWARDED),
    ("blob:https://x/1", NOT_FORWARDED),
    ("http://user:password@x/", USER),
    ("http://user@x/", USER),
    ("http://@x/", USER),
    ("http://a.example@127.0.0.1:80/", USER),
    ("http://a.example:80@b.example/", USER),
    ("http://a.example:/", PORT),
    ("http://[::1]:/", PORT),
    ("http://a.example:0/", PORT),
    ("http://a.example:65536/", PORT),
    ("http://a.example:99999/", PORT),
    ("http://a.example:000080/", NEITHER),
    ("http://a.example:-1/", NEITHER),
    ("http://a.example:8o/", NEITHER),
    ("http://a.example:80:80/", NEITHER),
    ("http://a.example:\N{FULLWIDTH DIGIT EIGHT}/", NEITHER),
    ("http://::1/", NEITHER),
    ("http://[::1/", NEITHER),
    ("http://[::1]x/", NEITHER),
    ("http://[fe80::1%25eth0]/", NEITHER),
    ("http://[::1%5D/", NEITHER),
    ("http://[127.0.0.1]/", "not an IPv6 address"),
    ("http://[1:2]/", "not an IPv6 address"),
    ("http://a..example/", NEITHER),
    ("http://.example/", NEITHER),
    ("http://a,b/", NEITHER),
    ("http://*/", NEITHER),
    (f"http://{'a' * 64}.example/", NEITHER),
    (f"http://{'a.' * 126}ab.example/", "longer than"),
    ("http://" + "a" * 65536, NEITHER),
    ("http://127.1/", NUMBER),
    ("http://127.0.0.01/", NUMBER),
    ("http://0177.0.0.1/", NUMBER),
    ("http://0x7f.0.0.1/", NUMBER),
    ("http://0X7F000001/", NUMBER),
    ("http://a.0x/", NUMBER),
    ("http://2130706433/", NUMBER),
    ("http://0/", NUMBER),
    ("http://a.1./", NUMBER),
    ("http://1.2.3.4.5/", NUMBER),
    ("http://256.0.0.1/", NUMBER),
    ("http://%31%32%37.1/", NUMBER),
    ("http://\N{FULLWIDTH DIGIT ONE}27.1/", NUMBER),
    ("http://x%2Fy/", NAMES),
    ("http://x%3A80/", NAMES),
    ("http://u%40x/", NAMES),
    ("http://x%3Fy/", NAMES),
    ("http://x%23y/", NAMES),
    ("http://x%5Cy/", NAMES),
    ("http://x%252Ey/", NAMES),
    ("http://%5B::1%5D/", NAMES),
    ("http://x%00y/", NAMES),
    ("http://x%20y/", NAMES),
    ("http://x%zz/", NAMES),
    ("http://%FF%FE/", NAMES),
    ("http://%C3/", NAMES),
    ("http://e\N{ZERO WIDTH SPACE}vil.example/", NAMES),
    ("http://\N{ACCOUNT OF}.example/", NAMES),
    ("http://x\N{FULLWIDTH SOLIDUS}y/", NAMES),
    ("http://\N{IDEOGRAPHIC FULL STOP}/", NAMES),
    ("http://" + U_UMLAUT * 64 + "/", NAMES),
    ("http://" + U_UMLAUT * 20000 + "/", NAMES),
    ("http://x/a b", "a space"),
    (" http://x/", "a space"),
    ("http://x/ ", "a space"),
    ("http://x y/", "a space"),
    ("http://x/a\tb", CONTROL),
    ("http://x/a\r\nX-Evil: 1", CONTROL),
    ("http://x/a\nb", CONTROL),
    ("http://x/\x00", CONTROL),
    ("http://x/\x7f", CONTROL),
    ("http://x/\udcff", "not UTF-8"),
    ("http://\udcff/", "not UTF-8"),
    ("http://x/\ud800", "not UTF-8"),
    ("http://x/#f", FRAGMENT),
    ("http://x#f", FRAGMENT),
    ("http://x#@y/", FRAGMENT),
    ("http://x/?q#f", FRAGMENT),
    ("http://x\\y/", BACKSLASH),
    ("http://x\\@y/", BACKSLASH),
    ("http:\\\\x\\", BACKSLASH),
    ("http://x/a\\b?c", BACKSLASH),
]


@pytest.mark.parametrize(("text", "detail"), NO_URLS, ids=[ascii(text[:40]) for text, _ in NO_URLS])
def test_what_is_no_url_to_forward_to_is_refused_with_a_sentence(text: str, detail: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_url(text)
    assert detail in caught.value.detail
    assert caught.value.detail.endswith(".")
    assert len(caught.value.detail) < 200
    assert caught.value.detail.isascii()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "https://api.example/v1"),
        ("http:/x", "Write http://HOST/PATH."),
        ("wss:x", "Write wss://HOST/PATH."),
        ("http:///x", "after the two slashes"),
        ("localhost:80/x", "http:// or https://"),
        ("https%3A%2F%2Fx", "?url="),
        ("ftp://x/", "http, https, ws or wss"),
        ("http://u:p@x/", "Authorization"),
        ("http://x:/", "Leave out the colon"),
        ("http://::1/", "in brackets"),
        ("http://127.1/", "192.0.2.1"),
        ("http://x%2Fy/", "xn--bcher-kva.example"),
        ("http://x/a b", "%20"),
        ("http://x/a\tb", "Percent-encode"),
        ("http://x/\udcff", "Percent-encode"),
        ("http://x/#f", "Leave out"),
        ("http://x\\y/", "%5C"),
    ],
)
def test_the_hint_says_what_to_change(text: str, hint: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_url(text)
    assert hint in caught.value.hint


def test_a_name_too_long_for_the_dns_is_refused_before_it_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    # Encoding takes seconds for a name that fills a request line.
    monkeypatch.setattr("fetchkit.forward.rules.URL", None)
    with pytest.raises(BadRequestError):
        parse_url(f"http://{U_UMLAUT * 254}/")


@pytest.mark.parametrize("text", ["http://user:hunter2@x/", "http://hunter2@x:99999/"])
def test_a_password_is_never_repeated(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_url(text)
    assert "hunter2" not in caught.value.detail + caught.value.hint
    with pytest.raises(ConfigError) as configured:
        parse_route(f"/api={text}", "--forward")
    assert "hunter2" not in str(configured.value)


@pytest.mark.parametrize(
    ("text", "authority", "origin"),
    [
        ("http://a.example:80/", "a.example", Origin("http", "a.example", 80)),
        ("https://a.example:443/", "a.example", Origin("https", "a.example", 443)),
        ("http://a.example:443/", "a.example:443", Origin("http", "a.example", 443)),
        ("https://a.example:80/", "a.example:80", Origin("https", "a.example", 80)),
        ("ws://a.example/", "a.example", Origin("http", "a.example", 80)),
        ("wss://a.example:443/", "a.example", Origin("https", "a.example", 443)),
        ("wss://a.example:8443/", "a.example:8443", Origin("https", "a.example", 8443)),
        ("http://[::1]/", "[::1]", Origin("http", "::1", 80)),
        ("http://[::1]:8080/", "[::1]:8080", Origin("http", "::1", 8080)),
    ],
)
def test_the_authority_leaves_the_default_port_out_and_the_origin_is_that_of_http(
    text: str, authority: str, origin: Origin
) -> None:
    url = parse_url(text)
    assert (url.authority, url.origin) == (authority, origin)
    assert str(url) == f"{url.scheme}://{authority}/"


@given(
    st.text(st.characters()) | st.from_regex(r"(https?|wss?)://?[^ -~]?[!-~\x80-\U0001ffff]*", fullmatch=True)
)
@example("http://xn--\N{LATIN SMALL LETTER SHARP S}/")
@example("http://\N{REPLACEMENT CHARACTER}/")
@example("http://\N{COMBINING ACUTE ACCENT}1/")
@example("http://[\N{FULLWIDTH DIGIT ONE}]/")
def test_any_text_is_a_url_or_a_bad_request(text: str) -> None:
    for parse in (parse_url, parse_query, lambda value: parse_query(f"url={value}")):
        try:
            url = parse(text)
        except BadRequestError:
            continue
        assert parse_url(str(url)) == url
        assert url.authority.isascii()


@given(
    st.sampled_from(["http", "https", "ws", "wss"]),
    st.sampled_from(["a.example", "a.example:8080", "[::1]:1", "127.0.0.1"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xD7FF, exclude_characters="#?\\\x7f")),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xD7FF, exclude_characters="#\x7f")),
)
def test_path_and_query_are_kept_byte_for_byte(scheme: str, authority: str, path: str, query: str) -> None:
    text = f"{scheme}://{authority}/{path}?{query}"
    assert str(parse_url(text)) == text


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("url=https://a.example/x", "https://a.example/x"),
        (f"url={quote('https://a.example/x?a=1&b=2', safe='')}", "https://a.example/x?a=1&b=2"),
        ("url=https%3A%2F%2Fa.example%2Fa+b%2Bc", "https://a.example/a+b+c"),
        ("url=https://a.example/%2520%252F", "https://a.example/%20%2F"),
        ("url=https://a.example/%zz%2", "https://a.example/%zz%2"),
        ("url=https://a.example/?a=b=c", "https://a.example/?a=b=c"),
        (f"url={quote(f'https://{NAME}/{U_UMLAUT}')}", f"https://{A_LABEL}/%C3%BC"),
        (f"url=https://a.example/{U_UMLAUT}", "https://a.example/%C3%BC"),
        ("url=https://a.example/%FF", "https://a.example/%FF"),
        ("url=https://a.example/\udcff", "https://a.example/%FF"),
        ("url=https://a.example/\udcc3%BC", "https://a.example/%C3%BC"),
        (f"url=https://a.example/&{PARAMETER}=secret", "https://a.example/"),
        (f"{PARAMETER}=secret&url=https://a.example/", "https://a.example/"),
        ("&url=https://a.example/&", "https://a.example/"),
    ],
)
def test_the_url_of_the_query_is_decoded_once(query: str, url: str) -> None:
    assert str(parse_query(query)) == url


@pytest.mark.parametrize(
    ("query", "detail", "hint"),
    [
        ("", "0 parameters", "?url=URL"),
        ("url", "no URL", ""),
        ("url=", "no URL", ""),
        ("url=https://a.example/&url=https://b.example/", "2 parameters", "?url=URL"),
        ("url=https://a.example/?a=1&b=2", "'b'", "encodeURIComponent"),
        ("uri=https://a.example/", "'uri'", ""),
        ("https://a.example/", "'https://a.example/'", "after the slash"),
        ("url=https://a.example/a%20b", "a space", "%2520"),
        ("url=https://a.example/%0d%0aX:1", "control", ""),
        ("url=https://a.example/%23f", "fragment", ""),
        ("url=https://a.example%255Cb/", "not a host name", ""),
        ("url=https://u:p%40a.example/", "user name", ""),
        ("url=a.example", "no scheme", ""),
    ],
)
def test_a_query_that_names_no_single_usable_url_is_refused(query: str, detail: str, hint: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_query(query)
    assert detail in caught.value.detail
    assert hint in caught.value.hint


def test_the_reserved_name_is_that_of_the_access_token() -> None:
    assert RESERVED_NAME == PARAMETER


BASE = "http://a/b/c/d;p?q"
# RFC 3986, sections 5.4.1 and 5.4.2; `g:h` and `http:g` are refused here
RFC_3986 = [
    ("g", "http://a/b/c/g"),
    ("./g", "http://a/b/c/g"),
    ("g/", "http://a/b/c/g/"),
    ("/g", "http://a/g"),
    ("//g", "http://g/"),
    ("?y", "http://a/b/c/d;p?y"),
    ("g?y", "http://a/b/c/g?y"),
    ("#s", "http://a/b/c/d;p?q"),
    ("g#s", "http://a/b/c/g"),
    ("g?y#s", "http://a/b/c/g?y"),
    (";x", "http://a/b/c/;x"),
    ("g;x", "http://a/b/c/g;x"),
    ("g;x?y#s", "http://a/b/c/g;x?y"),
    ("", "http://a/b/c/d;p?q"),
    (".", "http://a/b/c/"),
    ("./", "http://a/b/c/"),
    ("..", "http://a/b/"),
    ("../", "http://a/b/"),
    ("../g", "http://a/b/g"),
    ("../..", "http://a/"),
    ("../../", "http://a/"),
    ("../../g", "http://a/g"),
    ("../../../g", "http://a/g"),
    ("../../../../g", "http://a/g"),
    ("/./g", "http://a/g"),
    ("/../g", "http://a/g"),
    ("g.", "http://a/b/c/g."),
    (".g", "http://a/b/c/.g"),
    ("g..", "http://a/b/c/g.."),
    ("..g", "http://a/b/c/..g"),
    ("./../g", "http://a/b/g"),
    ("./g/.", "http://a/b/c/g/"),
    ("g/./h", "http://a/b/c/g/h"),
    ("g/../h", "http://a/b/c/h"),
    ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
    ("g;x=1/../y", "http://a/b/c/y"),
    ("g?y/./x", "http://a/b/c/g?y/./x"),
    ("g?y/../x", "http://a/b/c/g?y/../x"),
    ("g#s/./x", "http://a/b/c/g"),
]
LOCATIONS = [
    ("https://b.example/x", "https://b.example/x"),
    ("https://b.example", "https://b.example/"),
    ("https://b.example/a/../b//c/.", "https://b.example/b//c/"),
    ("HTTPS://B.Example:443/x#frag", "https://b.example/x"),
    ("//b.example:8080/x?y", "http://b.example:8080/x?y"),
    ("/x//y/%2e%2E/%7e{}|", "http://a/x//y/%2e%2E/%7e{}|"),
    ("/.//x", "http://a//x"),
    ("?", "http://a/b/c/d;p?"),
    ("1:2", "http://a/b/c/1:2"),
    ("./g:h", "http://a/b/c/g:h"),
    ("g?u=http://x/../y", "http://a/b/c/g?u=http://x/../y"),
    (" /x\t", "http://a/x"),
    ("/a b?c d", "http://a/a%20b?c%20d"),
    (f"/{U_UMLAUT}?{U_UMLAUT}", "http://a/%C3%BC?%C3%BC"),
    ("/\udcff", "http://a/%FF"),
    (f"//{NAME}/", f"http://{A_LABEL}/"),
    ("?a\\b", "http://a/b/c/d;p?a\\b"),
]


@pytest.mark.parametrize(("location", "url"), [*RFC_3986, *LOCATIONS])
def test_a_location_is_resolved_as_rfc_3986_says(location: str, url: str) -> None:
    assert str(resolve(parse_url(BASE), location)) == url


@pytest.mark.parametrize(
    ("base", "location", "url"),
    [
        ("https://a.example:8443/x?q", "y", "https://a.example:8443/y"),
        ("https://[::1]/x", "y", "https://[::1]/y"),
        ("https://a.example/x/../y/z", "", "https://a.example/x/../y/z"),
        ("https://a.example/x/../y/z", "w", "https://a.example/y/w"),
        ("https://a.example/?u=/b/c", "w", "https://a.example/w"),
        ("https://a.example//x", "?y", "https://a.example//x?y"),
        ("wss://a.example/x", "//b.example/", "wss://b.example/"),
    ],
)
def test_the_base_gives_what_the_location_leaves_out(base: str, location: str, url: str) -> None:
    assert str(resolve(parse_url(base), location)) == url


@pytest.mark.parametrize(
    "location",
    [
        "g:h",
        "http:g",
        "http:/g",
        "http:/.//evil.example/",
        "mailto:a@b.example",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "//",
        "///x",
        "http://",
        "//u:p@b.example/",
        "//b.example:99999/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/x\x00",
        "/x\r\nSet-Cookie: a=b",
        "//%2F/",
        "//127.1/",
        "\ud800",
    ],
)
def test_a_location_that_cannot_be_used_is_refused(location: str) -> None:
    with pytest.raises(BadRequestError):
        resolve(parse_url(BASE), location)


_SEGMENT = st.sampled_from(["a", "b.c", "..", ".", "%2e", "x;y", "...", "~"])
_PATH = st.lists(_SEGMENT, min_size=1, max_size=6).map("/".join)
_QUERY = st.sampled_from(["", "?q", "?q=/../x"])


@given(_PATH, _QUERY, st.sampled_from(["", "/", "//h.example/", "https://h.example:81/"]), _PATH, _QUERY)
def test_resolving_agrees_with_urljoin(base: str, base_query: str, start: str, path: str, query: str) -> None:
    # urljoin leaves the dots of a reference with an authority in place, and drops empty segments.
    absolute = f"http://a.example/{base}{base_query}"
    location = start + (path.replace(".", "x") if "//" in start else path) + query
    resolved = str(resolve(parse_url(absolute), location))
    assert urlsplit(resolved) == urlsplit(urljoin(absolute, location))


@given(st.text(st.characters()))
@example("http:///")
def test_any_location_is_resolved_or_refused(location: str) -> None:
    try:
        url = resolve(parse_url(BASE), location)
    except BadRequestError:
        return
    assert str(url).isascii()
    assert parse_url(str(url)) == url


ROUTES = [
    ("/api=https://x.example/v1", "/users?q=1", "https://x.example/v1/users?q=1"),
    ("/api=https://x.example/v1", "", "https://x.example/v1"),
    ("/api=https://x.example/v1", "/", "https://x.example/v1/"),
    ("/api=https://x.example/v1", "?q", "https://x.example/v1?q"),
    ("/api/=https://x.example/v1", "/users", "https://x.example/v1/users"),
    ("/api=https://x.example/v1/", "/users", "https://x.example/v1/users"),
    ("/api=https://x.example/v1/", "", "https://x.example/v1/"),
    ("/api=https://x.example", "/users", "https://x.example/users"),
    ("/api=https://x.example", "", "https://x.example/"),
    ("/api=https://x.example", "?q", "https://x.example/?q"),
    ("/api=https://x.example", "//a//%2f{}", "https://x.example//a//%2f{}"),
    ("/a-b/v1.0_~=http://[::1]:9000/p=q", "/x@y:z", "http://[::1]:9000/p=q/x@y:z"),
    ("/ws=wss://x.example/socket", "", "wss://x.example/socket"),
]


@pytest.mark.parametrize(("option", "rest", "url"), ROUTES)
def test_a_fixed_route_puts_its_url_in_place_of_its_prefix(option: str, rest: str, url: str) -> None:
    assert str(parse_route(option, "--forward").url(rest)) == url


def test_a_fixed_route_has_its_prefix_without_a_slash_at_the_end() -> None:
    base = ForwardUrl("https", "x.example", 443, "/v1")
    assert parse_route("/api/v1/=https://x.example/v1", "--forward") == FixedRoute("/api/v1", base)


@pytest.mark.parametrize("rest", ["/a b", "/a\r\nX: 1", "/#f", "/\\x", "/\udcff"])
def test_what_follows_a_fixed_route_is_held_to_the_same_rules(rest: str) -> None:
    with pytest.raises(BadRequestError):
        parse_route("/api=https://x.example/v1", "--forward").url(rest)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "PREFIX=URL"),
        ("/api", "PREFIX=URL"),
        ("https://x.example/v1", "PREFIX=URL"),
        ("https://x.example/v1?a=b", "PREFIX=URL"),
        ("api=https://x.example", "not a path"),
        ("/=https://x.example", "not a path"),
        ("=https://x.example", "not a path"),
        ("//evil=https://x.example", "not a path"),
        ("/a//b=https://x.example", "not a path"),
        ("/a//=https://x.example", "not a path"),
        ("/.=https://x.example", "not a path"),
        ("/a/../b=https://x.example", "not a path"),
        ("/..=https://x.example", "not a path"),
        ("/a b=https://x.example", "not a path"),
        ("/{x}=https://x.example", "not a path"),
        ("/a%20=https://x.example", "not a path"),
        ("/a?b=https://x.example", "not a path"),
        (f"/{U_UMLAUT}=https://x.example", "not a path"),
        ("/api=", "/api: There is no URL"),
        ("/api=x.example", "/api: The URL has no scheme. Begin it"),
        ("/api=https:/x.example", "/api: The URL lacks two slashes. Write https://"),
        ("/api=https://x.example/?key=1", "/api: leave out the query"),
        ("/api=https://x.example/#f", "/api: The URL has a fragment"),
        ("/api=https://x.example:0/", "between 1 and 65535."),
    ],
)
def test_what_is_no_fixed_route_is_refused_at_start(value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_route(value, "--forward")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("--forward ")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("prefix", ["/...", "/.hidden", "/a/..b", "/a."])
def test_dots_within_a_segment_of_a_prefix_are_fine(prefix: str) -> None:
    assert parse_route(f"{prefix}=https://x.example", "--forward").prefix == prefix
