"""recv, recvfrom and recvmsg: what has come, whatever size of a buffer the page claims to have."""

import errno
import socket
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.descriptor import Descriptor
from fetchkit.sockets.posix.desk import Desk, SocketCall, flags_of
from fetchkit.sockets.posix.numbers import HERE, CallError, MessageFlags
from fetchkit.sockets.posix.wire import ControlItem, Function

__all__ = ["receive", "receive_from", "receive_message"]

# recv() may always return less: a page that says 4 GiB gets this. Python allocates it beforehand.
_STREAM_MAX: Final = 1024 * 1024
# UDP has 65,535; a pair of AF_UNIX sends what SO_SNDBUF allows, 208 KiB unasked.
_DATAGRAM_MAX: Final = 256 * 1024
_CONTROL_BYTES: Final = 4096
_ITEM_HEAD: Final = 12
# Emscripten's, of the flags that recvmsg() answers.
_MSG_CTRUNC: Final = 0x8
_MSG_TRUNC: Final = 0x20

Receiving = wire.Recv | wire.RecvFrom | wire.RecvMsg


def receive(desk: Desk, request: wire.Recv) -> bytes | None:
    """POSIX recv."""
    return _receive(desk, request, Function.RECV)


def receive_from(desk: Desk, request: wire.RecvFrom) -> bytes | None:
    """POSIX recvfrom."""
    return _receive(desk, request, Function.RECVFROM)


def receive_message(desk: Desk, request: wire.RecvMsg) -> bytes | None:
    """POSIX recvmsg."""
    return _receive(desk, request, Function.RECVMSG)


def _receive(desk: Desk, request: Receiving, function: Function) -> bytes | None:
    descriptor = desk.table.find(request.socket)
    flags = flags_of(request.flags)
    call: SocketCall
    if descriptor.kind != socket.SOCK_STREAM:
        if function is Function.RECVMSG and not hasattr(socket.socket, "recvmsg"):
            raise CallError("EOPNOTSUPP", "this system has no recvmsg")
        call = Datagram(descriptor, request, function, flags)
    elif flags.waitall and not flags.peek:  # both together: what is there is shown
        call = Whole(desk, descriptor, request, function, flags)
    else:
        call = Stream(descriptor, request, function, flags)
    if flags.host & socket.MSG_OOB:
        # It is not in line with the others, and never waits (recv(2) of Linux: EINVAL, EAGAIN).
        reply = call.attempt()
        return call.give_up(errno.EAGAIN) if reply is None else reply
    wait = descriptor.waits and not flags.dontwait
    return descriptor.readers.perform(call, wait=wait, seconds=descriptor.receive_seconds)


class Stream(SocketCall):
    """Some bytes of a stream."""

    __slots__ = ("_flags", "_request", "function")

    def __init__(
        self, descriptor: Descriptor, request: Receiving, function: Function, flags: MessageFlags
    ) -> None:
        super().__init__(descriptor, request.call)
        self.function = function
        self._request = request
        self._flags = flags

    def go(self) -> bytes | None:
        """Take what is there."""
        length = min(self._request.length, _STREAM_MAX)
        return _reply(self._request, self.descriptor.socket.recv(length, self._flags.host))

    def give_up(self, error: int) -> bytes:
        """The end of the stream, once the socket is closed."""
        if error:
            return self.fail(HERE.errors.errno_out(error))
        return _reply(self._request, b"")


class Whole(Stream):
    """MSG_WAITALL: all bytes that were asked for, or those before the end, or before an error."""

    __slots__ = ("_board", "_got")

    def __init__(
        self,
        desk: Desk,
        descriptor: Descriptor,
        request: Receiving,
        function: Function,
        flags: MessageFlags,
    ) -> None:
        super().__init__(descriptor, request, function, flags)
        self._board = desk.board
        self._got = bytearray()

    def go(self) -> bytes | None:
        """Take what is there, until it is enough."""
        held, got, wanted = self.descriptor.socket, self._got, self._request.length
        try:
            while len(got) < wanted:
                data = held.recv(min(wanted - len(got), _STREAM_MAX), self._flags.host)
                got += data
                if not data or not self._may_keep(len(data)):
                    break
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            if not got:  # else the next call has it
                raise
        return self._end()

    def _may_keep(self, size: int) -> bool:
        """Count what is kept; too much ends the call with less than was asked for, as a signal would."""
        if not self._board.hold(size):
            return False
        self.held += size
        return True

    def _end(self) -> bytes:
        self._board.held -= self.held
        self.held = 0
        return _reply(self._request, self._got)

    def give_up(self, error: int) -> bytes:
        """What has come is not lost."""
        return self._end() if self._got else super().give_up(error)


class Datagram(SocketCall):
    """One datagram, cut to the buffer, and who sent it."""

    __slots__ = ("_flags", "_request", "function")

    def __init__(
        self, descriptor: Descriptor, request: Receiving, function: Function, flags: MessageFlags
    ) -> None:
        super().__init__(descriptor, request.call)
        self.function = function
        self._request = request
        self._flags = flags

    def go(self) -> bytes:
        """Take it: whole where its real length is asked for, and always a byte, or Python would not ask."""
        request, held = self._request, self.descriptor.socket
        length = min(request.length, _DATAGRAM_MAX)
        room = _DATAGRAM_MAX if self._flags.trunc else max(length, 1)
        if isinstance(request, wire.Recv):
            data = held.recv(room, self._flags.host)
            return wire.recv_reply(request, data[:length], self._result(data))
        if isinstance(request, wire.RecvFrom):
            data, sender = held.recvfrom(room, self._flags.host)
            return wire.recvfrom_reply(request, data[:length], self._packed(sender), self._result(data))
        return self._message(request, room, length)

    def _message(self, request: wire.RecvMsg, room: int, length: int) -> bytes:
        held = self.descriptor.socket
        space = _CONTROL_BYTES if request.control_len else 0
        data, items, answered, sender = held.recvmsg(room, space, self._flags.host)
        flags = HERE.flags.message_out(answered)
        if len(data) > length:
            flags |= _MSG_TRUNC
        control, is_cut = _fitting(items, request.control_len)
        return wire.recvmsg_reply(
            request,
            data[:length],
            self._packed(sender),
            control,
            flags=flags | (_MSG_CTRUNC if is_cut else 0),
            result=self._result(data),
        )

    def _result(self, data: bytes) -> int | None:
        return len(data) if self._flags.trunc else None

    def _packed(self, sender: Any) -> bytes:
        return HERE.addresses.encode(self.descriptor.family, sender or None)

    def give_up(self, error: int) -> bytes:
        """Nothing, once the socket is closed."""
        if error:
            return self.fail(HERE.errors.errno_out(error))
        return _reply(self._request, b"")


def _reply(request: Receiving, data: bytes | bytearray) -> bytes:
    """The reply with bytes that come from no address."""
    if isinstance(request, wire.Recv):
        return wire.recv_reply(request, data)
    if isinstance(request, wire.RecvFrom):
        return wire.recvfrom_reply(request, data, b"")
    return wire.recvmsg_reply(request, data)


def _fitting(items: Iterable[Sequence[Any]], room: int) -> tuple[list[ControlItem], bool]:
    """The items that a page may have and has room for; whether others were left out for want of room."""
    kept: list[ControlItem] = []
    for item in items:
        known = HERE.control.item_out(*item)
        if known is None:
            continue
        room -= _ITEM_HEAD + len(known.data)
        if room < 0:
            return kept, True
        kept.append(ControlItem(*known))
    return kept, False
