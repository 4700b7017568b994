"""Takes messages apart as RFC 9112 frames them; strict, so that nothing broken passes for whole."""

import re
from collections.abc import Awaitable, Callable
from enum import StrEnum

from attrs import define, field

__all__ = [
    "BrokenError",
    "Delivered",
    "End",
    "Fields",
    "Source",
    "Stream",
    "read_body",
    "read_chunked",
    "read_fields",
]

Fields = tuple[tuple[bytes, bytes], ...]
# The next bytes, empty at FIN; raises ConnectionResetError, or TimeoutError when nothing comes.
Source = Callable[[], Awaitable[bytes]]

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token (RFC 9110, section 5.6.2)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")  # field-value (RFC 9110, section 5.5)
_LENGTH = re.compile(rb"[0-9]{1,19}")  # Content-Length (RFC 9110, section 8.6)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")  # (RFC 9112, section 7.1)


class End(StrEnum):
    """How a message ended."""

    COMPLETE = "complete"
    CUT = "cut"  # FIN before the framing was complete
    RESET = "reset"
    STALLED = "stalled"
    MALFORMED = "malformed"  # its framing contradicts itself or the RFC
    REFUSED = "refused"  # no connection at all


class BrokenError(Exception):
    """The message does not become complete; `end` says how."""

    def __init__(self, end: End, why: str = "") -> None:
        super().__init__(f"{end}: {why}")
        self.end = end


@define
class Delivered:
    """How much of a message has come.

    Attributes:
        head: whether its head has.
        body: what has come of the body.
    """

    head: bool = False
    body: bytearray = field(factory=bytearray)


@define
class Stream:
    """Bytes that came and were not taken yet.

    Attributes:
        source: gives more.
        buffer: what came.
        began: whether anything ever came.
    """

    source: Source
    buffer: bytearray = field(factory=bytearray)
    began: bool = False

    async def fill(self) -> None:
        """Wait for more bytes."""
        try:
            data = await self.source()
        except ConnectionResetError:
            raise BrokenError(End.RESET) from None
        except TimeoutError:
            raise BrokenError(End.STALLED) from None
        if not data:
            raise BrokenError(End.CUT)
        self.buffer += data
        self.began = True

    async def line(self) -> bytes:
        """Take one line, which CRLF ends, without it."""
        start = 0
        while (end := self.buffer.find(b"\n", start)) < 0:
            start = len(self.buffer)
            await self.fill()
        line = self._take(end + 1)
        if line[-2:] != b"\r\n" or b"\r" in line[:-2]:
            raise BrokenError(End.MALFORMED, f"line end of {line[:80]!r}")
        return line[:-2]

    async def copy(self, size: int, into: bytearray) -> None:
        """Append exactly `size` bytes to `into`, and what came of them when it breaks off."""
        while size:
            if not self.buffer:
                await self.fill()
            piece = self._take(size)
            into += piece
            size -= len(piece)

    async def copy_to_end(self, into: bytearray) -> None:
        """Append all that comes before FIN to `into`."""
        try:
            while True:
                into += self._take(len(self.buffer))
                await self.fill()
        except BrokenError as error:
            if error.end is not End.CUT:
                raise

    def _take(self, size: int) -> bytes:
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken


async def read_fields(stream: Stream) -> Fields:
    """Read field lines up to the empty one; a folded line counts as one (RFC 9112, section 5.2)."""
    fields: list[tuple[bytes, bytes]] = []
    while line := await stream.line():
        if line[:1] in b" \t" and fields:
            name, value = fields.pop()
            fields.append((name, value + b" " + line.strip(b" \t")))
            continue
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BrokenError(End.MALFORMED, f"field {line[:80]!r}")
        fields.append((name, value.strip(b" \t")))
    return tuple(fields)


async def read_body(stream: Stream, fields: Fields, into: bytearray, *, to_end: bool) -> Fields:
    """Read a body as its fields frame it (RFC 9112, section 6.3); gives the trailers.

    Without framing the body goes on to FIN (`to_end`, responses) or is empty (requests).
    """
    codings = _values(fields, b"transfer-encoding")
    lengths = _values(fields, b"content-length")
    if codings:
        if codings != [b"chunked"] or lengths:
            raise BrokenError(End.MALFORMED, f"{codings} {lengths}")
        return await read_chunked(stream, into)
    if lengths:
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            raise BrokenError(End.MALFORMED, f"Content-Length {lengths}")
        await stream.copy(int(lengths[0]), into)
    elif to_end:
        await stream.copy_to_end(into)
    return ()


async def read_chunked(stream: Stream, into: bytearray) -> Fields:
    """Read chunks up to the last one, and the trailers behind it (RFC 9112, section 7.1)."""
    while True:
        line = await stream.line()
        if not (found := _CHUNK.fullmatch(line)):
            raise BrokenError(End.MALFORMED, f"chunk {line[:80]!r}")
        if not (size := int(found[1], 16)):
            return await read_fields(stream)
        await stream.copy(size, into)
        if await stream.line():
            raise BrokenError(End.MALFORMED, "a chunk longer than it said")


def _values(fields: Fields, name: bytes) -> list[bytes]:
    return [value.lower() for key, value in fields if key.lower() == name]
