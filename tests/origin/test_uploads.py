"""Uploads: counted, digested, read slowly, refused early, and forms by their parts."""

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import evolve

from fetchkit.errors import BadRequestError, ExpectationFailedError, HttpError, PayloadTooLargeError
from fetchkit.origin.answer import Answer
from fetchkit.origin.settings import MIB, Origin
from fetchkit.origin.uploads import ROUTES, upload
from tests.conftest import Raw, Serve

from . import asking
from .asking import json_of

FORM = ("Content-Type", "multipart/form-data; boundary=b")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def send(target: str, *pieces: bytes, method: str = "POST", **more: Any) -> Answer:
    """Send pieces; their length is declared unless it is given."""
    length = more.pop("length", sum(map(len, pieces)))
    return await asking.ask(
        ROUTES, target, *more.pop("fields", ()), method=method, pieces=pieces, length=length, **more
    )


async def read_of(target: str, *pieces: bytes, length: int | None, **more: Any) -> tuple[int, HttpError]:
    """How many pieces were read before an upload was refused, and with what."""
    read = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        for piece in pieces:
            read += 1
            yield piece

    _, asked = asking.asked_for(ROUTES, target, method="POST", length=length, **more)
    with pytest.raises(HttpError) as refused:
        await upload(evolve(asked, pieces=counted))
    return read, refused.value


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_an_upload_is_counted_and_digested(method: str) -> None:
    shown = json_of(await send("/upload", b"abc", b"", b"def" * 1000, method=method))
    assert shown["bytes_received"] == 3003
    assert shown["sha-256"] == sha256(b"abc" + b"def" * 1000)
    assert shown["pieces"] == 3
    assert shown["seconds"] >= 0
    assert set(shown) == {"bytes_received", "sha-256", "pieces", "seconds"}


async def test_a_chunked_upload_has_no_length_beforehand() -> None:
    assert json_of(await send("/upload", b"abc", length=None))["bytes_received"] == 3


async def test_nothing_is_an_upload_too() -> None:
    assert json_of(await send("/upload"))["sha-256"] == sha256(b"")


async def test_a_slow_reader_takes_its_time() -> None:
    began = time.monotonic()
    shown = json_of(await send("/upload?rate=10KB/s", *[bytes(500)] * 4))
    assert time.monotonic() - began >= 0.199
    assert shown["seconds"] >= 0.199
    assert shown["bytes_received"] == 2000


async def test_a_declared_size_beyond_the_maximum_is_refused_before_the_body_is_read() -> None:
    read, problem = await read_of("/upload?max=1KiB", bytes(1025), length=1025)
    assert isinstance(problem, PayloadTooLargeError)
    assert read == 0
    assert "1KiB" in problem.detail


async def test_a_size_that_nobody_declared_is_refused_once_it_is_exceeded() -> None:
    read, problem = await read_of("/upload?max=1KiB", *[bytes(1000)] * 5, length=None)
    assert isinstance(problem, PayloadTooLargeError)
    assert read == 2


async def test_an_upload_at_the_maximum_is_taken() -> None:
    assert json_of(await send("/upload?max=1KiB", bytes(1024)))["bytes_received"] == 1024


async def test_the_setting_is_a_maximum_as_well() -> None:
    read, problem = await read_of("/upload", bytes(11), length=11, settings=Origin(max_upload=10))
    assert isinstance(problem, PayloadTooLargeError)
    assert read == 0


@pytest.mark.parametrize(
    ("expect", "kind"),
    [("refuse", ExpectationFailedError), ("417", ExpectationFailedError), ("413", PayloadTooLargeError)],
)
async def test_an_expectation_is_refused_before_the_body_is_read(expect: str, kind: type[HttpError]) -> None:
    headers = [("Expect", "100-Continue")]
    read, problem = await read_of(f"/upload?expect={expect}", b"x", length=1, headers=headers)
    assert isinstance(problem, kind)
    assert read == 0


async def test_without_an_expectation_there_is_none_to_refuse() -> None:
    assert json_of(await send("/upload?expect=refuse", b"x"))["bytes_received"] == 1
    taken = await send("/upload?expect=accept", b"x", fields=[("Expect", "100-continue")])
    assert json_of(taken)["bytes_received"] == 1


async def test_a_form_is_counted_by_its_parts() -> None:
    file, text = bytes(range(256)) * 100, b"text"
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n'
        b"Content-Type: x/y\r\n\r\n" + file + b"\r\n"
        b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\n' + text + b"\r\n--b--\r\n"
    )
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    shown = json_of(await send("/upload", *pieces, fields=[FORM]))
    assert shown["bytes_received"] == len(body)
    assert shown["sha-256"] == sha256(body)
    assert shown["files"] == [
        {
            "name": "f",
            "filename": "a.bin",
            "content-type": "x/y",
            "bytes_received": len(file),
            "sha-256": sha256(file),
        }
    ]
    assert shown["fields"] == [{"name": "t", "bytes_received": 4, "sha-256": sha256(text)}]


async def test_a_broken_form_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError, match="ends before its last delimiter"):
        await send("/upload", b"--b\r\n\r\nx", fields=[FORM])
    with pytest.raises(BadRequestError, match="without a valid boundary"):
        await send("/upload", b"x", fields=[("Content-Type", "multipart/form-data")])


async def test_a_form_has_a_bounded_number_of_parts() -> None:
    part = b"--b\r\n\r\nx\r\n"
    settings = Origin(max_items=3)
    taken = json_of(await send("/upload", part * 3 + b"--b--", fields=[FORM], settings=settings))
    assert len(taken["fields"]) == 3
    with pytest.raises(BadRequestError, match="more than 3 parts"):
        await send("/upload", part * 4 + b"--b--", fields=[FORM], settings=settings)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/upload?max=x", "max: 'x' is no size"),
        ("/upload?max=2TiB", "beyond the limit of 1TiB"),
        ("/upload?rate=0", "rate"),
        ("/upload?rate=fast", "rate"),
        ("/upload?expect=200", "expect: '200' is not one of accept, refuse, 413, 417"),
        ("/upload?rate=1", "rate: 1048576 bytes take 1048576 s, beyond the limit of 600 s"),
    ],
)
async def test_what_cannot_be_had_is_refused_before_the_body_is_read(target: str, problem: str) -> None:
    read, error = await read_of(target, b"x", length=MIB)
    assert isinstance(error, BadRequestError)
    assert problem in error.detail
    assert read == 0


async def test_a_slow_reader_gives_up_at_the_limit_of_time_where_nobody_declared_the_size() -> None:
    settings = Origin(max_seconds=0.5)
    read, problem = await read_of("/upload?rate=1000", *[bytes(100)] * 10, length=None, settings=settings)
    assert isinstance(problem, BadRequestError)
    assert read == 6


async def test_on_the_wire_a_100_comes_only_to_a_body_that_is_wanted(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    expecting = "Host: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    client.send(f"POST /origin/upload HTTP/1.1\r\n{expecting}".encode())
    assert (await client.head()).status == 100
    client.send(b"abc")
    assert json.loads((await client.answer()).body)["sha-256"] == sha256(b"abc")
    client.send(f"POST /origin/upload?expect=refuse HTTP/1.1\r\n{expecting}".encode())
    assert (await client.answer()).status == 417


@pytest.mark.parametrize("length", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
async def test_on_the_wire_a_413_comes_while_the_body_is_still_being_sent(
    serve: Serve, raw: Raw, length: str
) -> None:
    client = await raw(await serve())
    client.send(f"PUT /origin/upload?max=1KiB HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n\r\n".encode())
    client.send(b"1000\r\n" + bytes(4096))  # a chunk, or the beginning of the million
    assert (await client.answer()).status == 413


async def test_on_the_wire_a_slow_reader_slows_its_client_down(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    began = time.monotonic()
    head = f"PUT /origin/upload?rate=10MiB/s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {4 * MIB}\r\n\r\n"
    client.send(head.encode() + bytes(4 * MIB))
    assert json.loads((await client.answer()).body)["bytes_received"] == 4 * MIB
    assert time.monotonic() - began >= 0.39
