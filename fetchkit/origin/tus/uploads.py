"""An upload in the memory, which several may send to at once.

It is a token that the server makes up; who knows it may go on with the upload. Below it:

    tus       its metadata and whether it is a part of another; written once, at its creation
    length    how long it will be, in digits; written once, then or later
    bytes     what has come

Bytes are only ever added at their end, and what is added elsewhere is refused by the memory itself. So of two
that send at once one goes on, and the other gets a 409, in whichever process they are; and a size and an
upload's name together stand for the same bytes for ever, which makes them an entity tag.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from typing import Final

from attrs import frozen

from fetchkit.errors import BadRequestError, HttpError, NotFoundError, PayloadTooLargeError
from fetchkit.origin.asked import Asked
from fetchkit.origin.memory.store import ConflictError, FullError
from fetchkit.origin.settings import KIB
from fetchkit.origin.tus.grammar import (
    ID,
    ChecksumError,
    conflict,
    max_size,
    parse_checksum,
    parse_length,
    parse_metadata,
    too_large,
)

__all__ = [
    "Upload",
    "digest_of",
    "join_parts",
    "load_upload",
    "make_upload",
    "read_bytes",
    "receive_body",
    "settle_length",
]

_META: Final = "tus"
_LENGTH: Final = "length"
_BYTES: Final = "bytes"
# What came is handed to the memory in pieces of at least this size: a message to Redis for each.
_PIECE: Final = 64 * KIB
# Hashing less than this takes about a millisecond.
_HASHED_AT_ONCE: Final = 1024 * KIB


@frozen
class Upload:
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


async def load_upload(asked: Asked, upload: str) -> Upload:
    """What is known of an upload.

    Raises:
        NotFoundError: nothing.
    """
    known = await asked.store.get(upload, _META) if ID.fullmatch(upload) else None
    if known is None:
        raise NotFoundError(
            "There is no such upload: it has expired, was deleted, or never was.",
            f"POST {asked.prefix}/tus makes one; expiry of [origin] is how long it is kept.",
        )
    meta = json.loads(known)
    length = await asked.store.get(upload, _LENGTH)
    offset = await asked.store.size(upload, _BYTES) or 0
    return Upload(upload, offset, None if length is None else int(length), meta["metadata"], meta["concat"])


async def make_upload(asked: Asked, length: int | None, concat: str) -> str:
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
        raise too_large("The metadata", asked.settings) from error
    return upload


async def settle_length(asked: Asked, upload: Upload) -> int | None:
    """The length of an upload, which may come with the bytes where its creation has left it open.

    Raises:
        BadRequestError, PayloadTooLargeError: it cannot be that.
    """
    if "Upload-Length" not in asked.headers:
        return upload.length
    length, settled = parse_length(asked), upload.length
    if length < upload.offset:
        raise BadRequestError(
            f"Upload-Length: {length} is less than the {upload.offset} bytes that are here."
        )
    if settled is None:
        try:
            await asked.store.extend(upload.id, _LENGTH, 0, b"%d" % length)
            settled = length
        except ConflictError:  # somebody else was first
            settled = (await load_upload(asked, upload.id)).length
        except FullError as error:
            raise too_large("The upload", asked.settings) from error
    if settled != length:
        raise BadRequestError(f"Upload-Length: {length} is not {settled}, which was said before.")
    return length


async def receive_body(asked: Asked, upload: str, at: int, length: int | None) -> int:
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


async def _checked(pieces: AsyncIterator[bytes], checksum: str) -> bytes:
    """The whole body, which is what its client has hashed.

    Raises:
        ChecksumError: it is not.
    """
    algorithm, digest = parse_checksum(checksum)
    data = bytearray()
    async for piece in pieces:
        data += piece
    if await digest_of(algorithm, data) != digest:
        raise ChecksumError(f"The {algorithm} of the {len(data)} bytes is another; they were dropped.")
    return bytes(data)


async def read_bytes(asked: Asked, upload: Upload) -> bytes:
    """The bytes that are here."""
    return await asked.store.get(upload.id, _BYTES) or b""


async def join_parts(asked: Asked, upload: str, parts: list[Upload]) -> None:
    """Copy the bytes of the parts into an upload.

    Raises:
        PayloadTooLargeError: the memory has no room for both.
    """
    at = 0
    for part in parts:
        data = await read_bytes(asked, part)
        if len(data) != part.offset:  # it had to make room for the sum
            raise too_large("The parts together with their sum", asked.settings)
        at = await _add(asked, upload, at, data) if data else at


async def _add(asked: Asked, upload: str, at: int, data: bytes) -> int:
    """Add bytes at the end of an upload; returns where the next ones begin.

    Raises:
        OffsetConflictError, NotFoundError, PayloadTooLargeError: 409, 404 and 413.
    """
    try:
        end = await asked.store.extend(upload, _BYTES, at, data)
    except ConflictError as error:
        await load_upload(asked, upload)  # forgotten meanwhile?
        raise conflict(error.size) from error
    except FullError as error:
        raise too_large(f"An upload of {at + len(data)} bytes", asked.settings) from error
    if at == 0 and await asked.store.get(upload, _META) is None:
        await asked.store.forget(upload)  # deleted while the first bytes were on their way
        await load_upload(asked, upload)
    return end


async def digest_of(algorithm: str, data: bytes | bytearray) -> bytes:
    """The digest; that of much data is made in a thread, so that nobody waits for it."""
    hashing = functools.partial(hashlib.new, algorithm, data, usedforsecurity=False)
    return (hashing() if len(data) <= _HASHED_AT_ONCE else await asyncio.to_thread(hashing)).digest()
