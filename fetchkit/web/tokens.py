"""The access token on the wire: where a request may carry it, and the cookie that keeps it."""

from collections.abc import Iterable

from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.http.problem import wants_page
from fetchkit.net.access import token_matches

__all__ = [
    "HEADER",
    "PARAMETER",
    "carries_token",
    "login_redirect",
    "without_token",
    "without_token_fields",
]

PARAMETER = "fetchkit-token"
HEADER = "X-Fetchkit-Token"


def carries_token(request: web.Request, expected: str, own_ports: Iterable[int] = ()) -> bool:
    """Whether the request brings the token: as query parameter, header field or cookie.

    Cookies of `own_ports` count as well: a page of the main port opens WebSockets on a bridge's.
    """
    candidates = (
        _from_query(request.raw_path),
        request.headers.get(HEADER),
        *(request.cookies.get(name) for name in {_cookie_name(request), *map(_name_for, own_ports)}),
    )
    return any(token_matches(given, expected) for given in candidates if given is not None)


def without_token(target: str) -> str:
    """A request target with the token taken out of its query, all else untouched."""
    if PARAMETER not in target:
        return target
    path, question, query = target.partition("?")
    kept = [item for item in query.split("&") if item.partition("=")[0] != PARAMETER]
    return path + (question + "&".join(kept) if "".join(kept) else "")


def without_token_fields(headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
    """The fields of a request without the token: for what shows, keeps or passes them on."""
    cookies = headers.getall(hdrs.COOKIE, [])
    if HEADER not in headers and not any(PARAMETER in line for line in cookies):
        return headers
    kept = CIMultiDict(headers)
    kept.popall(HEADER, None)
    kept.popall(hdrs.COOKIE, None)
    for line in cookies:
        pairs = (pair.strip() for pair in line.split(";"))
        if left := "; ".join(pair for pair in pairs if not pair.startswith(PARAMETER)):
            kept.add(hdrs.COOKIE, left)
    return CIMultiDictProxy(kept)


def login_redirect(request: web.Request, expected: str) -> web.StreamResponse | None:
    """The answer to a person who opens the printed URL: a cookie, and the URL without the token.

    So the token stands in no address bar, no history and no Referer.
    """
    given = _from_query(request.raw_path)
    if given is None or request.method != hdrs.METH_GET or not token_matches(given, expected):
        return None
    if not wants_page(request.headers.get(hdrs.ACCEPT), request.headers.get("Sec-Fetch-Mode")):
        return None
    response = web.Response(status=303, headers={hdrs.CACHE_CONTROL: "no-store"})
    # A path that starts with // would name another host (RFC 3986, section 4.2).
    response.headers[hdrs.LOCATION] = "/" + without_token(request.raw_path).lstrip("/")
    response.set_cookie(
        _cookie_name(request), expected, httponly=True, samesite="Strict", secure=request.secure
    )
    return response


def _from_query(target: str) -> str | None:
    for item in target.partition("?")[2].split("&"):
        name, _, value = item.partition("=")
        if name == PARAMETER:
            return value
    return None


def _cookie_name(request: web.Request) -> str:
    """One name for each port: browsers share the cookies of a host between its ports."""
    sockname = request.transport.get_extra_info("sockname") if request.transport else None
    return _name_for(sockname[1]) if isinstance(sockname, tuple) else PARAMETER


def _name_for(port: int) -> str:
    return f"{PARAMETER}-{port}"
