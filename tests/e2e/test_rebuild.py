"""A rebuilt program is never stale, and an unchanged one is not sent again."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .browser import Tab
from .toolchain import Emcc

pytestmark = pytest.mark.e2e

SECOND = 1_700_000_000 * 10**9
"""A whole second of the past, in nanoseconds: both builds are written within it."""


def test_rebuilt_program_gives_the_new_answer_and_an_unchanged_one_costs_a_304(
    site: Callable[..., Path], serve: Callable[..., str], tab: Tab, build: Emcc, isolation: str
) -> None:
    folder = site("answer", "-DANSWER=41")
    url = f"{serve(folder)}?program=answer"
    wasm = folder / "answer.wasm"
    os.utime(wasm, ns=(SECOND, SECOND + 1))
    size = wasm.stat().st_size

    assert tab.run(url).output[0] == "answer: 41"
    assert tab.run(url).output[0] == "answer: 41"
    build.install(folder, "answer", "-DANSWER=42")
    os.utime(wasm, ns=(SECOND, SECOND + 2))
    assert tab.run(url).output[0] == "answer: 42"
    assert tab.run(url).output[0] == "answer: 42"

    # The new build has the size of the old one: only the nanoseconds of its time tell them apart.
    assert wasm.stat().st_size == size
    answers = tab.answers("/answer.wasm", 4)
    assert [answer.status for answer in answers] == [200, 304, 200, 304]
    assert {answer.headers["cross-origin-embedder-policy"] for answer in answers} == {isolation}
