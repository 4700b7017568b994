"""When a build is whole, on files that exist in the test alone."""

from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.reload.rules import (
    GONE,
    GONE_BUT_NEW_DOCUMENT,
    MISFIT,
    PAIR_SETTLE,
    RESTLESS,
    SETTLE,
    AskedFile,
    Read,
    Stamp,
    Verdict,
    fits,
    import_names,
    is_stale,
    is_whole_wasm,
    judge,
    pairs,
)

from .wasm import PREAMBLE, custom, imports, leb, module, name

NOW = Stamp((1, 2), 10, 0, 0)
SAME = AskedFile(differs=False, now=NOW, still=0.0)


def changed(still: float, *, whole: bool = True, differed: float | None = None) -> AskedFile:
    return AskedFile(True, NOW, still, still if differed is None else differed, whole)


def gone(still: float) -> AskedFile:
    return AskedFile(True, None, still, still)


def empty(still: float) -> AskedFile:
    return AskedFile(True, Stamp((1, 2), 0, 0, 0), still, still)


def verdict(**files: AskedFile) -> Verdict:
    """Of files whose dots are written as underscores."""
    return judge({f"/{k.replace('_', '.')}": v for k, v in files.items()}, "/index.html", lambda *_: True)


def test_nothing_happens_while_a_page_has_what_lies_there() -> None:
    assert verdict(index_html=SAME, app_js=SAME, app_wasm=SAME) == Verdict()


@pytest.mark.parametrize("file", ["index_html", "style_css", "notes", "level_data", "lib_js", "lone_wasm"])
def test_a_file_of_its_own_settles_shortly(file: str) -> None:
    assert verdict(**{file: changed(SETTLE / 2)}) == Verdict(wait=SETTLE / 2)
    assert verdict(**{file: changed(SETTLE)}) == Verdict((f"/{file.replace('_', '.')}",))


def test_all_that_changed_must_stand_still() -> None:
    assert verdict(a_css=changed(9.0), b_css=changed(0.0)) == Verdict(wait=SETTLE)
    assert verdict(a_css=changed(9.0), b_css=SAME) == Verdict(("/a.css",))


def test_a_half_written_wasm_is_waited_for_however_long() -> None:
    assert verdict(app_wasm=changed(1000.0, whole=False), app_js=changed(1000.0)) == Verdict()


@pytest.mark.parametrize("absent", [gone, empty])
def test_what_is_empty_or_gone_never_causes_a_reload(absent: Callable[[float], AskedFile]) -> None:
    assert verdict(index_html=SAME, style_css=absent(1000.0)) == Verdict()
    assert verdict(index_html=absent(1000.0), style_css=changed(1000.0)) == Verdict()


@pytest.mark.parametrize("absent", [gone, empty])
def test_what_is_empty_or_gone_holds_others_up_but_not_for_ever(absent: Callable[[float], AskedFile]) -> None:
    assert verdict(a_css=absent(4.0), b_css=changed(3.0)) == Verdict(wait=GONE - 3.0)
    assert verdict(a_css=absent(GONE), b_css=changed(GONE)) == Verdict(("/b.css",))


def test_a_new_document_says_what_it_needs_now() -> None:
    still = GONE_BUT_NEW_DOCUMENT
    assert verdict(index_html=changed(still), old_js=gone(still)) == Verdict(("/index.html",))
    assert verdict(index_html=changed(0.5), old_js=gone(0.5)) == Verdict(wait=still - 0.5)


def test_a_pair_is_whole_once_both_are_new() -> None:
    both = verdict(app_js=changed(SETTLE), app_wasm=changed(5.0))
    assert both == Verdict(("/app.js", "/app.wasm"))


@pytest.mark.parametrize("first", ["app_js", "app_wasm"])
def test_of_a_pair_one_alone_is_waited_for_longer(first: str) -> None:
    other = {"app_js": "app_wasm", "app_wasm": "app_js"}[first]
    assert verdict(**{first: changed(SETTLE), other: SAME}) == Verdict(wait=PAIR_SETTLE - SETTLE)
    assert verdict(**{first: changed(PAIR_SETTLE), other: SAME}).reload
    assert verdict(**{first: changed(PAIR_SETTLE), other: gone(PAIR_SETTLE)}).wait == GONE - PAIR_SETTLE


@pytest.mark.parametrize("script", [SAME, changed(PAIR_SETTLE)])
def test_a_script_that_lacks_imports_of_its_wasm_is_waited_for(script: AskedFile) -> None:
    def misfit(still: float) -> Verdict:
        files = {"/app.js": script, "/app.wasm": changed(still)}
        return judge(files, "/", lambda js, wasm: (js, wasm) != ("/app.js", "/app.wasm"))

    assert misfit(PAIR_SETTLE) == Verdict(wait=MISFIT - PAIR_SETTLE)
    script = evolve(script, still=MISFIT)
    assert "/app.wasm" in misfit(MISFIT).reload


def test_what_changes_all_the_time_holds_up_nothing_for_long() -> None:
    page = changed(1.0)
    assert verdict(index_html=page, server_log=changed(0.0, differed=RESTLESS / 2)).wait == SETTLE
    assert verdict(index_html=page, server_log=changed(0.0, differed=RESTLESS)).reload
    assert verdict(index_html=page, app_js=changed(0.0, differed=RESTLESS)).wait == SETTLE
    assert verdict(index_html=SAME, server_log=changed(0.0, differed=RESTLESS)).wait == SETTLE


def test_pairs_have_one_stem_and_one_folder() -> None:
    found = pairs(
        ["/a.js", "/a.wasm", "/b/a.js", "/b.mjs", "/b.wasm", "/c_bg.wasm", "/c.js", "/d.wasm", "/e.js"]
    )
    assert found == [("/a.js", "/a.wasm"), ("/b.mjs", "/b.wasm"), ("/c.js", "/c_bg.wasm")]


@pytest.mark.parametrize(
    ("changed_at", "stale"), [(99.0, False), (99.99, True), (100.5, True), (101.0, True), (101.5, False)]
)
def test_what_came_after_the_question_is_not_what_the_page_has(changed_at: float, stale: bool) -> None:
    now = Stamp((1, 2), 10, 0, int(changed_at * 1e9))
    assert is_stale(now, asked_at=100.0, clock=101.0) is stale


def test_what_is_not_there_is_not_stale() -> None:
    assert not is_stale(None, 100.0, 101.0)


# What is inside of a wasm.


def reader(data: bytes) -> Read:
    return lambda offset, size: data[offset : offset + size]


def whole(data: bytes) -> bool:
    return is_whole_wasm(reader(data), len(data))


def names(data: bytes) -> frozenset[bytes] | None:
    return import_names(reader(data), len(data))


GOOD = module(custom("name", 300), imports(("env", "now", b"\0\0")), custom("producers", 20))


def test_a_module_is_whole_at_its_last_byte_only() -> None:
    assert whole(GOOD)
    ends = {8, 8 + len(custom("name", 300)), len(GOOD) - len(custom("producers", 20)), len(GOOD)}
    assert {end for end in range(len(GOOD) + 1) if whole(GOOD[:end])} == ends
    assert not whole(GOOD + b"\0")
    assert not whole(GOOD[:-10] + bytes(9))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0asm",
        b"\0asm\2\0\0\0",
        bytes(4096),
        PREAMBLE + bytes(4096),
        b"<!doctype html>",
        PREAMBLE + b"\x80" * 20,
    ],
)
def test_what_is_no_module_is_not_whole(data: bytes) -> None:
    assert not whole(data)


def test_a_component_is_whole_too() -> None:
    assert whole(b"\0asm\x0d\0\x01\0" + custom("name", 3))


def test_imports_of_every_kind_are_read() -> None:
    found = names(
        module(
            imports(
                ("a", "function", b"\0\x81\1"),
                ("a", "table", b"\1\x70\1\1\2"),
                ("a", "typed table", b"\1\x63\5\0\1"),
                ("a", "memory", b"\2\3" + leb(256) + leb(65536)),
                ("a", "paged", b"\2\x08\1\0"),
                ("a", "global", b"\3\x7f\1"),
                ("a", "tag", b"\4\0\0"),
                ("a", "last", b"\0\0"),
            )
        )
    )
    assert found is not None
    assert found == {b"function", b"table", b"typed table", b"memory", b"paged", b"global", b"tag", b"last"}


@pytest.mark.parametrize(
    "data",
    [
        module(custom("name", 3)),
        module(imports(("GOT.mem", "address", b"\3\x7f\1"))),
        module(imports(("a", "odd", b"\x09\0"))),
        module(b"\2" + leb(3) + leb(9) + name("a")),
        b"",
    ],
)
def test_a_module_without_telling_imports_fits_every_script(data: bytes) -> None:
    assert names(data) is None
    assert fits(b"", None)


def test_a_script_fits_that_names_them_all() -> None:
    assert fits(b"const imports = {a: {now: f, then: g}}", frozenset({b"now", b"then"}))
    assert not fits(b"const imports = {a: {now: f}}", frozenset({b"now", b"then"}))


@given(st.binary(max_size=200))
def test_anything_at_all_is_read_without_harm(data: bytes) -> None:
    for bytes_ in (data, PREAMBLE + data, module(b"\2" + leb(len(data)) + data)):
        whole(bytes_)
        names(bytes_)
