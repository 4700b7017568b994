"""Bodies that take their time, or come without a length: drips, delays, events, lines, trailers. Pure."""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer, Framing, Piece, Wait
from fetchkit.origin.asked import Answered, Asked, json_answer
from fetchkit.origin.bodies import Pattern
from fetchkit.origin.fields import check_trailer
from fetchkit.origin.inspect import WITHOUT_BODY, anything, echo
from fetchkit.origin.parameters import parse_count, parse_number, parse_seconds, parse_size
from fetchkit.origin.route import Body, Peer, Route, path, query
from fetchkit.origin.settings import Shape

__all__ = ["ROUTES"]

# Finer steps than a hundred a second are not seen by anybody and cost a timer each.
_STEPS_A_SECOND: Final = 100
# A body that ends with every byte sent: no status that has none (RFC 9112, section 6.3).
_LOW, _HIGH = 200, 599
_ALL: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
# The keys of httpbin's answer.
_DELAYED: Final = ("args", "data", "files", "form", "headers", "origin", "url")
_OWN: Final = frozenset({"pipe", "token"})


def stream(asked: Asked) -> Answered:
    """`/stream/{n}`"""
    count = parse_count(asked.arguments["n"], 0, asked.settings.max_items, "n")
    line = echo(asked, *WITHOUT_BODY)
    line.pop("method", None)  # neither peer's lines have it

    def lines() -> Iterator[bytes]:
        for number in range(count):
            yield _line({**line, "id": number})

    return Answer(200, [("Content-Type", "application/json")], lines(), None)


def drip(asked: Asked) -> Answered:
    """`/drip`"""
    settings = asked.settings
    go = settings.shape is Shape.GO_HTTPBIN
    size = parse_size(asked.query.get("numbytes", "10"), settings.max_size, "numbytes")
    if not size:
        raise BadRequestError("numbytes: 0 is not from 1.")
    status = parse_count(asked.query.get("code", "200"), _LOW, _HIGH, "code")
    delay, duration = _delay_and_duration(asked, "2" if go else "0", "2")
    steps = max(1, min(size, int(duration * _STEPS_A_SECOND)))
    pause = duration / (steps - 1) if steps > 1 else duration
    stars = Pattern(b"*", size)

    def pieces() -> Iterator[Piece]:
        for step in range(steps):
            # One piece alone comes at the end of its time, several at its beginning, its end and between.
            if step or steps == 1:
                yield Wait(pause)
            yield from stars.pieces(size * step // steps, size * (step + 1) // steps)

    timing = _server_timing(
        ("total_duration", delay + duration, "all of it"),
        ("initial_delay", delay, "before the head"),
        ("write_duration", duration, "from the first byte to the last"),
        ("pause_per_write", pause, "between two writes"),
    )
    answer = Answer(status, [("Content-Type", "application/octet-stream"), *timing], pieces(), size)
    return _later(answer, delay)


def delay(asked: Asked) -> Answered:
    """`/delay/{d}`"""
    text, limit = asked.arguments["d"], asked.settings.max_seconds
    least, dash, most = text.partition("-")
    seconds = parse_seconds(least, limit, "d")
    if dash:
        top = parse_seconds(most, limit, "d")
        if top < seconds:
            raise BadRequestError(f"d: {text!a:.80} begins after its end.")
        seconds = random.uniform(seconds, top)  # noqa: S311  nothing is secret
    answer = json_answer(echo(asked, *_DELAYED))
    answer.fields += _server_timing(("initial_delay", seconds, "before the head"))
    return _later(answer, seconds)


def sse(asked: Asked) -> Answered:
    """`/sse`"""
    answer = _events(asked, _event)
    answer.fields = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
    return answer


def jsonl(asked: Asked) -> Answered:
    """`/jsonl`"""
    answer = _events(asked, lambda number: _line(_stamped(number)))
    answer.fields = [("Content-Type", "application/jsonl"), ("Cache-Control", "no-store")]
    return answer


def trailers(asked: Asked) -> Answered:
    """`/trailers`"""
    fields = [(name, value) for name, value in asked.query.pairs() if name not in _OWN]
    for name, value in fields:
        check_trailer(name, value)
    if asked.http10:
        raise BadRequestError("HTTP/1.0 has no trailers.")
    answer = anything(asked)
    answer.framing, answer.trailers = Framing.CHUNKED, fields
    if fields:
        answer.add("Trailer", ", ".join(dict.fromkeys(name for name, _ in fields)))
    return answer


def _events(asked: Asked, make: Callable[[int], bytes]) -> Answer:
    count = parse_count(asked.query.get("count", "10"), 1, asked.settings.max_items, "count")
    delay, duration = _delay_and_duration(asked, "0", "5")
    jitter = parse_number(asked.query.get("jitter", "0"), 0, 1, "jitter")
    pauses = _pauses(count - 1, duration, jitter)

    def pieces() -> Iterator[Piece]:
        yield make(0)
        for number, pause in enumerate(pauses, 1):
            yield Wait(pause)
            yield make(number)

    return _later(Answer(200, [], pieces(), None), delay)


def _pauses(count: int, duration: float, jitter: float) -> list[float]:
    """Pauses of one total; jitter makes each shorter or longer by up to that part of it."""
    if not count:
        return []
    weights = [1 + jitter * random.uniform(-1, 1) for _ in range(count)]  # noqa: S311  nothing is secret
    total = sum(weights) or 1.0
    return [duration * weight / total for weight in weights]


def _delay_and_duration(asked: Asked, delay: str, duration: str) -> tuple[float, float]:
    limit = asked.settings.max_seconds
    waited = parse_seconds(asked.query.get("delay", delay), limit, "delay")
    spread = parse_seconds(asked.query.get("duration", duration), limit, "duration")
    if waited + spread > limit:
        raise BadRequestError(
            f"delay and duration are {waited + spread:g} s together, beyond the limit of {limit:g} s.",
            "max-seconds of [origin] raises it.",
        )
    return waited, spread


def _later(answer: Answer, seconds: float) -> Answer:
    if seconds:
        answer.before.append(Wait(seconds))
    return answer


def _stamped(number: int) -> dict[str, int]:
    return {"id": number, "timestamp": time.time_ns() // 1_000_000}


def _event(number: int) -> bytes:
    # HTML, section 9.2.6: an event ends with an empty line
    return f"id: {number}\nevent: ping\ndata: {json.dumps(_stamped(number))}\n\n".encode()


def _line(value: Any) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def _server_timing(*metrics: tuple[str, float, str]) -> list[tuple[str, str]]:
    """Server-Timing, and leave for pages of other origins to read it (Resource Timing, section 4.5.1)."""
    value = ", ".join(f'{name};dur={seconds * 1000:.2f};desc="{text}"' for name, seconds, text in metrics)
    return [("Server-Timing", value), ("Timing-Allow-Origin", "*")]


_COUNT: Final = query("count", "count", "How many.", "10")
_BETWEEN: Final = query("duration", "time", "From the first to the last.", "5s")
_BEFORE: Final = query("delay", "time", "Before the head.", "0")
_JITTER: Final = query("jitter", "number", "Pauses differ by up to this part, 0 to 1.", "0")
_BOTH: Final = (Peer.HTTPBIN, Peer.GO)

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("GET",),
        "/stream/{n}",
        stream,
        "Lines of JSON that describe the request, without Content-Length.",
        (path("n", "count", "Lines.", "3"),),
        _BOTH,
        "Both send 100 lines where more are asked for.",
        group="Bodies",
    ),
    Route(
        ("GET",),
        "/drip",
        drip,
        "Stars, dripped over a time.",
        (
            query("duration", "time", "From the first byte to the last.", "2s"),
            query("numbytes", "size", "Bytes, from 1.", "10"),
            query("code", "count", "Status code, 200 to 599.", "200"),
            query("delay", "time", "Before the head; 2s in the shape of go-httpbin.", "0"),
        ),
        _BOTH,
        "httpbin sends 10 MiB where more is asked for and has no limit of time; its text says that delay is 2"
        " by default, its code has 0. go-httpbin's limits are 1 MiB and 10 s.",
        group="Bodies",
    ),
    Route(
        (*_ALL, "TRACE"),
        "/delay/{d}",
        delay,
        "What was asked, told back later.",
        (path("d", "time", "How much later; 1-2 is a time from one to two seconds.", "500ms"),),
        _BOTH,
        "httpbin waits 10 s where more is asked for, and fails for less than nothing.",
        Body.READ,
        "Bodies",
    ),
    Route(
        ("GET",),
        "/sse",
        sse,
        "Server-sent events over a time.",
        (_COUNT, _BETWEEN, _BEFORE, _JITTER),
        (Peer.GO,),
        group="Bodies",
    ),
    Route(
        ("GET",),
        "/jsonl",
        jsonl,
        "JSON Lines over a time.",
        (_COUNT, _BETWEEN, _BEFORE, _JITTER),
        (Peer.GO,),
        "go-httpbin sends its maximum where more is asked for.",
        group="Bodies",
    ),
    Route(
        _ALL,
        "/trailers",
        trailers,
        "What /anything answers, in chunks, with the query's fields as trailers behind it.",
        (query("NAME", "text", "A trailer field and its value; any number of them."),),
        (Peer.GO,),
        body=Body.READ,
        group="Bodies",
    ),
)
