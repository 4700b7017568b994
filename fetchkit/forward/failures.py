"""What a failure of the client means to the page: the status, the sentence, and the key that helps."""

import os

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from fetchkit.errors import BadGatewayError, ForbiddenError, GatewayTimeoutError, HttpError
from fetchkit.forward.rules import ForwardUrl
from fetchkit.net.dial import Asked

__all__ = ["failure"]


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
        detail = f"{url.authority} cannot be reached: no answer."
        return GatewayTimeoutError(detail, f"{key} connect-timeout is the limit.")
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
        case aiohttp.ClientConnectorError():
            return BadGatewayError(f"{url.authority} cannot be reached: {_reason(error.os_error)}.")
        case aiohttp.ClientOSError():
            return BadGatewayError(f"The connection to {url.authority} broke: {_reason(error)}.")
        case aiohttp.ServerDisconnectedError():
            return BadGatewayError(f"{url.authority} closed the connection without an answer.")
        case _:
            return None


def _of_the_answer(error: Exception, url: ForwardUrl) -> HttpError:
    message = error.message if isinstance(error, HttpProcessingError) else str(error)
    if message.startswith("Got more than"):  # the parser's words for LineTooLong, followed by the line
        return BadGatewayError(
            f"{url.authority} answered with a header field or status line that is too long."
        )
    if isinstance(error, HttpProcessingError):
        return BadGatewayError(f"{url.authority} answered what is not HTTP: {_first_line(message)}.")
    return BadGatewayError(f"The request to {url.authority} failed: {_first_line(message)}.")


def _reason(error: OSError) -> str:
    """In the system's words; asyncio's own name the call instead."""
    return os.strerror(error.errno) if error.errno else str(error)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".: ")
