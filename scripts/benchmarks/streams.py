"""Clients and a server for what passes through a forwarder: long bodies, and the time to a first byte."""

import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from benchmarks.measure import MIB, TIMEOUT_SECONDS, InvalidRunError
from benchmarks.peers import HOST

__all__ = ["PAUSE_SECONDS", "Client", "sink", "upload"]

PAUSE_SECONDS = 3.0
"""At the slowest peer's speed a forwarder without back-pressure reads half of 1 GiB meanwhile."""

_PIECE = 64 * 1024


@contextmanager
def sink() -> Iterator[int]:
    """Run a server that counts the bytes of a body and answers their number; yield its port.

    A POST to `/slow-sink` stops reading for PAUSE_SECONDS once half of the body is there.
    """
    server = ThreadingHTTPServer((HOST, 0), _Sink)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body, answer its length."""
        size = int(self.headers["Content-Length"])
        pause_at = size // 2 if self.path == "/slow-sink" else -1
        counted, buffer = 0, memoryview(bytearray(MIB))
        while counted < size and (got := self.rfile.readinto1(buffer[: size - counted])):
            if counted <= pause_at < counted + got:
                time.sleep(PAUSE_SECONDS)
            counted += got
        answer = str(counted).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Stay quiet."""


def upload(port: int, path: str, size: int) -> None:
    """Send `size` bytes with a POST to a sink behind a forwarder.

    Raises:
        InvalidRunError: the sink did not count them all.
    """
    piece = bytes(MIB)
    with socket.create_connection((HOST, port), TIMEOUT_SECONDS) as connection:
        head = f"POST /{path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n"
        connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        left = size
        while left:
            connection.sendall(memoryview(piece)[: min(left, MIB)])
            left -= min(left, MIB)
        with connection.makefile("rb") as answer:
            text = answer.read()
    if not (
        text.startswith(b"HTTP/1.1 200 ") and re.search(rb"\b%d\b" % size, text.partition(b"\r\n\r\n")[2])
    ):
        raise InvalidRunError(f"{size} bytes were sent, and the answer was {text[:200]!r}")


class Client:
    """Sends the same small GET again and again over one connection and times the first byte.

    Where the server closes after an answer, the next connection is opened before the clock starts.
    """

    def __init__(self, port: int, path: str, fields: Mapping[str, str]) -> None:
        """Prepare the request; nothing is sent yet."""
        lines = [f"GET /{path} HTTP/1.1", f"Host: {HOST}:{port}", *(f"{n}: {v}" for n, v in fields.items())]
        self._request = "\r\n".join([*lines, "", ""]).encode()
        self._port = port
        self._connection: socket.socket | None = None
        self.opened = 0

    def first_byte(self) -> float:
        """Send the request and read the whole answer; return the seconds to its first byte.

        Raises:
            InvalidRunError: a status other than 200, no length, or the connection ended too early.
        """
        connection = self._connection or self._open()
        start = time.perf_counter()
        connection.sendall(self._request)
        answer = connection.recv(_PIECE)
        lasted = time.perf_counter() - start
        closes = _read_rest(connection, answer)
        if closes:
            self.close()
        return lasted

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> socket.socket:
        self._connection = socket.create_connection((HOST, self._port), TIMEOUT_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened += 1
        return self._connection


def _read_rest(connection: socket.socket, answer: bytes) -> bool:
    """Read to the end of an answer of known length; return whether the connection ends with it."""
    while b"\r\n\r\n" not in answer:
        answer += _more(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if not head.startswith(b"HTTP/1.1 200 ") or length is None:
        raise InvalidRunError(f"no 200 with a length: {head[:200]!r}")
    left = int(length[1]) - len(body)
    while left:
        left -= len(_more(connection))
    return re.search(rb"(?i)\r\nconnection: *close", head) is not None


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(_PIECE)
    if not piece:
        raise InvalidRunError("the answer ended before its end")
    return piece
