"""How a command that waited for a job ends: its summary, its results file, its exit code."""

from pathlib import Path
from typing import NoReturn

import click

from cli import exit_codes
from cli.client import Client, ServedJob
from cli.progress import watch
from cli.service import advised, print_json
from cli.summary import share, summary
from cli.terminal import say, say_warning
from core.errors import JobNotFound
from core.failures import OF_THE_FILE, FailureCode
from core.jobs import FileKind, JobStatus, utc_now


def wait_for(
    client: Client, job_id: str, target: Path | None, *, answered: bool, as_json: bool
) -> NoReturn:
    """Wait for the job's end, fetch its results if asked to, and exit with what it means.

    `answered` tells that the service has answered before, and so deserves patience.
    """
    try:
        job = watch(client, job_id, answered=answered)
    except KeyboardInterrupt:
        output = ("-o", target) if target else ()
        say(f"The job goes on. Wait for it again with {advised('wait', job_id, *output)}.")
        raise
    for line in summary(job):
        say(line)
    _fetch(client, job, target)
    _advise(job)
    if as_json:
        print_json(job)
    click.get_current_context().exit(exit_codes.of_job(job))


def _fetch(client: Client, job: ServedJob, target: Path | None) -> None:
    if target is None:
        say(f"Get the results file with {advised('results', job.id)}.")
        return
    try:
        download(client, job, target)
    except JobNotFound as error:  # a job that failed at once leaves no results file
        say(error.message)


def download(
    client: Client, job: ServedJob, target: Path, kind: FileKind = FileKind.RESULTS
) -> None:
    """Write a file of a job, and say how much of the job it holds."""
    size = client.download(job.id, target, kind, job.digest(kind))
    say(f"{target}: {size:,} bytes, {_content(job, kind)}")


def _content(job: ServedJob, kind: FileKind) -> str:
    if kind is not FileKind.FAILED_IMAGES:
        return share(job)
    count = job.progress.images_failed
    return f"{count:,} failed image{'' if count == 1 else 's'}"


def _advise(job: ServedJob) -> None:
    """What a person should look at, or do next."""
    if job.status is JobStatus.COMPLETED and not job.progress.images:
        say_warning("the job found no images, so its results are empty. Check what it was given.")
    if job.terminal and job.progress.images_failed:
        say(_advice_on_failures(job))


def _advice_on_failures(job: ServedJob) -> str:
    """How to try failed images again, and whether that helps."""
    fresh_url = ["-"] if _sas_is_over(job) else []
    again = advised("retry-failed", job.id, *fresh_url)
    failed = job.progress.failures.keys()
    if not failed <= OF_THE_FILE:
        return f"Try the failed images again with {again}."
    if FailureCode.TRUNCATED in failed and job.asked_for.get("truncated_images") != "accept":
        padded = advised("retry-failed", job.id, *fresh_url, "--truncated-images", "accept")
        return f"Take what there is of images that were cut off with {padded}."
    return f"The files themselves are at fault. With better ones in their place, use {again}."


def _sas_is_over(job: ServedJob) -> bool:
    return job.sas_expires_at is not None and job.sas_expires_at <= utc_now()
