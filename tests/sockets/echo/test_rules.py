"""What the parameters of an echo mean, and which are refused instead of guessed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict

from fetchkit.errors import BadRequestError
from fetchkit.sockets.echo.rules import MAX_MESSAGE, Rules, parse_rules


def rules(**query: str) -> Rules:
    return parse_rules(MultiDict(query))


def test_without_parameters_it_mirrors() -> None:
    assert rules() == Rules()
    assert Rules() == Rules(
        delay=0.0,
        close_after=None,
        close_code=1000,
        reason="",
        drop_after=None,
        max_message=64 * 1024 * 1024,
        subprotocol=None,
        fragment=0,
        say=None,
        reject=0,
        ping=0.0,
    )
    assert MAX_MESSAGE == 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ({"delay": "50ms"}, {"delay": 0.05}),
        ({"delay": "60"}, {"delay": 60.0}),
        ({"close_after": "0"}, {"close_after": 0}),
        ({"close_after": "3", "close_code": "4000"}, {"close_after": 3, "close_code": 4000}),
        ({"close_after": "3", "reason": "why?"}, {"close_after": 3, "reason": "why?"}),
        ({"close_after": "3", "close_code": "none"}, {"close_after": 3, "close_code": None}),
        ({"close_after": "1", "reason": "ä" * 61}, {"close_after": 1, "reason": "ä" * 61}),
        ({"drop_after": "2"}, {"drop_after": 2}),
        ({"max": "1KiB"}, {"max_message": 1024}),
        ({"max": "0"}, {"max_message": 0}),
        ({"subprotocol": "chat"}, {"subprotocol": "chat"}),
        ({"subprotocol": "none"}, {"subprotocol": ""}),
        ({"fragment": "1"}, {"fragment": 1}),
        ({"fragment": "1MiB"}, {"fragment": 1024**2}),
        ({"say": ""}, {"say": ""}),
        ({"say": "héllo"}, {"say": "héllo"}),
        ({"reject": "403"}, {"reject": 403}),
        ({"ping": "10ms"}, {"ping": 0.01}),
        ({"v": "1", "fetchkit-token": "t"}, {}),
    ],
)
def test_a_parameter_is_read(query: dict[str, str], meant: dict[str, Any]) -> None:
    assert rules(**query) == Rules(**meant)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"delay": "soon"}, "delay: 'soon' is no duration."),
        ({"delay": "61s"}, "delay: 61s is beyond the limit of 60 s."),
        ({"close_after": "-1"}, "close_after: -1 is not from 0 to 1000000000."),
        ({"close_after": "few"}, "close_after: 'few' is no whole number."),
        ({"close_after": "1", "close_code": "1005"}, "close_code: 1005 may not stand in a close frame"),
        ({"close_after": "1", "close_code": "1006"}, "close_code: 1006 may not stand in a close frame"),
        ({"close_after": "1", "close_code": "999"}, "close_code: 999 may not stand in a close frame"),
        ({"close_after": "1", "close_code": "5000"}, "close_code: 5000 may not stand in a close frame"),
        ({"close_after": "1", "reason": "ä" * 62}, "reason: 124 bytes do not fit; a close frame holds 123."),
        ({"close_after": "1", "close_code": "none", "reason": "x"}, "reason: a close frame without a code"),
        ({"close_code": "4000"}, "close_code and reason say how the echo closes, but not when."),
        ({"reason": "x"}, "close_code and reason say how the echo closes, but not when."),
        ({"drop_after": ""}, "drop_after: '' is no whole number."),
        ({"max": "much"}, "max: 'much' is no size."),
        ({"max": "2TiB"}, "max: 2TiB is beyond the limit of 1TiB"),
        ({"subprotocol": ""}, "subprotocol: '' is no name."),
        ({"subprotocol": "a b"}, "subprotocol: 'a b' is no name."),
        ({"subprotocol": "a\r\nX: y"}, "subprotocol: 'a\\r\\nX: y' is no name."),
        ({"fragment": "0"}, "fragment: a frame has one byte at least."),
        ({"fragment": "2MiB"}, "fragment: 2MiB is beyond the limit of 1MiB"),
        ({"reject": "200"}, "reject: 200 is not from 400 to 599."),
        ({"ping": "0"}, "ping: 0 is too often; 10ms is the least."),
        ({"ping": "2m"}, "ping: 2m is beyond the limit of 60 s."),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(query: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        rules(**query)
    assert caught.value.detail.startswith(sentence)


@pytest.mark.parametrize(
    ("asked", "offered", "chosen"),
    [
        (None, (), None),
        (None, ("binary", "base64"), "binary"),
        ("chat", ("binary",), "chat"),
        ("chat", (), "chat"),
        ("none", ("binary",), None),
    ],
)
def test_the_first_offered_subprotocol_is_chosen_unless_the_query_says_otherwise(
    asked: str | None, offered: tuple[str, ...], chosen: str | None
) -> None:
    assert rules(**({} if asked is None else {"subprotocol": asked})).choose(offered) == chosen


def test_of_a_parameter_that_comes_twice_the_first_counts() -> None:
    assert parse_rules(MultiDict([("max", "1"), ("max", "2")])).max_message == 1


NAMES = (
    *("delay", "close_after", "close_code", "reason", "drop_after", "max", "subprotocol"),
    *("fragment", "say", "reject", "ping"),
)


@settings(deadline=None)  # of a machine that is busy
@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.text("0123456789msKiB-+none", max_size=6)))
def test_whatever_comes_is_read_or_a_bad_request(query: dict[str, str]) -> None:
    try:
        read = rules(**query)
    except BadRequestError as error:
        assert error.detail.isprintable()  # noqa: PT017  a log line has it
        return
    assert read.fragment <= 1024**2
    assert read.delay <= 60
