"""Which headers a path gets: a table, and the two longest prefixes apart from each other."""

import pytest

from fetchkit.http.cors import CorsPolicy
from fetchkit.isolation.rules import (
    Coep,
    Coop,
    Corp,
    HeaderPlan,
    IsolationException,
    Mode,
    Zone,
)

CORS = CorsPolicy(
    any_origin=False,
    allows=lambda origin: origin == "https://good.example",
    exposed=("ETag",),
    methods=("GET",),
    headers=None,
    max_age=60,
)
PLAN = HeaderPlan(
    zones=(Zone("/", Corp.SAME_SITE, CORS), Zone("/fetchkit", Corp.SAME_ORIGIN, None)),
    exceptions=(
        IsolationException("/login", coop=Coop.SAME_ORIGIN_ALLOW_POPUPS),
        IsolationException("/login/frame", coop=Coop.UNSAFE_NONE, coep=Coep.UNSAFE_NONE),
    ),
)


def named(plan: HeaderPlan, path: str, origin: str | None = None) -> dict[str, str]:
    return dict(plan.headers(path, origin))


@pytest.mark.parametrize(
    ("path", "coop", "coep"),
    [
        ("/", "same-origin", "require-corp"),
        ("/login", "same-origin-allow-popups", "require-corp"),
        ("/login?next=/x", "same-origin-allow-popups", "require-corp"),
        ("/login/", "same-origin-allow-popups", "require-corp"),
        ("/login/step", "same-origin-allow-popups", "require-corp"),
        ("/login/frame/x", "unsafe-none", "unsafe-none"),
        ("/login2", "same-origin", "require-corp"),
        ("/x/login", "same-origin", "require-corp"),
    ],
)
def test_an_exception_holds_below_its_path_in_whole_segments(path: str, coop: str, coep: str) -> None:
    headers = named(PLAN, path)
    assert headers["Cross-Origin-Opener-Policy"] == coop
    assert headers["Cross-Origin-Embedder-Policy"] == coep


@pytest.mark.parametrize(
    ("path", "corp"),
    [
        ("/", "same-site"),
        ("/app.wasm", "same-site"),
        ("/fetchkit", "same-origin"),
        ("/fetchkit/health", "same-origin"),
        ("/fetchkit2", "same-site"),
        ("nonsense", "same-site"),
    ],
)
def test_the_zone_decides_who_may_embed(path: str, corp: str) -> None:
    assert named(PLAN, path)["Cross-Origin-Resource-Policy"] == corp


def test_a_prefix_is_text_and_no_pattern() -> None:
    plan = HeaderPlan(zones=(Zone("/a+b", Corp.CROSS_ORIGIN, None),), everywhere=False)
    assert "Cross-Origin-Resource-Policy" in named(plan, "/a+b?x")
    assert named(plan, "/aab") == named(plan, "/a+b\n") == {}


def test_the_zone_decides_who_may_read() -> None:
    assert named(PLAN, "/x", "https://good.example")["Access-Control-Allow-Origin"] == "https://good.example"
    assert "Access-Control-Allow-Origin" not in named(PLAN, "/x", "https://evil.example")
    assert "Access-Control-Allow-Origin" not in named(PLAN, "/fetchkit/x", "https://good.example")


@pytest.mark.parametrize(
    ("mode", "coop", "coep"),
    [
        (Mode.REQUIRE_CORP, "same-origin", "require-corp"),
        (Mode.CREDENTIALLESS, "same-origin", "credentialless"),
        (Mode.OFF, None, None),
    ],
)
def test_the_mode_isolates(mode: Mode, coop: str | None, coep: str | None) -> None:
    headers = named(HeaderPlan(mode=mode), "/")
    assert headers.get("Cross-Origin-Opener-Policy") == coop
    assert headers.get("Cross-Origin-Embedder-Policy") == coep
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_an_exception_isolates_one_path_where_the_mode_is_off() -> None:
    plan = HeaderPlan(
        mode=Mode.OFF,
        exceptions=(IsolationException("/game", coop=Coop.SAME_ORIGIN, coep=Coep.REQUIRE_CORP),),
    )
    assert named(plan, "/game/")["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "Cross-Origin-Embedder-Policy" not in named(plan, "/")


def test_an_extra_header_replaces_ours_whatever_its_case() -> None:
    plan = HeaderPlan(extra=(("cross-origin-opener-policy", "unsafe-none"), ("X-A", "1"), ("X-A", "2")))
    names = [name.lower() for name, _ in plan.headers("/", None)]
    assert names.count("cross-origin-opener-policy") == 1
    assert names.count("x-a") == 2


def test_the_block_is_the_same_fields_as_lines() -> None:
    lines = PLAN.block("/x", "https://good.example").decode().split("\r\n")
    assert lines == [f"{name}: {value}" for name, value in PLAN.headers("/x", "https://good.example")] + [""]


def test_a_preflight_is_granted_once_and_isolated_too() -> None:
    block = PLAN.preflight_block("/x", "https://good.example", "GET", "Range, X-Y").decode()
    assert block.count("Access-Control-Allow-Origin: https://good.example\r\n") == 1
    assert block.count("Vary: Origin\r\n") == 1
    assert "Access-Control-Allow-Headers: Range, X-Y\r\n" in block
    assert "Cross-Origin-Embedder-Policy: require-corp\r\n" in block


def test_a_preflight_where_nobody_may_read_grants_nothing() -> None:
    assert b"Access-Control" not in PLAN.preflight_block("/fetchkit/x", "https://good.example", "GET", None)


def test_in_a_foreign_application_paths_without_a_zone_are_left_alone() -> None:
    plan = HeaderPlan(mode=Mode.OFF, everywhere=False, zones=(Zone("/build/", Corp.SAME_SITE, None),))
    assert plan.headers("/their/page", None) == ()
    assert dict(plan.headers("/build/app.js", None))["X-Content-Type-Options"] == "nosniff"


def test_made_up_origins_do_not_grow_the_memory() -> None:
    for number in range(2000):
        PLAN.headers("/", f"https://{number}.example")
    cache_info = PLAN._remember.cache_info  # type: ignore[attr-defined]
    assert cache_info().currsize <= 256
