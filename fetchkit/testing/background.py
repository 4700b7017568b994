"""An event loop in a thread of its own: a server and a browser for plain and asynchronous tests alike."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

__all__ = ["Background"]

T = TypeVar("T")


class Background:
    """The loop; `close` ends it, with all that was entered."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetchkit", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for its result; an interruption cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def call_async(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for who awaits on a loop of their own."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    @contextlib.contextmanager
    def entered(self, manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter an asynchronous context there, and leave it when the block is left."""
        left: asyncio.Future[None]
        ready: asyncio.Future[T]

        async def start() -> tuple["asyncio.Future[T]", "asyncio.Future[None]", "asyncio.Task[None]"]:
            loop = asyncio.get_running_loop()
            ready, left = loop.create_future(), loop.create_future()
            # One task enters and leaves: cancel scopes and the like want that.
            task = loop.create_task(_hold(manager, ready, left))
            await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                task.result()
            return ready, left, task

        ready, left, task = self.call(start())
        try:
            yield ready.result()
        finally:
            self.call(_leave(left, task))

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _hold(
    manager: AbstractAsyncContextManager[T], ready: "asyncio.Future[T]", left: "asyncio.Future[None]"
) -> None:
    async with manager as value:
        ready.set_result(value)
        await left


async def _leave(left: "asyncio.Future[None]", task: "asyncio.Task[None]") -> None:
    left.set_result(None)
    await task
