"""Requests for a WebSocket, told from all others."""

from aiohttp import HttpVersion11, hdrs, web

from fetchkit.errors import NotFoundError, UpgradeRequiredError
from fetchkit.web.guard import guarded
from fetchkit.web.problems import Handler

__all__ = ["asks_for_websocket", "websocket_only"]


def asks_for_websocket(request: web.Request) -> bool:
    """Whether this is a handshake (RFC 6455, section 4.1); the field may list several protocols.

    HTTP/1.0 has no upgrades: "a server MUST ignore an Upgrade header field" there (RFC 9110, section 7.8).
    """
    if hdrs.UPGRADE not in request.headers or request.version < HttpVersion11:
        return False
    offered = request.headers.get(hdrs.UPGRADE, "").split(",")
    return any(protocol.strip().lower() == "websocket" for protocol in offered)


def websocket_only(
    handshake: Handler,
    *,
    plain: Handler | None = None,
    place: str = "",
    hint: str = "Connect with a WebSocket.",
) -> Handler:
    """A handler for a path of WebSockets.

    Args:
        handshake: answers them; who asks is judged before.
        plain: answers requests that ask for no upgrade, and raises NotFoundError where it has nothing.
        place: what the path is, for the 426; else its name stands there.
        hint: what to do instead.
    """
    judged = guarded(handshake)

    async def answer(request: web.Request) -> web.StreamResponse:
        if asks_for_websocket(request):
            return await judged(request)
        if plain is not None:
            try:
                return await plain(request)
            except NotFoundError:
                pass
        raise UpgradeRequiredError(
            f"{place or request.path} speaks WebSocket, not plain HTTP.",
            hint,
            {hdrs.UPGRADE: "websocket", hdrs.CONNECTION: "Upgrade"},
        )

    return answer
