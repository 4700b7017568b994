"""`mislabel(CODING)`: a content coding that is not there."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.fields import check_field
from fetchkit.origin.settings import Origin


@frozen
class Mislabel(Fault):
    """A false Content-Encoding."""

    name: ClassVar[str] = "mislabel"
    usage: ClassVar[str] = "CODING"
    help: ClassVar[str] = "say that the body is in a coding (gzip, br …) that it is not in"

    coding: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:
        """Read the coding."""
        call.at_most(1)
        call.parsed(0, lambda text: check_field("Content-Encoding", text, dangerous=settings.dangerous))
        return cls(call.text(0))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Say so."""
        answer.set("Content-Encoding", self.coding)
