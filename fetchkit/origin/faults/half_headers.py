"""`half-headers`: the head ends in its middle."""

from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Act, Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

_ENDS: Final = {"fin": Act.FIN, "rst": Act.RST, "stall": Act.STALL}


@frozen
class HalfHeaders(Fault):
    """Half of the head."""

    name: ClassVar[str] = "half-headers"
    usage: ClassVar[str] = "[fin|rst|stall]"
    help: ClassVar[str] = "send half of the head, then close (fin), reset or stall"

    end: Act

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read how it ends."""
        call.at_most(1)
        return cls(_ENDS[call.choice(0, _ENDS, "fin")])

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Send half."""
        answer.head_part, answer.head_end = 0.5, self.end
