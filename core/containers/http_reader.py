"""Plain pooled GETs of URLs that the guard allows, tried again where that can help."""

import hashlib
import ssl
import threading
import time
from base64 import b64encode
from collections import OrderedDict
from typing import cast

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from core.containers.answers import OK, PASSING, TOO_LARGE, Answer
from core.containers.budget import budget_of
from core.containers.connections import default_tls, hide_secrets_in_logs, pinned_pool
from core.containers.guard import Guard, Location, Origin
from core.containers.listing import MAX_IMAGE_BYTES
from core.containers.patience import Patience, seconds_of
from core.errors import StorageTrouble

# Servers to which connections are kept.
_SERVERS = 64
_PIECE = 1 << 20
# An error's body is read to keep the connection, where it is no longer than this.
_DRAINED = 1 << 16


class _DamagedBody(Exception):
    """The body is not what the server's own headers promise."""


class _Trouble(msgspec.Struct, frozen=True):
    """Why a try brought no answer that can be used, and how long the server asked to wait."""

    what: str
    retry_after: float | None = None


class HttpReader:
    """Reads URLs over kept connections. Make it in the process that uses it; threads share it."""

    def __init__(
        self,
        guard: Guard,
        *,
        patience: Patience | None = None,
        max_bytes: int = MAX_IMAGE_BYTES,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        hide_secrets_in_logs()
        self._guard = guard
        self._patience = patience or Patience()
        self._max_bytes = max_bytes
        self._tls = tls or default_tls()
        self._pools: OrderedDict[Origin, urllib3.HTTPConnectionPool] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def get(
        self, location: Location, *, etag: str | None = None, patience: Patience | None = None
    ) -> Answer:
        """The answer to a GET of this URL; with `etag`, only if the blob still has it (else 412).

        `patience`: another than the reader's, for this one. Raises UrlNotAllowed, ContainerError
        (no such host), and StorageTrouble when no try brought an answer that can be used.
        """
        patience = patience or self._patience
        give_up = time.monotonic() + patience.total_seconds
        trouble = "it is too busy"
        for tries in range(1, patience.tries + 1):
            answer = self._turn(location, etag, give_up)
            if isinstance(answer, Answer):
                return answer
            if answer is None:
                break
            trouble = answer.what
            if not self._may_try_again(patience, tries, answer.retry_after, give_up):
                break
        raise StorageTrouble(
            f"The host {location.origin.host} gave no answer that can be used, after {tries} "
            f"tries: {trouble}."
        )

    def _turn(
        self, location: Location, etag: str | None, give_up: float
    ) -> Answer | _Trouble | None:
        """One try, as far as the server's budget allows; None where its turn did not come."""
        budget = budget_of(location.origin)
        if not budget.enter(give_up, self._closed):
            return None
        try:
            answer = self._try(location, etag, give_up)
        except (HTTPError, OSError, StorageTrouble, _DamagedBody) as error:
            self._forget(location.origin)
            answer = None
            trouble = _Trouble(type(error).__name__)
        finally:
            budget.leave()
        if answer is not None:
            if answer.status not in PASSING:
                budget.succeeded()
                return answer
            trouble = _Trouble(f"status {answer.status}", answer.retry_after)
        budget.troubled(min(trouble.retry_after or 0.0, self._patience.longest_wait))
        return trouble

    def close(self) -> None:
        """Close all connections, and end all waits."""
        self._closed.set()
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.close()

    def _may_try_again(
        self, patience: Patience, tries: int, retry_after: float | None, give_up: float
    ) -> bool:
        """Wait, and tell whether another try is left."""
        if tries == patience.tries:
            return False
        wait = patience.wait_after(tries, retry_after)
        if time.monotonic() + wait >= give_up:
            return False
        return not self._closed.wait(wait)

    def _try(self, location: Location, etag: str | None, give_up: float) -> Answer:
        headers = {"Host": location.origin.host_header}
        if etag is not None:
            headers["If-Match"] = f'"{etag.strip(chr(34))}"'
        answered = self._pool_of(location.origin).urlopen(
            "GET",
            location.target,
            headers=headers,
            redirect=False,
            retries=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        response = cast("urllib3.HTTPResponse", answered)
        try:
            answer = self._answer(response, give_up)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return answer

    def _answer(self, response: urllib3.HTTPResponse, give_up: float) -> Answer:
        length = response.length_remaining  # None where no length is told, or none that is one
        if response.status != OK:
            if length is not None and length <= _DRAINED:
                response.drain_conn()
            else:
                response.close()
            return Answer(
                response.status,
                code=response.headers.get("x-ms-error-code", ""),
                retry_after=seconds_of(response.headers.get("Retry-After")),
            )
        body = None
        if length is None or length <= self._max_bytes:
            body = _body(response, self._max_bytes, give_up)
            if body == b"" and length is None and not response.chunked:
                # So it looks when the connection broke within the head (http.client of 3.11 takes
                # the end of the stream for the end of the head).
                raise _DamagedBody
        if body is None:
            response.close()
            return Answer(TOO_LARGE)
        return Answer(OK, body)

    def _pool_of(self, origin: Origin) -> urllib3.HTTPConnectionPool:
        with self._lock:
            pool = self._pools.get(origin)
            if pool is not None:
                self._pools.move_to_end(origin)
                return pool
        address = self._guard.address_of(origin)
        made = pinned_pool(origin, address, self._patience, self._tls)
        with self._lock:
            pool = self._pools.setdefault(origin, made)
            oldest = self._pools.popitem(last=False)[1] if len(self._pools) > _SERVERS else None
        if oldest is not None:
            oldest.close()
        return pool

    def _forget(self, origin: Origin) -> None:
        """Look the host up, and check its addresses, anew: it may have moved."""
        with self._lock:
            pool = self._pools.pop(origin, None)
        if pool is not None:
            pool.close()


def _body(response: urllib3.HTTPResponse, cap: int, give_up: float) -> bytes | None:
    """The whole body; None when it is above the cap.

    Raises _DamagedBody, and TimeoutError when it still comes in at `give_up`. urllib3 itself raises
    where a body is shorter than the length that was told.
    """
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > cap:
            return None
        if time.monotonic() > give_up:
            raise TimeoutError("the body took too long")
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    if not _matches_md5(body, response.headers):
        raise _DamagedBody
    return body


def _matches_md5(body: bytes, headers: urllib3.HTTPHeaderDict) -> bool:
    expected = headers.get("Content-MD5") or headers.get("x-ms-blob-content-md5")
    if not expected:
        return True
    return expected == b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
