"""Connections to an address that was checked, which stay connections to the host by name."""

import logging
import ssl
from functools import cache

import urllib3

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


class _HidingFilter(logging.Filter):
    """Takes signatures out of what urllib3 logs of each request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


_HIDING = _HidingFilter()


def hide_secrets_in_logs() -> None:
    """Make urllib3, and what uses it, log no signature, whatever the level and the format."""
    logging.getLogger("urllib3.connectionpool").addFilter(_HIDING)
