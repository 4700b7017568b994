"""Content codings: encoders that are fed piece by piece, and gzip that unpacks to many zeros. Pure."""

import importlib
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Protocol

from attrs import frozen

__all__ = ["STEP", "Encoder", "encoder", "gzip_of_zeros", "zeros_length"]

# What is compressed in one go: about two milliseconds of gzip.
STEP: Final = 64 * 1024
# Fast rather than small: it is a test's body.
_LEVEL: Final = 6
_BLOCK: Final = 1 << 20
# A head without a time: the same body every time (RFC 1952, section 2.3.1).
_GZIP_HEAD: Final = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 255))


class Encoder(Protocol):
    """An encoder in the middle of a body."""

    def compress(self, data: bytes | memoryview) -> bytes:
        """Take bytes; returns what is ready."""

    def flush_block(self) -> bytes:
        """Everything that was taken, so that it can be decoded before more comes."""

    def finish(self) -> bytes:
        """The end."""


@frozen
class _Functions:
    compress: Callable[[bytes | memoryview], bytes]
    flush_block: Callable[[], bytes]
    finish: Callable[[], bytes]


def encoder(coding: str) -> Encoder:
    """An encoder for `gzip`, `deflate`, `br` or `zstd`.

    Raises:
        ImportError: the package for it is not installed.
    """
    if coding in ("gzip", "deflate"):
        window = zlib.MAX_WBITS + (16 if coding == "gzip" else 0)
        deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, window)
        return _Functions(deflate.compress, lambda: deflate.flush(zlib.Z_SYNC_FLUSH), deflate.flush)
    if coding == "br":
        import brotli  # type: ignore[import-untyped]  # noqa: PLC0415  an extra, without types

        brotli_encoder = brotli.Compressor(quality=4)
        return _Functions(
            lambda data: bytes(brotli_encoder.process(bytes(data))),
            lambda: bytes(brotli_encoder.flush()),
            lambda: bytes(brotli_encoder.finish()),
        )
    zstd = _zstd()
    compressor = zstd.ZstdCompressor()
    return _Functions(
        compressor.compress,
        lambda: bytes(compressor.flush(zstd.ZstdCompressor.FLUSH_BLOCK)),
        lambda: bytes(compressor.flush()),
    )


def _zstd() -> Any:
    """Python's own from 3.14 on, else its backport, an extra."""
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        return importlib.import_module("backports.zstd")


@lru_cache(1)
def _block() -> bytes:
    """One MiB of zeros as deflate blocks that end on a byte and refer to nothing before them."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(bytes(_BLOCK)) + deflate.flush(zlib.Z_FULL_FLUSH)


def _tail(size: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(bytes(size)) + deflate.flush()


def zeros_length(size: int) -> int:
    """Bytes of `gzip_of_zeros`."""
    blocks, rest = divmod(size, _BLOCK)
    return len(_GZIP_HEAD) + blocks * len(_block()) + len(_tail(rest)) + 8


def gzip_of_zeros(size: int) -> Iterator[bytes]:
    """One gzip member that unpacks to `size` zeros; a block is compressed once and sent many times."""
    blocks, rest = divmod(size, _BLOCK)
    yield _GZIP_HEAD
    checksum, zeros, block = 0, bytes(_BLOCK), _block()
    for _ in range(blocks):
        checksum = zlib.crc32(zeros, checksum)
        yield block
    checksum = zlib.crc32(bytes(rest), checksum)
    yield _tail(rest)
    yield checksum.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")
