"""The settings of the forward: what they take, what they refuse at the start, what they do on the wire."""

import math
import re
from pathlib import Path

import pytest

from fetchkit import Config, build_app
from fetchkit.errors import ConfigError
from fetchkit.forward import Cookies, Encoding, Forward, Redirects, Target
from fetchkit.forward.settings import with_environment
from fetchkit.sources import as_toml, load
from tests.conftest import Serve
from tests.wire.origin import Origin, Request, pause, request, send

from .test_routes import ask, by_way, field, redirecting, reply, there, upstream

SECRET = "s3cret-value"
WHOLE = """
[forward]
redirects = "manual"
encoding = "pass"
connect-timeout = 1.5
stall-timeout = 2

[forward.targets."api.example:8443"]
headers = { Authorization = "Bearer ${API_KEY}", X-Two = "${A}-${B}" }
cookies = "jar"
verify = false
proxy = "http://proxy.example:3128"
connect-timeout = 3
stall-timeout = 4.5
concurrency = 2

[forward.targets.other]
ca = "company.pem"
"""


def read(folder: Path, toml: str) -> Forward:
    """The settings of a fetchkit.toml."""
    (folder / "fetchkit.toml").write_text(toml, "utf-8")
    return load({}, {}, folder).config.forward


def refusal(folder: Path, toml: str) -> str:
    """The one sentence with which a fetchkit.toml is refused."""
    with pytest.raises(ConfigError) as refused:
        read(folder, toml)
    sentence = str(refused.value)
    assert re.fullmatch(r"[^\n]+[.?]", sentence), sentence
    return sentence


def test_a_file_sets_everything(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer ${API_KEY}", "X-Two": "${A}-${B}"}
    assert read(tmp_path, WHOLE) == Forward(
        redirects=Redirects.MANUAL,
        encoding=Encoding.PASS,
        connect_timeout=1.5,
        stall_timeout=2.0,
        targets={
            "api.example:8443": Target(
                headers=headers,
                cookies=Cookies.JAR,
                verify=False,
                proxy="http://proxy.example:3128",
                connect_timeout=3.0,
                stall_timeout=4.5,
                concurrency=2,
            ),
            "other": Target(ca=Path("company.pem")),
        },
    )


def test_the_settings_that_are_shown_keep_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    (tmp_path / "fetchkit.toml").write_text(WHOLE, "utf-8")
    shown = as_toml(load({}, {}, tmp_path))
    assert "${API_KEY}" in shown
    assert SECRET not in shown


REFUSED = {
    "unknown key": ("[forward]\nredirect = 'manual'", "redirects"),
    "unknown key of a target": ("[forward.targets.a]\ncookie = 'jar'", "cookies"),
    "redirects": ("[forward]\nredirects = 'never'", ""),
    "encoding": ("[forward]\nencoding = 'gzip'", ""),
    "cookies": ("[forward.targets.a]\ncookies = true", ""),
    "timeout of text": ("[forward]\nstall-timeout = '30'", ""),
    "timeout 0": ("[forward]\nconnect-timeout = 0", "connect"),
    "timeout below 0": ("[forward.targets.a]\nstall-timeout = -1.0", "stall"),
    "timeout that is no number": ("[forward]\nstall-timeout = nan", "stall"),
    "timeout without end": ("[forward]\nstall-timeout = inf", "stall"),
    "concurrency 0": ("[forward.targets.a]\nconcurrency = 0", "concurrency"),
    "concurrency of a half": ("[forward.targets.a]\nconcurrency = 1.5", ""),
    "ca and no verification": ("[forward.targets.a]\nca = 'x.pem'\nverify = false", "verify"),
    "target with a scheme": ("[forward.targets.'https://a.example']\n", "a.example"),
    "target with a path": ("[forward.targets.'a.example/x']\n", "a.example"),
    "target with a port of letters": ("[forward.targets.'a.example:http']\n", "a.example"),
    "header name": ("[forward.targets.a]\nheaders = { 'Bad Name' = 'x' }", "Bad Name"),
    "header of two lines": ('[forward.targets.a]\nheaders = { X = "a\\r\\nY: b" }', "X"),
    "header that frames": ("[forward.targets.a]\nheaders = { Transfer-Encoding = 'chunked' }", "Transfer"),
    "header with a length": ("[forward.targets.a]\nheaders = { Content-Length = '3' }", "Content-Length"),
    "header that is the host": ("[forward.targets.a]\nheaders = { Host = 'b.example' }", "Host"),
    "header that is a number": ("[forward.targets.a]\nheaders = { X = 1 }", ""),
    "proxy without a scheme": ("[forward.targets.a]\nproxy = 'proxy.example:3128'", "proxy"),
    "proxy of another protocol": ("[forward.targets.a]\nproxy = 'socks5://proxy.example:1080'", "proxy"),
    "proxy without a host": ("[forward.targets.a]\nproxy = 'http://'", "proxy"),
    "proxy that is a word": ("[forward.targets.a]\nproxy = 'yes'", "proxy"),
}


@pytest.mark.parametrize(("toml", "word"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_one_sentence(toml: str, word: str, tmp_path: Path) -> None:
    assert word in refusal(tmp_path, toml)


NAMED = {
    "a choice": ("[forward]\nredirects = 'manul'", "redirects: 'manul' is not one of follow, manual."),
    "a choice of a target": (
        "[forward.targets.'api.example']\ncookies = 'jars'",
        "targets: \"api.example\": cookies: 'jars' is not one of off, jar, rewrite.",
    ),
    "a choice that is no text": ("[forward]\nencoding = 1", "encoding: 1 is not one of identity, pass."),
    "a number": ("[forward]\nstall-timeout = '30'", "stall-timeout: '30' is not a number."),
    "a number that may be left out": (
        "[forward.targets.a]\nconnect-timeout = true",
        "targets: a: connect-timeout: True is not a number.",
    ),
    "a whole number": (
        "[forward.targets.a]\nconcurrency = 1.5",
        "targets: a: concurrency: 1.5 is not a whole number.",
    ),
    "a switch": ("[forward.targets.a]\nverify = 'no'", "targets: a: verify: 'no' is not true or false."),
    "a text of a table": (
        "[forward.targets.a]\nheaders = { X = 1 }",
        "targets: a: headers: X: 1 is not text.",
    ),
    "a table of a table": ("[forward.targets]\na = 5", "targets: a: 5 is not a table of the right kind."),
    "the table": ("forward = 5", "5 is not a table of the right kind."),
}


@pytest.mark.parametrize(("toml", "sentence"), NAMED.values(), ids=NAMED)
def test_the_key_that_is_wrong_is_named_with_what_it_may_be(toml: str, sentence: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, toml) == f"forward in fetchkit.toml: {sentence}"


@pytest.mark.parametrize("name", ["connect_timeout", "stall_timeout"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
@pytest.mark.parametrize("kind", [Forward, Target])
def test_a_limit_is_more_than_nothing(kind: type, name: str, value: float) -> None:
    with pytest.raises(ConfigError):
        kind(**{name: value})


def test_variables_are_replaced_and_nothing_else() -> None:
    settings = Forward(targets={"a": Target(headers={"X": "${A}${B}$A ${} $${A} ${a-b}"}), "b": Target()})
    mended = with_environment(settings, {"A": "1", "B": "${A}"})
    assert mended.targets["a"].headers["X"] == "1${A}$A ${} $1 ${a-b}"
    assert mended.targets["b"] == Target()


@pytest.mark.parametrize("value", ["a\nX-Evil: 1", "a\rb", "a\0b", "€"])
def test_a_variable_that_no_field_can_carry_ends_the_start(value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        with_environment(Forward(targets={"a": Target(headers={"X": "${A}"})}), {"A": value})
    assert value not in str(refused.value)


def test_a_variable_that_is_not_set_ends_the_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_THERE", raising=False)
    targets = {"a.example": Target(headers={"Authorization": "Bearer ${NOT_THERE}"})}
    with pytest.raises(ConfigError, match="NOT_THERE"):
        build_app(Config(directory=folder, forward=Forward(targets=targets)))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"], ids=["missing", "empty", "no PEM"])
def test_a_ca_that_cannot_be_read_ends_the_start(content: bytes | None, folder: Path, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape("a.example")):
        build_app(Config(directory=folder, forward=Forward(targets={"a.example": Target(ca=ca)})))


NAMES: dict[str, tuple[str, str, int]] = {
    "host": ("a.example", "a.example", 80),
    "host and port": ("a.example:8080", "a.example", 8080),
    "default port": ("a.example:443", "a.example", 443),
    "capitals": ("API.Example", "api.example", 80),
    "capitals and port": ("API.Example:8080", "api.example", 8080),
    "IPv4": ("127.0.0.1", "127.0.0.1", 80),
    "IPv6": ("[::1]", "::1", 80),
    "IPv6 and port": ("[::1]:8080", "::1", 8080),
    "IPv6 in full": ("[0:0:0:0:0:0:0:1]:8080", "::1", 8080),
}


@pytest.mark.parametrize(("name", "host", "port"), NAMES.values(), ids=NAMES)
def test_a_target_is_found_however_its_name_is_written(name: str, host: str, port: int) -> None:
    wanted = Target(concurrency=3)
    assert Forward(targets={name: wanted}).target(host, port) is wanted


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("a.example", "b.a.example", 80),
        ("a.example:8080", "a.example", 80),
        ("a.example", "a.example.evil", 80),
    ],
)
def test_a_target_is_only_what_was_named(name: str, host: str, port: int) -> None:
    assert Forward(targets={name: Target(concurrency=3)}).target(host, port) == Target()


def test_the_entry_with_the_port_wins() -> None:
    both = {"a": Target(concurrency=1), "a:81": Target(concurrency=2)}
    assert [Forward(targets=both).target("a", port).concurrency for port in (80, 81)] == [1, 2]


def given(**headers: str) -> Target:
    return Target(headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_headers_of_a_target_are_added_from_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    targets = {"127.0.0.1": given(Authorization="Bearer ${API_KEY}")}
    async with upstream() as origin:
        server = await serve(forward=Forward(targets=targets))
        outcome = await ask(server, "GET", by_way(origin), "Authorization: Bearer of-the-page")
        assert field(origin.requests[0], "Authorization") == f"Bearer {SECRET}"
        assert SECRET.encode() not in outcome.body + b"".join(value for _, value in outcome.headers)


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [
        ("127.0.0.1", "localhost", [SECRET, None]),
        ("localhost", "127.0.0.1", [None, SECRET]),
        ("127.0.0.1", "127.0.0.1", [SECRET, SECRET]),
    ],
)
async def test_headers_of_a_target_go_to_it_alone_also_after_a_redirect(
    first: str, second: str, sent: list[str | None], serve: Serve
) -> None:
    def answer(asked: Request) -> bytes:
        port = (field(asked, "Host") or "").partition(":")[2]
        return redirecting(307, f"http://{second}:{port}/next")(asked)

    targets = {"127.0.0.1": given(Authorization=SECRET, X_Key=SECRET)}
    async with upstream(answer) as origin:
        server = await serve(forward=Forward(targets=targets))
        outcome = await ask(server, "GET", by_way(origin, host=first), "Authorization: mine")
        assert outcome.status == 200
        assert [field(each, "X-Key") for each in origin.requests] == sent
        kept = "mine" if first == second else None
        expected = [sent[0] or "mine", sent[1] or kept]
        assert [field(each, "Authorization") for each in origin.requests] == expected


async def test_headers_of_a_target_are_those_of_a_fixed_route_to_it(serve: Serve) -> None:
    async with upstream() as origin:
        settings = Forward(targets={f"127.0.0.1:{origin.port}": given(X_Key=SECRET)})
        server = await serve(forward=settings, forward_routes=(f"/api={there(origin)}",))
        await ask(server, "GET", "/api/x")
        assert field(origin.requests[0], "X-Key") == SECRET


async def test_headers_of_a_target_go_with_a_handshake(serve: Serve) -> None:
    async with upstream(lambda _: reply(404)) as origin:
        server = await serve(forward=Forward(targets={"127.0.0.1": given(X_Key=SECRET)}))
        handshake = (
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        await ask(server, "GET", by_way(origin), *handshake)
        assert field(origin.requests[0], "X-Key") == SECRET


@pytest.mark.parametrize(
    "settings",
    [
        Forward(targets={"127.0.0.1": Target(stall_timeout=0.1)}),
        Forward(stall_timeout=0.1, targets={"127.0.0.1": Target(connect_timeout=9.0)}),
    ],
    ids=["of the target", "of all"],
)
async def test_the_limit_of_a_target_or_else_of_all_holds(settings: Forward, serve: Serve) -> None:
    async with Origin(((request,),)) as origin:
        assert (await ask(await serve(forward=settings), "GET", by_way(origin))).status == 504


async def test_a_target_may_be_more_patient_than_the_rest(serve: Serve) -> None:
    settings = Forward(stall_timeout=0.05, targets={"127.0.0.1": Target(stall_timeout=9.0)})
    async with Origin(((request, pause(0.2), send(reply())),)) as origin:
        assert (await ask(await serve(forward=settings), "GET", by_way(origin))).status == 200
