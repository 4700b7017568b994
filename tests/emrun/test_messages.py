"""The grammar of what pages say: every body is a message, however bad."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetchkit.emrun.messages import (
    Ended,
    Loaded,
    Message,
    Printed,
    Reported,
    dumped_name,
    parse_log,
    parse_message,
    parse_result,
)


def encode_uri_component(text: str) -> str:
    """As JavaScript has it (ECMA-262, encodeURIComponent)."""
    return quote(text, safe="!'()*-._~")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"^pageload^", Loaded()),
        (b"^out^1^hello", Printed("stdout", "hello", 1)),
        (b"^err^2^hello", Printed("stderr", "hello", 2)),
        (b"^out^3^", Printed("stdout", "", 3)),
        (b"^out^4^a%20b%0Ac", Printed("stdout", "a b\nc", 4)),
        (b"^out^5^^exit^1", Printed("stdout", "^exit^1", 5)),
        (b"^out^007^x", Printed("stdout", "x", 7)),
        (b"^out^0^x", Printed("stdout", "x", 0)),
        (b"^fetchkit^1^d%5B%5D", Reported("d[]", 1)),
        (b"^exit^0", Ended(0)),
        (b"^exit^-1", Ended(-1)),
        (b"^exit^4294967295", Ended(4294967295)),
        (b"^exit^ 3\n", Ended(3)),
    ],
)
def test_a_message_is_read(body: bytes, message: Message) -> None:
    assert parse_message(body) == message


@pytest.mark.parametrize(
    ("sent", "printed"),
    [
        (b"a+b", "a+b"),
        (b"100%", "100%"),
        (b"%user %u0041", "%user %u0041"),
        (b"%zz%4", "%zz%4"),
        (b"%2525", "%25"),
        (b"%E2%82%AC", "€"),
        ("€".encode(), "€"),
        (b"%ff", "\ufffd"),
        (b"\xff", "\ufffd"),
        (b"%ED%A0%80", "\ufffd\ufffd\ufffd"),
        (b"%00%1b[2J", "\0\x1b[2J"),
    ],
)
def test_text_is_decoded_once_and_what_is_no_escape_stays_itself(sent: bytes, printed: str) -> None:
    assert parse_message(b"^out^1^" + sent) == Printed("stdout", printed, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"hello", b"a%20b+c", b"^", b"^^", b"^out^", b"^out^5", b"^out^5x^y", b"^out^-5^x", b"^out^^x",
        b"^out^ 5^x", b"^OUT^1^x", b" ^out^1^x", b"^pageload", b"^pageload^ ", b"^pageload^^pageload^",
        b"^fetchkit^x^y", b"^other^1^x", "^out^٣^x".encode(), b"^out^" + b"9" * 100_000,
    ],
)  # fmt: skip
def test_what_follows_no_rule_is_text_as_it_is(body: bytes) -> None:
    assert parse_message(body) == Printed("stdout", body.decode())


@pytest.mark.parametrize("digits", [17, 5000])
def test_a_number_that_no_page_can_count_to_is_none(digits: int) -> None:
    number = b"9" * digits
    assert parse_message(b"^err^" + number + b"^a%20b") == Printed("stderr", "a b", None)
    assert parse_message(b"^fetchkit^" + number + b"^x") == Reported("x", None)


@pytest.mark.parametrize(
    "status",
    [b"", b"undefined", b"NaN", b"1.5", b"+1", b"--1", b"0x10", b"1 2", b"9" * 5000, b"\xff", "٣".encode()],
)
def test_a_status_that_is_no_number_is_none(status: bytes) -> None:
    assert parse_message(b"^exit^" + status) == Ended(None)


@settings(deadline=None)  # of a machine that is busy
@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 2**53))
def test_whatever_a_page_prints_comes_out_as_it_was(text: str, number: int) -> None:
    body = f"^out^{number}^{encode_uri_component(text)}".encode()
    assert parse_message(body) == Printed("stdout", text, number)


@settings(deadline=None)  # of a machine that is busy
@given(
    st.sampled_from([b"", b"^", b"^out^", b"^err^1^", b"^exit^", b"^pageload^", b"^fetchkit^2^"]), st.binary()
)
def test_every_body_is_a_message(beginning: bytes, rest: bytes) -> None:
    assert isinstance(parse_message(beginning + rest), Message)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("file=a.dat", "a.dat"),
        ("file=nested/with%20space.dat", "nested/with space.dat"),
        ("file=a&b=c.dat", "a&b=c.dat"),
        ("file=a+b%2525?", "a+b%25?"),
        ("file=", ""),
        ("file=100%", "100%"),
        ("file=%E2%82%AC", "€"),
        ("file=\udce2\udc82\udcac", "€"),
    ],
)
def test_the_name_of_a_file_is_all_that_follows(query: str, name: str) -> None:
    assert dumped_name(f"/a/stdio.html?{query}") == name


@pytest.mark.parametrize("target", ["/stdio.html", "/stdio.html?", "/stdio.html?x=1&file=a", "/file=a"])
def test_without_a_name_it_is_a_message(target: str) -> None:
    assert dumped_name(target) is None


@pytest.mark.parametrize(
    ("result", "messages"),
    [
        ("exit:0", [Ended(0, harness=True)]),
        ("exit:42", [Ended(42, harness=True)]),
        ("exit:undefined", [Ended(None, harness=True)]),
        ("exit%3A3", [Ended(3, harness=True)]),
        ("7", [Ended(7, harness=True)]),
        ("-1", [Ended(-1, harness=True)]),
        ("0|http://localhost:8888/test.html?x=1", [Ended(0, harness=True)]),
        (
            "abort:no%20memory",
            [Printed("stderr", "abort: no memory", harness=True), Ended(134, harness=True)],
        ),
        (
            "exception:x%20is%20not%20defined%20/%20at%20f",
            [Printed("stderr", "exception: x is not defined / at f", harness=True), Ended(1, harness=True)],
        ),
        (
            "exception:unreachable%20/%20RuntimeError:%20unreachable",
            [
                Printed("stderr", "exception: unreachable / RuntimeError: unreachable", harness=True),
                Ended(134, harness=True),
            ],
        ),
        ("skipped:%20no%20GPU", [Printed("stdout", "skipped: no GPU", harness=True), Ended(0, harness=True)]),
        ("passed", [Printed("stdout", "report_result: passed", harness=True), Ended(0, harness=True)]),
        ("OK", [Printed("stdout", "report_result: OK", harness=True), Ended(0, harness=True)]),
        ("a+b%7Cc", [Printed("stdout", "report_result: a+b|c", harness=True), Ended(1, harness=True)]),
        (
            "pageThrewException",
            [Printed("stdout", "report_result: pageThrewException", harness=True), Ended(1, harness=True)],
        ),
        ("", [Printed("stdout", "report_result: ", harness=True), Ended(1, harness=True)]),
        (
            "%ff:exit:0",
            [Printed("stdout", "report_result: \ufffd:exit:0", harness=True), Ended(1, harness=True)],
        ),
    ],
)
def test_a_result_of_the_harness_becomes_an_end(result: str, messages: list[Message]) -> None:
    assert list(parse_result(f"/report_result?{result}")) == messages


@settings(deadline=None)  # of a machine that is busy
@given(st.text())
def test_every_result_is_an_end(result: str) -> None:
    assert isinstance(parse_result(f"/report_result?{result}")[-1], Ended)


@pytest.mark.parametrize(
    ("query", "printed"),
    [
        ("stdout=a%20b", Printed("stdout", "a b", harness=True)),
        ("stderr=a&b+c", Printed("stderr", "a&b+c", harness=True)),
        ("exception=x%20/%20y", Printed("stderr", "x / y", harness=True)),
        ("stdout=", Printed("stdout", "", harness=True)),
        ("x=1&stdout=a", None),
        ("stdouts=a", None),
        ("", None),
    ],
)
def test_older_harnesses_log_in_the_query(query: str, printed: Printed | None) -> None:
    assert parse_log(f"/?{query}") == printed
