"""Tests of the policy: where forward and sockets may connect."""

from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import ConfigError
from fetchkit.net.addresses import AddressClass, classify
from fetchkit.net.policy import Target, TargetPolicy, Verdict, parse_net, parse_target, target_policy

DEFAULT = target_policy()


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2001:4860:4860::8888", "127.0.0.1", "::1", "::ffff:127.0.0.1"]
)
def test_public_and_loopback_addresses_pass(address: str) -> None:
    verdict = DEFAULT.judge("x.example", 80, address)
    assert verdict.allowed
    assert verdict.hint == ""
    assert verdict.reason.endswith(f"is a {verdict.address_class.value} address.")


@pytest.mark.parametrize(
    ("host", "address", "hint"),
    [
        ("nas.local", "192.168.1.5", "--allow-net 192.168.1.5/32 or --allow-target nas.local:80 allows it."),
        ("NAS.local.", "::ffff:192.168.1.5", "--allow-net 192.168.1.5/32 or --allow-target nas.local:80 "),
        ("fd00::5", "fd00::5", "--allow-net fd00::5/128 or --allow-target [fd00::5]:80 "),
        ("[::ffff:10.0.0.5]", "::ffff:10.0.0.5", "--allow-net 10.0.0.5/32 or --allow-target 10.0.0.5:80 "),
        ("x.example", "fe80::1%eth0", "--allow-net fe80::1/128 or --allow-target x.example:80 "),
        ("x.example", "169.254.169.254", "--allow-net 169.254.169.254/32 "),
        ("x.example", "2002:7f00:1::1", "--allow-net 2002:7f00:1::1/128 "),
        ("x.example", "0.0.0.0", "--allow-net 0.0.0.0/32 "),
        ("bad host\x1b[2J", "10.0.0.5", "--allow-net 10.0.0.5/32 allows it."),
    ],
)
def test_the_rest_is_refused_with_the_flags_that_allow_it(host: str, address: str, hint: str) -> None:
    verdict = DEFAULT.judge(host, 80, address)
    assert not verdict.allowed
    assert verdict.address_class is classify(address)
    assert verdict.address_class.value in verdict.reason
    assert verdict.hint.startswith(hint)
    flags = verdict.hint.removesuffix(" allows it.").split(" or ")
    for flag, value in (text.split(" ") for text in flags):
        nets, targets = ([value], []) if flag == "--allow-net" else ([], [value])
        assert target_policy(nets, [], targets).judge(host, 80, address).allowed


@pytest.mark.parametrize(
    ("net", "allowed", "refused"),
    [
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["11.0.0.0", "192.168.0.1"]),
        ("192.168.1.5", ["192.168.1.5"], ["192.168.1.4", "192.168.1.6"]),
        ("fd00::/8", ["fd00::1", "fd00:ec2::254"], ["fc00::1"]),
        ("::ffff:10.0.0.0/104", ["10.0.0.1", "::ffff:10.0.0.1"], []),
        ("fe80::/10", ["fe80::1%eth0"], []),
        ("0.0.0.0/0", ["169.254.169.254", "::ffff:10.0.0.1"], ["fd00::1", "64:ff9b::10.0.0.1"]),
        ("::/0", ["fd00::1", "64:ff9b::10.0.0.1"], ["10.0.0.1", "::ffff:10.0.0.1"]),
    ],
)
def test_an_allowed_net_adds_its_addresses(net: str, allowed: list[str], refused: list[str]) -> None:
    outside = [address for address in refused if classify(address) is not AddressClass.PUBLIC]
    policy = target_policy([net])
    assert [address for address in allowed if not policy.judge("x", 80, address).allowed] == []
    assert [address for address in outside if policy.judge("x", 80, address).allowed] == []


def test_an_allowed_net_does_not_open_a_tunnel_to_its_addresses() -> None:
    policy = target_policy(["10.0.0.0/8"])
    for address in ("2002:a00:1::1", "64:ff9b::a00:1", "::a00:1", "2001::f5ff:fffe"):
        assert not policy.judge("x", 80, address).allowed


@pytest.mark.parametrize(
    ("target", "host", "port", "address", "allowed"),
    [
        ("db.internal", "db.internal", 5432, "10.0.0.5", True),
        ("db.internal", "DB.Internal.", 1, "10.0.0.5", True),
        ("DB.internal:5432", "db.internal", 5432, "10.0.0.5", True),
        ("db.internal:5432", "db.internal", 5433, "10.0.0.5", False),
        ("db.internal", "xdb.internal", 1, "10.0.0.5", False),
        ("db.internal", "db.internal.x", 1, "10.0.0.5", False),
        ("10.0.0.5:80", "10.0.0.5", 80, "10.0.0.5", True),
        ("10.0.0.5:80", "[::ffff:10.0.0.5]", 80, "::ffff:10.0.0.5", True),
        ("[::ffff:10.0.0.5]:80", "10.0.0.5", 80, "10.0.0.5", True),
        ("10.0.0.5:80", "any.name", 80, "10.0.0.5", True),
        ("10.0.0.5:80", "any.name", 80, "10.0.0.6", False),
        ("[fd00::5]:80", "[FD00:0::5]", 80, "fd00::5", True),
        ("[fd00::5]:80", "fd00::5", 80, "fd00::5", True),
        ("[fd00::5]:80", "fd00::5", 81, "fd00::5", False),
        ("db.internal", "db.internal:5432", 5432, "10.0.0.5", False),
        ("metadata", "metadata", 80, "169.254.169.254", True),
    ],
)
def test_an_allowed_target_is_one_host_and_its_port(
    target: str, host: str, port: int, address: str, allowed: bool
) -> None:
    verdict = target_policy([], [], [target]).judge(host, port, address)
    assert verdict.allowed is allowed
    assert ("--allow-target" in verdict.reason) is allowed


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "::8.8.8.8", "2001::f7f7:f7f7"],
)
def test_deny_wins_over_every_allow_and_looks_inside(address: str) -> None:
    verdict = target_policy(["0.0.0.0/0", "::/0"], ["8.8.8.0/24"], ["x.example"]).judge(
        "x.example", 80, address
    )
    assert verdict == Verdict(
        allowed=False,
        reason=verdict.reason,
        hint="Leave out --deny-net 8.8.8.0/24.",
        address_class=classify(address),
    )
    assert "8.8.8.0/24, which --deny-net refuses" in verdict.reason


@pytest.mark.parametrize(
    ("net", "address"),
    [("127.0.0.0/8", "127.0.0.1"), ("::1", "::1"), ("::/0", "::ffff:8.8.8.8"), ("::ffff:0:0/96", "8.8.8.8")],
)
def test_a_denied_net_refuses_what_would_pass(net: str, address: str) -> None:
    assert DEFAULT.judge("x", 80, address).allowed
    assert not target_policy([], [net]).judge("x", 80, address).allowed


def test_the_first_rule_that_has_an_answer_decides() -> None:
    policy = target_policy(["10.0.0.0/8"], ["10.0.0.0/24"], ["db"])
    assert "--deny-net" in policy.judge("db", 80, "10.0.0.1").reason
    assert "--allow-target db " in policy.judge("db", 80, "10.1.0.1").reason
    assert "--allow-net 10.0.0.0/8 " in policy.judge("x", 80, "10.1.0.1").reason
    assert "public" in policy.judge("x", 80, "8.8.8.8").reason


def test_what_is_no_address_is_never_judged() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        DEFAULT.judge("x", 80, "localhost")


@given(st.text(), st.integers(1, 65535), st.ip_addresses())
def test_without_flags_the_host_changes_nothing(host: str, port: int, address: IPv4Address) -> None:
    verdict = DEFAULT.judge(host, port, str(address))
    assert verdict.allowed is (classify(address) in {AddressClass.PUBLIC, AddressClass.LOOPBACK})
    assert bool(verdict.hint) is not verdict.allowed


@pytest.mark.parametrize(
    ("value", "net"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("fd00::/8", "fd00::/8"),
        ("::1", "::1/128"),
        ("fe80::1%eth0", "fe80::1/128"),
        ("fe80::%eth0/64", "fe80::/64"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::/0", "::/0"),
    ],
)
def test_a_net_is_parsed(value: str, net: str) -> None:
    assert parse_net(value, "--allow-net") == ip_network(net)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("10.0.0.1/8", "write 10.0.0.0/8, "),
        ("fd00::1/8", "write fd00::/8, "),
        ("http://10.0.0.1:80/", "write 10.0.0.1/32."),
        ("10.0.0.1:80", "write 10.0.0.1/32."),
        ("[::1]/128", "write ::1/128."),
        ("http://nas.local/x", "--allow-target nas.local."),
        ("nas.local:80", "--allow-target nas.local:80."),
        ("", "write an address or a CIDR block"),
        ("a b", "write an address or a CIDR block"),
        ("10.0.0.0/8 ", "write 10.0.0.0/32."),
    ],
)
def test_a_bad_net_is_a_configuration_error_that_says_what_to_write(value: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_net(value, "--deny-net")
    assert str(caught.value).startswith(f"--deny-net {value!a} is not a network: ")
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("db", Target("db")),
        ("DB.Internal.:5432", Target("db.internal", 5432)),
        ("10.0.0.5", Target("10.0.0.5")),
        ("[FD00:0::5]", Target("fd00::5")),
        ("[fd00::5]:80", Target("fd00::5", 80)),
    ],
)
def test_a_target_is_parsed(value: str, target: Target) -> None:
    assert parse_target(value, "--allow-target") == target
    assert parse_target(str(target), "--allow-target") == target


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("http://db/x", "write db:80."),
        ("https://db.internal/x?y", "write db.internal:443."),
        ("https://db.internal:8443", "write db.internal:8443."),
        ("tcp://[::1]:5432", "write [::1]:5432."),
        ("postgres://user:secret@db:5432/x", "write db:5432."),
        ("fd00::5", "write [fd00::5], with :PORT"),
        ("db:", "write db."),
        ("db:0", "write it as"),
        ("db:65536", "write it as"),
        ("*.internal", "write it as"),
        ("a b", "write it as"),
        ("", "write it as"),
    ],
)
def test_a_bad_target_is_a_configuration_error_that_says_what_to_write(value: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_target(value, "--allow-target")
    assert str(caught.value).startswith(f"--allow-target {value!a} is not HOST or HOST:PORT: ")
    assert advice in str(caught.value)


@pytest.mark.parametrize("option", ["allow_net", "deny_net", "allow_target"])
def test_a_policy_names_the_option_whose_value_cannot_be_used(option: str) -> None:
    with pytest.raises(ConfigError, match="^--" + option.replace("_", "-")):
        target_policy(**{option: ["a b"]})


def test_a_policy_is_built_from_the_values_of_its_options() -> None:
    assert target_policy(["10.0.0.0/8"], ["::1"], ["db:1"]) == TargetPolicy(
        (ip_network("10.0.0.0/8"),), (ip_network(ip_address("::1")),), frozenset({Target("db", 1)})
    )
