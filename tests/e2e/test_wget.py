"""`emscripten_async_wget` and `emscripten_async_wget2`."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Tab
from .data import BIG

pytestmark = pytest.mark.e2e


def test_async_wget_loads_a_file_and_reports_a_missing_one(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab
) -> None:
    folder = site("wget")
    (folder / "hello.txt").write_text("hello from the server")
    tab.allowed.append("404")

    ended = tab.run(f"{serve(folder)}?program=wget")

    assert ended.output == ["loaded /data/hello.txt: hello from the server", "not loaded /data/missing.txt"]
    assert ended.exit_code == 0


def test_async_wget2_shows_progress_to_the_end(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab
) -> None:
    folder = site("wget2")
    (folder / "big.txt").write_bytes(BIG)

    ended = tab.run(f"{serve(folder)}?program=wget2")

    assert ended.output == [
        "loaded: /big.txt",
        "progress: ascending to 100%",
        f"size: {len(BIG)}",
        f"adler32: {zlib.adler32(BIG):08x}",
    ]
    assert ended.exit_code == 0
