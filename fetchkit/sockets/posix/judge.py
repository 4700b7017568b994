"""Judges where a page's sockets connect, send and listen; a refusal is EACCES and a line that names the flag.

Destinations are the policy's (`net.policy`), every one of a datagram socket too. A page listens on loopback,
unless `--bind-any`: what would be every address becomes the loopback address of its family, and an address of
this machine that others can reach is refused. fetchkit's own ports are never a page's, neither to dial nor
to listen on.

AF_UNIX has no policy that could name a path, and abstract names reach the session bus, the display server and
containers: its addresses are refused, whatever they are. A pair of connected sockets has no address; it is
allowed.
"""

import errno
import logging
import socket
from ipaddress import IPv6Address
from typing import Any, Final

from fetchkit.net.addresses import Address, parse_address, unmap
from fetchkit.net.dial import Dialer

__all__ = ["MAX_LINES", "Judge", "Log", "Where"]

Where = tuple[Any, ...]
"""An address as `socket.connect` takes it."""

# A page that scans a network must not fill the log.
MAX_LINES: Final = 64
# A server of a game talks to some hundreds; verdicts are cheap to make again.
_MAX_VERDICTS: Final = 1024

_log = logging.getLogger("fetchkit.sockets")


class Log:
    """Lines about one connection: each once, and so many in all."""

    def __init__(self, most: int = MAX_LINES) -> None:
        self._said: set[str] = set()
        self._most = most

    def once(self, line: str) -> None:
        """Say it, unless that was said before."""
        if line in self._said or len(self._said) > self._most:
            return
        self._said.add(line)
        if len(self._said) > self._most:
            line = "This page is refused, or goes wrong, too often: no more lines about it."
        _log.warning("/posix: %s", line)


class Judge:
    """Says where one page's sockets may go."""

    def __init__(self, dialer: Dialer, log: Log, *, bind_any: bool) -> None:
        """Take the policy, and whether a page may listen on every address."""
        self._dialer = dialer
        self._bind_any = bind_any
        self._log = log
        self._allowed: set[Where] = set()

    def refuse(self, line: str) -> OSError:
        """Log why, once, and return the error that says so."""
        self._log.once(line)
        return PermissionError(errno.EACCES, line)

    def target(self, what: str, where: Where) -> None:
        """Judge where a page connects or sends to.

        Raises:
            OSError: EACCES.
        """
        if where in self._allowed:
            return
        host, port = where[0], where[1]
        verdict = self._dialer.judge(host, port, host)
        if not verdict.allowed:
            raise self.refuse(f"{what} {_shown(host, port)} is refused. {verdict.reason} {verdict.hint}")
        if len(self._allowed) >= _MAX_VERDICTS:
            self._allowed.clear()
        self._allowed.add(where)

    def unix(self, what: str) -> OSError:
        """The error for an address of AF_UNIX."""
        return self.refuse(f"{what} an AF_UNIX address is refused. No flag allows it; use 127.0.0.1.")

    def listening_place(self, family: int, kind: int, where: Where) -> Where:
        """Where a page really binds.

        Raises:
            OSError: EACCES, or what the host says of an address that is not its own.
        """
        host, port = where[0], where[1]
        if kind == socket.SOCK_STREAM and port in self._dialer.own_ports:
            raise self.refuse(f"bind to {_shown(host, port)} is refused: the port is fetchkit's own.")
        address = parse_address(host)
        plain = unmap(address)
        if self._bind_any or plain.is_loopback:
            return where
        if plain.is_unspecified:
            place = _loopback(address)
            self._log.once(
                f"bind to {_shown(host, port)} became {_shown(place, port)}. "
                "--bind-any lets pages listen on every address."
            )
            return (place, *where[1:])
        _probe(family, where)
        raise self.refuse(
            f"bind to {_shown(host, port)} is refused: others can reach it. "
            "--bind-any lets pages listen on every address."
        )

    def place_of_listener(self, family: int, own: Where) -> Where | None:
        """Where a socket is bound that listens at no loopback address; None leaves that to the kernel.

        The port tells nothing: Linux shows that of a connect that failed, and then listens on every address.
        """
        if self._bind_any or unmap(parse_address(own[0])).is_loopback:
            return None
        return ("127.0.0.1", 0) if family == socket.AF_INET else ("::1", 0)


def _loopback(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return "::1" if unmap(address) is address or unmap(address) == address else "::ffff:127.0.0.1"
    return "127.0.0.1"


def _probe(family: int, where: Where) -> None:
    """Have the host say whether it has the address (EADDRNOTAVAIL)."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((where[0], 0, *where[2:]))


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
