"""The POSIX proxy as a route: one WebSocket for each page that has sockets."""

import logging
from typing import Final

from aiohttp import WSCloseCode, web

from fetchkit.net.dial import Dialer
from fetchkit.sockets import connection
from fetchkit.sockets.connection import WebSocket
from fetchkit.sockets.frames import BINARY, Piece
from fetchkit.sockets.handshake import parse_handshake, pick_protocol
from fetchkit.sockets.posix.session import MAX_MESSAGE, Session
from fetchkit.sockets.posix.wire import Layout
from fetchkit.web.guard import ignore_expect
from fetchkit.web.problems import Handler, answering
from fetchkit.web.upgrades import websocket_only

__all__ = ["handler", "setup"]

_HINT: Final = (
    "Call emscripten_init_websocket_to_posix_socket_bridge with its URL, as ws://localhost:6931/posix."
)

_log: Final = logging.getLogger("fetchkit.sockets")


def setup(
    app: web.Application,
    *,
    dialer: Dialer,
    path: str = "/posix",
    bind_any: bool = False,
    layout: str = "client",
) -> None:
    """Answer the POSIX protocol of Emscripten (`-sPROXY_POSIX_SOCKETS`) at a path.

    Args:
        app: any aiohttp application; `web.guard.setup` makes it judge who asks.
        dialer: judges where connections may go.
        path: of the WebSocket.
        bind_any: a page's bind to 0.0.0.0 or :: means every address; otherwise loopback.
        layout: `client` for the replies that Emscripten's client reads, `native` for those of its server.
    """
    connection.setup(app)
    handshake = handler(dialer=dialer, bind_any=bind_any, layout=layout)
    answer = answering(websocket_only(handshake, hint=_HINT))
    app.router.add_route("*", path, answer, expect_handler=ignore_expect)


def handler(*, dialer: Dialer, bind_any: bool = False, layout: str = "client") -> Handler:
    """A handler of handshakes, for any path; who asks was judged before. Arguments as of `setup`."""
    form = Layout(layout)

    async def posix(request: web.Request) -> web.StreamResponse:
        handshake = parse_handshake(request.method, request.headers)
        websocket = WebSocket(request, pick_protocol(handshake.protocols), max_message=None)
        session = Session(websocket.send_binary, dialer=dialer, bind_any=bind_any, layout=form)
        listener = _Listener(websocket, session)
        try:
            await websocket.accept(handshake, listener)
            return await websocket.finished()
        finally:
            session.close()

    return posix


class _Listener:
    """Puts messages together for a session, and tells it how the page takes its replies."""

    def __init__(self, websocket: WebSocket, session: Session) -> None:
        self._websocket = websocket
        self._session = session
        self._message = bytearray()

    def received(self, piece: Piece) -> None:
        """Part of a message came."""
        if piece.opcode != BINARY:
            self._session.text()
            return
        if piece.first and piece.final:  # nearly all are
            self._session.received(piece.payload)
            return
        if piece.first:
            self._message = piece.payload
        else:
            self._message += piece.payload
        if len(self._message) > MAX_MESSAGE:
            self._too_large()
        elif piece.final:
            message, self._message = self._message, bytearray()
            self._session.received(message)

    def _too_large(self) -> None:
        self._message = bytearray()
        reason = f"a message has more than {MAX_MESSAGE} bytes"
        _log.warning("/posix: %s: the connection ends, and the page's calls with it.", reason)
        self._websocket.note = f"1009 {reason}"
        self._websocket.close(WSCloseCode.MESSAGE_TOO_BIG, reason)

    def closing(self, code: int | None, reason: str) -> None:
        """The page closes."""
        self._session.close()
        self._websocket.close(code, reason)

    def lost(self) -> None:
        """The page is gone; the handler frees what it had."""
        self._websocket.note = self._websocket.note or self._session.note

    def full(self) -> None:
        """The page does not take its replies."""
        self._websocket.pause_reading()
        self._session.full()

    def drained(self) -> None:
        """It takes them again."""
        self._session.drained()
        if not self._websocket.is_full:
            self._websocket.resume_reading()
