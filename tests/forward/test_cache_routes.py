"""The cache on disk within a running server: what the page gets of it, and when upstream is asked."""

import asyncio
import errno
import os
import re
import shutil
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fetchkit import Config, Server, build_app
from fetchkit.errors import ConfigError
from fetchkit.events import Answered, Hop, HopFailed
from fetchkit.forward import Forward, Target
from fetchkit.forward.cache import disk, lookup
from fetchkit.forward.cache.lookup import DiskCache
from fetchkit.forward.cache.store import Store
from fetchkit.forward.settings import Cookies
from fetchkit.http.dates import format_http_date
from tests.conftest import Serve
from tests.files.support import eventually, open_descriptors, pattern, recorded
from tests.forward.test_routes import (
    FOREIGN,
    MIB,
    PAGE,
    Answer,
    answering,
    ask,
    assert_readable,
    by_way,
    field,
    method_of,
    problem,
    reply,
    slow_client,
    target_of,
    there,
    upstream,
)
from tests.program import Program, one_sentence
from tests.wire.client import Client, Outcome
from tests.wire.exchange import request_head
from tests.wire.framing import End
from tests.wire.origin import Connection, Origin, Request, Step, fin, request, rst, seen, send, stall

FRESH = "Cache-Control: max-age=600"
ASSET = pattern(300_000)
LONG_AGO = format_http_date(time.time() - 100 * 86_400)

Ask = Callable[..., Awaitable[Outcome]]


class Clock:
    """Seconds since the epoch, moved by the test."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every cache that is made from now on."""
    clock = Clock()
    monkeypatch.setattr(lookup, "DiskCache", partial(DiskCache, clock=clock))
    return clock


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def cached(serve: Serve, store: Path) -> Serve:
    """Start a server with the cache."""
    return partial(serve, forward_cache=store)


def files(store: Path, suffix: str = "") -> list[Path]:
    # Not by glob: folders may be removed meanwhile.
    walked = (Path(folder, name) for folder, _, names in os.walk(store) for name in names)
    return sorted(path for path in walked if path.name.endswith(suffix))


def held(store: Path) -> int:
    """How many files of the folder this process has open."""
    links = (Path("/proc/self/fd") / number for number in os.listdir("/proc/self/fd"))
    return sum(link.is_symlink() and store in link.readlink().parents for link in links)


def counting(*lines: str, status: int = 200) -> Answer:
    """Each answer has the number of its request for a body."""
    count = iter(range(1, 100))
    return lambda _: reply(status, *lines, body=b"" if status == 204 else str(next(count)).encode())


def conditional(tag: str, *lines: str, body: bytes = ASSET) -> Answer:
    """A server that knows If-None-Match, and no ranges."""

    def answer(asked: Request) -> bytes:
        matches = tag.encode() in asked.values("If-None-Match")
        return reply(304 if matches else 200, f"ETag: {tag}", *lines, body=b"" if matches else body)

    return answer


async def bodies(server: Server, origin: Origin, *lines: str, times: int = 2) -> list[bytes]:
    return [(await ask(server, "GET", by_way(origin), *lines)).body for _ in range(times)]


# --- Hits


async def test_a_stored_answer_comes_without_upstream_and_is_the_same(cached: Serve, clock: Clock) -> None:
    lines = (
        FRESH,
        "Content-Type: application/wasm",
        'ETag: "1"',
        "X-Own: a",
        "X-Own: b",
        "Server: upstream/1",
    )
    server = await cached()
    seen = recorded(server.app)
    clock.now = time.time() - 100 * 86_400
    date = f"Date: {format_http_date(clock.now)}"
    async with upstream(lambda _: reply(200, *lines, date, "Age: 5", body=ASSET)) as origin:
        first = await ask(server, "GET", by_way(origin, "/a?b"))
        clock.now += 30
        second = await ask(server, "GET", by_way(origin, "/a?b"))
        assert len(origin.requests) == 1
    assert (first.body, field(first, "Age")) == (ASSET, "5")
    assert (second.status, second.body, second.extra) == (200, ASSET, b"")
    assert 35 <= int(field(second, "Age") or 0) <= 36
    same = {pair for pair in first.headers if pair[0] not in (b"Age", b"Via")}
    assert same <= set(second.headers)
    assert {name for name, _ in second.headers} == {name for name, _ in first.headers}
    await eventually(lambda: sum(isinstance(event, Answered) for event in seen) == 2, "both are told")
    answered = [event for event in seen if isinstance(event, Answered)]
    assert [(event.sent, event.note) for event in answered] == [
        (len(ASSET), ""),
        (len(ASSET), "from the cache"),
    ]


FRAMINGS: dict[str, tuple[Step, ...]] = {
    "one segment": (send(reply(200, FRESH)),),
    "nothing": (send(reply(200, FRESH, body=b"")),),
    "length": (send(reply(200, FRESH, body=ASSET)),),
    "chunked": (
        send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel".encode()),
        send(b"lo\r\n0\r\n\r\n"),
    ),
    "close": (send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\n\r\nhello".encode()), fin),
}


@pytest.mark.parametrize("steps", FRAMINGS.values(), ids=FRAMINGS)
async def test_who_has_the_last_byte_finds_the_answer_stored(
    steps: tuple[Step, ...], cached: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Store.put

    def slowly(*arguments: Any) -> bool:
        time.sleep(0.1)  # in a thread of its own: a disk that takes its time
        return put(*arguments)

    monkeypatch.setattr(Store, "put", slowly)
    server = await cached()
    async with Origin(((request, *steps),)) as origin:
        client = await Client.connect(server.port)
        await client.send(request_head("GET", by_way(origin)))
        first = await client.read()
        await client.send(request_head("GET", by_way(origin)))
        second = await client.read()
        client.close()
        assert (first.end, second.end) == (End.COMPLETE, End.COMPLETE)
        assert first.body == second.body
        assert field(second, "Content-Length") == str(len(first.body))
        assert len(origin.requests) == 1


RANGES: dict[str, tuple[str, tuple[str, ...], int, bytes, str | None]] = {
    "part": ("GET", ("Range: bytes=10-19",), 206, ASSET[10:20], "bytes 10-19/300000"),
    "end": ("GET", ("Range: bytes=-7",), 206, ASSET[-7:], "bytes 299993-299999/300000"),
    "head": ("HEAD", (), 200, b"", None),
    "head of a part": ("HEAD", ("Range: bytes=0-1",), 200, b"", None),
    "if-range": ("GET", ("Range: bytes=0-1", 'If-Range: "1"'), 206, ASSET[:2], "bytes 0-1/300000"),
    "if-range of another": ("GET", ("Range: bytes=0-1", 'If-Range: "2"'), 200, ASSET, None),
    "same tag": ("GET", ('If-None-Match: "1"',), 304, b"", None),
    "another tag": ("GET", ('If-None-Match: "2"',), 200, ASSET, None),
    "same time": ("GET", (f"If-Modified-Since: {LONG_AGO}",), 304, b"", None),
    "behind the end": ("GET", ("Range: bytes=300000-",), 416, b"", "bytes */300000"),
}


@pytest.mark.parametrize(("method", "lines", "status", "body", "content_range"), RANGES.values(), ids=RANGES)
async def test_parts_and_conditions_are_answered_from_the_whole(
    method: str, lines: tuple[str, ...], status: int, body: bytes, content_range: str | None, cached: Serve
) -> None:
    server = await cached()
    fields = (FRESH, 'ETag: "1"', f"Last-Modified: {LONG_AGO}")
    async with upstream(lambda _: reply(200, *fields, body=ASSET)) as origin:
        await ask(server, "GET", by_way(origin))
        seen = recorded(server.app)
        outcome = await ask(server, method, by_way(origin), *lines, f"Origin: {PAGE}")
        assert len(origin.requests) == 1
    assert (outcome.end, outcome.status, outcome.body) == (End.COMPLETE, status, body)
    assert field(outcome, "Content-Range") == content_range
    length = None if status == 304 else str(len(ASSET) if method == "HEAD" else len(body))
    assert field(outcome, "Content-Length") == length
    # Whatever the status: the page may read it, and learns where it is from.
    assert_readable(outcome)
    assert field(outcome, "X-Request-URL") == field(outcome, "X-Final-URL") == there(origin)
    assert "x-final-url" in (field(outcome, "Access-Control-Expose-Headers") or "").lower()
    assert not [event for event in seen if isinstance(event, HopFailed)]


async def test_several_ranges_go_upstream_and_leave_the_whole_alone(cached: Serve) -> None:
    server = await cached()
    async with upstream(lambda _: reply(200, FRESH)) as origin:
        await ask(server, "GET", by_way(origin))
        await ask(server, "GET", by_way(origin), "Range: bytes=0-1,3-4")
        await ask(server, "GET", by_way(origin))
        assert [each.values("Range") for each in origin.requests] == [[], [b"bytes=0-1,3-4"]]


async def test_variants_are_told_apart_by_what_upstream_names(cached: Serve) -> None:
    server = await cached()

    def answer(asked: Request) -> bytes:
        return reply(200, FRESH, "Vary: Accept-Language", body=b"".join(asked.values("Accept-Language")))

    async with upstream(answer) as origin:
        for language in ("de", "fr", "de", "fr"):
            outcome = await ask(server, "GET", by_way(origin), f"Accept-Language: {language}")
            assert outcome.body == language.encode()
            # Ours and upstream's, for what the browser keeps.
            assert b"Accept-Language" in b",".join(outcome.values("Vary"))
        assert len(origin.requests) == 2


async def test_a_fixed_route_and_the_prefix_share_what_is_stored(cached: Serve) -> None:
    async with upstream(counting(FRESH)) as origin:
        server = await cached(forward_routes=(f"/api={there(origin)}",))
        assert (await ask(server, "GET", "/api/x?y")).body == b"1"
        assert (await ask(server, "GET", by_way(origin, "/x?y"))).body == b"1"
        assert (await ask(server, "GET", by_way(origin, "/x?z"))).body == b"2"


async def test_only_if_cached_never_asks_upstream(cached: Serve) -> None:
    server = await cached()
    async with upstream(lambda _: reply(200, FRESH)) as origin:
        wish = "Cache-Control: only-if-cached"
        outcome = await ask(server, "GET", by_way(origin), wish)
        assert (outcome.status, bool(problem(outcome)["hint"])) == (504, True)
        assert not origin.connections
        await ask(server, "GET", by_way(origin))
        assert (await ask(server, "GET", by_way(origin), wish)).body == b"hello"
        assert len(origin.requests) == 1


@pytest.mark.parametrize("wish", ["no-cache", "max-age=0"])
async def test_a_reload_asks_upstream_whether_it_has_changed(wish: str, cached: Serve) -> None:
    server = await cached()
    async with upstream(conditional('"1"', FRESH)) as origin:
        await ask(server, "GET", by_way(origin))
        outcome = await ask(server, "GET", by_way(origin), f"Cache-Control: {wish}")
        assert (outcome.status, outcome.body) == (200, ASSET)
        assert [each.values("If-None-Match") for each in origin.requests] == [[], [b'"1"']]


# --- What is stored


KEPT: dict[str, tuple[int, tuple[str, ...], tuple[str, ...], bool]] = {
    "max-age": (200, (FRESH,), (), True),
    "expires": (200, (f"Expires: {format_http_date(time.time() + 10_000)}",), (), True),
    "not found": (404, (FRESH,), (), True),
    "no body": (204, (FRESH,), (), True),
    "nothing said": (200, (), (), False),
    "no-store": (200, ("Cache-Control: no-store, max-age=600",), (), False),
    "private": (200, ("Cache-Control: private, max-age=600",), (), False),
    "server error": (500, (FRESH,), (), False),
    "part": (206, (FRESH, "Content-Range: bytes 0-0/9"), (), False),
    "varies by anything": (200, (FRESH, "Vary: *"), (), False),
    "stale already": (200, (FRESH, "Age: 700"), (), False),
    "cookie": (200, (FRESH, "Set-Cookie: a=1"), (), False),
    "cookie in public": (200, ("Cache-Control: public, max-age=600", "Set-Cookie: a=1"), (), True),
    "password": (200, (FRESH,), ("Authorization: Bearer x",), False),
    "password in public": (
        200,
        ("Cache-Control: public, max-age=600",),
        ("Authorization: Bearer x",),
        True,
    ),
    "request says no-store": (200, (FRESH,), ("Cache-Control: no-store",), False),
}


@pytest.mark.parametrize(("status", "fields", "lines", "kept"), KEPT.values(), ids=KEPT)
async def test_what_is_stored(
    status: int, fields: tuple[str, ...], lines: tuple[str, ...], kept: bool, cached: Serve, store: Path
) -> None:
    server = await cached()
    async with upstream(counting(*fields, status=status)) as origin:
        first, second = [await ask(server, "GET", by_way(origin), *lines) for _ in range(2)]
        assert (first.status, second.status) == (status, status)
        assert len(origin.requests) == (1 if kept else 2)
    assert bool(files(store)) is kept
    assert not [each for each in files(store) if b"a=1" in each.read_bytes()]
    assert not second.values("Set-Cookie")
    if status != 204:
        assert second.body == (b"1" if kept else b"2")


PRIVATE = {
    "headers": Target(headers={"Authorization": "Bearer x"}),
    "jar": Target(cookies=Cookies.JAR),
    "rewrite": Target(cookies=Cookies.REWRITE),
}


@pytest.mark.parametrize("target", PRIVATE.values(), ids=PRIVATE)
async def test_a_target_with_headers_or_cookies_has_nothing_to_do_with_the_cache(
    target: Target, cached: Serve, store: Path
) -> None:
    # Public, so that nothing else keeps it from being stored.
    async with upstream(counting("Cache-Control: public, max-age=600")) as origin:
        private = await cached(forward=Forward(targets={"127.0.0.1": target}))
        assert await bodies(private, origin) == [b"1", b"2"]
        assert not files(store)
        public = await cached()
        assert await bodies(public, origin) == [b"3", b"3"]
        assert await bodies(private, origin) == [b"4", b"5"]
        # What it changes is no longer true for others.
        await ask(private, "POST", by_way(origin), body=b"")
        assert await bodies(public, origin) == [b"7", b"7"]


BREAKS: dict[str, tuple[Step, ...]] = {
    "early end": (send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 10\r\n\r\nhello".encode()), fin),
    "reset": (
        send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 10\r\n\r\nhello".encode()),
        seen(5),
        rst,
    ),
    "stall": (send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 10\r\n\r\nhello".encode()), stall),
    "no last chunk": (
        send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode()),
        fin,
    ),
    "bad chunk": (
        send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode()),
        seen(5),
        send(b"zz\r\n"),
    ),
    "reset without a length": (
        send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\n\r\nhello".encode()),
        seen(5),
        rst,
    ),
}


@pytest.mark.parametrize("steps", BREAKS.values(), ids=BREAKS)
async def test_a_body_that_breaks_is_not_stored(steps: tuple[Step, ...], cached: Serve, store: Path) -> None:
    server = await cached(forward=Forward(stall_timeout=0.3))
    whole = answering(lambda _: reply(200, FRESH, body=b"helloworld"))
    async with Origin(((request, *steps), (whole,))) as origin:
        client = await Client.connect(server.port, delivered=origin.delivered)
        await client.send(request_head("GET", by_way(origin)))
        assert (await client.read()).broken
        client.close()
        await eventually(lambda: not files(store), "what came is removed")
        assert await bodies(server, origin) == [b"helloworld", b"helloworld"]
        assert len(origin.requests) == 2


async def test_a_page_that_leaves_in_the_middle_leaves_nothing_in_the_folder(
    cached: Serve, store: Path
) -> None:
    async def half(connection: Connection) -> None:
        await request(connection)
        await connection.wire.send(f"HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 10\r\n\r\nhello".encode())

    server = await cached()
    async with Origin(((half,), (answering(lambda _: reply(200, FRESH)),))) as origin:
        await ask(server, "GET", "/digits.txt")
        await eventually(lambda: True, "settled")
        tasks, descriptors = len(asyncio.all_tasks()), open_descriptors()
        client = await Client.connect(server.port)
        await client.send(request_head("GET", by_way(origin)))
        reading = asyncio.create_task(client.read())
        await eventually(lambda: bool(client.delivered.body), "the body begins")
        assert len(files(store, ".body")) == 1
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        client.close()
        await eventually(lambda: not files(store), "what came is removed")
        await eventually(lambda: origin.connections[0].gone is not None, "upstream is left")
        await eventually(lambda: open_descriptors() <= descriptors, "descriptors are given back")
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "tasks end")
        assert await bodies(server, origin) == [b"hello", b"hello"]
        assert len(origin.requests) == 2


async def test_a_page_that_leaves_a_stored_answer_gives_its_file_back(cached: Serve, store: Path) -> None:
    server = await cached()
    async with upstream(lambda _: reply(200, FRESH, body=bytes(32 * MIB))) as origin:
        await ask(server, "GET", by_way(origin))
        client = await slow_client(server)
        await client.send(request_head("GET", by_way(origin)))
        assert await client.wire.receive()
        assert held(store) == 1
        client.close()
        await eventually(lambda: not held(store), "the file is given back")
        assert len(origin.requests) == 1


async def test_pages_that_ask_at_once_each_get_the_whole_and_one_is_kept(cached: Serve, store: Path) -> None:
    server = await cached()
    async with upstream(lambda _: reply(200, FRESH, body=ASSET)) as origin:
        outcomes = await asyncio.gather(*(ask(server, "GET", by_way(origin)) for _ in range(12)))
        assert {(outcome.end, outcome.body == ASSET) for outcome in outcomes} == {(End.COMPLETE, True)}
        asked = len(origin.requests)
        assert await bodies(server, origin) == [ASSET, ASSET]
        assert len(origin.requests) == asked
    assert [path.suffix for path in files(store)].count(".body") == 1
    assert len(files(store)) == 2


async def test_an_asset_of_100_mib_is_fetched_once(cached: Serve) -> None:
    server, asset = await cached(), pattern(100 * MIB)
    async with upstream(lambda _: reply(200, FRESH, body=asset)) as origin:
        for _ in range(5):
            outcome = await ask(server, "GET", by_way(origin, "/game.data"))
            assert outcome.end is End.COMPLETE
            assert outcome.body == asset
        assert len(origin.requests) == 1


async def test_a_get_with_a_body_has_nothing_to_do_with_the_cache(cached: Serve) -> None:
    server = await cached()
    async with upstream(counting(FRESH)) as origin:
        for expected in (b"1", b"2"):
            assert (await ask(server, "GET", by_way(origin), body=b"query")).body == expected
        assert await bodies(server, origin) == [b"3", b"3"]
        assert (await ask(server, "GET", by_way(origin), body=b"query")).body == b"4"


# --- Validation and invalidation


async def test_a_304_makes_a_stale_answer_fresh_again(cached: Serve, clock: Clock) -> None:
    server = await cached()
    async with upstream(conditional('"1"', FRESH)) as origin:
        assert await bodies(server, origin) == [ASSET, ASSET]
        clock.now += 700
        seen = recorded(server.app)
        outcome = await ask(server, "GET", by_way(origin), f"Origin: {PAGE}")
        assert (outcome.status, outcome.body, field(outcome, "Age")) == (200, ASSET, "0")
        assert_readable(outcome)
        assert await bodies(server, origin) == [ASSET, ASSET]
        assert [each.values("If-None-Match") for each in origin.requests] == [[], [b'"1"']]
    assert not [event for event in seen if isinstance(event, HopFailed)]


async def test_a_newer_answer_replaces_a_stale_one(cached: Serve, clock: Clock, store: Path) -> None:
    server, tag = await cached(), 0

    def answer(asked: Request) -> bytes:
        return conditional(f'"{tag}"', FRESH, body=f"body {tag}".encode())(asked)

    async with upstream(answer) as origin:
        for tag in (1, 2):
            assert await bodies(server, origin) == [f"body {tag}".encode()] * 2
            clock.now += 700
        assert [each.values("If-None-Match") for each in origin.requests] == [[], [b'"1"']]
    assert len(files(store, ".body")) == 1


@pytest.mark.parametrize(("tag", "status"), [('"1"', 304), ('"0"', 200)])
async def test_after_a_304_the_page_s_own_condition_is_answered(
    tag: str, status: int, cached: Serve, clock: Clock
) -> None:
    server = await cached()
    async with upstream(conditional('"1"', FRESH)) as origin:
        await ask(server, "GET", by_way(origin))
        clock.now += 700
        outcome = await ask(server, "GET", by_way(origin), f"If-None-Match: {tag}")
        assert (outcome.status, outcome.body) == (status, b"" if status == 304 else ASSET)
        assert [each.values("If-None-Match") for each in origin.requests] == [[], [b'"1"']]


@pytest.mark.parametrize("broken", [False, True], ids=["500", "refused"])
async def test_a_stale_answer_is_not_given_where_upstream_fails(
    broken: bool, cached: Serve, clock: Clock
) -> None:
    server, statuses = await cached(), iter((200, 500))
    async with upstream(lambda _: reply(next(statuses), FRESH, 'ETag: "1"')) as origin:
        await ask(server, "GET", by_way(origin))
        clock.now += 700
        if not broken:
            assert (await ask(server, "GET", by_way(origin))).status == 500
    if broken:
        assert (await ask(server, "GET", by_way(origin))).status == 502


async def test_a_lifetime_that_nobody_said_is_not_guessed(cached: Serve) -> None:
    def answer(asked: Request) -> bytes:
        since = asked.values("If-Modified-Since") == [LONG_AGO.encode()]
        return reply(304 if since else 200, f"Last-Modified: {LONG_AGO}", body=b"" if since else ASSET)

    server = await cached()
    async with upstream(answer) as origin:
        assert await bodies(server, origin, times=3) == [ASSET] * 3
        assert [each.values("If-Modified-Since") for each in origin.requests] == [
            [],
            *[[LONG_AGO.encode()]] * 2,
        ]


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [("bytes=10-19", 206, ASSET[10:20]), ("bytes=300000-", 416, b"")],
    ids=["part", "behind-the-end"],
)
async def test_a_range_of_a_stale_answer_is_cut_here_once_upstream_has_confirmed_it(
    line: str, status: int, body: bytes, cached: Serve, clock: Clock
) -> None:
    server = await cached()
    async with upstream(conditional('"1"', FRESH)) as origin:
        await ask(server, "GET", by_way(origin))
        clock.now += 700
        for _ in range(2):
            outcome = await ask(server, "GET", by_way(origin), f"Range: {line}")
            assert (outcome.end, outcome.status, outcome.body) == (End.COMPLETE, status, body)
            assert field(outcome, "X-Final-URL") == there(origin)
        assert [(each.values("If-None-Match"), each.values("Range")) for each in origin.requests] == [
            ([], []),
            ([b'"1"'], [line.encode()]),
        ]


async def test_the_range_of_an_answer_that_has_changed_is_upstream_s(cached: Serve, clock: Clock) -> None:
    def answer(asked: Request) -> bytes:
        if asked.values("Range"):
            return reply(206, FRESH, 'ETag: "2"', "Content-Range: bytes 0-2/3", body=b"new")
        if len(origin.requests) == 1:
            return reply(200, FRESH, 'ETag: "1"', body=b"old")
        return reply(200, body=b"new")

    server = await cached()
    async with upstream(answer) as origin:
        await ask(server, "GET", by_way(origin))
        clock.now += 700
        outcome = await ask(server, "GET", by_way(origin), "Range: bytes=0-2")
        assert (outcome.status, outcome.body, field(outcome, "ETag")) == (206, b"new", '"2"')
        assert await bodies(server, origin, times=1) == [b"new"]


@pytest.mark.parametrize(
    ("method", "status", "left"),
    [
        ("POST", 200, False),
        ("PUT", 201, False),
        ("DELETE", 204, False),
        ("POST", 500, True),
        ("DELETE", 404, True),
        ("OPTIONS", 200, True),
        ("HEAD", 200, True),
    ],
)
async def test_what_an_unsafe_request_changed_is_forgotten(
    method: str, status: int, left: bool, cached: Serve
) -> None:
    gets = counting(FRESH)

    def answer(asked: Request) -> bytes:
        return gets(asked) if method_of(asked) == "GET" else reply(status, body=b"")

    async with upstream(answer) as origin:
        server = await cached()
        assert await bodies(server, origin) == [b"1", b"1"]
        assert (await ask(server, "GET", by_way(origin, "/other"))).body == b"2"
        assert (await ask(server, method, by_way(origin))).status == status
        assert await bodies(server, origin) == ([b"1", b"1"] if left else [b"3", b"3"])
        assert (await ask(server, "GET", by_way(origin, "/other"))).body == b"2"


# --- What holds for every forwarded answer holds for a stored one


async def test_another_page_reads_what_the_first_one_stored_and_a_foreign_one_nothing(cached: Serve) -> None:
    other = "http://localhost:4000"
    server = await cached()
    fields = (
        FRESH,
        "X-One: 1",
        "Access-Control-Allow-Origin: https://x.example",
        "Strict-Transport-Security: 1",
    )
    async with upstream(lambda _: reply(200, *fields)) as origin:
        for page in (PAGE, other):
            outcome = await ask(server, "GET", by_way(origin), f"Origin: {page}")
            assert outcome.body == b"hello"
            assert_readable(outcome, page)
        assert "x-one" in (field(outcome, "Access-Control-Expose-Headers") or "").lower()
        assert field(outcome, "Strict-Transport-Security") is None
        assert (await ask(server, "GET", by_way(origin), f"Origin: {FOREIGN}")).status == 403
        assert len(origin.requests) == 1


@pytest.mark.parametrize(("destination", "sandboxed"), [("document", True), ("worker", False)])
async def test_a_stored_answer_is_sandboxed_as_a_live_one(
    destination: str, sandboxed: bool, cached: Serve
) -> None:
    lines = ("Sec-Fetch-Site: same-origin", f"Sec-Fetch-Dest: {destination}")
    server = await cached()
    async with upstream(lambda _: reply(200, FRESH, "Content-Security-Policy: default-src *")) as origin:
        await ask(server, "GET", by_way(origin))
        outcome = await ask(server, "GET", by_way(origin), *lines)
        assert field(outcome, "Content-Security-Policy") == ("sandbox" if sandboxed else None)
        assert (await ask(server, "GET", by_way(origin), "Service-Worker: script")).status == 403
        assert len(origin.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 308])
async def test_redirects_are_stored_as_answers_are(status: int, cached: Serve) -> None:
    def answer(asked: Request) -> bytes:
        moved = target_of(asked) == "/old"
        return reply(status, FRESH, "Location: /new", body=b"moved") if moved else reply(200, FRESH)

    server = await cached()
    async with upstream(answer) as origin:
        for _ in range(3):
            outcome = await ask(server, "GET", by_way(origin, "/old"))
            assert (outcome.status, outcome.body) == (200, b"hello")
            assert field(outcome, "X-Request-URL") == there(origin, "/old")
            assert field(outcome, "X-Final-URL") == there(origin, "/new")
        for _ in range(2):
            outcome = await ask(server, "GET", by_way(origin, "/old"), "X-Fetchkit-Redirect: manual")
            assert (outcome.status, outcome.body) == (status, b"moved")
            assert field(outcome, "Location") == by_way(origin, "/new")
        assert [target_of(each) for each in origin.requests] == ["/old", "/new"]


@pytest.mark.parametrize("framing", ["Content-Length: 10\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\n"])
async def test_the_half_of_a_redirect_that_was_followed_is_not_stored(
    framing: str, cached: Serve, store: Path
) -> None:
    moved = f"HTTP/1.1 301 Moved\r\n{FRESH}\r\nLocation: /new\r\n{framing}hello".encode()
    server = await cached()
    async with Origin(((request, send(moved)), (answering(lambda _: reply(200, FRESH)),))) as origin:
        assert (await ask(server, "GET", by_way(origin, "/old"))).status == 200
    assert len(files(store, ".body")) == 1


# --- The folder


async def test_what_is_stored_outlives_the_server(folder: Path, store: Path) -> None:
    from fetchkit import running

    config = Config(directory=folder, host=("127.0.0.1",), port=0, forward_cache=store)
    async with upstream(counting(FRESH)) as origin:
        for _ in range(2):
            async with running(config) as server:
                assert await bodies(server, origin) == [b"1", b"1"]


async def test_servers_share_a_folder(cached: Serve) -> None:
    one, other = await cached(), await cached()
    async with upstream(counting(FRESH)) as origin:
        assert await bodies(one, origin) == [b"1", b"1"]
        assert await bodies(other, origin) == [b"1", b"1"]
        await ask(other, "DELETE", by_way(origin))
        assert await bodies(one, origin) == [b"3", b"3"]


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "body cut": (".body", lambda path: os.truncate(path, 1000)),
    "body empty": (".body", lambda path: os.truncate(path, 0)),
    "body longer": (".body", lambda path: os.truncate(path, len(ASSET) + 1)),
    "body gone": (".body", Path.unlink),
    "record cut": (".json", lambda path: os.truncate(path, 100)),
    "record of zeros": (".json", lambda path: path.write_bytes(bytes(path.stat().st_size))),
    "record of another": (".json", lambda path: path.write_text("{}")),
    "folder gone": (".json", lambda path: shutil.rmtree(path.parent)),
}


@pytest.mark.parametrize(("suffix", "harm"), DAMAGE.values(), ids=DAMAGE)
async def test_damaged_files_are_fetched_anew(
    suffix: str, harm: Callable[[Path], object], cached: Serve, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = await cached()
    async with upstream(lambda _: reply(200, FRESH, body=ASSET)) as origin:
        await ask(server, "GET", by_way(origin))
        harm(files(store, suffix)[0])
        assert await bodies(server, origin) == [ASSET, ASSET]
        assert len(origin.requests) == 2
    assert not caplog.messages


async def test_a_file_that_is_shortened_while_it_is_sent_breaks_the_body(cached: Serve, store: Path) -> None:
    asset = pattern(64 * MIB)  # more than the socket buffers hold
    server = await cached()
    seen = recorded(server.app)
    async with upstream(lambda _: reply(200, FRESH, body=asset)) as origin:
        await ask(server, "GET", by_way(origin))
        client = await slow_client(server)
        await client.send(request_head("GET", by_way(origin)))
        await eventually(lambda: sum(isinstance(event, Hop) for event in seen) == 2, "the answer begins")
        os.truncate(files(store, ".body")[0], 48 * MIB)
        outcome = await client.read()
        client.close()
        assert outcome.broken
        assert outcome.body == asset[: len(outcome.body)]
        assert (await ask(server, "GET", by_way(origin))).body == asset
        assert len(origin.requests) == 2


async def test_a_full_disk_is_one_line_in_the_log_and_the_page_gets_its_answer(
    cached: Serve, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server = await cached()
    async with upstream(lambda _: reply(200, FRESH, body=ASSET)) as origin:
        with monkeypatch.context() as patch:
            patch.setattr(disk, "write_all", full)
            assert await bodies(server, origin, times=3) == [ASSET] * 3
            assert not files(store)
        said = f"{store} cannot take answers: No space left on device. They pass unstored."
        assert caplog.messages == [said]
        assert await bodies(server, origin) == [ASSET, ASSET]
        assert len(origin.requests) == 4


async def test_a_folder_that_went_away_is_one_line_in_the_log_and_the_page_gets_its_answer(
    cached: Serve, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = await cached()
    shutil.rmtree(store)
    store.write_text("a file, where nobody can write, not even root")
    async with upstream(lambda _: reply(200, FRESH, body=ASSET)) as origin:
        assert await bodies(server, origin, times=3) == [ASSET] * 3
        assert len(origin.requests) == 3
    assert caplog.messages == [f"{store} cannot take answers: Not a directory. They pass unstored."]


async def test_the_folder_stays_within_its_size(
    cached: Serve, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "DiskCache", partial(DiskCache, max_size=4 * MIB, max_entry=MIB))
    server = await cached()
    async with upstream(lambda _: reply(200, FRESH, body=bytes(MIB // 2))) as origin:
        for number in range(19):
            await ask(server, "GET", by_way(origin, f"/{number}"))
        # Answers are stored, and the rest is swept, behind the last byte that the client gets.
        await eventually(lambda: len(files(store, ".body")) <= 8, "it is swept")
        before = set(files(store, ".body"))
        await ask(server, "GET", by_way(origin, "/19"))
        await eventually(lambda: not before.issuperset(files(store, ".body")), "the last one is stored")
        await eventually(lambda: len(files(store, ".body")) <= 8, "it is swept again")
        await ask(server, "GET", by_way(origin, "/19"))
        assert len(origin.requests) == 20
        await ask(server, "GET", by_way(origin, "/0"))
        assert len(origin.requests) == 21


async def test_an_answer_beyond_the_limit_passes_unstored(
    cached: Serve, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lookup, "DiskCache", partial(DiskCache, max_entry=len(ASSET) - 1))
    chunked = f"HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n{len(ASSET):x}\r\n".encode()
    messages = {"/sized": reply(200, FRESH, body=ASSET), "/chunked": chunked + ASSET + b"\r\n0\r\n\r\n"}
    server = await cached()
    async with upstream(lambda asked: messages[target_of(asked)]) as origin:
        for target in messages:
            for _ in range(2):
                assert (await ask(server, "GET", by_way(origin, target))).body == ASSET
        assert len(origin.requests) == 4
    assert not files(store)
    assert not caplog.messages


# --- The flag


async def test_the_flag_keeps_answers_from_one_run_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    flags = ("serve", "build", "--port", "0", "--host", "127.0.0.1", "--forward-cache", "kept", "--no-open")
    async with upstream(counting(FRESH)) as origin:
        for _ in range(2):
            with Program(tmp_path, *flags) as program:
                port = await asyncio.to_thread(program.ready_port)
                client = await Client.connect(port)
                for _ in range(2):
                    await client.send(request_head("GET", by_way(origin)))
                    assert (await client.read()).body == b"1"
                client.close()
                await asyncio.to_thread(program.wait_for_errors, "from the cache")
        assert len(origin.requests) == 1
    assert files(tmp_path / "kept", ".body")


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    with Program(tmp_path, "serve", "--port", "0", "--forward-cache", "kept") as program:
        code, out, errors = program.end()
    assert (code, out) == (2, "")
    assert re.fullmatch(r"The folder \S*kept cannot be used for --forward-cache: .+\.", one_sentence(errors))


def test_without_the_extra_a_sentence_names_it(tmp_path: Path) -> None:
    without = (
        "import runpy, sys; sys.modules['hishel'] = None; runpy.run_module('fetchkit', run_name='__main__')"
    )
    flags = ("serve", "--port", "0", "--forward-cache", "kept")
    with Program(tmp_path, *flags, python=("-c", without)) as program:
        code, out, errors = program.end()
    assert (code, out) == (2, "")
    assert one_sentence(errors) == "--forward-cache needs an extra: pip install 'fetchkit[cache]'."


def test_a_library_s_user_gets_the_same_sentence(folder: Path, store: Path) -> None:
    store.write_text("")
    with pytest.raises(ConfigError, match="--forward-cache"):
        build_app(Config(directory=folder, forward_cache=store))
