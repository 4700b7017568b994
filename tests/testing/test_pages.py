"""fetchkit_page: programs that emcc built, run in a browser by the tests of this very run."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fetchkit.errors import PageError
from fetchkit.testing import PageResult, PageRunner
from tests.e2e.conftest import require
from tests.e2e.run.support import Builds

from .support import Programs

pytestmark = pytest.mark.e2e


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The served folder."""
    require("chromium", "chromium", "chromium-browser", "google-chrome")
    return tmp_path / "site"


@pytest.fixture
def fetchkit_settings(site: Path) -> dict[str, Any]:
    """Serve it."""
    site.mkdir()
    return {"directory": site}


@pytest.fixture
def modes(builds: Builds, site: Path, fetchkit_settings: dict[str, Any]) -> str:
    """The program of many modes, in a folder of the site."""
    del fetchkit_settings
    builds.install("plain.js", site / "build")
    return "build/plain.js"


@pytest.mark.parametrize(
    ("arguments", "code", "stdout"),
    [
        ((), 0, "hello\n"),
        (("return", "42"), 42, "returns\n"),
        (("exit", "255"), 255, "exits\n"),
        (("exit", "256"), 0, "exits\n"),
        (("timer", "7"), 7, "later: done\n"),
        (("force",), 5, "frame 1\nframe 2\nframe 3\n"),
    ],
)
def test_a_page_has_its_own_exit_code_and_output(
    arguments: tuple[str, ...], code: int, stdout: str, fetchkit_page: PageRunner, modes: str
) -> None:
    result = fetchkit_page(modes, *arguments)
    assert (result.exit_code, result.stdout, result.reason, result.crash) == (code, stdout, "", "")


def test_the_streams_are_exact_and_apart(fetchkit_page: PageRunner, modes: str) -> None:
    result = fetchkit_page(modes, "lines", "5")
    assert (result.stdout, result.stderr) == ("line 0\nline 2\nline 4\n", "line 1\nline 3\n")
    result = fetchkit_page(modes, "bytes", "1b5b33316d2309c3a90a200a0a202e0d0a")
    assert result.stdout == "\x1b[31m#\té\n \n\n .\r\n"


def test_a_last_line_that_does_not_end_gets_its_line_break(
    fetchkit_page: PageRunner, builds: Builds, site: Path
) -> None:
    page = builds.install("runtime.js", site)
    assert fetchkit_page(page, "bytes", "6f6e650a74776f").stdout == "one\ntwo\n"


@pytest.mark.parametrize("build", ["plain.js", "module.mjs", "emrun.js", "emrun.html"])
def test_arguments_arrive_exactly(build: str, fetchkit_page: PageRunner, builds: Builds, site: Path) -> None:
    words = [
        "",
        " ",
        "a b",
        "&",
        "%41",
        "100%",
        "+",
        "#",
        "?x=1",
        "-",
        "--",
        "é€😀",
        '"',
        "'",
        "\\",
        "\n",
        "<b>",
    ]
    result = fetchkit_page(builds.install(build, site), "args", *words)
    assert result.stdout.splitlines() == [word.encode().hex() for word in words]
    assert result.exit_code == len(words)


def test_an_argument_that_is_no_text_is_refused(fetchkit_page: PageRunner, modes: str) -> None:
    number: Any = 7
    with pytest.raises(TypeError, match="texts"):
        fetchkit_page(modes, number)


def test_a_page_that_does_not_end_in_its_seconds_has_124(fetchkit_page: PageRunner, modes: str) -> None:
    result = fetchkit_page(modes, "loop", seconds=2)
    assert (result.exit_code, result.stdout) == (124, "before loop\n")
    assert result.reason == f"{modes} did not end within 2 s (seconds=)."
    assert fetchkit_page(modes).exit_code == 0


def test_an_abort_has_134_and_its_stack(fetchkit_page: PageRunner, modes: str) -> None:
    result = fetchkit_page(modes, "abort")
    assert (result.exit_code, result.stdout, result.reason) == (134, "before abort\n", f"{modes} aborted.")
    assert "abort" in result.crash.splitlines()[0]
    with pytest.raises(AssertionError) as failure:
        result.check()
    told = str(failure.value).splitlines()
    assert told[0] == f"exit code 134. {modes} aborted."
    assert "before abort" in told
    assert result.crash.splitlines()[0] in told


def test_check_is_for_what_went_well(fetchkit_page: PageRunner, modes: str) -> None:
    result = fetchkit_page(modes)
    assert result.check() is result
    with pytest.raises(AssertionError, match=r"^exit code 3\.\nreturns$"):
        fetchkit_page(modes, "return", "3").check()


def test_a_crash_names_lines_of_the_source(fetchkit_page: PageRunner, programs: Programs, site: Path) -> None:
    programs.install("app.js", site, "-gsource-map")
    result = fetchkit_page("app.js", "--give-up")
    assert result.exit_code == 134
    assert re.search(r"^    at give_up \(\S*app\.c:6:\d+\)$", result.crash, re.MULTILINE), result.crash
    assert re.search(r"^    at main \(\S*app\.c:10:\d+\)$", result.crash, re.MULTILINE), result.crash


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("gone.js", r"gone\.js does not exist\."),
        ("build", "is a folder"),
        ("build/plain.wasm", r"is no page.*here plain\.js"),
        ("../outside.js", r"^\.\./outside\.js is not in the served folder"),
        ("/etc/hostname", "is not in the served folder"),
    ],
)
def test_what_is_no_page_is_an_error_that_says_why(
    page: str, says: str, fetchkit_page: PageRunner, modes: str, site: Path
) -> None:
    del modes
    (site.parent / "outside.js").write_text("")
    with pytest.raises(PageError, match=says) as failure:
        fetchkit_page(page)
    assert len(failure.traceback) <= 2  # of this test, and of what it called


def test_a_page_without_a_program_has_125(fetchkit_page: PageRunner, site: Path) -> None:
    (site / "empty.html").write_text("<!doctype html><p>nothing")
    result = fetchkit_page("empty.html")
    assert (result.exit_code, result.stdout) == (125, "")
    assert result.reason == "empty.html loaded, but there is no program in it."


@pytest.mark.parametrize("build", ["emrun.html", "emrun.js"])
def test_emrun_builds_run_as_well(build: str, fetchkit_page: PageRunner, builds: Builds, site: Path) -> None:
    page = builds.install(build, site)
    assert fetchkit_page(page, "return", "9") == PageResult(9, "returns\n", "")
    result = fetchkit_page(page, "lines", "400")
    assert result.stdout == "".join(f"line {n}\n" for n in range(0, 400, 2))
    assert result.stderr == "".join(f"line {n}\n" for n in range(1, 400, 2))


_DUMP = "emrun_file_dump('note.txt', new TextEncoder().encode('noted'))"


def test_dumped_files_are_refused_unless_there_is_a_folder_for_them(
    fetchkit_page: PageRunner, builds: Builds, site: Path, tmp_path: Path
) -> None:
    page = builds.install("emrun.html", site)
    before = sorted(tmp_path.rglob("*"))
    assert fetchkit_page(page, "script", _DUMP).exit_code == 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def dumps(site: Path, fetchkit_settings: dict[str, Any]) -> Path:
    """A folder for dumps."""
    fetchkit_settings["dump_out_directory"] = site.parent / "dumps"
    return site.parent / "dumps"


def test_dumped_files_land_in_the_folder_of_the_settings(
    dumps: Path, fetchkit_page: PageRunner, builds: Builds, site: Path
) -> None:
    page = builds.install("emrun.html", site)
    fetchkit_page(page, "script", _DUMP).check()
    assert (dumps / "note.txt").read_text() == "noted"


async def test_asynchronous_tests_go_on_while_pages_run(fetchkit_page: PageRunner, modes: str) -> None:
    results = await asyncio.gather(*(fetchkit_page.run_async(modes, "exit", str(n)) for n in range(4)))
    assert [result.exit_code for result in results] == [0, 1, 2, 3]
    assert {result.stdout for result in results} == {"exits\n"}
    slow = asyncio.create_task(fetchkit_page.run_async(modes, "loop"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await slow
    with pytest.raises(PageError, match="does not exist"):
        await fetchkit_page.run_async("gone.js")


def test_several_threads_run_pages_at_once(fetchkit_page: PageRunner, modes: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(fetchkit_page, modes, "timer", str(n)) for n in range(6)]
        assert [each.result() for each in running] == [PageResult(n, "later: done\n", "") for n in range(6)]


def test_a_page_keeps_nothing_for_the_next(fetchkit_page: PageRunner, modes: str) -> None:
    script = "out(localStorage.was || 'new'); localStorage.was = 'old'"
    for _ in range(2):
        assert fetchkit_page(modes, "script", script).stdout == "new\n"
