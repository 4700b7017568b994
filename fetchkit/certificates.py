"""A development CA of the user's own, and certificates of it for this machine's names.

The CA is made once and kept in the user's application folder, so that it is imported into a
browser or a phone once. Its key signs for any name: it is readable by its owner alone, and it
should not be imported on machines of other people.
"""

import contextlib
import getpass
import ipaddress
import os
import re
import socket
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from fetchkit.errors import ConfigError
from fetchkit.net.hosts import Host, bare_name

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


def server_context(hosts: Iterable[str]) -> ssl.SSLContext:
    """A TLS context with a fresh certificate for loopback and the hosts, as settings write them.

    Raises:
        ConfigError: the extra `tls` is not installed, or the CA cannot be kept.
    """
    try:
        import trustme  # noqa: PLC0415  an extra, and 60 ms that plain HTTP does not need
    except ImportError as error:
        raise ConfigError(_NEEDS_EXTRA) from error
    authority = _authority(trustme)
    now = datetime.now(UTC)
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", *(n for host in hosts for n in _certified(host))])
    leaf = authority.issue_cert(*names, not_before=now - GRACE, not_after=now + VALIDITY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves that to OpenSSL
    context.set_alpn_protocols(["http/1.1"])
    leaf.configure_cert(context)
    return context


def _certified(host: str) -> Iterator[str]:
    """The names in a certificate for a value of --host or --allow-host; none for what it cannot name."""
    if host.startswith("."):  # a domain with everything below it
        yield from (host[1:], f"*{host}")
        return
    address = None if host.startswith("*") else Host(bare_name(host)).address
    if address is not None and not address.is_unspecified:
        yield str(address)
    elif address is None and _NAME.fullmatch(host.lower().removeprefix("*.")):
        yield host.lower()


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
        certificate.parent.mkdir(parents=True, exist_ok=True)
        with _locked(certificate.parent):  # of two that start at once, one makes it
            if not certificate.is_file():
                made = trustme.CA(organization_name="fetchkit", organization_unit_name=_title())
                _write(key, made.private_key_pem.bytes())
                _write(certificate, made.cert_pem.bytes())
            pair = certificate.read_bytes(), key.read_bytes()
        _check_pair(*pair)
        return trustme.CA.from_pem(*pair)
    except (OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ConfigError(
            f"The development CA in {certificate.parent} cannot be used ({reason}): delete it."
        ) from error


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(name).replace(path)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        import fcntl  # noqa: PLC0415  not on Windows
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_pair(certificate: bytes, key: bytes) -> None:
    """Raise ValueError unless the key is the certificate's: else nothing that it signs would verify."""
    from cryptography import x509  # noqa: PLC0415  trustme has loaded it
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    public = load_pem_private_key(key, None).public_key()
    if x509.load_pem_x509_certificate(certificate).public_key() != public:
        raise ValueError("its key is another CA's")


def _title() -> str:
    with contextlib.suppress(OSError, KeyError):
        return f"development CA of {getpass.getuser()}@{socket.gethostname()}"
    return f"development CA of {socket.gethostname()}"
