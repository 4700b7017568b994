"""The URL to forward to: read from a request, resolved from a Location, built from a fixed route.

The path and the query of a URL are kept as they are on the wire: `//`, escapes of either case, `{}|`. Signed
URLs break when a forwarder rewrites them. A URL is refused where two programs could read it differently,
because then one of them is asked whether it may be forwarded, and the other one is forwarded.
"""

import re
from contextlib import suppress
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from attrs import frozen
from yarl import URL

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.net.hosts import Host, parse_host
from fetchkit.net.origins import Origin

__all__ = ["RESERVED_NAME", "FixedRoute", "ForwardUrl", "parse_query", "parse_route", "parse_url", "resolve"]

RESERVED_NAME: Final = "fetchkit-token"
"""The query parameter of the access token, and how the cookie's name begins; neither is ever sent on."""

_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SCHEMES_HINT: Final = "Use http, https, ws or wss."
_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}  # RFC 6455, section 4.1: a handshake is HTTP
_CACHED: Final = 256  # an application talks to a few hosts, again and again
_MAX_NAME: Final = 253  # characters of a name (RFC 1035, section 2.3.4); encoding 60 000 takes seconds

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(.*)", re.DOTALL)
# RFC 3986, appendix B, with the scheme's own grammar (section 3.1): "1:2" is a path
_REFERENCE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)"
    r"(?P<query>\?[^#]*)?(?:#.*)?",
    re.DOTALL,
)
_SPACE_HINT: Final = "Write %20; in ?url= the whole URL is percent-encoded once more, as %2520."
_ENCODE_HINT: Final = "Percent-encode it."
_REFUSED: Final = (
    (re.compile(r"[\x00-\x1f\x7f]"), "a control character", _ENCODE_HINT),
    (re.compile("#"), "a fragment", "Leave out what follows #: it never goes to a server."),
    (re.compile(" "), "a space", _SPACE_HINT),
    (re.compile(r"[\ud800-\udfff]"), "bytes that are not UTF-8", _ENCODE_HINT),
    # Browsers take it for a slash and RFC 3986 does not; in a query it means itself to everybody.
    (re.compile(r"\A[^?]*\\"), "a backslash before the query", "Write / or %5C."),
)
_HOST_HINT: Final = "Write a name of letters, digits and hyphens, or an address, and maybe a port."
_DELIMITERS = re.compile(r"[:/?#\[\]@\\%]")  # gen-delims (RFC 3986, section 2.2), and what reads like them
_NO_HOST = re.compile(r"(?::[0-9]*)?")
_NO_PORT = re.compile(r"(?:[^:]+|\[.*\]):")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
# Besides characters the surrogates that stand for bytes which are not UTF-8 (PEP 383)
_OUTSIDE_ASCII = re.compile("[\x80-\ud7ff\udc80-\udcff\ue000-\U0010ffff]")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+")


@frozen
class ForwardUrl:
    """An absolute URL that a request may be forwarded to; `str()` writes it.

    Attributes:
        scheme: `http`, `https`, `ws` or `wss`.
        host: in lower case and without the root's dot; an international name as A-labels; an IPv6 address
            without brackets, in canonical form.
        port: 1 to 65535, the scheme's default where none is written.
        target: path and query as on the wire, beginning with `/` (origin-form, RFC 9112, section 3.2.1).
    """

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: the default port left out, IPv6 in brackets."""
        return str(Host(self.host, None if self.port == _PORTS[self.scheme] else self.port))

    @property
    def origin(self) -> Origin:
        """The origin that credentials belong to; a WebSocket has that of its handshake."""
        return Origin(_HTTP_SCHEMES.get(self.scheme, self.scheme), self.host, self.port)


def parse_url(text: str) -> ForwardUrl:
    """Parse an absolute URL as it is on the wire, decoded from UTF-8 with surrogateescape.

    The host may be percent-encoded UTF-8, because that is what a browser makes of a name in a path.

    Raises:
        BadRequestError: anything but such a URL; user names, fragments and spaces too.
    """
    _refuse_characters(text)
    match = _URL.fullmatch(text)
    if match is None:
        raise _not_absolute(text)
    scheme, target = match[1].lower(), match[3]
    if scheme not in _PORTS:
        raise _not_forwarded(scheme)
    host = _parse_authority(match[2])
    # RFC 9112, section 3.2.1: "If the target URI's path component is empty, the client MUST send '/'"
    target = target if target.startswith("/") else f"/{target}"
    return ForwardUrl(scheme, host.name, host.port or _PORTS[scheme], target)


def parse_query(query: str) -> ForwardUrl:
    """Parse the URL of `?url=`, percent-decoded once; `+` is a plus, and an invalid `%` is itself.

    Text outside ASCII is percent-encoded again, as a browser does with the URL that it is given.

    Raises:
        BadRequestError: no such parameter or several, any other but the token, or no URL to forward to.
    """
    values = []
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        if name == "url":
            values.append(value)
        elif name != RESERVED_NAME:
            hint = "Percent-encode the whole URL, as encodeURIComponent does, or write it after the slash."
            raise BadRequestError(f"{name!a:.100} is a parameter beside the URL.", hint)
    if len(values) != 1:
        raise BadRequestError(f"There are {len(values)} parameters url=, not one.", "Write ?url=URL.")
    return parse_url(_escape_outside_ascii(unquote(values[0], errors="surrogateescape")))


def resolve(base: ForwardUrl, location: str) -> ForwardUrl:
    """Resolve a reference against the URL that it came from (RFC 3986, section 5.2), without its fragment.

    Spaces and text outside ASCII are percent-encoded, as browsers do; escapes are kept as they are.

    Raises:
        BadRequestError: the result is no URL to forward to.
    """
    text = _escape_outside_ascii(location.strip(" \t").replace(" ", "%20"))
    scheme, authority, path, query = next(_REFERENCE.finditer(text)).groups()  # it matches every text
    if authority is not None:
        return parse_url(f"{scheme or base.scheme}://{authority}{_without_dots(path)}{query or ''}")
    if scheme is not None:
        raise _not_absolute(text)  # "http:path" is for old base URLs only (section 5.2.2, "strict")
    base_path, question, base_query = base.target.partition("?")
    if not path:
        path, query = base_path, query or question + base_query
    elif path.startswith("/"):
        path = _without_dots(path)
    else:
        path = _without_dots(base_path[: base_path.rindex("/") + 1] + path)  # section 5.2.3
    return parse_url(f"{base.scheme}://{base.authority}{path}{query or ''}")


@frozen
class FixedRoute:
    """Everything below a path of this server goes to one URL.

    Attributes:
        prefix: begins with `/`, does not end with one; covers whole segments.
        base: what the prefix stands for; without a query.
    """

    prefix: str
    base: ForwardUrl

    def url(self, rest: str) -> ForwardUrl:
        """The URL for what follows the prefix on the wire: nothing, or from a `/` or a `?` on.

        Raises:
            BadRequestError: it has what no URL may have, such as a space.
        """
        path = self.base.target.removesuffix("/") if rest.startswith("/") else self.base.target
        return parse_url(f"{self.base.scheme}://{self.base.authority}{path}{rest}")


def parse_route(value: str, option: str) -> FixedRoute:
    """Parse `PREFIX=URL`, as `/api=https://api.example/v1`.

    Raises:
        ConfigError: anything else; the sentence names the option and says what to write.
    """
    prefix, equals, url = value.partition("=")
    prefix = prefix.removesuffix("/")
    if not equals or not _PREFIX.fullmatch(prefix):
        # The value is not repeated: a URL may carry a password.
        instead = "write PREFIX=URL, as /api=https://api.example/v1"
        raise ConfigError(f"{option} {prefix!a:.100} is not a path of letters, digits and .-_~: {instead}.")
    try:
        base = parse_url(url)
    except BadRequestError as error:
        raise ConfigError(f"{option} {prefix}: {error.detail} {error.hint}".rstrip()) from None
    if "?" in base.target:
        raise ConfigError(f"{option} {prefix}: leave out the query of the URL, requests bring their own.")
    return FixedRoute(prefix, base)


def _refuse_characters(text: str) -> None:
    for pattern, what, hint in _REFUSED:
        if pattern.search(text):
            raise BadRequestError(f"The URL has {what}.", hint)


def _not_absolute(text: str) -> BadRequestError:
    """Say what is wrong with text that does not begin with `scheme://`."""
    if not text:
        return BadRequestError("There is no URL to forward to.", "Write one, as https://api.example/v1.")
    if match := re.match(r"(https?|wss?):", text, re.IGNORECASE):
        return BadRequestError("The URL lacks two slashes.", f"Write {match[1]}://HOST/PATH.")
    if re.match(r"[a-z]+%3a", text, re.IGNORECASE):
        return BadRequestError("The URL is percent-encoded.", "Write it as it is, or after ?url=.")
    # A name and a port (`localhost:8080/x`) look like a scheme.
    if match := re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(?![0-9]*(?:[/?]|\Z))", text):
        return _not_forwarded(match[1])
    return BadRequestError("The URL has no scheme.", "Begin it with http:// or https://.")


def _not_forwarded(scheme: str) -> BadRequestError:
    return BadRequestError(f"The scheme {scheme!a:.100} is not forwarded.", _SCHEMES_HINT)


@lru_cache(_CACHED)
def _parse_authority(authority: str) -> Host:
    if "@" in authority:
        # RFC 9110, section 4.2.4: such a URL "ought to be treated as an error"; what it says is not repeated.
        hint = "Send them in an Authorization header."
        raise BadRequestError("The URL has a user name or a password.", hint)
    if _NO_HOST.fullmatch(authority):
        raise BadRequestError("The URL has no host.", "Write it after the two slashes.")
    if _NO_PORT.fullmatch(authority):
        raise BadRequestError("The URL has a colon after its host, but no port.", "Leave out the colon.")
    name, colon, port = authority.partition(":")
    if "%" in name or not name.isascii():
        authority = f"{_a_labels(name)}{colon}{port}"
    try:
        host = parse_host(authority)
    except BadRequestError as error:
        raise BadRequestError(error.detail, error.hint or _HOST_HINT) from None
    return _without_odd_numbers(host)


def _a_labels(name: str) -> str:
    """A host name as the DNS has it (RFC 5890, section 2.3.2.1), from Unicode or percent-encoded UTF-8."""
    text = unquote(name, errors="replace")  # the replacement character is in no name
    encoded = None
    if len(text) <= _MAX_NAME and not _DELIMITERS.search(text):
        with suppress(ValueError):
            encoded = URL.build(scheme="http", host=text).raw_host
    if encoded is None:
        hint = "Write it as it is, or an international name as xn--bcher-kva.example."
        raise BadRequestError(f"{name!a:.100} is not a host name.", hint)
    return encoded


def _without_odd_numbers(host: Host) -> Host:
    """Refuse `127.1`, `0x7f.1` and `2130706433`: addresses to browsers and C libraries, names to RFC 3986.

    The URL standard, section 3.5, takes every host whose last label is a number for an IPv4 address.
    """
    if _ENDS_IN_NUMBER.fullmatch(host.name) and host.address is None:
        raise BadRequestError(f"{host.name:.100} is not an IPv4 address.", "Write it as 192.0.2.1.")
    return host


def _escape_outside_ascii(text: str) -> str:
    return _OUTSIDE_ASCII.sub(lambda match: quote(match[0].encode("utf-8", "surrogateescape")), text)


def _without_dots(path: str) -> str:
    """Remove the segments `.` and `..` of an absolute path (RFC 3986, section 5.2.4); `//` is kept."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1:] in (["."], [".."]):
        kept.append("")
    return "/" + "/".join(kept)
