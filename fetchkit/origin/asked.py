"""A request to the origin as its handlers see it, and what they may answer. Free of aiohttp's server."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from attrs import field, frozen, mutable
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.origin.answer import Answer, Resource, whole
from fetchkit.origin.faults.pipe import Pipe
from fetchkit.origin.memory.store import Store
from fetchkit.origin.parameters import Query
from fetchkit.origin.settings import Origin

__all__ = ["Answered", "Asked", "Handler", "Scripted", "json_answer", "text_answer"]


@frozen
class Scripted:
    """An answer of a script, and the pipe that it goes through before the request's own."""

    answer: Answer
    pipe: Pipe


Answered = Answer | Resource | Scripted


async def _nothing() -> AsyncIterator[bytes]:
    for piece in tuple[bytes, ...]():
        yield piece


@mutable  # the body comes late; and a frozen one of so many fields costs thrice as much to build
class Asked:
    """One request.

    Attributes:
        method: as on the wire.
        target: path and query as on the wire, without the access token.
        arguments: what the braces of the route stand for, percent-decoded.
        query: the query, without the access token.
        headers: as received, without the access token and its cookie.
        body: the whole body, where the route reads it; else empty.
        pieces: the body as it comes, for routes that stream it; to be read once.
        length: value of Content-Length, None where the body is chunked.
        scheme: `http` or `https`.
        host: value of Host.
        peer: address of the client.
        prefix: where the origin lives, `/origin`.
        settings: shape and limits.
        store: the memory.
        http10: whether the request is of HTTP/1.0.
    """

    store: Store
    method: str = "GET"
    target: str = "/"
    arguments: Mapping[str, str] = field(factory=dict)
    query: Query = field(factory=Query)
    headers: CIMultiDictProxy[str] = field(factory=lambda: CIMultiDictProxy(CIMultiDict()))
    body: bytes = b""
    pieces: Callable[[], AsyncIterator[bytes]] = _nothing
    length: int | None = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    peer: str = "127.0.0.1"
    prefix: str = "/origin"
    settings: Origin = field(factory=Origin)
    http10: bool = False

    @property
    def base(self) -> str:
        """Scheme and authority of this server, as the client named it."""
        return f"{self.scheme}://{self.host}"

    @property
    def url(self) -> str:
        """What was asked for, as an absolute URL."""
        return self.base + self.target

    @property
    def path(self) -> str:
        """The path as on the wire."""
        return self.target.partition("?")[0]


Handler = Callable[[Asked], Answered | Awaitable[Answered]]


def json_answer(value: Any, status: int = 200, *fields: tuple[str, str]) -> Answer:
    """JSON, indented as httpbin does, for people read it."""
    # ASCII only: text from a request may hold lone surrogates, which have no UTF-8.
    return whole(status, f"{_indented(value, '')}\n".encode("ascii"), "application/json", *fields)


def _indented(value: Any, margin: str) -> str:
    """The same as `json.dumps(value, indent=2)`, for which Python leaves its encoder in C; much faster.

    The keys must be text.
    """
    if type(value) is str:
        return _quoted(value)
    inner = f"{margin}  "
    if type(value) is dict:
        if not value:
            return "{}"
        members = [f"{inner}{_quoted(key)}: {_indented(each, inner)}" for key, each in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{margin}}}"
    if type(value) is list and value:
        return "[\n" + ",\n".join([inner + _indented(each, inner) for each in value]) + f"\n{margin}]"
    return json.dumps(value)


def text_answer(text: str, content_type: str = "text/plain; charset=utf-8", status: int = 200) -> Answer:
    """Text."""
    return whole(status, text.encode("utf-8", "surrogateescape"), content_type)
