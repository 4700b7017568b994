"""getaddrinfo and getnameinfo: the host's resolver, in a thread; whoever asks may know every name."""

import errno
import functools
import socket
from collections.abc import Callable
from typing import Any

from fetchkit.sockets.posix import wire
from fetchkit.sockets.posix.desk import FUNCTION_OF, Desk
from fetchkit.sockets.posix.numbers import EAI, HERE, CallError
from fetchkit.sockets.posix.wire import AddressRecord

__all__ = ["getaddrinfo", "getnameinfo"]

Found = list[tuple[int, int, int, str, Any]]


def getaddrinfo(desk: Desk, request: wire.GetAddrInfo) -> None:
    """POSIX getaddrinfo."""
    hints = request.hints
    family = kind = protocol = flags = 0
    if hints is not None:
        family = HERE.kinds.hint_family_in(hints.family)
        kind = HERE.kinds.hint_type_in(hints.type)
        protocol = HERE.kinds.hint_protocol_in(hints.protocol)
        flags = HERE.flags.ai_in(hints.flags)
    # Bytes, so that Python does not judge names by IDNA.
    work = functools.partial(socket.getaddrinfo, request.node, request.service, family, kind, protocol, flags)
    _ask(desk, request, work, functools.partial(_addresses, request))


def _addresses(request: wire.GetAddrInfo, found: Found) -> bytes:
    flags = request.hints.flags if request.hints is not None else 0
    records: list[AddressRecord] = []
    name = ""
    for family, kind, protocol, canonical, address in found:
        name = name or canonical
        try:
            record = AddressRecord(
                flags,
                HERE.kinds.family_out(family),
                HERE.kinds.type_out(kind),
                HERE.kinds.protocol_out(protocol),
                HERE.addresses.encode(family, address),
            )
        except CallError:  # the page has no such sockets
            continue
        records.append(record)
    return wire.getaddrinfo_reply(request, name.encode("utf-8", "surrogateescape"), records)


def getnameinfo(desk: Desk, request: wire.GetNameInfo) -> None:
    """POSIX getnameinfo."""
    flags = HERE.flags.ni_in(request.flags)
    try:
        address = HERE.addresses.decode(request.address).value
    except CallError as error:
        raise CallError("EAI_FAMILY", str(error)) from None
    if not isinstance(address, tuple):
        raise CallError("EAI_FAMILY")
    if not (request.host_len or request.service_len):
        raise CallError("EAI_NONAME")
    work = functools.partial(socket.getnameinfo, address, flags)
    _ask(desk, request, work, functools.partial(_names, request))


def _names(request: wire.GetNameInfo, found: tuple[str, str]) -> bytes:
    host, service = (name.encode("utf-8", "surrogateescape") for name in found)
    return wire.getnameinfo_reply(request, host, service)


def _ask(
    desk: Desk,
    request: wire.GetAddrInfo | wire.GetNameInfo,
    work: Callable[[], Any],
    reply: Callable[[Any], bytes],
) -> None:
    board = desk.board
    board.enter()

    def done(result: Any) -> None:
        board.leave()
        if isinstance(result, Exception):
            board.send(wire.error_reply(request.call, FUNCTION_OF[type(request)], _number(result)))
        else:
            board.send(reply(result))

    desk.lookups.ask(work, done)


def _number(error: Exception) -> int:
    """What the call returns: an EAI; or an errno, which makes it EAI_SYSTEM."""
    if isinstance(error, socket.gaierror):
        if error.errno == getattr(socket, "EAI_SYSTEM", None):
            return HERE.errors.errno_out(errno.EIO)  # Python does not tell which
        return HERE.errors.eai_out(error.errno or 0)
    if isinstance(error, OSError):
        return HERE.errors.errno_of(error)
    # RuntimeError: no more threads. UnicodeError, ValueError, OverflowError: a name that is none.
    return EAI["EAI_AGAIN"] if isinstance(error, RuntimeError) else EAI["EAI_NONAME"]
