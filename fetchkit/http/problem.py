"""Error bodies: problem+json (RFC 9457) for programs, a page for a browser's navigation.

Pure: an error in, a content type and bytes out.
"""

import html
import json
import re
from string import Template

from fetchkit.errors import HttpError

__all__ = ["problem_json", "problem_page", "problem_type", "wants_page"]


def problem_type(error: HttpError) -> str:
    """The URI that names the kind of problem: one a title, stable (RFC 9457, section 3.1.1)."""
    return "urn:fetchkit:" + re.sub(r"[^a-z0-9]+", "-", error.title.lower()).strip("-")


def problem_json(error: HttpError) -> bytes:
    """`type`, `title`, `status`, `detail`, and `hint` where something can be done."""
    members: dict[str, str | int] = {
        "type": problem_type(error),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    if error.hint:
        members["hint"] = error.hint
    # ASCII only: text from a request may hold lone surrogates, which have no UTF-8.
    return json.dumps(members, indent=2).encode("ascii") + b"\n"


def problem_page(error: HttpError, template: Template, markup: str = "") -> bytes:
    """The same for people; everything that came with the request is escaped. `markup` goes into the head."""
    values = {"title": error.title, "detail": error.detail, "hint": error.hint}
    escaped = {name: html.escape(text) for name, text in values.items()}
    return template.substitute(escaped, status=error.status, markup=markup).encode("utf-8", "replace")


def wants_page(accept: str | None, sec_fetch_mode: str | None) -> bool:
    """Whether a browser navigates here; old browsers send no Sec-Fetch-Mode, only Accept."""
    if sec_fetch_mode is not None:
        return sec_fetch_mode == "navigate"
    return accept is not None and "text/html" in accept
