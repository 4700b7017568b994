"""Digests: right, computed once, off the loop, and given up when nobody waits."""

import asyncio
import hashlib
import threading
import time

import pytest

from fetchkit.errors import UnavailableError
from fetchkit.origin import digests
from fetchkit.origin.bodies import BLOCK, Content, Fill
from fetchkit.origin.digests import Digests, Wanted

# Some seconds of hashing, should nobody stop it.
LARGE = 4 * 1024**3


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """What was computed, in order."""
    calls: list[Wanted] = []
    compute = digests._compute

    def recording(wanted: Wanted, stop: threading.Event) -> bytes | None:
        calls.append(wanted)
        return compute(wanted, stop)

    monkeypatch.setattr(digests, "_compute", recording)
    return calls


def expected(wanted: Wanted) -> bytes:
    return hashlib.sha256(b"".join(map(bytes, wanted.content.pieces(wanted.first, wanted.end)))).digest()


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(Content(0), 0, 0),
        Wanted(Content(1, "s"), 0, 1),
        Wanted(Content(3 * BLOCK + 5, "s", Fill.TEXT), 0, 3 * BLOCK + 5),
        Wanted(Content(1024**4, "s"), 1024**4 - BLOCK - 7, 1024**4),
    ],
)
async def test_a_digest_is_that_of_the_bytes(wanted: Wanted) -> None:
    assert await Digests().sha256(wanted) == expected(wanted)


async def test_those_who_ask_at_a_time_share_one_computation(computed: list[Wanted]) -> None:
    table = Digests()
    wanted = Wanted(Content(50 * BLOCK, "shared"), 0, 50 * BLOCK)
    found = await asyncio.gather(*(table.sha256(wanted) for _ in range(20)))
    assert set(found) == {expected(wanted)}
    assert computed == [wanted]


async def test_what_was_computed_is_kept_and_the_oldest_goes_first(
    computed: list[Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "KEPT", 2)
    table = Digests()
    one, two, three = (Wanted(Content(size), 0, size) for size in (1, 2, 3))
    for wanted in (one, two, one, three, one):  # two was unused longest when three came
        await table.sha256(wanted)
    assert computed == [one, two, three]
    await table.sha256(two)
    assert computed == [one, two, three, two]


async def test_the_loop_goes_on_meanwhile() -> None:
    table = Digests()
    wanted = Wanted(Content(200 * BLOCK, "loop"), 0, 200 * BLOCK)
    computing = asyncio.create_task(table.sha256(wanted))
    turns = 0
    while not computing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert await computing == expected(wanted)


async def test_the_computation_ends_when_the_last_who_waits_has_left() -> None:
    table = Digests()
    wanted = Wanted(Content(LARGE, "left"), 0, LARGE)
    began = time.monotonic()
    first, second = (asyncio.create_task(table.sha256(wanted)) for _ in range(2))
    await asyncio.sleep(0.05)
    (run,) = table._runs.values()
    first.cancel()
    await asyncio.wait([first])
    assert not run.stop.is_set()
    second.cancel()
    await asyncio.wait([second])
    assert await run.future is None
    assert time.monotonic() - began < 2
    assert not table._runs
    assert not table._kept


async def test_who_comes_after_it_was_given_up_gets_a_new_one() -> None:
    table = Digests()
    wanted = Wanted(Content(20 * BLOCK, "again"), 0, 20 * BLOCK)
    gone = asyncio.create_task(table.sha256(wanted))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    assert await table.sha256(wanted) == expected(wanted)


async def test_a_bound_on_how_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "WAITING", 2)
    table = Digests()
    tasks = [asyncio.create_task(table.sha256(Wanted(Content(LARGE, seed), 0, LARGE))) for seed in ("a", "b")]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError) as refused:
        await table.sha256(Wanted(Content(10), 0, 10))
    assert refused.value.headers["Retry-After"] == "1"
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert await table.sha256(Wanted(Content(10), 0, 10))
