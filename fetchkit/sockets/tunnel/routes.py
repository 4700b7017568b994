"""Tunnels: `/tcp/HOST:PORT` and `/udp/HOST:PORT`, and handlers that lead to one fixed target.

The target is dialled before the handshake is answered, so that a port where nobody listens is a handshake
that fails: the only thing that Emscripten's SOCKFS reports, as ECONNREFUSED.
"""

import asyncio
import socket
from typing import Final

from aiohttp import hdrs, web

from fetchkit.errors import GatewayTimeoutError
from fetchkit.net.dial import Dialer, Place
from fetchkit.net.policy import target_policy
from fetchkit.sockets import connection
from fetchkit.sockets.connection import WebSocket
from fetchkit.sockets.handshake import parse_handshake, pick_protocol
from fetchkit.sockets.tunnel.datagrams import MAX_DATAGRAM, Datagrams
from fetchkit.sockets.tunnel.relay import Relay
from fetchkit.sockets.tunnel.target import Target, Transport, parse_target
from fetchkit.web.guard import ignore_expect
from fetchkit.web.problems import Handler, answering
from fetchkit.web.upgrades import websocket_only

__all__ = ["handshake_by_path", "handshake_to", "setup"]

# For names and all addresses of a target; SOCKFS itself has no limit.
DIAL_SECONDS: Final = 10.0
# SOCKFS's own label; it has no meaning but must be chosen (or Chromium fails the connection).
_PREFERRED: Final = ("binary",)


def setup(
    app: web.Application,
    *,
    dialer: Dialer | None = None,
    tcp: str = "/tcp",
    udp: str = "/udp",
    idle: float | None = None,
) -> None:
    """Lead WebSockets to TCP and UDP servers.

    Args:
        app: any aiohttp application; `web.guard.setup` makes it judge who asks.
        dialer: judges where connections may go; by default public addresses and loopback.
        tcp: path below which HOST:PORT of a TCP server follows, without a slash at its end.
        udp: the same for UDP.
        idle: seconds without a byte after which a TCP tunnel ends; None for never.
    """
    dialer = dialer or Dialer(target_policy())
    connection.setup(app)
    for prefix, transport in ((tcp, Transport.TCP), (udp, Transport.UDP)):
        handler = answering(websocket_only(handshake_by_path(dialer, transport, idle=idle)))
        app.router.add_route("*", prefix + "/{target:.*}", handler, expect_handler=ignore_expect)


def handshake_by_path(dialer: Dialer, transport: Transport, *, idle: float | None = None) -> Handler:
    """The handler of handshakes whose route has the target as `{target}`."""

    async def handshake(request: web.Request) -> web.StreamResponse:
        target = parse_target(request.match_info["target"], transport)
        return await _tunnel(request, dialer, target, idle)

    return handshake


def handshake_to(dialer: Dialer, target: Target, *, idle: float | None = None) -> Handler:
    """The handler of handshakes that all lead to one target, whatever their path."""

    async def handshake(request: web.Request) -> web.StreamResponse:
        return await _tunnel(request, dialer, target, idle)

    return handshake


async def _tunnel(
    request: web.Request, dialer: Dialer, target: Target, idle: float | None
) -> web.StreamResponse:
    handshake = parse_handshake(request.method, request.headers)
    protocol = pick_protocol(handshake.protocols, _PREFERRED)
    who = request.headers.get(hdrs.ORIGIN) or request.remote or ""
    if target.transport is Transport.UDP:
        datagrams = await _datagrams(dialer, target)
        ws = WebSocket(request, protocol, max_message=MAX_DATAGRAM)
        ws.note = f"{who} -> {target}"
        await datagrams.run(ws, handshake)
        return await ws.finished()
    relay = Relay(target.authority, idle=idle)
    connected = await dialer.connect(target.host, target.port, seconds=DIAL_SECONDS)
    try:
        await relay.begin(connected)
        ws = WebSocket(request, protocol, max_message=None)
        ws.note = f"{who} -> {target}"
        await relay.run(ws, handshake)
        return await ws.finished()
    finally:
        relay.abort()


async def _datagrams(dialer: Dialer, target: Target) -> Datagrams:
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            places = await dialer.resolve(target.host, target.port, socket.SOCK_DGRAM)
    except TimeoutError as error:
        raise GatewayTimeoutError(f"The name {target.host} is not resolved in time.") from error
    place = _preferred(places)

    def may_answer(port: int) -> bool:
        return dialer.judge(target.host, port, str(place.address[0])).allowed

    return Datagrams(str(target), place, may_answer)


def _preferred(places: list[Place]) -> Place:
    """IPv4 if there is any: SOCKFS knows nothing else, and nothing tells that an address does not answer."""
    return next((place for place in places if place.family == socket.AF_INET), places[0])
