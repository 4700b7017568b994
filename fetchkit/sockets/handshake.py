"""The opening handshake: what is asked, and the head that accepts it (RFC 6455, section 4.2). Pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen
from multidict import CIMultiDictProxy

from fetchkit.errors import BadRequestError, UpgradeRequiredError

__all__ = ["Handshake", "accept_head", "parse_handshake", "pick_protocol"]

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = "13"
_NONCE_BYTES: Final = 16
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
# Emscripten's clients offer two; more are somebody trying.
MAX_PROTOCOLS: Final = 32


@frozen
class Handshake:
    """What a client asks for.

    Attributes:
        accept: value of Sec-WebSocket-Accept that answers it.
        protocols: subprotocols in the client's order; empty for none offered.
    """

    accept: str
    protocols: tuple[str, ...]


def parse_handshake(method: str, headers: CIMultiDictProxy[str]) -> Handshake:
    """Judge a handshake.

    Raises:
        BadRequestError: it is none.
        UpgradeRequiredError: it is of another version than 13.
    """
    if method != "GET":
        raise BadRequestError("A WebSocket begins with GET.")
    if "upgrade" not in _members(headers.getall("Connection", ())):
        raise BadRequestError(
            "The handshake lacks Connection: Upgrade.", "Is a proxy between the page and fetchkit?"
        )
    if headers.get("Sec-WebSocket-Version") != _VERSION:
        raise UpgradeRequiredError(
            "Only version 13 of WebSocket is spoken here.",
            "Use a client that follows RFC 6455.",
            {"Sec-WebSocket-Version": _VERSION},
        )
    return Handshake(_accept(headers.get("Sec-WebSocket-Key", "")), _protocols(headers))


def pick_protocol(offered: Iterable[str], preferred: Iterable[str] = ()) -> str | None:
    """A preferred subprotocol if it is offered, else the first offered, None if none is.

    Chromium fails a connection when a subprotocol was offered and none is chosen.
    """
    known = tuple(offered)
    wanted = (name for name in preferred if name in known)
    return next(wanted, known[0] if known else None)


def accept_head(handshake: Handshake, protocol: str | None, shared: bytes) -> bytes:
    """The head that accepts a handshake.

    Args:
        handshake: what was asked.
        protocol: the chosen subprotocol.
        shared: lines that every response has.
    """
    chosen = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol is not None else ""
    lines = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {handshake.accept}\r\n{chosen}"
    )
    return lines.encode("ascii") + shared + b"\r\n"


def _accept(key: str) -> str:
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != _NONCE_BYTES:
        raise BadRequestError("Sec-WebSocket-Key must be 16 bytes in base64.")
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def _protocols(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    offered = [name for line in headers.getall("Sec-WebSocket-Protocol", ()) for name in line.split(",")]
    names = tuple(name.strip(" \t") for name in offered if name.strip(" \t"))
    if len(names) > MAX_PROTOCOLS or not all(map(_TOKEN.fullmatch, names)):
        raise BadRequestError("Sec-WebSocket-Protocol must be a list of a few names.")
    return names


def _members(lines: Iterable[str]) -> set[str]:
    return {member.strip(" \t").lower() for line in lines for member in line.split(",")}
