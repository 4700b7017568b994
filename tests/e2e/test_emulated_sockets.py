"""Emulated POSIX sockets (SOCKFS, the default build): each is a WebSocket that fetchkit connects further."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Ended, Tab, program_at, websocket_at
from .peers import DEADLINE, HOST, answering, datagrams, echo, free_port, free_ports, refusing_port
from .toolchain import PROGRAMS

pytestmark = pytest.mark.e2e

Site = Callable[..., Path]
Serve = Callable[..., str]
Run = Callable[..., Ended]

FLAGS = ("--pre-js", str(PROGRAMS / "sockets" / "emulated.js"))
MODULARIZED = (
    *("-sMODULARIZE", "-sEXPORT_NAME=createProgram"),
    *("--extern-post-js", str(PROGRAMS / "sockets" / "modularized.js")),
)
REFUSED = ("ERR_CONNECTION_REFUSED", "WebSocket connection to")


@pytest.fixture
def isolation() -> str:
    """One mode is enough, the stricter one: isolation says nothing about WebSockets."""
    return "require-corp"


@pytest.fixture
def run(site: Site, serve: Serve, tab: Tab) -> Run:
    """`run(program, *arguments, options=(), path=None, **settings)`: how it ended.

    With a path every socket of the program goes there, whatever address it connects to.
    """

    def until_end(
        program: str,
        *arguments: object,
        options: tuple[str, ...] = (),
        flags: tuple[str, ...] = (),
        path: str | None = None,
        **settings: str,
    ) -> Ended:
        url = serve(site(f"sockets/{program}", *FLAGS, *flags), *options)
        if path is not None:
            settings["url"] = websocket_at(url, path)
        return tab.run(program_at(url, program, *arguments, **settings))

    return until_end


def test_socket_reaches_a_server_through_the_tunnel(run: Run) -> None:
    with answering("one") as port:
        ended = run("talk", "10.0.0.1", 1, path=f"tcp/{HOST}:{port}")
    assert ended == Ended(["one heard hello"], 0)


def test_socket_reaches_the_target_of_the_root(run: Run) -> None:
    with answering("one") as port:
        ended = run("talk", "10.0.0.1", 1, options=("--tcp", f"{HOST}:{port}"), path="")
    assert ended == Ended(["one heard hello"], 0)


def test_unchanged_program_reaches_two_servers_through_bridges(run: Run) -> None:
    with answering("one") as one, answering("two") as two:
        here, there = free_ports(2)
        bridges = ("--bridge", f"{here}:{HOST}:{one}", "--bridge", f"{there}:{HOST}:{two}")
        ended = run("talk", HOST, here, HOST, there, options=bridges)
    assert ended == Ended(["one heard hello", "two heard hello"], 0)


@pytest.mark.parametrize("flags", [(), MODULARIZED])
def test_unchanged_program_reaches_servers_by_the_shim(run: Run, tab: Tab, flags: tuple[str, ...]) -> None:
    tab.allowed += REFUSED
    with answering("one") as one, answering("two") as two, refusing_port() as refusing:
        ended = run("talk", HOST, one, HOST, two, HOST, refusing, options=("--inject",), flags=flags)
    assert ended == Ended(["one heard hello", "two heard hello", "Connection refused"], 0)


def test_bridge_is_left_alone_by_the_shim(run: Run) -> None:
    with answering("one") as one, answering("two") as two:
        here = free_port()
        ended = run("talk", HOST, here, HOST, two, options=("--inject", "--bridge", f"{here}:{HOST}:{one}"))
    assert ended == Ended(["one heard hello", "two heard hello"], 0)


@pytest.mark.parametrize("subprotocol", ["text", "base64, text, binary", "null"])
def test_any_subprotocol_will_do(run: Run, subprotocol: str) -> None:
    with answering("one") as port:
        ended = run("talk", HOST, 1, path=f"tcp/{HOST}:{port}", subprotocol=subprotocol)
    assert ended == Ended(["one heard hello"], 0)


def test_refused_connection_is_told_as_one(run: Run, tab: Tab) -> None:
    tab.allowed += REFUSED
    with refusing_port() as port:
        ended = run("talk", HOST, 1, path=f"tcp/{HOST}:{port}")
    assert ended == Ended(["Connection refused"], 0)


def test_connection_refused_behind_a_bridge_is_told_as_one(run: Run, tab: Tab) -> None:
    tab.allowed += REFUSED
    with refusing_port() as port, answering("two") as two:
        here, there = free_ports(2)
        bridges = ("--bridge", f"{here}:{HOST}:{port}", "--bridge", f"{there}:{HOST}:{two}")
        ended = run("talk", HOST, here, HOST, there, options=bridges)
    assert ended == Ended(["Connection refused", "two heard hello"], 0)


def test_ten_mebibytes_arrive_both_ways_as_they_were_sent(run: Run) -> None:
    total = 10 << 20
    with echo() as peer:
        ended = run("emulated_bulk", HOST, 1, total, path=f"tcp/{HOST}:{peer.port}")
        count, digest = peer.received.get(timeout=DEADLINE)
    assert count == total
    assert ended == Ended([f"sent: {digest:08x}", f"received: {digest:08x}"], 0)


@pytest.mark.parametrize("way", ["path", "bridge", "shim"])
@pytest.mark.parametrize("bound", [False, True])
def test_datagrams_go_both_ways(run: Run, way: str, bound: bool) -> None:
    own = free_port(socket.SOCK_DGRAM)
    seen: list[int] = []

    def answer(data: bytes, port: int) -> bytes:
        seen.append(port)
        return data + b" and back"

    with datagrams(answer) as peer:
        here = free_port()
        options = {
            "path": (),
            "bridge": ("--bridge", f"{here}:{HOST}:{peer}/udp"),
            "shim": ("--inject",),
        }[way]
        path = f"udp/{HOST}:{peer}" if way == "path" else None
        port = peer if way == "shim" else here
        arguments = [HOST, port, *([own] if bound else [])]
        ended = run("emulated_datagrams", *arguments, options=options, path=path)
    assert ended == Ended(["one and back", "two and back"], 0)
    assert len(set(seen)) == 1
    assert (seen[0] == own) == bound


@pytest.mark.parametrize(("opened_with", "told"), [("secret", "one heard hello"), ("", "Connection refused")])
def test_only_a_page_opened_with_the_token_has_sockets(
    site: Site, serve: Serve, tab: Tab, opened_with: str, told: str
) -> None:
    tab.allowed += REFUSED
    with answering("one") as port:
        url = serve(site("sockets/talk", *FLAGS), "--token=secret", "--inject")
        ended = tab.run(program_at(url, "talk", HOST, port, **{"fetchkit-token": opened_with}))
    assert ended == Ended([told], 0)
