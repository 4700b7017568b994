"""What comes through the forward is what the origin did: status, fields, bytes, and the way it ended."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest

from fetchkit import Server
from fetchkit.forward.settings import Forward
from tests.conftest import Serve

from .client import Outcome
from .exchange import HTTP_11, Exchange, Flavour, direct, forwarded, request_head, respelled
from .framing import End, Fields
from .scenarios import SCENARIOS, STALL_LIMIT, Scenario, named

# They concern one connection (RFC 9110, section 7.6.1); the forward has two, each with its own.
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-hop",
}
# SPEC, section 3: never passed to the page's origin.
REMOVED = {
    "access-control-allow-credentials",
    "alt-svc",
    "clear-site-data",
    "content-security-policy-report-only",
    "service-worker-allowed",
    "set-cookie",
    "strict-transport-security",
    "timing-allow-origin",
    "x-frame-options",
}
# SPEC, sections 1 and 3: put onto every response, and onto every forwarded one.
ADDED = {
    "access-control-allow-origin", "access-control-expose-headers", "content-security-policy",
    "cross-origin-embedder-policy", "cross-origin-opener-policy", "cross-origin-resource-policy",
    "via", "x-content-type-options", "x-final-url", "x-request-url",
}  # fmt: skip
# What the origin says of itself passes; where it says nothing, the forward may (RFC 9110, section 6.6.1).
ADDED_WHERE_MISSING = {"date", "server"}

WHOLE = [each for each in SCENARIOS if each.end is End.COMPLETE and not each.becomes]
BROKEN = [each for each in SCENARIOS if each.end is not End.COMPLETE and not each.becomes]
UNUSABLE = [each for each in SCENARIOS if each.becomes]
AGAIN = request_head("GET", "/fetchkit/health")
FLAVOURS = [
    HTTP_11,
    Flavour("Connection: close", lines=("Connection: close",)),
    Flavour("one more request behind", behind=AGAIN),
    Flavour("HTTP/1.0", version="HTTP/1.0"),
    Flavour("HTTP/1.0, kept", version="HTTP/1.0", lines=("Connection: keep-alive",)),
]
OLD = FLAVOURS[3:]
PIPELINED = FLAVOURS[2]

Forwarder = Callable[..., Awaitable[Exchange]]


@pytest.fixture
def through(serve: Serve) -> Forwarder:
    """Play a scenario through a forward; its limits are small where the scenario needs that."""
    servers: dict[bool, asyncio.Task[Server]] = {}

    async def play(scenario: Scenario, flavour: Flavour = HTTP_11) -> Exchange:
        settings = Forward(stall_timeout=STALL_LIMIT) if scenario.slow else Forward()
        if scenario.slow not in servers:
            servers[scenario.slow] = asyncio.ensure_future(serve(forward=settings))
        return await forwarded(await servers[scenario.slow], scenario, flavour)

    return play


def compared(outcome: Outcome, other: Outcome) -> Fields:
    """The fields that must come through as they are: names, values, order."""
    own = {name.decode("latin-1").lower() for name, _ in other.headers}
    dropped = HOP_BY_HOP | REMOVED | ADDED | {"vary"} | (ADDED_WHERE_MISSING - own)
    if outcome.status == 204:
        dropped |= {"content-length"}  # MUST NOT be there (RFC 9110, section 8.6)
    kept = [pair for pair in outcome.headers if pair[0].decode("latin-1").lower() not in dropped]
    return respelled(tuple(kept))


def is_refused(scenario: Scenario, outcome: Outcome) -> bool:
    """Whether the forward answered itself, where the scenario leaves it the choice."""
    return scenario.refusable and outcome.status == 502 and is_problem(outcome)


def is_problem(outcome: Outcome) -> bool:
    """Whether the forward answered itself."""
    return outcome.end is End.COMPLETE and outcome.values("Content-Type") == [b"application/problem+json"]


def is_healthy(answer: Outcome | None) -> bool:
    """Whether the request behind was answered, and nothing came after."""
    return answer is not None and (answer.end, answer.status, answer.extra) == (End.COMPLETE, 200, b"")


def varies_by(outcome: Outcome) -> list[bytes]:
    """What a cache must compare besides Origin, which the forward adds."""
    names = [name.strip() for value in outcome.values("Vary") for name in value.split(b",")]
    return [name for name in names if name != b"Origin"]


def assert_equal(passed: Outcome, straight: Outcome) -> None:
    """Status, fields, body and end are the direct ones; what belongs to the other hop is not there."""
    assert (passed.status, passed.reason) == (straight.status, straight.reason)
    assert compared(passed, straight) == compared(straight, straight)
    assert varies_by(passed) == varies_by(straight)
    if passed.status == 204:  # RFC 9110, section 8.6: MUST NOT
        assert not passed.values("Content-Length")
    assert passed.body == straight.body
    assert passed.broken == straight.broken
    assert passed.end in (End.COMPLETE, End.CUT, End.RESET)
    assert [pair for pair in passed.headers if b"UPSTREAM" in pair[1]] == []
    assert (passed.interim, passed.trailers) == ((), ())


@pytest.mark.parametrize("scenario", [*WHOLE, *BROKEN], ids=named)
async def test_a_forwarded_outcome_is_the_direct_one(scenario: Scenario, through: Forwarder) -> None:
    straight, passed = await asyncio.gather(direct(scenario), through(scenario))
    if not is_refused(scenario, passed.outcome):
        assert_equal(passed.outcome, straight.outcome)


@pytest.mark.parametrize("scenario", UNUSABLE, ids=named)
async def test_an_unusable_head_becomes_a_problem_that_says_what_was_wrong(
    scenario: Scenario, through: Forwarder
) -> None:
    passed = await through(scenario, PIPELINED)
    outcome = passed.outcome
    assert is_problem(outcome), (outcome.status, outcome.end)
    assert outcome.status == scenario.becomes
    assert not outcome.values("X-Own")
    problem = json.loads(outcome.body)
    assert problem["status"] == outcome.status
    assert re.search(scenario.says, problem["detail"].lower()), problem["detail"]
    assert problem["hint"].endswith("."), problem
    assert is_healthy(passed.follows)


@pytest.mark.parametrize("scenario", BROKEN, ids=named)
async def test_a_broken_body_is_never_complete_and_nothing_follows_it(
    scenario: Scenario, through: Forwarder
) -> None:
    results = await asyncio.gather(*(through(scenario, flavour) for flavour in FLAVOURS))
    for flavour, passed in zip(FLAVOURS, results, strict=True):
        if is_refused(scenario, passed.outcome):
            continue
        assert passed.outcome.end in (End.CUT, End.RESET), flavour.name
        assert scenario.body.startswith(passed.outcome.body), flavour.name
        assert passed.rest == b"", flavour.name


# The rest of a body that 413 refused is never sent, so no server can tell the next request from it.
@pytest.mark.parametrize("scenario", [each for each in WHOLE if each.status != 413], ids=named)
async def test_a_complete_response_leaves_the_connection_fit_for_the_next(
    scenario: Scenario, through: Forwarder
) -> None:
    passed = await through(scenario, PIPELINED)
    assert passed.outcome.body == scenario.body or is_refused(scenario, passed.outcome)
    assert is_healthy(passed.follows)


@pytest.mark.parametrize("scenario", [each for each in WHOLE if not each.upload], ids=named)
async def test_a_client_of_http_1_0_gets_the_same_without_chunks(
    scenario: Scenario, through: Forwarder
) -> None:
    for passed in await asyncio.gather(*(through(scenario, flavour) for flavour in OLD)):
        outcome = passed.outcome
        if is_refused(scenario, outcome):
            continue
        assert (outcome.end, outcome.status, outcome.body) == (End.COMPLETE, scenario.status, scenario.body)
        assert not outcome.values("Transfer-Encoding")
