"""What lies under the path of a request."""

import os
from pathlib import Path

import pytest

from fetchkit.reload.disk import Disk

from .wasm import custom, imports, module


def test_a_path_stands_for_its_file_and_a_folder_for_its_index(folder: Path) -> None:
    disk = Disk(str(folder))
    (folder / "a b#.txt").write_text("x")
    assert disk.stamp("/") == disk.stamp("/index.html") != disk.stamp("/sub/")
    assert disk.stamp("/sub") == disk.stamp("//sub/index.html")
    assert disk.stamp("/a%20b%23.txt") is not None


@pytest.mark.parametrize(
    "path", ["/nothing", "/../site/app.js", "/%2e%2e/site/app.js", "/sub%2findex.html", "/%00", "/a\\b"]
)
def test_no_file_is_behind_these(folder: Path, path: str) -> None:
    assert Disk(str(folder)).stamp(path) is None


def test_what_is_hidden_is_looked_at_only_where_it_is_served(folder: Path) -> None:
    (folder / ".secret").write_text("x")
    assert Disk(str(folder)).stamp("/.secret") is None
    assert Disk(str(folder), dotfiles=True).stamp("/.secret") is not None


def test_the_index_stands_for_a_missing_document_of_an_application(folder: Path) -> None:
    assert Disk(str(folder), spa=True).stamp("/route", is_document=True) == Disk(str(folder)).stamp("/")
    assert Disk(str(folder), spa=True).stamp("/route") is None
    assert Disk(str(folder)).stamp("/route", is_document=True) is None


def test_a_fifo_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe.wasm")
    assert Disk(str(folder)).stamp("/pipe.wasm") is None


def test_a_stamp_changes_with_the_file_and_only_with_it(folder: Path) -> None:
    disk = Disk(str(folder))
    file = folder / "app.js"
    first = disk.stamp("/app.js")
    file.chmod(0o600)
    assert disk.stamp("/app.js") == first
    os.utime(file, ns=(0, 1))
    second = disk.stamp("/app.js")
    assert second != first
    (folder / "new").write_bytes(file.read_bytes())
    os.utime(folder / "new", ns=(0, 1))
    (folder / "new").replace(file)
    assert disk.stamp("/app.js") != second


def test_a_link_is_what_it_leads_to(folder: Path) -> None:
    disk = Disk(str(folder))
    (folder / "one").mkdir()
    (folder / "two").mkdir()
    for name in ("one", "two"):
        (folder / name / "app.js").write_text(name)
    (folder / "latest").symlink_to("one")
    assert disk.stamp("/latest/app.js") == disk.stamp("/one/app.js")
    (folder / "latest").unlink()
    (folder / "latest").symlink_to("two")
    assert disk.stamp("/latest/app.js") == disk.stamp("/two/app.js")


def test_whether_a_wasm_is_whole_is_read_again_when_it_changes(folder: Path) -> None:
    disk = Disk(str(folder))
    file = folder / "app.wasm"
    data = module(custom("name", 1000))
    for content, whole in [(data[:500], False), (data, True), (data[:-1], False)]:
        file.write_bytes(content)
        assert disk.is_whole("/app.wasm", disk.stamp("/app.wasm")) is whole
    assert disk.is_whole("/app.js", disk.stamp("/app.js"))


def test_whether_a_script_fits_is_read_again_when_either_changes(folder: Path) -> None:
    disk = Disk(str(folder))
    (folder / "app.wasm").write_bytes(module(imports(("env", "now", b"\0\0"))))
    (folder / "app.js").write_text("")
    assert not disk.fit("/app.js", "/app.wasm")
    (folder / "app.js").write_text("{now}")
    assert disk.fit("/app.js", "/app.wasm")
    (folder / "app.wasm").write_bytes(module(imports(("env", "never", b"\0\0"))))
    assert not disk.fit("/app.js", "/app.wasm")
    assert disk.fit("/gone.js", "/app.wasm")
