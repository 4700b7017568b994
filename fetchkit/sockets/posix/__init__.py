"""Full POSIX sockets for pages: the protocol of Emscripten's websocket_to_posix_proxy.

`setup(app, dialer=…)` answers it in any aiohttp application.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.sockets.posix.routes import handler, setup

__all__ = ["handler", "setup"]

__getattr__ = loader(__name__, {"handler": "routes", "setup": "routes"})
