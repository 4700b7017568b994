"""Stacks of errors as browsers write them: read into frames, and shown so that people can read them. Pure.

    Chromium (V8's stack trace API)                     Firefox
    RuntimeError: unreachable                           (no message)
        at main (URL:wasm-function[8]:0x3d4)            main@URL:wasm-function[8]:0x3d4
        at callMain (URL:2246:15)                       callMain@URL:2246:28
        at async Promise.all (index 0)                  async*f@URL:1:2
        at g (eval at f (URL:5:1), <anonymous>:1:16)    g@URL line 5 > eval:1:16

Both give the offset of the instruction in the module; in a caller it is the one of the call, not the next.
Emscripten itself prints an error as `exception thrown: `, the message, a comma, and the stack.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from attrs import evolve, frozen

from fetchkit.text import escape

__all__ = ["MAX_FRAMES", "Frame", "Place", "Trace", "parse_trace", "shown"]

# Firefox records 128 at most; Chromium 10, unless the page asks for more.
MAX_FRAMES: Final = 200

_EXCEPTION: Final = "exception thrown: "  # library.js, handleException
# How a location begins: a URL, a path, or a word of the engine. Names in C++ have `std::`, which is no URL.
_BEGINNING: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?!:)|/|<anonymous>|eval at |native\)|index [0-9]|\[native code\]"
)
_OPENING: Final = re.compile(rf" \((?={_BEGINNING.pattern})")
_AT_SIGN: Final = re.compile(rf"@(?={_BEGINNING.pattern})")
_IN_WASM: Final = re.compile(r"(.*):wasm-function\[([0-9]{1,10})\]:0x([0-9a-fA-F]{1,10})")
_IN_SCRIPT: Final = re.compile(r"(.*):([0-9]{1,9}):([0-9]{1,9})")
_NOWHERE: Final = re.compile(r"<anonymous>|native|index [0-9]+|\[native code\]")
# Code made at run time, by Chromium and by Firefox: the place that made it is what a file has.
_EVAL_END: Final = re.compile(r":([0-9]{1,9}):([0-9]{1,9})\)")
_GENERATED: Final = re.compile(r" line ([0-9]{1,9}) > ")
_LAST_COMMA: Final = re.compile(r"(.*),(?! )(.*)")
_ORIGIN: Final = re.compile(r"https?://[^/]+/(?=.)")
# Emscripten's JavaScript around a program, which says nothing about it.
_GLUE: Final = re.compile(
    r"(?:Module\.|Object\.)?(?:_?abort|_main|_+assert_fail|callMain|doRun|run|runCaller|removeRunDependency"
    r"|receiveInstance|receiveInstantiationResult|createExportWrapper.*|callUserCallback|maybeExit"
    r"|handleException|invokeEntryPoint|callRuntimeCallbacks|initRuntime|preMain|dynCall.*|invoke_[a-z]+)"
)


@frozen
class Frame:
    """One call.

    Attributes:
        function: its name; empty where there is none.
        url: of the script or the module; empty for a function of the browser's.
        line: in a script, from 1; 0 for wasm, and where it is not known.
        column: likewise.
        wasm_function: number of the function in its module; None for JavaScript.
        offset: of the instruction, in bytes from the start of the module.
    """

    function: str
    url: str
    line: int
    column: int
    wasm_function: int | None = None
    offset: int | None = None


@frozen
class Place:
    """A place in a source.

    Attributes:
        function: its name in the debug information; empty where that has none.
        file: as people name it.
        line: from 1; 0 where the compiler knows none.
        column: likewise.
    """

    function: str
    file: str
    line: int
    column: int


@frozen
class Trace:
    """A stack with what stands around it.

    Attributes:
        head: the message, in the lines above the frames.
        frames: innermost first, MAX_FRAMES at most.
        left_out: how many more there were.
        tail: the lines below.
    """

    head: str
    frames: tuple[Frame, ...]
    left_out: int = 0
    tail: str = ""


def parse_trace(text: str) -> Trace | None:
    """Read the stack in a text, the last one of several; None where there is none. Never raises."""
    lines = text.split("\n")
    found = [(number, frame) for number, line in enumerate(lines) if (frame := _frame(line))]
    if not found:
        return None
    first = last = found[-1][0]
    for number, _ in reversed(found):
        if any(line.strip() for line in lines[number + 1 : first]):
            break
        first = number
    head, frames = lines[:first], [frame for number, frame in found if number >= first]
    if text.startswith(_EXCEPTION) and not lines[first].startswith(" "):
        message, frames[0] = _unglued(frames[0])
        head.append(message)
    return Trace(
        _message("\n".join(head).rstrip()),
        tuple(frames[:MAX_FRAMES]),
        max(len(frames) - MAX_FRAMES, 0),
        "\n".join(lines[last + 1 :]).strip("\n"),
    )


def _unglued(frame: Frame) -> tuple[str, Frame]:
    """The message that stands before the first name: Firefox has none in the stack, so no line ends it."""
    # Between arguments in the names of C++ a space follows the comma.
    if glued := _LAST_COMMA.fullmatch(frame.function):
        return glued[1], evolve(frame, function=glued[2])
    return "", evolve(frame, function=frame.function.removeprefix(_EXCEPTION))


def _message(head: str) -> str:
    """The message, once: Chromium has it in the stack too."""
    head = head.removeprefix(_EXCEPTION)
    half = len(head) // 2
    return head[:half] if head[half:] == f",{head[:half]}" else head


def _frame(line: str) -> Frame | None:
    bare = line.strip()
    if line[:1].isspace() and bare.startswith("at "):
        return _chromium(bare[3:])
    if "@" in bare and (at_sign := _AT_SIGN.search(bare)):
        return _firefox(bare[: at_sign.start()], bare[at_sign.end() :])
    return None


def _chromium(text: str) -> Frame | None:
    if text.endswith(")") and (opening := _OPENING.search(text)):
        return _located(text[: opening.start()], text[opening.end() : -1])
    function = "async" if text.startswith("async ") else ""
    location = text.removeprefix("async ")
    return _located(function, location) if _BEGINNING.match(location) else None


def _firefox(function: str, location: str) -> Frame | None:
    frame = _located(function, location)
    if frame is None or not (generated := _GENERATED.search(frame.url)):
        return frame
    line = int(generated[1]) if frame.wasm_function is None else 0
    return evolve(frame, url=frame.url[: generated.start()], line=line, column=0)


def _located(function: str, location: str) -> Frame | None:
    if wasm := _IN_WASM.fullmatch(location):
        return Frame(function, wasm[1], 0, 0, int(wasm[2]), int(wasm[3], 16))
    if location.startswith("eval at "):
        innermost = location.rfind(" (") + 2
        if end := _EVAL_END.search(location, innermost):
            return Frame(function, location[innermost : end.start()], int(end[1]), int(end[2]))
        return Frame(function, "", 0, 0)
    if script := _IN_SCRIPT.fullmatch(location):
        return Frame(function, script[1], int(script[2]), int(script[3]))
    return Frame(function, "", 0, 0) if _NOWHERE.fullmatch(location) else None


def shown(trace: Trace, places: Mapping[Frame, Sequence[Place]]) -> str:
    """A stack for people: a line for each frame, in its source where the place is known.

    Functions that were inlined get lines of their own; frames of Emscripten's JavaScript that follow one
    another share a line. Of URLs the most frequent origin is left out: it is the server's.

    Args:
        trace: what to show.
        places: of frames; of more than one the innermost first.
    """
    origins = Counter(match[0] for frame in trace.frames if (match := _ORIGIN.match(frame.url)))
    origin = next((origin for origin, _ in origins.most_common(1)), "")
    lines = [trace.head] if trace.head else []
    for _, group in groupby(trace.frames, lambda frame: _is_glue(frame) and frame.url):
        frames = list(group)
        if len(frames) > 1 and _is_glue(frames[0]):
            lines.append(_glue_line(frames, origin))
        else:
            for frame in frames:
                lines.extend(_frame_lines(frame, places.get(frame, ()), origin))
    if trace.left_out:
        lines.append(f"    ... and {trace.left_out} more")
    return "\n".join([*lines, trace.tail] if trace.tail else lines)


def _is_glue(frame: Frame) -> bool:
    return frame.wasm_function is None and frame.line > 0 and _GLUE.fullmatch(frame.function) is not None


def _glue_line(frames: Sequence[Frame], origin: str) -> str:
    names = ", ".join(frame.function for frame in frames)
    return f"    at {escape(names)} ({escape(_short(frames[0].url, origin))}:{frames[0].line})"


def _frame_lines(frame: Frame, places: Sequence[Place], origin: str) -> Iterator[str]:
    """The lines of a frame; the last of its places is in the function that has the frame."""
    for place in places[:-1]:
        yield f"    at {escape(place.function or '(inlined)')} ({escape(_at(place))}, inlined)"
    name = frame.function
    if frame.wasm_function is None:
        where = f"{_short(frame.url, origin)}:{frame.line}:{frame.column}".removesuffix(":0")
    else:
        where = f"{_short(frame.url, origin)}:{frame.offset:#x}"
        name = name or (places[-1].function if places else "") or f"wasm-function[{frame.wasm_function}]"
    if places:
        where = _at(places[-1])
    if not frame.url:
        yield f"    at {escape(name) or '<anonymous>'}"
    else:
        yield f"    at {escape(name)} ({escape(where)})" if name else f"    at {escape(where)}"


def _at(place: Place) -> str:
    numbers = [number for number in (place.line, place.column) if number] if place.line else []
    return ":".join([place.file, *map(str, numbers)])


def _short(url: str, origin: str) -> str:
    return url.removeprefix(origin)
