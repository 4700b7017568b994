"""The served folder: ranges, conditions, precompressed siblings, no stale files, no way out.

`setup(app, directory)` serves a folder in any aiohttp application.
"""

from fetchkit.files.routes import setup

__all__ = ["setup"]
