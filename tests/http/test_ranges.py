"""Byte ranges, against RFC 9110, section 14, slices of Python and a reader of multipart."""

import email.parser
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.http.ranges import (
    MAX_RANGES,
    ByteRange,
    multipart_closing,
    multipart_content_type,
    multipart_length,
    multipart_parts,
    parse_ranges,
    unsatisfied_content_range,
)

HUGE = "9" * 5000
MIB = 1 << 20


def pairs(value: str, size: int) -> list[tuple[int, int]] | None:
    ranges = parse_ranges(value, size)
    return None if ranges is None else [(part.first, part.last) for part in ranges]


@pytest.mark.parametrize(
    ("value", "size", "expected"),
    [
        pytest.param("bytes=0-499", 10_000, [(0, 499)], id="first-500"),
        pytest.param("bytes=500-999", 10_000, [(500, 999)], id="second-500"),
        pytest.param("bytes=-500", 10_000, [(9500, 9999)], id="suffix"),
        pytest.param("bytes=9500-", 10_000, [(9500, 9999)], id="open"),
        pytest.param("bytes=0-", 10_000, [(0, 9999)], id="whole-as-wasmfs-asks-in-its-head"),
        pytest.param("bytes=0-0,-1", 10_000, [(0, 0), (9999, 9999)], id="first-and-last-byte"),
        pytest.param("bytes=500-600,601-999", 10_000, [(500, 600), (601, 999)], id="adjacent"),
        pytest.param("bytes=500-700,601-999", 10_000, [(500, 700), (601, 999)], id="overlapping"),
        pytest.param("bytes=900-999,0-9", 1000, [(900, 999), (0, 9)], id="order-is-kept"),
        pytest.param(
            f"bytes={3 * MIB}-{4 * MIB - 1}", 3 * MIB + 7, [(3 * MIB, 3 * MIB + 6)], id="lazy-file-tail"
        ),
        pytest.param("bytes=0-10000", 10_000, [(0, 9999)], id="end-beyond-is-clamped"),
        pytest.param("bytes=-20000", 10_000, [(0, 9999)], id="suffix-longer-than-the-file"),
        pytest.param("BYTES=0-1", 10, [(0, 1)], id="unit-in-capitals"),
        pytest.param("bytes= 0-1, 3-4 ,\t6-7", 10, [(0, 1), (3, 4), (6, 7)], id="white-space-of-lists"),
        pytest.param("bytes=,0-1,, ,3-4,", 10, [(0, 1), (3, 4)], id="empty-members"),
        pytest.param("bytes=0-1,20-30", 10, [(0, 1)], id="unsatisfiable-member-is-left-out"),
        pytest.param("bytes=0-1,-0", 10, [(0, 1)], id="suffix-of-nothing-is-left-out"),
        pytest.param("bytes=007-0008", 10, [(7, 8)], id="leading-zeros"),
        pytest.param("bytes=" + "0" * 5000 + "3-4", 10, [(3, 4)], id="thousands-of-leading-zeros"),
        pytest.param(f"bytes=3-{HUGE}", 10, [(3, 9)], id="end-of-5000-digits"),
        pytest.param(f"bytes=-{HUGE}", 10, [(0, 9)], id="suffix-of-5000-digits"),
        pytest.param(f"bytes={2**62}-", 2**63 - 1, [(2**62, 2**63 - 2)], id="largest-file"),
    ],
)
def test_satisfiable_ranges_are_resolved(value: str, size: int, expected: list[tuple[int, int]]) -> None:
    assert pairs(value, size) == expected


@pytest.mark.parametrize(
    ("value", "size"),
    [
        pytest.param("bytes=10-", 10, id="starts-at-the-end"),
        pytest.param("bytes=10-20", 10, id="starts-beyond"),
        pytest.param("bytes=10-20,30-", 10, id="all-beyond"),
        pytest.param("bytes=-0", 10, id="suffix-of-nothing"),
        pytest.param(f"bytes={HUGE}-", 10, id="start-of-5000-digits"),
        pytest.param(f"bytes={HUGE}-{HUGE}", 2**63 - 1, id="both-of-5000-digits"),
        pytest.param("bytes=0-", 0, id="open-range-of-an-empty-file"),
        pytest.param("bytes=0-0", 0, id="first-byte-of-an-empty-file"),
        pytest.param("bytes=-0", 0, id="suffix-of-nothing-of-an-empty-file"),
    ],
)
def test_nothing_satisfiable_is_an_empty_tuple(value: str, size: int) -> None:
    assert parse_ranges(value, size) == ()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes= ,\t, ",
        "bytes=-",
        "bytes=--1",
        "bytes=0",
        "bytes=a-b",
        "bytes=0-1-2",
        "bytes=5-4",
        "bytes=0-1,5-4",
        "bytes=0-1;2-3",
        "bytes=0 - 1",
        "bytes=0- 1",
        "bytes=+0-1",
        "bytes=0x0-1",
        "bytes=1_0-20",
        "bytes=\u0660-\u0669",
        "bytes=²-",
        "bytes=0-1\n",
        "bytes=0-1,\x0b2-3",
        "bytes =0-1",
        " bytes=0-1",
        "bytes:0-1",
        "bytes 0-1/10",
        "items=0-1",
        "octets=0-1",
        "bytes=0-1, bytes=2-3",
        f"bytes={HUGE}-1",
    ],
)
def test_a_malformed_field_or_another_unit_is_ignored(value: str) -> None:
    assert parse_ranges(value, 10) is None


@pytest.mark.parametrize("value", ["bytes=-1", "bytes=-5,0-", "bytes=0-,-1", f"bytes=-{HUGE}"])
def test_a_suffix_of_an_empty_file_is_the_whole_of_it(value: str) -> None:
    assert parse_ranges(value, 0) is None


def test_as_many_ranges_as_the_limit_are_served_and_one_more_is_ignored() -> None:
    members = [f"{2 * index}-{2 * index}" for index in range(MAX_RANGES + 1)]
    assert len(parse_ranges("bytes=" + ",".join(members[:-1]), 10_000) or ()) == MAX_RANGES
    assert parse_ranges("bytes=" + ",".join(members), 10_000) is None


def test_ranges_longer_together_than_the_whole_are_ignored() -> None:
    assert pairs("bytes=0-4,0-4", 10) == [(0, 4), (0, 4)]
    assert parse_ranges("bytes=0-4,0-5", 10) is None
    assert parse_ranges("bytes=0-,0-", 10) is None
    assert parse_ranges("bytes=" + ",".join(["0-"] * 150), 10 * MIB) is None


def test_a_range_knows_its_length_and_its_content_range() -> None:
    assert ByteRange(0, 0).length == 1
    assert ByteRange(500, 999).length == 500
    assert ByteRange(500, 999).content_range(1234) == "bytes 500-999/1234"
    assert unsatisfied_content_range(1234) == "bytes */1234"


positions = st.one_of(st.integers(0, 40), st.integers(0, 10**25))
specs = st.one_of(
    st.builds("{}-{}".format, positions, positions),
    st.builds("{}-".format, positions),
    st.builds("-{}".format, positions),
)
fields = st.builds("bytes={}".format, st.lists(specs, min_size=1, max_size=4).map(",".join))
texts = st.one_of(
    st.text(max_size=40), st.builds("bytes={}".format, st.text(alphabet="0123456789-, \t", max_size=40))
)


def reference(value: str, size: int) -> list[list[int]] | None:
    """The indexes of the bytes of every range, by Python's own slices; None for a backward range."""
    whole = range(size)
    answer = []
    for member in value.removeprefix("bytes=").split(","):
        first, last = member.split("-")
        if first and last and int(last) < int(first):
            return None
        if first:
            answer.append(list(whole[int(first) : int(last) + 1 if last else None]))
        else:
            answer.append(list(whole[-int(last) :]) if int(last) else [])
    return [indexes for indexes in answer if indexes]


def is_order_readable(value: str) -> bool:
    """False where two numbers beyond any size stand in one range: their order is not looked at."""
    members = (member.split("-") for member in value.removeprefix("bytes=").split(","))
    return not any(all(number and int(number) >= 10**19 for number in member) for member in members)


@given(fields.filter(is_order_readable), st.integers(1, 30))
def test_ranges_are_the_slices_of_python(value: str, size: int) -> None:
    expected = reference(value, size)
    if expected is not None and sum(map(len, expected)) > size:
        expected = None
    ranges = parse_ranges(value, size)
    actual = None if ranges is None else [list(range(part.first, part.last + 1)) for part in ranges]
    assert actual == expected


@given(st.one_of(fields, texts), st.one_of(st.integers(0, 50), st.integers(0, 2**63 - 1)))
def test_no_field_raises_and_every_range_lies_inside(value: str, size: int) -> None:
    ranges = parse_ranges(value, size) or ()
    assert all(0 <= part.first <= part.last < size for part in ranges)
    assert sum(part.length for part in ranges) <= size


def body_of(ranges: tuple[ByteRange, ...], content: bytes, content_type: str, boundary: str) -> bytes:
    parts = multipart_parts(ranges, len(content), content_type, boundary)
    frames = (frame + content[part.first : part.last + 1] for frame, part in parts)
    return b"".join(frames) + multipart_closing(boundary)


def test_a_multipart_answer_is_framed_as_the_standard_shows_it() -> None:
    body = body_of((ByteRange(0, 1), ByteRange(4, 4)), b"abcdef", "application/wasm", "SEP")
    assert body == (
        b"--SEP\r\nContent-Type: application/wasm\r\nContent-Range: bytes 0-1/6\r\n\r\nab"
        b"\r\n--SEP\r\nContent-Type: application/wasm\r\nContent-Range: bytes 4-4/6\r\n\r\ne"
        b"\r\n--SEP--\r\n"
    )


@given(
    st.binary(min_size=1, max_size=200).flatmap(
        lambda content: st.tuples(
            st.just(content),
            st.lists(
                st.tuples(st.integers(0, len(content) - 1), st.integers(0, len(content) - 1)),
                min_size=1,
                max_size=6,
            ),
        )
    )
)
def test_a_reader_of_multipart_gets_the_parts_back(case: tuple[bytes, list[tuple[int, int]]]) -> None:
    content, bounds = case
    ranges = tuple(ByteRange(min(bound), max(bound)) for bound in bounds)
    body = body_of(ranges, content, "text/plain; charset=utf-8", "b0undary9x")
    assert multipart_length(ranges, len(content), "text/plain; charset=utf-8", "b0undary9x") == len(body)

    # The standard library's reader changes lone CR and LF at the edges of text, so bytes travel as hex here.
    readable = body_of(ranges, content.hex().encode(), "text/plain; charset=utf-8", "b0undary9x")
    head = f"Content-Type: {multipart_content_type('b0undary9x')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + readable)
    assert not message.defects
    parts = list(message.iter_parts())
    assert [part["Content-Range"] for part in parts] == [
        part.content_range(2 * len(content)) for part in ranges
    ]
    assert [part.get_content_type() for part in parts] == ["text/plain"] * len(ranges)
    expected = [content.hex()[part.first : part.last + 1] for part in ranges]
    assert [part.get_payload() for part in parts] == expected
