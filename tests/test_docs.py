"""The documentation names what exists, and its examples run."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import ClientError
from yarl import URL

import fetchkit
from fetchkit import Config, running
from fetchkit.cli.run import run
from fetchkit.config import Routes, settings
from fetchkit.sources import environment_name, file_key, flag_name

from .conftest import Raw

ROOT = Path(__file__).parent.parent
PAGES_OF_SETTINGS = ("serve", "forward", "origin", "sockets", "run")
# Flags of emcc, cmake, ctest and the browser.
OF_OTHERS = {"--build", "--test-dir", "--window-size"}
# What `emrun --help` lists.
OF_EMRUN = [
    *("android", "browser", "browser_args", "browser_info", "dump_out_directory", "hostname", "json"),
    *("kill_exit", "kill_start", "list_browsers", "log_html", "log_stderr", "log_stdout", "no_browser"),
    *("no_emrun_detect", "no_server", "port", "private_browsing", "safe_firefox_profile"),
    *("serve_after_close", "serve_after_exit", "serve_root", "silence_timeout", "system_info", "timeout"),
    *("timeout_returncode", "verbose"),
]
SERVE = "".join((ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in PAGES_OF_SETTINGS)
LIBRARY = (ROOT / "docs" / "library.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", settings())
def test_every_setting_is_documented_in_all_its_spellings(name: str) -> None:
    _, setting = settings()[name]
    assert f"`{file_key(name)}`" in SERVE
    if setting.flag or name == "directory":
        assert f"`{environment_name(name)}`" in SERVE
    if setting.flag:
        assert re.search(rf"`[^`|]*{flag_name(name)}[^a-z-]", SERVE)
    if setting.short:
        assert f"`-{setting.short}`" in SERVE


def test_no_flag_is_documented_that_does_not_exist() -> None:
    switches = {flag_name(n) for n, (a, _) in settings().items() if a.type is bool}
    known = {flag_name(name) for name in settings()} | {"--config", "--help", "--no-"}
    known |= {f"--no-{name.removeprefix('--')}" for name in switches}
    known |= {flag for parameter in run.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    for page in (SERVE, (ROOT / "README.md").read_text("utf-8")):
        assert set(re.findall(r"--[a-z][a-z-]+", page)) - known <= {"--emrun", *OF_OTHERS}


@pytest.mark.parametrize("prefix", [a.name for a in attrs.fields(Routes)])
def test_every_prefix_is_documented(prefix: str) -> None:
    assert f"`{prefix}`" in SERVE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf-8")):
        text = (page.parent / target if target else page).read_text("utf-8")
        titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        headings = [re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles]
        assert anchor in headings


def test_every_dependency_earns_its_line() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.search(r"^dependencies = \[.*?^\[project.scripts\]", project, re.MULTILINE | re.DOTALL)
    assert listed is not None
    for name in re.findall(r'"([a-z-]+)[>;]', listed[0]):
        assert re.search(rf"\|.*\b{name}\b", ARCHITECTURE), name


def test_every_room_is_in_the_picture() -> None:
    package = ROOT / "fetchkit"
    rooms = [p.name for p in package.iterdir() if p.is_dir() and not p.name.startswith("_")]
    modules = [p.stem for p in package.glob("[a-z]*.py")]
    for name in (*rooms, *modules):
        assert re.search(rf"\b{name}\b", ARCHITECTURE), name


def test_every_option_of_emrun_is_answered() -> None:
    page = (ROOT / "docs" / "from-emrun.md").read_text("utf-8")
    known = {flag for parameter in run.params for flag in parameter.opts}
    for option in OF_EMRUN:
        assert re.search(rf"`--{option}\b", page), option
        assert f"--{option.replace('_', '-')}" in known, option


def test_the_readme_shows_both_commands_first() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:20])
    assert "scripts/serve" in first_screen
    assert "scripts/test" in first_screen


def examples() -> list[dict[str, Any]]:
    """What each example of docs/library.md defines."""
    defined = []
    for source in re.findall(r"```python\n(.*?)```", LIBRARY, re.DOTALL):
        names: dict[str, Any] = {}
        exec(compile(source, "docs/library.md", "exec"), names)  # noqa: S102  our own documentation
        defined.append(names)
    return defined


async def test_the_example_of_a_server_runs(folder: Path) -> None:
    main: Callable[..., Any] = examples()[0]["main"]
    await main(folder)


async def test_the_example_of_a_feature_alone_runs(folder: Path, aiohttp_client: Any) -> None:
    app = examples()[1]["make_app"](folder)
    client = await aiohttp_client(app)
    async with client.get("/build/digits.txt") as response:
        assert await response.text() == "0123456789"
        assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


async def test_the_example_of_an_origin_runs(aiohttp_client: Any) -> None:
    names = examples()[2]
    client = await aiohttp_client(names["make_upstream"]())
    statuses = []
    for _ in range(3):
        async with client.get(names["FAILS_TWICE"]) as response:
            statuses.append(response.status)
    assert statuses == [503, 503, 200]
    with pytest.raises(ClientError):
        async with client.get(URL(names["BREAKS"], encoded=True)) as response:
            await response.read()
    async with client.get("/origin/bytes/2MiB") as response:
        assert response.status == 400


async def test_the_example_of_events_runs(folder: Path, raw: Raw) -> None:
    async with running(Config(directory=folder, host=("127.0.0.1",), port=0)) as server:
        missed = examples()[3]["count_misses"](server)
        client = await raw(server)
        await client.ask("GET", "/missing")
        await client.ask("GET", "/digits.txt")
    assert missed == ["/missing"]


def test_every_public_name_exists() -> None:
    for name in fetchkit.__all__:
        assert getattr(fetchkit, name) is not None
        assert name.startswith("__") or f"{name}" in LIBRARY
