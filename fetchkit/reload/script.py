"""The markup that makes pages reload (`--reload`)."""

import json

from fetchkit.assets import static_dir

__all__ = ["reload_script"]

_PLACE = "SETTINGS"


def reload_script(path: str = "/fetchkit/reload") -> bytes:
    """A script element to be put into pages before their own; `path`: where the server listens to it."""
    code = (static_dir() / "inject" / "reload.js").read_text("ascii")
    settings = json.dumps({"path": path}).replace("<", "\\u003c")
    before, after = code.rsplit(_PLACE, 1)
    return f"<script>\n{before}{settings}{after}</script>\n".encode("ascii")
