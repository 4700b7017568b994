"""What an origin can do to its client, as one table; each entry says how it ends without a forward."""

import gzip
import re
from functools import partial
from typing import TypedDict, Unpack

import brotli  # type: ignore[import-untyped]  # it ships no types
from attrs import frozen

from .framing import End
from .origin import Script, Step, drip, fin, flood, head, pause, request, rst, seen, send, stall

__all__ = ["GAP", "SCENARIOS", "STALL_LIMIT", "Scenario", "chunked", "message", "named", "sized"]

# Small units of time. What is slow takes longer than the limit in all and much less in each step.
GAP = 0.1
STALL_LIMIT = 0.6

TEXT = b"hello"
LARGE = bytes(range(256)) * 40960  # 10 MiB
GZIP = gzip.compress(TEXT * 100, mtime=0)
BROTLI = brotli.compress(TEXT * 100)
# One raw block in one segment (RFC 8878, section 3.1.1): magic, descriptor, size, block header, TEXT.
ZSTD = b"\x28\xb5\x2f\xfd\x20\x05" + (len(TEXT) << 3 | 1).to_bytes(3, "little") + TEXT
PARTS = (
    b"--cut\r\nContent-Range: bytes 0-0/5\r\n\r\nh\r\n"
    b"--cut\r\nContent-Range: bytes 4-4/5\r\n\r\no\r\n--cut--\r\n"
)


@frozen
class Scenario:
    """One exchange.

    Attributes:
        name: what is special, in words.
        steps: what the origin does on each connection.
        status, body, end: what a client without a forward gets.
        method, lines, upload, gap: its request; the pieces of an upload are sent `gap` seconds apart.
        becomes: the status that the forward answers instead, because the head is unusable; 0 for none.
        says: what the `detail` of that answer must match, whatever the case.
        listens: whether the origin accepts connections at all.
        slow: whether the limit on stalls has to be small to see it.
        refusable: whether the forward may answer 502 instead: what is malformed came together with the
            head, and aiohttp reads all of a segment before it hands out any of it.
    """

    name: str
    steps: Script
    status: int = 200
    body: bytes = TEXT
    end: End = End.COMPLETE
    method: str = "GET"
    lines: tuple[str, ...] = ()
    upload: tuple[bytes, ...] = ()
    gap: float = 0.0
    becomes: int = 0
    says: str = ""
    listens: bool = True
    slow: bool = False
    refusable: bool = False


def message(status: str, *fields: str | bytes, body: bytes = b"", version: str = "HTTP/1.1") -> bytes:
    """A response: status and reason, field lines, body."""
    lines = [f"{version} {status}".encode("latin-1")]
    lines += [line if isinstance(line, bytes) else line.encode("latin-1") for line in fields]
    return b"\r\n".join([*lines, b"", b""]) + body


def sized(body: bytes, *fields: str | bytes, status: str = "200 OK") -> bytes:
    """A response with Content-Length."""
    return message(status, *fields, f"Content-Length: {len(body)}", body=body)


def chunked(*chunks: bytes, fields: tuple[str, ...] = (), last: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked response."""
    body = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return message("200 OK", *fields, "Transfer-Encoding: chunked", body=body + last)


class Expected(TypedDict, total=False):
    """The fields of a scenario that an entry may set by name."""

    status: int
    body: bytes
    end: End
    method: str
    lines: tuple[str, ...]
    upload: tuple[bytes, ...]
    gap: float
    becomes: int
    says: str
    listens: bool
    slow: bool
    refusable: bool


def whole(name: str, *steps: bytes | Step, **expected: Unpack[Expected]) -> Scenario:
    """A response that is complete."""
    return Scenario(name, _steps(steps), **expected)


def breaks(
    name: str, end: End, begin: bytes, *steps: bytes | Step, body: bytes = TEXT, status: int = 200
) -> Scenario:
    """A response that breaks once the client has got `body`."""
    script = _steps((begin, seen(len(body)), *steps))
    return Scenario(name, script, status, body, end, slow=end is End.STALLED)


def unusable(name: str, *steps: bytes | Step, **expected: Unpack[Expected]) -> Scenario:
    """A response whose head no client can use: MALFORMED and without a status where nothing else is said."""
    known: Expected = {"status": 0, "body": b"", "end": End.MALFORMED, "becomes": 502, **expected}
    known["slow"] = known["end"] is End.STALLED
    return Scenario(name, _steps(steps), **known)


def _steps(steps: tuple[bytes | Step, ...]) -> Script:
    return (request, *(send(step) if isinstance(step, bytes) else step for step in steps))


def _interim(*statuses: str) -> bytes:
    return b"".join(message(status, "Link: </a.css>; rel=preload") for status in statuses)


_HALF = message("200 OK", "Content-Length: 10", body=TEXT)
_CHUNK = chunked(TEXT, last=b"")
_UNTIL_FIN = message("200 OK", "Content-Type: text/plain", body=TEXT)

ENDS_WELL = [
    whole("length", sized(TEXT)),
    whole("length, then FIN", sized(TEXT), fin),
    whole("length, head and body apart", message("200 OK", "Content-Length: 5"), pause(0.01), TEXT),
    whole("length of nothing", sized(b""), body=b""),
    whole("length with leading zeros", message("200 OK", "Content-Length: 0005", body=TEXT)),
    whole("chunked", chunked(TEXT)),
    whole("chunked of nothing", chunked(), body=b""),
    whole("many chunks", chunked(*[TEXT] * 1000), body=TEXT * 1000),
    whole(
        "chunk extensions",
        message(
            "200 OK",
            "Transfer-Encoding: chunked",
            body=b'5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n',
        ),
    ),
    whole(
        "chunk size with zeros and capitals",
        message(
            "200 OK",
            "Transfer-Encoding: CHUNKED",
            body=b"000A\r\nhellohello\r\n000\r\n\r\n",
        ),
        body=TEXT * 2,
    ),
    whole("trailers", chunked(TEXT, fields=("Trailer: X-Sum",), last=b"0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n")),
    whole("until FIN", _UNTIL_FIN, fin),
    whole("until FIN, nothing", message("200 OK", "Connection: close"), fin, body=b""),
    whole("one byte at a time", drip(sized(TEXT))),
    whole("one byte at a time, chunked", drip(chunked(b"he", b"llo"))),
    whole(
        "slower than the limit in all",
        message("200 OK", "Content-Length: 8"),
        drip(b"hellohel", GAP),
        body=b"hellohel",
        slow=True,
    ),
    whole("10 MiB", sized(LARGE), body=LARGE),
    whole("10 MiB chunked", chunked(*[LARGE[:65536]] * 160), body=LARGE),
    whole("10 MiB until FIN", message("200 OK", body=LARGE), fin, body=LARGE),
    whole("bytes behind the length", sized(TEXT), seen(5), b"more"),
    whole("bytes behind the length in the same segment", sized(TEXT) + b"more", refusable=True),
    whole("a response behind the length", sized(TEXT) + sized(b"smuggled")),
    whole("a response behind the last chunk", chunked(TEXT) + sized(b"smuggled")),
]

ENDS_BADLY = [
    breaks("length, FIN early", End.CUT, _HALF, fin),
    breaks("length, FIN instead of the body", End.CUT, message("200 OK", "Content-Length: 5"), fin, body=b""),
    breaks("length, FIN one byte early", End.CUT, message("200 OK", "Content-Length: 6", body=TEXT), fin),
    breaks("length of 5 GB, FIN early", End.CUT, message("200 OK", "Content-Length: 5000000000", body=TEXT),
        fin),
    breaks("length, Connection: close, FIN early", End.CUT,
           message("200 OK", "Content-Length: 10", "Connection: close", body=TEXT), fin),
    breaks("length, reset", End.RESET, _HALF, rst),
    breaks("length, reset one byte early", End.RESET, message("200 OK", "Content-Length: 6", body=TEXT), rst),
    breaks("length, stall", End.STALLED, _HALF, stall),
    breaks("1 MiB of 10, reset", End.RESET, message(
        "200 OK", f"Content-Length: {len(LARGE)}", body=LARGE[: 1 << 20],
    ), rst, body=LARGE[: 1 << 20]),
    breaks("gzip, FIN early", End.CUT, message(
        "200 OK", "Content-Encoding: gzip", f"Content-Length: {len(GZIP)}", body=GZIP[:-8],
    ), fin, body=GZIP[:-8]),
    breaks("206, FIN early", End.CUT, message(
        "206 Partial Content", "Content-Range: bytes 0-9/20", "Content-Length: 10", body=TEXT,
    ), fin, status=206),
    breaks("404, reset", End.RESET, message("404 Not Found", "Content-Length: 10", body=TEXT), rst,
        status=404),
    breaks("chunked, FIN inside a chunk", End.CUT, message(
        "200 OK", "Transfer-Encoding: chunked", body=b"A\r\nhello",
    ), fin),
    breaks("chunked, FIN without the last chunk", End.CUT, _CHUNK, fin),
    breaks("chunked, FIN without any chunk", End.CUT, message("200 OK", "Transfer-Encoding: chunked"), fin,
        body=b""),
    breaks("chunked, FIN after the data", End.CUT, _CHUNK[:-2], fin),
    breaks("chunked, FIN inside the last chunk", End.CUT, _CHUNK, b"0", fin),
    breaks("chunked, FIN before the last line end", End.CUT, _CHUNK, b"0\r\n", fin),
    breaks("chunked, FIN inside the trailers", End.CUT, _CHUNK, b"0\r\nX-Sum: 1\r\n", fin),
    breaks("chunked, reset", End.RESET, _CHUNK, rst),
    breaks("chunked, reset inside a chunk", End.RESET, message(
        "200 OK", "Transfer-Encoding: chunked", body=b"A\r\nhello",
    ), rst),
    breaks("chunked, stall", End.STALLED, _CHUNK, stall),
    breaks("chunked, stall before the last line end", End.STALLED, _CHUNK, b"0\r\n", stall),
    breaks("chunk size that is no number", End.MALFORMED, _CHUNK, b"xyz\r\nhello\r\n0\r\n\r\n"),
    breaks("chunk size below zero", End.MALFORMED, _CHUNK, b"-5\r\nhello\r\n0\r\n\r\n"),
    breaks("chunk size with a plus", End.MALFORMED, _CHUNK, b"+5\r\nhello\r\n0\r\n\r\n"),
    breaks("chunk size with 0x", End.MALFORMED, _CHUNK, b"0x5\r\nhello\r\n0\r\n\r\n"),
    breaks("chunk size beyond 64 bits", End.MALFORMED, _CHUNK, b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    breaks("chunk size left out", End.MALFORMED, _CHUNK, b"\r\nhello\r\n0\r\n\r\n"),
    breaks("chunk longer than it says", End.MALFORMED, message(
        "200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhello",
    ), b"world\r\n0\r\n\r\n", fin),
    breaks("chunk shorter than it says", End.CUT, message(
        "200 OK", "Transfer-Encoding: chunked", body=b"A\r\nhello\r\n0\r\n\r\n",
    ), fin, body=b"hello\r\n0\r\n"),
    breaks("a body that is not chunked though it says so", End.MALFORMED, message(
        "200 OK", "Transfer-Encoding: chunked",
    ), b"plain text\r\n", fin, body=b""),
    Scenario("a body that is not chunked, in the same segment as the head", _steps((message(
        "200 OK", "Transfer-Encoding: chunked", body=b"plain text\r\n",
    ), fin)), body=b"", end=End.MALFORMED, refusable=True),
    breaks("until FIN, reset", End.RESET, _UNTIL_FIN, rst),
    breaks("until FIN, stall", End.STALLED, _UNTIL_FIN, stall),
    breaks("HTTP/1.0 until FIN, reset", End.RESET, message("200 OK", body=TEXT, version="HTTP/1.0"), rst),
]  # fmt: skip

WITHOUT_BODY = [
    whole("HEAD with a length", message("200 OK", "Content-Length: 1000"), method="HEAD", body=b""),
    whole("HEAD, chunked", message("200 OK", "Transfer-Encoding: chunked"), method="HEAD", body=b""),
    whole("HEAD without a length", message("200 OK", 'ETag: "a"'), method="HEAD", body=b""),
    whole("HEAD answered with a body", message("200 OK", "Content-Length: 5"), seen(0), TEXT, fin,
        method="HEAD", body=b""),
    whole("HEAD answered with a body in the same segment", sized(TEXT), fin, method="HEAD", body=b"",
        refusable=True),
    whole("HEAD of what is missing", message("404 Not Found", "Content-Length: 9"), method="HEAD", body=b"",
        status=404),
    whole("204", message("204 No Content"), status=204, body=b""),
    whole("204 with a length", message("204 No Content", "Content-Length: 0"), status=204, body=b""),
    whole("204 with a length of what does not come", message("204 No Content", "Content-Length: 5"),
        status=204, body=b""),
    whole("205", sized(b"", status="205 Reset Content"), status=205, body=b""),
    whole("304", message("304 Not Modified", 'ETag: "a"'), status=304, body=b"",
        lines=('If-None-Match: "a"',)),
    whole("304 with a length", message("304 Not Modified", 'ETag: "a"', "Content-Length: 1000"),
          status=304, body=b"", lines=('If-None-Match: "a"',)),
    whole("304 for a condition that nobody set", message("304 Not Modified", 'ETag: "a"'), status=304,
        body=b""),
    whole("100 before", _interim("100 Continue") + sized(TEXT)),
    whole("102 before", _interim("102 Processing") + sized(TEXT)),
    whole("103 before", _interim("103 Early Hints") + sized(TEXT)),
    whole("several 1xx before", _interim("103 Early Hints", "102 Processing",
        "103 Early Hints") + sized(TEXT)),
]  # fmt: skip

ENCODINGS = [
    whole("gzip", sized(GZIP, "Content-Encoding: gzip"), body=GZIP),
    whole("gzip, chunked", chunked(GZIP[:9], GZIP[9:], fields=("Content-Encoding: gzip",)), body=GZIP),
    whole("gzip until FIN", message("200 OK", "Content-Encoding: gzip", body=GZIP), fin, body=GZIP),
    whole("br", sized(BROTLI, "Content-Encoding: br"), body=BROTLI),
    whole("br, chunked", chunked(BROTLI, fields=("Content-Encoding: br",)), body=BROTLI),
    whole("zstd", sized(ZSTD, "Content-Encoding: zstd"), body=ZSTD),
    whole("zstd, chunked", chunked(ZSTD, fields=("Content-Encoding: zstd",)), body=ZSTD),
    whole("gzip that is none", sized(TEXT, "Content-Encoding: gzip")),
    whole("gzip that breaks off", sized(GZIP[:-8], "Content-Encoding: gzip"), body=GZIP[:-8]),
    whole("br that is gzip", sized(GZIP, "Content-Encoding: br"), body=GZIP),
    whole("an unknown coding", sized(TEXT, "Content-Encoding: x-own")),
    whole("two codings", sized(GZIP, "Content-Encoding: br, gzip"), body=GZIP),
    whole(
        "gzip of HEAD",
        message("200 OK", "Content-Encoding: gzip", "Content-Length: 99"),
        method="HEAD",
        body=b"",
    ),
]

HEADERS = [
    whole("Set-Cookie twice", sized(TEXT, "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; HttpOnly")),
    whole("Vary twice", sized(TEXT, "Vary: Accept", "vary: Accept-Language, X-Own")),
    whole("Link twice", sized(TEXT, "Link: </a>; rel=next", "Link: </b>; rel=prev")),
    whole("unknown twice", sized(TEXT, "X-Own: 1", "X-Other: 2", "X-Own: 3")),
    whole("order and case", sized(TEXT, "zETA: 1", "ALPHA: 2", "mIdDlE: 3", 'eTaG: "a"', "alpha: 4")),
    whole("folded", sized(TEXT, "X-Own: one\r\n two", "X-After: 1")),
    whole("empty value", sized(TEXT, "X-Own:", "X-Other: \t ")),
    whole("spaces and tabs around", sized(TEXT, "X-Own: \t one \t ", "X-Other:two")),
    whole("spaces and tabs inside", sized(TEXT, "X-Own: one \t  two")),
    whole("Latin-1", sized(TEXT, b"X-Own: caf\xe9")),
    whole("UTF-8", sized(TEXT, "X-Own: caf\u00e9 \u20ac".encode())),
    whole("every character of a name", sized(TEXT, "!#$%&'*+-.^_`|~09azAZ: 1")),
    whole("many fields", sized(TEXT, *(f"X-Own-{number}: {number}" for number in range(90)))),
    whole("a field of 7 KiB", sized(TEXT, f"X-Own: {'a' * 7168}")),
    whole("fields of a hop", sized(TEXT, "Connection: X-Hop, keep-alive", "X-Hop: UPSTREAM", "X-Own: 1",
          "Keep-Alive: timeout=UPSTREAM", "Proxy-Authenticate: UPSTREAM", "Upgrade: UPSTREAM")),
    whole("fields that would rule the page's origin", sized(
        TEXT, "Clear-Site-Data: UPSTREAM", "Strict-Transport-Security: UPSTREAM", "Alt-Svc: UPSTREAM",
        "Content-Security-Policy: UPSTREAM", "Content-Security-Policy-Report-Only: UPSTREAM",
        "X-Frame-Options: UPSTREAM", "Cross-Origin-Opener-Policy: UPSTREAM",
        "Cross-Origin-Embedder-Policy: UPSTREAM", "Cross-Origin-Resource-Policy: UPSTREAM",
        "Access-Control-Allow-Origin: UPSTREAM", "Access-Control-Allow-Credentials: UPSTREAM",
        "Access-Control-Expose-Headers: UPSTREAM", "X-Content-Type-Options: UPSTREAM",
        "Set-Cookie: a=UPSTREAM",
        "Timing-Allow-Origin: UPSTREAM", "Service-Worker-Allowed: UPSTREAM", "X-Own: 1",
    )),
    whole("no Content-Type", sized(TEXT)),
    whole("a Content-Type that is none", sized(TEXT, "Content-Type: ;;;")),
    whole("caching", sized(TEXT, 'ETag: W/"a"', "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", "Age: 7",
          "Cache-Control: max-age=60", "Date: Thu, 01 Jan 1970 00:00:01 GMT", "Server: hostile/1")),
]  # fmt: skip

STATUS_LINES = [
    whole("HTTP/1.0 with a length", message("200 OK", "Content-Length: 5", body=TEXT, version="HTTP/1.0"),
        fin),
    whole("HTTP/1.0 until FIN", message("200 OK", body=TEXT, version="HTTP/1.0"), fin),
    whole("HTTP/1.0 kept", message(
        "200 OK", "Content-Length: 5", "Connection: keep-alive", body=TEXT, version="HTTP/1.0",
    )),
    whole("Connection: close", sized(TEXT, "Connection: close"), fin),
    whole("Connection: close, never closed", sized(TEXT, "Connection: close")),
    whole("empty reason", message("200 ", "Content-Length: 5", body=TEXT)),
    whole("reason left out", message("200", "Content-Length: 5", body=TEXT)),
    whole("reason of 4 KiB", message("200 " + "a" * 4096, "Content-Length: 5", body=TEXT)),
    whole("reason in Latin-1", message("200 caf\u00e9", "Content-Length: 5", body=TEXT)),
    *(whole(f"status {status}", sized(TEXT, status=f"{status} Own"), status=status)
      for status in (201, 299, 300, 401, 402, 418, 429, 451, 500, 502, 503, 504, 599, 600, 999)),
    whole("301 without Location", sized(TEXT, status="301 Moved Permanently"), status=301),
    whole("206", sized(b"ell", "Content-Range: bytes 1-3/5", "Accept-Ranges: bytes",
        status="206 Partial Content"),
          status=206, body=b"ell", lines=("Range: bytes=1-3",)),
    whole("206 of unknown size", sized(b"ell", "Content-Range: bytes 1-3/*", status="206 Partial Content"),
          status=206, body=b"ell", lines=("Range: bytes=1-3",)),
    whole("206 in parts", sized(PARTS, "Content-Type: multipart/byteranges; boundary=cut",
        status="206 Partial Content"),
          status=206, body=PARTS, lines=("Range: bytes=0-0,-1",)),
    whole("416", sized(b"", "Content-Range: bytes */5", status="416 Range Not Satisfiable"),
          status=416, body=b"", lines=("Range: bytes=9-",)),
]  # fmt: skip

_LENGTH_10 = ("Content-Length: 10",)
_CHUNKED = ("Transfer-Encoding: chunked",)
_post = partial(whole, method="POST")

UPLOADS = [
    _post("POST with a length", sized(TEXT), lines=_LENGTH_10, upload=(b"0123456789",)),
    _post("POST of nothing", sized(TEXT), lines=("Content-Length: 0",)),
    _post("POST without a length", sized(TEXT)),
    _post("POST chunked", sized(TEXT), lines=_CHUNKED, upload=(b"5\r\nabcde\r\n", b"1;x\r\nf\r\n0\r\n\r\n")),
    _post("POST of 10 MiB", sized(TEXT), lines=(f"Content-Length: {len(LARGE)}",), upload=(LARGE,)),
    _post("POST slower than the limit in all", sized(TEXT), lines=_LENGTH_10, slow=True,
          upload=tuple(b"%d" % digit for digit in range(10)), gap=GAP),
    _post("PUT answered 201", sized(b"", status="201 Created"), method="PUT", status=201, body=b"",
          lines=_LENGTH_10, upload=(b"0123456789",)),
    Scenario("POST answered before its body was sent",
             (head, send(sized(TEXT, "Connection: close", status="413 Content Too Large")), fin),
             status=413, method="POST", lines=("Content-Length: 100000",), upload=(b"0" * 1000,)),
    Scenario("POST chunked, answered before its body was sent",
             (head, send(sized(TEXT, "Connection: close", status="413 Content Too Large")), fin),
             status=413, method="POST", lines=_CHUNKED, upload=(b"5\r\nabcde\r\n",)),
    Scenario("POST answered before its body was read",
             (head, send(sized(TEXT, status="503 Service Unavailable")), pause(STALL_LIMIT / 2)),
             status=503, method="POST", lines=_LENGTH_10, upload=(b"0123456789",)),
    whole("DELETE with a body", sized(TEXT), method="DELETE", lines=_LENGTH_10, upload=(b"0123456789",)),
    whole("GET with a body", sized(TEXT), lines=_LENGTH_10, upload=(b"0123456789",)),
    whole("a method of its own", sized(TEXT), method="PROPFIND"),
    whole("OPTIONS that is no preflight", sized(b"", "Allow: GET"), method="OPTIONS", body=b""),
]  # fmt: skip

_length = partial(unusable, says="content-length", status=200)
_coding = partial(unusable, says="transfer-encoding|content-length", status=200)
_field = partial(unusable, says="header|field|line", status=200)
_no_http = partial(unusable, says="status|http")
_closed = partial(unusable, says="clos|end|disconnect", end=End.CUT)
_slow = partial(unusable, says=rf"did not finish its headers in {STALL_LIMIT:g} s", end=End.STALLED)

UNUSABLE = [
    _length("two lengths, the same", sized(TEXT, "Content-Length: 5")),
    _length("two lengths that differ", sized(TEXT, "Content-Length: 6")),
    _length("a list of lengths", message("200 OK", "Content-Length: 5, 5", body=TEXT)),
    _length("length below zero", message("200 OK", "Content-Length: -5", body=TEXT)),
    _length("length +5", message("200 OK", "Content-Length: +5", body=TEXT)),
    _length("length 5_0", message("200 OK", "Content-Length: 5_0", body=TEXT)),
    _length("length 0x5", message("200 OK", "Content-Length: 0x5", body=TEXT)),
    _length("empty length", message("200 OK", "Content-Length:", body=TEXT)),
    _length("length beyond 64 bits", message("200 OK", f"Content-Length: {'9' * 20}", body=TEXT)),
    _coding("chunked twice", chunked(TEXT, fields=_CHUNKED)),
    _coding("chunked, chunked", message(
        "200 OK", "Transfer-Encoding: chunked, chunked", body=b"5\r\nhello\r\n0\r\n\r\n",
    )),
    _coding("a transfer coding before chunked", message(
        "200 OK", "Transfer-Encoding: gzip, chunked", body=b"5\r\nhello\r\n0\r\n\r\n",
    )),
    _coding("a transfer coding that is not chunked", message("200 OK", "Transfer-Encoding: gzip",
        body=TEXT), fin),
    _coding("chunked and a length", chunked(TEXT, fields=("Content-Length: 5",))),
    _coding("a length and chunked", message(
        "200 OK", "Content-Length: 5", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n",
    )),
    unusable("10,000 fields", message("200 OK", *(f"X-Own-{number}: 1" for number in range(10_000))), fin,
             says="answered with more than 256 header fields", end=End.COMPLETE, status=200),
    unusable("a field of 1 MiB", message("200 OK", f"X-Own: {'a' * (1 << 20)}"), fin,
             says="header field or status line of more than 32768 bytes", end=End.COMPLETE, status=200),
    unusable("a status line of 1 MiB", message("200 " + "a" * (1 << 20)), fin,
             says="status|header|field|line|long", end=End.COMPLETE, status=200),
    _field("a field without a colon", message("200 OK", "X-Own")),
    _field("a space before the colon", message("200 OK", "X-Own : 1")),
    _field("a name with a space", message("200 OK", "X Own: 1")),
    _field("an empty name", message("200 OK", ": 1")),
    _field("NUL in a value", message("200 OK", "X-Own: a\0b")),
    _field("CR in a value", message("200 OK", "X-Own: a\rb")),
    _no_http("no status line", b"<html>hello</html>\r\n\r\n"),
    _no_http("fields without a status line", b"Content-Length: 5\r\n\r\nhello"),
    _no_http("binary garbage", bytes(range(255, 0, -1)), fin),
    unusable("TLS", b"\x15\x03\x01\x00\x02\x02\x46", fin, says="status|http|tls", end=End.CUT),
    _no_http("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    _no_http("status line in lower case", b"http/1.1 200 ok\r\nContent-Length: 5\r\n\r\nhello"),
    _no_http("HTTP/3.0", message("200 OK", "Content-Length: 5", body=TEXT, version="HTTP/3.0")),
    _no_http("HTTP/1.10", message("200 OK", "Content-Length: 5", body=TEXT, version="HTTP/1.10")),
    _no_http("status of two digits", message("20 OK", "Content-Length: 5", body=TEXT)),
    _no_http("status of four digits", message("2000 OK", "Content-Length: 5", body=TEXT)),
    _no_http("status of letters", message("abc OK", "Content-Length: 5", body=TEXT)),
    unusable("an upgrade that nobody asked for", message(
        "101 Switching Protocols", "Upgrade: own", "Connection: Upgrade",
    ), says="101|upgrade|switch", status=101),
    _closed("FIN at once", fin),
    unusable("reset at once", rst, says="reset|clos|disconnect", end=End.RESET),
    _closed("FIN inside the status line", b"HTTP/1.1 2", fin),
    _closed("FIN inside the head", b"HTTP/1.1 200 OK\r\nX-Own: 1\r\n", fin, status=200),
    unusable("reset inside the head", b"HTTP/1.1 200 OK\r\nX-Own: 1\r\n", pause(0.02), rst,
             says="reset|clos|disconnect", end=End.RESET, status=200),
    _closed("FIN after 103", _interim("103 Early Hints"), fin, status=103),
    _slow("stall before the head", stall, becomes=504, says=rf"did not answer in {STALL_LIMIT:g} s"),
    _slow("stall inside the head", b"HTTP/1.1 200 OK\r\nX-Own: 1", stall, status=200),
    _slow("one byte of the head at a time for ever", b"HTTP/1.1 200 OK\r\nX-Own: 1", flood(b"a", 4 * GAP),
          status=200),
    _slow("1xx for ever", flood(_interim("103 Early Hints"), 4 * GAP), status=103),
    unusable("connection refused", says="refused", end=End.REFUSED, listens=False),
]  # fmt: skip

SCENARIOS: tuple[Scenario, ...] = (
    *ENDS_WELL, *ENDS_BADLY, *WITHOUT_BODY, *ENCODINGS, *HEADERS, *STATUS_LINES, *UPLOADS, *UNUSABLE,
)  # fmt: skip


def named(scenario: Scenario) -> str:
    """The id of a scenario in a report."""
    return re.sub(r"\W+", "-", scenario.name).strip("-")
