"""`type(TYPE)`: another media type."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.fields import check_field
from fetchkit.origin.settings import Origin


@frozen
class Type(Fault):
    """A Content-Type of the client's choice, or none."""

    name: ClassVar[str] = "type"
    usage: ClassVar[str] = "TYPE|none"
    help: ClassVar[str] = "another Content-Type: text/html for a .wasm stops its streaming"

    value: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:
        """Read the type."""
        call.at_most(1)
        call.parsed(0, lambda text: check_field("Content-Type", text, dangerous=settings.dangerous))
        return cls(call.text(0))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Set it."""
        if self.value == "none":
            answer.remove("Content-Type")
        else:
            answer.set("Content-Type", self.value)
