"""Whose call a message without a number is."""

from collections.abc import Iterable

import pytest

from fetchkit.sockets.posix.runts import CallNumbers


@pytest.mark.parametrize(
    ("came", "guesses"),
    [
        ((), [1, 2]),
        ((1, 2, 3), [4, 5]),
        ((1, 3), [2, 4]),
        ((1, 5, 3), [2, 4, 6]),
        ((3, 2), [1, 4]),
        ((2, 2, 2), [1, 3]),
        # what no page of Emscripten sends
        ((1, 2**31 - 1), [2**31 - 1, 2**31 - 1]),
        ((-5, 0), [1]),
        ((5000,), [5001]),
        ((1, 3, 5000), [5001]),
    ],
)
def test_the_lowest_number_that_has_not_come_is_meant(came: Iterable[int], guesses: list[int]) -> None:
    numbers = CallNumbers()
    for number in came:
        numbers.came(number)
    assert [numbers.guess() for _ in guesses] == guesses


def test_a_number_that_was_guessed_and_comes_after_all_changes_nothing() -> None:
    numbers = CallNumbers()
    numbers.came(1)
    assert numbers.guess() == 2
    numbers.came(2)
    assert numbers.guess() == 3


def test_what_is_remembered_is_bounded() -> None:
    numbers = CallNumbers()
    for number in range(0, 1_000_000, 500):
        numbers.came(number)
    assert len(numbers._missing) <= 1024
