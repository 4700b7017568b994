"""Joins a WebSocket and a UDP socket: one binary message is one datagram, both ways.

The socket is made when the first message needs it, and given back after five minutes without a datagram, as
a NAT does; the WebSocket stays, and the next message makes another. A port message that comes first binds
the port from which datagrams are sent, and is never sent itself.

Only the target is heard: datagrams from its address. If its first answer comes from another port, as TFTP's
does, the page is told that port first, and from then on it is the peer.

UDP may lose: what a page that does not read would have to be kept for is dropped, and so is what the target's
socket does not take. Refusals by ICMP end nothing, since a server may be started later.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Final, cast

from fetchkit.net.dial import Place
from fetchkit.sockets.connection import WebSocket
from fetchkit.sockets.frames import BINARY, Piece
from fetchkit.sockets.handshake import Handshake
from fetchkit.sockets.tunnel.target import parse_port_message, port_message

__all__ = ["Datagrams"]

# 65,535 less the heads of IPv4 and UDP: more cannot be sent (RFC 768).
MAX_DATAGRAM: Final = 65_507
# RFC 4787, section 4.3: a mapping must not expire in less than two minutes, five are recommended.
IDLE_SECONDS: Final = 300.0

_log = logging.getLogger("fetchkit.tunnel")


class Datagrams(asyncio.DatagramProtocol):
    """Listens on the WebSocket, and is the protocol of the UDP socket."""

    __slots__ = (
        "_active",
        "_address",
        "_begun",
        "_close",
        "_finished",
        "_idle",
        "_loop",
        "_may_answer",
        "_message",
        "_name",
        "_opening",
        "_over",
        "_place",
        "_port",
        "_settled",
        "_socket",
        "_timer",
        "_transport",
        "_waiting",
        "_ws",
    )

    def __init__(
        self, name: str, place: Place, may_answer: Callable[[int], bool], *, idle: float = IDLE_SECONDS
    ) -> None:
        """Prepare.

        Args:
            name: of the target, for people.
            place: its address, which the policy allows.
            may_answer: whether it may answer from another port of that address.
            idle: seconds without a datagram after which the socket is given back.
        """
        self._name = name
        self._place = place
        self._may_answer = may_answer
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._address = place.address  # where datagrams go; its port may change once
        self._ws: WebSocket | None = None
        self._socket: socket.socket | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._waiting: list[bytes | bytearray] = []  # while the socket is made
        self._message = bytearray()
        self._begun = False  # the page has sent a message
        self._settled = False  # the target has answered
        self._port = 0  # from which datagrams are sent; 0: any
        self._active = False
        self._over = False
        self._close: tuple[int | None, str] | None = None  # the page's, while the socket is made
        self._timer: asyncio.TimerHandle | None = None
        self._finished: asyncio.Future[None] = self._loop.create_future()

    async def run(self, ws: WebSocket, handshake: Handshake) -> None:
        """Answer the handshake, and pass datagrams on until the page is gone."""
        self._ws = ws
        try:
            await ws.accept(handshake, self)
            await self._finished
        finally:
            self._over = True
            if self._opening is not None:
                self._opening.cancel()
            self._release()

    # --- from the page

    def received(self, piece: Piece) -> None:
        """Put the message together; one that is too long is no datagram, and the parser has refused it."""
        if piece.first and piece.final:
            message = piece.payload
        else:
            if piece.first:
                self._message = bytearray()
            self._message += piece.payload
            if not piece.final:
                return
            message, self._message = self._message, bytearray()
        first, self._begun = not self._begun, True
        if first and (port := parse_port_message(message)) is not None:
            self._port = port
            self._open()
        else:
            self._send(message)

    def closing(self, code: int | None, reason: str) -> None:
        """Answer the page's close, behind what it sent: many a program sends one datagram and ends."""
        assert self._ws is not None  # noqa: S101  it is the one who calls
        if self._opening is None:
            self._ws.close(code, reason)
        else:
            self._close = code, reason

    def lost(self) -> None:
        """The page is gone."""
        if not self._finished.done():
            self._finished.set_result(None)

    def full(self) -> None:
        """The page does not read: datagrams to it are dropped."""

    def drained(self) -> None:
        """The page reads again."""

    # --- from the target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: when its making is cancelled, uvloop leaves it open, and its port bound."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is none by its class
        if self._over:
            self._release()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Pass a datagram on, if it is the target's."""
        ws = self._ws
        if ws is None or not ws.is_open or _bare(addr[0]) != _bare(self._address[0]):
            return
        if addr[1] != self._address[1]:
            if self._settled or not self._may_answer(addr[1]):
                return
            self._address = (self._address[0], addr[1], *self._address[2:])
            ws.send(BINARY, port_message(addr[1]))
        elif not self._settled and parse_port_message(data) is not None:
            ws.send(BINARY, port_message(addr[1]))  # or SOCKFS would take the datagram for one
        self._settled = self._active = True
        if not ws.is_full:
            ws.send(BINARY, data)

    def error_received(self, exc: Exception) -> None:
        """ICMP says that nobody takes them, or the system that it cannot send: that ends nothing."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is given back."""

    def pause_writing(self) -> None:
        """The system takes no more datagrams for now: read no more of the page."""
        if self._ws is not None:
            self._ws.pause_reading()

    def resume_writing(self) -> None:
        """The system takes more again."""
        if self._ws is not None:
            self._ws.resume_reading()

    # --- the socket

    def _send(self, message: bytes | bytearray) -> None:
        self._active = True
        if self._transport is None or self._socket is None:
            self._waiting.append(message)
            self._open()
        elif message:
            self._transport.sendto(message, self._address)
        else:
            try:  # asyncio drops empty ones before Python 3.13
                self._socket.sendto(b"", self._address)
            except OSError as error:
                self.error_received(error)

    def _open(self) -> None:
        if self._opening is None and self._ws is not None:
            self._ws.pause_reading()  # what waits is what one read held
            self._opening = self._loop.create_task(self._make())

    async def _make(self) -> None:
        assert self._ws is not None  # noqa: S101  narrows
        made: socket.socket | None = None
        try:
            made = self._bound()
            await self._loop.create_datagram_endpoint(lambda: self, sock=made)
        except OSError as error:
            if made is not None:
                made.close()
            self._ws.note = f"{self._ws.note}, no socket: {error}"
            self._ws.close(1011, f"no socket for {self._name}: {error.strerror}")
            return
        finally:
            self._opening = None
        self._socket = made
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self._send(message)
        self._timer = self._loop.call_later(self._idle, self._look_whether_idle)
        if self._close is not None:
            self._ws.close(*self._close)
        self._ws.resume_reading()

    def _bound(self) -> socket.socket:
        """A socket that sends from the port that the page asked for, if that is free."""
        made = self._new_socket()
        if not self._port:
            return made
        try:
            # The address from which the target is reached: loopback for loopback, never all of them.
            with self._new_socket() as probe:
                probe.connect(self._place.address)
                made.bind((probe.getsockname()[0], self._port, *self._place.address[2:]))
        except OSError as error:
            _log.warning(
                "cannot send to %s from port %d (%s): another port is used",
                *(self._name, self._port, error.strerror),
            )
            made.close()
            return self._new_socket()
        return made

    def _new_socket(self) -> socket.socket:
        made = socket.socket(self._place.family, socket.SOCK_DGRAM, self._place.protocol)
        made.setblocking(False)
        return made

    def _look_whether_idle(self) -> None:
        if not self._active:
            self._release()
            return
        self._active = False
        self._timer = self._loop.call_later(self._idle, self._look_whether_idle)

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = self._socket = None


def _bare(address: str) -> str:
    """An address without its scope, which some systems leave out."""
    return address.partition("%")[0]
