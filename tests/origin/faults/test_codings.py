"""Content codings and bombs: real decoders take them apart, in bounded memory."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable

import brotli  # type: ignore[import-untyped]
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Act, Answer, Framing, Unframed, Wait
from fetchkit.origin.encoders import gzip_of_zeros, zeros_length
from fetchkit.origin.faults.fault import Context

from .support import BODY, answered, body_of, compact, of, piped

MIB = 1024 * 1024
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}
LARGE = bytes(range(256)) * (MIB // 256) + b"x"  # a byte more than is encoded before the head

coded = pytest.mark.parametrize("coding", DECODE)


@coded
@pytest.mark.parametrize("options", ["", "(length)", "(no-length)", "(file-size)", "(no-length,file-size)"])
@pytest.mark.parametrize("body", [b"", b"x", BODY, LARGE[:MIB]], ids=["none", "one", "some", "1MiB"])
def test_a_coded_body_is_the_body(coding: str, options: str, body: bytes) -> None:
    answer = piped(coding + options, answered(body))
    encoded = body_of(answer)
    assert DECODE[coding](encoded) == body
    assert answer.length == (None if "no-length" in options else len(encoded))
    assert answer.framing is (Framing.CHUNKED if "no-length" in options else Framing.LENGTH)
    assert answer.get("Content-Encoding") == coding
    assert answer.get("X-File-Size") == (str(len(body)) if "file-size" in options else None)
    assert answer.get("Vary") == "Accept-Encoding"
    assert answer.get("Accept-Ranges") is None


@coded
def test_a_large_or_unknown_body_is_coded_as_it_leaves(coding: str) -> None:
    for answer in (answered(LARGE), answered(known=False)):
        of(coding).apply(answer, Context())
        assert not isinstance(answer.pieces, list | tuple)
        assert answer.length is None
        assert DECODE[coding](body_of(answer)) in (LARGE, BODY)


@coded
def test_what_cannot_be_known_before_the_head_is_refused(coding: str) -> None:
    with pytest.raises(BadRequestError, match=f"{coding} at character 1: impossible: only bodies of up to"):
        piped(f"{coding}(length)", answered(LARGE))
    with pytest.raises(BadRequestError, match="impossible: the body's length is unknown"):
        piped(f"{coding}(file-size)", answered(known=False))
    with pytest.raises(BadRequestError, match="impossible: an earlier function has chosen Content-Length"):
        piped(f"length(+1)|{coding}(no-length)")


@coded
def test_without_chunks_the_end_of_the_connection_is_the_end(coding: str) -> None:
    for text, http10 in ((f"{coding}(no-length)", True), (f"no-length|{coding}(no-length)", False)):
        answer = piped(text, context=Context(http10=http10))
        assert answer.framing is not Framing.CHUNKED
        assert answer.length is None
        assert DECODE[coding](body_of(answer)) == BODY


def test_codings_are_listed_in_the_order_in_which_they_were_applied() -> None:
    answer = piped("gzip|br|mislabel(x)|zstd")
    assert answer.get("Content-Encoding") == "x, zstd"
    assert piped("gzip|br").get("Content-Encoding") == "gzip, br"
    assert gzip.decompress(brotli.decompress(body_of(piped("gzip|br")))) == BODY


def test_what_varies_with_the_coding_is_said_once() -> None:
    answer = answered()
    answer.add("Vary", "Origin, Accept-Encoding")
    assert [value for name, value in piped("gzip", answer).fields if name == "Vary"] == [
        "Origin, Accept-Encoding"
    ]


@coded
@pytest.mark.parametrize("act", [Wait(1.0), Unframed(b"x"), Act.FIN, Act.RST, Act.STALL])
def test_all_that_went_before_a_pause_or_an_end_can_be_decoded_then(
    coding: str, act: Wait | Unframed | Act
) -> None:
    answer = Answer(200, [], [b"abc", act, b"" if isinstance(act, Act) else b"def"], None)
    parts = compact(piped(coding, answer).pieces)
    assert isinstance(parts[0], bytes)
    assert partly(coding)(parts[0]) == b"abc"
    assert parts[1] == act
    if isinstance(act, Act):  # and it is no whole one
        assert len(parts) == 2
        with pytest.raises((EOFError, zlib.error, brotli.error, zstd.ZstdError)):
            DECODE[coding](parts[0])
    else:
        assert (
            DECODE[coding](body_of(piped(coding, Answer(200, [], [b"abc", act, b"def"], None)))) == b"abcdef"
        )


def partly(coding: str) -> Callable[[bytes], bytes]:
    """A decoder that gives what it can."""
    decompressors: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
        "gzip": lambda: zlib.decompressobj(31).decompress,
        "deflate": lambda: zlib.decompressobj().decompress,
        "br": lambda: brotli.Decompressor().process,
        "zstd": lambda: zstd.ZstdDecompressor().decompress,
    }
    return decompressors[coding]()


@pytest.mark.parametrize(("end", "act"), [("cut", Act.FIN), ("reset", Act.RST), ("stall", Act.STALL)])
def test_an_end_before_a_coding_stays_an_end(end: str, act: Act) -> None:
    answer = piped(f"{end}(50%)|gzip")
    *_, last = compact(answer.pieces)
    assert last is act
    assert partly("gzip")(body_of(answer)) == BODY[:500]
    assert answer.size is not None
    assert answer.length == answer.size + 1


@pytest.mark.parametrize(("end", "act"), [("cut", Act.FIN), ("reset", Act.RST), ("stall", Act.STALL)])
def test_an_end_behind_a_coding_counts_coded_bytes(end: str, act: Act) -> None:
    whole = body_of(piped("gzip"))
    answer = piped(f"gzip|{end}(50%)")
    assert compact(answer.pieces) == [whole[: len(whole) // 2], act]
    assert answer.length == len(whole)


def test_corruption_before_a_coding_is_in_the_body_and_behind_it_in_the_code() -> None:
    assert gzip.decompress(body_of(piped("corrupt(3)|gzip"))) == body_of(piped("corrupt(3)"))
    whole, broken = body_of(piped("gzip")), body_of(piped("gzip|corrupt(3)"))
    assert sum(a != b for a, b in zip(whole, broken, strict=True)) == 3


def test_a_trickle_before_a_coding_is_decoded_as_it_trickles() -> None:
    decode = partly("gzip")
    parts = [
        decode(piece) if isinstance(piece, bytes) else piece
        for piece in compact(piped("trickle(2000)|gzip", answered(pieces=())).pieces)
    ]
    expected = [part for first in range(0, 1000, 200) for part in (Wait(0.1), BODY[first : first + 200])]
    assert parts[0] == b""  # the head of gzip
    assert parts[1:] == expected


@pytest.mark.parametrize("size", [0, 1, 1000, MIB - 1, MIB, MIB + 1, 3 * MIB, 3 * MIB + 4097, 5 * MIB - 1])
def test_a_bomb_unpacks_to_so_many_zeros(size: int) -> None:
    answer = piped(f"bomb({size})")
    assert answer.get("Content-Encoding") == "gzip"
    packed = body_of(answer)
    assert len(packed) == answer.length == zeros_length(size)
    assert gzip.decompress(packed) == bytes(size)


def test_a_large_bomb_is_small_and_is_taken_apart_in_little_memory() -> None:
    size = 200 * MIB + 12345
    assert unpacked(piped(f"bomb({size})").pieces) == size
    assert zeros_length(size) < size // 900
    assert zeros_length(16 * 1024 * MIB) < 20 * MIB


def unpacked(pieces: Iterable[object]) -> int:
    """Bytes that gzip unpacks to, all zeros, a MiB at a time; the checksums at its end hold."""
    decoder, size, zeros = zlib.decompressobj(31), 0, bytes(MIB)
    for piece in pieces:
        assert isinstance(piece, bytes)
        assert len(piece) < 8192
        rest = piece
        while rest:
            part = decoder.decompress(rest, MIB)
            assert part == zeros[: len(part)]
            size += len(part)
            rest = decoder.unconsumed_tail
    part = decoder.flush()
    assert part == zeros[: len(part)]
    assert decoder.eof
    assert not decoder.unused_data
    return size + len(part)


@given(st.integers(0, 3 * MIB))
def test_any_bomb_is_as_long_as_it_says(size: int) -> None:
    packed = b"".join(gzip_of_zeros(size))
    assert len(packed) == zeros_length(size)
    with gzip.open(io.BytesIO(packed)) as file:
        assert file.seek(0, io.SEEK_END) == size


def test_a_bomb_takes_the_place_of_a_body_that_was_cut() -> None:
    answer = piped("cut(50%)|bomb(10)")
    parts = compact(answer.pieces)
    assert [len(part) for part in parts if isinstance(part, bytes)] == [answer.length]
    assert len(parts) == 1
