"""Deleting a job that has ended: gone at once, and its files soon after.

The API begins it, the cleaner ends it; every step can be done twice, and by several at a time.
"""

from datetime import datetime

from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import AcceptedJob, FinalRecord, JobRequest
from core.retention import Sweep


def shown_of(folder: JobFolder, final: FinalRecord) -> AcceptedJob:
    """The job that ended so, as it may be shown. Raises FileNotFoundError.

    Where its own record is damaged: what the final record tells, which is enough to keep the job
    for the least time after its end, and to delete it.
    """
    try:
        return folder.read_shown(final.id)
    except ValueError:
        return AcceptedJob(
            id=final.id,
            request=JobRequest(model=final.model, detection_threshold=0.0, name=final.name),
            created_at=final.created_at,
            expires_at=final.finished_at,
            caller=final.caller,
        )


def read_ended(folder: JobFolder, job_id: str) -> tuple[AcceptedJob, FinalRecord | None]:
    """A job that has ended, and its final record; None where that is damaged.

    Raises FileNotFoundError, and ValueError where no record tells whose job it is.
    """
    try:
        final = folder.read_final(job_id)
    except ValueError:
        return folder.read_shown(job_id), None
    return shown_of(folder, final), final


def delete_job(
    folder: JobFolder,
    store: JobStore,
    job: AcceptedJob,
    final: FinalRecord | None,
    now: datetime,
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
