"""Calls that wait for their socket: in order of arrival, one watch a direction, no task and no thread.

A call is attempted in the turn in which its message came, unless others wait before it. What cannot be done
at once joins the queue of its direction, and the loop tells when the socket is ready. A call leaves its queue
answered in one of three ways: its attempt had a result, its time (SO_RCVTIMEO, SO_SNDTIMEO) was up, or the
socket was closed under it.

What a page can make us keep is bounded by its board: calls that wait, and bytes that they hold. While the
page does not take its answers (`full`), sockets are not read for it either.
"""

import asyncio
import errno
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["MAX_HELD", "MAX_WAITING", "Board", "Call", "Queue"]

# A page has a thread for each; Emscripten's largest pools are of the size of navigator.hardwareConcurrency.
MAX_WAITING: Final = 256
# One message of the largest size must be sendable (session.MAX_MESSAGE).
MAX_HELD: Final = 64 * 1024 * 1024
# A day, the longest that asyncio's selectors wait; libuv counts milliseconds in 64 bits.
_LONGEST: Final = 24 * 3600.0


class Board:
    """What all waiting calls of one connection have in common.

    Attributes:
        count: calls that wait.
        held: bytes that they hold.
        is_full: the page does not take its answers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None]) -> None:
        """Take the loop, and what sends a reply."""
        self.loop = loop
        self.send = send
        self.count = 0
        self.held = 0
        self.is_full = False
        self._resting: set[Queue] = set()

    def enter(self) -> None:
        """Count one more call that waits.

        Raises:
            OSError: ENOBUFS.
        """
        if self.count >= MAX_WAITING:
            raise OSError(errno.ENOBUFS, "too many calls of one page wait")
        self.count += 1

    def leave(self) -> None:
        """Count one less."""
        self.count -= 1

    def hold(self, size: int) -> bool:
        """Keep so many bytes more, if that may be."""
        if self.held + size > MAX_HELD:
            return False
        self.held += size
        return True

    def full(self) -> None:
        """The page owes us much: do nothing that makes replies."""
        self.is_full = True

    def rest(self, queue: "Queue") -> None:
        """Remember who waits for the page."""
        self._resting.add(queue)

    def drained(self) -> None:
        """The page takes replies again."""
        self.is_full = False
        for queue in tuple(self._resting):
            self._resting.discard(queue)
            queue.resume()


class Call(ABC):
    """A call that may have to wait.

    Attributes:
        timer: ends the waiting.
        held: bytes that the board counts for it.
    """

    __slots__ = ("held", "timer")

    def __init__(self) -> None:
        self.timer: asyncio.TimerHandle | None = None
        self.held = 0

    @abstractmethod
    def attempt(self) -> bytes | None:
        """Do it; returns the reply, None where the socket is not ready. Errors are replies too."""

    @abstractmethod
    def give_up(self, error: int) -> bytes:
        """The reply when it waits no longer: the host's errno says why, 0 for a socket that was closed."""

    @property
    def size(self) -> int:
        """Bytes that it keeps while it waits."""
        return 0


class Queue:
    """The calls that wait for one direction of one socket."""

    __slots__ = ("_board", "_calls", "_late", "_unwatch", "_watch", "_watching")

    def __init__(
        self,
        board: Board,
        watch: Callable[[Callable[[], None]], object],
        unwatch: Callable[[], object],
        late: int = errno.EAGAIN,
    ) -> None:
        """Make an empty queue.

        Args:
            board: of the connection.
            watch: has a callback called while the socket is ready.
            unwatch: ends that.
            late: errno of a call whose time is up.
        """
        self._board = board
        self._calls: deque[Call] = deque()
        self._watch = watch
        self._unwatch = unwatch
        self._watching = False
        self._late = late

    def __len__(self) -> int:
        return len(self._calls)

    def perform(self, call: Call, *, wait: bool, seconds: float | None) -> bytes | None:
        """Attempt a call in its turn; returns the reply if it is answered now.

        Args:
            call: what to do.
            wait: whether it may wait at all.
            seconds: how long; None for ever.
        """
        if not self._calls:
            reply = call.attempt()
            if reply is not None:
                return reply
        if not wait:
            return call.give_up(self._late)
        return self.add(call, seconds)

    def add(self, call: Call, seconds: float | None) -> bytes | None:
        """Let a call wait; returns the reply where too many do."""
        board = self._board
        size = call.size
        if not board.hold(size):
            return call.give_up(errno.ENOBUFS)
        try:
            board.enter()
        except OSError:
            board.held -= size
            return call.give_up(errno.ENOBUFS)
        call.held += size
        self._calls.append(call)
        if seconds is not None:
            call.timer = board.loop.call_later(min(seconds, _LONGEST), self._expire, call)
        self.resume()
        return None

    def resume(self) -> None:
        """Watch the socket again, if somebody waits for it."""
        if self._calls and not self._watching:
            if self._board.is_full:
                self._board.rest(self)
                return
            self._watching = True
            self._watch(self.ready)

    def ready(self) -> None:
        """The socket is ready: attempt what waits, in order."""
        calls, board = self._calls, self._board
        while calls and not board.is_full:
            call = calls[0]
            reply = call.attempt()
            if reply is None:
                return
            calls.popleft()
            self._answer(call, reply)
        self._stop()
        self.resume()

    def end(self) -> None:
        """The socket is closed: tell everybody who waits."""
        self._stop()
        while self._calls:
            call = self._calls.popleft()
            self._answer(call, call.give_up(0))

    def _expire(self, call: Call) -> None:
        call.timer = None
        self._calls.remove(call)
        if not self._calls:
            self._stop()
        self._answer(call, call.give_up(self._late))

    def _answer(self, call: Call, reply: bytes) -> None:
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None
        board = self._board
        board.leave()
        board.held -= call.held
        call.held = 0
        board.send(reply)

    def _stop(self) -> None:
        if self._watching:
            self._watching = False
            self._unwatch()
