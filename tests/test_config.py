"""The settings: each value is checked where it is declared, and says what it is for."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from fetchkit.app import build_app
from fetchkit.config import Config, IsolationException, LogFormat, Mode, Routes, settings
from fetchkit.errors import ConfigError


def test_the_defaults_are_safe() -> None:
    config = Config()
    assert config.isolation is Mode.REQUIRE_CORP
    assert config.log_format is LogFormat.TEXT
    assert (config.host, config.port, config.token) == ((), None, None)
    assert (config.cors, config.allow_host, config.allow_origin) == ((), (), ())
    assert (config.allow_net, config.deny_net, config.allow_target) == ((), (), ())
    switches = (config.dotfiles, config.spa, config.open, config.tls, config.lan)
    assert switches == (False, False, False, False, False)


def test_the_settings_are_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Config().port = 80  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Routes().tcp = "/x"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [Config, Routes])
def test_every_field_says_what_it_is_for(kind: type[attrs.AttrsInstance]) -> None:
    described = settings(kind)
    assert list(described) == [attribute.name for attribute in attrs.fields(kind)]
    assert all(setting.help for _, setting in described.values())


@pytest.mark.parametrize(
    "values",
    [
        {"port": 0},
        {"port": 1},
        {"port": 65535},
        {"host": ("127.0.0.1", "::1", "[::1]", "localhost", "dev.example")},
        {"cors": ("*",)},
        {"cors": ("https://app.example:8443", "http://10.0.0.1")},
        {"header": ("X-Empty:", "Cache-Control: no-store", "Link:</a>; rel=preload")},
        {"allow_host": ("*", ".example.com", "*.example.com", "box", "192.168.1.5", "fd00::5")},
        {"allow_net": ("10.0.0.0/8", "fd00::/8", "192.168.1.5")},
        {"deny_net": ("0.0.0.0/0",)},
        {"allow_target": ("db.internal:5432", "[fd00::5]:80", "router")},
        {"token": ""},
        {"token": "Abc-123_~."},
        {"routes": Routes(tcp="/net/tcp", udp="/net/udp")},
        {"isolation_exceptions": (IsolationException("/"), IsolationException("/login"))},
        {"lan": True, "tls": True},
    ],
    ids=str,
)
def test_possible_values_are_taken(values: dict[str, Any]) -> None:
    config = Config(**values)
    assert {name: getattr(config, name) for name in values} == values


IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "port-too-large": ({"port": 70000}, "--port 70000"),
    "port-65536": ({"port": 65536}, "--port"),
    "port-negative": ({"port": -1}, "--port"),
    "isolation": ({"isolation": "nonsense"}, "isolation"),
    "log-format": ({"log_format": "xml"}, "log-format"),
    "host-url": ({"host": ("http://x",)}, "--host"),
    "host-with-port": ({"host": ("127.0.0.1:80",)}, "--host"),
    "host-empty": ({"host": ("",)}, "--host"),
    "host-space": ({"host": ("a b",)}, "--host"),
    "cors-no-scheme": ({"cors": ("example.com",)}, "http://example.com"),
    "cors-path": ({"cors": ("http://example.com/x",)}, "http://example.com"),
    "cors-null": ({"cors": ("null",)}, "--cors"),
    "cors-empty": ({"cors": ("",)}, "--cors"),
    "allow-origin": ({"allow_origin": ("localhost:3000",)}, "--allow-origin"),
    "header-no-colon": ({"header": ("X",)}, "NAME: VALUE"),
    "header-space-in-name": ({"header": ("X : y",)}, "NAME: VALUE"),
    "header-no-name": ({"header": (": y",)}, "NAME: VALUE"),
    "header-injection": ({"header": ("X: a\r\nSet-Cookie: b",)}, "--header"),
    "header-beyond-latin-1": ({"header": ("X: ☃",)}, "--header"),
    "header-content-length": ({"header": ("Content-Length: 3",)}, "--header Content-Length"),
    "header-transfer-encoding": ({"header": ("transfer-encoding: chunked",)}, "--header"),
    "header-connection": ({"header": ("Connection: close",)}, "--header"),
    "header-date": ({"header": ("Date: today",)}, "--header"),
    "allow-host-url": ({"allow_host": ("http://x",)}, "--allow-host"),
    "allow-host-port": ({"allow_host": ("x:80",)}, "--allow-host"),
    "allow-host-below-address": ({"allow_host": (".127.0.0.1",)}, "127.0.0.1"),
    "allow-host-not-ascii": ({"allow_host": ("bücher.example",)}, "--allow-host"),
    "allow-net-host-bits": ({"allow_net": ("10.0.0.1/8",)}, "10.0.0.0/8"),
    "allow-net-name": ({"allow_net": ("db.internal",)}, "--allow-target"),
    "allow-net-length": ({"allow_net": ("10.0.0.0/33",)}, "--allow-net"),
    "deny-net": ({"deny_net": ("10.0.0.1/8",)}, "--deny-net"),
    "allow-target-url": ({"allow_target": ("http://db.internal/x",)}, "--allow-target"),
    "allow-target-port": ({"allow_target": ("db:70000",)}, "--allow-target"),
    "token": ({"token": "a b&c"}, "--token"),
    "token-not-ascii": ({"token": "ü"}, "--token"),
    "exception-path": ({"isolation_exceptions": (IsolationException("login"),)}, "isolation-exceptions"),
    "exception-empty": ({"isolation_exceptions": (IsolationException(""),)}, "isolation-exceptions"),
    "verbose-and-quiet": ({"verbose": True, "quiet": True}, "--quiet"),
    "lan-and-host": ({"lan": True, "host": ("127.0.0.1",)}, "--host"),
}


@pytest.mark.parametrize(("values", "advice"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_impossible_values_are_refused_with_advice(values: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Config(**values)
    assert advice in str(refusal.value)


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param({"tcp": "/x", "udp": "/x"}, id="the-same-twice"),
        pytest.param({"tcp": "/udp"}, id="that-of-another-default"),
        pytest.param({"tcp": "x"}, id="no-slash"),
        pytest.param({"tcp": "/x/"}, id="slash-at-the-end"),
        pytest.param({"tcp": "/"}, id="root"),
        pytest.param({"tcp": ""}, id="empty"),
        pytest.param({"tcp": "//x"}, id="names-a-host"),
        pytest.param({"tcp": "/a b"}, id="space"),
        pytest.param({"tcp": "/{x}"}, id="pattern"),
        pytest.param({"tcp": "/x?y"}, id="query"),
        pytest.param({"tcp": "/x\n"}, id="line-break"),
        pytest.param({"tcp": "/.."}, id="parent-which-clients-take-away"),
        pytest.param({"tcp": "/x/./y"}, id="dot-which-clients-take-away"),
    ],
)
def test_impossible_routes_are_refused(routes: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^routes: .*\.$"):
        Routes(**routes)


@pytest.mark.parametrize("asked", [{"tcp": "127.0.0.1:80"}, {"bridge": ("8088:echo",)}])
def test_sockets_are_not_opened_to_everybody_by_naming_a_target(
    asked: dict[str, Any], tmp_path: Path
) -> None:
    settings = {"directory": tmp_path, "host": ("0.0.0.0",), **asked}
    with pytest.raises(ConfigError, match="--token"):
        build_app(Config(**settings))
    build_app(Config(**settings, token="sesame"))
    build_app(Config(**settings, no_sockets=True))
