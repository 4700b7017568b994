"""Judges the address that is really dialled: once, after resolution, for every connection.

A check before the resolution proves nothing: a name may resolve to a public address first and to
127.0.0.1 a moment later, and a literal is never resolved at all. So the judge sits where the
socket is made, with the final address in hand, and nowhere else. A refused address counts as one
that cannot be reached, so the next one of the name is tried.

fetchkit's own listeners are never a target, at any of this machine's addresses.
"""

import asyncio
import errno
import os
import socket
from contextvars import ContextVar
from typing import Any

from attrs import evolve, field, frozen, mutable

from fetchkit.errors import BadGatewayError, ForbiddenError, GatewayTimeoutError
from fetchkit.net.hosts import Host
from fetchkit.net.policy import TargetPolicy, Verdict

__all__ = ["Asked", "Dialer", "Place", "RefusedAddressError"]


class RefusedAddressError(OSError):
    """The policy refuses the address."""


@frozen
class Place:
    """An address that may be dialled.

    Attributes:
        family: AF_INET or AF_INET6.
        protocol: as the resolver says.
        address: as `socket.connect` takes it.
    """

    family: int
    protocol: int
    address: tuple[Any, ...]


@mutable
class Asked:
    """A connection that is being made.

    Attributes:
        host: as the target names it.
        port: the target's.
        refusals: verdicts over addresses that were refused.
        tried: how many addresses were allowed.
        trusted: the user's own configuration names the host (an upstream proxy), so it is not judged.
    """

    host: str
    port: int
    refusals: list[Verdict] = field(factory=list)
    tried: int = 0
    trusted: bool = False


_asked: ContextVar[Asked] = ContextVar("asked")


@frozen
class Dialer:
    """The one who is asked before a socket is made.

    Attributes:
        policy: where connections may go.
        own_ports: ports that fetchkit listens on; the server fills them in.
    """

    policy: TargetPolicy
    own_ports: set[int] = field(factory=set)

    def ask(self, asked: Asked) -> None:
        """Say for what this task, and tasks that it starts, make connections from now on."""
        _asked.set(asked)

    def judge(self, host: str, port: int, address: str) -> Verdict:
        """Judge one address, as `TargetPolicy.judge`, and besides whether it is fetchkit itself."""
        verdict = self.policy.judge(host, port, address)
        if port in self.own_ports and _is_local(address):
            reason = f"{address} port {port} is fetchkit itself."
            return evolve(verdict, allowed=False, reason=reason, hint="Ask it directly.")
        return verdict

    def socket_factory(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket for a resolved address (aiohttp: `TCPConnector(socket_factory=…)`).

        Raises:
            RefusedAddressError: the policy refuses the address.
        """
        family, kind, protocol, _, address = info
        asked = _asked.get()
        if not asked.trusted:
            verdict = self.judge(asked.host, asked.port, address[0])
            if not verdict.allowed:
                asked.refusals.append(verdict)
                raise RefusedAddressError(verdict.reason)
        asked.tried += 1
        return socket.socket(family, kind, protocol)

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> list[Place]:
        """The addresses of a target that the policy allows, in the resolver's order.

        Raises:
            ForbiddenError: all of them are refused; the hint names the flag.
            BadGatewayError: the name cannot be resolved.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=kind)
        except (OSError, UnicodeError) as error:
            raise BadGatewayError(f"The name {host} cannot be resolved.", "Is it spelled right?") from error
        verdicts = [self.judge(host, port, str(address[0])) for *_, address in found]
        allowed = [
            Place(family, protocol, address)
            for (family, _, protocol, _, address), verdict in zip(found, verdicts, strict=True)
            if verdict.allowed
        ]
        if not allowed:
            refused = next(iter(verdicts))
            raise ForbiddenError(refused.reason, refused.hint)
        return allowed

    async def connect(self, host: str, port: int, *, seconds: float) -> socket.socket:
        """Connect to a target over TCP: each allowed address in turn, until one answers.

        Args:
            host: name or address.
            port: of the target.
            seconds: for all of it; an address that is silent leaves a fair share of it to the next.

        Raises:
            ForbiddenError, BadGatewayError, GatewayTimeoutError: no connection, and why.
        """
        target = str(Host(host, port))
        last: OSError | None = None
        try:
            async with asyncio.timeout(seconds):
                places = await self.resolve(host, port, socket.SOCK_STREAM)
                end = asyncio.get_running_loop().time() + seconds
                for left, place in zip(range(len(places), 0, -1), places, strict=True):
                    share = (end - asyncio.get_running_loop().time()) / left
                    try:
                        async with asyncio.timeout(share):
                            return await _connected(place)
                    except OSError as error:  # TimeoutError is one
                        last = error
        except TimeoutError as error:
            raise GatewayTimeoutError(f"{target} cannot be reached: no answer.") from error
        if isinstance(last, TimeoutError):
            raise GatewayTimeoutError(f"{target} cannot be reached: no answer.") from last
        why = os.strerror(last.errno) if last is not None and last.errno else str(last)
        raise BadGatewayError(f"{target} cannot be reached: {why}.", "Does a server listen there?") from last


async def _connected(place: Place) -> socket.socket:
    made = socket.socket(place.family, socket.SOCK_STREAM, place.protocol)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, place.address)
        _refuse_itself(made)
    except BaseException:
        made.close()
        raise
    return made


def _refuse_itself(made: socket.socket) -> None:
    """Where the system chose the very port that is dialled, nobody listens: TCP has connected to itself."""
    try:
        itself = made.getsockname() == made.getpeername()
    except OSError:  # it is reset already
        return
    if itself:
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def _is_local(address: str) -> bool:
    """Whether an address is one of this machine's: then, and only then, it can be bound."""
    try:
        # It reads the scope too, without which a link-local address cannot be bound.
        found = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(place)
    except OSError:
        return False
    return True
