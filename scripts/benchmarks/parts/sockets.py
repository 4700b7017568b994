"""Sockets: the POSIX proxy beside Emscripten's own, TCP tunnels beside websockify (issue 5).

All stand in front of the same TCP server, a process of its own; CPU time and memory are those of the server
under measurement, of all its processes. Emscripten's proxy is built from the sources that Debian's package
installs, with g++ -O2, which its CMakeLists does not ask for; it is changed in one place, to listen on
loopback only, since any page could command it elsewhere. websockify has numpy, and is started with the two
addresses and no flags. It forks for every connection, so that its idle tunnels are measured in a
smaller number, and RSS counts what the processes share once for each.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from statistics import median, quantiles

from attrs import frozen

from benchmarks import posix_client, tunnel_client
from benchmarks.measure import (
    MIB,
    InvalidRunError,
    Probe,
    alternate,
    cpu_seconds,
    forget_peak,
    memory,
)
from benchmarks.parts import Options
from benchmarks.parts.files import FETCHKIT
from benchmarks.peers import HOST, Peer, Running, start_all
from benchmarks.report import Report, Target, at_least, at_most, below, machine, number
from benchmarks.samples import Samples
from benchmarks.sources import DebianSource, PyPI
from benchmarks.target import PAUSE_SECONDS, TARGET, Mode, opening, raise_limit
from benchmarks.websocket_client import WebSocket, frame

__all__ = ["PEERS", "measure"]

WEBSOCKIFY = Peer(
    "websockify",
    PyPI(("websockify", "numpy"), "websockify"),
    ("$program", f"{HOST}:$port", f"{HOST}:$target"),
)
REFERENCE = Peer(
    "posix-proxy",
    DebianSource("emscripten", "/websocket_to_posix_proxy/src", (("INADDR_ANY", "INADDR_LOOPBACK"),)),
    ("$program", "$port"),
)

PEERS = (FETCHKIT, WEBSOCKIFY, REFERENCE)

POSIX_PATHS = {FETCHKIT.name: "/posix", REFERENCE.name: "/"}
TUNNEL_PATHS = {FETCHKIT.name: f"/tcp/{HOST}:{{target}}", WEBSOCKIFY.name: "/"}

AT_ONCE = 16

IDLE = {FETCHKIT.name: 2000, WEBSOCKIFY.name: 50}

PUSHED = {FETCHKIT.name: 1024 * MIB, WEBSOCKIFY.name: 256 * MIB}
"""What a writer pushes while the reader stops; websockify keeps all of it in memory."""

SETTLING_SECONDS = 10.0

PAIRS, PAIRS_AT_ONCE = "pairs/s", f"pairs/s, {AT_ONCE} at once"
SENT, RECEIVED = "MiB/s in sends of 64 KiB", "MiB/s in recvs of 64 KiB"
MEDIAN, P99 = "getsockopt µs, median", "getsockopt µs, p99"
CPU_LARGE, CPU_SMALL = "s CPU/GB, messages of 64 KiB", "s CPU/GB, messages of 1 KiB"
RATE_LARGE, RATE_SMALL = "MB/s, messages of 64 KiB", "MB/s, messages of 1 KiB"
PINGS, PINGS_AT_ONCE = "pings/s", f"pings/s, {AT_ONCE} at once"
IDLE_KIB = "KiB RSS each idle tunnel"
TARGET_STOPS = f"RSS growth MiB, target stops {PAUSE_SECONDS:g} s"
CLIENT_STOPS = f"RSS growth MiB, client stops {PAUSE_SECONDS:g} s"

DECIMALS = {
    **dict.fromkeys((PAIRS, SENT, RECEIVED, IDLE_KIB, TARGET_STOPS, CLIENT_STOPS), 1),
    **dict.fromkeys((CPU_LARGE, CPU_SMALL), 2),
}
ROWS = (
    *(PAIRS, PAIRS_AT_ONCE, SENT, RECEIVED, MEDIAN, P99),
    *(CPU_LARGE, RATE_LARGE, CPU_SMALL, RATE_SMALL, PINGS, PINGS_AT_ONCE),
    *(IDLE_KIB, TARGET_STOPS, CLIENT_STOPS),
)


@frozen
class _Sockets:
    """Where the peers' sockets are, and the port of the server behind them."""

    target: int

    def posix(self, server: Running) -> str:
        """Return the URL of a POSIX proxy."""
        return f"ws://{HOST}:{server.port}{POSIX_PATHS[server.peer.name]}"

    def tunnel(self, server: Running) -> str:
        """Return the URL of a tunnel to the target."""
        return f"ws://{HOST}:{server.port}{TUNNEL_PATHS[server.peer.name].format(target=self.target)}"


def measure(peers: Sequence[Peer], options: Options) -> Report:
    """Measure these peers beside each other: memory first and once, while they are fresh."""
    load = os.getloadavg()[0]
    raise_limit()  # the peers inherit it
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-site-") as site, ExitStack() as stack:
        target, notes = start_all(stack, [TARGET], {})
        notes.append(f"Load average of the machine at the start: {load:.2f}.")
        if TARGET.name not in target:
            return _report((), Samples(), options, notes)
        sockets = _Sockets(target[TARGET.name].port)
        started, missing = start_all(stack, peers, {"site": site, "target": sockets.target})
        notes += missing
        servers = list(started.values())
        tunnels = _right(servers, TUNNEL_PATHS, lambda each: _tunnels_rightly(sockets.tunnel(each)), notes)
        proxies = _right(servers, POSIX_PATHS, lambda each: _calls_rightly(sockets, each), notes)
        samples = Samples()
        for some, once, probes in (
            (tunnels, _memory_probes(sockets), _tunnel_probes(sockets, options.seconds)),
            (proxies, (), _posix_probes(sockets, options.seconds)),
        ):
            _, unsound = alternate(some, once, 1, options.say, samples)
            alternate(some, probes, 1, lambda text: options.say(f"warming up, {text}"))
            _, invalid = alternate(some, probes, options.rounds, options.say, samples)
            notes += [*unsound, *invalid]
        good = [server.peer for server in servers if server in tunnels or server in proxies]
        return _report(good, samples, options, notes)


def _right(
    servers: Sequence[Running], paths: Mapping[str, str], check: Callable[[Running], None], notes: list[str]
) -> list[Running]:
    """Return those that answer rightly, so that nobody is measured while it answers errors."""
    good = []
    for server in servers:
        if path := paths.get(server.peer.name):
            try:
                check(server)
            except (InvalidRunError, OSError) as error:
                where = path.format(target="PORT")
                notes.append(f"{server.peer.name} at {where} is left out: {error}.")
            else:
                good.append(server)
    return good


def _tunnels_rightly(url: str) -> None:
    body = random.Random(0).randbytes(MIB)  # noqa: S311  the same bytes in every run
    with tunnel_client.tunnel(url) as client:
        for at in range(0, len(body), MIB // 16):
            piece = body[at : at + MIB // 16]
            client.socket.sendall(frame(piece))
            if client.exactly(len(piece)) != piece:
                raise InvalidRunError("it does not answer rightly")


def _calls_rightly(sockets: _Sockets, server: Running) -> None:
    body = random.Random(0).randbytes(10_000)  # noqa: S311
    with posix_client.PosixSocket(sockets.posix(server), sockets.target, Mode.ECHO) as used:
        used.send(body)
        if used.receive(len(body)) != body or used.call(used.asks_type())[0]:
            raise InvalidRunError("it does not answer rightly")


def _posix_probes(sockets: _Sockets, seconds: int) -> tuple[Probe, ...]:
    def posix_pairs(server: Running) -> dict[str, float]:
        url = sockets.posix(server)
        return {
            PAIRS: posix_client.pairs(url, sockets.target, 1, seconds),
            PAIRS_AT_ONCE: posix_client.pairs(url, sockets.target, AT_ONCE, seconds),
        }

    def posix_bulk(server: Running) -> dict[str, float]:
        url = sockets.posix(server)
        return {
            SENT: posix_client.sending(url, sockets.target, seconds),
            RECEIVED: posix_client.receiving(url, sockets.target, seconds),
        }

    def posix_calls(server: Running) -> dict[str, float]:
        times = posix_client.call_times(sockets.posix(server), sockets.target, seconds)
        return {MEDIAN: median(times), P99: quantiles(times, n=100)[-1]}

    return posix_pairs, posix_bulk, posix_calls


def _tunnel_probes(sockets: _Sockets, seconds: int) -> tuple[Probe, ...]:
    def echo(server: Running, size: int) -> tuple[float, float]:
        """Return CPU seconds for each 10^9 bytes that came back, and 10^6 bytes a second."""
        with tunnel_client.tunnel(sockets.tunnel(server)) as client:
            before = cpu_seconds(server.pid)
            echoed, lasted = tunnel_client.echo(client, size, seconds)
            used = cpu_seconds(server.pid) - before
        return used / echoed * 1e9, echoed / lasted / 1e6

    def large_messages(server: Running) -> dict[str, float]:
        return dict(zip((CPU_LARGE, RATE_LARGE), echo(server, 64 * 1024), strict=True))

    def small_messages(server: Running) -> dict[str, float]:
        return dict(zip((CPU_SMALL, RATE_SMALL), echo(server, 1024), strict=True))

    def ping_pong(server: Running) -> dict[str, float]:
        url = sockets.tunnel(server)
        return {
            PINGS: tunnel_client.pings(url, 1, seconds),
            PINGS_AT_ONCE: tunnel_client.pings(url, AT_ONCE, seconds),
        }

    return large_messages, small_messages, ping_pong


def _memory_probes(sockets: _Sockets) -> tuple[Probe, ...]:
    def idle_tunnels(server: Running) -> dict[str, float]:
        count, url = IDLE[server.peer.name], sockets.tunnel(server)
        before = _settled(server)
        with tunnel_client.idle(url, count):
            return {IDLE_KIB: (_settled(server) - before) / count / 1024}

    def growth(server: Running, mode: Mode, move: Callable[[WebSocket, int], None]) -> float:
        """Return by how many MiB the peak exceeds what was held once the WebSocket stood."""
        size = PUSHED[server.peer.name]
        with WebSocket(sockets.tunnel(server), tunnel_client.PROTOCOL) as client:
            at_rest = _settled(server)
            forget_peak(server.pid)
            client.socket.sendall(frame(opening(mode, size)))
            move(client, size)
            return (memory(server.pid)[1] - at_rest) / MIB

    def target_stops(server: Running) -> dict[str, float]:
        return {TARGET_STOPS: growth(server, Mode.SLOW_SINK, tunnel_client.push)}

    def client_stops(server: Running) -> dict[str, float]:
        return {CLIENT_STOPS: growth(server, Mode.SOURCE, tunnel_client.pull)}

    # Idle tunnels last: what they leave free in the heap would hide a growth.
    return target_stops, client_stops, idle_tunnels


def _settled(server: Running) -> int:
    """Return the bytes held once they do not change any more: processes take their time to end."""
    deadline, held = time.monotonic() + SETTLING_SECONDS, -1
    while held != (held := memory(server.pid)[0]) and time.monotonic() < deadline:
        time.sleep(SETTLING_SECONDS / 20)
    return held


def _report(peers: Sequence[Peer], samples: Samples, options: Options, notes: Sequence[str]) -> Report:
    versions = {f"{peer.source.label} {peer.source.version()}": None for peer in peers}
    return Report(
        part="sockets",
        title=f"Sockets: medians of {options.rounds} rounds, {options.seconds} s each; memory once",
        machine=machine(list(versions)),
        headings=("measure", *(peer.name for peer in peers)),
        rows=tuple(
            (row, *(number(samples.median(row, peer.name), DECIMALS.get(row, 0)) for peer in peers))
            for row in ROWS
        ),
        targets=_targets(samples),
        notes=(*_told(peers), *notes),
        samples=samples.as_dict(),
    )


def _told(peers: Sequence[Peer]) -> list[str]:
    """Say in which numbers memory was measured."""
    return [
        f"{peer.name}: {IDLE[peer.name]:,} idle tunnels, {PUSHED[peer.name] // MIB:,} MiB to a stopped reader"
        for peer in peers
        if peer.name in IDLE
    ]


def _targets(samples: Samples) -> tuple[Target, ...]:
    ours, theirs = FETCHKIT.name, WEBSOCKIFY.name
    return (
        _reaches(samples, PAIRS, 3000),
        _reaches(samples, SENT, 100),
        at_most(samples, CPU_LARGE, ours, 0.5, theirs),
        at_most(samples, CPU_SMALL, ours, 0.3, theirs),
        at_least(samples, PINGS, ours, 1, theirs),
        at_least(samples, PINGS_AT_ONCE, ours, 1.5, theirs),
        below(f"RSS of each of {IDLE[ours]:,} idle tunnels", samples.median(IDLE_KIB, ours), 40, "KiB"),
        below(TARGET_STOPS, samples.median(TARGET_STOPS, ours), 4, "MiB"),
        below(CLIENT_STOPS, samples.median(CLIENT_STOPS, ours), 4, "MiB"),
    )


def _reaches(samples: Samples, metric: str, limit: float) -> Target:
    """Ask that fetchkit reaches a value."""
    value = samples.median(metric, FETCHKIT.name)
    return Target(
        f"{metric}: at least {limit:,g}", number(value, 0), None if value is None else value >= limit
    )
