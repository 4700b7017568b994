"""`reset(AT)`: the connection is reset within the body."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Act, Answer
from fetchkit.origin.faults.fault import At, Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin


@frozen
class Reset(Fault):
    """A reset within the body."""

    name: ClassVar[str] = "reset"
    usage: ClassVar[str] = "AT"
    help: ClassVar[str] = "reset the connection there (RST), once what goes before has arrived"

    at: At

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the place."""
        call.at_most(1)
        return cls(call.parsed(0, At.parse))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """End there."""
        answer.shorten(self.at.within(answer.size), Act.RST)
