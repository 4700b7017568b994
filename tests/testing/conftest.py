"""Fixtures of the tests of the pytest plugin."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import require
from tests.e2e.run.support import Builds

from .support import Inner, Programs


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """The programs of the tests of `fetchkit run`, each built when it is first asked for."""
    return Builds(require("emscripten", "emcc"), tmp_path_factory.mktemp("testing"))


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The programs of `programs/`, likewise."""
    return Programs(require("emscripten", "emcc"), tmp_path_factory.mktemp("programs"))


@pytest.fixture
def inner(tmp_path: Path) -> Iterator[Inner]:
    """A folder for tests, and pytest in a process of its own; at the end nothing of it may be left."""
    temporary = Path(tempfile.mkdtemp(prefix="run-"))  # a path as short as that of most people
    try:
        with Inner(tmp_path / "inner", temporary) as inner:
            yield inner
    finally:
        shutil.rmtree(temporary)
