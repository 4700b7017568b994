"""What features find in the application that they are installed in."""

from aiohttp import web

from fetchkit.events import Events
from fetchkit.net.dial import Dialer

__all__ = ["ABSENT_MARKUP", "DIALER", "EVENTS", "events_of"]

EVENTS = web.AppKey("events", Events)
DIALER = web.AppKey("dialer", Dialer)
ABSENT_MARKUP = web.AppKey("absent markup", str)
"""What stands in the head of the page that a browser sees where nothing is."""


def events_of(app: web.Application) -> Events:
    """The application's bus, made on the first call; for `setup` functions, before the start."""
    if EVENTS not in app:
        app[EVENTS] = Events()
    return app[EVENTS]
