"""`rst-before-headers`: no answer, the connection is reset."""

from typing import ClassVar

from attrs import frozen

from fetchkit.origin.answer import Act, Answer
from fetchkit.origin.faults.fault import Context, Fault


@frozen
class RstBeforeHeaders(Fault):
    """No answer at all."""

    name: ClassVar[str] = "rst-before-headers"
    help: ClassVar[str] = "reset the connection in place of an answer"

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """End before the head, after what earlier functions wait for."""
        answer.before.append(Act.RST)
