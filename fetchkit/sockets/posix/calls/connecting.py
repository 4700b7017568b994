"""bind, connect, listen, accept, and the names of both ends."""

import errno
import os
import socket
from typing import Final

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.descriptor import Descriptor
from fetchkit.sockets.posix.desk import Desk, SocketCall
from fetchkit.sockets.posix.judge import Where
from fetchkit.sockets.posix.numbers import ERRNO, HERE
from fetchkit.sockets.posix.wire import Function

__all__ = ["accept", "bind", "connect", "getpeername", "getsockname", "listen"]

# What a connect that goes on is called: here, and by Winsock.
_GOES_ON: Final = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN})
# net.core.somaxconn of Linux; a negative backlog, cast to unsigned, means the most there.
_MAX_BACKLOG: Final = 4096
_WINDOWS: Final = os.name == "nt"


def bind(desk: Desk, request: wire.Bind) -> bytes:
    """POSIX bind, to loopback unless more is allowed."""
    descriptor = desk.table.find(request.socket)
    asked = desk.address(descriptor, request.address, "bind to")
    place = desk.judge.listening_place(descriptor.family, descriptor.kind, asked)
    _bind(descriptor, place)
    descriptor.narrowed = place != asked
    return wire.reply(request.call)


def _bind(descriptor: Descriptor, place: Where) -> None:
    if descriptor.kind == socket.SOCK_STREAM and not _WINDOWS:
        # A page that is reloaded binds its port again, while connections of its predecessor rest (TIME_WAIT).
        # On Windows the option would let it take a port that is in use.
        descriptor.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    descriptor.socket.bind(place)


def listen(desk: Desk, request: wire.Listen) -> bytes:
    """POSIX listen; a socket without an address would get every address from the kernel."""
    descriptor = desk.table.find(request.socket)
    if descriptor.kind == socket.SOCK_STREAM and descriptor.family != getattr(socket, "AF_UNIX", -1):
        place = desk.judge.place_of_listener(descriptor.family, descriptor.socket.getsockname())
        if place is not None:
            _bind(descriptor, place)
    backlog = request.backlog if 0 <= request.backlog < _MAX_BACKLOG else _MAX_BACKLOG
    descriptor.socket.listen(backlog)
    return wire.reply(request.call)


def connect(desk: Desk, request: wire.Connect) -> bytes | None:
    """POSIX connect; the kernel itself knows about EALREADY, EISCONN and what follows EINPROGRESS."""
    descriptor = desk.table.find(request.socket)
    address = desk.destination(descriptor, request.address, "connect to")
    error = descriptor.socket.connect_ex(address)
    if error in _GOES_ON and descriptor.kind == socket.SOCK_STREAM:
        call = Connecting(descriptor, request.call)
        if not descriptor.waits:
            return call.fail(ERRNO["EINPROGRESS"])
        # It is the first that waits: no send waits for a socket that is not connected (EPIPE).
        return descriptor.writers.add(call, descriptor.send_seconds)
    if error:
        _explain(desk, descriptor, error)
        raise OSError(error, os.strerror(error))
    return wire.reply(request.call)


def _explain(desk: Desk, descriptor: Descriptor, error: int) -> None:
    if descriptor.narrowed and error in (errno.EINVAL, errno.EADDRNOTAVAIL, errno.ENETUNREACH):
        desk.log.once("A socket that was bound to loopback reaches nothing else. --bind-any binds it wider.")


class Connecting(SocketCall):
    """A connect that goes on: writable means that it is over."""

    __slots__ = ()
    function = Function.CONNECT

    def go(self) -> bytes:
        """Ask how it ended."""
        held = self.descriptor.socket
        error = held.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        try:
            held.getpeername()
        except OSError:  # another thread has taken the error, with getsockopt
            return self.fail(ERRNO["ECONNABORTED"])
        return wire.reply(self.number)

    def give_up(self, error: int) -> bytes:
        """The time is up (connect(2): EINPROGRESS, and it goes on), or the socket is closed."""
        if error == errno.EAGAIN:
            return self.fail(ERRNO["EINPROGRESS"])
        return self.fail(HERE.errors.errno_out(error) or ERRNO["ECONNABORTED"])


def accept(desk: Desk, request: wire.Accept) -> bytes | None:
    """POSIX accept, and accept4() where there are flags."""
    descriptor = desk.table.find(request.socket)
    nonblocking = HERE.kinds.accept_flags_in(request.flags)
    call = Accepting(desk, descriptor, request.call, waits=not nonblocking)
    return descriptor.readers.perform(call, wait=descriptor.waits, seconds=descriptor.receive_seconds)


class Accepting(SocketCall):
    """An accept."""

    __slots__ = ("_desk", "_waits")
    function = Function.ACCEPT

    def __init__(self, desk: Desk, descriptor: Descriptor, number: int, *, waits: bool) -> None:
        super().__init__(descriptor, number)
        self._desk = desk
        self._waits = waits

    def go(self) -> bytes:
        """Take a connection, if there is a number for it; else it goes on waiting for one."""
        desk, family = self._desk, self.descriptor.family
        desk.table.room()
        held, address = self.descriptor.socket.accept()
        number = desk.table.add(Descriptor(held, desk.board, waits=self._waits))
        return wire.accept_reply(self.number, number, HERE.addresses.encode(family, address))

    def give_up(self, error: int) -> bytes:
        """EINVAL, as of a socket that does not listen, once it is closed."""
        return self.fail(HERE.errors.errno_out(error) or ERRNO["EINVAL"])


def getsockname(desk: Desk, request: wire.GetSockName) -> bytes:
    """POSIX getsockname."""
    descriptor = desk.table.find(request.socket)
    address = HERE.addresses.encode(descriptor.family, descriptor.socket.getsockname())
    return wire.name_reply(request.call, address)


def getpeername(desk: Desk, request: wire.GetPeerName) -> bytes:
    """POSIX getpeername."""
    descriptor = desk.table.find(request.socket)
    address = HERE.addresses.encode(descriptor.family, descriptor.socket.getpeername())
    return wire.name_reply(request.call, address)
