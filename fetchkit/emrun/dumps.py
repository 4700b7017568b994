"""Writes the files that pages dump: into one folder and nowhere else, whole or not at all.

The threat: the name is the page's, and a page may be anybody's that got past the checks of the server. So

* a name is taken apart by `parse_name`, which lets nothing through that leads out of a folder on any system;
* a folder of it is opened below the one before, by its descriptor and never through a link, so that one which
  is exchanged for a link in between gains nothing;
* the bytes go to a temporary file beside, and are renamed when all have come: an upload that breaks leaves
  nothing, and an older file of that name as it was. A rename replaces a link, it does not follow it;
* sizes and numbers are bounded.

Writes are made on the loop: they go to the system's cache, and pieces are those of the connection.
"""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import define, field

from fetchkit.errors import BadRequestError, ForbiddenError, HttpError, PayloadTooLargeError, UnavailableError
from fetchkit.text import readable_size

__all__ = ["Dump", "Dumps", "parse_name"]

MAX_FILE: Final = 2 * 1024**3
"""Bytes of one file: Chromium's largest Blob in memory, and half of a wasm32's address space."""
MAX_TOTAL: Final = 4 * 1024**3
"""Bytes of all files of a process: the whole memory of a wasm32."""
MAX_FILES: Final = 10_000
"""Files of a process: a frame each, for minutes of a film."""

_MAX_NAME: Final = 1024  # bytes, as PATH_MAX of macOS
_MAX_SEGMENT: Final = 255  # bytes, NAME_MAX of every system
_MAX_DEPTH: Final = 32  # folders are made for a name; no build tree is deeper
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_CONTROL: Final = re.compile("[\0-\x1f\x7f\ud800-\udfff]")  # and what has no UTF-8
# Names that Windows gives to devices in every folder, whatever the suffix (Naming Files, Microsoft).
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?$", re.IGNORECASE
)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | getattr(os, "O_BINARY", 0)
_BY_DESCRIPTOR: Final = {os.open, os.mkdir, os.rename, os.unlink} <= os.supports_dir_fd
_HINT: Final = "Name it as out/image.png."


def parse_name(name: str, *, windows: bool = os.name == "nt") -> tuple[str, ...]:
    """Take the name of a file apart; `./` and doubled slashes are nothing.

    Raises:
        BadRequestError: no file below a folder can have it.
    """
    if not name or name.startswith("/") or _DRIVE.match(name):
        raise BadRequestError(f"The name of a dump is relative, and {name!a:.100} is not.", _HINT)
    segments = tuple(segment for segment in name.split("/") if segment not in ("", "."))
    if not segments or name.endswith(("/", "/.")):
        raise BadRequestError(f"{name!a:.100} names a folder, not a file.", _HINT)
    if len(name.encode("utf-8", "replace")) > _MAX_NAME or len(segments) > _MAX_DEPTH:
        raise BadRequestError(
            f"The name of a dump has more than {_MAX_NAME} bytes or {_MAX_DEPTH} parts.", _HINT
        )
    for segment in segments:
        if not _is_name(segment, windows=windows):
            raise BadRequestError(f"A dump cannot be called {name!a:.100}.", _HINT)
    return segments


def _is_name(segment: str, *, windows: bool) -> bool:
    if segment == ".." or "\\" in segment or _CONTROL.search(segment):
        return False
    if len(segment.encode("utf-8", "replace")) > _MAX_SEGMENT:
        return False
    if windows:
        # A colon opens a stream; trailing dots and spaces are dropped by the system.
        return ":" not in segment and not segment.endswith((".", " ")) and not _DEVICE.match(segment)
    return True


def _absolute(folder: Path) -> Path:
    return Path(os.path.abspath(folder))


@define(eq=False)
class Dumps:
    """The folder of dumps; it is made when the first one comes.

    Attributes:
        folder: where they go.
    """

    folder: Path = field(converter=_absolute)
    _sizes: dict[str, int] = field(factory=dict)
    _total: int = 0  # bytes of them, and of those that are being written

    @contextlib.contextmanager
    def receive(self, name: str) -> "Iterator[Dump]":
        """Take a file; unless its `keep` was called, nothing of it is left after the block.

        Args:
            name: as the page gave it.

        Raises:
            HttpError: it cannot be taken; the sentence says why.
        """
        segments = parse_name(name)
        key = "/".join(segments)
        if key not in self._sizes and len(self._sizes) >= MAX_FILES:
            raise PayloadTooLargeError(f"Pages have dumped {MAX_FILES} files, and no more are taken.")
        with self._told(name), _opened_root(self.folder) as root:
            temporary = f".{secrets.token_hex(8)}.part"
            descriptor = root.open(temporary)
            dump = Dump(name, os.path.join(self.folder, *segments), descriptor, self)
            try:
                try:
                    yield dump
                finally:
                    os.close(descriptor)
                if dump.is_whole:
                    root.place(temporary, segments)
                    temporary = ""
                    self._total += dump.size - self._sizes.get(key, 0)
                    self._sizes[key] = dump.size
            finally:
                self._total -= dump.size
                if temporary:
                    with contextlib.suppress(OSError):
                        root.unlink(temporary)

    def take(self, dump: "Dump", size: int) -> None:
        """Count bytes that are about to be written.

        Raises:
            PayloadTooLargeError: they are too many.
        """
        if dump.size + size > MAX_FILE:
            raise PayloadTooLargeError(f"A dump may have {readable_size(MAX_FILE)}, and this one has more.")
        if self._total + size > MAX_TOTAL:
            raise PayloadTooLargeError(
                f"Dumps may have {readable_size(MAX_TOTAL)} together, and with this one they have more.",
                "Restart fetchkit to begin anew.",
            )
        dump.size += size
        self._total += size

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Say in a sentence what the system says."""
        try:
            yield
        except HttpError:
            raise
        except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
            raise BadRequestError(
                f"{name!a:.100} cannot be written: a file or a folder is in its way.", _HINT
            ) from error
        except PermissionError as error:
            raise ForbiddenError(
                f"fetchkit may not write {name!a:.100} into {self.folder}.",
                "Change its permissions, or choose another --dump-out-directory.",
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"{name!a:.100} cannot be written: {error.strerror}.", "Is there room on the disk?"
            ) from error


@define(eq=False)
class Dump:
    """A file that is coming.

    Attributes:
        name: as the page gave it.
        path: where it will be.
        size: bytes so far.
        is_whole: whether it is to be kept.
    """

    name: str
    path: str
    _descriptor: int
    _dumps: Dumps
    size: int = 0
    is_whole: bool = False

    def write(self, piece: bytes) -> None:
        """Write a piece.

        Raises:
            PayloadTooLargeError: it is too much.
            OSError: the disk does not take it.
        """
        self._dumps.take(self, len(piece))
        left = memoryview(piece)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def keep(self) -> None:
        """All of it has come."""
        self.is_whole = True


@define
class _Root:
    """The folder, open: names in it are looked up by its descriptor.

    Attributes:
        descriptor: None where the system has no such calls (Windows).
        path: for those.
    """

    descriptor: int | None
    path: str

    def open(self, name: str) -> int:
        """A new file in it, for writing."""
        return os.open(self._of(name), _CREATE, 0o666, dir_fd=self.descriptor)

    def unlink(self, name: str) -> None:
        os.unlink(self._of(name), dir_fd=self.descriptor)

    def place(self, temporary: str, segments: tuple[str, ...]) -> None:
        """Give a file in it its name; its folders are made.

        Raises:
            ForbiddenError: a folder of it is a link.
            OSError: it cannot be done.
        """
        *folders, last = segments
        if self.descriptor is None:
            self._place_by_path(temporary, folders, last)
            return
        with contextlib.ExitStack() as opened:
            descriptor = self.descriptor
            for folder in folders:
                descriptor = _descend(descriptor, folder)
                opened.callback(os.close, descriptor)
            os.rename(temporary, last, src_dir_fd=self.descriptor, dst_dir_fd=descriptor)

    def _place_by_path(self, temporary: str, folders: list[str], last: str) -> None:
        place = self.path
        for folder in folders:
            place = os.path.join(place, folder)
            with contextlib.suppress(FileExistsError):
                os.mkdir(place)
            if os.path.realpath(place) != place:
                raise _link(folder)
        os.replace(os.path.join(self.path, temporary), os.path.join(place, last))

    def _of(self, name: str) -> str:
        return os.path.join(self.path, name) if self.descriptor is None else name


@contextlib.contextmanager
def _opened_root(folder: Path) -> Iterator[_Root]:
    """The folder, made if need be; it may be a link itself, for the user has named it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = os.path.realpath(folder)
    if not _BY_DESCRIPTOR:
        yield _Root(None, path)
        return
    descriptor = os.open(path, _FOLDER)
    try:
        yield _Root(descriptor, path)
    finally:
        os.close(descriptor)


def _descend(parent: int, name: str) -> int:
    """Open a folder in an open one, and make it where there is none; never through a link."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
    try:
        return os.open(name, _FOLDER | _NO_LINK, dir_fd=parent)
    except OSError:
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise _link(name) from None
        raise


def _link(name: str) -> ForbiddenError:
    return ForbiddenError(f"{name!a:.100} is a symbolic link, and dumps follow none.", "Name another folder.")
