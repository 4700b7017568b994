"""Several pages at once: none touches another, and all is told."""

import asyncio
import json
import os
import re
import stat
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import ClientSession
from attrs import define, field

from fetchkit import Server
from fetchkit.browser.driver import Browser, Crashed, Listener, Reported, Tab
from fetchkit.errors import BrowserError, ConfigError
from fetchkit.events import Page, PageEnded, PagePrinted, PageReported
from fetchkit.run import jobs as jobs_module
from fetchkit.run.jobs import located, reported, run_all
from fetchkit.run.output import Output
from fetchkit.run.program import Limits
from fetchkit.run.results import Result, Unrunnable
from fetchkit.run.runner import Runner
from fetchkit.run.target import Target
from fetchkit.web.keys import events_of
from tests.conftest import Serve

Story = Callable[["FakeTab"], Coroutine[Any, Any, None]]

LONG = 30.0
"""Seconds after which a test has failed; nothing here takes one."""


@define(eq=False)
class FakeTab:
    """A tab whose page does what its story says."""

    browser: "FakeBrowser"
    host: str
    script: str
    listener: Listener
    closed: bool = False

    def report(self, *reports: str) -> None:
        """Say something as static/inject/run.js does."""
        for each in reports:
            self.listener(Reported(each))

    async def open_next(self, url: str, *, script: str, listener: Listener) -> bool:
        """Say no: every page has a tab of its own."""
        del url, script, listener
        return False

    async def close(self) -> None:
        """End it as its browser does."""
        self.closed = True
        await self.browser.closing(self)


async def _at_once(_tab: FakeTab) -> None:
    pass


@define(eq=False)
class FakeBrowser:
    """A browser with a story for each path."""

    stories: dict[str, Story]
    closing: Story = _at_once
    version: str = "Fake/1"
    headless: bool = True
    gone: "asyncio.Future[str]" = field(factory=lambda: asyncio.get_running_loop().create_future())
    tabs: list[FakeTab] = field(factory=list)
    urls: list[str] = field(factory=list)
    refuses: bool = False
    held: list[bool] = field(factory=list)
    _tasks: set["asyncio.Task[None]"] = field(factory=set)

    def hold(self, *, held: bool) -> None:
        """Remember it."""
        self.held.append(held)

    async def open(self, url: str, *, script: str, listener: Listener) -> Tab:
        """Begin the story of a page."""
        await asyncio.sleep(0)
        if self.refuses:
            self.die()
        if self.gone.done():
            raise BrowserError("It is gone.")
        tab = FakeTab(self, urlsplit(url).hostname or "", script, listener)
        self.tabs.append(tab)
        self.urls.append(url)
        task = asyncio.ensure_future(self.stories[urlsplit(url).path](tab))
        self._tasks.add(task)
        return tab

    def die(self) -> None:
        """End by itself."""
        if not self.gone.done():
            self.gone.set_result("killed by SIGKILL\nlast words")

    async def close(self) -> None:
        """End all stories."""
        for task in self._tasks:
            task.cancel()


@define(eq=False)
class Ground:
    """Runs pages of a server in fake browsers."""

    server: Server
    stories: dict[str, Story] = field(factory=dict)
    browsers: list[FakeBrowser] = field(factory=list)
    output: Output = field(factory=Output)
    runner: Runner = field(init=False)
    starts: Callable[[FakeBrowser], None] = lambda _: None
    """Is told of each browser but the first; raising BrowserError means that it does not start."""

    async def again(self) -> Browser:
        """Another browser."""
        browser = FakeBrowser(self.stories)
        self.starts(browser)
        self.browsers.append(browser)
        return browser

    async def run(
        self, *pages: str | Unrunnable, jobs: int = 2, first: bool = True, **more: Any
    ) -> list[Result]:
        """Run pages, each named by its story; `first` is whether a browser is there already."""
        runner = self.runner = Runner(self.server)
        if first:
            if not self.browsers:
                self.browsers.append(FakeBrowser(self.stories))
            runner.browser = self.browsers[0]
        targets = [Target(p, f"/{p}") if isinstance(p, str) else p for p in pages]
        arguments: dict[str, Any] = {
            "jobs": jobs,
            "limits": Limits(),
            "output": self.output,
            "reconnect": self.again,
        }
        try:
            async with asyncio.timeout(LONG):
                return await run_all(runner, targets, more.pop("arguments", ()), **(arguments | more))
        finally:
            runner.close()
            for browser in self.browsers:
                await browser.close()
            await self.output.drained()

    @property
    def hosts(self) -> list[str]:
        """Of all tabs, in their order."""
        return [tab.host for browser in self.browsers for tab in browser.tabs]


@pytest.fixture
async def ground(serve: Serve) -> Ground:
    found = Ground(await serve())
    found.stories |= {
        "/hello": hello,
        "/fails": fails,
        "/hangs": _at_once,
        "/floods": floods,
        "/crashes": crashes,
        "/traps": traps,
        "/kills": kills,
    }
    return found


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


async def hello(tab: FakeTab) -> None:
    tab.report("d", "m", "oHello", "eWorld", "x0")


async def fails(tab: FakeTab) -> None:
    tab.report("d", "m", "x42")


async def floods(tab: FakeTab) -> None:
    tab.report("d", "m")
    for _ in range(100):
        tab.report(*["o" + "x" * 1000] * 100)
        await asyncio.sleep(0)
    tab.report("x0")


async def crashes(tab: FakeTab) -> None:
    tab.listener(Crashed("out of memory"))


async def traps(tab: FakeTab) -> None:
    error = {"name": "RuntimeError", "message": "unreachable", "stack": "boom\nsecond", "fatal": True}
    tab.report("d", "m", "t" + json.dumps(error), "z")


async def kills(tab: FakeTab) -> None:
    tab.report("d", "m", "olast")
    tab.browser.die()


def timeless(text: str) -> str:
    """The text without seconds."""
    return re.sub(r"\d+\.\d s", "0.0 s", text)


def codes(results: list[Result]) -> list[int]:
    return [result.outcome.code for result in results]


# --- results and output ---


async def test_results_are_in_the_order_of_the_pages_and_lines_have_their_names(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    results = await ground.run("hello", "fails")
    assert [(result.name, result.outcome.code) for result in results] == [("hello", 0), ("fails", 42)]
    assert (results[0].stdout, results[0].stderr) == ("Hello\n", "World\n")
    out, err = capfd.readouterr()
    assert out == "hello | Hello\n"
    told = set(timeless(err).splitlines())
    assert {"hello | World", "fetchkit: hello: 0 (0.0 s)", "fetchkit: fails: 42 (0.0 s)"} == told


async def test_names_are_padded_alike_but_a_long_one_does_not_push_all_others_away(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("ab", "abcdef", "n" * 40):
        ground.stories[f"/{name}"] = hello
    await ground.run("ab", "abcdef", jobs=1)
    assert capfd.readouterr().out == "ab     | Hello\nabcdef | Hello\n"
    await ground.run("ab", "n" * 40, jobs=1)
    assert capfd.readouterr().out == f"{'ab':24} | Hello\n{'n' * 40} | Hello\n"


async def test_every_line_of_one_call_has_the_name(ground: Ground, capfd: pytest.CaptureFixture[str]) -> None:
    async def story(tab: FakeTab) -> None:
        tab.report("m", "oone\n\x1b[2J\nthree", "x0")

    ground.stories["/a"] = story
    (result,) = await ground.run("a")
    assert capfd.readouterr().out == "a | one\na | \\x1b[2J\na | three\n"
    assert result.stdout == "one\n\x1b[2J\nthree\n"


async def test_json_lines_say_whose_they_are(ground: Ground, capfd: pytest.CaptureFixture[str]) -> None:
    ground.output.json_lines = True
    await ground.run("hello", "traps", jobs=1)
    assert [json.loads(line) for line in capfd.readouterr().out.splitlines()] == [
        {"event": "stdout", "page": "hello", "text": "Hello"},
        {"event": "stderr", "page": "hello", "text": "World"},
        {"event": "exit", "page": "hello", "code": 0, "reason": ""},
        {"event": "crash", "page": "traps", "text": "RuntimeError: unreachable\nboom\nsecond"},
        {"event": "exit", "page": "traps", "code": 134, "reason": "traps aborted."},
    ]


async def test_a_crash_is_shown_and_kept(ground: Ground, capfd: pytest.CaptureFixture[str]) -> None:
    (result,) = await ground.run("traps")
    assert result.outcome.code == 134
    assert result.outcome.crash == "RuntimeError: unreachable\nboom\nsecond"
    lines = capfd.readouterr().err.splitlines()
    assert lines[:3] == ["traps | RuntimeError: unreachable", "traps | boom", "traps | second"]


async def test_arguments_reach_every_page(ground: Ground) -> None:
    await ground.run("hello", "hello", arguments=("a b", "&<"))
    tabs = ground.browsers[0].tabs
    assert all(r'["a b", "&\u003c"]' in tab.script for tab in tabs)
    assert all(url.endswith("/hello?a%20b&%26%3C") for url in ground.browsers[0].urls)


async def test_verbose_says_which_page_it_is_about(ground: Ground, capfd: pytest.CaptureFixture[str]) -> None:
    async def story(tab: FakeTab) -> None:
        tab.report("d/1", "d/2", "m", "x0")

    ground.stories["/a"] = story
    await ground.run("a")
    assert "loaded again" not in capfd.readouterr().err
    await ground.run("a", verbose=True)
    assert "fetchkit: a: loaded again: /2\n" in capfd.readouterr().err


# --- at once ---


@pytest.mark.parametrize("jobs", [1, 3])
async def test_as_many_run_at_once_as_were_asked_for(ground: Ground, jobs: int) -> None:
    running, most, full = 0, 0, asyncio.Event()

    async def story(tab: FakeTab) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == jobs:
            full.set()
        await full.wait()  # never, if fewer run at once
        await asyncio.sleep(0.01)
        running -= 1
        tab.report("m", "x0")

    ground.stories["/a"] = story
    assert codes(await ground.run(*["a"] * 9, jobs=jobs)) == [0] * 9
    assert most == jobs


async def test_every_page_has_a_host_of_its_own_also_the_same_page_twice(ground: Ground) -> None:
    results = await ground.run("hello", "hello", "fails", jobs=3)
    assert ground.hosts == ["run-1.localhost", "run-2.localhost", "run-3.localhost"]
    assert [result.name for result in results] == ["hello", "hello (2)", "fails"]


async def test_the_next_page_does_not_wait_for_the_tab_before_it(ground: Ground) -> None:
    async def never(_tab: FakeTab) -> None:
        await asyncio.Event().wait()

    ground.browsers.append(FakeBrowser(ground.stories, closing=never))
    assert codes(await ground.run("hello", "fails", "hello", jobs=1)) == [0, 42, 0]
    assert [tab.closed for tab in ground.browsers[0].tabs[:2]] == [True, True]


async def test_a_tab_that_cannot_be_closed_is_no_trouble(ground: Ground) -> None:
    async def fail(_tab: FakeTab) -> None:
        raise BrowserError("no such context")

    ground.browsers.append(FakeBrowser(ground.stories, closing=fail))
    assert codes(await ground.run("hello", "hello", jobs=1)) == [0, 0]


# --- one does not touch the others ---


async def test_a_page_that_hangs_ends_by_its_own_limit(ground: Ground) -> None:
    results = await ground.run("hangs", "hello", "crashes", "hello", limits=Limits(timeout=0.3))
    assert codes(results) == [124, 0, 125, 0]
    assert results[0].seconds >= 0.3
    assert results[2].outcome.failed
    assert "out of memory" in results[2].outcome.reason


async def test_a_flood_is_all_printed_and_bounded_in_the_report(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    results = await ground.run("floods", "hello", kept=100_000)
    assert codes(results) == [0, 0]
    assert capfd.readouterr().out.count("floods | x") == 10_000
    assert len(results[0].stdout) < 101_000
    assert "left out here" in results[0].stdout
    assert results[1].stdout == "Hello\n"


async def test_a_page_that_cannot_be_run_is_an_error_of_its_own(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    results = await ground.run(Unrunnable("gone.html", "gone.html does not exist."), "hello")
    assert codes(results) == [125, 0]
    assert results[0].outcome.failed
    assert "fetchkit: gone.html: 125 (0.0 s): does not exist.\n" in capfd.readouterr().err


async def test_a_page_waits_at_its_marks_until_it_was_heard_and_its_output_is_taken(ground: Ground) -> None:
    answered: list[str] = []
    last: list[asyncio.Future[None]] = []

    async def post(tab: FakeTab, mark: str) -> None:
        body = f"^fetchkit^{mark[1:]}^" + quote(json.dumps([mark]))
        headers = {"Host": f"{tab.host}:{ground.server.port}"}
        async with (
            ClientSession() as client,
            client.post(f"{ground.server.url}stdio.html", data=body, headers=headers) as response,
        ):
            assert response.status == 200
        answered.append(mark)

    async def story(tab: FakeTab) -> None:
        tab.report("d", "m")
        first = asyncio.ensure_future(post(tab, "w1"))
        await asyncio.sleep(0.2)
        assert answered == []
        tab.report("w1")
        await first
        ground.runner.hold(held=True)
        assert ground.browsers[0].held == [True]
        tab.report("w2")
        second = asyncio.ensure_future(post(tab, "w2"))
        await asyncio.sleep(0.2)
        assert answered == ["w1"]
        ground.runner.hold(held=False)
        await second
        last.append(asyncio.ensure_future(post(tab, "w3")))
        await asyncio.sleep(0.2)
        tab.report("x5")

    ground.stories["/marks"] = story
    assert codes(await ground.run("marks")) == [5]
    await last[0]  # of a page that is not heard any more
    assert answered == ["w1", "w2", "w3"]
    assert ground.browsers[0].held == [True, False]


async def test_a_frames_messages_count_only_where_the_page_has_no_program_itself(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    """Else they could end it, and so could anybody on this machine who may post."""
    events, port = events_of(ground.server.app), ground.server.port

    def says(tab: FakeTab, text: str, status: int) -> None:
        page = Page(f"http://{tab.host}:{port}/frame", 1)
        events.emit(PageReported(page, json.dumps(["m", "oforged", "x9"])))
        events.emit(PagePrinted(page, "stdout", text))
        events.emit(PageEnded(page, status))

    async def own(tab: FakeTab) -> None:
        tab.report("d", "m")
        says(tab, "of a frame", 9)
        tab.report("omine", "x7")

    async def none(tab: FakeTab) -> None:
        tab.report("d", "l")
        says(tab, "of the frame", 3)

    ground.stories |= {"/own": own, "/none": none}
    assert codes(await ground.run("own", "none", jobs=1)) == [7, 3]
    assert capfd.readouterr().out == "own  | mine\nnone | of the frame\n"


async def test_what_the_harness_hears_is_of_the_page_on_whose_host_it_was_sent(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also what comes of a page whose time is over, when only one other is left."""
    events, port = events_of(ground.server.app), ground.server.port
    first_is_over, too_late = asyncio.Event(), asyncio.Event()

    def page(tab: FakeTab) -> Page:
        return Page(f"http://{tab.host}:{port}/a", 1)

    async def first(tab: FakeTab) -> None:
        tab.report("m", "r")
        tab.listener(Crashed("out of memory"))
        await first_is_over.wait()
        events.emit(PagePrinted(page(tab), "stdout", "too late", harness=True))
        events.emit(PageEnded(page(tab), 9, harness=True))
        too_late.set()

    async def second(tab: FakeTab) -> None:
        tab.report("m", "r")
        first_is_over.set()
        await too_late.wait()
        events.emit(PagePrinted(page(tab), "stdout", "mine", harness=True))
        events.emit(PageEnded(page(tab), 7, harness=True))

    ground.stories |= {"/first": first, "/second": second}
    results = await ground.run("first", "second", jobs=1)
    assert codes(results) == [125, 7]
    assert results[1].stdout == "mine\n"
    assert "second | mine\n" in capfd.readouterr().out


# --- the end of the browser ---


async def test_when_the_browser_ends_the_pages_in_it_end_and_the_others_go_on(ground: Ground) -> None:
    results = await ground.run("hangs", "kills", "hello", "fails", "hello", limits=Limits(timeout=LONG))
    assert codes(results) == [125, 125, 0, 42, 0]
    assert all("browser ended" in result.outcome.reason for result in results[:2])
    assert results[1].stdout == "last\n"
    assert [len(browser.tabs) for browser in ground.browsers] == [2, 3]
    assert len(set(ground.hosts[:4])) == 4  # the fifth page takes that of one which exited


async def test_a_page_that_was_not_in_the_browser_yet_is_run_in_the_next(ground: Ground) -> None:
    first = FakeBrowser(ground.stories)
    first.refuses = True
    ground.browsers.append(first)
    assert codes(await ground.run("hello", "fails")) == [0, 42]
    assert [len(browser.tabs) for browser in ground.browsers] == [0, 2]


async def test_it_is_given_up_when_browser_after_browser_ends(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    results = await ground.run(*["kills"] * 3, "hello", "hello", jobs=1)
    assert codes(results) == [125] * 5
    assert len(ground.browsers) == 3
    assert results[3].outcome.reason == "hello was not run: The browser ended: killed by SIGKILL\nlast words"
    assert all(result.outcome.failed for result in results)
    told = capfd.readouterr().err
    assert told.count("last words") == 3  # once for each browser
    assert "fetchkit: hello: 125 (0.0 s): was not run: The browser ended: killed by SIGKILL\n" in told


async def test_a_page_that_ends_shows_that_there_is_use_in_another_browser(ground: Ground) -> None:
    pages = ["kills", "kills", "hello", "kills", "kills", "fails", "kills", "hello"]
    assert codes(await ground.run(*pages, jobs=1)) == [125, 125, 0, 125, 125, 42, 125, 0]


async def test_a_first_browser_that_does_not_start_ends_it(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    tries = 0

    def starts(_browser: FakeBrowser) -> None:
        nonlocal tries
        tries += 1
        raise BrowserError("Cannot start: no memory.")

    ground.starts = starts
    results = await ground.run("hello", "hello", first=False)
    assert codes(results) == [125, 125]
    assert tries == 1
    assert capfd.readouterr().err.count("fetchkit: Cannot start: no memory.\n") == 1


async def test_a_browser_that_does_not_start_is_tried_again_but_not_for_ever(ground: Ground) -> None:
    tries = 0

    def starts(_browser: FakeBrowser) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise BrowserError("Cannot start: no memory.")

    ground.starts = starts
    assert codes(await ground.run("kills", "hello", jobs=1)) == [125, 0]
    assert tries == 2

    def never(_browser: FakeBrowser) -> None:
        nonlocal tries
        tries += 1
        raise BrowserError("Cannot start: no memory.")

    tries, ground.starts = 0, never
    del ground.browsers[:]
    results = await ground.run("kills", "hello", "hello", jobs=1)
    assert codes(results) == [125] * 3
    assert tries == 2
    assert results[2].outcome.reason == "hello (2) was not run: Cannot start: no memory."


# --- stopped ---


async def test_stopping_keeps_what_is_done_so_far(ground: Ground) -> None:
    async def talks(tab: FakeTab) -> None:
        tab.report("d", "m", "oso far")
        work.cancel()

    ground.stories["/talks"] = talks
    results: list[Result] = []
    work = asyncio.ensure_future(ground.run("hello", "talks", "hello", jobs=1, results=results))
    with pytest.raises(asyncio.CancelledError):
        await work
    assert [(result.outcome.code, result.skipped) for result in results] == [
        (0, False),
        (130, False),
        (130, True),
    ]
    assert results[1].stdout == "so far\n"
    assert results[1].outcome.reason == "talks was interrupted."
    assert len(ground.hosts) == 2


async def test_all_ends_when_nobody_reads_any_more(ground: Ground) -> None:
    async def endless(tab: FakeTab) -> None:
        while True:
            tab.report("oy")
            await asyncio.sleep(0.001)
            ground.output.unread.set()

    ground.stories["/endless"] = endless
    results = await ground.run("endless", "endless", "hello")
    assert codes(results) == [130] * 3
    assert [result.skipped for result in results] == [False, False, True]


async def test_nothing_goes_on_behind_the_end(ground: Ground) -> None:
    before = asyncio.all_tasks()

    async def never(_tab: FakeTab) -> None:
        await asyncio.Event().wait()

    ground.browsers.append(FakeBrowser(ground.stories, closing=never))
    await ground.run("hello", "hangs", limits=Limits(timeout=0.1))
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()


async def test_a_defect_of_ours_is_not_hidden(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_names: tuple[str, ...]) -> str:
        raise LookupError("defect")

    monkeypatch.setattr(jobs_module, "query", broken)
    with pytest.raises(LookupError, match="defect"):
        await ground.run("hello", "hangs")


# --- what is to be run ---


def test_a_missing_page_is_told_in_its_place(folder: Path) -> None:
    page = str(folder / "index.html")
    found = located([page, str(folder / "none.html"), str(folder / "app.wasm")], folder)
    assert found[0] == Target(page, "/index.html")
    assert [type(each) for each in found[1:]] == [Unrunnable, Unrunnable]
    assert "does not exist" in found[1].reason  # type: ignore[union-attr]


def test_a_page_outside_the_folder_is_a_mistake_in_the_call(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text("<p>")
    with pytest.raises(ConfigError, match="--serve-root"):
        located([str(tmp_path / "other.html")], folder)


# --- the report ---


async def test_the_report_holds_all_pages_and_the_summary_is_told(
    ground: Ground, reports: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = reports / "report.xml"
    with reported(ground.output, file) as results:
        await ground.run("hello", "fails", results=results)
        assert not file.exists()
    await ground.output.drained()
    (suite,) = ET.parse(file).getroot()  # noqa: S314  it is ours
    assert [each.get("name") for each in suite] == ["hello", "fails"]
    assert suite.findtext("testcase/system-out") == "Hello\n"
    assert suite.get("failures") == "1"
    assert float(suite.get("time", "")) >= 0
    assert len(suite.get("timestamp", "")) == len("2026-01-31T12:00:00")
    assert timeless(capfd.readouterr().err).splitlines()[-2:] == [
        "fetchkit: 2 pages in 0.0 s: 1 passed, 1 failed.",
        "fetchkit:   fails: 42 (0.0 s)",
    ]


async def test_an_interrupted_run_has_a_report_too(ground: Ground, reports: Path) -> None:
    file = reports / "report.xml"

    async def stop(_tab: FakeTab) -> None:
        work.cancel()

    async def all_of_it() -> None:
        with reported(ground.output, file) as results:
            await ground.run("hello", "stop", "hello", jobs=1, results=results)

    ground.stories["/stop"] = stop
    work = asyncio.ensure_future(all_of_it())
    with pytest.raises(asyncio.CancelledError):
        await work
    suite = ET.parse(file).getroot()[0]  # noqa: S314  it is ours
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "0", "errors": "1", "skipped": "1"}


@pytest.mark.parametrize("name", ["none/report.xml", "folder"])
async def test_a_report_that_cannot_be_written_is_known_before_anything_runs(
    reports: Path, name: str
) -> None:
    (reports / "folder").mkdir()
    began = False
    with (
        pytest.raises(ConfigError, match=r"^--junit .* cannot be written: .*\.$"),
        reported(Output(), reports / name),
    ):
        began = True
    assert not began
    assert os.listdir(reports) == ["folder"]


async def test_a_report_replaces_the_one_before_as_a_whole(reports: Path) -> None:
    file, link = reports / "report.xml", reports / "link.xml"
    file.write_text("before")
    link.symlink_to(file)
    before = file.stat().st_ino
    with reported(Output(), link):
        assert file.read_text() == "before"
    assert file.read_text().startswith("<?xml")
    assert file.stat().st_ino != before
    assert link.is_symlink()
    assert sorted(os.listdir(reports)) == ["link.xml", "report.xml"]


async def test_a_report_into_a_pipe_leaves_the_pipe(reports: Path) -> None:
    pipe = reports / "pipe"
    os.mkfifo(pipe)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    with reported(Output(), pipe):
        pass
    reader.join(LONG)
    assert found[0].startswith("<?xml")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


async def test_a_quiet_summary_is_of_what_went_wrong(
    ground: Ground, capfd: pytest.CaptureFixture[str]
) -> None:
    with reported(ground.output, None, quiet=True) as results:
        await ground.run("hello", quiet=True, results=results)
    await ground.output.drained()
    assert capfd.readouterr().err == "hello | World\n"
    with reported(ground.output, None, quiet=True) as results:
        await ground.run("fails", quiet=True, results=results)
    await ground.output.drained()
    assert timeless(capfd.readouterr().err) == (
        "fetchkit: 1 page in 0.0 s: 1 failed.\nfetchkit:   fails: 42 (0.0 s)\n"
    )
