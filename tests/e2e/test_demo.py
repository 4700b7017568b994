"""The demo site, as a new user sees it: its programs run to their end, its download survives a cancel."""

import re
import signal
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256, shake_256
from pathlib import Path
from typing import Any

import pytest

from fetchkit.demo import SIZE
from tests.program import Program

from .browser import PAGE_DEADLINE, Tab

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


def test_every_card_of_the_demo_works(demo: str, tab: Tab) -> None:
    state, verdict, cards = tab.evaluate_when_settled(
        demo,
        """[
            document.documentElement.dataset.state,
            document.getElementById("verdict").textContent,
            [...document.querySelectorAll("[data-card]")].map(({ dataset }) => [dataset.card, dataset.state]),
        ]""",
    )
    assert (state, verdict) == ("done", "Everything works.")
    assert {card: how for card, how in cards if how != "done"} == {}
    ended: dict[str, Any] = tab.evaluate("window.fetchkitDemo")
    assert ended["exitCode"] == 0
    assert any("Total: 148933 primes" in line for line in ended["output"])


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
def test_demo_without_its_helper_server_says_that_there_is_nothing_to_download(demo: str, tab: Tab) -> None:
    tab.allowed.append("404")
    state, text = tab.evaluate_when_settled(
        demo,
        """[
            document.documentElement.dataset.state,
            document.querySelector("[data-card=download] .result").textContent,
        ]""",
    )
    assert state == "done"
    assert text.startswith("Not tried: the other server comes with fetchkit demo")
