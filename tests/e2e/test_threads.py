"""A pthread program runs on a page that is cross-origin isolated, from a wasm that was streamed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Tab

pytestmark = pytest.mark.e2e

# The stacks of six threads, 2 MiB each, and main's of 5 MiB do not fit into the usual 16 MiB.
FLAGS = ("-pthread", "-sPROXY_TO_PTHREAD", "-sINITIAL_MEMORY=32MB")


def test_four_threads_add_up_in_shared_memory(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, isolation: str
) -> None:
    url = serve(site("sum", *FLAGS))
    ended = tab.run(f"{url}?program=sum")
    assert ended.output == [
        "sum 4 threads: 4950",
        "cross-origin isolated threads: 4",
        "cross-origin isolated page: 1",
    ]
    assert ended.exit_code == 0
    for path in "/", "/sum.js", "/sum.wasm":
        (answer,) = tab.answers(path, 1)
        assert answer.headers["cross-origin-embedder-policy"] == isolation
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
