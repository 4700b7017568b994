"""The pytest plugin: the fixtures, the marker and the options. It imports the rest when a test first asks."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fetchkit.server import Server
    from fetchkit.testing.background import Background
    from fetchkit.testing.browsers import BrowserKeeper
    from fetchkit.testing.origin import OriginClient
    from fetchkit.testing.pages import PageRunner

__all__ = [
    "fetchkit_origin",
    "fetchkit_page",
    "fetchkit_server",
    "fetchkit_settings",
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
    from fetchkit.errors import BrowserError  # noqa: PLC0415
    from fetchkit.testing.browsers import BrowserKeeper, found  # noqa: PLC0415

    option = request.config.getoption
    try:
        browser = found(option("fetchkit_browser"))
    except BrowserError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    keeper = BrowserKeeper(_fetchkit_background, browser, headless=not option("fetchkit_headed"))
    yield keeper
    keeper.close()


@pytest.fixture
def _fetchkit_pages() -> dict[str, bytes]:
    """Pages that are made on the fly, by path."""
    return {}


@pytest.fixture
def fetchkit_settings() -> dict[str, Any]:
    """Settings that a test's server has besides the marker's: override it where they are made at run time."""
    return {}


@pytest.fixture
def fetchkit_server(
    request: pytest.FixtureRequest,
    fetchkit_settings: dict[str, Any],
    _fetchkit_background: "Background",
    _fetchkit_pages: dict[str, bytes],
) -> "Iterator[Server]":
    """A server on a free port, ready; `@pytest.mark.fetchkit(isolation="off", …)` gives it settings."""
    from fetchkit.errors import ConfigError, ListenError  # noqa: PLC0415
    from fetchkit.server import running  # noqa: PLC0415
    from fetchkit.testing.settings import config_of  # noqa: PLC0415

    markers = list(request.node.iter_markers(_MARKER))  # the nearest first
    if any(marker.args for marker in markers):
        pytest.fail("The marker fetchkit takes names with values, as isolation='off'.", pytrace=False)
    folder = {"directory": request.config.getini("fetchkit_directory") or "."}
    layers = (folder, fetchkit_settings, *(marker.kwargs for marker in reversed(markers)))
    with contextlib.ExitStack() as stack:
        try:
            config = config_of(layers, request.config.rootpath)
            entered = _fetchkit_background.entered(running(config, pages=_fetchkit_pages))
            server = stack.enter_context(entered)
        except (ConfigError, ListenError) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
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
