"""Where a tunnel leads: targets of paths and options, and what SOCKFS says about ports. Pure.

Emscripten's SOCKFS makes one WebSocket for each peer, TCP and UDP alike. A UDP socket that was bound says so
in the first message, the port message; and it takes the first message that it gets for one, if it looks like
one, of a TCP connection too.
"""

import re
from contextlib import suppress
from enum import StrEnum
from typing import Final

from attrs import frozen
from yarl import URL

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.net.hosts import Host, bare_name, parse_host

__all__ = [
    "Bridge",
    "Service",
    "Target",
    "Transport",
    "parse_bridge",
    "parse_port_message",
    "parse_target",
    "parse_tcp_option",
    "port_message",
]

_PORT_MARK: Final = b"\xff\xff\xff\xffport"
_PORT_MESSAGE_SIZE: Final = 10
_EXAMPLE: Final = "Write HOST:PORT, as 127.0.0.1:5432, db.example:5432 or [::1]:80."
# The URL standard, section 3.5: a host whose last label is a number is an IPv4 address.
_ENDS_IN_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
# A PORT that stands first, else an address before it.
_BRIDGE: Final = re.compile(r"(?:(?P<address>\[[^\]]*\]|[^:\[\]]*):)??(?P<port>[0-9]{1,6}):(?P<target>.+)")
_BRIDGE_EXAMPLE: Final = (
    "write [ADDR:]PORT:TARGET, as 8088:echo, 8088:posix, 8088:127.0.0.1:5432 or 127.0.0.1:8088:[::1]:53/udp"
)
MAX_PORT: Final = 65535


class Transport(StrEnum):
    """How a target is reached."""

    TCP = "tcp"
    UDP = "udp"


class Service(StrEnum):
    """What fetchkit itself answers behind a bridge."""

    ECHO = "echo"
    POSIX = "posix"


@frozen
class Target:
    """One end of a tunnel.

    Attributes:
        host: name in its ASCII form, or an address, IPv6 without brackets.
        port: 1 to 65535.
        transport: TCP or UDP.
    """

    host: str
    port: int
    transport: Transport = Transport.TCP

    @property
    def authority(self) -> str:
        """Host and port, IPv6 in brackets: as `--allow-target` and logs write it."""
        return str(Host(self.host, self.port))

    def __str__(self) -> str:
        return self.authority if self.transport is Transport.TCP else f"{self.authority}/{self.transport}"


@frozen
class Bridge:
    """A port whose every WebSocket goes to one place.

    Attributes:
        address: where it listens; None for wherever the server does.
        port: where it listens; 0 for any.
        target: where it leads.
    """

    address: str | None
    port: int
    target: Target | Service


def parse_target(text: str, transport: Transport = Transport.TCP) -> Target:
    """Parse `HOST:PORT`, IPv6 in brackets, after percent-decoding; a slash at the end is taken off.

    SOCKFS puts that slash behind the port of every address that it connects to.

    Raises:
        BadRequestError: anything else; the hint says what to write.
    """
    text = text.removesuffix("/")
    if not text:
        raise BadRequestError("The path names no target.", _EXAMPLE)
    name, colon, port = text.rpartition(":")
    if not name.isascii() and not name.startswith("["):
        text = _ascii_name(name) + colon + port
    try:
        host = parse_host(text)
    except BadRequestError as error:
        raise BadRequestError(error.detail, _EXAMPLE) from None
    if host.port is None:
        raise BadRequestError(f"{text!a:.100} names no port.", _EXAMPLE)
    if host.address is None and _ENDS_IN_NUMBER.fullmatch(host.name):
        raise BadRequestError(f"{host.name:.100} is not an IPv4 address.", "Write it as 192.0.2.1.")
    return Target(host.name, host.port, transport)


def _ascii_name(name: str) -> str:
    """An international name as the DNS has it; browsers send what a page wrote, percent-encoded."""
    with suppress(ValueError):
        encoded = URL.build(scheme="http", host=name).raw_host
        if encoded:
            return encoded
    raise BadRequestError(
        f"{name!a:.100} is not a host name.", "Write an international name as xn--bcher-kva.example."
    )


def parse_tcp_option(value: str, option: str) -> Target:
    """Parse the HOST:PORT of `--tcp`.

    Raises:
        ConfigError: anything else; the sentence names the option and says what to write.
    """
    try:
        return parse_target(value)
    except BadRequestError:
        instead = "write HOST:PORT, as 127.0.0.1:5432, db.example:5432 or [::1]:80"
        raise ConfigError(f"{option} {value!a:.100} is not HOST:PORT: {instead}.") from None


def parse_bridge(value: str, option: str) -> Bridge:
    """Parse `[ADDR:]PORT:TARGET`; the first field of digits alone is the PORT, IPv6 is bracketed.

    Raises:
        ConfigError: anything else; the sentence names the option and says what to write.
    """
    match = _BRIDGE.fullmatch(value)
    if match is None or int(match["port"]) > MAX_PORT:
        raise ConfigError(f"{option} {value!a:.100} is no bridge: {_BRIDGE_EXAMPLE}.")
    try:
        address = None if match["address"] is None else bare_name(match["address"].strip("[]"))
        return Bridge(address, int(match["port"]), _bridge_target(match["target"]))
    except BadRequestError as error:
        raise ConfigError(
            f"{option} {value!a:.100} is no bridge ({error.detail.rstrip('.')}): {_BRIDGE_EXAMPLE}."
        ) from None


def _bridge_target(text: str) -> Target | Service:
    with suppress(ValueError):
        return Service(text)
    authority, slash, transport = text.partition("/")
    if slash and transport not in tuple(Transport):
        raise BadRequestError(f"{text!a:.100} is neither echo, posix, HOST:PORT nor HOST:PORT/udp.")
    return parse_target(authority, Transport(transport) if slash else Transport.TCP)


def parse_port_message(data: bytes | bytearray) -> int | None:
    """The port that a port message names, 0 included; None for anything else."""
    if len(data) != _PORT_MESSAGE_SIZE or not data.startswith(_PORT_MARK):
        return None
    return int.from_bytes(data[-2:], "big")


def port_message(port: int) -> bytes:
    """What tells SOCKFS the port of its peer, as the first message."""
    return _PORT_MARK + port.to_bytes(2, "big")
