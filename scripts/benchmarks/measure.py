"""How a running peer is measured: wrk, whole downloads, CPU time, memory and start-up.

CPU time counts every process of the peer's session (a master, its workers, a shell around them).
The ticks of /proc/PID/stat are 10 ms, a third of what nginx needs for 100 MiB, so that living
processes are read from their CPU clock in nanoseconds (clock_getcpuclockid(3)), and only children that
have ended from the ticks of their parent (proc(5): cutime, cstime).
"""

import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from benchmarks.peers import HOST, Running, ended
from benchmarks.samples import Samples
from benchmarks.sources import Debian

__all__ = [
    "MIB",
    "TIMEOUT_SECONDS",
    "InvalidRunError",
    "Probe",
    "alternate",
    "cpu_seconds",
    "discard",
    "download",
    "forget_peak",
    "memory",
    "requests",
    "start_up",
]

MIB = 1 << 20

CONNECTIONS = 16
"""Enough to keep one process busy, few enough that no peer queues."""

DOWNLOADS = 5
"""In one run: a single one lasts 40 ms, too short to be trusted alone."""

TIMEOUT_SECONDS = 60
"""emrun, the slowest, needs under 1 s for 100 MiB."""

Probe = Callable[[Running], dict[str, float]]
"""One run against one peer: metrics by name."""


class InvalidRunError(Exception):
    """A run that must not be counted: errors were answered, or a body was short."""


def alternate(
    servers: Sequence[Running],
    probes: Sequence[Probe],
    rounds: int,
    say: Callable[[str], None],
    samples: Samples | None = None,
) -> tuple[Samples, list[str]]:
    """Run the probes against the servers in turn (A B C, A B C, …); return samples and what was not valid.

    With `samples` the values are added to these.
    """
    samples, notes = samples or Samples(), []
    for number in range(rounds):
        for probe in probes:
            for server in servers:
                say(f"round {number + 1} of {rounds}: {probe.__name__} {server.peer.name}")
                try:
                    samples.add(server.peer.name, number, probe(server))
                except (InvalidRunError, OSError) as error:
                    notes.append(f"{server.peer.name}, round {number + 1}, is not counted: {error}")
    return samples, notes


def requests(
    server: Running, path: str, seconds: int, fields: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Load a small resource with wrk: requests per second, and CPU microseconds of the server for each.

    `fields` are header fields of each request.

    Raises:
        InvalidRunError: wrk failed, or saw a status of 400 or above.
    """
    before = cpu_seconds(server.pid)
    headers = [f"-H{name}: {value}" for name, value in (fields or {}).items()]
    command = [_wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *headers, server.url + path]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    used = cpu_seconds(server.pid) - before
    count, rate = re.search(r"(\d+) requests in", output), re.search(r"Requests/sec:\s*([\d.]+)", output)
    if not (count and rate and int(count[1])) or "Non-2xx" in output:
        failure = re.search(r"Non-2xx.*", output)
        raise InvalidRunError(failure[0] if failure else "wrk counted no request")
    return {"requests/s": float(rate[1]), "µs CPU/request": used / int(count[1]) * 1e6}


@cache
def _wrk() -> str:
    found = Debian("wrk", "wrk").find()
    if found is None:
        raise InvalidRunError("wrk is not here and was not installed")
    return found


def download(server: Running, path: str, size: int) -> dict[str, float]:
    """Fetch a large resource some times in a row: MB/s (10^6), and CPU milliseconds for each 100 MiB.

    Raises:
        InvalidRunError: a status other than 200, or a body shorter than size.
    """
    before, start = cpu_seconds(server.pid), time.perf_counter()
    for _ in range(DOWNLOADS):
        discard(server.port, path, size)
    lasted, used = time.perf_counter() - start, cpu_seconds(server.pid) - before
    total = DOWNLOADS * size
    return {"MB/s": total / lasted / 1e6, "ms CPU/100 MiB": used / total * 100 * MIB * 1e3}


def discard(port: int, path: str, size: int, pause_seconds: float = 0.0) -> None:
    """Read one response and throw its body away inside the kernel, so that the reader is no bottleneck.

    With `pause_seconds` it stops reading for so long once half of the body is there.

    MSG_TRUNC on a TCP socket drops the bytes without copying them (tcp(7)): half the CPU time of a plain
    recv_into, and half of curl's wall time. A time-out of the kernel's saves a poll per read.
    """
    with socket.create_connection((HOST, port), TIMEOUT_SECONDS) as connection:
        connection.sendall(
            f"GET /{path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        with connection.makefile("rb", buffering=0) as head:
            status = head.readline()
            while head.readline() not in {b"\r\n", b""}:
                pass
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", TIMEOUT_SECONDS, 0))
        left, buffer = size, bytearray(MIB)
        while left and (got := connection.recv_into(buffer, min(left, MIB), socket.MSG_TRUNC)):
            left -= got
            if pause_seconds and left <= size // 2:
                time.sleep(pause_seconds)
                pause_seconds = 0.0
    if left or b" 200 " not in status:
        raise InvalidRunError(f"{status!r}, and the body lacked {left} of {size} bytes")


def cpu_seconds(session: int) -> float:
    """Return the CPU time that the processes of a session have used, user and system."""
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for pid, fields in _processes(session):
        with suppress(OSError):
            # linux/posix-timers.h: MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)
            total += time.clock_gettime((~pid << 3) | 2)
            total += (int(fields[13]) + int(fields[14])) / tick
    return total


def memory(session: int) -> tuple[int, int]:
    """Return what a session holds in memory now, and the sum of its processes' peaks, in bytes (proc(5))."""
    held = peak = 0
    for pid, _ in _processes(session):
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            held += _kib(status, "VmRSS")
            peak += _kib(status, "VmHWM")
    return held, peak


def forget_peak(session: int) -> None:
    """Let the peaks of `memory` begin anew at what is held now (proc(5): clear_refs, 5)."""
    for pid, _ in _processes(session):
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def start_up(command: Sequence[str], folder: Path) -> dict[str, float]:
    """Start a program once in a folder and end it at its first line: seconds of wall and CPU time.

    Raises:
        InvalidRunError: it ended without a line.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,
    )
    with ended(process):
        assert process.stdout is not None
        with process.stdout as output:
            if not output.readline():
                raise InvalidRunError("no line on standard output")
            return {"s wall": time.perf_counter() - start, "s CPU": cpu_seconds(process.pid)}


def _processes(session: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the processes of a session, each with the fields of /proc/PID/stat after its name."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                fields = stat.rpartition(")")[2].split()
                if int(fields[3]) == session:
                    yield int(entry.name), fields


def _kib(status: str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) << 10 if found else 0
