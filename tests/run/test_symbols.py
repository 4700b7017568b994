"""Places of frames: exact in real builds by emcc, of served files only, and never at any price."""

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fetchkit.run import symbols
from fetchkit.run.stack import Frame, Place, Trace, parse_trace, shown
from fetchkit.run.symbols import find_symbolizer, places
from tests.e2e.conftest import require
from tests.e2e.toolchain import Emcc

from .test_sourcemap import MAP
from .test_wasm import MAGIC, code, custom, name

ROOT = "http://127.0.0.1:8000/"
HOST = "http://localhost:8000"

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) void bottom(int n) {
  if (n)
    abort(); // abort
  puts("");
}

static inline __attribute__((always_inline)) void inlined(int n) {
  if (n > 1)
    __builtin_trap(); // trap
}

__attribute__((noinline)) void middle(int n) {
  puts("");
  if (n == 1) bottom(n); // middle
  inlined(n); // inlined
  puts("");
}

__attribute__((noinline)) void top(int n) {
  middle( // top
    n);
  puts("");
}

int main(int argc, char **argv) {
  top(atoi(argv[1])); // main
  return 0;
}
"""

# Emscripten 3.1.6 takes a global fetch for a browser's, which Node has since version 18.
START = "delete globalThis.fetch; Error.stackTraceLimit = 50; require(process.argv[1])"


def line_of(mark: str) -> int:
    """The line of PROGRAM with this comment."""
    return next(i for i, line in enumerate(PROGRAM.split("\n"), 1) if line.endswith(f"// {mark}"))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`build(*flags)`: the folder with the program's build, which has its source in it."""
    folder = tmp_path_factory.mktemp("build")
    (folder / "crash.c").write_text(PROGRAM)
    emcc = Emcc(require("emscripten", "emcc"), folder)
    require("nodejs", "node")
    return lambda *flags: emcc.build(folder / "crash.c", *flags)


def crash(folder: Path, number: int) -> Trace:
    """The stack of the program in Node, as if it had come from a server."""
    command = ["node", "-e", START, str(folder / "crash.js"), str(number)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    text = re.sub(r"wasm://wasm/[0-9a-f]+", f"{HOST}/crash.wasm", result.stderr)
    trace = parse_trace(text.replace(str(folder), HOST).partition("\nNode.js")[0])
    assert trace is not None, result.stderr
    return trace


def lines(found: dict[Frame, tuple[Place, ...]]) -> dict[str, list[tuple[str, str, int]]]:
    """Of each function its places, the innermost first: function, name of the file, line."""
    return {
        frame.function: [(place.function, os.path.basename(place.file), place.line) for place in chain]
        for frame, chain in found.items()
    }


def chain_of(*functions: tuple[str, str]) -> dict[str, list[tuple[str, str, int]]]:
    return {function: [("", "crash.c", line_of(mark))] for function, mark in functions}


CALLERS = (("top", "top"), ("main", "main"))
ABORT = chain_of(("bottom", "abort"), ("middle", "middle"), *CALLERS)
TRAP = chain_of(("middle", "trap"), *CALLERS)


@pytest.mark.parametrize("flags", [("-gsource-map",), ("-gsource-map", "-O1", "-fno-inline-functions")])
async def test_a_source_map_gives_the_exact_lines(build: Callable[..., Path], flags: tuple[str, ...]) -> None:
    folder = build(*flags)
    assert lines(await places(crash(folder, 1), folder, ROOT)) == ABORT
    assert lines(await places(crash(folder, 2), folder, ROOT)) == TRAP


def with_names(expected: dict[str, list[tuple[str, str, int]]]) -> dict[str, list[tuple[str, str, int]]]:
    return {name: [(name, *place[1:]) for place in chain] for name, chain in expected.items()}


@pytest.mark.parametrize("flags", [("-g",), ("-g", "-O2"), ("-g", "-gseparate-dwarf")])
async def test_dwarf_gives_the_exact_lines_and_what_was_inlined(
    build: Callable[..., Path], flags: tuple[str, ...]
) -> None:
    require("llvm-14", "llvm-symbolizer", "llvm-symbolizer-14")
    folder = build(*flags)
    assert lines(await places(crash(folder, 1), folder, ROOT)) == with_names(ABORT)
    trapped = [("inlined", "crash.c", line_of("trap")), ("middle", "crash.c", line_of("inlined"))]
    assert lines(await places(crash(folder, 2), folder, ROOT)) == with_names(TRAP) | {"middle": trapped}


async def test_a_build_without_debug_information_has_no_places(build: Callable[..., Path]) -> None:
    folder = build()
    trace = crash(folder, 1)
    assert await places(trace, folder, ROOT) == {}
    assert re.search(
        r"^    at wasm-function\[\d+\] \(crash\.wasm:0x[0-9a-f]+\)$", shown(trace, {}), re.MULTILINE
    )


async def test_the_whole_of_a_crash_reads_well(
    build: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    require("llvm-14", "llvm-symbolizer", "llvm-symbolizer-14")
    folder = build("-g")
    monkeypatch.chdir(folder.parent)
    trace = crash(folder, 2)
    text = shown(trace, await places(trace, folder, ROOT))
    assert re.search(
        rf"^RuntimeError: unreachable\n"
        rf"    at inlined \(crash\.c:{line_of('trap')}:5, inlined\)\n"
        rf"    at middle \(crash\.c:{line_of('inlined')}:3\)\n"
        rf"    at top \(crash\.c:{line_of('top')}:3\)\n"
        rf"    at main \(crash\.c:{line_of('main')}:3\)\n"
        rf"(    at .*\n)*    at callMain, .*\(crash\.js:\d+\)$",
        text,
        re.MULTILINE,
    ), text


async def test_firefoxs_frames_have_the_same_places(build: Callable[..., Path]) -> None:
    folder = build("-gsource-map")
    frames = [frame for frame in crash(folder, 1).frames if frame.offset is not None]
    text = "\n".join(f"{f.function}@{f.url}:wasm-function[{f.wasm_function}]:{f.offset:#x}" for f in frames)
    trace = parse_trace(text)
    assert trace is not None
    assert lines(await places(trace, folder, ROOT)) == ABORT


@pytest.mark.parametrize(
    "url",
    ["wasm://wasm/0002769e", f"{HOST}/crash.js"],  # Chromium; Firefox: crash.js line 1 > WebAssembly.Module
)
async def test_a_module_without_url_is_found_beside_its_script(build: Callable[..., Path], url: str) -> None:
    folder = build("-gsource-map")
    frames = tuple(
        Frame(f.function, url, 0, 0, f.wasm_function, f.offset) if f.offset is not None else f
        for f in crash(folder, 1).frames
    )
    assert lines(await places(Trace("", frames), folder, ROOT)) == ABORT
    modules_only = tuple(frame for frame in frames if frame.url.startswith("wasm:"))
    assert await places(Trace("", modules_only), folder, ROOT) == {}


# --- modules made by hand: one function at offset 14, mapped at 16 ---

OFFSET = 17
FOUND = (Place("", "a.c", 4, 8),)
MODULE = MAGIC + code(200)


def frame(url: str = f"{HOST}/app.wasm", offset: int = OFFSET, function: int = 0) -> Frame:
    return Frame("f", url, 0, 0, function, offset)


def write(folder: Path, url: str = "app.wasm.map", file: str = "app.wasm", data: bytes = MAP) -> Path:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(MODULE + custom("sourceMappingURL", name(url)))
    (folder / f"{file}.map").write_bytes(data)
    return folder


async def place(folder: Path, asked: Frame) -> tuple[Place, ...]:
    return (await places(Trace("", (asked,)), folder, ROOT)).get(asked, ())


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("app.wasm.map", id="beside"),
        pytest.param("./app.wasm.map", id="relative"),
        pytest.param("/app.wasm.map", id="from-the-root"),
        pytest.param(f"{HOST}/app.wasm.map?v=1", id="on-this-server"),
        pytest.param("http://localhost:6931/x/app.wasm.map", id="on-another-server"),
        pytest.param("C:\\build\\app.wasm.map", id="a-path"),
        pytest.param("data:application/json;base64," + base64.b64encode(MAP).decode(), id="within"),
    ],
)
async def test_the_map_that_a_module_names_is_found(tmp_path: Path, url: str) -> None:
    assert await place(write(tmp_path, url), frame()) == FOUND


@pytest.mark.parametrize(
    ("url", "file"),
    [
        (f"{HOST}/app.wasm?v=1#x", "app.wasm"),
        (f"{HOST}/sub/my%20app.wasm", "sub/my app.wasm"),
        (f"{HOST}/sub/gr%C3%BCn.wasm", "sub/grün.wasm"),
        ("http://127.0.0.1:8000/app.wasm", "app.wasm"),
        ("http://[::1]:8000/.build/app.wasm", ".build/app.wasm"),
    ],
)
async def test_the_module_that_a_url_means_is_found(tmp_path: Path, url: str, file: str) -> None:
    write(tmp_path, "data:," + MAP.decode().replace("%", "%25"), file)
    assert await place(tmp_path, frame(url)) == FOUND


async def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write(tmp_path)
    (root / "link.wasm").symlink_to(tmp_path / "app.wasm")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "fifo.wasm")
    up = ("../app.wasm", "%2e%2e/app.wasm", "..%2fapp.wasm", "x/../../app.wasm", f"/{tmp_path}/app.wasm")
    for path in (*up, "link.wasm", "folder/app.wasm", "fifo.wasm", "missing.wasm", "", "%", "%00"):
        assert await place(root, frame(f"{HOST}/{path}")) == (), path
    outside = f"{tmp_path}/app.wasm.map"
    for url in ("../app.wasm.map", "/../app.wasm.map", f"file://{outside}", outside):
        (root / "in.wasm").write_bytes(MODULE + custom("sourceMappingURL", name(url)))
        assert await place(root, frame(f"{HOST}/in.wasm")) == (), url
    assert await place(tmp_path, frame()) == FOUND


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8001/app.wasm",
        "https://localhost:8000/app.wasm",
        "http://localhost/app.wasm",
        "http://localhost:99999/app.wasm",
        "http://[/app.wasm",
        "file:///app.wasm",
        "blob:http://localhost:8000/app.wasm",
        "/app.wasm",
        "",
    ],
)
async def test_another_servers_modules_have_no_places(tmp_path: Path, url: str) -> None:
    assert await place(write(tmp_path), frame(url)) == ()


@pytest.mark.parametrize(
    "asked", [frame(offset=13), frame(offset=214), frame(function=1), frame(offset=10**9)]
)
async def test_a_module_that_was_built_anew_has_no_places(tmp_path: Path, asked: Frame) -> None:
    write(tmp_path)
    assert await places(Trace("", (frame(), asked)), tmp_path, ROOT) == {}


@pytest.mark.parametrize("data", [b"", b"<!doctype html>", MODULE[:-1], b"\0asm\1\0\0\0" + b"\xff" * 100])
async def test_what_is_no_module_has_no_places(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "app.wasm").write_bytes(data)
    assert await place(tmp_path, frame()) == ()


async def test_a_broken_module_does_not_cost_another_its_places(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "bad.wasm").write_bytes(MAGIC + b"\1")
    trace = Trace("", (frame(f"{HOST}/bad.wasm"), frame()))
    assert await places(trace, tmp_path, ROOT) == {frame(): FOUND}


async def test_a_module_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (write(tmp_path) / "app.wasm").stat().st_size
    with (tmp_path / "app.wasm").open("ab") as file:
        file.write(custom("more"))
    assert await place(tmp_path, frame()) == FOUND
    monkeypatch.setattr(symbols, "_MAX_MODULE", size)
    assert await place(tmp_path, frame()) == ()


async def test_sources_are_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, file="site/app.wasm", data=MAP.replace(b'"a.c"', b'"../a.c"'))
    site = tmp_path / "site"
    assert (await place(site, frame()))[0].file == "../a.c"
    (tmp_path / "a.c").touch()
    assert (await place(site, frame()))[0].file == str(tmp_path / "a.c")
    monkeypatch.chdir(tmp_path)
    assert (await place(site, frame()))[0].file == "a.c"
    write(site, data=MAP.replace(b'"a.c"', b'"/build/emscripten-3/system/lib/libc/abort.c"'))
    assert (await place(site, frame()))[0].file == "system/lib/libc/abort.c"
    write(site, data=MAP.replace(b'"a.c"', b'"webpack://x/a.c"'))
    assert (await place(site, frame()))[0].file == "webpack://x/a.c"


# --- symbolizers made by hand ---


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def tool(folder: Path, script: str, file: str = "llvm-symbolizer") -> Path:
    (folder / file).write_text(f"#!/bin/sh\n{script}\n")
    (folder / file).chmod(0o755)
    return folder / file


def answer(address: str = "0x6", **symbol: object) -> str:
    known = {"FunctionName": "g", "FileName": "/x/../a.c", "Line": 3, "Column": 4} | symbol
    return json.dumps({"Address": address, "Symbol": [known]})


@pytest.fixture
def with_dwarf(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "app.wasm").write_bytes(MODULE + custom(".debug_info"))
    return folder


async def test_the_symbolizer_is_asked_for_addresses_in_the_code_section(
    tools: Path, with_dwarf: Path
) -> None:
    args = tools / "args"
    tool(tools, f'echo "$@" > {args}; read address; echo "$address" >> {args}; echo \'{answer()}\'')
    assert await place(with_dwarf, frame()) == (Place("g", "/a.c", 3, 4),)
    # The code section's content begins at 11.
    assert args.read_text() == f"--obj={with_dwarf}/app.wasm --output-style=JSON\n0x6\n"


async def test_the_symbolizer_asks_no_servers(
    tools: Path, with_dwarf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUGINFOD_URLS", "http://127.0.0.1:9")
    monkeypatch.setenv("LLVM_SYMBOLIZER_OPTS", "--debuginfod")
    tool(tools, f"export -p > {tools}/env; read address; echo '{answer()}'")
    assert await place(with_dwarf, frame()) == (Place("g", "/a.c", 3, 4),)
    environment = (tools / "env").read_text()
    assert "PATH" in environment
    assert not re.search("DEBUGINFOD|SYMBOLIZER_OPTS", environment)


@pytest.mark.usefixtures("tools")
async def test_without_a_symbolizer_maps_are_still_read(with_dwarf: Path) -> None:
    assert find_symbolizer() is None
    assert await place(with_dwarf, frame()) == ()
    assert await place(write(with_dwarf), frame()) == FOUND


async def test_dwarf_stands_in_for_a_map_that_cannot_be_used(tools: Path, with_dwarf: Path) -> None:
    tool(tools, f"read address; echo '{answer()}'")
    sections = custom("sourceMappingURL", name("app.wasm.map")) + custom(".debug_info")
    (with_dwarf / "app.wasm").write_bytes(MODULE + sections)
    assert await place(with_dwarf, frame()) == (Place("g", "/a.c", 3, 4),)
    for data in (b"{", bytes(2**27)):
        (with_dwarf / "app.wasm.map").write_bytes(data)
        assert await place(with_dwarf, frame()) == (Place("g", "/a.c", 3, 4),)
    (with_dwarf / "app.wasm.map").write_bytes(MAP)
    assert await place(with_dwarf, frame()) == FOUND


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("exit 1", id="nothing"),
        pytest.param("echo hello", id="text"),
        pytest.param(f"echo '{answer('0x7')}'", id="another-address"),
        pytest.param(f"echo '{answer()}'; echo '{answer()}'", id="too-many"),
        pytest.param(f"echo '{answer(FileName='')}'", id="no-file"),
        pytest.param(f"echo '{answer(Line='x')}'", id="no-number"),
        pytest.param("""echo '{"Address":"0x6","Symbol":[1]}'""", id="no-symbol"),
        pytest.param("""echo '{"Address":"0x6","Symbol":5}'""", id="no-symbols"),
        pytest.param("""echo '{"Address":"0x6","Error":{"Message":"no"}}'""", id="an-error"),
        pytest.param("echo '[]'", id="a-list"),
        pytest.param("while echo 0123456789; do :; done", id="without-end"),
        pytest.param(f"printf '%5000000s' ''; echo '{answer()}'", id="too-long"),
    ],
)
async def test_a_symbolizer_that_answers_anything_else_is_not_believed(
    tools: Path, with_dwarf: Path, script: str
) -> None:
    tool(tools, script)
    assert await place(with_dwarf, frame()) == ()


async def test_a_symbolizer_that_hangs_is_killed(
    tools: Path, with_dwarf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbols, "_SECONDS", 1.0)
    write(with_dwarf, "first.wasm.map", "first.wasm")
    pid = tools / "pid"
    tool(tools, f"echo $$ > {pid}; exec {require('coreutils', '/bin/sleep')} 600")
    began = time.monotonic()
    trace = Trace("", (frame(f"{HOST}/first.wasm"), frame()))
    assert list(await places(trace, with_dwarf, ROOT)) == [trace.frames[0]]
    assert time.monotonic() - began < 300
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_newest_symbolizer_with_a_version_is_taken(tools: Path) -> None:
    for version in (9, 14, 17):
        tool(tools, "", f"llvm-symbolizer-{version}")
    (tools / "llvm-symbolizer-19").write_text("cannot be run")
    (tools / "llvm-symbolizer-20.bak").write_text("")
    assert find_symbolizer() == str(tools / "llvm-symbolizer-17")
    plain = tool(tools, "")
    assert find_symbolizer() == str(plain)


def test_emsdks_symbolizer_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("upstream/emscripten", "upstream/bin", "tools"):
        (tmp_path / folder).mkdir(parents=True)
    tool(tmp_path / "upstream/emscripten", "", "emcc")
    tool(tmp_path / "tools", "")
    expected = tool(tmp_path / "upstream/bin", "")
    monkeypatch.setenv("PATH", f"{tmp_path}/tools{os.pathsep}{tmp_path}/upstream/emscripten")
    assert find_symbolizer() == str(expected)
