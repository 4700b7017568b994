"""`chunked`: the body in chunks."""

from typing import ClassVar

from attrs import frozen

from fetchkit.origin.answer import Answer, Framing
from fetchkit.origin.faults.fault import Context, Fault, frame


@frozen
class Chunked(Fault):
    """No length in the head."""

    name: ClassVar[str] = "chunked"
    help: ClassVar[str] = "Transfer-Encoding: chunked, no Content-Length"

    def apply(self, answer: Answer, context: Context) -> None:
        """Choose the framing."""
        frame(answer, Framing.CHUNKED, context)
