"""`gzip`, `br`, `zstd`, `deflate`: the body in a content coding."""

from collections.abc import Iterator
from typing import ClassVar, Final, Self

from attrs import frozen

from fetchkit.origin.answer import Act, Answer, Framing, Piece, Pieces
from fetchkit.origin.encoders import STEP, Encoder, encoder
from fetchkit.origin.faults.fault import Context, Fault, Selection, frame, impossible
from fetchkit.origin.faults.grammar import Call
from fetchkit.origin.settings import Origin

# With its length up to here: a body that is compressed whole before its head holds up the loop for so long
# (30 ms for gzip). Larger ones are compressed as they leave, and nobody knows their length.
_WHOLE: Final = 1 << 20
_WORDS: Final = ("length", "no-length", "file-size")


@frozen
class Coding(Fault):
    """A content coding (RFC 9110, section 8.4), whatever the client accepts."""

    usage: ClassVar[str] = "[length|no-length][,file-size]"

    options: frozenset[str]

    @classmethod
    def parse(cls, call: Call, settings: Origin) -> Self:  # noqa: ARG003
        """Read the options."""
        call.at_most(2)
        options = frozenset(call.choice(index, _WORDS) for index in range(len(call.arguments)))
        if {"length", "no-length"} <= options:
            call.refuse("length and no-length exclude each other.")
        return cls(options)

    def select(self, selection: Selection, context: Context) -> None:  # noqa: ARG002
        """Take the whole: a range counts encoded bytes, and another tag names them."""
        selection.coding = self.name

    def apply(self, answer: Answer, context: Context) -> None:
        """Encode the body."""
        if answer.unchanged:
            return
        encoder = self._encoder()
        known = answer.get("Content-Encoding")
        answer.set("Content-Encoding", f"{known}, {self.name}" if known else self.name)
        answer.remove("Accept-Ranges")
        if "Accept-Encoding" not in (answer.get("Vary") or ""):
            answer.add("Vary", "Accept-Encoding")
        size = answer.size
        if "file-size" in self.options:
            if size is None:
                impossible("the body's length is unknown.")
            answer.add("X-File-Size", str(size))
        answer.pieces, answer.size, answer.promised = _encoded(answer.pieces, encoder), None, None
        if "no-length" in self.options:
            if not context.http10 and answer.framing is Framing.LENGTH:
                frame(answer, Framing.CHUNKED, context)
        elif size is not None and size <= _WHOLE:
            pieces = list(answer.pieces)
            answer.size = sum(len(piece) for piece in pieces if isinstance(piece, bytes | memoryview))
            answer.pieces = pieces
            if Act.FIN in pieces or Act.RST in pieces or Act.STALL in pieces:
                answer.promised = answer.size + 1  # an end that was cut stays a cut one
        elif "length" in self.options:
            impossible(f"only bodies of up to {_WHOLE} bytes are encoded before their head is sent.")

    def _encoder(self) -> Encoder:
        try:
            return encoder(self.name)
        except ImportError:
            return impossible("it needs an extra: pip install 'fetchkit[compress]'.")


class Gzip(Coding):
    """RFC 1952."""

    name: ClassVar[str] = "gzip"
    help: ClassVar[str] = (
        "the body in gzip; with Content-Length up to 1 MiB, and `file-size` adds X-File-Size"
    )


class Deflate(Coding):
    """The zlib format (RFC 9110, section 8.4.1.2)."""

    name: ClassVar[str] = "deflate"
    help: ClassVar[str] = "the body in deflate (zlib)"


class Br(Coding):
    """RFC 7932."""

    name: ClassVar[str] = "br"
    help: ClassVar[str] = "the body in Brotli"


class Zstd(Coding):
    """RFC 8878."""

    name: ClassVar[str] = "zstd"
    help: ClassVar[str] = "the body in Zstandard"


def _encoded(pieces: Pieces, encoder: Encoder) -> Iterator[Piece]:
    ended = False
    for piece in pieces:
        if isinstance(piece, bytes | memoryview):
            for start in range(0, len(piece), STEP):
                if made := encoder.compress(piece[start : start + STEP]):
                    yield made
            continue
        if made := encoder.flush_block():
            yield made
        yield piece
        ended = isinstance(piece, Act)
    if not ended and (made := encoder.finish()):
        yield made
