"""Which URLs may be reached: what keeps a submitted URL from leading into our own network.

A URL is taken apart once, its host is resolved once, every address is checked, and the connection
goes to a checked address. So nothing that a name resolves to later, no second reading of the URL
and no redirect can lead elsewhere.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.config import IpNetwork, Settings
from core.containers.addresses import IpAddress, is_metadata, is_public, unwrapped
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed

#: Name and port to addresses as text; raises socket.gaierror.
Resolver = Callable[[str, int], Iterable[str]]

_HTTPS_PORT = 443
_PORTS = {"https": _HTTPS_PORT, "http": 80}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z", re.ASCII)
# What a C library reads as an address though it is no name: 2130706433, 0x7f.1, 0177.0.0.1.
_NUMERIC = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What getaddrinfo says of a name that does not exist, or has no address.
_NO_SUCH_NAME = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)
)


@dataclass(frozen=True, slots=True)
class Origin:
    """The server of a URL: scheme, host (lower case, punycode, no brackets) and port."""

    scheme: str
    host: str
    port: int

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, repr=False)
class Location:
    """A URL taken apart. `target` is its path and query, and may hold a secret."""

    origin: Origin
    target: str


def resolve_host(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def locate(url: str) -> Location:
    """Take a URL apart, strictly. Raises UrlNotAllowed for what is no plain http(s) URL."""
    if _CONTROL.search(url):
        raise UrlNotAllowed("The URL holds a line end or another control character.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlNotAllowed("The URL cannot be read: its host or port is malformed.") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UrlNotAllowed("The URL must start with https:// and a host.")
    if "@" in parts.netloc:
        raise UrlNotAllowed("The URL names a user before its host; leave that out.")
    origin = Origin(parts.scheme, _plain_host(parts.hostname), port or _PORTS[parts.scheme])
    query = f"?{parts.query}" if parts.query else ""
    return Location(origin, (parts.path or "/") + query)


def _plain_host(host: str) -> str:
    """The host as it is compared and sent: lower case, punycode, no trailing dot."""
    if ":" in host:
        return str(_address(host))
    try:
        plain = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise UrlNotAllowed("The URL's host is not a name that can be looked up.") from error
    if _NUMERIC.match(plain.rpartition(".")[2]):
        return str(_address(plain))
    if not _NAME.match(plain):
        raise UrlNotAllowed("The URL's host is not a name that can be looked up.")
    return plain


def _address(text: str) -> IpAddress:
    try:
        if "%" in text:
            raise ValueError("an address with a zone")
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise UrlNotAllowed(
            "The URL's host is a number that is no plain IP address; use the host's name."
        ) from error


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def host_matches(host: str, patterns: Iterable[str]) -> bool:
    """Whether a plain host is one of these; `*.x` is any name below `x`, and `*` any name."""
    for pattern in patterns:
        plain = pattern.lower().removesuffix(".")
        if plain.startswith("*."):
            if host.endswith(plain[1:]) and len(host) >= len(plain):
                return True
        elif plain in ("*", host):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be reached, and the settings that say so."""

    hosts: tuple[str, ...]
    #: Private addresses: of those hosts, or named themselves.
    ranges: tuple[IpNetwork, ...]
    hosts_setting: str = "MEGABATCH_ALLOWED_HOSTS"
    ranges_setting: str = "MEGABATCH_ALLOWED_PRIVATE_RANGES"


class Guard:
    """Decides which URLs may be reached, by the service's settings."""

    def __init__(
        self,
        settings: Settings,
        resolve: Resolver = resolve_host,
        reach: Reach | None = None,
    ) -> None:
        """`reach`: where it is not that of containers."""
        self._reach = reach or Reach(settings.allowed_hosts, settings.allowed_private_ranges)
        self._resolve = resolve

    def check(self, url: str) -> tuple[Location, str]:
        """The URL taken apart, and the address to connect to.

        Raises UrlNotAllowed; ContainerError when there is no such host; StorageTrouble when names
        cannot be resolved at the moment.
        """
        location = locate(url)
        return location, self.address_of(location.origin)

    def address_of(self, origin: Origin) -> str:
        """The address to connect to for this origin, IPv4 rather than IPv6. Raises like `check`."""
        literal = _literal(origin.host)
        if literal is None:
            self._check_name(origin)
            addresses = self._addresses(origin)
        else:
            addresses = [literal]
        private = all(self._is_private(address) for address in addresses)
        if not private:
            self._check_public(origin, addresses, named=literal is None)
        return str(min(addresses, key=lambda address: address.version))

    def _check_name(self, origin: Origin) -> None:
        reach = self._reach
        if not host_matches(origin.host, reach.hosts):
            raise UrlNotAllowed(
                f"The service may not reach the host {origin.host}. Allowed are: "
                f"{', '.join(reach.hosts)}. To allow another, add it to {reach.hosts_setting}."
            )

    def _addresses(self, origin: Origin) -> list[IpAddress]:
        try:
            found = list(self._resolve(origin.host, origin.port))
            addresses = [ipaddress.ip_address(text) for text in found]
        except socket.gaierror as error:
            raise _unresolved(origin.host, error.errno) from error
        except ValueError as error:  # an address with a zone is never a public one
            raise self._not_public(origin.host) from error
        if not addresses:
            raise _unresolved(origin.host, socket.EAI_NONAME)
        return addresses

    def _is_private(self, address: IpAddress) -> bool:
        """Whether the settings open this address though it may be private."""
        plain = unwrapped(address)
        return not is_metadata(plain) and any(plain in one for one in self._reach.ranges)

    def _check_public(self, origin: Origin, addresses: list[IpAddress], *, named: bool) -> None:
        if not named or not all(self._is_private(a) or is_public(a) for a in addresses):
            raise self._not_public(origin.host)
        if origin.scheme != "https":
            raise UrlNotAllowed(
                "The URL must start with https://. Plain http is only for addresses in "
                f"{self._reach.ranges_setting}."
            )
        if origin.port != _HTTPS_PORT:
            raise UrlNotAllowed(
                f"The URL names port {origin.port}. Ports other than 443 are only for addresses "
                f"in {self._reach.ranges_setting}."
            )

    def _not_public(self, host: str) -> UrlNotAllowed:
        return UrlNotAllowed(
            f"The host {host} is not at a public address that is reached by name. For a private "
            f"endpoint or an emulator, add its range to {self._reach.ranges_setting}."
        )


def _unresolved(host: str, number: int | None) -> ContainerError | StorageTrouble:
    if number in _NO_SUCH_NAME:
        return ContainerError(
            f"There is no host {host}; check how it is spelled.", code="host_not_found"
        )
    return StorageTrouble(f"The host {host} cannot be looked up at the moment; try again later.")
