"""Redirects: chains that count down in their URLs, of every code and form, across origins, or endless. Pure.

A chain is all in its URL: `/redirect/3` leads to `/relative-redirect/2`, that to `/relative-redirect/1`, that
to the target. Options travel along; so do `pipe` and `token`, which each hop obeys. The target gets the token
and, of the pipe, only what its own URL says.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from attrs import frozen

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.asked import Answered, Asked
from fetchkit.origin.parameters import parse_count, parse_flag
from fetchkit.origin.route import Parameter, Peer, Route, path, query

__all__ = ["ROUTES"]

_CODES: Final = (301, 302, 303, 307, 308)
# Three names of the loopback interface, and so three origins on one port.
_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_PORT: Final = re.compile(r".*?(:[0-9]+)?")
# What may stand in a URI reference (RFC 3986, section 2), and % for what is encoded already.
_URI: Final = "%:/?#[]@!$&'()*+,;=-._~"
_HTTP: Final = re.compile(r"https?://[^/?#\\]+", re.IGNORECASE)
# path-noscheme (RFC 3986, section 4.2), perhaps with a query: relative to the request's own path.
_BESIDE: Final = re.compile(r"[^:/?#\\]+(?:[/?#].*)?", re.DOTALL)
_NO_CORS: Final = "no-cors"
# Among requests numbered from this one.
_NEXT: Final = 2
_OWN: Final = ("absolute", "status", "style", "across", _NO_CORS, "to")


class Style(StrEnum):
    """The form of Location (RFC 3986, section 4.2)."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    ROOT = "root"
    PROTOCOL = "protocol-relative"


@frozen
class _Chain:
    """What holds for a whole chain.

    Attributes:
        status: of every hop.
        style: of every Location.
        across: whether each hop is of another origin than the one before.
        bare: which request from here on goes without CORS, this one being 1; 0 for none.
        to: the target, empty for the usual one.
        here: the route of this hop, which its options keep it on.
    """

    status: int
    style: Style
    across: bool
    bare: int
    to: str
    here: str


def redirect(asked: Asked) -> Answered:
    """`/redirect/{n}`"""
    if any(name in asked.query for name in _OWN if name != "absolute"):
        return _hop(asked, "redirect", Style.ROOT)
    # As httpbin has it: the hops are those of the other two routes.
    absolute = "absolute" in asked.query and parse_flag(asked.query.get("absolute"), "absolute")
    return _hop(asked, *_KINDS[absolute])


def relative(asked: Asked) -> Answered:
    """`/relative-redirect/{n}`"""
    return _hop(asked, *_KINDS[False])


def absolute(asked: Asked) -> Answered:
    """`/absolute-redirect/{n}`"""
    return _hop(asked, *_KINDS[True])


_KINDS: Final = {False: ("relative-redirect", Style.ROOT), True: ("absolute-redirect", Style.ABSOLUTE)}


def loop(asked: Asked) -> Answered:
    """`/redirect/loop`"""
    for name in ("to", _NO_CORS):
        if name in asked.query:
            raise BadRequestError(f"{name}: a loop has no end, and each of its requests is the same.")
    chain = _chain(asked, "redirect", Style.ROOT)
    return _answer(chain, _location(asked, chain, "/redirect/loop", _options(asked, chain)))


def redirect_to(asked: Asked) -> Answered:
    """`/redirect-to`"""
    if "url" not in asked.query:
        raise BadRequestError("url: it says where to, and is missing.", "Write ?url=/get.")
    status = parse_count(asked.query.get("status_code", "302"), 300, 399, "status_code")
    text = asked.query.get("url")
    if _BESIDE.fullmatch(text):
        return Answer(status, [("Location", _uri(text))])
    target = _target(asked, text, "url")
    return Answer(status, [("Location", target if _is_foreign(target) else asked.prefix + target)])


def _hop(asked: Asked, here: str, style: Style) -> Answer:
    left = parse_count(asked.arguments["n"], 1, asked.settings.max_items, "n")
    chain = _chain(asked, here, style)
    if chain.bare > left + 1:
        raise BadRequestError(f"{_NO_CORS}: there are {left + 1} requests, and {chain.bare} is beyond.")
    if left > 1:
        return _answer(chain, _location(asked, chain, f"/{here}/{left - 1}", _options(asked, chain)))
    usual = "/get" if asked.method in {"GET", "HEAD"} else "/anything"
    target = _target(asked, chain.to, "to") if chain.to else usual
    if not _is_foreign(target):
        return _answer(chain, _location(asked, chain, *_to_target(asked, chain, target)))
    if chain.bare == _NEXT:
        raise BadRequestError(f"{_NO_CORS}: the target is another server's, whose answer is its own.")
    return _answer(chain, target)


def _chain(asked: Asked, here: str, style: Style) -> _Chain:
    given, wanted = asked.query, asked.query.get("style", style)
    if wanted not in set(Style):
        raise BadRequestError(f"style: {wanted!a:.80} is not one of {', '.join(Style)}.")
    plain = here == "redirect" and "style" not in given and "absolute" in given
    if plain and parse_flag(given.get("absolute"), "absolute"):
        wanted = Style.ABSOLUTE
    status = parse_count(given.get("status", "302"), 300, 399, "status")
    if status not in _CODES:
        raise BadRequestError(f"status: {status} is not one of {', '.join(map(str, _CODES))}.")
    across = "across" in given and parse_flag(given.get("across"), "across")
    if across and "style" in given and wanted in {Style.RELATIVE, Style.ROOT}:
        raise BadRequestError(f"style: a {wanted} Location stays on its origin, and across=1 leaves it.")
    if across and wanted != Style.PROTOCOL:
        wanted = Style.ABSOLUTE
    bare = (
        parse_count(given.get(_NO_CORS), 1, asked.settings.max_items + 1, _NO_CORS)
        if _NO_CORS in given
        else 0
    )
    if bare == 1 and _pipes(asked)[-1:] != [_NO_CORS]:
        raise BadRequestError(f"{_NO_CORS}: 1 is this request.", f"Write pipe={_NO_CORS}.")
    return _Chain(status, Style(wanted), across, bare, given.get("to"), here)


def _answer(chain: _Chain, location: str) -> Answer:
    return Answer(chain.status, [("Location", location)])


def _location(asked: Asked, chain: _Chain, target: str, items: Iterable[tuple[str, str]]) -> str:
    """A Location for a path below the prefix, and more items for its query."""
    before, fragment_mark, fragment = target.partition("#")
    place, mark, rest = before.partition("?")
    pairs = [
        text
        for text in (rest, "&".join(f"{name}={value}" if value else name for name, value in items))
        if text
    ]
    query_part = f"?{'&'.join(pairs)}" if pairs else mark
    below = f"{place}{query_part}{fragment_mark}{fragment}"
    host = _next_name(asked.host) if chain.across else asked.host
    match chain.style:
        case Style.ABSOLUTE:
            return f"{asked.scheme}://{host}{asked.prefix}{below}"
        case Style.PROTOCOL:
            return f"//{host}{asked.prefix}{below}"
        case Style.ROOT:
            return asked.prefix + below
        case Style.RELATIVE:
            # Two segments below the prefix: the base is the first of them (RFC 3986, section 5.2.3).
            return f"..{below}"


def _next_name(host: str) -> str:
    """The next of the three names, with the port of this one."""
    match = _PORT.fullmatch(host)
    port = (match[1] or "") if match else ""
    name = host.removesuffix(port).lower()
    place = _NAMES.index(name) if name in _NAMES else -1
    return _NAMES[(place + 1) % len(_NAMES)] + port


def _options(asked: Asked, chain: _Chain) -> list[tuple[str, str]]:
    """The query of the next hop: options as they were, the count of `no-cors` one less, its pipe put in."""
    names = {"pipe", "token", "status", "style", "across", "to"}
    if chain.here == "redirect":
        names.add("absolute")
    given = zip(asked.query.items, asked.query.pairs(), strict=True)
    items = [(name, _uri(raw)) for (_, raw), (name, _) in given if name in names]
    if chain.bare > 1:
        items.append((_NO_CORS, str(chain.bare - 1)))
    pipe = max((index for index, (name, _) in enumerate(items) if name == "pipe"), default=None)
    if chain.bare == 1 and pipe is not None:  # what was put in for this hop is not for the next
        stages = items[pipe][1].replace("%7c", "%7C").split("%7C")[:-1]
        items[pipe : pipe + 1] = [("pipe", "%7C".join(stages))] if stages else []
    elif chain.bare == _NEXT and pipe is not None:
        items[pipe] = ("pipe", f"{items[pipe][1]}%7C{_NO_CORS}")
    elif chain.bare == _NEXT:
        items.append(("pipe", _NO_CORS))
    return items


def _to_target(asked: Asked, chain: _Chain, target: str) -> tuple[str, list[tuple[str, str]]]:
    """The target, and what is added to its query."""
    own = {text.partition("=")[0] for text in target.partition("#")[0].partition("?")[2].split("&")}
    given = zip(asked.query.items, asked.query.pairs(), strict=True)
    items = [(name, _uri(raw)) for (_, raw), (name, _) in given if name == "token" and name not in own]
    if chain.bare != _NEXT:
        return target, items
    if "pipe" not in own:
        return target, [*items, ("pipe", _NO_CORS)]
    return re.sub(r"([?&]pipe=[^&#]*)", rf"\1%7C{_NO_CORS}", target, count=1), items


def _pipes(asked: Asked) -> list[str]:
    return [stage for text in asked.query.raw("pipe") for stage in text.split("|")]


def _target(asked: Asked, text: str, name: str) -> str:
    """A target as Location has it: absolute, or a path below the prefix.

    Raises:
        BadRequestError: neither, or of another scheme.
    """
    # Line ends and whatever else no header field carries are percent-encoded.
    safe = _uri(text)
    if _HTTP.match(safe) or (safe.startswith("//") and safe.strip("/")):
        return safe
    if safe.startswith("/") and not safe.startswith("//"):
        return safe.removeprefix(asked.prefix) if safe.startswith(f"{asked.prefix}/") else safe
    raise BadRequestError(
        f"{name}: {text!a:.80} is neither absolute (http, https) nor begins with a slash.",
        "Write it as /get.",
    )


def _uri(text: str) -> str:
    return quote(text, _URI, "utf-8", "surrogateescape")


def _is_foreign(target: str) -> bool:
    return target.startswith("//") or not target.startswith("/")


_N: Final = path("n", "count", "Redirects, from 1.", "3")
_STATUS: Final = query("status", "count", "301, 302, 303, 307 or 308.", "302")
_ACROSS: Final = query(
    "across", "flag", "Each hop is of another origin: localhost, 127.0.0.1 and [::1] in turn.", "0"
)
_TO: Final = query("to", "text", "The target: absolute, or a path of the origin.", "/get")
_BARE: Final = query(_NO_CORS, "count", "Which request of the chain is answered without CORS, from 2.")
_STYLE: Final = query(
    "style", "text", "Form of Location: absolute, relative, root or protocol-relative.", "root"
)
_OPTIONS: Final[tuple[Parameter, ...]] = (_STATUS, _STYLE, _ACROSS, _BARE, _TO)
_ABSOLUTE: Final = query("absolute", "flag", "Absolute Locations.", "0")
_BOTH: Final = (Peer.HTTPBIN, Peer.GO)
_ALL: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ONLY_302: Final = "Both have GET and 302 alone and no limit of n; httpbin fails for 0."

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        _ALL,
        "/redirect/loop",
        loop,
        "A redirect to itself, without an end.",
        (_STATUS, _STYLE, _ACROSS),
        group="Redirects",
    ),
    Route(
        _ALL,
        "/redirect/{n}",
        redirect,
        "A chain of redirects.",
        (_N, _ABSOLUTE, *_OPTIONS),
        _BOTH,
        _ONLY_302,
        group="Redirects",
    ),
    Route(
        _ALL,
        "/relative-redirect/{n}",
        relative,
        "A chain of redirects whose Locations are paths.",
        (_N, *_OPTIONS),
        _BOTH,
        _ONLY_302,
        group="Redirects",
    ),
    Route(
        _ALL,
        "/absolute-redirect/{n}",
        absolute,
        "A chain of redirects whose Locations are absolute.",
        (_N, *_OPTIONS),
        _BOTH,
        _ONLY_302,
        group="Redirects",
    ),
    Route(
        (*_ALL, "TRACE"),
        "/redirect-to",
        redirect_to,
        "A redirect to a URL.",
        (
            query("url", "text", "Absolute, relative, or a path of the origin, which gains its prefix."),
            query("status_code", "count", "300 to 399.", "302"),
        ),
        _BOTH,
        "httpbin takes what is no 3xx for 302, and puts any scheme into Location.",
        group="Redirects",
    ),
)
