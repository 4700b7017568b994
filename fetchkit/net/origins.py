"""Origins: which pages may use what is not meant for every page (RFC 6454).

An origin is compared as scheme, host and port, never as text: `http://localhost.attacker.example` begins like
a loopback origin and is none.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from attrs import frozen

from fetchkit.errors import ConfigError
from fetchkit.net.hosts import Host, host_or_none

__all__ = ["DEFAULT_PORTS", "Origin", "OriginRules", "is_loopback", "origin_rules", "parse_origin"]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
"""Ports that a serialised origin leaves out (RFC 6454, section 6.2)."""

_CACHED: Final = 256
"""Values remembered, as for hosts: a browser repeats one."""

# RFC 6454, section 7.1: serialized-origin = scheme "://" host [ ":" port ]
_SERIALISED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s]+)")


@frozen
class Origin:
    """Scheme, host and port; `str()` is its serialisation.

    Attributes:
        scheme: in lower case.
        host: canonical, as `Host.name` has it.
        port: the scheme's default where none is written; None where the scheme has none (`capacitor`).
    """

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        """Serialise the origin as RFC 6454, section 6.2 says."""
        port = None if self.port == DEFAULT_PORTS.get(self.scheme) else self.port
        return f"{self.scheme}://{Host(self.host, port)}"


@lru_cache(_CACHED)
def parse_origin(value: str) -> Origin | None:
    """Parse the value of an Origin header; None for `null`, several origins and all else that is none."""
    match = _SERIALISED.fullmatch(value)
    host = host_or_none(match[2]) if match else None
    if match is None or host is None:
        return None
    scheme = match[1].lower()
    return Origin(scheme, host.name, host.port or DEFAULT_PORTS.get(scheme))


def is_loopback(origin: Origin) -> bool:
    """Whether a web server on this machine sent the page, on whatever port."""
    return origin.scheme in DEFAULT_PORTS and Host(origin.host).is_loopback_name


@frozen
class OriginRules:
    """The origins that are allowed, besides the loopback ones.

    Attributes:
        origins: allowed exactly.
        any_origin: any page at all, `null` included: sandboxed frames, `file:` pages and `data:` URLs have no
            other origin to name.
    """

    origins: frozenset[Origin] = frozenset()
    any_origin: bool = False

    def allows(self, value: str) -> bool:
        """Whether the page of an Origin header's value is allowed; `null` only where any origin is."""
        return self.any_origin or _allows(self.origins, value)


@lru_cache(_CACHED)
def _allows(origins: frozenset[Origin], value: str) -> bool:
    origin = parse_origin(value)
    return origin is not None and (origin in origins or is_loopback(origin))


def origin_rules(values: Iterable[str], option: str) -> OriginRules:
    """Build the rules from an option's values: origins, or `*` for any.

    Raises:
        ConfigError: a value that is no origin; the sentence names the option and says what to write.
    """
    given = set(values)
    origins = frozenset(_configured(value, option) for value in given - {"*"})
    return OriginRules(origins, any_origin="*" in given)


def _configured(value: str, option: str) -> Origin:
    origin = parse_origin(value)
    if origin is None:
        raise ConfigError(f"{option} {value!a:.100} is not an origin: {_advice(value)}.")
    return origin


def _advice(value: str) -> str:
    if value == "null":
        return "many unrelated pages send null, so name the page's own origin, or write * for any page"
    scheme, found, rest = value.rpartition("://")
    authority = re.split(r"[/?#]", rest)[0]
    if not found and parse_origin(f"http://{authority}"):
        return f"begin with the scheme, as http://{authority} or https://{authority}"
    if found and (origin := parse_origin(f"{scheme}://{authority}")):
        return f"leave out the path, as {origin}"
    return "write SCHEME://HOST or SCHEME://HOST:PORT, as https://app.example:8443"
