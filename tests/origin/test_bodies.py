"""Bodies of any size: any range is a slice of the whole, at any offset, and every block is another."""

import hashlib
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fetchkit.origin.bodies import BLOCK, Content, Fill, Pattern, content_etag

SIZE = 3 * BLOCK + 12_345
TIB = 1024**4
WHOLE = {fill: b"".join(map(bytes, Content(SIZE, "seed", fill).pieces(0, SIZE))) for fill in Fill}
# Ends of blocks, ends of stamps, and their neighbours.
BORDERS = sorted(
    {
        place
        for block in range(4)
        for edge in (0, 32)
        for step in (-1, 0, 1)
        if 0 <= (place := block * BLOCK + edge + step) <= SIZE
    }
    | {SIZE - 1, SIZE}
)
places = st.one_of(st.integers(0, SIZE), st.sampled_from(BORDERS))


def joined(content: Content | Pattern, first: int, end: int) -> bytes:
    return b"".join(map(bytes, content.pieces(first, end)))


@pytest.mark.parametrize("fill", Fill)
@pytest.mark.parametrize("first", BORDERS)
def test_a_range_from_a_border_to_a_border_is_a_slice_of_the_whole(fill: Fill, first: int) -> None:
    content = Content(SIZE, "seed", fill)
    for end in BORDERS:
        if end >= first:
            assert joined(content, first, end) == WHOLE[fill][first:end]


@given(places, places, st.sampled_from(Fill))
@example(31, 33, Fill.RANDOM)
@example(BLOCK - 1, 2 * BLOCK + 33, Fill.TEXT)
def test_any_range_is_a_slice_of_the_whole(one: int, other: int, fill: Fill) -> None:
    first, end = sorted((one, other))
    assert joined(Content(SIZE, "seed", fill), first, end) == WHOLE[fill][first:end]


@given(st.lists(places, max_size=8))
def test_ranges_that_follow_each_other_join_to_the_whole(cuts: list[int]) -> None:
    content = Content(SIZE, "seed")
    bounds = [0, *sorted(cuts), SIZE]
    parts = [joined(content, first, end) for first, end in pairwise(bounds)]
    assert b"".join(parts) == WHOLE[Fill.RANDOM]


@given(st.integers(0, TIB - 1), st.integers(1, 100_000))
@example(TIB - 1, 1)
@example(TIB - BLOCK, BLOCK)
def test_far_offsets_agree_with_what_surrounds_them(first: int, length: int) -> None:
    content = Content(TIB, "far")
    end = min(TIB, first + length)
    before, after = max(0, first - 100), min(TIB, end + 100)
    around = joined(content, before, after)
    assert joined(content, first, end) == around[first - before : end - before]
    assert len(around) == after - before


def test_the_end_of_a_tebibyte_costs_no_more_than_its_beginning() -> None:
    content = Content(TIB, "cost")
    joined(content, 0, BLOCK)
    began = time.process_time()
    for _ in range(50):
        joined(content, TIB - 4096, TIB)
    # Making the bytes before these would take minutes.
    assert time.process_time() - began < 5


def test_the_bytes_are_those_that_the_module_describes() -> None:
    """Whoever writes another generator by the description gets the same bytes."""
    pool = hashlib.shake_128(b"fetchkit body seed").digest(BLOCK)
    for number in (0, 1, 3):
        stamp = hashlib.sha256(b"fetchkit block seed %d" % number).digest()
        start = int.from_bytes(stamp[:4], "big") % BLOCK
        block = stamp + (pool[start:] + pool[:start])[: BLOCK - 32]
        assert WHOLE[Fill.RANDOM][number * BLOCK :][:BLOCK] == block[: SIZE - number * BLOCK]


def test_blocks_differ_so_a_piece_in_the_wrong_place_changes_the_digest() -> None:
    blocks = {joined(Content(TIB, "s"), n * BLOCK, (n + 1) * BLOCK) for n in (0, 1, 2, 1000, 2**20 - 1)}
    assert len(blocks) == 5


@pytest.mark.parametrize("fill", [Fill.RANDOM, Fill.TEXT])
def test_another_seed_is_another_body(fill: Fill) -> None:
    seeds = ["", "a", "b", "ä", "\udcff", "0", "00"]
    bodies = {joined(Content(1000, seed, fill), 0, 1000) for seed in seeds}
    assert len(bodies) == len(seeds)


def test_size_is_no_part_of_the_content_so_a_shorter_body_begins_a_longer_one() -> None:
    assert joined(Content(10, "s"), 0, 10) == joined(Content(TIB, "s"), 0, 10)


def test_zeros_are_zeros() -> None:
    assert not any(WHOLE[Fill.ZEROS])


def test_text_is_text_and_can_be_compressed() -> None:
    assert set(WHOLE[Fill.TEXT]) <= set(b"abcdefghijklmnopqrstuvwxyz \n0123456789")
    assert b"\n" in WHOLE[Fill.TEXT]


def test_random_bytes_have_every_value_about_as_often() -> None:
    counts = [WHOLE[Fill.RANDOM].count(bytes((value,))) for value in range(256)]
    assert min(counts) > 0.9 * SIZE / 256
    assert max(counts) < 1.1 * SIZE / 256


@pytest.mark.parametrize("fill", Fill)
def test_pieces_are_never_empty_nor_larger_than_a_block(fill: Fill) -> None:
    for first in BORDERS:
        assert all(0 < len(piece) <= BLOCK for piece in Content(SIZE, "seed", fill).pieces(first, SIZE))


def test_nothing_is_asked_for_and_nothing_comes() -> None:
    assert list(Content(0).pieces(0, 0)) == []
    assert list(Pattern(b"ab", 0).pieces(0, 0)) == []


@given(st.binary(min_size=1, max_size=70_000), st.integers(0, 2**41), st.integers(0, 200_000))
@example(b"abcdefghijklmnopqrstuvwxyz", 65_530, 100)
@example(b"x" * 70_000, 69_999, 2)
def test_a_range_of_a_pattern_is_a_slice_of_it_repeated(pattern: bytes, first: int, length: int) -> None:
    within = first % len(pattern)
    repeated = pattern * ((within + length) // len(pattern) + 1)
    assert joined(Pattern(pattern, 2**42), first, first + length) == repeated[within : within + length]


def test_a_tag_is_strong_and_quoted_and_of_its_parts_alone() -> None:
    assert content_etag(1, "a") == content_etag(1, "a")
    assert content_etag(1, "a") != content_etag(1, "b")
    assert content_etag("1a") != content_etag("1", "a")
    tag = content_etag("\udcff", "ä")
    assert tag.startswith('"')
    assert tag.endswith('"')
    assert tag.strip('"').isalnum()
