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
    where = url.authority
    key = f'[forward.targets."{url.host}"]'
    if asked.refusals and not asked.tried:
        return ForbiddenError(asked.refusals[0].reason, asked.refusals[0].hint)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return GatewayTimeoutError(
                f"{where} cannot be reached: no answer.", f"{key} connect-timeout is the limit."
            )
        case TimeoutError():
            return GatewayTimeoutError(
                f"{where} did not answer in time.", f"{key} stall-timeout is the limit."
            )
        case aiohttp.ClientConnectorCertificateError():
            return BadGatewayError(
                f"The certificate of {where} is not trusted: {error.certificate_error}.",
                f"{key} ca names a CA to trust, verify = false trusts anything.",
            )
        case aiohttp.ClientConnectorDNSError():
            return BadGatewayError(f"The name {url.host} cannot be resolved.", "Is it spelled right?")
        case aiohttp.ClientConnectorError() | aiohttp.ClientProxyConnectionError():
            return BadGatewayError(f"{where} cannot be reached: {_reason(error.os_error)}.")
        case aiohttp.ServerDisconnectedError():
            return BadGatewayError(f"{where} closed the connection without an answer.")
        case HttpProcessingError():
            return BadGatewayError(f"{where} answered what is not HTTP: {_first_line(error.message)}.")
        case aiohttp.ClientOSError():
            return BadGatewayError(f"The connection to {where} broke: {_reason(error)}.")
        case _:
            return BadGatewayError(f"The request to {where} failed: {_first_line(str(error))}.")


def _reason(error: OSError) -> str:
    """In the system's words; asyncio's own name the call instead."""
    return os.strerror(error.errno) if error.errno else str(error)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".: ")
