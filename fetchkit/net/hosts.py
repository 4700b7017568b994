"""Hosts: what the Host header names, and which names this server answers to.

The threat is DNS rebinding: a page of `evil.example` waits until its name resolves to 127.0.0.1, and is then
of one origin with this server. Only the Host header still tells the truth, so it must name this server. It is
compared as a parsed value: a comparison of text lets `127.attacker.example`, `localhost.attacker.example` and
`[::1].x` through. The port is not compared, because a port forward may change it, and a page that controls no
name of ours gains nothing by another port.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from attrs import frozen

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.net.addresses import Address, AddressClass, canonical, classify, parse_address

__all__ = ["Host", "HostRules", "authority_of", "bare_name", "host_or_none", "host_rules", "parse_host"]

MAX_NAME: Final = 253
"""Characters of a name, of 255 octets on the wire (RFC 1035, section 2.3.4)."""

MAX_PORT: Final = 65535

_CACHED: Final = 256
"""Values remembered: a browser repeats one; more than a few are somebody trying."""

# RFC 3986, section 3.2.2: "URI producers should use names that conform to the DNS syntax". The grammar's
# escapes and sub-delims are in no name of the DNS and browsers send none; `_` is in the names of containers.
_LABEL = "[A-Za-z0-9_-]{1,63}"  # RFC 1035, section 2.3.4
# RFC 9110, section 7.2: Host = uri-host [ ":" port ]
_HOST = re.compile(
    rf"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>{_LABEL}(?:\.{_LABEL})*)\.?)"
    r"(?::(?P<port>[0-9]{0,5}))?"
)
_BAD_PORT = re.compile(r"[^:\[]:[^:\]]*\Z")
_PORT_HINT: Final = f"Write a number from 1 to {MAX_PORT}, or leave the port out."


@frozen
class Host:
    """A host and maybe a port.

    Attributes:
        name: in lower case and without the root's dot; an IPv6 address without brackets, in canonical form.
        port: 1 to 65535, or None where none is given.
    """

    name: str
    port: int | None = None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"

    @property
    def address(self) -> Address | None:
        """The address that the name is a literal of; None for a name that has to be resolved."""
        try:
            return parse_address(self.name)
        except ValueError:
            return None

    @property
    def is_loopback_name(self) -> bool:
        """Whether the name can only mean this machine: `localhost`, what is below it, a loopback address.

        RFC 6761, section 6.3: localhost and all names below it are loopback. A mapped loopback address
        (::ffff:127.0.0.1) is one, since its packets are those of 127.0.0.1.
        """
        if self.address is not None:
            return classify(self.address) is AddressClass.LOOPBACK
        return self.name == "localhost" or self.name.endswith(".localhost")


def parse_host(value: str) -> Host:
    """Parse `uri-host [":" port]` (RFC 9110, section 7.2).

    An empty port is no port (RFC 3986, section 6.2.3). A zone id is refused (RFC 6874: it never leaves its
    machine), and so is text that is not ASCII: international names arrive as A-labels (`xn--…`).

    Raises:
        BadRequestError: anything else.
    """
    match = _HOST.fullmatch(value)
    if match is None:
        raise BadRequestError(f"{value!a:.100} is neither a host nor a host and a port.", _advice(value))
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= MAX_PORT:
        raise BadRequestError(f"The port of {value!a:.100} is not between 1 and {MAX_PORT}.", _PORT_HINT)
    return Host(_ipv6(match["ipv6"]) if match["ipv6"] else _reg_name(match["name"]), port)


def host_or_none(value: str) -> Host | None:
    """Parse a host where a malformed one is no error but simply none."""
    try:
        return parse_host(value)
    except BadRequestError:
        return None


def _ipv6(text: str) -> str:
    try:
        address = parse_address(text)
    except ValueError:
        address = None
    if address is None or address.version == 4:  # noqa: PLR2004
        raise BadRequestError(f"[{text:.100}] is not an IPv6 address.", "Write it as [2001:db8::1].")
    return canonical(address)


def _reg_name(text: str) -> str:
    if len(text) > MAX_NAME:
        raise BadRequestError(
            f"A host name of {len(text)} characters is longer than {MAX_NAME}.", "Is it the name alone?"
        )
    return text.lower()


def _advice(value: str) -> str:
    if not value.isascii():
        return "Write an international name in its ASCII form, as xn--bcher-kva.example."
    if value.count(":") > 1 and "[" not in value:
        return "Write an IPv6 address in brackets, as [::1]:8080."
    return _PORT_HINT if _BAD_PORT.search(value) else ""


def bare_name(value: str) -> str:
    """Return the canonical name of a host given without a port; the brackets of IPv6 may be left out.

    Raises:
        BadRequestError: no host, or a host with a port.
    """
    try:
        return canonical(parse_address(value))
    except ValueError:
        host = parse_host(value)
    if ":" in value.rpartition("]")[2]:
        raise BadRequestError(f"{value!a:.100} has a port.")
    return host.name


def authority_of(value: str) -> str:
    """Return what stands where a URL has its authority, to suggest it to whoever wrote a URL."""
    return re.split(r"[/?#]", value.partition("://")[2] or value)[0].rpartition("@")[2]


@frozen
class HostRules:
    """The hosts that this server answers to, besides the loopback ones.

    Attributes:
        names: exact names and addresses; `.example.com` for every name below it; `*` for any host.
        any_address: every address literal too. The server listens on every address of the machine, and an
            address literal cannot be rebound.
    """

    names: frozenset[str] = frozenset()
    any_address: bool = False

    def allows(self, value: str) -> bool:
        """Whether a Host header's value names this server, whatever its port; malformed ones never do."""
        return _allows(self.names, self.any_address, value)


@lru_cache(_CACHED)
def _allows(names: frozenset[str], any_address: bool, value: str) -> bool:
    host = host_or_none(value)
    if host is None:
        return False
    if host.is_loopback_name or (any_address and host.address is not None):
        return True
    return any(rule in names for rule in _rules_that_match(host))


def _rules_that_match(host: Host) -> Iterator[str]:
    yield "*"
    yield host.name
    if host.address is None:  # nothing is below an address
        labels = host.name.split(".")
        yield from ("." + ".".join(labels[start:]) for start in range(1, len(labels)))


def host_rules(allow_host: Iterable[str] = (), bound: Iterable[str] = ()) -> HostRules:
    """Build the rules from `--allow-host` and the addresses that are listened on.

    `.example.com` allows the name and every name below it, as webpack-dev-server, Vite and Django read it;
    `*.example.com` only the names below it; `*` any host. A bound 0.0.0.0 or :: allows every address literal.

    Raises:
        ConfigError: a value that is no host name, such as a URL or a name with a port.
    """
    names = {name for value in allow_host for name in _names_of_rule(value)}
    addresses = {_configured_name("--host", value, value) for value in bound}
    return HostRules(frozenset(names | addresses), any_address=not addresses.isdisjoint({"0.0.0.0", "::"}))


def _names_of_rule(value: str) -> set[str]:
    if value == "*":
        return {value}
    star, dot, rest = value.partition(".")
    below = bool(dot) and star in {"", "*"}
    name = _configured_name("--allow-host", value, rest if below else value)
    if not below:
        return {name}
    if Host(name).address is not None:
        raise ConfigError(
            f"--allow-host {value!a:.100} is below an address: write the address alone, {name}."
        )
    return {f".{name}"} if star else {f".{name}", name}


def _configured_name(option: str, value: str, name: str) -> str:
    try:
        return bare_name(name)
    except BadRequestError:
        host = host_or_none(authority_of(value))
    instead = Host(host.name) if host else "one such as app.example"
    raise ConfigError(f"{option} {value!a:.100} is not a host name alone: write {instead}.")
