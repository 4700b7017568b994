"""Console calls and uncaught errors of workers as text."""

from typing import Any

import pytest

from fetchkit.browser.console import console_text, exception_text, log_text


@pytest.mark.parametrize(
    ("kind", "stream"),
    [
        ("log", "stdout"),
        ("info", "stdout"),
        ("debug", "stdout"),
        ("dir", "stdout"),
        ("timeEnd", "stdout"),
        ("startGroup", "stdout"),
        ("warning", "stderr"),
        ("warn", "stderr"),
        ("error", "stderr"),
        ("trace", "stderr"),
        ("clear", ""),
        ("endGroup", ""),
    ],
)
def test_every_kind_has_its_stream(kind: str, stream: str) -> None:
    text = "t" if stream else ""
    assert console_text({"type": kind, "args": [{"type": "string", "value": "t"}]}) == (stream, text)
    assert log_text({"method": kind, "args": [{"type": "string", "value": "t"}]}) == (stream, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"type": "string", "value": 'a "b"\n'}, 'a "b"\n'),
        ({"type": "string", "value": ""}, ""),
        ({"type": "number", "value": 1.5}, "1.5"),
        ({"type": "number", "value": 3}, "3"),
        ({"type": "number", "unserializableValue": "-0"}, "-0"),
        ({"type": "number", "unserializableValue": "NaN"}, "NaN"),
        ({"type": "bigint", "unserializableValue": "3n"}, "3n"),
        ({"type": "boolean", "value": True}, "true"),
        ({"type": "object", "subtype": "null", "value": None}, "null"),
        ({"type": "undefined"}, "undefined"),
        ({"type": "object", "description": "Array(2)"}, "Array(2)"),
        ({"type": "object", "subtype": "error", "description": "Error: x\n    at f"}, "Error: x\n    at f"),
        ({"type": "symbol", "description": "Symbol(s)"}, "Symbol(s)"),
    ],
)
def test_values_of_chromium_are_written_as_people_write_them(value: dict[str, Any], text: str) -> None:
    assert console_text({"type": "log", "args": [value, {"type": "string", "value": "|"}]}) == (
        "stdout",
        f"{text} |",
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"type": "string", "value": "a"}, "a"),
        ({"type": "number", "value": 1.5}, "1.5"),
        ({"type": "number", "value": "-0"}, "-0"),
        ({"type": "bigint", "value": "3"}, "3n"),
        ({"type": "boolean", "value": False}, "false"),
        ({"type": "null"}, "null"),
        ({"type": "undefined"}, "undefined"),
        ({"type": "array", "value": [{"type": "number", "value": 1}, {"type": "null"}]}, "[1, null]"),
        ({"type": "array"}, "array"),
        ({"type": "object", "value": [["a", {"type": "number", "value": 1}]]}, "object"),
    ],
)
def test_values_of_bidi_are_written_as_people_write_them(value: dict[str, Any], text: str) -> None:
    assert log_text({"method": "log", "args": [value, {"type": "string", "value": "|"}]}) == (
        "stdout",
        f"{text} |",
    )


@pytest.mark.parametrize(("values", "text"), [(["why"], "Assertion failed: why"), ([], "Assertion failed")])
def test_an_assertion_says_that_it_failed(values: list[str], text: str) -> None:
    args = [{"type": "string", "value": value} for value in values]
    assert console_text({"type": "assert", "args": args}) == ("stderr", text)


def test_an_uncaught_error_has_its_stack() -> None:
    details = {
        "text": "Uncaught",
        "exception": {"type": "object", "description": "Error: x\n    at f (u:1:2)"},
    }
    assert exception_text(details) == "Uncaught Error: x\n    at f (u:1:2)"
    assert exception_text({"text": "Uncaught", "exception": {"type": "number", "value": 3}}) == "Uncaught 3"
    assert exception_text({"text": "Uncaught SyntaxError"}) == "Uncaught SyntaxError"
