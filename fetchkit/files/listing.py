"""The page that lists a folder. Pure: entries in, HTML out."""

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from string import Template
from urllib.parse import quote

from fetchkit.files.lookup import Entry
from fetchkit.text import readable_size

__all__ = ["listing_page"]

_UP = '<tr><td class="name"><a href="../">../</a></td><td class="size"></td><td class="time"></td></tr>'


def listing_page(segments: Sequence[str], entries: Iterable[Entry], template: Template) -> bytes:
    """The page for the folder at `segments`: folders first, then files, each by name."""
    ordered = sorted(entries, key=lambda entry: (not entry.folder, entry.name.casefold(), entry.name))
    rows = [_row(entry) for entry in ordered]
    if segments:
        rows.insert(0, _UP)
    page = template.substitute(
        title=_text("/" + "".join(f"{name}/" for name in segments)),
        crumbs=_crumbs(segments),
        rows="\n".join(rows),
        count=_count(ordered),
    )
    return page.encode("utf-8", "replace")


def _row(entry: Entry) -> str:
    name = entry.name + "/" * entry.folder
    size = "" if entry.folder else readable_size(entry.size)
    try:
        modified = datetime.fromtimestamp(entry.modified, UTC)
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        modified = datetime.fromtimestamp(0, UTC)
    exact, shown = f"{modified:%Y-%m-%dT%H:%M:%SZ}", f"{modified:%Y-%m-%d %H:%M}"
    return (
        f'<tr><td class="name"><a href="{_link(name)}">{_text(name)}</a></td>'
        f'<td class="size">{size}</td>'
        f'<td class="time"><time datetime="{exact}">{shown}</time></td></tr>'
    )


def _crumbs(segments: Sequence[str]) -> str:
    depth = len(segments)
    links = ['<a href="{}">/</a>'.format("../" * depth or "./")]
    for index, name in enumerate(segments):
        up = "../" * (depth - index - 1) or "./"
        links.append(f'<a href="{up}">{_text(name)}/</a>')
    return "".join(links)


def _count(entries: Sequence[Entry]) -> str:
    folders = sum(entry.folder for entry in entries)
    counted = ((len(entries) - folders, "file"), (folders, "folder"))
    return ", ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in counted if n) or "empty"


def _link(name: str) -> str:
    """A relative reference; `./` keeps a colon from reading as a scheme (RFC 3986, section 4.2)."""
    return "./" + quote(name.encode("utf-8", "surrogateescape"))


def _text(name: str) -> str:
    return html.escape(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
