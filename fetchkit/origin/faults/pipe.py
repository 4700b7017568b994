"""A pipe: its faults, in order, and the two rounds in which they change an answer. Pure."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from attrs import frozen

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.faults.fault import Context, Fault, ImpossibleError, Selection
from fetchkit.origin.faults.grammar import Call, parse_pipe
from fetchkit.origin.faults.table import FAULTS
from fetchkit.origin.parameters import Query
from fetchkit.origin.settings import Origin
from fetchkit.text import nearest

__all__ = ["EMPTY", "Pipe", "pipe_of", "read_pipe"]

# A test asks with the same pipe again and again.
_REMEMBERED: Final = 256


@frozen
class Pipe:
    """The faults of a request.

    Attributes:
        steps: each with its call, for errors.
    """

    steps: tuple[tuple[Call, Fault], ...] = ()

    @property
    def counting(self) -> tuple[int, ...]:
        """Places of the faults that need to know which call this is."""
        return tuple(call.index for call, fault in self.steps if fault.counts)

    def select(self, context: Context) -> Selection:
        """What of a resource is chosen."""
        selection = Selection()
        for _, fault in self.steps:
            fault.select(selection, context)
        return selection

    def apply(self, answer: Answer, context: Context) -> None:
        """Change an answer.

        Raises:
            BadRequestError: the combination cannot be had; says which function, where, and why.
        """
        self._each(answer, context, lambda fault: fault.apply)

    def preflight(self, answer: Answer, context: Context) -> None:
        """Change the answer to a preflight."""
        self._each(answer, context, lambda fault: fault.preflight)

    def _each(
        self, answer: Answer, context: Context, step: Callable[[Fault], Callable[[Answer, Context], None]]
    ) -> None:
        for call, fault in self.steps:
            try:
                step(fault)(answer, context)
            except ImpossibleError as error:
                call.refuse(f"impossible: {error}")


EMPTY: Final = Pipe()


def pipe_of(query: Query, settings: Origin) -> Pipe:
    """The pipe of a request; several `pipe=` are one after the other.

    Raises:
        BadRequestError: it cannot be read; says at which character.
    """
    texts = [text for text in query.raw("pipe") if text]
    return read_pipe("|".join(texts), settings) if texts else EMPTY


@lru_cache(_REMEMBERED)
def read_pipe(text: str, settings: Origin) -> Pipe:
    """Read a pipe.

    Raises:
        BadRequestError: it cannot be read; says at which character.
    """
    return Pipe(tuple((call, _fault(call, settings)) for call in parse_pipe(text)))


def _fault(call: Call, settings: Origin) -> Fault:
    kind = FAULTS.get(call.name)
    if kind is None:
        guess = nearest(call.name, FAULTS)
        raise BadRequestError(
            f"pipe: at character {call.position + 1}: there is no function {call.name!a:.80}.",
            f"Did you mean {guess}?" if guess else f"There are {', '.join(FAULTS)}.",
        )
    return kind.parse(call, settings)
