"""Which part of a representation a request gets: preconditions, then ranges."""

import pytest
from multidict import CIMultiDict

from fetchkit.http.conditional import Validators
from fetchkit.http.ranges import ByteRange
from fetchkit.http.representation import Decision, decide

MODIFIED = 1_700_000_000
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
LATER = "Tue, 14 Nov 2023 22:13:21 GMT"
VALIDATORS = Validators('"now"', MODIFIED)


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        pytest.param({}, Decision(200), id="nothing-asked"),
        pytest.param({"If-None-Match": '"now"'}, Decision(304), id="known-tag"),
        pytest.param({"If-None-Match": 'W/"now"'}, Decision(304), id="known-tag-weakly"),
        pytest.param({"If-None-Match": '"old"'}, Decision(200), id="other-tag"),
        pytest.param({"If-None-Match": "*"}, Decision(304), id="any-tag"),
        pytest.param({"If-Modified-Since": DATE}, Decision(304), id="not-modified-since"),
        pytest.param({"If-Modified-Since": EARLIER}, Decision(200), id="modified-since"),
        pytest.param(
            {"If-None-Match": '"old"', "If-Modified-Since": DATE},
            Decision(200),
            id="the-tag-outweighs-the-date",
        ),
        pytest.param({"If-Match": '"old"'}, Decision(412), id="if-match-fails"),
        pytest.param({"If-Match": 'W/"now"'}, Decision(412), id="if-match-is-strong"),
        pytest.param({"If-Match": '"now"'}, Decision(200), id="if-match-holds"),
        pytest.param({"If-Unmodified-Since": EARLIER}, Decision(412), id="if-unmodified-since-fails"),
        pytest.param({"If-Unmodified-Since": LATER}, Decision(200), id="if-unmodified-since-holds"),
        pytest.param(
            {"If-Match": '"old"', "If-None-Match": '"now"'}, Decision(412), id="412-goes-before-304"
        ),
        pytest.param({"Range": "bytes=0-1"}, Decision(206, (ByteRange(0, 1),)), id="range"),
        pytest.param({"Range": "bytes=99-"}, Decision(416), id="range-beyond"),
        pytest.param({"Range": "lines=0-1"}, Decision(200), id="other-unit"),
        pytest.param({"Range": "bytes=x"}, Decision(200), id="malformed-range"),
        pytest.param(
            {"Range": "bytes=0-1", "If-None-Match": '"now"'}, Decision(304), id="304-goes-before-206"
        ),
        pytest.param(
            {"Range": "bytes=99-", "If-None-Match": '"now"'}, Decision(304), id="304-goes-before-416"
        ),
        pytest.param({"Range": "bytes=99-", "If-Match": '"old"'}, Decision(412), id="412-goes-before-416"),
        pytest.param(
            {"Range": "bytes=0-1", "If-Range": '"now"'},
            Decision(206, (ByteRange(0, 1),)),
            id="if-range-holds",
        ),
        pytest.param({"Range": "bytes=0-1", "If-Range": '"old"'}, Decision(200), id="if-range-fails"),
        pytest.param({"Range": "bytes=0-1", "If-Range": 'W/"now"'}, Decision(200), id="if-range-is-strong"),
        pytest.param(
            {"Range": "bytes=99-", "If-Range": '"old"'}, Decision(200), id="if-range-fails-before-416"
        ),
        pytest.param(
            {"Range": "bytes=0-1", "If-Range": DATE}, Decision(206, (ByteRange(0, 1),)), id="if-range-by-date"
        ),
        pytest.param({"Range": "bytes=0-1", "If-Range": LATER}, Decision(200), id="if-range-date-is-exact"),
        pytest.param({"Range": "bytes=0-1", "If-Range": "yesterday"}, Decision(200), id="if-range-nonsense"),
        pytest.param({"If-Range": '"old"'}, Decision(200), id="if-range-without-range"),
    ],
)
def test_preconditions_are_evaluated_before_ranges(fields: dict[str, str], decision: Decision) -> None:
    assert decide("GET", CIMultiDict(fields), VALIDATORS, 10) == decision


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Range": "bytes=0-1"}, 200),
        ({"Range": "bytes=99-"}, 200),
        ({"Range": "bytes=0-1", "If-Range": '"now"'}, 200),
        ({"Range": "bytes=0-", "If-None-Match": '"now"'}, 304),
        ({"Range": "bytes=0-", "If-Match": '"old"'}, 412),
    ],
)
def test_head_ignores_range_and_keeps_preconditions(fields: dict[str, str], status: int) -> None:
    assert decide("HEAD", CIMultiDict(fields), VALIDATORS, 10) == Decision(status)
