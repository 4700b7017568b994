"""The one table of routes: from it come the origin's routes, its page, openapi.json and docs/origin.md."""

import re
from collections.abc import Iterator
from typing import Final

from fetchkit.origin import (
    auth,
    caching,
    codings,
    content,
    cookies,
    generated,
    inspect,
    redirects,
    script,
    seen,
    status,
    tus,
    uploads,
)
from fetchkit.origin.route import Route

__all__ = ["ROUTES", "grouped", "route_pattern", "shown_pattern"]

ROUTES: Final[tuple[Route, ...]] = (
    *generated.ROUTES,
    *uploads.ROUTES,
    *tus.ROUTES,
    *script.ROUTES,
    *seen.ROUTES,
    *redirects.ROUTES,
    *caching.ROUTES,
    *status.ROUTES,
    *inspect.ROUTES,
    *codings.ROUTES,
    *content.ROUTES,
    *cookies.ROUTES,
    *auth.ROUTES,
)
_BRACES: Final = re.compile(r"\{([a-z_]+)(:\.\*)?\}")


def grouped() -> Iterator[tuple[str, list[Route]]]:
    """The routes by their group, in the order of the table."""
    groups: dict[str, list[Route]] = {}
    for route in ROUTES:
        groups.setdefault(route.group, []).append(route)
    yield from groups.items()


def route_pattern(pattern: str) -> str:
    """A pattern as aiohttp's router takes it: braces and line ends too, which its own leaves out."""
    return _BRACES.sub(lambda found: f"{{{found[1]}:{'(?s:.*)' if found[2] else '[^/]+'}}}", pattern)


def shown_pattern(pattern: str) -> str:
    """A pattern as people read it: the names alone in the braces."""
    return _BRACES.sub(r"{\1}", pattern)
