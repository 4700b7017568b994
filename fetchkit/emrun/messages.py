"""What pages say: the messages of emrun's protocol, and of Emscripten's own test harness. Pure.

The body of a POST to `stdio.html` (emrun_postjs.js):

    ^pageload^                 the page runs
    ^out^N^TEXT  ^err^N^TEXT   one call of out() or err(); TEXT is encodeURIComponent's, N counts both from 1
    ^exit^STATUS               the program has exited; the last of all
    ^fetchkit^N^REPORT         ours: a report of static/inject/run.js, with a counter of its own
    anything else              one text for standard output, as it is

Nothing is an error: what does not follow the grammar is text, and a status that is no number is None.
Text is percent-decoded once. A `+` is a plus and a `%` without two hexadecimal digits itself, so that a line
with `100%` or `%user` in it comes as it was printed.

Emscripten's harness (test/browser_reporting.js) says the same with `GET /report_result?RESULT` and
`POST /log?file=stdout`; older ones with `GET /?stdout=TEXT`. Its server only looks whether what a test
expects is in the result, so a result as such is neither good nor bad. Here, for an exit code:

    exit:N                     N
    a number                   that number (REPORT_RESULT)
    abort:WHAT                 134, as abort() has in a shell
    exception:WHAT             1, and 134 for a trap (a RuntimeError of WebAssembly)
    skipped:WHY                0: its server counts the test as neither
    ok, pass, passed, success  0
    any other text             1
"""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import frozen

__all__ = [
    "ABORTED",
    "STDERR",
    "STDOUT",
    "Ended",
    "Loaded",
    "Message",
    "Printed",
    "Reported",
    "decode",
    "dumped_name",
    "parse_log",
    "parse_message",
    "parse_result",
]

STDOUT: Final = "stdout"
STDERR: Final = "stderr"
ABORTED: Final = 134
"""128 + SIGABRT, what a shell reports of a native program that aborted; wasmtime's code for a trap too."""

# JavaScript counts exactly up to 2**53, which has 16 digits; what is longer was not counted by a page.
_MOST_DIGITS: Final = 16
_NUMBERED: Final = re.compile(rb"\^(out|err|fetchkit)\^([0-9]+)\^")
_PAGELOAD: Final = b"^pageload^"
_EXIT: Final = b"^exit^"
_STATUS: Final = re.compile(r"-?[0-9]{1,16}")
_FILE: Final = "file="
_SUCCESSES: Final = frozenset({"ok", "pass", "passed", "success"})
# Parameters with which pages of older harnesses log, and the stream that each stands for.
_LOGS: Final = {"stdout=": STDOUT, "stderr=": STDERR, "exception=": STDERR}
_TRAP: Final = "RuntimeError"


@frozen
class Loaded:
    """The page runs."""


@frozen
class Printed:
    """A program printed.

    Attributes:
        stream: `stdout` or `stderr`.
        text: of one call, without the end of its line.
        number: its place in the sequence; None for what stands in none.
        harness: whether Emscripten's test harness was told.
    """

    stream: str
    text: str
    number: int | None = None
    harness: bool = False


@frozen
class Reported:
    """The script of `fetchkit run` reports.

    Attributes:
        report: text.
        number: its place in the sequence of reports; None for none.
    """

    report: str
    number: int | None = None


@frozen
class Ended:
    """A program ended.

    Attributes:
        status: exit status; None where it gave none.
        harness: whether Emscripten's test harness was told: its pages say nothing when they load.
    """

    status: int | None
    harness: bool = False


Message = Loaded | Printed | Reported | Ended


def parse_message(body: bytes) -> Message:
    """Read the body of a message; every body is one."""
    if match := _NUMBERED.match(body):
        kind, digits, text = match[1], match[2], decode(body[match.end() :])
        number = int(digits) if len(digits) <= _MOST_DIGITS else None
        if kind == b"fetchkit":
            return Reported(text, number)
        return Printed(STDERR if kind == b"err" else STDOUT, text, number)
    if body == _PAGELOAD:
        return Loaded()
    if body.startswith(_EXIT):
        return Ended(_status(body[len(_EXIT) :].decode("utf-8", "replace")))
    return Printed(STDOUT, body.decode("utf-8", "replace"))


def decode(text: bytes) -> str:
    """Percent-decode once; what is no UTF-8 becomes replacement characters."""
    return (unquote_to_bytes(text) if b"%" in text else text).decode("utf-8", "replace")


def dumped_name(target: str) -> str | None:
    """The name of the file that the body of a request is, by its target; None for a message.

    The page does not encode it, so it is all that follows: `a&b=c.dat` is one name.
    """
    query = target.partition("?")[2]
    return _text(query.removeprefix(_FILE)) if query.startswith(_FILE) else None


def parse_log(target: str) -> Printed | None:
    """What a request of an older harness logs, by its target; None for any other request."""
    query = target.partition("?")[2]
    for name, stream in _LOGS.items():
        if query.startswith(name):
            return Printed(stream, _text(query.removeprefix(name)), harness=True)
    return None


def parse_result(target: str) -> tuple[Message, ...]:
    """What a test reports, by the target of its request: what to print, and the end.

    Tests may write their own URL behind a bar, for debugging.
    """
    result = _text(target.partition("?")[2].partition("|")[0])
    kind, colon, what = result.partition(":")
    if colon and kind == "exit":
        return (Ended(_status(what), harness=True),)
    if (status := _status(result)) is not None:
        return (Ended(status, harness=True),)
    if colon and kind == "abort":
        return Printed(STDERR, f"abort: {what}", harness=True), Ended(ABORTED, harness=True)
    if colon and kind == "exception":
        code = ABORTED if _TRAP in what else 1
        return Printed(STDERR, f"exception: {what}", harness=True), Ended(code, harness=True)
    if colon and kind == "skipped":
        return Printed(STDOUT, f"skipped: {what.strip()}", harness=True), Ended(0, harness=True)
    good = result.strip().lower() in _SUCCESSES
    code = 0 if good else 1
    return Printed(STDOUT, f"report_result: {result}", harness=True), Ended(code, harness=True)


def _status(text: str) -> int | None:
    text = text.strip()
    return int(text) if _STATUS.fullmatch(text) else None


def _text(query: str) -> str:
    """Part of a query, decoded as messages are; aiohttp keeps foreign bytes as surrogates."""
    return decode(query.encode("utf-8", "surrogateescape"))
