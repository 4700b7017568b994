"""Errors of both sides: errno, and what getaddrinfo and getnameinfo return, by name.

Emscripten's errno are WASI's numbers (bits/errno.h of musl's arch/emscripten, over wasi/api.h), the same in
3.1.6 and today. Untranslated they mislead: Linux's EAGAIN is ECANCELED there, EFAULT is ECONNREFUSED.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from fetchkit.sockets.posix.numbers.host import Host

__all__ = ["EAI", "ERRNO", "CallError", "Errors"]

ERRNO: Final[Mapping[str, int]] = {
    "EPERM": 63,
    "ENOENT": 44,
    "ESRCH": 71,
    "EINTR": 27,
    "EIO": 29,
    "ENXIO": 60,
    "E2BIG": 1,
    "ENOEXEC": 45,
    "EBADF": 8,
    "ECHILD": 12,
    "EAGAIN": 6,
    "ENOMEM": 48,
    "EACCES": 2,
    "EFAULT": 21,
    "EBUSY": 10,
    "EEXIST": 20,
    "EXDEV": 75,
    "ENODEV": 43,
    "ENOTDIR": 54,
    "EISDIR": 31,
    "EINVAL": 28,
    "ENFILE": 41,
    "EMFILE": 33,
    "ENOTTY": 59,
    "ETXTBSY": 74,
    "EFBIG": 22,
    "ENOSPC": 51,
    "ESPIPE": 70,
    "EROFS": 69,
    "EMLINK": 34,
    "EPIPE": 64,
    "EDOM": 18,
    "ERANGE": 68,
    "EDEADLK": 16,
    "ENAMETOOLONG": 37,
    "ENOLCK": 46,
    "ENOSYS": 52,
    "ENOTEMPTY": 55,
    "ELOOP": 32,
    "ENOMSG": 49,
    "EIDRM": 24,
    "ENOLINK": 47,
    "EPROTO": 65,
    "EMULTIHOP": 36,
    "EBADMSG": 9,
    "EOVERFLOW": 61,
    "EILSEQ": 25,
    "ENOTSOCK": 57,
    "EDESTADDRREQ": 17,
    "EMSGSIZE": 35,
    "EPROTOTYPE": 67,
    "ENOPROTOOPT": 50,
    "EPROTONOSUPPORT": 66,
    "EAFNOSUPPORT": 5,
    "EADDRINUSE": 3,
    "EADDRNOTAVAIL": 4,
    "ENETDOWN": 38,
    "ENETUNREACH": 40,
    "ENETRESET": 39,
    "ECONNABORTED": 13,
    "ECONNRESET": 15,
    "ENOBUFS": 42,
    "EISCONN": 30,
    "ENOTCONN": 53,
    "ETIMEDOUT": 73,
    "ECONNREFUSED": 14,
    "EHOSTUNREACH": 23,
    "EALREADY": 7,
    "EINPROGRESS": 26,
    "ESTALE": 72,
    "EDQUOT": 19,
    "ECANCELED": 11,
    "EOWNERDEAD": 62,
    "ENOTRECOVERABLE": 56,
    "ENOSTR": 100,
    "EBFONT": 101,
    "EBADSLT": 102,
    "EBADRQC": 103,
    "ENOANO": 104,
    "ENOTBLK": 105,
    "ECHRNG": 106,
    "EL3HLT": 107,
    "EL3RST": 108,
    "ELNRNG": 109,
    "EUNATCH": 110,
    "ENOCSI": 111,
    "EL2HLT": 112,
    "EBADE": 113,
    "EBADR": 114,
    "EXFULL": 115,
    "ENODATA": 116,
    "ETIME": 117,
    "ENOSR": 118,
    "ENONET": 119,
    "ENOPKG": 120,
    "EREMOTE": 121,
    "EADV": 122,
    "ESRMNT": 123,
    "ECOMM": 124,
    "EDOTDOT": 125,
    "ENOTUNIQ": 126,
    "EBADFD": 127,
    "EREMCHG": 128,
    "ELIBACC": 129,
    "ELIBBAD": 130,
    "ELIBSCN": 131,
    "ELIBMAX": 132,
    "ELIBEXEC": 133,
    "ERESTART": 134,
    "ESTRPIPE": 135,
    "EUSERS": 136,
    "ESOCKTNOSUPPORT": 137,
    "EOPNOTSUPP": 138,
    "EPFNOSUPPORT": 139,
    "ESHUTDOWN": 140,
    "ETOOMANYREFS": 141,
    "EHOSTDOWN": 142,
    "EUCLEAN": 143,
    "ENOTNAM": 144,
    "ENAVAIL": 145,
    "EISNAM": 146,
    "EREMOTEIO": 147,
    "ENOMEDIUM": 148,
    "EMEDIUMTYPE": 149,
    "ENOKEY": 150,
    "EKEYEXPIRED": 151,
    "EKEYREVOKED": 152,
    "EKEYREJECTED": 153,
    "ERFKILL": 154,
    "EHWPOISON": 155,
    "EL2NSYNC": 156,
    "EWOULDBLOCK": 6,
    "EDEADLOCK": 16,
    "ENOTSUP": 138,
}

# netdb.h; the numbers are glibc's. Some hosts give two names one number: the first one here is meant.
EAI: Final[Mapping[str, int]] = {
    "EAI_BADFLAGS": -1,
    "EAI_NONAME": -2,
    "EAI_AGAIN": -3,
    "EAI_FAIL": -4,
    "EAI_NODATA": -5,
    "EAI_FAMILY": -6,
    "EAI_SOCKTYPE": -7,
    "EAI_SERVICE": -8,
    "EAI_ADDRFAMILY": -9,
    "EAI_MEMORY": -10,
    "EAI_SYSTEM": -11,
    "EAI_OVERFLOW": -12,
}

# What has no number over there; nothing else on sockets gives it.
_UNKNOWN: Final = ERRNO["EIO"]
_UNKNOWN_EAI: Final = EAI["EAI_FAIL"]
# What Python raises without a number: "AF_UNIX path too long" and the like.
_UNNUMBERED: Final = ERRNO["EINVAL"]
_CLASSES: Final = (
    (TimeoutError, "ETIMEDOUT"),
    (BlockingIOError, "EAGAIN"),
    (ConnectionRefusedError, "ECONNREFUSED"),
    (ConnectionResetError, "ECONNRESET"),
    (ConnectionAbortedError, "ECONNABORTED"),
    (BrokenPipeError, "EPIPE"),
    (PermissionError, "EACCES"),
)


class CallError(Exception):
    """A call fails.

    Attributes:
        name: of the error, EINVAL or EAI_FAMILY.
        number: what the page reads: an errno of Emscripten's, or a negative EAI.
    """

    def __init__(self, name: str, reason: str = "") -> None:
        super().__init__(f"{name}: {reason}" if reason else name)
        self.name = name
        self.number = EAI[name] if name in EAI else ERRNO[name]

    @property
    def is_eai(self) -> bool:
        """Whether it is what getaddrinfo or getnameinfo returns, and no errno."""
        return self.name in EAI


@frozen
class Errors:
    """Errors of one host to Emscripten's and back."""

    _errno_out: Mapping[int, int]
    _errno_in: Mapping[int, int]
    _eai_out: Mapping[int, int]
    _eai_in: Mapping[int, int]

    @classmethod
    def of(cls, host: Host) -> "Errors":
        """Those of a host."""
        # A second round for Winsock's own: what an OSError carries is errno's, what SO_ERROR gives is not.
        names = [*((name, name) for name in ERRNO), *(("WSA" + name, name) for name in ERRNO)]
        return cls(
            _first((host.number(own), ERRNO[name]) for own, name in names),
            _first((ERRNO[name], host.number(own)) for own, name in names),
            _first((host.number(name), number) for name, number in EAI.items()),
            _first((number, host.number(name)) for name, number in EAI.items()),
        )

    def errno_out(self, number: int) -> int:
        """The page's errno for one of the host; 0 stays 0, so that values of SO_ERROR can be asked too."""
        return self._errno_out.get(number, _UNKNOWN) if number else 0

    def errno_in(self, number: int) -> int | None:
        """The host's errno for one of the page; None where the host has none."""
        return self._errno_in.get(number) if number else 0

    def errno_of(self, error: OSError) -> int:
        """The page's errno for an error of a call on a socket."""
        if error.errno is not None:
            return self.errno_out(error.errno)
        return next((ERRNO[name] for kind, name in _CLASSES if isinstance(error, kind)), _UNNUMBERED)

    def eai_out(self, number: int) -> int:
        """What getaddrinfo returns to the page, for the number of a `socket.gaierror`."""
        return self._eai_out.get(number, _UNKNOWN_EAI) if number else 0

    def eai_in(self, number: int) -> int | None:
        """The host's number for what getaddrinfo returns over there; None where the host has none."""
        return self._eai_in.get(number) if number else 0


def _first(pairs: Iterable[tuple[int | None, int | None]]) -> dict[int, int]:
    """A table in which the first of equal keys stays, and nothing that is missing."""
    table: dict[int, int] = {}
    for key, value in pairs:
        if key is not None and value is not None:
            table.setdefault(key, value)
    return table
