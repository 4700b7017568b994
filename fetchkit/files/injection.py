"""Puts markup into an HTML page, before anything in it runs. Pure: bytes in, bytes out.

The markup goes right behind `<head>`; where there is none, in front of the first thing that would open it
(HTML standard, section 13.2.6.4: "before html", "before head"), which is in front of every script. What
stands before that is read token by token and never searched, so a `<head>` in a comment or a script is none.
A page keeps its mode: nothing comes before a doctype.
"""

import codecs
import re
from typing import Final

from fetchkit.http.media_types import media_type

__all__ = ["MAX_PAGE", "inject", "is_page"]

# A page is held whole while it is answered; one with its wasm inside (-sSINGLE_FILE) has some megabytes.
MAX_PAGE: Final = 16 * 1024 * 1024

# Tokens that neither open the head nor run: white space, comments (`<!-->` and `<!--->` are whole ones, and
# `--!>` ends one), doctype, and what the standard calls bogus comments. Possessive, so that time is linear.
_SKIPPED: Final = rb"(?:[\t\n\f\r ]++|<!--(?:-?>|.*?--!?>)|<(?!!--)[!?][^>]*+>)*+"
_ATTRIBUTES: Final = rb"""(?:[\t\n\f\r /](?:[^>"']|"[^"]*+"|'[^']*+')*+)?+>"""
_BEFORE: Final = re.compile(
    rb"%b(?:<html%b%b)?+(?:<head%b)?+" % (_SKIPPED, _ATTRIBUTES, _SKIPPED, _ATTRIBUTES),
    re.IGNORECASE | re.DOTALL,
)
# A byte order mark says more than Content-Type does (HTML standard, section 13.2.3.2).
_WIDE: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def is_page(name: str) -> bool:
    """Whether a file of that name is served as HTML."""
    return media_type(name).startswith("text/html")


def inject(page: bytes, markup: bytes) -> bytes:
    """A page with markup in it.

    Args:
        page: the bytes of the page.
        markup: what to put in, ASCII so that it is the same in every encoding of pages but UTF-16, which is
            told by its byte order mark.
    """
    encoding = _WIDE.get(page[:2])
    if encoding is None:
        at = _end_of_preamble(page, len(codecs.BOM_UTF8) if page.startswith(codecs.BOM_UTF8) else 0)
    else:
        markup = markup.decode("ascii").encode(encoding)
        at = _at_in_utf16(page, encoding)
    return b"".join((page[:at], markup, page[at:]))


def _end_of_preamble(page: bytes, begin: int = 0) -> int:
    match = _BEFORE.match(page, begin)
    return match.end() if match is not None else begin  # it matches nothing at least


def _at_in_utf16(page: bytes, encoding: str) -> int:
    """The same place, counted in characters first; lone surrogates and half a unit may be there."""
    text = page[2 : len(page) // 2 * 2].decode(encoding, "surrogatepass")
    at = _end_of_preamble(text.encode("ascii", "replace"))
    return 2 + len(text[:at].encode(encoding, "surrogatepass"))
