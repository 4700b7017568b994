"""The command line: exit codes, streams, and one sentence for everything that cannot be used."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fetchkit.cli import main
from fetchkit.config import settings
from fetchkit.errors import ListenError
from fetchkit.sources import flag_name
from fetchkit.version import VERSION

from .program import Program, clean_environment, one_sentence

COMMANDS = ["serve", "demo", "config"]


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variables, no configuration file."""
    for name in [name for name in os.environ if name.startswith("FETCHKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _never_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """What should have been refused before must not serve for ever."""

    def refuse(*_: object) -> None:
        raise ListenError("it would have listened.")

    monkeypatch.setattr("fetchkit.server.bind", refuse)
    monkeypatch.setattr("fetchkit.log.configure", lambda *_, **__: None)


def run(*arguments: str) -> int:
    """Run a command in this process; its exit code."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    code = end.value.code
    return code if isinstance(code, int) else 0 if code is None else 1


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], *([c, "--help"] for c in COMMANDS)])
def test_help_goes_to_standard_output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: fetchkit")
    assert err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_names_every_flag(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(command, "--help")
    words = capsys.readouterr().out.replace(",", " ").split()
    for name, (_, setting) in settings().items():
        named = getattr(setting, "flag_name", "")
        assert not setting.flag or (f"--{named}" if named else flag_name(name)) in words
        assert not setting.short or f"-{setting.short}" in words
    assert "--config" in words
    assert not {"--directory", "--routes", "--isolation-exceptions"} & set(words)


def test_version_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr() == (f"fetchkit {VERSION}\n", "")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--port", "70000"], "--port"),
        (["--port", "-1"], "--port"),
        (["--port", "http"], "--port"),
        (["--isolation", "require-crop"], "require-corp"),
        (["--log-format", "xml"], "text, json"),
        (["--host", "http://x"], "--host"),
        (["--host", "127.0.0.1:80"], "--host"),
        (["--cors", "example.com"], "http://example.com"),
        (["--allow-origin", "localhost"], "http://localhost"),
        (["--allow-net", "10.0.0.1/8"], "10.0.0.0/8"),
        (["--deny-net", "x/y"], "--deny-net"),
        (["--allow-target", "http://x/"], "--allow-target"),
        (["--header", "X"], "NAME: VALUE"),
        (["--header", "Content-Length: 3"], "Content-Length"),
        (["--allow-host", "http://x"], "--allow-host"),
        (["--token", "a b"], "--token"),
        (["-v", "-q"], "--quiet"),
        (["--lan", "--host", "127.0.0.1"], "--host"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--config", "/"], "--config"),
        (["--prot", "3"], "--port"),
        (["--port"], "--port"),
        (["one", "two"], "two"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("command", ["serve", "config"])
def test_what_cannot_be_used_ends_with_2_and_one_sentence(
    command: str, arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert part in one_sentence(err)


def test_an_unknown_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sevre") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "sevre" in err


@pytest.mark.parametrize(
    ("file", "text", "part"),
    [
        ("fetchkit.toml", "prot = 1", "'port'"),
        ("fetchkit.toml", "port = ", "fetchkit.toml"),
        ("fetchkit.toml", "[routes]\ntcp = 'x'", "'x'"),
        ("fetchkit.toml", "[[isolation-exceptions]]\npath = '/x'\ncoop = 'y'", "isolation-exceptions"),
        ("pyproject.toml", "[tool.fetchkit]\nisolation = 'on'", "require-corp"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_2_and_one_sentence(
    file: str, text: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(file).write_text(text)
    assert run("config") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert part in one_sentence(err)


def test_a_variable_that_cannot_be_used_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FETCHKIT_PROT", "1")
    assert run("config") == 2
    assert "FETCHKIT_PORT" in one_sentence(capsys.readouterr().err)


@pytest.mark.parametrize("name", ["missing", "file", "x" * 300], ids=["missing", "a-file", "long"])
def test_a_folder_that_is_none_ends_with_2_and_one_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("")
    assert run("serve", name) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert name in one_sentence(err)


def test_a_folder_that_cannot_be_read_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("site").mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert run("serve", "site") == 2
    assert "site" in one_sentence(capsys.readouterr().err)


def test_a_folder_below_one_that_cannot_be_entered_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = os.stat

    def refuse(path: str, *arguments: object, **named: object) -> os.stat_result:
        if str(path) == "closed/site":
            raise PermissionError(13, "Permission denied", path)
        return plain(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    assert run("serve", "closed/site") == 2
    assert "closed/site" in one_sentence(capsys.readouterr().err)


def test_what_is_no_usage_error_ends_with_1_and_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    Path("site").mkdir()
    assert run("serve", "site") == 1
    assert capsys.readouterr() == ("", "fetchkit: it would have listened.\n")


def test_a_folder_after_token_is_not_taken_for_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    Path("site").mkdir()
    assert run("serve", "--token", "site") == 2
    assert "--token=" in capsys.readouterr().err


def test_config_prints_each_value_with_its_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("fetchkit.toml").write_text("spa = true\n[routes]\ntcp = '/t'\n")
    monkeypatch.setenv("FETCHKIT_ALLOW_HOST", "a b")
    assert run("config", "site", "--port", "0", "--token=verysecret", "--cors", "*", "-q") == 0
    out, err = capsys.readouterr()
    values = tomllib.loads(out)
    expected = {"directory": "site", "port": 0, "spa": True, "allow-host": ["a", "b"], "cors": ["*"]}
    assert values.items() >= expected.items()
    assert values["routes"]["tcp"] == "/t"
    assert values["quiet"] is True
    sources = {line.split()[0]: line.rpartition("  # ")[2] for line in out.splitlines() if "  # " in line}
    assert sources["directory"] == "DIR"
    assert sources["port"] == "--port"
    assert sources["spa"] == "spa in fetchkit.toml"
    assert sources["allow-host"] == "FETCHKIT_ALLOW_HOST"
    assert sources["[routes]"] == "routes in fetchkit.toml"
    assert sources["tls"] == "default"
    assert "verysecret" not in out + err


@pytest.mark.parametrize("arguments", [["--help"], ["config"]], ids=" ".join)
def test_what_serves_nothing_starts_without_aiohttp(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\nfrom fetchkit.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    sys.exit('aiohttp is loaded' if 'aiohttp' in sys.modules else 0)"
    )
    with Program(tmp_path, *arguments, python=("-c", script)) as program:
        code, _, err = program.end()
    assert (code, err) == (0, "")


@pytest.mark.parametrize("command", [["-m", "fetchkit"], ["-c", "from fetchkit.cli import main; main()"]])
def test_module_and_script_are_the_same_program(command: list[str], tmp_path: Path) -> None:
    version, usage = (
        subprocess.run(
            [sys.executable, *command, *arguments],
            capture_output=True,
            text=True,
            env=clean_environment(tmp_path),
            timeout=20,
            check=False,
        )
        for arguments in (["--version"], ["serve", "--port", "70000"])
    )
    assert (version.returncode, version.stdout) == (0, f"fetchkit {VERSION}\n")
    assert usage.returncode == 2
    assert "70000" in one_sentence(usage.stderr)
