"""`server-timing(NAME,MS,…)`: what the server says it spent."""

import re
from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_number
from fetchkit.origin.settings import Origin

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@frozen
class ServerTiming(Fault):
    """Server-Timing, readable by every page."""

    name: ClassVar[str] = "server-timing"
    usage: ClassVar[str] = "[NAME,MILLISECONDS,…]"
    help: ClassVar[str] = "add Server-Timing and Timing-Allow-Origin: *"

    entries: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read names and times."""
        if len(call.arguments) % 2:
            call.refuse("it takes pairs of a name and milliseconds.")
        entries = []
        for index in range(0, len(call.arguments), 2):
            name = call.text(index)
            if not _TOKEN.fullmatch(name):
                call.refuse(f"{name!a:.80} is no token.", argument=index)
            entries.append((name, call.parsed(index + 1, lambda text: parse_number(text, 0, 1e9, "time"))))
        return cls(tuple(entries) or (("app", 1.0),))

    def apply(self, answer: Answer, context: Context) -> None:  # noqa: ARG002
        """Add it."""
        answer.add("Server-Timing", ", ".join(f"{name};dur={ms:g}" for name, ms in self.entries))
        answer.set("Timing-Allow-Origin", "*")
