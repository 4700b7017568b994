"""Static files: a 1 KiB file under load, downloads of 100 MiB, and fetchkit's start-up (issue 2).

Every peer serves as it comes, without an access log: fetchkit with all its checks, nginx with one
worker and sendfile. Caddy uses every core unless GOMAXPROCS=1 holds it to one, and is measured both ways.
"""

import hashlib
import http.client
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from string import Template

from benchmarks.measure import MIB, InvalidRunError, alternate, download, memory, requests, start_up
from benchmarks.parts import Options
from benchmarks.peers import HOST, Peer, Running, start_all
from benchmarks.report import Column, Report, Target, at_least, below, machine, number, rows
from benchmarks.samples import Samples
from benchmarks.sources import Debian, Module, Npm

__all__ = ["FETCHKIT", "NGINX_CONFIG", "PEERS", "measure"]

SMALL, SMALL_SIZE = "small.js", 1024
LARGE, LARGE_SIZE = "large.bin", 100 * MIB

START_UPS = 10

STEADY_MIB = 25.0
"""Memory counts as constant when it grows by less than a quarter of the body: a buffered one is 100."""

FETCHKIT = Peer(
    name="fetchkit",
    source=Module("fetchkit.__main__", "fetchkit"),
    command=("$program", "-m", "fetchkit", "serve", "$site", "--port", "0", "--host", HOST, "-q"),
    ready_line=r"fetchkit ready http://127\.0\.0\.1:(\d+)/",
)

NGINX_CONFIG = """
daemon off; user root; worker_processes 1; pid $scratch/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types; access_log off; sendfile on;
    client_body_temp_path $scratch/body; proxy_temp_path $scratch/proxy;
    fastcgi_temp_path $scratch/fastcgi; uwsgi_temp_path $scratch/uwsgi; scgi_temp_path $scratch/scgi;
    server { listen 127.0.0.1:$port; root $site; }
}
"""

AIOHTTP_PROGRAM = f"""
from aiohttp import web
app = web.Application()
app.router.add_static("/", "$site")
web.run_app(app, host="{HOST}", port=$port, access_log=None, print=None)
"""

CADDY = Debian("caddy", "caddy")
CADDY_COMMAND = ("$program", "file-server", "--root", "$site", "--listen", f"{HOST}:$port")
CADDY_HOME = {"HOME": "$scratch", "XDG_CONFIG_HOME": "$scratch", "XDG_DATA_HOME": "$scratch"}

PEERS = (
    FETCHKIT,
    Peer("nginx", Debian("nginx", "nginx"), ("$program", "-c", "$config"), NGINX_CONFIG),
    Peer("caddy", CADDY, CADDY_COMMAND, environment=CADDY_HOME),
    Peer("caddy-1", CADDY, CADDY_COMMAND, environment={**CADDY_HOME, "GOMAXPROCS": "1"}),
    Peer(
        "sirv",
        Npm("sirv-cli", "sirv", 3),
        ("$program", "$site", "--host", HOST, "--port", "$port", "--quiet"),
    ),
    Peer(
        "vite",
        Npm("vite", "vite", 7),
        ("$program", "preview", "--outDir", "$site", "--host", HOST, "--port", "$port", "--strictPort"),
    ),
    Peer(
        "http-server",
        Npm("http-server", "http-server", 14),
        ("$program", "$site", "-a", HOST, "-p", "$port", "-s"),
    ),
    Peer("aiohttp", Module("aiohttp", "aiohttp"), ("$program", "$config"), AIOHTTP_PROGRAM),
    Peer(
        "emrun",
        Debian("emscripten", "emrun"),
        ("$program", "--no_browser", "--hostname", HOST, "--port", "$port", "$site/index.html"),
    ),
)

COLUMNS = (
    Column("requests/s", "requests/s"),
    Column("µs CPU each", "µs CPU/request", 1),
    Column("/ fetchkit", "requests/s", 2, against="fetchkit"),
    Column("100 MiB: MB/s", "MB/s"),
    Column("ms CPU", "ms CPU/100 MiB", 1),
    Column("/ fetchkit", "MB/s", 2, against="fetchkit"),
    Column("RSS growth, MiB", "RSS growth MiB", 1),
)


def measure(peers: Sequence[Peer], options: Options) -> Report:
    """Measure these peers beside each other, then how fetchkit starts if it is among them."""
    with _site() as (site, bodies), ExitStack() as stack:
        servers, notes = start_all(stack, peers, {"site": site})
        at_rest = {name: memory(server.pid)[0] for name, server in servers.items()}
        good = [server for server in servers.values() if _answers_rightly(server, bodies, notes)]

        def small_file(server: Running) -> dict[str, float]:
            return requests(server, SMALL, options.seconds)

        def large_file(server: Running) -> dict[str, float]:
            return download(server, LARGE, LARGE_SIZE)

        samples, invalid = alternate(good, (small_file, large_file), options.rounds, options.say)
        for server in good:
            growth = (memory(server.pid)[1] - at_rest[server.peer.name]) / MIB
            samples.add(server.peer.name, 0, {"RSS growth MiB": growth})
        if FETCHKIT.name in servers:
            _start_fetchkit(samples, site, notes, options)
        return _report([server.peer for server in good], samples, options, [*notes, *invalid])


@contextmanager
def _site() -> Iterator[tuple[Path, Mapping[str, bytes]]]:
    """Make the folder that is served; yield it, and the SHA-256 of each file."""
    chance = random.Random(0)  # noqa: S311  the same bytes in every run, and nothing that compresses
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-site-") as folder:
        files = {
            SMALL: chance.randbytes(SMALL_SIZE),
            LARGE: chance.randbytes(MIB) * (LARGE_SIZE // MIB),
            "index.html": b"<!doctype html><title>bench</title>",
        }
        for name, body in files.items():
            Path(folder, name).write_bytes(body)
        yield Path(folder), {name: hashlib.sha256(body).digest() for name, body in files.items()}


def _answers_rightly(server: Running, bodies: Mapping[str, bytes], notes: list[str]) -> bool:
    """Fetch each measured file once, so that nobody is measured while it answers errors."""
    for path in (SMALL, LARGE):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
        try:
            connection.request("GET", f"/{path}")
            response = connection.getresponse()
            right = response.status == 200 and hashlib.sha256(response.read()).digest() == bodies[path]
        except (OSError, http.client.HTTPException):
            right = False
        finally:
            connection.close()
        if not right:
            notes.append(f"{server.peer.name} is left out: it does not answer /{path} rightly.")
            return False
    return True


def _start_fetchkit(samples: Samples, site: Path, notes: list[str], options: Options) -> None:
    program = FETCHKIT.source.find()
    command = [Template(word).substitute(program=program, site=site) for word in FETCHKIT.command]
    for count in range(START_UPS):
        options.say(f"start-up {count + 1} of {START_UPS}")
        with suppress(InvalidRunError):
            samples.add(FETCHKIT.name, count, start_up(command, site))
    wall = samples.median("s wall", FETCHKIT.name)
    notes.append(f"From command to ready line: {number(wall, 2)} s of wall time, median of {START_UPS}.")


def _report(peers: Sequence[Peer], samples: Samples, options: Options, notes: Sequence[str]) -> Report:
    names = [peer.name for peer in peers]
    versions = {f"{peer.source.label} {peer.source.version()}": None for peer in peers}
    return Report(
        part="files",
        title=f"Static files: medians of {options.rounds} rounds, wrk -t1 -c16 -d{options.seconds}s on 1 KiB",
        machine=machine(list(versions)),
        headings=("server", *(column.heading for column in COLUMNS)),
        rows=rows(samples, names, COLUMNS),
        targets=_targets(samples),
        notes=tuple(notes),
        samples=samples.as_dict(),
    )


def _targets(samples: Samples) -> tuple[Target, ...]:
    return (
        at_least(samples, "requests/s", "fetchkit", 2, "sirv"),
        at_least(samples, "requests/s", "fetchkit", 10, "emrun"),
        at_least(samples, "requests/s", "fetchkit", 1, "caddy"),
        at_least(samples, "requests/s", "fetchkit", 1, "caddy-1"),
        at_least(samples, "MB/s", "fetchkit", 0.8, "nginx"),
        below("memory growth, all runs", samples.median("RSS growth MiB", "fetchkit"), STEADY_MIB, "MiB"),
        below("start-up, CPU time", samples.median("s CPU", "fetchkit"), 0.5, "s"),
    )
