"""The cache of the forward against RFC 9111: a clock that the test moves, a folder that it damages."""

import asyncio
import errno
import hashlib
import os
import re
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from fetchkit.errors import ConfigError, GatewayTimeoutError
from fetchkit.forward.cache import disk, store
from fetchkit.forward.cache.lookup import Bypass, DiskCache, Hit, Miss, Revalidate, Writer
from fetchkit.http.dates import format_http_date

URL = "https://assets.example/game.data?v=1"
BODY = b"0123456789" * 100
DAY = 86_400
KIB = 1024


class Clock:
    """Seconds since the epoch, moved by the test."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path, clock: Clock) -> DiskCache:
    return DiskCache(folder, clock=clock)


def fields(*groups: Mapping[str, str] | None) -> CIMultiDict[str]:
    pairs: CIMultiDict[str] = CIMultiDict()
    for group in groups:
        pairs.update(group or {})
    return pairs


def look(
    cache: DiskCache, headers: Mapping[str, str] | None = None, *, method: str = "GET", url: str = URL
) -> Hit | Revalidate | Miss | Bypass:
    return cache.look_up(method, url, fields(headers))


def hit(cache: DiskCache, headers: Mapping[str, str] | None = None, **what: str) -> Hit:
    found = look(cache, headers, **what)
    assert isinstance(found, Hit), found
    return found


def stale(cache: DiskCache, headers: Mapping[str, str] | None = None) -> Revalidate:
    found = look(cache, headers)
    assert isinstance(found, Revalidate), found
    return found


def body_of(found: Hit) -> bytes:
    try:
        return b"".join(found.pieces())
    finally:
        found.close()


def begin(
    cache: DiskCache,
    headers: Mapping[str, str],
    *,
    status: int = 200,
    request: Mapping[str, str] | None = None,
    url: str = URL,
) -> Writer | None:
    found = look(cache, request, url=url)
    assert isinstance(found, Miss | Revalidate), found
    return cache.store(found, status, dated(cache, headers))


def dated(cache: DiskCache, headers: Mapping[str, str]) -> CIMultiDict[str]:
    return fields({"Date": format_http_date(cache.clock())}, headers)


async def put(cache: DiskCache, headers: Mapping[str, str], *, body: bytes = BODY, **what: Any) -> bool:
    """One exchange with upstream, whole; whether it was stored."""
    writer = begin(cache, headers, **what)
    if writer is None:
        return False
    for start in range(0, len(body), 300):
        writer.write(body[start : start + 300])
    stored = await writer.commit()
    await cache.tidy()
    return stored


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def only(folder: Path, suffix: str) -> Path:
    [path] = [path for path in files(folder) if path.suffix == suffix]
    return path


# What may be stored (sections 3 and 3.5)

OLD = format_http_date(time.time() - 10 * DAY)


@pytest.mark.parametrize(
    ("headers", "status", "request_headers", "stored"),
    [
        pytest.param({"Cache-Control": "max-age=60"}, 200, {}, True, id="max-age"),
        pytest.param({"Cache-Control": "s-maxage=60"}, 200, {}, True, id="s-maxage"),
        pytest.param({"Cache-Control": "MAX-AGE = 60"}, 200, {}, True, id="capitals-and-spaces"),
        pytest.param({"Cache-Control": 'max-age="60"'}, 200, {}, True, id="quoted-max-age"),
        pytest.param({"Expires": format_http_date(time.time() + DAY)}, 200, {}, True, id="expires"),
        pytest.param({"Expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, 200, {}, True, id="expires-never"),
        pytest.param({"Expires": "0"}, 200, {}, False, id="expires-0"),
        pytest.param(
            {"Expires": "Fri, 31 Dec 2123 23:59:59 +0100", "Last-Modified": OLD},
            200,
            {},
            True,
            id="expires-invalid-but-can-be-asked-about",
        ),
        pytest.param({"Last-Modified": OLD}, 200, {}, True, id="no-lifetime-but-a-date"),
        pytest.param({"ETag": '"1"'}, 200, {}, True, id="no-lifetime-but-a-validator"),
        pytest.param({"Cache-Control": "no-cache", "ETag": '"1"'}, 200, {}, True, id="no-cache-with-etag"),
        pytest.param({"Cache-Control": "no-cache"}, 200, {}, False, id="no-cache-that-nothing-can-ask-about"),
        pytest.param({}, 200, {}, False, id="nothing-said"),
        pytest.param({"Cache-Control": "max-age=0"}, 200, {}, False, id="stale-at-once"),
        pytest.param({"Cache-Control": "no-store, max-age=60"}, 200, {}, False, id="no-store"),
        pytest.param(
            {"Cache-Control": "no-store=x, max-age=60"}, 200, {}, False, id="no-store-with-argument"
        ),
        pytest.param({"Cache-Control": "max-age=60, private"}, 200, {}, False, id="private"),
        pytest.param({"Cache-Control": "PRIVATE, max-age=60"}, 200, {}, False, id="private-in-capitals"),
        pytest.param(
            {"Cache-Control": 'max-age=60, private="x-user"'}, 200, {}, False, id="private-for-a-field"
        ),
        pytest.param(
            {"Cache-Control": 'max-age=60, private="x'}, 200, {}, False, id="private-with-an-open-quote"
        ),
        pytest.param(
            {"Cache-Control": "private, max-age=60, public"}, 200, {}, False, id="private-and-public"
        ),
        pytest.param(
            {"Cache-Control": 'x="private", max-age=60'}, 200, {}, True, id="private-inside-a-string"
        ),
        pytest.param({"Cache-Control": "max-age=60", "Vary": "*"}, 200, {}, False, id="vary-star"),
        pytest.param(
            {"Cache-Control": "max-age=60", "Vary": "accept, *"}, 200, {}, False, id="vary-star-in-a-list"
        ),
        pytest.param({"Cache-Control": "max-age=60", "Set-Cookie": "a=1"}, 200, {}, False, id="set-cookie"),
        pytest.param(
            {"Cache-Control": "max-age=60, must-revalidate", "Set-Cookie": "a=1"},
            200,
            {},
            False,
            id="set-cookie-and-must-revalidate",
        ),
        pytest.param(
            {"Cache-Control": "public, max-age=60", "Set-Cookie": "a=1"},
            200,
            {},
            True,
            id="set-cookie-but-public",
        ),
        pytest.param({"Cache-Control": "max-age=60"}, 200, {"Cookie": "a=1"}, False, id="cookie"),
        pytest.param(
            {"Cache-Control": "s-maxage=60"}, 200, {"Cookie": "a=1"}, True, id="cookie-but-s-maxage"
        ),
        pytest.param(
            {"Cache-Control": "max-age=60"}, 200, {"Authorization": "Bearer x"}, False, id="authorization"
        ),
        pytest.param(
            {"Cache-Control": "public, max-age=60"},
            200,
            {"Authorization": "Bearer x"},
            True,
            id="authorization-but-public",
        ),
        pytest.param(
            {"Cache-Control": "s-maxage=60"},
            200,
            {"Authorization": "Bearer x"},
            True,
            id="authorization-but-s-maxage",
        ),
        pytest.param(
            {"Cache-Control": "must-revalidate, max-age=60"},
            200,
            {"Authorization": "Bearer x"},
            True,
            id="authorization-but-must-revalidate",
        ),
        pytest.param({"Cache-Control": "max-age=60"}, 404, {}, True, id="404-that-says-so"),
        pytest.param({"Cache-Control": "max-age=60"}, 301, {}, True, id="301-that-says-so"),
        pytest.param({}, 404, {}, False, id="404-that-says-nothing"),
        pytest.param({"Cache-Control": "max-age=60"}, 206, {}, False, id="206"),
        pytest.param({"Cache-Control": "max-age=60"}, 304, {}, False, id="304-to-the-page"),
        pytest.param({"Cache-Control": "max-age=60"}, 500, {}, False, id="500"),
        pytest.param(
            {"Cache-Control": "max-age=60, must-understand"}, 299, {}, False, id="status-not-understood"
        ),
        pytest.param(
            {"Cache-Control": "max-age=60", "Connection": "x-trace"},
            200,
            {},
            False,
            id="connection-names-a-field",
        ),
        pytest.param(
            {"Cache-Control": "max-age=60", "Connection": "Upgrade, Keep-Alive"}, 200, {}, True, id="apache"
        ),
        pytest.param(
            {"Cache-Control": "max-age=60", "Age": "61"}, 200, {}, False, id="too-old-when-it-arrived"
        ),
    ],
)
async def test_what_may_be_stored(
    cache: DiskCache,
    folder: Path,
    headers: dict[str, str],
    status: int,
    request_headers: dict[str, str],
    stored: bool,
) -> None:
    assert await put(cache, headers, status=status, request=request_headers) is stored
    assert bool(files(folder)) is stored


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY", "get"])
async def test_other_methods_pass_by(cache: DiskCache, method: str) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    assert isinstance(look(cache, method=method), Bypass)


async def test_nothing_of_a_user_reaches_the_disk(cache: DiskCache, folder: Path) -> None:
    secret = "s3cr3t"
    await put(
        cache,
        {"Cache-Control": "public, max-age=60", "Set-Cookie": f"a={secret}", "Vary": "Authorization, Cookie"},
        request={"Authorization": secret, "Cookie": secret},
        url=f"https://user.example/?key={secret}",
    )
    assert files(folder)
    for path in files(folder):
        assert secret.encode() not in path.read_bytes()
        assert secret not in str(path)


# What the page gets


async def test_a_fresh_answer_comes_whole_from_disk(cache: DiskCache, clock: Clock) -> None:
    headers = fields(
        {"Cache-Control": "max-age=60", "Content-Type": "application/wasm", "ETag": '"1"', "X-Own": "ä"}
    )
    headers.add("Link", "<a>")
    headers.add("Link", "<b>")
    date = format_http_date(clock.now)
    assert await put(cache, headers)
    clock.now += 30
    found = hit(cache)
    assert found.status == 200
    assert dict(found.headers) | {"Link": "<a>"} == {
        "Date": date,
        "Cache-Control": "max-age=60",
        "Content-Type": "application/wasm",
        "ETag": '"1"',
        "X-Own": "ä",
        "Link": "<a>",
        "Age": "30",
        "Content-Length": str(len(BODY)),
    }
    assert found.headers.getall("Link") == ["<a>", "<b>"]
    assert body_of(found) == BODY


async def test_fields_of_the_connection_are_not_stored(cache: DiskCache) -> None:
    hop = {
        "Connection": "keep-alive",
        "Keep-Alive": "timeout=5",
        "Transfer-Encoding": "chunked",
        "Trailer": "X-Sum",
        "Age": "1",
    }
    await put(cache, {"Cache-Control": "max-age=60", **hop})
    found = hit(cache)
    found.close()
    assert found.headers.keys() & hop.keys() == {"Age"}
    assert found.headers.getall("Age") == ["1"]


async def test_an_empty_body_is_a_body(cache: DiskCache) -> None:
    assert await put(cache, {"Cache-Control": "max-age=60"}, body=b"")
    found = hit(cache)
    assert (found.headers["Content-Length"], body_of(found)) == ("0", b"")


async def test_a_204_has_no_length(cache: DiskCache) -> None:
    assert await put(cache, {"Cache-Control": "max-age=60"}, body=b"", status=204)
    found = hit(cache)
    found.close()
    assert "Content-Length" not in found.headers


async def test_head_is_answered_from_a_stored_get(cache: DiskCache) -> None:
    assert isinstance(look(cache, method="HEAD"), Bypass)
    await put(cache, {"Cache-Control": "max-age=60"})
    found = hit(cache, {"Range": "bytes=0-1"}, method="HEAD")
    assert (found.status, found.headers["Content-Length"], found.descriptor) == (200, str(len(BODY)), None)
    assert body_of(found) == b""


async def test_a_stale_head_passes_by(cache: DiskCache, clock: Clock) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    assert isinstance(look(cache, method="HEAD"), Bypass)


async def test_urls_are_told_apart_byte_by_byte(cache: DiskCache) -> None:
    await put(cache, {"Cache-Control": "max-age=60"}, url="https://a.example/x")
    for url in ("https://a.example/x?", "https://a.example/%78", "http://a.example/x", "https://a.example/X"):
        assert isinstance(look(cache, url=url), Miss)


# Age and freshness (sections 4.2 and 5.1)


@pytest.mark.parametrize(
    ("date", "age", "delay", "resident", "expected"),
    [
        pytest.param(0, None, 0, 0, 0, id="just-made"),
        pytest.param(0, None, 0, 25, 25, id="resident-time"),
        pytest.param(-40, None, 0, 5, 45, id="apparent-age"),
        pytest.param(0, "40", 0, 5, 45, id="age-value"),
        pytest.param(0, "40", 7, 5, 52, id="age-value-and-delay"),
        pytest.param(-50, "40", 7, 5, 55, id="the-larger-is-the-apparent-age"),
        pytest.param(-41, "40", 7, 5, 52, id="the-larger-is-the-corrected-value"),
        pytest.param(100, None, 3, 5, 8, id="a-date-in-the-future-is-no-negative-age"),
        pytest.param(0, "40, 10", 0, 0, 40, id="first-member-of-a-list"),
        pytest.param(0, "-3", 0, 5, 5, id="invalid-age-is-ignored"),
        pytest.param(0, "1.5", 0, 5, 5, id="fractional-age-is-ignored"),
        pytest.param(None, None, 2, 5, 7, id="no-date-is-the-time-of-arrival"),
        pytest.param(0, "9" * 19, 0, 5, 2**31 - 1, id="an-age-beyond-all-numbers"),
        pytest.param(0, None, 0, -500, 0, id="the-clock-was-set-back"),
    ],
)
async def test_age(
    cache: DiskCache,
    clock: Clock,
    date: int | None,
    age: str | None,
    delay: int,
    resident: int,
    expected: int,
) -> None:
    found = look(cache)
    assert isinstance(found, Miss)
    clock.now += delay
    headers = {"Cache-Control": f"max-age={2**31}", "ETag": '"1"'}
    if date is not None:
        headers["Date"] = format_http_date(clock.now + date)
    if age is not None:
        headers["Age"] = age
    writer = cache.store(found, 200, fields(headers))
    assert writer is not None
    assert await writer.commit()
    clock.now += resident
    again = look(cache)
    if expected == 2**31 - 1:  # nothing is fresh for longer
        assert isinstance(again, Revalidate)
        assert again.record.age(clock.now) == expected
    else:
        assert isinstance(again, Hit)
        assert again.headers["Age"] == str(expected)
        assert "Date" in again.headers
        again.close()


@pytest.mark.parametrize(
    ("headers", "lifetime"),
    [
        pytest.param({"Cache-Control": "max-age=100"}, 100, id="max-age"),
        pytest.param({"Cache-Control": "max-age=10, s-maxage=100"}, 100, id="s-maxage-wins"),
        pytest.param({"Cache-Control": "max-age=100", "Expires": "0"}, 100, id="max-age-before-expires"),
        pytest.param({"Expires": 100}, 100, id="expires"),
        pytest.param({"Expires": 100, "Age": "40"}, 60, id="expires-less-age"),
        pytest.param({"Last-Modified": -1000 * DAY}, 0, id="never-guessed"),
        pytest.param({"Last-Modified": -1000 * DAY, "Cache-Control": "public"}, 0, id="never-guessed-public"),
        pytest.param({}, 0, id="nothing-said"),
        pytest.param({"Cache-Control": "no-cache, max-age=100"}, 0, id="no-cache"),
        pytest.param({"Cache-Control": "max-age=100, no-cache="}, 0, id="no-cache-with-nothing"),
        pytest.param({"Cache-Control": 'max-age=100, no-cache="x-a"'}, 0, id="no-cache-for-a-field"),
        pytest.param({"Cache-Control": "max-age=1e3", "Last-Modified": -1000 * DAY}, 0, id="no-number"),
        pytest.param({"Cache-Control": "max-age", "Last-Modified": -1000 * DAY}, 0, id="no-argument"),
        pytest.param({"Cache-Control": "max-age=100, max-age=200"}, 0, id="two-lifetimes"),
        pytest.param({"Cache-Control": "max-age=100, max-age=100"}, 100, id="one-lifetime-twice"),
    ],
)
async def test_lifetime(cache: DiskCache, clock: Clock, headers: dict[str, str | int], lifetime: int) -> None:
    said = {
        name: value if isinstance(value, str) else format_http_date(clock.now + value)
        for name, value in headers.items()
    }
    assert await put(cache, {"ETag": '"1"', **said})
    if lifetime:
        clock.now += lifetime - 5
        hit(cache).close()
        clock.now += 10
    stale(cache)


async def test_the_last_date_of_all_does_not_overflow(cache: DiskCache, clock: Clock) -> None:
    clock.now -= 1000  # behind the clock that hishel reads
    assert await put(cache, {"Expires": "Fri, 31 Dec 9999 23:59:59 GMT"})
    hit(cache).close()


# What the request wants (section 5.2.1)


@pytest.mark.parametrize(
    ("wish", "served"),
    [
        pytest.param("", True, id="nothing"),
        pytest.param("no-cache", False, id="no-cache"),
        pytest.param("max-age=0", False, id="reload"),
        pytest.param("max-age=30", False, id="as-old-as-max-age"),
        pytest.param("max-age=31", True, id="younger-than-max-age"),
        pytest.param("min-fresh=60", True, id="fresh-for-long-enough"),
        pytest.param("min-fresh=80", False, id="not-fresh-for-long-enough"),
        pytest.param("max-age=x", True, id="nonsense-is-ignored"),
        pytest.param("max-stale=1000", True, id="max-stale"),
    ],
)
async def test_wishes_of_the_request(cache: DiskCache, clock: Clock, wish: str, served: bool) -> None:
    await put(cache, {"Cache-Control": "max-age=100", "ETag": '"1"'})
    clock.now += 30
    found = look(cache, {"Cache-Control": wish})
    assert isinstance(found, Hit if served else Revalidate)
    if isinstance(found, Hit):
        found.close()


async def test_no_store_in_a_request_passes_by(cache: DiskCache) -> None:
    assert isinstance(look(cache, {"Cache-Control": "no-store"}), Bypass)
    await put(cache, {"Cache-Control": "max-age=60"})
    assert isinstance(look(cache, {"Cache-Control": "no-store"}), Bypass)


async def test_only_if_cached_never_asks_upstream(cache: DiskCache, clock: Clock) -> None:
    only_if_cached = {"Cache-Control": "only-if-cached"}
    with pytest.raises(GatewayTimeoutError):
        look(cache, only_if_cached)
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    assert body_of(hit(cache, only_if_cached)) == BODY
    clock.now += 100
    for wish in ("only-if-cached", "only-if-cached, no-store"):
        with pytest.raises(GatewayTimeoutError):
            look(cache, {"Cache-Control": wish})


# Vary (section 4.1)


async def test_variants_are_kept_apart(cache: DiskCache) -> None:
    headers = {"Cache-Control": "max-age=60", "Vary": "Accept-Language, X-Own"}
    for language in ("de", "fr"):
        assert await put(cache, headers, body=language.encode(), request={"Accept-Language": language})
    assert body_of(hit(cache, {"accept-language": "de"})) == b"de"
    assert body_of(hit(cache, {"Accept-Language": "fr"})) == b"fr"
    for other in ({}, {"Accept-Language": "en"}, {"Accept-Language": "de", "X-Own": "1"}):
        assert isinstance(look(cache, other), Miss)


async def test_another_variant_is_never_revalidated_for_this_request(cache: DiskCache, clock: Clock) -> None:
    await put(
        cache,
        {"Last-Modified": OLD, "Vary": "Accept-Language", "Cache-Control": "max-age=1"},
        request={"Accept-Language": "de"},
    )
    clock.now += 10
    assert isinstance(look(cache, {"Accept-Language": "fr"}), Miss)
    assert isinstance(look(cache, {"Accept-Language": "de"}), Revalidate)


async def test_the_latest_of_several_that_fit_is_used(cache: DiskCache, clock: Clock) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "Vary": "Accept"}, body=b"old")
    clock.now += 5
    found = look(cache, {"Cache-Control": "no-cache", "Accept": "x"})
    assert isinstance(found, Miss)
    writer = cache.store(found, 200, dated(cache, {"Cache-Control": "max-age=60"}))
    assert writer is not None
    writer.write(b"new")
    assert await writer.commit()
    assert body_of(hit(cache)) == b"new"


async def test_variants_of_a_url_are_bounded(
    cache: DiskCache, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_VARIANTS", 3)
    for number in range(5):
        await put(
            cache,
            {"Cache-Control": "max-age=600", "Vary": "X-Random"},
            request={"X-Random": str(number)},
        )
        clock.now += 1
    kept = [isinstance(look(cache, {"X-Random": str(number)}), Hit) for number in range(5)]
    assert kept == [False, False, True, True, True]
    assert len(files(folder)) == 6


# Validation (section 4.3)


@pytest.mark.parametrize(
    ("validators", "conditions"),
    [
        pytest.param({"ETag": '"1"'}, {"If-None-Match": '"1"'}, id="etag"),
        pytest.param({"ETag": 'W/"1"'}, {"If-None-Match": 'W/"1"'}, id="weak-etag"),
        pytest.param({"Last-Modified": OLD}, {"If-Modified-Since": OLD}, id="last-modified"),
        pytest.param(
            {"ETag": '"1"', "Last-Modified": OLD},
            {"If-None-Match": '"1"', "If-Modified-Since": OLD},
            id="both",
        ),
    ],
)
async def test_a_304_makes_the_stored_answer_fresh_again(
    cache: DiskCache, clock: Clock, validators: dict[str, str], conditions: dict[str, str]
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "Content-Type": "a/b", "X-Own": "1", **validators})
    clock.now += 100
    found = stale(cache, {"Accept": "*/*"})
    assert dict(found.headers) == {"Accept": "*/*", **conditions}
    update = {"Cache-Control": "max-age=30", "Content-Type": "c/d", "X-Own": "2", "Content-Length": "0"}
    answer = cache.refresh(found, dated(cache, {**update, **validators}))
    assert answer is not None
    for fresh in (answer, hit(cache)):
        assert fresh.headers["Age"] == "0"
        assert fresh.headers["X-Own"] == "2"
        assert fresh.headers["Content-Type"] == "a/b"
        assert fresh.headers["Content-Length"] == str(len(BODY))
        assert fresh.headers["Date"] == format_http_date(clock.now)
        assert body_of(fresh) == BODY
    clock.now += 40
    stale(cache)


async def test_a_304_without_a_date_is_of_now(cache: DiskCache, clock: Clock) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    fresh = cache.refresh(stale(cache), fields({"ETag": '"1"', "Age": "7"}))
    assert fresh is not None
    fresh.close()
    assert (fresh.headers["Age"], fresh.headers["Date"]) == ("7", format_http_date(clock.now))


async def test_the_page_s_own_conditions_never_reach_upstream_with_ours(
    cache: DiskCache, clock: Clock
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "Last-Modified": OLD})
    clock.now += 100
    found = stale(cache, {"If-None-Match": '"page"', "If-Modified-Since": format_http_date(0)})
    assert dict(found.headers) == {"If-Modified-Since": OLD}


async def test_a_304_of_the_page_s_own_condition_is_not_taken_for_ours(
    cache: DiskCache, clock: Clock
) -> None:
    assert await put(cache, {"Cache-Control": "max-age=60"})
    clock.now += 100
    assert isinstance(look(cache, {"If-None-Match": '"page"'}), Miss)


@pytest.mark.parametrize(
    ("stored", "not_modified"),
    [
        pytest.param({"ETag": '"1"'}, {"ETag": '"2"'}, id="another-etag"),
        pytest.param({"Last-Modified": OLD}, {"Last-Modified": format_http_date(0)}, id="another-date"),
        pytest.param({"Last-Modified": OLD}, {"ETag": '"2"'}, id="an-etag-where-none-was"),
        pytest.param({"ETag": '"1"'}, {"Vary": "*"}, id="varies-by-everything-now"),
        pytest.param({"ETag": '"1"'}, {"Vary": "Accept"}, id="varies-by-a-field-now"),
        pytest.param({"ETag": '"1"'}, {"Connection": "X-Own"}, id="connection-names-a-field"),
    ],
)
async def test_a_304_about_something_else_removes_the_answer(
    cache: DiskCache, clock: Clock, folder: Path, stored: dict[str, str], not_modified: dict[str, str]
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", **stored})
    clock.now += 100
    found = stale(cache, {"Accept": "x"})
    assert cache.refresh(found, dated(cache, not_modified)) is None
    assert not files(folder)
    assert dict(found.miss.request.headers) == {"Accept": "x"}
    assert cache.store(found.miss, 200, dated(cache, {"Cache-Control": "max-age=60"})) is not None


async def test_a_304_does_not_make_a_weak_etag_strong(cache: DiskCache, clock: Clock) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": 'W/"1"'})
    clock.now += 100
    fresh = cache.refresh(stale(cache), dated(cache, {"ETag": '"1"'}))
    assert fresh is not None
    fresh.close()
    assert fresh.headers.getall("ETag") == ['W/"1"']


@pytest.mark.parametrize("said", ["private, max-age=60", "no-store"])
async def test_a_304_may_take_the_permission_away(
    cache: DiskCache, clock: Clock, folder: Path, said: str
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    fresh = cache.refresh(stale(cache), dated(cache, {"ETag": '"1"', "Cache-Control": said}))
    assert fresh is not None
    assert body_of(fresh) == BODY
    assert not files(folder)


@pytest.mark.parametrize(
    ("status", "headers", "left"),
    [
        pytest.param(200, {"Cache-Control": "no-store"}, False, id="replaced-by-what-may-not-be-stored"),
        pytest.param(404, {}, False, id="gone"),
        pytest.param(503, {}, True, id="a-server-error-says-nothing"),
    ],
)
async def test_a_full_answer_to_a_condition_removes_the_stored_one(
    cache: DiskCache, folder: Path, status: int, headers: dict[str, str], left: bool
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    found = stale(cache, {"Cache-Control": "no-cache"})
    assert cache.store(found, status, dated(cache, headers)) is None
    assert bool(files(folder)) is left


async def test_a_full_answer_to_a_condition_is_stored_instead(
    cache: DiskCache, clock: Clock, folder: Path
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    assert await put(cache, {"Cache-Control": "max-age=60", "ETag": '"2"'}, body=b"new")
    assert body_of(hit(cache)) == b"new"
    assert len(files(folder)) == 2


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        pytest.param({"If-None-Match": '"1"'}, 304, id="has-it"),
        pytest.param({"If-None-Match": 'W/"0", W/"1"'}, 304, id="has-it-weakly"),
        pytest.param({"If-None-Match": '"0"'}, 200, id="has-another"),
        pytest.param({"If-Modified-Since": OLD}, 304, id="has-it-by-date"),
        pytest.param({"If-Modified-Since": format_http_date(0)}, 200, id="has-an-older-one"),
        pytest.param({"If-None-Match": '"0"', "If-Modified-Since": OLD}, 200, id="the-tag-goes-first"),
    ],
)
async def test_conditions_of_the_page_are_evaluated_here(
    cache: DiskCache, condition: dict[str, str], status: int
) -> None:
    headers = {"Cache-Control": "max-age=60", "ETag": '"1"', "Last-Modified": OLD, "Content-Type": "a/b"}
    await put(cache, headers)
    found = hit(cache, condition)
    assert found.status == status
    assert ("Content-Type" in found.headers) == (status == 200)
    assert found.headers["ETag"] == '"1"'
    assert body_of(found) == (BODY if status == 200 else b"")


async def test_after_a_304_the_page_s_condition_is_evaluated(cache: DiskCache, clock: Clock) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    fresh = cache.refresh(stale(cache, {"If-None-Match": '"1"'}), dated(cache, {"ETag": '"1"'}))
    assert fresh is not None
    assert fresh.status == 304


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since"])
async def test_conditions_for_the_origin_pass_by(cache: DiskCache, name: str) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    assert isinstance(look(cache, {name: '"1"'}), Bypass)


# Ranges


@pytest.mark.parametrize(
    ("headers", "status", "content_range", "body"),
    [
        pytest.param({"Range": "bytes=0-9"}, 206, "bytes 0-9/1000", BODY[:10], id="first"),
        pytest.param({"Range": "bytes=995-"}, 206, "bytes 995-999/1000", BODY[995:], id="open"),
        pytest.param({"Range": "bytes=-3"}, 206, "bytes 997-999/1000", BODY[-3:], id="suffix"),
        pytest.param({"Range": "bytes=990-2000"}, 206, "bytes 990-999/1000", BODY[990:], id="clamped"),
        pytest.param({"Range": "bytes=0-"}, 206, "bytes 0-999/1000", BODY, id="all-of-it"),
        pytest.param({"Range": "lines=0-9"}, 200, None, BODY, id="another-unit"),
        pytest.param({"Range": "bytes=9-0"}, 200, None, BODY, id="malformed"),
        pytest.param(
            {"Range": "bytes=0-1", "If-Range": '"1"'}, 206, "bytes 0-1/1000", BODY[:2], id="if-range-holds"
        ),
        pytest.param({"Range": "bytes=0-1", "If-Range": '"2"'}, 200, None, BODY, id="if-range-fails"),
        pytest.param(
            {"Range": "bytes=0-1", "If-Range": OLD}, 206, "bytes 0-1/1000", BODY[:2], id="if-range-by-date"
        ),
        pytest.param(
            {"Range": "bytes=0-1", "If-None-Match": '"1"'}, 304, None, b"", id="condition-before-range"
        ),
    ],
)
async def test_ranges_are_cut_from_a_complete_answer(
    cache: DiskCache, headers: dict[str, str], status: int, content_range: str | None, body: bytes
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"', "Last-Modified": OLD})
    found = hit(cache, headers)
    assert (found.status, found.headers.get("Content-Range")) == (status, content_range)
    if status != 304:
        assert found.headers["Content-Length"] == str(len(body)) == str(found.length)
    assert body_of(found) == body


async def test_a_large_range_comes_in_pieces(cache: DiskCache) -> None:
    body = os.urandom(900 * KIB)
    await put(cache, {"Cache-Control": "max-age=60"}, body=body)
    found = hit(cache, {"Range": "bytes=1000-"})
    pieces = list(found.pieces())
    found.close()
    assert b"".join(pieces) == body[1000:]
    assert max(map(len, pieces)) <= 256 * KIB


async def test_a_range_behind_the_end_is_a_416(cache: DiskCache) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    found = hit(cache, {"Range": "bytes=1000-"})
    assert dict(found.headers) == {"Content-Range": "bytes */1000", "Content-Length": "0"}
    assert (found.status, body_of(found)) == (416, b"")


@pytest.mark.parametrize("headers", [None, {"Cache-Control": "max-age=60"}], ids=["miss", "stale"])
async def test_ranges_pass_by_where_nothing_is_stored_that_can_be_asked_about(
    cache: DiskCache, clock: Clock, headers: dict[str, str] | None
) -> None:
    if headers:
        await put(cache, headers)
        clock.now += 100
    assert isinstance(look(cache, {"Range": "bytes=0-1"}), Bypass)


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [("bytes=1-2", 206, BODY[1:3]), ("bytes=1000-", 416, b""), ("lines=1", 200, BODY)],
    ids=["part", "behind-the-end", "another-unit"],
)
async def test_a_range_of_a_stale_answer_is_cut_once_upstream_has_said_that_it_still_holds(
    cache: DiskCache, clock: Clock, line: str, status: int, body: bytes
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    found = stale(cache, {"Range": line, "If-Range": '"1"', "If-None-Match": '"0"'})
    # Ours is evaluated first; where it says that there is a newer one, the page's range is about that.
    assert found.headers == fields({"Range": line, "If-Range": '"1"', "If-None-Match": '"1"'})
    fresh = cache.refresh(found, dated(cache, {"ETag": '"1"'}))
    assert fresh is not None
    assert (fresh.status, body_of(fresh)) == (status, body)
    hit(cache).close()


async def test_the_part_of_a_newer_answer_removes_the_stored_one(
    cache: DiskCache, clock: Clock, folder: Path
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    found = stale(cache, {"Range": "bytes=0-1"})
    newer = {"Cache-Control": "max-age=60", "ETag": '"2"', "Content-Range": "bytes 0-1/5"}
    assert cache.store(found, 206, dated(cache, newer)) is None
    assert not files(folder)


@pytest.mark.parametrize("seconds", [0, 100], ids=["fresh", "stale"])
async def test_several_ranges_pass_by(cache: DiskCache, clock: Clock, seconds: int) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += seconds
    assert isinstance(look(cache, {"Range": "bytes=0-1,5-6"}), Bypass)


async def test_no_range_is_cut_from_an_error(cache: DiskCache) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'}, status=404)
    found = hit(cache, {"Range": "bytes=0-1", "If-None-Match": '"1"'})
    assert (found.status, body_of(found)) == (404, BODY)


# Invalidation (section 4.4)


@pytest.mark.parametrize(
    ("method", "status", "left"),
    [
        pytest.param("POST", 200, False, id="post"),
        pytest.param("PUT", 201, False, id="put"),
        pytest.param("DELETE", 204, False, id="delete"),
        pytest.param("PATCH", 303, False, id="redirect-is-no-error"),
        pytest.param("MADEUP", 200, False, id="unknown-is-unsafe"),
        pytest.param("POST", 403, True, id="refused"),
        pytest.param("POST", 500, True, id="failed"),
        pytest.param("GET", 200, True, id="get"),
        pytest.param("HEAD", 200, True, id="head"),
        pytest.param("OPTIONS", 204, True, id="options"),
    ],
)
async def test_unsafe_methods_invalidate_every_variant(
    cache: DiskCache, folder: Path, method: str, status: int, left: bool
) -> None:
    other = "https://assets.example/other"
    for language in ("de", "fr"):
        headers = {"Cache-Control": "max-age=60", "Vary": "Accept-Language"}
        await put(cache, headers, request={"Accept-Language": language})
    await put(cache, {"Cache-Control": "max-age=60"}, url=other)
    cache.invalidate(method, URL, status)
    assert len(files(folder)) == (6 if left else 2)
    hit(cache, url=other).close()


# Bodies that break


async def test_an_aborted_body_leaves_nothing(cache: DiskCache, folder: Path) -> None:
    writer = begin(cache, {"Cache-Control": "max-age=60"})
    assert writer is not None
    writer.write(BODY)
    assert isinstance(look(cache), Miss)
    writer.abort()
    writer.abort()
    writer.write(BODY)
    assert not await writer.commit()
    assert not files(folder)


@pytest.mark.parametrize("length", [999, 1001], ids=["too-long", "too-short"])
async def test_a_body_that_is_not_as_long_as_was_said_leaves_nothing(
    cache: DiskCache, folder: Path, length: int
) -> None:
    assert not await put(cache, {"Cache-Control": "max-age=60", "Content-Length": str(length)})
    assert not files(folder)


async def test_abort_after_commit_changes_nothing(cache: DiskCache) -> None:
    writer = begin(cache, {"Cache-Control": "max-age=60", "Content-Length": str(len(BODY))})
    assert writer is not None
    writer.write(BODY)
    assert await writer.commit()
    writer.abort()
    assert not await writer.commit()
    assert body_of(hit(cache)) == BODY


async def test_a_broken_replacement_does_not_bring_the_old_answer_back(
    cache: DiskCache, folder: Path
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    writer = begin(cache, {"Cache-Control": "max-age=60"}, request={"Cache-Control": "no-cache"})
    assert writer is not None
    writer.abort()
    assert isinstance(look(cache), Miss)
    assert not files(folder)


async def test_an_answer_that_is_being_sent_survives_its_removal(cache: DiskCache, folder: Path) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    found = hit(cache)
    cache.invalidate("POST", URL, 200)
    assert not files(folder)
    assert body_of(found) == BODY


# Sizes


async def test_the_longest_unused_leave_first(folder: Path, clock: Clock) -> None:
    cache = DiskCache(folder, max_size=400 * KIB, max_entry=200 * KIB, clock=clock)
    for name in "abc":
        assert await put(
            cache, {"Cache-Control": "max-age=600"}, body=bytes(100 * KIB), url=f"https://x.example/{name}"
        )
        clock.now += 10
    hit(cache, url="https://x.example/a").close()
    clock.now += 10
    await put(cache, {"Cache-Control": "max-age=600"}, body=bytes(100 * KIB), url="https://x.example/d")
    kept = {name for name in "abcd" if isinstance(look(cache, url=f"https://x.example/{name}"), Hit)}
    assert kept == {"a", "c", "d"}
    assert sum(path.stat().st_size for path in files(folder)) <= 400 * KIB


async def test_many_small_answers_are_bounded_too(folder: Path, clock: Clock) -> None:
    cache = DiskCache(folder, max_size=200 * KIB, clock=clock)
    for number in range(60):
        await put(cache, {"Cache-Control": "max-age=600"}, body=b"x", url=f"https://x.example/{number}")
        clock.now += 1
    assert len([path for path in files(folder) if path.suffix == ".json"]) <= 200 // 8
    assert len(list(folder.rglob("*"))) <= 1 + 3 * (200 // 8)  # emptied folders go as well
    hit(cache, url="https://x.example/59").close()


@pytest.mark.parametrize("said", [True, False], ids=["length-known", "length-unknown"])
async def test_one_answer_may_not_be_larger_than_its_limit(folder: Path, clock: Clock, said: bool) -> None:
    cache = DiskCache(folder, max_entry=len(BODY) - 1, clock=clock)
    length = {"Content-Length": str(len(BODY))} if said else {}
    writer = begin(cache, {"Cache-Control": "max-age=60", **length})
    assert (writer is None) is said
    if writer is not None:
        writer.abort()
    assert not await put(cache, {"Cache-Control": "max-age=60", **length})
    assert not files(folder)
    assert await put(cache, {"Cache-Control": "max-age=60"}, body=BODY[:-1])


async def test_unfinished_bodies_are_bounded_together(folder: Path, clock: Clock) -> None:
    cache = DiskCache(folder, max_size=100 * KIB, clock=clock)
    writers = [
        begin(cache, {"Cache-Control": "max-age=60"}, url=f"https://x.example/{number}")
        for number in range(5)
    ]
    for writer in writers:
        assert writer is not None
        writer.write(bytes(40 * KIB))
    assert len(files(folder)) == 2
    for writer in writers:
        assert writer is not None
        writer.abort()
    assert await put(cache, {"Cache-Control": "max-age=60"}, body=bytes(60 * KIB))


# The disk


def record_file(folder: Path) -> Path:
    return only(folder, ".json")


def body_file(folder: Path) -> Path:
    return only(folder, ".body")


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def changed_header(path: Path) -> None:
    overwrite(path, path.read_bytes().replace(b"max-age=60", b"max-age=99"))


def replaced_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replaced_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replaced_by_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


DAMAGE: dict[str, tuple[Callable[[Path], Path], Callable[[Path], None]]] = {
    "record-empty": (record_file, lambda path: overwrite(path, b"")),
    "record-cut": (record_file, lambda path: overwrite(path, path.read_bytes()[:-5])),
    "record-changed": (record_file, changed_header),
    "record-of-zeros": (record_file, lambda path: overwrite(path, bytes(path.stat().st_size))),
    "record-is-a-folder": (record_file, replaced_by_folder),
    "record-is-a-pipe": (record_file, replaced_by_pipe),
    "record-is-a-link": (record_file, replaced_by_link),
    "record-gone": (record_file, Path.unlink),
    "body-gone": (body_file, Path.unlink),
    "body-cut": (body_file, lambda path: overwrite(path, BODY[:-1])),
    "body-grown": (body_file, lambda path: overwrite(path, BODY + b"x")),
    "body-is-a-folder": (body_file, replaced_by_folder),
    "body-is-a-pipe": (body_file, replaced_by_pipe),
    "body-is-a-link": (body_file, replaced_by_link),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damaged_files_are_a_miss_and_heal(cache: DiskCache, folder: Path, damage: str) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    find, harm = DAMAGE[damage]
    harm(find(folder))
    assert isinstance(look(cache), Miss)
    if damage == "record-is-a-folder":  # nothing can be renamed over it
        return
    assert await put(cache, {"Cache-Control": "max-age=60"}, body=b"healed")
    assert body_of(hit(cache)) == b"healed"


async def test_a_pipe_is_no_empty_body(cache: DiskCache, folder: Path) -> None:
    await put(cache, {"Cache-Control": "max-age=60"}, body=b"")
    replaced_by_pipe(body_file(folder))
    assert isinstance(look(cache), Miss)


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '{"headers": 1}', '{"headers": [], "vary": [], "status": 200}', "null", "nonsense"],
)
async def test_a_record_with_a_right_digest_of_a_wrong_form_is_a_miss(
    cache: DiskCache, folder: Path, text: str
) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    digest = hashlib.sha256(text.encode()).hexdigest()
    record_file(folder).write_text(f"{digest}\n{text}")
    assert isinstance(look(cache), Miss)


async def test_a_record_that_names_another_folder_s_file_is_a_miss(
    cache: DiskCache, folder: Path, tmp_path: Path
) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    (tmp_path / "secret").write_bytes(BODY)
    path = record_file(folder)
    text = path.read_bytes().partition(b"\n")[2]
    text = text.replace(body_file(folder).name.encode(), b"../../../secret")
    path.write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
    assert isinstance(look(cache), Miss)


async def test_foreign_files_are_left_alone(folder: Path, clock: Clock) -> None:
    room = folder / "fetchkit-forward-1"
    (room / ("a" * 64)).mkdir(parents=True)
    foreign = [folder / "thesis.txt", room / "b.json", room / ("a" * 64) / "c.body", room / ("f" * 64)]
    for path in foreign:
        path.write_text("mine")
    cache = DiskCache(folder, clock=clock, max_size=10)
    await put(cache, {"Cache-Control": "max-age=60"})
    DiskCache(folder, clock=clock)
    assert [path.read_text() for path in foreign] == ["mine"] * 4


async def test_a_file_where_a_folder_should_be_is_a_miss(cache: DiskCache, folder: Path) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    place = record_file(folder).parent
    for path in files(folder):
        path.unlink()
    place.rmdir()
    place.write_text("")
    assert not await put(cache, {"Cache-Control": "max-age=60"})


async def test_a_body_that_is_shortened_while_it_is_sent_is_an_error(cache: DiskCache, folder: Path) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})
    found = hit(cache)
    os.truncate(body_file(folder), 10)
    with pytest.raises(OSError, match="shorter"):
        body_of(found)


def full(*_args: object, **_options: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["write", "open", "dup", "replace", "makedirs"])
async def test_a_full_disk_stores_nothing_and_raises_nothing(
    cache: DiskCache, folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        assert not await put(cache, {"Cache-Control": "max-age=60"})
    assert not files(folder)
    assert await put(cache, {"Cache-Control": "max-age=60"})


async def test_a_disk_that_fails_is_told_once_and_again_after_it_worked(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            for _ in range(3):
                await put(cache, {"Cache-Control": "max-age=60"})
        said = f"{cache.directory} cannot take answers: No space left on device. They pass unstored."
        assert caplog.messages == [said]
        caplog.clear()
        assert await put(cache, {"Cache-Control": "max-age=60"}, url="https://x.example/")
        cache.invalidate("POST", "https://x.example/", 200)
    assert not caplog.messages


async def test_a_disk_that_fills_up_within_a_body_leaves_nothing(
    cache: DiskCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = begin(cache, {"Cache-Control": "max-age=60"})
    assert writer is not None
    writer.write(BODY)
    assert len(files(folder)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        writer.write(BODY)
    writer.write(BODY)
    assert not files(folder)
    assert not await writer.commit()


async def test_a_disk_that_takes_pieces_of_a_piece_gets_all_of_it(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, piece: write(descriptor, piece[:7]))
        await put(cache, {"Cache-Control": "max-age=60"})
    assert body_of(hit(cache)) == BODY


async def test_a_304_on_a_full_disk_is_still_an_answer(
    cache: DiskCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    clock.now += 100
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        fresh = cache.refresh(stale(cache), dated(cache, {"ETag": '"1"'}))
    assert fresh is not None
    assert body_of(fresh) == BODY
    stale(cache)


async def test_too_many_open_files_do_not_cost_the_entry(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(cache, {"Cache-Control": "max-age=60"})

    def none_left(*_args: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "open_whole", none_left)
        assert isinstance(look(cache), Miss)
    hit(cache).close()


async def test_no_descriptor_is_left_open(cache: DiskCache, clock: Clock, folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    await put(cache, {"Cache-Control": "max-age=60", "ETag": '"1"'})
    hit(cache).close()
    hit(cache, method="HEAD")
    hit(cache, {"If-None-Match": '"1"'})
    hit(cache, {"Range": "bytes=5000-"})
    look(cache, {"Range": "bytes=0-1,5-6"})
    clock.now += 100
    cache.refresh(stale(cache), dated(cache, {"ETag": '"2"'}))
    await put(cache, {"Cache-Control": "max-age=60"})
    os.truncate(body_file(folder), 1)
    look(cache)
    assert len(os.listdir("/proc/self/fd")) == before


# The folder


async def test_everything_is_private(folder: Path, clock: Clock) -> None:
    before = os.umask(0)
    try:
        await put(DiskCache(folder, clock=clock), {"Cache-Control": "max-age=60"})
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert len(modes) == 5
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_folder_that_exists_keeps_its_permissions_and_ours_is_closed(folder: Path) -> None:
    room = folder / "fetchkit-forward-1"
    room.mkdir(parents=True)
    folder.chmod(0o755)
    room.chmod(0o777)
    DiskCache(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE(room.stat().st_mode) == 0o700


def test_a_folder_that_is_a_file_is_a_clear_error(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(ConfigError, match="--forward-cache"):
        DiskCache(folder)


def test_our_folder_may_not_be_a_link(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "fetchkit-forward-1").symlink_to(tmp_path)
    with pytest.raises(ConfigError):
        DiskCache(folder)


def test_somebody_else_s_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ConfigError, match="another user"):
        DiskCache(folder)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example/../../../../etc/passwd",
        "https://x.example/" + "a" * 60_000,
        "https://x.example/\0/%2e%2e/\\..\\",
        "https://x.example/\udc80",
    ],
    ids=["dots", "long", "control", "surrogate"],
)
async def test_no_part_of_a_url_reaches_a_path(cache: DiskCache, folder: Path, url: str) -> None:
    headers = {"Cache-Control": "max-age=60", "Vary": "X-Own", "X-Raw": "\udc80"}
    assert await put(cache, headers, url=url, request={"X-Own": "../\udc80\n"})
    names = {part for path in files(folder) for part in path.relative_to(folder).parts}
    ours = re.compile(r"fetchkit-forward-1|[0-9a-f]{64}(\.json)?|[0-9a-f]{32}\.body")
    assert all(ours.fullmatch(name) for name in names)
    found = hit(cache, {"X-Own": "../\udc80\n"}, url=url)
    assert found.headers["X-Raw"] == "\udc80"
    assert body_of(found) == BODY


# Several processes


async def test_two_caches_share_a_folder(folder: Path, clock: Clock) -> None:
    one, other = DiskCache(folder, clock=clock), DiskCache(folder, clock=clock)
    await put(one, {"Cache-Control": "max-age=60", "ETag": '"1"'}, body=b"one")
    assert body_of(hit(other)) == b"one"
    other.invalidate("POST", URL, 200)
    assert isinstance(look(one), Miss)


async def test_of_two_that_store_the_same_the_last_wins_and_nothing_is_left_over(
    folder: Path, clock: Clock
) -> None:
    one, other = DiskCache(folder, clock=clock), DiskCache(folder, clock=clock)
    writers = [begin(cache, {"Cache-Control": "max-age=60"}) for cache in (one, other)]
    for writer, body in zip(writers, (b"one", b"other"), strict=True):
        assert writer is not None
        writer.write(body)
    for writer in writers:
        assert writer is not None
        assert await writer.commit()
    assert body_of(hit(one)) == b"other"
    assert len(files(folder)) == 2


async def test_a_start_does_not_disturb_who_is_writing(folder: Path, clock: Clock) -> None:
    writer = begin(DiskCache(folder, clock=clock), {"Cache-Control": "max-age=60"})
    assert writer is not None
    writer.write(BODY)
    other = DiskCache(folder, clock=clock)
    assert await writer.commit()
    assert body_of(hit(other)) == BODY


async def test_a_body_that_was_swept_away_under_its_writer_is_not_stored(
    cache: DiskCache, folder: Path
) -> None:
    writer = begin(cache, {"Cache-Control": "max-age=60"})
    assert writer is not None
    only(folder, ".body").unlink()
    writer.write(BODY)
    assert not await writer.commit()
    assert not files(folder)


async def test_a_sweep_at_any_moment_takes_no_answer_that_is_being_stored(
    cache: DiskCache, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may sweep: here it does before and behind every step of storing."""
    other = DiskCache(folder, clock=clock)
    swept: set[str] = set()

    def around(module: Any, name: str) -> None:
        plain = getattr(module, name)

        def step(*values: Any, **named: Any) -> Any:
            if name != "create":  # an empty folder is another test's
                other._store.sweep()
            result = plain(*values, **named)
            other._store.sweep()
            swept.add(name)
            return result

        monkeypatch.setattr(module, name, step)

    steps = ((disk, "create"), (disk, "flush"), (disk, "write_record"), (os, "replace"), (os, "utime"))
    for module, name in steps:
        around(module, name)
    assert await put(cache, {"Cache-Control": "max-age=60"})
    assert swept == {name for _, name in steps}
    assert body_of(hit(cache)) == BODY


async def test_a_folder_that_is_swept_away_before_its_first_file_is_made_again(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain, swept = disk.create, list[str]()

    def create(folder: str, suffix: str) -> tuple[str, int]:
        if not swept:
            swept.append(folder)
            os.rmdir(folder)
        return plain(folder, suffix)

    monkeypatch.setattr(disk, "create", create)
    assert await put(cache, {"Cache-Control": "max-age=60"})
    assert body_of(hit(cache)) == BODY
    assert not caplog.messages


CRASH = """
import asyncio, os, sys
from pathlib import Path
from multidict import CIMultiDict
from fetchkit.forward.cache import disk
from fetchkit.forward.cache.lookup import DiskCache

cache = DiskCache(Path(sys.argv[1]))
found = cache.look_up("GET", "https://x.example/", CIMultiDict())
writer = cache.store(found, 200, CIMultiDict({"Cache-Control": "max-age=60"}))
writer.write(b"half")
if sys.argv[2] == "between":  # the body has its name, the record is not there yet
    disk.write_record = lambda *_: os._exit(9)
    asyncio.run(writer.commit())
os._exit(9)
"""


@pytest.mark.parametrize("when", ["writing", "between"])
def test_what_a_crash_leaves_the_next_start_removes(folder: Path, when: str) -> None:
    program = [sys.executable, "-c", textwrap.dedent(CRASH), str(folder), when]
    assert subprocess.run(program, check=False, timeout=30).returncode == 9
    assert len(files(folder)) == 1
    cache = DiskCache(folder)
    assert not files(folder)
    assert isinstance(look(cache, url="https://x.example/"), Miss)


async def test_processes_that_store_sweep_and_read_at_once_never_give_a_wrong_body(folder: Path) -> None:
    caches = [DiskCache(folder, max_size=300 * KIB) for _ in range(3)]

    async def work(cache: DiskCache, seed: int) -> None:
        for turn in range(40):
            name = (seed * 7 + turn * 3) % 5
            found = look(cache, url=f"https://x.example/{name}")
            if isinstance(found, Hit):
                body = body_of(found)
                assert found.headers["X-Body"] == body[:1].decode()
                assert len(set(body)) == 1
                continue
            assert isinstance(found, Miss)
            letter = "abcdefgh"[(seed + turn) % 8]
            headers = fields({"Cache-Control": "max-age=60", "X-Body": letter})
            writer = cache.store(found, 200, headers)
            if writer is not None:
                writer.write(letter.encode() * 50 * KIB)
                await writer.commit()
            if turn % 4 == 0:
                cache.invalidate("POST", f"https://x.example/{name}", 200)

    await asyncio.gather(*(work(cache, seed) for seed, cache in enumerate(caches)))
    DiskCache(folder, max_size=300 * KIB)
    suffixes = [path.suffix for path in files(folder)]
    assert suffixes.count(".json") == suffixes.count(".body")
    assert set(suffixes) <= {".json", ".body"}
