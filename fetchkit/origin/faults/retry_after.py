"""`retry-after(…)`: when to come again."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.http.dates import format_http_date
from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_count
from fetchkit.origin.settings import Origin


@frozen
class RetryAfter(Fault):
    """Retry-After (RFC 9110, section 10.2.3) in seconds or as a date."""

    name: ClassVar[str] = "retry-after"
    usage: ClassVar[str] = "SECONDS[,date]"
    help: ClassVar[str] = "add Retry-After in seconds, or as the date that is so far away"

    seconds: int
    date: bool

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the time and the form."""
        call.at_most(2)
        seconds = call.parsed(0, lambda text: parse_count(text, 0, 10**9, "seconds"))
        return cls(seconds, date=call.choice(1, ("seconds", "date"), "seconds") == "date")

    def apply(self, answer: Answer, context: Context) -> None:
        """Add it."""
        due = format_http_date(int(context.now) + self.seconds) if self.date else str(self.seconds)
        answer.set("Retry-After", due)
