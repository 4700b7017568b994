"""Source maps of WebAssembly modules: from the offset of an instruction to its place in a source. Pure.

ECMA-426, of which a module uses little: one generated line, whose columns are the offsets in the module.
`mappings` is a list of segments, a segment some numbers in base 64 (VLQ), each the difference to the last
one of its kind:

    column [ source line column [ name ] ]

A segment holds up to the next; one of a column alone says that what follows has no source.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from attrs import field, frozen

__all__ = ["MAX_SIZE", "Position", "SourceMap", "SourceMapError", "data_url", "parse_source_map"]

# A module of 50 MB has a map of about 30.
MAX_SIZE: Final = 64 * 2**20

_VERSION: Final = 3
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_DIGITS: Final = {character: value for value, character in enumerate(_ALPHABET)}
_DIGIT_BITS: Final = 5
_MORE: Final = 1 << _DIGIT_BITS
# Numbers have 32 bits (ECMA-426, section 6): seven digits.
_MAX_SHIFT: Final = 6 * _DIGIT_BITS
_FIELDS: Final = (1, 4, 5)
_CHUNK: Final = 2**16
# Segments repeat a lot; a map made to fill the memory is decoded without help.
_MAX_KNOWN: Final = 2**16
# Some servers guard JSON with a first line of this, so that other sites cannot run it (ECMA-426, section 8).
_GUARD: Final = b")]}'"


class SourceMapError(ValueError):
    """A source map that cannot be used; the text says why."""


@frozen
class Position:
    """A place in a source.

    Attributes:
        source: its name; empty where the map does not tell.
        line: from 1.
        column: from 1.
    """

    source: str
    line: int
    column: int


@frozen
class SourceMap:
    """A source map.

    Attributes:
        sources: names of the sources, as the map's sourceRoot completes them.
        mappings: of the one line that a module has.
    """

    sources: tuple[str, ...]
    mappings: str = field(repr=False)

    def find(
        self, wanted: Mapping[int, int], *, expired: Callable[[], bool] = lambda: False
    ) -> dict[int, Position]:
        """The places of instructions; without those that have none.

        Args:
            wanted: the offset of each instruction, and the one where its function begins: a segment before
                that belongs to another function.
            expired: whether to give up, asked now and then.

        Raises:
            SourceMapError: the mappings are damaged, or it took too long.
        """
        found: dict[int, Position] = {}
        waiting = sorted(wanted, reverse=True)
        at = source = line = column = 0
        mapped = False

        def settle(offset: int) -> None:
            if mapped and at >= wanted[offset]:
                found[offset] = Position(self.sources[source], line + 1, column + 1)

        for numbers in self._decoded(expired):
            following = at + numbers[0]
            while waiting and following > waiting[-1]:
                settle(waiting.pop())
            if not waiting:
                return found
            at, mapped = following, len(numbers) > 1
            if mapped:
                source, line, column = source + numbers[1], line + numbers[2], column + numbers[3]
                if not 0 <= source < len(self.sources) or line < 0 or column < 0:
                    raise SourceMapError("A mapping leads to no source.")
        while waiting:
            settle(waiting.pop())
        return found

    def _decoded(self, expired: Callable[[], bool]) -> Iterator[tuple[int, ...]]:
        known: dict[str, tuple[int, ...]] = {}
        for segment in self._segments(expired):
            numbers = known.get(segment)
            if numbers is None:
                numbers = _decode(segment)
                if len(known) < _MAX_KNOWN:
                    known[segment] = numbers
            yield numbers

    def _segments(self, expired: Callable[[], bool]) -> Iterator[str]:
        text, start = self.mappings, 0
        while start < len(text):
            end = text.rfind(",", start, start + _CHUNK) if start + _CHUNK < len(text) else len(text)
            if end < 0:
                raise SourceMapError("A mapping does not end.")
            if expired():
                raise SourceMapError("It takes too long to read.")
            yield from text[start:end].split(",")
            start = end + 1


def parse_source_map(data: bytes) -> SourceMap:
    """Read a source map; its mappings only when something is looked for.

    Raises:
        SourceMapError: it is too long, or no source map of version 3 with one list of mappings.
    """
    if len(data) > MAX_SIZE:
        raise SourceMapError(f"It is longer than {MAX_SIZE >> 20} MiB.")
    if data.startswith(_GUARD):
        data = data.partition(b"\n")[2]
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SourceMapError("It is no JSON.") from error
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        raise SourceMapError("It is no source map of version 3.")
    if "sections" in content:
        raise SourceMapError("It is an index of several maps, which emcc does not write.")
    sources, mappings, root = content.get("sources"), content.get("mappings"), content.get("sourceRoot")
    if not isinstance(sources, list) or not isinstance(mappings, str):
        raise SourceMapError("It has no sources, or no mappings.")
    prefix = f"{root.rstrip('/')}/" if isinstance(root, str) and root else ""
    names = tuple(prefix + source if isinstance(source, str) else "" for source in sources)
    return SourceMap(names, mappings.partition(";")[0])


def data_url(url: str) -> bytes:
    """What a data: URL has in it (RFC 2397).

    Raises:
        SourceMapError: it is none.
    """
    scheme, _, rest = url.partition(":")
    kind, comma, content = rest.partition(",")
    if scheme.lower() != "data" or not comma:
        raise SourceMapError("It is no data: URL.")
    data = unquote_to_bytes(content)
    if not kind.rstrip().endswith(";base64"):
        return data
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise SourceMapError("Its base 64 is damaged.") from error


def _decode(segment: str) -> tuple[int, ...]:
    numbers = []
    value = shift = 0
    for character in segment:
        digit = _DIGITS.get(character, -1)
        if digit < 0 or shift > _MAX_SHIFT:
            raise SourceMapError("A mapping is damaged.")
        value |= (digit & (_MORE - 1)) << shift
        if digit & _MORE:
            shift += _DIGIT_BITS
        else:
            # The lowest bit is the sign.
            numbers.append(-(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    if shift or len(numbers) not in _FIELDS:
        raise SourceMapError("A mapping is damaged.")
    if numbers[0] < 0:
        raise SourceMapError("The offsets of the mappings go backwards.")
    return tuple(numbers)
