"""`flaky(P,SEED)`: some calls under a token fail, the same ones for the same seed."""

from random import Random
from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, failed
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_count, parse_number
from fetchkit.origin.settings import Origin


@frozen
class Flaky(Fault):
    """Fail by chance; the chance differs from call to call, and the sequence is the seed's."""

    name: ClassVar[str] = "flaky"
    usage: ClassVar[str] = "PROBABILITY[,SEED[,STATUS]]"
    help: ClassVar[str] = (
        "a call fails with PROBABILITY (0 to 1); which ones do follows from SEED; needs ?token="
    )
    counts: ClassVar[bool] = True

    probability: float
    seed: str
    status: int
    index: int

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the chance, the seed and the status."""
        call.at_most(3)
        probability = call.parsed(0, lambda text: parse_number(text, 0, 1, "probability"))
        status = call.parsed(2, lambda text: parse_count(text, 400, 599, "status"), "503")
        return cls(probability, call.text(1, ""), status, call.index)

    def apply(self, answer: Answer, context: Context) -> None:
        """Fail when it is due."""
        calls = context.counts.get(self.index, 1)
        if chance(self.seed, calls) < self.probability:
            failed(answer, self.status, f"Call {calls} fails by chance.")


def chance(seed: str, calls: int) -> float:
    """The number from 0 to 1 that belongs to a call of a sequence."""
    text = f"{seed}:{calls}".encode("utf-8", "surrogatepass")  # a seed may hold bytes that are no UTF-8
    return Random(text).random()  # noqa: S311  reproducible on purpose
