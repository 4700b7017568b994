"""The forward: 1 KiB under load, 100 MiB, memory for 1 GiB both ways, the time to the first byte (issue 3).

Every forwarder stands in front of the same nginx (one worker, no access log). Requests carry the
fields of a page's fetch, so that fetchkit applies every rule; cors-anywhere is set up as its README
does, with no required header and no list of origins; nginx's proxy_pass has one worker, a keep-alive pool
of 32 connections to a fixed server, and buffers as it comes, on disk too (proxy_buffering,
proxy_request_buffering). CPU time and memory are the forwarder's alone.
"""

import hashlib
import http.client
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median, quantiles

from attrs import frozen

from benchmarks.measure import (
    MIB,
    InvalidRunError,
    alternate,
    discard,
    download,
    forget_peak,
    memory,
    requests,
)
from benchmarks.parts import Options
from benchmarks.parts.files import FETCHKIT, NGINX_CONFIG
from benchmarks.peers import HOST, Peer, Running, start_all
from benchmarks.report import Column, Report, Target, at_least, at_most, below, machine, number, rows
from benchmarks.samples import Samples
from benchmarks.sources import Debian, Npm
from benchmarks.streams import PAUSE_SECONDS, Client, sink, upload

__all__ = ["PEERS", "measure"]

SMALL, LARGE, HUGE = "small.bin", "large.bin", "huge.bin"
SIZES = {SMALL: 1024, LARGE: 100 * MIB, HUGE: 1024 * MIB}

FIRST_BYTES = 1000
"""Requests in one run of `first_byte`, each beside one that goes directly: 2 s with the slowest peer."""

GROWTH_MIB = 8.0

PAGE = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-US,en;q=0.9",
    "Origin": "http://127.0.0.1:8000",
    "Referer": "http://127.0.0.1:8000/",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-site",
}
"""What Chromium sends for fetch() from a page on another port of this machine."""

UPSTREAM = Peer("upstream", Debian("nginx", "nginx"), ("$program", "-c", "$config"), NGINX_CONFIG)

CORS_ANYWHERE_PROGRAM = f"""
require("$program").createServer({{
    originWhitelist: [], requireHeader: [], removeHeaders: ["cookie", "cookie2"],
}}).listen($port, "{HOST}");
"""

NGINX_PROXY_CONFIG = """
daemon off; user root; worker_processes 1; pid $scratch/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
    access_log off; client_max_body_size 0; proxy_http_version 1.1; proxy_set_header Connection "";
    client_body_temp_path $scratch/body; proxy_temp_path $scratch/proxy;
    fastcgi_temp_path $scratch/fastcgi; uwsgi_temp_path $scratch/uwsgi; scgi_temp_path $scratch/scgi;
    upstream files { server 127.0.0.1:$files; keepalive 32; }
    upstream sinks { server 127.0.0.1:$sinks; }
    server {
        listen 127.0.0.1:$port;
        location / { proxy_pass http://files; }
        location = /sink { proxy_pass http://sinks; }
        location = /slow-sink { proxy_pass http://sinks; }
    }
}
"""

CORS_ANYWHERE = Peer(
    "cors-anywhere",
    Npm("cors-anywhere", None, 0),
    ("node", "$config"),
    CORS_ANYWHERE_PROGRAM,
)
NGINX = Peer("nginx", Debian("nginx", "nginx"), ("$program", "-c", "$config"), NGINX_PROXY_CONFIG)

PEERS = (FETCHKIT, CORS_ANYWHERE, NGINX)

BEFORE_URL = {FETCHKIT.name: "forward/", CORS_ANYWHERE.name: ""}
"""What stands before the URL in the path of a request; nginx knows where its paths lead."""

MEDIAN, P90 = "added µs to first byte, median", "added µs to first byte, p90"
TRANSFERS = (
    "download",
    f"download, client stops reading for {PAUSE_SECONDS:g} s",
    "upload",
    f"upload, upstream stops reading for {PAUSE_SECONDS:g} s",
)

COLUMNS = (
    Column("requests/s", "requests/s"),
    Column("µs CPU", "µs CPU/request", 1),
    Column("/ cors-a.", "requests/s", 2, against=CORS_ANYWHERE.name),
    Column("MB/s", "MB/s"),
    Column("ms CPU", "ms CPU/100 MiB", 1),
    Column("/ cors-a.", "MB/s", 2, against=CORS_ANYWHERE.name),
    Column("+ µs", MEDIAN),
    Column("p90", P90),
    Column("RSS + MiB", "RSS growth MiB", 1),
)


@frozen
class _Behind:
    """What the forwarders stand in front of: ports of the files and of the sinks, SHA-256 of the files."""

    files: int
    sinks: int
    bodies: Mapping[str, bytes]

    def path(self, server: Running, name: str) -> str:
        """Return the path (without its slash) at which a forwarder has a resource."""
        before = BEFORE_URL.get(server.peer.name)
        port = self.sinks if name.endswith("sink") else self.files
        return name if before is None else f"{before}http://{HOST}:{port}/{name}"


def measure(peers: Sequence[Peer], options: Options) -> Report:
    """Measure these peers beside each other: memory first and once, while they are fresh."""
    load = os.getloadavg()[0]
    with _site() as (site, bodies), sink() as sinks, ExitStack() as stack:
        upstream, notes = start_all(stack, [UPSTREAM], {"site": site})
        notes.append(f"Load average of the machine at the start: {load:.2f}.")
        if UPSTREAM.name not in upstream:
            return _report((), Samples(), options, notes)
        behind = _Behind(upstream[UPSTREAM.name].port, sinks, bodies)
        values = {"site": site, "files": behind.files, "sinks": sinks}
        servers, missing = start_all(stack, peers, values)
        notes += missing
        fresh = [server for server in servers.values() if _forwards_rightly(server, behind, SMALL, notes)]
        at_rest = {server.peer.name: memory(server.pid)[0] for server in fresh}
        good = [server for server in fresh if _forwards_rightly(server, behind, LARGE, notes)]
        samples, invalid = _run(good, behind, at_rest, options)
        _tell(samples, good, notes)
        return _report([server.peer for server in good], samples, options, [*notes, *invalid])


def _run(
    servers: Sequence[Running], behind: _Behind, at_rest: Mapping[str, int], options: Options
) -> tuple[Samples, list[str]]:
    """Measure memory once, then the rest in rounds, after one that is not counted: V8 compiles meanwhile."""

    def long_bodies(server: Running) -> dict[str, float]:
        return _growth(server, behind, at_rest[server.peer.name])

    def small_file(server: Running) -> dict[str, float]:
        return requests(server, behind.path(server, SMALL), options.seconds, PAGE)

    def large_file(server: Running) -> dict[str, float]:
        return download(server, behind.path(server, LARGE), SIZES[LARGE])

    def first_byte(server: Running) -> dict[str, float]:
        return _added_latency(server, behind)

    probes = (small_file, large_file, first_byte)
    samples, unsound = alternate(servers, (long_bodies,), 1, options.say)
    alternate(servers, probes, 1, lambda text: options.say(f"warming up, {text}"))
    _, invalid = alternate(servers, probes, options.rounds, options.say, samples)
    return samples, [*unsound, *invalid]


@contextmanager
def _site() -> Iterator[tuple[Path, Mapping[str, bytes]]]:
    """Make the folder of the upstream; yield it, and the SHA-256 of the files that are checked."""
    chance = random.Random(0)  # noqa: S311  the same bytes in every run, and nothing that compresses
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-site-") as folder:
        files = {
            SMALL: chance.randbytes(SIZES[SMALL]),
            LARGE: chance.randbytes(MIB) * (SIZES[LARGE] // MIB),
        }
        for name, body in files.items():
            Path(folder, name).write_bytes(body)
        Path(folder, HUGE).touch()
        os.truncate(Path(folder, HUGE), SIZES[HUGE])  # sparse: it takes no room on the disk
        yield Path(folder), {name: hashlib.sha256(body).digest() for name, body in files.items()}


def _forwards_rightly(server: Running, behind: _Behind, name: str, notes: list[str]) -> bool:
    """Fetch a file and send as many bytes, so that nobody is measured while it answers errors."""
    try:
        digest = _digest(server, behind.path(server, name))
        upload(server.port, behind.path(server, "sink"), SIZES[name])
    except (InvalidRunError, OSError, http.client.HTTPException) as error:
        notes.append(f"{server.peer.name} is left out: {error}")
        return False
    if digest != behind.bodies[name]:
        notes.append(f"{server.peer.name} is left out: it does not forward /{name} rightly.")
    return digest == behind.bodies[name]


def _digest(server: Running, path: str) -> bytes | None:
    with closing(http.client.HTTPConnection(HOST, server.port, timeout=30)) as connection:
        connection.request("GET", f"/{path}", headers=PAGE)
        response = connection.getresponse()
        body = hashlib.sha256()
        while piece := response.read(MIB):
            body.update(piece)
        return body.digest() if response.status == 200 else None


def _growth(server: Running, behind: _Behind, at_rest: int) -> dict[str, float]:
    """Move 1 GiB in each way; return by how many MiB the peak of each exceeds what was held at rest."""
    download_path, port = behind.path(server, HUGE), server.port
    moves: tuple[Callable[[], None], ...] = (
        lambda: discard(port, download_path, SIZES[HUGE]),
        lambda: discard(port, download_path, SIZES[HUGE], PAUSE_SECONDS),
        lambda: upload(port, behind.path(server, "sink"), SIZES[HUGE]),
        lambda: upload(port, behind.path(server, "slow-sink"), SIZES[HUGE]),
    )
    grown = {}
    for name, move in zip(TRANSFERS, moves, strict=True):
        forget_peak(server.pid)
        move()
        grown[name] = (memory(server.pid)[1] - at_rest) / MIB
    return {**grown, "RSS growth MiB": max(grown.values())}


def _added_latency(server: Running, behind: _Behind) -> dict[str, float]:
    """Ask directly and through the forwarder in turn, one at a time; return what the forwarder adds."""
    with (
        closing(Client(behind.files, SMALL, PAGE)) as direct,
        closing(Client(server.port, behind.path(server, SMALL), PAGE)) as through,
    ):
        pairs = [(direct.first_byte(), through.first_byte()) for _ in range(FIRST_BYTES)]
        without, within = ([pair[side] * 1e6 for pair in pairs] for side in (0, 1))
        return {
            MEDIAN: median(within) - median(without),
            P90: quantiles(within, n=10)[-1] - quantiles(without, n=10)[-1],
            "direct µs to first byte, median": median(without),
            "connections for first bytes": through.opened,
        }


def _tell(samples: Samples, servers: Sequence[Running], notes: list[str]) -> None:
    """Say what each transfer took, who did not keep the connection, and how the CPU times compare."""
    for server in servers:
        name = server.peer.name
        grown = ", ".join(f"{what} {number(samples.median(what, name), 1)}" for what in TRANSFERS)
        notes.append(f"RSS growth of {name} for 1 GiB, MiB: {grown}.")
        if (samples.median("connections for first bytes", name) or 1) > FIRST_BYTES / 2:
            notes.append(f"{name} closes after each answer; the time to connect again is not counted.")
    per_request, per_body = (
        number(samples.ratio(metric, CORS_ANYWHERE.name, FETCHKIT.name), 2)
        for metric in ("µs CPU/request", "ms CPU/100 MiB")
    )
    notes.append(
        f"CPU time, {CORS_ANYWHERE.name} / {FETCHKIT.name}: {per_request} a request, {per_body} for 100 MiB."
    )


def _report(peers: Sequence[Peer], samples: Samples, options: Options, notes: Sequence[str]) -> Report:
    names = [peer.name for peer in peers]
    versions = {f"{peer.source.label} {peer.source.version()}": None for peer in peers}
    load = f"wrk -t1 -c16 -d{options.seconds}s on 1 KiB, 100 MiB, added time to first byte, memory"
    return Report(
        part="forward",
        title=f"Forward: medians of {options.rounds} rounds, {load}",
        machine=machine(list(versions)),
        headings=("forwarder", *(column.heading for column in COLUMNS)),
        rows=rows(samples, names, COLUMNS),
        targets=_targets(samples),
        notes=tuple(notes),
        samples=samples.as_dict(),
    )


def _targets(samples: Samples) -> tuple[Target, ...]:
    ours, theirs = FETCHKIT.name, CORS_ANYWHERE.name
    return (
        at_least(samples, "requests/s", ours, 2.5, theirs),
        at_least(samples, "MB/s", ours, 1.5, theirs),
        *(below(f"RSS, 1 GiB {what}", samples.median(what, ours), GROWTH_MIB, "MiB") for what in TRANSFERS),
        at_most(samples, MEDIAN, ours, 1, theirs),
        at_most(samples, P90, ours, 1, theirs),
    )
