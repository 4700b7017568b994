"""One end of a TCP connection, without the buffers in which asyncio's streams lose what a reset follows."""

import asyncio
import contextlib
import socket
import struct

from attrs import frozen

__all__ = ["Wire"]

_READ = 65536
# On and zero seconds: closing sends RST instead of FIN (socket(7), SO_LINGER).
_NO_LINGER = struct.pack("ii", 1, 0)


@frozen
class Wire:
    """A connected socket, not blocking.

    Linux hands out what came before a reset, then the reset: so does `receive`.
    """

    socket: socket.socket

    async def receive(self) -> bytes:
        """The next bytes, empty at FIN."""
        return await asyncio.get_running_loop().sock_recv(self.socket, _READ)

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    def fin(self) -> None:
        """Send FIN, and go on receiving."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def rst(self) -> None:
        """Reset the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.socket.close()

    def close(self) -> None:
        """Close it, which sends FIN, or RST when something was left unread."""
        self.socket.close()
