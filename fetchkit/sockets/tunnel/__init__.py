"""Tunnels from WebSockets to TCP and UDP servers: what Emscripten's emulated POSIX sockets need.

`setup(app, dialer=…)` opens them in any aiohttp application.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.sockets.tunnel.bridge import bridge_app
    from fetchkit.sockets.tunnel.routes import handshake_by_path, handshake_to, setup
    from fetchkit.sockets.tunnel.target import (
        Bridge,
        Service,
        Target,
        Transport,
        parse_bridge,
        parse_target,
        parse_tcp_option,
    )

__all__ = [
    "Bridge",
    "Service",
    "Target",
    "Transport",
    "bridge_app",
    "handshake_by_path",
    "handshake_to",
    "parse_bridge",
    "parse_target",
    "parse_tcp_option",
    "setup",
]

# The rules need no server; aiohttp's comes with the routes.
_HOMES = {
    "bridge_app": "bridge",
    "handshake_by_path": "routes",
    "handshake_to": "routes",
    "setup": "routes",
}
__getattr__ = loader(__name__, {name: _HOMES.get(name, "target") for name in __all__})
