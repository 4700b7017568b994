"""One bus of small typed events: features say what happened, listeners show it.

A feature asks `events.heard` before it builds an event of a busy kind, so that without a
listener an event costs one look-up. A listener is a plain callable; it runs on the loop, so it must
not block, and whatever it raises is logged and goes no further.
"""

import logging
from collections.abc import Callable, Iterable
from typing import get_args

from attrs import field, frozen, mutable

__all__ = [
    "Answered",
    "BodyBroken",
    "Event",
    "Events",
    "Failed",
    "FileServed",
    "Hop",
    "HopFailed",
    "Listener",
    "Page",
    "PageDumped",
    "PageEnded",
    "PageLoaded",
    "PagePrinted",
    "PageReported",
    "Rebuilt",
    "Refused",
]

_log = logging.getLogger("fetchkit.events")


@frozen
class Answered:
    """A response left the server, or broke on its way.

    Attributes:
        method: request method.
        target: request target as it stood on the wire, less the access token and passwords in it; `-` where
            the parser refused the request.
        status: status code.
        sent: bytes of the body that were handed to the connection.
        seconds: from the parsed request head to the last byte handed over.
        peer: address of the client, empty when it is gone.
        note: what is worth knowing besides, such as `br` or `bytes 0-7`; why, and what helps, for a refusal.
        host: value of Host.
    """

    method: str
    target: str
    status: int
    sent: int
    seconds: float
    peer: str = ""
    note: str = ""
    host: str = ""


@frozen
class FileServed:
    """The served folder answered.

    Attributes:
        target: request target as it stood on the wire.
        path: the file on disk.
        status: 200, 206, 304, 412 or 416.
        coding: content coding of the body, empty for none.
    """

    target: str
    path: str
    status: int
    coding: str = ""


@frozen
class BodyBroken:
    """A body could not be sent whole, and its connection was cut so that the client notices.

    Attributes:
        target: request target as it stood on the wire.
        sent: bytes of the body that were sent.
        size: bytes that the head of the response had promised.
        reason: what happened, as a sentence.
    """

    target: str
    sent: int
    size: int
    reason: str


@frozen
class Refused:
    """A request was refused before any feature saw it.

    Attributes:
        method: request method.
        target: request target as it stood on the wire, less the access token and passwords in it.
        status: status code of the refusal.
        detail: why, as a sentence.
        hint: the flag that would allow it, empty when none does.
        peer: address of the client.
    """

    method: str
    target: str
    status: int
    detail: str
    hint: str
    peer: str = ""


@frozen
class Hop:
    """The forward got an answer from a server; a redirect makes several of one request.

    Attributes:
        method: method of the request upstream.
        url: where it went.
        status: status code of the answer.
    """

    method: str
    url: str
    status: int


@frozen
class HopFailed:
    """The forward got no answer that could be passed on.

    Attributes:
        method: request method.
        url: what was asked for; the request target where that holds no URL.
        detail: why, as a sentence.
        hint: the flag or key that helps, empty when none does.
    """

    method: str
    url: str
    detail: str
    hint: str


@frozen
class Failed:
    """Something raised that should not have: a defect of ours, answered with 500."""

    method: str
    target: str
    error: BaseException


@frozen
class Page:
    """One load of a page that talks to us (emrun's protocol).

    Attributes:
        url: where it is, as its Referer says, without the fragment.
        load: a number of its own for every load in this process.
    """

    url: str
    load: int


@frozen
class PageLoaded:
    """A page said that it runs."""

    page: Page


@frozen
class PagePrinted:
    """A program in a page printed.

    Attributes:
        page: which.
        stream: `stdout` or `stderr`.
        text: of one call of `out()` or `err()`: a line without its end; it may have line breaks within.
        harness: whether it came through Emscripten's test harness.
    """

    page: Page
    stream: str
    text: str
    harness: bool = False


@frozen
class PageEnded:
    """A program in a page ended.

    Attributes:
        page: which.
        status: its exit status, as it gave it; None where it gave none.
        harness: whether it came through Emscripten's test harness.
    """

    page: Page
    status: int | None
    harness: bool = False


@frozen
class PageDumped:
    """A page's file was written.

    Attributes:
        page: which.
        name: as the page named it.
        path: where it is.
        size: in bytes.
    """

    page: Page
    name: str
    path: str
    size: int


@frozen
class PageReported:
    """The script that `fetchkit run` puts into pages says something of the program.

    Attributes:
        page: which.
        report: as `static/inject/run.js` makes it.
    """

    page: Page
    report: str


@frozen
class Rebuilt:
    """A build was whole, and pages were told to reload.

    Attributes:
        paths: what was written anew, as the pages asked for it.
        pages: how many of them.
    """

    paths: tuple[str, ...]
    pages: int


Event = (
    Answered
    | FileServed
    | BodyBroken
    | Refused
    | Hop
    | HopFailed
    | Failed
    | PageLoaded
    | PagePrinted
    | PageEnded
    | PageDumped
    | PageReported
    | Rebuilt
)
Listener = Callable[[Event], None]
KINDS: tuple[type[Event], ...] = get_args(Event)


@mutable
class Events:
    """The bus.

    Attributes:
        heard: the kinds of event that somebody listens to; others need not even be built.
    """

    heard: frozenset[type[Event]] = field(default=frozenset(), init=False)
    _listeners: tuple[tuple[Listener, frozenset[type[Event]]], ...] = field(default=(), init=False)

    def subscribe(self, listener: Listener, kinds: Iterable[type[Event]] = KINDS) -> Callable[[], None]:
        """Add a listener to some kinds of event; the function returned takes it away again."""
        entry = listener, frozenset(kinds)
        self._set((*self._listeners, entry))
        return lambda: self._set(tuple(known for known in self._listeners if known is not entry))

    def emit(self, event: Event) -> None:
        """Hand an event to those who listen to its kind."""
        for listener, kinds in self._listeners:
            if type(event) in kinds:
                try:
                    listener(event)
                except Exception:  # noqa: BLE001  a listener never harms a request
                    _log.exception("a listener failed on %r", event)

    def _set(self, listeners: tuple[tuple[Listener, frozenset[type[Event]]], ...]) -> None:
        self._listeners = listeners
        self.heard = frozenset[type[Event]]().union(*(kinds for _, kinds in listeners))
