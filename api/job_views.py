"""Jobs as the API shows them: put together from the storage's records and the live view."""

from datetime import datetime

import msgspec

from core.job_record import shown_request
from core.jobs import AcceptedJob, FinalRecord, Job, JobRequest, JobStatus


class Shown(msgspec.Struct, frozen=True):
    """What `job.json` tells of a job: nothing secret, and a list of images only by its length."""

    request: JobRequest
    images: int | None
    created_at: datetime
    expires_at: datetime
    caller: str
    parent: str | None
    legacy: bool
    fingerprint: str


class JobView(msgspec.Struct, frozen=True):
    """A job as it is shown. `final` is there once it has ended."""

    job: Job
    shown: Shown
    final: FinalRecord | None = None
    #: An earlier submission with the same key made it.
    replayed: bool = False


def shown_job(job: AcceptedJob) -> Shown:
    request = shown_request(job.request)
    return Shown(
        request=msgspec.structs.replace(request, images=None),
        images=None if request.images is None else len(request.images),
        created_at=job.created_at,
        expires_at=job.expires_at,
        caller=job.caller,
        parent=job.parent,
        legacy=job.legacy,
        fingerprint=job.fingerprint,
    )


def new_job(job: AcceptedJob) -> Job:
    """The view of a job that was accepted, where Redis tells none of it yet."""
    return Job(
        id=job.id,
        status=JobStatus.QUEUED,
        model=job.request.model,
        name=job.request.name,
        caller=job.caller,
        parent=job.parent,
        created_at=job.created_at,
        expires_at=job.expires_at,
    )


def ended_job(final: FinalRecord, shown: Shown) -> Job:
    """The view of a job that ended so long ago that only the storage knows it."""
    return Job(
        id=final.id,
        status=final.status,
        model=final.model,
        name=final.name,
        caller=shown.caller,
        parent=shown.parent,
        created_at=final.created_at,
        expires_at=shown.expires_at,
        started_at=final.started_at,
        finished_at=final.finished_at,
        progress=final.progress,
        reason=final.reason,
    )
