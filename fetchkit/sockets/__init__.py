"""WebSockets that are sockets: full POSIX sockets, tunnels to TCP and UDP servers, an echo.

`sockets.posix`, `sockets.tunnel` and `sockets.echo` each have a `setup` for any aiohttp application; this
package's own puts all of them behind the paths of the server.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.sockets.routes import Handshakes, refuse, setup

__all__ = ["Handshakes", "refuse", "setup"]

__getattr__ = loader(__name__, dict.fromkeys(__all__, "routes"))
