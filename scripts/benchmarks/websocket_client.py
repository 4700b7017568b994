"""A WebSocket client on a blocking socket, fast enough that the server is what is measured.

Frames are made once and sent again and again. Their masking key is not zero, so that a server has to
unmask them; the socket has no delay, as in a browser, and the kernel's time-outs, which save a poll per
call.
"""

import base64
import hashlib
import os
import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Protocol, Self
from urllib.parse import SplitResult, urlsplit

from benchmarks.measure import TIMEOUT_SECONDS, InvalidRunError

__all__ = ["MASK", "Counter", "Dialogue", "WebSocket", "frame", "talk"]

MASK = bytes.fromhex("9d4c1a77")

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BINARY, _CLOSE, _PING, _PONG = 2, 8, 9, 10
_PIECE = 128 * 1024
_LONG, _LONGER = 126, 127
_TIMEOUT = struct.pack("ll", TIMEOUT_SECONDS, 0)


def frame(payload: bytes, opcode: int = _BINARY) -> bytes:
    """Return a whole message in one masked frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < _LONG:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | _LONG, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | _LONGER, size)
    key = (MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return head + MASK + masked.to_bytes(size, "little")


class WebSocket:
    """An open connection.

    Raises:
        InvalidRunError: the handshake was not answered with 101 and the right key.
    """

    def __init__(self, url: str, protocol: str | None = None) -> None:
        """Connect and shake hands."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.socket = socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS)
        self._rest = b""
        self._parts: list[bytes] = []
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._shake_hands(parts, protocol)
            self.socket.settimeout(None)
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self.socket.setsockopt(socket.SOL_SOCKET, option, _TIMEOUT)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the TCP connection; a server has to cope with that."""
        self.socket.close()

    def messages(self) -> list[bytes]:
        """Wait for bytes, and return the messages that are complete with them.

        Raises:
            InvalidRunError: the server closed.
        """
        piece = self.socket.recv(_PIECE)
        if not piece:
            raise InvalidRunError("the connection ended")
        return self._complete(piece)

    def message(self) -> bytes:
        """Wait for one message, which must come alone.

        Raises:
            InvalidRunError: the server closed, or sent two.
        """
        while not (found := self.messages()):
            pass
        if len(found) > 1:
            raise InvalidRunError(f"{len(found)} messages where one is due")
        return found[0]

    def exactly(self, size: int) -> bytes:
        """Wait for so many bytes, in however many messages.

        Raises:
            InvalidRunError: the server closed, or sent more.
        """
        found = bytearray()
        while len(found) < size:
            found += b"".join(self.messages())
        if len(found) > size:
            raise InvalidRunError(f"{len(found)} bytes where {size} are due")
        return bytes(found)

    def _shake_hands(self, parts: SplitResult, protocol: str | None) -> None:
        key = base64.b64encode(os.urandom(16))
        path = f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key.decode()}",
            *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = self.socket.recv(_PIECE)
            if not piece:
                raise InvalidRunError(f"the handshake was answered with {answer[:100]!r}")
            answer += piece
        head, _, self._rest = answer.partition(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or accept not in head:
            raise InvalidRunError(f"the handshake was answered with {head.splitlines()[0]!r}")

    def _complete(self, piece: bytes) -> list[bytes]:
        """Cut the bytes into frames, keep what is left, answer pings."""
        data = self._rest + piece if self._rest else piece
        found: list[bytes] = []
        at, size = 0, len(data)
        while (head := _head(data, at, size)) is not None:
            first, start, length = head
            if start + length > size:
                break
            payload, at = data[start : start + length], start + length
            opcode = first & 0x0F
            if opcode <= _BINARY:
                self._parts.append(payload)
                if first & 0x80:
                    found.append(payload if len(self._parts) == 1 else b"".join(self._parts))
                    self._parts.clear()
            elif opcode == _PING:
                self.socket.sendall(frame(payload, _PONG))
            elif opcode == _CLOSE:
                raise _closed(payload)
        self._rest = data[at:]
        return found


class Counter:
    """Counts the payload in a stream of frames that is cut anywhere, without copying it.

    Pings are not answered: what is counted lasts some seconds.
    """

    def __init__(self) -> None:
        """Begin before a frame."""
        self._left = 0
        self._head = b""

    def feed(self, data: memoryview) -> int:
        """Return how many bytes of payload these bytes hold.

        Raises:
            InvalidRunError: the server closed.
        """
        if self._head:
            data, self._head = memoryview(self._head + data), b""
        counted = at = min(self._left, len(data))
        self._left -= at
        size = len(data)
        while at < size:
            head = _head(data, at, size)
            if head is None:
                self._head = bytes(data[at:])
                break
            first, start, length = head
            if first & 0x0F == _CLOSE:
                raise _closed(bytes(data[start : start + length]))
            here = min(length, size - start)
            at, self._left = start + here, length - here
            counted += here
        return counted


def _head(data: bytes | memoryview, at: int, size: int) -> tuple[int, int, int] | None:
    """Return the first byte of a frame, where its payload starts, and how long that is."""
    if size - at < 2:
        return None
    length, start = data[at + 1], at + 2
    if length == _LONG:
        start += 2
    elif length == _LONGER:
        start += 8
    else:
        return data[at], start, length
    return None if start > size else (data[at], start, int.from_bytes(data[at + 2 : start], "big"))


def _closed(payload: bytes) -> InvalidRunError:
    code = int.from_bytes(payload[:2], "big")
    return InvalidRunError(f"the server closed with {code} {payload[2:].decode(errors='replace')}".rstrip())


class Dialogue(Protocol):
    """One side of a conversation in which the other side always has the next word."""

    def opening(self) -> bytes | bytearray:
        """Return the first frame to send."""

    def answer(self, message: bytes) -> bytes | bytearray | None:
        """Return the frame that a message asks for, None while it is not complete."""


def talk(dialogues: Sequence[tuple[WebSocket, Dialogue]], seconds: float) -> float:
    """Hold these conversations at once for so long; return how long they lasted.

    Raises:
        InvalidRunError: a server closed, or did not answer in time.
    """
    start = time.perf_counter()
    deadline = start + seconds
    for client, dialogue in dialogues:
        client.socket.sendall(dialogue.opening())
    if len(dialogues) == 1:
        client, dialogue = dialogues[0]
        while time.perf_counter() < deadline:
            _reply(client, dialogue)
    else:
        _take_turns(dialogues, deadline)
    return time.perf_counter() - start


def _take_turns(dialogues: Sequence[tuple[WebSocket, Dialogue]], deadline: float) -> None:
    with closing(select.epoll()) as poll:
        by_number = {client.socket.fileno(): (client, dialogue) for client, dialogue in dialogues}
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        while time.perf_counter() < deadline:
            ready = poll.poll(TIMEOUT_SECONDS)
            if not ready:
                raise InvalidRunError(f"no answer in {TIMEOUT_SECONDS} s")
            for number, _ in ready:
                _reply(*by_number[number])


def _reply(client: WebSocket, dialogue: Dialogue) -> None:
    for message in client.messages():
        reply = dialogue.answer(message)
        if reply is not None:
            client.socket.sendall(reply)
