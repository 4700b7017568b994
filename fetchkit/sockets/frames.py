"""WebSocket frames on the side of a server: taken apart as they come, and put together (RFC 6455, section 5).

The parser is fed whatever the connection gives and hands out pieces of messages at once: a message of any
size passes through without being held, and who needs it whole puts the pieces together under a limit of its
own. What breaks the protocol is an error with the close code that says so; it ends the parser, and the pieces
before it are still handed out.

Strict where others are not: a frame without a mask is refused ("a server MUST close the connection upon
receiving a frame that is not masked", section 5.1), so are reserved bits, lengths that are longer than they
need be, and control frames that are fragmented or longer than 125 bytes.
"""

from typing import Final, NamedTuple

from aiohttp._websocket.helpers import websocket_mask  # in C, 40 times as fast as Python can; a test holds it

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "MAX_CONTROL",
    "PING",
    "PONG",
    "TEXT",
    "FrameError",
    "FrameParser",
    "Piece",
    "close_payload",
    "frame_head",
    "is_sendable",
    "parse_close",
]

# Opcodes (section 11.8).
CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

MAX_CONTROL: Final = 125
_OPCODES: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
# Codes that may stand in a close frame (section 7.4): registered ones up to 1014, libraries', applications'.
_UNSENDABLE: Final = frozenset({1004, 1005, 1006, 1015})


class FrameError(Exception):
    """The peer broke the protocol.

    Attributes:
        code: close code that says how (section 7.4.1).
        reason: in words.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Piece(NamedTuple):
    """Part of a message, or a control frame.

    Attributes:
        opcode: TEXT or BINARY for every part of such a message; CLOSE, PING, PONG.
        payload: unmasked bytes, for the receiver to keep.
        first: whether the message begins with it.
        final: whether the message ends with it.
    """

    opcode: int
    payload: bytearray
    first: bool
    final: bool


class FrameParser:
    """Takes frames of a client apart.

    Attributes:
        max_message: bytes of a message; None for any number.
        error: how the client broke the protocol; nothing is read from then on.
    """

    def __init__(self, max_message: int | None = None) -> None:
        self.max_message = max_message
        self.error: FrameError | None = None
        self._pending = bytearray()  # of a head, or of a control frame
        self._message = CONTINUATION  # opcode of the message that is under way
        self._size = 0  # bytes of it that were announced
        self._first = True
        self._left = 0  # bytes of the frame's payload that are still to come
        self._final = False
        self._mask = b""

    def feed(self, data: bytes) -> list[Piece]:
        """Take bytes; returns what they complete. `error` says whether they broke the protocol."""
        if self._pending:
            self._pending += data
            data = bytes(self._pending)
            self._pending.clear()
        pieces: list[Piece] = []
        if self.error is None:
            try:
                self._feed(data, pieces)
            except FrameError as error:
                self.error = error
        return pieces

    def _feed(self, data: bytes, pieces: list[Piece]) -> None:
        position, end = 0, len(data)
        while position < end:
            if self._left:
                position = self._payload(data, position, pieces)
                continue
            if self._message == CONTINUATION:
                position = self._short_messages(data, position, pieces)
            after = self._head(data, position, pieces)
            if after < 0:
                self._pending += data[position:]
                break
            position = after

    def _short_messages(self, data: bytes, position: int, pieces: list[Piece]) -> int:
        """Take messages of one frame that are here whole, which nearly all are; returns where others begin.

        What `_head` and `_payload` do for every frame, in a third of the time.
        """
        end = len(data) - 8  # where the longest head of such a frame may still begin
        most = 0xFFFF if self.max_message is None else min(self.max_message, 0xFFFF)
        while position <= end:
            opcode = data[position] ^ _FIN
            second = data[position + 1] ^ _MASKED
            if opcode not in (TEXT, BINARY):
                break
            if second < _TWO_BYTES:
                length, start = second, position + 6
            elif second == _TWO_BYTES:
                length, start = (data[position + 2] << 8) | data[position + 3], position + 8
                if length < _TWO_BYTES:
                    break
            else:
                break
            after = start + length
            if length > most or after > len(data):
                break
            payload = bytearray(data[start:after])
            websocket_mask(data[start - 4 : start], payload)
            pieces.append(Piece(opcode, payload, True, True))
            position = after
        return position

    def _payload(self, data: bytes, position: int, pieces: list[Piece]) -> int:
        part = bytearray(memoryview(data)[position : position + self._left])
        websocket_mask(self._mask, part)
        self._left -= len(part)
        final = self._final and not self._left
        pieces.append(Piece(self._message, part, self._first, final))
        self._first = final
        if final:
            self._message, self._size = CONTINUATION, 0
        elif turn := len(part) % 4:
            self._mask = self._mask[turn:] + self._mask[:turn]
        return position + len(part)

    def _head(self, data: bytes, position: int, pieces: list[Piece]) -> int:
        """Read a head; returns where it ends, after a control frame where that ends, or -1 for not yet."""
        if len(data) - position < 2:  # noqa: PLR2004
            return -1
        byte, second = data[position], data[position + 1]
        opcode, final = byte & 0x0F, byte & _FIN != 0
        if byte & _RESERVED:
            raise FrameError(1002, "a reserved bit is set, and no extension was agreed on")
        if opcode not in _OPCODES:
            raise FrameError(1002, f"the opcode {opcode} is not known")
        if not second & _MASKED:
            raise FrameError(1002, "a frame of a client must be masked")
        if opcode >= CLOSE:
            return self._control(data, position, pieces, second & 0x7F, final=final)
        length, after = _length(data, position + 2, second & 0x7F)
        if len(data) < after + 4:
            return -1
        self._begin(opcode, length, final=final)
        self._mask = data[after : after + 4]
        if not length:
            pieces.append(Piece(self._message, bytearray(), self._first, final))
            self._first = final
            if final:
                self._message, self._size = CONTINUATION, 0
        return after + 4

    def _begin(self, opcode: int, length: int, *, final: bool) -> None:
        if opcode == CONTINUATION:
            if self._message == CONTINUATION:
                raise FrameError(1002, "there is no message to continue")
        elif self._message != CONTINUATION:
            raise FrameError(1002, "a message begins within another")
        else:
            self._message, self._first = opcode, True
        self._size += length
        if self.max_message is not None and self._size > self.max_message:
            raise FrameError(1009, f"a message has more than {self.max_message} bytes")
        self._left, self._final = length, final

    def _control(self, data: bytes, position: int, pieces: list[Piece], length: int, *, final: bool) -> int:
        opcode = data[position] & 0x0F
        if not final:
            raise FrameError(1002, "a control frame must not be fragmented")
        if length > MAX_CONTROL:
            raise FrameError(1002, f"a control frame has at most {MAX_CONTROL} bytes")
        begin = position + 6
        if len(data) < begin + length:
            return -1
        payload = bytearray(data[begin : begin + length])
        websocket_mask(data[position + 2 : begin], payload)
        pieces.append(Piece(opcode, payload, first=True, final=True))
        return begin + length


def _length(data: bytes, position: int, length: int) -> tuple[int, int]:
    """The length of a payload, and where what says it ends; beyond the data where it is not there yet."""
    if length < _TWO_BYTES:
        return length, position
    wide = 2 if length == _TWO_BYTES else 8
    after = position + wide
    if len(data) < after:
        return 0, after
    length = int.from_bytes(data[position:after], "big")
    if length < (_TWO_BYTES if wide == 2 else 0x10000):  # noqa: PLR2004
        raise FrameError(1002, "the length is written longer than it need be")
    if length >> 63:
        raise FrameError(1002, "the highest bit of a length must be 0")
    return length, after


def frame_head(opcode: int, length: int, *, final: bool = True) -> bytes:
    """The head of a frame of a server, which has no mask."""
    byte = opcode | (_FIN if final else 0)
    if length < _TWO_BYTES:
        return bytes((byte, length))
    if length < 0x10000:  # noqa: PLR2004
        return bytes((byte, _TWO_BYTES)) + length.to_bytes(2, "big")
    return bytes((byte, _EIGHT_BYTES)) + length.to_bytes(8, "big")


def parse_close(payload: bytes | bytearray) -> tuple[int | None, str]:
    """Code and reason of a close frame; None where it has none (section 5.5.1).

    Raises:
        FrameError: one byte, a code that may not stand there, a reason that is no UTF-8.
    """
    if not payload:
        return None, ""
    if len(payload) == 1:
        raise FrameError(1002, "a close frame has no body or two bytes at least")
    code = int.from_bytes(payload[:2], "big")
    if not is_sendable(code):
        raise FrameError(1002, f"the close code {code} may not be sent")
    try:
        return code, payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise FrameError(1007, "the reason of the close is no UTF-8") from None


def is_sendable(code: int) -> bool:
    """Whether a code may stand in a close frame (section 7.4)."""
    return 3000 <= code < 5000 or (1000 <= code < 1015 and code not in _UNSENDABLE)  # noqa: PLR2004


def close_payload(code: int | None, reason: str = "") -> bytes:
    """The body of a close frame; a reason that is too long is cut at a character."""
    if code is None:
        return b""
    text = reason.encode("utf-8", "replace")[: MAX_CONTROL - 2]
    return code.to_bytes(2, "big") + text.decode("utf-8", "ignore").encode()
