"""`trailers(NAME,VALUE,…)`: fields behind the body."""

from functools import partial
from typing import ClassVar, Self

from attrs import frozen

from fetchkit.origin.answer import Answer, Framing
from fetchkit.origin.faults.fault import Context, Fault, frame
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.fields import check_trailer
from fetchkit.origin.settings import Origin


@frozen
class Trailers(Fault):
    """Trailer fields (RFC 9110, section 6.5)."""

    name: ClassVar[str] = "trailers"
    usage: ClassVar[str] = "[NAME,VALUE,…]"
    help: ClassVar[str] = "chunked, with trailer fields behind the body"

    fields: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read names and values."""
        texts = [argument.text for argument in call.arguments] or ["X-Trailer", "fetchkit"]
        if len(texts) % 2:
            call.refuse("it takes pairs of a name and a value.")
        for index in range(0, len(call.arguments), 2):
            call.parsed(index, partial(check_trailer, value=texts[index + 1]))
        return cls(tuple(zip(texts[::2], texts[1::2], strict=True)))

    def apply(self, answer: Answer, context: Context) -> None:
        """Announce and add them."""
        frame(answer, Framing.CHUNKED, context)
        answer.trailers += self.fields
        answer.set("Trailer", ", ".join(name for name, _ in answer.trailers))
