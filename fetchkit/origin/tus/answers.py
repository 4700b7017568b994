"""The answers of tus: what they tell of an upload, and the fields that all of them have."""

import re
import time
from collections.abc import Iterator
from typing import Final

from aiohttp import hdrs

from fetchkit.errors import HttpError
from fetchkit.http.conditional import Validators
from fetchkit.http.dates import format_http_date
from fetchkit.http.media_types import BINARY
from fetchkit.http.problem import problem_json
from fetchkit.http.representation import Representation
from fetchkit.origin.answer import Answer, Resource, whole
from fetchkit.origin.asked import Asked
from fetchkit.origin.bodies import content_etag
from fetchkit.origin.settings import Origin
from fetchkit.origin.tus.grammar import ALGORITHMS, VERSION, ChecksumError, max_size, parse_metadata
from fetchkit.origin.tus.uploads import Upload

__all__ = ["done", "expiry_fields", "options", "refusal_of", "resource_of", "state_fields"]

_EXTENSIONS: Final = (
    "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination",
    "concatenation",
)  # fmt: skip
_MEDIA_TYPE: Final = re.compile(r"[!#$&^_.+\w-]+/[!#$&^_.+\w-]+(?:; ?[a-z]+=[\w.-]+)*", re.ASCII)


def done(status: int, *fields: tuple[str, str]) -> Answer:
    """An answer without content."""
    return Answer(status, [("Tus-Resumable", VERSION), ("Cache-Control", "no-store"), *fields])


def refusal_of(error: HttpError) -> Answer:
    """An error as an answer: a page of another origin may read all of its fields."""
    fields = (*error.headers.items(), ("Tus-Resumable", VERSION), ("Cache-Control", "no-store"))
    refusal = whole(error.status, problem_json(error), "application/problem+json", *fields)
    if isinstance(error, ChecksumError):
        refusal.reason = "Checksum Mismatch"  # no status of HTTP's, so no phrase either
    return refusal


def options(asked: Asked) -> Answer:
    """What the server can do; the version that a client names does not count here."""
    return done(
        204,
        ("Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST" if asked.arguments else "OPTIONS, POST"),
        ("Tus-Version", VERSION),
        ("Tus-Max-Size", str(max_size(asked.settings))),
        ("Tus-Extension", ",".join(_EXTENSIONS)),
        ("Tus-Checksum-Algorithm", ",".join(ALGORITHMS)),
    )


def state_fields(upload: Upload, settings: Origin) -> list[tuple[str, str]]:
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
    return [*fields, *expiry_fields(upload.offset, upload.length, settings)]


def expiry_fields(offset: int, length: int | None, settings: Origin) -> list[tuple[str, str]]:
    """When an unfinished upload will be forgotten; each use puts it off."""
    if offset == length:
        return []
    # Far enough for every test, and near enough to be a date of four digits.
    return [("Upload-Expires", format_http_date(time.time() + min(settings.expiry, 1e9)))]


def resource_of(asked: Asked, upload: Upload, data: bytes, fields: tuple[tuple[str, str], ...]) -> Resource:
    """What has come, for GET and HEAD."""

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
    extra = (("Tus-Resumable", VERSION), *state_fields(upload, asked.settings), *fields)
    return Resource(representation, read, extra=extra)


def _content_type(upload: Upload) -> str:
    """What the metadata says, under the name that tus-js-client's and Uppy's users give it."""
    given = parse_metadata(upload.metadata).get("filetype", b"").decode("latin-1")
    return given if _MEDIA_TYPE.fullmatch(given) else BINARY
