"""The report for CI, as readers of JUnit's XML take it."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

import pytest

from fetchkit.run.junit import junit_report
from fetchkit.run.program import Outcome
from fetchkit.run.results import Result

WELL = Result("a.html", Outcome(0), 0.4444)
TALKS = Result("b.html", Outcome(0), 1.0, "out\n", "err\n")
EXITED = Result("c.html", Outcome(42), 0.1, "out\n")
TIMED_OUT = Result("d.html", Outcome(124, "d.html did not end within 2 s (--timeout)."), 2.0)
CRASHED = Result("e.html", Outcome(134, "e.html aborted.", "RuntimeError: x\n    at main (e.c:7:3)"), 0.2)
MISSING = Result("f.html", Outcome(125, "f.html does not exist.", failed=True))
SKIPPED = Result("g.html", Outcome(130, "g.html was not run.", failed=True), skipped=True)
ALL = [WELL, TALKS, EXITED, TIMED_OUT, CRASHED, MISSING, SKIPPED]


def read(results: Sequence[Result], *, started: str = "") -> ET.Element:
    """The root of a report, whose encoding the parser sees."""
    return ET.fromstring(junit_report(results, started=started, seconds=3.5))  # noqa: S314  it is ours


def case(result: Result) -> ET.Element:
    found = read([result]).find("testsuite/testcase")
    assert found is not None
    return found


def test_a_suite_holds_a_case_for_every_page_in_their_order() -> None:
    root = read(ALL, started="2026-01-31T12:00:00")
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.attrib == {
        "name": "fetchkit",
        "tests": "7",
        "failures": "3",
        "errors": "1",
        "skipped": "1",
        "time": "3.500",
        "timestamp": "2026-01-31T12:00:00",
    }
    assert [each.get("name") for each in suite] == [result.name for result in ALL]
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "time")} == {
        "tests": "7",
        "failures": "3",
        "errors": "1",
        "time": "3.500",
    }


def test_a_page_that_ended_well_has_nothing_but_its_time() -> None:
    found = case(WELL)
    assert found.attrib == {"classname": "fetchkit", "name": "a.html", "time": "0.444"}
    assert list(found) == []


def test_what_it_printed_is_kept_apart() -> None:
    assert [(each.tag, each.text) for each in case(TALKS)] == [
        ("system-out", "out\n"),
        ("system-err", "err\n"),
    ]


@pytest.mark.parametrize(
    ("result", "kind", "message"),
    [
        pytest.param(EXITED, "failure", "c.html exited with code 42.", id="exit-code"),
        pytest.param(TIMED_OUT, "failure", TIMED_OUT.outcome.reason, id="timeout"),
        pytest.param(CRASHED, "failure", "e.html aborted.", id="crash"),
        pytest.param(MISSING, "error", "f.html does not exist.", id="not-run"),
    ],
)
def test_a_failure_is_the_programs_and_an_error_is_of_the_run(
    result: Result, kind: str, message: str
) -> None:
    (found,) = (each for each in case(result) if not each.tag.startswith("system-"))
    assert found.tag == kind
    assert found.attrib == {"message": message, "type": f"exit code {result.outcome.code}"}
    assert (found.text or "").startswith(message)


def test_a_crash_shows_its_stack() -> None:
    assert case(CRASHED).findtext("failure") == "e.html aborted.\nRuntimeError: x\n    at main (e.c:7:3)"


def test_what_was_not_run_is_skipped() -> None:
    (found,) = case(SKIPPED)
    assert (found.tag, found.attrib) == ("skipped", {"message": "g.html was not run."})


def test_trouble_stands_before_output_as_schemas_want_it() -> None:
    result = Result("a.html", Outcome(1), 0.1, "out\n", "err\n")
    assert [each.tag for each in case(result)] == ["failure", "system-out", "system-err"]


@pytest.mark.parametrize(
    ("name", "classname"),
    [
        ("a.html", "fetchkit"),
        ("tests/net.v2/a.html", "fetchkit.tests.net_v2"),
        ("./../tests/a.html", "fetchkit.tests"),
        ("/abs/a.js", "fetchkit.abs"),
        ("a b/c.html (2)", "fetchkit.a b"),
    ],
)
def test_folders_become_packages(name: str, classname: str) -> None:
    found = case(Result(name, Outcome(0)))
    assert (found.get("classname"), found.get("name")) == (classname, name)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("<a> & \"b\" 'c' ]]>", "<a> & \"b\" 'c' ]]>", id="markup"),
        pytest.param("\x1b[31m\0\x08", "\\x1b[31m\\x00\\x08", id="controls"),
        pytest.param("\ud800 \ufffe \uffff", "\\ud800 \\ufffe \\uffff", id="no-characters"),
        pytest.param("tab\tcr\rcrlf\r\nend", "tab\tcr\rcrlf\r\nend", id="white-space"),
        pytest.param("Grüße, 世界 🎉 \x7f\x85", "Grüße, 世界 🎉 \x7f\x85", id="unicode"),
    ],
)
def test_any_text_comes_through(text: str, kept: str) -> None:
    found = case(Result(text, Outcome(3, text), 0.0, text, text))
    assert found.findtext("system-out") == kept
    assert found.findtext("system-err") == kept
    assert found.findtext("failure") == kept
    assert found.get("name") == kept


def test_a_message_is_one_line_and_not_without_end() -> None:
    found = case(Result("a.html", Outcome(125, "x" * 10_000 + "\nmore", failed=True))).find("error")
    assert found is not None
    assert found.get("message") == "x" * 500
    assert found.text == "x" * 10_000 + "\nmore"


def test_no_pages_make_a_report_too() -> None:
    assert read([])[0].get("tests") == "0"
