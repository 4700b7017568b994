"""The WebSocket prefixes: a handshake is judged, a plain request gets a file of that name or 426."""

from collections.abc import Iterable

from aiohttp import hdrs, web

from fetchkit.errors import NotFoundError, NotOfferedError, UpgradeRequiredError
from fetchkit.web.guard import guarded, ignore_expect
from fetchkit.web.problems import Handler, answering
from fetchkit.web.upgrades import asks_for_websocket

__all__ = ["setup"]


def setup(app: web.Application, *, exact: Iterable[str], below: Iterable[str], plain: Handler) -> None:
    """Reserve paths for sockets.

    Args:
        app: the application.
        exact: paths that are sockets.
        below: prefixes below which everything is a socket.
        plain: answers requests that ask for no upgrade, and raises NotFoundError where it has nothing.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        if asks_for_websocket(request):
            return await handshake(request)
        try:
            return await plain(request)
        except NotFoundError as error:
            raise UpgradeRequiredError(
                f"{request.path} speaks WebSocket, not plain HTTP.",
                "Connect with a WebSocket.",
                {hdrs.UPGRADE: "websocket", hdrs.CONNECTION: "Upgrade"},
            ) from error

    @guarded
    async def handshake(request: web.Request) -> web.StreamResponse:
        raise NotOfferedError(f"This version of fetchkit has no socket at {request.path}.")

    for path in (*exact, *(f"{prefix}/{{target:.*}}" for prefix in below)):
        app.router.add_route("*", path, answering(answer), expect_handler=ignore_expect)
