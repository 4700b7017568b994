"""The demo site, as a new user sees it: its prebuilt pthread program runs to its end."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.program import Program

from .browser import Tab

pytestmark = pytest.mark.e2e


@pytest.fixture
def demo(tmp_path: Path, isolation: str) -> Iterator[str]:
    """The URL of a running `fetchkit demo`."""
    with Program(tmp_path, "demo", "--port", "0", "--isolation", isolation, "-q") as program:
        yield program.ready_url()
        assert program.end(signal.SIGTERM)[0] == 0


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
