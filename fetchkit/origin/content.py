"""Fixed content: pages, documents, images of each type, links, a form, and base64."""

import base64
import html
import re
from collections.abc import Iterator
from functools import cache
from string import Template
from typing import Final

from fetchkit.assets import static_dir
from fetchkit.errors import BadRequestError, NotFoundError
from fetchkit.http.conditional import Validators
from fetchkit.http.media_types import media_type
from fetchkit.http.representation import Representation
from fetchkit.origin.answer import Answer, Resource, whole
from fetchkit.origin.asked import Answered, Asked, text_answer
from fetchkit.origin.bodies import content_etag
from fetchkit.origin.fields import check_field
from fetchkit.origin.parameters import parse_count
from fetchkit.origin.route import Peer, Route, path, query
from fetchkit.origin.status import IMAGE_TYPES, not_acceptable

__all__ = ["ROUTES", "accepted_image"]

_HTML: Final = "text/html; charset=utf-8"
_KINDS: Final = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp", "image/svg+xml": "svg"}
# media-range with its weight (RFC 9110, sections 12.4.2 and 12.5.1)
_RANGE: Final = re.compile(r"([a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+)[ \t]*((?:;[^;]*)*)", re.IGNORECASE)
_WEIGHT: Final = re.compile(r"[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.IGNORECASE)
# Padding may be left out (RFC 4648, section 3.2), but not be of the wrong length.
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?")

_DENIED: Final = """\
  +-----------------------------+
  |  Robots have no business    |
  |  here: robots.txt says so.  |
  +-----------------------------+
"""


def page(_asked: Asked) -> Resource:
    """A page."""
    return _file("page.html")


def document(_asked: Asked) -> Resource:
    """A JSON document."""
    return _file("document.json")


def xml(_asked: Asked) -> Resource:
    """An XML document."""
    return _file("document.xml")


def robots(asked: Asked) -> Answer:
    """What robots may not fetch."""
    return text_answer(f"User-agent: *\nDisallow: {asked.prefix}/deny\n")


def deny(_asked: Asked) -> Answer:
    """What robots do not see."""
    return text_answer(_DENIED)


def utf8(_asked: Asked) -> Resource:
    """Characters of every length."""
    return _file("utf8.html")


def form(asked: Asked) -> Answer:
    """A form."""
    return text_answer(_form().substitute(action=html.escape(f"{asked.prefix}/post")), _HTML)


def to_links(asked: Asked) -> Answer:
    """To the first page of links."""
    count = _links(asked)
    return Answer(302, [("Location", f"{asked.prefix}/links/{count}/0")])


def links(asked: Asked) -> Answer:
    """Links to pages that have the same ones."""
    count = _links(asked)
    offset = parse_count(asked.arguments["offset"], 0, asked.settings.max_items, "offset")
    base = html.escape(f"{asked.prefix}/links/{count}")
    items = (str(i) if i == offset else f'<a href="{base}/{i}">{i}</a>' for i in range(count))
    return text_answer(f"<!doctype html>\n<title>Links</title>\n{' '.join(items)}\n", _HTML)


def _links(asked: Asked) -> int:
    return parse_count(asked.arguments["n"], 0, asked.settings.max_items, "n")


def image(asked: Asked) -> Answered:
    """The image whose type the client wants most."""
    kind = accepted_image(asked.headers.get("Accept"))
    if kind is None:
        answer = not_acceptable()
        answer.add("Vary", "Accept")
        return answer
    return _file(f"image.{kind}", ("Vary", "Accept"))


def image_of(asked: Asked) -> Answered:
    """An image of a type."""
    kind = asked.arguments["kind"]
    if kind not in _KINDS.values():
        raise NotFoundError(f"There is no image {kind!a:.40}.", f"There are {', '.join(_KINDS.values())}.")
    return _file(f"image.{kind}")


def accepted_image(accept: str | None) -> str | None:
    """The kind of image that an Accept field wants most; None where it wants none of them.

    Of two that weigh the same, the one that is named goes before one that a wildcard covers; then the order
    is httpbin's, and PNG where only a wildcard speaks.
    """
    if not accept or not accept.strip():
        return "png"
    weights: dict[str, float] = {}
    for member in accept.lower().split(","):
        if match := _RANGE.fullmatch(member.strip(" \t")):
            found = (_WEIGHT.fullmatch(parameter) for parameter in match[2].split(";"))
            weights[match[1]] = next((float(weight[1]) for weight in found if weight), 1.0)
    best, best_rank = None, (0.0, 0)
    for content_type in (*IMAGE_TYPES, "image/png"):
        is_named = content_type in weights
        # The most specific range counts (section 12.5.1).
        weight = next((weights[known] for known in (content_type, "image/*", "*/*") if known in weights), 0.0)
        specificity = 2 if is_named else int(content_type == "image/png")
        if weight > 0 and (weight, specificity) > best_rank:
            best, best_rank = _KINDS[content_type], (weight, specificity)
    return best


@cache
def _file(name: str, *extra: tuple[str, str]) -> Resource:
    """A file of static/origin."""
    data = _read(name)
    known = Representation(
        source=name,
        size=len(data),
        content_type=media_type(name),
        coding="",
        validators=Validators(content_etag(name, data), None),
    )

    def read(first: int, end: int) -> Iterator[bytes | memoryview]:
        yield data[first:end]

    return Resource(known, read, extra=extra)


@cache
def _form() -> Template:
    return Template(_read("form.html").decode())


def _read(name: str) -> bytes:
    return (static_dir() / "origin" / name).read_bytes()


def encode(asked: Asked) -> Answer:
    """To base64, with the alphabet for URLs (RFC 4648, section 5)."""
    return _typed(asked, base64.urlsafe_b64encode(_octets(_value(asked))))


def decode(asked: Asked) -> Answer:
    """From base64, of either alphabet, with padding or without."""
    text = _value(asked).replace("-", "+").replace("_", "/")
    if not _BASE64.fullmatch(text):
        raise BadRequestError("value: that is no base64.", "The alphabet is A-Z a-z 0-9 and - _ or + /.")
    return _typed(asked, base64.b64decode(text + "=" * (-len(text) % 4)))


def _value(asked: Asked) -> str:
    if not asked.arguments["value"]:
        raise BadRequestError("value: there is nothing to translate.")
    return asked.arguments["value"]


def _typed(asked: Asked, data: bytes) -> Answer:
    content_type = asked.query.get("content-type").strip() or "text/plain; charset=utf-8"
    check_field("Content-Type", content_type, dangerous=False)
    return whole(200, data, content_type)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_BOTH: Final = (Peer.HTTPBIN, Peer.GO)
_GROUP: Final = "Content"
_N: Final = path("n", "count", "How many links.", "10")
_VALUE: Final = path("value", "text", "What to translate.", "ZmV0Y2hraXQ=")
_TEXT_VALUE: Final = path("value", "text", "What to translate.", "fetchkit")
_TYPE: Final = query("content-type", "text", "Content-Type of the answer.", "text/plain; charset=utf-8")
_STRICT: Final = "What is no base64 is a 400; the answer is plain text unless the query says otherwise."

ROUTES: Final[tuple[Route, ...]] = (
    Route(("GET",), "/html", page, "A short page.", peers=_BOTH, group=_GROUP),
    Route(("GET",), "/json", document, "A small JSON document.", peers=_BOTH, group=_GROUP),
    Route(("GET",), "/xml", xml, "A small XML document.", peers=_BOTH, group=_GROUP),
    Route(("GET",), "/robots.txt", robots, "Tells robots not to fetch /deny.", peers=_BOTH, group=_GROUP),
    Route(("GET",), "/deny", deny, "What robots.txt keeps robots away from.", peers=_BOTH, group=_GROUP),
    Route(
        ("GET",),
        "/encoding/utf8",
        utf8,
        "A page with characters of one to four bytes.",
        peers=_BOTH,
        group=_GROUP,
    ),
    Route(("GET",), "/forms/post", form, "A form that is sent to /post.", peers=_BOTH, group=_GROUP),
    Route(
        ("GET",),
        "/links/{n}",
        to_links,
        "Redirects to the first page of links.",
        (_N,),
        _BOTH,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/links/{n}/{offset}",
        links,
        "A page of links to pages with the same links.",
        (_N, path("offset", "count", "Which of them is this page, and no link.", "0")),
        _BOTH,
        "A number beyond the limit is a 400, where httpbin makes it 200.",
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/image",
        image,
        "An image of the type that Accept wants most.",
        peers=_BOTH,
        differs="Weights count, and `*/*` gets a PNG, where httpbin answers 406 and go-httpbin 415.",
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/image/{kind}",
        image_of,
        "An image, with an ETag and ranges.",
        (path("kind", "text", "`png`, `jpeg`, `webp` or `svg`.", "png"),),
        _BOTH,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/base64/encode/{value:.*}",
        encode,
        "Encodes a text as base64.",
        (_TEXT_VALUE, _TYPE),
        (Peer.GO,),
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/base64/decode/{value:.*}",
        decode,
        "Decodes base64.",
        (_VALUE, _TYPE),
        (Peer.GO,),
        _STRICT,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/base64/{value:.*}",
        decode,
        "Decodes base64.",
        (_VALUE, _TYPE),
        _BOTH,
        _STRICT,
        group=_GROUP,
    ),
)
