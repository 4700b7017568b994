"""getsockopt and setsockopt: the kernel's options, and those that only we can keep."""

import socket

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.descriptor import Descriptor
from fetchkit.sockets.posix.desk import Desk
from fetchkit.sockets.posix.numbers import HERE, Linger, Meaning, Option, Value

__all__ = ["get_option", "set_option"]


def get_option(desk: Desk, request: wire.GetSockOpt) -> bytes:
    """POSIX getsockopt."""
    descriptor = desk.table.find(request.socket)
    option = HERE.options.find(request.level, request.option)
    value = option.encode(_value(descriptor, option), request.length)
    return wire.getsockopt_reply(request, value, desk.layout)


def _value(descriptor: Descriptor, option: Option) -> Value:
    held = descriptor.socket
    match option.meaning:
        case Meaning.TIMEOUT:
            receives = option.name == "SO_RCVTIMEO"
            return descriptor.receive_seconds if receives else descriptor.send_seconds
        case Meaning.ERROR:
            return HERE.errors.errno_out(held.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        case Meaning.FAMILY:
            return HERE.kinds.family_out(held.family)
        case Meaning.TYPE:
            return HERE.kinds.type_out(held.type)
        case Meaning.PROTOCOL:
            return _protocol(descriptor)
    number = option.number or 0  # only those above have none
    if option.host_size:
        return held.getsockopt(option.level, number, option.host_size)
    return held.getsockopt(option.level, number)


def _protocol(descriptor: Descriptor) -> int:
    if descriptor.family not in (socket.AF_INET, socket.AF_INET6):
        return 0
    stream = descriptor.kind == socket.SOCK_STREAM
    return HERE.kinds.protocol_out(socket.IPPROTO_TCP if stream else socket.IPPROTO_UDP)


def set_option(desk: Desk, request: wire.SetSockOpt) -> bytes:
    """POSIX setsockopt."""
    descriptor = desk.table.find(request.socket)
    option = HERE.options.find(request.level, request.option)
    value = option.decode(request.value)
    if option.meaning is Meaning.TIMEOUT:
        seconds = value if isinstance(value, float) else None
        if option.name == "SO_RCVTIMEO":
            descriptor.receive_seconds = seconds
        else:
            descriptor.send_seconds = seconds
    else:
        descriptor.socket.setsockopt(option.level, option.number or 0, option.host_value(value))
        if isinstance(value, Linger):
            descriptor.lingers = value.on and value.seconds > 0
    return wire.reply(request.call)
