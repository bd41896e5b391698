"""One POST to a webhook: to an address that was checked, bounded in time and in what is read."""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from core.containers.connections import default_tls
from core.containers.guard import Guard, Location
from core.containers.opening import within
from core.containers.patience import seconds_of
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed

#: Why there was no answer. `timeout` may also be that of looking the host up.
Trouble = Literal["not_allowed", "host_not_found", "timeout", "tls", "connection", "bad_answer"]

# In this order, for some are kinds of others.
_WORDS: Mapping[type[Exception], Trouble] = {
    UrlNotAllowed: "not_allowed",
    ContainerError: "host_not_found",
    StorageTrouble: "timeout",
    TimeoutError: "timeout",
    ssl.SSLError: "tls",
    http.client.RemoteDisconnected: "connection",
    http.client.HTTPException: "bad_answer",
    OSError: "connection",
}
_TROUBLES = tuple(_WORDS)

#: For everything from looking the host up to the head of the answer.
SECONDS = 15.0
#: So much of an answer is read at most; its body is nobody's business.
_MOST_READ = 4096
# What stands in a path and query as it is; anything else is quoted.
_PLAIN = "%/:?#[]@!$&'()*+,;=~-._"


class Posted(msgspec.Struct, frozen=True):
    """What became of a POST: the status of the answer, or why there was none."""

    status: int | None = None
    error: Trouble | None = None
    #: What the receiver asks for, seconds.
    retry_after: float | None = None


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    guard: Guard,
    *,
    tls: ssl.SSLContext | None = None,
    seconds: float = SECONDS,
) -> Posted:
    """POST `body` to this URL, once. A redirect is an answer like others. Never raises for what the
    receiver does.
    """
    deadline = _Deadline(seconds)
    try:
        location, address = _checked(url, guard, deadline)
        connection = _Connection(location, address, tls or default_tls(), deadline)
        return _answer(connection, location, body, headers)
    except _TROUBLES as error:
        return Posted(error=_trouble(error))


def _trouble(error: Exception) -> Trouble:
    return next(word for kind, word in _WORDS.items() if isinstance(error, kind))


def _checked(url: str, guard: Guard, deadline: "_Deadline") -> tuple[Location, str]:
    """Looks the host up within the time that is left; raises like `Guard.check`."""
    found: list[tuple[Location, str]] = []
    within(deadline.left(), lambda: found.append(guard.check(url)))
    return found[0]


def _answer(
    connection: "_Connection", location: Location, body: bytes, headers: Mapping[str, str]
) -> Posted:
    all_headers = {
        "Host": location.origin.host_header,
        "Content-Type": "application/json",
        "User-Agent": "MegaBatch",
        "Connection": "close",
        **headers,
    }
    try:
        connection.request("POST", quote(location.target, safe=_PLAIN), body, all_headers)
        response = http.client.HTTPResponse(connection.bounded())
        response.begin()
    finally:
        connection.close()
    retry_after = seconds_of(response.headers.get("Retry-After"))
    return Posted(response.status, retry_after=retry_after)


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; raises TimeoutError when none is left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Connection(http.client.HTTPConnection):
    """To an address that was checked; for TLS and in its `Host`, to the host by name."""

    def __init__(
        self, location: Location, address: str, tls: ssl.SSLContext, deadline: _Deadline
    ) -> None:
        super().__init__(location.origin.host, location.origin.port)
        self._origin, self._address = location.origin, address
        self._tls, self._deadline = tls, deadline

    def connect(self) -> None:
        where = (self._address, self._origin.port)
        plain = socket.create_connection(where, timeout=self._deadline.left())
        self.sock = plain
        if self._origin.scheme == "https":
            plain.settimeout(self._deadline.left())
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._origin.host)
        self.sock.settimeout(self._deadline.left())

    def bounded(self) -> socket.socket:
        """What an answer may be read from."""
        return _Readable(self.sock, self._deadline)  # type: ignore[return-value]  # all it needs


class _Readable:
    """As much of a socket as an HTTPResponse uses."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._stream = _Bounded(sock, deadline)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._stream, _MOST_READ)


class _Bounded(io.RawIOBase):
    """Ends after 4 kB, and breaks off at the deadline however slowly bytes come in."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock, self._deadline = sock, deadline
        self._left = _MOST_READ

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left]
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(view) if view else 0
        self._left -= count
        return count
