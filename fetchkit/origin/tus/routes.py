"""The paths of tus: what each method does, and their rows of the catalogue."""

import base64
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs
from attrs import evolve

from fetchkit.errors import BadRequestError, ForbiddenError, HttpError, MethodNotAllowedError
from fetchkit.origin.answer import Answer, Resource
from fetchkit.origin.asked import Answered, Asked
from fetchkit.origin.route import Body, Parameter, Place, Route, path
from fetchkit.origin.tus.answers import done, expiry_fields, options, refusal_of, resource_of, state_fields
from fetchkit.origin.tus.grammar import (
    VERSION,
    check_type,
    check_version,
    conflict,
    max_size,
    parse_length_or_later,
    parse_number,
    parse_parts,
    too_large,
)
from fetchkit.origin.tus.uploads import (
    Upload,
    digest_of,
    join_parts,
    load_upload,
    make_upload,
    read_bytes,
    receive_body,
    settle_length,
)

__all__ = ["ROUTES"]


def _answering(
    handler: Callable[[Asked, str], Awaitable[Answered]],
) -> Callable[[Asked], Awaitable[Answered]]:
    """Give a handler the method that is meant, and its refusals the fields that all answers of tus have."""

    async def answered(asked: Asked) -> Answered:
        method = asked.headers.get("X-HTTP-Method-Override", asked.method).upper()
        if method == hdrs.METH_OPTIONS:
            return options(asked)
        try:
            check_version(asked, method)
            return await handler(asked, method)
        except HttpError as error:
            return refusal_of(error)

    return answered


async def _collection(asked: Asked, method: str) -> Answered:
    if method != hdrs.METH_POST:
        raise MethodNotAllowedError(method, "OPTIONS, POST")
    concat = asked.headers.get("Upload-Concat", "")
    if concat not in ("", "partial"):
        return await _concatenate(asked, concat)
    length, filled = parse_length_or_later(asked), asked.length != 0
    if filled:
        check_type(asked)
    upload = await make_upload(asked, length, concat)
    at, fields = 0, [("Location", f"{asked.prefix}/tus/{upload}")]
    if filled:
        try:
            at = await receive_body(asked, upload, 0, length)
        except BaseException:
            await asked.store.forget(upload)  # nobody will ever know its name
            raise
        fields.append(("Upload-Offset", str(at)))
    return done(201, *fields, *expiry_fields(at, length, asked.settings))


async def _concatenate(asked: Asked, concat: str) -> Answer:
    """Make an upload of others, which stay."""
    if "Upload-Length" in asked.headers or "Upload-Defer-Length" in asked.headers:
        raise BadRequestError("The length of a final upload is that of its parts; do not send it.")
    parts, total = [], 0
    for part in parse_parts(asked, concat):
        known = await load_upload(asked, part)
        if known.concat != "partial":
            raise BadRequestError(f"Upload-Concat: {part} was not made with Upload-Concat: partial.")
        if not known.complete:
            raise BadRequestError(f"Upload-Concat: {part} is not complete.")
        parts.append(known)
        total += known.offset
    if total > max_size(asked.settings):
        raise too_large(f"The sum of the parts, {total} bytes,", asked.settings)
    upload = await make_upload(asked, total, concat)
    try:
        await join_parts(asked, upload, parts)
    except BaseException:
        await asked.store.forget(upload)
        raise
    return done(201, ("Location", f"{asked.prefix}/tus/{upload}"))


async def _one(asked: Asked, method: str) -> Answered:
    upload = await load_upload(asked, asked.arguments["upload"])
    match method:
        case hdrs.METH_PATCH:
            return await _patch(asked, upload)
        case hdrs.METH_DELETE:
            await asked.store.forget(upload.id)
            return done(204)
        case hdrs.METH_GET:
            return await _content(asked, upload)
        case hdrs.METH_HEAD if asked.method == hdrs.METH_HEAD:
            return resource_of(asked, upload, b"", ())
        case hdrs.METH_HEAD:  # asked with another method, which would have content
            return done(204, *state_fields(upload, asked.settings))
    raise MethodNotAllowedError(method, "DELETE, GET, HEAD, OPTIONS, PATCH, POST")


async def _patch(asked: Asked, upload: Upload) -> Answer:
    check_type(asked)
    if upload.concat.startswith("final"):
        raise ForbiddenError("A final upload is what its parts are; nothing can be added.")
    at = parse_number(asked, "Upload-Offset")
    if at != upload.offset:
        raise conflict(upload.offset)
    length = await settle_length(asked, upload)
    end = await receive_body(asked, upload.id, at, length)
    return done(204, ("Upload-Offset", str(end)), *expiry_fields(end, length, asked.settings))


async def _content(asked: Asked, upload: Upload) -> Resource:
    """What has come so far."""
    data = await read_bytes(asked, upload)
    encoded = base64.b64encode(await digest_of("sha256", data)).decode()  # RFC 9530, section 3
    digest = ("Repr-Digest", f"sha-256=:{encoded}:")
    return resource_of(asked, evolve(upload, offset=len(data)), data, (digest,))


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
