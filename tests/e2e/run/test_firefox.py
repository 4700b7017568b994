"""The same in Firefox, where it is installed."""

import shutil

import pytest

from .support import Builds, Run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (shutil.which("firefox") or shutil.which("firefox-esr")), reason="Firefox is not installed"
    ),
]


@pytest.mark.parametrize("build", ["plain.js", "emrun.js"])
def test_arguments_and_output_and_exit_code(run: Run, builds: Builds, build: str) -> None:
    arguments = ["a b", "&%26", "", "ü 👩\u200d👧"]
    ran = run("--browser", "firefox", builds(build), "args", *arguments)
    assert [bytes.fromhex(line).decode() for line in ran.lines] == arguments
    assert ran.code == len(arguments)


def test_an_abort_is_134(run: Run, builds: Builds) -> None:
    ran = run("--browser", "firefox", builds("plain.js"), "abort")
    assert (ran.code, ran.output) == (134, "before abort\n")
    assert "native code called abort()" in ran.errors


def test_the_order_of_two_streams_holds_and_a_loop_is_ended(run: Run, builds: Builds) -> None:
    ran = run("--browser", "firefox", builds("emrun.js"), "lines", "2000", before="joined")
    assert ran.lines == [f"line {number}" for number in range(2000)]
    assert ran.code == 0
    ran = run("--browser", "firefox", "--timeout", "5", builds("plain.js"), "loop")
    assert (ran.code, ran.output) == (124, "before loop\n")
