"""Full POSIX sockets (`-sPROXY_POSIX_SOCKETS`) by `/posix`: C programs in a page have sockets of the host."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Ended, Tab, program_at, websocket_at
from .peers import DEADLINE, HOST, datagrams, echo, free_port, refusing_port, say

pytestmark = pytest.mark.e2e

Site = Callable[..., Path]
Serve = Callable[..., str]
Run = Callable[..., Ended]

FLAGS = ("-lwebsocket.js", "-sPROXY_POSIX_SOCKETS", "-pthread", "-sPROXY_TO_PTHREAD", "-sINITIAL_MEMORY=64MB")


@pytest.fixture
def isolation() -> str:
    """One mode is enough, the stricter one, but for what isolation decides."""
    return "require-corp"


@pytest.fixture
def start(site: Site, serve: Serve, tab: Tab) -> Callable[..., None]:
    """`start(program, *arguments)`: opens the page of a program, whose first argument is the bridge's URL."""

    def open_page(program: str, *arguments: object, path: str = "posix") -> None:
        url = serve(site(f"sockets/{program}", *FLAGS))
        tab.start(program_at(url, program, websocket_at(url, path), *arguments))

    return open_page


@pytest.fixture
def run(start: Callable[..., None], tab: Tab) -> Run:
    """`run(program, *arguments)`: how it ended."""

    def until_end(program: str, *arguments: object, path: str = "posix") -> Ended:
        start(program, *arguments, path=path)
        return tab.ended()

    return until_end


@pytest.mark.parametrize("isolation", ["require-corp", "credentialless"])
@pytest.mark.parametrize("path", ["posix", ""])
def test_client_resolves_connects_talks_and_sees_the_end(run: Run, tab: Tab, path: str) -> None:
    tab.allowed.append("ai_")  # Emscripten's client writes every address to the console
    with echo() as peer:
        ended = run("client", peer.port, path=path)
    assert ended.output == [f"connected to {HOST}:{peer.port}", "heard: over and back", "the end"]
    assert ended.exit_code == 0


def test_program_with_a_fixed_url_finds_a_bridge(site: Site, serve: Serve, tab: Tab) -> None:
    tab.allowed.append("ai_")
    bridge = free_port()
    url = serve(site("sockets/client", *FLAGS), "--bridge", f"{bridge}:posix")
    with echo() as peer:
        ended = tab.run(program_at(url, "client", f"ws://localhost:{bridge}/any/path", peer.port))
    assert ended.output[1:] == ["heard: over and back", "the end"]
    assert ended.exit_code == 0


def test_server_in_the_page_accepts_clients_of_the_host(start: Callable[..., None], tab: Tab) -> None:
    start("server", 0)
    port = int(tab.line(f"listening on {HOST}:"))
    assert say(port, b"first", b"second") == [b"first", b"second"]
    assert say(port, b"third", b"end") == [b"third", b"end"]
    ended = tab.ended()
    assert [line.rpartition(":")[0] for line in ended.output[1:]] == [f"serving {HOST}"] * 2
    assert ended.exit_code == 0


def test_reloaded_page_binds_the_same_port_at_once(start: Callable[..., None], tab: Tab) -> None:
    port = free_port()
    start("server", port)
    tab.line("listening on ")
    with socket.create_connection((HOST, port), DEADLINE) as client:
        client.sendall(b"before")
        assert client.recv(100) == b"before"
        tab.start(tab.page.url)
        assert client.recv(100) == b""  # its server is gone
        assert tab.line("listening on ") == f"{HOST}:{port}"
    assert say(port, b"end") == [b"end"]
    assert tab.ended().exit_code == 0


def test_datagrams_go_both_ways(start: Callable[..., None], tab: Tab) -> None:
    with datagrams(lambda data, _: data) as peer, socket.socket(type=socket.SOCK_DGRAM) as asking:
        start("datagrams", peer)
        own = int(tab.line(f"bound to {HOST}:"))
        asking.settimeout(DEADLINE)
        asking.sendto(b"where", (HOST, own))
        assert asking.recvfrom(100) == (b"here", (HOST, own))
    ended = tab.ended()
    assert ended.output == [
        "answer: 8 bytes, 'question'",
        "big answer: 1400 bytes, ''",
        "empty answer: 0 bytes, ''",
        f"bound to {HOST}:{own}",
        "asked: 5 bytes, 'where'",
    ]
    assert ended.exit_code == 0


def test_names_are_resolved_by_the_host(run: Run, tab: Tab) -> None:
    tab.allowed.append("ai_")
    ended = run("names")
    assert ended.output == [
        "localhost 80: 127.0.0.1 port 80, called localhost",
        "127.0.0.2 http: 127.0.0.2 port 80",
        "::1 no service: ::1 port 0",
        "no name 81: 0.0.0.0 port 81",
        "no name 82: 127.0.0.1 port 82",
        "no-address 80: EAI_NONAME",
    ]
    assert ended.exit_code == 0


def test_errno_and_time_outs_are_what_the_program_knows(run: Run) -> None:
    with echo() as peer, refusing_port() as refusing:
        ended = run("errors", refusing, peer.port)
    assert ended.output == ["connect: Connection refused", "recv: Resource temporarily unavailable"]
    assert ended.exit_code == 0


def test_one_thread_receives_while_another_sends(run: Run) -> None:
    with echo() as peer:
        ended = run("two_threads", peer.port)
    assert ended.output == ["received 200"]
    assert ended.exit_code == 0


# Chromium fragments a message of more than 64 KiB.
@pytest.mark.parametrize(("total", "piece"), [(1 << 20, 1 << 20), (10 << 20, 1 << 18)])
def test_bulk_arrives_both_ways_as_it_was_sent(run: Run, total: int, piece: int) -> None:
    with echo() as peer:
        ended = run("bulk", peer.port, total, piece)
        count, digest = peer.received.get(timeout=DEADLINE)
    assert count == total
    assert sorted(ended.output) == [f"received: {digest:08x}", f"sent: {digest:08x}"]
    assert ended.exit_code == 0
