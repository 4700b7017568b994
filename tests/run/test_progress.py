"""How far the pages are, on a terminal and off it."""

import asyncio
import os
import re
import select
import sys
from pathlib import Path
from typing import Self, TextIO

import pytest

from fetchkit.run.output import Output
from fetchkit.run.program import Outcome
from fetchkit.run.progress import Progress, _Bar, shown
from fetchkit.run.results import Result

ERASE = "\r\x1b[2K"
PASSED = Result("a.html", Outcome(0), 0.4)
FAILED = Result("b.html", Outcome(1, "b.html did not catch an error."), 1.2)


class Terminal:
    """A terminal whose picture can be read; within the block it is both standard streams.

    Nobody reads while something is written: that must be less than the 4 KiB that the kernel holds (n_tty.c).

    pytest puts its own in their place between a fixture and its test, so that it is no fixture.
    """

    def __init__(self, stdout: TextIO | None = None) -> None:
        self._master, slave = os.openpty()
        self._file = os.fdopen(slave, "w")
        self._stdout = stdout or self._file
        self._raw = b""

    def __enter__(self) -> Self:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._stdout, self._file
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before
        self.raw()
        self._file.close()
        os.close(self._master)

    def raw(self) -> str:
        """All that was written so far."""
        while not self._file.closed and select.select([self._master], [], [], 0.05)[0]:
            self._raw += os.read(self._master, 65536)
        return self._raw.decode()

    def picture(self) -> list[str]:
        """The lines as a person sees them, the last without a line feed."""
        rows = []
        for line in self.raw().split("\r\n"):
            shown_line = ""
            for part in re.split(r"(\r\x1b\[2K|\r)", line):
                # What stands at the first column stays until something is written over it.
                shown_line = "" if part == ERASE else shown_line if part in ("\r", "") else part
            rows.append(re.sub(r"\x1b\[[0-9;]*m", "", shown_line))
        return rows


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rich goes by."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)


def draw(bar: Progress) -> None:
    """Draw the bar now, and not when its time has come."""
    assert isinstance(bar, _Bar)
    bar._draw()


async def test_off_a_terminal_every_page_that_ended_has_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output()
    with shown(output, 2) as progress:
        progress.started("a.html")
        progress.ended(PASSED)
        progress.started("b.html")
        progress.ended(FAILED)
    await output.drained()
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "fetchkit: a.html: 0 (0.4 s)\nfetchkit: b.html: 1 (1.2 s): did not catch an error.\n"


async def test_quiet_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output()
    with shown(output, 1, quiet=True) as progress:
        progress.started("b.html")
        progress.ended(FAILED)
    await output.drained()
    assert capfd.readouterr() == ("", "")


async def test_rich_is_left_alone_off_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    with shown(Output(), 1) as progress:
        progress.started("a.html")
    assert "rich" not in sys.modules


async def test_a_terminal_has_a_bar_with_counts_and_names() -> None:
    output = Output()
    with Terminal() as terminal, shown(output, 3) as progress:
        progress.started("a.html")
        progress.started("b.html")
        progress.ended(PASSED)
        progress.ended(FAILED)
        progress.started("c.html")
        draw(progress)
        *above, bar = terminal.picture()
        assert above == ["fetchkit: b.html: 1 (1.2 s): did not catch an error."]
        assert re.search(r"2/3 1 passed, 1 failed 0:00:0\d c\.html", bar), bar


async def test_a_bar_comes_and_grows_by_itself() -> None:
    with Terminal() as terminal, shown(Output(), 1) as progress:
        assert "0/1 0 passed" in terminal.picture()[-1]
        progress.ended(PASSED)
        async with asyncio.timeout(10):
            while "1/1 1 passed" not in terminal.picture()[-1]:
                await asyncio.sleep(0.01)


async def test_output_stands_above_the_bar_which_is_drawn_once_a_batch() -> None:
    output = Output()
    with Terminal() as terminal, shown(output, 1) as progress:
        before = terminal.raw().count("0/1")
        progress.started("a.html")
        for number in range(100):
            output.write("stdout", f"line {number}", prefix="a.html | ")
        await output.drained()
        *above, bar = terminal.picture()
        assert above == [f"a.html | line {number}" for number in range(100)]
        assert "0/1" in bar
        assert terminal.raw().count("0/1") - before == 1


async def test_the_bar_leaves_nothing_behind() -> None:
    output = Output()
    with Terminal() as terminal:
        with shown(output, 1) as progress:
            progress.started("a.html")
            output.write("stdout", "hello")
        output.say("1 page.")
        await output.drained()
        assert terminal.picture() == ["hello", "fetchkit: 1 page.", ""]
        assert output.frame is None


async def test_the_bar_goes_too_when_something_fails() -> None:
    def fail() -> None:
        raise ValueError("stop")

    with Terminal() as terminal:
        with pytest.raises(ValueError, match="stop"), shown(Output(), 1):
            fail()
        assert terminal.picture() == [""]


async def test_a_page_cannot_steer_the_terminal() -> None:
    output = Output()
    with Terminal() as terminal, shown(output, 1) as progress:
        progress.started("[red]a[/red] :smile:")
        draw(progress)
        output.write("stdout", "\x1b[2J[bold]\x9b", prefix="[red]a[/red] | ")
        await output.drained()
        *above, bar = terminal.picture()
    assert above == ["[red]a[/red] | \\x1b[2J[bold]\\x9b"]
    assert "[red]a[/red] :smile:" in bar


@pytest.mark.parametrize("columns", [200, 100, 60, 20])
async def test_the_bar_is_one_line_however_many_pages_run(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with Terminal() as terminal, shown(Output(), 64) as progress:
        for number in range(64):
            progress.started(f"a-long-name-of-a-page-{number}.html")
        draw(progress)
        (bar,) = terminal.picture()
        assert len(bar.rstrip()) <= columns


async def test_standard_output_in_a_file_gets_the_exact_bytes(tmp_path: Path) -> None:
    output = Output()
    with (tmp_path / "out").open("w") as file, Terminal(file) as terminal:
        with shown(output, 1):
            output.write("stdout", "hello")
            output.write("stderr", "warning")
            await output.drained()
        assert terminal.picture() == ["warning", ""]
    assert (tmp_path / "out").read_text() == "hello\n"


@pytest.mark.parametrize(("term", "json_lines"), [("dumb", False), ("xterm", True)])
async def test_a_bar_is_not_drawn_where_it_has_no_place(
    term: str, *, json_lines: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    output = Output(json_lines=json_lines)
    with Terminal() as terminal, shown(output, 1) as progress:
        progress.ended(PASSED)
        await output.drained()
        assert terminal.raw() == "fetchkit: a.html: 0 (0.4 s)\r\n"
