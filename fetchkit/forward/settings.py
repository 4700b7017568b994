"""The settings of the forward: `[forward]` and `[forward.targets."HOST"]`, frozen. Pure."""

import math
import os
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import Attribute, evolve, field, frozen
from yarl import URL

from fetchkit.errors import ConfigError
from fetchkit.http.fields import parse_field
from fetchkit.net.policy import parse_target

__all__ = ["Cookies", "Encoding", "Forward", "Redirects", "Target", "parse_proxy", "with_environment"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Redirects(StrEnum):
    """Who follows redirects."""

    FOLLOW = "follow"
    MANUAL = "manual"


class Encoding(StrEnum):
    """What upstream is asked for: plain bytes, so that progress is computable, or what the page accepts."""

    IDENTITY = "identity"
    PASS = "pass"  # noqa: S105  no password


class Cookies(StrEnum):
    """What happens to a target's cookies."""

    OFF = "off"
    JAR = "jar"
    REWRITE = "rewrite"


def parse_proxy(text: str) -> URL:
    """The URL of an HTTP proxy.

    Raises:
        ValueError: it is none.
    """
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(text)
    return url


def _positive(instance: object, attribute: "Attribute[Any]", value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise ConfigError(f"{type(instance).__name__.lower()}: {attribute.name} must be more than 0.")


def _frozen(value: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(value))


@frozen(kw_only=True)
class Target:
    """What is special about one target.

    Attributes:
        headers: fields to add; `${NAME}` stands for an environment variable, so that a secret never
            enters the wasm. Sent to this target alone, also when it was reached by a redirect.
        cookies: `jar` keeps them here, `rewrite` hands them to the page.
        verify: False accepts any certificate.
        ca: a file with the certificates of the CA to trust instead of the system's.
        proxy: URL of an HTTP proxy; empty takes the environment's, `none` takes none.
        connect_timeout: seconds; None takes that of `[forward]`.
        stall_timeout: seconds; None takes that of `[forward]`.
        concurrency: requests at once; more wait.
    """

    headers: Mapping[str, str] = field(factory=dict, converter=_frozen)
    cookies: Cookies = Cookies.OFF
    verify: bool = True
    ca: Path | None = None
    proxy: str = ""
    connect_timeout: float | None = field(default=None, validator=_positive)
    stall_timeout: float | None = field(default=None, validator=_positive)
    # Six is a browser's own limit for a host; one page with its workers and threads has several.
    concurrency: int = field(default=64, validator=_positive)

    def __attrs_post_init__(self) -> None:
        for name, value in self.headers.items():
            parse_field(f"{name}: {value}", "headers of a target:")
            if name.lower() == "host":
                raise ConfigError("headers of a target: Host is what the URL says; leave it out.")
        if self.proxy not in ("", "none"):
            try:
                parse_proxy(self.proxy)
            except ValueError as error:
                raise ConfigError("A target's proxy is no http:// URL with a host: mend it.") from error
        if self.ca is not None and not self.verify:
            raise ConfigError("A target has a ca and verify = false: leave one out.")


@frozen(kw_only=True)
class Forward:
    """What holds for every target.

    Attributes:
        redirects: `manual` hands them to the page with `Location` rewritten.
        encoding: `pass` sends the page's Accept-Encoding upstream.
        connect_timeout: seconds until a connection must stand.
        stall_timeout: seconds without a byte from upstream, before or within a body.
        targets: what is special, by HOST or HOST:PORT.
    """

    redirects: Redirects = Redirects.FOLLOW
    encoding: Encoding = Encoding.IDENTITY
    # Browsers give a connection minutes; smokescreen, a proxy as this is, gives it 10 s.
    connect_timeout: float = field(default=10.0, validator=_positive)
    # nginx's proxy_read_timeout is 60 s, a person's patience is less.
    stall_timeout: float = field(default=30.0, validator=_positive)
    targets: Mapping[str, Target] = field(factory=dict)
    _named: Mapping[tuple[str, int | None], Target] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        named = {parse_target(name, "forward.targets"): target for name, target in self.targets.items()}
        object.__setattr__(self, "_named", {(key.host, key.port): target for key, target in named.items()})

    def target(self, host: str, port: int) -> Target:
        """What is special about a host and port, the entry with the port first."""
        return self._named.get((host, port)) or self._named.get((host, None)) or _PLAIN


_PLAIN = Target()


def with_environment(settings: Forward, environment: Mapping[str, str] = os.environ) -> Forward:
    """The settings with every `${NAME}` in the targets' headers replaced.

    Raises:
        ConfigError: a variable that is not set, or whose value no field can carry.
    """

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ConfigError(
                f"The environment variable {match[1]}, which a target's header needs, is not set."
            )
        return environment[match[1]]

    def replaced(target: Target) -> Target:
        return evolve(target, headers={n: _VARIABLE.sub(value_of, v) for n, v in target.headers.items()})

    return evolve(settings, targets={name: replaced(target) for name, target in settings.targets.items()})
