"""The line to the keeper, on a loop: hears how the browser is, and ends it."""

import asyncio
import contextlib
from typing import Final

from fetchkit.browser.process import END_SECONDS, Process

__all__ = ["Lifeline"]

_POLL_SECONDS: Final = 0.001


class Lifeline(asyncio.Protocol):
    """What the keeper says of one browser.

    Attributes:
        process: the browser's process.
        listening: done when it printed where it listens.
        ended: done when nothing of it runs any more, however it ended.
        gone: done when it ended and was not asked to: how, and its last lines.
    """

    def __init__(self, process: Process) -> None:
        """Made on a running loop; `attach` connects it."""
        loop = asyncio.get_running_loop()
        self.process = process
        self.listening: asyncio.Future[str] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[str] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.BaseTransport | None = None
        self._asked = False
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def attach(cls, process: Process) -> "Lifeline":
        """Listen to the keeper of a process."""
        line = cls(process)
        await asyncio.get_running_loop().create_unix_connection(lambda: line, sock=process.channel.dup())
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what can be closed."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take in what the keeper said."""
        self.process.heard(data)
        if self.process.listening and not self.listening.done():
            self.listening.set_result(self.process.listening)
        if self.process.ended or self.process.failure:
            self._has_ended()

    def connection_lost(self, exc: Exception | None) -> None:
        """The keeper is gone: it has removed everything, or was itself killed."""
        del exc
        self._has_ended()
        if not self._closed.done():
            self._closed.set_result(None)

    async def end(self) -> None:
        """End everything of the browser, and wait for that."""
        self._asked = True
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        self.process.let_go()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + END_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._closed
                while self.process.kept():  # noqa: ASYNC110  a process tells nobody; it ends in microseconds
                    await asyncio.sleep(_POLL_SECONDS)
        if self._transport is not None:
            self._transport.close()
        self.process.collect(0)

    def _has_ended(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        if not self._asked and not self.gone.done():
            self.gone.set_result(self.process.ended or "its keeper was killed\n")
