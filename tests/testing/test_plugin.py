"""The plugin as users have it: pytest in a process of its own, warnings as errors, nothing left behind."""

import re
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import require
from tests.e2e.run.support import Builds

from .support import Inner


@pytest.fixture
def modes(inner: Inner, builds: Builds) -> str:
    """The program of many modes, in the folder of the inner tests."""
    require("chromium", "chromium", "chromium-browser", "google-chrome")
    builds.install("plain.js", inner.folder)
    return "plain.js"


def test_plain_and_asynchronous_tests_have_a_server_of_their_own(inner: Inner) -> None:
    inner.write("page.txt", "served")
    inner.write(
        "test_server.py",
        """
        from urllib.request import urlopen

        import aiohttp
        import pytest

        ports = []


        def test_plain(fetchkit_server):
            with urlopen(fetchkit_server.url + "page.txt") as answer:
                assert answer.read() == b"served"
            ports.append(fetchkit_server.port)


        async def test_asynchronous(fetchkit_server, aiohttp_client):
            async with aiohttp.ClientSession(fetchkit_server.url) as session:
                async with session.get("page.txt") as answer:
                    assert await answer.text() == "served"
            ports.append(fetchkit_server.port)
            await aiohttp_client(aiohttp.web.Application())


        @pytest.mark.parametrize("_", range(2))
        def test_no_port_outlives_its_test(_):
            assert len(ports) == 2
            for port in ports:
                with pytest.raises(OSError):
                    urlopen(f"http://127.0.0.1:{port}/")
        """,
    )
    tested = inner.run()
    assert (tested.code, tested.counts) == (0, {"passed": 4})


def test_the_nearest_marker_wins(inner: Inner) -> None:
    for folder in "of-the-file", "of-a-class", "of-a-test", "elsewhere":
        (inner.folder / folder).mkdir()
    inner.write("pytest.ini", "[pytest]\nfetchkit_directory = of-the-file\n")
    inner.write(
        "test_settings.py",
        """
        from pathlib import Path

        import pytest

        HERE = Path(__file__).parent
        pytestmark = pytest.mark.fetchkit(isolation="off", cors="https://a.example", header=["X-A: 1"])


        def test_of_a_module(fetchkit_server):
            config = fetchkit_server.config
            assert (config.directory, config.isolation) == (HERE / "of-the-file", "off")
            assert (config.cors, config.header) == (("https://a.example",), ("X-A: 1",))
            assert config.dump_out_directory is None


        @pytest.mark.fetchkit(isolation="credentialless", directory="of-a-class")
        class TestOfAClass:
            def test_it(self, fetchkit_server):
                config = fetchkit_server.config
                assert (config.directory, config.isolation) == (HERE / "of-a-class", "credentialless")
                assert config.cors == ("https://a.example",)

            @pytest.mark.fetchkit(isolation="require-corp", directory=HERE / "of-a-test")
            def test_of_a_test(self, fetchkit_server):
                config = fetchkit_server.config
                assert (config.directory, config.isolation) == (HERE / "of-a-test", "require-corp")
                assert config.cors == ("https://a.example",)


        class TestWithAFixture:
            @pytest.fixture
            def fetchkit_settings(self, tmp_path):
                return {"directory": tmp_path, "isolation": "credentialless", "dotfiles": True}

            def test_it(self, fetchkit_server, tmp_path):
                config = fetchkit_server.config
                assert (config.directory, config.isolation) == (tmp_path, "off")
                assert config.dotfiles

            @pytest.mark.fetchkit(directory="elsewhere", dump_out_directory="dumps")
            def test_of_a_test(self, fetchkit_server):
                assert fetchkit_server.config.directory == HERE / "elsewhere"
                assert fetchkit_server.config.dump_out_directory == HERE / "dumps"
        """,
    )
    tested = inner.run("--strict-markers", "--strict-config")
    assert (tested.code, tested.counts) == (0, {"passed": 5})


def test_what_cannot_be_had_is_one_sentence(inner: Inner) -> None:
    inner.write(
        "test_errors.py",
        """
        import pytest


        @pytest.mark.fetchkit(isolatoin="off")
        def test_unknown(fetchkit_server):
            pass


        @pytest.mark.fetchkit("off")
        def test_positional(fetchkit_server):
            pass


        @pytest.mark.fetchkit(isolation="never")
        def test_impossible(fetchkit_server):
            pass


        @pytest.mark.fetchkit(directory="gone")
        def test_missing(fetchkit_server):
            pass


        @pytest.mark.fetchkit(host="192.0.2.1")
        def test_elsewhere(fetchkit_server):
            pass


        def test_page(fetchkit_page):
            pass


        def test_another_page(fetchkit_page):
            pass


        def test_server(fetchkit_server):
            pass
        """,
    )
    tested = inner.run("--fetchkit-browser", "netscape")
    assert (tested.code, tested.counts) == (1, {"passed": 1, "error": 7})
    assert "There is no setting 'isolatoin'. Did you mean isolation?" in tested.output
    assert "The marker fetchkit takes names with values, as isolation='off'." in tested.output
    assert re.search(r"--isolation 'never' is not one of .*\.", tested.output)
    assert re.search(r"gone.*(no folder|not a folder|does not exist)", tested.output)
    assert "192.0.2.1" in tested.output
    browser = r"^--fetchkit-browser netscape: there is no such browser(; there is \w+(, \w+)*)?\.$"
    assert len(re.findall(browser, tested.output, re.MULTILINE)) == 2
    assert "exception" not in tested.output
    assert not re.search(r"\.py:\d+: ", tested.output.partition("short test summary")[0])


def test_the_plugin_loads_nothing_before_a_fixture_is_used(inner: Inner) -> None:
    inner.write(
        "test_light.py",
        """
        import sys


        def test_it(request):
            assert {name for name in sys.modules if name.partition(".")[0] == "fetchkit"} == {
                *("fetchkit", "fetchkit.lazy", "fetchkit.version"),
                *("fetchkit.testing", "fetchkit.testing.plugin"),
            }
            assert not {"aiohttp", "asyncio", "attrs", "multidict", "yarl", "ssl"} & set(sys.modules)
            names = [marker.split("(")[0] for marker in request.config.getini("markers")]
            assert "fetchkit" in names
        """,
    )
    # The plugins for asynchronous tests load aiohttp themselves.
    tested = inner.run(asynchronous=False)
    assert (tested.code, tested.counts) == (0, {"passed": 1})


def test_the_plugin_can_be_left_out(inner: Inner) -> None:
    inner.write("test_without.py", "def test_one(): pass\n\ndef test_other(fetchkit_server): pass\n")
    tested = inner.run("-p", "no:fetchkit")
    assert (tested.code, tested.counts) == (1, {"passed": 1, "error": 1})
    assert "fixture 'fetchkit_server' not found" in tested.output


@pytest.mark.e2e
def test_one_browser_runs_all_pages_and_another_one_when_it_has_died(inner: Inner, modes: str) -> None:
    del modes
    inner.write(
        "test_browser.py",
        """
        import asyncio
        import contextlib
        import os
        import signal
        import threading
        from pathlib import Path

        import pytest
        from fetchkit.events import FileServed
        from fetchkit.web.keys import events_of

        kept = set()


        def children(parent):
            return [
                int(pid) for task in Path(f"/proc/{parent}/task").iterdir()
                for pid in (task / "children").read_text().split()
            ]


        def keepers():
            return [
                pid for pid in children(os.getpid())
                if b"keeper.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]


        @pytest.fixture
        def served(fetchkit_server):
            event = threading.Event()
            events_of(fetchkit_server.app).subscribe(
                lambda told: told.path.endswith(".wasm") and event.set(), [FileServed]
            )
            return event


        async def test_the_first_at_once(fetchkit_page):
            assert not keepers()
            await asyncio.gather(*(fetchkit_page.run_async("plain.js") for _ in range(3)))
            kept.update(keepers())
            assert len(kept) == 1


        @pytest.mark.parametrize("code", [0, 3])
        def test_pages(code, fetchkit_page):
            assert fetchkit_page("plain.js", "return", str(code)).exit_code == code
            assert fetchkit_page("plain.js", "return", str(code)).exit_code == code
            kept.update(keepers())
            assert len(kept) == 1


        def test_fails(fetchkit_page):
            fetchkit_page("plain.js", "return", "3").check()


        def test_that_it_dies(fetchkit_page, served):
            def kill():
                served.wait()
                for pid in children(keepers()[0]):
                    with contextlib.suppress(ProcessLookupError):  # it ended with another
                        os.kill(pid, signal.SIGKILL)

            killer = threading.Thread(target=kill)
            killer.start()
            result = fetchkit_page("plain.js", "loop")
            killer.join()
            assert result.exit_code == 125
            assert result.reason.startswith("The browser ended while plain.js ran.")


        def test_the_next(fetchkit_page):
            fetchkit_page("plain.js").check()
            assert len(keepers()) == 1
            assert not kept & set(keepers())


        async def test_the_same_again(fetchkit_page):
            (await fetchkit_page.run_async("plain.js")).check()
            assert len(keepers()) == 1
        """,
    )
    tested = inner.run()
    assert (tested.code, tested.counts) == (1, {"passed": 6, "failed": 1})
    # What the failed test shows is its own line, and how the page ended.
    assert re.search(r"AssertionError: exit code 3\.\n.*returns", tested.output)
    assert "pages.py" not in tested.output


@pytest.mark.e2e
@pytest.mark.parametrize(
    "test",
    [
        "def test_it(fetchkit_page): fetchkit_page('plain.js', 'loop')",
        "async def test_it(fetchkit_page): await fetchkit_page.run_async('plain.js', 'silence')",
    ],
    ids=["plain", "asynchronous"],
)
def test_ctrl_c_in_the_middle_of_a_page_leaves_nothing(test: str, inner: Inner, modes: str) -> None:
    del modes
    inner.write(
        "test_long.py",
        f"""
        from pathlib import Path

        import pytest
        from fetchkit.events import FileServed
        from fetchkit.web.keys import events_of


        @pytest.fixture(autouse=True)
        def tell(fetchkit_server):
            def told(event):
                if event.path.endswith(".wasm"):
                    Path("running").touch()

            events_of(fetchkit_server.app).subscribe(told, [FileServed])


        {test}


        def test_another(fetchkit_page): raise AssertionError("it was interrupted")
        """,
    )
    program = inner.start()
    inner.wait_for(Path(inner.folder / "running").exists, "the page runs")
    program.process.send_signal(signal.SIGINT)
    tested = inner.ended(program)
    assert tested.code == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in tested.output
    assert "it was interrupted" not in tested.output


@pytest.mark.e2e
def test_when_pytest_is_killed_the_browser_ends_too(inner: Inner, modes: str) -> None:
    del modes
    inner.write(
        "test_long.py",
        """
        import os
        import signal


        def test_it(fetchkit_page):
            fetchkit_page("plain.js").check()
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    program = inner.start()
    program.process.communicate(timeout=60)
    assert program.process.returncode == -signal.SIGKILL
    inner.wait_for_end()
