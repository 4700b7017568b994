"""Queries as people write them, and limits whose hint names the setting that raises them."""

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.parameters import Query, parse_query, parse_seconds, parse_size, unescape


@pytest.mark.parametrize(
    ("parser", "hint"),
    [
        (lambda: parse_size("11", 10, "size"), "A setting of [origin] raises limits."),
        (lambda: parse_seconds("11", 10, "delay"), "max-seconds of [origin] raises it."),
    ],
)
def test_a_limit_of_the_origin_says_what_raises_it(parser: Callable[[], float], hint: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parser()
    assert caught.value.hint == hint


def test_a_query_keeps_order_names_without_values_and_repeats() -> None:
    query = parse_query("b=2&a=1&&b=3&flag&=x&e=")
    assert list(query.pairs()) == [("b", "2"), ("a", "1"), ("b", "3"), ("flag", ""), ("", "x"), ("e", "")]
    assert query.all("b") == ["2", "3"]
    assert query.get("b") == "2"
    assert query.get("none", "default") == "default"
    assert "flag" in query
    assert "none" not in query
    assert list(query.without(["b", "e"]).pairs()) == [("a", "1"), ("flag", ""), ("", "x")]


def test_a_plus_is_a_space_in_a_form_and_itself_in_raw() -> None:
    query = parse_query("x=a+b%2Bc&p%69pe=1")
    assert query.get("x") == "a b+c"
    assert query.raw("x") == ["a+b+c"]
    assert "pipe" in query


def test_an_invalid_escape_is_itself_and_bytes_survive() -> None:
    assert unescape("100%") == "100%"
    assert unescape("%zz%4") == "%zz%4"
    assert unescape("%25") == "%"
    assert unescape("%2525") == "%25"
    assert unescape("%ff").encode("utf-8", "surrogateescape") == b"\xff"
    assert unescape("%C3%A4") == "ä"


def test_no_query_is_empty() -> None:
    assert parse_query("") == Query()
    assert list(parse_query("&&").pairs()) == []


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))))
def test_what_was_encoded_is_decoded(pairs: list[tuple[str, str]]) -> None:
    assert list(parse_query(urlencode(pairs)).pairs()) == pairs


@given(st.text(st.characters(codec="utf-8")))
def test_queries_agree_with_pythons_own_reader(text: str) -> None:
    raw = quote(text, safe="&=+")
    assert list(parse_query(raw).pairs()) == parse_qsl(raw, keep_blank_values=True, max_num_fields=None)
