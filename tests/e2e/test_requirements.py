"""What a missing compiler or browser means: a skip on a developer's machine, a failure in CI."""

import pytest

from .conftest import require

SENTENCE = "no-such-program is not installed: `apt-get install some-package` brings it."


def test_missing_program_skips_the_test_with_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        require("some-package", "no-such-program")
    assert skipped.value.msg == SENTENCE


def test_missing_program_fails_the_test_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception) as failed:
        require("some-package", "no-such-program")
    assert failed.value.msg == SENTENCE


def test_first_program_found_is_taken() -> None:
    assert require("some-package", "no-such-program", "sh").endswith("/sh")
