"""What each page has asked for, and which pages have to reload by what lies on the disk now.

A page says itself what it asked for (static/inject/reload.js). What its workers ask for is not in its
resource timing; but their requests carry the worker's script as Referer, and that the page did ask for.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field, frozen

from fetchkit.reload.disk import Disk
from fetchkit.reload.rules import AskedFile, Stamp, Verdict, is_stale, judge

__all__ = ["Look", "Page", "Requests", "path_of"]

# A large application loads some hundred files, tiles of a map included some thousand.
MAX_ASKED: Final = 5000
MAX_SCRIPTS: Final = 256


def path_of(target: str) -> str:
    """The path of a target, without the query."""
    return target.partition("?")[0]


@frozen
class _Loaded:
    """What a page has of a file.

    Attributes:
        stamp: the state of the file when it was looked at first.
        stale: the page asked before that state came to be.
    """

    stamp: Stamp | None
    stale: bool


@define
class _Seen:
    """The state of a file at the last look, and when that was seen first."""

    stamp: Stamp | None
    since: float


@define(eq=False)
class Page:
    """A page that is open in a browser.

    Attributes:
        document: its path; empty until it has said so.
        asked: when it asked for which target, in seconds since the epoch.
    """

    document: str = ""
    asked: dict[str, float] = field(factory=dict)
    _loaded: dict[str, _Loaded] = field(factory=dict)
    _differs_since: dict[str, float] = field(factory=dict)

    def says(self, asked: Mapping[str, float]) -> list[str]:
        """Take what it asked for; returns what is new. The first time counts: that may be still in use."""
        new = [name for name in asked if name not in self.asked][: max(0, MAX_ASKED - len(self.asked))]
        self.asked.update((name, asked[name]) for name in new)
        return new

    def files(self) -> dict[str, float]:
        """Paths, and when they were asked for first."""
        first: dict[str, float] = {}
        for target, at in tuple(self.asked.items()):  # others are added on the loop meanwhile
            path = path_of(target)
            first[path] = min(at, first.get(path, math.inf))
        return first

    def differs(self, path: str, asked_at: float, now: Stamp | None, clock: float) -> bool:
        """Whether the page has something else than what lies there now."""
        loaded = self._loaded.get(path)
        if loaded is None:
            loaded = self._loaded[path] = _Loaded(now, stale=is_stale(now, asked_at, clock))
        return loaded.stale or loaded.stamp != now

    def differed(self, path: str, *, differs: bool, moment: float) -> float:
        """For how long it has been so."""
        if not differs:
            self._differs_since.pop(path, None)
            return 0.0
        return moment - self._differs_since.setdefault(path, moment)

    def told(self) -> None:
        """It was told to reload, and has everything anew; if it does not want to, the next change counts."""
        self._loaded.clear()
        self._differs_since.clear()
        now = time.time()
        for target in tuple(self.asked):
            self.asked[target] = now


@define(eq=False)
class Requests:
    """What scripts asked for, as the Referer of requests tells: when, by the target of the script."""

    _by_script: OrderedDict[str, dict[str, float]] = field(factory=OrderedDict)

    def note(self, script: str, target: str, at: float) -> None:
        """Remember a request; of too many the oldest are forgotten."""
        found = self._by_script.setdefault(script, {})
        self._by_script.move_to_end(script)
        if target in found or len(found) < MAX_ASKED:
            found[target] = at
        if len(self._by_script) > MAX_SCRIPTS:
            self._by_script.popitem(last=False)

    def of(self, scripts: Mapping[str, float]) -> dict[str, float]:
        """What these scripts asked for since they were asked for themselves: before, another page's did."""
        found: dict[str, float] = {}
        for script, since in scripts.items():
            asked = self._by_script.get(script, {})
            found.update((target, at) for target, at in asked.items() if at >= since)
        return found


@define(eq=False)
class Look:
    """Looks at the disk; it remembers for how long each file has been as it is."""

    disk: Disk
    _seen: dict[tuple[str, bool], _Seen] = field(factory=dict)

    def at(self, pages: Iterable[Page]) -> list[tuple[Page, Verdict]]:
        """What is to be done with each page."""
        moment = time.monotonic()
        seen: dict[tuple[str, bool], _Seen] = {}
        verdicts = [(page, self._judged(page, seen, moment)) for page in pages]
        self._seen = seen
        return verdicts

    def _judged(self, page: Page, seen: dict[tuple[str, bool], _Seen], moment: float) -> Verdict:
        files = {}
        for path, asked_at in page.files().items():
            state = self._state(path, path == page.document, seen, moment)
            # The clock is read behind the state: what is written in between is not from the future.
            differs = page.differs(path, asked_at, state.stamp, time.time())
            files[path] = AskedFile(
                differs=differs,
                now=state.stamp,
                still=moment - state.since,
                differed=page.differed(path, differs=differs, moment=moment),
                whole=not differs or self.disk.is_whole(path, state.stamp),
            )
        return judge(files, page.document, self.disk.fit)

    def _state(
        self, path: str, is_document: bool, seen: dict[tuple[str, bool], _Seen], moment: float
    ) -> _Seen:
        """The state of a file, looked at once a look."""
        key = path, is_document
        if key not in seen:
            stamp = self.disk.stamp(path, is_document=is_document)
            before = self._seen.get(key)
            seen[key] = before if before is not None and before.stamp == stamp else _Seen(stamp, moment)
        return seen[key]
