"""Who may ask, over real sockets: the Host of every request, the asker of guarded routes, the token."""

from typing import Self

import pytest
from aiohttp import web
from attrs import define, field

from fetchkit import isolation
from fetchkit.errors import HttpError
from fetchkit.events import Event, Refused
from fetchkit.net.hosts import host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.web import guard
from fetchkit.web.keys import events_of
from tests.conftest import Raw, Serve
from tests.raw import RawAnswer, RawClient

HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket")


@define
class Guarded:
    """An application with one guarded route, `/do`, which counts what reached it."""

    settings: guard.Guard
    reached: int = 0
    seen: list[Event] = field(factory=list)
    runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        events_of(app).subscribe(self.seen.append)
        isolation.setup(app)
        guard.setup(app, self.settings)
        app.router.add_route("*", "/do", guard.guarded(self._do))
        app.router.add_route("*", "/open", self._do)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.runner is not None
        await self.runner.cleanup()

    async def ask(self, target: str, *lines: str, method: str = "GET") -> RawAnswer:
        """Send one request on a connection of its own."""
        assert self.runner is not None
        port = self.runner.addresses[0][1]
        client = await RawClient.connect("127.0.0.1", port)
        try:
            return await client.ask(method, target, *lines, host=f"127.0.0.1:{port}")
        finally:
            await client.close()

    async def _do(self, _request: web.Request) -> web.Response:
        self.reached += 1
        return web.Response(text="done")


def guarded_by(token: str = "", allow_origin: tuple[str, ...] = ()) -> Guarded:
    return Guarded(guard.Guard(host_rules(), origin_rules(allow_origin, "--allow-origin"), token))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("app.localhost", 200),
        ("127.0.0.1", 200),
        ("127.8.8.8:80", 200),
        ("[::1]:6931", 200),
        ("127.attacker.example", 421),
        ("localhost.attacker.example", 421),
        ("attacker.example:6931", 421),
        ("10.0.0.1", 421),
        ("[::1].x", 400),
        ("localhost@attacker.example", 400),
        ("", 400),
    ],
)
@pytest.mark.parametrize("lines", [(), HANDSHAKE], ids=["request", "handshake"])
async def test_the_host_of_every_request_is_judged(
    host: str, status: int, lines: tuple[str, ...], serve: Serve, raw: Raw
) -> None:
    client = await raw(await serve())
    answer = await client.ask("GET", "/app.js", *lines, host=host)
    assert answer.status == status


async def test_a_refusal_names_the_flag(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    answer = await client.ask("GET", "/", host="dev.example:6931")
    assert b"--allow-host dev.example" in answer.body


async def test_an_allowed_name_passes(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve(allow_host=("dev.example",)))
    assert (await client.ask("GET", "/", host="dev.example:6931")).status == 200
    assert (await client.ask("GET", "/", host="other.example")).status == 421


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((), 200),  # curl on this machine
        (("Origin: http://localhost:3000",), 200),
        (("Sec-Fetch-Site: same-origin",), 200),
        (("Sec-Fetch-Site: none",), 200),
        (("Origin: https://evil.example",), 403),
        (("Origin: https://evil.example", "Sec-Fetch-Site: same-origin"), 403),
        (("Origin: null",), 403),
        (("Sec-Fetch-Site: cross-site",), 403),  # a foreign page's <img>, or a no-cors fetch
        (("Sec-Fetch-Site: same-site",), 403),
    ],
)
async def test_a_guarded_route_judges_the_asker(lines: tuple[str, ...], status: int) -> None:
    async with guarded_by() as app:
        answer = await app.ask("/do", *lines)
        assert answer.status == status
        assert app.reached == (status == 200)
        refusals = [event for event in app.seen if isinstance(event, Refused)]
        assert [refusal.status for refusal in refusals] == ([403] if status == 403 else [])


async def test_an_open_route_does_not() -> None:
    async with guarded_by() as app:
        assert (await app.ask("/open", "Origin: https://evil.example")).status == 200


async def test_an_allowed_origin_may_use_a_guarded_route() -> None:
    async with guarded_by(allow_origin=("https://app.example",)) as app:
        assert (await app.ask("/do", "Origin: https://app.example")).status == 200
        assert (await app.ask("/do", "Origin: https://app.example.evil.example")).status == 403


@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        ("/do", (), 403),
        ("/do?fetchkit-token=secret", (), 200),
        ("/do?a=1&fetchkit-token=secret&b=2", (), 200),
        ("/do", ("X-Fetchkit-Token: secret",), 200),
        ("/do", ("Cookie: fetchkit-token-{port}=secret",), 200),
        ("/do?fetchkit-token=wrong", (), 403),
        ("/do?fetchkit-token=", (), 403),
        ("/do?fetchkit-tokens=secret", (), 403),
        ("/do", ("X-Fetchkit-Token: secre",), 403),
        ("/do", ("Cookie: fetchkit-token-1=secret",), 403),
        ("/do?fetchkit-token=secret", ("Origin: https://evil.example",), 403),
    ],
)
async def test_a_token_is_demanded(target: str, lines: tuple[str, ...], status: int) -> None:
    async with guarded_by(token="secret") as app:
        assert app.runner is not None
        port = app.runner.addresses[0][1]
        answer = await app.ask(target, *(line.replace("{port}", str(port)) for line in lines))
        assert answer.status == status
        assert app.reached == (status == 200)


async def test_opening_the_printed_url_keeps_the_token_in_a_cookie() -> None:
    async with guarded_by(token="secret") as app:
        opened = await app.ask("/open?x=1&fetchkit-token=secret&y=%2F", "Sec-Fetch-Mode: navigate")
        assert opened.status == 303
        assert opened.headers["Location"] == "/open?x=1&y=%2F"
        cookie = opened.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert (await app.ask("/do", f"Cookie: {cookie.partition(';')[0]}")).status == 200


@pytest.mark.parametrize("target", ["/open?fetchkit-token=wrong", "/open", "/open?other=secret"])
async def test_nothing_else_sets_the_cookie(target: str) -> None:
    async with guarded_by(token="secret") as app:
        answer = await app.ask(target, "Sec-Fetch-Mode: navigate")
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers


async def test_the_redirect_after_a_login_stays_on_this_host() -> None:
    async with guarded_by(token="secret") as app:
        answer = await app.ask("//evil.example/?fetchkit-token=secret", "Sec-Fetch-Mode: navigate")
        assert answer.headers["Location"] == "/evil.example/"


async def test_a_request_that_names_another_server_in_its_target_is_refused(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    for target in ("http://127.0.0.1/app.js", "http://evil.example/", "https://localhost/"):
        answer = await client.ask("GET", target)
        assert answer.status == 400
        assert b"not a path" in answer.body


async def test_connect_is_refused(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    assert (await client.ask("CONNECT", "evil.example:443")).status == 400


def test_every_error_says_what_it_is() -> None:
    kinds = HttpError.__subclasses__()
    assert len({(kind.status, kind.title) for kind in kinds}) == len(kinds)
    assert all(kind.title and kind.__doc__ for kind in kinds)
