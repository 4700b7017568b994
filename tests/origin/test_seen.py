"""What the server saw under a token."""

import asyncio
import inspect
import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin import seen
from fetchkit.origin.answer import Answer
from fetchkit.origin.asked import Asked
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.store import Store
from fetchkit.origin.memory.tokens import check_token
from fetchkit.origin.parameters import parse_query
from fetchkit.origin.seen import Sight, preflighted, remember, report
from fetchkit.origin.settings import KIB, Origin

SETTINGS = Origin()
PUT = Sight(
    method="PUT",
    target="/origin/put?token=t",
    headers=(("X-A", "1"), ("X-A", "2"), ("X-B", "\udcff")),
    time=1000.0,
    seconds=0.25,
    size=2,
    sha256="ab",
    complete=True,
    status=200,
)
PREFLIGHT = evolve(PUT, method="OPTIONS", headers=(("access-control-request-method", "PUT"),), preflight=True)


async def ask(store: Store, method: str, path: str, query: str = "", settings: Origin = SETTINGS) -> Answer:
    """Ask a handler."""
    _, kind, *names = path.split("/")
    route = next(r for r in seen.ROUTES if method in r.methods and r.pattern.startswith(f"/{kind}/"))
    arguments = dict(zip(("token", "name"), names, strict=False))
    answered: Any = route.handler(
        Asked(store=store, settings=settings, method=method, arguments=arguments, query=parse_query(query))
    )
    answered = await answered if inspect.isawaitable(answered) else answered
    assert isinstance(answered, Answer)
    return answered


def told(answer: Answer) -> Any:
    return json.loads(b"".join(bytes(piece) for piece in answer.pieces if isinstance(piece, bytes)))


@pytest.fixture
def store() -> Store:
    return ProcessStore(SETTINGS)


async def test_what_was_seen_is_told_in_order_with_the_time_between(store: Store) -> None:
    assert told(await ask(store, "GET", "/seen/t")) == {"token": "t", "count": 0, "requests": []}
    await remember(store, SETTINGS, "t", evolve(PUT, method="GET", time=1001.5))  # answered first
    await remember(store, SETTINGS, "t", PUT)
    await remember(store, SETTINGS, "other", PUT)
    answer = told(await ask(store, "GET", "/seen/t"))
    assert (answer["token"], answer["count"]) == ("t", 2)
    first, second = answer["requests"]
    assert first == {
        "method": "PUT",
        "target": "/origin/put?token=t",
        "headers": [["X-A", "1"], ["X-A", "2"], ["X-B", "\udcff"]],
        "time": 1000.0,
        "seconds": 0.25,
        "size": 2,
        "sha256": "ab",
        "complete": True,
        "status": 200,
        "preflight": False,
        "after": None,
        "preflighted": False,
    }
    assert (second["method"], second["after"]) == ("GET", 1.5)


def test_a_preflight_counts_for_the_next_request_to_its_target_and_method() -> None:
    elsewhere = evolve(PUT, target="/origin/delay/1?token=t")
    sights = [PUT, PREFLIGHT, elsewhere, PUT, PUT, PREFLIGHT, evolve(PUT, method="DELETE"), PUT]
    assert preflighted(sights) == [False, False, False, True, False, False, False, False]


def test_preflights_of_two_methods_count_for_either() -> None:
    other = evolve(PREFLIGHT, headers=(("Access-Control-Request-Method", "DELETE"),))
    assert preflighted([PREFLIGHT, other, PUT]) == [False, False, True]
    assert preflighted([other, PREFLIGHT, evolve(PUT, method="DELETE")]) == [False, False, True]


def test_a_request_that_looks_like_a_preflight_but_is_none_counts_for_nothing() -> None:
    assert preflighted([evolve(PREFLIGHT, preflight=False), PUT]) == [False, False]


_sights = st.builds(
    Sight,
    method=st.sampled_from(["GET", "PUT", "OPTIONS"]),
    target=st.text(max_size=3),
    headers=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
    time=st.floats(0, 1e10),
    seconds=st.floats(0, 100),
    size=st.integers(0),
    sha256=st.text(),
    complete=st.booleans(),
    status=st.integers(100, 999),
    preflight=st.booleans(),
)


@given(_sights)
def test_a_sight_comes_back_as_it_was(sight: Sight) -> None:
    assert Sight.from_json(sight.to_json()) == sight


@given(st.lists(_sights, max_size=5))
def test_the_report_has_each_request_once_and_time_goes_forward(sights: list[Sight]) -> None:
    rows = report("t", sights)["requests"]
    assert len(rows) == len(sights)
    assert [row["after"] for row in rows[:1]] == [None][: len(rows)]
    assert all(row["after"] >= 0 for row in rows[1:])


async def test_only_the_last_requests_are_kept() -> None:
    settings = Origin(max_seen=3)
    store = ProcessStore(settings)
    for number in range(5):
        await remember(store, settings, "t", evolve(PUT, time=float(number)))
    answer = told(await ask(store, "GET", "/seen/t", settings=settings))
    assert [row["time"] for row in answer["requests"]] == [2.0, 3.0, 4.0]


async def test_a_request_that_is_larger_than_the_memory_is_left_out() -> None:
    settings = Origin(max_memory=4 * KIB)
    store = ProcessStore(settings)
    await remember(store, settings, "t", evolve(PUT, headers=(("X", "x" * 5000),)))
    assert told(await ask(store, "GET", "/seen/t"))["count"] == 0


async def test_what_was_seen_is_forgotten_and_nothing_else_of_the_token(store: Store) -> None:
    await remember(store, SETTINGS, "t", PUT)
    await store.put("t", "else", b"kept")
    assert (await ask(store, "DELETE", "/seen/t")).status == 204
    assert told(await ask(store, "GET", "/seen/t"))["requests"] == []
    assert await store.get("t", "else") == b"kept"
    await remember(store, SETTINGS, "t", PUT)
    assert told(await ask(store, "GET", "/seen/t"))["count"] == 1


async def test_forgetting_where_nothing_was_seen_leaves_nothing(store: Store) -> None:
    assert (await ask(store, "DELETE", "/seen/t")).status == 204
    assert not await store.forget("t")


async def test_waiting_ends_with_the_request_that_was_waited_for_and_not_with_a_preflight(
    store: Store,
) -> None:
    await remember(store, SETTINGS, "t", PUT)
    waiting = asyncio.create_task(ask(store, "GET", "/seen/t", "wait=2&timeout=60"))
    await asyncio.sleep(0)
    await remember(store, SETTINGS, "t", PREFLIGHT)
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    await remember(store, SETTINGS, "t", evolve(PUT, time=1002.0))
    assert told(await waiting)["count"] == 3


async def test_waiting_ends_in_time_with_what_there_is(store: Store) -> None:
    loop = asyncio.get_running_loop()
    await remember(store, SETTINGS, "t", PUT)
    began = loop.time()
    assert told(await ask(store, "GET", "/seen/t", "wait=2&timeout=100ms"))["count"] == 1
    assert loop.time() - began >= 0.1


async def test_waiting_for_what_was_seen_ends_at_once(store: Store) -> None:
    await remember(store, SETTINGS, "t", PUT)
    assert told(await asyncio.wait_for(ask(store, "GET", "/seen/t", "wait=1"), 5))["count"] == 1


@pytest.mark.parametrize(
    "query", ["wait=x", "wait=-1", "wait=1001", "wait=1&timeout=x", "wait=1&timeout=601", "wait=1&timeout=-1"]
)
async def test_waiting_beyond_the_limits_is_refused(store: Store, query: str) -> None:
    with pytest.raises(BadRequestError):
        await ask(store, "GET", "/seen/t", query)


async def test_the_usual_time_is_within_the_limit_whatever_it_is(store: Store) -> None:
    settings = Origin(max_seconds=0.05)
    assert told(await ask(store, "GET", "/seen/t", "wait=1", settings))["count"] == 0


async def test_a_counter_gives_each_number_once(store: Store) -> None:
    answers = await asyncio.gather(*(ask(store, "POST", "/counter/t/visits") for _ in range(20)))
    assert sorted(told(answer)["count"] for answer in answers) == list(range(1, 21))
    assert told(await ask(store, "POST", "/counter/t/other")) == {"token": "t", "name": "other", "count": 1}


async def test_a_token_with_too_many_counters_is_refused() -> None:
    store = ProcessStore(Origin(max_memory=KIB))
    with pytest.raises(BadRequestError, match="names") as caught:  # noqa: PT012  one of them is too much
        for number in range(100):
            await ask(store, "POST", f"/counter/t/{number}")
    assert "DELETE /origin/token/t" in caught.value.hint


async def test_a_token_is_forgotten_with_everything(store: Store) -> None:
    await remember(store, SETTINGS, "t", PUT)
    await ask(store, "POST", "/counter/t/visits")
    for _ in range(2):
        assert (await ask(store, "DELETE", "/token/t")).status == 204
    assert told(await ask(store, "GET", "/seen/t"))["count"] == 0
    assert told(await ask(store, "POST", "/counter/t/visits"))["count"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/seen/a b"), ("DELETE", "/seen/"), ("POST", "/counter/t/ü"), ("DELETE", "/token/%")],
)
async def test_a_token_that_is_none_is_refused(store: Store, method: str, path: str) -> None:
    with pytest.raises(BadRequestError, match="no token"):
        await ask(store, method, path)


@pytest.mark.parametrize("text", ["a", "A-z_0.9~", "x" * 128, ".."])
def test_a_token_is_unreserved_characters(text: str) -> None:
    assert check_token(text) == text


@pytest.mark.parametrize("text", ["", "x" * 129, "a\n", "a/b", "é", "\udcff", "a%20"])
def test_other_text_is_no_token(text: str) -> None:
    with pytest.raises(BadRequestError):
        check_token(text)
