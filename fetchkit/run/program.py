"""What becomes of one program: what its page reports goes in, lines to print and an outcome come out. Pure.

Three sources tell of a program, and each thing is taken from one of them only:

* `static/inject/run.js` in its page, whose grammar stands there: output, exit status, errors, idleness;
* emrun's protocol, where the build speaks it: output and exit status. run.js passes its messages on, says so
  before the first, and is silent about both from then on;
* the driver of the browser: workers, crashes, dialogs, the end of the tab.

How a run ends:

* the program exits: with its status. Where emrun's protocol is spoken `^exit^` is the last message, so a
  status that run.js reports is only a fallback;
* main() returns, but the runtime lives on (the default, -sEXIT_RUNTIME=0): as under Node, once nothing is
  pending that would call the program again;
* abort(), a trap, a C++ exception that nobody catches: 134, as a native program has after SIGABRT, once the
  turn is over in which the runtime prints what it knows;
* a JavaScript error that nobody catches: 1, as under Node;
* nothing is pending, but main() has not returned, as when its main loop is cancelled: 0, as under Node, after
  a while;
* the page starts no program, does not load, reloads itself without end; the tab or the browser dies: 125;
* a time limit: 124.
"""

import json
import math
from collections.abc import Callable
from typing import ClassVar, Final

from attrs import field, frozen, mutable

from fetchkit.emrun.messages import ABORTED, Ended, Printed, parse_message
from fetchkit.run.stack import parse_trace

__all__ = [
    "ABORTED",
    "INTERRUPTED",
    "NEVER_STARTED",
    "TIMED_OUT",
    "UNCAUGHT",
    "Limits",
    "Outcome",
    "Program",
    "exit_code",
]

TIMED_OUT: Final = 124
"""As `timeout` of coreutils has it."""
NEVER_STARTED: Final = 125
"""As `timeout` and `docker run` say that they themselves failed."""
UNCAUGHT: Final = 1
"""Node's, for an error that nobody caught."""
INTERRUPTED: Final = 130
"""128 + SIGINT."""

# Seconds for the page with all its files to load; a build of 100 MB takes one from a disk of today.
LOAD_SECONDS: Final = 30.0
# Seconds in which an idle page without a program may still start one: a user's click cannot come.
IDLE_SECONDS: Final = 2.0
# The same for a program whose main has not returned, in multiples: what cannot be seen may yet call it.
DRAINED_TIMES: Final = 5
# Seconds for the rest of what a crash prints.
CRASH_SECONDS: Final = 2.0
# Seconds without a message until emrun's `^exit^`, which waits for all of them, counts as lost.
EXIT_SECONDS: Final = 5.0
# Loads of one page: what reloads itself to get its isolation or a new version does so once or twice.
MAX_LOADS: Final = 10
# Files that could not be had; the first ones tell why.
MAX_FAILURES: Final = 10
# As the kernel takes it from exit(): the low eight bits.
_STATUS_MASK: Final = 0xFF
_EXCEPTION: Final = "exception thrown: "  # library.js, handleException
_NO_MESSAGE: Final = "an error without a message"  # as of `throw ''`


def exit_code(status: int) -> int:
    """What a shell sees of a status."""
    return status & _STATUS_MASK


@frozen
class Limits:
    """When to give up.

    Attributes:
        timeout: seconds for the whole run; infinite for none.
        silence: seconds without a printed line.
        timeout_code: exit code of either.
        load: seconds for the page to load.
        idle: seconds in which an idle page without a program may still start one; infinite where a person
            may do it.
    """

    timeout: float = math.inf
    silence: float = math.inf
    timeout_code: int = TIMED_OUT
    load: float = LOAD_SECONDS
    idle: float = IDLE_SECONDS


@frozen
class Outcome:
    """How a run ended.

    Attributes:
        code: exit code.
        reason: a sentence for people; empty where the program exited by itself.
        crash: message and stack of the error that ended it; empty for none.
        failed: whether the run itself failed, rather than the program.
    """

    code: int
    reason: str = ""
    crash: str = ""
    failed: bool = False


@mutable
class Program:
    """One program, from the opening of its page to its end.

    Attributes:
        name: of the page, for sentences.
        limits: when to give up.
        now: seconds of a steady clock, when the page was opened.
        print: takes what it prints, a stream (`stdout`, `stderr`) and a text of one line or more.
        outcome: how it ended; None while it runs.
        emrun: whether it speaks emrun's protocol.
        says: what is worth knowing besides, for -v.
    """

    name: str
    limits: Limits
    now: float
    print: Callable[[str, str], None]
    says: Callable[[str], None] = lambda _: None
    outcome: Outcome | None = None
    emrun: bool = False
    _deadlines: dict[str, float] = field(factory=dict)
    _loads: int = 0
    _module: bool = False
    _printed: bool = False
    _status: int | None = None
    _crash: str = ""
    _fatal: bool = False
    _held: str = ""
    _failures: list[str] = field(factory=list)
    _held_since: float | None = None
    _elsewhere: bool = False

    def __attrs_post_init__(self) -> None:
        self._set("timeout", self.now, self.limits.timeout)
        self._set("silence", self.now, self.limits.silence)
        self._set("load", self.now, self.limits.load)

    @property
    def wake(self) -> float:
        """When `tick` has something to do, by the same clock; infinite for never."""
        return self._next()[0]

    @property
    def has_program(self) -> bool:
        """Whether there is a program in the page itself, and not only in a frame of it, perhaps."""
        return self._module or self.emrun

    def hold(self, now: float) -> None:
        """Nothing is heard while nobody takes what was printed: only the limit of the whole run counts."""
        if self._held_since is None:
            self._held_since = now

    def go_on(self, now: float) -> None:
        """Something is heard again; the other limits are later by as much."""
        since, self._held_since = self._held_since, None
        if since is not None:
            for name in self._deadlines:
                if name != "timeout":
                    self._deadlines[name] += now - since

    # --- what run.js reports ---

    def reported(self, report: str, now: float) -> None:
        """One report of the page."""
        if self.outcome is not None:
            return
        for name in ("idle", "drained"):
            self._deadlines.pop(name, None)
        kind, text = report[:1], report[1:]
        if self._held and not (kind == "t" and self._is_held(text)):
            self._release()
        handler = self._REPORTS.get(kind)
        if handler is not None:
            handler(self, text, now)

    def _said_out(self, text: str, now: float) -> None:
        self._print("stdout", text, now)

    def _said_err(self, text: str, now: float) -> None:
        self._stderr(text, now)

    def _load_ended(self, _text: str, _now: float) -> None:
        self._deadlines.pop("load", None)

    def _has_module(self, _text: str, _now: float) -> None:
        self._module = True

    def _emruns_message(self, text: str, now: float) -> None:
        match parse_message(text.encode("utf-8", "surrogatepass")):
            case Printed(stream=stream, text=printed):
                self.printed(stream, printed, now)
            case Ended(status=status):
                self.ended(status)
            case _:
                self.loaded_as_emrun()

    def _speaks_emrun(self, _text: str, _now: float) -> None:
        self.emrun = True
        self._deadlines.pop("load", None)
        self.says("the build speaks emrun's protocol: output and exit code come through it")

    def _returned(self, text: str, _now: float) -> None:
        self._status = _status(text)

    def _closes(self, _text: str, _now: float) -> None:
        self.closed()

    def _aborted(self, _text: str, now: float) -> None:
        self._fatal = True
        self._set("crash", now, CRASH_SECONDS)

    def _document(self, url: str, now: float) -> None:
        self._loads += 1
        if self._loads > MAX_LOADS:
            self.fail(f"{self.name} was loaded {MAX_LOADS} times and reloads itself again.")
            return
        if self._loads > 1:
            self.says(f"loaded again: {url}")
        self._module = self._fatal = self.emrun = self._elsewhere = False
        self._status, self._crash = None, ""
        for name in ("crash", "exit"):
            self._deadlines.pop(name, None)
        self._set("load", now, self.limits.load)

    def _exited(self, text: str, now: float) -> None:
        self._status = _status(text)
        if self.emrun:  # its messages are on their way, and `^exit^` is the last
            self._set("exit", now, EXIT_SECONDS)
        else:
            self._finish()

    def _thrown(self, text: str, now: float) -> None:
        try:
            error = json.loads(text)
            name, message, stack = (str(error[key]) for key in ("name", "message", "stack"))
            fatal = bool(error["fatal"])
        except (ValueError, TypeError, KeyError, RecursionError):
            name, message, stack, fatal = "", text, "", False
        head = f"{name}: {message}" if name else message
        crash = stack if message in stack.partition("\n")[0] and stack else f"{head}\n{stack}".rstrip()
        self._crash = crash or _NO_MESSAGE
        self._fatal = self._fatal or fatal
        self._set("crash", now, CRASH_SECONDS)

    def _end_crash(self, _text: str = "", _now: float = 0) -> None:
        if not (self._fatal or self._crash):
            return
        if self._fatal:
            self._end(Outcome(ABORTED, f"{self.name} aborted.", self._crash))
        else:
            self._end(Outcome(UNCAUGHT, f"{self.name} did not catch an error.", self._crash))

    def _idle(self, text: str, now: float) -> None:
        workers, _, threads = text.partition(" ")
        if self._status is not None:
            if not self.emrun:  # else `^exit^` is on its way
                self._finish(
                    f"main() of {self.name} has returned; threads that still ran: {threads}."
                    if threads
                    else ""
                )
        elif not self._module or (self._failures and not self._printed):
            if not self._elsewhere:
                self._set("idle", now, self.limits.idle)
        elif workers == "0":  # a worker may be computing
            self._set("drained", now, self.limits.idle * DRAINED_TIMES)

    _REPORTS: ClassVar[dict[str, Callable[["Program", str, float], None]]] = {
        "E": _emruns_message,
        "a": _aborted,
        "c": _closes,
        "d": _document,
        "e": _said_err,
        "i": _idle,
        "l": _load_ended,
        "m": _has_module,
        "o": _said_out,
        "q": _returned,
        "r": _speaks_emrun,
        "t": _thrown,
        "x": _exited,
        "z": _end_crash,
    }

    # --- emrun's protocol ---

    def loaded_as_emrun(self) -> None:
        """`^pageload^`: a sign of life."""
        self._deadlines.pop("load", None)
        self._lives_elsewhere()

    def printed(self, stream: str, text: str, now: float) -> None:
        """Output by emrun's protocol; it may come behind the exit, when messages are delivered at the end."""
        self._lives_elsewhere()
        if "exit" in self._deadlines:  # thousands of messages may be on their way
            self._set("exit", now, EXIT_SECONDS)
        if stream == "stderr":
            self._stderr(text, now)
        else:
            self._print(stream, text, now)

    def _lives_elsewhere(self) -> None:
        """Where the page itself has no program, it is a frame's: whether that is idle nobody can tell."""
        if not self.has_program:
            self._elsewhere = True
            self._deadlines.pop("idle", None)

    def ended(self, status: int | None) -> None:
        """`^exit^`, or a result of Emscripten's own harness."""
        if self.outcome is None:
            self._release()
            self._status = self._status or 0 if status is None else status
            self._finish()

    # --- the driver of the browser ---

    def worker_said(self, stream: str, text: str, now: float) -> None:
        """Console output of a worker, or an error that it did not catch."""
        if self.outcome is None:
            self._stderr(text, now) if stream == "stderr" else self._print(stream, text, now)

    def fail(self, reason: str) -> None:
        """The run cannot go on: the page did not load, the tab or the browser is gone."""
        if self.outcome is None:
            self._end(Outcome(NEVER_STARTED, reason, failed=True))

    def closed(self) -> None:
        """The page closed its window."""
        if self.outcome is not None:
            return
        if self._fatal or self._crash:
            self._end_crash()
        elif self._status is not None:
            self._finish()
        else:
            reason = f"{self.name} closed its window before its program had ended."
            self._end(Outcome(UNCAUGHT, reason))

    def dialog(self, kind: str, message: str, now: float) -> None:
        """A dialog, which nobody can answer."""
        if self.outcome is None:
            self._print("stderr", f"{kind}: {message}", now)

    def missed(self, what: str) -> None:
        """A file that the page asked for could not be had."""
        if len(self._failures) < MAX_FAILURES:
            self._failures.append(what)

    # --- time ---

    def tick(self, now: float) -> None:
        """Give up where a limit is reached."""
        if self.outcome is not None:
            return
        at, name = self._next()
        if at > now:
            return
        match name:
            case "timeout":
                self._time_out(f"did not end within {self.limits.timeout:g} s (--timeout).")
            case "silence":
                self._time_out(f"printed nothing for {self.limits.silence:g} s (--silence-timeout).")
            case "load":
                self.fail(f"{self.name} did not load within {self.limits.load:g} s{self._because()}.")
            case "idle":
                self._give_up_idle()
            case "drained":
                self._end_drained()
            case "crash":
                self._end_crash()
            case "exit":
                self._finish()

    def _give_up_idle(self) -> None:
        if self._printed:
            self.fail(
                f"{self.name} printed, but nothing tells its exit code: its Module object is hidden"
                " (-sMODULARIZE). Build it with --emrun, or run the .js or .mjs itself."
            )
        elif self._failures:
            self.fail(f"{self.name} started no program{self._because()}.")
        else:
            self.fail(f"{self.name} loaded, but there is no program in it.")

    def _end_drained(self) -> None:
        """A main loop was cancelled, say: `main` will never return, and Node would end with 0."""
        if self._printed:
            self._end(Outcome(0, f"{self.name} has nothing left to do, and no exit code: 0, as under Node."))
        else:
            self.fail(f"{self.name} did nothing: its main was not called, or waits for what cannot come.")

    def _because(self) -> str:
        return f": {', '.join(self._failures)}" if self._failures else ""

    def _time_out(self, what: str) -> None:
        self._end(Outcome(self.limits.timeout_code, f"{self.name} {what}"))

    def _next(self) -> tuple[float, str]:
        """The next limit."""
        counted = {"timeout"} if self._held_since is not None else self._deadlines.keys()
        due = ((at, name) for name, at in self._deadlines.items() if name in counted)
        return min(due, default=(math.inf, ""))

    def _set(self, name: str, now: float, seconds: float) -> None:
        if seconds != math.inf:
            self._deadlines[name] = now + seconds

    # --- output and the end ---

    def _print(self, stream: str, text: str, now: float) -> None:
        self._release()
        self._printed = True
        self._deadlines.pop("load", None)
        self._set("silence", now, self.limits.silence)
        self.print(stream, text)

    def _stderr(self, text: str, now: float) -> None:
        """Standard error, where a stack that is going to be shown in a readable form is left out."""
        if text.startswith(_EXCEPTION) and parse_trace(text) is not None:
            if self._crash and self._same_frames(text, self._crash):
                return
            self._release()
            if self.outcome is None:
                self._held = text
                return
        self._print("stderr", text, now)

    def _is_held(self, report: str) -> bool:
        try:
            stack = str(json.loads(report)["stack"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        if self._same_frames(self._held, stack):
            self._held = ""
            return True
        return False

    @staticmethod
    def _same_frames(one: str, other: str) -> bool:
        first, second = parse_trace(one), parse_trace(other)
        return first is not None and second is not None and first.frames == second.frames

    def _release(self) -> None:
        held, self._held = self._held, ""
        if held:
            self.print("stderr", held)

    def _finish(self, reason: str = "") -> None:
        self._end(Outcome(exit_code(self._status or 0), reason))

    def _end(self, outcome: Outcome) -> None:
        self._release()
        self.outcome = outcome
        self._deadlines.clear()


def _status(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
