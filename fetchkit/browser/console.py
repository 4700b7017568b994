"""What a console call or an uncaught error of a worker says, as the protocols tell it. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["console_text", "exception_text", "log_text"]

_STDERR: Final = {"assert", "error", "trace", "warn", "warning"}
_SILENT: Final = {"clear", "endGroup", "profile", "profileEnd"}


def console_text(call: Mapping[str, Any]) -> tuple[str, str]:
    """Of `Runtime.consoleAPICalled`: the stream, empty where it prints nothing, and the text."""
    return _printed(call["type"], " ".join(map(_shown, call["args"])))


def log_text(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Of `log.entryAdded`, likewise."""
    return _printed(entry["method"], " ".join(str(_plain(value)) for value in entry["args"]))


def _printed(kind: str, text: str) -> tuple[str, str]:
    if kind in _SILENT:
        return "", ""
    if kind == "assert":
        text = f"Assertion failed: {text}".removesuffix(": ")
    return ("stderr" if kind in _STDERR else "stdout"), text


def exception_text(details: Mapping[str, Any]) -> str:
    """Of `Runtime.exceptionThrown`: an uncaught error, with its stack where it has one."""
    thrown = details.get("exception")
    return f"{details['text']} {_shown(thrown)}" if thrown is not None else str(details["text"])


def _shown(value: Mapping[str, Any]) -> str:
    if value["type"] == "string":
        return str(value.get("value", ""))
    if "value" in value:
        return json.dumps(value["value"], ensure_ascii=False)
    return str(value.get("unserializableValue") or value.get("description") or value["type"])


def _plain(value: Mapping[str, Any]) -> Any:
    """WebDriver BiDi's values (its section 7.6.2.2) as people write them."""
    kind, inner = value["type"], value.get("value")
    if kind == "bigint":
        return f"{inner}n"
    if kind == "array" and inner is not None:
        return f"[{', '.join(str(_plain(item)) for item in inner)}]"
    if kind in {"boolean", "null"}:
        return json.dumps(inner)
    if kind in {"string", "number"}:
        return inner
    return kind
