"""What every memory does: one suite for both."""

import asyncio

import pytest

from fetchkit.origin.memory.bounds import FREE, PER_NAME
from fetchkit.origin.memory.store import ConflictError, FullError, Store

from .conftest import Open

EVERY_BYTE = bytes(range(256))
# Names that would meet if they were only put side by side, and what a URL may bring.
AWKWARD = [
    "",
    "a",
    "a:",
    ":a",
    "0:a",
    "=",
    "=d",
    "t",
    "a b",
    "\r\n",
    "\0",
    "ä",
    "\U0001f600",
    "\ud800",
    "\udcff",
]


async def fill(store: Store, token: str, size: int) -> None:
    """Remember so many bytes."""
    await store.put(token, "value", bytes(size))


async def sizes(store: Store, *tokens: str) -> list[int | None]:
    return [await store.size(token, "value") for token in tokens]


async def test_counting_begins_at_one(memory: Store) -> None:
    assert [await memory.count("t", "n") for _ in range(3)] == [1, 2, 3]


async def test_a_hundred_that_count_at_once_get_a_number_each(memory: Store) -> None:
    numbers = await asyncio.gather(*(memory.count("t", "n") for _ in range(100)))
    assert sorted(numbers) == list(range(1, 101))


async def test_a_list_has_its_items_in_their_order(memory: Store) -> None:
    for item in (b"one", b"", EVERY_BYTE):
        await memory.append("t", "l", item, 10)
    assert await memory.items("t", "l") == [b"one", b"", EVERY_BYTE]


async def test_a_list_keeps_the_last(memory: Store) -> None:
    for number in range(25):
        await memory.append("t", "l", b"%d" % number, 10)
    assert await memory.items("t", "l") == [b"%d" % number for number in range(15, 25)]


async def test_a_list_may_get_a_smaller_limit(memory: Store) -> None:
    for number in range(9):
        await memory.append("t", "l", b"%d" % number, 10)
    await memory.append("t", "l", b"last", 2)
    assert await memory.items("t", "l") == [b"8", b"last"]


async def test_a_value_is_what_was_put_last(memory: Store) -> None:
    await memory.put("t", "v", b"first, and longer")
    await memory.put("t", "v", EVERY_BYTE)
    assert (await memory.get("t", "v"), await memory.size("t", "v")) == (EVERY_BYTE, 256)


async def test_bytes_grow_at_their_end(memory: Store) -> None:
    assert await memory.extend("t", "v", 0, b"abc") == 3
    assert await memory.extend("t", "v", 3, EVERY_BYTE) == 259
    assert (await memory.get("t", "v"), await memory.size("t", "v")) == (b"abc" + EVERY_BYTE, 259)


async def test_bytes_grow_nowhere_else(memory: Store) -> None:
    await memory.extend("t", "v", 0, b"abc")
    for at in (0, 2, 4, 10**12):
        with pytest.raises(ConflictError) as raised:
            await memory.extend("t", "v", at, b"x")
        assert raised.value.size == 3
    assert await memory.get("t", "v") == b"abc"


async def test_what_is_not_there_grows_from_nought_only(memory: Store) -> None:
    with pytest.raises(ConflictError) as raised:
        await memory.extend("t", "v", 1, b"x")
    assert raised.value.size == 0
    assert await memory.size("t", "v") is None
    assert not await memory.forget("t")


async def test_nothing_put_or_added_is_there_all_the_same(memory: Store) -> None:
    await memory.put("t", "put", b"")
    assert await memory.extend("t", "extended", 0, b"") == 0
    for name in ("put", "extended"):
        assert (await memory.get("t", name), await memory.size("t", name)) == (b"", 0)


async def test_a_value_that_was_put_grows_and_one_that_grew_is_put_anew(memory: Store) -> None:
    await memory.put("t", "v", b"abc")
    assert await memory.extend("t", "v", 3, b"d") == 4
    assert await memory.get("t", "v") == b"abcd"
    await memory.put("t", "v", b"")
    assert await memory.extend("t", "v", 0, b"e") == 1
    assert await memory.get("t", "v") == b"e"


@pytest.mark.parametrize("step", [1000, 65_535, 65_536, 65_537, 150_000])
async def test_a_large_value_is_whole_however_it_grew(step: int, memory: Store) -> None:
    whole = b"".join(number.to_bytes(4, "big") for number in range(100_000))
    for at in range(0, len(whole), step):
        await memory.extend("t", "v", at, whole[at : at + step])
    assert await memory.get("t", "v") == whole
    await memory.put("t", "v", b"short")
    assert await memory.extend("t", "v", 5, b"er") == 7
    assert await memory.get("t", "v") == b"shorter"


async def test_of_all_that_add_at_one_place_one_does(memory: Store) -> None:
    adding = (memory.extend("t", "v", 0, b"%02d" % number) for number in range(50))
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    assert outcomes.count(2) == 1
    assert sum(isinstance(outcome, ConflictError) and outcome.size == 2 for outcome in outcomes) == 49
    assert await memory.size("t", "v") == 2


async def test_nothing_is_there_before_it_was_written(memory: Store) -> None:
    assert await memory.items("t", "l") == []
    assert await memory.get("t", "v") is None
    assert await memory.size("t", "v") is None
    assert await memory.forget("t") is False


async def test_to_ask_for_something_does_not_make_a_token(memory: Store) -> None:
    await test_nothing_is_there_before_it_was_written(memory)
    assert await memory.forget("t") is False


async def test_kinds_of_one_name_are_apart(memory: Store) -> None:
    await memory.count("t", "x")
    await memory.append("t", "x", b"item", 5)
    await memory.put("t", "x", b"value")
    assert await memory.count("t", "x") == 2
    assert (await memory.items("t", "x"), await memory.get("t", "x")) == ([b"item"], b"value")


async def test_all_below_a_token_is_forgotten_and_nothing_else(memory: Store) -> None:
    for token in ("t", "u"):
        await memory.count(token, "n")
        await memory.append(token, "l", b"item", 5)
        await memory.put(token, "v", b"value")
        await memory.extend(token, "w", 0, b"value")
    assert await memory.forget("t") is True
    assert await memory.forget("t") is False
    assert (await memory.items("t", "l"), await memory.get("t", "v"), await memory.size("t", "w")) == (
        [],
        None,
        None,
    )
    assert (await memory.count("t", "n"), await memory.count("u", "n")) == (1, 2)
    assert (await memory.items("u", "l"), await memory.get("u", "v")) == ([b"item"], b"value")


async def test_tokens_and_names_may_be_any_text_and_do_not_meet(memory: Store) -> None:
    pairs = [(token, name) for token in AWKWARD for name in AWKWARD]
    for number, (token, name) in enumerate(pairs):
        assert await memory.count(token, name) == 1
        await memory.put(token, name, b"%d" % number)
        await memory.append(token, name, b"%d" % -number, 3)
    for number, (token, name) in enumerate(pairs):
        assert await memory.get(token, name) == b"%d" % number
        assert await memory.items(token, name) == [b"%d" % -number]


# The bounds.


async def test_the_longest_unused_token_leaves_where_there_are_too_many(open_memory: Open) -> None:
    memory = open_memory(max_tokens=3)
    for token in "abc":
        await fill(memory, token, 1)
    await memory.size("a", "value")  # to read is to use
    await fill(memory, "d", 1)
    assert await sizes(memory, "b") == [None]
    assert await sizes(memory, "a", "c", "d") == [1, 1, 1]


async def test_what_uses_a_token(open_memory: Open) -> None:
    memory = open_memory(max_tokens=2)

    async def fails() -> None:
        with pytest.raises(ConflictError):
            await memory.extend("kept", "value", 10, b"")

    uses = {
        "count": lambda: memory.count("kept", "n"),
        "append": lambda: memory.append("kept", "l", b"", 1),
        "items": lambda: memory.items("kept", "none"),
        "put": lambda: memory.put("kept", "v", b""),
        "get": lambda: memory.get("kept", "none"),
        "extend": lambda: memory.extend("kept", "value", 1, b""),
        "size": lambda: memory.size("kept", "none"),
        "an operation that fails": fails,
    }
    await fill(memory, "kept", 1)
    for name, use in uses.items():
        await fill(memory, f"other {name}", 1)
        await use()
        await fill(memory, f"another {name}", 1)
        assert await sizes(memory, f"other {name}", "kept") == [None, 1], name


async def test_the_longest_unused_tokens_leave_where_there_are_too_many_bytes(open_memory: Open) -> None:
    memory = open_memory(max_memory=100)
    for token in "abcd":
        await fill(memory, token, 25)
    assert await sizes(memory, *"abcd") == [25, 25, 25, 25]
    await fill(memory, "e", 26)
    assert await sizes(memory, *"abcde") == [None, None, 25, 25, 26]


async def test_a_value_that_becomes_smaller_makes_room(open_memory: Open) -> None:
    memory = open_memory(max_memory=100)
    await fill(memory, "a", 90)
    await fill(memory, "a", 40)
    await fill(memory, "b", 60)
    assert await sizes(memory, "a", "b") == [40, 60]


async def test_what_was_forgotten_makes_room(open_memory: Open) -> None:
    memory = open_memory(max_memory=100)
    for token in "ab":
        await fill(memory, token, 50)
    await memory.forget("b")
    await fill(memory, "c", 50)
    assert await sizes(memory, *"abc") == [50, None, 50]


async def test_one_token_may_have_everything_and_no_more(open_memory: Open) -> None:
    memory = open_memory(max_memory=100)
    await fill(memory, "other", 1)
    assert await memory.extend("t", "v", 0, bytes(60)) == 60
    assert await memory.extend("t", "v", 60, bytes(40)) == 100
    assert await sizes(memory, "other") == [None]
    with pytest.raises(FullError):
        await memory.extend("t", "v", 100, b"x")
    with pytest.raises(FullError):
        await memory.put("t", "w", b"x")
    with pytest.raises(FullError):
        await memory.append("t", "l", b"x", 5)
    assert (await memory.size("t", "v"), await memory.size("t", "w"), await memory.items("t", "l")) == (
        100,
        None,
        [],
    )
    assert await memory.count("t", "n") == 1


async def test_what_is_too_large_changes_nothing(open_memory: Open) -> None:
    memory = open_memory(max_memory=100)
    await fill(memory, "other", 20)
    await fill(memory, "t", 20)
    await memory.append("t", "l", b"item", 5)
    for attempt in (
        memory.put("t", "value", bytes(101)),
        memory.append("t", "l", bytes(101), 5),
        memory.extend("t", "value", 20, bytes(81)),
        memory.put("new", "value", bytes(101)),
    ):
        with pytest.raises(FullError):
            await attempt
    assert await sizes(memory, "other", "t", "new") == [20, 20, None]
    assert await memory.items("t", "l") == [b"item"]
    assert not await memory.forget("new")


async def test_old_items_leave_a_token_that_would_be_full(open_memory: Open) -> None:
    memory = open_memory(max_memory=100)
    await fill(memory, "t", 30)
    for letter in (b"a", b"b", b"c", b"d"):
        await memory.append("t", "l", letter * 20, 1000)
    assert await memory.items("t", "l") == [b"b" * 20, b"c" * 20, b"d" * 20]
    await memory.append("t", "l", b"e" * 70, 1000)
    assert await memory.items("t", "l") == [b"e" * 70]
    assert await sizes(memory, "t") == [30]


async def test_names_cost_too_but_a_few_are_free(open_memory: Open) -> None:
    memory = open_memory(max_memory=1000)
    free = FREE // (PER_NAME + 4) - 1
    for number in range(free):
        await memory.count("t", f"{number:4}")
    await fill(memory, "other", 900)
    assert await memory.count("t", "   0") == 2  # a known name costs nothing more
    more = [asyncio.create_task(memory.count("t", f"more {number}")) for number in range(20)]
    outcomes = await asyncio.gather(*more, return_exceptions=True)
    assert outcomes[0] == 1
    assert isinstance(outcomes[-1], FullError)
    assert await sizes(memory, "other") == [None]
    with pytest.raises(FullError):
        await memory.count("x" * (FREE + 1000), "n")


async def test_a_token_is_forgotten_once_it_was_unused_for_long(open_memory: Open) -> None:
    memory = open_memory(expiry=0.05)
    await memory.count("t", "n")
    await memory.append("t", "l", b"item", 5)
    await fill(memory, "t", 10)
    await asyncio.sleep(0.06)
    assert await sizes(memory, "t") == [None]
    assert await memory.items("t", "l") == []
    assert not await memory.forget("t")
    assert await memory.count("t", "n") == 1


async def test_what_has_expired_makes_room_without_being_asked_for(open_memory: Open) -> None:
    memory = open_memory(expiry=0.05, max_memory=100)
    await fill(memory, "t", 100)
    await asyncio.sleep(0.06)
    await fill(memory, "u", 100)
    assert await sizes(memory, "u", "t") == [100, None]
