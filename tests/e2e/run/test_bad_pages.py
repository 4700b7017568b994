"""Whatever a page is or does, the outcome is clear and the exit code honest."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from .support import Builds, Run, Start

pytestmark = pytest.mark.e2e

NEVER_STARTED = 125


@pytest.fixture
def site(tmp_path: Path, builds: Builds) -> Path:
    """A folder with the plain build that a test may spoil."""
    builds.install("plain.js", tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def hanging() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def html(body: str) -> str:
    """A page."""
    return f"<!doctype html><title>page</title>{body}"


@pytest.mark.parametrize(
    "name", ["missing.html", "missing.js", "folder", "plain.wasm", "notes.txt", "empty.html"]
)
def test_what_is_no_page_is_refused_at_once(run: Run, site: Path, name: str) -> None:
    (site / "folder").mkdir()
    (site / "notes.txt").write_text("some notes")
    (site / "empty.html").touch()
    ran = run(site / name)
    assert (ran.code, ran.output) == (NEVER_STARTED, "")
    assert re.fullmatch(rf"fetchkit: [^\n]*{re.escape(name)}[^\n]*\.\n", ran.errors), ran.errors


def test_a_page_whose_script_is_missing_is_said_to_miss_it(run: Run, site: Path) -> None:
    (site / "index.html").write_text(html("<script src=gone.js></script>"))
    ran = run(site / "index.html")
    assert ran.code == NEVER_STARTED
    assert "gone.js" in ran.sentences


def test_a_page_with_no_program_never_started(run: Run, site: Path) -> None:
    (site / "index.html").write_text(html("<p>Hello"))
    ran = run(site / "index.html")
    assert (ran.code, ran.output) == (NEVER_STARTED, "")
    assert "no program" in ran.sentences


def test_a_page_that_never_loads_ends_by_the_timeout(run: Run, site: Path, hanging: str) -> None:
    (site / "index.html").write_text(html(f"<script src={hanging}></script>"))
    ran = run("--timeout", "2", site / "index.html")
    assert ran.code == 124
    assert ran.sentences
    assert ran.seconds < 10


@pytest.mark.parametrize("content", [None, b"<!doctype html>", b"\0asm\1\0\0\0\1"])
def test_a_wasm_that_cannot_be_had_or_compiled_never_ran(run: Run, site: Path, content: bytes | None) -> None:
    (site / "plain.wasm").unlink()
    if content is not None:
        (site / "plain.wasm").write_bytes(content)
    ran = run(site / "plain.js")
    assert ran.code in {NEVER_STARTED, 134}
    assert ran.output == ""
    assert "plain.wasm" in ran.errors or "WebAssembly" in ran.errors, ran.errors


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("<script>let let = 1</script>", "SyntaxError"),
        ("<script>throw new TypeError('too early')</script>", "TypeError: too early"),
        ("<script>Module = {preRun: () => { throw new Error('before main') }}</script>", "before main"),
        ("<script>Promise.reject(new Error('nobody cared'))</script>", "nobody cared"),
        ("<script>throw 'no error at all'</script>", "no error at all"),
    ],
)
def test_an_uncaught_javascript_error_is_1_and_said_once(run: Run, site: Path, head: str, said: str) -> None:
    (site / "index.html").write_text(html(f"{head}<script src=plain.js></script>"))
    ran = run(site / "index.html", "silence")
    assert ran.code == 1
    assert ran.errors.count(said) == 1, ran.errors


def test_a_script_with_a_syntax_error_is_1(run: Run, site: Path) -> None:
    with (site / "plain.js").open("a") as script:
        script.write("\n}")
    ran = run(site / "plain.js")
    assert (ran.code, ran.output) == (1, "")
    assert "SyntaxError" in ran.errors
    assert "plain.js" in ran.errors


def test_an_error_in_a_callback_is_1(run: Run, site: Path) -> None:
    ran = run(site / "plain.js", "stay", "out('on'); setTimeout(() => { null.x }, 50)")
    assert (ran.code, ran.output) == (1, "on\n")
    assert "TypeError" in ran.errors


TEXTS = [
    ("a\0b", r"a\x00b"),
    ("\x1b[31mred\x1b[0m\x07", r"\x1b[31mred\x1b[0m\x07"),
    ("\x9b1m\x7f\x85", r"\x9b1m\x7f\x85"),
    ("over\rwritten\x08", r"over\rwritten\x08"),
    ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
    ("tab\there", "tab\there"),
    ("two\nlines", "two\nlines"),
    ("naïve e\u0301 😀 日本 a\u00a0b \u3000", "naïve e\u0301 😀 日本 a\u00a0b \u3000"),
    ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ("%s %d %c {} \\ ^out^1^%41 100%", "%s %d %c {} \\ ^out^1^%41 100%"),
    ("", ""),
    ("  spaces  ", "  spaces  "),
    ("%user+a", "%user+a"),
]


@pytest.mark.parametrize("build", ["plain.js", "emrun.js"])
def test_text_is_safe_for_a_terminal_and_exact_in_the_log(
    run: Run, builds: Builds, tmp_path: Path, build: str
) -> None:
    log, errors = tmp_path / "out.log", tmp_path / "err.log"
    log.write_bytes(b"from before\n")
    texts = ", ".join(ascii_string(text) for text, _ in TEXTS)
    script = f"for (const text of [{texts}]) out(text); err('\\x1b]0;title\\x07');"
    ran = run("--log-stdout", log, f"--log_stderr={errors}", builds(build), "script", script)
    assert ran.code == 0
    assert ran.output == "".join(f"{shown}\n" for _, shown in TEXTS)
    assert ran.errors == "\\x1b]0;title\\x07\n"
    assert log.read_bytes().decode() == "from before\n" + "".join(f"{text}\n" for text, _ in TEXTS)
    assert errors.read_bytes() == b"\x1b]0;title\x07\n"


def ascii_string(text: str) -> str:
    """A JavaScript string in ASCII, without NUL."""
    units = text.encode("utf-16-le")
    return "'" + "".join(f"\\u{units[i + 1]:02x}{units[i]:02x}" for i in range(0, len(units), 2)) + "'"


def test_half_a_character_harms_nothing(run: Run, builds: Builds, tmp_path: Path) -> None:
    # Builds of --emrun fail by themselves here: encodeURIComponent() throws.
    log = tmp_path / "out.log"
    ran = run(
        "--log-stdout", log, builds("plain.js"), "script", r"out('a\ud800b'); out('c\udc00'); out('ok')"
    )
    assert (ran.code, ran.errors) == (0, "")
    assert log.read_bytes().endswith(b"\nok\n")
    first, second, last = ran.lines
    assert re.fullmatch(r"a(\ufffd|\\ud800)b", first)
    assert re.fullmatch(r"c(\ufffd|\\udc00)", second)
    assert last == "ok"


def test_bytes_that_are_no_text_and_a_last_line_without_its_end(run: Run, builds: Builds) -> None:
    ran = run(builds("runtime.js"), "bytes", b"\x1b[1m\xff\xfe\nab".hex())
    assert (ran.code, ran.output) == (0, "\\x1b[1m\ufffd\ufffd\nab\n")
    ran = run(builds("emrun.js"), "bytes", b"\x1b[1m\nab".hex())
    assert (ran.code, ran.output) == (0, "\\x1b[1m\nab\n")


@pytest.mark.parametrize("build", ["runtime.js", "emrun.js"])
def test_a_line_of_5_megabytes_arrives_whole(run: Run, builds: Builds, build: str) -> None:
    size = 5_000_000
    line = bytes(ord("a") + i % 26 for i in range(26)) * (size // 26 + 1)
    ran = run(builds(build), "long", str(size))
    assert (ran.code, len(ran.output)) == (0, size + 1)
    assert sha256(ran.output[:-1].encode()).digest() == sha256(line[:size]).digest()


def test_a_flood_of_lines_is_passed_on_whole_and_not_kept(start: Start, builds: Builds) -> None:
    run = start(str(builds("plain.js")), "stay", "for (let i = 0; i < 60000; i++) out('line ' + i)")
    output = run.wait_for_output("line 59999\n")
    assert output == "".join(f"line {number}\n" for number in range(60_000))
    assert run.peak_memory() < 250 * 1024 * 1024
    run.signal(signal.SIGTERM)
    assert run.ended(10).code == 143


def test_exit_counts_once(run: Run, builds: Builds) -> None:
    for build in "runtime.js", "emrun.js":
        assert run(builds(build), "twice").code == 3


def test_pop_ups_end_with_their_page(run: Run, site: Path) -> None:
    (site / "other.html").write_text(html("<script>setInterval(() => console.log('noise'), 5)</script>"))
    script = (
        "for (let i = 0; i < 3; i++) out(String(!!window.open('other.html')));"
        "setTimeout(() => out('on'), 300)"
    )
    ran = run("--browser-args=--disable-popup-blocking", site / "plain.js", "script", script)
    assert ran.code == 0
    assert [line for line in ran.lines if line != "noise"] == ["true", "true", "true", "on"]


def test_a_frame_does_not_end_the_program_of_its_page(run: Run, site: Path, builds: Builds) -> None:
    builds.install("emrun.js", site)
    (site / "frame.html").write_text(html("<script src=emrun.js></script>"))
    frame = "<iframe src='frame.html?return&9' onload='done()'></iframe>"
    # Without a program of its own the page stands for that of its frame.
    (site / "only.html").write_text(html(f"<script>done = () => {{}}</script>{frame}"))
    ran = run(site / "only.html")
    assert (ran.code, ran.output) == (9, "returns\n")
    # Also where it takes longer than an idle page has: here it speaks emrun's protocol by hand.
    say = "(text) => fetch('stdio.html', {method: 'POST', body: text})"
    later = "say('^pageload^'); setTimeout(() => say('^out^1^late').then(() => say('^exit^5')), 2600)"
    (site / "later.html").write_text(html(f"<script>const say = {say}; {later}</script>"))
    (site / "slow.html").write_text(html("<iframe src=later.html></iframe>"))
    ran = run(site / "slow.html")
    assert (ran.code, ran.output) == (5, "late\n")
    own = "Module = {}; done = () => setTimeout(() => { console.log('own'); Module.onExit(4) }, 500)"
    (site / "both.html").write_text(html(f"<script>{own}</script>{frame}"))
    ran = run(site / "both.html")
    assert (ran.code, ran.output) == (4, "own\n")


def test_dialogs_hold_nothing_up(run: Run, site: Path) -> None:
    script = "alert('look'); out('confirmed ' + confirm('sure?')); out('prompted ' + prompt('name?', 'x'))"
    ran = run(site / "plain.js", "script", script)
    assert ran.code == 0
    assert re.fullmatch("confirmed (true|false)\nprompted (x|null|)\n", ran.output)


def test_a_page_may_reload_itself_and_go_on(run: Run, builds: Builds) -> None:
    script = (
        "if (sessionStorage.seen) { out('two'); _exit(6) }"
        "else { sessionStorage.seen = 1; out('one'); location.reload() }"
    )
    for build in "plain.js", "emrun.js":
        ran = run(builds(build), "stay", script)
        assert (ran.code, ran.lines) == (6, ["one", "two"])


def test_a_page_that_reloads_itself_for_ever_is_stopped(run: Run, site: Path) -> None:
    ran = run(site / "plain.js", "stay", "location.reload()")
    assert ran.code == NEVER_STARTED
    assert "reload" in ran.sentences


def test_a_page_that_closes_its_window_has_not_succeeded(run: Run, site: Path) -> None:
    ran = run(site / "plain.js", "stay", "out('bye'); window.close()")
    assert (ran.code, ran.output) == (1, "bye\n")
    assert "window" in ran.sentences


def test_a_page_that_goes_elsewhere_has_not_succeeded(run: Run, site: Path) -> None:
    (site / "other.html").write_text(html("<p>No program here"))
    for target in "other.html", "about:blank":
        ran = run("--timeout", "20", site / "plain.js", "stay", f"location.href = '{target}'")
        assert ran.code == NEVER_STARTED, (target, ran)
        assert ran.sentences


def test_a_reader_that_has_gone_is_told_by_the_code_also_when_all_was_one_batch(
    start: Start, builds: Builds
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for options in ([], ["--jobs", "1"]):
        ran = start(*options, str(builds("runtime.js")), stdout=writer).ended(20)
        assert ran.code == 141
    os.close(writer)


def test_a_closed_standard_error_is_no_error(run: Run, builds: Builds) -> None:
    ran = run(builds("emrun.js"), "script", "out('heard'); err('lost')", before="mute")
    assert (ran.code, ran.output) == (0, "heard\n")


def test_a_reader_that_has_enough_ends_the_run(start: Start, builds: Builds) -> None:
    reader, writer = os.pipe()
    script = "setInterval(() => out('more'), 5)"
    run = start(str(builds("plain.js")), "stay", script, stdout=writer)
    os.close(writer)
    assert os.read(reader, 5) == b"more\n"
    os.close(reader)
    ran = run.ended(10)
    assert (ran.code, ran.errors) == (141, "")
