"""Connections to an address that was checked, which stay connections to the host by name."""

import logging
import ssl
from collections.abc import Mapping
from functools import cache

import requests
import urllib3
from requests.adapters import HTTPAdapter

from core.containers.guard import Origin
from core.containers.patience import Patience
from core.secrets import redact

# Connections kept to one server: more are closed after use.
_CONNECTIONS = 32


@cache
def default_tls() -> ssl.SSLContext:
    """How certificates are checked: against those that the system trusts, or `SSL_CERT_FILE`.

    Made once a process: reading the certificates takes longer than a request.
    """
    return ssl.create_default_context()


def pinned_pool(
    origin: Origin, address: str, patience: Patience, tls: ssl.SSLContext
) -> urllib3.HTTPConnectionPool:
    """Connections to `address` that are, for TLS, connections to the origin's host."""
    timeout = urllib3.Timeout(connect=patience.connect_seconds, read=patience.read_seconds)
    if origin.scheme == "http":
        return urllib3.HTTPConnectionPool(
            address, origin.port, timeout=timeout, maxsize=_CONNECTIONS
        )
    return urllib3.HTTPSConnectionPool(
        address,
        origin.port,
        timeout=timeout,
        maxsize=_CONNECTIONS,
        ssl_context=tls,
        server_hostname=origin.host,
        assert_hostname=origin.host,
    )


def pinned_session(origin: Origin, pool: urllib3.HTTPConnectionPool) -> requests.Session:
    """A session whose every request goes over `pool`, whatever its URL says.

    Proxies and passwords of the environment are left aside: a proxy would look the host up again.
    """
    session = requests.Session()
    session.trust_env = False
    adapter = _PinnedAdapter(origin, pool)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _PinnedAdapter(HTTPAdapter):
    def __init__(self, origin: Origin, pool: urllib3.HTTPConnectionPool) -> None:
        super().__init__(max_retries=0)
        self._origin = origin
        self._pool = pool

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: tuple[str, str] | str | None = None,
    ) -> urllib3.HTTPConnectionPool:
        request.headers["Host"] = self._origin.host_header
        return self._pool

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """The pool checks certificates by its own TLS context."""

    def close(self) -> None:
        super().close()
        self._pool.close()


class _HidingFilter(logging.Filter):
    """Takes signatures out of what urllib3 logs of each request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


_HIDING = _HidingFilter()


def hide_secrets_in_logs() -> None:
    """Make urllib3, and what uses it, log no signature, whatever the level and the format."""
    logging.getLogger("urllib3.connectionpool").addFilter(_HIDING)
