"""The host's constants by name, and nothing that knows which host it is."""

import errno
import socket
from collections.abc import Mapping
from typing import Final, Self

from attrs import frozen

__all__ = ["HOST", "Host"]


@frozen
class Host:
    """What Python calls the constants of an operating system.

    Attributes:
        names: numbers by name; a name that the system does not have is missing.
    """

    names: Mapping[str, int]

    @classmethod
    def of(cls, *modules: object) -> Self:
        """The constants of modules such as `socket` and `errno`."""
        return cls(
            {
                name: int(value)
                for module in modules
                for name, value in vars(module).items()
                if name.isupper() and isinstance(value, int)
            }
        )

    def number(self, *names: str) -> int | None:
        """The number of the first of these names that the host has."""
        return next((self.names[name] for name in names if name in self.names), None)

    @property
    def is_windows(self) -> bool:
        """Whether structures are Winsock's: it has two sets of errno, and so two sets of names."""
        return "WSAEINVAL" in self.names


HOST: Final = Host.of(errno, socket)
