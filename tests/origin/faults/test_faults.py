"""Each fault of the table: which arguments it takes, and what it makes of an answer."""

import importlib
import pkgutil
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin import faults
from fetchkit.origin.answer import Act, Answer, Framing, Unframed, Wait
from fetchkit.origin.faults.coding import Coding
from fetchkit.origin.faults.fault import Context, Fault
from fetchkit.origin.faults.pipe import read_pipe
from fetchkit.origin.faults.policies import Policy
from fetchkit.origin.faults.table import FAULTS, GROUPS
from fetchkit.origin.settings import Origin

from .support import BODY, acts, answered, body_of, compact, of, piped

HUGE = "9" * 5000
# As the issue lists them; `br` and `deflate` stand for themselves.
LISTED = re.findall(
    r"\S+",
    """
    status header delay trickle stall reset cut fin-before-headers rst-before-headers half-headers length
    chunked bad-chunk no-last-chunk trailers early-hints gzip br zstd deflate mislabel corrupt bomb range head
    etag no-cors cors preflight corp coep coop type retry-after server-timing
    """,
)

GOOD = """
status(503) status(200) status(999) status("418","I'm a teapot") status(200,"")
header(X-A) header(X-A,1) header(X-A,"a, b",add) header(X-A,1,SET) header(X-A,) header(Set-Cookie,"a=b")
header(Content-Security-Policy,"default-src 'none'") header(Location,"/é")
type(text/html) type(none) type("text/html; charset=utf-8")
retry-after(0) retry-after(120,date) retry-after(1,seconds) retry-after(1000000000,date)
server-timing server-timing(db,12.5) server-timing(a,1,b,2e3)
early-hints early-hints("</a.css>; rel=preload") early-hints(</a>,</b>)
trailers trailers(X-A,1) trailers(X-A,1,X-B,)
delay(0) delay(1) delay(1.5) delay(200ms) delay(1m30s) delay(600)
trickle(1) trickle(64KiB/s) trickle(64KiB/s,30%) trickle(1MB/s,0.3) trickle(1,100%) trickle(1,1) trickle(1,0)
burst(1,0) burst(64KiB,100ms)
stall(0) stall(50%) stall(1MiB,2s) stall(100%,0)
reset(0) reset(0%) reset(33.3%) reset(1GB)
cut(0) cut(100%) cut(1.5KiB) cut(4611686018427387904)
fin-before-headers fin-before-headers() rst-before-headers
half-headers half-headers(fin) half-headers(rst) half-headers(STALL)
length(+1) length(-1) length(+0) length(none) length(twice) length(same-twice) length(garbage)
length(negative)
length(+999999999999999)
no-length chunked no-last-chunk bad-chunk(0) bad-chunk(50%)
gzip gzip(length) gzip(no-length) gzip(no-length,file-size) gzip(file-size,length) gzip(file-size)
br br(length) zstd zstd(no-length) deflate deflate(file-size)
mislabel(gzip) mislabel("x, y") corrupt corrupt() corrupt(1) corrupt(10000)
bomb(0) bomb(1) bomb(16GiB)
range(ignore) range(always) range(wrong-content-range) range(SHORT)
head(405) head(403) head(no-length) head(differs)
etag(bump) etag(bump,3) etag(bump,1000000) etag(weak) etag(unquoted) etag(none)
no-cors cors(wrong) cors(twice) cors(star) cors(star-with-credentials) cors(no-credentials) cors(no-expose)
cors(null) preflight(403) preflight(404) preflight(500) preflight(redirect) preflight(no-methods)
preflight(no-headers) preflight(no-origin)
corp(same-origin) corp(same-site) corp(cross-origin) corp(none)
coep(require-corp) coep(credentialless) coep(unsafe-none) coep(none)
coop(same-origin) coop(same-origin-allow-popups) coop(unsafe-none) coop(none)
fail(0) fail(3) fail(3,500) fail(1000000000,599) fail(1,400)
flaky(0) flaky(1) flaky(0.5,seed) flaky(.5,"a, b",500) flaky(1e-3,,404) flaky(0.5,%)
"""

# Where the error is, as an argument from 1; 0 is the function itself.
BAD = f"""
status:0 status():0 status(199):1 status(1000):1 status(x):1 status(503,a,b):3 status(503,é):2 status(""):1
status(503,"a\r\nb"):2 status({HUGE}):1 status(-503):1 status(٥٠٣):1 status(200.0):1
header:0 header():0 header(,1):1 header("X A",1):1 header(X:A,1):1 header(X-A,"a\r\nb"):1 header(X-A,"\0"):1
header(X-A,1,append):3 header(X-A,1,add,2):4 header(é,1):1 header(X-A,"\x7f"):1
header(Content-Length,1):1 header(transfer-encoding,chunked):1 header(Connection):1 header(Date,x):1
header(Trailer,x):1 header(Upgrade,x):1
header(Clear-Site-Data,x):1 header(clear-site-data):1 header(Strict-Transport-Security,x):1
header(Alt-Svc,x):1
header(Service-Worker-Allowed,/):1 header(Set-Cookie,"fetchkit-token=x"):1
header(Set-Cookie," Fetchkit-Token=x"):1
header(Content-Security-Policy):1 header(content-security-policy):1 header(X-A,"\ud800"):1
header(X-A,"\udc7f"):1
type:0 type("a\nb"):1 type(a,b):2
retry-after:0 retry-after(-1):1 retry-after(1.5):1 retry-after(1000000001):1 retry-after(1,never):2
retry-after(1,date,x):3
server-timing(a):0 server-timing(a,x):2 server-timing("a b",1):1 server-timing(,1):1 server-timing(a,-1):2
server-timing(a,nan):2 server-timing(a,1,b):0 server-timing(a,1,b,1e99):4
early-hints("a\r\nb"):1 early-hints(a,"\n"):2
trailers(X-A):0 trailers("X A",1):1 trailers(X-A,"\n"):1 trailers(Content-Length,1):1
trailers(X-A,1,set-cookie,x):3
trailers(X-A,1,X-B):0 trailers(,):1
delay:0 delay(x):1 delay(-1):1 delay(601):1 delay(1,2):2 delay(1e3):1 delay(""):1 delay(1 s):1 delay(inf):1
delay(nan):1 delay({HUGE}):1 delay(10m1ms):1 delay(s):1
trickle:0 trickle(0):1 trickle(-1):1 trickle(x):1 trickle(1,2):2 trickle(1,101%):2 trickle(1,-1):2
trickle(1,x):2
trickle(1,0,0):3 trickle(0.1):1 trickle(1XiB/s):1 trickle({HUGE}):1
burst:0 burst(1):0 burst(0,1):1 burst(x,1):1 burst(1,x):2 burst(1,601):2 burst(2TiB,1):1 burst(1,1,1):3
stall:0 stall(x):1 stall(101%):1 stall(-1):1 stall(1,x):2 stall(1,601):2 stall(1,1,1):3 stall(1.2.3%):1
stall(%):1 stall(nan%):1 stall(5e1%):1
reset:0 reset(x):1 reset(1,2):2 reset(-1):1 reset(101%):1 reset({HUGE}):1 reset({HUGE}%):1
cut:0 cut(x):1 cut(1,2):2 cut(4611686018427387905):1 cut(100.1%):1
fin-before-headers(1):1 rst-before-headers(""):1 half-headers(x):1 half-headers(fin,rst):2
length:0 length(x):1 length(10):1 length(+):1 length(++1):1 length(+1.5):1 length(+1,2):2
length(+1111111111111111):1
length(+{HUGE}):1
no-length(1):1 chunked(1):1 no-last-chunk(1):1 no-cors(1):1 bad-chunk:0 bad-chunk(x):1 bad-chunk(1,2):2
gzip(x):1 gzip(length,no-length):0 gzip(length,x):2 gzip(length,file-size,x):3 br(9):1 zstd(""):1 deflate(,):1
mislabel:0 mislabel("\n"):1 mislabel(gzip,br):2 corrupt(0):1 corrupt(10001):1 corrupt(x):1 corrupt(1,2):2
corrupt(10%):1
bomb:0 bomb(x):1 bomb(17GiB):1 bomb(-1):1 bomb(1,2):2
range:0 range(x):1 range(ignore,always):2 range(""):1 head:0 head(404):1 head(405,403):2 etag:0 etag(x):1
etag(bump,0):2 etag(bump,1,2):3 etag(weak,1):2 etag(bump,x):2
cors:0 cors(x):1 cors(wrong,twice):2 preflight:0 preflight(200):1 preflight(403,404):2
corp:0 corp(x):1 corp(none,none):2 coep:0 coep(same-origin):1 coop:0 coop(require-corp):1 coop(none,x):2
fail:0 fail(x):1 fail(-1):1 fail(1,399):2 fail(1,600):2 fail(1,x):2 fail(1,500,x):3 fail(1000000001):1
flaky:0 flaky(x):1 flaky(-0.1):1 flaky(1.1):1 flaky(nan):1 flaky(1,a,200):3 flaky(1,a,503,x):4
"""

# A call has no space outside its quotes here, so that spaces and line ends part the cases.
_CASES = re.compile(r'[a-z-]+(?:\((?:"[^"]*"|[^)"]*)*\))?(?::\d)?')


def cases(text: str) -> list[str]:
    return _CASES.findall(text)


def bad_cases() -> list[tuple[str, int]]:
    return [(case[:-2], int(case[-1])) for case in cases(BAD)]


def test_the_cases_are_read_as_they_are_meant() -> None:
    assert all(case[-2] == ":" for case in cases(BAD))
    for text in (GOOD, BAD):
        assert {re.split(r"[(:]", case)[0] for case in cases(text)} == set(FAULTS)
        assert re.sub(r"\s", "", "".join(cases(text))) == re.sub(r"\s", "", text)


@pytest.mark.parametrize("call", cases(GOOD))
def test_good_arguments_are_taken(call: str) -> None:
    assert [c.name for c, _ in of(call).steps] == [call.partition("(")[0].lower()]


@pytest.mark.parametrize(("call", "argument"), bad_cases())
def test_bad_ones_are_refused_at_their_place(call: str, argument: int) -> None:
    name = call.partition("(")[0]
    text = f"chunked | {call}"
    with pytest.raises(BadRequestError) as caught:
        of(text)
    place = 10  # of the name, from 0
    if argument:
        place += len(name) + 1
        for quoted in re.findall(r'(?:"[^"]*"|[^",])*,?', call[len(name) + 1 : -1])[: argument - 1]:
            place += len(quoted)
    assert caught.value.detail.startswith(f"pipe: {name} at character {place + 1}: "), caught.value.detail
    assert len(caught.value.detail) < 400
    caught.value.detail.encode("ascii", "surrogateescape")


def test_an_unknown_function_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadRequestError, match=r"character 9: there is no function 'tricle'") as caught:
        of("chunked|tricle(1)")
    assert caught.value.hint == "Did you mean trickle?"
    with pytest.raises(BadRequestError) as caught:
        of("qqqq")
    assert all(name in caught.value.hint for name in FAULTS)


ARGUMENTS = st.lists(
    st.text(max_size=12)
    | st.text(st.sampled_from("0123456789.%+-eE,smKMGiB/ "), max_size=8)
    | st.sampled_from([*re.findall(r"[A-Za-z0-9.%-]+", GOOD), HUGE, "\ud800", "\udcff", "nan", "inf", "-0"]),
    max_size=4,
)


@given(st.sampled_from(sorted(FAULTS)), ARGUMENTS)
def test_whatever_the_arguments_an_answer_or_a_refusal(name: str, arguments: list[str]) -> None:
    refused = f"pipe: {name} at character "
    quoted = ",".join('"' + re.sub(r'(["\\])', r"\\\1", argument) + '"' for argument in arguments)
    try:
        pipe = of(f"{name}({quoted})")
        for answer in (answered(), answered(b""), answered(known=False), answered(head=True)):
            for context in (Context(), Context("HEAD", "http://page.example", http10=True)):
                pipe.apply(answer, context)
                pipe.preflight(answer, context)
                if name != "bomb":  # of up to 16 GiB
                    body_of(answer)
                for field in answer.fields:
                    ": ".join(field).encode("utf-8", "surrogateescape")
                    assert "\n" not in ": ".join(field)
    except BadRequestError as error:
        refused = error.detail
    assert refused.startswith(f"pipe: {name} at character ")


@given(st.lists(st.sampled_from(cases(GOOD)), max_size=6), st.booleans(), st.booleans())
def test_any_composition_is_carried_out_or_refused(calls: list[str], known: bool, http10: bool) -> None:
    calls = [call for call in calls if not re.match(r"bomb\(1[0-9]", call)]
    answer, refused = answered(known=known), ""
    try:
        of("|".join(calls)).apply(answer, Context(http10=http10))
    except BadRequestError as error:
        refused = error.detail
    if refused:
        assert re.match(r"pipe: [a-z-]+ at character \d+: impossible: .+\.", refused)
        return
    pieces = list(answer.pieces)
    ends = [index for index, piece in enumerate(pieces) if isinstance(piece, Act)]
    assert not ends or not any(isinstance(piece, bytes | memoryview) for piece in pieces[ends[0] :])
    sent = sum(len(piece) for piece in pieces if isinstance(piece, bytes | memoryview))
    assert answer.size is None or answer.size == sent
    assert answer.promised is None or answer.promised >= sent
    assert not (http10 and answer.framing is Framing.CHUNKED)


def test_every_fault_that_was_asked_for_is_there() -> None:
    assert set(LISTED) <= set(FAULTS)


def test_every_module_has_one_row_or_one_group() -> None:
    listed = [fault for group in GROUPS.values() for fault in group]
    assert len(set(listed)) == len(listed) == len(FAULTS)
    found: dict[str, list[type[Fault]]] = {}
    for module in pkgutil.iter_modules(faults.__path__):
        if module.name in ("fault", "grammar", "pipe", "table"):
            continue
        content = vars(importlib.import_module(f"{faults.__name__}.{module.name}")).values()
        own = [
            kind
            for kind in content
            if isinstance(kind, type)
            and issubclass(kind, Fault)
            and kind.__module__.endswith(f".{module.name}")
        ]
        rows = [kind for kind in own if kind not in (Coding, Policy)]
        if len(rows) > 1:  # a family, which shares a base
            assert all(issubclass(kind, Coding | Policy) for kind in rows)
        else:
            assert rows[0].name.replace("-", "_") == module.name
        found[module.name] = rows
    assert {kind for rows in found.values() for kind in rows} == set(listed)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_every_fault_says_what_it_does_and_what_it_takes(fault: type[Fault]) -> None:
    assert fault.name in FAULTS
    assert fault.help
    assert not fault.help.endswith(".")
    assert fault.__doc__
    takes_arguments = fault.parse.__func__ is not Fault.parse.__func__  # type: ignore[attr-defined]
    assert bool(fault.usage) == takes_arguments


def fields_of(answer: Answer, *names: str) -> list[str]:
    wanted = {name.lower() for name in names}
    return [value for name, value in answer.fields if name.lower() in wanted]


def test_status_changes_the_status_and_leaves_the_body() -> None:
    answer = piped('status(418,"I\'m a teapot")')
    assert (answer.status, answer.reason, body_of(answer)) == (418, "I'm a teapot", BODY)
    for status in (204, 304):
        assert piped(f"status({status})").bodiless


def test_header_sets_adds_and_removes() -> None:
    assert fields_of(piped('header(etag,"""x""")'.replace('"""x"""', r'"\"x\""')), "ETag") == ['"x"']
    assert fields_of(piped("header(ETag,x,add)"), "ETag") == ['"tag"', "x"]
    assert fields_of(piped("header(etag)"), "ETag") == []
    assert fields_of(piped("header(X-A,)"), "X-A") == [""]
    assert fields_of(piped("header(X-A,1)|header(x-a,2)"), "X-A") == ["2"]


def test_a_policy_of_the_client_goes_beside_the_sandbox_unless_danger_is_allowed() -> None:
    policy = "header(Content-Security-Policy,default-src)"
    assert fields_of(piped(policy), "Content-Security-Policy") == ["sandbox", "default-src"]
    dangerous = Origin(dangerous=True)
    for text, left in ((policy, ["default-src"]), ("header(Content-Security-Policy)", [])):
        answer = answered()
        of(text, dangerous).apply(answer, Context(settings=dangerous))
        assert fields_of(answer, "Content-Security-Policy") == left
    for name in ("Clear-Site-Data", "Strict-Transport-Security", "Alt-Svc", "Service-Worker-Allowed"):
        assert of(f"header({name},x)", dangerous).steps


def test_type_names_another_or_none() -> None:
    assert fields_of(piped("type(text/html)"), "Content-Type") == ["text/html"]
    assert fields_of(piped("type(none)"), "Content-Type") == []


def test_retry_after_in_seconds_or_as_a_date() -> None:
    now = Context(now=784111777.9)
    assert fields_of(piped("retry-after(120)"), "Retry-After") == ["120"]
    assert fields_of(piped("retry-after(60,date)", context=now), "Retry-After") == [
        "Sun, 06 Nov 1994 08:50:37 GMT"
    ]


def test_server_timing_is_readable_by_every_page() -> None:
    answer = piped("server-timing(db,12.5,app,1)")
    assert fields_of(answer, "Server-Timing") == ["db;dur=12.5, app;dur=1"]
    assert fields_of(answer, "Timing-Allow-Origin") == ["*"]
    assert fields_of(piped("server-timing"), "Server-Timing") == ["app;dur=1"]


HINTS = Unframed(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n")


def test_what_goes_before_the_head_keeps_its_order() -> None:
    hints = "early-hints(</a>,</b>)"
    assert piped(f"delay(1)|{hints}").before == [Wait(1.0), HINTS]
    assert piped(f"{hints}|delay(1)").before == [HINTS, Wait(1.0)]
    assert piped("delay(1)|fin-before-headers").before == [Wait(1.0), Act.FIN]
    assert piped(f"{hints}|rst-before-headers").before == [HINTS, Act.RST]


def test_trailers_are_announced_and_go_behind_chunks() -> None:
    answer = piped("trailers|trailers(X-A,1,X-B,)")
    assert answer.framing is Framing.CHUNKED
    assert answer.trailers == [("X-Trailer", "fetchkit"), ("X-A", "1"), ("X-B", "")]
    assert fields_of(answer, "Trailer") == ["X-Trailer, X-A, X-B"]


def test_trickle_waits_before_each_tenth_of_a_second_of_bytes() -> None:
    answer = piped("trickle(2000)", answered(pieces=()))
    assert compact(answer.pieces) == [
        piece for first in range(0, 1000, 200) for piece in (Wait(0.1), BODY[first : first + 200])
    ]
    assert compact(piped("trickle(2)", answered(b"ab")).pieces) == [Wait(0.5), b"a", Wait(0.5), b"b"]


def test_a_fast_trickle_has_pieces_that_are_bounded() -> None:
    answer = piped("trickle(1GiB/s)", answered(bytes(2**20), pieces=()))
    sizes = [len(piece) for piece in answer.pieces if isinstance(piece, bytes | memoryview)]
    assert sizes == [2**18] * 4


@pytest.mark.parametrize("jitter", ["30%", "0.3"])
def test_jitter_changes_each_pause_within_its_bounds_and_not_the_whole(jitter: str) -> None:
    def pauses() -> list[float]:
        waits = acts(piped(f"trickle(100,{jitter})", answered(bytes(10_000), pieces=())))
        return [wait.seconds for wait in waits if isinstance(wait, Wait)]

    first = pauses()
    assert len(first) == 1000
    assert first == pauses()
    assert all(0.07 <= seconds <= 0.13 for seconds in first)
    assert len(set(first)) > 900
    assert sum(first) == pytest.approx(100, rel=0.02)


def test_burst_pauses_between_its_bursts() -> None:
    pause = Wait(0.5, exact=True)
    assert compact(piped("burst(400,0.5)").pieces) == [BODY[:400], pause, BODY[400:800], pause, BODY[800:]]
    assert compact(piped("burst(500,0.5)").pieces) == [BODY[:500], pause, BODY[500:]]
    assert acts(piped("burst(1000,0.5)")) == []


def test_stall_is_silent_for_a_while_or_for_ever() -> None:
    pause = Wait(2.0, exact=True)
    for_a_while, for_ever = piped("stall(50%,2)"), piped("stall(30%)")
    assert (for_a_while.size, for_a_while.promised) == (1000, None)
    assert compact(for_a_while.pieces) == [BODY[:500], pause, BODY[500:]]
    assert (for_ever.size, for_ever.length) == (300, 1000)
    assert compact(for_ever.pieces) == [BODY[:300], Act.STALL]
    assert compact(piped("stall(0,2)").pieces) == [pause, BODY]
    assert compact(piped("stall(100%,2)").pieces) == [BODY, pause]


@pytest.mark.parametrize(("fault", "act"), [("cut", Act.FIN), ("reset", Act.RST), ("stall", Act.STALL)])
@pytest.mark.parametrize(
    ("place", "left"),
    [("0", 0), ("0%", 0), ("1", 1), ("299", 299), ("300", 300), ("301", 301), ("33.35%", 333),
     ("99.99%", 999), ("100%", 1000), ("1000", 1000), ("1001", 1000), ("1GiB", 1000)],
)  # fmt: skip
def test_an_end_comes_at_its_byte_and_the_promise_stays(fault: str, act: Act, place: str, left: int) -> None:
    answer = piped(f"{fault}({place})")
    assert compact(answer.pieces) == [*([BODY[:left]] if left else []), act]
    assert (answer.size, answer.length) == (left, 1000)
    empty = piped(f"{fault}({place})", answered(b""))
    assert (compact(empty.pieces), empty.size, empty.length) == ([act], 0, 0)


@pytest.mark.parametrize("fault", ["cut", "reset", "stall"])
def test_an_end_within_a_body_of_unknown_length_promises_none(fault: str) -> None:
    answer = piped(f"{fault}(300)", answered(known=False))
    assert body_of(answer) == BODY[:300]
    assert answer.length is None


def test_half_of_the_head_and_its_end() -> None:
    for word, act in (("", Act.FIN), ("(fin)", Act.FIN), ("(rst)", Act.RST), ("(stall)", Act.STALL)):
        answer = piped(f"half-headers{word}")
        assert (answer.head_part, answer.head_end) == (0.5, act)


@pytest.mark.parametrize(
    ("word", "lines"),
    [("+10", ["1010"]), ("-1", ["999"]), ("-1000", ["0"]), ("+0", ["1000"]), ("twice", ["1000", "1001"]),
     ("same-twice", ["1000", "1000"]), ("garbage", ["abc"]), ("negative", ["-1"])],
)  # fmt: skip
def test_a_false_length_and_the_bytes_all_the_same(word: str, lines: list[str]) -> None:
    answer = piped(f"length({word})")
    assert answer.lengths == tuple(lines)
    assert compact(answer.pieces) == [BODY, Act.FIN]


def test_framings() -> None:
    assert piped("length(none)").framing is Framing.CLOSE
    assert piped("no-length").framing is Framing.CLOSE
    assert piped("chunked").framing is Framing.CHUNKED
    assert piped("chunked|chunked|trailers|no-last-chunk").framing is Framing.CHUNKED
    assert compact(piped("no-last-chunk").pieces) == [BODY, Act.FIN]
    bad = Unframed(b"zz\r\nnot a chunk\r\n")
    assert compact(piped("bad-chunk(50%)").pieces) == [BODY[:500], bad, Act.FIN]
    assert piped("bad-chunk(5)", answered(known=False)).size is None


def test_mislabel_says_a_coding_and_leaves_the_bytes() -> None:
    answer = piped("mislabel(br)")
    assert (fields_of(answer, "Content-Encoding"), body_of(answer), answer.size) == (["br"], BODY, 1000)


@pytest.mark.parametrize("count", [1, 3, 999, 1000])
@pytest.mark.parametrize("pieces", [(), (300, 301), range(1000), (999,)], ids=["one", "two", "bytes", "last"])
def test_corrupt_flips_that_many_bytes_always_the_same(count: int, pieces: range) -> None:
    flipped = body_of(piped(f"corrupt({count})", answered(pieces=pieces)))
    assert flipped == body_of(piped(f"corrupt({count})"))
    changed = [(a, b) for a, b in zip(BODY, flipped, strict=True) if a != b]
    assert len(changed) == count
    assert all(a ^ b == 0xFF for a, b in changed)


def test_corrupt_twice_mends_and_unknown_lengths_are_flipped_at_strides() -> None:
    assert body_of(piped("corrupt(3)|corrupt(3)")) == BODY
    body = bytes(5000)
    flipped = body_of(piped("corrupt(3)", answered(body, known=False)))
    assert [place for place, byte in enumerate(flipped) if byte] == [0, 1021, 2042]


def test_head_is_refused_or_answered_wrongly_and_get_is_left() -> None:
    head = Context("HEAD")
    for word in ("405", "403", "no-length", "differs"):
        answer = piped(f"head({word})")
        assert (answer.status, body_of(answer), answer.lengths) == (200, BODY, None)
    refused = piped("head(405)", answered(head=True), head)
    assert (refused.status, refused.length, fields_of(refused, "Allow")) == (405, 0, ["GET, OPTIONS"])
    assert not fields_of(refused, "ETag", "Content-Type", "Accept-Ranges")
    assert fields_of(refused, "Access-Control-Allow-Origin", "Content-Security-Policy")
    assert piped("head(403)", answered(head=True), head).status == 403
    assert piped("cut(50%)|head(405)", answered(head=True), head).length == 0
    assert piped("head(no-length)", answered(head=True), head).lengths == ()
    assert piped("head(differs)", answered(head=True), head).lengths == ("1001",)


def test_entity_tags_that_no_resource_has_chosen_are_falsified_too() -> None:
    for word, tags in (("none", []), ("unquoted", ["tag"]), ("weak", ['W/"tag"']), ("bump", ['"tag"'])):
        assert fields_of(piped(f"etag({word})"), "ETag") == tags
        assert fields_of(piped(f"etag({word})", Answer(200, [])), "ETag") == []
    assert fields_of(piped("etag(weak)|etag(weak)"), "ETag") == ['W/"tag"']
    assert fields_of(piped("etag(weak)|etag(unquoted)"), "ETag") == ["tag"]


ORIGIN, CREDENTIALS, EXPOSED = (
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
)


@pytest.mark.parametrize("during", ["apply", "preflight"])
@pytest.mark.parametrize(
    ("fault", "origins", "credentials", "exposed"),
    [
        ("no-cors", [], [], []),
        ("cors(wrong)", ["http://wrong.example"], ["true"], ["ETag"]),
        ("cors(twice)", ["http://page.example", "http://second.example"], ["true"], ["ETag"]),
        ("cors(star)", ["*"], [], ["ETag"]),
        ("cors(star-with-credentials)", ["*"], ["true"], ["ETag"]),
        ("cors(no-credentials)", ["http://page.example"], [], ["ETag"]),
        ("cors(no-expose)", ["http://page.example"], ["true"], []),
        ("cors(null)", ["null"], ["true"], ["ETag"]),
    ],
)
def test_cors_goes_wrong_for_requests_and_preflights(
    during: str, fault: str, origins: list[str], credentials: list[str], exposed: list[str]
) -> None:
    answer = answered()
    getattr(of(fault), during)(answer, Context(origin="http://page.example"))
    assert fields_of(answer, ORIGIN) == origins
    assert fields_of(answer, CREDENTIALS) == credentials
    assert fields_of(answer, EXPOSED) == exposed
    assert fields_of(answer, "ETag")


def preflighted(text: str) -> Answer:
    fields = [(ORIGIN, "o"), ("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Headers", "x")]
    answer = Answer(204, fields)
    of(text).preflight(answer, Context("OPTIONS", "http://page.example", "http://127.0.0.1:1"))
    return answer


@pytest.mark.parametrize(
    ("word", "status", "absent"),
    [("403", 403, ""), ("404", 404, ""), ("500", 500, ""), ("redirect", 307, ""),
     ("no-methods", 204, "Access-Control-Allow-Methods"), ("no-headers", 204, "Access-Control-Allow-Headers"),
     ("no-origin", 204, ORIGIN)],
)  # fmt: skip
def test_a_preflight_goes_wrong_and_its_request_does_not(word: str, status: int, absent: str) -> None:
    answer = preflighted(f"preflight({word})")
    assert answer.status == status
    assert {name for name, _ in preflighted("").fields} - {name for name, _ in answer.fields} == {absent} - {
        ""
    }
    assert fields_of(answer, "Location") == (["http://127.0.0.1:1/"] if word == "redirect" else [])
    assert piped(f"preflight({word})") == piped("")


@pytest.mark.parametrize("fault", [f for f in FAULTS if f not in ("no-cors", "cors", "preflight")])
def test_no_other_fault_touches_a_preflight(fault: str) -> None:
    call = next(case for case in cases(GOOD) if re.split(r"\(", case)[0].lower() == fault)
    assert preflighted(call) == preflighted("")


@pytest.mark.parametrize(
    ("fault", "name"),
    [("corp", "Cross-Origin-Resource-Policy"), ("coep", "Cross-Origin-Embedder-Policy"),
     ("coop", "Cross-Origin-Opener-Policy")],
)  # fmt: skip
def test_isolation_is_changed_or_taken_away(fault: str, name: str) -> None:
    values = [case.partition("(")[2][:-1] for case in cases(GOOD) if case.startswith(f"{fault}(")]
    assert len(values) > 3
    for value in values:
        assert fields_of(piped(f"{fault}({value})"), name) == ([] if value == "none" else [value])


def test_so_many_calls_fail_and_then_none() -> None:
    def call(text: str, number: int) -> tuple[int, bytes]:
        answer = piped(text, context=Context(counts={0: number, 1: number}))
        return answer.status, body_of(answer)

    for number, status in ((1, 503), (2, 503), (3, 200)):
        assert call("fail(2)", number)[0] == status
    assert call("fail(1,404)", 1) == (404, b"Call 1 of 1 that fail.\n")
    assert call("chunked|fail(1,500)", 1)[0] == 500
    assert call("fail(0)", 1) == (200, BODY)
    assert of("status(200)|fail(1)|etag(bump)|flaky(1)|etag(weak)").counting == (1, 2, 3)


def test_a_failure_keeps_what_all_answers_share_and_nothing_of_the_body() -> None:
    answer = piped("cut(50%)|fail(1)")
    assert {name for name, _ in answer.fields} == {
        ORIGIN, CREDENTIALS, EXPOSED, "Cross-Origin-Resource-Policy", "Content-Security-Policy",
        "Content-Type",
    }  # fmt: skip
    assert answer.length == answer.size == len(body_of(answer))


def test_chance_differs_from_call_to_call_and_is_the_seeds() -> None:
    def sequence(text: str) -> list[int]:
        return [piped(text, context=Context(counts={0: n})).status for n in range(1, 301)]

    assert sequence("flaky(0)") == [200] * 300
    assert sequence("flaky(1,s,500)") == [500] * 300
    assert sequence("flaky(0.5,s)") == sequence("flaky(0.5,s)") != sequence("flaky(0.5,t)")
    assert 100 < sequence("flaky(0.5,s)").count(503) < 200
    assert sequence("flaky(0.5,\udcff)") != sequence("flaky(0.5,\ud800)")


@pytest.mark.parametrize("text", ["header(X-Content-Type-Options)", "header(x-content-type-options,off)"])
def test_nosniff_stays_unless_dangerous(text: str) -> None:
    with pytest.raises(BadRequestError, match="stays"):
        read_pipe(text, Origin())
    read_pipe(text, Origin(dangerous=True))
