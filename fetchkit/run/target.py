"""Finds what is to be run: the page, or the script that a page is made for, and the folder to serve."""

import os
from pathlib import Path

from attrs import frozen

from fetchkit.errors import ConfigError, PageError
from fetchkit.run.page import SUFFIX, address, is_html, is_script, kind_of, page_for

__all__ = ["Target", "locate", "root_of"]

# A page begins with its doctype or an element, whatever its name is.
_SNIFFED = 1024


@frozen
class Target:
    """A page to run.

    Attributes:
        name: as the user wrote it.
        path: of its URL.
        made: the page made for a script; empty for a page that lies on disk.
    """

    name: str
    path: str
    made: bytes = b""


def root_of(page: str, serve_root: Path | None) -> Path:
    """The folder to serve: the one that was asked for, else the page's own."""
    return Path(os.path.abspath(page)).parent if serve_root is None else serve_root


def locate(name: str, root: Path) -> Target:
    """What to open for a page.

    Args:
        name: path of an HTML file, or of a script that emcc wrote.
        root: the served folder.

    Raises:
        PageError: there is no such page, or it is none.
        ConfigError: it lies outside the served folder.
    """
    file = Path(os.path.abspath(name))
    if not os.path.isfile(file):  # Path's own raises where a name is too long
        what = "is a folder: name the page in it" if os.path.isdir(file) else "does not exist"
        raise PageError(f"{name} {what}.")
    try:
        relative = file.relative_to(os.path.abspath(root)).as_posix()
    except ValueError as error:
        raise ConfigError(
            f"{name} is not in the served folder {root}: choose another --serve-root."
        ) from error
    try:
        if is_script(file.name):
            kind = kind_of(file.name, file.read_bytes().decode("utf-8", "replace"))
            return Target(name, address(relative + SUFFIX), page_for(file.name, kind))
        with file.open("rb") as page:
            beginning = page.read(_SNIFFED)
    except OSError as error:
        raise PageError(f"{name} cannot be read: {error.strerror}.") from error
    if len(beginning) < _SNIFFED and not beginning.strip():
        raise PageError(f"{name} is empty.")
    if not is_html(file.name) and not beginning.lstrip(b"\xef\xbb\xbf\t\n\f\r ").startswith(b"<"):
        raise PageError(f"{name} is no page: name an .html file, or the .js that emcc wrote{_beside(file)}.")
    return Target(name, address(relative))


def _beside(file: Path) -> str:
    """A hint for who named the .wasm."""
    scripts = [file.with_suffix(suffix).name for suffix in (".html", ".js", ".mjs")]
    found = [name for name in scripts if os.path.isfile(file.with_name(name))]
    return f", here {found[0]}" if found else ""
