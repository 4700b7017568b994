"""Pages' messages over HTTP: `POST **/stdio.html` of emrun builds, and Emscripten's own test harness."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, cast

from aiohttp import HttpVersion11, hdrs, web
from attrs import define, field

from fetchkit.emrun.dumps import Dumps
from fetchkit.emrun.messages import (
    STDERR,
    STDOUT,
    Message,
    Printed,
    dumped_name,
    parse_log,
    parse_message,
    parse_result,
)
from fetchkit.emrun.sessions import Client, Sessions
from fetchkit.errors import BadRequestError, ForbiddenError, NotFoundError, PayloadTooLargeError
from fetchkit.events import Event, Events, PageDumped, PageEnded
from fetchkit.http.problem import wants_page
from fetchkit.isolation import plan_of
from fetchkit.net.origins import parse_origin
from fetchkit.web.answers import answer
from fetchkit.web.guard import guarded, ignore_expect, is_preflight, send_continue
from fetchkit.web.keys import events_of
from fetchkit.web.prebuilt import PrebuiltResponse, status_line
from fetchkit.web.problems import Handler, answering
from fetchkit.web.tokens import without_token

__all__ = ["MAX_MESSAGE", "Pace", "pace", "setup"]

MAX_MESSAGE: Final = 16 * 1024**2
"""Bytes of a message. The largest page that anything is injected into has as many; no line is longer."""

_ALLOW: Final = "GET, HEAD, OPTIONS, POST"
_NAME: Final = "stdio.html"
_FIELDS: Final[dict[str, str]] = {
    hdrs.CONTENT_TYPE: "text/plain; charset=utf-8",
    hdrs.CACHE_CONTROL: "no-store",
}
_OK: Final = b"OK"
_OWN_SITES: Final = (None, "same-origin", "none")  # Sec-Fetch-Site (W3C Fetch Metadata, section 2.4)


Pace = Callable[[str, Message], Awaitable[None]]
"""Takes the Host and the message; the message is taken, and answered, once it returns."""


def setup(
    app: web.Application, *, dumps: Path | None = None, prefix: str = "/", plain: Handler | None = None
) -> Handler:
    """Hear what pages say; events tell of it. Call it before the files.

    Args:
        app: any aiohttp application; `web.guard.setup` makes it judge who asks.
        dumps: folder for files that pages dump; None refuses them.
        prefix: path below which pages are, with a slash at its end.
        plain: answers what is not for us, and raises NotFoundError where it has nothing.

    Returns:
        The handler for `/`, where pages of older harnesses log; all else there goes to `plain`.
    """
    app[_FRONT] = front = _Front(events_of(app), prefix, None if dumps is None else Dumps(dumps), plain)
    app.on_cleanup.append(front.close)
    stdio = prefix + "{folder:(?s:(?:.*/)?)}" + _NAME
    for method, path, handler in (
        (hdrs.METH_POST, stdio, guarded(front.message)),
        (hdrs.METH_OPTIONS, stdio, front.options),
        (hdrs.METH_POST, f"{prefix}log", guarded(front.log)),
        (hdrs.METH_POST, f"{prefix}upload", guarded(front.upload)),
        (hdrs.METH_GET, f"{prefix}report_result", front.result),
    ):
        app.router.add_route(method, path, answering(handler), expect_handler=ignore_expect)
    return front.root


def pace(app: web.Application, pace: Pace | None) -> None:
    """Let pages wait with each message for something, such as that what they printed before is taken."""
    app[_FRONT].pace = pace


@define(eq=False)
class _Front:
    events: Events
    prefix: str
    dumps: Dumps | None
    plain: Handler | None
    pace: Pace | None = None
    sessions: Sessions = field(factory=Sessions)
    _timer: asyncio.TimerHandle | None = None

    async def message(self, request: web.Request) -> web.StreamResponse:
        """emrun: a message, or a file."""
        name = dumped_name(without_token(request.raw_path))
        if name is not None:
            return await self._receive(request, name)
        message = parse_message(await _whole(request))
        await self._paced(request, message)
        return self._took(request, message)

    async def log(self, request: web.Request) -> web.StreamResponse:
        """The harness: output."""
        stream = dumped_name(without_token(request.raw_path))
        if stream not in (STDOUT, STDERR):
            raise BadRequestError("A log is of stdout or stderr.", "POST /log?file=stdout")
        message = Printed(stream, (await _whole(request)).decode("utf-8", "replace"), harness=True)
        await self._paced(request, message)
        return self._took(request, message)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """The harness: a file."""
        name = dumped_name(without_token(request.raw_path))
        if name is None:
            raise BadRequestError("An upload has a name.", "POST /upload?file=NAME")
        return await self._receive(request, name)

    async def result(self, request: web.Request) -> web.StreamResponse:
        """The harness: the end; a file of this name comes first."""
        if self.plain is not None:
            try:
                return await self.plain(request)
            except NotFoundError:
                pass
        target = without_token(request.raw_path)
        if "?" not in target:
            raise NotFoundError(f"Nothing is at {request.path}.", "A test reports as /report_result?exit:0")
        return await guarded(self._result)(request)

    async def _result(self, request: web.Request) -> web.StreamResponse:
        messages = parse_result(without_token(request.raw_path))
        await self._paced(request, messages[0])
        return self._took(request, *messages)

    async def root(self, request: web.Request) -> web.StreamResponse:
        """An older harness's log in the query of `/`; a person who opens the page gets the page."""
        headers = request.headers
        if request.method == hdrs.METH_GET and request.path == self.prefix:
            printed = parse_log(without_token(request.raw_path))
            page = wants_page(headers.get(hdrs.ACCEPT), headers.get("Sec-Fetch-Mode"))
            if printed is not None and not page:
                return await guarded(self._root)(request)
        if self.plain is None:
            raise NotFoundError(f"Nothing is at {request.path}.")
        return await self.plain(request)

    async def _root(self, request: web.Request) -> web.StreamResponse:
        printed = parse_log(without_token(request.raw_path))
        assert printed is not None  # noqa: S101  `root` has looked
        await self._paced(request, printed)
        return self._took(request, printed)

    async def options(self, request: web.Request) -> web.StreamResponse:
        """What may be asked; a preflight gets what the rules for the path say."""
        if not is_preflight(request):
            return answer(request, 204, {hdrs.ALLOW: _ALLOW})
        headers = request.headers
        shared = plan_of(request.app).preflight_block(
            request.raw_path,
            headers.get(hdrs.ORIGIN),
            headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD, ""),
            headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS),
        )
        return PrebuiltResponse(204, status_line(204) + f"Allow: {_ALLOW}\r\n".encode() + shared)

    async def close(self, _app: web.Application) -> None:
        """The server has stopped: nothing more will come of what was waited for."""
        if self._timer is not None:
            self._timer.cancel()
        self._emit(self.sessions.flush(asyncio.get_running_loop().time()))

    async def _paced(self, request: web.Request, message: Message) -> None:
        if self.pace is not None:
            await self.pace(request.headers.get(hdrs.HOST, ""), message)

    # --- what comes of it ---

    def _took(self, request: web.Request, *messages: Message) -> web.StreamResponse:
        """Tell of messages; of an end once the page has been answered.

        Who hears of an end may stop the server, and a page that waits for its answer would stay open.
        """
        client, url = _client(request)
        now = asyncio.get_running_loop().time()
        events = [event for each in messages for event in self.sessions.take(client, url, each, now)]
        response = cast("_Answer", answer(request, 200, _FIELDS, _OK, kind=_Answer))
        if events and isinstance(events[-1], PageEnded):
            end = events.pop()
            response.after = _Once(self.events, end)
            # Where the connection is lost before.
            request.task.add_done_callback(response.after)
        self._emit(events)
        self._wait()
        return response

    def _emit(self, events: Iterable[Event]) -> None:
        for event in events:
            self.events.emit(event)

    def _wait(self) -> None:
        """Be woken when something has been held for long enough."""
        wake = self.sessions.wake
        if self._timer is not None:
            if self._timer.when() == wake:
                return
            self._timer.cancel()
            self._timer = None
        if wake != math.inf:
            self._timer = asyncio.get_running_loop().call_at(wake, self._tick)

    def _tick(self) -> None:
        self._timer = None
        # A loop may call a little early, by its clock's resolution.
        self._emit(self.sessions.tick(max(asyncio.get_running_loop().time(), self.sessions.wake)))
        self._wait()

    async def _receive(self, request: web.Request, name: str) -> web.StreamResponse:
        """Take a file."""
        _judge_dump(request)
        if self.dumps is None:
            raise ForbiddenError(
                f"A page wants to dump the file {name!a:.100}, and dumps are off.",
                "--dump-out-directory DIR takes them.",
            )
        with self.dumps.receive(name) as dump:
            async for piece in _pieces(request):
                dump.write(piece)
            dump.keep()
        client, url = _client(request)
        page, events = self.sessions.page(client, url, asyncio.get_running_loop().time())
        self._emit([*events, PageDumped(page, name, dump.path, dump.size)])
        return answer(request, 200, _FIELDS, _OK)


_FRONT: Final = web.AppKey("emrun", _Front)


class _Once:
    """Tells of an event, whoever says so first."""

    def __init__(self, events: Events, event: Event) -> None:
        self._events = events
        self._event: Event | None = event

    def __call__(self, _: object = None) -> None:
        event, self._event = self._event, None
        if event is not None:
            self._events.emit(event)


class _Answer(PrebuiltResponse):
    """Calls somebody once it is handed to the connection."""

    after: _Once | None = None

    async def prepare(self, request: web.BaseRequest) -> None:
        try:
            await super().prepare(request)
        finally:
            if self.after is not None:
                request.task.remove_done_callback(self.after)
                self.after()


def _client(request: web.Request) -> tuple[Client, str]:
    """Who sent a message, and what the page is called.

    Where a policy hides the Referer, the page is known by the folder that it asks in.
    """
    host = request.headers.get(hdrs.HOST, "")
    referer = without_token(request.headers.get(hdrs.REFERER, "").partition("#")[0])
    client = (request.remote or "", host, referer)
    if referer:
        return client, referer
    folder = request.raw_path.partition("?")[0].rpartition("/")[0]
    return client, f"{request.scheme}://{host}{folder}/"


def _judge_dump(request: web.Request) -> None:
    """Let only this server's own pages write files, and programs that are no browsers.

    The guard lets pages of other loopback ports pass: to print, which harms nobody.
    """
    origin, site = request.headers.get(hdrs.ORIGIN), request.headers.get("Sec-Fetch-Site")
    own = parse_origin(f"{request.scheme}://{request.headers.get(hdrs.HOST, '')}")
    foreign = origin is not None and (own is None or parse_origin(origin) != own)
    if foreign or site not in _OWN_SITES:
        raise ForbiddenError("Only pages of this server itself may dump files.", "Serve the page from here.")


async def _whole(request: web.Request) -> bytes:
    """The body of a message.

    Raises:
        PayloadTooLargeError: it is larger than MAX_MESSAGE.
    """
    if (request.content_length or 0) > MAX_MESSAGE:
        raise _too_large()
    pieces, size = [], 0
    async for piece in _pieces(request):
        size += len(piece)
        if size > MAX_MESSAGE:
            raise _too_large()
        pieces.append(piece)
    return b"".join(pieces)


def _too_large() -> PayloadTooLargeError:
    return PayloadTooLargeError(
        f"A message may have {MAX_MESSAGE} bytes.", "Dump it as a file: emrun_file_dump(name, bytes)."
    )


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes; a client that waits for a 100 gets it now.

    Raises:
        BadRequestError: it ends too early, or its framing is broken.
    """
    content = request.content
    if hdrs.EXPECT in request.headers and request.version >= HttpVersion11:
        send_continue(request)
    while True:
        try:
            piece = await content.readany()
        except (web.RequestPayloadError, ConnectionError) as error:
            content.feed_eof()  # or aiohttp would go on reading behind the answer, and log what it finds
            raise BadRequestError("The body is broken.", "Is its length right?") from error
        if not piece:
            return
        yield piece
