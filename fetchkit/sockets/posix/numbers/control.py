"""Ancillary data of sendmsg and recvmsg: which items there are, and their values on both sides.

Descriptors (SCM_RIGHTS) and credentials never pass: a page must not hold what the server holds.
"""

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from fetchkit.sockets.posix.numbers.addresses import Buffer
from fetchkit.sockets.posix.numbers.errors import CallError
from fetchkit.sockets.posix.numbers.host import Host
from fetchkit.sockets.posix.numbers.options import LEVELS

__all__ = ["CONTROL", "Control", "Item"]

# include/netinet/in.h: level, number, and how the bytes are read: a number, in_pktinfo, in6_pktinfo.
CONTROL: Final[Mapping[str, tuple[str, int, str]]] = {
    "IP_TOS": ("IPPROTO_IP", 1, "i"),
    "IP_TTL": ("IPPROTO_IP", 2, "i"),
    "IP_PKTINFO": ("IPPROTO_IP", 8, "i4s4s"),
    "IPV6_PKTINFO": ("IPPROTO_IPV6", 50, "16sI"),
    "IPV6_HOPLIMIT": ("IPPROTO_IPV6", 52, "i"),
    "IPV6_TCLASS": ("IPPROTO_IPV6", 67, "i"),
}
# Darwin calls what it receives otherwise than what it sends.
_RECEIVED_AS: Final = {"IP_TOS": "IP_RECVTOS", "IP_TTL": "IP_RECVTTL"}


class Item(NamedTuple):
    """One item; a tuple as `socket.sendmsg` takes and `socket.recvmsg` gives."""

    level: int
    type: int
    data: bytes


class Control:
    """Items of one host to Emscripten's and back."""

    def __init__(self, host: Host) -> None:
        self._in: dict[tuple[int, int], tuple[int, int, str]] = {}
        self._out: dict[tuple[int, int], tuple[int, int, str]] = {}
        for name, (level, number, layout) in CONTROL.items():
            host_level, host_number = host.number(level), host.number(name)
            if host_level is None:
                continue
            there = LEVELS[level], number
            if host_number is not None:
                self._in[there] = host_level, host_number, layout
                self._out[host_level, host_number] = *there, layout
            received = host.number(_RECEIVED_AS.get(name, name))
            if received is not None:
                self._out.setdefault((host_level, received), (*there, layout))

    def item_in(self, level: int, number: int, data: Buffer) -> Item:
        """An item for the host. Raises CallError: EINVAL for one that does not pass or has a wrong size."""
        known = self._in.get((level, number))
        if known is None:
            raise CallError("EINVAL", f"no item {number} of level {level} passes")
        host_level, host_number, layout = known
        if len(data) != struct.calcsize("<" + layout):
            raise CallError("EINVAL", f"the item {number} of level {level} has another size")
        return Item(host_level, host_number, struct.pack("=" + layout, *struct.unpack("<" + layout, data)))

    def item_out(self, level: int, number: int, data: bytes) -> Item | None:
        """An item for the page; None for one that is kept from it."""
        known = self._out.get((level, number))
        if known is None:
            return None
        there, item, layout = known
        if layout == "i" and len(data) == 1:  # IP_TOS comes as one byte
            return Item(there, item, struct.pack("<i", data[0]))
        if len(data) != struct.calcsize("=" + layout):
            return None
        return Item(there, item, struct.pack("<" + layout, *struct.unpack("=" + layout, data)))
