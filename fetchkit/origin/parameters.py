"""Numbers, sizes, durations and the query, as people write them in URLs. Pure.

A value beyond its limit is refused with the limit's name; nothing is clamped silently, as httpbin does.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import frozen

from fetchkit.errors import BadRequestError

__all__ = [
    "Query",
    "parse_count",
    "parse_flag",
    "parse_number",
    "parse_query",
    "parse_rate",
    "parse_seconds",
    "parse_size",
    "readable",
    "unescape",
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


def parse_size(text: str, limit: int, name: str) -> int:
    """Bytes: `10`, `1.5MiB`, `10MB` (10^6).

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
            f"{name}: {text.strip()} is beyond the limit of {readable(limit)} ({limit} bytes).",
            "A setting of [origin] raises limits.",
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


def parse_seconds(text: str, limit: float, name: str) -> float:
    """Seconds: `2`, `1.5`, `500ms`, `2m`, and Go's sums, as `1m30s`.

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
        raise BadRequestError(
            f"{name}: {text:.80} is beyond the limit of {limit:g} s.", "max-seconds of [origin] raises it."
        )
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


@frozen
class Query:
    """A query, taken apart; decoded as forms are (`+` is a space), and raw.

    Attributes:
        items: names and values in order, as they stood on the wire.
    """

    items: tuple[tuple[str, str], ...] = ()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Names and values in order, decoded."""
        return ((_form(name), _form(value)) for name, value in self.items)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a name, decoded."""
        return next((_form(value) for known, value in self.items if _form(known) == name), default)

    def all(self, name: str) -> list[str]:
        """Every value of a name, decoded."""
        return [_form(value) for known, value in self.items if _form(known) == name]

    def raw(self, name: str) -> list[str]:
        """Every value of a name, percent-decoded once; `+` is a plus, an invalid `%` is itself."""
        return [unescape(value) for known, value in self.items if known == name]

    def __contains__(self, name: str) -> bool:
        return any(_form(known) == name for known, _ in self.items)

    def without(self, names: Iterable[str]) -> "Query":
        """The same without some names."""
        dropped = frozenset(names)
        return Query(tuple(item for item in self.items if _form(item[0]) not in dropped))


_EMPTY: Final = Query()


def parse_query(raw: str) -> Query:
    """Take the query of a request target apart; `raw` is what follows the `?`."""
    if not raw:
        return _EMPTY
    items = (item.partition("=") for item in raw.split("&") if item)
    return Query(tuple((name, value) for name, _, value in items))


def unescape(text: str) -> str:
    """Percent-decode once; an invalid escape is itself, bytes that are no UTF-8 survive as surrogates."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _form(text: str) -> str:
    return unescape(text.replace("+", " ") if "+" in text else text)
