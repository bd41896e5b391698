"""The final record of a job: how it ended, and what a merge of it came to."""

from datetime import datetime

import msgspec

from core.job_folder import Plan
from core.job_store import Tally
from core.jobs import (
    AcceptedJob,
    FileKind,
    FinalRecord,
    Job,
    JobRequest,
    JobStatus,
    Progress,
    StoredFile,
    Work,
    utc_now,
)
from core.lease import Lease


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What one merge wrote, and of what."""

    #: The results in the newest version.
    results: StoredFile
    files: dict[FileKind, StoredFile]
    tally: Tally
    shards: int
    plan: Plan
    listing_over: bool
    #: Why it is not whole: files that cannot be read. Empty where they can.
    damage: str = ""


def final_record(
    job: AcceptedJob, lease: Lease, merged: Merged, started_at: datetime | None, work: Work
) -> FinalRecord:
    """The record that ends a job now. `lease`: of its merge, with why it may end early."""
    status, reason = _outcome(job.request, lease, merged)
    return FinalRecord(
        id=job.id,
        status=status,
        model=job.request.model,
        name=job.request.name,
        created_at=job.created_at,
        started_at=started_at,
        finished_at=utc_now(),
        progress=_progress(merged),
        reason=reason,
        results=merged.results.path,
        results_bytes=merged.results.bytes,
        results_digest=merged.results.digest,
        files=merged.files,
        caller=job.caller,
        work=work,
    )


def damaged_record(job: Job) -> FinalRecord:
    """The record that ends a job now of whose own records one cannot be read, ever."""
    return FinalRecord(
        id=job.id,
        status=JobStatus.FAILED,
        model=job.model,
        name=job.name,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=utc_now(),
        progress=job.progress,
        reason=(
            "job_damaged: the record of this job in our storage cannot be read, so that there are "
            "no results. Submit it again."
        ),
        results=None,
        caller=job.caller,
    )


def _progress(merged: Merged) -> Progress:
    return Progress(
        listing_over=merged.listing_over,
        images=merged.plan.images,
        images_done=merged.tally.images,
        images_failed=sum(merged.tally.failures.values()),
        images_kept=merged.tally.kept,
        failures=merged.tally.failures,
        skipped=merged.plan.skipped,
        duplicates=merged.plan.duplicates,
        shards=merged.plan.shards,
        shards_done=merged.shards,
    )


def _outcome(request: JobRequest, lease: Lease, merged: Merged) -> tuple[JobStatus, str | None]:
    if lease.cancelled:
        return JobStatus.CANCELLED, merged.damage or None
    if merged.damage:
        return JobStatus.FAILED, merged.damage
    if lease.reason:
        return JobStatus.FAILED, lease.reason
    tally = merged.tally
    if tally.images == 0:
        return JobStatus.COMPLETED, _no_images(request, merged.plan)
    if tally.images == sum(tally.failures.values()):
        return JobStatus.FAILED, (
            "all_images_failed: no image could be processed; `failures` says why."
        )
    return JobStatus.COMPLETED, None


def _no_images(request: JobRequest, plan: Plan) -> str:
    """What to say of a job that ended without an image."""
    where = f" whose name starts with {request.prefix!r}" if request.prefix else ""
    skipped = sum(plan.skipped.values())
    passed = f" {skipped} other files were passed over." if skipped else ""
    listed = request.images is not None or request.images_url is not None
    what = "the list names" if listed else "the container holds"
    return f"no_images: {what} no image{where}.{passed}"
