"""Content made on the fly: the same bytes for the same seed, any range of any size at the same cost. Pure.

A body is a row of blocks of 1 MiB; a block depends on the seed and its number alone, so that any range
can be made without what comes before it (a generator in counter mode, as AES-CTR is one):

    pool    = SHAKE-128("fetchkit body " + seed), 1 MiB, as a ring
    stamp_i = SHA-256("fetchkit block " + seed + " " + i in decimal)
    block_i = stamp_i, then the pool from the position that the first four bytes of stamp_i say
              (big endian, modulo 1 MiB), 1 MiB in all

Every block is another, so that a piece sent twice, left out or in the wrong place changes the digest; and
making one costs a hash of some bytes and no copy, since the pool is handed out as views.
`fill=text` maps the pool to 32 letters and the stamp to hexadecimal digits; `fill=zeros` is zeros.
"""

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final

from attrs import frozen

__all__ = ["BLOCK", "Content", "Fill", "Pattern", "content_etag"]

BLOCK: Final = 1024 * 1024
_STAMP: Final = 32
# Letters that repeat, so that compression finds something: five bits of eight.
_LETTERS: Final = bytes(b"abcdefghijklmnopqrstuvwxyz     \n"[byte % 32] for byte in range(256))
# A pool is 2 MiB; pages use few seeds.
_POOLS: Final = 8


class Fill(StrEnum):
    """What the bytes look like."""

    RANDOM = "random"
    TEXT = "text"
    ZEROS = "zeros"


@frozen
class Content:
    """The bytes of one body.

    Attributes:
        size: bytes.
        seed: any text.
        fill: what they look like.
    """

    size: int
    seed: str = ""
    fill: Fill = Fill.RANDOM

    def pieces(self, first: int, end: int) -> Iterator[bytes | memoryview]:
        """The bytes from `first` up to `end`, in pieces of at most a block."""
        pool = _pool(self.seed, self.fill)
        position = first
        while position < end:
            number, within = divmod(position, BLOCK)
            take = min(BLOCK - within, end - position)
            stamp, start = _stamp(self.seed, self.fill, number)
            if within < _STAMP:
                yield stamp[within : within + take]
            skip = max(within - _STAMP, 0)
            stop = within + take - _STAMP
            if stop > skip:
                yield pool[start + skip : start + stop]
            position += take


@frozen
class Pattern:
    """A pattern over and over: go-httpbin's and httpbin's a-z of `/range`, the stars of `/drip`."""

    pattern: bytes
    size: int

    def pieces(self, first: int, end: int) -> Iterator[bytes | memoryview]:
        """The bytes from `first` up to `end`."""
        row = self.pattern * max(1, 65536 // len(self.pattern))
        position = first
        while position < end:
            within = position % len(self.pattern)
            piece = row[within : within + end - position]
            yield piece
            position += len(piece)


def content_etag(*parts: object) -> str:
    """A strong entity tag (RFC 9110, section 8.8.3) for what depends on `parts` alone."""
    return f'"{hashlib.blake2b(repr(parts).encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()}"'


@lru_cache(_POOLS)
def _pool(seed: str, fill: Fill) -> memoryview:
    """The ring, twice, so that a view from any position is one piece."""
    if fill is Fill.ZEROS:
        return memoryview(bytes(2 * BLOCK))
    ring = hashlib.shake_128(b"fetchkit body " + _bytes(seed)).digest(BLOCK)
    if fill is Fill.TEXT:
        ring = ring.translate(_LETTERS)
    return memoryview(ring + ring)


def _stamp(seed: str, fill: Fill, number: int) -> tuple[bytes, int]:
    """The stamp of a block, and where in the ring the block begins."""
    if fill is Fill.ZEROS:
        return bytes(_STAMP), 0
    stamp = hashlib.sha256(b"fetchkit block " + _bytes(seed) + b" %d" % number).digest()
    start = int.from_bytes(stamp[:4]) % BLOCK
    return (stamp.hex()[:_STAMP].encode() if fill is Fill.TEXT else stamp), start


def _bytes(seed: str) -> bytes:
    return seed.encode("utf-8", "surrogateescape")
