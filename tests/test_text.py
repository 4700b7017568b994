"""Text for people: foreign text cannot steer a terminal, sizes read well."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.text import escape, escape_controls, readable_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("/index.html?a=1", "/index.html?a=1", id="plain"),
        pytest.param("grün 東京 😀", "grün 東京 😀", id="printable-beyond-ascii"),
        pytest.param("\x1b[2J", r"\x1b[2J", id="escape-sequence"),
        pytest.param("\x9b31m", r"\x9b31m", id="c1-control"),
        pytest.param("a\r\nb\tc", r"a\r\nb\tc", id="line-breaks"),
        pytest.param("\0\x7f", r"\x00\x7f", id="nul-and-delete"),
        pytest.param("\u202egpj.exe", r"\u202egpj.exe", id="text-direction"),
        pytest.param("\u2028", r"\u2028", id="line-separator"),
        pytest.param("\udcff", r"\udcff", id="lone-surrogate"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag-character"),
        pytest.param("", "", id="empty"),
    ],
)
def test_text_that_a_terminal_would_obey_is_written_out(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(st.text(st.characters(codec=None)))
def test_what_is_escaped_can_always_be_printed(text: str) -> None:
    escaped = escape(text)
    assert escaped.isprintable()
    escaped.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\tb\nc\n", "a\tb\nc\n", id="layout"),
        pytest.param("grün 東京 😀", "grün 東京 😀", id="printable-beyond-ascii"),
        pytest.param("👩\u200d👧 क्\u200dष 🏳️", "👩\u200d👧 क्\u200dष 🏳️", id="joiners"),
        pytest.param("\xa0\xad\u200b\ufeff", "\xa0\xad\u200b\ufeff", id="spaces"),
        pytest.param("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07", id="escape-sequences"),
        pytest.param("a\rb\b\f\v\0", r"a\rb\x08\x0c\x0b\x00", id="c0"),
        pytest.param("\x7f\x80\x9b\x9f", r"\x7f\x80\x9b\x9f", id="delete-and-c1"),
        pytest.param("\u2028\u2029", r"\u2028\u2029", id="separators-of-lines"),
        pytest.param("\u202a\u202e\u2066\u2069", r"\u202a\u202e\u2066\u2069", id="text-direction"),
        pytest.param("\ud800\udfff", r"\ud800\udfff", id="lone-surrogates"),
        pytest.param("", "", id="empty"),
    ],
)
def test_output_of_a_program_keeps_its_layout_and_cannot_steer_a_terminal(text: str, expected: str) -> None:
    assert escape_controls(text) == expected


@given(st.text(st.characters(codec=None)))
def test_output_that_is_escaped_has_no_controls_but_tabs_and_line_feeds(text: str) -> None:
    escaped = escape_controls(text)
    assert not [c for c in escaped if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\t\n"]
    assert escaped.count("\n") == text.count("\n")
    escaped.encode("utf-8")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1.0 MiB"),
        (2**20, "1.0 MiB"),
        (2**30, "1.0 GiB"),
        (2**40, "1.0 TiB"),
        (5000 * 2**40, "5000.0 TiB"),
    ],
)
def test_sizes_read_as_people_read_them(size: int, expected: str) -> None:
    assert readable_size(size) == expected
