"""The demo's helper servers: a route to them, a file in parts, TCP in capitals, nothing for other origins."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientConnectorError, ClientSession

from fetchkit.config import Config
from fetchkit.demo import ROUTE, SIZE, Capitals, with_helper

SECONDS = 10
"""For what takes milliseconds."""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The URL of the file, sent as fast as it goes."""
    async with with_helper(Config()) as config:
        yield f"{helper_of(config)}/file/0"


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    """A client without proxies."""
    async with ClientSession() as session:
        yield session


def helper_of(config: Config) -> str:
    """What the route to the helper stands for."""
    (route,) = (route for route in config.forward_routes if route.startswith(ROUTE))
    return route.removeprefix(f"{ROUTE}=")


async def capitals_of(config: Config, client: ClientSession) -> tuple[str, int]:
    """Where the TCP helper is."""
    async with client.get(f"{helper_of(config)}/capitals") as answer:
        told = await answer.json()
    assert sorted(told) == ["host", "port"]
    return told["host"], told["port"]


async def test_the_route_is_added_to_those_of_the_user() -> None:
    given = Config(forward_routes=("/api=https://api.example/v1",), quiet=True)
    async with with_helper(given) as config:
        assert config.forward_routes[:1] == given.forward_routes
        assert helper_of(config).startswith("http://127.0.0.1:")
        assert config.quiet


@pytest.mark.parametrize(
    "config",
    [Config(no_forward=True), Config(host=("0.0.0.0",)), Config(lan=True)],
    ids=["no-forward", "every-address", "lan"],
)
async def test_the_route_does_not_turn_the_forward_on(config: Config) -> None:
    async with with_helper(config) as effective:
        assert effective is config


async def test_the_helper_ends_with_the_block(client: ClientSession) -> None:
    async with with_helper(Config()) as config:
        url = helper_of(config)
    with pytest.raises(ClientConnectorError):
        await client.get(f"{url}/file/0")


async def test_the_file_is_the_same_at_every_start_and_for_head(client: ClientSession) -> None:
    seen = []
    for _ in range(2):
        async with with_helper(Config()) as config:
            for method in ("GET", "HEAD"):
                async with client.request(method, f"{helper_of(config)}/file/0") as answer:
                    headers = {name: answer.headers[name] for name in ("ETag", "Repr-Digest")}
                    assert (answer.status, answer.content_length) == (200, SIZE)
                    seen.append((headers, await answer.read()))
    assert seen[0] == seen[2]
    assert [(headers, body) for headers, body in seen if not body] == [(seen[0][0], b"")] * 2
    assert len(seen[0][1]) == SIZE


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=8388600-", 8388600, SIZE - 1), ("bytes=-5", SIZE - 5, SIZE - 1)],
)
async def test_a_range_is_that_part_of_the_whole(
    url: str, client: ClientSession, asked: str, first: int, last: int
) -> None:
    async with client.get(url) as answer:
        whole, etag = await answer.read(), answer.headers["ETag"]
    async with client.get(url, headers={"Range": asked, "If-Range": etag}) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
        assert await answer.read() == whole[first : last + 1]


@pytest.mark.parametrize(
    "headers",
    [{"Range": "bytes=5-", "If-Range": '"other"'}, {"Range": "bytes=0-1,4-5"}, {"Range": "bytes=9999999-"}],
    ids=["changed", "several", "beyond"],
)
async def test_all_other_ranges_get_the_whole(
    url: str, client: ClientSession, headers: dict[str, str]
) -> None:
    async with client.get(url, headers=headers) as answer:
        assert (answer.status, answer.content_length) == (200, SIZE)


async def test_no_other_origin_is_let_in(url: str, client: ClientSession) -> None:
    async with client.get(url, headers={"Origin": "http://127.0.0.1:6931"}) as answer:
        names = [name.lower() for name in answer.headers]
    assert not [name for name in names if name.startswith(("access-control-", "cross-origin-"))]


async def test_tcp_helper_answers_in_capitals_until_its_peer_ends(client: ClientSession) -> None:
    text = b"every line of it, \xc3\xa9 too\n" * 20_000
    async with with_helper(Config()) as config, asyncio.timeout(SECONDS):
        host, port = await capitals_of(config, client)
        assert host == "127.0.0.1"
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(text)
        writer.write_eof()
        assert await reader.read() == text.upper()
        writer.close()
        await writer.wait_closed()


async def test_tcp_helper_ends_with_the_block_and_ends_its_connections(client: ClientSession) -> None:
    async with with_helper(Config()) as config:
        place = await capitals_of(config, client)
        reader, writer = await asyncio.open_connection(*place)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"A"
    async with asyncio.timeout(SECONDS):
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*place)


def test_tcp_helper_reads_no_more_while_its_peer_does_not() -> None:
    calls: list[str] = []

    class Transport(asyncio.Transport):
        def pause_reading(self) -> None:
            calls.append("pause")

        def resume_reading(self) -> None:
            calls.append("resume")

    connection = Capitals(set())
    connection.connection_made(Transport())
    connection.pause_writing()
    connection.resume_writing()
    assert calls == ["pause", "resume"]
