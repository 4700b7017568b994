"""`length(…)`: a Content-Length that is not the body's."""

import re
from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Act, Answer, Framing, end_with
from fetchkit.origin.faults.fault import Context, Fault, frame, impossible
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

_WORDS: Final = ("none", "twice", "same-twice", "garbage", "negative")
_DIFFERENCE: Final = re.compile(r"[+-][0-9]{1,15}")


@frozen
class Length(Fault):
    """A false length; after the body the connection is closed, since nothing could follow."""

    name: ClassVar[str] = "length"
    usage: ClassVar[str] = "+N|-N|" + "|".join(_WORDS)
    help: ClassVar[str] = (
        "Content-Length too large, too small (the bytes come all the same), absent, "
        "in two lines that differ or agree, no number, below 0"
    )

    word: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the difference or the word."""
        call.at_most(1)
        word = call.text(0).lower()
        if not _DIFFERENCE.fullmatch(word):
            call.choice(0, _WORDS)
        return cls(word)

    def apply(self, answer: Answer, context: Context) -> None:
        """Set the lines."""
        if answer.unchanged:
            return
        if self.word == "none":
            frame(answer, Framing.CLOSE, context)
            return
        if answer.framing is not Framing.LENGTH:
            impossible(f"an earlier function has chosen {answer.framing.value}.")
        answer.lengths = self._lines(answer)
        answer.pieces = end_with(answer.pieces, Act.FIN)

    def _lines(self, answer: Answer) -> tuple[str, ...]:
        if self.word == "garbage":
            return ("abc",)
        if self.word == "negative":
            return ("-1",)
        size = answer.promised if answer.promised is not None else answer.size
        if size is None:
            impossible("the body's length is unknown.")
        if self.word == "same-twice":
            return (str(size), str(size))
        if self.word == "twice":
            return (str(size), str(size + 1))
        if size + int(self.word) < 0:
            impossible(f"the body has {size} bytes only; length(negative) is for less than none.")
        return (str(size + int(self.word)),)
