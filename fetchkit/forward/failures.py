"""What a failure of the client means to the page: the status, the sentence, and the key that helps."""

import os
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from fetchkit.errors import BadGatewayError, ForbiddenError, GatewayTimeoutError, HttpError
from fetchkit.forward.limits import MAX_FIELD, MAX_FIELDS
from fetchkit.forward.rules import ForwardUrl
from fetchkit.net.dial import Asked

__all__ = ["HeadTimeoutError", "UploadTimeoutError", "failure"]

_LOG: Final = "The server's log may say why."
_SHORTER: Final = "The server must send a shorter head: no setting raises the limit."
_MENDED: Final = "The server must mend its answer: clients that read strictly refuse it, browsers among them."
_WITH_TLS: Final = {"http": "https", "ws": "wss"}
_WITHOUT_TLS: Final = {"https": "http", "wss": "ws"}


class HeadTimeoutError(aiohttp.SocketTimeoutError):
    """The head of an answer did not come in time.

    Attributes:
        limit: seconds that it had.
        began: whether some of it has come.
    """

    def __init__(self, limit: float, *, began: bool) -> None:
        super().__init__("no answer")
        self.limit = limit
        self.began = began


class UploadTimeoutError(aiohttp.SocketTimeoutError):
    """Upstream took nothing of the request's body for too long.

    Attributes:
        limit: seconds that it had.
    """

    def __init__(self, limit: float) -> None:
        super().__init__("the body was not taken")
        self.limit = limit


def failure(error: Exception, asked: Asked, url: ForwardUrl) -> HttpError:
    """What an exception of the client means to the page.

    A refused address is a 403 only where no allowed one was tried: else that one failed.
    """
    if asked.refusals and not asked.tried:
        return ForbiddenError(asked.refusals[0].reason, asked.refusals[0].hint)
    key = f'[forward.targets."{url.host}"]'
    return _of_the_time(error, url, key) or _of_the_connection(error, url, key) or _of_the_answer(error, url)


def _of_the_time(error: Exception, url: ForwardUrl, key: str) -> HttpError | None:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        detail, hint = (
            f"{url.authority} cannot be reached: no answer.",
            f"{key} connect-timeout is the limit.",
        )
        if url.scheme in ("https", "wss"):  # which of the two it was, the client does not tell
            detail = f"{url.authority} cannot be reached: no answer, or none to the TLS handshake."
            hint += f" Where the server speaks no TLS, ask for {_WITHOUT_TLS[url.scheme]}://."
        return GatewayTimeoutError(detail, hint)
    if isinstance(error, HeadTimeoutError):
        hint = f"{key} stall-timeout is the limit."
        if error.began:
            detail = f"{url.authority} did not finish its headers in {error.limit:g} s."
            return BadGatewayError(detail, hint)
        return GatewayTimeoutError(f"{url.authority} did not answer in {error.limit:g} s.", hint)
    if isinstance(error, UploadTimeoutError):
        detail = f"{url.authority} took nothing of the request's body for {error.limit:g} s."
        return GatewayTimeoutError(detail, f"{key} stall-timeout is the limit.")
    if isinstance(error, TimeoutError):
        detail = f"{url.authority} did not answer in time."
        return GatewayTimeoutError(detail, f"{key} stall-timeout is the limit.")
    return None


def _of_the_connection(error: Exception, url: ForwardUrl, key: str) -> HttpError | None:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return BadGatewayError(
                f"The certificate of {url.authority} is not trusted: {error.certificate_error}.",
                f"{key} ca names a CA to trust, verify = false trusts anything.",
            )
        case aiohttp.ClientConnectorDNSError():
            return BadGatewayError(f"The name {url.host} cannot be resolved.", "Is it spelled right?")
        case aiohttp.ClientConnectorSSLError():  # its errno is OpenSSL's: the system's words would be others
            return BadGatewayError(
                f"{url.authority} does not speak TLS as it should: {_tls_reason(error.os_error)}.",
                f"Where the server speaks no TLS, ask for {_WITHOUT_TLS.get(url.scheme, 'http')}://.",
            )
        case aiohttp.ClientProxyConnectionError():
            return BadGatewayError(
                f"The upstream proxy cannot be reached: {_reason(error.os_error)}.",
                f'{key} proxy = "none" does without; HTTP_PROXY and its kin name one.',
            )
        case aiohttp.ClientConnectorError():
            detail = f"{url.authority} cannot be reached: {_reason(error.os_error)}."
            return BadGatewayError(
                detail, "Does a server listen there? Start it, or mend the port in the URL."
            )
        case aiohttp.ClientOSError():
            detail = f"The connection to {url.authority} broke: {_reason(error)}."
            return BadGatewayError(detail, _scheme_hint(url))
        case aiohttp.ServerDisconnectedError():
            detail = f"{url.authority} closed the connection without an answer."
            return BadGatewayError(detail, _scheme_hint(url))
        case _:
            return None


def _of_the_answer(error: Exception, url: ForwardUrl) -> HttpError:
    message = error.message if isinstance(error, HttpProcessingError) else str(error)
    if message.startswith("Got more than"):  # the parser's words for LineTooLong, followed by the line
        detail = (
            f"{url.authority} answered with a header field or status line of more than {MAX_FIELD} bytes."
        )
        return BadGatewayError(detail, _SHORTER)
    if message.startswith("Too many headers"):
        detail = f"{url.authority} answered with more than {MAX_FIELDS} header fields."
        return BadGatewayError(detail, _SHORTER)
    if isinstance(error, HttpProcessingError):
        hint = _scheme_hint(url) if message.startswith("Bad status line") else _MENDED
        return BadGatewayError(f"{url.authority} answered what is not HTTP: {_first_line(message)}.", hint)
    return BadGatewayError(f"The request to {url.authority} failed: {_first_line(message)}.", _LOG)


def _scheme_hint(url: ForwardUrl) -> str:
    """For servers that answer nothing, or nothing that can be read: many speak the other protocol."""
    if url.scheme in _WITHOUT_TLS:
        return _LOG
    return f"{_LOG} Where the server speaks TLS, ask for {_WITH_TLS[url.scheme]}://."


def _reason(error: OSError) -> str:
    """In the system's words; asyncio's own name the call instead."""
    return os.strerror(error.errno) if error.errno else str(error)


def _tls_reason(error: OSError) -> str:
    """OpenSSL's words without their number: `wrong version number`."""
    return str(getattr(error, "reason", "") or error).replace("_", " ").lower()


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".: ")
