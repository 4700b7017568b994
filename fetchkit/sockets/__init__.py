"""WebSockets that are sockets: full POSIX sockets, tunnels to TCP and UDP servers, an echo.

`sockets.posix`, `sockets.tunnel` and `sockets.echo` each have a `setup` for any aiohttp application; this
package's own puts all of them behind the paths of the server.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.sockets import echo, posix, tunnel
    from fetchkit.sockets.routes import Handshakes, refuse, setup

__all__ = ["Handshakes", "echo", "posix", "refuse", "setup", "tunnel"]

_IN_ROUTES = ("Handshakes", "refuse", "setup")
__getattr__ = loader(__name__, {name: "routes" if name in _IN_ROUTES else name for name in __all__})
