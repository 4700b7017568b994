"""Replies: each as the page's client reads it, which is not always as the reference server wrote it.

A reply begins with the number of the call, what the call returns, and errno. It must have as many bytes as
the client expects of that function, whether the call failed or not: with fewer the client forgets the call,
and its thread sleeps for ever. What is not said is zeros.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Final

from attrs import frozen

from fetchkit.sockets.posix.numbers.addresses import Buffer
from fetchkit.sockets.posix.numbers.errors import EAI, ERRNO
from fetchkit.sockets.posix.numbers.flags import MSG
from fetchkit.sockets.posix.wire.requests import (
    ControlItem,
    Function,
    GetAddrInfo,
    GetNameInfo,
    GetSockOpt,
    Recv,
    RecvFrom,
    RecvMsg,
)

__all__ = [
    "AddressRecord",
    "Layout",
    "accept_reply",
    "error_reply",
    "getaddrinfo_reply",
    "getnameinfo_reply",
    "getsockopt_reply",
    "name_reply",
    "pair_reply",
    "recv_reply",
    "recvfrom_reply",
    "recvmsg_reply",
    "reply",
    "runt_reply",
]

_HEAD: Final = struct.Struct("<iii")
_ONE: Final = struct.Struct("<iiii")
_TWO: Final = struct.Struct("<iiiii")
_MESSAGE: Final = struct.Struct("<iiiiIII")
_RECORD: Final = struct.Struct("<iiiii")
_ITEM: Final = struct.Struct("<iiI")
_NAME: Final = 2048
_ANY: Final = _HEAD.size + _NAME + 4

# Where it is more than the head.
_MIN_BYTES: Final[Mapping[int | None, int]] = {
    Function.SOCKETPAIR: 20,
    Function.GETSOCKNAME: 16,
    Function.GETPEERNAME: 16,
    Function.RECVFROM: 20,  # the client reads these bytes where nothing failed, and never asks for them
    Function.RECVMSG: 28,
    Function.GETADDRINFO: _ANY,
    Function.GETNAMEINFO: 20,
}
_FUNCTIONS: Final = frozenset(int(function) for function in Function)
# These two return their error; errno counts for EAI_SYSTEM only.
_RETURN_EAI: Final = frozenset({Function.GETADDRINFO, Function.GETNAMEINFO})
# The client prints every record to the console and keeps them in one block; a name has a few.
MAX_RECORDS: Final = 256


class Layout(Enum):
    """Where the value of getsockopt() stands."""

    CLIENT = "client"
    """At offset 12, where every client of Emscripten's up to now reads it."""
    NATIVE = "native"
    """At offset 16 after its length, as the reference server writes it: for clients mended to fit that."""


@frozen
class AddressRecord:
    """One address of getaddrinfo(), in Emscripten's numbers."""

    flags: int
    family: int
    type: int
    protocol: int
    address: bytes


def reply(call: int, result: int = 0) -> bytes:
    """The reply of a call that succeeds, and has nothing to say beyond what it returns."""
    return _HEAD.pack(call, result, 0)


def error_reply(call: int, function: int | None, errno: int) -> bytes:
    """The reply of a call that fails; for a function that is not known it fits all of them.

    getaddrinfo() and getnameinfo() return EAI_SYSTEM; a negative `errno` is an EAI, which they return.
    """
    if function in _RETURN_EAI:
        result, errno = (errno, 0) if errno < 0 else (EAI["EAI_SYSTEM"], errno)
    else:
        result = -1
    least = _MIN_BYTES.get(function, _HEAD.size) if function in _FUNCTIONS else _ANY
    return _HEAD.pack(call, result, errno).ljust(least, b"\0")


def runt_reply(call: int) -> bytes:
    """The reply to a message that is too short: of a getsockname(), as far as anybody can tell."""
    return error_reply(call, Function.GETSOCKNAME, ERRNO["EOPNOTSUPP"])


def pair_reply(call: int, first: int, second: int) -> bytes:
    """Two descriptors."""
    return _TWO.pack(call, 0, 0, first, second)


def accept_reply(call: int, descriptor: int, address: bytes) -> bytes:
    """A descriptor and its peer.

    It is never 0: the client takes that for success, and does not look at its pointers. What is greater it
    takes for failure, and copies errno: 0, so that it looks like none.
    """
    return _ONE.pack(call, descriptor, 0, len(address)) + address


def name_reply(call: int, address: bytes) -> bytes:
    """The address of getsockname() or getpeername(), whole; the client cuts it to its buffer."""
    return _ONE.pack(call, 0, 0, len(address)) + address


def recv_reply(request: Recv, data: Buffer, result: int | None = None) -> bytes:
    """What was received; `result` is greater than its length where MSG_TRUNC asked for that."""
    returned = len(data) if result is None else result
    body = _filled(data, returned, request.length)
    return b"".join((_HEAD.pack(request.call, returned, 0), body))


def recvfrom_reply(request: RecvFrom, data: Buffer, address: bytes, result: int | None = None) -> bytes:
    """What was received, and from where.

    The client copies as many bytes of the address as the least of its buffer and the size that is said here,
    without a look at what came: so the whole address is there, and its real size is said.
    """
    head = _TWO.pack(request.call, len(data) if result is None else result, 0, len(data), len(address))
    return b"".join((head, data, address))


def recvmsg_reply(
    request: RecvMsg,
    data: Buffer,
    address: bytes = b"",
    control: Iterable[ControlItem] = (),
    *,
    flags: int = 0,
    result: int | None = None,
) -> bytes:
    """What was received, from where, and what came with it: whole items, as many as there is room for."""
    items = b""
    for item in control:
        packed = _ITEM.pack(item.level, item.type, len(item.data)) + item.data
        if len(items) + len(packed) > request.control_len:
            flags |= MSG["MSG_CTRUNC"]
        else:
            items += packed
    returned = len(data) if result is None else result
    head = _MESSAGE.pack(request.call, returned, 0, flags, len(data), len(address), len(items))
    return b"".join((head, address, items, data))


def getsockopt_reply(request: GetSockOpt, value: bytes, layout: Layout = Layout.CLIENT) -> bytes:
    """The value of an option, cut to the page's buffer: the client would say more than it has."""
    value = value[: request.length]
    if layout is Layout.NATIVE:
        return _ONE.pack(request.call, 0, 0, len(value)) + value
    return _HEAD.pack(request.call, 0, 0) + value


def getaddrinfo_reply(request: GetAddrInfo, name: bytes, records: Sequence[AddressRecord]) -> bytes:
    """Addresses, one at least; the canonical name is empty where it was not asked for."""
    if not records:
        return error_reply(request.call, Function.GETADDRINFO, EAI["EAI_NONAME"])
    kept = tuple(islice(records, MAX_RECORDS))
    return b"".join(
        (
            _HEAD.pack(request.call, 0, 0),
            name[: _NAME - 1].ljust(_NAME, b"\0"),
            len(kept).to_bytes(4, "little"),
            *(_record(record) for record in kept),
        )
    )


def getnameinfo_reply(request: GetNameInfo, host: bytes, service: bytes) -> bytes:
    """Two names without their NUL; EAI_OVERFLOW where one does not fit."""
    if not request.host_len:
        host = b""
    if not request.service_len:
        service = b""
    if (host and len(host) >= request.host_len) or (service and len(service) >= request.service_len):
        return error_reply(request.call, Function.GETNAMEINFO, EAI["EAI_OVERFLOW"])
    return _TWO.pack(request.call, 0, 0, len(host), len(service)) + host + service


def _record(record: AddressRecord) -> bytes:
    numbers = record.flags, record.family, record.type, record.protocol, len(record.address)
    return _RECORD.pack(*numbers) + record.address


def _filled(data: Buffer, returned: int, length: int) -> Buffer:
    """As many bytes as the client copies, whatever was returned: it does not look at what came."""
    copied = min(returned, length)
    return data if len(data) >= copied else bytes(data).ljust(copied, b"\0")
