"""`delay(T)`: a pause before the answer begins."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, Wait
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_seconds
from fetchkit.origin.settings import Origin


@frozen
class Delay(Fault):
    """A pause before the head."""

    name: ClassVar[str] = "delay"
    usage: ClassVar[str] = "TIME"
    help: ClassVar[str] = "wait before the head is sent: 200ms, 1.5"

    seconds: float

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:
        """Read the time."""
        call.at_most(1)
        return cls(call.parsed(0, lambda text: parse_seconds(text, settings.max_seconds, "delay")))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Wait before the head."""
        answer.before.append(Wait(self.seconds))
