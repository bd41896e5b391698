"""A job as the API of 2019 told of it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.jobs import FinalRecord, Job, JobStatus, Progress, utc_now

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
#: Our names of fields, and those of then.
_FIELDS = {"container_url": "input_container_sas", "images_url": "images_requested_json_sas"}
_MESSAGES = {
    JobStatus.COMPLETED: "Zero images found in the container or in the list of images.",
    JobStatus.CANCELLING: "The request is being cancelled.",
    JobStatus.CANCELLED: "The request was cancelled; its caller's key gives what was finished.",
    JobStatus.MERGING: "Model inference finished; now aggregating results.",
}
_WHAT_HELPS = (
    "Nothing is lost, so do not submit the request again: contact the operator of the service, who "
    "gives it a fresh SAS of the same container."
)
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


def is_whole(final: FinalRecord) -> bool:
    """Whether every image of the request stands in the files of a job that has ended, among the
    failed images at least: that API called such a job `completed`, even where none succeeded.
    """
    progress = final.progress
    if final.results is None or not progress.images:
        return False
    all_done = progress.listing_over and progress.images_done == progress.images
    return final.status is JobStatus.COMPLETED or (final.status is JobStatus.FAILED and all_done)


def in_words_of_then(text: str) -> str:
    """A message with the fields named as that API named them."""
    for ours, theirs in _FIELDS.items():
        text = text.replace(ours, theirs)
    return text


def task(job: Job, urls: Mapping[str, str]) -> dict[str, Any]:
    """The answer to `/task/ID`. `urls`: where the output files of a job that `is_whole` are."""
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
    word = "completed" if urls else _STATUS[job.status]
    return {"request_status": word, "time": at, "message": _message(job, urls)}


def _message(job: Job, urls: Mapping[str, str]) -> Message:
    if urls:
        # No shard fails: an image that could not be looked at stands among the failed images.
        return {"num_failed_shards": 0, "output_file_urls": dict(urls)}
    if job.status is JobStatus.PAUSED:
        return f"{in_words_of_then(job.reason or '')} {_WHAT_HELPS}".strip()
    told = in_words_of_then(job.reason or "") or _MESSAGES.get(job.status)
    return told or _progress(job.progress) + _waiting(job)


def _waiting(job: Job) -> str:
    if not job.waiting_for_workers:
        return ""
    return f" The request waits for a worker: none runs the model {job.model} now."


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
