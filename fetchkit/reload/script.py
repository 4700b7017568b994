"""The markup that makes pages reload (`--reload`)."""

from fetchkit.assets import inject_script

__all__ = ["reload_script"]


def reload_script(path: str = "/fetchkit/reload") -> bytes:
    """A script element to be put into pages before their own; `path`: where the server listens to it."""
    code = inject_script("reload", {"path": path})
    return f"<script>\n{code}</script>\n".encode("ascii")
