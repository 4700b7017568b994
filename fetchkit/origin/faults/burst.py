"""`burst(SIZE,PAUSE)`: the body in bursts."""

from collections.abc import Iterator
from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, Piece, Pieces, Wait
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_seconds, parse_size
from fetchkit.origin.settings import Origin


@frozen
class Burst(Fault):
    """Full speed, then nothing for a while."""

    name: ClassVar[str] = "burst"
    usage: ClassVar[str] = "SIZE,PAUSE"
    help: ClassVar[str] = "send SIZE at full speed, pause, and so on"

    size: int
    pause: float

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:
        """Read size and pause."""
        call.at_most(2)
        size = call.parsed(0, lambda text: parse_size(text, settings.max_size, "size"))
        if not size:
            call.refuse("a burst has a byte at least.", argument=0)
        return cls(size, call.parsed(1, lambda text: parse_seconds(text, settings.max_seconds, "pause")))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Put pauses between bursts."""
        answer.pieces = self._bursts(answer.pieces)

    def _bursts(self, pieces: Pieces) -> Iterator[Piece]:
        left = self.size
        for piece in pieces:
            if not isinstance(piece, bytes | memoryview):
                yield piece
                continue
            start = 0
            while start < len(piece):
                if not left:
                    yield Wait(self.pause, exact=True)
                    left = self.size
                part = piece[start : start + left]
                yield part
                start += len(part)
                left -= len(part)
