"""The catalogue as a page that a person can read and try. Pure."""

import html
import re
from string import Template
from typing import Final

from attrs import fields

from fetchkit.origin.catalogue import grouped, shown_pattern
from fetchkit.origin.faults.fault import Fault
from fetchkit.origin.faults.table import GROUPS
from fetchkit.origin.parameters import readable
from fetchkit.origin.route import Parameter, Place, Route
from fetchkit.origin.settings import Origin

__all__ = ["catalogue_page"]

_CODE: Final = re.compile(r"`([^`]+)`")


def catalogue_page(prefix: str, settings: Origin, template: Template) -> bytes:
    """The page.

    Args:
        prefix: where the origin lives.
        settings: the limits that it tells.
        template: `static/pages/origin.html`.
    """
    routes = "".join(_group(name, [_route(prefix, route) for route in rows]) for name, rows in grouped())
    faults = "".join(_group(name, [_fault(fault) for fault in rows]) for name, rows in GROUPS.items())
    values = {"prefix": html.escape(prefix), "routes": routes, "faults": faults, "limits": _limits(settings)}
    return template.substitute(values).encode()


def _group(name: str, rows: list[str]) -> str:
    return f"<h3>{html.escape(name)}</h3>\n<dl>\n{''.join(rows)}</dl>\n"


def _route(prefix: str, route: Route) -> str:
    pattern = shown_pattern(route.pattern)
    methods = " ".join(route.methods)
    peers = "".join(f" <span class=tag>{peer}</span>" for peer in route.peers)
    differs = f"<p class=differs>{_text(route.differs)}</p>" if route.differs else ""
    attributes = f'data-method="{route.methods[0]}" data-path="{html.escape(prefix + _example(route))}"'
    return (
        f"<div class=entry><dt><span class=methods>{methods}</span> <button type=button {attributes}>"
        f"{html.escape(pattern)}</button>{peers}</dt>"
        f"<dd><p>{_text(route.help)}</p>{differs}{_parameters(route.parameters)}</dd></div>\n"
    )


def _example(route: Route) -> str:
    """The pattern with its examples in place of the names."""
    path = shown_pattern(route.pattern)
    for parameter in route.parameters:
        if parameter.place is Place.PATH:
            path = path.replace(f"{{{parameter.name}}}", parameter.example)
    return path


def _parameters(parameters: tuple[Parameter, ...]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<li><code>{html.escape(p.name)}</code> {_text(p.help)}"
        f"{f' <span class=default>Default: {html.escape(p.default)}</span>' if p.default else ''}</li>"
        for p in parameters
    )
    return f"<ul>{rows}</ul>"


def _fault(fault: type[Fault]) -> str:
    call = f"{fault.name}({fault.usage})" if fault.usage else fault.name
    return (
        f'<div class=entry><dt><button type=button data-fault="{html.escape(fault.name)}"'
        f' data-usage="{html.escape(fault.usage)}">{html.escape(call)}</button></dt>'
        f"<dd><p>{_text(fault.help)}</p></dd></div>\n"
    )


def _limits(settings: Origin) -> str:
    shown = []
    for attribute in fields(type(settings)):
        value, name = getattr(settings, attribute.name), attribute.name.replace("_", "-")
        text = readable(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
        shown.append(f"<li><code>{name}</code> {html.escape(text)}</li>")
    return "".join(shown)


def _text(text: str) -> str:
    """A sentence; what stands in backticks is code."""
    return _CODE.sub(r"<code>\1</code>", html.escape(text))
