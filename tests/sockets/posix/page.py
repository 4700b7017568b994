"""A page that calls as a program in C does: it numbers its calls, and waits for their replies."""

import asyncio
import socket
import struct
from collections.abc import Callable

from attrs import field, frozen, mutable

from tests.raw import DEADLINE

from . import messages as client
from .messages import MINIMUM

__all__ = ["E", "F", "O", "Page", "Reply", "address", "flags", "place", "timeval"]

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
STREAM, DGRAM, RAW, SEQPACKET, NONBLOCK = 1, 2, 3, 5, 0o4000
RD, WR, RDWR = 0, 1, 2


class F:
    """Numbers of the functions."""

    SOCKET, SOCKETPAIR, SHUTDOWN, BIND, CONNECT, LISTEN, ACCEPT = range(1, 8)
    GETSOCKNAME, GETPEERNAME, SEND, RECV, SENDTO, RECVFROM = range(8, 14)
    SENDMSG, RECVMSG, GETSOCKOPT, SETSOCKOPT, GETADDRINFO, GETNAMEINFO = range(14, 20)


class E:
    """Emscripten's errno, from bits/errno.h of its musl."""

    ACCES, ADDRINUSE, ADDRNOTAVAIL, AFNOSUPPORT, AGAIN, ALREADY, BADF = 2, 3, 4, 5, 6, 7, 8
    CONNABORTED, CONNREFUSED, CONNRESET, DESTADDRREQ, INPROGRESS, INVAL = 13, 14, 15, 17, 26, 28
    ISCONN, MFILE, MSGSIZE, NOBUFS, NOPROTOOPT, NOSYS, NOTCONN, PIPE = 30, 33, 35, 42, 50, 52, 53, 64
    PROTONOSUPPORT, SOCKTNOSUPPORT, OPNOTSUPP = 66, 137, 138


class flags:  # noqa: N801  reads as a module
    """MSG_*."""

    OOB, PEEK, TRUNC, DONTWAIT, WAITALL, NOSIGNAL = 1, 2, 0x20, 0x40, 0x100, 0x4000


class O:  # noqa: E742
    """Levels and options."""

    SOCKET, TCP, IP, IPV6 = 1, 6, 0, 41
    REUSEADDR, TYPE, ERROR, SNDBUF, RCVBUF, LINGER = 2, 3, 4, 7, 8, 13
    RCVTIMEO, SNDTIMEO, RCVTIMEO_NEW, SNDTIMEO_NEW = 20, 21, 66, 67
    ACCEPTCONN, PROTOCOL, DOMAIN, NODELAY = 30, 38, 39, 1


def address(host: str = "127.0.0.1", port: int = 0) -> bytes:
    """A sockaddr_in or sockaddr_in6 of Emscripten."""
    if ":" in host:
        return client.sockaddr_in6(socket.inet_pton(socket.AF_INET6, host), port)
    a, b, c, d = socket.inet_aton(host)
    return client.sockaddr_in((a, b, c, d), port)


def place(packed: bytes) -> tuple[str, int]:
    """Host and port of a sockaddr."""
    family, port = struct.unpack_from("<H", packed)[0], struct.unpack_from("!H", packed, 2)[0]
    if family == AF_INET:
        assert len(packed) == 16
        return socket.inet_ntoa(packed[4:8]), port
    assert family == AF_INET6
    assert len(packed) == 28
    return socket.inet_ntop(socket.AF_INET6, packed[8:24]), port


def timeval(seconds: float, *, wide: bool = False) -> bytes:
    """A struct timeval, of 3.1.6 or of today."""
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return struct.pack("<qq" if wide else "<ii", whole, micro)


@frozen
class Reply:
    """What a call returned: its value, errno, and the whole message."""

    ret: int
    errno: int
    message: bytes = field(repr=False)

    @property
    def outcome(self) -> tuple[int, int]:
        """Value and errno."""
        return self.ret, self.errno

    @property
    def data(self) -> bytes:
        """What recv() copies, which is all that came."""
        assert len(self.message) == 12 + self.ret
        return self.message[12:]


@mutable(eq=False)
class Page:
    """A page that calls; its threads are tasks here.

    Attributes:
        send: gives a message to the server.
        number: of the last call.
        replies: every reply, by the number of its call.
    """

    send: Callable[[bytes], None]
    number: int = 0
    replies: dict[int, list[bytes]] = field(factory=dict)
    _functions: dict[int, int] = field(factory=dict)
    _waiting: dict[int, asyncio.Future[None]] = field(factory=dict)

    def reply(self, message: bytes) -> None:
        """Take a reply of the server; one that the client would lose is an error."""
        assert len(message) >= 12, message
        (number,) = struct.unpack_from("<i", message)
        assert len(message) >= MINIMUM.get(self._functions.get(number, 0), 12), (number, message)
        self.replies.setdefault(number, []).append(bytes(message))
        if number in self._waiting:
            self._waiting.pop(number).set_result(None)

    def expect(self, function: int = 0) -> int:
        """Take the number of a new call."""
        self.number += 1
        self._functions[self.number] = function
        self._waiting[self.number] = asyncio.get_running_loop().create_future()
        return self.number

    def start(self, function: int, *integers: int, data: bytes = b"") -> int:
        """Call; returns the number of the call."""
        number = self.expect(function)
        self.send(client.head(number, function, *integers) + data)
        return number

    def is_answered(self, number: int) -> bool:
        """Whether a call has returned."""
        return number in self.replies

    async def finish(self, number: int) -> Reply:
        """Wait for a call to return, once."""
        if number in self._waiting:
            async with asyncio.timeout(DEADLINE):
                await self._waiting[number]
        (message,) = self.replies[number]
        _, ret, error = struct.unpack_from("<iii", message)
        return Reply(ret, error, message)

    async def call(self, function: int, *integers: int, data: bytes = b"") -> Reply:
        """Call and wait."""
        return await self.finish(self.start(function, *integers, data=data))

    # --- the functions, by their arguments in C

    async def socket(self, domain: int = AF_INET, kind: int = STREAM, protocol: int = 0) -> int:
        """A new socket, which must succeed."""
        reply = await self.call(F.SOCKET, domain, kind, protocol)
        assert reply.ret > 0, reply
        return reply.ret

    async def pair(self, kind: int = STREAM) -> tuple[int, int]:
        """Two connected sockets."""
        return client.read_socketpair((await self.call(F.SOCKETPAIR, AF_UNIX, kind, 0)).message)

    async def shutdown(self, number: int, how: int = RDWR) -> Reply:
        """The only close there is."""
        return await self.call(F.SHUTDOWN, number, how)

    async def bind(self, number: int, host: str = "127.0.0.1", port: int = 0) -> Reply:
        """Bind."""
        packed = address(host, port)
        return await self.call(F.BIND, number, len(packed), data=packed)

    def start_connect(self, number: int, host: str, port: int) -> int:
        """Begin to connect."""
        packed = address(host, port)
        return self.start(F.CONNECT, number, len(packed), data=packed)

    async def connect(self, number: int, host: str, port: int) -> Reply:
        """Connect."""
        return await self.finish(self.start_connect(number, host, port))

    async def connected(self, port: int) -> int:
        """A new socket, connected to a port of loopback."""
        number = await self.socket()
        assert (await self.connect(number, "127.0.0.1", port)).outcome == (0, 0)
        return number

    async def listening(self, host: str = "127.0.0.1") -> tuple[int, int]:
        """A new socket that listens, and its port."""
        number = await self.socket(AF_INET6 if ":" in host else AF_INET)
        assert (await self.bind(number, host)).outcome == (0, 0)
        assert (await self.listen(number)).outcome == (0, 0)
        return number, (await self.sockname(number))[1]

    async def listen(self, number: int, backlog: int = 8) -> Reply:
        """Have it listen."""
        return await self.call(F.LISTEN, number, backlog)

    async def accepted(self, number: int) -> tuple[int, tuple[str, int]]:
        """A connection of a listener, and its peer."""
        accepted, packed = client.read_accept((await self.call(F.ACCEPT, number, 128)).message)
        return accepted, place(packed)

    async def sockname(self, number: int) -> tuple[str, int]:
        """The own address, asked for with a buffer of 256 bytes."""
        return place(client.read_name((await self.call(F.GETSOCKNAME, number, 256)).message))

    async def peername(self, number: int) -> tuple[str, int]:
        """The peer's address."""
        return place(client.read_name((await self.call(F.GETPEERNAME, number, 256)).message, function=9))

    def start_transmit(self, number: int, data: bytes, flags: int = 0) -> int:
        """Begin to send."""
        return self.start(F.SEND, number, len(data), flags, data=data)

    async def transmit(self, number: int, data: bytes, flags: int = 0) -> Reply:
        """Send."""
        return await self.finish(self.start_transmit(number, data, flags))

    def start_recv(self, number: int, length: int = 65536, flags: int = 0) -> int:
        """Begin to receive."""
        return self.start(F.RECV, number, length, flags)

    async def recv(self, number: int, length: int = 65536, flags: int = 0) -> Reply:
        """Receive."""
        return await self.finish(self.start_recv(number, length, flags))

    async def sendto(self, number: int, data: bytes, destination: bytes = b"", flags: int = 0) -> Reply:
        """Send a datagram; without a destination to where it is connected."""
        padded = destination.ljust(256, b"\0") + data
        return await self.call(F.SENDTO, number, len(data), flags, len(destination), data=padded)

    async def recvfrom(self, number: int, length: int = 65536, flags: int = 0, room: int = 128) -> Reply:
        """Receive a datagram and its sender."""
        return await self.call(F.RECVFROM, number, length, flags, room)

    async def getsockopt(self, number: int, level: int, option: int, length: int = 4) -> Reply:
        """Ask for an option."""
        return await self.call(F.GETSOCKOPT, number, level, option, length)

    async def option(self, number: int, level: int, option: int) -> int:
        """The value of an option that is an int."""
        value, length = client.read_getsockopt((await self.getsockopt(number, level, option)).message, 4)
        assert length == 4
        return int.from_bytes(value, "little", signed=True)

    async def setsockopt(self, number: int, level: int, option: int, value: bytes | int) -> Reply:
        """Set an option."""
        data = struct.pack("<i", value) if isinstance(value, int) else value
        return await self.call(F.SETSOCKOPT, number, level, option, len(data), data=data)

    async def getaddrinfo(
        self, node: bytes, service: bytes = b"", hints: tuple[int, int, int, int] | None = None
    ) -> Reply:
        """Resolve; hints are flags, family, type and protocol."""
        number = self.expect(F.GETADDRINFO)
        self.send(client.getaddrinfo(number, node, service, hints))
        return await self.finish(number)
