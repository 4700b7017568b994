"""Datagrams: their boundaries, their addresses, and what comes with them."""

import socket
import struct

from . import messages as client
from .conftest import Joined, Open
from .hosts import port_of
from .page import (
    DGRAM,
    E,
    F,
    O,
    address,
    flags,
    place,
)


async def test_datagrams_go_and_come_with_their_addresses(page: Joined, opened: Open) -> None:
    far = opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    assert (await page.sendto(number, b"one", address(port=port_of(far)))).outcome == (3, 0)
    data, sender = far.recvfrom(99)
    assert data == b"one"
    far.sendto(b"two", ("127.0.0.1", sender[1]))
    got = client.read_recvfrom((await page.recvfrom(number)).message, 65536, 128)
    assert (got.data, place(got.address)) == (b"two", far.getsockname())


async def test_datagram_boundaries_are_kept_empty_ones_too(page: Joined, opened: Open) -> None:
    far = opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    await page.bind(number)
    where = await page.sockname(number)
    for data in (b"", b"abc", b"defgh", b"i", b"last"):
        far.sendto(data, where)
    assert (await page.recv(number)).outcome == (0, 0)
    assert (await page.recv(number, 2)).data == b"ab"
    assert (await page.recv(number, 2, flags.TRUNC)).message[12:] == b"de"
    assert (await page.recv(number, 0)).outcome == (0, 0)
    assert (await page.recv(number)).data == b"last"
    assert (await page.sendto(number, b"", address(port=port_of(far)))).outcome == (0, 0)
    assert far.recvfrom(9)[0] == b""


async def test_trunc_returns_the_real_length(page: Joined, opened: Open) -> None:
    far = opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    await page.bind(number)
    far.sendto(b"abcdef", await page.sockname(number))
    assert (await page.recv(number, 2, flags.TRUNC | flags.PEEK)).ret == 6
    got = client.read_recvfrom((await page.recvfrom(number, 2, flags.TRUNC)).message, 2, 128)
    assert (got.result, got.data) == (6, b"ab")


async def test_a_connected_datagram_socket_sends_to_its_peer(page: Joined, opened: Open) -> None:
    far, other = opened(socket.SOCK_DGRAM), opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    assert (await page.transmit(number, b"x")).outcome == (-1, E.DESTADDRREQ)
    assert (await page.connect(number, "127.0.0.1", port_of(far))).outcome == (0, 0)
    assert (await page.transmit(number, b"send")).outcome == (4, 0)
    assert (await page.sendto(number, b"sendto")).outcome == (6, 0)
    assert [far.recv(9) for _ in range(2)] == [b"send", b"sendto"]
    where = await page.sockname(number)
    other.sendto(b"stranger", where)
    far.sendto(b"peer", where)
    assert (await page.recv(number)).data == b"peer"


async def test_a_datagram_that_is_too_large_is_refused_whole(page: Joined, opened: Open) -> None:
    far = opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    assert (await page.sendto(number, bytes(65508), address(port=port_of(far)))).outcome == (-1, E.MSGSIZE)
    assert (await page.sendto(number, bytes(65507), address(port=port_of(far)))).outcome == (65507, 0)


async def test_messages_carry_ancillary_data(page: Joined, opened: Open) -> None:
    far = opened(socket.SOCK_DGRAM)
    number = await page.socket(kind=DGRAM)
    await page.bind(number)
    call = page.expect(F.SENDMSG)
    page.send(
        client.sendmsg(call, number, b"out", address(port=port_of(far)), ((0, 2, struct.pack("<i", 7)),))
    )
    assert (await page.finish(call)).outcome == (3, 0)
    assert far.recv(9) == b"out"
    assert (await page.setsockopt(number, O.IP, 13, 1)).outcome == (0, 0)  # IP_RECVTOS
    far.sendto(b"inside", await page.sockname(number))
    call = page.expect(F.RECVMSG)
    page.send(client.recvmsg(call, number, 3))
    got = client.read_recvmsg((await page.finish(call)).message)
    assert (got.data, place(got.address)) == (b"ins", far.getsockname())
    assert got.flags == flags.TRUNC
    assert [item[:2] for item in got.control] == [(0, 1)]
    call = page.expect(F.RECVMSG)
    far.sendto(b"again", await page.sockname(number))
    page.send(client.recvmsg(call, number, 9, control_len=4))
    got = client.read_recvmsg((await page.finish(call)).message)
    assert (got.data, got.control, got.flags) == (b"again", (), 8)  # MSG_CTRUNC


async def test_messages_on_a_stream(page: Joined) -> None:
    one, other = await page.pair()
    call = page.expect(F.SENDMSG)
    page.send(client.sendmsg(call, one, b"out"))
    assert (await page.finish(call)).outcome == (3, 0)
    call = page.expect(F.RECVMSG)
    page.send(client.recvmsg(call, other, 9))
    assert client.read_recvmsg((await page.finish(call)).message).data == b"out"


async def test_descriptors_of_the_host_never_pass(page: Joined) -> None:
    one, _ = await page.pair()
    call = page.expect(F.SENDMSG)
    page.send(client.sendmsg(call, one, b"x", control=((1, 1, struct.pack("<i", 0)),)))  # SCM_RIGHTS
    assert (await page.finish(call)).outcome == (-1, E.INVAL)
