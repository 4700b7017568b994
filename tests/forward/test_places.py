"""How many requests go to a target at once: those beyond wait in their order, and nobody's place is lost."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from fetchkit.errors import UnavailableError
from fetchkit.forward import Forward, Target, places
from fetchkit.forward.places import Places
from tests.conftest import Serve
from tests.files.support import eventually
from tests.wire.client import Client
from tests.wire.exchange import request_head
from tests.wire.origin import Connection, Origin, fin, request, rst, send

from .test_routes import ask, assert_readable, by_way, problem, redirecting, reply, target_of, upstream

PAGE = "http://localhost:3000"


async def turns() -> None:
    """Let what is ready run."""
    for _ in range(10):
        await asyncio.sleep(0)


class Queue:
    """Takers of places of one key, by number."""

    def __init__(self, limit: int) -> None:
        self.places = Places()
        self.limit = limit
        self.got: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def take(self, count: int = 1) -> None:
        """Start takers one after the other."""
        for _ in range(count):
            self.tasks.append(asyncio.create_task(self._take(len(self.tasks))))
            await turns()

    async def _take(self, number: int) -> None:
        await self.places.take("key", self.limit)
        self.got.append(number)

    def empty(self) -> bool:
        """Whether nothing is remembered."""
        return not self.places._busy and not self.places._waiting

    async def drain(self) -> None:
        """Give back what was taken, until all had their turn."""
        given = 0
        while given < len(self.got):
            self.places.give_back("key")
            given += 1
            await turns()


async def test_places_are_had_up_to_the_limit_and_then_in_order() -> None:
    queue = Queue(2)
    await queue.take(5)
    assert queue.got == [0, 1]
    queue.places.give_back("key")
    await turns()
    assert queue.got == [0, 1, 2]
    queue.got = [0] * 2  # two are held
    await queue.drain()
    assert queue.got == [0, 0, 3, 4]
    assert queue.empty()


async def test_keys_have_places_of_their_own() -> None:
    shared = Places()
    async with asyncio.timeout(1):
        await shared.take("one", 1)
        await shared.take("two", 1)


async def test_who_stops_waiting_is_passed_over() -> None:
    queue = Queue(1)
    await queue.take(4)
    queue.tasks[2].cancel()
    await turns()
    await queue.drain()
    assert queue.got == [0, 1, 3]
    assert queue.empty()


async def test_who_is_cancelled_in_the_moment_of_its_turn_hands_the_place_on() -> None:
    queue = Queue(1)
    await queue.take(3)
    queue.places.give_back("key")
    queue.tasks[1].cancel()
    await turns()
    assert queue.got == [0, 2]
    queue.got = [2]
    await queue.drain()
    assert queue.empty()


async def test_a_newcomer_does_not_overtake_who_was_just_handed_a_place() -> None:
    queue = Queue(1)
    await queue.take(2)
    queue.places.give_back("key")
    queue.tasks.append(asyncio.create_task(queue._take(2)))
    await turns()
    assert queue.got == [0, 1]
    for task in queue.tasks:
        task.cancel()
    await asyncio.gather(*queue.tasks, return_exceptions=True)


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PLACE_SECONDS", 0.02)
    shared = Places()
    await shared.take("key", 1)
    with pytest.raises(UnavailableError) as refused:
        await shared.take("key", 1)
    assert "concurrency" in refused.value.hint
    shared.give_back("key")
    assert not shared._busy
    assert not shared._waiting


@contextlib.asynccontextmanager
async def holding() -> AsyncIterator[tuple[Origin, asyncio.Event]]:
    """A server that answers nothing before it is told to."""
    go = asyncio.Event()

    async def step(connection: Connection) -> None:
        while True:
            await request(connection)
            await go.wait()
            await connection.wire.send(reply())

    async with Origin(((step,),)) as origin:
        yield origin, go


def limited(count: int) -> Forward:
    return Forward(targets={"127.0.0.1": Target(concurrency=count)})


async def test_no_more_requests_than_allowed_are_under_way_and_they_go_in_order(serve: Serve) -> None:
    server = await serve(forward=limited(2))
    async with holding() as (origin, go):
        asking = []
        for number in range(6):
            asking.append(asyncio.create_task(ask(server, "GET", by_way(origin, f"/{number}"))))
            if number < 2:
                await eventually(lambda n=number: len(origin.requests) == n + 1, "it is asked")  # type: ignore[misc]
            else:
                await asyncio.sleep(0.02)  # nothing can be seen of one that waits
        assert len(origin.connections) == 2
        go.set()
        assert [each.status for each in await asyncio.gather(*asking)] == [200] * 6
        assert len(origin.connections) == 2
        assert sorted(target_of(each) for each in origin.requests) == [f"/{n}" for n in range(6)]


async def test_a_target_that_stays_busy_is_a_503_with_the_key(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PLACE_SECONDS", 0.05)
    server = await serve(forward=limited(1))
    async with holding() as (origin, go):
        first = asyncio.create_task(ask(server, "GET", by_way(origin)))
        await eventually(lambda: len(origin.requests) == 1, "it is asked")
        outcome = await ask(server, "GET", by_way(origin), f"Origin: {PAGE}")
        said = problem(outcome)
        assert (outcome.status, "concurrency" in said["hint"]) == (503, True)
        assert "127.0.0.1" in said["detail"]
        assert_readable(outcome)
        go.set()
        assert (await first).status == 200
        assert (await ask(server, "GET", by_way(origin))).status == 200


async def test_a_page_that_leaves_the_queue_takes_no_place(serve: Serve) -> None:
    server = await serve(forward=limited(1))
    async with holding() as (origin, go):
        first = asyncio.create_task(ask(server, "GET", by_way(origin)))
        await eventually(lambda: len(origin.requests) == 1, "it is asked")
        client = await Client.connect(server.port)
        await client.send(request_head("GET", by_way(origin, "/left")))
        await asyncio.sleep(0.02)
        client.close()
        last = asyncio.create_task(ask(server, "GET", by_way(origin, "/last")))
        await asyncio.sleep(0.02)
        go.set()
        assert [(await each).status for each in (first, last)] == [200, 200]
        assert [target_of(each) for each in origin.requests] == ["/", "/last"]


async def test_a_place_comes_back_whatever_happens(serve: Serve) -> None:
    server = await serve(forward=Forward(stall_timeout=0.1, targets={"127.0.0.1": Target(concurrency=1)}))

    begun = send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
    scripts = ((request, rst), (request, begun, fin), (request,), (request, send(reply())))
    async with Origin(scripts) as origin:
        for status in (502, 200, 504, 200):
            assert (await ask(server, "POST", by_way(origin), body=b"x")).status == status


async def test_a_redirect_needs_no_second_place(serve: Serve) -> None:
    async with upstream(redirecting(307, "/next")) as origin:
        outcome = await ask(await serve(forward=limited(1)), "POST", by_way(origin), body=b"x")
        assert (outcome.status, outcome.body) == (200, b"x")


async def test_a_failed_handshake_gives_its_place_back(serve: Serve) -> None:
    handshake = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    async with upstream(lambda _: reply(404)) as origin:
        server = await serve(forward=limited(1))
        for _ in range(3):
            async with asyncio.timeout(5):
                outcome = await ask(server, "GET", by_way(origin), *handshake)
            assert (outcome.status, json.loads(outcome.body)["status"]) == (502, 502)
