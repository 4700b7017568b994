"""How connections are kept, shared and ended; requests in odd pieces."""

import asyncio
from pathlib import Path

import pytest

from fetchkit.files.cache import MAX_BODY
from tests.conftest import Raw, Serve
from tests.raw import DEADLINE, RawClient

from .support import pattern, write

LARGE = pattern(MAX_BODY * 4)
NAMES = {"/small.data": b"small", "/large.data": LARGE, "/none.data": b""}


@pytest.fixture
async def client(serve: Serve, raw: Raw, folder: Path) -> RawClient:
    for name, body in NAMES.items():
        write(folder / name[1:], body)
    return await raw(await serve())


def request(path: str, *lines: str, version: str = "HTTP/1.1", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} {version}", "Host: localhost", *lines, "", ""]).encode()


@pytest.mark.parametrize("path", NAMES)
async def test_a_connection_serves_many_requests(client: RawClient, path: str) -> None:
    for _ in range(5):
        answer = await client.ask("GET", path)
        assert answer.body == NAMES[path]
        assert "Connection" not in answer.headers


async def test_requests_in_one_segment_are_answered_in_order(client: RawClient) -> None:
    paths = ["/large.data", "/small.data", "/none.data", "/nothing", "/large.data", "/small.data", "/sub"] * 3
    client.send(b"".join(map(request, paths)))
    for path in paths:
        answer = await client.answer()
        if path in NAMES:
            assert (answer.status, answer.body) == (200, NAMES[path])
        else:
            assert answer.status in (301, 404)


async def test_heads_between_gets_do_not_shift_the_answers(client: RawClient) -> None:
    client.send(
        request("/large.data", method="HEAD") + request("/small.data") + request("/large.data", method="HEAD")
    )
    assert (await client.answer(head_only=True)).headers["Content-Length"] == str(len(LARGE))
    assert (await client.answer()).body == b"small"
    assert (await client.answer(head_only=True)).headers["Content-Length"] == str(len(LARGE))


@pytest.mark.parametrize("path", NAMES)
async def test_close_closes_after_the_answer(client: RawClient, path: str) -> None:
    answer = await client.ask("GET", path, "Connection: close")
    assert answer.body == NAMES[path]
    assert answer.headers["Connection"] == "close"
    assert await client.at_end()


@pytest.mark.parametrize("path", NAMES)
async def test_http_1_0_closes_unless_asked_to_stay(client: RawClient, path: str) -> None:
    for _ in range(2):
        client.send(request(path, "Connection: keep-alive", version="HTTP/1.0"))
        answer = await client.answer()
        assert answer.body == NAMES[path]
        assert answer.headers["Connection"] == "keep-alive"
    client.send(request(path, version="HTTP/1.0"))
    assert (await client.answer()).body == NAMES[path]
    assert await client.at_end()


@pytest.mark.parametrize("path", NAMES)
async def test_a_request_may_come_byte_by_byte(client: RawClient, path: str) -> None:
    for byte in request(path, "Range: bytes=0-0"):
        client.send(bytes([byte]))
        await asyncio.sleep(0)
    answer = await client.answer()
    assert answer.body in (NAMES[path][:1], b"") or answer.status == 416


async def test_a_body_that_nobody_reads_does_not_become_the_next_request(client: RawClient) -> None:
    inner = request("/nothing")
    client.send(request("/small.data", f"Content-Length: {len(inner)}") + inner + request("/large.data"))
    assert (await client.answer()).body == b"small"
    assert (await client.answer()).body == LARGE


async def test_many_connections_are_served_at_once(serve: Serve, raw: Raw, folder: Path) -> None:
    write(folder / "large.data", LARGE)
    server = await serve()
    clients = [await raw(server) for _ in range(50)]
    async with asyncio.timeout(DEADLINE):
        answers = await asyncio.gather(*(client.ask("GET", "/large.data") for client in clients))
    assert all(answer.body == LARGE for answer in answers)
