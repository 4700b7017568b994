"""Asks the origin's handlers without a server: a target in, an answer and its bytes out."""

import inspect
import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.origin.answer import Answer, Resource, Wait
from fetchkit.origin.asked import Answered, Asked
from fetchkit.origin.choice import choose
from fetchkit.origin.faults.fault import Selection
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.store import Store
from fetchkit.origin.parameters import parse_query, unescape
from fetchkit.origin.route import Route
from fetchkit.origin.settings import Origin

__all__ = ["answered", "ask", "asked_for", "body_of", "json_of", "waits_of"]

PREFIX = "/origin"


def asked_for(
    routes: Sequence[Route],
    target: str,
    *,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    pieces: Sequence[bytes] = (),
    length: int | None = 0,
    settings: Origin | None = None,
    store: Store | None = None,
    host: str = "127.0.0.1:6931",
    http10: bool = False,
) -> tuple[Route, Asked]:
    """The route that a target below the prefix takes, and the request as its handler sees it."""
    path, _, query = target.partition("?")
    settings = settings or Origin()

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    for route in routes:
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.pattern), path)
        if match and (method in route.methods or (method == "HEAD" and "GET" in route.methods)):
            return route, Asked(
                store=store or ProcessStore(settings),
                method=method,
                target=PREFIX + target,
                arguments={name: unescape(value) for name, value in match.groupdict().items()},
                query=parse_query(query),
                headers=CIMultiDictProxy(CIMultiDict(headers)),
                body=b"".join(pieces),
                pieces=body,
                length=length,
                host=host,
                settings=settings,
                http10=http10,
            )
    raise AssertionError(f"no route takes {method} {target}")


async def answered(routes: Sequence[Route], target: str, **more: Any) -> Answered:
    """What the handler gives."""
    route, asked = asked_for(routes, target, **more)
    given = route.handler(asked)
    return await given if inspect.isawaitable(given) else given


async def ask(
    routes: Sequence[Route], target: str, *fields: tuple[str, str], version: int = 0, **more: Any
) -> Answer:
    """The answer; of a resource, the part that the fields choose."""
    given = await answered(routes, target, headers=fields, **more)
    if isinstance(given, Resource):
        headers = CIMultiDictProxy(CIMultiDict(fields))
        return choose(given, Selection(version=version), more.get("method", "GET"), headers)
    assert isinstance(given, Answer)
    return given


def body_of(answer: Answer) -> bytes:
    """The bytes of a body; pauses are passed over."""
    return b"".join(bytes(piece) for piece in answer.pieces if isinstance(piece, bytes | memoryview))


def json_of(answer: Answer) -> Any:
    """The same as JSON."""
    return json.loads(body_of(answer))


def waits_of(answer: Answer) -> list[float]:
    """The pauses of a body."""
    return [piece.seconds for piece in answer.pieces if isinstance(piece, Wait)]
