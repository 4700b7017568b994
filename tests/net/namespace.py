"""A network of its own for tests: any addresses on `lo`, names that a test makes up, and nothing beyond."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

__all__ = ["ENTER", "Namespace"]

ENTER = str(Path(__file__).with_name("enter.py"))
_INSIDE = str(Path(__file__).with_name("inside.py"))
# Half a second is usual; a loaded machine takes longer.
_DEADLINE = 20.0


class Namespace:
    """A network namespace, and a process inside that makes sockets for the test; leaving the block ends it.

    The resolver inside asks 127.0.0.1:53 and nobody else.
    """

    def __init__(self, folder: Path, addresses: tuple[str, ...]) -> None:
        """Make it; where that is impossible the test is skipped, with CI=true it fails."""
        for program in ("unshare", "nsenter"):
            if shutil.which(program) is None:
                _give_up(f"{program} is not installed: `apt-get install util-linux` brings it.")
        files = {"resolv.conf": "nameserver 127.0.0.1\n", "nsswitch.conf": "hosts: files dns\n"}
        for name, text in files.items():
            (folder / name).write_text(text)
        self._orders, theirs = socket.socketpair()
        self._orders.settimeout(_DEADLINE)
        with theirs, (folder / "stderr.txt").open("wb") as sink:
            user = [] if os.geteuid() == 0 else ["--map-root-user"]
            inside = [sys.executable, _INSIDE, str(theirs.fileno()), *(str(folder / name) for name in files)]
            self._process = subprocess.Popen(
                ["unshare", "--net", "--mount", *user, *inside, *addresses],
                stdin=subprocess.DEVNULL,
                stderr=sink,
                pass_fds=[theirs.fileno()],
            )
        if self._orders.recv(2) != b"up":
            self.__exit__()
            why = (folder / "stderr.txt").read_text().strip().rpartition("\n")[2]
            _give_up(f"No network namespace can be made here, root or user namespaces are needed: {why}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.wait(_DEADLINE)

    @property
    def python(self) -> tuple[str, ...]:
        """What the interpreter runs first, so that what follows is run inside."""
        return ENTER, str(self._process.pid)

    def made(self, family: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A new socket that lives inside; not blocking."""
        self._orders.send(bytes((family, kind)))
        _, descriptors, _, _ = socket.recv_fds(self._orders, 1, 1)
        made = socket.socket(fileno=descriptors[0])
        made.setblocking(False)
        return made

    def bound(self, address: str, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket inside, bound; IPv6 alone where the address is of it."""
        made = self.made(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        if ":" in address:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        return made


def _give_up(sentence: str) -> None:
    """What CI does not run is not shown to work."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
