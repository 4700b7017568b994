"""One socket of the host that a page holds: never blocking, with a queue of calls for each direction."""

import contextlib
import socket
import struct
from functools import partial
from typing import Final

from fetchkit.sockets.posix.waiting import Board, Queue

__all__ = ["Descriptor"]

_NO_LINGER: Final = struct.pack("ii", 0, 0)
# What is thrown away at most before a close, so that it says FIN: more than Linux keeps for a socket unasked.
_DRAINED: Final = 64
_PIECE: Final = 65536


class Descriptor:
    """A socket and who waits for it.

    Attributes:
        socket: the host's.
        family: of the host.
        kind: SOCK_STREAM or SOCK_DGRAM.
        waits: whether its calls wait at all; not with SOCK_NONBLOCK.
        receive_seconds: SO_RCVTIMEO; None for none. The kernel keeps to it only on blocking sockets.
        send_seconds: SO_SNDTIMEO.
        lingers: SO_LINGER was set to some seconds.
        narrowed: it is bound to loopback where the page said every address.
        readers: recv, recvfrom, recvmsg, accept.
        writers: send, sendto, sendmsg, connect.
    """

    __slots__ = (
        "family",
        "kind",
        "lingers",
        "narrowed",
        "readers",
        "receive_seconds",
        "send_seconds",
        "socket",
        "waits",
        "writers",
    )

    def __init__(self, held: socket.socket, board: Board, *, waits: bool = True) -> None:
        """Take over a socket; closing is the descriptor's from now on."""
        held.setblocking(False)
        self.socket = held
        self.family, self.kind = held.family, held.type
        self.waits = waits
        self.receive_seconds: float | None = None
        self.send_seconds: float | None = None
        self.lingers = False
        self.narrowed = False
        loop, number = board.loop, held.fileno()
        self.readers = Queue(board, partial(loop.add_reader, number), partial(loop.remove_reader, number))
        self.writers = Queue(board, partial(loop.add_writer, number), partial(loop.remove_writer, number))

    def close(self, *, gently: bool = True) -> None:
        """End it: an answer for everybody who waits, and gently FIN for the peer, whatever is unread."""
        self.readers.end()
        self.writers.end()
        held = self.socket
        with contextlib.suppress(OSError):
            if self.lingers:
                # close() would hold up the whole loop: Linux lingers for sockets that do not block, too.
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            held.shutdown(socket.SHUT_RDWR)
            if gently and self.kind == socket.SOCK_STREAM:
                # Bytes that nobody has read turn FIN into RST (RFC 2525, section 2.17), and the peer
                # would lose what it was sent.
                for _ in range(_DRAINED):
                    if not held.recv(_PIECE):
                        break
        held.close()
