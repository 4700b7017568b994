"""One flag for each setting that has one, and the Config that the given ones make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_origin

import click

from fetchkit.config import Config, settings
from fetchkit.sources import flag_name, load

__all__ = ["config_of", "given_of", "options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def options(command: _Command) -> _Command:
    """Add the flags to a command."""
    for name, (attribute, setting) in reversed(settings().items()):
        if not setting.flag:
            continue
        names = [flag_name(name), *([f"-{setting.short}"] if setting.short else [])]
        kind: dict[str, Any] = {"default": None, "help": setting.help, "metavar": setting.metavar or None}
        if attribute.type is bool:
            kind |= {"is_flag": True, "metavar": None}
            if name.partition("_")[0] not in ("no", "verbose", "quiet"):
                names[0] += f"/--no-{names[0].removeprefix('--')}"  # for a switch that the file turned on
        elif get_origin(attribute.type) is tuple:
            kind["multiple"] = True
        elif name == "port":
            kind["type"] = int
        elif name == "token":
            kind |= {"is_flag": False, "flag_value": ""}
        command = click.option(*names, name, **kind)(command)
    return click.option("--config", "config_file", type=Path, metavar="FILE", help="configuration file")(
        command
    )


def given_of(flags: dict[str, Any], directory: Path | None) -> tuple[dict[str, Any], Path | None]:
    """The settings that were given, and the configuration file."""
    config_file = flags.pop("config_file")
    if directory is not None:
        flags["directory"] = directory
    return {name: value for name, value in flags.items() if value not in (None, ())}, config_file


def config_of(flags: dict[str, Any], directory: Path | None) -> Config:
    """The settings in force.

    Raises:
        ConfigError: in one sentence, what cannot be used.
    """
    given, config_file = given_of(flags, directory)
    return load(given, config_file=config_file).config
