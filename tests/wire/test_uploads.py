"""What the origin is sent: the target, the fields that the rules leave, the body and its framing."""

import asyncio
import time

import pytest

from tests.conftest import Serve

from .client import DEADLINE, Client
from .exchange import TARGET, direct, forward_path, forwarded, request_head, respelled
from .framing import End, Fields
from .origin import Origin, Request, request, send
from .scenarios import SCENARIOS, TEXT, Scenario, named, sized

UPLOADS = [each for each in SCENARIOS if each.upload and each.status != 413]
# Of a hop, of the page, for the forward itself (SPEC, section 3); Host and framing have tests of their own.
NOT_SENT = {
    "access-control-request-headers": "x-own", "connection": "keep-alive, X-Hop", "cookie": "a=1",
    "expect": "100-continue", "keep-alive": "timeout=5", "proxy-authorization": "Basic YTpi",
    "proxy-connection": "keep-alive", "referer": "http://localhost/", "sec-fetch-mode": "cors",
    "sec-fetch-site": "same-origin", "te": "trailers", "trailer": "X-Sum", "upgrade": "own", "x-hop": "1",
    "x-fetchkit-redirect": "manual",
}  # fmt: skip
SENT = (
    "zETA: 1", "X-Own: 1", "x-own: 2", "ACCEPT: */*", "X-Latin: caf\u00e9", "X-Empty:",
    'If-None-Match: W/"a"',
    "Authorization: Bearer b", "User-Agent: own/1 (a; b)", 'Content-Type: text/x; a="b"',
)  # fmt: skip
# Put there by the forward: the way back, and plain bytes (SPEC, section 3).
ADDED = {b"via", b"accept-encoding"}
FRAMING = {b"host", b"content-length", b"transfer-encoding"}


def without(fields: Fields, names: set[bytes]) -> Fields:
    return respelled(tuple(pair for pair in fields if pair[0].lower() not in names))


def framing(request: Request) -> tuple[list[bytes], list[bytes]]:
    return request.values("Content-Length"), request.values("Transfer-Encoding")


@pytest.mark.parametrize("scenario", UPLOADS, ids=named)
async def test_a_body_arrives_whole_and_framed_as_it_was(scenario: Scenario, serve: Serve) -> None:
    server = await serve()
    exchanges = await asyncio.gather(direct(scenario), forwarded(server, scenario))
    [straight], [passed] = (exchange.requests for exchange in exchanges)
    assert (passed.line, passed.body, passed.end) == (straight.line, straight.body, End.COMPLETE)
    assert framing(passed) == framing(straight)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
async def test_a_request_without_a_body_arrives_without_one(method: str, serve: Serve) -> None:
    scenario = Scenario("no body", (request, send(sized(TEXT))), method=method)
    [passed] = (await forwarded(await serve(), scenario)).requests
    # A length of nothing says the same; a sender should say it where methods may have content
    # (RFC 9110, section 8.6).
    assert framing(passed) in [([], []), ([b"0"], [])]


async def test_fields_arrive_as_the_rules_leave_them(serve: Serve) -> None:
    lines = (*SENT, *(f"{name}: {value}" for name, value in NOT_SENT.items()))
    scenario = Scenario("fields", (request, send(sized(TEXT))), lines=lines)
    [straight] = (await direct(scenario)).requests
    [passed] = (await forwarded(await serve(), scenario)).requests
    removed = {name.encode() for name in NOT_SENT}
    assert without(passed.headers, ADDED | FRAMING) == without(straight.headers, removed | FRAMING)
    assert passed.values("Accept-Encoding") == [b"identity"]
    assert passed.values("Via")[0].startswith(b"1.1 ")


async def test_the_target_and_the_host_are_those_of_the_url(serve: Serve) -> None:
    server = await serve()
    async with Origin(((request, send(sized(TEXT))),)) as origin:
        client = await Client.connect(server.port, delivered=origin.delivered)
        await client.send(request_head("GET", forward_path(origin)))
        await client.read()
        client.close()
        assert origin.requests[0].line == f"GET {TARGET} HTTP/1.1".encode()
        assert origin.requests[0].values("Host") == [f"127.0.0.1:{origin.port}".encode()]


BEGUN = {
    "length": ("Content-Length: 10", b"01234"),
    "length, one byte early": ("Content-Length: 10", b"012345678"),
    "chunked": ("Transfer-Encoding: chunked", b"5\r\n01234\r\n"),
    "inside a chunk": ("Transfer-Encoding: chunked", b"A\r\n01234"),
    "before the last line end": ("Transfer-Encoding: chunked", b"5\r\n01234\r\n0\r\n"),
}
LEAVE = {"FIN": Client.fin, "close": Client.close, "reset": Client.rst}


async def break_off(client: Client, origin: Origin, line: str, begun: bytes, how: str, path: str) -> None:
    """Begin an upload, and leave once the origin has its head."""
    await client.send(request_head("POST", path, line), begun)
    deadline = time.monotonic() + DEADLINE
    while not (origin.connections and origin.connections[0].stream.began):
        assert time.monotonic() < deadline, "the upload never reached the origin"
        await asyncio.sleep(0.002)
    LEAVE[how](client)


@pytest.mark.parametrize("how", LEAVE)
@pytest.mark.parametrize(("line", "begun"), BEGUN.values(), ids=BEGUN)
async def test_an_upload_that_breaks_off_is_never_complete_upstream(
    line: str, begun: bytes, how: str, serve: Serve
) -> None:
    server = await serve()
    async with Origin(((request, send(sized(TEXT))),)) as origin:
        client = await Client.connect(server.port)
        await break_off(client, origin, line, begun, how, forward_path(origin))
        deadline = time.monotonic() + DEADLINE
        while origin.connections[0].gone is None:
            assert time.monotonic() < deadline, "the origin still waits for the rest"
            await asyncio.sleep(0.002)
        client.close()
        assert [each.end for each in origin.requests if each.end is End.COMPLETE] == []
        assert len(origin.connections) == 1


@pytest.mark.parametrize(
    "chunk", [b"xyz\r\n", b"-1\r\n", b"5\r\nhello!\r\n"], ids=["no number", "below zero", "longer"]
)
async def test_an_upload_with_a_bad_chunk_is_never_complete_upstream(chunk: bytes, serve: Serve) -> None:
    server = await serve()
    async with Origin(((request, send(sized(TEXT))),)) as origin:
        client = await Client.connect(server.port, patience=2.0)
        head = request_head("POST", forward_path(origin), "Transfer-Encoding: chunked")
        await client.send(head, b"5\r\nhello\r\n", chunk, b"0\r\n\r\n", gap=0.01)
        outcome = await client.read()
        client.close()
        assert outcome.end is not End.STALLED
        assert outcome.status in (0, 400, 502)
        assert [each for each in origin.requests if each.end is End.COMPLETE] == []
