"""Frames of a client, taken apart whole, byte by byte and cut anywhere; and what breaks the protocol."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.sockets.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameError,
    FrameParser,
    Piece,
    close_payload,
    frame_head,
    is_sendable,
    parse_close,
)

MASK = b"\x5a\x00\xff\x21"
Message = tuple[int, bytes]


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    mask: bytes | None = MASK,
    length: bytes | None = None,
    reserved: int = 0,
) -> bytes:
    """A frame's bytes (RFC 6455, section 5.2); `length`: instead of the right one."""
    if length is None:
        size = len(payload)
        length = (
            bytes([size])
            if size < 126
            else struct.pack("!BH", 126, size)
            if size < 65536
            else struct.pack("!BQ", 127, size)
        )
    first = opcode | (0x80 if final else 0) | reserved
    if mask is None:
        return bytes([first]) + length + payload
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([first, length[0] | 0x80]) + length[1:] + mask + body


def messages(pieces: list[Piece]) -> list[Message]:
    """Put messages together, and check where each begins and ends."""
    found: list[Message] = []
    data: bytearray | None = None
    for piece in pieces:
        if piece.opcode >= CLOSE:
            assert piece.first
            assert piece.final
            found.append((piece.opcode, bytes(piece.payload)))
            continue
        assert piece.first is (data is None)
        data = (data or bytearray()) + piece.payload
        if piece.final:
            found.append((piece.opcode, bytes(data)))
            data = None
    assert data is None
    return found


def taken(data: bytes, cuts: tuple[int, ...] = (), max_message: int | None = None) -> list[Message]:
    parser = FrameParser(max_message)
    pieces: list[Piece] = []
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        pieces += parser.feed(data[start:end])
    assert parser.error is None
    return messages(pieces)


def broken(data: bytes, max_message: int | None = None) -> FrameError:
    """The error of a stream, which is the same whether it comes whole or byte by byte."""
    whole, slow = FrameParser(max_message), FrameParser(max_message)
    whole.feed(data)
    for index in range(len(data)):
        slow.feed(data[index : index + 1])
    assert whole.error is not None
    assert slow.error is not None
    assert (whole.error.code, whole.error.reason) == (slow.error.code, slow.error.reason)
    return whole.error


SAMPLES: list[tuple[bytes, list[Message]]] = [
    (frame(BINARY), [(BINARY, b"")]),
    (frame(BINARY, b"a"), [(BINARY, b"a")]),
    (frame(TEXT, "é".encode()), [(TEXT, "é".encode())]),
    *((frame(BINARY, bytes(size)), [(BINARY, bytes(size))]) for size in (124, 125, 126, 127, 300)),
    (frame(TEXT, b"ab", final=False) + frame(CONTINUATION, b"cde"), [(TEXT, b"abcde")]),
    (frame(TEXT, final=False) + frame(CONTINUATION), [(TEXT, b"")]),
    (
        frame(BINARY, b"a", final=False) + frame(PING, b"?") + frame(CONTINUATION, b"b"),
        [(PING, b"?"), (BINARY, b"ab")],
    ),
    (frame(PING) + frame(PONG, bytes(125)) + frame(CLOSE), [(PING, b""), (PONG, bytes(125)), (CLOSE, b"")]),
    (
        frame(BINARY, b"1") + frame(BINARY, b"2" * 130) + frame(TEXT, b"3"),
        [(BINARY, b"1"), (BINARY, b"2" * 130), (TEXT, b"3")],
    ),
    (frame(BINARY, b"abcde", mask=bytes(4)), [(BINARY, b"abcde")]),
]


@pytest.mark.parametrize(("data", "expected"), SAMPLES)
def test_frames_are_the_same_whole_byte_by_byte_and_cut_at_every_place(
    data: bytes, expected: list[Message]
) -> None:
    assert taken(data) == expected
    assert taken(data, tuple(range(1, len(data)))) == expected
    for cut in range(len(data)):
        assert taken(data, (cut,)) == expected


@pytest.mark.parametrize("size", [65535, 65536, 70000])
def test_long_messages_are_the_same_however_they_are_cut(size: int) -> None:
    payload = bytes(range(256)) * (size // 256 + 1)
    data = frame(BINARY, payload[:size])
    for cut in (1, 2, 5, 9, 10, 13, 14, 15, 17, 4096, len(data) - 1):
        assert taken(data, (cut,)) == [(BINARY, payload[:size])]


def test_what_is_there_of_a_long_message_is_handed_out_before_its_end() -> None:
    parser = FrameParser()
    data = frame(BINARY, b"abcdef" * 20_000)
    (piece,) = parser.feed(data[:1014])
    assert (bytes(piece.payload), piece.first, piece.final) == ((b"abcdef" * 200)[:1000], True, False)
    (piece,) = parser.feed(data[1014:])
    assert (piece.first, piece.final) == (False, True)


def test_a_length_beyond_memory_is_begun_as_any_other() -> None:
    parser = FrameParser()
    length = b"\x7f" + ((1 << 63) - 1).to_bytes(8, "big")
    (piece,) = parser.feed(frame(BINARY, b"abc", length=length))
    assert (bytes(piece.payload), piece.final, parser.error) == (b"abc", False, None)


@given(
    st.lists(
        st.tuples(st.sampled_from([TEXT, BINARY]), st.lists(st.binary(max_size=300), min_size=1)), max_size=6
    ),
    st.binary(min_size=4, max_size=4),
    st.data(),
)
def test_any_messages_come_out_as_they_went_in(
    sent: list[tuple[int, list[bytes]]], mask: bytes, data: st.DataObject
) -> None:
    stream, expected = b"", []
    for opcode, parts in sent:
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            stream += frame(opcode if index == 0 else CONTINUATION, part, final=last, mask=mask)
        expected.append((opcode, b"".join(parts)))
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    assert taken(stream, tuple(sorted(places))) == expected


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_give_pieces_or_an_error_and_the_same_however_they_are_cut(
    data: bytes, places: list[int]
) -> None:
    whole, cut = FrameParser(1000), FrameParser(1000)
    expected = whole.feed(data)
    cuts = sorted(min(place, len(data)) for place in places)
    found = [
        piece
        for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True)
        for piece in cut.feed(data[start:end])
    ]
    assert b"".join(p.payload for p in found) == b"".join(p.payload for p in expected)
    assert (whole.error and whole.error.code) == (cut.error and cut.error.code)


BROKEN = [
    (frame(BINARY, b"abc", mask=None), 1002, "masked"),
    (frame(BINARY, bytes(200), mask=None), 1002, "masked"),
    (frame(PING, mask=None), 1002, "masked"),
    *((frame(BINARY, b"a", reserved=bit), 1002, "reserved") for bit in (0x40, 0x20, 0x10)),
    *((frame(opcode), 1002, "not known") for opcode in (3, 7, 11, 15)),
    (frame(CONTINUATION, b"a"), 1002, "no message to continue"),
    (frame(BINARY, b"a") + frame(CONTINUATION, b"a"), 1002, "no message to continue"),
    (frame(BINARY, b"a", final=False) + frame(TEXT, b"b"), 1002, "within another"),
    *((frame(opcode, final=False), 1002, "fragmented") for opcode in (CLOSE, PING, PONG)),
    *((frame(opcode, bytes(126)), 1002, "at most 125") for opcode in (CLOSE, PING, PONG)),
    (frame(BINARY, b"a", length=b"\x7e\x00\x01"), 1002, "longer than"),
    (frame(BINARY, bytes(125), length=b"\x7e\x00\x7d"), 1002, "longer than"),
    (frame(BINARY, bytes(300), length=b"\x7f" + (300).to_bytes(8, "big")), 1002, "longer than"),
    (frame(BINARY, b"", length=b"\x7f" + (1 << 63).to_bytes(8, "big")), 1002, "highest bit"),
]


@pytest.mark.parametrize(("data", "code", "words"), BROKEN)
def test_what_breaks_the_protocol_has_its_code(data: bytes, code: int, words: str) -> None:
    error = broken(data)
    assert error.code == code
    assert words in error.reason


@pytest.mark.parametrize(
    "data",
    [
        frame(BINARY, bytes(11)),
        frame(BINARY, bytes(200)),
        frame(BINARY, bytes(6), final=False) + frame(CONTINUATION, bytes(5)),
        frame(BINARY, b"", length=b"\x7f" + (1 << 40).to_bytes(8, "big")),
    ],
)
def test_a_message_beyond_the_limit_is_1009_as_soon_as_it_is_announced(data: bytes) -> None:
    assert broken(data, 10).code == 1009
    assert taken(frame(BINARY, bytes(10)) + frame(TEXT, bytes(10)), max_message=10)


def test_pieces_before_an_error_are_handed_out_and_nothing_after_it() -> None:
    parser = FrameParser()
    pieces = parser.feed(frame(BINARY, b"good") + frame(3) + frame(BINARY, b"never"))
    assert messages(pieces) == [(BINARY, b"good")]
    assert parser.feed(frame(BINARY, b"never")) == []


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1 << 40])
def test_heads_have_the_shortest_length_and_no_mask(size: int) -> None:
    head = frame_head(BINARY, size)
    assert head[0] == 0x80 | BINARY
    assert len(head) == (2 if size < 126 else 4 if size < 65536 else 10)
    assert int.from_bytes(head[1:] if size < 126 else head[2:], "big") == size
    assert head[1] == (size if size < 126 else 126 if size < 65536 else 127)


def test_a_part_of_a_message_has_no_fin() -> None:
    assert frame_head(TEXT, 3, final=False) == bytes([TEXT, 3])


@pytest.mark.parametrize("code", [None, 1000, 1001, 1011, 3000, 4999])
def test_closes_are_read_as_they_are_written(code: int | None) -> None:
    reason = "" if code is None else "auf Wiedersehen — ü"
    assert parse_close(close_payload(code, reason)) == (code, reason)


def test_a_long_reason_is_cut_at_a_character() -> None:
    payload = close_payload(1011, "ü" * 100)
    assert len(payload) == 2 + 122
    assert parse_close(payload) == (1011, "ü" * 61)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        *(
            (code.to_bytes(2, "big"), 1002)
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ),
        (b"\x03\xe8\xff", 1007),
    ],
)
def test_bad_close_frames_have_their_code(payload: bytes, code: int) -> None:
    with pytest.raises(FrameError) as caught:
        parse_close(payload)
    assert caught.value.code == code


def test_only_codes_that_may_stand_in_a_frame_are_sendable() -> None:
    sendable = {code for code in range(65536) if is_sendable(code)}
    assert sendable == {*range(1000, 1015), *range(3000, 5000)} - {1004, 1005, 1006}
