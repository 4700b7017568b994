"""`trickle(RATE)`: the body at a steady rate."""

from collections.abc import Iterator
from random import Random
from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, Piece, Pieces, Wait
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_number, parse_rate
from fetchkit.origin.settings import Origin

# Ten pieces a second: steady enough for a progress bar, few enough for 500 connections at once.
_TICK: Final = 0.1
# Never more in one piece, or a fast rate would not be steady.
_MAX_PIECE: Final = 256 * 1024


@frozen
class Trickle(Fault):
    """A steady rate; the first byte comes as late as the rate says."""

    name: ClassVar[str] = "trickle"
    usage: ClassVar[str] = "RATE[,JITTER]"
    help: ClassVar[str] = (
        "send the body at a rate, as 64KiB/s; each pause longer or shorter by up to JITTER (30%)"
    )

    rate: float
    jitter: float

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the rate."""
        call.at_most(2)
        text = call.text(1, "0")
        scale = 100.0 if text.endswith("%") else 1.0
        jitter = call.parsed(1, lambda t: parse_number(t.removesuffix("%"), 0, scale, "jitter"), "0") / scale
        return cls(call.parsed(0, lambda text: parse_rate(text, "rate")), jitter)

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Put pauses between small pieces."""
        answer.pieces = self._paced(answer.pieces)

    def _paced(self, pieces: Pieces) -> Iterator[Piece]:
        size = max(1, min(_MAX_PIECE, int(self.rate * _TICK)))
        random = Random(0)  # noqa: S311  the same jitter every time
        for piece in pieces:
            if not isinstance(piece, bytes | memoryview):
                yield piece
                continue
            for start in range(0, len(piece), size):
                part = piece[start : start + size]
                pause = len(part) / self.rate
                yield Wait(pause * (1 + self.jitter * random.uniform(-1, 1)) if self.jitter else pause)
                yield part
