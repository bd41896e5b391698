"""The child processes of a worker, as its main process sees them: who has died, and a word to all.

Celery starts a child anew when one dies. What it worked on is somebody's to take at once, if only
the job store hears of it.
"""

import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from celery import signals

#: Asks a child to give back what it works on.
_GIVE_BACK = signal.SIGUSR2


class Children:
    """The children of one Celery pool. For use from one thread."""

    def __init__(self, process_ids: Callable[[], Iterable[int]]) -> None:
        """`process_ids` tells those of the children that there are now."""
        self._process_ids = process_ids
        self._seen: set[int] = set()
        self._dead: set[int] = set()

    def dead(self) -> set[int]:
        """Process ids of children that have died, since they were last forgotten."""
        alive = set(self._process_ids())
        # A process id may be given again.
        self._dead = (self._dead | self._seen) - alive
        self._seen = alive
        return self._dead

    def forget(self, dead: Iterable[int]) -> None:
        """The job store knows of these."""
        self._dead -= set(dead)

    def ask_back(self) -> None:
        """Ask every child to give back what it works on."""
        for child in self._process_ids():
            with suppress(ProcessLookupError):
                os.kill(child, _GIVE_BACK)


def pool_children(consumer: Any) -> Children:
    """The children of a Celery worker's consumer."""

    def process_ids() -> list[int]:
        # Once the worker ends, its pool has no processes to tell of.
        running = consumer.pool is not None and consumer.pool._pool is not None
        return consumer.pool.info["processes"] if running else []

    return Children(process_ids)


def hear_the_word(give_back: Callable[[], None]) -> None:
    """Have each child call `give_back` when it is asked to."""

    def ignore(**_: Any) -> None:
        # What a process ignores, its children ignore too, until they are ready to hear it.
        signal.signal(_GIVE_BACK, signal.SIG_IGN)

    def listen(**_: Any) -> None:
        signal.signal(_GIVE_BACK, lambda *_: give_back())

    signals.celeryd_init.connect(ignore, weak=False)
    signals.worker_process_init.connect(listen, weak=False)
