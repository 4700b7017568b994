"""Fixtures of the tests of `fetchkit run`: builds, runs in processes of their own, nothing left."""

import ctypes
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import require

from .support import Builds, Processes, Run, Start, Started, listeners

# prctl(2)
_PR_SET_CHILD_SUBREAPER = 36

ENDS_SOON = 5.0
"""Seconds for what is left when fetchkit had no chance to wait for it: it was killed."""


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """The programs of these tests, each built when it is first asked for."""
    return Builds(require("emscripten", "emcc"), tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session", autouse=True)
def browser_is_there() -> None:
    """Skip all of it where there is no Chromium."""
    require("chromium", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """The folder for temporary files of a test's runs, of a path as short as that of most people."""
    folder = Path(tempfile.mkdtemp(prefix="run-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def leftovers(request: pytest.FixtureRequest, temporary: Path) -> Iterator[Processes]:
    """After the test: no process of it, no listening port, nothing in the folder for temporary files.

    What a test starts stays below this process, however it detaches itself: orphans are ours.
    """
    if "tab" in request.fixturenames:
        request.getfixturevalue("chromium")  # it outlives the test
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    processes, before = Processes(), listeners(Processes(()))
    try:
        yield processes
        deadline = time.monotonic() + (ENDS_SOON if processes.killed else 0)
        while processes.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        left = processes.alive()
        ports = listeners(Processes(())) - before
        files = [file.name for file in temporary.iterdir()]
        assert (left, ports, files) == ([], set(), [])
    finally:
        for process in processes.alive():
            os.kill(process.pid, signal.SIGKILL)
        processes.reap()
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture
def start(tmp_path: Path, temporary: Path) -> Iterator[Start]:
    """`start(*args)`: begins `fetchkit run --headless ARGS` in a home of its own."""
    numbers = count()
    with ExitStack() as started:

        def begin(*args: str, **options: Any) -> Started:
            home = tmp_path / f"home-{next(numbers)}"
            return started.enter_context(Started(home, temporary, *args, **options))

        yield begin


@pytest.fixture
def run(start: Start, leftovers: Processes) -> Run:
    """`run(*args)`: `fetchkit run --headless ARGS` to its end, which leaves no process behind."""
    return Run(start, leftovers)
