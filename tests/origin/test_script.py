"""Scripts: a list of answers, given one after the other."""

import asyncio
import contextlib
import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError, NotFoundError
from fetchkit.origin import script
from fetchkit.origin.answer import Answer
from fetchkit.origin.asked import Asked, Scripted
from fetchkit.origin.faults.pipe import EMPTY
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.store import Store
from fetchkit.origin.script import Scene, Script, Then, parse_script, turn
from fetchkit.origin.settings import KIB, Origin


async def ask(store: Store, method: str, body: Any = b"", name: str = "t", **settings: Any) -> Answer:
    """Ask a handler; what is no bytes is sent as JSON."""
    route = next(route for route in script.ROUTES if method in route.methods)
    asked = Asked(
        store=store,
        settings=Origin(**settings),
        method=method,
        target=f"/origin/script/{name}",
        arguments={"token": name},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )
    answered: Any = route.handler(asked)
    answered = await answered if inspect.isawaitable(answered) else answered
    if isinstance(answered, Scripted):
        assert answered.pipe == EMPTY
        answered = answered.answer
    assert isinstance(answered, Answer)
    return answered


def body_of(answer: Answer) -> bytes:
    body = b"".join(bytes(piece) for piece in answer.pieces if isinstance(piece, bytes))
    assert len(body) == answer.size
    return body


@pytest.fixture
def store() -> Store:
    return ProcessStore(Origin())


async def test_the_answers_come_in_their_order_and_the_last_one_stays(store: Store) -> None:
    answer = await ask(store, "PUT", [{"status": 503, "body": "no"}, {"json": {"a": 1}}])
    assert answer.status == 201
    assert json.loads(body_of(answer)) == {
        "token": "t", "answers": 2, "then": "last", "url": "http://127.0.0.1/origin/script/t",
    }  # fmt: skip
    first = await ask(store, "GET")
    assert (first.status, body_of(first), first.get("Content-Type")) == (
        503, b"no", "text/plain; charset=utf-8",
    )  # fmt: skip
    for method in ("POST", "PATCH", "GET"):
        answer = await ask(store, method)
        assert (answer.status, body_of(answer), answer.get("Content-Type")) == (
            200, b'{"a": 1}', "application/json",
        )  # fmt: skip


async def test_a_loop_begins_again_and_gone_is_a_410(store: Store) -> None:
    answers = [{"status": 201}, {"status": 202}]
    await ask(store, "PUT", {"answers": answers, "then": "loop"})
    assert [(await ask(store, "GET")).status for _ in range(5)] == [201, 202, 201, 202, 201]
    await ask(store, "PUT", {"answers": answers, "then": "gone"})
    assert [(await ask(store, "GET")).status for _ in range(4)] == [201, 202, 410, 410]


async def test_every_call_gets_its_own_answer_however_many_come_at_once(store: Store) -> None:
    await ask(store, "PUT", [{"status": 200 + n} for n in range(50)])
    answers = await asyncio.gather(*(ask(store, "GET") for _ in range(50)))
    assert sorted(answer.status for answer in answers) == list(range(200, 250))


async def test_a_new_script_begins_at_its_beginning(store: Store) -> None:
    await ask(store, "PUT", [{"status": 201}, {"status": 202}])
    await ask(store, "GET")
    await ask(store, "PUT", [{"status": 203}, {"status": 204}])
    assert (await ask(store, "GET")).status == 203


async def test_without_a_script_a_404_says_how_to_make_one(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        await ask(store, "GET")
    assert "PUT /origin/script/t" in caught.value.hint


async def test_a_script_is_forgotten_and_nothing_else_of_the_token(store: Store) -> None:
    assert (await ask(store, "DELETE")).status == 204
    await ask(store, "PUT", [{"body": "x"}])
    assert await store.count("t", "other") == 1
    assert (await ask(store, "DELETE")).status == 204
    with pytest.raises(NotFoundError):
        await ask(store, "GET")
    assert await store.count("t", "other") == 2


async def test_an_answer_has_its_fields_its_bytes_and_its_pipe(store: Store) -> None:
    headers = [["X-A", "1"], ["X-A", "2"], ["content-type", "image/png"]]
    answers = [{"headers": headers, "body-base64": "AP8=", "pipe": "delay(5ms)|cut(50%)"}, {"headers": {}}]
    await ask(store, "PUT", answers)
    route = next(route for route in script.ROUTES if "GET" in route.methods)
    answered: Any = route.handler(Asked(store=store, arguments={"token": "t"}))
    scripted: Any = await answered
    assert isinstance(scripted, Scripted)
    assert scripted.answer.fields == [("X-A", "1"), ("X-A", "2"), ("content-type", "image/png")]
    assert body_of(scripted.answer) == b"\x00\xff"
    assert [call.name for call, _ in scripted.pipe.steps] == ["delay", "cut"]
    empty = await ask(store, "GET")
    assert (empty.status, empty.fields, empty.size) == (200, [], 0)


@pytest.mark.parametrize("token", ["", "a b", "a/b", "ü", "x" * 129, "a\n"])
async def test_a_token_that_is_none_is_refused(store: Store, token: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        with pytest.raises(BadRequestError, match="token"):
            await ask(store, method, [{}], token)


async def test_a_script_larger_than_the_memory_is_refused_with_the_limit() -> None:
    store = ProcessStore(Origin(max_memory=KIB))
    with pytest.raises(BadRequestError, match="1024"):
        await ask(store, "PUT", [{"body": "x" * 2000}], max_memory=KIB)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"", "no JSON", id="nothing"),
        pytest.param(b"{", "no JSON", id="cut"),
        pytest.param(b"\xff\xfe", "", id="not-utf-8"),
        pytest.param(b"[" * 100_000, "too deep", id="deep"),
        pytest.param(b'[{"json": NaN}]', "NaN", id="nan"),
        pytest.param(b'[{"status": ' + b"9" * 5000 + b"}]", "no JSON", id="endless-number"),
        pytest.param({}, "neither a list", id="object"),
        pytest.param("text", "neither a list", id="text"),
        pytest.param({"answers": {}}, "neither a list", id="answers-as-object"),
        pytest.param([], "answers: 0 is not from 1", id="empty"),
        pytest.param([{}] * 11, "max-items", id="too-many"),
        pytest.param({"answers": [{}], "than": "loop"}, "'than'", id="unknown-key"),
        pytest.param({"answers": [{}], "then": "again"}, "then: 'again'", id="then"),
        pytest.param({"answers": [{}], "then": []}, "then: ", id="then-as-list"),
        pytest.param([{}, 7], "answers[1]: ", id="number"),
        pytest.param([{"stats": 1}], "answers[0].'stats'", id="unknown-key-of-an-answer"),
        pytest.param([{}, {"status": 199}], "answers[1].status: 199", id="low-status"),
        pytest.param([{"status": 1000}], "answers[0].status", id="high-status"),
        pytest.param([{"status": True}], "answers[0].status", id="flag-as-status"),
        pytest.param([{"status": 200.5}], "answers[0].status", id="fraction-as-status"),
        pytest.param([{"headers": 1}], "answers[0].headers: ", id="headers-as-number"),
        pytest.param([{"headers": [["a"]]}], "answers[0].headers: ", id="no-pair"),
        pytest.param([{"headers": {"a": 1}}], "answers[0].headers.a: 1", id="number-as-value"),
        pytest.param([{"headers": {"a": "b\r\nc: d"}}], "answers[0].headers: ", id="two-lines"),
        pytest.param([{"headers": {"a b": "c"}}], "answers[0].headers: ", id="space-in-a-name"),
        pytest.param([{"headers": {"a": "\ud800"}}], "surrogate", id="surrogate-in-a-field"),
        pytest.param([{"headers": {"Content-Length": "1"}}], "frames the message", id="framing"),
        pytest.param([{"headers": {"Clear-Site-Data": "*"}}], "refused", id="dangerous"),
        pytest.param([{"headers": [["a", "b"]] * 11}], "answers[0].headers: ", id="too-many-fields"),
        pytest.param([{"body": "a", "json": 1}], "body and json", id="two-bodies"),
        pytest.param([{"body": 1}], "answers[0].body: 1", id="number-as-body"),
        pytest.param([{"body": "\ud800"}], "surrogate", id="surrogate-in-a-body"),
        pytest.param([{"body-base64": "a"}], "answers[0].body-base64", id="no-base64"),
        pytest.param([{"body-base64": "ü"}], "answers[0].body-base64", id="base64-not-ascii"),
        pytest.param([{"pipe": "stauts(1)"}], "answers[0].pipe: pipe: at character 1", id="pipe"),
        pytest.param([{"pipe": 1}], "answers[0].pipe: 1", id="number-as-pipe"),
        pytest.param([{"pipe": "fail(1)"}], "answers[0].pipe: what counts", id="counting-pipe"),
    ],
)
def test_a_mistake_is_refused_where_it_is(body: Any, said: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_script(body if isinstance(body, bytes) else json.dumps(body).encode(), Origin(max_items=10))
    assert said in caught.value.detail


def test_what_is_dangerous_is_allowed_where_the_settings_say_so() -> None:
    body = b'[{"headers": {"Clear-Site-Data": "*"}}]'
    assert parse_script(body, Origin(dangerous=True)).scenes[0].fields == (("Clear-Site-Data", "*"),)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["answers", "then", "status", "headers", "body", "body-base64", "json", "pipe"]
                ),
                x,
            )
        ),
    )
)
def test_any_json_is_a_script_or_a_400(told: Any) -> None:
    with contextlib.suppress(BadRequestError):
        assert parse_script(json.dumps(told).encode(), Origin()).scenes


@given(st.binary())
def test_any_bytes_are_a_script_or_a_400(body: bytes) -> None:
    with contextlib.suppress(BadRequestError):
        assert parse_script(body, Origin()).scenes


@given(st.integers(1, 100), st.integers(1, 10))
def test_whose_turn_it_is(call: int, count: int) -> None:
    assert turn(call, count, Then.LAST) == min(call, count) - 1
    assert turn(call, count, Then.LOOP) == (call - 1) % count
    assert turn(call, count, Then.GONE) == (call - 1 if call <= count else None)


@given(st.lists(st.binary(), min_size=1, max_size=5))
async def test_bodies_of_any_bytes_come_back(bodies: list[bytes]) -> None:
    store = ProcessStore(Origin())
    kept = Script(tuple(Scene(body=body) for body in bodies)).to_bytes("p")
    await store.put("t", "script", kept)
    assert [body_of(await ask(store, "GET")) for _ in bodies] == bodies
