"""What a socket is: families, types, protocols; and SHUT_*."""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from fetchkit.sockets.posix.numbers.errors import CallError
from fetchkit.sockets.posix.numbers.host import Host

__all__ = ["FAMILIES", "HOW", "PROTOCOLS", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "TYPES", "Kinds", "SocketType"]

# include/sys/socket.h. A page gets these families only: no packets, no netlink, no virtual machines.
FAMILIES: Final[Mapping[str, int]] = {"AF_UNSPEC": 0, "AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
# include/sys/socket.h; whether a page gets SOCK_RAW is not for a table to say.
TYPES: Final[Mapping[str, int]] = {
    "SOCK_STREAM": 1,
    "SOCK_DGRAM": 2,
    "SOCK_RAW": 3,
    "SOCK_RDM": 4,
    "SOCK_SEQPACKET": 5,
}
SOCK_NONBLOCK: Final = 0o4000
SOCK_CLOEXEC: Final = 0o2000000
_TYPE_BITS: Final = 0xF
# include/netinet/in.h; registered with IANA, and yet looked up: a host knows some of them only.
PROTOCOLS: Final[Mapping[str, int]] = {
    "IPPROTO_IP": 0,
    "IPPROTO_ICMP": 1,
    "IPPROTO_IGMP": 2,
    "IPPROTO_TCP": 6,
    "IPPROTO_UDP": 17,
    "IPPROTO_IPV6": 41,
    "IPPROTO_ICMPV6": 58,
    "IPPROTO_SCTP": 132,
    "IPPROTO_UDPLITE": 136,
    "IPPROTO_RAW": 255,
    "IPPROTO_MPTCP": 262,
}
# include/sys/socket.h
HOW: Final[Mapping[str, int]] = {"SHUT_RD": 0, "SHUT_WR": 1, "SHUT_RDWR": 2}


@frozen
class SocketType:
    """The type that a call names.

    Attributes:
        number: the host's, without flags.
        nonblocking: SOCK_NONBLOCK was there. (SOCK_CLOEXEC means nothing: no descriptor here is inherited.)
    """

    number: int
    nonblocking: bool


@frozen
class Kinds:
    """Kinds of sockets of one host to Emscripten's and back."""

    _host: Host

    def family_in(self, number: int) -> int:
        """The host's AF_*. Raises CallError: EAFNOSUPPORT."""
        return self._in(FAMILIES, number, "EAFNOSUPPORT")

    def family_out(self, number: int) -> int:
        """Emscripten's AF_*. Raises CallError: EAFNOSUPPORT."""
        return self._out(FAMILIES, number, "EAFNOSUPPORT")

    def type_in(self, number: int) -> SocketType:
        """The host's SOCK_*. Raises CallError: EINVAL for unknown flags (as Linux), ESOCKTNOSUPPORT."""
        if number & ~(_TYPE_BITS | SOCK_NONBLOCK | SOCK_CLOEXEC):
            raise CallError("EINVAL", f"type {number:#o} has unknown flags")
        kind = self._in(TYPES, number & _TYPE_BITS, "ESOCKTNOSUPPORT")
        return SocketType(kind, bool(number & SOCK_NONBLOCK))

    def type_out(self, number: int) -> int:
        """Emscripten's SOCK_*, which `SO_TYPE` gives. Raises CallError: ESOCKTNOSUPPORT."""
        bare = number & ~(self._host.names.get("SOCK_NONBLOCK", 0) | self._host.names.get("SOCK_CLOEXEC", 0))
        return self._out(TYPES, bare, "ESOCKTNOSUPPORT")

    def accept_flags_in(self, flags: int) -> bool:
        """Whether the flags of accept4 ask for a non-blocking socket. Raises CallError: EINVAL."""
        if flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC):
            raise CallError("EINVAL", f"accept4 has no flags {flags:#o}")
        return bool(flags & SOCK_NONBLOCK)

    def protocol_in(self, number: int) -> int:
        """The host's IPPROTO_*, 0 for the usual one. Raises CallError: EPROTONOSUPPORT."""
        return self._in(PROTOCOLS, number, "EPROTONOSUPPORT")

    def protocol_out(self, number: int) -> int:
        """Emscripten's IPPROTO_*. Raises CallError: EPROTONOSUPPORT."""
        return self._out(PROTOCOLS, number, "EPROTONOSUPPORT")

    def how_in(self, number: int) -> int:
        """The host's SHUT_*. Raises CallError: EINVAL."""
        return self._in(HOW, number, "EINVAL")

    # What a program of ours has in mind when it asks for addresses: 0 is "any" among the hints.

    def hint_type_in(self, number: int) -> int:
        """The host's SOCK_* of a hint, 0 for any. Raises CallError: EAI_SOCKTYPE."""
        return self._in(TYPES, number, "EAI_SOCKTYPE") if number else 0

    def hint_family_in(self, number: int) -> int:
        """The host's AF_* of a hint. Raises CallError: EAI_FAMILY."""
        return self._in(FAMILIES, number, "EAI_FAMILY")

    def hint_protocol_in(self, number: int) -> int:
        """The host's IPPROTO_* of a hint. Raises CallError: EAI_SOCKTYPE (glibc's for a protocol too)."""
        return self._in(PROTOCOLS, number, "EAI_SOCKTYPE")

    def _in(self, table: Mapping[str, int], number: int, failure: str) -> int:
        return _found((self._host.number(name) for name, there in table.items() if there == number), failure)

    def _out(self, table: Mapping[str, int], number: int, failure: str) -> int:
        return _found((there for name, there in table.items() if self._host.number(name) == number), failure)


def _found(numbers: Iterable[int | None], failure: str) -> int:
    for number in numbers:
        if number is not None:
            return number
    raise CallError(failure)
