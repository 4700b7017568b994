"""Bodies of requests, taken apart: urlencoded and multipart forms, and JSON. Pure and bounded."""

import json
import math
from typing import Any, Final, NoReturn

from attrs import frozen

from fetchkit.errors import BadRequestError
from fetchkit.origin.multipart import Part, PartData, Reader, boundary_of
from fetchkit.origin.parameters import parse_query

__all__ = ["File", "Form", "media_type_of", "parse_form", "parse_json"]

# json.dumps with an indentation recurses in Python, and its limit is a thousand frames.
_MAX_DEPTH: Final = 200


@frozen
class File:
    """One part of a form with a file name.

    Attributes:
        name: of the field.
        content_type: as the client declares it; empty where it does not.
        data: its bytes.
    """

    name: str
    content_type: str
    data: bytes


@frozen
class Form:
    """A form.

    Attributes:
        fields: names and values in order.
        files: parts with a file name, in order.
    """

    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[File, ...] = ()


def media_type_of(content_type: str) -> str:
    """Type and subtype in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def parse_form(body: bytes, content_type: str, limit: int) -> Form | None:
    """The form that a body is; None where its type is another.

    Raises:
        BadRequestError: it is broken, or has more than `limit` fields.
    """
    kind = media_type_of(content_type)
    if kind == "application/x-www-form-urlencoded":
        if body.count(b"&") >= limit:
            _too_many(limit)
        return Form(tuple(parse_query(body.decode("utf-8", "surrogateescape")).pairs()))
    boundary = boundary_of(content_type)
    if boundary is None:
        return None
    return _multipart(body, boundary, limit) if body else Form()


def parse_json(body: bytes) -> Any:
    """The JSON that a body is (RFC 8259).

    Raises:
        ValueError: it is none, or nested too deeply, or has a number that no JSON can hold.
    """
    text = body.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if text.count("[") + text.count("{") > _MAX_DEPTH and _depth_exceeds(value, _MAX_DEPTH):
        raise ValueError("nested too deeply")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")  # RFC 8259, section 6


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.80} is beyond what a double holds")
    return number


def _depth_exceeds(value: Any, limit: int) -> bool:
    level: list[Any] = [[value]]
    for _ in range(limit + 1):
        below: list[Any] = []
        for item in level:
            children = item.values() if isinstance(item, dict) else item
            below.extend(child for child in children if isinstance(child, dict | list))
        if not below:
            return False
        level = below
    return True


def _multipart(body: bytes, boundary: str, limit: int) -> Form:
    """Put the parts together (RFC 7578)."""
    fields: list[tuple[str, str]] = []
    files: list[File] = []
    part, data = Part("", None, ""), bytearray()
    reader = Reader(boundary)
    for event in reader.feed(body):
        if isinstance(event, Part):
            if len(fields) + len(files) >= limit:
                _too_many(limit)
            part, data = event, bytearray()
        elif isinstance(event, PartData):
            data += event.data
        elif part.filename is None:
            fields.append((part.name, data.decode("utf-8", "replace")))
        else:
            files.append(File(part.name, part.content_type, bytes(data)))
    reader.close()
    return Form(tuple(fields), tuple(files))


def _too_many(limit: int) -> NoReturn:
    raise BadRequestError(
        f"The form has more than {limit} fields, the limit of one answer.",
        "max-items of [origin] raises it.",
    )
