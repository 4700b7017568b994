"""Clients as suites for httpbin use them, on httpbin and, with only the base URL changed, on the origin."""

import asyncio
import gzip
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    DigestAuthMiddleware,
    FormData,
    TooManyRedirects,
    encode_basic_auth,
)
from aiohttp import (
    CookieJar as AiohttpJar,
)

from .client import Request, send

# A loopback answer takes milliseconds; only a hang reaches this.
DEADLINE = 20.0


@pytest.fixture(params=["httpbin", "origin"])
def base(request: pytest.FixtureRequest) -> str:
    """The base URL: httpbin's, to show that the suite is one for it, then the origin's."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A client whose jar takes cookies from addresses."""
    timeout = ClientTimeout(total=DEADLINE)
    async with ClientSession(cookie_jar=AiohttpJar(unsafe=True), timeout=timeout) as client:
        yield client


class ClosingHandler(urllib.request.BaseHandler):
    """Closes a challenge before it is answered, which the standard library leaves to the collector."""

    handler_order = 100  # before those that answer

    def http_error_401(self, _request: Any, response: HTTPResponse, *_: Any) -> None:
        """Read it to its end; None leaves the rest to others."""
        response.read()
        response.close()


def opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """A client of the standard library that uses no proxy."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), ClosingHandler(), *handlers)


def read(client: urllib.request.OpenerDirector, url: str, **more: Any) -> tuple[HTTPResponse, bytes]:
    """An answer and its body."""
    with client.open(urllib.request.Request(url, **more), timeout=DEADLINE) as response:  # noqa: S310  http
        return response, response.read()


def passwords(base: str, user: str, passwd: str) -> urllib.request.HTTPPasswordMgrWithDefaultRealm:
    """What a client knows by heart."""
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, base, user, passwd)
    return known


# The standard library.


def test_urllib_gets_told_what_it_sent(base: str) -> None:
    response, body = read(
        opener(), f"{base}/get?a=1&b=two", headers={"X-Custom": "yes", "User-Agent": "tests"}
    )
    told = json.loads(body)
    assert response.status == 200
    assert told["args"] == {"a": "1", "b": "two"}
    assert told["headers"]["X-Custom"] == "yes"
    assert told["headers"]["User-Agent"] == "tests"
    assert told["url"] == f"{base}/get?a=1&b=two"


def test_urllib_posts_a_form(base: str) -> None:
    _, body = read(opener(), f"{base}/post", data=urlencode({"a": "1", "b": "ü"}).encode())
    assert json.loads(body)["form"] == {"a": "1", "b": "ü"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_urllib_sends_json_by_any_method(base: str, method: str) -> None:
    _, body = read(
        opener(),
        f"{base}/{method.lower()}",
        data=b'{"a": [1]}',
        method=method,
        headers={"Content-Type": "application/json"},
    )
    assert json.loads(body)["json"] == {"a": [1]}


@pytest.mark.parametrize("route", ["redirect", "relative-redirect", "absolute-redirect"])
def test_urllib_follows_redirects_to_their_end(base: str, route: str) -> None:
    response, body = read(opener(), f"{base}/{route}/4")
    assert response.url == f"{base}/get"
    assert json.loads(body)["url"] == f"{base}/get"


def test_urllib_gives_up_where_there_are_too_many(base: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="infinite loop") as caught:
        read(opener(), f"{base}/redirect/20")
    with caught.value as error:
        assert error.code == 302


def test_urllib_is_redirected_to_where_it_asked(base: str) -> None:
    response, _ = read(opener(), f"{base}/redirect-to?{urlencode({'url': f'{base}/headers'})}")
    assert response.url == f"{base}/headers"


def test_urllib_keeps_and_sends_cookies(base: str) -> None:
    jar = CookieJar()
    client = opener(urllib.request.HTTPCookieProcessor(jar))
    _, body = read(client, f"{base}/cookies/set?flavour=vanilla&size=2")
    assert json.loads(body) == {"cookies": {"flavour": "vanilla", "size": "2"}}
    assert {cookie.name: cookie.value for cookie in jar} == {"flavour": "vanilla", "size": "2"}
    _, body = read(client, f"{base}/cookies/set/size/3")
    assert json.loads(body) == {"cookies": {"flavour": "vanilla", "size": "3"}}
    _, body = read(client, f"{base}/cookies/delete?flavour")
    assert json.loads(body) == {"cookies": {"size": "3"}}
    _, body = read(client, f"{base}/cookies")
    assert json.loads(body) == {"cookies": {"size": "3"}}


def test_urllib_logs_in_by_basic(base: str) -> None:
    handler = urllib.request.HTTPBasicAuthHandler(passwords(base, "user", "secret"))
    _, body = read(opener(handler), f"{base}/basic-auth/user/secret")
    assert json.loads(body) == {"authenticated": True, "user": "user"}


def test_urllib_does_not_get_in_with_a_wrong_password(base: str) -> None:
    handler = urllib.request.HTTPBasicAuthHandler(passwords(base, "user", "wrong"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        read(opener(handler), f"{base}/basic-auth/user/secret")
    assert caught.value.code == 401


def test_urllib_logs_in_by_digest(base: str) -> None:
    handler = urllib.request.HTTPDigestAuthHandler(passwords(base, "user", "secret"))
    client = opener(handler, urllib.request.HTTPCookieProcessor())
    for _ in range(2):
        _, body = read(client, f"{base}/digest-auth/auth/user/secret")
        assert json.loads(body) == {"authenticated": True, "user": "user"}


def test_a_session_gets_the_cookies_of_a_digest_challenge(base: str) -> None:
    jar = CookieJar()
    client = opener(urllib.request.HTTPCookieProcessor(jar))
    with pytest.raises(urllib.error.HTTPError) as caught:
        read(client, f"{base}/digest-auth/auth/user/secret")
    caught.value.close()
    assert {cookie.name: cookie.value for cookie in jar} == {"fake": "fake_value", "stale_after": "never"}


@pytest.mark.parametrize("code", [400, 404, 418, 429, 500, 503])
def test_urllib_raises_for_statuses_of_errors(base: str, code: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        read(opener(), f"{base}/status/{code}")
    with caught.value as error:
        assert error.code == code


@pytest.mark.parametrize(
    ("route", "coding", "decode", "key"),
    [("gzip", "gzip", gzip.decompress, "gzipped"), ("deflate", "deflate", zlib.decompress, "deflated")],
)
def test_urllib_decodes_by_hand(base: str, route: str, coding: str, decode: Any, key: str) -> None:
    response, body = read(opener(), f"{base}/{route}")
    assert response.headers["Content-Encoding"] == coding
    assert int(response.headers["Content-Length"]) == len(body)
    assert json.loads(decode(body))[key] is True


def test_urllib_puts_a_download_together_from_ranges(base: str) -> None:
    client, parts = opener(), []
    for start in range(0, 1000, 256):
        last = min(start + 255, 999)
        response, body = read(client, f"{base}/range/1000", headers={"Range": f"bytes={start}-{last}"})
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{last}/1000"
        parts.append(body)
    assert b"".join(parts) == read(client, f"{base}/range/1000")[1]


def test_urllib_uses_a_validator_that_it_was_given(base: str) -> None:
    response, _ = read(opener(), f"{base}/cache")
    with pytest.raises(urllib.error.HTTPError) as caught:
        read(opener(), f"{base}/cache", headers={"If-None-Match": response.headers["ETag"]})
    with caught.value as error:
        assert error.code == 304


def test_a_connection_is_used_for_many_requests(base: str) -> None:
    place = urlsplit(base)
    assert place.hostname
    with closing(HTTPConnection(place.hostname, place.port, timeout=DEADLINE)) as connection:
        for method, path in (("GET", "get"), ("HEAD", "get"), ("GET", "status/204"), ("GET", "stream/2")):
            connection.request(method, f"{place.path}/{path}")
            response = connection.getresponse()
            response.read()
            assert response.status in (200, 204)


# aiohttp.


async def test_aiohttp_follows_redirects_and_knows_their_history(base: str, session: ClientSession) -> None:
    async with session.get(f"{base}/redirect/3") as response:
        assert str(response.url) == f"{base}/get"
        assert [past.status for past in response.history] == [302, 302, 302]


async def test_aiohttp_gives_up_where_there_are_too_many(base: str, session: ClientSession) -> None:
    with pytest.raises(TooManyRedirects):
        await session.get(f"{base}/redirect/5", max_redirects=3)


@pytest.mark.parametrize(("code", "method"), [(303, "GET"), (307, "POST"), (308, "POST")])
async def test_aiohttp_keeps_or_changes_the_method(
    base: str, session: ClientSession, code: int, method: str
) -> None:
    url = f"{base}/redirect-to?url={base}/anything&status_code={code}"
    async with session.post(url, data=b"body") as response:
        told = await response.json()
    assert (told["method"], told["data"]) == (method, "body" if method == "POST" else "")


async def test_aiohttp_keeps_and_sends_cookies(base: str, session: ClientSession) -> None:
    async with session.get(f"{base}/cookies/set?a=1&b=two%20words") as response:
        assert await response.json() == {"cookies": {"a": "1", "b": "two words"}}
    async with session.get(f"{base}/cookies/delete?a") as response:
        assert await response.json() == {"cookies": {"b": "two words"}}


async def test_aiohttp_logs_in_by_basic(base: str, session: ClientSession) -> None:
    headers = {"Authorization": encode_basic_auth("user", "secret")}
    for route in ("basic-auth", "hidden-basic-auth"):
        async with session.get(f"{base}/{route}/user/secret", headers=headers) as response:
            assert await response.json() == {"authenticated": True, "user": "user"}
    async with session.get(f"{base}/hidden-basic-auth/user/secret") as response:
        assert response.status == 404


async def test_aiohttp_shows_its_token(base: str, session: ClientSession) -> None:
    async with session.get(f"{base}/bearer", headers={"Authorization": "Bearer abc"}) as response:
        assert await response.json() == {"authenticated": True, "token": "abc"}
    async with session.get(f"{base}/bearer") as response:
        assert (response.status, response.headers["WWW-Authenticate"].partition(" ")[0]) == (401, "Bearer")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
async def test_aiohttp_logs_in_by_digest(base: str, qop: str, algorithm: str) -> None:
    digest = DigestAuthMiddleware("user", "secret")
    async with ClientSession(middlewares=(digest,), timeout=ClientTimeout(total=DEADLINE)) as client:
        for _ in range(2):
            async with client.get(f"{base}/digest-auth/{qop}/user/secret/{algorithm}") as response:
                assert response.status == 200
                assert await response.json() == {"authenticated": True, "user": "user"}


async def test_aiohttp_is_refused_by_digest_with_a_wrong_password(base: str) -> None:
    digest = DigestAuthMiddleware("user", "wrong")
    async with (
        ClientSession(middlewares=(digest,), timeout=ClientTimeout(total=DEADLINE)) as client,
        client.get(f"{base}/digest-auth/auth/user/secret") as response,
    ):
        assert response.status == 401


@pytest.mark.parametrize(
    ("route", "key"), [("gzip", "gzipped"), ("deflate", "deflated"), ("brotli", "brotli")]
)
async def test_aiohttp_decodes_each_coding(base: str, session: ClientSession, route: str, key: str) -> None:
    async with session.get(f"{base}/{route}") as response:
        told = await response.json()
    assert (told[key], told["method"]) == (True, "GET")


async def test_aiohttp_reads_a_stream_line_by_line(base: str, session: ClientSession) -> None:
    async with session.get(f"{base}/stream/20?a=1") as response:
        assert "Content-Length" not in response.headers
        lines = [json.loads(line) async for line in response.content]
    assert [line["id"] for line in lines] == list(range(20))
    assert all(line["args"] == {"a": "1"} for line in lines)


async def test_aiohttp_reads_a_drip_as_it_comes(base: str, session: ClientSession) -> None:
    began = asyncio.get_running_loop().time()
    async with session.get(f"{base}/drip?duration=0.4&numbytes=4&code=202&delay=0.1") as response:
        assert (response.status, await response.read()) == (202, b"****")
    # httpbin pauses behind each byte, the origin between two: from the first to the last.
    assert asyncio.get_running_loop().time() - began >= 0.4


async def test_aiohttp_gives_up_on_a_delay(base: str, session: ClientSession) -> None:
    with pytest.raises(TimeoutError):
        await session.get(f"{base}/delay/2", timeout=ClientTimeout(total=0.3))


async def test_aiohttp_uploads_files_and_fields(base: str, session: ClientSession) -> None:
    form = FormData()
    form.add_field("name", "value")
    form.add_field("file", b"text of a file", filename="a.txt", content_type="text/plain")
    form.add_field("binary", b"\xff\x00", filename="a.bin", content_type="application/octet-stream")
    async with session.post(f"{base}/post", data=form) as response:
        told = await response.json()
    assert told["form"] == {"name": "value"}
    assert told["files"] == {
        "file": "text of a file",
        "binary": "data:application/octet-stream;base64,/wA=",
    }


async def test_aiohttp_uploads_a_stream_in_chunks(base: str, session: ClientSession) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(5):
            yield f"piece {number};".encode()

    async with session.put(f"{base}/put", data=pieces()) as response:
        told = await response.json()
    assert told["data"] == "piece 0;piece 1;piece 2;piece 3;piece 4;"
    assert told["headers"]["Transfer-Encoding"] == "chunked"


async def test_aiohttp_asks_many_things_at_once(base: str, session: ClientSession) -> None:
    async def one(number: int) -> str:
        async with session.get(f"{base}/get?n={number}") as response:
            return str((await response.json())["args"]["n"])

    assert await asyncio.gather(*map(one, range(40))) == [str(number) for number in range(40)]


async def test_aiohttp_gets_the_image_that_it_accepts(base: str, session: ClientSession) -> None:
    starts = {"png": b"\x89PNG\r\n", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF"}
    for kind, start in starts.items():
        async with session.get(f"{base}/image", headers={"Accept": f"image/{kind}"}) as response:
            assert response.content_type == f"image/{kind}"
            assert (await response.read()).startswith(start)


async def test_aiohttp_retries_by_chance_until_it_succeeds(origin: str, session: ClientSession) -> None:
    """go-httpbin's `/unstable`, which httpbin does not have."""
    statuses = []
    for _ in range(200):
        async with session.get(f"{origin}/unstable?failure_rate=0.5&seed=clients&token=clients") as response:
            statuses.append(response.status)
        if response.status == 200 and 500 in statuses:
            break
    assert {200, 500} == set(statuses)


def crawled(base: str) -> Iterator[str]:
    """Every link of a page of links."""
    for line in send(base, Request("GET", "/links/5/0")).body.decode().split("href=")[1:]:
        yield line[1:].partition(line[0])[0]


def test_a_crawler_finds_pages_behind_links(base: str) -> None:
    place = urlsplit(base)
    links = list(crawled(base))
    assert len(links) == 4
    for link in links:
        response, _ = read(opener(), f"{place.scheme}://{place.netloc}{link}")
        assert response.status == 200


async def test_a_body_that_is_cut_is_no_success(origin: str, session: ClientSession) -> None:
    """What httpbin cannot do, by one word in the query of its own path."""
    async with session.get(f"{origin}/bytes/1000?pipe=cut(50%25)") as response:
        with pytest.raises(ClientError):
            await response.read()
