"""The origin beside httpbin: each request of the table sent to both, and their answers compared."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fetchkit.origin.catalogue import ROUTES
from fetchkit.origin.route import Peer

from .accepted import ACCEPTED
from .cases import CASES, Case
from .client import Request, send
from .comparing import Difference, differences

PAGE = (Path(__file__).parents[3] / "docs" / "from-httpbin.md").read_text("utf-8")
Compare = Callable[[Case], dict[str, Difference]]


@pytest.fixture(scope="session")
def compare(httpbin: str, origin: str) -> Compare:
    """What differs between the answers to a case; each is asked once."""
    known: dict[str, dict[str, Difference]] = {}

    def compared(case: Case) -> dict[str, Difference]:
        if case.name not in known:
            there, here = case.go(httpbin), case.go(origin)
            known[case.name] = differences(
                (httpbin, there), (origin, here), case.view, with_cors=case.with_cors
            )
        return known[case.name]

    return compared


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_answers_are_the_same_but_for_what_is_accepted(compare: Compare, case: Case) -> None:
    found = compare(case)
    covered = Counter(aspect for accepted in case.accepted for aspect in accepted.aspects)
    assert {aspect: found[aspect] for aspect in found if aspect not in covered} == {}, "not accepted"
    for accepted in case.accepted:
        # What it alone accounts for: where that is nothing, it need not be accepted any more.
        assert [aspect for aspect in accepted.aspects if aspect in found and covered[aspect] == 1], accepted


def test_each_aspect_of_an_accepted_difference_is_seen(compare: Compare) -> None:
    for accepted in ACCEPTED:
        rows = [case for case in CASES if accepted in case.accepted]
        seen = {aspect for case in rows for aspect in compare(case)}
        assert set(accepted.aspects) - seen == set(), accepted.there


def test_each_accepted_difference_stands_in_the_page_of_the_migration() -> None:
    part = PAGE.partition("## What differs from httpbin\n")[2].partition("\n## ")[0]
    rows = [line for line in part.splitlines() if re.match(r"\| (?!httpbin \|)", line)]
    assert rows == [accepted.row for accepted in ACCEPTED]


def test_the_table_has_each_route_of_httpbin() -> None:
    paths = [case.request.target.partition("?")[0] for case in CASES]
    for route in ROUTES:
        if Peer.HTTPBIN in route.peers:
            pattern = re.sub(r"\{[^}:]*:\.\*\}", ".*", route.pattern)
            pattern = re.sub(r"\{[^}]*\}", "[^/]+", pattern)
            assert any(re.fullmatch(pattern, path) for path in paths), route.pattern


def test_the_document_of_json_has_the_members_of_httpbins(httpbin: str, origin: str) -> None:
    there, here = (json.loads(send(base, Request("GET", "/json")).body) for base in (httpbin, origin))
    assert list(there) == list(here)
    assert set(there["slideshow"]) == set(here["slideshow"])
    for theirs, ours in zip(there["slideshow"]["slides"], here["slideshow"]["slides"], strict=False):
        assert set(theirs) == set(ours)
