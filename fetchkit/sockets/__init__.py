"""Routes that speak WebSocket; their prefixes are reserved, so that no file is taken for a socket."""

from fetchkit.sockets.routes import setup

__all__ = ["setup"]
