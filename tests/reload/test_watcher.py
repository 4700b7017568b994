"""The watcher wakes for changes, whatever becomes of the folder, and leaves no thread behind."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watchfiles import watch

from fetchkit.reload import watcher as module_of_watcher
from fetchkit.reload.watcher import LOOK, Watcher, is_watched

DEADLINE = 20.0


class Wakes:
    """Counts, and waits."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.count = 0

    def __call__(self) -> None:
        """Called by the watcher's thread."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait(self) -> None:
        """For one more."""
        with self._condition:
            seen = self.count
            assert self._condition.wait_for(lambda: self.count > seen, DEADLINE)


Start = Callable[[Path], Wakes]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(folder)`; at the end its thread is gone at once."""
    watchers = []

    def started(folder: Path) -> Wakes:
        wakes = Wakes()
        watchers.append(Watcher(str(folder), dotfiles=False, wake=wakes))
        watchers[-1].start()
        return wakes

    yield started
    for each in watchers:
        begun = time.monotonic()
        each.stop()
        assert time.monotonic() - begun < 2.0  # the grace of the server
    assert not [thread for thread in threading.enumerate() if thread.name == "fetchkit-reload"]


@pytest.fixture
def _no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wakes come from events of the system alone."""
    monkeypatch.setattr(module_of_watcher, "LOOK", 1000 * 1000)


@pytest.mark.usefixtures("_no_second_look")
def test_a_change_wakes(folder: Path, start: Start) -> None:
    wakes = start(folder)
    deadline = time.monotonic() + DEADLINE
    while not wakes.count and time.monotonic() < deadline:  # until it has begun to watch
        (folder / "sub" / "new.txt").write_text(str(time.monotonic()))
        time.sleep(0.05)
    (folder / "sub" / "new.txt").write_text("at last")
    wakes.wait()


def test_it_looks_once_a_second_even_if_nothing_is_reported(folder: Path, start: Start) -> None:
    wakes = start(folder)
    wakes.wait()
    wakes.wait()
    assert LOOK == 1000


def test_a_folder_may_be_deleted_and_made_again(folder: Path, start: Start) -> None:
    wakes = start(folder)
    wakes.wait()
    for _ in range(2):
        shutil.rmtree(folder)
        wakes.wait()
        folder.mkdir()
        wakes.wait()
        (folder / "new.txt").write_text("x")
        wakes.wait()


def test_a_folder_that_was_made_again_is_watched_anew(
    folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Wakes()

    def counted(*arguments: Any, **options: Any) -> Iterator[object]:
        watched()
        return watch(*arguments, **options)

    monkeypatch.setattr(module_of_watcher, "watch", counted)
    wakes = start(folder)
    wakes.wait()
    folder.rename(folder.with_name("old"))
    folder.mkdir()
    watched.wait()
    assert watched.count == 2


def test_a_folder_that_cannot_be_watched_is_looked_at(
    folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[object]:
        raise OSError("OS file watch limit reached.")

    monkeypatch.setattr(module_of_watcher, "watch", refuse)
    wakes = start(folder)
    wakes.wait()
    wakes.wait()
    assert [record.getMessage() for record in caplog.records] == [
        "The folder cannot be watched (OS file watch limit reached.): looking once a second instead."
    ]


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        ("/r/app.js", True),
        ("/r/sub/app.js", True),
        ("/r", True),
        ("/r/.well-known/x", True),
        ("/r/.git/HEAD", False),
        ("/r/sub/node_modules/a/b.js", False),
        ("/r/.app.js.swp", False),
    ],
)
def test_what_no_page_asks_for_does_not_wake(path: str, watched: bool) -> None:
    assert is_watched(path, "/r", dotfiles=False) is watched


def test_dotfiles_wake_where_they_are_served() -> None:
    assert is_watched("/r/.app.js", "/r", dotfiles=True)
    assert not is_watched("/r/.git/HEAD", "/r", dotfiles=True)
