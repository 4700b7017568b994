"""Builds the programs in `programs/` with emcc, each once per run."""

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["PROGRAMS", "Emcc"]

PROGRAMS = Path(__file__).parent / "programs"

BUILD_DEADLINE = 120
"""Seconds for one program: half a second is usual, more when emcc first has to build a system library."""

# EXIT_RUNTIME: the end of main (or of its last callback) is the end of the program, so onExit is called.
COMMON_FLAGS = ("-Wall", "-Werror", "-sEXIT_RUNTIME", "--pre-js", str(PROGRAMS / "pre.js"))

# Debian's emcc finds acorn here; a Node that is not Debian's does not look there by itself.
NODE_PATH = "/usr/share/nodejs:/usr/lib/nodejs"


class Emcc:
    """One compiler, and the folder that keeps what it built."""

    def __init__(self, executable: str, folder: Path) -> None:
        self._executable = executable
        self._folder = folder
        self._built: dict[tuple[str, ...], Path] = {}

    def build(self, program: str | Path, *flags: str) -> Path:
        """The folder that holds PROGRAM.js and what it loads; the same flags give the same folder.

        A path is a source from elsewhere: it is compiled with these flags only, and may cause warnings.
        Raises AssertionError with the compiler's words when it fails, or one of our programs warns.
        """
        key = (str(program), *flags)
        if key not in self._built:
            self._built[key] = self._compile(program, flags)
        return self._built[key]

    def install(self, folder: Path, program: str | Path, *flags: str) -> None:
        """Writes a build and the page that runs it into `folder`, in place of an older build there."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROGRAMS / "page.html", folder / "index.html")
        for file in self.build(program, *flags).iterdir():
            (folder / file.name).write_bytes(file.read_bytes())

    def _compile(self, program: str | Path, flags: tuple[str, ...]) -> Path:
        if isinstance(program, str):
            program, flags = PROGRAMS / f"{program}.c", (*COMMON_FLAGS, *flags)
        target = self._folder / str(len(self._built)) / f"{program.stem}.js"
        target.parent.mkdir(parents=True)
        command = [self._executable, str(program), "-o", str(target), *flags]
        result = subprocess.run(
            command,
            env={"NODE_PATH": NODE_PATH, **os.environ},
            capture_output=True,
            text=True,
            timeout=BUILD_DEADLINE,
            check=False,
        )
        assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr}"
        return target.parent
