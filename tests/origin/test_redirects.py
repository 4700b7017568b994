"""Chains of redirects, followed as clients follow them: counts, codes, forms, origins, what travels along."""

from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.parameters import parse_query
from fetchkit.origin.redirects import ROUTES
from fetchkit.origin.settings import Origin

from . import asking

HOST = "127.0.0.1:6931"


async def ask(target: str, **more: Any) -> Answer:
    return await asking.ask(ROUTES, target, **more)


async def location(target: str, **more: Any) -> str:
    answer = await ask(target, **more)
    assert answer.size == 0
    return answer.get("Location") or ""


async def chain(target: str, *, limit: int = 20, **more: Any) -> list[str]:
    """Every URL of a chain, the first one too; ends at what is no redirect of ours."""
    urls = [f"http://{HOST}/origin{target}"]
    while len(urls) <= limit:
        parts = urlsplit(urls[-1])
        below = parts.path.removeprefix("/origin")
        if "redirect" not in below:
            break
        asked = below + (f"?{parts.query}" if parts.query else "")
        urls.append(urljoin(urls[-1], await location(asked, host=parts.netloc, **more)))
    return urls


def paths(urls: list[str]) -> list[str]:
    return [urlsplit(url).path.removeprefix("/origin") for url in urls]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/redirect/1", "/origin/get"),
        ("/redirect/3", "/origin/relative-redirect/2"),
        ("/redirect/3?absolute=true", f"http://{HOST}/origin/absolute-redirect/2"),
        ("/redirect/3?absolute=false", "/origin/relative-redirect/2"),
        ("/redirect/1?absolute=true", f"http://{HOST}/origin/get"),
        ("/relative-redirect/3", "/origin/relative-redirect/2"),
        ("/relative-redirect/1", "/origin/get"),
        ("/absolute-redirect/3", f"http://{HOST}/origin/absolute-redirect/2"),
        ("/absolute-redirect/1", f"http://{HOST}/origin/get"),
        ("/redirect/3?other=x", "/origin/relative-redirect/2"),
        ("/redirect/1?other=x", "/origin/get"),
    ],
)
async def test_plain_chains_are_those_of_httpbin(target: str, expected: str) -> None:
    answer = await ask(target)
    assert answer.status == 302
    assert answer.get("Location") == expected


@pytest.mark.parametrize(
    "style", ["", "&style=absolute", "&style=relative", "&style=root", "&style=protocol-relative"]
)
@pytest.mark.parametrize("count", [1, 2, 5])
async def test_a_chain_of_any_form_has_its_count_of_hops(style: str, count: int) -> None:
    urls = await chain(f"/redirect/{count}?status=302{style}")
    assert len(urls) == count + 1
    assert urls[-1].split("?")[0] == f"http://{HOST}/origin/get"
    assert paths(urls[:-1]) == [f"/redirect/{left}" for left in range(count, 0, -1)]


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("absolute", f"http://{HOST}/origin/redirect/1?style=absolute"),
        ("relative", "../redirect/1?style=relative"),
        ("root", "/origin/redirect/1?style=root"),
        ("protocol-relative", f"//{HOST}/origin/redirect/1?style=protocol-relative"),
    ],
)
async def test_each_form_of_location(style: str, expected: str) -> None:
    assert await location(f"/redirect/2?style={style}") == expected


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("route", ["redirect", "relative-redirect", "absolute-redirect"])
async def test_every_hop_has_the_code(status: int, route: str) -> None:
    for url in (await chain(f"/{route}/3?status={status}"))[:-1]:
        parts = urlsplit(url)
        assert (await ask(f"{parts.path.removeprefix('/origin')}?{parts.query}")).status == status


async def test_each_hop_across_is_of_another_origin_on_the_same_port() -> None:
    urls = await chain("/redirect/4?across=1")
    hosts = [urlsplit(url).netloc for url in urls]
    assert hosts == [HOST, "[::1]:6931", "localhost:6931", HOST, "[::1]:6931"]


@pytest.mark.parametrize(
    ("host", "following"),
    [
        ("localhost:8000", "127.0.0.1:8000"),
        ("LOCALHOST", "127.0.0.1"),
        ("127.0.0.1", "[::1]"),
        ("[::1]", "localhost"),
        ("[::1]:80", "localhost:80"),
        ("app.localhost:1", "localhost:1"),
        ("192.0.2.1:5", "localhost:5"),
    ],
)
async def test_across_begins_anywhere(host: str, following: str) -> None:
    assert urlsplit(await location("/redirect/2?across=1", host=host)).netloc == following
    assert (
        urlsplit(await location("/redirect/2?across=1&style=protocol-relative", host=host)).netloc
        == following
    )


@pytest.mark.parametrize("number", [2, 3, 4])
async def test_one_request_of_a_chain_goes_without_cors(number: int) -> None:
    """A chain of three redirects is four requests."""
    urls = await chain(f"/redirect/3?no-cors={number}&across=1")
    assert len(urls) == 4
    bare = ["no-cors" in parse_query(urlsplit(url).query).raw("pipe") for url in urls]
    assert bare == [index == number for index in range(1, 5)]


async def test_its_pipe_is_put_behind_the_one_that_travels_and_taken_off_again() -> None:
    urls = await chain("/redirect/3?no-cors=2&pipe=delay(1ms)|header(A,%22x%22)")
    pipes = [parse_query(urlsplit(url).query).raw("pipe") for url in urls]
    usual = 'delay(1ms)|header(A,"x")'
    assert pipes == [[usual], [f"{usual}|no-cors"], [usual], []]


async def test_the_target_keeps_its_own_pipe_and_gets_no_cors_behind_it() -> None:
    urls = await chain("/redirect/2?no-cors=3&to=/get?a=1%26pipe=delay(1ms)%26b=2&token=T")
    assert parse_qsl(urlsplit(urls[-1]).query) == [
        ("a", "1"),
        ("pipe", "delay(1ms)|no-cors"),
        ("b", "2"),
        ("token", "T"),
    ]


async def test_pipe_and_token_travel_along_and_the_token_to_the_target() -> None:
    urls = await chain("/redirect/3?pipe=delay(1ms)&token=T&other=x")
    queries = [dict(parse_qsl(urlsplit(url).query)) for url in urls]
    assert queries[1] == queries[2] == {"pipe": "delay(1ms)", "token": "T"}
    assert queries[3] == {"token": "T"}


async def test_a_target_with_a_token_keeps_it() -> None:
    urls = await chain("/redirect/1?token=T&to=/get?token=other")
    assert parse_qsl(urlsplit(urls[-1]).query) == [("token", "other")]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("/post", f"http://{HOST}/origin/post"),
        ("/origin/post", f"http://{HOST}/origin/post"),
        ("/a?b=c%23d", f"http://{HOST}/origin/a?b=c#d"),
        ("https://example.com/x?y=1", "https://example.com/x?y=1"),
        ("//example.com/x", "http://example.com/x"),
    ],
)
@pytest.mark.parametrize("style", ["absolute", "relative", "root", "protocol-relative"])
async def test_a_chain_ends_at_its_target(to: str, expected: str, style: str) -> None:
    urls = await chain(f"/redirect/2?to={to}&style={style}")
    assert len(urls) == 3
    assert urls[-1] == expected


async def test_the_targets_fragment_stays_behind_the_token() -> None:
    assert await location("/redirect/1?to=/get%23part&token=T") == "/origin/get?token=T#part"


async def test_other_methods_end_where_every_method_is_welcome() -> None:
    assert await location("/redirect/1", method="POST") == "/origin/anything"
    assert await location("/redirect/1", method="HEAD") == "/origin/get"


@pytest.mark.parametrize(
    "query", ["", "?status=307", "?style=relative", "?style=absolute&token=T", "?across=1"]
)
async def test_a_loop_has_no_end(query: str) -> None:
    urls = await chain(f"/redirect/loop{query}", limit=10)
    assert set(paths(urls)) == {"/redirect/loop"}
    assert {urlsplit(url).query for url in urls} == {query.removeprefix("?")}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/get", "/origin/get"),
        ("/get?x=1%26y=2", "/origin/get?x=1&y=2"),
        ("/origin/get", "/origin/get"),
        ("/origins", "/origin/origins"),
        ("http%3A%2F%2Fexample.com%2F%3Fa%3D1", "http://example.com/?a=1"),
        ("HTTPS://example.com", "HTTPS://example.com"),
        ("//example.com/x", "//example.com/x"),
        ("/a%0d%0aX-Evil:%201", "/origin/a%0D%0AX-Evil:%201"),
        ("/a%00%7f%20%C3%A4%ff", "/origin/a%00%7F%20%C3%A4%FF"),
        ("/a%2520b%25", "/origin/a%20b%"),
        ("/%5cexample.com", "/origin/%5Cexample.com"),
        ("get", "get"),
        ("get?x=a:b", "get?x=a:b"),
        ("../origin/get%0a", "../origin/get%0A"),
    ],
)
async def test_redirect_to_goes_where_it_is_told(url: str, expected: str) -> None:
    answer = await ask(f"/redirect-to?url={url}")
    assert (answer.status, answer.get("Location")) == (302, expected)


@pytest.mark.parametrize("status", [300, 304, 307, 399])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_redirect_to_takes_any_3xx_and_any_method(status: int, method: str) -> None:
    assert (await ask(f"/redirect-to?url=/get&status_code={status}", method=method)).status == status


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/redirect/0", "n: 0 is not from 1 to 10000"),
        ("/redirect/10001", "n: 10001"),
        ("/redirect/-1", "n: -1"),
        ("/redirect/x", "n: 'x' is no whole number"),
        ("/redirect/1?status=300", "status: 300 is not one of 301, 302, 303, 307, 308"),
        ("/redirect/1?status=x", "status"),
        ("/redirect/1?style=odd", "style: 'odd' is not one of absolute, relative, root, protocol-relative"),
        ("/redirect/1?absolute=odd", "absolute"),
        ("/redirect/1?across=odd", "across"),
        ("/redirect/1?across=1&style=root", "stays on its origin"),
        ("/redirect/1?across=1&style=relative", "stays on its origin"),
        ("/redirect/3?no-cors=1", "1 is this request"),
        ("/redirect/3?no-cors=5", "there are 4 requests, and 5 is beyond"),
        ("/redirect/3?no-cors=0", "no-cors"),
        ("/redirect/1?no-cors=2&to=http://example.com/", "another server's"),
        ("/redirect/1?to=ftp://example.com/", "neither absolute"),
        ("/redirect/loop?to=/get", "a loop has no end"),
        ("/redirect/loop?no-cors=2", "a loop has no end"),
        ("/redirect-to", "url: it says where to, and is missing"),
        ("/redirect-to?url=", "neither absolute"),
        ("/redirect-to?url=javascript:alert(1)", "neither absolute"),
        ("/redirect-to?url=data:text/html,x", "neither absolute"),
        ("/redirect-to?url=http:/x", "neither absolute"),
        ("/redirect-to?url=http://", "neither absolute"),
        ("/redirect-to?url=//", "neither absolute"),
        ("/redirect-to?url=%20http://x", "neither absolute"),
        ("/redirect-to?url=/get&status_code=200", "status_code: 200 is not from 300 to 399"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_the_reason(target: str, problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        await ask(target)


async def test_the_limit_is_a_setting() -> None:
    with pytest.raises(BadRequestError, match="n: 6 is not from 1 to 5"):
        await ask("/redirect/6", settings=Origin(max_items=5))


names = st.sampled_from(
    ["status", "style", "across", "no-cors", "to", "absolute", "pipe", "token", "n%6f-cors", "x"]
)
values = st.text(st.characters(exclude_characters="&#?", codec="ascii"), max_size=8) | st.sampled_from(
    [
        "1",
        "2",
        "3",
        "+2",
        "302",
        "relative",
        "/get",
        "no-cors",
        "a|no-cors",
        "a%7cno-cors",
        "%ff",
        "%0d%0a",
        "\udcff",
    ]
)


@given(
    st.sampled_from(["redirect/2", "redirect/loop", "absolute-redirect/1"]),
    st.lists(st.tuples(names, values)),
)
async def test_whatever_the_query_says_it_is_a_safe_redirect_or_a_bad_request(
    route: str, pairs: list[tuple[str, str]]
) -> None:
    target = f"/{route}?" + "&".join(f"{name}={value}" for name, value in pairs)
    found = "/"
    try:
        found = await location(target)
    except BadRequestError:
        return
    assert found
    assert all("!" <= letter <= "~" for letter in found)
