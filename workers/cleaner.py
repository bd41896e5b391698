"""The cleaner: deletes what is no longer kept, and tells Redis of the jobs that have ended.

It runs in the main process of every control worker; a lock in Redis lets one of them work. It may
die at any point, and two may do the same: whoever comes next finds in our storage what is left.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from core.deletion import bury, delete_job, live_child, read_ended
from core.errors import Unavailable
from core.jobs import utc_now
from core.retention import Due, Sweep
from workers.context import WorkerContext
from workers.restoring import restore_ended_jobs

logger = logging.getLogger(__name__)

#: Seconds between two rounds.
CLEAN_EVERY = 30.0
# The lock outlives the longest step, deleting a thousand files in a slow storage; seconds.
_HELD_FOR = 120.0
_HOLD_EVERY = 10.0


class TurnOver(Exception):
    """Another cleaner is at work, or this one is to stop."""


class Cleaner:
    """Cleans, round after round, until it is stopped."""

    def __init__(self, context: WorkerContext, clock: Callable[[], datetime] = utc_now) -> None:
        """`clock` says what is due."""
        self._context = context
        self._clock = clock
        self._held = float("-inf")
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        self._stop = stop
        while not stop.is_set():
            try:
                self.round()
            except Unavailable as error:
                logger.warning("cleaner: %s", error)
            except Exception:
                # The cleaner must outlive every surprise: nobody else would clean.
                logger.exception("cleaner: a round failed")
            stop.wait(CLEAN_EVERY)

    def round(self) -> None:
        """Clean once, if no other cleaner is at work."""
        self._held = float("-inf")
        retention = self._context.folder.retention
        try:
            self._go_on()
            # First, for people miss their jobs.
            restore_ended_jobs(self._context, self._go_on)
            for due in retention.due(self._clock()):
                self._look_at(due.job_id, partial(self._do, due))
            for sweep in retention.sweeps():
                self._look_at(sweep.job_id, partial(self._sweep, sweep))
            self._hold(0)
        except TurnOver:
            return

    def _go_on(self) -> None:
        """Raises TurnOver when this cleaner is not to work, or no longer."""
        now = time.monotonic()
        if now - self._held >= _HOLD_EVERY:
            self._hold(_HELD_FOR)
            self._held = now
        if self._stop.is_set():
            self._hold(0)
            raise TurnOver

    def _hold(self, seconds: float) -> None:
        if not self._context.store.hold("cleaner", self._context.worker, seconds):
            raise TurnOver

    def _look_at(self, job_id: str, clean: Callable[[], None]) -> None:
        self._go_on()
        try:
            clean()
        except (TurnOver, Unavailable):
            raise
        except Exception:
            # A job whose files are damaged must not keep others from being cleaned.
            logger.exception("cleaner: %s", job_id)

    def _do(self, due: Due) -> None:
        folder = self._context.folder
        if due.what == "parts":
            self._step_by_step(folder.sweep_shard_outputs(due.job_id))
        elif due.what == "expiring":
            self._context.store.emit(due.job_id, "job.expiring")
        elif due.what == "job":
            if not self._delete(due.job_id):
                return  # looked at again in the next round
        elif due.what == "gone":
            # Somebody slow may have written after the sweep.
            self._step_by_step(folder.sweep_job(due.job_id))
            folder.retention.forget(due.job_id)
        folder.retention.done(due)

    def _delete(self, job_id: str) -> bool:
        """Delete a job whose time is over. False when it is still needed."""
        folder, store = self._context.folder, self._context.store
        if live_child(folder, job_id):
            return False
        try:
            job, final = read_ended(folder, job_id)
        except FileNotFoundError:
            return True  # deleted already
        delete_job(folder, store, job, final, self._clock())
        logger.info("%s: its time is over; it is deleted", job_id)
        return True

    def _sweep(self, sweep: Sweep) -> None:
        folder = self._context.folder
        bury(folder, self._context.store, sweep)
        if live_child(folder, sweep.job_id):
            return  # one that came while the deletion began
        self._step_by_step(folder.sweep_job(sweep.job_id))
        folder.retention.end_sweep(sweep)
        logger.info("%s: all that it owned is deleted", sweep.job_id)

    def _step_by_step(self, steps: Iterator[None]) -> None:
        for _ in steps:
            self._go_on()
