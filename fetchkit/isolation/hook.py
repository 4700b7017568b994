"""The hook that puts the headers of the plan onto every response of an application."""

from collections.abc import Iterable

from aiohttp import hdrs, web
from attrs import evolve

from fetchkit.isolation.rules import HeaderPlan, Headers, IsolationException, Mode, Zone

__all__ = ["add_zone", "plan_of", "setup"]

_PLAN = web.AppKey("plan", HeaderPlan)
_NOTHING = HeaderPlan(mode=Mode.OFF, everywhere=False)


def setup(
    app: web.Application,
    *,
    mode: Mode = Mode.REQUIRE_CORP,
    exceptions: Iterable[IsolationException] = (),
    extra: Headers = (),
) -> None:
    """Isolate the pages of an application; zones that features added stay as they are."""
    plan = plan_of(app)
    _install(app, evolve(plan, mode=mode, exceptions=tuple(exceptions), extra=extra, everywhere=True))


def add_zone(app: web.Application, zone: Zone) -> None:
    """Say who may embed and read what lies below a prefix; a feature calls it in its own setup."""
    plan = plan_of(app)
    _install(app, evolve(plan, zones=(*plan.zones, zone)))


def plan_of(app: web.Application) -> HeaderPlan:
    """The plan of an application, for responses that are written raw and pass no hook."""
    return app.get(_PLAN, _NOTHING)


def _install(app: web.Application, plan: HeaderPlan) -> None:
    if _PLAN not in app:
        app.on_response_prepare.append(_put_headers)
    app[_PLAN] = plan


async def _put_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in request.app[_PLAN].headers(request.raw_path, request.headers.get(hdrs.ORIGIN)):
        if name == hdrs.VARY:
            response.headers.add(name, value)  # a response may vary by more than the origin
        else:
            response.headers[name] = value
