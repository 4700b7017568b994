"""TLS for development: a CA that is kept, certificates that verify, and a sentence where it cannot be."""

import asyncio
import os
import signal
import socket
import ssl
import stat
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fetchkit import certificates
from fetchkit.certificates import ca_file, lan_addresses, machine_names, server_context
from fetchkit.errors import ConfigError

from .conftest import Raw, Serve
from .program import Program

# Apple's bound for certificates of private CAs (HT210176).
LONGEST = timedelta(days=825)
NAMES = ["localhost", "127.0.0.1", "::1"]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the CA in the test's own folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))


def key_file() -> Path:
    return ca_file().with_name("ca-key.pem")


def client_context() -> ssl.SSLContext:
    """A client that trusts the development CA and nothing else."""
    context = ssl.create_default_context(cafile=str(ca_file()))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Join two peers in memory; the client, which has verified the server."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ours.version() is not None
    return ours


@pytest.mark.parametrize("name", [*NAMES, "dev.example", "192.168.1.5", "fd00::5"])
def test_a_certificate_verifies_for_each_of_its_names(name: str) -> None:
    server = server_context([*NAMES, "dev.example", "192.168.1.5", "fd00::5"])
    handshake(server, client_context(), name)


@pytest.mark.parametrize("name", ["other.example", "127.0.0.2", "dev.example.evil.example"])
def test_a_certificate_does_not_verify_for_other_names(name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context([*NAMES, "dev.example"]), client_context(), name)


def test_a_client_that_does_not_know_the_ca_refuses() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(NAMES), ssl.create_default_context(), "localhost")


def test_a_certificate_is_valid_now_and_no_longer_than_apple_allows() -> None:
    peer = handshake(server_context(NAMES), client_context(), "localhost").getpeercert()
    assert peer is not None
    begin, end = (
        datetime.fromtimestamp(ssl.cert_time_to_seconds(str(peer[key])), UTC)
        for key in ("notBefore", "notAfter")
    )
    assert begin < datetime.now(UTC) < end
    assert end - begin <= LONGEST


def test_loopback_is_always_in_it_and_names_that_come_twice_once() -> None:
    server = server_context(["localhost", "localhost", "127.0.0.1", "127.0.0.1"])
    peer = handshake(server, client_context(), "localhost").getpeercert()
    assert peer is not None
    assert peer["subjectAltName"] == (
        ("DNS", "localhost"),
        ("IP Address", "127.0.0.1"),
        ("IP Address", "0:0:0:0:0:0:0:1"),
    )


def test_it_speaks_http_1_1_and_no_old_tls() -> None:
    server = server_context(NAMES)
    client = client_context()
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert handshake(server, client, "localhost").selected_alpn_protocol() == "http/1.1"
    assert server.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_ca_is_made_once() -> None:
    server_context(NAMES)
    first = ca_file().read_bytes(), key_file().read_bytes()
    trusting = client_context()
    server = server_context(NAMES)
    assert (ca_file().read_bytes(), key_file().read_bytes()) == first
    handshake(server, trusting, "localhost")


@pytest.mark.parametrize("before", [None, 0o644], ids=["new", "over-a-loose-one"])
def test_the_key_is_readable_by_its_owner_alone(before: int | None) -> None:
    if before is not None:
        key_file().parent.mkdir(parents=True)
        key_file().write_text("a key without its certificate")
        key_file().chmod(before)
    mask = os.umask(0)
    try:
        server_context(NAMES)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert b"PRIVATE" not in ca_file().read_bytes()


@pytest.mark.parametrize("which", ["certificate", "key"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\0", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ids=["empty", "binary", "broken"],
)
def test_a_broken_ca_is_refused_with_its_place(which: str, content: bytes) -> None:
    server_context(NAMES)
    (ca_file() if which == "certificate" else key_file()).write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        server_context(NAMES)
    assert str(ca_file().parent) in str(refusal.value)


def test_a_key_of_another_ca_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server_context(NAMES)
    key = key_file().read_bytes()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    server_context(NAMES)
    key_file().write_bytes(key)
    with pytest.raises(ConfigError):
        server_context(NAMES)


def test_a_ca_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="development CA"):
        server_context(NAMES)


@pytest.mark.parametrize("module", ["trustme", "ifaddr"])
def test_without_the_extra_a_sentence_names_it(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install 'fetchkit\[tls\]'\.$"):
        lan_addresses() if module == "ifaddr" else server_context(NAMES)


def test_addresses_of_the_lan_are_neither_loopback_nor_link_local(monkeypatch: pytest.MonkeyPatch) -> None:
    import ifaddr

    texts = ["fd00::5", "127.0.0.1", "192.168.1.5", "169.254.1.1", "::1", "fe80::1"]
    ips = [ifaddr.IP((t, 0, 0) if ":" in t else t, 24, t) for t in texts]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [ifaddr.Adapter("x", "x", ips)])
    assert lan_addresses() == ["192.168.1.5", "fd00::5"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Box", ["box", "box.local"]),
        ("box.lan.example", ["box.lan.example", "box", "box.local"]),
        ("my_box", []),
        ("", []),
    ],
)
def test_names_of_the_machine(name: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert machine_names() == expected


def test_an_owner_without_a_name_still_gets_a_ca(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user who is in no table of users."""

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    handshake(server_context(NAMES), client_context(), "localhost")


@pytest.mark.parametrize("name", [*NAMES, "dev.example"])
async def test_tls_serves_under_each_name(name: str, serve: Serve) -> None:

    server = await serve(tls=True, allow_host=("dev.example",))
    assert server.url.startswith("https://127.0.0.1:")
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=client_context(), server_hostname=name
    )
    host = f"[{name}]" if ":" in name else name
    writer.write(f"GET /digits.txt HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"0123456789")


@pytest.mark.parametrize(
    "settings",
    [
        {"allow_host": ("*",)},
        {"allow_host": (".example.com",)},
        {"allow_host": ("*.example.com",)},
        {"allow_host": ("my_box",)},
        {"allow_host": ("192.168.1.5", "[fd00::5]")},
        {"host": ("127.0.0.1", "[::1]")},
    ],
    ids=str,
)
async def test_tls_goes_with_every_host_that_is_accepted(settings: dict[str, object], serve: Serve) -> None:
    assert (await serve(tls=True, **settings)).url.startswith("https://")


async def test_a_rule_for_all_names_below_one_is_in_the_certificate(serve: Serve) -> None:

    server = await serve(tls=True, allow_host=(".example.com",))
    for name in ("example.com", "app.example.com"):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=client_context(), server_hostname=name
        )
        writer.close()


async def test_lan_listens_everywhere_under_the_names_of_the_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(certificates, "machine_names", lambda: ["box.local"])
    monkeypatch.setattr(certificates, "lan_addresses", lambda: ["192.168.1.5", "fd00::5"])
    server = await serve(host=(), lan=True)
    assert [url.rpartition(":")[0] for url in server.urls] == ["https://0.0.0.0", "https://[::]"]
    for name in ("localhost", "box.local", "192.168.1.5", "fd00::5"):
        host = f"[{name}]" if ":" in name else name
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=client_context(), server_hostname=name
        )
        writer.write(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_tls_to_the_plain_port_gets_an_answer_that_says_so(serve: Serve, raw: Raw) -> None:
    client = await raw(await serve())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    client.send(outgoing.read())
    answer = await client.answer()
    assert answer.status == 400
    assert b"--tls" in answer.body


@pytest.mark.parametrize("verbose", [[], ["-v"]], ids=["plain", "verbose"])
@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01", b""])
def test_what_is_no_tls_ends_quietly(data: bytes, verbose: list[str], folder: Path, tmp_path: Path) -> None:
    arguments = ("serve", str(folder), "--port", "0", "--host", "127.0.0.1", "--tls", *verbose)
    with Program(tmp_path, *arguments) as program:
        port = program.ready_port()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            try:
                while client.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        code, _, err = program.end(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in err
    assert "rror" not in err


def test_a_signal_ends_it_in_good_time_whatever_tls_clients_do(folder: Path, tmp_path: Path) -> None:
    arguments = ("serve", str(folder), "--port", "0", "--host", "127.0.0.1", "--tls")
    with Program(tmp_path, *arguments) as program:
        port = program.ready_port()
        address = ("127.0.0.1", port)
        with (
            socket.create_connection(address, timeout=5),
            socket.create_connection(address, timeout=5) as half,
            socket.create_connection(address, timeout=5) as plain,
            client_context().wrap_socket(plain, server_hostname="localhost") as idle,
        ):
            half.sendall(b"\x16\x03\x01")
            idle.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(12) == b"HTTP/1.1 200"
            begin = time.monotonic()
            code, rest, err = program.end(signal.SIGTERM)
            took = time.monotonic() - begin
    assert (code, rest) == (0, "")
    assert "Traceback" not in err
    assert took < 5.0  # SPEC section 1
