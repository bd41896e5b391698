"""How fast a job goes and how long it takes yet, from what was seen of it."""

import time
from collections import deque
from collections.abc import Callable

from core.jobs import Job, JobStatus

#: Seconds of the past that count: shards end in lumps, and workers come and go.
WINDOW = 120.0
#: Seconds that must lie between two looks at a job before its rate is told.
SHORTEST = 2.0

# Up to so many of a unit are told in it; then the next larger one is clearer.
_MOST_SECONDS, _MOST_MINUTES, _MOST_HOURS = 90, 90, 48


class Pace:
    """The rate of one job. For use from one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, job: Job) -> None:
        """Take note of how far the job is now."""
        now, done = self._clock(), job.progress.images_done
        if self._seen and done < self._seen[-1][1]:  # work was lost, and is done again
            self._seen.clear()
        self._seen.append((now, done))
        while len(self._seen) > 1 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Images a second; None while it is not known or nothing is done."""
        if not self._seen:
            return None
        (start, first), (end, last) = self._seen[0], self._seen[-1]
        if end - start < SHORTEST or last == first:
            return None
        return (last - first) / (end - start)

    def words(self, job: Job) -> str:
        """Such as `12.5 images/s, 3 min left`; empty while nothing can be said."""
        rate = self.rate
        if rate is None or job.status is not JobStatus.RUNNING:
            return ""
        speed = f"{rate:.1f} images/s"
        left = job.progress.images - job.progress.images_done
        if not job.progress.listing_over or not left:
            return speed
        return f"{speed}, {duration(left / rate)} left"


def duration(seconds: float) -> str:
    """Such as `40 s`, `12 min`, `3 h 20 min` or `5 days`."""
    if seconds < _MOST_SECONDS:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < _MOST_MINUTES:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < _MOST_HOURS else f"{round(hours / 24)} days"
