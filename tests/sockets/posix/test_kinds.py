"""Which sockets a page gets, and what their options say of them; names."""

import socket
import struct

import pytest

from tests.files.support import eventually

from . import messages as client
from .conftest import Joined
from .page import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    DGRAM,
    NONBLOCK,
    RAW,
    SEQPACKET,
    STREAM,
    E,
    F,
    O,
    address,
    place,
)


@pytest.mark.parametrize(
    ("domain", "kind", "protocol", "error"),
    [
        (AF_UNIX, STREAM, 0, E.ACCES),
        (AF_INET, RAW, 1, E.ACCES),
        (AF_INET, RAW, 255, E.ACCES),
        (AF_INET, SEQPACKET, 0, E.SOCKTNOSUPPORT),
        (AF_INET, SEQPACKET, 132, E.SOCKTNOSUPPORT),
        (AF_INET, STREAM, 132, E.PROTONOSUPPORT),
        (AF_INET, STREAM, 17, E.PROTONOSUPPORT),
        (AF_INET, DGRAM, 1, E.PROTONOSUPPORT),
        (AF_INET, DGRAM, 99, E.PROTONOSUPPORT),
        (AF_INET, 1 | 0x10, 0, E.INVAL),
        (0, STREAM, 0, E.AFNOSUPPORT),
        (16, RAW, 0, E.AFNOSUPPORT),
        (-1, -1, -1, E.AFNOSUPPORT),
    ],
)
async def test_only_tcp_and_udp_are_given(
    page: Joined, domain: int, kind: int, protocol: int, error: int
) -> None:
    assert (await page.call(F.SOCKET, domain, kind, protocol)).outcome == (-1, error)


async def test_options_say_what_a_socket_is(page: Joined) -> None:
    number = await page.socket(AF_INET6, DGRAM | NONBLOCK, 17)
    assert await page.option(number, O.SOCKET, O.TYPE) == DGRAM
    assert await page.option(number, O.SOCKET, O.DOMAIN) == AF_INET6
    assert await page.option(number, O.SOCKET, O.PROTOCOL) == 17
    stream = await page.socket()
    assert await page.option(stream, O.SOCKET, O.PROTOCOL) == 6
    assert await page.option(stream, O.TCP, O.NODELAY) == 0
    assert (await page.setsockopt(stream, O.TCP, O.NODELAY, 1)).outcome == (0, 0)
    assert await page.option(stream, O.TCP, O.NODELAY) == 1
    assert (await page.getsockopt(stream, O.SOCKET, 9999)).outcome == (-1, E.NOPROTOOPT)
    assert (await page.setsockopt(stream, O.SOCKET, O.TYPE, 1)).outcome == (-1, E.NOPROTOOPT)
    assert (await page.setsockopt(stream, O.SOCKET, O.LINGER, struct.pack("<ii", 1, 0))).outcome == (0, 0)
    reply = await page.getsockopt(stream, O.SOCKET, O.LINGER, 8)
    assert client.read_getsockopt(reply.message, 8) == (struct.pack("<ii", 1, 0), 8)


async def test_names_are_resolved(page: Joined) -> None:
    reply = await page.getaddrinfo(b"127.0.0.1", b"80", (0, AF_INET, STREAM, 0))
    name, records = client.read_getaddrinfo(reply.message)
    assert name == b""
    assert [(r.family, r.kind, r.protocol, place(r.address)) for r in records] == [
        (AF_INET, STREAM, 6, ("127.0.0.1", 80))
    ]


@pytest.mark.parametrize(
    ("node", "service", "hints", "error"),
    [
        (b"", b"", None, -2),
        (b"no-such.invalid", b"80", (4, 0, 0, 0), -2),  # AI_NUMERICHOST
        (b"127.0.0.1", b"80", (1 << 20, 0, 0, 0), -1),
        (b"127.0.0.1", b"80", (0, 99, 0, 0), -6),
        (b"127.0.0.1", b"80", (0, 0, 77, 0), -7),
        (b"127.0.0.1", b"no-such-service", None, -8),
        (b"\xff" * 300, b"80", (4, 0, 0, 0), -2),
    ],
)
async def test_names_that_are_none(
    page: Joined, node: bytes, service: bytes, hints: tuple[int, int, int, int] | None, error: int
) -> None:
    reply = await page.getaddrinfo(node, service, hints)
    assert reply.outcome == (error, 0)
    assert page.board.count == 0


async def test_addresses_have_names(page: Joined) -> None:
    call = page.expect(F.GETNAMEINFO)
    page.send(client.getnameinfo(call, address(port=80), 1 | 2))
    assert client.read_getnameinfo((await page.finish(call)).message) == (b"127.0.0.1", b"80")
    for packed, host, service, error in (
        (b"", 255, 32, -6),
        (address(), 0, 0, -2),
        (address(), 4, 32, -12),
        (struct.pack("<H", 1) + b"/tmp", 255, 32, -6),
    ):
        call = page.expect(F.GETNAMEINFO)
        page.send(client.getnameinfo(call, packed, 1 | 2, host, service))
        assert (await page.finish(call)).ret == error


async def test_lookups_hold_up_nothing(page: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    released = threading.Event()
    running = []

    def silent(*_: object) -> list[object]:
        running.append(1)
        released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "silent")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    calls = []
    for _ in range(10):
        calls.append(page.expect(F.GETADDRINFO))
        page.send(client.getaddrinfo(calls[-1], b"slow.invalid"))
    one, other = await page.pair()
    await page.transmit(one, b"x")
    assert (await page.recv(other)).data == b"x"
    await eventually(lambda: len(running) == 4, "the threads")
    assert page.board.count == 10
    released.set()
    for call in calls:
        assert (await page.finish(call)).outcome == (-3, 0)
    assert len(running) == 10
