"""Precompressed siblings: which is sent, when none is, and that a stale one never is."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from fetchkit.files.cache import MAX_BODY
from fetchkit.files.lookup import Folder
from fetchkit.files.variants import describe, open_variant
from tests.conftest import Raw, Serve
from tests.raw import DEADLINE, RawAnswer, RawClient

from .support import age, open_descriptors, pattern, write

ALL = "Accept-Encoding: gzip, deflate, br, zstd"
PLAIN = {"small": b"plain", "large": pattern(MAX_BODY + 9)}
CODED = {
    "small": {"br": b"br", "zstd": b"zstd", "gzip": b"gzip"},
    "large": {coding: pattern(MAX_BODY + n, n) for n, coding in enumerate(("br", "zstd", "gzip"), 1)},
}
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


@pytest.fixture(params=["small", "large"])
def kind(request: pytest.FixtureRequest, folder: Path) -> str:
    """Writes `lib.js` and its siblings, an hour old, the siblings a second younger."""
    name = str(request.param)
    write(folder / "lib.js", PLAIN[name], seconds=1)
    for coding, body in CODED[name].items():
        write(folder / f"lib.js{SUFFIXES[coding]}", body)
    return name


@pytest.fixture
async def client(serve: Serve, raw: Raw) -> RawClient:
    return await raw(await serve())


def coding_of(answer: RawAnswer) -> str:
    return answer.headers.get("Content-Encoding", "identity")


async def until_coding(client: RawClient, coding: str, *lines: str) -> RawAnswer:
    """Ask until the answer has a coding; siblings may go unnoticed for a moment."""
    deadline = time.monotonic() + DEADLINE
    while coding_of(answer := await client.ask("GET", "/lib.js", *lines)) != coding:
        assert time.monotonic() < deadline, f"never {coding}"
    return answer


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("zstd, gzip", "zstd"),
        ("br;q=0", "identity"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.000, zstd;q=0.0, gzip;q=0.001", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip;q=0.5, br;q=0.8, zstd;q=0.9", "zstd"),
        ("identity, br;q=0.5", "identity"),
        ("identity;q=0.5, br;q=0.4", "identity"),
        ("identity;q=0.1, br;q=0.2", "br"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("*;q=0, gzip", "gzip"),
        ("br;q=0, *", "zstd"),
        ("BR", "br"),
        ("x-gzip", "gzip"),
        ("brotli", "identity"),
        ("identity", "identity"),
        ("", "identity"),
        ("br;q=2", "identity"),
        ("br; q=0", "identity"),
        ("br ;\tq=0.9 , gzip;q=0.1", "br"),
    ],
)
async def test_the_coding_is_chosen_by_true_weights(
    kind: str, client: RawClient, accept: str, coding: str
) -> None:
    for _ in range(2):
        answer = await client.ask("GET", "/lib.js", f"Accept-Encoding: {accept}")
        assert coding_of(answer) == coding
        assert answer.body == (PLAIN[kind] if coding == "identity" else CODED[kind][coding])
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers.getall("Vary")[0] == "Accept-Encoding"


async def test_without_accept_encoding_the_plain_file_is_sent(kind: str, client: RawClient) -> None:
    answer = await client.ask("GET", "/lib.js")
    assert (coding_of(answer), answer.body) == ("identity", PLAIN[kind])
    assert "Accept-Encoding" in ", ".join(answer.headers.getall("Vary"))


async def test_head_and_ranges_speak_of_the_plain_bytes(kind: str, client: RawClient) -> None:
    for _ in range(2):
        await client.ask("GET", "/lib.js", ALL)
        head = await client.ask("HEAD", "/lib.js", ALL)
        assert coding_of(head) == "identity"
        assert head.headers["Content-Length"] == str(len(PLAIN[kind]))
        assert head.headers["Accept-Ranges"] == "bytes"
        part = await client.ask("GET", "/lib.js", ALL, "Range: bytes=1-3")
        assert (part.status, coding_of(part), part.body) == (206, "identity", PLAIN[kind][1:4])
        assert part.headers["ETag"] == head.headers["ETag"]
        ignored = await client.ask("GET", "/lib.js", ALL, "Range: nonsense")
        assert ignored.body in (PLAIN[kind], CODED[kind]["br"])


@pytest.mark.usefixtures("kind")
async def test_entity_tags_differ_between_variants(client: RawClient) -> None:
    accepts = ("br", "zstd", "gzip", "identity")
    tags = [(await client.ask("GET", "/lib.js", f"Accept-Encoding: {a}")).headers["ETag"] for a in accepts]
    assert len(set(tags)) == len(accepts)
    for accept, tag in zip(accepts, tags, strict=True):
        for other in tags:
            lines = (f"Accept-Encoding: {accept}", f"If-None-Match: {other}")
            assert (await client.ask("GET", "/lib.js", *lines)).status == (304 if other == tag else 200)


@pytest.mark.parametrize("seconds", [1.001, 2, 86_400])
async def test_a_sibling_older_than_the_original_is_not_used(
    kind: str, folder: Path, client: RawClient, seconds: float
) -> None:
    age(folder / "lib.js.br", seconds)
    age(folder / "lib.js.zst", seconds)
    answer = await client.ask("GET", "/lib.js", ALL)
    assert coding_of(answer) == "gzip"
    age(folder / "lib.js.gz", seconds)
    answer = await until_coding(client, "identity", ALL)
    assert answer.body == PLAIN[kind]


@pytest.mark.usefixtures("kind")
async def test_a_sibling_as_old_as_the_original_is_used(folder: Path, client: RawClient) -> None:
    age(folder / "lib.js", 0)
    same = os.stat(folder / "lib.js").st_mtime_ns
    os.utime(folder / "lib.js.br", ns=(same, same))
    assert coding_of(await client.ask("GET", "/lib.js", ALL)) == "br"
    os.utime(folder / "lib.js.br", ns=(same - 1, same - 1))
    assert coding_of(await until_coding(client, "zstd" if _fresh(folder, ".zst") else "gzip", ALL)) != "br"


def _fresh(folder: Path, suffix: str) -> bool:
    return os.stat(folder / f"lib.js{suffix}").st_mtime_ns >= os.stat(folder / "lib.js").st_mtime_ns


@pytest.mark.parametrize("touched", [False, True], ids=["rewritten", "touched-alone"])
async def test_a_changed_original_is_never_answered_by_an_older_sibling(
    kind: str, folder: Path, client: RawClient, touched: bool
) -> None:
    for number in range(20):
        write(folder / "lib.js.br", CODED[kind]["br"])
        await until_coding(client, "br", ALL)
        body = PLAIN[kind] if touched else bytes([number]) + PLAIN[kind][1:]
        if touched:
            age(folder / "lib.js", -1 - number)
        else:
            (folder / "lib.js").write_bytes(body)
        answer = await client.ask("GET", "/lib.js", "Accept-Encoding: br")
        assert (coding_of(answer), answer.body) == ("identity", body)
        age(folder / "lib.js", 1)


async def test_a_sibling_that_vanishes_is_missed_at_once(kind: str, folder: Path, client: RawClient) -> None:
    for coding in ("br", "zstd", "gzip"):
        for _ in range(2):
            assert coding_of(await client.ask("GET", "/lib.js", ALL)) == coding
        (folder / f"lib.js{SUFFIXES[coding]}").unlink()
    answer = await client.ask("GET", "/lib.js", ALL)
    assert (coding_of(answer), answer.body) == ("identity", PLAIN[kind])
    assert "Vary" in answer.headers


async def test_a_sibling_that_is_rewritten_is_sent_anew_at_once(
    kind: str, folder: Path, client: RawClient
) -> None:
    for number in range(10):
        body = bytes([number]) + CODED[kind]["br"][1:]
        (folder / "lib.js.br").write_bytes(body)
        assert (await client.ask("GET", "/lib.js", ALL)).body == body


async def test_a_sibling_that_appears_is_used_before_long(folder: Path, client: RawClient) -> None:
    write(folder / "lib.js", b"plain", seconds=1)
    assert coding_of(await client.ask("GET", "/lib.js", ALL)) == "identity"
    write(folder / "lib.js.br", b"br")
    assert (await until_coding(client, "br", ALL)).body == b"br"


@pytest.mark.usefixtures("kind")
async def test_an_original_that_vanishes_takes_its_sibling_with_it(folder: Path, client: RawClient) -> None:
    assert coding_of(await client.ask("GET", "/lib.js", ALL)) == "br"
    (folder / "lib.js").unlink()
    assert (await client.ask("GET", "/lib.js", ALL)).status == 404


@pytest.mark.parametrize("sibling", ["link out", "folder", "dangling", "pipe"])
async def test_a_sibling_that_is_no_file_of_ours_is_not_used(
    kind: str, folder: Path, tmp_path: Path, client: RawClient, sibling: str
) -> None:
    place = folder / "lib.js.br"
    place.unlink()
    match sibling:
        case "link out":
            write(tmp_path / "secret.br", b"secret")
            place.symlink_to(tmp_path / "secret.br")
        case "folder":
            place.mkdir()
        case "dangling":
            place.symlink_to("nowhere")
        case _:
            os.mkfifo(place)
    answer = await client.ask("GET", "/lib.js", "Accept-Encoding: br")
    assert (answer.status, coding_of(answer), answer.body) == (200, "identity", PLAIN[kind])


async def test_a_sibling_that_links_to_another_place_inside_is_used(
    kind: str, folder: Path, client: RawClient
) -> None:
    os.rename(folder / "lib.js.br", folder / "sub" / "other")
    (folder / "lib.js.br").symlink_to("sub/other")
    answer = await client.ask("GET", "/lib.js", ALL)
    assert (coding_of(answer), answer.body) == ("br", CODED[kind]["br"])
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"


async def test_a_sibling_that_may_not_be_read_does_not_hide_the_file(
    kind: str, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = os.open

    def refuse(path: str, flags: int, *more: Any, **named: Any) -> int:
        if str(path).endswith(".br"):
            raise PermissionError(13, "Permission denied", path)
        return opening(path, flags, *more, **named)

    await client.ask("GET", "/lib.js")
    before = open_descriptors()
    monkeypatch.setattr(os, "open", refuse)
    answer = await client.ask("GET", "/lib.js", "Accept-Encoding: br")
    assert open_descriptors() == before
    assert (answer.status, answer.body) == (200, PLAIN[kind])


@pytest.mark.parametrize(
    ("name", "content_type", "coding"),
    [
        ("app.js.br", "text/javascript; charset=utf-8", "br"),
        ("app.wasm.gz", "application/wasm", "gzip"),
        ("app.data.zst", "application/octet-stream", "zstd"),
        ("app.framework.js.gz", "text/javascript; charset=utf-8", "gzip"),
        ("app.symbols.json.br", "application/json", "br"),
        ("archive.tar.gz", "application/gzip", None),
        ("notes.txt.gz", "application/gzip", None),
        ("records.json.gz", "application/gzip", None),
        ("x.br", "application/octet-stream", None),
        ("archive.tgz", "application/gzip", None),
    ],
)
@pytest.mark.parametrize("size", [5, MAX_BODY + 5])
async def test_a_compressed_file_linked_directly_has_its_inner_type_where_a_build_wrote_it(
    folder: Path, client: RawClient, name: str, content_type: str, coding: str | None, size: int
) -> None:
    write(folder / name, pattern(size))
    for method in ("GET", "HEAD"):
        for accept in ((), ("Accept-Encoding: identity",), (ALL,)):
            answer = await client.ask(method, f"/{name}", *accept)
            assert answer.headers["Content-Type"] == content_type
            assert answer.headers.get("Content-Encoding") == coding
            assert answer.headers["Content-Length"] == str(size)
            assert method == "HEAD" or answer.body == pattern(size)
    part = await client.ask("GET", f"/{name}", "Range: bytes=1-3")
    assert part.body == pattern(size)[1:4]
    assert part.headers.get("Content-Encoding") == coding


@pytest.mark.usefixtures("kind")
def test_the_compressed_file_and_its_original_are_both_closed(folder: Path) -> None:
    before = open_descriptors()
    for accept in (None, "br", "gzip", "identity", "nonsense"):
        variant = open_variant(Folder(os.path.realpath(folder)), str(folder / "lib.js"), accept)
        assert variant is not None
        variant.opened.close()
    assert open_variant(Folder(os.path.realpath(folder)), str(folder / "nothing"), "br") is None
    assert open_descriptors() == before


def test_a_date_in_the_future_is_not_told(folder: Path) -> None:
    later = time.time() + 86_400
    os.utime(folder / "app.js", (later, later))
    variant = open_variant(Folder(os.path.realpath(folder)), str(folder / "app.js"), None)
    assert variant is not None
    told = describe(variant).validators.last_modified
    variant.opened.close()
    assert told is not None
    assert told <= time.time()  # RFC 9110, section 8.8.2.1
