"""A client of Digest authentication, written from RFC 7616 alone, for either server."""

import hashlib
import re
from collections.abc import Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from attrs import field, frozen, mutable

from .client import Reply, Request, send

__all__ = ["Login", "challenge_of"]

_PARAMETER = re.compile(r'([A-Za-z*-]+)=(?:"([^"]*)"|([^",\s]+))')
_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512": "sha512"}
_CNONCE = "0a4f113b0a4f113b"


def challenge_of(value: str) -> dict[str, str]:
    """The parameters of a challenge, names in lower case."""
    return {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(value)}


@frozen
class Login:
    """What a client knows, and how it goes about.

    Attributes:
        user, passwd: its credentials.
        qop: the quality of protection that it takes; None for that of RFC 2069.
        visits: requests in a row, the first without credentials; the last answer counts.
        keeps_cookies: whether it sends cookies back.
        wrong: parameters that it sends in place of the right ones.
    """

    user: str = "user"
    passwd: str = "passwd"
    qop: str | None = "auth"
    visits: int = 2
    keeps_cookies: bool = True
    wrong: Mapping[str, str] = field(factory=dict)

    def go(self, base: str, request: Request) -> Reply:
        """Make the visits."""
        visitor = _Visitor(self, urlsplit(base).path + request.target)
        for _ in range(self.visits):
            reply = send(base, visitor.dressed(request))
            visitor.read(reply)
        return reply


@mutable
class _Visitor:
    login: Login
    uri: str
    challenge: dict[str, str] = field(factory=dict)
    count: int = 0
    cookies: dict[str, str] = field(factory=dict)

    def dressed(self, request: Request) -> Request:
        """The request with what is known by now."""
        if self.cookies and self.login.keeps_cookies:
            text = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            request = request.with_field("Cookie", text)
        if self.challenge:
            request = request.with_field("Authorization", self._credentials(request))
        return request

    def read(self, reply: Reply) -> None:
        """Learn from an answer."""
        for line in reply.all("Set-Cookie"):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        if reply.status == 401:
            self.challenge, self.count = challenge_of(reply.get("WWW-Authenticate") or ""), 0

    def _credentials(self, request: Request) -> str:
        """Section 3.4."""
        assert isinstance(request.body, bytes)
        challenge, login = self.challenge, self.login
        algorithm = challenge.get("algorithm", "MD5")
        self.count += 1

        def digest(*parts: str) -> str:
            return hashlib.new(_HASHES[algorithm], ":".join(parts).encode()).hexdigest()

        secret = digest(login.user, challenge["realm"], login.passwd)
        asked = [request.method, self.uri]
        if login.qop == "auth-int":
            asked.append(hashlib.new(_HASHES[algorithm], request.body).hexdigest())
        given = {
            "username": login.user,
            "realm": challenge["realm"],
            "nonce": challenge["nonce"],
            "uri": self.uri,
            "algorithm": algorithm,
            "opaque": challenge["opaque"],
        }
        middle = [challenge["nonce"]]
        if login.qop is not None:
            given |= {"qop": login.qop, "nc": f"{self.count:08x}", "cnonce": _CNONCE}
            middle += [given["nc"], _CNONCE, login.qop]
        given["response"] = digest(secret, *middle, digest(*asked))
        bare = {"algorithm", "qop", "nc"}
        return "Digest " + ", ".join(
            f"{name}={value}" if name in bare else f'{name}="{value}"'
            for name, value in {**given, **login.wrong}.items()
        )
