"""Health, for scripts that wait for the server."""

import json

from aiohttp import hdrs, web

from fetchkit.isolation import Corp, Zone, add_zone
from fetchkit.version import VERSION
from fetchkit.web.answers import answer

__all__ = ["setup"]


def setup(app: web.Application, *, prefix: str = "/fetchkit") -> None:
    """Add `PREFIX/health`, which answers `{"status": "ok"}` to everybody whose Host is allowed."""
    add_zone(app, Zone(prefix, Corp.SAME_ORIGIN, None))
    app.router.add_get(f"{prefix}/health", _health)


async def _health(request: web.Request) -> web.StreamResponse:
    body = json.dumps({"status": "ok", "version": VERSION}).encode()
    return answer(request, 200, {hdrs.CONTENT_TYPE: "application/json", hdrs.CACHE_CONTROL: "no-store"}, body)
