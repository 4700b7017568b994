"""Where the bundled pages lie: `static/` of the checkout, or its copy inside an installed wheel."""

from functools import cache
from pathlib import Path
from string import Template

__all__ = ["page_template", "static_dir"]


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
