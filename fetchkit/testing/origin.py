"""The test origin from a test: URLs of scenarios, and what the origin saw of who used them."""

import asyncio
import json
import secrets
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import BaseHandler, HTTPSHandler, OpenerDirector, ProxyHandler, build_opener
from urllib.request import Request as _Request

from attrs import field, frozen

from fetchkit.certificates import ca_file
from fetchkit.errors import FetchkitError

__all__ = ["OriginClient", "Request"]

# Seconds for an answer; a half of them for what is waited for.
_SECONDS: Final = 10.0
# What a query may hold as it is (RFC 3986, section 3.4), for URLs that people can read; `+` and `&` are not.
_READABLE: Final = "/?:@!$'()*,;="


@frozen
class Request:
    """One request that the origin saw.

    Attributes:
        method: as on the wire.
        target: path and query as on the wire, without the access token.
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
    values: Mapping[str, Any] = field(repr=False)

    def header(self, name: str, default: str = "") -> str:
        """The value of a header field; of several, joined by commas.

        Args:
            name: in any case.
            default: where there is none.
        """
        values = [value for known, value in self.headers if known.lower() == name.lower()]
        return ", ".join(values) if values else default


@frozen
class OriginClient:
    """Speaks of one token: a scenario of its own, which no other test sees.

    Attributes:
        url: where the origin is, without a slash at its end.
        token: the scenario's.
        access: the server's access token; empty for none.
    """

    url: str
    token: str = field(factory=lambda: secrets.token_hex(8))
    access: str = ""

    def at(self, path: str, /, *pipe: str, **query: object) -> str:
        """The URL of a route, through faults.

        Args:
            path: of the origin, as `/bytes/1024`; it may have a query.
            pipe: faults, from left to right, as `fail(2)`, `delay(200ms)`.
            query: more parameters, as `seed=7`.
        """
        pairs = [("token", self.token), *query.items()]
        if pipe:
            pairs.append(("pipe", "|".join(pipe)))
        if self.access:
            pairs.append(("fetchkit-token", self.access))
        fields = "&".join(f"{quote(name)}={quote(str(value), safe=_READABLE)}" for name, value in pairs)
        return f"{self.url}/{path.lstrip('/')}{'&' if '?' in path else '?'}{fields}"

    def seen(self, wait: int = 0) -> list[Request]:
        """The requests of this scenario, oldest first.

        Args:
            wait: tell once there are so many, preflights not counted, or after 5 seconds.
        """
        query = {"wait": wait, "timeout": f"{_SECONDS / 2:g}"} if wait else {}
        return [_request(each) for each in self._json("GET", "seen", query=query)["requests"]]

    async def seen_async(self, wait: int = 0) -> list[Request]:
        """The same, for an asynchronous test whose own loop makes the requests."""
        return await asyncio.to_thread(self.seen, wait)

    def script(self, answers: Iterable[Mapping[str, Any]]) -> str:
        """The URL of a route that answers with these, one after the other; the last again and again.

        Args:
            answers: as `PUT /origin/script/T` takes them.

        Raises:
            FetchkitError: they are none; the text says which.
        """
        self._json("PUT", "script", json.dumps(list(answers)).encode())
        return self.at(f"/script/{self.token}")

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
        try:
            with self._opener().open(asked, timeout=_SECONDS) as response:
                text = response.read()
        except HTTPError as error:
            with error:
                raise FetchkitError(_sentence(error.read()) or str(error)) from None
        return json.loads(text) if text else None

    def _opener(self) -> OpenerDirector:
        # The environment's proxy has no way to the server.
        handlers: list[BaseHandler] = [ProxyHandler({})]
        if self.url.startswith("https"):
            handlers.append(HTTPSHandler(context=ssl.create_default_context(cafile=ca_file())))
        return build_opener(*handlers)


def _request(values: Mapping[str, Any]) -> Request:
    headers = tuple((str(name), str(value)) for name, value in values["headers"])
    return Request(values["method"], values["target"], headers, values["size"], values["status"], values)


def _sentence(problem: bytes) -> str:
    """What a problem (RFC 9457) says."""
    try:
        told = json.loads(problem)
        return f"{told['detail']} {told.get('hint', '')}".rstrip()
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
