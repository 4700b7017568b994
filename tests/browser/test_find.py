"""Names and paths to browsers."""

import sys
from pathlib import Path

import pytest

from fetchkit.browser.find import BROWSERS, Family, Found, find, installed, usual_paths
from fetchkit.errors import BrowserError


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    return folder


def program(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("command", "name", "family"),
    [
        ("chromium", "chromium", Family.CHROMIUM),
        ("chromium-browser", "chromium", Family.CHROMIUM),
        ("google-chrome", "chrome", Family.CHROMIUM),
        ("google-chrome-stable", "chrome", Family.CHROMIUM),
        ("microsoft-edge", "edge", Family.CHROMIUM),
        ("firefox", "firefox", Family.FIREFOX),
        ("firefox-esr", "firefox", Family.FIREFOX),
    ],
)
def test_the_first_there_is_and_by_its_name(
    bin_folder: Path, command: str, name: str, family: Family
) -> None:
    found = Found(name, family, program(bin_folder / command))
    assert find() == found
    assert find(name) == found
    assert find(name.upper()) == found
    assert installed() == [found]


def test_the_order_of_those_there_are(bin_folder: Path) -> None:
    for command in ("firefox", "brave-browser", "microsoft-edge", "google-chrome", "chromium"):
        program(bin_folder / command)
    assert [found.name for found in installed()] == ["chromium", "chrome", "edge", "firefox", "brave"]
    assert find().name == "chromium"
    (bin_folder / "chromium").unlink()
    assert find().name == "chrome"


def test_none_at_all_is_told_with_what_was_looked_for_and_what_helps(bin_folder: Path) -> None:
    program(bin_folder / "brave")  # not taken unasked
    with pytest.raises(BrowserError) as caught:
        find()
    for word in (
        "chromium-browser",
        "google-chrome",
        "firefox-esr",
        "apt-get install chromium",
        "--browser PATH",
    ):
        assert word in str(caught.value)


def test_one_that_is_not_here_is_told(bin_folder: Path) -> None:
    program(bin_folder / "chromium")
    with pytest.raises(
        BrowserError, match=r"^firefox is not here: looked for firefox, firefox-esr.*--no-browser"
    ):
        find("firefox")


@pytest.mark.usefixtures("bin_folder")
def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(BrowserError, match=r"no browser 'chromiun'.*Did you mean chromium\?$"):
        find("chromiun")


@pytest.mark.parametrize("name", ["safari", "Safari", "safari-technology-preview"])
def test_safari_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(BrowserError, match=r"profile of its own.*--no-browser"):
        find(name)


@pytest.mark.usefixtures("bin_folder")
@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("my-chrome", Family.CHROMIUM),
        ("headless_shell", Family.CHROMIUM),
        ("anything", Family.CHROMIUM),
        ("firefox-bin", Family.FIREFOX),
        ("LibreWolf", Family.FIREFOX),
    ],
)
def test_a_path_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, family: Family
) -> None:
    path = program(tmp_path / "opt" / name)
    assert find(path) == Found(name, family, path)
    monkeypatch.chdir(tmp_path)
    assert find(f"opt/{name}") == Found(name, family, path)
    assert find(f"~/opt/{name}") == Found(name, family, path)


def test_a_name_on_path_and_a_file_here_are_taken_too(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(bin_folder / "chrome-for-testing")
    assert find("chrome-for-testing") == Found("chrome-for-testing", Family.CHROMIUM, path)
    monkeypatch.chdir(tmp_path)
    assert find(Path(program(tmp_path / "here")).name) == Found(
        "here", Family.CHROMIUM, str(tmp_path / "here")
    )


def test_paths_that_cannot_be_one_are_told(bin_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BrowserError, match="does not exist"):
        find(str(tmp_path / "none"))
    with pytest.raises(BrowserError, match="not a file"):
        find(str(bin_folder))
    (tmp_path / "plain").write_text("")
    with pytest.raises(BrowserError, match="not executable"):
        find(str(tmp_path / "plain"))


def test_an_application_of_macos_is_its_program(tmp_path: Path) -> None:
    path = program(tmp_path / "Google Chrome.app" / "Contents" / "MacOS" / "Google Chrome")
    assert find(str(tmp_path / "Google Chrome.app")) == Found("Google Chrome", Family.CHROMIUM, path)


@pytest.mark.parametrize("kind", BROWSERS, ids=lambda kind: kind.name)
def test_every_browser_has_places_on_every_platform(kind: object) -> None:
    (row,) = (known for known in BROWSERS if known is kind)
    assert usual_paths(row, "linux") == row.commands != ()
    mac = usual_paths(row, "darwin")
    assert mac[0].startswith("/Applications/")
    assert mac[1].startswith("~/Applications/")
    assert mac[-1] == row.commands[-1]
    windows = usual_paths(row, "win32")
    assert windows[0].startswith("%ProgramFiles%\\")
    assert all(path.endswith(".exe") for path in windows)


def test_chrome_on_macos_and_windows_is_where_it_installs_itself() -> None:
    (chrome,) = (kind for kind in BROWSERS if kind.name == "chrome")
    assert "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" in usual_paths(chrome, "darwin")
    assert r"%LocalAppData%\Google\Chrome\Application\chrome.exe" in usual_paths(chrome, "win32")
