"""Preconditions: whether a request with If-Match and its kin is carried out (RFC 9110, section 13)."""

import re
from enum import Enum, auto

from attrs import frozen
from multidict import MultiMapping, istr

from fetchkit.http.dates import parse_http_date

__all__ = ["Outcome", "Validators", "evaluate", "if_range_holds", "parse_entity_tags"]

IF_MATCH = istr("If-Match")
IF_UNMODIFIED_SINCE = istr("If-Unmodified-Since")
IF_NONE_MATCH = istr("If-None-Match")
IF_MODIFIED_SINCE = istr("If-Modified-Since")

# Methods that neither select nor modify a representation (RFC 9110, section 13.2.1).
_WITHOUT_REPRESENTATION = frozenset({"CONNECT", "OPTIONS", "TRACE"})
_READING = frozenset({"GET", "HEAD"})

# One member of a list of entity tags, or an empty one, with the comma that ends it (RFC 9110, sections 5.6.1
# and 8.8.3). Bytes from 0x80 on (obs-text) arrive here as whatever the HTTP parser decoded them to.
_MEMBER = re.compile(r'[ \t]*(?:((?:W/)?"[^\x00-\x20"\x7f]*")[ \t]*)?(?:,|\Z)')


class Outcome(Enum):
    """What the preconditions of a request lead to (RFC 9110, section 13.2.2)."""

    PROCEED = auto()
    NOT_MODIFIED = auto()
    """Answer 304."""
    PRECONDITION_FAILED = auto()
    """Answer 412."""


@frozen
class Validators:
    """What identifies the state of a representation (RFC 9110, section 8.8).

    Attributes:
        etag: the entity tag as on the wire, with its quotes and perhaps `W/`.
        last_modified: seconds since the epoch, or None where no date is known.
    """

    etag: str
    last_modified: int | None


def evaluate(method: str, headers: MultiMapping[str], validators: Validators | None) -> Outcome:
    """Evaluate the preconditions of a request, in the order of RFC 9110, section 13.2.2.

    To be asked only where the answer would otherwise be a 2xx (section 13.2.1). If-Range is step 5 and
    belongs to who serves ranges: `if_range_holds`.

    Args:
        method: as on the wire, upper-case.
        headers: case-insensitive; a field on several lines is one list.
        validators: of the current representation; None where there is none.
    """
    if (
        IF_NONE_MATCH not in headers
        and IF_MODIFIED_SINCE not in headers
        and IF_MATCH not in headers
        and IF_UNMODIFIED_SINCE not in headers
    ) or method in _WITHOUT_REPRESENTATION:
        return Outcome.PROCEED
    if not _is_as_known(headers, validators):
        return Outcome.PRECONDITION_FAILED
    if _is_news(method, headers, validators):
        return Outcome.PROCEED
    return Outcome.NOT_MODIFIED if method in _READING else Outcome.PRECONDITION_FAILED


def if_range_holds(value: str, validators: Validators) -> bool:
    """Whether the ranges of a request may be sent, step 5 of section 13.2.2; otherwise the whole is sent.

    An entity tag is compared strongly, a date exactly (RFC 9110, section 13.1.5). Section 8.8.2.2 wants the
    date to be a strong validator besides, which cannot be known here; a date that equals Last-Modified is
    taken for one, as other servers do. What is neither tag nor date does not hold.
    """
    if value.startswith(('"', "W/")):
        return _is_same_strongly(value, validators.etag)
    date = parse_http_date(value)
    return date is not None and date == validators.last_modified


def parse_entity_tags(value: str) -> tuple[str, ...] | None:
    """Split a list of entity tags (RFC 9110, section 8.8.3); None where it is malformed.

    The tags keep their quotes and `W/`; a comma may stand inside the quotes.
    """
    tags: list[str] = []
    position = 0
    while position < len(value):
        member = _MEMBER.match(value, position)
        if member is None:
            return None
        if member[1]:
            tags.append(member[1])
        position = member.end()
    return tuple(tags)


def _is_as_known(headers: MultiMapping[str], validators: Validators | None) -> bool:
    """Steps 1 and 2: whether the representation is still the one that the client knows."""
    tags = _field(headers, IF_MATCH)
    if tags is not None:
        return _is_listed(tags, validators, weakly=False)
    since, modified = _dates(headers, IF_UNMODIFIED_SINCE, validators)
    return since is None or modified is None or modified <= since


def _is_news(method: str, headers: MultiMapping[str], validators: Validators | None) -> bool:
    """Steps 3 and 4: whether the representation is another than those that the client has."""
    tags = _field(headers, IF_NONE_MATCH)
    if tags is not None:
        return not _is_listed(tags, validators, weakly=True)
    if method not in _READING:  # "MUST ignore If-Modified-Since if [...] the request method is neither"
        return True
    since, modified = _dates(headers, IF_MODIFIED_SINCE, validators)
    return since is None or modified is None or modified > since


def _field(headers: MultiMapping[str], name: str) -> str | None:
    # Lines of one field are one list (RFC 9110, section 5.3). Two dates joined are no date: ignored, as
    # sections 13.1.3 and 13.1.4 say of a field with more than one member.
    return ", ".join(headers.getall(name)) if name in headers else None


def _dates(
    headers: MultiMapping[str], name: str, validators: Validators | None
) -> tuple[int | None, int | None]:
    """The date of the field and that of the representation, each None where it is missing or invalid."""
    value = _field(headers, name)
    since = None if value is None else parse_http_date(value)
    return since, validators.last_modified if validators else None


def _is_listed(value: str, validators: Validators | None, *, weakly: bool) -> bool:
    """Whether `*` or a list of tags names the current representation; a malformed list names nothing.

    So a malformed If-Match fails, and a malformed If-None-Match never spares the client an answer.
    """
    if validators is None:
        return False
    if value.strip(" \t") == "*":
        return True
    is_same = _is_same_weakly if weakly else _is_same_strongly
    return any(is_same(tag, validators.etag) for tag in parse_entity_tags(value) or ())


def _is_same_strongly(one: str, other: str) -> bool:
    # "equivalent if both are not weak and their opaque-tags match" (RFC 9110, section 8.8.3.2)
    return one == other and not one.startswith("W/")


def _is_same_weakly(one: str, other: str) -> bool:
    return one.removeprefix("W/") == other.removeprefix("W/")
