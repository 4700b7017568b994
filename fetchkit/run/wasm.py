r"""What a stack needs to know of a WebAssembly module: where functions and debug information are. Pure.

    module   = "\0asm" 1 0 0 0 *section
    section  = id size content                (WebAssembly core specification, 5.5; numbers are LEB128)
    custom   = 0 size name content

`sourceMappingURL` has one name, the URL of the source map; `external_debug_info` the one of a module with
DWARF; `.debug_info` is DWARF, whose addresses count from the content of the code section. Functions are
numbered with the imported ones first.
"""

from collections.abc import Collection
from typing import Final

from attrs import field, frozen

__all__ = ["Module", "WasmError", "parse_module"]

_MAGIC: Final = b"\0asm\1\0\0\0"
_CUSTOM, _IMPORT, _CODE = 0, 2, 10
# Builds with DWARF have some twenty.
_MAX_SECTIONS: Final = 1000
# As browsers limit imports and functions (WebAssembly JavaScript interface, section 7).
_MAX_FUNCTIONS: Final = 1_000_000
# Bits of a number in five or ten bytes, the longest that the specification allows.
_MAX_SHIFT: Final = 63


class WasmError(ValueError):
    """The bytes are no module that can be read."""


@frozen
class Module:
    """A module.

    Attributes:
        data: all of it.
        imported: how many functions are imported.
        code: where the content of the code section begins; 0 for none.
        source_map: URL of its source map; empty for none.
        debug_file: URL of the module that has its DWARF; empty for none.
        dwarf: whether it has DWARF itself.
    """

    data: bytes = field(repr=False)
    imported: int = 0
    code: int = 0
    source_map: str = ""
    debug_file: str = ""
    dwarf: bool = False

    def bodies(self, functions: Collection[int]) -> dict[int, range]:
        """The offsets of each of these functions; without those that are not defined here.

        Raises:
            WasmError: the code section is damaged.
        """
        wanted = {number - self.imported for number in functions}
        last = max(wanted, default=-1)
        if not self.code or last < 0:
            return {}
        count, at = _number(self.data, self.code)
        found = {}
        for index in range(min(count, last + 1, _MAX_FUNCTIONS)):
            size, start = _number(self.data, at)
            at = start + size
            if index in wanted:
                found[index + self.imported] = range(start, at)
        return found


def parse_module(data: bytes) -> Module:
    """Read the sections.

    Raises:
        WasmError: it is no module, or damaged.
    """
    if not data.startswith(_MAGIC):
        raise WasmError("It does not begin as a WebAssembly module.")
    known: dict[str, str] = {}
    dwarf, imported, code, at = False, 0, 0, len(_MAGIC)
    for _ in range(_MAX_SECTIONS):
        if at == len(data):
            urls = (known.get("sourceMappingURL", ""), known.get("external_debug_info", ""))
            return Module(data, imported, code, *urls, dwarf)
        size, start = _number(data, at + 1)
        kind, at = data[at], start + size
        if at > len(data):
            raise WasmError("A section is longer than the module.")
        if kind == _IMPORT:
            imported = _imported_functions(data[start:at])
        elif kind == _CODE:
            code = start
        elif kind == _CUSTOM:
            name, content = _name(data, start)
            if name in ("sourceMappingURL", "external_debug_info"):
                known[name] = _name(data, content)[0]
            dwarf = dwarf or name == ".debug_info"
    raise WasmError("There are too many sections.")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    for position in range(at, min(len(data), at + _MAX_SHIFT // 7 + 1)):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the bit that says that more follow
            return value, position + 1
        shift += 7
    raise WasmError("A number does not end.")


def _name(data: bytes, at: int) -> tuple[str, int]:
    size, start = _number(data, at)
    if start + size > len(data):
        raise WasmError("A name is longer than the module.")
    return data[start : start + size].decode("utf-8", "replace"), start + size


def _imported_functions(section: bytes) -> int:
    """How many of the imports are functions (section 5.5.5)."""
    count, at = _number(section, 0)
    functions = 0
    for _ in range(min(count, _MAX_FUNCTIONS)):
        for _name_of in ("module", "field"):
            size, at = _number(section, at)
            at += size
        kind, at = section[at : at + 1], at + 1
        if kind == b"\0":
            functions += 1
            _, at = _number(section, at)
        elif kind == b"\1":  # a table: its element's type, then its limits
            at = _after_limits(section, at + (2 if section[at : at + 1] in (b"\x63", b"\x64") else 1))
        elif kind == b"\2":
            at = _after_limits(section, at)
        elif kind == b"\3":  # a global: its type, and whether it changes
            at += 3 if section[at : at + 1] in (b"\x63", b"\x64") else 2
        elif kind == b"\4":
            _, at = _number(section, at + 1)
        else:
            raise WasmError("An import is of no known kind.")
    return functions


def _after_limits(section: bytes, at: int) -> int:
    flags, at = _number(section, at)
    # Minimum, maximum if there is one, and the size of a page if it is told.
    for _ in range(1 + (flags & 1) + (flags >> 3 & 1)):
        _, at = _number(section, at)
    return at
