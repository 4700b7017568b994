"""Bodies of any size in constant memory, whichever side is slow, or stops."""

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Program
from tests.wire.client import Client
from tests.wire.exchange import request_head
from tests.wire.origin import Connection, Origin, flood, head, request
from tests.wire.sockets import Wire

from .test_routes import by_way, field, reply, target_of

MIB = 1024 * 1024
SMALL, LARGE = 8 * MIB, 1024 * MIB
GROWTH = 8 * MIB
# Seconds for a whole body; a few are usual.
PATIENCE = 120
# Seconds without a reader; half a GiB and more could come in each of them.
STOPPED = 3.0
# What is read before the reader stops: the transfer is in full flow.
FLOWING = 32 * MIB


@pytest.fixture
def program(folder: Path, tmp_path: Path) -> Iterator[Program]:
    """A server with its memory to itself."""
    with Program(tmp_path, "serve", str(folder), "--port", "0", "--host", "127.0.0.1", "-q") as started:
        yield started


@pytest.fixture
def port(program: Program) -> int:
    """Where it listens."""
    return program.ready_port()


def memory(program: Program, key: str) -> int:
    """Bytes: VmRSS is now, VmHWM the most so far (proc(5))."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    match = re.search(rf"{key}:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


async def _download(connection: Connection) -> None:
    piece = bytes(MIB)
    while True:
        await request(connection)
        size = int(target_of(connection.requests[-1])[1:])
        await connection.wire.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // MIB):
            await connection.wire.send(piece)


async def _upload(connection: Connection) -> None:
    await head(connection)
    left = int(field(connection.requests[-1], "Content-Length") or 0) - len(connection.stream.buffer)
    turn = 0
    while left > 0:
        left -= len(await connection.wire.receive())
        turn += 1
        if turn % 8 == 0:
            await asyncio.sleep(0.0005)  # a slow reader
    await connection.wire.send(reply(200, "Connection: close"))


async def transfer(port: int, origin: Origin, size: int, *, up: bool) -> None:
    """Move a body of that size through the forward."""
    client = await Client.connect(port)
    if up:
        await client.send(request_head("POST", by_way(origin), f"Content-Length: {size}"))
        piece = bytes(MIB)
        for _ in range(size // MIB):
            await client.wire.send(piece)
        assert (await client.read()).status == 200
    else:
        await client.send(request_head("GET", by_way(origin, f"/{size}")))
        received, turn = 0, 0
        while received < size:
            received += len(await client.wire.receive())
            turn += 1
            if turn % 8 == 0:
                await asyncio.sleep(0.0005)  # a slow reader
    client.close()


@pytest.mark.parametrize("up", [False, True], ids=["download", "upload"])
async def test_memory_stays_constant(up: bool, program: Program, port: int) -> None:
    async with Origin(((_upload if up else _download,),)) as origin:
        await transfer(port, origin, SMALL, up=up)
        before = memory(program, "VmRSS")
        async with asyncio.timeout(PATIENCE):
            await transfer(port, origin, LARGE, up=up)
        assert memory(program, "VmHWM") - before <= GROWTH


async def narrow(port: int) -> Client:
    """A client whose own buffer holds little, so that it is the server that has to wait."""
    end = socket.socket()
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    end.setblocking(False)
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", port))
    return Client(Wire(end))


async def receive(wire: Wire, size: int) -> None:
    """Read that much, or more."""
    while size > 0:
        piece = await wire.receive()
        assert piece
        size -= len(piece)


@pytest.mark.parametrize("length", ["Content-Length: 1099511627776", "Connection: close"])
async def test_memory_stays_constant_while_the_client_has_stopped_reading(
    length: str, program: Program, port: int
) -> None:
    async def endless(connection: Connection) -> None:
        await request(connection)
        await connection.wire.send(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode())
        await flood(bytes(MIB))(connection)

    async with Origin(((_download,),)) as sized, Origin(((endless,),)) as unlimited:
        await transfer(port, sized, SMALL, up=False)
        before = memory(program, "VmRSS")
        client = await narrow(port)
        await client.send(request_head("GET", by_way(unlimited)))
        async with asyncio.timeout(PATIENCE):
            await receive(client.wire, FLOWING)
            await asyncio.sleep(STOPPED)
            await receive(client.wire, FLOWING)  # and goes on, so it was not cut
        assert memory(program, "VmHWM") - before <= GROWTH
        client.close()


async def test_memory_stays_constant_while_upstream_has_stopped_reading(program: Program, port: int) -> None:
    ended = asyncio.Event()

    async def stopping(connection: Connection) -> None:
        await head(connection)
        await receive(connection.wire, FLOWING)
        await asyncio.sleep(STOPPED)
        await receive(connection.wire, FLOWING)
        ended.set()

    async def upload(client: Client) -> None:
        while True:
            await client.wire.send(b"100000\r\n" + bytes(MIB) + b"\r\n")

    async with Origin(((_upload,),)) as sized, Origin(((stopping,),)) as slow:
        await transfer(port, sized, SMALL, up=True)
        before = memory(program, "VmRSS")
        client = await Client.connect(port)
        await client.send(request_head("POST", by_way(slow), "Transfer-Encoding: chunked"))
        sending = asyncio.create_task(upload(client))
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
        assert memory(program, "VmHWM") - before <= GROWTH
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        client.close()
