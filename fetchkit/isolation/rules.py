"""Which isolation, CORS and safety headers a response carries, by path and Origin.

A page may share memory between threads only when it is cross-origin isolated: its document
has `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`
or `credentialless` (HTML standard, section 7.1), and under `require-corp` everything that it
loads says `Cross-Origin-Resource-Policy` or passes CORS. Worker scripts need COEP of their own.
An error page or a redirect without these headers shows up in the browser as a second,
misleading error: so they go onto EVERY response.

The path decides by longest prefix, twice and apart: a zone (who may embed and read what lies
below a prefix) and an exception (other COOP and COEP values below a prefix).
"""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache

from attrs import field, frozen

from fetchkit.http.cors import CorsPolicy, Headers

__all__ = ["Coep", "Coop", "Corp", "HeaderPlan", "Headers", "IsolationException", "Mode", "Zone"]

# Browsers repeat one Origin; the bound is there for a client that makes them up.
MAX_REMEMBERED_ORIGINS = 256


class Mode(StrEnum):
    """How pages are isolated, as `--isolation` spells it."""

    REQUIRE_CORP = "require-corp"
    CREDENTIALLESS = "credentialless"
    OFF = "off"


class Coop(StrEnum):
    """Values of Cross-Origin-Opener-Policy (HTML standard, section 7.1.3)."""

    SAME_ORIGIN = "same-origin"
    SAME_ORIGIN_ALLOW_POPUPS = "same-origin-allow-popups"
    NOOPENER_ALLOW_POPUPS = "noopener-allow-popups"
    UNSAFE_NONE = "unsafe-none"


class Coep(StrEnum):
    """Values of Cross-Origin-Embedder-Policy (HTML standard, section 7.1.4)."""

    REQUIRE_CORP = "require-corp"
    CREDENTIALLESS = "credentialless"
    UNSAFE_NONE = "unsafe-none"


class Corp(StrEnum):
    """Values of Cross-Origin-Resource-Policy (Fetch standard, section 3.7)."""

    SAME_ORIGIN = "same-origin"
    SAME_SITE = "same-site"
    CROSS_ORIGIN = "cross-origin"


@frozen
class IsolationException:
    """Other opener and embedder policies for one part of the site, such as an OAuth pop-up.

    Attributes:
        path: path prefix that it holds for; whole segments, so `/login` is not `/login2`.
        coop: None keeps what the mode says.
        coep: None keeps what the mode says.
    """

    path: str
    coop: Coop | None = None
    coep: Coep | None = None


@frozen
class Zone:
    """Who may embed (CORP) and read (CORS) what lies below a path prefix."""

    prefix: str
    corp: Corp | None
    cors: CorsPolicy | None


@frozen
class HeaderPlan:
    """The one place that decides these headers; computed at start, asked for every response.

    Attributes:
        mode: isolation of pages.
        zones: prefixes with rules of their own; the one with the prefix `/` is the default.
        exceptions: prefixes with other COOP and COEP values.
        extra: fields that the user adds to every response (`--header`).
        everywhere: False leaves paths without a zone alone, for features in somebody else's application.
    """

    mode: Mode = Mode.REQUIRE_CORP
    zones: tuple[Zone, ...] = ()
    exceptions: tuple[IsolationException, ...] = ()
    extra: Headers = ()
    everywhere: bool = True
    _replaced: frozenset[str] = field(init=False, eq=False, repr=False)
    _zone_prefix: re.Pattern[str] = field(init=False, eq=False, repr=False)
    _exception_prefix: re.Pattern[str] = field(init=False, eq=False, repr=False)
    _remember: Callable[[tuple[str, str], str | None], Headers] = field(init=False, eq=False, repr=False)
    _remember_block: Callable[[tuple[str, str], str | None, bool], bytes] = field(
        init=False, eq=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_replaced", frozenset(name.lower() for name, _ in self.extra))
        zones, exceptions = (z.prefix for z in self.zones), (e.path for e in self.exceptions)
        object.__setattr__(self, "_zone_prefix", _longest_of(zones))
        object.__setattr__(self, "_exception_prefix", _longest_of(exceptions))
        object.__setattr__(self, "_remember", lru_cache(MAX_REMEMBERED_ORIGINS)(self._decide))
        object.__setattr__(self, "_remember_block", lru_cache(MAX_REMEMBERED_ORIGINS)(self._block))

    def headers(self, path: str, origin: str | None) -> Headers:
        """The fields for a response to a target as on the wire, asked from `origin`."""
        return self._remember(self._place(path), origin)

    @property
    def replaced(self) -> frozenset[str]:
        """Names, in lower case, that the user's own fields stand for; ours of that name are left out."""
        return self._replaced

    def block(self, path: str, origin: str | None, *, server: bool = True) -> bytes:
        """The same as lines of a response head, for what is written raw to a connection.

        `server=False` leaves out the field Server, for an answer that has its upstream's.
        """
        return self._remember_block(self._place(path), origin, server)

    def preflight_headers(self, path: str, origin: str | None, method: str, headers: str | None) -> Headers:
        """The fields for the answer to a preflight (Fetch standard, section 4.9).

        Args:
            path: as on the wire.
            origin: value of Origin.
            method: value of Access-Control-Request-Method.
            headers: value of Access-Control-Request-Headers.
        """
        zone = self._zone(self._place(path)[0])
        granted = zone.cors.preflight_headers(origin, method, headers) if zone and zone.cors else ()
        mine = {name for name, _ in granted}
        return (*(pair for pair in self.headers(path, origin) if pair[0] not in mine), *granted)

    def preflight_block(self, path: str, origin: str | None, method: str, headers: str | None) -> bytes:
        """The same as lines of a response head."""
        return _lines(self.preflight_headers(path, origin, method, headers))

    def _zone(self, prefix: str) -> Zone | None:
        return next((zone for zone in self.zones if zone.prefix == prefix), None)

    def _block(self, place: tuple[str, str], origin: str | None, server: bool) -> bytes:
        return _lines(p for p in self._remember(place, origin) if server or p[0].lower() != "server")

    def _place(self, path: str) -> tuple[str, str]:
        # What the parser refused, and targets that are no path, are of no place of their own.
        path = path if path.startswith("/") else "/"
        zone, exception = self._zone_prefix.match(path), self._exception_prefix.match(path)
        return zone[0] if zone else "", exception[0] if exception else ""

    def _decide(self, place: tuple[str, str], origin: str | None) -> Headers:
        prefix, exceptional = place
        exception = next((e for e in self.exceptions if e.path == exceptional), None)
        zone = self._zone(prefix)
        if zone is None and not self.everywhere:
            return ()
        decided = (
            *_isolation(self.mode, exception),
            ("X-Content-Type-Options", "nosniff"),  # Fetch standard, section 3.5
            *_sharing(zone, origin),
        )
        mine = self.replaced - {"vary"}  # an answer may vary by more
        return (*(pair for pair in decided if pair[0].lower() not in mine), *self.extra)


def _lines(pairs: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in pairs)


def _isolation(mode: Mode, exception: IsolationException | None) -> Headers:
    coop = Coop.SAME_ORIGIN if mode is not Mode.OFF else None
    coep = Coep(mode.value) if mode is not Mode.OFF else None
    if exception is not None:
        coop, coep = exception.coop or coop, exception.coep or coep
    named = (("Cross-Origin-Opener-Policy", coop), ("Cross-Origin-Embedder-Policy", coep))
    return tuple((name, value.value) for name, value in named if value is not None)


def _sharing(zone: Zone | None, origin: str | None) -> Headers:
    if zone is None:
        return ()
    corp: Headers = (("Cross-Origin-Resource-Policy", zone.corp.value),) if zone.corp else ()
    return corp + (zone.cors.response_headers(origin) if zone.cors else ())


def _longest_of(prefixes: Iterable[str]) -> re.Pattern[str]:
    """Finds the longest prefix that covers a target in whole segments, `/` covering everything."""
    longest_first = sorted(prefixes, key=len, reverse=True)
    covering = (re.escape(p) + ("" if p.endswith("/") else r"(?=[/?]|\Z)") for p in longest_first)
    return re.compile("|".join(covering) or "(?!)")  # else one that finds nothing
