"""A page in a sub folder, reached without the slash at the end of its address."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Tab
from .toolchain import Emcc

pytestmark = pytest.mark.e2e


def test_redirect_of_a_folder_keeps_the_query_in_its_place(
    tmp_path: Path, build: Emcc, serve: Callable[..., str], tab: Tab, isolation: str
) -> None:
    build.install(tmp_path / "site" / "sub", "answer", "-DANSWER=41")
    url = serve(tmp_path / "site")

    ended = tab.run(f"{url}sub?program=answer&x=1")

    assert ended.output == ["answer: 41", "path: /sub/", "query: ?program=answer&x=1"]
    redirect = tab.answers("/sub", 2)[0]
    assert redirect.status in {301, 302, 307, 308}
    assert redirect.headers["cross-origin-embedder-policy"] == isolation
