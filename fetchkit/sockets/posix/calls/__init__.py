"""The nineteen calls: each takes the desk and a request, and returns the reply, or None to give it later."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.calls import connecting, names, opening, options, receiving, sending
from fetchkit.sockets.posix.desk import Desk

__all__ = ["CALLS"]

CALLS: Final[Mapping[type[wire.Request], Callable[[Desk, Any], bytes | None]]] = {
    wire.Socket: opening.open_socket,
    wire.SocketPair: opening.open_pair,
    wire.Shutdown: opening.shut_down,
    wire.Bind: connecting.bind,
    wire.Connect: connecting.connect,
    wire.Listen: connecting.listen,
    wire.Accept: connecting.accept,
    wire.GetSockName: connecting.getsockname,
    wire.GetPeerName: connecting.getpeername,
    wire.Send: sending.send,
    wire.Recv: receiving.receive,
    wire.SendTo: sending.send_to,
    wire.RecvFrom: receiving.receive_from,
    wire.SendMsg: sending.send_message,
    wire.RecvMsg: receiving.receive_message,
    wire.GetSockOpt: options.get_option,
    wire.SetSockOpt: options.set_option,
    wire.GetAddrInfo: names.getaddrinfo,
    wire.GetNameInfo: names.getnameinfo,
}
