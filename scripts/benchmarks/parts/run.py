"""`fetchkit run`: from the shell to the exit code, and many pages; emrun and the browser alone beside it.

The page is a hello world that emcc builds with --emrun, so that every peer can run it. The bare browser opens
the same page from the same kind of server in a fresh profile, and closes when it has loaded.
"""

import functools
import http.server
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measure import InvalidRunError
from benchmarks.parts import Options
from benchmarks.peers import HOST, Peer, ended
from benchmarks.report import Column, Report, Target, machine, number, rows
from benchmarks.samples import Samples
from benchmarks.sources import Debian, Module

__all__ = ["PEERS", "measure"]

PAGES = 100
JOBS = 2

SECONDS_MORE = 0.5
"""What may lie between fetchkit and the browser alone."""

TIMES_FASTER = 5.0
"""How much faster the pages must be with --jobs than one emrun after the other."""

DEADLINE = 60
"""Seconds for one command; emrun alone needs some two."""

SOURCE = '#include <stdio.h>\nint main(void) { puts("hello"); return 7; }\n'
EXPECTED = 7

NODE_PATH = "/usr/share/nodejs:/usr/lib/nodejs"
"""Where Debian's emcc finds acorn with a Node that is not Debian's."""

# Headless as root, without a network of its own: what all three browsers get.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

CHROMIUM = Debian("chromium", "chromium")
EMCC = Debian("emscripten", "emcc")
FETCHKIT = Peer("fetchkit", Module("fetchkit.__main__", "fetchkit"), ())
EMRUN = Peer("emrun", Debian("emscripten", "emrun"), ())
BROWSER = Peer("browser alone", CHROMIUM, ())
PEERS = (FETCHKIT, EMRUN, BROWSER)

COLUMNS = (
    Column("one page: s", "s wall", 2),
    Column("/ fetchkit", "s wall", 2, against="fetchkit"),
    Column("s CPU", "s CPU", 2),
    Column(f"{PAGES} pages: s", f"s wall, {PAGES} pages", 1),
    Column("/ fetchkit", f"s wall, {PAGES} pages", 1, against="fetchkit"),
)


def measure(peers: Sequence[Peer], options: Options) -> Report:
    """Run the page with each in turn, and then all the pages with those that can."""
    samples, notes = Samples(), list[str]()
    with ExitStack() as stack:
        site = stack.enter_context(_site(notes))
        chromium = CHROMIUM.find()
        if site is None or chromium is None:
            return _report([], samples, options, [*notes, "Chromium and emcc are needed."])
        url = stack.enter_context(_static(site))
        kept = [peer for peer in peers if _is_there(peer, notes)]
        commands = {
            "fetchkit": lambda: _fetchkit(site / "page-0.html"),
            "emrun": lambda: _emrun(chromium, site / "page-0.html"),
            "browser alone": lambda: _browser(chromium, f"{url}/page-0.html"),
        }
        for count in range(options.rounds):
            for peer in kept:
                options.say(f"round {count + 1} of {options.rounds}: one page, {peer.name}")
                _add(samples, notes, peer.name, count, commands[peer.name], "")
        _many(samples, notes, kept, chromium, site, options)
        return _report(kept, samples, options, notes)


def _many(
    samples: Samples, notes: list[str], peers: Sequence[Peer], chromium: str, site: Path, options: Options
) -> None:
    pages = [site / f"page-{count}.html" for count in range(PAGES)]

    def one_by_one() -> None:
        for page in pages:
            _emrun(chromium, page)

    many: dict[str, Callable[[], None]] = {
        "fetchkit": lambda: _fetchkit(*pages, jobs=JOBS),
        "emrun": one_by_one,
    }
    for peer in peers:
        if peer.name in many:
            options.say(f"{PAGES} pages, {peer.name}")
            _add(samples, notes, peer.name, 0, many[peer.name], f", {PAGES} pages")


def _add(
    samples: Samples, notes: list[str], name: str, count: int, command: Callable[[], None], suffix: str
) -> None:
    before, start = os.times(), time.perf_counter()
    try:
        command()
    except InvalidRunError as error:
        notes.append(f"{name}, round {count + 1}, is not counted: {error}")
        return
    lasted, after = time.perf_counter() - start, os.times()
    used = sum(after[2:4]) - sum(before[2:4])
    samples.add(name, count, {f"s wall{suffix}": lasted, f"s CPU{suffix}": used})


def _fetchkit(*pages: Path, jobs: int = 0) -> None:
    program = FETCHKIT.source.find() or ""
    more = ["--jobs", str(jobs)] if jobs else []
    words = [program, "-m", "fetchkit", "run", "--headless", *more, *map(str, pages)]
    _run(words, 1 if jobs else EXPECTED, PAGES * DEADLINE if jobs else DEADLINE, pages[0].parent)


def _emrun(chromium: str, page: Path) -> None:
    program = EMRUN.source.find() or ""
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-profile-", ignore_cleanup_errors=True) as profile:
        flags = " ".join((*FLAGS, f"--user-data-dir={profile}"))
        words = [program, "--browser", chromium, f"--browser_args={flags}", "--kill_exit"]
        more = ["--port", str(_free_port()), "--timeout", str(DEADLINE // 2)]
        _run([*words, *more, str(page)], EXPECTED, DEADLINE, page.parent)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _browser(chromium: str, url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-profile-", ignore_cleanup_errors=True) as profile:
        _run([chromium, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", url], 0, DEADLINE, Path(profile))


def _run(words: Sequence[str], expected: int, seconds: float, folder: Path) -> None:
    """Run a command to its end, in a session of its own that is ended with it.

    Raises:
        InvalidRunError: it took too long, or its exit code is another one.
    """
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        with ended(process):
            raise InvalidRunError(f"no end within {seconds:g} s") from error
    if code != expected:
        raise InvalidRunError(f"exit code {code}, not {expected}")


@contextmanager
def _site(notes: list[str]) -> Iterator[Path | None]:
    """The page, built once, under as many names as there are pages; None where emcc cannot be had."""
    emcc = EMCC.find()
    with tempfile.TemporaryDirectory(prefix="fetchkit-bench-site-") as folder:
        site = Path(folder)
        (site / "hello.c").write_text(SOURCE, encoding="utf-8")
        if emcc is None:
            yield None
            return
        command = [emcc, "hello.c", "-o", "page.html", "--emrun"]
        environment = {"NODE_PATH": NODE_PATH, **os.environ}
        built = subprocess.run(
            command, cwd=site, env=environment, capture_output=True, text=True, check=False
        )
        if built.returncode:
            notes.append(f"emcc failed: {built.stderr.strip()[-200:]}")
            yield None
            return
        for count in range(PAGES):
            shutil.copy(site / "page.html", site / f"page-{count}.html")
        yield site


@contextmanager
def _static(site: Path) -> Iterator[str]:
    """A plain server of the folder for the browser alone; yields its URL.

    `localhost` is not in it, so that the page does not try to speak to an emrun.
    """
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_values: object) -> None:
        """Say nothing."""


def _is_there(peer: Peer, notes: list[str]) -> bool:
    if peer.source.find() is None:
        notes.append(f"{peer.name} is left out: {peer.source.label} is not here and was not installed.")
        return False
    return True


def _report(peers: Sequence[Peer], samples: Samples, options: Options, notes: Sequence[str]) -> Report:
    versions = {f"{peer.source.label} {peer.source.version()}": None for peer in peers}
    return Report(
        part="run",
        title=f"A hello world from the shell to its exit code: medians of {options.rounds} rounds",
        machine=machine(list(versions)),
        headings=("command", *(column.heading for column in COLUMNS)),
        rows=rows(samples, [peer.name for peer in peers], COLUMNS),
        targets=_targets(samples),
        notes=(*notes, f"The {PAGES} pages were run once: fetchkit with --jobs {JOBS}, emrun one by one."),
        samples=samples.as_dict(),
    )


def _targets(samples: Samples) -> tuple[Target, ...]:
    ours, alone = samples.median("s wall", "fetchkit"), samples.median("s wall", "browser alone")
    more = None if ours is None or alone is None else ours - alone
    faster = samples.ratio(f"s wall, {PAGES} pages", "emrun", "fetchkit")
    return (
        Target(
            f"one page: at most {SECONDS_MORE:g} s more than the browser alone",
            f"{number(more, 2)} s",
            None if more is None else more <= SECONDS_MORE,
        ),
        Target(
            f"{PAGES} pages: at least {TIMES_FASTER:g} times faster than emrun",
            number(faster, 1),
            None if faster is None else faster >= TIMES_FASTER,
        ),
    )
