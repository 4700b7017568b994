"""Running: the ready line, the addresses, and an end in good time whatever clients do."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from fetchkit import Config, Server, build_app, running
from fetchkit.config import DEFAULT_PORT
from fetchkit.errors import ConfigError, ListenError

from .conftest import Raw, Serve
from .program import Program, one_sentence

# SPEC section 1: from the signal to the end.
STOP_SECONDS = 5.0
SIGNALS = [signal.SIGINT, signal.SIGTERM]
LARGE = 64 * 1024 * 1024


def refused(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens there."""
    try:
        with socket.create_connection((host, port), timeout=5):
            return False
    except ConnectionError:  # reset: it was in the queue of a socket that closed
        return True


def wait_until_refused(port: int) -> None:
    """Wait until no connection is accepted any more."""
    deadline = time.monotonic() + STOP_SECONDS
    while not refused(port):
        assert time.monotonic() < deadline, "it still accepts connections"


@pytest.fixture
def large(folder: Path) -> Path:
    """A file that no socket buffer holds."""
    path = folder / "large.data"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


async def test_it_serves_inside_the_block_and_not_after(folder: Path) -> None:
    async with running(Config(directory=folder, host=("127.0.0.1",), port=0)) as server:
        assert server.url == f"http://127.0.0.1:{server.port}/"
        async with aiohttp.ClientSession() as session, session.get(server.url + "digits.txt") as answer:
            assert await answer.read() == b"0123456789"
    assert refused(server.port)


async def test_an_error_in_the_block_passes_and_closes(folder: Path) -> None:
    config = Config(directory=folder, host=("127.0.0.1",), port=0)
    with pytest.raises(ZeroDivisionError):
        async with running(config) as server:
            raise ZeroDivisionError
    assert refused(server.port)


async def test_loopback_of_both_families_is_the_default(folder: Path) -> None:
    async with running(Config(directory=folder, port=0)) as server:
        port = server.port
        assert server.urls == (f"http://127.0.0.1:{port}/", f"http://[::1]:{port}/")
        for url in server.urls:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                assert answer.status == 200


async def test_the_first_host_gives_the_url(serve: Serve) -> None:
    server = await serve(host=("::1", "127.0.0.1"))
    assert server.url == f"http://[::1]:{server.port}/"
    assert server.urls[1] == f"http://127.0.0.1:{server.port}/"


async def test_a_wrong_folder_is_refused_before_anything_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fetchkit.server.bind", lambda *_: pytest.fail("it listened"))
    with pytest.raises(ConfigError, match="does not exist"):
        await running(Config(directory=tmp_path / "missing")).__aenter__()


async def test_a_taken_port_is_refused(serve: Serve) -> None:
    server = await serve()
    with pytest.raises(ListenError, match=str(server.port)):
        await serve(port=server.port)


async def test_a_token_is_made_where_none_is_given_and_another_each_time(serve: Serve) -> None:
    tokens = {(await serve(token="")).token for _ in range(2)}
    assert len(tokens) == 2
    assert all(len(token) >= 22 for token in tokens)  # 128 bits in base64
    assert (await serve(token="abc")).token == "abc"
    assert (await serve()).token == ""


async def test_an_application_can_be_built_without_serving_it(folder: Path) -> None:
    assert isinstance(build_app(Config(directory=folder)), aiohttp.web.Application)


@pytest.mark.parametrize("target", ["/digits.txt", "/missing", "/fetchkit/health"])
async def test_extra_fields_are_on_every_response_once(target: str, serve: Serve, raw: Raw) -> None:
    lines = ("X-One: 1", "Link: </a>; rel=preload", "Link: </b>; rel=preload")
    client = await raw(await serve(header=lines))
    headers = (await client.ask("GET", target)).headers
    assert headers.getall("X-One") == ["1"]
    assert headers.getall("Link") == ["</a>; rel=preload", "</b>; rel=preload"]


@pytest.mark.parametrize("target", ["/digits.txt", "/missing", "/fetchkit/health"])
@pytest.mark.parametrize(
    "line",
    ["Server: mine", "Content-Type: text/mine", 'ETag: "mine"', "Cross-Origin-Opener-Policy: unsafe-none"],
)
async def test_an_extra_field_is_refused_or_replaces_ours(
    line: str, target: str, serve: Serve, raw: Raw
) -> None:
    """These fields may come once only; a client takes the first, the last, or neither."""
    try:
        server = await serve(header=(line,))
    except ConfigError:
        return
    name, _, value = line.partition(": ")
    assert (await (await raw(server)).ask("GET", target)).headers.getall(name) == [value]


# The ready line, in a process of its own.


@pytest.mark.parametrize(
    ("arguments", "hosts"),
    [
        pytest.param(["--host", "127.0.0.1"], ["127.0.0.1"], id="ipv4"),
        pytest.param(["--host", "::1", "-q"], ["::1"], id="ipv6-quiet"),
        pytest.param(["--host", "::1", "--host", "127.0.0.1"], ["::1", "127.0.0.1"], id="two-hosts"),
        pytest.param(["-v", "--token"], ["127.0.0.1", "::1"], id="default-hosts-with-a-token"),
    ],
)
def test_the_ready_line_is_all_that_standard_output_gets(
    arguments: list[str], hosts: list[str], folder: Path, tmp_path: Path
) -> None:
    with Program(tmp_path, "serve", str(folder), "--port", "0", *arguments) as program:
        url = program.ready_url()
        assert url.startswith("http://[::1]:" if hosts[0] == "::1" else "http://127.0.0.1:")
        port = int(url.rstrip("/").rpartition(":")[2])
        for host in hosts:
            with socket.create_connection((host, port), timeout=5) as client:
                client.sendall(b"GET /?q HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert client.recv(12) == b"HTTP/1.1 200"
        if "-q" not in arguments:
            program.wait_for_errors(r"200 GET  /\?q ")
        code, rest, err = program.end(signal.SIGTERM)
    assert (code, rest) == (0, "")
    assert "Traceback" not in err
    assert ("GET" in err) == ("-q" not in arguments)


@pytest.fixture
def default_port_taken() -> Iterator[None]:
    """Somebody listens on the default port: this test, or who was there before and stays."""
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.ExitStack() as stack:
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", DEFAULT_PORT)))
                break
            time.sleep(0.01)
        yield


@pytest.mark.usefixtures("default_port_taken")
def test_a_taken_port_that_nobody_asked_for_gives_way_aloud(folder: Path, tmp_path: Path) -> None:
    with Program(tmp_path, "serve", str(folder)) as program:
        port = program.ready_port()
        assert port != DEFAULT_PORT
        program.wait_for_errors(rf"Port {DEFAULT_PORT} is taken\b.*\b{port}\b")
        assert program.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_a_taken_port_that_was_asked_for_ends_with_1_and_one_sentence(
    way: str, folder: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        if way == "file":
            (tmp_path / "fetchkit.toml").write_text(f"port = {port}\n")
        arguments = ["--port", port] if way == "flag" else []
        environment = {"FETCHKIT_PORT": port} if way == "environment" else {}
        with Program(tmp_path, "serve", str(folder), *arguments, environment=environment) as program:
            code, out, err = program.end()
    assert (code, out) == (1, "")
    assert port in one_sentence(err)


# The end, in a process of its own.


def connect(port: int, data: bytes = b"") -> socket.socket:
    """A client that has sent some bytes and waits."""
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    client.sendall(data)
    return client


def idle(port: int) -> socket.socket:
    client = connect(port, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    return client


def unread(port: int) -> socket.socket:
    client = connect(port, b"GET /large.data HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.recv(1024).startswith(b"HTTP/1.1 200 ")
    return client


def half_a_head(port: int) -> socket.socket:
    return connect(port, b"GET / HTTP/1.1\r\nHost: local")


def half_a_body(port: int) -> socket.socket:
    client = connect(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab")
    client.recv(65536)
    return client


def silent(port: int) -> socket.socket:
    return connect(port)


@pytest.mark.parametrize(
    ("client", "number", "times"),
    [
        pytest.param(idle, signal.SIGINT, 1, id="idle-SIGINT"),
        pytest.param(idle, signal.SIGTERM, 2, id="idle-SIGTERM-twice"),
        pytest.param(silent, signal.SIGTERM, 1, id="silent"),
        pytest.param(half_a_head, signal.SIGINT, 1, id="half-a-head"),
        pytest.param(half_a_body, signal.SIGTERM, 1, id="half-a-body"),
        pytest.param(unread, signal.SIGINT, 2, id="unread-transfer-SIGINT-twice"),
    ],
)
@pytest.mark.usefixtures("large")
def test_a_signal_ends_it_with_0_in_good_time(
    client: Callable[[int], socket.socket], number: signal.Signals, times: int, folder: Path, tmp_path: Path
) -> None:
    with Program(tmp_path, "serve", str(folder), "--port", "0") as program:
        port = program.ready_port()
        with client(port):
            begin = time.monotonic()
            for _ in range(times):
                program.process.send_signal(number)
                wait_until_refused(port)
            code, rest, err = program.end()
            took = time.monotonic() - begin
    assert (code, rest) == (0, "")
    assert "Traceback" not in err
    assert took < STOP_SECONDS


@pytest.mark.usefixtures("large")
def test_a_transfer_in_flight_gets_its_moment_but_no_new_client_does(folder: Path, tmp_path: Path) -> None:
    with Program(tmp_path, "serve", str(folder), "--port", "0", "--host", "127.0.0.1") as program:
        port = program.ready_port()
        with unread(port) as client:
            program.process.send_signal(signal.SIGTERM)
            wait_until_refused(port)
            received = 0
            while block := client.recv(1 << 20):
                received += len(block)
        assert received >= LARGE
        assert program.end()[0] == 0


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("moment", ["fetchkit.listen.bind", "fetchkit.app.build_app"])
def test_a_signal_during_the_start_ends_it_with_0(
    number: signal.Signals, moment: str, folder: Path, tmp_path: Path
) -> None:
    module, _, name = moment.rpartition(".")
    script = (
        f"import os, time, {module} as place\n"
        "from fetchkit.cli import main\n"
        f"plain = place.{name}\n"
        "def early(*arguments, **keywords):\n"
        f"    os.kill(os.getpid(), {number.value})\n"
        "    return plain(*arguments, **keywords)\n"
        f"place.{name} = early\n"
        "main()"
    )
    arguments = ("serve", str(folder), "--port", "0")
    with Program(tmp_path, *arguments, python=("-c", script)) as program:
        code, _, err = program.end()
    assert (code, err) == (0, "")


def test_one_more_signal_when_all_is_over_changes_nothing(folder: Path, tmp_path: Path) -> None:
    """Python gives its own handlers back some milliseconds before the end, but leaves what is ignored."""
    script = (
        "import atexit, os, signal\n"
        "from fetchkit.cli import main\n"
        "def last():\n"
        f"    handlers = {{signal.getsignal(number) for number in {tuple(map(int, SIGNALS))}}}\n"
        "    os._exit(0 if handlers == {signal.SIG_IGN} else 3)\n"
        "atexit.register(last)\n"
        "main()"
    )
    with Program(tmp_path, "serve", str(folder), "--port", "0", python=("-c", script)) as program:
        program.ready_port()
        code, _, err = program.end(signal.SIGTERM)
    assert (code, err) == (0, "")


def test_requests_go_on_when_nobody_reads_the_log_any_more(folder: Path, tmp_path: Path) -> None:
    """`fetchkit serve 2>&1 >/dev/null | head` closes the pipe of standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    script = f"import os, runpy, sys; os.dup2({writer}, 2); runpy.run_module('fetchkit', run_name='__main__')"
    arguments = ("serve", str(folder), "--port", "0", "-v")
    with Program(tmp_path, *arguments, python=("-c", script), inherit=(writer,)) as program:
        os.close(writer)
        with connect(program.ready_port()) as client:
            for _ in range(3):
                client.sendall(b"GET /digits.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = b""
                while not answer.endswith(b"0123456789"):
                    block = client.recv(65536)
                    assert block, f"the connection was cut after {answer!r}"
                    answer += block
                assert answer.startswith(b"HTTP/1.1 200 ")


def test_two_servers_in_one_process_do_not_share_anything(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "only.txt").write_text("other")

    async def both() -> tuple[int, int]:
        def config(directory: Path) -> Config:
            return Config(directory=directory, host=("127.0.0.1",), port=0)

        async with (
            running(config(folder)) as first,
            running(config(other)) as second,
            aiohttp.ClientSession() as session,
        ):
            return await status(session, first), await status(session, second)

    async def status(session: aiohttp.ClientSession, server: Server) -> int:
        async with session.get(server.url + "only.txt") as answer:
            return answer.status

    assert asyncio.run(both()) == (404, 200)
