"""What the parameters of an echo ask for. Pure.

All of them may be left out: then it mirrors messages and the close. What is not known is ignored, so that
a program may put a query of its own behind the path.
"""

import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen
from multidict import MultiMapping

from fetchkit.errors import BadRequestError
from fetchkit.http.quantities import parse_count, parse_seconds, parse_size
from fetchkit.sockets.frames import MAX_CONTROL, is_sendable
from fetchkit.sockets.handshake import pick_protocol

__all__ = ["MAX_MESSAGE", "Rules", "parse_rules"]

# /posix has the same; the ws package for Node, in which such servers are written, has 100 MiB.
MAX_MESSAGE: Final = 64 * 1024**2
# Nothing larger is held, so any limit would do; the test origin makes bodies of that size.
_MOST: Final = 1024**4
# A browser gives a connection up after some minutes of silence; httpbin delays 10 s at most.
_LONGEST: Final = 60.0
# A frame is put together before it leaves.
_LARGEST_FRAME: Final = 1024**2
_MOST_MESSAGES: Final = 10**9
# More often is a flood.
_SHORTEST_PING: Final = 0.01
_NONE: Final = "none"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2


@frozen
class Rules:
    """How an echo behaves.

    Attributes:
        delay: seconds before each echo.
        close_after: echoes after which it closes; None for never.
        close_code: with which code; None for a close frame without one, which a page sees as 1005.
        reason: and with which reason.
        drop_after: echoes after which it resets the connection; None for never.
        max_message: bytes of a message; a larger one is answered with 1009.
        subprotocol: the one that is chosen, offered or not; empty for none, None for the first offered.
        fragment: bytes of each frame; 0 leaves messages in the pieces in which they come.
        say: a text that is sent first; None for nothing.
        reject: HTTP status with which the handshake is refused; 0 for not.
        ping: seconds between pings, beside those that every connection has; 0 for none.
    """

    delay: float = 0.0
    close_after: int | None = None
    close_code: int | None = 1000
    reason: str = ""
    drop_after: int | None = None
    max_message: int = MAX_MESSAGE
    subprotocol: str | None = None
    fragment: int = 0
    say: str | None = None
    reject: int = 0
    ping: float = 0.0

    def choose(self, offered: Sequence[str]) -> str | None:
        """The subprotocol that answers a handshake."""
        if self.subprotocol is None:
            return pick_protocol(offered)
        return self.subprotocol or None


def parse_rules(query: MultiMapping[str]) -> Rules:
    """Read the query of an echo's URL; of a parameter that comes twice the first counts.

    Raises:
        BadRequestError: a value that cannot be; nothing is guessed.
    """
    close_code = _close_code(query.get("close_code", "1000"))
    reason = _reason(query.get("reason", ""), close_code)
    if "close_after" not in query and ("close_code" in query or "reason" in query):
        raise BadRequestError(
            "close_code and reason say how the echo closes, but not when.",
            "Add close_after=N; the page's own close is answered with the page's code.",
        )
    return Rules(
        delay=parse_seconds(query.get("delay", "0"), _LONGEST, "delay"),
        close_after=_messages(query, "close_after"),
        close_code=close_code,
        reason=reason,
        drop_after=_messages(query, "drop_after"),
        max_message=parse_size(query["max"], _MOST, "max") if "max" in query else MAX_MESSAGE,
        subprotocol=_subprotocol(query.get("subprotocol")),
        fragment=_fragment(query.get("fragment")),
        say=query.get("say"),
        reject=parse_count(query["reject"], 400, 599, "reject") if "reject" in query else 0,
        ping=_ping(query.get("ping")),
    )


def _messages(query: MultiMapping[str], name: str) -> int | None:
    return parse_count(query[name], 0, _MOST_MESSAGES, name) if name in query else None


def _close_code(text: str) -> int | None:
    if text == _NONE:
        return None
    code = parse_count(text, 0, 65535, "close_code")
    if not is_sendable(code):
        raise BadRequestError(
            f"close_code: {code} may not stand in a close frame (RFC 6455, section 7.4).",
            "1000 to 1014 without 1004 to 1006, and 3000 to 4999 may; none sends a frame without a code "
            "(1005), drop_after=N resets the connection (1006).",
        )
    return code


def _reason(text: str, code: int | None) -> str:
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_CONTROL - 2:
        raise BadRequestError(f"reason: {size} bytes do not fit; a close frame holds {MAX_CONTROL - 2}.")
    if text and code is None:
        raise BadRequestError("reason: a close frame without a code has no reason either.")
    return text


def _subprotocol(text: str | None) -> str | None:
    if text is None:
        return None
    if not _TOKEN.fullmatch(text):
        raise BadRequestError(f"subprotocol: {text!a:.80} is no name.", "none chooses none.")
    return "" if text == _NONE else text


def _fragment(text: str | None) -> int:
    if text is None:
        return 0
    size = parse_size(text, _LARGEST_FRAME, "fragment")
    if not size:
        raise BadRequestError("fragment: a frame has one byte at least.")
    return size


def _ping(text: str | None) -> float:
    if text is None:
        return 0.0
    seconds = parse_seconds(text, _LONGEST, "ping")
    if seconds < _SHORTEST_PING:
        raise BadRequestError(f"ping: {text.strip()} is too often; 10ms is the least.")
    return seconds
