"""The origin: small answers beside httpbin, a body without end beside nginx's files, 500 trickles (issue 4).

httpbin runs under gunicorn with one sync worker, as many processes as fetchkit has. nginx serves a sparse
file of the same size with sendfile. The trickles are read by this process, each on a connection of its own.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from benchmarks.measure import (
    MIB,
    InvalidRunError,
    alternate,
    cpu_seconds,
    discard,
    forget_peak,
    memory,
    requests,
)
from benchmarks.parts import Options
from benchmarks.parts.files import FETCHKIT, NGINX_CONFIG
from benchmarks.peers import HOST, Peer, Running, start_all
from benchmarks.report import Column, Report, Target, at_least, below, machine, number, rows
from benchmarks.samples import Samples
from benchmarks.sources import Debian, PyPI

__all__ = ["PEERS", "measure"]

HUGE, HUGE_SIZE = "huge.bin", 10 * 1024 * MIB

TRICKLES = 500
TRICKLE_RATE = 64 * 1024
TRICKLE_SECONDS = 10
TRICKLE = f"origin/body/{TRICKLE_RATE * TRICKLE_SECONDS}?pipe=trickle({TRICKLE_RATE}/s)"

GUNICORN = (
    "$program",
    "--workers=1",
    "--worker-class=sync",
    "--log-level=error",
    "--bind=127.0.0.1:$port",
    "httpbin:app",
)

HTTPBIN = Peer("httpbin", PyPI(("httpbin>=0.10.4", "gunicorn"), "gunicorn"), GUNICORN)
NGINX = Peer("nginx", Debian("nginx", "nginx"), ("$program", "-c", "$config"), NGINX_CONFIG)

PEERS = (FETCHKIT, HTTPBIN, NGINX)

BEFORE_PATH = {FETCHKIT.name: "origin/", HTTPBIN.name: ""}
GET, BYTES, STREAM = "/get requests/s", "/bytes/1024 requests/s", "10 GiB MB/s"

COLUMNS = (
    Column("/get", GET),
    Column("µs CPU", "/get µs CPU/request"),
    Column("/ httpbin", GET, 1, against=HTTPBIN.name),
    Column("/bytes/1024", BYTES),
    Column("µs CPU", "/bytes/1024 µs CPU/request"),
    Column("/ httpbin", BYTES, 1, against=HTTPBIN.name),
    Column("10 GiB MB/s", STREAM),
    Column("/ nginx", STREAM, 2, against=NGINX.name),
    Column("RSS + MiB", "RSS growth MiB", 1),
)


def measure(peers: Sequence[Peer], options: Options) -> Report:
    """Measure these peers beside each other, the trickles last and on fetchkit alone."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-site-") as folder, ExitStack() as stack:
        Path(folder, HUGE).touch()
        os.truncate(Path(folder, HUGE), HUGE_SIZE)  # sparse: it takes no room on the disk
        servers, notes = start_all(stack, peers, {"site": folder})
        notes.append(f"Load average of the machine at the start: {load:.2f}.")
        good = [server for server in servers.values() if _answers_rightly(server, notes)]
        samples, invalid = _run(good, options)
        if FETCHKIT.name in servers:
            options.say(f"{TRICKLES} trickles")
            samples.add(FETCHKIT.name, 0, asyncio.run(_trickles(servers[FETCHKIT.name])))
        return _report([server.peer for server in good], samples, options, [*notes, *invalid])


def _run(servers: Sequence[Running], options: Options) -> tuple[Samples, list[str]]:
    def small_answers(server: Running) -> dict[str, float]:
        if server.peer.name not in BEFORE_PATH:
            return {}
        measured: dict[str, float] = {}
        for name in ("get", "bytes/1024"):
            got = requests(server, BEFORE_PATH[server.peer.name] + name, options.seconds)
            measured |= {f"/{name} {metric}": value for metric, value in got.items()}
        return measured

    def huge_body(server: Running) -> dict[str, float]:
        if server.peer.name == HTTPBIN.name:  # clamps to 100 KiB
            return {}
        path = "origin/body/10GiB" if server.peer.name == FETCHKIT.name else HUGE
        at_rest = memory(server.pid)[0]
        forget_peak(server.pid)
        start = time.perf_counter()
        discard(server.port, path, HUGE_SIZE)
        lasted = time.perf_counter() - start
        grown = (memory(server.pid)[1] - at_rest) / MIB
        return {STREAM: HUGE_SIZE / lasted / 1e6, "RSS growth MiB": grown}

    probes = (small_answers, huge_body)
    alternate(servers, probes, 1, lambda text: options.say(f"warming up, {text}"))
    return alternate(servers, probes, options.rounds, options.say)


def _answers_rightly(server: Running, notes: list[str]) -> bool:
    """Ask once, so that nobody is measured while it answers errors."""
    before = BEFORE_PATH.get(server.peer.name)
    if before is None:
        return True
    try:
        with urlopen(f"{server.url}{before}get?a=1", timeout=30) as answer:  # noqa: S310  http:
            said = json.load(answer)
        with urlopen(f"{server.url}{before}bytes/1024", timeout=30) as answer:  # noqa: S310  http:
            size = len(answer.read())
    except (OSError, ValueError) as error:
        notes.append(f"{server.peer.name} is left out: {error}")
        return False
    right = said["args"] == {"a": "1"} and size == 1024
    if not right:
        notes.append(f"{server.peer.name} is left out: it does not answer rightly.")
    return right


async def _trickles(server: Running) -> dict[str, float]:
    """Read many steady bodies at once: the part by which the worst one misses its rate, and CPU seconds."""
    before, start = cpu_seconds(server.pid), time.perf_counter()
    rates = await asyncio.gather(*(_trickle(server) for _ in range(TRICKLES)))
    lasted, used = time.perf_counter() - start, cpu_seconds(server.pid) - before
    worst = max(abs(rate / TRICKLE_RATE - 1) for rate in rates)
    return {"trickle off %": worst * 100, "trickle core %": used / lasted * 100}


async def _trickle(server: Running) -> float:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(
        f"GET /{TRICKLE} HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nConnection: close\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    start, received = time.perf_counter(), 0
    while piece := await reader.read(MIB):
        received += len(piece)
    writer.close()
    if b" 200 " not in head.split(b"\r\n")[0] or received != TRICKLE_RATE * TRICKLE_SECONDS:
        raise InvalidRunError(f"a trickle of {received} bytes: {head[:40]!r}")
    return received / (time.perf_counter() - start)


def _report(peers: Sequence[Peer], samples: Samples, options: Options, notes: Sequence[str]) -> Report:
    names = [peer.name for peer in peers]
    versions = {f"{peer.source.label} {peer.source.version()}": None for peer in peers}
    off, core = (samples.median(f"trickle {what} %", FETCHKIT.name) for what in ("off", "core"))
    told = (
        f"{TRICKLES} trickles: the worst is {number(off, 2)} % off its rate, {number(core, 1)} % of a core."
    )
    return Report(
        part="origin",
        title=f"Origin: medians of {options.rounds} rounds, wrk -t1 -c16 -d{options.seconds}s, one process",
        machine=machine(list(versions)),
        headings=("origin", *(column.heading for column in COLUMNS)),
        rows=rows(samples, names, COLUMNS),
        targets=_targets(samples, off, core),
        notes=(told, *notes),
        samples=samples.as_dict(),
    )


def _targets(samples: Samples, off: float | None, core: float | None) -> tuple[Target, ...]:
    ours = FETCHKIT.name
    return (
        at_least(samples, GET, ours, 5, HTTPBIN.name),
        at_least(samples, BYTES, ours, 5, HTTPBIN.name),
        at_least(samples, STREAM, ours, 0.5, NGINX.name),
        below("RSS, 10 GiB", samples.median("RSS growth MiB", ours), 8, "MiB"),
        below(f"{TRICKLES} trickles, the worst one's distance from its rate", off, 5, "%"),
        below(f"{TRICKLES} trickles, one core", core, 30, "%"),
    )
