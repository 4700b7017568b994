"""The pipe over real sockets: exact bytes, timing with lower bounds, and how each fault ends a connection."""

import asyncio
import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from fetchkit import Config, Server, running
from fetchkit.origin.bodies import Content
from tests.conftest import Serve
from tests.files.support import eventually, open_descriptors
from tests.forward.test_memory import memory, narrow, receive
from tests.program import Program
from tests.wire.client import Client, Outcome
from tests.wire.exchange import request_head
from tests.wire.framing import End

KIB, MIB = 1024, 1024 * 1024
SIZE = 1000
BODY = b"".join(Content(SIZE).pieces(0, SIZE))
# Behind a pipe that ends well: the connection is as good as new.
NEXT = b"GET /origin/body/5?seed=next HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
# A body's first piece is the stamp of its block, and each piece is a chunk.
STAMP = 32
NEXT_BODY = b"".join(Content(5, "next").pieces(0, 5))
# Sleeps may end a tick of the clock early.
TICK = 0.001
# Between what is told apart by time.
PAUSE = 0.3
# Of the memory that one connection may take, whatever its body.
GROWTH = 8 * MIB


def target(pipe: str, size: int = SIZE, more: str = "") -> str:
    return (
        f"/origin/body/{size}?pipe={pipe.replace(' ', '%20').replace('<', '%3C').replace('>', '%3E')}{more}"
    )


def chunks(body: bytes) -> bytes:
    """The body as its pieces are framed."""
    parts = [part for part in (body[:STAMP], body[STAMP:]) if part]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


Ask = Callable[..., Awaitable[Client]]


@pytest.fixture(autouse=True)
def nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Ending a connection on purpose is no error of the server."""
    yield
    assert not [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]


@pytest.fixture
async def server(serve: Serve) -> Server:
    """A server with an origin."""
    return await serve()


@pytest.fixture
async def ask(server: Server) -> AsyncIterator[Ask]:
    """Send a request for a body with a pipe, and another one at once behind it."""
    clients: list[Client] = []

    async def start(
        pipe: str,
        *lines: str,
        method: str = "GET",
        version: str = "HTTP/1.1",
        size: int = SIZE,
        more: str = "",
        behind: bytes = NEXT,
        patience: float = 10.0,
    ) -> Client:
        client = await Client.connect(server.port, patience)
        clients.append(client)
        await client.send(request_head(method, target(pipe, size, more), *lines, version=version) + behind)
        return client

    yield start
    for client in clients:
        client.close()


def lines_of(head: bytes, *names: str) -> list[bytes]:
    """The lines of a head with these names, without Date."""
    return [
        line
        for line in head.split(b"\r\n")
        if line.partition(b":")[0].lower().decode("latin-1") in {name.lower() for name in names}
    ]


FRAMING = ("Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Content-Encoding")

WELL_ENDED = [
    "chunked",
    "trailers",
    "trailers(X-A,1,X-B,2)",
    "early-hints",
    "gzip",
    "gzip(length)",
    "gzip(no-length)",
    "gzip|chunked|trailers|early-hints",
    "br",
    "zstd",
    "deflate(no-length)",
    "mislabel(gzip)",
    "corrupt(3)",
    "bomb(3000000)",
    "trickle(20KiB/s)",
    "chunked|trickle(20KiB/s)",
    "trickle(20KiB/s)|gzip",
    "delay(10ms)",
    "burst(400,10ms)",
    "stall(50%,10ms)",
    "status(500)",
    "status(999)",
    "status(204)",
    "status(304)",
    "chunked|status(204)",
    "cut(50%)|status(304)",
    "header(X-A,1)|type(text/html)|retry-after(1)|server-timing",
    "etag(weak)|range(always)",
    "range(short)",
    "no-cors|corp(none)|coep(none)|coop(none)",
    "head(405)|preflight(403)",
    "cut(50%)|bomb(0)",
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("pipe", WELL_ENDED)
async def test_behind_an_answer_that_ends_well_the_next_one_comes(pipe: str, method: str, ask: Ask) -> None:
    client = await ask(pipe, "Range: bytes=0-999", method=method)
    assert (await client.read(method)).end is End.COMPLETE
    follows = await client.read()
    assert (follows.end, follows.status, follows.body) == (End.COMPLETE, 200, NEXT_BODY)


@pytest.mark.parametrize("pipe", ["", "gzip", "corrupt(3)", "trickle(20KiB/s)", "status(204)", "delay(10ms)"])
async def test_a_connection_of_http_1_0_is_kept_where_that_is_asked_for(pipe: str, ask: Ask) -> None:
    client = await ask(pipe, "Connection: keep-alive", version="HTTP/1.0")
    outcome = await client.read()
    assert (outcome.end, outcome.values("Connection")) == (End.COMPLETE, [b"keep-alive"])
    assert (await client.read()).body == NEXT_BODY
    client = await ask(pipe, version="HTTP/1.0")
    assert (await client.read()).values("Connection") == [b"close"]
    assert await client.rest() == (b"", End.CUT)


@pytest.mark.parametrize(
    ("pipe", "head", "body", "end"),
    [
        ("cut(50%)", [b"Content-Length: 1000"], BODY[:500], End.CUT),
        ("cut(0)", [b"Content-Length: 1000"], b"", End.CUT),
        ("cut(100%)", [b"Content-Length: 1000"], BODY, End.CUT),
        ("cut(50%)|chunked", [b"Transfer-Encoding: chunked"], chunks(BODY[:500]), End.CUT),
        ("cut(50%)|cut(10)", [b"Content-Length: 1000"], BODY[:10], End.CUT),
        ("cut(50%)|range(short)", [b"Content-Length: 1000"], BODY[:250], End.CUT),
        ("reset(50%)", [b"Content-Length: 1000"], BODY[:500], End.RESET),
        ("reset(0)", [b"Content-Length: 1000"], b"", End.RESET),
        ("reset(100%)", [b"Content-Length: 1000"], BODY, End.RESET),
        ("chunked|reset(1)", [b"Transfer-Encoding: chunked"], chunks(BODY[:1]), End.RESET),
        ("stall(50%)", [b"Content-Length: 1000"], BODY[:500], End.STALLED),
        ("stall(100%)|chunked", [b"Transfer-Encoding: chunked"], chunks(BODY), End.STALLED),
        ("length(+10)", [b"Content-Length: 1010", b"Connection: close"], BODY, End.CUT),
        ("length(-10)", [b"Content-Length: 990", b"Connection: close"], BODY, End.CUT),
        ("length(garbage)", [b"Content-Length: abc", b"Connection: close"], BODY, End.CUT),
        ("length(negative)", [b"Content-Length: -1", b"Connection: close"], BODY, End.CUT),
        (
            "length(twice)",
            [b"Content-Length: 1000", b"Content-Length: 1001", b"Connection: close"],
            BODY,
            End.CUT,
        ),
        (
            "length(same-twice)",
            [b"Content-Length: 1000", b"Content-Length: 1000", b"Connection: close"],
            BODY,
            End.CUT,
        ),
        ("length(none)", [b"Connection: close"], BODY, End.CUT),
        ("no-length", [b"Connection: close"], BODY, End.CUT),
        ("length(+10)|reset(500)", [b"Content-Length: 1010", b"Connection: close"], BODY[:500], End.RESET),
        (
            "bad-chunk(500)",
            [b"Transfer-Encoding: chunked"],
            chunks(BODY[:500]) + b"zz\r\nnot a chunk\r\n",
            End.CUT,
        ),
        ("bad-chunk(0)", [b"Transfer-Encoding: chunked"], b"zz\r\nnot a chunk\r\n", End.CUT),
        ("no-last-chunk", [b"Transfer-Encoding: chunked"], chunks(BODY), End.CUT),
        (
            "trailers|no-last-chunk",
            [b"Trailer: X-Trailer", b"Transfer-Encoding: chunked"],
            chunks(BODY),
            End.CUT,
        ),
    ],
)
async def test_a_broken_answer_is_these_bytes_and_ends_so(
    pipe: str, head: list[bytes], body: bytes, end: End, ask: Ask
) -> None:
    range_asked = ["Range: bytes=0-999"] if "range" in pipe else []
    client = await ask(pipe, *range_asked, patience=1.0 if end is End.STALLED else 10.0)
    everything, ended = await client.rest()
    got_head, _, got_body = everything.partition(b"\r\n\r\n")
    assert ended is end
    assert got_head.startswith(b"HTTP/1.1 20")
    assert lines_of(got_head, *FRAMING) == head
    assert got_body == body  # and nothing for the request behind


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("pipe", "end"),
    [
        ("fin-before-headers", End.CUT),
        ("rst-before-headers", End.RESET),
        ("delay(20ms)|rst-before-headers", End.RESET),
        ("status(500)|fin-before-headers|chunked", End.CUT),
    ],
)
async def test_no_answer_at_all(pipe: str, end: End, method: str, ask: Ask) -> None:
    client = await ask(pipe, method=method)
    assert await client.rest() == (b"", end)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("word", "end"), [("fin", End.CUT), ("rst", End.RESET), ("stall", End.STALLED)])
async def test_half_of_the_head(word: str, end: End, method: str, ask: Ask) -> None:
    client = await ask(f"half-headers({word})", method=method, patience=1.0)
    half, ended = await client.rest()
    assert ended is end
    assert half.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in half
    whole, _ = await (await ask("no-length", method=method, behind=b"")).rest()
    assert whole.partition(b"Connection: close")[0].startswith(half)


async def test_early_hints_go_before_everything_even_before_no_answer(ask: Ask) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n"
    client = await ask('early-hints("</a>; rel=preload",</b>)|cut(0)')
    everything, _ = await client.rest()
    assert everything.startswith(hints + b"HTTP/1.1 200 OK\r\n")
    client = await ask('early-hints("</a>; rel=preload",</b>)|fin-before-headers')
    assert await client.rest() == (hints, End.CUT)
    outcome = await (await ask("early-hints|early-hints")).read()
    assert (outcome.interim, outcome.body) == ((103, 103), BODY)


async def test_chunks_and_trailers_are_these_bytes(ask: Ask) -> None:
    everything, _ = await (await ask("trailers(X-A,1,X-B,)", "Connection: close", behind=b"")).rest()
    head, _, body = everything.partition(b"\r\n\r\n")
    assert lines_of(head, *FRAMING) == [
        b"Trailer: X-A, X-B",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
    ]
    assert body == chunks(BODY) + b"0\r\nX-A: 1\r\nX-B: \r\n\r\n"


async def test_coded_bodies_are_chunked_or_counted(ask: Ask) -> None:
    for pipe, framing in (
        ("gzip", "Content-Length"),
        ("gzip(no-length)", "Transfer-Encoding"),
        ("gzip|chunked", "Transfer-Encoding"),
    ):
        outcome = await (await ask(pipe)).read()
        assert outcome.values("Content-Encoding") == [b"gzip"]
        assert outcome.values(framing)
        assert gzip.decompress(outcome.body) == BODY
    for pipe in ("gzip(no-length)", "no-length|gzip(no-length)"):
        outcome = await (await ask(pipe, version="HTTP/1.0", behind=b"")).read()
        assert not outcome.values("Content-Length")
        assert not outcome.values("Transfer-Encoding")
        assert gzip.decompress(outcome.body) == BODY


@pytest.mark.parametrize("pipe", ["status(204)", "status(304)", "chunked|status(204)", "gzip|status(204)"])
async def test_an_answer_that_can_have_no_body_has_no_framing(pipe: str, ask: Ask) -> None:
    outcome = await (await ask(pipe)).read()
    assert outcome.extra.startswith(b"HTTP/1.1 200 OK") or not outcome.extra
    assert not outcome.values("Content-Length")
    assert not outcome.values("Transfer-Encoding")


async def test_a_cut_within_a_body_of_unknown_length_is_no_good_end(ask: Ask) -> None:
    for pipe in ("gzip(no-length)|cut(100)", "gzip|cut(100)"):
        outcome = await (await ask(pipe, size=2 * MIB)).read()
        assert (outcome.end, len(outcome.body)) == (End.CUT, 100)


@pytest.mark.parametrize("fault", ["chunked", "trailers", "no-last-chunk", "bad-chunk(1)", "early-hints"])
async def test_what_http_1_0_has_not_is_400_there(fault: str, ask: Ask) -> None:
    outcome = await (await ask(fault, version="HTTP/1.0", behind=b"")).read()
    assert outcome.status == 400
    assert "HTTP/1.0 has no" in json.loads(outcome.body)["detail"]


@pytest.mark.parametrize(
    ("pipe", "detail"),
    [
        ("status(503)|delai(1)", "pipe: at character 13: there is no function 'delai'."),
        ("chunked|length(%2B1)", "pipe: length at character 9: impossible: an earlier function has chosen"),
        ("chunked|length(+1)", "pipe: length at character 9: impossible: an earlier function has chosen"),
        ("gzip(no-length)|cut(50%)", "pipe: cut at character 17: impossible: a per cent of a body"),
        ("header(X,%0D%0AY:%201)", "pipe: header at character 8: The value of X"),
        ("header(X,%22%FF%00%22)", "pipe: header at character 8: The value of X"),
        ("fail(1)", "pipe: fail counts calls, and so needs a token."),
        ("status(503", 'pipe: at character 7: the "(" is not closed.'),
    ],
)
async def test_a_bad_pipe_is_400_at_its_character_and_the_connection_goes_on(
    pipe: str, detail: str, ask: Ask
) -> None:
    client = await ask(pipe)
    outcome = await client.read()
    assert outcome.status == 400
    assert json.loads(outcome.body)["detail"].startswith(detail)
    assert (await client.read()).body == NEXT_BODY


async def test_head_gone_wrong(ask: Ask) -> None:
    for word, status, lengths in (
        ("405", 405, [b"0"]),
        ("403", 403, [b"0"]),
        ("no-length", 200, []),
        ("differs", 200, [b"1001"]),
    ):
        client = await ask(f"head({word})", method="HEAD")
        outcome = await client.read("HEAD")
        assert (outcome.status, outcome.values("Content-Length")) == (status, lengths)
        if word != "differs":  # whose connection is closed, as for every false length
            assert (await client.read()).body == NEXT_BODY
        assert (await (await ask(f"head({word})")).read()).body == BODY


async def test_bytes_that_are_no_text_reach_the_wire_as_they_are(ask: Ask) -> None:
    outcome = await (await ask("header(X-A,%FF%C3%A9+%2B%zz)|flaky(0,%FF)", more="&token=t")).read()
    assert outcome.values("X-A") == [b"\xff\xc3\xa9++%zz"]


PREFLIGHT = ("Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a")


async def cross(ask: Ask, pipe: str, *lines: str, method: str = "GET") -> Outcome:
    return await (await ask(pipe, "Origin: http://localhost:1", *lines, method=method)).read(method)


async def test_preflights_go_wrong_by_their_own_functions_alone(ask: Ask) -> None:
    allowed = [b"http://localhost:1"]
    origin, methods = "Access-Control-Allow-Origin", "Access-Control-Allow-Methods"

    async def preflight(pipe: str) -> Outcome:
        return await cross(ask, pipe, *PREFLIGHT, method="OPTIONS")

    plain = await preflight("")
    assert (plain.status, plain.values(origin)) == (204, allowed)
    assert plain.values(methods)
    others = (
        "status(500)|header(X-A,1)|delay(10)|fin-before-headers|cut(0)|chunked|corrupt(9)|fail(1)|etag(none)"
    )
    assert await preflight(others) == plain
    for word, status in (("403", 403), ("404", 404), ("500", 500), ("redirect", 307)):
        outcome = await preflight(f"preflight({word})")
        assert (outcome.status, outcome.end) == (status, End.COMPLETE)
        assert bool(outcome.values("Location")) == (word == "redirect")
        assert (await cross(ask, f"preflight({word})")).status == 200
    for word, name in (("no-methods", methods), ("no-origin", origin)):
        assert (await preflight(f"preflight({word})")).values(name) == []
        assert (await cross(ask, f"preflight({word})")).values(origin) == allowed
    for pipe, origins in (
        ("no-cors", []),
        ("cors(wrong)", [b"http://wrong.example"]),
        ("cors(twice)", [*allowed, b"http://second.example"]),
        ("cors(star)", [b"*"]),
    ):
        assert (await preflight(pipe)).values(origin) == origins
        assert (await cross(ask, pipe)).values(origin) == origins


async def test_each_answer_keeps_the_sandbox_whatever_the_pipe(ask: Ask) -> None:
    for pipe in (
        "",
        "status(500)",
        "type(text/html)",
        "header(content-security-policy,x)",
        "fail(1)",
        "no-cors",
    ):
        outcome = await (await ask(pipe, more="&token=t")).read()
        assert b"sandbox" in outcome.values("Content-Security-Policy")


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        """Start it."""
        self.began = time.monotonic()

    def __call__(self) -> float:
        """The time."""
        return time.monotonic() - self.began


async def test_a_delay_is_before_the_head(ask: Ask) -> None:
    clock = Clock()
    client = await ask(f"delay({PAUSE})")
    await client.wire.receive()
    assert clock() >= PAUSE - TICK
    clock = Clock()
    await (await ask("delay(150ms)|delay(150ms)|fin-before-headers")).rest()
    assert clock() >= PAUSE - TICK


async def test_early_hints_come_while_the_answer_is_waited_for(ask: Ask) -> None:
    client = await ask(f"early-hints|delay({PAUSE})")
    assert (await client.wire.receive()).endswith(b"as=style\r\n\r\n")
    clock = Clock()
    assert (await client.wire.receive()).startswith(b"HTTP/1.1 200")
    # What the first read took is not in it; half would still be no answer at once.
    assert clock() >= PAUSE / 2


async def test_a_stall_is_silent_for_its_whole_time_whatever_a_slow_client_has_cost(server: Server) -> None:
    size = 64 * MIB  # half of it is more than sockets hold, so that the server waits for the client
    client = await narrow(server.port)
    await client.send(request_head("GET", target(f"stall(50%,{PAUSE})", size)))
    received = len(await client.wire.receive())
    await asyncio.sleep(2 * PAUSE)
    silence, last = 0.0, time.monotonic()
    while received < size:
        received += len(await client.wire.receive())
        now = time.monotonic()
        silence, last = max(silence, now - last), now
    # What was on its way when the stall began has still come within it.
    assert silence >= PAUSE / 2
    client.close()


async def test_a_burst_is_followed_by_a_pause_and_the_last_is_not(ask: Ask) -> None:
    clock = Clock()
    outcome = await (await ask("burst(250,100ms)")).read()
    assert outcome.body == BODY
    assert clock() >= 0.3 - TICK


@pytest.mark.parametrize("pipe", ["trickle(10KiB/s)", "chunked|trickle(10KiB/s)", "trickle(10KiB/s)|gzip"])
async def test_a_trickle_is_never_ahead_of_its_rate(pipe: str, ask: Ask) -> None:
    clock = Clock()
    client = await ask(pipe, size=20 * KIB)
    received = 0
    while received < 20 * KIB:
        piece = await client.wire.receive()
        assert piece
        received += len(piece)
        if received < 20 * KIB:  # a head, and the framing of twenty pieces, are no part of it
            assert received <= 10 * KIB * clock() + 2 * KIB
    assert clock() >= 2.0 * 0.95


async def test_fifty_trickles_at_once_are_all_steady(server: Server) -> None:
    async def one(number: int) -> None:
        clock = Clock()
        client = await Client.connect(server.port)
        await client.send(request_head("GET", target("trickle(8KiB/s)", 16 * KIB, f"&seed={number}")))
        outcome = await client.read()
        assert outcome.body == b"".join(Content(16 * KIB, str(number)).pieces(0, 16 * KIB))
        assert clock() >= 2.0 * 0.95
        client.close()

    await asyncio.gather(*map(one, range(50)))


@pytest.mark.parametrize("leave", ["fin", "rst", "close"])
@pytest.mark.parametrize(
    "pipe",
    [
        "delay(600)",
        "early-hints|delay(600)",
        "trickle(1)",
        "trickle(1)|gzip",
        "stall(50%)",
        "stall(50%,600)",
        "stall(50%)|chunked",
        "half-headers(stall)",
        "burst(1,600)",
        "gzip(no-length)|stall(10)",
    ],
)
async def test_a_client_that_leaves_frees_everything(pipe: str, leave: str, server: Server) -> None:
    def taken() -> tuple[int, int]:
        return open_descriptors(), len(asyncio.all_tasks())

    before = taken()
    client = await Client.connect(server.port)
    await client.send(request_head("GET", target(pipe)))
    if pipe == "delay(600)":
        await eventually(lambda: taken()[0] >= before[0] + 2, "a connection")
        await asyncio.sleep(0.05)
    else:
        assert await client.wire.receive()
    assert taken() != before
    getattr(client, leave)()
    if leave == "fin":
        await eventually(lambda: taken()[0] <= before[0] + 1, "the server's end is closed")
        client.close()
    await eventually(lambda: taken() == before, "everything is freed")


async def test_a_slow_reader_gets_all_that_goes_before_an_end(server: Server) -> None:
    for pipe, end in (("reset(100%)", End.RESET), ("cut(100%)", End.CUT)):
        client = await narrow(server.port)
        await client.send(request_head("GET", target(pipe, MIB)))
        await asyncio.sleep(0.2)
        everything, ended = await client.rest()
        assert ended is end
        assert everything.partition(b"\r\n\r\n")[2] == b"".join(Content(MIB).pieces(0, MIB))
        client.close()


@pytest.mark.parametrize(("pipe", "size"), [("bomb(4GiB)", 1), ("gzip", 64 * MIB)], ids=["bomb", "gzip"])
async def test_a_body_that_costs_much_holds_up_nobody(pipe: str, size: int, server: Server) -> None:
    """The reader is a thread and always ready, so that nothing but the server itself gives way to others."""
    received = 0

    def download() -> None:
        nonlocal received
        with socket.create_connection(("127.0.0.1", server.port)) as end:
            end.sendall(request_head("GET", target(pipe, size), "Connection: close"))
            while piece := end.recv(MIB):
                received += len(piece)

    turns = 0
    reader = threading.Thread(target=download)
    reader.start()
    while reader.is_alive():
        turns += 1
        await asyncio.sleep(0.001)
    assert received > MIB
    assert turns > 5  # one or two without


async def test_the_server_stops_though_answers_stall(folder: Path) -> None:
    clients = []
    async with asyncio.timeout(10):
        async with running(Config(directory=folder, host=("127.0.0.1",), port=0)) as server:
            for pipe in ("stall(50%)", "early-hints|delay(600)", "half-headers(stall)", "trickle(1)"):
                clients.append(await Client.connect(server.port))
                await clients[-1].send(request_head("GET", target(pipe)))
                assert await clients[-1].wire.receive()
    for client in clients:
        client.close()


@pytest.fixture
def program(folder: Path, tmp_path: Path) -> Iterator[Program]:
    """A server with its memory to itself."""
    with Program(tmp_path, "serve", str(folder), "--port", "0", "--host", "127.0.0.1", "-q") as started:
        yield started


@pytest.mark.parametrize("pipe", ["", "chunked", "corrupt(9)", "trickle(100GiB/s)", "gzip(no-length)"])
async def test_a_reader_that_stops_stops_the_body_and_memory_stays(pipe: str, program: Program) -> None:
    port = program.ready_port()
    warm = await Client.connect(port)
    await warm.send(request_head("GET", target(pipe, 8 * MIB)))
    assert (await warm.read()).end is End.COMPLETE
    warm.close()
    before = memory(program, "VmRSS")
    client = await narrow(port)
    await client.send(request_head("GET", target(pipe, 1024 * MIB)))
    await receive(client.wire, 4 * MIB)
    await asyncio.sleep(1.0)
    await receive(client.wire, 4 * MIB)  # and goes on, so it was not cut
    assert memory(program, "VmHWM") - before <= GROWTH
    client.close()


async def test_a_large_body_streams_in_constant_memory(program: Program) -> None:
    port = program.ready_port()
    for size in (8 * MIB, 1024 * MIB):
        client = await Client.connect(port)
        before = memory(program, "VmRSS")
        await client.send(request_head("GET", target("chunked", size)))
        await receive(client.wire, size)
        client.close()
    assert memory(program, "VmHWM") - before <= GROWTH
