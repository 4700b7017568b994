"""Fixtures of the end-to-end tests: a build by emcc, fetchkit in a process of its own, Chromium.

Every test that serves runs under both isolation modes, with the same build.
"""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest

from tests.program import Program

from .browser import Chromium, Tab
from .toolchain import Emcc

__all__ = ["missing", "require", "serving"]


def require(package: str, *names: str) -> str:
    """The path of the first program found among `names`.

    Where there is none the test is skipped, naming the Debian package that has it; with CI=true in the
    environment it fails instead: what CI does not run is not shown to work.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    return missing(names[0], package)


def missing(what: str, package: str) -> NoReturn:
    """Skip the test, or fail it in CI."""
    sentence = f"{what} is not installed: `apt-get install {package}` brings it."
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@contextmanager
def serving(home: Path, folder: Path, *args: str) -> Iterator[str]:
    """`fetchkit serve` for a folder, in a process whose home is `home`; its URL, which ends with a slash.

    At the end it must stop by SIGTERM with exit code 0, with nothing more on standard output and no sign of
    an error that it did not handle.
    """
    home.mkdir()
    command = ("serve", str(folder), "--port", "0", "--host", "127.0.0.1", "-q", *args)
    with Program(home, *command) as server:
        yield server.ready_url()
        exit_code, output, errors = server.end(signal.SIGTERM)
    assert not re.search("Traceback|Unhandled exception", errors), errors
    assert (exit_code, output) == (0, ""), errors


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Emcc:
    """The compiler; what it built is kept until the run ends."""
    return Emcc(require("emscripten", "emcc"), tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One headless browser for the run."""
    browser = Chromium(require("chromium", "chromium", "chromium-browser", "google-chrome"))
    yield browser
    browser.close()


@pytest.fixture
def tab(chromium: Chromium) -> Iterator[Tab]:
    """A fresh tab; at the end every complaint must be one that the test allowed."""
    opened = chromium.open()
    yield opened
    chromium.close_tab(opened)
    assert opened.unexpected() == []


@pytest.fixture
def site(tmp_path: Path, build: Emcc) -> Callable[..., Path]:
    """`site(program, *flags)`: a new folder with that program and the page that runs it."""

    def make(program: str, *flags: str) -> Path:
        folder = tmp_path / "site"
        build.install(folder, program, *flags)
        return folder

    return make


@pytest.fixture(params=["require-corp", "credentialless"])
def isolation(request: pytest.FixtureRequest) -> str:
    """The isolation mode; a module overrides this fixture to have one mode only."""
    return str(request.param)


@pytest.fixture
def serve(tmp_path: Path, isolation: str) -> Iterator[Callable[..., str]]:
    """`serve(folder, *args)`: starts `fetchkit serve` and gives its URL; how it must end says `serving`."""
    numbers = count()
    with ExitStack() as servers:

        def start(folder: Path, *args: str) -> str:
            home = tmp_path / f"server-{next(numbers)}"
            return servers.enter_context(serving(home, folder, "--isolation", isolation, *args))

        yield start
