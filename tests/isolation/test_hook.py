"""`isolation.setup` in any aiohttp application: every response, one value a header."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from fetchkit import isolation
from fetchkit.isolation import Mode


async def client_for(app: web.Application) -> TestClient[web.Request, web.Application]:
    client = TestClient(TestServer(app))
    await client.start_server()
    return client


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello", headers={"Vary": "Accept", "Cross-Origin-Opener-Policy": "unsafe-none"})


async def gone(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/")


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/gone", 302), ("/missing", 404)])
async def test_a_foreign_application_is_isolated(path: str, status: int) -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get("/gone", gone)
    isolation.setup(app, mode=Mode.CREDENTIALLESS)
    client = await client_for(app)
    async with client, client.get(path, allow_redirects=False) as response:
        assert response.status == status
        assert response.headers.getall("Cross-Origin-Opener-Policy") == ["same-origin"]
        assert response.headers.getall("Cross-Origin-Embedder-Policy") == ["credentialless"]


async def test_what_the_application_varies_by_stays() -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    isolation.setup(app)
    client = await client_for(app)
    async with client, client.get("/") as response:
        assert response.headers.getall("Vary") == ["Accept"]


async def test_a_zone_that_came_first_stays_when_isolation_follows() -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    isolation.add_zone(app, isolation.Zone("/", isolation.Corp.CROSS_ORIGIN, None))
    isolation.setup(app)
    client = await client_for(app)
    async with client, client.get("/") as response:
        assert response.headers.getall("Cross-Origin-Resource-Policy") == ["cross-origin"]
        assert response.headers.getall("Cross-Origin-Embedder-Policy") == ["require-corp"]
