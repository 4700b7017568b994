"""The forward over HTTP: `/forward/URL`, `/forward?url=`, and fixed routes."""

import secrets
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import HttpVersion10, hdrs, web
from attrs import field, frozen
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.errors import (
    BadGatewayError,
    ConfigError,
    ForbiddenError,
    HttpError,
    LoopError,
    MethodNotAllowedError,
    NotFoundError,
)
from fetchkit.events import Events, Hop, HopFailed
from fetchkit.forward import websocket
from fetchkit.forward.bodies import MAX_KEPT, RequestBody
from fetchkit.forward.cache.hop import StoredResponse, cached_exchanging
from fetchkit.forward.cookiejar import KeptCookies, PagePlace
from fetchkit.forward.cookies import with_new
from fetchkit.forward.exchange import Exchange, UpstreamResponse, exchanging
from fetchkit.forward.headers import (
    FINAL_URL,
    MAX_URL,
    REQUEST_URL,
    exposed_names,
    is_loop,
    is_service_worker,
    request_headers,
    response_headers,
    wants_sandbox,
)
from fetchkit.forward.redirects import MAX_REDIRECTS, Redirect, headers_for, next_hop
from fetchkit.forward.relay import RelayResponse
from fetchkit.forward.rules import FixedRoute, ForwardUrl, parse_query, parse_url, resolve
from fetchkit.forward.servers import Server, Upstream
from fetchkit.forward.settings import Cookies, Encoding, Forward, Redirects, Target, with_environment
from fetchkit.http.cors import CorsPolicy
from fetchkit.isolation import Corp, Zone, add_zone, plan_of
from fetchkit.net.dial import Dialer
from fetchkit.net.origins import OriginRules
from fetchkit.web.guard import guarded, ignore_expect, is_preflight, send_continue
from fetchkit.web.keys import events_of
from fetchkit.web.prebuilt import PrebuiltResponse, status_line
from fetchkit.web.problems import Handler, answering
from fetchkit.web.targets import shown_target
from fetchkit.web.tokens import without_token
from fetchkit.web.upgrades import asks_for_websocket

if TYPE_CHECKING:
    from fetchkit.forward.cache.lookup import DiskCache

__all__ = ["refuse", "send_continue", "setup"]

# Chromium keeps a preflight's answer for two hours at most.
PREFLIGHT_SECONDS = 7200
PROXY_AUTHENTICATION = 407
# The page's own way to ask for redirects (`manual`); headers.request_headers keeps it from upstream.
REDIRECT_FIELD = "X-Fetchkit-Redirect"


def setup(
    app: web.Application,
    *,
    dialer: Dialer,
    origins: OriginRules,
    settings: Forward | None = None,
    prefix: str | None = "/forward",
    routes: Iterable[FixedRoute] = (),
    cache: Path | None = None,
) -> None:
    """Forward requests below a prefix, and those of fixed routes.

    Args:
        app: any aiohttp application; `web.guard.setup` makes it judge who asks.
        dialer: judges where connections may go.
        origins: pages of other origins that may read the answers.
        settings: what holds for every target, and what is special about some.
        prefix: path below which a URL follows, without a slash at its end; None for fixed routes alone.
        routes: prefixes with a target of their own.
        cache: folder of the cache on disk; None for none.

    Raises:
        ConfigError: a target's CA or environment variable is missing.
    """
    settings = with_environment(settings or Forward())
    upstream = Upstream(settings, dialer)
    forwarder = _Forwarder(app, settings, upstream, prefix, events_of(app), _cache(cache))
    cors = CorsPolicy(origins.any_origin, origins.allows, (), ("*",), None, PREFLIGHT_SECONDS)

    def add(path: str, handler: Handler) -> None:
        app.router.add_route("*", path, answering(guarded(handler)), expect_handler=ignore_expect)

    places = [(route.prefix, route) for route in routes]
    for below, route in [*places, *([(prefix, None)] if prefix is not None else [])]:
        add_zone(app, Zone(below, Corp.CROSS_ORIGIN, cors))
        handler = forwarder.handler(route)
        add(below, handler)
        add(below + "/{target:.*}", handler)

    async def close(_app: web.Application) -> None:
        await upstream.close()

    websocket.setup(app)
    app.on_cleanup.append(close)


def refuse(app: web.Application, *, prefix: str, plain: Handler, hint: str) -> None:
    """Where the forward is off, say so to who asks for it; files of that name are served."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await plain(request)
        except (NotFoundError, MethodNotAllowedError) as error:
            raise NotFoundError("The forward is off.", hint) from error

    for path in (prefix, prefix + "/{target:.*}"):
        app.router.add_route("*", path, answering(answer), expect_handler=ignore_expect)


def _cache(folder: Path | None) -> "DiskCache | None":
    if folder is None:
        return None
    try:
        from fetchkit.forward.cache.lookup import DiskCache  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError("--forward-cache needs an extra: pip install 'fetchkit[cache]'.") from error
    return DiskCache(folder)


@frozen
class _Forwarder:
    app: web.Application
    settings: Forward
    upstream: Upstream
    prefix: str | None
    events: Events
    cache: "DiskCache | None" = None
    cookies: KeptCookies = field(factory=KeptCookies)
    # Of this process alone: two fetchkits may forward to each other, a loop passes one twice.
    via_name: str = field(factory=lambda: f"fetchkit-{secrets.token_hex(4)}")

    @property
    def via(self) -> str:
        """Our member of Via (RFC 9110, section 7.6.3)."""
        return f"1.1 {self.via_name}"

    def handler(self, route: FixedRoute | None) -> Handler:
        """The handler for the prefix, or for a fixed route."""

        async def forward(request: web.Request) -> web.StreamResponse:
            if is_preflight(request):
                return self._preflight(request)
            url = None
            try:
                url = self._url(request, route)
                self._judge(request)
                if asks_for_websocket(request):
                    return await self._websocket(request, url, route)
                return await self._follow(request, url, route)
            except HttpError as error:
                if HopFailed in self.events.heard:
                    asked = shown_target(request.raw_path) if url is None else str(url)
                    self.events.emit(HopFailed(request.method, asked, error.detail, error.hint))
                raise

        return forward

    def _url(self, request: web.Request, route: FixedRoute | None) -> ForwardUrl:
        target = without_token(request.raw_path)
        prefix = route.prefix if route is not None else self.prefix or ""
        if not target.startswith(prefix):  # the router decodes escapes, the prefix has none
            raise NotFoundError(f"Nothing is at {request.path}.", f"Write {prefix} without escapes.")
        rest = target.removeprefix(prefix)
        if route is not None:
            return route.url(rest)
        return parse_url(rest[1:]) if rest.startswith("/") else parse_query(rest.removeprefix("?"))

    def _judge(self, request: web.Request) -> None:
        if is_loop(request.headers, self.via_name):
            raise LoopError("This request came through this forward before.", "Ask for the path without it.")
        if is_service_worker(request.headers):
            raise ForbiddenError(
                "A forwarded script may not become a service worker: it would rule this origin's pages.",
                "Serve the worker's script from your own folder.",
            )

    def _preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer for upstream (Fetch standard, section 4.9); who asks was judged before."""
        headers = request.headers
        shared = plan_of(self.app).preflight_block(
            request.raw_path,
            headers.get(hdrs.ORIGIN),
            headers[hdrs.ACCESS_CONTROL_REQUEST_METHOD],
            headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS),
        )
        return PrebuiltResponse(204, status_line(204) + shared)

    def _first_headers(self, request: web.Request) -> CIMultiDict[str]:
        identity = self.settings.encoding is Encoding.IDENTITY
        return request_headers(request.headers, encoding_identity=identity, via=self.via)

    async def _websocket(
        self, request: web.Request, url: ForwardUrl, route: FixedRoute | None
    ) -> web.StreamResponse:
        headers, target = self._first_headers(request), self.upstream.server(url).target
        self.cookies.add(headers, url, target, request.headers.get(hdrs.COOKIE))

        def keep(answered: CIMultiDictProxy[str]) -> list[str]:
            if target.cookies is Cookies.OFF:
                return []
            return self._set_cookies(request, answered, url, target, route)

        return await websocket.relay_websocket(request, url, self.upstream, headers, keep)

    async def _follow(
        self, request: web.Request, asked: ForwardUrl, route: FixedRoute | None
    ) -> web.StreamResponse:
        """Send the request, follow redirects, and relay the answer that is none."""
        manual = self._leaves_redirects(request)
        body = _body_of(request) if request.body_exists else None
        method, url, headers = request.method, asked, self._first_headers(request)
        page_cookies, set_cookies = request.headers.get(hdrs.COOKIE), list[str]()
        for hops in range(MAX_REDIRECTS + 1):
            server = self.upstream.server(url)
            target = server.target
            sent = headers
            if target.headers or target.cookies is not Cookies.OFF:
                sent = headers.copy()
                sent.update(target.headers)
            if target.cookies is not Cookies.OFF:
                self.cookies.add(sent, url, target, page_cookies)
            pieces, length = (body.pieces(), body.length) if body is not None else (None, None)
            exchange = Exchange(method, url, sent, pieces, length)
            async with self._hop(server, exchange) as response:
                if response.status == PROXY_AUTHENTICATION and server.proxy is not None:
                    raise BadGatewayError(
                        "The upstream proxy asks for a login.", "Put it into the proxy's URL."
                    )
                if Hop in self.events.heard:
                    self.events.emit(Hop(method, str(url), response.status))
                redirect = (
                    None
                    if manual
                    else next_hop(method, url, response.status, response.headers.get(hdrs.LOCATION))
                )
                if target.cookies is not Cookies.OFF:
                    set_cookies = [
                        *set_cookies,
                        *self._set_cookies(request, response.headers, url, target, route),
                    ]
                if redirect is None:
                    return await self._relay(request, response, asked, url, route, set_cookies, hops)
                page_cookies = _cookies_for(redirect, page_cookies, response)
            body = _body_for(redirect, body)
            method, url, headers = redirect.method, redirect.url, headers_for(headers, redirect)
        raise BadGatewayError(f"There were more than {MAX_REDIRECTS} redirects.", "Is the target in a loop?")

    def _hop(self, server: Server, exchange: Exchange) -> exchanging | cached_exchanging:
        if self.cache is None:
            return exchanging(self.upstream, server, exchange)
        return cached_exchanging(self.cache, self.upstream, server, exchange)

    def _leaves_redirects(self, request: web.Request) -> bool:
        wish = request.headers.get(REDIRECT_FIELD, "").lower()
        return wish == "manual" or (self.settings.redirects is Redirects.MANUAL and wish != "follow")

    async def _relay(
        self,
        request: web.Request,
        response: UpstreamResponse | StoredResponse,
        asked: ForwardUrl,
        url: ForwardUrl,
        route: FixedRoute | None,
        set_cookies: list[str],
        hops: int,
    ) -> web.StreamResponse:
        if response.status < 200:  # noqa: PLR2004  101: nobody asked for it
            raise BadGatewayError(
                f"{url.authority} answered with status {response.status}, which ends nothing.",
                "It changes the protocol unasked; a WebSocket begins with new WebSocket().",
            )
        pairs = response_headers(response.headers, via=self.via, status=response.status)
        if hdrs.LOCATION in response.headers:
            pairs = self._located(pairs, url, route)
        final = str(url)
        first = final if asked is url else str(asked)
        if len(first) <= MAX_URL:
            pairs.append((REQUEST_URL, first))
        if len(final) <= MAX_URL:
            pairs.append((FINAL_URL, final))
        pairs += [("Set-Cookie", line) for line in set_cookies]
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None:
            pairs.append(("Access-Control-Expose-Headers", exposed_names(pairs)))
        if wants_sandbox(request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Dest")):
            pairs.append(("Content-Security-Policy", "sandbox"))
        head = "".join([f"{name}: {value}\r\n" for name, value in pairs])
        shared = plan_of(self.app).block(request.raw_path, origin, server=hdrs.SERVER not in response.headers)
        relay = RelayResponse(
            _status_line(response),
            head.encode("utf-8", "surrogateescape") + shared,
            response,
            length=response.length,
            bodiless=request.method == "HEAD" or response.status in (204, 304),
            dated=hdrs.DATE in response.headers,
        )
        await relay.relay(request)
        followed = f"{hops} redirect{'s' * (hops > 1)}" if hops else ""
        stored = "from the cache" if isinstance(response, StoredResponse) else ""
        relay.note = ", ".join(filter(None, [followed, stored, relay.failure]))
        return relay

    def _located(
        self, pairs: list[tuple[str, str]], url: ForwardUrl, route: FixedRoute | None
    ) -> list[tuple[str, str]]:
        """The fields with the first Location leading through the forward; another would contradict it."""
        located, places = list[tuple[str, str]](), 0
        for name, value in pairs:
            if name.lower() != "location":
                located.append((name, value))
            elif not places:
                places = 1
                located.append((name, self._location(url, value, route)))
        return located

    def _location(self, url: ForwardUrl, location: str, route: FixedRoute | None) -> str:
        """Where a redirect leads by way of the forward; a fixed route stays on itself."""
        try:
            wanted = resolve(url, location)
        except HttpError:
            return location
        base = "" if route is None else str(route.base).removesuffix("/")
        rest = str(wanted).removeprefix(base)
        if route is not None and str(wanted).startswith(base) and rest[:1] in ("", "/", "?"):
            return route.prefix + rest
        return location if self.prefix is None else f"{self.prefix}/{wanted}"

    def _set_cookies(
        self,
        request: web.Request,
        headers: CIMultiDictProxy[str],
        url: ForwardUrl,
        target: Target,
        route: FixedRoute | None,
    ) -> list[str]:
        """Keep the cookies of an answer, or put them below the page's path for the target."""
        own = route is not None and route.base.origin == url.origin
        if not own and self.prefix is None:
            return []  # the page has no path for it
        page_path = route.prefix if route is not None and own else f"{self.prefix}/{url.origin}"
        base_path = route.base.target if route is not None and own else "/"
        where = PagePlace(page_path, base_path, secure=request.secure)
        return self.cookies.keep(headers, url, target, where)


def _body_of(request: web.Request) -> RequestBody:
    body = RequestBody(request.content, request.content_length)
    # RFC 9110, section 10.1.1: a server "MUST ignore that expectation" of HTTP/1.0.
    if hdrs.EXPECT in request.headers and request.version != HttpVersion10:
        body.invite = partial(send_continue, request)
    return body


def _cookies_for(
    redirect: Redirect, page: str | None, response: UpstreamResponse | StoredResponse
) -> str | None:
    """The page's cookies for the next hop: none where the origin changes, they are of the first one."""
    if not redirect.same_origin:
        return None
    lines = response.headers.getall(hdrs.SET_COOKIE, ())
    return with_new(page, lines, redirect.url.target.partition("?")[0], time.time()) if lines else page


def _body_for(redirect: Redirect, body: RequestBody | None) -> RequestBody | None:
    if body is None or not redirect.keeps_body:
        return None
    if not body.repeatable:
        raise BadGatewayError(
            f"The redirect asks for the request's body again, and more than {MAX_KEPT} bytes of it are gone.",
            f"Send the request to {redirect.url} itself.",
        )
    return body


def _status_line(response: UpstreamResponse | StoredResponse) -> bytes:
    """With the upstream's own reason phrase (RFC 9112, section 4)."""
    return f"HTTP/1.1 {response.status:03d} {response.reason or ''}\r\n".encode("utf-8", "surrogateescape")
