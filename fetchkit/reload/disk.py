"""What lies in the served folder under the path of a request: its state, and what is inside of a wasm."""

import os
import stat
from collections.abc import Callable
from typing import BinaryIO, Final
from urllib.parse import unquote

from attrs import define, field

from fetchkit.reload.rules import Read, Stamp, fits, import_names, is_whole_wasm

__all__ = ["Disk"]

INDEX: Final = "index.html"
# Glue has some hundred kilobytes; a script with its wasm inside some megabytes, and that is no pair.
MAX_SCRIPT: Final = 16 * 1024 * 1024
MAX_REMEMBERED: Final = 256


@define
class Disk:
    """The served folder, as the files feature reads it.

    Attributes:
        root: the folder.
        dotfiles: whether names that begin with a dot are served.
        spa: whether index.html stands for a page that is missing.
    """

    root: str
    dotfiles: bool = False
    spa: bool = False
    _known: dict[tuple[str, ...], tuple[tuple[Stamp, ...], bool]] = field(factory=dict, init=False)

    def stamp(self, path: str, *, is_document: bool = False) -> Stamp | None:
        """The state of the file that a path stands for; None where there is none."""
        place = self._place(path)
        found = None if place is None else _stamp(place)
        return _stamp(os.path.join(self.root, INDEX)) if found is None and is_document and self.spa else found

    def is_whole(self, path: str, stamp: Stamp | None) -> bool:
        """Whether nothing in a file says that the rest is still to come."""
        if stamp is None or not path.endswith(".wasm"):
            return True
        return self._remembered((path,), (stamp,), lambda: self._is_whole_wasm(path))

    def fit(self, script: str, wasm: str) -> bool:
        """Whether a script and a wasm can be of one build; what cannot be read is no reason to wait."""
        stamps = (self.stamp(script), self.stamp(wasm))
        if stamps[0] is None or stamps[1] is None or stamps[0].size > MAX_SCRIPT:
            return True
        return self._remembered((script, wasm), (stamps[0], stamps[1]), lambda: self._fit(script, wasm))

    def _remembered(self, key: tuple[str, ...], stamps: tuple[Stamp, ...], find: Callable[[], bool]) -> bool:
        """An answer that holds as long as the files stay as they are."""
        known = self._known.get(key)
        if known is not None and known[0] == stamps:
            return known[1]
        found = find()
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[key] = stamps, found
        return found

    def _is_whole_wasm(self, path: str) -> bool:
        try:
            with open(self._place(path) or "", "rb") as file:
                size = os.fstat(file.fileno()).st_size
                return is_whole_wasm(_reader(file), size)
        except OSError:
            return False

    def _fit(self, script: str, wasm: str) -> bool:
        try:
            with open(self._place(script) or "", "rb") as glue, open(self._place(wasm) or "", "rb") as module:
                names = import_names(_reader(module), os.fstat(module.fileno()).st_size)
                return fits(glue.read(MAX_SCRIPT), names)
        except OSError:
            return True

    def _place(self, path: str) -> str | None:
        """Where it is; None for a path that no file can have. A folder stands for its index."""
        names = [unquote(name, errors="surrogateescape") for name in path.split("/") if name]
        if any(name in (".", "..") or set(name) & set("/\\\0") for name in names):
            return None
        if not self.dotfiles and any(name.startswith(".") and name != ".well-known" for name in names):
            return None
        place = os.path.join(self.root, *names)
        return os.path.join(place, INDEX) if os.path.isdir(place) else place


def _stamp(place: str) -> Stamp | None:
    try:
        status = os.stat(place)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    # Windows gives the time of the creation there, and has none of changes.
    changed = status.st_mtime_ns if os.name == "nt" else status.st_ctime_ns
    return Stamp((status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns, changed)


def _reader(file: BinaryIO) -> Read:
    def read(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return read
