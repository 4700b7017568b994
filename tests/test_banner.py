"""After the ready line: a banner on a terminal, warnings and the token on standard error."""

import io
import json
import os
import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from fetchkit import Config, Server, certificates
from fetchkit.banner import opening_url
from fetchkit.listen import EVERYWHERE
from fetchkit.version import VERSION

from .program import Program

DEADLINE = 20.0


# Colours (ECMA-48, section 8.3.117) and hyperlinks (OSC 8), which are no text.
_STYLE = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")


class Terminal:
    """A pseudo-terminal that a program writes to; what is read of it is without colours and links."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.raw = b""
        self.text = ""

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read on until the text has the pattern."""
        deadline = time.monotonic() + DEADLINE
        while not (match := re.search(pattern, self.text)):
            left = max(0.0, deadline - time.monotonic())
            readable, _, _ = select.select([self._descriptor], [], [], left)
            assert readable, f"no {pattern!r} in {self.text!r}"
            try:
                block = os.read(self._descriptor, 65536)
            except OSError:  # Linux: every writer is gone
                block = b""
            assert block, f"no {pattern!r} in {self.text!r}"
            self.raw += block
            self.text = _STYLE.sub("", self.raw.decode("utf-8", "replace").replace("\r\n", "\n"))
        return match


@contextmanager
def on_terminal(home: Path, *arguments: str) -> Iterator[tuple[Program, Terminal]]:
    """A program whose standard output is a terminal, wide enough for every path."""
    ours, theirs = os.openpty()
    environment = {"COLUMNS": "400", "LINES": "60", "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    try:
        with Program(home, *arguments, environment=environment, stdout=theirs) as program:
            os.close(theirs)
            yield program, Terminal(ours)
    finally:
        os.close(ours)


def server(url: str, token: str = "", **settings: object) -> Server:
    """A server as `running` hands it over."""
    return Server(web.Application(), Config(**settings), (url,), token)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(server("http://127.0.0.1:1/"), "http://127.0.0.1:1/", id="plain"),
        pytest.param(
            server("http://127.0.0.1:1/", "a-b"), "http://127.0.0.1:1/?fetchkit-token=a-b", id="token"
        ),
        pytest.param(server("http://[::1]:1/", host=("::1",)), "http://[::1]:1/", id="ipv6"),
        pytest.param(
            server("http://0.0.0.0:1/", host=("0.0.0.0",)), "http://127.0.0.1:1/", id="every-ipv4-address"
        ),
        pytest.param(
            server("https://0.0.0.0:1/", "t", host=EVERYWHERE, tls=True),
            "https://127.0.0.1:1/?fetchkit-token=t",
            id="every-address",
        ),
    ],
)
def test_the_url_to_open_is_one_that_a_browser_can_open(given: Server, expected: str) -> None:
    assert opening_url(given) == expected


def test_every_ipv6_address_is_opened_by_one_that_it_listens_on() -> None:
    """`--host ::` binds IPv6 alone, so 127.0.0.1 would be refused."""
    assert opening_url(server("http://[::]:1/", host=("::",))) == "http://[::1]:1/"


def test_on_a_terminal_the_ready_line_is_first_and_a_banner_follows(folder: Path, tmp_path: Path) -> None:
    with on_terminal(tmp_path, "serve", str(folder), "--port", "0", "--token=abc") as (program, terminal):
        terminal.read_until(r"isolation.*\n")
        first, *banner = terminal.text.split("\n")
        ready = re.fullmatch(r"fetchkit ready (http://127\.0\.0\.1:[0-9]+/)", first)
        assert ready, terminal.text
        text = "\n".join(banner)
        for part in (VERSION, "Ctrl-C", str(folder), f"{ready[1]}?fetchkit-token=abc", "require-corp"):
            assert part in text
        assert program.end(signal.SIGTERM)[0] == 0


def test_quiet_leaves_the_banner_out_but_not_the_token(folder: Path, tmp_path: Path) -> None:
    arguments = ("serve", str(folder), "--port", "0", "--token=abc", "-q")
    with on_terminal(tmp_path, *arguments) as (program, terminal):
        terminal.read_until(r"\n")
        program.wait_for_errors(r"http://127\.0\.0\.1:\d+/\?fetchkit-token=abc")
        code, _, _ = program.end(signal.SIGTERM)
    assert code == 0
    assert re.fullmatch(r"fetchkit ready \S+\n", terminal.text)


@pytest.mark.parametrize("name", ["a[/b]", "[bold]c", "[link=x]d", "e\x1b[2Jf"])
def test_any_folder_name_can_be_shown(name: str, tmp_path: Path) -> None:
    (tmp_path / name.partition("/")[0]).mkdir()
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    with on_terminal(tmp_path, "serve", str(folder), "--port", "0") as (program, terminal):
        terminal.read_until(r"isolation.*\n")
        assert "\x1b[2J" not in terminal.text
        assert name.replace("\x1b", r"\x1b") in terminal.text
        assert program.end(signal.SIGTERM)[0] == 0


def test_lan_shows_a_code_that_a_phone_can_read(folder: Path, tmp_path: Path) -> None:
    segno = pytest.importorskip("segno")
    with on_terminal(tmp_path, "serve", str(folder), "--port", "0", "--lan") as (program, terminal):
        first = terminal.read_until(r"fetchkit ready https://0\.0\.0\.0:(\d+)/\n")
        host = (certificates.lan_addresses() or ["127.0.0.1"])[0]
        url = f"https://{f'[{host}]' if ':' in host else host}:{first[1]}/"
        expected = io.StringIO()
        segno.make(url).terminal(expected, compact=True)
        terminal.read_until(re.escape(_STYLE.sub("", expected.getvalue()).rstrip()))
        assert url in terminal.text
        assert str(tmp_path / ".config" / "fetchkit" / "ca.pem") in terminal.text
        assert (tmp_path / ".config" / "fetchkit" / "ca.pem").is_file()
        assert program.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("arguments", [["--token=abc"], ["--token=abc", "-q"], ["--token"]], ids=" ".join)
def test_the_token_goes_to_standard_error_with_the_url_to_open(
    arguments: list[str], folder: Path, tmp_path: Path
) -> None:
    with Program(tmp_path, "serve", str(folder), "--port", "0", *arguments) as program:
        url = program.ready_url()
        match = program.wait_for_errors(re.escape(url) + r"\?fetchkit-token=([A-Za-z0-9_-]+)")
        assert match[1] == "abc" or "--token" in arguments
        code, rest, _ = program.end(signal.SIGTERM)
    assert (code, rest) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        pytest.param(["--host", "0.0.0.0"], True, id="every-address"),
        pytest.param(["--host", "0.0.0.0", "--tls"], False, id="with-tls"),
        pytest.param(["--host", "127.0.0.1"], False, id="loopback"),
    ],
)
def test_pages_that_are_no_secure_context_are_warned_of(
    arguments: list[str], warned: bool, folder: Path, tmp_path: Path
) -> None:
    with Program(tmp_path, "serve", str(folder), "--port", "0", *arguments) as program:
        with socket.create_connection(("127.0.0.1", program.ready_port()), timeout=5):
            pass
        if warned:
            program.wait_for_errors("warning: .*no secure context.*--lan.*--tls")
        code, rest, err = program.end(signal.SIGTERM)
    assert (code, rest) == (0, "")
    assert ("secure context" in err) == warned


def test_a_folder_with_a_name_of_ours_is_told_of(folder: Path, tmp_path: Path) -> None:
    (folder / "fetchkit").mkdir()
    with Program(tmp_path, "serve", str(folder), "--port", "0") as program:
        program.ready_url()
        program.wait_for_errors(r"/fetchkit\b.*\[routes\]")


def test_open_opens_the_url_with_the_token(folder: Path, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> "{opened}"\n')
    browser.chmod(0o755)
    arguments = ("serve", str(folder), "--port", "0", "--open", "--token=abc")
    with Program(tmp_path, *arguments, environment={"BROWSER": f"{browser} %s"}) as program:
        url = program.ready_url()
        deadline = time.monotonic() + DEADLINE
        while not opened.is_file() or not opened.read_text().endswith("\n"):
            assert time.monotonic() < deadline, program.errors
            time.sleep(0.01)
        assert opened.read_text() == f"{url}?fetchkit-token=abc\n"
        assert program.end(signal.SIGTERM)[:2] == (0, "")


@pytest.mark.parametrize("arguments", [["--token"], ["--host", "0.0.0.0"], ["-v"]], ids=" ".join)
def test_with_json_every_line_of_standard_error_is_json(
    arguments: list[str], folder: Path, tmp_path: Path
) -> None:
    (folder / "fetchkit").mkdir()
    with Program(
        tmp_path, "serve", str(folder), "--port", "0", "--log-format", "json", *arguments
    ) as program:
        with socket.create_connection(("127.0.0.1", program.ready_port()), timeout=5) as client:
            client.sendall(b"GET /%1B?\x22 HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            program.wait_for_errors(r'"Answered".*"status": ?421')
            client.sendall(b"\x1b[2J\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            program.wait_for_errors(r'"status": ?400')
        code, _, err = program.end(signal.SIGTERM)
    assert code == 0
    records = [json.loads(line) for line in err.splitlines()]
    assert {"Refused", "Answered", "log"} <= {record["event"] for record in records}
