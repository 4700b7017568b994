"""`no-last-chunk`: a chunked body that never says its end."""

from typing import ClassVar

from attrs import frozen

from fetchkit.origin.answer import Act, Answer, Framing, end_with
from fetchkit.origin.faults.fault import Context, Fault, frame


@frozen
class NoLastChunk(Fault):
    """All bytes, and no end."""

    name: ClassVar[str] = "no-last-chunk"
    help: ClassVar[str] = "chunked, all of it, and the connection is closed in place of the last chunk"

    def apply(self, answer: Answer, context: Context) -> None:
        """Leave the last chunk out."""
        frame(answer, Framing.CHUNKED, context)
        answer.pieces = end_with(answer.pieces, Act.FIN)
