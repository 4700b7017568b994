"""Resumable uploads: the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), and what came.

An upload is a token of the memory that the server makes up; who knows it may go on with the upload. Below it:

    tus       its metadata and whether it is a part of another; written once, at its creation
    length    how long it will be, in digits; written once, then or later
    bytes     what has come

Bytes are only ever added at their end, and what is added elsewhere is refused by the memory itself. So of two
that send at once one goes on, and the other gets a 409, in whichever process they are; and a size and an
upload's name together stand for the same bytes for ever, which makes them an entity tag.
"""

import asyncio
import base64
import binascii
import contextlib
import functools
import hashlib
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import ClassVar, Final
from urllib.parse import urljoin, urlsplit

from aiohttp import hdrs
from attrs import evolve, frozen

from fetchkit.errors import (
    BadRequestError,
    ForbiddenError,
    HttpError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    PreconditionFailedError,
)
from fetchkit.http.conditional import Validators
from fetchkit.http.dates import format_http_date
from fetchkit.http.media_types import BINARY
from fetchkit.http.problem import problem_json
from fetchkit.http.representation import Representation
from fetchkit.origin.answer import Answer, Resource, whole
from fetchkit.origin.asked import Answered, Asked
from fetchkit.origin.bodies import content_etag
from fetchkit.origin.memory.store import ConflictError, FullError
from fetchkit.origin.route import Body, Parameter, Place, Route, path
from fetchkit.origin.settings import KIB, Origin

__all__ = ["ROUTES", "max_size", "options", "parse_checksum", "parse_metadata"]

VERSION: Final = "1.0.0"
_EXTENSIONS: Final = (
    "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination",
    "concatenation",
)  # fmt: skip
_ALGORITHMS: Final = ("sha1", "sha256", "md5")
CONTENT_TYPE: Final = "application/offset+octet-stream"

_META: Final = "tus"
_LENGTH: Final = "length"
_BYTES: Final = "bytes"
# What came is handed to the memory in pieces of at least this size: a message to Redis for each.
_PIECE: Final = 64 * KIB
# Metadata comes from header fields, so it is smaller than this.
_ROOM: Final = 16 * KIB
# Hashing less than this takes about a millisecond.
_HASHED_AT_ONCE: Final = 1024 * KIB

_ID: Final = re.compile("[A-Za-z0-9_-]{22}")
_NUMBER: Final = re.compile("[0-9]{1,18}")
# "the key MUST NOT contain spaces and commas and MUST NOT be empty. The key SHOULD be ASCII encoded"
_KEY: Final = re.compile(r"[!-+\x2d-~]+")
_MEDIA_TYPE: Final = re.compile(r"[!#$&^_.+\w-]+/[!#$&^_.+\w-]+(?:; ?[a-z]+=[\w.-]+)*", re.ASCII)


class OffsetConflictError(HttpError):
    """The bytes do not begin where those that are here end."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "Another offset"


class UploadTypeError(HttpError):
    """The body of an upload has a media type of its own."""

    status: ClassVar[int] = 415
    title: ClassVar[str] = "Another media type"


class ChecksumError(HttpError):
    """The bytes are not those that the client has hashed."""

    status: ClassVar[int] = 460
    title: ClassVar[str] = "Checksum mismatch"


@frozen
class _Upload:
    """What is known of an upload.

    Attributes:
        id: its token.
        offset: bytes that are here.
        length: bytes that will be here; None while nobody has said.
        metadata: as the client wrote it.
        concat: `partial`, `final;` with its parts, or empty.
    """

    id: str
    offset: int
    length: int | None
    metadata: str
    concat: str

    @property
    def complete(self) -> bool:
        """Whether all bytes are here."""
        return self.offset == self.length


# Rules.


def max_size(settings: Origin) -> int:
    """The largest upload: what the memory holds besides the metadata."""
    return min(settings.max_memory - min(_ROOM, settings.max_memory // 4), settings.max_upload)


def parse_metadata(text: str) -> dict[str, bytes]:
    """The pairs of Upload-Metadata: a key and its value in Base64, which may be missing.

    Raises:
        BadRequestError: it is no such list, or has a key twice.
    """
    found: dict[str, bytes] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip(" ").partition(" ")
        if not _KEY.fullmatch(key):
            raise BadRequestError(f"Upload-Metadata: {key!a:.80} is no key: visible ASCII without commas.")
        if key in found:
            raise BadRequestError(f"Upload-Metadata: the key {key!a:.80} is there twice.")
        found[key] = _base64(value.strip(" "), f"Upload-Metadata: the value of {key!a:.80}")
    return found


def parse_checksum(text: str) -> tuple[str, bytes]:
    """Algorithm and digest of Upload-Checksum.

    Raises:
        BadRequestError: it has another form, or an algorithm that is not offered.
    """
    algorithm, _, digest = text.partition(" ")
    if algorithm not in _ALGORITHMS:
        raise BadRequestError(
            f"Upload-Checksum: {algorithm!a:.80} is not one of {', '.join(_ALGORITHMS)}.",
            "Write it as: sha1 and the digest in Base64.",
        )
    return algorithm, _base64(digest, "Upload-Checksum: the digest")


def _base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadRequestError(f"{name} is no Base64.") from error


def _number(asked: Asked, name: str) -> int:
    text = asked.headers.get(name)
    if text is None:
        raise BadRequestError(f"{name} is missing.")
    if not _NUMBER.fullmatch(text):
        raise BadRequestError(f"{name}: {text!a:.80} is no number of bytes.")
    return int(text)


def _length(asked: Asked) -> int:
    length, limit = _number(asked, "Upload-Length"), max_size(asked.settings)
    if length > limit:
        raise _too_large(f"Upload-Length: {length}", asked.settings)
    return length


def _length_or_later(asked: Asked) -> int | None:
    """The length that a creation names; None where it will follow."""
    later = asked.headers.get("Upload-Defer-Length")
    if later is None:
        return _length(asked)
    if later != "1":
        raise BadRequestError(f"Upload-Defer-Length: {later!a:.80} is not 1, the only value it has.")
    if "Upload-Length" in asked.headers:
        raise BadRequestError("Upload-Length and Upload-Defer-Length exclude each other.")
    return None


def _check_version(asked: Asked, method: str) -> None:
    """Refuse other versions; a plain GET or HEAD, which knows of none, gets the content."""
    version = asked.headers.get("Tus-Resumable")
    if version == VERSION or (version is None and method in (hdrs.METH_GET, hdrs.METH_HEAD)):
        return
    said = "is missing" if version is None else f"{version!a:.80} is another version"
    raise PreconditionFailedError(
        f"Tus-Resumable {said}.", f"Send Tus-Resumable: {VERSION}.", {"Tus-Version": VERSION}
    )


def _check_type(asked: Asked) -> None:
    given = asked.headers.get(hdrs.CONTENT_TYPE, "")
    if given.partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UploadTypeError(f"Content-Type is {given!a:.80}.", f"Send Content-Type: {CONTENT_TYPE}.")


def _too_large(what: str, settings: Origin) -> PayloadTooLargeError:
    return PayloadTooLargeError(
        f"{what} is more than the {max_size(settings)} bytes that can be kept.",
        "max-memory of [origin] raises it.",
    )


def _conflict(offset: int) -> OffsetConflictError:
    return OffsetConflictError(
        f"There are {offset} bytes, so the next ones begin at {offset}.",
        "HEAD says where; somebody else may send at the same time.",
        {"Upload-Offset": str(offset)},
    )


def _content_type(upload: _Upload) -> str:
    """What the metadata says, under the name that tus-js-client's and Uppy's users give it."""
    given = parse_metadata(upload.metadata).get("filetype", b"").decode("latin-1")
    return given if _MEDIA_TYPE.fullmatch(given) else BINARY


def _part_ids(asked: Asked, concat: str) -> list[str]:
    """The uploads that `final;URL URL` names."""
    kind, _, urls = concat.partition(";")
    parts, own = urls.split(), f"{asked.prefix}/tus/"
    if kind != "final" or not parts:
        raise BadRequestError(
            f"Upload-Concat: {concat!a:.80} is neither partial nor final with the URLs of its parts.",
            f"Write it as: final;{own}A {own}B",
        )
    if len(parts) > asked.settings.max_items:
        raise BadRequestError(f"Upload-Concat: more than {asked.settings.max_items} parts.")
    return [_part_id(url, own) for url in parts]


def _part_id(url: str, own: str) -> str:
    with contextlib.suppress(ValueError):  # an address in brackets that is none
        where = urlsplit(urljoin(own, url)).path
        if where.startswith(own) and _ID.fullmatch(where.removeprefix(own)):
            return where.removeprefix(own)
    raise BadRequestError(f"Upload-Concat: {url!a:.80} is no upload of this server.")


def _state(upload: _Upload, settings: Origin) -> list[tuple[str, str]]:
    """What HEAD tells of an upload."""
    fields = [("Upload-Offset", str(upload.offset))]
    if upload.length is None:
        fields.append(("Upload-Defer-Length", "1"))
    else:
        fields.append(("Upload-Length", str(upload.length)))
    if upload.metadata:
        fields.append(("Upload-Metadata", upload.metadata))
    if upload.concat:
        fields.append(("Upload-Concat", upload.concat))
    return [*fields, *_expiry(upload.offset, upload.length, settings)]


def _expiry(offset: int, length: int | None, settings: Origin) -> list[tuple[str, str]]:
    """When an unfinished upload will be forgotten; each use puts it off."""
    if offset == length:
        return []
    # Far enough for every test, and near enough to be a date of four digits.
    return [("Upload-Expires", format_http_date(time.time() + min(settings.expiry, 1e9)))]


# What the memory knows.


async def _load(asked: Asked, upload: str) -> _Upload:
    """What is known of an upload.

    Raises:
        NotFoundError: nothing.
    """
    known = await asked.store.get(upload, _META) if _ID.fullmatch(upload) else None
    if known is None:
        raise NotFoundError(
            "There is no such upload: it has expired, was deleted, or never was.",
            f"POST {asked.prefix}/tus makes one; expiry of [origin] is how long it is kept.",
        )
    meta = json.loads(known)
    length = await asked.store.get(upload, _LENGTH)
    offset = await asked.store.size(upload, _BYTES) or 0
    return _Upload(upload, offset, None if length is None else int(length), meta["metadata"], meta["concat"])


async def _add(asked: Asked, upload: str, at: int, data: bytes) -> int:
    """Add bytes at the end of an upload; returns where the next ones begin.

    Raises:
        OffsetConflictError, NotFoundError, PayloadTooLargeError: 409, 404 and 413.
    """
    try:
        end = await asked.store.extend(upload, _BYTES, at, data)
    except ConflictError as error:
        await _load(asked, upload)  # forgotten meanwhile?
        raise _conflict(error.size) from error
    except FullError as error:
        raise _too_large(f"An upload of {at + len(data)} bytes", asked.settings) from error
    if at == 0 and await asked.store.get(upload, _META) is None:
        await asked.store.forget(upload)  # deleted while the first bytes were on their way
        await _load(asked, upload)
    return end


async def _digest(algorithm: str, data: bytes | bytearray) -> bytes:
    hashing = functools.partial(hashlib.new, algorithm, data, usedforsecurity=False)
    return (hashing() if len(data) <= _HASHED_AT_ONCE else await asyncio.to_thread(hashing)).digest()


async def _pieces(asked: Asked, room: int) -> AsyncIterator[bytes]:
    """The body, which must fit.

    Raises:
        PayloadTooLargeError: it does not.
    """
    over = PayloadTooLargeError(
        f"The body goes beyond the end of the upload: there is room for {room} bytes."
    )
    if asked.length is not None and asked.length > room:
        raise over
    async for piece in asked.pieces():
        room -= len(piece)
        if room < 0:
            raise over
        yield piece


async def _receive(asked: Asked, upload: str, at: int, length: int | None) -> int:
    """Take the body in; returns where the next bytes begin.

    What came before the body broke off is kept, so that the client can resume (tus: "The Server SHOULD always
    attempt to store as much of the received data as possible"); not so under a checksum, which is of it all.
    """
    pieces = _pieces(asked, (max_size(asked.settings) if length is None else length) - at)
    if "Upload-Checksum" in asked.headers:
        data = await _checked(pieces, asked.headers["Upload-Checksum"])
        return await _add(asked, upload, at, data) if data else at
    held = bytearray()
    try:
        async for piece in pieces:
            held += piece
            if len(held) >= _PIECE:
                ready, held = bytes(held), bytearray()
                at = await _add(asked, upload, at, ready)
    except BaseException:
        if held:
            with contextlib.suppress(HttpError):
                await _add(asked, upload, at, bytes(held))
        raise
    return await _add(asked, upload, at, bytes(held)) if held else at


async def _checked(pieces: AsyncIterator[bytes], checksum: str) -> bytes:
    """The whole body, which is what its client has hashed.

    Raises:
        ChecksumError: it is not.
    """
    algorithm, digest = parse_checksum(checksum)
    data = bytearray()
    async for piece in pieces:
        data += piece
    if await _digest(algorithm, data) != digest:
        raise ChecksumError(f"The {algorithm} of the {len(data)} bytes is another; they were dropped.")
    return bytes(data)


async def _make(asked: Asked, length: int | None, concat: str) -> str:
    """A new upload without bytes; returns its token.

    Raises:
        BadRequestError, PayloadTooLargeError: the metadata cannot be kept.
    """
    upload, metadata = secrets.token_urlsafe(16), asked.headers.get("Upload-Metadata", "")
    parse_metadata(metadata)
    try:
        await asked.store.put(upload, _META, json.dumps({"metadata": metadata, "concat": concat}).encode())
        if length is not None:
            await asked.store.extend(upload, _LENGTH, 0, b"%d" % length)
    except FullError as error:
        raise _too_large("The metadata", asked.settings) from error
    return upload


async def _settled_length(asked: Asked, upload: _Upload) -> int | None:
    """The length of an upload, which may come with the bytes where its creation has left it open.

    Raises:
        BadRequestError, PayloadTooLargeError: it cannot be that.
    """
    if "Upload-Length" not in asked.headers:
        return upload.length
    length, settled = _length(asked), upload.length
    if length < upload.offset:
        raise BadRequestError(
            f"Upload-Length: {length} is less than the {upload.offset} bytes that are here."
        )
    if settled is None:
        try:
            await asked.store.extend(upload.id, _LENGTH, 0, b"%d" % length)
            settled = length
        except ConflictError:  # somebody else was first
            settled = (await _load(asked, upload.id)).length
        except FullError as error:
            raise _too_large("The upload", asked.settings) from error
    if settled != length:
        raise BadRequestError(f"Upload-Length: {length} is not {settled}, which was said before.")
    return length


# Handlers.


def _answering(
    handler: Callable[[Asked, str], Awaitable[Answered]],
) -> Callable[[Asked], Awaitable[Answered]]:
    """Give a handler the method that is meant, and its refusals the fields that all answers of tus have."""

    async def answered(asked: Asked) -> Answered:
        method = asked.headers.get("X-HTTP-Method-Override", asked.method).upper()
        if method == hdrs.METH_OPTIONS:
            return options(asked)
        try:
            _check_version(asked, method)
            return await handler(asked, method)
        except HttpError as error:
            return _refusal(error)

    return answered


def _refusal(error: HttpError) -> Answer:
    """An error as an answer: a page of another origin may read all of its fields."""
    fields = (*error.headers.items(), ("Tus-Resumable", VERSION), ("Cache-Control", "no-store"))
    refusal = whole(error.status, problem_json(error), "application/problem+json", *fields)
    if isinstance(error, ChecksumError):
        refusal.reason = "Checksum Mismatch"  # no status of HTTP's, so no phrase either
    return refusal


def _done(status: int, *fields: tuple[str, str]) -> Answer:
    return Answer(status, [("Tus-Resumable", VERSION), ("Cache-Control", "no-store"), *fields])


def options(asked: Asked) -> Answer:
    """What the server can do; the version that a client names does not count here."""
    return _done(
        204,
        ("Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST" if asked.arguments else "OPTIONS, POST"),
        ("Tus-Version", VERSION),
        ("Tus-Max-Size", str(max_size(asked.settings))),
        ("Tus-Extension", ",".join(_EXTENSIONS)),
        ("Tus-Checksum-Algorithm", ",".join(_ALGORITHMS)),
    )


async def _collection(asked: Asked, method: str) -> Answered:
    if method != hdrs.METH_POST:
        raise MethodNotAllowedError(method, "OPTIONS, POST")
    concat = asked.headers.get("Upload-Concat", "")
    if concat not in ("", "partial"):
        return await _concatenate(asked, concat)
    length, filled = _length_or_later(asked), asked.length != 0
    if filled:
        _check_type(asked)
    upload = await _make(asked, length, concat)
    at, fields = 0, [("Location", f"{asked.prefix}/tus/{upload}")]
    if filled:
        try:
            at = await _receive(asked, upload, 0, length)
        except BaseException:
            await asked.store.forget(upload)  # nobody will ever know its name
            raise
        fields.append(("Upload-Offset", str(at)))
    return _done(201, *fields, *_expiry(at, length, asked.settings))


async def _concatenate(asked: Asked, concat: str) -> Answer:
    """Make an upload of others, which stay."""
    if "Upload-Length" in asked.headers or "Upload-Defer-Length" in asked.headers:
        raise BadRequestError("The length of a final upload is that of its parts; do not send it.")
    parts, total = [], 0
    for part in _part_ids(asked, concat):
        known = await _load(asked, part)
        if known.concat != "partial":
            raise BadRequestError(f"Upload-Concat: {part} was not made with Upload-Concat: partial.")
        if not known.complete:
            raise BadRequestError(f"Upload-Concat: {part} is not complete.")
        parts.append(known)
        total += known.offset
    if total > max_size(asked.settings):
        raise _too_large(f"The sum of the parts, {total} bytes,", asked.settings)
    upload = await _make(asked, total, concat)
    try:
        await _join(asked, upload, parts)
    except BaseException:
        await asked.store.forget(upload)
        raise
    return _done(201, ("Location", f"{asked.prefix}/tus/{upload}"))


async def _join(asked: Asked, upload: str, parts: list[_Upload]) -> None:
    at = 0
    for part in parts:
        data = await asked.store.get(part.id, _BYTES) or b""
        if len(data) != part.offset:  # it had to make room for the sum
            raise _too_large("The parts together with their sum", asked.settings)
        at = await _add(asked, upload, at, data) if data else at


async def _one(asked: Asked, method: str) -> Answered:
    upload = await _load(asked, asked.arguments["upload"])
    match method:
        case hdrs.METH_PATCH:
            return await _patch(asked, upload)
        case hdrs.METH_DELETE:
            await asked.store.forget(upload.id)
            return _done(204)
        case hdrs.METH_GET:
            return await _content(asked, upload)
        case hdrs.METH_HEAD if asked.method == hdrs.METH_HEAD:
            return _resource(asked, upload, b"", ())
        case hdrs.METH_HEAD:  # asked with another method, which would have content
            return _done(204, *_state(upload, asked.settings))
    raise MethodNotAllowedError(method, "DELETE, GET, HEAD, OPTIONS, PATCH, POST")


async def _patch(asked: Asked, upload: _Upload) -> Answer:
    _check_type(asked)
    if upload.concat.startswith("final"):
        raise ForbiddenError("A final upload is what its parts are; nothing can be added.")
    at = _number(asked, "Upload-Offset")
    if at != upload.offset:
        raise _conflict(upload.offset)
    length = await _settled_length(asked, upload)
    end = await _receive(asked, upload.id, at, length)
    return _done(204, ("Upload-Offset", str(end)), *_expiry(end, length, asked.settings))


async def _content(asked: Asked, upload: _Upload) -> Resource:
    """What has come so far."""
    data = await asked.store.get(upload.id, _BYTES) or b""
    encoded = base64.b64encode(await _digest("sha256", data)).decode()  # RFC 9530, section 3
    digest = ("Repr-Digest", f"sha-256=:{encoded}:")
    return _resource(asked, evolve(upload, offset=len(data)), data, (digest,))


def _resource(asked: Asked, upload: _Upload, data: bytes, fields: tuple[tuple[str, str], ...]) -> Resource:
    def read(first: int, end: int) -> Iterator[bytes | memoryview]:
        yield memoryview(data)[first:end]

    representation = Representation(
        source=f"tus upload {upload.id}",
        size=upload.offset,
        content_type=_content_type(upload),
        coding="",
        validators=Validators(content_etag("tus", upload.id, upload.offset), None),
        # tus: "The Server MUST prevent the client and/or proxies from caching the response" to HEAD
        caching="no-store" if asked.method == hdrs.METH_HEAD else "no-cache",
    )
    extra = (("Tus-Resumable", VERSION), *_state(upload, asked.settings), *fields)
    return Resource(representation, read, extra=extra)


def _field(name: str, kind: str, help_: str, example: str = "") -> Parameter:
    return Parameter(name, Place.HEADER, kind, help_, example=example)


_RESUMABLE: Final = _field("Tus-Resumable", "text", "the version of the protocol: 1.0.0", VERSION)
_CHECKSUM: Final = _field("Upload-Checksum", "text", "sha1, sha256 or md5, a space, the digest in Base64")
_OVERRIDE: Final = _field("X-HTTP-Method-Override", "text", "the method that is meant")
_UPLOAD: Final = path("upload", "text", "what the Location of the creation says", "UPLOAD")

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("POST", "OPTIONS"),
        "/tus",
        _answering(_collection),
        "Make a resumable upload (tus 1.0.0); OPTIONS tells the extensions and the largest size.",
        (
            _RESUMABLE,
            _field("Upload-Length", "size", "bytes of the whole upload", "11"),
            _field("Upload-Defer-Length", "flag", "1 where the length follows with a PATCH"),
            _field(
                "Upload-Metadata", "text", "keys with values in Base64; filetype is the type that GET has"
            ),
            _field("Upload-Concat", "text", "partial, or final; with the URLs of the parts"),
            _CHECKSUM,
            _OVERRIDE,
        ),
        body=Body.STREAMED,
        group="Uploads",
    ),
    Route(
        ("GET", "PATCH", "POST", "DELETE", "OPTIONS"),
        "/tus/{upload}",
        _answering(_one),
        "Go on with an upload (PATCH), ask how far it is (HEAD), read it (GET), or drop it (DELETE).",
        (
            _UPLOAD,
            _RESUMABLE,
            _field("Upload-Offset", "size", "where the bytes of a PATCH begin", "0"),
            _field("Upload-Length", "size", "bytes of the whole upload, where the creation left it open"),
            _CHECKSUM,
            _OVERRIDE,
        ),
        body=Body.STREAMED,
        group="Uploads",
    ),
)
