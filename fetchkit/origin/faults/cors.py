"""`cors(…)`: CORS fields that are wrong."""

from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

_WORDS: Final = ("wrong", "twice", "star", "star-with-credentials", "no-credentials", "no-expose", "null")
_ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
_ALLOW_CREDENTIALS: Final = "Access-Control-Allow-Credentials"
_EXPOSE: Final = "Access-Control-Expose-Headers"


@frozen
class Cors(Fault):
    """Wrong CORS fields (Fetch standard, "CORS check")."""

    name: ClassVar[str] = "cors"
    usage: ClassVar[str] = "|".join(_WORDS)
    help: ClassVar[str] = (
        "name another origin, two of them, `*` without or with credentials, no credentials, `null`, "
        "or expose no header"
    )

    word: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read which."""
        call.at_most(1)
        return cls(call.choice(0, _WORDS))

    def apply(self, answer: Answer, context: Context) -> None:
        """Falsify them."""
        match self.word:
            case "wrong":
                answer.set(_ALLOW_ORIGIN, "http://wrong.example")
            case "twice":
                answer.set(_ALLOW_ORIGIN, context.origin or "*")
                answer.add(_ALLOW_ORIGIN, "http://second.example")
            case "star":
                answer.set(_ALLOW_ORIGIN, "*")
                answer.remove(_ALLOW_CREDENTIALS)
            case "star-with-credentials":
                answer.set(_ALLOW_ORIGIN, "*")
                answer.set(_ALLOW_CREDENTIALS, "true")
            case "no-credentials":
                answer.remove(_ALLOW_CREDENTIALS)
            case "no-expose":
                answer.remove(_EXPOSE)
            case "null":
                answer.set(_ALLOW_ORIGIN, "null")

    def preflight(self, answer: Answer, context: Context) -> None:
        """Falsify them there too."""
        self.apply(answer, context)
