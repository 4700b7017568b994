"""Media types and the names of compressed files."""

import mimetypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.http.media_types import ASSET_SUFFIXES, SIBLINGS, is_asset, media_type, precompressed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("INDEX.HTM", "text/html; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("app.worker.js", "text/javascript; charset=utf-8"),
        ("app.wasm", "application/wasm"),
        ("APP.WASM", "application/wasm"),
        (".wasm", "application/wasm"),
        ("app.data", "application/octet-stream"),
        ("app.js.mem", "application/octet-stream"),
        ("game.pck", "application/octet-stream"),
        ("app.bc", "application/octet-stream"),
        ("app.wasm.unityweb", "application/octet-stream"),
        ("app.js.symbols", "text/plain; charset=utf-8"),
        ("app.wasm.map", "application/json"),
        ("app.wat", "text/plain; charset=utf-8"),
        ("main.c", "text/plain; charset=utf-8"),
        ("main.CPP", "text/plain; charset=utf-8"),
        ("main.c++", "text/plain; charset=utf-8"),
        ("api.h", "text/plain; charset=utf-8"),
        ("lib.rs", "text/plain; charset=utf-8"),
        ("app.ts", "text/plain; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("table.csv", "text/csv; charset=utf-8"),
        ("notes.txt", "text/plain; charset=utf-8"),
        ("README.md", "text/markdown; charset=utf-8"),
        ("logo.svg", "image/svg+xml"),
        ("feed.xml", "application/xml"),
        ("app.webmanifest", "application/manifest+json"),
        ("photo.JPEG", "image/jpeg"),
        ("photo.avif", "image/avif"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("tune.ogg", "audio/ogg"),
        ("film.mp4", "video/mp4"),
        ("font.woff2", "font/woff2"),
        ("scene.glb", "model/gltf-binary"),
        ("scene.gltf", "model/gltf+json"),
        ("texture.ktx2", "image/ktx2"),
        ("paper.pdf", "application/pdf"),
        ("a.zip", "application/zip"),
        ("a.tar", "application/x-tar"),
        ("a.tar.gz", "application/gzip"),
        ("a.zst", "application/zstd"),
        ("a.svgz", "application/gzip"),
        ("a.br", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
        ("wasm", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("a.wasm.", "application/octet-stream"),
        ("a.wasm ", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        ("a.js/b", "application/octet-stream"),
    ],
)
def test_the_suffix_decides_the_media_type(name: str, expected: str) -> None:
    assert media_type(name) == expected


def test_the_table_of_the_operating_system_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_args, **_kwargs: ("text/plain", None))
    assert media_type("app.js") == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("app.js.br", ("app.js", "br")),
        ("app.wasm.gz", ("app.wasm", "gzip")),
        ("app.data.br", ("app.data", "br")),
        ("app.framework.js.gz", ("app.framework.js", "gzip")),
        ("app.symbols.json.br", ("app.symbols.json", "br")),
        ("app.js.symbols.gz", ("app.js.symbols", "gzip")),
        ("app.mjs.zst", ("app.mjs", "zstd")),
        ("game.pck.gz", ("game.pck", "gzip")),
        ("app.html.mem.gz", ("app.html.mem", "gzip")),
        ("APP.WASM.BR", ("APP.WASM", "br")),
    ],
)
def test_compressed_files_that_a_build_links_are_recognised(name: str, expected: tuple[str, str]) -> None:
    assert precompressed(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "a.tar.gz",
        "a.tgz",
        "a.svgz",
        "notes.txt.gz",
        "archive.gz",
        "records.json.gz",
        "table.csv.zst",
        "index.html.br",
        "app.wasm",
        "app.wasm.gz.txt",
        "app.wasm.unityweb",
        "wasm.gz",
        "app.jsgz",
        ".br",
        "br",
        "",
        "app.wasm.gz/",
    ],
)
def test_other_names_stay_what_they_are(name: str) -> None:
    assert precompressed(name) is None


@pytest.mark.parametrize(
    "name",
    ["app.wasm", "app.js", "app.data", "APP.MJS", "app.js.br", "app.wasm.map", "a.png", "a.txt", "a.svgz"],
)
def test_an_asset_is_never_answered_with_a_page(name: str) -> None:
    assert is_asset(name)


@pytest.mark.parametrize(
    "name", ["", "about", "index.html", "INDEX.HTM", "v1.2", "jane.doe", "wasm", "a.js/route"]
)
def test_what_may_be_a_route_of_an_application_is_no_asset(name: str) -> None:
    assert not is_asset(name)


def test_siblings_are_tried_from_the_best_compression_on() -> None:
    assert list(SIBLINGS.items()) == [("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")]


def test_asset_suffixes_are_lower_case_with_their_dot() -> None:
    assert all(suffix == suffix.lower() and suffix.rfind(".") == 0 for suffix in ASSET_SUFFIXES)
    assert {".wasm", ".js", ".data"} <= ASSET_SUFFIXES
    assert not {".html", ".htm"} & ASSET_SUFFIXES


@given(st.text(max_size=30))
def test_every_name_has_a_type_that_fits_into_a_header(name: str) -> None:
    value = media_type(name)
    assert value.isascii()
    assert value.isprintable()


@given(st.text(max_size=10), st.sampled_from(sorted(SIBLINGS)))
def test_a_compressed_name_is_its_inner_name_and_a_suffix(stem: str, coding: str) -> None:
    inner = f"{stem}.wasm"
    assert precompressed(inner + SIBLINGS[coding]) == (inner, coding)
