"""Tests of hosts: what a Host header may be, and which ones this server answers to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.net.hosts import Host, authority_of, bare_name, host_or_none, host_rules, parse_host

LONG_LABEL = "a" * 63
LONGEST_NAME = f"{LONG_LABEL}.{LONG_LABEL}.{LONG_LABEL}.{'a' * 61}"


@pytest.mark.parametrize(
    ("value", "name", "port"),
    [
        ("localhost", "localhost", None),
        ("localhost:6931", "localhost", 6931),
        ("LocalHost:80", "localhost", 80),
        ("localhost.", "localhost", None),
        ("localhost.:80", "localhost", 80),
        ("localhost:", "localhost", None),
        ("localhost:00080", "localhost", 80),
        ("localhost:65535", "localhost", 65535),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("127.0.0.1.", "127.0.0.1", None),
        ("127.1", "127.1", None),
        ("0x7f.1", "0x7f.1", None),
        ("2130706433", "2130706433", None),
        ("127.0.0.01", "127.0.0.01", None),
        ("[::1]", "::1", None),
        ("[::1]:8080", "::1", 8080),
        ("[0:0:0:0:0:0:0:1]", "::1", None),
        ("[2001:DB8::A]", "2001:db8::a", None),
        ("[::ffff:127.0.0.1]:80", "::ffff:7f00:1", 80),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ("my_service:80", "my_service", 80),
        ("r1---sn-x.example", "r1---sn-x.example", None),
        (f"{LONG_LABEL}.example", f"{LONG_LABEL}.example", None),
        (LONGEST_NAME, LONGEST_NAME, None),
    ],
)
def test_a_host_and_port_are_parsed_to_their_canonical_form(value: str, name: str, port: int | None) -> None:
    assert parse_host(value) == Host(name, port)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ".",
        ":80",
        "..",
        ".localhost",
        "localhost..",
        "a..b",
        "a b",
        " localhost",
        "localhost ",
        "localhost\n",
        "localhost\x00",
        "local\thost",
        "localhost:80@evil",
        "user@localhost",
        "user:pass@localhost:80",
        "localhost/",
        "localhost?x",
        "localhost#x",
        "localhost\\x",
        "http://localhost",
        "localhost,localhost",
        "localhost, evil.example",
        "localhost:0",
        "localhost:65536",
        "localhost:99999",
        "localhost:000080",
        "localhost:-1",
        "localhost:+80",
        "localhost:8 0",
        "localhost:80:80",
        "localhost:http",
        "localhost:\N{ARABIC-INDIC DIGIT EIGHT}",
        "::1",
        "::1:80",
        "[::1",
        "::1]",
        "[]",
        "[::1].x",
        "[::1]x",
        "[::1]80",
        "[::1]]",
        "[[::1]]",
        "[127.0.0.1]",
        "[localhost]",
        "[::g]",
        "[1:2:3]",
        "[::1%lo]",
        "[fe80::1%25eth0]",
        "[v1.x]",
        "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example",
        "\N{KELVIN SIGN}.example",
        "localhost\N{IDEOGRAPHIC FULL STOP}",
        "local%68ost",
        "a!b",
        "*",
        "*.example.com",
        "\udc80",
        f"{LONG_LABEL}a.example",
        f"{LONGEST_NAME}a",
    ],
    ids=ascii,
)
def test_what_is_no_host_is_a_bad_request(value: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_host(value)
    assert caught.value.detail.endswith(".")
    assert caught.value.detail.isascii()
    assert host_or_none(value) is None


@pytest.mark.parametrize(
    ("value", "hint"),
    [("::1", "[::1]:8080"), ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "xn--"), ("a b", "")],
)
def test_a_bad_host_comes_with_advice_where_there_is_some(value: str, hint: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse_host(value)
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)


@given(st.text())
def test_parse_host_never_raises_anything_but_bad_request(value: str) -> None:
    try:
        host = parse_host(value)
    except BadRequestError as error:
        assert error.detail  # noqa: PT017
    else:
        assert parse_host(str(host)) == host


@given(st.text("[]:.%@0123456789abcdefx-_ ", max_size=30))
def test_what_looks_nearly_like_a_host_is_one_or_a_bad_request(value: str) -> None:
    host = host_or_none(value)
    assert host is None or parse_host(str(host)) == host


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (Host("a.example"), "a.example"),
        (Host("a.example", 80), "a.example:80"),
        (Host("::1"), "[::1]"),
        (Host("::1", 80), "[::1]:80"),
    ],
)
def test_a_host_is_written_as_an_authority(host: Host, text: str) -> None:
    assert str(host) == text


@pytest.mark.parametrize("value", ["127.1", "0x7f.1", "2130706433", "localhost", "127.0.0.1.x"])
def test_only_strict_literals_have_an_address(value: str) -> None:
    assert parse_host(value).address is None


LOOPBACK = [
    "localhost",
    "localhost:1",
    "LOCALHOST.",
    "app.localhost:6931",
    "a.b.localhost",
    "127.0.0.1",
    "127.255.255.254:80",
    "[::1]:6931",
    "[0::1]",
    "[::ffff:127.0.0.1]",
]
ATTACKS = [
    "",
    "127.attacker.example",
    "127.0.0.1.attacker.example",
    "localhost.attacker.example",
    "notlocalhost",
    "localhost-",
    "xlocalhost:80",
    "[::1].x",
    "[::1]x:80",
    "localhost:80@evil",
    "evil@localhost",
    "localhost:80:80",
    "localhost, evil.example",
    "evil.example",
    "evil.example#localhost",
    "evil.example/.localhost",
    "evil.example\\.localhost",
    "evil.example .localhost",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "0177.0.0.1",
    "0.0.0.0",
    "[::]",
    "10.0.0.1",
    "128.0.0.1",
    "[::2]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[::1%lo]",
]


@pytest.mark.parametrize("value", LOOPBACK)
def test_loopback_names_are_always_allowed(value: str) -> None:
    assert host_rules().allows(value)
    assert parse_host(value).is_loopback_name


@pytest.mark.parametrize("value", ATTACKS)
def test_what_only_looks_like_loopback_is_not_allowed(value: str) -> None:
    assert not host_rules().allows(value)


@pytest.mark.parametrize(
    ("rule", "allowed", "refused"),
    [
        (
            "app.example",
            ["app.example", "APP.EXAMPLE.:81"],
            ["x.app.example", "xapp.example", "app.example.x"],
        ),
        (".app.example", ["app.example", "a.app.example", "a.b.app.example:1"], ["xapp.example", "example"]),
        ("*.app.example", ["a.app.example", "a.b.app.example"], ["app.example", "xapp.example"]),
        (".1.5", ["1.5", "x.1.5"], ["192.168.1.5"]),
        (
            "192.168.1.5",
            ["192.168.1.5:80"],
            ["192.168.1.50", "1.192.168.1.5", "192.168.1.5.x", "192.168.1.4"],
        ),
        ("[2001:DB8:0::1]", ["[2001:db8::1]", "[2001:db8::1]:80"], ["[2001:db8::11]"]),
        ("2001:db8::1", ["[2001:db8::1]"], ["[2001:db8::]"]),
        ("*", ["evil.example", "[2001:db8::1]:80", "127.1"], ["", "a b", "x@y", "[::1].x"]),
    ],
)
def test_allow_host_allows_exactly_what_it_names(rule: str, allowed: list[str], refused: list[str]) -> None:
    rules = host_rules([rule])
    assert [value for value in allowed if not rules.allows(value)] == []
    assert [value for value in refused if rules.allows(value)] == []


@pytest.mark.parametrize("bound", ["192.168.1.5", "fd00::5", "fd00::5%eth0", "[fd00::5]", "dev.example"])
def test_the_bound_addresses_are_allowed_and_no_others(bound: str) -> None:
    rules = host_rules(bound=[bound])
    assert rules.allows(f"{Host(bare_name(bound))}:6931")
    assert not rules.allows("192.168.1.6")
    assert not rules.allows("evil.example")


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
def test_listening_everywhere_allows_every_address_but_no_name(bound: str) -> None:
    rules = host_rules(bound=["127.0.0.1", bound])
    assert rules.allows("192.168.1.5:6931")
    assert rules.allows("[fd00::5]")
    assert not rules.allows("evil.example")
    assert not rules.allows("127.1")


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("http://app.example/", "write app.example."),
        ("https://user@app.example:8443/x?y#z", "write app.example."),
        ("app.example:80", "write app.example."),
        ("[::1]:80", "write [::1]."),
        ("app.example:", "write app.example."),
        ("a b", "one such as"),
        ("", "one such as"),
        (".", "one such as"),
        ("*.", "one such as"),
        ("*x", "one such as"),
        ("*.*.example", "one such as"),
        ("..example", "one such as"),
        ("*.127.0.0.1", "write the address alone, 127.0.0.1."),
        (".::1", "write the address alone, ::1."),
    ],
)
def test_an_impossible_allow_host_is_a_configuration_error_with_advice(value: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        host_rules([value])
    assert str(caught.value).startswith(f"--allow-host {value!a}")
    assert advice in str(caught.value)


def test_an_impossible_bound_address_names_its_own_option() -> None:
    with pytest.raises(ConfigError, match=r"^--host 'a b' is not a host name alone"):
        host_rules(bound=["a b"])


def test_the_authority_of_a_url_is_found() -> None:
    assert authority_of("https://u:p@db.example:1/x?y") == "db.example:1"
    assert authority_of("db.example:1") == "db.example:1"


LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)


@given(NAMES, NAMES, NAMES)
def test_a_name_that_merely_begins_or_ends_with_an_allowed_one_is_refused(
    allowed: str, before: str, after: str
) -> None:
    rules = host_rules([f"{allowed}.test"])
    assert rules.allows(f"{allowed}.test:1")
    for value in (
        f"{before}{allowed}.test",
        f"{before}.{allowed}.test",
        f"{allowed}.test{after}",
        f"{allowed}.test.{after}x",
    ):
        assert not rules.allows(value)


@given(NAMES, NAMES)
def test_a_pattern_allows_only_whole_labels(allowed: str, before: str) -> None:
    rules = host_rules([f".{allowed}.test"])
    assert rules.allows(f"{before}.{allowed}.test")
    assert not rules.allows(f"{before.replace('.', '')}{allowed}.test")
