"""Where settings come from: flag > environment > file > default, and what is wrong in one sentence."""

import re
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fetchkit.config import Config, IsolationException, LogFormat, Mode, Routes
from fetchkit.errors import ConfigError
from fetchkit.isolation import Coep, Coop
from fetchkit.sources import Effective, as_toml, environment_name, file_key, flag_name, load

# For every kind of value: field, flag, environment, file; three different values as they are given.
KINDS: dict[str, tuple[str, Any, str, str]] = {
    "integer": ("port", 1, "2", "3"),
    "integer-zero": ("port", 0, "0", "0"),
    "enum": ("isolation", "off", "credentialless", '"credentialless"'),
    "other-enum": ("log_format", "json", "json", '"json"'),
    "list": ("allow_host", ("a",), "b c", '["d", "e"]'),
    "list-of-lines": ("header", ("A: 1",), "B: 1\nC: 2 3", '["D: 1"]'),
    "text": ("token", "a", "b", '"c"'),
    "text-empty": ("token", "", "", '""'),
    "path": ("directory", Path("a"), "b", '"c"'),
    "switch": ("tls", True, "yes", "true"),
    "switch-off": ("tls", True, "0", "false"),
}
TYPED: dict[str, tuple[Any, Any, Any]] = {
    "integer": (1, 2, 3),
    "integer-zero": (0, 0, 0),
    "enum": (Mode.OFF, Mode.CREDENTIALLESS, Mode.CREDENTIALLESS),
    "other-enum": (LogFormat.JSON, LogFormat.JSON, LogFormat.JSON),
    "list": (("a",), ("b", "c"), ("d", "e")),
    "list-of-lines": (("A: 1",), ("B: 1", "C: 2 3"), ("D: 1",)),
    "text": ("a", "b", "c"),
    "text-empty": ("", "", ""),
    "path": (Path("a"), Path("b"), Path("c")),
    "switch": (True, True, True),
    "switch-off": (True, False, False),
}


def read(folder: Path, toml: str = "", **environment: str) -> Effective:
    """The settings with a fetchkit.toml and variables."""
    (folder / "fetchkit.toml").write_text(toml, "utf-8")
    return load({}, environment, folder)


def refusal(folder: Path, toml: str = "", **environment: str) -> str:
    """The sentence with which they are refused."""
    with pytest.raises(ConfigError) as refused:
        read(folder, toml, **environment)
    sentence = str(refused.value)
    assert re.fullmatch(r"[^\n]+[.?]", sentence), sentence
    return sentence


@pytest.mark.parametrize("kind", KINDS)
def test_flag_goes_before_environment_before_file_before_default(kind: str, tmp_path: Path) -> None:
    name, flag, text, toml = KINDS[kind]
    (tmp_path / "fetchkit.toml").write_text(f"{file_key(name)} = {toml}\n")
    environment = {environment_name(name): text}
    shown_flag = "DIR" if name == "directory" else flag_name(name)
    by_flag, by_variable, by_file = TYPED[kind]
    steps = [
        (load({name: flag}, environment, tmp_path), by_flag, shown_flag),
        (load({}, environment, tmp_path), by_variable, environment_name(name)),
        (load({}, {}, tmp_path), by_file, f"{file_key(name)} in fetchkit.toml"),
        (load({}, {}, tmp_path / "elsewhere"), getattr(Config(), name), "default"),
    ]
    for effective, value, source in steps:
        got = getattr(effective.config, name)
        assert (got, type(got), effective.sources[name]) == (value, type(value), source)
        others = {n: s for n, s in effective.sources.items() if n != name}
        assert set(others.values()) == {"default"}


@pytest.mark.parametrize(
    ("toml", "name", "value"),
    [
        pytest.param('[routes]\ntcp = "/t"', "routes", Routes(tcp="/t"), id="table"),
        pytest.param(
            '[[isolation-exceptions]]\npath = "/a"\ncoop = "same-origin-allow-popups"\n'
            '[[isolation-exceptions]]\npath = "/b"\ncoep = "unsafe-none"',
            "isolation_exceptions",
            (
                IsolationException("/a", coop=Coop.SAME_ORIGIN_ALLOW_POPUPS),
                IsolationException("/b", coep=Coep.UNSAFE_NONE),
            ),
            id="list-of-tables",
        ),
    ],
)
def test_tables_are_read_from_the_file(toml: str, name: str, value: object, tmp_path: Path) -> None:
    effective = read(tmp_path, toml)
    assert getattr(effective.config, name) == value
    assert effective.sources[name] == f"{file_key(name)} in fetchkit.toml"
    for exception in effective.config.isolation_exceptions:
        assert isinstance(exception.coop, Coop | None)
        assert isinstance(exception.coep, Coep | None)


@pytest.mark.parametrize("text", ["1", "true", "YES", "On"])
def test_words_that_turn_a_switch_on(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, "tls = false", FETCHKIT_TLS=text).config.tls is True


@pytest.mark.parametrize("text", ["0", "false", "NO", "Off", ""])
def test_words_that_turn_a_switch_off(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, "tls = true", FETCHKIT_TLS=text).config.tls is False


def test_one_text_stands_for_a_list_of_one(tmp_path: Path) -> None:
    assert read(tmp_path, 'cors = "*"').config.cors == ("*",)


def test_the_tool_table_of_a_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.fetchkit]\nport = 1\n')
    effective = load({}, {}, tmp_path)
    assert effective.config.port == 1
    assert effective.sources["port"] == "port in [tool.fetchkit] of pyproject.toml"


def test_a_project_without_the_table_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.other]\nport = 1\n")
    assert set(load({}, {}, tmp_path).sources.values()) == {"default"}


def test_the_own_file_goes_before_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.fetchkit]\nport = 1\nspa = true\n")
    effective = read(tmp_path, "port = 2")
    assert effective.config.port == 2
    assert effective.config.spa is False


def test_a_named_file_goes_before_all_others(tmp_path: Path) -> None:
    named, by_variable = tmp_path / "named.toml", tmp_path / "variable.toml"
    named.write_text("port = 3")
    by_variable.write_text("port = 4")
    (tmp_path / "fetchkit.toml").write_text("port = 2")
    environment = {"FETCHKIT_CONFIG": str(by_variable)}
    assert load({}, environment, tmp_path, named).config.port == 3
    assert load({}, environment, tmp_path).config.port == 4
    assert str(named) in load({}, {}, tmp_path, named).sources["port"]


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        pytest.param("prot = 1", ("fetchkit.toml", "'prot'", "'port'"), id="unknown-key"),
        pytest.param("allow_host = []", ("'allow_host'", "'allow-host'"), id="underscore"),
        pytest.param("zzzzzz = 1", ("'zzzzzz'", "allow-host"), id="nothing-near"),
        pytest.param("port = 70000", ("port in fetchkit.toml", "70000"), id="port"),
        pytest.param('port = "80"', ("port", "a whole number"), id="port-text"),
        pytest.param("port = true", ("port", "a whole number"), id="port-boolean"),
        pytest.param("port = 80.0", ("port", "a whole number"), id="port-float"),
        pytest.param("tls = 1", ("tls", "true or false"), id="switch-number"),
        pytest.param('tls = "true"', ("tls", "true or false"), id="switch-text"),
        pytest.param('isolation = "require-crop"', ("isolation", "require-corp, "), id="isolation-typo"),
        pytest.param("isolation = []", ("isolation", "require-corp, "), id="isolation-list"),
        pytest.param('log-format = "xml"', ("log-format", "text, json"), id="log-format"),
        pytest.param("token = 3", ("token", "text"), id="token-number"),
        pytest.param('token = "a b"', ("token",), id="token"),
        pytest.param("directory = 3", ("directory", "a path"), id="directory"),
        pytest.param("host = 3", ("host",), id="list-number"),
        pytest.param("host = [3]", ("host",), id="list-of-numbers"),
        pytest.param('host = ["a:80"]', ("host", "a:80"), id="host-with-port"),
        pytest.param("cors = {}", ("cors",), id="list-table"),
        pytest.param('cors = ["example.com"]', ("cors", "http://example.com"), id="cors"),
        pytest.param('header = ["X"]', ("header", "NAME: VALUE"), id="header"),
        pytest.param('allow-net = ["10.0.0.1/8"]', ("allow-net", "10.0.0.0/8"), id="allow-net"),
        pytest.param("routes = 3", ("routes",), id="routes-number"),
        pytest.param('routes = "/x"', ("routes",), id="routes-text"),
        pytest.param('routes = ["/x"]', ("routes",), id="routes-list"),
        pytest.param("[[routes]]", ("routes",), id="routes-list-of-tables"),
        pytest.param('[routes]\ntpc = "/x"', ("routes", "'tpc'", "'tcp'"), id="routes-key"),
        pytest.param("[routes]\ntcp = 3", ("routes",), id="routes-value"),
        pytest.param('[routes]\ntcp = "/x"\nudp = "/x"', ("routes", "same"), id="routes-twice"),
        pytest.param('[routes]\ntcp = "x"', ("routes", "'x'"), id="routes-no-slash"),
        pytest.param("isolation-exceptions = 3", ("isolation-exceptions",), id="exceptions-number"),
        pytest.param('isolation-exceptions = "/x"', ("isolation-exceptions",), id="exceptions-text"),
        pytest.param('isolation-exceptions = ["/x"]', ("isolation-exceptions",), id="exceptions-texts"),
        pytest.param("isolation-exceptions = [[]]", ("isolation-exceptions",), id="exceptions-lists"),
        pytest.param("[[isolation-exceptions]]", ("isolation-exceptions",), id="exception-no-path"),
        pytest.param(
            '[isolation-exceptions]\npath = "/x"', ("isolation-exceptions",), id="exceptions-one-table"
        ),
        pytest.param(
            '[[isolation-exceptions]]\npath = "/x"\ncoop = "popups"',
            ("isolation-exceptions",),
            id="exception-coop",
        ),
        pytest.param(
            '[[isolation-exceptions]]\npath = "/x"\ncoep = 3', ("isolation-exceptions",), id="exception-coep"
        ),
        pytest.param(
            '[[isolation-exceptions]]\npath = "/x"\nkoop = "y"',
            ("isolation-exceptions", "'koop'", "'coop'"),
            id="exception-key",
        ),
        pytest.param(
            '[[isolation-exceptions]]\npath = "x"', ("isolation-exceptions", "'x'"), id="exception-no-slash"
        ),
        pytest.param("verbose = true\nquiet = true", ("verbose", "quiet"), id="verbose-and-quiet"),
        pytest.param('lan = true\nhost = ["::1"]', ("lan", "host"), id="lan-and-host"),
        pytest.param("port = ", ("fetchkit.toml",), id="broken-toml"),
        pytest.param("port = 1\nport = 2", ("fetchkit.toml",), id="key-twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(toml: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    sentence = refusal(tmp_path, toml)
    assert all(part in sentence for part in parts), sentence


@pytest.mark.parametrize("toml", ["prot = 1", "[routes]\ntpc = '/x'"])
def test_a_suggestion_is_one_question(toml: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, toml).endswith("'?")


@pytest.mark.parametrize(
    ("variable", "text", "part"),
    [
        ("FETCHKIT_PROT", "1", "'FETCHKIT_PORT'"),
        ("FETCHKIT_ROUTES", "/x", "FETCHKIT_"),
        ("FETCHKIT_ISOLATION_EXCEPTIONS", "/x", "FETCHKIT_"),
        ("FETCHKIT_ZZZZZZZ", "", "'FETCHKIT_"),
        ("FETCHKIT_PORT", "http", "a whole number"),
        ("FETCHKIT_PORT", "", "a whole number"),
        ("FETCHKIT_PORT", "-1", "FETCHKIT_PORT"),
        ("FETCHKIT_PORT", "70000", "65535"),
        ("FETCHKIT_PORT", "²", "a whole number"),
        ("FETCHKIT_PORT", "9" * 5000, "FETCHKIT_PORT"),
        ("FETCHKIT_TLS", "maybe", "true or false"),
        ("FETCHKIT_ISOLATION", "on", "require-corp, "),
        ("FETCHKIT_LOG_FORMAT", "JSON5", "text, json"),
        ("FETCHKIT_CORS", "http://a example.com", "http://example.com"),
        ("FETCHKIT_HOST", "http://x", "FETCHKIT_HOST"),
        ("FETCHKIT_HEADER", "A: 1\nX", "NAME: VALUE"),
        ("FETCHKIT_CONFIG", "missing.toml", "missing.toml"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(
    variable: str, text: str, part: str, tmp_path: Path
) -> None:
    sentence = refusal(tmp_path, **{variable: text})
    assert variable.removeprefix("FETCHKIT_").lower() in sentence.lower()
    assert part in sentence


def test_other_variables_are_no_business_of_ours(tmp_path: Path) -> None:
    assert set(read(tmp_path, PATH="/bin", MY_FETCHKIT_X="1").sources.values()) == {"default"}


@pytest.mark.parametrize(
    "toml",
    ["tool = 3", "[tool]\nfetchkit = 3", '[tool]\nfetchkit = "port"', "[[tool.fetchkit]]", "x"],
)
def test_a_project_file_of_a_wrong_shape_is_refused(toml: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(toml)
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        load({}, {}, tmp_path)


@pytest.mark.parametrize(
    "name", ["missing.toml", "a-folder", "x" * 300, "a-folder/x/y"], ids=["missing", "folder", "long", "deep"]
)
def test_a_named_file_that_cannot_be_opened_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "a-folder").mkdir()
    with pytest.raises(ConfigError, match=re.escape(name[:50])):
        load({}, {}, tmp_path, tmp_path / name)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", "fetchkit.toml")

    (tmp_path / "fetchkit.toml").write_text("port = 1")
    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match=r"fetchkit\.toml.*Permission denied"):
        load({}, {}, tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fetchkit.toml").write_bytes(b'token = "\xff"')
    with pytest.raises(ConfigError, match=r"fetchkit\.toml"):
        load({}, {}, tmp_path)


EVERYTHING = Config(
    directory=Path("a folder"),
    host=("127.0.0.1", "::1"),
    port=0,
    isolation=Mode.CREDENTIALLESS,
    cors=("*", "https://app.example"),
    header=('X: "quoted" \\ back', "Y: é"),
    allow_host=(".example.com",),
    allow_origin=("https://app.example",),
    allow_net=("10.0.0.0/8",),
    deny_net=("fd00::/8",),
    allow_target=("db.internal:5432",),
    dotfiles=True,
    spa=True,
    tls=True,
    open=True,
    log_format=LogFormat.JSON,
    verbose=True,
    routes=Routes(tcp="/t"),
    isolation_exceptions=(IsolationException("/a", coop=Coop.UNSAFE_NONE), IsolationException("/b")),
)


def shown(config: Config, source: str = "default") -> str:
    """What `fetchkit config` prints."""
    return as_toml(Effective(config, dict.fromkeys((a.name for a in attrs.fields(Config)), source)))


@pytest.mark.parametrize("config", [Config(), EVERYTHING], ids=["defaults", "everything"])
def test_what_config_prints_is_a_configuration_file_for_the_same_settings(
    config: Config, tmp_path: Path
) -> None:
    assert read(tmp_path, shown(config)).config == config


@pytest.mark.parametrize("name", ["ö", "😀", 'a"b', "a\\b", "a'b", "a\nb", "a\x7fb", "a\tb", "#"])
def test_any_folder_name_survives_what_config_prints(name: str, tmp_path: Path) -> None:
    config = Config(directory=Path(name))
    assert read(tmp_path, shown(config)).config == config


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"])))
def test_any_header_value_survives_what_config_prints(value: str, tmp_path: Path) -> None:
    config = Config(header=(f"X: {value}",))
    assert read(tmp_path, shown(config)).config == config


def test_every_setting_is_printed_with_its_source(tmp_path: Path) -> None:
    effective = read(tmp_path, "port = 1\n[routes]\ntcp = '/t'", FETCHKIT_SPA="1")
    text = as_toml(effective)
    for attribute in attrs.fields(Config):
        key = re.escape(file_key(attribute.name))
        source = re.escape(effective.sources[attribute.name])
        assert re.search(rf"^(?:# )?\[?{key}\b.*  # {source}$", text, re.MULTILINE), attribute.name


def test_a_token_is_hidden_and_the_rest_still_is_a_configuration_file(tmp_path: Path) -> None:
    text = shown(Config(token="verysecret", port=1))
    assert "verysecret" not in text
    assert re.search(r"token.*hidden", text)
    assert tomllib.loads(text)["port"] == 1
    assert read(tmp_path, text).config.port == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://user:verysecret@127.0.0.1:6380/2", "redis://127.0.0.1:6380/2"),
        ("rediss://:verysecret@[::1]/?ssl_cert_reqs=none", "rediss://[::1]:6379"),
        ("redis://127.0.0.1/?password=verysecret", "redis://127.0.0.1:6379"),
        ("unix:///run/redis.sock?password=verysecret", "unix:///run/redis.sock"),
        ("", ""),
    ],
)
def test_the_place_of_the_memory_is_shown_without_its_password(url: str, told: str, tmp_path: Path) -> None:
    text = shown(Config(state=url))
    assert "verysecret" not in text
    assert "user" not in text.partition("state = ")[2].partition("#")[0]
    assert tomllib.loads(text)["state"] == told
    assert read(tmp_path, text).config.state == told
