"""The options of `fetchkit run`, many of them emrun's."""

import json
import re
import shutil
import socket
from pathlib import Path

import pytest

from tests.e2e.browser import Tab

from .support import Builds, Run, Start

pytestmark = pytest.mark.e2e


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_files_that_the_page_dumps_stay_in_their_folder(run: Run, builds: Builds, tmp_path: Path) -> None:
    names = ["a b.bin", "sub/c&d.bin", "../outside.bin", "/etc/outside.bin", "last.bin"]
    script = (
        f"for (const name of {json.dumps(names)})"
        " { const data = new Uint8Array(300000); data.set([0, 255, 10, 13]); emrun_file_dump(name, data); }"
    )
    dumps = tmp_path / "deep" / "dumps"
    ran = run("--dump_out_directory", dumps, builds("emrun.html"), "script", script)
    assert ran.lines == [f'Dumping out file "{name}" with 300000 bytes of data.' for name in names]
    expected = bytes([0, 255, 10, 13]).ljust(300000, b"\0")
    for name in "a b.bin", "sub/c&d.bin", "last.bin":
        assert (dumps / name).read_bytes() == expected
    inside = {file.name for file in dumps.rglob("*") if file.is_file()}
    assert inside - {"outside.bin"} == {"a b.bin", "c&d.bin", "last.bin"}
    assert [file for file in tmp_path.rglob("outside.bin") if dumps not in file.parents] == []
    assert not Path("/etc/outside.bin").exists()
    assert ran.code == 0


def test_files_are_dumped_into_dump_out_where_nothing_else_is_said(
    run: Run, builds: Builds, tmp_path: Path
) -> None:
    ran = run(builds("emrun.html"), "script", "emrun_file_dump('x.txt', new Uint8Array([104, 105]))")
    assert ran.code == 0
    assert (tmp_path / "home-0" / "dump_out" / "x.txt").read_bytes() == b"hi"


def test_another_folder_may_be_served(run: Run, builds: Builds, tmp_path: Path) -> None:
    site = tmp_path / "site"
    builds.install("emrun.js", site / "lib")
    (site / "pages").mkdir()
    (site / "pages" / "my page.html").write_text("<!doctype html><script src='../lib/emrun.js'></script>")
    ran = run(f"--serve_root={site}", site / "pages" / "my page.html", "script", "out(location.pathname)")
    assert (ran.code, ran.lines) == (0, ["/pages/my%20page.html"])
    outside = run("--serve-root", site / "lib", site / "pages" / "my page.html")
    assert outside.code == 2
    assert "--serve-root" in outside.sentences


def test_host_and_port_are_those_that_were_asked_for_and_each_line_comes_once(
    run: Run, builds: Builds
) -> None:
    # The page of an --emrun build speaks by itself on `localhost` or port 6931 only.
    for build in "emrun.js", "plain.js":
        port = free_port()
        options = ["--hostname", "127.0.0.1", "--port", str(port)]
        ran = run(*options, builds(build), "script", "out(location.host); err('done')")
        assert (ran.code, ran.output, ran.errors) == (0, f"127.0.0.1:{port}\n", "done\n")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)


def test_a_port_that_is_asked_for_and_taken_is_an_error(run: Run, builds: Builds) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = run("--port", port, builds("plain.js"))
    assert (ran.code, ran.output) == (125, "")
    assert port in ran.sentences


@pytest.mark.parametrize("build", ["plain.js", "page.html", "emrun.html"])
def test_without_a_browser_the_url_is_said_and_any_browser_may_open_it(
    start: Start, builds: Builds, tab: Tab, build: str
) -> None:
    run = start("--no_browser", str(builds(build)), "args", "a b&c%26", "ü")
    url = run.program.wait_for_errors(r"(https?://\S+?)[.]?\s")[1]
    tab.allowed.append("")  # what the page says there is not of interest
    tab.start(url)
    ran = run.ended()
    assert ran.lines == [b"a b&c%26".hex(), "ü".encode().hex()]
    assert ran.code == 2


def test_without_a_browser_output_and_an_abort_arrive_too(start: Start, builds: Builds, tab: Tab) -> None:
    tab.allowed.append("")
    for build in "plain.js", "emrun.js":
        run = start("--no-browser", str(builds(build)), "abort")
        tab.start(run.program.wait_for_errors(r"(https?://\S+?)[.]?\s")[1])
        ran = run.ended()
        assert (ran.code, ran.output) == (134, "before abort\n")


@pytest.mark.parametrize(
    "options",
    [
        ["--no-server"],
        ["--no_server"],
        ["--kill-start"],
        ["--kill_start"],
        ["--android"],
        ["--no-such-option"],
        ["--timeout", "soon"],
        ["--timeout", "-1"],
        ["--port", "70000"],
        ["--jobs", "0"],
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(run: Run, builds: Builds, options: list[str]) -> None:
    ran = run(*options, builds("plain.js"))
    assert (ran.code, ran.output) == (2, "")
    assert options[0].replace("_", "-") in ran.errors.replace("_", "-")


def test_no_page_is_bad_usage(run: Run) -> None:
    ran = run()
    assert (ran.code, ran.output) == (2, "")
    assert "page" in ran.errors


def test_options_that_ask_for_what_is_always_so_are_accepted(run: Run, builds: Builds) -> None:
    options = [
        "--kill_exit",
        "--no_emrun_detect",
        "--private_browsing",
        "--safe_firefox_profile",
        "--kill-exit",
    ]
    ran = run(*options, builds("plain.js"))
    assert (ran.code, ran.output, ran.errors) == (0, "hello\n", "")


def test_json_lines_are_complete_and_exact(run: Run, builds: Builds) -> None:
    script = r"out('a\x1b\u202e'); err('é\ntwo'); out('')"
    for build in "plain.js", "emrun.js":
        ran = run("--json", builds(build), "script", script)
        assert [json.loads(line) for line in ran.lines] == [
            {"event": "stdout", "text": "a\x1b\u202e"},
            {"event": "stderr", "text": "é\ntwo"},
            {"event": "stdout", "text": ""},
            {"event": "exit", "code": 0, "reason": json.loads(ran.lines[-1])["reason"]},
        ]
        assert (ran.code, ran.errors) == (0, "")
    ran = run("--json", builds("plain.js"), "trap")
    last = json.loads(ran.lines[-1])
    assert (last["event"], last["code"]) == ("exit", 134)
    assert last["reason"]
    ran = run("--json", builds("plain.js").with_name("gone.html"))
    assert json.loads(ran.output)["code"] == 125


def test_browsers_that_are_found_are_listed(run: Run) -> None:
    ran = run("--list_browsers")
    assert ran.code == 0
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path is None or path in ran.output
    assert "chrom" in ran.output


def test_without_a_display_there_is_no_window(run: Run, builds: Builds) -> None:
    ran = run("-v", builds("emrun.js"), headless=False, environment={"DISPLAY": "", "WAYLAND_DISPLAY": ""})
    assert (ran.code, ran.output) == (0, "hello\n")
    assert re.search("[Cc]hrom[^\n]*headless, heard through the DevTools protocol", ran.errors)
    assert "the build speaks emrun's protocol" in ran.sentences


def test_the_page_is_cross_origin_isolated_and_may_use_the_other_routes(run: Run, builds: Builds) -> None:
    script = (
        "out(crossOriginIsolated + ''); fetch('/origin/status/418').then((answer) => out(answer.status + ''))"
    )
    ran = run(builds("plain.js"), "script", script)
    assert (ran.code, ran.lines) == (0, ["true", "418"])


def test_arguments_for_the_browser_reach_it(run: Run, builds: Builds) -> None:
    ran = run(
        "--browser-args=--user-agent='my browser'", builds("plain.js"), "script", "out(navigator.userAgent)"
    )
    assert (ran.code, ran.lines) == (0, ["my browser"])
