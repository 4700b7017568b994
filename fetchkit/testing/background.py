"""An event loop in a thread of its own: a server and a browser for plain and asynchronous tests alike."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from attrs import define, field

__all__ = ["Background"]

T = TypeVar("T")


class Background:
    """The loop; `close` ends it, with all that still runs there."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._over = asyncio.Event()
        # A daemon: what is stuck there does not hold up the end of the process.
        self._thread = threading.Thread(target=self._serve, name="fetchkit", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for its result; an interruption cancels it."""
        __tracebackhide__ = True
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def call_async(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for who awaits on a loop of their own."""
        __tracebackhide__ = True
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    @contextlib.contextmanager
    def entered(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context there, and leave it when the block is left."""
        held = _Held(manager)
        value = self.call(held.enter())
        try:
            yield value
        finally:
            self.call(held.leave())

    def close(self) -> None:
        """Cancel what runs there, wait for its end, and end the loop and its thread."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _serve(self) -> None:
        with self._runner:
            self._runner.run(self._over.wait())


@define(eq=False)
class _Held(Generic[T]):
    """A context that one task enters and leaves, as cancel scopes and the like want it."""

    manager: AbstractAsyncContextManager[T]
    _left: asyncio.Event = field(factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    async def enter(self) -> T:
        """Enter it; its value."""
        ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(ready))
        try:
            either: list[asyncio.Future[Any]] = [ready, self._task]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if not ready.done():
            self._task.result()
        return ready.result()

    async def leave(self) -> None:
        """Leave it."""
        self._left.set()
        if self._task is not None:
            await self._task

    async def _hold(self, ready: "asyncio.Future[T]") -> None:
        async with self.manager as value:
            ready.set_result(value)
            await self._left.wait()
