"""Bodies, digests, modules and patterns as routes: parameters, tags, ranges, limits."""

import base64
import hashlib
import json
from itertools import pairwise
from typing import Any

import pytest

from fetchkit.errors import BadRequestError, PreconditionFailedError, RangeNotSatisfiableError
from fetchkit.origin.answer import Answer, Resource
from fetchkit.origin.bodies import BLOCK, Content, Fill
from fetchkit.origin.generated import ROUTES
from fetchkit.origin.settings import Origin
from tests.conftest import Raw, Serve

from . import asking
from .asking import body_of, json_of, waits_of

TIB = 1024**4
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"


async def ask(target: str, *fields: tuple[str, str], **more: Any) -> Answer:
    return await asking.ask(ROUTES, target, *fields, **more)


async def test_a_body_has_its_size_its_type_a_strong_tag_and_a_date() -> None:
    answer = await ask("/body/10KiB?type=text/plain;%20charset=utf-8")
    assert answer.status == 200
    assert answer.size == 10 * 1024
    assert body_of(answer) == body_of(await ask("/body/10240"))
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"
    assert answer.get("Accept-Ranges") == "bytes"
    assert answer.get("Last-Modified") == "Mon, 01 Jan 2024 00:00:00 GMT"
    tag = answer.get("ETag") or ""
    assert tag.startswith('"')
    assert tag.endswith('"')


async def test_what_is_another_body_has_another_tag() -> None:
    targets = ["/body/10", "/body/11", "/body/10?seed=1", "/body/10?fill=zeros", "/body/10?type=a/b"]
    assert len({(await ask(target)).get("ETag") for target in targets}) == len(targets)


@pytest.mark.parametrize("fill", Fill)
async def test_ranges_of_a_body_are_slices_of_it(fill: Fill) -> None:
    target = f"/body/{BLOCK + 100}?seed=s&fill={fill}"
    whole = body_of(await ask(target))
    assert len(whole) == BLOCK + 100
    for first, last in ((0, 0), (31, 32), (BLOCK - 1, BLOCK), (BLOCK + 99, BLOCK + 99)):
        answer = await ask(target, ("Range", f"bytes={first}-{last}"))
        assert answer.status == 206
        assert answer.get("Content-Range") == f"bytes {first}-{last}/{BLOCK + 100}"
        assert body_of(answer) == whole[first : last + 1]
    assert body_of(await ask(target, ("Range", "bytes=-7"))) == whole[-7:]


async def test_the_last_bytes_of_a_tebibyte_come_at_once() -> None:
    answer = await ask("/body/1TiB?seed=s", ("Range", "bytes=-10"))
    assert answer.get("Content-Range") == f"bytes {TIB - 10}-{TIB - 1}/{TIB}"
    assert body_of(answer) == b"".join(map(bytes, Content(TIB, "s").pieces(TIB - 10, TIB)))


async def test_several_ranges_come_as_parts_with_a_type_each() -> None:
    answer = await ask("/body/100?type=text/x", ("Range", "bytes=0-4,90-99"))
    body = body_of(answer)
    whole = body_of(await ask("/body/100"))
    assert (answer.get("Content-Type") or "").startswith("multipart/byteranges")
    assert body.count(b"Content-Type: text/x\r\n") == 2
    assert whole[:5] in body
    assert whole[90:] in body
    assert len(body) == answer.size


async def test_a_resumed_download_gets_its_range_while_the_tag_holds_and_else_the_whole() -> None:
    tag = (await ask("/body/100")).get("ETag") or ""
    resume = ("Range", "bytes=50-"), ("If-Range", tag)
    assert (await ask("/body/100", *resume)).status == 206
    bumped = await ask("/body/100", *resume, version=1)
    assert bumped.status == 200
    assert bumped.get("ETag") != tag
    assert body_of(bumped) != body_of(await ask("/body/100"))
    assert bumped.size == 100
    assert (await ask("/body/100", *resume, version=2)).get("ETag") != bumped.get("ETag")


async def test_preconditions_and_ranges_that_fail() -> None:
    tag = (await ask("/body/100")).get("ETag") or ""
    assert (await ask("/body/100", ("If-None-Match", tag))).status == 304
    with pytest.raises(PreconditionFailedError):
        await ask("/body/100", ("If-Match", '"other"'))
    with pytest.raises(RangeNotSatisfiableError) as failed:
        await ask("/body/100", ("Range", "bytes=100-"))
    assert failed.value.headers == {"Content-Range": "bytes */100"}


@pytest.mark.parametrize("target", ["/body/0", "/bytes/0", "/bytes/0?seed=1", "/stream-bytes/0"])
async def test_nothing_is_a_body_too(target: str) -> None:
    assert body_of(await ask(target)) == b""


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/body/x", "size: 'x' is no size"),
        ("/body/-1", "size"),
        ("/body/2TiB", "beyond the limit of 1TiB"),
        ("/body/1?fill=ones", "fill: 'ones' is not one of random, text, zeros"),
        ("/body/1?type=text", "type"),
        ("/body/1?type=text/html%0d%0aX-Evil:%201", "type"),
        ("/body/1?type=te%C3%A4xt/plain", "type"),
        ("/body/1?type=", "type"),
        ("/digest/2GiB", "beyond the limit of 1GiB"),
        ("/digest/10?first=10", "first: 10 is not from 0 to 9"),
        ("/digest/10?first=5&last=4", "last: 4 is not from 5 to 9"),
        ("/digest/10?last=10", "last: 10 is not from 0 to 9"),
        ("/digest/0?last=0", "last: 0 is not from -1 to -1"),
        ("/digest/10?first=x", "first"),
        ("/wasm/8", "from 79 bytes to 1GiB"),
        ("/wasm/2GiB", "beyond the limit of 1GiB"),
        ("/bytes/2TiB", "beyond the limit of 1TiB"),
        ("/bytes/x", "n: 'x' is no size"),
        ("/stream-bytes/1?chunk_size=0", "chunk_size"),
        ("/stream-bytes/1?chunk_size=17MiB", "beyond the limit of 16MiB"),
        ("/range/0", "n: 0"),
        ("/range/1?chunk_size=0", "chunk_size"),
        ("/range/1?duration=601", "duration: 601 is beyond the limit of 600 s"),
        ("/range/1?duration=-1", "duration"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_the_reason(target: str, problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        await ask(target)


async def test_limits_are_settings() -> None:
    settings = Origin(max_size=1000, max_digest=10)
    assert (await ask("/body/1000", settings=settings)).size == 1000
    for target in (
        "/body/1001",
        "/bytes/1001",
        "/stream-bytes/1001",
        "/range/1001",
        "/wasm/1001",
        "/digest/11",
    ):
        with pytest.raises(BadRequestError, match="beyond the limit"):
            await ask(target, settings=settings)


async def test_a_digest_is_that_of_the_body_in_both_spellings() -> None:
    shown = json_of(await ask("/digest/2MiB?seed=s&fill=text"))
    digest = hashlib.sha256(body_of(await ask("/body/2MiB?seed=s&fill=text"))).digest()
    assert shown == {
        "size": 2 * 1024 * 1024,
        "seed": "s",
        "fill": "text",
        "first": 0,
        "last": 2 * 1024 * 1024 - 1,
        "sha-256": digest.hex(),
        "repr-digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
    }


async def test_a_digest_of_a_range_is_that_of_the_range_however_large_the_body() -> None:
    shown = json_of(await ask(f"/digest/1TiB?seed=s&first={TIB - 5000}&last={TIB - 4000}"))
    part = body_of(await ask("/body/1TiB?seed=s", ("Range", f"bytes={TIB - 5000}-{TIB - 4000}")))
    assert len(part) == 1001
    assert shown["sha-256"] == hashlib.sha256(part).hexdigest()


async def test_the_digest_of_nothing() -> None:
    assert json_of(await ask("/digest/0"))["sha-256"] == hashlib.sha256().hexdigest()


async def test_a_module_is_a_resource_of_its_type() -> None:
    answer = await ask("/wasm/100KiB")
    whole = body_of(answer)
    assert answer.get("Content-Type") == "application/wasm"
    assert len(whole) == answer.size == 100 * 1024
    assert whole.startswith(b"\0asm\1\0\0\0")
    part = await ask("/wasm/100KiB", ("Range", "bytes=5000-50000"), ("If-Range", answer.get("ETag") or ""))
    assert part.status == 206
    assert body_of(part) == whole[5000:50001]
    bumped = await ask("/wasm/100KiB", version=1)
    assert bumped.get("ETag") != answer.get("ETag")
    assert body_of(bumped) != whole


async def test_bytes_with_a_seed_are_the_same_each_time_and_without_one_others() -> None:
    for size in (1000, 100_000):
        seeded = {body_of(await ask(f"/bytes/{size}?seed=7")) for _ in range(3)}
        assert len(seeded) == 1
        assert len(seeded.pop()) == size
        answers = [await ask(f"/bytes/{size}") for _ in range(3)]
        assert len({body_of(answer) for answer in answers}) == 3
        assert len({answer.get("ETag") for answer in answers}) == 3
        assert {answer.get("Cache-Control") for answer in answers} == {"no-store"}
        assert {answer.size for answer in answers} == {size}


@pytest.mark.parametrize("size", [1000, 100_000])
async def test_a_range_of_fresh_bytes_is_a_range_of_them(size: int) -> None:
    resource = await asking.answered(ROUTES, f"/bytes/{size}")
    assert isinstance(resource, Resource)
    assert read(resource, 10, 20) == read(resource, 0, size)[10:20]


def read(resource: Resource, first: int, end: int) -> bytes:
    return b"".join(
        bytes(piece) for piece in resource.read(first, end) if isinstance(piece, bytes | memoryview)
    )


@pytest.mark.parametrize("chunk", [1, 7, 1000, 4096, 5000])
async def test_streamed_bytes_come_in_chunks_of_the_size_and_without_a_length(chunk: int) -> None:
    answer = await ask(f"/stream-bytes/5000?seed=s&chunk_size={chunk}")
    assert answer.size is None
    pieces = [piece for piece in answer.pieces if isinstance(piece, bytes)]
    assert b"".join(pieces) == body_of(await ask("/bytes/5000?seed=s"))
    assert {len(piece) for piece in pieces[:-1]} <= {chunk}
    assert 0 < len(pieces[-1]) <= chunk


async def test_chunks_cross_the_blocks_that_bodies_are_made_of() -> None:
    answer = await ask("/stream-bytes/3MiB?seed=s&chunk_size=700001")
    pieces = [piece for piece in answer.pieces if isinstance(piece, bytes)]
    assert [len(piece) for piece in pieces] == [700_001] * 4 + [3 * BLOCK - 4 * 700_001]
    assert b"".join(pieces) == body_of(await ask("/bytes/3MiB?seed=s"))


async def test_the_alphabet_is_served_with_ranges_that_are_clamped() -> None:
    whole = body_of(await ask("/range/1024"))
    assert whole == (ALPHABET * 40)[:1024]
    answer = await ask("/range/1024", ("Range", "bytes=1000-5000"))
    assert answer.get("ETag") == '"range1024"'
    assert answer.get("Content-Range") == "bytes 1000-1023/1024"
    assert body_of(answer) == whole[1000:]
    assert (await ask("/range/1024", ("Range", "bytes=0-0,5-6"))).status == 206
    assert (await ask("/range/1024", ("If-None-Match", '"range1024"'))).status == 304
    mismatch = ("Range", "bytes=0-0"), ("If-Range", '"other"')
    assert (await ask("/range/1024", *mismatch)).status == 200
    assert body_of(await ask("/range/1024", version=1)) != whole


async def test_a_duration_is_spread_over_the_chunks_of_the_whole() -> None:
    waits = waits_of(await ask("/range/1000?duration=2s&chunk_size=100"))
    assert len(waits) == 10
    assert sum(waits) == pytest.approx(2)
    assert waits_of(await ask("/range/1000?chunk_size=100")) == []
    half = ("Range", "bytes=500-999")
    paced = await ask("/range/1000?duration=2s&chunk_size=100", half)
    assert sum(waits_of(paced)) == pytest.approx(1)
    assert body_of(await ask("/range/1000?duration=2s&chunk_size=100", half)) == (ALPHABET * 40)[500:1000]


async def test_a_paced_body_waits_between_its_chunks() -> None:
    kinds = [type(piece).__name__ for piece in (await ask("/range/30?duration=1&chunk_size=10")).pieces]
    assert all(one != other for one, other in pairwise(kinds))
    assert len(kinds) == 6


@pytest.mark.parametrize(("target", "at_hand"), [("/bytes/4096", True), ("/bytes/4097", False)])
async def test_a_small_body_is_at_hand_so_that_it_leaves_with_its_head(target: str, at_hand: bool) -> None:
    answer = await ask(target)
    assert isinstance(answer.pieces, tuple) == at_hand
    assert len(body_of(answer)) == answer.size


async def test_on_the_wire_the_end_of_a_tebibyte_comes_with_its_digest(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    part = await client.ask("GET", "/origin/body/1TiB?seed=s", "Range: bytes=-1000")
    assert part.status == 206
    assert part.headers["Content-Range"] == f"bytes {TIB - 1000}-{TIB - 1}/{TIB}"
    shown = await client.ask("GET", f"/origin/digest/1TiB?seed=s&first={TIB - 1000}")
    assert json.loads(shown.body)["sha-256"] == hashlib.sha256(part.body).hexdigest()
    head = await client.ask("HEAD", "/origin/body/1TiB?seed=s")
    assert (head.status, head.headers["Content-Length"]) == (200, str(TIB))


async def test_on_the_wire_a_download_restarts_when_its_tag_was_bumped(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    target = "/origin/body/1000?pipe=etag(bump,2)&token=T"
    first = await client.ask("GET", target, "Range: bytes=0-499")
    resume = ("Range: bytes=500-", f"If-Range: {first.headers['ETag']}")
    second = await client.ask("GET", target, *resume)
    whole = await client.ask("GET", "/origin/body/1000")
    assert (first.status, second.status) == (206, 206)
    assert first.body + second.body == whole.body
    bumped = await client.ask("GET", target, *resume)
    assert bumped.status == 200
    assert bumped.headers["ETag"] != first.headers["ETag"]
    assert len(bumped.body) == 1000
    assert bumped.body != whole.body
