"""Resumable uploads: the tus protocol, on a memory in this process."""

import asyncio
import base64
import hashlib
import inspect
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.errors import BadRequestError
from fetchkit.origin import tus
from fetchkit.origin.answer import Answer, Resource
from fetchkit.origin.asked import Answered, Asked
from fetchkit.origin.bodies import Content
from fetchkit.origin.choice import choose
from fetchkit.origin.faults.fault import Selection
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.store import Store
from fetchkit.origin.route import Route
from fetchkit.origin.settings import KIB, Origin

OCTETS = ("Content-Type", "application/offset+octet-stream")


class BrokeOffError(Exception):
    """The connection went while the body was on its way."""


async def _body(pieces: Iterable[bytes], broken: bool) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if broken:
        raise BrokeOffError


class Client:
    """Asks the handlers as a tus client does."""

    def __init__(self, settings: Origin | None = None, store: Store | None = None) -> None:
        self.settings = settings or Origin()
        self.store = store or ProcessStore(self.settings)

    async def raw(
        self,
        method: str,
        target: str,
        *fields: tuple[str, str],
        body: bytes | Sequence[bytes] = b"",
        broken: bool = False,
        chunked: bool = False,
        pieces: Callable[[], AsyncIterator[bytes]] | None = None,
    ) -> Answered:
        """Ask, with exactly these fields."""
        parts = (body,) if isinstance(body, bytes) else body
        upload = target.removeprefix("/origin/tus").removeprefix("/")
        asked = Asked(
            store=self.store,
            settings=self.settings,
            method=method,
            target=target,
            arguments={"upload": upload} if upload else {},
            headers=CIMultiDictProxy(CIMultiDict(fields)),
            pieces=pieces or (lambda: _body([part for part in parts if part], broken)),
            length=None if chunked else sum(map(len, parts)),
        )
        answered = _route(asked).handler(asked)
        return await answered if inspect.isawaitable(answered) else answered

    async def resource(self, target: str, *fields: tuple[str, str], method: str = "GET") -> Answer:
        """What a browser gets of an upload."""
        answered = await self.raw(method, target, *fields)
        assert isinstance(answered, Resource)
        return choose(answered, Selection(), method, CIMultiDictProxy(CIMultiDict(fields)))

    async def ask(
        self,
        method: str,
        target: str = "/origin/tus",
        *fields: tuple[str, str],
        body: bytes | Sequence[bytes] = b"",
        broken: bool = False,
        chunked: bool = False,
    ) -> Answer:
        """Ask in version 1.0.0."""
        fields = (("Tus-Resumable", "1.0.0"), *fields)
        if method == "HEAD":
            return await self.resource(target, *fields, method="HEAD")
        answered = await self.raw(method, target, *fields, body=body, broken=broken, chunked=chunked)
        assert isinstance(answered, Answer)
        assert answered.get("Tus-Resumable") == "1.0.0"
        return answered

    async def create(self, length: int, *fields: tuple[str, str]) -> str:
        """A new upload; its URL."""
        answer = await self.ask("POST", "/origin/tus", ("Upload-Length", str(length)), *fields)
        assert answer.status == 201
        return answer.get("Location") or ""

    async def patch(
        self, target: str, offset: int, body: bytes | Sequence[bytes], *fields: tuple[str, str]
    ) -> Answer:
        """Send bytes."""
        return await self.ask("PATCH", target, OCTETS, ("Upload-Offset", str(offset)), *fields, body=body)

    async def breaks_off(self, target: str, offset: int, body: Sequence[bytes]) -> None:
        """Send bytes, and leave before the end."""
        with pytest.raises(BrokeOffError):
            await self.ask(
                "PATCH", target, OCTETS, ("Upload-Offset", str(offset)), body=body, broken=True, chunked=True
            )

    async def offset(self, target: str) -> int:
        """How far an upload is."""
        return int((await self.ask("HEAD", target)).get("Upload-Offset") or -1)

    async def content(self, target: str) -> bytes:
        """What has come."""
        return _bytes(await self.resource(target))


def _route(asked: Asked) -> Route:
    pattern = "/tus/{upload}" if asked.arguments else "/tus"
    method = "GET" if asked.method == "HEAD" else asked.method
    return next(r for r in tus.ROUTES if r.pattern == pattern and method in r.methods)


def _bytes(answer: Answer) -> bytes:
    return b"".join(bytes(piece) for piece in answer.pieces if isinstance(piece, bytes | memoryview))


def _detail(answer: Answer) -> str:
    assert answer.get("Content-Type") == "application/problem+json"
    detail: str = json.loads(_bytes(answer))["detail"]
    return detail


def _checksum(algorithm: str, data: bytes) -> tuple[str, str]:
    digest = hashlib.new(algorithm, data).digest()
    return "Upload-Checksum", f"{algorithm} {base64.b64encode(digest).decode()}"


@pytest.fixture
def client() -> Client:
    return Client()


async def test_an_upload_in_one_go(client: Client) -> None:
    url = await client.create(11)
    answer = await client.patch(url, 0, b"hello world")
    assert (answer.status, answer.get("Upload-Offset")) == (204, "11")
    assert answer.get("Upload-Expires") is None
    assert await client.content(url) == b"hello world"


async def test_head_tells_how_far_an_upload_is_and_may_not_be_cached(client: Client) -> None:
    metadata = "name aGVsbG8=,empty"
    url = await client.create(11, ("Upload-Metadata", metadata))
    await client.patch(url, 0, b"hello")
    answer = await client.ask("HEAD", url)
    assert answer.status == 200
    assert answer.get("Upload-Offset") == "5"
    assert answer.get("Upload-Length") == "11"
    assert answer.get("Upload-Metadata") == metadata
    assert (
        answer.get(
            "Upload-Expires",
        )
        is not None
    )
    assert answer.get("Cache-Control") == "no-store"
    assert answer.get("Tus-Resumable") == "1.0.0"
    assert answer.size == 5  # as GET would have


async def test_options_tells_what_there_is_whatever_version_is_asked_for(client: Client) -> None:
    answer = await client.raw("OPTIONS", "/origin/tus", ("Tus-Resumable", "9.9.9"))
    assert isinstance(answer, Answer)
    assert answer.status == 204
    assert answer.get("Tus-Version") == "1.0.0"
    assert answer.get("Tus-Checksum-Algorithm") == "sha1,sha256,md5"
    assert (answer.get("Tus-Extension") or "").split(",") == [
        "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination",
        "concatenation",
    ]  # fmt: skip
    assert int(answer.get("Tus-Max-Size") or 0) <= client.settings.max_memory


@pytest.mark.parametrize("version", [(), (("Tus-Resumable", "0.2.2"),)], ids=["none", "another"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_another_version_is_refused_before_anything_else(
    client: Client, method: str, version: tuple[tuple[str, str], ...]
) -> None:
    url = await client.create(1)
    target = "/origin/tus" if method == "POST" else url
    answer = await client.raw(method, target, *version, OCTETS, ("Upload-Offset", "0"), body=b"x")
    assert isinstance(answer, Answer)
    assert (answer.status, answer.get("Tus-Version")) == (412, "1.0.0")
    assert await client.offset(url) == 0


async def test_a_get_or_head_of_another_version_is_refused_and_without_one_is_answered(
    client: Client,
) -> None:
    url = await client.create(1)
    for method in ("GET", "HEAD"):
        answer = await client.raw(method, url, ("Tus-Resumable", "0.2.2"))
        assert isinstance(answer, Answer)
        assert answer.status == 412
        assert isinstance(await client.raw(method, url), Resource)


@pytest.mark.parametrize("method", ["HEAD", "GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("upload", ["A" * 22, "short", "..", "\udcff"])
async def test_an_upload_that_is_not_there_is_a_404_without_an_offset(
    client: Client, method: str, upload: str
) -> None:
    answer = await client.raw(method, f"/origin/tus/{upload}", ("Tus-Resumable", "1.0.0"))
    assert isinstance(answer, Answer)
    assert answer.status == 404
    assert answer.get("Upload-Offset") is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param((), 400, id="no-length"),
        pytest.param((("Upload-Length", "-1"),), 400, id="negative"),
        pytest.param((("Upload-Length", "1.5"),), 400, id="fraction"),
        pytest.param((("Upload-Length", "²"),), 400, id="digit-of-another-kind"),
        pytest.param((("Upload-Length", "9" * 5000),), 400, id="endless"),
        pytest.param((("Upload-Length", "9" * 18),), 413, id="too-large"),
        pytest.param((("Upload-Defer-Length", "2"),), 400, id="deferred-otherwise"),
        pytest.param((("Upload-Defer-Length", "1"), ("Upload-Length", "1")), 400, id="both"),
        pytest.param((("Upload-Length", "1"), ("Upload-Metadata", "a ?")), 400, id="metadata"),
        pytest.param((("Upload-Length", "1"), ("Upload-Concat", "final")), 400, id="final-without-parts"),
        pytest.param(
            (("Upload-Length", "1"), ("Upload-Concat", "whole")), 400, id="neither-partial-nor-final"
        ),
    ],
)
async def test_a_creation_that_says_nonsense_is_refused(
    client: Client, fields: tuple[tuple[str, str], ...], status: int
) -> None:
    assert (await client.ask("POST", "/origin/tus", *fields)).status == status


async def test_the_largest_size_that_is_told_can_be_uploaded_and_no_more() -> None:
    settings = Origin(max_memory=256 * KIB)
    client, size = Client(settings), tus.max_size(settings)
    url = await client.create(size, ("Upload-Metadata", "name " + "A" * 4000))
    assert (await client.patch(url, 0, bytes(size))).status == 204
    assert await client.offset(url) == size
    assert (await client.ask("POST", "/origin/tus", ("Upload-Length", str(size + 1)))).status == 413


async def test_a_body_of_its_own_type_may_come_with_the_creation(client: Client) -> None:
    answer = await client.ask("POST", "/origin/tus", OCTETS, ("Upload-Length", "11"), body=b"hello")
    assert (answer.status, answer.get("Upload-Offset")) == (201, "5")
    assert answer.get("Upload-Expires") is not None
    url = answer.get("Location") or ""
    await client.patch(url, 5, b" world")
    assert await client.content(url) == b"hello world"


async def test_a_creation_whose_body_breaks_off_leaves_nothing_behind() -> None:
    settings = Origin()
    store = ProcessStore(settings)
    client = Client(settings, store)
    with pytest.raises(BrokeOffError):
        await client.ask(
            "POST", "/origin/tus", OCTETS, ("Upload-Length", "11"), body=b"hello", broken=True, chunked=True
        )
    assert not store._tokens


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_another_type_is_a_415(client: Client, chunked: bool) -> None:
    url = await client.create(5)
    for method, target in (("POST", "/origin/tus"), ("PATCH", url)):
        answer = await client.ask(
            method, target, ("Upload-Length", "5"), ("Upload-Offset", "0"), body=b"hello", chunked=chunked
        )
        assert answer.status == 415
    assert await client.offset(url) == 0


@pytest.mark.parametrize("offset", [0, 4, 6, 99])
async def test_bytes_that_do_not_begin_at_the_end_are_a_409_that_says_where_it_is(
    client: Client, offset: int
) -> None:
    url = await client.create(11)
    await client.patch(url, 0, b"hello")
    answer = await client.patch(url, offset, b"x")
    assert (answer.status, answer.get("Upload-Offset")) == (409, "5")
    assert await client.content(url) == b"hello"


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", " 1"])
async def test_an_offset_that_is_no_number_is_refused(client: Client, text: str) -> None:
    url = await client.create(1)
    answer = await client.ask("PATCH", url, OCTETS, ("Upload-Offset", text), body=b"x")
    assert answer.status == 400
    assert "Upload-Offset" in _detail(answer)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_beyond_the_end_of_the_upload_is_a_413(client: Client, chunked: bool) -> None:
    url = await client.create(5)
    answer = await client.ask(
        "PATCH", url, OCTETS, ("Upload-Offset", "0"), body=[b"hel", b"lo!"], chunked=chunked
    )
    assert answer.status == 413
    assert await client.content(url) == (b"hel" if chunked else b"")


async def test_an_upload_of_no_bytes_is_complete_at_once(client: Client) -> None:
    url = await client.create(0)
    answer = await client.ask("HEAD", url)
    assert (answer.get("Upload-Offset"), answer.get("Upload-Expires")) == ("0", None)
    assert (await client.patch(url, 0, b"")).status == 204
    assert await client.content(url) == b""


async def test_what_came_before_the_connection_broke_is_kept(client: Client) -> None:
    url, large = await client.create(300_000), bytes(range(256)) * 400
    await client.breaks_off(url, 0, [large, large[:100]])
    assert await client.offset(url) == len(large) + 100
    await client.breaks_off(url, len(large) + 100, [b"x"])
    assert await client.content(url) == large + large[:100] + b"x"


async def test_what_came_before_the_client_was_cancelled_is_kept(client: Client) -> None:
    url, began = await client.create(10), asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"abc"
        began.set()
        await asyncio.Event().wait()

    fields = (("Tus-Resumable", "1.0.0"), OCTETS, ("Upload-Offset", "0"))
    sending = asyncio.create_task(client.raw("PATCH", url, *fields, pieces=endless, chunked=True))
    await began.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await client.content(url) == b"abc"


async def test_long_uploads_reach_the_memory_while_they_come(client: Client) -> None:
    url, seen = await client.create(200_000), []

    async def watched() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(10_000)
            seen.append(await client.offset(url))

    fields = (("Tus-Resumable", "1.0.0"), OCTETS, ("Upload-Offset", "0"))
    await client.raw("PATCH", url, *fields, pieces=watched, chunked=True)
    steps = sorted(set(seen))
    assert steps == [0, 70_000, 140_000]
    assert await client.offset(url) == 200_000


async def test_of_two_that_send_at_once_one_goes_on_and_the_other_gets_a_409(client: Client) -> None:
    data = {name: name * 200_000 for name in (b"a", b"b")}
    url = await client.create(200_000)

    async def send(name: bytes) -> Answered:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, 200_000, 10_000):
                yield data[name][at : at + 10_000]
                await asyncio.sleep(0)

        fields = (("Tus-Resumable", "1.0.0"), OCTETS, ("Upload-Offset", "0"))
        return await client.raw("PATCH", url, *fields, pieces=pieces, chunked=True)

    answers = await asyncio.gather(send(b"a"), send(b"b"))
    statuses = [answer.status for answer in answers if isinstance(answer, Answer)]
    assert sorted(statuses) == [204, 409]
    assert await client.content(url) == data[b"a" if statuses[0] == 204 else b"b"]


async def test_a_length_may_follow_with_the_bytes_and_is_settled_then(client: Client) -> None:
    created = await client.ask("POST", "/origin/tus", ("Upload-Defer-Length", "1"))
    url = created.get("Location") or ""
    answer = await client.ask("HEAD", url)
    assert (answer.get("Upload-Defer-Length"), answer.get("Upload-Length")) == ("1", None)
    await client.patch(url, 0, b"hello")
    assert (await client.patch(url, 5, b"", ("Upload-Length", "4"))).status == 400
    assert (await client.patch(url, 5, b" ", ("Upload-Length", "11"))).status == 204
    assert (await client.patch(url, 6, b"", ("Upload-Length", "12"))).status == 400
    assert (await client.patch(url, 6, b"", ("Upload-Length", "11"))).status == 204
    answer = await client.ask("HEAD", url)
    assert (answer.get("Upload-Defer-Length"), answer.get("Upload-Length")) == (None, "11")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_bytes_with_their_checksum_are_taken_and_others_dropped(client: Client, algorithm: str) -> None:
    url = await client.create(11)
    answer = await client.patch(url, 0, b"hullo", _checksum(algorithm, b"hello"))
    assert (answer.status, answer.reason) == (460, "Checksum Mismatch")
    assert await client.offset(url) == 0
    assert (await client.patch(url, 0, [b"he", b"llo"], _checksum(algorithm, b"hello"))).status == 204
    assert await client.content(url) == b"hello"


async def test_bytes_whose_checksum_cannot_be_known_yet_are_dropped(client: Client) -> None:
    url = await client.create(11)
    with pytest.raises(BrokeOffError):
        await client.ask(
            "PATCH", url, OCTETS, ("Upload-Offset", "0"), _checksum("sha1", b"hello"), body=b"hello",
            broken=True, chunked=True,
        )  # fmt: skip
    assert await client.offset(url) == 0


@pytest.mark.parametrize("text", ["", "sha1", "sha1 ?", "crc32 AAAA", "SHA1 AAAA", "sha1 ü"])
async def test_a_checksum_of_another_form_is_refused(client: Client, text: str) -> None:
    url = await client.create(1)
    status = (await client.patch(url, 0, b"x", ("Upload-Checksum", text))).status
    assert status == (460 if text == "sha1" else 400)  # nothing is Base64, of nothing


async def test_a_creation_whose_checksum_is_wrong_makes_nothing() -> None:
    settings = Origin()
    store = ProcessStore(settings)
    answer = await Client(settings, store).ask(
        "POST", "/origin/tus", OCTETS, ("Upload-Length", "5"), _checksum("md5", b"hello"), body=b"hullo"
    )
    assert answer.status == 460
    assert not store._tokens


async def test_a_deleted_upload_is_gone(client: Client) -> None:
    url = await client.create(5)
    await client.patch(url, 0, b"hel")
    assert (await client.ask("DELETE", url)).status == 204
    answer = await client.raw("HEAD", url, ("Tus-Resumable", "1.0.0"))
    assert isinstance(answer, Answer)
    assert answer.status == 404


@pytest.mark.parametrize("size", [1, 70_000])
async def test_an_upload_that_is_deleted_while_bytes_come_stays_deleted(size: int) -> None:
    settings = Origin()
    store = ProcessStore(settings)
    client = Client(settings, store)
    url = await client.create(200_000)

    async def deleted() -> AsyncIterator[bytes]:
        yield bytes(size)
        await client.ask("DELETE", url)
        yield b"x"

    fields = (("Tus-Resumable", "1.0.0"), OCTETS, ("Upload-Offset", "0"))
    answer = await client.raw("PATCH", url, *fields, pieces=deleted, chunked=True)
    assert isinstance(answer, Answer)
    assert answer.status == 404
    assert not store._tokens


async def test_complete_partial_uploads_become_one(client: Client) -> None:
    parts = []
    for text in (b"hello ", b"", b"world"):
        part = await client.create(len(text), ("Upload-Concat", "partial"))
        await client.patch(part, 0, text)
        parts.append(part)
    assert (await client.ask("HEAD", parts[0])).get("Upload-Concat") == "partial"
    parts[1] = f"http://localhost:1{parts[1]}"
    concat = "final;" + " ".join(parts)
    answer = await client.ask("POST", "/origin/tus", ("Upload-Concat", concat))
    assert answer.status == 201
    url = answer.get("Location") or ""
    assert await client.content(url) == b"hello world"
    answer = await client.ask("HEAD", url)
    assert (answer.get("Upload-Length"), answer.get("Upload-Concat")) == ("11", concat)
    assert (await client.patch(url, 11, b"")).status == 403
    assert await client.content(parts[0]) == b"hello "


async def test_what_cannot_be_concatenated_is_refused(client: Client) -> None:
    whole, open_part = await client.create(0), await client.create(1, ("Upload-Concat", "partial"))
    done = await client.create(0, ("Upload-Concat", "partial"))
    for text in (
        "final;",
        f"final;{whole}",
        f"final;{done} {open_part}",
        "final;/elsewhere",
        "final;http://[",
    ):
        assert (await client.ask("POST", "/origin/tus", ("Upload-Concat", text))).status == 400
    final = ("Upload-Concat", f"final;{done}")
    assert (await client.ask("POST", "/origin/tus", final, ("Upload-Length", "0"))).status == 400
    absent = ("Upload-Concat", f"final;/origin/tus/{'A' * 22}")
    assert (await client.ask("POST", "/origin/tus", absent)).status == 404


async def test_parts_whose_sum_is_too_large_are_a_413() -> None:
    client = Client(Origin(max_memory=256 * KIB))
    part = await client.create(100 * KIB, ("Upload-Concat", "partial"))
    await client.patch(part, 0, bytes(100 * KIB))
    answer = await client.ask("POST", "/origin/tus", ("Upload-Concat", f"final;{part} {part} {part}"))
    assert answer.status == 413


async def test_parts_make_room_for_their_sum_but_not_before_they_are_copied() -> None:
    settings = Origin(max_memory=256 * KIB)
    store = ProcessStore(settings)
    client, parts = Client(settings, store), []
    for _ in range(2):
        parts.append(await client.create(80 * KIB, ("Upload-Concat", "partial")))
        await client.patch(parts[-1], 0, bytes(80 * KIB))
    answer = await client.ask("POST", "/origin/tus", ("Upload-Concat", "final;" + " ".join(parts)))
    assert await client.offset(answer.get("Location") or "") == 160 * KIB
    await client.ask("DELETE", answer.get("Location") or "")
    await client.ask("DELETE", parts[0])
    parts[0] = await client.create(80 * KIB, ("Upload-Concat", "partial"))
    await client.patch(parts[0], 0, bytes(80 * KIB))
    answer = await client.ask(
        "POST", "/origin/tus", ("Upload-Concat", f"final;{' '.join([*parts, parts[0]])}")
    )
    assert answer.status == 413
    assert {f"/origin/tus/{token}" for token in store._tokens} <= set(parts)


async def test_a_client_that_can_only_post_names_the_method_that_it_means(client: Client) -> None:
    url = await client.create(5)

    def meant(method: str) -> tuple[str, str]:
        return "X-HTTP-Method-Override", method

    answer = await client.ask("POST", url, meant("PATCH"), OCTETS, ("Upload-Offset", "0"), body=b"hel")
    assert (answer.status, answer.get("Upload-Offset")) == (204, "3")
    answer = await client.ask("POST", url, meant("head"))
    assert (answer.status, answer.get("Upload-Offset"), answer.size) == (204, "3", 0)
    assert (await client.ask("POST", url, meant("OPTIONS"))).get("Tus-Version") == "1.0.0"
    assert (await client.ask("POST", url, meant("PUT"))).status == 405
    assert (await client.ask("POST", url)).status == 405
    assert (await client.ask("POST", "/origin/tus", meant("PATCH"))).status == 405
    assert (await client.ask("POST", url, meant("DELETE"))).status == 204


async def test_an_upload_can_be_read_in_ranges_with_an_entity_tag_and_a_digest(client: Client) -> None:
    url = await client.create(11, ("Upload-Metadata", f"filetype {base64.b64encode(b'text/plain').decode()}"))
    await client.patch(url, 0, b"hello")
    half = await client.resource(url)
    await client.patch(url, 5, b" world")
    answer = await client.resource(url, ("Range", "bytes=6-"))
    assert (answer.status, _bytes(answer)) == (206, b"world")
    assert answer.get("Content-Range") == "bytes 6-10/11"
    assert answer.get("Content-Type") == "text/plain"
    digest = base64.b64encode(hashlib.sha256(b"hello world").digest()).decode()
    assert answer.get("Repr-Digest") == f"sha-256=:{digest}:"
    assert half.get("ETag") != answer.get("ETag")
    again = await client.resource(url, ("If-None-Match", answer.get("ETag") or ""))
    assert again.status == 304


@pytest.mark.parametrize("given", [b"", b"text", b"text/html\r\nX: y", b"\xff/\xff"])
async def test_a_type_that_is_none_is_not_passed_on(client: Client, given: bytes) -> None:
    url = await client.create(1, ("Upload-Metadata", f"filetype {base64.b64encode(given).decode()}"))
    assert (await client.resource(url)).get("Content-Type") == "application/octet-stream"


async def test_a_large_upload_has_its_digest_too(client: Client) -> None:
    data = bytes(3 * 1024 * KIB)
    url = await client.create(len(data))
    assert (await client.patch(url, 0, data, _checksum("sha1", data))).status == 204
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert (await client.resource(url)).get("Repr-Digest") == f"sha-256=:{digest}:"


async def test_an_upload_expires_unused(client: Client) -> None:
    now = 0.0
    client = Client(client.settings, ProcessStore(client.settings, lambda: now))
    url = await client.create(5)
    now = client.settings.expiry - 1
    assert await client.offset(url) == 0
    now += client.settings.expiry - 1
    assert await client.offset(url) == 0
    now += client.settings.expiry
    assert (await client.patch(url, 0, b"x")).status == 404


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        ("name", {"name": b""}),
        ("name ", {"name": b""}),
        ("name aGk=", {"name": b"hi"}),
        ("a aGk=, b,c aGk=", {"a": b"hi", "b": b"", "c": b"hi"}),
        ("a-b+c aGk=", {"a-b+c": b"hi"}),
    ],
)
def test_metadata_is_read(text: str, pairs: dict[str, bytes]) -> None:
    assert tus.parse_metadata(text) == pairs


@pytest.mark.parametrize("text", [",", "a,", "a b c", "a aGk", "a,a", "ü aGk=", "a aG\tk=", "a \udcff"])
def test_metadata_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="Upload-Metadata"):
        tus.parse_metadata(text)


# Sizes on both sides of the 64 KiB in which bytes reach the memory.
_PIECES = st.lists(st.integers(0, 10) | st.integers(65_530, 65_540) | st.integers(0, 100_000), max_size=4)


@given(st.lists(st.tuples(_PIECES, st.booleans()), max_size=6), st.integers(0, 100), st.booleans())
def test_however_an_upload_is_split_and_broken_the_bytes_are_the_same(
    requests: list[tuple[list[int], bool]], rest: int, deferred: bool
) -> None:
    size = sum(sum(pieces) for pieces, _ in requests) + rest
    data = b"".join(bytes(piece) for piece in Content(size).pieces(0, size))

    async def run() -> None:
        client = Client()
        length = ("Upload-Defer-Length", "1") if deferred else ("Upload-Length", str(size))
        url = (await client.ask("POST", "/origin/tus", length)).get("Location") or ""
        at = 0
        for pieces, broken in requests:
            edges = itertools.accumulate(pieces, initial=at)
            body = [data[first:end] for first, end in itertools.pairwise(edges)]
            if broken:
                await client.breaks_off(url, at, body)
            else:
                assert (await client.patch(url, at, body)).status == 204
            at += sum(pieces)
            assert await client.offset(url) == at
        assert (await client.patch(url, at, data[at:], ("Upload-Length", str(size)))).status == 204
        assert await client.content(url) == data

    asyncio.run(run())


def test_the_size_of_a_request_body_bounds_an_upload_too() -> None:
    settings = Origin(max_memory=1024 * KIB)
    assert tus.max_size(evolve(settings, max_upload=KIB)) == KIB
    assert tus.max_size(settings) == 1008 * KIB
    assert 0 < tus.max_size(Origin(max_memory=10)) < 10
