"""What pages asked for, and what becomes of them when the disk changes."""

import os
import time
from pathlib import Path

import pytest

from fetchkit.reload import pages as module_of_pages
from fetchkit.reload.disk import Disk
from fetchkit.reload.pages import MAX_ASKED, MAX_SCRIPTS, Look, Page, Requests
from fetchkit.reload.rules import TICK_NS, Stamp, Verdict


class Clock:
    """Seconds that pass when the test says so; the epoch is the real one, as on the disk."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return self.passed

    def time(self) -> float:
        """As `time.time`."""
        return time.time() + self.passed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module_of_pages, "time", clock)
    return clock


@pytest.fixture
def look(folder: Path) -> Look:
    """At a folder whose files are an hour old."""
    for file in folder.rglob("*.*"):
        os.utime(file, (time.time() - 3600,) * 2)
    return Look(Disk(str(folder)))


def asking(*targets: str, at: float | None = None) -> Page:
    page = Page(document="/")
    page.says(dict.fromkeys(targets, time.time() + 60 if at is None else at))
    return page


def test_pages_reload_for_what_they_asked_for_and_no_other(folder: Path, look: Look, clock: Clock) -> None:
    one, other = asking("/", "/digits.txt?x=1"), asking("/", "/app.js")
    assert look.at([one, other]) == [(one, Verdict()), (other, Verdict())]
    (folder / "digits.txt").write_text("3")
    assert look.at([one, other]) == [(one, Verdict(wait=0.2)), (other, Verdict())]
    clock.passed = 0.3
    assert look.at([one, other]) == [(one, Verdict(("/digits.txt",))), (other, Verdict())]


def test_a_page_that_was_told_is_told_again_only_for_another_change(
    folder: Path, look: Look, clock: Clock
) -> None:
    page = asking("/")
    look.at([page])
    (folder / "index.html").write_text("new")
    look.at([page])
    clock.passed = 1.0
    assert look.at([page])[0][1].reload
    page.told()
    assert look.at([page]) == [(page, Verdict())]
    clock.passed = 2.0
    assert look.at([page]) == [(page, Verdict())]
    (folder / "index.html").write_text("newer")
    assert look.at([page]) == [(page, Verdict(wait=0.2))]


def test_what_is_written_while_the_first_look_is_taken_is_no_file_of_the_future(
    folder: Path, clock: Clock
) -> None:
    class Late(Disk):
        def stamp(self, path: str, *, is_document: bool = False) -> Stamp | None:
            if not clock.passed:
                time.sleep(2 * TICK_NS / 1e9)
                (folder / "digits.txt").write_text("3")
                time.sleep(2 * TICK_NS / 1e9)
            return super().stamp(path, is_document=is_document)

    look, page = Look(Late(str(folder))), asking("/digits.txt", at=time.time())
    assert look.at([page]) == [(page, Verdict(wait=0.2))]
    clock.passed = 0.3
    assert look.at([page]) == [(page, Verdict(("/digits.txt",)))]


def test_standing_still_begins_anew_with_every_change(folder: Path, look: Look, clock: Clock) -> None:
    page = asking("/")
    look.at([page])
    for text in ("a", "bb", "ccc"):
        (folder / "index.html").write_text(text)
        assert look.at([page])[0][1].wait == pytest.approx(0.2)
        clock.passed += 0.15
    assert look.at([page])[0][1].wait == pytest.approx(0.05)


def test_a_change_between_the_question_and_the_first_look_counts(
    folder: Path, look: Look, clock: Clock
) -> None:
    page = asking("/", at=time.time() - 10)
    (folder / "index.html").write_text("new")
    assert look.at([page])[0][1].wait is not None
    clock.passed = 0.3
    assert look.at([page])[0][1].reload == ("/",)


def test_a_change_before_the_question_does_not(folder: Path, look: Look) -> None:
    (folder / "index.html").write_text("new")
    page = asking("/", at=time.time() + 1)
    assert look.at([page]) == [(page, Verdict())]


def test_what_was_missing_counts_once_it_is_there(folder: Path, look: Look, clock: Clock) -> None:
    page = asking("/", "/late.js")
    assert look.at([page]) == [(page, Verdict())]
    (folder / "late.js").write_text("x")
    look.at([page])
    clock.passed = 0.3
    assert look.at([page])[0][1].reload == ("/late.js",)


def test_a_folder_that_is_made_again_with_the_same_files_is_new(
    folder: Path, look: Look, clock: Clock
) -> None:
    page = asking("/", "/app.js")
    look.at([page])
    folder.rename(folder.with_name("old"))
    assert look.at([page]) == [(page, Verdict())]
    folder.mkdir()
    for name in ("index.html", "app.js"):
        (folder / name).write_text("new")
    look.at([page])
    clock.passed = 0.3
    assert look.at([page])[0][1].reload == ("/", "/app.js")


def test_a_page_is_heard_only_so_far() -> None:
    page = Page()
    assert len(page.says({f"/{number}": 1.0 for number in range(MAX_ASKED + 5)})) == MAX_ASKED
    assert page.says({"/more": 1.0, "/1": 2.0}) == []
    assert page.asked["/1"] == 1.0


def test_requests_of_a_script_are_those_since_it_was_asked_for() -> None:
    requests = Requests()
    requests.note("/w.js", "/old.wasm", 1.0)
    requests.note("/w.js", "/new.wasm", 3.0)
    requests.note("/other.js", "/other.wasm", 3.0)
    assert requests.of({"/w.js": 2.0, "/unknown.js": 0.0}) == {"/new.wasm": 3.0}
    requests.note("/w.js", "/old.wasm", 4.0)
    assert requests.of({"/w.js": 2.0}) == {"/new.wasm": 3.0, "/old.wasm": 4.0}


def test_of_too_many_scripts_the_oldest_are_forgotten() -> None:
    requests = Requests()
    for number in range(MAX_SCRIPTS + 1):
        requests.note(f"/{number}.js", "/x", 1.0)
    assert requests.of({"/0.js": 0.0}) == {}
    assert requests.of({"/1.js": 0.0}) == {"/x": 1.0}
