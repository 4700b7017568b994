"""CORS: which headers let a page of another origin read an answer (Fetch standard, "CORS protocol").

Credentials are never allowed: nothing here writes Access-Control-Allow-Credentials.
"""

import re
from collections.abc import Callable

from attrs import frozen

__all__ = ["CorsPolicy", "Headers"]

Headers = tuple[tuple[str, str], ...]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


@frozen
class CorsPolicy:
    """Who may read the answers of a route from another origin, and what of them.

    Attributes:
        any_origin: everybody may; `allows` is not asked.
        allows: whether an origin may, as its page writes it: `https://example.com`, `null`.
        exposed: response headers that scripts may read beside the safelisted ones; `*` for all.
        methods: methods that may be used beside GET, HEAD and POST; `*` for all.
        headers: request headers that may be sent, `*` for all but Authorization; None for those that the
            preflight asks for.
        max_age: seconds for which a preflight's answer may be kept; Chromium keeps it for 7200 at most.
    """

    any_origin: bool
    allows: Callable[[str], bool]
    exposed: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] | None
    max_age: int

    def response_headers(self, origin: str | None) -> Headers:
        """The headers of every answer but a preflight's; `origin` is the Origin field, None where absent."""
        return self._answer(origin, (("Access-Control-Expose-Headers", ", ".join(self.exposed)),))

    def preflight_headers(
        self, origin: str | None, request_method: str | None, request_headers: str | None
    ) -> Headers:
        """The headers of the answer to an OPTIONS request.

        Args:
            origin: the Origin field, None where absent.
            request_method: Access-Control-Request-Method; without it this is no preflight, and the answer
                an ordinary one.
            request_headers: Access-Control-Request-Headers, a list of names; what is no token is left out.
        """
        if request_method is None:
            return self.response_headers(origin)
        headers = _tokens(request_headers or "") if self.headers is None else self.headers
        # No Vary for the requested headers: answers to OPTIONS are not cacheable (RFC 9110, section 9.3.7).
        return self._answer(
            origin,
            (
                ("Access-Control-Allow-Methods", ", ".join(self.methods)),
                ("Access-Control-Allow-Headers", ", ".join(headers)),
                ("Access-Control-Max-Age", str(self.max_age)),
            ),
        )

    def _answer(self, origin: str | None, granted: Headers) -> Headers:
        granted = tuple((name, value) for name, value in granted if value)
        if self.any_origin:
            return (("Access-Control-Allow-Origin", "*"), *granted)
        # Always, for a cache that kept the answer to one origin would give it to another (Fetch standard,
        # "CORS protocol and HTTP caches").
        vary = ("Vary", "Origin")
        if origin is None or not self.allows(origin):
            return (vary,)
        return (("Access-Control-Allow-Origin", origin), vary, *granted)


def _tokens(value: str) -> tuple[str, ...]:
    members = (member.strip(" \t") for member in value.split(","))
    return tuple(member for member in members if _TOKEN.fullmatch(member))
