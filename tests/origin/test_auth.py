"""Tests of authentication: Basic, Bearer and Digest, the latter with a client of its own."""

import base64
import hashlib
import re
import secrets
import time
from typing import Any

import pytest
from aiohttp import ClientSession, DigestAuthMiddleware
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError
from fetchkit.origin.answer import Answer
from fetchkit.origin.auth import ROUTES
from fetchkit.origin.settings import Origin, Shape
from tests.conftest import Serve

from .asking import ask, body_of, json_of

GO = Origin(shape=Shape.GO_HTTPBIN)


def basic(user: str, passwd: str, scheme: str = "Basic") -> tuple[str, str]:
    return "Authorization", f"{scheme} {base64.b64encode(f'{user}:{passwd}'.encode()).decode()}"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("user/passwd", basic("user", "passwd")),
        ("user/passwd", basic("user", "passwd", "bAsIc ")),
        ("user/pass%3Awd", basic("user", "pass:wd")),
        ("%C3%BC/%F0%9F%98%80", basic("ü", "😀")),
    ],
)
async def test_who_knows_user_and_password_gets_in(path: str, field: tuple[str, str]) -> None:
    for route in ("basic-auth", "hidden-basic-auth"):
        answer = await ask(ROUTES, f"/{route}/{path}", field)
        assert answer.status == 200
        told = json_of(answer)
        assert told == {"authenticated": True, "user": told["user"]}
        told = json_of(await ask(ROUTES, f"/{route}/{path}", field, settings=GO))
        assert told == {"authenticated": True, "user": told["user"], "authorized": True}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("user/passwd", []),
        ("user/passwd", [("Authorization", "")]),
        ("user/passwd", [("Authorization", "Basic")]),
        ("user/passwd", [("Authorization", "Basic !!!")]),
        ("user/passwd", [("Authorization", "Basic \udcff")]),
        ("user/passwd", [basic("user", "passwd", "Bearer")]),
        ("user/passwd", [basic("user", "Passwd")]),
        ("user/passwd", [basic("user", "passwd ")]),
        ("user/passwd", [basic("", "")]),
        ("us%3Aer/passwd", [basic("us:er", "passwd")]),
    ],
)
async def test_who_does_not_know_them_is_asked_or_finds_nothing(
    path: str, fields: list[tuple[str, str]]
) -> None:
    answer = await ask(ROUTES, f"/basic-auth/{path}", *fields)
    assert (answer.status, answer.get("WWW-Authenticate")) == (401, 'Basic realm="Fake Realm"')
    hidden = await ask(ROUTES, f"/hidden-basic-auth/{path}", *fields)
    assert (hidden.status, hidden.get("WWW-Authenticate"), body_of(hidden)) == (404, None, b"")


async def test_the_shape_of_go_httpbin_says_who_failed() -> None:
    answer = await ask(ROUTES, "/basic-auth/user/passwd", basic("other", "x"), settings=GO)
    assert answer.status == 401
    assert json_of(answer) == {"authenticated": False, "user": "other", "authorized": False}


async def test_any_bearer_token_is_told_back() -> None:
    for scheme in ("Bearer", "bearer"):
        answer = await ask(ROUTES, "/bearer", ("Authorization", f"{scheme} a.b-c_d~e+f/g=="))
        assert json_of(answer) == {"authenticated": True, "token": "a.b-c_d~e+f/g=="}


@pytest.mark.parametrize(
    "value", [None, "", "Bearer", "Bearer ", "Bearer a b", "Basic abcd", "Bearera", "Bearer ü"]
)
async def test_what_is_no_bearer_token_is_asked_for_one(value: str | None) -> None:
    fields = [] if value is None else [("Authorization", value)]
    answer = await ask(ROUTES, "/bearer", *fields)
    assert (answer.status, answer.get("WWW-Authenticate")) == (401, 'Bearer realm="Fake Realm"')


def challenge_of(answer: Answer) -> dict[str, str]:
    assert answer.status == 401
    value = answer.get("WWW-Authenticate") or ""
    assert value.startswith("Digest ")
    return {
        name: quoted or bare for name, quoted, bare in re.findall(r'([a-z]+)=(?:"([^"]*)"|([^," ]+))', value)
    }


def cookies_in(answer: Answer) -> dict[str, str]:
    pairs = (value.partition(";")[0].partition("=") for name, value in answer.fields if name == "Set-Cookie")
    return {name: value for name, _, value in pairs}


def digest(challenge: dict[str, str], target: str, **changed: Any) -> tuple[str, str]:
    """What a client answers to a challenge (RFC 7616, section 3.4)."""
    how = {
        "method": "GET", "user": "user", "passwd": "passwd", "qop": "auth", "nc": "00000001", "body": b"",
        "cnonce": secrets.token_hex(8), "realm": challenge["realm"], "nonce": challenge["nonce"],
        "algorithm": challenge["algorithm"], "uri": f"/origin{target}",
    } | changed  # fmt: skip

    def h(*parts: str) -> str:
        name = how["algorithm"].removesuffix("-sess").lower().replace("-", "")
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()

    secret = h(how["user"], how["realm"], how["passwd"])
    if how["algorithm"].endswith("-sess"):
        secret = h(secret, how["nonce"], how["cnonce"])
    request = [how["method"], how["uri"]]
    if how["qop"] == "auth-int":
        request.append(h(how["body"].decode()))
    middle = [how["nonce"], how["nc"], how["cnonce"], how["qop"]] if how["qop"] else [how["nonce"]]
    response = changed.get("response", h(secret, *middle, h(*request)))
    value = (
        f'Digest username="{how["user"]}", realm="{how["realm"]}", nonce="{how["nonce"]}", '
        f'uri="{how["uri"]}", algorithm={how["algorithm"]}, response="{response}", '
        f'opaque="{challenge["opaque"]}"'
    )
    value += f', cnonce="{how["cnonce"]}"'
    if how["qop"]:
        value += f", qop={how['qop']}, nc={how['nc']}"
    return "Authorization", value


@pytest.mark.parametrize("algorithm", ["", "/MD5", "/SHA-256", "/SHA-512", "/MD5-sess", "/SHA-256-sess"])
@pytest.mark.parametrize(
    ("offer", "qop"),
    [("auth", "auth"), ("auth-int", "auth-int"), ("both", "auth"), ("both", "auth-int"), ("auth", None)],
)
@pytest.mark.parametrize("query", ["", "?a=b&c=%20"])
async def test_a_right_digest_gets_in(algorithm: str, offer: str, qop: str | None, query: str) -> None:
    target = f"/digest-auth/{offer}/user/passwd{algorithm}{query}"
    challenge = challenge_of(await ask(ROUTES, target))
    assert challenge["algorithm"] == (algorithm.lstrip("/") or "MD5")
    assert challenge["qop"] == ("auth, auth-int" if offer == "both" else offer)
    assert challenge["stale"] == "false"
    answer = await ask(
        ROUTES,
        target,
        digest(challenge, target, method="POST", body=b"x", qop=qop),
        method="POST",
        pieces=[b"x"],
    )
    assert answer.status == 200
    assert json_of(answer) == {"authenticated": True, "user": "user"}


TARGET = "/digest-auth/auth/user/passwd"


@pytest.mark.parametrize(
    "changed",
    [
        {"user": "other"},
        {"passwd": "wrong"},
        {"realm": "other"},
        {"method": "POST"},
        {"uri": "/origin/digest-auth/auth/user/other"},
        {"uri": f"/origin{TARGET}?a=b"},
        {"qop": "auth-int"},
        {"qop": "other"},
        {"algorithm": "SHA-256"},
        {"nc": "1"},
        {"nc": "0000000g"},
        {"cnonce": ""},
        {"nonce": "wrong"},
        {"nonce": "0-0-0"},
        {"response": "0" * 32},
        {"response": "\udcff"},
        {"response": ""},
    ],
    ids=str,
)
async def test_a_wrong_digest_is_asked_again(changed: dict[str, str]) -> None:
    challenge = challenge_of(await ask(ROUTES, TARGET))
    answer = await ask(ROUTES, TARGET, digest(challenge, TARGET, **changed))
    again = challenge_of(answer)
    assert again["stale"] == "false"
    assert again["nonce"] != challenge["nonce"]


@pytest.mark.parametrize(
    ("known", "changed"),
    [
        ('username="user"', 'username="other"'),
        ('username="user"', 'username="user", username="other"'),
        ("Digest", "Digest and"),
        ('username="user"', 'username="user'),
        ("opaque=", "and opaque="),
        ("nc=00000001", "nc=00000001, nonsense"),
    ],
)
async def test_a_right_response_with_wrong_words_around_it_is_asked_again(known: str, changed: str) -> None:
    challenge = challenge_of(await ask(ROUTES, TARGET))
    name, value = digest(challenge, TARGET)
    assert (await ask(ROUTES, TARGET, (name, value))).status == 200
    assert (await ask(ROUTES, TARGET, (name, value.replace(known, changed)))).status == 401


async def test_a_nonce_of_somebody_else_is_no_cookie() -> None:
    target = f"{TARGET}/MD5/1"
    challenge = challenge_of(await ask(ROUTES, target))
    answer = await ask(ROUTES, target, digest(challenge, target, nonce="a;b"))
    assert (answer.status, cookies_in(answer)) == (401, {"stale_after": "1", "fake": "fake_value"})


async def test_an_absolute_uri_is_the_request_too() -> None:
    challenge = challenge_of(await ask(ROUTES, TARGET))
    uri = f"http://127.0.0.1:6931/origin{TARGET}"
    assert (await ask(ROUTES, TARGET, digest(challenge, TARGET, uri=uri))).status == 200


async def test_a_body_that_was_changed_is_found_out() -> None:
    target = "/digest-auth/auth-int/user/passwd"
    challenge = challenge_of(await ask(ROUTES, target))
    field = digest(challenge, target, qop="auth-int", body=b"sent", method="POST")
    assert (await ask(ROUTES, target, field, method="POST", pieces=[b"sent"])).status == 200
    assert (await ask(ROUTES, target, field, method="POST", pieces=[b"changed"])).status == 401


async def test_a_user_in_utf_8_gets_in_by_the_extended_parameter() -> None:
    target = "/digest-auth/auth/%C3%BC/passwd"
    challenge = challenge_of(await ask(ROUTES, target))
    name, value = digest(challenge, target, user="ü")
    for username in ('username="ü"', "username*=UTF-8''%C3%BC"):
        field = (name, value.replace('username="ü"', username))
        assert json_of(await ask(ROUTES, target, field)) == {"authenticated": True, "user": "ü"}


async def test_an_old_nonce_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = challenge_of(await ask(ROUTES, TARGET))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 290)
    assert (await ask(ROUTES, TARGET, digest(challenge, TARGET))).status == 200
    monkeypatch.setattr(time, "time", lambda: now + 310)
    again = challenge_of(await ask(ROUTES, TARGET, digest(challenge, TARGET)))
    assert again["stale"] == "true"
    wrong = challenge_of(await ask(ROUTES, TARGET, digest(challenge, TARGET, passwd="wrong")))
    assert wrong["stale"] == "false"  # true would say that the password was right
    assert (await ask(ROUTES, TARGET, digest(again, TARGET))).status == 200


@pytest.mark.parametrize("target", [f"{TARGET}/MD5/2", f"{TARGET}/2"])
async def test_a_nonce_is_stale_after_so_many_uses_by_its_count(target: str) -> None:
    challenge = challenge_of(await ask(ROUTES, target))
    for count, status in ((1, 200), (2, 200), (3, 401)):
        answer = await ask(ROUTES, target, digest(challenge, target, nc=f"{count:08x}"))
        assert answer.status == status
    again = challenge_of(answer)
    assert again["stale"] == "true"
    assert (await ask(ROUTES, target, digest(again, target))).status == 200


async def test_clients_without_a_count_are_counted_by_cookies() -> None:
    target = f"{TARGET}/SHA-256/2"
    first = await ask(ROUTES, target)
    challenge, jar = challenge_of(first), cookies_in(first)
    assert jar == {"stale_after": "2", "fake": "fake_value"}
    for status in (200, 200, 401):
        cookie = ("Cookie", "; ".join(f"{name}={value}" for name, value in jar.items()))
        answer = await ask(ROUTES, target, digest(challenge, target, qop=None), cookie)
        assert answer.status == status
        jar |= cookies_in(answer)
    assert challenge_of(answer)["stale"] == "true"
    assert jar == {"stale_after": "2", "last_nonce": challenge["nonce"], "fake": "fake_value"}
    cookie = ("Cookie", "; ".join(f"{name}={value}" for name, value in jar.items()))
    answer = await ask(ROUTES, target, digest(challenge, target, qop=None), cookie)
    assert challenge_of(answer)["stale"] == "true"  # that nonce stays used up


@pytest.mark.parametrize("target", [TARGET, f"{TARGET}/MD5", f"{TARGET}/MD5/never", f"{TARGET}/never"])
async def test_a_route_without_a_limit_sets_the_cookies_of_httpbin_in_its_shape_alone(target: str) -> None:
    first = await ask(ROUTES, target)
    assert cookies_in(first) == {"stale_after": "never", "fake": "fake_value"}
    answer = await ask(ROUTES, target, digest(challenge_of(first), target), ("Cookie", "stale_after=never"))
    assert (answer.status, cookies_in(answer)) == (200, {"stale_after": "never", "fake": "fake_value"})
    first = await ask(ROUTES, target, settings=GO)
    assert cookies_in(first) == {}
    answer = await ask(ROUTES, target, digest(challenge_of(first), target), settings=GO)
    assert (answer.status, cookies_in(answer)) == (200, {})


async def test_a_cookie_may_be_required() -> None:
    target = f"{TARGET}?require-cookie=1"
    first = await ask(ROUTES, target)
    challenge = challenge_of(first)
    assert cookies_in(first) == {"stale_after": "never", "fake": "fake_value"}
    assert cookies_in(await ask(ROUTES, target, settings=GO)) == {"fake": "fake_value"}
    field = digest(challenge, target)
    assert (await ask(ROUTES, target, field)).status == 401
    wrong = await ask(ROUTES, target, field, ("Cookie", "other=1"))
    assert wrong.status == 403
    assert json_of(wrong) == {"errors": ["missing cookie set on challenge"]}
    assert (await ask(ROUTES, target, field, ("Cookie", "fake=fake_value"))).status == 200


@pytest.mark.parametrize(
    "rest", ["/SHA-1", "/x", "/MD5/x", "/MD5/-1", "/MD5/99999999999999999999", "?require-cookie=x"]
)
async def test_what_is_not_offered_is_a_bad_request(rest: str) -> None:
    with pytest.raises(BadRequestError):
        await ask(ROUTES, TARGET + rest)


@pytest.mark.parametrize(
    "value",
    [
        *("", "Digest", "Digest ", "Digest x", "Digest a=b c=d", 'Digest a="b', "Basic eDp5", "Digest ,,"),
        *("Digest nonce=1, nonce=2", "Digest username*=x", "Digest username*=UTF-8'%FF, uri=x"),
    ],
)
async def test_malformed_credentials_are_asked_again(value: str) -> None:
    challenge_of(await ask(ROUTES, TARGET, ("Authorization", value)))


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512"])
async def test_a_client_that_others_wrote_gets_in(serve: Serve, qop: str, algorithm: str) -> None:
    server = await serve()
    url = f"http://127.0.0.1:{server.port}/origin/digest-auth/{qop}/user/passwd/{algorithm}/2?a=b"
    async with ClientSession(middlewares=(DigestAuthMiddleware("user", "passwd"),)) as session:
        for _ in range(5):  # every third one finds its nonce stale, and goes on with a new one
            async with session.post(url, data=b"body") as response:
                assert response.status == 200
                assert await response.json() == {"authenticated": True, "user": "user"}
    wrong = DigestAuthMiddleware("user", "wrong")
    async with ClientSession(middlewares=(wrong,)) as session, session.post(url, data=b"body") as response:
        assert response.status == 401


@given(st.text())
async def test_no_credentials_are_more_than_wrong(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    for target in ("/basic-auth/user/passwd", "/bearer", TARGET, f"{TARGET}/MD5/1"):
        for scheme in ("Basic", "Bearer", "Digest"):
            fields = (("Authorization", f"{scheme} {text}"), ("Cookie", f"stale_after={text}"))
            assert (await ask(ROUTES, target, *fields)).status in (200, 401)


@given(st.from_regex(r'\A([a-z]{1,3}=("[^"]{0,5}"|[a-z]{1,5}),? ?){0,5}\Z'))
async def test_no_parameters_of_a_digest_are_more_than_wrong(text: str) -> None:
    challenge_of(await ask(ROUTES, TARGET, ("Authorization", f"Digest nonce=1, {text}")))
