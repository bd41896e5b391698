"""Which IP addresses are public.

The ranges are written out, since what `ipaddress` calls global has changed between releases of
Python. Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
"""

import ipaddress

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; some clouds' metadata
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# All global unicast addresses of IPv6 lie here; loopback, local and multicast ones do not.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# NAT64 of RFC 6052: how a machine without IPv4 sees public IPv4 addresses.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Where clouds tell a machine its own secrets: never read, whatever is allowed.
# 168.63.129.16 is public in form, and Azure's own. Source: Microsoft Learn, "What is IP address
# 168.63.129.16"; "Azure Instance Metadata Service".
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "168.63.129.16",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)


def unwrapped(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 address stands for, where it does; else the address itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_metadata(address: IpAddress) -> bool:
    return unwrapped(address) in _METADATA


def is_public(address: IpAddress) -> bool:
    """Whether anyone on the internet can reach this address, and it is not a cloud's own."""
    plain = unwrapped(address)
    if plain in _METADATA:
        return False
    if isinstance(plain, ipaddress.IPv4Address):
        return not any(plain in network for network in _NOT_PUBLIC_V4)
    return plain in _PUBLIC_V6 and not any(plain in network for network in _NOT_PUBLIC_V6)
