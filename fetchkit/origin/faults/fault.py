"""What a fault is: a small frozen value that changes an answer; and what it may know. Pure.

A pipe is carried out in two rounds, each from left to right. `select` says what of the resource is chosen
(its entity tag, whether ranges count); then the answer is made; then `apply` changes it. A preflight's answer
is changed by `preflight` alone, so that a pipe that breaks the request does not break its preflight too.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Final, NoReturn, Self

from attrs import field, frozen, mutable

from fetchkit.origin.answer import Answer, Framing
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.parameters import parse_number, parse_size
from fetchkit.origin.settings import Origin

__all__ = ["At", "Context", "Fault", "ImpossibleError", "RangePolicy", "Selection", "frame"]

_PER_CENT: Final = re.compile(r"([0-9.]+)%")


class ImpossibleError(Exception):
    """A fault cannot be had here; the text says why."""


@frozen
class Context:
    """What a fault may know of the request.

    Attributes:
        method: request method.
        origin: value of Origin, None where absent.
        url: scheme and authority of this server, as the client named it.
        http10: whether the request is of HTTP/1.0.
        settings: the limits.
        counts: for each fault that counts, by its place in the pipe: which call this is, from 1.
        now: seconds since the epoch.
    """

    method: str = "GET"
    origin: str | None = None
    url: str = "http://127.0.0.1"
    http10: bool = False
    settings: Origin = field(factory=Origin)
    counts: Mapping[int, int] = field(factory=dict)
    now: float = 0.0


class RangePolicy:
    """What is made of ranges; the words of `range(…)`."""

    HONEST: Final = ""
    IGNORE: Final = "ignore"
    ALWAYS: Final = "always"
    WRONG: Final = "wrong-content-range"
    SHORT: Final = "short"


@mutable
class Selection:
    """What of a resource is chosen.

    Attributes:
        ranges: what is made of ranges.
        version: which state of the resource, from 0; another one has another tag and other bytes.
        etag_form: `weak`, `unquoted`, `none`, or empty for the strong one.
        coding: content coding that the pipe adds: ranges of the plain bytes would not fit it.
    """

    ranges: str = RangePolicy.HONEST
    version: int = 0
    etag_form: str = ""
    coding: str = ""


@frozen
class At:
    """A place in the body: bytes from its beginning, or a part of its length.

    Attributes:
        bytes: None where a per cent was given.
        per_cent: 0 to 100.
    """

    bytes: int | None
    per_cent: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1MiB` or `50%`.

        Raises:
            BadRequestError: neither.
        """
        if match := _PER_CENT.fullmatch(text):
            return cls(None, parse_number(match[1], 0, 100, "the place"))
        return cls(parse_size(text, 2**62, "the place"))

    def within(self, size: int | None) -> int:
        """Bytes of a body of this size.

        Raises:
            ImpossibleError: a per cent of an unknown length.
        """
        if self.bytes is not None:
            return self.bytes if size is None else min(self.bytes, size)
        if size is None:
            raise ImpossibleError("a per cent of a body whose length is unknown; give bytes.")
        return int(size * self.per_cent / 100)


class Fault:
    """Base of every fault.

    Attributes:
        name: as the pipe spells it.
        usage: its arguments, for people.
        help: what it does, one sentence.
        counts: whether it needs to know which call this is, and so a token.
    """

    name: ClassVar[str]
    usage: ClassVar[str] = ""
    help: ClassVar[str]
    counts: ClassVar[bool] = False

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003  most have no limits
        """Make one of its call in a pipe.

        Raises:
            BadRequestError: arguments that cannot be used; says at which character.
        """
        call.at_most(0)
        return cls()

    def select(self, selection: Selection, context: Context) -> None:
        """Say what of the resource is chosen."""

    def apply(self, answer: Answer, context: Context) -> None:
        """Change the answer.

        Raises:
            ImpossibleError: it cannot be had here.
        """

    def preflight(self, answer: Answer, context: Context) -> None:
        """Change the answer to a preflight."""


def frame(answer: Answer, framing: Framing, context: Context) -> None:
    """Choose how the end of the body shows.

    Raises:
        ImpossibleError: an earlier fault has chosen otherwise.
    """
    if context.http10 and framing is Framing.CHUNKED:
        impossible("HTTP/1.0 has no chunks.")
    if answer.lengths is not None and framing is not Framing.LENGTH:
        impossible("an earlier function has chosen Content-Length.")
    if answer.framing not in (Framing.LENGTH, framing):
        impossible(f"an earlier function has chosen {answer.framing.value}.")
    answer.framing = framing


def impossible(why: str) -> NoReturn:
    """Refuse.

    Raises:
        ImpossibleError: always.
    """
    raise ImpossibleError(why)
