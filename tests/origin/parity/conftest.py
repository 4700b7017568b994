"""Fixtures of the parity tests: httpbin and fetchkit, each a process of its own for the whole run."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.program import READY_DEADLINE, Program, clean_environment

_PEER = Path(__file__).parents[3] / ".cache" / "peers" / "httpbin" / "bin" / "gunicorn"
_LISTENING = re.compile(r"Listening at: (http://127\.0\.0\.1:[0-9]+)")


def _peer() -> str:
    """The program gunicorn of httpbin's own environment.

    Where it is missing the test is skipped, naming what brings it; with CI=true in the environment it fails
    instead: what CI does not run is not shown to work.
    """
    if _PEER.exists():
        return str(_PEER)
    sentence = "httpbin is not installed: `scripts/test` puts it into .cache/peers/httpbin."
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def httpbin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of httpbin, run by gunicorn, which alone lets it take chunked bodies."""
    program, home = _peer(), tmp_path_factory.mktemp("httpbin")
    log = home / "stderr.txt"
    command = [program, "--bind", "127.0.0.1:0", "--workers", "1", "--threads", "4", "httpbin:app"]
    with log.open("wb") as sink:
        server = subprocess.Popen(
            command, cwd=home, env=clean_environment(home), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
        )
    try:
        deadline = time.monotonic() + READY_DEADLINE
        while not (match := _LISTENING.search(log.read_text("utf-8"))):
            assert server.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.02)
        yield match[1]
    finally:
        server.terminate()
        try:
            server.wait(READY_DEADLINE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def _fetchkit(home: Path) -> Iterator[str]:
    """The base URL of a fetchkit's origin; at the end it must stop with nothing unhandled."""
    (home / "site").mkdir()
    with Program(home, "serve", "site", "--host", "127.0.0.1", "--port", "0", "--no-open", "-q") as server:
        yield f"{server.ready_url()}origin"
        exit_code, _, errors = server.end(signal.SIGTERM)
        assert exit_code == 0, errors
        assert not re.search("Traceback|Unhandled exception", errors), errors


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the origin: where a suite has httpbin's, put this."""
    with _fetchkit(tmp_path_factory.mktemp("fetchkit")) as url:
        yield url


@pytest.fixture(scope="session")
def go_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same in the shape of go-httpbin."""
    home = tmp_path_factory.mktemp("go-shape")
    (home / "fetchkit.toml").write_text('[origin]\nshape = "go-httpbin"\n', "utf-8")
    with _fetchkit(home) as url:
        yield url
