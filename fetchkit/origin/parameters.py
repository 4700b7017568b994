"""Numbers, sizes, durations and the query, as the test origin reads them from URLs. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import frozen

from fetchkit.http import quantities
from fetchkit.http.quantities import parse_count, parse_flag, parse_number, parse_rate, readable

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


def parse_size(text: str, limit: int, name: str) -> int:
    """Bytes within a limit of the settings.

    Raises:
        BadRequestError: no size, or beyond `limit`.
    """
    return quantities.parse_size(text, limit, name, "A setting of [origin] raises limits.")


def parse_seconds(text: str, limit: float, name: str) -> float:
    """Seconds within a limit of the settings.

    Raises:
        BadRequestError: no duration, negative, or beyond `limit`.
    """
    return quantities.parse_seconds(text, limit, name, "max-seconds of [origin] raises it.")


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
        return bool(self.items) and any(_form(known) == name for known, _ in self.items)

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
