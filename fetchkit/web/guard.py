"""Who may ask: refuses a request by its form, its Host and, on guarded routes, by who sends it.

The form and the Host are judged for every request, by a middleware, before any feature sees it.
A route that does more than hand out files is wrapped in `guarded`, which judges Origin,
Sec-Fetch-Site, the peer and the access token by `net.access`.
"""

import functools
from collections.abc import Set as AbstractSet

from aiohttp import hdrs, web
from attrs import frozen

from fetchkit.errors import (
    BadRequestError,
    ExpectationFailedError,
    ForbiddenError,
    HttpError,
    MisdirectedRequestError,
)
from fetchkit.events import Refused
from fetchkit.isolation import plan_of
from fetchkit.net.access import Asker, judge
from fetchkit.net.hosts import HostRules, parse_host
from fetchkit.net.origins import Origin, OriginRules, parse_origin
from fetchkit.web.answers import answer
from fetchkit.web.keys import events_of
from fetchkit.web.problems import Handler, from_aiohttp, problem_response
from fetchkit.web.targets import shown_target
from fetchkit.web.tokens import carries_token, login_redirect

__all__ = [
    "Guard",
    "guarded",
    "ignore_expect",
    "is_preflight",
    "rules_of",
    "send_continue",
    "setup",
    "token_of",
]


@frozen
class Guard:
    """What `setup` was told.

    Attributes:
        hosts: accepted values of Host.
        origins: pages that may use guarded routes.
        token: the access token that guarded routes demand; empty for none.
        own_ports: ports of this server; a page of the same host on any of them is its own.
    """

    hosts: HostRules
    origins: OriginRules
    token: str = ""
    own_ports: AbstractSet[int] = frozenset()


_GUARD = web.AppKey("guard", Guard)


def setup(app: web.Application, guard: Guard) -> None:
    """Judge every request of the application; routes of features are wrapped in `guarded`."""
    app[_GUARD] = guard
    app.middlewares.append(_judge_all)


def token_of(app: web.Application) -> str:
    """The access token that guarded routes demand; empty for none."""
    return app[_GUARD].token if _GUARD in app else ""


def rules_of(app: web.Application) -> Guard | None:
    """What `setup` was told; None where it was not called."""
    return app.get(_GUARD)


def guarded(handler: Handler) -> Handler:
    """Let only those use a route who may (SPEC: Who may ask); before any upgrade, before any work."""

    @functools.wraps(handler)
    async def judged(request: web.Request) -> web.StreamResponse:
        guard = request.app.get(_GUARD)
        if guard is not None:
            try:
                _judge_asker(request, guard)
            except HttpError as error:
                return _refuse(request, error)
        return await handler(request)

    return judged


async def ignore_expect(request: web.Request) -> None:
    """No interim 100 (RFC 9110, section 10.1.1): the final status is the answer, or `send_continue` asks."""


def send_continue(request: web.Request) -> None:
    """Ask for the body of a request that waits for that; not once the final answer has begun."""
    if request.transport is not None and request.writer.output_size == 0:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


@web.middleware
async def _judge_all(request: web.Request, handler: Handler) -> web.StreamResponse:
    guard = request.app[_GUARD]
    try:
        _judge_form(request)
        _judge_host(request, guard.hosts)
    except HttpError as error:
        return _refuse(request, error)
    if request.raw_path == "*":
        return _options_of_server(request)
    if guard.token and (login := login_redirect(request, guard.token)) is not None:
        return login
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        return problem_response(request, from_aiohttp(request, error), plan_of(request.app))


def _judge_form(request: web.Request) -> None:
    target = request.raw_path
    if not target.startswith("/") and not (target == "*" and request.method == hdrs.METH_OPTIONS):
        raise BadRequestError(
            "The request target is not a path.",
            "fetchkit is no HTTP proxy for browsers: ask for the path alone, or use /forward/URL.",
        )
    expect = request.headers.get(hdrs.EXPECT)
    if expect is not None and expect.lower() != "100-continue":
        raise ExpectationFailedError(f"Expect: {expect} is not known.", "Only 100-continue is.")


def _judge_host(request: web.Request, hosts: HostRules) -> None:
    value = request.headers.get(hdrs.HOST)
    if value is None:
        raise BadRequestError("The request has no Host.", "Send the Host field (RFC 9110, section 7.2).")
    if not hosts.allows(value):
        host = parse_host(value)
        raise MisdirectedRequestError(
            f"This server does not answer for the host {host.name}.",
            f"If that is a name of this machine: --allow-host {host.name}",
        )


def _judge_asker(request: web.Request, guard: Guard) -> None:
    host = request.headers.get(hdrs.HOST, "")
    origin = request.headers.get(hdrs.ORIGIN)
    token = bool(guard.token) and carries_token(request, guard.token, guard.own_ports)
    if guard.token and not token and not is_preflight(request):
        raise ForbiddenError(
            "This route needs the access token.",
            "Open the URL that fetchkit printed, or send the token as X-Fetchkit-Token.",
        )
    own_origin = None
    if origin is not None:
        own_origin = _own_origin(origin, f"{request.scheme}://{host}", guard.own_ports)
    asker = Asker(
        host=host,
        origin=origin,
        sec_fetch_site=request.headers.get("Sec-Fetch-Site"),
        peer=request.remote,
        token=token,
        own_origin=own_origin,
    )
    judge(asker, guard.origins)


def _own_origin(origin: str, asked: str, own_ports: AbstractSet[int]) -> Origin | None:
    """The origin of this server's pages: that of the request, or a bridge's page's on the main port."""
    own, page = parse_origin(asked), parse_origin(origin)
    if own is None or page is None:
        return own
    alike = (page.scheme, page.host) == (own.scheme, own.host) and page.port in own_ports
    return page if alike else own


def is_preflight(request: web.Request) -> bool:
    """Whether a browser asks beforehand (Fetch standard, section 4.9); it cannot carry a token."""
    return (
        request.method == hdrs.METH_OPTIONS
        and hdrs.ORIGIN in request.headers
        and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
    )


def _options_of_server(request: web.Request) -> web.StreamResponse:
    """`OPTIONS *` asks about the server as a whole (RFC 9110, section 9.3.7)."""
    return answer(request, 204, {hdrs.ALLOW: "GET, HEAD, OPTIONS"})


def _refuse(request: web.Request, error: HttpError) -> web.StreamResponse:
    peer = request.remote or ""
    target = shown_target(request.raw_path)
    events_of(request.app).emit(Refused(request.method, target, error.status, error.detail, error.hint, peer))
    return problem_response(request, error, plan_of(request.app))
