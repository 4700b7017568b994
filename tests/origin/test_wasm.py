"""Modules of an exact size: valid to an engine, the right results, and any range a slice of the whole."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.wasm import MAX_MODULE, MIN_MODULE, Module

MIB = 1024 * 1024
SIZES = [
    *range(MIN_MODULE, MIN_MODULE + 7),
    127,
    128,
    4095,
    4096,
    4097,
    *range(8260, 8275),  # where a second function begins
    65_536,
    MIB - 1,
    MIB,
    5 * MIB + 3,
]
SIZE = 300_001
WHOLE = b"".join(Module(SIZE).pieces(0, SIZE))
JUDGE = """
const fs = require('fs');
const shown = process.argv.slice(1).map(path => {
  const bytes = fs.readFileSync(path);
  if (!WebAssembly.validate(bytes)) return [bytes.length, false];
  const {run, last} = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  return [bytes.length, true, run(), last()];
});
console.log(JSON.stringify(shown));
"""


def judged(*paths: Path) -> list[list[int]]:
    """What Node says of some files: size, whether valid, results of both exports."""
    arguments = ["node", "-e", JUDGE, *map(str, paths)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
    shown: list[list[int]] = json.loads(done.stdout)
    return shown


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_an_engine_takes_modules_of_every_size_and_their_functions_return_what_they_should(
    tmp_path: Path,
) -> None:
    paths = [
        written(tmp_path, f"{size}.wasm", b"".join(Module(size).pieces(0, size)))
        for size in SIZES  # each exactly as large as it was asked for
    ]
    expected = [[size, True, size, size + Module(size).functions - 1] for size in SIZES]
    assert judged(*paths) == expected


def test_another_version_has_other_bytes_and_other_results(tmp_path: Path) -> None:
    data = b"".join(Module(SIZE, version=7).pieces(0, SIZE))
    assert judged(written(tmp_path, "v.wasm", data)) == [
        [SIZE, True, SIZE + 7, SIZE + Module(SIZE).functions - 1 + 7]
    ]


def test_a_module_that_was_cut_is_not_valid(tmp_path: Path) -> None:
    assert judged(written(tmp_path, "cut.wasm", WHOLE[:-1])) == [[SIZE - 1, False]]


@pytest.mark.parametrize("size", [8, MIN_MODULE - 1, MAX_MODULE + 1])
def test_a_size_that_no_module_has_is_refused_with_the_limits(size: int) -> None:
    with pytest.raises(BadRequestError, match=rf"from {MIN_MODULE} bytes to 1GiB"):
        Module(size)


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_any_range_is_a_slice_of_the_whole(one: int, other: int) -> None:
    first, end = sorted((one, other))
    assert b"".join(Module(SIZE).pieces(first, end)) == WHOLE[first:end]


def test_short_ranges_over_the_borders_of_all_sections_are_slices() -> None:
    module = Module(10_000)
    whole = b"".join(module.pieces(0, 10_000))
    for first in range(10_000 - 40):
        assert b"".join(module.pieces(first, first + 40)) == whole[first : first + 40]


@given(st.integers(0, MAX_MODULE - 1), st.integers(1, 20_000))
def test_far_ranges_of_the_largest_module_agree_with_what_surrounds_them(first: int, length: int) -> None:
    module = Module(MAX_MODULE)
    end = min(MAX_MODULE, first + length)
    before, after = max(0, first - 5000), min(MAX_MODULE, end + 5000)
    around = b"".join(module.pieces(before, after))
    assert len(around) == after - before
    assert b"".join(module.pieces(first, end)) == around[first - before : end - before]


def test_the_largest_module_is_within_the_limits_of_engines() -> None:
    # WebAssembly JS API, section 8.1: functions of a module, bytes of a function
    assert Module(MAX_MODULE).functions < 1_000_000
    tail = b"".join(Module(MAX_MODULE).pieces(MAX_MODULE - 1, MAX_MODULE))
    assert tail == b"\x0b"
