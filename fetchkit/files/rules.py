"""What a request for a file means: which path, and what stands in for one that is missing. Pure."""

import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import hdrs
from attrs import frozen

from fetchkit.errors import BadRequestError, NotFoundError
from fetchkit.http.media_types import is_asset
from fetchkit.http.problem import wants_page

__all__ = ["FilePath", "falls_back", "parse_path"]

_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Names that Windows gives to devices in every folder, whatever the suffix (Naming Files, Microsoft).
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?$", re.IGNORECASE
)
# Public by its purpose (RFC 8615), though it begins with a dot.
_WELL_KNOWN: Final = ".well-known"


@frozen
class FilePath:
    """A request path, taken apart.

    Attributes:
        segments: decoded names from the root down; none of them can leave the folder.
        folder: the path ended with a slash.
    """

    segments: tuple[str, ...]
    folder: bool

    @property
    def hidden(self) -> bool:
        """Whether a segment begins with a dot: repositories, editors and secrets live there."""
        return any(s.startswith(".") and s != _WELL_KNOWN for s in self.segments)


def parse_path(raw: str, *, windows: bool = os.name == "nt") -> FilePath:
    """Take the path of a request target apart (`raw`: as on the wire, without the query).

    Empty segments are merged, as nginx's `merge_slashes` does.

    Raises:
        BadRequestError: a `%` that is not followed by two hexadecimal digits (RFC 3986, section 2.1).
        NotFoundError: a segment that no file below the folder can have.
    """
    if _BAD_ESCAPE.search(raw):
        raise BadRequestError("The path has a % that is not followed by two hexadecimal digits.")
    names = [_decode(segment) for segment in raw.split("/") if segment]
    for name in names:
        if name in (".", "..") or not _is_name(name, windows=windows):
            raise NotFoundError("No file can have this path.")
    return FilePath(tuple(names), folder=raw.endswith("/"))


def _decode(segment: str) -> str:
    """One segment, escapes decoded once; bytes that are not UTF-8 survive as the file system's names."""
    return unquote_to_bytes(segment.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _is_name(name: str, *, windows: bool) -> bool:
    # A backslash is a name character on POSIX, but no build has one and Windows reads it as a slash.
    if any(character in name for character in "/\\\0"):
        return False
    if windows:
        # A colon opens a stream or names a drive; trailing dots and spaces are dropped by the system.
        return ":" not in name and not name.endswith((".", " ")) and not _DEVICE.match(name)
    return True


def falls_back(path: FilePath, headers: Mapping[str, str]) -> bool:
    """Whether a single-page application's index answers for a path that does not exist.

    Only for a browser's navigation, and never for a name that a program loads: HTML in place of
    a `.wasm` is the error "expected magic word 00 61 73 6d, found 3c 21 44 4f".
    """
    if path.segments and is_asset(path.segments[-1]):
        return False
    return wants_page(headers.get(hdrs.ACCEPT), headers.get("Sec-Fetch-Mode"))
