"""Byte ranges: what a Range field asks for, and the frames of a multipart answer (RFC 9110, section 14)."""

import re
from collections.abc import Sequence

from attrs import frozen

__all__ = [
    "MAX_RANGES",
    "ByteRange",
    "multipart_closing",
    "multipart_content_type",
    "multipart_length",
    "multipart_parts",
    "parse_ranges",
    "unsatisfied_content_range",
]

# Apache's default for MaxRanges, set when lists of a thousand ranges took servers down (CVE-2011-3192).
MAX_RANGES = 200
# The largest size of a file, 2**63 - 1, has 19 digits; int() of thousands of digits takes quadratic time.
MAX_DIGITS = 19
BEYOND_ANY_SIZE = 10**MAX_DIGITS

# int-range and suffix-range of RFC 9110, section 14.1.1: "0-99", "100-", "-500"
_RANGE_SPEC = re.compile(r"(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+)")


@frozen
class ByteRange:
    """Bytes `first` to `last` of a representation, both included, counted from 0."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of bytes, at least 1."""
        return self.last - self.first + 1

    def content_range(self, size: int) -> str:
        """The value of Content-Range for this part of `size` bytes (RFC 9110, section 14.4)."""
        return f"bytes {self.first}-{self.last}/{size}"


def parse_ranges(value: str, size: int) -> tuple[ByteRange, ...] | None:
    """Read a Range field against a representation of `size` bytes (RFC 9110, sections 14.1 and 14.2).

    Positions beyond the end are clamped, ranges that start beyond it are left out, and the order is kept.

    Returns:
        The ranges to send. None: ignore the field and send the whole, because the field is malformed, its
        unit is not bytes, it has more than MAX_RANGES members, or its ranges together are longer than the
        whole, which section 14.2 lets a server ignore as a likely attack. An empty tuple: nothing of it can
        be satisfied, answer 416. Never raises.
    """
    unit, _, range_set = value.partition("=")
    if unit.lower() != "bytes":  # "All range unit names are case-insensitive" (section 14.1)
        return None
    # White space after "=" is erratum 7306; empty members of a list are skipped (section 5.6.1.2).
    members = [text for member in range_set.split(",") if (text := member.strip(" \t"))]
    if not 1 <= len(members) <= MAX_RANGES:
        return None
    specs = [_RANGE_SPEC.fullmatch(member) for member in members]
    if any(spec is None or _is_backwards(spec) for spec in specs):
        return None
    return _satisfiable([spec for spec in specs if spec], size)


def unsatisfied_content_range(size: int) -> str:
    """The value of Content-Range of a 416 answer (RFC 9110, section 14.4)."""
    return f"bytes */{size}"


def multipart_content_type(boundary: str) -> str:
    """The Content-Type of an answer in several parts (RFC 9110, section 14.6)."""
    return f"multipart/byteranges; boundary={boundary}"


def multipart_parts(
    ranges: Sequence[ByteRange], size: int, content_type: str, boundary: str
) -> list[tuple[bytes, ByteRange]]:
    """The frame that goes before the bytes of each range (RFC 9110, section 14.6; RFC 2046, section 5.1.1).

    The body is each frame followed by the bytes of its range, then `multipart_closing`.

    Args:
        ranges: what `parse_ranges` gave, two or more: "a server MUST NOT generate a multipart response to a
            request for a single range" (RFC 9110, section 15.3.7.2).
        size: bytes of the whole representation.
        content_type: of the whole representation.
        boundary: ASCII letters and digits, at most 70, that nobody can guess and so put into a file.
    """
    frames = [
        f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {part.content_range(size)}\r\n\r\n"
        for part in ranges
    ]
    # The CRLF before a delimiter belongs to the delimiter; the first one starts the body.
    return [
        ((frame if index == 0 else f"\r\n{frame}").encode("ascii"), part)
        for index, (frame, part) in enumerate(zip(frames, ranges, strict=True))
    ]


def multipart_closing(boundary: str) -> bytes:
    """What goes after the bytes of the last range."""
    return f"\r\n--{boundary}--\r\n".encode("ascii")


def multipart_length(ranges: Sequence[ByteRange], size: int, content_type: str, boundary: str) -> int:
    """Content-Length of the whole answer: frames, ranges and closing delimiter, in bytes."""
    parts = multipart_parts(ranges, size, content_type, boundary)
    return sum(len(frame) + part.length for frame, part in parts) + len(multipart_closing(boundary))


def _position(digits: str) -> int:
    """The number, or BEYOND_ANY_SIZE for every number that is larger than any size."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= MAX_DIGITS else BEYOND_ANY_SIZE


def _is_backwards(spec: re.Match[str]) -> bool:
    # "An int-range is invalid if the last-pos value is present and less than first-pos" (section 14.1.1)
    return bool(spec["last"]) and _position(spec["last"]) < _position(spec["first"])


def _satisfiable(specs: Sequence[re.Match[str]], size: int) -> tuple[ByteRange, ...] | None:
    if size == 0 and any(spec["suffix"] and _position(spec["suffix"]) for spec in specs):
        # A suffix of nothing can be satisfied, but Content-Range cannot express its 0 bytes; "a server MAY
        # ignore a Range header field when the selected representation has no content" (section 14.2).
        return None
    ranges = tuple(part for spec in specs if (part := _resolve(spec, size)))
    return ranges if sum(part.length for part in ranges) <= size else None


def _resolve(spec: re.Match[str], size: int) -> ByteRange | None:
    if spec["suffix"]:
        # "If the selected representation is shorter than the specified suffix-length, the entire
        # representation is used" (section 14.1.2)
        first, last = max(size - _position(spec["suffix"]), 0), size - 1
    else:
        first, last = _position(spec["first"]), size - 1
        if spec["last"]:
            last = min(_position(spec["last"]), last)
    return ByteRange(first, last) if first <= last else None
