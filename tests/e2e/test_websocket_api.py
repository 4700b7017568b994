"""The WebSockets API (`-lwebsocket.js`) with `/echo`: text, binary, closes, one handle in several threads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Ended, Tab, program_at, websocket_at

pytestmark = pytest.mark.e2e

Site = Callable[..., Path]
Serve = Callable[..., str]
Run = Callable[..., Ended]

TEXT = "grüße, 世界 🌍"
MESSAGES = [f"text: {TEXT}, as sent", "binary: 256 bytes, as sent", "binary: 0 bytes, as sent"]
THREADS = ("-pthread", "-sPROXY_TO_PTHREAD")


@pytest.fixture
def isolation() -> str:
    """One mode is enough, the stricter one, but for what isolation decides."""
    return "require-corp"


@pytest.fixture
def run(site: Site, serve: Serve, tab: Tab) -> Run:
    """`run(program, path, *arguments, flags=())`: how it ended; the first argument is the WebSocket's URL."""

    def until_end(program: str, path: str, *arguments: object, flags: tuple[str, ...] = ()) -> Ended:
        url = serve(site(f"sockets/{program}", "-lwebsocket.js", *flags))
        return tab.run(program_at(url, program, websocket_at(url, path), *arguments))

    return until_end


@pytest.mark.parametrize(
    ("close", "told"),
    [
        ([], "clean 1, code 1005, reason ''"),
        ([1000], "clean 1, code 1000, reason ''"),
        ([4321, "größer"], "clean 1, code 4321, reason 'größer'"),
    ],
)
def test_messages_and_the_close_come_back_as_they_were_sent(run: Run, close: list[object], told: str) -> None:
    ended = run("websocket", "echo", TEXT, *close)
    assert ended == Ended(["opened, protocol ''", *MESSAGES, f"closed: {told}"], 0)


def test_first_subprotocol_offered_is_the_one(run: Run) -> None:
    ended = run("websocket", "echo", TEXT, 1000, "", "base64,binary")
    assert ended.output[0] == "opened, protocol 'base64'"
    assert ended.exit_code == 0


def test_server_closes_as_the_parameters_say(run: Run) -> None:
    ended = run("websocket", "echo?close_after=2&close_code=4000&reason=enough", TEXT)
    assert ended == Ended(
        ["opened, protocol ''", *MESSAGES[:2], "closed: clean 1, code 4000, reason 'enough'"], 0
    )


def test_dropped_connection_is_no_clean_close(run: Run) -> None:
    ended = run("websocket", "echo?drop_after=2", TEXT)
    assert ended.output[-1] == "closed: clean 0, code 1006, reason ''"
    assert ended.exit_code == 0


@pytest.mark.parametrize("isolation", ["require-corp", "credentialless"])
def test_two_threads_share_one_handle(run: Run) -> None:
    ended = run("shared_handle", "echo", flags=THREADS)
    assert ended == Ended(["sender 0: 100 came back", "sender 1: 100 came back", "closed with 4001"], 0)
