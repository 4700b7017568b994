"""No stale files: every answer has the newest bytes, and what did not change costs a 304."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fetchkit.files.cache import MAX_BODY
from fetchkit.http.dates import format_http_date
from tests.conftest import Raw, Serve
from tests.raw import DEADLINE, RawAnswer, RawClient

from .support import age, open_descriptors, pattern, write

ROUNDS = 30
Change = Callable[[Path, bytes, int], None]


def rename(place: Path, body: bytes, time_ns: int) -> None:
    new = place.with_suffix(".new")
    new.write_bytes(body)
    os.utime(new, ns=(time_ns, time_ns))
    os.replace(new, place)


def make_anew(place: Path, body: bytes, time_ns: int) -> None:
    place.unlink()  # the file system may give the next file the same inode
    place.write_bytes(body)
    os.utime(place, ns=(time_ns, time_ns))


def rewrite(place: Path, body: bytes, time_ns: int) -> None:
    with place.open("r+b") as file:
        file.write(body)
    os.utime(place, ns=(time_ns, time_ns))


def truncate_and_rewrite(place: Path, body: bytes, _: int) -> None:
    place.write_bytes(body)


CHANGES = [rename, make_anew, rewrite, truncate_and_rewrite]


@pytest.fixture(params=[9, MAX_BODY, MAX_BODY + 1], ids=["small", "largest-small", "streamed"])
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
async def client(serve: Serve, raw: Raw) -> RawClient:
    return await raw(await serve())


async def until_unchanged(client: RawClient) -> None:
    """Ask until the file costs a 304; right after a change it may not be sure yet."""
    deadline = time.monotonic() + DEADLINE
    status = 200
    while status == 200:
        assert time.monotonic() < deadline, "never a 304"
        await asyncio.sleep(0.01)
        tag = (await client.ask("GET", "/app.data")).headers["ETag"]
        status = (await client.ask("GET", "/app.data", f"If-None-Match: {tag}")).status
    assert status == 304


@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_changed_within_its_size_and_time_is_noticed_at_once(
    folder: Path, client: RawClient, size: int, change: Change
) -> None:
    place = write(folder / "app.data", pattern(size))
    then = os.stat(place).st_mtime_ns
    tags: dict[str, bytes] = {}
    known = ""
    for number in range(ROUNDS):
        body = pattern(size, number)
        change(place, body, then)
        if known:  # the browser asks with what it has, and must not be told that it is news
            answer = await client.ask("GET", "/app.data", f"If-None-Match: {known}")
            assert answer.status == 200
            assert answer.body == body
        answer = await client.ask("GET", "/app.data")
        assert answer.body == body
        known = answer.headers["ETag"]
        assert tags.setdefault(known, body) == body


@pytest.mark.parametrize("change", CHANGES)
async def test_a_range_is_not_continued_from_another_version(
    folder: Path, client: RawClient, size: int, change: Change
) -> None:
    place = write(folder / "app.data", pattern(size))
    then = os.stat(place).st_mtime_ns
    for number in range(1, 20):
        first = await client.ask("GET", "/app.data", "Range: bytes=0-3")
        assert first.status == 206
        body = pattern(size, number)
        change(place, body, then)
        rest = await client.ask("GET", "/app.data", "Range: bytes=4-", f"If-Range: {first.headers['ETag']}")
        assert (rest.status, rest.body) == (200, body)


async def test_an_unchanged_file_costs_a_304(folder: Path, client: RawClient, size: int) -> None:
    write(folder / "app.data", pattern(size))
    tag = (await client.ask("GET", "/app.data")).headers["ETag"]
    for _ in range(3):
        answer = await client.ask("GET", "/app.data", f"If-None-Match: {tag}")
        assert (answer.status, answer.headers["ETag"]) == (304, tag)


# A clock that lags behind that of a shared folder or of a build machine.
async def test_an_unchanged_file_with_a_time_in_the_future_costs_a_304(
    folder: Path, client: RawClient, size: int
) -> None:
    place = write(folder / "app.data", pattern(size))
    later = time.time_ns() + 86_400 * 10**9
    os.utime(place, ns=(later, later))
    await until_unchanged(client)


async def test_a_file_just_written_costs_a_304_before_long(
    folder: Path, client: RawClient, size: int
) -> None:
    (folder / "app.data").write_bytes(pattern(size))
    await until_unchanged(client)


async def test_a_file_that_grows_beyond_memory_and_shrinks_again_is_noticed(
    folder: Path, client: RawClient
) -> None:
    place = folder / "app.data"
    for size in (5, MAX_BODY + 1, 5, 0, MAX_BODY * 3, 0, 1):
        for seed in (1, 2):
            write(place, pattern(size, seed))
            assert (await client.ask("GET", "/app.data")).body == pattern(size, seed)


async def test_removed_then_made_anew_is_noticed(folder: Path, client: RawClient) -> None:
    place = folder / "app.data"
    for number in range(5):
        assert (await client.ask("GET", "/app.data")).status == 404
        write(place, pattern(9, number))
        for _ in range(2):
            assert (await client.ask("GET", "/app.data")).body == pattern(9, number)
        place.unlink()


async def test_an_index_that_comes_and_goes_is_noticed(folder: Path, client: RawClient) -> None:
    index = folder / "sub" / "index.html"
    for number in range(3):
        write(index, pattern(9, number))
        assert (await client.ask("GET", "/sub/")).body == pattern(9, number)
        index.unlink()
        assert b"<table" in (await client.ask("GET", "/sub/")).body


async def test_a_link_that_is_pointed_elsewhere_is_noticed(
    folder: Path, tmp_path: Path, client: RawClient
) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        write(folder / name / "app.js", name.encode())
    write(tmp_path / "app.js", b"secret")
    current = folder / "current"
    for target, expected in (("one", b"one"), ("two", b"two"), ("one", b"one")):
        current.unlink(missing_ok=True)
        current.symlink_to(target)
        for _ in range(2):
            assert (await client.ask("GET", "/current/app.js")).body == expected
    current.unlink()
    current.symlink_to("..")
    answer = await client.ask("GET", "/current/app.js")
    assert answer.status == 404


async def test_touching_a_small_file_keeps_its_tag_and_moves_its_date(
    folder: Path, client: RawClient
) -> None:
    place = write(folder / "app.data", b"same")
    before = await client.ask("GET", "/app.data")
    age(place, 60)
    after = await client.ask("GET", "/app.data")
    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.headers["Last-Modified"] != before.headers["Last-Modified"]


def writing_during(reads: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file change during each of the next reads of it."""
    reading = os.read
    left = [reads]

    def read(descriptor: int, length: int) -> bytes:
        body = reading(descriptor, length)
        if left[0] and body.startswith(b"version"):
            left[0] -= 1
            write(place, b"version %d" % abs(left[0]), seconds=left[0])
        return body

    monkeypatch.setattr(os, "read", read)


async def test_a_small_file_that_changes_while_it_is_read_is_read_again(
    folder: Path, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(folder / "app.data", b"version x", seconds=99)
    writing_during(3, place, monkeypatch)
    assert (await client.ask("GET", "/app.data")).body == b"version 0"


async def test_a_small_file_that_never_rests_is_refused_for_now(
    folder: Path, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(folder / "app.data", b"version x", seconds=99)
    await client.ask("GET", "/app.js")
    before = open_descriptors()
    writing_during(-1, place, monkeypatch)
    answer = await client.ask("GET", "/app.data")
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert open_descriptors() == before


async def changed_within_a_second(place: Path, client: RawClient, *lines: str) -> RawAnswer:
    """Ask, let the file change in the second of its date, and ask again with that date in each line."""
    while True:
        second = int(time.time())
        for number, more in enumerate(((), lines), 1):
            place.write_bytes(pattern(9, number))
            os.utime(place, ns=(second * 10**9 + number, second * 10**9 + number))
            date = format_http_date(second)
            answer = await client.ask("GET", "/app.data", *(line.format(date=date) for line in more))
        if int(time.time()) == second:  # else the second was over, and the date could be trusted
            return answer


# "a validator is weak [...] unless [...] the origin server reliably knows that the associated
# representation did not change twice during the second" (RFC 9110, section 8.8.2.2)
async def test_a_date_is_not_trusted_within_its_second(folder: Path, client: RawClient) -> None:
    answer = await changed_within_a_second(folder / "app.data", client, "If-Modified-Since: {date}")
    assert (answer.status, answer.body) == (200, pattern(9, 2))


async def test_a_range_is_not_continued_by_a_date_within_its_second(folder: Path, client: RawClient) -> None:
    lines = ("Range: bytes=4-", "If-Range: {date}")
    answer = await changed_within_a_second(folder / "app.data", client, *lines)
    assert (answer.status, answer.body) == (200, pattern(9, 2))
