"""A job as the API of 2019 told of it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.jobs import Job, JobStatus, Progress, utc_now

Message = str | dict[str, Any]

#: What that API had for each status, once a request had left its queue.
_STATUS = {
    JobStatus.QUEUED: "running",
    JobStatus.RUNNING: "running",
    # It has begun and goes on only when somebody acts: nothing is to be submitted again.
    JobStatus.PAUSED: "problem",
    JobStatus.CANCELLING: "running",
    JobStatus.MERGING: "running",
    JobStatus.COMPLETED: "completed",
    JobStatus.CANCELLED: "failed",
    JobStatus.FAILED: "failed",
}
_MESSAGES = {
    JobStatus.COMPLETED: "Zero images found in the container or in the list of images.",
    JobStatus.CANCELLING: "The request is being cancelled.",
    JobStatus.CANCELLED: "The request was cancelled.",
    JobStatus.MERGING: "Model inference finished; now aggregating results.",
}
_TIME = "%Y-%m-%d %H:%M:%S"


def request_id(job_id: str) -> str:
    """The id as that API gave it out, a number in a string: all 128 bits of it."""
    return str(int(job_id, 16))


def job_id_of(text: str) -> str | None:
    """The job that a request id means; None where it cannot mean one."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(2**128)):
        return None
    number = int(text)
    return f"{number:032x}" if number < 2**128 and str(number) == text else None


def task(job: Job, urls: Mapping[str, str]) -> dict[str, Any]:
    """The answer to `/task/ID`. `urls`: where the output files of a completed job are."""
    at = (job.finished_at or utc_now()).strftime(_TIME)
    return {
        "uuid": int(job.id, 16),
        "status": _status(job, at, urls),
        "timestamp": at,
        "endpoint": "uri",
    }


def _status(job: Job, at: str, urls: Mapping[str, str]) -> str | dict[str, Any]:
    if job.status is JobStatus.QUEUED and not job.progress.images:
        return "queued"
    return {"request_status": _STATUS[job.status], "time": at, "message": _message(job, urls)}


def _message(job: Job, urls: Mapping[str, str]) -> Message:
    if job.status is JobStatus.COMPLETED and job.progress.images:
        # No shard fails: an image that could not be looked at stands among the failed images.
        return {"num_failed_shards": 0, "output_file_urls": dict(urls)}
    return job.reason or _MESSAGES.get(job.status) or _progress(job.progress)


def _progress(progress: Progress) -> str:
    if not progress.listing_over:
        return f"Listing images; {progress.images} listed so far."
    shards = f"{progress.shards_done} out of {progress.shards} shards finished"
    return f"Last checked at {utc_now().strftime(_TIME)}, {shards}, 0 failed."


def output_names(job: Job, finished_at: datetime) -> dict[str, str]:
    """What the three output files are called; a request without a name has two underscores."""
    start, end = request_id(job.id), f"{job.name}_{finished_at:%Y%m%d%H%M%S}.json"
    return {
        "detections": f"{start}_detections_{end}",
        "failed_images": f"{start}_failed_images_{end}",
        "images": f"{start}_images.json",
    }
