"""The settings of `fetchkit run`: limits that can be reached, and where they come from."""

import math
from pathlib import Path
from typing import Any

import pytest

from fetchkit.config import Config
from fetchkit.errors import ConfigError
from fetchkit.run.settings import Run
from fetchkit.sources import load


def test_by_default_nothing_limits_a_run() -> None:
    assert Run() == Run(
        browser="",
        browser_args=(),
        headless=None,
        timeout=None,
        silence_timeout=None,
        timeout_returncode=124,
    )
    assert Config().run == Run()


@pytest.mark.parametrize("name", ["timeout", "silence_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, math.inf, -math.inf, math.nan])
def test_a_limit_that_cannot_be_reached_is_refused_by_its_flag(name: str, seconds: float) -> None:
    settings: dict[str, Any] = {name: seconds}
    with pytest.raises(ConfigError) as error:
        Run(**settings)
    assert str(error.value) == f"--{name.replace('_', '-')} must be a number of seconds above 0."


@pytest.mark.parametrize("seconds", [0.001, 1, 1e9])
def test_a_limit_is_a_number_of_seconds(seconds: float) -> None:
    assert Run(timeout=seconds, silence_timeout=seconds).timeout == seconds


def from_file(folder: Path, text: str) -> Run:
    file = folder / "fetchkit.toml"
    file.write_text(f"[run]\n{text}\n")
    return load({}, config_file=file).config.run


def test_a_file_may_have_them(tmp_path: Path) -> None:
    text = """browser = "firefox"
    browser-args = ["--a", "b c"]
    headless = true
    timeout = 60
    silence-timeout = 1.5
    timeout-returncode = 3"""
    assert from_file(tmp_path, text) == Run(
        browser="firefox",
        browser_args=("--a", "b c"),
        headless=True,
        timeout=60,
        silence_timeout=1.5,
        timeout_returncode=3,
    )


@pytest.mark.parametrize(
    "text",
    [
        "timeout = 0",
        "timeout = 'soon'",
        "silence-timeout = -1",
        "browser-args = 3",
        "tiemout = 3",
        "headless = 'x'",
    ],
)
def test_what_a_file_gets_wrong_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        from_file(tmp_path, text)


@pytest.mark.parametrize("code", [0, 256, -256, 512])
def test_a_time_limit_cannot_be_a_success(code: int) -> None:
    with pytest.raises(ConfigError, match="--timeout-returncode"):
        Run(timeout_returncode=code)
