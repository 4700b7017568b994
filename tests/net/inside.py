"""Runs inside a new network namespace: gives `lo` addresses, then hands out sockets that live there.

    unshare --net --mount python inside.py DESCRIPTOR RESOLV_CONF NSSWITCH_CONF ADDRESS…

Each message on the Unix socket is a family and a kind, as two bytes; the answer carries a new socket of them.
A socket stays in the namespace where it was made, whoever uses it. This program ends with the messages, the
namespace with its last socket and process.

Speaks rtnetlink(7) itself, because a fresh Debian has no `ip`.
"""

import ctypes
import os
import socket
import struct
import sys
from pathlib import Path

_RTM_NEWLINK, _RTM_NEWADDR = 16, 20
_REQUEST_ACK = 0x01 | 0x04  # NLM_F_REQUEST, NLM_F_ACK
_CREATE = 0x400  # NLM_F_CREATE
_IFA_ADDRESS, _IFA_LOCAL, _IFA_F_NODAD = 1, 2, 2
_IFF_UP = 1
_MS_BIND = 4096


def _netlink(kind: int, flags: int, payload: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("=LHHLL", 16 + len(payload), kind, _REQUEST_ACK | flags, 1, 0) + payload)
        error = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error:
        raise OSError(error, os.strerror(error))


def _up(index: int) -> None:
    _netlink(_RTM_NEWLINK, 0, struct.pack("=BxHiII", 0, 0, index, _IFF_UP, _IFF_UP))


def _add(index: int, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    attributes = b"".join(
        struct.pack("=HH", 4 + len(packed), name) + packed for name in (_IFA_LOCAL, _IFA_ADDRESS)
    )
    message = struct.pack("=BBBBi", family, 8 * len(packed), _IFA_F_NODAD, 0, index)
    _netlink(_RTM_NEWADDR, _CREATE, message + attributes)


def _put(source: str, target: str) -> None:
    """Let a file be seen in the place of another one, in this mount namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), target)


def _main(descriptor: str, resolv_conf: str, nsswitch_conf: str, *addresses: str) -> None:
    _put(resolv_conf, "/etc/resolv.conf")
    if Path("/etc/nsswitch.conf").exists():
        _put(nsswitch_conf, "/etc/nsswitch.conf")
    loopback = socket.if_nametoindex("lo")
    _up(loopback)
    for address in addresses:
        _add(loopback, address)
    with socket.socket(fileno=int(descriptor)) as orders:
        orders.send(b"up")
        while order := orders.recv(2):
            with socket.socket(*order) as made:
                socket.send_fds(orders, [b"."], [made.fileno()])


if __name__ == "__main__":
    _main(*sys.argv[1:])
