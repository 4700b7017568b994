"""The bus: who is told what, and that no listener harms who tells."""

import logging

import pytest

from fetchkit.events import KINDS, Answered, BodyBroken, Event, Events, Failed, FileServed, Refused

from .conftest import Raw, Serve

ANSWERED = Answered("GET", "/", 200, 2, 0.001)
SERVED = FileServed("/", "/srv/index.html", 200)
REFUSED = Refused("GET", "/", 421, "The host is not known.", "--allow-host x")
BROKEN = BodyBroken("/", 1, 2, "The file shrank.")
FAILED = Failed("GET", "/", ValueError("x"))
ALL: list[Event] = [ANSWERED, SERVED, REFUSED, BROKEN, FAILED]


def broken_listener(_event: Event) -> None:
    raise ValueError("a broken listener")


def test_a_listener_hears_every_kind_unless_it_says_which() -> None:
    events, heard = Events(), list[Event]()
    events.subscribe(heard.append)
    for event in ALL:
        events.emit(event)
    assert heard == ALL
    assert events.heard == set(KINDS)


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_a_listener_hears_only_the_kinds_that_it_named(event: Event) -> None:
    events, heard = Events(), list[Event]()
    events.subscribe(heard.append, [type(event)])
    for other in ALL:
        events.emit(other)
    assert heard == [event]
    assert events.heard == {type(event)}


def test_without_a_listener_nothing_is_heard() -> None:
    events = Events()
    assert events.heard == set()
    for event in ALL:
        events.emit(event)


def test_a_listener_that_was_taken_away_hears_no_more() -> None:
    events, heard = Events(), list[Event]()
    stop = events.subscribe(heard.append, [Answered])
    other = list[Event]()
    events.subscribe(other.append, [Refused])
    stop()
    stop()
    events.emit(ANSWERED)
    events.emit(REFUSED)
    assert (heard, other) == ([], [REFUSED])
    assert events.heard == {Refused}


def test_one_listener_may_subscribe_twice_and_leave_once() -> None:
    events, heard = Events(), list[Event]()
    stop = events.subscribe(heard.append, [Answered])
    events.subscribe(heard.append, [Answered])
    events.emit(ANSWERED)
    stop()
    events.emit(ANSWERED)
    assert heard == [ANSWERED] * 3


def test_listeners_are_told_in_the_order_in_which_they_came() -> None:
    events, order = Events(), list[int]()
    for number in range(3):
        events.subscribe(lambda _event, number=number: order.append(number))  # type: ignore[misc]
    events.emit(ANSWERED)
    assert order == [0, 1, 2]


def test_a_listener_may_leave_while_it_is_told() -> None:
    events, heard = Events(), list[Event]()
    stop = events.subscribe(lambda _event: stop())
    events.subscribe(heard.append)
    events.emit(ANSWERED)
    events.emit(ANSWERED)
    assert heard == [ANSWERED, ANSWERED]


def test_a_listener_that_raises_is_logged_and_keeps_nobody_from_hearing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events, heard = Events(), list[Event]()
    events.subscribe(broken_listener)
    events.subscribe(heard.append)
    with caplog.at_level(logging.ERROR, "fetchkit.events"):
        events.emit(ANSWERED)
    assert heard == [ANSWERED]
    assert "listener failed" in caplog.text


async def test_a_listener_that_raises_harms_no_request(serve: Serve, raw: Raw) -> None:
    from fetchkit.web.keys import events_of

    server = await serve()
    events_of(server.app).subscribe(broken_listener)
    client = await raw(server)
    assert (await client.ask("GET", "/digits.txt")).body == b"0123456789"
    assert (await client.ask("GET", "/digits.txt", host="rebound.example")).status == 421
    assert (await client.ask("GET", "/digits.txt", "Range: bytes=2-3")).body == b"23"


async def test_features_and_guard_tell_what_they_did(serve: Serve, raw: Raw) -> None:
    from fetchkit.web.keys import events_of

    server, heard = await serve(), list[Event]()
    events_of(server.app).subscribe(heard.append)
    client = await raw(server)
    await client.ask("GET", "/digits.txt?v=1")
    await client.ask("GET", "/digits.txt", host="rebound.example")
    await client.ask("GET", "/missing")
    answered = [event for event in heard if isinstance(event, Answered)]
    served = [event for event in heard if isinstance(event, FileServed)]
    refused = [event for event in heard if isinstance(event, Refused)]
    assert [(a.method, a.target, a.status) for a in answered] == [
        ("GET", "/digits.txt?v=1", 200),
        ("GET", "/digits.txt", 421),
        ("GET", "/missing", 404),
    ]
    assert answered[0].sent == 10
    assert answered[0].seconds >= 0
    assert answered[0].peer == "127.0.0.1"
    assert [(s.target, s.path.rpartition("/")[2], s.status) for s in served] == [
        ("/digits.txt?v=1", "digits.txt", 200)
    ]
    assert [(r.target, r.status, r.peer) for r in refused] == [("/digits.txt", 421, "127.0.0.1")]
    assert "--allow-host rebound.example" in refused[0].hint
