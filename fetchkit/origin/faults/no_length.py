"""`no-length`: the body ends with the connection."""

from typing import ClassVar

from attrs import frozen

from fetchkit.origin.answer import Answer, Framing
from fetchkit.origin.faults.fault import Context, Fault, frame


@frozen
class NoLength(Fault):
    """No length in the head."""

    name: ClassVar[str] = "no-length"
    help: ClassVar[str] = "no Content-Length: the body ends where the connection does"

    def apply(self, answer: Answer, context: Context) -> None:
        """Choose the framing."""
        frame(answer, Framing.CLOSE, context)
