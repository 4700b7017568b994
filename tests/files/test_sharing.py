"""Who may read the files from another origin: CORS, preflights, CORP and Vary."""

from pathlib import Path

import pytest

from tests.conftest import Raw, Serve
from tests.raw import RawAnswer

from .support import pattern, write

LOOPBACK = "http://localhost:3000"
FOREIGN = "https://evil.example"
PATHS = ["/app.js", "/large.data", "/sub", "/nothing", "/"]


@pytest.fixture(autouse=True)
def _site(folder: Path) -> None:
    write(folder / "large.data", pattern(100_000))
    (folder / "index.html").unlink()


def vary(answer: RawAnswer) -> set[str]:
    return {name.strip() for value in answer.headers.getall("Vary", []) for name in value.split(",")}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("cors", "origin", "allowed"),
    [
        ((), LOOPBACK, LOOPBACK),
        ((), "http://127.0.0.1:1", "http://127.0.0.1:1"),
        ((), "https://[::1]:8443", "https://[::1]:8443"),
        ((), FOREIGN, None),
        ((), "null", None),
        ((), "http://localhost.evil.example", None),
        (("https://evil.example",), FOREIGN, FOREIGN),
        (("https://evil.example",), "http://evil.example", None),
        (("*",), FOREIGN, "*"),
        (("*",), "null", "*"),
        (("*",), None, "*"),
        ((), None, None),
    ],
)
async def test_the_origin_decides_who_may_read(
    serve: Serve, raw: Raw, path: str, cors: tuple[str, ...], origin: str | None, allowed: str | None
) -> None:
    client = await raw(await serve(cors=cors))
    lines = () if origin is None else (f"Origin: {origin}",)
    for _ in range(2):
        answer = await client.ask("GET", path, *lines)
        assert answer.headers.getall("Access-Control-Allow-Origin", []) == ([allowed] if allowed else [])
        assert ("Origin" in vary(answer)) is (cors != ("*",))
        assert "Access-Control-Allow-Credentials" not in answer.headers
        corp = "cross-origin" if cors == ("*",) else "same-site"
        assert answer.headers["Cross-Origin-Resource-Policy"] == corp


@pytest.mark.parametrize("path", ["/app.js", "/large.data"])
async def test_one_origins_answer_is_never_anothers(serve: Serve, raw: Raw, path: str) -> None:
    client = await raw(await serve())
    for origin in (LOOPBACK, "http://127.0.0.1:1", FOREIGN, LOOPBACK):
        answer = await client.ask("GET", path, f"Origin: {origin}")
        expected = None if origin == FOREIGN else origin
        assert answer.headers.get("Access-Control-Allow-Origin") == expected
    assert "Access-Control-Allow-Origin" not in (await client.ask("GET", path)).headers


@pytest.mark.parametrize("path", ["/app.js", "/large.data"])
async def test_ranges_and_lengths_are_exposed(serve: Serve, raw: Raw, path: str) -> None:
    client = await raw(await serve())
    answer = await client.ask("GET", path, f"Origin: {LOOPBACK}", "Range: bytes=0-1")
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"Accept-Ranges", "Content-Range", "Content-Length", "Content-Encoding", "ETag"} <= exposed


async def test_a_preflight_is_granted_to_a_loopback_page(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    answer = await client.ask(
        "OPTIONS",
        "/app.js",
        f"Origin: {LOOPBACK}",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: range, x-mine",
    )
    assert answer.status == 204
    assert answer.headers.getall("Access-Control-Allow-Origin") == [LOOPBACK]
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert answer.headers["Access-Control-Allow-Headers"] == "range, x-mine"
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Origin" in vary(answer)


async def test_a_preflight_grants_nothing_to_a_foreign_page(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    answer = await client.ask(
        "OPTIONS", "/app.js", f"Origin: {FOREIGN}", "Access-Control-Request-Method: GET"
    )
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]


async def test_a_preflight_cannot_smuggle_a_field(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    answer = await client.ask(
        "OPTIONS",
        "/app.js",
        f"Origin: {LOOPBACK}",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: range, a b, x:y, \x80\xff, <script>",
    )
    assert answer.headers["Access-Control-Allow-Headers"] == "range"
