"""Pages that reload by themselves: once, when what they loaded is whole again, and for nothing else."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .browser import Chromium, Tab
from .conftest import serving
from .peers import free_port
from .toolchain import COMMON_FLAGS, NODE_PATH, PROGRAMS, Emcc

pytestmark = pytest.mark.e2e

OLD, NEW = "-DANSWER=41", "-DANSWER=42"
PAGE = "<!doctype html><link rel=icon href='data:,'><script>window.output = []</script>"


@pytest.fixture
def isolation() -> str:
    """The stricter mode; one test has none."""
    return "require-corp"


@contextmanager
def second_page(chromium: Chromium, url: str, folder: Path) -> Iterator[Callable[[], None]]:
    """A page of its own; the function given changes its file, and waits until it has reloaded for that.

    So who had to reload for what changed before has done so, or never will.
    """
    (folder / "other.txt").write_text("one")
    (folder / "other.html").write_text(
        f"{PAGE}<script>fetch('other.txt').then(() => output.push('asked'))</script>"
    )
    tab = chromium.open()
    tab.allowed.append("WebSocket connection to")
    tab.start(f"{url}other.html")
    tab.line("asked")

    def reload() -> None:
        tab.evaluate("delete window.output; window.output = ['old']")
        (folder / "other.txt").write_text("another")
        tab.line("asked")

    yield reload
    chromium.close_tab(tab)
    assert tab.unexpected() == []


def test_a_page_reloads_once_when_its_build_is_whole(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, build: Emcc, chromium: Chromium
) -> None:
    folder = site("answer", OLD)
    url = serve(folder, "--reload")
    page = f"{url}?program=answer"
    assert tab.run(page).output[0] == "answer: 41"
    with second_page(chromium, url, folder) as another:
        new = build.build("answer", NEW)
        script, wasm = ((new / f"answer.{suffix}").read_bytes() for suffix in ("js", "wasm"))
        # Half a wasm, and a file that the page knows nothing of: it stays as it is.
        (folder / "answer.js").write_bytes(script)
        (folder / "answer.wasm").write_bytes(wasm[: len(wasm) // 2])
        (folder / "unknown.js").write_bytes(script)
        another()
        assert tab.ended().output[0] == "answer: 41"

        (folder / "answer.wasm").write_bytes(wasm)
        tab.line("answer: 42")

        another()
        assert len(tab.answers("/answer.wasm", 2)) == 2
        assert len(tab.answers("/", 2)) == 2


def test_a_link_into_the_served_folder_is_one_reload(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, build: Emcc
) -> None:
    folder = site("answer", OLD)
    tab.run(f"{serve(folder, '--reload')}?program=answer")
    command = [build._executable, str(PROGRAMS / "answer.c"), "-o", str(folder / "answer.js"), *COMMON_FLAGS]
    for answer in (42, 43):
        tab.evaluate("window.output = []")
        subprocess.run(
            [*command, "-O2", f"-DANSWER={answer}"], env={"NODE_PATH": NODE_PATH, **os.environ}, check=True
        )
        tab.line(f"answer: {answer}")
    assert len(tab.answers("/answer.wasm", 3)) == 3


def test_a_page_reloads_for_what_only_its_worker_asked_for(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, build: Emcc
) -> None:
    folder = site("answer", OLD)
    assert tab.run(f"{serve(folder, '--reload')}?program=answer&worker").output[0] == "answer: 41"

    (folder / "answer.wasm").write_bytes((build.build("answer", NEW) / "answer.wasm").read_bytes())

    tab.line("answer: 42")


def test_a_page_whose_program_was_missing_comes_back_with_it(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, build: Emcc
) -> None:
    folder = site("answer", OLD)
    (folder / "answer.wasm").unlink()
    tab.allowed += ["404", "wasm", "Aborted", "uncaught", "falling back"]
    tab.run(f"{serve(folder, '--reload')}?program=answer")

    build.install(folder, "answer", NEW)

    tab.line("answer: 42")


@pytest.mark.parametrize("options", [("--token=secret",), ("--inject", "--isolation", "off")])
def test_it_works_with(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, build: Emcc, options: tuple[str, ...]
) -> None:
    folder = site("answer", OLD)
    url = serve(folder, "--reload", *options)
    assert tab.run(f"{url}?program=answer&fetchkit-token=secret").output[0] == "answer: 41"

    build.install(folder, "answer", NEW)

    tab.line("answer: 42")


def test_a_page_that_is_missing_comes_when_it_is_built(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab
) -> None:
    folder = site("answer", OLD)
    url = serve(folder, "--reload")
    tab.allowed.append("404")
    tab.start(f"{url}new.html")
    assert tab.evaluate("window.output = [], document.title").startswith("404")
    (folder / "new.html").write_text(f"{PAGE}<script>output.push('here')</script>")
    tab.line("here")


def test_a_server_that_comes_back_reloads_only_what_has_changed(
    tmp_path: Path, site: Callable[..., Path], tab: Tab, build: Emcc, chromium: Chromium
) -> None:
    folder = site("answer", OLD)
    options = ("--reload", "--port", str(free_port()))
    tab.allowed.append("WebSocket connection to")
    with ExitStack() as pages:
        with serving(tmp_path / "first", folder, *options) as url:
            tab.run(f"{url}?program=answer")
            tab.evaluate("window.output = ['same page']")
            another = pages.enter_context(second_page(chromium, url, folder))
        with serving(tmp_path / "second", folder, *options):
            another()
            another()
            tab.line("same page")
        build.install(folder, "answer", NEW)
        with serving(tmp_path / "third", folder, *options):
            tab.line("answer: 42")
            another()
            assert len(tab.answers("/answer.wasm", 2)) == 2
