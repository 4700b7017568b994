"""The memory of small files: bounded, in order of use, and never believed without a look at the disk."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from fetchkit.files import cache as module
from fetchkit.files.cache import CHOICE_SECONDS, MAX_BODY, MAX_ENTRIES, MAX_TOTAL, FileCache, SmallFile
from fetchkit.files.lookup import signature
from fetchkit.files.variants import SETTLED_NS, settled
from fetchkit.http.conditional import Validators
from fetchkit.http.representation import Representation
from tests.conftest import Raw, Serve

from .support import write


def small(body: bytes, *watched: Path) -> SmallFile:
    return SmallFile(
        representation=Representation("", len(body), "", "", Validators('""', 0), varies=False),
        body=body,
        whole=b"",
        unchanged=b"",
        watched=tuple((str(path), signature(os.stat(path))) for path in watched),
        chosen_at=time.monotonic(),
    )


def test_what_was_put_is_found_by_path_and_accept_encoding() -> None:
    cache = FileCache()
    one = small(b"1")
    cache.put("/a", "br", one)
    assert cache.get("/a", "br") is one
    assert cache.get("/a", None) is None
    assert cache.get("/a", "gzip") is None
    assert cache.get("/b", "br") is None


def test_the_longest_unused_leaves_first() -> None:
    cache = FileCache()
    for number in range(MAX_ENTRIES):
        cache.put(f"/{number}", None, small(b""))
    cache.get("/0", None)
    cache.put("/1", None, small(b"again"))
    cache.put("/new", None, small(b""))
    assert cache.get("/2", None) is None
    assert None not in (cache.get("/0", None), cache.get("/1", None), cache.get("/new", None))


def test_entries_are_bounded() -> None:
    cache = FileCache()
    for number in range(MAX_ENTRIES + 100):
        cache.put(f"/{number}", None, small(b""))
    assert len(cache._files) == MAX_ENTRIES


def test_bytes_are_bounded_and_forgotten_ones_given_back() -> None:
    cache = FileCache()
    for number in range(MAX_TOTAL // MAX_BODY * 2):
        cache.put(f"/{number}", None, small(bytes(MAX_BODY)))
    assert sum(len(known.body) for known in cache._files.values()) <= MAX_TOTAL
    for number in range(MAX_ENTRIES):  # if sizes were not given back, hardly any would fit now
        cache.put(f"/s{number}", None, small(b""))
    assert len(cache._files) == MAX_ENTRIES


def test_a_replaced_entry_is_counted_once() -> None:
    cache = FileCache()
    cache.put("/keep", None, small(b"keep"))
    for _ in range(MAX_TOTAL // MAX_BODY * 2):
        cache.put("/same", None, small(bytes(MAX_BODY)))
    assert cache.get("/keep", None) is not None


def test_names_that_a_client_makes_up_are_counted_too() -> None:
    cache = FileCache()
    for number in range(MAX_ENTRIES):
        cache.put("/" * 70_000 + str(number), "x" * 16_000, small(b""))
    assert sum(len(path) + len(accept or "") for path, accept in cache._files) <= MAX_TOTAL


async def test_a_flood_of_made_up_encodings_is_bounded(
    serve: Serve, raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 8)
    caches: list[FileCache] = []
    putting = FileCache.put

    def spy(self: FileCache, *args: Any) -> None:
        caches.append(self)
        putting(self, *args)

    monkeypatch.setattr(FileCache, "put", spy)
    write(folder / "app.js", b"app")
    client = await raw(await serve())
    for number in range(50):
        answer = await client.ask("GET", "/app.js", f"Accept-Encoding: x{number}")
        assert answer.body == b"app"
    assert len(caches) == 50
    assert max(len(cache._files) for cache in caches) == 8


@pytest.mark.parametrize("change", ["rewritten", "removed", "replaced", "made a folder"])
def test_a_file_that_changed_is_forgotten(tmp_path: Path, change: str) -> None:
    place = write(tmp_path / "a", b"old")
    cache = FileCache()
    cache.put("/a", None, small(b"old", place))
    assert cache.get("/a", None) is not None
    match change:
        case "rewritten":
            place.write_bytes(b"new")
        case "removed":
            place.unlink()
        case "replaced":
            os.replace(write(tmp_path / "b", b"new"), place)
        case _:
            place.unlink()
            place.mkdir()
    assert cache.get("/a", None) is None
    assert cache._total == 0


def test_every_watched_file_is_looked_at(tmp_path: Path) -> None:
    sibling, original = write(tmp_path / "a.br", b"br"), write(tmp_path / "a", b"old")
    cache = FileCache()
    cache.put("/a", "br", small(b"br", sibling, original))
    assert cache.get("/a", "br") is not None
    original.write_bytes(b"new")
    assert cache.get("/a", "br") is None


def test_a_choice_is_made_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FileCache()
    known = small(b"")
    cache.put("/a", None, known)
    monkeypatch.setattr(time, "monotonic", lambda: known.chosen_at + CHOICE_SECONDS)
    assert cache.get("/a", None) is None


NOW = 1_700_000_000_000_000_000
BEFORE = NOW - SETTLED_NS - 1


def status(mtime_ns: int, ctime_ns: int) -> os.stat_result:
    template = os.stat("/")
    values = list(template)
    named = {"st_mtime_ns": mtime_ns, "st_ctime_ns": ctime_ns}
    return os.stat_result(values, named)


@pytest.mark.parametrize(
    ("modified", "changed", "sure"),
    [
        pytest.param(BEFORE, BEFORE, True, id="both-long-ago"),
        pytest.param(NOW, NOW, False, id="written-now"),
        pytest.param(NOW - SETTLED_NS, NOW - SETTLED_NS, False, id="written-a-tick-ago"),
        # With the time put back only the change time tells, and within a tick it tells nothing.
        pytest.param(BEFORE, NOW, False, id="written-now-and-the-time-put-back"),
    ],
)
def test_a_file_written_within_the_last_tick_is_not_trusted(modified: int, changed: int, sure: bool) -> None:
    assert settled(status(modified, changed), lambda: NOW) is sure
