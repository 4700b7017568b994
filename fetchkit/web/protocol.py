"""The connection: answers what aiohttp's HTTP parser refuses, and reports every answer.

What the parser refuses never reaches the application, its middlewares or its hooks; aiohttp
answers it with plain text and logs a traceback. Here it gets the same problem response, with
the same headers, as everything else.
"""

import asyncio
import logging
import re
from contextlib import suppress

from aiohttp import web, web_protocol
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import (
    BadHttpMethod,
    BadStatusLine,
    HttpProcessingError,
    InvalidURLError,
    LineTooLong,
)

from fetchkit.errors import (
    BadRequestError,
    HeadersTooLargeError,
    HttpError,
    MethodNotAllowedError,
    ServerError,
    TargetTooLongError,
)
from fetchkit.events import Answered, Events, Failed, Refused
from fetchkit.isolation import HeaderPlan, plan_of
from fetchkit.web.keys import events_of
from fetchkit.web.prebuilt import PrebuiltResponse
from fetchkit.web.problems import problem_response
from fetchkit.web.targets import shown_target

__all__ = ["MAX_FIELD", "MAX_FIELDS", "MAX_TARGET", "connection_factory"]

# A URL of 64 KiB must pass through /forward/; Chromium's own limit for a URL is 2 MiB.
MAX_TARGET = 72 * 1024
# Node's default for all fields together is 16 KiB; eight KiB of cookies must pass.
MAX_FIELD = 16 * 1024
# aiohttp's own default; Apache's is 100.
MAX_FIELDS = 128
# An idle connection is kept a little longer than Chromium keeps it (300 s is its maximum for used sockets).
KEEP_ALIVE_SECONDS = 310.0
# nginx's lingering_timeout is 5 s; here a client that floods gets less patience.
LINGER_SECONDS = 1.0

ALLOW = "GET, HEAD, OPTIONS"
# A request line with any token for its method (RFC 9112, section 3), as the parser quotes it.
_UNKNOWN_METHOD = re.compile(r"""b['"]([!#$%&*+.^_`|~0-9A-Za-z-]+) [^ ]+ HTTP/1\.[01]['"]""")

_ENCODE_HINT = "Percent-encode control characters and what is not ASCII, as encodeURI does."
_SPACE_HINT = "Is there a space in the URL? Write %20."
_CLIENT_HINT = "Send it as RFC 9112 says; other protocols are not spoken on this port."

_log = logging.getLogger("fetchkit.server")


def connection_factory(runner: web.AppRunner) -> "_Factory":
    """The protocol factory for `loop.create_server`, after `await runner.setup()`."""
    return _Factory(runner)


class _Factory:
    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._plan = plan_of(runner.app)
        self._events = events_of(runner.app)

    def __call__(self) -> "_Connection":
        assert self._runner.server is not None  # noqa: S101  narrows for mypy: setup() has made it
        connection = _Connection(
            self._runner.server,
            loop=self._loop,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            access_log_class=_AnswerReporter,
            access_log=_log,
            max_line_size=MAX_TARGET,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
            auto_decompress=False,
        )
        connection.plan = self._plan
        connection.events = self._events
        connection.peer_finished = None
        return connection


class _Connection(web.RequestHandler):
    __slots__ = ("events", "peer_finished", "plan")

    plan: HeaderPlan
    events: Events
    peer_finished: asyncio.Event | None

    def data_received(self, data: bytes) -> None:
        """Take bytes; where they break the framing of a body that is being read, its reader must know.

        aiohttp queues the parser's error behind the request that waits for that very body.
        """
        super().data_received(data)
        if self._messages and self._current_request is not None:
            message, _ = self._messages[-1]
            content = self._current_request.content
            if not isinstance(message, RawRequestMessage) and not content.is_eof():
                self._messages.pop()
                content.set_exception(web_protocol.RequestPayloadError("the framing of the body is broken"))
                self.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  aiohttp's signature
    ) -> web.StreamResponse:
        """Answer for the parser, or for a handler that failed (then it is a defect of ours)."""
        if isinstance(exc, HttpProcessingError):
            self.peer_finished = asyncio.Event()
            error = _from_parser(exc)
            peer = request.remote or ""
            self.events.emit(Refused("-", "-", error.status, error.detail, error.hint, peer))
            return problem_response(request, error, self.plan, _LastResponse)
        if isinstance(exc, ConnectionError) and (self.transport is None or self.transport.is_closing()):
            raise exc  # the client has gone while it was written to: nobody's defect
        target = shown_target(request.raw_path)
        self.events.emit(Failed(request.method, target, exc or RuntimeError(f"status {status}")))
        if request.writer.output_size > 0:
            # A second head would land inside the first body: cut the connection instead.
            raise ConnectionError("the response had begun")
        defect = ServerError("Something failed inside fetchkit; its log says what.", "Please report it.")
        response = problem_response(request, defect, self.plan)
        response.force_close()
        return response

    def eof_received(self) -> None:
        """The client has sent all that it will send."""
        self._finish_peer()
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self._finish_peer()
        super().connection_lost(exc)

    def _finish_peer(self) -> None:
        if self.peer_finished is not None:
            self.peer_finished.set()


class _LastResponse(PrebuiltResponse):
    """Closes the connection so that the answer arrives.

    A close with unread input resets the connection, and the client's system may then drop the
    answer that it has already received (RFC 9112, section 9.6): so half-close, and read on
    for a moment.
    """

    async def prepare(self, request: web.BaseRequest) -> None:
        await super().prepare(request)
        connection, transport = request.protocol, request.transport
        if not isinstance(connection, _Connection) or transport is None or connection.peer_finished is None:
            return
        connection.close()  # from now on aiohttp drops what comes in
        if transport.can_write_eof():
            transport.write_eof()
        with suppress(TimeoutError):
            await asyncio.wait_for(connection.peer_finished.wait(), LINGER_SECONDS)


def _from_parser(error: HttpProcessingError) -> HttpError:
    """Our error for one of aiohttp's parser, with what it says of the cause."""
    if isinstance(error, LineTooLong):
        # The parser has one error for both; the limits differ so that they tell which it was.
        if error.args[1] == MAX_TARGET:
            return TargetTooLongError(
                f"The request target is longer than {MAX_TARGET} bytes.", "Send what is long in a body."
            )
        return HeadersTooLargeError(
            f"A header field is longer than {MAX_FIELD} bytes.", "Are there many cookies? Delete some."
        )
    if (unknown := _UNKNOWN_METHOD.search(error.message)) and isinstance(error, BadHttpMethod):
        return _unknown_method(unknown[1])
    cause = str(error.message or error)
    if "Too many headers" in cause:
        return HeadersTooLargeError(
            f"There are more than {MAX_FIELDS} header fields.", "Put several values into one field."
        )
    if isinstance(error, BadHttpMethod) and "HTTPS" in cause:
        return BadRequestError(
            "This port speaks HTTP, and the client began with TLS.", "Use http://, or --tls."
        )
    if isinstance(error, InvalidURLError):
        return BadRequestError("The request target has a character that no URL may have.", _ENCODE_HINT)
    if isinstance(error, BadHttpMethod):
        return BadRequestError("The request is not HTTP: it begins with no method.", _CLIENT_HINT)
    if isinstance(error, BadStatusLine):  # the parser's word for a request line too
        if "HTTP version" in cause:
            return BadRequestError("The version of HTTP is not known here.", "Use HTTP/1.1.")
        return BadRequestError("The target is followed by what is no version of HTTP.", _SPACE_HINT)
    # Its first line names the fault; those behind it quote the request, secrets included.
    named = cause.strip().partition("\n")[0].partition(": ")[0].rstrip(": .")
    return BadRequestError(f"The request is not HTTP: {named}.", _CLIENT_HINT)


def _unknown_method(method: str) -> HttpError:
    """For a well-formed method that the parser does not know; no feature ever sees the request."""
    error = MethodNotAllowedError(method, ALLOW)
    error.detail = f"The method {method} is not one that the HTTP parser knows, so it passes nowhere."
    error.hint = "Use one of HTTP or WebDAV, in capitals (methods are case-sensitive: PATCH, not patch)."
    return error


class _AnswerReporter(AbstractAccessLogger):
    """Reports each response to the bus; aiohttp calls it once the body is written or broken."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        connection = request.protocol
        if not isinstance(connection, _Connection) or Answered not in connection.events.heard:
            return
        parsed = not isinstance(response, _LastResponse)
        connection.events.emit(
            Answered(
                method=request.method if parsed else "-",
                target=shown_target(request.raw_path) if parsed else "-",
                status=response.status,
                sent=response.body_length,
                seconds=time,
                peer=request.remote or "",
                note=getattr(response, "note", ""),
                host=request.headers.get("Host", "") if parsed else "",
            )
        )
