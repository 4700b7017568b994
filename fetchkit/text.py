"""Text for people: sizes, near misses, and foreign text made safe for a terminal. Pure."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

__all__ = ["escape", "escape_controls", "escape_lines", "nearest", "readable_size"]

_UNITS = ("KiB", "MiB", "GiB", "TiB")
# What a terminal would obey or reorder: C0 but tab and line feed, DEL and C1, separators of lines, embeddings
# and isolates of bidirectional text (UAX 9), surrogates. The joiners within emoji and Indic words stay.
_CONTROLS: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escape(text: str) -> str:
    """Text of a page or a request, with what a terminal would obey written out."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text
    )


def escape_lines(text: str) -> str:
    """Several lines, each escaped."""
    return "\n".join(map(escape, text.split("\n")))


def escape_controls(text: str) -> str:
    """Output of a program: as it is, but for what a terminal would obey."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant; empty where none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), "")


def readable_size(size: int) -> str:
    """Bytes as people read them: `812 B`, `1.2 MiB`."""
    if size < 1024:  # noqa: PLR2004  bytes to KiB
        return f"{size} B"
    amount, unit = size / 1024, "KiB"
    for larger in _UNITS[1:]:
        if round(amount, 1) < 1024:  # noqa: PLR2004
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}"
