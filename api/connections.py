"""gunicorn's worker with threads, kept from waiting for slow clients and repeating what they send.

Written for gunicorn 27, in which 64 clients that stop in the middle stop a worker of 64 threads.
A client that has not sent the whole head of its request costs no thread here, one that sends its
body too slowly, or takes nothing of an answer, holds a thread for so long and no longer.
"""

import errno
import json
import os
import selectors
import socket
import struct
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

from api.body import MAX_BODY_BYTES
from api.errors import PROBLEM_TYPE

#: Seconds that a client has to send a whole head, and then a body.
REQUEST_SECONDS = 20
#: A body gets a second more for each so many bytes that came: 64 kbit/s is slow, but honest.
BYTES_A_SECOND = 8 * 1024
#: Seconds after which a client that has taken nothing more of its answer is dropped.
STALLED_SECONDS = 60

# Longer heads are left to a thread, whose parser knows what it takes. Bytes.
_HEAD = 64 * 1024
_HEAD_ENDS = b"\r\n\r\n"
# What the kernel keeps of an answer beyond what is on its way. With megabytes of it, nobody could
# tell a slow client from one that takes nothing.
_UNSENT = 128 * 1024
# How often the arbiter is told that the worker lives, seconds; it waits for a minute.
_TOLD_EACH = 1.0
# Faults of what the app answers, not of what it was sent.
_OF_OURS = (InvalidResponseHeader, InvalidResponseHeaderName)


class TooSlow(TimeoutError):
    """The client took too long."""

    def __init__(self) -> None:
        # gunicorn closes the connection without a word in the log, as where the client had gone.
        super().__init__(errno.ECONNRESET, "the client is too slow")


class TimedUnreader(SocketUnreader):  # type: ignore[misc]
    """What comes from a socket, as long as it comes quickly enough."""

    def __init__(self, client: socket.socket) -> None:
        super().__init__(client)
        self._came = 0
        self._began = 0.0

    def gather_head(self) -> bool:
        """Take what is there without waiting. True once a thread need not wait for the head.

        The socket must not block.
        """
        if self._has_head():
            return True
        try:
            data = self.sock.recv(self.mxchunk)
        except BlockingIOError:
            return False
        except OSError:
            return True  # the thread will meet it again
        self.buf.seek(0, os.SEEK_END)
        self.buf.write(data)
        return not data or self._has_head()

    def _has_head(self) -> bool:
        held = self.buf.getvalue()
        return _HEAD_ENDS in held or len(held) >= _HEAD

    def begin(self) -> None:
        """From now on time counts."""
        self._came, self._began = 0, time.monotonic()

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes. Raises TooSlow."""
        others = self.sock.gettimeout()  # what gunicorn allows for a rest that nobody read
        left = self._until() - time.monotonic()
        if left <= 0:
            raise TooSlow
        self.sock.settimeout(left if others is None else min(left, others))
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.sock.settimeout(others)
        self._came += len(data)
        return data

    def _until(self) -> float:
        # What is beyond the largest body is read to be thrown away, and earns no more time.
        earned = min(self._came, MAX_BODY_BYTES) / BYTES_A_SECOND
        return self._began + REQUEST_SECONDS + earned


class CarefulWorker(ThreadWorker):  # type: ignore[misc]
    """Gives threads to whole heads only, and answers what is no HTTP with a problem.

    gunicorn's own page repeats the line at fault.
    """

    _told_at = float("-inf")

    def init_process(self) -> None:
        self._keeping = threading.Lock()
        super().init_process()

    def notify(self) -> None:
        """Called several times a request; each time costs a system call."""
        now = time.monotonic()
        if now - self._told_at >= _TOLD_EACH:
            self._told_at = now
            super().notify()

    def enqueue_req(self, conn: Any) -> None:
        """A connection that is new, or may have another request, in the main thread."""
        if not conn.initialized:
            _prepare(conn)
        conn.sock.setblocking(False)
        if conn.parser.unreader.gather_head():
            self.tpool.submit(self.handle, conn).add_done_callback(partial(self._hand_back, conn))
            return
        conn.timeout = time.monotonic() + REQUEST_SECONDS
        self.pending_conns.append(conn)
        ready = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, ready)

    def _hand_back(self, conn: Any, handled: "Future[Any]") -> None:
        """A connection whose request was handled, in the thread that did so.

        Where it is to wait for its next request, it does at once: having the main thread see to
        that, as gunicorn would, costs more than a tenth of what the answer to a poll does.
        """
        with self._keeping:
            if self.alive and _is_to_wait(conn, handled):
                self.finish_request(conn, handled)
                return
        self.method_queue.defer(self.finish_request, conn, handled)

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        if conn.parser.unreader.gather_head():
            super().on_pending_socket_readable(conn, client)

    def handle(self, conn: Any) -> Any:
        """One request, in a thread."""
        conn.parser.unreader.begin()
        kept = super().handle(conn)
        if not kept:
            # This waits for the client, which the main thread must not, as it would otherwise.
            util.close_graceful(conn.sock)
        return kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:  # SO_SNDTIMEO ran out
            self.log.info("an answer was not taken in %d s; its reader goes", STALLED_SECONDS)
            raise TooSlow from None

    def finish_request(self, conn: Any, fs: Any) -> None:
        if conn.sock.fileno() < 0:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def _cap_keepalive(self, deadline: float) -> None:
        """On its way out the worker does not wait for heads either."""
        with self._keeping:  # from now on no thread adds to them
            super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        if not isinstance(exc, ParseException) or isinstance(exc, _OF_OURS):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("malformed request: %s", type(exc).__name__)
        try:
            client.sendall(_malformed(_status_of(exc)))
        except OSError:
            self.log.debug("its sender has gone")


def _is_to_wait(conn: Any, handled: "Future[Any]") -> bool:
    kept = handled.exception() is None and handled.result()
    return bool(kept and not conn.parser.unreader.buf.getvalue())


def _prepare(conn: Any) -> None:
    conn.init()
    conn.parser.unreader = TimedUnreader(conn.sock)
    # Counted anew whenever something was taken; a `timeval`.
    patience = struct.pack("ll", STALLED_SECONDS, 0)
    with suppress(OSError):  # it may have gone already
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)


def _status_of(error: BaseException) -> HTTPStatus:
    if isinstance(error, LimitRequestLine):
        return HTTPStatus.REQUEST_URI_TOO_LONG
    if isinstance(error, LimitRequestHeaders):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return HTTPStatus.BAD_REQUEST


def _malformed(status: HTTPStatus) -> bytes:
    problem = {
        "type": "urn:megabatch:problem:bad_request",
        "title": status.phrase,
        "status": status,
        "detail": "This is not an HTTP request that can be read.",
        "code": "bad_request",
        "errors": [],
    }
    body = json.dumps(problem).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        f"Content-Type: {PROBLEM_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
