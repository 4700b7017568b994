"""Firefox over WebDriver BiDi: JSON on a WebSocket of the loopback interface.

Unlike Chromium's pipe, its port is there for every program of this machine.

Firefox tells what workers write to the console as if their page had written it. So the console of the
top frame is silenced before the script runs: what is left comes from workers, and the script has to say
what the page itself writes. An uncaught error of a worker reaches `window.onerror` in the page, where
the script hears it.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from fetchkit.browser.console import log_text
from fetchkit.browser.interface import Closed, Dialog, Listener, LoadFailed, Reported, TabEvent, WorkerSaid
from fetchkit.browser.lifeline import Lifeline
from fetchkit.errors import BrowserError

__all__ = ["Connection", "Firefox", "speak"]

_log = logging.getLogger("fetchkit.browser")

# A context is closed in 50 ms; a stuck one is left to the end of the browser.
CLOSE_SECONDS: Final = 2.0
_LAST_WORDS_SECONDS: Final = 2.0
_EVENTS: Final = (
    "script.message",
    "log.entryAdded",
    "browsingContext.userPromptOpened",
    "browsingContext.contextDestroyed",
)
# Arguments: where reports go, and where the status of the document goes.
_PRELOAD: Final = """(fetchkitReport, fetchkitStatus) => {
  if (window !== window.top || document.documentURI.startsWith("about:")) return;
  fetchkitStatus(performance.getEntriesByType("navigation")[0]?.responseStatus ?? 0);
  for (const name of ["assert", "count", "debug", "dir", "dirxml", "error", "group", "groupCollapsed", "info",
                      "log", "table", "timeEnd", "timeLog", "trace", "warn"]) console[name] = () => {};
  window.fetchkitReport = (text) => fetchkitReport(String(text));
  {
%s
  }
}"""


class RefusedError(BrowserError):
    """Firefox did not do what it was told to."""


class Connection:
    """Commands and events of Firefox.

    Attributes:
        tabs: who hears the events of a context.
        channels: who hears what comes through a channel of the script.
    """

    def __init__(
        self, line: Lifeline, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        self.tabs: dict[str, FirefoxTab] = {}
        self.channels: dict[str, FirefoxTab] = {}
        self._line = line
        self._session = session
        self._socket = socket
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._lost = False
        self._hears = asyncio.Event()
        self._hears.set()
        self._reader = asyncio.create_task(self._read())

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command and wait for its result."""
        if self._lost:
            raise self._line.process.error()
        self._count += 1
        number = self._count
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            await self._socket.send_str(json.dumps({"id": number, "method": method, "params": params}))
            return await future
        except (ConnectionError, aiohttp.ClientError):
            raise self._line.process.error() from None
        finally:
            self._pending.pop(number, None)

    def hold(self, *, held: bool) -> None:
        """Read nothing for a while, or go on; the socket's own buffer is bounded."""
        if held:
            self._hears.clear()
        else:
            self._hears.set()

    async def closed(self) -> None:
        """Clean up, once the browser has ended: its end of the socket is closed then."""
        self._hears.set()
        await asyncio.wait([self._reader], timeout=_LAST_WORDS_SECONDS)
        self._reader.cancel()
        await self._session.close()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._message(json.loads(message.data))
                    await self._hears.wait()
        finally:
            self._lost = True
        await asyncio.wait([self._line.ended], timeout=_LAST_WORDS_SECONDS)
        if not self._line.ended.done():
            # It lives and does not listen any more: of no use, and nobody else would end it.
            self._line.process.let_go()
            await asyncio.wait([self._line.ended], timeout=_LAST_WORDS_SECONDS)
        for future in self._pending.values():
            if not future.done():
                future.set_exception(self._line.process.error())

    def _message(self, message: dict[str, Any]) -> None:
        if message["type"] == "event":
            self._event(message["method"], message["params"])
        elif (future := self._pending.get(message.get("id", 0))) is not None and not future.done():
            if message["type"] == "error":
                future.set_exception(RefusedError(str(message.get("message") or message.get("error"))))
            else:
                future.set_result(message["result"])

    def _event(self, method: str, params: dict[str, Any]) -> None:
        if method == "script.message":
            tab = self.channels.get(params["channel"])
            if tab is not None:
                tab.messaged(params["channel"], params["data"].get("value"))
            return
        context = params.get("context") or params.get("source", {}).get("context")
        if (tab := self.tabs.get(context)) is not None:
            tab.heard(method, params)


async def speak(line: Lifeline) -> "Firefox":
    """Wait until Firefox says where it listens, and begin."""
    either: list[asyncio.Future[Any]] = [line.listening, line.ended]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not line.listening.done():
        raise line.process.error()
    session = aiohttp.ClientSession()
    try:
        socket = await session.ws_connect(f"{line.listening.result()}/session", max_msg_size=0)
    except aiohttp.ClientError as error:
        await session.close()
        raise line.process.error(f"does not let fetchkit speak to it: {error}") from error
    except BaseException:
        await session.close()
        raise
    connection = Connection(line, session, socket)
    try:
        wanted = {"alwaysMatch": {"unhandledPromptBehavior": {"default": "accept"}}}
        said = (await connection.call("session.new", {"capabilities": wanted}))["capabilities"]
        await connection.call("session.subscribe", {"events": _EVENTS})
    except BaseException:
        await line.end()
        await connection.closed()
        raise
    return Firefox(line, connection, f"Firefox/{said['browserVersion']}")


class Firefox:
    """A running Firefox; see `interface.Browser`."""

    def __init__(self, line: Lifeline, connection: Connection, version: str) -> None:
        self.version = version
        self.headless = line.process.headless
        self.gone = line.gone
        self._line = line
        self._connection = connection

    async def open(self, url: str, *, script: str, listener: Listener) -> "FirefoxTab":
        """See `interface.Browser`."""
        call = self._connection.call
        user = (await call("browser.createUserContext", {}))["userContext"]
        tab = FirefoxTab(self._connection, user, listener)
        try:
            # A window, as a hidden tab gets no frames; and before Firefox shows another tab it waits for the
            # one that it showed, which may be in an endless loop.
            created = await call("browsingContext.create", {"type": "window", "userContext": user})
            await tab.load(created["context"], url, script)
        except BaseException:
            await tab.close()
            raise
        return tab

    def hold(self, *, held: bool) -> None:
        """See `interface.Browser`."""
        self._connection.hold(held=held)

    async def close(self) -> None:
        """See `interface.Browser`."""
        await self._line.end()
        await self._connection.closed()


class FirefoxTab:
    """A tab; see `interface.Tab`."""

    def __init__(self, connection: Connection, user: str, listener: Listener) -> None:
        self._connection = connection
        self._user = user
        self._context = ""
        self._listener = listener
        self._loading = True
        self._over = False
        self._navigation: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def load(self, context: str, url: str, script: str) -> None:
        """Put the script in, and set out for the page."""
        self._context = context
        self._connection.tabs[context] = self
        channels = (f"report {context}", f"status {context}")
        for channel in channels:
            self._connection.channels[channel] = self
        arguments = [{"type": "channel", "value": {"channel": channel}} for channel in channels]
        preload = {"functionDeclaration": _PRELOAD % script, "arguments": arguments, "contexts": [context]}
        await self._connection.call("script.addPreloadScript", preload)
        self._navigation = asyncio.create_task(self._navigate(url))

    async def open_next(self, url: str, *, script: str, listener: Listener) -> bool:
        """See `interface.Tab`; WebDriver BiDi cannot take away all that a page has stored."""
        del url, script, listener
        return False

    async def close(self) -> None:
        """See `interface.Tab`."""
        self._over = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    def messaged(self, channel: str, value: Any) -> None:
        """The script said something, or its frame told the status of the document."""
        if channel.startswith("report"):
            self._tell(Reported(value))
        elif self._loading:
            self._loading = False
            if value >= 400:  # noqa: PLR2004
                self._tell(LoadFailed(f"the server answered {value}"))

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """An event of the page."""
        if method == "log.entryAdded":
            if params["type"] == "console":
                stream, text = log_text(params)
                if stream:
                    self._tell(WorkerSaid(stream, text))
        elif method == "browsingContext.userPromptOpened":
            if params["type"] != "beforeunload":
                self._tell(Dialog(params["type"], params["message"]))
        elif method == "browsingContext.contextDestroyed":
            self._tell(Closed())
            self._over = True

    async def _navigate(self, url: str) -> None:
        try:
            await self._connection.call(
                "browsingContext.navigate", {"context": self._context, "url": url, "wait": "none"}
            )
        except RefusedError as error:
            if self._loading:
                self._loading = False
                self._tell(LoadFailed(str(error).removeprefix("Error: ")))
        except BrowserError:
            pass  # the browser is gone, which `gone` says

    async def _close(self) -> None:
        if self._navigation is not None:
            self._navigation.cancel()
        with contextlib.suppress(TimeoutError, BrowserError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.call("browser.removeUserContext", {"userContext": self._user})
        self._connection.tabs.pop(self._context, None)
        for kind in ("report", "status"):
            self._connection.channels.pop(f"{kind} {self._context}", None)

    def _tell(self, event: TabEvent) -> None:
        if self._over:
            return
        try:
            self._listener(event)
        except Exception:  # noqa: BLE001  what is ours to mend does not end the conversation
            _log.exception("a listener failed on %r", event)
