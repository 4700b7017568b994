"""Numbers, sizes and durations, as people write them in URLs. Pure.

A value beyond its limit is refused with the limit's name; nothing is clamped silently, as httpbin does.
"""

import math
import re
from typing import Final

from fetchkit.errors import BadRequestError

__all__ = [
    "parse_count",
    "parse_flag",
    "parse_number",
    "parse_rate",
    "parse_seconds",
    "parse_size",
    "readable",
]

_UNITS: Final = {
    "": 1, "B": 1,
    "K": 1024, "KIB": 1024, "M": 1024**2, "MIB": 1024**2, "G": 1024**3, "GIB": 1024**3, "T": 1024**4,
    "TIB": 1024**4,
    "KB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4,
}  # fmt: skip
# Go's time.ParseDuration, as go-httpbin takes it, and httpbin's bare seconds.
_SECONDS: Final = {"": 1.0, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# int() of thousands of digits takes quadratic time; 19 digits hold every size.
_SIZE: Final = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})")
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(ns|us|µs|ms|s|m|h|)")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19})(?:[eE][+-]?[0-9]{1,2})?")
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on", ""})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off"})


def parse_size(text: str, limit: int, name: str, hint: str = "") -> int:
    """Bytes: `10`, `1.5MiB`, `10MB` (10^6).

    Args:
        text: what was written.
        limit: the largest that is taken.
        name: of the parameter.
        hint: what raises the limit.

    Raises:
        BadRequestError: no size, or beyond `limit`.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].upper() not in _UNITS:
        raise BadRequestError(f"{name}: {text!a:.80} is no size.", "Write it as 4096, 64KiB, 10MiB or 1GB.")
    size = (
        round(float(match[1]) * _UNITS[match[2].upper()])
        if "." in match[1]
        else int(match[1]) * _UNITS[match[2].upper()]
    )
    if size > limit:
        raise BadRequestError(
            f"{name}: {text.strip()} is beyond the limit of {readable(limit)} ({limit} bytes).", hint
        )
    return size


def parse_rate(text: str, name: str) -> float:
    """Bytes a second: `64KiB/s`, `1000`.

    Raises:
        BadRequestError: no rate.
    """
    rate = parse_size(re.sub(r" ?(?:/s|/sec|ps)$", "", text.strip()), 2**62, name)
    if rate < 1:
        raise BadRequestError(f"{name}: {text!a:.80} is no rate.", "Write it as 64KiB/s.")
    return float(rate)


def parse_seconds(text: str, limit: float, name: str, hint: str = "") -> float:
    """Seconds: `2`, `1.5`, `500ms`, `2m`, and Go's sums, as `1m30s`.

    Args:
        text: what was written.
        limit: the longest that is taken.
        name: of the parameter.
        hint: what raises the limit.

    Raises:
        BadRequestError: no duration, negative, or beyond `limit`.
    """
    position, total, text = 0, 0.0, text.strip()
    while match := _DURATION.match(text, position):
        total += float(match[1]) * _SECONDS[match[2]]
        position = match.end()
        if not match[2]:
            break  # a bare number stands alone
    if not text or position < len(text):
        raise BadRequestError(f"{name}: {text!a:.80} is no duration.", "Write it as 2, 1.5, 500ms or 2s.")
    if not total <= limit:
        raise BadRequestError(f"{name}: {text:.80} is beyond the limit of {limit:g} s.", hint)
    return total


def parse_count(text: str, low: int, high: int, name: str) -> int:
    """A whole number from `low` to `high`.

    Raises:
        BadRequestError: anything else.
    """
    if not _INTEGER.fullmatch(text.strip()):
        raise BadRequestError(f"{name}: {text!a:.80} is no whole number.")
    count = int(text)
    if not low <= count <= high:
        raise BadRequestError(f"{name}: {count} is not from {low} to {high}.")
    return count


def parse_number(text: str, low: float, high: float, name: str) -> float:
    """A number from `low` to `high`.

    Raises:
        BadRequestError: anything else.
    """
    number = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    if not low <= number <= high:
        raise BadRequestError(f"{name}: {text!a:.80} is no number from {low:g} to {high:g}.")
    return number


def parse_flag(text: str, name: str) -> bool:
    """`1`, `true`, `yes`, nothing at all (`?absolute`), and their opposites.

    Raises:
        BadRequestError: anything else.
    """
    known = text.strip().lower()
    if known in _TRUE:
        return True
    if known in _FALSE:
        return False
    raise BadRequestError(f"{name}: {text!a:.80} is neither true nor false.")


def readable(size: int) -> str:
    """A size as people write it, exact: 1024 is `1KiB`, 1025 is `1025`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _UNITS[unit.upper()] == 0:
            return f"{size // _UNITS[unit.upper()]}{unit}"
    return str(size)
