"""The dialer alone: a refused address never gets a socket, whoever resolves, whatever was asked before."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from fetchkit.net.addresses import AddressClass
from fetchkit.net.dial import Asked, Dialer, RefusedAddressError
from fetchkit.net.policy import target_policy

REFUSED = [
    "10.0.0.5",
    "192.168.1.7",
    "169.254.169.254",
    "100.64.0.1",
    "203.0.113.9",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fd00::5",
    "fe80::5%lo",
    "::ffff:10.0.0.5",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "::127.0.0.1",
]


def info(address: str, port: int = 80) -> tuple[Any, ...]:
    """A resolved address, as the pool has it."""
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arguments of every socket that is made from now on; none really is."""
    calls: list[Any] = []
    maker = SimpleNamespace(socket=lambda *arguments: calls.append(arguments))
    monkeypatch.setattr("fetchkit.net.dial.socket", maker)
    return calls


@pytest.mark.parametrize("address", REFUSED)
async def test_a_refused_address_gets_no_socket_and_its_verdict_is_kept(
    address: str, made: list[Any]
) -> None:
    dialer, asked = Dialer(target_policy()), Asked("x.example", 80)
    dialer.ask(asked)
    with pytest.raises(RefusedAddressError) as refused:
        dialer.socket_factory(info(address))
    verdict = dialer.judge("x.example", 80, address)
    assert (asked.refusals, asked.tried, made) == ([verdict], 0, [])
    assert str(refused.value) == verdict.reason


@pytest.mark.parametrize("address", ["8.8.8.8", "2600::5", "127.0.0.1", "::1", "64:ff9b::808:808"])
async def test_an_allowed_address_gets_the_socket_that_was_asked_for(address: str, made: list[Any]) -> None:
    dialer, asked = Dialer(target_policy()), Asked("x.example", 80)
    dialer.ask(asked)
    dialer.socket_factory(info(address))
    assert made == [info(address)[:3]]
    assert (asked.refusals, asked.tried) == ([], 1)


async def test_the_host_is_judged_as_it_was_asked_for(made: list[Any]) -> None:
    dialer = Dialer(target_policy([], [], ["nas.test:80"]))
    for asked, count in (
        (Asked("nas.test", 80), 1),
        (Asked("nas.test", 81), 1),
        (Asked("other.test", 80), 1),
        (Asked("NAS.test", 80), 2),
    ):
        dialer.ask(asked)
        try:
            dialer.socket_factory(info("10.0.0.5", asked.port))
        except RefusedAddressError:
            assert asked.refusals
        assert len(made) == count


async def test_a_connection_that_nobody_asked_for_gets_no_socket(made: list[Any]) -> None:
    async def dial() -> None:
        Dialer(target_policy()).socket_factory(info("127.0.0.1"))

    with pytest.raises(LookupError):
        await asyncio.create_task(dial())
    assert made == []


async def test_a_proxy_of_the_users_own_is_not_judged(made: list[Any]) -> None:
    dialer = Dialer(target_policy())
    dialer.ask(Asked("proxy.internal", 3128, trusted=True))
    dialer.socket_factory(info("10.0.0.5", 3128))
    assert len(made) == 1


async def test_tasks_that_dial_at_the_same_time_do_not_mix_what_they_ask_for(made: list[Any]) -> None:
    dialer = Dialer(target_policy([], [], [f"host-{number}" for number in range(0, 10, 2)]))

    async def dial(asked: Asked) -> None:
        dialer.ask(asked)
        await asyncio.sleep(0)
        # The pool dials in tasks of its own: they inherit what their maker asked for.
        await asyncio.gather(asyncio.create_task(_dial()), return_exceptions=True)

    async def _dial() -> None:
        await asyncio.sleep(0)
        dialer.socket_factory(info("10.0.0.5"))

    asks = [Asked(f"host-{number}", 80) for number in range(10)]
    await asyncio.gather(*[dial(asked) for asked in asks])
    assert [(asked.tried, len(asked.refusals)) for asked in asks] == [(1, 0), (0, 1)] * 5
    assert len(made) == 5


# --- fetchkit itself


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"])
def test_its_own_ports_are_refused_at_every_local_address_whatever_is_allowed(address: str) -> None:
    dialer = Dialer(target_policy(["0.0.0.0/0", "::/0"], [], ["x"]), {6931})
    verdict = dialer.judge("x", 6931, address)
    assert (verdict.allowed, verdict.reason) == (False, f"{address} port 6931 is fetchkit itself.")
    assert "directly" in verdict.hint
    assert dialer.judge("x", 6932, address).allowed


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::5", "fe80::5%no-such-link", "8.8.8.8"])
def test_its_own_port_on_another_machine_is_not_itself(address: str) -> None:
    assert Dialer(target_policy(["0.0.0.0/0", "::/0"]), {6931}).judge("x", 6931, address).allowed


def test_what_is_refused_stays_refused_at_its_own_port() -> None:
    verdict = Dialer(target_policy(), {6931}).judge("x", 6931, "203.0.113.9")
    assert (verdict.allowed, verdict.address_class) == (False, AddressClass.DOCUMENTATION)
    assert "--allow-net 203.0.113.9/32" in verdict.hint


# --- In the pool


class Answers(AbstractResolver):
    """A resolver whose n-th answer is the n-th list of addresses, the last one from then on."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The next answer."""
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Pool:
    """A pool of aiohttp's whose connections a dialer judges, and a server at every loopback address.

    All that is refused here is loopback too, so that nothing leaves the machine where the dialer fails.

    Attributes:
        dialled: the addresses that connections came in at.
    """

    def __init__(self, connector: aiohttp.TCPConnector, dialer: Dialer, port: int) -> None:
        self.dialled: list[str] = []
        self._session = aiohttp.ClientSession(connector=connector)
        self._dialer = dialer
        self._port = port

    async def get(self, host: str = "x.example") -> Asked:
        """Ask for something at a host; what became of the addresses."""
        asked = Asked(host, self._port)
        self._dialer.ask(asked)
        await (await self._session.get(f"http://{host}:{self._port}/")).release()
        return asked

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.dialled.append(writer.get_extra_info("sockname")[0])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()


@asynccontextmanager
async def pool(*answers: list[str]) -> AsyncIterator[Pool]:
    """A pool with a policy that refuses 127.0.0.2 and 127.0.0.3."""
    dialer = Dialer(target_policy([], ["127.0.0.2/31"]))
    connector = aiohttp.TCPConnector(
        resolver=Answers(*answers), use_dns_cache=False, socket_factory=dialer.socket_factory
    )
    end = socket.socket()
    end.bind(("0.0.0.0", 0))
    client = Pool(connector, dialer, end.getsockname()[1])
    async with await asyncio.start_server(client.answer, sock=end):
        try:
            yield client
        finally:
            await client.close()


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.4", "127.0.0.2"],
        ["127.0.0.2", "127.0.0.4"],
        ["127.0.0.2", "127.0.0.3", "::ffff:127.0.0.2", "127.0.0.4"],
    ],
)
async def test_of_several_addresses_only_an_allowed_one_is_dialled(addresses: list[str]) -> None:
    async with pool(addresses) as client:
        asked = await client.get()
        assert client.dialled == ["127.0.0.4"]
        assert asked.tried == 1


async def test_where_all_are_refused_each_has_its_verdict_and_none_is_dialled() -> None:
    async with pool(["127.0.0.2", "127.0.0.3"], ["127.0.0.4"]) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get()
        await client.get()  # the server answers, and connections come in their order
        assert client.dialled == ["127.0.0.4"]


async def test_a_name_that_is_rebound_is_refused_the_second_time() -> None:
    async with pool(["127.0.0.4"], ["127.0.0.2"], ["127.0.0.4"]) as client:
        await client.get()
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await client.get()
        assert isinstance(failed.value.os_error, RefusedAddressError)
        await client.get()
        assert client.dialled == ["127.0.0.4"] * 2


async def test_an_address_that_is_written_in_the_url_is_judged_too() -> None:
    async with pool(["127.0.0.4"]) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get("127.0.0.2")
        await client.get("127.0.0.4")
        assert client.dialled == ["127.0.0.4"]
