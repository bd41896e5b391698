"""The reaper: compares what should be with what is, and repairs the difference.

It runs in the main process of every control worker; a lock in Redis lets one of them work.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from core.errors import Unavailable
from core.jobs import utc_now
from core.logs import about
from workers.aggregator import settle
from workers.context import WorkerContext
from workers.recovery import count_outputs

logger = logging.getLogger(__name__)

#: Seconds between two rounds, and between two comparisons with the storage.
REAP_EVERY = 5.0
_COMPARE_EVERY = 10.0
_COUNT_EVERY = 60.0
#: Seconds of one round that may go into counting.
_COUNT_FOR = 5.0
#: A submission takes seconds; clocks of machines and of a storage differ by far less than this.
_ABANDONED_AFTER = timedelta(days=1)


class _TimeIsUp(Exception):
    """What is left to count of a job is for the next round."""


class Reaper:
    """Repairs, round after round, until it is stopped."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._compared = self._counted = float("-inf")
        self._to_count: list[str] = []

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(REAP_EVERY):
            try:
                self.round()
            except Unavailable as error:
                logger.warning("reaper: %s", error)
            except Exception:
                # The reaper must outlive every surprise: nobody else would bring jobs back.
                logger.exception("reaper: a round failed")

    def round(self) -> None:
        """Repair once, if no other reaper is at work."""
        live = self._context.store.reap(self._context.worker)
        if live is None:
            return
        now = time.monotonic()
        if now - self._compared >= _COMPARE_EVERY:
            self._compared = now
            for job_id in set(self._context.folder.live_ids()) - set(live):
                self._look_at(job_id, self._bring_back)
        if not self._to_count and now - self._counted >= _COUNT_EVERY:
            self._counted = now
            self._to_count = list(live)
        # Some outputs a round: leases must be looked at in time, however many there are.
        count = partial(self._count, until=now + _COUNT_FOR)
        while self._to_count and time.monotonic() < now + _COUNT_FOR:
            self._look_at(self._to_count.pop(), count)

    def _look_at(self, job_id: str, repair: Callable[[str], None]) -> None:
        try:
            with about(job_id=job_id):
                repair(job_id)
        except Unavailable:
            raise
        except Exception:
            # A job whose files are damaged must not keep the others from being repaired.
            logger.exception("reaper: %s", job_id)

    def _count(self, job_id: str, until: float) -> None:
        """Find the outputs of a job that were not counted, those that there is time for."""
        if self._context.folder.is_cancelled(job_id):
            self._context.store.cancel(job_id)  # Redis may have lost the wish
        if self._context.store.has_planner(job_id):
            return  # which counts them itself

        def look_at_the_clock() -> None:
            if time.monotonic() >= until:
                raise _TimeIsUp

        try:
            count_outputs(self._context, job_id, look_at_the_clock)
        except _TimeIsUp:
            self._to_count.insert(0, job_id)  # behind the others

    def _bring_back(self, job_id: str) -> None:
        """A job that our storage holds as live, and Redis does not."""
        job = self._context.store.get(job_id)
        try:
            final = self._context.folder.read_final(job_id)
        except FileNotFoundError:
            final = None
        if final:
            settle(self._context, final)
        elif job is None or not job.terminal:
            self._restore(job_id)

    def _restore(self, job_id: str) -> None:
        try:
            accepted = self._context.folder.read_job(job_id)
        except FileNotFoundError:
            # Its submission is still under way, or died and was never answered.
            if self._context.folder.abandon(job_id, utc_now() - _ABANDONED_AFTER):
                logger.info("%s: its submission was never ended; it is forgotten", job_id)
            return
        if self._context.store.create(accepted):
            # The planner finds the image lists and shard outputs that stand.
            logger.warning("%s: brought back from our storage", job_id)
