"""Authentication: Basic (RFC 7617), Bearer (RFC 6750) and Digest (RFC 7616).

User and password stand in the URL, so nothing is protected; what is exact here is the protocol. A nonce of
Digest is `TIME-RANDOM-MAC`, where MAC is an HMAC of the rest: any worker can check it, and nothing is kept.
It is stale after some minutes, or once `stale_after` requests have used it, which their counts (`nc`) tell;
clients that send none are counted by cookies. httpbin sets these on every route, and suites for it expect
them; in go-httpbin's shape they are set where they are needed.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.asked import Asked, json_answer, text_answer
from fetchkit.origin.cookies import cookies_of, set_cookie
from fetchkit.origin.parameters import parse_count, parse_flag, unescape
from fetchkit.origin.route import Body, Peer, Route, path, query
from fetchkit.origin.settings import Shape

__all__ = ["ROUTES", "nonce_at"]

_REALM: Final = "Fake Realm"  # as both peers say
_DIGEST_REALM: Final = "fetchkit"
# A nonce is good for so long (RFC 7616, section 3.3: "stale").
_NONCE_SECONDS: Final = 300
_NEVER: Final = "never"
_MAX_USES: Final = 10**9
_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256", "SHA-512": "sha512"}
_SESSION: Final = "-SESS"
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, section 5.6.2
# auth-param (RFC 9110, section 11.2)
_PARAMETER: Final = re.compile(
    rf'({_WORD})[ \t]*=[ \t]*(?:({_WORD})|"((?:[^"\\]|\\.)*)")[ \t]*(?:,[ \t,]*|\Z)', re.DOTALL
)
# b64token (RFC 6750, section 2.1)
_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_COUNT: Final = re.compile(r"[0-9a-fA-F]{8}")


def basic(asked: Asked) -> Answer:
    """Ask for user and password."""
    given = _basic_credentials(asked)
    if _is_user(asked, given):
        return json_answer(_authenticated(asked, asked.arguments["user"]))
    challenge = ("WWW-Authenticate", f'Basic realm="{_REALM}"')
    if asked.settings.shape is Shape.GO_HTTPBIN:
        name = given.partition(b":")[0].decode("utf-8", "replace")
        return json_answer({"authenticated": False, "user": name, "authorized": False}, 401, challenge)
    return _empty(401, challenge)


def hidden_basic(asked: Asked) -> Answer:
    """The same without a word of it."""
    if not _is_user(asked, _basic_credentials(asked)):
        return _empty(404)
    return json_answer(_authenticated(asked, asked.arguments["user"]))


def bearer(asked: Asked) -> Answer:
    """Ask for a token, any."""
    match = _BEARER.fullmatch(asked.headers.get("Authorization", "").strip(" \t"))
    if match is None:
        # "This scheme MUST be followed by one or more auth-param values" (RFC 6750, section 3)
        return _empty(401, ("WWW-Authenticate", f'Bearer realm="{_REALM}"'))
    return json_answer({"authenticated": True, "token": match[1]})


def _basic_credentials(asked: Asked) -> bytes:
    """User and password as the client sends them, a colon between them; empty where it sends none."""
    scheme, _, credentials = asked.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials.strip(" \t").encode("ascii"), validate=True)
    except ValueError:
        return b""


def _is_user(asked: Asked, given: bytes) -> bool:
    user, passwd = asked.arguments["user"], asked.arguments["passwd"]
    # The first colon ends the user (RFC 7617, section 2), so one with a colon is nobody's.
    return hmac.compare_digest(given, _octets(f"{user}:{passwd}")) and ":" not in user


def _authenticated(asked: Asked, user: str) -> dict[str, Any]:
    if asked.settings.shape is Shape.GO_HTTPBIN:
        return {"authenticated": True, "user": user, "authorized": True}
    return {"authenticated": True, "user": user}


def _empty(status: int, *fields: tuple[str, str]) -> Answer:
    answer = text_answer("", status=status)
    answer.fields += fields
    return answer


@frozen
class _Demand:
    """What a route asks for.

    Attributes:
        user, passwd: whose credentials.
        qops: qualities of protection on offer.
        algorithm: with `-sess` or without.
        uses: how often a nonce can be used; None without a limit.
        needs_cookie: whether the cookie of the challenge has to come back.
    """

    user: str
    passwd: str
    qops: tuple[str, ...]
    algorithm: str
    uses: int | None
    needs_cookie: bool

    def hash(self, *parts: bytes) -> bytes:
        """H of the parts with colons between them, in hexadecimal digits."""
        name = _HASHES[self.algorithm.upper().removesuffix(_SESSION)]
        return hashlib.new(name, b":".join(parts), usedforsecurity=False).hexdigest().encode()

    def mac(self, text: str) -> str:
        """Proof that a text is ours."""
        key = _octets(f"{self.user}:{self.passwd}")
        return hmac.new(key, _octets(text), "sha256").hexdigest()[:32]


def digest(asked: Asked) -> Answer:
    """Ask for a digest of user, password and request."""
    demand = _demand(asked)
    cookies = cookies_of(asked)
    given = _given(asked.headers.get("Authorization", ""))
    if given is None or (demand.needs_cookie and not cookies):
        return _challenge(asked, demand)
    if demand.needs_cookie and cookies.get("fake") != "fake_value":
        errors = {"errors": ["missing cookie set on challenge"]}
        return json_answer(errors, 403, _cookie(asked, "fake", "fake_value"))
    nonce = given.get("nonce", "")
    if not _is_right(asked, demand, given):
        return _challenge(asked, demand, used=nonce)
    if _is_old(demand, nonce) or _is_used_up(demand, given, cookies):
        return _challenge(asked, demand, used=nonce, stale=True)
    answer = json_answer(_authenticated(asked, demand.user))
    if _has_cookies(asked):
        answer.fields.append(_cookie(asked, "fake", "fake_value"))
    left = cookies.get("stale_after", "")
    if left.isdecimal() and (demand.uses is not None or _has_cookies(asked)):
        answer.fields.append(_cookie(asked, "stale_after", str(max(0, int(left[:10]) - 1))))
    elif left and _has_cookies(asked):
        answer.fields.append(_cookie(asked, "stale_after", _NEVER))
    return answer


def _has_cookies(asked: Asked) -> bool:
    """Whether every route sets all cookies, as httpbin does."""
    return asked.settings.shape is Shape.HTTPBIN


def _demand(asked: Asked) -> _Demand:
    """Read the path and the query.

    Raises:
        BadRequestError: an algorithm that is not offered.
    """
    arguments = asked.arguments
    algorithm, uses = arguments.get("algorithm", "MD5"), arguments.get("stale_after", _NEVER)
    if algorithm.isdecimal() or algorithm == _NEVER:  # httpbin's own tests leave the algorithm out
        algorithm, uses = "MD5", algorithm
    if algorithm.upper().removesuffix(_SESSION) not in _HASHES:
        raise BadRequestError(
            f"algorithm: {algorithm!a:.80} is not offered.",
            f"There are {', '.join(_HASHES)}, each with -sess too.",
        )
    qop = arguments["qop"].lower()
    return _Demand(
        arguments["user"],
        arguments["passwd"],
        (qop,) if qop in ("auth", "auth-int") else ("auth", "auth-int"),
        algorithm.upper().replace(_SESSION, "-sess"),
        None if uses == _NEVER else parse_count(uses, 0, _MAX_USES, "stale_after"),
        "require-cookie" in asked.query and parse_flag(asked.query.get("require-cookie"), "require-cookie"),
    )


def _given(authorization: str) -> dict[str, str] | None:
    """The parameters of a Digest; None where there are none, or they are malformed."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "digest":
        return None
    found: dict[str, str] = {}
    position, rest = 0, rest.strip(" \t,")
    while match := _PARAMETER.match(rest, position):
        value = match[2] if match[3] is None else re.sub(r"\\(.)", r"\1", match[3], flags=re.DOTALL)
        if found.setdefault(match[1].lower(), value) != value:
            return None
        position = match.end()
    return found if found and position == len(rest) else None


def _is_right(asked: Asked, demand: _Demand, given: Mapping[str, str]) -> bool:
    """Whether the response is the digest of everything that the request says (RFC 7616, section 3.4.1)."""
    user = given.get("username", "")
    if "username*" in given:  # RFC 8187
        charset, _, rest = given["username*"].partition("'")
        user = unescape(rest.partition("'")[2]) if charset.upper() == "UTF-8" else ""
    qop, algorithm = given.get("qop"), given.get("algorithm", "MD5")
    if algorithm.lower() != demand.algorithm.lower() or qop not in (*demand.qops, None):
        return False
    nonce, cnonce, uri = (_octets(given.get(name, "")) for name in ("nonce", "cnonce", "uri"))
    # The digest must be of this request and no other (section 3.4.6).
    if uri not in (_octets(asked.target), _octets(asked.url)) or not _is_ours(demand, given.get("nonce", "")):
        return False
    if qop is not None and not (cnonce and _COUNT.fullmatch(given.get("nc", ""))):
        return False
    secret = demand.hash(_octets(demand.user), _octets(given.get("realm", "")), _octets(demand.passwd))
    if demand.algorithm.endswith("-sess"):
        secret = demand.hash(secret, nonce, cnonce)
    request = [asked.method.encode(), uri]
    if qop == "auth-int":
        request.append(demand.hash(asked.body))
    middle = [nonce] if qop is None else [nonce, given["nc"].encode(), cnonce, qop.encode()]
    expected = demand.hash(secret, *middle, demand.hash(*request))
    is_same_user = hmac.compare_digest(_octets(user), _octets(demand.user))
    is_same = hmac.compare_digest(_octets(given.get("response", "").lower()), expected)
    return is_same_user and is_same and given.get("realm") == _DIGEST_REALM


def nonce_at(seconds: float, demand: _Demand) -> str:
    """A nonce made at a time."""
    start = f"{int(seconds):x}-{secrets.token_hex(8)}"
    return f"{start}-{demand.mac(start)}"


def _is_ours(demand: _Demand, nonce: str) -> bool:
    start, _, mac = nonce.rpartition("-")
    return hmac.compare_digest(_octets(mac), demand.mac(start).encode())


def _is_old(demand: _Demand, nonce: str) -> bool:
    """Whether a nonce of ours has expired."""
    if not _is_ours(demand, nonce):
        return False
    return time.time() - int(nonce.partition("-")[0], 16) > _NONCE_SECONDS


def _is_used_up(demand: _Demand, given: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
    if demand.uses is None:
        return False
    count = given.get("nc", "")
    if _COUNT.fullmatch(count) and int(count, 16) > demand.uses:
        return True
    return cookies.get("stale_after") == "0" or cookies.get("last_nonce") == given.get("nonce", "")


def _challenge(asked: Asked, demand: _Demand, *, used: str = "", stale: bool = False) -> Answer:
    """401 with a new nonce; `used` is the one that is not good any more."""
    nonce = nonce_at(time.time(), demand)
    value = (
        f'Digest realm="{_DIGEST_REALM}", nonce="{nonce}", opaque="{demand.mac("opaque")}", '
        f'qop="{", ".join(demand.qops)}", algorithm={demand.algorithm}, '
        f"stale={str(stale).lower()}, charset=UTF-8"
    )
    answer = _empty(401, ("WWW-Authenticate", value))
    if demand.uses is not None or _has_cookies(asked):
        uses = _NEVER if demand.uses is None else str(demand.uses)
        answer.fields.append(_cookie(asked, "stale_after", uses))
        if used and _is_ours(demand, used):
            answer.fields.append(_cookie(asked, "last_nonce", used))
    if demand.needs_cookie or _has_cookies(asked):
        answer.fields.append(_cookie(asked, "fake", "fake_value"))
    return answer


def _cookie(asked: Asked, name: str, value: str) -> tuple[str, str]:
    return set_cookie(name, value, (f"Path={asked.prefix}",))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_BOTH: Final = (Peer.HTTPBIN, Peer.GO)
_GROUP: Final = "Authentication"
_USER: Final = (
    path("user", "text", "The user's name.", "user"),
    path("passwd", "text", "The password.", "passwd"),
)
_QOP: Final = path("qop", "text", "`auth` or `auth-int`; anything else offers both.", "auth")
_ALGORITHM: Final = path("algorithm", "text", "MD5, SHA-256 or SHA-512, each also with -sess.", "SHA-256")
_STALE_AFTER: Final = path("stale_after", "count", "How often a nonce can be used, or `never`.", "3")
_COOKIE: Final = query(
    "require-cookie", "flag", "Answer 403 to who does not send the cookie of the challenge."
)


def _digest_route(pattern: str, *parameters: Any, peers: tuple[Peer, ...]) -> Route:
    return Route(
        ("GET", "POST"),
        f"/digest-auth/{{qop}}/{{user}}/{{passwd}}{pattern}",
        digest,
        "Asks for Digest authentication.",
        (_QOP, *_USER, *parameters, _COOKIE),
        peers,
        "Requests with a query work, the URI of the digest is compared with the request's, and a nonce that "
        "is not the server's is refused; an unknown algorithm is a 400, where httpbin takes MD5.",
        Body.READ,
        _GROUP,
    )


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("GET",),
        "/basic-auth/{user}/{passwd}",
        basic,
        "Asks for Basic authentication, and answers 401 without it.",
        _USER,
        _BOTH,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/hidden-basic-auth/{user}/{passwd}",
        hidden_basic,
        "Wants Basic authentication, and answers 404 without it.",
        _USER,
        _BOTH,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/bearer",
        bearer,
        "Asks for a bearer token, and tells it back.",
        peers=_BOTH,
        differs="The challenge has a realm, since RFC 6750 wants a parameter.",
        group=_GROUP,
    ),
    _digest_route("", peers=_BOTH),
    _digest_route("/{algorithm}", _ALGORITHM, peers=_BOTH),
    _digest_route("/{algorithm}/{stale_after}", _ALGORITHM, _STALE_AFTER, peers=(Peer.HTTPBIN,)),
)
