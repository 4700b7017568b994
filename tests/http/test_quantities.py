"""Numbers, sizes and times as people write them, and what is refused instead of guessed."""

import math
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.http.quantities import (
    parse_count,
    parse_flag,
    parse_number,
    parse_rate,
    parse_seconds,
    parse_size,
    readable,
)

TIB = 1024**4
any_text = st.text(st.characters(blacklist_categories=())) | st.text(
    "0123456789.-+eEkKmMgGiIbBsµ ∞٣", max_size=12
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("10", 10),
        ("10B", 10),
        ("1k", 1024),
        ("1K", 1024),
        ("1KiB", 1024),
        ("1kib", 1024),
        ("1 KiB", 1024),
        ("1kB", 1000),
        ("10MiB", 10 * 1024**2),
        ("10MB", 10**7),
        ("1.5MiB", 1536 * 1024),
        ("0.1KiB", 102),
        ("1GiB", 1024**3),
        ("1TiB", TIB),
        ("1TB", 10**12),
        (" 7 ", 7),
        ("007", 7),
    ],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text, TIB, "size") == size


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", "+1", "1e3", "0x10", "MiB", "1XiB", "1.MiB", ".5MiB", "1..5", "1,5", "nan", "inf", "٣",
     "1\n2", "9" * 20, "9" * 5000, "1KiBB", "1/2"],
)  # fmt: skip
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"size: .* is no size\."):
        parse_size(text, TIB, "size")


def test_a_size_at_its_limit_is_taken_and_one_beyond_is_refused_with_the_limit() -> None:
    assert parse_size("1TiB", TIB, "size") == TIB
    with pytest.raises(
        BadRequestError, match=rf"size: {TIB + 1} is beyond the limit of 1TiB \({TIB} bytes\)"
    ):
        parse_size(str(TIB + 1), TIB, "size")


@given(st.integers(0, TIB))
def test_a_readable_size_is_read_back_exactly(size: int) -> None:
    assert parse_size(readable(size), TIB, "size") == size


@pytest.mark.parametrize(
    ("text", "rate"), [("64KiB/s", 65536.0), ("1000", 1000.0), ("1MB/sec", 1e6), ("1 MiB/s", 1024.0**2)]
)
def test_a_rate_is_read(text: str, rate: float) -> None:
    assert parse_rate(text, "rate") == rate


@pytest.mark.parametrize("text", ["", "0", "0/s", "0.2", "fast", "1/h", "/s", "-1/s", "1/s/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="rate"):
        parse_rate(text, "rate")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("2", 2.0),
        ("1.5", 1.5),
        ("500ms", 0.5),
        ("2s", 2.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1m30s", 90.0),
        ("1h1m1s1ms", 3661.001),
        ("250us", 250e-6),
        ("250µs", 250e-6),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("1m30", 90.0),
        (" 3 ", 3.0),
    ],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert parse_seconds(text, 10_000, "delay") == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", "+1", "1x", "s", ".", "30 s", "1e1", "nan", "inf", "infinity", "٣s"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"delay: .* is no duration\."):
        parse_seconds(text, 1000, "delay")


def test_a_time_beyond_the_limit_is_refused_with_the_limit() -> None:
    assert parse_seconds("10", 10, "delay") == 10
    for text in ("10.001", "11", "10s1ms", "999999999999h", "1h" * 1000):
        with pytest.raises(BadRequestError, match=r"delay: .* is beyond the limit of 10 s\."):
            parse_seconds(text, 10, "delay")


@pytest.mark.parametrize(("text", "count"), [("1", 1), ("10", 10), ("+3", 3), (" 3 ", 3), ("0010", 10)])
def test_a_count_is_read(text: str, count: int) -> None:
    assert parse_count(text, 1, 10, "n") == count


@pytest.mark.parametrize("text", ["", "x", "1.0", "1e1", "0x1", "1_0", "٣", "9" * 20, "1 0"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"n: .* is no whole number\."):
        parse_count(text, 1, 10, "n")


@pytest.mark.parametrize("text", ["0", "-1", "11", "9999999999999999999"])
def test_a_count_out_of_its_range_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"n: -?\d+ is not from 1 to 10\."):
        parse_count(text, 1, 10, "n")


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0.0), ("1", 1.0), (".5", 0.5), ("1.", 1.0), ("5e-1", 0.5)]
)
def test_a_number_is_read(text: str, number: float) -> None:
    assert parse_number(text, 0, 1, "p") == number


@pytest.mark.parametrize("text", ["", "nan", "inf", "-0.1", "1.1", "x", "1e99", "1e100", "--1", "٣"])
def test_what_is_no_number_of_the_range_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"p: .* is no number from 0 to 1\."):
        parse_number(text, 0, 1, "p")


@pytest.mark.parametrize(
    ("text", "flag"),
    [("", True), ("1", True), ("true", True), ("True", True), ("on", True), ("0", False), ("FALSE", False)],
)
def test_a_flag_is_read(text: str, *, flag: bool) -> None:
    assert parse_flag(text, "absolute") is flag


def test_what_is_no_flag_is_refused() -> None:
    with pytest.raises(BadRequestError, match="absolute: 'maybe' is neither true nor false"):
        parse_flag("maybe", "absolute")


PARSERS: list[Callable[[str], float]] = [
    lambda text: parse_size(text, TIB, "x"),
    lambda text: parse_rate(text, "x"),
    lambda text: parse_seconds(text, 600, "x"),
    lambda text: parse_count(text, 0, 10_000, "x"),
    lambda text: parse_number(text, 0, 1, "x"),
    lambda text: parse_flag(text, "x"),
]


@pytest.mark.parametrize("parser", PARSERS)
@given(any_text)
@example("\udcff")
@example("1" * 100_000)
@example("1s" * 10_000)
def test_whatever_comes_is_a_finite_number_or_a_bad_request(
    parser: Callable[[str], float], text: str
) -> None:
    value, problem = 0.0, ""
    try:
        value = parser(text)
    except BadRequestError as error:
        problem = error.detail
    assert math.isfinite(value)
    assert value >= 0
    problem.encode()  # no lone surrogates: people read it
