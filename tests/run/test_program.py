"""What becomes of a program: reports and messages in, lines and one outcome out; the clock is the test's."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.run.program import (
    ABORTED,
    CRASH_SECONDS,
    DRAINED_TIMES,
    EXIT_SECONDS,
    IDLE_SECONDS,
    LOAD_SECONDS,
    MAX_LOADS,
    NEVER_STARTED,
    TIMED_OUT,
    UNCAUGHT,
    Limits,
    Outcome,
    Program,
    exit_code,
)

STACK = "RuntimeError: unreachable\n    at main (http://h/a.wasm:wasm-function[8]:0x3d4)"
OTHER_STACK = "Error: x\n    at g (http://h/a.js:1:2)"
# As Emscripten prints it: message, comma, stack.
TOLD = f"exception thrown: RuntimeError: unreachable,{STACK}"
TOLD_OTHER = f"exception thrown: Error: x,{OTHER_STACK}"


def thrown(message: str = "oops", stack: str = "", *, name: str = "Error", fatal: bool = False) -> str:
    return "t" + json.dumps({"name": name, "message": message, "stack": stack, "fatal": fatal})


TRAP = thrown("unreachable", STACK, name="RuntimeError", fatal=True)


@define
class Run:
    """A program, and what it has printed and said."""

    limits: Limits = field(factory=Limits)
    printed: list[tuple[str, str]] = field(factory=list)
    said: list[str] = field(factory=list)
    now: float = 100.0
    program: Program = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.program = Program("app.html", self.limits, self.now, self._print, self.said.append)

    def _print(self, stream: str, text: str) -> None:
        self.printed.append((stream, text))

    def tell(self, *reports: str) -> "Run":
        """Reports of the page."""
        for each in reports:
            self.program.reported(each, self.now)
        return self

    def wait(self, seconds: float) -> "Run":
        """Let time go by."""
        self.now += seconds
        self.program.tick(self.now)
        return self

    @property
    def outcome(self) -> Outcome | None:
        """How it ended."""
        return self.program.outcome

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self.program.outcome is None else self.program.outcome.code


def begun(*reports: str, **limits: Any) -> Run:
    """A page with a program, loaded."""
    return Run(Limits(**limits)).tell("dhttp://h/", "m", "l", *reports)


# --- How it ends, by reports


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        (["x0"], 0),
        (["x42"], 42),
        (["x255"], 255),
        (["x256"], 0),
        (["x-1"], 255),
        (["x"], 0),
        (["xundefined"], 0),
        (["q0", "i"], 0),
        (["q3", "i"], 3),
        (["q3", "x4"], 4),
        (["x3", "x4"], 3),
        (["x3", "q4", "i"], 3),
        (["q3", "q4", "i"], 4),
        (["i", "q3", "i"], 3),
        (["aOOM", "z"], ABORTED),
        (["aOOM", TRAP, "z"], ABORTED),
        ([TRAP, "z"], ABORTED),
        ([thrown(), "z"], UNCAUGHT),
        ([thrown(), TRAP, "z"], ABORTED),
        ([TRAP, thrown(), "z"], ABORTED),
        (["q0", thrown(), "z"], UNCAUGHT),
        ([thrown(), "x5"], 5),
        ([thrown("", ""), "z"], UNCAUGHT),
        ([thrown("", "", name=""), "z"], UNCAUGHT),
        (["t", "z"], UNCAUGHT),
    ],
    ids=str,
)
def test_a_program_ends_with_the_code_that_a_shell_would_see(reports: list[str], code: int) -> None:
    assert begun(*reports).code == code


@pytest.mark.parametrize(
    "reports",
    [[], ["q0"], ["i"], ["z"], ["aOOM"], [TRAP], ["otext"], ["r"], ["r", "q0", "i"], ["r", "x0"], ["r", "i"]],
    ids=str,
)
def test_it_runs_until_that_is_certain(reports: list[str]) -> None:
    run = begun(*reports)
    assert run.outcome is None


def test_an_exit_needs_no_words() -> None:
    assert begun("x3").outcome == Outcome(3)
    assert begun("q3", "i").outcome == Outcome(3)


def test_a_crash_is_told_with_its_stack() -> None:
    assert begun(TRAP, "z").outcome == Outcome(ABORTED, "app.html aborted.", STACK)
    reason = "app.html did not catch an error."
    assert begun(thrown("x", OTHER_STACK), "z").outcome == Outcome(UNCAUGHT, reason, OTHER_STACK)
    assert begun("aOOM", "z").outcome == Outcome(ABORTED, "app.html aborted.")


@pytest.mark.parametrize(
    ("error", "crash"),
    [
        (thrown("oops", ""), "Error: oops"),
        (thrown("oops", "", name=""), "oops"),
        # Firefox has no message in the stack
        (thrown("oops", "f@http://h/a.js:1:2"), "Error: oops\nf@http://h/a.js:1:2"),
        (thrown("", "    at http://h/a.js:1:2", name=""), "    at http://h/a.js:1:2"),
        (thrown("", "", name=""), "an error without a message"),
        ("tnot json", "not json"),
        ("t[]", "[]"),
        ('t{"name": "x"}', '{"name": "x"}'),
        ("tnull", "null"),
        ("t1", "1"),
        ('t{"name": 1, "message": null, "stack": [], "fatal": 0}', "1: None\n[]"),
    ],
)
def test_whatever_an_error_says_is_shown(error: str, crash: str) -> None:
    run = begun(error, "z")
    assert run.outcome is not None
    assert (run.outcome.code, run.outcome.crash) == (UNCAUGHT, crash)


def test_a_report_that_nests_without_end_is_text() -> None:
    nested = "[" * 200_000
    assert begun(f"t{nested}", "z").code == UNCAUGHT
    assert begun(f"e{TOLD}", f"t{nested}", "z").printed == [("stderr", TOLD)]


def test_a_crash_whose_turn_never_ends_is_ended() -> None:
    run = begun(TRAP)
    assert run.program.wake == run.now + CRASH_SECONDS
    assert run.wait(CRASH_SECONDS - 0.1).outcome is None
    assert run.wait(0.1).code == ABORTED


@pytest.mark.parametrize("error", [thrown("", "", name=""), "t", "a", TRAP, thrown()])
def test_no_crash_is_waited_for_for_ever(error: str) -> None:
    run = begun(error).wait(CRASH_SECONDS)
    assert run.outcome is not None
    assert run.program.wake == math.inf


# --- What it prints


def test_what_is_printed_comes_out_in_order_as_it_is() -> None:
    run = begun("oone", "etwo", "o", "oa\nb", "e\x1b[2J", "o\ud800", "x0")
    assert run.printed == [
        ("stdout", "one"),
        ("stderr", "two"),
        ("stdout", ""),
        ("stdout", "a\nb"),
        ("stderr", "\x1b[2J"),
        ("stdout", "\ud800"),
    ]


def test_nothing_that_a_page_reports_after_its_end_counts() -> None:
    run = begun("x3").tell("olate", "x4", TRAP, "z", "dhttp://h/", *["dhttp://h/"] * MAX_LOADS)
    run.program.fail("The tab crashed.")
    run.program.closed()
    run.program.ended(7)
    run.program.worker_said("stderr", "late", run.now)
    run.program.dialog("alert", "late", run.now)
    assert run.wait(1e9).outcome == Outcome(3)
    assert run.printed == []


@pytest.mark.parametrize("report", ["", " ", "?", "X0", "\ud800", "0", "dd", "é", "\0"])
def test_a_report_of_no_known_kind_changes_nothing(report: str) -> None:
    run = begun(report) if report != "dd" else begun()
    assert (run.outcome, run.printed) == (None, [])


def test_a_stack_that_is_going_to_be_shown_is_not_printed_besides() -> None:
    for reports in ([f"e{TOLD}", TRAP, "z"], [TRAP, f"e{TOLD}", "z"]):
        run = begun(*reports)
        assert run.printed == []
        assert run.outcome is not None
        assert run.outcome.crash == STACK


@pytest.mark.parametrize(
    "reports",
    [
        [f"e{TOLD}", "x0"],
        [f"e{TOLD}", "q0", "i"],
        [f"e{TOLD}", thrown("x", OTHER_STACK), "z"],
        [thrown("x", OTHER_STACK), f"e{TOLD}", "z"],
        ["aOOM", f"e{TOLD}", "z"],
        [f"e{TOLD}", "tno json", "z"],
    ],
    ids=str,
)
def test_a_stack_of_another_error_is_printed(reports: list[str]) -> None:
    run = begun(*reports)
    assert run.outcome is not None
    assert run.printed == [("stderr", TOLD)]


def test_a_stack_that_was_held_back_keeps_its_place() -> None:
    assert begun("e1", f"e{TOLD}", "o2", f"e{TOLD_OTHER}", f"e{TOLD}", "x0").printed == [
        ("stderr", "1"),
        ("stderr", TOLD),
        ("stdout", "2"),
        ("stderr", TOLD_OTHER),
        ("stderr", TOLD),
    ]


Ending = Callable[[Run], object]


@pytest.mark.parametrize(
    "ending",
    [
        lambda run: run.program.fail("The browser ended."),
        lambda run: run.program.closed(),
        lambda run: run.program.ended(0),
        lambda run: run.wait(1000),
    ],
    ids=["failed", "closed", "ended", "timeout"],
)
@pytest.mark.parametrize("first", [[], [thrown("x", OTHER_STACK)]], ids=["running", "crashed"])
def test_nothing_that_was_held_back_is_lost_at_the_end(first: list[str], ending: Ending) -> None:
    run = begun(*first, f"e{TOLD}", timeout=1000)
    ending(run)
    assert run.outcome is not None
    assert run.printed == [("stderr", TOLD)]


@pytest.mark.parametrize("text", ["exception thrown: ", "exception thrown: 5246024", f"a {TOLD}"])
def test_what_only_looks_like_a_stack_is_printed_at_once(text: str) -> None:
    assert begun(f"e{text}").printed == [("stderr", text)]


def test_standard_output_is_never_held_back() -> None:
    assert begun(f"o{TOLD}").printed == [("stdout", TOLD)]


# --- Builds of --emrun


def emrun(*reports: str, **limits: Any) -> Run:
    return begun("r", *reports, **limits)


def test_an_emrun_build_ends_with_its_last_message() -> None:
    run = emrun("E^pageload^", "E^out^1^a%20b", "E^err^2^c", "x7", "E^exit^7")
    assert run.outcome == Outcome(7)
    assert run.printed == [("stdout", "a b"), ("stderr", "c")]
    assert run.program.emrun
    assert len(run.said) == 1
    assert "emrun" in run.said[0]


@pytest.mark.parametrize(
    ("message", "code"),
    [("0", 0), ("42", 42), ("-1", 255), ("256", 0), ("undefined", 0), ("", 0), ("9" * 10_000, 0)],
)
def test_whatever_its_status_is_there_is_a_code(message: str, code: int) -> None:
    assert emrun(f"E^exit^{message}").code == code


def test_a_status_that_its_message_lacks_is_the_one_that_was_reported() -> None:
    assert emrun("x7", "E^exit^undefined").code == 7
    assert emrun("x7", "E^exit^8").code == 8


def test_the_exit_of_an_emrun_build_waits_for_messages_that_are_on_their_way() -> None:
    run = emrun("x7")
    assert run.outcome is None
    run.wait(EXIT_SECONDS - 0.1)
    run.program.printed("stdout", "on its way", run.now)
    assert run.wait(EXIT_SECONDS - 0.1).outcome is None
    assert run.wait(0.1).outcome == Outcome(7)
    assert run.printed == [("stdout", "on its way")]


def test_what_an_emrun_build_sends_late_is_printed() -> None:
    run = emrun("x0").wait(EXIT_SECONDS)
    run.program.printed("stdout", "late", run.now)
    run.program.printed("stderr", TOLD, run.now)
    run.program.printed("stderr", "later", run.now)
    run.program.printed("stderr", TOLD, run.now)
    assert run.printed == [("stdout", "late"), ("stderr", TOLD), ("stderr", "later"), ("stderr", TOLD)]
    assert run.outcome == Outcome(0)


def test_the_stack_of_a_crash_is_left_out_when_it_comes_late_too() -> None:
    run = emrun(TRAP, "z")
    run.program.printed("stderr", TOLD, run.now)
    assert (run.code, run.printed) == (ABORTED, [])


def test_an_emrun_build_is_not_over_because_it_is_idle() -> None:
    run = emrun("q0", "i")
    assert run.wait(1e6).outcome is None
    assert run.program.wake == math.inf


def test_an_abort_of_an_emrun_build_ends_it() -> None:
    assert emrun("aOOM", "E^err^1^Aborted(OOM)", "z").code == ABORTED


def test_messages_through_the_server_count_without_a_script() -> None:
    run = Run()
    run.program.loaded_as_emrun()
    run.program.printed("stdout", "a", run.now)
    assert run.program.wake == math.inf
    run.program.ended(3)
    assert (run.code, run.printed) == (3, [("stdout", "a")])


@pytest.mark.parametrize(
    "message", ["", "^", "^out^", "^out^x^a", "^fetchkit^1^x3", "^pageload^ ", "a\ud800"]
)
def test_no_message_is_an_error(message: str) -> None:
    assert emrun(f"E{message}", "E^exit^0").code == 0


# --- Idle pages


def test_an_idle_page_without_a_program_is_given_up_soon() -> None:
    run = Run().tell("dhttp://h/", "l", "i")
    assert run.program.wake == run.now + IDLE_SECONDS
    assert run.wait(IDLE_SECONDS - 0.1).outcome is None
    assert run.wait(0.1).outcome == Outcome(
        NEVER_STARTED, "app.html loaded, but there is no program in it.", failed=True
    )


def test_the_files_that_it_could_not_have_are_named() -> None:
    run = Run().tell("dhttp://h/")
    for number in range(1000):
        run.program.missed(f"/{number}.js: 404")
    run.tell("l", "i").wait(IDLE_SECONDS)
    assert run.outcome is not None
    assert run.outcome.code == NEVER_STARTED
    assert run.outcome.reason.startswith("app.html started no program: /0.js: 404, /1.js: 404")
    assert len(run.outcome.reason) < 300


def test_a_program_whose_files_are_missing_never_started() -> None:
    run = begun()
    run.program.missed("/a.wasm: 404")
    assert run.tell("i").wait(IDLE_SECONDS).code == NEVER_STARTED


def test_a_program_that_printed_is_not_given_up_for_a_missing_file() -> None:
    run = begun("ohello")
    run.program.missed("/data.bin: 404")
    assert run.tell("i").wait(1e6).outcome is None


def test_a_program_whose_main_will_never_return_ends_as_under_node() -> None:
    assert begun("ohello", "i0").wait(IDLE_SECONDS * DRAINED_TIMES - 0.1).outcome is None
    outcome = begun("ohello", "i0").wait(IDLE_SECONDS * DRAINED_TIMES).outcome
    assert outcome is not None
    assert outcome.code == 0
    assert "as under Node" in outcome.reason


def test_a_program_that_does_nothing_never_started() -> None:
    assert begun("i0").wait(IDLE_SECONDS * DRAINED_TIMES).code == NEVER_STARTED


def test_a_worker_may_be_computing() -> None:
    assert begun("ohello", "i1").wait(1e6).outcome is None
    assert begun("ohello", "i0", "omore").wait(1e6).outcome is None


def test_threads_that_do_not_end_are_not_waited_for_for_ever_and_that_is_said() -> None:
    outcome = begun("ohello", "q7", "i3 2").outcome
    assert outcome == Outcome(7, "main() of app.html has returned; threads that still ran: 2.")
    assert begun("ohello", "q7", "i3").outcome == Outcome(7)


def test_a_page_that_printed_but_hides_its_module_is_told_what_to_do() -> None:
    run = Run().tell("dhttp://h/", "l", "ohello", "i").wait(IDLE_SECONDS)
    assert run.outcome is not None
    assert run.outcome.code == NEVER_STARTED
    assert "MODULARIZE" in run.outcome.reason


@pytest.mark.parametrize("report", ["m", "o", "i", "l", "?"])
def test_whatever_an_idle_page_does_gives_it_time_again(report: str) -> None:
    run = Run().tell("dhttp://h/", "l", "i").wait(IDLE_SECONDS - 0.5).tell(report)
    assert run.wait(1).outcome is None


def test_where_a_person_may_click_nothing_is_given_up() -> None:
    run = Run(Limits(idle=math.inf)).tell("dhttp://h/", "l", "i")
    assert run.program.wake == math.inf
    assert run.wait(1e9).outcome is None


# --- Loads


def test_a_page_that_does_not_load_is_given_up() -> None:
    run = Run()
    run.program.missed("/a.js: 404")
    assert run.program.wake == run.now + LOAD_SECONDS
    run.wait(LOAD_SECONDS)
    reason = "app.html did not load within 30 s: /a.js: 404."
    assert run.outcome == Outcome(NEVER_STARTED, reason, failed=True)


@pytest.mark.parametrize("sign", ["l", "otext", "etext", "r"])
def test_a_page_that_shows_a_sign_of_life_has_loaded(sign: str) -> None:
    run = Run().tell("dhttp://h/", sign)
    assert run.program.wake == math.inf
    assert run.wait(LOAD_SECONDS).outcome is None


def test_a_page_that_reloads_itself_starts_anew() -> None:
    run = begun("q5", "r", "dhttp://h/2")
    assert not run.program.emrun
    assert run.said[-1] == "loaded again: http://h/2"
    assert run.program.wake == run.now + LOAD_SECONDS
    assert run.tell("m", "l", "i").outcome is None  # the status is the old page's
    assert run.tell("q0", "i").outcome == Outcome(0)


def test_a_reload_forgets_a_crash_and_an_exit_that_was_awaited() -> None:
    run = begun(TRAP, "dhttp://h/", "l", "m", "z").wait(CRASH_SECONDS)
    assert run.outcome is None
    assert emrun("x3", "dhttp://h/", "l", "m").wait(EXIT_SECONDS).outcome is None


def test_a_page_that_reloads_itself_without_end_is_ended() -> None:
    assert begun(*["dhttp://h/"] * (MAX_LOADS - 1)).outcome is None
    run = begun(*["dhttp://h/"] * MAX_LOADS)
    assert run.outcome is not None
    assert run.outcome.code == NEVER_STARTED
    assert "10 times" in run.outcome.reason


# --- The driver


def test_a_failure_of_the_browser_is_told_as_it_is() -> None:
    run = begun("otext")
    for reason in ("The tab of app.html crashed: out of memory.", "Another."):
        run.program.fail(reason)
    first = "The tab of app.html crashed: out of memory."
    assert run.outcome == Outcome(NEVER_STARTED, first, failed=True)


@pytest.mark.parametrize(
    ("reports", "code"),
    [([], UNCAUGHT), (["q4"], 4), (["aOOM"], ABORTED), ([thrown()], UNCAUGHT), (["r", "x9"], 9)],
)
def test_a_page_that_closes_its_window_has_ended(reports: list[str], code: int) -> None:
    run = begun(*reports)
    run.program.closed()
    assert run.code == code


def test_workers_and_dialogs_are_heard() -> None:
    run = Run(Limits(silence=5))
    run.program.worker_said("stdout", "a", run.now)
    run.program.worker_said("stderr", "b", run.now + 1)
    run.program.dialog("confirm", "Sure?", run.now + 2)
    assert run.printed == [("stdout", "a"), ("stderr", "b"), ("stderr", "confirm: Sure?")]
    assert run.program.wake == run.now + 7


# --- Time


def test_the_whole_run_has_a_limit_that_nothing_moves() -> None:
    run = begun("q0", "otext", timeout=60)
    run.wait(30).tell("otext", "dhttp://h/", "l")
    assert run.wait(29.9).outcome is None
    assert run.wait(0.1).outcome == Outcome(TIMED_OUT, "app.html did not end within 60 s (--timeout).")


def test_silence_is_counted_from_the_last_line() -> None:
    run = begun(silence=5).wait(4.9).tell("otext").wait(4.9).tell("etext").wait(4.9)
    assert run.outcome is None
    assert run.wait(0.1).outcome == Outcome(
        TIMED_OUT, "app.html printed nothing for 5 s (--silence-timeout)."
    )


def test_silence_counts_before_the_first_line_too() -> None:
    assert Run(Limits(silence=5)).wait(5).code == TIMED_OUT


def test_while_nobody_takes_the_output_only_the_whole_run_has_a_limit() -> None:
    run = Run(Limits(timeout=100, silence=10)).tell("d", "m", "oline", TRAP)
    run.program.hold(run.now)
    assert run.program.wake == run.now + 100
    run.program.hold(run.wait(40).now)  # twice is once
    assert run.outcome is None
    run.program.go_on(run.now)
    # The rest of the crash has as long as ever, and so has the silence.
    assert run.wait(CRASH_SECONDS - 0.1).outcome is None
    assert run.wait(0.2).code == ABORTED
    run = Run(Limits(timeout=100, silence=10)).tell("d", "m", "oline").wait(4)
    run.program.hold(run.now)
    run.program.go_on(run.wait(40).now)
    assert run.wait(5.9).outcome is None
    assert run.wait(0.2).code == TIMED_OUT
    run = Run(Limits(timeout=100)).tell("d", "m", "oline")
    run.program.hold(run.now)
    assert run.wait(100).code == TIMED_OUT


def test_the_code_of_a_limit_is_the_one_asked_for() -> None:
    assert begun(timeout=1, timeout_code=7).wait(1).code == 7
    assert begun(silence=1, timeout_code=7).wait(1).code == 7


def test_an_end_that_is_due_at_the_same_time_as_a_limit_wins() -> None:
    assert begun(TRAP, timeout=CRASH_SECONDS).wait(CRASH_SECONDS).code == ABORTED
    assert emrun("x3", timeout=EXIT_SECONDS).wait(EXIT_SECONDS).code == 3


def test_without_limits_there_is_nothing_to_wake_for() -> None:
    run = Run(Limits(load=math.inf, idle=math.inf))
    assert run.program.wake == math.inf
    assert run.wait(1e12).outcome is None


def test_a_look_at_the_clock_too_early_changes_nothing() -> None:
    run = Run()
    run.program.tick(run.now - 1000)
    assert run.wait(1).outcome is None


@pytest.mark.parametrize(
    ("status", "code"), [(0, 0), (255, 255), (256, 0), (-1, 255), (99999, 159), (2**70, 0)]
)
def test_a_shell_sees_eight_bits(status: int, code: int) -> None:
    assert exit_code(status) == code


# --- Whatever comes

TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=20),
    st.integers().map(str),
    st.sampled_from(
        [TRAP[1:], thrown()[1:], thrown("", "", name="")[1:], TOLD, TOLD_OTHER, "^out^1^a", "^exit^3"]
    ),
)
REPORTS = st.builds(str.__add__, st.sampled_from([*"EadeilmoqrtxzZ", ""]), TEXTS)
STEPS = st.one_of(
    st.tuples(st.just("reported"), REPORTS),
    st.tuples(st.just("printed"), st.sampled_from(["stdout", "stderr"]), TEXTS),
    st.tuples(st.just("worker_said"), st.sampled_from(["stdout", "stderr"]), TEXTS),
    st.tuples(st.just("dialog"), TEXTS, TEXTS),
    st.tuples(st.just("ended"), st.none() | st.integers()),
    st.tuples(st.just("fail"), TEXTS),
    st.tuples(st.just("missed"), TEXTS),
    st.tuples(st.just("closed")),
    st.tuples(st.just("loaded_as_emrun")),
    st.tuples(st.just("tick"), st.floats(0, 50)),
)
LIMITS = st.builds(
    Limits,
    timeout=st.sampled_from([math.inf, 100.0]),
    silence=st.sampled_from([math.inf, 3.0]),
    load=st.sampled_from([math.inf, LOAD_SECONDS]),
    idle=st.sampled_from([math.inf, IDLE_SECONDS]),
)


@given(LIMITS, st.lists(STEPS, max_size=40))
def test_whatever_comes_there_is_one_outcome_and_it_stays(
    limits: Limits, steps: list[tuple[Any, ...]]
) -> None:
    run = Run(limits)
    outcome = None
    for name, *values in steps:
        if name == "tick":
            run.wait(values[0])
        elif name in ("fail", "missed", "closed", "ended", "loaded_as_emrun"):
            getattr(run.program, name)(*values)
        else:
            getattr(run.program, name)(*values, run.now)
        if outcome is not None:
            assert run.outcome is outcome
        outcome = run.outcome
        assert run.code is None or 0 <= run.code <= 255


@given(LIMITS, st.lists(REPORTS, max_size=40))
def test_every_deadline_ends_something(limits: Limits, reports: list[str]) -> None:
    run = Run(limits).tell(*reports)
    for _ in range(10):
        wake = run.program.wake
        if run.outcome is not None or wake == math.inf:
            break
        assert wake >= run.now
        run.wait(wake - run.now)
        assert run.program.wake > run.now  # else it would be looked at again at once, for ever
    else:
        pytest.fail("it wakes for ever")


@given(st.lists(st.tuples(st.sampled_from("oe"), st.sampled_from([TOLD, TOLD_OTHER, "a", "b\nc", ""]))))
def test_nothing_that_a_page_prints_is_lost_or_overtaken(lines: list[tuple[str, str]]) -> None:
    run = begun(*(kind + text for kind, text in lines), "x0")
    assert run.printed == [({"o": "stdout", "e": "stderr"}[kind], text) for kind, text in lines]
