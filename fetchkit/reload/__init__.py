"""`--reload`: a page reloads once what it asked for has been built anew, whole.

`setup(app, directory)` watches a folder in any aiohttp application; pages get `reload_script()`.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.reload.routes import setup
    from fetchkit.reload.script import reload_script

__all__ = ["reload_script", "setup"]

# The watcher's library is loaded where it is used alone.
__getattr__ = loader(__name__, {"reload_script": "script", "setup": "routes"})
