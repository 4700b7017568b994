"""Files from memory and streamed ones are told apart by nothing but their size."""

import email.parser
import email.policy
from pathlib import Path

import pytest

from fetchkit.files.cache import MAX_BODY
from tests.conftest import Raw, Serve
from tests.raw import RawAnswer, RawClient

from .support import pattern, write

SIZES = [0, 1, MAX_BODY, MAX_BODY + 1, 3 * 1024 * 1024]
BODIES = {size: pattern(size) for size in SIZES}
ORIGINS = [(), ("Origin: http://localhost:3000",)]


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def body(folder: Path, size: int) -> bytes:
    write(folder / "f.data", BODIES[size])
    return BODIES[size]


@pytest.fixture
async def client(serve: Serve, raw: Raw) -> RawClient:
    return await raw(await serve())


def shape(answer: RawAnswer) -> dict[str, list[str]]:
    """The fields of an answer, without the values that belong to one file or moment."""
    own = {"Date", "ETag", "Content-Length", "Content-Range", "Last-Modified"}
    return {name: [] if name in own else answer.headers.getall(name) for name in answer.headers}


async def test_the_whole_is_sent(client: RawClient, body: bytes) -> None:
    for _ in range(2):  # from disk, then from memory where it is small
        answer = await client.ask("GET", "/f.data")
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers.getall("Content-Length") == [str(len(body))]


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize("origin", ORIGINS, ids=["same-origin", "cross-origin"])
async def test_head_has_every_field_of_get_and_no_body(client: RawClient, origin: tuple[str, ...]) -> None:
    head = await client.ask("HEAD", "/f.data", *origin)
    get = await client.ask("GET", "/f.data", *origin)
    again = await client.ask("HEAD", "/f.data", *origin)
    assert head.headers["Accept-Ranges"] == "bytes"
    for answer in (head, again):
        assert [pair for pair in answer.headers.items() if pair[0] != "Date"] == [
            pair for pair in get.headers.items() if pair[0] != "Date"
        ]


async def test_head_ignores_a_range(client: RawClient, body: bytes) -> None:
    answer = await client.ask("HEAD", "/f.data", "Range: bytes=0-")  # as WasmFS asks
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(body)))
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("0-0", 0, 0),
        ("0-", 0, None),
        ("1-5", 1, 5),
        ("-1", -1, None),
        ("-70000", -70000, None),
        ("0-99999999999999999999999", 0, None),
        ("65535-65536", 65535, 65536),
        ("1000000-1999999", 1_000_000, 1_999_999),
    ],
)
async def test_a_range_is_the_slice_it_names(
    client: RawClient, body: bytes, wanted: str, first: int, last: int | None
) -> None:
    expected = body[max(first, -len(body)) :] if last is None else body[first : last + 1]
    for _ in range(2):
        answer = await client.ask("GET", "/f.data", f"Range: bytes={wanted}")
        if not body and wanted.startswith("-"):
            assert (answer.status, answer.body) == (200, b"")  # what a suffix of nothing may be answered with
        elif expected:
            begin = len(body) + max(first, -len(body)) if first < 0 else first
            assert (answer.status, answer.body) == (206, expected)
            assert answer.headers["Content-Range"] == f"bytes {begin}-{begin + len(expected) - 1}/{len(body)}"
        else:
            assert answer.status == 416
            assert answer.headers["Content-Range"] == f"bytes */{len(body)}"
            assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "wanted",
    [
        *("bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-0", "bytes=0-1;2-3", "bytes=0--1", "bytes:0-1"),
        *("lines=0-1", "bytes=0x0-1", "bytes=1.0-2", "bytes=0-1,x", "bytes=0-1-2", "bytes = 0-1", "="),
        "bytes=" + ",".join(["0-0"] * 1000),
    ],
)
async def test_a_malformed_range_is_ignored(client: RawClient, body: bytes, wanted: str) -> None:
    answer = await client.ask("GET", "/f.data", f"Range: {wanted}")
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    "wanted", [[(0, 0), (5, 9)], [(70_000, 70_009), (0, 65_535)], [(0, 1), (1, 2), (2, 3)]]
)
async def test_several_ranges_are_a_multipart_of_the_promised_length(
    client: RawClient, body: bytes, wanted: list[tuple[int, int]]
) -> None:
    value = ",".join(f"{first}-{last}" for first, last in wanted)
    answer = await client.ask("GET", "/f.data", f"Range: bytes={value}")
    if len(body) <= max(last for _, last in wanted):
        assert answer.status in (206, 416)  # what is left of them is one range or none
        return
    assert answer.complete
    kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/byteranges; boundary=")
    assert "Content-Range" not in answer.headers  # RFC 9110, section 15.3.7.2
    text = b"MIME-Version: 1.0\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + answer.body
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(text)
    parts = [part for part in message.iter_parts() if part.get_content_type() == "application/octet-stream"]
    assert [part["Content-Range"] for part in parts] == [f"bytes {a}-{b}/{len(body)}" for a, b in wanted]
    frames = answer.body.split(b"--" + kind.partition("boundary=")[2].encode())
    sent = [frame.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for frame in frames[1:-1]]
    assert sent == [body[first : last + 1] for first, last in wanted]
    assert frames[-1] == b"--\r\n"
    assert (await client.ask("HEAD", "/f.data")).status == 200  # the connection is still in step


async def test_preconditions_are_kept(client: RawClient, body: bytes) -> None:
    whole = await client.ask("GET", "/f.data")
    tag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
    for method in ("GET", "HEAD"):
        assert (await client.ask(method, "/f.data", f"If-None-Match: {tag}")).status == 304
        assert (await client.ask(method, "/f.data", f"If-None-Match: W/{tag}")).status == 304
        assert (await client.ask(method, "/f.data", f'If-None-Match: "a", {tag}')).status == 304
        assert (await client.ask(method, "/f.data", f"If-Modified-Since: {date}")).status == 304
        assert (await client.ask(method, "/f.data", f"If-Match: {tag}")).status == 200
        assert (await client.ask(method, "/f.data", 'If-Match: "other"')).status == 412
        assert (
            await client.ask(method, "/f.data", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT")
        ).status == 412
    if body:
        for condition, status in ((tag, 206), (date, 206), ('"other"', 200), (f"W/{tag}", 200)):
            answer = await client.ask("GET", "/f.data", "Range: bytes=0-0", f"If-Range: {condition}")
            assert (answer.status, len(answer.body)) == (status, 1 if status == 206 else len(body))


REQUESTS = {
    "whole": (),
    "cross-origin": ("Origin: http://localhost:3000",),
    "foreign": ("Origin: https://evil.example",),
    "range": ("Range: bytes=0-9",),
    "cross-origin range": ("Range: bytes=0-9", "Origin: http://localhost:3000"),
    "beyond": ("Range: bytes=99999999-",),
    "known": ("If-None-Match: *",),
    "known cross-origin": ("If-None-Match: *", "Origin: http://localhost:3000"),
    "changed": ('If-Match: "other"',),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("case", REQUESTS)
async def test_both_ways_give_the_same_fields(
    serve: Serve, raw: Raw, folder: Path, method: str, case: str
) -> None:
    write(folder / "small.data", pattern(MAX_BODY))
    write(folder / "large.data", pattern(MAX_BODY + 1))
    client = await raw(await serve(header=("X-Mine: 1",)))
    for _ in range(2):
        small = await client.ask(method, "/small.data", *REQUESTS[case])
        large = await client.ask(method, "/large.data", *REQUESTS[case])
        assert small.status == large.status
        assert shape(small) == shape(large)
        assert list(small.headers) == list(large.headers)
