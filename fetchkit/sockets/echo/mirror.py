"""Sends back what comes on a WebSocket: piece by piece, in order, and no more than the page takes.

What comes is held until it is due, then it leaves. While much is held, or the page does not take what was
sent, the page is not read: memory is bounded by one read and two buffers, whatever the size of a message. A
delay counts from the beginning of a message; so a long one passes through behind it.

The page's close is mirrored exactly, code and reason, none for none (Emscripten's own test demands 1005 and
`wasClean` after a close without a code), behind everything that came before it.
"""

import asyncio
import codecs
from collections import deque
from typing import Final, NamedTuple

from fetchkit.sockets.connection import HIGH_WATER, WebSocket
from fetchkit.sockets.echo.rules import Rules
from fetchkit.sockets.frames import CONTINUATION, PING, TEXT, FrameError, Piece

__all__ = ["Mirror"]

# Frames that leave in one turn of the loop: a message in frames of one byte must not hold up others.
_TURN: Final = 512
# What it costs to hold a message besides its bytes: an empty one is not for nothing.
_OVERHEAD: Final = 256


class _Held(NamedTuple):
    """Part of a message that waits.

    Attributes:
        due: time of the loop at which it may leave.
        opcode: of the message.
        payload: bytes.
        final: whether the message ends with it.
        echo: whether it is one of those that are counted.
    """

    due: float
    opcode: int
    payload: bytes | bytearray
    final: bool
    echo: bool = True


class Mirror:
    """Listens on a WebSocket and answers with the same."""

    def __init__(self, ws: WebSocket, rules: Rules) -> None:
        """Prepare; `begin` does what comes before the first message."""
        self._ws = ws
        self._rules = rules
        self._loop = asyncio.get_running_loop()
        self._held: deque[_Held] = deque()
        self._size = 0  # bytes of them
        self._due = 0.0  # of the message that is coming
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._within = False  # a frame of the message that is leaving has left
        self._echoed = 0
        self._close: tuple[int | None, str] | None = None  # the page's
        self._how = ""
        self._rest = b""  # bytes of that message that do not fill a frame
        self._wake: asyncio.Handle | None = None
        self._pings: asyncio.Handle | None = None
        self._begun = False
        self._over = False  # nothing is echoed any more
        self._paused = False

    def begin(self) -> None:
        """The handshake is answered; what came right behind it has waited until now."""
        if self._over:  # it is gone already
            return
        if self._rules.say is not None:
            text = self._rules.say.encode("utf-8", "replace")
            self._leave(_Held(0.0, TEXT, text, final=True, echo=False), len(text) + 1)
        if self._rules.ping:
            self._pings = self._loop.call_later(self._rules.ping, self._ping)
        self._look_whether_over()
        self._begun = True
        self._pump()

    def received(self, piece: Piece) -> None:
        """Hold part of a message until it is due."""
        if self._over:
            return
        if piece.opcode == TEXT:
            self._check_text(piece)
        if piece.first:
            self._due = self._loop.time() + self._rules.delay
        if piece.payload or piece.final:
            self._hold(_Held(self._due, piece.opcode, piece.payload, piece.final))
        self._pump()

    def closing(self, code: int | None, reason: str) -> None:
        """Answer the page's close once everything before it has left."""
        self._close = code, reason
        self._how = "the page closed without a code" if code is None else f"the page closed with {code}"
        self._pump()

    def lost(self) -> None:
        """The connection is gone."""
        self._over = True
        self._cancel_wake()
        if self._pings is not None:
            self._pings.cancel()
        self._held.clear()
        ended = "closed" if self._ws.closed_cleanly else "the page vanished"
        count = "1 message" if self._echoed == 1 else f"{self._echoed} messages"
        self._ws.note = f"{count}, {self._how or self._ws.note or ended}"

    def full(self) -> None:
        """Read no more of the page for now."""
        self._pause(now=True)

    def drained(self) -> None:
        """Go on."""
        self._pump()

    # --- what leaves

    def _hold(self, held: _Held) -> None:
        self._held.append(held)
        self._size += len(held.payload) + _OVERHEAD

    def _pump(self) -> None:
        """Let leave what is due, as far as a turn allows; a slow page is read no further meanwhile."""
        self._cancel_wake()
        if not self._begun or self._has_ended():
            return
        ws, held, frames = self._ws, self._held, _TURN
        while held and frames > 0 and held[0].due <= self._loop.time():
            self._size -= len(held[0].payload) + _OVERHEAD
            frames -= self._leave(held.popleft(), frames)
            if self._has_ended():
                return
        if held:
            self._wake = self._loop.call_at(held[0].due, self._pump)
        if self._close is not None and not held:
            ws.close(*self._close)
        else:
            self._pause(now=ws.is_full or self._size > HIGH_WATER)

    def _leave(self, held: _Held, frames: int) -> int:
        """Send what was held, or as much of it as the frames allow; returns how many that took."""
        fragment = self._rules.fragment
        if not fragment:
            self._frame(held, held.payload, final=held.final)
            return 1
        data, begin, sent = self._rest + held.payload, 0, 0
        # A full frame leaves once it is known that more follows: so the last one is never empty.
        while len(data) - begin > fragment and sent < frames:
            self._frame(held, data[begin : begin + fragment], final=False)
            begin, sent = begin + fragment, sent + 1
        self._rest = b""
        left = data[begin:]
        if len(left) > fragment:  # the turn is over
            self._held.appendleft(held._replace(payload=left))
            self._size += len(left) + _OVERHEAD
        elif held.final:
            self._frame(held, left, final=True)
        else:
            self._rest = bytes(left)
        return sent + 1

    def _frame(self, held: _Held, payload: bytes | bytearray, *, final: bool) -> None:
        self._ws.send(CONTINUATION if self._within else held.opcode, payload, final=final)
        self._within = not final
        if final and held.echo:
            self._echoed += 1
            self._look_whether_over()

    def _has_ended(self) -> bool:
        return self._over or not self._ws.is_open

    def _look_whether_over(self) -> None:
        """Reset or close the connection after as many echoes as were asked for."""
        rules = self._rules
        if self._echoed == rules.drop_after:
            self._over, self._how = True, "reset"
            self._ws.reset()
        elif self._echoed == rules.close_after:
            code = rules.close_code
            self._over, self._how = True, "closed without a code" if code is None else f"closed with {code}"
            self._ws.close(code, rules.reason)

    # --- the rest

    def _check_text(self, piece: Piece) -> None:
        """Text must be UTF-8, in every part of it (RFC 6455, section 8.1)."""
        try:
            self._decoder.decode(piece.payload, piece.final)
        except UnicodeDecodeError:
            raise FrameError(1007, "a text message is no UTF-8") from None

    def _ping(self) -> None:
        self._ws.send(PING, b"")
        self._pings = self._loop.call_later(self._rules.ping, self._ping)

    def _pause(self, *, now: bool) -> None:
        """Read the page, or not for now."""
        if now is self._paused:
            return
        self._paused = now
        if now:
            self._ws.pause_reading()
        else:
            self._ws.resume_reading()

    def _cancel_wake(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
