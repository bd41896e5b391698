import ipaddress
import socket
from collections.abc import Callable

import pytest

from core.config import Settings
from core.containers.guard import Guard, Origin, host_matches, locate
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed

PUBLIC = "20.60.1.2"
CANARY = "sig=CaNaRy"
GOOD_HOST = "acct.blob.core.windows.net"


def guard(
    *ranges: str,
    hosts: tuple[str, ...] = ("*.blob.core.windows.net",),
    addresses: tuple[str, ...] = (PUBLIC,),
) -> Guard:
    """A guard for which every name has these addresses."""
    settings = Settings(
        allowed_hosts=hosts,
        allowed_private_ranges=tuple(ipaddress.ip_network(text) for text in ranges),
    )
    return Guard(settings, lambda host, port: addresses)


HOSTILE = [
    # other schemes, and no scheme
    "file:///etc/passwd",
    "gopher://acct.blob.core.windows.net/x",
    "ftp://acct.blob.core.windows.net/x",
    "dict://acct.blob.core.windows.net:11211/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "jar:https://acct.blob.core.windows.net/c!/x",
    "//acct.blob.core.windows.net/c",
    "acct.blob.core.windows.net/c",
    "https:/acct.blob.core.windows.net/c",
    "https:///c",
    "https://",
    "",
    # plain http to a public place
    "http://acct.blob.core.windows.net/c",
    "http://acct.blob.core.windows.net:443/c",
    # this machine and its networks, by number
    "https://127.0.0.1/c",
    "https://127.1/c",
    "https://0/c",
    "https://0.0.0.0/c",
    "https://2130706433/c",
    "https://0x7f000001/c",
    "https://0x7f.0.0.1/c",
    "https://0x7f.1/c",
    "https://0177.0.0.1/c",
    "https://017700000001/c",
    "https://127.0.0.1./c",
    "https://127。0。0。1/c",
    "https://①②⑦.0.0.1/c",
    "https://10.0.0.1/c",
    "https://172.16.0.1/c",
    "https://192.168.0.1/c",
    "https://100.64.0.1/c",
    "https://169.254.169.254/metadata/instance",
    "https://168.63.129.16/machine",
    "https://255.255.255.255/c",
    "https://224.0.0.1/c",
    "https://[::1]/c",
    "https://[::]/c",
    "https://[::ffff:127.0.0.1]/c",
    "https://[::ffff:7f00:1]/c",
    "https://[::127.0.0.1]/c",
    "https://[fd00::1]/c",
    "https://[fe80::1]/c",
    "https://[fe80::1%25eth0]/c",
    "https://[fd00:ec2::254]/latest",
    "https://[2002:7f00:1::]/c",
    "https://[64:ff9b::7f00:1]/c",
    "https://[ff02::1]/c",
    # a public address by number is none of ours either
    "https://20.60.1.2/c",
    "https://[2603:1030::1]/c",
    # names of others
    "https://localhost/c",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://evil.com/c",
    "https://evil.com/?acct.blob.core.windows.net",
    "https://evil.com#acct.blob.core.windows.net",
    "https://acct.blob.core.windows.net.evil.com/c",
    "https://acctblob.core.windows.net.evil.com/c",
    "https://evilblob.core.windows.net/c",
    "https://blob.core.windows.net/c",
    "https://.blob.core.windows.net/c",
    "https://acct..blob.core.windows.net/c",
    "https://-.blob.core.windows.net/c",
    "https://acct.blob.core.windows.net../c",
    "https://\u0430cct.blob.core.wind\u043ews.net/c",  # Cyrillic a and o
    # user info, and what some readers take for it
    "https://acct.blob.core.windows.net@evil.com/c",
    "https://acct.blob.core.windows.net:443@evil.com/c",
    "https://user:pass@acct.blob.core.windows.net/c",
    "https://@acct.blob.core.windows.net/c",
    "https://evil.com\\@acct.blob.core.windows.net/c",
    "https://evil.com\\.blob.core.windows.net/c",
    "https://evil.com%2f.blob.core.windows.net/c",
    "https://evil.com%00.blob.core.windows.net/c",
    "https://evil.com;.blob.core.windows.net/c",
    "https://evil.com,.blob.core.windows.net/c",
    "https://evil com.blob.core.windows.net/c",
    "https://[evil.com].blob.core.windows.net/c",
    "https://[acct.blob.core.windows.net]/c",
    # ports
    "https://acct.blob.core.windows.net:80/c",
    "https://acct.blob.core.windows.net:22/c",
    "https://acct.blob.core.windows.net:6379/c",
    "https://acct.blob.core.windows.net:99999/c",
    "https://acct.blob.core.windows.net:-1/c",
    "https://acct.blob.core.windows.net:x/c",
    # line ends and control characters
    "https://acct.blob.core.windows.net/c\r\nHost: evil.com",
    "https://acct.blob.core.windows.net/c\nX: y",
    "https://acct.blob.core.windows.net\t.evil.com/c",
    "https://acct.blob.core.windows.net/\0",
    "\x01https://acct.blob.core.windows.net/c",
    "ht\ntps://acct.blob.core.windows.net/c",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_urls_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UrlNotAllowed) as caught:
        guard().check(f"{url}?{CANARY}" if "#" not in url else url)
    assert CANARY not in caught.value.message


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        (f"https://{GOOD_HOST}/c?{CANARY}", GOOD_HOST, f"/c?{CANARY}"),
        (f"https://{GOOD_HOST}:443/c", GOOD_HOST, "/c"),
        (f"HTTPS://{GOOD_HOST.upper()}./C", GOOD_HOST, "/C"),
        (f"https://{GOOD_HOST}", GOOD_HOST, "/"),
        (f"https://{GOOD_HOST}//c//a%2Fb#frag", GOOD_HOST, "//c//a%2Fb"),
        (f"https://{GOOD_HOST}?a=b@c:d/e", GOOD_HOST, "/?a=b@c:d/e"),
        (f"https://a.z12.{GOOD_HOST}/c", f"a.z12.{GOOD_HOST}", "/c"),
        ("https://bücher.blob.core.windows.net/c", "xn--bcher-kva.blob.core.windows.net", "/c"),
        (
            "https://xn--bcher-kva.blob.core.windows.net/c",
            "xn--bcher-kva.blob.core.windows.net",
            "/c",
        ),
        ("https://acct。blob.core.windows.net/c", GOOD_HOST, "/c"),
    ],
)
def test_good_urls_lead_to_the_checked_address(url: str, host: str, target: str) -> None:
    location, address = guard().check(url)
    assert location.origin == Origin("https", host, 443)
    assert (location.target, address) == (target, PUBLIC)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "a.0x", "1.2.3.4.5"]
)
def test_numbers_that_a_resolver_may_read_as_addresses_are_no_names(host: str) -> None:
    with pytest.raises(UrlNotAllowed, match="no plain IP address"):
        guard(hosts=(host,)).check(f"https://{host}/c")


def test_an_address_with_a_zone_is_refused_within_an_allowed_range() -> None:
    guard("fd00::/8").check("http://[fd00::1]/c")
    with pytest.raises(UrlNotAllowed):
        guard("fd00::/8").check("http://[fd00::1%25eth0]/c")


NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.255",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::168.63.129.16",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:1414:1414::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12::1",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_names_with_an_address_that_is_not_public_are_refused(address: str) -> None:
    for addresses in ((address,), (PUBLIC, address), (address, PUBLIC)):
        with pytest.raises(UrlNotAllowed, match="MEGABATCH_ALLOWED_PRIVATE_RANGES") as caught:
            guard(addresses=addresses).check(f"https://{GOOD_HOST}/c?{CANARY}")
        assert address not in caught.value.message


@pytest.mark.parametrize(
    "address", ["20.60.1.2", "8.8.8.8", "2603:1030::1", "::ffff:20.60.1.2", "64:ff9b::20.60.1.2"]
)
def test_public_addresses_are_reached(address: str) -> None:
    reached = guard(addresses=(address,)).check(f"https://{GOOD_HOST}/c")[1]
    assert ipaddress.ip_address(reached) == ipaddress.ip_address(address)


def test_ipv4_is_taken_before_ipv6() -> None:
    both = guard(addresses=("2603:1030::1", PUBLIC))
    assert both.check(f"https://{GOOD_HOST}/c")[1] == PUBLIC


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("http://127.0.0.1:10000/devstoreaccount1/c", ()),
        ("https://127.0.0.1:10000/devstoreaccount1/c", ()),
        ("http://azurite:10000/devstoreaccount1/c", ("127.0.0.5",)),
        (f"https://{GOOD_HOST}/c", ("10.1.0.4",)),
        (f"http://{GOOD_HOST}:8080/c", ("::ffff:10.1.0.4",)),
        ("http://[fd00::1]:10000/c", ()),
    ],
)
def test_allowed_private_ranges_open_http_and_ports(url: str, addresses: tuple[str, ...]) -> None:
    opened = guard(
        "127.0.0.0/8",
        "10.1.0.0/16",
        "fd00::/16",
        hosts=("azurite", "*.blob.core.windows.net"),
        addresses=addresses,
    )
    opened.check(url)


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("http://127.0.0.1:10000/c", ("127.0.0.1",)),  # not in a range
        ("http://10.2.0.1/c", ()),
        ("http://other:10000/c", ("10.1.0.4",)),  # in a range, but not an allowed host
        (f"http://{GOOD_HOST}/c", ("10.1.0.4", PUBLIC)),  # one address of two in a range
        (f"https://{GOOD_HOST}:8443/c", ("10.1.0.4", PUBLIC)),
        (f"https://{GOOD_HOST}/c", ("10.1.0.4", "10.2.0.1")),
    ],
)
def test_allowed_private_ranges_open_nothing_else(url: str, addresses: tuple[str, ...]) -> None:
    with pytest.raises(UrlNotAllowed):
        guard("10.1.0.0/16", addresses=addresses).check(url)


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "fd00:ec2::254"])
def test_metadata_of_clouds_is_never_read(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    everything = guard("0.0.0.0/0", "::/0", addresses=(address,))
    for url in (f"http://{host}/c", f"https://{GOOD_HOST}/c"):
        with pytest.raises(UrlNotAllowed):
            everything.check(url)


def test_a_name_is_resolved_once_and_only_when_allowed() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]  # a name that is bound anew

    rebinding = Guard(Settings(), resolve)
    assert rebinding.check(f"https://{GOOD_HOST}/c")[1] == PUBLIC
    assert asked == [GOOD_HOST]
    with pytest.raises(UrlNotAllowed):
        rebinding.check("https://evil.com/c")
    assert asked == [GOOD_HOST]


@pytest.mark.parametrize(
    ("url", "setting"),
    [
        ("https://evil.com/c", "MEGABATCH_ALLOWED_HOSTS"),
        ("https://10.0.0.1/c", "MEGABATCH_ALLOWED_PRIVATE_RANGES"),
        (f"http://{GOOD_HOST}/c", "MEGABATCH_ALLOWED_PRIVATE_RANGES"),
        (f"https://{GOOD_HOST}:8443/c", "MEGABATCH_ALLOWED_PRIVATE_RANGES"),
    ],
)
def test_a_refusal_names_the_setting(url: str, setting: str) -> None:
    with pytest.raises(UrlNotAllowed, match=setting):
        guard().check(url)


def failing(number: int) -> Callable[[str, int], list[str]]:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(number, "no")

    return resolve


def test_a_host_that_is_not_there_and_a_resolver_that_is_not() -> None:
    with pytest.raises(ContainerError, match="how it is spelled") as caught:
        Guard(Settings(), failing(socket.EAI_NONAME)).check(f"https://{GOOD_HOST}/c")
    assert caught.value.code == "host_not_found"
    with pytest.raises(ContainerError):
        guard(addresses=()).check(f"https://{GOOD_HOST}/c")
    with pytest.raises(StorageTrouble):
        Guard(Settings(), failing(socket.EAI_AGAIN)).check(f"https://{GOOD_HOST}/c")


def test_the_systems_resolver_is_asked() -> None:
    loopback = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    settings = Settings(allowed_hosts=("localhost",), allowed_private_ranges=loopback)
    assert Guard(settings).check("http://localhost:1/c")[1] in ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("host", "pattern", "matches"),
    [
        ("a.x.net", "*.x.net", True),
        ("a.b.x.net", "*.X.net.", True),
        ("x.net", "*.x.net", False),
        ("ax.net", "*.x.net", False),
        ("x.net", "x.net", True),
        ("x.net", "X.NET.", True),
        ("a.x.net", "x.net", False),
        ("anything", "*", True),
        ("a.x.net", "*net", False),
        ("a.x.net", "a.*.net", False),
    ],
)
def test_host_matches(host: str, pattern: str, matches: bool) -> None:
    assert host_matches(host, ["other", pattern]) is matches
    assert host_matches(host, []) is False


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://a.net/", "a.net"),
        ("https://a.net:8443/", "a.net:8443"),
        ("http://a.net:80/", "a.net"),
        ("http://[fd00::1]:8080/", "[fd00::1]:8080"),
    ],
)
def test_host_header(url: str, header: str) -> None:
    assert locate(url).origin.host_header == header


def test_a_location_hides_its_query() -> None:
    assert CANARY not in repr(locate(f"https://{GOOD_HOST}/c?{CANARY}"))
