"""What the origin remembers under tokens, in this process or in Redis.

`store` says what a memory can do, `process` and `shared` are the two there are, `bounds` says what things
cost, `state` reads `--state`.
"""

from typing import TYPE_CHECKING

from fetchkit.errors import ConfigError
from fetchkit.origin.memory.state import parse_state

if TYPE_CHECKING:
    from fetchkit.origin.memory.store import Store
    from fetchkit.origin.settings import Origin

__all__ = ["open_store", "parse_state"]


def open_store(state: str, settings: "Origin") -> "Store":
    """The memory that `--state` asks for; nothing is connected before it is used.

    Args:
        state: empty for a memory in this process, or the URL of a Redis server.
        settings: the bounds.

    Raises:
        ConfigError: no such memory, or the package for it is missing.
    """
    if not parse_state(state).url:
        from fetchkit.origin.memory.process import ProcessStore  # noqa: PLC0415  only the one that is used

        return ProcessStore(settings)
    try:
        from fetchkit.origin.memory.shared import RedisStore  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError("--state needs an extra: pip install 'fetchkit[redis]'.") from error
    return RedisStore(state, settings)
