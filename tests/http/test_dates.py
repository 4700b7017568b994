"""Dates of HTTP, against RFC 9110, section 5.6.7, and against what the standard library writes."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.http.dates import format_http_date, parse_http_date

EXAMPLE = 784_111_777  # the moment that the RFC writes in all three formats
YEAR_1 = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
YEAR_9999 = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())

moments = st.integers(YEAR_1, YEAR_9999)


def unix(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE, id="imf-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE, id="rfc850"),
        pytest.param("Sun Nov  6 08:49:37 1994", EXAMPLE, id="asctime-one-digit-day"),
        pytest.param("Wed Nov 16 08:49:37 1994", EXAMPLE + 10 * 86_400, id="asctime-two-digit-day"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0, id="epoch"),
        pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1, id="before-the-epoch"),
        pytest.param("Tue, 29 Feb 2000 12:00:00 GMT", unix(2000, 2, 29, 12), id="leap-day"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", unix(2017, 1, 1), id="leap-second"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", YEAR_9999, id="last-year"),
        pytest.param("Mon, 06 Nov 1994 08:49:37 GMT", EXAMPLE, id="wrong-weekday-is-not-judged"),
    ],
)
def test_every_format_of_the_standard_is_read(value: str, seconds: int) -> None:
    assert parse_http_date(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nop 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Tue, 29 Feb 1900 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 06 Nov 1994 23:59:61 GMT",
        "Sun, 06 Nov 1994 -8:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 30-Feb-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_no_date(value: str) -> None:
    assert parse_http_date(value) is None


@pytest.mark.parametrize(
    ("value", "year"),
    [
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", 1994, id="68-years-ahead-is-the-past"),
        pytest.param("Friday, 15-Mar-24 14:30:00 GMT", 2024, id="past"),
        pytest.param("Friday, 06-Nov-26 08:49:37 GMT", 2026, id="this-year"),
        pytest.param("Friday, 01-Jan-27 00:00:00 GMT", 2027, id="next-year"),
        pytest.param("Friday, 16-Sep-76 12:00:00 GMT", 2076, id="exactly-50-years-ahead"),
        pytest.param("Friday, 16-Sep-76 12:00:01 GMT", 1976, id="one-second-more"),
        pytest.param("Friday, 01-Jan-77 00:00:00 GMT", 1977, id="51-years-ahead"),
    ],
)
def test_two_digits_of_a_year_lie_at_most_50_years_ahead(value: str, year: int) -> None:
    seconds = parse_http_date(value, now=unix(2026, 9, 16, 12))
    assert seconds is not None
    assert datetime.fromtimestamp(seconds, UTC).year == year


def test_two_digits_of_a_year_may_mean_the_next_century() -> None:
    assert parse_http_date("Friday, 01-Jan-10 00:00:00 GMT", now=unix(2080, 1, 1)) == unix(2110, 1, 1)


@pytest.mark.parametrize(
    ("seconds", "value"),
    [
        (EXAMPLE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (EXAMPLE + 0.999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-0.5, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (YEAR_1, "Mon, 01 Jan 0001 00:00:00 GMT"),
        (YEAR_9999, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_a_moment_is_written_as_imf_fixdate(seconds: float, value: str) -> None:
    assert format_http_date(seconds) == value


@given(moments)
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_http_date(format_http_date(seconds)) == seconds


@given(moments)
def test_the_standard_library_writes_the_same(seconds: int) -> None:
    assert format_http_date(seconds) == formatdate(seconds, usegmt=True)


@given(st.text(max_size=60), st.integers(0, 4_000_000_000))
def test_no_text_raises(value: str, now: int) -> None:
    assert parse_http_date(value, now=now) is None or len(value) > len("Sun Nov  6 08:49:37 ")


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)), st.integers(0, 99))  # noqa: DTZ001
def test_two_digits_of_a_year_are_kept_and_within_a_century(now: datetime, digits: int) -> None:
    current = now.replace(tzinfo=UTC)
    seconds = parse_http_date(f"Monday, 15-Jun-{digits:02} 10:00:00 GMT", now=current.timestamp())
    assert seconds is not None
    read = datetime.fromtimestamp(seconds, UTC)
    assert read.year % 100 == digits
    assert current.year - 50 <= read.year <= current.year + 50
