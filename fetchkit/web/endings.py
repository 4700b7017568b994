"""How a connection ends, where a close would say the wrong thing."""

import asyncio
import contextlib
import socket
import struct
from typing import Final

__all__ = ["reset"]

# l_onoff = 1, l_linger = 0: close() resets (socket(7), SO_LINGER)
_RESET: Final = struct.pack("ii", 1, 0)


def reset(transport: asyncio.WriteTransport) -> None:
    """End a connection with RST: the peer must not take what came for all there is."""
    with contextlib.suppress(OSError, AttributeError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
