"""The table of requests that httpbin and the origin are both asked, and where their answers may differ."""

import base64
from collections.abc import Iterator

from attrs import evolve, frozen

from .accepted import (
    ANALYTICS,
    ANY_METHOD,
    ANYTHING,
    BAD_RANGE,
    BASE64,
    BEARER_CASE,
    BEARER_REALM,
    BEARER_TOKEN,
    BROKEN_FORM,
    BYTES_RANGE,
    CACHE_TAG,
    CHARSET,
    CLAMP,
    CONNECTION,
    CONTENT_RANGE,
    COOKIE_PAIR,
    COOKIE_VALUE,
    CRASH,
    DIGEST_ALGORITHM,
    DIGEST_BARE,
    DIGEST_CHECKED,
    DIGEST_QUERY,
    ETAG_BODY,
    ETAG_RANGE,
    EXPOSE,
    FIELD_NAMES,
    FIELDS,
    IF_RANGE,
    IMAGE_ANY,
    IMAGE_WEIGHT,
    LAST_BYTE,
    LOCATION,
    NAMES_OF_PARAMETERS,
    NO_JSON,
    NO_NUMBER,
    NO_ORIGIN,
    NO_PAGE,
    NO_STATUS,
    NO_TAG,
    NO_TYPE,
    NO_URL,
    NOT_MODIFIED,
    OWN_CORS,
    OWN_LENGTH,
    OWN_TEXT,
    OWN_TYPE,
    PREFLIGHT,
    PROBLEM,
    PROXY_FIELD,
    QUOTES,
    RANGE_LIMIT,
    REALM,
    RESOURCE,
    SAME_FILES,
    SCHEMES,
    SEED,
    SEVERAL_RANGES,
    TAG,
    TEXT,
    UNKNOWN_METHOD,
    UNSATISFIED,
    URI,
    VARY,
    VARY_ORIGIN,
    WEAK_MATCH,
    WHOLE_RANGE,
    Accepted,
)
from .client import Reply, Request, send
from .comparing import View
from .digest import Login

__all__ = ["CASES", "Case"]

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data; boundary=LINE"
_JSON = ("Content-Type", "application/json")
# Statuses that go with nothing else.
_PLAIN = (
    200, 201, 202, 203, 205, 206, 301, 302, 303, 305, 307, 400, 401, 403, 404, 408, 409, 410, 412, 413, 422,
    426, 451, 500, 501, 502, 504, 511, 599,
)  # fmt: skip
_HASHES = ("MD5", "SHA-256", "SHA-512")
_ORIGIN = ("Origin", "http://localhost:3000")


@frozen
class Case:
    """One row.

    Attributes:
        name: what it is about.
        request: what is asked.
        accepted: the differences that are accepted; each must be seen, and no other.
        view: how the bodies are compared.
        login: how a client of Digest goes about it.
        with_cors: whether the fields of CORS are compared.
    """

    name: str
    request: Request
    accepted: tuple[Accepted, ...] = ()
    view: View = View.EXACT
    login: Login | None = None
    with_cors: bool = False

    def but(self, *accepted: Accepted) -> "Case":
        """The same, where the answers may differ in this."""
        return evolve(self, accepted=accepted)

    def go(self, base: str) -> Reply:
        """Ask a server."""
        return self.login.go(base, self.request) if self.login else send(base, self.request)


def case(
    line: str,
    *headers: tuple[str, str],
    body: bytes | tuple[bytes, ...] = b"",
    view: View = View.EXACT,
    login: Login | None = None,
    about: str = "",
) -> Case:
    """A row from a request line."""
    method, _, target = line.partition(" ")
    with_cors = any(name == "Origin" for name, _ in headers)
    name = f"{line} {about}".strip()
    return Case(name, Request(method, target, headers, body), (), view, login, with_cors)


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
    case("GET /get?text=%C3%BC%E2%82%AC%F0%9F%98%80").but(URI),
    case("GET /get?latin=%FC"),
    case("GET /get?semi=a;b&amp=a%26b"),
    case("GET /get?").but(URI),
    case("GET /get?nested[a]=1&list[]=2&q=a/b?c:d@e!$'()*,"),
    case("GET /get", ("User-Agent", "tests/1.0"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, br")),
    case("GET /get", ("x-lower-case", "1"), ("X-UPPER-CASE", "2"), ("X-Empty", "")),
    case("GET /get", ("X-Twice", "a"), ("X-Twice", "b")),
    case("GET /get", ("Authorization", "Bearer abc"), ("Cookie", "a=1; b=2"), ("Referer", "http://x.test/")),
    case("GET /get", ("X-Forwarded-For", "203.0.113.9"), ("Via", "1.1 proxy"), ("X-Request-Id", "abc")).but(
        CONNECTION
    ),
    case("GET /get?show_env=1", ("X-Request-Id", "abc"), ("Via", "1.1 proxy")),
    case("GET /get", ("X-Forwarded-Proto", "https")).but(CONNECTION),
    case("GET /get", ("Content-Type", "text/plain"), body=b"a body"),
    case("HEAD /get"),
    case("HEAD /get?a=1"),
    case("POST /get").but(PROBLEM),
    case("OPTIONS /get").but(NO_TYPE),
    case("FROB /get").but(PROBLEM),
    case("GET /post").but(PROBLEM),
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
    case("POST /post", _JSON, body=b'{"n": NaN}').but(NO_JSON),
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
    ).but(SAME_FILES),
    case("POST /post", ("Content-Type", _MULTIPART), body=b"broken", about="a broken form").but(
        BROKEN_FORM, PROBLEM
    ),
    case("POST /post", ("Content-Type", "text/plain"), body=(b"in ", b"chunks"), about="in chunks"),
    case("POST /post", _JSON, body=(b'{"a"', b": 1}"), about="JSON in chunks"),
    case("POST /post", ("Content-Type", "text/plain"), body=b"x" * 100_000, about="100 kB"),
    case("POST /post", ("Expect", "100-continue"), ("Content-Type", "text/plain"), body=b"wait for it"),
    case("PUT /put"),
    case("PUT /put?a=1", _JSON, body=b'{"a": 1}'),
    case("PATCH /patch", ("Content-Type", _FORM), body=b"a=1"),
    case("DELETE /delete"),
    case("DELETE /delete?a=1", ("Content-Type", "text/plain"), body=b"with a body"),
    case("GET /put").but(PROBLEM),
    case("POST /delete").but(PROBLEM),
    case("GET /anything"),
    case("GET /anything/a/b%20c/d?x=1"),
    case("GET /anything/").but(ANYTHING),
    case("POST /anything/x", _JSON, body=b'{"a": 1}'),
    case("PUT /anything", ("Content-Type", _FORM), body=b"a=1"),
    case("PATCH /anything", ("Content-Type", "text/plain"), body=b"a"),
    case("DELETE /anything/x"),
    case("TRACE /anything"),
    case("HEAD /anything"),
    case("FROB /anything").but(UNKNOWN_METHOD, PROBLEM),
    case("GET /headers", ("X-One", "1")),
    case("GET /headers?show_env", ("X-Forwarded-For", "203.0.113.9")),
    case("GET /ip"),
    case("GET /ip", ("X-Forwarded-For", "203.0.113.9, 203.0.113.10")).but(CONNECTION),
    case("GET /user-agent", ("User-Agent", "tests/1.0")),
    case("GET /user-agent"),
    case("GET /uuid"),
)

STATUSES = (
    *(case(f"GET /status/{code}").but(TEXT) for code in _PLAIN),
    *(case(f"GET /status/{code}").but(TEXT, FIELDS) for code in (405, 416, 429, 503)),
    *(case(f"GET /status/{code}").but(TEXT, LOCATION) for code in (300, 308)),
    *(case(f"GET /status/{code}").but(TEXT, OWN_TEXT) for code in (402, 418)),
    case("GET /status/204").but(NO_TYPE),
    case("GET /status/304"),
    case("GET /status/406").but(OWN_TEXT),
    case("GET /status/407").but(PROXY_FIELD, TEXT),
    *(
        case(f"{method} /status/202").but(TEXT)
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "HEAD")
    ),
    case("OPTIONS /status/202").but(NO_TYPE),
    case("FROB /status/202").but(UNKNOWN_METHOD, PROBLEM),
    case("POST /status/503", _JSON, body=b'{"a": 1}').but(FIELDS, TEXT),
    case("GET /status/418,418").but(OWN_TEXT, TEXT),
    case("GET /status/201:1,500:0").but(TEXT),
    case("GET /status/201:0.5,201:2").but(TEXT),
    case("GET /status/abc").but(PROBLEM),
    case("GET /status/200,abc").but(PROBLEM),
    case("GET /status/100").but(NO_STATUS, PROBLEM),
    case("GET /status/600").but(NO_STATUS, PROBLEM),
    case("GET /status/99999").but(NO_STATUS, PROBLEM),
    case("GET /status/").but(PROBLEM),
    case("GET /response-headers"),
    case("GET /response-headers?X-One=1&X-Two=2"),
    case("GET /response-headers?X-One=1&X-One=2&x-one=3").but(FIELD_NAMES),
    case("GET /response-headers?X-One="),
    case("GET /response-headers?Server=mine"),
    case("GET /response-headers?ETag=%22abc%22&Cache-Control=no-cache&Retry-After=5"),
    case("GET /response-headers?Set-Cookie=a%3D1%3B%20Path%3D/"),
    case("GET /response-headers?Content-Type=text/plain;%20charset=utf-8").but(OWN_TYPE),
    case("GET /response-headers?Content-Type=application/json").but(OWN_TYPE),
    case("GET /response-headers?Content-Length=5").but(OWN_LENGTH, PROBLEM),
    case("GET /response-headers?Content-Disposition=attachment;%20filename=%22a.txt%22"),
    case("POST /response-headers?X-One=1", body=b"ignored"),
    case("GET /response-headers?Bad%20Name=1").but(CRASH, PROBLEM),
    case("GET /response-headers?X-Line=a%0d%0aX-Injected:%20b").but(CRASH, PROBLEM),
    case("GET /response-headers?Access-Control-Allow-Origin=http://one.test", _ORIGIN).but(
        OWN_CORS, EXPOSE, VARY_ORIGIN
    ),
)

REDIRECTS = (
    case("GET /redirect/1").but(NO_PAGE),
    case("GET /redirect/3").but(NO_PAGE),
    case("GET /redirect/3?absolute=true").but(NO_PAGE),
    case("GET /redirect/1?absolute=true").but(NO_PAGE),
    case("GET /redirect/3?absolute=false").but(NO_PAGE),
    case("GET /redirect/0").but(CRASH, PROBLEM),
    case("GET /redirect/-1").but(NO_NUMBER, PROBLEM),
    case("GET /redirect/abc").but(NO_NUMBER, PROBLEM),
    case("POST /redirect/2").but(ANY_METHOD),
    case("HEAD /redirect/2").but(NO_TYPE),
    case("GET /relative-redirect/1").but(NO_TYPE),
    case("GET /relative-redirect/3").but(NO_TYPE),
    case("GET /relative-redirect/0").but(CRASH, PROBLEM),
    case("GET /absolute-redirect/1").but(NO_PAGE),
    case("GET /absolute-redirect/3").but(NO_PAGE),
    case("GET /redirect-to?url=/get").but(NO_TYPE),
    case("GET /redirect-to?url=http://example.test/a?b=c%26d").but(NO_TYPE),
    case("GET /redirect-to?url=/get&status_code=307").but(NO_TYPE),
    case("GET /redirect-to?url=/get&status_code=308").but(NO_TYPE),
    case("GET /redirect-to?URL=/get").but(NAMES_OF_PARAMETERS, PROBLEM),
    case("GET /redirect-to?url=/get&status_code=200").but(CLAMP, PROBLEM),
    case("GET /redirect-to?url=/get&status_code=abc").but(CRASH, PROBLEM),
    case("GET /redirect-to").but(NO_URL, PROBLEM),
    case("GET /redirect-to?url=get").but(NO_TYPE),
    case("GET /redirect-to?url=//example.test/a").but(NO_TYPE),
    case("GET /redirect-to?url=javascript:alert(1)").but(SCHEMES, PROBLEM),
    case("GET /redirect-to?url=/%C3%BC").but(NO_TYPE),
    *(
        case(f"{method} /redirect-to?url=/anything&status_code=303").but(NO_TYPE)
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE")
    ),
    case("POST /redirect-to", ("Content-Type", _FORM), body=b"url=/post&status_code=307").but(
        NO_URL, PROBLEM
    ),
)

COOKIES = (
    case("GET /cookies"),
    case("GET /cookies", ("Cookie", "a=1; b=2")),
    case("GET /cookies", ("Cookie", 'a="quoted value"; b=x=y')),
    case("GET /cookies", ("Cookie", "a=1; a=2")),
    case("GET /cookies", ("Cookie", "a=1; nothing; b=2")).but(COOKIE_PAIR),
    case("GET /cookies", ("Cookie", "_gauges_unique=1; a=1")).but(ANALYTICS),
    case("GET /cookies/set?a=1").but(NO_PAGE),
    case("GET /cookies/set?a=1&b=2").but(NO_PAGE),
    case("GET /cookies/set?a=two%20words").but(NO_PAGE),
    case("GET /cookies/set?a=").but(NO_PAGE),
    case("GET /cookies/set").but(NO_PAGE),
    case("GET /cookies/set?a=%C3%BC").but(COOKIE_VALUE, PROBLEM),
    case("GET /cookies/set?a=1&a=2").but(NO_PAGE),
    case("GET /cookies/set/name/value").but(NO_PAGE),
    case("GET /cookies/set/name/two%20words").but(NO_PAGE),
    case("GET /cookies/set?a=x%2Cy%3Bz").but(COOKIE_VALUE, PROBLEM),
    case("GET /cookies/delete?a").but(NO_PAGE),
    case("GET /cookies/delete?a=&b=").but(NO_PAGE),
    case("GET /cookies/delete").but(NO_PAGE),
    case("POST /cookies/set?a=1").but(PROBLEM),
)

AUTH = (
    case("GET /basic-auth/user/passwd").but(TEXT),
    case("GET /basic-auth/user/passwd", basic("user", "passwd")),
    case("GET /basic-auth/user/passwd", basic("user", "wrong")).but(TEXT),
    case("GET /basic-auth/user/passwd", basic("user", "passwd", "basic")),
    case("GET /basic-auth/user/pass%20word", basic("user", "pass word")),
    case("GET /basic-auth/user/pass%3Aword", basic("user", "pass:word")),
    case("GET /basic-auth/%C3%BC/%C3%A4", basic("ü", "ä")),
    case("GET /basic-auth/user/passwd", ("Authorization", "Basic !!!")).but(TEXT),
    case("GET /basic-auth/user/passwd", ("Authorization", "Bearer abc")).but(TEXT),
    case("HEAD /basic-auth/user/passwd").but(TEXT),
    case("GET /hidden-basic-auth/user/passwd").but(TEXT),
    case("GET /hidden-basic-auth/user/passwd", basic("user", "passwd")),
    case("GET /hidden-basic-auth/user/passwd", basic("user", "wrong")).but(TEXT),
    case("GET /bearer").but(TEXT, BEARER_REALM),
    case("GET /bearer", ("Authorization", "Bearer abc.def-123")),
    case("GET /bearer", ("Authorization", "bearer abc")).but(BEARER_CASE),
    case("GET /bearer", ("Authorization", "Bearer")).but(TEXT, BEARER_REALM),
    case("GET /bearer", ("Authorization", "Bearer a b")).but(BEARER_TOKEN),
    case("GET /bearer", basic("user", "passwd")).but(TEXT, BEARER_REALM),
    case("GET /digest-auth/auth/user/passwd").but(TEXT, REALM),
    case("GET /digest-auth/auth-int/user/passwd").but(TEXT, REALM),
    case("GET /digest-auth/other/user/passwd").but(TEXT, REALM),
    *(case(f"GET /digest-auth/auth/user/passwd/{name}", about="asked").but(TEXT, REALM) for name in _HASHES),
    *(case(f"GET /digest-auth/auth/user/passwd/{name}", login=Login(), about="answered") for name in _HASHES),
    *(
        case(f"GET /digest-auth/auth/user/passwd/{name}", login=Login(passwd="x"), about="wrong").but(
            TEXT, REALM
        )
        for name in _HASHES
    ),
    case("GET /digest-auth/auth/user/passwd", login=Login(), about="answered"),
    case("GET /digest-auth/auth-int/user/passwd", login=Login(qop="auth-int"), about="answered"),
    case("GET /digest-auth/auth-int/user/passwd/SHA-256", login=Login(qop="auth-int"), about="answered"),
    case("GET /digest-auth/undefined/user/passwd", login=Login(), about="answered"),
    case("GET /digest-auth/auth/user/passwd", login=Login(qop=None), about="without qop"),
    case("GET /digest-auth/auth/user/passwd", login=Login(user="other"), about="another user").but(
        DIGEST_CHECKED
    ),
    case("GET /digest-auth/auth/user/passwd", login=Login(wrong={"nc": "1"}), about="a bad nc").but(
        TEXT, REALM
    ),
    case("GET /digest-auth/auth/user/passwd", login=Login(wrong={"uri": "/get"}), about="another uri").but(
        DIGEST_CHECKED
    ),
    case("GET /digest-auth/auth/user/passwd", login=Login(visits=4), about="used again"),
    case("GET /digest-auth/auth/user/passwd", login=Login(keeps_cookies=False), about="without cookies"),
    case("GET /digest-auth/auth/user/passwd?x=1", login=Login(), about="with a query").but(DIGEST_QUERY),
    case("GET /digest-auth/auth/user/passwd/MD5/2", login=Login(visits=1), about="visit 1").but(TEXT, REALM),
    case("GET /digest-auth/auth/user/passwd/MD5/2", login=Login(visits=2), about="visit 2"),
    case("GET /digest-auth/auth/user/passwd/MD5/2", login=Login(visits=3), about="visit 3"),
    case("GET /digest-auth/auth/user/passwd/MD5/2", login=Login(visits=4), about="visit 4").but(TEXT, REALM),
    case("GET /digest-auth/auth/user/passwd/MD5/2", login=Login(visits=5), about="visit 5"),
    case("GET /digest-auth/auth/user/passwd/MD5/never", login=Login(), about="answered"),
    case("GET /digest-auth/auth/user/passwd/MD4").but(DIGEST_ALGORITHM, PROBLEM),
    case("GET /digest-auth/auth/user/passwd?require-cookie=true").but(TEXT, REALM),
    case("GET /digest-auth/auth/user/passwd/MD5?require-cookie=0").but(TEXT, REALM),
    case("GET /digest-auth/auth/user/passwd", basic("user", "passwd")).but(TEXT, REALM),
    case("GET /digest-auth/auth/user/passwd", ("Authorization", "Digest")).but(DIGEST_BARE),
)

CACHING = (
    case("GET /cache").but(CACHE_TAG),
    case("GET /cache", ("If-None-Match", '"abc"')).but(CACHE_TAG),
    case("GET /cache", ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT")).but(CACHE_TAG),
    case("GET /cache?a=1").but(CACHE_TAG),
    case("HEAD /cache").but(CACHE_TAG),
    case("GET /cache/60"),
    case("GET /cache/0"),
    case("GET /cache/abc").but(NO_NUMBER, PROBLEM),
    case("GET /cache/60", ("If-None-Match", '"abc"')),
    case("GET /etag/abc").but(ETAG_BODY, QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-None-Match", '"abc"')).but(QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-None-Match", 'W/"abc"')).but(QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-None-Match", '"x", "abc"')).but(QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-None-Match", "*")).but(QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-None-Match", '"x"')).but(ETAG_BODY, QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-Match", '"abc"')).but(ETAG_BODY, QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-Match", "*")).but(ETAG_BODY, QUOTES, RESOURCE),
    case("GET /etag/abc", ("If-Match", '"x"')).but(PROBLEM),
    case("GET /etag/abc", ("If-Match", 'W/"abc"')).but(WEAK_MATCH, PROBLEM),
    case("GET /etag/abc", ("Range", "bytes=0-3")).but(ETAG_RANGE, QUOTES, RESOURCE),
    case("GET /etag/a%22b").but(NO_TAG, PROBLEM),
)

CODINGS = (
    case("GET /gzip").but(VARY),
    case("GET /gzip", ("Accept-Encoding", "gzip")).but(VARY),
    case("GET /gzip", ("Accept-Encoding", "identity")).but(VARY),
    case("GET /deflate").but(VARY),
    case("GET /brotli").but(VARY),
    case("HEAD /gzip").but(VARY),
)

GENERATED = (
    case("GET /bytes/0", view=View.SIZE).but(TAG, RESOURCE),
    case("GET /bytes/1024", view=View.SIZE).but(TAG, RESOURCE),
    case("GET /bytes/1024?seed=1", view=View.SIZE).but(TAG, RESOURCE),
    case("HEAD /bytes/1024").but(TAG, RESOURCE),
    case("GET /bytes/200000", view=View.SIZE).but(CLAMP, TAG, RESOURCE),
    case("GET /bytes/abc").but(NO_NUMBER, PROBLEM),
    case("GET /bytes/-1").but(NO_NUMBER, PROBLEM),
    case("GET /bytes/10?seed=abc", view=View.SIZE).but(SEED, TAG, RESOURCE),
    case("GET /bytes/1024", ("Range", "bytes=0-9"), view=View.SIZE).but(BYTES_RANGE, TAG, RESOURCE),
    case("GET /stream-bytes/1024", view=View.SIZE),
    case("GET /stream-bytes/1024?seed=1&chunk_size=100", view=View.SIZE),
    case("GET /stream-bytes/0", view=View.SIZE),
    case("GET /stream-bytes/200000", view=View.SIZE).but(CLAMP),
    case("GET /stream-bytes/100?chunk_size=0", view=View.SIZE).but(CLAMP, PROBLEM),
    case("HEAD /stream-bytes/100"),
    case("GET /range/1024").but(CONTENT_RANGE, QUOTES, RESOURCE),
    case("GET /range/26").but(CONTENT_RANGE, QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=0-9")).but(QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=1000-")).but(QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=-10")).but(QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=0-1023")).but(WHOLE_RANGE, QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=0-5000")).but(LAST_BYTE, QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=2000-")).but(UNSATISFIED, PROBLEM),
    case("GET /range/1024", ("Range", "bytes=-5000")).but(WHOLE_RANGE, QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=9-0")).but(BAD_RANGE, QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=0-0,5-6"), view=View.SIZE).but(
        SEVERAL_RANGES, CONTENT_RANGE, QUOTES, RESOURCE
    ),
    case("GET /range/1024", ("Range", "lines=0-9")).but(CONTENT_RANGE, QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=0-9"), ("If-Range", '"range1024"')).but(QUOTES, RESOURCE),
    case("GET /range/1024", ("Range", "bytes=0-9"), ("If-Range", '"old"')).but(IF_RANGE, QUOTES, RESOURCE),
    case("GET /range/1024", ("If-None-Match", '"range1024"')).but(
        NOT_MODIFIED, CONTENT_RANGE, QUOTES, RESOURCE
    ),
    case("GET /range/1024?chunk_size=10&duration=0.2", ("Range", "bytes=10-99")).but(QUOTES, RESOURCE),
    case("GET /range/0").but(RANGE_LIMIT, UNSATISFIED, PROBLEM),
    case("GET /range/200000").but(RANGE_LIMIT, QUOTES, RESOURCE),
    case("HEAD /range/1024").but(CONTENT_RANGE, QUOTES, RESOURCE),
    case("HEAD /range/1024", ("Range", "bytes=0-9")).but(CONTENT_RANGE, QUOTES, RESOURCE),
    case("GET /stream/0", view=View.LINES),
    case("GET /stream/3", view=View.LINES),
    case("GET /stream/3?a=1", ("X-One", "1"), view=View.LINES),
    case("GET /stream/150", view=View.LINES).but(CLAMP),
    case("GET /stream/abc").but(NO_NUMBER, PROBLEM),
    case("HEAD /stream/3"),
    case("GET /drip?duration=0.1&numbytes=5"),
    case("GET /drip?duration=0&numbytes=5&code=500&delay=0.1"),
    case("GET /drip?duration=0&numbytes=0").but(PROBLEM),
    case("GET /drip?duration=0&numbytes=abc").but(CRASH, PROBLEM),
    case("GET /drip?duration=0&DURATION=0&NumBytes=3"),
    case("GET /delay/0"),
    case("GET /delay/0.1?a=1"),
    case("POST /delay/0", _JSON, body=b'{"a": 1}'),
    case("PUT /delay/0", ("Content-Type", _FORM), body=b"a=1"),
    case("PATCH /delay/0"),
    case("DELETE /delay/0"),
    case("TRACE /delay/0"),
    case("GET /delay/abc").but(CRASH, PROBLEM),
    case("GET /delay/-1").but(CRASH, PROBLEM),
)

CONTENT = (
    case("GET /html", view=View.OWN).but(TAG, RESOURCE),
    case("GET /json").but(OWN_TEXT, TAG, RESOURCE),
    case("GET /xml", view=View.OWN).but(TAG, RESOURCE),
    case("GET /robots.txt").but(CHARSET),
    case("GET /deny", view=View.OWN).but(CHARSET),
    case("GET /encoding/utf8", view=View.OWN).but(TAG, RESOURCE),
    case("GET /forms/post", view=View.OWN),
    case("GET /", view=View.OWN),
    case("GET /links/3").but(NO_PAGE),
    case("GET /links/3/0", view=View.LINKS),
    case("GET /links/10/5", view=View.LINKS),
    case("GET /links/3/7", view=View.LINKS),
    case("GET /links/0/0", view=View.LINKS),
    case("GET /links/250/0", view=View.LINKS).but(CLAMP),
    *(
        case(f"GET /image/{kind}", view=View.OWN).but(TAG, RESOURCE)
        for kind in ("png", "jpeg", "webp", "svg")
    ),
    case("GET /image/gif").but(PROBLEM),
    case("HEAD /image/png").but(TAG, RESOURCE),
    *(
        case("GET /image", ("Accept", accept), view=View.OWN).but(TAG, RESOURCE, VARY)
        for accept in ("image/webp", "image/svg+xml", "image/jpeg", "image/png", "image/*")
    ),
    case("GET /image", ("Accept", "*/*"), view=View.OWN).but(IMAGE_ANY, VARY, TAG, RESOURCE),
    case("GET /image", ("Accept", "text/html"), view=View.OWN).but(VARY),
    case("GET /image", view=View.OWN).but(VARY, TAG, RESOURCE),
    case("GET /image", ("Accept", "image/png, image/webp;q=0.5"), view=View.OWN).but(
        IMAGE_WEIGHT, VARY, TAG, RESOURCE
    ),
    case("GET /base64/SFRUUEJJTiBpcyBhd2Vzb21l").but(TEXT),
    case("GET /base64/w7w=").but(TEXT),
    case("GET /base64/_-8=").but(BASE64, TEXT),
    case("GET /base64/abc").but(BASE64, TEXT),
    case("GET /base64/%21%21%21").but(BASE64, PROBLEM),
    case("GET /base64/PHNjcmlwdD4=").but(TEXT),
)

CORS = (
    case("GET /get", _ORIGIN).but(EXPOSE, VARY_ORIGIN),
    case("GET /status/404", _ORIGIN).but(TEXT, EXPOSE, VARY_ORIGIN),
    case("GET /nowhere", _ORIGIN).but(PROBLEM, EXPOSE),
    case("GET /redirect/1", _ORIGIN).but(NO_PAGE, EXPOSE, VARY_ORIGIN),
    case("GET /cookies/set?a=1", _ORIGIN).but(NO_PAGE, EXPOSE, VARY_ORIGIN),
    case("OPTIONS /get", _ORIGIN, ("Access-Control-Request-Method", "GET")).but(PREFLIGHT, VARY_ORIGIN),
    case(
        "OPTIONS /put",
        _ORIGIN,
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "content-type, x-one"),
    ).but(PREFLIGHT, VARY_ORIGIN),
    case("OPTIONS /nowhere", _ORIGIN, ("Access-Control-Request-Method", "GET")).but(PREFLIGHT, VARY_ORIGIN),
    evolve(case("GET /get", about="without Origin"), with_cors=True).but(NO_ORIGIN, VARY_ORIGIN),
)

OTHERS = (
    case("GET /nowhere").but(PROBLEM),
    case("POST /nowhere", body=b"x").but(PROBLEM),
    case("GET /get/").but(PROBLEM),
    case("GET /GET").but(PROBLEM),
    case("OPTIONS /nowhere").but(PROBLEM),
    case("OPTIONS /post").but(NO_TYPE),
    case("OPTIONS /anything").but(NO_TYPE),
    case("OPTIONS /redirect/1").but(ANY_METHOD),
    case("HEAD /ip"),
    case("HEAD /headers"),
    case("HEAD /status/404").but(TEXT),
    case("HEAD /html").but(TAG, RESOURCE),
    case("HEAD /cookies"),
    case("PROPFIND /anything").but(PROBLEM),
    case("PUT /post").but(PROBLEM),
    case("DELETE /get").but(PROBLEM),
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
