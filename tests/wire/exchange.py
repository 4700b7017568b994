"""Plays a scenario: straight at its origin, or through the forward of a server."""

import asyncio
import contextlib

from aiohttp import hdrs
from attrs import frozen
from multidict import istr

from fetchkit import Server

from .client import DEADLINE, Client, Outcome
from .framing import End, Fields
from .origin import Origin, Request
from .scenarios import GAP, Scenario

__all__ = [
    "HTTP_11",
    "TARGET",
    "Exchange",
    "Flavour",
    "direct",
    "forward_path",
    "forwarded",
    "request_head",
    "respelled",
]

# As on the wire: doubled slashes, escapes and characters that others would mend.
TARGET = "/a//b%2Fc/%C3%A9;x={y}|z?q=1&q=%20+"


@frozen
class Flavour:
    """How a client speaks.

    Attributes:
        version: of HTTP.
        lines: field lines that it adds.
        behind: a request that it sends at once behind the first.
    """

    name: str
    version: str = "HTTP/1.1"
    lines: tuple[str, ...] = ()
    behind: bytes = b""


HTTP_11 = Flavour("HTTP/1.1")


@frozen
class Exchange:
    """What a scenario came to.

    Attributes:
        outcome: of its response.
        requests: what the origin was sent.
        follows: the response to the request behind, when the first was complete.
        rest: what came behind a broken response.
    """

    outcome: Outcome
    requests: tuple[Request, ...] = ()
    follows: Outcome | None = None
    rest: bytes = b""


async def direct(scenario: Scenario) -> Exchange:
    """Play it without a forward; a stall is one when the client loses patience."""
    async with Origin((scenario.steps,), scenario.listens) as origin:
        patience = 3 * GAP if scenario.end is End.STALLED else DEADLINE
        return await _play(scenario, origin, origin.port, TARGET, HTTP_11, patience)


async def forwarded(server: Server, scenario: Scenario, flavour: Flavour = HTTP_11) -> Exchange:
    """Play it through the forward of a server."""
    async with Origin((scenario.steps,), scenario.listens) as origin:
        return await _play(scenario, origin, server.port, forward_path(origin), flavour, DEADLINE)


def forward_path(origin: Origin, target: str = TARGET) -> str:
    """The target that asks the forward for something of this origin."""
    return f"/forward/http://127.0.0.1:{origin.port}{target}"


def request_head(method: str, target: str, *lines: str, version: str = "HTTP/1.1") -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {target} {version}", "Host: 127.0.0.1", *lines, "", ""]).encode("latin-1")


# aiohttp spells the fields that it knows in its own way; HTTP takes no notice (RFC 9110, section 5.1).
_KNOWN = {str(name).lower().encode() for name in vars(hdrs).values() if isinstance(name, istr)}


def respelled(fields: Fields) -> Fields:
    """Fields that compare equal where only aiohttp's spelling of a name differs."""
    return tuple((name.lower() if name.lower() in _KNOWN else name, value) for name, value in fields)


async def _play(
    scenario: Scenario, origin: Origin, port: int, target: str, flavour: Flavour, patience: float
) -> Exchange:
    try:
        client = await Client.connect(port, patience, origin.delivered)
    except ConnectionRefusedError:
        return Exchange(Outcome(End.REFUSED))
    lines = (*scenario.lines, *flavour.lines)
    head = request_head(scenario.method, target, *lines, version=flavour.version)
    sending = asyncio.create_task(client.send(head, *scenario.upload, flavour.behind, gap=scenario.gap))
    try:
        return await _answers(client, scenario.method, origin, ask_again=bool(flavour.behind))
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        client.close()


async def _answers(client: Client, method: str, origin: Origin, *, ask_again: bool) -> Exchange:
    outcome = await client.read(method)
    requests = tuple(origin.requests)
    if not ask_again:
        return Exchange(outcome, requests)
    if outcome.broken:
        return Exchange(outcome, requests, rest=(await client.rest())[0])
    return Exchange(outcome, requests, follows=await client.read())
