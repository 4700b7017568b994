"""The grammar of tus 1.0.0: its fields, what they may say, and how they are refused. Pure."""

import base64
import binascii
import contextlib
import re
from typing import ClassVar, Final
from urllib.parse import urljoin, urlsplit

from aiohttp import hdrs

from fetchkit.errors import BadRequestError, HttpError, PayloadTooLargeError, PreconditionFailedError
from fetchkit.origin.asked import Asked
from fetchkit.origin.settings import KIB, Origin

__all__ = [
    "ALGORITHMS",
    "ID",
    "VERSION",
    "ChecksumError",
    "OffsetConflictError",
    "UploadTypeError",
    "check_type",
    "check_version",
    "conflict",
    "max_size",
    "parse_checksum",
    "parse_length",
    "parse_length_or_later",
    "parse_metadata",
    "parse_number",
    "parse_parts",
    "too_large",
]

VERSION: Final = "1.0.0"
ALGORITHMS: Final = ("sha1", "sha256", "md5")
_CONTENT_TYPE: Final = "application/offset+octet-stream"

# Metadata comes from header fields, so it is smaller than this.
_ROOM: Final = 16 * KIB

ID: Final = re.compile("[A-Za-z0-9_-]{22}")
_NUMBER: Final = re.compile("[0-9]{1,18}")
# "the key MUST NOT contain spaces and commas and MUST NOT be empty. The key SHOULD be ASCII encoded"
_KEY: Final = re.compile(r"[!-+\x2d-~]+")


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


def max_size(settings: Origin) -> int:
    """The largest upload: what the memory holds besides the metadata."""
    return min(settings.max_memory - min(_ROOM, settings.max_memory // 4), settings.max_upload)


def check_version(asked: Asked, method: str) -> None:
    """Refuse other versions; a plain GET or HEAD, which knows of none, gets the content."""
    version = asked.headers.get("Tus-Resumable")
    if version == VERSION or (version is None and method in (hdrs.METH_GET, hdrs.METH_HEAD)):
        return
    said = "is missing" if version is None else f"{version!a:.80} is another version"
    raise PreconditionFailedError(
        f"Tus-Resumable {said}.", f"Send Tus-Resumable: {VERSION}.", {"Tus-Version": VERSION}
    )


def check_type(asked: Asked) -> None:
    """Refuse bytes of another media type than the one that tus gives them."""
    given = asked.headers.get(hdrs.CONTENT_TYPE, "")
    if given.partition(";")[0].strip().lower() != _CONTENT_TYPE:
        raise UploadTypeError(f"Content-Type is {given!a:.80}.", f"Send Content-Type: {_CONTENT_TYPE}.")


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
    if algorithm not in ALGORITHMS:
        raise BadRequestError(
            f"Upload-Checksum: {algorithm!a:.80} is not one of {', '.join(ALGORITHMS)}.",
            "Write it as: sha1 and the digest in Base64.",
        )
    return algorithm, _base64(digest, "Upload-Checksum: the digest")


def _base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadRequestError(f"{name} is no Base64.") from error


def parse_number(asked: Asked, name: str) -> int:
    """A field that says how many bytes.

    Raises:
        BadRequestError: it is missing, or no number.
    """
    text = asked.headers.get(name)
    if text is None:
        raise BadRequestError(f"{name} is missing.")
    if not _NUMBER.fullmatch(text):
        raise BadRequestError(f"{name}: {text!a:.80} is no number of bytes.")
    return int(text)


def parse_length(asked: Asked) -> int:
    """Upload-Length.

    Raises:
        BadRequestError: it is missing, or no number.
        PayloadTooLargeError: no upload may be that long.
    """
    length, limit = parse_number(asked, "Upload-Length"), max_size(asked.settings)
    if length > limit:
        raise too_large(f"Upload-Length: {length}", asked.settings)
    return length


def parse_length_or_later(asked: Asked) -> int | None:
    """The length that a creation names; None where it will follow."""
    later = asked.headers.get("Upload-Defer-Length")
    if later is None:
        return parse_length(asked)
    if later != "1":
        raise BadRequestError(f"Upload-Defer-Length: {later!a:.80} is not 1, the only value it has.")
    if "Upload-Length" in asked.headers:
        raise BadRequestError("Upload-Length and Upload-Defer-Length exclude each other.")
    return None


def parse_parts(asked: Asked, concat: str) -> list[str]:
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
        if where.startswith(own) and ID.fullmatch(where.removeprefix(own)):
            return where.removeprefix(own)
    raise BadRequestError(f"Upload-Concat: {url!a:.80} is no upload of this server.")


def too_large(what: str, settings: Origin) -> PayloadTooLargeError:
    """The refusal of what the memory cannot hold."""
    return PayloadTooLargeError(
        f"{what} is more than the {max_size(settings)} bytes that can be kept.",
        "max-memory of [origin] raises it.",
    )


def conflict(offset: int) -> OffsetConflictError:
    """The refusal of bytes that begin elsewhere than at the offset."""
    return OffsetConflictError(
        f"There are {offset} bytes, so the next ones begin at {offset}.",
        "HEAD says where; somebody else may send at the same time.",
        {"Upload-Offset": str(offset)},
    )
