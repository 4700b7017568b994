"""What is kept of many pages, and how people are told of it."""

import pytest

from fetchkit.run.program import Outcome
from fetchkit.run.results import KEPT, Record, Result, labels, line, status_of, summary

WELL = Result("a.html", Outcome(0), 0.44)
ABORTED = Result("b.html", Outcome(134, "b.html aborted.", "RuntimeError: unreachable"), 1.06)
EXITED = Result("c.html", Outcome(42), 0.1)
MISSING = Result("d.html", Outcome(125, "d.html does not exist.", failed=True))
SKIPPED = Result("e.html", Outcome(130, "e.html was not run.", failed=True), skipped=True)


def test_a_short_record_is_all_of_it() -> None:
    record = Record()
    for text in ("one", "", "two\nthree"):
        record.add(text)
    assert record.text() == "one\n\ntwo\nthree\n"


def test_a_record_that_is_exactly_full_has_lost_nothing() -> None:
    record = Record(8)
    record.add("abc")
    record.add("def")
    assert record.text() == "abc\ndef\n"
    record.add("")
    assert record.text() == "abc\n[fetchkit: 4 B left out here]\n\n"


def test_a_long_record_has_the_beginning_and_the_end_in_whole_lines() -> None:
    record = Record(1000)
    for number in range(10_000):
        record.add(f"line {number:05}")
    head, _, rest = record.text().partition("[fetchkit: ")
    told, _, tail = rest.partition(" left out here]\n")
    assert head == "".join(f"line {number:05}\n" for number in range(45))  # 500 // 11
    assert tail == "".join(f"line {number:05}\n" for number in range(9955, 10_000))
    assert told == "106.5 KiB"  # 9910 lines of 11 bytes


@pytest.mark.parametrize("length", [100_000, 3 * KEPT])
def test_a_line_without_end_is_cut_within(length: int) -> None:
    record = Record(1000)
    record.add("a" * length)
    head, middle, tail = record.text().split("\n", 2)
    assert head == "a" * 500
    assert tail == "a" * 499 + "\n"
    assert middle.startswith("[fetchkit: ")


def test_a_record_holds_no_more_than_it_says() -> None:
    record = Record(1000)
    for number in range(2000):
        record.add("x" * (number * 997 % 3000))
        assert len(record._head) + len(record._tail) <= 1500
    assert len(record.text()) < 1100


def test_nothing_is_kept_where_nobody_asks() -> None:
    record = Record(0)
    for _ in range(3):
        record.add("text")
    assert record.text() == ""


def test_text_that_is_no_text_is_kept_as_far_as_it_can_be() -> None:
    record = Record()
    record.add("\ud800 é")
    assert record.text() == "\\ud800 é\n"
    cut = Record(7)
    cut.add("ééééééééé")
    assert "�" in cut.text()


def test_no_two_pages_have_the_same_name() -> None:
    assert labels(["a", "b", "a", "a", "a (2)"]) == ["a", "b", "a (2)", "a (3)", "a (2) (2)"]


def test_a_name_is_one_line_that_no_terminal_obeys() -> None:
    assert labels(["a\n\x1b[2J"]) == ["a\\n\\x1b[2J"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (WELL, "a.html: 0 (0.4 s)"),
        (ABORTED, "b.html: 134 (1.1 s): aborted."),
        (EXITED, "c.html: 42 (0.1 s)"),
        (MISSING, "d.html: 125 (0.0 s): does not exist."),
        (
            Result("e", Outcome(125, "The browser ended.\nlast\nwords"), 1),
            "e: 125 (1.0 s): The browser ended.",
        ),
    ],
)
def test_one_line_tells_of_one_page(result: Result, expected: str) -> None:
    assert line(result) == expected


def test_the_summary_counts_and_names_what_did_not_end_well() -> None:
    assert summary([WELL, ABORTED, EXITED, MISSING, SKIPPED], 2.34) == [
        "5 pages in 2.3 s: 1 passed, 2 failed, 1 could not be run, 1 skipped.",
        "  b.html: 134 (1.1 s): aborted.",
        "  c.html: 42 (0.1 s)",
        "  d.html: 125 (0.0 s): does not exist.",
    ]
    assert summary([WELL], 1) == ["1 page in 1.0 s: 1 passed."]


def test_all_pages_have_to_end_with_0() -> None:
    assert status_of([WELL, WELL]) == 0
    assert status_of([WELL, EXITED]) == 1
    assert status_of([MISSING]) == 1
