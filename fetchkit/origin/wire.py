"""Carries an answer out: its bytes, its pauses, and the way it ends, on the connection itself.

aiohttp frames what it sends and always ends it well; here false lengths, broken chunks, ends in the middle
and resets are the point. So the head is written as bytes, the framing is ours, and the connection is closed
or reset through its transport.

Back-pressure: a piece is asked for when the one before has left, so the memory of a connection is bounded by
a piece and the buffers of its socket, whatever the size. A client that leaves cancels the handler.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterable
from typing import Final, NoReturn

from aiohttp import HttpVersion10, web

from fetchkit.origin.answer import Act, Answer, Framing, Piece, Unframed, Wait
from fetchkit.web.endings import reset
from fetchkit.web.prebuilt import PHRASES, PrebuiltResponse, date_line, is_owed_a_body

__all__ = ["OriginResponse"]

# What goes before a reset must have arrived; a client that does not read is not waited for longer.
_ARRIVAL_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.002
# A body behind its own clock by more than this has a slow client: the clock is set anew.
_LATE_SECONDS: Final = 1.0
# Pieces that cost much (a coding, a checksum) and leave at once would hold up everybody else for longer.
_TURN_SECONDS: Final = 0.01
# How often a stall looks whether its client is still there, where nobody cancels it.
_LOOK_SECONDS: Final = 1.0
# A chunk up to this size leaves in one write: the copy costs less than two more.
_JOINED: Final = 4096


class _EndedError(Exception):
    """The connection was ended on purpose."""


class OriginResponse(PrebuiltResponse):
    """An answer of the origin."""

    def __init__(self, answer: Answer) -> None:
        """Take the answer over; its pieces are made as they are sent."""
        super().__init__(answer.status, b"", note=answer.note)
        self._answer = answer

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send it all.

        Raises:
            ConnectionResetError: the answer ended the connection.
        """
        if request.transport is None:
            raise ConnectionResetError("the client has gone")
        try:
            await self._carry_out(request)
        except _EndedError as error:
            self.note = " ".join(filter(None, (self.note, str(error))))
            raise ConnectionResetError(str(error)) from None

    async def _carry_out(self, request: web.BaseRequest) -> None:
        answer = self._answer
        framing = self._framing(request)
        head = self._head_bytes(request, framing)
        plain = self._plain_body(framing)
        if plain is not None:  # one write, as for every small answer
            await request.writer.write_eof(head + plain)
            self._sent = len(plain)
            return
        sender = _Sender(request)
        if answer.before or answer.head_part < 1:
            await sender.run(answer.before)
            if answer.head_part < 1:
                await sender.send(head[: int(len(head) * answer.head_part)])
                await sender.act(answer.head_end)
        if answer.bodiless:
            await request.writer.write_eof(head)
            return
        sender.chunked = framing is Framing.CHUNKED
        await sender.send(head)
        try:
            await sender.run(answer.pieces)
        finally:
            self._sent = sender.sent
        if sender.chunked:
            await sender.send(_last_chunk(answer))
        elif self._sent != answer.length and framing is Framing.LENGTH and answer.lengths is None:
            await sender.act(Act.FIN)  # or the next answer would land in this one's body
        await request.writer.write_eof()

    def _plain_body(self, framing: Framing) -> bytes | None:
        """The body of an answer that is a head and bytes at hand, framed by their length; None for others."""
        answer = self._answer
        if answer.before or answer.head_part < 1 or answer.lengths is not None:
            return None
        if framing is not Framing.LENGTH or not isinstance(answer.pieces, tuple) or len(answer.pieces) > 1:
            return None
        if answer.bodiless:
            return b""
        first = answer.pieces[0] if answer.pieces else b""
        return first if isinstance(first, bytes) and len(first) == answer.length else None

    def _framing(self, request: web.BaseRequest) -> Framing:
        answer = self._answer
        if answer.framing is not Framing.LENGTH or answer.lengths is not None or answer.bodiless:
            return answer.framing
        if answer.length is None:
            return Framing.CLOSE if request.version == HttpVersion10 else Framing.CHUNKED
        return Framing.LENGTH

    def _head_bytes(self, request: web.BaseRequest, framing: Framing) -> bytes:
        answer = self._answer
        lines = [f"HTTP/1.1 {answer.status} {answer.reason or PHRASES.get(answer.status, 'Unknown')}\r\n"]
        fields = (*answer.fields, *self._framing_fields(framing))
        lines += [f"{name}: {value}\r\n" for name, value in fields]
        keeps = bool(request.keep_alive) and framing is not Framing.CLOSE and not answer.lengths
        self._stays_open = keeps and not is_owed_a_body(request)
        if not self._stays_open:
            lines.append("Connection: close\r\n")
        elif request.version == HttpVersion10:
            lines.append("Connection: keep-alive\r\n")
        return b"".join(
            ("".join(lines).encode("utf-8", "surrogateescape"), answer.shared, date_line(), b"\r\n")
        )

    def _framing_fields(self, framing: Framing) -> list[tuple[str, str]]:
        answer = self._answer
        if answer.lengths is not None:
            return [("Content-Length", value) for value in answer.lengths]
        if answer.status in (204, 304):  # RFC 9110, section 8.6
            return []
        if framing is Framing.CHUNKED:
            return [("Transfer-Encoding", "chunked")]
        size = answer.length
        return [("Content-Length", str(size))] if framing is Framing.LENGTH and size is not None else []


class _Sender:
    """One connection while an answer is carried out.

    Attributes:
        chunked: whether bytes of the body are framed as chunks.
        sent: bytes of the body so far.
    """

    def __init__(self, request: web.BaseRequest) -> None:
        assert request.transport is not None  # noqa: S101  narrows for mypy
        self.chunked = False
        self.sent = 0
        self._writer = request.writer
        self._transport = request.transport
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._turn = time.monotonic()  # uvloop's own time stands still within a turn

    async def run(self, pieces: Iterable[Piece]) -> None:
        """Send bytes, and do what is to happen between them."""
        write = self._writer.write
        for piece in pieces:
            if isinstance(piece, bytes | memoryview):
                if not piece:
                    continue
                if not self.chunked:
                    await write(piece)
                elif len(piece) <= _JOINED:
                    await write(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)))
                else:
                    await write(b"%x\r\n" % len(piece))
                    await write(piece)
                    await write(b"\r\n")
                self.sent += len(piece)
                if time.monotonic() - self._turn > _TURN_SECONDS:
                    await asyncio.sleep(0)
                    self._turn = time.monotonic()
            elif isinstance(piece, Wait):
                await self._wait(piece)
            elif isinstance(piece, Unframed):
                await write(piece.data)
            else:
                await self.act(piece)

    async def send(self, data: bytes) -> None:
        """Send bytes outside the body."""
        if data:
            await self._writer.write(data)

    async def act(self, act: Act) -> NoReturn:
        """End the connection in one of its ways.

        Raises:
            _EndedError: always.
        """
        match act:
            case Act.FIN:
                self._transport.close()  # what is buffered still leaves
                raise _EndedError("closed by the pipe")
            case Act.RST:
                await self._arrived()
                reset(self._transport)
                raise _EndedError("reset by the pipe")
            case Act.STALL:
                while not self._transport.is_closing():  # noqa: ASYNC110  a transport has no event for it
                    await asyncio.sleep(_LOOK_SECONDS)
                raise _EndedError("stalled by the pipe")

    async def _wait(self, pause: Wait) -> None:
        now = self._loop.time()
        if pause.exact or self._due < now - _LATE_SECONDS:
            self._due = now
        self._due += pause.seconds
        if self._due > now:
            await asyncio.sleep(self._due - now)
        if self._transport.is_closing():
            raise ConnectionResetError("the client has gone")

    async def _arrived(self) -> None:
        """Wait until the client's system has acknowledged everything: a reset drops what is on its way."""
        deadline = self._loop.time() + _ARRIVAL_SECONDS
        while not self._transport.is_closing() and self._loop.time() < deadline:
            if not self._transport.get_write_buffer_size() and not self._unacknowledged():
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _unacknowledged(self) -> int:
        if sys.platform != "linux":
            return 0
        import fcntl  # noqa: PLC0415  not on Windows
        import termios  # noqa: PLC0415

        descriptor = self._transport.get_extra_info("socket").fileno()
        with contextlib.suppress(OSError):
            # tcp(7), SIOCOUTQ: bytes that are not acknowledged; its number is TIOCOUTQ's
            return int.from_bytes(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        return 0


def _last_chunk(answer: Answer) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in answer.trailers)
    return f"0\r\n{lines}\r\n".encode("utf-8", "surrogateescape")
