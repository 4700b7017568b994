"""fetchkit as its users run it: a process of its own, its standard error in a file."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

__all__ = ["Program", "clean_environment", "one_sentence"]

# From the command to the ready line half a second is usual; a loaded machine takes longer.
READY_DEADLINE = 20.0
# Twice the 5 seconds that fetchkit gives itself.
END_DEADLINE = 10.0

_READY = re.compile(r"fetchkit ready (https?://(?:[0-9.]+|\[[0-9a-f:]+\]):[0-9]+/)\n")


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment without settings of fetchkit, its home in a folder of the test.

    Without PYTHONUNBUFFERED too, which would hide that a line was not flushed.
    """
    foreign = ("FETCHKIT_", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")} | more


def one_sentence(errors: str) -> str:
    """What standard error says, which must be one line of fetchkit's that ends as a sentence does."""
    match = re.fullmatch(r"fetchkit: ([^\n]+[.?])\n", errors)
    assert match, f"not one sentence: {errors}"
    return match[1]


class Program:
    """One run of `python -m fetchkit`; leaving the block ends it."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        python: tuple[str, ...] = ("-m", "fetchkit"),
        stdout: int = subprocess.PIPE,
        inherit: tuple[int, ...] = (),
    ) -> None:
        """Start it in the folder `home`, which also is its HOME; `python`: what the interpreter runs."""
        self._log = home / "stderr.txt"
        with self._log.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, *python, *arguments],
                cwd=home,
                env=clean_environment(home, **environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=sink,
                pass_fds=inherit,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    @property
    def errors(self) -> str:
        """Standard error so far."""
        return self._log.read_text("utf-8")

    def ready_url(self) -> str:
        """The URL of the ready line, which must be the first line, and flushed."""
        assert self.process.stdout is not None
        line, deadline = b"", time.monotonic() + READY_DEADLINE
        while not line.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            readable, _, _ = select.select([self.process.stdout], [], [], left)
            byte = os.read(self.process.stdout.fileno(), 1) if readable else b""
            assert byte, f"no ready line but {line!r}; standard error:\n{self.errors}"
            line += byte
        match = _READY.fullmatch(line.decode())
        assert match, line
        return match[1]

    def ready_port(self) -> int:
        """The port of the ready line."""
        return int(self.ready_url().rstrip("/").rpartition(":")[2])

    def wait_for_errors(self, pattern: str) -> re.Match[str]:
        """Wait until standard error has the pattern."""
        deadline = time.monotonic() + READY_DEADLINE
        while not (match := re.search(pattern, self.errors)):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.errors}"
            time.sleep(0.01)
        return match

    def end(self, number: signal.Signals | None = None) -> tuple[int, str, str]:
        """Send a signal if one is given, wait: exit code, the rest of standard output, standard error."""
        if number is not None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=END_DEADLINE)
        return self.process.returncode, (rest or b"").decode(), self.errors
