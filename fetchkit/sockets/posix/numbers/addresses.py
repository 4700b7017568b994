"""Addresses: sockaddr_in, sockaddr_in6 and sockaddr_un of Emscripten's, and what Python has for them.

The structures are musl's (include/netinet/in.h, include/sys/un.h) for a little-endian machine:

    sockaddr_in    0 family u16   2 port u16 BE   4 address[4]   8 zero[8]                          16 bytes
    sockaddr_in6   0 family u16   2 port u16 BE   4 flowinfo u32 BE   8 address[16]   24 scope u32  28 bytes
    sockaddr_un    0 family u16   2 path, to its NUL; one that begins with NUL is abstract; 2 to 110 bytes
"""

import os
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from attrs import frozen

from fetchkit.sockets.posix.numbers.errors import CallError
from fetchkit.sockets.posix.numbers.host import Host
from fetchkit.sockets.posix.numbers.kinds import FAMILIES

__all__ = ["MAX_SOCKADDR", "Address", "Addresses", "Buffer", "PythonAddress"]

Buffer = bytes | bytearray | memoryview
PythonAddress = tuple[str, int] | tuple[str, int, int, int] | str | bytes

# include/sys/socket.h: sockaddr_storage. A longer address is EINVAL everywhere.
MAX_SOCKADDR: Final = 128

_FAMILY: Final = struct.Struct("<H")
_IN: Final = struct.Struct("<H2s4s8x")
_IN6: Final = struct.Struct("<H2s4s16sI")
_UN_MAX: Final = 2 + 108
_FLOW_LABEL: Final = 0xFFFFF  # RFC 6437; Python takes no more of sin6_flowinfo
_PORT_MAX: Final = 0xFFFF


@frozen
class Address:
    """An address that a page names.

    Attributes:
        family: the host's AF_*.
        value: what methods of `socket.socket` take; of AF_UNIX always bytes.
    """

    family: int
    value: PythonAddress


@frozen
class Addresses:
    """Addresses of one host to Emscripten's and back."""

    _host: Host

    def decode(self, data: Buffer) -> Address:
        """Read a structure.

        What follows the structure is ignored, as kernels do.

        Raises:
            CallError: EINVAL for a wrong length, EAFNOSUPPORT for another family (AF_UNSPEC too).
        """
        size = len(data)
        if not _FAMILY.size <= size <= MAX_SOCKADDR:
            raise CallError("EINVAL", f"an address has no {size} bytes")
        (number,) = _FAMILY.unpack_from(data)
        for name, there in FAMILIES.items():
            family = self._host.number(name)
            if there == number and family is not None and name != "AF_UNSPEC":
                return Address(family, _decode(name, data))
        raise CallError("EAFNOSUPPORT", f"addresses of family {number} are not known")

    def encode(self, family: int, address: PythonAddress | None) -> bytes:
        """Write a structure; nothing for None, which Python gives where there is no address.

        Raises:
            CallError: EAFNOSUPPORT for another family, EINVAL for what is no address of it.
        """
        if address is None:
            return b""
        for name, number in FAMILIES.items():
            if self._host.number(name) == family and name != "AF_UNSPEC":
                return _encode(name, number, address)
        raise CallError("EAFNOSUPPORT", f"addresses of the host's family {family} are not known")


def _decode(name: str, data: Buffer) -> PythonAddress:
    if name == "AF_UNIX":
        return _decode_unix(data)
    layout = _IN if name == "AF_INET" else _IN6
    if len(data) < layout.size:
        raise CallError("EINVAL", f"an address of {name} has {layout.size} bytes")
    if layout is _IN:
        _, port, packed = _IN.unpack_from(data)
        return str(IPv4Address(packed)), int.from_bytes(port, "big")
    _, port, flow, packed, scope = _IN6.unpack_from(data)
    flow_label = int.from_bytes(flow, "big") & _FLOW_LABEL
    return str(IPv6Address(packed)), int.from_bytes(port, "big"), flow_label, scope


def _decode_unix(data: Buffer) -> bytes:
    if len(data) > _UN_MAX:
        raise CallError("EINVAL", f"an address of AF_UNIX has at most {_UN_MAX} bytes")
    path = bytes(data[2:])
    # An abstract name is all of its bytes (unix(7)); another ends at its NUL.
    return path if path.startswith(b"\0") else path.partition(b"\0")[0]


def _encode(name: str, number: int, address: PythonAddress) -> bytes:
    if name == "AF_UNIX":
        return _encode_unix(number, address)
    if not isinstance(address, tuple):
        raise CallError("EINVAL", f"{address!r} is no address of {name}")
    host, port = address[:2]
    if not 0 <= port <= _PORT_MAX:
        raise CallError("EINVAL", f"{port} is no port")
    try:
        if name == "AF_INET":
            return _IN.pack(number, port.to_bytes(2, "big"), IPv4Address(host).packed)
        flow, scope = address[2:] if len(address) == 4 else (0, 0)  # noqa: PLR2004
        packed = IPv6Address(host).packed  # "%scope", which Python may write, is not part of it
        return _IN6.pack(number, port.to_bytes(2, "big"), flow.to_bytes(4, "big"), packed, scope)
    except (ValueError, OverflowError, struct.error) as error:
        raise CallError("EINVAL", f"{address!r} is no address of {name}") from error


def _encode_unix(number: int, address: PythonAddress) -> bytes:
    if isinstance(address, tuple):
        raise CallError("EINVAL", f"{address!r} is no path")
    path = os.fsencode(address)
    if path and not path.startswith(b"\0"):
        path += b"\0"  # as Linux counts it, unix(7)
    data = _FAMILY.pack(number) + path
    if len(data) == _UN_MAX + 1 and path.endswith(b"\0"):
        return data[:-1]
    if len(data) > _UN_MAX:
        raise CallError("EINVAL", f"{address!r} is too long")
    return data
