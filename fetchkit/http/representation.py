"""A representation, which part of it a request gets, and the fields and body of the answer (RFC 9110)."""

from collections.abc import Container, Sequence
from secrets import token_hex
from typing import Final

from aiohttp import hdrs
from attrs import frozen
from multidict import MultiMapping

from fetchkit.http.conditional import Outcome, Validators, evaluate, if_range_holds
from fetchkit.http.dates import format_http_date
from fetchkit.http.ranges import (
    ByteRange,
    multipart_closing,
    multipart_content_type,
    multipart_length,
    multipart_parts,
    parse_ranges,
)

__all__ = [
    "BodyPlan",
    "Decision",
    "Representation",
    "decide",
    "head_fields",
    "head_lines",
    "multipart_boundary",
    "plan_body",
]


@frozen
class Representation:
    """One state of a resource (RFC 9110, section 8).

    Attributes:
        source: where its bytes come from, for who reports.
        size: bytes.
        content_type: value of Content-Type.
        coding: content coding of the bytes, empty for none.
        validators: strong entity tag and modification time in seconds.
        varies: other variants exist, so the answer depends on Accept-Encoding.
        caching: value of Cache-Control; by default a cache asks each time, so nothing rebuilt is stale.
    """

    source: str
    size: int
    content_type: str
    coding: str
    validators: Validators
    varies: bool = False
    caching: str = "no-cache"


@frozen
class Decision:
    """What to answer about a representation that exists.

    Attributes:
        status: 200, 206, 304, 412 or 416.
        ranges: for 206, the parts in the order of the request.
    """

    status: int
    ranges: tuple[ByteRange, ...] = ()


_WHOLE: Final = Decision(200)
_UNCHANGED: Final = Decision(304)
_FAILED: Final = Decision(412)
_UNSATISFIABLE: Final = Decision(416)


def decide(method: str, headers: MultiMapping[str], validators: Validators, size: int) -> Decision:
    """Evaluate preconditions, then ranges, in the order of RFC 9110, section 13.2.2."""
    outcome = evaluate(method, headers, validators)
    if outcome is Outcome.NOT_MODIFIED:
        return _UNCHANGED
    if outcome is Outcome.PRECONDITION_FAILED:
        return _FAILED
    wanted = headers.get(hdrs.RANGE)
    if wanted is None or method != hdrs.METH_GET:  # ranges are defined for GET alone (section 14.2)
        return _WHOLE
    condition = headers.get(hdrs.IF_RANGE)
    if condition is not None and not if_range_holds(condition, validators):
        return _WHOLE
    ranges = parse_ranges(wanted, size)
    if ranges is None:
        return _WHOLE
    return Decision(206, ranges) if ranges else _UNSATISFIABLE


@frozen
class BodyPlan:
    """What of the representation is sent.

    Attributes:
        parts: each with the frame that goes before it; a single part has an empty one.
        closing: what goes after the last part.
        length: bytes of the whole body.
    """

    parts: Sequence[tuple[bytes, ByteRange]]
    closing: bytes
    length: int


def multipart_boundary() -> str:
    """A delimiter that the file cannot hold by accident (RFC 2046, section 5.1.1)."""
    return token_hex(16)


def head_fields(
    representation: Representation, decision: Decision, boundary: str = ""
) -> list[tuple[str, str]]:
    """The fields of a 200, 206 or 304, without those that all responses share.

    A 304 has what a 200 would have said of caching (RFC 9110, section 15.4.5), and nothing of
    the body.
    """
    fields = [("Cache-Control", representation.caching), ("ETag", representation.validators.etag)]
    if representation.varies:
        fields.append(("Vary", "Accept-Encoding"))
    if representation.validators.last_modified is not None:
        fields.append(("Last-Modified", format_http_date(representation.validators.last_modified)))
    if decision.status != 304:  # noqa: PLR2004
        fields.extend(_body_fields(representation, decision, boundary))
    return fields


def head_lines(
    representation: Representation, decision: Decision, boundary: str = "", *, replaced: Container[str] = ()
) -> bytes:
    """The same as lines, without the fields that the user replaces."""
    fields = head_fields(representation, decision, boundary)
    kept = (pair for pair in fields if pair[0].lower() not in replaced)
    return "".join(f"{name}: {value}\r\n" for name, value in kept).encode("latin-1")


def plan_body(known: Representation, decision: Decision, boundary: str = "") -> BodyPlan:
    """What of the representation a 200, 206 or 304 sends."""
    ranges = decision.ranges
    if len(ranges) > 1:
        parts = multipart_parts(ranges, known.size, known.content_type, boundary)
        length = multipart_length(ranges, known.size, known.content_type, boundary)
        return BodyPlan(parts, multipart_closing(boundary), length)
    if decision.status == 304 or not known.size:  # noqa: PLR2004
        return BodyPlan((), b"", 0)
    part = ranges[0] if ranges else ByteRange(0, known.size - 1)
    return BodyPlan(((b"", part),), b"", part.length)


def _body_fields(representation: Representation, decision: Decision, boundary: str) -> list[tuple[str, str]]:
    size, content_type = representation.size, representation.content_type
    fields = [("Accept-Ranges", "bytes")]
    if representation.coding:
        fields.append(("Content-Encoding", representation.coding))
    ranges = decision.ranges
    if len(ranges) > 1:
        length = multipart_length(ranges, size, content_type, boundary)
        content_type = multipart_content_type(boundary)
    elif ranges:
        length = ranges[0].length
        fields.append(("Content-Range", ranges[0].content_range(size)))
    else:
        length = size
    return [*fields, ("Content-Type", content_type), ("Content-Length", str(length))]
