"""`preflight(…)`: a preflight that goes wrong."""

from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

_STATUSES: Final = {"403": 403, "404": 404, "500": 500}
_WORDS: Final = (*_STATUSES, "redirect", "no-methods", "no-headers", "no-origin")


@frozen
class Preflight(Fault):
    """A wrong answer to a preflight (Fetch standard, "CORS-preflight fetch"); the request's is as ever."""

    name: ClassVar[str] = "preflight"
    usage: ClassVar[str] = "|".join(_WORDS)
    help: ClassVar[str] = "answer a preflight with that status, a redirect, or without what it must allow"

    word: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read which."""
        call.at_most(1)
        return cls(call.choice(0, _WORDS))

    def preflight(self, answer: Answer, context: Context) -> None:
        """Answer it so."""
        match self.word:
            case "redirect":
                answer.status = 307
                answer.set("Location", f"{context.url}/")
            case "no-methods":
                answer.remove("Access-Control-Allow-Methods")
            case "no-headers":
                answer.remove("Access-Control-Allow-Headers")
            case "no-origin":
                answer.remove("Access-Control-Allow-Origin")
            case _:
                answer.status = _STATUSES[self.word]
