"""Cookies: an upstream server's Set-Cookie made fit for the page, and which cookies go back to it.

All upstream servers share the page's one host, so a cookie is bound to its server by its path, and by its
name: only what a server has set goes back to it. The cookie that holds the access token is nobody's business.
"""

import re
from collections.abc import Collection, Iterable
from http.cookiejar import http2time  # type: ignore[attr-defined]  # no stub
from typing import Final

from fetchkit.forward.rules import RESERVED_NAME
from fetchkit.http.dates import parse_http_date

__all__ = ["pick_cookies", "rewrite_set_cookie", "with_new"]

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# RFC 6265bis, section 4.1.3: a browser refuses these names where Path is not "/" or Secure is missing, which
# is so for a page's path of the forward, and on plain HTTP. `__Host-Http-` begins like the first.
_PREFIXES: Final = ("__host-", "__secure-", "__http-")
_DISGUISE: Final = "fetchkit"
_REPLACED: Final = frozenset({"domain", "path"})
_SECURE_ONLY: Final = frozenset({"secure", "partitioned"})
_SECONDS = re.compile(r"-?[0-9]+")  # RFC 6265, section 5.2.2: anything else is no Max-Age


def rewrite_set_cookie(
    line: str, *, prefix_path: str, secure: bool, base_path: str = "/"
) -> tuple[str, str] | None:
    """Rewrite the value of a Set-Cookie for the page.

    Domain is dropped, so that the cookie belongs to this server's host alone, and Path is put below the path
    under which the page reaches the upstream server. The rest stays, in its order.

    Args:
        line: the value of Set-Cookie.
        prefix_path: the page's path for the upstream server, as `/forward/https://api.example/` or `/api`.
        secure: the page came by HTTPS. Otherwise the browser would refuse Secure, Partitioned and
            SameSite=None; they are taken off, and None becomes Lax, which is enough for pages of this host.
        base_path: the upstream path that `prefix_path` stands for; `/v1` for the route `/api=https://x/v1`.

    Returns:
        The cookie's name upstream, and the new value. None: it is malformed or has no name, it would set the
        access token, or its path is beside `base_path`, so that it could never be sent back.
    """
    pair, *attributes = (part.strip(" \t") for part in line.split(";"))
    name, equals, value = (part.strip(" \t") for part in pair.partition("="))
    # RFC 6265bis, "The Set-Cookie Header Field": control characters void the whole field.
    if _CONTROLS.search(line) or not equals or not _may_travel(name):
        return None
    path = _page_path(_last_path(attributes), prefix_path, base_path)
    if path is None:
        return None
    kept = [mended for attribute in attributes if (mended := _mend(attribute, secure=secure))]
    return name, "; ".join([f"{_page_name(name)}={value}", *kept, f"Path={path}"])


def pick_cookies(header: str | None, names: Collection[str]) -> str:
    """Pick from a page's Cookie the ones that the upstream server has set, under the names it gave them.

    Args:
        header: the value of Cookie, or None where there is none.
        names: as `rewrite_set_cookie` returned them.

    Returns:
        The value of Cookie for the upstream server, in the same order; empty where nothing is left.
    """
    wanted = {_page_name(name): name for name in names if _may_travel(name)}
    pairs = (pair.partition("=") for pair in (header or "").split(";"))
    # A pair without "=" is the value of a cookie that has no name (RFC 6265bis).
    found = ((wanted.get(name.strip(" \t")), value.strip(" \t")) for name, equals, value in pairs if equals)
    return "; ".join(f"{name}={value}" for name, value in found if name)


def with_new(page: str | None, lines: Iterable[str], path: str, now: float) -> str | None:
    """The page's Cookie as its browser would send it to the same server, once it has these cookies.

    Args:
        page: the value of Cookie as it came, None for none.
        lines: values of Set-Cookie as upstream sent them.
        path: of the URL that is asked for next; a cookie for another one changes nothing there.
        now: seconds since the epoch.
    """
    kept = [pair for pair in (page or "").split("; ") if pair]
    for line in lines:
        pair, *attributes = (part.strip(" \t") for part in line.split(";"))
        name, equals, value = (part.strip(" \t") for part in pair.partition("="))
        if _CONTROLS.search(line) or not equals or not _may_travel(name):
            continue
        if not _covers(_last_path(attributes), path):
            continue
        name = _page_name(name)
        kept = [known for known in kept if known.partition("=")[0].strip(" \t") != name]
        if not _is_over(attributes, now):
            kept.append(f"{name}={value}")
    return "; ".join(kept) or None


def _is_over(attributes: list[str], now: float) -> bool:
    """Whether a Set-Cookie deletes; Max-Age wins over Expires (RFC 6265, section 5.3, step 3)."""
    ages, dates = _values(attributes, "max-age"), _values(attributes, "expires")
    ages = [age for age in ages if _SECONDS.fullmatch(age)]
    if ages:
        return int(ages[-1][:20]) <= 0
    ends = [end for end in map(_date, dates) if end is not None]
    return bool(ends) and ends[-1] <= now


def _date(text: str) -> float | None:
    """An HTTP date, or one of those that Netscape began with: `Thu, 01-Jan-1970 00:00:00 GMT`."""
    seconds = parse_http_date(text)
    return http2time(text) if seconds is None else seconds


def _may_travel(name: str) -> bool:
    return bool(name) and not name.lower().startswith(RESERVED_NAME)


def _page_name(name: str) -> str:
    """Give the name under which the browser keeps it: one that promises nothing about the attributes."""
    return _DISGUISE + name if name.lower().startswith(_PREFIXES) else name


def _mend(attribute: str, *, secure: bool) -> str:
    """Return an attribute as it is for the page; empty where it is left out."""
    name, _, value = (part.strip(" \t").lower() for part in attribute.partition("="))
    if name in _REPLACED or (not secure and name in _SECURE_ONLY):
        return ""
    return "SameSite=Lax" if not secure and (name, value) == ("samesite", "none") else attribute


def _last_path(attributes: list[str]) -> str:
    """Return the upstream path; the last attribute counts (RFC 6265, section 5.3, step 7).

    Without one that begins with `/` (section 5.2.4) it is the whole server: the default, the folder of the
    request, is the browser's to find, and it does not know what was asked after a redirect.
    """
    paths = _values(attributes, "path")
    return paths[-1] if paths and paths[-1].startswith("/") else "/"


def _values(attributes: list[str], wanted: str) -> list[str]:
    pairs = [[part.strip(" \t") for part in attribute.partition("=")] for attribute in attributes]
    return [value for name, _, value in pairs if name.lower() == wanted]


def _page_path(path: str, prefix: str, base: str) -> str | None:
    """Translate an upstream path; None where nothing below `base` matches it (RFC 6265, section 5.1.4)."""
    if _covers(path, base):
        return prefix
    if _covers(base, path):
        return prefix.removesuffix("/") + path[len(base.removesuffix("/")) :]
    return None


def _covers(path: str, other: str) -> bool:
    """Whether a cookie with the path `path` goes to `other` (path-match, RFC 6265, section 5.1.4)."""
    return path == other or other.startswith(path if path.endswith("/") else f"{path}/")
