"""A lazy file has all its bytes, whatever compressed siblings lie beside it.

Emscripten asks for the size by HEAD, as the browser's `Accept-Encoding` goes, and for the bytes by ranges,
which are asked for as `identity`: a server that answers the HEAD for a sibling cuts the file short.
"""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # it ships no types
import pytest

from .browser import Tab
from .data import BIG

pytestmark = pytest.mark.e2e

CODING_OF_BIG = "fetch('big.txt', { cache: 'reload' }).then(answer => answer.headers.get('content-encoding'))"


@pytest.mark.parametrize("coding", [None, "br", "gzip"])
def test_lazy_file_is_whole_beside_a_compressed_sibling(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, coding: str | None
) -> None:
    folder = site("lazy")
    (folder / "big.txt").write_bytes(BIG)
    if coding == "br":
        (folder / "big.txt.br").write_bytes(brotli.compress(BIG, quality=1))
    if coding == "gzip":
        (folder / "big.txt.gz").write_bytes(gzip.compress(BIG, compresslevel=1))
    ended = tab.run(f"{serve(folder)}?program=lazy&worker")

    assert ended.output == [
        f"size: {len(BIG)}",
        f"last 8 bytes: {BIG[-8:].decode()}",
        f"adler32: {zlib.adler32(BIG):08x}",
        "requests: 7",  # a HEAD, and 6 pieces of 1 MiB or less
    ]
    assert ended.exit_code == 0
    # A plain GET is answered with the sibling: without this the rest would show nothing.
    assert tab.evaluate(CODING_OF_BIG) == coding
