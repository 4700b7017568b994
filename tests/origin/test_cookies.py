"""Tests of the cookies of the origin."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.cookies import ROUTES, cookies_of, set_cookie
from fetchkit.origin.settings import Origin, Shape

from .asking import ask, asked_for, json_of

GO = Origin(shape=Shape.GO_HTTPBIN)


def cookies_in(answer: Answer) -> list[str]:
    return [value for name, value in answer.fields if name == "Set-Cookie"]


async def test_cookies_are_told_back_in_the_shape_of_the_peer() -> None:
    cookie = ("Cookie", "a=1; b=x=y")
    assert json_of(await ask(ROUTES, "/cookies", cookie)) == {"cookies": {"a": "1", "b": "x=y"}}
    assert json_of(await ask(ROUTES, "/cookies", cookie, settings=GO)) == {"a": "1", "b": "x=y"}


@pytest.mark.parametrize(
    ("lines", "cookies"),
    [
        ([], {}),
        ([""], {}),
        (["a=1;b=2 ;  c="], {"a": "1", "b": "2", "c": ""}),
        (["a=1", "b=2"], {"a": "1", "b": "2"}),
        (["a=near; a=far"], {"a": "near"}),
        (['a="b c"; b="'], {"a": "b c", "b": '"'}),
        (["alone; =x; ;;"], {"": "x"}),
        (["a=\udcff"], {"a": "\udcff"}),
    ],
)
def test_cookies_are_read(lines: list[str], cookies: dict[str, str]) -> None:
    _, asked = asked_for(ROUTES, "/cookies", headers=[("Cookie", line) for line in lines])
    assert cookies_of(asked) == cookies


async def test_cookies_are_set_for_the_origin_alone_and_lead_to_the_list() -> None:
    answer = await ask(ROUTES, "/cookies/set?a=1&b=x%20y&pipe=no-cors&token=t")
    assert (answer.status, answer.get("Location")) == (302, "/origin/cookies")
    assert cookies_in(answer) == ["a=1; Path=/origin", 'b="x y"; Path=/origin']


async def test_one_cookie_is_set_by_the_path() -> None:
    answer = await ask(ROUTES, "/cookies/set/name/a%3D%2Fb?attr[HttpOnly]=1")
    assert (answer.status, answer.get("Location")) == (302, "/origin/cookies")
    assert cookies_in(answer) == ["name=a=/b; Path=/origin; HttpOnly"]


@pytest.mark.parametrize(
    ("query", "attributes"),
    [
        ("attr[Path]=/", "Path=/"),
        ("attr%5Bpath%5D=/x", "Path=/x"),
        ("attr[Secure]=true&attr[SameSite]=None", "Path=/origin; Secure; SameSite=None"),
        ("attr[Secure]", "Path=/origin; Secure"),
        ("attr[Secure]=0", "Path=/origin"),
        ("attr[Domain]=localhost&attr[Max-Age]=60", "Path=/origin; Domain=localhost; Max-Age=60"),
        ("attr[Partitioned]=1", "Path=/origin; Partitioned"),
    ],
)
async def test_attributes_are_for_all_cookies(query: str, attributes: str) -> None:
    answer = await ask(ROUTES, f"/cookies/set?a=1&{query}&b=2")
    assert cookies_in(answer) == [f"a=1; {attributes}", f"b=2; {attributes}"]


async def test_the_shape_of_go_httpbin_sets_http_only_unless_told_otherwise() -> None:
    assert cookies_in(await ask(ROUTES, "/cookies/set?a=1", settings=GO)) == ["a=1; Path=/origin; HttpOnly"]
    answer = await ask(ROUTES, "/cookies/set?a=1&attr[HttpOnly]=false", settings=GO)
    assert cookies_in(answer) == ["a=1; Path=/origin"]


def test_cookies_are_secure_where_the_request_was() -> None:
    route, asked = asked_for(ROUTES, "/cookies/set?a=1")
    answer = route.handler(evolve(asked, scheme="https"))
    assert isinstance(answer, Answer)
    assert cookies_in(answer) == ["a=1; Path=/origin; Secure"]


async def test_cookies_are_deleted_with_the_same_path() -> None:
    answer = await ask(ROUTES, "/cookies/delete?a&b=ignored&attr[Path]=/")
    assert (answer.status, answer.get("Location")) == (302, "/origin/cookies")
    gone = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/"
    assert cookies_in(answer) == [f"a=; {gone}", f"b=; {gone}"]


@pytest.mark.parametrize(
    "query",
    [
        *("a%3Bb=1", "=1", "a=%3B", "a=%22", "a=%5C", "a=%0A", "a=%00", "a=%C3%BC", "a=%FF", "%20a=1"),
        *("attr[Priority]=High", "attr[Path]=/%3B", "attr[Path]=%0A", "attr[Secure]=perhaps"),
        "fetchkit-token=x",
    ],
)
async def test_what_no_cookie_can_have_is_refused(query: str) -> None:
    with pytest.raises(BadRequestError):
        await ask(ROUTES, f"/cookies/set?b=1&{query}")


@given(st.text(), st.text() | st.text('az09 ,;="\\%()'))
def test_a_cookie_that_can_be_set_is_read_as_it_was(name: str, value: str) -> None:
    try:
        _, line = set_cookie(name, value)
    except BadRequestError:
        return
    assert line.isascii()
    assert line.isprintable()
    _, asked = asked_for(ROUTES, "/cookies", headers=[("Cookie", line)])
    assert cookies_of(asked) == {name: value}
