"""Deleting a job that has ended: gone at once, and its files soon after.

The API begins it, the cleaner ends it; every step can be done twice, and by several at a time.
"""

from datetime import datetime

from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import AcceptedJob, FinalRecord
from core.retention import Sweep


def delete_job(
    folder: JobFolder, store: JobStore, job: AcceptedJob, final: FinalRecord, now: datetime
) -> None:
    """Once this has begun, the deletion is ended whatever happens; from its return on the job is
    gone for everybody.
    """
    bury(folder, store, folder.retention.begin_sweep(job, final, now))


def bury(folder: JobFolder, store: JobStore, sweep: Sweep) -> None:
    """What is done at once: whoever asks is told that the job is gone, and no secret is left."""
    folder.retention.bury(sweep)
    folder.forget_secrets(sweep.job_id)
    store.remove(sweep.job_id, sweep.tombstone.caller)


def live_child(folder: JobFolder, job_id: str) -> str | None:
    """Id of a job that tries this one's images again, needs its files, and has not ended."""
    return next((child for child in folder.children(job_id) if folder.is_live(child)), None)
