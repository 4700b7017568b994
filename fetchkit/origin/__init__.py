"""The test origin: httpbin's paths made right, and the failures that no test origin can make.

`setup(app)` adds it to any aiohttp application.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.origin.routes import setup
    from fetchkit.origin.settings import Origin, Shape

__all__ = ["Origin", "Shape", "setup"]

# The settings need no server; aiohttp comes with the routes.
__getattr__ = loader(__name__, {"Origin": "settings", "Shape": "settings", "setup": "routes"})
