"""Stacks: what Chromium and Firefox print is read exactly, and shown so that people can read it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.run.stack import MAX_FRAMES, Frame, Place, Trace, parse_trace, shown

HOST = "http://localhost:8000"
WASM = f"{HOST}/app.wasm"
JS = f"{HOST}/app.js"


def script(function: str, line: int, column: int, url: str = JS) -> Frame:
    return Frame(function, url, line, column)


def wasm(function: str, number: int, offset: int, url: str = WASM) -> Frame:
    return Frame(function, url, 0, 0, number, offset)


CHROMIUM = f"""RuntimeError: unreachable
    at middle ({WASM}:wasm-function[6]:0x340)
    at {WASM}:wasm-function[7]:0x392
    at {JS}:1548:22
    at callMain ({JS}:2246:15)"""

FIREFOX = f"""middle@{WASM}:wasm-function[6]:0x340
@{WASM}:wasm-function[7]:0x392
@{JS}:1548:22
callMain@{JS}:2246:15
"""

FRAMES = (wasm("middle", 6, 0x340), wasm("", 7, 0x392), script("", 1548, 22), script("callMain", 2246, 15))


@pytest.mark.parametrize(
    ("text", "head"),
    [
        pytest.param(CHROMIUM, "RuntimeError: unreachable", id="chromium"),
        pytest.param(FIREFOX, "", id="firefox"),
        pytest.param(
            f"RuntimeError: unreachable executed\n{FIREFOX}",
            "RuntimeError: unreachable executed",
            id="message",
        ),
        pytest.param(CHROMIUM.replace("\n", "\r\n"), "RuntimeError: unreachable", id="carriage-returns"),
        pytest.param(
            f"Uncaught\nx\n{CHROMIUM}", "Uncaught\nx\nRuntimeError: unreachable", id="several-lines"
        ),
        pytest.param(
            f"exception thrown: RuntimeError: unreachable,{CHROMIUM}",
            "RuntimeError: unreachable",
            id="emcc-3",
        ),
        pytest.param(f"exception thrown: {CHROMIUM}", "RuntimeError: unreachable", id="emcc-once"),
        pytest.param(f"exception thrown: Error: a, b,{FIREFOX}", "Error: a, b", id="emcc-3-firefox"),
        pytest.param(f"exception thrown: {FIREFOX}", "", id="emcc-once-firefox"),
    ],
)
def test_stacks_are_read_whoever_prints_them(text: str, head: str) -> None:
    assert parse_trace(text) == Trace(head, FRAMES)


CPP = "(anonymous namespace)::S::go(std::__2::vector<int> const&, void (*)(std::x, int))"


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        # V8
        (f"    at {CPP} ({WASM}:wasm-function[15]:0x817)", wasm(CPP, 15, 0x817)),
        (f"    at foo (std::x) ({WASM}:wasm-function[1]:0xff)", wasm("foo (std::x)", 1, 0xFF)),
        (
            "    at f (wasm://wasm/0002769e:wasm-function[5]:0x266)",
            wasm("f", 5, 0x266, "wasm://wasm/0002769e"),
        ),
        (
            "    at wasm://wasm/app-0002769e:wasm-function[5]:0x266",
            wasm("", 5, 0x266, "wasm://wasm/app-0002769e"),
        ),
        (f"    at Object.foo [as bar] ({JS}:1:2)", script("Object.foo [as bar]", 1, 2)),
        (f"    at new Foo ({JS}:1:2)", script("new Foo", 1, 2)),
        (f"    at async main ({JS}:1:2)", script("async main", 1, 2)),
        (f"    at async {JS}:1:2", script("async", 1, 2)),
        ("    at async Promise.all (index 0)", Frame("async Promise.all", "", 0, 0)),
        ("    at Array.forEach (<anonymous>)", Frame("Array.forEach", "", 0, 0)),
        ("    at Array.map (native)", Frame("Array.map", "", 0, 0)),
        ("    at <anonymous>", Frame("", "", 0, 0)),
        ("    at <anonymous>:1:7", script("", 1, 7, "<anonymous>")),
        (f"    at ev (eval at <anonymous> ({JS}:4:16), <anonymous>:1:16)", script("ev", 4, 16)),
        (
            f"    at eval (eval at ev (eval at <anonymous> ({JS}:4:16)), <anonymous>:1:10)",
            script("eval", 4, 16),
        ),
        ("    at eval (eval at x, <anonymous>:1:10)", Frame("eval", "", 0, 0)),
        (
            "    at f (node:internal/modules/loader:1521:14)",
            script("f", 1521, 14, "node:internal/modules/loader"),
        ),
        ("    at f (/home/me/app.js:3:5)", script("f", 3, 5, "/home/me/app.js")),
        ("    at C:\\my build\\app.js:3:5", script("", 3, 5, "C:\\my build\\app.js")),
        (
            "    at f (http://[::1]:80/a (1)/b.js?v=1:2#x:3:4)",
            script("f", 3, 4, "http://[::1]:80/a (1)/b.js?v=1:2#x"),
        ),
        ("    at http://h/a b.js:3:4", script("", 3, 4, "http://h/a b.js")),
        ("    at f (blob:http://h:1/0-1:3:4)", script("f", 3, 4, "blob:http://h:1/0-1")),
        # SpiderMonkey
        (f"{CPP}@{WASM}:wasm-function[15]:0x817", wasm(CPP, 15, 0x817)),
        (f"createExportWrapper/<@{JS}:1:2", script("createExportWrapper/<", 1, 2)),
        (f"async*f@{JS}:1:2", script("async*f", 1, 2)),
        (f"ev@{JS} line 4 > eval:1:16", script("ev", 4, 0)),
        (f"@{JS} line 4 > eval line 7 > eval:1:5", script("", 4, 0)),
        (f"f@{JS} line 9 > WebAssembly.Module:wasm-function[5]:0x266", wasm("f", 5, 0x266, JS)),
        ("f@http://me@h:1/a@b.js:3:4", script("f", 3, 4, "http://me@h:1/a@b.js")),
        ("map@[native code]", Frame("map", "", 0, 0)),
    ],
)
def test_frames_of_every_kind_are_read(line: str, frame: Frame) -> None:
    assert parse_trace(line) == Trace("", (frame,))


def test_the_message_before_a_name_of_c_plus_plus_is_told_apart_from_it() -> None:
    text = f"exception thrown: RuntimeError: a, b,{CPP}@{WASM}:wasm-function[15]:0x817"
    assert parse_trace(text) == Trace("RuntimeError: a, b", (wasm(CPP, 15, 0x817),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello, world!",
        "RuntimeError: unreachable",
        "    at home",
        "    at noon 12:30:15",
        f"at {JS}:1:2",  # not indented
        "    at f (x.wasm)",
        "mail me@example.com",
        "me@http://example.com/ wrote",
        f"    at f ({WASM}:wasm-function[x]:0x1)",
        f"    at f ({JS}:\u0661:\u0662)",
        "    at ",
        "@",
    ],
)
def test_text_without_frames_is_no_stack(text: str) -> None:
    assert parse_trace(text) is None


def test_of_several_stacks_the_last_is_read() -> None:
    trace = parse_trace(f"Error: outer\n    at f ({JS}:1:2)\nCaused by: \n\n{CHROMIUM}\n\nBye\n")
    assert trace is not None
    assert trace.frames == FRAMES
    assert trace.head == f"Error: outer\n    at f ({JS}:1:2)\nCaused by: \n\nRuntimeError: unreachable"
    assert trace.tail == "Bye"


def test_more_frames_than_anyone_reads_are_counted() -> None:
    line = f"    at f ({JS}:1:2)\n"
    trace = parse_trace("RangeError\n" + line * (MAX_FRAMES + 5))
    assert trace is not None
    assert (len(trace.frames), trace.left_out) == (MAX_FRAMES, 5)
    assert shown(trace, {}).splitlines()[-1] == "    ... and 5 more"


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        " (",
        " (a",
        " (http:",
        "@",
        "@a",
        "@http:",
        ":1",
        ":1:1",
        " line 1 > ",
        "eval at ",
        " (eval at ",
        ",",
        "a",
        "\n",
        "    at ",
        "\n    at x (",
        "\n@",
        ":wasm-function[1]",
        "0x",
        "1",
        "9:",
        ")",
        f"\n    at f ({JS}:1:2)",
        f"\nf@{JS}:1:2\nx",
    ],
)
def test_a_megabyte_of_anything_is_read_at_once(piece: str) -> None:
    began = time.process_time()
    for start in ("", "    at ", "    at x (http://", "exception thrown: ", "x@http://"):
        for end in ("", ")", ":1:2", ":1:2)"):
            if trace := parse_trace(start + piece * (2**20 // 4 // len(piece)) + end):
                shown(trace, {})
    # Five megabytes; what takes quadratic time would take hours.
    assert time.process_time() - began < 60


@given(
    st.lists(
        st.sampled_from(
            ["    at ", "f", " (", JS, WASM, ":1:2", ":wasm-function[1]:0x2", ")", "\n", "@", "eval at "]
        )
    )
)
def test_no_text_breaks_it(pieces: list[str]) -> None:
    trace = parse_trace("".join(pieces))
    if trace is not None:
        assert shown(trace, {})


def test_a_stack_is_shown_with_its_places() -> None:
    trace = parse_trace(CHROMIUM)
    assert trace is not None
    places = {
        FRAMES[0]: (Place("inlined", "a.c", 10, 5), Place("mid", "a.c", 15, 3)),
        FRAMES[1]: (Place("top", "src/b.c", 19, 0),),
    }
    assert shown(trace, places) == (
        "RuntimeError: unreachable\n"
        "    at inlined (a.c:10:5, inlined)\n"
        "    at middle (a.c:15:3)\n"
        "    at top (src/b.c:19)\n"
        "    at app.js:1548:22\n"
        "    at callMain (app.js:2246:15)"
    )


def test_without_places_modules_are_shown_with_offsets() -> None:
    trace = parse_trace(CHROMIUM)
    assert trace is not None
    assert shown(trace, {}).splitlines()[1:3] == [
        "    at middle (app.wasm:0x340)",
        "    at wasm-function[7] (app.wasm:0x392)",
    ]


def test_frames_of_emscripten_share_a_line_and_none_is_hidden() -> None:
    names = ("abort", "_abort", "mine", "callMain", "doRun", "run", "removeRunDependency")
    trace = Trace("x", tuple(script(name, 10 + i, 3) for i, name in enumerate(names)))
    assert shown(trace, {}) == (
        "x\n"
        "    at abort, _abort (app.js:10)\n"
        "    at mine (app.js:12:3)\n"
        "    at callMain, doRun, run, removeRunDependency (app.js:13)"
    )


def test_frames_of_emscripten_in_several_files_do_not_share_a_line() -> None:
    trace = Trace("", (script("run", 1, 2), script("run", 3, 4, f"{HOST}/b.js")))
    assert shown(trace, {}) == "    at run (app.js:1:2)\n    at run (b.js:3:4)"


def test_a_function_of_the_program_is_not_taken_for_emscriptens() -> None:
    trace = Trace("", (wasm("run", 1, 16), wasm("abort", 2, 32)))
    assert shown(trace, {}) == "    at run (app.wasm:0x10)\n    at abort (app.wasm:0x20)"


def test_another_servers_urls_are_shown_whole() -> None:
    other = "https://cdn.example/lib.js"
    trace = Trace("", (script("f", 1, 2, other), script("g", 3, 4), script("h", 5, 6)))
    assert shown(trace, {}) == f"    at f ({other}:1:2)\n    at g (app.js:3:4)\n    at h (app.js:5:6)"


def test_functions_of_the_browser_and_eval_are_shown() -> None:
    trace = Trace("", (Frame("Array.map", "", 0, 0), script("ev", 4, 0), Frame("", "", 0, 0)))
    assert shown(trace, {}) == "    at Array.map\n    at ev (app.js:4)\n    at <anonymous>"


def test_the_lines_around_are_kept() -> None:
    trace = parse_trace(f"{CHROMIUM}\nafter\nthat")
    assert trace is not None
    assert shown(trace, {}).endswith("callMain (app.js:2246:15)\nafter\nthat")


def test_names_cannot_forge_lines_or_steer_a_terminal() -> None:
    frame = wasm("a\x1b[2J", 1, 2, "http://h/\x9b.wasm")
    text = shown(Trace("", (frame,)), {})
    assert text == r"    at a\x1b[2J (\x9b.wasm:0x2)"
    text = shown(Trace("", (frame,)), {frame: (Place("i\nj", "x", 0, 5), Place("", "a\n    at b.c", 1, 1))})
    assert text == "    at i\\nj (x, inlined)\n    at a\\x1b[2J (a\\n    at b.c:1:1)"
