"""Descriptors: the numbers by which a page holds its sockets, for one connection each.

The life of a number:

    free --- add ---> open --- close ---> closing --- its last call is answered ---> free

- Free: no socket. Whatever is asked of it is EBADF, as of a number that was never given out, or that is
  another connection's: a table knows its own sockets only.
- Open: one socket of the host, and the calls that wait for it.
- Closing: the number is found no more, while the calls that wait are told, and the socket is closed. That
  happens in one turn of the loop, so no message of the page ever meets this state.

The theory. Emscripten's client has no close: `shutdown(fd, SHUT_RDWR)` is all that a server ever sees of it,
so it frees a number whatever the kernel says (ENOTCONN of a datagram socket, of a peer that has reset). A
page has threads, and a call may be on its way while another thread closes. So a number is given out again
as late as can be: ascending, and from the beginning only once the end is reached. Then the late call is
EBADF, and does not read another socket's data.

The range. 0 is success without an address to accept(), as the client reads it. Below 256 live the files of
Emscripten's own file system, to which close(), read() and write() of the program go. An `fd_set` has 1024
bits, so the last number is 1023.
"""

import errno
from collections.abc import Iterator
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["FIRST", "LAST", "MAX_OPEN", "Closable", "Table"]

FIRST: Final = 256
LAST: Final = 1023  # FD_SETSIZE - 1
# As many as there are numbers would leave none that rests; Linux gives a process 1024 by default.
MAX_OPEN: Final = 512


class Closable(Protocol):
    """What a table holds."""

    def close(self, *, gently: bool) -> None:
        """Tell the calls that wait, and close the socket; gently where the page wished it."""


T = TypeVar("T", bound=Closable)


class Table(Generic[T]):
    """The descriptors of one connection."""

    def __init__(self, first: int = FIRST, last: int = LAST, most: int = MAX_OPEN) -> None:
        self._first = first
        self._last = last
        self._most = most
        self._next = first
        self._open: dict[int, T] = {}
        self._closing: set[int] = set()

    def __len__(self) -> int:
        return len(self._open) + len(self._closing)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._open.values()))

    def room(self, count: int = 1) -> None:
        """See that so many more can be added.

        Raises:
            OSError: EMFILE.
        """
        if len(self) + count > self._most:
            raise OSError(errno.EMFILE, "too many descriptors of one page")

    def add(self, opened: T) -> int:
        """Give a number to something that is open.

        Raises:
            OSError: EMFILE; then it is not held, and the caller's to close.
        """
        self.room()
        while self._next in self._open or self._next in self._closing:
            self._step()
        number = self._next
        self._step()
        self._open[number] = opened
        return number

    def _step(self) -> None:
        self._next = self._first if self._next == self._last else self._next + 1

    def find(self, number: int) -> T:
        """What has the number.

        Raises:
            OSError: EBADF.
        """
        try:
            return self._open[number]
        except KeyError:
            raise OSError(errno.EBADF, f"the page has no descriptor {number}") from None

    def close(self, number: int, *, gently: bool = True) -> None:
        """Free a number.

        Raises:
            OSError: EBADF.
        """
        closing = self.find(number)
        del self._open[number]
        self._closing.add(number)
        try:
            closing.close(gently=gently)
        finally:
            self._closing.discard(number)

    def close_all(self) -> None:
        """Free all numbers: the page is gone."""
        for number in tuple(self._open):
            self.close(number, gently=False)
