"""How much work a caller may have going on: live jobs, and images that those have to go."""

from api.problems import TooManyLiveJobs, TooManyQueuedImages
from core.config import Settings
from core.job_store import JobStore


def check_room(store: JobStore, settings: Settings, caller: str) -> None:
    """Whether this caller may have one more job. Asked once a new job, before it is accepted.

    Submissions at the same moment do not see each other: a few more than the limit may pass.
    Raises TooManyLiveJobs, TooManyQueuedImages or Unavailable.
    """
    load = store.load_of(caller)
    if load.live_jobs >= settings.live_jobs:
        raise TooManyLiveJobs(
            f"You have {load.live_jobs} jobs that have not ended, and may have "
            f"{settings.live_jobs}. Wait until one ends, cancel one, or ask whoever runs this "
            "service for more (MEGABATCH_LIVE_JOBS)."
        )
    if load.queued_images >= settings.queued_images:
        raise TooManyQueuedImages(
            f"Your jobs have {load.queued_images:,} images to go, and may have "
            f"{settings.queued_images:,}. Wait until some are done, cancel a job, or ask whoever "
            "runs this service for more (MEGABATCH_QUEUED_IMAGES)."
        )
