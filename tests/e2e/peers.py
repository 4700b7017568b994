"""Servers on the host that programs in the page talk to, over TCP and UDP, each on a port of its own."""

import random
import socket
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from queue import SimpleQueue

from attrs import field, frozen

__all__ = [
    "DEADLINE",
    "HOST",
    "Echo",
    "answering",
    "datagrams",
    "echo",
    "free_port",
    "free_ports",
    "refusing_port",
    "say",
]

DEADLINE = 20
"""Seconds for one step of a conversation; a few milliseconds are usual."""

HOST = "127.0.0.1"
"""Where they are."""
_PIECE = 1 << 16
# Below /proc/sys/net/ipv4/ip_local_port_range.
_PORTS = range(20000, 32768)

Talk = Callable[[socket.socket], None]


@frozen
class Echo:
    """An echo server, and what each of its clients has sent: bytes, and their Adler-32."""

    port: int
    received: SimpleQueue[tuple[int, int]] = field(factory=SimpleQueue)


def free_ports(count: int, kind: int = socket.SOCK_STREAM) -> list[int]:
    """Ports that nobody has, for servers of other processes.

    They are none that Linux gives to a connection: it might take one before that server does.
    """
    ports: list[int] = []
    with ExitStack() as taken:
        while len(ports) < count:
            candidate = taken.enter_context(socket.socket(socket.AF_INET, kind))
            with suppress(OSError):
                candidate.bind((HOST, random.choice(_PORTS)))  # noqa: S311  ports are no secret
                ports.append(candidate.getsockname()[1])
    return ports


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """One such port."""
    return free_ports(1, kind)[0]


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that is taken, so nobody else gets it, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield taken.getsockname()[1]


@contextmanager
def echo() -> Iterator[Echo]:
    """A TCP server that sends back what it gets, and ends when its client does."""
    received: SimpleQueue[tuple[int, int]] = SimpleQueue()

    def talk(connection: socket.socket) -> None:
        count, digest = 0, 1
        while data := connection.recv(_PIECE):
            count, digest = count + len(data), zlib.adler32(data, digest)
            connection.sendall(data)
        received.put((count, digest))

    with _listening(talk) as port:
        yield Echo(port, received)


@contextmanager
def answering(name: str) -> Iterator[int]:
    """A TCP server that answers the first thing it is told, with its name, and closes; its port."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(f"{name} heard ".encode() + connection.recv(_PIECE))

    with _listening(talk) as port:
        yield port


@contextmanager
def datagrams(answer: Callable[[bytes, int], bytes]) -> Iterator[int]:
    """A UDP server: what `answer` makes of a datagram and its sender's port goes back; its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, own = self.request
            own.sendto(answer(data, self.client_address[1]), self.client_address)

    with _serving(socketserver.UDPServer((HOST, 0), Handler)) as port:
        yield port


def say(port: int, *pieces: bytes) -> list[bytes]:
    """What a server on the host answers a client that says these, one after the other, and then closes."""
    with closing(socket.create_connection((HOST, port), DEADLINE)) as client:
        answers = []
        for piece in pieces:
            client.sendall(piece)
            answers.append(client.recv(_PIECE))
        return answers


@contextmanager
def _listening(talk: Talk) -> Iterator[int]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(DEADLINE)
            talk(self.request)

    with _serving(socketserver.ThreadingTCPServer((HOST, 0), Handler)) as port:
        yield port


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="peer")
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index, misc]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
