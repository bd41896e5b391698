"""What a worker's main process does beside its children's work: heartbeats and repairs."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import signals

from core.messages import CONTROL_QUEUE, detection_queue
from workers.attendance import Attendance, attendance_at
from workers.children import Children, hear_the_word, pool_children
from workers.cleaner import Cleaner
from workers.context import WorkerContext
from workers.courier import open_courier
from workers.reaper import Reaper

logger = logging.getLogger(__name__)

#: Seconds between heartbeats; a worker counts as live for 20 s after one.
BEAT_EVERY = 5.0
#: Seconds between two looks at the children.
_LOOK_EVERY = 0.5


def follow_life(make_context: Callable[[], WorkerContext]) -> None:
    """Beat and reap from when a worker's main process is ready until it shuts down.

    When it is asked to stop, its children are asked to give back what they work on.
    """
    stop = threading.Event()
    threads: list[threading.Thread] = []
    asked: list[Children] = []

    def ready(sender: Any, **_: Any) -> None:
        context = make_context()
        for queue in sender.app.amqp.queues.consume_from:
            children = pool_children(sender)
            asked.append(children)
            attendance = attendance_at(context, served_by(queue), queue, sender, children)
            threads.append(_start("heartbeat", _attend, attendance, stop))
            if queue == CONTROL_QUEUE:
                threads.append(_start("reaper", Reaper(context).run, stop))
                threads.append(_start("cleaner", Cleaner(context).run, stop))
                threads.append(_start("courier", open_courier(context).run, stop))

    def shutting_down(**_: Any) -> None:
        stop.set()
        for children in asked:
            children.ask_back()

    def shut_down(**_: Any) -> None:
        for thread in threads:
            thread.join(timeout=2)

    hear_the_word(lambda: make_context().leave())
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


def _attend(attendance: Attendance, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            _attend_once(attendance, stop)
        except Exception:
            # The heartbeat must outlive every surprise: without it the worker works on, and is
            # never counted as live again.
            logger.exception("heartbeat: a beat failed")
            stop.wait(BEAT_EVERY)
    attendance.end()


def _attend_once(attendance: Attendance, stop: threading.Event) -> None:
    attendance.beat()
    until = time.monotonic() + BEAT_EVERY
    while time.monotonic() < until and not stop.wait(_LOOK_EVERY):
        attendance.look()
