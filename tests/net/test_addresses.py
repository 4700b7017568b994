"""Tests of address classes: each range with its just-outside neighbours, and every wrapped form."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.net.addresses import AddressClass, canonical, classify, parse_address, unmap, unwrap

PUBLIC, LOOPBACK, PRIVATE = AddressClass.PUBLIC, AddressClass.LOOPBACK, AddressClass.PRIVATE
SHARED, LINK_LOCAL, METADATA = AddressClass.SHARED, AddressClass.LINK_LOCAL, AddressClass.METADATA
RESERVED, TUNNELLED, MULTICAST = AddressClass.RESERVED, AddressClass.TUNNELLED, AddressClass.MULTICAST
DOCUMENTATION, BENCHMARKING = AddressClass.DOCUMENTATION, AddressClass.BENCHMARKING
UNSPECIFIED, BROADCAST = AddressClass.UNSPECIFIED, AddressClass.BROADCAST

CLASSES = [
    ("0.0.0.0", UNSPECIFIED),
    ("0.0.0.1", RESERVED),
    ("0.255.255.255", RESERVED),
    ("1.0.0.0", PUBLIC),
    ("1.1.1.1", PUBLIC),
    ("9.255.255.255", PUBLIC),
    ("10.0.0.0", PRIVATE),
    ("10.255.255.255", PRIVATE),
    ("11.0.0.0", PUBLIC),
    ("100.63.255.255", PUBLIC),
    ("100.64.0.0", SHARED),
    ("100.100.100.199", SHARED),
    ("100.100.100.200", METADATA),
    ("100.100.100.201", SHARED),
    ("100.127.255.255", SHARED),
    ("100.128.0.0", PUBLIC),
    ("126.255.255.255", PUBLIC),
    ("127.0.0.0", LOOPBACK),
    ("127.0.0.1", LOOPBACK),
    ("127.255.255.255", LOOPBACK),
    ("128.0.0.0", PUBLIC),
    ("168.63.129.15", PUBLIC),
    ("168.63.129.16", METADATA),
    ("168.63.129.17", PUBLIC),
    ("169.253.255.255", PUBLIC),
    ("169.254.0.0", LINK_LOCAL),
    ("169.254.0.23", METADATA),
    ("169.254.42.42", METADATA),
    ("169.254.169.253", LINK_LOCAL),
    ("169.254.169.254", METADATA),
    ("169.254.170.2", METADATA),
    ("169.254.170.23", METADATA),
    ("169.254.255.255", LINK_LOCAL),
    ("169.255.0.0", PUBLIC),
    ("172.15.255.255", PUBLIC),
    ("172.16.0.0", PRIVATE),
    ("172.31.255.255", PRIVATE),
    ("172.32.0.0", PUBLIC),
    ("191.255.255.255", PUBLIC),
    ("192.0.0.0", RESERVED),
    ("192.0.0.170", RESERVED),
    ("192.0.0.192", METADATA),
    ("192.0.0.255", RESERVED),
    ("192.0.1.0", PUBLIC),
    ("192.0.2.1", DOCUMENTATION),
    ("192.0.3.0", PUBLIC),
    ("192.88.98.255", PUBLIC),
    ("192.88.99.1", RESERVED),
    ("192.88.100.0", PUBLIC),
    ("192.167.255.255", PUBLIC),
    ("192.168.0.0", PRIVATE),
    ("192.168.255.255", PRIVATE),
    ("192.169.0.0", PUBLIC),
    ("198.17.255.255", PUBLIC),
    ("198.18.0.0", BENCHMARKING),
    ("198.19.255.255", BENCHMARKING),
    ("198.20.0.0", PUBLIC),
    ("198.51.99.255", PUBLIC),
    ("198.51.100.1", DOCUMENTATION),
    ("198.51.101.0", PUBLIC),
    ("203.0.112.255", PUBLIC),
    ("203.0.113.1", DOCUMENTATION),
    ("203.0.114.0", PUBLIC),
    ("223.255.255.255", PUBLIC),
    ("224.0.0.0", MULTICAST),
    ("239.255.255.255", MULTICAST),
    ("240.0.0.0", RESERVED),
    ("255.255.255.254", RESERVED),
    ("255.255.255.255", BROADCAST),
    ("::", UNSPECIFIED),
    ("::1", LOOPBACK),
    ("::2", TUNNELLED),
    ("::127.0.0.1", TUNNELLED),
    ("::8.8.8.8", TUNNELLED),
    ("::1:0:0:0", RESERVED),
    ("::ffff:0:8.8.8.8", TUNNELLED),
    ("::ffff:8.8.8.8", PUBLIC),
    ("::ffff:127.0.0.1", LOOPBACK),
    ("::ffff:7f00:1", LOOPBACK),
    ("::ffff:10.0.0.1", PRIVATE),
    ("::ffff:169.254.169.254", METADATA),
    ("::ffff:0.0.0.0", UNSPECIFIED),
    ("64:ff9a::8.8.8.8", RESERVED),
    ("64:ff9b::8.8.8.8", PUBLIC),
    ("64:ff9b::127.0.0.1", TUNNELLED),
    ("64:ff9b::10.0.0.1", TUNNELLED),
    ("64:ff9b::168.63.129.16", TUNNELLED),
    ("64:ff9b::1:808:808", RESERVED),
    ("64:ff9b:1::8.8.8.8", TUNNELLED),
    ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", TUNNELLED),
    ("64:ff9b:2::8.8.8.8", RESERVED),
    ("100::1", RESERVED),
    ("1fff:ffff::1", RESERVED),
    ("2000::1", PUBLIC),
    ("2001::1", TUNNELLED),
    ("2001:0:ffff:ffff:ffff:ffff:ffff:ffff", TUNNELLED),
    ("2001:1::1", RESERVED),
    ("2001:2::1", BENCHMARKING),
    ("2001:2:1::1", RESERVED),
    ("2001:20::1", RESERVED),
    ("2001:1ff:ffff::1", RESERVED),
    ("2001:200::1", PUBLIC),
    ("2001:4860:4860::8888", PUBLIC),
    ("2001:db7:ffff::1", PUBLIC),
    ("2001:db8::1", DOCUMENTATION),
    ("2001:db9::1", PUBLIC),
    ("2002:808:808::1", TUNNELLED),
    ("2002:7f00:1::1", TUNNELLED),
    ("2003::1", PUBLIC),
    ("3ffe:ffff::1", PUBLIC),
    ("3fff::1", DOCUMENTATION),
    ("3fff:fff:ffff::1", DOCUMENTATION),
    ("3fff:1000::1", PUBLIC),
    ("4000::1", RESERVED),
    ("5f00::1", RESERVED),
    ("fbff:ffff::1", RESERVED),
    ("fc00::1", PRIVATE),
    ("fd00:42::42", METADATA),
    ("fd00:42::43", PRIVATE),
    ("fd00:100::100:200", METADATA),
    ("fd00:a9fe:a9fe::1", METADATA),
    ("fd00:c1::a9fe:a9fe", METADATA),
    ("fd00:ec1:ffff::1", PRIVATE),
    ("fd00:ec2::23", METADATA),
    ("fd00:ec2::254", METADATA),
    ("fd00:ec3::254", PRIVATE),
    ("fd20:ce::253", PRIVATE),
    ("fd20:ce::254", METADATA),
    ("fdff:ffff::1", PRIVATE),
    ("fe00::1", RESERVED),
    ("fe7f:ffff::1", RESERVED),
    ("fe80::1", LINK_LOCAL),
    ("fe80::1%eth0", LINK_LOCAL),
    ("fe80::a9fe:a9fe", METADATA),
    ("fe80::a9fe:a9fe%eth0", METADATA),
    ("febf:ffff::1", LINK_LOCAL),
    ("fec0::1", PRIVATE),
    ("feff:ffff::1", PRIVATE),
    ("ff00::1", MULTICAST),
    ("ff02::1%2", MULTICAST),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MULTICAST),
]


@pytest.mark.parametrize(("address", "expected"), CLASSES, ids=[case[0] for case in CLASSES])
def test_each_range_has_its_class_and_ends_where_the_registry_says(
    address: str, expected: AddressClass
) -> None:
    assert classify(address) is expected


def test_every_class_is_in_the_table() -> None:
    assert {kind for _, kind in CLASSES} == set(AddressClass)


def test_a_parsed_address_is_classified_as_its_text_is() -> None:
    assert classify(IPv4Address("10.0.0.1")) is PRIVATE
    assert classify(IPv6Address("fe80::1%eth0")) is LINK_LOCAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.1",
        "0x7f.1",
        "2130706433",
        "127.0.0.01",
        "127.0.0.1.",
        "[::1]",
        "localhost",
        " 127.0.0.1",
        "\N{ARABIC-INDIC DIGIT ONE}.1.1.1",
    ],
)
def test_what_is_no_strict_literal_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        classify(text)


@pytest.mark.parametrize(
    ("wrapped", "inner"),
    [
        ("::ffff:192.0.2.33", "192.0.2.33"),
        ("::192.0.2.33", "192.0.2.33"),
        ("::ffff:0:192.0.2.33", "192.0.2.33"),
        ("64:ff9b::192.0.2.33", "192.0.2.33"),  # RFC 6052, section 2.4
        ("64:ff9b:1::192.0.2.33", "192.0.2.33"),
        ("2002:c000:221::1", "192.0.2.33"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"),  # the example that everybody gives for Teredo
        ("::ffff:7f00:1%eth0", "127.0.0.1"),
        ("192.0.2.33", "192.0.2.33"),
        ("::", "::"),
        ("::1", "::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("64:ff9b:0:1::a00:1", "64:ff9b:0:1::a00:1"),
    ],
)
def test_unwrap_finds_the_ipv4_address_inside(wrapped: str, inner: str) -> None:
    assert unwrap(ip_address(wrapped)) == ip_address(inner)


def test_unmap_opens_mapped_addresses_only() -> None:
    assert unmap(IPv6Address("::ffff:10.0.0.1")) == IPv4Address("10.0.0.1")
    for text in ("64:ff9b::a00:1", "2002:a00:1::", "::a00:1", "10.0.0.1"):
        assert unmap(ip_address(text)) == ip_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:DB8::A", "2001:db8::a"),
        ("::ffff:127.0.0.1", "::ffff:7f00:1"),
        ("::ffff:0.0.0.1", "::ffff:0:1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_canonical_is_the_same_in_every_python(text: str, expected: str) -> None:
    assert canonical(parse_address(text)) == expected


@given(st.ip_addresses(v=6))
def test_canonical_reads_back_as_the_same_address(address: IPv6Address) -> None:
    assert parse_address(canonical(address)) == address


def _wrapped_forms(inner: int) -> list[IPv6Address]:
    prefixes = ("::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "64:ff9b:1:a::")
    forms = [int(IPv6Address(prefix)) | inner for prefix in prefixes]
    forms.append(int(IPv6Address("2002::1")) | inner << 80)
    forms.append(int(IPv6Address("2001:0:808:808::")) | inner ^ 0xFFFFFFFF)
    return [IPv6Address(form) for form in forms]


REFUSED_IPV4 = [
    address for address, kind in CLASSES if "." in address and ":" not in address and kind is not PUBLIC
]


@pytest.mark.parametrize("text", REFUSED_IPV4)
def test_no_wrapped_form_of_a_listed_address_is_public(text: str) -> None:
    assert all(classify(form) is not PUBLIC for form in _wrapped_forms(int(IPv4Address(text))))


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_an_address_public_or_hides_it(inner: IPv4Address) -> None:
    for form in _wrapped_forms(int(inner)):
        assert unwrap(form) == inner or int(form) <= 1
        assert classify(inner) is PUBLIC or classify(form) is not PUBLIC
        assert classify(inner) is LOOPBACK or classify(form) is not LOOPBACK or int(form) == 1


@given(st.ip_addresses())
def test_a_public_address_is_never_one_that_python_calls_special(address: IPv4Address | IPv6Address) -> None:
    plain = unmap(address)
    if classify(plain) is PUBLIC and plain not in IPv6Network("64:ff9b::/96"):  # reserved to Python
        special = (plain.is_private, plain.is_multicast, plain.is_reserved, plain.is_loopback)
        assert not any(special)
