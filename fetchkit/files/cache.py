"""A bounded memory of small files, each validated by one `stat` before it is used."""

import time
from collections import OrderedDict

from attrs import field, frozen, mutable

from fetchkit.files.lookup import Signature, stat_signature
from fetchkit.http.representation import Representation

__all__ = ["MAX_BODY", "FileCache", "SmallFile"]

# A file up to this size is read whole and answered with one write; larger ones are streamed.
MAX_BODY = 64 * 1024
# Enough for every small file of a large build; nginx's open_file_cache is bounded by count too.
MAX_TOTAL = 32 * 1024 * 1024
MAX_ENTRIES = 2048
# What an entry costs besides its key and body: heads and objects.
OVERHEAD = 2048
# How long a sibling that appears may go unnoticed; a changed or removed file is noticed at once.
CHOICE_SECONDS = 1.0


@frozen
class SmallFile:
    """A file held in memory.

    Attributes:
        representation: what it is.
        body: its bytes.
        whole: head of a 200 for a request without Origin.
        unchanged: head of a 304 for the same.
        watched: paths on disk with the signatures for which all this holds.
        chosen_at: `time.monotonic()` when the variant was chosen.
    """

    representation: Representation
    body: bytes
    whole: bytes
    unchanged: bytes
    watched: tuple[tuple[str, Signature], ...]
    chosen_at: float

    def fresh(self) -> bool:
        """Whether the disk still holds what the memory holds."""
        for path, known in self.watched:
            if stat_signature(path) != known:
                return False
        return time.monotonic() - self.chosen_at < CHOICE_SECONDS


@mutable
class FileCache:
    """Small files by path and Accept-Encoding; the longest unused leave first."""

    _files: OrderedDict[tuple[str, str | None], SmallFile] = field(factory=OrderedDict, init=False)
    _total: int = field(default=0, init=False)

    def get(self, path: str, accept_encoding: str | None) -> SmallFile | None:
        """What is known and still true."""
        key = path, accept_encoding
        known = self._files.get(key)
        if known is None:
            return None
        if known.fresh():
            self._files.move_to_end(key)
            return known
        self._drop(key)
        return None

    def put(self, path: str, accept_encoding: str | None, small: SmallFile) -> None:
        """Remember a file, and forget others when there are too many."""
        key = path, accept_encoding
        if key in self._files:
            self._drop(key)
        self._files[key] = small
        self._total += _cost(key, small)
        while self._total > MAX_TOTAL or len(self._files) > MAX_ENTRIES:
            self._drop(next(iter(self._files)))

    def _drop(self, key: tuple[str, str | None]) -> None:
        self._total -= _cost(key, self._files.pop(key))


def _cost(key: tuple[str, str | None], small: SmallFile) -> int:
    path, accept_encoding = key
    return len(path) + len(accept_encoding or "") + len(small.body) + OVERHEAD
