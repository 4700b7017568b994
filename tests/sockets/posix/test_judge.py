"""Where a page may connect, send and listen."""

import socket
import struct

import pytest

from fetchkit.net.dial import Dialer
from fetchkit.net.policy import TargetPolicy, target_policy

from . import messages as client
from .conftest import Join, Joined, Open
from .hosts import dial, lines, port_of
from .page import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    DGRAM,
    STREAM,
    E,
    F,
    address,
)


@pytest.mark.parametrize("host", ["192.168.7.7", "169.254.169.254", "10.0.0.1", "0.0.0.0", "fd00::1"])
async def test_what_the_policy_refuses_is_eacces_and_one_line_with_the_flag(
    page: Joined, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    family = AF_INET6 if ":" in host else AF_INET
    number, datagrams = await page.socket(family), await page.socket(family, DGRAM)
    for _ in range(3):
        assert (await page.connect(number, host, 80)).outcome == (-1, E.ACCES)
    (line,) = lines(caplog)
    assert host in line
    assert "--allow-net" in line
    for _ in range(3):
        assert (await page.sendto(datagrams, b"x", address(host, 80))).outcome == (-1, E.ACCES)
    call = page.expect(F.SENDMSG)
    page.send(client.sendmsg(call, datagrams, b"x", address(host, 80)))
    assert (await page.finish(call)).outcome == (-1, E.ACCES)
    assert len(lines(caplog)) == 2


async def test_a_flag_allows_what_it_names(join: Join, opened: Open) -> None:
    page = join(dialer=Dialer(target_policy(deny_net=["127.0.0.0/8"], allow_target=["127.0.0.1:9"])))
    datagrams = await page.socket(kind=DGRAM)
    far = opened(socket.SOCK_DGRAM)
    assert (await page.sendto(datagrams, b"x", address(port=port_of(far)))).outcome == (-1, E.ACCES)


async def test_fetchkit_itself_is_no_target_and_its_ports_are_not_taken(
    join: Join, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    own = port_of(opened())
    page = join(dialer=Dialer(TargetPolicy(), {own}))
    number = await page.socket()
    assert (await page.connect(number, "127.0.0.1", own)).outcome == (-1, E.ACCES)
    for host in ("127.0.0.1", "127.0.0.2"):
        assert (await page.bind(await page.socket(), host, own)).outcome == (-1, E.ACCES)
    assert "fetchkit itself" in lines(caplog)[0]


async def test_sockets_of_pages_may_be_dialled(join: Join) -> None:
    server, other = join(), join()
    listener, port = await server.listening()
    number = await other.connected(port)
    accepted, _ = await server.accepted(listener)
    await other.transmit(number, b"between pages")
    assert (await server.recv(accepted)).data == b"between pages"


async def test_addresses_of_unix_are_refused(page: Joined, caplog: pytest.LogCaptureFixture) -> None:
    one, _ = await page.pair(DGRAM)
    for path in (b"/tmp/x", b"\0abstract", b""):
        packed = struct.pack("<H", AF_UNIX) + path
        for function in (F.CONNECT, F.BIND):
            reply = await page.call(function, one, len(packed), data=packed)
            assert reply.outcome == (-1, E.ACCES)
        assert (await page.sendto(one, b"x", packed)).outcome == (-1, E.ACCES)
    assert len(lines(caplog)) == 3


async def test_an_address_of_another_family_is_refused(page: Joined) -> None:
    number = await page.socket()
    assert (await page.connect(number, "::1", 80)).outcome == (-1, E.AFNOSUPPORT)
    assert (await page.call(F.CONNECT, number, 16, data=bytes(16))).outcome == (-1, E.AFNOSUPPORT)
    assert (await page.call(F.BIND, number, 3, data=bytes(3))).errno == E.AFNOSUPPORT
    assert (await page.call(F.BIND, number, 0)).outcome == (-1, E.INVAL)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("::ffff:0.0.0.0", "::ffff:127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.8.8.8", "127.8.8.8"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
async def test_every_address_becomes_loopback(
    page: Joined, asked: str, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    family = AF_INET6 if ":" in asked else AF_INET
    for kind in (STREAM, DGRAM):
        number = await page.socket(family, kind)
        assert (await page.bind(number, asked)).outcome == (0, 0)
        assert (await page.sockname(number))[0] == given
    assert len(lines(caplog)) == (asked != given)
    assert all("--bind-any" in line for line in lines(caplog))


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_bind_any_means_every_address(join: Join, host: str) -> None:
    page = join(bind_any=True)
    number = await page.socket(AF_INET6 if ":" in host else AF_INET)
    assert (await page.bind(number, host)).outcome == (0, 0)
    assert (await page.sockname(number))[0] == host
    unbound = await page.socket(AF_INET6 if ":" in host else AF_INET)
    assert (await page.listen(unbound)).outcome == (0, 0)
    assert (await page.sockname(unbound))[0] == host


@pytest.mark.parametrize(("family", "host"), [(AF_INET, "127.0.0.1"), (AF_INET6, "::1")])
async def test_a_listener_without_an_address_gets_loopback(page: Joined, family: int, host: str) -> None:
    number = await page.socket(family)
    assert (await page.listen(number)).outcome == (0, 0)
    where = await page.sockname(number)
    assert where[0] == host
    assert where[1]


async def test_an_address_that_is_not_this_machines_is_the_hosts_to_refuse(page: Joined) -> None:
    assert (await page.bind(await page.socket(), "192.0.2.1")).outcome == (-1, E.ADDRNOTAVAIL)


async def test_an_address_that_others_reach_is_refused(
    join: Join, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fetchkit.sockets.posix.judge._probe", lambda *_: None)  # the machine has it
    assert (await join().bind(await (page := join()).socket(), "192.0.2.1")).errno == E.BADF
    assert (await page.bind(await page.socket(), "192.0.2.1")).outcome == (-1, E.ACCES)
    assert "--bind-any" in lines(caplog)[0]


async def test_a_port_that_is_in_use_is_refused_and_can_be_bound_again_at_once(page: Joined) -> None:
    listener, port = await page.listening()
    other = await page.socket()
    assert (await page.bind(other, port=port)).outcome == (-1, E.ADDRINUSE)
    with await dial(port):
        accepted, _ = await page.accepted(listener)
        await page.shutdown(accepted)  # first, so that its end of the connection rests (TIME_WAIT)
    await page.shutdown(listener)
    assert (await page.bind(other, port=port)).outcome == (0, 0)
    assert (await page.listen(other)).outcome == (0, 0)
