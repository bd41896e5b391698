"""Making the Celery app of a worker."""

import os
import secrets
import socket
from functools import cache
from typing import Any

from celery import Celery, signals

from core.config import Settings
from core.logs import LogFormat, set_up_logging
from core.queue import create_celery
from workers.context import LoadDetector, WorkerContext
from workers.life import follow_life
from workers.tasks import define_tasks

#: Carries the worker's id from its main process to its children, which inherit the environment.
_WORKER_ID = "MEGABATCH_WORKER_ID"

#: How long the broker may keep a worker waiting, seconds.
_SOCKET_TIMEOUT = 10


def create_app(
    settings: Settings,
    load_detector: LoadDetector,
    module: str,
    context: type[WorkerContext] = WorkerContext,
) -> Celery:
    """The app that `module` holds; the child processes of a worker import that module too."""
    worker = os.environ.setdefault(_WORKER_ID, _new_worker_id())

    @cache
    def make_context() -> WorkerContext:
        return context(settings, worker, load_detector)

    app = create_celery(settings, socket_timeout=_SOCKET_TIMEOUT)
    app.conf.include = [module]
    _log(settings.log_format, worker)
    define_tasks(make_context)
    follow_life(make_context)
    return app


def _log(log_format: LogFormat, worker: str) -> None:
    def set_up(**_: Any) -> None:
        set_up_logging(log_format, worker=worker)

    # Celery leaves logging to whoever listens, in the main process and in each child. In the main
    # process that is late: it has warned of things before.
    signals.celeryd_init.connect(set_up, weak=False)
    signals.setup_logging.connect(set_up, weak=False)


def _new_worker_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
