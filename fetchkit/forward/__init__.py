"""HTTP that a page may fetch from anywhere: CORS added, headers of ours kept apart, never a false end.

`setup(app, dialer=…, origins=…)` forwards in any aiohttp application.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.forward.routes import refuse, setup
    from fetchkit.forward.settings import Cookies, Encoding, Forward, Redirects, Target

__all__ = ["Cookies", "Encoding", "Forward", "Redirects", "Target", "refuse", "setup"]

# The settings need no client; aiohttp comes with the routes.
__getattr__ = loader(
    __name__, {name: "routes" if name in ("refuse", "setup") else "settings" for name in __all__}
)
