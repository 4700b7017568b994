"""Which page runs a program: an HTML file as it is, or one made on the fly for what emcc wrote. Pure."""

import html
import json
import re
from typing import Final
from urllib.parse import quote as percent_encode

from attrs import frozen

__all__ = ["SUFFIX", "ScriptKind", "address", "is_html", "is_script", "kind_of", "page_for", "query"]

SUFFIX: Final = ".run.html"
"""What a page made for a script is called besides: it lies where the script does, for relative URLs."""

# A server should take targets of 8000 bytes (RFC 9112, section 3); half of that is left to the path.
MAX_QUERY: Final = 4000
_HTML: Final = (".html", ".htm", ".xhtml")
_SCRIPTS: Final = (".js", ".mjs", ".cjs")

# The end of what emcc writes with -sEXPORT_ES6, and with -sMODULARIZE (emcc.py, modularize).
_TAIL: Final = 2048
_EXPORT: Final = re.compile(r"\bexport\s+default\b|\bexport\s*\{[^}]*\bdefault\b")
_FACTORY: Final = re.compile(
    r"\bdefine\(\[\],\s*(?:function\s*\(\)\s*\{\s*return\b|\(\)\s*=>)\s*([A-Za-z_$][\w$]*)"
)


@frozen
class ScriptKind:
    """How a script is started.

    Attributes:
        module: as an ECMAScript module whose default export is the factory.
        factory: global name of the factory; empty for a script that runs by itself.
    """

    module: bool = False
    factory: str = ""


def kind_of(name: str, source: str) -> ScriptKind:
    """What emcc made.

    Args:
        name: file name.
        source: the script, or its end.
    """
    tail = source[-_TAIL:]
    if name.endswith(".mjs") or _EXPORT.search(tail):
        return ScriptKind(module=True)
    found = _FACTORY.search(tail)
    return ScriptKind(factory="" if found is None else found[1])


def page_for(name: str, kind: ScriptKind) -> bytes:
    """A page that runs a script which lies beside it.

    The canvas is where SDL and the like look for it.
    """
    source = html.escape(_quote(name))
    if kind.module:
        address = json.dumps(f"./{_quote(name)}")
        script = (
            f'<script type="module">import * as made from {address};\n'
            "if (typeof made.default === 'function') await made.default(options);</script>"
        )
    elif kind.factory:
        script = f'<script src="{source}"></script>\n<script>{kind.factory}(options);</script>'
    else:
        script = f'<script src="{source}"></script>'
    return (
        "<!doctype html>\n"
        f'<html lang="en"><meta charset="utf-8"><title>{html.escape(name)}</title>\n'
        '<link rel="icon" href="data:,">\n'
        '<canvas id="canvas" tabindex="-1"></canvas>\n'
        "<script>var Module = { canvas: document.getElementById('canvas') }, options = Module;</script>\n"
        f"{script}\n"
    ).encode("utf-8", "replace")


def is_script(name: str) -> bool:
    """Whether it is something that emcc writes to be run."""
    return name.lower().endswith(_SCRIPTS)


def is_html(name: str) -> bool:
    """Whether it is a page by its name."""
    return name.lower().endswith(_HTML)


def address(path: str) -> str:
    """The path of a URL for a path below the served root, with slashes."""
    return "/" + _quote(path)


def query(arguments: tuple[str, ...]) -> str:
    """The arguments as emrun puts them into the query, for builds whose Module object is out of reach.

    What emrun_prejs.js makes of escapes depends on its version; where the object can be reached it does not
    matter. Arguments that are too long for a request target are left out.
    """
    text = f"?{'&'.join(_quote(each, safe='') for each in arguments)}"
    return text if arguments and len(text) <= MAX_QUERY else ""


def _quote(text: str, safe: str = "/") -> str:
    """Percent-encode text of the file system or the command line, whose foreign bytes are surrogates."""
    return percent_encode(text, safe, errors="surrogateescape")
