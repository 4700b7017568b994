"""Fixtures of the tests of browsers: a temporary folder of their own, in which nothing may be left."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .support import Site, descriptors, processes_of

__all__ = ["all_gone"]


@contextmanager
def all_gone(folder: Path | None = None) -> Iterator[Path]:
    """A folder for temporary files; behind it no process, no file and no descriptor is left of any browser.

    A short-named one where none is given, as usual ones are.
    """
    with tempfile.TemporaryDirectory(prefix="fk-") as made:
        folder = folder or Path(made)
        before = descriptors()
        old, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield folder
            assert processes_of(folder) == {}
            assert list(folder.iterdir()) == []
            assert {n: what for n, what in descriptors().items() if n not in before} == {}
        finally:
            tempfile.tempdir = old


@pytest.fixture
async def temp(tmp_path: Path) -> AsyncIterator[Path]:
    """See `all_gone`. Asynchronous so that the loop's own descriptors are there before."""
    del tmp_path  # made in the usual place, so before this
    with all_gone() as folder:
        yield folder


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Pages."""
    async with Site() as site:
        yield site
