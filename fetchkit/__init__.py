"""Everything an Emscripten application needs from a server: one process, one port.

`Config` holds the settings, `build_app` makes an aiohttp application of them, and
`async with running(config) as server:` serves it on real sockets. Each feature also works alone
in somebody else's application: `fetchkit.files.setup(app, …)`, `fetchkit.isolation.setup(app, …)`.

Names are loaded on first use, so that importing one feature imports no other.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader
from fetchkit.version import VERSION

if TYPE_CHECKING:
    from fetchkit import emrun, errors, files, forward, isolation, origin, reload, sockets, testing
    from fetchkit.app import build_app
    from fetchkit.config import Config
    from fetchkit.server import Server, running

__version__ = VERSION

__all__ = [
    "Config",
    "Server",
    "__version__",
    "build_app",
    "emrun",
    "errors",
    "files",
    "forward",
    "isolation",
    "origin",
    "reload",
    "running",
    "sockets",
    "testing",
]

_HOMES = {"Config": "config", "Server": "server", "build_app": "app", "running": "server"}
__getattr__ = loader(__name__, {name: _HOMES.get(name, name) for name in __all__ if name != "__version__"})


def __dir__() -> list[str]:
    return __all__
