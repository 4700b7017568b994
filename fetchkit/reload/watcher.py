"""Says when something in the served folder may have changed, from a thread of its own.

What exactly has changed is looked up on the disk afterwards, so that nothing depends on which events a system
reports for a rename, a link, or a folder that is moved into place. A look a second stands behind them, for
network file systems and containers that report nothing at all.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from attrs import define, field
from watchfiles import Change, watch

__all__ = ["Watcher", "is_watched"]

# ms: events are handed on once there were none for STEP, or after DEBOUNCE; without any after LOOK.
STEP: Final = 50
DEBOUNCE: Final = 400
LOOK: Final = 1000
# Folders with very many files that no page asks for by themselves.
_IGNORED: Final = frozenset({"node_modules", ".git", "__pycache__"})

_log = logging.getLogger("fetchkit.reload")


def is_watched(path: str, root: str, *, dotfiles: bool) -> bool:
    """Whether a page may have asked for what lies at a path on the disk."""
    names = PurePath(os.path.relpath(path, root)).parts
    if _IGNORED.intersection(names):
        return False
    return dotfiles or not any(
        name.startswith(".") and name != ".well-known" for name in names if name != "."
    )


@define(eq=False)
class Watcher:
    """Watches a folder, which may vanish and be made again.

    Attributes:
        root: the folder.
        dotfiles: whether names that begin with a dot are served.
        wake: called from the thread.
    """

    root: str
    dotfiles: bool
    wake: Callable[[], object]
    _stop: threading.Event = field(factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="fetchkit-reload", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for that: some tens of milliseconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            identity = _identity(self.root)
            try:
                if identity is not None:
                    self._watch(identity)
            except Exception as error:  # noqa: BLE001  of the library or the system: limits of inotify, most often
                if _identity(self.root) == identity:
                    _log.warning("The folder cannot be watched (%s): looking once a second instead.", error)
                    self._look_on(identity)
            self.wake()
            self._stop.wait(LOOK / 1000 / 4)

    def _watch(self, identity: tuple[int, int]) -> None:
        """Until the folder is another one."""
        changes = watch(
            self.root,
            watch_filter=self._accepts,
            debounce=DEBOUNCE,
            step=STEP,
            stop_event=self._stop,
            rust_timeout=LOOK,
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        with contextlib.closing(changes):
            for _ in changes:
                self.wake()
                if _identity(self.root) != identity:
                    return

    def _look_on(self, identity: tuple[int, int] | None) -> None:
        while not self._stop.wait(LOOK / 1000) and _identity(self.root) == identity:
            self.wake()

    def _accepts(self, _change: Change, path: str) -> bool:
        return is_watched(path, self.root, dotfiles=self.dotfiles)


def _identity(folder: str) -> tuple[int, int] | None:
    """Which folder it is; None while there is none."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino
