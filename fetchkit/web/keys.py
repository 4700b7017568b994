"""What features find in the application that they are installed in."""

from aiohttp import web

from fetchkit.events import Events

__all__ = ["EVENTS", "events_of"]

EVENTS = web.AppKey("events", Events)


def events_of(app: web.Application) -> Events:
    """The application's bus, made on the first call; for `setup` functions, before the start."""
    if EVENTS not in app:
        app[EVENTS] = Events()
    return app[EVENTS]
