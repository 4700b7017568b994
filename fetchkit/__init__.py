"""Everything an Emscripten application needs from a server: one process, one port.

`Config` holds the settings, `build_app` makes an aiohttp application of them, and
`async with running(config) as server:` serves it on real sockets. Each feature also works alone
in somebody else's application: `fetchkit.files.setup(app, …)`, `fetchkit.isolation.setup(app, …)`.

Names are loaded on first use, so that importing one feature imports no other.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fetchkit.version import VERSION

if TYPE_CHECKING:
    from fetchkit import errors, files, isolation
    from fetchkit.app import build_app
    from fetchkit.config import Config
    from fetchkit.server import Server, running

__version__ = VERSION

__all__ = ["Config", "Server", "__version__", "build_app", "errors", "files", "isolation", "running"]

_HOMES = {"Config": "config", "Server": "server", "build_app": "app", "running": "server"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"fetchkit.{_HOMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"fetchkit.{name}")
    raise AttributeError(f"module 'fetchkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
