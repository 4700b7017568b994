"""What caches do: validators, lifetimes, variants, and bodies that tell a cached answer from a fresh one."""

import re
import time
import uuid
from typing import Final

from fetchkit.errors import BadRequestError, UnavailableError
from fetchkit.http.conditional import Validators
from fetchkit.http.dates import format_http_date
from fetchkit.http.representation import Representation
from fetchkit.origin.answer import Answer, Resource
from fetchkit.origin.asked import Answered, Asked, json_answer
from fetchkit.origin.bodies import content_etag
from fetchkit.origin.fields import check_field
from fetchkit.origin.inspect import collected, get
from fetchkit.origin.memory.store import FullError
from fetchkit.origin.memory.tokens import check_token
from fetchkit.origin.parameters import parse_count
from fetchkit.origin.route import Peer, Route, path, query
from fetchkit.origin.settings import Shape

__all__ = ["ROUTES"]

# The largest number of seconds that a cache has to know (RFC 9111, section 1.2.2).
_LONGEST: Final = 2**31
# etagc of RFC 9110, section 8.8.3, without obs-text
_ETAG: Final = re.compile(r"[!#-~]{0,200}")
_LAST_MODIFIED: Final = format_http_date(1_704_067_200)


def cache(asked: Asked) -> Answered:
    """`/cache`"""
    # Weak: the body echoes the request, so its bytes may differ where its meaning does not.
    validators = [("ETag", f"W/{content_etag('cache', asked.target)}"), ("Last-Modified", _LAST_MODIFIED)]
    if "If-None-Match" in asked.headers or "If-Modified-Since" in asked.headers:
        return Answer(304, validators)
    answer = get(asked)
    answer.fields += validators
    return answer


def cache_for(asked: Asked) -> Answered:
    """`/cache/{n}`"""
    seconds = parse_count(asked.arguments["n"], 0, _LONGEST, "n")
    answer = get(asked)
    answer.set("Cache-Control", f"public, max-age={seconds}")
    return answer


def etag(asked: Asked) -> Answered:
    """`/etag/{etag}`"""
    tag = asked.arguments["etag"]
    if not _ETAG.fullmatch(tag):
        raise BadRequestError(
            f"etag: {tag!a:.80} is no entity tag.",
            "It has up to 200 visible characters of ASCII and no quotes, which are put around it.",
        )
    return _tagged(asked, tag, 0)


def _tagged(asked: Asked, tag: str, version: int) -> Resource:
    shown = f"{tag}-{version}" if version else tag
    args = collected(asked.query.pairs(), always_lists=asked.settings.shape is Shape.GO_HTTPBIN)
    # Nothing of the request's head: a strong tag is for the same bytes each time.
    answer = json_answer({"args": args, "etag": f'"{shown}"', "url": asked.url})
    data = b"".join(piece for piece in answer.pieces if isinstance(piece, bytes))
    return Resource(
        Representation(asked.path, len(data), "application/json", "", Validators(f'"{shown}"', None)),
        lambda first, end: iter((data[first:end],)),
        revise=lambda number: _tagged(asked, tag, number),
    )


async def cache_control(asked: Asked) -> Answered:
    """`/cache-control`"""
    value, vary = asked.query.get("value", "no-store"), asked.query.get("vary")
    check_field("Cache-Control", value, dangerous=False)
    check_field("Vary", vary, dangerous=False)
    names = [name.strip() for name in vary.split(",") if name.strip()]
    shown: dict[str, object] = {
        "cache-control": value,
        "vary": {name: ", ".join(asked.headers.getall(name, ())) for name in names},
        "id": str(uuid.uuid4()),
        "time": time.time(),
    }
    if "token" in asked.query:
        token = check_token(asked.query.get("token"))
        try:
            shown["count"] = await asked.store.count(token, "cache-control")
        except FullError as error:
            raise UnavailableError(f"The memory of this token is full: {error}") from error
    answer = json_answer(shown, 200, ("Cache-Control", value))
    if names:
        answer.add("Vary", ", ".join(names))
    return answer


_GET: Final = ("GET",)
_BOTH: Final = (Peer.HTTPBIN, Peer.GO)

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        _GET,
        "/cache",
        cache,
        "What /get answers, or 304 to any If-None-Match or If-Modified-Since.",
        (),
        _BOTH,
        "Their ETag has no quotes, and go-httpbin's Last-Modified is no date of HTTP; their 304 has no ETag.",
        group="Caching",
    ),
    Route(
        _GET,
        "/cache/{n}",
        cache_for,
        "What /get answers, fresh for n seconds.",
        (path("n", "count", "Seconds, from 0.", "60"),),
        _BOTH,
        group="Caching",
    ),
    Route(
        _GET,
        "/etag/{etag}",
        etag,
        "A body with this strong ETag, with preconditions and ranges.",
        (path("etag", "text", "The tag, without quotes.", "abc"),),
        _BOTH,
        "httpbin's tag has no quotes and no ranges; both echo the request's fields, so that the bytes differ"
        " between the ranges of one download. Here the body has nothing of them.",
        group="Caching",
    ),
    Route(
        _GET,
        "/cache-control",
        cache_control,
        "An answer of its own each time, by which a client sees whether it came from a cache.",
        (
            query("value", "text", "Cache-Control, as max-age=1, stale-while-revalidate=60.", "no-store"),
            query("vary", "text", "Vary; the body has the values of these fields."),
            query("token", "text", "Counts the answers under this name."),
        ),
        group="Caching",
    ),
)
