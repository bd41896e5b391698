"""What a worker's main process does beside its children's work: heartbeats, reaping, logs."""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

from celery import signals

from core.errors import Unavailable
from core.messages import CONTROL_QUEUE, detection_queue
from core.secrets import RedactingFormatter
from workers.context import WorkerContext
from workers.reaper import Reaper

logger = logging.getLogger(__name__)

#: Seconds between heartbeats; a worker counts as live for 20 s after one.
BEAT_EVERY = 5.0


def follow_life(make_context: Callable[[], WorkerContext]) -> None:
    """Beat and reap from when a worker's main process is ready until it shuts down."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def ready(sender: Any, **_: Any) -> None:
        context = make_context()
        for queue in sender.app.amqp.queues.consume_from:
            threads.append(_start("heartbeat", _beat, context, served_by(queue), stop))
            if queue == CONTROL_QUEUE:
                threads.append(_start("reaper", Reaper(context).run, stop))

    def shutting_down(**_: Any) -> None:
        stop.set()

    def shut_down(**_: Any) -> None:
        for thread in threads:
            thread.join(timeout=2)

    signals.setup_logging.connect(set_up_logging, weak=False)
    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(shutting_down, weak=False)
    signals.worker_shutdown.connect(shut_down, weak=False)


def served_by(queue: str) -> str:
    """What the workers of a queue are counted under: a model's name, or `control`."""
    return queue.removeprefix(detection_queue(""))


def set_up_logging(loglevel: int | str | None = None, **_: Any) -> None:
    """Log lines to standard error, with every secret cut out of them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Celery tells of every task, the SDK of every request: both too much at a million images.
    for name in ("celery.worker.strategy", "celery.app.trace", "azure"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _start(name: str, work: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
    thread.start()
    return thread


def _beat(context: WorkerContext, served: str, stop: threading.Event) -> None:
    while True:
        try:
            context.store.heartbeat(served, context.worker)
        except Unavailable as error:
            logger.warning("heartbeat: %s", error)
        if stop.wait(BEAT_EVERY):
            break
    with contextlib.suppress(Unavailable):  # its last heartbeat would grow old
        context.store.retire(served, context.worker)
