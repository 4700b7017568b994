"""Answers by their status code, failures by chance, and headers that the client chooses."""

import hashlib
import json
from random import Random
from typing import Any, Final

from attrs import frozen

from fetchkit.errors import BadRequestError, UnavailableError
from fetchkit.origin.answer import Answer, whole
from fetchkit.origin.asked import Asked, json_answer, text_answer
from fetchkit.origin.faults.flaky import chance
from fetchkit.origin.fields import check_field
from fetchkit.origin.inspect import collected
from fetchkit.origin.memory.store import FullError
from fetchkit.origin.parameters import parse_count, parse_number
from fetchkit.origin.route import Body, Peer, Route, path, query
from fetchkit.origin.settings import Shape

__all__ = ["IMAGE_TYPES", "ROUTES", "not_acceptable", "parse_choices"]

IMAGE_TYPES: Final = ("image/webp", "image/svg+xml", "image/jpeg", "image/png")
_TEXT: Final = "text/plain; charset=utf-8"
_BODILESS: Final = frozenset({204, 205, 304})
_WITHOUT_TYPE: Final = frozenset({204, 304})
_MAX_WEIGHT: Final = 1e9
_RETRY_SECONDS: Final = "1"
_REALM: Final = 'Basic realm="Fake Realm"'  # as both peers say
# Where a redirect goes, below the prefix, as go-httpbin has it.
_LOCATIONS: Final = {
    300: "/image/jpeg",
    301: "/redirect/1",
    302: "/redirect/1",
    303: "/redirect/1",
    305: "/redirect/1",
    307: "/redirect/1",
    308: "/image/jpeg",
}
# What a status must or should have besides (RFC 9110, sections 11.6.1, 11.7.1, 15.5.6, 15.5.17 and 15.5.22;
# RFC 6585, section 4).
_FIELDS: Final[dict[int, tuple[tuple[str, str], ...]]] = {
    401: (("WWW-Authenticate", _REALM),),
    405: (("Allow", "OPTIONS"),),
    407: (("Proxy-Authenticate", _REALM),),
    416: (("Content-Range", "bytes */0"),),
    418: (("X-More-Info", "http://tools.ietf.org/html/rfc2324"),),
    426: (("Upgrade", "websocket"),),
    429: (("Retry-After", _RETRY_SECONDS),),
    503: (("Retry-After", _RETRY_SECONDS),),
}
_TEXTS: Final = {
    402: "This answer would cost something, if it were not free.\n",
    418: "I'm a teapot: short and stout, and no coffee comes out.\n",
}
# They frame the message: a client that wants them wrong says so in the pipe.
_FRAMING: Final = {
    "connection": "pipe=length(none) ends the connection after the body.",
    "content-length": "pipe=length(+10), length(none) and their kin make a wrong length.",
    "date": "The server writes the date.",
    "keep-alive": "It belongs to the connection.",
    "te": "It belongs to requests.",
    "trailer": "pipe=trailers(NAME,VALUE) sends trailers.",
    "transfer-encoding": "pipe=chunked sends chunks, bad-chunk(AT) broken ones.",
    "upgrade": "It belongs to the connection.",
}
# The origin's own words in the query.
_OWN: Final = ("pipe", "token")


@frozen
class Choice:
    """A status and how often it comes, in proportion to the others."""

    status: int
    weight: float


def parse_choices(text: str) -> tuple[Choice, ...]:
    """Statuses with weights: `200`, `200,503`, `200:9,503:1`.

    Raises:
        BadRequestError: it is none, or a status that ends no exchange.
    """
    choices = []
    for item in text.split(","):
        code, colon, weight = item.partition(":")
        number = parse_number(weight, 0, _MAX_WEIGHT, "weight") if colon else 1.0
        status = parse_count(code, 100, 599, "status")
        if status < 200:  # noqa: PLR2004  1xx
            raise BadRequestError(
                f"status: {status} is interim, and the client would wait for the final one.",
                "pipe=early-hints(...) sends 103 before the answer.",
            )
        choices.append(Choice(status, number))
    if not any(choice.weight for choice in choices):
        raise BadRequestError("weight: at least one must be more than 0.")
    return tuple(choices)


def status(asked: Asked) -> Answer:
    """An answer with a status, chosen by its weight."""
    choices = parse_choices(asked.arguments["codes"])
    weights = [choice.weight for choice in choices]
    chosen = Random().choices(choices, weights)[0]  # noqa: S311  nothing is kept secret by it
    return _with_status(asked, chosen.status)


def _with_status(asked: Asked, code: int) -> Answer:
    if code == 406:  # noqa: PLR2004
        return not_acceptable()
    fields = list(_FIELDS.get(code, ()))
    location = asked.prefix + _LOCATIONS[code] if code in _LOCATIONS else ""
    if location:
        fields.append(("Location", location))
    if code in _WITHOUT_TYPE:
        return Answer(code, fields)
    text = _TEXTS.get(code, "")
    if code in (300, 308):
        text = f"It is at {location}.\n"
    return whole(code, b"" if code in _BODILESS else text.encode(), _TEXT, *fields)


def not_acceptable() -> Answer:
    """406, with the types that there are (RFC 9110, section 15.5.7)."""
    message = "None of the types of Accept can be sent."
    return json_answer({"message": message, "accept": [*IMAGE_TYPES, "image/*"]}, 406)


async def unstable(asked: Asked) -> Answer:
    """Fail by chance: which calls do follows from the seed."""
    rate = parse_number(asked.query.get("failure_rate") or "0.5", 0, 1, "failure_rate")
    seed = asked.query.get("seed")
    # A seed of any length costs the memory the same.
    name = hashlib.blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    try:
        calls = await asked.store.count(asked.query.get("token") or "unstable", f"unstable {name}")
    except FullError as error:
        raise UnavailableError(f"The memory of this token is full: {error}") from error
    if chance(seed, calls) < rate:
        return text_answer(f"Call {calls} fails by chance.\n", status=500)
    return text_answer(f"Call {calls} succeeds.\n")


def response_headers(asked: Asked) -> Answer:
    """The fields of the query as fields of the answer, and told back in its body."""
    pairs = [(name, value.strip(" \t")) for name, value in asked.query.without(_OWN).pairs()]
    for name, value in pairs:
        check_field(name, value, dangerous=asked.settings.dangerous)
        if (hint := _FRAMING.get(name.lower())) is not None:
            raise BadRequestError(f"{name} is the server's to write.", hint)
    types = [value for name, value in pairs if name.lower() == "content-type"]
    if len(types) > 1:
        raise BadRequestError(
            "Content-Type can stand only once.", "pipe=header(Content-Type,...) changes it."
        )
    content_type = types[0] if types else "application/json"
    own = [(name, value) for name, value in pairs if name.lower() != "content-type"]
    body = _told_back([*_spelled_alike(own), ("Content-Type", content_type)], asked.settings.shape)
    return whole(200, body, content_type, *own)


def _told_back(fields: list[tuple[str, str]], shape: Shape) -> bytes:
    """The fields as JSON; httpbin's has Content-Length, which depends on its own digits."""
    if shape is Shape.GO_HTTPBIN:
        return _json(collected(fields, always_lists=True))
    length = 0
    while True:
        body = _json(collected([*fields, ("Content-Length", str(length))], always_lists=False))
        if len(body) == length:  # the length never shrinks, so this ends
            return body
        length = len(body)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode("ascii") + b"\n"


def _spelled_alike(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same fields, a name always as it was spelled first: case means nothing."""
    spelling: dict[str, str] = {}
    return [(spelling.setdefault(name.lower(), name), value) for name, value in fields]


_BOTH: Final = (Peer.HTTPBIN, Peer.GO)
_GROUP: Final = "Statuses and headers"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"),
        "/status/{codes}",
        status,
        "Answers with a status code, or with one of several by their weights.",
        (path("codes", "statuses", "200 to 599; several as `200:9,503:1`.", "418"),),
        _BOTH,
        "Interim statuses are refused, which both peers send as final ones; 405, 416, 426, 429 and 503 have "
        "the fields that go with them, such as Retry-After.",
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/unstable",
        unstable,
        "Fails with 500 by chance; which calls do is the same for the same seed and token.",
        (
            query("failure_rate", "number", "Share of the calls that fail, 0 to 1.", "0.5"),
            query("seed", "text", "Another seed, another sequence."),
            query("token", "text", "Whose calls are counted; all clients' together without it."),
        ),
        (Peer.GO,),
        "With a seed the calls differ from each other, and the sequence can be had again under a new token; "
        "there every call with a seed has the same end.",
        group=_GROUP,
    ),
    Route(
        ("GET", "POST"),
        "/response-headers",
        response_headers,
        "Answers with the header fields of the query, and tells them back as JSON.",
        (query("NAME", "text", "Any field, any number of them."),),
        _BOTH,
        "A Content-Type of the query replaces the answer's, where httpbin sends two; framing is refused, "
        "since the pipe does it; `pipe` and `token` are no fields.",
        body=Body.IGNORED,
        group=_GROUP,
    ),
)
