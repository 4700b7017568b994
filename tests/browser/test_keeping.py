"""However a browser or fetchkit ends, no process, profile or descriptor is left (fixture `temp`)."""

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvloop

from fetchkit.browser.driver import Browser, connect
from fetchkit.browser.find import Family, Found
from fetchkit.browser.process import Process, start
from fetchkit.errors import BrowserError

from .conftest import all_gone
from .support import DEADLINE, Heard, Site, needed, processes_of, reported, script, wait_until

# The first loop of uvloop makes a pipe for the whole process.
uvloop.new_event_loop().close()

pytestmark = pytest.mark.usefixtures("temp")
BOTH = pytest.mark.parametrize("family", [Family.CHROMIUM, Family.FIREFOX])


async def fails(found: Found, seconds: float = 8) -> str:
    """What connecting to something that is no browser says."""
    begun = time.monotonic()
    with pytest.raises(BrowserError) as caught:
        await connect(start(found, headless=True), seconds=seconds)
    assert time.monotonic() - begun < 10
    return str(caught.value)


async def test_one_that_ends_at_once_is_told_with_its_last_lines(tmp_path: Path) -> None:
    found = script(tmp_path, "echo boom; echo '\033[31mred' >&2; exit 3")
    said = await fails(found)
    assert said == f"browser ({found.path}) ended by itself: exit code 3. Its last lines:\nboom\n\\x1b[31mred"


async def test_one_that_says_nothing_is_told() -> None:
    said = await fails(Found("false", Family.CHROMIUM, "/bin/false"))
    assert said == "false (/bin/false) ended by itself: exit code 1. It printed nothing."


async def test_one_that_is_killed_is_told(tmp_path: Path) -> None:
    assert "ended by itself: signal SIGSEGV" in await fails(script(tmp_path, "kill -SEGV $$"))


@pytest.mark.parametrize("family", list(Family))
async def test_one_that_cannot_be_executed_is_told(tmp_path: Path, family: Family) -> None:
    path = tmp_path / "plain"
    path.write_text("text")
    said = await fails(Found("plain", family, str(path)))
    assert re.fullmatch(rf"plain \({path}\) could not be started: .*Permission denied.*\.", said)
    said = await fails(Found("none", family, str(tmp_path / "none")))
    assert re.fullmatch(r"none \(.*\) could not be started: .*No such file or directory.*\.", said)


@pytest.mark.parametrize("family", list(Family))
async def test_one_that_never_answers_is_given_up(tmp_path: Path, family: Family) -> None:
    found = script(tmp_path, "echo waiting; exec sleep 60")
    said = await fails(Found(found.name, family, found.path), seconds=0.5)
    assert said == f"browser ({found.path}) did not answer within 0.5 seconds. Its last lines:\nwaiting"


async def test_one_that_does_not_take_the_pipe_is_given_up(tmp_path: Path) -> None:
    said = await fails(script(tmp_path, "exec 3>&- 4>&-; exec sleep 60"))
    assert "signal SIGKILL" in said


async def test_one_that_answers_nonsense_is_given_up(tmp_path: Path) -> None:
    said = await fails(
        script(tmp_path, r"printf 'no json\0[]\0{\"id\":99}\0' >&4; exec sleep 60"), seconds=0.5
    )
    assert "did not answer within 0.5 seconds" in said


async def test_one_that_prints_without_end_is_not_held_up_and_its_last_lines_are_few(tmp_path: Path) -> None:
    said = await fails(script(tmp_path, "yes x | head -c 20000000; printf 'é%.0s' $(seq 9999); echo; exit 1"))
    lines = said.partition("Its last lines:\n")[2].splitlines()
    assert len(lines) <= 20
    assert len(said) < 10_000
    assert lines[-1].endswith("éé")


async def test_what_left_the_group_ends_too(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("others than Linux do not let orphans be adopted")
    body = "for n in 1 2 3; do setsid sh -c 'setsid sleep 60 & sleep 61' & done; sleep 0.3; exit 1"
    assert "exit code 1" in await fails(script(tmp_path, body))


async def test_the_browser_inherits_nothing_but_its_pipe(tmp_path: Path) -> None:
    with open(os.devnull) as other:
        os.set_inheritable(other.fileno(), True)
        said = await fails(script(tmp_path, "ls /proc/$$/fd; grep SigIgn /proc/$$/status; exit 1"))
    *numbers, ignored = said.partition("Its last lines:\n")[2].splitlines()
    assert {*numbers} - {"10"} == set("01234")  # 10: the script, as the shell reads it
    ignored_by_python = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert int(ignored[-16:], 16) & ignored_by_python == 0


async def test_profiles_are_private_and_temporary_files_inside(temp: Path, tmp_path: Path) -> None:
    with start(script(tmp_path, "touch $TMPDIR/left; exec sleep 60"), headless=True):
        wait_until(lambda: list(temp.glob("*/tmp/left")), "the script did not run")
        (folder,) = temp.iterdir()
        assert folder.name.startswith("fetchkit-")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "profile").is_dir()


async def test_a_long_name_of_the_temporary_folder_does_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with all_gone(folder):
        browser = await connect(start(needed(Family.CHROMIUM), headless=True), seconds=60)
        (profile,) = folder.iterdir()
        sockets = Path("/tmp", profile.name)  # noqa: S108  where the keeper makes it
        assert list(sockets.iterdir())
        await browser.close()
        assert not sockets.exists()


async def test_a_process_that_nobody_spoke_to_is_closed_twice(tmp_path: Path) -> None:
    process = start(script(tmp_path, "exec sleep 60"), headless=True)
    process.close()
    process.close()


async def test_a_temporary_folder_that_is_not_there_is_told(temp: Path, tmp_path: Path) -> None:
    import tempfile

    tempfile.tempdir = str(temp / "none")
    try:
        said = await fails(script(tmp_path, "exec sleep 60"))
    finally:
        tempfile.tempdir = str(temp)
    assert "No such file or directory" in said


@BOTH
async def test_a_browser_is_closed_twice_and_at_once(temp: Path, family: Family) -> None:
    browser = await connect(start(needed(family), headless=True), seconds=60)
    await asyncio.gather(browser.close(), browser.close())
    await browser.close()
    assert not browser.gone.done()
    assert processes_of(temp) == {}
    assert list(temp.iterdir()) == []


@BOTH
async def test_a_browser_closed_with_tabs_open_leaves_nothing(site: Site, family: Family) -> None:
    browser = await connect(start(needed(family), headless=True), seconds=60)
    heard = Heard()
    urls = [site.javascript("fetchkitReport('stuck'); for (;;);"), site.silence()]
    tabs = [await browser.open(url, script="", listener=heard) for url in urls]
    await heard.report("stuck")
    await browser.close()
    for tab in tabs:
        await tab.close()
    with pytest.raises(BrowserError):
        await browser.open(urls[0], script="", listener=heard)
    assert reported(heard.events) == ["stuck"]


@BOTH
async def test_a_killed_browser_is_gone_and_what_waits_is_told(site: Site, family: Family) -> None:
    browser = await connect(start(needed(family), headless=True), seconds=60)
    heard = Heard()
    tab = await browser.open(site.javascript("fetchkitReport('up')"), script="", listener=heard)
    await heard.report("up")
    opening = asyncio.gather(
        *(browser.open(site.silence(), script="", listener=heard) for _ in range(3)), return_exceptions=True
    )
    await asyncio.sleep(0)
    os.kill(process_of(browser).pid, signal.SIGKILL)
    async with asyncio.timeout(DEADLINE):
        assert (await browser.gone).startswith("signal SIGKILL\n")
        assert all(isinstance(result, BrowserError) for result in await opening)
        with pytest.raises(BrowserError, match="ended by itself: signal SIGKILL"):
            await browser.open(site.silence(), script="", listener=heard)
        await tab.close()
    await browser.close()


async def test_without_its_keeper_a_browser_is_gone_and_ended_all_the_same(temp: Path) -> None:
    browser = await connect(start(needed(Family.CHROMIUM), headless=True), seconds=60)
    process_of(browser)._keeper.kill()
    async with asyncio.timeout(DEADLINE):
        assert "keeper" in await browser.gone
    await browser.close()
    wait_until(lambda: processes_of(temp) == {}, "the browser still runs")


async def test_a_cancelled_connection_leaves_nothing(tmp_path: Path) -> None:
    task = asyncio.create_task(connect(start(script(tmp_path, "exec sleep 60"), headless=True)))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("family", "what", "number"),
    [
        (Family.CHROMIUM, "started", signal.SIGKILL),
        (Family.CHROMIUM, "connected", signal.SIGKILL),
        (Family.CHROMIUM, "connected", signal.SIGTERM),
        (Family.CHROMIUM, "connected", signal.SIGINT),
        (Family.CHROMIUM, "forked", signal.SIGKILL),
        (Family.CHROMIUM, "raised", None),
        (Family.FIREFOX, "connected", signal.SIGKILL),
    ],
)
async def test_nothing_outlives_fetchkit(
    temp: Path, family: Family, what: str, number: signal.Signals | None
) -> None:
    parent = parent_of(needed(family), temp, what)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    if number is not None:
        parent.send_signal(number)
    parent.wait(DEADLINE)
    wait_until(lambda: processes_of(temp) == {}, "the browser still runs")
    wait_until(lambda: list(temp.iterdir()) == [], "the profile is still there")
    parent.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_to_the_keeper_ends_the_browser(temp: Path, number: signal.Signals) -> None:
    with start(needed(Family.CHROMIUM), headless=True) as process:
        wait_until(lambda: list(temp.glob("*/profile/*")), "the browser does not start")
        process._keeper.send_signal(number)
        assert process._keeper.wait(DEADLINE) == 0


async def test_under_uvloop_it_is_the_same() -> None:
    async def run() -> list[str]:
        async with Site() as site:
            browser = await connect(start(needed(Family.CHROMIUM), headless=True), seconds=60)
            heard = Heard()
            url = site.javascript("for (let i = 0; i < 3000; i++) fetchkitReport(String(i))")
            tab = await browser.open(url, script="", listener=heard)
            await heard.report("2999")
            await tab.close()
            await browser.close()
        return reported(heard.events)

    def runs() -> list[str]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run())

    with all_gone():
        assert await asyncio.to_thread(runs) == [str(number) for number in range(3000)]


async def test_fifty_thousand_reports_to_a_slow_listener_take_no_memory(site: Site) -> None:
    count = 50_000
    browser = await connect(start(needed(Family.CHROMIUM), headless=True), seconds=60)
    seen, done = 0, asyncio.Event()
    before = resident()
    most = before

    def listener(event: object) -> None:
        nonlocal seen, most
        seen += 1
        if seen % 1000 == 0:
            time.sleep(0.002)
            most = max(most, resident())
        if seen == count:
            done.set()
        del event

    url = site.javascript(f"for (let i = 0; i < {count}; i++) fetchkitReport(i + 'x'.repeat(200))")
    tab = await browser.open(url, script="", listener=listener)
    async with asyncio.timeout(60):
        await done.wait()
    await tab.close()
    await browser.close()
    assert most - before < 8 * 1024 * 1024  # of 10 MB of text, which doubles on its way


async def test_the_browser_can_be_started_before_asyncio_is_there() -> None:
    names = "fetchkit.browser.find, fetchkit.browser.process, fetchkit.browser.keeper, sys"
    code = f"import {names}; print({{'asyncio', 'aiohttp'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def process_of(browser: Browser) -> Process:
    """The process behind a browser."""
    process = browser._line.process  # type: ignore[attr-defined]
    assert isinstance(process, Process)
    return process


def parent_of(found: Found, temp: Path, what: str) -> "subprocess.Popen[bytes]":
    """A process that starts a browser."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.browser.parent", found.family, found.path, what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temp)},
    )


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
