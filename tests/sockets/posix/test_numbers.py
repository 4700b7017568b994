"""Tests of the numbers: on this host, and on hosts that have others (macOS, Windows) or lack some."""

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fetchkit.sockets.posix.numbers import (
    EAI,
    ERRNO,
    HERE,
    CallError,
    Host,
    Item,
    Linger,
    MessageFlags,
    Numbers,
)
from fetchkit.sockets.posix.numbers.addresses import Address
from fetchkit.sockets.posix.numbers.flags import AI, MSG, NI
from fetchkit.sockets.posix.numbers.host import HOST
from fetchkit.sockets.posix.numbers.kinds import FAMILIES, HOW, TYPES
from fetchkit.sockets.posix.numbers.options import OPTIONS, Meaning, decode_timeout, encode_timeout

from . import messages as client

# Numbers of Darwin's <sys/errno.h>, <sys/socket.h>, <netinet/in.h>, <netdb.h>, and what Python names there.
DARWIN = Numbers.of(
    Host.of(
        SimpleNamespace(
            EPERM=1, EINTR=4, EBADF=9, EACCES=13, EINVAL=22, EPIPE=32, EAGAIN=35, EWOULDBLOCK=35,
            EINPROGRESS=36, EALREADY=37, ENOTSOCK=38, ENOTSUP=45, EADDRINUSE=48, ECONNRESET=54,
            ENOTCONN=57, ETIMEDOUT=60, ECONNREFUSED=61, EOPNOTSUPP=102, ECANCELED=89,
        ),
        SimpleNamespace(
            AF_UNSPEC=0, AF_UNIX=1, AF_INET=2, AF_INET6=30, SOCK_STREAM=1, SOCK_DGRAM=2, SOCK_RAW=3,
            IPPROTO_IP=0, IPPROTO_TCP=6, IPPROTO_UDP=17, IPPROTO_IPV6=41, SHUT_RD=0, SHUT_WR=1, SHUT_RDWR=2,
            SOL_SOCKET=0xFFFF, SO_REUSEADDR=4, SO_KEEPALIVE=8, SO_BROADCAST=0x20, SO_LINGER=0x80,
            SO_REUSEPORT=0x200, SO_SNDBUF=0x1001, SO_RCVBUF=0x1002, SO_SNDTIMEO=0x1005, SO_RCVTIMEO=0x1006,
            SO_ERROR=0x1007, SO_TYPE=0x1008, TCP_NODELAY=1, TCP_KEEPALIVE=0x10, TCP_KEEPCNT=0x102,
            IP_TOS=3, IP_TTL=4, IP_RECVTTL=24, IP_MULTICAST_TTL=10, IP_ADD_MEMBERSHIP=12,
            IPV6_V6ONLY=27, IPV6_JOIN_GROUP=12, IPV6_HOPLIMIT=47, IPV6_TCLASS=36, IPV6_PKTINFO=46,
            MSG_OOB=1, MSG_PEEK=2, MSG_DONTROUTE=4, MSG_EOR=8, MSG_TRUNC=0x10, MSG_CTRUNC=0x20,
            MSG_WAITALL=0x40, MSG_DONTWAIT=0x80,
            AI_PASSIVE=1, AI_CANONNAME=2, AI_NUMERICHOST=4, AI_NUMERICSERV=0x1000, AI_ALL=0x100,
            AI_ADDRCONFIG=0x400, AI_V4MAPPED=0x800, NI_NOFQDN=1, NI_NUMERICHOST=2, NI_NAMEREQD=4,
            NI_NUMERICSERV=8, NI_DGRAM=16,
            EAI_ADDRFAMILY=1, EAI_AGAIN=2, EAI_BADFLAGS=3, EAI_FAIL=4, EAI_FAMILY=5, EAI_MEMORY=6,
            EAI_NODATA=7, EAI_NONAME=8, EAI_SERVICE=9, EAI_SOCKTYPE=10, EAI_SYSTEM=11, EAI_OVERFLOW=14,
        ),
    )
)  # fmt: skip
# Numbers of <winsock2.h> and the C runtime's <errno.h>, and what Python names there.
WINDOWS = Numbers.of(
    Host.of(
        SimpleNamespace(
            EPERM=1, EINTR=4, EBADF=9, EAGAIN=11, EACCES=13, EINVAL=22, EPIPE=32, EWOULDBLOCK=10035,
            ECONNREFUSED=10061, ECONNRESET=10054, EADDRINUSE=10048, ETIMEDOUT=10060, EOPNOTSUPP=10045,
            WSAEINTR=10004, WSAEBADF=10009, WSAEACCES=10013, WSAEINVAL=10022, WSAEWOULDBLOCK=10035,
            WSAECONNREFUSED=10061,
        ),
        SimpleNamespace(
            AF_UNSPEC=0, AF_INET=2, AF_INET6=23, SOCK_STREAM=1, SOCK_DGRAM=2, SOCK_RAW=3, SOCK_RDM=4,
            SOCK_SEQPACKET=5, IPPROTO_IP=0, IPPROTO_TCP=6, IPPROTO_UDP=17, IPPROTO_IPV6=41,
            SHUT_RD=0, SHUT_WR=1, SHUT_RDWR=2, SOL_SOCKET=0xFFFF, SO_REUSEADDR=4, SO_LINGER=0x80,
            SO_ERROR=0x1007, TCP_NODELAY=1, TCP_KEEPIDLE=3, IPV6_V6ONLY=27, IP_TTL=4,
            MSG_OOB=1, MSG_PEEK=2, MSG_DONTROUTE=4, MSG_WAITALL=8, MSG_TRUNC=0x100, MSG_CTRUNC=0x200,
            AI_PASSIVE=1, AI_CANONNAME=2, AI_NUMERICHOST=4, AI_NUMERICSERV=8, AI_ADDRCONFIG=0x400,
            NI_NOFQDN=1, NI_NUMERICHOST=2,
            EAI_AGAIN=11002, EAI_BADFLAGS=10022, EAI_FAIL=11003, EAI_FAMILY=10047, EAI_MEMORY=8,
            EAI_NODATA=11001, EAI_NONAME=11001, EAI_SERVICE=10109, EAI_SOCKTYPE=10044,
        ),
    )
)  # fmt: skip
HOSTS = pytest.mark.parametrize("numbers", [HERE, DARWIN, WINDOWS], ids=["here", "macOS", "Windows"])
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="numbers of Linux")

i32 = st.integers(-(2**31), 2**31 - 1)


def failure(call: Callable[[], object]) -> str:
    with pytest.raises(CallError) as caught:
        call()
    return caught.value.name


# --- errors


@LINUX
@pytest.mark.parametrize(
    ("name", "number", "there"),
    [
        ("EPERM", 1, 63), ("EINTR", 4, 27), ("EBADF", 9, 8), ("EAGAIN", 11, 6), ("EACCES", 13, 2),
        ("EFAULT", 14, 21), ("EINVAL", 22, 28), ("EMFILE", 24, 33), ("EPIPE", 32, 64), ("ENOSYS", 38, 52),
        ("ENOTSOCK", 88, 57), ("EMSGSIZE", 90, 35), ("EOPNOTSUPP", 95, 138), ("ENOTSUP", 95, 138),
        ("EAFNOSUPPORT", 97, 5), ("EADDRINUSE", 98, 3), ("ECONNRESET", 104, 15), ("ENOBUFS", 105, 42),
        ("ENOTCONN", 107, 53), ("ESHUTDOWN", 108, 140), ("ETIMEDOUT", 110, 73), ("ECONNREFUSED", 111, 14),
        ("EHOSTDOWN", 112, 142), ("EHOSTUNREACH", 113, 23), ("EINPROGRESS", 115, 26), ("ECANCELED", 125, 11),
    ],
)  # fmt: skip
def test_errno_of_linux(name: str, number: int, there: int) -> None:
    assert getattr(errno, name) == number
    assert ERRNO[name] == HERE.errors.errno_out(number) == there
    assert HERE.errors.errno_in(there) == number


@pytest.mark.parametrize(
    ("numbers", "number", "name"),
    [
        (DARWIN, 35, "EAGAIN"), (DARWIN, 61, "ECONNREFUSED"), (DARWIN, 45, "ENOTSUP"),
        (DARWIN, 102, "EOPNOTSUPP"), (DARWIN, 57, "ENOTCONN"), (DARWIN, 36, "EINPROGRESS"),
        (WINDOWS, 10035, "EAGAIN"), (WINDOWS, 11, "EAGAIN"), (WINDOWS, 10061, "ECONNREFUSED"),
        (WINDOWS, 10013, "EACCES"), (WINDOWS, 13, "EACCES"), (WINDOWS, 10022, "EINVAL"),
        (WINDOWS, 10009, "EBADF"), (WINDOWS, 10004, "EINTR"),
    ],
)  # fmt: skip
def test_errno_of_other_hosts(numbers: Numbers, number: int, name: str) -> None:
    assert numbers.errors.errno_out(number) == ERRNO[name]


def test_errno_comes_back_as_the_hosts_first_name() -> None:
    assert DARWIN.errors.errno_in(138) == 102
    assert WINDOWS.errors.errno_in(ERRNO["EAGAIN"]) == 11
    assert WINDOWS.errors.errno_in(ERRNO["EIDRM"]) is None


@HOSTS
def test_no_error_is_no_error_and_an_unknown_one_is_eio(numbers: Numbers) -> None:
    assert numbers.errors.errno_out(0) == numbers.errors.errno_in(0) == 0  # so is SO_ERROR's value
    assert numbers.errors.errno_out(99999) == ERRNO["EIO"]
    assert numbers.errors.eai_out(0) == numbers.errors.eai_in(0) == 0
    assert numbers.errors.eai_out(99999) == EAI["EAI_FAIL"]


@HOSTS
def test_every_errno_of_the_host_comes_back(numbers: Numbers) -> None:
    for there in set(ERRNO.values()):
        number = numbers.errors.errno_in(there)
        assert number is None or numbers.errors.errno_out(number) == there


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OSError(errno.ECONNREFUSED, "no"), "ECONNREFUSED"),
        (TimeoutError(), "ETIMEDOUT"),
        (BlockingIOError(), "EAGAIN"),
        (ConnectionRefusedError(), "ECONNREFUSED"),
        (ConnectionResetError("gone"), "ECONNRESET"),
        (BrokenPipeError(), "EPIPE"),
        (PermissionError(), "EACCES"),
        (OSError("AF_UNIX path too long"), "EINVAL"),
    ],
)
def test_errors_of_python_have_an_errno(error: OSError, name: str) -> None:
    assert HERE.errors.errno_of(error) == ERRNO[name]


@pytest.mark.parametrize(
    ("numbers", "number", "name"),
    [
        (HERE, socket.EAI_NONAME, "EAI_NONAME"), (HERE, socket.EAI_AGAIN, "EAI_AGAIN"),
        (DARWIN, 8, "EAI_NONAME"), (DARWIN, 2, "EAI_AGAIN"), (DARWIN, 11, "EAI_SYSTEM"),
        (WINDOWS, 11001, "EAI_NONAME"), (WINDOWS, 11002, "EAI_AGAIN"), (WINDOWS, 10047, "EAI_FAMILY"),
    ],
)  # fmt: skip
def test_errors_of_names(numbers: Numbers, number: int, name: str) -> None:
    assert numbers.errors.eai_out(number) == EAI[name]
    assert numbers.errors.eai_in(EAI[name]) == number


def test_an_error_knows_its_number() -> None:
    assert (CallError("EINVAL").number, CallError("EINVAL").is_eai) == (28, False)
    assert (CallError("EAI_FAMILY").number, CallError("EAI_FAMILY").is_eai) == (-6, True)


# --- kinds


@HOSTS
def test_families_go_both_ways(numbers: Numbers) -> None:
    for name, there in FAMILIES.items():
        if name == "AF_UNIX" and numbers is WINDOWS:
            assert failure(lambda: numbers.kinds.family_in(1)) == "EAFNOSUPPORT"
        else:
            assert numbers.kinds.family_out(numbers.kinds.family_in(there)) == there, name


def test_ipv6_has_the_hosts_number() -> None:
    families = [numbers.kinds.family_in(10) for numbers in (HERE, DARWIN, WINDOWS)]
    assert families == [int(socket.AF_INET6), 30, 23]


@pytest.mark.parametrize("family", [-1, 3, 16, 17, 23, 30, 40])
def test_other_families_are_refused(family: int) -> None:
    assert failure(lambda: HERE.kinds.family_in(family)) == "EAFNOSUPPORT"


@HOSTS
def test_types_are_parted_from_their_flags(numbers: Numbers) -> None:
    for flags in (0, 0o4000, 0o2000000, 0o2004000):
        kind = numbers.kinds.type_in(2 | flags)
        assert (kind.number, kind.nonblocking) == (2, bool(flags & 0o4000))
        assert numbers.kinds.accept_flags_in(flags) == bool(flags & 0o4000)
    assert failure(lambda: numbers.kinds.type_in(1 | 0o10000)) == "EINVAL"
    assert failure(lambda: numbers.kinds.type_in(-1)) == "EINVAL"
    assert failure(lambda: numbers.kinds.type_in(0)) == "ESOCKTNOSUPPORT"
    assert failure(lambda: numbers.kinds.type_in(10)) == "ESOCKTNOSUPPORT"
    assert failure(lambda: numbers.kinds.accept_flags_in(1)) == "EINVAL"


def test_the_type_of_a_socket_has_no_flags() -> None:
    for name, there in TYPES.items():
        number = getattr(socket, name)
        assert HERE.kinds.type_out(number) == there
        assert HERE.kinds.type_out(number | getattr(socket, "SOCK_NONBLOCK", 0)) == there


def test_protocols_are_those_that_the_host_has() -> None:
    assert [HERE.kinds.protocol_in(number) for number in (0, 6, 17)] == [0, 6, 17]
    assert [HERE.kinds.protocol_out(number) for number in (0, 6, 17)] == [0, 6, 17]
    assert failure(lambda: DARWIN.kinds.protocol_in(136)) == "EPROTONOSUPPORT"
    assert failure(lambda: HERE.kinds.protocol_in(-1)) == "EPROTONOSUPPORT"


@HOSTS
def test_shutdown_knows_three_ways(numbers: Numbers) -> None:
    assert [numbers.kinds.how_in(number) for number in HOW.values()] == [0, 1, 2]
    assert failure(lambda: numbers.kinds.how_in(3)) == "EINVAL"
    assert failure(lambda: numbers.kinds.how_in(-1)) == "EINVAL"


@HOSTS
def test_hints_are_refused_in_the_words_of_names(numbers: Numbers) -> None:
    assert numbers.kinds.hint_type_in(0) == 0
    assert numbers.kinds.hint_type_in(1) == 1
    assert numbers.kinds.hint_protocol_in(6) == 6
    assert failure(lambda: numbers.kinds.hint_type_in(99)) == "EAI_SOCKTYPE"
    assert failure(lambda: numbers.kinds.hint_family_in(99)) == "EAI_FAMILY"
    assert failure(lambda: numbers.kinds.hint_protocol_in(9999)) == "EAI_SOCKTYPE"


# --- flags


@HOSTS
def test_waiting_is_never_the_hosts_affair(numbers: Numbers) -> None:
    # On Darwin 0x40 is MSG_WAITALL, and Emscripten's MSG_DONTWAIT.
    assert numbers.flags.message_in(0x40) == MessageFlags(dontwait=True)
    assert numbers.flags.message_in(0x100) == MessageFlags(waitall=True)
    assert numbers.flags.message_in(0x20) == MessageFlags(trunc=True)
    assert numbers.flags.message_in(2) == MessageFlags(host=2, peek=True)
    assert numbers.flags.message_in(0) == MessageFlags()


def test_advice_is_dropped_where_the_host_lacks_it() -> None:
    advice = MSG["MSG_NOSIGNAL"] | MSG["MSG_MORE"] | MSG["MSG_CONFIRM"] | MSG["MSG_CMSG_CLOEXEC"]
    assert DARWIN.flags.message_in(advice) == MessageFlags()
    assert WINDOWS.flags.message_in(advice | 1) == MessageFlags(host=1)
    assert failure(lambda: WINDOWS.flags.message_in(MSG["MSG_EOR"])) == "EOPNOTSUPP"
    assert DARWIN.flags.message_in(MSG["MSG_EOR"]) == MessageFlags(host=8)


@LINUX
def test_flags_of_linux() -> None:
    flags = HERE.flags.message_in(MSG["MSG_NOSIGNAL"] | MSG["MSG_MORE"] | MSG["MSG_OOB"])
    assert flags.host == socket.MSG_NOSIGNAL | socket.MSG_MORE | socket.MSG_OOB


@HOSTS
@pytest.mark.parametrize("flag", [0x10, 0x200, 0x1000, 0x2000, 0x4000000, 0x20000000, -(2**31)])
def test_unknown_flags_of_messages_are_refused(numbers: Numbers, flag: int) -> None:
    assert failure(lambda: numbers.flags.message_in(flag | 2)) == "EOPNOTSUPP"


@HOSTS
@given(st.integers(0, 0xFFFF))
def test_flags_of_a_received_message_come_back(numbers: Numbers, flags: int) -> None:
    there = numbers.flags.message_out(flags)
    assert numbers.flags.message_out(numbers.flags.message_host(there)) == there


def test_flags_of_a_received_message() -> None:
    assert DARWIN.flags.message_out(0x10 | 0x20 | 0x40) == MSG["MSG_TRUNC"] | MSG["MSG_CTRUNC"]
    assert WINDOWS.flags.message_out(0x100) == MSG["MSG_TRUNC"]
    assert HERE.flags.message_out(socket.MSG_TRUNC) == MSG["MSG_TRUNC"]


@pytest.mark.parametrize("name", AI)
def test_flags_of_getaddrinfo(name: str) -> None:
    assert HERE.flags.ai_in(AI[name]) == getattr(socket, name)
    assert HERE.flags.ai_out(getattr(socket, name)) == AI[name]
    assert DARWIN.flags.ai_out(DARWIN.flags.ai_in(AI[name])) == AI[name]


def test_flags_of_names_that_are_unknown_or_missing() -> None:
    assert HERE.flags.ai_in(0) == HERE.flags.ni_in(0) == 0
    assert failure(lambda: HERE.flags.ai_in(0x40)) == "EAI_BADFLAGS"
    assert failure(lambda: HERE.flags.ai_in(-1)) == "EAI_BADFLAGS"
    assert failure(lambda: HERE.flags.ni_in(0x40)) == "EAI_BADFLAGS"
    assert failure(lambda: WINDOWS.flags.ai_in(AI["AI_V4MAPPED"])) == "EAI_BADFLAGS"
    assert failure(lambda: WINDOWS.flags.ni_in(NI["NI_DGRAM"])) == "EAI_BADFLAGS"
    assert HERE.flags.ni_in(NI["NI_NUMERICSCOPE"]) in (0, getattr(socket, "NI_NUMERICSCOPE", 0))


@pytest.mark.parametrize("name", [name for name in NI if name != "NI_NUMERICSCOPE"])
def test_flags_of_getnameinfo(name: str) -> None:
    assert HERE.flags.ni_in(NI[name]) == getattr(socket, name)
    assert HERE.flags.ni_out(getattr(socket, name)) == NI[name]
    assert DARWIN.flags.ni_out(DARWIN.flags.ni_in(NI[name])) == NI[name]


# --- addresses


@HOSTS
def test_addresses_have_the_hosts_family(numbers: Numbers) -> None:
    four = numbers.addresses.decode(client.sockaddr_in((127, 0, 0, 1), 0x1234))
    six = numbers.addresses.decode(client.sockaddr_in6(bytes(15) + b"\1", 443, 7, 2))
    assert four == Address(numbers.kinds.family_in(2), ("127.0.0.1", 0x1234))
    assert six == Address(numbers.kinds.family_in(10), ("::1", 443, 7, 2))


@HOSTS
@given(st.binary(min_size=4, max_size=4), st.integers(0, 65535))
def test_addresses_of_ipv4_come_back(numbers: Numbers, host: bytes, port: int) -> None:
    a, b, c, d = host
    data = client.sockaddr_in((a, b, c, d), port)
    address = numbers.addresses.decode(data)
    assert address.value == (socket.inet_ntop(socket.AF_INET, host), port)
    assert numbers.addresses.encode(address.family, address.value) == data


@HOSTS
@given(
    st.binary(min_size=16, max_size=16),
    st.integers(0, 65535),
    st.integers(0, 0xFFFFF),
    st.integers(0, 2**32 - 1),
)
def test_addresses_of_ipv6_come_back(numbers: Numbers, host: bytes, port: int, flow: int, scope: int) -> None:
    data = client.sockaddr_in6(host, port, flow, scope)
    address = numbers.addresses.decode(memoryview(data))
    assert numbers.addresses.encode(address.family, address.value) == data


def test_python_takes_what_was_decoded() -> None:
    # It refuses a flow label of more than 20 bits with OverflowError.
    address = HERE.addresses.decode(client.sockaddr_in6(bytes(15) + b"\1", 0, 0xFFFFFFFF, 0))
    assert address.value == ("::1", 0, 0xFFFFF, 0)


def test_a_scope_that_python_writes_twice_is_read_once() -> None:
    data = HERE.addresses.encode(socket.AF_INET6, ("fe80::1%eth0", 1, 0, 3))
    assert HERE.addresses.decode(data).value == ("fe80::1", 1, 0, 3)
    assert HERE.addresses.encode(socket.AF_INET6, ("::1", 1)) == client.sockaddr_in6(bytes(15) + b"\1", 1)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (b"/tmp/s\0", b"/tmp/s"),
        (b"/tmp/s", b"/tmp/s"),
        (b"/tmp/s\0rest", b"/tmp/s"),
        (b"\0abstract\0name", b"\0abstract\0name"),
        (b"", b""),
        (b"a" * 108, b"a" * 108),
    ],
)
def test_addresses_of_unix(path: bytes, value: bytes) -> None:
    data = b"\1\0" + path
    assert HERE.addresses.decode(data) == Address(socket.AF_UNIX, value)
    assert HERE.addresses.decode(HERE.addresses.encode(socket.AF_UNIX, value)).value == value
    assert DARWIN.addresses.decode(data).value == value
    assert failure(lambda: WINDOWS.addresses.decode(data)) == "EAFNOSUPPORT"


def test_a_path_is_written_with_its_nul() -> None:
    assert HERE.addresses.encode(socket.AF_UNIX, "/srv/ü") == b"\1\0" + os.fsencode("/srv/ü") + b"\0"
    assert HERE.addresses.encode(socket.AF_UNIX, b"\0name") == b"\1\0\0name"
    assert len(HERE.addresses.encode(socket.AF_UNIX, "a" * 108)) == 110
    assert HERE.addresses.encode(socket.AF_UNIX, "") == b"\1\0"
    assert failure(lambda: HERE.addresses.encode(socket.AF_UNIX, "a" * 109)) == "EINVAL"
    assert failure(lambda: HERE.addresses.encode(socket.AF_UNIX, b"\0" + b"a" * 108)) == "EINVAL"


@HOSTS
def test_an_address_of_a_wrong_length_is_refused(numbers: Numbers) -> None:
    for whole in (client.sockaddr_in((1, 2, 3, 4), 5), client.sockaddr_in6(bytes(16), 5)):
        for size in range(len(whole)):
            assert failure(lambda cut=whole[:size]: numbers.addresses.decode(cut)) == "EINVAL"  # type: ignore[misc]
        assert numbers.addresses.decode(whole.ljust(128, b"\xff")) == numbers.addresses.decode(whole)
        assert failure(lambda data=whole: numbers.addresses.decode(data.ljust(129))) == "EINVAL"  # type: ignore[misc]
    assert failure(lambda: HERE.addresses.decode(b"\1\0" + b"a" * 109)) == "EINVAL"


@HOSTS
@pytest.mark.parametrize("family", [0, 3, 16, 17, 23, 30, 0x1C1E, 65535])
def test_an_address_of_another_family_is_refused(numbers: Numbers, family: int) -> None:
    # 0 is NULL, as Emscripten's client sends it.
    data = struct.pack("<H", family) + bytes(26)
    assert failure(lambda: numbers.addresses.decode(data)) == "EAFNOSUPPORT"
    if family not in (23, 30):
        assert failure(lambda: numbers.addresses.encode(family, ("::1", 1))) == "EAFNOSUPPORT"


@pytest.mark.parametrize(
    "address",
    [("localhost", 1), ("1.2.3.4", 65536), ("1.2.3.4", -1), ("::1", 1), ("", 1), "path", b"path"],
)
def test_what_is_no_address_is_not_written(address: tuple[str, int] | str | bytes) -> None:
    assert failure(lambda: HERE.addresses.encode(socket.AF_INET, address)) == "EINVAL"


def test_no_address_is_no_bytes() -> None:
    assert HERE.addresses.encode(socket.AF_INET, None) == b""
    assert failure(lambda: HERE.addresses.encode(socket.AF_UNIX, ("1.2.3.4", 1))) == "EINVAL"
    assert failure(lambda: HERE.addresses.encode(socket.AF_INET6, ("::1", 1, -1, 0))) == "EINVAL"


@HOSTS
@given(st.binary(max_size=140))
def test_random_addresses_are_addresses_or_errors(numbers: Numbers, data: bytes) -> None:
    try:
        address = numbers.addresses.decode(data)
    except CallError:
        return
    again = numbers.addresses.encode(address.family, address.value)
    assert numbers.addresses.decode(again) == address


# --- options


@pytest.mark.parametrize(
    ("numbers", "level", "option", "expected"),
    [
        (DARWIN, 1, 2, (0xFFFF, 4)), (DARWIN, 1, 8, (0xFFFF, 0x1002)), (DARWIN, 6, 4, (6, 0x10)),
        (DARWIN, 0, 2, (0, 4)), (DARWIN, 41, 26, (41, 27)), (DARWIN, 41, 20, (41, 12)),
        (WINDOWS, 1, 2, (0xFFFF, 4)), (WINDOWS, 6, 4, (6, 3)), (WINDOWS, 41, 26, (41, 27)),
    ],
)  # fmt: skip
def test_options_of_other_hosts(numbers: Numbers, level: int, option: int, expected: tuple[int, int]) -> None:
    found = numbers.options.find(level, option)
    assert (found.level, found.number) == expected


@LINUX
def test_options_of_linux_are_emscriptens() -> None:
    # Both have Linux's numbers, so each that Python names can be compared.
    compared = 0
    for level, options in OPTIONS.items():
        for name, numbers, _ in options:
            if hasattr(socket, name):
                found = HERE.options.find({"SOL_SOCKET": 1}.get(level, getattr(socket, level)), numbers[0])
                assert (found.name, found.number) == (name, getattr(socket, name))
                assert found.number == numbers[0]
                compared += 1
    assert compared > 40


@HOSTS
@pytest.mark.parametrize(
    ("level", "option"),
    [(1, 26), (1, 25), (1, 36), (0, 4), (0, 19), (6, 11), (99, 1), (-1, -1), (1, 999), (6, 66)],
)
def test_other_options_are_enoprotoopt(numbers: Numbers, level: int, option: int) -> None:
    assert failure(lambda: numbers.options.find(level, option)) == "ENOPROTOOPT"


def test_an_option_that_the_host_lacks_is_enoprotoopt() -> None:
    assert failure(lambda: WINDOWS.options.find(1, 15)) == "ENOPROTOOPT"  # SO_REUSEPORT
    assert failure(lambda: DARWIN.options.find(6, 12)) == "ENOPROTOOPT"  # TCP_QUICKACK


@HOSTS
@pytest.mark.parametrize("option", [3, 4, 38, 39])
def test_what_is_answered_here_needs_no_name_of_the_host(numbers: Numbers, option: int) -> None:
    found = numbers.options.find(1, option)
    assert found.meaning in {Meaning.TYPE, Meaning.ERROR, Meaning.PROTOCOL, Meaning.FAMILY}
    assert failure(lambda: found.decode(bytes(4))) == "ENOPROTOOPT"
    assert found.encode(14, 4) == b"\x0e\0\0\0"


@given(i32)
def test_integers_come_back(number: int) -> None:
    option = HERE.options.find(1, 2)
    data = struct.pack("<i", number)
    assert option.decode(data) == option.decode(data + b"x") == option.host_value(number) == number
    assert option.encode(number, 4) == data
    assert option.encode(number, 2) == data[:2]


def test_an_integer_needs_four_bytes() -> None:
    for size in range(4):
        assert failure(lambda size=size: HERE.options.find(1, 2).decode(bytes(size))) == "EINVAL"  # type: ignore[misc]
    assert HERE.options.find(1, 8).encode(2**31, 4) == b"\xff\xff\xff\x7f"


def test_at_the_level_of_ip_one_byte_will_do() -> None:
    ttl = HERE.options.find(0, 2)
    assert ttl.decode(b"\x40") == ttl.decode(b"\x40\0\0\0") == 64
    assert ttl.encode(64, 1) == b"\x40"
    assert ttl.encode(64, 4) == b"\x40\0\0\0"
    assert failure(lambda: ttl.decode(b"")) == "EINVAL"


@HOSTS
@pytest.mark.parametrize("option", [20, 21, 66, 67])
def test_times_come_in_both_numbers_and_both_sizes(numbers: Numbers, option: int) -> None:
    found = numbers.options.find(1, option)
    assert found.meaning is Meaning.TIMEOUT
    assert found.decode(struct.pack("<ii", 1, 500_000)) == 1.5
    assert found.decode(struct.pack("<qq", 1, 500_000)) == 1.5
    assert found.decode(struct.pack("<qq", 0, 0)) is None
    assert found.encode(1.5, 8) == struct.pack("<ii", 1, 500_000)
    assert found.encode(1.5, 16) == struct.pack("<qq", 1, 500_000)
    assert found.encode(None, 16) == bytes(16)
    assert found.encode(1.5, 4) == b"\1\0\0\0"
    assert failure(lambda: found.host_value(1.5)) == "EINVAL"


@pytest.mark.parametrize("size", range(8))
def test_a_time_that_is_cut_is_einval(size: int) -> None:
    assert failure(lambda: decode_timeout(bytes(size))) == "EINVAL"


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<ii", -1, 0),
        struct.pack("<ii", 0, -1),
        struct.pack("<ii", 0, 1_000_000),
        struct.pack("<qq", -1, 0),
        struct.pack("<qq", 0, 2**40),
    ],
)
def test_a_time_that_is_none_is_edom(data: bytes) -> None:
    assert failure(lambda: decode_timeout(data)) == "EDOM"


@given(st.integers(0, 2**31 - 1), st.integers(0, 999_999))
@example(2**31 - 1, 999_999)
def test_times_come_back(seconds: int, micros: int) -> None:
    for layout in ("<ii", "<qq"):
        data = struct.pack(layout, seconds, micros)
        assert encode_timeout(decode_timeout(data), len(data)) == data


@pytest.mark.parametrize("seconds", [2.0**31, 2.0**63, 1e30, float("inf")])
def test_a_time_that_does_not_fit_is_the_longest(seconds: float) -> None:
    assert encode_timeout(seconds, 8) == struct.pack("<ii", 2**31 - 1, 0)
    encode_timeout(seconds, 16)


def test_the_longest_time_of_64_bits_passes() -> None:
    assert decode_timeout(struct.pack("<qq", 2**63 - 1, 999_999)) == float(2**63)


@HOSTS
def test_linger_has_the_hosts_structure(numbers: Numbers) -> None:
    option = numbers.options.find(1, 13)
    value = option.decode(struct.pack("<ii", 1, 7))
    assert value == Linger(on=True, seconds=7)
    raw = option.host_value(value)
    assert raw == struct.pack("=HH" if numbers is WINDOWS else "=ii", 1, 7)
    assert isinstance(raw, bytes)
    assert option.host_size == len(raw)
    assert option.encode(raw, 8) == option.encode(value, 8) == struct.pack("<ii", 1, 7)
    assert failure(lambda: option.decode(bytes(7))) == "EINVAL"


def test_linger_of_windows_is_cut_to_what_it_holds() -> None:
    option = WINDOWS.options.find(1, 13)
    assert option.host_value(Linger(on=True, seconds=70_000)) == struct.pack("=HH", 1, 65535)
    assert option.host_value(Linger(on=False, seconds=-1)) == bytes(4)


def test_groups_have_an_index_of_the_host() -> None:
    group = Numbers.of(
        Host(
            {"IPPROTO_IP": 0, "IP_MULTICAST_IF": 9, "IP_ADD_MEMBERSHIP": 5, **_of(DARWIN, "IPPROTO_IPV6", 41)}
        )
    )
    add = group.options.find(0, 35)
    assert add.decode(b"\xe0\0\0\1\x7f\0\0\1") == b"\xe0\0\0\1\x7f\0\0\1"
    index = b"\xe0\0\0\1\0\0\0\0" + struct.pack("<I", 3)
    assert add.decode(index) == index[:8] + struct.pack("=I", 3)
    assert failure(lambda: add.decode(bytes(7))) == "EINVAL"
    interface = group.options.find(0, 32)
    assert interface.decode(b"\x7f\0\0\1") == b"\x7f\0\0\1"
    assert interface.host_size == 4
    assert failure(lambda: interface.decode(b"\x7f\0\0")) == "EINVAL"
    join = HERE.options.find(41, 20)
    assert join.decode(bytes(16) + struct.pack("<I", 3)) == bytes(16) + struct.pack("=I", 3)
    assert failure(lambda: join.decode(bytes(19))) == "EINVAL"


def _of(numbers: Numbers, name: str, number: int) -> dict[str, int]:
    """A name that stands for itself, with a check that the simulated host has it so."""
    assert numbers.kinds.protocol_in(number) == number
    return {name: number}


@LINUX
def test_bytes_pass_as_they_are() -> None:
    option = HERE.options.find(6, 13)  # TCP_CONGESTION
    assert option.decode(b"cubic") == b"cubic"
    assert option.encode(b"cubic\0\0", 5) == b"cubic"
    assert option.host_size >= 16


@LINUX
def test_the_kernel_takes_what_was_translated() -> None:
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        for level, number, data in (
            (1, 2, b"\1\0\0\0"),
            (1, 13, struct.pack("<ii", 1, 7)),
            (6, 1, b"\1\0\0\0"),
            (0, 2, b"\x40"),
            (0, 33, b"\2\0\0\0"),
        ):
            option = HERE.options.find(level, number)
            assert option.number is not None
            taker = datagram if number == 33 else stream
            taker.setsockopt(option.level, option.number, option.host_value(option.decode(data)))
            got = (
                taker.getsockopt(option.level, option.number, option.host_size)
                if option.host_size
                else taker.getsockopt(option.level, option.number)
            )
            assert option.encode(got, len(data)) == data


# --- ancillary data


@LINUX
@pytest.mark.parametrize(
    ("level", "number", "data"), [(0, 2, b"\7\0\0\0"), (41, 52, b"\7\0\0\0"), (41, 67, b"\x2e\0\0\0")]
)
def test_items_come_back(level: int, number: int, data: bytes) -> None:
    item = HERE.control.item_in(level, number, data)
    assert HERE.control.item_out(*item) == Item(level, number, data)
    assert failure(lambda: HERE.control.item_in(level, number, data[:3])) == "EINVAL"
    assert HERE.control.item_out(item.level, item.type, data[:3]) is None


def test_items_have_the_hosts_layout() -> None:
    data = bytes(range(16)) + struct.pack("<I", 3)
    item = DARWIN.control.item_in(41, 50, data)
    assert item == Item(41, 46, bytes(range(16)) + struct.pack("=I", 3))
    assert DARWIN.control.item_out(*item) == Item(41, 50, data)


def test_one_byte_of_a_number_is_a_number() -> None:
    assert HERE.control.item_out(0, socket.IP_TOS, b"\x10") == Item(0, 1, b"\x10\0\0\0")
    assert DARWIN.control.item_out(0, 24, b"\x10") == Item(0, 2, b"\x10\0\0\0")  # IP_RECVTTL


@HOSTS
def test_descriptors_never_pass(numbers: Numbers) -> None:
    assert failure(lambda: numbers.control.item_in(1, 1, bytes(4))) == "EINVAL"  # SCM_RIGHTS
    assert failure(lambda: numbers.control.item_in(1, 2, bytes(12))) == "EINVAL"  # SCM_CREDENTIALS
    level = HOST.names["SOL_SOCKET"] if numbers is HERE else 0xFFFF
    assert numbers.control.item_out(level, 1, bytes(4)) is None


def test_constants_of_modules_are_found_by_name() -> None:
    host = Host.of(SimpleNamespace(AF_INET=2, AF_INET6=socket.AF_INET6, name=3, TEXT="x"))
    assert host.names == {"AF_INET": 2, "AF_INET6": int(socket.AF_INET6)}
    assert host.number("AF_NONE", "AF_INET") == 2
    assert host.number("AF_NONE") is None
    assert HOST.number("AF_INET") == socket.AF_INET
