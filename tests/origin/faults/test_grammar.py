"""The grammar of the pipe: what it takes, and where it says that it stops."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.faults.grammar import MAX_CALLS, Argument, Call, parse_pipe
from fetchkit.origin.faults.pipe import pipe_of
from fetchkit.origin.parameters import parse_query
from fetchkit.origin.settings import Origin

Read = list[tuple[str, list[str]]]
# What comes out of percent-decoding: any character, and bytes that are no UTF-8 as surrogates.
TEXTS = st.text(st.characters(codec="utf-8") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))
# Close to a pipe, so that every branch is entered.
NEARLY = st.text(st.sampled_from('ab-Z9|(),"\\ \t%é\0'), max_size=24)
NAMES = st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True)


def read(text: str) -> Read:
    return [(call.name, [argument.text for argument in call.arguments]) for call in parse_pipe(text)]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t", []),
        ("a", [("a", [])]),
        ("a|b|c", [("a", []), ("b", []), ("c", [])]),
        ("a()", [("a", [])]),
        ("a( \t )", [("a", [])]),
        ("a(1)", [("a", ["1"])]),
        ("a(1,2)|b(3)", [("a", ["1", "2"]), ("b", ["3"])]),
        ("a(,)", [("a", ["", ""])]),
        ("a(1,)", [("a", ["1", ""])]),
        ('a("")', [("a", [""])]),
        (" a( 1 , 2 ) | b ", [("a", ["1", "2"]), ("b", [])]),
        ("a(x y)", [("a", ["x y"])]),
        ("Status(503)|FIN-before-Headers", [("status", ["503"]), ("fin-before-headers", [])]),
        ("a(b(c)", [("a", ["b(c"])]),
        ('a("b)|c,d")', [("a", ["b)|c,d"])]),
        (r'a("\"\\\x")', [("a", ['"\\x'])]),
        ('a("  b  ")', [("a", ["  b  "])]),
        ('a( "b" ,c)', [("a", ["b", "c"])]),
        ('a("\r\n\0")', [("a", ["\r\n\0"])]),
        (r"a(b\c)", [("a", ["b\\c"])]),
        ("a(é\udcff)", [("a", ["é\udcff"])]),
        ("a(\xa0b\xa0)", [("a", ["\xa0b\xa0"])]),
        ("a(100%)", [("a", ["100%"])]),
        ("-|9", [("-", []), ("9", [])]),
    ],
)
def test_what_follows_the_grammar_is_taken_apart(text: str, expected: Read) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "character", "why"),
    [
        ("|a", 1, "a function's name is due, not '|'"),
        ("  |a", 3, "a function's name is due, not '|'"),
        ("(a)", 1, "a function's name is due, not '('"),
        ("a||b", 3, "a function's name is due, not '|'"),
        ("a| |b", 4, "a function's name is due, not '|'"),
        ("a|", 3, 'after "|" a function is due'),
        ("a | \t", 6, 'after "|" a function is due'),
        ("a b", 3, "\"|\" or the end is due, not 'b'"),
        ("a (1)", 3, "\"|\" or the end is due, not '('"),
        ("a(1)b", 5, "\"|\" or the end is due, not 'b'"),
        ("a(1))", 5, "\"|\" or the end is due, not ')'"),
        ("a)", 2, "\"|\" or the end is due, not ')'"),
        ("a,b", 2, "\"|\" or the end is due, not ','"),
        ("a\n", 2, "\"|\" or the end is due, not '\\n'"),
        ("a_b", 2, "\"|\" or the end is due, not '_'"),
        ("é", 1, "a function's name is due, not '\\xe9'"),
        ("a|\udcff", 3, "a function's name is due, not '\\udcff'"),
        ("a(", 2, 'the "(" is not closed'),
        ("bc|a(", 5, 'the "(" is not closed'),
        ("a(1", 2, 'the "(" is not closed'),
        ("a(1,", 2, 'the "(" is not closed'),
        ("a(1, ", 2, 'the "(" is not closed'),
        ('a("1"', 2, 'the "(" is not closed'),
        ('a("1', 3, "the quote is not closed"),
        (r'a("1\"', 3, "the quote is not closed"),
        ('a(1, "2)', 6, "the quote is not closed"),
        ('a("b"c)', 6, '"," or ")" is due, not \'c\''),
        ('a("b""c")', 6, '"," or ")" is due, not \'"\''),
        ('a(b"c")', 4, '"," or ")" is due, not \'"\''),
        ("a(1|b)", 4, '"," or ")" is due, not \'|\''),
        ("a(1|b", 4, '"," or ")" is due, not \'|\''),
    ],
)
def test_what_does_not_is_refused_at_its_character(text: str, character: int, why: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_pipe(text)
    assert caught.value.detail == f"pipe: at character {character}: {why}."
    assert "status(503)" in caught.value.hint


def test_calls_and_arguments_know_their_places() -> None:
    assert parse_pipe(' a(1, "2") |b( x)') == (
        Call("a", (Argument("1", 3), Argument("2", 6)), 1),
        Call("b", (Argument("x", 15),), 12),
    )
    assert [call.index for call in parse_pipe("a|b|c")] == [0, 1, 2]


def test_so_many_functions_and_no_more() -> None:
    assert len(parse_pipe("|".join("a" * MAX_CALLS))) == MAX_CALLS
    with pytest.raises(BadRequestError, match=f"character {2 * MAX_CALLS + 1}: there are more than 64"):
        parse_pipe("|".join("a" * (MAX_CALLS + 1)))


@pytest.mark.parametrize(
    "text", ['a("' + "\\" * 100_000, 'a("' + "b" * 100_000, "a(" * 50_000, '"' * 100_000]
)
def test_long_nonsense_is_refused_too(text: str) -> None:
    with pytest.raises(BadRequestError):
        parse_pipe(text)


@given(NAMES, st.lists(TEXTS, min_size=1))
def test_any_text_that_is_quoted_comes_back(name: str, texts: list[str]) -> None:
    assert read(f"{name}({','.join(map(quoted, texts))})") == [(name, texts)]


@given(st.lists(st.tuples(NAMES, st.lists(TEXTS)), min_size=1, max_size=MAX_CALLS))
def test_any_pipe_comes_back_and_each_call_stands_where_it_says(calls: Read) -> None:
    text = " | ".join(f"{name}({', '.join(map(quoted, texts))})" for name, texts in calls)
    parsed = parse_pipe(text)
    assert read(text) == calls
    for call in parsed:
        assert text.startswith(call.name, call.position)
        for argument in call.arguments:
            assert text.startswith(quoted(argument.text), argument.position)


@given(TEXTS.filter(lambda text: not re.search(r'[|,)"]', text)))
def test_plain_text_comes_back_without_the_spaces_around_it(text: str) -> None:
    assert read(f"a({text},z)") == [("a", [text.strip(" \t"), "z"])]


@given(NEARLY)
def test_any_text_is_read_or_refused_within_it(text: str) -> None:
    try:
        parse_pipe(text)
    except BadRequestError as error:
        found = re.match(r"pipe: at character (\d+): ", error.detail)
        assert found
        assert 1 <= int(found[1]) <= len(text) + 1


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_percent_encoded_pipe_is_decoded_once(texts: list[str]) -> None:
    text = f"a({','.join(map(quoted, texts))})"
    query = "x=1&pipe=" + quote(text.encode("utf-8", "surrogateescape"), safe="")
    assert [read(raw) for raw in parse_query(query).raw("pipe")] == [[("a", texts)]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("pipe=a(b+c)", ["b+c"]),
        ("pipe=a(b%2Bc)", ["b+c"]),
        ("pipe=a(b%20c)", ["b c"]),
        ("pipe=a(%2520)", ["%20"]),
        ("pipe=a(50%)", ["50%"]),
        ("pipe=a(50%,1)", ["50%", "1"]),
        ("pipe=a(%zz%4)", ["%zz%4"]),
        ("pipe=a(%C3%A9)", ["é"]),
        ("pipe=a(%FF)", ["\udcff"]),
        ("pipe=a(x=y)", ["x=y"]),
        ("pipe=a(%22b%26c%22)", ["b&c"]),
        ("pipe=a(1%2C2)", ["1", "2"]),
    ],
)
def test_plus_and_per_cent_in_the_query_are_themselves(query: str, expected: list[str]) -> None:
    (text,) = parse_query(query).raw("pipe")
    assert read(text) == [("a", expected)]


def test_several_pipes_are_one_after_the_other() -> None:
    pipe = pipe_of(parse_query("pipe=status(503)&x=1&pipe=&pipe=delay(1)|chunked&PIPE=no-cors"), Origin())
    assert [call.name for call, _ in pipe.steps] == ["status", "delay", "chunked"]
    with pytest.raises(BadRequestError, match=r"at character 13: there is no function 'delai'"):
        pipe_of(parse_query("pipe=status(503)&pipe=delai(1)"), Origin())


def test_without_a_pipe_there_are_no_faults() -> None:
    for query in ("", "pipe", "pipe=", "pipe=&pipe="):
        assert pipe_of(parse_query(query), Origin()).steps == ()
