"""What the test origin does to a client comes through the forward as it is, or as a problem that says why."""

import asyncio
import gzip
import json
import re

import pytest
from attrs import evolve

from fetchkit import Server
from fetchkit.forward.settings import Forward
from fetchkit.origin.faults.table import FAULTS
from tests.conftest import Serve

from .client import Client, Outcome
from .exchange import request_head
from .framing import End
from .scenarios import STALL_LIMIT
from .test_differential import assert_equal, is_problem

# A client that has no forward waits so long; the forward, which counts from the last byte, a little less.
PATIENCE = 3 * STALL_LIMIT

WHOLE = [
    *(f"/body/1000?pipe={pipe}" for pipe in (
        "status(200)", "status(404)", "status(299,Own Words)", "header(X-One,1)|header(X-One,2,add)",
        'header(X-Quoted,"a, b")', "delay(100ms)", "trickle(10000/s)", "trickle(10000/s,50%25)",
        "burst(300,50ms)", "stall(50%25,200ms)", "no-length", "chunked", "trailers", "trailers(X-Sum,1)",
        "early-hints", "gzip", "gzip(no-length)", "gzip(file-size)", "br", "zstd", "deflate",
        "mislabel(gzip)", "corrupt(3)", "bomb(1MiB)", "range(ignore)", "range(always)",
        "range(wrong-content-range)", "range(short)", "etag(weak)", "etag(unquoted)", "etag(none)",
        "no-cors", "cors(wrong)", "cors(twice)", "cors(no-expose)", "corp(same-origin)", "corp(none)",
        "coep(none)", "coop(unsafe-none)", "type(text/html)", "type(none)", "retry-after(3)",
        "retry-after(3,date)", "server-timing(db,12)", "preflight(403)", "cors(star-with-credentials)",
        "chunked|gzip|delay(10ms)", "status(503)|retry-after(1)|trickle(20000/s)",
    )),
    "/body/0", "/body/3MiB", "/body/3MiB?pipe=chunked", "/body/3MiB?pipe=no-length", "/get?a=1",
    "/status/418", "/status/204", "/etag/abc", "/stream/3", "/drip?duration=0.2&numbytes=4&delay=0",
    "/range/26", "/gzip", "/wasm/1000", "/status/429", "/cache/60", "/html", "/image/png",
    "/sse?count=2&duration=100ms",
]  # fmt: skip
RANGED = [
    ("Range: bytes=0-99",), ("Range: bytes=-5",), ("Range: bytes=0-1,5-6",), ("Range: bytes=2000-",),
    ("Range: bytes=0-9", 'If-Range: "other"'), ("If-None-Match: *",), ('If-Match: "other"',),
]  # fmt: skip
BROKEN = [
    f"/body/1000?pipe={pipe}"
    for pipe in (
        "cut(50%25)", "cut(1)", "cut(999)", "reset(50%25)", "reset(1)", "stall(50%25)", "length(%2B10)",
        "bad-chunk(500)", "no-last-chunk", "chunked|cut(500)", "chunked|reset(500)", "gzip|cut(50%25)",
        "trickle(20000/s)|cut(50%25)", "status(404)|cut(10)", "gzip(no-length)|reset(100)",
    )
]  # fmt: skip
UNUSABLE = {
    "fin-before-headers": 502,
    "rst-before-headers": 502,
    "half-headers": 502,
    "half-headers(rst)": 502,
    "half-headers(stall)": 502,
    "length(twice)": 502,
    "length(garbage)": 502,
    "length(negative)": 502,
    "delay(5)": 504,
}


async def ask(port: int, method: str, target: str, *lines: str, patience: float) -> Outcome:
    client = await Client.connect(port, patience)
    await client.send(request_head(method, target, *lines))
    try:
        return await client.read(method)
    finally:
        client.close()


async def both(serve: Serve, path: str, *lines: str, method: str = "GET") -> tuple[Outcome, Outcome]:
    """The outcome through the forward, and the direct one."""
    origin, server = await pair(serve)
    straight, passed = await asyncio.gather(
        ask(origin.port, method, f"/origin{path}", *lines, patience=PATIENCE),
        ask(server.port, method, forwarded(origin, path), *lines, patience=10 * PATIENCE),
    )
    return without_date(passed), without_date(straight)


async def pair(serve: Serve) -> tuple[Server, Server]:
    return await serve(), await serve(forward=Forward(stall_timeout=STALL_LIMIT))


def forwarded(origin: Server, path: str) -> str:
    return f"/forward/http://127.0.0.1:{origin.port}/origin{path}"


def without_date(outcome: Outcome) -> Outcome:
    """The two requests may fall into different seconds; addresses and prompts are the forward's to change."""
    volatile = {b"date", b"www-authenticate"}
    return evolve(outcome, headers=tuple(p for p in outcome.headers if p[0].lower() not in volatile))


@pytest.mark.parametrize("path", WHOLE)
async def test_what_is_whole_comes_through_whole(path: str, serve: Serve) -> None:
    passed, straight = await both(serve, path.replace(" ", "%20"))
    assert straight.end is End.COMPLETE
    assert_equal(*(of_one_request(outcome) for outcome in (passed, straight)))


def of_one_request(outcome: Outcome) -> Outcome:
    """Without what an echo tells of the two different requests, and an event of its time."""
    if b"application/json" not in outcome.values("Content-Type"):
        return evolve(outcome, body=re.sub(rb'"timestamp": ?[0-9]+', b"", outcome.body))
    body = gzip.decompress(outcome.body) if b"gzip" in outcome.values("Content-Encoding") else outcome.body
    try:
        told = [json.loads(body)]
    except ValueError:
        told = [json.loads(line) for line in body.splitlines()]
    kept = [{name: said for name, said in each.items() if name not in ("headers", "url")} for each in told]
    fields = tuple(pair for pair in outcome.headers if pair[0].lower() != b"content-length")
    return evolve(outcome, body=json.dumps(kept).encode(), headers=fields)


@pytest.mark.parametrize("lines", RANGED, ids=" ".join)
async def test_ranges_and_conditions_come_through(lines: tuple[str, ...], serve: Serve) -> None:
    passed, straight = await both(serve, "/body/1000", *lines)
    if len(lines) == 1 and "," in lines[0]:  # a boundary is made anew for every answer
        assert (passed.status, len(passed.body)) == (straight.status, len(straight.body))
        return
    if straight.status in (412, 416):
        assert (passed.status, passed.body) == (straight.status, straight.body)
        return
    assert_equal(passed, straight)


@pytest.mark.parametrize("word", ["405", "403", "no-length", "differs"])
async def test_wrong_answers_to_head_come_through(word: str, serve: Serve) -> None:
    passed, straight = await both(serve, f"/body/1000?pipe=head({word})", method="HEAD")
    assert_equal(passed, straight)


@pytest.mark.parametrize("path", BROKEN)
async def test_what_breaks_comes_through_broken(path: str, serve: Serve) -> None:
    passed, straight = await both(serve, path)
    assert straight.broken
    if passed.status == 502 and "bad-chunk" in path:  # it came in one segment with the head
        assert is_problem(passed)
        return
    assert_equal(passed, straight)


@pytest.mark.parametrize("pipe", UNUSABLE)
async def test_what_is_no_answer_becomes_a_problem(pipe: str, serve: Serve) -> None:
    passed, straight = await both(serve, f"/body/1000?pipe={pipe}")
    assert straight.broken
    assert is_problem(passed)
    assert passed.status == UNUSABLE[pipe]


def test_every_fault_that_needs_no_memory_is_tried() -> None:
    tried = " ".join([*WHOLE, *BROKEN, *UNUSABLE, "head("])
    assert {name for name in FAULTS if not re.search(rf"\b{name}\b", tried)} <= {"fail", "flaky"}
