"""Where the program of a peer comes from: npm, PyPI, Debian, a compiler, or the Python that runs this."""

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from attrs import frozen

__all__ = ["CACHE", "Debian", "DebianSource", "Module", "Npm", "PyPI", "Source"]

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench"
"""Kept between runs, ignored by git."""

_PEERS = CACHE.parent / "peers"
"""Environments of peers that come from PyPI; `scripts/test` makes httpbin's there too."""


_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


class Source(Protocol):
    """A place that has a program, or can get it."""

    @property
    def label(self) -> str:
        """What the report calls the package."""

    def find(self) -> str | None:
        """Return the path of the program, installed first if need be; None when it cannot be had here."""

    def version(self) -> str:
        """Return the version of what `find` found."""


@frozen
class Npm:
    """A package of npm, installed into a folder of its own (two packages never share dependencies).

    Its program is `binary`; a package that has none is a library, and its "program" is its folder, for
    `require`.
    """

    package: str
    binary: str | None
    major: int

    @property
    def label(self) -> str:
        """The package, as npm names it."""
        return self.package

    @property
    def _folder(self) -> Path:
        return CACHE / "npm" / self.package

    @property
    def _modules(self) -> Path:
        return self._folder / "node_modules"

    @property
    def _package_folder(self) -> Path:
        return self._modules / self.package

    def find(self) -> str | None:
        """See `Source.find`."""
        program = self._package_folder if self.binary is None else self._modules / ".bin" / self.binary
        if not program.exists() and shutil.which("npm"):
            self._folder.mkdir(parents=True, exist_ok=True)
            wanted = f"{self.package}@{self.major}"
            _run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(self._folder), wanted)
        return str(program) if program.exists() else None

    def version(self) -> str:
        """See `Source.version`."""
        manifest = self._package_folder / "package.json"
        return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


@frozen
class PyPI:
    """Packages of PyPI in an environment of their own, and the program that one of them brings."""

    requirements: tuple[str, ...]
    binary: str

    @property
    def label(self) -> str:
        """The first package."""
        return self._distribution

    @property
    def _distribution(self) -> str:
        return re.split(r"[^A-Za-z0-9_-]", self.requirements[0])[0]

    @property
    def _folder(self) -> Path:
        return _PEERS / self._distribution

    def find(self) -> str | None:
        """See `Source.find`."""
        program = self._folder / "bin" / self.binary
        if not program.exists():
            _run(sys.executable, "-m", "venv", str(self._folder))
            _run(str(self._folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *self.requirements)
        return str(program) if program.exists() else None

    def version(self) -> str:
        """See `Source.version`."""
        command = [str(self._folder / "bin" / "python"), "-c", _VERSION, self._distribution]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@frozen
class Debian:
    """A package of the distribution, installed with apt-get by root, else used where it is already."""

    package: str
    program: str

    @property
    def label(self) -> str:
        """The package, as Debian names it."""
        return self.package

    def find(self) -> str | None:
        """See `Source.find`."""
        found = self._which()
        if found is None and shutil.which("apt-get") and os.geteuid() == 0:
            _run("apt-get", "update")
            _run("apt-get", "install", "-y", "--no-install-recommends", self.package)
            found = self._which()
        return found

    def version(self) -> str:
        """See `Source.version`."""
        try:
            command = ["dpkg-query", "-W", "-f", "${Version}", self.package]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return "of unknown version"

    def _which(self) -> str | None:
        """Search /usr/sbin too: nginx lives there, and only root has it in the path."""
        return shutil.which(self.program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


@frozen
class DebianSource:
    """A program that a package of the distribution brings as C++ source, compiled here with g++ -O2.

    `folder` is where its sources are (the end of the path); `replaced` are texts that are changed in them.
    """

    package: str
    folder: str
    replaced: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """The package, as Debian names it."""
        return self.package

    @property
    def _debian(self) -> Debian:
        return Debian(self.package, "emcc")

    def find(self) -> str | None:
        """See `Source.find`."""
        if not self._sources():
            self._debian.find()
        sources, compiler = self._sources(), Debian("g++", "g++").find()
        if not sources or compiler is None:
            return None
        build = CACHE / "built" / f"{self.package}-{self.version()}"
        program = build / "program"
        if not program.exists():
            build.mkdir(parents=True, exist_ok=True)
            for source in sources:
                text = source.read_text(encoding="utf-8")
                for old, new in self.replaced:
                    text = text.replace(old, new)
                (build / source.name).write_text(text, encoding="utf-8")
            compiled = [str(build / source.name) for source in sources if source.suffix != ".h"]
            _run(compiler, "-O2", "-pthread", "-o", str(program), *compiled)
        return str(program) if program.exists() else None

    def version(self) -> str:
        """See `Source.version`."""
        return self._debian.version()

    def _sources(self) -> list[Path]:
        """Ask dpkg which sources are installed."""
        listed = ""
        with suppress(OSError):
            command = ["dpkg-query", "-L", self.package]
            listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        paths = [Path(line) for line in listed.splitlines()]
        return [path for path in paths if str(path.parent).endswith(self.folder) and path.suffix]


@frozen
class Module:
    """A module that the Python of this process can run or import; never installed from here."""

    module: str
    distribution: str

    @property
    def label(self) -> str:
        """The distribution, as the package index names it."""
        return self.distribution

    def find(self) -> str | None:
        """See `Source.find`; the program is the interpreter."""
        try:
            return sys.executable if importlib.util.find_spec(self.module) else None
        except ModuleNotFoundError:
            return None

    def version(self) -> str:
        """See `Source.version`."""
        return importlib.metadata.version(self.distribution)


def _run(*command: str) -> None:
    """Run an installer; what it says goes to standard error, and its failure shows as a missing program."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=quiet, check=False)
