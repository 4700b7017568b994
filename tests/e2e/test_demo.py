"""The demo site, as a new user sees it: its programs run to their end, its download survives a cancel."""

import json
import re
import signal
import socket
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256, shake_256
from pathlib import Path
from typing import Any

import pytest

from fetchkit.demo import SIZE
from tests.program import Program

from .browser import PAGE_DEADLINE, Tab, websocket_at

pytestmark = pytest.mark.e2e

SITE = Path(__file__).parents[2] / "static" / "demo"

# The card that downloads: its lines, the path that it asks for, the bar from 0 to 1, and its button.
CARD = """(() => {
    const [card] = document.querySelectorAll("[data-card=download]");
    const [lines, path, bar, button] = [".check", ".download code", "progress", "button"].map(
        (selector) => [...card.querySelectorAll(selector)]
    );
    return {
        lines: lines.map((line) => line.textContent),
        path: path[0].textContent,
        value: bar[0].value,
        press: () => button[0].click(),
        label: button[0].textContent,
    };
})()"""
# How every card ended: its name, its state, and what it says.
CARDS = """[...document.querySelectorAll("[data-card]")].map((card) => ({
    name: card.dataset.card,
    state: card.dataset.state,
    text: card.querySelector(".result").innerText,
}))"""
DIGEST = b64encode(sha256(shake_256(b"fetchkit demo").digest(SIZE)).digest()).decode()


@pytest.fixture
def command() -> tuple[str, ...]:
    """The command that serves the demo site; a test overrides it to have another."""
    return ("demo",)


@pytest.fixture
def demo(tmp_path: Path, isolation: str, command: tuple[str, ...]) -> Iterator[str]:
    """The URL where the running demo site is."""
    with Program(tmp_path, *command, "--port", "0", "--isolation", isolation, "-q") as program:
        yield program.ready_url()
        exit_code, _, errors = program.end(signal.SIGTERM)
        assert (exit_code, errors) == (0, "")


# What the cards of programs with sockets say.
CONNECTED = r"Connected after [0-9.]+ ms\."
LINES = r"20 lines came back in capitals, each in [0-9.]+ ms \(median\)\."
LOAD = r"256 KiB came back in capitals in [0-9.]+ ms\."
ENDED = r"The program ended with exit code 0\."
VISIT = r"A visitor from 127\.0\.0\.1 port [0-9]+\.", r"It was answered: 263424 bytes both ways\."
CALL = r"Connecting to 127\.0\.0\.1 port [0-9]+\.", CONNECTED, LINES, LOAD, ENDED
RESOLVED = r"localhost is (?:::1 and )?127\.0\.0\.1(?: and ::1)?\."
SOCKET_CARDS = {
    "echo": (
        CONNECTED,
        r"Text: 20 messages came back, each in [0-9.]+ ms \(median\)\.",
        r"Binary: 256 KiB came back byte for byte in [0-9.]+ ms\.",
        r"Closed cleanly with code 1000\.",
        ENDED,
    ),
    "emulated": CALL,
    "connect": (
        RESOLVED,
        r"Connected to 127\.0\.0\.1 port [0-9]+ in [0-9.]+ ms\.",
        LINES,
        r"256 KiB and the end of the stream came back in [0-9.]+ ms\.",
        ENDED,
    ),
    "listen": (
        "Server",
        r"Listening on 127\.0\.0\.1 port [0-9]+\.",
        *VISIT * 2,
        ENDED,
        "First visitor",
        *CALL,
        "Second visitor",
        *CALL,
    ),
}


def assert_says(text: str, expected: tuple[str, ...]) -> None:
    """The text has exactly these lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern}; all of it: {text}"


def texts(tab: Tab) -> dict[str, str]:
    """What every card says, by its name."""
    return {card["name"]: card["text"] for card in tab.evaluate(CARDS)}


def wait_until(tab: Tab, condition: str) -> None:
    """Wait until the condition on `card` holds."""
    tab.chromium.call(
        tab.page.wait_for_function(f"((card) => {condition})({CARD})", timeout=PAGE_DEADLINE * 1000)
    )


def assert_resumed(lines: list[str], *, earliest: int) -> None:
    """The card says that it cancelled, went on at the same byte, and has the whole file."""
    cancelled, resumed, whole = lines
    match = re.fullmatch(r"Cancelled after ([0-9,]+) bytes\.", cancelled)
    assert match
    first = int(match[1].replace(",", ""))
    assert earliest <= first < SIZE
    assert resumed == f"Resumed: answered with 206 (bytes {first}-{SIZE - 1}/{SIZE})."
    assert whole == f"Whole: its SHA-256 is the one that the server announced, {DIGEST}"


def assert_all_well(demo: str, tab: Tab) -> None:
    """Opens the page: everything on it works."""
    verdict, cards = tab.evaluate_when_settled(
        demo, f'[document.getElementById("verdict").textContent, {CARDS}]'
    )
    assert [card for card in cards if card["state"] != "done" or "Not tried" in card["text"]] == []
    assert verdict == "Everything works."


def test_every_card_of_the_demo_works(demo: str, tab: Tab) -> None:
    assert_all_well(demo, tab)
    ended: dict[str, Any] = tab.evaluate("window.fetchkitDemo")
    assert ended["exitCode"] == 0
    assert any("Total: 148933 primes" in line for line in ended["output"])


def test_programs_with_sockets_say_what_happened_on_a_second_visit_too(demo: str, tab: Tab) -> None:
    for _ in range(2):
        assert_all_well(demo, tab)
        said = texts(tab)
        for name, expected in SOCKET_CARDS.items():
            assert_says(said[name], expected)


@pytest.mark.parametrize("isolation", ["require-corp"])
def test_nothing_listens_any_more_once_the_demo_has_run(demo: str, tab: Tab) -> None:
    assert_all_well(demo, tab)
    match = re.search(r"Listening on 127\.0\.0\.1 port ([0-9]+)\.", texts(tab)["listen"])
    assert match
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(match[1])), timeout=PAGE_DEADLINE)


@pytest.mark.parametrize("isolation", ["require-corp"])
def test_person_runs_the_programs_with_sockets_again_by_their_buttons(demo: str, tab: Tab) -> None:
    assert_all_well(demo, tab)
    for name, expected in SOCKET_CARDS.items():
        tab.evaluate(f"document.querySelector('[data-card={name}] > button').click()")
        assert tab.evaluate("document.documentElement.dataset.state") == "running"
        done = "document.documentElement.dataset.state === 'done'"
        tab.chromium.call(tab.page.wait_for_function(done, timeout=PAGE_DEADLINE * 1000))
        assert_says(texts(tab)[name], expected)


@pytest.mark.parametrize("isolation", ["require-corp"])
def test_program_whose_server_is_not_there_is_shown_as_failed_with_the_reason(demo: str, tab: Tab) -> None:
    tab.allowed.append("Unexpected response code: 502")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and it does not listen
        host, port = closed.getsockname()
        told = json.dumps({"host": host, "port": port})
        script = f"""{{
            const real = fetch;
            const told = async () => new Response('{told}');
            window.fetch = (url, options) => (url === "/helper/capitals" ? told() : real(url, options));
        }}"""
        tab.chromium.call(tab.page.add_init_script(script))
        cards = tab.evaluate_when_settled(demo, CARDS)
    failed = {card["name"]: card["text"] for card in cards if card["state"] == "failed"}
    assert sorted(failed) == ["connect", "emulated"]
    ended = r"The program ended with exit code 1\."
    assert_says(failed["emulated"], (CALL[0], "ECONNREFUSED: Connection refused", ended))
    assert_says(failed["connect"], (RESOLVED, r"connect: Connection refused\.", ended))


@pytest.mark.parametrize("command", [("demo", "--no-sockets")], ids=["no-sockets"])
@pytest.mark.parametrize("isolation", ["require-corp"])
def test_demo_without_sockets_says_that_they_are_off(demo: str, tab: Tab) -> None:
    tab.allowed.append("Unexpected response code: 403")
    verdict, cards = tab.evaluate_when_settled(
        demo, f'[document.getElementById("verdict").textContent, {CARDS}]'
    )
    assert {card["name"] for card in cards if card["state"] != "done"} == set(SOCKET_CARDS)
    assert verdict == f"Something is wrong in {len(SOCKET_CARDS)} of {len(cards)} cards."
    for name in SOCKET_CARDS:
        (said,) = (card["text"].strip() for card in cards if card["name"] == name)
        assert said.startswith(
            f"No WebSocket to {websocket_at(demo, 'echo')}. Sockets are off with --no-sockets"
        )


def test_demo_works_with_a_token(tmp_path: Path, tab: Tab) -> None:
    with Program(tmp_path, "demo", "--port", "0", "--token=secret", "-q") as program:
        assert_all_well(f"{program.ready_url()}?fetchkit-token=secret", tab)
        assert program.end(signal.SIGTERM)[0] == 0


def test_demo_cancels_and_resumes_a_download_through_the_forward(demo: str, tab: Tab) -> None:
    card = tab.evaluate_when_settled(demo, CARD)
    assert_resumed(card["lines"], earliest=SIZE // 2)
    assert re.fullmatch(r"/forward/http://127\.0\.0\.1:[0-9]+/file/1", card["path"])
    assert [answer.status for answer in tab.answers(card["path"], 2)] == [200, 206]
    assert (card["value"], card["label"]) == (1, "Download again")


@pytest.mark.parametrize("isolation", ["require-corp"])
def test_person_cancels_and_resumes_the_download_by_its_button(demo: str, tab: Tab) -> None:
    tab.evaluate_when_settled(demo, f"{CARD}.press()")
    wait_until(tab, "card.label === 'Cancel' && card.value > 0.5")
    tab.evaluate(f"{CARD}.press()")
    wait_until(tab, "card.label === 'Resume'")
    assert tab.evaluate(CARD)["value"] < 1
    tab.evaluate(f"{CARD}.press()")
    wait_until(tab, "card.label === 'Download again'")
    assert_resumed(tab.evaluate(CARD)["lines"], earliest=SIZE // 2)


@pytest.mark.parametrize(
    "command",
    [("serve", str(SITE)), ("demo", "--no-forward")],
    ids=["serve", "no-forward"],
)
@pytest.mark.parametrize("isolation", ["require-corp"])
def test_demo_without_its_helper_servers_says_what_it_did_not_try(demo: str, tab: Tab) -> None:
    tab.allowed.append("404")
    cards = tab.evaluate_when_settled(demo, CARDS)
    assert [card for card in cards if card["state"] != "done"] == []
    untried = {card["name"]: card["text"] for card in cards if "Not tried" in card["text"]}
    assert sorted(untried) == ["connect", "download", "emulated"]
    assert untried["download"].startswith("Not tried: the other server comes with fetchkit demo")
    assert untried["connect"] == untried["emulated"]
    assert untried["connect"].startswith("Not tried: the TCP server comes with fetchkit demo")
