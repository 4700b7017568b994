"""The files of the store: private, written whole, and never trusted when they are read."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import asdict

from fetchkit.forward.cache.rules import Record

if sys.platform != "win32":
    import fcntl

__all__ = [
    "BODY",
    "create",
    "is_held",
    "names",
    "open_whole",
    "private_folder",
    "read_record",
    "unlink",
    "write_all",
    "write_record",
]

# More than any head that upstream may send; a file that is longer is none of ours.
MAX_RECORD: Final = 1024 * 1024
# How a body is named. A record that names anything else, such as a path, is damaged.
BODY: Final = re.compile(r"[0-9a-f]{32}\.body")

# Not through links, and not waiting for the writer of a pipe.
_SAFELY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY


def private_folder(directory: Path, name: str) -> str:
    """A folder that nobody else can read, inside the user's own, which keeps its permissions.

    Raises:
        OSError: it cannot be made, or is somebody else's.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = os.path.join(directory, name)
    with contextlib.suppress(FileExistsError):
        os.mkdir(place, 0o700)
    status = os.lstat(place)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{name} in it is no folder")
    if sys.platform != "win32" and status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, f"{name} in it belongs to another user")
    os.chmod(place, 0o700)
    return place


def names(folder: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """The files of a folder that are named like ours; none where there is no folder."""
    try:
        listed = os.listdir(folder)
    except OSError:
        return
    yield from (name for name in listed if pattern.fullmatch(name))


def create(folder: str, suffix: str) -> tuple[str, int]:
    """A new file that no record names: its path, and a descriptor to write to, locked until it is closed.

    Raises:
        OSError: there is no room, or no folder.
    """
    while True:
        place = os.path.join(folder, f"{secrets.token_hex(16)}.{suffix}")
        descriptor = os.open(place, _CREATE, 0o600)
        _lock(descriptor, wait=True)  # for a sweep that looks at it this very moment
        if os.fstat(descriptor).st_nlink:
            return place, descriptor
        os.close(descriptor)  # that sweep took it away


def flush(descriptor: int) -> None:
    """Hear of what a file system behind a network says only when a file is closed; the lock stays.

    Raises:
        OSError: not all that was written is there.
    """
    os.close(os.dup(descriptor))


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte, or raise OSError."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def write_record(place: str, record: Record) -> None:
    """Put a record in place in one step.

    Raises:
        OSError: it cannot be; what was in place still is.
    """
    text = json.dumps(asdict(record)).encode("ascii")
    temporary, descriptor = create(os.path.dirname(place), "tmp")
    try:
        try:
            write_all(descriptor, hashlib.sha256(text).hexdigest().encode("ascii") + b"\n" + text)
            if sys.platform != "win32":  # open, and so locked, until no sweep can take it
                os.replace(temporary, place)
        finally:
            os.close(descriptor)
        if sys.platform == "win32":
            os.replace(temporary, place)
    except OSError:
        unlink(temporary)
        raise


def read_record(place: str) -> Record | None:
    """The record in a file; None where it is none of ours, or damaged."""
    with (
        contextlib.suppress(OSError, ValueError, TypeError, LookupError, AttributeError),
        open(place, "rb", opener=_open_safely) as file,
    ):
        digest, _, text = file.read(MAX_RECORD).partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode("ascii") != digest:
            return None
        values = json.loads(text)
        headers = tuple((name, value) for name, value in values.pop("headers"))
        record = Record(headers=headers, vary=tuple(values.pop("vary")), **values)
        return record if BODY.fullmatch(record.body) else None
    return None


def open_whole(place: str, size: int) -> int | None:
    """A descriptor of a regular file of that size; None where there is another, or what is no file.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = _open_safely(place, os.O_RDONLY)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size == size:
        return descriptor
    os.close(descriptor)
    return None


def unlink(place: str) -> None:
    """Remove a file, where that can be."""
    with contextlib.suppress(OSError):
        os.unlink(place)


def is_held(place: str) -> bool:
    """Whether somebody writes to a file."""
    if sys.platform == "win32":
        return False  # it cannot be removed there as long as it is open
    try:
        descriptor = _open_safely(place, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _open_safely(place: str, flags: int) -> int:
    return os.open(place, flags | _SAFELY)


def _lock(descriptor: int, *, wait: bool = False) -> bool:
    """Whether the file is ours now; it is let go when it is closed, in whatever way the process ends."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
