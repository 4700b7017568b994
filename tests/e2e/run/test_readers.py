"""Whoever reads a run's output may be slow, or stop: nothing is lost, and nothing hangs."""

import array
import fcntl
import os
import signal
import termios
import time

import pytest

from .support import Builds, Start

pytestmark = pytest.mark.e2e

SOON = 10.0
"""Seconds for an end that was asked for; two are usual."""
FLOOD = "const line = 'x'.repeat(999); setInterval(() => { for (let i = 0; i < 1000; i++) out(line) }, 0)"


def wait_until_full(reader: int) -> None:
    """Until nothing more comes into a pipe that nobody reads."""
    before, since, deadline = -1, time.monotonic(), time.monotonic() + 40
    waiting = array.array("i", [0])
    while before <= 0 or time.monotonic() - since < 0.5:
        assert time.monotonic() < deadline, f"{before} bytes came"
        fcntl.ioctl(reader, termios.FIONREAD, waiting)
        if waiting[0] != before:
            before, since = waiting[0], time.monotonic()
        time.sleep(0.02)


def test_a_signal_ends_a_run_whose_output_nobody_takes(
    start: Start, builds: Builds, pipe: tuple[int, int]
) -> None:
    run = start(str(builds("plain.js")), "stay", FLOOD, stdout=pipe[1])
    wait_until_full(pipe[0])
    run.signal(signal.SIGTERM)
    assert run.ended(SOON).code == 143


@pytest.mark.parametrize("build", ["plain.js", "emrun.js"])
def test_a_time_limit_ends_a_run_whose_output_nobody_takes(
    start: Start, builds: Builds, pipe: tuple[int, int], build: str
) -> None:
    """Also of a program that has ended itself, but not been heard to its end."""
    script = "for (let i = 0; i < 300; i++) out('x'.repeat(9999)); _exit(3)"
    run = start("--timeout", "3", str(builds(build)), "stay", script, stdout=pipe[1])
    ran = run.ended(3 + SOON)
    assert (ran.code, ran.sentences) == (
        124,
        "fetchkit: the output was not taken to its end in time (--timeout).",
    )
    assert ran.seconds > 3


def test_a_reader_that_stops_for_a_while_gets_all_and_the_page_waits_for_it(
    start: Start, builds: Builds, pipe: tuple[int, int]
) -> None:
    """Limits of silence do not count meanwhile."""
    reader, writer = pipe
    script = "for (let i = 0; i < 8000; i++) out(i + ' ' + 'x'.repeat(999)); _exit(3)"
    run = start("--silence-timeout", "2", str(builds("runtime.js")), "stay", script, stdout=writer)
    wait_until_full(reader)
    time.sleep(2.5)
    assert run.peak_memory() < 120 * 1024 * 1024
    text = b""
    while text.count(b"\n") < 8_000:
        text += os.read(reader, 1 << 20)
    ran = run.ended(SOON)
    assert text.split(b"\n") == [*(b"%d %s" % (n, b"x" * 999) for n in range(8_000)), b""]
    assert (ran.code, ran.errors) == (3, "")
