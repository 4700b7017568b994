"""A server under measurement: described as data, started on loopback, ended in every way out."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from string import Template

from attrs import Factory, frozen

from benchmarks.sources import Source

__all__ = ["HOST", "Peer", "PeerError", "Running", "ended", "start_all", "started"]

HOST = "127.0.0.1"

READY_SECONDS = 30.0
"""The slowest peer (vite) is ready in 2 s on a busy machine."""

GRACE_SECONDS = 5.0
"""fetchkit promises to stop within 5 s; who has not ended then is killed."""

POLL_SECONDS = 0.02


class PeerError(Exception):
    """A peer that did not start or did not answer rightly; the text says why."""


@frozen
class Peer:
    """A server as data. `$program`, `$port`, `$config`, `$scratch` and the values of the part are filled in.

    `config` is the text of the file `$config`. A peer is ready when its port accepts, or, with
    `ready_line` (a pattern whose first group is the port), when it has printed that line.
    """

    name: str
    source: Source
    command: tuple[str, ...]
    config: str = ""
    environment: Mapping[str, str] = Factory(dict)
    ready_line: str | None = None


@frozen
class Running:
    """A started peer; `pid` leads a session of its own, to which all its processes belong."""

    peer: Peer
    pid: int
    port: int

    @property
    def url(self) -> str:
        """The root, with its final slash."""
        return f"http://{HOST}:{self.port}/"


@contextmanager
def started(peer: Peer, program: str, values: Mapping[str, object]) -> Iterator[Running]:
    """Start a peer on a free port of loopback and end it when the block is left.

    Raises:
        PeerError: it ended, or was not ready in time; with the last lines of its output.
    """
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-") as folder:
        port, log, config = _free_port(), Path(folder, "log"), Path(folder, "config")
        filled = {**values, "program": program, "port": port, "scratch": folder, "config": config}
        config.write_text(Template(peer.config).substitute(filled), encoding="utf-8")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [Template(word).substitute(filled) for word in peer.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={
                    **os.environ,
                    **{key: Template(value).substitute(filled) for key, value in peer.environment.items()},
                },
                start_new_session=True,
            )
        with ended(process):
            yield Running(peer, process.pid, _port_when_ready(peer, process.pid, port, log))


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the whole process group of a session leader when the block is left, gently and then surely."""
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while not _has_ended(process.pid) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start_all(
    stack: ExitStack, peers: Iterable[Peer], values: Mapping[str, object]
) -> tuple[dict[str, Running], list[str]]:
    """Start every peer that can be had; return those that run by name, and a sentence for each other."""
    running: dict[str, Running] = {}
    notes: list[str] = []
    for peer in peers:
        program = peer.source.find()
        if program is None:
            notes.append(f"{peer.name} is left out: {peer.source.label} is not here and was not installed.")
            continue
        try:
            running[peer.name] = stack.enter_context(started(peer, program, values))
        except PeerError as error:
            notes.append(f"{peer.name} is left out: {error}")
    return running, notes


def _has_ended(pid: int) -> bool:
    """Leave the ended leader unreaped (WNOWAIT), so that its number cannot come to name another group."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _port_when_ready(peer: Peer, pid: int, port: int, log: Path) -> int:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and not _has_ended(pid):
        found = _printed_port(peer.ready_line, log) if peer.ready_line else _accepting(port)
        if found:
            return found
        time.sleep(POLL_SECONDS)
    state = "it ended at once" if _has_ended(pid) else f"not ready in {READY_SECONDS:.0f} s"
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise PeerError(f"{state}: {' / '.join(tail)}")


def _printed_port(pattern: str, log: Path) -> int | None:
    match = re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))
    return int(match[1]) if match else None


def _accepting(port: int) -> int | None:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return port
    return None
