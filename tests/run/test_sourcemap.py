"""Source maps: the place of an instruction is exact; damaged, strange and huge maps are refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.run import sourcemap
from fetchkit.run.sourcemap import Position, SourceMapError, data_url, parse_source_map

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

Segment = tuple[int, int, int, int] | tuple[int]


def vlq(value: int) -> str:
    rest, text = (-value << 1 | 1) if value < 0 else value << 1, ""
    while True:
        digit, rest = rest & 31, rest >> 5
        text += ALPHABET[digit | (32 if rest else 0)]
        if not rest:
            return text


def mappings(*segments: Segment) -> str:
    """Segments of absolute numbers: offset, and source, line and column from 0."""
    last, texts = [0, 0, 0, 0], []
    for segment in segments:
        texts.append("".join(vlq(value - last[i]) for i, value in enumerate(segment)))
        last[: len(segment)] = segment
    return ",".join(texts)


def source_map(text: str, **members: Any) -> bytes:
    content = {"version": 3, "sources": ["a.c", "b.c"], "names": [], "mappings": text} | members
    return json.dumps(content).encode()


def find(data: bytes, *offsets: int, start: int = 0) -> dict[int, Position]:
    return parse_source_map(data).find(dict.fromkeys(offsets, start))


MAP = source_map(mappings((16, 0, 3, 7), (20, 0, 4, 0), (30,), (40, 1, 0, 2), (1000, 0, 99, 1)))


@pytest.mark.parametrize(
    ("offset", "position"),
    [
        (0, None),
        (15, None),
        (16, Position("a.c", 4, 8)),
        (19, Position("a.c", 4, 8)),
        (20, Position("a.c", 5, 1)),
        (29, Position("a.c", 5, 1)),
        (30, None),
        (39, None),
        (40, Position("b.c", 1, 3)),
        (999, Position("b.c", 1, 3)),
        (1000, Position("a.c", 100, 2)),
        (10**9, Position("a.c", 100, 2)),
    ],
)
def test_a_segment_holds_up_to_the_next(offset: int, position: Position | None) -> None:
    assert find(MAP, offset) == ({offset: position} if position else {})


def test_many_offsets_are_found_at_once() -> None:
    assert find(MAP, 1000, 16, 35, 40) == {
        16: Position("a.c", 4, 8),
        40: Position("b.c", 1, 3),
        1000: Position("a.c", 100, 2),
    }


def test_a_segment_before_the_function_belongs_to_another() -> None:
    assert find(MAP, 25, start=21) == {}
    assert find(MAP, 25, start=20) == {25: Position("a.c", 5, 1)}
    assert find(MAP, 2000, start=1001) == {}


@pytest.mark.parametrize(
    ("root", "sources", "expected"),
    [
        ("", ["a.c"], "a.c"),
        (None, ["a.c"], "a.c"),
        ("/src", ["a.c"], "/src/a.c"),
        ("https://h/x/", ["../a.c"], "https://h/x/../a.c"),
        ("/src", [None], ""),
    ],
)
def test_the_root_completes_the_names_of_sources(root: str | None, sources: list[Any], expected: str) -> None:
    data = source_map(mappings((0, 0, 0, 0)), sourceRoot=root, sources=sources)
    assert find(data, 5) == {5: Position(expected, 1, 1)}


def test_names_and_other_lines_are_passed_over() -> None:
    assert find(source_map("AAAAA,CACCA;AAEE"), 0, 9) == {0: Position("a.c", 1, 1), 9: Position("a.c", 2, 2)}


def test_a_guard_against_other_sites_is_no_part_of_a_map() -> None:
    assert find(b")]}'\n" + MAP, 16) == find(MAP, 16)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<!doctype html>", id="a-page"),
        pytest.param(b"\xff\xfe\xfd", id="no-utf-8"),
        pytest.param(b"[]", id="a-list"),
        pytest.param(b'{"version":' + b"9" * 10000 + b"}", id="a-huge-number"),
        pytest.param(b"[" * 100_000, id="deeply-nested"),
        pytest.param(source_map("AAAA", version=2), id="version-2"),
        pytest.param(source_map("AAAA", sections=[]), id="an-index"),
        pytest.param(source_map("AAAA", sources="a.c"), id="sources-are-no-list"),
        pytest.param(json.dumps({"version": 3, "sources": []}).encode(), id="no-mappings"),
    ],
)
def test_what_is_no_map_of_version_3_is_refused(data: bytes) -> None:
    with pytest.raises(SourceMapError):
        parse_source_map(data)


def test_a_map_of_100_mb_is_refused_before_it_is_read() -> None:
    with pytest.raises(SourceMapError, match="64 MiB"):
        parse_source_map(bytes(100_000_000))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A!AA", id="no-digit"),
        pytest.param("AAAé", id="beyond-ascii"),
        pytest.param("AAAg", id="unfinished"),
        pytest.param("ggggggggggggA", id="beyond-32-bits"),
        pytest.param("AA", id="two-fields"),
        pytest.param("AAAAAA", id="six-fields"),
        pytest.param("AAAA,,CAAA", id="an-empty-segment"),
        pytest.param("AAAA,DAAA", id="backwards"),
        pytest.param("AEAA", id="no-such-source"),
        pytest.param("ADAA", id="a-source-below-0"),
        pytest.param("AADA", id="a-line-below-0"),
        pytest.param("AAAD", id="a-column-below-0"),
        pytest.param("A" * 200_000, id="a-segment-without-end"),
    ],
)
def test_damaged_mappings_are_refused(text: str) -> None:
    with pytest.raises(SourceMapError):
        find(source_map(text), 10**6)


def test_reading_stops_when_told() -> None:
    parsed = parse_source_map(source_map(",".join(["CAAA"] * 100_000)))
    asked: list[int] = []

    def expired() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(SourceMapError, match="too long"):
        parsed.find({10**9: 0}, expired=expired)
    assert len(asked) == 3


def test_what_comes_after_the_last_offset_is_not_read() -> None:
    assert find(source_map("AAAA,CACA,!"), 0) == {0: Position("a.c", 1, 1)}


@given(st.lists(st.tuples(*[st.integers(0, 2**30)] * 3), min_size=1, max_size=50))
def test_every_segment_is_found_where_it_begins(numbers: list[tuple[int, int, int]]) -> None:
    by_offset = {offset: (offset, line % 2, line, column) for offset, line, column in numbers}
    segments = [by_offset[offset] for offset in sorted(by_offset)]
    expected = {o: Position(("a.c", "b.c")[s], line + 1, column + 1) for o, s, line, column in segments}
    assert find(source_map(mappings(*segments)), *expected) == expected


@given(st.text(alphabet=ALPHABET + ",;", max_size=60))
def test_any_mappings_are_read_or_refused(text: str) -> None:
    try:
        found = find(source_map(text), 0, 7, 100)
    except SourceMapError:
        return
    assert all(position.line > 0 and position.column > 0 for position in found.values())


def test_segments_that_are_all_different_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sourcemap, "_MAX_KNOWN", 2)
    segments: list[Segment] = [(n * n, 0, n * n, 0) for n in range(1, 100)]
    assert find(source_map(mappings(*segments)), 99 * 99) == {99 * 99: Position("a.c", 99 * 99 + 1, 1)}


@pytest.mark.parametrize(
    "url",
    [
        "data:application/json;base64," + base64.b64encode(MAP).decode(),
        "data:application/json;charset=utf-8;base64," + base64.b64encode(MAP).decode().replace("=", "%3D"),
        "DATA:," + "".join(f"%{byte:02x}" for byte in MAP),
    ],
)
def test_a_map_within_its_url_is_decoded(url: str) -> None:
    assert data_url(url) == MAP


@pytest.mark.parametrize(
    "url", ["", "data:", "data:application/json", "http://h/,x", "data:;base64,$$$", "data:;base64,A"]
)
def test_other_urls_hold_no_data(url: str) -> None:
    with pytest.raises(SourceMapError):
        data_url(url)
