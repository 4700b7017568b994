"""Cookies of targets that opted in: kept here (`jar`), or handed to the page (`rewrite`)."""

from collections import defaultdict
from typing import Final

import aiohttp
from aiohttp import hdrs
from attrs import evolve, field, frozen, mutable
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from fetchkit.forward.cookies import pick_cookies, rewrite_set_cookie
from fetchkit.forward.rules import ForwardUrl
from fetchkit.forward.servers import address
from fetchkit.forward.settings import Cookies, Target
from fetchkit.http.dates import parse_http_date

__all__ = ["KeptCookies", "PagePlace"]

# Browsers keep 180 cookies of a site (Chromium, kDomainMaxCookies).
MAX_NAMES: Final = 180
# Stands for a quote inside the jar: quotes are part of the value (RFC 6265, section 5.2), and aiohttp's jar
# takes them off. A private character, which no server means.
_QUOTE: Final = "\ue022"


@frozen
class PagePlace:
    """Where the page sees a target.

    Attributes:
        path: the page's path for it.
        base_path: the target's path that this stands for.
        secure: the page came over TLS.
    """

    path: str
    base_path: str
    secure: bool


@mutable
class KeptCookies:
    """A jar for all targets, and the names of the cookies that each target gave to the page.

    The page's browser sends every cookie of our origin, those of other targets and other programs
    on this host too; only what a target itself has set goes back to it.
    """

    _jar: aiohttp.CookieJar | None = field(default=None, init=False)
    _names: defaultdict[str, dict[str, None]] = field(factory=lambda: defaultdict(dict), init=False)

    def add(self, headers: CIMultiDict[str], url: ForwardUrl, target: Target, page: str | None) -> None:
        """Add the field Cookie for a request, where there is something to send."""
        line = ""
        if target.cookies is Cookies.JAR:
            found = self.jar.filter_cookies(_place(url))
            line = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in found.items())
            line = line.replace(_QUOTE, '"')
        elif target.cookies is Cookies.REWRITE:
            line = pick_cookies(page, self._names[str(url.origin)])
        if line:
            headers[hdrs.COOKIE] = line

    def keep(
        self, headers: CIMultiDictProxy[str], url: ForwardUrl, target: Target, place: PagePlace
    ) -> list[str]:
        """Take the cookies of an answer; returns the values of Set-Cookie for the page."""
        lines = headers.getall(hdrs.SET_COOKIE, [])
        if not lines:
            return []
        if target.cookies is Cookies.JAR:
            self.jar.update_cookies_from_headers([_ended(_unquoted(line)) for line in lines], _place(url))
            return []
        names, rewritten = self._names[str(url.origin)], []
        for line in lines:
            mended = rewrite_set_cookie(
                line, prefix_path=place.path, base_path=place.base_path, secure=place.secure
            )
            if mended is not None:
                name, value = mended
                names[name] = None
                rewritten.append(value)
        while len(names) > MAX_NAMES:
            del names[next(iter(names))]
        return rewritten

    @property
    def jar(self) -> aiohttp.CookieJar:
        """The jar, made on the first use inside the running loop; `unsafe` takes cookies of addresses too."""
        if self._jar is None:
            self._jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        return self._jar


def _place(url: ForwardUrl) -> URL:
    """Where a cookie belongs: without the query, which `address` has in the path."""
    return address(evolve(url, target=url.target.partition("?")[0]))


def _unquoted(line: str) -> str:
    pair, semicolon, attributes = line.partition(";")
    return pair.replace('"', _QUOTE) + semicolon + attributes


def _ended(line: str) -> str:
    """A cookie that expires at the epoch, said otherwise: aiohttp's jar takes a time of 0 for none."""
    for attribute in line.split(";")[1:]:
        name, _, value = attribute.partition("=")
        if name.strip().lower() == "expires" and parse_http_date(value.strip()) == 0:
            return f"{line}; Max-Age=0"
    return line
