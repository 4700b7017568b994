"""The reader of multipart bodies: the same parts however the bytes are cut, in bounded memory."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.multipart import MAX_HEAD, Part, PartData, PartEnd, Reader, boundary_of

TWO = (
    b"--xyz\r\n"
    b'Content-Disposition: form-data; name="text"\r\n'
    b"\r\n"
    b"one\r\ntwo\r\n"
    b"--xyz\r\n"
    b'content-disposition: form-data; name="file"; filename="a\\b \xc3\xa4.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n"
    b"\r\n"
    b"\r\n--xy\r\n--xyzw\r\r\n\r\n--\x00\xff\r\n"
    b"--xyz--\r\n"
)
PARTS = [
    (Part("text", None, ""), b"one\r\ntwo"),
    (Part("file", "a\\b ä.bin", "application/octet-stream"), b"\r\n--xy\r\n--xyzw\r\r\n\r\n--\x00\xff"),
]


def read(*pieces: bytes, boundary: str = "xyz") -> list[tuple[Part, bytes]]:
    """All parts; checks that each has one end."""
    reader, found, open_part = Reader(boundary), list[tuple[Part, bytes]](), False
    for piece in pieces:
        for event in reader.feed(piece):
            match event:
                case Part():
                    assert not open_part
                    found.append((event, b""))
                    open_part = True
                case PartData(data):
                    assert open_part
                    assert data
                    found[-1] = found[-1][0], found[-1][1] + data
                case PartEnd():
                    assert open_part
                    open_part = False
    reader.close()
    assert not open_part
    return found


def test_parts_are_read_whole() -> None:
    assert read(TWO) == PARTS


def test_parts_are_read_byte_by_byte() -> None:
    assert read(*(bytes((byte,)) for byte in TWO)) == PARTS


@pytest.mark.parametrize("at", range(1, len(TWO)))
def test_parts_are_read_cut_anywhere(at: int) -> None:
    assert read(TWO[:at], TWO[at:]) == PARTS


@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([b"\r\n", b"--xyz", b"\r\n--xy", b"\r\n--xyz-"])),
    st.data(),
)
def test_any_bytes_come_back_however_they_are_cut(values: list[bytes], data: st.DataObject) -> None:
    values = [value for value in values if b"\r\n--xyz\r\n" not in b"\r\n" + value + b"\r\n"]
    whole = b"".join(b"--xyz\r\n\r\n" + value + b"\r\n" for value in values) + b"--xyz--"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in itertools.pairwise([0, *cuts, len(whole)])]
    assert [value for _, value in read(*pieces)] == values


def test_what_stands_before_and_behind_is_no_part() -> None:
    assert read(b"preamble\r\n--xyzno\r\n" + TWO + b"epilogue\r\n--xyz\r\n\r\nx", b"more") == PARTS


def test_an_empty_value_and_no_part_at_all() -> None:
    assert read(b'--xyz\r\nContent-Disposition: form-data; name="e"\r\n\r\n\r\n--xyz--') == [
        (Part("e", None, ""), b"")
    ]
    assert read(b"--xyz--\r\n") == []


def test_white_space_behind_a_delimiter_is_taken() -> None:
    assert read(TWO.replace(b"--xyz\r\n", b"--xyz \t\r\n")) == PARTS


def test_a_file_name_with_an_encoding_is_decoded() -> None:
    head = b"Content-Disposition: form-data; name=f; filename*=UTF-8''%E2%82%AC.bin"
    assert read(b"--xyz\r\n" + head + b"\r\n\r\n\r\n--xyz--") == [(Part("f", "€.bin", ""), b"")]


def test_a_quote_in_a_name_and_an_empty_file_name() -> None:
    head = b'Content-Disposition: form-data; name="a\\"b;c"; filename=""'
    assert read(b"--xyz\r\n" + head + b"\r\n\r\n\r\n--xyz--") == [(Part('a"b;c', "", ""), b"")]


@pytest.mark.parametrize("cut", [TWO[:20], TWO[:-6], TWO[:60], b"", b"anything"])
def test_a_body_that_ends_too_early_is_refused(cut: bytes) -> None:
    with pytest.raises(BadRequestError, match="ends before its last delimiter"):
        read(cut)


@pytest.mark.parametrize("step", [1, 1000, MAX_HEAD * 3])
def test_a_head_without_an_end_is_refused_at_the_limit(step: int) -> None:
    reader = Reader("xyz")
    list(reader.feed(b"--xyz\r\n"))
    for _ in range((MAX_HEAD + 3) // step):
        assert list(reader.feed(b"x" * step)) == []
    with pytest.raises(BadRequestError, match=str(MAX_HEAD)):
        list(reader.feed(b"x" * step))


def test_the_largest_head_is_taken() -> None:
    head = b"X: " + b"x" * (MAX_HEAD - 3)
    assert len(read(b"--xyz\r\n" + head + b"\r\n\r\nv\r\n--xyz--")) == 1


def test_what_is_kept_is_bounded_whatever_comes() -> None:
    for flood in (b"\r\n--xy" * 20_000, b"\r" * 100_000, b"x" * 100_000, b"\r\n--xyz-" * 10_000):
        for start in (b"", b"--xyz\r\n\r\n"):
            reader = Reader("xyz")
            list(reader.feed(start + flood))
            assert len(reader._kept) < 100


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=xyz", "xyz"),
        ('Multipart/Form-Data;charset=utf-8; Boundary="a b:c"', "a b:c"),
        ("application/json", None),
        ("multipart/mixed; boundary=xyz", None),
        ("multipart/form-data-x; boundary=xyz", None),
        ("", None),
    ],
)
def test_the_boundary_is_found(content_type: str, boundary: str | None) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "parameters", ["", "; boundary=", "; boundary=ä", f"; boundary={'x' * 71}", '; boundary="a "']
)
def test_a_boundary_that_is_none_is_refused(parameters: str) -> None:
    with pytest.raises(BadRequestError, match="boundary"):
        boundary_of(f"multipart/form-data{parameters}")
