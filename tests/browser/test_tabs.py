"""What a tab tells, in Chromium and in Firefox alike: one browser for all of these tests, a tab for each."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from fetchkit.browser.bidi import Firefox, FirefoxTab
from fetchkit.browser.chromium import Chromium, ChromiumTab
from fetchkit.browser.driver import (
    Browser,
    Closed,
    Crashed,
    Dialog,
    LoadFailed,
    Reported,
    WorkerSaid,
    connect,
)
from fetchkit.browser.find import Family
from fetchkit.browser.process import start

from .conftest import all_gone
from .support import Heard, Site, needed, processes_of, reported, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Driven:
    """The browser of this module."""

    def __init__(self, browser: Browser, family: Family, temp: Path) -> None:
        self.browser = browser
        self.family = family
        self.temp = temp

    async def run(self, url: str, script: str, last: str) -> list[str]:
        """The reports of a page up to a last one."""
        heard = Heard()
        tab = await self.browser.open(url, script=script, listener=heard)
        await heard.report(last)
        await tab.close()
        return reported(heard.events)

    def renderers(self) -> set[int]:
        """Chromium's processes of pages."""
        return {pid for pid, command in full_commands(self.temp).items() if "--type=renderer" in command}


def full_commands(temp: Path) -> dict[int, str]:
    """The browser's processes with their whole command lines."""
    return {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        for pid in processes_of(temp)
        if Path(f"/proc/{pid}/cmdline").exists()
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages() -> AsyncIterator[Site]:
    async with Site() as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[Family.CHROMIUM, Family.FIREFOX])
async def driven(request: pytest.FixtureRequest, pages: Site) -> AsyncIterator[Driven]:
    del pages  # its descriptors come before
    found = needed(request.param)
    with all_gone() as temp:
        browser = await connect(start(found, headless=True), seconds=60)
        yield Driven(browser, request.param, temp)
        await browser.close()


async def test_the_browser_says_its_version(driven: Driven) -> None:
    assert driven.browser.version.startswith(("Chrome/", "Firefox/"))


async def test_the_script_runs_before_anything_of_the_page(driven: Driven, pages: Site) -> None:
    url = pages.javascript("fetchkitReport('page ' + window.before)")
    texts = await driven.run(
        url, "window.before = 1; fetchkitReport('script ' + document.scripts.length)", "page 1"
    )
    assert texts == ["script 0", "page 1"]


async def test_reports_are_complete_exact_and_in_order(driven: Driven, pages: Site) -> None:
    strange = "é😀 \0 \x1b[31m \u2028 \ud800 \"'\\ <&> \r\n\t"
    url = pages.javascript(
        "for (let i = 0; i < 5000; i++) fetchkitReport('line ' + i);"
        "fetchkitReport('é😀 \\0 \\x1b[31m \\u2028 \\ud800 \"\\'\\\\ <&> \\r\\n\\t'); fetchkitReport('');"
        "fetchkitReport('x'.repeat(3e6)); fetchkitReport('end')"
    )
    texts = await driven.run(url, "", "end")
    assert texts[:5000] == [f"line {number}" for number in range(5000)]
    assert texts[5000] == strange
    assert [len(text) for text in texts[5001:]] == [0, 3_000_000, 3]


async def test_the_next_page_finds_nothing_of_the_one_before_and_that_one_is_heard_no_more(
    driven: Driven, pages: Site
) -> None:
    first, second = Heard(), Heard()
    leaves = pages.javascript(
        "document.cookie = 'a=1'; localStorage.a = 1; sessionStorage.a = 1; name = 'a';"
        "caches.open('a').then(() => { const asked = indexedDB.open('a');"
        " asked.onsuccess = () => fetchkitReport('left');"
        " setInterval(() => fetchkitReport('late'), 1); });"
        "addEventListener('beforeunload', (event) => event.preventDefault())"
    )
    finds = pages.javascript(
        "(async () => fetchkitReport('found ' + [document.cookie, localStorage.length, sessionStorage.length,"
        " name, (await caches.keys()).length, (await indexedDB.databases()).length, window.old].join()))()"
    )
    tab = await driven.browser.open(leaves, script="window.old = 1", listener=first)
    await first.report("left")
    told = await tab.open_next(finds, script="", listener=second)
    if driven.family is Family.FIREFOX:
        assert not told
    else:
        assert told
        await second.report("found ,0,0,,0,0,")
        assert reported(second.events) == ["found ,0,0,,0,0,"]
    await tab.close()


async def test_a_page_that_is_stuck_is_not_waited_for(driven: Driven, pages: Site) -> None:
    heard = Heard()
    url = pages.javascript("setTimeout(() => { fetchkitReport('stuck'); for (;;); })")
    tab = await driven.browser.open(url, script="", listener=heard)
    await heard.report("stuck")
    assert not await tab.open_next(url, script="", listener=Heard())
    await tab.close()


async def test_frames_get_no_script(driven: Driven, pages: Site) -> None:
    frame = pages.javascript("parent.postMessage('frame ' + typeof window.mark, '*')")
    url = pages.page(
        f"<script>onmessage = (e) => fetchkitReport(e.data)</script><iframe src='{frame}'></iframe>"
    )
    assert await driven.run(url, "window.mark = 1", "frame undefined") == ["frame undefined"]


async def test_a_page_that_reloads_or_goes_elsewhere_keeps_its_script(driven: Driven, pages: Site) -> None:
    last = pages.javascript("fetchkitReport('last')").replace("127.0.0.1", "localhost")
    url = pages.javascript(
        "const n = Number(sessionStorage.n ?? 0); sessionStorage.n = n + 1;"
        f"n < 2 ? location.reload() : location.href = '{last}'"
    )
    texts = await driven.run(url, "fetchkitReport('script ' + location.hostname)", "last")
    assert texts == [*["script 127.0.0.1"] * 3, "script localhost", "last"]


async def test_an_isolated_page_has_its_script_too(driven: Driven, pages: Site) -> None:
    url = pages.page(
        "<script>fetchkitReport('isolated ' + crossOriginIsolated)</script>",
        cross_origin_opener_policy="same-origin",
        cross_origin_embedder_policy="require-corp",
    )
    assert await driven.run(url, "fetchkitReport('script')", "isolated true") == ["script", "isolated true"]


async def test_every_tab_starts_with_nothing(driven: Driven, pages: Site) -> None:
    url = pages.javascript(
        "fetchkitReport(document.cookie + '|' + localStorage.x); document.cookie = 'a=1; max-age=60';"
        "localStorage.x = 1; fetchkitReport('end')"
    )
    for _ in range(2):
        assert await driven.run(url, "", "end") == ["|undefined", "end"]


async def test_tabs_at_the_same_time_do_not_hear_each_other(driven: Driven, pages: Site) -> None:
    urls = [pages.javascript(f"fetchkitReport('{name}'); fetchkitReport('end')") for name in "abcd"]
    texts = await asyncio.gather(*(driven.run(url, "", "end") for url in urls))
    assert texts == [[name, "end"] for name in "abcd"]


async def test_tabs_at_the_same_time_are_all_seen(driven: Driven, pages: Site) -> None:
    frames = "let n = 0; const frame = () => n++ < 5 ? requestAnimationFrame(frame) : done(); frame()"
    url = pages.javascript(f"const done = () => fetchkitReport(document.visibilityState); {frames}")
    heard = [Heard() for _ in range(3)]
    tabs = [await driven.browser.open(url, script="", listener=each) for each in heard]
    for each in heard:
        await each.report("visible")
    await asyncio.gather(*(tab.close() for tab in tabs))


async def test_a_stuck_page_does_not_hold_up_others(driven: Driven, pages: Site) -> None:
    heard = Heard()
    url = pages.javascript("fetchkitReport('stuck'); for (;;);")
    tab = await driven.browser.open(url, script="", listener=heard)
    await heard.report("stuck")
    for _ in range(2):
        assert await driven.run(pages.javascript("fetchkitReport('up')"), "", "up") == ["up"]
    await tab.close()


async def test_no_window_is_left_of_a_closed_tab(driven: Driven, pages: Site) -> None:
    async def windows() -> int:
        if isinstance(driven.browser, Chromium):
            # One may be prepared for the next page.
            found = await driven.browser._connection.call("Target.getTargets", {})
            return sum(target["url"] != "about:blank" for target in found["targetInfos"])
        assert isinstance(driven.browser, Firefox)
        return len((await driven.browser._connection.call("browser.getClientWindows", {}))["clientWindows"])

    url = pages.javascript("fetchkitReport('up')")
    before = await windows()
    for _ in range(3):
        await driven.run(url, "", "up")
    assert await windows() == before


async def test_what_workers_write_is_heard_and_what_the_page_writes_is_not(
    driven: Driven, pages: Site
) -> None:
    worker = (
        "console.log('text', 1.5, -0, 3n, null, undefined, true); console.info('i'); console.debug('d');"
        "console.warn('w'); console.error('e'); console.assert(false, 'a');"
        "console.log('end'); setInterval(() => {}, 1000)"
    )
    url = pages.javascript(
        "console.log('of the page');"
        f"globalThis.kept = new Worker(URL.createObjectURL(new Blob([`{worker}`])));"
    )
    heard = Heard()
    tab = await driven.browser.open(url, script="", listener=heard)
    await heard.until(lambda events: WorkerSaid("stdout", "end") in events)
    await tab.close()
    assert heard.events == [
        WorkerSaid("stdout", "text 1.5 -0 3n null undefined true"),
        WorkerSaid("stdout", "i"),
        WorkerSaid("stdout", "d"),
        WorkerSaid("stderr", "w"),
        WorkerSaid("stderr", "e"),
        WorkerSaid("stderr", "Assertion failed: a"),
        WorkerSaid("stdout", "end"),
    ]


async def test_a_worker_of_a_worker_is_heard(driven: Driven, pages: Site) -> None:
    inner = 'URL.createObjectURL(new Blob([`console.log("inner"); setInterval(() => {}, 1000)`]))'
    url = pages.page(
        "<script id=w type=text/plain>self.kept = new Worker(" + inner + ")</script>"
        "<script>globalThis.kept = new Worker(URL.createObjectURL(new Blob([w.textContent])))</script>"
    )
    heard = Heard()
    tab = await driven.browser.open(url, script="", listener=heard)
    await heard.until(lambda events: WorkerSaid("stdout", "inner") in events)
    await tab.close()


async def test_an_uncaught_error_of_a_worker_is_heard(driven: Driven, pages: Site) -> None:
    worker = "function deep() { throw new Error(`oh`) } deep()"
    url = pages.javascript(f"globalThis.kept = new Worker(URL.createObjectURL(new Blob(['{worker}'])))")
    heard = Heard()
    tab = await driven.browser.open(url, script="onerror = (m) => fetchkitReport(m)", listener=heard)
    if driven.family is Family.FIREFOX:
        assert "oh" in reported(await heard.until(reported))[0]
    else:
        said = await heard.event(WorkerSaid)
        assert isinstance(said, WorkerSaid)
        assert said.stream == "stderr"
        assert said.text.startswith("Uncaught Error: oh\n    at deep (blob:")
    await tab.close()


async def test_dialogs_are_answered_at_once(driven: Driven, pages: Site) -> None:
    url = pages.javascript(
        "alert('one'); fetchkitReport(String([confirm('two'), prompt('three', 'x')])); fetchkitReport('end')"
    )
    heard = Heard()
    tab = await driven.browser.open(url, script="", listener=heard)
    await heard.report("end")
    await tab.close()
    dialogs = [event for event in heard.events if isinstance(event, Dialog)]
    assert dialogs == [Dialog("alert", "one"), Dialog("confirm", "two"), Dialog("prompt", "three")]
    assert reported(heard.events) == ["true,x", "end"]


@pytest.mark.parametrize("feature", ["", "noopener"])
async def test_pop_ups_are_not_this_tab_and_end_with_it(driven: Driven, pages: Site, feature: str) -> None:
    channel = "new BroadcastChannel('c')"
    pop_up = pages.javascript(
        f"const c = {channel}; c.postMessage('script ' + typeof mark); alert('p'); c.postMessage('on')"
    )
    url = pages.javascript(
        f"const c = {channel}; c.onmessage = (e) => fetchkitReport(e.data);"
        f"window.open('{pop_up}', '', '{feature}'); fetchkitReport('opened')"
    )
    heard = Heard()
    tab = await driven.browser.open(url, script="window.mark = 1", listener=heard)
    await heard.report("opened")
    if driven.family is Family.CHROMIUM:  # Firefox blocks what nobody clicked for
        await heard.report("on")
        assert sorted(reported(heard.events)) == ["on", "opened", "script undefined"]
    await tab.close()
    assert {type(event) for event in heard.events} == {Reported}
    if driven.family is Family.CHROMIUM:
        assert isinstance(driven.browser, Chromium)
        targets = await driven.browser._connection.call("Target.getTargets", {})
        assert pop_up not in {target["url"] for target in targets["targetInfos"]}


@pytest.mark.parametrize("status", [404, 500])
async def test_an_error_of_the_server_is_told_with_its_status(
    driven: Driven, pages: Site, status: int
) -> None:
    heard = Heard()
    tab = await driven.browser.open(pages.page("<p>no", status), script="", listener=heard)
    assert await heard.event(LoadFailed) == LoadFailed(f"the server answered {status}")
    await tab.close()


async def test_an_empty_error_of_the_server_is_told(driven: Driven, pages: Site) -> None:
    heard = Heard()
    tab = await driven.browser.open(
        pages.page("", 500), script="fetchkitReport(location.href)", listener=heard
    )
    await heard.event(LoadFailed)
    await tab.close()
    if driven.family is Family.CHROMIUM:  # Firefox shows the document for a moment
        assert reported(heard.events) == []


async def test_a_server_that_is_not_there_is_told(driven: Driven) -> None:
    async with Site() as other:
        url = other.page("")
    heard = Heard()
    tab = await driven.browser.open(url, script="fetchkitReport('script')", listener=heard)
    failure = await heard.event(LoadFailed)
    await tab.close()
    assert isinstance(failure, LoadFailed)
    assert failure.reason in {"net::ERR_CONNECTION_REFUSED", "NS_ERROR_CONNECTION_REFUSED"}
    assert reported(heard.events) == []


async def test_no_url_at_all_is_told(driven: Driven) -> None:
    heard = Heard()
    tab = await driven.browser.open("http://", script="", listener=heard)
    await heard.event(LoadFailed)
    await tab.close()


async def test_opening_does_not_wait_for_a_server_that_never_answers(driven: Driven, pages: Site) -> None:
    heard = Heard()
    url = pages.silence()
    tab = await driven.browser.open(url, script="", listener=heard)
    await tab.close()
    assert heard.events == []


async def test_a_download_is_denied_and_told(driven: Driven, pages: Site) -> None:
    if driven.family is Family.FIREFOX:
        pytest.skip("Firefox says nothing of it")
    heard = Heard()
    url = pages.page("x", content_disposition="attachment; filename=x.bin")
    tab = await driven.browser.open(url, script="", listener=heard)
    assert await heard.event(LoadFailed) == LoadFailed("it is a download and no page")
    await tab.close()


async def test_a_tab_that_somebody_closes_is_closed(driven: Driven, pages: Site) -> None:
    heard = Heard()
    tab = await driven.browser.open(pages.javascript("fetchkitReport('up')"), script="", listener=heard)
    await heard.report("up")
    if isinstance(tab, ChromiumTab):
        await tab._connection.call("Target.closeTarget", {"targetId": tab._target})
    elif isinstance(tab, FirefoxTab):
        await tab._connection.call("browsingContext.close", {"context": tab._context})
    assert await heard.until(lambda events: Closed() in events) == [Reported("up"), Closed()]
    await tab.close()


STUCK = {
    "while loading": "fetchkitReport('stuck'); for (;;);",
    "later": "setTimeout(() => { fetchkitReport('stuck'); for (;;); })",
    "at the end": "onbeforeunload = onunload = onpagehide = () => { for (;;); }; fetchkitReport('stuck')",
    "asking": "onbeforeunload = (e) => { e.preventDefault(); return e.returnValue = 'x' };"
    " fetchkitReport('stuck')",
}


@pytest.mark.parametrize("how", STUCK)
async def test_a_stuck_page_is_closed_with_its_process(driven: Driven, pages: Site, how: str) -> None:
    heard = Heard()
    tab = await driven.browser.open(pages.javascript(STUCK[how]), script="", listener=heard)
    await heard.report("stuck")
    async with asyncio.timeout(4):
        await tab.close()
        await tab.close()
    assert reported(heard.events) == ["stuck"]
    if driven.family is Family.CHROMIUM:
        wait_until(lambda: not any(map(busy, driven.renderers())), "the page's process still runs")


def busy(pid: int) -> bool:
    """Whether a process uses the processor."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False


async def test_a_crashed_page_is_told_once(driven: Driven, pages: Site) -> None:
    heard = Heard()
    tab = await driven.browser.open(pages.javascript("fetchkitReport('up')"), script="", listener=heard)
    await heard.report("up")
    if not isinstance(tab, ChromiumTab):
        await tab.close()
        pytest.skip("Firefox has no command for it, and which process it is, is not to be seen")
    tab._connection.post("Page.crash", {}, tab.session)
    crash = await heard.event(Crashed)
    assert isinstance(crash, Crashed)
    assert crash.reason.startswith("the page's process ended (crashed, code ")
    await tab.close()
    assert heard.events == [Reported("up"), crash]


async def test_a_listener_that_raises_does_not_end_the_conversation(
    driven: Driven, pages: Site, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    def listener(event: object) -> None:
        heard(event)  # type: ignore[arg-type]
        raise RuntimeError("ours")

    url = pages.javascript("fetchkitReport('one'); fetchkitReport('two')")
    tab = await driven.browser.open(url, script="", listener=listener)
    await heard.report("two")
    await tab.close()
    assert reported(heard.events) == ["one", "two"]
    assert caplog.messages[0].startswith("a listener failed on Reported")
