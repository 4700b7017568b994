"""`header(NAME,VALUE)`: a field of the answer."""

from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.fields import ADDED_ONLY, KEPT, check_field
from fetchkit.origin.settings import Origin

# The framing has functions of its own; a false word here would only be overwritten.
_FRAMING: Final = {
    "content-length": "length(N) or no-length",
    "transfer-encoding": "chunked",
    "connection": "cut(100%)",
    "date": "nothing: the date is true",
    "trailer": "trailers(NAME,VALUE)",
    "upgrade": "a WebSocket route",
}


@frozen
class Header(Fault):
    """A field of the answer."""

    name: ClassVar[str] = "header"
    usage: ClassVar[str] = "NAME[,VALUE[,add]]"
    help: ClassVar[str] = "set a header field, `add` one more line of it, or without VALUE remove it"

    field: str
    value: str | None
    add: bool

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:
        """Read and check the field."""
        call.at_most(3)
        field = call.text(0)
        if (other := _FRAMING.get(field.lower())) is not None:
            call.refuse(f"{field} frames the message.", f"Use {other}.", 0)
        value = call.text(1) if len(call.arguments) > 1 else None
        call.parsed(0, lambda name: check_field(name, value or "", dangerous=settings.dangerous))
        kept = field.lower() in (ADDED_ONLY if value is None else ()) or field.lower() in KEPT
        if kept and not settings.dangerous:
            call.refuse(
                f"{field} stays: it keeps made-up pages and scripts off the app.",
                "[origin] dangerous = true takes it away.",
                0,
            )
        return cls(field, value, add=call.choice(2, ("add", "set"), "set") == "add")

    def apply(self, answer: Answer, context: Context) -> None:
        """Set, add or remove it."""
        if self.value is None:
            answer.remove(self.field)
        elif self.add or (self.field.lower() in ADDED_ONLY and not context.settings.dangerous):
            answer.add(self.field, self.value)
        else:
            answer.set(self.field, self.value)
