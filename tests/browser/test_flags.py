"""Command lines of browsers."""

import pytest

from fetchkit.browser.flags import SMALL_SHARED_MEMORY, Machine, chromium, firefox

DESKTOP = Machine(linux=True, root=False, shared_memory=SMALL_SHARED_MEMORY)


def test_chromium_gets_its_profile_and_speaks_through_a_pipe_alone() -> None:
    line = chromium(DESKTOP, headless=False, args=())
    assert line.arguments[line.profile] == "--user-data-dir="
    assert "--remote-debugging-pipe" in line.arguments
    assert not any(word.startswith("--remote-debugging-port") for word in line.arguments)
    assert line.file == ("", "")


@pytest.mark.parametrize(
    ("machine", "flag", "there"),
    [
        (DESKTOP, "--no-sandbox", False),
        (Machine(linux=True, root=True, shared_memory=SMALL_SHARED_MEMORY), "--no-sandbox", True),
        (Machine(linux=False, root=True, shared_memory=0), "--no-sandbox", False),
        (DESKTOP, "--disable-dev-shm-usage", False),
        (Machine(linux=True, root=False, shared_memory=64 * 2**20), "--disable-dev-shm-usage", True),
        (Machine(linux=False, root=False, shared_memory=0), "--disable-dev-shm-usage", False),
    ],
)
def test_the_machine_decides_about_some_flags(machine: Machine, flag: str, there: bool) -> None:
    assert (flag in chromium(machine, headless=True, args=()).arguments) is there


@pytest.mark.parametrize("flag", ["--headless", "--disable-gpu", "--disable-popup-blocking"])
def test_only_without_a_window(flag: str) -> None:
    assert flag in chromium(DESKTOP, headless=True, args=()).arguments
    assert flag not in chromium(DESKTOP, headless=False, args=()).arguments


def test_the_users_arguments_come_last() -> None:
    args = ("--lang=de", "--window-size=9,9")
    assert chromium(DESKTOP, headless=True, args=args).arguments[-2:] == args
    assert firefox(headless=True, args=args).arguments[-3:-1] == args


def test_features_that_the_user_disables_are_added_to_ours() -> None:
    arguments = chromium(DESKTOP, headless=True, args=("--disable-features=One,Two",)).arguments
    assert arguments[-1].startswith("--disable-features=")
    assert arguments[-1].endswith(",Translate,One,Two")


def test_firefox_gets_its_profile_and_preferences() -> None:
    line = firefox(headless=True, args=())
    assert line.arguments[line.profile - 1 : line.profile + 1] == ("--profile", "")
    assert "--headless" in line.arguments
    assert "--headless" not in firefox(headless=False, args=()).arguments
    name, text = line.file
    assert name == "user.js"
    assert 'user_pref("toolkit.telemetry.enabled", false);\n' in text
    assert 'user_pref("browser.startup.page", 0);\n' in text
    assert 'user_pref("browser.startup.homepage_override.mstone", "ignore");\n' in text
