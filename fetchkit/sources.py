"""Reads the settings: flag, then environment, then file, then default; each keeps its source.

The file is `fetchkit.toml`, else `[tool.fetchkit]` of `pyproject.toml`, in the current folder.
"""

import difflib
import os
import re
import tomllib
import types
from collections.abc import Mapping
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, get_args, get_origin

import attrs
import cattrs
from attrs import frozen
from cattrs.gen import make_dict_structure_fn, override

from fetchkit.config import Config, Setting, settings
from fetchkit.errors import ConfigError
from fetchkit.origin.memory.state import parse_state

__all__ = ["Effective", "as_toml", "environment_name", "file_key", "flag_name", "load"]

_YES = {"1", "true", "yes", "on"}
_DIGITS = re.compile(r"[0-9]{1,9}")
_NAMES_OF_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
_NO = {"0", "false", "no", "off", ""}


@frozen
class Effective:
    """The settings in force, and for each where it came from."""

    config: Config
    sources: Mapping[str, str]


def flag_name(name: str) -> str:
    """`allow_host` -> `--allow-host`, and those few that have a shorter one."""
    return "--" + (settings()[name][1].flag_name or file_key(name))


def environment_name(name: str) -> str:
    """`allow_host` -> `FETCHKIT_ALLOW_HOST`."""
    return "FETCHKIT_" + name.upper()


def file_key(name: str) -> str:
    """`allow_host` -> `allow-host`."""
    return name.replace("_", "-")


def load(
    flags: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    folder: Path = Path(),
    config_file: Path | None = None,
) -> Effective:
    """Put the settings together.

    Args:
        flags: values by field name, of those flags that were given.
        environment: the variables; a list is separated by white space, `FETCHKIT_HEADER` by line breaks.
        folder: where the file is looked for.
        config_file: a file that must exist, instead of looking for one.

    Raises:
        ConfigError: in one sentence, what cannot be used and what to do.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    file, table = _read_file(folder, config_file or _path(environment.get("FETCHKIT_CONFIG")))
    known = settings()
    _refuse_unknown(table, [file_key(name) for name in known], file)
    _refuse_unknown_variables(environment, known)
    for name, (attribute, setting) in known.items():
        source, raw = _first(name, setting, flags, environment, table, file)
        if source is None:
            sources[name] = "default"
            continue
        values[name] = _structured(raw, attribute, source)
        sources[name] = source
    return Effective(Config(**values), sources)


def as_toml(effective: Effective) -> str:
    """The settings as a configuration file, each line with its source as a comment."""
    lines, tables = [], []
    for name, source in effective.sources.items():
        value = getattr(effective.config, name)
        if attrs.has(type(value)):
            tables.append(f"\n[{file_key(name)}]  # {source}")
            fields = _public(value).items()
            tables.extend(f"{file_key(key)} = {_toml(item)}" for key, item in fields if item is not None)
        elif value is None:
            lines.append((f"# {file_key(name)} is not set", source))
        else:
            lines.append((_line(name, value), source))
    width = max(len(line) for line, _ in lines)
    return "\n".join([*(f"{line:{width}}  # {source}" for line, source in lines), *tables])


def _line(name: str, value: Any) -> str:
    """A setting for people to read: without its secrets."""
    if name == "token":
        return "# token is hidden"
    if name == "state":
        value = parse_state(value).shown
    return f"{file_key(name)} = {_toml(value)}"


def _first(
    name: str,
    setting: Setting,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    table: Mapping[str, Any],
    file: str,
) -> tuple[str | None, Any]:
    """The source that wins, as people would name it, and its raw value."""
    if name in flags:
        return flag_name(name) if setting.flag else setting.metavar, flags[name]
    variable = environment_name(name)
    if variable in environment and _has_variable(name, setting):
        return variable, environment[variable]
    key = file_key(name)
    return (f"{key} in {file}", table[key]) if key in table else (None, None)


def _has_variable(name: str, setting: Setting) -> bool:
    return setting.flag or name == "directory"


def _read_file(folder: Path, asked: Path | None) -> tuple[str, Mapping[str, Any]]:
    own = asked or folder / "fetchkit.toml"
    if asked is not None and not os.path.isfile(asked):
        raise ConfigError(f"The configuration file {asked} does not exist: name another with --config.")
    if os.path.isfile(own):
        return str(own.name if asked is None else own), _parsed(own)
    project = folder / "pyproject.toml"
    if not os.path.isfile(project):
        return "", {}
    name, table = "[tool.fetchkit] of pyproject.toml", _parsed(project)
    for key in ("tool", "fetchkit"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{name} is not a table: write its keys below that line.")
    return name, table


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error


def _refuse_unknown(table: Mapping[str, Any], known: list[str], file: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"{file} has the unknown key {key!r}{_nearest(key, known)}")


def _refuse_unknown_variables(environment: Mapping[str, str], known: Mapping[str, Any]) -> None:
    names = [environment_name(name) for name, (_, setting) in known.items() if _has_variable(name, setting)]
    names.append("FETCHKIT_CONFIG")
    for variable in environment:
        if variable.startswith("FETCHKIT_") and variable not in names:
            raise ConfigError(f"The environment variable {variable} is unknown{_nearest(variable, names)}")


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f": did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}."


def _structured(raw: Any, attribute: "attrs.Attribute[Any]", source: str) -> Any:
    """The typed value, or one sentence about what is wrong with it."""
    if isinstance(raw, str) and source.startswith("FETCHKIT_"):
        raw = _from_text(raw, attribute)
    try:
        value: Any = _CONVERTER.structure(raw, attribute.type or str)
        if attribute.validator is not None:
            attribute.validator(None, attribute, value)
    except ConfigError as error:
        raise ConfigError(str(error) if source.startswith("--") else f"{source}: {error}") from error
    except (cattrs.ForbiddenExtraKeysError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{source}: {_sentence(error, raw, attribute)}") from error
    return value


def _from_text(raw: str, attribute: "attrs.Attribute[Any]") -> Any:
    """What the text of an environment variable stands for."""
    if get_origin(attribute.type) is tuple:
        return raw.splitlines() if attribute.name == "header" else raw.split()
    if attribute.type is bool and raw.lower() in _YES | _NO:
        return raw.lower() in _YES
    return int(raw) if int in _choices(attribute.type) and _DIGITS.fullmatch(raw.strip()) else raw


def _sentence(error: Exception, raw: Any, attribute: "attrs.Attribute[Any]") -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        extra = min(error.extra_fields)
        known = [file_key(a.name) for a in attrs.fields(error.cl)]
        return f"has the unknown key {extra!r}{_nearest(extra, known)}"
    where, raw, wanted = _misfit(raw, attribute.type)
    kinds = _choices(wanted)
    enums = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum)]
    if enums:
        return f"{where}{raw!r} is not one of {', '.join(str(member.value) for member in enums[0])}."
    if get_origin(wanted) is tuple:
        return f"{where}{raw!r} is not a list of values of the right kind."
    return f"{where}{raw!r} is not {_NAMES_OF_KINDS.get(kinds[0], 'a table of the right kind')}."


def _misfit(raw: Any, kind: Any) -> tuple[str, Any, Any]:
    """The innermost value of a table that has the wrong type: its keys, the value, the type."""
    members: list[tuple[str, Any, Any]] = []
    if isinstance(raw, Mapping) and attrs.has(kind):
        known = {file_key(a.name): a.type for a in attrs.fields(kind) if a.init}
        members = [(key, value, known[key]) for key, value in raw.items() if key in known]
    elif isinstance(raw, Mapping) and get_origin(kind) is Mapping:
        members = [(_key(str(name)), value, get_args(kind)[1]) for name, value in raw.items()]
    for key, value, wanted in members:
        try:
            _CONVERTER.structure(value, wanted)
        except Exception:  # noqa: BLE001  whatever it is, this is the one
            where, inner, innermost = _misfit(value, wanted)
            return f"{key}: {where}", inner, innermost
    return "", raw, kind


def _choices(kind: Any) -> tuple[Any, ...]:
    return (
        tuple(k for k in get_args(kind) if k is not type(None))
        if isinstance(kind, types.UnionType)
        else (kind,)
    )


def _exactly(kind: type) -> Any:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(value)
        return value

    return structure


def _optional(kind: type) -> Any:
    strict = _exactly(kind)
    return lambda value, _: None if value is None else strict(value, kind)


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(StrEnum, lambda value, kind: kind(value))  # else it is taken for a str
    converter.register_structure_hook(int | None, _optional(int))
    converter.register_structure_hook(bool | None, _optional(bool))
    converter.register_structure_hook(str | None, _optional(str))
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
    converter.register_structure_hook(float, lambda value, _: _number(value))
    converter.register_structure_hook(float | None, lambda v, _: None if v is None else _number(v))
    converter.register_structure_hook(Path | None, lambda v, _: None if v is None else Path(v))
    converter.register_structure_hook_factory(attrs.has, lambda kind: _table(kind, converter))
    return converter


def _table(kind: type, converter: cattrs.Converter) -> Any:
    """Keys of a table are the fields of its class, with hyphens."""
    names: dict[str, Any] = {a.name: override(rename=file_key(a.name)) for a in attrs.fields(kind) if a.init}
    return make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True, **names)


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(value)
    return float(value)


def _texts(value: Any, _: Any) -> tuple[str, ...]:
    """A list of texts; one text alone stands for a list of one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError(value)
    return tuple(value)


_CONVERTER = _make_converter()


def _toml(value: Any) -> str:
    """A value as TOML writes it; its strings are JSON's for what we hold."""
    import json  # noqa: PLC0415  only `fetchkit config` needs it

    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if attrs.has(type(value)):
        value = {file_key(name): item for name, item in _public(value).items()}
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {_toml(item)}" for key, item in value.items() if item is not None)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, Path | Enum):
        value = os.fsencode(str(value)).decode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _public(value: Any) -> dict[str, Any]:
    """The fields that people may set."""
    return {a.name: getattr(value, a.name) for a in attrs.fields(type(value)) if a.init}


def _key(name: str) -> str:
    return name if name.replace("-", "").isalnum() and name.isascii() else _toml(name)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
