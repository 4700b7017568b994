"""The DevTools protocol: JSON between NULs on a pair of sockets that nobody else can reach."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Final, cast

from fetchkit.browser.lifeline import Lifeline
from fetchkit.errors import BrowserError

__all__ = ["Connection", "Params", "RefusedError"]

_log = logging.getLogger("fetchkit.browser")

# How long the keeper may take to say how the browser ended.
_LAST_WORDS_SECONDS: Final = 2.0

Params = dict[str, Any]
"""Parameters of a command or an event, or its result."""
Handler = Callable[[str, Params], None]
"""Takes an event: its method and its parameters."""


class RefusedError(BrowserError):
    """Chromium did not do what it was told to."""


class Connection(asyncio.Protocol):
    """Commands and events of Chromium.

    Attributes:
        handlers: who hears the events of a session; the browser's own has the name "".
    """

    def __init__(self, line: Lifeline) -> None:
        """Made on a running loop."""
        self.handlers: dict[str, Handler] = {}
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._pending: dict[int, asyncio.Future[Params]] = {}
        self._count = 0
        self._chunks: list[bytes] = []
        self._lost = False
        self._failing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what writes."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        """Hand on every whole message, in the turn in which it came: who is slow slows Chromium's pipe."""
        first, *more = data.split(b"\0")
        self._chunks.append(first)
        if not more:
            return
        whole = b"".join(self._chunks)
        self._chunks = [more.pop()]
        self._message(whole)
        for message in more:
            self._message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits, once it is known how the browser ended."""
        del exc
        self._lost = True
        self._failing = asyncio.get_running_loop().create_task(self._fail())

    def post(self, method: str, params: Params, session: str = "") -> None:
        """Send a command whose answer nobody needs."""
        self._send(method, params, session)

    def call(self, method: str, params: Params, session: str = "") -> "asyncio.Future[Params]":
        """Send a command; its result is to come."""
        future: asyncio.Future[Params] = asyncio.get_running_loop().create_future()
        if self._lost:
            future.set_exception(self._line.process.error())
        else:
            self._pending[self._send(method, params, session)] = future
        return future

    def promise(self) -> "asyncio.Future[Params]":
        """What an event is going to fulfil; it fails as a command does when the browser is gone."""
        future: asyncio.Future[Params] = asyncio.get_running_loop().create_future()
        if self._lost:
            future.set_exception(self._line.process.error())
        else:
            self._count += 1
            number = self._count
            self._pending[number] = future
            future.add_done_callback(lambda _: self._pending.pop(number, None))
        return future

    def hold(self, *, held: bool) -> None:
        """Read nothing for a while, or go on."""
        if self._transport is None or self._lost or self._transport.is_closing():
            return
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def close(self) -> None:
        """End the conversation."""
        if self._transport is not None:
            self._transport.abort()

    async def closed(self) -> None:
        """Wait until nobody waits for an answer any more."""
        if self._failing is not None:
            await self._failing

    def _send(self, method: str, params: Params, session: str) -> int:
        self._count += 1
        command: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        if self._transport is not None and not self._lost:
            self._transport.write(json.dumps(command).encode() + b"\0")
        return self._count

    def _message(self, raw: bytes) -> None:
        try:
            message = json.loads(raw)
            method = message.get("method")
            if method is None:
                self._answered(message["id"], message)
            elif (handler := self.handlers.get(message.get("sessionId", ""))) is not None:
                handler(method, message["params"])
        except (ValueError, KeyError, TypeError, AttributeError):
            _log.exception("not understood: %.500r", raw)

    def _answered(self, number: int, message: Params) -> None:
        future = self._pending.pop(number, None)
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(RefusedError(str(message["error"].get("message"))))
        else:
            future.set_result(message["result"])

    async def _fail(self) -> None:
        await asyncio.wait([self._line.ended], timeout=_LAST_WORDS_SECONDS)
        if not self._line.ended.done():
            # It lives and does not listen any more: of no use, and nobody else would end it.
            self._line.process.let_go()
            await asyncio.wait([self._line.ended], timeout=_LAST_WORDS_SECONDS)
        for future in list(self._pending.values()):
            if not future.done():
                future.set_exception(self._line.process.error())
                future.exception()  # who waits hears it; nobody need
        self._pending.clear()
