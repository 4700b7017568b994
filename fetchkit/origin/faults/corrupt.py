"""`corrupt(N)`: some bytes are others."""

from collections.abc import Iterator
from random import Random
from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, Piece, Pieces
from fetchkit.origin.faults.fault import Context, Fault, impossible
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_count
from fetchkit.origin.settings import Origin

# Where the length is unknown, one in each of these.
_STRIDE: Final = 1021
_MAX: Final = 10_000


@frozen
class Corrupt(Fault):
    """Flipped bytes, always at the same places of a body of the same size."""

    name: ClassVar[str] = "corrupt"
    usage: ClassVar[str] = "N"
    help: ClassVar[str] = "flip all bits of N bytes (up to 10000), at the same places every time"

    count: int

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read how many."""
        call.at_most(1)
        return cls(call.parsed(0, lambda text: parse_count(text, 1, _MAX, "count"), "1"))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Flip them."""
        if answer.unchanged:
            return
        answer.pieces = _flipped(answer.pieces, self._places(answer.size))

    def _places(self, size: int | None) -> list[int]:
        if size is None:
            return [index * _STRIDE for index in range(self.count)]
        if self.count > size:
            impossible(f"the body has {size} bytes only.")
        return sorted(Random(size).sample(range(size), self.count))  # noqa: S311  not a secret


def _flipped(pieces: Pieces, places: list[int]) -> Iterator[Piece]:
    position, coming = 0, iter(places)
    place = next(coming, None)
    for piece in pieces:
        if not isinstance(piece, bytes | memoryview):
            yield piece
            continue
        if place is None or place >= position + len(piece):
            yield piece
            position += len(piece)
            continue
        changed = bytearray(piece)
        while place is not None and place < position + len(piece):
            changed[place - position] ^= 0xFF
            place = next(coming, None)
        yield bytes(changed)
        position += len(piece)
