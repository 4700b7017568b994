"""The terminal: what a person, or a program with JSON, sees of each event."""

import json
import re

import pytest

from fetchkit.config import LogFormat
from fetchkit.events import (
    Answered,
    BodyBroken,
    Event,
    Events,
    Failed,
    FileServed,
    HopFailed,
    Page,
    PageDumped,
    PageEnded,
    PageLoaded,
    PagePrinted,
    PageReported,
    Rebuilt,
    Refused,
)
from fetchkit.watch.terminal import attach
from fetchkit.web.keys import events_of
from tests.conftest import Raw, Serve

EVIL = "/\x1b[2J\x07\u202e\n200 GET /forged"
ANSWERED = Answered("GET", "/app.wasm", 200, 1536, 0.0123, "127.0.0.1", "br")
UNCHANGED = Answered("GET", "/app.wasm", 304, 0, 0.0004)
SERVED = FileServed("/app.wasm", "/srv/site/app.wasm.br", 200, "br")
REFUSED = Refused("GET", "/", 421, "The host evil.example is not ours.", "--allow-host evil.example")
HOP_FAILED = HopFailed("GET", "http://a.example/", "It cannot be reached.", "Is it there?")
SECRET = "/x?fetchkit-token=sesame&a=1"
BROKEN = BodyBroken("/big.data", 10, 99, "The file shrank.")
FAILED = Failed("GET", "/", ValueError("\x1b[31mx"))
PAGE = Page("http://localhost:6931/sub/app.html?a=1", 7)
LOADED = PageLoaded(PAGE)
PRINTED = PagePrinted(PAGE, "stdout", "hello")
ENDED = PageEnded(PAGE, 3)
DUMPED = PageDumped(PAGE, "x.dat", "/srv/out/x.dat", 1536)
OF_PAGES: list[Event] = [LOADED, PRINTED, ENDED, DUMPED]
ALL: list[Event] = [ANSWERED, SERVED, REFUSED, BROKEN, FAILED]


def lines(
    capsys: pytest.CaptureFixture[str],
    *told: Event,
    form: LogFormat = LogFormat.TEXT,
    verbose: bool = False,
    quiet: bool = False,
    colour: bool = False,
) -> list[str]:
    """What the terminal shows of some events; standard output must stay empty."""
    events = Events()
    attach(events, form, verbose=verbose, quiet=quiet, colour=colour)
    for event in told:
        if type(event) in events.heard:
            events.emit(event)
    out, err = capsys.readouterr()
    assert out == ""
    return str(err).splitlines()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(ANSWERED, "200 GET  /app.wasm  1.5 KiB  12.3 ms br", id="whole"),
        pytest.param(UNCHANGED, "304 GET  /app.wasm  -  0.4 ms", id="no-body"),
        pytest.param(Answered("OPTIONS", "*", 204, 0, 0.0, ""), "204 OPTIONS *  -  0.0 ms", id="long-method"),
        pytest.param(
            Answered("GET", "/", 421, 200, 0.001, "", "The host is not ours. --allow-host evil.example"),
            "421 GET  /  200 B  1.0 ms The host is not ours. --allow-host evil.example",
            id="refused-with-the-flag-that-helps",
        ),
        pytest.param(BROKEN, "  cut after 10 of 99 bytes: The file shrank.", id="broken-body"),
        pytest.param(FAILED, r"  failed: ValueError('\x1b[31mx')", id="failed"),
        pytest.param(PRINTED, "sub/app.html | hello", id="printed"),
        pytest.param(
            PagePrinted(PAGE, "stderr", "a\tb  "), "sub/app.html | a\tb  ", id="printed-with-blanks"
        ),
        pytest.param(PagePrinted(PAGE, "stdout", ""), "sub/app.html |", id="printed-nothing"),
        pytest.param(ENDED, "sub/app.html exited with 3", id="ended"),
        pytest.param(PageEnded(PAGE, -1), "sub/app.html exited with -1", id="ended-below-zero"),
        pytest.param(PageEnded(PAGE, None), "sub/app.html exited without a status", id="ended-without"),
        pytest.param(DUMPED, "sub/app.html dumped 1.5 KiB into /srv/out/x.dat", id="dumped"),
        pytest.param(PageEnded(Page("http://h/", 1), 0), "/ exited with 0", id="page-of-a-folder"),
        pytest.param(PageEnded(Page("", 1), 0), "/ exited with 0", id="page-without-a-name"),
        pytest.param(PageEnded(Page("http://[/", 1), 0), "http://[/ exited with 0", id="page-that-is-no-url"),
        pytest.param(Rebuilt(("/a.js", "/a.wasm"), 2), "  reloads 2 pages: /a.js /a.wasm", id="rebuilt"),
    ],
)
def test_one_line_for_people(event: Event, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, event) == [expected]


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
@pytest.mark.parametrize(
    "event",
    [
        Answered("GET", EVIL, 200, 0, 0.0),
        Answered("GET", "/", 400, 0, 0.0, "", EVIL),
        FileServed(EVIL, EVIL, 200),
        BodyBroken(EVIL, 0, 1, EVIL),
        PagePrinted(Page(EVIL, 1), "stderr", EVIL.replace("\n", "\r")),
        PageEnded(Page(EVIL, 1), 0),
        PageDumped(Page(EVIL, 1), EVIL, EVIL, 1),
        PageLoaded(Page(f"http://h{EVIL}", 1)),
        Rebuilt((EVIL,), 1),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("form", LogFormat)
def test_text_of_a_request_cannot_steer_the_terminal(
    event: Event, form: LogFormat, colour: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines(capsys, event, form=form, verbose=True, colour=colour)
    assert len(shown) == 1
    assert "\x1b[2J" not in shown[0]
    assert not {"\x07", "\u202e"} & set(shown[0])


def test_every_line_of_a_text_says_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = "first\n\n200 GET  /forged\nsub/app.html exited with 0\n"
    assert lines(capsys, PagePrinted(PAGE, "stdout", text)) == [
        "sub/app.html | first",
        "sub/app.html |",
        "sub/app.html | 200 GET  /forged",
        "sub/app.html | sub/app.html exited with 0",
        "sub/app.html |",
    ]


def test_standard_error_has_a_colour_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    (out,) = lines(capsys, PRINTED, colour=True)
    (err,) = lines(capsys, PagePrinted(PAGE, "stderr", "hello"), colour=True)
    assert "\x1b[31mhello" in err
    assert "\x1b[31m" not in out


def test_an_end_has_the_colour_of_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    ends = lines(capsys, *(PageEnded(PAGE, status) for status in (0, 1, None)), colour=True)
    assert [re.findall(r"\x1b\[(3[0-9])m", end) for end in ends] == [["32"], ["31"], ["33"]]


@pytest.mark.parametrize("target", ["/stdio.html", "/sub/stdio.html?file=x", "/log?file=stdout"])
def test_a_message_that_was_heard_needs_no_line_for_its_request(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = Answered("POST", target, 200, 2, 0.001)
    assert lines(capsys, heard) == []
    assert len(lines(capsys, heard, verbose=True)) == 1
    assert len(lines(capsys, heard, form=LogFormat.JSON)) == 1
    others = [Answered("POST", target, 403, 2, 0.001), Answered("GET", target, 200, 2, 0.001)]
    assert len(lines(capsys, *others)) == 2


def test_that_a_page_runs_is_for_verbose_and_reports_for_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    reported = PageReported(PAGE, "d")
    assert lines(capsys, LOADED, reported) == []
    assert lines(capsys, LOADED, reported, verbose=True) == ["sub/app.html runs"]


def test_json_tells_the_page_and_its_load(capsys: pytest.CaptureFixture[str]) -> None:
    shown = [json.loads(line) for line in lines(capsys, *OF_PAGES, form=LogFormat.JSON, colour=True)]
    for values in shown:
        assert values.pop("time") > 1_500_000_000
    page = {"page": PAGE.url, "load": 7}
    assert shown == [
        {"event": "PageLoaded", **page},
        {"event": "PagePrinted", "stream": "stdout", "text": "hello", "harness": False, **page},
        {"event": "PageEnded", "status": 3, "harness": False, **page},
        {"event": "PageDumped", "name": "x.dat", "path": "/srv/out/x.dat", "size": 1536, **page},
    ]


def test_quiet_pages_are_quiet_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, *OF_PAGES, quiet=True) == []


def test_verbose_adds_the_file_on_disk_and_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("\x1b[2Jdeep")  # noqa: TRY301  a traceback is wanted
    except ValueError as error:
        failed = Failed("GET", "/", error)
    shown = lines(capsys, SERVED, failed, verbose=True)
    assert shown[0] == "  /srv/site/app.wasm.br"
    assert "Traceback" in shown[1]
    assert shown[-1] == r"ValueError: \x1b[2Jdeep"


def test_without_verbose_no_file_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, SERVED) == []


@pytest.mark.parametrize("event", [REFUSED, HOP_FAILED], ids=lambda event: type(event).__name__)
def test_a_refusal_is_no_second_line_for_people_and_a_record_for_programs(
    event: Event, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lines(capsys, event, verbose=True) == []
    (line,) = lines(capsys, event, form=LogFormat.JSON)
    assert json.loads(line)["event"] == type(event).__name__
    assert lines(capsys, event, form=LogFormat.JSON, quiet=True) == []


@pytest.mark.parametrize("event", [BodyBroken, FileServed], ids=lambda kind: kind.__name__)
def test_the_access_token_is_in_no_record(
    event: type[BodyBroken | FileServed], capsys: pytest.CaptureFixture[str]
) -> None:
    told = BodyBroken(SECRET, 0, 1, "") if event is BodyBroken else FileServed(SECRET, "/srv/x", 200)
    (line,) = lines(capsys, told, form=LogFormat.JSON, verbose=True)
    assert json.loads(line)["target"] == "/x?a=1"


def test_quiet_shows_only_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    shown = lines(capsys, *ALL, quiet=True)
    assert [line.split()[0] for line in shown] == ["cut", "failed:"]


def test_what_nobody_wants_to_see_is_not_even_heard() -> None:
    events = Events()
    attach(events, LogFormat.TEXT, verbose=False, quiet=True, colour=False)
    assert events.heard == {BodyBroken, Failed}


@pytest.mark.parametrize("event", ALL, ids=lambda event: type(event).__name__)
def test_json_has_every_field_of_the_event(event: Event, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines(capsys, event, form=LogFormat.JSON, verbose=True, colour=True)
    values = json.loads(line)
    assert values.pop("event") == type(event).__name__
    assert values.pop("time") > 1_500_000_000
    expected = {name: getattr(event, name) for name in values}
    if isinstance(event, Failed):
        expected["error"] = repr(event.error)
    assert values == expected
    assert len(values) == len(event.__attrs_attrs__)


def test_statuses_have_colours_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    coloured = lines(capsys, ANSWERED, UNCHANGED, REFUSED, colour=True)
    assert all("\x1b[" in line for line in coloured)
    assert not any("\x1b" in line for line in lines(capsys, ANSWERED, UNCHANGED, REFUSED))


async def test_each_request_is_one_line_and_a_refused_one_says_what_helps(
    serve: Serve, raw: Raw, capsys: pytest.CaptureFixture[str]
) -> None:
    server = await serve()
    attach(events_of(server.app), LogFormat.TEXT, verbose=False, quiet=False, colour=False)
    client = await raw(server)
    await client.ask("GET", "/digits.txt?%1B")
    await client.ask("GET", "/digits.txt", "Range: bytes=1-2")
    await client.ask("HEAD", "/missing")
    await client.ask("GET", "/", host="evil.example")
    out, err = capsys.readouterr()
    assert out == ""
    shown = [re.sub(r"[0-9.]+ ms", "T", line) for line in err.splitlines()]
    assert shown == [
        "200 GET  /digits.txt?%1B  10 B  T",
        "206 GET  /digits.txt  2 B  T bytes 1-2",
        "404 HEAD /missing  -  T",
        shown[3],
    ]
    assert re.fullmatch(r"421 GET  /  [0-9]+ B  T .*evil\.example.*--allow-host evil\.example", shown[3])


async def test_what_pages_print_is_shown_and_nothing_else_of_it(
    serve: Serve, raw: Raw, capsys: pytest.CaptureFixture[str]
) -> None:
    server = await serve()
    attach(events_of(server.app), LogFormat.TEXT, verbose=False, quiet=False, colour=False)
    client = await raw(server)
    for body in ("^pageload^", "^err^2^%1b[2J", "^out^1^hello", "^exit^42"):
        lines = (
            "Referer: http://localhost/app.html?x",
            f"Content-Length: {len(body)}",
            "Content-Type: text/plain",
        )
        client.send("\r\n".join(["POST /stdio.html HTTP/1.1", "Host: localhost", *lines, "", body]).encode())
        assert (await client.answer()).status == 200
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["app.html | hello", r"app.html | \x1b[2J", "app.html exited with 42"]
