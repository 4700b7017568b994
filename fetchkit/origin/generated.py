"""Bodies made on the fly: of any size, with their digests, as modules, as patterns."""

import base64
import re
import secrets
from collections.abc import Iterator
from typing import Final

from attrs import evolve

from fetchkit.errors import BadRequestError
from fetchkit.http.conditional import Validators
from fetchkit.http.representation import Representation
from fetchkit.origin import timed
from fetchkit.origin.answer import Answer, Piece, Resource, Wait
from fetchkit.origin.asked import Answered, Asked, json_answer
from fetchkit.origin.bodies import Content, Fill, Pattern, content_etag
from fetchkit.origin.digests import Digests, Wanted
from fetchkit.origin.parameters import parse_count, parse_seconds, parse_size, readable
from fetchkit.origin.route import Peer, Route, path, query
from fetchkit.origin.wasm import MAX_MODULE, MIN_MODULE, Module

__all__ = ["ROUTES"]

# What depends on its URL alone has always been as it is: 2024-01-01T00:00:00Z.
_MADE: Final = 1_704_067_200
_BINARY: Final = "application/octet-stream"
# media-type of RFC 9110, section 8.3.1, in ASCII: it stands in the frames of several ranges too.
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+[ -~]{0,200}")
# Fresh bytes up to this size are drawn at once; more are made as they are sent.
_FRESH: Final = 64 * 1024
# httpbin's default; the largest is what one connection may hold in memory.
_CHUNK, _MAX_CHUNK = 10 * 1024, 16 * 1024 * 1024
_DIGESTS: Final = Digests()


def body(asked: Asked) -> Answered:
    """`/body/{size}`"""
    content = _content(asked)
    content_type = asked.query.get("type", _BINARY)
    if not _MEDIA_TYPE.fullmatch(content_type):
        raise BadRequestError(f"type: {content_type!a:.80} is no media type.", "Write it as text/plain.")
    return _body(asked.path, content, content_type, 0)


async def digest(asked: Asked) -> Answered:
    """`/digest/{size}`"""
    content, limit = _content(asked), asked.settings.max_digest
    top = content.size - 1
    first = parse_count(asked.query.get("first", "0"), 0, max(top, 0), "first")
    last = parse_count(asked.query.get("last", str(top)), min(first, top), top, "last")
    if last + 1 - first > limit:
        raise BadRequestError(
            f"These are {last + 1 - first} bytes, beyond the limit of {readable(limit)} ({limit}).",
            "first= and last= ask for a range; max-digest of [origin] raises the limit.",
        )
    found = await _DIGESTS.sha256(Wanted(content, first, last + 1))
    return json_answer(
        {
            "size": content.size,
            "seed": content.seed,
            "fill": content.fill.value,
            "first": first,
            "last": last,
            "sha-256": found.hex(),
            # RFC 9530, section 3: a byte sequence of RFC 8941
            "repr-digest": f"sha-256=:{base64.b64encode(found).decode()}:",
        }
    )


def wasm(asked: Asked) -> Answered:
    """`/wasm/{size}`"""
    limit = min(MAX_MODULE, asked.settings.max_size)
    return _module(asked.path, Module(parse_size(asked.arguments["size"], limit, "size")))


def some_bytes(asked: Asked) -> Answered:
    """`/bytes/{n}`"""
    size = parse_size(asked.arguments["n"], asked.settings.max_size, "n")
    if "seed" in asked.query:
        return _body(asked.path, Content(size, asked.query.get("seed")), _BINARY, 0)
    # Another body, and so another tag, each time: a download cannot be resumed, and If-Range says so.
    validators = Validators(f'"{secrets.token_hex(12)}"', None)
    known = Representation(asked.path, size, _BINARY, "", validators, caching="no-store")
    if size > _FRESH:
        return Resource(known, Content(size, secrets.token_hex(8)).pieces)
    drawn = secrets.token_bytes(size)
    return Resource(known, lambda first, end: iter((drawn[first:end],)))


def stream_bytes(asked: Asked) -> Answered:
    """`/stream-bytes/{n}`"""
    size = parse_size(asked.arguments["n"], asked.settings.max_size, "n")
    chunk = parse_size(asked.query.get("chunk_size", str(_CHUNK)), _MAX_CHUNK, "chunk_size")
    if not chunk:
        raise BadRequestError("chunk_size: 0 bytes never end.")
    seed = asked.query.get("seed") if "seed" in asked.query else secrets.token_hex(8)
    pieces = _cut(Content(size, seed).pieces(0, size), chunk)
    return Answer(200, [("Content-Type", _BINARY)], pieces, None)


def byte_range(asked: Asked) -> Answered:
    """`/range/{n}`"""
    size = parse_size(asked.arguments["n"], asked.settings.max_size, "n")
    if not size:
        raise BadRequestError("n: 0 is not from 1.")
    chunk = parse_size(asked.query.get("chunk_size", str(_CHUNK)), _MAX_CHUNK, "chunk_size")
    if not chunk:
        raise BadRequestError("chunk_size: 0 bytes never end.")
    duration = parse_seconds(asked.query.get("duration", "0"), asked.settings.max_seconds, "duration")
    return _range(asked.path, size, duration, chunk, 0)


def _range(source: str, size: int, duration: float, chunk: int, version: int) -> Resource:
    # The tag of another version has other bytes: the alphabet begins elsewhere.
    turn = version % 26
    alphabet = b"abcdefghijklmnopqrstuvwxyz"
    pattern = Pattern(alphabet[turn:] + alphabet[:turn], size)
    tag = f'"range{size}"' if not version else f'"range{size}-{version}"'

    def paced(first: int, end: int) -> Iterator[Piece]:
        for piece in _cut(pattern.pieces(first, end), chunk):
            yield Wait(duration * len(piece) / size)
            yield piece

    return Resource(
        Representation(source, size, _BINARY, "", Validators(tag, _MADE)),
        paced if duration else pattern.pieces,
        revise=lambda number: _range(source, size, duration, chunk, number),
    )


def _body(source: str, content: Content, content_type: str, version: int) -> Resource:
    state = evolve(content, seed=f"{content.seed} version {version}") if version else content
    tag = content_etag(state.size, state.seed, state.fill.value, content_type)
    return Resource(
        Representation(source, content.size, content_type, "", Validators(tag, _MADE)),
        state.pieces,
        revise=lambda number: _body(source, content, content_type, number),
    )


def _module(source: str, module: Module) -> Resource:
    tag = content_etag("wasm", module.size, module.version)
    return Resource(
        Representation(source, module.size, "application/wasm", "", Validators(tag, _MADE)),
        module.pieces,
        revise=lambda number: _module(source, evolve(module, version=number)),
    )


def _content(asked: Asked) -> Content:
    size = parse_size(asked.arguments["size"], asked.settings.max_size, "size")
    fill = asked.query.get("fill", Fill.RANDOM)
    if fill not in set(Fill):
        raise BadRequestError(f"fill: {fill!a:.80} is not one of {', '.join(Fill)}.")
    return Content(size, asked.query.get("seed"), Fill(fill))


def _cut(pieces: Iterator[bytes | memoryview], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size; the last may be shorter."""
    kept = bytearray()
    for piece in pieces:
        for start in range(0, len(piece), _MAX_CHUNK):
            kept += piece[start : start + _MAX_CHUNK]
            whole = len(kept) - len(kept) % size
            for place in range(0, whole, size):
                yield bytes(kept[place : place + size])
            del kept[:whole]
    if kept:
        yield bytes(kept)


_SEED: Final = query("seed", "text", "Another seed is another body.")
_FILL: Final = query("fill", "text", "What the bytes look like: random, text or zeros.", "random")
_DURATION: Final = query("duration", "time", "Spread the body over this time.", "0")
_CHUNK_SIZE: Final = query("chunk_size", "size", "Bytes that are sent at a time.", "10KiB")
_SIZE: Final = path("size", "size", "Bytes.", "10MiB")
_GET: Final = ("GET",)
_BOTH: Final = (Peer.HTTPBIN, Peer.GO)

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        _GET,
        "/body/{size}",
        body,
        "A body of any size, the same bytes for the same URL, with ranges and a strong ETag.",
        (_SIZE, _SEED, query("type", "text", "Media type.", _BINARY), _FILL),
        group="Bodies",
    ),
    Route(
        _GET,
        "/digest/{size}",
        digest,
        "The SHA-256 of that body, or of a range of it.",
        (
            _SIZE,
            _SEED,
            _FILL,
            query("first", "count", "First byte of the range.", "0"),
            query("last", "count", "Last byte of the range, which is included.", "the last"),
        ),
        group="Bodies",
    ),
    Route(
        _GET,
        "/wasm/{size}",
        wasm,
        "A valid WebAssembly module of exactly this size; its exports run() and last() return the size,"
        " and the size plus the number of the last function.",
        (path("size", "size", f"Bytes, from {MIN_MODULE} to 1GiB.", "1MiB"),),
        group="Bodies",
    ),
    Route(
        _GET,
        "/bytes/{n}",
        some_bytes,
        "Random bytes; with a seed the same ones each time.",
        (path("n", "size", "Bytes.", "1024"), _SEED),
        _BOTH,
        "httpbin sends 100 KiB where more is asked for, go-httpbin refuses more than 1 MiB;"
        " neither has ranges. The bytes of a seed are others than theirs.",
        group="Bodies",
    ),
    Route(
        _GET,
        "/stream-bytes/{n}",
        stream_bytes,
        "Random bytes without Content-Length, in chunks.",
        (path("n", "size", "Bytes.", "1024"), _SEED, _CHUNK_SIZE),
        _BOTH,
        "httpbin sends 100 KiB where more is asked for, go-httpbin refuses more than 1 MiB.",
        group="Bodies",
    ),
    Route(
        _GET,
        "/range/{n}",
        byte_range,
        "The alphabet over and over, with ranges; it can take its time.",
        (path("n", "size", "Bytes, from 1.", "1024"), _DURATION, _CHUNK_SIZE),
        _BOTH,
        "Their ETag has no quotes. httpbin answers 416 to a range whose last byte is past the end, 200 to"
        " several ranges, ignores If-Range and limits n to 100 KiB; go-httpbin has no chunk_size, its"
        " duration only delays, and its limit is 1 MiB.",
        group="Bodies",
    ),
    *timed.ROUTES,
)
