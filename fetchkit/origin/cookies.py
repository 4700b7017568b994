"""Cookies: told back, set and deleted (RFC 6265)."""

import re
from collections.abc import Iterable
from typing import Final

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.asked import Asked, json_answer
from fetchkit.origin.fields import check_field
from fetchkit.origin.parameters import parse_flag
from fetchkit.origin.route import Peer, Route, path, query
from fetchkit.origin.settings import Shape

__all__ = ["ROUTES", "cookies_of", "set_cookie"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# cookie-octet (section 4.1.1); a space or a comma is sent within quotes, as both peers do.
_VALUE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_QUOTED_VALUE: Final = re.compile(r"[\x20\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE_VALUE: Final = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_ATTRIBUTE: Final = re.compile(r"attr\[([A-Za-z-]+)\]")
_FLAGS: Final = {"secure": "Secure", "httponly": "HttpOnly", "partitioned": "Partitioned"}
_VALUED: Final = {
    "path": "Path",
    "domain": "Domain",
    "samesite": "SameSite",
    "max-age": "Max-Age",
    "expires": "Expires",
}
_GONE: Final = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
_OWN: Final = ("pipe", "token")


def cookies_of(asked: Asked) -> dict[str, str]:
    """The cookies of a request; of two with one name the first, whose path is longer (section 5.4)."""
    found: dict[str, str] = {}
    for line in asked.headers.getall("Cookie", ()):
        for item in line.split(";"):
            name, equals, value = item.strip(" \t").partition("=")
            if not equals:
                continue
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            found.setdefault(name, value)
    return found


def set_cookie(name: str, value: str, attributes: Iterable[str] = ()) -> tuple[str, str]:
    """A Set-Cookie field.

    Raises:
        BadRequestError: a cookie cannot have that name or value.
    """
    if not _NAME.fullmatch(name):
        raise BadRequestError(f"{name!a:.80} is no name of a cookie.")
    if not _VALUE.fullmatch(value):
        if not _QUOTED_VALUE.fullmatch(value):
            raise BadRequestError(
                f"The cookie {name} cannot have that value.",
                "A value is ASCII without control characters, quotes, semicolons and backslashes.",
            )
        value = f'"{value}"'
    line = "; ".join((f"{name}={value}", *attributes))
    check_field("Set-Cookie", line, dangerous=False)  # our own cookie is not for them
    return "Set-Cookie", line


def show(asked: Asked) -> Answer:
    """Tell the cookies back."""
    found = cookies_of(asked)
    return json_answer(found if asked.settings.shape is Shape.GO_HTTPBIN else {"cookies": found})


def set_many(asked: Asked) -> Answer:
    """Set the cookies of the query."""
    cookies, attributes = _taken_apart(asked)
    return _to_the_list(asked, [set_cookie(name, value, attributes) for name, value in cookies])


def set_one(asked: Asked) -> Answer:
    """Set the cookie of the path."""
    _, attributes = _taken_apart(asked)
    return _to_the_list(asked, [set_cookie(asked.arguments["name"], asked.arguments["value"], attributes)])


def delete(asked: Asked) -> Answer:
    """Delete the cookies that the query names."""
    cookies, attributes = _taken_apart(asked)
    return _to_the_list(asked, [set_cookie(name, "", (_GONE, *attributes)) for name, _ in cookies])


def _taken_apart(asked: Asked) -> tuple[list[tuple[str, str]], list[str]]:
    """Cookies, and the attributes that all of them get."""
    attributes = {"path": f"Path={asked.prefix}"}
    if asked.settings.shape is Shape.GO_HTTPBIN:
        attributes["httponly"] = "HttpOnly"
    elif asked.scheme == "https":
        attributes["secure"] = "Secure"
    cookies: dict[str, str] = {}
    for name, value in asked.query.without(_OWN).pairs():
        match = _ATTRIBUTE.fullmatch(name)
        if match is None:
            cookies.setdefault(name, value)
            continue
        kind = match[1].lower()
        if kind in _FLAGS:
            attributes.pop(kind, None)
            if parse_flag(value, name):
                attributes[kind] = _FLAGS[kind]
        elif kind in _VALUED:
            if not _ATTRIBUTE_VALUE.fullmatch(value):
                raise BadRequestError(f"{name}: no attribute of a cookie has that value.")
            attributes[kind] = f"{_VALUED[kind]}={value}"
        else:
            known = ", ".join((*_VALUED.values(), *_FLAGS.values()))
            raise BadRequestError(f"{name:.80} is no attribute of a cookie.", f"There are {known}.")
    return list(cookies.items()), list(attributes.values())


def _to_the_list(asked: Asked, fields: list[tuple[str, str]]) -> Answer:
    return Answer(302, [("Location", f"{asked.prefix}/cookies"), *fields])


_BOTH: Final = (Peer.HTTPBIN, Peer.GO)
_GROUP: Final = "Cookies"
_ATTRIBUTES: Final = query(
    "attr[NAME]",
    "text",
    "An attribute for all of them: Path, Domain, Max-Age, Expires, SameSite, Secure, HttpOnly, Partitioned.",
)
_PATHS: Final = (
    "Path is the origin's prefix, so that the app beside it is not sent the cookies; a value that no cookie "
    "can have is a 400."
)

ROUTES: Final[tuple[Route, ...]] = (
    Route(("GET",), "/cookies", show, "Tells the request's cookies back.", peers=_BOTH, group=_GROUP),
    Route(
        ("GET",),
        "/cookies/set",
        set_many,
        "Sets the cookies of the query, and redirects to the list.",
        (query("NAME", "text", "A cookie and its value, any number of them."), _ATTRIBUTES),
        _BOTH,
        _PATHS,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/cookies/set/{name}/{value}",
        set_one,
        "Sets one cookie, and redirects to the list.",
        (
            path("name", "text", "Its name.", "colour"),
            path("value", "text", "Its value.", "blue"),
            _ATTRIBUTES,
        ),
        (Peer.HTTPBIN,),
        _PATHS,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/cookies/delete",
        delete,
        "Deletes the cookies that the query names, and redirects to the list.",
        (query("NAME", "text", "A cookie, any number of them."), _ATTRIBUTES),
        _BOTH,
        "Cookies with another Path or Domain are deleted with the same attributes, `attr[Path]=/`.",
        group=_GROUP,
    ),
)
