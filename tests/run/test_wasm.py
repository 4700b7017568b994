"""WebAssembly modules: where functions and debug information are; damage is told, not obeyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.run.wasm import Module, WasmError, parse_module

MAGIC = b"\0asm\1\0\0\0"


def number(value: int) -> bytes:
    """Unsigned LEB128."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def name(text: str) -> bytes:
    return number(len(text.encode())) + text.encode()


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + number(len(content)) + content


def custom(title: str, content: bytes = b"") -> bytes:
    return section(0, name(title) + content)


def imports(*descriptions: bytes) -> bytes:
    return section(2, number(len(descriptions)) + b"".join(name("env") + name("x") + d for d in descriptions))


def code(*sizes: int) -> bytes:
    """A code section with bodies of these sizes."""
    return section(10, number(len(sizes)) + b"".join(number(size) + b"\1" * size for size in sizes))


def test_functions_are_where_the_code_section_has_them() -> None:
    module = parse_module(MAGIC + code(3, 200, 5))
    # 8 magic, 1 id, 2 size; then 1 count, and a size before each body
    assert module.code == 11
    assert module.bodies([0, 1, 2]) == {0: range(13, 16), 1: range(18, 218), 2: range(219, 224)}


def test_imported_functions_are_counted_first() -> None:
    kinds = (
        b"\0\5",  # a function of type 5
        b"\1\x70\0\1",  # a table of funcref, with a minimum
        b"\1\x70\1\1\2",  # with a maximum too
        b"\1\x63\x70\0\1",  # of a typed reference
        b"\2\3\x80\2\x80\2",  # a shared memory
        b"\2\4\x80\x80\x80\x80\x80\x80\1",  # of 64 bits
        b"\2\x08\1\0",  # with pages of one byte
        b"\3\x7f\1",  # a global
        b"\3\x64\x6e\0",  # of a typed reference
        b"\4\0\1",  # a tag
        b"\0\0",
    )
    module = parse_module(MAGIC + imports(*kinds) + code(7))
    assert module.imported == 2
    assert module.bodies([0, 1, 2, 3]) == {2: range(module.code + 2, module.code + 9)}


@pytest.mark.parametrize(
    ("sections", "source_map", "debug_file", "dwarf"),
    [
        ((), "", "", False),
        ((custom("sourceMappingURL", name("app.wasm.map")),), "app.wasm.map", "", False),
        ((custom("external_debug_info", name("app.debug.wasm")),), "", "app.debug.wasm", False),
        ((custom(".debug_info", b"\x7f" * 300), custom(".debug_line")), "", "", True),
        ((custom(".debug_line"), custom("name", b"\xff\xff")), "", "", False),
        ((custom("sourceMappingURL", name("grün")), custom(".debug_info")), "grün", "", True),
    ],
)
def test_debug_information_is_found(
    sections: tuple[bytes, ...], source_map: str, debug_file: str, dwarf: bool
) -> None:
    for data in (MAGIC + b"".join(sections), MAGIC + code(1) + b"".join(sections)):
        module = parse_module(data)
        assert (module.source_map, module.debug_file, module.dwarf) == (source_map, debug_file, dwarf)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<!doctype html>", id="a-page"),
        pytest.param(b"\0asm\r\0\1\0", id="a-component"),
        pytest.param(MAGIC + b"\0", id="no-size"),
        pytest.param(MAGIC + b"\0\5abc", id="section-too-long"),
        pytest.param(MAGIC + b"\0" + b"\x80" * 20 + b"\1", id="endless-number"),
        pytest.param(MAGIC + custom("")[:-1] + b"\x7f", id="name-too-long"),
        pytest.param(MAGIC + custom("x") * 1001, id="too-many-sections"),
        pytest.param(MAGIC + imports(b"\x09"), id="import-of-unknown-kind"),
        pytest.param(MAGIC + section(2, number(2**31)), id="imports-that-are-not-there"),
    ],
)
def test_what_is_no_module_is_an_error(data: bytes) -> None:
    with pytest.raises(WasmError):
        parse_module(data)


def test_a_damaged_code_section_is_an_error() -> None:
    module = parse_module(MAGIC + section(10, number(1000) + b"\1\1"))
    with pytest.raises(WasmError):
        module.bodies([5])


def test_functions_that_are_not_there_have_no_bodies() -> None:
    assert parse_module(MAGIC).bodies([0]) == {}
    module = parse_module(MAGIC + imports(b"\0\0") + code(1))
    assert module.bodies([0, 2, 10**9]) == {}
    assert module.bodies([]) == {}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", MAGIC, MAGIC + b"\2", MAGIC + b"\x0a"):
        try:
            module = parse_module(start + data)
            module.bodies(range(5))
        except WasmError:
            continue
        assert isinstance(module, Module)
