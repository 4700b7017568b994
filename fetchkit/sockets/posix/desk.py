"""What the calls of one page share: its descriptors, who waits, who judges; and how a call fails."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Final

from fetchkit.net.dial import Dialer
from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.descriptor import Descriptor
from fetchkit.sockets.posix.judge import Judge, Log, Where
from fetchkit.sockets.posix.lookups import Lookups
from fetchkit.sockets.posix.numbers import HERE, CallError, MessageFlags
from fetchkit.sockets.posix.table import Table
from fetchkit.sockets.posix.waiting import Board, Call
from fetchkit.sockets.posix.wire import Function, Layout

__all__ = ["FUNCTION_OF", "Desk", "SocketCall", "flags_of"]

FUNCTION_OF: Final[Mapping[type[wire.Request], Function]] = {
    wire.Socket: Function.SOCKET,
    wire.SocketPair: Function.SOCKETPAIR,
    wire.Shutdown: Function.SHUTDOWN,
    wire.Bind: Function.BIND,
    wire.Connect: Function.CONNECT,
    wire.Listen: Function.LISTEN,
    wire.Accept: Function.ACCEPT,
    wire.GetSockName: Function.GETSOCKNAME,
    wire.GetPeerName: Function.GETPEERNAME,
    wire.Send: Function.SEND,
    wire.Recv: Function.RECV,
    wire.SendTo: Function.SENDTO,
    wire.RecvFrom: Function.RECVFROM,
    wire.SendMsg: Function.SENDMSG,
    wire.RecvMsg: Function.RECVMSG,
    wire.GetSockOpt: Function.GETSOCKOPT,
    wire.SetSockOpt: Function.SETSOCKOPT,
    wire.GetAddrInfo: Function.GETADDRINFO,
    wire.GetNameInfo: Function.GETNAMEINFO,
}


class Desk:
    """The place at which the calls of one page are done.

    Attributes:
        board: calls that wait.
        table: descriptors.
        judge: where they may go.
        log: lines about this page.
        lookups: names.
        layout: of replies.
    """

    def __init__(
        self, send: Callable[[bytes], None], dialer: Dialer, *, bind_any: bool, layout: Layout
    ) -> None:
        loop = asyncio.get_running_loop()
        self.board = Board(loop, send)
        self.table: Table[Descriptor] = Table()
        self.log = Log()
        self.judge = Judge(dialer, self.log, bind_any=bind_any)
        self.lookups = Lookups(loop)
        self.layout = layout

    def destination(self, descriptor: Descriptor, packed: memoryview, what: str) -> Where:
        """Read and judge where a socket connects or sends to.

        Raises:
            CallError: this is no address for it.
            OSError: EACCES.
        """
        address = self.address(descriptor, packed, what)
        self.judge.target(what, address)
        return address

    def address(self, descriptor: Descriptor, packed: memoryview, what: str) -> Where:
        """Read an address for a socket.

        Raises:
            CallError: this is no address for it.
            OSError: EACCES for AF_UNIX, whatever the address.
        """
        address = HERE.addresses.decode(packed)
        if not isinstance(address.value, tuple):
            raise self.judge.unix(what)
        if address.family != descriptor.family:
            raise CallError("EAFNOSUPPORT", "the address is of another family than the socket")
        return address.value


@functools.lru_cache(maxsize=256)
def flags_of(flags: int) -> MessageFlags:
    """Flags of a call that sends or receives; a program uses a few sets again and again."""
    return HERE.flags.message_in(flags)


class SocketCall(Call):
    """A call that may wait for one socket."""

    __slots__ = ("descriptor", "number")
    function: Function

    def __init__(self, descriptor: Descriptor, number: int) -> None:
        """Take the socket, and the number that the reply repeats."""
        super().__init__()
        self.descriptor = descriptor
        self.number = number

    def attempt(self) -> bytes | None:
        """Do it; None where the socket is not ready."""
        try:
            return self.go()
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            return self.fail(HERE.errors.errno_of(error))
        except CallError as error:
            return self.fail(error.number)

    def go(self) -> bytes | None:
        """As `attempt`, with the host's errors."""
        raise NotImplementedError

    def fail(self, number: int) -> bytes:
        """The reply with an errno of the page's."""
        return wire.error_reply(self.number, self.function, number)
