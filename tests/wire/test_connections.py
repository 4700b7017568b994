"""Connections that are used again, and those that somebody leaves."""

import asyncio
import time
from collections.abc import Callable

import pytest

from fetchkit import Server
from tests.conftest import Serve

from .client import DEADLINE, Client, Outcome
from .exchange import forward_path, request_head
from .framing import End
from .origin import Origin, Step, fin, flood, request, rst, seen, send, stall
from .scenarios import TEXT, message, sized

FIRST, SECOND = send(sized(b"first")), send(sized(b"second"))


async def ask(server: Server, origin: Origin, method: str = "GET", body: bytes = b"") -> Outcome:
    """Ask through the forward, on a connection of its own."""
    client = await Client.connect(server.port, delivered=origin.delivered)
    lines = [f"Content-Length: {len(body)}"] if body else []
    await client.send(request_head(method, forward_path(origin), *lines), body)
    outcome = await client.read(method)
    client.close()
    return outcome


async def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.002)


async def test_a_kept_connection_is_used_again(serve: Serve) -> None:
    server = await serve()
    async with Origin(((request, FIRST, request, SECOND),)) as origin:
        assert [(await ask(server, origin)).body for _ in range(2)] == [b"first", b"second"]
        assert len(origin.connections) == 1


async def test_a_connection_that_the_origin_closed_is_not_used_again(serve: Serve) -> None:
    server = await serve()
    async with Origin(((request, FIRST, seen(5), fin), (request, SECOND))) as origin:
        assert (await ask(server, origin, "POST", TEXT)).body == b"first"
        await eventually(lambda: origin.connections[0].gone is not None, "the forward sees the FIN")
        assert (await ask(server, origin, "POST", TEXT)).body == b"second"
        assert [len(each.requests) for each in origin.connections] == [1, 1]


@pytest.mark.parametrize("leave", [fin, rst], ids=["FIN", "reset"])
async def test_a_get_that_meets_a_closing_connection_is_asked_again(leave: Step, serve: Serve) -> None:
    server = await serve()
    async with Origin(((request, FIRST, request, leave), (request, SECOND))) as origin:
        assert [(await ask(server, origin)).body for _ in range(2)] == [b"first", b"second"]


@pytest.mark.parametrize("body", [b"", TEXT], ids=["empty", "body"])
@pytest.mark.parametrize("leave", [fin, rst], ids=["FIN", "reset"])
async def test_a_post_that_meets_a_closing_connection_is_never_repeated(
    leave: Step, body: bytes, serve: Serve
) -> None:
    server = await serve()
    async with Origin(((request, FIRST, request, leave), (request, SECOND))) as origin:
        await ask(server, origin)
        assert (await ask(server, origin, "POST", body)).status == 502
        assert [each.line.split()[0] for each in origin.requests] == [b"GET", b"POST"]


@pytest.mark.parametrize("leave", [fin, rst], ids=["FIN", "reset"])
async def test_a_put_that_meets_a_closing_connection_is_never_sent_without_its_body(
    leave: Step, serve: Serve
) -> None:
    server = await serve()
    async with Origin(((request, FIRST, request, leave), (request, SECOND))) as origin:
        await ask(server, origin)
        outcome = await ask(server, origin, "PUT", TEXT)
        puts = [each for each in origin.requests if each.line.startswith(b"PUT")]
        assert [each.body for each in puts if each.end is End.COMPLETE] == [TEXT] * len(puts)
        assert outcome.status == (502 if len(puts) == 1 else 200)


@pytest.mark.parametrize("end", [stall, fin], ids=["open", "closed"])
async def test_a_response_right_behind_another_answers_no_later_request(end: Step, serve: Serve) -> None:
    server = await serve()
    both = send(sized(b"first") + sized(b"smuggled"))
    async with Origin(((request, both, end), (request, SECOND))) as origin:
        outcomes = [await ask(server, origin) for _ in range(2)]
        assert [(each.status, each.body) for each in outcomes] == [(200, b"first"), (200, b"second")]


async def test_a_response_that_nobody_asked_for_answers_no_later_request(serve: Serve) -> None:
    server = await serve()
    answered, sent = asyncio.Event(), asyncio.Event()

    async def until_answered(_: object) -> None:
        await answered.wait()

    async def mark(_: object) -> None:
        sent.set()

    smuggle = (until_answered, send(sized(b"smuggled")), mark)
    async with Origin(((request, FIRST, *smuggle), (request, SECOND))) as origin:
        assert (await ask(server, origin)).body == b"first"
        answered.set()
        await sent.wait()
        assert (await ask(server, origin)).body == b"second"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 8", b"Transfer-Encoding: chunked"], ids=["length", "chunked"]
)
async def test_a_connection_whose_body_broke_is_not_used_again(framing: bytes, serve: Serve) -> None:
    server = await serve()
    begin = message("200 OK", framing, body=b"5\r\nhel")
    async with Origin(((request, send(begin), seen(3), fin), (request, SECOND))) as origin:
        assert (await ask(server, origin)).broken
        assert (await ask(server, origin)).body == b"second"


HEADS = {
    "length": message("200 OK", "Content-Length: 5000000000"),
    "chunked": message("200 OK", "Transfer-Encoding: chunked"),
    "until FIN": message("200 OK"),
}
BLOCK = b"%X\r\n%b\r\n" % (65536, b"a" * 65536)
LEAVE = {"close": Client.close, "reset": Client.rst}


@pytest.mark.parametrize("how", LEAVE)
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_a_client_that_leaves_a_download_ends_it_upstream(head: bytes, how: str, serve: Serve) -> None:
    server = await serve()
    async with Origin(((request, send(head), flood(BLOCK)),)) as origin:
        client = await Client.connect(server.port, delivered=origin.delivered)
        await client.send(request_head("GET", forward_path(origin)))
        reading = asyncio.create_task(client.read())
        await eventually(lambda: len(origin.delivered.body) > 1 << 20, "the first MiB")
        reading.cancel()
        await asyncio.wait([reading])
        LEAVE[how](client)
        await eventually(lambda: origin.connections[0].gone is not None, "the forward leaves the origin")


@pytest.mark.parametrize("how", LEAVE)
@pytest.mark.parametrize(
    "begin",
    [(), (send(b"HTTP/1.1 200 OK\r\n"),), (send(message("200 OK", "Content-Length: 10", body=TEXT)),)],
    ids=["before the head", "inside the head", "inside the body"],
)
async def test_a_client_that_leaves_a_silent_origin_ends_it_upstream(
    begin: tuple[Step, ...], how: str, serve: Serve
) -> None:
    server = await serve()
    async with Origin(((request, *begin),)) as origin:
        client = await Client.connect(server.port, delivered=origin.delivered)
        await client.send(request_head("GET", forward_path(origin)))
        await eventually(lambda: bool(origin.requests), "the request")
        LEAVE[how](client)
        await eventually(lambda: origin.connections[0].gone is not None, "the forward leaves the origin")
