"""A development CA of the user's own, and certificates of it for this machine's names.

The CA is made once and kept in the user's application folder, so that it is imported into a
browser or a phone once. Its key signs for any name: it is readable by its owner alone, and it
should not be imported on machines of other people.
"""

import getpass
import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from fetchkit.errors import ConfigError

__all__ = ["ca_file", "lan_addresses", "machine_names", "server_context"]

# Apple refuses a certificate that is valid for more than 825 days (HT210176); browsers agree on 398.
VALIDITY = timedelta(days=390)
# Phones have clocks that are off.
GRACE = timedelta(days=1)

_NEEDS_EXTRA = "TLS needs an extra: pip install 'fetchkit[tls]'."
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def ca_file() -> Path:
    """Where the CA's certificate lies: the file to import."""
    return Path(click.get_app_dir("fetchkit")) / "ca.pem"


def server_context(names: Iterable[str]) -> ssl.SSLContext:
    """A TLS context with a fresh certificate for the names and addresses.

    Raises:
        ConfigError: the extra `tls` is not installed, or the CA cannot be kept.
    """
    try:
        import trustme  # noqa: PLC0415  an extra, and 60 ms that plain HTTP does not need
    except ImportError as error:
        raise ConfigError(_NEEDS_EXTRA) from error
    authority = _authority(trustme)
    now = datetime.now(UTC)
    leaf = authority.issue_cert(*dict.fromkeys(names), not_before=now - GRACE, not_after=now + VALIDITY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    leaf.configure_cert(context)
    return context


def lan_addresses() -> list[str]:
    """This machine's addresses that others on its networks can reach, IPv4 first.

    Raises:
        ConfigError: the extra `tls` is not installed.
    """
    try:
        import ifaddr  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ConfigError(_NEEDS_EXTRA) from error
    texts = [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for a in ifaddr.get_adapters() for ip in a.ips]
    found = [ipaddress.ip_address(text) for text in texts]
    reachable = [a for a in found if not (a.is_loopback or a.is_link_local)]
    return [str(address) for address in sorted(reachable, key=lambda address: address.version)]


def machine_names() -> list[str]:
    """What this machine is called: for certificates, and for the Host check of `--lan`."""
    name = socket.gethostname().lower()
    bare = name.partition(".")[0]
    return list(dict.fromkeys(n for n in (name, bare, f"{bare}.local") if _NAME.fullmatch(n)))


def _authority(trustme: ModuleType) -> Any:
    """The CA, made on the first call."""
    certificate = ca_file()
    key = certificate.with_name("ca-key.pem")
    try:
        if certificate.is_file() and key.is_file():
            return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
        made = trustme.CA(
            organization_name="fetchkit", organization_unit_name=f"development CA of {_owner()}"
        )
        certificate.parent.mkdir(parents=True, exist_ok=True)
        _write_private(key, made.private_key_pem.bytes())
        made.cert_pem.write_to_path(certificate)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The development CA in {certificate.parent} cannot be used: {error}.") from error
    return made


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _owner() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):
        return socket.gethostname()
