"""The served folder over HTTP: GET, HEAD and OPTIONS of everything that no other route takes."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

from aiohttp import hdrs, web
from attrs import field, frozen

from fetchkit.assets import page_template
from fetchkit.errors import (
    ForbiddenError,
    MethodNotAllowedError,
    NotFoundError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    UnavailableError,
)
from fetchkit.events import Events, FileServed
from fetchkit.files.cache import MAX_BODY, FileCache, SmallFile
from fetchkit.files.injection import MAX_PAGE, inject, is_page
from fetchkit.files.listing import listing_page
from fetchkit.files.lookup import Folder, signature
from fetchkit.files.responses import FileResponse
from fetchkit.files.rules import FilePath, falls_back, parse_path
from fetchkit.files.variants import Variant, describe, open_variant, settled
from fetchkit.http.cors import CorsPolicy
from fetchkit.http.ranges import unsatisfied_content_range
from fetchkit.http.representation import (
    BodyPlan,
    Decision,
    Representation,
    decide,
    head_lines,
    multipart_boundary,
    plan_body,
)
from fetchkit.isolation import Corp, Zone, add_zone, plan_of
from fetchkit.web.answers import answer
from fetchkit.web.guard import ignore_expect
from fetchkit.web.keys import events_of
from fetchkit.web.prebuilt import PrebuiltResponse, status_line
from fetchkit.web.problems import Handler, answering

__all__ = ["setup"]

ALLOW = "GET, HEAD, OPTIONS"
INDEX = "index.html"
_HTML = "text/html; charset=utf-8"
# A compiler writes a small file in well under this; then the reader gives up until asked again.
READ_TRIES = 20
READ_PAUSE = 0.01

_log = logging.getLogger("fetchkit.files")


def setup(
    app: web.Application,
    directory: str | os.PathLike[str],
    *,
    prefix: str = "/",
    dotfiles: bool = False,
    spa: bool = False,
    cors: CorsPolicy | None = None,
    inject: bytes = b"",
    pages: Mapping[str, bytes] | None = None,
) -> Handler:
    """Serve a folder below a prefix of an application; call it after the other routes.

    Args:
        app: any aiohttp application.
        directory: the folder.
        prefix: path that stands for the folder, with a slash at its end.
        dotfiles: also serve names that begin with a dot.
        spa: answer a navigation to a path that does not exist with the folder's index.html.
        cors: who may read the files cross-origin; None for nobody.
        inject: markup, ASCII, that every HTML file of the folder gets at the beginning of its head.
        pages: HTML by its path, as in a request; in place of files, and looked up for each request.

    Returns:
        The handler, for routes that hand plain requests on to the folder; it raises HttpErrors.

    Raises:
        ConfigError: the folder is missing or cannot be read.
    """
    folder = Folder.checked(Path(directory), dotfiles=dotfiles)
    everybody = cors is not None and cors.any_origin
    add_zone(app, Zone(prefix, Corp.CROSS_ORIGIN if everybody else Corp.SAME_SITE, cors))
    served = _Served(folder, events_of(app), prefix, spa, inject, {} if pages is None else pages)
    app.router.add_route(
        "*", prefix + "{path:(?s:.*)}", answering(served.answer), expect_handler=ignore_expect
    )
    return served.answer


@frozen
class _Served:
    folder: Folder
    events: Events
    prefix: str
    spa: bool
    inject: bytes = b""
    pages: Mapping[str, bytes] = field(factory=dict)
    cache: FileCache = field(factory=FileCache)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer from memory where it can be, else from disk."""
        headers = request.headers
        path = request.raw_path.partition("?")[0]
        plain = request.method != hdrs.METH_GET or hdrs.RANGE in headers
        accept = None if plain else headers.get(hdrs.ACCEPT_ENCODING)
        small = self.cache.get(path, accept)
        if small is None or request.method not in ("GET", "HEAD"):
            return await self._look(request, path, accept)
        return self._from_memory(request, small)

    def _from_memory(self, request: web.Request, small: SmallFile) -> web.StreamResponse:
        known = small.representation
        decision = decide(request.method, request.headers, known.validators, known.size)
        if FileServed in self.events.heard:
            self._report(request, known, decision)
        if hdrs.ORIGIN not in request.headers:
            if decision.status == 200:  # noqa: PLR2004
                return PrebuiltResponse(200, small.whole, small.body, note=known.coding)
            if decision.status == 304:  # noqa: PLR2004
                return PrebuiltResponse(304, small.unchanged)
        head, plan = self._head(request, known, decision)
        parts = [frame + small.body[part.first : part.last + 1] for frame, part in plan.parts]
        return PrebuiltResponse(
            decision.status, head, b"".join(parts) + plan.closing, note=_note(known, decision)
        )

    async def _look(self, request: web.Request, raw_path: str, accept: str | None) -> web.StreamResponse:
        if request.method == hdrs.METH_OPTIONS:
            return self._options(request)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(request.method, ALLOW)
        if raw_path in self.pages:
            fields: dict[str, str] = {hdrs.CONTENT_TYPE: _HTML, hdrs.CACHE_CONTROL: "no-cache"}
            return answer(request, 200, fields, inject(self.pages[raw_path], self.inject))
        path = parse_path("/" + raw_path.removeprefix(self.prefix))
        place = self.folder.locate(path)
        if self.folder.is_folder(place):
            if not path.folder:
                return self._redirect(request)
            index = os.path.join(place, INDEX)
            return await self._file(request, index, accept) or self._listing(request, path, place)
        found = None if path.folder else await self._file(request, place, accept)
        return found or await self._absent(request, path, accept)

    async def _file(
        self, request: web.Request, place: str, accept: str | None, *, remember: bool = True
    ) -> web.StreamResponse | None:
        """Answer with the file at a place; None where there is none."""
        injected = bool(self.inject) and is_page(place)
        for _ in range(READ_TRIES):
            variant = open_variant(self.folder, place, accept, siblings=not injected)
            if variant is None:
                return None
            size = variant.opened.status.st_size
            if size > MAX_PAGE and injected:
                _log.warning("%s has more than %d bytes: nothing is injected into it.", place, MAX_PAGE)
            if size > (MAX_PAGE if injected else MAX_BODY):
                return self._stream(request, variant)
            if size > MAX_BODY:  # a page: milliseconds, in which others are answered
                reading = asyncio.to_thread(self._read, request, variant, injected=True)
                small = await asyncio.shield(reading)  # it closes the file, whoever waits for it
            else:
                small = self._read(request, variant, injected=injected)
            if small is not None:
                if remember and size <= MAX_BODY and settled(variant.opened.status):
                    self.cache.put(request.raw_path.partition("?")[0], accept, small)
                return self._from_memory(request, small)
            await asyncio.sleep(READ_PAUSE)
        raise UnavailableError("The file is being written.", "Try again.", {"Retry-After": "1"})

    def _read(self, request: web.Request, variant: Variant, *, injected: bool) -> SmallFile | None:
        """Read a file whole; None when it changed meanwhile."""
        opened = variant.opened
        try:
            body = os.read(opened.descriptor, opened.status.st_size + 1)
            if len(body) != opened.status.st_size or not opened.unchanged():
                return None
        finally:
            opened.close()
        if injected:
            body = inject(body, self.inject)
        known = describe(variant, body, injected=injected)
        plan = plan_of(request.app)
        shared = plan.block(request.raw_path, None)
        watched = [(opened.path, signature(opened.status))]
        if variant.original is not None:
            watched.append(variant.original)
        return SmallFile(
            representation=known,
            body=body,
            whole=status_line(200) + head_lines(known, Decision(200), replaced=plan.replaced) + shared,
            unchanged=status_line(304) + head_lines(known, Decision(304), replaced=plan.replaced) + shared,
            watched=tuple(watched),
            chosen_at=time.monotonic(),
        )

    def _stream(self, request: web.Request, variant: Variant) -> web.StreamResponse:
        known = describe(variant)
        decision = decide(request.method, request.headers, known.validators, known.size)
        if FileServed in self.events.heard:
            self._report(request, known, decision)
        try:
            head, plan = self._head(request, known, decision)
        except BaseException:
            variant.opened.close()
            raise
        note = _note(known, decision)
        return FileResponse(decision.status, head, variant.opened, plan, self.events, note=note)

    def _head(
        self, request: web.Request, known: Representation, decision: Decision
    ) -> tuple[bytes, BodyPlan]:
        """The head for a decision, and what of the file goes into the body.

        Raises:
            PreconditionFailedError, RangeNotSatisfiableError: 412 and 416 are problems.
        """
        if decision.status == PreconditionFailedError.status:
            raise PreconditionFailedError("The file is no longer the one that the request names.")
        if decision.status == RangeNotSatisfiableError.status:
            raise RangeNotSatisfiableError(
                f"The file has {known.size} bytes, and no range of the request begins within them.",
                headers={hdrs.CONTENT_RANGE: unsatisfied_content_range(known.size)},
            )
        boundary = multipart_boundary() if len(decision.ranges) > 1 else ""
        plan = plan_of(request.app)
        lines = head_lines(known, decision, boundary, replaced=plan.replaced)
        shared = plan.block(request.raw_path, request.headers.get(hdrs.ORIGIN))
        return status_line(decision.status) + lines + shared, plan_body(known, decision, boundary)

    def _redirect(self, request: web.Request) -> web.StreamResponse:
        """To the folder's own path, the query kept in its place.

        Relative, since a path that begins with two slashes would name another host (RFC 3986,
        section 4.2); with `./`, since a colon would read as a scheme.
        """
        path, question, query = request.raw_path.partition("?")
        location = f"./{path.rpartition('/')[2]}/{question}{query}"
        return answer(request, 301, {hdrs.LOCATION: location, hdrs.CACHE_CONTROL: "no-cache"})

    def _listing(self, request: web.Request, path: FilePath, place: str) -> web.StreamResponse:
        try:
            entries = self.folder.entries(place)
        except OSError as error:
            raise ForbiddenError("fetchkit may not list this folder.", "Change its permissions.") from error
        body = listing_page(path.segments, entries, page_template("listing"))
        fields: dict[str, str] = {hdrs.CONTENT_TYPE: _HTML, hdrs.CACHE_CONTROL: "no-cache"}
        return answer(request, 200, fields, body)

    async def _absent(self, request: web.Request, path: FilePath, accept: str | None) -> web.StreamResponse:
        if self.spa and falls_back(path, request.headers):
            index = os.path.join(self.folder.root, INDEX)
            page = await self._file(request, index, accept, remember=False)
            if page is not None:
                return page
        raise NotFoundError(f"Nothing is at {request.path}.")

    def _options(self, request: web.Request) -> web.StreamResponse:
        method = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
        if method is None:
            return answer(request, 204, {hdrs.ALLOW: ALLOW})
        origin = request.headers.get(hdrs.ORIGIN)
        wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
        shared = plan_of(request.app).preflight_block(request.raw_path, origin, method, wanted)
        return PrebuiltResponse(204, status_line(204) + f"Allow: {ALLOW}\r\n".encode() + shared)

    def _report(self, request: web.Request, known: Representation, decision: Decision) -> None:
        self.events.emit(FileServed(request.raw_path, known.source, decision.status, known.coding))


def _note(known: Representation, decision: Decision) -> str:
    ranges = ", ".join(f"{part.first}-{part.last}" for part in decision.ranges)
    return " ".join(filter(None, (known.coding, ranges and f"bytes {ranges}")))
