"""gunicorn with threads, told here what to do."""

import logging
import sys
from typing import Any

import msgspec
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from api.connections import CarefulWorker
from api.factory import create_app
from api.shared_counts import forget
from core.config import Settings
from core.errors import JobFolderTrouble, MegaBatchError
from core.key_ring import open_key_ring
from core.keys import only_here
from core.logs import LogFormat, log_formatter

logger = logging.getLogger(__name__)

#: Seconds that running requests get to end after SIGTERM.
_GRACE = 25
# A worker that does not even tick for so long is replaced; threads that serve do not stop the tick.
_TIMEOUT = 60
# By this exit code gunicorn knows that it is of no use to start the worker again.
_CANNOT_START = 3


class ServerOptions(msgspec.Struct, frozen=True):
    """Where to listen, and with how many threads in how many processes."""

    host: str
    port: int
    threads: int
    processes: int

    @property
    def most_large_answers(self) -> int:
        """Of a process at a time: half of the threads stay free for all else."""
        return max(1, self.threads // 2)

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def logger_class(log_format: LogFormat) -> type[Logger]:
    """gunicorn's log, written as ours is: without secrets."""

    class OurLogger(Logger):  # type: ignore[misc]
        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            for handler in self.error_log.handlers:
                handler.setFormatter(log_formatter(log_format))

    return OurLogger


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
            "worker_class": CarefulWorker,
            # It would wait for readers of its own accord, without an end.
            "sendfile": False,
            # It believes no proxy: api/proxies.py sees to them.
            "forwarded_allow_ips": "",
            "graceful_timeout": _GRACE,
            "timeout": _TIMEOUT,
            "logger_class": logger_class(self._settings.log_format),
            "control_socket_disable": True,
            "on_exit": lambda _server: forget(),
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called in each worker process, so that no two of them share a connection."""
        try:
            app = create_app(self._settings, self._options.most_large_answers)
        except MegaBatchError as error:
            logger.critical("%s", error.message)
            sys.exit(_CANNOT_START)
        warn_of_no_keys(self._settings, self._options.host)
        return app


def warn_of_no_keys(settings: Settings, host: str) -> None:
    """Say in the log when the service listens to others and will answer none of them."""
    if only_here(host):
        return
    try:
        empty = open_key_ring(settings, impatient=True).is_empty()
    except JobFolderTrouble:
        return  # each request tells, and the storage may be back by then
    if empty:
        logger.warning(
            "there is no API key yet, so only requests from this machine to 127.0.0.1 are "
            "answered; make one with `megabatch keys create --caller NAME`"
        )
