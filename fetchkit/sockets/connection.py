"""One WebSocket, on the connection that aiohttp accepted, without its queues and tasks.

After the handshake the transport gets another protocol: bytes are parsed and handed on in the same turn
of the loop in which they came, and nothing is kept. Who listens is told by calls, never awaited, and
holds the page back with `pause_reading` while it cannot take more; `full` and `drained` tell it how the page
takes what is sent.

The close (RFC 6455, section 7): the page's close frame is told to the listener, who answers it, at once or
once it has finished; a close of ours waits a moment for the page's. What breaks the protocol is answered
with the code that says so. The connection then ends with FIN, or with RST where `reset` asked for it.

Interplay with aiohttp, held by tests: `RequestHandler.set_parser` hands out the bytes that came behind the
handshake; the transport takes another protocol; and the handler is told of the connection's end only after
it has returned, so that aiohttp logs the request as any other.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from aiohttp import WSCloseCode, web
from attrs import field, frozen

from fetchkit.isolation import plan_of
from fetchkit.sockets.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameError,
    FrameParser,
    Piece,
    close_payload,
    frame_head,
    parse_close,
)
from fetchkit.sockets.handshake import Handshake, accept_head
from fetchkit.web.endings import reset
from fetchkit.web.prebuilt import PrebuiltResponse, date_line

__all__ = ["Listener", "WebSocket", "close_all", "setup"]

# What a page may owe us before the one who sends is held back: four of the largest pieces of a tunnel.
HIGH_WATER: Final = 256 * 1024
# A browser answers a close at once; nginx's lingering_timeout is 5 s.
CLOSE_SECONDS: Final = 5.0
# After that, what was sent before may be on its way for as long as the page takes any (nginx's send_timeout).
STALL_SECONDS: Final = 60.0
# For a page that is still sending when it has broken the protocol.
LINGER_SECONDS: Final = 1.0
# Proxies and NATs forget idle connections after a minute (nginx's proxy_read_timeout).
PING_SECONDS: Final = 30.0
# A head and a payload up to this size leave as one buffer: the copy costs less than a second one.
_JOINED: Final = 4096


# glibc gives memory back to the system, and takes it anew page by page, until it has seen a block of this
# size freed (mallopt(3): M_MMAP_THRESHOLD is dynamic); without that bulk costs twice the CPU time.
bytearray(1024 * 1024)


class Listener(Protocol):
    """Who is told what happens on a WebSocket.

    One that has a method `received_all(pieces)` besides gets the pieces that came at once together, mostly:
    then it can pass them on with one write.
    """

    def received(self, piece: Piece) -> None:
        """Part of a message came."""

    def closing(self, code: int | None, reason: str) -> None:
        """The page's close frame came: finish, then `close`."""

    def lost(self) -> None:
        """The connection is gone, after a close or without one."""

    def full(self) -> None:
        """The page does not take what is sent as fast as it is: send no more for now."""

    def drained(self) -> None:
        """The page takes more again."""


@frozen
class _Open:
    """The WebSockets of an application."""

    websockets: set["WebSocket"] = field(factory=set)


_OPEN: Final = web.AppKey("websockets", _Open)


def setup(app: web.Application) -> None:
    """Let the application close its WebSockets when it stops; to be called once by whoever opens any."""
    if app.get(_OPEN) is not None:
        return
    app[_OPEN] = _Open()

    async def stop(stopping: web.Application) -> None:
        close_all(stopping)

    app.on_shutdown.append(stop)


def close_all(app: web.Application) -> None:
    """Tell every page that the server stops."""
    for websocket in tuple(app[_OPEN].websockets):
        websocket.close(WSCloseCode.GOING_AWAY, "the server stops")


class WebSocket(asyncio.Protocol):
    """The server's side of one WebSocket.

    Attributes:
        protocol: the chosen subprotocol, None for none.
        is_full: whether the page owes us more than it should.
        sent: bytes of messages so far.
        note: what the access log says of it.
    """

    def __init__(self, request: web.Request, protocol: str | None, *, max_message: int | None) -> None:
        """Prepare for the handshake of a request; `accept` answers it."""
        self.protocol = protocol
        self.is_full = False
        self.sent = 0
        self.note = ""
        self._request = request
        self._parser = FrameParser(max_message)
        self._listener: Listener | None = None
        self._received_all: Callable[[list[Piece]], None] | None = None
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._close_sent = False
        self._close_received = False
        self._failed = False
        self._owed = 0  # bytes that the page had not taken when it was last looked, after the close
        self._stalled = 0.0
        self._pong: bytearray | None = None  # owed until the page takes it
        self._before: Any = None

    async def accept(self, handshake: Handshake, listener: Listener) -> None:
        """Answer the handshake; from now on the listener is told, of a page that left meanwhile at once."""
        request, transport = self._request, self._request.transport
        if transport is None or transport.is_closing():
            self._finished.set_result(None)
            listener.lost()
            return
        shared = plan_of(request.app).block(request.raw_path, request.headers.get("Origin"))
        self._received_all = getattr(listener, "received_all", None)
        self._listener, self._transport, self._before = listener, transport, request.protocol
        tail = _Tail()
        request.protocol.set_parser(tail)  # type: ignore[arg-type]  # it asks for no more than a parser
        transport.set_write_buffer_limits(HIGH_WATER)
        transport.set_protocol(self)
        if _OPEN in request.app:
            request.app[_OPEN].websockets.add(self)
        transport.write(accept_head(handshake, self.protocol, date_line() + shared))
        self._timer = self._loop.call_later(PING_SECONDS, self._ping)
        transport.resume_reading()
        if tail.data:
            self.data_received(bytes(tail.data))

    async def finished(self) -> web.StreamResponse:
        """Wait for the end; returns what the handler returns."""
        try:
            await self._finished
        finally:
            self._let_go()
        return _Upgraded(self)

    # --- towards the page

    def send(self, opcode: int, payload: bytes | bytearray | memoryview, *, final: bool = True) -> None:
        """Send a message, or part of one; nothing once the close was sent."""
        transport = self._transport
        if transport is None or self._close_sent:
            return
        size = len(payload)
        head = frame_head(opcode, size, final=final)
        if size <= _JOINED:
            transport.write(head + payload)
        else:
            transport.writelines((head, payload))
        if opcode in (CONTINUATION, TEXT, BINARY):
            self.sent += size

    def send_binary(self, payload: bytes | bytearray | memoryview) -> None:
        """Send a binary message."""
        self.send(BINARY, payload)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame once; then the connection ends as soon as the page has answered it."""
        self._close(close_payload(code, reason))

    def _close(self, payload: bytes) -> None:
        if self._close_sent or self._transport is None:
            return
        self.send(CLOSE, payload)
        self._close_sent = True
        self._end()
        if self._failed and self._transport.can_write_eof():
            self._linger(self._transport)
            return
        if self._close_received:
            self._transport.close()
            return
        with contextlib.suppress(RuntimeError):
            self._transport.resume_reading()  # or the page's answer would never be seen

    def _end(self) -> None:
        """See to it that the connection ends, whatever the page does."""
        self._cancel_timer()
        self._owed = self._transport.get_write_buffer_size() if self._transport is not None else 0
        self._timer = self._loop.call_later(CLOSE_SECONDS, self._look_whether_flushed)

    def _linger(self, transport: asyncio.Transport) -> None:
        """End our side, and read on for a moment: a close with unread bytes is a RST, and the page's system
        may drop for it what it has received, the close frame too (RFC 9112, section 9.6, says so of HTTP).
        """

        def close() -> None:
            transport.close()
            self._end()

        transport.write_eof()
        self._cancel_timer()
        self._timer = self._loop.call_later(LINGER_SECONDS, close)
        with contextlib.suppress(RuntimeError):
            transport.resume_reading()

    def _look_whether_flushed(self) -> None:
        """Wait for a page that is slow, not for one that takes nothing any more."""
        if self._transport is None:
            return
        owed = self._transport.get_write_buffer_size()
        self._stalled = self._stalled + CLOSE_SECONDS if owed == self._owed else 0.0
        if not owed or self._stalled >= STALL_SECONDS:
            self.abort()
            return
        self._owed = owed
        self._timer = self._loop.call_later(CLOSE_SECONDS, self._look_whether_flushed)

    def fail(self, error: FrameError) -> None:
        """Tell the page how it broke the protocol, and hang up (section 7.1.7)."""
        failed = f"{error.code} {error.reason}"
        self.note = f"{self.note}, {failed}" if self.note else failed
        self._failed = True
        self._close_received = True  # an answer is not waited for: what comes cannot be read
        self._close(close_payload(error.code, error.reason))

    def abort(self) -> None:
        """End the connection now; what was not sent is lost."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """End the connection with RST."""
        if self._transport is not None:
            reset(self._transport)

    def pause_reading(self) -> None:
        """Take no more from the page for now."""
        if self._transport is not None and not self._close_sent:
            with contextlib.suppress(RuntimeError):  # it is closing
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the page."""
        if self._transport is not None:
            with contextlib.suppress(RuntimeError):
                self._transport.resume_reading()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._transport is not None and not self._close_sent

    @property
    def closed_cleanly(self) -> bool:
        """Whether both sides have sent their close frames."""
        return self._close_sent and self._close_received and not self._failed

    # --- from the transport

    def data_received(self, data: bytes) -> None:
        """Take bytes of the page."""
        if self._close_received or self._listener is None:
            return
        parser = self._parser
        pieces = parser.feed(data)
        try:
            if self._received_all is not None and not self._close_sent:
                for piece in pieces:
                    if piece.opcode >= CLOSE:
                        break
                else:
                    self._received_all(pieces)
                    pieces.clear()
            for piece in pieces:
                if piece.opcode < CLOSE:
                    # After a close of either side a page's data mean nothing (section 5.5.1).
                    if not self._close_sent and not self._close_received:
                        self._listener.received(piece)
                else:
                    self._control(piece, self._listener)
            if parser.error is not None:
                self.fail(parser.error)
        except FrameError as error:
            self.fail(error)

    def _control(self, piece: Piece, listener: Listener) -> None:
        if self._close_received:
            return
        if piece.opcode == PING:
            # "A Pong frame for only the most recently processed Ping frame" is enough (section 5.5.3), and
            # who pings without reading must not pile them up.
            if self.is_full:
                self._pong = piece.payload
            else:
                self.send(PONG, piece.payload)
        elif piece.opcode == CLOSE:
            code, reason = parse_close(piece.payload)
            self._close_received = True
            if self._close_sent and self._transport is not None:
                self._transport.close()
            else:
                listener.closing(code, reason)

    def eof_received(self) -> bool:
        """The page sends no more; without a close frame that is an abnormal end."""
        self._end()  # a page that takes nothing either is not waited for
        return False  # the transport closes itself

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        del exc
        self._transport = None
        self._cancel_timer()
        if self._listener is not None:
            self._listener.lost()
        if not self._finished.done():
            self._finished.set_result(None)

    def pause_writing(self) -> None:
        """The page owes us much."""
        self.is_full = True
        if self._listener is not None:
            self._listener.full()

    def resume_writing(self) -> None:
        """The page has taken it."""
        self.is_full = False
        pong, self._pong = self._pong, None
        if pong is not None:
            self.send(PONG, pong)
        if self._listener is not None:
            self._listener.drained()

    # --- the rest

    def _ping(self) -> None:
        self.send(PING, b"")
        self._timer = self._loop.call_later(PING_SECONDS, self._ping)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_go(self) -> None:
        """Give the connection back to aiohttp, which ends it; after the handler, or it would be cancelled."""
        self._cancel_timer()
        if _OPEN in self._request.app:
            self._request.app[_OPEN].websockets.discard(self)
        if self._transport is not None:  # the handler was cancelled
            self._transport.abort()
        if self._before is not None:
            self._loop.call_soon(self._before.connection_lost, None)
            self._before = None


class _Upgraded(PrebuiltResponse):
    """What a handler returns when its WebSocket is over: nothing is left to send."""

    def __init__(self, websocket: WebSocket) -> None:
        super().__init__(101, b"", note=websocket.note)
        self._sent = websocket.sent

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002  aiohttp's signature
        """Tell aiohttp that the connection is over."""
        raise ConnectionResetError("the WebSocket is over")


class _Tail:
    """Takes the bytes that came behind the handshake."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Keep them."""
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Nothing follows."""
