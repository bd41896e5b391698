"""Azure's own library over connections to an address that was checked."""

from collections.abc import Mapping

import requests
import urllib3
from requests.adapters import HTTPAdapter

from core.containers.guard import Origin


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
