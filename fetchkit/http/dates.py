"""Dates of HTTP: read the three formats of RFC 9110, section 5.6.7, and write the one that is sent."""

import re
import time
from datetime import date

__all__ = ["format_http_date", "parse_http_date"]

# The names are the standard's, not a locale's: strftime would translate them.
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

SECONDS_PER_DAY = 86_400
UNIX_EPOCH_DAY = date(1970, 1, 1).toordinal()
# "a timestamp that appears to be more than 50 years in the future" (RFC 9110, section 5.6.7)
TWO_DIGIT_YEAR_WINDOW = 50
TWO_DIGITS = 2

_DAY = "|".join(DAY_NAMES)
_LONG_DAY = "|".join(LONG_DAY_NAMES)
_MONTH = f"(?P<month>{'|'.join(MONTH_NAMES)})"
# time-of-day, "00:00:00 - 23:59:60 (leap second)"
_TIME = "(?P<time>(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]|23:59:60)"

# "HTTP-date is case sensitive", and holds no white space beyond the SP of its grammar.
_FORMATS = (
    # IMF-fixdate, the preferred format: Sun, 06 Nov 1994 08:49:37 GMT
    re.compile(f"(?:{_DAY}), (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    # rfc850-date, obsolete: Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(f"(?:{_LONG_DAY}), (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    # asctime-date, obsolete: Sun Nov  6 08:49:37 1994
    re.compile(f"(?:{_DAY}) {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def parse_http_date(value: str, *, now: float | None = None) -> int | None:
    """Read an HTTP date (RFC 9110, section 5.6.7).

    The name of the day has to be one, but is not compared with the date, as Go and nginx do not either.

    Args:
        value: the field value, without white space around it.
        now: seconds since the epoch, against which a year of two digits is read; by default the clock.

    Returns:
        Seconds since the epoch in UTC, or None where the value is no valid date. Never raises.
    """
    for pattern in _FORMATS:
        if match := pattern.fullmatch(value):
            return _seconds(match, time.time() if now is None else now)
    return None


def format_http_date(seconds: float) -> str:
    """Write an IMF-fixdate, the only format that may be sent (RFC 9110, section 5.6.7).

    Args:
        seconds: since the epoch, within the years 1 to 9999; a fraction is cut towards the past, for the
            format holds whole seconds.
    """
    year, month, day, hour, minute, second, weekday, _, _ = time.gmtime(seconds)
    return (
        f"{DAY_NAMES[weekday]}, {day:02} {MONTH_NAMES[month - 1]} {year:04} "
        f"{hour:02}:{minute:02}:{second:02} GMT"
    )


def _seconds(match: re.Match[str], now: float) -> int | None:
    month, day = MONTH_NAMES.index(match["month"]) + 1, int(match["day"])
    hour, minute, second = map(int, match["time"].split(":"))
    year = int(match["year"])
    if len(match["year"]) == TWO_DIGITS:
        year = _full_year(year, (month, day, hour, minute, second), now)
    try:
        days = date(year, month, day).toordinal() - UNIX_EPOCH_DAY
    except ValueError:  # 30 February, or the year 0
        return None
    return days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second


def _full_year(two_digits: int, rest: tuple[int, ...], now: float) -> int:
    """The latest year with these digits whose date is not more than 50 years after `now`."""
    limit = tuple(time.gmtime(now)[:6])
    year = limit[0] + (two_digits - limit[0]) % 100
    return year - 100 if (year - TWO_DIGIT_YEAR_WINDOW, *rest) > limit else year
