"""What is opened below the folder, and what never is: links, devices, pipes, hidden and unreadable names."""

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fetchkit.errors import ConfigError, ForbiddenError, NotFoundError
from fetchkit.files.lookup import Folder, signature, stat_signature
from fetchkit.files.rules import parse_path
from tests.conftest import Raw, Serve

from .support import open_descriptors

# Opening a pipe in a blocking way would take for ever; anything else takes microseconds.
PROMPT = 5.0


def read(folder: Folder, path: str) -> bytes | None:
    opened = folder.open(folder.locate(parse_path(path)))
    if opened is None:
        return None
    try:
        return os.read(opened.descriptor, 1000)
    finally:
        opened.close()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir()
    (place / "secret.txt").write_text("secret")
    return place


@pytest.fixture
def inside(folder: Path) -> Folder:
    return Folder.checked(folder, dotfiles=False)


Linker = Callable[[Path, Path], None]


def _link(name: str, target: str) -> Linker:
    return lambda folder, outside: (folder / name).symlink_to(target.format(folder=folder, outside=outside))


LEAVING = {
    "file": ("/leak.txt", [_link("leak.txt", "{outside}/secret.txt")]),
    "relative": ("/leak.txt", [_link("leak.txt", "../outside/secret.txt")]),
    "folder": ("/leak/secret.txt", [_link("leak", "{outside}")]),
    "chained": ("/a", [_link("a", "b"), _link("b", "sub/c"), _link("sub/c", "{outside}/secret.txt")]),
    "through a folder and back out": ("/s/../secret.txt", [_link("s", "{outside}")]),
    "deep": ("/sub/up/outside/secret.txt", [_link("sub/up", "../..")]),
    "folder named like ours": ("/twin/secret.txt", [_link("twin", "../site-twin")]),
    "etc": ("/passwd", [_link("passwd", "/etc/passwd")]),
    "proc": ("/self/environ", [_link("self", "/proc/self")]),
    "descriptor": ("/fd", [_link("fd", "/dev/fd/0")]),
}


@pytest.mark.parametrize("case", LEAVING)
def test_a_link_that_leaves_the_folder_names_nothing(
    folder: Path, outside: Path, inside: Folder, case: str
) -> None:
    (folder.parent / "site-twin").mkdir()
    (folder.parent / "site-twin" / "secret.txt").write_text("secret")
    path, links = LEAVING[case]
    for link in links:
        link(folder, outside)
    before = open_descriptors()
    try:
        assert read(inside, path) is None
    except NotFoundError:
        assert ".." in path
    assert open_descriptors() == before


async def test_a_listing_shows_no_link_that_leaves_the_folder(
    serve: Serve, raw: Raw, folder: Path, outside: Path
) -> None:
    (folder / "sub" / "index.html").unlink()
    for name, target in (("leak.txt", outside / "secret.txt"), ("leaf", outside), ("kin", folder / "app.js")):
        (folder / "sub" / name).symlink_to(target)
    page = (await (await raw(await serve())).ask("GET", "/sub/")).body
    assert b'href="./kin"' in page
    assert b"leak.txt" not in page
    assert b"leaf" not in page


@pytest.mark.parametrize(
    ("path", "name", "target"),
    [
        ("/alias.txt", "alias.txt", "digits.txt"),
        ("/alias.txt", "alias.txt", "{folder}/digits.txt"),
        ("/alias.txt", "alias.txt", "../site/digits.txt"),
        ("/dir/../digits.txt".replace("/..", ""), "dir", "."),
        ("/up/digits.txt", "up", "sub/.."),
    ],
)
def test_a_link_that_stays_inside_is_followed(
    folder: Path, outside: Path, inside: Folder, path: str, name: str, target: str
) -> None:
    _link(name, target)(folder, outside)
    assert read(inside, path) == b"0123456789"


@pytest.mark.parametrize(
    "links",
    [[("x", "nowhere")], [("x", "x")], [("x", "y"), ("y", "x")], [("x", "sub/y"), ("sub/y", "../x")]],
    ids=["dangling", "to-itself", "loop", "loop-over-folders"],
)
async def test_a_link_to_nothing_names_nothing(
    serve: Serve, raw: Raw, folder: Path, links: list[tuple[str, str]]
) -> None:
    for name, target in links:
        (folder / name).symlink_to(target)
    client = await raw(await serve())
    assert (await client.ask("GET", "/x")).status == 404
    assert (await client.ask("GET", "/x/")).status == 404
    assert (await client.ask("GET", "/")).status == 200


def test_a_link_exchanged_before_the_open_gains_nothing(
    folder: Path, outside: Path, inside: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "victim").symlink_to("digits.txt")
    opening = os.open

    def exchange(path: str, flags: int) -> int:
        (folder / "victim").unlink()
        (folder / "victim").symlink_to(outside / "secret.txt")
        return opening(path, flags)

    monkeypatch.setattr(os, "open", exchange)
    assert read(inside, "/victim") is None


def test_a_link_exchanged_after_the_open_gains_nothing(
    folder: Path, outside: Path, inside: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "victim").symlink_to(outside / "secret.txt")
    opening = os.open

    def exchange(path: str, flags: int) -> int:
        descriptor = opening(path, flags)
        (folder / "victim").unlink()
        (folder / "victim").symlink_to("digits.txt")
        return descriptor

    monkeypatch.setattr(os, "open", exchange)
    assert read(inside, "/victim") is None


def test_a_folder_exchanged_there_and_back_gains_nothing(
    folder: Path, outside: Path, inside: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = folder / "victim"
    victim.symlink_to(outside)
    (folder / "decoy").mkdir()
    (folder / "decoy" / "secret.txt").write_text("decoy")
    resolving, looking = os.path.realpath, os.stat

    def resolve(path: str, *, strict: bool = False) -> str:
        if victim.is_symlink():
            victim.unlink()
            (folder / "decoy").rename(victim)
        return resolving(path, strict=strict)

    def look(path: Any, *more: Any, **named: Any) -> os.stat_result:
        if str(path).endswith("secret.txt") and not victim.is_symlink():
            victim.rename(folder / "decoy")
            victim.symlink_to(outside)
        return looking(path, *more, **named)

    monkeypatch.setattr(os.path, "realpath", resolve)
    monkeypatch.setattr(os, "stat", look)
    assert read(inside, "/victim/secret.txt") != b"secret"


async def test_a_folder_exchanged_for_a_link_before_it_is_listed_shows_nothing(
    serve: Serve, raw: Raw, folder: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "victim").mkdir()
    client = await raw(await serve())
    listing = os.scandir

    def exchange(place: Any) -> Any:
        (folder / "victim").rmdir()
        (folder / "victim").symlink_to(outside)
        return listing(place)

    monkeypatch.setattr(os, "scandir", exchange)
    answer = await client.ask("GET", "/victim/")
    assert b"secret.txt" not in answer.body


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(place))  # the length of a socket's path is bounded


def _device(kind: int, major: int, minor: int) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        try:
            os.mknod(place, kind | 0o600, os.makedev(major, minor))
        except PermissionError:
            os.mkfifo(place)  # only root may make device nodes

    return make


SPECIAL = {
    "pipe": _pipe,
    "socket": _socket,
    "null": _device(stat.S_IFCHR, 1, 3),
    "zero": _device(stat.S_IFCHR, 1, 5),
    "tty": _device(stat.S_IFCHR, 5, 0),
    "block": _device(stat.S_IFBLK, 7, 250),
}


@pytest.mark.parametrize("kind", SPECIAL)
async def test_what_is_no_regular_file_names_nothing_and_blocks_nobody(
    serve: Serve, raw: Raw, folder: Path, kind: str
) -> None:
    SPECIAL[kind](folder / "app.data")
    SPECIAL[kind](folder / "app.js.br")  # as a sibling
    (folder / "index.html").unlink()
    SPECIAL[kind](folder / "index.html")  # as an index
    client = await raw(await serve())
    async with asyncio.timeout(PROMPT):
        assert (await client.ask("GET", "/app.data")).status == 404
        plain = await client.ask("GET", "/app.js", "Accept-Encoding: br")
        assert (plain.status, plain.body) == (200, b"console.log('app')")
        listing = await client.ask("GET", "/")
    assert listing.status == 200
    assert b"digits.txt" in listing.body
    assert b"app.data" not in listing.body


HIDDEN = ("/.env", "/.git/config", "/sub/.env", "/.well-known/.env", "/%2eenv", "/.sub/")


def _hide(folder: Path) -> None:
    for name in (".git", ".well-known", ".sub"):
        (folder / name).mkdir()
    (folder / "index.html").unlink()
    (folder / "sub" / "index.html").unlink()
    for path in (".env", ".git/config", "sub/.env", ".well-known/.env", ".well-known/security.txt", ".sub/x"):
        (folder / path).write_text("hidden")


@pytest.mark.parametrize("path", HIDDEN)
async def test_names_that_begin_with_a_dot_are_not_served(
    serve: Serve, raw: Raw, folder: Path, path: str
) -> None:
    _hide(folder)
    answer = await (await raw(await serve())).ask("GET", path)
    assert answer.status == 404
    assert b"--dotfiles" in answer.body


@pytest.mark.parametrize("path", HIDDEN)
async def test_dotfiles_serves_them(serve: Serve, raw: Raw, folder: Path, path: str) -> None:
    _hide(folder)
    assert (await (await raw(await serve(dotfiles=True))).ask("GET", path)).status == 200


@pytest.mark.parametrize("dotfiles", [False, True])
async def test_well_known_is_served_in_any_case(serve: Serve, raw: Raw, folder: Path, dotfiles: bool) -> None:
    _hide(folder)
    client = await raw(await serve(dotfiles=dotfiles))
    assert (await client.ask("GET", "/.well-known/security.txt")).body == b"hidden"


@pytest.mark.parametrize("dotfiles", [False, True])
async def test_a_listing_shows_dotfiles_where_they_are_served(
    serve: Serve, raw: Raw, folder: Path, dotfiles: bool
) -> None:
    _hide(folder)
    client = await raw(await serve(dotfiles=dotfiles))
    assert (b".env" in (await client.ask("GET", "/")).body) is dotfiles
    assert (b".env" in (await client.ask("GET", "/sub/")).body) is dotfiles


NAMES = [
    *("with space.txt", "100%.txt", "%41.txt", "%2e%2e", "a?b.txt", "a#b.txt", "a+b.txt", "a&b=c;d.txt"),
    *(
        'quote".txt',
        "quote'.txt",
        "<script>alert(1)<\u2215script>.txt",
        "back`tick.txt",
        "$title",
    ),
    *("C:colon.txt", "http:x.txt", "javascript:alert(1)", "data:,x", "中文.txt", "e\u0301.txt", "nl\n.txt"),
    *(
        "tab\t.txt",
        "\x1b[31m.txt",
        "\udcff\udcfe.txt",
        "...",
        "[::1].txt",
        "~user",
        "x" * 250,
        "a,b.txt",
        "-",
    ),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_every_name_is_served_by_its_url_and_linked_by_its_listing(
    serve: Serve, raw: Raw, folder: Path, name: str
) -> None:
    from html.parser import HTMLParser
    from urllib.parse import quote, urljoin

    place = folder / "names"
    place.mkdir()
    (place / name).write_text("here")
    dotted = name.startswith(".")
    client = await raw(await serve(dotfiles=dotted))
    url = "/names/" + quote(os.fsencode(name), safe="")
    assert (await client.ask("GET", url)).body == b"here"

    page = (await client.ask("GET", "/names/")).body.decode()
    links: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: links.extend(  # type: ignore[method-assign]
        value or "" for key, value in attrs if tag == "a" and key == "href"
    )
    parser.feed(page)
    base = "http://127.0.0.1/names/"
    targets = [urljoin(base, link) for link in links]
    assert all(target.startswith("http://127.0.0.1/") for target in targets)
    assert "<script>" not in page.partition("</style>")[2]
    mine = [target.removeprefix("http://127.0.0.1") for target in targets if len(target) > len(base)]
    assert [(await client.ask("GET", target)).body for target in mine] == [b"here"]


async def test_a_file_that_may_not_be_read_is_forbidden(
    serve: Serve, raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = os.open

    def refuse(path: str, flags: int, *more: Any, **named: Any) -> int:
        if str(path).endswith("digits.txt"):
            raise PermissionError(13, "Permission denied", path)
        return opening(path, flags, *more, **named)

    client = await raw(await serve())
    monkeypatch.setattr(os, "open", refuse)
    answer = await client.ask("GET", "/digits.txt")
    assert answer.status == 403
    assert str(folder).encode() not in answer.body
    assert (await client.ask("GET", "/app.js")).status == 200


async def test_a_folder_that_may_not_be_listed_is_forbidden(
    serve: Serve, raw: Raw, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "closed").mkdir()
    client = await raw(await serve())

    def refuse(place: str) -> Any:
        raise PermissionError(13, "Permission denied", place)

    monkeypatch.setattr(os, "scandir", refuse)
    assert (await client.ask("GET", "/closed/")).status == 403


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_folder_that_is_none_ends_at_start(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "a file":
        place.write_text("")
    with pytest.raises(ConfigError, match="folder"):
        Folder.checked(place, dotfiles=False)


def test_a_folder_that_cannot_be_read_ends_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="permissions"):
        Folder.checked(tmp_path, dotfiles=False)


def test_an_unreadable_file_raises_and_an_unreadable_folder_does_not(
    folder: Path, inside: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, _flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    assert inside.open(str(folder / "sub")) is None  # Windows refuses to open a folder
    with pytest.raises(ForbiddenError):
        inside.open(str(folder / "app.js"))


def test_a_signature_differs_for_a_file_of_the_same_size_and_time(folder: Path) -> None:
    place = folder / "digits.txt"
    before = os.stat(place)
    (folder / "new").write_text("9876543210")
    os.utime(folder / "new", ns=(before.st_mtime_ns, before.st_mtime_ns))
    os.replace(folder / "new", place)
    assert os.stat(place).st_mtime_ns == before.st_mtime_ns
    assert stat_signature(str(place)) != signature(before)


def test_the_signature_of_nothing_is_none(folder: Path) -> None:
    assert stat_signature(str(folder / "nothing")) is None
