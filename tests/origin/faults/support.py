"""What the tests of the pipe share: bodies that are known, and what of an answer can be compared."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from fetchkit.http.conditional import Validators
from fetchkit.http.representation import Representation
from fetchkit.origin.answer import Act, Answer, Piece, Resource, Unframed, Wait
from fetchkit.origin.faults.fault import Context
from fetchkit.origin.faults.pipe import Pipe, read_pipe
from fetchkit.origin.settings import Origin

__all__ = ["BODY", "acts", "answered", "body_of", "compact", "of", "piped", "resource"]

BODY = bytes((index * 131 + (index >> 8) * 17) & 0xFF for index in range(1000))


def of(text: str, settings: Origin | None = None) -> Pipe:
    """The pipe that a text is."""
    return read_pipe(text, settings or Origin())


def answered(
    body: bytes = BODY, *, pieces: Sequence[int] = (300, 301), known: bool = True, head: bool = False
) -> Answer:
    """An answer with a body in pieces that end at these places, as a resource gives it."""
    borders = [0, *(place for place in pieces if place < len(body)), len(body)]
    parts = [memoryview(body)[first:end] for first, end in pairwise(borders) if end > first]
    fields = [
        ("Content-Type", "application/octet-stream"),
        ("ETag", '"tag"'),
        ("Accept-Ranges", "bytes"),
        ("Access-Control-Allow-Origin", "http://page.example"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "ETag"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("Content-Security-Policy", "sandbox"),
    ]
    return Answer(200, fields, parts, len(body) if known else None, head_only=head)


def piped(text: str, answer: Answer | None = None, context: Context | None = None) -> Answer:
    """An answer behind a pipe."""
    answer = answered() if answer is None else answer
    of(text).apply(answer, context or Context())
    return answer


def compact(pieces: Iterable[Piece]) -> list[bytes | Wait | Unframed | Act]:
    """The pieces, with bytes that follow each other joined."""
    joined: list[bytes | Wait | Unframed | Act] = []
    for piece in pieces:
        if not isinstance(piece, bytes | memoryview):
            joined.append(piece)
        elif joined and isinstance(joined[-1], bytes):
            joined[-1] += piece
        elif piece:
            joined.append(bytes(piece))
    return joined


def body_of(answer: Answer) -> bytes:
    """All bytes of the body."""
    return b"".join(piece for piece in answer.pieces if isinstance(piece, bytes | memoryview))


def acts(answer: Answer) -> list[Piece]:
    """All that happens within the body."""
    return [piece for piece in answer.pieces if not isinstance(piece, bytes | memoryview)]


def resource(body: bytes = BODY, etag: str = '"tag"') -> Resource:
    """A resource of these bytes; another state has other bytes."""

    def revise(version: int) -> Resource:
        return resource(bytes((byte + version) % 256 for byte in body), f'"tag-{version}"')

    known = Representation("test", len(body), "text/plain", "", Validators(etag, 1_700_000_000))
    return Resource(known, lambda first, end: iter((body[first:end],)), revise=revise)
