"""One page's connection: every message gets one answer, whatever is wrong with it.

Emscripten's client has no timeout and does not see that a connection ends: a call that is not answered
sleeps for ever, and so do all calls after a close. So nothing that a page says ends its connection, and what
we do not expect ourselves is answered as well.

A session knows no WebSocket: it is fed messages and gives replies to a function. While `full`, messages wait
here; who feeds it stops reading then, so that they are those of one read.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from fetchkit.net.dial import Dialer
from fetchkit.sockets.posix.calls import CALLS
from fetchkit.sockets.posix.desk import FUNCTION_OF, Desk
from fetchkit.sockets.posix.numbers import ERRNO, HERE, CallError
from fetchkit.sockets.posix.runts import CallNumbers
from fetchkit.sockets.posix.waiting import MAX_WAITING
from fetchkit.sockets.posix.wire import Layout, WireError, error_reply, parse_request, runt_reply

__all__ = ["MAX_MESSAGE", "RUNT_SECONDS", "Session"]

# A program's send() is one message, whatever its size.
MAX_MESSAGE: Final = 64 * 1024 * 1024
# For a call with a lower number that is still on its way between two threads of a page.
RUNT_SECONDS: Final = 0.02

_RUNT: Final = (
    "getsockname() or getpeername() was called with a buffer of less than 256 bytes, of which Emscripten's "
    "client makes an empty message (websocket_to_posix_socket.c:491 and 528, emscripten #20691). The call "
    "fails with EOPNOTSUPP. Pass a buffer of 256 bytes."
)
_STRANGER: Final = (
    "the first message is no call of Emscripten's POSIX sockets. Is this a program of -lwebsocket.js or with "
    "emulated TCP sockets? Those use /echo and /tcp/HOST:PORT."
)
_TEXT: Final = "text came, where Emscripten's POSIX sockets send binary messages only: it is ignored."

_log = logging.getLogger("fetchkit.sockets")


class Session:
    """The calls of one page."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        dialer: Dialer,
        bind_any: bool = False,
        layout: Layout = Layout.CLIENT,
    ) -> None:
        """Begin, with a function that sends a reply; within a running loop."""
        self._desk = Desk(send, dialer, bind_any=bind_any, layout=layout)
        self._numbers = CallNumbers()
        self._late: deque[bytes | bytearray] = deque()
        self._calls = 0
        self._closed = False

    @property
    def note(self) -> str:
        """What the access log says of it."""
        return f"{self._calls} call{'' if self._calls == 1 else 's'}"

    # --- from the page

    def received(self, message: bytes | bytearray) -> None:
        """Take a message, which is the session's to keep."""
        if self._desk.board.is_full:
            self._late.append(message)
        elif not self._closed:
            reply = self._answer(message)
            if reply is not None:
                self._desk.board.send(reply)

    def text(self) -> None:
        """Text came, which no client sends."""
        self._desk.log.once(_TEXT)

    def full(self) -> None:
        """The page does not take its replies."""
        self._desk.board.full()

    def drained(self) -> None:
        """The page takes replies again."""
        self._desk.board.drained()
        while self._late and not self._desk.board.is_full:
            self.received(self._late.popleft())

    def close(self) -> None:
        """The page is gone: free everything it had."""
        if self._closed:
            return
        self._closed = True
        self._late.clear()
        self._desk.board.send = _ignore
        self._desk.lookups.close()
        self._desk.table.close_all()

    # --- the answers

    def _answer(self, message: bytes | bytearray) -> bytes | None:
        self._calls += 1
        try:
            request = parse_request(message)
        except WireError as error:
            return self._refuse(error)
        number = request.call
        self._numbers.came(number)
        kind = type(request)
        try:
            return CALLS[kind](self._desk, request)
        except OSError as error:
            return error_reply(number, FUNCTION_OF[kind], HERE.errors.errno_of(error))
        except CallError as error:
            return error_reply(number, FUNCTION_OF[kind], error.number)
        except Exception:  # noqa: BLE001  a defect of ours must not leave a thread of the page asleep
            _log.exception("/posix: %s failed", FUNCTION_OF[kind].name.lower())
            return error_reply(number, FUNCTION_OF[kind], ERRNO["EIO"])

    def _refuse(self, error: WireError) -> bytes | None:
        if self._calls == 1:
            self._desk.log.once(_STRANGER)
        if error.call is not None:
            self._numbers.came(error.call)
            if error.is_runt:
                self._desk.log.once(_RUNT)
                return runt_reply(error.call)
            return error_reply(error.call, error.function, error.number)
        self._desk.log.once(_RUNT)
        board = self._desk.board
        if board.count >= MAX_WAITING:
            return runt_reply(self._numbers.guess())
        board.enter()
        board.loop.call_later(RUNT_SECONDS, self._answer_runt)
        return None

    def _answer_runt(self) -> None:
        self._desk.board.leave()
        self._desk.board.send(runt_reply(self._numbers.guess()))


def _ignore(_reply: bytes) -> None:
    """The page is gone."""
