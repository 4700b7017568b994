"""Responses whose head is already bytes: one write, no header objects.

aiohttp's own Response copies and serialises its headers for every request, which costs more
than all checks of fetchkit together. The application's hooks do not see these responses: who
builds a head takes the shared fields from `isolation.plan_of(app)`.
"""

import time
from http import HTTPStatus

from aiohttp import HttpVersion10, hdrs, web

from fetchkit.http.dates import format_http_date

__all__ = ["PHRASES", "PrebuiltResponse", "date_line", "is_owed_a_body", "status_line"]

# RFC 9110's names where Python's are older (its own changed in 3.13).
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
PHRASES = {status.value: status.phrase for status in HTTPStatus} | _RENAMED
_STATUS_LINES = {status: f"HTTP/1.1 {status} {phrase}\r\n".encode() for status, phrase in PHRASES.items()}

_date_second = 0
_date_line = b""


def date_line() -> bytes:
    """The `Date` line (RFC 9110, section 6.6.1), made once a second."""
    global _date_second, _date_line
    now = int(time.time())
    if now != _date_second:
        _date_second, _date_line = now, f"Date: {format_http_date(now)}\r\n".encode()
    return _date_line


def status_line(status: int) -> bytes:
    """The status line; HTTP/1.1 also towards an HTTP/1.0 client (RFC 9110, section 2.5)."""
    return _STATUS_LINES[status]


def is_owed_a_body(request: web.BaseRequest) -> bool:
    """Whether a client still waits for a 100, and its body has not begun.

    After a final answer it may or may not send the body (RFC 9110, section 10.1.1), so nobody could tell
    the next request from it: the connection must not be kept.
    """
    if not request.body_exists or hdrs.EXPECT not in request.headers:
        return False
    return not request.content.is_eof() and request.content.total_bytes == 0


class PrebuiltResponse(web.StreamResponse):
    """A whole response: status line and fields as bytes, then a body.

    Attributes:
        note: what the access log says of it besides its status.
    """

    def __init__(
        self, status: int, head: bytes, body: bytes = b"", *, note: str = "", dated: bool = True
    ) -> None:
        """Take the head without `Date`, `Connection` and the empty line; they are added here.

        With `dated=False` there is a `Date` in the head already.
        """
        super().__init__(status=status)
        self.note = note
        self._head = head
        self._whole_body = body
        self._dated = dated
        self._stays_open = False
        self._sent = 0

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open; known once the response is prepared."""
        return self._stays_open

    @property
    def body_length(self) -> int:
        """Bytes of the body that were sent."""
        return self._sent

    def force_close(self) -> None:
        """Close the connection after this response."""
        self._keep_alive = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the response: all of it, when the body is in memory."""
        body = b"" if request.method == "HEAD" else self._whole_body
        await request.writer.write_eof(self._lines(request) + body)
        self._sent = len(body)

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write: `prepare` wrote it."""

    def _lines(self, request: web.BaseRequest) -> bytes:
        keeps = request.keep_alive and self._keep_alive is not False
        self._stays_open = keeps and not is_owed_a_body(request)
        date = date_line() if self._dated else b""
        if not self._stays_open:
            return b"".join((self._head, date, b"Connection: close\r\n\r\n"))
        if request.version == HttpVersion10:
            return b"".join((self._head, date, b"Connection: keep-alive\r\n\r\n"))
        return b"".join((self._head, date, b"\r\n"))
