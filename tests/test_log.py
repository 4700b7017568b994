"""Log lines: on standard error alone, one line a record, valid JSON where that was asked."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetchkit.config import LogFormat
from fetchkit.log import configure, write_line


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """Give the root logger back as it was."""
    root, *chatty = (logging.getLogger(name) for name in (None, "asyncio", "watchfiles"))
    before = root.handlers[:], root.level, [each.level for each in chatty]
    root.handlers.clear()
    yield
    root.handlers[:], root.level, levels = before
    for each, level in zip(chatty, levels, strict=True):
        each.setLevel(level)


def logged(
    capsys: pytest.CaptureFixture[str], form: LogFormat, *, verbose: bool = False, quiet: bool = False
) -> list[str]:
    """The lines after one record of each level, one with an error."""
    configure(form, verbose=verbose, quiet=quiet)
    log = logging.getLogger("somebody")
    log.debug("details")
    log.info("news of %s", "\x1b[2J\nforged")
    log.warning("careful")
    try:
        raise ValueError("\x1b[31mbad")  # noqa: TRY301  a traceback is wanted
    except ValueError:
        log.exception("failed")
    out, err = capsys.readouterr()
    assert out == ""
    return str(err).splitlines()


def test_text_lines_are_escaped_and_carry_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert logged(capsys, LogFormat.TEXT) == [
        r"info: news of \x1b[2J\nforged",
        "warning: careful",
        r"error: failed: ValueError('\x1b[31mbad')",
    ]


def test_verbose_adds_details_and_a_traceback_that_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = logged(capsys, LogFormat.TEXT, verbose=True)
    assert lines[0] == "debug: details"
    assert any(line.startswith("Traceback") for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_quiet_leaves_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split(":")[0] for line in logged(capsys, LogFormat.TEXT, quiet=True)] == ["error"]


@pytest.mark.parametrize("verbose", [False, True], ids=["plain", "verbose"])
def test_every_line_is_json_when_asked(verbose: bool, capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(line) for line in logged(capsys, LogFormat.JSON, verbose=verbose)]
    expected = ["debug", "info", "warning", "error"] if verbose else ["info", "warning", "error"]
    assert [record["level"] for record in records] == expected
    assert {record["event"] for record in records} == {"log"}
    assert {record["logger"] for record in records} == {"somebody"}


def test_chatty_libraries_are_not_heard_below_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogFormat.TEXT, verbose=True, quiet=False)
    logging.getLogger("asyncio").debug("Using selector")
    logging.getLogger("watchfiles.main").info("1 change detected")
    assert capsys.readouterr().err == ""


def test_a_line_is_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    write_line("kind", "text", {"a": 1}, LogFormat.TEXT, stream)
    write_line("kind", "text", {"a": "\n\x1b"}, LogFormat.JSON, stream)
    text, as_json = stream.getvalue().splitlines()
    assert text == "text"
    assert json.loads(as_json).items() >= {"event": "kind", "a": "\n\x1b"}.items()
    assert capsys.readouterr() == ("", "")


def test_a_log_that_nobody_reads_any_more_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fetchkit serve 2>&1 | head` closes the pipe, and requests must go on."""

    class Closed(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    configure(LogFormat.TEXT, verbose=False, quiet=False)
    monkeypatch.setattr("sys.stderr", Closed())
    logging.getLogger("somebody").error("nobody hears it")


def test_the_stream_is_flushed_with_each_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as stream:
        write_line("kind", "text", {}, LogFormat.TEXT, stream)
        assert path.read_text() == "text\n"
