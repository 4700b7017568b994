"""Every number of Emscripten's ABI to the host's and back, by name; `HERE` is for the host that we run on."""

from typing import Final

from attrs import frozen

from fetchkit.sockets.posix.numbers.addresses import Address, Addresses, PythonAddress
from fetchkit.sockets.posix.numbers.control import Control, Item
from fetchkit.sockets.posix.numbers.errors import EAI, ERRNO, CallError, Errors
from fetchkit.sockets.posix.numbers.flags import Flags, MessageFlags
from fetchkit.sockets.posix.numbers.host import HOST, Host
from fetchkit.sockets.posix.numbers.kinds import Kinds, SocketType
from fetchkit.sockets.posix.numbers.options import Linger, Meaning, Option, Options, Value

__all__ = [
    "EAI",
    "ERRNO",
    "HERE",
    "Address",
    "CallError",
    "Host",
    "Item",
    "Linger",
    "Meaning",
    "MessageFlags",
    "Numbers",
    "Option",
    "PythonAddress",
    "SocketType",
    "Value",
]


@frozen
class Numbers:
    """The tables of one host."""

    errors: Errors
    kinds: Kinds
    flags: Flags
    addresses: Addresses
    options: Options
    control: Control

    @classmethod
    def of(cls, host: Host) -> "Numbers":
        """Those of a host."""
        return cls(Errors.of(host), Kinds(host), Flags(host), Addresses(host), Options(host), Control(host))


HERE: Final = Numbers.of(HOST)
