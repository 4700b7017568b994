"""The pipe as a whole: order, combinations that cannot be, and what is chosen of a resource."""

import gzip
from collections.abc import Mapping

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.errors import BadRequestError, PreconditionFailedError, RangeNotSatisfiableError
from fetchkit.origin.answer import Act, Answer, Unframed, Wait
from fetchkit.origin.choice import choose
from fetchkit.origin.faults.fault import Context

from .support import BODY, acts, answered, body_of, compact, of, piped, resource

PART = {"Range": "bytes=100-299"}


def got(
    text: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    count: int = 1,
    tag: str = '"tag"',
) -> Answer:
    """What a request gets of a resource through a pipe."""
    pipe = of(text)
    context = Context(method, counts=dict.fromkeys(pipe.counting, count))
    answer = choose(
        resource(etag=tag), pipe.select(context), method, CIMultiDictProxy(CIMultiDict(headers or {}))
    )
    answer.head_only = method == "HEAD"
    pipe.apply(answer, context)
    return answer


@pytest.mark.parametrize(
    ("text", "character", "why"),
    [
        (
            "chunked|length(+1)",
            9,
            "length at character 9: impossible: an earlier function has chosen chunked.",
        ),
        ("length(+1)|chunked", 12, "impossible: an earlier function has chosen Content-Length."),
        ("no-length|chunked", 11, "impossible: an earlier function has chosen the end of the connection."),
        ("chunked|no-length", 9, "impossible: an earlier function has chosen chunked."),
        ("length(none)|chunked", 14, "impossible: an earlier function has chosen the end of the connection."),
        ("length(none)|length(+1)", 14, "impossible: an earlier function has chosen the end"),
        ("length(+1)|length(none)", 12, "impossible: an earlier function has chosen Content-Length."),
        ("trailers|no-length", 10, "impossible: an earlier function has chosen chunked."),
        ("no-length|trailers", 11, "impossible: an earlier function has chosen the end"),
        ("no-length|bad-chunk(1)", 11, "impossible: an earlier function has chosen the end"),
        ("length(twice)|no-last-chunk", 15, "impossible: an earlier function has chosen Content-Length."),
        (
            "length(-1001)",
            1,
            "impossible: the body has 1000 bytes only; length(negative) is for less than none.",
        ),
        ("corrupt(1001)", 1, "impossible: the body has 1000 bytes only."),
        ("cut(1)|corrupt(2)", 8, "impossible: the body has 1 bytes only."),
        ("gzip(no-length)|cut(50%)", 17, "impossible: a per cent of a body whose length is unknown"),
        ("gzip(no-length)|length(+1)", 17, "impossible: an earlier function has chosen chunked."),
        ("gzip(no-length)|gzip(file-size)", 17, "impossible: the body's length is unknown."),
    ],
)
def test_impossible_combinations_are_refused_with_their_reason(text: str, character: int, why: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        piped(text)
    assert f"at character {character}: " in caught.value.detail
    assert why in caught.value.detail


@pytest.mark.parametrize("fault", ["cut", "reset", "stall", "bad-chunk"])
def test_a_per_cent_of_an_unknown_length_is_refused(fault: str) -> None:
    with pytest.raises(BadRequestError, match=f"{fault} at character 1: impossible: a per cent of a body"):
        piped(f"{fault}(50%)", answered(known=False))


@pytest.mark.parametrize("word", ["+1", "-1", "twice", "same-twice"])
def test_a_length_near_an_unknown_one_is_refused(word: str) -> None:
    with pytest.raises(BadRequestError, match="impossible: the body's length is unknown"):
        piped(f"length({word})", answered(known=False))
    assert piped("length(garbage)", answered(known=False)).lengths == ("abc",)


@pytest.mark.parametrize("fault", ["chunked", "trailers", "no-last-chunk", "bad-chunk(1)", "early-hints"])
def test_what_http_1_0_has_not_is_refused_there(fault: str) -> None:
    with pytest.raises(BadRequestError, match=r"impossible: HTTP/1\.0 has no (chunks|interim responses)\."):
        piped(fault, context=Context(http10=True))
    piped(fault)


def test_the_place_of_an_end_counts_the_bytes_that_earlier_functions_left() -> None:
    assert body_of(piped("cut(50%)|cut(50%)")) == BODY[:250]
    assert piped("cut(50%)|cut(50%)").length == 1000
    assert piped("cut(50%)|length(+10)").lengths == ("1010",)
    assert len(body_of(piped("bomb(0)|cut(50%)"))) == len(body_of(piped("bomb(0)"))) // 2


def test_of_two_ends_the_first_in_the_body_is_the_end() -> None:
    assert compact(piped("reset(200)|cut(100)").pieces) == [BODY[:100], Act.FIN]
    assert compact(piped("cut(100)|reset(200)").pieces) == [BODY[:100], Act.RST]  # which all the bytes reach
    assert acts(piped("stall(100,1)|cut(50)")) == [Act.FIN]


def test_a_trickle_then_a_stall_and_a_stall_then_a_trickle() -> None:
    tick, pause = Wait(0.1), Wait(2.0, exact=True)
    body = BODY[:400]
    trickled = compact(piped("trickle(2000)|stall(50%,2)", answered(body, pieces=())).pieces)
    assert trickled == [tick, body[:200], tick, pause, body[200:]]
    stalled = compact(piped("stall(50%,2)|trickle(2000)", answered(body, pieces=())).pieces)
    assert stalled == [tick, body[:200], pause, tick, body[200:]]


def test_a_broken_chunk_passes_through_later_functions_unchanged() -> None:
    bad = Unframed(b"zz\r\nnot a chunk\r\n")
    assert acts(piped("bad-chunk(50%)|corrupt(3)|trickle(5000)")) == [
        Wait(0.06),
        Wait(0.0002),
        Wait(0.0398),
        bad,
        Act.FIN,
    ]
    assert [act for act in acts(piped("bad-chunk(50%)|gzip")) if not isinstance(act, Wait)] == [bad, Act.FIN]


def test_a_range_is_honest_by_default() -> None:
    answer = got("", PART)
    assert (answer.status, answer.get("Content-Range"), answer.size) == (206, "bytes 100-299/1000", 200)
    assert body_of(answer) == BODY[100:300]
    with pytest.raises(RangeNotSatisfiableError):
        got("range(always)", {"Range": "bytes=1000-"})
    with pytest.raises(PreconditionFailedError):
        got("", {"If-Match": '"other"'})


def test_ranges_go_wrong() -> None:
    ignored = got("range(ignore)", PART)
    assert (ignored.status, body_of(ignored), ignored.get("Content-Range")) == (200, BODY, None)
    assert ignored.get("Accept-Ranges") == "bytes"
    unasked = got("range(always)")
    assert (unasked.status, body_of(unasked)) == (206, BODY)
    assert unasked.get("Content-Range") == "bytes 0-999/1000"
    assert got("range(always)", PART).get("Content-Range") == "bytes 100-299/1000"
    assert got("range(always)", method="HEAD").status == 200
    wrong = got("range(wrong-content-range)", PART)
    assert (wrong.status, body_of(wrong)) == (206, BODY[100:300])
    assert wrong.get("Content-Range") == "bytes 101-300/1000"
    short = got("range(short)", PART)
    assert (short.status, body_of(short), short.length) == (206, BODY[100:200], 100)
    assert short.get("Content-Range") == "bytes 100-299/1000"
    for policy in ("wrong-content-range", "short"):  # no range, nothing to get wrong
        assert body_of(got(f"range({policy})")) == BODY


def test_corruption_of_a_range_is_of_that_range_and_always_the_same() -> None:
    flipped = body_of(got("corrupt(3)", PART))
    assert flipped == body_of(got("corrupt(3)", PART))
    assert sum(a != b for a, b in zip(BODY[100:300], flipped, strict=True)) == 3


def test_entity_tags_go_wrong() -> None:
    for word, tag in (("weak", 'W/"tag"'), ("unquoted", "tag"), ("none", None)):
        answer = got(f"etag({word})")
        assert (answer.get("ETag"), body_of(answer)) == (tag, BODY)
    # RFC 9110, section 13.1.5: a weak tag never satisfies If-Range
    assert got("", {**PART, "If-Range": '"tag"'}).status == 206
    assert got("etag(weak)", {**PART, "If-Range": 'W/"tag"'}).status == 200
    assert got("etag(weak)", {"If-None-Match": '"tag"'}).status == 304


def test_a_bump_is_another_tag_and_other_bytes() -> None:
    first, second, again = (
        (answer.get("ETag"), body_of(answer))
        for answer in (got("etag(bump)"), got("etag(bump)", count=2), got("etag(bump)", count=2))
    )
    assert first == ('"tag"', BODY)
    assert second == again
    assert second[0] != first[0]
    assert second[1] != BODY
    tags = [got("etag(bump,2)", count=count).get("ETag") for count in (1, 2, 3, 4, 5)]
    assert tags == ['"tag"', '"tag"', '"tag-1"', '"tag-1"', '"tag-2"']
    changed = got("etag(bump)", {**PART, "If-Range": '"tag"'}, count=2)
    assert changed.status == 200


def test_a_coding_is_of_the_whole_and_has_a_tag_of_its_own() -> None:
    for coding in ("gzip", "br", "zstd", "deflate"):
        answer = got(coding, PART)
        assert (answer.status, answer.get("ETag")) == (200, f'"tag-{coding}"')
        assert answer.get("Content-Range") is None
    assert gzip.decompress(body_of(got("gzip", PART))) == BODY
    assert got("gzip", {"If-None-Match": '"tag-gzip"'}).status == 304
    assert got("gzip", {"If-None-Match": '"tag"'}).status == 200
    assert got("bomb(10)", PART).status == 200


@pytest.mark.parametrize("tag", ["", 'W/"tag"'])
def test_a_resource_without_a_strong_tag_gets_no_odd_one(tag: str) -> None:
    assert got("gzip", tag=tag).get("ETag") == ('W/"tag-gzip"' if tag else None)
    assert got("etag(weak)", tag=tag).get("ETag") == (tag or None)
    assert got("etag(unquoted)", tag=tag).get("ETag") == ("tag" if tag else None)


@pytest.mark.parametrize("text", ["", "gzip", "cut(50%)", "length(+1)", "range(always)", "corrupt(1)"])
def test_head_promises_what_get_does(text: str) -> None:
    head, get = got(text, method="HEAD"), got(text)
    assert (head.length, head.lengths, head.get("ETag")) == (get.length, get.lengths, get.get("ETag"))
    assert head.bodiless


def test_a_short_range_of_a_cut_body_is_still_cut() -> None:
    answer = got("cut(50%)|range(short)", PART)
    assert answer.length == 200
    assert body_of(answer) == BODY[100:150]  # and who sends it sees that it is less than was promised


def test_a_body_without_bytes_is_no_trouble() -> None:
    for text in (
        "trickle(1)",
        "burst(1,1)",
        "gzip",
        "stall(50%,1)",
        "cut(50%)",
        "range(always)",
        "length(+5)",
    ):
        assert len(body_of(piped(text, answered(b"")))) == (20 if text == "gzip" else 0)
    with pytest.raises(BadRequestError, match="the body has 0 bytes only"):
        piped("corrupt(1)", answered(b""))


@pytest.mark.parametrize("fault", ["corrupt(3)", "length(-10)", "gzip(file-size)", "bomb(1)", "cut(50%)"])
def test_what_the_client_has_already_is_not_changed(fault: str) -> None:
    tag = got(fault).get("ETag")
    assert tag is not None
    plain, answer = got("", {"If-None-Match": '"tag"'}), got(fault, {"If-None-Match": tag})
    answer.set("ETag", '"tag"')
    assert (answer.status, answer.fields, answer.lengths) == (304, plain.fields, None)
