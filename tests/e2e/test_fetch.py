"""The Fetch API (`emscripten_fetch`): progress, ranges, and copies kept in IndexedDB."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Tab
from .data import BIG

pytestmark = pytest.mark.e2e


def test_fetch_shows_progress_and_exact_ranges(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab
) -> None:
    folder = site("fetch", "-sFETCH")
    (folder / "big.txt").write_bytes(BIG)
    (folder / "ranges.txt").write_bytes(BIG)
    tab.allowed.append("416")
    size = len(BIG)

    ended = tab.run(f"{serve(folder)}?program=fetch")

    assert ended.output == [
        "whole: status 200",
        f"progress: ascending to {size} of {size}",
        f"adler32: {zlib.adler32(BIG):08x}",
        "bytes=1000-1015: status 206",
        f"content-range: bytes 1000-1015/{size}",
        f"bytes: {BIG[1000:1016].decode()!r}",
        "bytes=-16: status 206",
        f"content-range: bytes {size - 16}-{size - 1}/{size}",
        f"bytes: {BIG[-16:].decode()!r}",
        "bytes=5242880-99999999: status 206",
        f"content-range: bytes 5242880-{size - 1}/{size}",
        f"bytes: {BIG[5242880:].decode()!r}",
        "bytes=99999999-: status 416",
        f"content-range: bytes */{size}",
    ]
    assert ended.exit_code == 0
    assert [answer.status for answer in tab.answers("/ranges.txt", 4)] == [206, 206, 206, 416]


def test_fetch_reads_its_stored_copy_until_it_is_replaced(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab
) -> None:
    folder = site("persist", "-sFETCH")
    note = folder / "note.txt"
    url = f"{serve(folder)}?program=persist"

    note.write_text("first")
    assert tab.run(url).output == ["stored: first", "replaced: first"]
    note.write_text("other")
    assert tab.run(url).output == ["stored: first", "replaced: other"]
    note.unlink()
    tab.allowed.append("404")
    assert tab.run(url).output == ["stored: other", "replaced: status 404"]
