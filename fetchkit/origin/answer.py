"""What an answer will be: its head, its body with everything that happens within it, how it is framed. Pure.

A body is pulled, piece by piece: bytes, and acts between them (a pause, a reset). The faults of the pipe
change an `Answer` from left to right: they rewrite its fields, wrap its pieces, or choose its framing.
Nothing is sent here; `wire` carries the result out, and asks for a piece when the one before has left.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final

from attrs import field, frozen, mutable

from fetchkit.errors import PreconditionFailedError, RangeNotSatisfiableError
from fetchkit.http.ranges import unsatisfied_content_range
from fetchkit.http.representation import (
    Decision,
    Representation,
    head_fields,
    multipart_boundary,
    plan_body,
)

__all__ = [
    "Act",
    "Answer",
    "Framing",
    "Piece",
    "Pieces",
    "Resource",
    "Unframed",
    "Wait",
    "at",
    "end_with",
    "failed",
    "first_bytes",
    "selected",
    "whole",
]


class Act(Enum):
    """What happens between two pieces, besides a pause."""

    FIN = "fin"
    """Close the connection; what was sent before arrives."""
    RST = "rst"
    """Reset the connection, once what was sent before has arrived."""
    STALL = "stall"
    """Say nothing more until the client leaves."""


@frozen
class Wait:
    """A pause.

    Attributes:
        seconds: by the body's own clock: time that a slow client has cost is not waited for again.
        exact: by the wall's instead; the pause is that long whatever went before.
    """

    seconds: float
    exact: bool = False


@frozen
class Unframed:
    """Bytes that stand on the wire as they are, outside the framing."""

    data: bytes


Piece = bytes | memoryview | Wait | Unframed | Act
Pieces = Iterable[Piece]


class Framing(Enum):
    """How the end of the body shows (RFC 9112, section 6.3)."""

    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "the end of the connection"


@mutable
class Answer:
    """One answer.

    Attributes:
        status: status code.
        fields: all of the head but framing, Date and Connection; names may repeat.
        pieces: the body.
        size: bytes of the body; None where nobody can know before its end.
        promised: what Content-Length says where the body was shortened; None for `size`.
        framing: how its end shows.
        lengths: values of Content-Length in place of the true one.
        before: what happens before the head; 1xx responses too (RFC 9110, section 15.2).
        trailers: fields behind a chunked body (RFC 9110, section 6.5).
        reason: reason phrase; empty for the usual one.
        head_part: part of the head that is sent, 0 to 1; less than 1 ends there, with `head_end`.
        head_only: whether the request's method is HEAD.
        shared: lines of the head that every answer shares, where no fault changes them.
        note: what the access log says of it.
    """

    status: int
    fields: list[tuple[str, str]]
    pieces: Pieces = ()
    size: int | None = 0
    promised: int | None = None
    framing: Framing = Framing.LENGTH
    lengths: tuple[str, ...] | None = None
    before: list[Piece] = field(factory=list)
    trailers: list[tuple[str, str]] = field(factory=list)
    reason: str = ""
    head_part: float = 1.0
    head_end: Act = Act.FIN
    head_only: bool = False
    shared: bytes = b""
    note: str = ""

    def get(self, name: str) -> str | None:
        """The first value of a field."""
        return next((value for known, value in self.fields if known.lower() == name.lower()), None)

    def remove(self, *names: str) -> None:
        """Take fields away."""
        gone = {name.lower() for name in names}
        self.fields = [pair for pair in self.fields if pair[0].lower() not in gone]

    def set(self, name: str, value: str) -> None:
        """Put a field in place of those of its name, where the first of them stood."""
        place = next((i for i, pair in enumerate(self.fields) if pair[0].lower() == name.lower()), None)
        self.remove(name)
        self.fields.insert(len(self.fields) if place is None else place, (name, value))

    def add(self, name: str, value: str) -> None:
        """Add a field line."""
        self.fields.append((name, value))

    def shorten(self, place: int, act: "Act") -> None:
        """End the body at a place in a way of its own; what was promised stays promised."""
        if self.promised is None:
            self.promised = self.size
        self.pieces = at(self.pieces, place, act, then_end=True)
        if self.size is not None:  # else it may be shorter, and a length would make the end a good one
            self.size = min(place, self.size)

    @property
    def length(self) -> int | None:
        """What a true Content-Length would say; None where nobody can know."""
        return self.size if self.promised is None else self.promised

    @property
    def unchanged(self) -> bool:
        """Whether the client has the body already: there is none here to be changed, and its fields stay."""
        return self.status == 304  # noqa: PLR2004

    @property
    def bodiless(self) -> bool:
        """Whether there is no body, by the method or the status (RFC 9112, section 6.3, rule 1)."""
        return self.head_only or self.status in _BODILESS


_BODILESS: Final = frozenset({204, 304})


@frozen
class Resource:
    """Something that can be asked for in ranges.

    Attributes:
        representation: what it is.
        read: its bytes from a position up to another.
        status: of an answer with the whole.
        extra: more fields.
        revise: the resource in another state: another tag, other bytes.
    """

    representation: Representation
    read: "Callable[[int, int], Iterator[Piece]]"
    status: int = 200
    extra: tuple[tuple[str, str], ...] = ()
    revise: "Callable[[int], Resource] | None" = None


# A body up to this size is made at once, so that one piece can leave in one write with its head.
_AT_HAND: Final = 4096


def selected(resource: Resource, decision: Decision) -> Answer:
    """The answer with what a request gets of a resource.

    Raises:
        PreconditionFailedError, RangeNotSatisfiableError: 412 and 416.
    """
    known = resource.representation
    if decision.status == PreconditionFailedError.status:
        raise PreconditionFailedError("The resource is no longer the one that the request names.")
    if decision.status == RangeNotSatisfiableError.status:
        raise RangeNotSatisfiableError(
            f"There are {known.size} bytes, and no range of the request begins within them.",
            headers={"Content-Range": unsatisfied_content_range(known.size)},
        )
    boundary = multipart_boundary() if len(decision.ranges) > 1 else ""
    plan = plan_body(known, decision, boundary)
    fields = [
        pair for pair in head_fields(known, decision, boundary) if pair[0] != "Content-Length" and pair[1]
    ]

    def pieces() -> Iterator[Piece]:
        for frame, part in plan.parts:
            if frame:
                yield frame
            yield from resource.read(part.first, part.last + 1)
        if plan.closing:
            yield plan.closing

    status = resource.status if decision.status == 200 else decision.status  # noqa: PLR2004
    at_hand = tuple(pieces()) if plan.length <= _AT_HAND else pieces()
    return Answer(status, [*fields, *resource.extra], at_hand, plan.length)


def whole(status: int, body: bytes, content_type: str, *fields: tuple[str, str]) -> Answer:
    """An answer whose body is at hand."""
    return Answer(status, [("Content-Type", content_type), *fields], (body,) if body else (), len(body))


def at(pieces: Pieces, position: int, *acts: Piece, then_end: bool) -> Iterator[Piece]:
    """Put acts where `position` bytes of the body have passed; with `then_end` nothing follows them.

    A body that is shorter has them at its end.
    """
    left, done = position, False
    for piece in pieces:
        if done or not isinstance(piece, bytes | memoryview):
            yield piece
            continue
        if len(piece) <= left and not (len(piece) == left and then_end):
            left -= len(piece)
            yield piece
            continue
        if left:
            yield piece[:left]
        yield from acts
        done = True
        if then_end:
            return
        if rest := piece[left:]:
            yield rest
    if not done:
        yield from acts


def end_with(pieces: Pieces, *acts: Piece) -> Iterator[Piece]:
    """Put acts behind the last piece."""
    yield from pieces
    yield from acts


def first_bytes(pieces: Pieces, count: int) -> Iterator[Piece]:
    """The first bytes of a body, and the acts among them."""
    left = count
    for piece in pieces:
        if not isinstance(piece, bytes | memoryview):
            yield piece
            continue
        if len(piece) >= left:
            if left:
                yield piece[:left]
            return
        left -= len(piece)
        yield piece


def failed(answer: Answer, status: int, why: str) -> None:
    """Replace an answer by a plain failure; what is shared by all answers stays."""
    kept = ("access-control-", "cross-origin-", "vary", "x-content-type-options", "content-security-policy")
    answer.fields = [pair for pair in answer.fields if pair[0].lower().startswith(kept)]
    body = f"{why}\n".encode()
    answer.status, answer.reason = status, ""
    answer.set("Content-Type", "text/plain; charset=utf-8")
    answer.pieces, answer.size, answer.promised = (body,), len(body), None
