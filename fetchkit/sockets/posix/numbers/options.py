"""Options of sockets: which there are, and their values on both sides.

A list of what may pass, not of what is known: some options take pointers (SO_ATTACH_FILTER), some would take
a packet elsewhere than where `net/policy` judged (IP_OPTIONS, SO_BINDTODEVICE, SO_MARK, IP_TRANSPARENT), some
have layouts or values of one system (TCP_INFO, ip_mreq_source, IP_MTU_DISCOVER). They are ENOPROTOOPT, and so
is what Python has no name for on this host.
"""

import struct
from collections.abc import Mapping
from enum import Enum
from typing import Final

from attrs import frozen

from fetchkit.sockets.posix.numbers.addresses import Buffer
from fetchkit.sockets.posix.numbers.errors import CallError
from fetchkit.sockets.posix.numbers.host import Host

__all__ = [
    "LEVELS",
    "OPTIONS",
    "Linger",
    "Meaning",
    "Option",
    "Options",
    "Value",
    "decode_timeout",
    "encode_timeout",
]


class Meaning(Enum):
    """What the bytes of an option's value are."""

    INTEGER = "an int"
    SMALL = "an int, or one byte of it: Linux takes either at the level of IP"
    BYTES = "bytes, to be passed on"
    LINGER = "struct linger"
    GROUP = "ip_mreq or ip_mreqn"
    INTERFACE = "an address of an interface, or ip_mreq or ip_mreqn"
    GROUP6 = "ipv6_mreq"
    # The following are answered here, whatever the host has.
    TIMEOUT = "struct timeval; a socket of ours never blocks, so the wait ends by a timer"
    ERROR = "an errno"
    FAMILY = "an AF_*"
    TYPE = "a SOCK_*"
    PROTOCOL = "an IPPROTO_*"


_OURS: Final = frozenset({Meaning.TIMEOUT, Meaning.ERROR, Meaning.FAMILY, Meaning.TYPE, Meaning.PROTOCOL})
_READ_ONLY: Final = frozenset({"SO_TYPE", "SO_ERROR", "SO_ACCEPTCONN", "SO_PROTOCOL", "SO_DOMAIN"})

# SOL_SOCKET of include/sys/socket.h, the others of include/netinet/in.h; by the host's name.
LEVELS: Final[Mapping[str, int]] = {
    "SOL_SOCKET": 1,
    "IPPROTO_IP": 0,
    "IPPROTO_TCP": 6,
    "IPPROTO_IPV6": 41,
}
_INT, _SMALL = Meaning.INTEGER, Meaning.SMALL
# By level: name, numbers, meaning.
OPTIONS: Final[Mapping[str, tuple[tuple[str, tuple[int, ...], Meaning], ...]]] = {
    # include/sys/socket.h. Two numbers: that of 3.1.6 and of wasm64, and that of wasm32 since musl 1.2, whose
    # time_t has 64 bits there too.
    "SOL_SOCKET": (
        ("SO_DEBUG", (1,), _INT),
        ("SO_REUSEADDR", (2,), _INT),
        ("SO_TYPE", (3,), Meaning.TYPE),
        ("SO_ERROR", (4,), Meaning.ERROR),
        ("SO_DONTROUTE", (5,), _INT),
        ("SO_BROADCAST", (6,), _INT),
        ("SO_SNDBUF", (7,), _INT),
        ("SO_RCVBUF", (8,), _INT),
        ("SO_KEEPALIVE", (9,), _INT),
        ("SO_OOBINLINE", (10,), _INT),
        ("SO_PRIORITY", (12,), _INT),
        ("SO_LINGER", (13,), Meaning.LINGER),
        ("SO_REUSEPORT", (15,), _INT),
        ("SO_RCVLOWAT", (18,), _INT),
        ("SO_SNDLOWAT", (19,), _INT),
        ("SO_RCVTIMEO", (20, 66), Meaning.TIMEOUT),
        ("SO_SNDTIMEO", (21, 67), Meaning.TIMEOUT),
        ("SO_TIMESTAMP", (29, 63), _INT),
        ("SO_ACCEPTCONN", (30,), _INT),
        ("SO_PROTOCOL", (38,), Meaning.PROTOCOL),
        ("SO_DOMAIN", (39,), Meaning.FAMILY),
    ),
    # include/netinet/in.h
    "IPPROTO_IP": (
        ("IP_TOS", (1,), _SMALL),
        ("IP_TTL", (2,), _SMALL),
        ("IP_PKTINFO", (8,), _SMALL),
        ("IP_RECVTTL", (12,), _SMALL),
        ("IP_RECVTOS", (13,), _SMALL),
        ("IP_BIND_ADDRESS_NO_PORT", (24,), _SMALL),
        ("IP_MULTICAST_IF", (32,), Meaning.INTERFACE),
        ("IP_MULTICAST_TTL", (33,), _SMALL),
        ("IP_MULTICAST_LOOP", (34,), _SMALL),
        ("IP_ADD_MEMBERSHIP", (35,), Meaning.GROUP),
        ("IP_DROP_MEMBERSHIP", (36,), Meaning.GROUP),
    ),
    # include/netinet/tcp.h
    "IPPROTO_TCP": (
        ("TCP_NODELAY", (1,), _INT),
        ("TCP_MAXSEG", (2,), _INT),
        ("TCP_CORK", (3,), _INT),
        ("TCP_KEEPIDLE", (4,), _INT),
        ("TCP_KEEPINTVL", (5,), _INT),
        ("TCP_KEEPCNT", (6,), _INT),
        ("TCP_SYNCNT", (7,), _INT),
        ("TCP_LINGER2", (8,), _INT),
        ("TCP_DEFER_ACCEPT", (9,), _INT),
        ("TCP_WINDOW_CLAMP", (10,), _INT),
        ("TCP_QUICKACK", (12,), _INT),
        ("TCP_CONGESTION", (13,), Meaning.BYTES),
        ("TCP_USER_TIMEOUT", (18,), _INT),
        ("TCP_FASTOPEN", (23,), _INT),
        ("TCP_NOTSENT_LOWAT", (25,), _INT),
    ),
    # include/netinet/in.h
    "IPPROTO_IPV6": (
        ("IPV6_UNICAST_HOPS", (16,), _INT),
        ("IPV6_MULTICAST_IF", (17,), _INT),
        ("IPV6_MULTICAST_HOPS", (18,), _INT),
        ("IPV6_MULTICAST_LOOP", (19,), _INT),
        ("IPV6_JOIN_GROUP", (20,), Meaning.GROUP6),
        ("IPV6_LEAVE_GROUP", (21,), Meaning.GROUP6),
        ("IPV6_V6ONLY", (26,), _INT),
        ("IPV6_RECVPKTINFO", (49,), _INT),
        ("IPV6_RECVHOPLIMIT", (51,), _INT),
        ("IPV6_DONTFRAG", (62,), _INT),
        ("IPV6_RECVTCLASS", (66,), _INT),
        ("IPV6_TCLASS", (67,), _INT),
    ),
}
# What one host calls otherwise.
_ELSEWHERE: Final = {"TCP_KEEPIDLE": "TCP_KEEPALIVE", "TCP_CORK": "TCP_NOPUSH"}  # both Darwin's

_I32: Final = struct.Struct("<i")
_TIMEVAL32: Final = struct.Struct("<ii")
_TIMEVAL64: Final = struct.Struct("<qq")
_LINGER: Final = struct.Struct("<ii")
_LINGER_HOST: Final = struct.Struct("=ii")
_LINGER_WINDOWS: Final = struct.Struct("=HH")  # LINGER of winsock.h
_U16_MAX: Final = 0xFFFF
_I32_MAX: Final = 0x7FFFFFFF
_I64_MAX: Final = 0x7FFFFFFFFFFFFFFF
_MILLION: Final = 1_000_000
_BYTES_MAX: Final = 64


@frozen
class Linger:
    """struct linger: whether a close waits (or resets), and how many seconds."""

    on: bool
    seconds: int


Value = float | bytes | Linger | None
"""Of an option: an int; seconds, or None for no end; bytes of the host's structure; Linger."""


@frozen
class Option:
    """An option that a page may name.

    Attributes:
        name: of the option.
        meaning: of its bytes.
        level: the host's level.
        number: the host's number; None where it has none and we answer by ourselves.
    """

    name: str
    meaning: Meaning
    level: int
    number: int | None
    _windows: bool = False

    def decode(self, data: Buffer) -> Value:
        """The value that setsockopt gives: for us an int, seconds or Linger, else bytes for the host.

        Raises:
            CallError: EINVAL for a wrong size, EDOM for a time that is none, ENOPROTOOPT if it is read only.
        """
        if self.name in _READ_ONLY:
            raise CallError("ENOPROTOOPT", f"{self.name} is for getsockopt")
        match self.meaning:
            case Meaning.TIMEOUT:
                return decode_timeout(data)
            case Meaning.LINGER:
                on, seconds = _LINGER.unpack(_head(data, _LINGER.size))
                return Linger(bool(on), seconds)
            case Meaning.BYTES:
                return bytes(data[:_BYTES_MAX])
            case Meaning.GROUP:
                return _interface(data, 12, 8)
            case Meaning.INTERFACE:
                return _interface(data, 12, 8, 4)
            case Meaning.GROUP6:
                return _swap(_head(data, 20), 16)
        if self.meaning is Meaning.SMALL and 0 < len(data) < _I32.size:
            return data[0]
        (number,) = _I32.unpack(_head(data, _I32.size))
        return int(number)

    def host_value(self, value: Value) -> int | bytes:
        """What `socket.setsockopt` takes for a decoded value.

        Raises:
            CallError: EINVAL for a value that this host's structure cannot hold, or that is not for the host.
        """
        if isinstance(value, Linger):
            if not self._windows:
                return _LINGER_HOST.pack(value.on, value.seconds)
            return _LINGER_WINDOWS.pack(value.on, max(0, min(value.seconds, _U16_MAX)))
        if value is None or isinstance(value, float):
            raise CallError("EINVAL", f"{self.name} is not for the host")
        return value

    @property
    def host_size(self) -> int:
        """The size of the buffer that `socket.getsockopt` takes; 0 for an int."""
        match self.meaning:
            case Meaning.LINGER:
                return (_LINGER_WINDOWS if self._windows else _LINGER_HOST).size
            case Meaning.BYTES:
                return _BYTES_MAX
            case Meaning.INTERFACE:
                return 4
        return 0

    def encode(self, value: Value, wanted: int = _I32_MAX) -> bytes:
        """The bytes that getsockopt gives, at most those that were wanted.

        `value` is what the host's getsockopt returned, or what we answer with; an errno, AF_*, SOCK_* or
        IPPROTO_* is Emscripten's already.
        """
        return self._encoded(value, wanted)[:wanted]

    def _encoded(self, value: Value, wanted: int) -> bytes:
        if self.meaning is Meaning.TIMEOUT:
            seconds = value if isinstance(value, int | float) else None
            return encode_timeout(seconds, _TIMEVAL64.size if wanted >= _TIMEVAL64.size else _TIMEVAL32.size)
        if self.meaning is Meaning.LINGER and isinstance(value, bytes):
            on, number = (_LINGER_WINDOWS if self._windows else _LINGER_HOST).unpack(value)
            return _LINGER.pack(bool(on), number)
        if isinstance(value, Linger):
            return _LINGER.pack(value.on, value.seconds)
        if isinstance(value, bytes):
            return value
        number = int(value or 0)
        if self.meaning is Meaning.SMALL and 0 < wanted < _I32.size and 0 <= number <= 0xFF:  # noqa: PLR2004
            return bytes((number,))
        return _I32.pack(max(-_I32_MAX - 1, min(number, _I32_MAX)))


class Options:
    """Options of one host, by Emscripten's numbers."""

    def __init__(self, host: Host) -> None:
        self._levels = frozenset(LEVELS.values())
        self._known = {
            (LEVELS[level], number): _option(host, level, name, meaning)
            for level, options in OPTIONS.items()
            for name, numbers, meaning in options
            for number in numbers
        }

    def find(self, level: int, number: int) -> Option:
        """The option of a level and a number of Emscripten's. Raises CallError: ENOPROTOOPT."""
        option = self._known.get((level, number))
        if option is None:
            raise CallError("ENOPROTOOPT", f"level {level} has no option {number} for a page")
        return option


def _option(host: Host, level: str, name: str, meaning: Meaning) -> Option | None:
    host_level = host.number(level)
    number = host.number(name, *([_ELSEWHERE[name]] if name in _ELSEWHERE else []))
    if host_level is None or (number is None and meaning not in _OURS):
        return None
    return Option(name, meaning, host_level, number, host.is_windows)


def decode_timeout(data: Buffer) -> float | None:
    """Seconds of a timeval of 8 bytes (3.1.6) or of 16; None for zero, which waits for ever.

    Raises:
        CallError: EINVAL for a wrong size, EDOM for a time that is none.
    """
    layout = _TIMEVAL64 if len(data) >= _TIMEVAL64.size else _TIMEVAL32
    seconds, micros = layout.unpack(_head(data, layout.size))
    if seconds < 0 or not 0 <= micros < _MILLION:
        raise CallError("EDOM", f"{seconds} s and {micros} µs are no time")
    return float(seconds) + micros / _MILLION or None


def encode_timeout(seconds: float | None, size: int) -> bytes:
    """A timeval of 8 or of 16 bytes; what does not fit becomes the longest that does."""
    layout, most = (_TIMEVAL64, _I64_MAX) if size >= _TIMEVAL64.size else (_TIMEVAL32, _I32_MAX)
    if seconds is not None and seconds >= most + 1:
        return layout.pack(most, 0)
    return layout.pack(*divmod(round((seconds or 0) * _MILLION), _MILLION))


def _interface(data: Buffer, *sizes: int) -> bytes:
    """The largest of the structures that fits: in_addr, ip_mreq, or ip_mreqn with an index of the host's."""
    size = next((size for size in sizes if len(data) >= size), sizes[-1])
    head = _head(data, size)
    return _swap(head, 8) if size == sizes[0] else head


def _swap(data: bytes, at: int) -> bytes:
    """Little-endian on the wire, the host's own there; on most hosts that is the same."""
    return data[:at] + struct.pack("=I", *struct.unpack("<I", data[at:]))


def _head(data: Buffer, size: int) -> bytes:
    if len(data) < size:
        raise CallError("EINVAL", f"the value has {len(data)} bytes, not {size}")
    return bytes(data[:size])
