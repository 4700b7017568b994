"""Sockets of the host that tests of the calls need, and a page that has sent all it can."""

import asyncio
import socket

import pytest

from .conftest import Joined
from .page import E, flags

__all__ = ["dial", "filled", "free_port", "lines", "port_of", "taken"]


def port_of(held: socket.socket) -> int:
    """Where it listens."""
    port: int = held.getsockname()[1]
    return port


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return port_of(held)


async def taken(listener: socket.socket) -> socket.socket:
    """The next connection."""
    return (await asyncio.get_running_loop().sock_accept(listener))[0]


async def dial(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A connection from outside."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (host, port))
    return made


async def filled(page: Joined, number: int) -> int:
    """Send until the kernel takes no more; returns the bytes."""
    sent = 0
    while (reply := await page.transmit(number, bytes(65536), flags.DONTWAIT)).ret > 0:
        sent += reply.ret
    assert reply.outcome == (-1, E.AGAIN)
    return sent


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of pages."""
    return [record.getMessage() for record in caplog.records if record.name == "fetchkit.sockets"]
