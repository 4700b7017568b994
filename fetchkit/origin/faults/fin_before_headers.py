"""`fin-before-headers`: no answer, the connection is closed."""

from typing import ClassVar

from attrs import frozen

from fetchkit.origin.answer import Act, Answer
from fetchkit.origin.faults.fault import Context, Fault


@frozen
class FinBeforeHeaders(Fault):
    """No answer at all."""

    name: ClassVar[str] = "fin-before-headers"
    help: ClassVar[str] = "close the connection in place of an answer"

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """End before the head, after what earlier functions wait for."""
        answer.before.append(Act.FIN)
