"""What was asked, told back: method, URL, headers, and the body in every form that it can be read."""

import base64
import os
import re
import uuid
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from attrs import field, frozen

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer, whole
from fetchkit.origin.asked import Asked, json_answer, text_answer
from fetchkit.origin.forms import Form, media_type_of, parse_form, parse_json
from fetchkit.origin.route import Body, Parameter, Peer, Route, path, query
from fetchkit.origin.settings import Shape
from fetchkit.version import VERSION

__all__ = ["ROUTES", "WITHOUT_BODY", "WITH_BODY", "collected", "echo"]

# The keys of httpbin's answers.
WITHOUT_BODY: Final = ("args", "headers", "origin", "url")
WITH_BODY: Final = ("args", "data", "files", "form", "headers", "json", "origin", "url")
_EVERYTHING: Final = (*WITH_BODY[:6], "method", *WITH_BODY[6:])
_OF_THE_BODY: Final = frozenset({"data", "files", "form", "json"})
# What proxies add on the way; httpbin hides it unless `show_env` is asked for.
_FROM_PROXIES: Final = frozenset(
    {
        "Connect-Time", "Total-Route-Time", "Via", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto",
        "X-Forwarded-Protocol", "X-Forwarded-Ssl", "X-Heroku-Dynos-In-Use", "X-Heroku-Queue-Depth",
        "X-Heroku-Queue-Wait-Time", "X-Real-Ip", "X-Request-Id", "X-Request-Start", "X-Varnish",
    }
)  # fmt: skip
_BINARY: Final = "application/octet-stream"
# How `surrogateescape` keeps a byte (PEP 383).
_NO_UTF8: Final = re.compile("[\udc80-\udcff]")
# Whose variables /env shows: those that were named for it.
# Clients repeat the names of their fields; the bound is there for one that makes them up.
_REMEMBERED: Final = 256
_ENVIRONMENT: Final = "HTTPBIN_ENV_"


@frozen
class _Read:
    """A request's body in every form.

    Attributes:
        data: as text, or as a data: URL.
        form: fields and files.
        value: as JSON; None where it is none.
    """

    data: str = ""
    form: Form = field(factory=Form)
    value: Any = None


def echo(asked: Asked, *keys: str) -> dict[str, Any]:
    """The members of an answer that tells a request back.

    Args:
        asked: the request.
        keys: those of httpbin; go-httpbin's shape has its own, with a body where one of these is of it.

    Raises:
        BadRequestError: the body is not what its type says.
    """
    is_go = asked.settings.shape is Shape.GO_HTTPBIN
    if keys == WITHOUT_BODY and not is_go:  # what is asked for most
        args = (
            collected(_readable_pairs(asked.query.pairs()), always_lists=False) if asked.query.items else {}
        )
        return {"args": args, "headers": _headers(asked), "origin": asked.peer, "url": asked.url}
    if is_go:
        with_body = not _OF_THE_BODY.isdisjoint(keys)
        keys = ("args", "headers", "method", "origin", "url")
        if with_body:
            keys += ("data", "files", "form", "json")
    if _OF_THE_BODY.isdisjoint(keys):
        read = _Read()
    else:
        read = _read_as_go(asked) if is_go else _read_as_httpbin(asked)
    members: dict[str, Callable[[], Any]] = {
        "args": lambda: collected(_readable_pairs(asked.query.pairs()), always_lists=is_go),
        "data": lambda: read.data,
        "files": lambda: collected(_files(read.form, is_go=is_go), always_lists=is_go),
        "form": lambda: collected(_readable_pairs(read.form.fields), always_lists=is_go),
        "headers": lambda: _headers(asked),
        "json": lambda: read.value,
        "method": lambda: asked.method,
        "origin": lambda: asked.peer,
        "url": lambda: asked.url,
    }
    return {key: members[key]() for key in keys}


def collected(pairs: Iterable[tuple[str, str]], *, always_lists: bool) -> dict[str, Any]:
    """Names to values: one value a string and several a list, or lists always."""
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    if always_lists:
        return dict(lists)
    return {name: values if len(values) > 1 else values[0] for name, values in lists.items()}


def _readable_pairs(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Bytes that are no UTF-8 stay percent-encoded: a lone surrogate in JSON is one that few can read."""
    return ((_NO_UTF8.sub(_escaped, name), _NO_UTF8.sub(_escaped, value)) for name, value in pairs)


def _escaped(match: re.Match[str]) -> str:
    return f"%{ord(match[0]) - 0xDC00:02X}"


@lru_cache(_REMEMBERED)
def _capitals(name: str) -> str:
    return "-".join(map(str.capitalize, name.split("-")))


def _headers(asked: Asked) -> dict[str, Any]:
    """The head; both peers write names with capitals, however they were sent."""
    fields = [(_capitals(name), value) for name, value in asked.headers.items()]
    if asked.settings.shape is Shape.GO_HTTPBIN:
        return collected(fields, always_lists=True)
    hidden = frozenset[str]() if "show_env" in asked.query else _FROM_PROXIES
    told: dict[str, str] = {}
    for name, value in fields:
        if name not in hidden:  # RFC 9110, section 5.3: the values of one name are one list
            told[name] = f"{told[name]},{value}" if name in told else value
    return told


def _read_as_httpbin(asked: Asked) -> _Read:
    """Forms by their type; anything else is text if it can be, and JSON if it happens to be."""
    form = parse_form(asked.body, asked.headers.get("Content-Type", ""), asked.settings.max_items)
    if form is not None:
        return _Read(form=form)
    try:
        value = parse_json(asked.body)
    except ValueError:
        value = None
    return _Read(_readable(asked.body, _BINARY), value=value)


def _read_as_go(asked: Asked) -> _Read:
    """Everything by its type."""
    body, content_type = asked.body, asked.headers.get("Content-Type", "")
    if not body:
        return _Read()
    form = parse_form(body, content_type, asked.settings.max_items)
    kind = media_type_of(content_type)
    if form is not None or kind in ("text/html", "text/plain"):
        return _Read(body.decode("utf-8", "replace"), form or Form())
    if kind != "application/json":
        return _Read(_data_url(body, kind))
    try:
        return _Read(body.decode("utf-8", "replace"), value=parse_json(body))
    except ValueError as error:
        raise BadRequestError(f"The body is no JSON, which its Content-Type says it is: {error}.") from error


def _files(form: Form, *, is_go: bool) -> Iterable[tuple[str, str]]:
    for file in form.files:
        if is_go:
            yield file.name, file.data.decode("utf-8", "replace")
        else:
            yield file.name, _readable(file.data, file.content_type)


def _readable(data: bytes, content_type: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _data_url(data, content_type)


def _data_url(data: bytes, content_type: str) -> str:
    return f"data:{content_type or _BINARY};base64,{base64.b64encode(data).decode('ascii')}"  # RFC 2397


def get(asked: Asked) -> Answer:
    """Tell the request back, without a body."""
    return json_answer(echo(asked, *WITHOUT_BODY))


def with_body(asked: Asked) -> Answer:
    """Tell the request back with its body."""
    return json_answer(echo(asked, *WITH_BODY))


def anything(asked: Asked) -> Answer:
    """Tell everything back."""
    return json_answer(echo(asked, *_EVERYTHING))


def headers(asked: Asked) -> Answer:
    """Tell the head back."""
    return json_answer({"headers": _headers(asked)})


def address(asked: Asked) -> Answer:
    """The client's address, as the socket knows it: nobody can make it up in a header."""
    match asked.query.get("format", "json"):
        case "text":
            return text_answer(asked.peer)
        case "json":
            return json_answer({"origin": asked.peer})
        case other:
            raise BadRequestError(f"format: {other!a:.80} is neither json nor text.")


def user_agent(asked: Asked) -> Answer:
    """What the client calls itself."""
    missing = "" if asked.settings.shape is Shape.GO_HTTPBIN else None
    return json_answer({"user-agent": asked.headers.get("User-Agent", missing)})


def make_uuid(_asked: Asked) -> Answer:
    """A random UUID."""
    return json_answer({"uuid": str(uuid.uuid4())})


def hostname(_asked: Asked) -> Answer:
    """A name that is not the machine's: pages of others must not learn it."""
    return json_answer({"hostname": "fetchkit"})


def version(_asked: Asked) -> Answer:
    """Which version answers."""
    return json_answer({"version": VERSION})


def environment(_asked: Asked) -> Answer:
    """The variables that were named for this answer."""
    shown = {name: value for name, value in sorted(os.environ.items()) if name.startswith(_ENVIRONMENT)}
    return json_answer({"env": shown})


def dump(asked: Asked) -> Answer:
    """The request as it came."""
    version = "1.0" if asked.http10 else "1.1"
    lines = [f"{asked.method} {asked.target} HTTP/{version}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in asked.headers.items()]
    head = "".join((*lines, "\r\n")).encode("utf-8", "surrogateescape")
    return whole(200, head + asked.body, "text/plain; charset=utf-8")


_BOTH: Final = (Peer.HTTPBIN, Peer.GO)
_GROUP: Final = "What was asked"
_ALL: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
_SHOW_ENV: Final = query(
    "show_env", "flag", "Show the fields that proxies add, such as X-Forwarded-For, too."
)
_FORMS: Final = (
    "A broken form is a 400 that says what is wrong, where httpbin answers with an empty one; data: URLs "
    "have the alphabet of RFC 2397, where go-httpbin writes the URL-safe one."
)


def _echoing(method: str) -> Route:
    return Route(
        (method,),
        f"/{method.lower()}",
        with_body,
        f"Tells a {method} request back: query, headers, and the body as text, form, files and JSON.",
        (_SHOW_ENV,),
        _BOTH,
        _FORMS,
        Body.READ,
        _GROUP,
    )


def _anything(pattern: str, parameters: tuple[Parameter, ...]) -> Route:
    return Route(
        _ALL,
        pattern,
        anything,
        "Tells any request back, with its method.",
        (*parameters, _SHOW_ENV),
        _BOTH,
        _FORMS,
        Body.READ,
        _GROUP,
    )


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("GET",),
        "/get",
        get,
        "Tells a GET request back: query, headers, address and URL.",
        (_SHOW_ENV,),
        _BOTH,
        "The address is the connection's; X-Forwarded-For and its kin are shown, not believed.",
        group=_GROUP,
    ),
    *(_echoing(method) for method in ("POST", "PUT", "PATCH", "DELETE")),
    _anything("/anything", ()),
    _anything("/anything/{path:.*}", (path("path", "text", "Anything, slashes too.", "some/path"),)),
    Route(
        ("HEAD",),
        "/head",
        get,
        "Answers HEAD with the head that /get has.",
        (),
        (Peer.GO,),
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/headers",
        headers,
        "Tells the request's headers back.",
        (_SHOW_ENV,),
        _BOTH,
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/ip",
        address,
        "Tells the client's address.",
        (query("format", "text", "`json` or `text`.", "json"),),
        _BOTH,
        "The address is the connection's: both peers believe whatever X-Forwarded-For says.",
        group=_GROUP,
    ),
    Route(
        ("GET",),
        "/user-agent",
        user_agent,
        "Tells the User-Agent header back.",
        peers=_BOTH,
        group=_GROUP,
    ),
    Route(("GET",), "/uuid", make_uuid, "A random UUID, another one each time.", peers=_BOTH, group=_GROUP),
    Route(("GET",), "/hostname", hostname, "A name of the server.", peers=(Peer.GO,), group=_GROUP),
    Route(("GET",), "/version", version, "The version of fetchkit.", peers=(Peer.GO,), group=_GROUP),
    Route(
        ("GET",),
        "/env",
        environment,
        "The server's environment variables whose names begin with HTTPBIN_ENV_.",
        peers=(Peer.GO,),
        group=_GROUP,
    ),
    Route(
        _ALL,
        "/dump/request",
        dump,
        "The request as it came, line by line.",
        peers=(Peer.GO,),
        differs="Order and case of the header fields are the client's.",
        body=Body.READ,
        group=_GROUP,
    ),
)
