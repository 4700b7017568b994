"""Order: what comes over parallel connections is printed as it was written, and nothing waits for ever."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetchkit.emrun.sequencer import HELD, PATIENCE, Sequencer


def fed(numbers: list[int], sequencer: Sequencer[int] | None = None, now: float = 0.0) -> list[int]:
    """What is let through of some numbers that come at one time."""
    sequencer = Sequencer() if sequencer is None else sequencer
    return [item for number in numbers for item in sequencer.add(number, number, now)]


def test_in_order_each_is_let_through_at_once() -> None:
    sequencer = Sequencer[str]()
    assert [sequencer.add(n, f"text {n}", 0.0) for n in (1, 2, 3)] == [["text 1"], ["text 2"], ["text 3"]]
    assert sequencer.wake == math.inf


def test_the_order_in_which_chromium_was_seen_to_send() -> None:
    assert fed([1, 2, 4, 5, 3, 6]) == [1, 2, 3, 4, 5, 6]


def test_a_late_one_is_let_through_at_once() -> None:
    sequencer = Sequencer[int]()
    sequencer.add(3, 3, 0.0)
    assert sequencer.tick(PATIENCE) == [3]
    assert sequencer.add(1, 1, PATIENCE) == [1]
    assert sequencer.add(4, 4, PATIENCE) == [4]


def test_zero_stands_in_no_sequence() -> None:
    sequencer = Sequencer[int]()
    assert sequencer.add(0, 0, 0.0) == [0]
    assert not sequencer.seen(0)
    assert sequencer.add(1, 1, 0.0) == [1]


def test_so_many_are_held_and_with_one_more_the_missing_is_given_up() -> None:
    sequencer = Sequencer[int]()
    held = list(range(3, 3 + HELD))
    assert fed(held, sequencer) == []
    assert fed([3 + HELD], sequencer) == [*held, 3 + HELD]
    assert sequencer.wake == math.inf


def test_only_what_is_missing_before_the_lowest_is_given_up() -> None:
    sequencer = Sequencer[int]()
    assert fed([2, *range(4, 4 + HELD)], sequencer) == [2]
    assert sequencer.wake == PATIENCE
    assert fed([3], sequencer) == list(range(3, 4 + HELD))


def test_patience_ends_after_so_many_seconds_and_not_before() -> None:
    sequencer = Sequencer[int]()
    assert fed([2, 4], sequencer, 10.0) == []
    assert sequencer.wake == 10.0 + PATIENCE
    assert sequencer.tick(9.9 + PATIENCE) == []
    assert sequencer.tick(10.0 + PATIENCE) == [2]
    assert sequencer.tick(10.0 + PATIENCE) == []
    assert sequencer.wake == 10.0 + 2 * PATIENCE
    assert sequencer.tick(10.0 + 2 * PATIENCE) == [4]


def test_a_silent_program_gets_the_same_patience_for_its_next_lines() -> None:
    sequencer = Sequencer[int]()
    assert fed([1], sequencer, 0.0) == [1]
    assert fed([3], sequencer, 100.0) == []
    assert sequencer.tick(100.0) == []
    assert fed([2], sequencer, 100.1) == [2, 3]


def test_patience_begins_anew_when_something_is_let_through() -> None:
    sequencer = Sequencer[int]()
    fed([3], sequencer, 0.0)
    assert fed([1], sequencer, 4.0) == [1]
    assert sequencer.tick(PATIENCE) == []
    assert sequencer.wake == 4.0 + PATIENCE


def test_flush_lets_everything_through_in_order() -> None:
    sequencer = Sequencer[int]()
    fed([9, 3, 7, 4], sequencer)
    assert sequencer.flush(0.0) == [3, 4, 7, 9]
    assert sequencer.flush(0.0) == []
    assert sequencer.wake == math.inf


def test_what_has_come_is_known_and_what_was_given_up_is_not() -> None:
    sequencer = Sequencer[int]()
    fed([1, 4], sequencer)
    assert [sequencer.seen(n) for n in (1, 2, 3, 4, 5)] == [True, False, False, True, False]
    sequencer.flush(0.0)
    assert [sequencer.seen(n) for n in (1, 2, 3, 4, 5)] == [True, False, False, True, False]
    fed([2], sequencer)
    assert [sequencer.seen(n) for n in (2, 3)] == [True, False]


@pytest.mark.parametrize("gap", [10**6, 10**15])
def test_a_huge_number_costs_no_more_than_another(gap: int) -> None:
    sequencer = Sequencer[int]()
    for step in range(1, 100):
        assert fed([step * gap], sequencer) == []
        assert sequencer.flush(0.0) == [step * gap]
    assert not sequencer.seen(1)
    assert sequencer.seen(gap)
    assert not sequencer.seen(100 * gap)


@settings(deadline=None)  # of a machine that is busy
@given(st.integers(0, 200), st.integers(0, HELD), st.randoms(use_true_random=False))
def test_any_order_that_browsers_can_make_comes_out_right(
    count: int, spread: int, chance: random.Random
) -> None:
    numbers = sorted(range(1, count + 1), key=lambda n: n + chance.random() * spread)
    assert fed(numbers) == sorted(numbers)


@settings(deadline=None)  # of a machine that is busy
@given(st.lists(st.integers(0, 60), max_size=80, unique=True), st.data())
def test_nothing_is_lost_and_nothing_is_doubled(numbers: list[int], data: st.DataObject) -> None:
    sequencer, out, now = Sequencer[int](), list[int](), 0.0
    for number in numbers:
        now += data.draw(st.sampled_from([0.0, 1.0, PATIENCE]))
        out += sequencer.tick(now)
        assert sequencer.wake > now
        assert not sequencer.seen(number)
        out += sequencer.add(number, number, now)
        assert number == 0 or sequencer.seen(number)
    assert sorted(out + sequencer.flush(now)) == sorted(numbers)
