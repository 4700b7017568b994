"""Whether a request asks for a WebSocket."""

from aiohttp import hdrs, web

__all__ = ["asks_for_websocket"]


def asks_for_websocket(request: web.Request) -> bool:
    """Whether this is a handshake (RFC 6455, section 4.1); the field may list several protocols."""
    if hdrs.UPGRADE not in request.headers:
        return False
    offered = request.headers.get(hdrs.UPGRADE, "").split(",")
    return any(protocol.strip().lower() == "websocket" for protocol in offered)
