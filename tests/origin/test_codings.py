"""Tests of answers with a content coding."""

import gzip
import json
import sys
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest
from backports import zstd

from fetchkit.errors import NotOfferedError
from fetchkit.origin.codings import ROUTES
from fetchkit.origin.settings import Origin, Shape

from .asking import ask, body_of

DECODE: list[tuple[str, str, str, Callable[[bytes], bytes]]] = [
    ("/gzip", "gzip", "gzipped", gzip.decompress),
    ("/deflate", "deflate", "deflated", zlib.decompress),
    ("/brotli", "br", "brotli", brotli.decompress),
    ("/zstd", "zstd", "zstd", zstd.decompress),
]


@pytest.mark.parametrize(("path", "coding", "key", "decode"), DECODE)
@pytest.mark.parametrize("accept", [[], [("Accept-Encoding", "identity")]])
async def test_the_request_is_told_back_in_the_coding_of_the_path(
    path: str, coding: str, key: str, decode: Callable[[bytes], bytes], accept: list[tuple[str, str]]
) -> None:
    answer = await ask(ROUTES, path, *accept)
    body = body_of(answer)
    assert answer.size == len(body)
    assert answer.fields == [
        ("Content-Type", "application/json"), ("Content-Encoding", coding), ("Vary", "Accept-Encoding"),
    ]  # fmt: skip
    assert json.loads(decode(body)) == {
        "headers": dict(accept), "method": "GET", "origin": "127.0.0.1", key: True,
    }  # fmt: skip


async def test_the_shape_of_go_httpbin_has_its_keys() -> None:
    answer = await ask(ROUTES, "/gzip?a=1", settings=Origin(shape=Shape.GO_HTTPBIN))
    told = json.loads(gzip.decompress(body_of(answer)))
    assert set(told) == {"args", "gzipped", "headers", "method", "origin", "url"}


@pytest.mark.parametrize("path", ["/brotli", "/zstd"])
async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    for package in ("brotli", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NotOfferedError) as caught:
        await ask(ROUTES, path)
    assert "pip install 'fetchkit[compress]'" in caught.value.hint
