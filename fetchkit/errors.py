"""Every error that fetchkit raises on purpose.

FetchkitError
├── ConfigError            a setting that cannot be used (ends the program with exit code 2)
├── ListenError            an address or port that cannot be listened on (exit code 1)
├── BrowserError           a browser that is not there, or does not start (`run`: exit code 125)
├── PageError              a page that cannot be run (`run`: exit code 125)
└── HttpError              a request that cannot be served; knows its status, close code and hint
    ├── BadRequestError          400
    ├── ForbiddenError           403  who asks may not
    ├── NotFoundError            404
    ├── MethodNotAllowedError    405
    ├── PayloadTooLargeError     413
    ├── ExpectationFailedError   417
    ├── TargetTooLongError       414
    ├── RangeNotSatisfiableError 416
    ├── MisdirectedRequestError  421  the Host is not one of ours (DNS rebinding)
    ├── UpgradeRequiredError     426
    ├── PreconditionFailedError  412
    ├── HeadersTooLargeError     431
    ├── ServerError              500
    ├── NotOfferedError          501
    ├── BadGatewayError          502  the upstream failed, or may not be followed
    ├── UnavailableError         503
    ├── GatewayTimeoutError      504  the upstream did not answer in time
    └── LoopError                508  the request came here before
"""

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "BadGatewayError",
    "BadRequestError",
    "BrowserError",
    "ConfigError",
    "ExpectationFailedError",
    "FetchkitError",
    "ForbiddenError",
    "GatewayTimeoutError",
    "HeadersTooLargeError",
    "HttpError",
    "ListenError",
    "LoopError",
    "MethodNotAllowedError",
    "MisdirectedRequestError",
    "NotFoundError",
    "NotOfferedError",
    "PageError",
    "PayloadTooLargeError",
    "PreconditionFailedError",
    "RangeNotSatisfiableError",
    "ServerError",
    "TargetTooLongError",
    "UnavailableError",
    "UpgradeRequiredError",
]


class FetchkitError(Exception):
    """Base of every error that fetchkit raises on purpose; its text is a sentence for people."""


class ConfigError(FetchkitError):
    """A setting that cannot be used; the text says what to do."""


class ListenError(FetchkitError):
    """An address or a port that cannot be listened on."""


class BrowserError(FetchkitError):
    """A browser that is not there, does not start, or ended by itself; the text has its last lines."""


class PageError(FetchkitError):
    """A page that cannot be run: it is missing, or no page."""


class HttpError(FetchkitError):
    """A request that cannot be served.

    Attributes:
        status: HTTP status code of the answer.
        close_code: WebSocket close code (RFC 6455, section 7.4) where the handshake is already done.
        title: the kind of problem in a few words, the same for every occurrence (RFC 9457).
        detail: what was wrong with this request.
        hint: what to change, as the flag or the header that does it; empty where nothing helps.
        headers: header fields that the answer must carry besides, such as `Allow`.
    """

    status: ClassVar[int] = 500
    close_code: ClassVar[int] = 1011
    title: ClassVar[str] = "Server error"

    def __init__(self, detail: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.headers: Mapping[str, str] = headers or {}


class BadRequestError(HttpError):
    """The request does not follow HTTP (RFC 9110, section 15.5.1)."""

    status = 400
    close_code = 1002
    title = "Bad request"


class ForbiddenError(HttpError):
    """Who asks may not (RFC 9110, section 15.5.4)."""

    status = 403
    close_code = 1008
    title = "Not allowed"


class NotFoundError(HttpError):
    """There is nothing at this path (RFC 9110, section 15.5.5)."""

    status = 404
    close_code = 1008
    title = "Not found"


class MethodNotAllowedError(HttpError):
    """The method does not fit the target (RFC 9110, section 15.5.6)."""

    status = 405
    close_code = 1002
    title = "Method not allowed"

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(f"{method} is not allowed here.", f"Allowed: {allow}.", {"Allow": allow})


class PreconditionFailedError(HttpError):
    """A precondition of the request is false (RFC 9110, section 15.5.13)."""

    status = 412
    title = "Precondition failed"


class PayloadTooLargeError(HttpError):
    """The body of the request is longer than the limit (RFC 9110, section 15.5.14)."""

    status = 413
    close_code = 1009
    title = "Body too large"


class TargetTooLongError(HttpError):
    """The request target is longer than the limit (RFC 9110, section 15.5.15)."""

    status = 414
    close_code = 1009
    title = "Target too long"


class RangeNotSatisfiableError(HttpError):
    """No range of the request overlaps the representation (RFC 9110, section 15.5.17)."""

    status = 416
    title = "Range not satisfiable"


class ExpectationFailedError(HttpError):
    """An expectation other than 100-continue (RFC 9110, section 15.5.18)."""

    status = 417
    title = "Expectation failed"


class MisdirectedRequestError(HttpError):
    """The Host is not one of this server's names (RFC 9110, section 15.5.20)."""

    status = 421
    close_code = 1008
    title = "Unknown host"


class UpgradeRequiredError(HttpError):
    """This route speaks WebSocket only (RFC 9110, section 15.5.22)."""

    status = 426
    title = "WebSocket only"


class HeadersTooLargeError(HttpError):
    """A header field, or all of them, are longer than the limit (RFC 6585, section 5)."""

    status = 431
    close_code = 1009
    title = "Header fields too large"


class ServerError(HttpError):
    """Something failed here that should not have (RFC 9110, section 15.6.1)."""


class NotOfferedError(HttpError):
    """This server does not offer what the request asks for (RFC 9110, section 15.6.2)."""

    status = 501
    title = "Not offered"


class UnavailableError(HttpError):
    """Not now, but soon (RFC 9110, section 15.6.4)."""

    status = 503
    close_code = 1013
    title = "Not available now"


class BadGatewayError(HttpError):
    """The upstream server failed, or answered what cannot be passed on (RFC 9110, section 15.6.3)."""

    status = 502
    close_code = 1014
    title = "Upstream failed"


class GatewayTimeoutError(HttpError):
    """The upstream server did not answer in time (RFC 9110, section 15.6.5)."""

    status = 504
    close_code = 1014
    title = "Upstream too slow"


class LoopError(HttpError):
    """The request has passed this server before (RFC 5842, section 7.2)."""

    status = 508
    close_code = 1008
    title = "Loop"
