"""The browser's process, from outside: starts its keeper, and knows how to end it. Needs no event loop."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from fetchkit.browser import flags
from fetchkit.browser.find import Family, Found
from fetchkit.errors import BrowserError
from fetchkit.text import escape_lines

__all__ = ["Process", "start"]

_KEEPER: Final = str(Path(__file__).with_name("keeper.py"))
# The keeper gives itself 5 seconds to kill, and 5 to remove, of which it usually needs 30 milliseconds.
END_SECONDS: Final = 5.0


def start(found: Found, *, headless: bool, args: Sequence[str] = ()) -> "Process":
    """Start a browser with a fresh profile, in a process group of its own, and return at once.

    Whether it runs is known when somebody speaks to it: `fetchkit.browser.driver.connect`.

    Args:
        found: which browser.
        headless: without a window.
        args: the user's own arguments for it.
    """
    if sys.platform == "win32":
        raise BrowserError(
            "On Windows fetchkit does not start browsers yet: use `--no-browser`, and open the page yourself."
        )
    if found.family is Family.FIREFOX:
        line = flags.firefox(headless=headless, args=args)
    else:
        line = flags.chromium(_machine(), headless=headless, args=args)
    channel, keepers_end = socket.socketpair()
    pair = socket.socketpair() if found.family is Family.CHROMIUM else None
    try:
        theirs = None if pair is None else pair[1]
        keeper = _keeper(found, line, keepers_end, theirs)
    except OSError as error:
        for end in (channel, *(pair or ())):
            end.close()
        raise BrowserError(f"{found.name} could not be started: {error}.") from error
    finally:
        keepers_end.close()
    if pair is None:
        return Process(found, keeper, channel, None, headless=headless)
    pair[1].close()
    return Process(found, keeper, channel, pair[0], headless=headless)


class Process:
    """A browser that was started; leaving the block ends it.

    Attributes:
        found: which browser.
        headless: without a window.
        channel: our end of the line to the keeper; when it closes, the browser ends.
        devtools: our end of the line to Chromium.
        pid: of the browser, once the keeper has said so.
        folder: the browser's temporary folder, likewise.
        listening: where Firefox listens, likewise.
        failure: why it could not be started.
        ended: how it ended, and behind a line feed its last lines.
    """

    def __init__(
        self,
        found: Found,
        keeper: subprocess.Popen[bytes],
        channel: socket.socket,
        devtools: socket.socket | None,
        *,
        headless: bool = True,
    ) -> None:
        self.found = found
        self.headless = headless
        self.channel = channel
        self.devtools = devtools
        self.pid = 0
        self.folder = ""
        self.listening = ""
        self.failure = ""
        self.ended = ""
        self._keeper = keeper
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and all it started, and wait for that; safe to call twice."""
        self.let_go()
        with contextlib.suppress(OSError):
            self.channel.settimeout(END_SECONDS)
            while data := self.channel.recv(4096):
                self.heard(data)
        self.collect(END_SECONDS)

    def let_go(self) -> None:
        """Tell the keeper to end everything; what it says until then can still be heard."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)
        if self.devtools is not None:
            self.devtools.close()

    def collect(self, seconds: float) -> None:
        """Wait for the keeper's end; what a keeper that was itself killed has left is ended here."""
        self.channel.close()
        try:
            self._keeper.wait(seconds)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        if self._keeper.returncode != 0:
            self._end_without_keeper()

    def kept(self) -> bool:
        """Whether the keeper still runs."""
        return self._keeper.poll() is None

    def heard(self, data: bytes) -> None:
        """Take in what the keeper said."""
        *messages, self._rest = (self._rest + data).split(b"\0")
        for message in messages:
            kind, _, text = os.fsdecode(message).partition(" ")
            if kind == "started":
                pid, _, self.folder = text.partition(" ")
                self.pid = int(pid)
            elif kind == "listening":
                self.listening = text
            elif kind == "failed":
                self.failure = text
            elif kind == "ended":
                self.ended = text

    def error(self, what: str = "") -> BrowserError:
        """What to tell people of a lost browser: `what` happened, or that it ended, and its last lines."""
        who = f"{self.found.name} ({self.found.path})"
        if self.failure:
            return BrowserError(f"{escape_lines(f'{who} could not be started: {self.failure}')}.")
        how, _, lines = self.ended.partition("\n")
        what = what or f"ended by itself: {how or 'its keeper was killed'}"
        last = f" Its last lines:\n{lines}" if lines else " It printed nothing."
        return BrowserError(escape_lines(f"{who} {what}.{last}"))

    def _end_without_keeper(self) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if self.folder:
            import shutil  # noqa: PLC0415  hardly ever needed, and the browser's start is waiting

            scratch = os.path.join("/tmp", os.path.basename(self.folder))  # noqa: S108  the keeper made it
            deadline = time.monotonic() + END_SECONDS
            for folder in (self.folder, scratch):
                # What was killed may need a moment, and write until then.
                while os.path.lexists(folder) and time.monotonic() < deadline:
                    shutil.rmtree(folder, ignore_errors=True)
                    time.sleep(0.01)
        self.pid, self.folder = 0, ""


def _keeper(
    found: Found, line: flags.CommandLine, channel: socket.socket, devtools: socket.socket | None
) -> subprocess.Popen[bytes]:
    inherited: tuple[int, ...] = () if devtools is None else (devtools.fileno(),)
    command = (
        *(sys.executable, "-I", "-S", _KEEPER, tempfile.gettempdir(), *(map(str, inherited or ("-",)))),
        *(str(line.profile + 1), *line.file, found.path, *line.arguments),
    )
    return subprocess.Popen(  # noqa: S603  no shell; the words are ours and the user's
        command,
        stdin=channel.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=inherited,
        start_new_session=True,
    )


def _machine() -> flags.Machine:
    try:
        disk = os.statvfs("/dev/shm")  # noqa: S108  asked about, not written to
        shared_memory = disk.f_bavail * disk.f_frsize
    except OSError:
        shared_memory = 0
    return flags.Machine(linux=sys.platform == "linux", root=os.geteuid() == 0, shared_memory=shared_memory)
