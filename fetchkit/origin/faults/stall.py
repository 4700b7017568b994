"""`stall(AT)`: the body stops, for ever or for a while."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Act, Answer, Wait, at
from fetchkit.origin.faults.fault import At, Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_seconds
from fetchkit.origin.settings import Origin


@frozen
class Stall(Fault):
    """Silence within the body."""

    name: ClassVar[str] = "stall"
    usage: ClassVar[str] = "AT[,TIME]"
    help: ClassVar[str] = "say nothing more from there on, for TIME or until the client leaves"

    at: At
    seconds: float | None

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:
        """Read the place and the time."""
        call.at_most(2)
        place = call.parsed(0, At.parse)
        if len(call.arguments) == 1:
            return cls(place, None)
        return cls(place, call.parsed(1, lambda text: parse_seconds(text, settings.max_seconds, "time")))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Stop there."""
        place = self.at.within(answer.size)
        if self.seconds is None:
            answer.shorten(place, Act.STALL)
        else:
            answer.pieces = at(answer.pieces, place, Wait(self.seconds, exact=True), then_end=False)
