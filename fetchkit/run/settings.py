"""The settings of `fetchkit run`: `[run]`, frozen. Pure."""

import math
from typing import Any

from attrs import Attribute, field, frozen

from fetchkit.errors import ConfigError

__all__ = ["Run"]


def _seconds(_instance: object, attribute: "Attribute[Any]", value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise ConfigError(f"--{attribute.name.replace('_', '-')} must be a number of seconds above 0.")


def _failure(_instance: object, _attribute: object, value: int) -> None:
    if not value & 0xFF:
        raise ConfigError(f"--timeout-returncode {value} would come out as 0, a success: choose another.")


@frozen(kw_only=True)
class Run:
    """How pages are run. Flags of the same names win.

    Attributes:
        browser: chromium, chrome, edge, firefox, or the path of one; empty for the first that is found.
        browser_args: more arguments for it.
        headless: whether it has no window; None where that follows from there being a display.
        timeout: seconds for a whole run; None for no limit.
        silence_timeout: seconds without a printed line; None for no limit.
        timeout_returncode: exit code of either; its low eight bits count.
    """

    browser: str = ""
    browser_args: tuple[str, ...] = ()
    headless: bool | None = None
    timeout: float | None = field(default=None, validator=_seconds)
    silence_timeout: float | None = field(default=None, validator=_seconds)
    # coreutils' `timeout` has 124; emrun's 99999 comes out as 159.
    timeout_returncode: int = field(default=124, validator=_failure)
