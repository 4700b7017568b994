"""`bomb(SIZE)`: a small body that unpacks to a large one."""

from collections.abc import Iterator
from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, Piece
from fetchkit.origin.encoders import gzip_of_zeros, zeros_length
from fetchkit.origin.faults.fault import Context, Fault, Selection
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_size
from fetchkit.origin.settings import MIB, Origin

_MAX: Final = 16 * 1024 * MIB


@frozen
class Bomb(Fault):
    """A decompression bomb: zeros in gzip, about a thousand to one."""

    name: ClassVar[str] = "bomb"
    usage: ClassVar[str] = "SIZE"
    help: ClassVar[str] = "in place of the body: gzip that unpacks to SIZE zeros (up to 16 GiB)"

    size: int

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the size."""
        call.at_most(1)
        return cls(call.parsed(0, lambda text: parse_size(text, _MAX, "size")))

    def select(self, selection: Selection, context: Context) -> None:  # noqa: ARG002
        """Take the whole."""
        selection.coding = "gzip"

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Replace the body."""
        if answer.unchanged:
            return
        answer.remove("Accept-Ranges", "Content-Range")
        answer.set("Content-Encoding", "gzip")
        answer.pieces, answer.size, answer.promised = _zeros(self.size), zeros_length(self.size), None


def _zeros(size: int) -> Iterator[Piece]:
    yield from gzip_of_zeros(size)
