"""Descriptors: their range, their order, their reuse, and who has them."""

import errno

import pytest

from fetchkit.sockets.posix.table import FIRST, LAST, MAX_OPEN, Table


class Held:
    """Something that can be closed, and looks at its table while it is."""

    def __init__(self, table: Table["Held"] | None = None) -> None:
        self.closed = 0
        self.table = table
        self.number = -1
        self.given = -1

    def close(self, *, gently: bool) -> None:  # noqa: ARG002  as a descriptor's
        """Count it."""
        self.closed += 1
        if self.table is not None:
            with pytest.raises(OSError, match=str(self.number)):
                self.table.find(self.number)
            self.given = self.table.add(Held())


def test_numbers_begin_above_the_files_and_fit_into_an_fd_set() -> None:
    assert (FIRST, LAST, MAX_OPEN) == (256, 1023, 512)
    table: Table[Held] = Table()
    assert [table.add(Held()) for _ in range(3)] == [256, 257, 258]


def test_a_number_is_given_out_again_only_after_all_others() -> None:
    table: Table[Held] = Table()
    given = []
    for _ in range(LAST - FIRST + 2):
        number = table.add(Held())
        given.append(number)
        table.close(number)
    assert given == [*range(FIRST, LAST + 1), FIRST]


def test_an_open_number_is_passed_over() -> None:
    table: Table[Held] = Table(first=1, last=4)
    kept = table.add(Held())
    for _ in range(3):
        table.close(table.add(Held()))
    assert kept == 1
    assert table.add(Held()) == 2


def test_a_number_is_not_given_out_while_its_calls_are_told() -> None:
    table: Table[Held] = Table(first=1, last=2)
    held = Held(table)
    held.number = table.add(held)
    table.close(table.add(Held()))
    assert held.number == 1
    table.close(1)
    assert held.given == 2


def test_no_more_than_so_many_are_open() -> None:
    table: Table[Held] = Table()
    numbers = [table.add(Held()) for _ in range(MAX_OPEN)]
    with pytest.raises(OSError, match="too many") as caught:
        table.add(Held())
    assert caught.value.errno == errno.EMFILE
    table.close(numbers[0])
    assert table.add(Held()) == FIRST + MAX_OPEN


def test_room_for_two_is_asked_before_two_are_opened() -> None:
    table: Table[Held] = Table(most=3)
    table.add(Held())
    table.room(2)
    table.add(Held())
    with pytest.raises(OSError, match="too many"):
        table.room(2)
    table.room()


@pytest.mark.parametrize("number", [-1, 0, 1, 255, 256, 257, 1023, 1024, 9999, 2**31 - 1])
def test_a_number_that_was_not_given_out_is_bad(number: int) -> None:
    table: Table[Held] = Table()
    with pytest.raises(OSError, match="no descriptor") as caught:
        table.find(number)
    assert caught.value.errno == errno.EBADF


def test_a_closed_number_is_bad_and_closed_once() -> None:
    table: Table[Held] = Table()
    held = Held()
    number = table.add(held)
    assert table.find(number) is held
    table.close(number)
    with pytest.raises(OSError, match="no descriptor"):
        table.find(number)
    with pytest.raises(OSError, match="no descriptor"):
        table.close(number)
    assert held.closed == 1


def test_tables_know_nothing_of_each_other() -> None:
    one: Table[Held] = Table()
    other: Table[Held] = Table()
    number = one.add(Held())
    with pytest.raises(OSError, match="no descriptor"):
        other.find(number)


def test_all_are_closed_at_the_end() -> None:
    table: Table[Held] = Table()
    held = [Held() for _ in range(5)]
    for each in held:
        table.add(each)
    assert len(table) == 5
    assert list(table) == held
    table.close_all()
    assert [each.closed for each in held] == [1] * 5
    assert len(table) == 0
