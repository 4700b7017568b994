"""An echo for WebSockets, which misbehaves where it is asked to.

`setup(app)` answers `/echo` in any aiohttp application.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.sockets.echo.routes import handshake, setup
    from fetchkit.sockets.echo.rules import Rules, parse_rules

__all__ = ["Rules", "handshake", "parse_rules", "setup"]

# The rules need no server; aiohttp's comes with the routes.
__getattr__ = loader(
    __name__, {name: "routes" if name in ("handshake", "setup") else "rules" for name in __all__}
)
