"""Validators, lifetimes, variants, and how a client sees that an answer came from a cache."""

from contextlib import suppress
from typing import Any

import pytest

from fetchkit.errors import BadRequestError, PreconditionFailedError, UnavailableError
from fetchkit.http.dates import parse_http_date
from fetchkit.origin.answer import Answer
from fetchkit.origin.caching import ROUTES
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.store import FullError
from fetchkit.origin.settings import Origin, Shape

from . import asking
from .asking import body_of, json_of


async def ask(target: str, *fields: tuple[str, str], **more: Any) -> Answer:
    return await asking.ask(ROUTES, target, *fields, **more)


async def test_a_fresh_answer_has_a_quoted_tag_and_a_date_of_http() -> None:
    answer = await ask("/cache")
    assert answer.status == 200
    assert set(json_of(answer)) == {"args", "headers", "origin", "url"}
    assert (answer.get("ETag") or "").startswith('W/"')
    assert parse_http_date(answer.get("Last-Modified") or "") is not None


@pytest.mark.parametrize(
    "field",
    [("If-None-Match", '"whatever"'), ("If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT")],
)
async def test_any_condition_is_met_and_the_answer_names_the_validators(field: tuple[str, str]) -> None:
    answer = await ask("/cache", field)
    assert answer.status == 304
    assert body_of(answer) == b""
    fresh = await ask("/cache")
    for name in ("ETag", "Last-Modified"):
        assert answer.get(name) == fresh.get(name)


async def test_a_lifetime() -> None:
    answer = await ask("/cache/60")
    assert answer.get("Cache-Control") == "public, max-age=60"
    assert set(json_of(answer)) == {"args", "headers", "origin", "url"}
    assert (await ask("/cache/0")).get("Cache-Control") == "public, max-age=0"


async def test_a_tag_is_quoted_and_the_body_has_nothing_of_the_requests_head() -> None:
    answer = await ask("/etag/abc?x=1")
    assert answer.get("ETag") == '"abc"'
    assert json_of(await ask("/etag/abc?x=1"))["args"] == {"x": "1"}
    assert body_of(answer) == body_of(await ask("/etag/abc?x=1", ("X-Other", "y")))
    go = await ask("/etag/abc?x=1", settings=Origin(shape=Shape.GO_HTTPBIN))
    assert json_of(go)["args"] == {"x": ["1"]}


async def test_a_tag_meets_its_conditions() -> None:
    assert (await ask("/etag/abc", ("If-None-Match", '"abc"'))).status == 304
    assert (await ask("/etag/abc", ("If-None-Match", '"x", W/"abc"'))).status == 304
    assert (await ask("/etag/abc", ("If-None-Match", "*"))).status == 304
    assert (await ask("/etag/abc", ("If-None-Match", '"x"'))).status == 200
    assert (await ask("/etag/abc", ("If-Match", '"abc"'))).status == 200
    with pytest.raises(PreconditionFailedError):
        await ask("/etag/abc", ("If-Match", '"x"'))


async def test_ranges_of_a_tagged_body_join_to_the_whole() -> None:
    whole = body_of(await ask("/etag/abc"))
    resume = ("If-Range", '"abc"')
    one = await ask("/etag/abc", ("Range", "bytes=0-9"), resume)
    two = await ask("/etag/abc", ("Range", "bytes=10-"), resume, ("User-Agent", "other"))
    assert (one.status, two.status) == (206, 206)
    assert body_of(one) + body_of(two) == whole
    bumped = await ask("/etag/abc", ("Range", "bytes=10-"), resume, version=1)
    assert (bumped.status, bumped.get("ETag")) == (200, '"abc-1"')
    assert body_of(bumped) != whole


@pytest.mark.parametrize("tag", ["%22a%22", "a%20b", "a%0d%0ab", "%C3%A4", "a" * 201, "%ff"])
async def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(BadRequestError, match="etag"):
        await ask(f"/etag/{tag}")


async def test_each_answer_is_of_its_own() -> None:
    first, second = json_of(await ask("/cache-control")), json_of(await ask("/cache-control"))
    assert first["id"] != second["id"]
    assert first["time"] <= second["time"]


async def test_answers_are_counted_under_a_token() -> None:
    store = ProcessStore(Origin())
    counts = [json_of(await ask("/cache-control?token=T", store=store))["count"] for _ in range(3)]
    assert counts == [1, 2, 3]
    assert json_of(await ask("/cache-control?token=U", store=store))["count"] == 1
    assert "count" not in json_of(await ask("/cache-control", store=store))


@pytest.mark.parametrize(
    "value", ["no-store", "max-age=1,%20stale-while-revalidate=60", "public,max-age=31536000,immutable"]
)
async def test_cache_control_is_what_was_asked_for(value: str) -> None:
    answer = await ask(f"/cache-control?value={value}")
    assert answer.get("Cache-Control") == value.replace("%20", " ")
    assert answer.get("Vary") is None


async def test_a_variant_shows_the_fields_that_chose_it() -> None:
    answer = await ask("/cache-control?vary=X-A,%20X-B", ("X-A", "1"), ("x-a", "2"))
    assert answer.get("Vary") == "X-A, X-B"
    assert json_of(answer)["vary"] == {"X-A": "1, 2", "X-B": ""}


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/cache/-1", "n: -1"),
        ("/cache/x", "n"),
        ("/cache/2147483649", "n: 2147483649 is not from 0 to 2147483648"),
        ("/cache-control?value=a%0d%0ab", "Cache-Control"),
        ("/cache-control?vary=a%0d%0ab", "Vary"),
        ("/cache-control?token=a%20b", "token"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_the_reason(target: str, problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        await ask(target)


async def test_a_memory_that_is_full_is_no_failure_of_the_server() -> None:
    store = ProcessStore(Origin(max_memory=10_000))
    await store.put("T", "all of it", bytes(10_000))
    for number in range(100):  # some names are free
        with suppress(FullError):
            await store.count("T", f"name {number}")
    with pytest.raises(UnavailableError):
        await ask("/cache-control?token=T", store=store)
