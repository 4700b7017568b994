"""The origin over HTTP: from a request to a handler of the catalogue, through the pipe, to the wire."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, NoReturn

from aiohttp import HttpVersion11, hdrs, web
from attrs import field, frozen, mutable

from fetchkit.assets import page_template
from fetchkit.errors import (
    BadRequestError,
    ForbiddenError,
    HttpError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
)
from fetchkit.http.cors import CorsPolicy
from fetchkit.http.problem import problem_json, problem_page, wants_page
from fetchkit.isolation import Corp, Zone, add_zone, plan_of
from fetchkit.net.origins import OriginRules, origin_rules
from fetchkit.origin.answer import Act, Answer, Resource, whole
from fetchkit.origin.asked import Answered, Asked, Scripted
from fetchkit.origin.catalogue import ROUTES, route_pattern, shown_pattern
from fetchkit.origin.choice import choose
from fetchkit.origin.faults.fault import Context
from fetchkit.origin.faults.pipe import EMPTY, Pipe, pipe_of
from fetchkit.origin.fields import SANDBOX
from fetchkit.origin.memory import open_store
from fetchkit.origin.memory.store import FullError, Store
from fetchkit.origin.memory.tokens import check_token
from fetchkit.origin.openapi import describe
from fetchkit.origin.page import catalogue_page
from fetchkit.origin.parameters import Query, parse_query, unescape
from fetchkit.origin.route import Body, Route
from fetchkit.origin.seen import Sight, remember
from fetchkit.origin.settings import Origin
from fetchkit.origin.wire import OriginResponse
from fetchkit.text import nearest
from fetchkit.web.answers import answer as plain_answer
from fetchkit.web.guard import guarded, ignore_expect, is_preflight, send_continue
from fetchkit.web.problems import Handler
from fetchkit.web.tokens import without_token, without_token_fields

__all__ = ["setup"]

# What an answer may say of itself in place of what all say.
_POLICIES: Final = ("access-control-", "cross-origin-")
# What it may not say in any case; the pipe can take it away.
_OURS_ALONE: Final = "x-content-type-options"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Exposed beside an answer's own fields (Fetch standard, "CORS-safelisted response-header name" has the rest).
_ALWAYS_EXPOSED: Final = ("Content-Length", "Date", "Server")
_CREDENTIALS: Final = ("Access-Control-Allow-Credentials", "true")
_SANDBOX_LINE: Final = f"{SANDBOX[0]}: {SANDBOX[1]}\r\n".encode()
# Every preflight is sent, so that a test sees it.
_PREFLIGHT_SECONDS: Final = 0


def setup(
    app: web.Application,
    *,
    prefix: str = "/origin",
    settings: Origin | None = None,
    origins: OriginRules | None = None,
    state: str = "",
) -> None:
    """Add the test origin below a prefix of an application.

    Args:
        app: any aiohttp application; `web.guard.setup` makes it judge who asks. Run it with
            `handler_cancellation=True`, so that a client that leaves frees everything at once.
        prefix: path below which it lives, without a slash at its end.
        settings: shape and limits.
        origins: pages of other origins that may read the answers; loopback ones where None.
        state: URL of a Redis that keeps what is remembered under tokens; empty keeps it in this process.

    Raises:
        ConfigError: the state cannot be used.
    """
    settings, origins = settings or Origin(), origins or origin_rules((), "origins")
    store = open_store(state, settings)
    cors = CorsPolicy(origins.any_origin, origins.allows, (), _METHODS, None, _PREFLIGHT_SECONDS)
    add_zone(app, Zone(prefix, Corp.CROSS_ORIGIN, cors))
    served = _Served(app, prefix, settings, store)

    def add(path: str, handler: Handler) -> None:
        judged = guarded(served.answering(handler))
        app.router.add_route("*", path, judged, expect_handler=ignore_expect)

    add(prefix, served.handler({"GET": _TO_CATALOGUE}))
    for name in ("", "legacy"):  # httpbin's older page has the same contents as its newer one
        add(f"{prefix}/{name}", served.catalogue)
    for name in ("openapi.json", "spec.json"):  # httpbin's name for it
        add(f"{prefix}/{name}", served.handler({"GET": _OPENAPI}))
    patterns: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        patterns.setdefault(route.pattern, {}).update(dict.fromkeys(route.methods, route))
    for pattern, by_method in patterns.items():
        add(prefix + route_pattern(pattern), served.handler(by_method))
    add(prefix + route_pattern("/{rest:.*}"), served.handler({}, _ABSENT))

    async def close(_app: web.Application) -> None:
        await served.finish()
        await store.close()

    app.on_cleanup.append(close)


@mutable
class _Upload:
    """The body of a request, read once and measured.

    Attributes:
        size: bytes so far.
        complete: whether its end has come.
    """

    request: web.Request
    limit: int
    digest: "hashlib._Hash | None"
    size: int = 0
    complete: bool = False
    _begun: bool = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes; a client that waits for a 100 gets it now.

        Raises:
            PayloadTooLargeError: it is larger than the limit.
            BadRequestError: its framing is broken.
        """
        if not self._begun and hdrs.EXPECT in self.request.headers and self.request.version >= HttpVersion11:
            send_continue(self.request)
        self._begun = True
        while piece := await self._next():
            self.size += len(piece)
            if self.size > self.limit:
                raise PayloadTooLargeError(f"The body is larger than the limit of {self.limit} bytes.")
            if self.digest is not None:
                self.digest.update(piece)
            yield piece
        self.complete = True

    async def _next(self) -> bytes:
        content = self.request.content
        try:
            return await content.readany()
        except web.RequestPayloadError as error:
            content.feed_eof()  # or aiohttp would go on reading behind the answer, and log what it finds
            raise BadRequestError("The framing of the body is broken.", "Are its chunks right?") from error

    async def whole(self, limit: int) -> bytes:
        """All of it.

        Raises:
            PayloadTooLargeError: it is larger than `limit`.
        """
        declared = self.request.content_length
        if declared is not None and declared > limit:
            raise PayloadTooLargeError(
                f"The body has {declared} bytes, and {limit} are kept.", "max-echo of [origin] raises it."
            )
        kept = bytearray()
        async for piece in self.pieces():
            kept += piece
            if len(kept) > limit:
                raise PayloadTooLargeError(
                    f"The body is larger than the {limit} bytes that are kept.",
                    "max-echo of [origin] raises it.",
                )
        return bytes(kept)


@mutable
class _Seen:
    """A request that is remembered."""

    asked: Asked
    upload: _Upload
    began: float = field(factory=time.time)

    def sight(self, status: int) -> Sight:
        """What is remembered; the status is 0 where there was no answer."""
        upload = self.upload
        return Sight(
            method=self.asked.method,
            target=self.asked.target,
            headers=tuple(self.asked.headers.items()),
            time=self.began,
            seconds=time.time() - self.began,
            size=upload.size,
            sha256=upload.digest.hexdigest() if upload.digest is not None else "",
            complete=upload.complete or not upload.request.body_exists,
            status=status,
            preflight=False,
        )


@frozen
class _Piped:
    """The pipe of a request, and what its faults may know."""

    pipe: Pipe
    context: Context


# Without faults nobody looks at the context, so none is made.
_UNPIPED: Final = _Piped(EMPTY, Context())


@frozen
class _Served:
    app: web.Application
    prefix: str
    settings: Origin
    store: Store
    _page: dict[str, bytes] = field(factory=dict)
    _tasks: set["asyncio.Future[None]"] = field(factory=set)

    def answering(self, handler: Handler) -> Handler:
        """Make a handler answer what fails before there is an answer, with all that an answer has."""

        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                if request.raw_path.startswith("/") and not request.raw_path.startswith(self.prefix):
                    # An escape in the prefix: the shared headers would be those of another zone.
                    raise NotFoundError(f"Nothing is at {request.raw_path}.", f"Write {self.prefix} plainly.")
                return await handler(request)
            except HttpError as error:
                return self._sent(request, _problem(request, error), _UNPIPED)

        return answered

    def handler(self, by_method: Mapping[str, Route], other: Route | None = None) -> Handler:
        """The handler for all methods of one pattern.

        Args:
            by_method: the routes.
            other: for every other method; a 405 where None.
        """
        methods = dict(by_method)
        if "GET" in methods:
            methods.setdefault("HEAD", methods["GET"])
        if other is None:
            allow = ", ".join(sorted({*methods, "OPTIONS"}))
            methods.setdefault("OPTIONS", _own_route(lambda _: Answer(200, [(hdrs.ALLOW, allow)])))
            other = _own_route(lambda asked: _refuse_method(asked.method, allow))

        def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
            if is_preflight(request):
                return self._preflight(request)
            return self._answer(request, methods.get(request.method, other))

        return handle

    async def _answer(self, request: web.Request, route: Route) -> web.StreamResponse:
        if request.headers.get("Sec-Fetch-Dest") == "serviceworker":  # whatever the pipe says
            raise ForbiddenError("A made-up script may not become a service worker of this origin.")
        target = without_token(request.raw_path)
        query = parse_query(target.partition("?")[2])
        token = check_token(query.get("token")) if "token" in query else ""
        upload = _Upload(request, self.settings.max_upload, hashlib.sha256() if token else None)
        asked = self._asked(request, target, query, upload)
        seen = _Seen(asked, upload) if token and route.remembered else None
        try:
            answer, piped = await self._made(asked, route, upload, token)
        except (ConnectionError, asyncio.CancelledError):
            if seen is not None:  # the client broke off; what it did is worth remembering all the same
                self._later(remember(self.store, self.settings, token, seen.sight(0)))
            raise
        try:
            response = self._sent(request, answer, piped)
        except BadRequestError as error:  # the pipe cannot be had with this answer
            answer = _problem(request, error)
            response = self._sent(request, answer, _UNPIPED)
        if seen is not None:  # before it is sent: who has the answer finds it among what was seen
            status = 0 if any(isinstance(act, Act) for act in answer.before) else answer.status
            await remember(self.store, self.settings, token, seen.sight(status))
        return response

    async def _made(self, asked: Asked, route: Route, upload: "_Upload", token: str) -> tuple[Answer, _Piped]:
        """The answer, and the pipe that it is to go through."""
        request, piped = upload.request, _UNPIPED
        try:
            try:
                if asked.query.items:
                    piped = await self._piped(request, asked.query, token)
                answer, piped = await self._handled(asked, route, upload, piped)
            except PayloadTooLargeError:
                raise
            except HttpError as error:
                answer = _problem(request, error)
            if token and route.body is not Body.STREAMED:  # what the handler left is measured too
                async for _ in upload.pieces():
                    pass
        except HttpError as error:
            answer = _problem(request, error)
        return answer, piped

    async def _piped(self, request: web.Request, query: Query, token: str) -> _Piped:
        """The pipe of the query, its calls counted where a fault needs that."""
        pipe = pipe_of(query, self.settings)
        if not pipe.steps:
            return _UNPIPED
        counts = await self._counts(pipe, token) if pipe.counting else {}
        return _Piped(pipe, self._context(request, counts))

    def _asked(self, request: web.Request, target: str, query: Query, upload: "_Upload") -> Asked:
        return Asked(
            store=self.store,
            method=request.method,
            target=target,
            arguments=request.match_info,
            query=query,
            headers=without_token_fields(request.headers),
            pieces=upload.pieces,
            length=request.content_length if request.body_exists else 0,
            scheme=request.scheme,
            host=request.headers.get(hdrs.HOST, ""),
            peer=request.remote or "",
            prefix=self.prefix,
            settings=self.settings,
            http10=request.version < HttpVersion11,
        )

    async def _handled(
        self, asked: Asked, route: Route, upload: "_Upload", piped: _Piped
    ) -> tuple[Answer, _Piped]:
        """The answer of the handler, and the pipe that it is to go through."""
        if route.body is Body.READ:
            asked.body = await upload.whole(self.settings.max_echo)
        answered = route.handler(asked)
        if not isinstance(answered, Answered):
            answered = await answered
        if isinstance(answered, Scripted):
            context = self._context(upload.request, {}) if piped is _UNPIPED else piped.context
            return answered.answer, _Piped(Pipe(answered.pipe.steps + piped.pipe.steps), context)
        if isinstance(answered, Resource):
            selection = piped.pipe.select(piped.context)
            return choose(answered, selection, asked.method, asked.headers), piped
        return answered, piped

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something though the request is over."""

        async def quietly() -> None:
            with contextlib.suppress(HttpError):  # nobody is left to hear it
                await work

        task = asyncio.ensure_future(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for what is still being done."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _sent(self, request: web.Request, answer: Answer, piped: _Piped) -> web.StreamResponse:
        """Put on what all answers share, and send it through the pipe."""
        answer.head_only = request.method == hdrs.METH_HEAD
        plan, origin = plan_of(self.app), request.headers.get(hdrs.ORIGIN)
        named = {name.lower() for name, _ in answer.fields}
        if _OURS_ALONE in named:
            answer.remove(_OURS_ALONE)
            named.remove(_OURS_ALONE)
        freed = self.settings.dangerous and SANDBOX[0].lower() in named
        replaced = plan.replaced
        own = freed or not named.isdisjoint(replaced) or any(map(_is_policy, named))
        if origin is not None:
            if "access-control-expose-headers" not in named:
                answer.add("Access-Control-Expose-Headers", _exposed(answer.fields))
            if "access-control-allow-credentials" not in named and _is_readable(
                plan.headers(request.raw_path, origin)
            ):
                answer.fields.append(_CREDENTIALS)
        if not piped.pipe.steps and not own:
            answer.shared = plan.block(request.raw_path, origin) + _SANDBOX_LINE
            return OriginResponse(answer)
        # A field that the client asked for stands in place of ours (httpbin sends both, or its own alone).
        shared = plan.headers(request.raw_path, origin)
        answer.fields += [
            pair
            for pair in shared
            if (name := pair[0].lower()) not in named or not (_is_policy(name) or name in replaced - {"vary"})
        ]
        if not freed:
            answer.fields.append(SANDBOX)
        piped.pipe.apply(answer, piped.context)
        return OriginResponse(answer)

    async def _counts(self, pipe: Pipe, token: str) -> dict[int, int]:
        if not token:
            name = next(call.name for call, fault in pipe.steps if fault.counts)
            raise BadRequestError(
                f"pipe: {name} counts calls, and so needs a token.", "Add ?token= with a name of your own."
            )
        try:
            return {index: await self.store.count(token, f"call {index}") for index in pipe.counting}
        except FullError as error:
            raise BadRequestError(
                "The token holds more than it may.", "Use another token; max-memory of [origin] is the limit."
            ) from error

    async def _preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer a preflight (Fetch standard, section 4.9); who asks was judged before."""
        headers = request.headers
        target = without_token(request.raw_path)
        query = parse_query(target.partition("?")[2])
        pipe, context = pipe_of(query, self.settings), self._context(request, {})
        fields = plan_of(self.app).preflight_headers(
            request.raw_path,
            context.origin,
            headers[hdrs.ACCESS_CONTROL_REQUEST_METHOD],
            headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS),
        )
        answer = Answer(204, [*fields, *([_CREDENTIALS] if _is_readable(fields) else [])])
        pipe.preflight(answer, context)
        if "token" in query:
            token = check_token(query.get("token"))
            kept = tuple(without_token_fields(headers).items())
            sight = Sight(
                method=request.method, target=target, headers=kept, time=time.time(), seconds=0.0, size=0,
                sha256=hashlib.sha256().hexdigest(), complete=True, status=answer.status, preflight=True,
            )  # fmt: skip
            await remember(self.store, self.settings, token, sight)
        return OriginResponse(answer)

    def _context(self, request: web.Request, counts: Mapping[int, int]) -> Context:
        return Context(
            method=request.method,
            origin=request.headers.get(hdrs.ORIGIN),
            url=f"{request.scheme}://{request.headers.get(hdrs.HOST, '')}",
            http10=request.version < HttpVersion11,
            settings=self.settings,
            counts=counts,
            now=time.time(),
        )

    async def catalogue(self, request: web.Request) -> web.StreamResponse:
        """The page that lists every route."""
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(request.method, "GET, HEAD")
        body = self._page.setdefault(
            "page", catalogue_page(self.prefix, self.settings, page_template("origin"))
        )
        return plain_answer(request, 200, {hdrs.CONTENT_TYPE: "text/html; charset=utf-8"}, body)


def _own_route(handler: Callable[[Asked], Answer]) -> Route:
    """A route that is no row of the catalogue."""
    return Route((), "", handler, "")


def _to_catalogue(asked: Asked) -> Answer:
    """The slash that a relative link needs."""
    return Answer(301, [(hdrs.LOCATION, f"{asked.prefix}/")])


def _openapi(asked: Asked) -> Answer:
    """The catalogue for programs."""
    return whole(200, describe(asked.prefix), "application/json")


def _absent(asked: Asked) -> NoReturn:
    """No route: name the nearest ones."""
    path = unescape(asked.path)
    near = _near(path.removeprefix(asked.prefix), (route.pattern for route in ROUTES))
    hint = f"Near it: {', '.join(asked.prefix + shown_pattern(pattern) for pattern in near)}." if near else ""
    raise NotFoundError(f"The origin has no {path}.", f"{hint} {asked.prefix}/ lists all.".strip())


def _refuse_method(method: str, allow: str) -> NoReturn:
    raise MethodNotAllowedError(method, allow)


_TO_CATALOGUE: Final = _own_route(_to_catalogue)
_OPENAPI: Final = _own_route(_openapi)
_ABSENT: Final = _own_route(_absent)


def _problem(request: web.Request, error: HttpError) -> Answer:
    """A failure as an answer, so that it passes the pipe too; HTML for a browser's navigation."""
    page = wants_page(request.headers.get(hdrs.ACCEPT), request.headers.get("Sec-Fetch-Mode"))
    body = problem_page(error, page_template("problem")) if page else problem_json(error)
    answer = whole(
        error.status,
        body,
        "text/html; charset=utf-8" if page else "application/problem+json",
        ("Cache-Control", "no-store"),
        ("Vary", "Accept, Sec-Fetch-Mode"),
        *error.headers.items(),
    )
    answer.note = f"{error.detail} {error.hint}".rstrip()
    return answer


def _is_policy(name: str) -> bool:
    return name.startswith(_POLICIES)


def _is_readable(fields: Iterable[tuple[str, str]]) -> bool:
    """Whether the fields let a page of another origin, and not just anybody, read the answer."""
    return any(name == "Access-Control-Allow-Origin" and value != "*" for name, value in fields)


def _exposed(fields: Iterable[tuple[str, str]]) -> str:
    names = {name.lower(): name for name, _ in fields}
    return ", ".join((*names.values(), *(n for n in _ALWAYS_EXPOSED if n.lower() not in names)))


def _near(path: str, patterns: Iterable[str]) -> list[str]:
    """Patterns whose first words are like the path's."""
    first = path.strip("/").partition("/")[0]
    heads: dict[str, list[str]] = {}
    for pattern in patterns:
        heads.setdefault(pattern.strip("/").partition("/")[0], []).append(pattern)
    return list(dict.fromkeys(heads.get(first) or heads.get(nearest(first, heads), [])))
