"""Many pages at once: what becomes of one does not touch the others."""

import contextlib
import json
import os
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .support import Builds, Run, Start

pytestmark = pytest.mark.e2e


@pytest.fixture
def pages(tmp_path: Path, builds: Builds) -> dict[str, Path]:
    """Pages that run the same build in different ways."""
    folder = tmp_path / "pages"
    builds.install("plain.js", folder)
    builds.install("emrun.js", folder)
    made = {}
    for name, build, arguments in (
        ("fine", "plain.js", "['lines', '4']"),
        ("hangs", "plain.js", "['loop']"),
        ("crashes", "emrun.js", "['trap']"),
        ("three", "emrun.js", "['exit', '3']"),
        ("odd", "plain.js", r"['script', 'out(\"a\\\\x00\\\\x1b[31m<&]]>\\\\uffff\")']"),
        ("emrun", "emrun.js", "['lines', '2']"),
        ("silent", "plain.js", "['silence']"),
    ):
        made[name] = folder / f"{name}.html"
        module = f"Module = {{arguments: {arguments}}}"
        if build == "emrun.js":  # its prologue sets them from the query
            module = f"Module = {{preInit: () => {{ Module.arguments = arguments_ = {arguments} }}}}"
        made[name].write_text(f"<!doctype html><script>{module}</script><script src={build}></script>")
    return made


def test_a_hang_and_a_crash_do_not_touch_the_others(run: Run, pages: dict[str, Path], tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    order = ["fine", "hangs", "crashes", "three", "odd", "emrun", "fine"]
    files = [pages[name] for name in order]
    ran = run(
        "--jobs", "2", "--timeout", "4", "--junit", report, *files, pages["fine"].with_name("gone.html")
    )
    assert ran.code == 1
    suite = ET.parse(report).getroot()  # noqa: S314  fetchkit wrote it
    cases = list(suite.iter("testcase"))
    assert [Path(str(case.get("name"))).name for case in cases] == [
        *(f"{n}.html" for n in order[:-1]),
        *("fine.html (2)", "gone.html"),
    ]
    kinds = [
        "error" if c.find("error") is not None else "failure" if c.find("failure") is not None else ""
        for c in cases
    ]
    assert kinds == ["", "failure", "failure", "failure", "", "", "", "error"]
    (counts,) = suite.iter("testsuite")
    assert [counts.get(name) for name in ("tests", "failures", "errors")] == ["8", "3", "1"]
    texts = ["".join(case.itertext()) for case in cases]
    for number in 0, 6:
        assert "line 0\nline 2\n" in texts[number]
        assert "line 1\nline 3\n" in texts[number]
    assert "before loop" in texts[1]
    assert "unreachable" in texts[2]
    assert "exits" in texts[3]
    assert "<&]]>" in texts[4]
    assert all(float(str(case.get("time"))) >= 0 for case in cases)
    for name in "hangs", "crashes", "three", "gone":
        assert f"{name}.html" in ran.errors
    assert "3" in ran.errors
    assert "\x1b" not in ran.output + ran.errors


def test_the_death_of_a_tab_is_its_pages_and_that_of_the_browser_of_all_in_it(
    start: Start, pages: dict[str, Path]
) -> None:
    silent = str(pages["silent"])
    run = start("--jobs", "2", "--json", silent, silent, silent, str(pages["fine"]))
    seen = run.wait_for_output("silent.html (2)")
    if seen.count("before the silence") < 2:
        seen += run.wait_for_output("before the silence")
    os.kill(run.browser().pid, signal.SIGKILL)
    seen += run.wait_for_output('"code": 0')
    if "silent.html (3)" not in seen:
        seen += run.wait_for_output("silent.html (3)")
    for process in run.processes:
        if "--type=renderer" in process.command:
            with contextlib.suppress(ProcessLookupError):  # the first one may have ended the run
                os.kill(process.pid, signal.SIGKILL)
    ran = run.ended()
    events = [json.loads(line) for line in (seen + ran.output).splitlines()]
    ends = {Path(each["page"]).name: each for each in events if each["event"] == "exit"}
    codes = {name: each["code"] for name, each in ends.items()}
    assert codes == {"silent.html": 125, "silent.html (2)": 125, "silent.html (3)": 125, "fine.html": 0}
    assert "browser ended" in ends["silent.html"]["reason"]
    assert "crashed" in ends["silent.html (3)"]["reason"]
    assert ran.code == 1


def test_when_all_is_well_the_exit_code_is_0(run: Run, pages: dict[str, Path]) -> None:
    ran = run("--jobs", "2", pages["fine"], pages["emrun"], pages["fine"])
    assert ran.code == 0
    assert "line 3" in ran.output + ran.errors


def test_arguments_behind_two_dashes_are_for_every_page(run: Run, builds: Builds) -> None:
    pages = [builds("plain.js"), builds("emrun.js"), builds("runtime.js")]
    ran = run("--jobs=3", *pages, "--", "exit", "0")
    assert ran.code == 0
    assert (ran.output + ran.errors).count("exits\n") == 3
