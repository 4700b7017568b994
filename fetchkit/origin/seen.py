"""What the server saw under a token: every request with its time, its head, and the digest of its body."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import hdrs
from attrs import asdict, frozen

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.asked import Answered, Asked, json_answer
from fetchkit.origin.memory.store import FullError, Store
from fetchkit.origin.memory.tokens import check_token
from fetchkit.origin.parameters import parse_count, parse_seconds
from fetchkit.origin.route import Route, path, query
from fetchkit.origin.settings import Origin

__all__ = ["ROUTES", "Sight", "preflighted", "remember", "report"]

_NAME: Final = "seen"
# A list cannot be emptied, but it can be cut to one item: this stands for nothing.
_NOTHING: Final = b""
# How often a waiting request looks.
_LOOK_SECONDS: Final = 0.05
_WAIT_SECONDS: Final = 30.0


@frozen
class Sight:
    """One request that came.

    Attributes:
        method: as on the wire.
        target: path and query, without the access token.
        headers: names and values in order.
        time: when its head had come, in seconds since the epoch.
        seconds: until its body was read.
        size: bytes of its body.
        sha256: of its body, in hexadecimal digits.
        complete: whether its body came to its end.
        status: what it was answered.
        preflight: whether a browser asked beforehand.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    time: float
    seconds: float
    size: int
    sha256: str
    complete: bool
    status: int
    preflight: bool = False

    def to_json(self) -> bytes:
        """As it is remembered."""
        # ASCII only: bytes of a head that are no UTF-8 are lone surrogates here.
        return json.dumps(asdict(self)).encode("ascii")

    @classmethod
    def from_json(cls, kept: bytes) -> "Sight":
        """As it was remembered."""
        told = json.loads(kept)
        return cls(**told | {"headers": tuple((name, value) for name, value in told["headers"])})


def preflighted(sights: Sequence[Sight]) -> list[bool]:
    """For each request whether a preflight for its method came since the last actual one to its target."""
    allowed: dict[str, set[str]] = {}
    found = []
    for sight in sights:
        if sight.preflight:
            found.append(False)
            methods = (value for name, value in sight.headers if name.lower() == _REQUEST_METHOD)
            allowed.setdefault(sight.target, set()).update(methods)
        else:
            found.append(sight.method in allowed.pop(sight.target, ()))
    return found


_REQUEST_METHOD: Final = hdrs.ACCESS_CONTROL_REQUEST_METHOD.lower()


def report(token: str, sights: Sequence[Sight]) -> dict[str, Any]:
    """What is told of the requests, in the order in which they came: they are kept as they were answered."""
    ordered = sorted(sights, key=lambda sight: sight.time)
    requests: list[dict[str, Any]] = []
    before: float | None = None
    for sight, was_preflighted in zip(ordered, preflighted(ordered), strict=True):
        after = None if before is None else round(sight.time - before, 6)
        requests.append(asdict(sight) | {"after": after, "preflighted": was_preflighted})
        before = sight.time
    return {"token": token, "count": len(requests), "requests": requests}


async def remember(store: Store, settings: Origin, token: str, sight: Sight) -> None:
    """Remember a request; one whose head is larger than the whole memory is left out."""
    with contextlib.suppress(FullError):
        await store.append(token, _NAME, sight.to_json(), settings.max_seen)


async def _kept(store: Store, token: str) -> list[bytes]:
    return [item for item in await store.items(token, _NAME) if item != _NOTHING]


async def get(asked: Asked) -> Answered:
    """Tell what was seen; wait for it where that is asked."""
    token, settings = check_token(asked.arguments["token"]), asked.settings
    wanted = parse_count(asked.query.get("wait", "0"), 0, settings.max_seen, "wait")
    given = asked.query.get("timeout", f"{min(_WAIT_SECONDS, settings.max_seconds):f}")
    clock = asyncio.get_running_loop().time
    deadline = clock() + parse_seconds(given, settings.max_seconds, "timeout")
    read, sights = -1, list[Sight]()
    while True:
        kept = await _kept(asked.store, token)
        if len(kept) != read:
            read, sights = len(kept), [Sight.from_json(item) for item in kept]
        # A preflight is no request of the program's.
        if sum(not sight.preflight for sight in sights) >= wanted or clock() >= deadline:
            return json_answer(report(token, sights), 200, ("Cache-Control", "no-store"))
        await asyncio.sleep(_LOOK_SECONDS)


async def delete(asked: Asked) -> Answered:
    """Forget what was seen; what else is under the token stays."""
    token = check_token(asked.arguments["token"])
    if await _kept(asked.store, token):
        await asked.store.append(token, _NAME, _NOTHING, 1)
    return Answer(204, [])


async def count(asked: Asked) -> Answered:
    """Count one more."""
    token, name = check_token(asked.arguments["token"]), check_token(asked.arguments["name"])
    try:
        counted = await asked.store.count(token, f"counter {name}")
    except FullError as error:
        raise BadRequestError(
            "The token has more names than can be remembered.", f"DELETE {asked.prefix}/token/{token} helps."
        ) from error
    return json_answer({"token": token, "name": name, "count": counted}, 200, ("Cache-Control", "no-store"))


async def forget(asked: Asked) -> Answered:
    """Forget everything of a token."""
    await asked.store.forget(check_token(asked.arguments["token"]))
    return Answer(204, [])


_TOKEN: Final = path("token", "text", "a name that you make up", "mine")

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("GET",),
        "/seen/{token}",
        get,
        "Tell every request that came with ?token=: method, head, time, size and SHA-256 of its body, and "
        "whether a preflight came first.",
        (
            _TOKEN,
            query("wait", "count", "answer once so many were seen, preflights not counted", "0"),
            query("timeout", "time", "answer with what there is after this time", f"{_WAIT_SECONDS:g}"),
        ),
        group="Memory",
        remembered=False,
    ),
    Route(
        ("DELETE",),
        "/seen/{token}",
        delete,
        "Forget what was seen under a token, and nothing else of it.",
        (_TOKEN,),
        group="Memory",
        remembered=False,
    ),
    Route(
        ("POST",),
        "/counter/{token}/{name}",
        count,
        "Count one more, and tell how many it is: each number is given once, whoever asks.",
        (_TOKEN, path("name", "text", "what is counted", "visits")),
        group="Memory",
        remembered=False,
    ),
    Route(
        ("DELETE",),
        "/token/{token}",
        forget,
        "Forget everything of a token.",
        (_TOKEN,),
        group="Memory",
        remembered=False,
    ),
)
