"""The test origin from a test: URLs of scenarios, and what the origin saw of who used them."""

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import Request as _Request
from urllib.request import urlopen

from attrs import field, frozen

__all__ = ["OriginClient", "Request"]

_SECONDS = 10.0
# What a query may hold as it is (RFC 3986, section 3.4), for URLs that people can read; `+` and `&` are not.
_READABLE = "/?:@!$'()*,;="


@frozen
class Request:
    """One request that the origin saw.

    Attributes:
        method: as on the wire.
        target: path and query as on the wire.
        headers: pairs, as received.
        size: bytes of the body.
        status: of the answer; 0 where there was none.
        values: everything that `/origin/seen` tells.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    size: int
    status: int
    values: Mapping[str, Any]


@frozen
class OriginClient:
    """Speaks of one token: a scenario of its own, which no other test sees.

    Attributes:
        url: where the origin is, without a slash at its end.
        token: the scenario's.
        access: the server's access token; empty for none.
    """

    url: str
    token: str = field(factory=lambda: secrets.token_urlsafe(12))
    access: str = ""

    def at(self, path: str, *pipe: str, **query: object) -> str:
        """The URL of a route, through faults.

        Args:
            path: of the origin, as `/bytes/1024`.
            pipe: faults, from left to right, as `fail(2)`, `delay(200ms)`.
            query: more parameters, as `seed=7`.
        """
        pairs = [("token", self.token), *query.items()]
        if pipe:
            pairs.append(("pipe", "|".join(pipe)))
        if self.access:
            pairs.append(("fetchkit-token", self.access))
        fields = "&".join(f"{name}={quote(str(value), safe=_READABLE)}" for name, value in pairs)
        return f"{self.url}/{path.lstrip('/')}?{fields}"

    def seen(self, wait: int = 0) -> list[Request]:
        """The requests of this scenario, oldest first; once there are `wait`, or after some seconds."""
        query = {"wait": wait, "timeout": f"{_SECONDS / 2:g}"} if wait else {}
        return [_request(each) for each in self._json("GET", "seen", query=query)["requests"]]

    def script(self, answers: Iterable[Mapping[str, Any]]) -> str:
        """Have `/script/TOKEN` answer with these, one after the other; its URL.

        Args:
            answers: as `PUT /origin/script/T` takes them.
        """
        self._json("PUT", "script", json.dumps(list(answers)).encode())
        return self._own("script")

    def forget(self) -> None:
        """Forget what was seen."""
        self._json("DELETE", "seen")

    def _own(self, route: str, query: Mapping[str, object] | None = None) -> str:
        pairs = {**({"fetchkit-token": self.access} if self.access else {}), **(query or {})}
        return f"{self.url}/{route}/{self.token}{'?' if pairs else ''}{urlencode(pairs)}"

    def _json(
        self, method: str, route: str, body: bytes | None = None, query: Mapping[str, object] | None = None
    ) -> Any:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        asked = _Request(self._own(route, query), body, headers, method=method)  # noqa: S310  our own server
        with urlopen(asked, timeout=_SECONDS) as response:  # noqa: S310
            text = response.read()
        return json.loads(text) if text else None


def _request(values: Mapping[str, Any]) -> Request:
    headers = tuple((str(name), str(value)) for name, value in values["headers"])
    return Request(values["method"], values["target"], headers, values["size"], values["status"], values)
