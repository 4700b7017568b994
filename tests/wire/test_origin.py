"""The scenarios without a forward: each ends for a strict client as its entry says."""

import pytest

from .exchange import direct
from .framing import End
from .scenarios import SCENARIOS, Scenario, named


def test_there_are_many_and_their_names_differ() -> None:
    assert len({named(scenario) for scenario in SCENARIOS}) == len(SCENARIOS) >= 60
    assert {scenario.end for scenario in SCENARIOS} == set(End)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=named)
async def test_a_scenario_ends_as_its_entry_says(scenario: Scenario) -> None:
    outcome = (await direct(scenario)).outcome
    assert (outcome.end, outcome.status) == (scenario.end, scenario.status)
    if not scenario.becomes:
        assert outcome.body == scenario.body


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.upload], ids=named)
async def test_an_origin_records_what_was_uploaded(scenario: Scenario) -> None:
    [request] = (await direct(scenario)).requests
    assert request.line.startswith(scenario.method.encode())
    assert request.end is End.COMPLETE
