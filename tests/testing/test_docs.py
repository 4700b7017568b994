"""docs/testing.md: what it shows passes, and it tells of everything there is."""

import re
from pathlib import Path

import attrs
import pytest

from fetchkit.testing import OriginClient, PageResult, PageRunner, Request, plugin
from tests.e2e.conftest import require

from .support import Inner, Programs

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")


@pytest.mark.e2e
def test_every_example_passes(inner: Inner, programs: Programs) -> None:
    require("chromium", "chromium", "chromium-browser", "google-chrome")
    for name, *flags in (
        ("sum.js",),
        ("app.html",),  # and app.js
        ("render.html", "--emrun"),
        ("download.js",),
    ):
        programs.install(name, inner.folder / "build", *flags)
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for number, example in enumerate(examples):
        inner.write(f"test_example_{number}.py", example)
    tested = inner.run()
    count = len(re.findall(r"^(?:async )?def test_", "".join(examples), re.MULTILINE))
    assert (tested.code, tested.counts) == (0, {"passed": count})


def test_the_origin_shows_how_a_name_with_a_hyphen_is_written() -> None:
    (example,) = re.findall(r"`(at\(.*?\))` escapes", PAGE)
    url = eval(f"origin.{example}", {"origin": OriginClient("http://h/origin", "T")})  # noqa: S307  our own
    assert url == "http://h/origin/get?token=T&no-cors=2&pipe=header(X-Note,%22a,%20b%22)"


def test_everything_is_told() -> None:
    fields = [a.name for kind in (PageResult, Request) for a in attrs.fields(kind)]
    methods = [
        name for kind in (PageRunner, OriginClient, PageResult) for name in vars(kind) if name[0] != "_"
    ]
    fixtures = [name for name in plugin.__all__ if name.startswith("fetchkit_")]
    # What only the plugin itself needs.
    own = {"server", "close", "url", "token", "access"}
    for name in {*fields, *methods, *fixtures} - own:
        assert re.search(rf"`[^`]*\b{name}\b", PAGE), name
