"""Files that pages dump: in their folder and nowhere else, whole or not at all, and not too many."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fetchkit.emrun import dumps as module
from fetchkit.emrun.dumps import Dumps, parse_name
from fetchkit.errors import (
    BadRequestError,
    ForbiddenError,
    HttpError,
    PayloadTooLargeError,
    UnavailableError,
)

LEADS_OUT = [
    "", "/", "/etc/passwd", "//server/share", "..", "../x", "a/../../x", "a/..", "a/../b", "./../x", "a\\b",
    "..\\x", "\\\\server\\share", "C:x", "c:/x", "C:\\x", "a\0b", "\0", "a\nb", "\x1b[2J", "\x7f", ".", "./",
    "a/", "a/.", "a//", "\ud800", "x" * 256, "é" * 128, "/".join("x" * 200 for _ in range(6)),
    "/".join("x" * 33),
]  # fmt: skip


@pytest.mark.parametrize("name", LEADS_OUT)
@pytest.mark.parametrize("windows", [False, True])
def test_a_name_that_could_lead_out_or_names_no_file_is_refused(name: str, windows: bool) -> None:
    with pytest.raises(BadRequestError):
        parse_name(name, windows=windows)


@pytest.mark.parametrize(
    "name", ["CON", "con.txt", "a/NUL", "lpt1", "COM¹.dat", "ab:c", "a/b:$DATA", "dot.", "space ", "CONIN$"]
)
def test_names_that_mean_something_to_windows_are_refused_there(name: str) -> None:
    with pytest.raises(BadRequestError):
        parse_name(name, windows=True)
    assert parse_name(name, windows=False) == tuple(name.split("/"))


@pytest.mark.parametrize(
    ("name", "segments"),
    [
        ("a.dat", ("a.dat",)),
        ("nested/with space.dat", ("nested", "with space.dat")),
        ("a&b=c.dat", ("a&b=c.dat",)),
        ("./a//b/./c", ("a", "b", "c")),
        ("...", ("...",)),
        ("..a/b..", ("..a", "b..")),
        (".hidden", (".hidden",)),
        ("%2e%2e", ("%2e%2e",)),
        ("€/\ufffd", ("€", "\ufffd")),
        ("x" * 255, ("x" * 255,)),
        ("connect", ("connect",)),
    ],
)
def test_other_names_are_taken_apart(name: str, segments: tuple[str, ...]) -> None:
    assert parse_name(name, windows=False) == segments


@pytest.fixture
def dumps(tmp_path: Path) -> Dumps:
    """A folder that is not there yet."""
    return Dumps(tmp_path / "made" / "out")


def dump(dumps: Dumps, name: str, *pieces: bytes) -> str:
    """Dump a file; its path."""
    with dumps.receive(name) as coming:
        for piece in pieces:
            coming.write(piece)
        coming.keep()
    assert coming.size == sum(map(len, pieces))
    return coming.path


def break_off(dumps: Dumps, name: str, piece: bytes, error: BaseException | type[BaseException]) -> None:
    """Begin to dump a file."""
    with dumps.receive(name) as coming:
        coming.write(piece)
        raise error


def everything(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder: files with what they hold, folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_a_file_is_written_and_its_folders_are_made(dumps: Dumps) -> None:
    path = dump(dumps, "a/b c/d.dat", b"one ", b"", b"two")
    assert path == str(dumps.folder / "a" / "b c" / "d.dat")
    assert everything(dumps.folder) == {"a": None, "a/b c": None, "a/b c/d.dat": b"one two"}


def test_an_empty_file_is_one_too(dumps: Dumps) -> None:
    dump(dumps, "empty")
    assert everything(dumps.folder) == {"empty": b""}


def test_a_path_is_absolute_wherever_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dumps = Dumps(Path("out"))
    monkeypatch.chdir("/")
    assert dump(dumps, "x", b"1") == str(tmp_path / "out" / "x")
    assert (tmp_path / "out" / "x").read_bytes() == b"1"


def test_an_older_file_is_replaced_and_only_by_a_whole_one(dumps: Dumps) -> None:
    dump(dumps, "x", b"old")
    with dumps.receive("x") as coming:
        coming.write(b"new")
        assert (dumps.folder / "x").read_bytes() == b"old"
        coming.keep()
    assert everything(dumps.folder) == {"x": b"new"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, BadRequestError("x")])
def test_an_upload_that_breaks_leaves_nothing(
    error: BaseException | type[BaseException], dumps: Dumps
) -> None:
    dump(dumps, "x", b"old")
    with pytest.raises((KeyboardInterrupt, HttpError)):
        break_off(dumps, "a/b", b"half", error)
    with dumps.receive("x") as coming:
        coming.write(b"not kept")
    assert everything(dumps.folder) == {"x": b"old"}


def test_two_uploads_of_one_name_do_not_mix(dumps: Dumps) -> None:
    with dumps.receive("x") as first, dumps.receive("x") as second:
        first.write(b"first")
        second.write(b"second")
        second.keep()
        first.keep()
    assert everything(dumps.folder) == {"x": b"first"}


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder beside, which must stay as it is."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"untouched")
    yield folder
    assert everything(folder) == {"secret": b"untouched"}


@pytest.mark.parametrize("name", ["link/x", "link/secret", "link/sub/x", "deep/link/x"])
def test_no_link_leads_out(name: str, dumps: Dumps, outside: Path) -> None:
    (dumps.folder / "deep").mkdir(parents=True)
    (dumps.folder / "link").symlink_to(outside)
    (dumps.folder / "deep" / "link").symlink_to("../../../outside")
    with pytest.raises(ForbiddenError, match="symbolic link"):
        dump(dumps, name, b"evil")
    assert not list(dumps.folder.rglob("*.part"))


def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(dumps: Dumps, outside: Path) -> None:
    dumps.folder.mkdir(parents=True)
    (dumps.folder / "x").symlink_to(outside / "secret")
    (dumps.folder / "dangling").symlink_to(outside / "new")
    dump(dumps, "x", b"mine")
    dump(dumps, "dangling", b"mine")
    assert not (dumps.folder / "x").is_symlink()
    assert everything(dumps.folder) == {"x": b"mine", "dangling": b"mine"}


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(dumps: Dumps, outside: Path) -> None:
    def exchange() -> None:
        with dumps.receive("a/secret") as coming:
            coming.write(b"evil")
            (dumps.folder / "a").rename(dumps.folder / "b")
            (dumps.folder / "a").symlink_to(outside)
            coming.keep()

    dump(dumps, "a/first", b"1")
    with pytest.raises(ForbiddenError):
        exchange()


def test_a_root_that_is_exchanged_meanwhile_keeps_what_was_begun(dumps: Dumps, outside: Path) -> None:
    with dumps.receive("secret") as coming:
        coming.write(b"mine")
        dumps.folder.rename(dumps.folder.with_name("moved"))
        dumps.folder.symlink_to(outside)
        coming.keep()
    assert everything(dumps.folder.with_name("moved")) == {"secret": b"mine"}


def test_the_root_itself_may_be_a_link_for_the_user_has_named_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    dump(Dumps(tmp_path / "link"), "a/x", b"1")
    assert (tmp_path / "real" / "a" / "x").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["file/x", "file/y/z", "folder"])
def test_what_stands_in_the_way_is_said(name: str, dumps: Dumps) -> None:
    dump(dumps, "file", b"1")
    dump(dumps, "folder/x", b"2")
    before = everything(dumps.folder)
    with pytest.raises(BadRequestError, match="in its way"):
        dump(dumps, name, b"3")
    assert everything(dumps.folder) == before


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadRequestError):
        dump(Dumps(tmp_path / "file" / "out"), "x", b"1")


def test_a_full_disk_is_said(dumps: Dumps, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UnavailableError, match="No space left"):
        dump(dumps, "x", b"1")
    assert everything(dumps.folder) == {}


def test_a_file_has_a_largest_size(dumps: Dumps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE", 10)
    dump(dumps, "x", b"12345", b"67890")
    with pytest.raises(PayloadTooLargeError):
        dump(dumps, "y", b"12345", b"678901")
    assert everything(dumps.folder) == {"x": b"1234567890"}


def test_all_files_together_have_one_and_what_is_replaced_or_broken_counts_no_more(
    dumps: Dumps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOTAL", 10)
    for _ in range(3):
        dump(dumps, "x", b"12345")
        with pytest.raises(ZeroDivisionError):
            break_off(dumps, "broken", b"1234", ZeroDivisionError)
    with dumps.receive("a") as coming:
        coming.write(b"123")
        with pytest.raises(PayloadTooLargeError):
            dump(dumps, "b", b"456")
        coming.keep()
    dump(dumps, "c", b"45")
    with pytest.raises(PayloadTooLargeError):
        dump(dumps, "d", b"6")
    assert everything(dumps.folder) == {"x": b"12345", "a": b"123", "c": b"45"}


def test_there_are_only_so_many_files(dumps: Dumps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    dump(dumps, "a", b"")
    dump(dumps, "b", b"")
    with pytest.raises(PayloadTooLargeError):
        dump(dumps, "c", b"")
    dump(dumps, "./b", b"again")
    assert everything(dumps.folder) == {"a": b"", "b": b"again"}


def test_without_calls_by_descriptor_it_is_the_same(dumps: Dumps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BY_DESCRIPTOR", False)
    dump(dumps, "a/b/x", b"1")
    dump(dumps, "a/b/x", b"2")
    (dumps.folder / "link").symlink_to("a")
    with pytest.raises(ForbiddenError):
        dump(dumps, "link/x", b"3")
    with pytest.raises(BadRequestError):
        dump(dumps, "a", b"3")
    assert {name for name in everything(dumps.folder) if "part" in name} == set()
    assert (dumps.folder / "a" / "b" / "x").read_bytes() == b"2"


@settings(deadline=None)  # of a machine that is busy
@given(st.text(st.sampled_from("ab./\\:\0 ~é\ud800"), max_size=12))
@example("a/./b")
def test_whatever_the_name_nothing_appears_outside(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    beside = tmp_path_factory.mktemp("dumps")
    dumps = Dumps(beside / "out")
    try:
        path = dump(dumps, name, b"1")
    except HttpError:
        assert not (beside / "out").exists() or everything(beside / "out") == {}
    else:
        assert Path(path).resolve().is_relative_to(beside / "out")
        assert Path(path).read_bytes() == b"1"
    assert set(os.listdir(beside)) <= {"out"}
