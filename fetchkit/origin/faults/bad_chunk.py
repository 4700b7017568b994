"""`bad-chunk(AT)`: a chunk whose size is no number."""

from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Act, Answer, Framing, Unframed, at
from fetchkit.origin.faults.fault import At, Context, Fault, frame
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

# "zz" is no chunk-size (RFC 9112, section 7.1).
_BAD: Final = Unframed(b"zz\r\nnot a chunk\r\n")


@frozen
class BadChunk(Fault):
    """Broken framing within a chunked body."""

    name: ClassVar[str] = "bad-chunk"
    usage: ClassVar[str] = "AT"
    help: ClassVar[str] = "chunked, and there a chunk whose size is no number; then the connection is closed"

    at: At

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the place."""
        call.at_most(1)
        return cls(call.parsed(0, At.parse))

    def apply(self, answer: Answer, context: Context) -> None:
        """Break it there."""
        frame(answer, Framing.CHUNKED, context)
        place = self.at.within(answer.size)
        answer.pieces = at(answer.pieces, place, _BAD, Act.FIN, then_end=True)
        if answer.size is not None:
            answer.size = place
