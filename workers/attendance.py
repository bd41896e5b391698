"""A worker's presence: beats, tells of children that died, and stays away while a disk is full."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from core.errors import Unavailable
from core.room import NoRoom, check_room
from workers.children import Children
from workers.context import WorkerContext

logger = logging.getLogger(__name__)


class Attendance:
    """Of one worker at one queue. For use from one thread."""

    def __init__(
        self,
        context: WorkerContext,
        served: str,
        children: Children,
        *,
        leave: Callable[[], None],
        come_back: Callable[[], None],
    ) -> None:
        """`served`: what the worker is counted under. `leave` and `come_back`: from its queue."""
        self._context, self._served, self._children = context, served, children
        self._leave, self._come_back = leave, come_back
        self._present = True

    def beat(self) -> None:
        """Say that the worker lives and takes work, if it does."""
        if self._may_work():
            self.tell()

    def look(self) -> None:
        """Between two beats: tell at once of a child that has died."""
        if self._children.dead() and self._present:
            self.tell()

    def end(self) -> None:
        """The worker stops."""
        with suppress(Unavailable):  # its last heartbeat would grow old
            self._context.store.retire(self._served, self._context.worker)

    def tell(self) -> None:
        dead = frozenset(self._children.dead())
        try:
            self._context.store.heartbeat(self._served, self._context.worker, dead)
        except Unavailable as error:
            logger.warning("heartbeat: %s", error)
        else:
            self._children.forget(dead)

    def _may_work(self) -> bool:
        try:
            check_room(self._context.settings)
        except NoRoom as error:
            if self._present:
                logger.error("%s", error)
                self._leave()
                self.end()
            self._present = False
        else:
            if not self._present:
                logger.warning("There is room again; this worker takes work.")
                self._come_back()
            self._present = True
        return self._present


def attendance_at(
    context: WorkerContext, served: str, queue: str, consumer: Any, children: Children
) -> Attendance:
    """Of the worker that has this Celery consumer, at one of its queues."""

    def soon(change: Callable[[str], None]) -> Callable[[], None]:
        # The consumer is not made for threads: it does this itself, in its own.
        return lambda: consumer.call_soon(change, queue)

    return Attendance(
        context,
        served,
        children,
        leave=soon(consumer.cancel_task_queue),
        come_back=soon(consumer.add_task_queue),
    )
