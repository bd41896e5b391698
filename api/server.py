"""gunicorn with threads, told here what to do, and kept from repeating what it was sent."""

import json
import logging
import sys
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

from api.errors import PROBLEM_TYPE
from api.factory import create_app
from core.config import Settings
from core.errors import MegaBatchError
from core.secrets import RedactingFormatter

logger = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Seconds that running requests get to end after SIGTERM.
_GRACE = 25
# A worker that does not even tick for so long is replaced; threads that serve do not stop the tick.
_TIMEOUT = 60
# By this exit code gunicorn knows that it is of no use to start the worker again.
_CANNOT_START = 3
# Faults of what the app answers, not of what it was sent.
_OF_OURS = (InvalidResponseHeader, InvalidResponseHeaderName)


class ServerOptions(msgspec.Struct, frozen=True):
    """Where to listen, and with how many threads in how many processes."""

    host: str
    port: int
    threads: int
    processes: int

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class RedactingLogger(Logger):  # type: ignore[misc]
    """gunicorn's log without secrets."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(RedactingFormatter(LOG_FORMAT))


class DiscreetWorker(ThreadWorker):  # type: ignore[misc]
    """Answers what is no HTTP with a problem; gunicorn's own page repeats the line at fault."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        if not isinstance(exc, ParseException) or isinstance(exc, _OF_OURS):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("malformed request: %s", type(exc).__name__)
        try:
            client.sendall(_malformed(_status_of(exc)))
        except OSError:
            self.log.debug("its sender has gone")


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


class ApiServer(BaseApplication):  # type: ignore[misc]
    """gunicorn without its own command line and configuration files."""

    def __init__(self, settings: Settings, options: ServerOptions) -> None:
        self._settings = settings
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": self._options.address,
            "workers": self._options.processes,
            "threads": self._options.threads,
            "worker_class": DiscreetWorker,
            "graceful_timeout": _GRACE,
            "timeout": _TIMEOUT,
            "logger_class": RedactingLogger,
            "control_socket_disable": True,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called in each worker process, so that no two of them share a connection."""
        try:
            return create_app(self._settings)
        except MegaBatchError as error:
            logger.critical("%s", error.message)
            sys.exit(_CANNOT_START)
