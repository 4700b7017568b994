"""Stored responses as files: a body, and a small record that names it.

```
DIR/fetchkit-forward-1/                  0700, ours alone
    <SHA-256 of the URL>/
        <SHA-256 of the variant>.json    the record: a digest of the rest, and the rest
        <random>.body                    a body; locked until it is whole and a record names it
        <random>.tmp                     a record on its way, likewise
```

Once a body is whole, the record that names it is renamed into place: that one step makes it stored. A body
is never written to again, so one that is open stays what it was, whatever happens to its name.

The dangers:

- Several processes share the folder. Nothing is kept in memory, so there is nothing to disagree about, and
  names of bodies never meet. Every race costs an entry, never a wrong answer: a record whose body has gone,
  or has another size, is not there.
- A process may die at any step. It leaves files that no record names; `sweep` removes those that nobody holds
  locked. On file systems without locks they stay.
- A file here may be damaged, or somebody else's. A record proves itself by its digest. What is not named as
  above is never touched. A link, a pipe or a folder in the place of a file is no file. Of a body only the
  size is checked: a digest would cost more than the answer, and be known when most of it is sent.
- A disk may be full, or gone. Then nothing is stored, nothing is raised, and one line is logged.
- After a loss of power a body might have its size but not its bytes, where the file system orders names
  before data. Those of Debian, macOS and Windows do not, and a `fsync` for each body would cost seconds.
"""

import asyncio
import contextlib
import errno
import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen, mutable

from fetchkit.errors import ConfigError
from fetchkit.forward.cache import disk
from fetchkit.forward.cache.rules import Record

__all__ = ["MAX_ENTRY", "MAX_SIZE", "Store", "Writer"]

_log = logging.getLogger("fetchkit.forward.cache")

# A few builds of a large game with its data; Chromium takes up to 1.25 GiB of a disk for all sites together.
MAX_SIZE: Final = 4 * 1024**3
# Large enough for a file of game data, small enough that one is not everything (Chromium: an eighth).
MAX_ENTRY: Final = 1024**3
# Responses of one URL; a `Vary: User-Agent` has a few, one that names a random field has no end.
MAX_VARIANTS: Final = 16
# After so much of `max_size` was written the folder is swept; what other processes wrote is seen then.
SWEEP_EVERY: Final = 1 / 16
# What an entry costs besides its body: the record, the folder (ext4 has blocks of 4 KiB).
OVERHEAD: Final = 8 * 1024

# Sweeps in a row that take away the folder of an answer before its file is in it.
MAX_SWEPT: Final = 3

_ROOM: Final = "fetchkit-forward-1"  # a later format takes another
_FOLDER: Final = re.compile("[0-9a-f]{64}")
_RECORD: Final = re.compile(r"[0-9a-f]{64}\.json")
_UNNAMED: Final = re.compile(r"[0-9a-f]{32}\.(?:body|tmp)")


@frozen(order=True)
class _Entry:
    """What a sweep finds; the longest unused is the least."""

    used_at: int
    cost: int
    folder: str
    record: Record = field(order=False)


@mutable
class Store:
    """Stored responses in a folder.

    Attributes:
        directory: the folder that the user names; made where it does not exist.
        max_size: bytes in all; the longest unused entries leave first.
        max_entry: bytes of one body.
        clock: seconds since the epoch.
    """

    directory: Path
    max_size: int = MAX_SIZE
    max_entry: int = MAX_ENTRY
    clock: Callable[[], float] = time.time
    _root: str = field(init=False)
    _since_sweep: int = field(default=0, init=False)
    _underway: int = field(default=0, init=False)
    _fails: bool = field(default=False, init=False)
    _putting: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def __attrs_post_init__(self) -> None:
        """Make the folder, and remove what a crash has left.

        Raises:
            ConfigError: the folder cannot be used, or is somebody else's.
        """
        self.max_entry = min(self.max_entry, self.max_size - self._step)
        try:
            self._root = disk.private_folder(self.directory, _ROOM)
        except OSError as error:
            raise ConfigError(
                f"The folder {self.directory} cannot be used for --forward-cache: {error.strerror}."
            ) from error
        self.sweep()

    def records(self, url: str) -> list[Record]:
        """Every response that is stored for a URL."""
        folder = self._folder(url)
        found = (disk.read_record(os.path.join(folder, name)) for name in disk.names(folder, _RECORD))
        return [record for record in found if record is not None]

    def open(self, url: str, record: Record) -> int | None:
        """A descriptor of a whole body, which counts as a use; None where there is none.

        A record whose body has gone, or is another's, goes too.
        """
        folder = self._folder(url)
        try:
            descriptor = disk.open_whole(os.path.join(folder, record.body), record.size)
        except FileNotFoundError:
            descriptor = None
        except OSError:  # too many files are open, as a rule: that says nothing about this one
            return None
        if descriptor is None:
            self.remove(url, record)
            return None
        with contextlib.suppress(OSError):
            self._touch(folder, record)
        return descriptor

    def put(self, url: str, record: Record) -> bool:
        """Store a record whose body is there, instead of its variant's old one; False: the disk fails."""
        folder = self._folder(url)
        place = os.path.join(folder, f"{record.variant}.json")
        with self._putting:  # two at once would both replace the same one, and leave a body that nobody names
            replaced = disk.read_record(place)
            try:
                disk.write_record(place, record)
                self._touch(folder, record)
            except OSError as error:
                self.failed(error)
                return False
        self._fails = False
        if replaced and replaced.body != record.body:
            disk.unlink(os.path.join(folder, replaced.body))
        return True

    def remove(self, url: str, record: Record) -> None:
        """Forget a response."""
        _remove(self._folder(url), record)

    def writer(self, url: str, record: Record, length: int | None) -> "Writer | None":
        """Begin to store a response of `length` bytes, if that is known; None where it cannot be stored."""
        if length is not None and length > self.max_entry:
            return None
        folder = self._folder(url)
        try:
            place, descriptor = self._created(folder)
        except OSError as error:
            self.failed(error)
            return None
        return Writer(self, url, record, length, place, descriptor)

    def trim(self, url: str) -> None:
        """Forget the oldest responses of a URL that has too many."""
        records = sorted(self.records(url), key=lambda record: record.received_at)
        for record in records[:-MAX_VARIANTS]:
            self.remove(url, record)

    def sweep(self) -> None:
        """Remove what no record names, and the longest unused entries where there is too much."""
        self._since_sweep = 0
        folders = [os.path.join(self._root, name) for name in disk.names(self._root, _FOLDER)]
        entries = sorted(entry for folder in folders for entry in _tidied(folder))
        surplus = sum(entry.cost for entry in entries) - (self.max_size - self._step)
        for entry in entries:
            if surplus <= 0:
                break
            _remove(entry.folder, entry.record)
            surplus -= entry.cost
        for folder in folders:
            with contextlib.suppress(OSError):  # not empty, as a rule
                os.rmdir(folder)

    def takes(self, size: int) -> bool:
        """Count bytes of a body on its way; False where unfinished ones alone would fill the store."""
        self._underway += size
        return self._underway <= self.max_size

    def gives_back(self, size: int) -> None:
        """Bytes of a body that is no longer being written."""
        self._underway -= size

    def failed(self, error: OSError) -> None:
        """Say that nothing can be stored: once, until something could be again."""
        if not self._fails:
            self._fails = True
            reason = error.strerror or error
            _log.warning("%s cannot take answers: %s. They pass unstored.", self.directory, reason)

    def grew(self, size: int) -> None:
        """Count bytes that are stored now."""
        self._since_sweep += size + OVERHEAD

    async def tidy(self) -> None:
        """Sweep when it is time to."""
        if self._since_sweep >= self._step:
            # A page that leaves cancels its request, and with that a sweep that waits for a thread.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self.sweep))

    def _created(self, folder: str) -> tuple[str, int]:
        """A new file in a folder of ours, which a sweep may take away as long as it is empty."""
        for _ in range(MAX_SWEPT):
            os.makedirs(folder, 0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                return disk.create(folder, "body")
        raise FileNotFoundError(errno.ENOENT, "its folder is removed again and again", folder)

    @property
    def _step(self) -> int:
        return int(self.max_size * SWEEP_EVERY)

    def _folder(self, url: str) -> str:
        return os.path.join(self._root, hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest())

    def _touch(self, folder: str, record: Record) -> None:
        # Not left to the file system: most are mounted so that reading does not change the time of access.
        now = self.clock()
        os.utime(os.path.join(folder, f"{record.variant}.json"), (now, now))


@mutable(eq=False)
class Writer:
    """A response on its way into the store. Whatever fails, nothing is raised; it just is not stored.

    Its pieces are written on the loop, into the page cache as a rule: a thread's hop would cost more.
    """

    _store: Store
    _url: str
    _record: Record
    _length: int | None
    _place: str
    _descriptor: int | None
    _written: int = field(default=0, init=False)

    def write(self, piece: bytes) -> None:
        """Take the next piece of the body."""
        if self._descriptor is None:
            return
        self._written += len(piece)
        fits = self._store.takes(len(piece)) and self._written <= self._store.max_entry
        try:
            if fits:
                disk.write_all(self._descriptor, piece)
                return
        except OSError as error:
            self._store.failed(error)
        self.abort()

    @property
    def began(self) -> bool:
        """Whether there was a piece."""
        return self._written > 0

    async def commit(self) -> bool:
        """The body came whole: store it. False where that failed, or where it is not as long as was said.

        To be called before the page has everything: what it asks for next then finds it.
        """
        descriptor = self._taken()
        if descriptor is None:
            return False
        if not await asyncio.to_thread(self._stored, descriptor):
            disk.unlink(self._place)
            return False
        self._store.grew(self._written)
        return True

    def abort(self) -> None:
        """Leave nothing behind; no effect on what is stored already, or was given up."""
        descriptor = self._taken()
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            disk.unlink(self._place)

    def _taken(self) -> int | None:
        """The descriptor, which is the caller's to close; None where it was taken before."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._store.gives_back(self._written)
        return descriptor

    def _stored(self, descriptor: int) -> bool:
        """Store the body, which stays open, and so locked: no sweep takes it before a record names it."""
        try:
            if self._length not in (None, self._written):
                return False
            disk.flush(descriptor)
            if not os.fstat(descriptor).st_nlink:
                return False  # somebody has emptied the folder
        except OSError as error:
            self._store.failed(error)
            return False
        else:
            record = evolve(self._record, body=os.path.basename(self._place), size=self._written)
            if not self._store.put(self._url, record):
                return False
            self._store.trim(self._url)
            return True
        finally:
            os.close(descriptor)


def _tidied(folder: str) -> Iterator[_Entry]:
    """The entries of a folder; what belongs to none of them, and nobody is writing, is removed."""
    strays = set(disk.names(folder, _UNNAMED))
    for place, record in _records(folder):
        if record is None or not os.path.isfile(os.path.join(folder, record.body)):
            disk.unlink(place)
            continue
        strays.discard(record.body)
        with contextlib.suppress(OSError):  # another process removed it meanwhile
            yield _Entry(os.stat(place).st_mtime_ns, record.size + OVERHEAD, folder, record)
    strays = {name for name in strays if not disk.is_held(os.path.join(folder, name))}
    if strays:  # a body is let go behind its record, which may be there only now
        strays -= {record.body for _, record in _records(folder) if record is not None}
    for name in strays:
        disk.unlink(os.path.join(folder, name))


def _records(folder: str) -> Iterator[tuple[str, Record | None]]:
    """The path of each record of a folder, and what is in it."""
    for name in disk.names(folder, _RECORD):
        place = os.path.join(folder, name)
        yield place, disk.read_record(place)


def _remove(folder: str, record: Record) -> None:
    disk.unlink(os.path.join(folder, f"{record.variant}.json"))
    disk.unlink(os.path.join(folder, record.body))
