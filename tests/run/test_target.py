"""What is to be run, found on the disk: pages, scripts, and what is neither."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from fetchkit.errors import ConfigError, PageError
from fetchkit.run.target import Target, locate, root_of


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with pages."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("app.html", "sub/app.html", "a b.html"):
        (tmp_path / name).write_text("<!doctype html>")
    (tmp_path / "app.js").write_text("run();")
    (tmp_path / "app.mjs").write_text("export default f;")
    (tmp_path / "app.wasm").write_bytes(b"\0asm\1\0\0\0")
    return tmp_path


def test_the_folder_to_serve_is_the_pages_own_or_the_one_asked_for(site: Path) -> None:
    assert root_of("app.html", None) == site
    assert root_of("sub/app.html", None) == site / "sub"
    assert root_of("sub/../app.html", None) == site
    assert root_of(str(site / "sub" / "app.html"), None) == site / "sub"
    assert root_of("sub/app.html", Path()) == Path()


def test_a_page_is_opened_as_it_lies_in_the_folder(site: Path) -> None:
    assert locate("app.html", site) == Target("app.html", "/app.html")
    assert locate("sub/../a b.html", site) == Target("sub/../a b.html", "/a%20b.html")
    assert locate("sub/app.html", site) == Target("sub/app.html", "/sub/app.html")
    assert locate("sub/app.html", site / "sub").path == "/app.html"
    assert locate("sub/app.html", Path()).path == "/sub/app.html"
    assert locate(str(site / "app.html"), Path("sub/..")).path == "/app.html"


def test_a_script_gets_a_page_that_lies_beside_it(site: Path) -> None:
    target = locate("app.js", site)
    assert target.path == "/app.js.run.html"
    assert b'src="app.js"' in target.made
    (site / "sub" / "m.mjs").write_text("")
    target = locate("sub/m.mjs", site)
    assert target.path == "/sub/m.mjs.run.html"
    assert b'"./m.mjs"' in target.made


def test_a_script_that_is_no_text_is_still_a_script(site: Path) -> None:
    (site / "bad.js").write_bytes(b"\xff\xfe\0")
    assert b'src="bad.js"' in locate("bad.js", site).made


@pytest.mark.parametrize("text", ["<html>", "\ufeff \r\n\t<p>", "<", "<?xml version='1.0'?><html/>"])
def test_a_page_may_be_called_anything(site: Path, text: str) -> None:
    (site / "page").write_text(text)
    assert locate("page", site).path == "/page"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing.html", "missing.html does not exist."),
        ("missing/app.html", "missing/app.html does not exist."),
        ("app.html/x", "app.html/x does not exist."),
        ("", " is a folder: name the page in it."),
        ("sub", "sub is a folder: name the page in it."),
        ("sub/", "sub/ is a folder: name the page in it."),
        ("empty.html", "empty.html is empty."),
        ("blank.html", "blank.html is empty."),
        (
            "app.wasm",
            "app.wasm is no page: name an .html file, or the .js that emcc wrote, here app.html.",
        ),
        ("notes.txt", "notes.txt is no page: name an .html file, or the .js that emcc wrote."),
        ("x" * 300, f"{'x' * 300} does not exist."),
        ("nul\0.html", "nul\0.html does not exist."),
    ],
)
def test_what_is_no_page_is_refused_in_one_sentence(site: Path, name: str, sentence: str) -> None:
    (site / "empty.html").touch()
    (site / "blank.html").write_text(" \n\t")
    (site / "notes.txt").write_text("some notes <b>")
    with pytest.raises(PageError) as error:
        locate(name, site)
    assert str(error.value) == sentence


def test_a_fifo_is_no_page_and_is_not_waited_for(site: Path) -> None:
    os.mkfifo(site / "pipe.html")
    with pytest.raises(PageError):
        locate("pipe.html", site)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_page_that_may_not_be_read_is_refused(site: Path) -> None:
    (site / "app.html").chmod(0)
    with pytest.raises(PageError, match=r"^app\.html cannot be read: Permission denied\.$"):
        locate("app.html", site)


@pytest.mark.parametrize("name", ["app.html", "sub/../app.html", "app.js"])
def test_a_page_outside_of_the_served_folder_is_refused(site: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="--serve-root"):
        locate(name, site / "sub")


def test_a_folder_whose_name_begins_alike_is_another(site: Path) -> None:
    (site / "sub2").mkdir()
    (site / "sub2" / "app.html").write_text("<p>")
    with pytest.raises(ConfigError):
        locate("sub2/app.html", site / "sub")


def test_a_name_of_foreign_bytes_is_a_name(site: Path) -> None:
    for raw in (b"gr\xfcn.html", b"gr\xfcn.js"):
        (site / os.fsdecode(raw)).write_text("<p>")
        assert unquote_to_bytes(locate(os.fsdecode(raw), site).path).startswith(b"/" + raw)
