"""Loads tunnels to TCP: bulk in large and small messages, ping-pong, idle ones, a reader that stops.

By hand, from `scripts/`: `python -m benchmarks.tunnel_client ws://127.0.0.1:PORT/tcp/127.0.0.1:9000 9000`;
the second argument is the port on which the target is to listen.
"""

import select
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from attrs import evolve

from benchmarks.measure import InvalidRunError
from benchmarks.peers import start_all
from benchmarks.target import PAUSE_SECONDS, TARGET, Mode, opening, raise_limit
from benchmarks.websocket_client import Counter, WebSocket, frame, talk

__all__ = ["PROTOCOL", "echo", "idle", "pings", "pull", "push", "tunnel"]

PROTOCOL = "binary"
"""What SOCKFS and noVNC ask for."""

PING = bytes(range(64))

_KIB = 1024
_BLOCK = 64 * _KIB
_WINDOW = 1024 * _KIB
"""Bytes on their way: enough that nobody waits, and no server has to keep more."""


@contextmanager
def tunnel(url: str, mode: Mode = Mode.ECHO, size: int = 0) -> Iterator[WebSocket]:
    """Open a tunnel and say what it is for."""
    with WebSocket(url, PROTOCOL) as client:
        client.socket.sendall(frame(opening(mode, size)))
        yield client


class _Pings:
    """A dialogue: a ping is sent when all of the one before is back."""

    def __init__(self) -> None:
        self._frame = frame(PING)
        self._got = 0
        self.done = 0

    def opening(self) -> bytes:
        return self._frame

    def answer(self, message: bytes) -> bytes | None:
        self._got += len(message)
        if self._got < len(PING):
            return None
        self._got = 0
        self.done += 1
        return self._frame


def pings(url: str, connections: int, seconds: float) -> float:
    """Return how many pings of 64 bytes a second come back, over all tunnels."""
    with ExitStack() as stack:
        held = [(stack.enter_context(tunnel(url)), _Pings()) for _ in range(connections)]
        lasted = talk(held, seconds)
    return sum(dialogue.done for _, dialogue in held) / lasted


def echo(client: WebSocket, size: int, seconds: float) -> tuple[int, float]:
    """Send messages of so many bytes as fast as they come back; return how many bytes did, and in what time.

    Small messages leave in blocks of 64 KiB, as they do from a page that sends faster than it is read.
    """
    per_block = max(1, _BLOCK // size)
    block = memoryview(frame(bytes(size)) * per_block)
    counter, buffer = Counter(), memoryview(bytearray(4 * _BLOCK))
    poll = select.poll()
    poll.register(client.socket)
    start = time.perf_counter()
    deadline = start + seconds
    begun = received = at = 0
    client.socket.setblocking(False)
    while at or received < begun or time.perf_counter() < deadline:
        writes = at or (begun - received < _WINDOW and time.perf_counter() < deadline)
        poll.modify(client.socket, select.POLLIN | (select.POLLOUT if writes else 0))
        ready = poll.poll(PAUSE_SECONDS * 1000)
        if not ready:
            raise InvalidRunError(f"{received} of {begun} bytes came back")
        if ready[0][1] & select.POLLOUT:
            begun += 0 if at else per_block * size
            at = (at + client.socket.send(block[at:])) % len(block)
        if ready[0][1] & ~select.POLLOUT:
            got = client.socket.recv_into(buffer)
            if not got:
                raise InvalidRunError(f"the connection ended; {received} of {begun} bytes came back")
            received += counter.feed(buffer[:got])
    lasted = time.perf_counter() - start
    client.socket.setblocking(True)
    return received, lasted


@contextmanager
def idle(url: str, count: int) -> Iterator[None]:
    """Hold so many tunnels, each of which has carried one ping.

    Raises:
        InvalidRunError: this process may not have so many descriptors.
    """
    if raise_limit() < 2 * count + 100:
        raise InvalidRunError(f"{count} tunnels need more descriptors than `ulimit -Hn` allows")
    with ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(tunnel(url))
            client.socket.sendall(frame(PING))
            client.exactly(len(PING))
        yield


def push(client: WebSocket, size: int) -> None:
    """Send so many bytes to a sink, and wait until it has them.

    Raises:
        InvalidRunError: it counted others.
    """
    block = frame(bytes(_BLOCK))
    for _ in range(size // _BLOCK):
        client.socket.sendall(block)
    counted = struct.unpack("<Q", client.exactly(8))[0]
    if counted != size:
        raise InvalidRunError(f"{size} bytes were sent, {counted} arrived")


def pull(client: WebSocket, size: int) -> None:
    """Do not read for PAUSE_SECONDS, then read so many bytes from a source.

    Raises:
        InvalidRunError: it ended before.
    """
    time.sleep(PAUSE_SECONDS)
    counter, buffer, left = Counter(), memoryview(bytearray(4 * _BLOCK)), size
    while left > 0:
        got = client.socket.recv_into(buffer)
        if not got:
            raise InvalidRunError(f"the connection ended, {left} of {size} bytes are missing")
        left -= counter.feed(buffer[:got])
    if left:
        raise InvalidRunError(f"{-left} bytes more than {size}")


def main(url: str, port: int, seconds: float) -> None:
    """Print the measures that need no process of the server."""
    fixed = evolve(TARGET, command=(*TARGET.command[:-1], str(port)))
    with ExitStack() as stack:
        _, notes = start_all(stack, [fixed], {})
        for note in notes:
            print(note)
        for size in (64, 1):
            with tunnel(url) as client:
                echoed, lasted = echo(client, size * _KIB, seconds)
                print(f"echo of {size} KiB: {echoed / lasted / 1e6:,.0f} MB/s", flush=True)
        for connections in (1, 16):
            print(f"pings/s, {connections} at once: {pings(url, connections, seconds):,.0f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 3.0)
