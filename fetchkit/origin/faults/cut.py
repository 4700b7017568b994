"""`cut(AT)`: the connection is closed within the body."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Act, Answer
from fetchkit.origin.faults.fault import At, Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin


@frozen
class Cut(Fault):
    """An end within the body."""

    name: ClassVar[str] = "cut"
    usage: ClassVar[str] = "AT"
    help: ClassVar[str] = "close the connection there (FIN); the length that the head promises stays"

    at: At

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the place."""
        call.at_most(1)
        return cls(call.parsed(0, At.parse))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """End there."""
        answer.shorten(self.at.within(answer.size), Act.FIN)
