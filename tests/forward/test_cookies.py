"""Tests of cookies: Set-Cookie for the page, and what goes back to the server that set it."""

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.forward.cookies import pick_cookies, rewrite_set_cookie, with_new

PAGE = "/forward/https://api.example/"
EXPIRES = "Expires=Wed, 21 Oct 2026 07:28:00 GMT"

# The value upstream, and the page's over plain HTTP and over HTTPS, without the Path at its end.
COOKIES = [
    ("sid=31d4d96e407aad42; Path=/; HttpOnly", "sid=31d4d96e407aad42; HttpOnly", None),
    (f"a=b; {EXPIRES}; Max-Age=60; Path=/", f"a=b; {EXPIRES}; Max-Age=60", None),
    ("a=b; Domain=example; Path=/", "a=b", None),
    ("a=b; domain = .api.example ;HttpOnly", "a=b; HttpOnly", None),
    ("a=b; Domain", "a=b", None),
    ("a=b; Secure; HttpOnly", "a=b; HttpOnly", "a=b; Secure; HttpOnly"),
    ("a=b; SECURE", "a=b", "a=b; SECURE"),
    ("a=b; Secure=yes", "a=b", "a=b; Secure=yes"),
    ("a=b; SameSite=None; Secure", "a=b; SameSite=Lax", "a=b; SameSite=None; Secure"),
    ("a=b; samesite = NONE", "a=b; SameSite=Lax", "a=b; samesite = NONE"),
    ("a=b; SameSite=Strict", "a=b; SameSite=Strict", None),
    ("a=b; SameSite=Lax", "a=b; SameSite=Lax", None),
    ("a=b; Secure; Partitioned", "a=b", "a=b; Secure; Partitioned"),
    ("a=b; Priority=High; X-Unknown=1", "a=b; Priority=High; X-Unknown=1", None),
    ("a=", "a=", None),
    ("a=b=c==", "a=b=c==", None),
    ('a="b c, d"', 'a="b c, d"', None),
    (" a = b ;; ; HttpOnly;", "a=b; HttpOnly", None),
    ("a\t=\tb\t", "a=b", None),
    ("a=x\ty", "a=x\ty", None),
    (
        "a=\N{LATIN SMALL LETTER U WITH DIAERESIS}\udcff",
        "a=\N{LATIN SMALL LETTER U WITH DIAERESIS}\udcff",
        None,
    ),
    ("Path=/x; HttpOnly", "Path=/x; HttpOnly", None),
    ("__Host-sid=1; Secure; Path=/", "fetchkit__Host-sid=1", "fetchkit__Host-sid=1; Secure"),
    ("__secure-sid=1; Secure", "fetchkit__secure-sid=1", "fetchkit__secure-sid=1; Secure"),
    ("__Http-sid=1; HttpOnly", "fetchkit__Http-sid=1; HttpOnly", None),
    ("__Host-Http-sid=1", "fetchkit__Host-Http-sid=1", None),
    ("__hostile=1", "__hostile=1", None),
    ("my-fetchkit-token=1", "my-fetchkit-token=1", None),
    ("a=fetchkit-token", "a=fetchkit-token", None),
    ("a=" + "x" * 65536, "a=" + "x" * 65536, None),
]


@pytest.mark.parametrize(
    ("line", "plain", "secure"), COOKIES, ids=[ascii(line[:40]) for line, _, _ in COOKIES]
)
def test_a_cookie_is_bound_to_the_page_s_path_and_mended_for_its_scheme(
    line: str, plain: str, secure: str | None
) -> None:
    name = line.partition("=")[0].strip()
    path = f"{PAGE}x" if "Path=/x;" in line.partition("; ")[2] else PAGE
    assert rewrite_set_cookie(line, prefix_path=PAGE, secure=False) == (name, f"{plain}; Path={path}")
    assert rewrite_set_cookie(line, prefix_path=PAGE, secure=True) == (
        name,
        f"{secure or plain}; Path={path}",
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        ";",
        "a",
        "a; Path=/",
        "=b",
        " = b; Path=/",
        "; a=b",
        "a=b\x00",
        "a=b\r\nX-Evil: 1",
        "a=b\nc",
        "a=b; Path=/\x1f",
        "a=b\x7f",
        "a\x08=b",
        "fetchkit-token=x",
        "fetchkit-token-6931=x; Path=/",
        " FetchKit-Token-6931 =x",
    ],
)
def test_a_malformed_cookie_and_one_that_sets_the_access_token_are_dropped(line: str) -> None:
    assert rewrite_set_cookie(line, prefix_path=PAGE, secure=True) is None


@pytest.mark.parametrize(
    ("attributes", "prefix", "base", "path"),
    [
        ("", PAGE, "/", PAGE),
        ("Path=/", PAGE, "/", PAGE),
        ("Path=/v1", PAGE, "/", f"{PAGE}v1"),
        ("Path=/v1/", PAGE, "/", f"{PAGE}v1/"),
        ("path = /v1 ", PAGE, "/", f"{PAGE}v1"),
        ("Path=/a//b/%2F{}", PAGE, "/", f"{PAGE}a//b/%2F{{}}"),
        ("Path=/a/../../..", PAGE, "/", f"{PAGE}a/../../.."),
        ("Path=/a=b", PAGE, "/", f"{PAGE}a=b"),
        ("Path=/a; Path=/b", PAGE, "/", f"{PAGE}b"),
        ("Path=/a; Path=", PAGE, "/", PAGE),
        ("Path=", PAGE, "/", PAGE),
        ("Path", PAGE, "/", PAGE),
        ("Path=v1", PAGE, "/", PAGE),
        ("Path=https://x/", PAGE, "/", PAGE),
        ("Path=/v1", "/forward/http://[::1]:9000/", "/", "/forward/http://[::1]:9000/v1"),
        ("", "/api", "/v1", "/api"),
        ("Path=/", "/api", "/v1", "/api"),
        ("Path=/v1", "/api", "/v1", "/api"),
        ("Path=/v1/", "/api", "/v1", "/api/"),
        ("Path=/v1/users", "/api", "/v1", "/api/users"),
        ("Path=/v1", "/api", "/v1/eu", "/api"),
        ("Path=/v1/users", "/api", "/v1/", "/api/users"),
        ("Path=/users", "/api", "/", "/api/users"),
        ("Path=/", "/api", "/", "/api"),
        ("Path=/v2", "/api", "/v1", None),
        ("Path=/v", "/api", "/v1", None),
        ("Path=/v10", "/api", "/v1", None),
    ],
)
def test_the_path_is_put_where_the_page_reaches_the_server(
    attributes: str, prefix: str, base: str, path: str | None
) -> None:
    rewritten = rewrite_set_cookie(f"a=b; {attributes}", prefix_path=prefix, secure=False, base_path=base)
    assert rewritten == (None if path is None else ("a", f"a=b; Path={path}"))


@given(
    st.text(st.characters())
    | st.from_regex(r"[a-z]=[!-~ ]*(; ?(path|domain|secure)=?/?[a-z.]*)*", fullmatch=True)
)
def test_whatever_a_server_sets_stays_on_its_path_and_on_one_line(line: str) -> None:
    rewritten = rewrite_set_cookie(line, prefix_path=PAGE, secure=False)
    if rewritten is None:
        return
    name, value = rewritten
    attributes = [part.partition("=") for part in value.lower().split("; ")[1:]]
    names = [attribute.strip() for attribute, _, _ in attributes]
    assert [path.startswith(PAGE) for attribute, _, path in attributes if attribute == "path"] == [True]
    assert not {"domain", "secure"} & set(names)
    assert not set(value) & set("\r\n\0")
    assert value.startswith((f"{name}=", f"fetchkit{name}="))


def test_the_standard_library_reads_the_same_cookie() -> None:
    rewritten = rewrite_set_cookie(
        f"sid=1; Domain=x; {EXPIRES}; Secure; HttpOnly; SameSite=None", prefix_path=PAGE, secure=False
    )
    assert rewritten is not None
    morsel = SimpleCookie(rewritten[1])["sid"]
    assert (morsel["path"], morsel["domain"], morsel["samesite"]) == (PAGE, "", "Lax")
    assert (morsel["secure"], morsel["httponly"], morsel["expires"]) == ("", True, EXPIRES[8:])


@pytest.mark.parametrize(
    ("header", "names", "picked"),
    [
        (None, {"a"}, ""),
        ("", {"a"}, ""),
        ("a=1", {"a"}, "a=1"),
        ("a=1", set[str](), ""),
        ("a=1; b=2; c=3", {"a", "c"}, "a=1; c=3"),
        ("c=3; a=1", ["a", "c"], "c=3; a=1"),
        ("a=1; a=2", {"a"}, "a=1; a=2"),
        ("A=1; a=2", {"a"}, "a=2"),
        ("aa=1; a=2", {"a"}, "a=2"),
        ("a=1;b=2 ;  a = 3 ", {"a"}, "a=1; a=3"),
        ("a=b=c==", {"a"}, "a=b=c=="),
        ('a="x y"', {"a"}, 'a="x y"'),
        ("a=", {"a"}, "a="),
        ("=x; x", {"", "x"}, ""),
        ("; ;a=1;", {"a"}, "a=1"),
        ("fetchkit-token-6931=secret; a=1", {"a"}, "a=1"),
        ("fetchkit-token-6931=secret; a=1", {"a", "fetchkit-token-6931"}, "a=1"),
        ("fetchkit-token=secret", {"fetchkit-token"}, ""),
        ("Fetchkit-Token-1=secret", {"Fetchkit-Token-1"}, ""),
        ("fetchkit__Host-sid=1", {"__Host-sid"}, "__Host-sid=1"),
        ("__Host-sid=1", {"__Host-sid"}, ""),
        ("fetchkit__Host-sid=1", {"sid"}, ""),
    ],
)
def test_only_what_the_server_has_set_goes_back_to_it(
    header: str | None, names: set[str] | list[str], picked: str
) -> None:
    assert pick_cookies(header, names) == picked


@pytest.mark.parametrize("name", ["sid", "__Host-sid", "__SECURE-sid", "__Http-x", "__Host-Http-x"])
def test_a_cookie_comes_back_under_the_name_that_the_server_gave_it(name: str) -> None:
    rewritten = rewrite_set_cookie(f"{name}=v; Secure; Path=/", prefix_path=PAGE, secure=True)
    assert rewritten is not None
    kept = rewritten[1].partition(";")[0]
    assert pick_cookies(f"other=1; {kept}", {rewritten[0]}) == f"{name}=v"
    assert not kept.startswith("__")


NOW = 1_800_000_000.0  # 15 January 2027

# What the page has, what is set, the path that is asked for next, what goes there.
NEXT: list[tuple[str | None, list[str], str, str | None]] = [
    (None, [], "/", None),
    ("a=1", [], "/", "a=1"),
    (None, ["a=1"], "/", "a=1"),
    ("a=1; b=2", ["a=3"], "/", "b=2; a=3"),
    ("a=1", ["a=2", "a=3"], "/", "a=3"),
    ("a=1", ["A=2"], "/", "a=1; A=2"),
    ("a=1", ["a=; Max-Age=0"], "/", None),
    ("a=1", ["a=; max-age = -1"], "/", None),
    ("a=1", ["a=2; Max-Age=60"], "/", "a=2"),
    ("a=1", ["a=2; Max-Age=" + "9" * 5000], "/", "a=2"),
    ("a=1", ["a=2; Max-Age=0; Max-Age=60"], "/", "a=2"),
    ("a=1", ["a=2; Max-Age=x"], "/", "a=2"),
    ("a=1", ["a=; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT"], "/", None),
    ("a=1", ["a=2; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "/", "a=2"),
    ("a=1", ["a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "/", None),
    ("a=1", ["a=; Expires=Thu, 01-Jan-1970 00:00:01 GMT"], "/", None),
    ("a=1", ["a=2; Expires=Fri, 01 Jan 2100 00:00:00 GMT"], "/", "a=2"),
    ("a=1", ["a=2; Expires=Fri, 01-Jan-2100 00:00:00 GMT"], "/", "a=2"),
    ("a=1", ["a=2; Expires=never"], "/", "a=2"),
    ("a=1", ["a=2; Path=/in"], "/in/deep", "a=2"),
    ("a=1", ["a=2; Path=/in"], "/inside", "a=1"),
    ("a=1", ["a=; Path=/in; Max-Age=0"], "/out", "a=1"),
    ("a=1", ["b=2; Path=/in; Path=/"], "/out", "a=1; b=2"),
    ("a=1", ["", "b", "=c", "a=2\r\n", "fetchkit-token-1=x"], "/", "a=1"),
    ("a=1", ["__Host-a=2"], "/", "a=1; fetchkit__Host-a=2"),
]


@pytest.mark.parametrize(("page", "lines", "path", "expected"), NEXT)
def test_the_next_hop_gets_what_a_browser_would_send_it(
    page: str | None, lines: list[str], path: str, expected: str | None
) -> None:
    assert with_new(page, lines, path, NOW) == expected


@given(st.text(st.characters()) | st.from_regex(r"a=1; (Expires|Max-Age)=.*", fullmatch=True))
def test_no_set_cookie_breaks_the_next_hop(line: str) -> None:
    sent = with_new("other=1", [line], "/", NOW) or ""
    assert sent.startswith("other=1") or line.strip(" \t").startswith("other")
    assert not set(sent) & set("\r\n\0")
