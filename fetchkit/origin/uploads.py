"""Uploads: counted and digested as they come, read slowly, refused early. Nothing of them is kept."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from attrs import Factory, field, mutable

from fetchkit.errors import BadRequestError, ExpectationFailedError, PayloadTooLargeError
from fetchkit.origin.asked import Answered, Asked, json_answer
from fetchkit.origin.multipart import Part, PartData, Reader, boundary_of
from fetchkit.origin.parameters import parse_rate, parse_size, readable
from fetchkit.origin.route import Body, Peer, Route, query

__all__ = ["ROUTES"]


@mutable
class _Counted:
    """Bytes that went by."""

    size: int = 0
    _digest: "hashlib._Hash" = field(factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._digest.update(data)

    def shown(self) -> dict[str, Any]:
        return {"bytes_received": self.size, "sha-256": self._digest.hexdigest()}


@mutable
class _Parts:
    """The parts of a multipart body.

    Attributes:
        limit: how many there may be.
        shown: those that have ended, and the one that has not.
    """

    reader: Reader
    limit: int
    _known: list[tuple[Part, _Counted]] = Factory(list)

    def add(self, data: bytes) -> None:
        for event in self.reader.feed(data):
            if isinstance(event, Part):
                if len(self._known) == self.limit:
                    raise BadRequestError(
                        f"The body has more than {self.limit} parts.",
                        "max-items of [origin] raises the limit.",
                    )
                self._known.append((event, _Counted()))
            elif isinstance(event, PartData):
                self._known[-1][1].add(event.data)

    def shown(self) -> dict[str, Any]:
        """Files, and fields which have no name of a file."""
        files = [
            {
                "name": part.name,
                "filename": part.filename,
                "content-type": part.content_type,
                **counted.shown(),
            }
            for part, counted in self._known
            if part.filename is not None
        ]
        fields = [
            {"name": part.name, **counted.shown()} for part, counted in self._known if part.filename is None
        ]
        return {"files": files, "fields": fields}


async def upload(asked: Asked) -> Answered:
    """`/upload`"""
    limit = asked.settings.max_upload
    if "max" in asked.query:
        limit = parse_size(asked.query.get("max"), limit, "max")
    rate = parse_rate(asked.query.get("rate"), "rate") if "rate" in asked.query else 0.0
    _judge_expectation(asked)
    if asked.length is not None:
        _judge_size(asked.length, limit)
        _judge_time(asked.length, rate, asked.settings.max_seconds)
    boundary = boundary_of(asked.headers.get("Content-Type", ""))
    parts = _Parts(Reader(boundary), asked.settings.max_items) if boundary is not None else None
    whole, pieces, began = _Counted(), 0, time.monotonic()
    async for piece in _slowly(asked.pieces(), rate):
        _judge_size(whole.size + len(piece), limit)
        _judge_time(whole.size + len(piece), rate, asked.settings.max_seconds)
        whole.add(piece)
        pieces += 1
        if parts is not None:
            parts.add(piece)
    shown: dict[str, Any] = {
        **whole.shown(),
        "seconds": round(time.monotonic() - began, 6),
        "pieces": pieces,
    }
    if parts is not None:
        parts.reader.close()
        shown |= parts.shown()
    return json_answer(shown)


async def _slowly(pieces: AsyncIterator[bytes], rate: float) -> AsyncIterator[bytes]:
    """The pieces, none asked for before those so far have had their time; the client's window fills."""
    began, size = time.monotonic(), 0
    async for piece in pieces:
        yield piece
        size += len(piece)
        if rate and (ahead := began + size / rate - time.monotonic()) > 0:
            await asyncio.sleep(ahead)


def _judge_expectation(asked: Asked) -> None:
    """Refuse what waits for a 100, where the query says so; nothing of its body is read."""
    wanted = asked.query.get("expect")
    if wanted not in {"", "accept", "refuse", "413", "417"}:
        raise BadRequestError(f"expect: {wanted!a:.80} is not one of accept, refuse, 413, 417.")
    if "100-continue" not in asked.headers.get("Expect", "").lower():
        return
    if wanted == "413":
        raise PayloadTooLargeError("The query asks for this answer to an expectation.")
    if wanted in {"refuse", "417"}:
        raise ExpectationFailedError("The query asks for this answer to an expectation.")


def _judge_size(size: int, limit: int) -> None:
    if size > limit:
        raise PayloadTooLargeError(f"The body is larger than the limit of {readable(limit)} ({limit} bytes).")


def _judge_time(size: int, rate: float, limit: float) -> None:
    if rate and size / rate > limit:
        raise BadRequestError(
            f"rate: {size} bytes take {size / rate:.0f} s, beyond the limit of {limit:g} s.",
            "max-seconds of [origin] raises it.",
        )


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("POST", "PUT", "PATCH"),
        "/upload",
        upload,
        "Counts and digests a body of any size, and each part of a form.",
        (
            query("rate", "rate", "Read no faster than this."),
            query(
                "max",
                "size",
                "Answer 413 to more than this, before the body is read where its size is known.",
            ),
            query("expect", "text", "What Expect: 100-continue gets: accept, refuse (417), 413.", "accept"),
        ),
        (Peer.GO,),
        "go-httpbin answers 500 to more than 1 MiB, and ends an upload that takes more than 5 s.",
        Body.STREAMED,
        "Uploads",
    ),
)
