"""Control routes below `/fetchkit/`: what the server says of itself."""

from fetchkit.control.routes import setup

__all__ = ["setup"]
