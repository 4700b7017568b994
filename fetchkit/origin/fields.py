"""Which header fields a client may put into an answer of the origin, and why not. Pure.

The origin is the app's own origin: what a browser would keep for it, or what would take the sandbox away, is
refused unless `[origin] dangerous = true`.
"""

import re
from typing import Final

from fetchkit.errors import BadRequestError

__all__ = ["ADDED_ONLY", "KEPT", "SANDBOX", "check_field", "check_trailer"]

SANDBOX: Final = ("Content-Security-Policy", "sandbox")
# A second policy can only take away (CSP 3, section 8.1), so the first stays.
ADDED_ONLY: Final = frozenset({"content-security-policy"})
# Every answer carries it, so that nothing made up is run as a script of another type.
KEPT: Final = frozenset({"x-content-type-options"})
_DANGEROUS: Final = {
    "clear-site-data": "it would wipe the app's storage, which lives on this origin",
    "strict-transport-security": "it would turn http://localhost into https for every port",
    "alt-svc": "it would move this origin to another port",
    "service-worker-allowed": "it would let a made-up script rule the app's pages",
    "public-key-pins": "it would lock this origin out",
    "nel": "it would make the browser report about this origin",
    "report-to": "it would make the browser report about this origin",
    "reporting-endpoints": "it would make the browser report about this origin",
}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
# field-value (RFC 9110, section 5.5); of the lone surrogates only those that stand for a byte have one
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\ud7ff\udc80-\udcff\ue000-\U0010ffff]*")
# Our own cookie: who could set it could lock its user out.
_OWN_COOKIE: Final = re.compile(r"[ \t]*fetchkit-token", re.IGNORECASE)
# RFC 9110, section 6.5.1: fields that frame, route, modify the request, authenticate or describe the content.
_NO_TRAILER: Final = frozenset(
    {
        "authorization", "cache-control", "content-encoding", "content-length", "content-range",
        "content-type", "host", "max-forwards", "set-cookie", "te", "trailer", "transfer-encoding",
    }
)  # fmt: skip


def check_field(name: str, value: str, *, dangerous: bool) -> None:
    """Check a field that a client asks for.

    Raises:
        BadRequestError: it is no field, or not allowed here.
    """
    if not _TOKEN.fullmatch(name):
        raise BadRequestError(f"{name!a:.80} is no name of a header field.")
    if not _VALUE.fullmatch(value):
        raise BadRequestError(f"The value of {name} has characters that no header field can carry.")
    if dangerous:
        return
    if (why := _DANGEROUS.get(name.lower())) is not None:
        raise BadRequestError(f"{name} is refused: {why}.", "[origin] dangerous = true allows it.")
    if name.lower() == "set-cookie" and _OWN_COOKIE.match(value):
        raise BadRequestError("A cookie of that name is fetchkit's own.")


def check_trailer(name: str, value: str) -> None:
    """Check a trailer field.

    Raises:
        BadRequestError: it is no field, or may not be a trailer.
    """
    if name.lower() in _NO_TRAILER:
        raise BadRequestError(f"{name} may not be a trailer (RFC 9110, section 6.5.1).")
    check_field(name, value, dangerous=False)
