"""No way out of the folder, over real sockets: attacks by the path, with secrets beside the folder."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Self

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fetchkit import Config, Server, running
from fetchkit.events import Event, Failed
from fetchkit.web.keys import events_of
from tests.raw import DEADLINE

SECRET = b"root:x:0:0"


class Served:
    """A server in a thread of its own, so that plain sockets of a test can ask it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[Event] = []
        self._started: Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event, Server]] = Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        config = Config(directory=self.folder, host=("127.0.0.1",), port=0)
        async with running(config) as server:
            events_of(server.app).subscribe(self.seen.append, {Failed})
            stop = asyncio.Event()
            self._started.put((asyncio.get_running_loop(), stop, server))
            await stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop, self._stop, self.server = self._started.get(timeout=DEADLINE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE)

    def ask(self, target: bytes) -> bytes:
        """Everything that the server says about a target, to the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=DEADLINE) as client:
            client.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := client.recv(65536):
                answer += piece
            return answer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    top = tmp_path_factory.mktemp("top")
    site = top / "site"
    for folder in (site / "sub", top / "site-private", top / "evil"):
        folder.mkdir(parents=True)
        (folder / "secret.txt").write_bytes(SECRET)
    (top / "secret.txt").write_bytes(SECRET)
    (site / "sub" / "secret.txt").unlink()
    (site / "app.js").write_text("app")
    (site / ".env").write_bytes(SECRET)
    (site / ".git").mkdir()
    (site / ".git" / "config").write_bytes(SECRET)
    (site / "out").symlink_to(top / "evil")
    (site / "out.txt").symlink_to("../secret.txt")
    (site / "private").symlink_to("../site-private")
    (site / "passwd").symlink_to("/etc/passwd")
    with Served(site) as server:
        yield server
        assert server.seen == []


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


PARENTS = [
    b"..",
    b"%2e%2e",
    b"%2E%2E",
    b".%2e",
    b"%2e.",
    b"..;",
    b"..%00",
    b"%c0%ae%c0%ae",
    b"%e0%80%ae%e0%80%ae",
]
PARENTS += [
    b"%252e%252e",
    b"%uff0e%uff0e",
    b"\xef\xbc\x8e\xef\xbc\x8e",
    b"%ef%bc%8e%ef%bc%8e",
    b"....",
    b". .",
]
SLASHES = [b"/", b"//", b"%2f", b"%2F", b"\\", b"%5c", b"%5C", b"%c0%af", b"%252f", b"%255c", b"\xe2\x88\x95"]
OTHERS = [
    *(b"/out/secret.txt", b"/out.txt", b"/private/secret.txt", b"/passwd", b"/out", b"/out/", b"/private/"),
    *(b"/.env", b"/%2eenv", b"/.git/config", b"/.git/", b"/sub/../.env", b"/%2egit/config"),
    *(b"//etc/passwd", b"///etc/passwd", b"/%2fetc/passwd", b"/%2f%2fetc%2fpasswd", b"/etc/passwd"),
    *(b"/file:///etc/passwd", b"/%00/etc/passwd", b"/app.js%00/../../secret.txt", b"/\\\\localhost\\c$"),
    *(
        b"/C:/secret.txt",
        b"/C:%5csecret.txt",
        b"/app.js::$DATA",
        b"/nul",
        b"/con",
        b"/app.js.",
        b"/app.js%20",
    ),
    *(b"/app.js/../../secret.txt", b"/app.js/", b"/app.js/x", b"/dev/null", b"/proc/self/environ", b"/~root"),
    *(b"/sub/..%2f..%2fsecret.txt", b"/site-private/secret.txt", b"/-private/secret.txt", b"/%7e/secret.txt"),
    *(b"/" + b"../" * 1000 + b"secret.txt", b"/" + b"a/" * 10_000, b"/" + b"%2e%2e/" * 3000 + b"secret.txt"),
    *(
        b"/" + b"a" * 5000,
        b"/sub/" + b"%61" * 5000,
        b"/" + b"/" * 10_000 + b"out.txt",
        b"/" + b"sub/" * 10_000,
    ),
    *(
        b"http://localhost/secret.txt",
        b"http://localhost/../secret.txt",
        b"../secret.txt",
        b"secret.txt",
        b"*",
    ),
    *(
        b"/?/../secret.txt",
        b"/#/../secret.txt",
        b"/sub#/../../secret.txt",
        b"/%23/../../secret.txt",
        b"/%ff%fe",
    ),
    *(b"/%ed%a0%80", b"/\xff", b"/%f0%9f%92%a9", b"/\x01", b"/\x7f", b"/a%0d%0ax", b"/%0a", b"/%1b[31m"),
]


@pytest.mark.parametrize("slash", SLASHES, ids=repr)
@pytest.mark.parametrize("parent", PARENTS, ids=repr)
def test_no_spelling_of_the_parent_leads_out(served: Served, parent: bytes, slash: bytes) -> None:
    for depth in (b"/", b"/sub/", b"/out/"):
        step = parent + slash
        for target in (
            depth + step + b"secret.txt",
            depth + step * 2 + b"secret.txt",
            depth + step * 9 + b"etc/passwd",
        ):
            answer = served.ask(target)
            assert SECRET not in answer
            assert status(answer) in (400, 404), target


@pytest.mark.parametrize("target", OTHERS, ids=lambda target: repr(target[:40]))
def test_no_other_attack_leads_out(served: Served, target: bytes) -> None:
    answer = served.ask(target)
    assert SECRET not in answer
    assert status(answer) < 500


FRAGMENTS = st.sampled_from(
    [
        *PARENTS,
        *SLASHES,
        b"secret.txt",
        b"site",
        b"sub",
        b"out",
        b"out.txt",
        b"private",
        b".env",
        b"app.js",
        b"C:",
    ]
)
GARBAGE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(str.encode)
ESCAPED = st.binary(max_size=12).map(lambda data: b"".join(b"%%%02x" % byte for byte in data))
BYTES = st.binary(max_size=20).map(lambda data: bytes(byte for byte in data if byte > 0x20 and byte != 0x7F))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(FRAGMENTS, GARBAGE, ESCAPED, BYTES), max_size=12).map(b"".join))
@example(b"?")
@example(b"[")
@example(b"//[")
@example(b"/[::1")
@example(b"%")
def test_no_garbage_leads_out_or_fails(served: Served, tail: bytes) -> None:
    answer = served.ask(b"/" + tail)
    assert SECRET not in answer
    assert status(answer) < 500


def test_the_folder_may_be_reached_through_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "a.txt").write_text("inside")
    (tmp_path / "link").symlink_to(real)
    with Served(tmp_path / "link") as served:
        assert served.ask(b"/a.txt").endswith(b"inside")


def test_a_folder_named_like_the_start_of_ours_is_outside(served: Served) -> None:
    assert os.path.exists(f"{served.folder}-private/secret.txt")
    assert status(served.ask(b"/private/secret.txt")) == 404
