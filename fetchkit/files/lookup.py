"""Finds and opens what a path names inside the served folder, and nothing outside of it.

Containment is one function, `Folder.open`: it opens first and judges then what was opened, so a
symbolic link that is exchanged between the two steps gains nothing.
"""

import os
import stat
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
        """Whether the bytes are still what they were when it was opened.

        The time of the last change of any kind moves also when the file is unlinked or replaced by
        a rename; then its links are fewer, and the open bytes are still one whole version.
        """
        now, then = os.fstat(self.descriptor), self.status
        return (
            now.st_size == then.st_size
            and now.st_mtime_ns == then.st_mtime_ns
            and (now.st_ctime_ns == then.st_ctime_ns or now.st_nlink < then.st_nlink)
        )


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
        if not os.path.isdir(directory):
            problem = "is a file, not a folder" if os.path.exists(directory) else "does not exist"
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
            return stat.S_ISDIR(os.stat(place).st_mode) and self._holds(os.path.realpath(place))
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

    def entries(self, place: str) -> list[Entry]:
        """What a listing of the folder shows: nothing hidden, nothing that leads out.

        Raises:
            OSError: it cannot be listed.
        """
        if os.scandir not in os.supports_fd:  # Windows
            return self._listed(place, place)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            opened = Opened(place, descriptor, os.fstat(descriptor))
            return self._listed(descriptor, place) if self._is_inside(opened) else []
        finally:
            os.close(descriptor)

    def _listed(self, folder: int | str, place: str) -> list[Entry]:
        entries = []
        with os.scandir(folder) as listing:
            for item in listing:
                if item.name.startswith(".") and not self.dotfiles:
                    continue
                try:
                    status = item.stat()
                    target = os.path.realpath(os.path.join(place, item.name))
                except OSError:  # a link to nothing, or gone meanwhile
                    continue
                is_folder = stat.S_ISDIR(status.st_mode)
                if (is_folder or stat.S_ISREG(status.st_mode)) and self._holds(target):
                    entries.append(Entry(item.name, is_folder, status.st_size, status.st_mtime))
        return entries

    def _is_inside(self, opened: Opened) -> bool:
        """Whether what is open lies inside the folder.

        Linux says where an open file is. Elsewhere its path is resolved, and must still lead to it.
        """
        try:
            return self._holds(os.readlink(f"/proc/self/fd/{opened.descriptor}"))
        except OSError:
            pass
        try:
            real = os.path.realpath(opened.path, strict=True)
            return self._holds(real) and os.path.samestat(os.stat(real), opened.status)
        except OSError:
            return False

    def _holds(self, real: str) -> bool:
        """Whether a path with every link resolved is the folder, or below it."""
        return real == self.root or real.startswith(os.path.join(self.root, ""))
