"""A real Redis server for the tests: loopback, a free port, a folder of its own, nothing written to disk."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

__all__ = ["RedisServer"]

# A tenth of a second is usual.
READY_DEADLINE = 20.0


class RedisServer:
    """One run of redis-server; leaving the block ends it, and so does the end of this process."""

    def __init__(self, executable: str, folder: Path, *arguments: str) -> None:
        """Start it and wait until it accepts.

        Args:
            executable: redis-server.
            folder: for its socket and its log.
            arguments: more options.
        """
        self._executable = executable
        self.folder = folder
        self.arguments = arguments
        self.socket = folder / "redis.sock"
        for attempts_left in (2, 1, 0):
            self.port = _free_port()
            try:
                self._process = self._start()
                break
            except AssertionError:  # as a rule somebody took the port meanwhile
                if not attempts_left:
                    raise

    @property
    def url(self) -> str:
        """What `--state` takes."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again on the same port, empty."""
        self.kill()
        self._process = self._start()

    def freeze(self) -> None:
        """Let it accept, and answer nothing, until `thaw`."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """What it answers, as on the wire, up to the end of the first line."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(READY_DEADLINE)
            client.connect(str(self.socket))
            client.sendall(" ".join(words).encode() + b"\r\n")
            with client.makefile("rb") as answer:
                return answer.readline()

    def empty(self) -> None:
        """Forget everything."""
        assert self.command("FLUSHALL") == b"+OK\r\n"

    def _start(self) -> subprocess.Popen[bytes]:
        # The kernel ends it with us, whatever ended us (prctl(2), PR_SET_PDEATHSIG).
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        log = self.folder / "redis.log"
        self.socket.unlink(missing_ok=True)
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [
                    *(*guard, self._executable, "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--unixsocket", str(self.socket), "--dir", str(self.folder)),
                    *("--save", "", "--appendonly", "no", *self.arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        try:
            self._wait(process, log)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return process

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + READY_DEADLINE
        while process.poll() is None and time.monotonic() < deadline:
            # Its socket is nobody else's, as a port might be.
            with contextlib.suppress(OSError):
                if self.command("PING").startswith((b"+PONG", b"-NOAUTH")):
                    return
            time.sleep(0.01)
        raise AssertionError(f"redis-server does not run:\n{log.read_text('utf-8', 'replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
