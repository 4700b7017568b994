"""What differs between two answers, once everything is made alike that has to differ."""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Mapping
from enum import Enum
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import brotli  # type: ignore[import-untyped]
from attrs import frozen

from fetchkit.http.dates import parse_http_date

from .client import Reply
from .digest import challenge_of

__all__ = ["Difference", "View", "differences"]

# Compared in every case.
_FIELDS = (
    "Accept-Ranges", "Allow", "Cache-Control", "Content-Encoding", "Content-Range", "Content-Type", "ETag",
    "Last-Modified", "Location", "Proxy-Authenticate", "Retry-After", "Set-Cookie", "Vary",
    "WWW-Authenticate", "X-More-Info",
)  # fmt: skip
# Compared where the request has an Origin, and where a case is about them.
_CORS = (
    "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
)  # fmt: skip
_SETS = frozenset({"Allow", "Access-Control-Allow-Methods", "Access-Control-Expose-Headers", "Vary"})
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# As httpbin makes its ETag of /cache.
_HEX_TAG = re.compile(r"[0-9a-f]{32}")
_LINK = re.compile(r"<a href=[\"']([^\"']*)[\"']>([^<]*)</a>")


class View(Enum):
    """How bodies are compared."""

    EXACT = "as JSON member by member, else byte by byte"
    SIZE = "by their size: the bytes are random"
    OWN = "by whether there is one: each server has its own picture, text or page"
    LINES = "line by line, each of them JSON"
    LINKS = "by their links"


@frozen
class Difference:
    """Two values of one aspect of an answer."""

    there: object
    here: object


def differences(
    there: tuple[str, Reply], here: tuple[str, Reply], view: View, *, with_cors: bool
) -> dict[str, Difference]:
    """What differs between the answers of two servers, each with its base URL: by aspect.

    An aspect is `status`, `framing`, `body`, the name of a field, `json NAME` for a member of the body, or
    `WWW-Authenticate NAME` for a parameter of Digest.
    """
    ours, theirs = _aspects(*here, view, with_cors=with_cors), _aspects(*there, view, with_cors=with_cors)
    if "body" in ours and "body" not in theirs:
        theirs = {name: value for name, value in theirs.items() if not name.startswith("json")}
        theirs["body"] = "another"
    elif "body" in theirs and "body" not in ours:
        ours = {name: value for name, value in ours.items() if not name.startswith("json")}
        ours["body"] = "another"
    return {
        name: Difference(theirs.get(name), ours.get(name))
        for name in sorted({*theirs, *ours})
        if theirs.get(name) != ours.get(name)
    }


def _aspects(base: str, reply: Reply, view: View, *, with_cors: bool) -> dict[str, object]:
    alike = _alike(base)
    found: dict[str, object] = {"status": reply.status, "framing": _framing(reply)}
    for name in (*_FIELDS, *(_CORS if with_cors else ())):
        value = _field(name, reply, alike)
        if name == "WWW-Authenticate" and value and value.startswith("Digest "):
            found |= _challenge(value)
            continue
        if name == "Vary" and not with_cors:
            value = [member for member in value or () if member != "Origin"] or None
        if value is not None:
            found[name] = value
    return found | _body(reply, view, alike)


def _alike(base: str) -> Callable[[str], str]:
    """What makes a text of one server the text of any."""
    place = urlsplit(base)

    def alike(text: str) -> str:
        if place.path:
            text = text.replace(f"Path={place.path}", "Path=/")
            text = re.sub(rf"{place.path}(?=/)", "", text)
        return text.replace(place.netloc, "HOST")

    return alike


def _framing(reply: Reply) -> str:
    if not reply.complete:
        return "cut"
    if reply.all("Transfer-Encoding"):
        return "chunked"
    lengths = reply.all("Content-Length")
    return "length" if len(lengths) == 1 else "no length" if not lengths else "several lengths"


def _field(name: str, reply: Reply, alike: Callable[[str], str]) -> Any:
    lines = [alike(line) for line in reply.all(name)]
    if not lines:
        return None
    whole = ", ".join(lines)
    match name:
        case "Set-Cookie":
            return sorted(map(_cookie, lines))
        case "Last-Modified":
            return "DATE" if parse_http_date(whole) is not None else whole
        case "ETag" if _HEX_TAG.fullmatch(whole):
            return "RANDOM, unquoted"
        case _ if name in _SETS:
            return sorted({member.strip() for member in whole.split(",")})
    return whole.lower().replace(" ", "") if name == "Content-Type" else whole


def _challenge(value: str) -> dict[str, object]:
    """The parameters, each an aspect of its own; `stale` knows no case (RFC 7616, section 3.3)."""
    found = {f"WWW-Authenticate {name}": text for name, text in challenge_of(value).items()}
    found |= dict.fromkeys(("WWW-Authenticate nonce", "WWW-Authenticate opaque"), "RANDOM")
    return {
        "WWW-Authenticate": "Digest",
        **found,
        "WWW-Authenticate stale": found["WWW-Authenticate stale"].lower(),
    }


def _cookie(line: str) -> str:
    """A cookie in a spelling that does not depend on order, case, or zone of attributes."""
    ((name, morsel),) = SimpleCookie(line).items()
    attributes = sorted(f"{key.lower()}={value}" for key, value in morsel.items() if value)
    random = name == "last_nonce"
    return "; ".join((f"{name}={'RANDOM' if random else morsel.value}", *attributes))


def _body(reply: Reply, view: View, alike: Callable[[str], str]) -> dict[str, object]:
    body = _decoded(reply)
    match view:
        case View.SIZE:
            return {"body": f"{len(body)} bytes"}
        case View.OWN:
            return {"body": "one" if body else "none"}
        case View.LINKS:
            return {"body": [(alike(target), text) for target, text in _LINK.findall(body.decode())]}
        case View.LINES:
            return {"body": [_json(json.loads(line), alike) for line in body.splitlines()]}
        case View.EXACT:
            pass
    is_json = (
        body and reply.status != 206 and reply.complete and reply.get("Content-Type") == "application/json"
    )
    value = json.loads(body) if is_json else None
    if isinstance(value, dict):
        return {f"json {name}": _json(member, alike) for name, member in value.items()}
    if value is not None:
        return {"json": value}
    return {"body": alike(body.decode("latin-1"))} if body else {"body": ""}


def _decoded(reply: Reply) -> bytes:
    if not reply.body:  # of HEAD
        return b""
    match reply.get("Content-Encoding"):
        case "gzip":
            return gzip.decompress(reply.body)
        case "deflate":
            return zlib.decompress(reply.body)
        case "br":
            return bytes(brotli.decompress(reply.body))
    return reply.body


def _json(value: Any, alike: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return "UUID" if _UUID.fullmatch(value) else alike(value)
    if isinstance(value, list):
        return [_json(item, alike) for item in value]
    if isinstance(value, Mapping):
        return {alike(name): _json(member, alike) for name, member in value.items()}
    return value
