"""Joins a WebSocket and a TCP connection: bytes go through, each side read as fast as the other takes.

Nothing is queued here. What the page sends is written to TCP piece by piece, however large the message; what
TCP sends leaves as messages of at most 64 KiB. When a side has been given more than its transport likes to
hold, the other is not read until it has been taken: so memory is bounded by two reads and two buffers.

How it ends:

* The target's FIN: what came before it is flushed, then the page gets 1000. Its reset: 1011 and a reason.
* The page's close frame is answered at once; what it sent before is flushed to the target, then FIN, and what
  the target still says is read and dropped for a moment, so that a reset does not eat what was flushed.
* A page that vanishes without a close frame resets the target: it must not take half of a message for all.
"""

import asyncio
import base64
import binascii
import socket
from contextlib import suppress
from typing import Final, cast

from fetchkit.sockets.connection import WebSocket
from fetchkit.sockets.frames import BINARY, TEXT, FrameError, Piece
from fetchkit.sockets.handshake import Handshake
from fetchkit.sockets.tunnel.target import parse_port_message
from fetchkit.web.endings import reset

__all__ = ["Base64Text", "Relay"]

# Chromium cuts its own messages there; SOCKFS copies each message once more.
MAX_MESSAGE: Final = 64 * 1024
_BASE64_MESSAGE: Final = MAX_MESSAGE // 4 * 3
# What the target may owe us before the page is held back; the page's side has the same.
HIGH_WATER: Final = 256 * 1024
# nginx's lingering_timeout.
LINGER_SECONDS: Final = 5.0
# A target that takes nothing for so long after the page has closed is given up (nginx's send_timeout).
STALL_SECONDS: Final = 60.0


class Base64Text:
    """Text messages of base64, decoded piece by piece; each message is whole by itself."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, text: bytes | bytearray, *, final: bool) -> bytes:
        """Decode what is complete.

        Raises:
            FrameError: it is no base64.
        """
        data = self._rest + text
        ready = len(data) if final else len(data) // 4 * 4
        self._rest = b"" if final else bytes(data[ready:])
        try:
            return base64.b64decode(data[:ready], validate=True)
        except binascii.Error:
            raise FrameError(1007, "a text message of the subprotocol base64 is no base64") from None


class Relay(asyncio.Protocol):
    """Listens on the WebSocket, and is the protocol of the TCP connection."""

    __slots__ = (
        "_active",
        "_begun",
        "_decoder",
        "_early",
        "_failure",
        "_finished",
        "_idle",
        "_joined",
        "_lingers",
        "_loop",
        "_name",
        "_owed",
        "_stalled",
        "_tcp",
        "_timer",
        "_ws",
    )

    def __init__(self, name: str, *, idle: float | None = None) -> None:
        """Prepare.

        Args:
            name: of the target, for people.
            idle: seconds without a byte after which the tunnel ends; None for never.
        """
        self._name = name
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._ws: WebSocket | None = None
        self._tcp: asyncio.Transport | None = None
        self._decoder: Base64Text | None = None
        self._early = b""  # what the target says before the page is there
        self._failure: BaseException | None = None
        self._joined = False
        self._begun = False  # the page has got a message
        self._active = False
        self._lingers = False  # the page has closed
        self._owed = 0  # bytes that the target had not taken when it was last looked
        self._stalled = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._finished: asyncio.Future[None] = self._loop.create_future()

    async def begin(self, connected: socket.socket) -> None:
        """Take a connected socket; what comes from it waits until the page is there."""
        with suppress(OSError):  # it was reset already: then that is seen when it is read
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        making = self._loop.create_task(self._loop.create_connection(lambda: self, sock=connected))
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            # A turn of the loop. Cancelled itself, uvloop closes the descriptor, and `connected` once more:
            # by then it may be another's.
            await asyncio.wait({making})
            raise

    async def run(self, ws: WebSocket, handshake: Handshake) -> None:
        """Answer the handshake, and join both until nothing is left of the connection to the target."""
        self._ws = ws
        self._decoder = Base64Text() if ws.protocol == "base64" else None
        await ws.accept(handshake, self)
        self._joined = True
        early, self._early = self._early, b""
        if early:
            self._to_page(early)
        if self._tcp is None:
            self._end_of_target(self._failure)
        elif not ws.is_full and not self._lingers:
            self._tcp.resume_reading()
        if self._idle is not None and ws.is_open:
            self._timer = self._loop.call_later(self._idle, self._look_whether_idle)
        await self._finished

    def abort(self) -> None:
        """End the connection to the target now, with a reset, if there is one."""
        self._cancel_timer()
        if self._tcp is not None:
            reset(self._tcp)

    # --- from the page

    def received(self, piece: Piece) -> None:
        """Pass part of a message on."""
        payload: bytes | bytearray = piece.payload
        if self._decoder is not None and piece.opcode == TEXT:
            payload = self._decoder.feed(payload, final=piece.final)
        if payload and self._tcp is not None and not self._lingers:
            self._active = True
            self._tcp.write(payload)

    def received_all(self, pieces: list[Piece]) -> None:
        """Pass parts of messages on that came together, with one write."""
        if self._decoder is not None or len(pieces) == 1:
            for piece in pieces:
                self.received(piece)
        elif self._tcp is not None and not self._lingers:
            self._active = True
            self._tcp.write(b"".join([piece.payload for piece in pieces]))

    def closing(self, code: int | None, reason: str) -> None:
        """Answer the page's close; the target gets what is left, then FIN."""
        assert self._ws is not None  # noqa: S101  it is the one who calls
        self._finish_target()
        self._ws.close(code, reason)

    def lost(self) -> None:
        """The page is gone."""
        if self._tcp is None or self._lingers:
            return
        if self._ws is not None and self._ws.closed_cleanly:
            self._finish_target()
        else:
            self.abort()

    def full(self) -> None:
        """Read no more of the target for now."""
        if self._tcp is not None:
            self._tcp.pause_reading()

    def drained(self) -> None:
        """Read the target again."""
        if self._tcp is not None:
            self._tcp.resume_reading()

    # --- from the target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._tcp = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._tcp.set_write_buffer_limits(HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on to the page."""
        if not self._joined:
            self._early += data
            if self._tcp is not None:
                self._tcp.pause_reading()
        elif not self._lingers:
            self._active = True
            self._to_page(data)

    def eof_received(self) -> bool:
        """The target has sent everything: the page gets that, and is told."""
        if self._joined:
            self._finish_target()
            self._end_of_target(None)
        return False  # the transport flushes what the page sent, and closes

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection to the target is over."""
        self._tcp = None
        self._failure = exc
        self._cancel_timer()
        if self._joined:
            self._end_of_target(exc)
        if not self._finished.done():
            self._finished.set_result(None)

    def pause_writing(self) -> None:
        """The target owes us much: read no more of the page for now."""
        if self._ws is not None:
            self._ws.pause_reading()

    def resume_writing(self) -> None:
        """The target has taken it."""
        if self._ws is not None:
            self._ws.resume_reading()

    # --- the rest

    def _to_page(self, data: bytes) -> None:
        ws = self._ws
        assert ws is not None  # noqa: S101  narrows
        if self._decoder is not None:
            for start in range(0, len(data), _BASE64_MESSAGE):
                ws.send(TEXT, base64.b64encode(data[start : start + _BASE64_MESSAGE]))
            return
        if not self._begun:
            self._begun = True
            if parse_port_message(data) is not None:  # or SOCKFS takes it for one
                ws.send(BINARY, data[:1])
                data = data[1:]
        if len(data) <= MAX_MESSAGE:
            ws.send(BINARY, data)
            return
        view = memoryview(data)
        for start in range(0, len(view), MAX_MESSAGE):
            ws.send(BINARY, view[start : start + MAX_MESSAGE])

    def _end_of_target(self, exc: BaseException | None) -> None:
        ws = self._ws
        if ws is None or not ws.is_open:
            return
        if exc is None:
            ws.close(1000)
            return
        how = "reset the connection" if isinstance(exc, ConnectionResetError) else f"is lost: {exc}"
        reason = f"{self._name} {how}"
        ws.note = f"{ws.note}, 1011 {reason}"
        ws.close(1011, reason)

    def _finish_target(self) -> None:
        """Flush to the target, send FIN, and drop what it says, for a while."""
        if self._lingers or self._tcp is None:
            return
        self._lingers = True
        self._cancel_timer()
        with suppress(OSError, RuntimeError):  # it is closing already
            self._tcp.write_eof()
            self._tcp.resume_reading()
        self._owed = self._tcp.get_write_buffer_size()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._look_whether_flushed)

    def _look_whether_flushed(self) -> None:
        if self._tcp is None:
            return
        owed = self._tcp.get_write_buffer_size()
        if not owed:
            self._tcp.close()
            return
        self._stalled = self._stalled + LINGER_SECONDS if owed == self._owed else 0.0
        self._owed = owed
        if self._stalled >= STALL_SECONDS:
            self.abort()
            return
        self._timer = self._loop.call_later(LINGER_SECONDS, self._look_whether_flushed)

    def _look_whether_idle(self) -> None:
        assert self._idle is not None  # noqa: S101  narrows
        if self._active:
            self._active = False
            self._timer = self._loop.call_later(self._idle, self._look_whether_idle)
        elif self._ws is not None:
            self._ws.note = f"{self._ws.note}, idle"
            self._ws.close(1000, f"nothing came for {self._idle:g} s")

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
