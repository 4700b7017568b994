"""Which settings a test's server has: what its fixture and its markers say, checked."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from fetchkit.config import Config
from fetchkit.errors import ConfigError
from fetchkit.text import nearest

__all__ = ["config_of"]

_FOLDERS = ("directory", "dump_out_directory", "forward_cache")


def config_of(layers: Iterable[Mapping[str, Any]], root: Path) -> Config:
    """The settings.

    Args:
        layers: fields of Config; later ones win.
        root: what relative folders are relative to.

    Raises:
        ConfigError: there is no such setting, or it cannot have this value.
    """
    settings: dict[str, Any] = {"directory": root, "port": 0}
    for layer in layers:
        settings |= layer
    fields = attrs.fields_dict(Config)
    for name, value in settings.items():
        if name not in fields:
            meant = f" Did you mean {near}?" if (near := nearest(name, fields)) else ""
            raise ConfigError(f"There is no setting {name!r}.{meant}")
        if name in _FOLDERS and value is not None:
            settings[name] = root / value
        elif isinstance(fields[name].default, tuple):
            # A string alone would be taken for its characters.
            settings[name] = (value,) if isinstance(value, str) else tuple(value)
    return Config(**settings)
