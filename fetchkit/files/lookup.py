"""Finds and opens what a path names inside the served folder, and nothing outside of it.

Containment is one function, `Folder.open`: it opens first and judges then what was opened, so a
symbolic link that is exchanged between the two steps gains nothing.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from fetchkit.errors import ConfigError, ForbiddenError, NotFoundError
from fetchkit.files.rules import FilePath

__all__ = ["Entry", "Folder", "Opened", "Signature", "signature", "stat_signature"]

# Device, inode, size and times in nanoseconds: a file replaced by one of the same size within the
# same second differs in at least one of them.
Signature = tuple[int, int, int, int, int]

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def signature(status: os.stat_result) -> Signature:
    """What identifies the state of a file."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def stat_signature(path: str) -> Signature | None:
    """The signature of the file at `path` now; None when there is none."""
    try:
        return signature(os.stat(path))
    except OSError:
        return None


@frozen
class Opened:
    """An open regular file; whoever got it closes it.

    Attributes:
        path: where it was found, links not resolved.
        descriptor: open for reading.
        status: of the descriptor.
    """

    path: str
    descriptor: int
    status: os.stat_result

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def unchanged(self) -> bool:
        """Whether size and time are still what they were when it was opened.

        Not the inode's change time: it moves when the file is renamed or unlinked, and then the
        open bytes are still one whole version.
        """
        now = os.fstat(self.descriptor)
        return now.st_size == self.status.st_size and now.st_mtime_ns == self.status.st_mtime_ns


@frozen
class Entry:
    """One line of a listing."""

    name: str
    folder: bool
    size: int
    modified: float


@frozen
class Folder:
    """The served folder.

    Attributes:
        root: its path with every link resolved; `checked` resolves it.
        dotfiles: whether names that begin with a dot are served.
    """

    root: str
    dotfiles: bool = False

    @classmethod
    def checked(cls, directory: Path, *, dotfiles: bool) -> "Folder":
        """A folder that exists and can be read.

        Raises:
            ConfigError: it does not, or cannot.
        """
        if not directory.is_dir():
            problem = "is a file, not a folder" if directory.exists() else "does not exist"
            raise ConfigError(f"The folder {directory} {problem}: name the folder that holds your build.")
        if not os.access(directory, os.R_OK | os.X_OK):
            raise ConfigError(
                f"The folder {directory} cannot be read: change its permissions or name another."
            )
        return cls(os.path.realpath(directory), dotfiles)

    def locate(self, path: FilePath) -> str:
        """Where the path would be on disk.

        Raises:
            NotFoundError: it is hidden.
        """
        if path.hidden and not self.dotfiles:
            raise NotFoundError("Names that begin with a dot are not served.", "--dotfiles serves them.")
        return os.path.join(self.root, *path.segments)

    def is_folder(self, place: str) -> bool:
        """Whether there is a folder inside of ours."""
        try:
            return stat.S_ISDIR(os.stat(place).st_mode) and self._contains(place)
        except (OSError, ValueError):
            return False

    def open(self, place: str) -> Opened | None:
        """Open a regular file inside the folder; None where there is none.

        Raises:
            ForbiddenError: there is one, but the process may not read it.
        """
        try:
            # Not blocking: a FIFO would wait for its writer for ever.
            descriptor = os.open(place, _FLAGS)
        except (OSError, ValueError) as error:
            if isinstance(error, PermissionError) and not os.path.isdir(place):  # Windows: a folder
                raise ForbiddenError("fetchkit may not read this file.", "Change its permissions.") from error
            return None
        opened = Opened(place, descriptor, os.fstat(descriptor))
        if stat.S_ISREG(opened.status.st_mode) and self._is_inside(opened):
            return opened
        opened.close()
        return None

    def entries(self, place: str) -> Iterator[Entry]:
        """What a listing of the folder shows: nothing hidden, nothing that leads out."""
        with os.scandir(place) as listing:
            for item in listing:
                if item.name.startswith(".") and not self.dotfiles:
                    continue
                try:
                    status = item.stat()
                    inside = not item.is_symlink() or self._contains(item.path)
                except OSError:  # a link to nothing, or gone meanwhile
                    continue
                folder = stat.S_ISDIR(status.st_mode)
                if inside and (folder or stat.S_ISREG(status.st_mode)):
                    yield Entry(item.name, folder, status.st_size, status.st_mtime)

    def _is_inside(self, opened: Opened) -> bool:
        """Whether the file that is open is the one at a place inside the folder."""
        try:
            real = os.path.realpath(opened.path, strict=True)
            return self._contains(real) and os.path.samestat(os.stat(real), opened.status)
        except OSError:
            return False

    def _contains(self, place: str) -> bool:
        real = os.path.realpath(place)
        return real == self.root or real.startswith(os.path.join(self.root, ""))
