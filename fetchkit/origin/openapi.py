"""The catalogue as an OpenAPI 3.1 document, for programs. Pure."""

import json
from typing import Any

from fetchkit.origin.catalogue import ROUTES, shown_pattern
from fetchkit.origin.faults.table import FAULTS
from fetchkit.origin.route import Parameter, Place, Route
from fetchkit.version import VERSION

__all__ = ["describe"]

_TYPES = {"count": "integer", "number": "number", "flag": "boolean"}


def describe(prefix: str) -> bytes:
    """The document.

    Args:
        prefix: where the origin lives.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        methods = paths.setdefault(prefix + shown_pattern(route.pattern), {})
        for method in route.methods:
            methods[method.lower()] = _operation(route, method)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "fetchkit's test origin",
            "version": VERSION,
            "description": "Paths of httpbin and go-httpbin made right, and faults as a pipe on each.",
        },
        "paths": paths,
        "components": {"parameters": {"pipe": _pipe(), "token": _token()}},
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _operation(route: Route, method: str) -> dict[str, Any]:
    own = {parameter.name for parameter in route.parameters}  # a name may stand once in a place
    shared = [{"$ref": f"#/components/parameters/{name}"} for name in ("pipe", "token") if name not in own]
    operation: dict[str, Any] = {
        "operationId": f"{method.lower()} {shown_pattern(route.pattern)}",
        "summary": route.help,
        "tags": [route.group],
        "parameters": [*map(_parameter, route.parameters), *shared],
        "responses": {"default": {"description": "as the summary says, unless the pipe says otherwise"}},
    }
    if route.differs:
        operation["description"] = f"Unlike elsewhere: {route.differs}"
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES.get(parameter.kind, "string")}
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place.value,
        "required": parameter.place is Place.PATH,
        "description": parameter.help,
        "schema": schema,
    }
    if parameter.default:
        described["description"] += f" Default: {parameter.default}."
    if parameter.example:
        described["example"] = int(parameter.example) if schema["type"] == "integer" else parameter.example
    return described


def _pipe() -> dict[str, Any]:
    functions = "; ".join(f"{name}({fault.usage})" if fault.usage else name for name, fault in FAULTS.items())
    return {
        "name": "pipe",
        "in": "query",
        "description": f"Faults, applied from left to right, joined by |: {functions}.",
        "schema": {"type": "string"},
        "example": "delay(200ms)|cut(50%)",
    }


def _token() -> dict[str, Any]:
    return {
        "name": "token",
        "in": "query",
        "description": "A name of your own: what is seen under it is remembered, and calls are counted.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._~-]{1,128}$"},
    }
