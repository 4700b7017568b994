"""`head(…)`: a server that gets HEAD wrong."""

from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

_OF_THE_BODY: Final = frozenset({"accept-ranges", "content-range", "content-type", "etag", "last-modified"})
_WORDS: Final = ("405", "403", "no-length", "differs")


@frozen
class Head(Fault):
    """Wrong answers to HEAD; other methods are answered as ever."""

    name: ClassVar[str] = "head"
    usage: ClassVar[str] = "|".join(_WORDS)
    help: ClassVar[str] = "refuse HEAD, or answer it without Content-Length, or with another one than GET's"

    word: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read which."""
        call.at_most(1)
        return cls(call.choice(0, _WORDS))

    def apply(self, answer: Answer, context: Context) -> None:
        """Answer HEAD so."""
        if context.method != "HEAD":
            return
        if self.word == "no-length":
            answer.lengths = ()
        elif self.word == "differs":
            answer.lengths = (str((answer.promised or answer.size or 0) + 1),)
        else:
            answer.status, answer.reason = int(self.word), ""
            answer.size, answer.promised = 0, None
            answer.fields = [pair for pair in answer.fields if pair[0].lower() not in _OF_THE_BODY]
            if self.word == "405":
                answer.set("Allow", "GET, OPTIONS")
