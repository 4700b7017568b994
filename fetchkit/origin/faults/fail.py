"""`fail(N)`: the first N calls under a token fail."""

from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, failed
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_count
from fetchkit.origin.settings import Origin


@frozen
class Fail(Fault):
    """Fail, then succeed."""

    name: ClassVar[str] = "fail"
    usage: ClassVar[str] = "N[,STATUS]"
    help: ClassVar[str] = (
        "the first N calls under a token get STATUS (503), later ones the answer; needs ?token="
    )
    counts: ClassVar[bool] = True

    times: int
    status: int
    index: int

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read how often, and with what."""
        call.at_most(2)
        times = call.parsed(0, lambda text: parse_count(text, 0, 10**9, "N"))
        status = call.parsed(1, lambda text: parse_count(text, 400, 599, "status"), "503")
        return cls(times, status, call.index)

    def apply(self, answer: Answer, context: Context) -> None:
        """Fail while it is due."""
        calls = context.counts.get(self.index, 1)
        if calls <= self.times:
            failed(answer, self.status, f"Call {calls} of {self.times} that fail.")
