"""`range(…)`: a server that gets ranges wrong."""

import re
from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, first_bytes
from fetchkit.origin.faults.fault import Context, Fault, RangePolicy, Selection
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")
_POLICIES: Final = (RangePolicy.IGNORE, RangePolicy.ALWAYS, RangePolicy.WRONG, RangePolicy.SHORT)


@frozen
class Range(Fault):
    """Wrong answers to Range."""

    name: ClassVar[str] = "range"
    usage: ClassVar[str] = "|".join(_POLICIES)
    help: ClassVar[str] = (
        "answer 200 with the whole though ranges are advertised, 206 also when none was asked for, "
        "206 with a Content-Range that is off by one, or 206 with half of what Content-Range says"
    )

    policy: str

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read which."""
        call.at_most(1)
        return cls(call.choice(0, _POLICIES))

    def select(self, selection: Selection, context: Context) -> None:  # noqa: ARG002
        """Choose so."""
        selection.ranges = self.policy

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Falsify what was chosen."""
        value = answer.get("Content-Range")
        match = _CONTENT_RANGE.fullmatch(value) if value else None
        if match is None or answer.size is None:
            return
        first, last, size = int(match[1]), int(match[2]), match[3]
        if self.policy == RangePolicy.WRONG:
            answer.set("Content-Range", f"bytes {first + 1}-{last + 1}/{size}")
        elif self.policy == RangePolicy.SHORT:
            half = answer.size // 2
            answer.pieces = first_bytes(answer.pieces, half)
            answer.size = half
