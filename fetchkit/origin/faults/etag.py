"""`etag(…)`: entity tags that are wrong, or that change."""

from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault, Selection
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_count
from fetchkit.origin.settings import Origin

_WORDS: Final = ("bump", "weak", "unquoted", "none")


@frozen
class Etag(Fault):
    """Another entity tag (RFC 9110, section 8.8.3)."""

    name: ClassVar[str] = "etag"
    usage: ClassVar[str] = "bump[,EVERY]|weak|unquoted|none"
    help: ClassVar[str] = (
        "a new tag and other bytes with every call under a token (or every EVERY calls); "
        "a weak tag; one without quotes, as httpbin's; none"
    )

    word: str
    every: int
    index: int

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read which."""
        word = call.choice(0, _WORDS)
        call.at_most(2 if word == "bump" else 1)
        every = call.parsed(1, lambda text: parse_count(text, 1, 1_000_000, "every"), "1")
        return cls(word, every, call.index)

    @property
    def counts(self) -> bool:  # type: ignore[override]
        """Whether it needs a token."""
        return self.word == "bump"

    def select(self, selection: Selection, context: Context) -> None:
        """Choose the tag and the state."""
        if self.word == "bump":
            selection.version = (context.counts.get(self.index, 1) - 1) // self.every
        else:
            selection.etag_form = self.word

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Falsify a tag that no resource has chosen."""
        tag = answer.get("ETag")
        if tag is None:
            return
        if self.word == "none":
            answer.remove("ETag")
        elif self.word == "unquoted":
            answer.set("ETag", tag.removeprefix("W/").strip('"'))
        elif self.word == "weak" and not tag.startswith("W/"):
            answer.set("ETag", f"W/{tag}")
