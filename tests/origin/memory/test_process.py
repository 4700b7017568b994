"""The memory in this process: what only a clock of one's own shows."""

from attrs import define

from fetchkit.origin.memory.bounds import SWEEP
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.settings import Origin


@define
class Clock:
    """Seconds that pass when the test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


async def test_expiry_counts_from_the_last_use() -> None:
    clock = Clock()
    memory = ProcessStore(Origin(expiry=60), clock)
    await memory.put("t", "v", b"value")
    for _ in range(5):
        clock.now += 59.5
        assert await memory.get("t", "v") == b"value"
    clock.now += 60
    assert await memory.get("t", "v") is None


async def test_expired_tokens_are_dropped_by_and_by_and_are_gone_at_once() -> None:
    clock = Clock()
    memory = ProcessStore(Origin(expiry=60), clock)
    for number in range(3 * SWEEP):
        await memory.put(f"{number}", "v", b"value")
    clock.now += 60
    assert await memory.get(f"{3 * SWEEP - 1}", "v") is None
    assert len(memory._tokens) == 2 * SWEEP - 1
    for left in (SWEEP - 1, 0):
        assert not await memory.items("other", "l")
        assert len(memory._tokens) == left
    assert memory._charged == 0


async def test_closing_lets_go_of_everything() -> None:
    memory = ProcessStore(Origin())
    await memory.put("t", "v", b"value")
    await memory.close()
    assert await memory.get("t", "v") is None


async def test_a_value_that_grows_leaves_alone_what_was_given() -> None:
    memory = ProcessStore(Origin())
    given = b"value"
    await memory.put("t", "v", given)
    await memory.extend("t", "v", 5, b"s")
    assert (given, await memory.get("t", "v")) == (b"value", b"values")
