"""When a page reloads: once what it asked for has been written anew, and whole. Pure.

A page has what lay on the disk when it asked. It reloads when that differs from what lies there now, and
what lies there is whole. Nobody says when a build is done, so whole means:

* Nothing that the page asked for has changed for a moment (`SETTLE`). A compiler writes a text in one go.
* A file that is empty or gone is on its way: it never causes a reload, and holds others up. Not for ever,
  since a build may drop a file for good; and only shortly where the page's document is new, which says what
  it needs.
* A `.wasm` begins with magic and version, and its sections, each of which says its size, fill the file
  exactly (WebAssembly, section 5.5). By that a half-written one is known, however long its writer pauses.
* `app.js` and `app.wasm` belong together. emcc writes the wasm several times (wasm-ld,
  wasm-emscripten-finalize, wasm-opt) and moves the script into its place at the very end; the optimiser may
  take long. So a pair is whole once both were written anew. Where only one was (a build system that copies
  what differs, wasm-strip after the link), no other is coming once all has been still for `PAIR_SETTLE`.
* The script names the imports of its wasm. Where it lacks one, the two are of different builds and could
  not even be instantiated: they are waited for up to `MISFIT`. That the names fit proves nothing (minified
  ones are `a`, `b`, `c`), so it is only a reason to wait.

Waiting too short costs a reload of a broken page, and the right one follows, for the page has asked for the
same names again. Waiting for ever would cost the reload itself; no rule does, but that of the half-written
wasm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from attrs import field, frozen

__all__ = [
    "AskedFile",
    "Stamp",
    "Verdict",
    "fits",
    "import_names",
    "is_stale",
    "is_whole_wasm",
    "judge",
    "pairs",
]

# Seconds of stillness that are asked for, by what has changed.
SETTLE: Final = 0.2
PAIR_SETTLE: Final = 2.0
MISFIT: Final = 10.0
GONE: Final = 10.0
GONE_BUT_NEW_DOCUMENT: Final = 1.0
# What changes all the time (a log in the folder) holds up nothing for longer; parts of a build always do.
RESTLESS: Final = 10.0
_PARTS: Final = (".wasm", ".js", ".mjs", ".html", ".htm")

# File systems stamp with the time of the kernel's last tick, up to 10 ms ago (15 on Windows).
TICK_NS: Final = 20_000_000

# WebAssembly, section 5.5.16: magic and version; and those of a component (Component Model, Binary.md).
_PREAMBLES: Final = (b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0")
_LAST_SECTION: Final = 13  # tags
# Debug information has a dozen custom sections; -ffunction-sections makes none in a linked module.
MAX_SECTIONS: Final = 10_000
_IMPORTS: Final = 2
# Modules have some hundred imports; one with many thousands has a megabyte of names.
MAX_IMPORT_SECTION: Final = 4 * 1024 * 1024

Read = Callable[[int, int], bytes]
"""Bytes of a file: from an offset, at most so many."""


@frozen
class Stamp:
    """The state of a file; two are equal if it has not been written meanwhile.

    Attributes:
        identity: device and inode.
        size: in bytes.
        modified: time of the last writing, in ns.
        changed: time of the last change of any kind, a rename into place too.
    """

    identity: tuple[int, int]
    size: int
    modified: int
    changed: int = field(eq=False)


@frozen
class AskedFile:
    """A file that a page asked for.

    Attributes:
        differs: it is no longer what the page has.
        now: its state; None while there is none.
        still: seconds for which it has been so.
        differed: seconds for which it has differed.
        whole: what it has inside does not say that something is missing.
    """

    differs: bool
    now: Stamp | None
    still: float = 0.0
    differed: float = 0.0
    whole: bool = True

    @property
    def written(self) -> bool:
        """Whether it differs, and there is something in it."""
        return self.differs and self.now is not None and self.now.size > 0


@frozen
class Verdict:
    """What is to be done with a page.

    Attributes:
        reload: the files for which it reloads; empty: it does not.
        wait: seconds after which to look again if nothing happens; None: there is nothing to wait for.
    """

    reload: tuple[str, ...] = ()
    wait: float | None = None


def is_stale(now: Stamp | None, asked_at: float, clock: float) -> bool:
    """Whether a page that asked at a time cannot have got what lies there now.

    Both are seconds since the epoch. A file from the future says nothing: its clock is another one.
    """
    return now is not None and asked_at * 1e9 - TICK_NS < now.changed <= clock * 1e9


def judge(files: Mapping[str, AskedFile], document: str, fit: Callable[[str, str], bool]) -> Verdict:
    """What to do with a page; the rules are above.

    Args:
        files: what it asked for, by path.
        document: the path of the page itself.
        fit: whether a script and a wasm can be of one build; asked only where it matters.
    """
    differing = {path: file for path, file in files.items() if file.differs}
    written = tuple(path for path, file in differing.items() if file.written)
    if not written or (document in differing and document not in written):
        return Verdict()
    if not all(files[path].whole for path in written):
        return Verdict()
    needed = [SETTLE]
    if len(written) < len(differing):
        needed.append(GONE_BUT_NEW_DOCUMENT if document in written else GONE)
    for script, wasm in pairs(files):
        if script in written or wasm in written:
            needed.append(_stillness(files, script, wasm, fit))
    counted = [file for path, file in differing.items() if not _is_restless(path, file)]
    wait = max(needed) - min(file.still for file in counted or differing.values())
    return Verdict(wait=wait) if wait > 0 else Verdict(reload=tuple(sorted(written)))


def _stillness(
    files: Mapping[str, AskedFile], script: str, wasm: str, fit: Callable[[str, str], bool]
) -> float:
    if files[script].now is None or files[wasm].now is None:
        return GONE
    if not fit(script, wasm):
        return MISFIT
    return SETTLE if files[script].written and files[wasm].written else PAIR_SETTLE


def _is_restless(path: str, file: AskedFile) -> bool:
    return file.differed - file.still >= RESTLESS and not path.endswith(_PARTS)


def pairs(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Scripts and wasms of one build: `app.js` or `app.mjs`, and `app.wasm` (wasm-bindgen: `app_bg.wasm`)."""
    known = frozenset(paths)
    found: list[tuple[str, str]] = []
    for wasm in sorted(path for path in known if path.endswith(".wasm")):
        stem = wasm.removesuffix(".wasm")
        stems = (stem, stem.removesuffix("_bg"))
        scripts = (base + suffix for base in dict.fromkeys(stems) for suffix in (".js", ".mjs"))
        found.extend((script, wasm) for script in scripts if script in known)
    return found


def is_whole_wasm(read: Read, size: int) -> bool:
    """Whether a file is a module, or a component, from its first byte to its last."""
    try:
        for _ in _sections(read, size):
            pass
    except ValueError:
        return False
    return True


def import_names(read: Read, size: int) -> frozenset[bytes] | None:
    """The names of a module's imports; None where there are none, or they are made up when it is linked."""
    try:
        for number, begin, end in _sections(read, size):
            if number == _IMPORTS:
                section = read(begin, min(end - begin, MAX_IMPORT_SECTION))
                found = list(_imports(_Bytes(section)))
                # Addresses of a dynamically linked program, which the loader makes up.
                dynamic = any(module.startswith(b"GOT.") for module, _ in found)
                return None if dynamic else frozenset(name for _, name in found)
    except ValueError:
        pass
    return None


def fits(script: bytes, names: frozenset[bytes] | None) -> bool:
    """Whether a script can give a module what it imports: it has all the names somewhere."""
    return names is None or all(name in script for name in names)


def _sections(read: Read, size: int) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of each section; ValueError where the file does not consist of them."""
    if read(0, 8) not in _PREAMBLES:
        raise ValueError("no preamble")
    at = 8
    for _ in range(MAX_SECTIONS):
        if at == size:
            return
        head = _Bytes(read(at, 6))
        number, length = head.byte(), head.number()
        begin, end = at + head.at, at + head.at + length
        # Zeros where the writer has not been yet look like custom sections that have not even a name.
        if number > _LAST_SECTION or end > size or length == 0:
            raise ValueError("no section")
        yield number, begin, end
        at = end
    raise ValueError("too many sections")


def _imports(section: "_Bytes") -> Iterator[tuple[bytes, bytes]]:
    """Module and name of each import (WebAssembly, section 5.5.5); ValueError where it is none."""
    for _ in range(section.number()):
        yield section.name(), section.name()
        match section.byte():
            case 0:  # function
                section.number()
            case 1:  # table
                section.type()
                section.limits()
            case 2:  # memory
                section.limits()
            case 3:  # global
                section.type()
                section.byte()
            case 4:  # tag
                section.byte()
                section.number()
            case _:
                raise ValueError("no kind of import")


class _Bytes:
    """A cursor; ValueError where there is nothing more."""

    def __init__(self, data: bytes) -> None:
        self.at = 0
        self._data = data

    def byte(self) -> int:
        if self.at >= len(self._data):
            raise ValueError("the end")
        self.at += 1
        return self._data[self.at - 1]

    def number(self) -> int:
        """LEB128 (WebAssembly, section 5.2.2), up to 64 bits."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  the bit that says there is more
                return value
        raise ValueError("no number")

    def name(self) -> bytes:
        length = self.number()
        self.at += length
        if self.at > len(self._data):
            raise ValueError("the end")
        return self._data[self.at - length : self.at]

    def type(self) -> None:
        if self.byte() in (0x63, 0x64):  # a reference to a type that has a number
            self.number()

    def limits(self) -> None:
        flags = self.byte()
        self.number()
        if flags & 1:
            self.number()
        if flags & 8:  # size of a page
            self.number()
