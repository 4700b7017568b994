"""The pytest plugin: the fixtures, the marker and the options. It imports the rest when a test first asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fetchkit.server import Server
    from fetchkit.testing.background import Background
    from fetchkit.testing.origin import OriginClient
    from fetchkit.testing.pages import BrowserKeeper, PageRunner

__all__ = [
    "fetchkit_origin",
    "fetchkit_page",
    "fetchkit_server",
    "pytest_addoption",
    "pytest_configure",
]

_MARKER = "fetchkit"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the settings."""
    group = parser.getgroup("fetchkit")
    group.addoption("--fetchkit-browser", default="", metavar="NAME|PATH", help="browser for fetchkit_page")
    group.addoption("--fetchkit-headed", action="store_true", help="show the windows of fetchkit_page")
    parser.addini("fetchkit_directory", "folder that fetchkit_server serves (default: the root)", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", f"{_MARKER}(**settings): settings of fetchkit_server, as the fields of fetchkit.Config"
    )


@pytest.fixture(scope="session")
def _fetchkit_background() -> "Iterator[Background]":
    from fetchkit.testing.background import Background  # noqa: PLC0415

    background = Background()
    yield background
    background.close()


@pytest.fixture(scope="session")
def _fetchkit_browser(
    request: pytest.FixtureRequest, _fetchkit_background: "Background"
) -> "Iterator[BrowserKeeper]":
    from fetchkit.testing.pages import BrowserKeeper  # noqa: PLC0415

    option = request.config.getoption
    keeper = BrowserKeeper(
        _fetchkit_background, option("fetchkit_browser"), headless=not option("fetchkit_headed")
    )
    yield keeper
    keeper.close()


@pytest.fixture
def _fetchkit_pages() -> dict[str, bytes]:
    """Pages that are made on the fly, by path."""
    return {}


@pytest.fixture
def fetchkit_server(
    request: pytest.FixtureRequest,
    _fetchkit_background: "Background",
    _fetchkit_pages: dict[str, bytes],
) -> "Iterator[Server]":
    """A server on a free port, ready; `@pytest.mark.fetchkit(isolation="off", …)` gives it settings."""
    from fetchkit.config import Config  # noqa: PLC0415
    from fetchkit.server import running  # noqa: PLC0415

    settings: dict[str, Any] = {"directory": _directory(request.config), "port": 0}
    for marker in reversed(list(request.node.iter_markers(_MARKER))):
        settings |= marker.kwargs
    if not Path(settings["directory"]).is_absolute():
        settings["directory"] = request.config.rootpath / settings["directory"]
    with _fetchkit_background.entered(running(Config(**settings), pages=_fetchkit_pages)) as server:
        yield server


@pytest.fixture
def fetchkit_page(
    fetchkit_server: "Server",
    _fetchkit_background: "Background",
    _fetchkit_browser: "BrowserKeeper",
    _fetchkit_pages: dict[str, bytes],
) -> "Iterator[PageRunner]":
    """Runs pages of `fetchkit_server`: `fetchkit_page("app.js", "argument").exit_code`."""
    from fetchkit.testing.pages import PageRunner  # noqa: PLC0415

    runner = PageRunner(fetchkit_server, _fetchkit_background, _fetchkit_browser, _fetchkit_pages)
    yield runner
    runner.close()


@pytest.fixture
def fetchkit_origin(fetchkit_server: "Server") -> "OriginClient":
    """The test origin of `fetchkit_server`, with a token of the test's own."""
    from fetchkit.testing.origin import OriginClient  # noqa: PLC0415

    prefix = fetchkit_server.config.routes.origin
    return OriginClient(fetchkit_server.url.rstrip("/") + prefix, access=fetchkit_server.token)


def _directory(config: pytest.Config) -> Path:
    return config.rootpath / (config.getini("fetchkit_directory") or ".")
