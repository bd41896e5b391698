"""A job in words: where it stands, what it counted, what to look at."""

from collections.abc import Mapping

from cli.pace import pace
from cli.terminal import printable
from core.containers.listing import VIDEO_SUFFIXES
from core.jobs import Job, JobStatus

#: What is shown of a job that no live worker serves.
WAITING = "waiting for a worker"


def state(job: Job) -> str:
    """The status in a few words, with what holds the job up."""
    if job.terminal:
        return job.status.value
    if job.reason:
        return f"{job.status} ({job.reason})"
    if job.waiting_for_workers:
        return f"{job.status} ({WAITING} that serves {job.model})"
    return job.status.value


def counts(job: Job) -> str:
    """Such as `1,000 of 1,200 images, 3 failed`."""
    progress = job.progress
    if job.status is JobStatus.QUEUED and not progress.images:
        return "listing images"
    more = "" if progress.listing_over or job.terminal else " so far"
    failed = f", {progress.images_failed:,} failed" if progress.images_failed else ""
    return f"{share(job)}{more}{failed}"


def share(job: Job) -> str:
    """How many images of how many: `750 of 3,000 images`."""
    images = job.progress.images
    return f"{job.progress.images_done:,} of {images:,} image{'' if images == 1 else 's'}"


def summary(job: Job) -> list[str]:
    """How a job stands, in a few lines: counts, failures by code, files passed over, why."""
    progress = job.progress
    lines = [", ".join(part for part in (f"{state(job)}: {counts(job)}", pace(job)) if part)]
    if job.priority:
        lines.append(f"priority {job.priority}: its shards go before those of jobs with less")
    if progress.images_kept:
        lines.append(f"taken over from an earlier job: {progress.images_kept:,}")
    if progress.failures:
        lines.append(f"failed images: {tally(progress.failures)}")
    if progress.duplicates:
        lines.append(f"names listed twice and processed once: {progress.duplicates:,}")
    if progress.skipped:
        lines.append(f"files passed over, which are no images: {tally(progress.skipped)}")
    if VIDEO_SUFFIXES & progress.skipped.keys():
        lines.append("Videos are passed over: a job reads still images only.")
    if job.terminal and job.reason:
        lines.append(f"reason: {job.reason}")
    return [printable(line) for line in lines]


def tally(numbers: Mapping[str, int]) -> str:
    """Counts by code or suffix, such as `12 .txt, 3 no suffix`: the most first."""
    most_first = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {name or 'no suffix'}" for name, count in most_first)
