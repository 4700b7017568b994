"""Measures what speaks Emscripten's POSIX protocol: pairs of send and recv, throughput, the time of a call.

By hand, from `scripts/`: `python -m benchmarks.posix_client ws://127.0.0.1:PORT/posix`.
"""

import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Self

from benchmarks.measure import MIB, InvalidRunError
from benchmarks.peers import HOST, start_all
from benchmarks.target import ENDLESS, TARGET, Mode, opening
from benchmarks.websocket_client import MASK, WebSocket, frame, talk

__all__ = ["PosixSocket", "call_times", "pairs", "receiving", "sending"]

PAIR_SIZE = 64
BULK_SIZE = 64 * 1024

_SOCKET, _CONNECT, _SEND, _RECV, _GETSOCKOPT = 1, 5, 10, 11, 16
_AF_INET, _SOCK_STREAM, _SOL_SOCKET, _SO_TYPE = 2, 1, 1, 3

_HEAD = struct.Struct("<iii")
_KEY = int.from_bytes(MASK, "little")


class Call:
    """A request that is sent again and again, each time under another number."""

    def __init__(self, function: int, *integers: int, data: bytes = b"") -> None:
        """Make the frame."""
        payload = struct.pack(f"<2i{len(integers)}i", 0, function, *integers) + data
        self._frame = bytearray(frame(payload))
        self._at = len(self._frame) - len(payload)

    def numbered(self, number: int) -> bytearray:
        """Return the frame; it is the same object every time."""
        struct.pack_into("<I", self._frame, self._at, number ^ _KEY)
        return self._frame


class PosixSocket:
    """A TCP socket of its own proxy connection, connected to the target.

    Raises:
        InvalidRunError: a call failed, or was answered wrongly.
    """

    def __init__(self, url: str, target: int, mode: Mode) -> None:
        """Open, connect, and say what the connection is for."""
        self.client = WebSocket(url)
        self.number = 0
        try:
            self.descriptor = self.call(Call(_SOCKET, _AF_INET, _SOCK_STREAM, 0))[0]
            address = (
                struct.pack("<H", _AF_INET) + struct.pack("!H", target) + socket.inet_aton(HOST) + bytes(8)
            )
            self.call(Call(_CONNECT, self.descriptor, len(address), data=address))
            self.send(opening(mode, ENDLESS))
        except BaseException:
            self.client.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def call(self, call: Call) -> tuple[int, bytes]:
        """Call; return its value and what follows the errno.

        Raises:
            InvalidRunError: it failed, or the answer is another call's.
        """
        self.number += 1
        self.client.socket.sendall(call.numbered(self.number))
        message = self.client.message()
        return value_of(message, self.number), message[_HEAD.size :]

    def send(self, data: bytes) -> None:
        """Send it whole."""
        if self.call(self.sends(data))[0] != len(data):
            raise InvalidRunError("send took a part only")

    def receive(self, size: int) -> bytes:
        """Receive exactly so many bytes."""
        found = b""
        while len(found) < size:
            count, data = self.call(self.receives(size - len(found)))
            if not count:
                raise InvalidRunError("recv reached the end")
            found += data[:count]
        return found

    def sends(self, data: bytes) -> Call:
        """Make a send."""
        return Call(_SEND, self.descriptor, len(data), 0, data=data)

    def receives(self, size: int) -> Call:
        """Make a recv."""
        return Call(_RECV, self.descriptor, size, 0)

    def asks_type(self) -> Call:
        """Make a getsockopt of SO_TYPE."""
        return Call(_GETSOCKOPT, self.descriptor, _SOL_SOCKET, _SO_TYPE, 4)


def value_of(message: bytes, number: int) -> int:
    """Return the value of a reply.

    Raises:
        InvalidRunError: the call failed, or the reply is another call's.
    """
    if len(message) < _HEAD.size:
        raise InvalidRunError(f"a reply of {len(message)} bytes")
    answered, value, errno = _HEAD.unpack_from(message)
    if answered != number:
        raise InvalidRunError(f"call {number} was answered as {answered}")
    if value < 0:
        raise InvalidRunError(f"call {number} failed with errno {errno}")
    return int(value)


class _Pairs:
    """A dialogue: send, and once that is answered, recv until all of it is back."""

    def __init__(self, of: PosixSocket) -> None:
        self._send = of.sends(bytes(range(PAIR_SIZE)))
        self._receive = of.receives(PAIR_SIZE)
        self._number = of.number
        self._left = 0
        self.done = 0

    def opening(self) -> bytearray:
        self._number += 1
        return self._send.numbered(self._number)

    def answer(self, message: bytes) -> bytearray:
        value = value_of(message, self._number)
        if not self._left:
            self._left = PAIR_SIZE
        else:
            self._left -= value
            if not self._left:
                self.done += 1
                return self.opening()
        self._number += 1
        return self._receive.numbered(self._number)


def pairs(url: str, target: int, connections: int, seconds: float) -> float:
    """Return how many pairs of send and recv of 64 bytes a second there are, over all connections."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(PosixSocket(url, target, Mode.ECHO)) for _ in range(connections)]
        dialogues = [_Pairs(each) for each in sockets]
        held = [(each.client, dialogue) for each, dialogue in zip(sockets, dialogues, strict=True)]
        lasted = talk(held, seconds)
    return sum(dialogue.done for dialogue in dialogues) / lasted


def sending(url: str, target: int, seconds: float) -> float:
    """Return the MiB per second of sends of 64 KiB, one after the other."""
    with PosixSocket(url, target, Mode.SINK) as used:
        return _throughput(used, used.sends(bytes(BULK_SIZE)), seconds)


def receiving(url: str, target: int, seconds: float) -> float:
    """Return the MiB per second of recvs of up to 64 KiB, one after the other."""
    with PosixSocket(url, target, Mode.SOURCE) as used:
        return _throughput(used, used.receives(BULK_SIZE), seconds)


def _throughput(used: PosixSocket, call: Call, seconds: float) -> float:
    start, moved = time.perf_counter(), 0
    while (lasted := time.perf_counter() - start) < seconds:
        moved += used.call(call)[0]
    return moved / lasted / MIB


def call_times(url: str, target: int, seconds: float) -> Sequence[float]:
    """Return the microseconds of calls of getsockopt, one after the other."""
    with PosixSocket(url, target, Mode.ECHO) as used:
        call, times = used.asks_type(), []
        deadline = time.perf_counter() + seconds
        while (start := time.perf_counter()) < deadline:
            used.call(call)
            times.append((time.perf_counter() - start) * 1e6)
    return times


def main(url: str, seconds: float) -> None:
    """Print every measure of one server."""
    with ExitStack() as stack:
        running, _ = start_all(stack, [TARGET], {})
        port = running[TARGET.name].port
        measures: dict[str, Callable[[], float]] = {
            "pairs/s": lambda: pairs(url, port, 1, seconds),
            "pairs/s, 16 connections": lambda: pairs(url, port, 16, seconds),
            "MiB/s sent": lambda: sending(url, port, seconds),
            "MiB/s received": lambda: receiving(url, port, seconds),
        }
        for name, measure in measures.items():
            print(f"{name}: {measure():,.1f}", flush=True)
        times = call_times(url, port, seconds)
        print(f"getsockopt µs: median {median(times):,.0f}, p99 {quantiles(times, n=100)[-1]:,.0f}")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 3.0)
