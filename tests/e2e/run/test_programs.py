"""What a program prints and how it ends is what the shell gets, whatever the build."""

import pytest

from .support import Builds, Run

pytestmark = pytest.mark.e2e

# Waits in three ways, one after the other.
STORED = """fetch('note.txt').then((answer) => answer.text()).then((text) => setTimeout(() => {
    const request = indexedDB.open('x');
    request.onsuccess = () => out('stored ' + text);
}, 300))"""


@pytest.mark.parametrize(
    ("build", "count"),
    [
        ("plain.js", 10_000),
        ("runtime.js", 10_000),
        ("emrun.js", 10_000),
        ("module.mjs", 1_000),
        ("factory.js", 1_000),
        # emcc's own page needs a second for a thousand: it rewrites all that it shows for each.
        ("page.html", 1_000),
        ("emrun.html", 1_000),
    ],
)
def test_lines_of_two_streams_arrive_complete_and_in_order(
    run: Run, builds: Builds, build: str, count: int
) -> None:
    ran = run(builds(build), "lines", str(count), before="joined")
    assert ran.lines == [f"line {number}" for number in range(count)]
    assert ran.code == 0


def test_standard_output_and_standard_error_stay_apart(run: Run, builds: Builds) -> None:
    for build in "plain.js", "emrun.html":
        ran = run(builds(build), "lines", "4")
        assert (ran.output, ran.errors, ran.code) == ("line 0\nline 2\n", "line 1\nline 3\n", 0)


@pytest.mark.parametrize(
    ("build", "mode", "status", "code"),
    [
        ("plain.js", "exit", -1, 255),
        ("runtime.js", "exit", 255, 255),
        ("runtime.js", "exit", 256, 0),
        ("emrun.html", "return", 42, 42),
        ("emrun.html", "exit", -1, 255),
        ("emrun.js", "exit", 256, 0),
        ("page.html", "exit", 1, 1),
        ("module.mjs", "return", 42, 42),
        ("factory.js", "exit", 42, 42),
    ],
)
def test_the_exit_code_of_the_program_is_that_of_the_command(
    run: Run, builds: Builds, build: str, mode: str, status: int, code: int
) -> None:
    ran = run(builds(build), mode, str(status))
    assert (ran.code, ran.lines) == (code, [f"{mode}s"])
    assert ran.sentences == ""


@pytest.mark.parametrize(
    ("build", "mode", "said"),
    [
        ("plain.js", "abort", "native code called abort()"),
        ("runtime.js", "abort", "Aborted()"),
        ("emrun.html", "abort", "native code called abort()"),
        ("factory.js", "abort", "native code called abort()"),
        ("plain.js", "trap", "unreachable"),
        ("emrun.js", "trap", "unreachable"),
        ("module.mjs", "bounds", "memory access out of bounds"),
        ("runtime.js", "divide", "divide by zero"),
        ("plain.js", "recurse", "Maximum call stack size exceeded"),
    ],
)
def test_an_abort_or_a_trap_is_134_with_its_reason_and_one_stack(
    run: Run, builds: Builds, build: str, mode: str, said: str
) -> None:
    ran = run(builds(build), mode)
    assert (ran.code, ran.lines) == (134, [f"before {mode}"])
    assert said in ran.errors
    # Without debug information a function has its number only.
    frames = [line for line in ran.errors.splitlines() if line.startswith("    at ")]
    assert frames
    if mode != "recurse":
        assert len(frames) == len(set(frames)), ran.errors


@pytest.mark.parametrize("build", ["throw.js", "throw-emrun.js", "throw-caught.js", "throw-wasm.js"])
def test_an_uncaught_cpp_exception_is_134(run: Run, builds: Builds, build: str) -> None:
    ran = run(builds(build))
    assert (ran.code, ran.lines) == (134, ["before the exception"])
    assert ran.sentences


@pytest.mark.parametrize("build", ["threads.js", "proxied.js", "emrun-threads.html"])
def test_a_program_of_threads_prints_all_and_ends_with_the_code_of_main(
    run: Run, builds: Builds, build: str
) -> None:
    ran = run(builds(build), "", "with words")
    assert ran.lines == ["main starts: with words", "a thread prints", "a thread ends", "main ends"]
    assert "a thread complains\n" in ran.errors
    assert ran.code == 42


@pytest.mark.parametrize("build", ["threads.js", "proxied.js", "emrun-threads.html"])
def test_a_thread_may_exit_the_program(run: Run, builds: Builds, build: str) -> None:
    ran = run(builds(build), "exit")
    assert ran.lines[:2] == ["main starts: ", "a thread prints"]
    assert ran.code == 9
    assert ran.sentences == ""


@pytest.mark.parametrize(
    ("build", "mode", "said"),
    [
        ("threads.js", "abort", "abort"),
        ("proxied.js", "trap", "unreachable"),
        ("proxied.js", "abort", "abort"),
    ],
)
def test_a_crash_in_a_thread_is_134(run: Run, builds: Builds, build: str, mode: str, said: str) -> None:
    ran = run(builds(build), mode)
    assert (ran.code, ran.lines) == (134, ["main starts: ", "a thread prints"])
    assert said in ran.errors


def test_a_thread_that_main_leaves_behind_is_waited_for(run: Run, builds: Builds) -> None:
    ran = run(builds("living-threads.js"), "detach")
    assert ran.lines == ["main starts: ", "a thread logs"]
    assert (ran.code, ran.sentences) == (7, "")


@pytest.mark.parametrize(("build", "mode"), [("proxied.js", "leave"), ("resident.js", "")])
def test_a_runtime_that_outlives_its_threads_ends_by_the_timeout_with_all_they_printed(
    run: Run, builds: Builds, build: str, mode: str
) -> None:
    # Of 3.1.6: main left by pthread_exit, or returned from a thread without -sEXIT_RUNTIME. Node waits too.
    ran = run("--timeout", "2", builds(build), mode)
    assert ran.lines[:3] == ["main starts: ", "a thread prints", "a thread ends"]
    assert ran.code == 124


@pytest.mark.parametrize(
    ("build", "options", "code"),
    [
        ("plain.js", ["--timeout", "2"], 124),
        ("emrun.html", ["--timeout=2", "--timeout_returncode=7"], 7),
        ("module.mjs", ["--timeout", "2", "--timeout-returncode", "99999"], 159),
    ],
)
def test_an_infinite_loop_ends_by_the_timeout_and_what_was_printed_before_is_there(
    run: Run, builds: Builds, build: str, options: list[str], code: int
) -> None:
    ran = run(*options, builds(build), "loop")
    assert (ran.code, ran.output) == (code, "before loop\n")
    assert "2 s" in ran.sentences
    assert 2 <= ran.seconds < 10


def test_a_program_that_falls_silent_ends_by_the_silence_timeout(run: Run, builds: Builds) -> None:
    for build in "plain.js", "emrun.js":
        ran = run("--silence-timeout", "1", builds(build), "silence")
        assert (ran.code, ran.output) == (124, "before the silence\n")
        assert "1 s" in ran.sentences


def test_output_keeps_the_silence_timeout_away(run: Run, builds: Builds) -> None:
    script = "for (let i = 1; i < 7; i++) setTimeout(() => out('still here ' + i), i * 400);"
    ran = run("--silence-timeout", "2", "--timeout", "20", builds("plain.js"), "stay", script)
    assert (ran.code, ran.lines) == (124, [f"still here {number}" for number in range(1, 7)])
    assert "2 s" in ran.sentences


@pytest.mark.parametrize("build", ["plain.js", "runtime.js", "emrun.html"])
def test_a_main_that_never_returns_may_force_the_exit(run: Run, builds: Builds, build: str) -> None:
    ran = run(builds(build), "force")
    assert (ran.code, ran.lines) == (5, ["frame 1", "frame 2", "frame 3"])


@pytest.mark.parametrize(
    ("build", "arguments", "lines", "code"),
    [
        ("plain.js", ["timer", "7"], ["later: done"], 7),
        ("emrun.js", ["timer", "7"], ["later: done"], 7),
        ("page.html", ["frames", "4"], ["frame 1", "frame 2", "frame 3"], 4),
        ("plain.js", ["wget", "note.txt"], ["loaded: a note"], 6),
        ("runtime.js", ["wget", "missing.txt"], ["failed: /got"], 6),
        (
            "plain.js",
            ["script", STORED],
            ["stored a note"],
            0,
        ),
    ],
)
def test_work_that_is_pending_when_main_returns_is_waited_for(
    run: Run, builds: Builds, build: str, arguments: list[str], lines: list[str], code: int
) -> None:
    page = builds(build)
    (page.parent / "note.txt").write_text("a note")
    ran = run("--timeout", "20", page, *arguments)
    assert (ran.code, ran.lines) == (code, lines)
    assert ran.sentences == ""
