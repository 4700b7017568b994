"""The client's own parser: what it takes for complete, and what it never does."""

from collections.abc import Iterator

import pytest

from .client import Outcome, ResponseReader
from .framing import End, Stream

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = HEAD + b"Content-Length: 5\r\n\r\n"

# Bytes before FIN, and what they are.
CASES: dict[str, tuple[bytes, End, bytes]] = {
    "length": (SIZED + b"hello", End.COMPLETE, b"hello"),
    "length, one byte early": (SIZED + b"hell", End.CUT, b"hell"),
    "no length, until FIN": (HEAD + b"\r\nhello", End.COMPLETE, b"hello"),
    "head without its empty line": (HEAD, End.CUT, b""),
    "nothing": (b"", End.CUT, b""),
    "chunks": (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", End.COMPLETE, b"hello"),
    "chunk extensions": (CHUNKED + b'5;a="b;c" ;d\r\nhello\r\n0;e\r\n\r\n', End.COMPLETE, b"hello"),
    "chunk size in hexadecimal": (CHUNKED + b"0aB\r\n" + b"x" * 171 + b"\r\n0\r\n\r\n",
                                  End.COMPLETE, b"x" * 171),
    "no last chunk": (CHUNKED + b"5\r\nhello\r\n", End.CUT, b"hello"),
    "no line end behind the last chunk": (CHUNKED + b"5\r\nhello\r\n0\r\n", End.CUT, b"hello"),
    "no line end behind a chunk": (CHUNKED + b"5\r\nhello0\r\n\r\n", End.MALFORMED, b"hello"),
    "chunk longer than it says": (CHUNKED + b"4\r\nhello\r\n0\r\n\r\n", End.MALFORMED, b"hell"),
    "chunk shorter than it says": (CHUNKED + b"6\r\nhello\r\n0\r\n\r\n", End.MALFORMED, b"hello\r"),
    "chunk size empty": (CHUNKED + b"\r\n\r\n", End.MALFORMED, b""),
    "chunk size with a sign": (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", End.MALFORMED, b""),
    "chunk size with 0x": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", End.MALFORMED, b""),
    "chunk size beyond 64 bits": (CHUNKED + b"1" * 17 + b"\r\nhello", End.MALFORMED, b""),
    "chunk size ended by LF alone": (CHUNKED + b"5\nhello\r\n0\r\n\r\n", End.MALFORMED, b""),
    "broken trailers": (CHUNKED + b"0\r\nX-Sum 1\r\n\r\n", End.MALFORMED, b""),
    "two lengths": (HEAD + b"Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello", End.MALFORMED, b""),
    "length and chunked": (HEAD + b"Content-Length: 5\r\n" + CHUNKED[17:] + b"0\r\n\r\n", End.MALFORMED, b""),
    "length with a sign": (HEAD + b"Content-Length: +5\r\n\r\nhello", End.MALFORMED, b""),
    "an unknown transfer coding": (HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello", End.MALFORMED, b""),
    "version": (b"HTTP/2.0 200 OK\r\n\r\n", End.MALFORMED, b""),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", End.MALFORMED, b""),
    "status below 100": (b"HTTP/1.1 099 OK\r\n\r\n", End.MALFORMED, b""),
    "field without a colon": (HEAD + b"X-Own\r\n\r\n", End.MALFORMED, b""),
    "space before a colon": (HEAD + b"X-Own : 1\r\n\r\n", End.MALFORMED, b""),
    "NUL in a value": (HEAD + b"X-Own: \0\r\n\r\n", End.MALFORMED, b""),
    "1xx, then nothing": (b"HTTP/1.1 103 Early Hints\r\n\r\n", End.CUT, b""),
}  # fmt: skip


async def read(*pieces: bytes, ends: BaseException | None = None, method: str = "GET") -> Outcome:
    """Read a response that comes in these pieces, then FIN, or what `ends` raises."""
    coming: Iterator[bytes] = iter(pieces)

    async def source() -> bytes:
        piece = next(coming, b"")
        if not piece and ends is not None:
            raise ends
        return piece

    return await ResponseReader(Stream(source)).read(method)


@pytest.mark.parametrize(("data", "end", "body"), CASES.values(), ids=CASES)
async def test_a_response_before_fin_ends_as_its_framing_says(data: bytes, end: End, body: bytes) -> None:
    outcome = await read(data)
    assert (outcome.end, outcome.body) == (end, body)


@pytest.mark.parametrize("data", [case[0] for case in CASES.values()], ids=CASES)
async def test_one_byte_at_a_time_gives_the_same(data: bytes) -> None:
    assert await read(*(bytes([byte]) for byte in data)) == await read(data)


@pytest.mark.parametrize("size", range(len(SIZED) + 5))
async def test_every_shorter_response_is_cut(size: int) -> None:
    assert (await read((SIZED + b"hello")[:size])).end is End.CUT


@pytest.mark.parametrize(
    ("ends", "end"),
    [(ConnectionResetError(), End.RESET), (TimeoutError(), End.STALLED)],
    ids=["reset", "stall"],
)
async def test_a_reset_and_a_stall_break_what_only_fin_would_end(ends: BaseException, end: End) -> None:
    outcome = await read(HEAD + b"\r\nhello", ends=ends)
    assert (outcome.end, outcome.body, outcome.broken) == (end, b"hello", True)


async def test_header_lines_keep_order_case_and_bytes() -> None:
    outcome = await read(HEAD + b"b: 1\r\nA:\xe9\t \r\nb:\r\n\r\n")
    assert outcome.headers == ((b"b", b"1"), (b"A", b"\xe9"), (b"b", b""))
    assert (outcome.version, outcome.status, outcome.reason) == (b"HTTP/1.1", 200, b"OK")


async def test_a_folded_line_continues_the_value_before() -> None:
    assert (await read(HEAD + b"a: 1\r\n\t 2\r\n\r\n")).values("A") == [b"1 2"]


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", b"200"), ("GET", b"204"), ("GET", b"304")], ids=["HEAD", "204", "304"]
)
async def test_what_has_no_body_ends_with_its_head(method: str, status: bytes) -> None:
    outcome = await read(b"HTTP/1.1 %b X\r\nContent-Length: 5\r\n\r\nhello" % status, method=method)
    assert (outcome.end, outcome.body, outcome.extra) == (End.COMPLETE, b"", b"hello")


async def test_interim_responses_trailers_and_what_follows_are_told_apart() -> None:
    outcome = await read(b"HTTP/1.1 103 Hint\r\nA: 1\r\n\r\n" + CHUNKED + b"0\r\nX-Sum: 1\r\n\r\nmore")
    assert (outcome.interim, outcome.status) == ((103,), 200)
    assert (outcome.trailers, outcome.extra) == (((b"X-Sum", b"1"),), b"more")
