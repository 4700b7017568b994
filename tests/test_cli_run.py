"""The command line of `fetchkit run`: which words are its own, which the program's, and what is refused."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from fetchkit.browser.find import Family, Found
from fetchkit.cli import main
from fetchkit.config import Config
from fetchkit.errors import BrowserError, ConfigError, ListenError, PageError
from fetchkit.run.call import SIGNALS, Call

from .program import one_sentence

FOUND = Found("chromium", Family.CHROMIUM, "/opt/chromium")


@define
class Recorded:
    """What was asked for: of the browser, and of the session."""

    code: int = 0
    error: BaseException | None = None
    wanted: list[str] = field(factory=list)
    started: list[dict[str, Any]] = field(factory=list)
    closed: int = 0
    sessions: list[tuple[Config, Call, bool, bool]] = field(factory=list)

    @property
    def config(self) -> Config:
        """The settings of the one session."""
        ((config, _, _, _),) = self.sessions
        return config

    @property
    def asked(self) -> Call:
        """What the one session was asked."""
        ((_, asked, _, _),) = self.sessions
        return asked

    def close(self) -> None:
        """End the browser."""
        self.closed += 1


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variables, no configuration file, no display; handlers of signals are put back."""
    for name in [name for name in os.environ if name.startswith("FETCHKIT_")]:
        monkeypatch.delenv(name)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.chdir(tmp_path)
    for name in ("a.html", "b.html", "sub/c.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("<p>")
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """No browser is started and nothing is served: it is recorded."""
    record = Recorded()

    def find(wanted: str = "") -> Found:
        record.wanted.append(wanted)
        return FOUND

    def start(found: Found, *, headless: bool, args: Sequence[str] = ()) -> Recorded:
        record.started.append({"found": found, "headless": headless, "args": tuple(args)})
        return record

    async def session(config: Config, asked: Call, process: Recorded | None, *, headless: bool) -> int:
        assert record.closed == len(record.sessions)
        record.sessions.append((config, asked, process is not None, headless))
        if record.error is not None:
            raise record.error
        return record.code

    monkeypatch.setattr("fetchkit.browser.find.find", find)
    monkeypatch.setattr("fetchkit.browser.process.start", start)
    monkeypatch.setattr("fetchkit.run.session.run", session)
    return record


def run(*words: str) -> int:
    """Run the command in this process; its exit code."""
    with pytest.raises(SystemExit) as end:
        main(["run", *words])
    assert isinstance(end.value.code, int | None)
    return end.value.code or 0


# --- Whose is which word


def test_an_interrupt_has_its_code(recorded: Recorded) -> None:
    recorded.error = KeyboardInterrupt()
    assert run("a.html") == 130


@pytest.mark.parametrize(
    ("words", "pages", "arguments"),
    [
        ("a.html", "a.html", ""),
        ("a.html --", "a.html", ""),
        ("a.html -- x y", "a.html", "x y"),
        ("a.html x y", "a.html", "x y"),
        # CTest: CMAKE_CROSSCOMPILING_EMULATOR, the program, its arguments
        ("--headless a.html x --timeout 3", "a.html", "x --timeout 3"),
        ("--headless a.html --help -v --unknown", "a.html", "--help -v --unknown"),
        ("--headless a.html -x --serve_root=y", "a.html", "-x --serve_root=y"),
        ("--headless -- a.html x --timeout 3", "a.html", "x --timeout 3"),
        ("-- a.html -- x", "a.html", "-- x"),
        ("a.html x -- y", "a.html", "x -- y"),
        ("a.html x y -- z -- u", "a.html", "x y -- z -- u"),
        # options before or behind the page where `--` tells them from the program's
        ("a.html --headless -- x", "a.html", "x"),
        ("--timeout 3 a.html --headless -- --timeout 4", "a.html", "--timeout 4"),
        ("a.html -- --", "a.html", "--"),
        ("a.html -- x -- y", "a.html", "x -- y"),
        ("a.html -- --serve_root --no_server", "a.html", "--serve_root --no_server"),
        ("-- -a.html", "-a.html", ""),
        # with --jobs all are pages
        ("--jobs 2 a.html b.html", "a.html b.html", ""),
        ("--jobs 2 a.html b.html -- x y", "a.html b.html", "x y"),
        ("a.html b.html --jobs 2 -- x", "a.html b.html", "x"),
        ("a.html --jobs 2 b.html --", "a.html b.html", ""),
        ("--jobs 1 a.html", "a.html", ""),
    ],
)
def test_pages_and_arguments_are_told_apart(
    recorded: Recorded, words: str, pages: str, arguments: str
) -> None:
    assert run(*words.split()) == 0
    assert recorded.asked.pages == tuple(pages.split())
    assert recorded.asked.arguments == tuple(arguments.split())


@pytest.mark.parametrize("between", [[], ["--"]])
def test_arguments_are_exact(recorded: Recorded, between: list[str]) -> None:
    arguments = ["", " ", "a b", "&%+#?", "é😀", "\n", "--a_b=c_d", "-", "\udcff", '"', "--headless_x"]
    assert run("a.html", *between, *arguments) == 0
    assert recorded.asked.arguments == tuple(arguments)


def test_a_page_may_be_called_as_it_likes(recorded: Recorded) -> None:
    assert run("my_page & more.html", "x_y") == 0
    assert recorded.asked.pages == ("my_page & more.html",)


@pytest.mark.parametrize("words", [[], ["--"], ["--headless"], ["--jobs", "2"], ["--headless", "--"]])
def test_a_page_is_needed(recorded: Recorded, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert "Name a page" in one_sentence(capsys.readouterr().err)
    assert recorded.started == []


def test_one_of_our_flags_behind_the_page_is_the_programs_and_a_person_is_told(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("a.html", "--timeout", "3")  # as CTest has it
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run("a.html", "--timeout", "3", "--other", "x", "--serve_root=y")
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["--timeout", "--serve-root"]
    run("a.html", "--", "--timeout")
    assert capsys.readouterr().err == ""
    assert len(recorded.sessions) == 3


# --- emrun's options

VALUES = {
    "browser": "firefox",
    "browser_args": "--a --b",
    "timeout": "3",
    "silence_timeout": "4",
    "timeout_returncode": "5",
    "log_stdout": "out.txt",
    "log_stderr": "err.txt",
    "dump_out_directory": "dumps",
    "serve_root": ".",
    "hostname": "localhost",
    "port": "0",
}
FLAGS = ["no_browser", "kill_exit", "serve_after_exit", "serve_after_close", "private_browsing"]
FLAGS += ["safe_firefox_profile", "no_emrun_detect", "json", "verbose"]
REFUSED = ["no_server", "kill_start", "android", "system_info", "browser_info", "log_html"]


def spelled(name: str, hyphens: int) -> str:
    """With `_`, with `-`, or mixed, as emrun takes it."""
    return f"--{name.replace('_', '-', hyphens)}"


@pytest.mark.parametrize("hyphens", [0, 1, -1])
@pytest.mark.parametrize("name", [*VALUES, *FLAGS])
@pytest.mark.parametrize("equals", [True, False])
def test_emruns_options_are_taken_in_every_spelling(
    recorded: Recorded, name: str, hyphens: int, *, equals: bool
) -> None:
    option = spelled(name, hyphens)
    value = [] if name in FLAGS else [VALUES[name]]
    words = ["=".join([option, *value])] if equals else [option, *value]
    assert run(*words, "a.html") == 0
    assert recorded.asked.pages == ("a.html",)


@pytest.mark.parametrize("hyphens", [0, -1])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_offered_is_refused_with_the_reason(
    recorded: Recorded, name: str, hyphens: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(spelled(name, hyphens), "a.html") == 2
    sentence = one_sentence(capsys.readouterr().err)
    assert sentence.startswith(f"--{name.replace('_', '-')} is not offered: ")
    assert len(sentence) > 50
    assert (recorded.started, recorded.sessions) == ([], [])


def test_a_refused_option_among_the_programs_arguments_is_not_ours(recorded: Recorded) -> None:
    assert run("a.html", "--no-server") == 0
    assert run("a.html", "--", "--kill_start") == 0
    assert len(recorded.sessions) == 2


def test_values_come_through(recorded: Recorded) -> None:
    words = [word for name, value in VALUES.items() for word in (spelled(name, -1), value)]
    assert run(*words, "--json", "--serve-after-exit", "--serve-after-close", "a.html", "x") == 0
    assert recorded.asked == Call(
        pages=("a.html",),
        arguments=("x",),
        hostname="localhost",
        serve_after_exit=True,
        serve_after_close=True,
        log_stdout=Path("out.txt"),
        log_stderr=Path("err.txt"),
        json_lines=True,
    )
    settings = recorded.config.run
    assert (settings.browser, settings.browser_args) == ("firefox", ("--a", "--b"))
    assert (settings.timeout, settings.silence_timeout, settings.timeout_returncode) == (3, 4, 5)
    assert recorded.config.dump_out_directory == Path("dumps")
    assert recorded.config.port == 0
    assert recorded.wanted == ["firefox"]
    assert recorded.started[0]["args"] == ("--a", "--b")


def test_what_is_not_said_is_as_emrun_has_it(recorded: Recorded, tmp_path: Path) -> None:
    assert run("sub/c.html") == 0
    assert recorded.asked == Call(pages=("sub/c.html",))
    assert recorded.config.directory == tmp_path / "sub"
    assert recorded.config.dump_out_directory == Path("dump_out")
    assert recorded.config.run.timeout_returncode == 124
    assert not recorded.config.reload


def test_arguments_of_the_browser_are_split_as_a_shell_does(recorded: Recorded) -> None:
    args = ["--browser-args", "--a='b c' --d", "--browser-args=--user_agent=x_y", "--browser_args", "--e_f"]
    assert run(*args, "a.html") == 0
    assert recorded.started[0]["args"] == ("--a=b c", "--d", "--user_agent=x_y", "--e_f")


def test_the_served_folder_is_the_pages_the_one_asked_for_or_the_common_one(
    recorded: Recorded, tmp_path: Path
) -> None:
    run("a.html")
    run("--serve-root", ".", "sub/c.html")
    run("--jobs", "2", "sub/c.html")
    run("--jobs", "2", "sub/c.html", "a.html")
    run("--jobs", "2", "--serve-root", "..", "sub/c.html", "a.html")
    folders = [Path(os.path.abspath(config.directory)) for config, *_ in recorded.sessions]
    assert folders == [tmp_path, tmp_path, tmp_path / "sub", tmp_path, tmp_path.parent]


def test_another_host_is_listened_on_and_believed(recorded: Recorded) -> None:
    assert run("--hostname", "box.example", "a.html") == 0
    assert recorded.asked.hostname == "box.example"
    assert "box.example" in recorded.config.host
    assert "box.example" in recorded.config.allow_host


# --- What cannot be used


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--timeout", "0", "a.html"], "--timeout"),
        (["--timeout", "-1", "a.html"], "--timeout"),
        (["--timeout", "nan", "a.html"], "--timeout"),
        (["--timeout", "soon", "a.html"], "--timeout"),
        (["--timeout"], "--timeout"),
        (["--timeout", "--", "a.html"], "--timeout"),
        (["--silence-timeout", "0", "a.html"], "--silence-timeout"),
        (["--timeout-returncode", "x", "a.html"], "--timeout-returncode"),
        (["--jobs", "0", "a.html"], "--jobs"),
        (["--jobs", "65", "a.html"], "--jobs"),
        (["--jobs", "2", "--no-browser", "a.html"], "--no-browser"),
        (["--jobs", "2", "--hostname", "x", "a.html"], "--hostname"),
        (["--junit", "r.xml", "--no-browser", "a.html"], "--no-browser"),
        (["--browser-args", '"', "a.html"], "--browser-args"),
        (["--port", "70000", "a.html"], "--port"),
        (["--unknown", "a.html"], "--unknown"),
        (["--tiemout", "3", "a.html"], "--timeout"),
        (["a.html", "--unknown", "--", "x"], "--unknown"),
    ],
    ids=" ".join,
)
def test_bad_usage_ends_with_2_and_one_sentence(
    recorded: Recorded, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert part in one_sentence(err)
    assert (recorded.started, recorded.sessions) == ([], [])


def test_help_tells_of_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    words = capsys.readouterr().out.replace(",", " ").replace("/", " ").split()
    assert {f"--{name.replace('_', '-')}" for name in [*VALUES, *FLAGS]} <= set(words)
    assert {"--jobs", "--junit", "--list-browsers", "--headless", "--no-headless", "--config"} <= set(words)
    assert not {f"--{name.replace('_', '-')}" for name in REFUSED} & set(words)


# --- Browsers


@pytest.mark.parametrize(
    ("words", "environment", "headless"),
    [
        ([], {}, True),
        ([], {"DISPLAY": ":0"}, False),
        ([], {"WAYLAND_DISPLAY": "wayland-0"}, False),
        (["--headless"], {"DISPLAY": ":0"}, True),
        (["--no-headless"], {}, False),
    ],
)
def test_there_is_a_window_where_there_is_a_display(
    recorded: Recorded,
    words: list[str],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    headless: bool,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run(*words, "a.html") == 0
    assert recorded.started == [{"found": FOUND, "headless": headless, "args": ()}]
    assert recorded.sessions[0][3] is headless


def test_the_browser_is_ended_whatever_comes_of_the_page(recorded: Recorded) -> None:
    recorded.code = 42
    assert run("a.html") == 42
    assert recorded.closed == 1


def test_without_a_browser_none_is_looked_for(recorded: Recorded) -> None:
    assert run("--no-browser", "a.html") == 0
    assert (recorded.wanted, recorded.started) == ([], [])
    assert recorded.sessions[0][2] is False


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PageError("a.html is empty."), 125),
        (BrowserError("It does not start."), 125),
        (ConfigError("No such folder."), 2),
        (ListenError("Port 1 is taken."), 125),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_ends_a_run_early_is_one_sentence_and_its_code(
    recorded: Recorded, error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.error = error
    assert run("a.html") == code
    assert one_sentence(capsys.readouterr().err) == str(error)
    assert recorded.closed == 1


def test_json_has_an_exit_line_also_when_nothing_ran(
    recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.error = PageError("a.html is empty.")
    assert run("--json", "a.html") == 125
    assert json.loads(capsys.readouterr().out) == {"event": "exit", "code": 125, "reason": "a.html is empty."}


def test_a_browser_that_is_not_found_is_125(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(wanted: str = "") -> Found:
        raise BrowserError(f"No browser {wanted}.")

    monkeypatch.setattr("fetchkit.browser.find.find", none)
    assert run("--browser", "x", "a.html") == 125
    assert one_sentence(capsys.readouterr().err) == "No browser x."
    assert recorded.sessions == []


def test_a_missing_page_in_a_missing_folder_is_the_sessions_to_refuse(recorded: Recorded) -> None:
    assert run("missing/a.html") == 0
    assert recorded.asked.pages == ("missing/a.html",)


def test_browsers_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("fetchkit.browser.find.installed", lambda: [FOUND])
    assert run("--list-browsers") == 0
    assert capsys.readouterr() == ("chromium\t/opt/chromium\n", "")
    assert run("--list_browsers", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"name": "chromium", "path": "/opt/chromium"}]
    monkeypatch.setattr("fetchkit.browser.find.installed", list)
    assert run("--list-browsers") == 0
    assert capsys.readouterr() == ("", "fetchkit: no browser is found.\n")


def test_no_page_is_reloaded_in_the_middle_of_a_run(recorded: Recorded) -> None:
    Path("fetchkit.toml").write_text("reload = true\n")
    assert run("a.html") == 0
    assert not recorded.config.reload


def test_settings_of_a_file_hold_and_flags_win(recorded: Recorded) -> None:
    Path("fetchkit.toml").write_text(
        "[run]\nbrowser = 'edge'\nbrowser-args = ['--x']\ntimeout = 9\nheadless = false\n"
    )
    assert run("a.html") == 0
    assert recorded.started == [{"found": FOUND, "headless": False, "args": ("--x",)}]
    assert run("--browser", "firefox", "--browser-args", "--y", "--timeout", "3", "--headless", "a.html") == 0
    assert recorded.wanted == ["edge", "firefox"]
    assert recorded.started[1] == {"found": FOUND, "headless": True, "args": ("--y",)}
    assert [config.run.timeout for config, *_ in recorded.sessions] == [9, 3]
