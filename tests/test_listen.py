"""Binding: every address on one port, and one sentence when that cannot be."""

import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from fetchkit import listen
from fetchkit.errors import ListenError

from .program import one_sentence

Bind = Callable[..., list[socket.socket]]


@pytest.fixture
def bind() -> Iterator[Bind]:
    """`listen.bind`, whose sockets are closed after the test."""
    with ExitStack() as opened:

        def bound(hosts: Sequence[str] = (), port: int | None = 0) -> list[socket.socket]:
            return [opened.enter_context(s) for s in listen.bind(hosts, port)]

        yield bound


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port of 127.0.0.1 that somebody listens on, which also is the default port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(listen, "DEFAULT_PORT", port)
        yield port


def addresses(sockets: Sequence[socket.socket]) -> list[str]:
    return [bound.getsockname()[0] for bound in sockets]


def ports(sockets: Sequence[socket.socket]) -> set[int]:
    return {bound.getsockname()[1] for bound in sockets}


def refusing(family: socket.AddressFamily, number: int) -> type[socket.socket]:
    """A socket class of a machine where one address family fails with an errno."""

    class Refusing(socket.socket):
        def bind(self, address: object) -> None:
            if self.family == family:
                raise OSError(number, "simulated")
            super().bind(address)  # type: ignore[arg-type]

    return Refusing


def test_loopback_of_both_families_is_the_default(bind: Bind) -> None:
    sockets = bind()
    assert addresses(sockets) == ["127.0.0.1", "::1"]
    assert len(ports(sockets)) == 1


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
@pytest.mark.parametrize(("hosts", "rest"), [((), "127.0.0.1"), (listen.EVERYWHERE, "0.0.0.0")])
def test_a_machine_without_ipv6_serves_ipv4(
    hosts: Sequence[str], rest: str, number: int, bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", refusing(socket.AF_INET6, number))
    assert addresses(bind(hosts)) == [rest]


def test_an_address_that_was_asked_for_is_not_left_out(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", refusing(socket.AF_INET6, errno.EADDRNOTAVAIL))
    with pytest.raises(ListenError, match=r"::1.*--host"):
        bind(["::1"])


def test_several_hosts_share_one_port(bind: Bind) -> None:
    sockets = bind(["127.0.0.1", "127.0.0.2", "::1"])
    assert addresses(sockets) == ["127.0.0.1", "127.0.0.2", "::1"]
    assert len(ports(sockets)) == 1


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(["127.0.0.1", "127.0.0.1"], id="twice"),
        pytest.param(["127.0.0.1", "localhost"], id="by-its-name-too"),
        pytest.param(["::1", "[::1]"], id="bracketed-too"),
    ],
)
def test_an_address_that_is_named_twice_is_bound_once(hosts: list[str], bind: Bind) -> None:
    sockets = bind(hosts)
    assert len(addresses(sockets)) == len(set(addresses(sockets)))


def test_a_bracketed_address_is_an_address(bind: Bind) -> None:
    assert addresses(bind(["[::1]"])) == ["::1"]


def test_every_ipv4_address_and_every_ipv6_address_go_together(bind: Bind) -> None:
    assert addresses(bind(listen.EVERYWHERE)) == ["0.0.0.0", "::"]


def test_the_sockets_accept_at_once_and_do_not_block(bind: Bind) -> None:
    (bound,) = bind(["127.0.0.1"])
    assert bound.getblocking() is False
    with socket.create_connection(bound.getsockname(), timeout=5):
        pass


def test_a_taken_default_port_gives_way_to_the_next_free_one(taken: int, bind: Bind) -> None:
    sockets = bind(["127.0.0.1"], None)
    (port,) = ports(sockets)
    assert taken < port < taken + listen.ATTEMPTS


def test_a_port_that_is_taken_on_one_host_is_taken_for_all(taken: int, bind: Bind) -> None:
    sockets = bind(["127.0.0.2", "127.0.0.1"], None)
    assert len(ports(sockets)) == 1
    assert taken not in ports(sockets)


def test_a_taken_port_that_was_asked_for_is_refused(taken: int, bind: Bind) -> None:
    with pytest.raises(ListenError) as refusal:
        bind(["127.0.0.1"], taken)
    sentence = one_sentence(f"fetchkit: {refusal.value}\n")
    assert str(taken) in sentence
    assert "--port" in sentence


def test_what_was_bound_before_a_refusal_is_free_again(taken: int, bind: Bind) -> None:
    with pytest.raises(ListenError):
        bind(["127.0.0.2", "127.0.0.1"], taken)
    assert addresses(bind(["127.0.0.2"], taken)) == ["127.0.0.2"]


def test_it_gives_up_when_every_port_is_taken(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", refusing(socket.AF_INET, errno.EADDRINUSE))
    with pytest.raises(ListenError, match="--port"):
        bind(["127.0.0.1"], None)


def test_port_0_draws_again_when_another_host_has_it(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list[int]()

    class TakenTwice(socket.socket):
        def bind(self, address: object) -> None:
            if self.family == socket.AF_INET6 and len(drawn) < 2:
                drawn.append(1)
                raise OSError(errno.EADDRINUSE, "simulated")
            super().bind(address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "socket", TakenTwice)
    assert addresses(bind()) == ["127.0.0.1", "::1"]


@pytest.mark.parametrize(("number", "part"), [(errno.EACCES, "above 1023"), (errno.EADDRNOTAVAIL, "--host")])
def test_other_refusals_say_what_to_do(
    number: int, part: str, bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", refusing(socket.AF_INET, number))
    with pytest.raises(ListenError) as refusal:
        bind(["127.0.0.1"], 80)
    assert part in one_sentence(f"fetchkit: {refusal.value}\n")


def test_an_address_of_another_machine_is_refused(bind: Bind) -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1.*--host"):  # RFC 5737: nobody's
        bind(["192.0.2.1"])


def test_a_name_that_does_not_resolve_is_refused(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ListenError, match=r"nowhere\.example"):
        bind(["nowhere.example"])
