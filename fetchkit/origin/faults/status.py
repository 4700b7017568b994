"""`status(N)`: another status code, the body as it is."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_count
from fetchkit.origin.settings import Origin


@frozen
class Status(Fault):
    """Another status code."""

    name: ClassVar[str] = "status"
    usage: ClassVar[str] = "CODE[,REASON]"
    help: ClassVar[str] = "another status code (200 to 999), and reason phrase; the body stays"

    code: int
    reason: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the code."""
        call.at_most(2)
        reason = call.text(1, "")
        if any(not " " <= character <= "~" for character in reason):
            call.refuse("a reason phrase is printable ASCII.", argument=1)
        return cls(call.parsed(0, lambda text: parse_count(text, 200, 999, "status")), reason)

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Set it."""
        answer.status, answer.reason = self.code, self.reason
