"""The memory in Redis, which processes and machines share.

Importing this module needs redis-py: the extra `redis`. It is 6 or later: 5.0 fails the test of cancelled
operations. The server is Redis 5 or later; a cluster will not do, since one operation may drop tokens that
another of its machines has.
"""

import math
import re
from typing import Any, Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from fetchkit.errors import ConfigError, UnavailableError
from fetchkit.origin.memory.bounds import encoded
from fetchkit.origin.memory.scripts import CONFLICT, FULL, SCRIPTS
from fetchkit.origin.memory.state import parse_state
from fetchkit.origin.memory.store import ConflictError, FullError
from fetchkit.origin.settings import Origin

__all__ = ["CHARGES", "PREFIX", "TOKEN", "USED", "RedisStore"]

PREFIX: Final = b"fetchkit:origin:"
USED: Final = PREFIX + b"used"
CHARGES: Final = PREFIX + b"charges"
TOKEN: Final = PREFIX + b"token:"
# Seconds to connect, and for one answer: on a network of one's own both take milliseconds.
TIMEOUT: Final = 2.0
# Redis answers one after the other anyway; a few keep it busy while others are on their way.
MAX_CONNECTIONS: Final = 16
# A decade: as good as for ever, and far from what Redis's own milliseconds cannot count.
_MAX_EXPIRY: Final = 3652 * 86400.0
# Why it did not work, the first that fits. Redis's own words are not passed on: they may repeat the password
# ("unknown command `HELLO`, with args beginning with: …").
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (exceptions.AuthenticationError, "does not accept the user and password"),
    (exceptions.AuthorizationError, "does not accept the user and password"),
    (exceptions.BusyLoadingError, "is still loading its data"),
    (exceptions.TimeoutError, "does not answer in time"),
    (exceptions.ConnectionError, "cannot be reached"),
    (exceptions.OutOfMemoryError, "has no memory left"),
    (exceptions.NoPermissionError, "does not permit this user to run scripts on fetchkit:origin:*"),
    (exceptions.ReadOnlyError, "is a replica that cannot be written to"),
)


# What Redis says instead of NOAUTH to a command of more than ten words, as ours are.
_UNKNOWN_USER: Final = "unauthenticated multibulk length"
# Redis's errors begin with a word in capitals, such as NOAUTH or MISCONF.
_CODE: Final = re.compile("[A-Z]{3,20}(?= )")


class RedisStore:
    """A `Store` in a Redis server; nothing is connected before it is used.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        settings: the bounds; all who share a server should have the same.
        timeout: seconds to connect, and for one answer.

    Raises:
        ConfigError: no such URL.
    """

    def __init__(self, url: str, settings: Origin, timeout: float = TIMEOUT) -> None:
        self.state = parse_state(url)
        if not self.state.url:
            raise ConfigError("There is no Redis server to share the memory in.")
        self._settings = settings
        self._bounds = (
            math.ceil(min(settings.expiry, _MAX_EXPIRY) * 1e6),
            settings.max_tokens,
            settings.max_memory,
        )
        pool: Any = BlockingConnectionPool.from_url(
            self.state.url,
            max_connections=MAX_CONNECTIONS,
            timeout=timeout,
            socket_connect_timeout=timeout,
            socket_timeout=timeout,
            # What was sent may have been done: to count once more would count twice.
            retry=Retry(NoBackoff(), 0),
            # The older one suffices, and Redis 5 knows no other.
            protocol=2,
        )
        self._client: Redis = Redis.from_pool(pool)
        self._scripts = {name: self._client.register_script(text) for name, text in SCRIPTS.items()}

    async def count(self, token: str, name: str) -> int:
        """Count one more; the first call answers 1."""
        return await self._change("count", token, name)

    async def append(self, token: str, name: str, item: bytes, limit: int) -> None:
        """Add an item to a list that keeps the last `limit`, or fewer where the token would be full."""
        await self._change("append", token, name, item, b"%d" % limit)

    async def items(self, token: str, name: str) -> list[bytes]:
        """The items of a list, the oldest first; empty where there is none."""
        found: list[bytes] = await self._run("items", token, name)
        return found

    async def put(self, token: str, name: str, value: bytes) -> None:
        """Set a value."""
        await self._change("put", token, name, value)

    async def get(self, token: str, name: str) -> bytes | None:
        """A value, or bytes that were extended; None where there is none."""
        pieces: list[bytes] | None = await self._run("get", token, name)
        return None if pieces is None else b"".join(pieces)

    async def extend(self, token: str, name: str, at: int, data: bytes) -> int:
        """Add bytes at the position `at`, which must be their end; returns the new size."""
        return await self._change("extend", token, name, b"%d" % at, data)

    async def size(self, token: str, name: str) -> int | None:
        """How many bytes a value has; None where there is none."""
        found: int | None = await self._run("size", token, name)
        return found

    async def forget(self, token: str) -> bool:
        """Forget everything below a token; whether there was anything."""
        return bool(await self._run("forget", token, ""))

    async def close(self) -> None:
        """Let go of connections; what is remembered stays."""
        await self._client.aclose()

    async def _change(self, script: str, token: str, name: str, *more: bytes) -> int:
        outcome, number = await self._run(script, token, name, *more)
        if outcome == FULL:
            raise FullError(f"max-memory of [origin] is {self._settings.max_memory} bytes.")
        if outcome == CONFLICT:
            raise ConflictError(number)
        return int(number)

    async def _run(self, script: str, token: str, name: str, *more: bytes) -> Any:
        key = encoded(token)
        arguments = [key, encoded(name), *(b"%d" % bound for bound in self._bounds), *more]
        keys = [USED, CHARGES, TOKEN + key]
        try:
            return await self._scripts[script](keys, arguments)
        except exceptions.RedisError as error:
            raise self._unavailable(error) from error
        except OSError as error:
            raise self._unavailable(exceptions.ConnectionError()) from error

    def _unavailable(self, error: exceptions.RedisError) -> UnavailableError:
        if _UNKNOWN_USER in str(error):
            error = exceptions.AuthenticationError()
        code = _CODE.match(str(error))  # of what redis-py has no class for
        unknown = f"answered with an error ({code[0] if code else type(error).__name__})"
        reason = next((words for kind, words in _REASONS if isinstance(error, kind)), unknown)
        return UnavailableError(
            f"The memory of the test origin is in Redis, which {reason}.",
            f"--state names {self.state.shown}: is it the right server, and does it run?",
        )
