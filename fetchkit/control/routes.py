"""Health, for scripts that wait for the server."""

from aiohttp import web

from fetchkit.isolation import Corp, Zone, add_zone
from fetchkit.version import VERSION

__all__ = ["setup"]


def setup(app: web.Application, *, prefix: str = "/fetchkit") -> None:
    """Add `PREFIX/health`, which answers `{"status": "ok"}` to everybody whose Host is allowed."""
    add_zone(app, Zone(prefix, Corp.SAME_ORIGIN, None))
    app.router.add_get(f"{prefix}/health", _health)


async def _health(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "ok", "version": VERSION}, headers={"Cache-Control": "no-store"})
