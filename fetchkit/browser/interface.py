"""What a browser and its tabs can do, and what they tell; the same for Chromium and Firefox. Pure."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "Browser",
    "Closed",
    "Crashed",
    "Dialog",
    "Listener",
    "LoadFailed",
    "Reported",
    "Tab",
    "TabEvent",
    "WorkerSaid",
]


@frozen
class Reported:
    """The script in the page called `window.fetchkitReport(text)`."""

    text: str


@frozen
class WorkerSaid:
    """A worker of the page wrote to the console, or failed.

    Attributes:
        stream: `stdout` or `stderr`.
        text: of one call.
    """

    stream: str
    text: str


@frozen
class Crashed:
    """The process of the page ended; nothing more comes of it."""

    reason: str


@frozen
class LoadFailed:
    """The page could not be loaded, or its server answered with an error."""

    reason: str


@frozen
class Closed:
    """The tab was closed, by the page or by a person, and not by us."""


@frozen
class Dialog:
    """The page wanted an answer from a person, and got the usual one at once.

    Attributes:
        kind: `alert`, `confirm` or `prompt`.
        message: its text.
    """

    kind: str
    message: str


TabEvent = Reported | WorkerSaid | Crashed | LoadFailed | Closed | Dialog
Listener = Callable[[TabEvent], None]


class Tab(Protocol):
    """One page in a context of its own."""

    async def open_next(self, url: str, *, script: str, listener: Listener) -> bool:
        """Open another page of the same origin in place of one that has ended; much quicker than another tab.

        What the page before has stored is gone, and nothing more is heard of it.

        Args:
            url: as `Browser.open` takes it.
            script: likewise.
            listener: likewise.

        Returns:
            Whether it could be done; else the tab is of no use any more, and wants to be closed.
        """

    async def close(self) -> None:
        """End the context with everything in it, pop-ups too, in 2 seconds at most; safe to call twice."""


class Browser(Protocol):
    """A browser that we started.

    Attributes:
        version: as it says itself, such as `Chrome/156.0.8078.79`.
        headless: whether it has no window.
        gone: done when it ended by itself: how, and behind a line feed its last lines.
    """

    version: str
    headless: bool
    gone: "asyncio.Future[str]"

    async def open(self, url: str, *, script: str, listener: Listener) -> Tab:
        """Open a page in a context without cookies, cache or storage from before.

        Returns when the page is on its way; whether it loads, the listener hears.

        Args:
            url: of the page.
            script: runs before anything else in every document of the tab's top frame. In it
                `window.fetchkitReport(text)` is a function that reaches the listener, in order.
            listener: is called on the loop, in the order of events, possibly before this returns; a slow one
                holds the browser's messages up.

        Raises:
            BrowserError: the browser is not there any more.
        """

    def hold(self, *, held: bool) -> None:
        """Hear nothing of the browser for a while, so that it is not heard faster than can be told, or go on.

        Commands are not answered meanwhile either.
        """

    async def close(self) -> None:
        """End all of the browser at once and remove its profile; safe to call twice."""
