"""Who asked, for which host and over what, as a trusted proxy tells it; others are not believed."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from core.config import IpNetwork


class TrustedProxies:
    """Believes the last entry of each X-Forwarded header that comes from one of these networks."""

    def __init__(self, app: WSGIApplication, networks: Sequence[IpNetwork]) -> None:
        self._app = app
        self._behind_proxy = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        # The same few proxies ask again and again.
        self._trusts = lru_cache(1000)(partial(_is_in, networks))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._behind_proxy if self._trusts(environ.get("REMOTE_ADDR", "")) else self._app
        return app(environ, start_response)


def _is_in(networks: Sequence[IpNetwork], peer: str) -> bool:
    address = address_in(peer)
    return address is not None and any(address in network for network in networks)


def trust_proxies(app: Flask, networks: Sequence[IpNetwork]) -> None:
    app.wsgi_app = TrustedProxies(app.wsgi_app, networks)  # type: ignore[method-assign]


def address_in(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; None where it is none. Some proxies tell a port, too, which is left out."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and ("." in host or host.endswith("]")):
        text = host
    try:
        found = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
