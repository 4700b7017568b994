"""The catalogue as Markdown, for docs/origin.md; `scripts/build-docs` writes it there. Pure."""

import re
from typing import Final

from fetchkit.origin.catalogue import grouped, shown_pattern
from fetchkit.origin.faults.table import GROUPS
from fetchkit.origin.route import Parameter, Route

__all__ = ["MARK", "catalogue_markdown", "with_catalogue"]

MARK: Final = "<!-- From here on written by scripts/build-docs out of fetchkit/origin/catalogue.py. -->\n"
_SPECIAL: Final = re.compile(r"([|<>\\])")


def with_catalogue(document: str) -> str:
    """A document with what follows the mark written anew.

    Raises:
        ValueError: it has no mark.
    """
    written, mark, _ = document.partition(MARK)
    if not mark:
        raise ValueError("the document has no mark")
    return written + mark + catalogue_markdown()


def catalogue_markdown() -> str:
    """All faults and all routes."""
    lines = ["\n## Faults\n"]
    for name, faults in GROUPS.items():
        lines.append(f"\n### {name}\n\n| function | does |\n|---|---|\n")
        lines += [
            f"| `{_cell(f'{f.name}({f.usage})' if f.usage else f.name)}` | {_text(f.help)} |\n"
            for f in faults
        ]
    lines.append("\n## Routes\n")
    for name, routes in grouped():
        lines.append(f"\n### {name}\n\n| route | does | elsewhere |\n|---|---|---|\n")
        lines += map(_row, routes)
    return "".join(lines)


def _row(route: Route) -> str:
    said = [_text(route.help), *map(_parameter, route.parameters)]
    if route.differs:
        said.append(f"*Unlike there:* {_text(route.differs)}")
    path = f"{' '.join(route.methods)} `{_cell(shown_pattern(route.pattern))}`"
    return f"| {path} | {'<br>'.join(said)} | {', '.join(route.peers) or '-'} |\n"


def _parameter(parameter: Parameter) -> str:
    default = f" (default: {_text(parameter.default)})" if parameter.default else ""
    return f"`{_cell(parameter.name)}`: {_text(parameter.help)}{default}"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
