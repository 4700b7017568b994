"""Reads multipart bodies as they come: bytes in, parts out, in bounded memory (RFC 2046, section 5.1). Pure.

A part's bytes end at CRLF, two dashes and the boundary, which the pieces of the body may cut anywhere; so the
last bytes that could begin such a delimiter are kept back until it is known whether they do. What is kept is
at most a delimiter, or the head of one part.

    PREAMBLE -> HEAD -> DATA -> HEAD -> ... -> EPILOGUE
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from attrs import frozen

from fetchkit.errors import BadRequestError

__all__ = ["MAX_HEAD", "Part", "PartData", "PartEnd", "Reader", "boundary_of"]

# Bytes of one part's head: as much as servers take for a request's.
MAX_HEAD: Final = 16 * 1024
# bchars of RFC 2046, section 5.1.1; a space may not be the last.
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
# parameter of RFC 9110, section 5.6.6; browsers write a quote in it as %22 and a backslash as it is.
_PARAMETER: Final = re.compile(r';[ \t]*([^\s;="]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)
_MULTIPART: Final = re.compile(r"[ \t]*multipart/form-data[ \t]*(?:;|\Z)", re.IGNORECASE)
# How much white space may stand between a delimiter and the end of its line; none is usual.
_PADDING: Final = 64
_AFTER: Final = re.compile(rb"(--)|[ \t]{0,%d}\r\n" % _PADDING)
_BEGINS: Final = re.compile(rb"-|[ \t]{0,%d}\r?" % _PADDING)


@frozen
class Part:
    """A part begins.

    Attributes:
        name: of its field; empty where it has none.
        filename: None where it has none.
        content_type: empty where it has none.
    """

    name: str
    filename: str | None
    content_type: str


@frozen
class PartData:
    """Bytes of the part that began last."""

    data: bytes


@frozen
class PartEnd:
    """The part that began last has ended."""


class _State(Enum):
    PREAMBLE = auto()
    HEAD = auto()
    DATA = auto()
    EPILOGUE = auto()


def boundary_of(content_type: str) -> str | None:
    """The boundary that a Content-Type names; None where it is not multipart/form-data.

    Raises:
        BadRequestError: it is, and has no valid boundary.
    """
    if not _MULTIPART.match(content_type):
        return None
    boundary = _parameters(content_type).get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise BadRequestError("Content-Type is multipart/form-data without a valid boundary.")
    return boundary


class Reader:
    """The reader of one body."""

    def __init__(self, boundary: str) -> None:
        """Begin; the boundary is one that `boundary_of` found."""
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # The first delimiter may stand at the very beginning, where no line ended before it.
        self._kept = bytearray(b"\r\n")
        self._state = _State.PREAMBLE

    def feed(self, data: bytes) -> Iterator[Part | PartData | PartEnd]:
        """Take some bytes; what they bring.

        Raises:
            BadRequestError: they are not multipart.
        """
        if self._state is _State.EPILOGUE:
            return
        self._kept += data
        while (step := self._step()) is not None:
            yield from step

    def close(self) -> None:
        """The body has ended.

        Raises:
            BadRequestError: before its last delimiter.
        """
        if self._state is not _State.EPILOGUE:
            raise BadRequestError("The multipart body ends before its last delimiter.")

    def _step(self) -> list[Part | PartData | PartEnd] | None:
        """One thing that is known by now, perhaps of no interest; None where more bytes are needed."""
        match self._state:
            case _State.HEAD:
                return self._head()
            case _State.EPILOGUE:
                self._kept.clear()
                return None
            case _:
                return self._data()

    def _head(self) -> list[Part | PartData | PartEnd] | None:
        bare = self._kept.startswith(b"\r\n")  # a part without fields has the empty line at once
        end = 0 if bare else self._kept.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if end < 0:
            if len(self._kept) >= MAX_HEAD + 4:
                raise BadRequestError(f"The head of a part is longer than the limit of {MAX_HEAD} bytes.")
            return None
        part = _part(bytes(self._kept[:end]))
        del self._kept[: end + (2 if bare else 4)]
        self._state = _State.DATA
        return [part]

    def _data(self) -> list[Part | PartData | PartEnd] | None:
        kept, delimiter = self._kept, self._delimiter
        place = kept.find(delimiter)
        if place < 0:
            return self._taken(max(0, len(kept) - len(delimiter) + 1))
        after = place + len(delimiter)
        match = _AFTER.match(kept, after)
        if match is None:
            # Cut before it can be told; or the boundary is but the beginning of a longer word, and so data.
            return self._taken(place if _BEGINS.fullmatch(kept, after) else after)
        size, is_last = match.end() - place, bool(match[1])  # a match looks into what it matched, again
        found = self._taken(place) or []
        if self._state is _State.DATA:
            found.append(PartEnd())
        del kept[:size]
        self._state = _State.EPILOGUE if is_last else _State.HEAD
        return found

    def _taken(self, count: int) -> list[Part | PartData | PartEnd] | None:
        """Take bytes that are no delimiter."""
        if not count:
            return None
        data = bytes(self._kept[:count])
        del self._kept[:count]
        return [PartData(data)] if self._state is _State.DATA else []


def _part(head: bytes) -> Part:
    fields = {}
    for line in head.decode("utf-8", "surrogateescape").split("\r\n"):
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    known = _parameters(fields.get("content-disposition", ""))
    filename = known.get("filename")
    if filename is None and "filename*" in known:  # RFC 8187, section 3.2
        filename = unquote(known["filename*"].rpartition("'")[2], errors="replace")
    return Part(known.get("name", ""), filename, fields.get("content-type", ""))


def _parameters(value: str) -> dict[str, str]:
    """The parameters of a field's value; of two with a name the first."""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        text = match[3].strip() if match[2] is None else match[2].replace('\\"', '"')
        found.setdefault(match[1].lower(), text)
    return found
