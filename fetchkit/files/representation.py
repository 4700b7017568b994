"""A file as HTTP sees it, and the heads of the responses about it. Pure."""

from collections.abc import Container
from secrets import token_hex

from attrs import frozen

from fetchkit.files.rules import Decision
from fetchkit.http.conditional import Validators
from fetchkit.http.dates import format_http_date
from fetchkit.http.ranges import multipart_length

__all__ = ["Representation", "head_lines", "multipart_boundary"]


@frozen
class Representation:
    """One variant of a served file (RFC 9110, section 8).

    Attributes:
        path: the file whose bytes are sent.
        size: bytes.
        content_type: value of Content-Type.
        coding: content coding of the bytes, empty for none.
        validators: strong entity tag and modification time in seconds.
        varies: other variants exist, so the answer depends on Accept-Encoding.
    """

    path: str
    size: int
    content_type: str
    coding: str
    validators: Validators
    varies: bool


def multipart_boundary() -> str:
    """A delimiter that the file cannot hold by accident (RFC 2046, section 5.1.1)."""
    return token_hex(16)


def head_lines(
    representation: Representation, decision: Decision, boundary: str = "", *, replaced: Container[str] = ()
) -> bytes:
    """The fields of the response, one a line, without the shared ones and those that the user replaces.

    A 304 has what a 200 would have said of caching (RFC 9110, section 15.4.5), and nothing of
    the body.
    """
    fields = [
        ("Cache-Control", "no-cache"),  # ask each time: a rebuilt file is never stale
        ("ETag", representation.validators.etag),
    ]
    if representation.varies:
        fields.append(("Vary", "Accept-Encoding"))
    if representation.validators.last_modified is not None:
        fields.append(("Last-Modified", format_http_date(representation.validators.last_modified)))
    if decision.status != 304:  # noqa: PLR2004
        fields.extend(_body_fields(representation, decision, boundary))
    kept = (pair for pair in fields if pair[0].lower() not in replaced)
    return "".join(f"{name}: {value}\r\n" for name, value in kept).encode("latin-1")


def _body_fields(representation: Representation, decision: Decision, boundary: str) -> list[tuple[str, str]]:
    size, content_type = representation.size, representation.content_type
    fields = [("Accept-Ranges", "bytes")]
    if representation.coding:
        fields.append(("Content-Encoding", representation.coding))
    ranges = decision.ranges
    if len(ranges) > 1:
        length = multipart_length(ranges, size, content_type, boundary)
        content_type = f"multipart/byteranges; boundary={boundary}"
    elif ranges:
        length = ranges[0].length
        fields.append(("Content-Range", ranges[0].content_range(size)))
    else:
        length = size
    return [*fields, ("Content-Type", content_type), ("Content-Length", str(length))]
