"""Drips, delays, events, lines and trailers: their bytes, their pauses, their limits."""

import json
import time
from itertools import pairwise
from typing import Any

import pytest

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer, Framing, Wait
from fetchkit.origin.settings import Origin, Shape
from fetchkit.origin.timed import ROUTES
from tests.conftest import Raw, Serve

from . import asking
from .asking import body_of, json_of, waits_of

GO = Origin(shape=Shape.GO_HTTPBIN)


async def ask(target: str, *fields: tuple[str, str], **more: Any) -> Answer:
    return await asking.ask(ROUTES, target, *fields, **more)


async def test_lines_tell_the_request_back_with_their_number() -> None:
    answer = await ask("/stream/3?a=1", ("X-A", "b"))
    lines = [json.loads(line) for line in body_of(answer).splitlines()]
    assert answer.size is None
    assert answer.get("Content-Type") == "application/json"
    assert [line["id"] for line in lines] == [0, 1, 2]
    assert set(lines[0]) == {"args", "headers", "id", "origin", "url"}
    assert lines[2]["args"] == {"a": "1"}
    assert lines[2]["url"].endswith("/origin/stream/3?a=1")
    assert body_of(await ask("/stream/0")) == b""


async def test_stars_drip_over_their_time() -> None:
    answer = await ask("/drip?duration=2&numbytes=5&code=404&delay=500ms")
    pieces = list(answer.pieces)
    assert answer.status == 404
    assert answer.size == 5
    assert answer.before == [Wait(0.5)]
    assert pieces == [b"*", *(x for _ in range(4) for x in (Wait(0.5), b"*"))]


async def test_the_defaults_of_a_drip_are_those_of_the_shape() -> None:
    answer = await ask("/drip")
    assert answer.before == []
    assert sum(waits_of(answer)) == pytest.approx(2)
    assert body_of(await ask("/drip")) == b"*" * 10
    assert (await ask("/drip", settings=GO)).before == [Wait(2.0)]


@pytest.mark.parametrize("size", [1, 2, 99, 1000, 123_457])
@pytest.mark.parametrize("duration", [0, 0.001, 0.5, 3])
async def test_every_star_of_a_drip_comes_and_the_pauses_are_its_duration(size: int, duration: float) -> None:
    target = f"/drip?numbytes={size}&duration={duration}"
    assert body_of(await ask(target)) == b"*" * size
    waits = waits_of(await ask(target))
    assert sum(waits) == pytest.approx(duration)
    assert len(waits) <= max(1, duration * 100)


async def test_a_drip_says_its_times() -> None:
    timing = (await ask("/drip?duration=2&numbytes=5&delay=1")).get("Server-Timing") or ""
    assert [metric.split(";desc")[0] for metric in timing.split(", ")] == [
        "total_duration;dur=3000.00",
        "initial_delay;dur=1000.00",
        "write_duration;dur=2000.00",
        "pause_per_write;dur=500.00",
    ]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_delay_tells_the_request_back_later(method: str) -> None:
    answer = await ask(
        "/delay/1.5?a=1", ("Content-Type", "text/plain"), method=method, pieces=[b"body"], length=4
    )
    shown = json_of(answer)
    assert answer.before == [Wait(1.5)]
    assert set(shown) == {"args", "data", "files", "form", "headers", "origin", "url"}
    assert shown["data"] == "body"
    assert (answer.get("Server-Timing") or "").startswith("initial_delay;dur=1500.00")
    assert answer.get("Timing-Allow-Origin") == "*"


async def test_a_delay_takes_both_spellings_and_a_range() -> None:
    assert (await ask("/delay/500ms")).before == [Wait(0.5)]
    assert (await ask("/delay/0")).before == []
    drawn = {(await ask("/delay/1-2")).before[0] for _ in range(20)}
    assert len(drawn) > 1
    assert all(isinstance(wait, Wait) and 1 <= wait.seconds <= 2 for wait in drawn)


async def test_events_are_numbered_and_spread() -> None:
    answer = await ask("/sse?count=3&duration=2&delay=1")
    assert answer.size is None
    assert answer.get("Content-Type") == "text/event-stream"
    assert answer.before == [Wait(1.0)]
    pieces = list(answer.pieces)
    assert pieces[1::2] == [Wait(1.0), Wait(1.0)]
    for number, event in enumerate(pieces[::2]):
        assert isinstance(event, bytes)
        ident, name, data, *end = event.decode().split("\n")
        assert (ident, name, end) == (f"id: {number}", "event: ping", ["", ""])
        assert json.loads(data.removeprefix("data: "))["id"] == number


async def test_json_lines_are_one_object_a_line() -> None:
    answer = await ask("/jsonl?count=4&duration=0")
    assert answer.get("Content-Type") == "application/jsonl"
    stamps = [json.loads(line) for line in body_of(answer).splitlines()]
    assert [stamp["id"] for stamp in stamps] == [0, 1, 2, 3]
    assert all(one["timestamp"] <= other["timestamp"] for one, other in pairwise(stamps))


async def test_jitter_makes_pauses_differ_and_keeps_their_sum() -> None:
    even = waits_of(await ask("/sse?count=50&duration=5"))
    uneven = waits_of(await ask("/sse?count=50&duration=5&jitter=0.5"))
    assert len(set(even)) == 1
    assert len(set(uneven)) > 10
    assert sum(uneven) == pytest.approx(5)
    assert min(uneven) > 0


async def test_one_event_waits_for_nothing() -> None:
    assert waits_of(await ask("/sse?count=1")) == []


async def test_trailers_stand_behind_a_chunked_body() -> None:
    answer = await ask("/trailers?X-One=1&X-Two=a+b&X-One=3&token=t")
    assert answer.framing is Framing.CHUNKED
    assert answer.trailers == [("X-One", "1"), ("X-Two", "a b"), ("X-One", "3")]
    assert answer.get("Trailer") == "X-One, X-Two"
    assert json_of(answer)["args"]["X-Two"] == "a b"
    none = await ask("/trailers")
    assert none.framing is Framing.CHUNKED
    assert none.get("Trailer") is None


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/stream/10001", "n: 10001 is not from 0 to 10000"),
        ("/stream/x", "n"),
        ("/drip?numbytes=0", "numbytes"),
        ("/drip?code=100", "code: 100 is not from 200 to 599"),
        ("/drip?code=600", "code"),
        ("/drip?duration=400&delay=201", "601 s together, beyond the limit of 600 s"),
        ("/drip?duration=x", "duration"),
        ("/delay/601", "d: 601 is beyond the limit of 600 s"),
        ("/delay/-1", "d: '' is no duration"),
        ("/delay/2-1", "begins after its end"),
        ("/sse?count=0", "count: 0 is not from 1"),
        ("/sse?count=10001", "count"),
        ("/sse?jitter=2", "jitter"),
        ("/jsonl?delay=-1", "delay"),
        ("/trailers?Content-Length=1", "Content-Length may not be a trailer"),
        ("/trailers?a%20b=1", "no name of a header field"),
        ("/trailers?X=a%0d%0ab", "characters that no header field can carry"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_the_reason(target: str, problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        await ask(target)


async def test_an_old_client_cannot_have_trailers() -> None:
    with pytest.raises(BadRequestError, match=r"HTTP/1\.0"):
        await ask("/trailers?X=1", http10=True)


async def test_on_the_wire_a_drip_takes_its_time_and_its_first_star_comes_early(
    serve: Serve, raw: Raw
) -> None:
    client = await raw(await serve())
    began = time.monotonic()
    client.send(b"GET /origin/drip?duration=400ms&numbytes=3&delay=200ms HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    head = await client.head()
    assert time.monotonic() - began >= 0.199
    assert head.headers["Content-Length"] == "3"
    first = await client.reader.readexactly(1)
    assert first == b"*"
    rest = await client.reader.readexactly(2)
    assert rest == b"**"
    assert time.monotonic() - began >= 0.599


async def test_on_the_wire_trailers_stand_behind_the_last_chunk(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    client.send(b"GET /origin/trailers?X-A=1&X-B=b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    head = await client.head()
    assert head.headers["Transfer-Encoding"] == "chunked"
    assert head.headers["Trailer"] == "X-A, X-B"
    assert (await client.reader.readuntil(b"\r\n0\r\nX-A: 1\r\nX-B: b\r\n\r\n")).endswith(b"\r\n\r\n")
    assert (await client.ask("GET", "/origin/get")).status == 200


async def test_on_the_wire_a_stream_to_an_old_client_ends_with_its_connection(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    client.send(b"GET /origin/stream/2 HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
    head = await client.head()
    assert "Transfer-Encoding" not in head.headers
    assert len((await client.reader.read()).splitlines()) == 2
