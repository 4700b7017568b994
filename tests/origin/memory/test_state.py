"""What `--state` may say, and what is opened for it."""

import subprocess
import sys

import pytest

from fetchkit.errors import ConfigError
from fetchkit.origin.memory import open_store, parse_state
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.shared import RedisStore
from fetchkit.origin.memory.state import State
from fetchkit.origin.settings import Origin


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("redis://localhost", "redis://localhost:6379"),
        ("REDIS://Localhost/", "redis://localhost:6379"),
        ("redis://127.0.0.1:7000/3", "redis://127.0.0.1:7000/3"),
        ("redis://[::1]:7000", "redis://[::1]:7000"),
        ("redis://user:secret@cache.example/0", "redis://cache.example:6379/0"),
        ("redis://:s%23cret@cache.example?db=2", "redis://cache.example:6379"),
        ("rediss://cache.example?ssl_ca_certs=/etc/ca.pem", "rediss://cache.example:6379"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("unix://user@/run/redis.sock?db=1&password=secret", "unix:///run/redis.sock"),
    ],
)
def test_state_that_can_be_used(text: str, shown: str) -> None:
    assert parse_state(text) == State(text, shown)
    assert "secret" not in repr(parse_state(text))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("redis", "begins with none of"),
        ("localhost:6379", "begins with none of"),
        ("http://localhost", "begins with none of"),
        ("memcached://:secret@localhost", "begins with none of"),
        ("redis://", "no host"),
        ("redis:///0", "no host"),
        ("redis://:secret@", "no host"),
        ("redis://[::1", "no URL"),
        ("redis://localhost:secret", "no URL"),
        ("redis://localhost:65536", "no URL"),
        ("redis://localhost:0", "port 0"),
        ("redis://localhost/x", "number of a database"),
        ("redis://localhost/1/2", "number of a database"),
        ("redis://localhost?db=x", "db"),
        ("redis://localhost?decode_responses=true", "decode_responses"),
        ("redis://localhost?ssl_ca_certs=x", "ssl_ca_certs"),
        ("redis://:secret#1@localhost", "%23"),
        ("redis://localhost#", "%23"),
        ("redis://local host", "%20"),
        ("redis://localhost\n", "%20"),
        ("unix://", "absolute path"),
        ("unix:///", "absolute path"),
        ("unix:relative", "absolute path"),
        ("unix://relative/path", "absolute path"),
    ],
)
def test_state_that_cannot_be_used_is_one_sentence(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as raised:
        open_store(text, Origin())
    sentence = str(raised.value)
    assert part in sentence
    assert "--state" in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert "secret" not in sentence


async def test_the_state_says_which_memory_is_opened() -> None:
    memory, shared = open_store("", Origin()), open_store("redis://127.0.0.1:1", Origin())
    assert (type(memory), type(shared)) == (ProcessStore, RedisStore)
    await shared.close()


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "fetchkit.origin.memory.shared")
    with pytest.raises(ConfigError, match=r"pip install 'fetchkit\[redis\]'"):
        open_store("redis://127.0.0.1:1", Origin())


def test_redis_is_imported_only_where_it_is_used() -> None:
    code = (
        "import sys; from fetchkit.origin import Origin; from fetchkit.origin.memory import open_store;"
        "open_store('', Origin()); print('redis' in sys.modules, 'aiohttp' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False False\n"
