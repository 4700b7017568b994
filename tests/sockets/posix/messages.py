"""The page's side of the POSIX protocol: requests as Emscripten's client writes them, replies as it reads.

Written from docs/posix-protocol.md alone, with none of the server's code: so it finds where the two differ.
"""

import struct
from typing import Final, NamedTuple

__all__ = [
    "AddrInfo",
    "Received",
    "accept",
    "bind",
    "connect",
    "getaddrinfo",
    "getnameinfo",
    "getpeername",
    "getsockname",
    "getsockopt",
    "head",
    "listen",
    "read_accept",
    "read_getaddrinfo",
    "read_getnameinfo",
    "read_getsockopt",
    "read_head",
    "read_name",
    "read_recv",
    "read_recvfrom",
    "read_recvmsg",
    "read_socketpair",
    "recv",
    "recvfrom",
    "recvmsg",
    "send",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "sockaddr_in",
    "sockaddr_in6",
    "socket",
    "socketpair",
]

Item = tuple[int, int, bytes]

MINIMUM: Final = {2: 20, 8: 16, 9: 16, 15: 28, 18: 2064, 19: 20}
"""Bytes below which the client loses a reply; 12 for the others."""


def head(call: int, function: int, *integers: int) -> bytes:
    """A request of integers; those that do not fit into 31 bits are taken for unsigned."""
    return b"".join((n & 0xFFFFFFFF).to_bytes(4, "little") for n in (call, function, *integers))


def socket(call: int, domain: int, kind: int, protocol: int) -> bytes:
    return head(call, 1, domain, kind, protocol)


def socketpair(call: int, domain: int, kind: int, protocol: int) -> bytes:
    return head(call, 2, domain, kind, protocol)


def shutdown(call: int, number: int, how: int) -> bytes:
    return head(call, 3, number, how)


def bind(call: int, number: int, address: bytes) -> bytes:
    return head(call, 4, number, len(address)) + address


def connect(call: int, number: int, address: bytes) -> bytes:
    return head(call, 5, number, len(address)) + address


def listen(call: int, number: int, backlog: int) -> bytes:
    return head(call, 6, number, backlog)


def accept(call: int, number: int, address_len: int, flags: int | None = None) -> bytes:
    """With flags it is accept4(), as a client of ours sends it."""
    return head(call, 7, number, address_len, *([] if flags is None else [flags]))


def getsockname(call: int, number: int, address_len: int, function: int = 8) -> bytes:
    """With the client's mistake: the size of the message is 16 + address_len - 256, and none if negative."""
    size = 16 + address_len - 256
    return (head(call, function, number, address_len) + bytes(256))[: max(0, size)]


def getpeername(call: int, number: int, address_len: int) -> bytes:
    return getsockname(call, number, address_len, function=9)


def send(call: int, number: int, data: bytes, flags: int = 0) -> bytes:
    return head(call, 10, number, len(data), flags) + data


def recv(call: int, number: int, length: int, flags: int = 0) -> bytes:
    return head(call, 11, number, length, flags)


def sendto(call: int, number: int, data: bytes, address: bytes, flags: int = 0) -> bytes:
    return head(call, 12, number, len(data), flags, len(address)) + address.ljust(256, b"\0") + data


def recvfrom(call: int, number: int, length: int, address_len: int, flags: int = 0) -> bytes:
    return head(call, 13, number, length, flags, address_len)


def sendmsg(
    call: int, number: int, data: bytes, address: bytes = b"", control: tuple[Item, ...] = (), flags: int = 0
) -> bytes:
    """As docs/posix-protocol.md has it; Emscripten's client does not send it."""
    items = b"".join(struct.pack("<iiI", level, kind, len(value)) + value for level, kind, value in control)
    return head(call, 14, number, flags, len(address), len(items), len(data)) + address + items + data


def recvmsg(
    call: int, number: int, length: int, address_len: int = 128, control_len: int = 1024, flags: int = 0
) -> bytes:
    """As docs/posix-protocol.md has it; Emscripten's client does not send it."""
    return head(call, 15, number, length, flags, address_len, control_len)


def getsockopt(call: int, number: int, level: int, option: int, length: int) -> bytes:
    return head(call, 16, number, level, option, length)


def setsockopt(call: int, number: int, level: int, option: int, value: bytes) -> bytes:
    return head(call, 17, number, level, option, len(value)) + value


def getaddrinfo(
    call: int, node: bytes = b"", service: bytes = b"", hints: tuple[int, int, int, int] | None = None
) -> bytes:
    names = node.ljust(2048, b"\0") + service.ljust(128, b"\0")
    integers = (0, 0, 0, 0, 0) if hints is None else (1, *hints)
    return head(call, 18) + names + struct.pack("<5i", *integers)


def getnameinfo(call: int, address: bytes, flags: int = 0, host: int = 255, service: int = 32) -> bytes:
    """As docs/posix-protocol.md has it; Emscripten's client does not send it."""
    return head(call, 19, flags, host, service, len(address)) + address


def sockaddr_in(host: tuple[int, int, int, int], port: int) -> bytes:
    """An address of AF_INET."""
    return struct.pack("<H", 2) + struct.pack(">H", port) + bytes(host) + bytes(8)


def sockaddr_in6(host: bytes, port: int, flow: int = 0, scope: int = 0) -> bytes:
    """An address of AF_INET6."""
    return struct.pack("<H", 10) + struct.pack(">HI", port, flow) + host + struct.pack("<I", scope)


def read_head(reply: bytes, function: int) -> tuple[int, int, int]:
    """Call, result and errno; AssertionError where the client would lose the reply."""
    assert len(reply) >= MINIMUM.get(function, 12), f"{len(reply)} bytes for {function}"
    call, result, errno = struct.unpack_from("<iii", reply)
    return call, result, errno


def read_socketpair(reply: bytes) -> tuple[int, int]:
    assert read_head(reply, 2)[1] == 0
    first, second = struct.unpack_from("<ii", reply, 12)
    return first, second


def read_accept(reply: bytes) -> tuple[int, bytes]:
    """The descriptor, and the address that a client without the mistake would read."""
    _, number, errno = read_head(reply, 7)
    assert number > 0
    assert errno == 0  # the client sets errno to it
    return number, _sized(reply, 12)


def read_name(reply: bytes, buffer: int = 256, function: int = 8) -> bytes:
    assert read_head(reply, function)[1] == 0
    return _sized(reply, 12)[:buffer]


def read_recv(reply: bytes, length: int) -> tuple[int, bytes]:
    """The result, and the bytes that the client copies without a look at how many came."""
    _, result, _ = read_head(reply, 11)
    assert result >= 0
    return result, _exactly(reply, 12, min(result, length))


class Received(NamedTuple):
    """What a call received."""

    result: int
    data: bytes
    address: bytes
    control: tuple[Item, ...] = ()
    flags: int = 0


def read_recvfrom(reply: bytes, length: int, address_len: int) -> Received:
    """What the client copies; its address is the part that fits, the size that it says is the real one."""
    _, result, _ = read_head(reply, 13)
    assert result >= 0
    data_len, real = struct.unpack_from("<ii", reply, 12)
    data = _exactly(reply, 20, min(data_len, length))
    return Received(result, data, _exactly(reply, 20 + data_len, min(address_len, real)))


def read_recvmsg(reply: bytes) -> Received:
    """The fields of the specification."""
    _, result, _ = read_head(reply, 15)
    assert result >= 0
    flags, data_len, address_len, control_len = struct.unpack_from("<iIII", reply, 12)
    address = _exactly(reply, 28, address_len)
    control = _exactly(reply, 28 + address_len, control_len)
    data = _exactly(reply, 28 + address_len + control_len, data_len)
    assert len(reply) == 28 + address_len + control_len + data_len
    items = []
    while control:
        level, kind, size = struct.unpack_from("<iiI", control)
        items.append((level, kind, _exactly(control, 12, size)))
        control = control[12 + size :]
    return Received(result, data, address, tuple(items), flags)


def read_getsockopt(reply: bytes, buffer: int) -> tuple[bytes, int]:
    """The bytes that land in the buffer, and the length that the client says they have."""
    assert read_head(reply, 16)[1] == 0
    value = reply[12:]
    return value[:buffer], len(value)


class AddrInfo(NamedTuple):
    """A record of getaddrinfo."""

    flags: int
    family: int
    kind: int
    protocol: int
    address: bytes


def read_getaddrinfo(reply: bytes) -> tuple[bytes, list[AddrInfo]]:
    """The canonical name and the records."""
    assert read_head(reply, 18)[1] == 0
    name, end, _ = reply[12:2060].partition(b"\0")
    assert end
    (count,) = struct.unpack_from("<i", reply, 2060)
    assert count >= 1
    records, at = [], 2064
    for _ in range(count):
        flags, family, kind, protocol, size = struct.unpack_from("<iiiii", reply, at)
        records.append(AddrInfo(flags, family, kind, protocol, _exactly(reply, at + 20, size)))
        at += 20 + size
    assert at == len(reply)
    return name, records


def read_getnameinfo(reply: bytes) -> tuple[bytes, bytes]:
    """Host and service."""
    assert read_head(reply, 19)[1] == 0
    host_len, service_len = struct.unpack_from("<II", reply, 12)
    return _exactly(reply, 20, host_len), _exactly(reply, 20 + host_len, service_len)


def _sized(reply: bytes, at: int) -> bytes:
    (size,) = struct.unpack_from("<i", reply, at)
    return _exactly(reply, at + 4, size)


def _exactly(data: bytes, at: int, count: int) -> bytes:
    """Bytes that the client reads, whether they are there or not: here they must be."""
    assert count >= 0
    assert len(data) >= at + count
    return data[at : at + count]
