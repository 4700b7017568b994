"""The house: a module imports from the layers below it, and never from a sibling feature."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fetchkit"

# Features do not know each other; each is a folder.
FEATURES = {"control", "emrun", "files", "forward", "origin", "reload", "sockets", "watch"}
# Rooms that features share, and the modules at the top: from the foundation up.
LAYERS = (
    {"errors", "lazy", "text", "version"},
    {"http", "net"},
    {
        "forward.rules",
        "forward.settings",
        "isolation.rules",
        "origin.memory.state",
        "origin.settings",
        "run.settings",
        "sockets.tunnel.target",
    },
    {"config", "events"},
    {"assets", "browser", "log", "sources", "listen", "certificates"},
    {"isolation", "isolation.hook"},
    {"web"},
    FEATURES,
    {"app"},
    {"server", "demo"},
    {"banner", "run"},
    {"testing"},
    {"cli"},
    {"__main__", "__init__"},
)
# Pure modules: bytes and values in, values out.
PURE = {
    *(f"http.{path.stem}" for path in (PACKAGE / "http").glob("[a-z]*.py")),
    *(f"net.{path.stem}" for path in (PACKAGE / "net").glob("[a-z]*.py") if path.stem != "dial"),
    "emrun.messages",
    "emrun.sequencer",
    "emrun.sessions",
    "errors",
    "events",
    "files.injection",
    "files.listing",
    "files.rules",
    "forward.cache.rules",
    "forward.cookies",
    "forward.headers",
    "forward.redirects",
    "forward.rules",
    "isolation.rules",
    *(f"origin.faults.{path.stem}" for path in (PACKAGE / "origin" / "faults").glob("[a-z]*.py")),
    "origin.answer",
    "origin.asked",
    "origin.bodies",
    "origin.catalogue",
    "origin.choice",
    "origin.encoders",
    "origin.fields",
    "origin.memory.bounds",
    "origin.memory.state",
    "origin.openapi",
    "origin.page",
    "origin.parameters",
    "origin.route",
    "origin.settings",
    "origin.tus.grammar",
    "reload.rules",
    "run.junit",
    "run.page",
    "run.program",
    "run.results",
    "run.settings",
    "run.sourcemap",
    "run.stack",
    "run.wasm",
    "sockets.echo.rules",
    "sockets.frames",
    "sockets.handshake",
    "sockets.tunnel.target",
    "text",
}
IMPURE = {"asyncio", "socket", "ssl", "subprocess", "threading", "selectors", "pathlib", "io", "tempfile"}
# Only these know aiohttp.web.
MEETS_HTTP = {
    "app",
    "demo",
    "server",
    "isolation.hook",
    "files.routes",
    "files.responses",
    "files.transfer",
    "forward.relay",
    "forward.websocket",
    "origin.wire",
    "sockets.connection",
    "sockets.tunnel.bridge",
}


def modules() -> list[str]:
    paths = (path for path in PACKAGE.rglob("*.py") if "_static" not in path.parts)
    return sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths)


def imports(module: str) -> set[str]:
    """Everything that a module imports, inside functions too; types for the checker alone left out."""
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(_without_type_checking(ast.parse(path.read_text("utf-8")))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            base = node.module or ""
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def _without_type_checking(tree: ast.Module) -> ast.Module:
    tree.body = [
        node
        for node in tree.body
        if not (
            isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        )
    ]
    return tree


def own(module: str) -> set[str]:
    """The modules of fetchkit that a module imports, without the package's name."""
    known = {*modules(), *(name.removesuffix(".__init__") for name in modules())}
    names = {name.removeprefix("fetchkit.") for name in imports(module) if name.startswith("fetchkit.")}
    return {name for name in names if name in known} - {module, module.removesuffix(".__init__")}


def layer(module: str) -> int:
    """Where a module lives: by its own name, else by its folder's."""
    bare = module.removesuffix(".__init__")
    for number, names in enumerate(LAYERS):
        if bare in names:
            return number
    folder = bare.partition(".")[0]
    return next((number for number, names in enumerate(LAYERS) if folder in names), -1)


@pytest.mark.parametrize("module", modules())
def test_every_module_has_its_place(module: str) -> None:
    assert layer(module) >= 0, f"{module} is in no layer: put it into LAYERS, and into docs/architecture.md"


@pytest.mark.parametrize("module", modules())
def test_imports_point_downwards(module: str) -> None:
    room = module.partition(".")[0]
    for imported in own(module):
        if imported.partition(".")[0] == room:
            continue
        assert layer(imported) < layer(module), f"{module} imports {imported}"


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_modules_do_nothing(module: str) -> None:
    tops = {name.partition(".")[0] for name in imports(module)}
    assert not tops & IMPURE
    assert "aiohttp.web" not in imports(module)


@pytest.mark.parametrize("module", modules())
def test_only_routes_and_the_web_room_know_aiohttps_server(module: str) -> None:
    room, _, name = module.partition(".")
    if module in MEETS_HTTP or room == "web" or name.rpartition(".")[2] == "routes":
        return
    assert "aiohttp.web" not in imports(module)


@pytest.mark.parametrize("module", [m for m in modules() if not m.endswith("__init__")])
def test_the_first_line_states_the_purpose(module: str) -> None:
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring is not None
    assert docstring.split("\n")[0].endswith((".", ":")), docstring.split("\n")[0]


def test_no_circles() -> None:
    graph = {module: own(module) for module in modules()}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above, module])
        if module in done:
            return
        for imported in graph.get(module, graph.get(f"{module}.__init__", set())):
            visit(imported, (*above, module))
        done.add(module)

    for module in graph:
        visit(module, ())
