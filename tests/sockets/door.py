"""The WebSockets of a server that runs elsewhere: in a process of its own, in a network of its own."""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Self

from aiohttp import web
from attrs import field, mutable

from tests.forward.test_websocket import HANDSHAKE
from tests.program import Program
from tests.raw import RawAnswer, RawClient

from .peer import Served

__all__ = ["Door", "faults"]

# What a log must not have, whatever a page does.
_FAULT = re.compile(r"Traceback|Exception|Error\b|^500 |never retrieved|was never awaited|^error:| failed")


def faults(program: Program) -> list[str]:
    """The lines of standard error that tell of a defect."""
    return [line for line in program.errors.splitlines() if _FAULT.search(line)]


@mutable(eq=False)
class Door(Served):
    """Pages that come to a port.

    Attributes:
        made: makes their sockets, of a family.
        address: of the server.
    """

    app: web.Application = field(factory=web.Application)
    port: int = 0
    made: Callable[[int], socket.socket] = socket.socket
    address: str = "127.0.0.1"

    async def __aenter__(self) -> Self:
        return self

    async def stop(self) -> None:
        """It is not ours to stop."""

    async def connect(self) -> RawClient:
        """A connection, with nothing sent."""
        made = self.made(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, (self.address, self.port))
        except OSError:
            made.close()
            raise
        client = RawClient(*await asyncio.open_connection(sock=made))
        self._clients.callback(lambda: client.writer.transport.abort())  # noqa: PLW0108  keeps the writer too
        return client

    async def shake(
        self, target: str, *lines: str, protocol: str | None = "binary"
    ) -> tuple[RawAnswer, RawClient]:
        """Send a handshake; returns the head of what it is answered with."""
        client = await self.connect()
        offered = [] if protocol is None else [f"Sec-WebSocket-Protocol: {protocol}"]
        named = any(line.startswith("Host:") for line in lines)
        host = [] if named else [f"Host: {self.address}:{self.port}"]
        head = [f"GET {target} HTTP/1.1", *host, *HANDSHAKE, *offered, *lines]
        client.send("\r\n".join([*head, "", ""]).encode("utf-8", "surrogateescape"))
        return await client.head(), client
