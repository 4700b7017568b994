"""socket, socketpair and shutdown: where descriptors come from, and where they go."""

import socket
from typing import Final

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.descriptor import Descriptor
from fetchkit.sockets.posix.desk import Desk
from fetchkit.sockets.posix.numbers import HERE, CallError, SocketType

__all__ = ["open_pair", "open_socket", "shut_down"]

# The protocols of each type. Others have addresses that nobody judged (SCTP), or headers that a page would
# write (ICMP).
_PROTOCOLS: Final[dict[int, tuple[int, int]]] = {
    socket.SOCK_STREAM: (0, socket.IPPROTO_TCP),
    socket.SOCK_DGRAM: (0, socket.IPPROTO_UDP),
}
_AF_UNIX: Final[int] = getattr(socket, "AF_UNIX", -1)


def open_socket(desk: Desk, request: wire.Socket) -> bytes:
    """POSIX socket."""
    family = HERE.kinds.family_in(request.domain)
    kind = _kind(desk, request.type)
    if family == _AF_UNIX:
        raise desk.judge.unix("A socket with")
    if family == socket.AF_UNSPEC:
        raise CallError("EAFNOSUPPORT")
    protocol = HERE.kinds.protocol_in(request.protocol)
    if protocol not in _PROTOCOLS[kind.number]:
        raise CallError("EPROTONOSUPPORT")
    desk.table.room()
    made = socket.socket(family, kind.number, protocol)
    number = desk.table.add(Descriptor(made, desk.board, waits=not kind.nonblocking))
    return wire.reply(request.call, number)


def open_pair(desk: Desk, request: wire.SocketPair) -> bytes:
    """POSIX socketpair: of AF_UNIX alone, as everywhere; it has no address, so there is nothing to judge."""
    family = HERE.kinds.family_in(request.domain)
    kind = _kind(desk, request.type)
    if family != _AF_UNIX:
        raise CallError("EOPNOTSUPP", "only AF_UNIX has pairs")
    if request.protocol:
        raise CallError("EPROTONOSUPPORT")
    desk.table.room(2)
    pair = socket.socketpair(family, kind.number)
    one, other = (desk.table.add(Descriptor(end, desk.board, waits=not kind.nonblocking)) for end in pair)
    return wire.pair_reply(request.call, one, other)


def _kind(desk: Desk, number: int) -> SocketType:
    kind = HERE.kinds.type_in(number)
    if kind.number == socket.SOCK_RAW:
        raise desk.judge.refuse("socket(SOCK_RAW) is refused. No flag allows it.")
    if kind.number not in _PROTOCOLS:
        raise CallError("ESOCKTNOSUPPORT")
    return kind


def shut_down(desk: Desk, request: wire.Shutdown) -> bytes:
    """POSIX shutdown: of both directions it frees the descriptor, whatever the kernel says."""
    descriptor = desk.table.find(request.socket)
    how = HERE.kinds.how_in(request.how)
    if how == socket.SHUT_RDWR:
        desk.table.close(request.socket)
    else:
        descriptor.socket.shutdown(how)
    return wire.reply(request.call)
