"""What the tests of `fetchkit run` share: builds by emcc, runs, and what `/proc` says of processes."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Self

from attrs import define, field, frozen

from tests.e2e.toolchain import BUILD_DEADLINE, NODE_PATH
from tests.program import Program

__all__ = ["PROGRAMS", "Builds", "Process", "Processes", "Ran", "Run", "Start", "Started", "listeners"]

PROGRAMS = Path(__file__).parent / "programs"

RUN_DEADLINE = 40.0
"""Seconds for one run; a second is usual."""

# HTML comes out of Debian's emcc without -O only: its minifier is broken.
_BUILDS: Final[dict[str, tuple[str, ...]]] = {
    # As people build: main() may return, and the runtime lives on.
    "plain.js": ("modes.c",),
    "page.html": ("modes.c",),
    "runtime.js": ("modes.c", "-O2", "-sEXIT_RUNTIME"),
    "emrun.html": ("modes.c", "--emrun"),
    "emrun.js": ("modes.c", "--emrun", "-O2"),
    "module.mjs": ("modes.c", "-sEXPORT_ES6", "-sMODULARIZE", "-sEXPORT_NAME=createModes"),
    "factory.js": ("modes.c", "-sMODULARIZE", "-sEXIT_RUNTIME", "-sEXPORT_NAME=createModes"),
    "threads.js": ("threads.c", "-pthread", "-sEXIT_RUNTIME", "-sPTHREAD_POOL_SIZE=1"),
    "proxied.js": ("threads.c", "-pthread", "-sEXIT_RUNTIME", "-sPROXY_TO_PTHREAD"),
    "living-threads.js": ("threads.c", "-pthread", "-sPTHREAD_POOL_SIZE=1"),
    "resident.js": ("threads.c", "-pthread", "-sPROXY_TO_PTHREAD"),
    "emrun-threads.html": ("threads.c", "-pthread", "--emrun", "-sPROXY_TO_PTHREAD"),
    "throw.js": ("throw.cpp",),
    "throw-emrun.js": ("throw.cpp", "--emrun"),
    "throw-wasm.js": ("throw.cpp", "-fwasm-exceptions", "-sEXIT_RUNTIME"),
    "throw-caught.js": ("throw.cpp", "-fexceptions", "-sEXIT_RUNTIME"),
}


class Builds:
    """What emcc makes of `programs/`, kept until the tests end."""

    def __init__(self, executable: str, folder: Path) -> None:
        self._executable = executable
        self._folder = folder

    def __call__(self, name: str) -> Path:
        """The page or script of that name, in a folder of its own with what it loads."""
        target = self._folder / name.replace(".", "-") / name
        if not target.parent.exists():
            target.parent.mkdir()
            self._compile(name, target)
        return target

    def install(self, name: str, folder: Path) -> Path:
        """A copy of a build in `folder`."""
        shutil.copytree(self(name).parent, folder, dirs_exist_ok=True)
        return folder / name

    def _compile(self, name: str, target: Path) -> None:
        source, *flags = _BUILDS[name]
        result = subprocess.run(
            [self._executable, str(PROGRAMS / source), "-o", str(target), "-Wall", "-Werror", *flags],
            env={"NODE_PATH": NODE_PATH, **os.environ},
            capture_output=True,
            text=True,
            timeout=BUILD_DEADLINE,
            check=False,
        )
        assert result.returncode == 0, result.stderr


@frozen
class Process:
    """One line of `/proc`."""

    pid: int
    parent: int = field(eq=False)  # another once its own has ended
    state: str = field(eq=False)
    began: str
    command: str


def _processes() -> dict[int, Process]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                # The name of the command, in brackets, may have anything in it.
                fields = Path(f"/proc/{entry}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                command = Path(f"/proc/{entry}/cmdline").read_text("utf-8", "replace").replace("\0", " ")
            except OSError:  # it ended
                continue
            found[int(entry)] = Process(int(entry), int(fields[1]), fields[0], fields[19], command)
    return found


def _below(root: int, table: dict[int, Process], except_for: Iterable[int] = ()) -> list[Process]:
    found, pending = [], [root]
    while pending:
        parent = pending.pop()
        children = [p for p in table.values() if p.parent == parent and p.pid not in except_for]
        found += children
        pending += [child.pid for child in children]
    return found


class Processes:
    """The processes below this one, without the children that it had before."""

    def __init__(self, except_for: Iterable[int] | None = None) -> None:
        if except_for is None:
            except_for = [p.pid for p in _processes().values() if p.parent == os.getpid()]
        self._before = frozenset(except_for)
        self.killed = False
        """Whether fetchkit was killed, so that it could not wait for what it had started."""

    def alive(self) -> list[Process]:
        """Those that run; what waits to be reaped does not."""
        return [p for p in self.all() if p.state not in "ZX"]

    def all(self) -> list[Process]:
        """Every one of them."""
        return _below(os.getpid(), _processes(), self._before)

    def reap(self) -> None:
        """Take the orphans that ended off the kernel's table."""
        for process in self.all():
            if process.parent == os.getpid() and process.state == "Z":
                os.waitpid(process.pid, os.WNOHANG)


def listeners(processes: Processes) -> set[str]:
    """The listening TCP sockets that this process or one below it holds."""
    held = set()
    for pid in (os.getpid(), *(p.pid for p in processes.alive())):
        try:
            for number in os.listdir(f"/proc/{pid}/fd"):
                held.add(os.readlink(f"/proc/{pid}/fd/{number}"))
        except OSError:  # it ended, or the descriptor was closed
            continue
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text("ascii").splitlines()[1:]
    ]
    listening = "0A"
    return {row[1] for row in rows if row[3] == listening and f"socket:[{row[9]}]" in held}


@frozen
class Ran:
    """How a run ended.

    Attributes:
        code: exit code as a shell shows it: 128 and the number for the end by a signal.
        output: standard output.
        errors: standard error.
        seconds: from the command to its end.
    """

    code: int
    output: str
    errors: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """Standard output, line by line."""
        return self.output.splitlines()

    @property
    def sentences(self) -> str:
        """What fetchkit says on standard error."""
        return "\n".join(line for line in self.errors.splitlines() if line.startswith("fetchkit: "))


# What is done before fetchkit begins: standard error goes where standard output goes; a session of its own.
_BEFORE = {"joined": "os.dup2(1, 2)", "mute": "os.close(2)", "session": "os.setsid()"}
_BEGIN = "import os, sys; {}; os.execv(sys.executable, [sys.executable, '-m', 'fetchkit', *sys.argv[1:]])"


@define(eq=False, init=False)
class Started:
    """A run that goes on; leaving the block ends it."""

    program: Program
    began: float = field(factory=time.monotonic)

    def __init__(
        self,
        home: Path,
        temporary: Path,
        *args: str,
        before: str = "",
        headless: bool = True,
        **options: Any,
    ) -> None:
        home.mkdir()
        environment = {"TMPDIR": str(temporary), **options.pop("environment", {})}
        if before:
            options["python"] = ("-c", _BEGIN.format(_BEFORE[before]))
        self.began = time.monotonic()
        self.program = Program(
            home, "run", *(["--headless"] if headless else []), *args, environment=environment, **options
        )

    def __enter__(self) -> Self:
        self.program.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        # fetchkit cleans up after itself; what does not end is killed.
        if self.program.process.poll() is None:
            self.program.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.program.process.wait(5)
        self.program.__exit__(*problem)

    @property
    def processes(self) -> list[Process]:
        """The processes below it."""
        return _below(self.program.process.pid, _processes())

    def browser(self) -> Process:
        """The browser's first process; what watches over it has the same words, behind its own."""
        found = [p for p in self.processes if "--user-data-dir=" in p.command and "--type=" not in p.command]
        (browser,) = (p for p in found if "python" not in p.command.partition(" ")[0])
        return browser

    def wait_for_output(self, text: str) -> str:
        """Read standard output until it has `text`; what was read."""
        stdout = self.program.process.stdout
        assert stdout is not None
        seen, deadline = b"", time.monotonic() + RUN_DEADLINE
        while text.encode() not in seen:
            readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(stdout.fileno(), 65536) if readable else b""
            assert more, f"{seen!r}\n{self.program.errors}"
            seen += more
        return seen.decode()

    def peak_memory(self) -> int:
        """Bytes of memory that fetchkit's process had at most."""
        status = Path(f"/proc/{self.program.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to fetchkit alone."""
        self.program.process.send_signal(number)

    def ended(self, seconds: float = RUN_DEADLINE) -> Ran:
        """Wait for the end."""
        process = self.program.process
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(
                f"no end in {seconds} s: {(late.output or b'')[-500:]!r}\n{self.program.errors[-2000:]}"
            ) from None
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        took = time.monotonic() - self.began
        return Ran(code, (output or b"").decode(), self.program.errors, took)


Start = Callable[..., Started]


@frozen
class Run:
    """Runs to the end."""

    start: Start
    leftovers: Processes

    def __call__(self, *args: str | Path, seconds: float = RUN_DEADLINE, **options: Any) -> Ran:
        """`fetchkit run --headless ARGS`; once it has ended, none of its processes is there."""
        ran = self.start(*map(str, args), **options).ended(seconds)
        sys.stdout.write(
            f"{ran.code}\n{ran.output[:2000]}\n{ran.errors[:4000]}\n"
        )  # shown when the test fails
        assert self.leftovers.alive() == []
        assert not re.search("Traceback|Unhandled exception|never awaited|ResourceWarning", ran.errors), (
            ran.errors
        )
        return ran
