"""The differences from httpbin that are accepted, with their reasons; docs/from-httpbin.md lists the same."""

from typing import Final

from attrs import frozen


@frozen
class Accepted:
    """A difference.

    Attributes:
        there: what httpbin does.
        here: what the origin does.
        why: the reason.
        aspects: what of an answer it may concern, in the words of `comparing`.
    """

    there: str
    here: str
    why: str
    aspects: tuple[str, ...]

    @property
    def row(self) -> str:
        """How the page of the migration lists it."""
        return f"| {self.there} | {self.here} | {self.why} |"


# Errors and bodies.
PROBLEM = Accepted(
    "an error's body is an HTML page, or nothing",
    "`application/problem+json` that says what to change; HTML for a browser's navigation",
    "RFC 9457",
    ("Content-Type", "body", "Cache-Control", "Vary"),
)
CRASH = Accepted(
    "a parameter that it cannot read is a 500, or the connection breaks",
    "400 that names the parameter",
    "RFC 9110, section 15.5.1",
    ("status", "body"),
)
NO_NUMBER = Accepted(
    "a number in the path that is none is a 404",
    "400 that says what is wrong with it",
    "the path exists, the number does not",
    ("status",),
)
TEXT = Accepted(
    "texts, as of `/status` and `/base64`, are `text/html`, or have no type",
    "`text/plain`",
    "what a client chose must not become a page of the app's origin",
    ("Content-Type",),
)
NO_TYPE = Accepted(
    "an answer without a body has a `Content-Type`",
    "it has none",
    "RFC 9110, section 8.3: the type is that of a content",
    ("Content-Type",),
)
NO_PAGE = Accepted(
    "`/redirect`, `/cookies/set` and `/links/N` send a page with their redirect",
    "no body",
    "no client shows it",
    ("Content-Type", "body"),
)
CHARSET = Accepted(
    "`/robots.txt` and `/deny` are `text/plain`",
    "`text/plain; charset=utf-8`",
    "RFC 9110, section 8.3.2",
    ("Content-Type",),
)
OWN_TEXT = Accepted(
    "its texts, pictures and pages: `/json`, `/html`, `/image`, 402, 406, 418 …",
    "others, with the same keys; 402 points to no video",
    "each has its own; no test should depend on them",
    ("body", "json slideshow", "json message", "X-More-Info"),
)
TAG = Accepted(
    "`/bytes`, `/html`, `/image` … have no tag", "a strong `ETag`", "RFC 9110, section 8.8.3", ("ETag",)
)
RESOURCE = Accepted(
    "only `/range` has ranges",
    "what has a tag has ranges, and `Cache-Control: no-cache` or `no-store`; what is always the same has a"
    " `Last-Modified`",
    "RFC 9110, sections 8.8.2 and 14",
    ("Accept-Ranges", "Cache-Control", "Last-Modified"),
)
CLAMP = Accepted(
    "silently changes a number beyond a limit: `/bytes/200000` has 100 KiB, `/stream/150` 100 lines,"
    " `chunk_size=0` is 1, `/links/250` has 200 links, `status_code=200` becomes 302",
    "as asked, up to limits that are settings; beyond is a 400 that names the limit",
    "a test must get what it asks for, or hear that it does not",
    ("status", "body", "framing", "Location"),
)
UNKNOWN_METHOD = Accepted(
    "405 to an unknown method (`FROB`) names the methods of the route",
    "the methods of all routes",
    "the parser refuses the method before there is a route",
    ("Allow",),
)

# What was asked.
URI = Accepted(
    "`url` is decoded to be read, and loses an empty query",
    "as it stood on the wire",
    "a test wants to see what was sent; RFC 3986",
    ("json url",),
)
CONNECTION = Accepted(
    "`origin` and `url` believe `X-Forwarded-For` and `X-Forwarded-Proto`",
    "address and scheme are the connection's; the fields are told back",
    "anybody can write these fields",
    ("json origin", "json url"),
)
NO_JSON = Accepted(
    "`NaN` in a body is read, and answered, as JSON",
    "`json` is `null`",
    "RFC 8259, section 6",
    ("json json",),
)
SAME_FILES = Accepted(
    "of several files with one name only the first is told back",
    "a list of all",
    "as with `form` and `args`",
    ("json files",),
)
BROKEN_FORM = Accepted("a broken multipart body is an empty form", "400", "RFC 7578", ("status",))
ANYTHING = Accepted(
    "`/anything/` is a 404",
    "as `/anything`",
    "it is said to take anything",
    ("status", "body", "Content-Type"),
)

# Statuses and fields.
LOCATION = Accepted(
    "`/status/300` and `/status/308` lead nowhere",
    "to `/image/jpeg`, as in go-httpbin",
    "RFC 9110, sections 15.4.1 and 15.4.9",
    ("Location", "body"),
)
FIELDS = Accepted(
    "405, 416, 429 and 503 lack the fields that go with them",
    "`Allow`, `Content-Range`, `Retry-After: 1`",
    "RFC 9110, sections 15.5.6, 15.5.17 and 15.6.4; RFC 6585, section 4",
    ("Allow", "Content-Range", "Retry-After"),
)
PROXY_FIELD = Accepted(
    "under gunicorn 407 loses its `Proxy-Authenticate`",
    "it is there",
    "RFC 9110, section 15.5.8",
    ("Proxy-Authenticate",),
)
NO_STATUS = Accepted(
    "`/status` takes any number: 100 never ends, 600 is no status",
    "200 to 599; `pipe=early-hints(…)` sends a 103",
    "RFC 9110, section 15",
    ("status", "framing"),
)
FIELD_NAMES = Accepted(
    "`/response-headers` tells a field that is spelled in two ways back twice",
    "once, with all values",
    "RFC 9110, section 5.1: names know no case",
    ("json x-one", "json Content-Length"),
)
OWN_TYPE = Accepted(
    "`/response-headers?Content-Type=…` sends two types",
    "the one that was asked for",
    "RFC 9110, section 8.3",
    ("Content-Type", "body"),
)
OWN_LENGTH = Accepted(
    "`/response-headers?Content-Length=5` sends two lengths",
    "400; `pipe=length(5)` and its kin do it on purpose",
    "RFC 9112, section 6.3",
    ("status", "framing"),
)
OWN_CORS = Accepted(
    "`/response-headers?Access-Control-Allow-Origin=…` is overwritten",
    "sent as asked for",
    "so that failures of CORS can be tested",
    ("Access-Control-Allow-Origin",),
)

# Redirects.
ANY_METHOD = Accepted(
    "`/redirect/N` and its kin take `GET` alone",
    "any method; the last redirect leads others than `GET` to `/anything`",
    "307 and 308 (`?status=`) keep the method",
    ("status", "Location", "Allow", "Content-Type", "body"),
)
NAMES_OF_PARAMETERS = Accepted(
    "`/redirect-to`, `/drip`, `/bytes` and `/range` read `URL=` as `url=`",
    "case counts",
    "RFC 3986, section 6.2.2.1",
    ("status", "Location"),
)
NO_URL = Accepted(
    "`/redirect-to` without `url`, or with it in a form, leads to `None`",
    "400",
    "there is no such place",
    ("status", "Location"),
)
SCHEMES = Accepted(
    "`/redirect-to` takes any scheme, as `javascript:`",
    "`http`, `https` and relative URLs",
    "other schemes are no test of HTTP",
    ("status", "Location"),
)

# Cookies.
COOKIE_PAIR = Accepted(
    "a cookie without `=` has the empty value", "it is none", "RFC 6265, section 4.2.1", ("json cookies",)
)
ANALYTICS = Accepted(
    "`/cookies` hides cookies of httpbin.org's statistics (`__utma` …)",
    "shows all",
    "there are none here",
    ("json cookies",),
)
COOKIE_VALUE = Accepted(
    "a value that no cookie can have (`ü`, `;`) is sent in an escape of Python's, or as bytes",
    "400",
    "RFC 6265, section 4.1.1",
    ("status", "Location", "Set-Cookie"),
)

# Authentication.
BEARER_REALM = Accepted(
    "the challenge of `/bearer` is `Bearer` alone",
    "with a realm",
    "RFC 6750, section 3",
    ("WWW-Authenticate",),
)
BEARER_CASE = Accepted(
    "`bearer` in lower case is refused",
    "case means nothing",
    "RFC 9110, section 11.1",
    ("status", "WWW-Authenticate", "Content-Type", "body"),
)
BEARER_TOKEN = Accepted(
    "a token with a space is taken",
    "401",
    "RFC 6750, section 2.1",
    ("status", "WWW-Authenticate", "Content-Type", "body"),
)
REALM = Accepted(
    "the realm of Digest is its author's",
    "`fetchkit`, and `charset=UTF-8` beside it",
    "RFC 7616, section 3.3",
    ("WWW-Authenticate realm", "WWW-Authenticate charset"),
)
_ALL_OF_DIGEST = (
    "WWW-Authenticate",
    "WWW-Authenticate algorithm",
    "WWW-Authenticate nonce",
    "WWW-Authenticate opaque",
    "WWW-Authenticate qop",
    "WWW-Authenticate realm",
    "WWW-Authenticate stale",
)
DIGEST_CHECKED = Accepted(
    "Digest looks neither at `username` nor at `uri`, takes any nonce, and lets a wrong answer in with them",
    "each is compared with the request; the nonce must be the server's",
    "RFC 7616, sections 3.4 and 3.4.6",
    ("status", "Content-Type", "body", "Set-Cookie", "WWW-Authenticate charset", *_ALL_OF_DIGEST),
)
DIGEST_QUERY = Accepted(
    "`/digest-auth` with a query is a 500",
    "works",
    "RFC 7616, section 3.4.6",
    ("status", "Content-Type", "body", "Set-Cookie"),
)
DIGEST_BARE = Accepted(
    "`Authorization: Digest` without parameters is a 500",
    "401",
    "RFC 7616, section 3.3",
    ("status", "body", "Set-Cookie", "Content-Type", "WWW-Authenticate charset", *_ALL_OF_DIGEST),
)
DIGEST_ALGORITHM = Accepted(
    "an unknown algorithm is taken for MD5",
    "400 that names those on offer",
    "nothing is changed silently",
    ("status", "Set-Cookie", *_ALL_OF_DIGEST),
)

# Caching.
QUOTES = Accepted(
    "`ETag: range1024`, `ETag: abc`, without quotes",
    '`ETag: "range1024"`',
    "RFC 9110, section 8.8.3",
    ("ETag",),
)
CACHE_TAG = Accepted(
    "`/cache` has a new tag each time, and none with its 304",
    "a weak one of the URL, also with the 304, as `Last-Modified`",
    "RFC 9110, section 15.4.5",
    ("ETag", "Last-Modified"),
)
ETAG_BODY = Accepted(
    "the body of `/etag` echoes the request's fields",
    "`args`, `etag`, `url` alone",
    "a strong tag is for the same bytes each time; RFC 9110, section 8.8.1",
    ("json etag", "json headers", "json origin"),
)
WEAK_MATCH = Accepted(
    '`If-Match: W/"abc"` matches',
    "412",
    "RFC 9110, section 13.1.1: the comparison is strong",
    ("status", "ETag"),
)
ETAG_RANGE = Accepted(
    "`/etag` ignores `Range`", "206", "RFC 9110, section 14.2", ("status", "Content-Range", "body")
)
NO_TAG = Accepted("`/etag` takes what is no tag", "400", "RFC 9110, section 8.8.3", ("status", "ETag"))
VARY = Accepted(
    "`/gzip`, `/deflate`, `/brotli` and `/image` do not vary", "`Vary`", "RFC 9110, section 12.5.5", ("Vary",)
)

# Bodies.
SEED = Accepted(
    "a seed that is no number is a 500",
    "any text is a seed",
    "it is a name of a body",
    ("status", "Content-Type", "body"),
)
BYTES_RANGE = Accepted(
    "`/bytes` ignores `Range`", "206", "RFC 9110, section 14.2", ("status", "Content-Range", "body")
)
WHOLE_RANGE = Accepted(
    "a range that is all of `/range/N` is a 200", "206", "RFC 9110, section 15.3.7", ("status",)
)
CONTENT_RANGE = Accepted(
    "`Content-Range` on a 200, and on the answer to `HEAD`",
    "on 206 and 416 alone; `Range` is for `GET`",
    "RFC 9110, sections 14.2 and 14.4",
    ("Content-Range", "status"),
)
LAST_BYTE = Accepted(
    "416 to a range whose last byte is behind the end",
    "the range ends at the end",
    "RFC 9110, section 14.1.2",
    ("status", "Content-Range", "Content-Type", "body"),
)
BAD_RANGE = Accepted(
    "416 to `bytes=9-0`",
    "an invalid range is ignored",
    "RFC 9110, section 14.1.1",
    ("status", "Content-Range", "Content-Type", "body"),
)
SEVERAL_RANGES = Accepted(
    "200 to several ranges",
    "206 with `multipart/byteranges`",
    "RFC 9110, section 14.6",
    ("status", "Content-Type", "body"),
)
IF_RANGE = Accepted(
    "`If-Range` is ignored",
    "200 where it does not match",
    "RFC 9110, section 13.1.5",
    ("status", "Content-Range", "body"),
)
NOT_MODIFIED = Accepted(
    "`/range` ignores `If-None-Match`",
    "304",
    "RFC 9110, section 13.1.2",
    ("status", "Accept-Ranges", "Content-Type", "framing", "body"),
)
UNSATISFIED = Accepted(
    "416 and 404 of `/range` have `Accept-Ranges` and `ETag`",
    "they do not",
    "they are those of the resource",
    ("Accept-Ranges", "ETag"),
)
RANGE_LIMIT = Accepted(
    "`/range` with more than 100 KiB, or with none, is a 404",
    "up to 1 TiB; 0 is a 400",
    "downloads of real size are the test",
    ("status", "Content-Type", "body"),
)

# Content.
IMAGE_ANY = Accepted(
    "`/image` with `Accept: */*` is a 406", "a PNG", "RFC 9110, section 12.5.1", ("status", "Content-Type")
)
IMAGE_WEIGHT = Accepted(
    "`/image` ignores weights", "the heaviest type wins", "RFC 9110, section 12.5.1", ("Content-Type",)
)
BASE64 = Accepted(
    "`/base64` wants UTF-8 and padding, and answers 200 with a hint to anything else",
    "any bytes, padding or not; what is no base64 is a 400",
    "RFC 4648, section 3.2",
    ("status", "body"),
)

# CORS.
EXPOSE = Accepted(
    "exposes no fields to pages of other origins",
    "all of them, by `Access-Control-Expose-Headers`",
    "a page must see `ETag`, `Content-Range`, `Location` … to test them",
    ("Access-Control-Expose-Headers",),
)
VARY_ORIGIN = Accepted(
    "answers by `Origin` without saying so", "`Vary: Origin`", "Fetch standard, section 3.2.5", ("Vary",)
)
NO_ORIGIN = Accepted(
    "`Access-Control-Allow-Origin: *` and `-Credentials: true` without an `Origin`",
    "neither",
    "the pair means nothing, and there is nobody to allow it",
    ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"),
)
PREFLIGHT = Accepted(
    "a preflight is a 200 with `Allow`, kept for an hour, without `HEAD`; on no route it is a 404",
    "204, kept for no time, on any path",
    "each preflight is to be seen by the test",
    (
        "Access-Control-Allow-Methods",
        "Access-Control-Max-Age",
        "Allow",
        "Content-Type",
        "body",
        "framing",
        "status",
    ),
)

ACCEPTED: Final = tuple(value for value in list(globals().values()) if isinstance(value, Accepted))
