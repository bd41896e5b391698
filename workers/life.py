"""What a worker's main process does beside its children's work: heartbeats and repairs."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from celery import signals

from core.errors import Unavailable
from core.messages import CONTROL_QUEUE, detection_queue
from workers.cleaner import Cleaner
from workers.context import WorkerContext
from workers.courier import open_courier
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
                threads.append(_start("cleaner", Cleaner(context).run, stop))
                threads.append(_start("courier", open_courier(context).run, stop))

    def shutting_down(**_: Any) -> None:
        stop.set()

    def shut_down(**_: Any) -> None:
        for thread in threads:
            thread.join(timeout=2)

    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(shutting_down, weak=False)
    signals.worker_shutdown.connect(shut_down, weak=False)


def served_by(queue: str) -> str:
    """What the workers of a queue are counted under: a model's name, or `control`."""
    return queue.removeprefix(detection_queue(""))


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
