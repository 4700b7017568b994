"""A bridge: one more port whose every WebSocket goes to one place, whatever its path.

For programs that cannot say where they want to go: SOCKFS built with the default URL dials the host and port
that the program names, and others have a URL built in. The same guard judges who asks as on the main port.
"""

from aiohttp import web

from fetchkit import isolation
from fetchkit.sockets import connection
from fetchkit.web import guard
from fetchkit.web.guard import Guard, ignore_expect
from fetchkit.web.keys import EVENTS, events_of
from fetchkit.web.problems import Handler, answering
from fetchkit.web.upgrades import websocket_only

__all__ = ["bridge_app"]


def bridge_app(main: web.Application, handshake: Handler, *, to: str, rules: Guard | None) -> web.Application:
    """The application of a bridge's listeners.

    Args:
        main: whose shared headers and events it takes.
        handshake: answers WebSockets.
        to: where it leads, for people.
        rules: who may ask, as on the main port; None for everybody.
    """
    app = web.Application()
    app[EVENTS] = events_of(main)
    plan = isolation.plan_of(main)
    isolation.setup(app, mode=plan.mode, exceptions=plan.exceptions, extra=plan.extra)
    if rules is not None:
        guard.setup(app, rules)
    connection.setup(app)
    answer = websocket_only(
        handshake,
        place=f"This port is a bridge to {to}: it",
        hint="Connect with a WebSocket; pages are on the main port.",
    )
    app.router.add_route("*", "/{path:.*}", answering(answer), expect_handler=ignore_expect)
    return app
