"""What the tests of the pytest plugin share: builds by emcc, and pytest in a process of its own."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from attrs import define, field, frozen

from tests.e2e.run.support import Processes, listeners
from tests.e2e.toolchain import BUILD_DEADLINE, NODE_PATH
from tests.program import Program

__all__ = ["Inner", "Programs", "Tested"]

PROGRAMS = Path(__file__).parent / "programs"

DEADLINE: Final = 90.0
"""Seconds for one inner run; two are usual."""
# prctl(2)
_PR_SET_CHILD_SUBREAPER: Final = 36
_PLUGINS_ON: Final = (
    *("-o", "asyncio_mode=auto"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),  # pytest-asyncio warns without it
)
_PLUGINS_OFF: Final = ("-p", "no:aiohttp", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:hypothesispytest")
# What says at the end of a run that a thread is left.
_CONFTEST: Final = """
import threading

import pytest


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            print(f"LEFT: {thread.name}")
"""


@define
class Programs:
    """Programs built by emcc, kept until the tests end."""

    _executable: str
    _folder: Path

    def install(self, name: str, folder: Path, *flags: str) -> Path:
        """Put a page or script, with what it loads, into a folder."""
        target = self._folder / name / name
        if not target.parent.exists():
            target.parent.mkdir()
            source = str((PROGRAMS / name).with_suffix(".c"))
            result = subprocess.run(
                [self._executable, source, "-o", str(target), "-Wall", "-Werror", *flags],
                env={"NODE_PATH": NODE_PATH, **os.environ},
                capture_output=True,
                text=True,
                timeout=BUILD_DEADLINE,
                check=False,
            )
            assert result.returncode == 0, result.stderr
        shutil.copytree(target.parent, folder, dirs_exist_ok=True)
        return folder / name


@frozen
class Tested:
    """How an inner run ended.

    Attributes:
        code: exit code.
        output: what pytest printed.
    """

    code: int
    output: str

    @property
    def counts(self) -> dict[str, int]:
        """Tests by outcome, as the last line tells them: `{"passed": 2}`."""
        summary = re.findall(r"^.*\bin [0-9.]+s.*$", self.output, re.MULTILINE)[-1]
        found = re.findall(r"(\d+) (passed|failed|errors?|skipped|warnings?|deselected)", summary)
        return {kind.removesuffix("s"): int(count) for count, kind in found}


@define(eq=False)
class Inner:
    """A folder with tests, and runs of pytest there; leaving the block looks for what is left behind."""

    folder: Path
    temporary: Path
    _program: Program | None = None
    _processes: Processes = field(factory=Processes)
    _listening: set[str] = field(factory=lambda: listeners(Processes(())))

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self.write("conftest.py", _CONFTEST)
        _adopt_orphans(1)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._program is not None:
            self._program.__exit__()
        left = self._processes.alive()
        try:
            if kind is None:
                ports = listeners(Processes(())) - self._listening
                files = [file.name for file in self.temporary.iterdir()]
                assert (left, ports, files) == ([], set(), [])
        finally:
            for process in left:
                os.kill(process.pid, signal.SIGKILL)
            self._processes.reap()
            _adopt_orphans(0)

    def write(self, name: str, text: str) -> Path:
        """Write a file of tests, or of settings."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    def start(self, *arguments: str, asynchronous: bool = True) -> Program:
        """Begin a run with all warnings as errors; with the plugins for asynchronous tests, or without."""
        plugins = _PLUGINS_ON if asynchronous else _PLUGINS_OFF
        self._program = Program(
            self.folder,
            *(
                "-W",
                "error",
                "-rA",
                "-p",
                "no:cacheprovider",
                "--basetemp",
                "temporary",
                *plugins,
                *arguments,
            ),
            python=("-m", "pytest"),
            environment={"TMPDIR": str(self.temporary), "PYTEST_ADDOPTS": "", "COLUMNS": "200"},
        )
        return self._program

    def ended(self, program: Program) -> Tested:
        """Wait for the end of a run, which leaves no process and no thread."""
        output, _ = program.process.communicate(timeout=DEADLINE)
        text = output.decode() + program.errors
        sys.stdout.write(text)  # shown when the test fails
        assert not re.search("LEFT: |never awaited|was destroyed|Exception ignored", text)
        assert self._processes.alive() == []
        return Tested(program.process.returncode, text)

    def run(self, *arguments: str, asynchronous: bool = True) -> Tested:
        """A run, to its end."""
        return self.ended(self.start(*arguments, asynchronous=asynchronous))

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that happens in the run."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert self._program is not None
            assert self._program.process.poll() is None, self._program.errors
            assert time.monotonic() < deadline, what
            time.sleep(0.01)

    def wait_for_end(self) -> None:
        """Wait until nothing of a killed run is left."""
        deadline = time.monotonic() + DEADLINE
        while self._processes.alive() or any(self.temporary.iterdir()):
            assert time.monotonic() < deadline, (self._processes.alive(), os.listdir(self.temporary))
            time.sleep(0.01)


def _adopt_orphans(switch: int) -> None:
    """Have what the run leaves stay below this process, however it detached itself."""
    assert ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, switch, 0, 0, 0) == 0
