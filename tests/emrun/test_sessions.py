"""Loads of pages: which message is of which, however they arrive, and what becomes of all of them."""

import itertools
import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetchkit.emrun import sessions as module
from fetchkit.emrun.messages import Ended, Loaded, Message, Printed, Reported
from fetchkit.emrun.sequencer import PATIENCE
from fetchkit.emrun.sessions import MAX_SESSIONS, Client, Sessions
from fetchkit.events import Event, PageEnded, PageLoaded, PagePrinted, PageReported

URL = "http://localhost/app.html"
ME: Client = ("127.0.0.1", "localhost", URL)


def out(number: int | None, text: str = "") -> Printed:
    return Printed("stdout", text or f"line {number}", number)


def said(event: Event, first: int) -> str:
    """An event in few words; its load counted from the first one of the test."""
    match event:
        case PageLoaded(page=page):
            return f"{page.load - first}: loaded"
        case PagePrinted(page=page, stream=stream, text=text):
            return f"{page.load - first}: {text}" + (" (stderr)" if stream == "stderr" else "")
        case PageReported(page=page, report=report):
            return f"{page.load - first}: reports {report}"
        case PageEnded(page=page, status=status):
            return f"{page.load - first}: ended {status}"
        case _:
            raise AssertionError(event)


class Heard:
    """Sessions, and what was told of them."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self.now = 100.0
        page, _ = Sessions().page(ME, URL, 0.0)
        self._first = page.load + 1

    def take(self, *messages: Message, client: Client = ME) -> list[str]:
        """What messages amount to."""
        taken = (self.sessions.take(client, URL, message, self.now) for message in messages)
        return self._said(itertools.chain.from_iterable(taken))

    def later(self, seconds: float) -> list[str]:
        """What becomes due."""
        self.now += seconds
        return self._said(self.sessions.tick(self.now))

    def flush(self) -> list[str]:
        """The rest."""
        return self._said(self.sessions.flush(self.now))

    def _said(self, events: "itertools.chain[Event] | list[Event]") -> list[str]:
        return [said(event, self._first) for event in events]


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_a_load_from_its_beginning_to_its_end(heard: Heard) -> None:
    told = heard.take(Loaded(), out(1), Printed("stderr", "oops", 2), out(3), Ended(42))
    assert told == ["0: loaded", "0: line 1", "0: oops (stderr)", "0: line 3", "0: ended 42"]
    assert heard.sessions.wake == math.inf


def test_the_pageload_may_come_behind_other_messages(heard: Heard) -> None:
    assert heard.take(out(2), out(1), Loaded(), out(3)) == [
        "0: line 1",
        "0: line 2",
        "0: loaded",
        "0: line 3",
    ]


def test_a_reload_is_a_new_load(heard: Heard) -> None:
    told = heard.take(Loaded(), out(1), out(2), Loaded(), out(1), Ended(0))
    assert told == ["0: loaded", "0: line 1", "0: line 2", "1: loaded", "1: line 1", "1: ended 0"]


def test_a_reload_whose_pageload_comes_late_is_one_too(heard: Heard) -> None:
    heard.take(Loaded(), out(1), out(2))
    assert heard.take(out(2), out(1), Loaded()) == ["1: line 1", "1: line 2", "1: loaded"]


def test_what_a_load_held_is_printed_before_the_next_one_begins(heard: Heard) -> None:
    assert heard.take(Loaded(), out(3), out(5)) == ["0: loaded"]
    assert heard.take(Loaded()) == ["0: line 3", "0: line 5", "1: loaded"]
    assert heard.take(out(7), out(7)) == ["1: line 7"]
    assert heard.take(out(1)) == ["2: line 1"]


def test_a_pageload_long_after_other_messages_is_of_another_load(heard: Heard) -> None:
    heard.take(out(None, "by hand"))
    heard.later(60)
    assert heard.take(Loaded()) == ["1: loaded"]


def test_an_end_lets_everything_through_first(heard: Heard) -> None:
    assert heard.take(out(2), out(4), Ended(7)) == ["0: line 2", "0: line 4", "0: ended 7"]


def test_what_comes_late_still_belongs_to_the_load_and_waits_for_nothing(heard: Heard) -> None:
    heard.take(Loaded(), out(1), out(3), Ended(0))
    assert heard.take(out(2)) == ["0: line 2"]
    assert heard.take(out(9)) == ["0: line 9"]
    assert heard.sessions.wake == math.inf


def test_a_second_end_counts_for_nothing(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "fetchkit.emrun"):
        assert heard.take(Ended(3), Ended(4)) == ["0: ended 3"]
        heard.later(3600)
        assert heard.take(Ended(5)) == []
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG"]


def test_after_the_end_of_a_silent_load_number_one_begins_the_next(heard: Heard) -> None:
    assert heard.take(Loaded(), Ended(0), out(1), Loaded()) == [
        "0: loaded",
        "0: ended 0",
        "1: line 1",
        "1: loaded",
    ]


def test_a_pageload_after_an_end_is_of_the_next_load(heard: Heard) -> None:
    assert heard.take(out(1), Ended(0), Loaded()) == ["0: line 1", "0: ended 0", "1: loaded"]


def test_a_result_of_the_harness_again_is_a_repetition_and_later_another_load(heard: Heard) -> None:
    assert heard.take(Ended(0, harness=True), Ended(1, harness=True)) == ["0: ended 0"]
    heard.later(60)
    assert heard.take(Ended(1, harness=True)) == ["1: ended 1"]


def test_reports_count_for_themselves(heard: Heard) -> None:
    told = heard.take(Reported("d", 1), Reported("r", 2), Loaded(), out(1), Reported("l", 3), out(2))
    assert told == ["0: reports d", "0: reports r", "0: loaded", "0: line 1", "0: reports l", "0: line 2"]
    assert heard.take(Reported("d", 1), out(1)) == ["1: reports d", "1: line 1"]


def test_reports_are_put_in_order_too(heard: Heard) -> None:
    assert heard.take(Reported("b", 2), Reported("a", 1)) == ["0: reports a", "0: reports b"]


def test_what_has_no_number_is_printed_at_once(heard: Heard) -> None:
    assert heard.take(out(2), out(None, "raw"), out(0), Reported("x"), out(1)) == [
        "0: raw",
        "0: line 0",
        "0: reports x",
        "0: line 1",
        "0: line 2",
    ]


def test_what_is_missing_is_waited_for_and_then_given_up(heard: Heard) -> None:
    heard.take(Loaded(), out(1), out(3), Reported("b", 2))
    assert heard.sessions.wake == heard.now + PATIENCE
    assert heard.later(PATIENCE - 0.1) == []
    assert heard.later(0.1) == ["0: line 3", "0: reports b"]
    assert heard.sessions.wake == math.inf
    assert heard.take(out(2), out(4)) == ["0: line 2", "0: line 4"]


@pytest.mark.parametrize(
    "other",
    [
        ("127.0.0.2", "localhost", URL),
        ("127.0.0.1", "127.0.0.1", URL),
        ("127.0.0.1", "localhost", f"{URL}?2"),
        ("127.0.0.1", "localhost", ""),
    ],
)
def test_pages_are_told_apart(other: Client, heard: Heard) -> None:
    assert heard.take(Loaded(), out(1)) == ["0: loaded", "0: line 1"]
    assert heard.take(Loaded(), out(1), client=other) == ["1: loaded", "1: line 1"]
    assert heard.take(out(2)) == ["0: line 2"]
    assert heard.take(out(2), Ended(0), client=other) == ["1: line 2", "1: ended 0"]
    assert heard.take(out(3)) == ["0: line 3"]


def test_the_page_is_called_as_the_caller_says() -> None:
    (event,) = Sessions().take(("::1", "h", ""), "http://h/sub/", Loaded(), 0.0)
    assert isinstance(event, PageLoaded)
    assert event.page.url == "http://h/sub/"


def test_a_file_belongs_to_the_load_that_dumps_it(heard: Heard) -> None:
    (loaded,) = heard.sessions.take(ME, URL, Loaded(), heard.now)
    assert isinstance(loaded, PageLoaded)
    assert heard.sessions.page(ME, URL, heard.now) == (loaded.page, [])


def test_the_one_that_was_silent_for_longest_goes_and_what_it_held_is_printed(heard: Heard) -> None:
    pages: list[Client] = [("127.0.0.1", "localhost", f"/{n}.html") for n in range(MAX_SESSIONS)]
    for page in pages:
        assert heard.take(out(2, f"of {page[2]}"), client=page) == []
    heard.take(out(1), client=pages[0])
    assert heard.take(Loaded(), client=("127.0.0.1", "localhost", "/more.html")) == [
        "1: of /1.html",
        f"{MAX_SESSIONS}: loaded",
    ]
    assert len(heard.flush()) == MAX_SESSIONS - 2


def test_texts_are_held_up_to_a_limit_and_then_printed(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 10_000)
    assert heard.take(out(2, "x" * 5000)) == []
    assert heard.take(out(3, "y" * 5000)) == ["0: " + "x" * 5000, "0: " + "y" * 5000]
    assert heard.sessions.wake == math.inf
    assert heard.take(*(out(n, "z" * 1000) for n in range(4, 50))) == ["0: " + "z" * 1000] * 46


def test_flush_prints_what_is_held_and_forgets(heard: Heard) -> None:
    heard.take(Loaded(), out(2), Reported("b", 2))
    assert heard.flush() == ["0: line 2", "0: reports b"]
    assert heard.flush() == []
    assert heard.sessions.wake == math.inf


MESSAGES = st.one_of(
    st.just(Loaded()),
    st.builds(
        Printed, st.sampled_from(["stdout", "stderr"]), st.text(max_size=3), st.none() | st.integers(0, 30)
    ),
    st.builds(Reported, st.text(max_size=3), st.none() | st.integers(0, 30)),
    st.builds(Ended, st.none() | st.integers(-1, 1), st.booleans()),
)
STEPS = st.tuples(MESSAGES, st.sampled_from(["a", "b"]), st.sampled_from([0.0, 1.0, 6.0]))


@settings(deadline=None)  # of a machine that is busy
@given(st.lists(STEPS, max_size=60))
def test_every_text_comes_out_once_and_no_load_ends_twice(steps: list[tuple[Message, str, float]]) -> None:
    sessions, now, events = Sessions(), 0.0, list[Event]()
    for message, name, seconds in steps:
        now += seconds
        events += sessions.tick(now)
        events += sessions.take(("", "", name), name, message, now)
        assert sessions.wake > now
    events += sessions.flush(now)
    told = [(e.stream, e.text) for e in events if isinstance(e, PagePrinted)]
    assert sorted(told) == sorted((m.stream, m.text) for m, _, _ in steps if isinstance(m, Printed))
    reports = [e.report for e in events if isinstance(e, PageReported)]
    assert sorted(reports) == sorted(m.report for m, _, _ in steps if isinstance(m, Reported))
    ends = [e.page.load for e in events if isinstance(e, PageEnded)]
    assert len(ends) == len(set(ends))
    loads = [e.page.load for e in events if isinstance(e, PageLoaded)]
    assert len(loads) == len(set(loads)) == sum(isinstance(m, Loaded) for m, _, _ in steps)
    assert sessions.wake == math.inf
