"""Tells the loads of pages apart, and makes events of what each says. Pure; the caller brings the time.

A page does not name itself: it is known by its client, by the Host that it asks and by its Referer. A reload
has the same three and counts from 1 again, and no message is sure to be its first one: they all come over
parallel connections. So a new load begins with

* `^pageload^`, unless the load that is known still waits for its own;
* a number that has been there: its `^pageload^` is still on the way;
* the number 1 after the end of a load that printed nothing;
* a result of a harness some time after the last one: such pages say nothing else of themselves.

What a load has held back is let through when the next one begins. After its end nothing is held any more.
"""

import itertools
import logging
import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from attrs import field, mutable

from fetchkit.emrun.messages import Ended, Loaded, Message, Printed, Reported
from fetchkit.emrun.sequencer import Sequencer
from fetchkit.events import Event, Page, PageEnded, PageLoaded, PagePrinted, PageReported

__all__ = ["MAX_HELD", "MAX_SESSIONS", "Client", "Sessions"]

MAX_SESSIONS: Final = 256
"""Page loads that are known at a time. A person has few pages open, `run` 64 at most (--jobs)."""
MAX_HELD: Final = 32 * 1024**2
"""Characters that are held in all, of texts whose turn has not come: two of the largest."""

# What it costs to hold a text besides its characters: an empty one is not for nothing.
_OVERHEAD: Final = 256
# Seconds in which `^pageload^` may follow another message: `run` lets a page load for so long.
_FRESH: Final = 30.0
# Seconds in which another result of a harness is a repetition; its own pages close after one second.
_REPETITION: Final = 5.0

Client = tuple[str, str, str]
"""Address of the peer, Host, and Referer without the fragment (empty where a policy hides it)."""

_loads = itertools.count(1)  # one row for the whole process: an application may have two of us
_log = logging.getLogger("fetchkit.emrun")

_Text = PagePrinted | PageReported


@mutable
class _Session:
    """One load of a page.

    Attributes:
        page: as events have it.
        began: when the first of its messages came.
        loaded: whether its `^pageload^` has come.
        ended: when it ended; None while it runs.
        prints, reports: each has a counter of its own.
    """

    page: Page
    began: float
    loaded: bool = False
    ended: float | None = None
    prints: Sequencer[_Text] = field(factory=Sequencer[_Text])
    reports: Sequencer[_Text] = field(factory=Sequencer[_Text])

    @property
    def wake(self) -> float:
        return min(self.prints.wake, self.reports.wake)

    def is_over_for(self, message: Message, now: float) -> bool:
        """Whether this message is of a later load."""
        match message:
            case Loaded():
                return self.loaded or self.ended is not None or now - self.began > _FRESH
            case Printed(number=int(number)):
                return self._has_seen(self.prints, number)
            case Reported(number=int(number)):
                return self._has_seen(self.reports, number)
            case Ended(harness=True):
                return self.ended is not None and now - self.ended > _REPETITION
            case _:
                return False

    def _has_seen(self, sequencer: Sequencer[_Text], number: int) -> bool:
        return sequencer.seen(number) or (self.ended is not None and number == 1)


@mutable
class Sessions:
    """The loads of all pages."""

    _sessions: OrderedDict[Client, _Session] = field(factory=OrderedDict[Client, _Session])
    _held: int = 0

    @property
    def wake(self) -> float:
        """When `tick` has something to do; infinite for never."""
        if not self._held:
            return math.inf
        return min(session.wake for session in self._sessions.values())

    def take(self, client: Client, url: str, message: Message, now: float) -> list[Event]:
        """What a message amounts to, now that it is here.

        Args:
            client: who sent it.
            url: what the page is called in events.
            message: what it says.
            now: seconds of a steady clock.
        """
        session, events = self._session_for(client, url, message, now)
        match message:
            case Loaded():
                session.loaded = True
                events.append(PageLoaded(session.page))
            case Printed(stream=stream, text=text, number=number, harness=harness):
                printed = PagePrinted(session.page, stream, text, harness)
                events += self._in_turn(session, session.prints, number, printed, now)
            case Reported(report=report, number=number):
                reported = PageReported(session.page, report)
                events += self._in_turn(session, session.reports, number, reported, now)
            case Ended(status=status, harness=harness):
                events += self._flushed(session, now)
                if session.ended is None:
                    session.ended = now
                    events.append(PageEnded(session.page, status, harness))
                else:
                    _log.debug("%s ended twice; the second status, %s, counts for nothing.", url, status)
        return events

    def page(self, client: Client, url: str, now: float) -> tuple[Page, list[Event]]:
        """The load of a page that does something else than send messages, and what that amounts to."""
        session, events = self._session_for(client, url, None, now)
        return session.page, events

    def tick(self, now: float) -> list[Event]:
        """What has waited long enough."""
        events: list[Event] = []
        for session in self._sessions.values():
            for sequencer in (session.prints, session.reports):
                events += self._let_through(sequencer.tick(now))
        return events

    def flush(self, now: float) -> list[Event]:
        """All that is held; then nothing is known any more."""
        events: list[Event] = []
        for session in self._sessions.values():
            events += self._flushed(session, now)
        self._sessions.clear()
        return events

    def _session_for(
        self, client: Client, url: str, message: Message | None, now: float
    ) -> tuple[_Session, list[Event]]:
        session = self._sessions.get(client)
        if session is not None and not (message and session.is_over_for(message, now)):
            self._sessions.move_to_end(client)
            return session, []
        events = self._flushed(session, now) if session is not None else []
        if session is None and len(self._sessions) >= MAX_SESSIONS:
            _, oldest = self._sessions.popitem(last=False)
            events += self._flushed(oldest, now)
        session = self._sessions[client] = _Session(Page(url, next(_loads)), now)
        self._sessions.move_to_end(client)
        return session, events

    def _in_turn(
        self, session: _Session, sequencer: Sequencer[_Text], number: int | None, text: _Text, now: float
    ) -> list[Event]:
        if number is None:
            return [text]
        self._held += _cost(text)
        events = self._let_through(sequencer.add(number, text, now))
        if session.ended is not None or self._held > MAX_HELD:
            events += self._flushed(session, now)
        return events

    def _flushed(self, session: _Session, now: float) -> list[Event]:
        return self._let_through([*session.prints.flush(now), *session.reports.flush(now)])

    def _let_through(self, texts: Iterable[_Text]) -> list[Event]:
        events: list[Event] = []
        for text in texts:
            self._held -= _cost(text)
            events.append(text)
        return events


def _cost(text: _Text) -> int:
    return _OVERHEAD + len(text.text if isinstance(text, PagePrinted) else text.report)
