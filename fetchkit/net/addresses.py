"""Addresses: which class an IP address belongs to, whatever form it is written in.

`ipaddress.is_global` is no judge of where a page may connect: it is True for NAT64 (64:ff9b::7f00:1), for
6to4 (2002:7f00:1::1), for site-local and multicast addresses. So the ranges stand here as one table, from the
IANA special-purpose address registries (RFC 6890), with the cloud services that hand out credentials to
whoever can reach them. The longest matching prefix decides.

A wrapped IPv4 address is judged together with its wrapper:

- mapped (::ffff:a.b.c.d) leaves the machine as plain IPv4, so it has the class of the IPv4 address;
- the well-known NAT64 prefix (64:ff9b::/96) around a PUBLIC address is PUBLIC, because in a network with
  DNS64 (RFC 6147) that is how every IPv4-only site resolves, and the translator reaches nothing that a direct
  connection would not; around anything else it is TUNNELLED;
- every other wrapper (compatible, translated, local NAT64, 6to4, Teredo) is TUNNELLED whatever it carries:
  who ends the tunnel decides where the packet goes, and no site of today is reached that way only.
"""

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = [
    "Address",
    "AddressClass",
    "Network",
    "canonical",
    "classify",
    "parse_address",
    "unmap",
    "unwrap",
]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class AddressClass(Enum):
    """What kind of place an address is; the value reads well before the word "address"."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    SHARED = "carrier-grade NAT"
    LINK_LOCAL = "link-local"
    METADATA = "cloud metadata"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    BROADCAST = "broadcast"
    DOCUMENTATION = "documentation"
    BENCHMARKING = "benchmarking"
    RESERVED = "reserved"
    TUNNELLED = "tunnelled"


_CLASSES = (
    ("0.0.0.0/0", AddressClass.PUBLIC),
    ("0.0.0.0/8", AddressClass.RESERVED),  # RFC 791, section 3.2: this network
    ("0.0.0.0/32", AddressClass.UNSPECIFIED),  # RFC 1122, section 3.2.1.3; Linux connects it to loopback
    ("10.0.0.0/8", AddressClass.PRIVATE),  # RFC 1918
    ("100.64.0.0/10", AddressClass.SHARED),  # RFC 6598
    ("100.100.100.200/32", AddressClass.METADATA),  # Alibaba Cloud
    ("127.0.0.0/8", AddressClass.LOOPBACK),  # RFC 1122, section 3.2.1.3
    ("168.63.129.16/32", AddressClass.METADATA),  # Azure WireServer, in a public range
    ("169.254.0.0/16", AddressClass.LINK_LOCAL),  # RFC 3927
    ("169.254.0.23/32", AddressClass.METADATA),  # Tencent Cloud
    ("169.254.42.42/32", AddressClass.METADATA),  # Scaleway
    ("169.254.169.254/32", AddressClass.METADATA),  # AWS, Google Cloud, Azure, Oracle, OpenStack and others
    ("169.254.170.2/32", AddressClass.METADATA),  # AWS ECS task credentials
    ("169.254.170.23/32", AddressClass.METADATA),  # AWS EKS Pod Identity
    ("172.16.0.0/12", AddressClass.PRIVATE),  # RFC 1918
    ("192.0.0.0/24", AddressClass.RESERVED),  # RFC 6890, section 2.1; its anycast addresses are the site's
    ("192.0.0.192/32", AddressClass.METADATA),  # Oracle Cloud Classic
    ("192.0.2.0/24", AddressClass.DOCUMENTATION),  # RFC 5737
    ("192.88.99.0/24", AddressClass.RESERVED),  # RFC 7526: the 6to4 relay, deprecated
    ("192.168.0.0/16", AddressClass.PRIVATE),  # RFC 1918
    ("198.18.0.0/15", AddressClass.BENCHMARKING),  # RFC 2544
    ("198.51.100.0/24", AddressClass.DOCUMENTATION),  # RFC 5737
    ("203.0.113.0/24", AddressClass.DOCUMENTATION),  # RFC 5737
    ("224.0.0.0/4", AddressClass.MULTICAST),  # RFC 5771
    ("240.0.0.0/4", AddressClass.RESERVED),  # RFC 1112, section 4
    ("255.255.255.255/32", AddressClass.BROADCAST),  # RFC 919, section 7
    ("::/0", AddressClass.RESERVED),  # RFC 4291, section 4: only 2000::/3 is handed out
    ("::/96", AddressClass.TUNNELLED),  # RFC 4291, section 2.5.5.1: IPv4-compatible, deprecated
    ("::/128", AddressClass.UNSPECIFIED),  # RFC 4291, section 2.5.2
    ("::1/128", AddressClass.LOOPBACK),  # RFC 4291, section 2.5.3
    ("::ffff:0:0:0/96", AddressClass.TUNNELLED),  # RFC 2765, section 2.1: IPv4-translated
    ("64:ff9b::/96", AddressClass.TUNNELLED),  # RFC 6052, section 2.1: NAT64, see `classify`
    ("64:ff9b:1::/48", AddressClass.TUNNELLED),  # RFC 8215: NAT64 inside one site
    ("100::/64", AddressClass.RESERVED),  # RFC 6666: discarded
    ("2000::/3", AddressClass.PUBLIC),  # RFC 3587, section 3
    ("2001::/23", AddressClass.RESERVED),  # RFC 2928: protocol assignments, ORCHIDs and the like
    ("2001::/32", AddressClass.TUNNELLED),  # RFC 4380: Teredo
    ("2001:2::/48", AddressClass.BENCHMARKING),  # RFC 5180, section 8
    ("2001:db8::/32", AddressClass.DOCUMENTATION),  # RFC 3849
    ("2002::/16", AddressClass.TUNNELLED),  # RFC 3056: 6to4
    ("3fff::/20", AddressClass.DOCUMENTATION),  # RFC 9637
    ("5f00::/16", AddressClass.RESERVED),  # RFC 9602: segment routing
    ("fc00::/7", AddressClass.PRIVATE),  # RFC 4193
    ("fd00:42::42/128", AddressClass.METADATA),  # Scaleway
    ("fd00:100::100:200/128", AddressClass.METADATA),  # Alibaba Cloud
    ("fd00:a9fe:a9fe::1/128", AddressClass.METADATA),  # Akamai (Linode)
    ("fd00:c1::a9fe:a9fe/128", AddressClass.METADATA),  # Oracle Cloud
    ("fd00:ec2::/32", AddressClass.METADATA),  # AWS: ::254 metadata, ::23 EKS Pod Identity
    ("fd20:ce::254/128", AddressClass.METADATA),  # Google Cloud
    ("fe80::/10", AddressClass.LINK_LOCAL),  # RFC 4291, section 2.5.6
    ("fe80::a9fe:a9fe/128", AddressClass.METADATA),  # OpenStack, Akamai (Linode)
    ("fec0::/10", AddressClass.PRIVATE),  # RFC 3879: site-local, deprecated
    ("ff00::/8", AddressClass.MULTICAST),  # RFC 4291, section 2.7
)


def _longest_first(version: int) -> tuple[tuple[Network, AddressClass], ...]:
    rows = [(ip_network(text), kind) for text, kind in _CLASSES]
    rows = [row for row in rows if row[0].version == version]
    return tuple(sorted(rows, key=lambda row: row[0].prefixlen, reverse=True))


_TABLES = {version: _longest_first(version) for version in (4, 6)}

_NAT64 = IPv6Network("64:ff9b::/96")
_IPV4_BITS = 0xFFFF_FFFF
# Each row: the prefix, how many bits stand to the right of the IPv4 address, and what it is masked with.
_WRAPPERS = (
    (IPv6Network("::ffff:0:0/96"), 0, 0),  # RFC 4291, section 2.5.5.2: mapped
    (IPv6Network("::/96"), 0, 0),  # RFC 4291, section 2.5.5.1: compatible
    (IPv6Network("::ffff:0:0:0/96"), 0, 0),  # RFC 2765, section 2.1: translated
    (_NAT64, 0, 0),  # RFC 6052, section 2.2
    (IPv6Network("64:ff9b:1::/48"), 0, 0),  # RFC 8215: read as the /96 that sites cut out of it
    (IPv6Network("2002::/16"), 80, 0),  # RFC 3056, section 2: 6to4
    (IPv6Network("2001::/32"), 0, _IPV4_BITS),  # RFC 4380, section 4: Teredo's client, its bits inverted
)


def parse_address(text: str) -> Address:
    """Read an address literal: IPv4 as a strict dotted quad, IPv6 without brackets; its scope is dropped.

    Raises:
        ValueError: this is no address literal (`127.1`, `0x7f.1` and `2130706433` are none).
    """
    address = ip_address(text)
    return address if isinstance(address, IPv4Address) else IPv6Address(int(address))


def canonical(address: Address) -> str:
    """Write an address as RFC 5952 and browsers do, the same in every version of Python.

    Python 3.13 began to write mapped addresses with a dotted quad; the URL standard writes them in hex.
    """
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped is None:
        return str(address)
    high, low = divmod(int(mapped), 1 << 16)
    return f"::ffff:{high:x}:{low:x}"


def unmap(address: Address) -> Address:
    """Return the IPv4 address that a mapped address stands for, on the wire too; any other as it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def unwrap(address: Address) -> Address:
    """Return the IPv4 address inside a mapped, compatible, translated, NAT64, 6to4 or Teredo address.

    For Teredo it is the client's. An address that wraps nothing is returned as it is.
    """
    if isinstance(address, IPv4Address) or int(address) <= 1:  # `::` and `::1` only look compatible
        return address
    for network, shift, mask in _WRAPPERS:
        if address in network:
            return IPv4Address(((int(address) >> shift) & _IPV4_BITS) ^ mask)
    return address


def classify(address: str | Address) -> AddressClass:
    """Return the class of an address, judged with what it wraps (see the top of this module).

    Raises:
        ValueError: a text that is no address literal.
    """
    plain = unmap(parse_address(address) if isinstance(address, str) else address)
    if plain in _NAT64 and _class_in_table(unwrap(plain)) is AddressClass.PUBLIC:
        return AddressClass.PUBLIC
    return _class_in_table(plain)


def _class_in_table(address: Address) -> AddressClass:
    return next(kind for network, kind in _TABLES[address.version] if address in network)
