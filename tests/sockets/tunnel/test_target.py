"""Targets of paths and options, and the port message, as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.sockets.tunnel.target import (
    Bridge,
    Service,
    Target,
    Transport,
    parse_bridge,
    parse_port_message,
    parse_target,
    parse_tcp_option,
    port_message,
)

UDP = Transport.UDP


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("localhost:1", "localhost", 1),
        ("LocalHost.:65535", "localhost", 65535),
        ("db_1.example:5432", "db_1.example", 5432),
        ("[::1]:80", "::1", 80),
        ("[0:0::0:1]:80", "::1", 80),
        ("[::ffff:127.0.0.1]:80", "::ffff:7f00:1", 80),
        ("bücher.example:80", "xn--bcher-kva.example", 80),
        ("xn--bcher-kva.example:80", "xn--bcher-kva.example", 80),
        ("127.0.0.1:80/", "127.0.0.1", 80),
        ("a:00080", "a", 80),
    ],
)
def test_a_target_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert parse_target(text) == Target(host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "//", ":", ":80", "a", "a:", "[::1]", "[::1]:", "a/b:80", "a:80/b", "a:80//"),
        *("a:0", "a:65536", "a:123456", "a:-1", "a:+80", "a: 80", "a:8 0", "a:http", "a:0x50", "a:٣"),
        *("::1:80", "[::1:80", "::1]:80", "[]:80", "[127.0.0.1]:80", "[::1%eth0]:80", "[fe80::1%25lo]:80"),
        *("a b:80", "a..b:80", ".a:80", "-:80:", "a:80?x", "a:80#x", "user@a:80", "http://a:80", "a:1:2"),
        *("127.1:80", "2130706433:80", "0x7f.1:80", "0x7f000001:80", "1.2.3.256:80", "a.1:80"),
        *("\x00:80", "a\n:80", "\x7f:80", "a%00:80", "\ud800:80", "ü\u202e ü:80", "x" * 64 + ":80"),
        *(f"{'a.' * 127}b:80", "[ü]:80", "ü", "ü:", "x" * 3000 + ":80"),
    ],
)
def test_anything_else_is_one_error_with_a_hint(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_target(text)
    assert caught.value.hint.startswith("Write ")
    assert caught.value.detail.isascii()
    assert len(caught.value.detail) < 250


@given(st.text(max_size=40))
def test_any_text_is_a_target_or_that_error(text: str) -> None:
    try:
        target = parse_target(text)
    except BadRequestError:
        return
    assert parse_target(str(target)) == target


def test_targets_are_shown_as_options_take_them() -> None:
    assert str(Target("::1", 53, UDP)) == "[::1]:53/udp"
    assert Target("::1", 53, UDP).authority == "[::1]:53"
    assert str(Target("a", 80)) == "a:80"


@pytest.mark.parametrize(
    ("value", "bridge"),
    [
        ("8088:echo", Bridge(None, 8088, Service.ECHO)),
        ("0:posix", Bridge(None, 0, Service.POSIX)),
        ("8088:localhost:80", Bridge(None, 8088, Target("localhost", 80))),
        ("8088:localhost:80/tcp", Bridge(None, 8088, Target("localhost", 80))),
        ("8088:localhost:80/udp", Bridge(None, 8088, Target("localhost", 80, UDP))),
        ("8088:[::1]:80/udp", Bridge(None, 8088, Target("::1", 80, UDP))),
        ("127.0.0.1:8088:echo", Bridge("127.0.0.1", 8088, Service.ECHO)),
        ("0.0.0.0:8088:10.0.0.5:80", Bridge("0.0.0.0", 8088, Target("10.0.0.5", 80))),
        ("[::1]:8088:[::1]:80", Bridge("::1", 8088, Target("::1", 80))),
        ("[::]:8088:posix", Bridge("::", 8088, Service.POSIX)),
        ("localhost:8088:echo", Bridge("localhost", 8088, Service.ECHO)),
        ("8088:echo:80", Bridge(None, 8088, Target("echo", 80))),
    ],
)
def test_a_bridge_listens_here_and_leads_there(value: str, bridge: Bridge) -> None:
    assert parse_bridge(value, "--bridge") == bridge


@pytest.mark.parametrize(
    "value",
    [
        *("", ":", "8088", "8088:", "echo", "8088:host", "8088:ECHO", "8088:echo/udp", "8088:echo:echo"),
        *("65536:echo", "999999:echo", "1234567:echo", "-1:echo", "+80:echo", ":80:echo", "[]:80:echo"),
        *("::1:8088:echo", "[::1:8088:echo", "[127.0.0.1:8088:echo", "a b:8088:echo", "a:b:8088:x:1"),
        *("8088:host:0", "8088:host:99999", "8088:host:80/sctp", "8088:host:80/", "8088:host:80/UDP"),
        *("8088:::1:80", "8088:127.1:80", "8088:9000:80", "8088:http://a:80", "٣:echo"),
    ],
)
def test_a_bad_bridge_is_one_sentence_that_says_what_to_write(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_bridge(value, "--bridge")
    text = str(caught.value)
    assert text.startswith("--bridge ")
    assert "[ADDR:]PORT:TARGET" in text
    assert text.endswith(".")
    assert ". " not in text


def test_the_first_field_of_digits_alone_is_the_port() -> None:
    assert parse_bridge("1:2.example:3", "--bridge") == Bridge(None, 1, Target("2.example", 3))


@pytest.mark.parametrize("value", ["", "a", "a:0", "5432", "127.0.0.1:5432:x", "a:80/udp"])
def test_a_bad_target_of_an_option_is_one_sentence(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^--tcp .* is not HOST:PORT: write .*\.$"):
        parse_tcp_option(value, "--tcp")
    assert parse_tcp_option("[::1]:5432", "--tcp") == Target("::1", 5432)


def test_the_port_message_is_as_sockfs_writes_it() -> None:
    assert port_message(0x1F90) == b"\xff\xff\xff\xffport\x1f\x90"
    assert parse_port_message(b"\xff\xff\xff\xffport\x1f\x90") == 0x1F90
    assert parse_port_message(bytearray(port_message(0))) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xff\xff\xffport\x1f",
        b"\xff\xff\xff\xffport\x1f\x90\x00",
        b"\xff\xff\xff\xffPort\x1f\x90",
        bytes(10),
    ],
)
def test_what_only_resembles_a_port_message_is_none(data: bytes) -> None:
    assert parse_port_message(data) is None
