"""Which header fields pass through a forward, in each direction.

A field that no list names passes as it came: order, duplicates and bytes; of a name that aiohttp knows the
capitals may change (`Etag`), which mean nothing (RFC 9110, section 5.1). What does not pass stands in a list
with the reason beside it. Values are text as aiohttp reads it: UTF-8 with surrogateescape.

The dangers:

- An upstream's header becomes a header of OUR origin, where the application keeps its files: one
  `Clear-Site-Data` would wipe them. Hence the long list of responses.
- `Connection` names fields to remove, so a peer can name one that somebody relies on (Apache's
  CVE-2022-31813). Ours are added after the removal, and what is meant for all recipients stays: "A sender
  MUST NOT send a connection option corresponding to a field that is intended for all recipients of the
  content" (RFC 9110, section 7.6.1). Everything else that is named goes, as the same section demands.
- `Authorization` passes: a page sets it for the upstream that it names. A browser's own password prompt must
  never appear, for the browser would keep the password for our origin, and so for every other target.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from aiohttp import hdrs
from multidict import CIMultiDict, CIMultiDictProxy

__all__ = [
    "FINAL_URL",
    "MAX_URL",
    "REQUEST_URL",
    "exposed_names",
    "is_loop",
    "is_service_worker",
    "request_headers",
    "response_headers",
    "wants_sandbox",
]

Headers = CIMultiDict[str] | CIMultiDictProxy[str]

# cors-anywhere's names: the URL that answered in the end, and the one that was asked for.
FINAL_URL: Final = "X-Final-URL"
REQUEST_URL: Final = "X-Request-URL"
# A longer URL is in neither: clients limit the head of a response (Node to 16 KiB in all).
MAX_URL: Final = 4096

# They are about one connection (RFC 9110, section 7.6.1; RFC 9112, section 6.1). Keep-Alive and
# HTTP2-Settings are of RFC 2068 and RFC 7540, Proxy-Connection of no standard. The Proxy-* are between a
# client and its proxy (RFC 9110, section 11.7); Proxy-Status (RFC 9209) is end to end and not here.
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Meant for all recipients, so a Connection that names them is ignored: without them the bytes would mean
# something else (Content-*, Range), the wrong one would be stored (Cache-Control, Vary, Authorization), or a
# loop would not be seen (Via).
_END_TO_END: Final = frozenset(
    {
        "age",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expires",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "last-modified",
        "location",
        "pragma",
        "range",
        "retry-after",
        "vary",
        "via",
    }
)

# The client writes these anew: it dials another host, frames the body itself (RFC 9112, section 6.3), and
# its own 100-continue is its own business (RFC 9110, section 10.1.1).
_WRITTEN_ANEW: Final = frozenset({"content-length", "expect", "host"})
# They tell where the page lives, or are credentials for OUR origin. Cookies go upstream by opt-in only.
_OF_THE_PAGE: Final = frozenset({"alt-used", "cookie", "cookie2", "origin", "referer"})
# A CGI program upstream would take it for its variable HTTP_PROXY (httpoxy, CVE-2016-5385).
_POISON: Final = frozenset({"proxy"})
# Families: the preflight is answered here, what goes on between a client and its proxy, what only browsers
# say about the page (Fetch Metadata, client hints) or for a WebSocket handshake, our control and token.
_REQUEST_FAMILIES: Final = ("access-control-request-", "proxy-", "sec-", "x-fetchkit-")
_NOT_UPSTREAM: Final = _HOP_BY_HOP | _WRITTEN_ANEW | _OF_THE_PAGE | _POISON
_NOT_UPSTREAM_NOR_CODINGS: Final = _NOT_UPSTREAM | {"accept-encoding"}

# What a browser would keep, and apply to all of our origin after this response.
_STATE_OF_OUR_ORIGIN: Final = frozenset(
    {
        "accept-ch",  # with the next two: client hints, sent with every later request (RFC 8942)
        "accept-ch-lifetime",
        "critical-ch",
        "activate-storage-access",
        "alt-svc",  # moves the origin to another host and port (RFC 7838)
        "clear-site-data",  # wipes cookies, IndexedDB, caches
        "expect-ct",
        "nel",  # with the next two: where the browser reports about our origin
        "report-to",
        "reporting-endpoints",
        "no-vary-search",  # makes one cached /forward?url= answer for another
        "observe-browsing-topics",
        "public-key-pins",
        "public-key-pins-report-only",
        "service-worker-allowed",  # a worker of upstream would rule our pages
        "set-cookie",  # by opt-in only, rewritten
        "set-cookie2",
        "set-login",
        "shared-storage-write",
        "strict-transport-security",  # would turn http://localhost into https
        "use-as-dictionary",  # compresses other answers of our origin by this one (RFC 9842)
    }
)
# Policies of a document or worker: with our URL these are ours to set, and `nosniff` and `sandbox` are.
_POLICIES: Final = frozenset(
    {
        "content-security-policy",
        "content-security-policy-report-only",
        "document-isolation-policy",
        "document-isolation-policy-report-only",
        "document-policy",
        "document-policy-report-only",
        "feature-policy",
        "integrity-policy",
        "integrity-policy-report-only",
        "origin-agent-cluster",
        "origin-trial",
        "permissions-policy",
        "permissions-policy-report-only",
        "referrer-policy",
        "require-document-policy",
        "speculation-rules",  # with Refresh: its URLs are upstream's, and would be looked for here
        "refresh",
        "supports-loading-mode",
        "timing-allow-origin",  # who may measure is decided as who may read is
        "x-content-security-policy",
        "x-content-type-options",
        "x-dns-prefetch-control",
        "x-frame-options",
        "x-permitted-cross-domain-policies",
        "x-webkit-csp",
        "x-xss-protection",
    }
)
# Commands to a reverse proxy that stands before us: it would send a file of its own machine.
_PROXY_COMMANDS: Final = frozenset({"x-lighttpd-send-file", "x-reproxy-url", "x-sendfile"})
# Set here, and must be true.
_OURS: Final = frozenset({FINAL_URL.lower(), REQUEST_URL.lower()})
# Families: upstream's CORS (ours replaces it), advertising and sessions kept by the browser, COOP/COEP/CORP,
# handshakes, commands to nginx, our own.
_RESPONSE_FAMILIES: Final = (
    "access-control-",
    "attribution-reporting-",
    "cross-origin-",
    "sec-",
    "secure-session-",
    "x-accel-",
    "x-fetchkit-",
)
_NOT_TO_THE_PAGE: Final = _HOP_BY_HOP | _STATE_OF_OUR_ORIGIN | _POLICIES | _PROXY_COMMANDS | _OURS
_NOT_TO_THE_PAGE_NOR_LENGTH: Final = _NOT_TO_THE_PAGE | {"content-length"}

# Schemes for which browsers ask for a password (or send the login of the machine) by themselves. A page's
# direct fetch of another origin never causes that, so neither may a forwarded one. Anywhere in the value, for
# browsers differ in where they see a second challenge begin.
_PROMPTS: Final = re.compile(r"\b(?:basic|digest|negotiate|ntlm)\b", re.IGNORECASE)
# RFC 9110, section 5.5: a recipient of them "MUST either reject the message or replace each of those
# characters with SP before further processing or forwarding of that message".
_DANGEROUS: Final = ("\r", "\n", "\0")
_TO_SPACES: Final = str.maketrans(dict.fromkeys(_DANGEROUS, " "))
# Connections that name no field: nearly all of them.
_PLAIN_CONNECTIONS: Final = frozenset({"close", "keep-alive"})

# Answers of one server have the same names; the bound is there for one that makes them up.
_REMEMBERED: Final = 256

# A sandboxed worker has an opaque origin: no IndexedDB, no OPFS, and its own fetches are foreign.
_WORKERS: Final = frozenset({"worker", "sharedworker"})


def request_headers(headers: Headers, *, encoding_identity: bool, via: str) -> CIMultiDict[str]:
    """The fields to send upstream for the fields that the page sent.

    Args:
        headers: as received.
        encoding_identity: ask upstream for the bytes as they are, so that the page's progress is computable;
            False passes the page's Accept-Encoding, or its absence, on.
        via: our member of Via: `1.1 name` (RFC 9110, section 7.6.3).
    """
    # Fetch standard, HTTP-network-or-cache fetch: identity beside Range "avoids a failure when handling
    # content codings with a part of an encoded response".
    if encoding_identity or hdrs.RANGE in headers:
        passing = _pass(headers, _stays_here_with_codings)
        passing.append((hdrs.ACCEPT_ENCODING, "identity"))
    else:
        passing = _pass(headers, _stays_here)
    passing.append((hdrs.VIA, via))
    return CIMultiDict(passing)


def response_headers(headers: Headers, *, via: str, status: int = 200) -> list[tuple[str, str]]:
    """The fields to give the page for the fields that upstream sent; in order, duplicates kept.

    Args:
        headers: as received.
        via: our member of Via: `1.1 name`.
        status: of the response.
    """
    # RFC 9112, section 6.3: beside Transfer-Encoding an intermediary "MUST first remove the received
    # Content-Length field". RFC 9110, section 8.6: a 204 MUST NOT have one.
    without_length = hdrs.TRANSFER_ENCODING in headers or status == 204  # noqa: PLR2004
    passing = _pass(headers, _stays_there_with_length if without_length else _stays_there)
    if hdrs.WWW_AUTHENTICATE in headers:
        passing = [pair for pair in passing if not _prompts(*pair)]
    passing.append((hdrs.VIA, via))
    return passing


def exposed_names(pairs: Iterable[tuple[str, str]]) -> str:
    """Value of Access-Control-Expose-Headers: each name once, as first spelled, ours last.

    By name, since `*` means nothing in an answer to a request with credentials (Fetch standard, "CORS
    protocol and credentials").
    """
    return _exposed(tuple([name for name, _ in pairs]))


@lru_cache(_REMEMBERED)
def _exposed(names: tuple[str, ...]) -> str:
    once: dict[str, str] = {}
    for name in (*names, FINAL_URL, REQUEST_URL):
        once.setdefault(name.lower(), name)
    return ", ".join(once.values())


def is_loop(headers: Headers, via_name: str) -> bool:
    """Whether a request passed here before: a member of Via was received by `via_name`, in any case.

    Ask it of the fields as received (RFC 9110, section 7.6.3: Via is there for "avoiding request loops").
    """
    wanted = via_name.lower()
    members = (member.split() for line in headers.getall(hdrs.VIA, ()) for member in line.split(","))
    return any(len(parts) > 1 and parts[1].lower() == wanted for parts in members)


def wants_sandbox(sec_fetch_site: str | None, sec_fetch_dest: str | None) -> bool:
    """Whether the answer gets `Content-Security-Policy: sandbox`: all but a same-origin page's workers."""
    return not (sec_fetch_site == "same-origin" and sec_fetch_dest in _WORKERS)


def is_service_worker(headers: Headers) -> bool:
    """Whether a service worker's script is asked for: foreign code that would rule our origin's pages."""
    # Service Workers, section "Update": the field Service-Worker marks the request for a worker's script.
    return "Service-Worker" in headers or headers.get("Sec-Fetch-Dest") == "serviceworker"


def _pass(headers: Headers, stays: Callable[[str], bool]) -> list[tuple[str, str]]:
    passing = [pair for pair in headers.items() if not stays(pair[0])]
    if listed := _listed(headers):
        passing = [pair for pair in passing if pair[0].lower() not in listed]
    return passing if _is_clean(passing) else _cleaned(passing)


def _judge(removed: frozenset[str], families: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a name does not pass; remembered, for clients and servers repeat theirs."""

    @lru_cache(_REMEMBERED)
    def stays(name: str) -> bool:
        name = name.lower()
        return name in removed or name.startswith(families)

    return stays


_stays_here: Final = _judge(_NOT_UPSTREAM, _REQUEST_FAMILIES)
_stays_here_with_codings: Final = _judge(_NOT_UPSTREAM_NOR_CODINGS, _REQUEST_FAMILIES)
_stays_there: Final = _judge(_NOT_TO_THE_PAGE, _RESPONSE_FAMILIES)
_stays_there_with_length: Final = _judge(_NOT_TO_THE_PAGE_NOR_LENGTH, _RESPONSE_FAMILIES)


def _listed(headers: Headers) -> frozenset[str]:
    """Names of fields that Connection removes, in lower case."""
    lines = headers.getall(hdrs.CONNECTION, ())
    if not lines or (len(lines) == 1 and lines[0].lower() in _PLAIN_CONNECTIONS):
        return frozenset()
    return frozenset(name.strip(" \t").lower() for name in ",".join(lines).split(",")) - _END_TO_END


def _is_clean(pairs: list[tuple[str, str]]) -> bool:
    everything = "".join([text for pair in pairs for text in pair])
    return not any(character in everything for character in _DANGEROUS)


def _cleaned(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A value's dangerous characters become spaces; a name that has any is no name, and goes."""
    return [(name, value.translate(_TO_SPACES)) for name, value in pairs if _is_clean([(name, "")])]


def _prompts(name: str, value: str) -> bool:
    return name.lower() == "www-authenticate" and _PROMPTS.search(value) is not None
