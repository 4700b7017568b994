"""Sets of flags: MSG_* of a message, AI_* and NI_* of a name.

An unknown flag is refused with the error that POSIX has for it (EOPNOTSUPP, EAI_BADFLAGS), because a program
that asked for it would otherwise be told a lie. A flag that only advises is dropped where the host lacks it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from fetchkit.sockets.posix.numbers.errors import CallError
from fetchkit.sockets.posix.numbers.host import Host

__all__ = ["AI", "MSG", "NI", "Flags", "MessageFlags"]

# include/sys/socket.h
MSG: Final[Mapping[str, int]] = {
    "MSG_OOB": 0x1,
    "MSG_PEEK": 0x2,
    "MSG_DONTROUTE": 0x4,
    "MSG_CTRUNC": 0x8,
    "MSG_TRUNC": 0x20,
    "MSG_DONTWAIT": 0x40,
    "MSG_EOR": 0x80,
    "MSG_WAITALL": 0x100,
    "MSG_CONFIRM": 0x800,
    "MSG_NOSIGNAL": 0x4000,
    "MSG_MORE": 0x8000,
    "MSG_CMSG_CLOEXEC": 0x40000000,
}
# Advice. No process here is killed by SIGPIPE, so nothing is lost where MSG_NOSIGNAL is missing.
_ADVICE: Final = ("MSG_CONFIRM", "MSG_NOSIGNAL", "MSG_MORE")
# Said by us and not by the host, whose sockets never block; the last is an answer, the other means nothing.
_OURS: Final = ("MSG_DONTWAIT", "MSG_WAITALL", "MSG_TRUNC", "MSG_CTRUNC", "MSG_CMSG_CLOEXEC")
_ANSWERS: Final = ("MSG_OOB", "MSG_CTRUNC", "MSG_TRUNC", "MSG_EOR")

# include/netdb.h
AI: Final[Mapping[str, int]] = {
    "AI_PASSIVE": 0x1,
    "AI_CANONNAME": 0x2,
    "AI_NUMERICHOST": 0x4,
    "AI_V4MAPPED": 0x8,
    "AI_ALL": 0x10,
    "AI_ADDRCONFIG": 0x20,
    "AI_NUMERICSERV": 0x400,
}
_AI_ADVICE: Final = ("AI_ADDRCONFIG",)
# include/netdb.h
NI: Final[Mapping[str, int]] = {
    "NI_NUMERICHOST": 0x1,
    "NI_NUMERICSERV": 0x2,
    "NI_NOFQDN": 0x4,
    "NI_NAMEREQD": 0x8,
    "NI_DGRAM": 0x10,
    "NI_NUMERICSCOPE": 0x100,
}
_NI_ADVICE: Final = ("NI_NOFQDN", "NI_NUMERICSCOPE")


@frozen
class MessageFlags:
    """The flags of a call that sends or receives.

    Attributes:
        host: what the host's call gets; never a flag that waits or does not, never MSG_TRUNC.
        dontwait: MSG_DONTWAIT: answer EAGAIN at once instead of waiting.
        waitall: MSG_WAITALL: wait until all of the buffer is filled.
        trunc: MSG_TRUNC: a datagram's real length is returned. Not for the host: on a stream Linux then
            throws bytes away and leaves the buffer as it was, which Python would hand out.
        peek: MSG_PEEK is in `host`.
    """

    host: int = 0
    dontwait: bool = False
    waitall: bool = False
    trunc: bool = False
    peek: bool = False


_NONE: Final = MessageFlags()


@frozen
class Flags:
    """Sets of flags of one host to Emscripten's and back."""

    _host: Host

    def message_in(self, flags: int) -> MessageFlags:
        """Flags of a call. Raises CallError: EOPNOTSUPP for one that is unknown here or to the host."""
        if not flags:
            return _NONE
        asked = _names(MSG, flags, "EOPNOTSUPP")
        return MessageFlags(
            self._numbers(asked - set(_OURS), _ADVICE, "EOPNOTSUPP"),
            "MSG_DONTWAIT" in asked,
            "MSG_WAITALL" in asked,
            "MSG_TRUNC" in asked,
            "MSG_PEEK" in asked,
        )

    def message_out(self, flags: int) -> int:
        """The `msg_flags` of recvmsg, which has no more than these."""
        return sum(MSG[name] for name in _ANSWERS if flags & self._host.names.get(name, 0))

    def message_host(self, flags: int) -> int:
        """The host's number for `msg_flags` of Emscripten's, without what the host lacks."""
        return sum(self._host.names.get(name, 0) for name in _ANSWERS if flags & MSG[name])

    def ai_in(self, flags: int) -> int:
        """Flags of getaddrinfo. Raises CallError: EAI_BADFLAGS."""
        return self._numbers(_names(AI, flags, "EAI_BADFLAGS"), _AI_ADVICE, "EAI_BADFLAGS")

    def ai_out(self, flags: int) -> int:
        """The flags that Emscripten has."""
        return sum(number for name, number in AI.items() if flags & self._host.names.get(name, 0))

    def ni_in(self, flags: int) -> int:
        """Flags of getnameinfo. Raises CallError: EAI_BADFLAGS."""
        return self._numbers(_names(NI, flags, "EAI_BADFLAGS"), _NI_ADVICE, "EAI_BADFLAGS")

    def ni_out(self, flags: int) -> int:
        """The flags that Emscripten has."""
        return sum(number for name, number in NI.items() if flags & self._host.names.get(name, 0))

    def _numbers(self, names: Iterable[str], advice: Iterable[str], failure: str) -> int:
        flags = 0
        for name in names:
            number = self._host.number(name)
            if number is None and name not in advice:
                raise CallError(failure, f"this system has no {name}")
            flags |= number or 0
        return flags


def _names(table: Mapping[str, int], flags: int, failure: str) -> set[str]:
    flags &= 0xFFFFFFFF
    names = {name for name, number in table.items() if flags & number}
    if rest := flags & ~sum(table[name] for name in names):
        raise CallError(failure, f"unknown flags {rest:#x}")
    return names
