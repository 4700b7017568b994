"""Emscripten's own tests of sockets, as the distribution ships them, with one server: only the port changes.

Its runner (`tests/test_sockets.py` there) starts websockify, an echo server in Node or
websocket_to_posix_proxy for each; flags, servers for the host and expected results are the runner's.
"""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest
from attrs import frozen

from .browser import Tab
from .conftest import missing, require, serving
from .peers import DEADLINE, HOST, echo, free_ports
from .toolchain import PROGRAMS, Emcc

pytestmark = pytest.mark.e2e

BRIDGES = 12
"""Of each transport: one for each test, because a server that has ended may keep its port for a minute."""

PROBE = 0.1
"""Seconds in which loopback says that nobody has a UDP port; it takes microseconds."""

EMULATED_JS = str(PROGRAMS / "sockets" / "emulated.js")
POSIX = ("-lwebsocket", "-sPROXY_POSIX_SOCKETS", "-sUSE_PTHREADS", "-sPROXY_TO_PTHREAD")

NO_DNS = {"google.com": "localhost"}
"""No test asks the world for names."""

Report = Callable[..., str]
Native = Callable[..., AbstractContextManager[None]]


@frozen
class Bridge:
    """A port for the page, and the one on the host that it leads to."""

    port: int
    target: int
    transport: str

    def __str__(self) -> str:
        return f"{self.port}:{HOST}:{self.target}/{self.transport}"


@frozen
class Server:
    """The one server for all tests: the folder that it serves, its bridges."""

    url: str
    folder: Path
    echo: int
    tcp: list[Bridge]
    udp: list[Bridge]

    @property
    def port(self) -> int:
        """Its own port."""
        return int(self.url.rstrip("/").rpartition(":")[2])


@pytest.fixture(scope="module")
def suite() -> Path:
    """The folder of the tests, beside the compiler; where it is missing they are skipped, or fail in CI."""
    folder = Path(require("emscripten", "emcc")).resolve().parent / "tests"
    if not (folder / "sockets").is_dir():
        missing("Emscripten's test suite", "emscripten")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`fetchkit serve` with all bridges, which the injected shim leaves alone."""
    folder = tmp_path_factory.mktemp("suite")
    own, *ports = free_ports(1 + 3 * BRIDGES)
    targets = free_ports(BRIDGES, socket.SOCK_DGRAM)
    tcp = [Bridge(ports.pop(), ports.pop(), "tcp") for _ in range(BRIDGES)]
    udp = [Bridge(ports.pop(), target, "udp") for target in targets]
    bridges = (word for option in (f"{own}:echo", *tcp, *udp) for word in ("--bridge", str(option)))
    with serving(tmp_path_factory.mktemp("home") / "server", folder, *bridges, "--inject") as url:
        yield Server(url, folder, own, tcp, udp)


_numbers = count()


@pytest.fixture
def start(build: Emcc, suite: Path, server: Server, tab: Tab) -> Callable[..., None]:
    """`start(source, *flags)`: builds a test, with the support code for its reports, and opens its page."""

    def open_page(source: Path | str, *flags: str) -> None:
        tab.allowed.append("")  # they write what they do to the console, and close connections half-way
        reports = (
            *("-sIN_TEST_HARNESS", "-DEMTEST_PORT_NUMBER=1", f"-I{suite}", f"-I{suite / 'sockets'}"),
            *("--pre-js", str(suite / "browser_reporting.js")),
            *("--pre-js", str(PROGRAMS / "sockets" / "report.js")),
            *("-include", str(suite / "report_result.h"), str(suite / "report_result.c")),
        )
        path = suite / source
        name = str(next(_numbers))
        build.install(server.folder / name, path, *reports, *flags)
        tab.start(f"{server.url}{name}/?program={path.stem}")

    return open_page


@pytest.fixture
def report(start: Callable[..., None], tab: Tab) -> Report:
    """`report(source, *flags)`: what a test reports to the runner."""

    def until_end(source: Path | str, *flags: str) -> str:
        start(source, *flags)
        return str(tab.ended().exit_code)

    return until_end


@pytest.fixture
def native(suite: Path, tmp_path: Path) -> Native:
    """`native(source, bridge, *flags)`: a server of the suite, built for the host, at the end of a bridge."""
    compiler = require("gcc", "gcc", "clang", "cc")

    @contextmanager
    def run(source: str, bridge: Bridge, *flags: str, listens: bool = True) -> Iterator[None]:
        program = tmp_path / "server"
        command = [
            compiler,
            "-w",
            str(suite / source),
            "-o",
            str(program),
            f"-DSOCKK={bridge.target}",
            *flags,
        ]
        subprocess.run([*command, f"-I{suite / 'sockets'}"], check=True)
        with subprocess.Popen([program], stdout=subprocess.DEVNULL) as process:
            try:
                if listens:
                    wait_for(bridge)
                yield
            finally:
                process.kill()

    return run


def wait_for(bridge: Bridge) -> None:
    """Wait until somebody listens at the end of a bridge."""
    deadline = time.monotonic() + DEADLINE
    while not is_listened_on(bridge):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_listened_on(bridge: Bridge) -> bool:
    """Whether a connection is accepted, or a datagram not refused."""
    kind = socket.SOCK_DGRAM if bridge.transport == "udp" else socket.SOCK_STREAM
    with socket.socket(type=kind) as probe:
        probe.settimeout(PROBE)
        try:
            probe.connect((HOST, bridge.target))
            if kind is socket.SOCK_DGRAM:
                probe.send(b"")
                probe.recv(1)
        except TimeoutError:
            return True
        except ConnectionRefusedError:
            return False
        return True


def changed(source: Path, folder: Path, changes: dict[str, object]) -> Path:
    """A source in which words have become others: ports, above all."""
    text = source.read_text()
    for old, new in changes.items():
        text, found = re.subn(rf"\b{re.escape(old)}\b", str(new), text)
        assert found, f"{old} is not in {source}"
    (folder / source.name).write_text(text)
    return folder / source.name


ECHO, ECHO_SERVER = "sockets/test_sockets_echo_client.c", "sockets/test_sockets_echo_server.c"
ECHOED = "do_msg_read: read 14 bytes"
"""What the client prints besides reporting 0, which stands for an error that was told rightly, too."""


@pytest.mark.parametrize("dgram", [0, 1])
@pytest.mark.parametrize("flags", [(), ("-DTEST_ASYNC=1",)])
def test_echo(
    report: Report, native: Native, server: Server, tab: Tab, dgram: int, flags: tuple[str, ...]
) -> None:
    bridge = (server.udp if dgram else server.tcp).pop()
    with native(ECHO_SERVER, bridge, f"-DTEST_DGRAM={dgram}"):
        assert report(ECHO, f"-DSOCKK={bridge.port}", f"-DTEST_DGRAM={dgram}", *flags) == "0"
    assert ECHOED in tab.ended().output


@pytest.mark.parametrize("dgram", [0, 1])
def test_echo_with_the_port_of_the_server_itself(
    report: Report, native: Native, server: Server, tab: Tab, dgram: int
) -> None:
    unused = (server.udp if dgram else server.tcp).pop()
    with native(ECHO_SERVER, unused, f"-DTEST_DGRAM={dgram}"):
        assert report(ECHO, f"-DSOCKK={unused.target}", f"-DTEST_DGRAM={dgram}") == "0"
    assert ECHOED in tab.ended().output


def test_async_echo_is_told_of_a_refused_connection(report: Report, server: Server, tab: Tab) -> None:
    assert report(ECHO, f"-DSOCKK={server.tcp.pop().port}", "-DTEST_ASYNC=1") == "0"
    output = tab.ended().output
    assert "error message: ECONNREFUSED: Connection refused" in output
    assert ECHOED not in output


def test_echo_bigdata(report: Report, native: Native, server: Server, suite: Path, tmp_path: Path) -> None:
    bridge = server.tcp.pop()
    message = "".join(chr(ord("a") + i % 26) for i in range(256 * 256 * 2))
    source = changed(suite / ECHO, tmp_path, {"pingtothepong": message})
    with native(ECHO_SERVER, bridge):
        assert report(source, f"-DSOCKK={bridge.port}", "-DTEST_DGRAM=0") == "0"


def test_partial(report: Report, native: Native, server: Server) -> None:
    bridge = server.tcp.pop()
    with native("sockets/test_sockets_partial_server.c", bridge):
        told = report("sockets/test_sockets_partial_client.c", f"-DSOCKK={bridge.port}", "-sEXIT_RUNTIME")
    assert told == "exit:165"


def test_select_server_down(report: Report, native: Native, server: Server) -> None:
    bridge = server.tcp.pop()
    with native("sockets/test_sockets_select_server_down_server.c", bridge, listens=False):
        assert report("sockets/test_sockets_select_server_down_client.c", f"-DSOCKK={bridge.port}") == "266"


def test_select_server_closes_connection_rw(report: Report, native: Native, server: Server) -> None:
    bridge = server.tcp.pop()
    client = "sockets/test_sockets_select_server_closes_connection_client_rw.c"
    with native(ECHO_SERVER, bridge, "-DCLOSE_CLIENT_AFTER_ECHO"):
        assert report(client, f"-DSOCKK={bridge.port}") == "266"


def test_subprotocols_of_the_build(report: Report, native: Native, server: Server, tab: Tab) -> None:
    bridge = server.tcp.pop()
    with native(ECHO_SERVER, bridge):
        protocols = '-sWEBSOCKET_SUBPROTOCOL="base64, binary"'
        assert report(ECHO, f"-DSOCKK={bridge.port}", "-sSOCKET_DEBUG", protocols) == "0"
    output = tab.ended().output
    assert ECHOED in output
    assert f"connect: ws://{HOST}:{bridge.port}/, base64,binary" in output


def test_configuration_of_the_page(
    report: Report, native: Native, server: Server, tmp_path: Path, tab: Tab
) -> None:
    bridge = server.tcp.pop()
    settings = f"url: 'ws://localhost:{bridge.port}/testA/testB', subprotocol: 'text, base64, binary'"
    (tmp_path / "websocket_pre.js").write_text(f"Module['websocket'] = {{ {settings} }};")
    with native(ECHO_SERVER, bridge):
        told = report(ECHO, "-DSOCKK=12345", "-sSOCKET_DEBUG", "--pre-js", str(tmp_path / "websocket_pre.js"))
    assert told == "0"
    output = tab.ended().output
    assert ECHOED in output
    assert f"connect: ws://localhost:{bridge.port}/testA/testB, text,base64,binary" in output


@pytest.mark.parametrize("name", ["getaddrinfo", "getnameinfo", "gethostbyname", "getsockname_addrlen"])
def test_names(report: Report, tab: Tab, name: str) -> None:
    assert report(f"sockets/test_{name}.c", "-sEXIT_RUNTIME") == "exit:0"
    assert "success" in tab.ended().output


def test_websocket_send(report: Report, server: Server, suite: Path, tmp_path: Path) -> None:
    source = changed(suite / "websocket/test_websocket_send.c", tmp_path, {"8088": server.echo})
    assert report(source, "-lwebsocket", "-sNO_EXIT_RUNTIME", "-sWEBSOCKET_DEBUG") == "101"


def test_websocket(start: Callable[..., None], server: Server, suite: Path, tmp_path: Path, tab: Tab) -> None:
    # Is for looking at: it closes before anything can come back, and so never exits.
    source = changed(suite / "websocket/websocket.c", tmp_path, {"8080": server.echo})
    start(source, "-lwebsocket")
    assert tab.line("close(") == "eventType=0, wasClean=1, code=1005, reason=, userData=43)"


def test_posix_proxy_sockets(report: Report, server: Server, suite: Path, tmp_path: Path, tab: Tab) -> None:
    source = suite / "websocket/tcp_echo_client.cpp"
    with echo() as peer:
        changes = {"8080": server.port, "7777": peer.port, **NO_DNS}
        assert report(changed(source, tmp_path, changes), *POSIX) == "101"
        tab.start("about:blank")  # its close() goes to the file system: the page's end is the socket's
        assert peer.received.get(timeout=DEADLINE)[0] == 10 * len("hell")


def test_tcp_in_two_threads(report: Report, server: Server, suite: Path, tmp_path: Path, tab: Tab) -> None:
    source = suite / "websocket/tcp_in_two_threads.cpp"
    with echo() as peer:
        changes = {"8080": server.port, "8888": peer.port, **NO_DNS}
        assert report(changed(source, tmp_path, changes), *POSIX, "-sEXIT_RUNTIME") == "exit:0"
        output = tab.ended().output
        tab.start("about:blank")
        assert peer.received.get(timeout=DEADLINE)[0] == 10 * len("hella")
    heard = [line for line in output if line.startswith("hell")]
    assert heard == [f"hell{chr(ord('a') + i)}" for i in range(10)]
