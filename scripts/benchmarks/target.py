"""What stands behind the sockets that are measured: a TCP server that echoes, swallows or pours out bytes.

A process of its own: `python -m benchmarks.target PORT`. A connection begins with one letter and a
length in eight bytes, little-endian (`opening`), which are not echoed; the length means nothing to an echo.
The client closes, so that the server between them can still be looked at when all bytes have passed.
"""

import resource
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from enum import Enum
from pathlib import Path
from threading import Thread

from attrs import define

from benchmarks.peers import HOST, Peer
from benchmarks.sources import Module

__all__ = ["ENDLESS", "PAUSE_SECONDS", "TARGET", "Mode", "opening", "raise_limit"]

TARGET = Peer(
    "target",
    Module("benchmarks.target", "fetchkit"),
    ("$program", "-m", "benchmarks.target", "$port"),
    environment={"PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    ready_line=r"target ready (\d+)",
)

PAUSE_SECONDS = 10.0
"""For so long a slow sink does not read."""

ENDLESS = 1 << 62

_OPENING = struct.Struct("<cQ")
_BUFFER = 256 * 1024
_WAITING = 4096


class Mode(Enum):
    """What becomes of a connection; a sink answers the number of bytes in eight when it has them all."""

    ECHO = b"e"
    SINK = b"s"
    SLOW_SINK = b"w"
    SOURCE = b"p"


def opening(mode: Mode, size: int = 0) -> bytes:
    """Return what a client says first."""
    return _OPENING.pack(mode.value, size)


def raise_limit() -> int:
    """Allow this process as many descriptors as it may have, and return their number."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


@define
class _Echo:
    """A connection that echoes: while `waiting` has bytes it is not read."""

    connection: socket.socket
    begun: bool = False
    waiting: bytes = b""


def main(port: int) -> None:
    """Serve until the process is ended: echoes in one loop, everything else in threads."""
    raise_limit()
    with socket.create_server((HOST, port), backlog=_WAITING) as server, select.epoll() as poll:
        poll.register(server, select.EPOLLIN)
        print("target ready", port, flush=True)
        echoes: dict[int, _Echo] = {}
        buffer = memoryview(bytearray(_BUFFER))
        while True:
            for number, _ in poll.poll():
                if number == server.fileno():
                    connection, _ = server.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    echoes[connection.fileno()] = _Echo(connection)
                    poll.register(connection, select.EPOLLIN)
                elif not _goes_on(echoes[number], poll, buffer):
                    del echoes[number]


def _goes_on(echo: _Echo, poll: select.epoll, buffer: memoryview) -> bool:
    """Do what a ready connection asks for; False when it is no echo, or no more."""
    try:
        return _echoes(echo, poll, buffer) if echo.begun else _begins_echo(echo, poll)
    except OSError:
        echo.connection.close()
        return False


def _echoes(echo: _Echo, poll: select.epoll, buffer: memoryview) -> bool:
    waited = len(echo.waiting)
    data = memoryview(echo.waiting) if waited else buffer[: echo.connection.recv_into(buffer)]
    if not data:
        echo.connection.close()
        return False
    try:
        sent = echo.connection.send(data)
    except BlockingIOError:
        sent = 0
    if waited or sent < len(data):
        echo.waiting = bytes(data[sent:])
        poll.modify(echo.connection, select.EPOLLOUT if echo.waiting else select.EPOLLIN)
    return True


def _begins_echo(echo: _Echo, poll: select.epoll) -> bool:
    said = echo.connection.recv(_OPENING.size, socket.MSG_WAITALL)
    if len(said) < _OPENING.size:
        echo.connection.close()
        return False
    letter, size = _OPENING.unpack(said)
    mode = Mode(letter)
    if mode is Mode.ECHO:
        echo.begun = True
        echo.connection.setblocking(False)
        return True
    poll.unregister(echo.connection)
    work = _pour if mode is Mode.SOURCE else _swallow
    Thread(target=work, args=(echo.connection, mode, size), daemon=True).start()
    return False


def _swallow(connection: socket.socket, mode: Mode, size: int) -> None:
    with connection, suppress(OSError):
        if mode is Mode.SLOW_SINK:
            time.sleep(PAUSE_SECONDS)
        counted, buffer = 0, bytearray(_BUFFER)
        while counted < size and (got := connection.recv_into(buffer)):
            counted += got
        connection.sendall(struct.pack("<Q", counted))
        connection.recv(1)


def _pour(connection: socket.socket, _: Mode, size: int) -> None:
    with connection, suppress(OSError):
        piece = memoryview(bytes(_BUFFER))
        while size:
            size -= connection.send(piece[: min(size, _BUFFER)])
        connection.recv(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
