"""However a run is cut short, its exit code says so, and nothing is left (the fixture `leftovers`)."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from .support import Builds, Process, Processes, Run, Start, Started

pytestmark = pytest.mark.e2e

SOON = 8.0
"""Seconds for an end that somebody asked for; a fraction of one is usual."""


@pytest.fixture
def running(start: Start, builds: Builds) -> Started:
    """A run whose program has printed something and goes on for ever, in a session of its own."""
    run = start(str(builds("plain.js")), "silence", before="session")
    run.wait_for_output("before the silence\n")
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_the_code_names_it(running: Started, number: signal.Signals) -> None:
    # As a terminal does: to the whole group.
    os.killpg(running.program.process.pid, number)
    ran = running.ended(SOON)
    assert (ran.code, ran.output) == (128 + number, "")
    assert "Traceback" not in ran.errors


def test_the_loop_of_a_program_does_not_hold_up_an_interrupt(start: Start, builds: Builds) -> None:
    run = start(str(builds("emrun.html")), "loop")
    run.wait_for_output("before loop\n")
    run.signal(signal.SIGINT)
    assert run.ended(SOON).code == 130


def is_importing(run: Started, seen: list[int]) -> bool:
    """Whether `main` has taken Python's handler of SIGINT away; before that, a traceback is Python's."""
    status = Path(f"/proc/{run.program.process.pid}/status").read_text("ascii")
    caught = int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGINT - 1) & 1
    seen.append(caught)
    return not caught and 1 in seen


@pytest.mark.parametrize("moment", ["imports", "keeper", "browser"])
def test_an_interrupt_while_all_is_starting_leaves_nothing(start: Start, builds: Builds, moment: str) -> None:
    run = start(str(builds("plain.js")), "silence")
    seen: list[int] = []
    deadline = time.monotonic() + 20
    while True:
        started = [process for process in run.processes if process.state != "Z"]
        browser = any("--user-data-dir=" in process.command for process in started)
        if browser or (started and moment != "browser") or (moment == "imports" and is_importing(run, seen)):
            break
        assert time.monotonic() < deadline
        time.sleep(0.001)
    run.signal(signal.SIGINT)
    ran = run.ended(SOON)
    assert ran.code == 130
    assert "Traceback" not in ran.errors


def test_a_second_interrupt_leaves_nothing_either(running: Started) -> None:
    running.signal(signal.SIGINT)
    time.sleep(0.01)
    running.signal(signal.SIGINT)
    ran = running.ended(SOON)
    assert ran.code == 130
    assert "Traceback" not in ran.errors


def test_when_fetchkit_is_killed_the_browser_ends_too(running: Started, leftovers: Processes) -> None:
    assert running.browser() in leftovers.alive()
    leftovers.killed = True
    running.signal(signal.SIGKILL)
    assert running.ended(SOON).code == 128 + signal.SIGKILL


def test_a_browser_that_is_killed_is_said(running: Started) -> None:
    os.kill(running.browser().pid, signal.SIGKILL)
    ran = running.ended(SOON)
    assert ran.code == 125
    assert "browser" in ran.sentences


def test_the_server_may_outlive_the_browser(start: Start, builds: Builds) -> None:
    run = start("--serve-after-close", str(builds("plain.js")), "silence")
    run.wait_for_output("before the silence\n")
    os.kill(run.browser().pid, signal.SIGKILL)
    run.program.wait_for_errors("exit code 125; serving on until Ctrl-C")
    run.signal(signal.SIGINT)
    assert run.ended(SOON).code == 125


def test_a_tab_that_crashes_is_said(running: Started) -> None:
    renderers = [p for p in running.processes if "--type=renderer" in p.command]
    assert renderers
    for renderer in renderers:
        os.kill(renderer.pid, signal.SIGKILL)
    ran = running.ended(SOON)
    assert ran.code in {125, 134}
    assert "crash" in ran.sentences


def test_what_watches_the_browser_may_be_killed_too(running: Started, leftovers: Processes) -> None:
    leftovers.killed = True
    keeper = parent_of(running.browser(), running.processes)
    assert keeper.pid != running.program.process.pid
    os.kill(keeper.pid, signal.SIGKILL)
    ran = running.ended(SOON)
    assert ran.code == 125
    assert ran.sentences


def parent_of(child: Process, processes: list[Process]) -> Process:
    """The process that started another."""
    (parent,) = (p for p in processes if p.pid == child.parent)
    return parent


@pytest.fixture
def sleeper(tmp_path: Path) -> Path:
    """A browser that starts, complains, and never answers."""
    script = tmp_path / "sleeper"
    script.write_text("#!/bin/sh\necho 'no room for \033[31mprofile' >&2\nexec sleep 60\n")
    script.chmod(0o755)
    return script


def test_a_browser_that_never_answers_is_an_error_with_its_last_lines(
    run: Run, builds: Builds, sleeper: Path
) -> None:
    ran = run("--browser", sleeper, builds("plain.js"))
    assert (ran.code, ran.output) == (125, "")
    assert r"no room for \x1b[31mprofile" in ran.errors
    assert ran.seconds < 10


def test_a_browser_that_ends_at_once_is_an_error_with_its_last_lines(
    run: Run, builds: Builds, tmp_path: Path
) -> None:
    script = tmp_path / "quitter"
    script.write_text("#!/bin/sh\necho 'cannot open display' >&2\nexit 1\n")
    script.chmod(0o755)
    ran = run("--browser", script, builds("plain.js"))
    assert ran.code == 125
    assert "cannot open display" in ran.errors
    assert ran.seconds < 10


@pytest.mark.parametrize("browser", ["/bin/false", "/nonexistent/browser", "netscape", "/", "/etc/passwd"])
def test_what_is_no_browser_is_said_to_be_none(run: Run, builds: Builds, browser: str) -> None:
    ran = run("--browser", browser, builds("plain.js"))
    assert (ran.code, ran.output) == (125, "")
    assert re.match(r"fetchkit: [^\n]+\n", ran.errors), ran.errors
    assert browser in ran.errors
    assert ran.seconds < 10


def test_the_home_and_the_current_folder_stay_as_they_were(run: Run, builds: Builds, tmp_path: Path) -> None:
    assert run(builds("plain.js")).code == 0
    assert [file.name for file in (tmp_path / "home-0").iterdir()] == ["stderr.txt"]


def test_a_long_path_for_temporary_files_is_no_obstacle(run: Run, builds: Builds, temporary: Path) -> None:
    # pytest's tmp_path is such a one; a UNIX socket's path has 108 bytes at most.
    long = temporary / ("long" * 20)
    long.mkdir()
    ran = run(builds("plain.js"), environment={"TMPDIR": str(long)})
    assert (ran.code, ran.output) == (0, "hello\n")
    long.rmdir()  # which is empty


def test_a_crash_is_told_before_serving_goes_on(start: Start, builds: Builds) -> None:
    run = start("--serve-after-exit", builds("plain.js"), "--", "trap")
    run.program.wait_for_errors(r"exit code 134; serving on")
    code, _, errors = run.program.end(signal.SIGTERM)
    assert code == 134
    assert "RuntimeError" in errors
