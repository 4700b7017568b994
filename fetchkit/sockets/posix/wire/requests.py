"""Requests: one message of a page to one frozen value, or to one error that says what to answer.

What a message says of its own size is never believed: a length is compared with the bytes that came, so no
byte is read that the page did not send. Bytes after the last field are ignored, because Emscripten's
getsockname() sends some (of its stack) with a buffer of more than 256 bytes.

Payloads are views of the message, which is therefore the parser's to keep: nobody may change it.
"""

import struct
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from attrs import frozen

from fetchkit.sockets.posix.numbers.addresses import MAX_SOCKADDR, Buffer
from fetchkit.sockets.posix.numbers.errors import ERRNO

__all__ = [
    "Accept",
    "Bind",
    "Connect",
    "ControlItem",
    "Function",
    "GetAddrInfo",
    "GetNameInfo",
    "GetPeerName",
    "GetSockName",
    "GetSockOpt",
    "Hints",
    "Listen",
    "Recv",
    "RecvFrom",
    "RecvMsg",
    "Request",
    "Send",
    "SendMsg",
    "SendTo",
    "SetSockOpt",
    "Shutdown",
    "Socket",
    "SocketPair",
    "WireError",
    "parse_request",
]


class Function(IntEnum):
    """What is called; the numbers are Emscripten's, POSIX_SOCKET_MSG_*."""

    SOCKET = 1
    SOCKETPAIR = 2
    SHUTDOWN = 3
    BIND = 4
    CONNECT = 5
    LISTEN = 6
    ACCEPT = 7
    GETSOCKNAME = 8
    GETPEERNAME = 9
    SEND = 10
    RECV = 11
    SENDTO = 12
    RECVFROM = 13
    SENDMSG = 14
    RECVMSG = 15
    GETSOCKOPT = 16
    SETSOCKOPT = 17
    GETADDRINFO = 18
    GETNAMEINFO = 19


class WireError(Exception):
    """A message that is no request.

    Attributes:
        call: its number; None where it has fewer than four bytes.
        function: what it calls, known or not; None where it has fewer than eight bytes.
        name: of the errno to answer with.
        number: that errno, as the page reads it.
    """

    def __init__(self, call: int | None, function: int | None, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.call = call
        self.function = function
        self.name = name
        self.number = ERRNO[name]

    @property
    def is_runt(self) -> bool:
        """Whether it is what Emscripten's getsockname() or getpeername() makes of a buffer below 256 bytes.

        Those two send no other message that is too short.
        """
        return self.function in (None, Function.GETSOCKNAME, Function.GETPEERNAME)


class ControlItem(NamedTuple):
    """An item of ancillary data, in Emscripten's numbers."""

    level: int
    type: int
    data: Buffer


@frozen
class Request:
    """What every request has: the number that its reply repeats."""

    call: int


@frozen
class Socket(Request):
    """socket()."""

    domain: int
    type: int
    protocol: int


@frozen
class SocketPair(Request):
    """socketpair()."""

    domain: int
    type: int
    protocol: int


@frozen
class Shutdown(Request):
    """shutdown()."""

    socket: int
    how: int


@frozen
class Bind(Request):
    """bind()."""

    socket: int
    address: memoryview


@frozen
class Connect(Request):
    """connect()."""

    socket: int
    address: memoryview


@frozen
class Listen(Request):
    """listen()."""

    socket: int
    backlog: int


@frozen
class Accept(Request):
    """accept(), or accept4() where there are flags; `address_len` is 0 for no address."""

    socket: int
    address_len: int
    flags: int = 0


@frozen
class GetSockName(Request):
    """getsockname()."""

    socket: int
    address_len: int


@frozen
class GetPeerName(Request):
    """getpeername()."""

    socket: int
    address_len: int


@frozen
class Send(Request):
    """send()."""

    socket: int
    flags: int
    data: memoryview


@frozen
class Recv(Request):
    """recv(); `length` is whatever the page says, up to 4 GiB."""

    socket: int
    length: int
    flags: int


@frozen
class SendTo(Request):
    """sendto(); an empty address is none."""

    socket: int
    flags: int
    address: memoryview
    data: memoryview


@frozen
class RecvFrom(Request):
    """recvfrom(); `length` as for recv()."""

    socket: int
    length: int
    flags: int
    address_len: int


@frozen
class SendMsg(Request):
    """sendmsg(); an empty address is none."""

    socket: int
    flags: int
    address: memoryview
    control: tuple[ControlItem, ...]
    data: memoryview


@frozen
class RecvMsg(Request):
    """recvmsg(); `length` as for recv()."""

    socket: int
    length: int
    flags: int
    address_len: int
    control_len: int


@frozen
class GetSockOpt(Request):
    """getsockopt()."""

    socket: int
    level: int
    option: int
    length: int


@frozen
class SetSockOpt(Request):
    """setsockopt()."""

    socket: int
    level: int
    option: int
    value: memoryview


@frozen
class Hints:
    """Hints of getaddrinfo()."""

    flags: int
    family: int
    type: int
    protocol: int


@frozen
class GetAddrInfo(Request):
    """getaddrinfo(); an empty name arrives for NULL, so it is None."""

    node: bytes | None
    service: bytes | None
    hints: Hints | None


@frozen
class GetNameInfo(Request):
    """getnameinfo(); a length of 0 is for a name that is not wanted, else it counts the NUL."""

    flags: int
    host_len: int
    service_len: int
    address: memoryview


_HEAD: Final = struct.Struct("<ii")
_CALL: Final = struct.Struct("<i")
_NODE_BYTES: Final = 2048
_SERVICE_BYTES: Final = 128
_ADDRESS_FIELD: Final = 256  # MAX_SOCKADDR_SIZE of the client: how much of a sendto() is an address
_I32_MAX: Final = 0x7FFFFFFF
# A message has one name and a few items of ancillary data; the kernel's limit is optmem_max, 20 KiB and more.
_CONTROL_MAX: Final = 4096
_OPTION_MAX: Final = 4096  # no option of a page's needs more; Linux has PAGE_SIZE for some

_ITEM: Final = struct.Struct("<iiI")


class _Reader:
    """Takes the fields of a message one after another."""

    __slots__ = ("call", "function", "position", "view")

    def __init__(self, view: memoryview, call: int, function: int) -> None:
        self.view = view
        self.call = call
        self.function = function
        self.position = _HEAD.size

    def fields(self, layout: struct.Struct) -> tuple[int, ...]:
        begin = self.position
        self.position = begin + layout.size
        if len(self.view) < self.position:
            raise self.error(f"{self.position} bytes at least, not {len(self.view)}")
        return layout.unpack_from(self.view, begin)

    def take(self, count: int) -> memoryview:
        begin = self.position
        if len(self.view) - begin < count:
            raise self.error(f"{count} bytes are announced, {len(self.view) - begin} came")
        self.position = begin + count
        return self.view[begin : self.position]

    def address(self, count: int) -> memoryview:
        if count > MAX_SOCKADDR:
            raise self.error(f"an address has no {count} bytes")
        return self.take(count)

    def name(self, count: int) -> bytes | None:
        """A name in a field of fixed size, which its NUL must be in."""
        name, end, _ = bytes(self.take(count)).partition(b"\0")
        if not end:
            raise self.error("a name is longer than its field")
        return name or None

    def left(self) -> int:
        return len(self.view) - self.position

    def error(self, reason: str, name: str = "EINVAL") -> WireError:
        return WireError(self.call, self.function, name, f"{self.function}: {reason}")


_ONE: Final = struct.Struct("<i")
_U32: Final = struct.Struct("<I")
_TWO: Final = struct.Struct("<ii")
_THREE: Final = struct.Struct("<iii")
_NUMBER_LENGTH: Final = struct.Struct("<iI")
_SEND: Final = struct.Struct("<iIi")
_SENDTO: Final = struct.Struct("<iIiI")
_SENDMSG: Final = struct.Struct("<iiIII")
_RECVMSG: Final = struct.Struct("<iIiII")
_OPTION: Final = struct.Struct("<iiiI")
_HINTS: Final = struct.Struct("<iiiii")
_NAMEINFO: Final = struct.Struct("<iIII")


def _socket(reader: _Reader) -> Socket:
    return Socket(reader.call, *reader.fields(_THREE))


def _socketpair(reader: _Reader) -> SocketPair:
    return SocketPair(reader.call, *reader.fields(_THREE))


def _shutdown(reader: _Reader) -> Shutdown:
    return Shutdown(reader.call, *reader.fields(_TWO))


def _bind(reader: _Reader) -> Bind:
    number, length = reader.fields(_NUMBER_LENGTH)
    return Bind(reader.call, number, reader.address(length))


def _connect(reader: _Reader) -> Connect:
    number, length = reader.fields(_NUMBER_LENGTH)
    return Connect(reader.call, number, reader.address(length))


def _listen(reader: _Reader) -> Listen:
    return Listen(reader.call, *reader.fields(_TWO))


def _accept(reader: _Reader) -> Accept:
    number, length = reader.fields(_NUMBER_LENGTH)
    flags = reader.fields(_ONE)[0] if reader.left() >= _ONE.size else 0
    return Accept(reader.call, number, _clamped(length), flags)


def _getsockname(reader: _Reader) -> GetSockName:
    return GetSockName(reader.call, *_socket_and_length(reader))


def _getpeername(reader: _Reader) -> GetPeerName:
    return GetPeerName(reader.call, *_socket_and_length(reader))


def _socket_and_length(reader: _Reader) -> tuple[int, int]:
    """The fields of getsockname(); without a socket it is the client's mistake, which has its own errno.

    With one, and a length that is cut (a buffer of 252 to 255 bytes), the length is known all the same: it is
    larger than any address.
    """
    if reader.left() < _ONE.size:
        raise reader.error("the buffer has less than 256 bytes", "EOPNOTSUPP")
    (number,) = reader.fields(_ONE)
    length = reader.fields(_U32)[0] if reader.left() >= _U32.size else MAX_SOCKADDR
    return number, _clamped(length)


def _send(reader: _Reader) -> Send:
    number, length, flags = reader.fields(_SEND)
    return Send(reader.call, number, flags, reader.take(length))


def _recv(reader: _Reader) -> Recv:
    return Recv(reader.call, *reader.fields(_SEND))


def _sendto(reader: _Reader) -> SendTo:
    number, length, flags, address_len = reader.fields(_SENDTO)
    if address_len > MAX_SOCKADDR:
        raise reader.error(f"an address has no {address_len} bytes")
    address = reader.take(_ADDRESS_FIELD)[:address_len]
    return SendTo(reader.call, number, flags, address, reader.take(length))


def _recvfrom(reader: _Reader) -> RecvFrom:
    number, length, flags, address_len = reader.fields(_SENDTO)
    return RecvFrom(reader.call, number, length, flags, _clamped(address_len))


def _sendmsg(reader: _Reader) -> SendMsg:
    number, flags, address_len, control_len, length = reader.fields(_SENDMSG)
    address = reader.address(address_len)
    if control_len > _CONTROL_MAX:
        raise reader.error(f"{control_len} bytes of ancillary data", "ENOBUFS")
    control = _items(reader, reader.take(control_len))
    return SendMsg(reader.call, number, flags, address, control, reader.take(length))


def _items(reader: _Reader, data: memoryview) -> tuple[ControlItem, ...]:
    items: list[ControlItem] = []
    while data:
        if len(data) < _ITEM.size:
            raise reader.error("ancillary data is cut within a head")
        level, kind, length = _ITEM.unpack_from(data)
        end = _ITEM.size + length
        if len(data) < end:
            raise reader.error("ancillary data is cut within an item")
        items.append(ControlItem(level, kind, data[_ITEM.size : end]))
        data = data[end:]
    return tuple(items)


def _recvmsg(reader: _Reader) -> RecvMsg:
    number, length, flags, address_len, control_len = reader.fields(_RECVMSG)
    return RecvMsg(reader.call, number, length, flags, _clamped(address_len), min(control_len, _CONTROL_MAX))


def _getsockopt(reader: _Reader) -> GetSockOpt:
    number, level, option, length = reader.fields(_OPTION)
    if length > _I32_MAX:
        raise reader.error("the buffer has a negative length")
    return GetSockOpt(reader.call, number, level, option, length)


def _setsockopt(reader: _Reader) -> SetSockOpt:
    number, level, option, length = reader.fields(_OPTION)
    if length > _OPTION_MAX:
        raise reader.error(f"an option has no {length} bytes")
    return SetSockOpt(reader.call, number, level, option, reader.take(length))


def _getaddrinfo(reader: _Reader) -> GetAddrInfo:
    node, service = reader.name(_NODE_BYTES), reader.name(_SERVICE_BYTES)
    has_hints, *hints = reader.fields(_HINTS)
    return GetAddrInfo(reader.call, node, service, Hints(*hints) if has_hints else None)


def _getnameinfo(reader: _Reader) -> GetNameInfo:
    flags, host_len, service_len, address_len = reader.fields(_NAMEINFO)
    return GetNameInfo(reader.call, flags, host_len, service_len, reader.address(address_len))


def _clamped(length: int) -> int:
    """The room for an address, which may be anything where a program passed NULL or set nothing."""
    return min(length, MAX_SOCKADDR)


_READERS: Final[Mapping[int, Callable[[_Reader], Request]]] = {
    Function.SOCKET: _socket,
    Function.SOCKETPAIR: _socketpair,
    Function.SHUTDOWN: _shutdown,
    Function.BIND: _bind,
    Function.CONNECT: _connect,
    Function.LISTEN: _listen,
    Function.ACCEPT: _accept,
    Function.GETSOCKNAME: _getsockname,
    Function.GETPEERNAME: _getpeername,
    Function.SEND: _send,
    Function.RECV: _recv,
    Function.SENDTO: _sendto,
    Function.RECVFROM: _recvfrom,
    Function.SENDMSG: _sendmsg,
    Function.RECVMSG: _recvmsg,
    Function.GETSOCKOPT: _getsockopt,
    Function.SETSOCKOPT: _setsockopt,
    Function.GETADDRINFO: _getaddrinfo,
    Function.GETNAMEINFO: _getnameinfo,
}


def parse_request(data: Buffer) -> Request:
    """Read a message.

    Raises:
        WireError: it is no request; EINVAL for what is cut or lies about its size, ENOSYS for a function that
            does not exist, EOPNOTSUPP for a message too short to say what it is.
    """
    view = memoryview(data)
    if len(view) < _CALL.size:
        raise WireError(None, None, "EOPNOTSUPP", f"a message of {len(view)} bytes")
    if len(view) < _HEAD.size:
        raise WireError(_CALL.unpack_from(view)[0], None, "EOPNOTSUPP", f"a message of {len(view)} bytes")
    call, function = _HEAD.unpack_from(view)
    read = _READERS.get(function)
    if read is None:
        raise WireError(call, function, "ENOSYS", f"there is no function {function}")
    return read(_Reader(view, call, function))
