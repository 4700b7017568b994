"""The demo site is whole: what is built is what its sources say, and what its pages name exists."""

import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "static" / "demo"
BUILD = json.loads((DEMO / "build.json").read_text())
RECORDED: dict[str, str] = BUILD["sources"] | BUILD["outputs"]
REBUILD = "run scripts/build-demo and commit what it writes"
MODULES = sorted(path for path in DEMO.rglob("*.js") if path.relative_to(DEMO).as_posix() not in RECORDED)
CARDS = sorted(path.stem for path in (DEMO / "cards").iterdir())
# A file that a module names: any string that ends like a file name (an import, or what it fetches).
FILE_NAME = re.compile(r"""["']([\w./-]+\.(?:js|wasm|css|html|json|data))(?:\?\w+)?["']""")


class References(HTMLParser):
    """Collects what an HTML page names: files by `src` and `href`, cards by `data-card`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.files: list[str] = []
        self.cards: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for each start tag."""
        del tag
        for name, value in attrs:
            if name in {"src", "href"} and value and not value.startswith("data:"):
                self.files.append(value)
            elif name == "data-card" and value:
                self.cards.append(value)


INDEX = References((DEMO / "index.html").read_text())


def named_by(module: Path) -> list[Path]:
    """The files that a module names: `./` and `../` count from the module, all else from the document."""
    names = FILE_NAME.findall(module.read_text())
    return [(module.parent if name.startswith(".") else DEMO) / name for name in names]


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_file_is_the_one_recorded_at_the_build(name: str) -> None:
    path = DEMO / name
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
    assert digest == RECORDED[name], f"static/demo/{name} is not the one that was built: {REBUILD}."


def test_every_source_is_recorded() -> None:
    sources = {f"src/{path.name}" for path in (DEMO / "src").iterdir()}
    assert sources == set(BUILD["sources"]), f"static/demo/src has changed: {REBUILD}."


def test_every_program_is_recorded() -> None:
    programs = {f"{path.stem}{suffix}" for path in (DEMO / "src").glob("*.c") for suffix in (".js", ".wasm")}
    assert programs <= set(BUILD["outputs"]), f"A program in static/demo/src is not built: {REBUILD}."


@pytest.mark.skipif(shutil.which("emcc") is None, reason="emcc is not installed")
def test_building_again_elsewhere_gives_the_same_files(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "build-demo"
    script.parent.mkdir()
    shutil.copy(ROOT / "scripts" / "build-demo", script)
    shutil.copytree(DEMO / "src", tmp_path / "static" / "demo" / "src")
    subprocess.run([script], check=True, timeout=300)
    built = json.loads((tmp_path / "static" / "demo" / "build.json").read_text())
    if built["emcc"] != BUILD["emcc"]:
        pytest.skip(f"built by emcc {BUILD['emcc']}, and emcc {built['emcc']} is installed")
    assert built == BUILD, f"The recorded build is not what its sources give: {REBUILD}."


def test_build_script_names_the_package_when_emcc_is_missing(tmp_path: Path) -> None:
    bash, dirname = shutil.which("bash"), shutil.which("dirname")
    assert bash
    assert dirname
    (tmp_path / "dirname").symlink_to(dirname)
    run = subprocess.run(
        [bash, ROOT / "scripts" / "build-demo"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert "apt-get install emscripten" in run.stderr


@pytest.mark.parametrize("name", INDEX.files)
def test_file_that_the_page_names_is_in_the_demo_site(name: str) -> None:
    path = (DEMO / name).resolve()
    assert path.is_relative_to(DEMO)
    assert path.is_file()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(DEMO).as_posix())
def test_files_that_a_module_names_are_in_the_demo_site(module: Path) -> None:
    missing = [str(path) for path in named_by(module) if not path.is_file()]
    assert missing == []


def test_modules_are_seen_to_name_files() -> None:
    named = {path.resolve().name for module in MODULES for path in named_by(module)}
    assert {"check.js", "threads.wasm"} <= named


def test_page_loads_every_program() -> None:
    programs = {f"{path.stem}.js" for path in (DEMO / "src").glob("*.c")}
    assert programs <= set(INDEX.files)


def test_every_program_has_flags_of_its_own() -> None:
    programs = {path.stem for path in (DEMO / "src").glob("*.c")}
    assert {path.stem for path in (DEMO / "src").glob("*.flags")} == programs


def test_every_card_has_its_module_and_every_module_its_card() -> None:
    assert sorted(INDEX.cards) == CARDS


@pytest.mark.parametrize("card", CARDS)
def test_card_module_exports_run(card: str) -> None:
    text = (DEMO / "cards" / f"{card}.js").read_text()
    assert re.search(r"^export (async )?function run\(element\)", text, re.MULTILINE)


def test_demo_site_and_pages_of_the_server_share_their_colours() -> None:
    pages = (ROOT / "static" / "pages" / "page.css").read_text()
    demo = (DEMO / "demo.css").read_text()
    shared = pages.partition("\nbody {")[0]
    assert "--accent" in shared
    assert demo.startswith(shared)
