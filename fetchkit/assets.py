"""The bundled pages and scripts: `static/` of the checkout, or its copy inside an installed wheel."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template

__all__ = ["inject_script", "page_template", "static_dir"]

_SETTINGS = "SETTINGS"


@cache
def static_dir() -> Path:
    """The folder with the demo site and the page templates."""
    package = Path(__file__).parent
    packed = package / "_static"
    return packed if packed.is_dir() else package.parent / "static"


@cache
def page_template(name: str) -> Template:
    """A page that the server fills in, with the shared style and its own script already in their places."""
    pages = static_dir() / "pages"
    parts = {"style": pages / "page.css", "script": pages / f"{name}.js"}
    texts = {
        part: file.read_text("utf-8").replace("$", "$$") for part, file in parts.items() if file.is_file()
    }
    return Template(Template((pages / f"{name}.html").read_text("utf-8")).safe_substitute(texts))


def inject_script(name: str, settings: Mapping[str, object]) -> str:
    """A script of `static/inject`, called with its settings; it may stand between `<script>` tags."""
    before, after = (static_dir() / "inject" / f"{name}.js").read_text("utf-8").rsplit(_SETTINGS, 1)
    # `<` would begin the end of the script where it stands in HTML.
    return before + json.dumps(settings).replace("<", "\\u003c") + after
