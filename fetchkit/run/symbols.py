"""Places in sources for the frames of a stack: by the source map of a served module, else by its DWARF.

A frame names its module by a URL of this server. What is read lies inside the served folder, by the rule that
serves it (`files/lookup`). A module that was built anew since has no places: each offset must lie in the
function that the frame names.

DWARF is read by llvm-symbolizer, as emsymbolizer does it. Where a script loaded the bytes itself, no URL
names the module: it is looked for beside the scripts of the stack, where emcc puts it.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from attrs import field, frozen

from fetchkit.errors import HttpError
from fetchkit.files.lookup import Folder
from fetchkit.files.rules import parse_path
from fetchkit.run import sourcemap
from fetchkit.run.sourcemap import data_url, parse_source_map
from fetchkit.run.stack import Frame, Place, Trace
from fetchkit.run.wasm import Module, parse_module

__all__ = ["find_symbolizer", "places"]

_SECONDS: Final = 5.0
# A large program with its DWARF: Unity's and Qt's have 100 MB and more.
_MAX_MODULE: Final = 256 * 2**20
_MAX_ANSWER: Final = 4 * 2**20
_MAX_PATH: Final = 4096  # PATH_MAX of Linux
# Functions inlined into one another at one place.
_MAX_INLINED: Final = 32
_SYMBOLIZER: Final = "llvm-symbolizer"
_VERSIONED: Final = re.compile(rf"{_SYMBOLIZER}-([0-9]{{1,3}})")
# What would change its answers, or have it ask servers.
_ITS_VARIABLES: Final = frozenset({"LLVM_SYMBOLIZER_OPTS", "LLVM_ADDR2LINE_OPTS", "DEBUGINFOD_URLS"})
_SCRIPT: Final = re.compile(r"\.(?:m?js|html?)$")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
# Emscripten's own sources, where they were when its libraries were built.
_SYSTEM: Final = re.compile(r".*emscripten[^/]*/(?=system/(?:lib|include)/)")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Places = dict[Frame, tuple[Place, ...]]


async def places(trace: Trace, root: Path, url_root: str) -> Places:
    """The places of frames in their sources, before each those of functions inlined there. Never raises.

    Args:
        trace: the stack.
        root: the served folder.
        url_root: a URL of the server; the same scheme and port under another name are its too.
    """
    found: Places = {}
    site = _Site.of(root, url_root)
    end = time.monotonic() + _SECONDS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS):
            for urls, frames in site.modules(trace.frames):
                with contextlib.suppress(OSError, ValueError, HttpError):
                    read = await asyncio.to_thread(site.read, urls, frames, lambda: time.monotonic() > end)
                    found |= read.places
                    rest = [frame for frame in frames if frame not in read.places]
                    if read.dwarf and rest:
                        found |= await _symbolized(read.dwarf, read.code, rest)
    return found


# --- files ---


@frozen
class _File:
    """A served file.

    Attributes:
        url: where it is served.
        path: where it is, links resolved.
        data: what is in it.
    """

    url: str
    path: str
    data: bytes = field(repr=False)


@frozen
class _Read:
    """What was read of a module.

    Attributes:
        places: by its source map.
        dwarf: path of the file with its DWARF; empty for none.
        code: where the content of its code section begins.
    """

    places: Places = field(factory=dict)
    dwarf: str = ""
    code: int = 0


@frozen
class _Site:
    """The served folder, and the URLs that lead there.

    Attributes:
        folder: where files are.
        url: of the server.
    """

    folder: Folder
    url: str

    @classmethod
    def of(cls, root: Path, url: str) -> "_Site":
        """The site of a folder."""
        return cls(Folder(os.path.realpath(root), dotfiles=True), url)

    def modules(self, frames: Iterable[Frame]) -> list[tuple[list[str], list[Frame]]]:
        """The modules of the frames: the URLs where each may be, and its frames."""
        by_url: dict[str, list[Frame]] = {}
        for frame in frames:
            if frame.wasm_function is not None and frame.offset is not None:
                by_url.setdefault(frame.url, []).append(frame)
        scripts = dict.fromkeys(frame.url for frame in frames if self._is_script(frame.url))
        beside = [_SCRIPT.sub(".wasm", url.partition("?")[0]) for url in scripts]
        return [([url] if self._is_module(url) else beside, group) for url, group in by_url.items()]

    def read(self, urls: Iterable[str], frames: Sequence[Frame], expired: Callable[[], bool]) -> _Read:
        """Read the first of the modules that the frames fit, and its source map.

        Raises:
            OSError, HttpError: a file cannot be read.
            ValueError: the module is damaged.
        """
        for file in self._files(urls, _MAX_MODULE):
            module = parse_module(file.data)
            starts = _starts(module, frames)
            if len(starts) == len(set(frames)):
                mapped = self._mapped(module, file, starts, expired)
                return _Read(mapped, self._dwarf(module, file), module.code)
        return _Read()

    def _mapped(
        self, module: Module, file: _File, starts: dict[Frame, int], expired: Callable[[], bool]
    ) -> Places:
        """Places by the source map; none where it has none that can be used."""
        if not module.source_map:
            return {}
        try:
            if module.source_map.startswith("data:"):
                data, folder = data_url(module.source_map), ""
            else:
                urls = self._named(module.source_map, file)
                found = next(self._files(urls, sourcemap.MAX_SIZE), None)
                if found is None:
                    return {}
                data, folder = found.data, os.path.dirname(found.path)
            wanted = {frame.offset: start for frame, start in starts.items() if frame.offset is not None}
            positions = parse_source_map(data).find(wanted, expired=expired)
        except (OSError, ValueError, HttpError):
            return {}
        return {
            frame: (Place("", _source_name(position.source, folder), position.line, position.column),)
            for frame in starts
            if (position := positions.get(frame.offset or 0))
        }

    def _dwarf(self, module: Module, file: _File) -> str:
        if module.dwarf:
            return file.path
        if module.debug_file:
            for found in self._files(self._named(module.debug_file, file), _MAX_MODULE):
                if parse_module(found.data).dwarf:
                    return found.path
        return ""

    def _named(self, url: str, module: _File) -> list[str]:
        """Where a file may be that the module names: where its URL leads, or beside the module.

        A build made for another server (`--source-map-base`) names that one.
        """
        name = re.split(r"[/\\]", url)[-1]
        return list(dict.fromkeys([urljoin(module.url, url), urljoin(module.url, quote(name))]))

    def _files(self, urls: Iterable[str], limit: int) -> Iterator[_File]:
        """Those that are there, and ours."""
        for url in urls:
            if self._is_ours(url) and (file := self._file(url, limit)):
                yield file

    def _file(self, url: str, limit: int) -> _File | None:
        try:
            opened = self.folder.open(self.folder.locate(parse_path(urlsplit(url).path)))
        except HttpError:
            return None
        if opened is None:
            return None
        with open(opened.descriptor, "rb") as stream:
            if opened.status.st_size > limit:
                return None
            return _File(url, os.path.realpath(opened.path), stream.read(limit))

    def _is_ours(self, url: str) -> bool:
        return _place(url) is not None and _place(url) == _place(self.url)

    def _is_script(self, url: str) -> bool:
        return self._is_ours(url) and _SCRIPT.search(urlsplit(url).path) is not None

    def _is_module(self, url: str) -> bool:
        return not url.startswith("wasm:") and not self._is_script(url)


def _starts(module: Module, frames: Iterable[Frame]) -> dict[Frame, int]:
    """Where the functions of the frames begin; without the frames that do not fit the module."""
    bodies = module.bodies({frame.wasm_function for frame in frames if frame.wasm_function is not None})
    return {
        frame: body.start
        for frame in frames
        if (body := bodies.get(frame.wasm_function or 0)) and frame.offset in body
    }


def _place(url: str) -> tuple[str, int] | None:
    """Scheme and port of a server; None for what is on none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, port) if port and parts.scheme in _DEFAULT_PORTS else None


def _source_name(source: str, folder: str) -> str:
    """A source as a map has it; one that is there as people find it from here."""
    source = source[:_MAX_PATH]
    if not source or _SCHEME.match(source):
        return source
    path = os.path.normpath(os.path.join(folder, source))
    if folder and os.path.exists(path):
        return _readable(path)
    return _SYSTEM.sub("", source)


def _readable(path: str) -> str:
    """A path: from the current folder, where it lies in that."""
    path = path[:_MAX_PATH]
    if shorter := _SYSTEM.match(path):
        return path[shorter.end() :]
    path = os.path.normpath(path)
    here = os.path.join(os.getcwd(), "")
    return path.removeprefix(here)


# --- DWARF ---


def find_symbolizer() -> str | None:
    """The path of llvm-symbolizer: emsdk's, the one on PATH, or the newest with a version in its name."""
    emcc = shutil.which("emcc")
    if emcc:
        # emsdk: upstream/emscripten/emcc and upstream/bin/llvm-symbolizer
        neighbour = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(emcc))), "bin")
        if found := shutil.which(_SYMBOLIZER, path=neighbour):
            return found
    if found := shutil.which(_SYMBOLIZER):
        return found
    versions: dict[int, str] = {}
    for folder in os.get_exec_path():
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                if match := _VERSIONED.fullmatch(name):
                    versions.setdefault(int(match[1]), name)
    newest = (shutil.which(versions[number]) for number in sorted(versions, reverse=True))
    return next((path for path in newest if path), None)


async def _symbolized(path: str, code: int, frames: Sequence[Frame]) -> Places:
    """Places by the DWARF in a file.

    Raises:
        OSError: the symbolizer does not run.
        ValueError: it answers something else.
    """
    symbolizer = find_symbolizer()
    if symbolizer is None:
        return {}
    # "The address of a location is relative to the Code section" (DWARF for WebAssembly).
    asked = [f"{(frame.offset or 0) - code:#x}" for frame in frames]
    lines = (await _answer(symbolizer, path, asked)).decode("utf-8", "replace").splitlines()
    if len(lines) != len(frames):
        raise ValueError("An answer for each address is due.")
    found = {}
    for frame, address, line in zip(frames, asked, lines, strict=True):
        if chain := _chain(json.loads(line), address):
            found[frame] = chain
    return found


async def _answer(symbolizer: str, path: str, addresses: Sequence[str]) -> bytes:
    process = await asyncio.create_subprocess_exec(
        symbolizer,
        f"--obj={path}",
        "--output-style=JSON",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name not in _ITS_VARIABLES},
    )
    try:
        assert process.stdin is not None  # noqa: S101  both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write("".join(f"{address}\n" for address in addresses).encode("ascii"))
        process.stdin.close()
        answer = bytearray()
        while chunk := await process.stdout.read(_MAX_ANSWER):
            answer += chunk
            if len(answer) > _MAX_ANSWER:
                raise ValueError("The answer is too long.")
        await process.wait()
        return bytes(answer)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _chain(answer: Any, address: str) -> tuple[Place, ...]:
    """The places of one address, the innermost first; none where it knows none.

    Raises:
        ValueError: it is not in the symbolizer's form.
    """
    try:
        if answer["Address"] != address:
            raise ValueError("It answers for another address.")
        symbols = answer.get("Symbol", [])[:_MAX_INLINED]
        return tuple(
            Place(
                str(symbol["FunctionName"]),
                _readable(str(symbol["FileName"])),
                int(symbol["Line"]),
                int(symbol["Column"]),
            )
            for symbol in symbols
            if symbol["FileName"]
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("It answers in another form.") from error
