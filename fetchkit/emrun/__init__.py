"""What pages print, how they end and the files they dump: the server's side of `emcc --emrun`.

`setup(app)` adds it to any aiohttp application; `web.keys.events_of(app)` tells what came.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.emrun.messages import Ended, Loaded, Message, Printed, Reported, parse_message
    from fetchkit.emrun.routes import pace, setup

__all__ = ["Ended", "Loaded", "Message", "Printed", "Reported", "pace", "parse_message", "setup"]

# The grammar needs no server; aiohttp comes with the routes.
_ROUTES = ("pace", "setup")
__getattr__ = loader(__name__, {name: "routes" if name in _ROUTES else "messages" for name in __all__})
