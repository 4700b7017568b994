"""fetchkit for tests: a pytest plugin with a server, pages that run as programs, and a failing origin.

The fixtures are in `fetchkit.testing.plugin`, which pytest finds by itself; what they give is here.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.testing.origin import OriginClient, Request
    from fetchkit.testing.pages import PageResult, PageRunner

__all__ = ["OriginClient", "PageResult", "PageRunner", "Request"]

_HOMES = {"OriginClient": "origin", "PageResult": "pages", "PageRunner": "pages", "Request": "origin"}
__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
