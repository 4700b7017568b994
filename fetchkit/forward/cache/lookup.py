"""The cache of the forward: which request is answered from disk, and which answer goes there (RFC 9111).

The machine, as a forward walks through it for each hop:

```
look_up ──> Hit          answer from it; upstream is not asked
        ──> Bypass       ask upstream, pass the answer on, store nothing
        ──> Miss         ask upstream ─────────────────────────> store(miss) ─> None | Writer
        ──> Revalidate   ask upstream with its `headers`
                           304 ─> refresh ─> Hit
                                         ─> None   ask again with the page's own headers; store(found.miss)
                           else ───────────────────────────────> store(found) ─> None | Writer
Writer: write(piece) beside the page ─> commit() when upstream's body ended well, abort() in any other case
```

Every answer is also told to `invalidate`, which acts where the method was unsafe. Once the page has its
answer, `tidy` makes room.

`rules` decides what is right, `store` keeps it; here are methods, ranges and conditions:

- A HEAD is answered from a stored GET, and passes upstream where there is none: nothing of it is stored.
- A range is cut from a complete response. Where that is stale, upstream is asked about it with the page's
  Range beside our condition, which is evaluated first (RFC 9110, section 13.2.2): a 304 means that the range
  is cut here, anything else is the part, or the whole, of the newer one. On a miss it passes upstream. A 206
  is not stored: to put parts together is not worth its dangers (RFC 9111, section 3.4). Several ranges at
  once pass as well.
- The page's own If-None-Match and If-Modified-Since are evaluated here, against what is stored (section
  4.3.2). If-Match and If-Unmodified-Since are for the origin server alone: they pass.

Importing this module needs hishel: the extra `cache`.
"""

import os
import re
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from aiohttp import hdrs
from attrs import field, frozen, mutable
from multidict import CIMultiDict

from fetchkit.errors import GatewayTimeoutError
from fetchkit.forward.cache.rules import Headers, Record, Request, admit, choose, directives, freshened
from fetchkit.forward.cache.store import MAX_ENTRY, MAX_SIZE, Store, Writer
from fetchkit.http.conditional import Outcome, Validators, evaluate, if_range_holds
from fetchkit.http.dates import parse_http_date
from fetchkit.http.ranges import ByteRange, parse_ranges, unsatisfied_content_range

__all__ = ["MAX_ENTRY", "MAX_SIZE", "Bypass", "DiskCache", "Hit", "Miss", "Revalidate", "Writer"]

# One turn of the loop for a piece, as files/transfer takes it.
PIECE: Final = 256 * 1024

OK: Final = 200
NO_CONTENT: Final = 204
PARTIAL: Final = 206
NOT_MODIFIED: Final = 304
NOT_SATISFIABLE: Final = 416

# The largest size of a file, 2**63 - 1, has 19 digits.
_LENGTH: Final = re.compile("[0-9]{1,19}")
# RFC 9110, section 9.2.1. What is not known to be safe invalidates (RFC 9111, section 4.4).
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# "not applicable to a cache" (RFC 9111, section 4.3.2)
_FOR_THE_ORIGIN: Final = (hdrs.IF_MATCH, hdrs.IF_UNMODIFIED_SINCE)
# The page's, taken out of a request that has our own.
_CONDITIONS: Final = (hdrs.IF_NONE_MATCH, hdrs.IF_MODIFIED_SINCE)
_NOTHING: Final = ByteRange(0, -1)
# A 304 says nothing of the body (RFC 9110, section 15.4.5).
_OF_THE_BODY: Final = (hdrs.CONTENT_TYPE, hdrs.CONTENT_ENCODING, hdrs.CONTENT_LANGUAGE, hdrs.CONTENT_RANGE)


@frozen
class Bypass:
    """This request has nothing to do with the cache."""


@frozen
class Miss:
    """Nothing that could be used is stored; the answer may be."""

    request: Request


@frozen
class Revalidate:
    """Something is stored that may be used once upstream has said so.

    Attributes:
        headers: to send upstream instead of the page's.
        miss: what the request is when upstream's 304 is of no use.
    """

    headers: CIMultiDict[str]
    miss: Miss
    record: Record


@frozen
class Hit:
    """A stored answer. Whoever got it closes it.

    Attributes:
        status: 200, 206, 304, 416, or another that was stored.
        headers: as upstream sent them, with Age, and Content-Length where there may be one; a 416 has none
            of them but says how long the whole is.
        descriptor: of the body; None where the answer has none, as to HEAD.
        first: where in it the answer's body begins, counted from 0.
        length: bytes of the answer's body.
    """

    status: int
    headers: CIMultiDict[str]
    descriptor: int | None
    first: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        """The body; to be read once.

        Raises:
            OSError: the disk failed, or somebody shortened the file; the answer must be cut.
        """
        if self.descriptor is None:
            return
        os.lseek(self.descriptor, self.first, os.SEEK_SET)
        left = self.length
        while left:
            # From the page cache as a rule: a thread's hop would cost more than the read.
            piece = os.read(self.descriptor, min(PIECE, left))
            if not piece:
                raise OSError("a stored body is shorter than it was")
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Close the body."""
        if self.descriptor is not None:
            os.close(self.descriptor)


@mutable
class DiskCache:
    """A shared cache in a folder; several processes may use the same one.

    Attributes:
        directory: made where it does not exist; what is stored is readable by this user alone.
        max_size: bytes in all.
        max_entry: bytes of one response.
        clock: seconds since the epoch.

    Raises:
        ConfigError: the folder cannot be used.
    """

    directory: Path
    max_size: int = MAX_SIZE
    max_entry: int = MAX_ENTRY
    clock: Callable[[], float] = time.time
    _store: Store = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._store = Store(self.directory, self.max_size, self.max_entry, self.clock)

    def look_up(self, method: str, url: str, headers: Headers) -> Hit | Revalidate | Miss | Bypass:
        """What to do with a request without a body.

        Args:
            method: as on the wire.
            url: absolute.
            headers: as they go upstream, with what the configuration adds; `Cache-Control`, `Range` and the
                conditions of the page among them.

        Raises:
            GatewayTimeoutError: the page wants what is stored or nothing, and nothing is.
        """
        if method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return Bypass()
        wishes = directives(headers)
        found = self._find(method, Request(url, headers, self.clock()), wishes.keys())
        # "SHOULD [...] respond with either a stored response [...] or a 504" (RFC 9111, section 5.2.1.7)
        if "only-if-cached" in wishes and not isinstance(found, Hit):
            raise GatewayTimeoutError("Nothing that may be used is stored.", "Leave only-if-cached out.")
        return found

    def store(self, found: Miss | Revalidate, status: int, headers: Headers) -> Writer | None:
        """Begin to store an answer; None where it may not be stored, or the disk fails.

        Args:
            found: what `look_up` said.
            status: of the answer.
            headers: as upstream sent them.
        """
        miss = found.miss if isinstance(found, Revalidate) else found
        url = miss.request.url
        # "none of the stored responses nominated in the conditional request are suitable"; a 5xx says nothing
        # of them (RFC 9111, section 4.3.3).
        if isinstance(found, Revalidate) and status < 500:  # noqa: PLR2004
            self._store.remove(url, found.record)
        record = admit(miss.request, status, headers, self.clock())
        if record is None:
            return None
        length = headers.get(hdrs.CONTENT_LENGTH, "")
        return self._store.writer(url, record, int(length) if _LENGTH.fullmatch(length) else None)

    def refresh(self, found: Revalidate, headers: Headers) -> Hit | None:
        """The answer after a 304; None where that does not fit what is stored: send the page's own request.

        Args:
            found: what `look_up` said.
            headers: of the 304, as upstream sent them.
        """
        request, now = found.miss.request, self.clock()
        record = freshened(request, found.record, headers, now)
        hit = self._hit(hdrs.METH_GET, request, record, now) if record else None
        if record is None or hit is None:
            self._store.remove(request.url, found.record)
        elif admit(request, record.status, record.fields, now) is None:  # a 304, too, may say `private`
            self._store.remove(request.url, record)
        else:
            self._store.put(request.url, record)
        return hit

    def invalidate(self, method: str, url: str, status: int) -> None:
        """Forget what is stored for a URL that an unsafe request changed (RFC 9111, section 4.4)."""
        if method not in _SAFE and status < 400:  # noqa: PLR2004  "a non-error status code"
            for record in self._store.records(url):
                self._store.remove(url, record)

    async def tidy(self) -> None:
        """Make room where much was stored; to be called once the page has its answer."""
        await self._store.tidy()

    def _find(
        self, method: str, request: Request, wishes: Collection[str]
    ) -> Hit | Revalidate | Miss | Bypass:
        headers = request.headers
        if "no-store" in wishes or any(name in headers for name in _FOR_THE_ORIGIN):
            return Bypass()
        choice = choose(request, self._store.records(request.url), request.sent_at)
        if choice and choice.fresh:
            hit = self._hit(method, request, choice.record, request.sent_at)
            if hit is not None:
                return hit
        if method == hdrs.METH_HEAD:
            return Bypass()
        askable = choice is not None and not choice.fresh and bool(choice.conditions)
        # A range of what is not stored, or several of what is: nothing of the answer could be.
        if hdrs.RANGE in headers and not (choice and askable and _answer(method, headers, choice.record)):
            return Bypass()
        miss = Miss(request)
        if choice is None or not askable:
            return miss
        conditional = CIMultiDict(headers.items())
        for name in _CONDITIONS:
            conditional.popall(name, None)
        conditional.update(choice.conditions)
        return Revalidate(conditional, miss, choice.record)

    def _hit(self, method: str, request: Request, record: Record, now: float) -> Hit | None:
        """The answer from a record; None where its body has gone, or the request asks for several ranges."""
        answer = _answer(method, request.headers, record)
        descriptor = self._store.open(request.url, record) if answer else None
        if answer is None or descriptor is None:
            return None
        status, part = answer
        fields = record.fields
        fields[hdrs.AGE] = str(record.age(now))
        _describe(fields, status, part, record.size)
        if method == hdrs.METH_HEAD or status in (NOT_MODIFIED, NOT_SATISFIABLE):
            os.close(descriptor)
            return Hit(status, fields, None, 0, 0)
        return Hit(status, fields, descriptor, part.first, part.length)


def _answer(method: str, headers: Headers, record: Record) -> tuple[int, ByteRange] | None:
    """Status and part of the body, in the order of RFC 9110, section 13.2.2; None for several parts."""
    whole = ByteRange(0, record.size - 1)
    if record.status != OK:  # conditions and ranges are about a 200 (sections 13.2.1 and 14.2)
        return record.status, whole
    fields = record.fields
    validators = Validators(fields.get(hdrs.ETAG, ""), parse_http_date(fields.get(hdrs.LAST_MODIFIED, "")))
    if evaluate(method, headers, validators) is Outcome.NOT_MODIFIED:
        return NOT_MODIFIED, whole
    ranges = _ranges(method, headers, validators, record.size)
    if ranges is None:
        return OK, whole
    if not ranges:
        return NOT_SATISFIABLE, _NOTHING
    return (PARTIAL, ranges[0]) if len(ranges) == 1 else None


def _ranges(method: str, headers: Headers, validators: Validators, size: int) -> tuple[ByteRange, ...] | None:
    """The ranges to send; None for the whole, an empty tuple where there are none."""
    if method != hdrs.METH_GET or hdrs.RANGE not in headers:
        return None
    condition = headers.get(hdrs.IF_RANGE)
    if condition is not None and not if_range_holds(condition, validators):
        return None
    return parse_ranges(headers[hdrs.RANGE], size)


def _describe(fields: CIMultiDict[str], status: int, part: ByteRange, size: int) -> None:
    """Make the fields say what the answer's body is."""
    if status == NOT_MODIFIED:
        for name in _OF_THE_BODY:
            fields.popall(name, None)
        return
    if status == NOT_SATISFIABLE:  # the origin's fields are about the whole
        fields.clear()
        fields[hdrs.CONTENT_RANGE] = unsatisfied_content_range(size)
    if status == PARTIAL:
        fields[hdrs.CONTENT_RANGE] = part.content_range(size)
    if status != NO_CONTENT:  # "MUST NOT send a Content-Length" (RFC 9110, section 8.6)
        fields[hdrs.CONTENT_LENGTH] = str(part.length)
