"""Binds the sockets: every address on one and the same port, before anything is announced."""

import errno
import socket
from collections.abc import Iterable, Sequence

from fetchkit.config import DEFAULT_PORT
from fetchkit.errors import ListenError
from fetchkit.net.hosts import bare_name

__all__ = ["EVERYWHERE", "bind"]

_LOOPBACK = ("127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")
# How far to look for a free port when nobody asked for one, and how often to draw one for port 0.
ATTEMPTS = 50
# The kernel's own bound for it (net.core.somaxconn) is 4096; aiohttp's default of 128 loses bursts.
BACKLOG = 1024

# An address family that this machine does not have.
_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class _PortTakenError(ListenError):
    """Somebody else listens there."""


def bind(hosts: Sequence[str], port: int | None, *, option: str = "--port") -> list[socket.socket]:
    """Listening sockets for every host, all on one port.

    Args:
        hosts: addresses or names; empty stands for loopback. Of loopback, and of EVERYWHERE, the
            IPv6 half may be missing on this machine.
        port: 0 takes any free one; None takes DEFAULT_PORT or the next free one.
        option: the flag that chooses the port, for errors.

    Raises:
        ListenError: in one sentence, which address and why.
    """
    for candidate in _candidates(port):
        try:
            return _bind_all(hosts or _LOOPBACK, candidate, option)
        except _PortTakenError as error:
            refusal = error
    raise refusal


def _candidates(port: int | None) -> Iterable[int]:
    if port is None:
        return range(DEFAULT_PORT, DEFAULT_PORT + ATTEMPTS)
    return [port] * ATTEMPTS if port == 0 else [port]


def _bind_all(hosts: Sequence[str], port: int, option: str) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for host in hosts:
            for family, address in _resolve(host):
                if any(bound.getsockname()[0] == address for bound in sockets):
                    continue  # one address by two names
                try:
                    sockets.append(_listen(family, address, port))
                except OSError as error:
                    optional = host in (_LOOPBACK[1], EVERYWHERE[1]) and tuple(hosts) in (
                        _LOOPBACK,
                        EVERYWHERE,
                    )
                    if not (optional and error.errno in _NO_SUCH_ADDRESS):
                        raise _refusal(error, host, port, option) from error
                else:
                    port = sockets[0].getsockname()[1]  # with port 0, the others share what the first got
    except ListenError:
        for bound in sockets:
            bound.close()
        raise
    return sockets


def _resolve(host: str) -> list[tuple[socket.AddressFamily, str]]:
    name = bare_name(host)
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(
            f"The host {host} cannot be resolved ({error.strerror}): name an address."
        ) from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR would steal a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound


def _refusal(error: OSError, host: str, port: int, option: str) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        return _PortTakenError(f"Port {port} on {host} is taken: choose another with {option}, or 0 for any.")
    if error.errno == errno.EACCES:
        return ListenError(f"Port {port} on {host} needs more rights: choose one above 1023 with {option}.")
    return ListenError(
        f"{host} is no address of this machine ({error.strerror}):"
        f" choose another with {'--host' if option == '--port' else option}."
    )
