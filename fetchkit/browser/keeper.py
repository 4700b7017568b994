"""The keeper: a small process that holds one browser, and ends all of it however fetchkit ends.

fetchkit runs this file as a program (`python -I -S keeper.py …`), so it imports from the standard
library alone, and little of that: the browser waits for it. It lives in a session of its own, where no
Ctrl-C reaches it.

    keeper.py TEMP SOCKET PROFILE NAME TEXT COMMAND…

TEMP      the folder for temporary files, in which the browser gets one of its own
SOCKET    a descriptor that the browser gets as its 3 and 4, or `-`
PROFILE   which of COMMAND's words gets the profile's path appended
NAME TEXT a file to put into the profile; an empty NAME for none

Its standard input is one end of a pair of sockets. When the other end is closed or shut down, when the
process that started it ends, when a signal asks for it, or when the browser ends by itself: every
process is killed, and the folder removed. What it says on that socket, each message ended by a NUL:

    started PID FOLDER
    failed REASON                       the browser could not be started
    listening URL                       it printed where it listens for WebDriver BiDi
    ended HOW, a line feed, last lines  nothing of it runs any more
"""

import contextlib
import fcntl
import os
import select
import signal
import sys
import time

__all__ = ["main"]

_LINE = 0
# Enough to see why a browser did not start; it can log without end.
_TAIL_BYTES = 8 * 1024
_TAIL_LINES = 20
_READ_SIZE = 64 * 1024
# A killed process is gone at once unless the kernel holds it (a dead network file system).
_SWEEP_SECONDS = 5.0
_REMOVE_SECONDS = 5.0
# Chromium's `org.chromium.Chromium.XXXXXX/SingletonSocket` in it must fit into the 104 bytes of macOS.
_LONGEST_SCRATCH = 56
_ASKS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LISTENS = b" listening on ws://"


def main(arguments: list[str]) -> None:
    """Start the browser, wait for the end, and end everything."""
    temp, socket, profile_word, name, text, *command = arguments
    wake = _signals()
    folder = os.path.join(temp, f"fetchkit-{os.urandom(8).hex()}")
    # The browser's own temporary files would outlive a kill; they are short-named, as a socket is among them.
    scratch = os.path.join(folder, "tmp")
    if len(os.fsencode(scratch)) > _LONGEST_SCRATCH:
        scratch = os.path.join("/tmp", os.path.basename(folder))  # noqa: S108  as unguessable as the folder
    try:
        os.mkdir(folder, 0o700)
        profile = os.path.join(folder, "profile")
        os.mkdir(profile, 0o700)
        os.mkdir(scratch, 0o700)
        if name:
            with open(os.path.join(profile, name), "w", encoding="utf-8") as file:
                file.write(text)
        command[int(profile_word)] += profile
        devtools = None if socket == "-" else fcntl.fcntl(int(socket), fcntl.F_DUPFD_CLOEXEC, 10)
        if devtools is not None:
            os.close(int(socket))
        browser = Browser(command, scratch, devtools)
    except (OSError, ValueError) as error:
        _say(f"failed {error}")
        _remove(folder, scratch)
        return
    _say(f"started {browser.pid} {folder}")
    _adopt_orphans()
    try:
        browser.watch(wake)
    finally:
        browser.end()
        _say(f"ended {browser.how()}\n{browser.last_lines()}")
        _remove(folder, scratch)


class Browser:
    """The browser's processes and their output."""

    def __init__(self, command: list[str], temp: str, devtools: int | None) -> None:
        """Start it, in a group of its own, with nothing of ours but the socket."""
        output, theirs = os.pipe()
        # Whatever numbers they have, they must not be in the way of 3 and 4.
        high = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, 10)
        os.close(theirs)
        actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, high, 1),
            (os.POSIX_SPAWN_DUP2, high, 2),
        ]
        if devtools is not None:
            actions += [(os.POSIX_SPAWN_DUP2, devtools, 3), (os.POSIX_SPAWN_DUP2, devtools, 4)]
        environment = os.environ | {
            "TMPDIR": temp,
            # Else what dconf and others remember would stay in the home folder.
            "XDG_CACHE_HOME": temp,
            # Reports of crashes are nobody's business, and would be written into the home folder.
            "BREAKPAD_DUMP_LOCATION": temp,
            "MOZ_CRASHREPORTER_DISABLE": "1",
        }
        # Python ignores these two, and ignored signals are inherited.
        self.pid = os.posix_spawn(
            command[0],
            command,
            environment,
            file_actions=actions,
            setpgroup=0,
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
        os.close(high)
        if devtools is not None:
            os.close(devtools)
        os.set_blocking(output, False)
        self._output = output
        self._tail = b""
        self._status: int | None = None
        self._asked = False
        self._childless = False
        self._listening = False

    def watch(self, wake: int) -> None:
        """Keep its output flowing until it ends, or is to end."""
        waiting = select.poll()
        for descriptor in (_LINE, wake, self._output):
            waiting.register(descriptor, select.POLLIN)
        # A child that fetchkit forked would keep the line open; Linux tells of the parent's own end.
        with contextlib.suppress(AttributeError, OSError):
            waiting.register(os.pidfd_open(os.getppid()), select.POLLIN)
        while True:
            for descriptor, _ in waiting.poll():
                if descriptor == self._output:
                    if self._read() == b"":
                        waiting.unregister(descriptor)
                elif descriptor == wake:
                    self._asked |= any(number in _ASKS for number in os.read(wake, _READ_SIZE))
                else:
                    self._asked = True
            if not self._reap() or self._asked:
                return

    def end(self) -> None:
        """Kill the group, then what had left it, until there is no child any more."""
        deadline = time.monotonic() + _SWEEP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            for child in _children():
                # Chromium's sandbox may be a helper that is root; it ends when its parent does.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(child, signal.SIGKILL)
            self._reap()
            if self._all_gone():
                break
            time.sleep(0.002)
        while self._read():
            pass

    def how(self) -> str:
        """How it ended."""
        if self._status is None:
            return "it does not end"
        code = os.waitstatus_to_exitcode(self._status)
        if code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"

    def last_lines(self) -> str:
        """The end of what it printed."""
        lines = self._tail.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _read(self) -> bytes | None:
        """Take what it printed; empty when nobody can print any more, None for nothing now."""
        try:
            data = os.read(self._output, _READ_SIZE)
        except BlockingIOError:
            return None
        if not self._listening:
            self._look(self._tail + data)
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        return data

    def _look(self, printed: bytes) -> None:
        for line in printed.splitlines(keepends=True):
            if _LISTENS in line and line.endswith(b"\n"):
                self._listening = True
                _say("listening ws://" + line.partition(b"ws://")[2].decode("utf-8", "replace").strip())
                return

    def _reap(self) -> bool:
        """Collect who ended; False when the browser's first process is not there any more."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
                if ended[0] == self.pid:
                    self._status = ended[1]
        except ChildProcessError:
            self._childless = True
        return self._status is None

    def _all_gone(self) -> bool:
        if not self._childless:
            return False
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return True
        return False


def _signals() -> int:
    """Signals as bytes to read: the end of a child, and those that ask for the end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_ASKS):
        signal.signal(number, lambda _number, _frame: None)
    return reader


def _adopt_orphans() -> None:
    """Become the parent of what the browser leaves behind, so that it can be found (Linux)."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(Exception):
        import ctypes  # noqa: PLC0415  the browser runs already: nobody waits

        set_child_subreaper = 36  # linux/prctl.h
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _children() -> list[int]:
    """Every child of this process (Linux)."""
    if sys.platform != "linux":
        return []
    own, found = str(os.getpid()).encode(), []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                # pid (name) state ppid …, and a name may have brackets and spaces in it
                if file.read().rpartition(b")")[2].split()[1] == own:
                    found.append(int(entry))
    return found


def _say(message: str) -> None:
    """Tell fetchkit, if it still listens."""
    with contextlib.suppress(OSError):
        os.write(_LINE, message.encode("utf-8", "surrogateescape") + b"\0")


def _remove(*folders: str) -> None:
    """Remove the folders; a process that the kernel has not quite ended may still write into them."""
    import shutil  # noqa: PLC0415  the browser need not wait for it

    deadline = time.monotonic() + _REMOVE_SECONDS
    for folder in folders:
        while os.path.lexists(folder) and time.monotonic() < deadline:
            shutil.rmtree(folder, ignore_errors=True)
            if os.path.lexists(folder):
                time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1:])
