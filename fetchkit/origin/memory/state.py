"""Where the memory of the origin is: the text behind `--state`, judged before anything is connected. Pure."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import field, frozen

from fetchkit.errors import ConfigError

__all__ = ["State", "parse_state"]

_FORMS: Final = "redis://HOST:PORT/DB, rediss://HOST:PORT/DB (TLS) or unix:///PATH"
# redis-py lets the query override everything: these it may, the others would break the memory.
_OPTIONS: Final = frozenset({"db", "username", "password"})
_TLS_OPTIONS: Final = frozenset(
    {"ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)
# Redis has 16 of them unless its configuration says otherwise.
_DB: Final = re.compile("[0-9]{1,6}")
REDIS_PORT: Final = 6379


@frozen
class State:
    """A memory outside of this process; or in it, where `url` is empty.

    Attributes:
        url: as redis-py takes it, the password included.
        shown: the same for people, without user, password and options.
    """

    url: str = field(default="", repr=False)
    shown: str = ""


def parse_state(text: str) -> State:
    """Judge what `--state` says; nothing is memory in this process.

    Raises:
        ConfigError: no URL of a Redis server. The text is never quoted: there may be a password in it.
    """
    if not text:
        return State()
    if not text.isprintable() or " " in text:
        raise ConfigError("--state has a space or a control character in it: write it as %20.")
    if "#" in text:  # would end the URL there
        raise ConfigError("--state has a # in it: in a password it is written %23.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"--state is no URL with a host and a port: write it as {_FORMS}.") from error
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ConfigError(
            f"--state begins with none of redis://, rediss:// and unix://: write it as {_FORMS}."
        )
    if parts.scheme == "unix":
        shown = _socket(parts, text)
    elif not host:
        raise ConfigError(f"--state names no host: write it as {_FORMS}.")
    elif port == 0:
        raise ConfigError("--state names port 0, where nothing listens.")
    else:
        shown = f"{parts.scheme}://{_bracketed(host)}:{port or REDIS_PORT}{_database(parts)}"
    _judge_options(parts, _OPTIONS if parts.scheme != "rediss" else _OPTIONS | _TLS_OPTIONS)
    return State(text, shown)


def _socket(parts: SplitResult, text: str) -> str:
    # Behind the user, as in unix://user@/run/redis.sock, nothing stands before the path.
    if not text.lower().startswith("unix://") or parts.netloc.rpartition("@")[2] or len(parts.path) <= 1:
        raise ConfigError("--state unix:// needs an absolute path, as unix:///run/redis/redis-server.sock.")
    return f"unix://{parts.path}"


def _database(parts: SplitResult) -> str:
    if parts.path in ("", "/"):
        return ""
    if not _DB.fullmatch(parts.path[1:]):
        raise ConfigError("--state may have the number of a database behind the host, and nothing else.")
    return parts.path


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else unquote(host)


def _judge_options(parts: SplitResult, known: Iterable[str]) -> None:
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            names = ", ".join(sorted(known))
            raise ConfigError(f"--state has the option {name!a:.80}, which is none of {names}.")
        if name == "db" and not _DB.fullmatch(value):
            raise ConfigError("--state has a db that is no number.")
