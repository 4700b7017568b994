"""Preconditions, against RFC 9110, section 13, and an independent transcription of its section 13.2.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.http.conditional import (
    Outcome,
    Validators,
    evaluate,
    if_range_holds,
    parse_entity_tags,
)
from fetchkit.http.dates import format_http_date

MODIFIED = 784_111_777
BEFORE, SAME, AFTER = (format_http_date(MODIFIED + delta) for delta in (-1, 0, 1))
STRONG = Validators('"abc"', MODIFIED)
WEAK = Validators('W/"abc"', MODIFIED)
UNDATED = Validators('"abc"', None)

PROCEED, NOT_MODIFIED, FAILED = Outcome.PROCEED, Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED


def outcome(method: str, validators: Validators | None, *fields: tuple[str, str]) -> Outcome:
    return evaluate(method, CIMultiDictProxy(CIMultiDict(fields)), validators)


@pytest.mark.parametrize(
    ("value", "validators", "expected"),
    [
        pytest.param('"abc"', STRONG, NOT_MODIFIED, id="same"),
        pytest.param('W/"abc"', STRONG, NOT_MODIFIED, id="weak-comparison-of-a-weak-field"),
        pytest.param('"abc"', WEAK, NOT_MODIFIED, id="weak-comparison-of-a-weak-tag"),
        pytest.param('"x", "abc"', STRONG, NOT_MODIFIED, id="second-of-a-list"),
        pytest.param(' ,, "x",\t"abc" , ', STRONG, NOT_MODIFIED, id="empty-members-and-white-space"),
        pytest.param("*", STRONG, NOT_MODIFIED, id="any"),
        pytest.param(" *\t", STRONG, NOT_MODIFIED, id="any-with-white-space"),
        pytest.param("*", None, PROCEED, id="any-of-nothing"),
        pytest.param('"abc"', None, PROCEED, id="tag-of-nothing"),
        pytest.param('"x"', STRONG, PROCEED, id="other"),
        pytest.param('"ABC"', STRONG, PROCEED, id="case-matters"),
        pytest.param('"x,"abc",y"', STRONG, PROCEED, id="quotes-out-of-place"),
        pytest.param("abc", STRONG, PROCEED, id="no-quotes"),
        pytest.param('w/"abc"', STRONG, PROCEED, id="small-w"),
        pytest.param('"abc" "abc"', STRONG, PROCEED, id="no-comma"),
        pytest.param('"abc", x', STRONG, PROCEED, id="one-malformed-member-spoils-the-list"),
        pytest.param('*, "abc"', STRONG, PROCEED, id="any-in-a-list"),
        pytest.param('"abc', STRONG, PROCEED, id="open-quote"),
        pytest.param("", STRONG, PROCEED, id="empty"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_spares_an_answer_that_the_client_has(
    method: str, value: str, validators: Validators | None, expected: Outcome
) -> None:
    assert outcome(method, validators, ("If-None-Match", value)) is expected


@pytest.mark.parametrize(
    ("value", "validators", "expected"),
    [
        pytest.param('"abc"', STRONG, PROCEED, id="same"),
        pytest.param('"x", "abc"', STRONG, PROCEED, id="second-of-a-list"),
        pytest.param("*", WEAK, PROCEED, id="any"),
        pytest.param("*", None, FAILED, id="any-of-nothing"),
        pytest.param('"abc"', None, FAILED, id="tag-of-nothing"),
        pytest.param('"x"', STRONG, FAILED, id="other"),
        pytest.param('W/"abc"', STRONG, FAILED, id="strong-comparison-of-a-weak-field"),
        pytest.param('"abc"', WEAK, FAILED, id="strong-comparison-of-a-weak-tag"),
        pytest.param('W/"abc"', WEAK, FAILED, id="two-weak-tags-are-never-the-same"),
        pytest.param("abc", STRONG, FAILED, id="no-quotes"),
        pytest.param('"abc", x', STRONG, FAILED, id="one-malformed-member-spoils-the-list"),
        pytest.param("", STRONG, FAILED, id="empty"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_if_match_fails_unless_the_client_knows_the_current_state(
    method: str, value: str, validators: Validators | None, expected: Outcome
) -> None:
    assert outcome(method, validators, ("If-Match", value)) is expected


@pytest.mark.parametrize(
    ("name", "value", "validators", "expected"),
    [
        ("If-Modified-Since", BEFORE, STRONG, PROCEED),
        ("If-Modified-Since", SAME, STRONG, NOT_MODIFIED),
        ("If-Modified-Since", AFTER, STRONG, NOT_MODIFIED),
        ("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT", STRONG, NOT_MODIFIED),
        ("If-Modified-Since", "yesterday", STRONG, PROCEED),
        ("If-Modified-Since", "", STRONG, PROCEED),
        ("If-Modified-Since", AFTER, UNDATED, PROCEED),
        ("If-Modified-Since", AFTER, None, PROCEED),
        ("If-Unmodified-Since", BEFORE, STRONG, FAILED),
        ("If-Unmodified-Since", SAME, STRONG, PROCEED),
        ("If-Unmodified-Since", AFTER, STRONG, PROCEED),
        ("If-Unmodified-Since", "yesterday", STRONG, PROCEED),
        ("If-Unmodified-Since", BEFORE, UNDATED, PROCEED),
        ("If-Unmodified-Since", BEFORE, None, PROCEED),
    ],
)
def test_dates_are_compared_where_both_sides_have_one(
    name: str, value: str, validators: Validators | None, expected: Outcome
) -> None:
    assert outcome("GET", validators, (name, value)) is expected


def test_if_modified_since_is_ignored_on_methods_that_do_not_read() -> None:
    assert outcome("PUT", STRONG, ("If-Modified-Since", AFTER)) is PROCEED


def test_a_failed_if_none_match_on_a_method_that_writes_is_412() -> None:
    assert outcome("PUT", STRONG, ("If-None-Match", "*")) is FAILED
    assert outcome("PUT", None, ("If-None-Match", "*")) is PROCEED


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT"])
def test_methods_without_a_representation_have_no_preconditions(method: str) -> None:
    assert outcome(method, STRONG, ("If-Match", '"x"')) is PROCEED


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param([("If-Match", '"abc"'), ("If-Unmodified-Since", BEFORE)], PROCEED, id="tag-before-date"),
        pytest.param(
            [("If-Match", '"x"'), ("If-Unmodified-Since", AFTER)], FAILED, id="date-does-not-rescue"
        ),
        pytest.param(
            [("If-None-Match", '"x"'), ("If-Modified-Since", AFTER)], PROCEED, id="new-tag-same-date"
        ),
        pytest.param(
            [("If-None-Match", '"abc"'), ("If-Modified-Since", BEFORE)], NOT_MODIFIED, id="same-tag-new-date"
        ),
        pytest.param(
            [("If-None-Match", "abc"), ("If-Modified-Since", AFTER)], PROCEED, id="malformed-still-counts"
        ),
        pytest.param([("If-Match", '"x"'), ("If-None-Match", '"abc"')], FAILED, id="412-before-304"),
        pytest.param([("If-Match", '"abc"'), ("If-None-Match", '"abc"')], NOT_MODIFIED, id="both-are-asked"),
        pytest.param(
            [("If-Unmodified-Since", SAME), ("If-Modified-Since", SAME)],
            NOT_MODIFIED,
            id="both-dates-are-asked",
        ),
        pytest.param(
            [("If-None-Match", '"x"'), ("If-None-Match", '"abc"')], NOT_MODIFIED, id="list-on-two-lines"
        ),
        pytest.param([("If-Match", '"x"'), ("if-match", '"abc"')], PROCEED, id="names-in-small-letters"),
        pytest.param(
            [("If-Modified-Since", AFTER), ("If-Modified-Since", AFTER)], PROCEED, id="two-dates-are-none"
        ),
        pytest.param([("Range", "bytes=0-1"), ("If-Range", '"x"')], PROCEED, id="if-range-is-not-asked-here"),
        pytest.param([], PROCEED, id="no-condition"),
    ],
)
def test_conditions_are_asked_in_the_order_of_the_standard(
    fields: list[tuple[str, str]], expected: Outcome
) -> None:
    assert outcome("GET", STRONG, *fields) is expected


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ('"a"', ('"a"',)),
        ('W/"a","b"', ('W/"a"', '"b"')),
        ('"a,b", "c"', ('"a,b"', '"c"')),
        ('"a\\", "b"', ('"a\\"', '"b"')),  # a backslash escapes nothing in an entity tag
        ('""', ('""',)),
        ('"é\udcff"', ('"é\udcff"',)),
        ("", ()),
        (" , ,", ()),
        ('"a b"', None),
        ('"a\x7f"', None),
        ('"a"\n', None),
        ('W/ "a"', None),
        ("*", None),
        ('"a";"b"', None),
    ],
)
def test_entity_tags_are_split_outside_their_quotes(value: str, tags: tuple[str, ...] | None) -> None:
    assert parse_entity_tags(value) == tags


@pytest.mark.parametrize(
    "value", [" " * 200_000 + "x", "," * 200_000 + "x", '"' + "a" * 200_000, 'W/"a", ' * 50_000 + "x"]
)
def test_a_long_malformed_list_is_refused_in_linear_time(value: str) -> None:
    assert parse_entity_tags(value) is None


@pytest.mark.parametrize(
    ("value", "validators", "holds"),
    [
        ('"abc"', STRONG, True),
        ('"x"', STRONG, False),
        ('W/"abc"', STRONG, False),
        ('W/"abc"', WEAK, False),
        ('"abc"', WEAK, False),
        ('"abc", "x"', STRONG, False),
        (SAME, STRONG, True),
        (BEFORE, STRONG, False),
        (AFTER, STRONG, False),
        (SAME, UNDATED, False),
        ("yesterday", STRONG, False),
        ("yesterday", UNDATED, False),
        ("abc", STRONG, False),
        ("*", STRONG, False),
        ("", STRONG, False),
    ],
)
def test_if_range_holds_for_the_same_strong_tag_or_the_very_date(
    value: str, validators: Validators, holds: bool
) -> None:
    assert if_range_holds(value, validators) is holds


def transcription(  # noqa: C901  # as many branches as the section has
    method: str, fields: dict[str, str], validators: Validators | None
) -> Outcome:
    """Section 13.2.2 step by step, for the simple fields that `simple_fields` makes."""
    current = validators.etag if validators else None
    modified = validators.last_modified if validators else None
    dates = {BEFORE: MODIFIED - 1, SAME: MODIFIED, AFTER: MODIFIED + 1}

    def strong(tag: str) -> bool:
        return current is not None and tag == current and not tag.startswith("W/")

    def weak(tag: str) -> bool:
        return current is not None and tag.replace("W/", "") == current.replace("W/", "")

    if "If-Match" in fields:
        value = fields["If-Match"]
        if not (current is not None if value == "*" else any(strong(tag) for tag in value.split(", "))):
            return FAILED
    elif "If-Unmodified-Since" in fields:
        date = dates.get(fields["If-Unmodified-Since"])
        if date is not None and modified is not None and modified > date:
            return FAILED
    if "If-None-Match" in fields:
        value = fields["If-None-Match"]
        if current is not None if value == "*" else any(weak(tag) for tag in value.split(", ")):
            return NOT_MODIFIED if method in ("GET", "HEAD") else FAILED
    elif method in ("GET", "HEAD") and "If-Modified-Since" in fields:
        date = dates.get(fields["If-Modified-Since"])
        if date is not None and modified is not None and modified <= date:
            return NOT_MODIFIED
    return PROCEED


tag_values = st.sampled_from(['"abc"', 'W/"abc"', '"x"', 'W/"x"'])
tag_lists = st.one_of(
    st.sampled_from(["*", "malformed"]), st.lists(tag_values, min_size=1, max_size=3).map(", ".join)
)
date_values = st.sampled_from([BEFORE, SAME, AFTER, "malformed"])
simple_fields = st.fixed_dictionaries(
    {},
    optional={
        "If-Match": tag_lists,
        "If-Unmodified-Since": date_values,
        "If-None-Match": tag_lists,
        "If-Modified-Since": date_values,
    },
)


@given(
    st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
    simple_fields,
    st.sampled_from([STRONG, WEAK, UNDATED, None]),
)
def test_evaluation_agrees_with_a_transcription_of_the_standard(
    method: str, fields: dict[str, str], validators: Validators | None
) -> None:
    assert outcome(method, validators, *fields.items()) is transcription(method, fields, validators)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_field_raises(tags: str, date: str) -> None:
    fields = [("If-Match", tags), ("If-None-Match", tags), ("If-Modified-Since", date)]
    assert outcome("GET", STRONG, *fields) in Outcome
    assert if_range_holds(tags, STRONG) is (tags == STRONG.etag)


@given(st.lists(st.from_regex(r'\A(W/)?"[!#-~]*"\Z'), max_size=5))
def test_a_list_that_is_written_is_read_back(tags: list[str]) -> None:
    assert parse_entity_tags(", ".join(tags)) == tuple(tags)
