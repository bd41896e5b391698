"""How fast a job goes, and how long it takes yet. Pure.

While a job runs, `take_sample` of `core/lua/common.lua` notes at most every five seconds how many
images its workers have finished, and forgets what is older than two minutes: shards end in lumps,
and workers come and go. The rate lies between the oldest sample that is kept and the newest.
"""

import math

import msgspec

from core.jobs import Job, JobStatus

# Whoever works on a shard tells every 7 seconds how far it is, so that a sample knows of each
# worker what it had done up to 7 seconds before. Between two samples that lie close, that is much.
_SHORTEST_MS = 15_000
# After so long a silence nobody works.
_SILENT_MS = 30_000
_DIGITS = 3


class Sample(msgspec.Struct, frozen=True):
    """How many images were finished at a moment."""

    #: Milliseconds since 1970, by Redis's clock.
    at: int
    images: int


def read_sample(text: str) -> Sample | None:
    """A sample as the scripts write it: `at images`; None for an empty text."""
    if not text:
        return None
    at, _, images = text.partition(" ")
    return Sample(int(at), int(images))


def rate_between(oldest: Sample | None, newest: Sample | None, now: int) -> float | None:
    """Images a second; None while that is not known yet. `now` is Redis's, in milliseconds."""
    if oldest is None or newest is None:
        return None
    if now - newest.at > _SILENT_MS:
        return 0.0
    if newest.at - oldest.at < _SHORTEST_MS:
        return None
    rate = 1000 * (newest.images - oldest.images) / (newest.at - oldest.at)
    return float(f"{rate:.{_DIGITS}g}")


def with_pace(job: Job, rate: float | None) -> Job:
    """The job with its rate and the time it takes yet, where it runs."""
    if job.status is not JobStatus.RUNNING or rate is None:
        return job
    left = None
    if job.progress.listing_over and rate > 0:
        left = math.ceil(max(0, job.progress.images - job.progress.images_done) / rate)
    return msgspec.structs.replace(job, images_per_second=rate, seconds_left=left)
