"""Policy: where forward and sockets may connect on behalf of a page.

The threat: this server stands inside a network that the page outside cannot reach, so whoever steers it reads
routers, databases and cloud credentials (CVE-2020-36851 of cors-anywhere). A name proves nothing, because it
may resolve to another address a moment later. So the address that is really dialled is judged, once, after
resolution, on every hop of a redirect; who dials must connect to that very address.

The rules are asked in this order, and the first that has an answer decides:

1. `--deny-net` refuses, whatever form the address is wrapped in.
2. `--allow-target` allows a name or an address, on one port or all, whatever its class.
3. `--allow-net` allows a network. A mapped address counts as the IPv4 address that it is on the wire; one in
   a tunnel does not, because somebody else's network is at the tunnel's end.
4. Public and loopback addresses pass, all others are refused.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from typing import Final

from attrs import frozen

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.net.addresses import (
    Address,
    AddressClass,
    Network,
    canonical,
    classify,
    parse_address,
    unmap,
    unwrap,
)
from fetchkit.net.hosts import Host, authority_of, bare_name, host_or_none
from fetchkit.net.origins import DEFAULT_PORTS

__all__ = ["Target", "TargetPolicy", "Verdict", "parse_net", "parse_target", "target_policy"]

_ALLOWED_CLASSES: Final = frozenset({AddressClass.PUBLIC, AddressClass.LOOPBACK})
_MAPPED_BITS: Final = 96
"""Length of the prefix of mapped addresses, ::ffff:0:0/96 (RFC 4291, section 2.5.5.2)."""


@frozen
class Target:
    """A host as its user named it (canonical, IPv6 without brackets), and one port or None for all."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        return str(Host(self.host, self.port))


@frozen
class Verdict:
    """Whether a connection may be made.

    Attributes:
        allowed: the answer.
        reason: a sentence that says why.
        hint: for a refusal, the flag that changes the answer; else empty.
        address_class: the class of the address that was judged.
    """

    allowed: bool
    reason: str
    hint: str
    address_class: AddressClass


@frozen
class _Connection:
    """One connection that is asked for: the host as it was named, and the address it would go to."""

    host: str | None
    port: int
    address: Address
    address_class: AddressClass

    def verdict(self, *, allowed: bool, reason: str, hint: str = "") -> Verdict:
        return Verdict(allowed, reason, hint, self.address_class)


@frozen
class TargetPolicy:
    """The rules for every connection that a page asks for; see the top of this module."""

    allow_nets: tuple[Network, ...] = ()
    deny_nets: tuple[Network, ...] = ()
    allow_targets: frozenset[Target] = frozenset()

    def judge(self, host: str, port: int, address: str) -> Verdict:
        """Judge a connection to `address` (a literal, a scope is ignored) and `port`, asked for as `host`.

        Raises:
            ValueError: `address` is no address literal.
        """
        connection = _connection(host, port, parse_address(address))
        return (
            self._by_deny_net(connection)
            or self._by_allow_target(connection)
            or self._by_allow_net(connection)
            or _by_class(connection)
        )

    def _by_deny_net(self, asked: _Connection) -> Verdict | None:
        forms = (asked.address, unmap(asked.address), unwrap(asked.address))
        net = next((net for net in self.deny_nets if any(form in net for form in forms)), None)
        if net is None:
            return None
        reason = f"{canonical(asked.address)} is in {net}, which --deny-net refuses."
        return asked.verdict(allowed=False, reason=reason, hint=f"Leave out --deny-net {net}.")

    def _by_allow_target(self, asked: _Connection) -> Verdict | None:
        names = (asked.host, canonical(unmap(asked.address)))
        for target in (Target(name, port) for name in names if name for port in (asked.port, None)):
            if target in self.allow_targets:
                return asked.verdict(allowed=True, reason=f"--allow-target {target} names it.")
        return None

    def _by_allow_net(self, asked: _Connection) -> Verdict | None:
        net = next((net for net in self.allow_nets if unmap(asked.address) in net), None)
        if net is None:
            return None
        return asked.verdict(allowed=True, reason=f"--allow-net {net} covers it.")


def _connection(host: str, port: int, address: Address) -> _Connection:
    try:
        name = _unmapped(bare_name(host))
    except BadRequestError:
        name = None  # it matches no target, and a hint must not repeat it
    return _Connection(name, port, address, classify(address))


def _unmapped(name: str) -> str:
    address = Host(name).address
    return name if address is None else canonical(unmap(address))


def _by_class(asked: _Connection) -> Verdict:
    kind = asked.address_class.value
    if asked.address_class in _ALLOWED_CLASSES:
        return asked.verdict(allowed=True, reason=f"{canonical(asked.address)} is a {kind} address.")
    net = ip_network(unmap(asked.address))
    hint = f"--allow-net {net}"
    if asked.host is not None:
        hint += f" or --allow-target {Target(asked.host, asked.port)}"
    reason = f"{canonical(asked.address)} is refused: the address is of the class {kind}."
    return asked.verdict(allowed=False, reason=reason, hint=f"{hint} allows it.")


def parse_net(value: str, option: str) -> Network:
    """Parse a network or a single address; a network of mapped addresses is returned as the IPv4 network.

    Raises:
        ConfigError: anything else; the sentence names the option and says what to write.
    """
    address, slash, length = value.partition("/")
    try:
        net = ip_network(canonical(parse_address(address)) + slash + length)
    except ValueError:
        raise ConfigError(f"{option} {value!a:.100} is not a network: {_net_advice(value)}.") from None
    mapped = unmap(net.network_address)
    if mapped.version == net.version:
        return net
    return IPv4Network((int(mapped), net.prefixlen - _MAPPED_BITS))


def _net_advice(value: str) -> str:
    try:
        return f"write {ip_network(value, strict=False)}, or a single address without a length"
    except ValueError:
        pass
    host = host_or_none(authority_of(value))
    if host is None:
        return "write an address or a CIDR block, as 192.168.1.0/24 or fd00::/8"
    if (address := host.address) is not None:
        return f"write {ip_network(address)}"
    return f"write addresses as 192.168.1.0/24, or allow the name with --allow-target {host}"


def parse_target(value: str, option: str) -> Target:
    """Parse HOST or HOST:PORT, IPv6 in brackets.

    Raises:
        ConfigError: anything else; the sentence names the option and says what to write.
    """
    host = host_or_none(value)
    if host is None or value.endswith(":"):
        raise ConfigError(f"{option} {value!a:.100} is not HOST or HOST:PORT: {_target_advice(value)}.")
    return Target(_unmapped(host.name), host.port)


def _target_advice(value: str) -> str:
    try:
        return f"write {Host(canonical(parse_address(value)))}, with :PORT for one port"
    except ValueError:
        pass
    host = host_or_none(authority_of(value))
    if host is None:
        return "write it as db.internal:5432, 192.168.1.5 or [fd00::5]:80"
    scheme = value.partition("://")[0].lower()
    return f"write {Host(host.name, host.port or DEFAULT_PORTS.get(scheme))}"


def target_policy(
    allow_net: Iterable[str] = (), deny_net: Iterable[str] = (), allow_target: Iterable[str] = ()
) -> TargetPolicy:
    """Build the policy from the values of `--allow-net`, `--deny-net` and `--allow-target`.

    Raises:
        ConfigError: a value that cannot be used.
    """
    return TargetPolicy(
        tuple(parse_net(value, "--allow-net") for value in allow_net),
        tuple(parse_net(value, "--deny-net") for value in deny_net),
        frozenset(parse_target(value, "--allow-target") for value in allow_target),
    )
