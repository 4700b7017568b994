"""The parts of the benchmark: one module a feature, found by its name, with the members of `Part`."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from attrs import frozen

from benchmarks.peers import Peer
from benchmarks.report import Report

__all__ = ["Options", "Part", "find_parts"]


@frozen
class Options:
    """What the command line asked for; `say` shows progress."""

    rounds: int
    seconds: int
    say: Callable[[str], None]


class Part(Protocol):
    """What a module in this folder defines."""

    PEERS: Sequence[Peer]

    def measure(self, peers: Sequence[Peer], options: Options) -> Report:
        """Measure these of its peers."""


def find_parts() -> dict[str, Part]:
    """Import every module of this folder and return them by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: cast("Part", importlib.import_module(f"{__name__}.{name}")) for name in names}
