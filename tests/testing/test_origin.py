"""fetchkit_origin: URLs that the origin reads back exactly, and what it saw of who used them."""

import asyncio
import json
import threading
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit import Server
from fetchkit.config import Routes
from fetchkit.errors import FetchkitError
from fetchkit.origin.parameters import parse_query
from fetchkit.testing import OriginClient, Request

# What a query may hold as it is (RFC 3986, section 3.4).
_QUERY = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%")
_texts = st.text(st.characters(codec="utf-8"))


def ask(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
    """One request: status, head and body."""
    from urllib.request import Request as Asked

    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(Asked(url, body, method=method), timeout=20) as response:  # noqa: S310
            return response.status, dict(response.headers), response.read()
    except HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


@given(st.lists(_texts, min_size=1), st.dictionaries(_texts.filter(bool), _texts))
def test_the_origin_reads_what_was_written(pipe: list[str], query: dict[str, str]) -> None:
    for reserved in ("token", "pipe"):
        query.pop(reserved, None)
    url = OriginClient("http://h/origin").at("get", *pipe, **query)
    raw = urlsplit(url).query
    assert set(raw) <= _QUERY
    read = parse_query(raw)
    assert read.raw("pipe") == ["|".join(pipe)]
    assert [pair for pair in read.pairs() if pair[0] not in ("token", "pipe")] == list(query.items())


@pytest.mark.parametrize(
    "value", ["a b", "a|b", "100%", "%41", "a+b", "a&b=c", "#", "é", "x,y", "(z)", "</a.css>; rel=preload"]
)
def test_a_fault_gets_its_argument_exactly(value: str, fetchkit_origin: OriginClient) -> None:
    status, head, _ = ask(fetchkit_origin.at("/get", f'header(X-Said,"{value}")', "status(202)"))
    assert status == 202
    assert head["X-Said"].encode("latin-1").decode() == value


def test_a_parameter_arrives_exactly(fetchkit_origin: OriginClient) -> None:
    told = {"plain": "1", "spaced": "a b", "odd": "a+b&c=d%41#é", "number": 7, "f-f": True}
    _, _, body = ask(fetchkit_origin.at("/get?first=1", **told))
    arguments = json.loads(body)["args"]
    assert {name: arguments[name] for name in ("first", *told)} == {
        "first": "1",
        **{name: str(value) for name, value in told.items()},
    }


def test_what_was_seen_is_told_oldest_first(fetchkit_origin: OriginClient) -> None:
    assert fetchkit_origin.seen() == []
    ask(fetchkit_origin.at("/bytes/10", "fail(1)"))
    ask(fetchkit_origin.at("/post", seed=7), "POST", b"12345")
    first, second = fetchkit_origin.seen()
    assert (first.method, first.status, first.size) == ("GET", 503, 0)
    assert first.target.startswith("/origin/bytes/10?token=")
    assert (second.method, second.status, second.size) == ("POST", 200, 5)
    assert second.header("content-LENGTH") == "5"
    assert second.header("nothing", "none") == "none"
    assert ("Content-Length", "5") in [(name.title(), value) for name, value in second.headers]
    assert second.values["complete"] is True
    fetchkit_origin.forget()
    assert fetchkit_origin.seen() == []


def test_fields_of_one_name_are_joined() -> None:
    request = Request("GET", "/", (("X-A", "1"), ("x-a", "2")), 0, 200, {})
    assert request.header("X-A") == "1, 2"


def test_seen_waits_for_requests_that_are_on_their_way(fetchkit_origin: OriginClient) -> None:
    url = fetchkit_origin.at("/get", "delay(300ms)")
    threads = [threading.Thread(target=ask, args=(url,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert len(fetchkit_origin.seen(wait=2)) == 2
    for thread in threads:
        thread.join()


async def test_an_asynchronous_test_waits_while_its_own_requests_go_on(
    fetchkit_origin: OriginClient,
) -> None:
    async with aiohttp.ClientSession() as session:

        async def fetch() -> int:
            await asyncio.sleep(0.2)
            async with session.get(fetchkit_origin.at("/get")) as response:
                return response.status

        asked = asyncio.create_task(fetch())
        assert [request.status for request in await fetchkit_origin.seen_async(wait=1)] == [200]
        assert await asked == 200


def test_a_script_answers_in_turn(fetchkit_origin: OriginClient) -> None:
    url = fetchkit_origin.script([{"status": 503}, {"body": "done"}])
    answers = [ask(url) for _ in range(3)]
    assert [(status, body) for status, _, body in answers] == [(503, b""), (200, b"done"), (200, b"done")]
    assert [request.status for request in fetchkit_origin.seen()] == [503, 200, 200]


def test_a_script_that_is_none_says_why(fetchkit_origin: OriginClient) -> None:
    with pytest.raises(FetchkitError, match="stauts") as failure:
        fetchkit_origin.script([{"stauts": 503}])
    assert "\n" not in str(failure.value)


_seen_before = list[OriginClient]()


@pytest.mark.parametrize("turn", [1, 2])
def test_two_tests_never_see_each_others_requests(turn: int, fetchkit_origin: OriginClient) -> None:
    assert fetchkit_origin.seen() == []
    assert fetchkit_origin.token not in [before.token for before in _seen_before]
    ask(fetchkit_origin.at("/get"))
    other = OriginClient(fetchkit_origin.url)
    ask(other.at("/get"))
    assert len(fetchkit_origin.seen()) == len(other.seen()) == 1, turn
    _seen_before.append(fetchkit_origin)


@pytest.mark.fetchkit(token="secret")
def test_the_access_token_is_in_every_url_and_in_no_report(
    fetchkit_server: Server, fetchkit_origin: OriginClient
) -> None:
    assert fetchkit_server.token == "secret"
    assert ask(f"{fetchkit_origin.url}/get")[0] == 403
    assert ask(fetchkit_origin.at("/get"))[0] == 200
    assert ask(fetchkit_origin.script([{"body": "done"}]))[2] == b"done"
    seen = fetchkit_origin.seen(wait=1)
    assert seen
    assert "secret" not in repr([request.values for request in seen])
    fetchkit_origin.forget()


def test_a_proxy_of_the_environment_is_not_asked(
    fetchkit_origin: OriginClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert fetchkit_origin.seen() == []


@pytest.fixture
def own_ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A development CA that is forgotten after the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.fetchkit(tls=True)
def test_the_certificate_of_the_server_is_known(own_ca: None, fetchkit_origin: OriginClient) -> None:
    del own_ca
    assert fetchkit_origin.url.startswith("https://")
    assert fetchkit_origin.seen() == []


@pytest.mark.fetchkit(no_origin=True)
def test_where_the_origin_is_off_a_sentence_says_so(fetchkit_origin: OriginClient) -> None:
    with pytest.raises(FetchkitError, match="origin"):
        fetchkit_origin.seen()


@pytest.mark.fetchkit(routes=Routes(origin="/upstream"))
def test_the_origins_own_prefix_is_used(fetchkit_origin: OriginClient) -> None:
    assert urlsplit(fetchkit_origin.at("/get")).path == "/upstream/get"
    assert ask(fetchkit_origin.at("/get"))[0] == 200
    assert len(fetchkit_origin.seen()) == 1
