"""Chromium over the DevTools protocol.

A tab is made in this order, for these reasons:

1. a context, which is what has no cookies and is thrown away whole; in it a page at about:blank, to
   whose target the browser attaches us by itself (`Target.setAutoAttach`), as to pop-ups, whose dialogs
   need an answer too;
2. `Runtime.enable`, without which new documents do not get the binding (Chromium 156). Console calls in
   the page then cost an event each; stack traces for them are turned off;
3. binding and script, answered by the page's process BEFORE it is sent on: what is sent together with
   the navigation is lost when that changes the process;
4. `Page.navigate`, unawaited: a server may take its time. `Network` is enabled until the document's
   response is there, since nothing else tells its status.

Steps 1 and 2, which start a process, are done ahead of need for the first tab.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from fetchkit.browser.cdp import Connection, Params, RefusedError
from fetchkit.browser.console import console_text, exception_text
from fetchkit.browser.interface import (
    Closed,
    Crashed,
    Dialog,
    Listener,
    LoadFailed,
    Reported,
    WorkerSaid,
)
from fetchkit.browser.lifeline import Lifeline
from fetchkit.errors import BrowserError

__all__ = ["Chromium", "ChromiumTab", "speak"]

_log = logging.getLogger("fetchkit.browser")

BINDING: Final = "fetchkitReport"
# A context is closed in 15 ms; a stuck one is left to the end of the browser.
CLOSE_SECONDS: Final = 2.0
# A page that has ended is left in 20 ms; one that is stuck all the same is closed.
LEAVE_SECONDS: Final = 2.0

# With waitForDebuggerOnStart reports of the first document got lost (1 in 10); the page starts unpaused.
_ATTACH: Final[Params] = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True}
# Frames do not count, nor what Chromium shows where a page did not load.
_ELIGIBLE: Final = "window === window.top && !/^(about|chrome-error):/.test(document.documentURI)"


async def speak(line: Lifeline) -> "Chromium":
    """Wait until Chromium answers on its pipe."""
    devtools = line.process.devtools
    assert devtools is not None  # noqa: S101  `process.start` made it
    connection = Connection(line)
    await asyncio.get_running_loop().create_unix_connection(lambda: connection, sock=devtools.dup())
    devtools.close()
    try:
        version = await connection.call("Browser.getVersion", {})
        return await Chromium.made(line, connection, version["product"])
    except BaseException:
        connection.close()
        raise


class Chromium:
    """A running Chromium; see `interface.Browser`."""

    def __init__(self, line: Lifeline, connection: Connection, version: str) -> None:
        self.version = version
        self.headless = line.process.headless
        self.gone = line.gone
        self._line = line
        self._connection = connection
        self._tabs: dict[str, ChromiumTab] = {}
        self._spare: asyncio.Task[ChromiumTab] | None = None
        self._closing = False

    @classmethod
    async def made(cls, line: Lifeline, connection: Connection, version: str) -> "Chromium":
        """Attach to what is going to be opened, and begin to prepare the first tab."""
        self = cls(line, connection, version)
        connection.handlers[""] = self._heard
        pages = [{"type": "page"}]
        connection.post("Target.setDiscoverTargets", {"discover": True, "filter": pages})
        await connection.call("Target.setAutoAttach", _ATTACH | {"filter": pages})
        self._prepare()
        return self

    async def open(self, url: str, *, script: str, listener: Listener) -> "ChromiumTab":
        """See `interface.Browser`."""
        spare, self._spare = self._spare, None
        tab = await (spare or self._prepared())
        if tab.over:  # somebody closed its window meanwhile
            tab = await self._prepared()
        try:
            await tab.load(url, script, listener)
        except BaseException:
            await tab.close()
            raise
        return tab

    def hold(self, *, held: bool) -> None:
        """See `interface.Browser`."""
        self._connection.hold(held=held)

    async def close(self) -> None:
        """See `interface.Browser`."""
        self._closing = True
        self._connection.close()
        await self._line.end()
        await self._connection.closed()
        if self._spare is not None:
            self._spare.cancel()
            await asyncio.wait([self._spare])

    def _prepare(self) -> None:
        """Have a tab ready before it is asked for: half of the time to a page is the start of its process."""
        if self._spare is None and not self._closing:
            self._spare = asyncio.create_task(self._prepared())
            self._spare.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _prepared(self) -> "ChromiumTab":
        connection = self._connection
        context = (await connection.call("Target.createBrowserContext", {}))["browserContextId"]
        tab = ChromiumTab(connection, context, self._forget)
        self._tabs[context] = tab
        try:
            connection.post("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": context})
            await connection.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})
            await tab.prepare()
        except BaseException:
            await tab.close()
            raise
        return tab

    def _forget(self, context: str) -> None:
        self._tabs.pop(context, None)
        if self._line.process.headless:  # an empty window would be in the way
            self._prepare()

    def _heard(self, method: str, params: Params) -> None:
        if method == "Target.attachedToTarget":
            info, session = params["targetInfo"], params["sessionId"]
            tab = self._tabs.get(info.get("browserContextId", ""))
            if tab is None:
                return
            if not tab.session:
                tab.attached(session, info["targetId"])
            else:
                self._connection.handlers[session] = PopUp(self._connection, session).heard
        elif method == "Target.detachedFromTarget":
            self._connection.handlers.pop(params["sessionId"], None)
            for tab in list(self._tabs.values()):
                tab.detached(params["sessionId"])
        elif method == "Target.targetCrashed":
            for tab in list(self._tabs.values()):
                tab.crashed(params)


class PopUp:
    """A window that a page opened: its dialogs are answered, since they would hold up the page, too."""

    def __init__(self, connection: Connection, session: str) -> None:
        self._connection = connection
        self._session = session
        connection.post("Page.enable", {}, session)
        # Chromium 156 holds pop-ups, and in `window.open` their opener, for this, though it was told not to.
        connection.post("Runtime.runIfWaitingForDebugger", {}, session)

    def heard(self, method: str, params: Params) -> None:
        """An event of the pop-up."""
        if method == "Page.javascriptDialogOpening":
            _answer(self._connection, self._session, params)


class ChromiumTab:
    """A tab; see `interface.Tab`.

    Attributes:
        session: the name of the conversation with its page, once attached.
        over: closed or crashed.
    """

    def __init__(self, connection: Connection, context: str, forget: Callable[[str], None]) -> None:
        self.session = ""
        self._connection = connection
        self._context = context
        self._forget = forget
        self._target = ""
        self._attached = connection.promise()
        self._listener: Listener | None = None
        self._script: Params = {}
        self._status_known = False
        self._failed = False
        # Done unless the page before is still there, of which nobody wants to hear any more.
        self._leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leaving.set_result(None)
        self.over = False
        self._workers: set[str] = set()
        self._closing: asyncio.Task[None] | None = None

    def attached(self, session: str, target: str) -> None:
        """The browser gave us the page."""
        self.session, self._target = session, target
        self._connection.handlers[session] = self._heard
        if not self._attached.done():
            self._attached.set_result({})

    async def prepare(self) -> None:
        """Make it ready for any page."""
        await self._attached  # usually before its creation is answered, but not on a busy machine
        calls = [
            self._call("Page.enable", {}),
            self._call("Runtime.enable", {}),
            self._call("Runtime.setMaxCallStackSizeToCapture", {"size": 0}),
            self._call("Runtime.addBinding", {"name": BINDING}),
            self._call("Target.setAutoAttach", _ATTACH | {"filter": [{"type": "worker"}]}),
            self._call("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}),
        ]
        await asyncio.gather(*calls)

    async def load(self, url: str, script: str, listener: Listener) -> None:
        """Put the script in, and set out for the page."""
        self._listener = listener
        source = f"if ({_ELIGIBLE}) {{\n{script}\n}}"
        self._script = await self._call("Page.addScriptToEvaluateOnNewDocument", {"source": source})
        self._call("Page.navigate", {"url": url}).add_done_callback(self._navigated)

    async def open_next(self, url: str, *, script: str, listener: Listener) -> bool:
        """See `interface.Tab`."""
        self._leaving = asyncio.get_running_loop().create_future()
        self._listener = None
        for worker in self._workers:
            self._connection.handlers.pop(worker, None)
        self._workers.clear()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._forgotten(url)
                await self.load(url, script, listener)
                await self._leaving
        except (TimeoutError, BrowserError):
            self._listener = None
            return False
        return True

    async def _forgotten(self, url: str) -> None:
        """Take away what the page before has left: its script and its storage; the next has its origin."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        self._status_known = self._failed = False
        session = {"storageKey": f"{origin}/", "isLocalStorage": False}
        await asyncio.gather(
            self._call("Page.removeScriptToEvaluateOnNewDocument", self._script),
            self._call("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"}),
            self._call("DOMStorage.clear", {"storageId": session}),
            self._call("Runtime.evaluate", {"expression": "window.name = ''"}),
            self._call("Network.enable", {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}),
        )

    async def close(self) -> None:
        """See `interface.Tab`."""
        self.over = True
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    def detached(self, session: str) -> None:
        """A conversation ended; if it was ours, somebody closed the tab."""
        if session == self.session:
            self._end(Closed())

    def crashed(self, params: Params) -> None:
        """A page's process ended; perhaps ours."""
        if params["targetId"] == self._target:
            how = params.get("status", "")
            code = params.get("errorCode")
            self._end(Crashed(f"the page's process ended ({how}, code {code})"))

    def _call(self, method: str, params: Params) -> "asyncio.Future[Params]":
        return self._connection.call(method, params, self.session)

    async def _close(self) -> None:
        with contextlib.suppress(TimeoutError, BrowserError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.call(
                    "Target.disposeBrowserContext", {"browserContextId": self._context}
                )
        self._connection.handlers.pop(self.session, None)
        for worker in self._workers:
            self._connection.handlers.pop(worker, None)
        self._forget(self._context)

    def _tell(self, event: Reported | WorkerSaid | Crashed | LoadFailed | Closed | Dialog) -> None:
        if self.over or self._listener is None or not self._leaving.done():
            return
        try:
            self._listener(event)
        except Exception:  # noqa: BLE001  what is ours to mend does not end the conversation
            _log.exception("a listener failed on %r", event)

    def _end(self, event: Crashed | Closed) -> None:
        self._tell(event)
        self.over = True

    def _heard(self, method: str, params: Params) -> None:
        """An event of the page; a program may print a million lines, each of which is the first case."""
        if method == "Runtime.bindingCalled":
            if params["name"] == BINDING:
                self._tell(Reported(params["payload"]))
        elif method == "Runtime.executionContextsCleared":
            if not self._leaving.done():
                self._leaving.set_result(None)
        elif method == "Page.javascriptDialogOpening":
            _answer(self._connection, self.session, params)
            if params["type"] != "beforeunload":
                self._tell(Dialog(params["type"], params["message"]))
        else:
            self._heard_more(method, params)

    def _heard_more(self, method: str, params: Params) -> None:
        if method == "Target.attachedToTarget":
            self._worker(params["sessionId"])
        elif method == "Target.detachedFromTarget":
            self._workers.discard(params["sessionId"])
            self._connection.handlers.pop(params["sessionId"], None)
        elif method == "Network.responseReceived":
            self._responded(params)
        elif method == "Page.frameNavigated":
            url = params["frame"]["url"]
            if "parentId" not in params["frame"] and url.startswith("about:"):  # the script is not there
                self._tell(LoadFailed(f"it went to {url}"))

    def _worker(self, session: str) -> None:
        self._workers.add(session)
        self._connection.handlers[session] = self._worker_heard
        for method, params in (
            ("Runtime.enable", {}),
            ("Runtime.setMaxCallStackSizeToCapture", {"size": 0}),
            ("Target.setAutoAttach", _ATTACH | {"filter": [{"type": "worker"}]}),
        ):
            self._connection.post(method, params, session)

    def _worker_heard(self, method: str, params: Params) -> None:
        if method == "Runtime.consoleAPICalled":
            stream, text = console_text(params)
            if stream:
                self._tell(WorkerSaid(stream, text))
        elif method == "Runtime.exceptionThrown":
            self._tell(WorkerSaid("stderr", exception_text(params["exceptionDetails"])))
        else:
            self._heard(method, params)

    def _responded(self, params: Params) -> None:
        """A response is there; of interest is that of the first document alone."""
        if self._status_known or params.get("frameId") != self._target or params["type"] != "Document":
            return
        self._status_known = True
        self._connection.post("Network.disable", {}, self.session)
        if (status := params["response"]["status"]) >= 400:  # noqa: PLR2004
            self._not_loaded(f"the server answered {status}")

    def _navigated(self, answer: "asyncio.Future[Params]") -> None:
        """The page is there, or will never be; that the browser is gone instead, says `gone`."""
        error = None if answer.cancelled() else answer.exception()
        if isinstance(error, RefusedError):
            self._not_loaded(str(error))
        elif error is None and not answer.cancelled():
            result = answer.result()
            if (
                trouble := "it is a download and no page"
                if result.get("isDownload")
                else result.get("errorText")
            ):
                self._not_loaded(trouble)

    def _not_loaded(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            self._tell(LoadFailed(reason))


def _answer(connection: Connection, session: str, dialog: Params) -> None:
    """Say yes to a dialog, with what it proposes."""
    params = {"accept": True, "promptText": dialog.get("defaultPrompt", "")}
    connection.post("Page.handleJavaScriptDialog", params, session)
