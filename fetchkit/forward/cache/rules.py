"""What may be stored, what of it may be used, and how old it is (RFC 9111). Pure.

The machine is hishel's: `IdleClient` is asked what to do with a request and the stored responses,
`CacheMiss` whether a response may be stored, `NeedRevalidation` what a 304 changes. This cache is
shared, since several pages use it: what is `private`, or was asked for with a password, is not stored.

The dangers, each a place where hishel 2.0 says less than the standard, or the opposite:

- It takes the time since `Date` for the age; `Age` and the delay of the network count as well (section
  4.2.3). And it reads the clock itself. So it is shown every response with the age written into `Date`, and
  `Expires` moved along (`_view`).
- It guesses a lifetime from `Last-Modified`, up to a week (section 4.2.2). A file that somebody is building
  may change in the next second: without a lifetime of its own an answer is asked about each time.
- It sees neither `no-store=x` nor `private="x`, and a `max-age` that is no number or stands there twice. So
  the directives are read here as well, and what is doubtful is private, or stale (section 4.2.1).
- It looks at no directive of a request but `no-cache` (section 5.2.1). They are obeyed here.
- A stored response for another variant (`Vary`) it offers for revalidation: a 304 to its `Last-Modified`
  would hand one language to who asked for the other. So it is shown no other variant than that of the
  request.
- A condition of the page's own, left in the request that revalidates, would get a 304 about the page's copy.
  So it never sees one, and `cache` takes them out of what is sent.
- It passes every Range and HEAD upstream. So it is asked about a plain GET, and `cache` cuts the answer.
- A strong entity tag in a 304 would replace the weak one of the stored bytes, which section 4.3.4 forbids.
- It stores the answer to a request with `Cookie`, and with `Set-Cookie` in it. These must say `public` or
  `s-maxage`, as section 3.5 demands where the request has `Authorization`; the cookie itself is never stored.
"""

import hashlib
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

import hishel
from aiohttp import hdrs
from attrs import evolve, frozen
from multidict import CIMultiDict, MultiMapping

from fetchkit.http.dates import format_http_date, parse_http_date

__all__ = ["Choice", "Record", "Request", "admit", "choose", "directives", "freshened"]

# "MUST consider the value to be 2147483648 (2^31) or the greatest positive integer it can conveniently
# represent" (section 1.2.2)
MAX_SECONDS: Final = 2**31 - 1

# `must-understand` is obeyed by storing no other (section 5.2.2.3). Parts (206) are not put together here.
_UNDERSTOOD: Final = frozenset({200, 203, 204, 300, 301, 302, 307, 308, 404, 410})
# Also the form with an argument, which "is often handled by caches as if" it had none (section 5.2.2.7).
_NEVER: Final = frozenset({"no-store", "private"})
# What "explicitly allows" a shared cache to store what one user got (section 3.5).
_SHARED: Final = frozenset({"public", "s-maxage"})
# Generated anew (Age, Content-Length), somebody's own (Set-Cookie), or of one connection (Trailer).
_NOT_KEPT: Final = frozenset({"age", "content-length", "set-cookie", "set-cookie2", "trailer"})
# Options of Connection that name no field but those that hishel leaves out by itself (section 3.1).
_PLAIN_CONNECTION: Final = frozenset({"close", "keep-alive", "te", "upgrade"})

_OPTIONS: Final[hishel.CacheOptions] = {"shared": True, "supported_methods": ["GET"], "allow_stale": False}
_DIRECTIVE: Final = re.compile(
    r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+)             # token
        (?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"    # quoted-string
                          |([^\s,]*)))?           # token, or what is none""",
    re.VERBOSE,
)
_SECONDS: Final = re.compile("[0-9]{1,19}")

Headers = MultiMapping[str]


@frozen
class Request:
    """A GET as it goes upstream.

    Attributes:
        url: absolute.
        headers: as upstream sees them, for `Vary` and `Authorization` are about these.
        sent_at: seconds since the epoch.
    """

    url: str
    headers: Headers
    sent_at: float


@frozen
class Record:
    """A stored response without its body.

    Attributes:
        status: status code.
        headers: name and value, in order, duplicates kept.
        vary: lower-case names of the request fields that chose this variant, in order.
        variant: digest of what the request had in them; no value of a request is stored.
        received_at: seconds since the epoch.
        initial_age: seconds, corrected_initial_age of section 4.2.3.
        body: name of the file with the body.
        size: its bytes.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    vary: tuple[str, ...]
    variant: str
    received_at: float
    initial_age: float
    body: str = ""
    size: int = 0

    @property
    def fields(self) -> CIMultiDict[str]:
        """The headers, to look into or to change."""
        return CIMultiDict(self.headers)

    def age(self, now: float) -> int:
        """The value of Age: current_age of section 4.2.3, in seconds."""
        resident = max(0.0, now - self.received_at)  # a clock that was set back makes nothing younger
        return int(min(self.initial_age + resident, MAX_SECONDS))


@frozen
class Choice:
    """The stored response that answers a request, perhaps.

    Attributes:
        record: the response.
        fresh: it may be used as it is.
        conditions: else the fields that ask upstream whether it still may; empty where nothing can ask.
    """

    record: Record
    fresh: bool
    conditions: Mapping[str, str]


def directives(headers: Headers) -> dict[str, list[str]]:
    """The members of Cache-Control: lower-case names, each with its arguments (RFC 9111, section 5.2)."""
    found: dict[str, list[str]] = {}
    for member in _DIRECTIVE.finditer(", ".join(headers.getall(hdrs.CACHE_CONTROL, ()))):
        found.setdefault(member[1].lower(), []).append(member[2] or member[3] or "")
    return found


def admit(request: Request, status: int, headers: Headers, now: float) -> Record | None:
    """The record to store for a response to a GET; None where it may not be stored, or never could be used.

    Args:
        request: what was asked.
        status: of the response.
        headers: as upstream sent them.
        now: seconds since the epoch.
    """
    said = directives(headers)
    if status not in _UNDERSTOOD or said.keys() & _NEVER or not _is_plain(headers):
        return None
    if (hdrs.COOKIE in request.headers or hdrs.SET_COOKIE in headers) and not said.keys() & _SHARED:
        return None
    authorization = {"authorization": ""} if hdrs.AUTHORIZATION in request.headers else {}
    asked = hishel.Request(hdrs.METH_GET, request.url, hishel.Headers(authorization))
    state = hishel.CacheMiss(_OPTIONS, asked).next(hishel.Response(status, _lines(headers)))
    if not isinstance(state, hishel.StoreAndUse):
        return None
    kept = state.response.headers
    record = _record(request, status, [pair for pair in headers.items() if pair[0] in kept], headers, now)
    choice = choose(Request(request.url, _without_wishes(request.headers), now), [record], now)
    return record if choice and (choice.fresh or choice.conditions) else None


def choose(request: Request, records: Iterable[Record], now: float) -> Choice | None:
    """The stored response that fits the request best; None where none of the right variant is stored.

    Args:
        request: a GET, or a HEAD, which is answered as a GET is (RFC 9110, section 9.3.2).
        records: what is stored under its URL.
        now: seconds since the epoch.
    """
    fitting = {
        uuid.uuid4(): record for record in records if record.variant == _variant(record.vary, request.headers)
    }
    wishes = directives(request.headers)
    asked = hishel.Request(hdrs.METH_GET, request.url)
    entries = [
        hishel.Entry(identity, asked, _view(record, wishes, now)) for identity, record in fitting.items()
    ]
    match hishel.IdleClient(_OPTIONS).next(asked, entries):
        case hishel.FromCache(entry=entry):
            return Choice(fitting[entry.id], fresh=True, conditions={})
        case hishel.NeedRevalidation(request=conditional, revalidating_entries=[entry, *_]):
            names = (hdrs.IF_NONE_MATCH, hdrs.IF_MODIFIED_SINCE)
            conditions = {
                str(name): conditional.headers[name] for name in names if name in conditional.headers
            }
            return Choice(fitting[entry.id], fresh=False, conditions=conditions)
        case _:
            return None


def freshened(request: Request, record: Record, headers: Headers, now: float) -> Record | None:
    """The record with what a 304 says (sections 3.2 and 4.3.4); None where the 304 is about something else.

    Args:
        request: what the 304 answers.
        record: the response that was asked about.
        headers: of the 304, as upstream sent them.
        now: seconds since the epoch.
    """
    if not _is_plain(headers):
        return None
    asked = hishel.Request(hdrs.METH_GET, request.url)
    stored = record.fields
    entry = hishel.Entry(uuid.uuid4(), asked, hishel.Response(record.status, _lines(stored)))
    state = hishel.NeedRevalidation(_OPTIONS, asked, asked, [entry]).next(
        hishel.Response(304, _lines(headers))
    )
    if not isinstance(state, hishel.NeedToBeUpdated):
        return None
    merged = state.updating_entries[0].response.headers
    spelled = {name.lower(): name for name in (*stored, *headers)}
    pairs = [(spelled[name], value) for name in merged for value in merged.get_list(name) or ()]
    if hdrs.ETAG in stored:  # the same but for its weakness, and that is a property of the stored bytes
        pairs = [pair for pair in pairs if pair[0].lower() != "etag"] + [(hdrs.ETAG, stored[hdrs.ETAG])]
    if hdrs.DATE not in headers:
        pairs = [pair for pair in pairs if pair[0].lower() != "date"]
    fresh = _record(request, record.status, pairs, headers, now)
    if fresh.variant != record.variant:  # it is chosen by other fields now
        return None
    return evolve(fresh, body=record.body, size=record.size)


def _record(
    request: Request, status: int, pairs: Iterable[tuple[str, str]], headers: Headers, now: float
) -> Record:
    """A record of the pairs that are kept; `headers` are those that just arrived, with the Age."""
    kept = CIMultiDict(pair for pair in pairs if pair[0].lower() not in _NOT_KEPT)
    if parse_http_date(kept.get(hdrs.DATE, "")) is None:
        kept[hdrs.DATE] = format_http_date(now)  # "MUST record the time it was received" (RFC 9110, 6.6.1)
    vary = tuple(sorted(_members(kept, hdrs.VARY)))
    return Record(
        status,
        tuple(kept.items()),
        vary,
        _variant(vary, request.headers),
        now,
        _initial_age(kept, headers, request.sent_at, now),
    )


def _initial_age(kept: Headers, headers: Headers, sent_at: float, now: float) -> float:
    """corrected_initial_age of section 4.2.3."""
    apparent_age = max(0.0, now - (parse_http_date(kept[hdrs.DATE]) or now))
    # "SHOULD use the first member of the field value, discarding subsequent ones" (section 5.1)
    age_value = _seconds([headers.get(hdrs.AGE, "").partition(",")[0].strip()]) or 0
    return min(max(apparent_age, age_value + max(0.0, now - sent_at)), MAX_SECONDS)


def _view(record: Record, wishes: Mapping[str, list[str]], now: float) -> hishel.Response:
    """A stored response as hishel must see it to decide by its own clock."""
    age, fields = record.age(now), record.fields
    # "freshness lifetime is no less than its current age plus the specified time" (section 5.2.1.3)
    made = int(time.time()) - min(age + (_seconds(wishes.get("min-fresh")) or 0), MAX_SECONDS)
    fields[hdrs.DATE] = format_http_date(made)
    if hdrs.EXPIRES in fields:
        fields[hdrs.EXPIRES] = _expiry(record.fields, made)
    max_age = _seconds(wishes.get("max-age"))
    # A browser sends `max-age=0` to have everything asked for anew: hence not "older than" but "as old as".
    too_old = max_age is not None and age >= max_age
    if "no-cache" in wishes or too_old or _is_doubtful(fields):
        fields[hdrs.CACHE_CONTROL] = "no-cache"
    return hishel.Response(record.status, _lines(fields))


def _expiry(fields: Headers, made: int) -> str:
    """Expires, moved as Date was; "0" where it is no date, "especially the value "0"" (section 5.3)."""
    expires, date = parse_http_date(fields[hdrs.EXPIRES]), parse_http_date(fields[hdrs.DATE])
    if expires is None or date is None:
        return "0"
    return format_http_date(made + max(-MAX_SECONDS, min(expires - date, MAX_SECONDS)))


def _is_doubtful(fields: Headers) -> bool:
    """Whether to ask upstream each time: it says so, or how long it is fresh is not said, or not readably."""
    said = directives(fields)
    lifetimes = [said[name] for name in ("max-age", "s-maxage") if name in said]
    if not lifetimes and hdrs.EXPIRES not in fields:
        return True
    # "encouraged to consider responses that have invalid freshness information [...] stale" (section 4.2.1)
    return "no-cache" in said or any(
        len(set(arguments)) > 1 or _seconds(arguments) is None for arguments in lifetimes
    )


def _is_plain(headers: Headers) -> bool:
    """Whether it can be told which fields are stored, and for which requests."""
    return _members(headers, hdrs.CONNECTION) <= _PLAIN_CONNECTION and "*" not in _members(headers, hdrs.VARY)


def _variant(vary: Iterable[str], headers: Headers) -> str:
    """A digest of the fields of a request that choose among the responses (section 4.1)."""
    chosen = [f"{name}:{', '.join(headers.getall(name, ()))}" for name in vary]
    return hashlib.sha256("\n".join(chosen).encode("utf-8", "surrogatepass")).hexdigest()


def _without_wishes(headers: Headers) -> CIMultiDict[str]:
    return CIMultiDict(pair for pair in headers.items() if pair[0].lower() != "cache-control")


def _members(headers: Headers, name: str) -> set[str]:
    text = ",".join(headers.getall(name, ()))
    return {member for part in text.split(",") if (member := part.strip(" \t").lower())}


def _seconds(arguments: list[str] | None) -> int | None:
    if not arguments or not _SECONDS.fullmatch(arguments[0]):
        return None
    return min(int(arguments[0]), MAX_SECONDS)


def _lines(headers: Headers) -> hishel.Headers:
    return hishel.Headers({name: headers.getall(name) for name in headers})
