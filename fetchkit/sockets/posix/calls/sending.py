"""send, sendto and sendmsg: at once what the kernel takes, and the rest as it takes more."""

import socket
from typing import Final

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.descriptor import Descriptor
from fetchkit.sockets.posix.desk import Desk, SocketCall, flags_of
from fetchkit.sockets.posix.judge import Where
from fetchkit.sockets.posix.numbers import ERRNO, HERE, CallError, Item, MessageFlags
from fetchkit.sockets.posix.wire import Function

__all__ = ["send", "send_message", "send_to"]

# A peer that reads as fast as we write would keep the loop for one page.
_AT_ONCE: Final = 1024 * 1024


def send(desk: Desk, request: wire.Send) -> bytes | None:
    """POSIX send."""
    descriptor = desk.table.find(request.socket)
    return _send(descriptor, request.call, request.data, flags_of(request.flags), Function.SEND)


def send_to(desk: Desk, request: wire.SendTo) -> bytes | None:
    """POSIX sendto, each datagram to where the policy allows."""
    descriptor = desk.table.find(request.socket)
    flags, place = flags_of(request.flags), _place(desk, descriptor, request.address)
    if descriptor.kind == socket.SOCK_STREAM:
        return _send(descriptor, request.call, request.data, flags, Function.SENDTO)
    call = Datagram(descriptor, request.call, Function.SENDTO, request.data, (), flags.host, place)
    return _perform(descriptor, call, flags)


def send_message(desk: Desk, request: wire.SendMsg) -> bytes | None:
    """POSIX sendmsg; a stream has no use for ancillary data, which is judged all the same."""
    descriptor = desk.table.find(request.socket)
    flags, place = flags_of(request.flags), _place(desk, descriptor, request.address)
    control = tuple(HERE.control.item_in(*item) for item in request.control)
    if descriptor.kind == socket.SOCK_STREAM:
        return _send(descriptor, request.call, request.data, flags, Function.SENDMSG)
    if control and not hasattr(socket.socket, "sendmsg"):
        raise CallError("EOPNOTSUPP", "this system has no sendmsg")
    call = Datagram(descriptor, request.call, Function.SENDMSG, request.data, control, flags.host, place)
    return _perform(descriptor, call, flags)


def _place(desk: Desk, descriptor: Descriptor, packed: memoryview) -> Where | None:
    """Where a datagram goes; None for where the socket is connected to."""
    return desk.destination(descriptor, packed, "sendto") if packed else None


def _send(
    descriptor: Descriptor, number: int, data: memoryview, flags: MessageFlags, function: Function
) -> bytes | None:
    call: SocketCall
    if descriptor.kind == socket.SOCK_STREAM:
        call = Stream(descriptor, number, function, data, flags.host)
    else:
        call = Datagram(descriptor, number, function, data, (), flags.host, None)
    return _perform(descriptor, call, flags)


def _perform(descriptor: Descriptor, call: SocketCall, flags: MessageFlags) -> bytes | None:
    wait = descriptor.waits and not flags.dontwait
    return descriptor.writers.perform(call, wait=wait, seconds=descriptor.send_seconds)


class Stream(SocketCall):
    """Bytes of a stream: the call returns once the kernel has all of them, as a socket does that blocks."""

    __slots__ = ("_data", "_flags", "_sent", "function")

    def __init__(
        self, descriptor: Descriptor, number: int, function: Function, data: memoryview, flags: int
    ) -> None:
        super().__init__(descriptor, number)
        self.function = function
        self._data = data
        self._flags = flags
        self._sent = 0

    @property
    def size(self) -> int:
        """The whole message stays."""
        return len(self._data)

    def go(self) -> bytes | None:
        """Send what fits."""
        held, data = self.descriptor.socket, self._data
        most = self._sent + _AT_ONCE
        try:
            while True:
                self._sent += held.send(data[self._sent :] if self._sent else data, self._flags)
                if self._sent >= len(data):
                    return wire.reply(self.number, self._sent)
                if self._sent >= most:
                    return None
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            if self._sent:  # the next call has the error (send(2))
                return wire.reply(self.number, self._sent)
            raise

    def give_up(self, error: int) -> bytes:
        """What was sent is said, if anything was."""
        if self._sent:
            return wire.reply(self.number, self._sent)
        return self.fail(HERE.errors.errno_out(error) or ERRNO["EPIPE"])


class Datagram(SocketCall):
    """One datagram, whole or not at all."""

    __slots__ = ("_control", "_data", "_flags", "_place", "function")

    def __init__(
        self,
        descriptor: Descriptor,
        number: int,
        function: Function,
        data: memoryview,
        control: tuple[Item, ...],
        flags: int,
        place: Where | None,
    ) -> None:
        super().__init__(descriptor, number)
        self.function = function
        self._data = data
        self._control = control
        self._flags = flags
        self._place = place

    @property
    def size(self) -> int:
        """The whole message stays."""
        return len(self._data)

    def go(self) -> bytes:
        """Send it."""
        held = self.descriptor.socket
        if self._control:
            sent = held.sendmsg([self._data], self._control, self._flags, self._place)
        elif self._place is not None:
            sent = held.sendto(self._data, self._flags, self._place)
        else:
            sent = held.send(self._data, self._flags)
        return wire.reply(self.number, sent)

    def give_up(self, error: int) -> bytes:
        """Nothing was sent."""
        return self.fail(HERE.errors.errno_out(error) or ERRNO["EPIPE"])
