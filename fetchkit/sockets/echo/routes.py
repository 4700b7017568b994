"""The echo as a route."""

from aiohttp import hdrs, web

from fetchkit.errors import BadRequestError
from fetchkit.sockets import connection
from fetchkit.sockets.connection import WebSocket
from fetchkit.sockets.echo.mirror import Mirror
from fetchkit.sockets.echo.rules import parse_rules
from fetchkit.sockets.handshake import parse_handshake
from fetchkit.web.answers import answer
from fetchkit.web.guard import ignore_expect
from fetchkit.web.prebuilt import PHRASES
from fetchkit.web.problems import answering
from fetchkit.web.upgrades import websocket_only

__all__ = ["handshake", "setup"]


def setup(app: web.Application, *, path: str = "/echo") -> None:
    """Echo WebSockets at a path.

    Args:
        app: any aiohttp application; `web.guard.setup` makes it judge who asks.
        path: of the WebSocket.
    """
    connection.setup(app)
    app.router.add_route("*", path, answering(websocket_only(handshake)), expect_handler=ignore_expect)


async def handshake(request: web.Request) -> web.StreamResponse:
    """The handler of handshakes, for any path; who asks was judged before."""
    asked = parse_handshake(request.method, request.headers)
    rules = parse_rules(request.query)
    if rules.reject:
        return _reject(request, rules.reject)
    ws = WebSocket(request, rules.choose(asked.protocols), max_message=rules.max_message)
    mirror = Mirror(ws, rules)
    await ws.accept(asked, mirror)
    mirror.begin()
    return await ws.finished()


def _reject(request: web.Request, status: int) -> web.StreamResponse:
    if status not in PHRASES:
        raise BadRequestError(f"reject: {status} is no status that HTTP knows.")
    fields: dict[str, str] = {
        hdrs.CONTENT_TYPE: "text/plain; charset=utf-8",
        hdrs.CACHE_CONTROL: "no-store",
    }
    return answer(request, status, fields, f"Refused, as reject={status} asks.\n".encode())
