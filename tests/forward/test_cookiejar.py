"""Cookies of targets on the wire: kept here, handed to the page, or off; nobody gets another's."""

import asyncio

import pytest
from attrs import field as attribute
from attrs import frozen

from fetchkit import Server
from fetchkit.forward import Cookies, Forward, Target
from fetchkit.forward.cookiejar import MAX_NAMES
from tests.conftest import Serve
from tests.wire.client import Outcome
from tests.wire.origin import Origin, Request

from .test_routes import PAGE, TOKEN, ask, by_way, field, reply, target_of, there, upstream

OWN = "session=of-the-page; fetchkit-token=x; fetchkit-token-6931=y; theme=dark"


def settings(way: Cookies, *hosts: str) -> Forward:
    return Forward(targets={host: Target(cookies=way) for host in hosts or ("127.0.0.1",)})


def setting(*lines: str) -> "Setter":
    return Setter(tuple(f"Set-Cookie: {line}" for line in lines))


@frozen
class Setter:
    """An upstream that sets its cookies below /set, and answers everything else without."""

    lines: tuple[str, ...]
    more: tuple[str, ...] = attribute(default=())

    def __call__(self, asked: Request) -> bytes:
        """The answer."""
        return reply(200, *(self.lines if target_of(asked).startswith("/set") else self.more))


async def cookies_sent(
    server: Server, origin: Origin, target: str = "/next", page: str = "", **more: str
) -> str | None:
    """The field Cookie that upstream gets for a request."""
    outcome = await ask(server, "GET", by_way(origin, target, **more), *([f"Cookie: {page}"] if page else []))
    assert outcome.status == 200
    return (
        field(origin.connections[-1].requests[-1], "Cookie") if more else field(origin.requests[-1], "Cookie")
    )


def handed(outcome: Outcome) -> list[str]:
    return [value.decode() for value in outcome.values("Set-Cookie")]


# --- off


async def test_without_opting_in_no_cookie_passes_either_way(serve: Serve) -> None:
    async with upstream(setting("a=1", "b=2")) as origin:
        server = await serve()
        outcome = await ask(server, "GET", by_way(origin, "/set"), f"Cookie: a=9; {OWN}", f"Origin: {PAGE}")
        assert handed(outcome) == []
        assert "set-cookie" not in (field(outcome, "Access-Control-Expose-Headers") or "").lower()
        assert field(origin.requests[0], "Cookie") is None
        assert await cookies_sent(server, origin, page="a=1; b=2") is None


# --- jar


async def test_the_jar_keeps_what_a_target_sets_from_the_page_and_sends_it_back(serve: Serve) -> None:
    async with upstream(setting("a=1; HttpOnly; SameSite=Strict", "b=2; Path=/")) as origin:
        server = await serve(forward=settings(Cookies.JAR))
        assert handed(await ask(server, "GET", by_way(origin, "/set"))) == []
        assert set((await cookies_sent(server, origin) or "").split("; ")) == {"a=1", "b=2"}


async def test_the_jar_never_sends_a_cookie_of_the_page(serve: Serve) -> None:
    async with upstream(setting("session=theirs")) as origin:
        server = await serve(forward=settings(Cookies.JAR))
        assert await cookies_sent(server, origin, page=OWN) is None
        await ask(server, "GET", by_way(origin, "/set"), f"Cookie: {OWN}")
        assert await cookies_sent(server, origin, page=OWN) == "session=theirs"


VALUES = [
    "plain",
    "a=b==",
    '"quoted"',
    '"with, comma"',
    'in"the"middle',
    '"',
    "a%20b",
    "a|b{c}",
    "x:y/z?[1]@",
    "with,comma",
    "a b",
]


@pytest.mark.parametrize("value", VALUES)
async def test_the_jar_sends_a_value_back_as_it_came(value: str, serve: Serve) -> None:
    async with upstream(setting(f"name={value}")) as origin:
        server = await serve(forward=settings(Cookies.JAR))
        await ask(server, "GET", by_way(origin, "/set"))
        assert await cookies_sent(server, origin) == f"name={value}"


@pytest.mark.parametrize(
    ("line", "target", "sent"),
    [
        ("a=1; Path=/in", "/in/deep", True),
        ("a=1; Path=/in", "/inside", False),
        ("a=1; Path=/in", "/out", False),
        ("a=1; Path=/in", "/in?q=/out", True),
        ("a=1; Path=/in", "/out?q=/in", False),
        ("a=1; Max-Age=0", "/", False),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", False),
        ("a=1; Domain=other.example", "/", False),
    ],
)
async def test_the_jar_minds_where_a_cookie_belongs(line: str, target: str, sent: bool, serve: Serve) -> None:
    async with upstream(setting(line)) as origin:
        server = await serve(forward=settings(Cookies.JAR))
        await ask(server, "GET", by_way(origin, "/set"))
        assert await cookies_sent(server, origin, target) == ("a=1" if sent else None)


async def test_a_cookie_without_a_path_belongs_to_the_folder_of_its_path_not_of_its_query(
    serve: Serve,
) -> None:
    async with upstream(setting("a=1")) as origin:
        server = await serve(forward=settings(Cookies.JAR))
        await ask(server, "GET", by_way(origin, "/set?next=/home/"))
        assert await cookies_sent(server, origin, "/x") == "a=1"
        assert await cookies_sent(server, origin, "/x?q=/home/") == "a=1"


async def test_the_jar_of_a_target_is_not_opened_for_another(serve: Serve) -> None:
    async with upstream(setting("a=1", "b=2; Domain=localhost")) as origin:
        server = await serve(forward=settings(Cookies.JAR, "127.0.0.1", "localhost"))
        await ask(server, "GET", by_way(origin, "/set"))
        assert await cookies_sent(server, origin, host="localhost") is None


async def test_a_target_that_has_not_opted_in_gets_nothing_of_the_jar(serve: Serve) -> None:
    async with upstream(setting("a=1")) as first, upstream(setting("b=2")) as second:
        server = await serve(forward=settings(Cookies.JAR, f"127.0.0.1:{first.port}"))
        await ask(server, "GET", by_way(first, "/set"))
        await ask(server, "GET", by_way(second, "/set"))
        assert await cookies_sent(server, second) is None
        assert await cookies_sent(server, first) == "a=1"


def login(asked: Request) -> bytes:
    """A form of a site: it sets the session with the redirect to the next page."""
    if target_of(asked) == "/login":
        return reply(303, "Location: /home", "Set-Cookie: session=new; Path=/")
    return reply()


async def test_a_cookie_that_comes_with_a_redirect_goes_to_the_next_hop(serve: Serve) -> None:
    async with upstream(login) as origin:
        server = await serve(forward=settings(Cookies.JAR))
        await ask(server, "POST", by_way(origin, "/login"), body=b"x")
        assert field(origin.requests[1], "Cookie") == "session=new"


async def test_a_cookie_does_not_follow_a_redirect_to_another_origin(serve: Serve) -> None:
    def answer(asked: Request) -> bytes:
        name, _, port = (field(asked, "Host") or "").partition(":")
        if name == "localhost":
            return reply()
        return reply(302, f"Location: http://localhost:{port}/", "Set-Cookie: a=1")

    async with upstream(answer) as origin:
        server = await serve(forward=settings(Cookies.JAR, "127.0.0.1", "localhost"))
        for _ in range(2):
            await ask(server, "GET", by_way(origin))
        by_host = {field(each, "Host"): field(each, "Cookie") for each in origin.requests}
        assert by_host == {f"127.0.0.1:{origin.port}": "a=1", f"localhost:{origin.port}": None}


@pytest.mark.parametrize("way", [Cookies.JAR, Cookies.REWRITE])
async def test_a_redirect_hands_no_cookie_to_another_origin_that_uses_the_same_name(
    way: Cookies, serve: Serve
) -> None:
    """Names alone do not tell them apart: every framework's session has one name."""

    def answer(asked: Request) -> bytes:
        name, _, port = (field(asked, "Host") or "").partition(":")
        if target_of(asked) == "/set":
            return reply(200, "Set-Cookie: sid=b; Path=/")
        if name == "localhost":
            return reply()
        return reply(302, f"Location: http://localhost:{port}/end", "Set-Cookie: sid=new-of-a; Path=/")

    async with upstream(answer) as origin:
        server = await serve(forward=settings(way, "127.0.0.1", "localhost"))
        await ask(server, "GET", by_way(origin, "/set", host="localhost"))
        await ask(server, "GET", by_way(origin, "/set"))
        await ask(server, "GET", by_way(origin), "Cookie: sid=SECRET-OF-A")
        sent = {target_of(each): field(each, "Cookie") for each in origin.requests}
        assert sent["/"] == ("sid=SECRET-OF-A" if way is Cookies.REWRITE else "sid=b")
        assert sent["/end"] == (None if way is Cookies.REWRITE else "sid=b")


async def test_the_cookies_of_the_page_do_not_come_back_with_the_first_origin(serve: Serve) -> None:
    """As Authorization does not: where the way led meanwhile is upstream's choice."""

    def answer(asked: Request) -> bytes:
        name, _, port = (field(asked, "Host") or "").partition(":")
        if name == "localhost":
            return reply(302, f"Location: http://127.0.0.1:{port}/end")
        if target_of(asked) == "/":
            return reply(302, f"Location: http://localhost:{port}/")
        return reply(200, "Set-Cookie: sid=a; Path=/")

    async with upstream(answer) as origin:
        server = await serve(forward=settings(Cookies.REWRITE, "127.0.0.1", "localhost"))
        await ask(server, "GET", by_way(origin, "/set"))
        await ask(server, "GET", by_way(origin), "Cookie: sid=1")
        sent = [(target_of(each), field(each, "Cookie")) for each in origin.requests]
        assert sorted(sent, key=str) == [("/", "sid=1"), ("/", None), ("/end", None), ("/set", None)]


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.mark.parametrize("way", [Cookies.JAR, Cookies.REWRITE, Cookies.OFF])
async def test_a_handshake_carries_the_cookies_of_its_target(way: Cookies, serve: Serve) -> None:
    async with upstream(setting("a=1; Path=/")) as origin:
        server = await serve(forward=settings(way))
        await ask(server, "GET", by_way(origin, "/set"))
        await ask(server, "GET", by_way(origin, "/socket"), *HANDSHAKE, f"Cookie: a=1; {OWN}")
        await asyncio.sleep(0)
        assert field(origin.requests[-1], "Cookie") == (None if way is Cookies.OFF else "a=1")


# --- rewrite


async def test_rewrite_hands_cookies_to_the_page_below_its_path_for_the_target(serve: Serve) -> None:
    lines = (
        "a=1; Domain=127.0.0.1; HttpOnly",
        "b=2; Path=/in; Secure; SameSite=None",
        "c",
        "fetchkit-token=x",
    )
    async with upstream(setting(*lines)) as origin:
        server = await serve(forward=settings(Cookies.REWRITE))
        outcome = await ask(server, "GET", by_way(origin, "/set"))
        first, second = handed(outcome)
        below = f"/forward/{there(origin, '')}"
        assert set(first.split("; ")) in (
            {"a=1", "HttpOnly", f"Path={below}"},
            {"a=1", "HttpOnly", f"Path={below}/"},
        )
        assert set(second.split("; ")) == {"b=2", "SameSite=Lax", f"Path={below}/in"}


async def test_rewrite_sends_back_only_what_the_target_has_set(serve: Serve) -> None:
    async with upstream(setting("a=1", "fetchkit-token=evil", "fetchkit-token-6931=evil")) as origin:
        server = await serve(forward=settings(Cookies.REWRITE))
        assert await cookies_sent(server, origin, page=f"a=0; {OWN}") is None
        await ask(server, "GET", by_way(origin, "/set"))
        assert await cookies_sent(server, origin, page=f"{OWN}; a=1; b=2") == "a=1"


async def test_rewrite_gives_no_target_the_cookies_of_another(serve: Serve) -> None:
    async with upstream(setting("a=1")) as first, upstream(setting("b=2")) as second:
        server = await serve(forward=settings(Cookies.REWRITE))
        await ask(server, "GET", by_way(first, "/set"))
        await ask(server, "GET", by_way(second, "/set"))
        assert await cookies_sent(server, first, page="a=1; b=2") == "a=1"
        assert await cookies_sent(server, second, page="a=1; b=2") == "b=2"


async def test_rewrite_never_sends_the_cookie_of_the_token(serve: Serve) -> None:
    async with upstream(setting("a=1", f"fetchkit-token={TOKEN}")) as origin:
        server = await serve(token=TOKEN, forward=settings(Cookies.REWRITE))
        cookie = f"fetchkit-token-{server.port}={TOKEN}"
        assert (await ask(server, "GET", by_way(origin, "/set"), f"Cookie: {cookie}")).status == 200
        assert await cookies_sent(server, origin, page=f"a=1; {cookie}") == "a=1"
        assert TOKEN not in repr([each.headers for each in origin.requests])


async def test_rewrite_hands_over_what_comes_with_a_redirect(serve: Serve) -> None:
    """Or a page that logs in by a form, whose answer is a redirect, is never logged in."""
    async with upstream(login) as origin:
        server = await serve(forward=settings(Cookies.REWRITE))
        outcome = await ask(server, "POST", by_way(origin, "/login"), body=b"x")
        assert [line.partition(";")[0] for line in handed(outcome)] == ["session=new"]


async def test_rewrite_sends_what_came_with_a_redirect_to_the_next_hop(serve: Serve) -> None:
    """As a browser would, which follows redirects itself."""
    async with upstream(login) as origin:
        server = await serve(forward=settings(Cookies.REWRITE))
        await ask(server, "POST", by_way(origin, "/login"), body=b"x")
        assert field(origin.requests[1], "Cookie") == "session=new"


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (("session=; Max-Age=0", "adm=1; Path=/admin"), None),
        (("session=2", "adm=1; Path=/bye"), "session=2; adm=1"),
        (("session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",), None),
        (("session=; Max-Age=0; Path=/admin",), "session=1"),
        (("__Host-x=1; Path=/; Secure",), "session=1; __Host-x=1"),
    ],
)
@pytest.mark.parametrize("path", ["/forward/{}", "/api/"])
async def test_rewrite_sends_the_next_hop_what_a_browser_would(
    path: str, lines: tuple[str, ...], sent: str | None, serve: Serve
) -> None:
    def answer(asked: Request) -> bytes:
        if target_of(asked) == "/login":
            return reply(200, "Set-Cookie: session=1; Path=/")
        cookies = [f"Set-Cookie: {line}" for line in lines]
        return reply() if target_of(asked) == "/bye" else reply(302, "Location: /bye", *cookies)

    async with upstream(answer) as origin:
        server = await serve(
            forward=settings(Cookies.REWRITE), forward_routes=(f"/api={there(origin, '/')}",)
        )
        await ask(server, "GET", path.format(there(origin)) + "login")
        await ask(server, "GET", path.format(there(origin)) + "out", "Cookie: session=1")
        assert (target_of(origin.requests[-1]), field(origin.requests[-1], "Cookie")) == ("/bye", sent)


async def test_rewrite_puts_cookies_of_a_fixed_route_below_it(serve: Serve) -> None:
    async with upstream(
        lambda _: reply(200, "Set-Cookie: a=1; Path=/v1/in", "Set-Cookie: b=2; Path=/other")
    ) as origin:
        server = await serve(
            forward=settings(Cookies.REWRITE), forward_routes=(f"/api={there(origin, '/v1')}",)
        )
        assert handed(await ask(server, "GET", "/api/in")) == ["a=1; Path=/api/in"]


async def test_a_target_that_sets_cookies_without_end_is_remembered_by_the_last(serve: Serve) -> None:
    def answer(asked: Request) -> bytes:
        if not target_of(asked).startswith("/set"):
            return reply()
        begin = int(target_of(asked)[4:])
        return reply(200, *(f"Set-Cookie: c{number}=1" for number in range(begin, begin + 100)))

    async with upstream(answer) as origin:
        server = await serve(forward=settings(Cookies.REWRITE))
        for begin in (0, 100, 200):
            await ask(server, "GET", by_way(origin, f"/set{begin}"))
        page = "; ".join(f"c{number}=1" for number in range(300))
        sent = (await cookies_sent(server, origin, page=page) or "").split("; ")
        assert len(sent) == MAX_NAMES
        assert sent[-1] == "c299=1"
