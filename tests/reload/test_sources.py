"""`--source-root`: sources for a debugger, read only, below a path of their own."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fetchkit import Config
from fetchkit.app import build_app
from fetchkit.config import parse_source_root
from fetchkit.errors import ConfigError
from tests.conftest import Raw, Serve
from tests.raw import RawClient

Ask = Callable[..., Awaitable[RawClient]]
DEBUGGERS = ["devtools://devtools", "chrome-extension://pdcpmagijalfljmkmjngeonclgbbannb"]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder of sources, with what is none of them."""
    folder = tmp_path / "project"
    (folder / "lib" / "empty").mkdir(parents=True)
    for name in ("main.c", "lib/deep.cpp", "lib/deep.h", "lib.rs", "index.html", ".env"):
        (folder / name).write_text(f"<html>{name}")
    (folder / "out").symlink_to(tmp_path)
    return folder


@pytest.fixture
async def ask(serve: Serve, raw: Raw, sources: Path) -> Ask:
    """A client of a server that has them below /src."""

    async def start(**settings: Any) -> RawClient:
        return await raw(await serve(source_root=(f"/src={sources}",), **settings))

    return start


@pytest.mark.parametrize("name", ["main.c", "lib/deep.cpp", "lib/deep.h", "lib.rs"])
async def test_sources_are_text(ask: Ask, name: str) -> None:
    client = await ask()
    answer = await client.ask("GET", f"/src/{name}")
    assert (answer.status, answer.body) == (200, f"<html>{name}".encode())
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert (await client.ask("HEAD", f"/src/{name}")).headers["Content-Length"] == str(len(answer.body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_is_written(ask: Ask, sources: Path, method: str) -> None:
    answer = await (await ask()).ask(method, "/src/main.c", "Content-Length: 0")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (sources / "main.c").read_text() == "<html>main.c"


@pytest.mark.parametrize(
    "path",
    [
        *("/src", "/src/", "/src//", "/src/lib/", "/src/lib/empty/", "/src/?x=1"),
        *("/src/.env", "/src/nothing.c", "/src/../main.c", "/src/%2e%2e/site/app.js", "/src/out/site/app.js"),
    ],
)
async def test_there_are_no_listings_no_pages_and_no_way_out(ask: Ask, path: str) -> None:
    answer = await (await ask(spa=True)).ask("GET", path, "Accept: text/html")
    assert answer.status == 404
    assert b"main.c" not in answer.body


async def test_a_folder_without_its_slash_leads_to_nothing_either(ask: Ask) -> None:
    client = await ask()
    answer = await client.ask("GET", "/src/lib")
    assert (answer.status, answer.headers["Location"]) == (301, "./lib/")
    assert answer.body == b""


async def test_nothing_is_put_into_them(ask: Ask) -> None:
    client = await ask(inject=True, reload=True)
    assert (await client.ask("GET", "/src/index.html")).body == b"<html>index.html"
    assert b"<script>" in (await client.ask("GET", "/index.html")).body


@pytest.mark.parametrize("cors", [(), ("https://app.example",)])
@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        *((debugger, True) for debugger in DEBUGGERS),
        ("http://localhost:3000", True),
        ("https://evil.example", False),
        ("null", False),
        ("https://devtools", False),
        ("moz-extension://a", False),
        ("xdevtools://devtools", False),
    ],
)
async def test_debuggers_read_them_and_who_may_read_the_files(
    ask: Ask, cors: tuple[str, ...], origin: str, allowed: bool
) -> None:
    client = await ask(cors=cors)
    granted = [origin] if allowed else []
    for method, lines in (("GET", ()), ("OPTIONS", ("Access-Control-Request-Method: GET",))):
        answer = await client.ask(method, "/src/main.c", f"Origin: {origin}", *lines)
        assert answer.headers.getall("Access-Control-Allow-Origin", []) == granted
        assert "Origin" in answer.headers["Vary"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-site"


@pytest.mark.parametrize("debugger", DEBUGGERS)
async def test_debuggers_read_the_sources_alone(ask: Ask, debugger: str) -> None:
    answer = await (await ask()).ask("GET", "/app.js", f"Origin: {debugger}")
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_several_folders_may_lie_in_each_other(serve: Serve, raw: Raw, sources: Path) -> None:
    roots = (f"/home/me={sources}", f"/home/me/other/={sources / 'lib'}")
    client = await raw(await serve(source_root=roots))
    assert (await client.ask("GET", "/home/me/main.c")).status == 200
    assert (await client.ask("GET", "/home/me/other/deep.h")).status == 200
    assert (await client.ask("GET", "/home/me/other/main.c")).status == 404


@pytest.mark.parametrize("value", ["", "/src", "/src=", "=x", "src=x", "/=x", "/a/../b=x", "/a b=x"])
def test_a_value_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^--source-root .*PREFIX=DIR.*\.$"):
        Config(source_root=(value,))


@pytest.mark.parametrize("prefix", ["/fetchkit", "/tcp/src", "/api", "/api/v1"])
def test_a_route_of_our_own_is_no_place_for_sources(prefix: str) -> None:
    with pytest.raises(ConfigError, match=f"^--source-root {prefix} is a route of fetchkit's own"):
        Config(source_root=(f"{prefix}=.",), forward_routes=("/api=http://127.0.0.1:1",))


def test_two_folders_cannot_have_one_prefix() -> None:
    with pytest.raises(ConfigError, match=r"^--source-root: two folders"):
        Config(source_root=("/src=a", "/src/=b"))


@pytest.mark.parametrize("missing", ["nothing", "site/app.js"])
def test_a_missing_folder_is_said_with_the_flag(folder: Path, missing: str) -> None:
    path = folder.parent / missing
    with pytest.raises(ConfigError, match=rf"^--source-root /src: {path} is no folder"):
        build_app(Config(directory=folder, source_root=(f"/src={path}",)))


def test_a_folder_may_be_of_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert parse_source_root("/src/=~/project") == ("/src", Path("/home/me/project"))
    assert parse_source_root("/src=a=b") == ("/src", Path("a=b"))
