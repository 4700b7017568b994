"""The package: a wheel that serves the same pages, and a library whose features stand alone."""

import importlib
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

import fetchkit
from fetchkit import files, isolation
from fetchkit.http.cors import CorsPolicy
from fetchkit.isolation import Mode
from fetchkit.origin.faults.table import FAULTS

from .program import Program, clean_environment

ROOT = Path(__file__).parents[1]
STATIC = sorted(
    p.relative_to(ROOT / "static").as_posix() for p in (ROOT / "static").rglob("*") if p.is_file()
)
# RFC 9110, section 6.6.1, and what aiohttp itself sends.
PLAIN = {"Content-Type", "Content-Length", "Date", "Server"}

Client = TestClient[web.Request, web.Application]
Start = Callable[[web.Application], Awaitable[Client]]


def python(*arguments: str, cwd: Path, **environment: str) -> str:
    """Run the interpreter; what it prints."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=clean_environment(cwd, **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


# The wheel.


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without a network."""
    target = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(target), cwd=ROOT)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed, to be put first on PYTHONPATH."""
    target = tmp_path_factory.mktemp("site-packages")
    python(
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"),
        *("--no-compile", "--target", str(target), str(wheel)),
        cwd=wheel.parent,
    )
    for path in (ROOT / "static").rglob("*"):  # listings show the times of the files
        there = target / "fetchkit" / "_static" / path.relative_to(ROOT / "static")
        os.utime(there, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    return target


def test_the_wheel_has_the_package_and_its_pages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    sources = {p.relative_to(ROOT).as_posix() for p in (ROOT / "fetchkit").rglob("*.py")}
    pages = {f"fetchkit/_static/{name}" for name in STATIC}
    assert {name for name in names if ".dist-info/" not in name} == sources | pages | {"fetchkit/py.typed"}
    information = {name.partition(".dist-info/")[2] for name in names if ".dist-info/" in name}
    assert information >= {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_has_the_pages_byte_for_byte(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in STATIC:
            assert archive.read(f"fetchkit/_static/{name}") == (ROOT / "static" / name).read_bytes(), name


def test_the_wheel_names_its_command_version_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        read = {
            Path(name).name: archive.read(name).decode() for name in archive.namelist() if "info/" in name
        }
    assert "fetchkit = fetchkit.cli:main" in read["entry_points.txt"]
    assert f"Version: {fetchkit.__version__}\n" in read["METADATA"]
    assert "License-Expression: MIT\n" in read["METADATA"]
    assert read["LICENSE"] == (ROOT / "LICENSE").read_text()


async def pages_of(url: str) -> dict[str, tuple[int, str, bytes]]:
    """Every file of the demo, a listing and a problem page: status, type and bytes."""
    demo = [name.removeprefix("demo/") for name in STATIC if name.startswith("demo/")]
    pages = {}
    async with aiohttp.ClientSession(headers={"Accept": "text/html"}) as session:
        for target in ["", *demo, "cards/", "src/", "missing", "posix", "%zz"]:
            async with session.get(URL(url + target, encoded=True)) as answer:
                pages[target] = answer.status, answer.headers["Content-Type"], await answer.read()
    return pages


async def test_an_installed_wheel_serves_the_same_pages_as_the_checkout(
    installed: Path, tmp_path: Path
) -> None:
    environment = {"PYTHONPATH": str(installed)}
    place = python("-c", "import fetchkit; print(fetchkit.__file__)", cwd=tmp_path, **environment)
    assert Path(place.strip()).is_relative_to(installed)
    config = fetchkit.Config(directory=ROOT / "static" / "demo", host=("127.0.0.1",), port=0)
    arguments = ("demo", "--port", "0", "--host", "127.0.0.1")
    async with fetchkit.running(config) as checkout:
        with Program(tmp_path, *arguments, environment=environment) as program:
            served, expected = await pages_of(program.ready_url()), await pages_of(checkout.url)
    assert served == expected
    assert expected[""] == (200, "text/html; charset=utf-8", (ROOT / "static/demo/index.html").read_bytes())
    assert expected["threads.wasm"][1] == "application/wasm"
    assert b"streaming.js" in expected["cards/"][2]
    assert [expected[target][0] for target in ("missing", "posix", "%zz")] == [404, 426, 400]
    assert expected["missing"][1].startswith("text/html")


# The library's face.


def test_the_face_has_what_it_names() -> None:
    assert {"Config", "build_app", "running", "errors"} <= set(fetchkit.__all__)
    assert dir(fetchkit) == fetchkit.__all__
    for name in fetchkit.__all__:
        assert getattr(fetchkit, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        fetchkit.no_such_name  # noqa: B018  the access is the test


@pytest.mark.parametrize(
    "name",
    [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "fetchkit").rglob("*.py"))
        if path.stem != "__main__"
    ],
)
def test_every_module_says_what_is_public_and_has_it(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    if (
        hasattr(module, "__path__")
        and len(module.__doc__.splitlines()) == 1
        and not hasattr(module, "__all__")
    ):
        return  # a room that only holds modules
    if name.startswith("fetchkit.origin.faults.") and not hasattr(module, "__all__"):
        own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == name]
        assert set(own) & set(FAULTS.values())  # public by its row in the table
        return
    assert all(getattr(module, public) is not None for public in module.__all__)


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("fetchkit", ["aiohttp", "click", "attrs", "asyncio", "fetchkit.config"]),
        (
            "fetchkit.files",
            [
                *("fetchkit.config", "fetchkit.app", "fetchkit.server", "fetchkit.control"),
                *("fetchkit.sockets", "fetchkit.cli", "fetchkit.watch", "cattrs", "rich", "trustme"),
            ],
        ),
        (
            "fetchkit.isolation",
            ["fetchkit.config", "fetchkit.files", "fetchkit.control", "fetchkit.sockets", "click", "cattrs"],
        ),
        ("fetchkit.origin", ["aiohttp", "asyncio", "fetchkit.config", "fetchkit.origin.routes"]),
        (
            "fetchkit.origin.routes",  # what `setup` needs
            [
                *("fetchkit.config", "fetchkit.app", "fetchkit.server", "fetchkit.control", "fetchkit.files"),
                *("fetchkit.forward", "fetchkit.sockets", "fetchkit.cli", "fetchkit.watch"),
                *("cattrs", "rich", "click", "redis"),
            ],
        ),
        ("fetchkit.sockets", ["aiohttp", "asyncio", "fetchkit.config", "fetchkit.sockets.routes"]),
        *(
            (
                f"fetchkit.sockets.{kind}.routes",  # what `setup` needs
                [
                    *(
                        "fetchkit.config",
                        "fetchkit.app",
                        "fetchkit.server",
                        "fetchkit.control",
                        "fetchkit.files",
                    ),
                    *(
                        "fetchkit.forward",
                        "fetchkit.origin",
                        "fetchkit.cli",
                        "fetchkit.watch",
                        "cattrs",
                        "rich",
                    ),
                    *(f"fetchkit.sockets.{other}" for other in ("posix", "tunnel", "echo") if other != kind),
                ],
            )
            for kind in ("posix", "tunnel", "echo")
        ),
        ("fetchkit.server", ["rich", "trustme", "segno", "fetchkit.cli", "fetchkit.sources", "cattrs"]),
    ],
)
def test_importing_one_part_imports_no_other(imported: str, absent: list[str], tmp_path: Path) -> None:
    loaded = python("-c", f"import sys, {imported}; print(*sys.modules)", cwd=tmp_path).split()
    assert imported in loaded
    assert [name for name in absent if name in loaded] == []


# Features alone, in somebody else's application.


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """A client of a foreign application, which aiohttp's own server runs."""
    clients = list[Client]()

    async def started(app: web.Application) -> Client:
        client = TestClient(TestServer(app))
        clients.append(client)
        await client.start_server()
        return client

    yield started
    for client in clients:
        await client.close()


@pytest.fixture
def foreign() -> web.Application:
    """An application of somebody else."""

    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def broken(_request: web.Request) -> web.Response:
        raise web.HTTPConflict(text="conflict")

    app = web.Application()
    app.router.add_get("/hello", hello)
    app.router.add_get("/broken", broken)
    return app


@pytest.mark.parametrize("prefix", ["/", "/build/"])
async def test_files_alone_serve_a_folder(
    prefix: str, foreign: web.Application, folder: Path, start: Start
) -> None:
    files.setup(foreign, folder, prefix=prefix)
    client = await start(foreign)
    part = await client.get(f"{prefix}digits.txt", headers={"Range": "bytes=2-4"})
    assert (part.status, await part.read()) == (206, b"234")
    whole = await client.get(f"{prefix}app.wasm")
    assert whole.headers["Content-Type"] == "application/wasm"
    again = await client.get(f"{prefix}app.wasm", headers={"If-None-Match": whole.headers["ETag"]})
    assert again.status == 304
    index = await client.get(prefix)
    assert "index" in await index.text()
    moved = await client.get(f"{prefix}sub?q=1", allow_redirects=False)
    assert (moved.status, moved.headers["Location"]) == (301, "./sub/?q=1")
    missing = await client.get(f"{prefix}missing")
    assert (missing.status, missing.content_type) == (404, "application/problem+json")
    assert (await client.post(f"{prefix}app.wasm")).status == 405
    assert (await client.get(f"{prefix}%2e%2e/secret")).status == 404


@pytest.mark.parametrize("target", ["/hello", "/broken", "/nowhere"])
async def test_files_alone_leave_foreign_routes_as_they_were(
    target: str, foreign: web.Application, folder: Path, start: Start
) -> None:
    files.setup(foreign, folder, prefix="/build/")
    answer = await (await start(foreign)).get(target, headers={"Origin": "http://localhost"})
    assert set(answer.headers) <= PLAIN
    assert answer.content_type == "text/plain"


async def test_files_alone_say_who_may_embed_and_read_them(
    foreign: web.Application, folder: Path, start: Start
) -> None:
    anybody = CorsPolicy(
        any_origin=True, allows=lambda _: True, exposed=(), methods=("GET",), headers=None, max_age=1
    )
    files.setup(foreign, folder, prefix="/build/", cors=anybody)
    answer = await (await start(foreign)).get("/build/app.js", headers={"Origin": "https://a.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Cross-Origin-Resource-Policy" in answer.headers
    assert "Cross-Origin-Embedder-Policy" not in answer.headers


async def test_two_folders_stand_side_by_side(foreign: web.Application, folder: Path, start: Start) -> None:
    files.setup(foreign, folder / "sub", prefix="/sub-alone/")
    files.setup(foreign, folder, prefix="/")
    client = await start(foreign)
    assert "sub" in await (await client.get("/sub-alone/")).text()
    assert "index" in await (await client.get("/")).text()
    assert await (await client.get("/hello")).text() == "hello"


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("target", ["/hello", "/broken", "/nowhere"])
async def test_isolation_alone_isolates_every_page_of_an_application(
    target: str, mode: Mode, foreign: web.Application, start: Start
) -> None:
    isolation.setup(foreign, mode=mode)
    answer = await (await start(foreign)).get(target)
    expected = (
        {}
        if mode is Mode.OFF
        else {
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": mode.value,
        }
    )
    assert {name: value for name, value in answer.headers.items() if "er-Policy" in name} == expected
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("order", ["files first", "isolation first"])
async def test_the_two_features_go_together_in_any_order(
    order: str, foreign: web.Application, folder: Path, start: Start
) -> None:
    steps: list[Callable[[], object]] = [
        lambda: files.setup(foreign, folder, prefix="/build/"),
        lambda: isolation.setup(foreign),
    ]
    for step in steps if order == "files first" else reversed(steps):
        step()
    client = await start(foreign)
    for target in ("/hello", "/build/", "/build/missing", "/nowhere"):
        answer = await client.get(target)
        assert answer.headers.getall("Cross-Origin-Opener-Policy") == ["same-origin"], target
        assert answer.headers.getall("Cross-Origin-Embedder-Policy") == ["require-corp"], target


async def test_a_foreign_application_may_hear_what_was_served(
    foreign: web.Application, folder: Path, start: Start
) -> None:
    from fetchkit.events import Event, FileServed
    from fetchkit.web.keys import events_of

    heard = list[Event]()
    events_of(foreign).subscribe(heard.append)
    files.setup(foreign, folder)
    await (await start(foreign)).get("/app.js")
    assert [event for event in heard if isinstance(event, FileServed)] == [
        FileServed("/app.js", str(folder / "app.js"), 200)
    ]
