"""The table of requests that httpbin and the origin are both asked, and where their answers may differ."""

import base64
from collections.abc import Iterator

from attrs import evolve, frozen

from .accepted import (
    Accepted,
)
from .client import Request
from .comparing import View
from .digest import Login

__all__ = ["CASES", "Case"]

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data; boundary=LINE"
_JSON = ("Content-Type", "application/json")
_ORIGIN = ("Origin", "http://localhost:3000")


@frozen
class Case:
    """One row.

    Attributes:
        name: what it is about.
        request: what is asked.
        differs: the differences that are accepted; each must be seen, and no other.
        view: how the bodies are compared.
        login: how a client of Digest goes about it.
        with_cors: whether the fields of CORS are compared.
    """

    name: str
    request: Request
    differs: tuple[Accepted, ...] = ()
    view: View = View.EXACT
    login: Login | None = None
    with_cors: bool = False


def case(
    line: str,
    *headers: tuple[str, str],
    body: bytes | tuple[bytes, ...] = b"",
    differs: tuple[Accepted, ...] = (),
    view: View = View.EXACT,
    login: Login | None = None,
    about: str = "",
) -> Case:
    """A row from a request line."""
    method, _, target = line.partition(" ")
    with_cors = any(name == "Origin" for name, _ in headers)
    name = f"{line} {about}".strip()
    return Case(name, Request(method, target, headers, body), differs, view, login, with_cors)


def basic(user: str, passwd: str, scheme: str = "Basic") -> tuple[str, str]:
    """Credentials of Basic."""
    return "Authorization", f"{scheme} {base64.b64encode(f'{user}:{passwd}'.encode()).decode()}"


def part(name: str, data: bytes, filename: str = "", content_type: str = "") -> bytes:
    """A part of a form."""
    head = f'--LINE\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{filename}"' if filename else ""
    head += f"\r\nContent-Type: {content_type}" if content_type else ""
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


_END = b"--LINE--\r\n"

INSPECTION = (
    case("GET /get"),
    case("GET /get?a=1&a=2&b=3"),
    case("GET /get?a=1&a=2&a=3&b="),
    case("GET /get?flag"),
    case("GET /get?flag&=value&x=a=b"),
    case("GET /get?plus=a+b&space=a%20b&real=a%2Bb&percent=%25&bad=%zz"),
    case("GET /get?text=%C3%BC%E2%82%AC%F0%9F%98%80"),
    case("GET /get?latin=%FC"),
    case("GET /get?semi=a;b&amp=a%26b"),
    case("GET /get?"),
    case("GET /get?nested[a]=1&list[]=2&q=a/b?c:d@e!$'()*,"),
    case("GET /get", ("User-Agent", "tests/1.0"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, br")),
    case("GET /get", ("x-lower-case", "1"), ("X-UPPER-CASE", "2"), ("X-Empty", "")),
    case("GET /get", ("X-Twice", "a"), ("X-Twice", "b")),
    case("GET /get", ("Authorization", "Bearer abc"), ("Cookie", "a=1; b=2"), ("Referer", "http://x.test/")),
    case("GET /get", ("X-Forwarded-For", "203.0.113.9"), ("Via", "1.1 proxy"), ("X-Request-Id", "abc")),
    case("GET /get?show_env=1", ("X-Request-Id", "abc"), ("Via", "1.1 proxy")),
    case("GET /get", ("X-Forwarded-Proto", "https")),
    case("GET /get", ("Content-Type", "text/plain"), body=b"a body"),
    case("HEAD /get"),
    case("HEAD /get?a=1"),
    case("POST /get"),
    case("OPTIONS /get"),
    case("FROB /get"),
    case("GET /post"),
    case("POST /post"),
    case("POST /post?a=1&a=2", ("Content-Type", _FORM), body=b"x=1&y=2&y=3"),
    case("POST /post", ("Content-Type", _FORM), body=b"plus=a+b&utf8=%C3%BC&empty=&flag&=v"),
    case("POST /post", ("Content-Type", f"{_FORM}; charset=utf-8"), body=b"x=1"),
    case("POST /post", ("Content-Type", _FORM), body=b""),
    case("POST /post", _JSON, body=b'{"a": [1, 2.5, null, true, "\xc3\xbc"]}'),
    case("POST /post", _JSON, body=b"[1, 2]"),
    case("POST /post", _JSON, body=b'"text"'),
    case("POST /post", _JSON, body=b"{broken"),
    case("POST /post", _JSON, body=b'{"a": 1, "a": 2}'),
    case("POST /post", _JSON, body=b'{"n": NaN}'),
    case("POST /post", ("Content-Type", "application/vnd.api+json"), body=b'{"a": 1}'),
    case("POST /post", ("Content-Type", "text/plain"), body=b"plain text"),
    case("POST /post", ("Content-Type", "text/plain"), body=b'{"json": "all the same"}'),
    case("POST /post", ("Content-Type", "text/plain; charset=utf-8"), body="ü€😀".encode()),
    case("POST /post", ("Content-Type", "application/octet-stream"), body=bytes(range(256))),
    case("POST /post", ("Content-Type", "image/png"), body=b"\x89PNG\r\n\x1a\n"),
    case("POST /post", body=b"no type at all"),
    case("POST /post", body=b"\x00\xff", about="bytes without a type"),
    case("POST /post", ("Content-Type", _MULTIPART), body=part("a", b"1") + part("b", b"2") + _END),
    case("POST /post", ("Content-Type", _MULTIPART), body=part("a", b"1") + part("a", b"2") + _END),
    case(
        "POST /post",
        ("Content-Type", _MULTIPART),
        body=part("a", b"1") + part("f", b"text of a file", "f.txt", "text/plain") + _END,
        about="a file",
    ),
    case(
        "POST /post",
        ("Content-Type", _MULTIPART),
        body=part("f", bytes(range(256)), "f.bin", "application/x-thing") + _END,
        about="a binary file",
    ),
    case(
        "POST /post",
        ("Content-Type", _MULTIPART),
        body=part("f", b"\xff\xfe", "f.bin") + _END,
        about="a binary file without a type",
    ),
    case(
        "POST /post",
        ("Content-Type", _MULTIPART),
        body=part("f", b"one", "1.txt") + part("f", b"two", "2.txt") + part("g", b"", "3.txt") + _END,
        about="several files",
    ),
    case("POST /post", ("Content-Type", _MULTIPART), body=b"broken", about="a broken form"),
    case("POST /post", ("Content-Type", "text/plain"), body=(b"in ", b"chunks"), about="in chunks"),
    case("POST /post", _JSON, body=(b'{"a"', b": 1}"), about="JSON in chunks"),
    case("POST /post", ("Content-Type", "text/plain"), body=b"x" * 100_000, about="100 kB"),
    case("POST /post", ("Expect", "100-continue"), ("Content-Type", "text/plain"), body=b"wait for it"),
    case("PUT /put"),
    case("PUT /put?a=1", _JSON, body=b'{"a": 1}'),
    case("PATCH /patch", ("Content-Type", _FORM), body=b"a=1"),
    case("DELETE /delete"),
    case("DELETE /delete?a=1", ("Content-Type", "text/plain"), body=b"with a body"),
    case("GET /put"),
    case("POST /delete"),
    case("GET /anything"),
    case("GET /anything/a/b%20c/d?x=1"),
    case("GET /anything/"),
    case("POST /anything/x", _JSON, body=b'{"a": 1}'),
    case("PUT /anything", ("Content-Type", _FORM), body=b"a=1"),
    case("PATCH /anything", ("Content-Type", "text/plain"), body=b"a"),
    case("DELETE /anything/x"),
    case("TRACE /anything"),
    case("HEAD /anything"),
    case("FROB /anything"),
    case("GET /headers", ("X-One", "1")),
    case("GET /headers?show_env", ("X-Forwarded-For", "203.0.113.9")),
    case("GET /ip"),
    case("GET /ip", ("X-Forwarded-For", "203.0.113.9, 203.0.113.10")),
    case("GET /user-agent", ("User-Agent", "tests/1.0")),
    case("GET /user-agent"),
    case("GET /uuid"),
)

STATUSES = (
    *(
        case(f"GET /status/{code}")
        for code in (200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402)
    ),
    *(
        case(f"GET /status/{code}")
        for code in (403, 404, 405, 406, 407, 408, 409, 410, 412, 413, 416, 418, 422, 426, 429, 451)
    ),
    *(case(f"GET /status/{code}") for code in (500, 501, 502, 503, 504, 511, 599)),
    *(case(f"{method} /status/202") for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "HEAD")),
    case("OPTIONS /status/202"),
    case("FROB /status/202"),
    case("POST /status/503", _JSON, body=b'{"a": 1}'),
    case("GET /status/418,418"),
    case("GET /status/201:1,500:0"),
    case("GET /status/201:0.5,201:2"),
    case("GET /status/abc"),
    case("GET /status/200,abc"),
    case("GET /status/100"),
    case("GET /status/600"),
    case("GET /status/99999"),
    case("GET /status/"),
    case("GET /response-headers"),
    case("GET /response-headers?X-One=1&X-Two=2"),
    case("GET /response-headers?X-One=1&X-One=2&x-one=3"),
    case("GET /response-headers?X-One="),
    case("GET /response-headers?Server=mine"),
    case("GET /response-headers?ETag=%22abc%22&Cache-Control=no-cache&Retry-After=5"),
    case("GET /response-headers?Set-Cookie=a%3D1%3B%20Path%3D/"),
    case("GET /response-headers?Content-Type=text/plain;%20charset=utf-8"),
    case("GET /response-headers?Content-Type=application/json"),
    case("GET /response-headers?Content-Length=5"),
    case("GET /response-headers?Content-Disposition=attachment;%20filename=%22a.txt%22"),
    case("POST /response-headers?X-One=1", body=b"ignored"),
    case("GET /response-headers?Bad%20Name=1"),
    case("GET /response-headers?X-Line=a%0d%0aX-Injected:%20b"),
    case("GET /response-headers?Access-Control-Allow-Origin=http://one.test", _ORIGIN),
)

REDIRECTS = (
    case("GET /redirect/1"),
    case("GET /redirect/3"),
    case("GET /redirect/3?absolute=true"),
    case("GET /redirect/1?absolute=true"),
    case("GET /redirect/3?absolute=false"),
    case("GET /redirect/0"),
    case("GET /redirect/-1"),
    case("GET /redirect/abc"),
    case("POST /redirect/2"),
    case("HEAD /redirect/2"),
    case("GET /relative-redirect/1"),
    case("GET /relative-redirect/3"),
    case("GET /relative-redirect/0"),
    case("GET /absolute-redirect/1"),
    case("GET /absolute-redirect/3"),
    case("GET /redirect-to?url=/get"),
    case("GET /redirect-to?url=http://example.test/a?b=c%26d"),
    case("GET /redirect-to?url=/get&status_code=307"),
    case("GET /redirect-to?url=/get&status_code=308"),
    case("GET /redirect-to?URL=/get"),
    case("GET /redirect-to?url=/get&status_code=200"),
    case("GET /redirect-to?url=/get&status_code=abc"),
    case("GET /redirect-to"),
    case("GET /redirect-to?url=get"),
    case("GET /redirect-to?url=//example.test/a"),
    case("GET /redirect-to?url=javascript:alert(1)"),
    case("GET /redirect-to?url=/%C3%BC"),
    *(
        case(f"{method} /redirect-to?url=/anything&status_code=303")
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE")
    ),
    case("POST /redirect-to", ("Content-Type", _FORM), body=b"url=/post&status_code=307"),
)

COOKIES = (
    case("GET /cookies"),
    case("GET /cookies", ("Cookie", "a=1; b=2")),
    case("GET /cookies", ("Cookie", 'a="quoted value"; b=x=y')),
    case("GET /cookies", ("Cookie", "a=1; a=2")),
    case("GET /cookies", ("Cookie", "a=1; nothing; b=2")),
    case("GET /cookies", ("Cookie", "_gauges_unique=1; a=1")),
    case("GET /cookies/set?a=1"),
    case("GET /cookies/set?a=1&b=2"),
    case("GET /cookies/set?a=two%20words"),
    case("GET /cookies/set?a="),
    case("GET /cookies/set"),
    case("GET /cookies/set?a=%C3%BC"),
    case("GET /cookies/set?a=1&a=2"),
    case("GET /cookies/set/name/value"),
    case("GET /cookies/set/name/two%20words"),
    case("GET /cookies/set?a=x%2Cy%3Bz"),
    case("GET /cookies/delete?a"),
    case("GET /cookies/delete?a=&b="),
    case("GET /cookies/delete"),
    case("POST /cookies/set?a=1"),
)

AUTH = (
    case("GET /basic-auth/user/passwd"),
    case("GET /basic-auth/user/passwd", basic("user", "passwd")),
    case("GET /basic-auth/user/passwd", basic("user", "wrong")),
    case("GET /basic-auth/user/passwd", basic("user", "passwd", "basic")),
    case("GET /basic-auth/user/pass%20word", basic("user", "pass word")),
    case("GET /basic-auth/user/pass%3Aword", basic("user", "pass:word")),
    case("GET /basic-auth/%C3%BC/%C3%A4", basic("ü", "ä")),
    case("GET /basic-auth/user/passwd", ("Authorization", "Basic !!!")),
    case("GET /basic-auth/user/passwd", ("Authorization", "Bearer abc")),
    case("HEAD /basic-auth/user/passwd"),
    case("GET /hidden-basic-auth/user/passwd"),
    case("GET /hidden-basic-auth/user/passwd", basic("user", "passwd")),
    case("GET /hidden-basic-auth/user/passwd", basic("user", "wrong")),
    case("GET /bearer"),
    case("GET /bearer", ("Authorization", "Bearer abc.def-123")),
    case("GET /bearer", ("Authorization", "bearer abc")),
    case("GET /bearer", ("Authorization", "Bearer")),
    case("GET /bearer", ("Authorization", "Bearer a b")),
    case("GET /bearer", basic("user", "passwd")),
    case("GET /digest-auth/auth/user/passwd"),
    case("GET /digest-auth/auth-int/user/passwd"),
    case("GET /digest-auth/other/user/passwd"),
    *(
        case(f"GET /digest-auth/auth/user/passwd/{algorithm}", about=about, login=login)
        for algorithm in ("MD5", "SHA-256", "SHA-512")
        for about, login in (("asked", None), ("answered", Login()), ("wrong", Login(passwd="wrong")))
    ),
    case("GET /digest-auth/auth/user/passwd", login=Login(), about="answered"),
    case("GET /digest-auth/auth-int/user/passwd", login=Login(qop="auth-int"), about="answered"),
    case("GET /digest-auth/auth-int/user/passwd/SHA-256", login=Login(qop="auth-int"), about="answered"),
    case("GET /digest-auth/undefined/user/passwd", login=Login(), about="answered"),
    case("GET /digest-auth/auth/user/passwd", login=Login(qop=None), about="without qop"),
    case("GET /digest-auth/auth/user/passwd", login=Login(user="other"), about="another user"),
    case("GET /digest-auth/auth/user/passwd", login=Login(wrong={"nc": "1"}), about="a bad nc"),
    case("GET /digest-auth/auth/user/passwd", login=Login(wrong={"uri": "/get"}), about="another uri"),
    case("GET /digest-auth/auth/user/passwd", login=Login(visits=4), about="used again"),
    case("GET /digest-auth/auth/user/passwd", login=Login(keeps_cookies=False), about="without cookies"),
    case("GET /digest-auth/auth/user/passwd?x=1", login=Login(), about="with a query"),
    *(
        case("GET /digest-auth/auth/user/passwd/MD5/2", login=Login(visits=visits), about=f"visit {visits}")
        for visits in (1, 2, 3, 4, 5)
    ),
    case("GET /digest-auth/auth/user/passwd/MD5/never", login=Login(), about="answered"),
    case("GET /digest-auth/auth/user/passwd/MD4"),
    case("GET /digest-auth/auth/user/passwd?require-cookie=true"),
    case("GET /digest-auth/auth/user/passwd/MD5?require-cookie=0"),
    case("GET /digest-auth/auth/user/passwd", basic("user", "passwd")),
    case("GET /digest-auth/auth/user/passwd", ("Authorization", "Digest")),
)

CACHING = (
    case("GET /cache"),
    case("GET /cache", ("If-None-Match", '"abc"')),
    case("GET /cache", ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT")),
    case("GET /cache?a=1"),
    case("HEAD /cache"),
    case("GET /cache/60"),
    case("GET /cache/0"),
    case("GET /cache/abc"),
    case("GET /cache/60", ("If-None-Match", '"abc"')),
    case("GET /etag/abc"),
    case("GET /etag/abc", ("If-None-Match", '"abc"')),
    case("GET /etag/abc", ("If-None-Match", 'W/"abc"')),
    case("GET /etag/abc", ("If-None-Match", '"x", "abc"')),
    case("GET /etag/abc", ("If-None-Match", "*")),
    case("GET /etag/abc", ("If-None-Match", '"x"')),
    case("GET /etag/abc", ("If-Match", '"abc"')),
    case("GET /etag/abc", ("If-Match", "*")),
    case("GET /etag/abc", ("If-Match", '"x"')),
    case("GET /etag/abc", ("If-Match", 'W/"abc"')),
    case("GET /etag/abc", ("Range", "bytes=0-3")),
    case("GET /etag/a%22b"),
)

CODINGS = (
    case("GET /gzip"),
    case("GET /gzip", ("Accept-Encoding", "gzip")),
    case("GET /gzip", ("Accept-Encoding", "identity")),
    case("GET /deflate"),
    case("GET /brotli"),
    case("HEAD /gzip"),
)

GENERATED = (
    case("GET /bytes/0", view=View.SIZE),
    case("GET /bytes/1024", view=View.SIZE),
    case("GET /bytes/1024?seed=1", view=View.SIZE),
    case("HEAD /bytes/1024"),
    case("GET /bytes/200000", view=View.SIZE),
    case("GET /bytes/abc"),
    case("GET /bytes/-1"),
    case("GET /bytes/10?seed=abc", view=View.SIZE),
    case("GET /bytes/1024", ("Range", "bytes=0-9"), view=View.SIZE),
    case("GET /stream-bytes/1024", view=View.SIZE),
    case("GET /stream-bytes/1024?seed=1&chunk_size=100", view=View.SIZE),
    case("GET /stream-bytes/0", view=View.SIZE),
    case("GET /stream-bytes/200000", view=View.SIZE),
    case("GET /stream-bytes/100?chunk_size=0", view=View.SIZE),
    case("HEAD /stream-bytes/100"),
    case("GET /range/1024"),
    case("GET /range/26"),
    case("GET /range/1024", ("Range", "bytes=0-9")),
    case("GET /range/1024", ("Range", "bytes=1000-")),
    case("GET /range/1024", ("Range", "bytes=-10")),
    case("GET /range/1024", ("Range", "bytes=0-1023")),
    case("GET /range/1024", ("Range", "bytes=0-5000")),
    case("GET /range/1024", ("Range", "bytes=2000-")),
    case("GET /range/1024", ("Range", "bytes=-5000")),
    case("GET /range/1024", ("Range", "bytes=9-0")),
    case("GET /range/1024", ("Range", "bytes=0-0,5-6"), view=View.SIZE),
    case("GET /range/1024", ("Range", "lines=0-9")),
    case("GET /range/1024", ("Range", "bytes=0-9"), ("If-Range", '"range1024"')),
    case("GET /range/1024", ("Range", "bytes=0-9"), ("If-Range", '"old"')),
    case("GET /range/1024", ("If-None-Match", '"range1024"')),
    case("GET /range/1024?chunk_size=10&duration=0.2", ("Range", "bytes=10-99")),
    case("GET /range/0"),
    case("GET /range/200000"),
    case("HEAD /range/1024"),
    case("HEAD /range/1024", ("Range", "bytes=0-9")),
    case("GET /stream/0", view=View.LINES),
    case("GET /stream/3", view=View.LINES),
    case("GET /stream/3?a=1", ("X-One", "1"), view=View.LINES),
    case("GET /stream/150", view=View.LINES),
    case("GET /stream/abc"),
    case("HEAD /stream/3"),
    case("GET /drip?duration=0.1&numbytes=5"),
    case("GET /drip?duration=0&numbytes=5&code=500&delay=0.1"),
    case("GET /drip?duration=0&numbytes=0"),
    case("GET /drip?duration=0&numbytes=abc"),
    case("GET /drip?duration=0&DURATION=0&NumBytes=3"),
    case("GET /delay/0"),
    case("GET /delay/0.1?a=1"),
    case("POST /delay/0", _JSON, body=b'{"a": 1}'),
    case("PUT /delay/0", ("Content-Type", _FORM), body=b"a=1"),
    case("PATCH /delay/0"),
    case("DELETE /delay/0"),
    case("TRACE /delay/0"),
    case("GET /delay/abc"),
    case("GET /delay/-1"),
)

CONTENT = (
    case("GET /html", view=View.OWN),
    case("GET /json"),
    case("GET /xml", view=View.OWN),
    case("GET /robots.txt"),
    case("GET /deny", view=View.OWN),
    case("GET /encoding/utf8", view=View.OWN),
    case("GET /forms/post", view=View.OWN),
    case("GET /", view=View.OWN),
    case("GET /links/3"),
    case("GET /links/3/0", view=View.LINKS),
    case("GET /links/10/5", view=View.LINKS),
    case("GET /links/3/7", view=View.LINKS),
    case("GET /links/0/0", view=View.LINKS),
    case("GET /links/250/0", view=View.LINKS),
    *(case(f"GET /image/{kind}", view=View.OWN) for kind in ("png", "jpeg", "webp", "svg")),
    case("GET /image/gif"),
    case("HEAD /image/png"),
    *(
        case("GET /image", ("Accept", accept), view=View.OWN)
        for accept in ("image/webp", "image/svg+xml", "image/jpeg", "image/png", "image/*", "*/*", "text/html")
    ),
    case("GET /image", view=View.OWN),
    case("GET /image", ("Accept", "image/png, image/webp;q=0.5"), view=View.OWN),
    case("GET /base64/SFRUUEJJTiBpcyBhd2Vzb21l"),
    case("GET /base64/w7w="),
    case("GET /base64/_-8="),
    case("GET /base64/abc"),
    case("GET /base64/%21%21%21"),
    case("GET /base64/PHNjcmlwdD4="),
)

CORS = (
    case("GET /get", _ORIGIN),
    case("GET /status/404", _ORIGIN),
    case("GET /nowhere", _ORIGIN),
    case("GET /redirect/1", _ORIGIN),
    case("GET /cookies/set?a=1", _ORIGIN),
    case("OPTIONS /get", _ORIGIN, ("Access-Control-Request-Method", "GET")),
    case(
        "OPTIONS /put",
        _ORIGIN,
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "content-type, x-one"),
    ),
    case("OPTIONS /nowhere", _ORIGIN, ("Access-Control-Request-Method", "GET")),
    evolve(case("GET /get", about="without Origin"), with_cors=True),
)

OTHERS = (
    case("GET /nowhere"),
    case("POST /nowhere", body=b"x"),
    case("GET /get/"),
    case("GET /GET"),
    case("OPTIONS /nowhere"),
    case("OPTIONS /post"),
    case("OPTIONS /anything"),
    case("OPTIONS /redirect/1"),
    case("HEAD /ip"),
    case("HEAD /headers"),
    case("HEAD /status/404"),
    case("HEAD /html"),
    case("HEAD /cookies"),
    case("PROPFIND /anything"),
    case("PUT /post"),
    case("DELETE /get"),
)


def _unique(cases: tuple[Case, ...]) -> Iterator[Case]:
    """Rows of one request line get their fields into their names."""
    names = [each.name for each in cases]
    for each in cases:
        if names.count(each.name) > 1:
            text = "; ".join(f"{name}: {value}" for name, value in each.request.headers)
            body = each.request.body
            shown = body[:30] if isinstance(body, bytes) else body[0]
            yield evolve(each, name=" ".join((each.name, text, shown.decode("latin-1"))).strip())
        else:
            yield each


CASES = tuple(
    _unique(
        (
            *INSPECTION,
            *STATUSES,
            *REDIRECTS,
            *COOKIES,
            *AUTH,
            *CACHING,
            *CODINGS,
            *GENERATED,
            *CONTENT,
            *CORS,
            *OTHERS,
        )
    )
)
