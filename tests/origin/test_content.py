"""Tests of fixed content: pages, documents, images, links, the form, and base64."""

import base64
import contextlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from aiohttp import ClientSession
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from fetchkit.errors import BadRequestError, NotFoundError
from fetchkit.origin.answer import Answer
from fetchkit.origin.content import ROUTES, accepted_image, decode, encode
from fetchkit.origin.parameters import parse_query
from fetchkit.origin.settings import Origin
from tests.conftest import Serve

from .asking import ask, asked_for, body_of, json_of

SIGNATURES = {
    "png": (b"\x89PNG\r\n\x1a\n", "image/png"),
    "jpeg": (b"\xff\xd8\xff", "image/jpeg"),
    "webp": (b"RIFF", "image/webp"),
    "svg": (b"<svg", "image/svg+xml"),
}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/html", "text/html; charset=utf-8"),
        ("/json", "application/json"),
        ("/xml", "application/xml"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/deny", "text/plain; charset=utf-8"),
        ("/encoding/utf8", "text/html; charset=utf-8"),
        ("/forms/post", "text/html; charset=utf-8"),
    ],
)
async def test_documents_have_their_type_and_size(path: str, content_type: str) -> None:
    answer = await ask(ROUTES, path)
    assert (answer.status, answer.get("Content-Type")) == (200, content_type)
    assert answer.size == len(body_of(answer)) > 0


async def test_the_documents_are_what_they_say() -> None:
    slides = json_of(await ask(ROUTES, "/json"))["slideshow"]["slides"]
    root = ET.fromstring(body_of(await ask(ROUTES, "/xml")))  # noqa: S314  our own
    assert (root.tag, len(root)) == ("slideshow", len(slides))
    assert b"<h1>" in body_of(await ask(ROUTES, "/html"))
    text = body_of(await ask(ROUTES, "/encoding/utf8")).decode()
    assert {len(letter.encode()) for letter in text} == {1, 2, 3, 4}
    assert body_of(await ask(ROUTES, "/robots.txt")) == b"User-agent: *\nDisallow: /origin/deny\n"


@pytest.mark.parametrize("kind", SIGNATURES)
async def test_an_image_is_one_and_has_an_etag_and_ranges(kind: str) -> None:
    signature, content_type = SIGNATURES[kind]
    answer = await ask(ROUTES, f"/image/{kind}")
    body = body_of(answer)
    assert body.startswith(signature)
    assert answer.get("Content-Type") == content_type
    tag = answer.get("ETag") or ""
    assert re.fullmatch('"[0-9a-f]+"', tag)
    part = await ask(ROUTES, f"/image/{kind}", ("Range", "bytes=4-9"), ("If-Range", tag))
    assert (part.status, body_of(part)) == (206, body[4:10])
    assert (await ask(ROUTES, f"/image/{kind}", ("If-None-Match", tag))).status == 304


async def test_no_two_images_share_a_tag() -> None:
    assert len({(await ask(ROUTES, f"/image/{kind}")).get("ETag") for kind in SIGNATURES}) == len(SIGNATURES)


@pytest.mark.parametrize("kind", ["gif", "../page", "PNG", "%2e%2e%2fform.html"])
async def test_other_images_are_not_found(kind: str) -> None:
    route, asked = asked_for(ROUTES, "/image/png")
    with pytest.raises(NotFoundError, match="no image"):
        route.handler(evolve(asked, arguments={"kind": kind}))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "png"),
        ("", "png"),
        (" ", "png"),
        ("*/*", "png"),
        ("image/*", "png"),
        ("image/png", "png"),
        ("image/jpeg", "jpeg"),
        ("image/webp", "webp"),
        ("IMAGE/SVG+XML", "svg"),
        ("image/jpeg, image/webp", "webp"),
        ("image/jpeg, image/webp;q=0.5", "jpeg"),
        ("image/jpeg;q=0.8 , image/png;x=y;q=0.9", "png"),
        ("image/*;q=0.9, image/png;q=0.1", "webp"),
        ("image/*, image/png;q=0, image/webp;q=0", "svg"),
        ("text/html, */*;q=0.1", "png"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "webp"),
        ("text/html", None),
        ("image/gif", None),
        ("image/*;q=0", None),
        ("image/png;q=0.000", None),
        (",;,garbage,,image/jpeg", "jpeg"),
    ],
)
async def test_the_image_is_the_one_that_is_wanted_most(accept: str | None, kind: str | None) -> None:
    assert accepted_image(accept) == kind
    answer = await ask(ROUTES, "/image", *([] if accept is None else [("Accept", accept)]))
    assert answer.get("Vary") == "Accept"
    if kind is None:
        assert answer.status == 406
        assert "image/webp" in json_of(answer)["accept"]
    else:
        assert answer.get("Content-Type") == SIGNATURES[kind][1]


@given(st.text())
def test_no_accept_field_is_too_odd(accept: str) -> None:
    assert accepted_image(accept) in (*SIGNATURES, None)


async def test_links_lead_to_the_other_pages() -> None:
    first = await ask(ROUTES, "/links/3")
    assert (first.status, first.get("Location")) == (302, "/origin/links/3/0")
    page = body_of(await ask(ROUTES, "/links/3/1")).decode()
    assert re.findall('href="([^"]*)"', page) == ["/origin/links/3/0", "/origin/links/3/2"]
    assert "href" not in body_of(await ask(ROUTES, "/links/0/0")).decode()


@pytest.mark.parametrize(
    "path", ["/links/11", "/links/11/0", "/links/-1", "/links/x/0", "/links/3/-1", "/links/3/x"]
)
async def test_links_beyond_the_limit_are_a_bad_request(path: str) -> None:
    assert (await ask(ROUTES, "/links/10/0", settings=Origin(max_items=10))).status == 200
    with pytest.raises(BadRequestError):
        await ask(ROUTES, path, settings=Origin(max_items=10))


async def test_the_form_is_sent_to_the_route_that_tells_it_back() -> None:
    forms: list[dict[str, str | None]] = []
    names: set[str | None] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "form":
                forms.append(dict(attrs))
            elif tag in ("input", "textarea"):
                names.add(dict(attrs)["name"])

    Reader().feed(body_of(await ask(ROUTES, "/forms/post")).decode())
    assert forms == [{"method": "post", "action": "/origin/post"}]
    assert len(names) > 4


def translated(way: str, value: str, query: str = "") -> Answer:
    _, asked = asked_for(ROUTES, "/html")
    handler = {"encode": encode, "decode": decode}[way]
    return handler(evolve(asked, arguments={"value": value}, query=parse_query(query)))


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("ZmV0Y2hraXQ=", b"fetchkit"),
        ("ZmV0Y2hraXQ", b"fetchkit"),
        ("_-8=", b"\xff\xef"),
        ("/+8=", b"\xff\xef"),
        ("/+8", b"\xff\xef"),
        ("YQ==", b"a"),
    ],
)
def test_base64_of_either_alphabet_is_decoded(value: str, data: bytes) -> None:
    answer = translated("decode", value)
    assert (answer.status, body_of(answer)) == (200, data)
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "value", ["", "=", "a", "a===", "YQ=a", "%%%", "ü", "YQ\n", "YQ=", "YWE==", "ZmV0Y", "YQ== "]
)
def test_what_is_no_base64_is_a_bad_request(value: str) -> None:
    with pytest.raises(BadRequestError):
        translated("decode", value)


@given(st.binary(min_size=1, max_size=100))
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    encoded = body_of(translated("encode", text)).decode()
    assert encoded == base64.urlsafe_b64encode(data).decode()
    assert body_of(translated("decode", encoded)) == data


@given(st.text())
def test_nothing_to_decode_is_more_than_a_bad_request(text: str) -> None:
    with contextlib.suppress(BadRequestError):
        assert translated("decode", text).status == 200


def test_the_type_of_what_was_translated_may_be_chosen() -> None:
    assert translated("decode", "YQ==", "content-type=text/html").get("Content-Type") == "text/html"
    with pytest.raises(BadRequestError):
        translated("encode", "a", "content-type=a%0d%0ab")


async def test_base64_of_the_standard_alphabet_has_slashes_and_plus_signs(serve: Serve) -> None:
    server = await serve()
    async with ClientSession() as session:
        for path, data in (("//+8", b"\xff\xff\xbc"), ("decode//+8=", b"\xff\xef"), ("encode/a/b", b"YS9i")):
            url = URL(f"http://127.0.0.1:{server.port}/origin/base64/{path}", encoded=True)
            async with session.get(url) as response:
                assert await response.read() == data
