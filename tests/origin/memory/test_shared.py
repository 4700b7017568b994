"""The memory in Redis: shared, never left for ever, and what there is to say when the server is not there."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fetchkit.errors import ConfigError, UnavailableError
from fetchkit.origin.memory.shared import CHARGES, PREFIX, TOKEN, USED, RedisStore
from fetchkit.origin.settings import Origin

from .redis_server import RedisServer

COUNTER = """
import asyncio, sys
from fetchkit.origin.memory import open_store
from fetchkit.origin.settings import Origin
async def main():
    store = open_store(sys.argv[1], Origin())
    sys.stdin.readline()
    print(*await asyncio.gather(*(store.count("t", "n") for _ in range(100))))
    await store.close()
asyncio.run(main())
"""


@asynccontextmanager
async def opened(url: str, timeout: float = 2.0, **settings: Any) -> AsyncIterator[RedisStore]:
    store = RedisStore(url, Origin(**settings), timeout)
    try:
        yield store
    finally:
        await store.close()


async def refusal(store: RedisStore) -> str:
    """What somebody hears whose operation is refused."""
    with pytest.raises(UnavailableError) as raised:
        await store.count("t", "n")
    assert "--state" in raised.value.hint
    return f"{raised.value.detail} {raised.value.hint}"


async def test_two_that_share_a_server_are_one_memory(redis: RedisServer) -> None:
    async with opened(redis.url) as one, opened(redis.url, max_tokens=2) as other:
        assert [await store.count("t", "n") for store in (one, other, one)] == [1, 2, 3]
        await one.extend("t", "v", 0, b"abc")
        assert await other.extend("t", "v", 3, b"def") == 6
        assert await one.get("t", "v") == b"abcdef"
        for token in "uvw":
            await one.count(token, "n")
        assert [await other.count(token, "n") for token in "wv"] == [2, 2]
        assert await one.get("t", "v") is None
        assert await one.forget("w")
        assert not await other.forget("w")


def test_two_processes_are_one_memory(redis: RedisServer) -> None:
    command = [sys.executable, "-W", "error", "-c", COUNTER, redis.url]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    numbers = list[int]()
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            numbers += map(int, process.communicate(timeout=60)[0].split())
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert sorted(numbers) == list(range(1, 201))


async def test_every_key_has_the_prefix_and_expires(redis: RedisServer) -> None:
    async with opened(redis.url, expiry=100) as store:
        await store.count("t", "n")
        await store.append("t", "l", b"item", 5)
        await store.put("u", "v", b"value")
        await store.extend("w", "v", 0, bytes(200_000))
        await store.extend("w", "v", 200_000, bytes(200_000))
        keys = sorted(await store._client.keys())
        assert keys == sorted([USED, CHARGES, TOKEN + b"t", TOKEN + b"u", TOKEN + b"w"])
        assert all(key.startswith(PREFIX) for key in (USED, CHARGES, TOKEN))
        for key in keys:
            assert 90_000 < await store._client.pttl(key) <= 100_000, key


async def test_nothing_is_left_once_everything_has_expired(redis: RedisServer) -> None:
    async with opened(redis.url, expiry=0.05) as store:
        await store.put("t", "v", b"value")
        await store.count("u", "n")
        await asyncio.sleep(0.06)
        assert await store._client.keys() == []


async def test_a_use_keeps_the_whole_token(redis: RedisServer) -> None:
    async with opened(redis.url, expiry=1000) as store:
        await store.put("t", "v", b"value")
        for key in (USED, CHARGES, TOKEN + b"t"):
            await store._client.pexpire(key, 10_000)
        await store.items("t", "other")
        for key in (USED, CHARGES, TOKEN + b"t"):
            assert await store._client.pttl(key) > 900_000


async def test_what_leaves_leaves_no_key(redis: RedisServer) -> None:
    async with opened(redis.url, max_tokens=2, max_memory=100) as store:
        for number in range(20):
            await store.put(f"{number}", "v", bytes(30))
        assert len(await store._client.keys()) == 4
        await store.forget("18")
        await store.forget("19")
        assert await store._client.keys() == [CHARGES]
        assert await store._client.hgetall(CHARGES) == {b"=": b"0"}


async def test_expiry_as_long_as_a_number_can_be_is_kept_for_a_decade(redis: RedisServer) -> None:
    async with opened(redis.url, expiry=1e300) as store:
        assert [await store.count("t", "n") for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("key", [USED, CHARGES, TOKEN + b"t"])
async def test_a_key_that_redis_evicted_does_not_break_the_bounds(key: bytes, redis: RedisServer) -> None:
    async with opened(redis.url, max_memory=100) as store:
        for token in "st":
            await store.put(token, "v", bytes(50))
        await store._client.delete(key)
        for _ in range(2):
            for token in "abcd":
                await store.put(token, "v", bytes(50))
        assert [await store.size(token, "v") for token in "abcd"] == [None, None, 50, 50]
        await store.put("t", "v", bytes(100))
        assert await store.size("t", "v") == 100
        assert await store._client.hgetall(CHARGES) == {b"=": b"100", b"tt": b"100"}


async def test_a_token_that_redis_evicted_was_never_there(redis: RedisServer) -> None:
    async with opened(redis.url) as store:
        for lost in (TOKEN + b"t", USED):
            await store.put("t", "v", b"value")
            await store._client.delete(lost)
            assert await store.size("t", "v") is None
            assert not await store.forget("t")


async def test_expired_tokens_leave_the_books(redis: RedisServer) -> None:
    async with opened(redis.url, expiry=0.05) as store:
        for token in "abc":
            await store.put(token, "v", bytes(10))
        for key in (USED, CHARGES):  # others use them
            await store._client.persist(key)
        await asyncio.sleep(0.06)
        assert await store.size("other", "v") is None
        assert await store._client.zcard(USED) == 0
        assert await store._client.hgetall(CHARGES) == {b"=": b"0"}


async def test_what_was_replaced_takes_no_room(redis: RedisServer) -> None:
    async with opened(redis.url) as store:
        for at in range(0, 1_000_000, 100_000):
            await store.extend("t", "v", at, bytes(100_000))
        for number in range(50):
            await store.append("t", "l", b"%d" % number, 3)
        before = await store._client.hlen(TOKEN + b"t")
        await store.put("t", "v", b"short")
        # The ten pieces become one; two numbers of the books, two of each kind, one piece, three items.
        assert (before, await store._client.hlen(TOKEN + b"t")) == (19, 10)


def test_an_answer_takes_two_seconds_at_most() -> None:
    arguments = RedisStore("redis://127.0.0.1:1", Origin())._client.connection_pool.connection_kwargs
    assert (arguments["socket_timeout"], arguments["socket_connect_timeout"]) == (2.0, 2.0)


async def test_clock_of_the_server_that_was_set_back_keeps_the_order(redis: RedisServer) -> None:
    async with opened(redis.url, max_tokens=2) as store:
        for token in "ab":
            await store.put(token, "v", b"")
        await store._client.zincrby(USED, 3600e6, "b")
        for token in "cd":
            await store.put(token, "v", b"")
        assert [await store.size(token, "v") for token in "abcd"] == [None, None, 0, 0]


# The server is not there.


async def test_a_server_that_dies_is_a_sentence_and_one_that_comes_back_is_used(
    own_redis: RedisServer,
) -> None:
    async with opened(own_redis.url.replace("//", "//:secret@")) as store:
        assert "does not accept the user and password" in await refusal(store)
    async with opened(own_redis.url) as store:
        await asyncio.gather(*(store.count("t", "n") for _ in range(50)))
        own_redis.kill()
        said = await refusal(store)
        assert "cannot be reached" in said
        assert own_redis.url in said
        own_redis.restart()
        assert await store.count("t", "n") == 1


async def test_a_server_that_dies_below_an_operation_is_a_sentence(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, timeout=60.0) as store:
        await store.count("t", "n")
        own_redis.freeze()
        waiting = asyncio.create_task(refusal(store))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        own_redis.kill()
        assert "cannot be reached" in await waiting


async def test_a_server_that_does_not_answer_is_a_sentence_after_a_while(own_redis: RedisServer) -> None:
    async with opened(own_redis.url, timeout=1.0) as store:
        await store.count("t", "n")
        own_redis.freeze()
        begun = asyncio.get_running_loop().time()
        assert "does not answer in time" in await refusal(store)
        assert asyncio.get_running_loop().time() - begun >= 1.0
        own_redis.thaw()
        async with opened(own_redis.url) as other:
            # That it was counted is unknown to who asked; it was asked once.
            assert await other.count("t", "n") == 3


async def test_operations_that_are_cancelled_do_not_mix_up_answers(redis: RedisServer) -> None:
    async with opened(redis.url) as store:
        await store.put("t", "v", b"value")
        for turns in range(30):
            task = asyncio.create_task(store.count("t", "n"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            assert await store.get("t", "v") == b"value"


async def test_more_at_once_than_there_are_connections_wait_for_each_other(redis: RedisServer) -> None:
    async with opened(redis.url) as store:
        numbers = await asyncio.gather(*(store.count("t", "n") for _ in range(500)))
        assert sorted(numbers) == list(range(1, 501))
        assert int((await store._client.info("clients"))["connected_clients"]) <= 20


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "has no memory left"),
        (("ACL", "SETUSER", "default", "-evalsha"), "does not permit"),
        (("REPLICAOF", "127.0.0.1", "1"), "cannot be written to"),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), "answered with an error (NOREPLICAS)"),
    ],
)
async def test_a_server_that_refuses_says_why(
    command: tuple[str, ...], reason: str, own_redis: RedisServer
) -> None:
    async with opened(own_redis.url) as store:
        await store.count("t", "n")
        assert own_redis.command(*command) == b"+OK\r\n"
        assert reason in await refusal(store)


async def test_a_password_is_used_and_never_said(redis_executable: str, tmp_path: Path) -> None:
    with RedisServer(redis_executable, tmp_path, "--requirepass", "open sesame") as server:
        right, wrong = (
            server.url.replace("//", f"//default:{word}@") for word in ("open%20sesame", "hunter2")
        )
        async with opened(right) as store:
            assert await store.count("t", "n") == 1
            assert "sesame" not in repr(store.state)
        for url in (wrong, server.url):
            async with opened(url) as store:
                said = await refusal(store)
                assert "does not accept the user and password" in said
                assert server.url in said
                assert "hunter2" not in said


async def test_a_unix_socket_and_the_number_of_a_database(redis: RedisServer) -> None:
    async with opened(f"unix://{redis.socket}?db=1") as one, opened(redis.url.replace("/0", "/1")) as other:
        assert [await one.count("t", "n"), await other.count("t", "n")] == [1, 2]
    async with opened(redis.url) as elsewhere:
        assert await elsewhere.count("t", "n") == 1


async def test_no_server_is_asked_before_the_memory_is_used() -> None:
    async with opened("redis://127.0.0.1:1/0"):
        pass


def test_memory_in_this_process_is_not_shared() -> None:
    with pytest.raises(ConfigError, match="no Redis server"):
        RedisStore("", Origin())
