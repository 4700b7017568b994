"""Emscripten's own compiler judges every constant and every layout, with the headers that are installed."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fetchkit.sockets.posix.numbers.control import CONTROL
from fetchkit.sockets.posix.numbers.errors import EAI, ERRNO
from fetchkit.sockets.posix.numbers.flags import AI, MSG, NI
from fetchkit.sockets.posix.numbers.kinds import (
    FAMILIES,
    HOW,
    PROTOCOLS,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    TYPES,
)
from fetchkit.sockets.posix.numbers.options import LEVELS, OPTIONS
from tests.e2e.conftest import require

HEADERS = [
    "errno.h",
    "stddef.h",
    "netdb.h",
    "netinet/in.h",
    "netinet/tcp.h",
    "sys/socket.h",
    "sys/time.h",
    "sys/un.h",
]
# What the codecs have by offset and size.
LAYOUTS = [
    "sizeof(int) == 4",
    "sizeof(struct sockaddr_in) == 16",
    "offsetof(struct sockaddr_in, sin_family) == 0 && sizeof(sa_family_t) == 2",
    "offsetof(struct sockaddr_in, sin_port) == 2",
    "offsetof(struct sockaddr_in, sin_addr) == 4",
    "sizeof(struct sockaddr_in6) == 28",
    "offsetof(struct sockaddr_in6, sin6_port) == 2",
    "offsetof(struct sockaddr_in6, sin6_flowinfo) == 4",
    "offsetof(struct sockaddr_in6, sin6_addr) == 8",
    "offsetof(struct sockaddr_in6, sin6_scope_id) == 24",
    "sizeof(struct sockaddr_un) == 110 && offsetof(struct sockaddr_un, sun_path) == 2",
    "sizeof(struct sockaddr_storage) == 128",
    "sizeof(struct linger) == 8 && offsetof(struct linger, l_linger) == 4",
    "sizeof(struct timeval) == 8 || sizeof(struct timeval) == 16",
    "offsetof(struct timeval, tv_usec) * 2 == sizeof(struct timeval)",
    "sizeof(struct ip_mreq) == 8",
    "sizeof(struct ip_mreqn) == 12 && offsetof(struct ip_mreqn, imr_ifindex) == 8",
    "sizeof(struct ipv6_mreq) == 20 && offsetof(struct ipv6_mreq, ipv6mr_interface) == 16",
    "sizeof(struct in_pktinfo) == 12 && offsetof(struct in_pktinfo, ipi_addr) == 8",
    "sizeof(struct in6_pktinfo) == 20 && offsetof(struct in6_pktinfo, ipi6_ifindex) == 16",
]


def constants() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every name of the tables with the numbers that it may have."""
    for table in (ERRNO, EAI, FAMILIES, TYPES, PROTOCOLS, HOW, MSG, AI, NI, LEVELS):
        for name, number in table.items():
            yield name, (number,)
    for options in OPTIONS.values():
        for name, numbers, _ in options:
            yield name, numbers
    for name, (_, number, _) in CONTROL.items():
        yield name, (number,)
    yield "SOCK_NONBLOCK", (SOCK_NONBLOCK,)
    yield "SOCK_CLOEXEC", (SOCK_CLOEXEC,)


def asserted(name: str, numbers: tuple[int, ...]) -> str:
    return " || ".join(f"{name} == {number}" for number in numbers)


def emcc(folder: Path, conditions: list[str], *flags: str) -> subprocess.CompletedProcess[str]:
    """Compile a file that includes the headers and asserts conditions."""
    lines = ["#define _GNU_SOURCE", *(f"#include <{header}>" for header in HEADERS)]
    lines += [f'_Static_assert({condition}, "wrong: {condition}");' for condition in conditions]
    source = folder / "constants.c"
    source.write_text("\n".join(lines) + "\n")
    command = [require("emscripten", "emcc"), *flags, str(source)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_every_constant_and_layout_is_emscriptens(tmp_path: Path) -> None:
    conditions = [asserted(name, numbers) for name, numbers in constants()]
    assert len(conditions) > 230
    result = emcc(tmp_path, [*conditions, *LAYOUTS], "-fsyntax-only", "-ferror-limit=0")
    assert result.returncode == 0, "\n".join(re.findall('"wrong: (.*)"', result.stderr)) or result.stderr


def test_the_compiler_does_judge(tmp_path: Path) -> None:
    result = emcc(tmp_path, ["EAGAIN == 11"], "-fsyntax-only")
    assert result.returncode != 0
    assert "wrong: EAGAIN == 11" in result.stderr


def test_every_errno_and_eai_of_the_headers_is_in_the_tables(tmp_path: Path) -> None:
    result = emcc(tmp_path, [], "-E", "-dM")
    assert result.returncode == 0, result.stderr
    defined = set(re.findall(r"#define (E[A-Z0-9_]+) ", result.stdout))
    names = {name for name in defined if not name.startswith(("EXIT_", "EM_", "EMSCRIPTEN"))}
    # Of asynchronous look-ups (getaddrinfo_a), which Emscripten does not have.
    later = {"EAI_INPROGRESS", "EAI_CANCELED", "EAI_NOTCANCELED", "EAI_ALLDONE", "EAI_INTR", "EAI_IDN_ENCODE"}
    assert names - later == set(ERRNO) | set(EAI)


@pytest.mark.parametrize(
    ("name", "numbers"), [("SO_RCVTIMEO", {20, 66}), ("SO_SNDTIMEO", {21, 67}), ("SO_TIMESTAMP", {29, 63})]
)
def test_the_headers_have_two_numbers_for_times(name: str, numbers: set[int]) -> None:
    root = Path(require("emscripten", "emcc")).resolve().parent
    header = root / "system" / "lib" / "libc" / "musl" / "include" / "sys" / "socket.h"
    found = {int(number) for number in re.findall(rf"#define {name}\s+(\d+)", header.read_text("utf-8"))}
    assert found == numbers
