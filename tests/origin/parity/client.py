"""One request to either server, sent as it is written, and its answer with nothing hidden."""

import contextlib
import http.client
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

__all__ = ["Reply", "Request", "send"]

# A loopback answer takes milliseconds, the slowest of the table a second; only a hang reaches this.
_DEADLINE = 30.0


@frozen
class Request:
    """A request.

    Attributes:
        method: any token.
        target: path and query below the server's base, as they stand on the wire.
        headers: field lines beside Host and the body's framing.
        body: bytes, sent with Content-Length; several pieces are sent as chunks.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | tuple[bytes, ...] = b""

    def with_field(self, name: str, value: str) -> "Request":
        """The same with one more field."""
        return evolve(self, headers=(*self.headers, (name, value)))


@frozen
class Reply:
    """An answer.

    Attributes:
        status: status code; 0 where there was no final answer.
        fields: every line of the head, in order.
        body: its bytes, without the framing.
        complete: whether it has as many bytes as its head promises.
    """

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes = field(repr=lambda body: f"{len(body)}:{body[:200]!r}")
    complete: bool = True

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """All values of a field as one (RFC 9110, section 5.3)."""
        return ", ".join(self.all(name)) or None


def send(base: str, request: Request) -> Reply:
    """Send a request to a server whose URLs begin with `base`, over a connection of its own."""
    place = urlsplit(base)
    assert place.hostname
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=_DEADLINE)
    with contextlib.closing(connection):
        target = place.path + request.target
        connection.putrequest(request.method, target, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        chunked = isinstance(request.body, tuple)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif request.body:
            connection.putheader("Content-Length", str(len(request.body)))
        with contextlib.suppress(BrokenPipeError):  # a server that refuses the body may answer before its end
            connection.endheaders(request.body or None, encode_chunked=chunked)
        try:
            response = connection.getresponse()
        except http.client.RemoteDisconnected:
            return Reply(0, (), b"", complete=False)
        try:
            body, complete = response.read(), True
        except http.client.IncompleteRead as error:
            body, complete = error.partial, False
        return Reply(response.status, tuple(response.getheaders()), body, complete)
