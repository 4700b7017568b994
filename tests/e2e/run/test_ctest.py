"""A CMake project's tests run in the browser, by one line of its configuration."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import require
from tests.program import clean_environment

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).parent / "cmake"
DEADLINE = 120


def test_ctest_runs_the_tests_of_a_project(tmp_path: Path, temporary: Path) -> None:
    emcmake, ctest = require("emscripten", "emcmake"), require("cmake", "ctest")
    environment = clean_environment(tmp_path, TMPDIR=str(temporary))

    def called(*command: str) -> str:
        result = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    emulator = f"{sys.executable};-m;fetchkit;run;--headless"
    called(emcmake, "cmake", "-S", str(SOURCE), "-B", "build", f"-DCMAKE_CROSSCOMPILING_EMULATOR={emulator}")
    called("cmake", "--build", "build")
    said = called(ctest, "--test-dir", "build", "-j2", "--output-on-failure")
    assert "100% tests passed, 0 tests failed out of 3" in said
    # A test that fails is seen to fail.
    called("cmake", "-E", "rm", "build/greeter.wasm")
    result = subprocess.run(
        [ctest, "--test-dir", "build", "-R", "passes"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert result.returncode != 0
