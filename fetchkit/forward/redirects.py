"""Redirects: the next hop and what of the request goes there (Fetch standard, HTTP-redirect fetch).

The danger: a redirect steers this server to a host that the page did not name, and hands it the credentials
meant for the first one. So every hop is judged like a request, which is for the caller, and credentials end
where the origin changes, which is done here.
"""

from typing import Final

from attrs import frozen
from multidict import CIMultiDict

from fetchkit.errors import BadGatewayError, BadRequestError
from fetchkit.forward.rules import ForwardUrl, resolve

__all__ = ["MAX_REDIRECTS", "Redirect", "headers_for", "next_hop"]

MAX_REDIRECTS: Final = 20
"""Redirects that are followed (Fetch standard, section 4.4: "redirect count is 20")."""

_STATUSES: Final = frozenset(
    {301, 302, 303, 307, 308}
)  # Fetch standard: "redirect status"; not 300, 304, 305

# RFC 9110, section 15.4, step 5: "remove content-specific header fields, including (but not limited to)"
# these; then those that came later (RFC 9530) and what frames the body.
_BODY_FIELDS: Final = (
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-Type",
    "Content-Length",
    "Digest",
    "Last-Modified",
    "Content-Digest",
    "Repr-Digest",
    "Transfer-Encoding",
    "Trailer",
    "Expect",
)
_HINT: Final = (
    "The server must mend its Location; with X-Fetchkit-Redirect: manual the page gets the redirect."
)
# The same, step 4: "Authorization and Cookie"
_CREDENTIALS: Final = ("Authorization", "Cookie", "Proxy-Authorization")


@frozen
class Redirect:
    """The request that follows a redirect.

    Attributes:
        method: of the next request.
        url: where it goes; to be judged anew.
        keeps_body: the body is sent again, as it was.
        same_origin: the next server may have the credentials of the last one.
    """

    method: str
    url: ForwardUrl
    keeps_body: bool
    same_origin: bool


def next_hop(method: str, url: ForwardUrl, status: int, location: str | None) -> Redirect | None:
    """Decide what follows a response to `method` `url`.

    Args:
        method: as on the wire.
        url: of the request that was answered.
        status: of the response.
        location: the value of its Location, decoded from UTF-8 with surrogateescape.

    Returns:
        The next request; None where the response is the answer: it is no redirect, or names no place. An
        empty Location is none either, or the same URL would be asked until the limit.

    Raises:
        BadGatewayError: the place is no HTTP URL, or carries a user name.
    """
    if status not in _STATUSES or not location:
        return None
    target = _located(url, location)
    dropped = _drops_body(method, status)
    return Redirect("GET" if dropped else method, target, not dropped, target.origin == url.origin)


def headers_for(headers: CIMultiDict[str], redirect: Redirect) -> CIMultiDict[str]:
    """Return the headers of the next request; what the configuration adds for a host is not known here."""
    body = () if redirect.keeps_body else _BODY_FIELDS
    credentials = () if redirect.same_origin else _CREDENTIALS
    kept = headers.copy()
    for name in (*body, *credentials):
        kept.popall(name, None)
    return kept


def _located(url: ForwardUrl, location: str) -> ForwardUrl:
    try:
        target = resolve(url, location)
    except BadRequestError as error:
        detail = f"{url.authority} redirects to a URL that cannot be used: {error.detail}"
        raise BadGatewayError(detail, _HINT) from None
    # Fetch standard, HTTP-redirect fetch: "If locationURL's scheme is not an HTTP(S) scheme, then return a
    # network error." A WebSocket handshake is never redirected (WebSockets standard: redirect mode "error").
    if target.origin.scheme != target.scheme:
        raise BadGatewayError(f"{url.authority} redirects to the scheme {target.scheme}.", _HINT)
    return target


def _drops_body(method: str, status: int) -> bool:
    """Fetch standard: "status is 301 or 302 and request's method is `POST`", or 303 and not GET or HEAD."""
    if status in {301, 302}:
        return method == "POST"
    return status == 303 and method not in {"GET", "HEAD"}  # noqa: PLR2004
